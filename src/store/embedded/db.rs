//! One SQLite file with one writing thread that groups commits, and a few connections for reading.
//!
//! Whoever writes hands over a closure and waits; the thread runs all that wait in one transaction, each in a savepoint of
//! its own, commits once, and only then tells them. A closure that fails takes nothing else along.
//! No closure ever runs outside a transaction: what everybody is told has failed must not be there later.

use crate::{
    base::limits,
    store::{StoreError, private},
};
use rusqlite::{Connection, OpenFlags, ffi};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
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

/// What the writing thread is given.
enum Job {
    /// For a transaction.
    Within(Work),
    /// For the time between two.
    Between(Box<dyn FnOnce(&Connection) + Send>),
}

/// Does its work, or nothing when there is no transaction to do it in.
type Work = Box<dyn FnOnce(Option<&Connection>) -> Worked + Send>;
/// Tells whoever waits how the commit ended.
type Done = Box<dyn FnOnce(&rusqlite::Result<()>) + Send>;

struct Worked {
    failed: Option<rusqlite::Error>,
    then: Done,
}

/// An open database.
#[derive(Clone)]
pub(super) struct Db {
    writer: Arc<Writing>,
    reading: Arc<Reading>,
    file: PathBuf,
    begun: bool,
}

/// The writing thread. When the last handle goes, what waits is written and the file is closed.
struct Writing {
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.jobs = None;
        drop(self.thread.take().map(thread::JoinHandle::join));
    }
}

/// Connections for reading: one at first, more where somebody would wait for another's long search.
struct Reading {
    file: PathBuf,
    pool: Mutex<Pool>,
    given_back: Condvar,
}

struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

