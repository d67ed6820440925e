//! Addresses in the SMTP envelope, RFC 5321 section 4.1.2, read strictly.
//!
//! Refused here, so that no later code needs to think of them: source routes, several `@`, quoted local parts that hide one,
//! control characters, the percent hack and bang paths (see [`NotAnAddress`]). RFC 5321 appendix C lets a server refuse source routes.

use crate::{
    base::limits,
    mail::{Domain, NotADomain},
};
use std::fmt;

/// An envelope address: a local part and a domain, or `postmaster` alone (RFC 5321 section 4.1.1.3).
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    local: String,
    domain: Option<Domain>,
}

/// The sender of an envelope: an address, or the null path of notices and bounces.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum ReversePath {
    /// `<>`: nobody wants an answer.
    Null,
    /// Somebody.
    Address(Address),
}

/// Why a text is no envelope address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// Nothing there.
    #[error("the address is empty")]
    Empty,
    /// No `@`, and not `postmaster`.
    #[error("the address has no domain")]
    NoDomain,
    /// `@a,@b:user@c`: asks us to relay through hosts of the sender's choice.
    #[error("source routes are not accepted")]
    SourceRoute,
    /// `user%inner@outer`, `host!user@outer`, `"user@inner"@outer`: hopes that the next server routes by the inner part.
    #[error("addresses that hide a route in the local part are not accepted")]
    HiddenRoute,
    /// The local part is empty or longer than 64 octets.
    #[error("the local part has {octets} octets, 1 to 64 are allowed")]
    LocalLength {
        /// Its length.
        octets: usize,
    },
    /// A character that does not belong.
    #[error("the local part has a character that is not allowed")]
    BadCharacter,
    /// The domain is none.
    #[error(transparent)]
    Domain(#[from] NotADomain),
}

impl Address {
    /// Reads an address without its angle brackets. Unicode is read too; whether SMTPUTF8 was announced is the session's business.
    pub fn parse(text: &str) -> Result<Address, NotAnAddress> {
        if text.is_empty() {
            return Err(NotAnAddress::Empty);
        }
        if text.starts_with('@') {
            return Err(NotAnAddress::SourceRoute);
        }
        let Some((local, domain)) = text.rsplit_once('@') else {
            return match text.eq_ignore_ascii_case("postmaster") {
                true => Ok(Address { local: "postmaster".to_string(), domain: None }),
                false => Err(NotAnAddress::NoDomain),
            };
        };
        let local = local_part(local)?;
        if local.contains(['@', '%', '!', ':']) || local.starts_with(['/', '|', '`', '\\']) {
            // What stands left of the last `@` decides nothing here, but the server behind may unquote it and route by it.
            return Err(NotAnAddress::HiddenRoute);
        }
        let domain = Domain::parse(domain)?;
        Ok(Address { local, domain: Some(domain) })
    }

    /// Reads the address of a sender: nobody routes by it, so `%` and `!`, which old gateways write, are let through.
    fn parse_sender(text: &str) -> Result<Address, NotAnAddress> {
        match (Address::parse(text), text.rsplit_once('@')) {
            // Two bare `@` are no address of anybody's.
            (Err(NotAnAddress::HiddenRoute), Some((local, domain)))
                if local.starts_with('"') || !local.contains('@') =>
            {
                Ok(Address { local: local_part(local)?, domain: Some(Domain::parse(domain)?) })
            }
            (other, _) => other,
        }
    }

    /// The local part as it stands for, quotes undone; case is the owner's business and kept.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain; none for a bare `postmaster`.
    pub fn domain(&self) -> Option<&Domain> {
        self.domain.as_ref()
    }

    /// `postmaster` and `abuse` are always heard (RFC 5321 section 4.5.1, RFC 2142 section 4).
    pub fn is_role(&self) -> bool {
        self.local.eq_ignore_ascii_case("postmaster") || self.local.eq_ignore_ascii_case("abuse")
    }

    /// Does it need SMTPUTF8 to travel?
    pub fn is_unicode(&self) -> bool {
        !self.local.is_ascii()
    }

    /// For tables and comparisons: all lower case. Two addresses that differ only in case are one mailbox everywhere that matters.
    pub fn key(&self) -> String {
        self.to_string().to_lowercase()
    }

    /// The same address with a domain where it had none.
    pub fn at(&self, domain: &Domain) -> Address {
        Address {
            local: self.local.clone(),
            domain: Some(self.domain.clone().unwrap_or_else(|| domain.clone())),
        }
    }
}

impl fmt::Display for Address {
    /// As it goes on the wire, quoted where it must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_dot_string(&self.local) {
            true => f.write_str(&self.local)?,
            false => {
                f.write_str("\"")?;
                for letter in self.local.chars() {
                    if matches!(letter, '"' | '\\') {
                        f.write_str("\\")?;
                    }
                    write!(f, "{letter}")?;
                }
                f.write_str("\"")?;
            }
        }
        match &self.domain {
            Some(domain) => write!(f, "@{domain}"),
            None => Ok(()),
        }
    }
}

