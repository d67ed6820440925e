//! German numbers: steuerliche Identifikationsnummer.
//!
//! Eleven digits, the first not 0: of the first ten, one stands there twice or three times and the others at most once; the last is a check digit by
//! ISO/IEC 7064 MOD 11,10 (Bundeszentralamt für Steuern, "Steueridentifikationsnummer").

use super::{
    Confidence, Date, Kind,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Medium};

const ELEVEN: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };

/// Steuer-ID, also in groups of 2, 3, 3 and 3.
pub(super) fn steuer_id(run: &Run<'_>, _today: Date) -> Answer {
    let groups = match run.shape {
        [(11, _), ..] => 1,
        [(2, Joint::Space), (3, Joint::Space), (3, Joint::Space), (3, _), ..] => 4,
        _ => return Answer::No,
    };
    let joined = run.joined(groups);
    let Some(eleven) = digits::<11>(joined.bytes()) else { return Answer::No };
    let [ten @ .., check] = eleven;
    let times = |digit: u8| ten.iter().filter(|one| **one == digit).count();
    let repeated = (0..=9).filter(|digit| times(*digit) > 1).count();
    let possible = repeated == 1 && (0..=9).all(|digit| times(digit) <= 3);
    if ten.first() == Some(&0) || !possible || check != check_digit(&ten) {
        return Answer::No;
    }
    let owner = Owner::person(Kind::DeSteuerId, joined.text());
    let form = Form { groups, name: "Steuer-ID" };
    Answer::Reads(Reading { owner, form, worth: ELEVEN, odds: 15 })
}

fn check_digit(ten: &[u8]) -> u8 {
    let product = ten.iter().fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn published_samples() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("86095742719", "de.steuer-id 86095742719"),
            ("47036892816", "de.steuer-id 47036892816"),
            ("86 095 742 719", "de.steuer-id 86095742719"),
            ("86095742718", "no"),
            ("01234567890", "no"),
            ("11112345678", "no"),
        ] {
            assert_eq!(read(steuer_id, text, today), want, "{text}");
        }
    }
}
