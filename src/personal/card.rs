//! Payment cards: the number on the front.
//!
//! Twelve to nineteen digits of a network's range, a Luhn check digit (ISO/IEC 7812-1), written in one piece, in fours, or 4-6-5 (American Express) and 4-6-4
//! (Diners). Thirteen digits that begin with 1 are a time in milliseconds.

use super::{
    Confidence, Date, Kind,
    checksum::luhn,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth},
};
use Confidence::{High, Low, Medium};

/// In groups as on a card: nearly nothing else is.
const GROUPED: Worth = Worth { labelled: Some(High), alone: Some(High), contradicted: Some(Low) };
/// In one piece: a reference number of sixteen digits passes one in forty times.
const BARE: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };

/// A card's number.
pub(super) fn card(run: &Run<'_>, _today: Date) -> Answer {
    let joint = match run.shape {
        [(12..=19, _), ..] => Joint::Apart,
        [(4, joint @ (Joint::Space | Joint::Hyphen)), ..] => *joint,
        _ => return Answer::No,
    };
    let groups = match joint {
        Joint::Apart | Joint::Plus => 1,
        Joint::Space | Joint::Hyphen => match grouping(run, joint) {
            Some(groups) => groups,
            None => return Answer::No,
        },
    };
    let joined = run.joined(groups);
    let digits = joined.bytes();
    if !digits.iter().all(u8::is_ascii_digit) {
        return Answer::No;
    }
    let values: Vec<u8> = digits.iter().map(|byte| byte - b'0').collect();
    let Some(form) = issued(&values).map(|()| Form { groups, name: "card" }) else {
        return Answer::No;
    };
    let repeated = values.iter().skip(1).all(|digit| Some(digit) == values.first());
    if !luhn(&values) || repeated {
        return Answer::Fails(form);
    }
    let owner = Owner::person(Kind::Card, joined.text());
    let worth = match values.len() {
        // Visa gives these no more; times in milliseconds and article numbers have as many digits.
        13 => Worth { alone: None, ..BARE },
        _ if groups > 1 => GROUPED,
        // Seldom given, and programs count in numbers as long.
        17..=19 => Worth { alone: None, ..BARE },
        _ => BARE,
    };
    Answer::Reads(Reading { owner, form, worth, odds: 10 })
}

/// How many groups stand together as on a card, all joined the same way. Behind them may be the month of its end, or the three digits of its back.
fn grouping(run: &Run<'_>, joint: Joint) -> Option<usize> {
    let lengths: Vec<usize> = run.shape.iter().take(6).map(|(length, _)| *length).collect();
    let joined = |groups: usize| {
        let together = run.shape.iter().take(groups - 1).all(|(_, next)| *next == joint);
        let goes_on = run.shape.get(groups - 1).is_some_and(|(_, next)| *next == joint);
        let is_ending = || {
            let (length, next) = run.shape.get(groups).copied().unwrap_or((0, Joint::Space));
            joint == Joint::Space && matches!(length, 2 | 3) && next != Joint::Space
        };
        together && (!goes_on || is_ending())
    };
    let holds = |groups: usize| {
        let joined = run.joined(groups);
        let values: Vec<u8> = joined.bytes().iter().map(|byte| byte.wrapping_sub(b'0')).collect();
        luhn(&values)
    };
    let groups = match lengths.as_slice() {
        [4, 4, 4, 4, 3, ..] if joined(5) && (holds(5) || !joined(4)) => 5,
        [4, 4, 4, 4, ..] if joined(4) => 4,
        [4, 6, 5 | 4, ..] if joined(3) => 3,
        [4, 4, 4, 1..=3, ..] if joined(4) => 4,
        _ => return None,
    };
    // In a table of figures the row begins before.
    (!run.comes_after(joint)).then_some(groups)
}

/// Do numbers of this length begin so? The ranges of the networks.
fn issued(values: &[u8]) -> Option<()> {
    let prefix = |digits: usize| {
        values
            .get(..digits)
            .map(|first| first.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit)))
    };
    let (two, three, four) = (prefix(2)?, prefix(3)?, prefix(4)?);
    let possible = match values.len() {
        13 => two / 10 == 4,
        14 => two == 36 || two == 38 || two == 39 || (300..=305).contains(&three),
        15 => two == 34 || two == 37,
        16 => {
            two / 10 == 4
                || (51..=55).contains(&two)
                || (2221..=2720).contains(&four)
                || four == 6011
                || (644..=649).contains(&three)
                || two == 65
                || (3528..=3589).contains(&four)
                || two == 62
                || MAESTRO.contains(&four)
        }
        17 | 18 => two == 62 || MAESTRO.contains(&four),
        19 => two / 10 == 4 || two == 62 || MAESTRO.contains(&four),
        12 => MAESTRO.contains(&four),
        _ => false,
    };
    possible.then_some(())
}

/// Maestro's ranges that are still in use, and Dankort's (5019).
const MAESTRO: &[u32] = &[5018, 5019, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn what_stands_behind_a_card_is_no_part_of_it() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("4111 1111 1111 1111 11/27", "card 4111111111111111"),
            ("4111 1111 1111 1111 123", "card 4111111111111111"),
            ("4111 1111 1111 1111 1234 5678", "no"),
            ("12 4111 1111 1111 1111", "no"),
        ] {
            assert_eq!(read(card, text, today), want, "{text}");
        }
    }

    /// The networks' own numbers for tests.
    #[test]
    fn cards_of_every_network() {
        let today = Date::new(2026, 11, 21).unwrap();
        for number in [
            "4111111111111111",
            "4012888888881881",
            "4222222222222",
            "5555555555554444",
            "5105105105105100",
            "2223003122003222",
            "378282246310005",
            "371449635398431",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "38520000023237",
            "6200000000000005",
            "6759649826438453",
        ] {
            let want = format!("card {number}");
            assert_eq!(read(card, number, today), want);
            let fours: Vec<&str> = match number.len() {
                15 => vec![&number[..4], &number[4..10], &number[10..]],
                16 => vec![&number[..4], &number[4..8], &number[8..12], &number[12..]],
                _ => continue,
            };
            for joint in [" ", "-"] {
                assert_eq!(read(card, &fours.join(joint), today), want, "{joint:?}");
            }
        }
    }

    #[test]
    fn what_is_no_card() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("4111111111111112", "fails"),
            ("4444444444444448", "card 4444444444444448"),
            ("1764000000000", "no"),
            ("9111111111111111", "no"),
            // Groups that no card has, a longer row, mixed joints.
            ("41 1111 1111 1111 11", "no"),
            ("12 4111 1111 1111 1111", "no"),
            ("4111 1111 1111 1111 1234", "no"),
            ("4111 1111-1111 1111", "no"),
        ] {
            assert_eq!(read(card, text, today), want, "{text}");
        }
    }
}
