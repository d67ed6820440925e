//! Swedish numbers: personnummer, samordningsnummer, interim numbers; organisationsnummer as what they are not.
//!
//! `[CC]YYMMDD[-+]NNNC`: birth date, serial number, a Luhn check digit over the ten last digits (Skatteverket SKV 704).
//! The sign is `+` from the year in which one turns 100. A samordningsnummer has the day plus 60 (SKV 707); where the
//! date of birth is not known, month 00 and day 60 are legal. An interim number has a letter for the first serial digit,
//! which counts as 1. An organisationsnummer has at least 20 where the month would stand, so it never collides;
//! a sole trader's is the owner's personnummer and is read as that.

use super::{
    Confidence, Date, Kind,
    checksum::{luhn, number},
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low, Medium};

// What each way of writing is worth.

/// Written as only a personnummer is: `19850709-9805`; or `198507099805`, one in 27,000 random numbers.
const UNMISTAKABLE: Worth =
    Worth { labelled: Some(High), alone: Some(High), contradicted: Some(Medium) };
/// `850709-9805`; and `20150709-9805`, which may also be a day and a serial number.
const HYPHENATED: Worth =
    Worth { labelled: Some(High), alone: Some(Medium), contradicted: Some(Low) };
/// `198507099805` where a label says it is something else.
const TWELVE_DIGITS: Worth = Worth { contradicted: None, ..UNMISTAKABLE };
/// `201507099805`: orders are numbered so.
const TWELVE_DIGITS_OF_LATE: Worth = Worth { contradicted: None, ..HYPHENATED };
/// `8507099805`, `850709 9805`, `201507091230`: as good as any number without a label.
const BARE: Worth = Worth { labelled: Some(High), alone: Some(Low), contradicted: None };
/// `0701234567`: ten digits from 0 are a telephone number unless a label says otherwise.
const LIKE_A_TELEPHONE: Worth = Worth { labelled: Some(High), alone: None, contradicted: None };
/// `SE850709980501`: a sole trader's VAT number is his personnummer, and it is public.
const VAT: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: Some(Medium) };

/// Personnummer, samordningsnummer and interim numbers.
pub(super) fn identity_number(run: &Run<'_>, today: Date) -> Answer {
    let Some(form) = form(run) else { return Answer::No };
    let Some(written) = Written::read(run, form) else { return Answer::No };
    let apart = form.name == SPACED || form.name == PAIRED;
    if apart && run.comes_after(Joint::Space) {
        return Answer::No;
    }
    match written.kind_and_year(today) {
        Some((kind, year)) if luhn(&written.ten) => Answer::Reads(Reading {
            worth: match written.worth(form, kind, today.year().saturating_sub(year)) {
                worth if form.name == PAIRED => worth.where_named(),
                worth if apart && run.goes_on(form.groups) => worth.where_named(),
                worth => worth,
            },
            owner: Owner::person(kind, written.canonical(year)),
            form,
            // Before a Dane whose number is as unlikely: where only a shared word says what it is, most here are Swedes.
            odds: 12,
        }),
        Some(_) | None => Answer::Fails(form),
    }
}

/// A firm's number: 10 digits or 12 with the prefix 16, third digit from 2, Luhn.
pub(super) fn organisation_number(run: &Run<'_>, _today: Date) -> Answer {
    let (name, groups) = match run.shape {
        [(6, Joint::Hyphen), (4, _), ..] => (HYPHEN, 2),
        [(10 | 12 | 14, _), ..] => (TEN, 1),
        _ => return Answer::No,
    };
    let joined = run.joined(groups);
    let ten = match joined.bytes() {
        [b'1', b'6', ten @ ..] if ten.len() == 10 => ten,
        [b'S' | b's', b'E' | b'e', ten @ .., b'0', _] if ten.len() == 10 => ten,
        ten => ten,
    };
    match digits::<10>(ten) {
        Some(ten @ [_, _, 2..=9, ..]) if luhn(&ten) => Answer::Reads(Reading {
            owner: Owner::Business,
            form: Form { groups, name },
            worth: HYPHENATED,
            odds: 10,
        }),
        Some(_) | None => Answer::No,
    }
}

