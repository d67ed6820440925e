//! What was found in a mail, as a letter says it: kind, how many, where, and a mask. Never a value.

use crate::wire::report::{Language, frame::clean};
use serde::{Deserialize, Serialize};

/// One kind in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// `se.personnummer`.
    pub kind: String,
    /// How many times; of a register its rows.
    pub count: u32,
    /// The name of the file that it stands in; empty for the mail's own text.
    pub file: String,
    /// One of them, masked; empty where there is nothing to show.
    pub mask: String,
}

impl Found {
    /// A line of a letter.
    pub(in crate::wire::report) fn line(&self, language: Language) -> String {
        let place = match (self.file.is_empty(), language) {
            (false, Language::En) => format!(", in {}", clean(&self.file)),
            (false, Language::Sv | Language::Nb | Language::Da) => {
                format!(", i {}", clean(&self.file))
            }
            (false, Language::Fi) => format!(", tiedostossa {}", clean(&self.file)),
            (true, _) => String::new(),
        };
        let mask = if self.mask.is_empty() { String::new() } else { format!(" ({})", self.mask) };
        format!("    - {}: {}{mask}{place}\n", name(&self.kind, language), self.count)
    }
}

/// What a kind is called. Numbers have the name that their country gave them, in every language.
fn name(kind: &str, language: Language) -> String {
    let own = OWN.iter().find(|(word, _)| *word == kind).map(|(_, name)| *name);
    let at = match language {
        Language::En => 0,
        Language::Sv => 1,
        Language::Fi => 2,
        Language::Nb => 3,
        Language::Da => 4,
    };
    let translated = || {
        NAMES.iter().find(|(word, _)| *word == kind).and_then(|(_, names)| names.get(at).copied())
    };
    own.or_else(translated).unwrap_or(kind).to_string()
}

const OWN: &[(&str, &str)] = &[
    ("se.personnummer", "personnummer (SE)"),
    ("se.samordningsnummer", "samordningsnummer (SE)"),
    ("se.interim", "tillfälligt personnummer (SE)"),
    ("fi.henkilotunnus", "henkilötunnus (FI)"),
    ("no.fodselsnummer", "fødselsnummer (NO)"),
    ("no.d-nummer", "D-nummer (NO)"),
    ("no.h-nummer", "hjelpenummer (NO)"),
    ("dk.cpr", "CPR-nummer (DK)"),
    ("is.kennitala", "kennitala (IS)"),
    ("ee.isikukood", "isikukood (EE)"),
    ("lv.personas-kods", "personas kods (LV)"),
    ("lt.asmens-kodas", "asmens kodas (LT)"),
    ("de.steuer-id", "Steuer-ID (DE)"),
    ("nl.bsn", "BSN (NL)"),
    ("pl.pesel", "PESEL (PL)"),
    ("es.dni", "DNI/NIE (ES)"),
    ("it.codice-fiscale", "codice fiscale (IT)"),
    ("fr.nir", "NIR (FR)"),
    ("gb.nino", "National Insurance number (GB)"),
    ("gb.nhs", "NHS number (GB)"),
    ("us.ssn", "Social Security number (US)"),
    ("iban", "IBAN"),
];

