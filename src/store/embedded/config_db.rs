//! The stored layer of the configuration in SQLite: what holds now, and every change that led there with its author and comment.
//!
//! Commands write it, one at a time; a running gateway only reads it, at start and at reload. A change is written inside a transaction,
//! the whole is read back from there and checked, and only then committed: what does not make sense was never stored.

mod history;

pub use history::EntryNames;

use super::db::{self, Promise};
use crate::{
    base::{clock::UnixMs, limits},
    config::layers::{Change, Kind, Stored, Version},
    store::{StoreError, private},
};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Params, Transaction, TransactionBehavior, params,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The stored layer on this machine.
#[derive(Debug)]
pub struct ConfigDb {
    connection: Connection,
}

/// A change that is being made. Dropped without [`Edit::commit`] it leaves nothing behind.
#[derive(Debug)]
pub struct Edit<'a> {
    transaction: Transaction<'a>,
    version: u32,
}

const MIGRATIONS: &[&str] = &["
CREATE TABLE version (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    comment TEXT NOT NULL
) STRICT;
CREATE TABLE entry (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    organisation TEXT NOT NULL,
    value TEXT NOT NULL,
    version INTEGER NOT NULL REFERENCES version (id),
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE change (
    version INTEGER NOT NULL REFERENCES version (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    organisation TEXT NOT NULL,
    before TEXT,
    after TEXT,
    PRIMARY KEY (version, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX change_by_entry ON change (kind, name, version);
"];

impl ConfigDb {
    /// Opens the stored layer of a data folder, and makes an empty one if there is none.
    pub fn open(data_dir: &Path) -> Result<ConfigDb, StoreError> {
        let file = file_in(data_dir);
        let folder = private::above(&file);
        let failed = |what| {
            let file = file.clone();
            move |source| StoreError::File { what, file, source }
        };
        private::folder(folder)?;
        db::refuse_newer(&file, MIGRATIONS)?;
        private::database_file(&file).map_err(failed("making the database"))?;
        let connection = db::connect(&file, Promise::Full)?;
        db::migrate(&connection, MIGRATIONS)?;
        private::sync_names(folder).map_err(failed("syncing the folder of"))?;
        // A command that root runs must not lock out the gateway, which runs as the user the data belongs to.
        private::give_to_owner_above(folder)?;
        Ok(ConfigDb { connection })
    }

    /// Opens the stored layer to read it; none when nothing was ever stored.
    pub fn open_if_there(data_dir: &Path) -> Result<Option<ConfigDb>, StoreError> {
        let file = file_in(data_dir);
        let there = file.try_exists().map_err(|source| StoreError::File {
            what: "looking for",
            file: file.clone(),
            source,
        })?;
        if !there {
            return Ok(None);
        }
        let failed = |source| StoreError::Database { what: "opening the configuration", source };
        db::refuse_newer(&file, MIGRATIONS)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&file, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIME_MAX).map_err(failed)?;
        db::migrate(&connection, MIGRATIONS)?;
        Ok(Some(ConfigDb { connection }))
    }

    /// All that holds.
    pub fn read(&self) -> Result<Stored, StoreError> {
        read(&self.connection).map_err(database("reading the configuration"))
    }

    /// Begins a change. Another that is under way is waited for, up to 10 seconds.
    pub fn edit(&mut self) -> Result<Edit<'_>, StoreError> {
        let failed = database("beginning a change of the configuration");
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&failed)?;
        let version = newest(&transaction).map_err(&failed)? + 1;
        // Its author, time and comment follow when it is good; entries refer to it already.
        transaction
            .execute("INSERT INTO version VALUES (?1, 0, '', '')", [version])
            .map_err(&failed)?;
        Ok(Edit { transaction, version })
    }

    /// The versions, newest first, at most `rows`.
    pub fn history(&self, rows: usize) -> Result<Vec<Version>, StoreError> {
        self.versions(None, rows)
    }

    /// The same, of those before this one.
    pub fn versions(&self, before: Option<u32>, rows: usize) -> Result<Vec<Version>, StoreError> {
        versions(&self.connection, before, rows)
            .map_err(database("reading the history of the configuration"))
    }

    /// What one version changed; nothing when there is none of this number.
    pub fn changes(&self, version: u32) -> Result<Vec<Change>, StoreError> {
        changes(&self.connection, version)
            .map_err(database("reading a version of the configuration"))
    }

    /// The newest version that made an entry say something it had not said before; of the entry's last `versions_max` changes.
    pub fn when_said(
        &self,
        kind: Kind,
        name: &str,
        versions_max: usize,
        says: impl Fn(&serde_json::Value) -> bool,
    ) -> Result<Option<Version>, StoreError> {
        let failed = database("reading the history of the configuration");
        let rows = i64::try_from(versions_max).unwrap_or(i64::MAX);
        let said = |value: Option<String>| {
            value
                .and_then(|text| serde_json::from_str(&text).ok())
                .is_some_and(|value| says(&value))
        };
        let find = || -> rusqlite::Result<Option<u32>> {
            let mut changes = self.connection.prepare(
                "SELECT version, before, after FROM change WHERE kind = ?1 AND name = ?2 ORDER BY version DESC LIMIT ?3",
            )?;
            let mut changes = changes.query(params![kind.word(), name, rows])?;
            while let Some(change) = changes.next()? {
                if said(change.get(2)?) && !said(change.get(1)?) {
                    return change.get(0).map(Some);
                }
            }
            Ok(None)
        };
        let Some(version) = find().map_err(&failed)? else { return Ok(None) };
        let found = versions(&self.connection, version.checked_add(1), 1).map_err(&failed)?;
        Ok(found.into_iter().find(|one| one.version == version))
    }
}

impl Edit<'_> {
    /// The number this change will have.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// An entry's value as it is so far.
    pub fn get(&self, kind: Kind, name: &str) -> Result<Option<String>, StoreError> {
        let read = || {
            self.transaction
                .prepare_cached("SELECT value FROM entry WHERE kind = ?1 AND name = ?2")?
                .query_row(params![kind.word(), name], |row| row.get(0))
                .optional()
        };
        read().map_err(database("reading the configuration"))
    }

    /// Sets an entry, or takes it away. What it changes in the end is written down for the history.
    pub fn put(&mut self, kind: Kind, name: &str, value: Option<&str>) -> Result<(), StoreError> {
        self.put_inner(kind, name, value).map_err(database("changing the configuration"))
    }

    fn put_inner(&self, kind: Kind, name: &str, value: Option<&str>) -> rusqlite::Result<()> {
        let transaction = &self.transaction;
        let is: Option<String> = transaction
            .prepare_cached("SELECT value FROM entry WHERE kind = ?1 AND name = ?2")?
            .query_row(params![kind.word(), name], |row| row.get(0))
            .optional()?;
        // Set twice in one change: what it was before the change is what counts.
        let noted: Option<Option<String>> = transaction
            .prepare_cached(
                "SELECT before FROM change WHERE version = ?1 AND kind = ?2 AND name = ?3",
            )?
            .query_row(params![self.version, kind.word(), name], |row| row.get(0))
            .optional()?;
        let change = Change {
            kind,
            name: name.to_string(),
            before: noted.unwrap_or(is),
            after: value.map(str::to_string),
        };
        let organisation = change.organisation();
        match change.before == change.after {
            true => transaction
                .prepare_cached(
                    "DELETE FROM change WHERE version = ?1 AND kind = ?2 AND name = ?3",
                )?
                .execute(params![self.version, kind.word(), name])?,
            false => transaction
                .prepare_cached("INSERT OR REPLACE INTO change VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    self.version,
                    kind.word(),
                    name,
                    organisation.name(),
                    change.before,
                    change.after
                ])?,
        };
        match value {
            None => transaction
                .prepare_cached("DELETE FROM entry WHERE kind = ?1 AND name = ?2")?
                .execute(params![kind.word(), name])?,
            Some(value) => transaction
                .prepare_cached("INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![kind.word(), name, organisation.name(), value, self.version])?,
        };
        Ok(())
    }

    /// All that would hold.
    pub fn read(&self) -> Result<Stored, StoreError> {
        read(&self.transaction).map_err(database("reading the configuration"))
    }

    /// Everything that would change, by kind and name.
    pub fn changes(&self) -> Result<Vec<Change>, StoreError> {
        changes(&self.transaction, self.version).map_err(database("reading the configuration"))
    }

    /// What an earlier version changed.
    pub fn changes_of(&self, version: u32) -> Result<Vec<Change>, StoreError> {
        changes(&self.transaction, version).map_err(database("reading the configuration"))
    }

    /// Each entry that versions after this one touched, as it was when this one was new.
    pub fn as_it_was_at(
        &self,
        version: u32,
    ) -> Result<Vec<(Kind, String, Option<String>)>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(Kind, String, Option<String>)>> {
            // The first change after it says what was there before.
            let mut statement = self.transaction.prepare(
                "SELECT kind, name, before, min(version) FROM change WHERE version > ?1 GROUP BY kind, name",
            )?;
            let rows = statement.query_map([version], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?))
            })?;
            rows.map(|row| row.and_then(|(kind, name, before)| Ok((kind_of(&kind)?, name, before))))
                .collect()
        };
        read().map_err(database("reading an earlier configuration"))
    }

    /// What versions after this one did to an entry, newest first.
    pub fn changes_since(
        &self,
        kind: Kind,
        name: &str,
        version: u32,
    ) -> Result<Vec<(u32, Change)>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(u32, Change)>> {
            let mut statement = self.transaction.prepare_cached(
                "SELECT version, before, after FROM change
                 WHERE kind = ?1 AND name = ?2 AND version > ?3 AND version < ?4 ORDER BY version DESC",
            )?;
            let asked = params![kind.word(), name, version, self.version];
            let rows = statement.query_map(asked, |row| {
                let (before, after) = (row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, Change { kind, name: name.to_string(), before, after }))
            })?;
            rows.collect()
        };
        read().map_err(database("reading the history of the configuration"))
    }

    /// One version, if there is one of this number.
    pub fn version_of(&self, version: u32) -> Result<Option<Version>, StoreError> {
        let read = versions(&self.transaction, version.checked_add(1), 1);
        let found = read.map_err(database("reading the history of the configuration"))?;
        Ok(found.into_iter().find(|one| one.version == version))
    }

    /// The names of all entries of a kind.
    pub fn names(&self, kind: Kind) -> Result<Vec<String>, StoreError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement =
                self.transaction.prepare("SELECT name FROM entry WHERE kind = ?1 ORDER BY name")?;
            statement.query_map([kind.word()], |row| row.get(0))?.collect()
        };
        read().map_err(database("reading the configuration"))
    }

    /// Stores it, durably. Gives its number.
    pub fn commit(self, at: UnixMs, author: &str, comment: &str) -> Result<u32, StoreError> {
        let failed = database("storing a change of the configuration");
        let comment: String = comment.chars().take(limits::COMMENT_CHARS_MAX).collect();
        let finish = || -> rusqlite::Result<u32> {
            let at = i64::try_from(at.0).unwrap_or(i64::MAX);
            self.transaction.execute(
                "UPDATE version SET at = ?2, author = ?3, comment = ?4 WHERE id = ?1",
                params![self.version, at, author, comment],
            )?;
            self.transaction.commit()?;
            Ok(self.version)
        };
        finish().map_err(failed)
    }
}

