//! `sluss config`: what holds and why, and the part of it that is stored.

use super::{
    Failure, Place,
    change::{Signed, change, stored, tell, unread},
    print,
    replay::ReplayArgs,
};
use crate::{
    base::limits,
    config::{
        ConfigError,
        effect::Effect,
        layers::{Change, Kind, Merged, Origin, Target, Value, settings_of, to_json},
    },
    edge::{
        load::read_bounded,
        origins::{self, Versions},
        stored::{self as edge_stored, Earnest},
        undo,
    },
    mail::Domain,
    store::embedded::{ConfigDb, Edit},
    wire::date,
};
use clap::{Args, Subcommand};
use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sluss config show limits --origin\n  sluss config set policy.strict.quarantine 6 --comment \"as agreed with acme\"\n  sluss config replay policy.strict.quarantine=6\n  sluss config history\n  sluss config revert 12\n  sluss config export > stored.toml && sluss config import stored.toml --dry-run\n\nA value in the file wins and is locked; the file is never written."
)]
pub(super) struct Config {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// What holds, merged from all layers; all of it, or what is under a path.
    Show(Show),
    /// Store a value: config set limits.connections 1000
    Set(Set),
    /// Forget a stored value, or a whole stored entry.
    Unset(Unset),
    /// Print the stored layer as a TOML document.
    Export(Export),
    /// Store everything in a TOML document, as one version.
    Import(Import),
    /// Who changed what, when and why; with a version: what it changed.
    History(History),
    /// What a change would have done with the mail of the last days; nothing is changed.
    Replay(ReplayArgs),
    /// Undo a version, as a new version.
    Revert(Revert),
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// Such as limits, policy.strict or domain.example.se
    path: Option<String>,
    /// Beside each value: the file and line that say it, or the stored version that did, by whom, when and why.
    #[arg(long)]
    origin: bool,
    /// One JSON object a line: path, value, origin, locked, stored (the version that said it), effect: with a reload or a restart.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Set {
    #[command(flatten)]
    place: Place,
    /// Such as limits.connections, policy.strict.quarantine or domain.example.se.policy
    path: String,
    /// A number, true or false, a text, or anything else as TOML writes it: '["10.0.0.0/8"]'
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
struct Unset {
    #[command(flatten)]
    place: Place,
    /// What to forget.
    path: String,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Import {
    #[command(flatten)]
    place: Place,
    /// The document; "-" is standard input.
    file: PathBuf,
    /// Only say what would change.
    #[arg(long)]
    dry_run: bool,
    /// Forget every stored entry that the document does not have. Otherwise those stay as they are.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
struct History {
    #[command(flatten)]
    place: Place,
    /// Show what this version changed.
    version: Option<u32>,
    /// At most this many versions, newest first.
    #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Revert {
    #[command(flatten)]
    place: Place,
    /// Undo what this version changed.
    #[arg(required_unless_present = "to")]
    version: Option<u32>,
    /// Go back to how everything was at this version; 0: to nothing stored.
    #[arg(long, value_name = "VERSION", conflicts_with = "version")]
    to: Option<u32>,
    #[command(flatten)]
    signed: Signed,
}

impl Config {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.act {
            Act::Show(show) => show.run(),
            Act::Set(set) => set.run(),
            Act::Unset(unset) => unset.run(),
            Act::Export(export) => export.run(),
            Act::Import(import) => import.run(),
            Act::History(history) => history.run(),
            Act::Replay(replay) => replay.run(),
            Act::Revert(revert) => revert.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let merged = self.place.source().read_layers(self.place.data.as_deref()).map_err(unread)?;
        let wanted = self.path.as_deref().map(normal);
        let values = wanted.as_deref().and_then(|path| table_values(&merged, path));
        let values = values.unwrap_or_else(|| merged.values());
        let under = |value: &&Value| match wanted.as_deref() {
            None => true,
            Some(path) => value
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        };
        let mut shown: Vec<Value> = values.iter().filter(under).cloned().collect();
        let authors = Authors::read(&merged)?;
        authors.settle(&mut shown)?;
        let whole = |value: &Value| Some(&value.path) == wanted.as_ref();
        match shown.as_slice() {
            [] => {
                let path = wanted.unwrap_or_default();
                return Err(Failure::Failed(format!(
                    "nothing is set under {path}; sluss config show shows every path"
                )));
            }
            [one] if whole(one) && !self.origin && !self.json => {
                let text = one.value.as_str().map_or_else(|| one.value.to_string(), str::to_string);
                return Ok(print::line(&text)?);
            }
            _ => (),
        }
        for value in &shown {
            let line = if self.json {
                let stored = authors.versions.behind(&value.origin);
                serde_json::json!({
                    "path": value.path, "value": value.value,
                    "origin": authors.say(&value.origin), "locked": value.origin.is_locked(),
                    "effect": Effect::of(&value.path).word(), "stored": stored,
                })
                .to_string()
            } else if self.origin {
                let text = format!("{} = {}", value.path, value.value);
                format!("{text:<56} # {}", authors.tell(&value.origin))
            } else {
                format!("{} = {}", value.path, value.value)
            };
            print::line(&line)?;
        }
        let further = merged.config.domain_table.len();
        if wanted.is_none() && further > 0 && !self.json {
            print::line(&format!("# and {further} domains: sluss domain list"))?;
        }
        Ok(())
    }
}

/// Names of domains in the form in which they are held.
fn normal(path: &str) -> String {
    match Target::parse(path) {
        Ok(Target { kind: Kind::Domain, name, keys }) => ["domain", &name]
            .into_iter()
            .chain(keys.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join("."),
        Ok(_) | Err(_) => path.to_string(),
    }
}

/// The values of a domain of the long lists, when the path is about one.
fn table_values(merged: &Merged, path: &str) -> Option<Vec<Value>> {
    let target = Target::parse(path).ok().filter(|target| target.kind == Kind::Domain)?;
    let name = Domain::parse(&target.name).ok()?;
    merged.config.domain_table.find(&name).map(|found| merged.domain_values(found))
}

impl Set {
    fn run(self) -> Result<(), Failure> {
        let target = Target::parse(&self.path).map_err(|why| Failure::BadInput(why.to_string()))?;
        let layers = self.place.layers();
        let done = edge_stored::set(&layers, &self.signed.signature(), &target, &self.value)?;
        tell(&layers, &done, Earnest::Yes)
    }
}

pub(super) fn put_checked(
    edit: &mut Edit<'_>,
    kind: Kind,
    name: &str,
    value: &str,
) -> Result<(), Failure> {
    Ok(edge_stored::put_checked(edit, kind, name, value)?)
}

impl Unset {
    fn run(self) -> Result<(), Failure> {
        let target = Target::parse(&self.path).map_err(|why| Failure::BadInput(why.to_string()))?;
        let layers = self.place.layers();
        let done = edge_stored::unset(&layers, &self.signed.signature(), &target, &self.path)?;
        tell(&layers, &done, Earnest::Yes)
    }
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let written = self.place.source().written(self.place.data.as_deref()).map_err(unread)?;
        let Some(db) = ConfigDb::open_if_there(written.data_dir()).map_err(stored)? else {
            return Ok(print::line("# nothing is stored")?);
        };
        let layer = db.read().map_err(stored)?;
        let document = layer.to_document().map_err(|why| Failure::Failed(why.to_string()))?;
        print::line(&format!("# The stored layer, version {}.", layer.version))?;
        Ok(print::line(document.trim_end())?)
    }
}

impl Import {
    fn run(self) -> Result<(), Failure> {
        let failed = |why: std::io::Error| {
            Failure::BadInput(format!("{}: cannot be read: {why}", self.file.display()))
        };
        let text = read_document(&self.file).map_err(failed)?;
        let document: toml::Table = toml::from_str(&text).map_err(|error| {
            Failure::BadInput(ConfigError::from_toml(&self.file, &text, &error).to_string())
        })?;
        let entries = entries_of(document)
            .map_err(|why| Failure::BadInput(format!("{}: {why}", self.file.display())))?;
        let earnest = if self.dry_run { Earnest::DryRun } else { Earnest::Yes };
        change(&self.place, &self.signed, earnest, |edit, _| {
            for (kind, name, value) in &entries {
                put_checked(edit, *kind, name, value)?;
            }
            match self.replace {
                true => forget_others(edit, &entries),
                false => Ok(()),
            }
        })
    }
}

fn read_document(file: &Path) -> std::io::Result<String> {
    let bytes = match file.as_os_str() == "-" {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().take(limits::IMPORT_BYTES_MAX).read_to_end(&mut bytes)?;
            bytes
        }
        false => read_bounded(file, limits::IMPORT_BYTES_MAX)?,
    };
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8"))
}

fn forget_others(edit: &mut Edit<'_>, entries: &[(Kind, String, String)]) -> Result<(), Failure> {
    let named: BTreeSet<(Kind, &str)> =
        entries.iter().map(|(kind, name, _)| (*kind, name.as_str())).collect();
    for kind in Kind::ALL {
        for name in edit.names(kind).map_err(stored)? {
            if !named.contains(&(kind, name.as_str())) {
                edit.put(kind, &name, None).map_err(stored)?;
            }
        }
    }
    Ok(())
}

/// The entries of a document in the file's own form.
fn entries_of(document: toml::Table) -> Result<Vec<(Kind, String, String)>, String> {
    let mut entries = Vec::new();
    let mut seen = BTreeSet::new();
    let json = |value: &toml::Value| to_json(value).map_err(|why| why.to_string());
    for (key, value) in document {
        let Some(kind) = Kind::from_list_key(&key) else {
            for (path, value) in settings_of(&key, value) {
                let target = Target::parse(&path).map_err(|why| why.to_string())?;
                entries.push((Kind::Setting, target.name, json(&value)?));
            }
            continue;
        };
        let items = match value.as_array() {
            Some(items) => items.clone(),
            None => vec![value],
        };
        for item in items {
            let toml::Value::Table(mut table) = item else {
                return Err(format!("{key} is a list of tables: write [[{key}]]"));
            };
            let name = match table.remove("name") {
                Some(toml::Value::String(name)) => name,
                None if kind == Kind::Policy => "default".to_string(),
                Some(_) | None => return Err(format!("a [[{key}]] has no name")),
            };
            let target = Target::entry(kind, &name).map_err(|why| why.to_string())?;
            let value = json(&toml::Value::Table(table))?;
            if !seen.insert((kind, target.name.clone())) {
                return Err(format!("{kind} {name} stands there twice"));
            }
            entries.push((kind, target.name, value));
        }
    }
    Ok(entries)
}

impl History {
    fn run(self) -> Result<(), Failure> {
        let written = self.place.source().written(self.place.data.as_deref()).map_err(unread)?;
        let db = ConfigDb::open_if_there(written.data_dir()).map_err(stored)?;
        if let Some(version) = self.version {
            let changes = db.map_or(Ok(Vec::new()), |db| db.changes(version)).map_err(stored)?;
            if changes.is_empty() {
                return Err(Failure::Failed(format!("there is no version {version}")));
            }
            return self.show_changes(&changes);
        }
        let versions = db.map_or(Ok(Vec::new()), |db| db.history(self.rows)).map_err(stored)?;
        if self.json {
            for version in &versions {
                let line = serde_json::to_string(version).map_err(|error| error.to_string())?;
                print::line(&line)?;
            }
            return Ok(());
        }
        let rows: Vec<Vec<String>> = versions
            .into_iter()
            .map(|v| {
                vec![
                    v.version.to_string(),
                    date::write_iso(v.at),
                    v.author,
                    v.changes.to_string(),
                    v.comment,
                ]
            })
            .collect();
        Ok(print::table(&["version", "at", "author", "changes", "comment"], &rows)?)
    }

