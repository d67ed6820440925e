//! Who is on the line.

use crate::mail::Organisation;
use std::net::IpAddr;

/// The host that brought a mail, as far as the connection itself shows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The port it came from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What it said after EHLO or HELO; empty before.
    pub helo: String,
    /// It said EHLO, not HELO.
    pub extended: bool,
    /// The TLS session, if the mail came over one.
    pub tls: Option<TlsSession>,
    /// Who it proved to be with AUTH.
    #[serde(default)]
    pub user: Option<User>,
}

/// An account that AUTH has shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct User {
    /// Its name, as it was made.
    pub name: String,
    /// Whose account it is.
    pub organisation: Organisation,
}

impl Peer {
    /// A peer that has said nothing yet.
    pub fn at(address: IpAddr) -> Peer {
        Peer {
            address: address.to_canonical(),
            port: None,
            helo: String::new(),
            extended: false,
            tls: None,
            user: None,
        }
    }
}

/// What a TLS handshake agreed on, in the registry's names, and what the server showed in it.
/// All but version and cipher is known only of sessions that we began.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct TlsSession {
    /// "TLSv1.3".
    pub version: String,
    /// "TLS_AES_256_GCM_SHA384".
    pub cipher: String,
    /// The key-exchange group: "X25519MLKEM768"; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// A whole handshake, or one that went on from an earlier session: its certificates are then those of that one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub handshake: Handshake,
    /// SHA-256 of each certificate in lower-case hexadecimal, the server's own first; at most [`crate::base::limits::CHAIN_CERTIFICATES_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// What those authorities say of the certificate that were asked: the system's, or the policy's own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub certificate: CertificateState,
    /// Does the certificate bear the name that we know the server by?
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: NameMatch,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How a TLS session began.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Handshake {
    /// With certificates and all.
    #[default]
    Full,
    /// From the ticket of an earlier one.
    Resumed,
}

/// What the authorities say of a certificate, its name aside.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// Nobody looked.
    #[default]
    NotLooked,
    /// One of them vouches for it, and it is in its time.
    Good,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// None of them knows who signed it.
    UnknownAuthority,
    /// It vouches for itself.
    SelfMade,
    /// It cannot be read, or is not made for a server.
    Unusable,
}

impl CertificateState {
    /// In words, after "the certificate".
    pub fn words(self) -> &'static str {
        match self {
            CertificateState::NotLooked => "was not looked at",
            CertificateState::Good => "is good",
            CertificateState::Expired => "has expired",
            CertificateState::NotYetValid => "is not valid yet",
            CertificateState::UnknownAuthority => "is signed by nobody we know",
            CertificateState::SelfMade => "is self-made",
            CertificateState::Unusable => "cannot be used",
        }
    }
}

/// Whether a certificate bears a name.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NameMatch {
    /// Nobody looked.
    #[default]
    NotLooked,
    /// It does.
    Yes,
    /// It does not.
    No,
}
