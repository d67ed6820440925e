//! The house that mail comes to: its own domains, the domains it wants watched, its people. Compiled once at reload; a check asks.
//!
//! A hosting company's thousands of domains are no one firm: there only the domains of the mail's own recipients are watched.

mod people;
mod watched;

pub use people::{Closeness, Namesake, People};
pub use watched::{How, Likeness, Watched};

use super::read::hosts;
use crate::{base::limits, mail::Domain};
use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

/// What a check may know of the recipients' organisation.
#[derive(Debug, Default)]
pub struct House {
    /// Hashes of the registered names of all own domains, sorted: there may be millions.
    own: Vec<u64>,
    /// Are they among `watched`?
    watches_own: bool,
    watched: Watched,
    people: People,
    hasher: RandomState,
}

/// A house while its domains come in.
#[derive(Debug, Default)]
pub struct Foundation {
    own: Vec<u64>,
    /// One more than are watched, if there are so many.
    first: HashSet<Domain>,
    hasher: RandomState,
}

impl Foundation {
    /// Adds a domain of its own.
    pub fn own(&mut self, domain: &Domain) {
        self.own.push(self.hasher.hash_one(domain.registered()));
        if self.first.len() <= limits::OWN_DOMAINS_WATCHED_MAX {
            self.first.insert(domain.clone());
        }
    }

    /// The first of them: a firm has no more, a hosting company has.
    pub fn first(&self) -> impl Iterator<Item = &Domain> {
        self.first.iter()
    }

    /// Compiles the house.
    pub fn house(mut self, protected: &[Domain], people: People) -> House {
        self.own.sort_unstable();
        self.own.dedup();
        self.own.shrink_to_fit();
        let watches_own = self.first.len() <= limits::OWN_DOMAINS_WATCHED_MAX;
        let own = self.first.iter().filter(|_| watches_own);
        let watched = Watched::new(protected.iter().chain(own));
        House { own: self.own, watches_own, watched, people, hasher: self.hasher }
    }
}

impl House {
    /// Is this registered domain one of the house's own?
    pub fn owns(&self, owner: &str) -> bool {
        self.own.binary_search(&self.hasher.hash_one(owner)).is_ok()
    }

    /// Whose name is this, though it comes from that address elsewhere?
    pub fn namesake(&self, name: &str, address: &str) -> Option<Namesake> {
        self.people.namesake(name, address)
    }

    /// What is watched for a mail to these domains, beside what always is.
    pub fn watched_for<'a>(
        &'a self,
        recipients: impl Iterator<Item = &'a Domain>,
    ) -> WatchedFor<'a> {
        let own = recipients.take(limits::RECIPIENT_DOMAINS_WATCHED_MAX);
        let own = own.filter(|domain| !self.watches_own && self.owns(domain.registered()));
        WatchedFor { house: self, recipients: Watched::new(own) }
    }
}

/// The domains that a mail's foreign names are compared with.
#[derive(Debug)]
pub struct WatchedFor<'a> {
    house: &'a House,
    recipients: Watched,
}

impl WatchedFor<'_> {
    /// Nothing is.
    pub fn is_empty(&self) -> bool {
        self.house.watched.is_empty() && self.recipients.is_empty()
    }

    /// The domain that a host's name looks like without being it.
    pub fn likeness(&self, host: &str) -> Option<Likeness<'_>> {
        if self.house.owns(&hosts::owner(host)?) {
            return None;
        }
        self.house.watched.likeness(host).or_else(|| self.recipients.likeness(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosting_company_watches_for_those_who_are_written_to() {
        let domain = |name: &str| Domain::parse(name).unwrap();
        let many: Vec<Domain> = (0..limits::OWN_DOMAINS_WATCHED_MAX + 1)
            .map(|n| domain(&format!("customer{n}.example")))
            .chain([domain("lindstroms.example"), domain("bergstroms.example")])
            .collect();
        let few = &many[limits::OWN_DOMAINS_WATCHED_MAX - 1..];
        let protected = [domain("partner.example")];
        let recipients = [domain("lindstroms.example"), domain("elsewhere.example")];
        for (own, host, want) in [
            (&many[..], "1indstroms.test", true),
            (&many[..], "bergstrorns.test", false),
            (few, "bergstrorns.test", true),
            (&many[..], "bergstroms.example", false),
            (&many[..], "partnr.test", true),
            (&many[..], "partner.example", false),
            // Not ours, so not watched.
            (&many[..], "e1sewhere.test", false),
        ] {
            let mut foundation = Foundation::default();
            own.iter().for_each(|domain| foundation.own(domain));
            let house = foundation.house(&protected, People::default());
            let watched = house.watched_for(recipients.iter());
            assert_eq!(watched.likeness(host).is_some(), want, "{host}, {} own", own.len());
            assert!(!watched.is_empty());
        }
        let empty = House::default();
        assert!(empty.watched_for(recipients.iter()).is_empty());
    }
}
