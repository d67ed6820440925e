//! Accounts that money is paid to: IBAN, bankgiro, plusgiro, and the account numbers of the Nordic countries.
//!
//! A firm's account is no personal data and is no finding about it: these stand apart from the kinds of personal data, and nothing that
//! protects persons asks for them. They are compared with those that the same sender has written before.
//!
//! Only an IBAN is long enough to speak for itself. Every other number wants its word near by (`labels`), and the check digits that it has.
//!
//! Invariants: the same account gives the same value however it is written (an IBAN of Norway, Denmark or Finland and its domestic number; an
//! IBAN of Sweden and its clearing number with account, where the bank's own number says which it is); a value leaves only in [`Hidden`].

mod giro;
mod iban;
mod labels;
mod nordic;
mod page;
mod swedish;

pub(in crate::personal) use iban::iban_at;

use super::fold::{Folded, stretches};
use crate::base::{hidden::Hidden, limits};
use page::{Page, Reading};

/// How an account is written.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum AccountKind {
    /// ISO 13616.
    Iban,
    /// A number of Bankgirot.
    SeBankgiro,
    /// A number of PlusGirot.
    SePlusgiro,
    /// A clearing number and an account of a Swedish bank.
    SeBankAccount,
    /// A Norwegian account.
    NoBankAccount,
    /// A Danish registration number and account.
    DkBankAccount,
    /// A Finnish account as it was written before IBAN.
    FiBankAccount,
}

impl AccountKind {
    /// All of them.
    pub const ALL: [AccountKind; 7] = [
        AccountKind::Iban,
        AccountKind::SeBankgiro,
        AccountKind::SePlusgiro,
        AccountKind::SeBankAccount,
        AccountKind::NoBankAccount,
        AccountKind::DkBankAccount,
        AccountKind::FiBankAccount,
    ];

    /// The stable name: `se.bankgiro`.
    pub fn word(self) -> &'static str {
        match self {
            AccountKind::Iban => "iban",
            AccountKind::SeBankgiro => "se.bankgiro",
            AccountKind::SePlusgiro => "se.plusgiro",
            AccountKind::SeBankAccount => "se.bank-account",
            AccountKind::NoBankAccount => "no.bank-account",
            AccountKind::DkBankAccount => "dk.bank-account",
            AccountKind::FiBankAccount => "fi.bank-account",
        }
    }
}

/// An account in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How it is written there.
    pub kind: AccountKind,
    /// The one way to write it.
    pub value: Hidden<String>,
}

/// The accounts of a text, each once, in its order, added to `found`; it never grows beyond [`limits::ACCOUNTS_OF_MAIL_MAX`].
pub fn scan(text: &str, found: &mut Vec<Found>) {
    for range in stretches(text) {
        let folded = Folded::of(text, range);
        let page = Page::of(folded.text());
        for Reading { kind, value, .. } in page.readings() {
            if found.len() >= limits::ACCOUNTS_OF_MAIL_MAX {
                return;
            }
            if found.iter().all(|known| *known.value.expose() != value) {
                found.push(Found { kind, value: Hidden::new(kind.word(), value) });
            }
        }
    }
}

/// An account that somebody wrote by itself, without a word beside it: with its kind's name in front (`bankgiro 5050-1055`), or an IBAN.
pub fn read(text: &str) -> Option<Found> {
    let mut found = Vec::new();
    scan(text, &mut found);
    match found.len() {
        1 => found.pop(),
        _ => None,
    }
}

/// The last digits of an account, to know it by: `…055`.
pub fn ends(value: &str) -> String {
    let digits = value.chars().filter(char::is_ascii_alphanumeric).count();
    // Of a short number even three digits are half of it.
    let shown = if digits >= LONG_DIGITS_MIN { 3 } else { 2 };
    let end: String = value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .skip(digits - shown.min(digits))
        .collect();
    format!("…{end}")
}

