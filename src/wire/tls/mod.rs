//! What a channel to a mail server is worth: what policy asks of it, and who vouches for the server at its other end.
//!
//! Pure: certificates come as bytes and as facts that were computed elsewhere, DNS as answers. Nothing here opens a connection.
//! Only three kinds of word make a channel *proven*: a partner's terms, DANE (RFC 7672) and an enforced MTA-STS policy (RFC 8461).
//! A certificate that happens to be good is recorded, and proves nothing: whoever can strip STARTTLS need not show one.

pub mod dane;
pub mod judge;
pub mod ledger;
pub mod mta_sts;
pub mod rpt;

use crate::mail::{CertificateState, Domain, Handshake, NameMatch, TlsSession};
use dane::Tlsa;
use ledger::Downgrade;
use mta_sts::{Mode, StsPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is asked of the channel to one mail host. The strongest that holds is the one that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Policy {
    /// Encrypted where the server offers it, to whoever answers (RFC 7435).
    #[default]
    Opportunistic,
    /// Encrypted, to whoever answers: `tls = "required"`, and TLSA records of which none can be used (RFC 7672 section 2.2).
    Encrypted,
    /// As agreed with a partner.
    Partner(Terms),
    /// One of these records fits. All of them are usable.
    Dane(Vec<Tlsa>),
    /// As the domain's MTA-STS policy says.
    Sts(StsPolicy),
}

/// What is agreed with a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The oldest version that will do.
    pub version_min: Version,
    /// What the server shows.
    pub by: Trust,
    /// Something else than an unsigned MX says that the mail host is the partner's: its name, DNSSEC, or what was agreed.
    pub host_is_known: bool,
}

/// What a partner's server has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// A certificate with its name from those authorities that the state of the certificate was computed with. Who can forge an MX has a
    /// good certificate for a name of his own: the mail host must be known, or the certificate bear the partner's own domain.
    Authorities,
    /// One of these keys: SHA-256 of the certificate's public key information. Name and time do not matter then.
    Pins(Vec<[u8; 32]>),
}

/// A version of TLS that we speak; older ones fail in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 1.2.
    Tls12,
    /// 1.3.
    Tls13,
}

/// What was asked of a channel, without the details: for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Nothing: `tls = "off"`, or a hop within this machine.
    Nothing,
    /// Encryption where it is offered.
    #[default]
    Opportunistic,
    /// Encryption to whoever answers.
    Encrypted,
    /// A partner's terms.
    Partner,
    /// DANE.
    Dane,
    /// An enforced MTA-STS policy.
    MtaSts,
    /// An MTA-STS policy that is being tested.
    MtaStsTesting,
}

impl Policy {
    /// Its name for records.
    pub fn rung(&self) -> Rung {
        match self {
            Policy::Opportunistic => Rung::Opportunistic,
            Policy::Encrypted => Rung::Encrypted,
            Policy::Partner(_) => Rung::Partner,
            Policy::Dane(_) => Rung::Dane,
            Policy::Sts(policy) => match policy.mode {
                Mode::Enforce => Rung::MtaSts,
                Mode::Testing | Mode::None => Rung::MtaStsTesting,
            },
        }
    }

    /// What a mail under this policy asks of a channel that is open already.
    pub fn demand(&self) -> Demand {
        match self.rung() {
            Rung::Nothing | Rung::Opportunistic | Rung::MtaStsTesting => Demand::Nothing,
            Rung::Encrypted => Demand::Encrypted,
            Rung::Partner | Rung::Dane | Rung::MtaSts => Demand::Proven,
        }
    }
}

/// Who vouches for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vouch {
    /// The terms of a partner.
    Partner,
    /// A TLSA record that DNSSEC proves.
    Dane,
    /// An enforced MTA-STS policy, and a good certificate.
    MtaSts,
    /// A good certificate that nobody demanded.
    Pki,
    /// Nobody.
    #[default]
    Nobody,
}

impl Vouch {
    /// Could nobody in the middle have been at the other end?
    pub fn is_proven(self) -> bool {
        match self {
            Vouch::Partner | Vouch::Dane | Vouch::MtaSts => true,
            Vouch::Pki | Vouch::Nobody => false,
        }
    }
}

/// What DNSSEC says of the records that led to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dnssec {
    /// It was not asked.
    #[default]
    NotAsked,
    /// All of them are signed from the root down.
    Secure,
    /// One of them provably is not.
    Insecure,
    /// One of them should be and is not.
    Bogus,
    /// One of them did not come.
    NoAnswer,
}