    fn show_changes(&self, changes: &[Change]) -> Result<(), Failure> {
        for change in changes {
            let line = match self.json {
                true => serde_json::to_string(change).map_err(|error| error.to_string())?,
                false => print::tame(&change.to_string()),
            };
            print::line(&line)?;
        }
        Ok(())
    }
}

impl Revert {
    fn run(self) -> Result<(), Failure> {
        let Revert { place, version, to, signed } = &self;
        change(place, signed, Earnest::Yes, |edit, _| match (version, to) {
            (Some(version), _) => Ok(undo::undo(edit, *version)?),
            (None, to) => Ok(edge_stored::go_back(edit, to.unwrap_or(0))?),
        })
    }
}

/// Who made the versions, to stand beside their numbers.
pub(super) struct Authors {
    db: Option<ConfigDb>,
    versions: Versions,
}

impl Authors {
    pub(super) fn read(merged: &Merged) -> Result<Authors, Failure> {
        let db = ConfigDb::open_if_there(&merged.config.data_dir).map_err(stored)?;
        let versions = db.as_ref().map_or(Ok(Versions::default()), Versions::read);
        Ok(Authors { versions: versions.map_err(stored)?, db })
    }

    /// Puts the version beside each value that said that value last.
    fn settle(&self, values: &mut [Value]) -> Result<(), Failure> {
        match &self.db {
            Some(db) => origins::settle(db, values).map_err(stored),
            None => Ok(()),
        }
    }

    pub(super) fn say(&self, origin: &Origin) -> String {
        match self.versions.behind(origin) {
            Some(version) => format!("{origin} by {}", print::tame(&version.author)),
            None => origin.to_string(),
        }
    }

    /// The same, with when and why.
    fn tell(&self, origin: &Origin) -> String {
        let Some(version) = self.versions.behind(origin) else { return origin.to_string() };
        let why = match version.comment.as_str() {
            "" => String::new(),
            comment => format!(": {}", print::tame(comment)),
        };
        format!("{}, {}{why}", self.say(origin), date::write_iso(version.at))
    }
}