fn read(connection: &Connection) -> rusqlite::Result<Stored> {
    let mut stored = Stored::default();
    stored.version = newest(connection)?;
    let mut statement =
        connection.prepare("SELECT kind, name, value, version FROM entry ORDER BY kind, name")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // Borrowed from SQLite's page: of three hundred thousand domains none is copied twice.
        let kind = kind_of(row.get_ref(0)?.as_str()?)?;
        stored.add(kind, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?, row.get(3)?);
    }
    Ok(stored)
}

fn versions(
    connection: &Connection,
    before: Option<u32>,
    rows: usize,
) -> rusqlite::Result<Vec<Version>> {
    let mut statement = connection.prepare(
        "SELECT id, at, author, comment, (SELECT count(*) FROM change WHERE version = id)
         FROM version WHERE ?2 IS NULL OR id < ?2 ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    statement.query_map(params![rows, before], version_row)?.collect()
}

fn version_row(row: &rusqlite::Row) -> rusqlite::Result<Version> {
    Ok(Version {
        version: row.get(0)?,
        at: UnixMs(u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)),
        author: row.get(2)?,
        comment: row.get(3)?,
        changes: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
    })
}

fn newest(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("SELECT coalesce(max(id), 0) FROM version", [], |row| row.get(0))
}

fn changes(connection: &Connection, version: u32) -> rusqlite::Result<Vec<Change>> {
    changes_where(connection, "version = ?1", [version])
}

