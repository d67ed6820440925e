//! Estonian, Lithuanian and Latvian numbers.
//!
//! Estonia (isikukood) and Lithuania (asmens kodas): `GYYMMDDSSSK`; G tells sex and century, K is a check digit modulo 11 in two rounds (EVS 585:2007;
//! Lithuania's law on the population register has the same sum). Latvia (personas kods): `DDMMYY-CNNNN` with the weights 1 6 3 7 9 10 5 8 4 2, the
//! sum taken from 1101; numbers given since 1 July 2017 begin with 32 and say nothing (PMLP).

use super::{
    Confidence, Date, Kind,
    checksum::weighted,
    written::{Answer, Form, Joint, Owner, Reading, Run, Worth, digits},
};
use Confidence::{High, Low, Medium};

const DATED: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };
/// Begins as telephone numbers of our countries do.
const LIKE_A_TELEPHONE: Worth =
    Worth { labelled: Some(High), alone: Some(Low), contradicted: None };
const HYPHENATED: Worth = Worth { labelled: Some(High), alone: Some(Medium), contradicted: None };
/// No date and no check digit.
const UNCHECKED: Worth = Worth { labelled: Some(High), alone: None, contradicted: None };

/// Estonia.
pub(super) fn isikukood(run: &Run<'_>, today: Date) -> Answer {
    eleven(run, today, Kind::EeIsikukood)
}

/// Lithuania.
pub(super) fn asmens_kodas(run: &Run<'_>, today: Date) -> Answer {
    eleven(run, today, Kind::LtAsmensKodas)
}

fn eleven(run: &Run<'_>, today: Date, kind: Kind) -> Answer {
    let [(11, _), ..] = run.shape else { return Answer::No };
    let Some(eleven) = digits::<11>(run.joined(1).bytes()) else { return Answer::No };
    let [g, y1, y2, m1, m2, d1, d2, ..] = eleven;
    let year = u16::from(y1) * 10 + u16::from(y2);
    let century = match g {
        1 | 2 => 1800,
        3 | 4 => 1900,
        5 | 6 => 2000,
        _ => return Answer::No,
    };
    let date = Date::new(century + year, m1 * 10 + m2, d1 * 10 + d2);
    if date.is_none_or(|date| date > today) || check(&eleven) != eleven.last().copied() {
        return Answer::No;
    }
    let worth = match eleven {
        [3, 5, 8, ..] | [3, 7, 0..=2, ..] | [4, 5..=7, ..] => LIKE_A_TELEPHONE,
        _ => DATED,
    };
    let form = Form { groups: 1, name: "GYYMMDDSSSK" };
    Answer::Reads(Reading { owner: person(kind, &eleven), form, worth, odds: 11 })
}

fn check(eleven: &[u8; 11]) -> Option<u8> {
    let rest = match weighted(eleven, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11 {
        10 => weighted(eleven, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10,
        rest => rest,
    };
    u8::try_from(rest).ok()
}

/// Latvia.
pub(super) fn personas_kods(run: &Run<'_>, today: Date) -> Answer {
    let (groups, name) = match run.shape {
        [(6, Joint::Hyphen), (5, _), ..] => (2, "DDMMYY-CNNNN"),
        [(11, _), ..] => (1, "DDMMYYCNNNN"),
        _ => return Answer::No,
    };
    let Some(eleven) = digits::<11>(run.joined(groups).bytes()) else { return Answer::No };
    let form = Form { groups, name };
    let owner = person(Kind::LvPersonasKods, &eleven);
    let [d1, d2, m1, m2, y1, y2, c, .., last] = eleven;
    if d1 == 3 && (2..=9).contains(&d2) {
        return Answer::Reads(Reading { owner, form, worth: UNCHECKED, odds: 1 });
    }
    let century = match c {
        0 => 1800,
        1 => 1900,
        2 => 2000,
        _ => return Answer::No,
    };
    let year = century + u16::from(y1) * 10 + u16::from(y2);
    let born = Date::new(year, m1 * 10 + m2, d1 * 10 + d2).is_some_and(|date| date <= today);
    let sum = weighted(&eleven, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    if !born || (1_101 - sum) % 11 % 10 != u32::from(last) {
        return Answer::No;
    }
    let worth = if groups == 2 { HYPHENATED } else { UNCHECKED };
    Answer::Reads(Reading { owner, form, worth, odds: 33 })
}

fn person(kind: Kind, eleven: &[u8; 11]) -> Owner {
    let value = eleven.iter().map(|digit| char::from(b'0' + digit)).collect();
    Owner::person(kind, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::written::testing::read;

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }

    /// Born in the nineteenth century.
    #[test]
    fn people_long_dead_are_read() {
        let mut seen = 0;
        for serial in 0..20 {
            for last in 0..10 {
                let text = format!("1850101{serial:03}{last}");
                if read(isikukood, &text, today()) == "no" {
                    continue;
                }
                seen += 1;
                assert_eq!(read(asmens_kodas, &text, today()), format!("lt.asmens-kodas {text}"));
            }
        }
        assert_eq!(seen, 20, "one check digit for each");
        for text in ["18513010012", "98501010010", "1850101001", "185010100123"] {
            assert_eq!(read(isikukood, text, today()), "no", "{text}");
        }
    }

    #[test]
    fn latvians_old_and_new() {
        let old: Vec<String> = (0..10)
            .map(|last| format!("010185-0123{last}"))
            .filter(|text| read(personas_kods, text, today()) != "no")
            .collect();
        assert_eq!(old.len(), 1, "{old:?}");
        assert_eq!(read(personas_kods, "321234-56789", today()), "lv.personas-kods 32123456789");
        assert_eq!(read(personas_kods, "310285-01234", today()), "no");
    }
}
