//! A web page or SVG picture as an attachment. Opened from the disk it escapes the mail program's safety, so login forms and scripts
//! in it are the usual way round link scanners. A page alone weighs next to nothing: reports and tickets are sent so.

use super::{Case, Check, Finding, read::names};
use crate::{
    config::policy::Category,
    examine::{Part, PartKind},
};

pub(super) const CHECK: Check = Check {
    ids: &["attachment.page", "attachment.page_script", "attachment.page_form"],
    about: "A web page is attached; '_script' and '_form': with a script, or with fields to fill in.",
    plain: "An attached web page asks for data or runs a script.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(part) = case.contents.parts.iter().find(|part| is_page(part)) else { return };
    let page = &case.contents.page;
    // The facts are of all pages together. Forms and scripts in the shown page do nothing in mail programs, so few honest mails have them.
    let (id, weight, because) = match (page.password_fields, page.forms, page.scripts) {
        (1.., _, _) => ("attachment.page_form", 4.0, "an attached page that asks for a password"),
        (0, 1.., _) => ("attachment.page_form", 2.0, "an attached page with a form"),
        (0, 0, 1..) => ("attachment.page_script", 2.0, "an attached page with a script"),
        (0, 0, 0) => ("attachment.page", 0.3, "an attached page"),
    };
    findings.push(Finding::new(id, Category::Phish, weight, because).in_part(&part.id, &part.path));
}

fn is_page(part: &Part) -> bool {
    let extension = names::extension(names::shown(part));
    let svg = extension == "svg" || part.declared == "image/svg+xml";
    part.attachment
        && (part.kind == PartKind::Html && !svg
            || svg && part.path.is_empty()
            || matches!(extension.as_str(), "shtml" | "xhtml" | "mht" | "mhtml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{expect_in, parts},
        examine::{Contents, PageFacts},
    };

    #[test]
    fn finds() {
        let page = |forms, password_fields, scripts| PageFacts {
            present: true,
            forms,
            password_fields,
            scripts,
            ..PageFacts::default()
        };
        for (name, kind, page, want) in [
            ("a.html", PartKind::Html, page(0, 0, 0), &["attachment.page"][..]),
            ("a.html", PartKind::Html, page(1, 1, 0), &["attachment.page_form"]),
            ("a.html", PartKind::Html, page(1, 0, 3), &["attachment.page_form"]),
            ("a.html", PartKind::Html, page(0, 0, 3), &["attachment.page_script"]),
            ("a.mht", PartKind::Text, page(0, 0, 0), &["attachment.page"]),
            ("a.pdf", PartKind::Pdf, page(1, 1, 1), &[]),
        ] {
            expect_in(&CHECK, Contents { page, ..parts(&[(kind, "text/html", name)]) }, want);
        }
    }

    #[test]
    fn the_shown_page_is_no_attachment() {
        let mut contents = parts(&[(PartKind::Html, "text/html", "")]);
        contents.parts[0].attachment = false;
        expect_in(&CHECK, contents, &[]);
    }
}
