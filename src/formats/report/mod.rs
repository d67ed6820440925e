//! Reports that mail servers send each other about mail: DMARC aggregate reports, complaints and failures (ARF), delivery notices (DSN), and how
//! TLS with our mail hosts went (TLS-RPT).
//!
//! What stands in a report is somebody's word: every text is bounded and free of control characters, every count is bounded, and domains
//! and addresses of hosts are read as such or left out. What a part is packed in is opened by whoever opens mail.

pub mod delivery;
pub mod dmarc;
pub mod feedback;
pub mod returned;
pub mod tls;

use crate::{base::limits, mail::Domain};
use serde::{Deserialize, Serialize};

/// One report in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// What a receiver saw of a domain's mail in a day.
    Dmarc(dmarc::Aggregate),
    /// A complaint about one mail, or what a receiver saw fail in it.
    Feedback(feedback::Feedback),
    /// What became of one mail.
    Delivery(delivery::Delivery),
    /// Something that begins as a report and could not be read: why.
    Unread(String),
    /// What a sender saw of TLS with a domain's mail hosts in a day.
    Tls(tls::TlsReport),
}

impl Report {
    /// How many rows it takes.
    pub fn rows(&self) -> usize {
        match self {
            Report::Dmarc(aggregate) => aggregate.rows.len(),
            Report::Delivery(delivery) => delivery.recipients.len(),
            Report::Tls(report) => report.rows(),
            Report::Feedback(_) | Report::Unread(_) => 1,
        }
    }
}

/// A text of a stranger: trimmed, without control characters, at most so long.
fn short(text: &str) -> String {
    let tame = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut short: String =
        text.trim().chars().take(limits::REPORT_TEXT_BYTES_MAX).map(tame).collect();
    short.truncate(short.floor_char_boundary(limits::REPORT_TEXT_BYTES_MAX));
    short
}

/// A word of a stranger that stands in a table as it is: lower case letters, digits, `-`, `_` and `.`, or nothing.
fn word(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let fits = text.len() <= WORD_BYTES_MAX
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'));
    if fits { text } else { String::new() }
}

/// A domain, or nothing where it is none.
fn domain(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    Domain::parse(text).map(|domain| domain.to_string()).unwrap_or_default()
}

/// The longest word that these formats define has 18 letters.
const WORD_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_is_tamed() {
        assert_eq!(short(" a\u{1b}[2Jb\r\nc "), "a [2Jb  c");
        assert_eq!(short(&"é".repeat(1_000)).len(), limits::REPORT_TEXT_BYTES_MAX);
        for (text, want) in
            [("Mailing_List ", "mailing_list"), ("5.1.1", "5.1.1"), ("a b", ""), ("<x>", "")]
        {
            assert_eq!(word(text), want, "{text}");
        }
        for (text, want) in
            [("Ours.Example.", "ours.example"), ("a b", ""), ("", ""), ("x'; DROP", "")]
        {
            assert_eq!(domain(text), want, "{text}");
        }
    }
}
