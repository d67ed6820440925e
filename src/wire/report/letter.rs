//! Letters to the people of an organisation: what happened, in their language, and what they can do about it.
//!
//! Fixed sentences with a few checked values in them; nothing of a mail's text.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    mail::{Address, Domain},
    wire::report::{
        Language,
        daily::{self, Day},
        deviation::{self, Month, Told},
        frame::{Head, clean},
        parcel, personal,
    },
};

/// What a letter is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An account sends what it never does; its mail waits.
    AccountHeld {
        /// Which.
        account: String,
        /// Why.
        cause: Cause,
        /// Mails that wait now.
        waiting: u64,
        /// Some of them.
        samples: Vec<Id>,
    },
    /// A mail waits in the portal, or what became of it there.
    Parcel(Box<parcel::Told>),
    /// A mail with personal data did not simply go, or came in clear.
    Personal(Box<personal::Told>),
    /// Yesterday's mail in figures.
    Daily(Box<Day>),
    /// A control is broken, or well again.
    Control(Box<Told>),
    /// How somebody's controls did in a month.
    Statement(Box<Month>),
    /// Delivered mails are copies of one that is now known to be bad.
    CampaignBad {
        /// Which campaign.
        campaign: String,
        /// How many were delivered.
        delivered: u64,
        /// Why it is known.
        known: KnownBad,
        /// When the first came.
        since: String,
    },
}

/// Why copies of a mail are known to be bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownBad {
    /// Malware was found in one, or it lures.
    Found,
    /// People called one spam.
    Said,
    /// One went to a spam trap.
    Trapped,
}

/// What an account did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It wrote to far more recipients than it ever does.
    Volume {
        /// Recipients in the window.
        recipients: u64,
        /// The window, hours.
        hours: u64,
    },
    /// Far too many of its recipients were refused for good.
    Refusals {
        /// Refused within a day.
        refused: u64,
        /// Of so many.
        of: u64,
    },
    /// It sent malware, or mail that lures.
    Bad {
        /// Mails within a day.
        mails: u64,
    },
}

/// Everything a letter is made of.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// Our name.
    pub hostname: &'a Domain,
    /// Its own id.
    pub id: Id,
    /// Who reads it.
    pub to: &'a Address,
    /// In what language.
    pub language: Language,
    /// Now.
    pub now: UnixMs,
    /// What about.
    pub kind: &'a Kind,
}

impl Kind {
    /// One word, for bounds and logs.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::AccountHeld { .. } => "account-held",
            Kind::Parcel(told) => told.stage.word(),
            Kind::Personal(told) => told.became.word(told.held.is_none()),
            Kind::Daily(_) => "daily",
            Kind::Control(told) => told.stage.word(),
            Kind::Statement(_) => "statement",
            Kind::CampaignBad { .. } => "campaign-bad",
        }
    }

    /// How many of it one reader gets in an hour.
    pub fn per_hour(&self) -> u32 {
        match self {
            // Each has a code in it that nobody else has, or says what became of a mail of its reader's own.
            Kind::Parcel(_) => limits::PARCEL_LETTERS_PER_HOUR_MAX,
            Kind::AccountHeld { .. }
            | Kind::Personal(_)
            | Kind::Daily(_)
            | Kind::Control(_)
            | Kind::Statement(_)
            | Kind::CampaignBad { .. } => limits::LETTERS_PER_HOUR_MAX,
        }
    }

    /// What it is about, where letters about different things must not use up each other's bounds.
    pub fn about(&self) -> &str {
        match self {
            Kind::Control(told) => &told.control,
            // Whoever gets much in clear hears of each sender.
            Kind::Personal(told) => &told.sender,
            // Each code and each opening is another one.
            Kind::Parcel(told) => &told.recipient,
            Kind::AccountHeld { .. }
            | Kind::Daily(_)
            | Kind::Statement(_)
            | Kind::CampaignBad { .. } => "",
        }
    }
}

