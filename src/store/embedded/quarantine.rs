//! Held mail: an encrypted file for the content, a row for each recipient.
//!
//! Order: the file is written and synced (and its folder), then the rows are committed FULL, then the caller may say 250.
//! A file without rows is an orphan of a crash and is swept at start. A mail to several recipients has one file and one key;
//! the key goes with the last row, and with it the content. The files carry the rows too: a lost index is built again from them.

use super::{
    blob::{self, Blobs, Fate},
    damage::{self, SetAside},
    db::{Db, Options, Promise},
};
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
        keyring::{KeyRing, OrganisationKey},
        keys::{self, WrappedKey},
        private,
        spool::{Content, Disk, RealDisk},
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineOptions {
    /// How long a mail is held, unless its organisation says otherwise.
    pub keep: Duration,
    /// Bytes of all held mails together; the oldest go first.
    pub bytes_max: u64,
}

/// What was found when the quarantine was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct QuarantineFound {
    /// Files that no row knew, of mails that were never acknowledged; they are gone.
    pub swept: usize,
    /// The damaged index, which was moved aside.
    pub set_aside: Option<SetAside>,
    /// Rows built again from the files, when the index was damaged or missing.
    pub rebuilt: Option<usize>,
    /// Files that could not be read then; they were moved aside.
    pub unreadable: Vec<PathBuf>,
    /// Organisations and versions of keys that held mails need and that are not there: these mails cannot be opened.
    pub keys_missing: Vec<(String, u32)>,
}

/// The quarantine on this machine.
#[derive(Clone)]
pub struct Quarantine {
    db: Db,
    blobs: Blobs,
    ring: KeyRing,
    /// Files whose key could not be destroyed when their last row went; tried again.
    doomed: Arc<Mutex<Vec<Id>>>,
    clock: Clock,
    options: QuarantineOptions,
}

