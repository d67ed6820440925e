//! Links: where a browser would really go (WHATWG URL Standard sections 4.4 and 3.5, the parts that deceivers use),
//! and links in plain text.

mod host;
mod odd;
mod redirect;

pub use host::{Host, browser_host};
pub use odd::{defanged, is_shortener, signs};
pub use redirect::{unwrap_redirect, unwrapped};

use crate::base::limits;
use linkify::{LinkFinder, LinkKind};
use std::{borrow::Cow, net::Ipv4Addr, ops::Range};

/// A link's target, read as a browser reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// As written, without the white space that browsers drop; cut at the longest we keep.
    pub written: String,
    /// The scheme, lower case; empty for a relative one.
    pub scheme: String,
    /// The host a browser would contact: lower case, A-labels, addresses in dotted form, IPv6 without brackets. Empty if there is none.
    pub host: String,
}

impl Target {
    /// Reads a target; a relative one goes to the host of `base`.
    pub fn read(written: &str, base: Option<&Target>) -> Target {
        let written = clean(written);
        let (scheme, rest) = match split_scheme(&written) {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            // Mail programs make a link of what looks like one.
            None if starts_with_www(&written) => ("http".to_string(), &*written),
            None => match slashes(&written) >= 2 {
                true => (base.map_or_else(String::new, |base| base.scheme.clone()), &*written),
                false => {
                    let (scheme, host) = base
                        .map(|base| (base.scheme.clone(), base.host.clone()))
                        .unwrap_or_default();
                    return Target { written, scheme, host };
                }
            },
        };
        let host = match scheme.as_str() {
            // Any number of slashes, of either kind, is as good as two.
            "http" | "https" | "ftp" | "ws" | "wss" | "" => {
                host_of(rest.trim_start_matches(['/', '\\']))
            }
            // Windows takes slashes of either kind for a share; three are a path on this machine.
            "file" if slashes(rest) == 2 || slashes(rest) > 3 => {
                host_of(rest.trim_start_matches(['/', '\\']))
            }
            "file" => String::new(),
            _ => rest.strip_prefix("//").map(host_of).unwrap_or_default(),
        };
        Target { written, scheme, host }
    }

    /// Does it name a host of its own?
    pub fn is_absolute(&self) -> bool {
        split_scheme(&self.written).is_some() || slashes(&self.written) >= 2
    }
}

/// Every link in plain text and where it stands: URLs with a scheme, and what begins with `www.`.
pub fn in_text(text: &str) -> impl Iterator<Item = (Range<usize>, Target)> + '_ {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(true);
    let urls: Vec<Range<usize>> = finder
        .links(text)
        .map(|link| link.start()..link.end())
        .chain(mailtos(text))
        .take(limits::LINKS_MAX)
        .collect();
    let names: Vec<Range<usize>> = www(text)
        .filter(|name| !urls.iter().any(|url| url.start <= name.start && name.start < url.end))
        .take(limits::LINKS_MAX)
        .collect();
    urls.into_iter().chain(names).filter_map(move |range| {
        let written = text.get(range.clone())?;
        Some((range, Target::read(written, None)))
    })
}

fn www(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    memchr::memchr2_iter(b'w', b'W', text.as_bytes())
        .filter(|at| text.get(*at..).is_some_and(starts_with_www))
        .filter(|at| {
            let before = text.get(..*at).and_then(|before| before.chars().next_back());
            before.is_none_or(|letter| {
                !letter.is_alphanumeric() && !matches!(letter, '.' | '@' | '/' | '-')
            })
        })
        .map(|at| at..at + link_length(text.get(at..).unwrap_or_default()))
}

fn mailtos(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    memchr::memmem::find_iter(text.as_bytes(), b"mailto:")
        .map(|at| at..at + link_length(text.get(at..).unwrap_or_default()))
}

/// How far a link goes: to white space or a letter that closes something, without the punctuation of the sentence around it.
fn link_length(text: &str) -> usize {
    let window = text.get(..text.floor_char_boundary(limits::LINK_BYTES_MAX)).unwrap_or(text);
    let end = window
        .find(|letter: char| {
            letter.is_whitespace() || letter.is_control() || "<>\"'`|{}^()[]".contains(letter)
        })
        .unwrap_or(window.len());
    let link = window.get(..end).unwrap_or_default();
    link.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']).len()
}

fn starts_with_www(text: &str) -> bool {
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."))
}

/// WHATWG URL section 4.4: leading and trailing controls and blanks go, line ends and tabs go everywhere.
fn clean(written: &str) -> String {
    let trimmed = written.trim_matches(|letter: char| letter <= ' ');
    let cut = trimmed.get(..trimmed.floor_char_boundary(limits::LINK_BYTES_MAX)).unwrap_or(trimmed);
    cut.chars().filter(|letter| !matches!(letter, '\t' | '\n' | '\r')).collect()
}

fn split_scheme(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once(':')?;
    let mut letters = scheme.bytes();
    let valid = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    // "example.com:80/x" is a host and a port to people and mail programs.
    let port = rest.starts_with(|letter: char| letter.is_ascii_digit()) && scheme.contains('.');
    (valid && !port).then_some((scheme, rest))
}

