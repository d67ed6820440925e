//! The number of a European Health Insurance Card.
//!
//! Twenty digits: ten of the institution, which begin with 80 and the country's number (ISO 3166-1 numeric), and ten of the card (Decision S2 of the
//! Administrative Commission, OJ C 106, 24 April 2010, p. 26, field 8; Finland's cards begin with 80 246 80246). No check digit is known, so it takes a label.

use super::{
    Confidence, Date, Kind,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth},
};

const WORTH: Worth = Worth { labelled: Some(Confidence::High), alone: None, contradicted: None };

/// The union, the economic area, Switzerland, and the United Kingdom, whose cards go on.
const COUNTRIES: &[&[u8; 3]] = &[
    b"040", b"056", b"100", b"191", b"196", b"203", b"208", b"233", b"246", b"250", b"276", b"300",
    b"348", b"352", b"372", b"380", b"428", b"438", b"440", b"442", b"470", b"528", b"578", b"616",
    b"620", b"642", b"703", b"705", b"724", b"752", b"756", b"826",
];

/// The card's number.
pub(super) fn ehic(run: &Run<'_>, _today: Date) -> Answer {
    let groups = match run.shape {
        [(20, _), ..] => 1,
        [(10, Joint::Space | Joint::Hyphen), (10, _), ..] => 2,
        [
            (4, Joint::Space),
            (4, Joint::Space),
            (4, Joint::Space),
            (4, Joint::Space),
            (4, _),
            ..,
        ] => 5,
        _ => return Answer::No,
    };
    let joined = run.joined(groups);
    let [b'8', b'0', first, second, third, rest @ ..] = joined.bytes() else { return Answer::No };
    let is_issued = COUNTRIES.contains(&&[*first, *second, *third]);
    if rest.len() != 15 || !is_issued || !rest.iter().all(u8::is_ascii_digit) {
        return Answer::No;
    }
    let owner = Owner::person(Kind::Ehic, joined.text());
    let form = Form { groups, name: "EHIC" };
    // Nearly everything of this form would be read so: the label decides.
    Answer::Reads(Reading { owner, form, worth: WORTH, odds: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn the_institution_begins_with_eighty_and_a_country() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("80246802460000000000", "ehic 80246802460000000000"),
            ("8024680246 0000000000", "ehic 80246802460000000000"),
            ("8024680246-0000000000", "ehic 80246802460000000000"),
            ("8075 2000 0100 0000 0000", "ehic 80752000010000000000"),
            ("80999000010000000000", "no"),
            ("8024680246000000000", "no"),
            ("802468024600000000000", "no"),
            ("81246802460000000000", "no"),
        ] {
            assert_eq!(read(ehic, text, today), want, "{text}");
        }
    }
}
