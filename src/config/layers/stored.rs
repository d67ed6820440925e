//! The stored layer as values: entries of a kind with a name, and the changes between its versions.
//!
//! An entry's value is JSON of the shape that the file has in TOML, without the name. Most domains have the same value, so each
//! different one is held once.

use super::Target;
use crate::{base::clock::UnixMs, mail::Organisation};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fmt,
};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An `[[organisation]]`.
    Organisation,
    /// A `[[domain]]`.
    Domain,
    /// A `[[policy]]`.
    Policy,
    /// A single value under a dotted path, such as `limits.connections`.
    Setting,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Organisation, Kind::Domain, Kind::Policy, Kind::Setting];

    /// The word for it, which is the key in the file for all but settings.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Organisation => "organisation",
            Kind::Domain => "domain",
            Kind::Policy => "policy",
            Kind::Setting => "setting",
        }
    }

    /// From [`Kind::word`].
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The kinds of which the file has a list of tables with names.
    pub fn from_list_key(key: &str) -> Option<Kind> {
        Kind::from_word(key).filter(|kind| *kind != Kind::Setting)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One entry that is no domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// What it is.
    pub kind: Kind,
    /// Its name, or the path of a setting.
    pub name: String,
    /// Its value, JSON.
    pub value: String,
    /// The version that wrote it.
    pub version: u32,
}

impl StoredEntry {
    /// A value in it, by its keys; none: all of it.
    pub(super) fn target(&self, keys: Vec<String>) -> Target {
        Target { kind: self.kind, name: self.name.clone(), keys }
    }
}

/// The stored layer.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The newest version; 0 before the first change.
    pub version: u32,
    pub(super) entries: Vec<StoredEntry>,
    pub(super) domains: StoredDomains,
}

/// The domains in it, held as [`crate::config::DomainTable`] holds them.
#[derive(Debug, Clone, Default)]
pub(super) struct StoredDomains {
    pub(super) names: String,
    pub(super) rows: Vec<StoredDomain>,
    pub(super) values: Vec<String>,
    by_value: HashMap<String, usize>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct StoredDomain {
    /// Where its name ends; it begins where that before it ended.
    pub(super) name_end: usize,
    pub(super) value: usize,
    pub(super) version: u32,
}

impl Stored {
    /// One more entry, as it is read.
    pub fn add(&mut self, kind: Kind, name: &str, value: &str, version: u32) {
        match kind {
            Kind::Domain => self.domains.add(name, value, version),
            Kind::Organisation | Kind::Policy | Kind::Setting => self.entries.push(StoredEntry {
                kind,
                name: name.to_string(),
                value: value.to_string(),
                version,
            }),
        }
    }

    /// What is stored of these domains, as entries.
    pub(super) fn of_domains(&self, names: &HashSet<String>) -> Vec<StoredEntry> {
        if names.is_empty() {
            return Vec::new();
        }
        let meant = self.domain_values().filter(|(name, ..)| names.contains(*name));
        let entry = |(name, value, version): (&str, &str, u32)| StoredEntry {
            kind: Kind::Domain,
            name: name.to_string(),
            value: value.to_string(),
            version,
        };
        meant.map(entry).collect()
    }

    /// Each stored domain: its name, its value and its version.
    pub(super) fn domain_values(&self) -> impl Iterator<Item = (&str, &str, u32)> {
        self.domains.iter().map(|(name, row)| {
            let value = self.domains.values.get(row.value).map_or("{}", String::as_str);
            (name, value, row.version)
        })
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.domains.rows.is_empty()
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.len() + self.domains.rows.len()
    }

    /// Everything in it as a TOML document in the file's own form, for scripts.
    pub fn to_document(&self) -> Result<String, NotAValue> {
        let mut settings = toml::Table::new();
        let mut lists: HashMap<Kind, Vec<toml::Value>> = HashMap::new();
        for entry in &self.entries {
            if entry.kind == Kind::Setting {
                let keys: Vec<&str> = entry.name.split('.').collect();
                super::insert(&mut settings, &keys, from_json(&entry.value)?);
            } else {
                lists.entry(entry.kind).or_default().push(named(&entry.name, &entry.value)?);
            }
        }
        for (name, row) in self.domains.iter() {
            let value = self.domains.values.get(row.value).map_or("{}", String::as_str);
            lists.entry(Kind::Domain).or_default().push(named(name, value)?);
        }
        let write = |table: &toml::Table| {
            toml::to_string(table).map_err(|error| NotAValue(error.to_string()))
        };
        let mut text = write(&settings)?;
        // In this order: what is named stands before what names it.
        for kind in [Kind::Organisation, Kind::Policy, Kind::Domain] {
            for value in lists.remove(&kind).unwrap_or_default() {
                let one = toml::Table::from_iter([(
                    kind.word().to_string(),
                    toml::Value::Array(vec![value]),
                )]);
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&write(&one)?);
            }
        }
        Ok(text)
    }
}

