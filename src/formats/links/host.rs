//! The host that a browser computes (WHATWG URL Standard sections 3.5 and 4.4), and how far the written one is from it.

use super::{clean, percent_decoded, slashes, split_scheme, starts_with_www};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A host as a browser has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name: lower case, A-labels, without the last dot.
    Name(String),
    /// An address, however it was written. IPv4 inside IPv6 (`::ffff:192.0.2.1`) is IPv4.
    V4(Ipv4Addr),
    /// An address.
    V6(Ipv6Addr),
}

/// The host that a browser would contact. Nothing where it would contact none: a relative link, another scheme, a host it refuses.
pub fn browser_host(target: &str) -> Option<Host> {
    let written = clean(target);
    let authority = authority(&written)?;
    let host = authority.host;
    if let Some(inside) = host.strip_prefix('[') {
        let address: Ipv6Addr = inside.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_ipv4_mapped().map_or(Host::V6(address), Host::V4));
    }
    let decoded = percent_decoded(host);
    // The domain as idna makes it is what the browser uses; what it refuses, the browser refuses.
    let ascii = idna::domain_to_ascii_cow(decoded.as_bytes(), idna::AsciiDenyList::URL).ok()?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    if name.is_empty() {
        return None;
    }
    match super::ipv4(name) {
        Some(address) => Some(Host::V4(address)),
        // WHATWG URL section 3.5: a name that ends in a number is an address, or nothing.
        None if name.rsplit('.').next().is_some_and(|last| super::ipv4_number(last).is_some()) => {
            None
        }
        None => Some(Host::Name(name.to_string())),
    }
}

/// The part of a link that names the host, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    /// What stands between the scheme and the host.
    pub(super) slashes: &'a str,
    pub(super) host: &'a str,
    pub(super) port: Option<&'a str>,
}

/// Of a cleaned link. Nothing where no host is named.
pub(super) fn authority(written: &str) -> Option<Authority<'_>> {
    let (scheme, rest) = match split_scheme(written) {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None if starts_with_www(written) => ("http".to_string(), written),
        None if slashes(written) >= 2 => (String::new(), written),
        None => return None,
    };
    let count = slashes(rest);
    match scheme.as_str() {
        "http" | "https" | "ftp" | "ws" | "wss" | "" => (),
        // Three slashes are a path on this machine, four a share again.
        "file" if count == 2 || count > 3 => (),
        _ => return None,
    }
    let (slashes, rest) = rest.split_at_checked(count)?;
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let place = rest.get(..end)?;
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let port_at = place.rfind(':').filter(|at| place.rfind(']').is_none_or(|end| end < *at));
    let (host, port) = match port_at.and_then(|at| place.split_at_checked(at)) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => (place, None),
    };
    let valid = port.is_none_or(|port| port.bytes().all(|digit| digit.is_ascii_digit()));
    (valid && !host.is_empty()).then_some(Authority { slashes, host, port })
}

/// How a host is written that no honest program writes so, in words.
pub(super) fn oddness(host: &str) -> Option<&'static str> {
    let ascii_dots =
        |letter: char| matches!(letter, '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{2024}');
    if host.starts_with('[') {
        let address = host.trim_matches(['[', ']']).parse::<Ipv6Addr>().ok()?;
        return address.to_ipv4_mapped().map(|_| "an IPv4 address inside an IPv6 one");
    }
    if host.contains('%') {
        return Some("a host in percent signs");
    }
    if host.contains(ascii_dots) {
        return Some("other characters for dots in the host");
    }
    if host.contains(is_unseen) {
        return Some("characters in the host that show nothing");
    }
    // Å, Ä, Ö written in two pieces are ordinary; letters of full width and of mathematics are not.
    let composed = |letter: char| matches!(letter, '\u{ff01}'..='\u{ff5e}' | '\u{2460}'..='\u{24ff}' | '\u{1d400}'..='\u{1d7ff}' | '\u{2100}'..='\u{214f}' | '\u{1f100}'..='\u{1f1ff}');
    if host.contains(composed) {
        return Some("letters in the host that only look like ordinary ones");
    }
    let usual = host.parse::<Ipv4Addr>().is_ok();
    (!usual && super::ipv4(host).is_some()).then_some("an address written as other numbers")
}

fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{34f}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_host_as_a_browser() {
        for written in [
            "https://Example.COM/path",
            "http://bank.example@evil.example/",
            "https://a:b@c@evil.example:8080/x",
            "https:\\\\evil.example\\x",
            "https:evil.example",
            "https:/evil.example",
            "http:////evil.example",
            "http:\\/\\/evil.example",
            " ht\ntp://ev\til.example ",
            "http://evil%2eexample/",
            "http://%65vil.example",
            "http://evil.example./",
            "http://evil。example/",
            "http://ｅｖｉｌ．example/",
            "http://ev\u{ad}il.example",
            "http://ev\u{200b}il.example",
            "http://𝐞vil.example",
            "http://räksmörgås.example/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://0300.0.2.1/",
            "http://0x7f000001",
            "http://017700000001",
            "http://127.1",
            "http://１２７.0.0.1",
            "http://256.0.2.1/",
            "http://1.2.3.4.5/",
            "http://192.0.2.1.example/",
            "http://example.0x1",
            "http://[2001:DB8::1]:80/",
            "http://[::1",
            "http://ex ample/",
            "http://a<b/",
            "http://:80/",
            "http://a:b/",
            "http://evil.example:99999999",
            "ftp://a.example",
        ] {
            let want = url::Url::parse(written)
                .ok()
                .and_then(|url| url.host().map(|host| host.to_owned()));
            let want = want.map(|host| match host {
                url::Host::Domain(name) => Host::Name(name.trim_end_matches('.').to_string()),
                url::Host::Ipv4(address) => Host::V4(address),
                url::Host::Ipv6(address) => Host::V6(address),
            });
            // A port beyond 65535 is refused by a browser; where it leads is of interest all the same.
            let got = browser_host(written).filter(|_| !written.contains(":9999"));
            assert_eq!(got, want, "{written:?}");
        }
        assert_eq!(
            browser_host("http://[::ffff:192.0.2.1]/"),
            Some(Host::V4(Ipv4Addr::new(192, 0, 2, 1)))
        );
        assert_eq!(browser_host("//evil.example/x"), Some(Host::Name("evil.example".to_string())));
        assert_eq!(
            browser_host("www.evil.example"),
            Some(Host::Name("www.evil.example".to_string()))
        );
        assert_eq!(
            browser_host("file://evil.example/share"),
            Some(Host::Name("evil.example".to_string()))
        );
        assert_eq!(
            browser_host("\\\\evil.example\\share"),
            Some(Host::Name("evil.example".to_string()))
        );
        for none in
            ["", "page.html", "mailto:a@example.com", "file:///c:/x", "javascript:x", "http://"]
        {
            assert_eq!(browser_host(none), None, "{none}");
        }
    }
}
