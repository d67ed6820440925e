//! Delivery status notifications, RFC 3464, in the frame of RFC 6522: what the sender gets when a mail was accepted and then failed.
//!
//! The text part speaks to a person; the second part to programs; the third is the mail, or its header section.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Address, Domain, Envelope, Recipient, Return},
    wire::{
        date,
        report::{
            Language,
            frame::{Head, clean},
        },
    },
};
use std::fmt::Write;

/// What became of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whom it concerns.
    pub recipient: Recipient,
    /// What happened.
    pub event: Event,
    /// A status code of RFC 3463 section 2: "5.1.1".
    pub status: String,
    /// The other server's words, if it had any: "550 5.1.1 no such user".
    pub diagnostic: Option<String>,
    /// The server that said so.
    pub remote: Option<String>,
}

/// What a notice can tell, RFC 3464 section 2.3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It will not arrive.
    Failed,
    /// It has not arrived yet.
    Delayed,
    /// It was handed to a server that gives no notices.
    Relayed,
}

/// Everything a notice is made of.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// Our name.
    pub hostname: &'a Domain,
    /// The notice's own id.
    pub id: Id,
    /// The mail it is about.
    pub about: Id,
    /// Who gets it: the envelope sender.
    pub to: &'a Address,
    /// The envelope of the mail.
    pub envelope: &'a Envelope,
    /// When the mail came to us.
    pub arrived: UnixMs,
    /// Now.
    pub now: UnixMs,
    /// In what language a person reads it.
    pub language: Language,
    /// Until when we go on trying what is delayed.
    pub retry_until: Option<UnixMs>,
    /// One for each recipient it tells of; not empty.
    pub recipients: &'a [Status],
    /// The mail's header section, with its empty line.
    pub header: &'a [u8],
    /// The whole mail, given back when the sender asked for it.
    pub whole: Option<&'a [u8]>,
}

