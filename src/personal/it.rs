//! Italian numbers: codice fiscale.
//!
//! Sixteen letters and digits: three letters of surname and name each, year, a letter for the month, the day (plus 40 for women), four characters of the
//! place, a check letter: values of odd and even places summed modulo 26 (Decreto ministeriale 23.12.1976). Digits may be replaced by letters
//! (omocodia).

use super::{
    Confidence, Date, Kind,
    written::{Answer, Form, Owner, Reading, Run, Worth},
};
use Confidence::High;

const SIXTEEN: Worth = Worth { labelled: Some(High), alone: Some(High), contradicted: None };

/// Codice fiscale.
pub(super) fn codice_fiscale(run: &Run<'_>, _today: Date) -> Answer {
    let [(16, _), ..] = run.shape else { return Answer::No };
    let joined = run.joined(1);
    let upper: Vec<u8> = joined.bytes().iter().map(u8::to_ascii_uppercase).collect();
    let shaped = upper.iter().zip(SHAPE).all(|(byte, want)| match want {
        b'A' => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte),
    });
    let month = upper.get(8).is_some_and(|byte| b"ABCDEHLMPRST".contains(byte));
    if !shaped || !month || check(&upper) != upper.last().copied() {
        return Answer::No;
    }
    let value = upper.into_iter().map(char::from).collect();
    let kind = Kind::ItCodiceFiscale;
    let owner = Owner::person(kind, value);
    let form = Form { groups: 1, name: "CF" };
    Answer::Reads(Reading { owner, form, worth: SIXTEEN, odds: 26 })
}

const SHAPE: &[u8; 16] = b"AAAAAA99A99A999A";

fn check(sixteen: &[u8]) -> Option<u8> {
    let sum: usize = sixteen
        .iter()
        .take(15)
        .enumerate()
        .map(|(at, byte)| {
            let value = usize::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
            if at % 2 == 0 { ODD.get(value).copied().unwrap_or_default() } else { value }
        })
        .sum();
    u8::try_from(sum % 26).ok().map(|place| b'A' + place)
}

/// What a digit, or the letter in the same place of the alphabet, counts in an odd place.
const ODD: &[usize; 26] =
    &[1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn the_usual_example() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("RSSMRA85T10A562S", "it.codice-fiscale RSSMRA85T10A562S"),
            ("rssmra85t10a562s", "it.codice-fiscale RSSMRA85T10A562S"),
            ("RSSMRA85T10A562T", "no"),
            ("RSSMRA85Z10A562S", "no"),
            ("RSSMRA85T10A562", "no"),
        ] {
            assert_eq!(read(codice_fiscale, text, today), want, "{text}");
        }
    }
}
