//! A transaction of the trace in the helpdesk's words: which of the fixed sentences in `wire::report::explain` it is.

use crate::{
    base::{clock::UnixMs, ids::Id},
    pipeline::plain_reason::PlainReason,
    wire::{
        report::{
            Language,
            explain::{self, Asked, Cause, Outcome},
        },
        words::Words,
    },
};
use serde_json::Value;

/// What became of a mail for one recipient, or for the first one; `story` is a row as the trace shows it. None: there is no such recipient.
pub fn explain(story: &Value, recipient: Option<&str>, language: Language) -> Option<String> {
    let rows = story.get("recipients")?.as_array()?;
    let first = rows.first().map(|row| text(row, "recipient"));
    let recipient = recipient.or(first)?;
    let own: Vec<&Value> =
        rows.iter().filter(|row| text(row, "recipient").eq_ignore_ascii_case(recipient)).collect();
    let last = own.last()?;
    let outcome = outcome(last, &own);
    let reason = PlainReason::of_story(story);
    let said = reason.to_others(Words::of(language));
    let asked = Asked {
        id: Id::parse(text(story, "id")).ok()?,
        sender: text(story, "sender"),
        recipient,
        at: UnixMs(story.get("at_ms").and_then(Value::as_u64).unwrap_or(0)),
        outcome,
        cause: cause(story, last, &reason),
        reason: &said,
    };
    Some(explain::explain(&asked, language))
}

fn outcome(last: &Value, all: &[&Value]) -> Outcome {
    let has = |status: &str| all.iter().any(|row| text(row, "status") == status);
    let was_released = has("released");
    match text(last, "status") {
        "delivered" | "relayed" | "expanded" if was_released => Outcome::Released,
        "delivered" | "relayed" | "expanded" => Outcome::Delivered,
        "dropped" => Outcome::Dropped,
        "taken-back" | "deleted" if has("refused") => Outcome::Refused,
        "deleted" => Outcome::Deleted,
        "held" | "taken-back" => Outcome::Held,
        "deferred" if !has("queued") => Outcome::Deferred,
        "refused" => Outcome::Refused,
        "bounced" | "failed" => Outcome::Returned,
        _ => Outcome::Waiting,
    }
}

/// By what decided; without a decision, by the reply.
fn cause(story: &Value, last: &Value, reason: &PlainReason) -> Cause {
    let next_hop = text(last, "next_hop");
    if !next_hop.is_empty() && next_hop != "quarantine" && next_hop != "spool" {
        return Cause::NextServer;
    }
    match (text(story, "decided_by"), text(story, "action")) {
        (_, "") => by_reply(text(last, "said")),
        ("", _) => Cause::Nothing,
        (_, _) if reason.is_about_content() => Cause::Content,
        (_, _) if reason.is_about_proof() => Cause::Unproven,
        (_, _) => Cause::Judged,
    }
}

/// RFC 3463 section 3: the second and third number say what it is about.
fn by_reply(said: &str) -> Cause {
    let enhanced = said.split_whitespace().nth(1).unwrap_or_default();
    match enhanced.split_once('.').map(|(_, about)| about) {
        Some("1.1" | "1.2" | "1.3" | "1.6" | "1.10") => Cause::NoSuchRecipient,
        Some("1.7" | "1.8" | "7.23" | "7.25" | "7.27") => Cause::Unproven,
        Some(about) if about.starts_with("7.") => Cause::Server,
        Some(_) | None => Cause::Nothing,
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(action: &str, category: &str, rows: &Value) -> String {
        let story = json!({
            "id": "01K9ZQ4T6X8M4V0R2S5W7Y9ABC", "at_ms": 1, "sender": "a@shop.example", "action": action,
            "decided_by": "test.finding", "findings": [{ "id": "test.finding", "category": category }], "recipients": rows,
        });
        explain(&story, None, Language::En).unwrap_or_default()
    }

    #[test]
    fn a_story_is_told_by_its_end_and_by_what_decided() {
        let row = |status: &str, next_hop: &str, said: &str| json!({ "recipient": "b@ours.example", "status": status, "next_hop": next_hop, "said": said });
        let held = || row("held", "quarantine", "");
        for (action, category, rows, want) in [
            ("reject", "virus", json!([row("refused", "", "550 5.7.1 x")]), "something harmful"),
            ("quarantine", "phish", json!([held()]), "attempt to trick"),
            (
                "deliver",
                "spam",
                json!([row("delivered", "mx [192.0.2.5]:25", "250 ok")]),
                "folder for spam",
            ),
            (
                "deliver",
                "spam",
                json!([row("refused", "mx [192.0.2.5]:25", "550 no")]),
                "own mail server did not",
            ),
            (
                "quarantine",
                "spam",
                json!([held(), row("released", "", ""), row("delivered", "mx", "250")]),
                "delivered since",
            ),
            (
                "quarantine",
                "phish",
                json!([held(), row("released", "", ""), row("taken-back", "", "")]),
                "attempt to trick",
            ),
            ("quarantine", "spam", json!([held(), row("deleted", "", "")]), "deleted since"),
            ("quarantine", "spam", json!([held(), row("released", "", "")]), "on its way"),
            (
                "quarantine",
                "spam",
                json!([held(), row("released", "", ""), row("dropped", "spool", "")]),
                "removed it from the queue",
            ),
            (
                "reject",
                "virus",
                json!([
                    row("refused", "", "550 5.7.1 x"),
                    row("released", "", ""),
                    row("taken-back", "", "")
                ]),
                "something harmful",
            ),
            ("", "", json!([row("refused", "", "550 5.1.1 no such user")]), "no such recipient"),
            ("", "", json!([row("refused", "", "550 5.7.1 refused")]), "not accepted here"),
            ("", "", json!([row("deferred", "", "450 4.7.1 later")]), "asked to try again"),
            ("deliver", "spam", json!([row("queued", "mx", "250")]), "on its way"),
        ] {
            let told = told(action, category, &rows);
            assert!(told.contains(want), "{want}: {told}");
        }
        assert_eq!(told("", "", &json!([])), "", "nobody to tell of");
    }
}
