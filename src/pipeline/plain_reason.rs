//! Why a mail was held or refused, in one plain sentence that is the same wherever it is said: in a digest and on the own page, in the reply
//! to the sender's server, on the page behind the code in that reply, and in what the helpdesk copies.
//!
//! The sentence follows from the finding that decided. It is a sentence of the catalogue, or the one that an administrator wrote into a rule.
//! No name of a check and no score: whoever learns those writes round them.

use crate::{
    checks::Finding, config::policy::Category, store::held::Held, verdict::Verdict,
    wire::words::Words,
};
use serde_json::Value;
use std::borrow::Cow;

/// The finding that a mixed mail is held by which would have been refused: it hides the one that decided.
const MIXED: &str = "mixed.rejected";

/// Findings whose own sentence is said.
const SAY_MORE: [&str; 3] = ["rule.", "departure.", "personal.refused"];

/// Sentences that would let somebody think that a mail is a nuisance and no more. They are not said of one that only staff lets go.
const HARMLESS: [&str; 4] = ["reason.spam", "reason.bulk", "reason.listed", "reason.other"];

/// The worst of what makes a mail dangerous: staff looks at such a one first, whoever asks. None: its recipient may have it.
pub fn danger(categories: &[Category]) -> Option<Category> {
    Category::ALL.into_iter().find(|one| one.is_dangerous() && categories.contains(one))
}

/// The finding that a held mail is held by. One that is held since others of its recipients had it refused for them is held by what refused.
pub fn decider(held: &Held) -> &str {
    if held.why == MIXED { heaviest(&held.findings) } else { held.why.as_str() }
}

/// A reason: a key of the catalogue, or a sentence of the house's own. [`Words::say`] gives back as it is what is no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainReason(Cow<'static, str>);

impl PlainReason {
    /// Of a mail that was held, or refused and kept.
    pub fn of_held(held: &Held) -> PlainReason {
        let why = decider(held);
        let category =
            category_in(&held.findings, why).or_else(|| held.categories.first().copied());
        PlainReason::of(why, (category, danger(&held.categories)), &held.reason)
    }

    /// Of a mail that is being decided about.
    pub fn of_verdict(verdict: &Verdict, findings: &[Finding]) -> PlainReason {
        let decider = findings.iter().find(|finding| finding.id == verdict.decided_by);
        let category = decider.map(|finding| finding.category);
        let category = category.or_else(|| verdict.categories.first().copied());
        let categories = (category, danger(&verdict.categories));
        PlainReason::of(&verdict.decided_by, categories, &verdict.reason)
    }

    /// Of a mail in the trace.
    pub fn of_story(story: &Value) -> PlainReason {
        let text = |field: &str| story.get(field).and_then(Value::as_str).unwrap_or_default();
        let findings = story.get("findings").unwrap_or(&Value::Null);
        let category = category_in(findings, text("decided_by"));
        let categories = (category, danger(&speaking(findings)));
        PlainReason::of(text("decided_by"), categories, text("reason"))
    }

    /// By what decided, whose category is known or not, and the danger that the mail is, whatever decided.
    fn of(
        decided_by: &str,
        (category, danger): (Option<Category>, Option<Category>),
        written: &str,
    ) -> PlainReason {
        // A rule's sentence was written to be read; and our own people hear what of their mail others would refuse, and can mend it.
        let says_more = SAY_MORE.iter().any(|start| decided_by.starts_with(start));
        PlainReason(match says_more && !written.is_empty() {
            true => Cow::Owned(written.to_string()),
            false => Cow::Borrowed(match (key(decided_by, category), danger) {
                (key, Some(danger)) if HARMLESS.contains(&key) => of_category(Some(danger)),
                (key, _) => key,
            }),
        })
    }

    /// To the one whose mailbox it is.
    pub fn to_owner(&self, words: &Words) -> String {
        words.say(&self.0, &[])
    }

    /// To everybody else. Whom a mailbox blocks is its owner's business: to others it is a rule of the house.
    pub fn to_others(&self, words: &Words) -> String {
        match self.0.as_ref() {
            "reason.blocked" => words.say("reason.policy", &[]),
            own => words.say(own, &[]),
        }
    }