/// How it is written, by the lengths of the groups alone.
fn form(run: &Run<'_>) -> Option<Form> {
    use Joint::{Hyphen, Plus, Space};
    let (groups, name) = match run.shape {
        [(8, Hyphen), (4, _), ..] => (2, CENTURY_HYPHEN),
        [(8, Plus), (4, _), ..] => (2, CENTURY_PLUS),
        [(4, Hyphen), (2, Hyphen), (2, Hyphen), (4, _), ..] => (4, CENTURY_HYPHEN),
        [(12, _), ..] => (1, TWELVE),
        [(6, Hyphen), (4, _), ..] => (2, HYPHEN),
        [(6, Plus), (4, _), ..] => (2, PLUS),
        [(2, Hyphen), (2, Hyphen), (2, Hyphen), (4, _), ..] => (4, HYPHEN),
        [(8, Space), (4, _), ..] | [(6, Space), (4, _), ..] => (2, SPACED),
        [(2, Space), (2, Space), (2, Space | Hyphen), (4, _), ..]
        | [(4, Space), (2, Space), (2, Space | Hyphen), (4, _), ..]
        | [(4, Hyphen), (2, Hyphen), (2, Space), (4, _), ..] => (4, PAIRED),
        [(10, _), ..] => (1, TEN),
        [(14, _), ..] => (1, WITH_COUNTRY),
        _ => return None,
    };
    Some(Form { groups, name })
}

const CENTURY_HYPHEN: &str = "YYYYMMDD-NNNN";
const CENTURY_PLUS: &str = "YYYYMMDD+NNNN";
const TWELVE: &str = "YYYYMMDDNNNN";
const HYPHEN: &str = "YYMMDD-NNNN";
const PLUS: &str = "YYMMDD+NNNN";
const SPACED: &str = "YYMMDD NNNN";
const PAIRED: &str = "YY MM DD NNNN";
const TEN: &str = "YYMMDDNNNN";
const WITH_COUNTRY: &str = "SEYYMMDDNNNN01";

/// The number in its parts, nothing checked but that digits are digits.
struct Written {
    /// The first two of a four-digit year.
    century: Option<u16>,
    /// The ten digits that Luhn counts; an interim letter is 1.
    ten: [u8; 10],
    /// The letter of an interim number, upper case.
    letter: Option<char>,
    /// What tells the century apart.
    sign: Sign,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Under a hundred years, or the century is written.
    Hyphen,
    /// A hundred years or more: from the year in which one turns 100.
    Plus,
    /// Left out: both are possible, and the later is likelier.
    Missing,
}

impl Written {
    fn read(run: &Run<'_>, form: Form) -> Option<Written> {
        let joined = run.joined(form.groups);
        let (century, rest) = match joined.bytes() {
            [b'S' | b's', b'E' | b'e', rest @ .., b'0', b'1'] if rest.len() == 10 => (None, rest),
            [first, second, rest @ ..] if rest.len() == 10 => {
                let [tens, ones] = digits(&[*first, *second])?;
                (Some(u16::from(tens) * 10 + u16::from(ones)), rest)
            }
            rest => (None, rest),
        };
        let mut rest = <[u8; 10]>::try_from(rest).ok()?;
        let [.., serial, _, _, _] = &mut rest;
        let letter = char::from(serial.to_ascii_uppercase());
        let letter = INTERIM_LETTERS.contains(letter).then_some(letter);
        if letter.is_some() {
            *serial = b'1';
        }
        let sign = match form.name {
            PLUS | CENTURY_PLUS => Sign::Plus,
            TEN | SPACED | PAIRED | WITH_COUNTRY if century.is_none() => Sign::Missing,
            _ => Sign::Hyphen,
        };
        Some(Written { century, ten: digits(&rest)?, letter, sign })
    }

    /// What it is and the year of birth, if such a person can have been born by today.
    fn kind_and_year(&self, today: Date) -> Option<(Kind, u16)> {
        let latest = self.latest_year(today)?;
        let earlier = || latest.checked_sub(100).filter(|_| self.sign == Sign::Missing);
        let years = [Some(latest), earlier()];
        years.into_iter().flatten().find_map(|year| Some((self.kind(year, today)?, year)))
    }

    /// The year of birth: as written, or the latest that the sign allows.
    fn latest_year(&self, today: Date) -> Option<u16> {
        let of_century = u16::try_from(number(self.ten.get(..2)?)).ok()?;
        let Some(century) = self.century else {
            let latest = today.year() / 100 * 100 + of_century;
            let ahead = latest > today.year();
            return latest
                .checked_sub(100 * (u16::from(ahead) + u16::from(self.sign == Sign::Plus)));
        };
        Some(century * 100 + of_century)
    }