fn changes_where(
    connection: &Connection,
    condition: &str,
    asked: impl Params,
) -> rusqlite::Result<Vec<Change>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT kind, name, before, after FROM change WHERE {condition} ORDER BY kind, name"
    ))?;
    let rows = statement.query_map(asked, |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.map(|row| {
        row.and_then(|(kind, name, before, after)| {
            Ok(Change { kind: kind_of(&kind)?, name, before, after })
        })
    })
    .collect()
}

fn kind_of(word: &str) -> rusqlite::Result<Kind> {
    Kind::from_word(word).ok_or_else(|| {
        let why = format!("an entry is of the kind {word:?}, which this sluss does not know");
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, why.into())
    })
}

fn database(what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Database { what, source }
}

fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("config").join("config.db")
}

/// Commands that change much at once take a second or two.
const BUSY_TIME_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(db: &mut ConfigDb, puts: &[(Kind, &str, Option<&str>)], comment: &str) -> u32 {
        let mut edit = db.edit().unwrap();
        for (kind, name, value) in puts {
            edit.put(*kind, name, *value).unwrap();
        }
        edit.commit(UnixMs(7), "anna", comment).unwrap()
    }

    #[test]
    fn what_is_stored_is_read_with_its_version_author_and_comment() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ConfigDb::open_if_there(folder.path()).unwrap().is_none());
        let mut db = ConfigDb::open(folder.path()).unwrap();
        assert_eq!(db.read().unwrap().version, 0);
        assert_eq!(commit(&mut db, &[(Kind::Policy, "p", Some("{}"))], "first"), 1);
        let puts =
            [(Kind::Domain, "a.example", Some("{}")), (Kind::Policy, "p", Some("{\"mark\":3.0}"))];
        assert_eq!(commit(&mut db, &puts, "second"), 2);
        let again = ConfigDb::open_if_there(folder.path()).unwrap().unwrap();
        let stored = again.read().unwrap();
        assert_eq!((stored.version, stored.len()), (2, 2));
        let history = again.history(10).unwrap();
        let shown: Vec<(u32, &str, &str, u64)> = history
            .iter()
            .map(|v| (v.version, v.author.as_str(), v.comment.as_str(), v.changes))
            .collect();
        assert_eq!(shown, [(2, "anna", "second", 2), (1, "anna", "first", 1)]);
        let changed: Vec<String> =
            again.changes(2).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(changed, ["+ domain a.example {}", "~ policy p {} -> {\"mark\":3.0}"]);
    }

    #[test]
    fn who_said_something_last_is_found_in_the_history() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = ConfigDb::open(folder.path()).unwrap();
        let name = "lists.block";
        for (value, want) in [
            (Some("[\"a.example\"]"), None),
            (Some("[\"a.example\",\"b.example\"]"), Some(2)),
            (Some("[\"b.example\"]"), Some(2)),
            (None, Some(2)),
            (Some("[\"c.example\",\"b.example\"]"), Some(5)),
        ] {
            commit(&mut db, &[(Kind::Setting, name, value)], "");
            let says = |value: &serde_json::Value| value.to_string().contains("b.example");
            let found = db.when_said(Kind::Setting, name, 10, says).unwrap();
            assert_eq!(found.map(|one| one.version), want, "{value:?}");
        }
        let bounded =
            db.when_said(Kind::Setting, name, 1, |value| value.to_string().contains("a."));
        assert_eq!(bounded.unwrap(), None);
    }

    #[test]
    fn a_change_that_is_dropped_never_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = ConfigDb::open(folder.path()).unwrap();
        let mut edit = db.edit().unwrap();
        edit.put(Kind::Policy, "p", Some("{}")).unwrap();
        assert_eq!(edit.read().unwrap().len(), 1);
        drop(edit);
        assert!(db.read().unwrap().is_empty());
        assert!(db.history(10).unwrap().is_empty());
    }

    #[test]
    fn a_change_says_what_differs_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = ConfigDb::open(folder.path()).unwrap();
        commit(&mut db, &[(Kind::Setting, "limits.connections", Some("1"))], "");
        let mut edit = db.edit().unwrap();
        for value in [Some("2"), None, Some("3")] {
            edit.put(Kind::Setting, "limits.connections", value).unwrap();
        }
        edit.put(Kind::Policy, "p", Some("{}")).unwrap();
        edit.put(Kind::Policy, "p", None).unwrap();
        let changes: Vec<String> =
            edit.changes().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(changes, ["~ limits.connections 1 -> 3"]);
    }

    #[test]
    fn an_earlier_state_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = ConfigDb::open(folder.path()).unwrap();
        commit(&mut db, &[(Kind::Policy, "p", Some("{}")), (Kind::Policy, "q", Some("{}"))], "");
        commit(&mut db, &[(Kind::Policy, "p", Some("{\"mark\":1.0}"))], "");
        commit(&mut db, &[(Kind::Policy, "p", None), (Kind::Policy, "r", Some("{}"))], "");
        let edit = db.edit().unwrap();
        let p = |value: &str| (Kind::Policy, "p".to_string(), Some(value.to_string()));
        let r = (Kind::Policy, "r".to_string(), None);
        assert_eq!(edit.as_it_was_at(1).unwrap(), [p("{}"), r.clone()]);
        assert_eq!(edit.as_it_was_at(2).unwrap(), [p("{\"mark\":1.0}"), r]);
        let since = |name: &str| -> Vec<u32> {
            let changes = edit.changes_since(Kind::Policy, name, 1).unwrap();
            changes.into_iter().map(|(version, _)| version).collect()
        };
        assert_eq!((since("p"), since("q")), (vec![3, 2], vec![]));
        assert_eq!(edit.version_of(2).unwrap().map(|one| one.author).as_deref(), Some("anna"));
    }

    #[test]
    fn the_history_is_leafed_through_backwards() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = ConfigDb::open(folder.path()).unwrap();
        for value in ["1", "2", "3", "4", "5"] {
            commit(&mut db, &[(Kind::Setting, "limits.connections", Some(value))], "");
        }
        for (before, want) in
            [(None, &[5, 4][..]), (Some(4), &[3, 2]), (Some(2), &[1]), (Some(1), &[])]
        {
            let versions = db.versions(before, 2).unwrap();
            let numbers: Vec<u32> = versions.iter().map(|one| one.version).collect();
            assert_eq!(numbers, want, "{before:?}");
        }
    }
}