/// What a mail asks of the channel it leaves by, beside what the policy for its destination asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asks {
    /// At least this.
    #[serde(skip_serializing_if = "is_default")]
    pub demand: Demand,
    /// Its sender would rather have it arrive than have DANE and MTA-STS keep it (`TLS-Required: No`, RFC 8689 section 5).
    #[serde(skip_serializing_if = "is_default")]
    pub relaxed: bool,
    /// What the portal has to do with it.
    #[serde(skip_serializing_if = "is_default")]
    pub portal: ByPortal,
    /// What is known of personal data in it: asks for nothing by itself, and is counted.
    #[serde(skip_serializing_if = "is_default")]
    pub personal_data: PersonalData,
}

/// What the portal has to do with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByPortal {
    /// Nothing.
    #[default]
    No,
    /// It takes the mail if no channel shows what is asked.
    Otherwise,
    /// It takes the mail.
    Yes,
}

/// What is known of personal data in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PersonalData {
    /// None was found, or the content is encrypted.
    #[default]
    NotFound,
    /// Some that is sure to be some, in clear.
    Found,
    /// Parts of it could not be looked into.
    NotKnown,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a mail asks of a channel.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Nothing.
    #[default]
    Nothing,
    /// That it is encrypted.
    Encrypted,
    /// That somebody vouches for the server whom the policy knows.
    Proven,
}

/// A channel as it was: kept with each delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Channel {
    /// How it was protected.
    pub secured: Secured,
    /// What policy asked.
    #[serde(default)]
    pub policy: Rung,
    /// Who vouched.
    #[serde(default)]
    pub vouch: Vouch,
    /// What DNSSEC said of MX, address and TLSA.
    #[serde(default)]
    pub dnssec: Dnssec,
    /// What is worse than was seen of the same mail host before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worse: Vec<Downgrade>,
}

/// How a channel was protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Secured {
    /// By TLS.
    Tls(TlsSession),
    /// Not at all.
    Clear(InClear),
}

/// Why a channel was in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InClear {
    /// It never left this machine.
    Local,
    /// TLS is switched off for this hop.
    SwitchedOff,
    /// The server offers no STARTTLS.
    NotOffered,
    /// The server offered STARTTLS and refused it; its words.
    Refused(String),
    /// The handshake failed; how.
    Broken(String),
}

impl Channel {
    /// One in clear that nothing was asked of.
    pub fn clear(why: InClear) -> Channel {
        Channel {
            secured: Secured::Clear(why),
            policy: Rung::Nothing,
            vouch: Vouch::Nobody,
            dnssec: Dnssec::NotAsked,
            worse: Vec::new(),
        }
    }

    /// The session, where there was one.
    pub fn tls(&self) -> Option<&TlsSession> {
        match &self.secured {
            Secured::Tls(session) => Some(session),
            Secured::Clear(_) => None,
        }
    }

    /// Is it good enough for this?
    pub fn meets(&self, demand: Demand) -> bool {
        match demand {
            Demand::Nothing => true,
            Demand::Encrypted => self.tls().is_some(),
            Demand::Proven => self.tls().is_some() && self.vouch.is_proven(),
        }
    }

    /// In words for whoever looks at the mail.
    pub fn words(&self) -> String {
        let mut words = match &self.secured {
            Secured::Clear(why) => why.to_string(),
            Secured::Tls(session) => protection(session),
        };
        if let Secured::Tls(session) = &self.secured {
            words.push_str(&format!("; {}", self.vouching(session)));
        }
        match self.dnssec {
            Dnssec::NotAsked => (),
            Dnssec::Secure => words.push_str("; its place in DNS is signed"),
            Dnssec::Insecure => words.push_str("; its place in DNS is not signed"),
            Dnssec::Bogus => words.push_str("; the signatures of its place in DNS do not fit"),
            Dnssec::NoAnswer => words.push_str("; DNS did not say whether its place is signed"),
        }
        if !self.worse.is_empty() {
            let worse: Vec<&str> = self.worse.iter().map(|one| one.words()).collect();
            words.push_str(&format!("; worse than before: {}", worse.join("; ")));
        }
        words
    }

    fn vouching(&self, session: &TlsSession) -> String {
        match self.vouch {
            Vouch::Partner => "proven by the partner's terms".to_string(),
            Vouch::Dane => "proven by DANE".to_string(),
            Vouch::MtaSts => "proven by MTA-STS".to_string(),
            Vouch::Pki => {
                "the certificate is good and bears the name, which nothing demanded".to_string()
            }
            Vouch::Nobody => match (session.certificate, session.name) {
                (CertificateState::NotLooked, _) => "nobody vouched for the server".to_string(),
                (CertificateState::Good, NameMatch::No) => {
                    "nobody vouched for the server: the certificate bears another name".to_string()
                }
                (state, _) => {
                    format!("nobody vouched for the server: the certificate {}", state.words())
                }
            },
        }
    }
}

