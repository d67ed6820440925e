//! A page that does more than show text: fields to fill in, scripts, frames, a refresh that leads away. Mail programs disable all of it, so
//! honest senders stopped long ago; what remains hopes for an old program or a click on "open in browser".
//!
//! A form alone weighs little (old newsletters have search boxes); a password field is phishing. Attached pages have their own check.

use super::{Case, Check, Finding, and_more};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["page.password", "page.form", "page.script", "page.frame", "page.refresh", "page.base"],
    about: "The mail's page asks for data, runs scripts, frames other pages or leads away by itself.",
    plain: "The mail asks for data or tries to run a script.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let page = &case.contents.page;
    let base = u32::from(page.base_href);
    for (count, id, category, weight, because) in [
        (page.password_fields, "page.password", Category::Phish, 3.0, "a password field"),
        (page.forms, "page.form", Category::Phish, 0.5, "a form"),
        (page.scripts, "page.script", Category::Spam, 0.5, "a script"),
        (page.frames, "page.frame", Category::Spam, 0.5, "a frame or embedded object"),
        (page.refreshes, "page.refresh", Category::Phish, 2.0, "a refresh that leads away"),
        (base, "page.base", Category::Spam, 0.0, "a base address for its links"),
    ] {
        if count > 0 {
            let because =
                format!("{because}{}", and_more(usize::try_from(count).unwrap_or(usize::MAX)));
            findings.push(Finding::new(id, category, weight, because));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::expect_in,
        examine::{Contents, PageFacts},
    };

    #[test]
    fn finds() {
        let plain =
            || PageFacts { present: true, images: 3, shown_letters: 500, ..PageFacts::default() };
        for (page, want) in [
            (plain(), &[][..]),
            (PageFacts { forms: 1, ..plain() }, &["page.form"]),
            (
                PageFacts { forms: 1, password_fields: 2, ..plain() },
                &["page.password", "page.form"],
            ),
            (PageFacts { scripts: 4, ..plain() }, &["page.script"]),
            (PageFacts { frames: 1, refreshes: 1, ..plain() }, &["page.frame", "page.refresh"]),
            (PageFacts { base_href: true, ..plain() }, &["page.base"]),
        ] {
            expect_in(&CHECK, Contents { page, ..Contents::default() }, want);
        }
    }
}
