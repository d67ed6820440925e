//! `limits.connections`, `policy.strict.quarantine`, `domain.example.se.next-hop`: the paths that commands name.
//!
//! A domain's name may stand as it is, dots and all; a name that would be misread is put in quotes, as in TOML.

use super::{Kind, domains_file};
use crate::{
    config::{
        error::{explain, unknown_field},
        file::Config,
    },
    mail::Domain,
};
use serde::Deserialize;
use std::fmt;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the entry is.
    pub kind: Kind,
    /// Its name; for a setting the whole path.
    pub name: String,
    /// The keys inside it; none: the whole entry.
    pub keys: Vec<String>,
}

/// Why a path names nothing that can be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATarget {
    /// It is no path.
    #[error("{0:?} is no path: write one such as limits.connections or policy.strict.quarantine")]
    NotAPath(String),
    /// Only a list is named.
    #[error("{kind} needs a name: {kind}.NAME")]
    NoName {
        /// The list.
        kind: Kind,
    },
    /// It may stand in the file alone.
    #[error("{path} cannot be stored: it belongs in the file; stored are organisation.NAME, domain.NAME, policy.NAME and what begins with {}", STORABLE.join(", "))]
    FileOnly {
        /// The path.
        path: String,
    },
    /// There is no such key, neither to be stored nor in the file.
    #[error("there is no key {path}; the nearest are {}", near.join(", "))]
    NoSuchKey {
        /// The path.
        path: String,
        /// Those that there are, the nearest first.
        near: Vec<String>,
    },
    /// The name is no name of a domain.
    #[error("{name:?} is no domain: {why}")]
    NotADomain {
        /// What was written.
        name: String,
        /// Why not.
        why: String,
    },
}

impl fmt::Display for Target {
    /// The path that commands name it by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == Kind::Setting {
            return f.write_str(&self.name);
        }
        // A domain's dots belong to its name, and are understood.
        let name = match self.kind {
            Kind::Domain => self.name.clone(),
            Kind::Organisation | Kind::Policy | Kind::Setting => word(&self.name),
        };
        write!(f, "{}.{name}", self.kind)?;
        self.keys.iter().try_for_each(|key| write!(f, ".{}", word(key)))
    }
}

/// A word of a path: in quotes where it has a dot.
fn word(text: &str) -> String {
    if text.contains('.') { format!("\"{text}\"") } else { text.to_string() }
}

impl Target {
    /// Reads a path.
    pub fn parse(path: &str) -> Result<Target, NotATarget> {
        let mut words = words(path).ok_or_else(|| NotATarget::NotAPath(path.to_string()))?;
        let first = words.first().cloned().unwrap_or_default();
        let Some(kind) = Kind::from_list_key(&first) else {
            return match may_be_stored(path) {
                true => Ok(Target { kind: Kind::Setting, name: words.join("."), keys: Vec::new() }),
                false => Err(match keys_near(&words) {
                    Some(near) => NotATarget::NoSuchKey { path: path.to_string(), near },
                    None => NotATarget::FileOnly { path: path.to_string() },
                }),
            };
        };
        words.remove(0);
        if words.is_empty() {
            return Err(NotATarget::NoName { kind });
        }
        if kind != Kind::Domain {
            let name = words.remove(0);
            return Ok(Target { kind, name, keys: words });
        }
        // No name of a domain ends so: it is a key with a capital, which would become part of the name.
        if let Some(last) = words.last().filter(|last| words.len() > 1 && is_capital_key(last)) {
            let start = path.strip_suffix(last.as_str()).unwrap_or_default();
            let near = vec![format!("{start}{}", last.to_lowercase())];
            return Err(NotATarget::NoSuchKey { path: path.to_string(), near });
        }
        // All of it is the name, but for a last word that is a key of [[domain]].
        let is_key = words.len() > 1 && words.last().is_some_and(|word| is_key_of_domain(word));
        let keys = if is_key { words.split_off(words.len() - 1) } else { Vec::new() };
        Ok(Target { kind, name: domain_name(&words.join("."))?, keys })
    }

    /// A whole entry.
    pub fn entry(kind: Kind, name: &str) -> Result<Target, NotATarget> {
        let name = match kind {
            Kind::Domain => domain_name(name)?,
            Kind::Organisation | Kind::Policy | Kind::Setting => name.to_string(),
        };
        Ok(Target { kind, name, keys: Vec::new() })
    }
}