fn protection(session: &TlsSession) -> String {
    let mut words = format!("{} {}", session.version, session.cipher);
    if !session.group.is_empty() {
        words.push_str(&format!(", {}", session.group));
    }
    if session.handshake == Handshake::Resumed {
        words.push_str(", resumed");
    }
    words
}

impl fmt::Display for InClear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InClear::Local => f.write_str("within this machine"),
            InClear::SwitchedOff => f.write_str("in clear: TLS is switched off for this next hop"),
            InClear::NotOffered => f.write_str("in clear: the server offers no STARTTLS"),
            InClear::Refused(said) => {
                write!(f, "in clear: the server refused STARTTLS with {said}")
            }
            InClear::Broken(why) => write!(f, "in clear: the TLS handshake failed: {why}"),
        }
    }
}

/// Why a channel was not good enough, or could not be looked for: the mail waits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No STARTTLS where it is demanded.
    #[error("the server offers no STARTTLS, and encryption is demanded")]
    NotOffered,
    /// STARTTLS refused where it is demanded; its words.
    #[error("the server refuses STARTTLS, which is demanded: {0}")]
    Refused(String),
    /// The handshake failed; how.
    #[error("the TLS handshake failed, and encryption is demanded: {0}")]
    Broken(String),
    /// It speaks an older version than the partner's terms allow.
    #[error("the server speaks a version of TLS older than agreed")]
    TooOld,
    /// The certificate is not good.
    #[error("the server's certificate {}", .0.words())]
    Certificate(CertificateState),
    /// The certificate bears none of the names it should.
    #[error("the server's certificate bears another name")]
    OtherName,
    /// Nothing says that this mail host is the partner's.
    #[error(
        "nothing but unsigned DNS says that {0} is the partner's mail host; name it in hosts of its [[partner]]"
    )]
    HostNotAgreed(Domain),
    /// Its key is none of the partner's.
    #[error("the server's key is none of those agreed")]
    OtherKey,
    /// No TLSA record fits.
    #[error("the server's certificate fits none of the domain's TLSA records")]
    NoTlsaFits,
    /// DNS answers that should be signed are not; which, and how.
    #[error("DNSSEC: {0}")]
    Bogus(String),
    /// A question that has to be answered first was not; which, and how.
    #[error("DNS did not answer what has to be known first: {0}")]
    NoAnswer(String),
    /// The mail may go to those servers only for whom somebody vouches, and nobody does.
    #[error("this mail may leave over a proven channel only, and nobody vouches for the server")]
    NotProven,
    /// REQUIRETLS, and no server that keeps it up (RFC 8689).
    #[error("REQUIRETLS was asked for, and the server does not keep that up")]
    NoRequireTls,
    /// REQUIRETLS, and nothing that shows who the server is.
    #[error("REQUIRETLS was asked for, and nothing verifies the server")]
    NotVerified,
    /// The MX is none of those in the domain's MTA-STS policy.
    #[error("the domain's MTA-STS policy does not name {0}")]
    HostNotNamed(Domain),
}