impl ReversePath {
    /// Reads what stands between the angle brackets of MAIL FROM.
    pub fn parse(text: &str) -> Result<ReversePath, NotAnAddress> {
        match text {
            "" => Ok(ReversePath::Null),
            address => Address::parse_sender(address).map(ReversePath::Address),
        }
    }

    /// The address, if there is one.
    pub fn address(&self) -> Option<&Address> {
        match self {
            ReversePath::Null => None,
            ReversePath::Address(address) => Some(address),
        }
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => Ok(()),
            ReversePath::Address(address) => address.fmt(f),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Address, NotAnAddress> {
        Address::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

impl TryFrom<String> for ReversePath {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<ReversePath, NotAnAddress> {
        ReversePath::parse(&text)
    }
}

impl From<ReversePath> for String {
    fn from(path: ReversePath) -> String {
        path.to_string()
    }
}

fn local_part(text: &str) -> Result<String, NotAnAddress> {
    let local = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted.strip_suffix('"').ok_or(NotAnAddress::BadCharacter)?)?,
        None => {
            if !text.is_empty() && !is_dot_string(text) && !text.contains('@') {
                return Err(NotAnAddress::BadCharacter);
            }
            text.to_string()
        }
    };
    if !(1..=limits::LOCAL_PART_BYTES_MAX).contains(&local.len()) {
        return Err(NotAnAddress::LocalLength { octets: local.len() });
    }
    Ok(local)
}

fn unquote(quoted: &str) -> Result<String, NotAnAddress> {
    let mut plain = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => letters.next().ok_or(NotAnAddress::BadCharacter)?,
            // The quoted string ended before the `@`.
            '"' => return Err(NotAnAddress::BadCharacter),
            other => other,
        };
        if letter.is_control() {
            return Err(NotAnAddress::BadCharacter);
        }
        plain.push(letter);
    }
    Ok(plain)
}

/// RFC 5321 section 4.1.2 `Dot-string`, with RFC 6531 section 3.3 letters. Dots at the ends and in a row are read too:
/// Japanese mobile carriers gave such addresses out, and nothing is unsafe about them.
fn is_dot_string(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| {
            letter.is_ascii_alphanumeric()
                || ".!#$%&'*+-/=?^_`{|}~".contains(letter)
                || (!letter.is_ascii() && !letter.is_control())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, want) in [
            ("b@ours.example", Some("b@ours.example")),
            ("B.c+tag@OURS.example", Some("B.c+tag@ours.example")),
            ("Postmaster", Some("postmaster")),
            ("\"a b\"@ours.example", Some("\"a b\"@ours.example")),
            ("\"ab\"@ours.example", Some("ab@ours.example")),
            ("åsa@ours.example", Some("åsa@ours.example")),
            ("o'brien@ours.example", Some("o'brien@ours.example")),
            ("prvs=1a2b=x@ours.example", Some("prvs=1a2b=x@ours.example")),
            ("", None),
            ("b", None),
            ("@ours.example", None),
            ("b@", None),
            ("@relay.example:b@ours.example", None),
            ("@a.example,@b.example:x@ours.example", None),
            ("x%elsewhere.example@ours.example", None),
            ("elsewhere.example!x@ours.example", None),
            ("x@elsewhere.example@ours.example", None),
            ("\"x@elsewhere.example\"@ours.example", None),
            ("\"x%elsewhere.example\"@ours.example", None),
            ("x:y@ours.example", None),
            ("|sh@ours.example", None),
            ("\"a\"b\"@ours.example", None),
            ("a b@ours.example", None),
            ("a\0b@ours.example", None),
            ("\"a\nb\"@ours.example", None),
            ("b@[192.0.2.1]", None),
            ("b@192.0.2.1", None),
        ] {
            let got = Address::parse(text);
            assert_eq!(
                got.as_ref().ok().map(Address::to_string).as_deref(),
                want,
                "{text}: {got:?}"
            );
        }
        let long = format!("{}@ours.example", "x".repeat(65));
        assert_eq!(Address::parse(&long), Err(NotAnAddress::LocalLength { octets: 65 }));
    }

    #[test]
    fn roles_and_keys() {
        assert!(Address::parse("ABUSE@ours.example").unwrap().is_role());
        assert!(!Address::parse("abuse2@ours.example").unwrap().is_role());
        assert_eq!(Address::parse("Åsa@Ours.example").unwrap().key(), "åsa@ours.example");
        assert_eq!(ReversePath::parse("").unwrap(), ReversePath::Null);
        assert!(ReversePath::parse("user%host@old.example").is_ok());
        assert!(ReversePath::parse("@a.example:user@old.example").is_err());
        assert!(ReversePath::parse("user@host@old.example").is_err());
        assert!(ReversePath::parse("\"user@host\"@old.example").is_ok());
    }
}
