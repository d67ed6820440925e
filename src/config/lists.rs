//! Lists of senders: addresses, domains, networks. Who is allowed meets no refusal of ours; who is blocked meets nothing else.

use crate::{
    base::networks::Networks,
    mail::{Address, Domain, ReversePath},
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, fmt, net::IpAddr};

/// Senders to allow and to block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Lists {
    /// Never refused at RCPT but for relaying and unknown recipients: "anna@far.example", "far.example",
    /// ".far.example" (and all below it), "192.0.2.0/24". What is in the mail is judged as ever.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Entry>,
    /// Refused at RCPT, in the same forms. `allow` wins over it, and an organisation's own lists over the site's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<Entry>,
}

impl Lists {
    pub(super) fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.block.is_empty()
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Entry {
    /// This envelope sender.
    Address(Address),
    /// Every sender in this domain.
    Domain(Domain),
    /// Every sender in this domain and those below it.
    Below(Domain),
    /// Every client in this network.
    Network(IpNet),
}

/// Why a text is no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no sender: write an address, a domain, \".domain\" for all below it too, or a network such as \"192.0.2.0/24\""
)]
pub struct NotAnEntry(String);

impl TryFrom<String> for Entry {
    type Error = NotAnEntry;

    fn try_from(text: String) -> Result<Entry, NotAnEntry> {
        let wrong = |_| NotAnEntry(text.clone());
        if let Ok(network) = text.parse::<IpNet>() {
            // Everybody is no entry of a list.
            return match network.prefix_len() {
                0 => Err(wrong(())),
                _ => Ok(Entry::Network(network)),
            };
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Entry::Network(address.into()));
        }
        if let Some(domain) = text.strip_prefix('.') {
            return Domain::parse(domain).map(Entry::Below).map_err(|_| wrong(()));
        }
        match text.contains('@') {
            true => Address::parse(&text).map(Entry::Address).map_err(|_| wrong(())),
            false => Domain::parse(&text).map(Entry::Domain).map_err(|_| wrong(())),
        }
    }
}

impl From<Entry> for String {
    fn from(entry: Entry) -> String {
        entry.to_string()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Address(address) => address.fmt(f),
            Entry::Domain(domain) => domain.fmt(f),
            Entry::Below(domain) => write!(f, ".{domain}"),
            Entry::Network(network) => network.fmt(f),
        }
    }
}

impl Entry {
    /// Is this address the one that is meant, or one of those?
    pub fn is_of(&self, address: &Address) -> bool {
        match (self, address.domain()) {
            (Entry::Address(own), _) => own.key() == address.key(),
            (Entry::Domain(own), Some(domain)) => own == domain,
            (Entry::Below(own), Some(domain)) => domain.is_within(own),
            (Entry::Domain(_) | Entry::Below(_), None) | (Entry::Network(_), _) => false,
        }
    }
}

/// Lists as they are looked up: by hash, however long they are.
#[derive(Debug, Default)]
pub struct Senders {
    allowed: Known,
    blocked: Known,
}

#[derive(Debug, Default)]
struct Known {
    addresses: HashSet<String>,
    domains: HashSet<Domain>,
    below: HashSet<Domain>,
    /// Each with itself: whoever is in one is told in which.
    networks: Networks<IpNet>,
}

/// What a list says of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Let it in.
    Allow,
    /// Keep it out.
    Block,
}

impl Senders {
    /// Makes ready what was written.
    pub fn new(lists: &Lists) -> Senders {
        Senders { allowed: Known::new(&lists.allow), blocked: Known::new(&lists.block) }
    }

    /// What these lists say of a sender and its client.
    pub fn say(&self, sender: &ReversePath, client: IpAddr) -> Option<Word> {
        match (self.allowed.find(sender, client), self.blocked.find(sender, client)) {
            (Some(_), _) => Some(Word::Allow),
            (None, Some(_)) => Some(Word::Block),
            (None, None) => None,
        }
    }

