//! An attachment that says it is a picture, a PDF or an Office file and is, by its bytes, a program or a web page.
//!
//! The ending of the name decides what a recipient believes; the declared type counts only where there is no ending. Web pages under an
//! Office name are left alone: many honest systems export tables as HTML called `.xls`. Safe for mail programs that declare
//! everything as `application/octet-stream`.

use super::{Case, Check, Demand, Finding, known::endings, read::names};
use crate::{
    config::policy::Category,
    examine::{Part, PartKind},
};

pub(super) const CHECK: Check = Check {
    ids: &["attachment.disguised_program", "attachment.disguised_page"],
    about: "An attachment is a program or a web page under the name of a document.",
    plain: "An attachment is not what its name says.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let parts = &case.contents.parts;
    if let Some(part) = parts.iter().find(|part| is_disguised_program(part)) {
        let because = format!("{} under the name of a document", part.kind.word());
        let finding = Finding::new("attachment.disguised_program", Category::Policy, 4.0, because)
            .in_part(&part.id, &part.path);
        findings.push(match case.is_inbound() {
            true => finding.demanding(Demand::Category),
            false => finding,
        });
    }
    if let Some(part) =
        parts.iter().find(|part| part.kind == PartKind::Html && claims_picture_or_pdf(part))
    {
        findings.push(
            Finding::new(
                "attachment.disguised_page",
                Category::Phish,
                3.0,
                "a web page under the name of a picture or PDF",
            )
            .in_part(&part.id, &part.path),
        );
    }
}

fn is_disguised_program(part: &Part) -> bool {
    use PartKind::{Executable, Java, Script, Shortcut};
    let extension = names::extension(names::shown(part));
    // Java archives are ZIP, and text may look like a script: only a picture or PDF has no excuse.
    let documents_too =
        matches!(part.kind, Executable | Shortcut) && endings::is_document(&extension);
    let runs = matches!(part.kind, Executable | Shortcut | Java | Script);
    documents_too || runs && claims_picture_or_pdf(part)
}

fn claims_picture_or_pdf(part: &Part) -> bool {
    let extension = names::extension(names::shown(part));
    match extension.is_empty() {
        false => endings::is_picture_or_pdf(&extension),
        true => part.declared == "application/pdf" || is_declared_picture(&part.declared),
    }
}

/// An SVG picture is a page by nature.
fn is_declared_picture(declared: &str) -> bool {
    declared.starts_with("image/") && !declared.contains("svg")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{expect_in, parts};

    #[test]
    fn finds() {
        use PartKind::{Executable, Html, Image, Java, Pdf, Script, Unknown};
        for (kind, declared, name, want) in [
            (Pdf, "application/pdf", "a.pdf", &[][..]),
            (Executable, "application/pdf", "a.pdf", &["attachment.disguised_program"]),
            (Executable, "image/png", "", &["attachment.disguised_program"]),
            (Executable, "text/plain", "readme.txt", &["attachment.disguised_program"]),
            (Executable, "application/octet-stream", "a.exe", &[]),
            (Script, "text/plain", "configure.txt", &[]),
            (Script, "image/jpeg", "a.jpg", &["attachment.disguised_program"]),
            (Java, "application/zip", "report.zip", &[]),
            (Html, "application/pdf", "a.pdf", &["attachment.disguised_page"]),
            (Html, "application/vnd.ms-excel", "table.xls", &[]),
            (Html, "text/html", "page.html", &[]),
            (Html, "image/svg+xml", "logo.svg", &[]),
            (Image, "application/octet-stream", "a.jpg", &[]),
            (Unknown, "application/pdf", "a.pdf", &[]),
        ] {
            expect_in(&CHECK, parts(&[(kind, declared, name)]), want);
        }
    }
}
