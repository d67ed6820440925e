//! A page with far more hidden than shown text: words meant for filters, not for the reader.
//!
//! Newsletters hide one or two sentences for the preview line of the inbox; that and the filling around it stay far below the bound.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["page.hidden_text"],
    about: "The page hides more text from the reader than it shows.",
    plain: "The mail contains much hidden text.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let page = &case.contents.page;
    if page.hidden_letters >= HIDDEN_LETTERS_MIN && page.hidden_letters / 2 > page.shown_letters {
        let because =
            format!("{} letters hidden, {} shown", page.hidden_letters, page.shown_letters);
        let weight = if page.hidden_letters >= HIDDEN_MUCH { 2.0 } else { 0.8 };
        findings.push(Finding::new("page.hidden_text", Category::Spam, weight, because));
    }
}

/// Preview lines are under 200 letters.
const HIDDEN_LETTERS_MIN: u32 = 400;

/// Whole stories; no preview needs them.
const HIDDEN_MUCH: u32 = 1_500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::expect_in,
        examine::{Contents, PageFacts},
    };

    #[test]
    fn finds() {
        for (hidden_letters, shown_letters, want) in [
            (0, 0, &[][..]),
            (150, 0, &[]),
            (500, 400, &[]),
            (5_000, 400, &["page.hidden_text"]),
            (400, 10, &["page.hidden_text"]),
        ] {
            let page =
                PageFacts { present: true, hidden_letters, shown_letters, ..PageFacts::default() };
            expect_in(&CHECK, Contents { page, ..Contents::default() }, want);
        }
    }
}
