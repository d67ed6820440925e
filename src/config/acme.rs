//! `[tls.acme]`: a certificate that the gateway gets from an authority, and renews, by itself (RFC 8555).

use crate::{
    base::limits,
    config::{
        destination::Authorities,
        error::Step::{self, At, Key},
        file::Config,
    },
    mail::{Address, Domain},
};
use serde::{Deserialize, Serialize};
use std::{fmt, net::SocketAddr, path::PathBuf};

/// A certificate from an authority that speaks ACME. It is asked for soon after the start, and renewed when a third of its life is left, or
/// when the authority says so (RFC 9773); the authority sees that the names are ours by asking them at port 80 (HTTP-01).
/// Until the first one is there, another is made at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Acme {
    /// Where the authority says what it offers: "https://acme-v02.api.letsencrypt.org/directory" is Let's Encrypt's. There is no default:
    /// whose authority it is, you choose. It may be one of your own.
    pub directory: AcmeDirectory,
    /// You agree to the terms of service of that authority (RFC 8555 section 7.3); without it no account is made there. Default false.
    #[serde(default)]
    pub terms_agreed: bool,
    /// Whom the authority may write to. Default: nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Address>,
    /// The names in the certificate, each leading to this gateway; at most 100, none with "*". Default: the hostname.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Domain>,
    /// Where port 80 of those names leads: "[::]:80". It speaks HTTP in clear, answers the authority, and sends browsers on to `public-url`.
    /// Absent: the public web answers the authority, which then has to be reached at port 80, for example by a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
    /// Who may vouch for the certificate of the directory: "system" (default), or the path of a PEM file.
    #[serde(default, skip_serializing_if = "Authorities::is_system")]
    pub authorities: Authorities,
    /// The customer's account that an authority wants to hear of (RFC 8555 section 7.3.4). Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<ExternalAccount>,
}

/// An account that a customer has with an authority already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExternalAccount {
    /// The key identifier that the authority gave.
    pub id: String,
    /// A file with the MAC key that it gave, in base64url on one line.
    pub key_file: PathBuf,
}

/// The address of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AcmeDirectory(String);

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no ACME directory: write https and a host's name, as in \"https://acme-v02.api.letsencrypt.org/directory\""
)]
pub struct NotADirectory(String);

impl Acme {
    /// The names in the certificate, in order and once.
    pub fn names(&self, hostname: &Domain) -> Vec<Domain> {
        let mut names = match self.names.is_empty() {
            true => vec![hostname.clone()],
            false => self.names.clone(),
        };
        names.sort();
        names.dedup();
        names
    }
}

impl AcmeDirectory {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AcmeDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AcmeDirectory {
    type Error = NotADirectory;

    fn try_from(text: String) -> Result<AcmeDirectory, NotADirectory> {
        match is_a_directory(&text) {
            true => Ok(AcmeDirectory(text)),
            false => Err(NotADirectory(text)),
        }
    }
}

impl From<AcmeDirectory> for String {
    fn from(directory: AcmeDirectory) -> String {
        directory.0
    }
}

fn is_a_directory(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    let (host, port) = match host.split_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().is_ok_and(|port| port > 0)),
        None => (host, true),
    };
    let plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    plain && port && rest.len() <= limits::PUBLIC_URL_BYTES_MAX && Domain::parse(host).is_ok()
}

/// What is wrong, and the mend.
type Wrong = (Vec<Step>, String, &'static str);

/// The first mistake in `[tls]` that no single value shows.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    let tls = &config.tls;
    let in_tls = |message: &str, mend| Err((vec![Key("tls")], message.to_string(), mend));
    let Some(acme) = &tls.acme else {
        return match tls.certificate.is_some() == tls.key.is_some() {
            true => Ok(()),
            false => in_tls(
                "certificate and key belong together",
                "write both, or neither for a self-made one",
            ),
        };
    };
    let place = |key| vec![Key("tls"), Key("acme"), Key(key)];
    if tls.certificate.is_some() || tls.key.is_some() {
        return in_tls(
            "a certificate in files and one by ACME are two",
            "leave out certificate and key, or [tls.acme]",
        );
    }
    if !acme.terms_agreed {
        let message = format!("nobody has agreed to the terms of service of {}", acme.directory);
        return Err((place("terms-agreed"), message, "read them, then write terms-agreed = true"));
    }
    if acme.names.len() > limits::ACME_NAMES_MAX {
        let message = format!("names has more than {} names", limits::ACME_NAMES_MAX);
        return Err((place("names"), message, "authorities take no more in one certificate"));
    }
    let whole = |name: &Domain| name.as_str().contains('.');
    if let Some((at, name)) = acme.names.iter().enumerate().find(|(_, name)| !whole(name)) {
        let message = format!("{name} is a name that no authority knows");
        let place = [place("names"), vec![At(at)]].concat();
        return Err((place, message, "write a whole name, as in \"mx.example.org\""));
    }
    if acme.authorities == Authorities::Any {
        let message = "\"any\" would take certificates from whoever answers".to_string();
        let mend = "write \"system\", or a file with the certificates that may vouch";
        return Err((place("authorities"), message, mend));
    }
    if acme.http.is_none() && config.web.public.is_none() {
        let message = "nothing would answer the authority at port 80".to_string();
        return Err((place("http"), message, "write http = \"[::]:80\", or set [web] public"));
    }
    if let Some(external) = &acme.external_account
        && external.id.is_empty()
    {
        let place = [place("external-account"), vec![Key("id")]].concat();
        return Err((place, "an empty id is none".to_string(), "write what the authority gave"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_reached_by_name_and_tls() {
        for text in [
            "https://acme-v02.api.letsencrypt.org/directory",
            "https://ca.inside.example:9000/acme/acme/directory",
            "https://ca.example",
        ] {
            assert!(AcmeDirectory::try_from(text.to_string()).is_ok(), "{text}");
        }
        for text in [
            "http://ca.example/directory",
            "https://",
            "https://192.0.2.7/directory",
            "https://user@ca.example/directory",
            "https://ca.example:0/directory",
            "https://ca.example:x/directory",
            "https://ca.example/a b",
            "ca.example",
        ] {
            let why = AcmeDirectory::try_from(text.to_string()).unwrap_err().to_string();
            assert!(why.contains(text) && why.contains("https"), "{why}");
        }
    }
}
