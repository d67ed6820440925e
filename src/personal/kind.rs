//! What can be found, and how sure one can be of it.

use serde::{Deserialize, Serialize};

/// A kind of personal identifier. Its [`word`](Kind::word) is the name in JSON, rules and policy, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Swedish personal identity number (Folkbokföringslagen 1991:481 section 18).
    SePersonnummer,
    /// Swedish number of a person who is not registered as resident: the day plus 60.
    SeSamordningsnummer,
    /// Swedish stopgap number of a university or hospital: a letter in the place of the first serial digit.
    SeInterim,
    /// Finnish personal identity code.
    FiHenkilotunnus,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] =
        [Kind::SePersonnummer, Kind::SeSamordningsnummer, Kind::SeInterim, Kind::FiHenkilotunnus];

    /// The stable name: `se.personnummer`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::SePersonnummer => "se.personnummer",
            Kind::SeSamordningsnummer => "se.samordningsnummer",
            Kind::SeInterim => "se.interim",
            Kind::FiHenkilotunnus => "fi.henkilotunnus",
        }
    }

    /// From [`Kind::word`].
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The part of the word before the dot: the country, where a country gives it out.
    pub fn family(self) -> &'static str {
        self.word().split('.').next().unwrap_or_default()
    }
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It has the form and the check digit, as many a business number has. Counted and masked, no ground to act.
    Low,
    /// Probably one. Enough to act where a mistake is cheap.
    Medium,
    /// Enough to act on alone.
    High,
}

impl Confidence {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }

    /// One step surer.
    pub(super) fn raised(self) -> Confidence {
        match self {
            Confidence::Low => Confidence::Medium,
            Confidence::Medium | Confidence::High => Confidence::High,
        }
    }

    /// One step less sure; nothing is left of the lowest.
    pub(super) fn lowered(self) -> Option<Confidence> {
        match self {
            Confidence::Low => None,
            Confidence::Medium => Some(Confidence::Low),
            Confidence::High => Some(Confidence::Medium),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_name_their_family() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.word()), Some(kind));
            assert!(kind.word().starts_with(&format!("{}.", kind.family())));
        }
        assert_eq!(Kind::from_word("se"), None);
    }
}
