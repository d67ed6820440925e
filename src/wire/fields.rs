//! Header fields that we write, each with its CRLF, and the fields of others that we take out.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Direction, Domain, Header, Peer},
    wire::date,
};
use std::ops::Range;

/// What `Received` tells, RFC 5321 section 4.4.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// Our name.
    pub hostname: &'a Domain,
    /// Who brought it.
    pub peer: &'a Peer,
    /// Which way it goes: outbound the client stays unnamed, inner networks are nobody's business.
    pub direction: Direction,
    /// It travels as SMTPUTF8.
    pub smtputf8: bool,
    /// The transaction.
    pub id: Id,
    /// When the mail came.
    pub at: UnixMs,
    /// Somebody sent it by a page of ours, and not by SMTP.
    pub by_page: bool,
}

/// The `Received` field of this hop. No recipient stands in it: with several, each would see the others.
pub fn received(hop: &Hop) -> String {
    if hop.by_page {
        return format!(
            "Received: from {}\r\n\tby {} ({MARK}) with HTTP id {};\r\n\t{}\r\n",
            literal(hop.peer.address),
            hop.hostname,
            hop.id,
            date::write(hop.at)
        );
    }
    // RFC 3848 section 1 and RFC 6531 section 4.3 name the protocols. The A says that there was a user, not who.
    let user = hop.peer.user.is_some();
    let protocol = match (hop.peer.extended, hop.peer.tls.is_some(), user, hop.smtputf8) {
        (_, false, false, true) => "UTF8SMTP",
        (_, false, true, true) => "UTF8SMTPA",
        (_, true, false, true) => "UTF8SMTPS",
        (_, true, true, true) => "UTF8SMTPSA",
        (_, true, true, false) => "ESMTPSA",
        (_, false, true, false) => "ESMTPA",
        (true, true, false, false) => "ESMTPS",
        (true, false, false, false) => "ESMTP",
        (false, _, false, false) => "SMTP",
    };
    let from = match hop.direction {
        Direction::Inbound => {
            let tls = hop
                .peer
                .tls
                .as_ref()
                .map(|tls| format!("\r\n\t({} {})", tls.version, tls.cipher))
                .unwrap_or_default();
            format!(
                "from {} ({}){tls}\r\n\t",
                comment_free(&hop.peer.helo),
                literal(hop.peer.address)
            )
        }
        Direction::Outbound => String::new(),
    };
    // RFC 8314 section 4.3: the cipher suite as a clause of its own, behind the id.
    let suite = hop.peer.tls.as_ref().map(|tls| format!("\r\n\ttls {}", tls.cipher));
    format!(
        "Received: {from}by {} ({MARK}) with {protocol} id {}{};\r\n\t{}\r\n",
        hop.hostname,
        hop.id,
        suite.unwrap_or_default(),
        date::write(hop.at)
    )
}

/// How often this very gateway stands in the `Received` fields.
pub fn own_marks(header: &Header, hostname: &Domain) -> usize {
    let own = format!("by {hostname} ({MARK})");
    header
        .all("Received")
        .filter(|field| memchr::memmem::find(header.raw(field), own.as_bytes()).is_some())
        .count()
}

/// Our word in `Received`, the same on all nodes.
const MARK: &str = "sluss";

/// RFC 5321 section 4.1.3.
fn literal(address: std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(v4) => format!("[{v4}]"),
        std::net::IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    }
}

/// A name from the wire, with nothing in it that would end or nest a comment or a field.
fn comment_free(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|letter| {
            letter.is_ascii_graphic() && !matches!(letter, '(' | ')' | '\\' | '"' | ';' | '<' | '>')
        })
        .collect();
    if clean.is_empty() { "unknown".to_string() } else { clean }
}

/// What `X-Sluss-Verdict` and its companions tell.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// What was done.
    pub action: &'a str,
    /// The score.
    pub score: f32,
    /// The transaction.
    pub id: Id,
    /// One plain sentence.
    pub reason: &'a str,
    /// Does it carry the flag?
    pub marked: Marked,
    /// While a policy is on trial: its mode, and what it would have done.
    pub on_trial: Option<(&'a str, &'a str)>,
}

