//! Accounts of Swedish banks: a clearing number of four digits that says whose it is, and an account with a check digit.
//!
//! The rules are Bankgirot's, "Bankernas kontonummer" (manual of 2017-03-07 and later, to which Bankinfrastruktur i Sverige AB refers): in type 1 the
//! clearing number is part of the check, modulus 11 over its last three digits and the account, or over all of it; in type 2 the account is checked by
//! itself, modulus 10 or 11. Savings banks write a fifth digit after clearing numbers from 8000, which is no part of the number.

use super::{
    AccountKind,
    labels::Word,
    page::{Place, Reading, written},
};
use crate::personal::checksum::{luhn, number};

/// A clearing number and the account behind it.
pub(super) fn account(place: Place<'_>) -> Option<Reading> {
    let named = place.named();
    if !named.clearing && !named.account {
        return None;
    }
    let shape = place.shape();
    // All that is joined, and the first of it is the clearing number.
    let whole = place.digits(shape.len())?;
    for clearing in [4, 5] {
        let Some((clearing, digits)) = whole.split_at_checked(clearing) else { continue };
        if let Some(value) = checked(clearing, digits) {
            return Some(reading(value, place.end(shape.len())));
        }
    }
    // "Konto 5839, 82 574 66": then the account follows at once.
    let reach = if named.clearing { BETWEEN_BYTES_MAX } else { COMMA_BYTES_MAX };
    in_two(place, shape.len(), &whole, reach)
}

/// "Clearing 5839, konto 82 574 66": the account stands by itself, a word or a line further on.
fn in_two(place: Place<'_>, groups: usize, clearing: &[u8], reach: usize) -> Option<Reading> {
    let rest = Place { tokens: place.tokens.get(groups..)?, ..place };
    let start = rest.tokens.first()?.start;
    let between = place.page.text.get(place.end(groups)..start)?;
    if between.len() > reach {
        return None;
    }
    let plain = !between.iter().any(u8::is_ascii_alphanumeric);
    if !plain && !place.page.is_near(start, start, Word::Account) {
        return None;
    }
    let shape = rest.shape();
    let digits = rest.digits(shape.len())?;
    checked(clearing, &digits).map(|value| reading(value, rest.end(shape.len())))
}

fn reading(value: String, end: usize) -> Reading {
    Reading { kind: AccountKind::SeBankAccount, value, end }
}

/// The account in its one form, if its check digit is right.
fn checked(clearing: &[u8], account: &[u8]) -> Option<String> {
    let clearing = match clearing {
        [four @ .., _] if four.len() == 4 && four.first() == Some(&8) && luhn(clearing) => four,
        four if four.len() == 4 => four,
        _ => return None,
    };
    let rule = rule(number(clearing))?;
    let width = rule.width();
    if account.len() < rule.shortest()
        || account.len() > width
        || account.iter().all(|digit| *digit == 0)
    {
        return None;
    }
    let mut padded = vec![0; width - account.len()];
    padded.extend_from_slice(account);
    let good = match rule {
        Rule::WithoutFirst => mod_11(clearing.get(1..)?.iter().chain(&padded)),
        Rule::WithAll => mod_11(clearing.iter().chain(&padded)),
        Rule::TenDigits | Rule::UpToTen => luhn(&padded),
        Rule::NineDigits => mod_11(padded.iter()),
    };
    good.then(|| format!("SE/{}{}", written(clearing), written(&padded)))
}

/// A type 1 account as it stands at the end of an IBAN: the clearing number and the account, zeros before them.
pub(super) fn of_iban(digits: &[u8]) -> Option<String> {
    let (zeros, number) = digits.split_at_checked(digits.len().checked_sub(TYPE_1_DIGITS)?)?;
    let (clearing, account) = number.split_at_checked(4)?;
    let type_1 = matches!(rule(self::number(clearing))?, Rule::WithoutFirst | Rule::WithAll);
    let fits = type_1 && zeros.iter().all(|digit| *digit == 0);
    checked(clearing, account).filter(|_| fits)
}

/// Weights 1, 2, … 10, 1 from the last digit on; the sum is a multiple of 11.
fn mod_11<'d>(digits: impl DoubleEndedIterator<Item = &'d u8>) -> bool {
    let weights = (1..=10_u32).cycle();
    digits.rev().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum::<u32>() % 11
        == 0
}

/// What is checked, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Type 1, comment 1: the clearing number without its first digit, and seven digits; modulus 11.
    WithoutFirst,
    /// Type 1, comment 2: the whole clearing number and seven digits; modulus 11.
    WithAll,
    /// Type 2, comment 1: ten digits, modulus 10.
    TenDigits,
    /// Type 2, comment 2: nine digits, modulus 11.
    NineDigits,
    /// Type 2, comment 3: up to ten digits, modulus 10.
    UpToTen,
}

impl Rule {
    /// Digits of an account, zeros in front included.
    fn width(self) -> usize {
        match self {
            Rule::WithoutFirst | Rule::WithAll => 7,
            Rule::TenDigits | Rule::UpToTen => 10,
            Rule::NineDigits => 9,
        }
    }

