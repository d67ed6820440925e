//! `[web] public-url`: under which name people reach our public pages, for the links in what we write to them.

use crate::{base::limits, mail::Domain};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// Scheme, host and port, nothing behind them: "https://post.ours.example".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} cannot stand before our links: {why}; write \"https://\" and a host, as in \"https://post.ours.example\""
)]
pub struct NotAPublicUrl {
    text: String,
    why: &'static str,
}

impl PublicUrl {
    /// Reads and checks it. A final slash is left out.
    pub fn parse(text: &str) -> Result<PublicUrl, NotAPublicUrl> {
        let wrong = |why| NotAPublicUrl { text: text.to_string(), why };
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        if trimmed.len() > limits::PUBLIC_URL_BYTES_MAX {
            return Err(wrong("it is longer than a line of SMTP has room for"));
        }
        let (scheme, authority) =
            trimmed.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(wrong("it has a path or a question"));
        }
        if authority.contains('@') {
            return Err(wrong("it has a user"));
        }
        let host = Host::parse(authority).ok_or_else(|| wrong("its host cannot be one"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "https" => Ok(PublicUrl(format!("https://{}", host.written))),
            // A link in a mail is for whoever listens on the way, unless there is no way.
            "http" if host.is_loopback => Ok(PublicUrl(format!("http://{}", host.written))),
            "http" => Err(wrong("without encryption only this machine itself can be named")),
            _ => Err(wrong("its scheme is not https")),
        }
    }

    /// The text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

struct Host {
    written: String,
    is_loopback: bool,
}

impl Host {
    fn parse(authority: &str) -> Option<Host> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (inside, behind) = rest.split_once(']')?;
                inside.parse::<std::net::Ipv6Addr>().ok()?;
                (
                    format!("[{inside}]"),
                    behind.strip_prefix(':').or(if behind.is_empty() { None } else { Some("") }),
                )
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host.to_string(), Some(port)),
                None => (authority.to_string(), None),
            },
        };
        let port = match port {
            Some(port) => format!(":{}", port.parse::<u16>().ok().filter(|port| *port > 0)?),
            None => String::new(),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<IpAddr>().ok();
        let (name, is_loopback) = match address {
            Some(address) => (host.clone(), address.is_loopback()),
            None => {
                let domain = Domain::parse(bare).ok()?;
                (domain.as_str().to_string(), domain.as_str() == "localhost")
            }
        };
        Some(Host { written: name + &port, is_loopback })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = NotAPublicUrl;

    fn try_from(text: String) -> Result<PublicUrl, NotAPublicUrl> {
        PublicUrl::parse(&text)
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> String {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_stand_before_a_link_is_taken() {
        for (text, want) in [
            ("https://post.ours.example", Some("https://post.ours.example")),
            ("HTTPS://Post.Ours.example/", Some("https://post.ours.example")),
            ("https://post.ours.example:8443", Some("https://post.ours.example:8443")),
            ("http://127.0.0.1:8026", Some("http://127.0.0.1:8026")),
            ("http://localhost:8026", Some("http://localhost:8026")),
            ("http://[::1]:8026/", Some("http://[::1]:8026")),
            ("http://post.ours.example", None),
            ("https://post.ours.example/mail", None),
            ("https://post.ours.example?x", None),
            ("https://user@post.ours.example", None),
            (&format!("https://{}.example", ["long"; 40].join(".")), None),
            ("https://post.ours.example:0", None),
            ("https://post.ours.example:x", None),
            ("https://[::1]x", None),
            ("https://[::1", None),
            ("https://", None),
            ("https://a b", None),
            ("https://a\"onclick", None),
            ("javascript://x", None),
            ("post.ours.example", None),
        ] {
            let parsed = PublicUrl::parse(text).ok();
            assert_eq!(parsed.as_ref().map(PublicUrl::as_str), want, "{text}");
        }
    }
}
