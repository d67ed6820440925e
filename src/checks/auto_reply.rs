//! Answers that a program writes: absences, acknowledgements. Informational: they are wanted by whoever wrote first, and policy and digests
//! use the findings to sort.
//!
//! RFC 3834 section 5 has a field for it; programs older than that, and some of today, have others.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["auto.reply", "auto.generated"],
    about: "A program wrote the mail: an answer to another mail, or a message of its own accord.",
    plain: "A program wrote this mail.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let mut say =
        |id, because: String| findings.push(Finding::new(id, Category::Bulk, 0.0, because));
    let submitted = header.value("Auto-Submitted").map(|value| keyword(&value)).unwrap_or_default();
    let old = OLD_FIELDS.iter().find(|name| header.count(name) > 0);
    let precedence = header.value("Precedence").map(|value| keyword(&value)).unwrap_or_default();
    match (submitted.as_str(), old) {
        ("auto-replied" | "auto-notified", _) => {
            say("auto.reply", format!("Auto-Submitted: {submitted}"))
        }
        (_, Some(name)) => say("auto.reply", (*name).to_string()),
        _ if matches!(precedence.as_str(), "auto_reply" | "auto-reply") => {
            say("auto.reply", "Precedence".to_string());
        }
        // Exchange asks for silence, and says in the subject why, in the writer's language.
        _ if header.count("X-Auto-Response-Suppress") > 0 && begins_as_absence(case) => {
            say("auto.reply", "X-Auto-Response-Suppress and the subject".to_string());
        }
        ("" | "no", None) => (),
        (_, None) => say("auto.generated", "Auto-Submitted".to_string()),
    }
}

/// The first word, in lower case.
fn keyword(value: &str) -> String {
    let word = value.split([';', ' ', '\t', '(']).next().unwrap_or_default();
    word.trim().to_ascii_lowercase()
}

fn begins_as_absence(case: &Case) -> bool {
    let subject = case.mail.header.text("Subject").unwrap_or_default().trim().to_lowercase();
    ABSENCES.iter().any(|absence| subject.starts_with(absence))
}

const OLD_FIELDS: &[&str] = &[
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Autoreply-From",
    "X-Mail-Autoreply",
    "X-Vacation",
];

const ABSENCES: &[&str] = &[
    "automatic reply",
    "auto reply",
    "out of office",
    "autosvar",
    "automatiskt svar",
    "automatisk svar",
    "frånvaro",
    "fravær",
    "automaattinen vastaus",
    "poissa",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("Subject: hi\n\nhi", &[][..]),
            ("Auto-Submitted: no\n\nhi", &[]),
            ("Auto-Submitted: auto-replied (vacation)\n\naway", &["auto.reply"]),
            (
                "Auto-Submitted: Auto-Replied; owner-email=\"a@example.org\"\n\naway",
                &["auto.reply"],
            ),
            ("Auto-Submitted: auto-generated\n\nbackup done", &["auto.generated"]),
            ("X-Autoreply: yes\n\naway", &["auto.reply"]),
            ("Precedence: auto_reply\n\naway", &["auto.reply"]),
            (
                "X-Auto-Response-Suppress: All\nSubject: =?utf-8?Q?Automatiskt_svar:_m=C3=B6te?=\n\naway",
                &["auto.reply"],
            ),
            ("X-Auto-Response-Suppress: All\nSubject: Meeting\n\nhi", &[]),
            ("Subject: Out of office\n\nwords alone are no sign", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