    /// What an attachment has to do with it: its sender can send it in another form.
    pub fn is_about_content(&self) -> bool {
        matches!(
            self.0.as_ref(),
            "reason.virus"
                | "reason.attachment"
                | "reason.encrypted"
                | "reason.unchecked"
                | "reason.damaged"
                | "reason.malformed"
        )
    }

    /// It is about who sent it: whoever runs the sender's server can mend it.
    pub fn is_about_proof(&self) -> bool {
        self.0 == "reason.unproven"
    }
}

/// By what decided; where that says too little, by the kind of trouble it is.
fn key(decided_by: &str, category: Option<Category>) -> &'static str {
    let (thing, property) = decided_by.split_once('.').unwrap_or((decided_by, ""));
    match (thing, property) {
        ("recipient", "blocked") => "reason.blocked",
        ("sender", "listed") | ("dns_list" | "listed" | "domain" | "hash", _) => "reason.listed",
        ("lookalike" | "brand" | "from", _) => "reason.lookalike",
        ("dmarc" | "spf" | "dkim" | "author" | "own_domain", _) => "reason.unproven",
        (_, "encrypted") => "reason.encrypted",
        (_, "damaged") => "reason.damaged",
        ("limit" | "scanner" | "unscanned", _) | (_, "unscanned" | "unknown" | "unsupported") => {
            "reason.unchecked"
        }
        ("attachment", _) | ("archive", "only_program") => "reason.attachment",
        ("mime" | "header" | "format", _) => "reason.malformed",
        ("bank" | "money", _) => "reason.money",
        ("personal", _) => "reason.private",
        ("rule", _) => "reason.policy",
        ("bulk" | "newsletter", _) => "reason.bulk",
        _ => of_category(category),
    }
}

fn of_category(category: Option<Category>) -> &'static str {
    match category {
        Some(Category::Virus) => "reason.virus",
        Some(Category::Phish) => "reason.phish",
        Some(Category::Spam) => "reason.spam",
        Some(Category::Bulk) => "reason.bulk",
        Some(Category::Auth | Category::Trust) => "reason.unproven",
        Some(Category::Format) => "reason.malformed",
        Some(Category::Privacy) => "reason.private",
        Some(Category::Policy | Category::Transport) => "reason.policy",
        None => "reason.other",
    }
}

/// The category of a stored finding.
fn category_in(findings: &Value, id: &str) -> Option<Category> {
    let is_it = |one: &&Value| one.get("id").and_then(Value::as_str) == Some(id);
    let found = findings.as_array()?.iter().find(is_it)?;
    serde_json::from_value(found.get("category")?.clone()).ok()
}

/// The categories of stored findings that speak against a mail.
fn speaking(findings: &Value) -> Vec<Category> {
    let all = findings.as_array().map(Vec::as_slice).unwrap_or_default();
    let speaks = |one: &&Value| {
        one.get("weight").and_then(Value::as_f64).unwrap_or_default() > 0.0
            || one.get("demands").is_some_and(|demands| !demands.is_null())
    };
    let category = |one: &Value| serde_json::from_value(one.get("category")?.clone()).ok();
    all.iter().filter(speaks).filter_map(category).collect()
}

