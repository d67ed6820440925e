//! `[audit]`: where a copy of the audit log goes, line by line.

use crate::{
    base::limits,
    config::{destination::Authorities, file::Span},
    mail::Domain,
};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// A server that gets every record of the audit log, by syslog over TLS (RFC 5424, RFC 5425).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuditConfig {
    /// "tls://log.example:6514"; without a port 6514. Default: none, the log stays here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<LogServer>,
    /// Who may vouch for its certificate: "system" (the default), or the path of a PEM file with the certificates of those who may.
    #[serde(default, skip_serializing_if = "Authorities::is_system")]
    pub authorities: Authorities,
    /// The certificate that it must show, by its SHA-256: 64 hexadecimal digits, with colons if you like. Then nobody needs to vouch for it,
    /// and its name is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<CertificateDigest>,
    /// The name that its certificate must bear. Default: the host in `syslog`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Domain>,
    /// How long the link may be broken, or a record wait to be sent, until it stands in "Needs you". Default "10 minutes".
    #[serde(default = "default_broken_max")]
    pub broken_max: Span,
}

impl AuditConfig {
    /// Nothing was written?
    pub fn is_default(&self) -> bool {
        *self == AuditConfig::default()
    }
}

impl Default for AuditConfig {
    fn default() -> AuditConfig {
        AuditConfig {
            syslog: None,
            authorities: Authorities::System,
            fingerprint: None,
            name: None,
            broken_max: default_broken_max(),
        }
    }
}

/// A log server: host and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogServer {
    /// Name or address.
    pub host: LogHost,
    /// Usually 6514.
    pub port: u16,
}

/// The host of a log server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogHost {
    /// By its name.
    Name(Domain),
    /// By its address.
    Address(IpAddr),
}

impl fmt::Display for LogServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            LogHost::Name(name) => write!(f, "tls://{name}:{}", self.port),
            LogHost::Address(IpAddr::V4(address)) => write!(f, "tls://{address}:{}", self.port),
            LogHost::Address(IpAddr::V6(address)) => write!(f, "tls://[{address}]:{}", self.port),
        }
    }
}

/// Why a text is no log server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no log server: write \"tls://log.example:6514\"; nothing is sent without TLS")]
pub struct NotALogServer(String);

impl TryFrom<String> for LogServer {
    type Error = NotALogServer;

    fn try_from(text: String) -> Result<LogServer, NotALogServer> {
        read(&text).ok_or(NotALogServer(text))
    }
}

fn read(text: &str) -> Option<LogServer> {
    let rest = text.strip_prefix("tls://")?;
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (
                LogHost::Address(address.parse().ok().filter(IpAddr::is_ipv6)?),
                port.strip_prefix(':'),
            )
        }
        None => {
            let (host, port) = match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            };
            match host.parse::<IpAddr>() {
                Ok(address) => (LogHost::Address(address), port),
                Err(_) => (LogHost::Name(Domain::parse(host).ok()?), port),
            }
        }
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None if rest.ends_with(']') || !rest.starts_with('[') => limits::SYSLOG_TLS_PORT,
        None => return None,
    };
    Some(LogServer { host, port })
}

impl From<LogServer> for String {
    fn from(server: LogServer) -> String {
        server.to_string()
    }
}

/// The SHA-256 of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateDigest(pub [u8; 32]);

impl TryFrom<String> for CertificateDigest {
    type Error = String;

    fn try_from(text: String) -> Result<CertificateDigest, String> {
        let digits = text.to_ascii_lowercase();
        // RFC 5425 section 4.2.2 writes the name of the hash before it.
        let digits = digits.strip_prefix("sha-256:").unwrap_or(&digits).replace(':', "");
        let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).ok();
        let digest = bytes.and_then(|bytes| bytes.try_into().ok()).map(CertificateDigest);
        digest.ok_or_else(|| {
            format!(
                "{text:?} is no SHA-256 of a certificate: openssl x509 -in cert.pem -noout -fingerprint -sha256 tells it"
            )
        })
    }
}

impl From<CertificateDigest> for String {
    fn from(digest: CertificateDigest) -> String {
        data_encoding::HEXLOWER.encode(&digest.0)
    }
}

fn default_broken_max() -> Span {
    Span(limits::LOG_LINK_BROKEN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_server_is_a_host_behind_tls() {
        for (text, want) in [
            ("tls://log.example:6514", Some("tls://log.example:6514")),
            ("tls://log.example", Some("tls://log.example:6514")),
            ("tls://192.0.2.7:10514", Some("tls://192.0.2.7:10514")),
            ("tls://[2001:db8::7]:1", Some("tls://[2001:db8::7]:1")),
            ("tls://[2001:db8::7]", Some("tls://[2001:db8::7]:6514")),
            ("tcp://log.example:514", None),
            ("log.example:6514", None),
            ("tls://", None),
            ("tls://log.example:0", None),
            ("tls://log.example:x", None),
            ("tls://[192.0.2.7]:1", None),
            ("tls://[2001:db8::7]x", None),
        ] {
            let server = LogServer::try_from(text.to_string()).ok();
            assert_eq!(server.map(|server| server.to_string()).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_digest_is_read_as_programs_write_it() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        let want = CertificateDigest([0xab; 32]);
        for text in [plain.clone(), colons.clone(), format!("sha-256:{colons}")] {
            assert_eq!(CertificateDigest::try_from(text), Ok(want));
        }
        assert_eq!(String::from(want), plain);
        let error = CertificateDigest::try_from("ab".to_string()).unwrap_err();
        assert!(error.contains("openssl x509"), "{error}");
    }
}