/// English, Swedish, Finnish, Norwegian, Danish.
const NAMES: &[(&str, [&str; 5])] = &[
    ("birth-date", ["date of birth", "födelsedatum", "syntymäaika", "fødselsdato", "fødselsdato"]),
    ("card", ["payment card", "betalkort", "maksukortti", "betalingskort", "betalingskort"]),
    (
        "ehic",
        [
            "European Health Insurance Card",
            "europeiskt sjukförsäkringskort",
            "eurooppalainen sairaanhoitokortti",
            "europeisk helsetrygdkort",
            "europæisk sygesikringskort",
        ],
    ),
    (
        "mrz",
        [
            "passport or identity card",
            "pass eller id-kort",
            "passi tai henkilökortti",
            "pass eller ID-kort",
            "pas eller id-kort",
        ],
    ),
    (
        "register",
        [
            "rows of a list of persons",
            "rader i ett personregister",
            "henkilöluettelon riviä",
            "rader i et personregister",
            "rækker i et personregister",
        ],
    ),
    (
        "special.health",
        [
            "words about somebody's health",
            "uppgifter om någons hälsa",
            "tietoja jonkun terveydestä",
            "opplysninger om noens helse",
            "oplysninger om nogens helbred",
        ],
    ),
    (
        "special.union",
        [
            "words about union membership",
            "uppgifter om fackligt medlemskap",
            "tietoja ammattiliiton jäsenyydestä",
            "opplysninger om fagforeningsmedlemskap",
            "oplysninger om medlemskab af fagforening",
        ],
    ),
    (
        "special.religion",
        [
            "words about somebody's religion",
            "uppgifter om någons religion",
            "tietoja jonkun uskonnosta",
            "opplysninger om noens religion",
            "oplysninger om nogens religion",
        ],
    ),
    (
        "special.politics",
        [
            "words about somebody's politics",
            "uppgifter om någons politiska åsikter",
            "tietoja jonkun poliittisista mielipiteistä",
            "opplysninger om noens politiske syn",
            "oplysninger om nogens politiske holdning",
        ],
    ),
    (
        "special.sexual-life",
        [
            "words about somebody's sexual life",
            "uppgifter om någons sexualliv",
            "tietoja jonkun seksuaalielämästä",
            "opplysninger om noens seksuelle forhold",
            "oplysninger om nogens seksuelle forhold",
        ],
    ),
    (
        "special.ethnic-origin",
        [
            "words about somebody's origin",
            "uppgifter om någons ursprung",
            "tietoja jonkun alkuperästä",
            "opplysninger om noens opprinnelse",
            "oplysninger om nogens oprindelse",
        ],
    ),
    (
        "special.genetic",
        [
            "words about somebody's genes",
            "genetiska uppgifter om någon",
            "geneettisiä tietoja jostakusta",
            "genetiske opplysninger om noen",
            "genetiske oplysninger om nogen",
        ],
    ),
    (
        "special.biometric",
        [
            "words about somebody's fingerprints, face or voice",
            "biometriska uppgifter om någon",
            "biometrisiä tietoja jostakusta",
            "biometriske opplysninger om noen",
            "biometriske oplysninger om nogen",
        ],
    ),
    (
        "special.criminal",
        [
            "words about crime",
            "uppgifter om brott",
            "tietoja rikoksista",
            "opplysninger om straffbare forhold",
            "oplysninger om strafbare forhold",
        ],
    ),
    (
        "secret.private-key",
        ["private key", "privat nyckel", "yksityinen avain", "privat nøkkel", "privat nøgle"],
    ),
    (
        "secret.api-key",
        ["access key", "åtkomstnyckel", "käyttöavain", "tilgangsnøkkel", "adgangsnøgle"],
    ),
    ("secret.password", ["password", "lösenord", "salasana", "passord", "adgangskode"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::Kind;

    #[test]
    fn every_kind_of_number_has_a_name() {
        for kind in Kind::ALL {
            for language in Language::ALL {
                assert_ne!(name(kind.word(), language), kind.word());
            }
        }
    }

    #[test]
    fn a_line_says_kind_count_mask_and_place() {
        let found = Found {
            kind: "se.personnummer".to_string(),
            count: 3,
            file: "lista.xlsx".to_string(),
            mask: "19****-***1".to_string(),
        };
        assert_eq!(
            found.line(Language::Sv),
            "    - personnummer (SE): 3 (19****-***1), i lista.xlsx\n"
        );
        let bare =
            Found { file: String::new(), mask: String::new(), kind: "x.new".to_string(), ..found };
        assert_eq!(bare.line(Language::Fi), "    - x.new: 3\n");
    }
}
