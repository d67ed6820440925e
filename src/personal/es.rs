//! Spanish numbers: DNI and NIE.
//!
//! Eight digits and a letter by the remainder of 23; of a foreigner X, Y or Z (as 0, 1, 2), seven digits and the letter (Ministerio del Interior, "Cálculo
//! del dígito de control del NIF-NIE").

use super::{
    Confidence, Date, Kind,
    checksum::number,
    written::{Answer, Form, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Medium};

const NINE: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };

/// DNI or NIE.
pub(super) fn dni(run: &Run<'_>, _today: Date) -> Answer {
    // The letter of `12345678-Z` holds no digit and is no group of its own.
    let (taken, letter) = match (run.shape, run.ahead()) {
        ([(9, _), ..], [..]) => (run.joined(1), None),
        ([(8, _), ..], [_, _, _, _, _, _, _, _, b'-' | b' ', letter, ..]) => {
            (run.joined(1), Some(*letter))
        }
        _ => return Answer::No,
    };
    let (body, letter) = match (taken.bytes(), letter) {
        ([body @ .., letter], None) => (body, *letter),
        (body, Some(letter)) => (body, letter),
        ([], None) => return Answer::No,
    };
    let Some(first) = body.first() else { return Answer::No };
    let first = match first.to_ascii_uppercase() {
        b'X' => b'0',
        b'Y' => b'1',
        b'Z' => b'2',
        digit => digit,
    };
    let mut plain = [first; 8];
    let Some((rest, from)) = plain.get_mut(1..).zip(body.get(1..)) else { return Answer::No };
    if rest.len() != from.len() {
        return Answer::No;
    }
    rest.copy_from_slice(from);
    let Some(eight) = digits::<8>(&plain) else { return Answer::No };
    let place = usize::try_from(number(&eight) % 23).ok();
    if place.and_then(|place| LETTERS.get(place)) != Some(&letter.to_ascii_uppercase()) {
        return Answer::No;
    }
    let value = body.iter().chain([&letter]).map(|byte| char::from(byte.to_ascii_uppercase()));
    let owner = Owner::person(Kind::EsDni, value.collect());
    let form = Form { groups: 1, name: "DNI" };
    Answer::Reads(Reading { owner, form, worth: NINE, odds: 23 })
}

const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn a_letter_checks_it() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("12345678Z", "es.dni 12345678Z"),
            ("12345678z", "es.dni 12345678Z"),
            ("12345678-Z", "es.dni 12345678Z"),
            ("X1234567L", "es.dni X1234567L"),
            ("12345678A", "no"),
            ("1234567Z", "no"),
            ("123456789", "no"),
        ] {
            assert_eq!(read(dni, text, today), want, "{text}");
        }
    }
}
