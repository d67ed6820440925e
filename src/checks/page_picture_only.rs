//! A page that is one picture with a link on it and hardly a word: text filters see nothing, the reader sees an advertisement.
//!
//! People who send photographs attach them or put them in the mail without a link; newsletters of pictures alone exist, so it cannot decide by itself.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, examine::PartKind};

pub(super) const CHECK: Check = Check {
    ids: &["page.picture_only"],
    about: "The mail is a picture with a link and hardly any text.",
    plain: "The mail is only a picture with a link.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let contents = case.contents;
    let page = &contents.page;
    let pictures = page.images.saturating_sub(page.tiny_images);
    let presses =
        contents.links.iter().any(|link| !link.fetched && link.scheme.starts_with("http"));
    // A plain text beside the page would say what the picture shows.
    let longest = contents.texts.iter().map(|text| letters(&text.shown)).max().unwrap_or_default();
    let documents =
        contents.parts.iter().any(|part| part.attachment && part.kind != PartKind::Image);
    if pictures > 0 && presses && longest < LETTERS_MAX && !documents {
        let because = format!("{pictures} pictures, {longest} letters");
        findings.push(Finding::new("page.picture_only", Category::Spam, 1.3, because));
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|letter| letter.is_alphabetic()).take(LETTERS_MAX).count()
}

/// An unsubscribe line is about this long.
const LETTERS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{expect_in, link, part, text},
        examine::{Contents, PageFacts},
    };

    fn page(images: u32, tiny_images: u32, shown: &str, target: &str) -> Contents {
        Contents {
            page: PageFacts { present: true, images, tiny_images, ..PageFacts::default() },
            texts: vec![text(shown)],
            links: vec![link(target, "")],
            ..Contents::default()
        }
    }

    #[test]
    fn finds() {
        let long = "Hej alla! ".repeat(20);
        for (contents, want) in [
            (page(1, 0, "", "https://shop.example/"), &["page.picture_only"][..]),
            (page(1, 0, &long, "https://shop.example/"), &[]),
            (page(1, 1, "", "https://shop.example/"), &[]),
            (page(1, 0, "Titta!", "mailto:a@example.org"), &[]),
            (page(0, 0, "", "https://shop.example/"), &[]),
        ] {
            expect_in(&CHECK, contents, want);
        }
        let mut with_document = page(1, 0, "", "https://shop.example/");
        with_document.parts.push(part(PartKind::Pdf, "application/pdf", "a.pdf"));
        expect_in(&CHECK, with_document, &[]);
    }
}
