//! A page without the plain text beside it that RFC 2046 section 5.1.4 provides for. People's mail programs write both; many billing
//! and booking systems write only the page, so it is told and weighs nothing by itself. Lists and attachments are left alone.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, examine::TextSource};

pub(super) const CHECK: Check = Check {
    ids: &["page.alone"],
    about: "The mail is a web page without the plain text that mail programs put beside it.",
    plain: "The mail is a web page only.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let texts = &case.contents.texts;
    let all_pages = !texts.is_empty() && texts.iter().all(|text| text.source == TextSource::Html);
    if all_pages && case.has_no_attachment() && !case.is_list() {
        findings.push(Finding::new("page.alone", Category::Spam, 0.0, "a page without plain text"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{expect_in, part, text},
        examine::{Contents, PartKind, Text},
    };

    #[test]
    fn finds() {
        let page = || Text { source: TextSource::Html, ..text("Hej") };
        let of = |texts| Contents { texts, ..Contents::default() };
        for (contents, want) in [
            (of(vec![]), &[][..]),
            (of(vec![text("Hej")]), &[]),
            (of(vec![text("Hej"), page()]), &[]),
            (of(vec![page()]), &["page.alone"]),
            (
                Contents {
                    parts: vec![part(PartKind::Pdf, "", "faktura.pdf")],
                    ..of(vec![page()])
                },
                &[],
            ),
        ] {
            expect_in(&CHECK, contents, want);
        }
    }
}
