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

/// What a TLS handshake agreed on, in the registry's names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TlsSession {
    /// "TLSv1.3".
    pub version: String,
    /// "TLS_AES_256_GCM_SHA384".
    pub cipher: String,
}
