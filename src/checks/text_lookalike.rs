//! Latin words with Cyrillic or Greek letters among them that look the same: in the text, the subject or the sender's name.
//!
//! Nobody types so; programs do it to pass word lists. One such word in a subject or name is enough, in a text it takes several.
//! Russian and Greek mail, units such as "μm", and names of two alphabets side by side are no such words.

use super::{Case, Check, Finding, read::letters};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["text.lookalike_letters", "subject.lookalike_letters", "from.lookalike_letters"],
    about: "Words are written with letters of another alphabet that look the same.",
    plain: "The mail uses letters that only look like ordinary ones.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let mut say = |id, weight, count: usize| {
        let because = format!("{count} or more words of mixed alphabets");
        findings.push(Finding::new(id, Category::Phish, weight, because));
    };
    let texts = &case.contents.texts;
    let in_texts: usize =
        texts.iter().map(|text| letters::disguised_words(&text.shown, ENOUGH)).sum();
    if in_texts >= IN_TEXT_MIN {
        say("text.lookalike_letters", 2.5, in_texts);
    }
    let subject = case.mail.header.text("Subject").unwrap_or_default();
    let from = case.from().map(|from| from.name).unwrap_or_default();
    for (id, text) in [("subject.lookalike_letters", subject), ("from.lookalike_letters", from)] {
        let count = letters::disguised_words(&text, ENOUGH);
        if count > 0 {
            say(id, 2.5, count);
        }
    }
}

/// A slip of the keyboard happens once or twice.
const IN_TEXT_MIN: usize = 3;
/// Counting further changes nothing.
const ENOUGH: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, mail, text},
        examine::Contents,
    };

    #[test]
    fn finds() {
        for (from, subject, body, want) in [
            ("Åsa <a@example.org>", "Årsmöte", "Välkomna på årsmötet", &[][..]),
            ("Анна <a@example.org>", "Встреча", "Привет, как дела", &[]),
            ("A <a@example.org>", "10 μm, Ωmega", "Δtime", &[]),
            ("N\u{43E}rdea <a@example.org>", "hi", "hi", &["from.lookalike_letters"]),
            ("A <a@example.org>", "Your acc\u{43E}unt", "hi", &["subject.lookalike_letters"]),
            ("A <a@example.org>", "hi", "P\u{430}yPal", &[]),
            (
                "A <a@example.org>",
                "hi",
                "y\u{43E}ur P\u{430}yPal acc\u{43E}unt",
                &["text.lookalike_letters"],
            ),
        ] {
            let setting =
                Setting::holding(Contents { texts: vec![text(body)], ..Contents::default() });
            expect(&CHECK, &setting, &mail(from, subject), want);
        }
    }
}