impl Reading {
    fn new(file: &Path) -> Result<Reading, StoreError> {
        let first = connect_to_read(file)
            .map_err(|source| StoreError::Database { what: "opening for reading", source })?;
        let pool = Mutex::new(Pool { idle: vec![first], open: 1 });
        Ok(Reading { file: file.to_path_buf(), pool, given_back: Condvar::new() })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let connection = self.lend();
        let done = catch_unwind(AssertUnwindSafe(|| work(&connection)));
        // A read that panicked has left the connection as it was: it changes nothing.
        self.pool().idle.push(connection);
        self.given_back.notify_one();
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn lend(&self) -> Connection {
        let mut pool = self.pool();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return connection;
            }
            if pool.open < limits::DATABASE_READERS_MAX
                // Where no more can be opened, whoever has one gives it back soon.
                && let Ok(another) = connect_to_read(&self.file)
            {
                pool.open += 1;
                return another;
            }
            pool = self.given_back.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect_to_read(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.pragma_update(None, "cache_size", -512)?;
    Ok(connection)
}

impl Db {
    /// Opens or makes a database and brings its schema up to date.
    pub(super) fn open(file: &Path, options: Options) -> Result<Db, StoreError> {
        let failed =
            |what| move |source| StoreError::File { what, file: file.to_path_buf(), source };
        refuse_newer(file, options.migrations)?;
        private::database_file(file).map_err(failed("making the database"))?;
        let writer = connect(file, options.promise)?;
        let begun = migrate(&writer, options.migrations)?;
        private::sync_names(private::above(file)).map_err(failed("syncing the folder of"))?;
        let reading = Arc::new(Reading::new(file)?);
        let (jobs, queue) = mpsc::sync_channel(options.waiting_max);
        let thread = thread::Builder::new()
            .name("sluss-db".to_string())
            .stack_size(512 << 10)
            .spawn(move || write_all(&writer, &queue, options))
            .map_err(failed("starting the writer of"))?;
        let writer = Arc::new(Writing { jobs: Some(jobs), thread: Some(thread) });
        Ok(Db { writer, reading, file: file.to_path_buf(), begun })
    }

    /// Runs `work` in the next grouped commit; resolves when the commit has been made.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job = within(work, move |answer| {
            // The caller may have gone away; the commit stands all the same.
            let _gone = tell.send(answer.map_err(|source| StoreError::Database { what, source }));
        });
        self.hand_over(job).await?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn hand_over(&self, job: Job) -> Result<(), StoreError> {
        let Some(jobs) = self.writer.jobs.clone() else { return Err(StoreError::Closed) };
        // A full channel means the disk is slower than the mail: waiting here is the back-pressure.
        match jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(mpsc::TrySendError::Full(job)) => {
                let sent = tokio::task::spawn_blocking(move || jobs.send(job)).await;
                if matches!(sent, Ok(Ok(()))) { Ok(()) } else { Err(StoreError::Closed) }
            }
            Err(mpsc::TrySendError::Disconnected(_)) => Err(StoreError::Closed),
        }
    }

    /// Hands over `work` without waiting; false when too much waits already.
    pub(super) fn write_soon(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> bool {
        self.write_soon_and(work, || ())
    }

    /// The same; `then` is done when the commit has been made, or has failed.
    pub(super) fn write_soon_and(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
        then: impl FnOnce() + Send + 'static,
    ) -> bool {
        let job = within(work, |answer| {
            if let Err(error) = answer {
                tracing::error!(%error, "a row could not be written");
            }
            then();
        });
        self.writer.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
    }

    /// Reads, on a thread where waiting is allowed.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reading = self.reading.clone();
        let read = tokio::task::spawn_blocking(move || {
            reading.with(work).map_err(|source| StoreError::Database { what, source })
        });
        read.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Reads while the store is being opened, when nobody waits for the thread yet.
    pub(super) fn at_start<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.reading.with(work).map_err(|source| StoreError::Database { what, source })
    }

    /// Runs `work` outside any transaction, between two commits: for what SQLite allows only there.
    pub(super) async fn between(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        let job = Job::Between(Box::new(move |connection| {
            let done = caught(work, connection);
            // The caller may have gone away.
            let _gone = tell.send(done.map_err(|source| StoreError::Database { what, source }));
        }));
        self.hand_over(job).await?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Whether it was made just now, or found empty.
    pub(super) fn is_new(&self) -> bool {
        self.begun
    }

    /// The database's file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

/// Opens a database for writing.
pub(super) fn connect(file: &Path, promise: Promise) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Database { what: "opening", source };
    let connection = Connection::open(file).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    // Takes effect only while the file is new; free pages can then be given back a few at a time.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
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

/// Refuses a database whose schema is newer than these migrations, without writing to it. What cannot be read is not refused: it has another
/// trouble, and others find it.
pub(super) fn refuse_newer(file: &Path, migrations: &[&str]) -> Result<(), StoreError> {
    let version = connect_to_read(file).and_then(|connection| {
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
    });
    match version.map(|version| usize::try_from(version).unwrap_or(usize::MAX)) {
        Ok(written) if written > migrations.len() => {
            Err(StoreError::Newer { file: file.to_path_buf(), written, known: migrations.len() })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Brings a schema up to date: migration N brings the database from version N to N + 1. Gives whether the database was empty.
pub(super) fn migrate(connection: &Connection, migrations: &[&str]) -> Result<bool, StoreError> {
    let failed = |source| StoreError::Database { what: "migrating", source };
    let version: usize = connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        .map(|version| usize::try_from(version).unwrap_or(usize::MAX))
        .map_err(failed)?;
    if version > migrations.len() {
        let file = connection.path().map(PathBuf::from).unwrap_or_default();
        return Err(StoreError::Newer { file, written: version, known: migrations.len() });
    }
    for (number, migration) in migrations.iter().enumerate().skip(version) {
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE;\n{migration}\nPRAGMA user_version = {};\nCOMMIT;",
                number + 1
            ))
            .map_err(failed)?;
    }
    Ok(version == 0)
}

fn write_all(connection: &Connection, queue: &mpsc::Receiver<Job>, options: Options) {
    while let Ok(first) = queue.recv() {
        if !options.gather.is_zero() {
            thread::sleep(options.gather);
        }
        let gathered = queue.try_iter().take(options.jobs_max.saturating_sub(1));
        let (mut within, mut between) = (Vec::new(), Vec::new());
        for job in std::iter::once(first).chain(gathered) {
            match job {
                Job::Within(work) => within.push(work),
                Job::Between(work) => between.push(work),
            }
        }
        if !within.is_empty() {
            commit(connection, within);
        }
        for work in between {
            work(connection);
        }
    }
}

fn within<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    tell: impl FnOnce(rusqlite::Result<T>) + Send + 'static,
) -> Job {
    Job::Within(job(work, tell))
}

/// A bug in one job fails that job; the thread goes on for the others.
fn caught<T>(
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    connection: &Connection,
) -> rusqlite::Result<T> {
    // What a panic leaves behind in the database is undone by the caller; the closure itself is gone.
    catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|_| {
        tracing::error!(
            "a job of the database panicked: this is a bug; the mail it was for is tried again"
        );
        Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_INTERNAL),
            Some("the job panicked".to_string()),
        ))
    })
}

fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    tell: impl FnOnce(rusqlite::Result<T>) + Send + 'static,
) -> Work {
    Box::new(move |transaction| {
        let outcome = transaction.map(|connection| caught(work, connection));
        let failed = match &outcome {
            Some(Err(error)) => Some(copied(error)),
            Some(Ok(_)) | None => None,
        };
        let then: Done = Box::new(move |committed| {
            tell(match (outcome, committed) {
                (Some(Err(error)), _) => Err(error),
                (Some(Ok(_)) | None, Err(error)) => Err(copied(error)),
                (Some(Ok(value)), Ok(())) => Ok(value),
                (None, Ok(())) => Err(rolled_back()),
            });
        });
        Worked { failed, then }
    })
}

fn commit(connection: &Connection, jobs: Vec<Work>) {
    let mut going = connection.execute_batch("BEGIN IMMEDIATE");
    let mut done = Vec::with_capacity(jobs.len());
    for job in jobs {
        // A job that fails half-way must leave no half rows behind, and must not take the others along.
        if going.is_ok() {
            going = connection.execute_batch("SAVEPOINT job");
        }
        let Worked { failed, then } = job(going.is_ok().then_some(connection));
        done.push(then);
        if going.is_ok() {
            going = settle(connection, failed);
        }
    }
    let ended = going.and_then(|()| connection.execute_batch("COMMIT"));
    if !connection.is_autocommit() {
        // Nothing of this transaction may stay open for the next.
        let _none_open = connection.execute_batch("ROLLBACK");
    }
    for then in done {
        then(&ended);
    }
}

/// Keeps or undoes what one job wrote. An error means that the whole transaction is lost.
fn settle(connection: &Connection, failed: Option<rusqlite::Error>) -> rusqlite::Result<()> {
    // A full disk, a failing disk or no memory make SQLite roll all of it back by itself (sqlite.org/lang_transaction.html,
    // "response to errors within a transaction"); what ran after that would be committed at once, statement by statement.
    if connection.is_autocommit() {
        return Err(failed.unwrap_or_else(rolled_back));
    }
    connection.execute_batch(match failed {
        None => "RELEASE job",
        Some(_) => "ROLLBACK TO job; RELEASE job",
    })
}

fn rolled_back() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK),
        Some("the transaction was rolled back".to_string()),
    )
}

