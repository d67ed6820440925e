//! Finnish numbers: henkilötunnus; Y-tunnus as what it is not.
//!
//! `DDMMYYsNNNc`: birth date, a sign for the century, an individual number from 002, a check character: the nine digits
//! as one number, modulo 31, in an alphabet without G, I, O, Q and Z. Signs are `+` for the 1800s, `-` and U to Y for
//! the 1900s, A to F for the 2000s; since 1 January 2023 two persons may differ in the sign alone, so the sign is part
//! of the value (dvv.fi/hetu-uudistus). Individual numbers 900 to 999 are given to nobody
//! and serve for tests; they are found like the others, for nobody reads them off a form by accident.

use super::{
    Confidence, Date, Kind,
    checksum::{number, weighted},
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low, Medium};

// What each way of writing is worth.

/// A letter as check character, or a capital as sign: nothing else looks like it.
const UNMISTAKABLE: Worth =
    Worth { labelled: Some(High), alone: Some(High), contradicted: Some(Medium) };
/// `131052-3083`: Swedish and Danish numbers are written so.
const DIGITS_ONLY: Worth =
    Worth { labelled: Some(High), alone: Some(Medium), contradicted: Some(Low) };
/// `241227-0325`: the other way round a day of late and a running number, as firms number by; or a day and an hour.
const LIKE_AN_ORDER: Worth = Worth { labelled: Some(High), alone: Some(Low), contradicted: None };
/// `010594y9021`: hashes in hexadecimal and file names are in small letters.
const SMALL_LETTERS: Worth =
    Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };
/// `131052308T`, `1310523083`: the sign forgotten.
const WITHOUT_SIGN: Worth = Worth { labelled: Some(High), alone: None, contradicted: None };

/// The personal identity code.
pub(super) fn henkilotunnus(run: &Run<'_>, today: Date) -> Answer {
    let Some(form) = form(run) else { return Answer::No };
    let Some(written) = Written::read(run, form) else { return Answer::No };
    if !written.holds(today) {
        // Ten digits are anything.
        let is_anything = form.name == NO_SIGN && written.check.is_ascii_digit();
        return if is_anything { Answer::No } else { Answer::Fails(form) };
    }
    let kind = Kind::FiHenkilotunnus;
    Answer::Reads(Reading {
        worth: written.worth(form),
        owner: Owner::person(kind, written.canonical()),
        form,
        odds: 31,
    })
}

/// A firm's number, `NNNNNNN-C`, also as VAT number `FINNNNNNNC`: weights 7 9 10 5 8 4 2 modulo 11.
pub(super) fn y_tunnus(run: &Run<'_>, _today: Date) -> Answer {
    let groups = match run.shape {
        [(7, Joint::Hyphen), (1, _), ..] => 2,
        [(10, _), ..] => 1,
        _ => return Answer::No,
    };
    let joined = run.joined(groups);
    let eight = match joined.bytes() {
        [b'F' | b'f', b'I' | b'i', eight @ ..] => eight,
        eight => eight,
    };
    let Some([seven @ .., check]) = digits::<8>(eight) else { return Answer::No };
    let holds = match weighted(&seven, &[7, 9, 10, 5, 8, 4, 2]) % 11 {
        0 => check == 0,
        // A remainder of 1 would need the digit 10; such numbers are not given.
        1 => false,
        rest => u32::from(check) == 11 - rest,
    };
    if !holds {
        return Answer::No;
    }
    let form = Form { groups, name: "NNNNNNN-N" };
    Answer::Reads(Reading { owner: Owner::Business, form, worth: DIGITS_ONLY, odds: 11 })
}

fn form(run: &Run<'_>) -> Option<Form> {
    let (groups, name) = match run.shape {
        [(6, Joint::Hyphen), (4, _), ..] => (2, HYPHEN),
        [(6, Joint::Plus), (4, _), ..] => (2, PLUS),
        [(11, _), ..] => (1, LETTER),
        [(10, _), ..] => (1, NO_SIGN),
        _ => return None,
    };
    Some(Form { groups, name })
}

pub(super) const HYPHEN: &str = "DDMMYY-NNNC";
const PLUS: &str = "DDMMYY+NNNC";
const LETTER: &str = "DDMMYYANNNC";
const NO_SIGN: &str = "DDMMYYNNNC";

/// The code in its parts, nothing checked but what is a digit and what a letter.
struct Written {
    /// Birth date and individual number.
    nine: [u8; 9],
    /// As written.
    sign: u8,
    /// As written.
    check: u8,
}

impl Written {
    fn read(run: &Run<'_>, form: Form) -> Option<Written> {
        let joined = run.joined(form.groups);
        let (date, sign, rest) = match joined.bytes() {
            [date @ .., sign, n1, n2, n3, check] if form.name == LETTER => {
                (date, *sign, [*n1, *n2, *n3, *check])
            }
            [date @ .., n1, n2, n3, check] => {
                let sign = if form.name == PLUS { b'+' } else { b'-' };
                (date, sign, [*n1, *n2, *n3, *check])
            }
            _ => return None,
        };
        let [n1, n2, n3, check] = rest;
        let [d1, d2, m1, m2, y1, y2] = <[u8; 6]>::try_from(date).ok()?;
        let nine = digits(&[d1, d2, m1, m2, y1, y2, n1, n2, n3])?;
        let letter_check = check.is_ascii_alphabetic();
        let ours = match form.name {
            LETTER => sign.is_ascii_alphabetic() && check.is_ascii_alphanumeric(),
            _ => letter_check || check.is_ascii_digit(),
        };
        ours.then_some(Written { nine, sign, check })
    }

