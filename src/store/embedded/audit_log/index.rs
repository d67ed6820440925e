//! Where each record stands, so that a page of the log is found at once. Made from the files, made again when it is missing or no longer
//! fits, and never asked whether the chain is whole. It remembers the end of the chain that it has seen, so that an end that goes missing shows.

use super::{
    chain::Head,
    files::{self, Lines, failed},
};
use crate::{
    base::{clock::UnixMs, limits},
    store::{
        StoreError,
        audit::{self, AuditFilter, Hash, Page, Record, What},
        private,
        spool::{RealDisk, read_full_at},
    },
};
use rusqlite::{Connection, OptionalExtension, ToSql, named_params, params};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The index of one log.
#[derive(Debug)]
pub(super) struct Index {
    folder: PathBuf,
    db: Mutex<Connection>,
}

impl Index {
    /// Opens it, or makes it anew.
    pub(super) fn open(folder: &Path) -> Result<Index, StoreError> {
        let file = folder.join(FILE);
        let db = match connect(&file) {
            Ok(db) => db,
            Err(error) => {
                tracing::warn!(%error, "the audit log's index is made anew from its files");
                for name in [FILE.to_string(), format!("{FILE}-wal"), format!("{FILE}-shm")] {
                    match fs::remove_file(folder.join(name)) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            return Err(failed("removing", &file)(error));
                        }
                        _ => (),
                    }
                }
                connect(&file)?
            }
        };
        Ok(Index { folder: folder.to_path_buf(), db: Mutex::new(db) })
    }

    /// The end of the chain as far as it has been seen.
    pub(super) fn seen(&self) -> Result<Option<Head>, StoreError> {
        self.reached(&self.db()).map_err(database("reading the audit log's index"))
    }

    /// Takes in what the files have more, all of it.
    pub(super) fn follow(&self) -> Result<(), StoreError> {
        while self.follow_some()? {}
        Ok(())
    }

    /// Takes in some of what the files have more, in one commit. True: there may be more still.
    pub(super) fn follow_some(&self) -> Result<bool, StoreError> {
        let mut db = self.db();
        let writing = database("writing the audit log's index");
        let all = files::list(&RealDisk, &self.folder)?;
        let begin = rusqlite::TransactionBehavior::Immediate;
        let within = db.transaction_with_behavior(begin).map_err(writing)?;
        let mut reached = self
            .reached(&within)
            .map_err(database("reading the audit log's index"))?
            .unwrap_or_default();
        let from = reached.file;
        let mut left = limits::AUDIT_INDEX_STEP_RECORDS;
        for file in all.into_iter().filter(|file| *file >= from) {
            if left == 0 {
                break;
            }
            if file > reached.file {
                (reached.file, reached.bytes) = (file, 0);
            }
            self.take(&within, &mut reached, &mut left)?;
        }
        let writing = database("writing the audit log's index");
        let row = params![
            signed(reached.file),
            signed(reached.bytes),
            signed(reached.number),
            reached.hash.to_string(),
        ];
        within.execute(REACHED, row).map_err(writing)?;
        within.commit().map_err(database("writing the audit log's index"))?;
        Ok(left == 0)
    }

    /// Takes in a file from where it was left, at most so many lines.
    fn take(
        &self,
        db: &Connection,
        reached: &mut Head,
        left: &mut usize,
    ) -> Result<(), StoreError> {
        let path = files::path(&self.folder, reached.file);
        let Some(file) = files::open_to_read(&RealDisk, &self.folder, reached.file)? else {
            return Ok(());
        };
        let writing = || database("writing the audit log's index");
        let mut insert = db.prepare_cached(INSERT).map_err(writing())?;
        let mut lines = Lines::from(file, reached.bytes);
        while *left > 0
            && let Some(line) = lines.next_line().map_err(failed("reading", &path))?
        {
            *left -= 1;
            if !line.whole {
                break;
            }
            if let Some(record) = audit::read_record(&line.text) {
                let size = line.end.saturating_sub(line.place).saturating_sub(1);
                insert
                    .execute(named_params! {
                        ":number": signed(record.number),
                        ":at": signed(record.at_ms.0),
                        ":organisation": record.organisation.as_ref().map(|it| it.name()),
                        ":who": record.who.name(),
                        ":what": record.what.word(),
                        ":object": record.object,
                        ":file": signed(reached.file),
                        ":place": signed(line.place),
                        ":bytes": signed(size),
                    })
                    .map_err(writing())?;
                reached.number = record.number;
                reached.hash = audit::claimed_hash(&line.text).unwrap_or_default();
            }
            reached.bytes = line.end;
        }
        Ok(())
    }

    fn reached(&self, db: &Connection) -> rusqlite::Result<Option<Head>> {
        let row = db.prepare_cached("SELECT file, bytes, number, hash FROM reached")?.query_row(
            [],
            |row| {
                let hash: String = row.get(3)?;
                Ok(Head {
                    file: unsigned(row, 0)?,
                    bytes: unsigned(row, 1)?,
                    number: unsigned(row, 2)?,
                    hash: Hash::parse(&hash).unwrap_or_default(),
                    at: UnixMs(0),
                })
            },
        );
        row.optional()
    }

    /// A page: the places from the index, the records from the files.
    pub(super) fn list(&self, filter: &AuditFilter) -> Result<Page, StoreError> {
        self.follow()?;
        let places =
            places(&self.db(), filter).map_err(database("reading the audit log's index"))?;
        let mut page = Page::default();
        for place in places {
            match self.read(&place)? {
                Some(record) => page.records.push(record),
                None => page.damaged.push(place.number),
            }
        }
        Ok(page)
    }

    /// The record at a place, if it is still what was written.
    fn read(&self, place: &Place) -> Result<Option<Record>, StoreError> {
        let Some(file) = files::open_to_read(&RealDisk, &self.folder, place.file)? else {
            return Ok(None);
        };
        let size = usize::try_from(place.bytes).unwrap_or(0);
        if size > limits::AUDIT_LINE_BYTES_MAX {
            return Ok(None);
        }
        let mut line = vec![0; size];
        let path = files::path(&self.folder, place.file);
        read_full_at(file.as_ref(), &mut line, place.place).map_err(failed("reading", &path))?;
        let is_it = audit::read_link(&line).is_ok_and(|link| link.number == place.number);
        Ok(audit::read_record(&line).filter(|_| is_it))
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A transaction that panicked was rolled back when it was dropped.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a record stands.
struct Place {
    number: u64,
    file: u64,
    place: u64,
    bytes: u64,
}

fn places(db: &Connection, filter: &AuditFilter) -> rusqlite::Result<Vec<Place>> {
    let scope = filter.scope.as_ref().map(|it| it.name().to_string());
    let (who, what) = (filter.who.as_ref().map(|it| it.to_lowercase()), filter.what);
    let (what, object) = (what.map(|it| it.word()), filter.object.as_ref());
    let (since, until) = (filter.since.map(|at| signed(at.0)), filter.until.map(|at| signed(at.0)));
    let before = filter.before.map(signed);
    let rows = i64::try_from(filter.rows).unwrap_or(i64::MAX);
    let mut sql = "SELECT number, file, place, bytes FROM records WHERE 1".to_string();
    let mut given: Vec<(&str, &dyn ToSql)> = vec![(":rows", &rows)];
    let (checkpoint, sealed) = (What::Checkpoint.word(), What::ProofsSealed.word());
    let conditions: [(bool, &str, &str, &dyn ToSql); 9] = [
        (scope.is_some(), "organisation = :scope", ":scope", &scope),
        (who.is_some(), "who = :who", ":who", &who),
        (what.is_some(), "what = :what", ":what", &what),
        (filter.without_checkpoints, "what <> :checkpoint", ":checkpoint", &checkpoint),
        (filter.without_checkpoints, "what <> :sealed", ":sealed", &sealed),
        (object.is_some(), "object = :object", ":object", &object),
        (since.is_some(), "at >= :since", ":since", &since),
        (until.is_some(), "at <= :until", ":until", &until),
        (before.is_some(), BEFORE, ":before", &before),
    ];
    for (asked, condition, name, value) in conditions {
        if asked {
            sql = format!("{sql} AND {condition}");
            given.push((name, value));
        }
    }
    sql.push_str(" ORDER BY at DESC, number DESC LIMIT :rows");
    let mut query = db.prepare_cached(&sql)?;
    let found = query.query_map(given.as_slice(), |row| {
        Ok(Place {
            number: unsigned(row, 0)?,
            file: unsigned(row, 1)?,
            place: unsigned(row, 2)?,
            bytes: unsigned(row, 3)?,
        })
    })?;
    found.collect()
}

/// SQLite's numbers have a sign; none of ours comes near the bound.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(|number: i64| u64::try_from(number).unwrap_or(0))
}

