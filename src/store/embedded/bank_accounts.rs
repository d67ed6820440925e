//! The accounts that correspondents have written, for each organisation: keyed hashes, never a number.
//!
//! The key of an organisation's hashes is a secret of its own, wrapped by the organisation's key: without the master key nobody can try numbers
//! out, and one organisation's memory says nothing of another's. What a held mail would have taught waits for its release.
//!
//! It is no mail: a commit may lose its last moments with the power, and a damaged database is moved aside and begun anew.

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
    secrets::{HASH_BYTES, Purpose, Secrets, hash, secret_table},
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        hidden::Hidden,
        ids::Id,
        limits,
    },
    mail::Organisation,
    store::{
        StoreError,
        bank_accounts::{Approved, Lesson, Line, Memory, Sight},
        keyring::KeyRing,
        private,
    },
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::sync::Semaphore;

/// The memory on this machine.
#[derive(Clone)]
pub struct BankAccounts {
    db: Db,
    clock: Clock,
    keep: Duration,
    secrets: Secrets,
    lessons: Arc<Semaphore>,
}

impl std::fmt::Debug for BankAccounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BankAccounts").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

const MIGRATIONS: &[&str] = &[concat!(
    secret_table!(),
    "
CREATE TABLE correspondent (
    organisation TEXT NOT NULL,
    correspondent TEXT NOT NULL,
    invoices INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (organisation, correspondent)
) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    organisation TEXT NOT NULL,
    correspondent TEXT NOT NULL,
    hash BLOB NOT NULL,
    kind TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    count INTEGER NOT NULL,
    -- How many mails with accounts the correspondent had sent when this one was first seen.
    invoices_then INTEGER NOT NULL,
    approved INTEGER NOT NULL,
    PRIMARY KEY (organisation, correspondent, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_by_time ON account (last_seen);
CREATE INDEX correspondent_by_time ON correspondent (last_seen);
-- What held mails would teach.
CREATE TABLE held (
    id TEXT NOT NULL,
    organisation TEXT NOT NULL,
    correspondent TEXT NOT NULL,
    hash BLOB NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (id, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_by_time ON held (at);
"
)];

/// What the secrets key the hashes of.
const PURPOSE: Purpose = Purpose {
    kind: "secret of account hashes",
    context: "sluss account hashes",
    tables: &["account", "correspondent", "held"],
    what: "the memory of bank accounts",
};

/// A hash and the kind of its account.
type Hashed = ([u8; HASH_BYTES], &'static str);

impl BankAccounts {
    /// Opens the memory in `folder`; `keep` of nothing switches it off. One that is damaged is moved aside, and another begun.
    pub fn open(
        folder: &Path,
        ring: KeyRing,
        clock: Clock,
        keep: Duration,
    ) -> Result<(BankAccounts, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join("bank-accounts.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let options = Options {
            promise: Promise::Normal,
            gather: limits::BANK_ACCOUNT_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::BANK_ACCOUNT_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&file, options)?;
        let lessons = Arc::new(Semaphore::new(limits::BANK_ACCOUNT_LESSONS_MAX));
        let secrets = Secrets::new(db.clone(), ring, PURPOSE);
        Ok((BankAccounts { db, clock, keep, secrets, lessons }, set_aside))
    }

    /// Is anything remembered at all?
    pub fn is_on(&self) -> bool {
        !self.keep.is_zero()
    }

    /// What is remembered of a correspondent, and of these accounts of it, in their order.
    pub async fn look(
        &self,
        organisation: &Organisation,
        correspondent: &str,
        values: Vec<Hidden<String>>,
    ) -> Result<Memory, StoreError> {
        let Some(secret) = self.secrets.get(organisation).await? else {
            return Ok(Memory { sights: vec![Sight::Never; values.len()], ..Memory::default() });
        };
        let hashes: Vec<_> = values.iter().map(|value| hash(&secret, value.expose())).collect();
        let (owner, name) = (organisation.name().to_string(), correspondent.to_string());
        let now = self.clock.now();
        self.db
            .read("looking up a correspondent's accounts", move |connection| {
                let invoices = connection
                    .prepare_cached("SELECT invoices FROM correspondent WHERE organisation = ?1 AND correspondent = ?2")?
                    .query_row([&owner, &name], |row| row.get::<_, u32>(0))
                    .optional()?;
                let mut known = HashMap::new();
                let mut rows = connection.prepare_cached(
                    "SELECT hash, first_seen, invoices_then, approved FROM account WHERE organisation = ?1 AND correspondent = ?2",
                )?;
                let mut rows = rows.query([&owner, &name])?;
                while let Some(row) = rows.next()? {
                    let first_seen = UnixMs(u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0));
                    let days = now.since(first_seen).as_secs() / 86_400;
                    known.insert(row.get::<_, [u8; HASH_BYTES]>(0)?, Sight::Seen {
                        days: u32::try_from(days).unwrap_or(u32::MAX),
                        invoices_then: row.get(2)?,
                        approved: row.get(3)?,
                    });
                }
                let later = known.values().filter(|sight| {
                    matches!(sight, Sight::Seen { invoices_then: 1.., approved: false, .. })
                });
                Ok(Memory {
                    invoices: invoices.unwrap_or(0),
                    accounts: u32::try_from(known.len()).unwrap_or(u32::MAX),
                    later: u32::try_from(later.count()).unwrap_or(u32::MAX),
                    sights: hashes.iter().map(|hash| known.get(hash).copied().unwrap_or(Sight::Never)).collect(),
                })
            })
            .await
    }

    /// Learns from a mail that was delivered, by and by: nobody waits.
    pub fn learn(&self, lesson: Lesson) {
        // Under such load one mail more or less is not what memory is about.
        let Ok(turn) = self.lessons.clone().try_acquire_owned() else { return };
        let memory = self.clone();
        tokio::spawn(async move {
            let _turn = turn;
            if let Err(error) = memory.learn_now(lesson, Approved::No).await {
                tracing::warn!(%error, "the accounts in a mail were not remembered");
            }
        });
    }

    /// Keeps what a held mail would teach until it is released.
    pub async fn hold(&self, id: Id, lesson: Lesson) -> Result<(), StoreError> {
        if !self.is_on() || lesson.accounts.is_empty() {
            return Ok(());
        }
        let (hashed, at) = (self.hashed(&lesson).await?, sql_int(self.clock.now()));
        let Lesson { organisation, correspondent, .. } = lesson;
        self.db
            .write("keeping the accounts of a held mail", move |connection| {
                let mut insert = connection.prepare_cached(
                    "INSERT OR IGNORE INTO held (id, organisation, correspondent, hash, kind, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?;
                for (hash, kind) in &hashed {
                    insert.execute(params![id.to_string(), organisation.name(), correspondent, hash, kind, at])?;
                }
                Ok(())
            })
            .await
    }

    /// A held mail was released: whoever let it go has looked at it, so its accounts are approved.
    pub async fn released(&self, id: Id) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.db
            .write("learning from a released mail", move |connection| {
                let id = id.to_string();
                let rows: Vec<(String, String, [u8; HASH_BYTES], String)> = connection
                    .prepare_cached(
                        "SELECT organisation, correspondent, hash, kind FROM held WHERE id = ?1",
                    )?
                    .query_map([&id], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                    })?
                    .collect::<Result<_, _>>()?;
                let Some((owner, correspondent, ..)) = rows.first() else { return Ok(()) };
                let hashed: Vec<(_, &str)> =
                    rows.iter().map(|(_, _, hash, kind)| (*hash, kind.as_str())).collect();
                note(connection, (owner, correspondent), &hashed, now, Approved::Yes)?;
                connection.execute("DELETE FROM held WHERE id = ?1", [&id]).map(drop)
            })
            .await
    }

    /// Takes accounts for known that no mail has brought, or brought of late.
    pub async fn approve(&self, lesson: Lesson) -> Result<u64, StoreError> {
        if !lesson.accounts.is_empty() {
            let count = lesson.accounts.len();
            self.learn_now(lesson, Approved::BeforeAnyMail).await?;
            return Ok(u64::try_from(count).unwrap_or(u64::MAX));
        }
        let (owner, name) = (lesson.organisation.name().to_string(), lesson.correspondent);
        let approved = self.db.write("approving a correspondent's accounts", move |connection| {
            connection.execute(
                "UPDATE account SET approved = 1 WHERE organisation = ?1 AND correspondent = ?2",
                [owner, name],
            )
        });
        approved.await.map(|rows| u64::try_from(rows).unwrap_or(u64::MAX))
    }

    /// Forgets a correspondent, of one organisation or of all; gives how many accounts that were.
    pub async fn forget(
        &self,
        organisation: Option<Organisation>,
        correspondent: &str,
    ) -> Result<u64, StoreError> {
        let owner = organisation.map(|organisation| organisation.name().to_string());
        let name = correspondent.to_string();
        let forgotten = self.db.write("forgetting a correspondent's accounts", move |connection| {
            let of = |table: &str| {
                format!("DELETE FROM {table} WHERE correspondent = ?2 AND (?1 IS NULL OR organisation = ?1)")
            };
            for table in ["correspondent", "held"] {
                connection.execute(&of(table), params![owner, name])?;
            }
            connection.execute(&of("account"), params![owner, name])
        });
        forgotten.await.map(|rows| u64::try_from(rows).unwrap_or(u64::MAX))
    }

    /// Correspondents with accounts, the latest first; `part` of a name narrows.
    pub async fn list(
        &self,
        organisation: Option<Organisation>,
        part: Option<String>,
        rows: usize,
    ) -> Result<Vec<Line>, StoreError> {
        let owner = organisation.map(|organisation| organisation.name().to_string());
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.db
            .read("listing correspondents' accounts", move |connection| {
                let mut lines: Vec<Line> = connection
                    .prepare(
                        "SELECT organisation, correspondent, invoices, first_seen, last_seen FROM correspondent
                         WHERE (?1 IS NULL OR organisation = ?1) AND (?2 IS NULL OR instr(correspondent, lower(?2)) > 0)
                         ORDER BY last_seen DESC, organisation, correspondent LIMIT ?3",
                    )?
                    .query_map(params![owner, part, rows], |row| {
                        let time = |column| row.get::<_, i64>(column).map(|at| UnixMs(u64::try_from(at).unwrap_or(0)));
                        Ok(Line {
                            organisation: row.get(0)?,
                            correspondent: row.get(1)?,
                            invoices: row.get(2)?,
                            first_seen: time(3)?,
                            last_seen: time(4)?,
                            kinds: BTreeMap::new(),
                            approved: 0,
                        })
                    })?
                    .collect::<Result<_, _>>()?;
                let mut kinds = connection.prepare(
                    "SELECT kind, count(*), sum(approved) FROM account WHERE organisation = ?1 AND correspondent = ?2 GROUP BY kind",
                )?;
                for line in &mut lines {
                    let mut found = kinds.query([&line.organisation, &line.correspondent])?;
                    while let Some(row) = found.next()? {
                        line.kinds.insert(row.get(0)?, row.get(1)?);
                        line.approved += row.get::<_, u32>(2)?;
                    }
                }
                Ok(lines)
            })
            .await
    }

    /// Forgets what is past its time or beyond the bound, a few rows at a time; gives how many.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let before = sql_int(self.clock.now().minus(self.keep));
        self.db
            .write("keeping the memory of accounts small", move |connection| {
                let step = limits::RETAIN_STEP_ROWS;
                let mut gone = 0;
                for table in ["account", "correspondent", "held"] {
                    let time = if table == "held" { "at" } else { "last_seen" };
                    let key = match table {
                        "account" => "organisation, correspondent, hash",
                        "held" => "id, hash",
                        _ => "organisation, correspondent",
                    };
                    gone += connection.execute(
                        &format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {time} < ?1 LIMIT {step})"),
                        [before],
                    )?;
                }
                let count: i64 = connection.query_row("SELECT count(*) FROM account", [], |row| row.get(0))?;
                let over = u64::try_from(count).unwrap_or(0).saturating_sub(limits::BANK_ACCOUNTS_MAX);
                let over = usize::try_from(over).unwrap_or(usize::MAX).min(step);
                if over > 0 {
                    gone += connection.execute(
                        &format!(
                            "DELETE FROM account WHERE (organisation, correspondent, hash) IN
                             (SELECT organisation, correspondent, hash FROM account ORDER BY last_seen LIMIT {over})"
                        ),
                        [],
                    )?;
                }
                Ok(gone)
            })
            .await
    }

    /// Wraps an organisation's secret by its newest key.
    pub async fn rewrap(&self, organisation: &Organisation) -> Result<(), StoreError> {
        self.secrets.rewrap(organisation).await
    }

    async fn learn_now(&self, lesson: Lesson, approved: Approved) -> Result<(), StoreError> {
        if !self.is_on() || lesson.accounts.is_empty() {
            return Ok(());
        }
        let (hashed, now) = (self.hashed(&lesson).await?, self.clock.now());
        let Lesson { organisation, correspondent, .. } = lesson;
        self.db
            .write("remembering a correspondent's accounts", move |connection| {
                note(connection, (organisation.name(), &correspondent), &hashed, now, approved)
            })
            .await
    }

    async fn hashed(&self, lesson: &Lesson) -> Result<Vec<Hashed>, StoreError> {
        let secret = self.secrets.get_or_make(&lesson.organisation).await?;
        let accounts = lesson.accounts.iter();
        Ok(accounts.map(|(kind, value)| (hash(&secret, value.expose()), kind.word())).collect())
    }
}

