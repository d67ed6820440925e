//! A subject that ends in a wide gap and a few stray characters: spam programs number their mails so, out of the reader's sight.
//! Unfolding of long subjects leaves one space or tab, never a gap.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["subject.gap"],
    about: "The subject ends in a wide gap followed by stray characters.",
    plain: "The mail's subject hides a mark behind a wide gap.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(subject) = case.mail.header.text("Subject") else { return };
    let subject = subject.trim();
    let Some((before, tail)) = subject.rsplit_once(char::is_whitespace) else { return };
    let gap = before.chars().rev().take_while(|letter| letter.is_whitespace()).count() + 1;
    if gap >= GAP_MIN && tail.chars().count() <= TAIL_LETTERS_MAX {
        findings.push(Finding::new(
            "subject.gap",
            Category::Spam,
            2.5,
            format!("a gap of {gap} before the end"),
        ));
    }
}

/// Typing errors make two or three spaces, aligned tables in a subject do not exist.
const GAP_MIN: usize = 6;
/// Longer than this it is a word with a meaning.
const TAIL_LETTERS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, mail};

    #[test]
    fn finds() {
        for (subject, want) in [
            ("Protokoll", &[][..]),
            ("Protokoll  från mötet", &[]),
            ("Cheap loans            38271", &["subject.gap"]),
            ("Cheap loans\t\t\t\t\t\t\txqz", &["subject.gap"]),
            ("", &[]),
        ] {
            expect(&CHECK, &Setting::default(), &mail("a@example.org", subject), want);
        }
    }
}
