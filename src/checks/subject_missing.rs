//! No Subject field at all. RFC 5322 section 3.6 allows it; people's mail programs do not do it.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["subject.missing"],
    about: "The mail has no Subject field. Machines forget it, people's mail programs do not.",
    plain: "The mail has no subject line.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if case.mail.header.count("Subject") == 0 {
        findings.push(Finding::new("subject.missing", Category::Spam, 1.0, "no Subject field"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("From: a@example\n\nhi", &["subject.missing"][..]),
            ("Subject: hi\nFrom: a@example\n\nhi", &[]),
            ("SUBJECT: hi\n\nhi", &[]),
            ("Subject: \n\nan empty one is another check's business", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
