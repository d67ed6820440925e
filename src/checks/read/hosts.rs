//! Host names as checks compare them: who registered this one, is it an address, is it a name at all.

use crate::mail::Domain;
use std::net::{IpAddr, Ipv6Addr};

/// The domain under which somebody registered this host, in A-labels. Nothing for addresses and for what is no name.
pub(crate) fn owner(host: &str) -> Option<String> {
    Domain::parse(host).ok().map(|domain| domain.registered().to_string())
}

/// Does the name end in a suffix that the public suffix list knows? "1.2.pdf" and "setup.py" do not, or hardly.
pub(crate) fn has_known_suffix(host: &str) -> bool {
    host.contains('.') && psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// The last label.
pub(crate) fn top(host: &str) -> &str {
    host.rsplit('.').next().unwrap_or(host)
}

/// The labels left of the registered domain, without the dot: "login.nordea.se" in "login.nordea.se.example.top".
pub(crate) fn below<'a>(host: &'a str, owner: &str) -> &'a str {
    host.strip_suffix(owner).map(|rest| rest.trim_end_matches('.')).unwrap_or_default()
}

/// The first label of a registered domain: "nordea" of "nordea.se".
pub(crate) fn label(owner: &str) -> &str {
    owner.split('.').next().unwrap_or(owner)
}

/// An address as a link writes it, brackets or not. The forms with one number, hex or octal that browsers also take
/// (WHATWG URL standard, section "host parsing") are read too.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    host.parse().ok().or_else(|| unusual_address(host))
}

/// Addresses that no reader recognises as one: "0x7f.1", "3232235777".
fn unusual_address(host: &str) -> Option<IpAddr> {
    let numbers: Option<Vec<u32>> = host.split('.').map(browser_number).collect();
    let numbers = numbers.filter(|numbers| numbers.len() <= 4)?;
    let (last, before) = numbers.split_last()?;
    // The last number fills all the bytes that are left.
    let left = 32_u32.checked_sub(u32::try_from(before.len()).ok()? * 8)?;
    let mut value = (left == 32 || *last < 1_u32.checked_shl(left)?).then_some(*last)?;
    for (place, byte) in before.iter().enumerate() {
        let byte = u8::try_from(*byte).ok()?;
        let shift = 24_u32.checked_sub(u32::try_from(place).ok()? * 8)?;
        value = value.checked_add(u32::from(byte).checked_shl(shift)?)?;
    }
    Some(IpAddr::V4(value.into()))
}

fn browser_number(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(""), _) => Some(0),
        (Some(hex), _) => u32::from_str_radix(hex, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        (None, _) => lower.parse().ok(),
    }
}

/// Is it an address that means something only inside a network? People do send each other links to their own printers.
pub(crate) fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified()
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The host in a text that a reader takes for a web address: "https://www.bank.example/x", "www.bank.example", "bank.example".
/// Nothing if there is other text around it.
pub(crate) fn shown_host(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (rest, marked) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) | (None, Some(rest)) => (rest, true),
        (None, None) => (text.as_str(), text.starts_with("www.")),
    };
    if rest.contains(char::is_whitespace) || rest.contains('@') {
        return None;
    }
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or(rest).trim_end_matches('.');
    let host = Domain::parse(host).ok()?;
    let host = host.as_str();
    // "notes.md" is a file to everybody who writes it.
    let file = !marked && FILE_ENDINGS.contains(&top(host));
    (has_known_suffix(host) && !file).then(|| host.to_string())
}

/// Top-level domains that are better known as the ends of file names or program names.
const FILE_ENDINGS: &[&str] = &[
    "ai", "cc", "java", "md", "mov", "net", "pl", "ps", "py", "rs", "sh", "so", "zip", "app",
    "name",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(owner("www.Bank.co.uk").as_deref(), Some("bank.co.uk"));
        assert_eq!(owner("192.0.2.1"), None);
        assert_eq!(below("login.nordea.se.shop.top", "shop.top"), "login.nordea.se");
        assert_eq!(below("shop.top", "shop.top"), "");
        assert_eq!(label("bank.co.uk"), "bank");
    }

    #[test]
    fn addresses_in_every_dress() {
        for (host, want) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("3221225985", Some("192.0.2.1")),
            ("0xc0.0x0.0x2.0x1", Some("192.0.2.1")),
            ("0300.0.02.01", Some("192.0.2.1")),
            ("192.513", Some("192.0.2.1")),
            ("192.0.2.256", None),
            ("1.2.3.4.5", None),
            ("bank.example", None),
            ("", None),
            ("99999999999", None),
        ] {
            assert_eq!(address(host).map(|ip| ip.to_string()).as_deref(), want, "{host}");
        }
        assert!(is_inside("192.168.1.1".parse().unwrap()));
        assert!(!is_inside("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_a_reader_takes_for_an_address() {
        for (text, want) in [
            (" https://www.Bank.se/login ", Some("www.bank.se")),
            ("www.bank.se", Some("www.bank.se")),
            ("bank.se", Some("bank.se")),
            ("http://bank.se:8080?x", Some("bank.se")),
            ("Log in at bank.se", None),
            ("anna@bank.se", None),
            ("notes.md", None),
            ("ASP.NET", None),
            ("report.pdf", None),
            ("Click here", None),
            ("1.2.3", None),
        ] {
            assert_eq!(shown_host(text).as_deref(), want, "{text}");
        }
    }
}
