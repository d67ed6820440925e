//! multipart/alternative whose plain text and page say different things, RFC 2046 section 5.1.4: a harmless text for filters, another for the reader.
//!
//! Compared by words, so layout does not matter. A plain part that only says "your program cannot show this" is too short to count.

use super::{Case, Check, Finding};
use crate::{
    config::policy::Category,
    examine::{Text, TextSource},
};
use std::collections::HashSet;

pub(super) const CHECK: Check = Check {
    ids: &["text.alternatives_differ"],
    about: "The plain text and the page of the same mail have hardly a word in common.",
    plain: "The mail says different things to different programs.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let texts = &case.contents.texts;
    let plain = texts.iter().filter(|text| text.source == TextSource::Plain);
    let beside = |plain: &Text| {
        texts.iter().find(|text| {
            text.source == TextSource::Html && parent(&text.part) == parent(&plain.part)
        })
    };
    for text in plain {
        let Some(page) = beside(text) else { continue };
        let (plain, page) = (text.shown.to_lowercase(), page.shown.to_lowercase());
        let (said, shown) = (words(&plain), words(&page));
        let common = said.intersection(&shown).count();
        if said.len() >= WORDS_MIN
            && shown.len() >= WORDS_MIN
            && common * 10 < said.len().min(shown.len())
        {
            let because = format!("{common} common words of {} and {}", said.len(), shown.len());
            findings.push(
                Finding::new("text.alternatives_differ", Category::Spam, 1.5, because)
                    .in_part(&text.part, ""),
            );
            return;
        }
    }
}

/// The multipart that a part is directly in.
fn parent(part: &str) -> &str {
    part.rsplit_once('.').map(|(parent, _)| parent).unwrap_or_default()
}

/// The longer words, which carry the meaning.
fn words(text: &str) -> HashSet<&str> {
    text.split(|letter: char| !letter.is_alphabetic())
        .filter(|word| word.chars().nth(WORD_LETTERS_MIN - 1).is_some())
        .take(WORDS_COMPARED_MAX)
        .collect()
}

/// Shorter ones stand in every text.
const WORD_LETTERS_MIN: usize = 4;
/// Fewer are a sentence about mail programs.
const WORDS_MIN: usize = 25;
/// More would change nothing and cost time.
const WORDS_COMPARED_MAX: usize = 3_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checks::testing::expect_in, examine::Contents};

    const LETTERS: &str = "alpha bravo charlie delta echoes foxtrot golfing hotel indiana juliet kilometre limas mikes november oscar papal quebec romeo sierra tango uniform victor whisky xrays yankee zulus";
    const SHIP: &str = "anchor ballast capstan davits ensign fairlead gangway halyard inboard jackstay keelson lanyard moorings nautical outrigger pontoon quarterdeck rudder stanchion tackle unmoor vessel windlass yardarm zenith oars";

    fn texts(plain: (&str, &str), page: (&str, &str)) -> Contents {
        let text = |source, (part, shown): (&str, &str)| Text {
            part: part.to_string(),
            source,
            shown: shown.to_string(),
            hidden: String::new(),
        };
        Contents {
            texts: vec![text(TextSource::Plain, plain), text(TextSource::Html, page)],
            ..Contents::default()
        }
    }

    #[test]
    fn finds() {
        for (contents, want) in [
            (texts(("1", LETTERS), ("2", LETTERS)), &[][..]),
            (texts(("1", LETTERS), ("2", SHIP)), &["text.alternatives_differ"]),
            (texts(("1.1", LETTERS), ("1.2", SHIP)), &["text.alternatives_differ"]),
            (texts(("1.1", LETTERS), ("2.1", SHIP)), &[]),
            (texts(("1", "Your program cannot show this mail."), ("2", SHIP)), &[]),
        ] {
            expect_in(&CHECK, contents, want);
        }
    }
}
