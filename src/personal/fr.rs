//! French numbers: NIR (numéro de sécurité sociale).
//!
//! Sex, year, month, department (2A and 2B on Corsica), municipality, serial number, and a key: 97 less the remainder of 97, with 2A counted as 19 and 2B as
//! 18 (INSEE, "Numéro d'inscription au répertoire").

use super::{
    Confidence, Date, Kind,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth},
};
use Confidence::{High, Medium};

const FIFTEEN: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };

/// NIR with its key, in one piece or in its groups.
pub(super) fn nir(run: &Run<'_>, _today: Date) -> Answer {
    use Joint::Space;
    let groups = match run.shape {
        [(15, _), ..] => 1,
        [(13, Space), (2, _), ..] => 2,
        [(1, Space), (2, Space), (2, Space), (2, Space), (3, Space), (3, Space), (2, _), ..] => 7,
        _ => return Answer::No,
    };
    let joined = run.joined(groups);
    let fifteen = joined.bytes();
    let corsica = |byte: u8| match byte.to_ascii_uppercase() {
        b'A' => Some(b'9'),
        b'B' => Some(b'8'),
        _ => None,
    };
    let mut plain = fifteen.to_vec();
    if let [_, _, _, _, _, first @ b'2', second, ..] = plain.as_mut_slice()
        && let Some(digit) = corsica(*second)
    {
        (*first, *second) = (b'1', digit);
    }
    let Some(text) = std::str::from_utf8(&plain).ok().filter(|text| text.len() == 15) else {
        return Answer::No;
    };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Answer::No;
    }
    let (number, key) = text.split_at(13);
    let (number, key) = (number.parse::<u64>().unwrap_or_default(), key.parse::<u64>());
    let month = text.get(3..5).and_then(|month| month.parse::<u8>().ok()).unwrap_or_default();
    let possible = text.starts_with(['1', '2']) && matches!(month, 1..=12 | 20..=42 | 50..=99);
    if !possible || key != Ok(97 - number % 97) {
        return Answer::No;
    }
    let value = fifteen.iter().map(|byte| char::from(byte.to_ascii_uppercase())).collect();
    let owner = Owner::person(Kind::FrNir, value);
    let form = Form { groups, name: "NIR" };
    Answer::Reads(Reading { owner, form, worth: FIFTEEN, odds: 97 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    #[test]
    fn a_key_of_97_checks_it() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (text, want) in [
            ("255081416802538", "fr.nir 255081416802538"),
            ("2 55 08 14 168 025 38", "fr.nir 255081416802538"),
            ("2550814168025 38", "fr.nir 255081416802538"),
            ("255081416802539", "no"),
            ("355081416802538", "no"),
        ] {
            assert_eq!(read(nir, text, today), want, "{text}");
        }
        // On Corsica.
        let one = (1..=97).map(|key| format!("155082A168025{key:02}"));
        let read: Vec<String> =
            one.filter(|text| read(nir, text, today).starts_with("fr.nir")).collect();
        assert_eq!(read.len(), 1, "{read:?}");
    }
}