    /// Digits that people write at least: in type 2 they leave zeros out.
    fn shortest(self) -> usize {
        match self {
            Rule::WithoutFirst | Rule::WithAll => 7,
            Rule::TenDigits => 10,
            Rule::NineDigits => 8,
            Rule::UpToTen => 6,
        }
    }
}

fn rule(clearing: u32) -> Option<Rule> {
    RANGES
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&clearing))
        .map(|(_, _, rule)| *rule)
}

/// "Konto", a bank's name, a line end.
const BETWEEN_BYTES_MAX: usize = 40;
/// A comma or a slash, with blanks.
const COMMA_BYTES_MAX: usize = 3;
/// Clearing number and account of type 1.
const TYPE_1_DIGITS: usize = 11;

/// First and last clearing number, and the rule. Those of banks that have no accounts of their own are not here.
const RANGES: &[(u32, u32, Rule)] = &[
    (1100, 1199, Rule::WithoutFirst),
    (1200, 1399, Rule::WithoutFirst),
    (1400, 2099, Rule::WithoutFirst),
    (2300, 2399, Rule::WithAll),
    (2400, 2499, Rule::WithoutFirst),
    (3000, 3299, Rule::WithoutFirst),
    (3300, 3300, Rule::TenDigits),
    (3301, 3399, Rule::WithoutFirst),
    (3400, 3409, Rule::WithoutFirst),
    (3410, 3781, Rule::WithoutFirst),
    (3782, 3782, Rule::TenDigits),
    (3783, 3999, Rule::WithoutFirst),
    (4000, 4999, Rule::WithAll),
    (5000, 5999, Rule::WithoutFirst),
    (6000, 6999, Rule::NineDigits),
    (7000, 7999, Rule::WithoutFirst),
    (8000, 8999, Rule::UpToTen),
    (9020, 9029, Rule::WithAll),
    (9040, 9049, Rule::WithAll),
    (9060, 9069, Rule::WithoutFirst),
    (9100, 9109, Rule::WithAll),
    (9120, 9124, Rule::WithoutFirst),
    (9130, 9149, Rule::WithoutFirst),
    (9150, 9169, Rule::WithAll),
    (9170, 9179, Rule::WithoutFirst),
    (9180, 9189, Rule::TenDigits),
    (9190, 9199, Rule::WithAll),
    (9230, 9239, Rule::WithoutFirst),
    (9250, 9259, Rule::WithoutFirst),
    (9260, 9269, Rule::WithAll),
    (9270, 9279, Rule::WithoutFirst),
    (9280, 9289, Rule::WithoutFirst),
    (9300, 9349, Rule::TenDigits),
    (9390, 9399, Rule::WithAll),
    (9400, 9449, Rule::WithoutFirst),
    (9460, 9469, Rule::WithoutFirst),
    (9470, 9479, Rule::WithAll),
    (9500, 9549, Rule::UpToTen),
    (9550, 9569, Rule::WithAll),
    (9570, 9579, Rule::TenDigits),
    (9590, 9599, Rule::WithAll),
    (9630, 9639, Rule::WithoutFirst),
    (9640, 9649, Rule::WithAll),
    (9660, 9669, Rule::WithAll),
    (9670, 9679, Rule::WithAll),
    (9680, 9689, Rule::WithoutFirst),
    (9700, 9709, Rule::WithAll),
    (9750, 9759, Rule::WithAll),
    (9780, 9789, Rule::WithAll),
    (9960, 9969, Rule::UpToTen),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::accounts::page::Page;

    fn read(text: &str) -> Option<String> {
        let page = Page::of(crate::personal::fold::folded(text).as_bytes());
        let found = page.readings().next();
        found.filter(|one| one.kind == AccountKind::SeBankAccount).map(|one| one.value)
    }

    #[test]
    fn ranges_are_in_order_and_apart() {
        for pair in RANGES.windows(2) {
            assert!(pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0, "{pair:?}");
        }
    }

    /// The account in the IBAN registry's example for Sweden (SEB, type 1), and numbers made by each rule of the manual.
    #[test]
    fn accounts_of_each_rule() {
        for (text, want) in [
            ("Clearing 5839 konto 82 574 66", "SE/58398257466"),
            ("Kontonummer 5839-8257466", "SE/58398257466"),
            ("Kontonr: 58398257466", "SE/58398257466"),
            ("Kontonr: 5839, 82 574 66", "SE/58398257466"),
            ("Bankkonto 5839 82 574 66", "SE/58398257466"),
            ("Clearingnr: 5839\nKontonr: 8257466", "SE/58398257466"),
            // Type 1 over the whole clearing number.
            ("Clearing 9150 konto 0000010", "SE/91500000010"),
            // Type 2: nine digits by modulus 11, ten and up to ten by modulus 10.
            ("Clearing 6789, konto 123 456 789", "SE/6789123456789"),
            ("Kontonr 3300-0000000018", "SE/33000000000018"),
            ("Clearing 8327-9 konto 983 922 944-1", "SE/83279839229441"),
        ] {
            assert_eq!(read(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_account() {
        for text in [
            "5839-8257466",
            "Clearing 5839 konto 82 574 67",
            "Clearing 9999 konto 82 574 66",
            "Clearing 5839",
            "Konto 1930",
            "Konto 4010 5",
            "Clearing 5839 konto 0000000",
            "OCR 58398257466",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