/// Writes it: a whole message with CRLF line ends, to be sent from the null sender.
pub fn write(letter: &Letter) -> Vec<u8> {
    let (subject, body) = words(letter.kind, letter.language);
    let mut text = String::with_capacity(2_048);
    let head = Head {
        hostname: letter.hostname,
        id: letter.id,
        from: "sluss",
        to: letter.to,
        language: letter.language,
        subject: &subject,
        now: letter.now,
        auto: "auto-generated",
    };
    head.write(&mut text);
    match letter.kind {
        Kind::AccountHeld { .. }
        | Kind::Personal(_)
        | Kind::Parcel(_)
        | Kind::CampaignBad { .. }
        | Kind::Control(_)
        | Kind::Statement(_) => {
            part(&mut text, "plain", &body);
        }
        Kind::Daily(day) => {
            // RFC 2046 section 5.1.4: the last form is the best one.
            let boundary = format!("=_{}", letter.id);
            text.push_str(&format!(
                "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
            ));
            part(&mut text, "plain", &body);
            text.push_str(&format!("--{boundary}\r\n"));
            part(&mut text, "html", &daily::page(day, letter.language));
            text.push_str(&format!("--{boundary}--\r\n"));
        }
    }
    text.into_bytes()
}

fn part(text: &mut String, subtype: &str, body: &str) {
    text.push_str(&format!(
        "Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ));
    for line in body.lines() {
        text.push_str(line);
        text.push_str("\r\n");
    }
}

/// Subject and text. Every value is cleaned here: an account's name is chosen by whoever writes the configuration, a sender by anybody.
fn words(kind: &Kind, language: Language) -> (String, String) {
    match kind {
        Kind::Daily(day) => (daily::subject(day, language), daily::text(day, language)),
        Kind::Parcel(told) => parcel::words(told, language),
        Kind::Personal(told) => personal::words(told, language),
        Kind::Control(told) => deviation::told(told, language),
        Kind::Statement(month) => deviation::month(month, language),
        Kind::CampaignBad { campaign, delivered, known, since } => {
            delivered_copies((&clean(campaign), &clean(since)), *delivered, *known, language)
        }
        Kind::AccountHeld { account, cause, waiting, samples } => {
            let account = clean(account);
            let did = did(&account, *cause, language);
            let list: String =
                samples.iter().map(|id| format!("    sluss queue show {id}\n")).collect();
            let release = format!("    sluss limits release {account}\n");
            match language {
                Language::En => (
                    format!("Mail from {account} is held"),
                    format!(
                        "{did}\n\
                         {waiting} mails wait; nothing was refused and nothing is lost.\n\nHave a look:\n\n{list}\n\
                         If it is as it should be, a newsletter for instance, let it go:\n\n{release}\n\
                         If not, change the account's password first.\n"
                    ),
                ),
                Language::Sv => (
                    format!("E-post från {account} hålls kvar"),
                    format!(
                        "{did}\n\
                         {waiting} brev väntar; inget har avvisats och inget är förlorat.\n\nTitta på några av dem:\n\n{list}\n\
                         Om allt är som det ska, till exempel ett nyhetsbrev, släpp fram dem:\n\n{release}\n\
                         Om inte, byt först kontots lösenord.\n"
                    ),
                ),
                Language::Fi => (
                    format!("Tilin {account} posti odottaa"),
                    format!(
                        "{did}\n\
                         {waiting} viestiä odottaa; mitään ei ole hylätty eikä kadonnut.\n\nKatso muutamaa niistä:\n\n{list}\n\
                         Jos kaikki on kunnossa, esimerkiksi kyseessä on uutiskirje, päästä ne eteenpäin:\n\n{release}\n\
                         Jos ei ole, vaihda ensin tilin salasana.\n"
                    ),
                ),
                Language::Nb => (
                    format!("E-post fra {account} holdes tilbake"),
                    format!(
                        "{did}\n\
                         {waiting} meldinger venter; ingenting er avvist og ingenting er tapt.\n\nSe på noen av dem:\n\n{list}\n\
                         Er alt som det skal, for eksempel et nyhetsbrev, slipp dem gjennom:\n\n{release}\n\
                         Hvis ikke, bytt først passordet til kontoen.\n"
                    ),
                ),
                Language::Da => (
                    format!("E-mail fra {account} holdes tilbage"),
                    format!(
                        "{did}\n\
                         {waiting} mails venter; intet er afvist, og intet er gået tabt.\n\nSe på nogle af dem:\n\n{list}\n\
                         Er alt, som det skal være, for eksempel et nyhedsbrev, så slip dem fri:\n\n{release}\n\
                         Hvis ikke, så skift først kontoens adgangskode.\n"
                    ),
                ),
            }
        }
    }
}

/// That delivered mails are copies of a bad one: how many, since when, why, and where they are listed.
fn delivered_copies(
    (campaign, since): (&str, &str),
    delivered: u64,
    known: KnownBad,
    language: Language,
) -> (String, String) {
    let look = format!("    sluss campaigns show {campaign}\n");
    match language {
        Language::En => {
            let why = match known {
                KnownBad::Found => "malware or a lure was found in a copy of it",
                KnownBad::Said => "people called a copy of it spam",
                KnownBad::Trapped => "a copy of it went to an address that nobody has",
            };
            (
                format!("Delivered mails are now known to be bad: {delivered}"),
                format!(
                    "{delivered} mails that were delivered since {since} are copies of one that is now known to be bad: {why}.\n\
                     Whoever got them should neither answer nor follow their links. The list:\n\n{look}\n\
                     If it is not bad, say so of a copy that is held.\n"
                ),
            )
        }
        Language::Sv => {
            let why = match known {
                KnownBad::Found => "skadlig kod eller nätfiske hittades i ett exemplar",
                KnownBad::Said => "ett exemplar har kallats skräppost",
                KnownBad::Trapped => "ett exemplar gick till en adress som ingen har",
            };
            (
                format!("Levererade brev har visat sig vara skadliga: {delivered}"),
                format!(
                    "{delivered} brev som levererats sedan {since} är exemplar av ett brev som nu är känt som skadligt: {why}.\n\
                     Den som fått dem bör varken svara eller följa länkarna. Listan:\n\n{look}\n\
                     Om det inte är skadligt, säg det om ett exemplar som hålls kvar.\n"
                ),
            )
        }
        Language::Fi => {
            let why = match known {
                KnownBad::Found => "yhdestä kappaleesta löytyi haittaohjelma tai kalastelua",
                KnownBad::Said => "yhtä kappaletta on sanottu roskapostiksi",
                KnownBad::Trapped => "yksi kappale tuli osoitteeseen, jota ei ole kenelläkään",
            };
            (
                format!("Toimitettuja viestejä on todettu haitallisiksi: {delivered}"),
                format!(
                    "{delivered} viestiä, jotka on toimitettu {since} alkaen, ovat kappaleita viestistä, joka tiedetään nyt haitalliseksi: {why}.\n\
                     Niihin ei pidä vastata eikä niiden linkkejä avata. Luettelo:\n\n{look}\n\
                     Jos viesti ei ole haitallinen, kerro se jostakin pidätetystä kappaleesta.\n"
                ),
            )
        }
        Language::Nb => {
            let why = match known {
                KnownBad::Found => "skadevare eller nettfiske ble funnet i et eksemplar",
                KnownBad::Said => "et eksemplar er kalt søppelpost",
                KnownBad::Trapped => "et eksemplar gikk til en adresse som ingen har",
            };
            (
                format!("Leverte meldinger har vist seg å være skadelige: {delivered}"),
                format!(
                    "{delivered} meldinger som er levert siden {since}, er eksemplarer av en melding som nå er kjent som skadelig: {why}.\n\
                     De som har fått dem, bør verken svare eller følge lenkene. Listen:\n\n{look}\n\
                     Er den ikke skadelig, si det om et eksemplar som holdes tilbake.\n"
                ),
            )
        }
        Language::Da => {
            let why = match known {
                KnownBad::Found => "skadelig kode eller phishing blev fundet i et eksemplar",
                KnownBad::Said => "et eksemplar er kaldt spam",
                KnownBad::Trapped => "et eksemplar gik til en adresse, som ingen har",
            };
            (
                format!("Leverede mails har vist sig at være skadelige: {delivered}"),
                format!(
                    "{delivered} mails, der er leveret siden {since}, er eksemplarer af en mail, som nu er kendt som skadelig: {why}.\n\
                     Den, der har fået dem, bør hverken svare eller følge links. Listen:\n\n{look}\n\
                     Er den ikke skadelig, så sig det om et eksemplar, der holdes tilbage.\n"
                ),
            )
        }
    }
}

/// What an account did, in one sentence.
fn did(account: &str, cause: Cause, language: Language) -> String {
    match (cause, language) {
        (Cause::Volume { recipients, hours }, Language::En) => format!(
            "The account {account} wrote to {recipients} recipients in {hours} h, far more than it usually does."
        ),
        (Cause::Volume { recipients, hours }, Language::Sv) => format!(
            "Kontot {account} har skrivit till {recipients} mottagare på {hours} h, långt fler än det brukar."
        ),
        (Cause::Volume { recipients, hours }, Language::Fi) => format!(
            "Tililtä {account} on lähetetty postia {recipients} vastaanottajalle {hours} tunnissa, paljon enemmän kuin tavallisesti."
        ),
        (Cause::Volume { recipients, hours }, Language::Nb) => format!(
            "Kontoen {account} har skrevet til {recipients} mottakere på {hours} t, langt flere enn vanlig."
        ),
        (Cause::Volume { recipients, hours }, Language::Da) => format!(
            "Kontoen {account} har skrevet til {recipients} modtagere på {hours} t, langt flere end den plejer."
        ),
        (Cause::Refusals { refused, of }, Language::En) => format!(
            "Of {of} recipients that the account {account} wrote to within a day, {refused} were refused: somebody may be trying a list of addresses."
        ),
        (Cause::Refusals { refused, of }, Language::Sv) => format!(
            "Av {of} mottagare som kontot {account} skrivit till på ett dygn avvisades {refused}: någon kanske prövar en adresslista."
        ),
        (Cause::Refusals { refused, of }, Language::Fi) => format!(
            "Tilin {account} {of} vastaanottajasta vuorokaudessa {refused} hylättiin: joku saattaa kokeilla osoiteluetteloa."
        ),
        (Cause::Refusals { refused, of }, Language::Nb) => format!(
            "Av {of} mottakere som kontoen {account} skrev til i løpet av et døgn, ble {refused} avvist: noen prøver kanskje en adresseliste."
        ),
        (Cause::Refusals { refused, of }, Language::Da) => format!(
            "Af {of} modtagere, som kontoen {account} skrev til på et døgn, blev {refused} afvist: nogen prøver måske en adresseliste."
        ),
        (Cause::Bad { mails }, Language::En) => format!(
            "The account {account} sent {mails} mails with malware or lures within a day: it has probably been taken over."
        ),
        (Cause::Bad { mails }, Language::Sv) => format!(
            "Kontot {account} har skickat {mails} brev med skadlig kod eller nätfiske på ett dygn: det är troligen kapat."
        ),
        (Cause::Bad { mails }, Language::Fi) => format!(
            "Tililtä {account} on lähetetty {mails} haittaohjelma- tai kalasteluviestiä vuorokaudessa: se on luultavasti kaapattu."
        ),
        (Cause::Bad { mails }, Language::Nb) => format!(
            "Kontoen {account} har sendt {mails} meldinger med skadevare eller nettfiske i løpet av et døgn: den er trolig kapret."
        ),
        (Cause::Bad { mails }, Language::Da) => format!(
            "Kontoen {account} har sendt {mails} mails med skadelig kode eller phishing på et døgn: den er nok kapret."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daily_report_is_text_and_page() {
        let to = Address::parse("it@ours.example").unwrap();
        let hostname = Domain::parse("mx.ours.example").unwrap();
        let day = Day { whose: "Acme".to_string(), ..Day::default() };
        let letter = Letter {
            hostname: &hostname,
            id: Id::new(UnixMs(5), [1; 10]),
            to: &to,
            language: Language::Da,
            now: UnixMs(1_000),
            kind: &Kind::Daily(Box::new(day)),
        };
        let text = String::from_utf8(write(&letter)).unwrap();
        let plain = text.find("Content-Type: text/plain").unwrap();
        let page = text.find("Content-Type: text/html").unwrap();
        assert!(text.contains("multipart/alternative") && plain < page);
        assert!(text.ends_with("--\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn a_letter_about_delivered_copies_says_how_many_and_where_they_are_listed() {
        let to = Address::parse("it@ours.example").unwrap();
        let hostname = Domain::parse("mx.ours.example").unwrap();
        for (known, language) in [KnownBad::Found, KnownBad::Said, KnownBad::Trapped]
            .into_iter()
            .flat_map(|known| Language::ALL.map(|one| (known, one)))
        {
            let kind = Kind::CampaignBad {
                campaign: "00000000000000a7".to_string(),
                delivered: 14,
                known,
                since: "2026-11-21T08:30:00Z".to_string(),
            };
            let (id, now) = (Id::new(UnixMs(5), [1; 10]), UnixMs(1_000));
            let letter = Letter { hostname: &hostname, id, to: &to, language, now, kind: &kind };
            let text = String::from_utf8(write(&letter)).unwrap();
            for part in ["sluss campaigns show 00000000000000a7\r\n", "14 ", "2026-11-21T08:30:00Z"]
            {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        }
    }

    #[test]
    fn every_letter_is_written_in_every_language() {
        let id = Id::new(UnixMs(5), [1; 10]);
        let held = |cause| Kind::AccountHeld {
            account: "anna\r\nBcc: x@far.example".to_string(),
            cause,
            waiting: 12,
            samples: vec![id],
        };
        let kinds = [
            held(Cause::Volume { recipients: 3_000, hours: 24 }),
            held(Cause::Refusals { refused: 20, of: 60 }),
            held(Cause::Bad { mails: 3 }),
            Kind::Personal(Box::new(personal::Told {
                sender: "anna@ours.example".to_string(),
                to: "far.example\r\nBcc: x@far.example".to_string(),
                became: personal::Became::Unproven,
                found: Vec::new(),
                held: Some(id),
                until: None,
                ask: None,
                own_yes: None,
                reason: None,
            })),
        ];
        let to = Address::parse("it@ours.example").unwrap();
        let hostname = Domain::parse("mx.ours.example").unwrap();
        for (kind, language) in
            kinds.iter().flat_map(|kind| Language::ALL.map(|language| (kind, language)))
        {
            let now = UnixMs(1_000);
            let letter = Letter { hostname: &hostname, id, to: &to, language, now, kind };
            let text = String::from_utf8(write(&letter)).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("Auto-Submitted: auto-generated\r\n"), "{head}");
            assert!(head.contains(&format!("Content-Language: {}\r\n", language.code())));
            assert!(head.is_ascii() && !head.contains("\r\nBcc:"), "{head}");
            assert!(body.contains(&id.to_string()) && body.contains("anna"), "{body}");
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "line ends are CRLF");
            assert_eq!(Language::parse(language.code()), Some(language));
        }
    }
}
