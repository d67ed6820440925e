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
    /// `smtps://host:port`: the same, TLS from the first byte (RFC 8314 section 3.3, where it is called submissions).
    Smtps(Host, u16),
    /// `lmtp://host:port`: a server that answers for each recipient after the dot, RFC 2033.
    Lmtp(Host, u16),
    /// `lmtp:/path`: the same over a socket on this machine.
    LmtpSocket(PathBuf),
    /// `mx`: the MX hosts of the recipient's domain.
    Mx,
    /// `maildir:/path`: files in a folder, for trials.
    Maildir(PathBuf),
    /// `internal:`: we read the mail ourselves: reports, replies to digests.
    Internal,
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
#[error(
    "{0:?} is no next hop: write \"smtp://HOST:PORT\", \"smtps://HOST:PORT\", \"lmtp://HOST:PORT\", \"lmtp:/SOCKET\", \"mx\", \"maildir:/PATH\" or \"internal:\""
)]
pub struct NotANextHop(pub String);

impl NextHop {
    /// Reads a next hop. The port is 25, for LMTP 24 and for smtps 465, unless written.
    pub fn parse(text: &str) -> Result<NextHop, NotANextHop> {
        let wrong = || NotANextHop(text.to_string());
        match text {
            "mx" => return Ok(NextHop::Mx),
            "internal:" => return Ok(NextHop::Internal),
            _ => (),
        }
        if let Some(path) = text.strip_prefix("maildir:") {
            return match path.is_empty() {
                true => Err(wrong()),
                false => Ok(NextHop::Maildir(PathBuf::from(path))),
            };
        }
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        if kind == "lmtp" && rest.starts_with('/') && !rest.starts_with("//") && rest.len() > 1 {
            return Ok(NextHop::LmtpSocket(PathBuf::from(rest)));
        }
        let place = rest.strip_prefix("//").ok_or_else(wrong)?;
        let server = |port| server(place, port).ok_or_else(wrong);
        match kind {
            "smtp" => server(25).map(|(host, port)| NextHop::Smtp(host, port)),
            "smtps" => server(465).map(|(host, port)| NextHop::Smtps(host, port)),
            "lmtp" => server(24).map(|(host, port)| NextHop::Lmtp(host, port)),
            _ => Err(wrong()),
        }
    }

    /// Does it answer for each recipient after the dot? Then one reply of ours cannot stand for several (RFC 2033 section 4.2).
    pub fn is_lmtp(&self) -> bool {
        match self {
            NextHop::Lmtp(..) | NextHop::LmtpSocket(_) => true,
            NextHop::Smtp(..)
            | NextHop::Smtps(..)
            | NextHop::Mx
            | NextHop::Maildir(_)
            | NextHop::Internal => false,
        }
    }

    /// The server's address, where it is named by one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            NextHop::Smtp(host, _) | NextHop::Smtps(host, _) | NextHop::Lmtp(host, _) => match host
            {
                Host::Address(address) => Some(address.to_canonical()),
                Host::Name(_) => None,
            },
            NextHop::LmtpSocket(_) | NextHop::Mx | NextHop::Maildir(_) | NextHop::Internal => None,
        }
    }

    /// Can it be asked whether it would take mail for an address?
    pub fn can_be_asked(&self) -> bool {
        match self {
            NextHop::Smtp(..) | NextHop::Smtps(..) | NextHop::Lmtp(..) | NextHop::LmtpSocket(_) => {
                true
            }
            NextHop::Mx | NextHop::Maildir(_) | NextHop::Internal => false,
        }
    }
}

/// `host`, `host:port`, `[2001:db8::1]:port`, `[IPv6:2001:db8::1]:port`; the port if none is written.
fn server(place: &str, port: u16) -> Option<(Host, u16)> {
    let place = place.trim_end_matches('/');
    let (host, written) = match place.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            // As an address literal is written in mail, RFC 5321 section 4.1.3, too.
            let tagged = host.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
            let host = if tagged { host.get(5..)? } else { host };
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return None,
            }
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = written.map_or(Some(port), |text| text.parse().ok()).filter(|port| *port != 0)?;
    let host = match host.parse::<IpAddr>() {
        Ok(address) => Host::Address(address),
        Err(_) => Host::Name(Domain::parse(host).ok()?),
    };
    Some((host, port))
}

impl fmt::Display for Host {
    /// As it stands in a next hop: IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => name.fmt(f),
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHop::Smtp(host, port) => write!(f, "smtp://{host}:{port}"),
            NextHop::Smtps(host, port) => write!(f, "smtps://{host}:{port}"),
            NextHop::Lmtp(host, port) => write!(f, "lmtp://{host}:{port}"),
            NextHop::LmtpSocket(path) => write!(f, "lmtp:{}", path.display()),
            NextHop::Internal => f.write_str("internal:"),
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
            ("smtp://[IPv6:2001:db8::1]:26", Some("smtp://[2001:db8::1]:26")),
            ("smtp://[ipv6:2001:db8::1]", Some("smtp://[2001:db8::1]:25")),
            ("smtps://relay.far.example", Some("smtps://relay.far.example:465")),
            ("lmtp://mail.ours.example", Some("lmtp://mail.ours.example:24")),
            ("lmtp://[2001:db8::1]:2003", Some("lmtp://[2001:db8::1]:2003")),
            ("lmtp:/run/dovecot/lmtp", Some("lmtp:/run/dovecot/lmtp")),
            ("internal:", Some("internal:")),
            ("mx", Some("mx")),
            ("maildir:/tmp/m", Some("maildir:/tmp/m")),
            ("maildir:", None),
            ("10.0.0.5", None),
            ("smtp://", None),
            ("smtp://a:b", None),
            ("smtp://a:99999", None),
            ("smtp://a:0", None),
            ("smtp://[2001:db8::1]x", None),
            ("smtp:/run/socket", None),
            ("lmtp:/", None),
            ("lmtp:run/socket", None),
            ("internal:x", None),
        ] {
            assert_eq!(
                NextHop::parse(text).ok().map(|hop| hop.to_string()).as_deref(),
                want,
                "{text}"
            );
        }
    }
}
