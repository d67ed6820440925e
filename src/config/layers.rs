//! Two layers to one configuration: the operator's file, with its domains-files, over what is stored.
//!
//! The file wins value by value: what it says of a policy, an organisation or a domain hides what is stored under the same key, and
//! what it does not say there may be stored. A list is one value, and so is a rule of a policy. Only the merged whole is checked for
//! sense, so a policy may stand in one layer and the domain that names it in the other. Every value knows where it came from.

mod beside;
mod difference;
mod domains;
mod origin;
mod path;
mod stored;
mod written;

pub(in crate::config) use beside::Beside;
pub(in crate::config) use difference::paths_but_domains;
pub use difference::{Difference, difference};
pub use domains::{AnyDomain, DomainFrom, all_domains, line_of};
pub use origin::{Origin, Value};
pub use path::{NotATarget, Target, domain_value, read_value, settings_of, values_of};
pub use stored::{
    BESIDE_FILE, Change, Kind, NotAValue, Stored, StoredEntry, Version, from_json, is_beside_file,
    to_json, with_key, without_key,
};
pub use written::Written;

use crate::{
    config::{
        check::{self, Mistake},
        domain_table::{DomainTable, DomainTableBuilder, TablePlace, TooManyDomains, Twice},
        domains_file,
        error::{
            ConfigError,
            Step::{self, At, Key},
            explain,
        },
        file::{Config, DomainEntry},
    },
    mail::Domain,
};
use beside::OfLine;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use stored::table_of;

/// A domains-file that was read.
#[derive(Debug, Clone)]
pub struct DomainsFile {
    /// Its path, for messages.
    pub file: PathBuf,
    /// All of it.
    pub text: String,
}

/// The merged configuration, and where each value is from.
#[derive(Debug, Clone)]
pub struct Merged {
    /// What is in force.
    pub config: Config,
    /// Stored values that the file hides.
    pub hidden: Vec<Target>,
    written: Written,
    /// The version behind each stored value, by its path: `policy[1]`, `policy[0].mark`, `limits.connections`.
    stored: BTreeMap<String, u32>,
    /// What is stored of domains that stand on a line of a domains-file, by name.
    beside: BTreeMap<String, OfLine>,
}

/// What is wrong, in which layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// In the file or a domains-file.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// In the stored layer.
    #[error("{kind} {name} (stored, version {version}): {message}{}", if mend.is_empty() { String::new() } else { format!("; {mend}") })]
    Stored {
        /// What the entry is.
        kind: Kind,
        /// Its name.
        name: String,
        /// The version that wrote it.
        version: u32,
        /// The key in it that is wrong: "inbound.mark"; empty where it is none by itself.
        key: String,
        /// What is wrong.
        message: String,
        /// What to do about it; may be empty.
        mend: String,
    },
}

/// The file alone, for whoever has no other layer.
pub(super) fn alone(file: &Path, text: &str) -> Result<Config, ConfigError> {
    let written = Written::parse(file, text.to_string())?;
    match merge(written, &Stored::default()) {
        Ok(merged) => Ok(merged.config),
        Err(LayerError::File(error)) => Err(error),
        // Nothing is stored here, so nothing stored can be wrong.
        Err(LayerError::Stored { message, mend, .. }) => {
            Err(ConfigError { file: file.to_path_buf(), line: 1, column: 1, message, mend })
        }
    }
}

/// Puts the layers over each other and checks the whole. The domains-files are those of [`Written::with_domains`].
pub fn merge(written: Written, stored: &Stored) -> Result<Merged, LayerError> {
    let in_file = domains_in_file(&written.table);
    let of_domains = stored.of_domains(&in_file);
    let mut overlay = Overlay::new(&written.table);
    for entry in stored.entries.iter().chain(&of_domains) {
        overlay.lay(entry)?;
    }
    let Overlay { mut table, mut hidden, stored: stored_at, .. } = overlay;
    let defaults = domain_defaults(&written, &table, &stored_at)?;
    apply_defaults(&mut table, &defaults);
    let entries = || stored.entries.iter().chain(&of_domains);
    let mut config = Config::deserialize(toml::Value::Table(table))
        .map_err(|error| blame(&written, entries(), &error))?;
    let files = written.domains();
    let mut beside = Beside::new(stored, !files.is_empty());
    let domains = domain_table(&config, files, stored, &defaults, &mut beside)?;
    let Beside { found, hidden: hidden_in_lines, .. } = beside;
    hidden.extend(hidden_in_lines);

    // What is said of many domains is checked once, on the first of them, by the same rules as any [[domain]].
    let own_domains = config.domains.len();
    config.domains.extend(domains.kept().iter().cloned());
    let domains = Arc::new(domains);
    config.domain_table = domains.clone();
    let place = Places {
        written: &written,
        files,
        stored_at: &stored_at,
        domains: &domains,
        own_domains,
        beside: &found,
    };
    check::check(&config).map_err(|mistake| place.of(mistake))?;
    config.domains.truncate(own_domains);
    let versions = stored_at.into_iter().map(|(path, entry)| (path, entry.version)).collect();
    Ok(Merged { config, hidden, stored: versions, beside: found, written })
}