    /// What it is if the year of birth is this.
    fn kind(&self, year: u16, today: Date) -> Option<Kind> {
        let [.., n1, n2, n3, _] = self.ten;
        // Serial numbers begin at 001; a letter makes its own series.
        if year < BIRTH_YEAR_MIN || (self.letter.is_none() && [n1, n2, n3] == [0, 0, 0]) {
            return None;
        }
        let (month, day) = (self.month(), self.day());
        if day < 60 {
            let kind = self.letter.map_or(Kind::SePersonnummer, |_| Kind::SeInterim);
            return (Date::new(year, month, day)? <= today).then_some(kind);
        }
        // What is not known of the date is 0, and sorts before every day that could be meant. Skatteverket's own list
        // of test numbers holds days such as 31 April, so the day is not held against its month.
        let day = day - 60;
        let born = (year, month, day) <= (today.year(), today.month(), today.day());
        let possible = month <= 12 && day <= 31 && self.letter.is_none();
        (possible && born).then_some(Kind::SeSamordningsnummer)
    }

    fn month(&self) -> u8 {
        let [_, _, tens, ones, ..] = self.ten;
        tens * 10 + ones
    }

    fn day(&self) -> u8 {
        let [_, _, _, _, tens, ones, ..] = self.ten;
        tens * 10 + ones
    }

    /// Twelve characters, so that one person is one value however written.
    fn canonical(&self, year: u16) -> String {
        let mut value = format!("{year:04}");
        value.extend(self.ten.iter().skip(2).map(|digit| char::from(b'0' + digit)));
        if let Some(letter) = self.letter {
            let check: String = value.chars().skip(9).collect();
            value.truncate(8);
            value.push(letter);
            value.push_str(&check);
        }
        value
    }

    fn worth(&self, form: Form, kind: Kind, age_years: u16) -> Worth {
        // A day that is on the calendar may be the day of a file or an order; a day plus 60 never is.
        let dated = kind == Kind::SePersonnummer;
        let of_late = dated && age_years < ORDER_AGE_YEARS;
        let of_a_clock = dated && age_years < CLOCK_AGE_YEARS && self.ends_like_a_clock();
        match form.name {
            TWELVE | CENTURY_HYPHEN if of_a_clock => BARE,
            TWELVE | CENTURY_HYPHEN | HYPHEN if of_late && self.ends_like_a_count() => BARE,
            TWELVE if of_late => TWELVE_DIGITS_OF_LATE,
            TWELVE => TWELVE_DIGITS,
            CENTURY_HYPHEN if of_late => HYPHENATED,
            CENTURY_HYPHEN | CENTURY_PLUS => UNMISTAKABLE,
            // Any maker's part number may have six digits, a letter and three more.
            _ if kind == Kind::SeInterim => BARE,
            HYPHEN | PLUS => HYPHENATED,
            WITH_COUNTRY => VAT,
            TEN if self.ten.first() == Some(&0) || self.is_like_an_hour() => LIKE_A_TELEPHONE,
            _ => BARE,
        }
    }

    /// Could the ten be a day with its hour, `2001122106`, as files are called?
    fn is_like_an_hour(&self) -> bool {
        let [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2] = self.ten.map(u16::from);
        let year = y1 * 1_000 + y2 * 100 + y3 * 10 + y4;
        let (month, day) = (u8::try_from(m1 * 10 + m2), u8::try_from(d1 * 10 + d2));
        let is_a_day =
            month.is_ok_and(|month| day.is_ok_and(|day| Date::new(year, month, day).is_some()));
        (1990..2040).contains(&year) && is_a_day && h1 * 10 + h2 < 24
    }

    /// Could the last four be hours and minutes?
    fn ends_like_a_clock(&self) -> bool {
        let [.., h1, h2, m1, _] = self.ten;
        h1 * 10 + h2 < 24 && m1 < 6
    }

    /// Could the last four be the day's running number? Few firms come to a thousand.
    fn ends_like_a_count(&self) -> bool {
        let [.., thousands, _, _, _] = self.ten;
        thousands == 0
    }
}

