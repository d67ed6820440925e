//! SPF records, RFC 7208: text to terms. Nothing is looked up here.
//!
//! A record is wholly right or not one: section 4.6 wants syntax errors found before anything is evaluated.

use super::macros::{Macros, Where};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What SPF says of a client and a domain, RFC 7208 section 2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spf {
    /// Nothing is published.
    None,
    /// The domain says nothing of this client.
    Neutral,
    /// The client may send for the domain.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    SoftFail,
    /// Nobody knows at the moment.
    TempError,
    /// What is published cannot be understood.
    PermError,
}

impl Spf {
    /// The word of RFC 8601 section 2.7.2.
    pub fn word(self) -> &'static str {
        match self {
            Spf::None => "none",
            Spf::Neutral => "neutral",
            Spf::Pass => "pass",
            Spf::Fail => "fail",
            Spf::SoftFail => "softfail",
            Spf::TempError => "temperror",
            Spf::PermError => "permerror",
        }
    }
}

/// A record that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Mechanisms in their order.
    pub directives: Vec<Directive>,
    /// Whose record counts if none of them matches.
    pub redirect: Option<Macros>,
    /// Where a failure is explained.
    pub exp: Option<Macros>,
}

/// A mechanism and what a match means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// What a match means.
    pub qualifier: Qualifier,
    /// What is compared.
    pub mechanism: Mechanism,
}

/// The sign before a mechanism, RFC 7208 section 4.6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier {
    /// "+", or no sign.
    Pass,
    /// "-".
    Fail,
    /// "~".
    SoftFail,
    /// "?".
    Neutral,
}

impl Qualifier {
    /// The result of a match.
    pub fn result(self) -> Spf {
        match self {
            Qualifier::Pass => Spf::Pass,
            Qualifier::Fail => Spf::Fail,
            Qualifier::SoftFail => Spf::SoftFail,
            Qualifier::Neutral => Spf::Neutral,
        }
    }
}

/// What a client is compared with, RFC 7208 section 5. A domain that is left out is the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    /// Everything.
    All,
    /// Whatever passes with another domain's record.
    Include(Macros),
    /// The addresses of a host.
    A(Option<Macros>, Prefixes),
    /// The addresses of a domain's mail hosts.
    Mx(Option<Macros>, Prefixes),
    /// The client's name, by its address.
    Ptr(Option<Macros>),
    /// A network.
    Ip4(Ipv4Addr, u8),
    /// A network.
    Ip6(Ipv6Addr, u8),
    /// That a name exists.
    Exists(Macros),
}

/// How many bits of an address are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefixes {
    /// Of an IPv4 address, at most 32.
    pub v4: u8,
    /// Of an IPv6 address, at most 128.
    pub v6: u8,
}

/// Why a text that begins as a record is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the SPF record has {0:?}, which is not understood")]
pub struct NotARecord(pub String);

impl Record {
    /// Is this TXT record meant for SPF, RFC 7208 section 4.5?
    pub fn is_meant(text: &[u8]) -> bool {
        let version = text.get(..VERSION.len());
        version.is_some_and(|begin| begin.eq_ignore_ascii_case(VERSION))
            && matches!(text.get(VERSION.len()), None | Some(b' '))
    }

    /// Reads a record, RFC 7208 section 12.
    pub fn parse(text: &[u8]) -> Result<Record, NotARecord> {
        let wrong = |what: &str| NotARecord(what.to_string());
        let text = text.get(VERSION.len()..).unwrap_or_default();
        // Only visible ASCII and blanks stand in a record.
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()))
            .ok_or_else(|| wrong("letters outside ASCII"))?;
        let mut record = Record { directives: Vec::new(), redirect: None, exp: None };
        for term in text.split(' ').filter(|term| !term.is_empty()) {
            if let Some((name, value)) = modifier(term) {
                let slot = match name.to_ascii_lowercase().as_str() {
                    "redirect" => &mut record.redirect,
                    "exp" => &mut record.exp,
                    _ => {
                        Macros::parse(value, Where::Explanation).ok_or_else(|| wrong(term))?;
                        continue;
                    }
                };
                let domain = Macros::domain(value).ok_or_else(|| wrong(term))?;
                // RFC 7208 section 6: neither may stand there twice.
                if slot.replace(domain).is_some() {
                    return Err(wrong(term));
                }
                continue;
            }
            record.directives.push(directive(term).ok_or_else(|| wrong(term))?);
        }
        Ok(record)
    }
}

