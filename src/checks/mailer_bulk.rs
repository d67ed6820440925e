//! X-Mailer or User-Agent names a program made for unasked bulk mail, or pretends to be Outlook Express without the field that it always adds.
//!
//! The programs sign their work more often than one would think. Honest newsletter programs are not in the table (`known/programs`);
//! lists drop fields, so the second is not asked of their mail.

use super::{Case, Check, Finding, known::programs};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["mailer.bulk_tool", "mailer.false_outlook"],
    about: "The mail was made by a program for unasked bulk mail, or by one that pretends to be an ordinary mail program.",
    plain: "The mail was made by a program for bulk mail.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let mailers = ["X-Mailer", "User-Agent", "X-Mail-Agent"];
    for mailer in mailers.iter().filter_map(|name| header.value(name)) {
        if let Some(tool) = programs::bulk_tool(&mailer) {
            findings.push(Finding::new(
                "mailer.bulk_tool",
                Category::Spam,
                3.0,
                format!("signed by {tool}"),
            ));
            return;
        }
    }
    let claims_express = header
        .value("X-Mailer")
        .is_some_and(|mailer| mailer.starts_with("Microsoft Outlook Express"));
    if claims_express && header.count("X-MimeOLE") == 0 && !case.is_list() {
        let because = "says Outlook Express, lacks its X-MimeOLE";
        findings.push(Finding::new("mailer.false_outlook", Category::Spam, 2.5, because));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("X-Mailer: Microsoft Outlook 16.0\n\nhi", &[][..]),
            ("X-Mailer: Send-Safe 2\n\nhi", &["mailer.bulk_tool"]),
            ("User-Agent: gophish\n\nhi", &["mailer.bulk_tool"]),
            ("X-Mailer: Microsoft Outlook Express 6.00\n\nhi", &["mailer.false_outlook"]),
            ("X-Mailer: Microsoft Outlook Express 6.00\nX-MimeOLE: Produced\n\nhi", &[]),
            ("X-Mailer: Microsoft Outlook Express 6.00\nList-Id: <l.example>\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
