//! A Content-Type other than plain text without MIME-Version, RFC 2045 section 4: honest programs write both or neither.
//! Lists and old gateways drop fields, so it weighs less through a list.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["header.mime_version_missing"],
    about: "The mail says it is HTML or multipart but not that it is MIME, as hastily written programs do.",
    plain: "The mail's header is incomplete.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let formed = header.value("Content-Type").is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.starts_with("text/html") || value.starts_with("multipart/")
    });
    if formed && header.count("MIME-Version") == 0 {
        let weight = if case.is_list() { 0.3 } else { 1.5 };
        let because = "Content-Type without MIME-Version";
        findings.push(Finding::new("header.mime_version_missing", Category::Spam, weight, because));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("Content-Type: text/html\n\nhi", &["header.mime_version_missing"][..]),
            ("Content-Type: Multipart/Mixed; boundary=a\n\nhi", &["header.mime_version_missing"]),
            ("MIME-Version: 1.0\nContent-Type: text/html\n\nhi", &[]),
            ("Content-Type: text/plain; charset=us-ascii\n\nhi", &[]),
            ("Subject: x\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