/// The file's tables with stored entries laid under them.
struct Overlay<'a> {
    written: &'a toml::Table,
    table: toml::Table,
    hidden: Vec<Target>,
    /// What is from the store, by its path in `table`: `policy[1]`, `policy[0].mark`, `limits.connections`.
    stored: BTreeMap<String, &'a StoredEntry>,
}

impl<'a> Overlay<'a> {
    fn new(written: &'a toml::Table) -> Overlay<'a> {
        Overlay { written, table: written.clone(), hidden: Vec::new(), stored: BTreeMap::new() }
    }

    fn lay(&mut self, entry: &'a StoredEntry) -> Result<(), LayerError> {
        let value =
            from_json(&entry.value).map_err(|why| wrong_entry(entry, why.to_string(), ""))?;
        if entry.kind == Kind::Setting {
            return self.lay_setting(entry, value);
        }
        let table = table_of(value).map_err(|why| wrong_entry(entry, why.to_string(), ""))?;
        self.lay_table(entry, table);
        Ok(())
    }

    fn lay_setting(
        &mut self,
        entry: &'a StoredEntry,
        value: toml::Value,
    ) -> Result<(), LayerError> {
        if !path::may_be_stored(&entry.name) {
            let mend = format!("it belongs in the file; sluss config unset {}", entry.name);
            return Err(wrong_entry(entry, "it cannot be stored".to_string(), &mend));
        }
        let keys: Vec<&str> = entry.name.split('.').collect();
        if get(self.written, &keys).is_some() {
            self.hidden.push(entry.target(Vec::new()));
            return Ok(());
        }
        if get(&self.table, &keys).is_some() {
            let mend = format!("sluss config unset {}", entry.name);
            return Err(wrong_entry(entry, "a stored value is in its way".to_string(), &mend));
        }
        insert(&mut self.table, &keys, value);
        self.stored.insert(entry.name.clone(), entry);
        Ok(())
    }

    fn lay_table(&mut self, entry: &'a StoredEntry, mut table: toml::Table) {
        let list_key = entry.kind.word();
        let number = named_in(self.written, entry.kind, &entry.name);
        let list = self
            .table
            .entry(list_key.to_string())
            .or_insert_with(|| toml::Value::Array(Vec::new()));
        let Some(list) = list.as_array_mut() else { return };
        let Some(number) = number else {
            table.insert("name".to_string(), toml::Value::String(entry.name.clone()));
            self.stored.insert(format!("{list_key}[{}]", list.len()), entry);
            list.push(toml::Value::Table(table));
            return;
        };
        let Some(item) = list.get_mut(number).and_then(toml::Value::as_table_mut) else { return };
        table.remove(BESIDE_FILE);
        for (keys, value) in path::values_of(entry.kind, table) {
            let way: Vec<&str> = keys.iter().map(String::as_str).collect();
            if get(item, &way).is_some() {
                self.hidden.push(entry.target(keys));
                continue;
            }
            insert(item, &way, value);
            self.stored.insert(format!("{list_key}[{number}].{}", keys.join(".")), entry);
        }
    }
}

/// The names of every `[[domain]]`, as the store has names.
fn domains_in_file(table: &toml::Table) -> HashSet<String> {
    let list = table.get("domain").and_then(toml::Value::as_array).into_iter().flatten();
    let names = list.filter_map(|item| Domain::parse(item.get("name")?.as_str()?).ok());
    names.map(|name| name.to_string()).collect()
}

/// `[domain-defaults]`, each key looked at by itself so that a mistake has its place.
fn domain_defaults(
    written: &Written,
    table: &toml::Table,
    stored_at: &BTreeMap<String, &StoredEntry>,
) -> Result<toml::Table, LayerError> {
    let Some(defaults) = table.get("domain-defaults").and_then(toml::Value::as_table) else {
        return Ok(toml::Table::new());
    };
    for (key, value) in defaults {
        let mistake = match key.as_str() {
            "name" => Some((
                "a name is what no two domains share".to_string(),
                "leave it out".to_string(),
            )),
            _ => path::domain_with(key, value).err().map(|error| explain(&error)),
        };
        let Some((message, mend)) = mistake else { continue };
        let path = format!("domain-defaults.{key}");
        if let Some(entry) = stored_at.get(&path) {
            return Err(wrong_entry(entry, message, &mend));
        }
        let line = written.lines().of(&path).unwrap_or(1);
        let file = written.shown().to_path_buf();
        return Err(ConfigError { file, line, column: 1, message, mend }.into());
    }
    Ok(defaults.clone())
}

fn apply_defaults(table: &mut toml::Table, defaults: &toml::Table) {
    let domains = table.get_mut("domain").and_then(toml::Value::as_array_mut).into_iter().flatten();
    for domain in domains.filter_map(toml::Value::as_table_mut) {
        for (key, value) in defaults {
            domain.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// The domains of the domains-files and of the store.
fn domain_table(
    config: &Config,
    files: &[DomainsFile],
    stored: &Stored,
    defaults: &toml::Table,
    beside: &mut Beside<'_>,
) -> Result<DomainTable, LayerError> {
    let mut builder = DomainTableBuilder::default();
    for (number, file) in (0..).zip(files) {
        let place = domains_file::FilePlace { file: &file.file, number };
        domains_file::read(place, &file.text, defaults, beside, &mut builder)?;
    }
    let entries: HashSet<&str> = config.domains.iter().map(|domain| domain.name.as_str()).collect();
    // What is stored of a domain that stands in the file layer is laid under that.
    let is_written = |name: &str| entries.contains(name) || beside.found.contains_key(name);
    add_stored(stored, defaults, is_written, &mut builder)?;
    builder
        .finish(|name| entries.contains(name))
        .map_err(|twice| twice_in_files(files, &twice).into())
}

fn add_stored(
    stored: &Stored,
    defaults: &toml::Table,
    is_written: impl Fn(&str) -> bool,
    builder: &mut DomainTableBuilder,
) -> Result<(), LayerError> {
    let mut ways = Vec::with_capacity(stored.domains.values.len());
    for value in &stored.domains.values {
        ways.push((value, None, is_beside_file(value)));
    }
    for (name, row) in stored.domains.iter().filter(|(name, _)| !is_written(name)) {
        let wrong = |message: String, mend: String| LayerError::Stored {
            kind: Kind::Domain,
            name: name.to_string(),
            version: row.version,
            key: String::new(),
            message,
            mend,
        };
        let full = |why: TooManyDomains| wrong(why.to_string(), String::new());
        let domain = Domain::parse(name).map_err(|why| wrong(why.to_string(), String::new()))?;
        let Some((value, way, false)) = ways.get_mut(row.value) else { continue };
        let kept = match way {
            Some(kept) => *kept,
            None => {
                let own = from_json(value)
                    .and_then(table_of)
                    .map_err(|why| wrong(why.to_string(), String::new()))?;
                let entry = domains_file::entry_of(&domain, &own, defaults).map_err(|error| {
                    let (message, mend) = explain(&error);
                    wrong(message, mend)
                })?;
                let kept = builder.keep(entry).map_err(full)?;
                *way = Some(kept);
                kept
            }
        };
        builder.add(&domain, kept, TablePlace::Stored { version: row.version }).map_err(full)?;
    }
    Ok(())
}

fn twice_in_files(files: &[DomainsFile], twice: &Twice) -> ConfigError {
    let place = |from: TablePlace| match from {
        TablePlace::File { file, line } => {
            let file = files.get(usize::from(file)).map(|file| file.file.clone());
            (file.unwrap_or_default(), usize::try_from(line).unwrap_or(usize::MAX))
        }
        TablePlace::Stored { .. } => (PathBuf::new(), 1),
    };
    let (file, line) = place(twice.second);
    let first = match twice.first.map(place) {
        Some((first, line)) => format!("on {}:{line}", first.display()),
        None => "as a [[domain]]".to_string(),
    };
    ConfigError {
        file,
        line,
        column: 1,
        message: format!("the domain {} stands here and {first}", twice.name),
        mend: "remove one of them".to_string(),
    }
}

fn wrong_entry(entry: &StoredEntry, message: String, mend: &str) -> LayerError {
    LayerError::Stored {
        kind: entry.kind,
        name: entry.name.clone(),
        version: entry.version,
        key: String::new(),
        message,
        mend: mend.to_string(),
    }
}

/// The file reads well by itself, so it is a stored entry that does not: the one that fails over the file alone.
fn blame<'a>(
    written: &Written,
    entries: impl Iterator<Item = &'a StoredEntry>,
    error: &toml::de::Error,
) -> LayerError {
    let (message, mend) = explain(error);
    for entry in entries {
        let mut overlay = Overlay::new(&written.table);
        let laid = overlay.lay(entry);
        if laid.is_ok() && Config::deserialize(toml::Value::Table(overlay.table)).is_err() {
            let key = key_of(written, entry, error);
            return match wrong_entry(entry, message, &mend) {
                LayerError::Stored { kind, name, version, message, mend, .. } => {
                    LayerError::Stored { kind, name, version, key, message, mend }
                }
                LayerError::File(error) => LayerError::File(error),
            };
        }
    }
    let file = written.shown().to_path_buf();
    ConfigError { file, line: 1, column: 1, message, mend }.into()
}

/// The key of the one value of an entry that does not read well by itself; empty where it is none.
fn key_of(written: &Written, entry: &StoredEntry, error: &toml::de::Error) -> String {
    let table = from_json(&entry.value).and_then(table_of).unwrap_or_default();
    let is_wrong = |keys: &[String], value: toml::Value| {
        let value = with_key(None, keys, value).unwrap_or_default();
        let alone = StoredEntry { value, ..entry.clone() };
        let mut overlay = Overlay::new(&written.table);
        let laid = overlay.lay(&alone);
        let read = Config::deserialize(toml::Value::Table(overlay.table));
        laid.is_ok() && read.is_err_and(|own| own.message() == error.message())
    };
    let mut values = path::values_of(entry.kind, table).into_iter();
    let wrong = values.find(|(keys, value)| is_wrong(keys, value.clone()));
    wrong.map(|(keys, _)| keys.join(".")).unwrap_or_default()
}

/// What finds the layer and the place of a mistake in the merged whole.
struct Places<'a> {
    written: &'a Written,
    files: &'a [DomainsFile],
    stored_at: &'a BTreeMap<String, &'a StoredEntry>,
    domains: &'a DomainTable,
    own_domains: usize,
    beside: &'a BTreeMap<String, OfLine>,
}

impl Places<'_> {
    fn of(&self, mistake: Mistake) -> LayerError {
        if let [Key("domain"), At(number), rest @ ..] = mistake.place.as_slice()
            && let Some(kept) = number.checked_sub(self.own_domains)
            && let Some(entry) = self.domains.kept().get(kept)
        {
            return self.of_table(entry, rest, &mistake);
        }
        if let Some((entry, within)) = self.stored_entry(&mistake.place) {
            // The entry is named already.
            let named = format!("{} {:?}: ", entry.kind, entry.name);
            let message = mistake.message.strip_prefix(&named).unwrap_or(&mistake.message);
            return LayerError::Stored {
                kind: entry.kind,
                name: entry.name.clone(),
                version: entry.version,
                key: dotted(within),
                message: message.to_string(),
                mend: mistake.mend,
            };
        }
        let Mistake { place, message, mend } = mistake;
        let file = self.written.shown();
        ConfigError::at(file, &self.written.text, &place, message, mend).into()
    }

    fn of_table(&self, entry: &DomainEntry, rest: &[Step], mistake: &Mistake) -> LayerError {
        let (message, mend) = (mistake.message.clone(), mistake.mend.clone());
        let beside = self.beside.get(entry.name.as_str());
        if let (Some(beside), Some(Key(key))) = (beside, rest.first())
            && beside.keys.contains(*key)
        {
            let (kind, name, key) = (Kind::Domain, entry.name.to_string(), dotted(rest));
            let version = beside.version;
            return LayerError::Stored { kind, name, version, key, message, mend };
        }
        let (file, line) = match self.domains.find(&entry.name).map(|found| found.from) {
            Some(TablePlace::File { file, line }) => (file, line),
            Some(TablePlace::Stored { .. }) | None => {
                let version = match self.domains.find(&entry.name).map(|found| found.from) {
                    Some(TablePlace::Stored { version }) => version,
                    Some(TablePlace::File { .. }) | None => 0,
                };
                let name = entry.name.to_string();
                let (kind, key) = (Kind::Domain, dotted(rest));
                return LayerError::Stored { kind, name, version, key, message, mend };
            }
        };
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        let source = self.files.get(usize::from(file));
        let text = source.and_then(|source| source.text.lines().nth(line.saturating_sub(1)));
        let column = match rest.first() {
            Some(Key(key)) => domains_file::column_of(text.unwrap_or(""), key),
            Some(At(_)) | None => 1,
        };
        let file = source.map(|source| source.file.clone()).unwrap_or_default();
        ConfigError { file, line, column, message, mend }.into()
    }

    /// The stored entry that a place is in, and the way from there.
    fn stored_entry<'p>(&self, place: &'p [Step]) -> Option<(&StoredEntry, &'p [Step])> {
        let mut path = String::new();
        for (number, step) in (1..).zip(place) {
            match step {
                Key(key) if path.is_empty() => path.push_str(key),
                Key(key) => path.push_str(&format!(".{key}")),
                At(number) => path.push_str(&format!("[{number}]")),
            }
            if let Some(entry) = self.stored_at.get(&path) {
                return Some((*entry, place.get(number..).unwrap_or_default()));
            }
        }
        // What is wrong with a table as a whole came with what is stored in it: the file alone made sense when it was read.
        let inside = format!("{path}.");
        let stored = self.stored_at.range(inside.clone()..).next();
        let (_, entry) = stored.filter(|(stored, _)| stored.starts_with(&inside))?;
        Some((*entry, place.get(2..).unwrap_or_default()))
    }
}

