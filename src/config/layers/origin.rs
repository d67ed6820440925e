//! Where each value of the merged configuration is from, and the configuration as a list of single values.

use super::{
    AnyDomain, DomainFrom, Kind, Merged, Target, named_in,
    path::{domain_with, whole_value},
    written::Lines,
};
use crate::config::{DomainEntry, TableDomain, TablePlace, domains_file, file::Config};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said it.
    Default,
    /// The operator's file or a domains-file; only there it can be changed.
    File {
        /// Which.
        file: PathBuf,
        /// From 1.
        line: usize,
    },
    /// `--data` on the command line.
    CommandLine,
    /// Trial mode has it built in.
    Trial,
    /// The stored layer, since this version.
    Stored {
        /// Which version.
        version: u32,
    },
}

impl Origin {
    /// The file layer says it, so that no command can change it.
    pub fn is_locked(&self) -> bool {
        match self {
            Origin::File { .. } | Origin::CommandLine | Origin::Trial => true,
            Origin::Default | Origin::Stored { .. } => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { file, line } => write!(f, "{}:{line}", file.display()),
            Origin::CommandLine => f.write_str("the command line"),
            Origin::Trial => f.write_str("trial mode"),
            Origin::Stored { version } => write!(f, "stored, version {version}"),
        }
    }
}

/// One value of the merged configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Its path as commands name it: `policy.strict.mark`.
    pub path: String,
    /// What it is.
    pub value: toml::Value,
    /// Where it is from.
    pub origin: Origin,
}

impl Merged {
    /// All values but those of [`Config::domain_table`] domains, in the order of the file's sections.
    pub fn values(&self) -> Vec<Value> {
        let lines = self.written.lines();
        let mut values = Vec::new();
        for (path, place, value) in flat(&self.config) {
            values.push(Value { origin: self.origin(lines, &place), path, value });
        }
        values
    }

    /// The values of one domain, wherever it stands.
    pub fn domain_values(&self, domain: TableDomain<'_>) -> Vec<Value> {
        let origin = self.table_origin(domain.from);
        let (defaults, plain) = (&self.config.domain_defaults, plain_domain());
        let beside = self.beside.get(domain.name);
        let said_by = |key: &str, value: &toml::Value| match defaults.get(key) {
            _ if beside.is_some_and(|beside| beside.keys.contains(key)) => {
                Origin::Stored { version: beside.map_or(0, |beside| beside.version) }
            }
            Some(default) if said_alike(key, default, value) => {
                self.origin(self.written.lines(), &format!("domain-defaults.{key}"))
            }
            None if plain.get(key) == Some(value) => Origin::Default,
            Some(_) | None => origin.clone(),
        };
        let said = table_of(domain.kept).into_iter().filter(|(key, _)| key != "name");
        said.map(|(key, value)| Value {
            path: format!("domain.{}.{key}", domain.name),
            origin: said_by(&key, &value),
            value,
        })
        .collect()
    }

    /// Where a domain of [`Config::domain_table`] stands.
    pub fn table_origin(&self, from: TablePlace) -> Origin {
        match from {
            TablePlace::Stored { version } => Origin::Stored { version },
            TablePlace::File { file, line } => Origin::File {
                file: {
                    let file = self.written.domains().get(usize::from(file));
                    file.map(|file| file.file.clone()).unwrap_or_default()
                },
                line: usize::try_from(line).unwrap_or(usize::MAX),
            },
        }
    }

    /// The place in the file layer that locks a value; none when a command may change it.
    pub fn lock(&self, target: &Target) -> Option<Origin> {
        self.written.lock(target)
    }

    /// The place where an entry stands in the file layer, though not all of its values need to.
    pub fn stands(&self, kind: Kind, name: &str) -> Option<Origin> {
        self.written.stands(kind, name)
    }

