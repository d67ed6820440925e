//! Norwegian numbers: fødselsnummer, D-nummer, H-nummer.
//!
//! `DDMMYYIIIKK`: birth date, an individual number that tells the century, and two check digits modulo 11 with the weights 3 7 6 1 8 9 4 5 2 and
//! 5 4 3 2 7 6 5 4 3 2 (Skatteetaten, "Fødselsnummer"). A D-nummer has the day plus 40; a hospital's H-nummer the month plus 40. Synthetic persons
//! have the month plus 80 (Tenor) or plus 40 (NAV). Numbers given from 2032 on may have a first check digit with which the sum leaves 0 to 3
//! (Skatteetaten, "Ny fødselsnummer-ordning, PID"), and their individual number tells no century.

use super::{
    Confidence, Date, Kind,
    checksum::weighted,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low};

/// Date and two check digits: one in 3,300 random numbers of eleven digits.
const ELEVEN: Worth = Worth { labelled: Some(High), alone: Some(High), contradicted: Some(Low) };
/// Only a label tells it from a fødselsnummer of a synthetic person.
const HOSPITAL: Worth = Worth { labelled: Some(High), alone: None, contradicted: None };

/// Fødselsnummer and D-nummer.
pub(super) fn fodselsnummer(run: &Run<'_>, today: Date) -> Answer {
    let (form, eleven) = match written(run) {
        Some(written) => written,
        None => return Answer::No,
    };
    let [d1, ..] = eleven;
    let kind = if d1 >= 4 { Kind::NoDNummer } else { Kind::NoFodselsnummer };
    match holds(&eleven, today) {
        true => Answer::Reads(Reading {
            owner: Owner::person(kind, value(&eleven)),
            form,
            worth: match form.name {
                PAIRED => ELEVEN.where_named(),
                SPACED if run.goes_on(form.groups) => ELEVEN.where_named(),
                _ => ELEVEN,
            },
            odds: 121,
        }),
        false => Answer::Fails(form),
    }
}

/// A hospital's number of somebody who has none: the month plus 40.
pub(super) fn h_nummer(run: &Run<'_>, today: Date) -> Answer {
    let Some((form, eleven)) = written(run) else { return Answer::No };
    let [_, _, m1, ..] = eleven;
    if !(4..=5).contains(&m1) || !holds(&eleven, today) {
        return Answer::No;
    }
    let owner = Owner::person(Kind::NoHNummer, value(&eleven));
    Answer::Reads(Reading { owner, form, worth: HOSPITAL, odds: 121 })
}

fn written(run: &Run<'_>) -> Option<(Form, [u8; 11])> {
    let (groups, name) = match run.shape {
        [(11, _), ..] => (1, BARE),
        [(6, Joint::Hyphen), (5, _), ..] => (2, HYPHEN),
        [(6, Joint::Space), (5, _), ..] => (2, SPACED),
        [(6, Joint::Space), (3, Joint::Space), (2, _), ..] => (3, SPACED),
        [(2, Joint::Space), (2, Joint::Space), (2, Joint::Space | Joint::Hyphen), (5, _), ..] => {
            (4, PAIRED)
        }
        _ => return None,
    };
    let eleven = digits(run.joined(groups).bytes())?;
    let apart = name == SPACED || name == PAIRED;
    (!apart || !run.comes_after(Joint::Space)).then_some((Form { groups, name }, eleven))
}

const BARE: &str = "NO DDMMYYNNNNN";
const HYPHEN: &str = "NO DDMMYY-NNNNN";
const SPACED: &str = "NO DDMMYY NNNNN";
const PAIRED: &str = "NO DD MM YY NNNNN";

