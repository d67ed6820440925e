//! Held mail: an encrypted file for the content, a row for each recipient.
//!
//! Order: the file is written and synced (and its folder), then the rows are committed FULL, then the caller may say 250.
//! A file without rows is an orphan of a crash and is swept at start. A mail to several recipients has one file and one key;
//! the key goes with the last row, and with it the content. The files carry the rows too: a lost index is built again from them.

mod learn;
mod moves;
mod rebuild;
mod rekey;
mod retain;
mod rows;
mod schema;
mod search;
mod waiting;

use self::{
    rows::{Removed, delete_rows, delete_unused, find, insert, read_place},
    schema::MIGRATIONS,
};
use super::{
    blob::{self, Blobs, Fate, SealedContent},
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
        held::{Asked, Held},
        keyring::KeyRing,
        keys::{self, WrappedKey},
        private,
        spool::{Content, Disk, RealDisk},
    },
};
use rusqlite::{OptionalExtension, params};
use std::{
    collections::HashMap,
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
    /// Bytes of all copies of refused mails together; the oldest go first, and never for what is held.
    pub refused_bytes_max: u64,
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
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
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
        let (content_hash, bytes) = (content.hash(), content.size_bytes());
        let hash = blake3::Hash::from_bytes(content_hash).to_hex().to_string();
        let parts = parts(held, &hash);
        let files: Vec<Id> = parts.iter().map(|part| part.blob).collect();
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
                    "INSERT INTO blob (id, organisation, wrapped, content_hash, bytes, key_version, refused) VALUES (?1, ?2, X'', ?3, ?4, ?5, ?6)",
                    params![blob, part.organisation.name(), content_hash.as_slice(), sql_int(bytes), part.version, i64::from(part.is_refused())],
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

    /// One held mail.
    pub async fn get(&self, id: Id) -> Result<Option<Held>, StoreError> {
        self.db
            .read("looking up a held mail", move |connection| {
                Ok(find(connection, id)?.map(|(_, held)| held))
            })
            .await
    }

    /// The content of a held mail, opened; of files that were left there is none, see [`Quarantine::sealed_content`]. Leaving a mark that somebody did is the caller's duty.
    pub async fn content(&self, id: Id) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self
            .db
            .read("looking up a held mail", move |connection| {
                connection
                    .query_row(
                        "SELECT blob.id, blob.organisation, blob.wrapped, blob.key_version FROM held JOIN blob ON blob.id = held.blob WHERE held.id = ?1 AND held.state <> 'files'",
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

    /// The content of what may be too large for memory. Leaving a mark that somebody did is the caller's duty.
    pub async fn sealed_content(&self, id: Id) -> Result<Option<SealedContent>, StoreError> {
        let found =
            self.db.read("looking up a held mail", move |connection| find(connection, id)).await?;
        let Some((number, _)) = found else { return Ok(None) };
        let Some((blob, _)) = self.place_of(number).await? else { return Ok(None) };
        let (blobs, ring) = (self.blobs.clone(), self.ring.clone());
        off_the_runtime(move || blobs.content(&ring, blob)).await.map(Some)
    }

    /// What was sealed with a held mail for judging it again; none for mails of the time before, and where a later copy of the content
    /// took the place of a lost file.
    pub async fn asked(&self, id: Id) -> Result<Option<Box<Asked>>, StoreError> {
        let found =
            self.db.read("looking up a held mail", move |connection| find(connection, id)).await?;
        let Some((number, _)) = found else { return Ok(None) };
        let Some((blob, row)) = self.place_of(number).await? else { return Ok(None) };
        let (blobs, ring) = (self.blobs.clone(), self.ring.clone());
        off_the_runtime(move || blobs.asked(&ring, blob, row)).await
    }

    /// The file of a row, and which of its rows it is.
    async fn place_of(&self, number: i64) -> Result<Option<(Id, u32)>, StoreError> {
        self.db
            .read("looking up a held mail", move |connection| {
                let place = connection
                    .prepare_cached("SELECT blob, place FROM held WHERE number = ?1")?
                    .query_row([number], |row| read_place(row, 0))
                    .optional()?;
                Ok(place.flatten())
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
        let rows = removed.rows;
        self.after_removal(removed).await;
        Ok(rows > 0)
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

    /// The bytes of what waits in the portal.
    pub async fn portal_bytes(&self) -> Result<u64, StoreError> {
        self.db
            .read("counting the portal", |connection| {
                Ok(u64::try_from(retain::portal_bytes(connection)?).unwrap_or(0))
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
}

/// What one organisation holds of a mail: a file and a key of its own.
struct Part {
    /// Not the transaction's id: one transaction may be held again, for another recipient or after a crash.
    blob: Id,
    organisation: Organisation,
    version: u32,
    rows: Vec<Held>,
}

impl Part {
    /// Copies of what was refused are never in one file with what is held: they are made at another time.
    fn is_refused(&self) -> bool {
        self.rows.iter().any(Held::is_refused)
    }
}

fn parts(held: Vec<Held>, content_hash: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for row in held {
        let row = Held { content_hash: content_hash.to_string(), ..row };
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

fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