/// A value from a command line: as TOML where it is that, else a text, so that nobody needs to quote quotes.
pub fn read_value(text: &str) -> toml::Value {
    let document = format!("value = {text}\n").parse::<toml::Table>();
    match document.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"))
    {
        Some(value) => value,
        None => toml::Value::String(text.to_string()),
    }
}

/// The single values of an entry, each with its keys. A list is one value, and so is a rule of a policy, whose parts mean nothing alone.
pub fn values_of(kind: Kind, table: toml::Table) -> Vec<(Vec<String>, toml::Value)> {
    let mut found = Vec::new();
    gather(kind, &[], table, &mut found);
    found
}

fn gather(
    kind: Kind,
    way: &[String],
    table: toml::Table,
    found: &mut Vec<(Vec<String>, toml::Value)>,
) {
    for (key, value) in table {
        let keys: Vec<String> = way.iter().cloned().chain([key]).collect();
        if let (None, Some(inner)) = (whole_value(kind, &keys), value.as_table()) {
            gather(kind, &keys, inner.clone(), found);
        } else {
            found.push((keys, value));
        }
    }
}

/// The way to the rule that these keys are in, or are: it is one value.
pub(super) fn whole_value(kind: Kind, keys: &[String]) -> Option<&[String]> {
    let is_in_rule = kind == Kind::Policy && keys.first().is_some_and(|key| key == RULES);
    keys.get(..2).filter(|_| is_in_rule)
}

/// The key of a policy that has a table for each rule.
const RULES: &str = "rules";

/// The single settings in a table under a path, each with its own path.
pub fn settings_of(path: &str, value: toml::Value) -> Vec<(String, toml::Value)> {
    let toml::Value::Table(table) = value else { return vec![(path.to_string(), value)] };
    let inner = table.into_iter();
    inner.flat_map(|(key, value)| settings_of(&format!("{path}.{key}"), value)).collect()
}

/// May this setting live in the store? What opens ports, names files or says where the store is stays the operator's.
pub(super) fn may_be_stored(path: &str) -> bool {
    path.split_once('.').is_some_and(|(first, rest)| STORABLE.contains(&first) && !rest.is_empty())
}

/// A domain of which only one key is said, to see whether that key reads well.
pub(super) fn domain_with(
    key: &str,
    value: &toml::Value,
) -> Result<crate::config::DomainEntry, toml::de::Error> {
    let own = toml::Table::from_iter([(key.to_string(), value.clone())]);
    let name = Domain::parse("localhost").unwrap_or_else(|_| unreachable!("localhost is a domain"));
    domains_file::entry_of(&name, &own, &toml::Table::new())
}

/// The value of a key of `[[domain]]` in the form in which it is kept; the error is what is said of it in a file.
pub fn domain_value(key: &str, value: &toml::Value) -> Result<toml::Value, String> {
    let entry = domain_with(key, value).map_err(|error| {
        let (message, mend) = explain(&error);
        if mend.is_empty() { message } else { format!("{message}; {mend}") }
    })?;
    let kept = toml::Table::try_from(&entry).ok().and_then(|mut table| table.remove(key));
    Ok(kept.unwrap_or_else(|| value.clone()))
}

fn is_key_of_domain(word: &str) -> bool {
    // The reader of [[domain]] knows its keys; a list of them here would fall behind.
    match domain_with(word, &toml::Value::String(String::new())) {
        Ok(_) => true,
        Err(error) => !error.message().contains("unknown field"),
    }
}

fn is_capital_key(word: &str) -> bool {
    let lower = word.to_lowercase();
    lower != word && is_key_of_domain(&lower)
}

/// The keys nearest to one that the configuration does not have; none: it has it, or what stands around it is no table.
fn keys_near(words: &[String]) -> Option<Vec<String>> {
    let nothing = toml::Value::String(String::new());
    let value = words.iter().rev().fold(nothing, |inner, word| {
        toml::Value::Table(toml::Table::from_iter([(word.clone(), inner)]))
    });
    // The reader of the file knows its keys; a list of them here would fall behind.
    unknown_field(Config::deserialize(value).err()?.message())
}

fn domain_name(text: &str) -> Result<String, NotATarget> {
    Domain::parse(text)
        .map(|domain| domain.to_string())
        .map_err(|why| NotATarget::NotADomain { name: text.to_string(), why: why.to_string() })
}

