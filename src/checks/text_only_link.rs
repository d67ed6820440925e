//! A mail that says nothing but a link. Friends do send each other bare links, so it weighs little; a short link, which hides where it leads,
//! or no subject either, weighs more. Attachments and answers to somebody are left alone.

use super::{Case, Check, Finding, known::hosts::is_shortener, read::hosts};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["text.only_link"],
    about: "The mail consists of a link and hardly any text.",
    plain: "The mail is only a link.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let contents = case.contents;
    let header = case.mail.header;
    let Some(link) =
        contents.links.iter().find(|link| !link.fetched && link.scheme.starts_with("http"))
    else {
        return;
    };
    let letters: usize = contents
        .texts
        .iter()
        .map(|text| letters_beside_links(&text.shown))
        .max()
        .unwrap_or_default();
    let answers = header.count("In-Reply-To") + header.count("References") > 0;
    if letters >= LETTERS_MAX || contents.page.images > 0 || answers || !case.has_no_attachment() {
        return;
    }
    let hides = hosts::owner(&link.host).is_some_and(|owner| is_shortener(&owner));
    let nameless = header.text("Subject").is_none_or(|subject| subject.trim().is_empty());
    let weight = if hides || nameless { 1.5 } else { 0.5 };
    findings.push(Finding::new(
        "text.only_link",
        Category::Spam,
        weight,
        format!("{letters} letters beside a link"),
    ));
}

/// Letters in words that are no web addresses.
fn letters_beside_links(text: &str) -> usize {
    text.split_whitespace()
        .filter(|word| !word.contains("://") && !word.starts_with("www."))
        .flat_map(str::chars)
        .filter(|letter| letter.is_alphabetic())
        .take(LETTERS_MAX)
        .count()
}

/// A greeting and a name.
const LETTERS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, expect_in, links, mail, text},
        examine::Contents,
    };

    #[test]
    fn finds() {
        let holding = |shown: &str| Contents {
            texts: vec![text(shown)],
            ..links(&[("https://shop.example/a", "")])
        };
        for (shown, want) in [
            ("https://shop.example/a", &["text.only_link"][..]),
            ("hej https://shop.example/a", &["text.only_link"]),
            ("Här är länken som vi pratade om: https://shop.example/a", &[]),
        ] {
            expect_in(&CHECK, holding(shown), want);
        }
        expect_in(&CHECK, Contents { texts: vec![text("hej")], ..Contents::default() }, &[]);
        let answer =
            mail("a@example.org", "Sv: x").replace("MIME", "In-Reply-To: <1@ours.example>\nMIME");
        expect(&CHECK, &Setting::holding(holding("https://shop.example/a")), &answer, &[]);
    }
}
