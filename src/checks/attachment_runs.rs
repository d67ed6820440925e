//! An attachment, or a member of an archive, that a double click runs: a program, a script, a shortcut, a Java archive, or a name that says so.
//!
//! Nearly all mail with such a thing from outside is an attack, and those who must send programs have other ways. Inbound it demands what
//! policy says of its category (held, unless changed); outbound it is only recorded. Safe for mail that shows source code in its text:
//! a script counts only as an attachment, and only under a name that Windows, macOS or Android would run.

use super::{Case, Check, Demand, Finding, and_more, known::endings, read::names};
use crate::{
    config::policy::Category,
    examine::{Part, PartKind},
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &[
        "attachment.program",
        "attachment.script",
        "attachment.shortcut",
        "attachment.java",
        "attachment.program_name",
    ],
    about: "An attachment or archive member is a program, script or shortcut, or has a name that makes a system run it.",
    plain: "An attachment is a program, which we do not let in by mail.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let mut kinds: BTreeMap<&'static str, (&Part, usize)> = BTreeMap::new();
    for part in &case.contents.parts {
        if let Some(id) = runs(part) {
            kinds.entry(id).or_insert((part, 0)).1 += 1;
        }
    }
    findings.extend(kinds.into_iter().map(|(id, (part, count))| {
        let because = format!("{}{}", part.kind.word(), and_more(count));
        let finding =
            Finding::new(id, Category::Policy, 0.0, because).in_part(&part.id, &part.path);
        match case.is_inbound() {
            true => Finding { weight: 2.0, ..finding }.demanding(Demand::Category),
            false => finding,
        }
    }));
}

/// The finding's id if a double click runs the part.
pub(super) fn runs(part: &Part) -> Option<&'static str> {
    if let Some((_, id)) = KINDS.iter().find(|(kind, _)| *kind == part.kind) {
        return Some(id);
    }
    let by_name = endings::runs(&names::extension(names::shown(part)));
    if part.kind == PartKind::Script {
        // A shell script or a patch in a mail is text to everybody but those who mean to run it.
        return by_name.then_some("attachment.script");
    }
    // A mail attached to a mail is named after its subject, which may end in ".com".
    let named = (part.attachment || part.name.is_some()) && part.kind != PartKind::Message;
    (by_name && named).then_some("attachment.program_name")
}

/// What runs whatever its name.
const KINDS: &[(PartKind, &str)] = &[
    (PartKind::Executable, "attachment.program"),
    (PartKind::Shortcut, "attachment.shortcut"),
    (PartKind::Java, "attachment.java"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect_in, found, mail, part, parts};

    #[test]
    fn finds() {
        use PartKind::{Executable, Html, Java, Message, Pdf, Script, Shortcut, Text, Unknown};
        for (attached, want) in [
            (&[][..], &[][..]),
            (&[(Pdf, "application/pdf", "faktura.pdf")], &[]),
            (&[(Executable, "", "a.zip/b")], &["attachment.program"]),
            (&[(Executable, "", "a.exe"), (Executable, "", "b.exe")], &["attachment.program"]),
            (
                &[(Script, "text/plain", "run.js"), (Java, "", "a.jar")],
                &["attachment.java", "attachment.script"],
            ),
            (&[(Script, "text/plain", "build.sh")], &[]),
            (&[(Shortcut, "", "a.zip/Faktura.lnk")], &["attachment.shortcut"]),
            (&[(Unknown, "", "a.zip/locked.scr")], &["attachment.program_name"]),
            (&[(Html, "text/html", "a.hta. ")], &["attachment.program_name"]),
            (&[(Message, "message/rfc822", "Order from shop.com")], &[]),
            (&[(Text, "text/plain", "notes.txt")], &[]),
        ] {
            expect_in(&CHECK, parts(attached), want);
        }
    }

    #[test]
    fn a_script_shown_in_the_text_is_no_attachment() {
        let mut shown = part(PartKind::Text, "text/plain", "");
        shown.attachment = false;
        shown.name = None;
        assert_eq!(runs(&shown), None);
        shown.kind = PartKind::Script;
        assert_eq!(runs(&shown), None);
    }

    #[test]
    fn insists_only_inbound() {
        let setting = || Setting::holding(parts(&[(PartKind::Executable, "", "a.exe")]));
        let text = mail("a@example.org", "hi");
        assert_eq!(found(&CHECK, &setting(), &text)[0].demands, Some(Demand::Category));
        assert_eq!(found(&CHECK, &setting().outbound(), &text)[0].demands, None);
    }
}
