//! The daily report: yesterday's mail in a few figures, for those who answer for it. As text, and as a page that every mail program shows.
//!
//! Counts and finding ids only; no address of anybody and nothing of a mail.

use crate::wire::report::{Language, frame::clean};

/// Yesterday.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Day {
    /// Whose mail: an organisation's title, or our own name for the whole site.
    pub whose: String,
    /// The day, "2026-11-28" (UTC).
    pub date: String,
    /// Mail from the world.
    pub incoming: Figures,
    /// Mail to the world.
    pub outgoing: Figures,
    /// Held mails that somebody let go.
    pub released: u64,
    /// Of a hundred mails from the world, those that came inside TLS.
    pub tls_percent: u64,
    /// Findings that decided, with their mails, most frequent first.
    pub findings: Vec<(String, u64)>,
    /// What is not as it should be, in our own sentences; in English, as they stand in the status.
    pub deviations: Vec<String>,
}

/// What was done with the mail of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// All of it.
    pub mails: u64,
    /// Delivered, marked ones too.
    pub delivered: u64,
    /// Held.
    pub held: u64,
    /// Refused, also before it was sent.
    pub refused: u64,
    /// Asked to come again.
    pub deferred: u64,
}

/// The words of one language.
struct Words {
    subject: [&'static str; 2],
    incoming: &'static str,
    outgoing: &'static str,
    mails: &'static str,
    delivered: &'static str,
    held: &'static str,
    refused: &'static str,
    deferred: &'static str,
    released: &'static str,
    tls: &'static str,
    findings: &'static str,
    deviations: &'static str,
    end: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::En => Words {
            subject: ["Mail of", "on"],
            incoming: "Incoming",
            outgoing: "Outgoing",
            mails: "mails",
            delivered: "delivered",
            held: "held",
            refused: "refused",
            deferred: "asked to come again",
            released: "Held mails that were released",
            tls: "Incoming mail inside TLS",
            findings: "What decided most often",
            deviations: "To look at",
            end: "The days are those of UTC. More: sluss statistics",
        },
        Language::Sv => Words {
            subject: ["E-posten för", "den"],
            incoming: "Inkommande",
            outgoing: "Utgående",
            mails: "brev",
            delivered: "levererade",
            held: "kvarhållna",
            refused: "avvisade",
            deferred: "ombedda att komma igen",
            released: "Kvarhållna brev som släpptes fram",
            tls: "Inkommande brev genom TLS",
            findings: "Vad som oftast avgjorde",
            deviations: "Att titta på",
            end: "Dygnen är UTC-dygn. Mer: sluss statistics",
        },
        Language::Fi => Words {
            subject: ["Posti:", "–"],
            incoming: "Saapuva",
            outgoing: "Lähtevä",
            mails: "viestiä",
            delivered: "toimitettu",
            held: "pidätetty",
            refused: "hylätty",
            deferred: "pyydetty yrittämään uudelleen",
            released: "Pidätettyjä viestejä päästetty läpi",
            tls: "Saapuvasta postista TLS-yhteydellä",
            findings: "Useimmin ratkaisseet",
            deviations: "Tarkistettavaa",
            end: "Vuorokaudet ovat UTC-aikaa. Lisää: sluss statistics",
        },
        Language::Nb => Words {
            subject: ["E-posten for", "den"],
            incoming: "Innkommende",
            outgoing: "Utgående",
            mails: "meldinger",
            delivered: "levert",
            held: "holdt tilbake",
            refused: "avvist",
            deferred: "bedt om å komme igjen",
            released: "Tilbakeholdte meldinger som ble sluppet gjennom",
            tls: "Innkommende e-post gjennom TLS",
            findings: "Hva som oftest avgjorde",
            deviations: "Å se på",
            end: "Døgnene er UTC-døgn. Mer: sluss statistics",
        },
        Language::Da => Words {
            subject: ["Mailen for", "den"],
            incoming: "Indgående",
            outgoing: "Udgående",
            mails: "mails",
            delivered: "leveret",
            held: "holdt tilbage",
            refused: "afvist",
            deferred: "bedt om at komme igen",
            released: "Tilbageholdte mails, der blev sluppet igennem",
            tls: "Indgående mails gennem TLS",
            findings: "Hvad der oftest afgjorde",
            deviations: "At se på",
            end: "Døgnene er UTC-døgn. Mere: sluss statistics",
        },
    }
}