/// `X-Sluss-Verdict`, `X-Sluss-Reason` and, when marked, `X-Spam-Flag`.
///
/// While a policy is on trial the verdict ends in `; shadow=quarantine` or `; tag=reject`: the mode, and what would have been done. It
/// stands there for every mail, `shadow=deliver` too, so that whoever reads a mail can see that nothing in front of it acted.
pub fn verdict(said: &Verdict) -> String {
    let Verdict { action, score, id, .. } = said;
    let reason: String = said
        .reason
        .chars()
        .map(|letter| if letter.is_ascii_graphic() { letter } else { ' ' })
        .collect();
    let on_trial =
        said.on_trial.map(|(mode, would)| format!("; {mode}={would}")).unwrap_or_default();
    let flag = match said.marked {
        Marked::Yes => "X-Spam-Flag: YES\r\n",
        Marked::No => "",
    };
    format!(
        "X-Sluss-Verdict: {action}; score={score:.1}; id={id}{on_trial}\r\nX-Sluss-Reason: {}\r\n{flag}",
        reason.trim()
    )
}

/// Does the mail carry the flag that mail programs sort by?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// X-Spam-Flag: YES.
    Yes,
    /// No flag.
    No,
}

/// The fields that only we may write, where they are in a mail from outside: byte ranges of the message to leave out.
pub fn forged(header: &Header, authserv_id: &Domain) -> Vec<Range<usize>> {
    let ours = |name: &str| {
        name.len() >= 8 && name.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("X-Sluss-"))
            || REMOVED.iter().any(|removed| removed.eq_ignore_ascii_case(name))
    };
    let fields = header.fields().iter().filter(|field| {
        let name = header.name(field);
        ours(name)
            || name.eq_ignore_ascii_case("Authentication-Results")
                // Where no id can be read, somebody else may still read ours.
                && authserv_id_of(header.raw(field))
                    .is_none_or(|id| id.eq_ignore_ascii_case(authserv_id.as_str()))
    });
    fields.map(|field| field.span.clone()).collect()
}

const REMOVED: &[&str] = &["X-Spam-Flag", "X-Spam-Status", "X-Spam-Level", "X-Spam-Score"];

