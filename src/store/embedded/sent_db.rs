//! What went out, in SQLite: a keyed hash of each Message-ID, and how each domain sends. For telling whether a bounce is about our mail.
//!
//! Written without waiting: in a power cut the last moments are lost, and with them the knowledge of a few mails. A day is counted from 1970.
//! A row is kept for [`limits::SENT_DAYS`] and less where there is too much; what is let go moves the day from which on a domain is known.

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    facts::bounce::{Memory, Sending},
    mail::{Domain, Organisation},
    store::{StoreError, private},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// The memory of what went out of this machine.
#[derive(Clone)]
pub struct SentMemory {
    db: Db,
    clock: Clock,
}

impl std::fmt::Debug for SentMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SentMemory").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// The hash of a Message-ID under a key that is nowhere in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(pub u64);

/// A mail that goes out.
#[derive(Debug, Clone)]
pub struct Going {
    /// Whose it is.
    pub organisation: Organisation,
    /// The domain of its sender, to which a bounce comes back.
    pub domain: Domain,
    /// Its Message-ID; none if it has none.
    pub mark: Option<Mark>,
}

const MIGRATIONS: &[&str] = &["
CREATE TABLE sent (
    organisation TEXT NOT NULL,
    mark INTEGER NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (organisation, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_by_day ON sent (day);
CREATE TABLE sent_on_day (
    day INTEGER PRIMARY KEY,
    mails INTEGER NOT NULL
) STRICT;
CREATE TABLE sending_domain (
    organisation TEXT NOT NULL,
    domain TEXT NOT NULL,
    since_day INTEGER NOT NULL,
    last_day INTEGER NOT NULL,
    mails INTEGER NOT NULL,
    nameless_day INTEGER,
    proved_day INTEGER,
    PRIMARY KEY (organisation, domain)
) STRICT, WITHOUT ROWID;
"];

impl SentMemory {
    /// Opens the memory in `folder`. One that is damaged is moved aside, and another begun, which knows nothing for a while and says so.
    pub fn open(folder: &Path, clock: Clock) -> Result<(SentMemory, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join("sent.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let options = Options {
            promise: Promise::Normal,
            gather: limits::TRACE_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::TRACE_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&file, options)?;
        Ok((SentMemory { db, clock }, set_aside))
    }

    /// Remembers a mail. Never waits; where the disk is too slow for it, that is as if it had no Message-ID: bounces are then undecided.
    pub fn remember(&self, going: Going) {
        let today = self.today();
        let taken = self.db.write_soon(move |connection| remember(connection, &going, today));
        if !taken {
            metrics::counter!("sluss_sent_not_remembered_total").increment(1);
        }
    }

    /// What is remembered of mails of which one may have come back to a domain, and of the domain.
    pub async fn ask(
        &self,
        organisation: &Organisation,
        domain: &Domain,
        marks: Vec<Mark>,
    ) -> Result<Memory, StoreError> {
        let (organisation, domain) = (organisation.name().to_string(), domain.to_string());
        self.db
            .read("asking what was sent", move |connection| {
                let mut is_there = connection.prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM sent WHERE organisation = ?1 AND mark = ?2)",
                )?;
                let mut sent = false;
                for mark in marks {
                    sent |= is_there.query_row(params![organisation, sql_mark(mark)], |row| {
                        row.get::<_, bool>(0)
                    })?;
                }
                let day = |number: i64| u64::try_from(number).unwrap_or(0);
                let domain = connection
                    .prepare_cached(
                        "SELECT since_day, last_day, mails, nameless_day, proved_day FROM sending_domain WHERE organisation = ?1 AND domain = ?2",
                    )?
                    .query_row(params![organisation, domain], |row| {
                        Ok(Sending {
                            since_day: day(row.get(0)?),
                            last_day: day(row.get(1)?),
                            mails: day(row.get(2)?),
                            nameless_day: row.get::<_, Option<i64>>(3)?.map(day),
                            proved_day: row.get::<_, Option<i64>>(4)?.map(day),
                        })
                    })
                    .optional()?;
                Ok(Memory { sent, domain })
            })
            .await
    }

    /// Notes that a bounce of a mail of this domain was recognised today. Lost where the disk is too slow: then the next one tells.
    pub fn prove(&self, organisation: &Organisation, domain: &Domain) {
        let (organisation, domain) = (organisation.name().to_string(), domain.to_string());
        let today = i64::try_from(self.today()).unwrap_or(i64::MAX);
        let _next_time = self.db.write_soon(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE sending_domain SET proved_day = ?3 WHERE organisation = ?1 AND domain = ?2",
                )?
                .execute(params![organisation, domain, today])
                .map(drop)
        });
    }

    /// Days since 1970.
    pub fn today(&self) -> u64 {
        day_of(self.clock.now())
    }
}

fn day_of(at: UnixMs) -> u64 {
    at.0 / 86_400_000
}