/// The words between dots; quotes keep one together.
fn words(path: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in path.chars() {
        match letter {
            '"' => quoted = !quoted,
            '.' if !quoted => words.push(String::new()),
            letter => words.last_mut()?.push(letter),
        }
    }
    (!quoted && words.iter().all(|word| !word.is_empty())).then_some(words)
}

/// What may be set one by one.
const STORABLE: &[&str] =
    &["admission", "authentication", "dns", "domain-defaults", "limits", "lists", "outbound"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_entries_keys_and_settings() {
        for (path, kind, name, keys) in [
            ("limits.connections", Kind::Setting, "limits.connections", &[][..]),
            ("policy.strict", Kind::Policy, "strict", &[]),
            ("policy.strict.outbound.reject", Kind::Policy, "strict", &["outbound", "reject"]),
            ("policy.\"v1.2\".mark", Kind::Policy, "v1.2", &["mark"]),
            ("organisation.acme.country", Kind::Organisation, "acme", &["country"]),
            ("domain.Example.SE", Kind::Domain, "example.se", &[]),
            ("domain.example.se.next-hop", Kind::Domain, "example.se", &["next-hop"]),
            (
                "domain.räksmörgås.example.policy",
                Kind::Domain,
                "xn--rksmrgs-5wao1o.example",
                &["policy"],
            ),
            ("domain.policy", Kind::Domain, "policy", &[]),
        ] {
            let want = Target {
                kind,
                name: name.to_string(),
                keys: keys.iter().map(ToString::to_string).collect(),
            };
            assert_eq!(Target::parse(path), Ok(want), "{path}");
        }
        for (path, part) in [
            ("", "no path"),
            ("limits..connections", "no path"),
            ("policy.\"a", "no path"),
            ("policy", "policy.NAME"),
            ("limits", "belongs in the file"),
            ("listener.mx.bind", "belongs in the file"),
            ("store.master-key", "belongs in the file"),
            ("data-dir", "belongs in the file"),
            ("tls.key", "belongs in the file"),
            ("web.admin", "belongs in the file"),
            ("domain.a b", "no domain"),
            ("bogus.key", "there is no key bogus.key; the nearest are "),
            ("Limits.connections", "the nearest are limits"),
            ("Policy.strict.mark", "the nearest are policy"),
            ("web.admim", "the nearest are admin"),
            ("domain.a.example.Policy", "the nearest are domain.a.example.policy"),
        ] {
            let error = Target::parse(path).unwrap_err().to_string();
            assert!(error.contains(part), "{path}: {error}");
        }
    }

    #[test]
    fn a_value_of_a_domain_is_kept_in_one_form() {
        let text = |text: &str| toml::Value::String(text.to_string());
        let hops = toml::Value::Array(vec![text("smtp://10.0.0.5:25")]);
        assert_eq!(domain_value("next-hop", &text("smtp://10.0.0.5")), Ok(hops));
        assert_eq!(domain_value("policy", &text("strict")), Ok(text("strict")));
        // What is not written where it is as by default is kept all the same.
        let no = toml::Value::Boolean(false);
        assert_eq!(domain_value("next-hop-xclient", &no), Ok(no));
        for (key, value, part) in [
            ("next-hop", "ftp://x", "is no next hop"),
            ("recipients", "some", "neither"),
            ("nexthop", "mx", "did you mean \"next-hop\""),
            ("when-away", "wait", "unknown variant"),
        ] {
            let why = domain_value(key, &text(value)).unwrap_err();
            assert!(why.contains(part), "{key}: {why}");
        }
    }

    #[test]
    fn values_need_no_quotes() {
        for (text, want) in [
            ("7.5", toml::Value::Float(7.5)),
            ("500", toml::Value::Integer(500)),
            ("true", toml::Value::Boolean(true)),
            ("25 MiB", toml::Value::String("25 MiB".to_string())),
            ("smtp://10.0.0.5", toml::Value::String("smtp://10.0.0.5".to_string())),
            ("\"7\"", toml::Value::String("7".to_string())),
            ("[\"a\"]", toml::Value::Array(vec![toml::Value::String("a".to_string())])),
            ("1\nb = 2", toml::Value::String("1\nb = 2".to_string())),
        ] {
            assert_eq!(read_value(text), want, "{text}");
        }
    }

    #[test]
    fn a_table_is_its_settings() {
        let table = toml::Value::Table("a = 1\n[b]\nc = 2".parse().unwrap());
        let settings = settings_of("limits", table);
        let paths: Vec<&str> = settings.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["limits.a", "limits.b.c"]);
    }
}
