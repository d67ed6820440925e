//! Bank accounts of persons: IBAN (ISO 13616), where the words near it say whose it is.
//!
//! Nearly every IBAN in mail is a firm's on an invoice, and public. One is personal data where it is called somebody's own, or stands named in a mail that
//! speaks of no business; a column of them belongs to a register.

use super::{
    Confidence, Date, Kind, accounts,
    written::{Answer, Form, Owner, Reading, Run, Worth},
};
use Confidence::Medium;

const NAMED: Worth = Worth { labelled: Some(Medium), alone: None, contradicted: None };

/// An IBAN in one piece or in groups.
pub(super) fn iban(run: &Run<'_>, _today: Date) -> Answer {
    let Some((value, length)) = accounts::iban_at(run.ahead()) else { return Answer::No };
    let groups = run.groups_within(length);
    let owner = Owner::person(Kind::Iban, value);
    Answer::Reads(Reading { owner, form: Form { groups, name: "IBAN" }, worth: NAMED, odds: 97 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    /// Specimens of the IBAN registry.
    #[test]
    fn specimens_of_the_registry() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("FI2112345600000785", "iban FI2112345600000785"),
            ("FI21 1234 5600 0007 85", "iban FI2112345600000785"),
            ("GB29 NWBK 6016 1331 9268 19", "iban GB29NWBK60161331926819"),
            ("FI2112345600000786", "no"),
            ("FI21123456000007", "no"),
        ] {
            assert_eq!(read(iban, text, today), want, "{text}");
        }
    }
}
