//! The vocabulary everything speaks: who writes to whom, what came, how it came. Nothing here knows what is good or bad.
//!
//! A value that exists was checked when it was made; the constructors are the only doors.

mod address;
mod domain;
mod envelope;
pub mod header;
mod legible;
mod peer;

pub use address::{Address, NotAnAddress, ReversePath};
pub use domain::{Domain, NotADomain, is_at_or_below};
pub use envelope::{BodyType, DsnRequest, Envelope, Notify, Recipient, Return};
pub use header::{Field, Header, Mailbox};
pub use legible::{legible, legible_domain};
pub use peer::{CertificateState, Handshake, NameMatch, Peer, TlsSession, User};

use crate::base::limits;
use std::{fmt, sync::Arc};

/// Who owns a row, a key, a policy. One is implied when the configuration names none.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Organisation(Arc<str>);

impl Organisation {
    /// The organisation that is there when none is configured.
    pub fn implied() -> Organisation {
        Organisation("default".into())
    }

    /// An organisation by its name in a stored row.
    pub fn named(name: &str) -> Organisation {
        Organisation(name.into())
    }

    /// A name as somebody wrote it: letters, digits, hyphen, dot and underscore, so that it can stand in a log line, a command and a path.
    pub fn parse(name: &str) -> Result<Organisation, NotAnOrganisation> {
        let fits = (1..=limits::ORGANISATION_NAME_BYTES_MAX).contains(&name.len());
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        match fits && plain && begins_well {
            true => Ok(Organisation(name.into())),
            false => Err(NotAnOrganisation(name.to_string())),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Why a text is no organisation's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot name an organisation: use 1 to {max} letters, digits, hyphens, dots and underscores, a letter or digit first",
    max = limits::ORGANISATION_NAME_BYTES_MAX
)]
pub struct NotAnOrganisation(pub String);

impl TryFrom<String> for Organisation {
    type Error = NotAnOrganisation;

    fn try_from(name: String) -> Result<Organisation, NotAnOrganisation> {
        Organisation::parse(&name)
    }
}

impl From<Organisation> for String {
    fn from(organisation: Organisation) -> String {
        organisation.0.to_string()
    }
}

impl Default for Organisation {
    fn default() -> Organisation {
        Organisation::implied()
    }
}

impl fmt::Display for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way a mail goes, seen from the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the world to our users.
    Inbound,
    /// From our users to the world.
    Outbound,
}

impl Direction {
    /// The word for it in configuration, logs and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }
    }
}

/// One mail as the deciding code sees it: how it came, and its bytes with the header section read once.
#[derive(Debug, Clone)]
pub struct Mail<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// Who brought it.
    pub peer: &'a Peer,
    /// Sender and recipients as given in SMTP.
    pub envelope: &'a Envelope,
    /// The header section as our one reader reads it.
    pub header: &'a Header,
    /// The whole message, header and body, as received: dots undone, line ends as they came.
    pub bytes: &'a [u8],
    /// When the last byte came, from the clock of the gateway.
    pub received: crate::base::clock::UnixMs,
}
