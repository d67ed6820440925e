//! What is stored of domains that stand on a line of a domains-file: the line wins key by key, and what it does not say is laid under it.

use super::{
    BESIDE_FILE, Kind, LayerError, Stored, Target, from_json, path::domain_with, stored::table_of,
};
use crate::{config::error::explain, mail::Domain};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is stored of one such domain, and holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfLine {
    /// The version that stored it.
    pub(super) version: u32,
    pub(super) keys: BTreeSet<String>,
}

/// All stored domains by name, for a reader of lines; and what it found.
#[derive(Debug, Default)]
pub(in crate::config) struct Beside<'a> {
    stored: HashMap<&'a str, (&'a str, u32)>,
    pub(super) found: BTreeMap<String, OfLine>,
    pub(super) hidden: Vec<Target>,
}

impl<'a> Beside<'a> {
    /// Of this store, if there are lines to be read.
    pub(super) fn new(stored: &'a Stored, has_lines: bool) -> Beside<'a> {
        let mut beside = Beside::default();
        if has_lines {
            beside.stored =
                stored.domain_values().map(|(name, value, at)| (name, (value, at))).collect();
        }
        beside
    }

    /// Is anything stored of this domain?
    pub(in crate::config) fn has(&self, name: &Domain) -> bool {
        self.stored.contains_key(name.as_str())
    }

    /// Lays what is stored of a domain under what its line says.
    pub(in crate::config) fn lay(
        &mut self,
        name: &Domain,
        own: &mut toml::Table,
    ) -> Result<(), LayerError> {
        let Some((value, version)) = self.stored.get(name.as_str()).copied() else { return Ok(()) };
        let wrong = |key: &str, message: String, mend: String| LayerError::Stored {
            kind: Kind::Domain,
            name: name.to_string(),
            version,
            key: key.to_string(),
            message,
            mend,
        };
        let table = from_json(value).and_then(table_of);
        let table = table.map_err(|why| wrong("", why.to_string(), String::new()))?;
        let mut keys = BTreeSet::new();
        for (key, value) in table.into_iter().filter(|(key, _)| key != BESIDE_FILE) {
            if own.contains_key(&key) {
                let (kind, name) = (Kind::Domain, name.to_string());
                self.hidden.push(Target { kind, name, keys: vec![key] });
                continue;
            }
            domain_with(&key, &value).map_err(|error| {
                let (message, mend) = explain(&error);
                wrong(&key, message, mend)
            })?;
            own.insert(key.clone(), value);
            keys.insert(key);
        }
        self.found.insert(name.to_string(), OfLine { version, keys });
        Ok(())
    }
}
