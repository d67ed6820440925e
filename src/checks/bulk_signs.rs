//! Signs that the mail was sent to many: list fields, an unsubscribe link, a Precedence. Informational: honest newsletters carry them most
//! faithfully of all. They weigh nothing; policy and digests use them to sort.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["bulk.list", "bulk.unsubscribe", "bulk.precedence"],
    about: "The mail says that it was sent to many: a list, an unsubscribe link, a Precedence field.",
    plain: "The mail was sent to many recipients.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let mut say = |id, because| findings.push(Finding::new(id, Category::Bulk, 0.0, because));
    if case.is_list() {
        say("bulk.list", "list fields");
    }
    if header.count("List-Unsubscribe") > 0 {
        say("bulk.unsubscribe", "List-Unsubscribe");
    }
    let precedence = header.value("Precedence").unwrap_or_default().to_lowercase();
    if matches!(precedence.as_str(), "bulk" | "junk") {
        say("bulk.precedence", "Precedence");
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
            (
                "List-Id: <l.example>\nList-Unsubscribe: <https://l.example/u>\n\nhi",
                &["bulk.list", "bulk.unsubscribe"],
            ),
            ("Precedence: Bulk\n\nhi", &["bulk.precedence"]),
            ("Precedence: list\n\nhi", &["bulk.list"]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
