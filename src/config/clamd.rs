//! `[clamd]`: an optional second opinion by ClamAV.

use crate::base::{limits, units};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf, time::Duration};

/// Where ClamAV's daemon listens and how long it may take. Without this section nothing is asked.
///
/// In `clamd.conf`, `AlertExceedsMax yes` is worth having: else ClamAV calls clean what it skipped for one of its limits. With a Unix
/// socket our user must be allowed to open it (on Debian: `adduser sluss clamav`). Content goes to a TCP address as it is, in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClamdConfig {
    /// "unix:/run/clamav/clamd.ctl" or "tcp:127.0.0.1:3310"; the host may be a name, an IPv6 address stands in brackets.
    pub address: ClamdAddress,
    /// Longest wait for one answer. Default "20 s": the sender waits too. ClamAV's `MaxScanTime` should be no longer.
    #[serde(default = "default_timeout", with = "span")]
    pub timeout: Duration,
    /// Largest content that is streamed. Default "25 MiB", as Debian's `StreamMaxLength`; set both alike.
    /// Over a Unix socket larger content is passed as an open file.
    #[serde(default = "default_stream_bytes", with = "size")]
    pub stream_bytes_max: u64,
    /// Largest content that is asked about at all. Default "25 MiB", as Debian's `MaxFileSize`; set both alike: of what is larger
    /// ClamAV says "OK" without having looked. What is not asked is recorded as `clamd.unknown`.
    #[serde(default = "default_file_bytes", with = "size")]
    pub file_bytes_max: u64,
    /// Scans at a time, 1 to 64. Default 8; ClamAV's `MaxThreads` should be no lower.
    #[serde(default = "default_connections", deserialize_with = "connections")]
    pub connections: usize,
    /// Defer mail when ClamAV does not answer. Default false: the mail is judged without it, and `clamd.unknown` is recorded; only mail from
    /// the world with a program or a document with macros in it is held then (`clamd.unknown_program`).
    /// What ClamAV is known not to look at (too large) is treated like a part that could not be opened, if this is true.
    #[serde(default)]
    pub required: bool,
}

/// Where clamd listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ClamdAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A host, by name or address without brackets, and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port, usually 3310.
        port: u16,
    },
}

/// Why a text is no address of clamd.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address of clamd: write \"unix:/run/clamav/clamd.ctl\" or \"tcp:127.0.0.1:3310\""
)]
pub struct NotAClamdAddress(String);

impl TryFrom<String> for ClamdAddress {
    type Error = NotAClamdAddress;

    fn try_from(text: String) -> Result<ClamdAddress, NotAClamdAddress> {
        let address = match text.split_once(':') {
            Some(("unix", path)) => unix(path),
            Some(("tcp", rest)) => tcp(rest),
            _ => None,
        };
        address.ok_or(NotAClamdAddress(text))
    }
}

fn unix(path: &str) -> Option<ClamdAddress> {
    // A relative path would depend on where the gateway was started.
    path.starts_with('/').then(|| ClamdAddress::Unix(PathBuf::from(path)))
}

fn tcp(text: &str) -> Option<ClamdAddress> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inside| inside.contains(':'))?,
        None => Some(host).filter(|name| !name.contains(':'))?,
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let is_host = !bare.is_empty() && bare.len() <= 253 && bare.bytes().all(fits);
    is_host.then(|| ClamdAddress::Tcp { host: bare.to_string(), port })
}

impl fmt::Display for ClamdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClamdAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            ClamdAddress::Tcp { host, port } if host.contains(':') => {
                write!(f, "tcp:[{host}]:{port}")
            }
            ClamdAddress::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

impl From<ClamdAddress> for String {
    fn from(address: ClamdAddress) -> String {
        address.to_string()
    }
}

fn default_timeout() -> Duration {
    limits::CLAMD_TIMEOUT_DEFAULT
}

fn default_stream_bytes() -> u64 {
    limits::CLAMD_STREAM_BYTES_DEFAULT
}

fn default_file_bytes() -> u64 {
    limits::CLAMD_FILE_BYTES_DEFAULT
}

fn default_connections() -> usize {
    limits::CLAMD_CONNECTIONS_DEFAULT
}

fn connections<'de, D: serde::Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let wanted = usize::deserialize(from)?;
    match (1..=limits::CLAMD_CONNECTIONS_MAX).contains(&wanted) {
        true => Ok(wanted),
        false => Err(serde::de::Error::custom(format!(
            "{wanted} connections to clamd: write 1 to {}",
            limits::CLAMD_CONNECTIONS_MAX
        ))),
    }
}

/// The product has a type of its own for these (`Span`, `Size`); these two modules fall away there.
mod span {
    use super::{Duration, units};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&units::show_span(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let span = units::parse_span(&String::deserialize(from)?).map_err(D::Error::custom)?;
        match span.is_zero() {
            true => Err(D::Error::custom("a wait of no time gets no answer: write \"20 s\"")),
            false => Ok(span),
        }
    }
}

mod size {
    use super::units;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&units::show_bytes(*bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        units::parse_bytes(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClamdConfig, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_string())
    }

    #[test]
    fn addresses() {
        let tcp = |host: &str, port| Some(ClamdAddress::Tcp { host: host.to_string(), port });
        for (text, want) in [
            (
                "unix:/run/clamav/clamd.ctl",
                Some(ClamdAddress::Unix("/run/clamav/clamd.ctl".into())),
            ),
            ("tcp:127.0.0.1:3310", tcp("127.0.0.1", 3310)),
            ("tcp:clamav:3310", tcp("clamav", 3310)),
            ("tcp:[::1]:3310", tcp("::1", 3310)),
            ("tcp:::1:3310", None),
            ("tcp:[clamav]:3310", None),
            ("tcp::3310", None),
            ("tcp:127.0.0.1:0", None),
            ("tcp:127.0.0.1", None),
            ("tcp:a b:3310", None),
            ("unix:clamd.ctl", None),
            ("/run/clamav/clamd.ctl", None),
            ("127.0.0.1:3310", None),
        ] {
            let got = ClamdAddress::try_from(text.to_string());
            assert_eq!(got.as_ref().ok(), want.as_ref(), "{text}");
            if let Ok(address) = got {
                assert_eq!(address.to_string(), text);
            }
        }
    }

    #[test]
    fn sections() {
        let config = read("address = \"tcp:127.0.0.1:3310\"").unwrap();
        assert_eq!((config.timeout, config.connections), (Duration::from_secs(20), 8));
        assert!(!config.required);
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        for (more, want) in [
            ("timeout = \"0 s\"", "a wait of no time"),
            ("timeout = \"fast\"", "\"fast\" is not understood"),
            ("connections = 0", "0 connections to clamd: write 1 to 64"),
            ("adress = 1", "unknown field"),
            ("address = \"x\"", ""),
        ] {
            let error = read(&format!("address = \"unix:/a\"\n{more}")).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        let error = read("address = \"localhost:3310\"").unwrap_err();
        assert!(error.contains("is no address of clamd: write"), "{error}");
    }
}
