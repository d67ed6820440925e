//! One SQLite file with one writing thread that groups commits, and one connection for reading.
//!
//! Whoever writes hands over a closure and waits; the thread runs all that wait in one transaction, each in a savepoint of
//! its own, commits once, and only then tells them. A closure that fails takes nothing else along.

use crate::store::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// What a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// On stable storage.
    Full,
    /// In order, but the last commits may be lost with the power.
    Normal,
}

/// How a database is opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// What a commit promises.
    pub(super) promise: Promise,
    /// How long to gather jobs after the first has come.
    pub(super) gather: Duration,
    /// Most jobs in one commit.
    pub(super) jobs_max: usize,
    /// Most jobs waiting; more are refused.
    pub(super) waiting_max: usize,
    /// The schema, oldest first: migration N brings the database from version N to N + 1.
    pub(super) migrations: &'static [&'static str],
}

/// Does its work; says whether it went well and what to do once the commit is made or has failed.
type Job = Box<dyn FnOnce(&Connection) -> Worked + Send>;
type Done = Box<dyn FnOnce(Result<(), String>) + Send>;

struct Worked {
    well: bool,
    then: Done,
}

/// An open database.
#[derive(Clone)]
pub(super) struct Db {
    jobs: mpsc::SyncSender<Job>,
    reader: Arc<Mutex<Connection>>,
    file: PathBuf,
}

impl Db {
    /// Opens or makes a database and brings its schema up to date.
    pub(super) fn open(file: &Path, options: Options) -> Result<Db, StoreError> {
        let writer = connect(file, options.promise)?;
        migrate(&writer, options.migrations)?;
        let reader = Connection::open_with_flags(
            file,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|source| StoreError::Database { what: "opening for reading", source })?;
        reader
            .pragma_update(None, "cache_size", -512)
            .map_err(|source| StoreError::Database { what: "setting up", source })?;
        let (jobs, queue) = mpsc::sync_channel(options.waiting_max);
        thread::Builder::new()
            .name("sluss-db".to_string())
            .stack_size(512 << 10)
            .spawn(move || write_all(&writer, &queue, options))
            .map_err(|source| StoreError::File {
                what: "starting the writer of",
                file: file.to_path_buf(),
                source,
            })?;
        Ok(Db { jobs, reader: Arc::new(Mutex::new(reader)), file: file.to_path_buf() })
    }

    /// Runs `work` in the next grouped commit; resolves when the commit has been made.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = work(connection);
            let well = outcome.is_ok();
            let then: Done = Box::new(move |committed| {
                let answer = match (outcome, committed) {
                    (Ok(value), Ok(())) => Ok(value),
                    (Err(source), _) => Err(StoreError::Database { what, source }),
                    (Ok(_), Err(why)) => {
                        Err(StoreError::Damaged { what: format!("the commit of {what}"), why })
                    }
                };
                // The caller may have gone away; the commit stands all the same.
                let _gone = tell.send(answer);
            });
            Worked { well, then }
        });
        let jobs = self.jobs.clone();
        // A full channel means the disk is slower than the mail: waiting here is the back-pressure.
        match jobs.try_send(job) {
            Ok(()) => (),
            Err(mpsc::TrySendError::Full(job)) => {
                let sent = tokio::task::spawn_blocking(move || jobs.send(job)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return Err(StoreError::Closed);
                }
            }
            Err(mpsc::TrySendError::Disconnected(_)) => return Err(StoreError::Closed),
        }
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Hands over `work` without waiting; false when too much waits already.
    pub(super) fn write_soon(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> bool {
        let job: Job = Box::new(move |connection| {
            let outcome = work(connection);
            let well = outcome.is_ok();
            let then: Done = Box::new(move |committed: Result<(), String>| {
                if let Err(error) = outcome.map_err(|error| error.to_string()).and(committed) {
                    tracing::error!(error, "a trace row could not be written");
                }
            });
            Worked { well, then }
        });
        self.jobs.try_send(job).is_ok()
    }

    /// Reads, on a thread where waiting is allowed.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = self.reader.clone();
        let read = tokio::task::spawn_blocking(move || {
            let connection = reader.lock().map_err(|_| StoreError::Closed)?;
            work(&connection).map_err(|source| StoreError::Database { what, source })
        });
        read.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The database's file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

fn connect(file: &Path, promise: Promise) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Database { what: "opening", source };
    let connection = Connection::open(file).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    let synchronous = match promise {
        Promise::Full => "FULL",
        Promise::Normal => "NORMAL",
    };
    for (pragma, value) in [
        ("synchronous", synchronous),
        ("foreign_keys", "ON"),
        ("cache_size", "-2000"),
        ("secure_delete", "ON"),
    ] {
        connection.pragma_update(None, pragma, value).map_err(failed)?;
    }
    Ok(connection)
}