    /// The line that keeps a sender out, which [`Senders::say`] says of.
    pub fn blocking(&self, sender: &ReversePath, client: IpAddr) -> Option<Entry> {
        let allowed = self.allowed.find(sender, client).is_some();
        if allowed { None } else { self.blocked.find(sender, client) }
    }
}

impl Known {
    fn new(entries: &[Entry]) -> Known {
        let mut known = Known::default();
        for entry in entries {
            match entry {
                Entry::Address(address) => drop(known.addresses.insert(address.key())),
                Entry::Domain(domain) => drop(known.domains.insert(domain.clone())),
                Entry::Below(domain) => drop(known.below.insert(domain.clone())),
                Entry::Network(network) => drop(known.networks.insert(*network, *network)),
            }
        }
        known
    }

    /// The line that this sender or its client is on, the narrowest of those that are about the sender.
    fn find(&self, sender: &ReversePath, client: IpAddr) -> Option<Entry> {
        if let Some(network) = self.networks.get(client) {
            return Some(Entry::Network(*network));
        }
        let address = sender.address()?;
        let domain = address.domain()?;
        if self.addresses.contains(&address.key()) {
            return Some(Entry::Address(address.clone()));
        }
        if self.domains.contains(domain) {
            return Some(Entry::Domain(domain.clone()));
        }
        if self.below.is_empty() {
            return None;
        }
        above(domain).find(|name| self.below.contains(name)).map(Entry::Below)
    }
}

/// The domain itself, then what is above it.
pub fn above(domain: &Domain) -> impl Iterator<Item = Domain> {
    let name = domain.as_str();
    let dots = name.match_indices('.').filter_map(move |(at, _)| name.get(at + 1..));
    std::iter::once(name).chain(dots).filter_map(|name| Domain::parse(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_found_in_every_form() {
        let entries = |list: &[&str]| {
            list.iter().map(|text| Entry::try_from(text.to_string()).unwrap()).collect()
        };
        let senders = Senders::new(&Lists {
            allow: entries(&["anna@far.example", "192.0.2.1", "good.example"]),
            block: entries(&[".far.example", "bad.example", "198.51.100.0/24", "2001:db8::/32"]),
        });
        for (sender, client, want) in [
            ("Anna@FAR.example", "203.0.113.1", Some(Word::Allow)),
            ("bert@far.example", "203.0.113.1", Some(Word::Block)),
            ("bert@mail.far.example", "203.0.113.1", Some(Word::Block)),
            ("bert@notfar.example", "203.0.113.1", None),
            ("x@bad.example", "203.0.113.1", Some(Word::Block)),
            ("x@mail.bad.example", "203.0.113.1", None),
            ("x@bad.example", "192.0.2.1", Some(Word::Allow)),
            ("x@other.example", "::ffff:198.51.100.9", Some(Word::Block)),
            ("x@good.example", "2001:db8::1", Some(Word::Allow)),
            ("", "2001:db8::1", Some(Word::Block)),
            ("", "203.0.113.1", None),
        ] {
            let from = ReversePath::parse(sender).unwrap();
            assert_eq!(senders.say(&from, client.parse().unwrap()), want, "{sender} {client}");
        }
        for (sender, client, want) in [
            ("bert@mail.far.example", "203.0.113.1", ".far.example"),
            ("x@bad.example", "203.0.113.1", "bad.example"),
            ("x@bad.example", "192.0.2.1", ""),
            ("x@other.example", "::ffff:198.51.100.9", "198.51.100.0/24"),
            ("x@bad.example", "2001:db8::1", "2001:db8::/32"),
            ("x@other.example", "203.0.113.1", ""),
        ] {
            let from = ReversePath::parse(sender).unwrap();
            let line = senders.blocking(&from, client.parse().unwrap());
            assert_eq!(line.map(String::from).unwrap_or_default(), want, "{sender} {client}");
        }
        assert!(Entry::try_from("a b".to_string()).is_err());
        assert!(Entry::try_from("@far.example".to_string()).is_err());
        for text in [".far.example", "192.0.2.0/24", "anna@far.example"] {
            assert_eq!(Entry::try_from(text.to_string()).unwrap().to_string(), text);
        }
    }
}
