//! Polish numbers: PESEL.
//!
//! `YYMMDDSSSSK`: the month tells the century (plus 80 for the 1800s, 20 for the 2000s, 40 and 60 for the next two), weights 1 3 7 9 1 3 7 9 1 3, the sum
//! with the last digit divisible by ten (gov.pl, "Czym jest numer PESEL").

use super::{
    Confidence, Date, Kind,
    checksum::weighted,
    written::{Answer, Form, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Medium};

const ELEVEN: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };

/// PESEL.
pub(super) fn pesel(run: &Run<'_>, today: Date) -> Answer {
    let [(11, _), ..] = run.shape else { return Answer::No };
    let joined = run.joined(1);
    let Some(eleven) = digits::<11>(joined.bytes()) else { return Answer::No };
    let [y1, y2, m1, m2, d1, d2, ..] = eleven;
    let (century, month) = match m1 * 10 + m2 {
        month @ 1..=12 => (1900, month),
        month @ 21..=32 => (2000, month - 20),
        month @ 81..=92 => (1800, month - 80),
        _ => return Answer::No,
    };
    let year = century + u16::from(y1) * 10 + u16::from(y2);
    let born = Date::new(year, month, d1 * 10 + d2).is_some_and(|date| date <= today);
    if !born || !weighted(&eleven, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10) {
        return Answer::No;
    }
    let form = Form { groups: 1, name: "PESEL" };
    let owner = Owner::person(Kind::PlPesel, joined.text());
    Answer::Reads(Reading { owner, form, worth: ELEVEN, odds: 10 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn the_month_tells_the_century() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            // Of 3 July 1802, and of 14 May 1944, the usual example.
            ("02870300013", "pl.pesel 02870300013"),
            ("44051401359", "pl.pesel 44051401359"),
            ("44051401358", "no"),
            ("44053201359", "no"),
            ("4405140135", "no"),
        ] {
            assert_eq!(read(pesel, text, today), want, "{text}");
        }
    }
}
