//! Does a stranger introduce itself as us? RFC 5321 section 4.1.1.1 asks for the client's own name, and nobody else has ours.
//!
//! What is merely odd in HELO weighs (`checks::helo`); this alone is refused.

use crate::mail::Domain;
use std::net::IpAddr;

/// What is ours, asked one by one.
pub trait Ours {
    /// Is it the name we greet with, or a domain of ours?
    fn has_name(&self, name: &Domain) -> bool;
    /// Is it one of our addresses?
    fn has_address(&self, address: IpAddr) -> bool;
}

/// Does the client at this address call itself by what is ours?
pub fn is_ours(helo: &str, client: IpAddr, ours: &impl Ours) -> bool {
    let helo = helo.trim_end_matches('.');
    match address(helo) {
        // A client on our own address is this machine.
        Some(address) => address != client.to_canonical() && ours.has_address(address),
        None => Domain::parse(helo).is_ok_and(|name| ours.has_name(&name)),
    }
}

/// An address with or without brackets, RFC 5321 section 4.1.3.
fn address(helo: &str) -> Option<IpAddr> {
    let inner = helo.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(helo);
    let tag = inner.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    let inner = tag.and_then(|_| inner.get(5..)).unwrap_or(inner);
    inner.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct House;

    impl Ours for House {
        fn has_name(&self, name: &Domain) -> bool {
            ["mx.ours.example", "ours.example"].contains(&name.as_str())
        }

        fn has_address(&self, address: IpAddr) -> bool {
            ["198.51.100.1", "2001:db8::1"].iter().any(|own| own.parse() == Ok(address))
        }
    }

    #[test]
    fn only_what_is_ours_is_ours() {
        for (helo, want) in [
            ("mx.ours.example", true),
            ("MX.Ours.Example.", true),
            ("ours.example", true),
            ("www.ours.example", false),
            ("mail.example.org", false),
            ("[198.51.100.1]", true),
            ("198.51.100.1", true),
            ("[IPv6:2001:db8::1]", true),
            ("[ipv6:::ffff:198.51.100.1]", true),
            ("[192.0.2.7]", false),
            ("[]", false),
            ("", false),
            ("localhost", false),
            ("\u{e9}\u{e9}\u{e9}", false),
        ] {
            assert_eq!(is_ours(helo, "192.0.2.7".parse().unwrap(), &House), want, "{helo}");
        }
        assert!(!is_ours("[198.51.100.1]", "198.51.100.1".parse().unwrap(), &House));
    }
}