fn slashes(target: &str) -> usize {
    target.bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count()
}

/// The host at the start of what follows the slashes.
fn host_of(rest: &str) -> String {
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    // What stands before the last `@` is a user name, however much it looks like a host.
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    if let Some(inside) = place.strip_prefix('[') {
        return inside.split(']').next().unwrap_or_default().to_ascii_lowercase();
    }
    let host = match place.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        Some(_) | None => place,
    };
    let host = percent_decoded(host);
    let ascii = match idna::domain_to_ascii(&host) {
        Ok(ascii) => ascii,
        Err(_) => host.to_lowercase(),
    };
    let ascii = ascii.trim_end_matches('.');
    match ipv4(ascii) {
        Some(address) => address.to_string(),
        None => ascii.to_string(),
    }
}

fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let decoded = (*byte == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|hex| data_encoding::HEXUPPER_PERMISSIVE.decode(hex).ok());
        match decoded {
            Some(decoded) => {
                bytes.extend(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// WHATWG URL section 3.5: one to four numbers, decimal, octal or hexadecimal; the last fills what is left.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let pieces: Vec<&str> = host.split('.').take(5).collect();
    if pieces.len() > 4 {
        return None;
    }
    let mut numbers = Vec::with_capacity(4);
    for piece in &pieces {
        numbers.push(ipv4_number(piece)?);
    }
    let last = numbers.pop()?;
    let bits_left = 32 - 8 * u32::try_from(numbers.len()).ok()?;
    if last >= 1_u64 << bits_left || numbers.iter().any(|number| *number > 255) {
        return None;
    }
    let mut address = last;
    let mut shift = 24_u32;
    for number in &numbers {
        address |= number << shift;
        shift = shift.saturating_sub(8);
    }
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

fn ipv4_number(piece: &str) -> Option<u64> {
    let lower = piece.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return if hex.is_empty() { Some(0) } else { u64::from_str_radix(hex, 16).ok() };
    }
    match lower.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        Some(_) | None => {
            lower.bytes().all(|digit| digit.is_ascii_digit()).then(|| lower.parse().ok())?
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_a_browser_would_contact() {
        for (written, scheme, host) in [
            ("https://Example.COM/path", "https", "example.com"),
            ("http://bank.example@evil.example/", "http", "evil.example"),
            ("http://bank.example:x@evil.example:8080/", "http", "evil.example"),
            ("https://räksmörgås.example/", "https", "xn--rksmrgs-5wao1o.example"),
            ("http:\\\\evil.example\\x", "http", "evil.example"),
            ("https:evil.example", "https", "evil.example"),
            ("http:///evil.example", "http", "evil.example"),
            (" ht\ntp://ev\til.example ", "http", "evil.example"),
            ("http://evil%2eexample/", "http", "evil.example"),
            ("http://evil.example./", "http", "evil.example"),
            ("http://evil。example/", "http", "evil.example"),
            ("http://0x7f.1/", "http", "127.0.0.1"),
            ("http://2130706433/", "http", "127.0.0.1"),
            ("http://0300.0.2.1/", "http", "192.0.2.1"),
            ("http://192.0.2.1.example/", "http", "192.0.2.1.example"),
            ("http://256.0.2.1/", "http", "256.0.2.1"),
            ("http://[2001:DB8::1]:80/", "http", "2001:db8::1"),
            ("www.example.com/x", "http", "www.example.com"),
            ("//evil.example/x", "", "evil.example"),
            ("mailto:a@example.com", "mailto", ""),
            ("javascript:alert(1)", "javascript", ""),
            ("data:text/html,x", "data", ""),
            ("cid:part1@x", "cid", ""),
            ("tel:+46", "tel", ""),
            ("file://host.example/share/x", "file", "host.example"),
            ("page.html", "", ""),
            ("", "", ""),
        ] {
            let target = Target::read(written, None);
            assert_eq!(
                (target.scheme.as_str(), target.host.as_str()),
                (scheme, host),
                "{written:?}"
            );
        }
        let base = Target::read("https://evil.example/", None);
        assert_eq!(Target::read("page.html", Some(&base)).host, "evil.example");
        assert_eq!(Target::read("https://other.example", Some(&base)).host, "other.example");
    }

    #[test]
    fn links_in_plain_text() {
        let text = "See https://a.example/x?y=1. And (www.b.example), <http://c.example/>\nmailto:d@e.example! \
            not awww.f.example nor x@www.g.example but WWW.H.example";
        let found: Vec<String> = in_text(text).map(|(_, target)| target.written).collect();
        assert_eq!(
            found,
            [
                "https://a.example/x?y=1",
                "http://c.example/",
                "mailto:d@e.example",
                "www.b.example",
                "WWW.H.example"
            ]
        );
    }

    #[test]
    fn long_rows_of_almost_links_cost_little() {
        for piece in ["http://", "a:", "://", "www.", "mailto:", "http://a.", "h://(", "www.a@"] {
            let text = piece.repeat(200_000 / piece.len());
            assert!(in_text(&text).count() <= 2 * limits::LINKS_MAX);
        }
    }
}
