//! Feedback reports (ARF), RFC 5965: somebody complained about a mail, or RFC 6591: a receiver saw its authentication fail.

use super::{domain, short, word};
use crate::mail::{Header, header::read_mailboxes};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One report about one mail, or several alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// "abuse", "fraud", "virus", "not-spam", "auth-failure", "opt-out", "other", or a later word.
    pub kind: String,
    /// The program that made the report.
    pub user_agent: String,
    /// Who brought the mail that it is about.
    pub source: Option<IpAddr>,
    /// The domain that it is about: as it says, or of the sender it names.
    pub domain: String,
    /// The mail's envelope sender.
    pub mail_from: String,
    /// Mails that it stands for.
    pub incidents: u64,
    /// What failed: "dmarc", "spf", "signature", "bodyhash", "revoked", "adsp"; empty for complaints.
    pub auth_failure: String,
    /// What the receiver did: "delivered", "spam", "policy", "reject", "other"; empty if it is not said.
    pub delivery_result: String,
    /// The mail's Message-ID, without its brackets.
    pub original_id: String,
}

/// Reads the part `message/feedback-report`. None: it has no Feedback-Type, which RFC 5965 section 3.1 asks for.
pub fn read(part: &[u8]) -> Option<Feedback> {
    let header = Header::read(part.trim_ascii_start()).ok()?;
    let text = |name: &str| header.value(name).map(|value| short(&value)).unwrap_or_default();
    let kind = word(&header.value("Feedback-Type")?);
    let mail_from = text("Original-Mail-From");
    let sender_domain = read_mailboxes(&mail_from).first().and_then(|sender| sender.domain());
    // RFC 5965 section 3.2: it may stand there several times; the first is what it is about.
    let said = header.value("Reported-Domain").map(|value| domain(&value)).unwrap_or_default();
    Some(Feedback {
        kind: if kind.is_empty() { "other".to_string() } else { kind },
        user_agent: text("User-Agent"),
        source: header.value("Source-IP").and_then(|ip| address(&ip)),
        domain: match said.is_empty() {
            true => sender_domain.map(|domain| domain.to_string()).unwrap_or_default(),
            false => said,
        },
        mail_from: mail_from.trim_matches(['<', '>']).to_string(),
        incidents: text("Incidents")
            .parse()
            .unwrap_or(1)
            .clamp(1, crate::base::limits::REPORT_MAILS_MAX),
        auth_failure: header.value("Auth-Failure").map(|value| word(&value)).unwrap_or_default(),
        delivery_result: header
            .value("Delivery-Result")
            .map(|value| word(&value))
            .unwrap_or_default(),
        original_id: String::new(),
    })
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let text = text.strip_prefix("IPv6:").unwrap_or(text);
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let complaint = b"Feedback-Type: abuse\r\nUser-Agent: Far/1.0\r\nVersion: 1\r\nOriginal-Mail-From: <news@ours.example>\r\n\
            Source-IP: 192.0.2.1\r\nIncidents: 3\r\n";
        let read_back = read(complaint).unwrap();
        assert_eq!((read_back.kind.as_str(), read_back.domain.as_str()), ("abuse", "ours.example"));
        assert_eq!(
            (read_back.incidents, read_back.source),
            (3, Some("192.0.2.1".parse().unwrap()))
        );
        assert_eq!(read_back.mail_from, "news@ours.example");
        let failure = b"Feedback-Type: Auth-Failure\r\nReported-Domain: Ours.Example\r\nAuth-Failure: dmarc\r\nDelivery-Result: reject\r\n\
            Source-IP: [IPv6:2001:db8::1]\r\n";
        let read_back = read(failure).unwrap();
        assert_eq!(
            (read_back.kind.as_str(), read_back.domain.as_str()),
            ("auth-failure", "ours.example")
        );
        assert_eq!(
            (read_back.auth_failure.as_str(), read_back.delivery_result.as_str()),
            ("dmarc", "reject")
        );
        assert_eq!(read_back.source, Some("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn odd_ones_are_bounded_or_none() {
        for (part, want) in [
            (&b""[..], None),
            (b"User-Agent: x\r\n", None),
            (b"\r\n\r\nFeedback-Type: abuse\r\n", Some("abuse")),
            (b"Feedback-Type: <script>\r\nIncidents: 99999999999999999999\r\n", Some("other")),
        ] {
            let read_back = read(part);
            assert_eq!(
                read_back.as_ref().map(|one| one.kind.as_str()),
                want,
                "{}",
                part.escape_ascii()
            );
            assert!(read_back.is_none_or(|one| one.incidents == 1 && one.source.is_none()));
        }
    }
}
