//! Letters about controls: one that is broken, still broken, well again; and the statement of a month. In the reader's language.
//!
//! Names of controls, numbers and our own fixed sentences; nothing of a mail and no address of anybody.

use crate::wire::report::{Language, frame::clean};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a control looks at.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Mail to a partner goes over TLS as agreed.
    PartnerTls,
    /// No mail with personal data comes or leaves in clear.
    PersonalDataInClear,
    /// Signatures and lists are not old.
    SignaturesAge,
    /// The last backup is not old.
    BackupAge,
    /// The log server has the audit log.
    AuditLink,
    /// The audit log is signed.
    AuditCheckpoint,
    /// Our certificate does not end soon.
    CertificateDaysLeft,
    /// No mail waits for long.
    QueueAge,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 8] = [
        Measure::PartnerTls,
        Measure::PersonalDataInClear,
        Measure::SignaturesAge,
        Measure::BackupAge,
        Measure::AuditLink,
        Measure::AuditCheckpoint,
        Measure::CertificateDaysLeft,
        Measure::QueueAge,
    ];

    /// Its word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Measure::PartnerTls => "partner-tls",
            Measure::PersonalDataInClear => "personal-data-in-clear",
            Measure::SignaturesAge => "signatures-age",
            Measure::BackupAge => "backup-age",
            Measure::AuditLink => "audit-link",
            Measure::AuditCheckpoint => "audit-checkpoint",
            Measure::CertificateDaysLeft => "certificate-days-left",
            Measure::QueueAge => "queue-age",
        }
    }

    /// What a value of it is.
    pub fn about(self, language: Language) -> &'static str {
        let [en, sv, fi, nb, da] = self.in_all();
        match language {
            Language::En => en,
            Language::Sv => sv,
            Language::Fi => fi,
            Language::Nb => nb,
            Language::Da => da,
        }
    }

    /// English, Swedish, Finnish, Norwegian, Danish.
    fn in_all(self) -> [&'static str; 5] {
        match self {
            Measure::PartnerTls => [
                "Deliveries to the partner that were not protected as agreed",
                "Leveranser till partnern som inte var skyddade som avtalat",
                "Toimitukset kumppanille, joita ei suojattu sovitulla tavalla",
                "Leveringer til partneren som ikke var beskyttet som avtalt",
                "Leveringer til partneren, der ikke var beskyttet som aftalt",
            ],
            Measure::PersonalDataInClear => [
                "Mails with personal data that came or left without the protection asked for",
                "Brev med personuppgifter som kom eller gick utan det skydd som krävs",
                "Henkilötietoja sisältävät viestit, jotka saapuivat tai lähtivät ilman vaadittua suojausta",
                "Meldinger med personopplysninger som kom eller gikk uten beskyttelsen som kreves",
                "Mails med personoplysninger, der kom eller gik uden den krævede beskyttelse",
            ],
            Measure::SignaturesAge => [
                "Age of the oldest signatures or lists",
                "Åldern på de äldsta signaturerna eller listorna",
                "Vanhimpien tunnisteiden tai luetteloiden ikä",
                "Alderen på de eldste signaturene eller listene",
                "Alderen på de ældste signaturer eller lister",
            ],
            Measure::BackupAge => [
                "Age of the last backup",
                "Åldern på den senaste säkerhetskopian",
                "Viimeisimmän varmuuskopion ikä",
                "Alderen på den siste sikkerhetskopien",
                "Alderen på den seneste sikkerhedskopi",
            ],
            Measure::AuditLink => [
                "Age of the oldest audit record that the log server has not confirmed",
                "Åldern på den äldsta granskningspost som loggservern inte har bekräftat",
                "Vanhimman sellaisen valvontalokin tietueen ikä, jota lokipalvelin ei ole vahvistanut",
                "Alderen på den eldste revisjonsoppføringen som loggserveren ikke har bekreftet",
                "Alderen på den ældste revisionspost, som logserveren ikke har bekræftet",
            ],
            Measure::AuditCheckpoint => [
                "Age of the oldest audit record that is not signed",
                "Åldern på den äldsta granskningspost som inte är signerad",
                "Vanhimman allekirjoittamattoman valvontalokin tietueen ikä",
                "Alderen på den eldste revisjonsoppføringen som ikke er signert",
                "Alderen på den ældste revisionspost, som ikke er signeret",
            ],
            Measure::CertificateDaysLeft => [
                "Days until our certificate ends",
                "Dagar tills vårt certifikat går ut",
                "Päiviä varmenteemme vanhenemiseen",
                "Dager til sertifikatet vårt utløper",
                "Dage til vores certifikat udløber",
            ],
            Measure::QueueAge => [
                "Age of the oldest mail that waits",
                "Åldern på det äldsta brev som väntar",
                "Vanhimman odottavan viestin ikä",
                "Alderen på den eldste meldingen som venter",
                "Alderen på den ældste mail, der venter",
            ],
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a letter about a control is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It broke.
    Opened,
    /// It is broken still.
    Reminder,
    /// It is broken for so long that others have to know.
    Escalated,
    /// It is well again.
    Healed,
}

impl Stage {
    /// One word, for the store, bounds and logs.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Opened => "control-broken",
            Stage::Reminder => "control-reminder",
            Stage::Escalated => "control-escalated",
            Stage::Healed => "control-healed",
        }
    }

    /// From that word.
    pub fn from_word(word: &str) -> Option<Stage> {
        [Stage::Opened, Stage::Reminder, Stage::Escalated, Stage::Healed]
            .into_iter()
            .find(|stage| stage.word() == word)
    }
}