/// One error for all who waited for the same commit, with its code: a full disk has a reply of its own.
fn copied(error: &rusqlite::Error) -> rusqlite::Error {
    let code = error.sqlite_error().copied().unwrap_or(ffi::Error::new(ffi::SQLITE_ERROR));
    rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
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

    #[tokio::test]
    async fn a_long_read_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("t.db"), OPTIONS).unwrap();
        let (end, ended) = mpsc::channel::<()>();
        let long = tokio::spawn({
            let db = db.clone();
            async move { db.read("waiting", move |_| Ok(ended.recv().is_ok())).await }
        });
        // More of them, one after the other, than there are connections.
        for _ in 0..2 * limits::DATABASE_READERS_MAX {
            assert_eq!(
                db.read("looking", |connection| Ok(numbers(connection))).await.unwrap(),
                None
            );
        }
        end.send(()).unwrap();
        assert!(long.await.unwrap().unwrap());
        // More at once than there are connections: each has its turn.
        let all = (0..4 * limits::DATABASE_READERS_MAX).map(|_| {
            let db = db.clone();
            tokio::spawn(
                async move { db.read("looking", |connection| Ok(numbers(connection))).await },
            )
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().unwrap(), None);
        }
    }

    fn numbers(connection: &Connection) -> Option<String> {
        connection.query_row("SELECT group_concat(n) FROM t", [], |row| row.get(0)).unwrap()
    }

    type Told = Arc<Mutex<Vec<rusqlite::Result<()>>>>;

    fn running(sql: &'static str, told: &Told) -> Work {
        let told = told.clone();
        job(
            move |connection| connection.execute_batch(sql),
            move |answer| told.lock().unwrap().push(answer),
        )
    }

    #[test]
    fn what_is_told_to_have_failed_is_not_there_later() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let connection = connect(&file, Promise::Full).unwrap();
        migrate(&connection, OPTIONS.migrations).unwrap();
        let told = Told::default();
        // The transaction vanishes under the second job.
        let jobs = [
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (2); ROLLBACK",
            "INSERT INTO t VALUES (3)",
        ];
        commit(&connection, jobs.map(|sql| running(sql, &told)).into());
        assert!(told.lock().unwrap().iter().all(Result::is_err));
        assert_eq!((told.lock().unwrap().len(), numbers(&connection)), (3, None));
        // The transaction cannot begin: another holds the lock.
        let other = connect(&file, Promise::Full).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        commit(&connection, vec![running("INSERT INTO t VALUES (4)", &told)]);
        other.execute_batch("ROLLBACK").unwrap();
        assert!(told.lock().unwrap().iter().all(Result::is_err));
        assert_eq!((told.lock().unwrap().len(), numbers(&connection)), (4, None));
        // The next batch is as good as ever.
        commit(&connection, vec![running("INSERT INTO t VALUES (5)", &told)]);
        assert!(told.lock().unwrap().last().unwrap().is_ok());
        assert_eq!(numbers(&connection).unwrap(), "5");
    }

    #[tokio::test]
    async fn a_full_disk_is_said_to_all() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("t.db"), OPTIONS).unwrap();
        let full = db.write("filling", |connection| {
            connection.execute_batch("ROLLBACK")?;
            Err::<(), _>(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None))
        });
        assert!(full.await.unwrap_err().is_no_room());
        let (told, full) = (Told::default(), ffi::Error::new(ffi::SQLITE_FULL));
        let connection = connect(&folder.path().join("t.db"), Promise::Full).unwrap();
        let filling = job(
            move |connection| {
                connection.execute_batch("ROLLBACK")?;
                Err::<(), _>(rusqlite::Error::SqliteFailure(full, None))
            },
            |_| (),
        );
        commit(&connection, vec![running("SELECT 1", &told), filling, running("SELECT 1", &told)]);
        for answer in told.lock().unwrap().iter() {
            let code = answer.as_ref().unwrap_err().sqlite_error_code();
            assert_eq!(code, Some(rusqlite::ErrorCode::DiskFull));
        }
        assert_eq!(told.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_alone() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("t.db"), OPTIONS).unwrap();
        let insert = |n: i64, then: fn()| {
            db.write("inserting", move |connection| {
                connection.execute("INSERT INTO t VALUES (?1)", [n])?;
                then();
                Ok(())
            })
        };
        let outcomes =
            tokio::join!(insert(1, || ()), insert(2, || panic!("a bug")), insert(3, || ()));
        assert!(outcomes.0.is_ok() && outcomes.1.is_err() && outcomes.2.is_ok());
        assert!(db.between("nothing", |_| panic!("a bug")).await.is_err());
        let read = db.read("panicking", |_| -> rusqlite::Result<()> { panic!("a bug") });
        assert!(read.await.is_err());
        assert!(insert(4, || ()).await.is_ok(), "the thread goes on");
        let rows = db.read("counting", |connection| Ok(numbers(connection)));
        assert_eq!(rows.await.unwrap().unwrap(), "1,3,4");
    }

    #[tokio::test]
    async fn a_database_goes_on_when_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("t.db"), OPTIONS).unwrap();
        let pages = |count: i64| {
            db.between("bounding", move |connection| {
                connection.pragma_update(None, "max_page_count", count)
            })
        };
        let fill = |from: i64| {
            db.write("filling", move |connection| {
                for n in from..from + 5_000 {
                    connection.execute("INSERT INTO t VALUES (?1)", [n])?;
                }
                Ok(())
            })
        };
        pages(4).await.unwrap();
        assert!(fill(0).await.unwrap_err().is_no_room());
        assert!(fill(10_000).await.unwrap_err().is_no_room());
        pages(1_000_000).await.unwrap();
        fill(0).await.unwrap();
        let rows = db.read("counting", |connection| {
            connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))
        });
        assert_eq!(rows.await.unwrap(), 5_000);
    }

    #[test]
    fn the_files_are_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let mode = |file: &Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        let db = Db::open(&file, OPTIONS).unwrap();
        for beside in ["t.db", "t.db-wal", "t.db-shm"] {
            assert_eq!(mode(&folder.path().join(beside)), 0o600, "{beside}");
        }
        drop(db);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let _db = Db::open(&file, OPTIONS).unwrap();
        assert_eq!(mode(&file), 0o600, "one that was open to others");
    }

    #[test]
    fn a_newer_schema_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        drop(Db::open(&file, OPTIONS).unwrap());
        let before = std::fs::read(&file).unwrap();
        let error =
            Db::open(&file, Options { migrations: &[], ..OPTIONS }).err().unwrap().to_string();
        assert!(error.contains("newer sluss") && error.contains("t.db"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}