/// Writes one mail's accounts down.
fn note(
    connection: &Connection,
    (organisation, correspondent): (&str, &str),
    hashed: &[([u8; HASH_BYTES], &str)],
    now: UnixMs,
    approved: Approved,
) -> rusqlite::Result<()> {
    let now = sql_int(now);
    let (mails, is_approved) = match approved {
        Approved::No => (1, 0),
        Approved::Yes => (1, 1),
        Approved::BeforeAnyMail => (0, 1),
    };
    let before: i64 = connection
        .prepare_cached(
            "SELECT invoices FROM correspondent WHERE organisation = ?1 AND correspondent = ?2",
        )?
        .query_row([organisation, correspondent], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    connection
        .prepare_cached(
            "INSERT INTO correspondent (organisation, correspondent, invoices, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?4)
             ON CONFLICT DO UPDATE SET invoices = invoices + ?3, last_seen = ?4",
        )?
        .execute(params![organisation, correspondent, mails, now])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO account (organisation, correspondent, hash, kind, first_seen, last_seen, count, invoices_then, approved)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET last_seen = ?5, count = count + ?6, approved = max(approved, ?8)",
    )?;
    for (hash, kind) in hashed {
        insert.execute(params![
            organisation,
            correspondent,
            hash,
            kind,
            now,
            mails,
            before,
            is_approved
        ])?;
    }
    connection
        .prepare_cached(
            "DELETE FROM account WHERE organisation = ?1 AND correspondent = ?2 AND hash NOT IN
             (SELECT hash FROM account WHERE organisation = ?1 AND correspondent = ?2 ORDER BY approved DESC, last_seen DESC, count DESC LIMIT ?3)",
        )?
        .execute(params![
            organisation,
            correspondent,
            i64::try_from(limits::BANK_ACCOUNTS_OF_ONE_MAX).unwrap_or(i64::MAX)
        ])
        .map(drop)
}