/// What a letter about a control tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Why it is written.
    pub stage: Stage,
    /// The control's name.
    pub control: String,
    /// What it looks at.
    pub measure: Measure,
    /// What was measured last, in figures; "?": it could not be measured.
    pub value: String,
    /// How far it may go.
    pub limit: String,
    /// More about it, in English; may be empty.
    pub note: String,
    /// Since when it is, or was, broken: as RFC 3339 writes it.
    pub since: String,
    /// How long that is, or was: "3 h 5 min".
    pub lasted: String,
    /// The number of the deviation.
    pub number: u64,
}

/// A month of somebody's controls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Month {
    /// "2026-11" (UTC).
    pub month: String,
    /// Which gateway.
    pub whose: String,
    /// Its controls.
    pub controls: Vec<MonthOfControl>,
}

/// A month of one control.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MonthOfControl {
    /// Its name.
    pub control: String,
    /// How often it broke, or was broken when the month began.
    pub deviations: u64,
    /// How long it was broken in that month: "3 h 5 min"; empty: never.
    pub broken: String,
    /// It is broken still.
    pub is_open: bool,
}

struct Words {
    subject: [&'static str; 4],
    first: [&'static str; 4],
    measured: &'static str,
    limit: &'static str,
    since: &'static str,
    lasted: &'static str,
    note: &'static str,
    number: &'static str,
    unknown: &'static str,
    look: &'static str,
    statement: &'static str,
    statement_first: &'static str,
    deviations: &'static str,
    broken: &'static str,
    never: &'static str,
    still: &'static str,
    end: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::En => Words {
            subject: ["Broken", "Still broken", "Escalated, still broken", "Well again"],
            first: [
                "A control is broken.",
                "A control is still broken. Nobody has mended it since the last letter.",
                "A control is still broken, and has been for so long that you are told as well.",
                "A control is well again, and has been for some time now.",
            ],
            measured: "measured",
            limit: "limit",
            since: "since",
            lasted: "for",
            note: "more",
            number: "deviation",
            unknown: "could not be measured",
            look: "The page /controls shows all of them and their history; sluss status shows what is open.",
            statement: "Controls in",
            statement_first: "How the controls did that you answer for (days are those of UTC):",
            deviations: "deviations",
            broken: "broken for",
            never: "kept all month",
            still: "still open",
            end: "More: the page /controls",
        },
        Language::Sv => Words {
            subject: [
                "Bruten",
                "Fortfarande bruten",
                "Eskalerad, fortfarande bruten",
                "Åter i ordning",
            ],
            first: [
                "En kontroll är bruten.",
                "En kontroll är fortfarande bruten. Ingen har åtgärdat den sedan det förra brevet.",
                "En kontroll är fortfarande bruten, och har varit det så länge att även du får veta det.",
                "En kontroll är åter i ordning, och har varit det en tid nu.",
            ],
            measured: "uppmätt",
            limit: "gräns",
            since: "sedan",
            lasted: "i",
            note: "mer",
            number: "avvikelse",
            unknown: "kunde inte mätas",
            look: "Sidan /controls visar alla och deras historia; sluss status visar vad som är öppet.",
            statement: "Kontroller under",
            statement_first: "Så gick det för de kontroller som du svarar för (dygnen är UTC-dygn):",
            deviations: "avvikelser",
            broken: "bruten i",
            never: "hölls hela månaden",
            still: "fortfarande öppen",
            end: "Mer: sidan /controls",
        },
        Language::Fi => Words {
            subject: ["Rikki", "Yhä rikki", "Eskaloitu, yhä rikki", "Taas kunnossa"],
            first: [
                "Valvontakohde ei täyty.",
                "Valvontakohde ei edelleenkään täyty. Sitä ei ole korjattu edellisen kirjeen jälkeen.",
                "Valvontakohde ei ole täyttynyt niin pitkään aikaan, että siitä kerrotaan myös sinulle.",
                "Valvontakohde täyttyy taas, ja on täyttynyt jo jonkin aikaa.",
            ],
            measured: "mitattu",
            limit: "raja",
            since: "alkaen",
            lasted: "kesto",
            note: "lisää",
            number: "poikkeama",
            unknown: "ei voitu mitata",
            look: "Sivu /controls näyttää kaikki ja niiden historian; sluss status näyttää avoimet.",
            statement: "Valvontakohteet:",
            statement_first: "Näin kävi valvontakohteille, joista vastaat (vuorokaudet ovat UTC-aikaa):",
            deviations: "poikkeamia",
            broken: "rikki",
            never: "täyttyi koko kuukauden",
            still: "yhä auki",
            end: "Lisää: sivu /controls",
        },
        Language::Nb => Words {
            subject: ["Brutt", "Fortsatt brutt", "Eskalert, fortsatt brutt", "I orden igjen"],
            first: [
                "En kontroll er brutt.",
                "En kontroll er fortsatt brutt. Ingen har rettet den siden forrige brev.",
                "En kontroll er fortsatt brutt, og har vært det så lenge at også du får vite det.",
                "En kontroll er i orden igjen, og har vært det en stund nå.",
            ],
            measured: "målt",
            limit: "grense",
            since: "siden",
            lasted: "i",
            note: "mer",
            number: "avvik",
            unknown: "kunne ikke måles",
            look: "Siden /controls viser alle og historien deres; sluss status viser hva som er åpent.",
            statement: "Kontroller i",
            statement_first: "Slik gikk det med kontrollene som du svarer for (døgnene er UTC-døgn):",
            deviations: "avvik",
            broken: "brutt i",
            never: "holdt hele måneden",
            still: "fortsatt åpent",
            end: "Mer: siden /controls",
        },
        Language::Da => Words {
            subject: ["Brudt", "Stadig brudt", "Eskaleret, stadig brudt", "I orden igen"],
            first: [
                "En kontrol er brudt.",
                "En kontrol er stadig brudt. Ingen har rettet den siden det sidste brev.",
                "En kontrol er stadig brudt og har været det så længe, at også du får det at vide.",
                "En kontrol er i orden igen og har været det et stykke tid nu.",
            ],
            measured: "målt",
            limit: "grænse",
            since: "siden",
            lasted: "i",
            note: "mere",
            number: "afvigelse",
            unknown: "kunne ikke måles",
            look: "Siden /controls viser dem alle og deres historie; sluss status viser, hvad der er åbent.",
            statement: "Kontroller i",
            statement_first: "Sådan gik det med de kontroller, du svarer for (døgnene er UTC-døgn):",
            deviations: "afvigelser",
            broken: "brudt i",
            never: "holdt hele måneden",
            still: "stadig åben",
            end: "Mere: siden /controls",
        },
    }
}

fn of_stage(
    stage: Stage,
    [opened, reminder, escalated, healed]: [&'static str; 4],
) -> &'static str {
    match stage {
        Stage::Opened => opened,
        Stage::Reminder => reminder,
        Stage::Escalated => escalated,
        Stage::Healed => healed,
    }
}

/// Subject and text about one control.
pub(super) fn told(told: &Told, language: Language) -> (String, String) {
    let words = words(language);
    let control = clean(&told.control);
    let subject = format!("{}: {control}", of_stage(told.stage, words.subject));
    let mut text = format!("{}\n\n    {control}\n\n", of_stage(told.stage, words.first));
    text += &format!("{}.\n\n", told.measure.about(language));
    let value = match told.value.as_str() {
        "?" => words.unknown.to_string(),
        value => clean(value),
    };
    let lasted = match told.stage {
        Stage::Opened => String::new(),
        Stage::Reminder | Stage::Escalated | Stage::Healed => clean(&told.lasted),
    };
    let rows = [
        (words.measured, value),
        (words.limit, clean(&told.limit)),
        (words.since, clean(&told.since)),
        (words.lasted, lasted),
        (words.note, clean(&told.note)),
        (words.number, told.number.to_string()),
    ];
    for (what, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        text += &format!("    {what}: {value}\n");
    }
    text += &format!("\n{}\n", words.look);
    (subject, text)
}

/// Subject and text of a month.
pub(super) fn month(month: &Month, language: Language) -> (String, String) {
    let words = words(language);
    let whose = clean(&month.whose);
    let subject = format!("{} {} ({whose})", words.statement, month.month);
    let mut text = format!("{}\n\n", words.statement_first);
    for one in &month.controls {
        let mut said = match one.broken.is_empty() {
            true => words.never.to_string(),
            false => {
                format!("{}: {}, {} {}", words.deviations, one.deviations, words.broken, one.broken)
            }
        };
        if one.is_open {
            said += &format!(", {}", words.still);
        }
        text += &format!("    {}: {said}\n", clean(&one.control));
    }
    text += &format!("\n{}\n", words.end);
    (subject, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_control_is_told_with_its_evidence_in_every_language() {
        for (measure, language) in
            Measure::ALL.into_iter().flat_map(|measure| Language::ALL.map(|one| (measure, one)))
        {
            for stage in [Stage::Opened, Stage::Reminder, Stage::Escalated, Stage::Healed] {
                let one = Told {
                    stage,
                    control: "backup\r\nBcc: x@far.example".to_string(),
                    measure,
                    value: "27 h 3 min".to_string(),
                    limit: "25 h 0 min".to_string(),
                    note: String::new(),
                    since: "2026-11-21T08:30:00.000Z".to_string(),
                    lasted: "2 h 3 min".to_string(),
                    number: 17,
                };
                let (subject, text) = told(&one, language);
                assert!(subject.ends_with(": backup  Bcc: x@far.example"), "{subject}");
                for has in ["27 h 3 min", "25 h 0 min", "2026-11-21", "17", measure.about(language)]
                {
                    assert!(text.contains(has), "{has}: {text}");
                }
                assert!(!text.contains('\r') && !text.contains("\nBcc"), "{text}");
                assert_eq!(Stage::from_word(stage.word()), Some(stage));
                let unknown = Told { value: "?".to_string(), ..one };
                assert!(!told(&unknown, language).1.contains('?'));
            }
        }
    }

    #[test]
    fn a_month_is_told_control_by_control() {
        let one = |control: &str, deviations, broken: &str, is_open| MonthOfControl {
            control: control.to_string(),
            deviations,
            broken: broken.to_string(),
            is_open,
        };
        let controls = vec![one("backup", 2, "3 h 5 min", true), one("queue", 0, "", false)];
        let told = Month { month: "2026-11".to_string(), whose: "mx".to_string(), controls };
        let (subject, text) = month(&told, Language::En);
        assert_eq!(subject, "Controls in 2026-11 (mx)");
        assert!(
            text.contains("    backup: deviations: 2, broken for 3 h 5 min, still open\n"),
            "{text}"
        );
        assert!(text.contains("    queue: kept all month\n"), "{text}");
        for language in Language::ALL {
            assert!(month(&told, language).1.contains("3 h 5 min"));
        }
    }

    #[test]
    fn words_of_measures_are_those_of_the_configuration() {
        for measure in Measure::ALL {
            assert_eq!(serde_json::to_value(measure).unwrap(), measure.word());
        }
    }
}
