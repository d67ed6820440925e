//! Accounts of Norway, Denmark and Finland as they are written at home. Each is the account of an IBAN, and that is its value.
//!
//! Norway: eleven digits, modulus 11 (weights 5 4 3 2 7 6 5 4 3 2), written 1234.56.78903. Denmark: a registration number of four digits and an
//! account of up to ten, without a check digit that all banks share. Finland before IBAN: six digits, a hyphen, two to eight digits; filled up with
//! zeros to fourteen, of which Luhn holds.

use super::{
    AccountKind, iban,
    labels::Word,
    page::{Place, Reading, written},
};
use crate::personal::checksum::{luhn, weighted};

/// `8601.11.17947`: hardly anything else is written so.
pub(super) fn norwegian_in_groups(place: Place<'_>) -> Option<Reading> {
    let [(4, first @ (b'.' | b' ')), (2, second), (5, last), ..] = place.shape()[..] else {
        return None;
    };
    let start = place.tokens.first()?.start;
    let is_near = |word| place.page.is_near(start, place.end(3), word);
    let fits =
        first == second && last != first && (is_near(Word::Account) || is_near(Word::Bankgiro));
    norwegian_of(&place.digits(3).filter(|_| fits)?, place.end(3))
}

/// Eleven digits in one, right behind their word.
pub(super) fn norwegian(place: Place<'_>) -> Option<Reading> {
    let [(11, 0 | b' '), ..] = place.shape()[..] else { return None };
    let named = place.named();
    norwegian_of(&place.digits(1).filter(|_| named.account || named.bankgiro)?, place.end(1))
}

fn norwegian_of(digits: &[u8], end: usize) -> Option<Reading> {
    let (check, digits_checked) = digits.split_last()?;
    let remainder = weighted(digits_checked, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let good = (remainder + u32::from(*check)).is_multiple_of(11);
    let value = iban::made("NO", &written(digits)).filter(|_| good)?;
    Some(Reading { kind: AccountKind::NoBankAccount, value, end })
}

/// A registration number, and an account behind it.
pub(super) fn danish(place: Place<'_>) -> Option<Reading> {
    if !place.named().registration {
        return None;
    }
    let [(4, joint), ..] = place.shape()[..] else { return None };
    let rest = Place { tokens: place.tokens.get(1..)?, ..place };
    let start = rest.tokens.first()?.start;
    let between = place.page.text.get(place.end(1)..start)?;
    let plain = !between.iter().any(u8::is_ascii_alphanumeric);
    if joint == 0 && (between.len() > BETWEEN_BYTES_MAX || !plain) {
        let named = place.page.named(start);
        if between.len() > BETWEEN_BYTES_MAX || !named.account {
            return None;
        }
    }
    let groups = rest.shape().len();
    let (registration, account) = (place.digits(1)?, rest.digits(groups)?);
    if !(6..=10).contains(&account.len()) {
        return None;
    }
    let number = format!("{}{:0>10}", written(&registration), written(&account));
    let value = iban::made("DK", &number)?;
    Some(Reading { kind: AccountKind::DkBankAccount, value, end: rest.end(groups) })
}

/// `123456-785`.
pub(super) fn finnish(place: Place<'_>) -> Option<Reading> {
    let [(6, b'-'), (second @ 2..=8, last), ..] = place.shape()[..] else { return None };
    if last == b'-' || !place.named().account {
        return None;
    }
    let digits = place.digits(2)?;
    // Banks whose numbers begin with 4 or 5 have the zeros after the seventh digit, the others after the sixth.
    let place_of_zeros = if matches!(digits.first(), Some(4 | 5)) { 7 } else { 6 };
    let (front, back) = digits.split_at_checked(place_of_zeros)?;
    let mut full = front.to_vec();
    full.resize(place_of_zeros + (8_usize.checked_sub(second)?), 0);
    full.extend_from_slice(back);
    let value = iban::made("FI", &written(&full)).filter(|_| luhn(&full))?;
    Some(Reading { kind: AccountKind::FiBankAccount, value, end: place.end(2) })
}

/// "Konto", "kontonr.", a line end.
const BETWEEN_BYTES_MAX: usize = 30;

#[cfg(test)]
mod tests {
    use crate::personal::{accounts::page::Page, fold::folded};

    fn read(text: &str) -> Option<String> {
        let page = Page::of(folded(text).as_bytes());
        page.readings().next().map(|one| format!("{} {}", one.kind.word(), one.value))
    }

    /// The accounts in the IBAN registry's examples, as they are written at home.
    #[test]
    fn published_accounts() {
        for (text, want) in [
            ("Kontonummer 8601.11.17947", Some("no.bank-account NO9386011117947")),
            ("Kontonr: 8601 11 17947", Some("no.bank-account NO9386011117947")),
            ("Bankkonto: 86011117947", Some("no.bank-account NO9386011117947")),
            ("Betales til bankgiro 8601.11.17947", Some("no.bank-account NO9386011117947")),
            ("Konto\n8601.11.17947", Some("no.bank-account NO9386011117947")),
            ("Reg.nr. 0040 Kontonr. 0440116243", Some("dk.bank-account DK5000400440116243")),
            ("Reg.nr.: 0040 - konto: 440116243", Some("dk.bank-account DK5000400440116243")),
            ("Reg. nr./kontonr.: 0040-0440116243", Some("dk.bank-account DK5000400440116243")),
            ("Regnr 0040\nKonto 0440 116 243", Some("dk.bank-account DK5000400440116243")),
            ("Tilinumero: 123456-785", Some("fi.bank-account FI2112345600000785")),
            ("tilille 123456-785", Some("fi.bank-account FI2112345600000785")),
            // Wrong check digits, other words, too few digits.
            ("Kontonummer 8601.11.17948", None),
            ("Kontonummer 86011117948", None),
            ("Telefon 8601.11.17947", None),
            ("KID 86011117947", None),
            ("Reg.nr. ABC 123", None),
            ("Reg.nr. 0040 betales 2026", None),
            ("CVR 0040 0440116243", None),
            ("Tilinumero: 123456-786", None),
            ("Viitenumero 123456-785", None),
        ] {
            assert_eq!(read(text).as_deref(), want, "{text}");
        }
    }
}
