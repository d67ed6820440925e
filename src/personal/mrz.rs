//! The machine-readable lines of passports and identity cards (ICAO Doc 9303).
//!
//! Capital letters, digits and `<`; dates and numbers each have a check digit: weights 7 3 1, letters from 10, modulo 10. The line that holds date of birth and
//! date of expiry is the one that is read: the second line of a passport (44), of a visa or old card (36), or of a card with three lines (30).

use super::{
    Confidence, Date, Kind,
    written::{Answer, Form, Owner, Reading, Run, Worth},
};
use Confidence::High;

/// Three check digits in a form that nothing else has.
const LINE: Worth = Worth { labelled: Some(High), alone: Some(High), contradicted: Some(High) };

/// A line of a document.
pub(super) fn mrz(run: &Run<'_>, _today: Date) -> Answer {
    let ahead = run.ahead();
    // Nearly no number is the beginning of so many capitals and digits.
    if !ahead.get(TD1 - 1).is_some_and(|byte| is_mrz(*byte)) {
        return Answer::No;
    }
    let length = ahead.iter().take(TD3 + 1).take_while(|byte| is_mrz(**byte)).count();
    let line = ahead.get(..length).unwrap_or_default();
    // Number, country, birth, sex, expiry; or birth, sex, expiry, country.
    let (number, birth, expiry) = match length {
        TD3 | TD2 => (line.get(..10), line.get(13..20), line.get(21..28)),
        TD1 => (None, line.get(..7), line.get(8..15)),
        _ => return Answer::No,
    };
    let holds = |field: Option<&[u8]>| field.is_some_and(is_checked);
    let number_holds = length == TD1 || holds(number);
    let marked = line.contains(&b'<');
    if !marked
        || !number_holds
        || !holds(birth)
        || !holds(expiry)
        || !dated(birth)
        || !dated(expiry)
    {
        return Answer::No;
    }
    let value = line.iter().copied().map(char::from).collect();
    let groups = run.groups_within(length);
    let owner = Owner::person(Kind::Mrz, value);
    Answer::Reads(Reading { owner, form: Form { groups, name: "MRZ" }, worth: LINE, odds: 1_000 })
}

const TD3: usize = 44;
const TD2: usize = 36;
const TD1: usize = 30;

fn is_mrz(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<'
}

/// Does the last character check those before it?
fn is_checked(field: &[u8]) -> bool {
    let Some((check, rest)) = field.split_last() else { return false };
    let sum: u32 = rest
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(byte, weight)| weight * value(*byte))
        .sum();
    check.is_ascii_digit() && sum % 10 == u32::from(check - b'0')
}

fn value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    }
}

/// Six digits of a day; what is not known of it is `<`.
fn dated(field: Option<&[u8]>) -> bool {
    let Some([_, _, m1, m2, d1, d2, _]) = field else { return false };
    let two = |tens: u8, ones: u8| match (tens, ones) {
        (b'<', b'<') => Some(1),
        (b'0'..=b'9', b'0'..=b'9') => Some((tens - b'0') * 10 + ones - b'0'),
        _ => None,
    };
    matches!(two(*m1, *m2), Some(1..=12)) && matches!(two(*d1, *d2), Some(1..=31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    /// The examples of ICAO Doc 9303, of the state of Utopia.
    #[test]
    fn utopians_are_read() {
        let today = Date::new(2026, 11, 21).unwrap();
        for line in [
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
            "D231458907UTO7408122F1204159<<<<<<<6",
            "7408122F1204159UTO<<<<<<<<<<<6",
        ] {
            assert_eq!(read(mrz, line, today), format!("mrz {line}"));
            let wrong = line.replacen("740812", "740813", 1);
            assert_eq!(read(mrz, &wrong, today), "no", "{wrong}");
            assert_eq!(read(mrz, &line.replace('<', "0"), today), "no");
        }
    }
}