    /// A TOML text of this configuration, all or part of it, each value with its origin as a comment.
    ///
    /// The text has a line for each value, as `toml::to_string` writes it.
    pub fn with_origins(&self, text: &str, say: impl Fn(&Origin) -> String) -> String {
        let lines = self.written.lines();
        let mut section = Section::default();
        let mut out = String::with_capacity(text.len() * 2);
        for line in text.lines() {
            section.enter(line);
            match line.split_once(" = ").filter(|_| !line.starts_with('[')) {
                Some((key, _)) => {
                    let origin = self.origin(lines, &section.path_of(key.trim_matches('"')));
                    out.push_str(&format!("{line:<COMMENT_COLUMN$} # {}", say(&origin)));
                }
                None => out.push_str(line),
            }
            out.push('\n');
        }
        out
    }

    /// Where a domain stands.
    pub fn domain_origin(&self, domain: &AnyDomain<'_>) -> Origin {
        match domain.from {
            DomainFrom::Table(from) => self.table_origin(from),
            DomainFrom::Entry(number) => {
                self.origin(self.written.lines(), &format!("domain[{number}]"))
            }
        }
    }

    fn origin(&self, lines: &Lines, place: &str) -> Origin {
        if place == "data-dir" && self.written.data_dir_is_given() {
            return Origin::CommandLine;
        }
        if let Some(line) = lines.of(place) {
            return self.written.at_line(line);
        }
        // A stored table is one entry: what is in it is as old as it is.
        let mut around = place;
        loop {
            // A value may be a list of tables.
            let list = around.rsplit_once('[').map_or(around, |(list, _)| list);
            if let Some(version) = self.stored.get(around).or_else(|| self.stored.get(list)) {
                return Origin::Stored { version: *version };
            }
            match around.rsplit_once('.') {
                Some((outer, _)) => around = outer,
                None => break,
            }
        }
        let of_domain = place.strip_prefix("domain[").and_then(|rest| rest.split_once("]."));
        match of_domain {
            Some((_, key)) if self.config.domain_defaults.contains_key(key) => {
                self.origin(lines, &format!("domain-defaults.{key}"))
            }
            Some(_) | None => Origin::Default,
        }
    }
}

impl super::Written {
    /// The place in the file layer that locks a value: it says that value, or the rule that it is in. An entry as a whole is never locked.
    pub fn lock(&self, target: &Target) -> Option<Origin> {
        let Target { kind, name, keys } = target;
        if *kind == Kind::Setting {
            let keys: Vec<&str> = name.split('.').collect();
            super::get(&self.table, &keys)?;
            return Some(self.at_line(self.lines().of(name).unwrap_or(1)));
        }
        let keys = whole_value(*kind, keys).unwrap_or(keys);
        let Some(number) = named_in(&self.table, *kind, name) else {
            let line = self.line_of(*kind, name)?;
            return keys.first().filter(|key| line.says(key)).map(|_| line.origin());
        };
        let item = self.table.get(kind.word())?.as_array()?.get(number)?.as_table()?;
        let way: Vec<&str> = keys.iter().map(String::as_str).collect();
        // Of a table each value is locked by itself.
        let is_whole = whole_value(*kind, keys).is_some();
        super::get(item, &way).filter(|said| is_whole || !said.is_table())?;
        let mut place = format!("{kind}[{number}].{}", keys.join("."));
        loop {
            match (self.lines().of(&place), place.rsplit_once('.')) {
                (Some(line), _) => return Some(self.at_line(line)),
                (None, Some((outer, _))) => place = outer.to_string(),
                (None, None) => return Some(self.at_line(1)),
            }
        }
    }

    /// The place where an entry stands in the file layer.
    pub fn stands(&self, kind: Kind, name: &str) -> Option<Origin> {
        match named_in(&self.table, kind, name) {
            Some(number) => {
                let line = self.lines().of(&format!("{kind}[{number}]"));
                Some(self.at_line(line.unwrap_or(1)))
            }
            None => self.line_of(kind, name).map(|line| line.origin()),
        }
    }

