//! Delivery notices (DSN), RFC 3464: what became of a mail, recipient by recipient.

use super::{short, word};
use crate::{base::limits, mail::Header};
use serde::{Deserialize, Serialize};

/// One notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The server that says so.
    pub reporting_mta: String,
    /// What became of the mail, by recipient.
    pub recipients: Vec<Fate>,
    /// The Message-ID of the mail that it is about, without its brackets; empty if it was not returned.
    pub original_id: String,
}

/// What became of a mail for one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// The recipient as the server knew it, or as the sender wrote it where that is all there is.
    pub recipient: String,
    /// What was done.
    pub action: Action,
    /// The enhanced status code: "5.1.1".
    pub status: String,
    /// What the server at the other end said.
    pub diagnostic: String,
}

/// What was done, RFC 3464 section 2.3.3.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is not said, or in no word that we know.
    #[default]
    Unsaid,
    /// It will not be delivered.
    Failed,
    /// It is still being tried.
    Delayed,
    /// It was delivered.
    Delivered,
    /// It was passed on to a server that sends no notices.
    Relayed,
    /// It was delivered, and passed on to others.
    Expanded,
}

impl Action {
    /// The word in notices.
    pub fn word(self) -> &'static str {
        match self {
            Action::Unsaid => "",
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }
}

/// Reads the part `message/delivery-status`: groups of fields with empty lines between them, the first about the mail, the others about a
/// recipient each. None: no group is about a recipient.
pub fn read(part: &[u8]) -> Option<Delivery> {
    let part = part.get(..part.len().min(limits::HEADER_BYTES_MAX)).unwrap_or_default();
    let mut delivery = Delivery::default();
    for group in groups(part) {
        let Ok(header) = Header::read(&group) else { continue };
        let text = |name: &str| header.value(name).map(|value| short(after_type(&value)));
        if let Some(server) = text("Reporting-MTA").filter(|_| delivery.reporting_mta.is_empty()) {
            delivery.reporting_mta = server;
        }
        // RFC 3464 section 2.3.2: every recipient has one.
        let Some(recipient) = text("Final-Recipient").or_else(|| text("Original-Recipient")) else {
            continue;
        };
        if delivery.recipients.len() < limits::REPORT_RECIPIENTS_MAX {
            delivery.recipients.push(Fate {
                recipient,
                action: action(&header.value("Action").unwrap_or_default()),
                status: status(&header.value("Status").unwrap_or_default()),
                diagnostic: text("Diagnostic-Code").unwrap_or_default(),
            });
        }
    }
    (!delivery.recipients.is_empty()).then_some(delivery)
}

/// The groups of fields, as header sections.
fn groups(part: &[u8]) -> Vec<Vec<u8>> {
    let mut groups: Vec<Vec<u8>> = Vec::new();
    let mut between = true;
    for line in part.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            between = true;
            continue;
        }
        if std::mem::take(&mut between) {
            if groups.len() > limits::REPORT_RECIPIENTS_MAX {
                break;
            }
            groups.push(Vec::new());
        }
        groups.last_mut().into_iter().for_each(|group| group.extend_from_slice(line));
    }
    groups
}

/// What stands behind the type of an address, name or code: `rfc822; x@there.example`.
fn after_type(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, after)| after).trim()
}

fn action(text: &str) -> Action {
    let word = word(text);
    let known =
        [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded];
    known.into_iter().find(|one| one.word() == word).unwrap_or_default()
}

/// `5.1.1`, whatever comment stands behind it.
fn status(text: &str) -> String {
    let code = text.split_whitespace().next().unwrap_or_default();
    let numbers: Vec<&str> = code.split('.').collect();
    let is_number = |number: &&str| {
        (1..=3).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit())
    };
    let fits = numbers.len() == 3 && numbers.iter().all(is_number);
    if fits { code.to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_read() {
        let notice = b"Reporting-MTA: dns; mx.far.example\r\nArrival-Date: Fri, 28 Nov 2025 10:00:00 +0000\r\n\r\n\
            Original-Recipient: rfc822;a@there.example\r\nFinal-Recipient: RFC822; b@there.example\r\nAction: Failed\r\n\
            Status: 5.1.1 (no such user)\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n  nobody here\r\n\r\n\r\n\
            Final-Recipient: rfc822; c@there.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n";
        let notice = read(notice).unwrap();
        assert_eq!(notice.reporting_mta, "mx.far.example");
        let fates: Vec<String> = notice
            .recipients
            .iter()
            .map(|fate| {
                format!(
                    "{} {} {} {}",
                    fate.recipient,
                    fate.action.word(),
                    fate.status,
                    fate.diagnostic
                )
            })
            .collect();
        let first = fates[0].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(first, "b@there.example failed 5.1.1 550 5.1.1 nobody here");
        assert_eq!(fates[1], "c@there.example delayed 4.4.1 ");
    }

    #[test]
    fn odd_ones_are_bounded_or_none() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"Reporting-MTA: dns; a.example\n\nAction: failed\n"), None);
        let odd =
            read(b"Original-Recipient: x@y.example\nAction: exploded\nStatus: 5.x.1\n").unwrap();
        assert_eq!(
            (odd.recipients[0].action, odd.recipients[0].status.as_str()),
            (Action::Unsaid, "")
        );
        let many = b"Final-Recipient: rfc822; a@b.example\n\n".repeat(10_000);
        assert!(read(&many).unwrap().recipients.len() <= limits::REPORT_RECIPIENTS_MAX);
    }
}