impl std::fmt::Debug for Quarantine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quarantine").field("file", &self.db.file()).finish_non_exhaustive()
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
", "
-- The wrapped key of an item stands in its file; here is which key of the organisation wraps it.
ALTER TABLE blob ADD COLUMN key_version INTEGER NOT NULL DEFAULT 1;
-- Which row of its file a held mail is; -1: the file does not say.
ALTER TABLE held ADD COLUMN place INTEGER NOT NULL DEFAULT -1;
CREATE INDEX blob_by_key ON blob (organisation, key_version);
-- Counting a million rows takes longer than mail may wait.
CREATE TABLE total (one INTEGER PRIMARY KEY CHECK (one = 1), held INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT INTO total SELECT 1, (SELECT count(*) FROM held WHERE state = 'held'), (SELECT coalesce(sum(bytes), 0) FROM blob);
CREATE TRIGGER blob_in AFTER INSERT ON blob BEGIN UPDATE total SET bytes = bytes + new.bytes; END;
CREATE TRIGGER blob_out AFTER DELETE ON blob BEGIN UPDATE total SET bytes = bytes - old.bytes; END;
CREATE TRIGGER held_in AFTER INSERT ON held WHEN new.state = 'held' BEGIN UPDATE total SET held = held + 1; END;
CREATE TRIGGER held_out AFTER DELETE ON held WHEN old.state = 'held' BEGIN UPDATE total SET held = held - 1; END;
CREATE TRIGGER held_change AFTER UPDATE OF state ON held
BEGIN UPDATE total SET held = held + (new.state = 'held') - (old.state = 'held'); END;
"];

impl Quarantine {
    /// Opens the quarantine in `folder`, and says what it found.
    ///
    /// Files that no row knows are swept. An index that is damaged or missing is moved aside and built again from the files.
    pub fn open(
        folder: &Path,
        ring: KeyRing,
        clock: Clock,
        options: QuarantineOptions,
    ) -> Result<(Quarantine, QuarantineFound), StoreError> {
        private::folder(&folder.join("blobs"))?;
        Quarantine::open_on(Arc::new(RealDisk), folder, ring, clock, options)
    }

    /// The same with the files on another disk.
    fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        ring: KeyRing,
        clock: Clock,
        options: QuarantineOptions,
    ) -> Result<(Quarantine, QuarantineFound), StoreError> {
        private::folder(folder)?;
        let file = folder.join("quarantine.db");
        let set_aside = damage::look(&file, clock.now())?;
        let db = Db::open(
            &file,
            Options {
                promise: Promise::Full,
                gather: Duration::ZERO,
                jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
                waiting_max: limits::GROUP_COMMIT_ROWS_MAX,
                migrations: MIGRATIONS,
            },
        )?;
        let blobs = Blobs::new(disk, folder.join("blobs"));
        let quarantine = Quarantine { db, blobs, ring, doomed: Arc::default(), clock, options };
        let mut found = QuarantineFound { set_aside, ..QuarantineFound::default() };
        quarantine.adopt_keys()?;
        if quarantine.db.is_new() {
            quarantine.rebuild(&mut found)?;
        }
        found.swept = quarantine.sweep()?;
        found.keys_missing = quarantine.keys_missing()?;
        Ok((quarantine, found))
    }

    /// Holds a mail for some recipients. Resolves when all of it is on stable storage.
    ///
    /// A recipient for whom the same content from the same sender is held already keeps the earlier row (a sender's retry);
    /// the ids returned are those that are in force, in the order of `held`.
    pub async fn hold(&self, held: Vec<Held>, content: &Content) -> Result<Vec<Id>, StoreError> {
        let order: Vec<Id> = held.iter().map(|row| row.id).collect();
        let parts = parts(held);
        let files: Vec<Id> = parts.iter().map(|part| part.blob).collect();
        let (content_hash, bytes) = (content.hash(), content.size_bytes());
        let in_use = self.ring.in_use().await;
        let (blobs, ring, content) = (self.blobs.clone(), self.ring.clone(), content.clone());
        let sealing = off_the_runtime(move || {
            let mut parts = parts;
            for part in &mut parts {
                let by = ring.current(&part.organisation)?;
                part.version = by.version;
                blobs.write(part.blob, &by, &part.rows, &content)?;
            }
            Ok(parts)
        });
        let parts = match sealing.await {
            Ok(parts) => parts,
            Err(error) => {
                self.destroy(files).await;
                return Err(error);
            }
        };
        let blobs = self.blobs.clone();
        let written = self.db.write("holding a mail", move |connection| {
            // Until the rows stand, the keys that wrap the items' must not be retired.
            let _in_use = in_use;
            let (mut ids, mut unused) = (HashMap::new(), Vec::new());
            for part in &parts {
                let blob = part.blob.to_string();
                connection.execute(
                    "INSERT INTO blob (id, organisation, wrapped, content_hash, bytes, key_version) VALUES (?1, ?2, X'', ?3, ?4, ?5)",
                    params![blob, part.organisation.name(), content_hash.as_slice(), sql_int(bytes), part.version],
                )?;
                for (row, place) in part.rows.iter().zip(0_i64..) {
                    let id = insert(connection, row, (part.blob, place), &content_hash, &blobs)?;
                    ids.insert(row.id, id);
                }
                if delete_unused(connection, part.blob)? {
                    unused.push(part.blob);
                }
            }
            Ok((ids, unused))
        });
        match written.await {
            Ok((ids, unused)) => {
                self.destroy(unused).await;
                Ok(order.iter().map(|id| ids.get(id).copied().unwrap_or(*id)).collect())
            }
            Err(error) => {
                self.destroy(files).await;
                Err(error)
            }
        }
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
                        "SELECT blob.id, blob.organisation, blob.wrapped, blob.key_version FROM held JOIN blob ON blob.id = held.blob WHERE held.id = ?1",
                        [id.to_string()],
                        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, u32>(3)?)),
                    )
                    .optional()
            })
            .await?;
        let Some((blob, organisation, wrapped, version)) = found else { return Ok(None) };
        let blob = parse_id(&blob)?;
        let (blobs, ring) = (self.blobs.clone(), self.ring.clone());
        let read = off_the_runtime(move || {
            if wrapped.is_empty() {
                return blobs.read(&ring, blob);
            }
            // Of the time when the wrapped key stood in the row.
            let organisation = Organisation::named(&organisation);
            let by = ring.version(&organisation, version)?;
            let context = blob::context(&organisation, blob);
            let key = keys::unwrap(&by, &WrappedKey(wrapped), &context, "item key")?;
            blobs.read_bare(blob, &key)
        });
        read.await.map(Some)
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
        let (outcome, place) = self
            .db
            .write("releasing a mail", move |connection| {
                let found = connection
                    .query_row(
                        "SELECT row, state, blob, place FROM held WHERE id = ?1",
                        [id.to_string()],
                        |row| Ok((read_row(row)?, read_place(row, 2)?)),
                    )
                    .optional()?;
                let Some((mut held, place)) = found else { return Ok((Release::Missing, None)) };
                if held.state != from {
                    return Ok((Release::Already, None));
                }
                held.state = to;
                held.released_at = at;
                connection.execute(
                    "UPDATE held SET state = ?2, row = ?3 WHERE id = ?1",
                    params![id.to_string(), to.word(), to_json(&held)?],
                )?;
                Ok((Release::Now, place))
            })
            .await?;
        let fate = match to {
            HeldState::Held => Fate::Held,
            HeldState::Released => Fate::Released,
        };
        self.note(place.map(|place| (place, fate)).into_iter().collect()).await;
        Ok(outcome)
    }

    /// Deletes a mail: its row, and with the last row of its content the key and the file. False if there was none.
    pub async fn delete(&self, id: Id) -> Result<bool, StoreError> {
        let removed = self
            .db
            .write("deleting a held mail", move |connection| {
                delete_rows(connection, &[id.to_string()])
            })
            .await?;
        let rows = removed.rows;
        self.after_removal(removed).await;
        Ok(rows > 0)
    }

    /// Deletes what has expired and, oldest first, what is over the bound in bytes; gives how many rows went.
    ///
    /// A few rows in a commit, and others' commits between them, so that mail never waits for more than a few.
    /// Ends after a bounded time; what is left goes in the next round.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let doomed = std::mem::take(&mut *self.doomed());
        self.destroy(doomed).await;
        let began = self.clock.tick();
        let mut rows = 0;
        loop {
            let step = self.retain_step().await?;
            rows += step;
            let over = self.clock.tick().since(began) >= limits::RETAIN_TIME_MAX;
            if step < limits::RETAIN_STEP_ROWS || over {
                return Ok(rows);
            }
        }
    }

    /// One commit's worth of it.
    async fn retain_step(&self) -> Result<usize, StoreError> {
        let (now, bytes_max) = (self.clock.now(), self.options.bytes_max);
        let removed = self
            .db
            .write("keeping the quarantine small", move |connection| {
                let step = sql_int(u64::try_from(limits::RETAIN_STEP_ROWS).unwrap_or(0));
                let mut ids: Vec<String> = connection
                    .prepare_cached("SELECT id FROM held WHERE expires <= ?1 ORDER BY expires LIMIT ?2")?
                    .query_map([sql_int(now.0), step], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                if ids.is_empty() {
                    let total: i64 = connection.query_row("SELECT bytes FROM total", [], |row| row.get(0))?;
                    let mut over = u64::try_from(total).unwrap_or(0).saturating_sub(bytes_max);
                    let mut seen = HashSet::new();
                    let mut oldest = connection.prepare_cached(
                        "SELECT held.id, blob.id, blob.bytes FROM held JOIN blob ON blob.id = held.blob ORDER BY held_at LIMIT ?1",
                    )?;
                    let mut rows = oldest.query([step])?;
                    while over > 0 && let Some(row) = rows.next()? {
                        ids.push(row.get(0)?);
                        // A file goes with its last row; it counts once.
                        if seen.insert(row.get::<_, String>(1)?) {
                            over = over.saturating_sub(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0));
                        }
                    }
                }
                delete_rows(connection, &ids)
            })
            .await?;
        let rows = removed.rows;
        self.after_removal(removed).await;
        Ok(rows)
    }

    /// Wraps the items of an organisation by its newest key, a few at a time; gives how many. Durable when this returns.
    pub async fn rewrap(&self, organisation: &Organisation) -> Result<u64, StoreError> {
        let mut count = 0;
        loop {
            let (ring, blobs, theirs) =
                (self.ring.clone(), self.blobs.clone(), organisation.clone());
            let Some(newest) = ring.newest(organisation) else { return Ok(count) };
            let ids = self.wrapped_by_older(organisation, newest.version).await?;
            if ids.is_empty() {
                return Ok(count);
            }
            count += u64::try_from(ids.len()).unwrap_or(0);
            let (version, done) = (newest.version, ids.clone());
            off_the_runtime(move || {
                ids.iter().try_for_each(|blob| rewrap_one(&blobs, &ring, *blob, &newest))
            })
            .await?;
            self.db
                .write("wrapping keys anew", move |connection| {
                    let mut update = connection.prepare_cached(
                        "UPDATE blob SET key_version = ?2 WHERE id = ?1 AND organisation = ?3",
                    )?;
                    for blob in &done {
                        update.execute(params![blob.to_string(), version, theirs.name()])?;
                    }
                    Ok(())
                })
                .await?;
        }
    }

    /// How many items of an organisation are wrapped by keys older than `version`, and cannot be wrapped anew.
    pub async fn left_behind(
        &self,
        organisation: &Organisation,
        version: u32,
    ) -> Result<u64, StoreError> {
        let name = organisation.name().to_string();
        self.db
            .read("counting keys", move |connection| {
                let count: i64 = connection.query_row(
                    "SELECT count(*) FROM blob WHERE organisation = ?1 AND key_version < ?2",
                    params![name, version],
                    |row| row.get(0),
                )?;
                Ok(u64::try_from(count).unwrap_or(0))
            })
            .await
    }

    async fn wrapped_by_older(
        &self,
        organisation: &Organisation,
        version: u32,
    ) -> Result<Vec<Id>, StoreError> {
        let name = organisation.name().to_string();
        let step = sql_int(u64::try_from(limits::REWRAP_STEP).unwrap_or(0));
        let ids: Vec<String> = self
            .db
            .read("looking for keys", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id FROM blob WHERE organisation = ?1 AND key_version < ?2 AND wrapped = X'' LIMIT ?3",
                    )?
                    .query_map(params![name, version, step], |row| row.get(0))?
                    .collect()
            })
            .await?;
        ids.iter().map(|id| parse_id(id)).collect()
    }

    /// How many mails wait, and the bytes of all.
    pub async fn totals(&self) -> Result<(u64, u64), StoreError> {
        self.db
            .read("counting the quarantine", |connection| {
                let (held, bytes): (i64, i64) =
                    connection.query_row("SELECT held, bytes FROM total", [], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?;
                Ok((u64::try_from(held).unwrap_or(0), u64::try_from(bytes).unwrap_or(0)))
            })
            .await
    }

    /// When a mail held now goes. `keep` is what its organisation says; `None`: the default.
    pub fn expiry(&self, keep: Option<Duration>) -> UnixMs {
        self.clock.now().plus(keep.unwrap_or(self.options.keep))
    }

    async fn note(&self, fates: Vec<((Id, u32), Fate)>) {
        if fates.is_empty() {
            return;
        }
        let blobs = self.blobs.clone();
        let noting = off_the_runtime(move || {
            fates.into_iter().for_each(|((blob, row), fate)| blobs.note(blob, row, fate));
            Ok(())
        });
        // Noted for a lost index only; the index has it.
        let _best_effort = noting.await;
    }

    async fn after_removal(&self, removed: Removed) {
        self.note(removed.places.into_iter().map(|place| (place, Fate::Deleted)).collect()).await;
        self.destroy(removed.blobs).await;
    }

    /// Destroys files and the keys in them. What the disk does not take now is tried again at the next [`Quarantine::retain`].
    async fn destroy(&self, doomed: Vec<Id>) {
        if doomed.is_empty() {
            return;
        }
        let (blobs, all) = (self.blobs.clone(), doomed.clone());
        let destroying = off_the_runtime(move || {
            Ok(all.into_iter().filter(|blob| blobs.destroy(*blob).is_err()).collect::<Vec<_>>())
        });
        let left = destroying.await.unwrap_or(doomed);
        if !left.is_empty() {
            tracing::warn!(
                count = left.len(),
                "keys of deleted mails could not be destroyed yet; it is tried again"
            );
            self.doomed().extend(left);
        }
    }

    fn doomed(&self) -> std::sync::MutexGuard<'_, Vec<Id>> {
        self.doomed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys of the time when they stood in this database move to the others.
    fn adopt_keys(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::Database { what: "moving the keys", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        let rows: Vec<(String, Vec<u8>)> = connection
            .prepare("SELECT organisation, wrapped FROM organisation_key")
            .and_then(|mut select| {
                select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(failed)?;
        for (name, wrapped) in rows {
            let organisation = Organisation::named(&name);
            let context = format!("sluss organisation key of {organisation}");
            let master = self.ring.master();
            let key =
                keys::unwrap(&master.key, &WrappedKey(wrapped), &context, "organisation key")?;
            // Killed in between, the key is taken in twice: one more version, and nothing lost.
            let OrganisationKey { version, .. } = self.ring.adopt(&organisation, key)?;
            connection
                .execute(
                    "UPDATE blob SET key_version = ?2 WHERE organisation = ?1 AND wrapped <> X''",
                    params![name, version],
                )
                .and_then(|_| {
                    connection
                        .execute("DELETE FROM organisation_key WHERE organisation = ?1", [&name])
                })
                .map_err(failed)?;
        }
        Ok(())
    }

    fn keys_missing(&self) -> Result<Vec<(String, u32)>, StoreError> {
        let failed = |source| StoreError::Database { what: "looking for keys", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        let needed: Vec<(String, u32)> = connection
            .prepare("SELECT DISTINCT organisation, key_version FROM blob")
            .and_then(|mut select| {
                select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(failed)?;
        let missing = |(name, version): &(String, u32)| {
            self.ring.version(&Organisation::named(name), *version).is_err()
        };
        Ok(needed.into_iter().filter(missing).collect())
    }

    /// Builds the index again from the files; those that cannot be read are moved aside, since no row will know them.
    fn rebuild(&self, found: &mut QuarantineFound) -> Result<(), StoreError> {
        let files = self.blobs.list()?;
        if files.is_empty() && found.set_aside.is_none() {
            return Ok(());
        }
        let failed = |source| StoreError::Database { what: "building the index again", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        let mut rows = 0;
        for blob in files.into_iter().flatten() {
            match self.blobs.rows(&self.ring, blob) {
                Ok(read) => {
                    rows += insert_again(&connection, blob, read, &self.blobs).map_err(failed)?;
                }
                Err(error) => {
                    tracing::error!(%blob, %error, "a held mail cannot be read");
                    found.unreadable.push(self.blobs.set_aside(&Blobs::name(blob))?);
                }
            }
        }
        connection.execute_batch("COMMIT").map_err(failed)?;
        found.rebuilt = Some(rows);
        Ok(())
    }

    /// Removes files that no row knows: written before a crash, never acknowledged.
    fn sweep(&self) -> Result<usize, StoreError> {
        let failed = |source| StoreError::Database { what: "sweeping", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        let known: HashSet<Id> = connection
            .prepare("SELECT id FROM blob")
            .and_then(|mut select| {
                let ids = select.query_map([], |row| row.get::<_, String>(0))?;
                ids.map(|id| id.map(|id| Id::parse(&id).unwrap_or_default())).collect()
            })
            .map_err(failed)?;
        let mut swept = 0;
        for blob in self.blobs.list()?.into_iter().flatten().filter(|id| !known.contains(id)) {
            match self.blobs.destroy(blob) {
                Ok(()) => swept += 1,
                // A disk that takes nothing just now is no reason not to start.
                Err(error) => {
                    tracing::warn!(%error, "a file that belongs to no held mail could not be removed");
                    self.doomed().push(blob);
                }
            }
        }
        Ok(swept)
    }
}

/// What one organisation holds of a mail: a file and a key of its own.
struct Part {
    /// Not the transaction's id: one transaction may be held again, for another recipient or after a crash.
    blob: Id,
    organisation: Organisation,
    version: u32,
    rows: Vec<Held>,
}

fn parts(held: Vec<Held>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for row in held {
        match parts.iter_mut().find(|part| part.organisation == row.organisation) {
            Some(part) => part.rows.push(row),
            None => parts.push(Part {
                blob: row.id,
                organisation: row.organisation.clone(),
                version: 0,
                rows: vec![row],
            }),
        }
    }
    parts
}

/// Deletes a file's row if no held mail has it; true if so, and then the file can go.
fn delete_unused(connection: &Connection, blob: Id) -> rusqlite::Result<bool> {
    let gone = connection
        .prepare_cached(
            "DELETE FROM blob WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM held WHERE held.blob = blob.id)",
        )?
        .execute([blob.to_string()])?;
    Ok(gone > 0)
}

fn rewrap_one(
    blobs: &Blobs,
    ring: &KeyRing,
    blob: Id,
    newest: &OrganisationKey,
) -> Result<(), StoreError> {
    match blobs.rewrap(ring, blob, newest) {
        // Deleted meanwhile, or lost: there is nothing to open with the older key.
        Err(_) if blobs.is_missing(blob) => Ok(()),
        done => done,
    }
}

fn insert_again(
    connection: &Connection,
    blob: Id,
    read: blob::Rows,
    blobs: &Blobs,
) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO blob (id, organisation, wrapped, content_hash, bytes, key_version) VALUES (?1, ?2, X'', ?3, ?4, ?5)",
        params![blob.to_string(), read.organisation.name(), read.content_hash.as_slice(), sql_int(read.bytes), read.version],
    )?;
    let mut rows = 0;
    for ((mut held, fate), place) in read.rows.into_iter().zip(0_i64..) {
        match fate {
            Fate::Deleted => continue,
            Fate::Released => held.state = HeldState::Released,
            Fate::Held => (),
        }
        insert(connection, &held, (blob, place), &read.content_hash, blobs)?;
        rows += 1;
    }
    // All its rows are deleted, or are held already with another file of the same content.
    delete_unused(connection, blob)?;
    Ok(rows)
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}

fn parse_id(text: &str) -> Result<Id, StoreError> {
    Id::parse(text).map_err(|why| StoreError::Damaged {
        what: "a held mail's id".to_string(),
        why: why.to_string(),
    })
}

struct Removed {
    rows: usize,
    /// Rows whose file stays for others, and where in it they stand.
    places: Vec<(Id, u32)>,
    /// Files that nobody needs any more.
    blobs: Vec<Id>,
}

fn delete_rows(connection: &Connection, ids: &[String]) -> rusqlite::Result<Removed> {
    let mut removed = Removed { rows: 0, places: Vec::new(), blobs: Vec::new() };
    let mut touched: Vec<(Id, Option<(Id, u32)>)> = Vec::new();
    {
        let mut delete =
            connection.prepare_cached("DELETE FROM held WHERE id = ?1 RETURNING blob, place")?;
        for id in ids {
            let gone =
                delete.query_row([id], |row| Ok((row.get::<_, String>(0)?, read_place(row, 0)?)));
            if let Some((blob, place)) = gone.optional()? {
                removed.rows += 1;
                touched.push((Id::parse(&blob).unwrap_or_default(), place));
            }
        }
    }
    let mut seen = HashSet::new();
    for (blob, _) in &touched {
        if seen.insert(*blob) && delete_unused(connection, *blob)? {
            removed.blobs.push(*blob);
        }
    }
    let stays = |(blob, _): &(Id, u32)| !removed.blobs.contains(blob);
    removed.places = touched.into_iter().filter_map(|(_, place)| place).filter(stays).collect();
    Ok(removed)
}

/// Columns `blob` and `place`: the file, and which of its rows; `None` if the file does not know the row.
fn read_place(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<(Id, u32)>> {
    let blob = Id::parse(&row.get::<_, String>(first)?).ok();
    Ok(blob.zip(u32::try_from(row.get::<_, i64>(first + 1)?).ok()))
}

fn insert(
    connection: &Connection,
    held: &Held,
    (blob, place): (Id, i64),
    hash: &[u8; 32],
    blobs: &Blobs,
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
        if Id::parse(&its_blob).is_ok_and(|id| blobs.is_missing(id)) {
            // Its file is lost; the same content was written anew just now, for all who shared it.
            connection.execute(
                "UPDATE held SET blob = ?2, place = -1 WHERE blob = ?1",
                params![its_blob, blob.to_string()],
            )?;
            connection.execute("DELETE FROM blob WHERE id = ?1", [its_blob])?;
        }
        return Ok(earlier);
    }
    let categories: Vec<&str> = held.categories.iter().map(|category| category.word()).collect();
    connection.execute(
        "INSERT INTO held (id, blob, organisation, content_hash, held_at, expires, direction, sender, from_shown, recipient,
         recipient_key, subject, categories, state, row, place) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
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
            place,
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

fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::spool::{Fault, MemoryDisk};
    use crate::{
        config::policy::{Action, Category},
        mail::{Address, Direction, Envelope, Recipient, ReversePath},
    };
    use std::{fs, io};

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

    fn ring(folder: &Path, clock: &Clock) -> KeyRing {
        let keys = folder.join("keys");
        private::folder(&keys).unwrap();
        let master = crate::store::master::MasterKey::for_tests(7);
        KeyRing::open(Arc::new(RealDisk), &keys, master, clock.clone()).unwrap().0
    }

    fn open(folder: &Path, clock: &Clock, bytes_max: u64) -> (Quarantine, QuarantineFound) {
        let options = QuarantineOptions { keep: Duration::from_secs(100), bytes_max };
        Quarantine::open(folder, ring(folder, clock), clock.clone(), options).unwrap()
    }

    fn file(folder: &Path, blob: Id) -> PathBuf {
        folder.join("blobs").join(Blobs::name(blob))
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
    async fn two_organisations_hold_a_mail_under_a_key_each() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
        let of = |number: u8, name: &str| Held {
            organisation: Organisation::named(name),
            ..held(1, number, &format!("user{number}@{name}.example"), &clock)
        };
        let rows = vec![of(1, "acme"), of(2, "bolag"), of(3, "acme")];
        let ids = quarantine.hold(rows.clone(), &content("hello")).await.unwrap();
        assert_eq!(ids, [rows[0].id, rows[1].id, rows[2].id]);
        assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 2);
        // One loses its keys; the other reads on.
        let keys = &quarantine.ring;
        keys.renew(&Organisation::named("acme")).unwrap();
        keys.retire(&Organisation::named("acme"), 2).unwrap();
        assert_eq!(quarantine.content(ids[1]).await.unwrap().unwrap(), b"hello");
        for id in [ids[0], ids[2]] {
            assert!(quarantine.content(id).await.is_err());
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
        fs::remove_file(file(folder.path(), ids[0])).unwrap();
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
        fs::write(file(folder.path(), Id::default()), "x").unwrap();
        drop(quarantine);
        let (reopened, found) = open(folder.path(), &clock, 12);
        assert_eq!(found, QuarantineFound { swept: 1, ..QuarantineFound::default() });
        let left = reopened.list(Filter { rows: 9, ..Filter::default() }).await.unwrap();
        assert_eq!(reopened.content(left[0].id).await.unwrap().unwrap(), b"12343");
    }

    /// Every file under the folder that has these bytes in it.
    fn files_with(folder: &Path, needle: &[u8]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files_with(&path, needle));
            } else if memchr::memmem::find(&fs::read(&path).unwrap(), needle).is_some() {
                found.push(path);
            }
        }
        found
    }

    #[tokio::test]
    async fn a_deleted_mail_leaves_no_wrapped_key_behind() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
        let rows = vec![held(1, 1, "b@ours.example", &clock), held(1, 2, "c@ours.example", &clock)];
        let ids = quarantine.hold(rows, &content("hello")).await.unwrap();
        let blob = file(folder.path(), ids[0]);
        let wrapped = fs::read(&blob).unwrap()[20..92].to_vec();
        assert_eq!(
            files_with(folder.path(), &wrapped),
            std::slice::from_ref(&blob),
            "in its file alone"
        );
        // Whoever still has the file's bytes, by another name or by looking at the free blocks of the disk.
        let kept = folder.path().join("kept");
        fs::hard_link(&blob, &kept).unwrap();
        assert!(quarantine.delete(ids[0]).await.unwrap());
        assert_eq!(files_with(folder.path(), &wrapped).len(), 2, "the other recipient needs it");
        assert!(quarantine.delete(ids[1]).await.unwrap());
        assert_eq!(files_with(folder.path(), &wrapped), Vec::<PathBuf>::new());
        assert!(kept.exists() && !blob.exists());
    }

    #[tokio::test]
    async fn a_lost_or_damaged_index_is_built_again() {
        for harm in ["missing", "empty", "garbage"] {
            let folder = tempfile::tempdir().unwrap();
            let clock = Clock::by_hand(UnixMs(1_000));
            let (quarantine, found) = open(folder.path(), &clock, 1 << 30);
            assert_eq!(found, QuarantineFound::default());
            let rows = ["b@ours.example", "c@ours.example", "d@ours.example"];
            let rows = rows.iter().zip(1..).map(|(to, number)| held(1, number, to, &clock));
            let ids = quarantine.hold(rows.collect(), &content("hello")).await.unwrap();
            let other = held(2, 9, "e@ours.example", &clock);
            quarantine.hold(vec![other.clone()], &content("other")).await.unwrap();
            quarantine.release(ids[1]).await.unwrap();
            quarantine.delete(ids[2]).await.unwrap();
            let all = || Filter { all: true, rows: 9, ..Filter::default() };
            let before = quarantine.list(all()).await.unwrap();
            drop(quarantine);
            let index = folder.path().join("quarantine.db");
            for beside in ["quarantine.db-wal", "quarantine.db-shm"] {
                let _if_there = fs::remove_file(folder.path().join(beside));
            }
            match harm {
                "missing" => fs::remove_file(&index).unwrap(),
                "empty" => fs::write(&index, "").unwrap(),
                _ => fs::write(&index, vec![7; 50_000]).unwrap(),
            }
            fs::write(file(folder.path(), Id::default()), "neither ours nor whole").unwrap();
            let (quarantine, found) = open(folder.path(), &clock, 1 << 30);
            assert_eq!((found.rebuilt, found.swept, found.unreadable.len()), (Some(3), 0, 1));
            assert_eq!(found.set_aside.is_some(), harm == "garbage", "{harm}");
            assert!(found.unreadable[0].exists());
            let mut after = quarantine.list(all()).await.unwrap();
            for held in &mut after {
                if held.state == HeldState::Released {
                    held.released_at = clock.now();
                }
            }
            assert_eq!(after, before, "{harm}");
            assert_eq!(quarantine.content(ids[0]).await.unwrap().unwrap(), b"hello");
            assert_eq!(quarantine.totals().await.unwrap(), (2, 10), "{harm}");
            drop(quarantine);
            assert_eq!(open(folder.path(), &clock, 1 << 30).1, QuarantineFound::default());
        }
    }

    #[tokio::test]
    async fn an_organisation_gets_a_new_key_wherever_it_is_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let keys = ring(folder.path(), &clock);
        let options = QuarantineOptions { keep: Duration::from_secs(100), bytes_max: 1 << 30 };
        let opened = |keys: &KeyRing| {
            Quarantine::open(folder.path(), keys.clone(), clock.clone(), options).unwrap().0
        };
        let quarantine = opened(&keys);
        let mut ids = Vec::new();
        for number in 1..=3 {
            let row = vec![held(number, number, "b@ours.example", &clock)];
            ids.extend(quarantine.hold(row, &content(&format!("{number}"))).await.unwrap());
        }
        let ours = Organisation::implied();
        let newest = keys.renew(&ours).unwrap();
        // Killed after one file was written and before the index knew.
        quarantine.blobs.rewrap(&keys, ids[0], &newest).unwrap();
        drop(quarantine);
        let quarantine = opened(&keys);
        assert_eq!(quarantine.left_behind(&ours, 2).await.unwrap(), 3);
        assert_eq!(quarantine.rewrap(&ours).await.unwrap(), 3);
        assert_eq!(
            (
                quarantine.rewrap(&ours).await.unwrap(),
                quarantine.left_behind(&ours, 2).await.unwrap()
            ),
            (0, 0)
        );
        keys.retire(&ours, 2).unwrap();
        for (id, number) in ids.iter().zip(1..) {
            let want = format!("{number}").into_bytes();
            assert_eq!(quarantine.content(*id).await.unwrap().unwrap(), want);
        }
        // A key that is gone is said at the start.
        keys.renew(&ours).unwrap();
        keys.retire(&ours, 3).unwrap();
        drop(quarantine);
        let found = Quarantine::open(folder.path(), keys, clock, options).unwrap().1;
        assert_eq!(found.keys_missing, [("default".to_string(), 2)]);
    }

    fn on(disk: &MemoryDisk, folder: &Path, clock: &Clock) -> (Quarantine, QuarantineFound) {
        disk.arc().create_folder(&folder.join("blobs")).unwrap();
        let options = QuarantineOptions { keep: Duration::from_secs(100), bytes_max: 1 << 30 };
        Quarantine::open_on(disk.arc(), folder, ring(folder, clock), clock.clone(), options)
            .unwrap()
    }

    #[tokio::test]
    async fn any_write_may_fail_and_nothing_acknowledged_is_lost() {
        let clock = Clock::by_hand(UnixMs(1_000));
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem] {
            for fault in [Fault::Once(kind), Fault::Lasting(kind)] {
                let (folder, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::new());
                let (quarantine, _) = on(&disk, folder.path(), &clock);
                let mut kept = Vec::new();
                for after in 0..9 {
                    let number = u8::try_from(after).unwrap();
                    let text = format!("mail {after}");
                    disk.fail(after, fault);
                    let row = || vec![held(number, number, "b@ours.example", &clock)];
                    match quarantine.hold(row(), &content(&text)).await {
                        Ok(ids) => kept.push((ids[0], text.clone())),
                        Err(error) => {
                            let full = kind == io::ErrorKind::StorageFull;
                            assert_eq!(error.is_no_room(), full, "{error}");
                        }
                    }
                    disk.mend();
                    // The sender comes back, and there is room again.
                    let again = vec![held(number, number + 100, "b@ours.example", &clock)];
                    let ids = quarantine.hold(again, &content(&text)).await.unwrap();
                    kept.push((ids[0], text));
                    if after % 2 == 0 {
                        disk.fail(0, fault);
                        let (id, _) = kept.pop().unwrap();
                        kept.retain(|(other, _)| *other != id);
                        assert!(
                            quarantine.delete(id).await.unwrap(),
                            "the row is gone all the same"
                        );
                        disk.mend();
                    }
                }
                quarantine.retain().await.unwrap();
                for (id, text) in &kept {
                    assert_eq!(quarantine.content(*id).await.unwrap().unwrap(), text.as_bytes());
                }
                drop(quarantine);
                let (quarantine, found) = on(&disk.kill(), folder.path(), &clock);
                assert_eq!(found, QuarantineFound::default(), "nothing is left over either");
                for (id, text) in &kept {
                    assert_eq!(quarantine.content(*id).await.unwrap().unwrap(), text.as_bytes());
                }
            }
        }
    }

    #[tokio::test]
    async fn a_full_database_refuses_and_goes_on_by_itself() {
        let (folder, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::new());
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = on(&disk, folder.path(), &clock);
        let bound = |pages: i64| {
            quarantine.db.between("bounding", move |connection| {
                connection.pragma_update(None, "max_page_count", pages)
            })
        };
        bound(1).await.unwrap();
        let mut refused = None;
        let mut kept = Vec::new();
        for number in 1..=200 {
            let row = vec![held(number, number, "b@ours.example", &clock)];
            match quarantine.hold(row, &content(&format!("mail {number}"))).await {
                Ok(ids) => kept.extend(ids),
                Err(error) => {
                    assert!(error.is_no_room(), "{error}");
                    refused = Some(number);
                    break;
                }
            }
        }
        let number = refused.unwrap();
        bound(1_000_000).await.unwrap();
        let row = vec![held(number, number, "b@ours.example", &clock)];
        kept.extend(quarantine.hold(row, &content("there is room again")).await.unwrap());
        for id in kept {
            assert!(quarantine.content(id).await.unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn many_rows_go_a_few_at_a_time_and_each_when_its_organisation_says() {
        let (folder, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::new());
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, _) = on(&disk, folder.path(), &clock);
        assert_eq!(quarantine.expiry(None), UnixMs(101_000));
        assert_eq!(quarantine.expiry(Some(Duration::from_secs(5))), UnixMs(6_000));
        let rows = limits::RETAIN_STEP_ROWS * 2 + 50;
        let row = |number: usize| {
            let number = u64::try_from(number).unwrap();
            let keep = (number > 0).then_some(Duration::from_secs(5));
            let mut one = held(1, 1, &format!("user{number}@ours.example"), &clock);
            one.id = Id::new(UnixMs(number), [5; 10]);
            one.expires = quarantine.expiry(keep);
            one
        };
        quarantine.hold((0..=rows).map(row).collect(), &content("x")).await.unwrap();
        clock.advance(Duration::from_secs(6));
        assert_eq!(quarantine.retain_step().await.unwrap(), limits::RETAIN_STEP_ROWS);
        assert_eq!(quarantine.retain().await.unwrap(), rows - limits::RETAIN_STEP_ROWS);
        assert_eq!(quarantine.totals().await.unwrap(), (1, 1));
        // A clock that was set back brings nothing back and takes nothing away.
        let back = Clock::by_hand(UnixMs(3));
        drop(quarantine);
        let (quarantine, _) = on(&disk.kill(), folder.path(), &back);
        assert_eq!(quarantine.retain().await.unwrap(), 0);
        let left = quarantine.list(Filter { rows: 9, ..Filter::default() }).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(quarantine.content(left[0].id).await.unwrap().unwrap(), b"x");
    }
}
