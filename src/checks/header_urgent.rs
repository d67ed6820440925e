//! The mail says of itself that it is urgent, or carries a mail program's priority field though no mail program says that it made it.
//!
//! People do press the red mark, so the first weighs little. The second is the mark of scripts that copied a header once and kept it.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["header.urgent", "header.priority_alone"],
    about: "The mail is marked as urgent, or has a priority field without naming the program that would set it.",
    plain: "The mail marks itself as urgent.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let starts = |name: &str, begin: &str| {
        header.value(name).is_some_and(|value| value.to_lowercase().starts_with(begin))
    };
    if starts("X-Priority", "1") || starts("Importance", "high") || starts("Priority", "urgent") {
        findings.push(Finding::new("header.urgent", Category::Spam, 0.5, "marked as urgent"));
    }
    let programs = ["X-Mailer", "User-Agent", "X-MimeOLE", "X-Originating-Client", "Thread-Index"];
    let named = programs.iter().any(|name| header.count(name) > 0);
    if header.count("X-Priority") > 0 && !named && case.is_inbound() && !case.is_list() {
        findings.push(Finding::new(
            "header.priority_alone",
            Category::Spam,
            1.0,
            "X-Priority without a program",
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
            ("From: a@example.org\n\nhi", &[][..]),
            ("X-Priority: 3\nX-Mailer: x\n\nhi", &[]),
            ("X-Priority: 3\n\nhi", &["header.priority_alone"]),
            ("X-Priority: 1 (Highest)\nX-Mailer: x\n\nhi", &["header.urgent"]),
            ("Importance: High\n\nhi", &["header.urgent"]),
            ("X-Priority: 3\nList-Id: <l.example>\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