impl Refusal {
    /// The result type of RFC 8460 section 4.3.
    pub fn result_type(&self) -> &'static str {
        match self {
            Refusal::NotOffered | Refusal::Refused(_) => "starttls-not-supported",
            Refusal::Certificate(CertificateState::Expired) => "certificate-expired",
            Refusal::Certificate(
                CertificateState::UnknownAuthority
                | CertificateState::SelfMade
                | CertificateState::NotYetValid
                | CertificateState::Unusable,
            ) => "certificate-not-trusted",
            Refusal::OtherName => "certificate-host-mismatch",
            // None of the records in the set was found to be valid for this server.
            Refusal::NoTlsaFits => "tlsa-invalid",
            Refusal::Bogus(_) | Refusal::NoAnswer(_) => "dnssec-invalid",
            Refusal::Broken(_)
            | Refusal::TooOld
            | Refusal::OtherKey
            | Refusal::HostNotNamed(_)
            | Refusal::HostNotAgreed(_)
            | Refusal::NotProven
            | Refusal::NoRequireTls
            | Refusal::NotVerified
            | Refusal::Certificate(CertificateState::NotLooked | CertificateState::Good) => {
                "validation-failure"
            }
        }
    }

    /// The enhanced status while the mail waits. RFC 3463 section 3.8: x.7.4 is a feature that the other side lacks, x.7.5 keys that do not fit.
    pub fn status(&self) -> &'static str {
        if self.is_lacking() { "4.7.4" } else { "4.7.5" }
    }

    /// The enhanced status when it has waited for too long.
    pub fn final_status(&self) -> &'static str {
        if matches!(self, Refusal::NoRequireTls | Refusal::NotVerified) {
            return "5.7.30";
        }
        if self.is_lacking() { "5.7.4" } else { "5.7.5" }
    }

    fn is_lacking(&self) -> bool {
        match self {
            Refusal::NotOffered
            | Refusal::Refused(_)
            | Refusal::TooOld
            | Refusal::NotProven
            | Refusal::NoRequireTls
            | Refusal::NotVerified => true,
            Refusal::Broken(_)
            | Refusal::Certificate(_)
            | Refusal::OtherName
            | Refusal::OtherKey
            | Refusal::NoTlsaFits
            | Refusal::Bogus(_)
            | Refusal::NoAnswer(_)
            | Refusal::HostNotNamed(_)
            | Refusal::HostNotAgreed(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_told_in_words_and_read_back() {
        let session = TlsSession {
            version: "TLSv1.3".to_string(),
            cipher: "TLS_AES_128_GCM_SHA256".to_string(),
            group: "X25519".to_string(),
            certificate: CertificateState::SelfMade,
            name: NameMatch::Yes,
            ..TlsSession::default()
        };
        let channel = |secured, vouch, dnssec| Channel {
            secured,
            policy: Rung::Dane,
            vouch,
            dnssec,
            worse: vec![],
        };
        let tls = || Secured::Tls(session.clone());
        for (channel, proven, words) in [
            (
                channel(tls(), Vouch::Dane, Dnssec::Secure),
                true,
                "TLSv1.3 TLS_AES_128_GCM_SHA256, X25519; proven by DANE; its place in DNS is signed",
            ),
            (
                channel(tls(), Vouch::Nobody, Dnssec::Insecure),
                false,
                "TLSv1.3 TLS_AES_128_GCM_SHA256, X25519; nobody vouched for the server: the certificate is self-made; its place in DNS is not signed",
            ),
            (
                Channel::clear(InClear::Refused("454 4.7.0 no".to_string())),
                false,
                "in clear: the server refused STARTTLS with 454 4.7.0 no",
            ),
            (
                Channel {
                    worse: vec![Downgrade::NoStarttls, Downgrade::Unproven],
                    ..Channel::clear(InClear::NotOffered)
                },
                false,
                "in clear: the server offers no STARTTLS; worse than before: STARTTLS, which it had, is missing; the server was proven and is not",
            ),
            // What never was encrypted is not proven, whoever vouches.
            (
                channel(Secured::Clear(InClear::NotOffered), Vouch::Dane, Dnssec::NotAsked),
                false,
                "in clear: the server offers no STARTTLS",
            ),
        ] {
            assert_eq!(channel.words(), words);
            assert_eq!(channel.meets(Demand::Proven), proven, "{words}");
            assert_eq!(channel.meets(Demand::Encrypted), channel.tls().is_some());
            let text = serde_json::to_string(&channel).unwrap();
            assert_eq!(serde_json::from_str::<Channel>(&text).unwrap(), channel, "{text}");
        }
        // As older versions wrote it.
        let old = r#"{"version":"TLSv1.3","cipher":"X"}"#;
        let old: TlsSession = serde_json::from_str(old).unwrap();
        assert_eq!((old.certificate, old.chain.len()), (CertificateState::NotLooked, 0));
    }

    #[test]
    fn a_refusal_has_a_result_type_and_a_status() {
        for (refusal, want) in [
            (Refusal::NotOffered, "starttls-not-supported 4.7.4 5.7.4"),
            (Refusal::Refused("454 no".to_string()), "starttls-not-supported 4.7.4 5.7.4"),
            (Refusal::Broken("reset".to_string()), "validation-failure 4.7.5 5.7.5"),
            (Refusal::TooOld, "validation-failure 4.7.4 5.7.4"),
            (Refusal::Certificate(CertificateState::Expired), "certificate-expired 4.7.5 5.7.5"),
            (
                Refusal::Certificate(CertificateState::SelfMade),
                "certificate-not-trusted 4.7.5 5.7.5",
            ),
            (Refusal::OtherName, "certificate-host-mismatch 4.7.5 5.7.5"),
            (Refusal::NoTlsaFits, "tlsa-invalid 4.7.5 5.7.5"),
            (Refusal::Bogus("MX".to_string()), "dnssec-invalid 4.7.5 5.7.5"),
            (Refusal::NoAnswer("MX".to_string()), "dnssec-invalid 4.7.5 5.7.5"),
        ] {
            let said = format!(
                "{} {} {}",
                refusal.result_type(),
                refusal.status(),
                refusal.final_status()
            );
            assert_eq!(said, want, "{refusal}");
        }
    }
}
