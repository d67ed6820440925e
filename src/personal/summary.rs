//! What may be told of findings: kinds, counts and masks.

use super::{Confidence, Found, Kind};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What was found of one kind in one text.
///
/// A kind has at most two: one for all that is medium or surer, and one for the persons that are only ever of low
/// confidence, so that doubtful numbers never make a leak of three persons one of thirty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The kind's word: `se.personnummer`.
    pub kind: &'static str,
    /// How many places.
    pub count: u32,
    /// How many different values: persons.
    pub persons: u32,
    /// The surest of them.
    pub confidence: Confidence,
    /// Different masks in the order of the text, at most ten. Several persons may share one.
    pub masked: Vec<String>,
}

/// Sums up findings, one text's or a whole mail's: the surer first within a kind.
pub fn summarise(found: &[Found]) -> Vec<Summary> {
    let mut surest: HashMap<(Kind, &str), Confidence> = HashMap::new();
    for one in found {
        let best = surest.entry((one.kind, one.value.expose())).or_insert(one.confidence);
        *best = one.confidence.max(*best);
    }
    let mut sums: BTreeMap<(Kind, bool), (Summary, BTreeSet<&str>)> = BTreeMap::new();
    for one in found {
        let value = one.value.expose().as_str();
        let confidence = surest.get(&(one.kind, value)).copied().unwrap_or(one.confidence);
        let doubtful = confidence == Confidence::Low;
        let (sum, persons) = sums.entry((one.kind, doubtful)).or_insert_with(|| {
            let kind = one.kind.word();
            (
                Summary { kind, count: 0, persons: 0, confidence, masked: Vec::new() },
                BTreeSet::new(),
            )
        });
        sum.count = sum.count.saturating_add(1);
        sum.confidence = sum.confidence.max(confidence);
        if persons.insert(value) {
            sum.persons = sum.persons.saturating_add(1);
            let mask = mask(one.kind, value);
            if sum.masked.len() < MASKS_MAX && !sum.masked.contains(&mask) {
                sum.masked.push(mask);
            }
        }
    }
    sums.into_values().map(|(sum, _)| sum).collect()
}

/// A canonical value with what identifies taken out: the century and the last character stay, so that a reader who has
/// the text in hand knows which number is meant.
///
/// `19****-***1` for Swedish numbers, `******A***D` for Finnish ones, whose sign is the century.
pub fn mask(kind: Kind, value: &str) -> String {
    let mut letters = value.chars();
    let last = letters.next_back().unwrap_or('*');
    match kind {
        Kind::SePersonnummer | Kind::SeSamordningsnummer | Kind::SeInterim => {
            let century: String = letters.take(2).collect();
            format!("{century}****-***{last}")
        }
        Kind::FiHenkilotunnus => {
            let sign = letters.nth(6).unwrap_or('*');
            format!("******{sign}***{last}")
        }
        Kind::NoFodselsnummer | Kind::NoDNummer | Kind::NoHNummer => format!("**********{last}"),
        Kind::DkCpr | Kind::IsKennitala => format!("******-***{last}"),
        Kind::Card => format!("{}{last}", letters.map(|_| '*').collect::<String>()),
        Kind::BirthDate => {
            let century: String = value.chars().take(2).collect();
            format!("{century}**-**-**")
        }
        // A document's line is known by its first letters, which tell the country or nothing.
        Kind::Mrz => "*".repeat(12),
        Kind::Iban => {
            let country: String = letters.clone().take(2).collect();
            format!("{country}{}{last}", "*".repeat(letters.count().saturating_sub(2)))
        }
        Kind::EeIsikukood
        | Kind::LvPersonasKods
        | Kind::LtAsmensKodas
        | Kind::DeSteuerId
        | Kind::NlBsn
        | Kind::PlPesel
        | Kind::EsDni
        | Kind::ItCodiceFiscale
        | Kind::FrNir
        | Kind::GbNino
        | Kind::GbNhs
        | Kind::Ehic
        | Kind::UsSsn => format!("{}{last}", "*".repeat(letters.count())),
    }
}

/// Masks shown of one kind: enough to recognise, too few to be a register.
const MASKS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hidden::Hidden;

    fn found(kind: Kind, confidence: Confidence, value: &str) -> Found {
        Found { kind, confidence, span: 0..0, value: Hidden::new(kind.word(), value.to_string()) }
    }

    #[test]
    fn a_mask_keeps_century_and_last_character() {
        for (kind, value, want) in [
            (Kind::SePersonnummer, "191212121212", "19****-***2"),
            (Kind::SeSamordningsnummer, "191401682396", "19****-***6"),
            (Kind::SeInterim, "20000101T220", "20****-***0"),
            (Kind::FiHenkilotunnus, "020516C902J", "******C***J"),
            (Kind::FiHenkilotunnus, "", "***********"),
            (Kind::BirthDate, "1985-07-09", "19**-**-**"),
        ] {
            assert_eq!(mask(kind, value), want);
        }
    }

    #[test]
    fn persons_are_counted_once_and_doubts_apart() {
        use Confidence::{High, Low};
        let kind = Kind::SePersonnummer;
        let sums = summarise(&[
            found(kind, Low, "191212121212"),
            found(kind, High, "191212121212"),
            found(kind, High, "189001019802"),
            found(kind, Low, "199001029819"),
            found(Kind::FiHenkilotunnus, High, "020516C902J"),
        ]);
        let told: Vec<_> =
            sums.iter().map(|sum| (sum.kind, sum.count, sum.persons, sum.confidence)).collect();
        assert_eq!(
            told,
            [
                ("se.personnummer", 3, 2, High),
                ("se.personnummer", 1, 1, Low),
                ("fi.henkilotunnus", 1, 1, High),
            ]
        );
        assert_eq!(sums[0].masked, ["19****-***2", "18****-***2"]);
    }

    #[test]
    fn nothing_shown_holds_a_value() {
        let found = [found(Kind::SePersonnummer, Confidence::High, "191212121212")];
        let shown = format!("{found:?} {:?}", summarise(&found));
        assert!(!shown.contains("1212"), "{shown}");
    }

    #[test]
    fn at_most_ten_masks() {
        let many: Vec<Found> = ('0'..='9')
            .flat_map(|last| ["18", "19"].map(|century| format!("{century}121212121{last}")))
            .map(|value| found(Kind::SePersonnummer, Confidence::High, &value))
            .collect();
        let sums = summarise(&many);
        assert_eq!((sums[0].persons, sums[0].masked.len()), (20, 10));
    }
}
