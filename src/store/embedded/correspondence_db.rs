//! Who writes to whom, in SQLite. Writing never waits and never stops mail; reading is a few rows by their key, those of frequent writers
//! from memory.
//!
//! Bounded in rows: when there are too many, the organisation that has most gives first, and of its rows those that strangers made.

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
};
use crate::{
    base::{
        clock::{Clock, Tick, UnixMs},
        limits,
    },
    learn::correspondence::{Counts, Days, Event},
    mail::Organisation,
    store::{
        StoreError,
        correspondence::{
            CorrespondentLine, Hashed, Lesson, Question, Remembered, Standing, Subject, person,
        },
        keyring::KeyRing,
        keys::{self, Key, WrappedKey},
        private,
    },
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Who writes to whom, on this machine.
#[derive(Clone)]
pub struct Correspondence {
    db: Db,
    ring: KeyRing,
    clock: Clock,
    memory: Arc<Memory>,
}

impl std::fmt::Debug for Correspondence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Correspondence").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Memory {
    secrets: Mutex<HashMap<Organisation, Key>>,
    rows: Mutex<HashMap<(Organisation, Hashed), Cached>>,
    /// Held by whoever makes an organisation's secret.
    making: tokio::sync::Mutex<()>,
    looked: Mutex<Option<Tick>>,
    /// Counts commits, so that what was read before one is not kept after it.
    changes: AtomicU64,
    left_out: AtomicU64,
}

#[derive(Clone, Copy)]
struct Cached {
    counts: Option<Counts>,
    read: Tick,
}

/// What was found when it was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CorrespondenceFound {
    /// The damaged file, which was moved aside.
    pub set_aside: Option<SetAside>,
    /// Organisations whose memory cannot be read any more, since the key of its hashes cannot be opened: they begin anew.
    pub forgotten: Vec<String>,
}

