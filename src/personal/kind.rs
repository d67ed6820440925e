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
    /// Norwegian identity number.
    NoFodselsnummer,
    /// Norwegian number of somebody who is not registered as resident: the day plus 40.
    NoDNummer,
    /// Norwegian number that a hospital gives: the month plus 40.
    NoHNummer,
    /// Danish number of the civil registration system.
    DkCpr,
    /// Icelandic identity number.
    IsKennitala,
    /// Estonian identity code.
    EeIsikukood,
    /// Latvian identity code.
    LvPersonasKods,
    /// Lithuanian identity code.
    LtAsmensKodas,
    /// German tax identification number.
    DeSteuerId,
    /// Dutch citizen service number.
    NlBsn,
    /// Polish identity number.
    PlPesel,
    /// Spanish identity number, also of foreigners (NIE).
    EsDni,
    /// Italian tax code.
    ItCodiceFiscale,
    /// French social security number.
    FrNir,
    /// British National Insurance number.
    GbNino,
    /// British number of the health service.
    GbNhs,
    /// American Social Security number.
    UsSsn,
    /// Bank account of a person (ISO 13616).
    Iban,
    /// Payment card.
    Card,
    /// Machine-readable line of a passport or an identity card.
    Mrz,
    /// The number of a European Health Insurance Card.
    Ehic,
    /// Date of birth, where a word says that it is one.
    BirthDate,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 26] = [
        Kind::SePersonnummer,
        Kind::SeSamordningsnummer,
        Kind::SeInterim,
        Kind::FiHenkilotunnus,
        Kind::NoFodselsnummer,
        Kind::NoDNummer,
        Kind::NoHNummer,
        Kind::DkCpr,
        Kind::IsKennitala,
        Kind::EeIsikukood,
        Kind::LvPersonasKods,
        Kind::LtAsmensKodas,
        Kind::DeSteuerId,
        Kind::NlBsn,
        Kind::PlPesel,
        Kind::EsDni,
        Kind::ItCodiceFiscale,
        Kind::FrNir,
        Kind::GbNino,
        Kind::GbNhs,
        Kind::UsSsn,
        Kind::Iban,
        Kind::Card,
        Kind::Mrz,
        Kind::Ehic,
        Kind::BirthDate,
    ];

    /// The stable name: `se.personnummer`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::SePersonnummer => "se.personnummer",
            Kind::SeSamordningsnummer => "se.samordningsnummer",
            Kind::SeInterim => "se.interim",
            Kind::FiHenkilotunnus => "fi.henkilotunnus",
            Kind::NoFodselsnummer => "no.fodselsnummer",
            Kind::NoDNummer => "no.d-nummer",
            Kind::NoHNummer => "no.h-nummer",
            Kind::DkCpr => "dk.cpr",
            Kind::IsKennitala => "is.kennitala",
            Kind::EeIsikukood => "ee.isikukood",
            Kind::LvPersonasKods => "lv.personas-kods",
            Kind::LtAsmensKodas => "lt.asmens-kodas",
            Kind::DeSteuerId => "de.steuer-id",
            Kind::NlBsn => "nl.bsn",
            Kind::PlPesel => "pl.pesel",
            Kind::EsDni => "es.dni",
            Kind::ItCodiceFiscale => "it.codice-fiscale",
            Kind::FrNir => "fr.nir",
            Kind::GbNino => "gb.nino",
            Kind::GbNhs => "gb.nhs",
            Kind::UsSsn => "us.ssn",
            Kind::Iban => "iban",
            Kind::Card => "card",
            Kind::Mrz => "mrz",
            Kind::Ehic => "ehic",
            Kind::BirthDate => "birth-date",
        }
    }

    /// Does it say who somebody is? A card, an account or a birthday is somebody's and names nobody.
    pub fn is_of_a_person(self) -> bool {
        !matches!(self, Kind::Card | Kind::Iban | Kind::BirthDate)
    }

    /// Does it begin with the day, in digits that firms also number orders with?
    pub(super) fn is_written_day_first(self) -> bool {
        matches!(self, Kind::DkCpr | Kind::IsKennitala)
    }

    /// Is it given out far from here? Such numbers pass by chance in our mail, and are looked for where the organisation has to do with that country, or where
    /// a label names them.
    pub fn is_from_afar(self) -> bool {
        !matches!(
            self.family(),
            "se" | "fi"
                | "no"
                | "dk"
                | "is"
                | "ee"
                | "lv"
                | "lt"
                | "iban"
                | "card"
                | "mrz"
                | "ehic"
                | "birth-date"
        )
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
            let word = kind.word();
            assert!(word == kind.family() || word.starts_with(&format!("{}.", kind.family())));
        }
        assert!(Kind::UsSsn.is_from_afar() && !Kind::EeIsikukood.is_from_afar());
        assert_eq!(Kind::from_word("se"), None);
    }
}