fn remember(connection: &Connection, going: &Going, today: u64) -> rusqlite::Result<()> {
    let today = i64::try_from(today).unwrap_or(i64::MAX);
    let organisation = going.organisation.name();
    connection
        .prepare_cached(
            "INSERT INTO sending_domain (organisation, domain, since_day, last_day, mails, nameless_day) VALUES (?1, ?2, ?3, ?3, 1, ?4)
             ON CONFLICT (organisation, domain) DO UPDATE SET last_day = excluded.last_day, mails = mails + 1,
             nameless_day = coalesce(excluded.nameless_day, nameless_day)",
        )?
        .execute(params![
            organisation,
            going.domain.as_str(),
            today,
            going.mark.is_none().then_some(today),
        ])?;
    let Some(mark) = going.mark else { return Ok(()) };
    let new = connection
        .prepare_cached("INSERT OR IGNORE INTO sent (organisation, mark, day) VALUES (?1, ?2, ?3)")?
        .execute(params![organisation, sql_mark(mark), today])?;
    if new == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO sent_on_day (day, mails) VALUES (?1, 1) ON CONFLICT (day) DO UPDATE SET mails = mails + 1",
        )?
        .execute([today])?;
    forget(connection, today)
}

/// Lets the oldest day go while it is too old, or there is too much in all.
fn forget(connection: &Connection, today: i64) -> rusqlite::Result<()> {
    let (oldest, all): (i64, i64) = connection
        .prepare_cached("SELECT min(day), sum(mails) FROM sent_on_day")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let days = i64::try_from(limits::SENT_DAYS).unwrap_or(i64::MAX);
    let too_old = today.saturating_sub(oldest) > days;
    // The day that is being written is never let go: without it nothing would be known at all.
    if !too_old && (all <= limits::SENT_MAILS_MAX || oldest >= today) {
        return Ok(());
    }
    connection.execute("DELETE FROM sent WHERE day <= ?1", [oldest])?;
    connection.execute("DELETE FROM sent_on_day WHERE day <= ?1", [oldest])?;
    connection.execute("UPDATE sending_domain SET since_day = max(since_day, ?1 + 1)", [oldest])?;
    connection.execute("DELETE FROM sending_domain WHERE last_day < ?1", [today - days])?;
    Ok(())
}

/// The same bits: SQLite has no numbers without a sign.
fn sql_mark(mark: Mark) -> i64 {
    i64::from_ne_bytes(mark.0.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    fn going(mark: Option<u64>) -> Going {
        Going {
            organisation: Organisation::named("acme"),
            domain: Domain::parse("acme.example").unwrap(),
            mark: mark.map(Mark),
        }
    }

    async fn ask(memory: &SentMemory, owner: &str, mark: u64) -> Memory {
        let domain = Domain::parse("acme.example").unwrap();
        // Reads see what was committed: whoever waits for a write has waited for those before it.
        memory.db.write("waiting", |_| Ok(())).await.unwrap();
        memory.ask(&Organisation::named(owner), &domain, vec![Mark(1), Mark(mark)]).await.unwrap()
    }

    #[tokio::test]
    async fn what_went_out_is_known_to_its_organisation_for_its_days() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * 86_400_000));
        let (memory, _) = SentMemory::open(folder.path(), clock.clone()).unwrap();
        assert_eq!(ask(&memory, "acme", u64::MAX).await, Memory::default());
        memory.remember(going(Some(u64::MAX)));
        memory.remember(going(Some(u64::MAX)));
        memory.remember(going(None));
        let known = ask(&memory, "acme", u64::MAX).await;
        let sending = Sending {
            since_day: 1_000,
            last_day: 1_000,
            mails: 3,
            nameless_day: Some(1_000),
            proved_day: None,
        };
        assert_eq!(known, Memory { sent: true, domain: Some(sending) });
        assert_eq!(ask(&memory, "others", u64::MAX).await, Memory::default());
        let domain = Domain::parse("acme.example").unwrap();
        memory.prove(&Organisation::named("acme"), &domain);
        let proved = ask(&memory, "acme", 1).await.domain.unwrap();
        assert_eq!(proved.proved_day, Some(1_000));
        clock.advance(10 * DAY);
        memory.remember(going(Some(7)));
        assert!(ask(&memory, "acme", u64::MAX).await.sent);
        clock.advance(5 * DAY);
        memory.remember(going(Some(8)));
        let later = ask(&memory, "acme", u64::MAX).await;
        let sending = Sending {
            since_day: 1_001,
            last_day: 1_015,
            mails: 5,
            nameless_day: Some(1_000),
            proved_day: Some(1_000),
        };
        assert_eq!(later, Memory { sent: false, domain: Some(sending) }, "forgotten after 14 days");
        assert!(ask(&memory, "acme", 7).await.sent);
    }

    #[test]
    fn too_much_goes_by_the_day_but_today_stays() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        remember(&connection, &going(Some(1)), 5).unwrap();
        connection.execute("UPDATE sent_on_day SET mails = ?1", [limits::SENT_MAILS_MAX]).unwrap();
        let rows = |day: i64| -> i64 {
            connection
                .query_row("SELECT count(*) FROM sent WHERE day = ?1", [day], |row| row.get(0))
                .unwrap()
        };
        remember(&connection, &going(Some(2)), 5).unwrap();
        assert_eq!(rows(5), 2);
        remember(&connection, &going(Some(3)), 6).unwrap();
        assert_eq!((rows(5), rows(6)), (0, 1));
    }
}