impl StoredDomains {
    fn add(&mut self, name: &str, value: &str, version: u32) {
        let value = match self.by_value.get(value) {
            Some(value) => *value,
            None => {
                self.values.push(value.to_string());
                self.by_value.insert(value.to_string(), self.values.len() - 1);
                self.values.len() - 1
            }
        };
        self.names.push_str(name);
        self.rows.push(StoredDomain { name_end: self.names.len(), value, version });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, StoredDomain)> {
        let starts = std::iter::once(0).chain(self.rows.iter().map(|row| row.name_end));
        starts
            .zip(&self.rows)
            .map(|(start, row)| (self.names.get(start..row.name_end).unwrap_or(""), *row))
    }
}

/// A version of the stored layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its number, from 1.
    pub version: u32,
    /// When it was made.
    pub at: UnixMs,
    /// By whom.
    pub author: String,
    /// Why; may be empty.
    pub comment: String,
    /// How many entries it changed.
    pub changes: u64,
}

/// What one version did to one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What the entry is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its value before, JSON; none: it was not there.
    pub before: Option<String>,
    /// Its value since, JSON; none: it is gone.
    pub after: Option<String>,
}

impl Change {
    /// Whose entry it is.
    pub fn organisation(&self) -> Organisation {
        let value = self.after.as_deref().or(self.before.as_deref()).unwrap_or("{}");
        match self.kind {
            Kind::Organisation => Organisation::named(&self.name),
            Kind::Setting => Organisation::implied(),
            Kind::Domain | Kind::Policy => serde_json::from_str::<serde_json::Value>(value)
                .ok()
                .and_then(|value| Some(Organisation::named(value.get("organisation")?.as_str()?)))
                .unwrap_or_else(Organisation::implied),
        }
    }

    /// The way back.
    pub fn undone(self) -> Change {
        Change { before: self.after, after: self.before, ..self }
    }
}

impl fmt::Display for Change {
    /// `+ domain a.example {…}`, `- policy strict`, `~ limits.connections 500 -> 1000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Setting => String::new(),
            Kind::Organisation | Kind::Domain | Kind::Policy => format!("{} ", self.kind),
        };
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "+ {kind}{} {after}", self.name),
            (Some(before), None) => write!(f, "- {kind}{} {before}", self.name),
            (Some(before), Some(after)) => {
                write!(f, "~ {kind}{} {before} -> {after}", self.name)
            }
            (None, None) => write!(f, "  {kind}{}", self.name),
        }
    }
}

/// A stored value that is not what we store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored value is not understood: {0}")]
pub struct NotAValue(pub String);

/// A stored value in the form of the file.
pub fn from_json(value: &str) -> Result<toml::Value, NotAValue> {
    let value: serde_json::Value =
        serde_json::from_str(value).map_err(|error| NotAValue(error.to_string()))?;
    toml::Value::try_from(value).map_err(|error| NotAValue(error.to_string()))
}

/// A value of the file in the form that is stored: keys in order, so that what is alike is the same text.
pub fn to_json(value: &toml::Value) -> Result<String, NotAValue> {
    let value = serde_json::to_value(value).map_err(|error| NotAValue(error.to_string()))?;
    Ok(value.to_string())
}

/// What says that an entry is of a domain that stands in the file: once that is gone from there, what is stored makes no domain of its own.
pub const BESIDE_FILE: &str = "beside-file";

/// Is a stored value only what is laid under what the file says?
pub fn is_beside_file(value: &str) -> bool {
    from_json(value).is_ok_and(|value| value.get(BESIDE_FILE).is_some())
}

/// A stored value with one key in it set; no value yet is an empty one.
pub fn with_key(
    value: Option<&str>,
    keys: &[String],
    new: toml::Value,
) -> Result<String, NotAValue> {
    let mut table = table_of(from_json(value.unwrap_or("{}"))?)?;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    super::insert(&mut table, &keys, new);
    to_json(&toml::Value::Table(table))
}

/// A stored value without one of its keys; none when the key is not there.
pub fn without_key(value: &str, keys: &[String]) -> Result<Option<String>, NotAValue> {
    let mut table = table_of(from_json(value)?)?;
    match take_out(&mut table, keys) {
        true => to_json(&toml::Value::Table(table)).map(Some),
        false => Ok(None),
    }
}

/// Takes a value out, and the tables around it that have nothing else in them.
fn take_out(table: &mut toml::Table, keys: &[String]) -> bool {
    let Some((first, rest)) = keys.split_first() else { return false };
    if rest.is_empty() {
        return table.remove(first).is_some();
    }
    let Some(inner) = table.get_mut(first).and_then(toml::Value::as_table_mut) else {
        return false;
    };
    let is_out = take_out(inner, rest);
    if is_out && inner.is_empty() {
        table.remove(first);
    }
    is_out
}

fn named(name: &str, value: &str) -> Result<toml::Value, NotAValue> {
    let mut table = table_of(from_json(value)?)?;
    table.insert("name".to_string(), toml::Value::String(name.to_string()));
    Ok(toml::Value::Table(table))
}

/// The table that a value is.
pub(super) fn table_of(value: toml::Value) -> Result<toml::Table, NotAValue> {
    let found = value.type_str();
    match value {
        toml::Value::Table(table) => Ok(table),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_) => Err(NotAValue(format!("a table was expected, not {found}"))),
    }
}
