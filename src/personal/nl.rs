//! Dutch numbers: burgerservicenummer.
//!
//! Nine digits, the weights 9 8 7 6 5 4 3 2 -1, the sum divisible by eleven (Rijksoverheid, "Logisch ontwerp BSN"). One in eleven numbers passes, so it
//! takes a label.

use super::{
    Confidence, Date, Kind,
    checksum::weighted,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low};

const NINE: Worth = Worth { labelled: Some(High), alone: Some(Low), contradicted: None };

/// BSN, also in groups of 4, 2 and 3 or of 3.
pub(super) fn bsn(run: &Run<'_>, _today: Date) -> Answer {
    let groups = match run.shape {
        [(9, _), ..] => 1,
        [(4, Joint::Space), (2, Joint::Space), (3, _), ..]
        | [(3, Joint::Space), (3, Joint::Space), (3, _), ..] => 3,
        _ => return Answer::No,
    };
    let joined = run.joined(groups);
    let Some(nine) = digits::<9>(joined.bytes()) else { return Answer::No };
    let [eight @ .., last] = nine;
    let sum = weighted(&eight, &[9, 8, 7, 6, 5, 4, 3, 2]);
    if sum == 0 || sum % 11 != u32::from(last) {
        return Answer::No;
    }
    let owner = Owner::person(Kind::NlBsn, joined.text());
    let form = Form { groups, name: "BSN" };
    Answer::Reads(Reading { owner, form, worth: NINE, odds: 11 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn eleven_divides_the_sum() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            // Nobody has one that begins with 9999.
            ("999990019", "nl.bsn 999990019"),
            ("9999 90 019", "nl.bsn 999990019"),
            ("999990018", "no"),
            ("000000000", "no"),
            ("99999001", "no"),
        ] {
            assert_eq!(read(bsn, text, today), want, "{text}");
        }
    }
}