fn holds(eleven: &[u8; 11], today: Date) -> bool {
    let new = today.year() >= NEW_NUMBERS_FROM;
    let first = weighted(eleven, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11;
    let second = weighted(eleven, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11;
    second == 0
        && ((first == 0 && is_born(eleven, today))
            || (new && first <= 3 && is_dated(eleven, today)))
}

/// Day and month as written, without what was added to them.
fn day_and_month(eleven: &[u8; 11]) -> (u8, u8) {
    let [d1, d2, m1, m2, ..] = *eleven;
    let (day, month) = (d1 * 10 + d2, m1 * 10 + m2);
    let month = match month {
        81..=92 => month - 80,
        41..=52 => month - 40,
        plain => plain,
    };
    (if day > 40 { day - 40 } else { day }, month)
}

/// Is it the date of somebody who is born, in the century of the individual number?
fn is_born(eleven: &[u8; 11], today: Date) -> bool {
    let (day, month) = day_and_month(eleven);
    let [_, _, _, _, y1, y2, i1, i2, i3, ..] = *eleven;
    let year = u16::from(y1) * 10 + u16::from(y2);
    let individual = u16::from(i1) * 100 + u16::from(i2) * 10 + u16::from(i3);
    let century = match (individual, year) {
        (0..=499, _) => 1900,
        (500..=749, 54..) => 1800,
        (500..=999, ..=39) => 2000,
        (900..=999, 40..) => 1900,
        _ => return false,
    };
    Date::new(century + year, month, day).is_some_and(|date| date <= today)
}

/// Is it a day at all?
fn is_dated(eleven: &[u8; 11], today: Date) -> bool {
    let (day, month) = day_and_month(eleven);
    let [_, _, _, _, y1, y2, ..] = *eleven;
    let year = u16::from(y1) * 10 + u16::from(y2);
    let of = |century: u16| Date::new(century + year, month, day).is_some_and(|date| date <= today);
    of(1900) || of(2000)
}

fn value(eleven: &[u8; 11]) -> String {
    eleven.iter().map(|digit| char::from(b'0' + digit)).collect()
}

/// The first year of the new numbers.
const NEW_NUMBERS_FROM: u16 = 2032;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    /// Of a synthetic person: the month plus 80, both check digits computed here.
    fn made(nine: &str) -> String {
        let values: Vec<u8> = nine.bytes().map(|byte| byte - b'0').collect();
        let first = (11 - weighted(&values, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
        let ten = format!("{nine}{first}");
        let values: Vec<u8> = ten.bytes().map(|byte| byte - b'0').collect();
        let second = (11 - weighted(&values, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        format!("{ten}{second}")
    }

    #[test]
    fn synthetic_persons_of_every_series() {
        for (nine, kind) in [
            ("018158240", "no.fodselsnummer"),
            ("154198302", "no.fodselsnummer"),
            ("318812503", "no.fodselsnummer"),
            ("298300512", "no.fodselsnummer"),
            ("418158242", "no.d-nummer"),
            ("718190314", "no.d-nummer"),
        ] {
            let number = made(nine);
            // Ten is no check digit: such numbers are not given.
            assert_eq!(number.len(), 11, "{nine}");
            let want = format!("{kind} {number}");
            for text in [
                number.clone(),
                format!("{} {}", &number[..6], &number[6..]),
                format!("{}-{}", &number[..6], &number[6..]),
                format!("{} {} {}", &number[..6], &number[6..9], &number[9..]),
            ] {
                assert_eq!(read(fodselsnummer, &text, today()), want, "{text}");
            }
        }
    }

    #[test]
    fn a_wrong_digit_a_day_that_is_none_and_the_unborn_fail() {
        let right = made("018158240");
        for at in 0..11 {
            let mut wrong = right.clone().into_bytes();
            wrong[at] = b'0' + (wrong[at] - b'0' + 1) % 10;
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(read(fodselsnummer, &wrong, today()), "fails", "{wrong}");
        }
        assert_eq!(read(fodselsnummer, &made("308258241"), today()), "fails");
        assert_eq!(read(fodselsnummer, &made("018130601"), today()), "fails", "in 2030");
        assert_eq!(read(fodselsnummer, "1234 010158 24000", today()), "no");
    }

    #[test]
    fn from_2032_the_first_check_digit_is_weaker_and_the_second_is_not() {
        let later = Date::new(2033, 5, 1).unwrap();
        let right = made("018158240");
        let mut seen = 0;
        for first in 0..=9 {
            for second in 0..=9 {
                let number = format!("{}{first}{second}", &right[..9]);
                if read(fodselsnummer, &number, later) != "fails" {
                    seen += 1;
                }
            }
        }
        assert_eq!(
            seen, 4,
            "remainders 0 to 3, each with one second digit, if none of them is ten"
        );
        assert_ne!(read(fodselsnummer, &right, later), "fails");
    }

    #[test]
    fn a_hospitals_number_has_another_month() {
        assert_eq!(
            read(h_nummer, &made("014158240"), today()),
            format!("no.h-nummer {}", made("014158240"))
        );
        assert_eq!(read(h_nummer, &made("018158240"), today()), "no");
    }
}
