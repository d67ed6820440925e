//! All domains of a configuration in the order of their names, wherever they stand, and each as a line of a domains-file.

use super::origin::{plain_domain, table_of};
use crate::config::{DomainEntry, TablePlace, file::Config};
use std::iter::Peekable;

/// One of our domains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnyDomain<'a> {
    /// Its name.
    pub name: &'a str,
    /// How it is kept; the name in there may be that of another that is kept alike.
    pub kept: &'a DomainEntry,
    /// Where it stands.
    pub from: DomainFrom,
}

/// Where a domain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainFrom {
    /// It is the `[[domain]]` of this number in the operator's file.
    Entry(usize),
    /// In a domains-file or the stored layer.
    Table(TablePlace),
}

/// All of them, by name.
pub fn all_domains(config: &Config) -> impl Iterator<Item = AnyDomain<'_>> {
    let mut entries: Vec<AnyDomain<'_>> = (0..)
        .zip(&config.domains)
        .map(|(number, kept)| AnyDomain {
            name: kept.name.as_str(),
            kept,
            from: DomainFrom::Entry(number),
        })
        .collect();
    entries.sort_by_key(|domain| domain.name);
    let rows = config.domain_table.iter().map(|domain| AnyDomain {
        name: domain.name,
        kept: domain.kept,
        from: DomainFrom::Table(domain.from),
    });
    ByName { one: entries.into_iter().peekable(), other: rows.peekable() }
}

/// What stands behind a domain's name in a domains-file that has no defaults.
pub fn line_of(kept: &DomainEntry) -> String {
    let hops: Vec<String> = kept.next_hop.0.iter().map(ToString::to_string).collect();
    let mut words = vec![hops.join(",")];
    let plain = plain_domain();
    for (key, value) in table_of(kept) {
        if key == "name" || key == "next-hop" || plain.get(&key) == Some(&value) {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        words.push(format!("{key}={value}"));
    }
    words.join(" ")
}

/// Two iterators, each in order, as one.
struct ByName<'a, A: Iterator<Item = AnyDomain<'a>>, B: Iterator<Item = AnyDomain<'a>>> {
    one: Peekable<A>,
    other: Peekable<B>,
}

impl<'a, A, B> Iterator for ByName<'a, A, B>
where
    A: Iterator<Item = AnyDomain<'a>>,
    B: Iterator<Item = AnyDomain<'a>>,
{
    type Item = AnyDomain<'a>;

    fn next(&mut self) -> Option<AnyDomain<'a>> {
        match (self.one.peek(), self.other.peek()) {
            (Some(one), Some(other)) if one.name > other.name => self.other.next(),
            (Some(_), _) => self.one.next(),
            (None, _) => self.other.next(),
        }
    }
}