    /// The line of a domains-file that a domain stands on.
    fn line_of(&self, kind: Kind, name: &str) -> Option<Line<'_>> {
        let name = crate::mail::Domain::parse(name).ok().filter(|_| kind == Kind::Domain)?;
        self.domains().iter().find_map(|file| {
            let (number, text) = domains_file::line_of(&file.text, &name)?;
            Some(Line { file: &file.file, number, text })
        })
    }

    fn at_line(&self, line: usize) -> Origin {
        match &self.file {
            Some(file) => Origin::File { file: file.clone(), line },
            None => Origin::Trial,
        }
    }
}

/// A line of a domains-file.
struct Line<'a> {
    file: &'a Path,
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    fn says(&self, key: &str) -> bool {
        domains_file::says(self.text, key)
    }

    fn origin(&self) -> Origin {
        Origin::File { file: self.file.to_path_buf(), line: self.number }
    }
}

/// Every single value of a configuration: its path by names, its place by numbers, and what it is.
pub(super) fn flat(config: &Config) -> Vec<(String, String, toml::Value)> {
    let mut out = Vec::new();
    match toml::Value::try_from(config) {
        Ok(value) => flatten("", "", value, &mut out),
        // Every type in it serialises; a test sees it if one did not.
        Err(error) => {
            out.push((String::new(), String::new(), toml::Value::String(error.to_string())))
        }
    }
    out
}

fn flatten(
    path: &str,
    place: &str,
    value: toml::Value,
    out: &mut Vec<(String, String, toml::Value)>,
) {
    let under = |outer: &str, key: &str| match outer {
        "" => key.to_string(),
        outer => format!("{outer}.{key}"),
    };
    if let toml::Value::Table(table) = value {
        for (key, value) in table {
            flatten(&under(path, &key), &under(place, &key), value, out);
        }
        return;
    }
    let tables = value.as_array().filter(|list| list.iter().any(toml::Value::is_table));
    let Some(list) = tables else {
        out.push((path.to_string(), place.to_string(), value));
        return;
    };
    for (number, item) in list.iter().enumerate() {
        let name = item.get("name").and_then(toml::Value::as_str);
        let name = name.map_or_else(|| number.to_string(), str::to_string);
        flatten(&under(path, &name), &format!("{place}[{number}]"), item.clone(), out);
    }
}

/// A domain's keys and values.
pub(super) fn table_of(entry: &DomainEntry) -> toml::Table {
    toml::Table::try_from(entry).unwrap_or_default()
}

/// The keys and values of a domain of which nothing is said.
pub(super) fn plain_domain() -> toml::Table {
    let nothing = toml::Value::Array(Vec::new());
    domain_with("next-hop", &nothing).map(|entry| table_of(&entry)).unwrap_or_default()
}

/// Does a value say what the defaults say? A next hop may stand alone or in a list, with its port or without.
fn said_alike(key: &str, default: &toml::Value, value: &toml::Value) -> bool {
    let alike = domain_with(key, default).ok();
    alike.is_some_and(|entry| table_of(&entry).get(key) == Some(value))
}

/// The section of a TOML text that a line is in.
#[derive(Default)]
struct Section {
    path: String,
    counts: std::collections::HashMap<String, usize>,
}

impl Section {
    fn enter(&mut self, line: &str) {
        if let Some(list) = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
            let place = self.numbered(list, false);
            let count = self.counts.entry(place.clone()).or_insert(0);
            *count += 1;
            self.path = format!("{place}[{}]", *count - 1);
        } else if let Some(table) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            self.path = self.numbered(table, true);
        }
    }

    /// `policy.actions` as `policy[1].actions`: a table in a list is in its last table.
    fn numbered(&self, header: &str, with_last: bool) -> String {
        let words: Vec<&str> = header.split('.').collect();
        let mut place = String::new();
        for (number, word) in words.iter().enumerate() {
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(word.trim_matches('"'));
            let is_last = number + 1 == words.len();
            if let Some(count) = self.counts.get(&place)
                && (with_last || !is_last)
            {
                place.push_str(&format!("[{}]", count.saturating_sub(1)));
            }
        }
        place
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_string(),
            path => format!("{path}.{key}"),
        }
    }
}

/// Where comments begin, when the value leaves room.
const COMMENT_COLUMN: usize = 44;
