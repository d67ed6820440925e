//! A Subject field with nothing in it. People forget it, mostly in short mails with an attachment, so it weighs little.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["subject.empty"],
    about: "The Subject field is there and empty.",
    plain: "The mail has an empty subject line.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(subject) = case.mail.header.text("Subject") else { return };
    if !subject.chars().any(|letter| letter.is_alphanumeric()) {
        findings.push(Finding::new(
            "subject.empty",
            Category::Spam,
            0.3,
            "no letter or digit in the subject",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("Subject: hi\n\nhi", &[][..]),
            ("Subject: 7\n\nhi", &[]),
            ("Subject:\n\nhi", &["subject.empty"]),
            ("Subject: =?utf-8?Q?_?=\n\nhi", &["subject.empty"]),
            ("From: a@example.org\n\na missing one is another check's business", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