/// RFC 8601 section 2.2: the first word of the value, comments skipped, before a version or the semicolon.
/// It is an RFC 2045 section 5.1 `value`: a token, or a quoted string that is to be unquoted.
/// None: nothing that could be an id stands there, or a comment or a quoted string never ends.
fn authserv_id_of(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    let mut letters = text.chars();
    let (mut depth, mut quoted) = (0_u32, false);
    let mut id = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            // RFC 5322 section 3.2.1: what follows a backslash stands for itself.
            '\\' if depth > 0 => drop(letters.next()),
            '\\' => id.push(letters.next()?),
            '\r' | '\n' => (),
            '"' if depth == 0 => quoted = !quoted,
            other if quoted => id.push(other),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => (),
            ';' => break,
            other if other.is_whitespace() => {
                if !id.is_empty() {
                    break;
                }
            }
            other => id.push(other),
        }
    }
    let id = id.trim().trim_end_matches('.');
    (depth == 0 && !quoted && !id.is_empty()).then(|| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Organisation, TlsSession, User};

    #[test]
    fn received_says_who_how_and_when() {
        let mut peer = Peer::at("2001:db8::1".parse().unwrap());
        peer.helo = "a(b)\r\nX: y".to_string();
        peer.extended = true;
        peer.tls = Some(TlsSession {
            version: "TLSv1.3".to_string(),
            cipher: "TLS_AES_256_GCM_SHA384".to_string(),
            ..TlsSession::default()
        });
        let hostname = Domain::parse("mx.ours.example").unwrap();
        let id = Id::new(UnixMs(0), [0; 10]);
        let hop = Hop {
            hostname: &hostname,
            peer: &peer,
            direction: Direction::Inbound,
            smtputf8: false,
            id,
            at: UnixMs(0),
            by_page: false,
        };
        let field = received(&hop);
        assert_eq!(
            field,
            format!(
                "Received: from abX:y ([IPv6:2001:db8::1])\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\tby mx.ours.example (sluss) with ESMTPS id {id}\r\n\ttls TLS_AES_256_GCM_SHA384;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
            )
        );
        let header = Header::read(format!("{field}\r\n").as_bytes()).unwrap();
        assert_eq!(own_marks(&header, &hostname), 1);
        let outbound = received(&Hop { direction: Direction::Outbound, ..hop });
        assert!(!outbound.contains("2001:db8") && !outbound.contains("from"), "{outbound}");
        // That there was a user is said, who it was is not.
        let user = User { name: "anna".to_string(), organisation: Organisation::implied() };
        let mut peer = Peer { user: Some(user), ..peer.clone() };
        let with = |peer: &Peer, smtputf8| {
            let field = received(&Hop { direction: Direction::Outbound, peer, smtputf8, ..hop });
            assert!(!field.contains("anna"), "{field}");
            field.split_once(" with ").unwrap().1.split(' ').next().unwrap().to_string()
        };
        assert_eq!([with(&peer, false), with(&peer, true)], ["ESMTPSA", "UTF8SMTPSA"]);
        peer.tls = None;
        assert_eq!([with(&peer, false), with(&peer, true)], ["ESMTPA", "UTF8SMTPA"]);
    }

    #[test]
    fn the_verdict_says_what_would_have_been_done() {
        let id = Id::new(UnixMs(0), [0; 10]);
        let said = Verdict {
            action: "deliver",
            score: 9.26,
            id,
            reason: "R\u{e5}d\r\nX: y",
            marked: Marked::No,
            on_trial: None,
        };
        for (said, want) in [
            (
                said,
                format!(
                    "X-Sluss-Verdict: deliver; score=9.3; id={id}\r\nX-Sluss-Reason: R d  X: y\r\n"
                ),
            ),
            (
                Verdict { on_trial: Some(("shadow", "quarantine")), ..said },
                format!(
                    "X-Sluss-Verdict: deliver; score=9.3; id={id}; shadow=quarantine\r\nX-Sluss-Reason: R d  X: y\r\n"
                ),
            ),
            (
                Verdict {
                    action: "mark",
                    marked: Marked::Yes,
                    on_trial: Some(("tag", "reject")),
                    ..said
                },
                format!(
                    "X-Sluss-Verdict: mark; score=9.3; id={id}; tag=reject\r\nX-Sluss-Reason: R d  X: y\r\nX-Spam-Flag: YES\r\n"
                ),
            ),
        ] {
            assert_eq!(verdict(&said), want);
        }
    }

    #[test]
    fn forged_fields_are_found() {
        let id = Domain::parse("mx.ours.example").unwrap();
        for (line, taken) in [
            ("X-Sluss-Verdict: deliver", true),
            ("x-sluss-anything: a", true),
            ("X-SPAM-FLAG: NO", true),
            ("Authentication-Results: mx.ours.example; spf=pass", true),
            ("Authentication-Results: (c;x) MX.ours.example. 1; spf=pass", true),
            ("Authentication-Results:\r\n mx.ours.example;\r\n spf=pass", true),
            ("Authentication-Results: (\\() mx.ours.example; dmarc=pass", true),
            ("Authentication-Results: (\\)) mx.ours.example; dmarc=pass", true),
            ("Authentication-Results: (a (b\\)) c) mx.ours.example (d); dmarc=pass", true),
            ("Authentication-Results: mx.ours.example(c) 1; dmarc=pass", true),
            ("Authentication-Results: mx.ours(c).example; dmarc=pass", true),
            ("Authentication-Results: \"mx.ours.example\"; dmarc=pass", true),
            ("Authentication-Results: \"mx\\.ours.example\"; dmarc=pass", true),
            ("Authentication-Results: mx\\.ours.example; dmarc=pass", true),
            ("Authentication-Results: mx.ours.example\\", true),
            ("Authentication-Results: \"(\" mx.ours.example; dmarc=pass", false),
            // No id to be read: nobody is to guess.
            ("Authentication-Results: (mx.ours.example; dmarc=pass", true),
            ("Authentication-Results: \"mx.ours.example; dmarc=pass", true),
            ("Authentication-Results: ; dmarc=pass", true),
            ("Authentication-Results:", true),
            ("Authentication-Results: mx.other.example; spf=pass", false),
            ("Authentication-Results: (mx.ours.example) mx.other.example; spf=pass", false),
            ("Authentication-Results: \"mx.other.example\"; spf=pass", false),
            ("Subject: X-Spam-Flag: YES", false),
            ("X-Spam-Report: kept", false),
        ] {
            let mail = format!("A: b\r\n{line}\r\nC: d\r\n\r\n");
            let header = Header::read(mail.as_bytes()).unwrap();
            let spans = forged(&header, &id);
            assert_eq!(!spans.is_empty(), taken, "{line}");
            for span in spans {
                assert_eq!(&mail[span], format!("{line}\r\n"));
            }
        }
    }
}