/// Orders and cases are numbered from their day; mail speaks of those of the last years.
const ORDER_AGE_YEARS: u16 = 20;
/// Files are named by day and time since there are such files.
const CLOCK_AGE_YEARS: u16 = 40;
/// Letters in use for interim numbers.
const INTERIM_LETTERS: &str = "TRSUWXJKLMN";
/// Numbers were first given in 1947; nobody alive then was born before.
const BIRTH_YEAR_MIN: u16 = 1840;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    /// Numbers from Skatteverket's open list of test numbers.
    #[test]
    fn numbers_are_read_however_written() {
        for (text, want) in [
            ("189001019802", "se.personnummer 189001019802"),
            ("19121212-1212", "se.personnummer 191212121212"),
            ("121212+1212", "se.personnummer 191212121212"),
            ("19121212+1212", "se.personnummer 191212121212"),
            ("121212-1212", "se.personnummer 201212121212"),
            ("900102-9819", "se.personnummer 199001029819"),
            ("900102+9819", "se.personnummer 189001029819"),
            ("9001029819", "se.personnummer 199001029819"),
            ("900102 9819", "se.personnummer 199001029819"),
            ("18900102 9819", "se.personnummer 189001029819"),
            ("1890-01-02-9819", "se.personnummer 189001029819"),
            ("90-01-02-9819", "se.personnummer 199001029819"),
            ("SE900102981901", "se.personnummer 199001029819"),
            ("20000229-2399", "se.personnummer 200002292399"),
        ] {
            assert_eq!(read(identity_number, text, today()), want, "{text}");
        }
    }

    #[test]
    fn a_coordination_number_may_lack_month_and_day() {
        for (text, want) in [
            ("19140168-2396", "se.samordningsnummer 191401682396"),
            ("191500722390", "se.samordningsnummer 191500722390"),
            ("191600802399", "se.samordningsnummer 191600802399"),
            ("19730288-9931", "se.samordningsnummer 197302889931"),
            // The day is not known; neither month nor day is.
            ("730260-2391", "se.samordningsnummer 197302602391"),
            ("730060-2393", "se.samordningsnummer 197300602393"),
            // A 31st of April, also from the list; but no month 13 and no day 32.
            ("740491-2383", "se.samordningsnummer 197404912383"),
            ("731360-2398", "fails"),
            ("730492-2391", "fails"),
        ] {
            assert_eq!(read(identity_number, text, today()), want, "{text}");
        }
    }

    #[test]
    fn an_interim_number_has_one_of_eleven_letters() {
        for letter in INTERIM_LETTERS.chars() {
            let want = format!("se.interim 20000101{letter}220");
            assert_eq!(read(identity_number, &format!("000101-{letter}220"), today()), want);
            let lower = format!("20000101{}220", letter.to_ascii_lowercase());
            assert_eq!(read(identity_number, &lower, today()), want);
        }
        assert_eq!(read(identity_number, "000101-E221", today()), "no");
    }

    #[test]
    fn what_no_person_can_have_fails() {
        for (text, want) in [
            // Serial 000, from the project personnummer's list of wrong numbers.
            ("20150916-0006", "fails"),
            // A wrong check digit.
            ("19121212-1213", "fails"),
            // No such day: 31 April, 29 February 1900.
            ("900431-9803", "fails"),
            ("19000229-9808", "fails"),
            // Not yet born on 21 November 2026; born that very day.
            ("20261122-2387", "fails"),
            ("261122-2387", "fails"),
            ("261121-2388", "se.personnummer 202611212388"),
            // Without a sign it may be the one of a hundred years ago.
            ("2611222387", "se.personnummer 192611222387"),
            // Before anybody had one, and other centuries.
            ("17900101-9802", "fails"),
            ("30000101-9802", "fails"),
            // Part of something longer.
            ("1234 900102 9819", "no"),
            // Where a label names it.
            ("900102 9819 12", "se.personnummer 199001029819"),
            ("12 900102 9819", "no"),
            ("A9001029819", "no"),
            ("90010298190", "no"),
        ] {
            assert_eq!(read(identity_number, text, today()), want, "{text}");
        }
    }

    #[test]
    fn a_firm_is_no_person_and_a_sole_trader_is() {
        for text in ["802005-1952", "857209-0606", "8020144120", "168024062302", "SE802005195201"] {
            assert_eq!(read(organisation_number, text, today()), "business", "{text}");
            assert!(!read(identity_number, text, today()).contains("se."), "{text}");
        }
        assert_eq!(read(organisation_number, "900102-9819", today()), "no");
        assert_eq!(read(organisation_number, "802005-1953", today()), "no");
    }
}