const VERSION: &[u8] = b"v=spf1";

/// A name and a value with an equals sign between them, before any sign of a mechanism.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let mut letters = name.bytes();
    let begins = letters.next()?.is_ascii_alphabetic();
    let goes_on = letters.all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (begins && goes_on).then_some((name, value))
}

fn directive(term: &str) -> Option<Directive> {
    let (qualifier, rest) = match term.split_at_checked(1)? {
        ("+", rest) => (Qualifier::Pass, rest),
        ("-", rest) => (Qualifier::Fail, rest),
        ("~", rest) => (Qualifier::SoftFail, rest),
        ("?", rest) => (Qualifier::Neutral, rest),
        _ => (Qualifier::Pass, term),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at_checked(end)?;
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" => argument.is_empty().then_some(Mechanism::All)?,
        "include" => Mechanism::Include(Macros::domain(argument.strip_prefix(':')?)?),
        "exists" => Mechanism::Exists(Macros::domain(argument.strip_prefix(':')?)?),
        "ptr" => Mechanism::Ptr(match argument {
            "" => None,
            argument => Some(Macros::domain(argument.strip_prefix(':')?)?),
        }),
        "a" => {
            let (domain, prefixes) = with_prefixes(argument)?;
            Mechanism::A(domain, prefixes)
        }
        "mx" => {
            let (domain, prefixes) = with_prefixes(argument)?;
            Mechanism::Mx(domain, prefixes)
        }
        "ip4" => {
            let (address, bits) = network(argument.strip_prefix(':')?, 32)?;
            Mechanism::Ip4(address, bits)
        }
        "ip6" => {
            let (address, bits) = network(argument.strip_prefix(':')?, 128)?;
            Mechanism::Ip6(address, bits)
        }
        _ => return None,
    };
    Some(Directive { qualifier, mechanism })
}

/// `:domain/24//64`, each part of which may be missing. A slash may also stand in the domain: the prefixes are what ends in digits.
fn with_prefixes(argument: &str) -> Option<(Option<Macros>, Prefixes)> {
    let (rest, v6) = match argument.rsplit_once("//") {
        Some((rest, bits)) if is_number(bits) => (rest, prefix(bits, 128)?),
        Some(_) | None => (argument, 128),
    };
    let (rest, v4) = match rest.rsplit_once('/') {
        Some((rest, bits)) if is_number(bits) => (rest, prefix(bits, 32)?),
        Some(_) | None => (rest, 32),
    };
    let domain = match rest {
        "" => None,
        rest => Some(Macros::domain(rest.strip_prefix(':')?)?),
    };
    Some((domain, Prefixes { v4, v6 }))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// A prefix length, without leading zeros.
fn prefix(text: &str, most: u8) -> Option<u8> {
    let plain = is_number(text) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten().filter(|bits| *bits <= most)
}

fn network<T: std::str::FromStr>(text: &str, most: u8) -> Option<(T, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, prefix(bits, most)?),
        None => (text, most),
    };
    Some((address.parse().ok()?, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        for (text, want) in [
            ("v=spf1", Some(0)),
            ("v=spf1   -all  ", Some(1)),
            ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all", Some(3)),
            ("v=spf1 a:mail.example.org/24//64 mx//96 ?all", Some(3)),
            ("v=spf1 include:_spf.%{d2} exists:%{ir}.%{v}.example.org", Some(2)),
            ("v=spf1 redirect=_spf.example.org unknown=x", Some(0)),
            ("v=spf1 ip4:192.0.2.0/33", None),
            ("v=spf1 ip4:192.0.2.0/024", None),
            ("v=spf1 ip4:192.0.2", None),
            ("v=spf1 all:x", None),
            ("v=spf1 include", None),
            ("v=spf1 a:example.-org", None),
            ("v=spf1 a:localhost", None),
            ("v=spf1 exp=x.example exp=y.example", None),
            ("v=spf1 moo", None),
            ("v=spf1 \u{e4}", None),
        ] {
            let record = Record::parse(text.as_bytes());
            assert_eq!(record.map(|record| record.directives.len()).ok(), want, "{text}");
        }
    }

    #[test]
    fn which_texts_are_meant() {
        for (text, want) in [
            ("v=spf1", true),
            ("V=SPF1 -all", true),
            ("v=spf10", false),
            ("v=spf1-all", false),
            ("spf1", false),
        ] {
            assert_eq!(Record::is_meant(text.as_bytes()), want, "{text}");
        }
    }
}
