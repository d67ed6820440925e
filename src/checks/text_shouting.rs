//! A text mostly in capitals, or full of exclamation marks. A heading, a legal notice or one angry line does not make it so: it is the
//! share of the whole text that counts. Scripts without case never shout.

use super::{Case, Check, Finding, read::letters};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["text.capitals", "text.exclamations"],
    about: "The text is mostly in capitals, or full of exclamation marks.",
    plain: "The mail is written to shout.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let (mut capitals, mut cased, mut marks) = (0_usize, 0_usize, 0_usize);
    for text in &case.contents.texts {
        let (upper, all) = letters::capitals(&text.shown);
        capitals += upper;
        cased += all;
        marks += text.shown.matches("!").count();
    }
    if cased >= LETTERS_MIN && capitals * 10 >= cased * 6 {
        let because = format!("{capitals} of {cased} letters are capitals");
        findings.push(Finding::new("text.capitals", Category::Spam, 1.5, because));
    }
    if marks >= MARKS_MIN && marks * LETTERS_PER_MARK_MIN > cased {
        findings.push(Finding::new(
            "text.exclamations",
            Category::Spam,
            0.8,
            format!("{marks} exclamation marks"),
        ));
    }
}

/// A shorter text is a greeting or a table of figures.
const LETTERS_MIN: usize = 200;
/// A glad invitation has four or five.
const MARKS_MIN: usize = 10;
/// At least one mark in so many letters: two or three sentences.
const LETTERS_PER_MARK_MIN: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{expect_in, text},
        examine::Contents,
    };

    #[test]
    fn finds() {
        for (shown, want) in [
            ("Hej! Välkommen till sommarfesten!".to_string(), &[][..]),
            ("SÄNT FRÅN MIN TELEFON".to_string(), &[]),
            ("DEAR FRIEND I AM THE WIDOW ".repeat(20), &["text.capitals"]),
            ("Köp nu! Passa på! Bara idag! ".repeat(10), &["text.exclamations"]),
            ("你好，你好！".repeat(100), &[]),
            ("Vi ses på lördag, och ta gärna med någon som du tycker om. ".repeat(20), &[]),
        ] {
            expect_in(&CHECK, Contents { texts: vec![text(&shown)], ..Contents::default() }, want);
        }
    }
}
