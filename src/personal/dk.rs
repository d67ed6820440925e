//! Danish numbers: CPR; CVR as what it is not.
//!
//! `DDMMYY-SSSS`: birth date and a serial number whose first digit tells the century. Since 1 October 2007 numbers are given for which the sum with
//! weights 4 3 2 7 6 5 4 3 2 1 is not divisible by 11, so far for people born on 1 January of some years (CPR-kontoret, "Personnumre uden
//! kontrolciffer"). A stand-in number (erstatningspersonnummer) has the day plus 60.

use super::{
    Confidence, Date, Kind,
    checksum::weighted,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low, Medium};

/// `130558-5671`, the sum divisible.
const HYPHENATED: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };
/// Ten digits in a row or with a space, the sum divisible.
const BARE: Worth = Worth { labelled: Some(High), alone: Some(Low), contradicted: None };
/// No check digit: one in twenty-seven numbers begins with a day.
const UNCHECKED: Worth = Worth { labelled: Some(High), alone: None, contradicted: None };

/// CPR numbers.
pub(super) fn cpr(run: &Run<'_>, today: Date) -> Answer {
    let (groups, name) = match run.shape {
        [(6, Joint::Hyphen), (4, _), ..] => (2, HYPHEN),
        [(6, Joint::Space), (4, _), ..] => (2, SPACED),
        [(2, Joint::Space), (2, Joint::Space), (2, Joint::Space | Joint::Hyphen), (4, _), ..] => {
            (4, PAIRED)
        }
        [(10, _), ..] => (1, TEN),
        _ => return Answer::No,
    };
    let Some(ten) = digits::<10>(run.joined(groups).bytes()) else { return Answer::No };
    let [_, _, _, _, y1, y2, ..] = ten;
    // The other way round it is a day of late, as firms number by.
    let like_an_order = (1..=31).contains(&(y1 * 10 + y2));
    let name = if like_an_order && name == HYPHEN { HYPHEN_OF_LATE } else { name };
    let form = Form { groups, name };
    let apart = name == SPACED || name == PAIRED;
    if apart && run.comes_after(Joint::Space) {
        return Answer::No;
    }
    let Some(born) = born(&ten).filter(|date| *date <= today) else { return Answer::Fails(form) };
    let divisible = weighted(&ten, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11);
    let exempt = (born.month(), born.day()) == (1, 1) && (1960..=1995).contains(&born.year());
    let weaker = |worth: Worth| match like_an_order {
        true => Worth { alone: None, ..worth },
        false => worth,
    };
    // Stand-ins are rare: what can be read otherwise is that.
    let odds = match (divisible, ten) {
        (true, [..=3, ..]) => 11,
        (true, _) => 4,
        (false, _) => 3,
    };
    let (worth, odds) = match name {
        _ if !divisible && !exempt => (UNCHECKED, 2),
        HYPHEN | HYPHEN_OF_LATE => (weaker(HYPHENATED), odds),
        _ => (weaker(BARE), odds),
    };
    let worth = match name {
        PAIRED => worth.where_named(),
        SPACED if run.goes_on(groups) => worth.where_named(),
        _ => worth,
    };
    let value = ten.iter().map(|digit| char::from(b'0' + digit)).collect();
    let owner = Owner::person(Kind::DkCpr, value);
    Answer::Reads(Reading { owner, form, worth, odds })
}

/// As nothing else is that firms number.
pub(super) const HYPHEN: &str = "DDMMYY-SSSS";
const HYPHEN_OF_LATE: &str = "DDMMYY-SSSS of late";
const SPACED: &str = "DDMMYY SSSS";
const PAIRED: &str = "DD MM YY SSSS";
const TEN: &str = "DDMMYYSSSS";

/// The date of birth, with the century of the seventh digit.
fn born(ten: &[u8; 10]) -> Option<Date> {
    let [d1, d2, m1, m2, y1, y2, seventh, ..] = *ten;
    let day = d1 * 10 + d2;
    let day = if day > 60 { day - 60 } else { day };
    let year = u16::from(y1) * 10 + u16::from(y2);
    let century = match (seventh, year) {
        (0..=3, _) => 1900,
        (4 | 9, 37..) => 1900,
        (5..=8, 58..) => 1800,
        _ => 2000,
    };
    Date::new(century + year, m1 * 10 + m2, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    /// Born in the nineteenth century: nobody has these any more.
    #[test]
    fn numbers_of_the_dead_are_read() {
        for (text, want) in [
            ("130558-5671", "dk.cpr 1305585671"),
            ("130558 5671", "dk.cpr 1305585671"),
            ("1305585671", "dk.cpr 1305585671"),
            ("730558-5671", "dk.cpr 7305585671"),
            ("311299-8000", "dk.cpr 3112998000"),
            ("310458-5671", "fails"),
            ("130058-5671", "fails"),
            // In 2036.
            ("130536-5671", "fails"),
            ("12 130558 5671", "no"),
            ("130558-567", "no"),
        ] {
            assert_eq!(read(cpr, text, today()), want, "{text}");
        }
    }

    #[test]
    fn the_sum_makes_it_sure_but_not_possible() {
        let worth = |text: &str| {
            let groups = crate::personal::written::Groups::of(text.as_bytes());
            match cpr(&groups.run(0, text.as_bytes()), today()) {
                Answer::Reads(reading) => (reading.worth.alone, reading.odds),
                Answer::No | Answer::Fails(_) => panic!("{text}"),
            }
        };
        let divisible =
            (0..10).map(|last| format!("130558-567{last}")).filter(|text| worth(text).1 == 11);
        let divisible: Vec<String> = divisible.collect();
        assert!(divisible.len() <= 1, "{divisible:?}");
        assert_eq!(worth("010165-1000").0, Some(Medium), "born on 1 January");
        assert_eq!(worth("020165-1001").0, None);
    }
}
