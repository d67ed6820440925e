//! Words cut in pieces that the reader does not see: comments and unknown tags inside words of a page, or characters without width.
//!
//! Soft hyphens, which newsletters in Swedish and Finnish use for long words, and the joiners of Persian and Indian scripts are not counted.

use super::{Case, Check, Finding, read::letters};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["text.split_words", "text.invisible_letters"],
    about: "Words are cut in pieces by invisible means, so that filters do not recognise them.",
    plain: "The mail hides its words from filters.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let split = case.contents.page.split_words;
    if split >= SPLIT_MIN {
        let weight = if split >= 4 * SPLIT_MIN { 3.0 } else { 1.5 };
        let because = format!("{split} words cut by comments or unknown tags");
        findings.push(Finding::new("text.split_words", Category::Spam, weight, because));
    }
    let texts = &case.contents.texts;
    let parted: usize =
        texts.iter().map(|text| letters::parted_letters(&text.shown, PARTED_ENOUGH)).sum();
    if parted >= PARTED_MIN {
        let because = format!("{parted} or more invisible characters inside words");
        findings.push(Finding::new("text.invisible_letters", Category::Spam, 3.0, because));
    }
}

/// An editor that leaves a comment inside a word does so once or twice.
const SPLIT_MIN: u32 = 5;
/// Text copied from a web page brings one or two.
const PARTED_MIN: usize = 6;
/// Counting further changes nothing.
const PARTED_ENOUGH: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{expect_in, text},
        examine::{Contents, PageFacts},
    };

    #[test]
    fn finds() {
        for (split_words, shown, want) in [
            (0, "Hej".to_string(), &[][..]),
            (2, "Hej".to_string(), &[]),
            (9, "Hej".to_string(), &["text.split_words"]),
            (
                0,
                "kom\u{AD}mun\u{AD}sty\u{AD}rel\u{AD}se\u{AD}sam\u{AD}man\u{AD}trä\u{AD}de"
                    .to_string(),
                &[],
            ),
            (
                0,
                "v\u{200B}i\u{200B}a\u{200B}g\u{200B}r\u{200B}a\u{200B}s".to_string(),
                &["text.invisible_letters"],
            ),
        ] {
            let page = PageFacts { present: true, split_words, ..PageFacts::default() };
            expect_in(
                &CHECK,
                Contents { page, texts: vec![text(&shown)], ..Contents::default() },
                want,
            );
        }
    }
}
