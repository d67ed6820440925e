//! A data folder that a newer version has worked on: nothing starts on it, and nothing of it is touched.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use sluss::{
    base::clock::{Clock, UnixMs},
    config::Config,
    edge::{load::Opener, serve},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const NOON: UnixMs = UnixMs(1_795_262_400_000);

fn open(folder: &Path) -> Result<(), String> {
    let text = format!("hostname = \"mx.ours.example\"\ndata-dir = \"{}\"\n", folder.display());
    let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
    serve::open(config, None, &Clock::by_hand(NOON), Opener::Here).map(drop)
}

/// All databases of a folder. The audit log's index is none: it is made anew from the log at any time.
fn databases(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(databases(&path)),
            false if path.extension().is_some_and(|ending| ending == "db") => found.push(path),
            false => (),
        }
    }
    found.retain(|path| !path.ends_with("audit/index.db"));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn each_database_of_a_newer_version_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap();
    let all = databases(folder.path());
    assert!(all.len() > 7, "{all:?}");
    for file in all {
        let connection = rusqlite::Connection::open(&file).unwrap();
        let known: u32 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        drop(connection);
        let before = fs::read(&file).unwrap();
        let refused = open(folder.path()).unwrap_err();
        for part in [&file.display().to_string(), "newer sluss", "its schema is 999"] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
        assert!(refused.contains(&format!("knows up to {known}")), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), before, "{}", file.display());
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.pragma_update(None, "user_version", known).unwrap();
    }
    open(folder.path()).unwrap();
}
