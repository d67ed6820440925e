//! `sluss hash-list`: lists of known-bad attachments and hosts, compiled without a server.

use super::{Failure, Place, print};
use crate::{
    base::clock::Clock,
    config::{Config, hash_list::HashListConfig},
    edge::hash_lists,
    store::hash_list::HashList,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::{path::Path, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct HashLists {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show each configured list: how much is on it, when it was compiled, and what it takes.
    #[command(after_help = "Examples:\n  sluss hash-list list\n  sluss hash-list list --json")]
    List {
        #[command(flatten)]
        place: Place,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Compile lists (all of them when none is named) while the gateway goes on with what it has. `sluss reload` puts them in force.
    ///
    /// Start and reload do the same for lists whose file is newer than what was compiled of it.
    #[command(
        after_help = "Examples:\n  sluss hash-list compile\n  sluss hash-list compile bazaar && sluss reload"
    )]
    Compile {
        #[command(flatten)]
        place: Place,
        /// Names in the configuration.
        names: Vec<String>,
    },
}

impl HashLists {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, json } => list(&configured(&place)?, json),
            Verb::Compile { place, names } => compile(&configured(&place)?, &names),
        }
    }
}

fn configured(place: &Place) -> Result<Config, Failure> {
    place.source().read(place.data.as_deref()).map_err(Failure::BadInput)
}

/// What stands in the columns when nothing is known.
const UNKNOWN: &str = "-";

fn list(config: &Config, json: bool) -> Result<ExitCode, Failure> {
    let mut rows = Vec::new();
    for entry in &config.hash_lists {
        let file = hash_lists::compiled_file(entry, &config.data_dir);
        let opened = HashList::open(&file);
        let stale = hash_lists::is_stale(entry, &config.data_dir);
        let list = opened.as_ref().ok();
        let disk_bytes = std::fs::metadata(&file).map_or(0, |known| known.len());
        if json {
            print::line(
                &json!({
                    "name": entry.name,
                    "kind": entry.kind,
                    "file": entry.file,
                    "entries": list.map(HashList::len),
                    "compiled_ms": list.map(|list| list.made().0),
                    "memory_bytes": list.map(HashList::memory_bytes),
                    "disk_bytes": list.map(|_| disk_bytes),
                    "stale": stale,
                    "error": opened.as_ref().err().map(ToString::to_string),
                })
                .to_string(),
            )?;
            continue;
        }
        let state = match (&opened, stale) {
            (Err(_), _) => "not compiled",
            (Ok(_), true) => "older than its file",
            (Ok(_), false) => "up to date",
        };
        let number =
            |number: Option<u64>| number.map_or(UNKNOWN.to_string(), |number| number.to_string());
        rows.push(vec![
            entry.name.clone(),
            entry.kind.word().to_string(),
            number(list.map(HashList::len)),
            number(list.and_then(|list| u64::try_from(list.memory_bytes() >> 10).ok())),
            number(list.map(|_| disk_bytes >> 10)),
            state.to_string(),
            entry.file.display().to_string(),
        ]);
    }
    if !json {
        print::table(
            &["name", "kind", "entries", "memory KiB", "disk KiB", "state", "file"],
            &rows,
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn compile(config: &Config, names: &[String]) -> Result<ExitCode, Failure> {
    let known = |name: &String| config.hash_lists.iter().any(|entry| entry.name == *name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = config.hash_lists.iter().map(|entry| entry.name.as_str()).collect();
        let all = if all.is_empty() { "none".to_string() } else { all.join(", ") };
        return Err(Failure::BadInput(format!(
            "there is no [[hash-list]] named {unknown:?} in the configuration; there are: {all}"
        )));
    }
    let chosen =
        config.hash_lists.iter().filter(|entry| names.is_empty() || names.contains(&entry.name));
    let mut all_good = true;
    for entry in chosen {
        all_good &= compile_one(entry, &config.data_dir)?;
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compile_one(entry: &HashListConfig, data: &Path) -> Result<bool, Failure> {
    match hash_lists::compile(entry, data, &Clock::system()) {
        Ok(made) => {
            let odd: u64 = made.sources.iter().map(|source| source.not_understood).sum();
            let odd =
                if odd == 0 { String::new() } else { format!(", {odd} lines not understood") };
            print::line(&format!(
                "{}: {} entries, {} of them twice{odd}, {} KiB",
                entry.name,
                made.entries,
                made.doubles,
                made.file_bytes >> 10
            ))?;
            Ok(true)
        }
        Err(why) => {
            eprintln!("sluss: hash list {}: {why}; what was compiled before stays", entry.name);
            Ok(false)
        }
    }
}
