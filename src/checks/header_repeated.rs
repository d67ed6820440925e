//! A field stands there more than once that RFC 5322 section 3.6 allows once: Subject, To, Date and their like. Mail programs never do;
//! programs that paste header fields into a form do. From has its own check, and Content-Type is the MIME reader's business.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["header.repeated"],
    about: "A header field that may stand once stands there several times.",
    plain: "The mail's header is malformed.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let repeated: Vec<&str> =
        UNIQUE.iter().copied().filter(|name| case.mail.header.count(name) > 1).collect();
    if !repeated.is_empty() {
        let because = format!("several fields of the name {}", repeated.join(", "));
        findings.push(Finding::new("header.repeated", Category::Spam, 1.0, because));
    }
}

/// To and Cc are not here: RFC 5322 section 3.6 allows one, but old list programs add their own.
const UNIQUE: &[&str] = &[
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "Sender",
    "In-Reply-To",
    "References",
    "MIME-Version",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("Subject: a\nDate: b\n\nhi", &[][..]),
            ("Subject: a\nsubject: b\n\nhi", &["header.repeated"]),
            ("Subject: a\nSubject: b\nDate: c\nDate: d\n\nhi", &["header.repeated"]),
            ("Received: a\nReceived: b\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