/// Writes the notice: a whole message with CRLF line ends, to be sent from the null sender (RFC 5321 section 6.1).
pub fn write(notice: &Notice) -> Vec<u8> {
    let boundary = format!("=_{}", notice.id);
    let mut text = String::with_capacity(4_096);
    let event = notice.recipients.first().map_or(Event::Failed, |status| status.event);
    let words = words(event, notice.language);
    let head = Head {
        hostname: notice.hostname,
        id: notice.id,
        from: "Mail delivery",
        to: notice.to,
        language: notice.language,
        subject: words.subject,
        now: notice.now,
        auto: "auto-replied",
    };
    head.write(&mut text);
    let _infallible = write!(
        text,
        "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         {} {}.\r\n\r\n{}\r\n",
        words.here, notice.hostname, words.opening
    );
    for status in notice.recipients {
        let _infallible = write!(text, "\r\n  <{}>\r\n", status.recipient.address);
        match (&status.diagnostic, &status.remote) {
            (Some(said), Some(remote)) => {
                let _infallible =
                    write!(text, "    {} {}: {}\r\n", clean(remote), words.said, clean(said));
            }
            (Some(said), None) => {
                let _infallible = write!(text, "    {}\r\n", clean(said));
            }
            (None, _) => (),
        }
    }
    let _infallible = write!(text, "\r\n{}: {}\r\n\r\n--{boundary}\r\n", words.ask, notice.about);
    machine_part(notice, &mut text);
    let mut bytes = text.into_bytes();
    // RFC 3461 section 4.3: all of the mail comes back with a failure only.
    let failed = notice.recipients.iter().any(|status| status.event == Event::Failed);
    let (kind, original) = match (notice.envelope.dsn.ret, notice.whole) {
        (Some(Return::Full), Some(whole)) if failed => ("message/rfc822", whole),
        _ => ("text/rfc822-headers", notice.header),
    };
    bytes.extend_from_slice(format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n").as_bytes());
    bytes.extend_from_slice(original);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    bytes
}

/// What a person reads.
struct Words {
    subject: &'static str,
    /// Before our name.
    here: &'static str,
    opening: &'static str,
    /// Between another server and its words.
    said: &'static str,
    /// Before the id.
    ask: &'static str,
}

fn words(event: Event, language: Language) -> Words {
    let (subject, opening) = sentence(event, language);
    let (here, said, ask) = match language {
        Language::En => (
            "This is the mail system at",
            "said",
            "If you ask your postmaster about it, name this id",
        ),
        Language::Sv => {
            ("Detta är e-postsystemet på", "svarade", "Om du frågar er postmaster, uppge detta id")
        }
        Language::Fi => (
            "Tämä on sähköpostijärjestelmä",
            "vastasi",
            "Jos kysyt asiasta ylläpidolta, mainitse tämä tunnus",
        ),
        Language::Nb => (
            "Dette er e-postsystemet på",
            "svarte",
            "Spør du din postmaster om det, oppgi denne id-en",
        ),
        Language::Da => (
            "Dette er mailsystemet på",
            "svarede",
            "Hvis du spørger din postmaster om det, så oplys dette id",
        ),
    };
    Words { subject, here, opening, said, ask }
}

fn sentence(event: Event, language: Language) -> (&'static str, &'static str) {
    match (event, language) {
        (Event::Failed, Language::En) => (
            "Your mail could not be delivered",
            "Your mail could not be delivered to the recipients below. We will not try again.",
        ),
        (Event::Failed, Language::Sv) => (
            "Ditt brev kunde inte levereras",
            "Ditt brev kunde inte levereras till mottagarna nedan. Vi försöker inte igen.",
        ),
        (Event::Failed, Language::Fi) => (
            "Viestiäsi ei voitu toimittaa",
            "Viestiäsi ei voitu toimittaa alla oleville vastaanottajille. Emme yritä uudelleen.",
        ),
        (Event::Failed, Language::Nb) => (
            "Meldingen din kunne ikke leveres",
            "Meldingen din kunne ikke leveres til mottakerne nedenfor. Vi prøver ikke igjen.",
        ),
        (Event::Failed, Language::Da) => (
            "Din mail kunne ikke leveres",
            "Din mail kunne ikke leveres til modtagerne nedenfor. Vi prøver ikke igen.",
        ),
        (Event::Delayed, Language::En) => (
            "Your mail is delayed",
            "Your mail has not been delivered to the recipients below yet. We keep trying; you need do nothing.",
        ),
        (Event::Delayed, Language::Sv) => (
            "Ditt brev är försenat",
            "Ditt brev har ännu inte levererats till mottagarna nedan. Vi fortsätter att försöka; du behöver inte göra något.",
        ),
        (Event::Delayed, Language::Fi) => (
            "Viestisi on myöhässä",
            "Viestiäsi ei ole vielä toimitettu alla oleville vastaanottajille. Yritämme edelleen; sinun ei tarvitse tehdä mitään.",
        ),
        (Event::Delayed, Language::Nb) => (
            "Meldingen din er forsinket",
            "Meldingen din er ennå ikke levert til mottakerne nedenfor. Vi fortsetter å prøve; du trenger ikke gjøre noe.",
        ),
        (Event::Delayed, Language::Da) => (
            "Din mail er forsinket",
            "Din mail er endnu ikke leveret til modtagerne nedenfor. Vi bliver ved med at prøve; du behøver ikke gøre noget.",
        ),
        (Event::Relayed, Language::En) => (
            "Your mail was handed on",
            "Your mail was taken by the next server for the recipients below. That server gives no further notices.",
        ),
        (Event::Relayed, Language::Sv) => (
            "Ditt brev har lämnats vidare",
            "Ditt brev har tagits emot av nästa server för mottagarna nedan. Den servern ger inga fler besked.",
        ),
        (Event::Relayed, Language::Fi) => (
            "Viestisi on välitetty eteenpäin",
            "Seuraava palvelin on ottanut viestisi vastaan alla oleville vastaanottajille. Se ei lähetä enempää ilmoituksia.",
        ),
        (Event::Relayed, Language::Nb) => (
            "Meldingen din er sendt videre",
            "Meldingen din er tatt imot av neste server for mottakerne nedenfor. Den serveren gir ingen flere beskjeder.",
        ),
        (Event::Relayed, Language::Da) => (
            "Din mail er sendt videre",
            "Din mail er modtaget af den næste server for modtagerne nedenfor. Den server giver ingen yderligere besked.",
        ),
    }
}

/// RFC 3464 section 2: per message, then per recipient.
fn machine_part(notice: &Notice, text: &mut String) {
    let _infallible = write!(
        text,
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {}\r\n",
        notice.hostname
    );
    if let Some(id) = &notice.envelope.dsn.envelope_id {
        let _infallible = write!(text, "Original-Envelope-Id: {}\r\n", clean(&decoded(id)));
    }
    let _infallible = write!(text, "Arrival-Date: {}\r\n", date::write(notice.arrived));
    for status in notice.recipients {
        text.push_str("\r\n");
        if let Some(original) = &status.recipient.original {
            let _infallible = write!(text, "Original-Recipient: {}\r\n", clean(&decoded(original)));
        }
        let action = match status.event {
            Event::Failed => "failed",
            Event::Delayed => "delayed",
            Event::Relayed => "relayed",
        };
        let _infallible = write!(
            text,
            "Final-Recipient: rfc822; {}\r\nAction: {action}\r\nStatus: {}\r\n",
            status.recipient.address,
            clean(&status.status)
        );
        if let Some(remote) = &status.remote {
            let _infallible = write!(text, "Remote-MTA: dns; {}\r\n", clean(remote));
        }
        if let Some(said) = &status.diagnostic {
            let _infallible = write!(text, "Diagnostic-Code: smtp; {}\r\n", in_ascii(said));
        }
        // RFC 3464 section 2.3.9.
        if let (Event::Delayed, Some(until)) = (status.event, notice.retry_until) {
            let _infallible = write!(text, "Will-Retry-Until: {}\r\n", date::write(until));
        }
    }
}

/// RFC 3464 section 2.1.1: fields for programs are in ASCII. People read the words above, with all their letters.
fn in_ascii(said: &str) -> String {
    clean(said).chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect()
}

/// RFC 3461 section 6.3: what came as xtext stands decoded in the report, so that the sender finds the value it chose.
fn decoded(xtext: &str) -> String {
    let mut bytes = Vec::with_capacity(xtext.len());
    let mut rest = xtext;
    while let Some((plain, after)) = rest.split_once('+') {
        bytes.extend_from_slice(plain.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        // The session takes nothing else; a lone plus could only come from an older record.
        bytes.push(byte.unwrap_or(b'+'));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::ReversePath;

    #[test]
    fn xtext_is_undone() {
        for (xtext, want) in [
            ("order-77", "order-77"),
            ("order+2B77+3D", "order+77="),
            ("rfc822;b+2Bc@far.example", "rfc822;b+c@far.example"),
            ("r+C3+A4k", "räk"),
            ("a+0D+0AEvil:+20yes", "a  Evil: yes"),
            ("+", "+"),
            ("+E4", "\u{fffd}"),
        ] {
            assert_eq!(clean(&decoded(xtext)), want, "{xtext}");
        }
    }

    #[test]
    fn a_failure_says_who_why_and_brings_the_header() {
        let to = Address::parse("a@ours.example").unwrap();
        let envelope = Envelope::from(ReversePath::Address(to.clone()));
        let statuses = [Status {
            recipient: Recipient::plain(Address::parse("x@far.example").unwrap()),
            event: Event::Failed,
            status: "5.1.1".to_string(),
            diagnostic: Some("550 5.1.1 no such user\r\nEvil: yes".to_string()),
            remote: Some("mx.far.example".to_string()),
        }];
        let notice = Notice {
            hostname: &Domain::parse("mx.ours.example").unwrap(),
            id: Id::new(UnixMs(5), [1; 10]),
            about: Id::new(UnixMs(4), [2; 10]),
            to: &to,
            envelope: &envelope,
            arrived: UnixMs(0),
            now: UnixMs(1_000),
            language: Language::En,
            retry_until: None,
            recipients: &statuses,
            header: b"Subject: hi\r\n\r\n",
            whole: None,
        };
        let text = String::from_utf8(write(&notice)).unwrap();
        for part in [
            "To: a@ours.example\r\n",
            "report-type=delivery-status",
            "Final-Recipient: rfc822; x@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
            "Diagnostic-Code: smtp; 550 5.1.1 no such user  Evil: yes\r\n",
            "Arrival-Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "Content-Type: text/rfc822-headers\r\n\r\nSubject: hi\r\n",
            "Auto-Submitted: auto-replied\r\n",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "line ends are CRLF");
    }

    #[test]
    fn a_delay_is_told_in_the_readers_language_without_the_mail() {
        let to = Address::parse("a@ours.example").unwrap();
        let mut envelope = Envelope::from(ReversePath::Address(to.clone()));
        envelope.dsn.ret = Some(Return::Full);
        let statuses = [Status {
            recipient: Recipient::plain(Address::parse("x@far.example").unwrap()),
            event: Event::Delayed,
            status: "4.4.1".to_string(),
            diagnostic: None,
            remote: None,
        }];
        for language in Language::ALL {
            let notice = Notice {
                hostname: &Domain::parse("mx.ours.example").unwrap(),
                id: Id::new(UnixMs(5), [1; 10]),
                about: Id::new(UnixMs(4), [2; 10]),
                to: &to,
                envelope: &envelope,
                arrived: UnixMs(0),
                now: UnixMs(1_000),
                language,
                retry_until: Some(UnixMs(86_400_000)),
                recipients: &statuses,
                header: b"Subject: hi\r\n\r\n",
                whole: Some(b"Subject: hi\r\n\r\nthe mail itself"),
            };
            let text = String::from_utf8(write(&notice)).unwrap();
            for part in [
                "Action: delayed\r\nStatus: 4.4.1\r\nWill-Retry-Until: Fri, 02 Jan 1970 00:00:00 +0000\r\n",
                "Content-Type: text/rfc822-headers\r\n",
                sentence(Event::Delayed, language).1,
            ] {
                assert!(text.contains(part), "{part:?} is missing in\n{text}");
            }
            assert!(!text.contains("the mail itself"));
            let head = text.split_once("\r\n\r\n").unwrap().0;
            assert!(head.is_ascii(), "{head}");
        }
    }
}
