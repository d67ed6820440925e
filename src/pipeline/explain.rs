//! A transaction of the trace in the helpdesk's words: which of the fixed sentences in `wire::report::explain` it is.

use crate::{
    base::{clock::UnixMs, ids::Id},
    pipeline::plain_reason::PlainReason,
    store::trace::{BlockList, BlockedBy},
    wire::{
        date,
        report::{
            Language,
            explain::{self, Asked, Cause, Outcome},
        },
        smtp::replies,
        words::Words,
    },
};
use serde::Deserialize;
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
    let words = Words::of(language);
    let cause = cause(story, (last, outcome), &own, &reason);
    let said = match cause {
        Cause::Blocked | Cause::BlockedByRecipient => line_said(line_of(&own).as_ref(), words),
        Cause::Nothing
        | Cause::Content
        | Cause::Unproven
        | Cause::Judged
        | Cause::NoSuchRecipient
        | Cause::Server
        | Cause::NextServer => reason.to_others(words),
    };
    let asked = Asked {
        id: Id::parse(text(story, "id")).ok()?,
        sender: text(story, "sender"),
        recipient,
        at: UnixMs(story.get("at_ms").and_then(Value::as_u64).unwrap_or(0)),
        outcome,
        cause,
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
        "trapped" => Outcome::Unread,
        "taken-back" | "deleted" if has("refused") => Outcome::Refused,
        "deleted" => Outcome::Deleted,
        "held" | "taken-back" => Outcome::Held,
        "deferred" if !has("queued") => Outcome::Deferred,
        "refused" => Outcome::Refused,
        "bounced" | "failed" => Outcome::Returned,
        _ => Outcome::Waiting,
    }
}

/// Does what is explained name a line of this recipient's own list? That is for the recipient: whom a mailbox blocks is its owner's business.
pub fn names_own_list(story: &Value, recipient: &str) -> bool {
    let rows = story.get("recipients").and_then(Value::as_array).into_iter().flatten();
    let own: Vec<&Value> =
        rows.filter(|row| text(row, "recipient").eq_ignore_ascii_case(recipient)).collect();
    line_of(&own).is_some_and(|line| line.list == BlockList::Own)
}

/// The line of a block list that a recipient's rows name.
fn line_of(own: &[&Value]) -> Option<BlockedBy> {
    own.iter().find_map(|row| BlockedBy::deserialize(row.get("blocked_by")?).ok())
}

/// Which line of which list, whose that is, who put it there and when, as far as it is known.
fn line_said(line: Option<&BlockedBy>, words: &Words) -> String {
    let Some(line) = line else { return words.say("blocked.on-some", &[]) };
    let key = match line.list {
        BlockList::Site => "blocked.on-site",
        BlockList::Organisation => "blocked.on-organisation",
        BlockList::File => "blocked.on-file",
        BlockList::Own => "blocked.on-own",
    };
    let number = line.line.to_string();
    let values = [("entry", line.entry.as_str()), ("name", &line.name), ("line", &number)];
    let mut said = vec![words.say(key, &values)];
    let day: String = date::write_iso(UnixMs(line.since_ms)).chars().take(10).collect();
    match (line.since_ms, line.by.as_str()) {
        (0, _) => (),
        (_, "") => said.push(words.say("blocked.put-on", &[("day", &day)])),
        (_, by) => said.push(words.say("blocked.put-by", &[("by", by), ("day", &day)])),
    }
    if line.gone {
        said.push(words.say("blocked.taken-out", &[]));
    }
    said.join(" ")
}

/// By what decided; without a decision, by the reply.
fn cause(
    story: &Value,
    (last, outcome): (&Value, Outcome),
    own: &[&Value],
    reason: &PlainReason,
) -> Cause {
    let next_hop = text(last, "next_hop");
    let is_elsewhere = !matches!(next_hop, "" | "quarantine" | "spool");
    // What was held and has been delivered since was held by us, wherever it is now.
    if is_elsewhere && outcome != Outcome::Released {
        return Cause::NextServer;
    }
    match line_of(own).map(|line| line.list) {
        Some(BlockList::Own) => return Cause::BlockedByRecipient,
        Some(BlockList::Site | BlockList::Organisation | BlockList::File) => return Cause::Blocked,
        None => (),
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
    // What was refused before the trace named the line.
    if said.contains(replies::BLOCKED.text.as_ref()) {
        return Cause::Blocked;
    }
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

    #[test]
    fn a_line_of_a_block_list_is_named_with_whoever_put_it_there() {
        let since = 1_800_000_000_000_u64;
        let row = |status: &str, line: Value| {
            json!([{
                "recipient": "b@ours.example", "status": status, "blocked_by": line,
                "said": "550 5.7.1 mail from this sender is not taken for this recipient (id X)",
            }])
        };
        let site = json!({ "list": "site", "entry": "bad.example" });
        let acme = json!({ "list": "organisation", "name": "acme", "entry": ".bad.example", "by": "eva", "since_ms": since });
        let file = json!({ "list": "file", "name": "feed", "line": 7, "entry": "192.0.2.0/24", "gone": true });
        for (line, want) in [
            (site, "bad.example is on the block list of this mail gateway.\n"),
            (
                acme,
                ".bad.example is on the block list of acme. It was put there by eva on 2027-01-15.\n",
            ),
            (file, "on the list feed (line 7), whose senders are refused here. It has been taken"),
            (Value::Null, "The sender is on a block list here.\n"),
        ] {
            let told = told("", "", &row("refused", line));
            assert!(told.contains(want), "{want}: {told}");
            assert!(told.contains("take that line off the list or to allow the sender"), "{told}");
        }
        let own = json!({ "list": "own", "name": "b@ours.example", "entry": "bad.example", "since_ms": since });
        let held = told("quarantine", "policy", &row("held", own.clone()));
        assert!(
            held.contains(
                "on the recipient's own block list. It has stood there since 2027-01-15."
            ),
            "{held}"
        );
        assert!(held.contains("take the sender off that list"), "{held}");
        let story = json!({ "recipients": row("held", own) });
        assert!(
            names_own_list(&story, "B@ours.example") && !names_own_list(&story, "c@ours.example")
        );
    }
}
