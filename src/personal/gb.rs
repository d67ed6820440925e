//! British numbers: National Insurance number and NHS number.
//!
//! NINO: two letters of which some never stand there, six digits, a letter from A to D (HMRC, NIM39110). NHS: ten digits, weights 10 to 2, eleven less the
//! remainder (NHS Data Dictionary); one in eleven numbers passes, so it takes a label. 999 000 0000 and above are for tests.

use super::{
    Confidence, Date, Kind,
    checksum::weighted,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low, Medium};

const NINO: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };
const NHS: Worth = Worth { labelled: Some(High), alone: Some(Low), contradicted: None };

/// National Insurance number, `QQ123456C` or `QQ 12 34 56 C`.
pub(super) fn nino(run: &Run<'_>, _today: Date) -> Answer {
    let (taken, groups) = match run.shape {
        [(9, _), ..] => (run.joined(1).bytes().to_vec(), 1),
        // Letters alone are no groups: those before and behind are looked at here.
        [(2, Joint::Space), (2, Joint::Space), (2, _), ..] => {
            let (Some(before), [_, _, _, _, _, _, _, _, b' ', last, ..]) =
                (run.behind(3), run.ahead())
            else {
                return Answer::No;
            };
            let [first, second, b' '] = before else { return Answer::No };
            let mut taken = vec![*first, *second];
            taken.extend_from_slice(run.joined(3).bytes());
            taken.push(*last);
            (taken, 3)
        }
        _ => return Answer::No,
    };
    let upper: Vec<u8> = taken.iter().map(u8::to_ascii_uppercase).collect();
    let [first, second, six @ .., last] = upper.as_slice() else { return Answer::No };
    let never = b"DFIQUV";
    let test = [*first, *second] == *b"QQ";
    let possible = first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && (test || (!never.contains(first) && !never.contains(second) && *second != b'O'))
        && ![*b"BG", *b"GB", *b"NK", *b"KN", *b"TN", *b"NT", *b"ZZ"].contains(&[*first, *second]);
    if !possible || digits::<6>(six).is_none() || !(b'A'..=b'D').contains(last) {
        return Answer::No;
    }
    let value = upper.iter().copied().map(char::from).collect();
    let owner = Owner::person(Kind::GbNino, value);
    let form = Form { groups, name: "NINO" };
    Answer::Reads(Reading { owner, form, worth: NINO, odds: 20 })
}

/// NHS number.
pub(super) fn nhs(run: &Run<'_>, _today: Date) -> Answer {
    let groups = match run.shape {
        [(10, _), ..] => 1,
        [(3, Joint::Space), (3, Joint::Space), (4, _), ..]
        | [(3, Joint::Hyphen), (3, Joint::Hyphen), (4, _), ..] => 3,
        _ => return Answer::No,
    };
    let joined = run.joined(groups);
    let Some([nine @ .., check]) = digits::<10>(joined.bytes()) else { return Answer::No };
    let rest = 11 - weighted(&nine, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    if rest % 11 != u32::from(check) {
        return Answer::No;
    }
    let owner = Owner::person(Kind::GbNhs, joined.text());
    let form = Form { groups, name: "NHS" };
    Answer::Reads(Reading { owner, form, worth: NHS, odds: 11 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    #[test]
    fn the_example_of_the_tax_office() {
        for (text, want) in [
            ("QQ123456C", "gb.nino QQ123456C"),
            ("qq123456c", "gb.nino QQ123456C"),
            ("nr QQ 12 34 56 C.", "gb.nino QQ123456C"),
            ("QQ123456E", "no"),
            ("DQ123456C", "no"),
            ("GB123456C", "no"),
            ("QQ12345C", "no"),
        ] {
            assert_eq!(read(nino, text, today()), want, "{text}");
        }
    }

    #[test]
    fn numbers_for_tests() {
        let good: Vec<String> = (0..10)
            .map(|last| format!("999 123 455{last}"))
            .filter(|text| read(nhs, text, today()) != "no")
            .collect();
        assert_eq!(good.len(), 1, "{good:?}");
        assert_eq!(read(nhs, &good[0], today()), format!("gb.nhs {}", good[0].replace(' ', "")));
    }
}
