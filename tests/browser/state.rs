//! All that lies in a data folder, so that two moments can be compared.

use crate::common::{PATIENCE, wait_for};
use data_encoding::BASE64;
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use std::{collections::BTreeMap, fs, path::Path};

/// What lies in the data folder, once what was begun is written.
#[track_caller]
pub fn settled(folder: &Path) -> BTreeMap<String, String> {
    let mut last = state(folder);
    wait_for("a data folder at rest", || {
        // Whatever is gathered before it is written is written within this.
        let gathered = sluss::base::limits::CAMPAIGNS_SAVE_INTERVAL;
        std::thread::sleep(gathered + std::time::Duration::from_millis(700));
        let now = state(folder);
        let same = now == last;
        last = now;
        same.then(|| last.clone())
    })
}

/// Every file by its hash, every database by the rows of its tables. That the audit log and proofs are signed each minute is no change of what they say.
fn state(folder: &Path) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let inner = self::state(&path).into_iter();
            state.extend(inner.map(|(inside, what)| (format!("{name}/{inside}"), what)));
        } else if let Ok(mut bytes) = fs::read(&path) {
            if folder.ends_with("audit") {
                // It is made from the log.
                if name.starts_with("index.db") {
                    continue;
                }
                let is_signature = |line: &&[u8]| {
                    SIGNED.iter().any(|what| memchr::memmem::find(line, what).is_some())
                };
                let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !is_signature(line));
                bytes = lines.collect::<Vec<&[u8]>>().join(&b'\n');
            }
            // What a database has not yet put into its main file is read with it.
            if name.ends_with("-wal") || name.ends_with("-shm") {
                continue;
            }
            // When each control was looked at last is written down each minute, and proofs are sealed.
            let is_looked_at =
                |table: &str| (name == "controls.db" && table == "control") || name == "proofs.db";
            match bytes.starts_with(b"SQLite format 3\0") {
                true => state.extend(
                    tables(&path)
                        .into_iter()
                        .filter(|(table, _)| !is_looked_at(table))
                        .map(|(table, rows)| (format!("{name}: {table}"), rows)),
                ),
                false => drop(state.insert(name, blake3::hash(&bytes).to_hex().to_string())),
            }
        }
    }
    state
}

/// Stand in the lines by which the log and proofs are signed, and in no others.
const SIGNED: [&[u8]; 2] = [br#""what":"checkpoint""#, br#""what":"proofs-sealed""#];

fn tables(file: &Path) -> BTreeMap<String, String> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let mut names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'").unwrap();
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names
        .into_iter()
        .map(|name| {
            let rows = rows(&database, &name);
            (name, rows)
        })
        .collect()
}

fn rows(database: &Connection, table: &str) -> String {
    let mut all = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let columns = all.column_count();
    let mut rows = all.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let value = |column| match row.get_ref(column).unwrap() {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Blob(blob) => BASE64.encode(blob),
            number @ (ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_)) => {
                format!("{number:?}")
            }
        };
        lines.push((0..columns).map(value).collect::<Vec<_>>().join(" | "));
    }
    lines.sort();
    lines.join("\n")
}