const MIGRATIONS: &[&str] = &["
CREATE TABLE secret (
    organisation TEXT PRIMARY KEY,
    key_version INTEGER NOT NULL,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE known (
    organisation TEXT NOT NULL,
    key BLOB NOT NULL,
    standing INTEGER NOT NULL,
    ours BLOB,
    theirs BLOB,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    written REAL NOT NULL,
    came REAL NOT NULL,
    unwanted REAL NOT NULL,
    day INTEGER NOT NULL,
    today INTEGER NOT NULL,
    fullest REAL NOT NULL,
    PRIMARY KEY (organisation, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_by_age ON known (organisation, standing, last);
CREATE INDEX known_by_ours ON known (organisation, ours) WHERE ours IS NOT NULL;
CREATE INDEX known_by_theirs ON known (organisation, theirs) WHERE theirs IS NOT NULL;
"];

impl Correspondence {
    /// Opens it in `folder`. One that is damaged is moved aside, and another begun.
    pub fn open(
        folder: &Path,
        ring: KeyRing,
        clock: Clock,
    ) -> Result<(Correspondence, CorrespondenceFound), StoreError> {
        private::folder(folder)?;
        let file = folder.join("correspondence.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let how = Options {
            // A key that was wrapped anew must be there before the old one is destroyed.
            promise: Promise::Full,
            gather: limits::CORRESPONDENCE_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::CORRESPONDENCE_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&file, how)?;
        let (secrets, forgotten) = db
            .at_start("reading who writes to whom", |connection| read_secrets(connection, &ring))?;
        let memory = Memory { secrets: Mutex::new(secrets), ..Memory::default() };
        let opened = Correspondence { db, ring, clock, memory: Arc::new(memory) };
        for name in &forgotten {
            opened.begin_anew(name.clone());
        }
        Ok((opened, CorrespondenceFound { set_aside, forgotten }))
    }

    /// Counts these, soon. What comes faster than the disk takes it is left out, and counted.
    pub fn learn(&self, organisation: &Organisation, lessons: Vec<Lesson>) {
        if let Some(secret) = self.secret(organisation) {
            return self.write(organisation, &secret, &lessons);
        }
        let (store, organisation) = (self.clone(), organisation.clone());
        tokio::spawn(async move {
            match store.make_secret(&organisation).await {
                Ok(secret) => store.write(&organisation, &secret, &lessons),
                Err(error) => {
                    tracing::error!(%organisation, %error, "nothing could be learned of who writes to whom")
                }
            }
        });
    }

    /// What is remembered of the sender of a mail.
    pub async fn ask(&self, question: Question) -> Result<Remembered, StoreError> {
        // Of whom nothing was ever learned nothing is known.
        let Some(secret) = self.secret(&question.organisation) else {
            return Ok(Remembered::default());
        };
        let Question { organisation, ours, theirs, domain, network, answers } = question;
        let pair = |ours: &String| {
            let (ours, theirs) = (ours.clone(), theirs.clone()?);
            Some(Subject::Pair { ours, theirs }.key(&secret))
        };
        let sent = |ours: &String, message: &String| {
            let (message, ours, theirs) = (message.clone(), ours.clone(), theirs.clone()?);
            Some(Subject::Sent { message, ours, theirs }.key(&secret))
        };
        let pairs: Vec<Hashed> = ours.iter().filter_map(pair).collect();
        let sent: Vec<Hashed> = ours
            .iter()
            .flat_map(|ours| answers.iter().filter_map(move |message| sent(ours, message)))
            .collect();
        let address = theirs.clone().map(|theirs| Subject::Address { theirs }.key(&secret));
        let domain = domain.map(|name| Subject::Domain(name).key(&secret));
        let network = network.map(|network| Subject::Network(network).key(&secret));
        let mut wanted: Vec<Hashed> = pairs.clone();
        wanted.extend([address, domain, network].into_iter().flatten());
        let (rows, answers_ours) = self.read(&organisation, wanted, sent).await?;
        let now = self.clock.now();
        let of = |key: Option<Hashed>| Some(rows.get(&key?)?.as_ref()?.at(now));
        Ok(Remembered {
            answers_ours,
            written_to_address: pairs
                .iter()
                .filter_map(|key| of(Some(*key)))
                .map(|one| one.written)
                .sum(),
            address: of(address),
            domain: of(domain),
            network: of(network),
        })
    }

    /// Rows by their keys, from memory where they are fresh; and whether there is any of `sent`.
    async fn read(
        &self,
        organisation: &Organisation,
        wanted: Vec<Hashed>,
        sent: Vec<Hashed>,
    ) -> Result<(HashMap<Hashed, Option<Counts>>, bool), StoreError> {
        let now = self.clock.tick();
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        {
            let rows = self.memory.rows();
            for key in wanted {
                match rows.get(&(organisation.clone(), key)) {
                    Some(cached)
                        if now.since(cached.read) < limits::CORRESPONDENCE_CACHE_AGE_MAX =>
                    {
                        found.insert(key, cached.counts);
                    }
                    Some(_) | None => missing.push(key),
                }
            }
        }
        if missing.is_empty() && sent.is_empty() {
            return Ok((found, false));
        }
        let name = organisation.name().to_string();
        let changes = self.memory.changes.load(Ordering::Relaxed);
        let (read, answers) = self
            .db
            .read("asking who writes to whom", move |connection| {
                let rows: Vec<(Hashed, Option<Counts>)> = missing
                    .into_iter()
                    .map(|key| Ok((key, counts_of(connection, &name, &key)?)))
                    .collect::<rusqlite::Result<_>>()?;
                for key in &sent {
                    if counts_of(connection, &name, key)?.is_some() {
                        return Ok((rows, true));
                    }
                }
                Ok((rows, false))
            })
            .await?;
        // Read under the lock under which it is changed.
        let mut rows = self.memory.rows();
        if rows.len() + read.len() > limits::CORRESPONDENCE_CACHED_MAX {
            rows.retain(|_, row| now.since(row.read) < limits::CORRESPONDENCE_CACHE_AGE_MAX);
            if rows.len() + read.len() > limits::CORRESPONDENCE_CACHED_MAX {
                rows.clear();
            }
        }
        let is_fresh = self.memory.changes.load(Ordering::Relaxed) == changes;
        for (key, counts) in read {
            if is_fresh {
                rows.insert((organisation.clone(), key), Cached { counts, read: now });
            }
            found.insert(key, counts);
        }
        Ok((found, answers))
    }

    /// What is remembered of an address, in every organisation that has something, or in this one.
    pub async fn show_address(
        &self,
        address: &str,
        only: Option<&Organisation>,
    ) -> Result<Vec<CorrespondentLine>, StoreError> {
        let mut lines = Vec::new();
        for (organisation, secret) in self.secrets(only) {
            let who = person(&secret, address);
            let key = Subject::Address { theirs: address.to_string() }.key(&secret);
            let (name, now) = (organisation.name().to_string(), self.clock.now());
            let found = self.db.read("showing a correspondent", move |connection| {
                let mut lines = Vec::new();
                let alone = counts_of(connection, &name, &key)?;
                let as_theirs = pairs_with(connection, &name, ("theirs", who), now)?;
                if alone.is_some() || as_theirs.is_some() {
                    let line = as_theirs.unwrap_or_else(|| line(&name, "address", None, now));
                    let own = self::line(&name, "address", alone, now);
                    lines.push(CorrespondentLine {
                        pairs: line.pairs,
                        written: line.written,
                        first_ms: earliest(line.first_ms, own.first_ms),
                        last_ms: line.last_ms.max(own.last_ms),
                        ..own
                    });
                }
                lines.extend(pairs_with(connection, &name, ("ours", who), now)?);
                Ok(lines)
            });
            lines.extend(found.await?);
        }
        Ok(lines)
    }

    /// The same of a domain, as registered.
    pub async fn show_domain(
        &self,
        domain: &str,
        only: Option<&Organisation>,
    ) -> Result<Vec<CorrespondentLine>, StoreError> {
        let mut lines = Vec::new();
        for (organisation, secret) in self.secrets(only) {
            let key = Subject::Domain(domain.to_string()).key(&secret);
            let (name, now) = (organisation.name().to_string(), self.clock.now());
            let found = self.db.read("showing a domain", move |connection| {
                let counts = counts_of(connection, &name, &key)?;
                Ok(counts.map(|counts| line(&name, "domain", Some(counts), now)))
            });
            lines.extend(found.await?);
        }
        Ok(lines)
    }

    /// Erases everything about a person, or in this organisation only; gives how many rows that were.
    pub async fn forget_address(
        &self,
        address: &str,
        only: Option<&Organisation>,
    ) -> Result<usize, StoreError> {
        let mut gone = 0;
        for (organisation, secret) in self.secrets(only) {
            let who = person(&secret, address);
            let name = organisation.name().to_string();
            gone += self
                .db
                .write("forgetting a person", move |connection| {
                    let theirs = connection.execute(
                        "DELETE FROM known WHERE organisation = ?1 AND theirs = ?2",
                        params![name, who.as_slice()],
                    )?;
                    let ours = connection.execute(
                        "DELETE FROM known WHERE organisation = ?1 AND ours = ?2",
                        params![name, who.as_slice()],
                    )?;
                    Ok(theirs + ours)
                })
                .await?;
        }
        self.memory.clear();
        Ok(gone)
    }

    /// Erases the counts of a domain, as registered; those of its people are erased by their addresses.
    pub async fn forget_domain(
        &self,
        domain: &str,
        only: Option<&Organisation>,
    ) -> Result<usize, StoreError> {
        let mut gone = 0;
        for (organisation, secret) in self.secrets(only) {
            let key = Subject::Domain(domain.to_string()).key(&secret);
            let name = organisation.name().to_string();
            gone += self
                .db
                .write("forgetting a domain", move |connection| {
                    connection.execute(
                        "DELETE FROM known WHERE organisation = ?1 AND key = ?2",
                        params![name, key.as_slice()],
                    )
                })
                .await?;
        }
        self.memory.clear();
        Ok(gone)
    }

    /// Forgets what is too old and, now and then, what is too much; gives how many rows went.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        self.retain_to(limits::CORRESPONDENCE_ROWS_MAX).await
    }

    async fn retain_to(&self, rows_max: u64) -> Result<usize, StoreError> {
        let began = self.clock.tick();
        let is_due = {
            let mut looked = self.memory.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let due =
                looked.is_none_or(|at| began.since(at) >= limits::CORRESPONDENCE_LOOK_INTERVAL);
            if due {
                *looked = Some(began);
            }
            due
        };
        if !is_due {
            return Ok(0);
        }
        let now = self.clock.now();
        let organisations: Vec<String> =
            self.secrets(None).into_iter().map(|(one, _)| one.name().to_string()).collect();
        let mut gone = 0;
        let in_time = || self.clock.tick().since(began) < limits::RETAIN_TIME_MAX;
        for name in &organisations {
            for standing in Standing::ALL {
                let lifetime = match standing {
                    Standing::Sent => limits::SENT_MAIL_LIFETIME,
                    Standing::Theirs | Standing::Ours => limits::CORRESPONDENCE_LIFETIME,
                };
                while in_time() {
                    let step = self.give_up(name, standing, now.minus(lifetime)).await?;
                    gone += step;
                    if step < limits::CORRESPONDENCE_STEP_ROWS {
                        break;
                    }
                }
            }
        }
        while in_time() {
            let step = self.make_room(&organisations, rows_max).await?;
            gone += step;
            if step == 0 {
                break;
            }
        }
        Ok(gone)
    }

    /// Deletes a step of the rows of one organisation and standing that were last seen before a moment, oldest first.
    async fn give_up(
        &self,
        organisation: &str,
        standing: Standing,
        before: UnixMs,
    ) -> Result<usize, StoreError> {
        let organisation = organisation.to_string();
        self.db
            .write("forgetting old correspondents", move |connection| {
                delete_step(connection, &organisation, standing, sql_int(before.0))
            })
            .await
    }

    /// If there are more rows than `rows_max`, the organisation that has most gives up a step of them.
    async fn make_room(
        &self,
        organisations: &[String],
        rows_max: u64,
    ) -> Result<usize, StoreError> {
        let names = organisations.to_vec();
        let counts = self.db.read("counting correspondents", move |connection| {
            let mut count = connection.prepare(
                "SELECT count(*) FROM known INDEXED BY known_by_age WHERE organisation = ?1",
            )?;
            names
                .into_iter()
                .map(|name| {
                    let rows: i64 = count.query_row([&name], |row| row.get(0))?;
                    Ok((u64::try_from(rows).unwrap_or(0), name))
                })
                .collect::<rusqlite::Result<Vec<(u64, String)>>>()
        });
        let counts = counts.await?;
        let total: u64 = counts.iter().map(|(rows, _)| rows).sum();
        let Some((_, most)) = counts.into_iter().max().filter(|_| total > rows_max) else {
            return Ok(0);
        };
        for standing in Standing::ALL {
            let gone = self.give_up(&most, standing, UnixMs(u64::MAX)).await?;
            if gone > 0 {
                return Ok(gone);
            }
        }
        Ok(0)
    }

    /// Wraps the key of an organisation's hashes by its newest key. Durable when this returns.
    pub async fn rewrap(&self, organisation: &Organisation) -> Result<(), StoreError> {
        let (Some(secret), Some(newest)) =
            (self.secret(organisation), self.ring.newest(organisation))
        else {
            return Ok(());
        };
        let wrapped = keys::wrap(&newest.key, &secret, &context(organisation))?;
        let (name, version) = (organisation.name().to_string(), newest.version);
        self.db
            .write("wrapping the key of the correspondents anew", move |connection| {
                connection.execute(
                    "UPDATE secret SET key_version = ?2, wrapped = ?3 WHERE organisation = ?1",
                    params![name, version, wrapped.0],
                )?;
                Ok(())
            })
            .await
    }

    /// Changes that were left out because the disk was too slow.
    pub fn left_out(&self) -> u64 {
        self.memory.left_out.load(Ordering::Relaxed)
    }

    /// Resolves when everything that was learned before is written.
    pub async fn settled(&self) -> Result<(), StoreError> {
        self.db.write("waiting", |_| Ok(())).await
    }

    fn secret(&self, organisation: &Organisation) -> Option<Key> {
        self.memory.secrets().get(organisation).cloned()
    }

    fn secrets(&self, only: Option<&Organisation>) -> Vec<(Organisation, Key)> {
        let secrets = self.memory.secrets();
        let wanted = secrets.iter().filter(|(one, _)| only.is_none_or(|only| only == *one));
        let mut found: Vec<(Organisation, Key)> =
            wanted.map(|(one, secret)| (one.clone(), secret.clone())).collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found
    }

    async fn make_secret(&self, organisation: &Organisation) -> Result<Key, StoreError> {
        let _one_at_a_time = self.memory.making.lock().await;
        if let Some(made) = self.secret(organisation) {
            return Ok(made);
        }
        let _until_stored = self.ring.in_use().await;
        let (ring, theirs) = (self.ring.clone(), organisation.clone());
        let current = tokio::task::spawn_blocking(move || ring.current(&theirs));
        let current = current.await.map_err(|_| StoreError::Closed)??;
        let secret = keys::new_key("key of correspondents")?;
        let wrapped = keys::wrap(&current.key, &secret, &context(organisation))?;
        let name = organisation.name().to_string();
        self.db
            .write("storing the key of the correspondents", move |connection| {
                connection.execute(
                    "INSERT INTO secret (organisation, key_version, wrapped) VALUES (?1, ?2, ?3)",
                    params![name, current.version, wrapped.0],
                )?;
                Ok(())
            })
            .await?;
        self.memory.secrets().insert(organisation.clone(), secret.clone());
        Ok(secret)
    }

    fn write(&self, organisation: &Organisation, secret: &Key, lessons: &[Lesson]) {
        let now = self.clock.now();
        let changes: Vec<Change> =
            lessons.iter().map(|lesson| Change::of(lesson, secret)).collect();
        let stale: Vec<(Organisation, Hashed)> =
            changes.iter().map(|change| (organisation.clone(), change.key)).collect();
        let name = organisation.name().to_string();
        let memory = self.memory.clone();
        let taken = self.db.write_soon_and(
            move |connection| {
                changes.iter().try_for_each(|change| change.write(connection, &name, now))
            },
            move || memory.drop_rows(&stale),
        );
        if !taken {
            self.memory.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What cannot be asked any more goes.
    fn begin_anew(&self, name: String) {
        self.db.write_soon(move |connection| {
            connection.execute("DELETE FROM known WHERE organisation = ?1", [&name])?;
            connection.execute("DELETE FROM secret WHERE organisation = ?1", [&name])?;
            Ok(())
        });
    }
}

impl Memory {
    /// These have changed on the disk. Whoever has read them before may not put them here any more.
    fn drop_rows(&self, stale: &[(Organisation, Hashed)]) {
        let mut rows = self.rows();
        self.changes.fetch_add(1, Ordering::Relaxed);
        for key in stale {
            rows.remove(key);
        }
    }

    fn clear(&self) {
        let mut rows = self.rows();
        self.changes.fetch_add(1, Ordering::Relaxed);
        rows.clear();
    }

    fn secrets(&self) -> MutexGuard<'_, HashMap<Organisation, Key>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<(Organisation, Hashed), Cached>> {
        // Whatever a panic left there was read from the rows, or is read again.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lesson as it is written.
struct Change {
    key: Hashed,
    standing: Standing,
    ours: Option<Hashed>,
    theirs: Option<Hashed>,
    event: Event,
}

impl Change {
    fn of(lesson: &Lesson, secret: &Key) -> Change {
        let (ours, theirs) = lesson.subject.persons(secret);
        Change {
            key: lesson.subject.key(secret),
            standing: lesson.subject.standing(lesson.event),
            ours,
            theirs,
            event: lesson.event,
        }
    }

    fn write(
        &self,
        connection: &Connection,
        organisation: &str,
        now: UnixMs,
    ) -> rusqlite::Result<()> {
        let known = counts_of(connection, organisation, &self.key)?;
        let mut counts = known.unwrap_or_else(|| Counts::new(now));
        counts.take(self.event, now);
        let bytes = |hashed: &Option<Hashed>| hashed.map(|hashed| hashed.to_vec());
        connection
            .prepare_cached(
                "INSERT INTO known (organisation, key, standing, ours, theirs, first, last, written, came, unwanted, day, today, fullest)
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)
                 ON CONFLICT (organisation, key) DO UPDATE SET standing = max(standing, ?3), last = ?7, written = ?8, came = ?9,
                 unwanted = ?10, day = ?11, today = ?12, fullest = ?13",
            )?
            .execute(params![
                organisation,
                self.key.as_slice(),
                self.standing.number(),
                bytes(&self.ours),
                bytes(&self.theirs),
                sql_int(counts.first.0),
                sql_int(counts.last.0),
                counts.written,
                counts.came,
                counts.unwanted,
                sql_int(counts.days.day),
                counts.days.today,
                counts.days.fullest,
            ])?;
        Ok(())
    }
}

/// The secrets that open, and the organisations whose does not.
fn read_secrets(
    connection: &Connection,
    ring: &KeyRing,
) -> rusqlite::Result<(HashMap<Organisation, Key>, Vec<String>)> {
    let rows: Vec<(String, u32, Vec<u8>)> = connection
        .prepare("SELECT organisation, key_version, wrapped FROM secret")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let (mut secrets, mut forgotten) = (HashMap::new(), Vec::new());
    for (name, version, wrapped) in rows {
        let organisation = Organisation::named(&name);
        let opened = ring.version(&organisation, version).and_then(|key| {
            let context = context(&organisation);
            keys::unwrap(&key, &WrappedKey(wrapped), &context, "key of correspondents")
        });
        match opened {
            Ok(secret) => {
                secrets.insert(organisation, secret);
            }
            Err(_) => forgotten.push(name),
        }
    }
    Ok((secrets, forgotten))
}

fn context(organisation: &Organisation) -> String {
    format!("correspondents of {organisation}")
}

fn counts_of(
    connection: &Connection,
    organisation: &str,
    key: &Hashed,
) -> rusqlite::Result<Option<Counts>> {
    connection
        .prepare_cached(
            "SELECT first, last, written, came, unwanted, day, today, fullest FROM known WHERE organisation = ?1 AND key = ?2",
        )?
        .query_row(params![organisation, key.as_slice()], |row| {
            Ok(Counts {
                first: UnixMs(unsigned(row.get(0)?)),
                last: UnixMs(unsigned(row.get(1)?)),
                written: row.get(2)?,
                came: row.get(3)?,
                unwanted: row.get(4)?,
                days: Days {
                    day: unsigned(row.get(5)?),
                    today: row.get(6)?,
                    fullest: row.get(7)?,
                },
            })
        })
        .optional()
}

/// The pairs that a person is in on one side, together; none if there are none.
fn pairs_with(
    connection: &Connection,
    organisation: &str,
    (side, who): (&'static str, Hashed),
    now: UnixMs,
) -> rusqlite::Result<Option<CorrespondentLine>> {
    let mut select = connection.prepare(&format!(
        "SELECT first, last, written FROM known WHERE organisation = ?1 AND {side} = ?2 AND standing = {}",
        Standing::Ours.number()
    ))?;
    let what = if side == "ours" { "ours" } else { "address" };
    let mut sum = line(organisation, what, None, now);
    let mut rows = select.query(params![organisation, who.as_slice()])?;
    while let Some(row) = rows.next()? {
        let (first, last) = (unsigned(row.get(0)?), unsigned(row.get(1)?));
        let counts = Counts { written: row.get(2)?, last: UnixMs(last), ..Counts::default() };
        sum.pairs += 1;
        sum.written += counts.at(now).written;
        sum.first_ms = earliest(sum.first_ms, first);
        sum.last_ms = sum.last_ms.max(last);
    }
    Ok((sum.pairs > 0).then_some(sum))
}

fn line(organisation: &str, what: &str, counts: Option<Counts>, now: UnixMs) -> CorrespondentLine {
    let counts = counts.unwrap_or_default().at(now);
    CorrespondentLine {
        organisation: organisation.to_string(),
        what: what.to_string(),
        pairs: 0,
        written: counts.written,
        came: counts.came,
        unwanted: counts.unwanted,
        first_ms: counts.first.0,
        last_ms: counts.last.0,
    }
}

/// Zero stands for "never".
fn earliest(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, known) | (known, 0) => known,
        (one, other) => one.min(other),
    }
}

fn delete_step(
    connection: &Connection,
    organisation: &str,
    standing: Standing,
    before: i64,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM known WHERE organisation = ?1 AND key IN
             (SELECT key FROM known WHERE organisation = ?1 AND standing = ?2 AND last < ?3 ORDER BY last LIMIT ?4)",
        )?
        .execute(params![
            organisation,
            standing.number(),
            before,
            i64::try_from(limits::CORRESPONDENCE_STEP_ROWS).unwrap_or(i64::MAX)
        ])
}

fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{master::MasterKey, spool::RealDisk};
    use std::time::Duration;

    fn ring(folder: &Path, clock: &Clock, master: u8) -> KeyRing {
        let keys = folder.join(format!("keys-{master}"));
        private::folder(&keys).unwrap();
        let master = MasterKey::for_tests(master);
        KeyRing::open(Arc::new(RealDisk), &keys, master, clock.clone()).unwrap().0
    }

    fn open(folder: &Path, clock: &Clock) -> Correspondence {
        let ring = ring(folder, clock, 7);
        Correspondence::open(&folder.join("c"), ring, clock.clone()).unwrap().0
    }

    fn clock() -> Clock {
        Clock::by_hand(UnixMs(1_800_000_000_000))
    }

    fn acme() -> Organisation {
        Organisation::named("acme")
    }

    /// Anna writes to this address.
    fn letter(theirs: &str, message: &str) -> Vec<Lesson> {
        let (ours, theirs) = ("anna@ours.example".to_string(), theirs.to_string());
        let domain = theirs.rsplit_once('@').unwrap().1.to_string();
        let sent = Subject::Sent {
            message: message.to_string(),
            ours: ours.clone(),
            theirs: theirs.clone(),
        };
        [sent, Subject::Pair { ours, theirs }, Subject::Domain(domain)]
            .map(|subject| Lesson { subject, event: Event::Written })
            .into()
    }

    fn question(theirs: &str, answers: &str) -> Question {
        Question {
            organisation: acme(),
            ours: vec!["bo@ours.example".to_string(), "anna@ours.example".to_string()],
            theirs: Some(theirs.to_string()),
            domain: theirs.rsplit_once('@').map(|(_, domain)| domain.to_string()),
            network: Some([192, 0, 2, 0].into()),
            answers: vec!["0@x.example".to_string(), answers.to_string()],
        }
    }

    async fn learn(store: &Correspondence, lessons: Vec<Lesson>) {
        store.make_secret(&acme()).await.unwrap();
        store.learn(&acme(), lessons);
        store.settled().await.unwrap();
    }

    async fn written(store: &Correspondence, theirs: &str) -> (f32, bool) {
        let found = store.ask(question(theirs, "1@ours.example")).await.unwrap();
        (found.written_to_address, found.answers_ours)
    }

    #[tokio::test]
    async fn what_was_written_is_remembered_for_the_pair_and_the_organisation() {
        let folder = tempfile::tempdir().unwrap();
        let (store, clock) = (open(folder.path(), &clock()), clock());
        let partner = "karin@far.example";
        assert_eq!(written(&store, partner).await, (0.0, false));
        learn(&store, letter(partner, "1@ours.example")).await;
        assert_eq!(written(&store, partner).await, (1.0, true));
        // The very address and the very message; another of the domain knows the domain only.
        assert_eq!(written(&store, "eva@far.example").await, (0.0, false));
        let other = store.ask(question("eva@far.example", "x")).await.unwrap();
        assert_eq!(other.domain.map(|domain| domain.written), Some(1.0));
        assert!(!store.ask(question(partner, "2@ours.example")).await.unwrap().answers_ours);
        // Another organisation knows nothing of it.
        let stranger = Question {
            organisation: Organisation::named("bolaget"),
            ..question(partner, "1@ours.example")
        };
        assert_eq!(store.ask(stranger).await.unwrap(), Remembered::default());
        drop(store);
        let store = open(folder.path(), &clock);
        assert_eq!(written(&store, partner).await, (1.0, true), "after a restart");
    }

    #[tokio::test]
    async fn what_is_learned_is_seen_at_once_though_it_was_asked_before() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &clock());
        for count in 1..=3_u8 {
            learn(&store, letter("karin@far.example", "1@ours.example")).await;
            assert_eq!(written(&store, "karin@far.example").await.0, f32::from(count));
            assert_eq!(
                written(&store, "karin@far.example").await.0,
                f32::from(count),
                "from memory"
            );
        }
    }

    #[tokio::test]
    async fn nothing_in_the_file_names_anybody() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &clock());
        learn(&store, letter("karin@far.example", "1@ours.example")).await;
        drop(store);
        for file in std::fs::read_dir(folder.path().join("c")).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for word in ["karin", "far.example", "anna", "ours.example"] {
                assert!(memchr::memmem::find(&bytes, word.as_bytes()).is_none(), "{word}");
            }
        }
    }

    #[tokio::test]
    async fn a_person_is_shown_and_erased_on_either_side() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &clock());
        learn(&store, letter("karin@far.example", "1@ours.example")).await;
        learn(&store, letter("eva@far.example", "2@ours.example")).await;
        let came = Subject::Address { theirs: "karin@far.example".to_string() };
        learn(&store, vec![Lesson { subject: came, event: Event::Came }]).await;
        let lines = store.show_address("karin@far.example", None).await.unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].pairs, lines[0].written, lines[0].came), (1, 1.0, 1.0));
        let lines = store.show_address("anna@ours.example", Some(&acme())).await.unwrap();
        assert_eq!((lines[0].what.as_str(), lines[0].pairs), ("ours", 2));
        let lines = store.show_domain("far.example", None).await.unwrap();
        assert_eq!((lines[0].what.as_str(), lines[0].written), ("domain", 2.0));
        // The pair, the message and what came.
        assert_eq!(store.forget_address("karin@far.example", None).await.unwrap(), 3);
        assert_eq!(store.show_address("karin@far.example", None).await.unwrap(), []);
        assert_eq!(written(&store, "karin@far.example").await, (0.0, false));
        assert_eq!(written(&store, "eva@far.example").await.0, 1.0);
        assert_eq!(store.forget_address("anna@ours.example", None).await.unwrap(), 2);
        assert_eq!(written(&store, "eva@far.example").await.0, 0.0);
        assert_eq!(store.forget_domain("far.example", None).await.unwrap(), 1);
        assert_eq!(store.show_domain("far.example", None).await.unwrap(), []);
    }

    async fn rows(store: &Correspondence) -> i64 {
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM known", [], |row| row.get(0))
        };
        store.db.read("counting", count).await.unwrap()
    }

    #[tokio::test]
    async fn old_rows_go_by_age_and_too_many_by_rank() {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let store = open(folder.path(), &clock);
        learn(&store, letter("karin@far.example", "1@ours.example")).await;
        let strangers = (0..30).map(|number| Lesson {
            subject: Subject::Address { theirs: format!("{number}@far.example") },
            event: Event::Came,
        });
        learn(&store, strangers.collect()).await;
        assert_eq!(store.retain_to(100).await.unwrap(), 0);
        clock.advance(limits::CORRESPONDENCE_LOOK_INTERVAL);
        assert_eq!(store.retain_to(10).await.unwrap(), 30, "strangers make room");
        assert!(written(&store, "karin@far.example").await.0 > 0.99);
        clock.advance(limits::SENT_MAIL_LIFETIME + Duration::from_secs(1));
        assert_eq!(store.retain_to(100).await.unwrap(), 1, "the message can be answered no more");
        clock.advance(limits::CORRESPONDENCE_LIFETIME);
        assert_eq!((store.retain_to(100).await.unwrap(), rows(&store).await), (2, 0));
    }

    #[tokio::test]
    async fn a_new_key_of_the_organisation_keeps_what_was_learned_and_a_lost_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let store = open(folder.path(), &clock);
        learn(&store, letter("karin@far.example", "1@ours.example")).await;
        store.ring.renew(&acme()).unwrap();
        store.rewrap(&acme()).await.unwrap();
        store.ring.retire(&acme(), 2).unwrap();
        drop(store);
        let store = open(folder.path(), &clock);
        assert_eq!(written(&store, "karin@far.example").await, (1.0, true));
        drop(store);
        let other = ring(folder.path(), &clock, 8);
        let (store, found) =
            Correspondence::open(&folder.path().join("c"), other, clock.clone()).unwrap();
        assert_eq!(found.forgotten, ["acme"]);
        store.settled().await.unwrap();
        assert_eq!(rows(&store).await, 0);
        learn(&store, letter("karin@far.example", "1@ours.example")).await;
        assert_eq!(written(&store, "karin@far.example").await, (1.0, true), "it begins anew");
    }
}