/// What the report is called.
pub(super) fn subject(day: &Day, language: Language) -> String {
    let [of, on] = words(language).subject;
    format!("{of} {} {on} {}", clean(&day.whose), day.date)
}

/// A heading and its rows.
type Section = (String, Vec<(String, String)>);

fn sections(day: &Day, language: Language) -> Vec<Section> {
    let words = words(language);
    let direction = |title: &str, figures: &Figures| {
        let rows = [
            (words.mails, figures.mails),
            (words.delivered, figures.delivered),
            (words.held, figures.held),
            (words.refused, figures.refused),
            (words.deferred, figures.deferred),
        ];
        let rows = rows.map(|(what, mails)| (what.to_string(), mails.to_string()));
        (title.to_string(), rows.to_vec())
    };
    let mut sections = vec![
        direction(words.incoming, &day.incoming),
        direction(words.outgoing, &day.outgoing),
        (
            String::new(),
            vec![
                (words.released.to_string(), day.released.to_string()),
                (words.tls.to_string(), format!("{} %", day.tls_percent)),
            ],
        ),
    ];
    if !day.findings.is_empty() {
        let rows = day.findings.iter().map(|(id, mails)| (clean(id), mails.to_string()));
        sections.push((words.findings.to_string(), rows.collect()));
    }
    if !day.deviations.is_empty() {
        let rows = day.deviations.iter().map(|text| (clean(text), String::new()));
        sections.push((words.deviations.to_string(), rows.collect()));
    }
    sections
}

/// The text.
pub(super) fn text(day: &Day, language: Language) -> String {
    let mut text = String::new();
    for (title, rows) in sections(day, language) {
        if !title.is_empty() {
            text += &format!("{title}\n");
        }
        for (what, value) in rows {
            match value.is_empty() {
                true => text += &format!("  {what}\n"),
                false => text += &format!("  {value:>9}  {what}\n"),
            }
        }
        text.push('\n');
    }
    text + words(language).end + "\n"
}

/// The page: tables without anything that a mail program might leave out.
pub(super) fn page(day: &Day, language: Language) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
         <body style=\"font-family: sans-serif; max-width: 40em\">\n",
        language.code(),
        escaped(&subject(day, language))
    );
    for (title, rows) in sections(day, language) {
        if !title.is_empty() {
            page += &format!("<h2 style=\"font-size: 1.1em\">{}</h2>\n", escaped(&title));
        }
        page += "<table cellpadding=\"4\">\n";
        for (what, value) in rows {
            page += &format!(
                "<tr><td>{}</td><td align=\"right\"><b>{}</b></td></tr>\n",
                escaped(&what),
                escaped(&value)
            );
        }
        page += "</table>\n";
    }
    page + &format!("<p>{}</p>\n</body></html>\n", escaped(words(language).end))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_as_text_and_as_a_page() {
        let day = Day {
            whose: "Acme <AB>".to_string(),
            date: "2026-11-28".to_string(),
            incoming: Figures {
                mails: 1_204,
                delivered: 1_100,
                held: 90,
                refused: 14,
                deferred: 0,
            },
            released: 2,
            tls_percent: 97,
            findings: vec![("spf.fail".to_string(), 41)],
            deviations: vec!["the disk is nearly full".to_string()],
            ..Day::default()
        };
        assert_eq!(subject(&day, Language::Sv), "E-posten för Acme <AB> den 2026-11-28");
        let told = text(&day, Language::En);
        assert!(
            told.starts_with("Incoming\n       1204  mails\n       1100  delivered\n"),
            "{told}"
        );
        assert!(told.contains("         41  spf.fail\n"), "{told}");
        assert!(told.contains("To look at\n  the disk is nearly full\n"), "{told}");
        for language in Language::ALL {
            let (page, text) = (page(&day, language), text(&day, language));
            for has in ["1204", "spf.fail", "nearly full", "97 %"] {
                assert!(page.contains(has) && text.contains(has), "{language:?} {has}");
            }
            assert!(!page.contains("<AB>") && page.is_char_boundary(page.len()), "{page}");
        }
        let quiet = Day { findings: Vec::new(), deviations: Vec::new(), ..day };
        assert!(!text(&quiet, Language::En).contains("To look at"));
    }
}