/// Keys with dots between them, down to the first list.
fn dotted(steps: &[Step]) -> String {
    let keys = steps.iter().map_while(|step| match step {
        Key(key) => Some(*key),
        At(_) => None,
    });
    keys.collect::<Vec<&str>>().join(".")
}

/// The place of a named table in a list of the file.
fn named_in(table: &toml::Table, kind: Kind, name: &str) -> Option<usize> {
    table.get(kind.word())?.as_array()?.iter().position(|item| {
        // A table without a name is the default one of its kind.
        let written = item.get("name").and_then(toml::Value::as_str).unwrap_or(DEFAULT_NAME);
        match kind {
            Kind::Domain => Domain::parse(written).is_ok_and(|written| written.as_str() == name),
            Kind::Organisation | Kind::Policy | Kind::Setting => written == name,
        }
    })
}

fn get<'a>(table: &'a toml::Table, keys: &[&str]) -> Option<&'a toml::Value> {
    let (first, rest) = keys.split_first()?;
    let value = table.get(*first)?;
    match (rest, value) {
        ([], value) => Some(value),
        (rest, toml::Value::Table(inner)) => get(inner, rest),
        // A value where a table is wanted: it stands in the way, so it is what is written here.
        (_, value) => Some(value),
    }
}

/// Puts a value under a dotted path, making the tables on the way.
fn insert(table: &mut toml::Table, keys: &[&str], value: toml::Value) {
    match keys {
        [] => (),
        [last] => {
            table.insert(last.to_string(), value);
        }
        [first, rest @ ..] => {
            let inner = table
                .entry(first.to_string())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// The name of a table that writes none.
const DEFAULT_NAME: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
hostname = "mx.ours.example"
domains-file = "domains"

[domain-defaults]
next-hop = "smtp://10.0.0.9"

[limits]
connections = 30

[[policy]]
name = "strict"
quarantine = 6.0

[[domain]]
name = "file.example"
policy = "strict"
"#;

    type Entries<'a> = &'a [(Kind, &'a str, &'a str)];

    fn merged(text: &str, domains: &str, entries: Entries<'_>) -> Result<Merged, String> {
        let written = Written::parse(Path::new("sluss.toml"), text.to_string()).unwrap();
        let files = vec![DomainsFile { file: "domains".into(), text: domains.to_string() }];
        let mut stored = Stored::default();
        for (kind, name, value) in entries {
            stored.add(*kind, name, value, 3);
        }
        merge(written.with_domains(files), &stored).map_err(|error| error.to_string())
    }

    fn origin_of(merged: &Merged, path: &str) -> String {
        let values = merged.values();
        let value = values.iter().find(|value| value.path == path);
        value.map_or_else(|| "absent".to_string(), |value| value.origin.to_string())
    }

    #[test]
    fn the_file_wins_and_every_value_knows_where_it_is_from() {
        let entries: Entries<'_> = &[
            (Kind::Setting, "limits.connections", "1000"),
            (Kind::Setting, "limits.message-bytes", "\"25 MiB\""),
            (Kind::Setting, "domain-defaults.when-away", "\"defer\""),
            (
                Kind::Policy,
                "strict",
                "{\"quarantine\":1.5,\"mark\":2.5,\"actions\":{\"bulk\":\"mark\"},\
                 \"rules\":{\"night\":{\"hours\":\"18:00-06:00\",\"action\":\"mark\",\"reason\":\"x\"}}}",
            ),
            (Kind::Policy, "mild", "{\"quarantine\":12}"),
            (Kind::Domain, "stored.example", "{\"policy\":\"mild\"}"),
            (Kind::Domain, "file.example", "{\"policy\":\"mild\",\"recipients\":\"any\"}"),
            (Kind::Domain, "line.example", "{\"policy\":\"mild\",\"recipients\":\"any\"}"),
            (Kind::Domain, "gone.example", "{\"policy\":\"mild\",\"beside-file\":true}"),
        ];
        let lines = "# ours\nline.example policy=strict\nalone.example policy=strict\n";
        let merged = merged(FILE, lines, entries).unwrap();
        for (path, want) in [
            ("hostname", "sluss.toml:2"),
            ("limits.connections", "sluss.toml:9"),
            ("limits.message-bytes", "stored, version 3"),
            ("limits.dot-time", "default"),
            ("policy.strict.quarantine", "sluss.toml:13"),
            ("policy.strict.mark", "stored, version 3"),
            ("policy.strict.actions.bulk", "stored, version 3"),
            ("policy.strict.rules.night.action", "stored, version 3"),
            ("policy.mild.quarantine", "stored, version 3"),
            ("policy.mild.mark", "absent"),
            ("domain.file.example.policy", "sluss.toml:17"),
            ("domain.file.example.next-hop", "sluss.toml:6"),
            ("domain.file.example.when-away", "stored, version 3"),
            ("domain.file.example.recipients", "stored, version 3"),
        ] {
            assert_eq!(origin_of(&merged, path), want, "{path}");
        }
        assert_eq!(merged.config.limits.connections, 30);
        assert_eq!(merged.config.limits.message_bytes.0, 25 << 20);
        let hidden: Vec<String> = merged.hidden.iter().map(ToString::to_string).collect();
        let want = [
            "limits.connections",
            "policy.strict.quarantine",
            "domain.file.example.policy",
            "domain.line.example.policy",
        ];
        assert_eq!(hidden, want);
        let strict = merged.config.policies.compile().unwrap().remove("strict").unwrap();
        assert_eq!(strict.inbound.thresholds.mark(), 2.5);

        let find = |name| merged.config.domain_table.find(&Domain::parse(name).unwrap()).unwrap();
        let stored = find("stored.example");
        assert_eq!(
            (stored.kept.policy.as_deref(), stored.kept.next_hop.0.len()),
            (Some("mild"), 1)
        );
        let line = find("line.example");
        assert_eq!(line.kept.policy.as_deref(), Some("strict"));
        let any = crate::config::Recipients::Any;
        assert_eq!(
            (&line.kept.recipients, &find("alone.example").kept.recipients),
            (&any, &Default::default())
        );
        let gone = Domain::parse("gone.example").unwrap();
        assert_eq!(merged.config.domain_table.find(&gone), None, "it stands in no file any more");
        let origins_of = |domain| -> Vec<String> {
            let values = merged.domain_values(domain);
            values.iter().map(|value| format!("{} {}", value.path, value.origin)).collect()
        };
        let of_line = origins_of(line);
        for want in [
            "domain.line.example.policy domains:2",
            "domain.line.example.recipients stored, version 3",
            "domain.line.example.next-hop sluss.toml:6",
        ] {
            assert!(of_line.contains(&want.to_string()), "{want}: {of_line:?}");
        }
        let origins = origins_of(stored);
        assert!(
            origins.contains(&"domain.stored.example.policy stored, version 3".to_string()),
            "{origins:?}"
        );
        assert!(
            origins.contains(&"domain.stored.example.next-hop sluss.toml:6".to_string()),
            "{origins:?}"
        );
        let lock = |path: &str| {
            let target = Target::parse(path).unwrap();
            merged.lock(&target).map(|lock| lock.to_string())
        };
        for (path, want) in [
            ("domain.file.example.policy", Some("sluss.toml:17")),
            ("domain.file.example.recipients", None),
            ("domain.line.example.policy", Some("domains:2")),
            ("domain.line.example.recipients", None),
            ("limits.connections", Some("sluss.toml:9")),
            ("limits.message-bytes", None),
            ("policy.strict.quarantine", Some("sluss.toml:13")),
            ("policy.strict.mark", None),
            ("policy.strict", None),
        ] {
            assert_eq!(lock(path).as_deref(), want, "{path}");
        }
        let stands = |name| merged.stands(Kind::Domain, name).map(|place| place.to_string());
        assert_eq!(stands("file.example").as_deref(), Some("sluss.toml:15"));
        assert_eq!(stands("line.example").as_deref(), Some("domains:2"));
        assert_eq!(stands("stored.example"), None);
    }

    #[test]
    fn the_annotated_text_reads_as_the_same_configuration() {
        let entries: Entries<'_> =
            &[(Kind::Policy, "mild", "{\"actions\":{\"phish\":\"reject\"}}")];
        let merged = merged(FILE, "", entries).unwrap();
        let text = merged.with_origins(&merged.config.to_toml(), ToString::to_string);
        let again = Config::parse(Path::new("x"), &text).unwrap();
        assert_eq!(again, merged.config);
        let commented = |part: &str, origin: &str| {
            let line = text.lines().find(|line| line.starts_with(part)).unwrap_or("");
            assert!(line.ends_with(&format!("# {origin}")), "{part}: {line:?} in {text}");
        };
        commented("connections = 30", "sluss.toml:9");
        commented("phish = \"reject\"", "stored, version 3");
        commented("quarantine = 6.0", "sluss.toml:13");
        commented("trace-days", "default");
    }

    #[test]
    fn mistakes_name_their_layer_and_place() {
        for (domains, entries, parts) in [
            (
                "line.example\n  b.example mx",
                &[][..],
                &["domains:2:3: ", "\"mx\" cannot be asked"][..],
            ),
            (
                "a.example policy=none recipients=any",
                &[],
                &["domains:1:11: ", "no policy called \"none\""],
            ),
            ("a.example\nfile.example", &[], &["domains:2:1: ", "stands here and as a [[domain]]"]),
            ("a.example\nb.example\nA.example", &[], &["domains:3:1: ", "and on domains:1"]),
            (
                "",
                &[(Kind::Domain, "a.example", "{\"policy\":\"none\"}")],
                &["domain a.example (stored, version 3): ", "no policy called"],
            ),
            (
                "",
                &[(Kind::Domain, "a.example", "{\"polic\":\"none\"}")],
                &["domain a.example (stored, version 3): ", "did you mean \"policy\""],
            ),
            // What is stored beside the file's own values is blamed, not the file.
            (
                "",
                &[(Kind::Policy, "strict", "{\"mark\":7.0}")],
                &["policy strict (stored, version 3): ", "rise"],
            ),
            (
                "",
                &[(Kind::Domain, "file.example", "{\"recipient\":\"any\"}")],
                &["domain file.example (stored, version 3): ", "did you mean \"recipients\""],
            ),
            (
                "line.example",
                &[(Kind::Domain, "line.example", "{\"policy\":\"none\"}")],
                &["domain line.example (stored, version 3): ", "no policy called"],
            ),
            (
                "",
                &[(Kind::Policy, "mild", "{}"), (Kind::Policy, "odd", "{\"mark\":99}")],
                &["policy odd (stored, version 3): ", "rise"],
            ),
            (
                "",
                &[(Kind::Policy, "mild", "{}"), (Kind::Policy, "odd", "{\"marc\":1}")],
                &["policy odd (stored, version 3): ", "did you mean \"mark\""],
            ),
            (
                "",
                &[
                    (Kind::Organisation, "acme", "{}"),
                    (Kind::Organisation, "b", "{\"country\":\"x\"}"),
                ],
                &["organisation b (stored, version 3): ", "two letters"],
            ),
            (
                "a.example organisation=acme",
                &[(Kind::Organisation, "b", "{}")],
                &["domains:1:11: ", "no organisation called acme"],
            ),
            (
                "",
                &[(Kind::Setting, "limits.dot-time", "\"0 s\"")],
                &["setting limits.dot-time (stored, version 3): ", "too short"],
            ),
            (
                "",
                &[(Kind::Setting, "limits.connection", "3")],
                &["setting limits.connection (stored, version 3): ", "did you mean"],
            ),
            (
                "",
                &[(Kind::Setting, "web.admin", "\"127.0.0.1:80\"")],
                &["setting web.admin (stored, version 3): ", "belongs in the file"],
            ),
            (
                "",
                &[(Kind::Setting, "domain-defaults.policy", "3")],
                &["setting domain-defaults.policy (stored, version 3): ", "string"],
            ),
        ] {
            let Err(error) = merged(FILE, domains, entries) else { panic!("{domains} was taken") };
            for part in parts {
                assert!(
                    error.contains(part),
                    "{domains} {entries:?}: {part:?} is missing in {error}"
                );
            }
        }
        let file = FILE.replace("next-hop = ", "name = \"x\" # ");
        assert!(merged(&file, "", &[]).unwrap_err().starts_with("sluss.toml:6:1: "));
        let file = FILE.replace("policy = \"strict\"", "policy = \"gone\"");
        assert!(merged(&file, "", &[]).unwrap_err().starts_with("sluss.toml:17:1: "));
    }

    #[test]
    fn a_document_of_the_stored_layer_holds_all_of_it() {
        let mut stored = Stored::default();
        for (kind, name, value) in [
            (Kind::Setting, "limits.connections", "7"),
            (Kind::Domain, "a.example", "{\"next-hop\":[\"mx\"],\"recipients\":\"any\"}"),
            (Kind::Policy, "mild", "{\"inbound\":{\"mark\":3.5}}"),
        ] {
            stored.add(kind, name, value, 1);
        }
        let document: toml::Table = stored.to_document().unwrap().parse().unwrap();
        let want: toml::Table = "limits.connections = 7\n[[policy]]\nname = \"mild\"\ninbound.mark = 3.5\n[[domain]]\nname = \"a.example\"\nnext-hop = [\"mx\"]\nrecipients = \"any\"\n".parse().unwrap();
        assert_eq!(document, want);
    }

    #[test]
    fn trial_mode_locks_what_is_built_in() {
        let written = Written::trial(Path::new("/tmp/x")).unwrap();
        let merged = merge(written, &Stored::default()).unwrap();
        assert_eq!(origin_of(&merged, "hostname"), "trial mode");
        assert!(merged.stands(Kind::Domain, "ours.example").unwrap().is_locked());
        assert_eq!(merged.stands(Kind::Domain, "other.example"), None);
    }

    #[test]
    fn a_rule_is_one_value_and_a_list_is_one_value() {
        let file = format!(
            "{FILE}\n[[policy]]\nname = \"night\"\n[policy.rules.late]\nhours = \"18:00-06:00\"\naction = \"mark\"\nreason = \"late\"\n\
             [[organisation]]\nname = \"acme\"\nlists.block = [\"a.example\"]\n"
        );
        let file =
            file.replace("policy = \"strict\"", "policy = \"strict\"\norganisation = \"acme\"");
        let rules = "{\"rules\":{\"late\":{\"until\":\"2030-01-01\"},\"early\":{\"hours\":\"04:00-06:00\",\"action\":\"mark\",\"reason\":\"x\"}}}";
        let lists =
            "{\"lists\":{\"block\":[\"b.example\"],\"allow\":[\"c.example\"]},\"country\":\"SE\"}";
        let entries: Entries<'_> =
            &[(Kind::Policy, "night", rules), (Kind::Organisation, "acme", lists)];
        let merged = merged(&file, "", entries).unwrap();
        let hidden: Vec<String> = merged.hidden.iter().map(ToString::to_string).collect();
        assert_eq!(hidden, ["policy.night.rules.late", "organisation.acme.lists.block"]);
        for path in ["policy.night.rules.late", "policy.night.rules.late.until"] {
            assert!(merged.lock(&Target::parse(path).unwrap()).is_some(), "{path}");
        }
        let acme = &merged.config.organisations[0];
        let said = |list: &[crate::config::lists::Entry]| {
            list.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            (said(&acme.lists.block), said(&acme.lists.allow)),
            (vec!["a.example".into()], vec!["c.example".into()])
        );
        assert_eq!(origin_of(&merged, "organisation.acme.country"), "stored, version 3");
        assert_eq!(origin_of(&merged, "organisation.acme.lists.allow"), "stored, version 3");
    }
}