const LONG_DIGITS_MIN: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        scan(text, &mut found);
        found.iter().map(|one| format!("{} {}", one.kind.word(), one.value.expose())).collect()
    }

    #[test]
    fn an_invoice_has_its_accounts() {
        let invoice = "Faktura 10427\nFörfallodatum 2026-12-01\nOCR 1042700018\nAtt betala 12 500,00 kr\n\n\
                       Bankgiro 5050-1055 Plusgiro 28 65 43-4 Org.nr 556047-3521\nIBAN SE45 5000 0000 0583 9825 7466 BIC ESSESESS\n\
                       Tel 08-725 60 00";
        assert_eq!(
            found(invoice),
            ["se.bankgiro 50501055", "se.plusgiro 2865434", "iban SE/58398257466"]
        );
        // A table: headings in one line, numbers in the next.
        let table = "Telefon Bankgiro Plusgiro Organisationsnr\n08-725 60 00 5050-1055 28 65 43-4 556047-3521\n";
        assert_eq!(found(table), ["se.bankgiro 50501055", "se.plusgiro 2865434"]);
    }

    #[test]
    fn one_account_is_one_value() {
        for (domestic, iban) in [
            ("Kontonummer 8601 11 17947", "NO93 8601 1117 947"),
            ("Reg.nr. 0040 Konto 0440116243", "DK50 0040 0440 1162 43"),
            ("Tilinumero 123456-785", "FI21 1234 5600 0007 85"),
            ("Clearing 5839 konto 82 574 66", "SE45 5000 0000 0583 9825 7466"),
        ] {
            let value =
                |text: &str| found(text).pop().unwrap().split_once(' ').unwrap().1.to_string();
            assert_eq!(value(domestic), value(iban), "{domestic}");
        }
    }

    #[test]
    fn other_numbers_are_quiet() {
        for text in [
            // They have the check digits of an account, and another name.
            "OCR 50501055",
            "Fakturanummer 5050-1055",
            "Ordernr 50501055",
            "Kundnr: 2865434",
            "Telefon 505-1057",
            "Mobil 070-505 10 55",
            "KID 86011117947",
            "Fødselsnummer 86011117947",
            "Org.nr 556047-3521",
            "Viitenumero 12345600000785",
            // No name at all.
            "5050-1055",
            "50501055",
            "28 65 43-4",
            "86011117947",
            "8601 11 17947",
            "123456-785",
            // A name, and a wrong check digit.
            "Bankgiro 5050-1056",
            "Plusgiro 28 65 43-5",
            "Kontonummer 8601 11 17948",
            "Clearing 5839 konto 82 574 67",
            "IBAN SE45 5000 0000 0583 9825 7467",
            // A name, and another number behind it.
            "Betala till bankgiro senast 2026-12-01, 20261201",
            "Bankgiro finns på fakturan, ordernr 50501055",
            "Konto: 4010 Inköp av varor 12 500,00",
            "Tid 2026-11-29 04:53:47, bg",
            // Part of something longer.
            "Bankgiro 5050-1055-17",
            "XSE4550000000058398257466",
            "SE4550000000058398257466123",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn typography_hides_nothing() {
        for text in [
            "Bankgiro 5050\u{2011}1055",
            "BANKGIRO:\u{a0}5050\u{2013}1055",
            "bank\u{ad}giro ５０５０-1055",
            "Bg: 50501055",
            "Bankgironr\n5050-1055",
            "5050-1055 (bankgiro)",
        ] {
            assert_eq!(found(text), ["se.bankgiro 50501055"], "{text:?}");
        }
        assert_eq!(
            found("de89\u{a0}3704\u{a0}0044\u{a0}0532\u{a0}0130\u{a0}00"),
            ["iban DE89370400440532013000"]
        );
    }

    #[test]
    fn a_mail_has_a_bounded_number_of_them() {
        let many: String = (0..10_000)
            .filter_map(|number| giro::tests::with_check_digit(1_000_000 + number))
            .map(|number| format!("Bankgiro {number}\n"))
            .collect();
        let mut accounts = Vec::new();
        scan(&many, &mut accounts);
        assert_eq!(accounts.len(), limits::ACCOUNTS_OF_MAIL_MAX);
    }

    #[test]
    fn what_is_shown_of_an_account_is_its_end() {
        for (value, want) in [
            ("50501055", "…055"),
            ("SE/58398257466", "…466"),
            ("4-2", "…42"),
            ("424", "…24"),
            ("", "…"),
        ] {
            assert_eq!(ends(value), want);
        }
    }

    #[test]
    fn an_account_by_itself_is_read_with_its_name() {
        assert_eq!(read("bankgiro 5050-1055").unwrap().value.expose(), "50501055");
        assert_eq!(read("NO9386011117947").unwrap().value.expose(), "NO9386011117947");
        assert!(read("5050-1055").is_none() && read("").is_none());
        assert!(read("bankgiro 5050-1055, plusgiro 28 65 43-4").is_none());
    }
}