fn migrate(connection: &Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let failed = |source| StoreError::Database { what: "migrating", source };
    let version: usize = connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        .map(|version| usize::try_from(version).unwrap_or(usize::MAX))
        .map_err(failed)?;
    if version > migrations.len() {
        return Err(StoreError::Damaged {
            what: "the database".to_string(),
            why: format!(
                "it was written by a newer sluss (schema {version}, this one knows {})",
                migrations.len()
            ),
        });
    }
    for (number, migration) in migrations.iter().enumerate().skip(version) {
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE;\n{migration}\nPRAGMA user_version = {};\nCOMMIT;",
                number + 1
            ))
            .map_err(failed)?;
    }
    Ok(())
}

fn write_all(connection: &Connection, queue: &mpsc::Receiver<Job>, options: Options) {
    while let Ok(first) = queue.recv() {
        if !options.gather.is_zero() {
            thread::sleep(options.gather);
        }
        let mut waiting = vec![first];
        waiting.extend(queue.try_iter().take(options.jobs_max.saturating_sub(1)));
        commit(connection, waiting);
    }
}

fn commit(connection: &Connection, jobs: Vec<Job>) {
    let begun = connection.execute_batch("BEGIN IMMEDIATE");
    let mut done: Vec<(Done, Result<(), String>)> = Vec::with_capacity(jobs.len());
    for job in jobs {
        // A job that fails half-way must leave no half rows behind, and must not take the others along.
        let saved = connection.execute_batch("SAVEPOINT job");
        let Worked { well, then } = job(connection);
        let settled = match well {
            true => connection.execute_batch("RELEASE job"),
            false => connection.execute_batch("ROLLBACK TO job; RELEASE job"),
        };
        done.push((then, saved.and(settled).map_err(|error| error.to_string())));
    }
    let ended = begun.and_then(|()| connection.execute_batch("COMMIT"));
    if ended.is_err() {
        // Nothing of this transaction may stay open for the next.
        let _none_open = connection.execute_batch("ROLLBACK");
    }
    let outcome = ended.map_err(|error| error.to_string());
    for (then, settled) in done {
        then(outcome.clone().and(settled));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        promise: Promise::Full,
        gather: Duration::ZERO,
        jobs_max: 100,
        waiting_max: 100,
        migrations: &["CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT;"],
    };

    #[tokio::test]
    async fn a_failing_write_leaves_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("t.db"), OPTIONS).unwrap();
        let insert = |n: i64| {
            db.write("inserting", move |connection| {
                connection.execute("INSERT INTO t VALUES (?1)", [n])?;
                connection.execute("INSERT INTO t VALUES (?1)", [n + 100])
            })
        };
        // The fourth writes 2 and then fails on 102, so its 2 must vanish; the third fails at once.
        let outcomes = tokio::join!(insert(1), insert(102), insert(1), insert(2));
        assert!(
            outcomes.0.is_ok() && outcomes.1.is_ok() && outcomes.2.is_err() && outcomes.3.is_err()
        );
        let rows = db.read("counting", |connection| {
            connection.query_row("SELECT group_concat(n) FROM t", [], |row| row.get::<_, String>(0))
        });
        assert_eq!(rows.await.unwrap(), "1,101,102,202");
    }

    #[test]
    fn a_newer_schema_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        drop(Db::open(&file, OPTIONS).unwrap());
        let error =
            Db::open(&file, Options { migrations: &[], ..OPTIONS }).err().unwrap().to_string();
        assert!(error.contains("newer sluss"), "{error}");
    }
}
