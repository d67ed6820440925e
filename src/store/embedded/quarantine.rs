//! Held mail: an encrypted file for the content, a row for each recipient.
//!
//! Order: the file is written and synced (and its folder), then the rows are committed FULL, then the caller may say 250.
//! A file without rows is an orphan of a crash and is swept at start. A mail to several recipients has one file and one key;
//! the key goes with the last row, and with it the content.

use super::db::{Db, Options, Promise};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits,
    },
    mail::Organisation,
    store::{
        StoreError,
        held::{Filter, Held, HeldState, Release},
        keys::{self, Key, WrappedKey},
        private, sealed,
        spool::Content,
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineOptions {
    /// How long a mail is held.
    pub keep: Duration,
    /// Bytes of all held mails together; the oldest go first.
    pub bytes_max: u64,
}

/// The quarantine on this machine.
#[derive(Clone)]
pub struct Quarantine {
    db: Db,
    folder: PathBuf,
    master: Key,
    organisation_keys: Arc<Mutex<HashMap<Organisation, Key>>>,
    clock: Clock,
    options: QuarantineOptions,
}

impl std::fmt::Debug for Quarantine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quarantine").field("folder", &self.folder).finish_non_exhaustive()
    }
}

const MIGRATIONS: &[&str] = &["
CREATE TABLE organisation_key (organisation TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE blob (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    content_hash BLOB NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE held (
    id TEXT PRIMARY KEY,
    blob TEXT NOT NULL REFERENCES blob (id),
    organisation TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    held_at INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    direction TEXT NOT NULL,
    sender TEXT NOT NULL,
    from_shown TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    subject TEXT NOT NULL,
    categories TEXT NOT NULL,
    state TEXT NOT NULL,
    row TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX held_once ON held (organisation, content_hash, sender, recipient_key) WHERE state = 'held';
CREATE INDEX held_by_time ON held (held_at);
CREATE INDEX held_by_expiry ON held (expires);
CREATE INDEX held_by_recipient ON held (organisation, recipient_key, held_at);
CREATE INDEX held_by_blob ON held (blob);
"];

impl Quarantine {
    /// Opens the quarantine in `folder`; sweeps files that no row knows. Gives how many were swept.
    ///
    /// Fails if what is held was held under another master key: such mail could be neither shown nor released, and none be held.
    pub fn open(
        folder: &Path,
        master: Key,
        clock: Clock,
        options: QuarantineOptions,
    ) -> Result<(Quarantine, usize), StoreError> {
        let blobs = folder.join("blobs");
        private::folder(folder)?;
        private::folder(&blobs)?;
        let db = Db::open(
            &folder.join("quarantine.db"),
            Options {
                promise: Promise::Full,
                gather: Duration::ZERO,
                jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
                waiting_max: limits::GROUP_COMMIT_ROWS_MAX,
                migrations: MIGRATIONS,
            },
        )?;
        let quarantine = Quarantine {
            db,
            folder: blobs,
            master,
            organisation_keys: Arc::default(),
            clock,
            options,
        };
        quarantine.try_master_key(folder)?;
        let swept = quarantine.sweep()?;
        Ok((quarantine, swept))
    }

    /// Holds a mail for some recipients. Resolves when all of it is on stable storage.
    ///
    /// A recipient for whom the same content from the same sender is held already keeps the earlier row (a sender's retry);
    /// the ids returned are those that are in force, in the order of `held`.
    pub async fn hold(&self, held: Vec<Held>, content: &Content) -> Result<Vec<Id>, StoreError> {
        let Some(first) = held.first() else { return Ok(Vec::new()) };
        let organisation = first.organisation.clone();
        // Not the transaction's id: one transaction may be held again, for another recipient or after a crash.
        let blob = first.id;
        let content_hash = content.hash();
        let item_key = keys::new_key("item key")?;
        let organisation_key = self.organisation_key(&organisation).await?;
        let wrapped = keys::wrap(&organisation_key, &item_key, &item_context(&organisation, blob))?;
        let file = self.blob_file(blob);
        let (content, target) = (content.clone(), file.clone());
        let sealing = tokio::task::spawn_blocking(move || {
            sealed::write(&target, &item_key, content.chunks(limits::SEALED_CHUNK_BYTES))
        });
        let bytes = sealing.await.unwrap_or(Err(StoreError::Closed))?;
        let (unused, folder) = (file.clone(), self.folder.clone());
        let written = self.db.write("holding a mail", move |connection| {
            connection.execute(
                "INSERT INTO blob (id, organisation, wrapped, content_hash, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![blob.to_string(), organisation.name(), wrapped.0, content_hash.as_slice(), sql_int(bytes)],
            )?;
            let mut ids = Vec::with_capacity(held.len());
            for row in &held {
                ids.push(insert(connection, row, blob, &content_hash, &folder)?);
            }
            let used = connection
                .query_row("SELECT 1 FROM held WHERE blob = ?1 LIMIT 1", [blob.to_string()], |_| Ok(()))
                .optional()?
                .is_some();
            if !used {
                connection.execute("DELETE FROM blob WHERE id = ?1", [blob.to_string()])?;
            }
            Ok((ids, used))
        });
        let written = written.await;
        if !matches!(written, Ok((_, true))) {
            // Nobody refers to the file; what cannot be removed now is swept at the next start.
            let _left_for_the_sweep = fs::remove_file(&unused);
        }
        Ok(written?.0)
    }

    /// Lists what is held, newest first.
    pub async fn list(&self, filter: Filter) -> Result<Vec<Held>, StoreError> {
        self.db.read("listing the quarantine", move |connection| select(connection, &filter)).await
    }

    /// One held mail.
    pub async fn get(&self, id: Id) -> Result<Option<Held>, StoreError> {
        self.db
            .read("looking up a held mail", move |connection| {
                connection
                    .query_row(
                        "SELECT row, state FROM held WHERE id = ?1",
                        [id.to_string()],
                        read_row,
                    )
                    .optional()
            })
            .await
    }

    /// The content of a held mail, opened. Leaving a mark that somebody did is the caller's duty.
    pub async fn content(&self, id: Id) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self
            .db
            .read("looking up a held mail", move |connection| {
                connection
                    .query_row(
                        "SELECT blob.id, blob.organisation, blob.wrapped FROM held JOIN blob ON blob.id = held.blob WHERE held.id = ?1",
                        [id.to_string()],
                        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?)),
                    )
                    .optional()
            })
            .await?;
        let Some((blob, organisation, wrapped)) = found else { return Ok(None) };
        let blob = Id::parse(&blob).map_err(|why| StoreError::Damaged {
            what: "a held mail's id".to_string(),
            why: why.to_string(),
        })?;
        let organisation = Organisation::named(&organisation);
        let organisation_key = self.organisation_key(&organisation).await?;
        let key = keys::unwrap(
            &organisation_key,
            &WrappedKey(wrapped),
            &item_context(&organisation, blob),
            "item key",
        )?;
        let file = self.blob_file(blob);
        let read = tokio::task::spawn_blocking(move || sealed::read(&file, &key));
        read.await.unwrap_or(Err(StoreError::Closed)).map(Some)
    }

    /// Marks a mail released. Exactly one caller hears [`Release::Now`].
    pub async fn release(&self, id: Id) -> Result<Release, StoreError> {
        let now = self.clock.now();
        self.set_state(id, HeldState::Held, HeldState::Released, now).await
    }

    /// Takes a release back when sending failed, so that it can be tried again.
    pub async fn unrelease(&self, id: Id) -> Result<(), StoreError> {
        self.set_state(id, HeldState::Released, HeldState::Held, UnixMs(0)).await.map(|_| ())
    }

    async fn set_state(
        &self,
        id: Id,
        from: HeldState,
        to: HeldState,
        at: UnixMs,
    ) -> Result<Release, StoreError> {
        self.db
            .write("releasing a mail", move |connection| {
                let found = connection
                    .query_row(
                        "SELECT row, state FROM held WHERE id = ?1",
                        [id.to_string()],
                        read_row,
                    )
                    .optional()?;
                let Some(mut held) = found else { return Ok(Release::Missing) };
                if held.state != from {
                    return Ok(Release::Already);
                }
                held.state = to;
                held.released_at = at;
                connection.execute(
                    "UPDATE held SET state = ?2, row = ?3 WHERE id = ?1",
                    params![id.to_string(), to.word(), to_json(&held)?],
                )?;
                Ok(Release::Now)
            })
            .await
    }

    /// Deletes a mail: its row, and with the last row of its content the key and the file. False if there was none.
    pub async fn delete(&self, id: Id) -> Result<bool, StoreError> {
        let removed = self
            .db
            .write("deleting a held mail", move |connection| {
                delete_rows(connection, &[id.to_string()])
            })
            .await?;
        self.remove_files(&removed.files);
        Ok(removed.rows > 0)
    }

    /// Deletes what has expired and, oldest first, what is over the bound in bytes. At most a thousand rows a call,
    /// so that mail is not held up; gives how many went.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let (now, bytes_max) = (self.clock.now(), self.options.bytes_max);
        let removed = self
            .db
            .write("keeping the quarantine small", move |connection| {
                let mut ids: Vec<String> = connection
                    .prepare("SELECT id FROM held WHERE expires <= ?1 ORDER BY expires LIMIT 1000")?
                    .query_map([sql_int(now.0)], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let total: i64 = connection.query_row("SELECT coalesce(sum(bytes), 0) FROM blob", [], |row| row.get(0))?;
                let mut over = u64::try_from(total).unwrap_or(0).saturating_sub(bytes_max);
                if over > 0 {
                    let mut oldest = connection.prepare(
                        "SELECT held.id, blob.bytes FROM held JOIN blob ON blob.id = held.blob ORDER BY held_at LIMIT 1000",
                    )?;
                    let mut rows = oldest.query([])?;
                    while let (Some(row), true) = (rows.next()?, over > 0) {
                        ids.push(row.get(0)?);
                        over = over.saturating_sub(u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0));
                    }
                }
                delete_rows(connection, &ids)
            })
            .await?;
        self.remove_files(&removed.files);
        Ok(removed.rows)
    }

    /// How many mails wait, and the bytes of all.
    pub async fn totals(&self) -> Result<(u64, u64), StoreError> {
        self.db
            .read("counting the quarantine", |connection| {
                let held: i64 = connection.query_row(
                    "SELECT count(*) FROM held WHERE state = 'held'",
                    [],
                    |row| row.get(0),
                )?;
                let bytes: i64 = connection.query_row(
                    "SELECT coalesce(sum(bytes), 0) FROM blob",
                    [],
                    |row| row.get(0),
                )?;
                Ok((u64::try_from(held).unwrap_or(0), u64::try_from(bytes).unwrap_or(0)))
            })
            .await
    }

    /// How long a mail held now is kept.
    pub fn expiry(&self) -> UnixMs {
        self.clock.now().plus(self.options.keep)
    }

    /// The organisation's key, made at first need and kept unwrapped in memory.
    async fn organisation_key(&self, organisation: &Organisation) -> Result<Key, StoreError> {
        let cached = |keys: &Mutex<HashMap<Organisation, Key>>| {
            keys.lock().ok().and_then(|keys| keys.get(organisation).cloned())
        };
        if let Some(key) = cached(&self.organisation_keys) {
            return Ok(key);
        }
        let (name, fresh) = (organisation.name().to_string(), keys::new_key("organisation key")?);
        let context = organisation_context(organisation);
        let wrapped = keys::wrap(&self.master, &fresh, &context)?;
        let stored = self
            .db
            .write("making an organisation's key", move |connection| {
                connection.execute("INSERT OR IGNORE INTO organisation_key (organisation, wrapped) VALUES (?1, ?2)", params![name, wrapped.0])?;
                connection.query_row("SELECT wrapped FROM organisation_key WHERE organisation = ?1", [name], |row| row.get::<_, Vec<u8>>(0))
            })
            .await?;
        let key = keys::unwrap(&self.master, &WrappedKey(stored), &context, "organisation key")?;
        if let Ok(mut keys) = self.organisation_keys.lock() {
            keys.insert(organisation.clone(), key.clone());
        }
        Ok(key)
    }

    fn try_master_key(&self, folder: &Path) -> Result<(), StoreError> {
        let failed = |source| StoreError::Database { what: "trying the master key", source };
        let wrapped: Vec<(String, Vec<u8>)> = Connection::open(self.db.file())
            .and_then(|connection| {
                connection
                    .prepare("SELECT organisation, wrapped FROM organisation_key")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .map_err(failed)?;
        let all = wrapped.len();
        let opens = |(organisation, wrapped): (String, Vec<u8>)| {
            let context = organisation_context(&Organisation::named(&organisation));
            keys::unwrap(&self.master, &WrappedKey(wrapped), &context, "organisation key").is_ok()
        };
        let closed = wrapped.into_iter().filter(|row| !opens(row.clone())).count();
        match closed {
            0 => Ok(()),
            _ => Err(StoreError::WrongMasterKey { folder: folder.to_path_buf(), closed, all }),
        }
    }

    fn blob_file(&self, blob: Id) -> PathBuf {
        blob_file(&self.folder, &blob.to_string())
    }

    fn remove_files(&self, blobs: &[String]) {
        for blob in blobs {
            // The key is gone with its row; bytes that stay behind can be read by nobody, and the next start sweeps them.
            let _left_for_the_sweep = fs::remove_file(blob_file(&self.folder, blob));
        }
    }

    /// Removes files that no row knows: written before a crash, never acknowledged.
    fn sweep(&self) -> Result<usize, StoreError> {
        let failed = |source| StoreError::Database { what: "sweeping", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        let known: HashSet<String> = connection
            .prepare("SELECT id FROM blob")
            .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect())
            .map_err(failed)?;
        let unreadable = |source: io::Error| StoreError::File {
            what: "sweeping",
            file: self.folder.clone(),
            source,
        };
        let mut swept = 0;
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name().to_string_lossy().to_string();
            if name.strip_suffix(".sealed").is_some_and(|id| !known.contains(id)) {
                fs::remove_file(self.folder.join(&name)).map_err(unreadable)?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

struct Removed {
    rows: usize,
    files: Vec<String>,
}

fn delete_rows(connection: &Connection, ids: &[String]) -> rusqlite::Result<Removed> {
    let mut rows = 0;
    for id in ids {
        rows += connection.execute("DELETE FROM held WHERE id = ?1", [id])?;
    }
    let unused =
        "SELECT id FROM blob WHERE NOT EXISTS (SELECT 1 FROM held WHERE held.blob = blob.id)";
    let files: Vec<String> =
        connection.prepare(unused)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for file in &files {
        connection.execute("DELETE FROM blob WHERE id = ?1", [file])?;
    }
    Ok(Removed { rows, files })
}

fn insert(
    connection: &Connection,
    held: &Held,
    blob: Id,
    hash: &[u8; 32],
    folder: &Path,
) -> rusqlite::Result<Id> {
    let (organisation, sender, key) =
        (held.organisation.name(), held.sender.to_string(), held.recipient.key());
    let earlier = connection
        .query_row(
            "SELECT id, blob FROM held WHERE organisation = ?1 AND content_hash = ?2 AND sender = ?3 AND recipient_key = ?4 AND state = 'held'",
            params![organisation, hash.as_slice(), sender, key],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
        )
        .optional()?;
    if let Some((earlier, its_blob)) = earlier
        && let Ok(earlier) = Id::parse(&earlier)
    {
        if !matches!(blob_file(folder, &its_blob).try_exists(), Ok(true)) {
            // Its file is lost; the same content was written anew just now, for all who shared it.
            connection.execute(
                "UPDATE held SET blob = ?2 WHERE blob = ?1",
                params![its_blob, blob.to_string()],
            )?;
            connection.execute("DELETE FROM blob WHERE id = ?1", [its_blob])?;
        }
        return Ok(earlier);
    }
    let categories: Vec<&str> = held.categories.iter().map(|category| category.word()).collect();
    connection.execute(
        "INSERT INTO held (id, blob, organisation, content_hash, held_at, expires, direction, sender, from_shown, recipient,
         recipient_key, subject, categories, state, row) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
        params![
            held.id.to_string(),
            blob.to_string(),
            organisation,
            hash.as_slice(),
            sql_int(held.held_at.0),
            sql_int(held.expires.0),
            held.direction.word(),
            sender,
            held.from,
            held.recipient.to_string(),
            key,
            held.subject,
            format!(",{},", categories.join(",")),
            held.state.word(),
            to_json(held)?,
        ],
    )?;
    Ok(held.id)
}

fn select(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Held>> {
    let mut sql = "SELECT row, state FROM held WHERE 1 = 1".to_string();
    let mut values: Vec<rusqlite::types::Value> = Vec::new();
    let mut narrow = |clause: &str, value: Option<rusqlite::types::Value>| {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&clause.replace("?#", &format!("?{}", values.len())));
        }
    };
    let like = |text: &Option<String>| {
        text.as_ref().map(|text| rusqlite::types::Value::Text(contains(text)))
    };
    narrow(
        " AND (sender LIKE ?# ESCAPE '\\' OR from_shown LIKE ?# ESCAPE '\\')",
        like(&filter.sender),
    );
    narrow(" AND recipient_key LIKE ?# ESCAPE '\\'", like(&filter.recipient));
    narrow(" AND subject LIKE ?# ESCAPE '\\'", like(&filter.subject));
    narrow(
        " AND categories LIKE ?# ESCAPE '\\'",
        like(&filter.category.as_ref().map(|word| format!(",{word},"))),
    );
    narrow(" AND direction = ?#", filter.direction.clone().map(rusqlite::types::Value::Text));
    narrow(
        " AND held_at >= ?#",
        filter.since.map(|since| rusqlite::types::Value::Integer(sql_int(since.0))),
    );
    if !filter.all {
        sql.push_str(" AND state = 'held'");
    }
    sql.push_str(&format!(" ORDER BY held_at DESC, id DESC LIMIT {}", filter.rows.max(1)));
    connection.prepare(&sql)?.query_map(params_from_iter(values), read_row)?.collect()
}

/// A LIKE pattern that finds the text anywhere, its own wildcards taken literally.
fn contains(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Held> {
    let text: String = row.get(0)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn to_json(held: &Held) -> rusqlite::Result<String> {
    serde_json::to_string(held)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn blob_file(folder: &Path, blob: &str) -> PathBuf {
    folder.join(format!("{blob}.sealed"))
}

fn item_context(organisation: &Organisation, blob: Id) -> String {
    format!("sluss held item {blob} of {organisation}")
}

fn organisation_context(organisation: &Organisation) -> String {
    format!("sluss organisation key of {organisation}")
}

fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::policy::{Action, Category},
        mail::{Address, Direction, Envelope, Recipient, ReversePath},
    };

    fn held(transaction: u8, number: u8, recipient: &str, clock: &Clock) -> Held {
        let sender = ReversePath::parse("spammer@example.net").unwrap();
        let mut envelope = Envelope::from(sender.clone());
        let recipient = Address::parse(recipient).unwrap();
        envelope.recipients.push(Recipient::plain(recipient.clone()));
        Held {
            id: Id::new(clock.now(), [number; 10]),
            transaction: Id::new(clock.now(), [transaction; 10]),
            organisation: Organisation::implied(),
            held_at: clock.now(),
            expires: clock.now().plus(Duration::from_secs(100)),
            direction: Direction::Inbound,
            sender,
            from: "Spammer <spammer@example.net>".to_string(),
            recipient,
            subject: "100 % off_er".to_string(),
            action: Action::Quarantine,
            why: "phrase.offer".to_string(),
            reason: "This mail looks unwanted".to_string(),
            categories: vec![Category::Spam],
            score: 9.5,
            bytes: 5,
            in_digest: true,
            state: HeldState::Held,
            released_at: UnixMs(0),
            envelope,
            findings: serde_json::json!([]),
        }
    }

    fn open(folder: &Path, clock: &Clock, bytes_max: u64) -> (Quarantine, usize) {
        let (master, _) = keys::read_or_make_master_key(&folder.join("master.key")).unwrap();
        let options = QuarantineOptions { keep: Duration::from_secs(100), bytes_max };
        Quarantine::open(folder, master, clock.clone(), options).unwrap()
    }

    fn content(text: &str) -> Content {
        Content::from_bytes(bytes::Bytes::copy_from_slice(text.as_bytes()))
    }

    #[tokio::test]
    async fn held_listed_released_once_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
        let rows = vec![held(1, 1, "b@ours.example", &clock), held(1, 2, "C@ours.example", &clock)];
        let ids = quarantine.hold(rows.clone(), &content("hello")).await.unwrap();
        assert_eq!(ids, [rows[0].id, rows[1].id]);
        assert_eq!(quarantine.content(ids[1]).await.unwrap().unwrap(), b"hello");
        let find = |recipient: &str| {
            quarantine.list(Filter {
                recipient: Some(recipient.to_string()),
                rows: 10,
                ..Filter::default()
            })
        };
        assert_eq!(find("c@").await.unwrap(), [rows[1].clone()]);
        let by_subject = |text: &str| {
            quarantine.list(Filter {
                subject: Some(text.to_string()),
                rows: 10,
                ..Filter::default()
            })
        };
        assert_eq!(by_subject("% off_").await.unwrap().len(), 2);
        assert_eq!(by_subject("f%f").await.unwrap().len(), 0);
        assert_eq!(quarantine.release(ids[0]).await.unwrap(), Release::Now);
        assert_eq!(quarantine.release(ids[0]).await.unwrap(), Release::Already);
        assert_eq!(quarantine.release(Id::default()).await.unwrap(), Release::Missing);
        assert_eq!(find("b@").await.unwrap().len(), 0);
        assert!(quarantine.delete(ids[0]).await.unwrap());
        assert_eq!(
            quarantine.content(ids[1]).await.unwrap().unwrap(),
            b"hello",
            "the other recipient's copy stays"
        );
        assert!(quarantine.delete(ids[1]).await.unwrap());
        assert!(!quarantine.delete(ids[1]).await.unwrap());
        assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_retry_finds_the_earlier_hold() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
        let first = quarantine
            .hold(vec![held(1, 1, "b@ours.example", &clock)], &content("x"))
            .await
            .unwrap();
        let second = quarantine
            .hold(vec![held(2, 2, "B@ours.example", &clock)], &content("x"))
            .await
            .unwrap();
        assert_eq!(first, second);
        assert_eq!(quarantine.totals().await.unwrap(), (1, 1));
        // Once released, the same newsletter coming again is a mail of its own.
        quarantine.release(first[0]).await.unwrap();
        let third = quarantine
            .hold(vec![held(3, 3, "b@ours.example", &clock)], &content("x"))
            .await
            .unwrap();
        assert_ne!(third, first);
        assert!(quarantine.delete(first[0]).await.unwrap());
        assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn one_transaction_is_held_twice() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
        for (number, recipient) in [(2, "b@ours.example"), (3, "c@ours.example")] {
            let rows = vec![held(1, number, recipient, &clock)];
            quarantine.hold(rows, &content("hello")).await.unwrap();
        }
        let rows = quarantine.list(Filter { rows: 9, ..Filter::default() }).await.unwrap();
        assert_eq!(rows.len(), 2);
        for row in rows {
            assert_eq!(quarantine.content(row.id).await.unwrap().unwrap(), b"hello");
        }
    }

    #[tokio::test]
    async fn a_retry_brings_back_a_lost_file() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
        let hold = |number| {
            let rows = ["b@ours.example", "c@ours.example"];
            let rows = rows.iter().zip([number, number + 1]);
            let rows = rows.map(|(recipient, id)| held(1, id, recipient, &clock)).collect();
            let quarantine = quarantine.clone();
            async move { quarantine.hold(rows, &content("hello")).await }
        };
        let ids = hold(1).await.unwrap();
        fs::remove_file(quarantine.blob_file(ids[0])).unwrap();
        assert!(quarantine.content(ids[0]).await.is_err());
        assert_eq!(hold(3).await.unwrap(), ids);
        for id in ids {
            assert_eq!(quarantine.content(id).await.unwrap().unwrap(), b"hello");
        }
        assert_eq!(quarantine.totals().await.unwrap(), (2, 5));
        assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 1);
    }

    #[test]
    fn the_folders_are_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("quarantine");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let _open = open(&folder, &Clock::by_hand(UnixMs(1)), 1);
        for closed in [folder.clone(), folder.join("blobs")] {
            assert_eq!(fs::metadata(&closed).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[tokio::test]
    async fn another_master_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let options = QuarantineOptions { keep: Duration::from_secs(100), bytes_max: 1 << 30 };
        let (quarantine, _) = open(folder.path(), &clock, options.bytes_max);
        let ids = quarantine
            .hold(vec![held(1, 1, "b@ours.example", &clock)], &content("hello"))
            .await
            .unwrap();
        drop(quarantine);
        let other = keys::new_key("master key").unwrap();
        let refused = Quarantine::open(folder.path(), other, clock.clone(), options);
        let sentence = refused.unwrap_err().to_string();
        assert!(sentence.contains("1 of 1 keys"), "{sentence}");
        assert!(sentence.contains("put the former key back"), "{sentence}");
        let (quarantine, _) = open(folder.path(), &clock, options.bytes_max);
        assert_eq!(quarantine.content(ids[0]).await.unwrap().unwrap(), b"hello");
    }

    #[tokio::test]
    async fn age_and_bytes_are_bounded_and_orphans_swept() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = open(folder.path(), &clock, 12);
        for number in 1..=3 {
            quarantine
                .hold(
                    vec![held(number, number, "b@ours.example", &clock)],
                    &content(&format!("1234{number}")),
                )
                .await
                .unwrap();
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(quarantine.retain().await.unwrap(), 1, "the oldest goes for the bytes");
        clock.advance(Duration::from_secs(98));
        assert_eq!(quarantine.retain().await.unwrap(), 1, "the next for its age");
        assert_eq!(quarantine.totals().await.unwrap(), (1, 5));
        fs::write(folder.path().join("blobs/01ORPHAN.sealed"), "x").unwrap();
        drop(quarantine);
        let (reopened, swept) = open(folder.path(), &clock, 12);
        assert_eq!(swept, 1);
        let left = reopened.list(Filter { rows: 9, ..Filter::default() }).await.unwrap();
        assert_eq!(reopened.content(left[0].id).await.unwrap().unwrap(), b"12343");
    }
}