fn connect(file: &Path) -> Result<Connection, StoreError> {
    private::database_file(file).map_err(failed("making", file))?;
    let opening = || database("opening the audit log's index");
    let db = Connection::open(file).map_err(opening())?;
    db.busy_timeout(Duration::from_secs(5)).map_err(opening())?;
    db.pragma_update(None, "journal_mode", "WAL").map_err(opening())?;
    // What the power takes is read from the files again.
    db.pragma_update(None, "synchronous", "NORMAL").map_err(opening())?;
    db.pragma_update(None, "cache_size", -512).map_err(opening())?;
    let version: u32 =
        db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(opening())?;
    match version {
        0 => db.execute_batch(SCHEMA).map_err(opening())?,
        VERSION => (),
        other => {
            return Err(StoreError::Damaged {
                what: "the audit log's index".to_string(),
                why: format!("it has version {other}, and {VERSION} is known"),
            });
        }
    }
    Ok(db)
}

fn database(what: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |source| StoreError::Database { what, source }
}

pub(super) const FILE: &str = "index.db";
const VERSION: u32 = 1;
/// Raised with each change of the schema; an index of another version is made anew.
const SCHEMA: &str = "
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    organisation TEXT,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    object TEXT,
    file INTEGER NOT NULL,
    place INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS records_at ON records (at, number);
CREATE INDEX IF NOT EXISTS records_organisation ON records (organisation, at, number) WHERE organisation IS NOT NULL;
CREATE INDEX IF NOT EXISTS records_who ON records (who, at, number);
CREATE INDEX IF NOT EXISTS records_what ON records (what, at, number);
CREATE INDEX IF NOT EXISTS records_object ON records (object, at, number) WHERE object IS NOT NULL;
CREATE TABLE IF NOT EXISTS reached (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    file INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hash TEXT NOT NULL
);
PRAGMA user_version = 1;
COMMIT;
";
const INSERT: &str = "
INSERT OR REPLACE INTO records (number, at, organisation, who, what, object, file, place, bytes)
VALUES (:number, :at, :organisation, :who, :what, :object, :file, :place, :bytes)";
const REACHED: &str =
    "INSERT OR REPLACE INTO reached (one, file, bytes, number, hash) VALUES (1, ?1, ?2, ?3, ?4)";
/// Older than the last of the page before, in the order of the list.
const BEFORE: &str = "(at, number) < (SELECT at, number FROM records WHERE number = :before)";
