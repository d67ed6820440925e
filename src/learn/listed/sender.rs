//! The keys under which a list of senders may hold whoever sent a mail, in the forms of `[lists]`.

use super::key::Key;
use crate::{
    base::limits,
    config::lists::{Entry, above},
    mail::{Address, Domain},
};
use ipnet::IpNet;
use std::net::IpAddr;

/// The widest networks a list may hold, as in `[outbound] networks`: one line with half the world in it is a slip.
const V4_PREFIX_MIN: u8 = 8;
const V6_PREFIX_MIN: u8 = 16;

/// Is it what somebody may have meant? A network is no wider than a list may hold, and a word without a dot is no domain that mail comes from.
pub fn is_meant(entry: &Entry) -> bool {
    match entry {
        Entry::Network(network) => match crate::base::networks::canonical(*network) {
            IpNet::V4(v4) => v4.prefix_len() >= V4_PREFIX_MIN,
            IpNet::V6(v6) => v6.prefix_len() >= V6_PREFIX_MIN,
        },
        Entry::Domain(domain) => domain.as_str().contains('.'),
        Entry::Address(_) | Entry::Below(_) => true,
    }
}

/// Of a mail address: its own, its domain's, and those of all domains that hold it.
pub fn of_address(address: &Address) -> Vec<Key> {
    entries_of_address(address).iter().map(Key::of_sender).collect()
}

/// Of a domain: its own, and those of all domains that hold it, of a very deep one the last
/// [`limits::HASH_LIST_LABELS_MAX`].
pub fn of_domain(domain: &Domain) -> Vec<Key> {
    entries_of_domain(domain).iter().map(Key::of_sender).collect()
}

/// Of a client: those of every network that holds it, the narrowest first.
pub fn of_client(client: IpAddr) -> Vec<Key> {
    entries_of_client(client).iter().map(Key::of_sender).collect()
}

/// The lines that [`of_address`] is about.
pub fn entries_of_address(address: &Address) -> Vec<Entry> {
    let domain = address.domain().map(entries_of_domain).unwrap_or_default();
    std::iter::once(Entry::Address(address.clone())).chain(domain).collect()
}

/// The lines that [`of_domain`] is about.
pub fn entries_of_domain(domain: &Domain) -> Vec<Entry> {
    let labels = |domain: &Domain| domain.as_str().split('.').count();
    let holding = above(domain).filter(|name| labels(name) <= limits::HASH_LIST_LABELS_MAX);
    std::iter::once(Entry::Domain(domain.clone())).chain(holding.map(Entry::Below)).collect()
}

/// The lines that [`of_client`] is about.
pub fn entries_of_client(client: IpAddr) -> Vec<Entry> {
    let client = client.to_canonical();
    let lengths = match client {
        IpAddr::V4(_) => V4_PREFIX_MIN..=32,
        IpAddr::V6(_) => V6_PREFIX_MIN..=128,
    };
    let networks = lengths.rev().filter_map(|length| IpNet::new(client, length).ok());
    // As they are written in a list, without the bits that name a single host.
    networks.map(|network| Entry::Network(network.trunc())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::of_sender(&Entry::try_from(text.to_string()).unwrap())
    }

    #[test]
    fn whoever_is_listed_is_found_under_one_of_his_keys() {
        let address = of_address(&Address::parse("Anna@mail.far.example").unwrap());
        let domain = of_domain(&Domain::parse("mail.far.example").unwrap());
        let (v4, v6) = ("192.0.2.77".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let mapped = "::ffff:192.0.2.77".parse().unwrap();
        for (keys, entry, want) in [
            (&address, "anna@mail.far.example", true),
            (&address, "bo@mail.far.example", false),
            (&address, "mail.far.example", true),
            (&address, "far.example", false),
            (&address, ".far.example", true),
            (&domain, "mail.far.example", true),
            (&domain, ".mail.far.example", true),
            (&domain, ".ar.example", false),
            (&of_client(v4), "192.0.2.77", true),
            (&of_client(v4), "192.0.2.78", false),
            (&of_client(v4), "192.0.0.0/16", true),
            (&of_client(v4), "192.0.0.0/8", true),
            (&of_client(mapped), "192.0.2.0/24", true),
            (&of_client(v6), "2001:db8::/32", true),
            (&of_client(v6), "2001:db9::/32", false),
        ] {
            assert_eq!(keys.contains(&key(entry)), want, "{entry}");
        }
        let deep = format!("{}far.example", "a.".repeat(100));
        assert_eq!(of_domain(&Domain::parse(&deep).unwrap()).len(), 13);
    }
}
