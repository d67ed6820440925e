//! Bankgiro and plusgiro numbers: Luhn over all digits, seven or eight of a bankgiro number, two to eight of a plusgiro number.
//!
//! Bankgirot's manual "10-modul" has the check digit; a bankgiro number is written NNN-NNNN or NNNN-NNNN, a plusgiro number with its last digit
//! behind a hyphen and the others in pairs from the right. Without the hyphen a number wants its word right in front of it.

use super::{
    AccountKind,
    labels::Word,
    page::{Place, Reading, written},
};
use crate::personal::checksum::luhn;

/// A bankgiro number.
pub(super) fn bankgiro(place: Place<'_>) -> Option<Reading> {
    let start = place.tokens.first()?.start;
    let (groups, named) = match place.shape()[..] {
        [(3 | 4, b'-'), (4, joint), ..] if joint != b'-' => {
            let end = place.end(2);
            (2, place.page.is_near(start, end, Word::Bankgiro) || place.named().bankgiro)
        }
        [(3 | 4, b' '), (4, 0), ..] => (2, place.named().bankgiro),
        [(7 | 8, 0 | b' '), ..] => (1, place.named().bankgiro),
        _ => return None,
    };
    let digits = place.digits(groups)?;
    let good = digits.first() != Some(&0) && luhn(&digits);
    (good && named).then(|| Reading {
        kind: AccountKind::SeBankgiro,
        value: written(&digits),
        end: place.end(groups),
    })
}

/// A plusgiro number.
pub(super) fn plusgiro(place: Place<'_>) -> Option<Reading> {
    let start = place.tokens.first()?.start;
    let shape = place.shape();
    let before = shape.iter().take_while(|(length, joint)| *length <= 7 && *joint == b' ').count();
    let hyphened =
        matches!(shape.get(before..), Some([(1..=7, b'-'), (1, joint), ..]) if *joint != b'-');
    let (groups, named) = match hyphened {
        true if place.fresh => {
            let end = place.end(before + 2);
            (before + 2, place.page.is_near(start, end, Word::Plusgiro) || place.named().plusgiro)
        }
        true => return None,
        false => match shape.first() {
            Some((3..=8, 0 | b' ')) => (1, place.named().plusgiro),
            Some(_) | None => return None,
        },
    };
    let digits = place.digits(groups)?;
    let good = (2..=8).contains(&digits.len()) && digits.first() != Some(&0) && luhn(&digits);
    (good && named).then(|| Reading {
        kind: AccountKind::SePlusgiro,
        value: written(&digits),
        end: place.end(groups),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::personal::accounts::page::Page;

    /// A seven-digit number written as a bankgiro number, where it has the check digit.
    pub(in crate::personal::accounts) fn with_check_digit(number: u32) -> Option<String> {
        let text = number.to_string();
        let digits: Vec<u8> = text.bytes().map(|byte| byte - b'0').collect();
        luhn(&digits).then(|| format!("{}-{}", &text[..3], &text[3..]))
    }

    fn read(text: &str) -> Option<String> {
        let page = Page::of(text.as_bytes());
        let found = page.readings().next();
        found.map(|reading| format!("{} {}", reading.kind.word(), reading.value))
    }

    /// Numbers that their owners publish: the tax agency, the social insurance agency, Bankgirot, a collection in aid of others, the central bank.
    #[test]
    fn published_numbers() {
        for (text, want) in [
            ("Bankgiro 5050-1055", "se.bankgiro 50501055"),
            ("Bankgironr: 160-9908", "se.bankgiro 1609908"),
            ("BG 902-0033", "se.bankgiro 9020033"),
            ("bg 9020033", "se.bankgiro 9020033"),
            ("bankgiro 5402-9681", "se.bankgiro 54029681"),
            ("Plusgiro 28 65 43-4", "se.plusgiro 2865434"),
            ("PG 410 54 68-5", "se.plusgiro 41054685"),
            ("plusgiro 4-2", "se.plusgiro 42"),
            ("plusgiro: 2865434", "se.plusgiro 2865434"),
        ] {
            assert_eq!(read(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn a_number_wants_its_word_and_its_check_digit() {
        for text in [
            "Bankgiro 5050-1054",
            "Bankgiro 050-1055",
            "Bankgiro 50-501055",
            "Bankgiro 505010550",
            "Plusgiro 4-3",
            "Plusgiro 123456789-7",
            "bankgiro 12 34 56-6",
            "plusgiro 5050-1055",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