/// The stored finding that speaks loudest: one that demands, else the heaviest.
fn heaviest(findings: &Value) -> &str {
    let all = findings.as_array().map(Vec::as_slice).unwrap_or_default();
    let weight = |one: &&Value| one.get("weight").and_then(Value::as_f64).unwrap_or_default();
    let demanding =
        all.iter().find(|one| one.get("demands").is_some_and(|demands| !demands.is_null()));
    let found = demanding.or_else(|| all.iter().max_by(|a, b| weight(a).total_cmp(&weight(b))));
    found.and_then(|one| one.get("id")?.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::report::Language;
    use serde_json::json;

    #[test]
    fn one_mail_has_one_reason_that_the_catalogue_knows_in_every_language() {
        for (why, category, want) in [
            ("recipient.blocked", Category::Policy, "reason.blocked"),
            ("dmarc.reject", Category::Auth, "reason.unproven"),
            ("attachment.macro", Category::Policy, "reason.attachment"),
            ("archive.encrypted", Category::Policy, "reason.encrypted"),
            ("archive.damaged", Category::Spam, "reason.damaged"),
            ("archive.unsupported", Category::Format, "reason.unchecked"),
            ("scanner.timed_out", Category::Format, "reason.unchecked"),
            ("bank.account_changed", Category::Phish, "reason.money"),
            ("yara.x", Category::Virus, "reason.virus"),
            ("subject.shouting", Category::Spam, "reason.spam"),
            ("phrase.x", Category::Phish, "reason.phish"),
            ("", Category::Bulk, "reason.bulk"),
        ] {
            let key = key(why, Some(category));
            assert_eq!(key, want, "{why}");
            for language in Language::ALL {
                assert_ne!(Words::of(language).say(key, &[]), key, "{key} is in no catalogue");
            }
        }
        assert_eq!(key("", None), "reason.other");
    }

    #[test]
    fn what_decided_counts_and_not_what_else_was_found() {
        let findings = json!([
            { "id": "list.x", "category": "bulk", "weight": 1.0, "demands": null },
            { "id": "phrase.win", "category": "spam", "weight": 5.0, "demands": null },
        ]);
        let story = |decided_by: &str, reason: &str| {
            let story = json!({ "decided_by": decided_by, "reason": reason, "findings": findings });
            PlainReason::of_story(&story).to_owner(Words::of(Language::En))
        };
        assert_eq!(story("phrase.win", "x"), Words::of(Language::En).say("reason.spam", &[]));
        assert_eq!(story("list.x", "x"), Words::of(Language::En).say("reason.bulk", &[]));
        assert_eq!(story("rule.night", "Held until morning"), "Held until morning");
        assert_eq!(heaviest(&findings), "phrase.win");
        assert_eq!(
            heaviest(
                &json!([{ "id": "a.b", "demands": "category" }, { "id": "c.d", "weight": 9 }])
            ),
            "a.b"
        );
        assert_eq!(heaviest(&Value::Null), "");
    }

    #[test]
    fn a_dangerous_mail_is_not_called_a_nuisance_whatever_decided() {
        use Category::{Auth, Format, Phish, Spam, Virus};
        for (why, category, all, want) in [
            ("phrase.win", Spam, vec![Spam], "reason.spam"),
            ("phrase.win", Spam, vec![Phish, Spam], "reason.phish"),
            ("phrase.win", Spam, vec![Spam, Format, Virus], "reason.virus"),
            ("score", Spam, vec![Spam, Format], "reason.malformed"),
            ("bulk.list", Spam, vec![Phish], "reason.phish"),
            ("dns_list.bad", Spam, vec![Phish], "reason.phish"),
            ("archive.damaged", Format, vec![Virus], "reason.damaged"),
            ("dmarc.reject", Auth, vec![Auth, Phish], "reason.unproven"),
        ] {
            let reason = PlainReason::of(why, (Some(category), danger(&all)), "");
            assert_eq!(reason.0, want, "{why} {all:?}");
        }
        // The same mail in the trace.
        let findings = json!([
            { "id": "yara.x", "category": "virus", "weight": 1.0, "demands": null },
            { "id": "phish.y", "category": "phish", "weight": 0.0, "demands": null },
            { "id": "phrase.win", "category": "spam", "weight": 5.0, "demands": null },
        ]);
        let story = json!({ "decided_by": "phrase.win", "findings": findings });
        assert_eq!(PlainReason::of_story(&story).0, "reason.virus");
    }

    #[test]
    fn whom_a_mailbox_blocks_is_told_to_its_owner_alone() {
        let reason = PlainReason::of("recipient.blocked", (None, None), "");
        let words = Words::of(Language::En);
        assert_eq!(reason.to_owner(words), words.say("reason.blocked", &[]));
        assert_eq!(reason.to_others(words), words.say("reason.policy", &[]));
    }
}
