//! A subject in capitals, or one that cries out with marks. Short ones, order numbers and abbreviations ("FAKTURA 2026-118", "VB: SAMRÅD")
//! are ordinary business, so it takes several words; scripts without case never shout.

use super::{Case, Check, Finding, read::letters};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["subject.capitals", "subject.marks"],
    about: "The subject is written in capitals, or with several exclamation marks, question marks or signs of money.",
    plain: "The mail's subject is written to shout.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(subject) = case.mail.header.text("Subject") else { return };
    let (capitals, cased) = letters::capitals(&subject);
    let words = subject.split_whitespace().filter(|word| letters::capitals(word).1 >= 3).count();
    if cased >= LETTERS_MIN && words >= WORDS_MIN && capitals * 10 >= cased * 9 {
        findings.push(Finding::new(
            "subject.capitals",
            Category::Spam,
            0.8,
            format!("{capitals} of {cased} letters"),
        ));
    }
    let marks = subject.chars().filter(|letter| "!?$€£*".contains(*letter)).count();
    if subject.contains("!!") || subject.contains("$$") || marks >= MARKS_MIN {
        findings.push(Finding::new("subject.marks", Category::Spam, 0.7, format!("{marks} marks")));
    }
}

/// Fewer letters are a heading, not a shout.
const LETTERS_MIN: usize = 16;
/// Words of at least three letters.
const WORDS_MIN: usize = 3;
/// One or two are liveliness.
const MARKS_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, mail};

    #[test]
    fn finds() {
        for (subject, want) in [
            ("Årsmöte på lördag!", &[][..]),
            ("KALLELSE", &[]),
            ("FAKTURA 2026-118", &[]),
            ("SV: SAMRÅD SKL", &[]),
            ("TERVETULOA KEVÄTKOKOUKSEEN", &[]),
            ("FREE OFFER FOR YOUR HOME LOAN", &["subject.capitals"]),
            ("VINN EN RESA TILL SOLEN", &["subject.capitals"]),
            ("Köp nu!!", &["subject.marks"]),
            ("Make $$ fast", &["subject.marks"]),
            ("你好 你好 你好 你好 你好 你好", &[]),
            ("", &[]),
        ] {
            expect(&CHECK, &Setting::default(), &mail("a@example.org", subject), want);
        }
    }
}
