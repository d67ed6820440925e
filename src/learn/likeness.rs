//! Which mails are alike enough to be one row on a page: the same writer, the same kind of subject, the same links and attachments.
//!
//! A key, not a measure: it is made once, stored, and compared for equality. It changes with nothing but what is written here, so that
//! mails held by an older version stay in their group.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// What alike mails have in common. Zero: not known, alike nothing.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Likeness(pub u64);

/// Not sixteen hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no group of alike mails: sixteen hex digits are expected")]
pub struct NotALikeness;

impl std::str::FromStr for Likeness {
    type Err = NotALikeness;

    fn from_str(text: &str) -> Result<Likeness, NotALikeness> {
        match text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            true => u64::from_str_radix(text, 16).map(Likeness).map_err(|_| NotALikeness),
            false => Err(NotALikeness),
        }
    }
}

impl TryFrom<String> for Likeness {
    type Error = NotALikeness;

    fn try_from(text: String) -> Result<Likeness, NotALikeness> {
        text.parse()
    }
}

impl From<Likeness> for String {
    fn from(likeness: Likeness) -> String {
        likeness.to_string()
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a mail is recognised by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits<'a> {
    /// The address in From; where there is none, the envelope sender. The latter is another for each recipient in many mailings.
    pub sender: &'a str,
    /// Subject, decoded.
    pub subject: &'a str,
    /// Names that stand in the subject for the recipient alone: the parts of its address, of its displayed name.
    pub names: &'a [String],
    /// Hosts of links.
    pub hosts: &'a [String],
    /// What the attachments are by their bytes.
    pub attachments: &'a [String],
}

impl Traits<'_> {
    /// The key. Two mails with the same content have the same.
    pub fn likeness(&self) -> Likeness {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        let mut tell = |kind: u8, text: &str| {
            hasher.update(&[kind]);
            hasher.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        tell(1, &self.sender.to_lowercase());
        tell(2, &shape(self.subject, self.names));
        for host in self.hosts.iter().map(|host| folded_host(host)).collect::<BTreeSet<_>>() {
            tell(3, &host);
        }
        for kind in self.attachments.iter().collect::<BTreeSet<_>>() {
            tell(4, kind);
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        // Zero means "not known".
        Likeness(u64::from_le_bytes(first).max(1))
    }
}

/// A subject without what differs from copy to copy: answer marks, digits, the recipient's name, spaces, case.
fn shape(subject: &str, names: &[String]) -> String {
    let lower = subject.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    for word in
        lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
    {
        let is_mark = words.is_empty() && MARKS.contains(&word);
        if is_mark {
            continue;
        }
        let folded = if names.iter().any(|name| name.to_lowercase() == word) {
            "@".to_string()
        } else if word.bytes().any(|letter| letter.is_ascii_digit()) {
            "0".to_string()
        } else {
            word.to_string()
        };
        // "Faktura 12 345" and "Faktura 12345" are one.
        if words.last() != Some(&folded) || (folded != "0" && folded != "@") {
            words.push(folded);
        }
    }
    words.join(" ")
}

/// A host with digits folded: `img17.example` and `img3.example` are one.
fn folded_host(host: &str) -> String {
    let mut folded = String::with_capacity(host.len());
    for letter in host.to_lowercase().chars() {
        match letter.is_ascii_digit() {
            true if folded.ends_with('0') => (),
            true => folded.push('0'),
            false => folded.push(letter),
        }
    }
    folded
}

const CONTEXT: &str = "sluss 2026 likeness of mails, first form";
/// What mail programs put before the subject of an answer or of a mail passed on, in the languages of our users.
const MARKS: &[&str] =
    &["re", "fw", "fwd", "sv", "vs", "vb", "vl", "aw", "wg", "antw", "videresendt"];

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sender: &str, subject: &str, hosts: &[&str], attachments: &[&str]) -> Likeness {
        let owned = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let names = owned(&["Anna", "berg"]);
        let (hosts, attachments) = (owned(hosts), owned(attachments));
        Traits { sender, subject, names: &names, hosts: &hosts, attachments: &attachments }
            .likeness()
    }

    #[test]
    fn what_differs_from_copy_to_copy_makes_no_difference() {
        let plain = key("Shop@example.net", "Order 17 for Anna Berg", &["a.example"], &["pdf"]);
        for (sender, subject, hosts, attachments, alike) in [
            ("shop@example.net", "Order 17 for Anna Berg", &["a.example"][..], &["pdf"][..], true),
            ("shop@EXAMPLE.net", "order 98765 for anna", &["a.example"], &["pdf"], true),
            ("shop@example.net", "RE: Sv: Order no17  for ANNA", &["a.example"], &["pdf"], true),
            (
                "shop@example.net",
                "Order 17 for Anna",
                &["A.example", "a.example"],
                &["pdf", "pdf"],
                true,
            ),
            ("shop@example.net", "Order 17 for all", &["a.example"], &["pdf"], false),
            ("shop@example.net", "Order 17 for Anna", &["b.example"], &["pdf"], false),
            ("shop@example.net", "Order 17 for Anna", &["a.example"], &["zip"], false),
            ("shop@example.net", "Order 17 for Anna", &["a.example"], &[], false),
            ("shop@example.net", "Order 17 for Anna", &["a.example", "pdf"], &[], false),
            ("other@example.net", "Order 17 for Anna", &["a.example"], &["pdf"], false),
        ] {
            assert_eq!(
                key(sender, subject, hosts, attachments) == plain,
                alike,
                "{sender} {subject}"
            );
        }
    }

    #[test]
    fn shapes() {
        for (subject, want) in [
            ("", ""),
            ("Re: Re: [sv] Invoice #12-345/6", "invoice 0"),
            ("Hej Anna, ditt paket 8812", "hej @ ditt paket 0"),
            ("Vs.", ""),
            ("Order re 5", "order re 0"),
        ] {
            assert_eq!(shape(subject, &["anna".to_string()]), want, "{subject}");
        }
        assert_eq!(folded_host("IMG173.cdn4.example"), "img0.cdn0.example");
    }

    #[test]
    fn the_key_is_for_ever() {
        let known = key("shop@example.net", "Order 17", &["a.example"], &["pdf"]);
        assert_eq!(known.to_string().parse(), Ok(known));
        assert_eq!(known.to_string(), "5bd8d4c0ec999f17");
        assert_eq!("12".parse::<Likeness>(), Err(NotALikeness));
        assert_ne!(Traits::default().likeness(), Likeness::default());
    }
}
