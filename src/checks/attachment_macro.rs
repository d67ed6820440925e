//! An Office document with macros from outside. Firms do send each other such files, so it weighs little;
//! one that hides its macros under an ordinary name weighs more, for Office itself never saves it so.

use super::{Case, Check, Finding, known::endings, read::names};
use crate::{config::policy::Category, examine::PartKind};

pub(super) const CHECK: Check = Check {
    ids: &["attachment.macro", "attachment.macro_hidden"],
    about: "An attached Office document from outside contains macros.",
    plain: "An attached document contains macros.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() {
        return;
    }
    let has_macros = |honest: bool| {
        move |part: &&crate::examine::Part| {
            let extension = names::extension(names::shown(part));
            part.kind == PartKind::OfficeMacro
                && (extension.is_empty() || endings::says_macros(&extension)) == honest
        }
    };
    for (honest, id, weight, because) in [
        (true, "attachment.macro", 1.0, "a document with macros"),
        (
            false,
            "attachment.macro_hidden",
            2.5,
            "a document with macros under the name of one without",
        ),
    ] {
        let part = case.contents.parts.iter().find(has_macros(honest));
        findings.extend(part.map(|part| {
            Finding::new(id, Category::Virus, weight, because).in_part(&part.id, &part.path)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, expect_in, mail, parts};

    #[test]
    fn finds() {
        for (kind, name, want) in [
            (PartKind::Office, "a.docx", &[][..]),
            (PartKind::OfficeMacro, "a.docm", &["attachment.macro"]),
            (PartKind::OfficeMacro, "budget.XLSB", &["attachment.macro"]),
            (PartKind::OfficeMacro, "a.docx", &["attachment.macro_hidden"]),
            (PartKind::OfficeMacro, "a.zip/a.docx", &["attachment.macro_hidden"]),
        ] {
            expect_in(&CHECK, parts(&[(kind, "", name)]), want);
        }
        let outbound = Setting::holding(parts(&[(PartKind::OfficeMacro, "", "a.docm")])).outbound();
        expect(&CHECK, &outbound, &mail("a@ours.example", "hi"), &[]);
    }
}
