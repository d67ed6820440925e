//! Addresses in the SMTP envelope, RFC 5321 section 4.1.2, read strictly.
//!
//! Refused here, so that no later code needs to think of them: source routes, several `@`, quoted local parts that hide one,
//! control characters, the percent hack and bang paths (see [`NotAnAddress`]). RFC 5321 appendix C lets a server refuse source routes.

use crate::{
    base::limits,
    mail::{Domain, NotADomain},
};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// An envelope address: a local part and a domain, or `postmaster` alone (RFC 5321 section 4.1.1.3).
///
/// A sender may have an address literal in place of the domain (RFC 5321 section 4.1.3), as printers and scanners do.
/// [`Address::parse`] takes none, so no client can name such a recipient. What was stored is read back as senders are read:
/// a notice goes to whoever was the sender.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    local: String,
    place: Place,
}

/// What stands right of the `@`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// Nothing: a bare `postmaster`.
    Here,
    Domain(Domain),
    /// `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
    Literal(IpAddr),
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
    /// The local part is empty or longer than 256 octets.
    #[error("the local part has {octets} octets, 1 to 256 are allowed")]
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
                true => Ok(Address { local: "postmaster".to_string(), place: Place::Here }),
                false => Err(NotAnAddress::NoDomain),
            };
        };
        let local = local_part(local)?;
        if local.contains(['@', '%', '!', ':']) || local.starts_with(['/', '|', '`', '\\']) {
            // What stands left of the last `@` decides nothing here, but the server behind may unquote it and route by it.
            return Err(NotAnAddress::HiddenRoute);
        }
        let domain = Domain::parse(domain)?;
        Ok(Address { local, place: Place::Domain(domain) })
    }

    /// Reads the address of a sender: nobody routes by it, so `%` and `!`, which old gateways write, are let through,
    /// and so are address literals.
    fn parse_sender(text: &str) -> Result<Address, NotAnAddress> {
        match (Address::parse(text), text.rsplit_once('@')) {
            // Two bare `@` are no address of anybody's.
            (Err(NotAnAddress::HiddenRoute | NotAnAddress::Domain(_)), Some((local, place)))
                if local.starts_with('"') || !local.contains('@') =>
            {
                let place = match literal(place) {
                    Some(address) => Place::Literal(address),
                    None => Place::Domain(Domain::parse(place)?),
                };
                Ok(Address { local: local_part(local)?, place })
            }
            (other, _) => other,
        }
    }

    /// The local part as it stands for, quotes undone; case is the owner's business and kept.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain; none for a bare `postmaster` and for an address literal.
    pub fn domain(&self) -> Option<&Domain> {
        match &self.place {
            Place::Domain(domain) => Some(domain),
            Place::Here | Place::Literal(_) => None,
        }
    }

    /// A bare `postmaster`: it is whoever hears it that is meant.
    pub fn is_bare(&self) -> bool {
        self.place == Place::Here
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

    /// The same address with a domain where there was only `postmaster`.
    pub fn at(&self, domain: &Domain) -> Address {
        let place = match &self.place {
            Place::Here => Place::Domain(domain.clone()),
            Place::Domain(_) | Place::Literal(_) => self.place.clone(),
        };
        Address { local: self.local.clone(), place }
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
        match &self.place {
            Place::Here => Ok(()),
            Place::Domain(domain) => write!(f, "@{domain}"),
            Place::Literal(IpAddr::V4(address)) => write!(f, "@[{address}]"),
            Place::Literal(IpAddr::V6(address)) => write!(f, "@[IPv6:{address}]"),
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

    /// For what we stored ourselves: recipients were read by [`Address::parse`] before, and notices go to senders.
    fn try_from(text: String) -> Result<Address, NotAnAddress> {
        Address::parse_sender(&text)
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

/// RFC 5321 section 4.1.3, but for the general form, which nobody has defined a use of.
fn literal(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    match inner.split_at_checked("IPv6:".len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => {
            address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => inner.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
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
        let srs = format!("SRS0={}=ab=old.example=x@ours.example", "x".repeat(100));
        assert_eq!(Address::parse(&srs).unwrap().to_string(), srs);
        let long = format!("{}@ours.example", "x".repeat(257));
        assert_eq!(Address::parse(&long), Err(NotAnAddress::LocalLength { octets: 257 }));
    }

    #[test]
    fn senders_may_be_what_recipients_may_not() {
        for (text, want) in [
            ("printer@[192.0.2.1]", Some("printer@[192.0.2.1]")),
            ("printer@[ipv6:2001:DB8::1]", Some("printer@[IPv6:2001:db8::1]")),
            ("a%b@[192.0.2.1]", Some("a%b@[192.0.2.1]")),
            ("user%host@old.example", Some("user%host@old.example")),
            ("host!user@old.example", Some("host!user@old.example")),
            ("\"user@host\"@old.example", Some("\"user@host\"@old.example")),
            ("printer@[192.0.2.256]", None),
            ("printer@[2001:db8::1]", None),
            ("printer@[IPv6:192.0.2.1]", None),
            ("printer@[tag:x]", None),
            ("printer@[]", None),
            ("printer@[192.0.2.1", None),
            ("printer@192.0.2.1", None),
            ("a@b@[192.0.2.1]", None),
            ("|a b@[192.0.2.1]", None),
            ("[192.0.2.1]", None),
        ] {
            let sender = ReversePath::parse(text);
            let shown = sender.as_ref().ok().map(ReversePath::to_string);
            assert_eq!(shown.as_deref(), want, "{text}: {sender:?}");
            assert!(Address::parse(text).is_err(), "{text} as a recipient");
            // A notice goes to the sender; the spool gives its recipient back as it was.
            let Some(address) = sender.ok().and_then(|sender| sender.address().cloned()) else {
                continue;
            };
            let stored = serde_json::to_string(&address).unwrap();
            assert_eq!(serde_json::from_str::<Address>(&stored).unwrap(), address, "{text}");
        }
        let ours = Domain::parse("ours.example").unwrap();
        let printer =
            ReversePath::parse("printer@[192.0.2.1]").unwrap().address().cloned().unwrap();
        assert!(printer.domain().is_none() && !printer.is_bare());
        assert_eq!(printer.at(&ours), printer);
        let postmaster = Address::parse("postmaster").unwrap();
        assert!(postmaster.domain().is_none() && postmaster.is_bare());
        assert_eq!(postmaster.at(&ours).to_string(), "postmaster@ours.example");
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
