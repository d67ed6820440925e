//! How mail went to and came from others, added up from its proofs.

use crate::{
    base::clock::UnixMs,
    mail::{Direction, Domain, Organisation},
};
use schemars::JsonSchema;
use serde::Serialize;

/// Which mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFilter {
    /// From then on.
    pub since: UnixMs,
    /// Before then.
    pub until: UnixMs,
    /// Whose; none: everybody's.
    pub organisation: Option<Organisation>,
    /// Which way.
    pub direction: Direction,
    /// Only to or from this domain.
    pub domain: Option<Domain>,
    /// Most domains.
    pub rows: usize,
}

/// The mail to, or from, one domain. Deliveries are counted: a mail to two domains counts in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DomainChannels {
    /// The domain; empty for what has the null sender.
    pub domain: String,
    /// All of it.
    pub mails: u64,
    /// Over TLS.
    pub encrypted: u64,
    /// Over TLS, to a server that somebody vouched for. Of what comes nobody can say that.
    pub proven: u64,
    /// With personal data that is sure to be some, and not encrypted itself.
    pub personal: u64,
    /// Of these over TLS.
    pub personal_encrypted: u64,
    /// Of these proven.
    pub personal_proven: u64,
    /// To a server whose certificate was good and bore its name, whoever asked for that.
    pub good_certificate: u64,
    /// Over TLS 1.3.
    pub tls13: u64,
    /// Mails to it that a smarthost took. What it did with them nobody knows; they are in none of the figures above.
    pub through_smarthost: u64,
    /// Of these with personal data.
    pub personal_through_smarthost: u64,
    /// When the last one came or went, milliseconds since 1970.
    pub last_ms: u64,
}

/// What could be agreed with a partner, as far as it can be tried on mail that went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// TLS to whoever answers is enough.
    pub encrypted_is_enough: bool,
    /// TLS 1.3.
    pub tls13: bool,
    /// What is below the domain, too.
    pub subdomains: bool,
}

/// What would have waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct WouldBreak {
    /// Mails that went there.
    pub mails: u64,
    /// In clear.
    pub in_clear: u64,
    /// Over an older version of TLS.
    pub too_old: u64,
    /// To a server whose certificate is not good, or bears another name.
    pub not_vouched_for: u64,
    /// To a server with a good certificate of which only unsigned DNS says that it is the domain's: `hosts` would have to name it.
    pub host_not_known: u64,
    /// That were proven anyway: by DANE, MTA-STS, or terms in force.
    pub proven: u64,
    /// Mails that a smarthost took. They would go to the domain's own servers, of which nothing is known.
    pub through_smarthost: u64,
}

impl WouldBreak {
    /// How many would have waited.
    pub fn waiting(&self) -> u64 {
        [self.in_clear, self.too_old, self.not_vouched_for, self.host_not_known].iter().sum()
    }
}
