//! Where mail goes next.

use crate::mail::Domain;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, path::PathBuf};

/// One next hop as configured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NextHop {
    /// `smtp://host:port`: this server and no other.
    Smtp(Host, u16),
    /// `mx`: the MX hosts of the recipient's domain.
    Mx,
    /// `maildir:/path`: files in a folder, for trials.
    Maildir(PathBuf),
}

/// A server by name or address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name to look up.
    Name(Domain),
    /// An address.
    Address(IpAddr),
}

/// Why a text is no next hop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no next hop: write \"smtp://HOST:PORT\", \"mx\" or \"maildir:/PATH\"")]
pub struct NotANextHop(pub String);

impl NextHop {
    /// Reads a next hop. The port is 25 unless written.
    pub fn parse(text: &str) -> Result<NextHop, NotANextHop> {
        let wrong = || NotANextHop(text.to_string());
        if text == "mx" {
            return Ok(NextHop::Mx);
        }
        if let Some(path) = text.strip_prefix("maildir:") {
            return match path.is_empty() {
                true => Err(wrong()),
                false => Ok(NextHop::Maildir(PathBuf::from(path))),
            };
        }
        let place = text.strip_prefix("smtp://").ok_or_else(wrong)?.trim_end_matches('/');
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']').ok_or_else(wrong)?;
                (host, rest.strip_prefix(':'))
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(25), str::parse).map_err(|_| wrong())?;
        if port == 0 {
            return Err(wrong());
        }
        let host = match host.parse::<IpAddr>() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(Domain::parse(host).map_err(|_| wrong())?),
        };
        Ok(NextHop::Smtp(host, port))
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHop::Smtp(Host::Name(name), port) => write!(f, "smtp://{name}:{port}"),
            NextHop::Smtp(Host::Address(IpAddr::V4(address)), port) => {
                write!(f, "smtp://{address}:{port}")
            }
            NextHop::Smtp(Host::Address(IpAddr::V6(address)), port) => {
                write!(f, "smtp://[{address}]:{port}")
            }
            NextHop::Mx => f.write_str("mx"),
            NextHop::Maildir(path) => write!(f, "maildir:{}", path.display()),
        }
    }
}

impl TryFrom<String> for NextHop {
    type Error = NotANextHop;

    fn try_from(text: String) -> Result<NextHop, NotANextHop> {
        NextHop::parse(&text)
    }
}

impl From<NextHop> for String {
    fn from(hop: NextHop) -> String {
        hop.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops() {
        for (text, want) in [
            ("smtp://10.0.0.5:2525", Some("smtp://10.0.0.5:2525")),
            ("smtp://mail.ours.example", Some("smtp://mail.ours.example:25")),
            ("smtp://[2001:db8::1]:26", Some("smtp://[2001:db8::1]:26")),
            ("smtp://[2001:db8::1]", Some("smtp://[2001:db8::1]:25")),
            ("mx", Some("mx")),
            ("maildir:/tmp/m", Some("maildir:/tmp/m")),
            ("maildir:", None),
            ("10.0.0.5", None),
            ("smtp://", None),
            ("smtp://a:b", None),
            ("smtp://a:99999", None),
            ("smtp://a:0", None),
        ] {
            assert_eq!(
                NextHop::parse(text).ok().map(|hop| hop.to_string()).as_deref(),
                want,
                "{text}"
            );
        }
    }
}
