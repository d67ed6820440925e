//! American numbers: Social Security number.
//!
//! `AAA-GG-SSSS`, where 000, 666 and 900 to 999 are no areas, 00 no group and 0000 no serial number (SSA, "Social Security Number Randomization"). There is
//! no check digit, so it takes a label.

use super::{
    Confidence, Date, Kind,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low};

const HYPHENATED: Worth = Worth { labelled: Some(High), alone: Some(Low), contradicted: None };
const BARE: Worth = Worth { labelled: Some(High), alone: None, contradicted: None };

/// SSN.
pub(super) fn ssn(run: &Run<'_>, _today: Date) -> Answer {
    let (groups, worth) = match run.shape {
        [(3, Joint::Hyphen), (2, Joint::Hyphen), (4, _), ..] => (3, HYPHENATED),
        [(3, Joint::Space), (2, Joint::Space), (4, _), ..] => (3, BARE),
        [(9, _), ..] => (1, BARE),
        _ => return Answer::No,
    };
    let joined = run.joined(groups);
    let Some(nine) = digits::<9>(joined.bytes()) else { return Answer::No };
    let possible = !matches!(
        nine,
        [0, 0, 0, ..] | [6, 6, 6, ..] | [9, ..] | [_, _, _, 0, 0, ..] | [.., 0, 0, 0, 0]
    ) || PUBLISHED.contains(&joined.bytes());
    if !possible {
        return Answer::No;
    }
    let owner = Owner::person(Kind::UsSsn, joined.text());
    let form = Form { groups, name: "SSN" };
    Answer::Reads(Reading { owner, form, worth, odds: 1 })
}

/// Printed on cards in shops and in leaflets; nobody's.
const PUBLISHED: &[&[u8]] = &[b"078051120", b"219099999"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn areas_groups_and_serial_numbers_that_are_none() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("078-05-1120", "us.ssn 078051120"),
            ("219 09 9999", "us.ssn 219099999"),
            ("219099999", "us.ssn 219099999"),
            ("000-05-1120", "no"),
            ("666-05-1120", "no"),
            ("978-05-1120", "no"),
            ("078-00-1120", "no"),
            ("078-05-0000", "no"),
            ("078-5-1120", "no"),
        ] {
            assert_eq!(read(ssn, text, today), want, "{text}");
        }
    }
}