fn sql_int(at: UnixMs) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::accounts::AccountKind;

    const YEARS: Duration = Duration::from_secs(limits::BANK_ACCOUNT_DAYS * 86_400);

    fn open(folder: &Path, ring: &KeyRing, clock: &Clock) -> BankAccounts {
        BankAccounts::open(folder, ring.clone(), clock.clone(), YEARS).unwrap().0
    }

    fn lesson(organisation: &str, correspondent: &str, values: &[&str]) -> Lesson {
        Lesson {
            organisation: Organisation::named(organisation),
            correspondent: correspondent.to_string(),
            accounts: values.iter().map(|value| (AccountKind::SeBankgiro, hidden(value))).collect(),
        }
    }

    fn hidden(value: &str) -> Hidden<String> {
        Hidden::new("account", value.to_string())
    }

    async fn look(
        memory: &BankAccounts,
        organisation: &str,
        correspondent: &str,
        values: &[&str],
    ) -> Memory {
        let values = values.iter().map(|value| hidden(value)).collect();
        memory.look(&Organisation::named(organisation), correspondent, values).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_learned_is_known_to_its_organisation_alone_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, clock) = (KeyRing::for_tests(), Clock::by_hand(UnixMs(1_000_000)));
        let memory = open(folder.path(), &ring, &clock);
        assert_eq!(look(&memory, "acme", "a.example", &["1"]).await.sights, [Sight::Never]);
        for _ in 0..3 {
            memory.learn_now(lesson("acme", "a.example", &["1"]), Approved::No).await.unwrap();
        }
        memory.learn_now(lesson("acme", "a.example", &["1", "2"]), Approved::No).await.unwrap();
        drop(memory);
        clock.advance(Duration::from_secs(3 * 86_400));
        let memory = open(folder.path(), &ring, &clock);
        let seen = |invoices_then| Sight::Seen { days: 3, invoices_then, approved: false };
        let known = look(&memory, "acme", "a.example", &["2", "3", "1"]).await;
        assert_eq!((known.invoices, known.accounts, known.later), (4, 2, 1));
        assert_eq!(known.sights, [seen(3), Sight::Never, seen(0)]);
        for (organisation, correspondent) in [("bolag", "a.example"), ("acme", "b.example")] {
            let other = look(&memory, organisation, correspondent, &["1"]).await;
            assert_eq!((other.invoices, other.sights), (0, vec![Sight::Never]));
        }
        // No number stands in the file.
        let value = "58398257466";
        memory.learn_now(lesson("acme", "a.example", &[value]), Approved::No).await.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(memchr::memmem::find(&bytes, value.as_bytes()).is_none());
        }
    }

    #[tokio::test]
    async fn a_held_mail_teaches_when_it_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let memory = open(folder.path(), &KeyRing::for_tests(), &Clock::by_hand(UnixMs(1_000_000)));
        let (one, other) = (Id::new(UnixMs(1), [1; 10]), Id::new(UnixMs(1), [2; 10]));
        memory.hold(one, lesson("acme", "a.example", &["1"])).await.unwrap();
        memory.hold(other, lesson("acme", "a.example", &["2"])).await.unwrap();
        assert_eq!(look(&memory, "acme", "a.example", &["1"]).await.sights, [Sight::Never]);
        memory.released(one).await.unwrap();
        memory.released(one).await.unwrap();
        let known = look(&memory, "acme", "a.example", &["1", "2"]).await;
        let approved = Sight::Seen { days: 0, invoices_then: 0, approved: true };
        assert_eq!((known.invoices, known.sights), (1, vec![approved, Sight::Never]));
    }

    #[tokio::test]
    async fn commands_list_approve_and_forget() {
        let folder = tempfile::tempdir().unwrap();
        let memory = open(folder.path(), &KeyRing::for_tests(), &Clock::by_hand(UnixMs(1_000_000)));
        memory.learn_now(lesson("acme", "a.example", &["1"]), Approved::No).await.unwrap();
        memory.learn_now(lesson("bolag", "a.example", &["1"]), Approved::No).await.unwrap();
        assert_eq!(memory.approve(lesson("acme", "a.example", &[])).await.unwrap(), 1);
        assert_eq!(memory.approve(lesson("acme", "new.example", &["9"])).await.unwrap(), 1);
        let lines = memory.list(Some(Organisation::named("acme")), None, 10).await.unwrap();
        let shown: Vec<_> = lines
            .iter()
            .map(|line| (line.correspondent.as_str(), line.invoices, line.approved))
            .collect();
        assert_eq!(shown, [("a.example", 1, 1), ("new.example", 0, 1)]);
        assert_eq!(lines[0].kinds.get("se.bankgiro"), Some(&1));
        assert_eq!(memory.list(None, Some("NEW".to_string()), 10).await.unwrap().len(), 1);
        assert_eq!(memory.forget(Some(Organisation::named("acme")), "a.example").await.unwrap(), 1);
        assert_eq!(look(&memory, "acme", "a.example", &["1"]).await.invoices, 0);
        assert_eq!(look(&memory, "bolag", "a.example", &["1"]).await.invoices, 1);
    }

    #[tokio::test]
    async fn memory_is_bounded_by_number_and_by_age() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000_000));
        let memory = open(folder.path(), &KeyRing::for_tests(), &clock);
        memory.approve(lesson("acme", "a.example", &["approved"])).await.unwrap();
        let secret = memory.secrets.get(&Organisation::named("acme")).await.unwrap().unwrap();
        let numbers = 0..u64::try_from(limits::BANK_ACCOUNTS_OF_ONE_MAX).unwrap() + 5;
        let many = memory.db.write("learning much", move |connection| {
            for number in numbers {
                let hashed = [(hash(&secret, hidden(&number.to_string()).expose()), "iban")];
                let at = UnixMs(1_000_000 + number);
                note(connection, ("acme", "a.example"), &hashed, at, Approved::No)?;
            }
            Ok(())
        });
        many.await.unwrap();
        let known = look(&memory, "acme", "a.example", &["0", "68", "approved"]).await;
        assert_eq!(known.accounts, 64);
        assert_eq!(known.sights[0], Sight::Never);
        assert!(known.sights[1] != Sight::Never && known.sights[2] != Sight::Never);
        clock.advance(YEARS + Duration::from_secs(1));
        while memory.retain().await.unwrap() > 0 {}
        assert_eq!(look(&memory, "acme", "a.example", &[]).await, Memory::default());
    }

    #[tokio::test]
    async fn a_new_key_keeps_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, clock) = (KeyRing::for_tests(), Clock::by_hand(UnixMs(1_000_000)));
        let acme = Organisation::named("acme");
        let memory = open(folder.path(), &ring, &clock);
        memory.learn_now(lesson("acme", "a.example", &["1"]), Approved::No).await.unwrap();
        let newest = ring.renew(&acme).unwrap();
        memory.rewrap(&acme).await.unwrap();
        ring.retire(&acme, newest.version).unwrap();
        drop(memory);
        let memory = open(folder.path(), &ring, &clock);
        assert_eq!(look(&memory, "acme", "a.example", &["1"]).await.invoices, 1);
    }

    #[tokio::test]
    async fn without_the_old_keys_memory_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000_000));
        for _ in 0..2 {
            // Each time with keys of its own.
            let memory = open(folder.path(), &KeyRing::for_tests(), &clock);
            let taught = lesson("acme", "a.example", &["1"]);
            memory.learn_now(taught, Approved::No).await.unwrap();
            assert_eq!(look(&memory, "acme", "a.example", &["1"]).await.invoices, 1);
        }
        let memory = open(folder.path(), &KeyRing::for_tests(), &clock);
        let unknown = memory.look(&Organisation::named("acme"), "a.example", Vec::new()).await;
        assert!(unknown.is_err(), "what cannot be read is not known");
    }

    #[tokio::test]
    async fn switched_off_it_remembers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000_000));
        let ring = KeyRing::for_tests();
        let (memory, _) = BankAccounts::open(folder.path(), ring, clock, Duration::ZERO).unwrap();
        memory.learn_now(lesson("acme", "a.example", &["1"]), Approved::No).await.unwrap();
        assert!(!memory.is_on());
        assert!(memory.list(None, None, 10).await.unwrap().is_empty());
    }
}
