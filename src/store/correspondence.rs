//! Who writes to whom, as it is kept: counts under keyed hashes. No address, domain or Message-ID stands in a row.
//!
//! The key of the hashes is an organisation's own, random and wrapped by its key: what one organisation has learned cannot be compared
//! with another's, and whoever has the file alone cannot try names. A row of a person carries the hash of the person too, so that
//! everything about one can be erased.

use crate::{
    learn::correspondence::{Counts, Event},
    mail::Organisation,
    store::keys::Key,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a row is about. Addresses as [`crate::mail::Address::key`], domains as registered, networks as limits count them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One of ours and one of theirs.
    Pair {
        /// Our address.
        ours: String,
        /// Theirs.
        theirs: String,
    },
    /// One of theirs, whoever of us he writes to.
    Address {
        /// Theirs.
        theirs: String,
    },
    /// A domain of theirs.
    Domain(String),
    /// A network that brings us mail.
    Network(IpAddr),
    /// A mail of ours that may be answered.
    Sent {
        /// Its Message-ID.
        message: String,
        /// Who wrote it.
        ours: String,
        /// Who got it, and may answer.
        theirs: String,
    },
}

/// How dear a row is when there are too many: who was written to is remembered longest, since no stranger can make us write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Made by mail that came.
    Theirs,
    /// A mail of ours that may be answered.
    Sent,
    /// Made by mail of ours.
    Ours,
}

impl Standing {
    /// All, in the order in which rows are given up.
    pub const ALL: [Standing; 3] = [Standing::Theirs, Standing::Sent, Standing::Ours];

    /// As the rows have it.
    pub fn number(self) -> u8 {
        match self {
            Standing::Theirs => 0,
            Standing::Sent => 1,
            Standing::Ours => 2,
        }
    }
}

/// One thing to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// About what.
    pub subject: Subject,
    /// What happened.
    pub event: Event,
}

/// What is asked about the sender of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who wants to know.
    pub organisation: Organisation,
    /// The recipients.
    pub ours: Vec<String>,
    /// The address in From.
    pub theirs: Option<String>,
    /// Its domain, as registered.
    pub domain: Option<String>,
    /// The client's network.
    pub network: Option<IpAddr>,
    /// The Message-IDs that the mail says it answers.
    pub answers: Vec<String>,
}

/// What is remembered, as of now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Remembered {
    /// One of the recipients wrote a mail that this one answers, to this address.
    pub answers_ours: bool,
    /// Mails of the recipients to the address.
    pub written_to_address: f32,
    /// Of the address.
    pub address: Option<Counts>,
    /// Of the domain.
    pub domain: Option<Counts>,
    /// Of the network.
    pub network: Option<Counts>,
}

/// One line of `sluss correspondents show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorrespondentLine {
    /// Whose memory it is.
    pub organisation: String,
    /// "address": as one of theirs; "ours": as one of ours; "domain".
    pub what: String,
    /// Pairs that it is in.
    pub pairs: u64,
    /// Mails written to it (by it, as one of ours), faded.
    #[serde(serialize_with = "crate::base::number::write")]
    pub written: f32,
    /// Mails that came from it, faded.
    #[serde(serialize_with = "crate::base::number::write")]
    pub came: f32,
    /// Those that were unwanted, faded.
    #[serde(serialize_with = "crate::base::number::write")]
    pub unwanted: f32,
    /// First heard of, milliseconds since 1970.
    pub first_ms: u64,
    /// Last heard of.
    pub last_ms: u64,
}

/// What stands for a subject, or for a person, in a row.
pub type Hashed = [u8; 16];

impl Subject {
    /// The key of its row.
    pub fn key(&self, secret: &Key) -> Hashed {
        match self {
            Subject::Pair { ours, theirs } => hash(secret, b"pair", &[ours, theirs]),
            Subject::Address { theirs } => hash(secret, b"address", &[theirs]),
            Subject::Domain(name) => hash(secret, b"domain", &[name]),
            Subject::Network(network) => hash(secret, b"network", &[&network.to_string()]),
            Subject::Sent { message, ours, theirs } => {
                hash(secret, b"sent", &[message, ours, theirs])
            }
        }
    }

    /// Our person and theirs, where it is about persons.
    pub fn persons(&self, secret: &Key) -> (Option<Hashed>, Option<Hashed>) {
        match self {
            Subject::Pair { ours, theirs } | Subject::Sent { ours, theirs, .. } => {
                (Some(person(secret, ours)), Some(person(secret, theirs)))
            }
            Subject::Address { theirs } => (None, Some(person(secret, theirs))),
            Subject::Domain(_) | Subject::Network(_) => (None, None),
        }
    }

    /// How dear its row is.
    pub fn standing(&self, event: Event) -> Standing {
        match (self, event) {
            (Subject::Sent { .. }, _) => Standing::Sent,
            (_, Event::Written) => Standing::Ours,
            (_, Event::Came | Event::Unwanted) => Standing::Theirs,
        }
    }
}

/// What stands for a person.
pub fn person(secret: &Key, address: &str) -> Hashed {
    hash(secret, b"person", &[address])
}

/// Each field with its length before it, so that no two lists of fields are written alike.
fn hash(secret: &Key, kind: &[u8], fields: &[&str]) -> Hashed {
    let mut hasher = blake3::Hasher::new_keyed(secret.expose());
    for field in std::iter::once(kind).chain(fields.iter().map(|field| field.as_bytes())) {
        hasher.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(field);
    }
    let mut short = [0; 16];
    hasher.finalize_xof().fill(&mut short);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hidden::Hidden;

    #[test]
    fn hashes_are_of_one_organisation_and_one_meaning() {
        let secret = |byte: u8| Hidden::new("secret", [byte; 32]);
        let pair = |ours: &str, theirs: &str| Subject::Pair {
            ours: ours.to_string(),
            theirs: theirs.to_string(),
        };
        let one = pair("a@ours.example", "b@far.example");
        assert_eq!(one.key(&secret(1)), one.clone().key(&secret(1)));
        assert_ne!(one.key(&secret(1)), one.key(&secret(2)));
        let turned = pair("b@far.example", "a@ours.example");
        assert_ne!(one.key(&secret(1)), turned.key(&secret(1)));
        assert_ne!(pair("a", "bc").key(&secret(1)), pair("ab", "c").key(&secret(1)));
        let (domain, address) = ("far.example".to_string(), "far.example".to_string());
        assert_ne!(
            Subject::Domain(domain).key(&secret(1)),
            Subject::Address { theirs: address }.key(&secret(1))
        );
        let (ours, theirs) = one.persons(&secret(1));
        assert_eq!(ours, turned.persons(&secret(1)).1, "a person is the same on either side");
        assert_ne!(ours, theirs);
    }
}
