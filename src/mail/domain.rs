//! Domain names as mail uses them.

use std::{fmt, net::IpAddr};

/// A domain in lower-case A-label form (RFC 5890 section 2.3.2.1). Having one means it was checked.
///
/// An address literal such as `[192.0.2.1]` is no domain; it is never one of ours.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

/// Why a text is no domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADomain {
    /// Nothing there.
    #[error("a domain name is missing")]
    Empty,
    /// Too long in all, RFC 1035 section 2.3.4.
    #[error("the domain name has {octets} octets, at most 253 are allowed")]
    TooLong {
        /// Its length in A-label form.
        octets: usize,
    },
    /// A label is empty, too long or starts or ends with a hyphen.
    #[error(
        "the label {label:?} in the domain name is not 1 to 63 letters, digits and inner hyphens"
    )]
    BadLabel {
        /// The label, shortened.
        label: String,
    },
    /// It is an address.
    #[error("{0:?} is an address, not a domain name")]
    Address(String),
    /// Unicode that IDNA does not allow.
    #[error("the domain name {0:?} is not allowed by IDNA (RFC 5891)")]
    NotIdna(String),
}

impl Domain {
    /// Reads a domain, Unicode or A-labels, any case, with or without the final dot.
    pub fn parse(text: &str) -> Result<Domain, NotADomain> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(NotADomain::Empty);
        }
        // An ASCII name of plain letters needs no IDNA tables; most names are that.
        let ascii = match text.is_ascii() {
            true => text.to_ascii_lowercase(),
            false => idna::domain_to_ascii_strict(text)
                .map_err(|_| NotADomain::NotIdna(text.chars().take(80).collect()))?,
        };
        if ascii.len() > 253 {
            return Err(NotADomain::TooLong { octets: ascii.len() });
        }
        for label in ascii.split('.') {
            if !is_label(label) {
                return Err(NotADomain::BadLabel { label: label.chars().take(63).collect() });
            }
        }
        // Four numbers with dots would be taken for an address by every resolver.
        if ascii.parse::<IpAddr>().is_ok() {
            return Err(NotADomain::Address(ascii));
        }
        Ok(Domain(ascii))
    }

    /// The name in A-label form, lower case, no final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as people write it, U-labels where they decode cleanly.
    pub fn to_unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }

    /// The domain under which somebody registered it, by the public suffix list: `a.b.example.co.uk` gives `example.co.uk`.
    /// A name that is itself a public suffix stands for itself.
    pub fn registered(&self) -> &str {
        psl::domain_str(&self.0).unwrap_or(&self.0)
    }

    /// Is it a public suffix, under which strangers to each other register: `com`, `co.uk`? A name that is on no list is none but for a
    /// single label.
    pub fn is_public_suffix(&self) -> bool {
        psl::domain_str(&self.0).is_none()
    }

    /// Is it this domain or one below it?
    pub fn is_within(&self, other: &Domain) -> bool {
        is_at_or_below(&self.0, other.as_str())
    }
}

/// Is this name the other, or one below it? Both as they are written, in lower case.
pub fn is_at_or_below(name: &str, other: &str) -> bool {
    name.strip_suffix(other).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// RFC 5321 section 4.1.2 `sub-domain`, with the underscore that real host names have.
fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl TryFrom<String> for Domain {
    type Error = NotADomain;

    fn try_from(text: String) -> Result<Domain, NotADomain> {
        Domain::parse(&text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> String {
        domain.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        let long = "x".repeat(64);
        for (text, want) in [
            ("Example.SE.", Some("example.se")),
            ("räksmörgås.example", Some("xn--rksmrgs-5wao1o.example")),
            ("xn--rksmrgs-5wao1o.example", Some("xn--rksmrgs-5wao1o.example")),
            ("localhost", Some("localhost")),
            ("_dmarc.example", Some("_dmarc.example")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("-a.example", None),
            ("a b.example", None),
            ("a\0.example", None),
            ("192.0.2.1", None),
            ("[192.0.2.1]", None),
            ("a@b.example", None),
            (long.as_str(), None),
        ] {
            assert_eq!(Domain::parse(text).ok().as_ref().map(Domain::as_str), want, "{text}");
        }
    }

    #[test]
    fn registered_domain_and_below() {
        let domain = |text| Domain::parse(text).unwrap();
        assert_eq!(domain("a.b.example.co.uk").registered(), "example.co.uk");
        assert_eq!(domain("mail.kommun.se").registered(), "kommun.se");
        assert!(domain("a.example.se").is_within(&domain("example.se")));
        assert!(!domain("notexample.se").is_within(&domain("example.se")));
    }
}
