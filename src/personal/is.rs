//! Icelandic numbers: kennitala.
//!
//! `DDMMYY-NNKC`: birth date, two digits from 20, a check digit modulo 11 with weights 3 2 7 6 5 4 3 2, and the century: 8, 9 or 0 (Registers
//! Iceland, "Um kennitölur"). A firm has the day plus 40. NN 14 and 15 serve for tests. A number of the system register (kerfiskennitala) begins
//! with 8 or 9 and says nothing else.

use super::{
    Confidence, Date, Kind,
    checksum::weighted,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low, Medium};

const HYPHENATED: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };
const BARE: Worth = Worth { labelled: Some(High), alone: Some(Low), contradicted: None };
/// Nothing in it can be checked.
const OF_THE_SYSTEM: Worth = Worth { labelled: Some(High), alone: None, contradicted: None };

/// Kennitala of a person, or of a firm as what it is not.
pub(super) fn kennitala(run: &Run<'_>, today: Date) -> Answer {
    let (groups, name) = match run.shape {
        [(6, Joint::Hyphen), (4, _), ..] => (2, HYPHEN),
        [(6, Joint::Space), (4, _), ..] => (2, SPACED),
        [(10, _), ..] => (1, TEN),
        _ => return Answer::No,
    };
    let form = Form { groups, name };
    let Some(ten) = digits::<10>(run.joined(groups).bytes()) else { return Answer::No };
    if name == SPACED && run.goes_on(groups) {
        return Answer::No;
    }
    let person = || {
        let value = ten.iter().map(|digit| char::from(b'0' + digit)).collect();
        Owner::person(Kind::IsKennitala, value)
    };
    let [d1, d2, m1, m2, y1, y2, n1, n2, _, c] = ten;
    if d1 >= 8 {
        return Answer::Reads(Reading { owner: person(), form, worth: OF_THE_SYSTEM, odds: 1 });
    }
    let century = match c {
        8 => 1800,
        9 => 1900,
        0 => 2000,
        _ => return Answer::No,
    };
    let (day, firm) = match d1 * 10 + d2 {
        day @ 41..=71 => (day - 40, true),
        day => (day, false),
    };
    let year = century + u16::from(y1) * 10 + u16::from(y2);
    let born = Date::new(year, m1 * 10 + m2, day).is_some_and(|date| date <= today);
    let given = n1 * 10 + n2 >= FIRST_GIVEN || firm;
    if !born || !given || !weighted(&ten, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11) {
        return Answer::No;
    }
    let worth = if name == HYPHEN { HYPHENATED } else { BARE };
    // The other way round it is a day of late, as firms number by.
    let like_an_order = (1..=31).contains(&(y1 * 10 + y2));
    let worth = if like_an_order { Worth { alone: None, ..worth } } else { worth };
    let owner = if firm { Owner::Business } else { person() };
    Answer::Reads(Reading { owner, form, worth, odds: 36 })
}

const HYPHEN: &str = "DDMMYY-NNKC";
const SPACED: &str = "DDMMYY NNKC";
const TEN: &str = "DDMMYYNNKC";
/// 20 in the register, 14 and 15 for tests.
const FIRST_GIVEN: u8 = 14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    fn made(eight: &str, century: char) -> String {
        let values: Vec<u8> = eight.bytes().map(|byte| byte - b'0').collect();
        let check = (11 - weighted(&values, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        format!("{}-{}{check}{century}", &eight[..6], &eight[6..])
    }

    #[test]
    fn test_numbers_firms_and_the_system() {
        let person = made("01018514", '9');
        let value = person.replace('-', "");
        for text in [person.clone(), value.clone(), person.replace('-', " ")] {
            assert_eq!(read(kennitala, &text, today()), format!("is.kennitala {value}"), "{text}");
        }
        assert_eq!(read(kennitala, &made("41018514", '9'), today()), "business");
        assert_eq!(read(kennitala, &made("01018514", '7'), today()), "no");
        assert_eq!(read(kennitala, &made("32018514", '9'), today()), "no");
        assert_eq!(read(kennitala, "812345-6789", today()), "is.kennitala 8123456789");
    }
}