    /// Is it right in all its parts, and born by today?
    fn holds(&self, today: Date) -> bool {
        let [d1, d2, m1, m2, y1, y2, n1, n2, n3] = self.nine;
        let century = match self.sign.to_ascii_uppercase() {
            b'+' => 1800,
            b'-' | b'U'..=b'Y' => 1900,
            b'A'..=b'F' => 2000,
            _ => return false,
        };
        let year = century + u16::from(y1) * 10 + u16::from(y2);
        let born = Date::new(year, m1 * 10 + m2, d1 * 10 + d2).is_some_and(|day| day <= today);
        born && number(&[n1, n2, n3]) >= INDIVIDUAL_NUMBER_MIN && self.check_character_holds()
    }

    fn check_character_holds(&self) -> bool {
        let place = usize::try_from(number(&self.nine) % 31).ok();
        place.and_then(|place| CHECK_CHARACTERS.get(place))
            == Some(&self.check.to_ascii_uppercase())
    }

    /// As on the identity card. A forgotten sign is taken for `-`.
    fn canonical(&self) -> String {
        let digit = |digit: &u8| char::from(b'0' + digit);
        let mut value: String = self.nine.iter().take(6).map(digit).collect();
        value.push(char::from(self.sign.to_ascii_uppercase()));
        value.extend(self.nine.iter().skip(6).map(digit));
        value.push(char::from(self.check.to_ascii_uppercase()));
        value
    }

    /// Year, month and day of late, and fewer than a thousand orders that day?
    fn is_like_an_order(&self) -> bool {
        let [_, _, _, _, y1, y2, n1, ..] = self.nine;
        (1..=31).contains(&(y1 * 10 + y2)) && n1 == 0
    }

    /// `250314-1500`: could the last four be hours and minutes?
    fn ends_like_a_clock(&self) -> bool {
        let [_, _, _, _, _, _, h1, h2, m1] = self.nine;
        h1 * 10 + h2 < 24 && m1 < 6
    }

    fn worth(&self, form: Form) -> Worth {
        match form.name {
            NO_SIGN => WITHOUT_SIGN,
            LETTER if self.sign.is_ascii_uppercase() => UNMISTAKABLE,
            LETTER => SMALL_LETTERS,
            _ if self.check.is_ascii_alphabetic() => UNMISTAKABLE,
            _ if self.is_like_an_order() || self.ends_like_a_clock() => LIKE_AN_ORDER,
            _ => DIGITS_ONLY,
        }
    }
}

const CHECK_CHARACTERS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
/// 000 and 001 are not given.
const INDIVIDUAL_NUMBER_MIN: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    /// Individual numbers from 900: given to nobody.
    #[test]
    fn every_sign_of_every_century() {
        for (sign, born) in "+-UVWXYABCDEF".chars().map(|sign| (sign, "010294")).chain([
            ('A', "290200"),
            ('-', "290204"),
            ('+', "311299"),
        ]) {
            let nine: u32 = format!("{born}902").parse().unwrap();
            let check = char::from(CHECK_CHARACTERS[usize::try_from(nine % 31).unwrap()]);
            let text = format!("{born}{sign}902{check}");
            // In 2094 nobody is born yet.
            let want = match (sign, born) {
                ('A'..='F', "010294") => "fails".to_string(),
                _ => format!("fi.henkilotunnus {text}"),
            };
            assert_eq!(read(henkilotunnus, &text, today()), want, "{text}");
        }
    }

    /// From the Digital and Population Data Services Agency's sheet of artificial codes.
    #[test]
    fn published_codes_are_read() {
        for (text, want) in [
            ("010594Y9021", "fi.henkilotunnus 010594Y9021"),
            ("020516C902J", "fi.henkilotunnus 020516C902J"),
            ("020516c902j", "fi.henkilotunnus 020516C902J"),
            ("131052-308T", "fi.henkilotunnus 131052-308T"),
            ("131052 - 308t", "fi.henkilotunnus 131052-308T"),
            ("131052308T", "fi.henkilotunnus 131052-308T"),
            ("1310523151", "fi.henkilotunnus 131052-3151"),
        ] {
            assert_eq!(read(henkilotunnus, text, today()), want, "{text}");
        }
    }

    #[test]
    fn what_no_person_can_have_is_not_read() {
        for (text, want) in [
            ("131052-308U", "fails"),
            // The alphabet has no O.
            ("131052-308O", "fails"),
            ("310452-308T", "fails"),
            // 29 February 1900 was not.
            ("290200-9028", "fails"),
            // Signs that are not in use.
            ("010594G9021", "fails"),
            ("010594T9021", "fails"),
            ("13105293083", "no"),
            ("131052-30AT", "no"),
            ("1310523083", "no"),
            ("x131052-308T", "no"),
        ] {
            assert_eq!(read(henkilotunnus, text, today()), want, "{text}");
        }
    }

    #[test]
    fn a_firm_is_no_person() {
        for text in ["1234567-1", "FI12345671", "fi12345671"] {
            assert_eq!(read(y_tunnus, text, today()), "business", "{text}");
        }
        for text in ["1234567-8", "FI12345678", "1234567-A"] {
            assert_eq!(read(y_tunnus, text, today()), "no", "{text}");
        }
    }
}
