//! What is remembered of the transport of mail to others, in SQLite: the MTA-STS policies of their domains, the downgrade ledger, and the
//! sessions of a day that their owners are told of.
//!
//! A policy is kept until the end of the life that it gave itself, whatever becomes of the host that it came from (RFC 8461 section 3.2), also
//! over restarts: whoever can make it vanish for a moment must not gain by it. Only what domains and their
//! mail hosts show to everybody is in here.

mod ledger;
mod tally;

pub use ledger::{DowngradeSeen, Went, Worse};
pub use tally::TlsReportDue;

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    mail::Domain,
    store::{StoreError, private},
    wire::tls::mta_sts::{StsPolicy, read_policy},
};
use ledger::Lately;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// The memory of how mail goes to others.
#[derive(Clone)]
pub struct Transport {
    db: Db,
    clock: Clock,
    lately: Lately,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// A policy that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPolicy {
    /// What it says.
    pub policy: StsPolicy,
    /// The id that its record had when it was fetched.
    pub id: String,
    /// The end of its life.
    pub ends: UnixMs,
    /// The day on which mail last went under it, counted from 1970.
    pub used_day: u64,
}

const MIGRATIONS: &[&str] = &[POLICIES, ledger::MIGRATION, tally::MIGRATION];

const POLICIES: &str = "
CREATE TABLE sts_policy (
    domain TEXT PRIMARY KEY,
    record_id TEXT NOT NULL,
    policy TEXT NOT NULL,
    ends INTEGER NOT NULL,
    look_again INTEGER NOT NULL,
    used_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sts_policy_by_look ON sts_policy (look_again);
";

impl Transport {
    /// Opens the memory in `folder`. One that is damaged is moved aside, and another begun.
    pub fn open(folder: &Path, clock: Clock) -> Result<(Transport, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join("transport.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let options = Options {
            promise: Promise::Full,
            gather: limits::TRACE_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::TRACE_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let (db, now) = (Db::open(&file, options)?, clock.now());
        let lately =
            db.at_start("reading the last downgrades", |connection| Lately::read(connection, now))?;
        Ok((Transport { db, clock, lately }, set_aside))
    }

    /// The policy of a domain, while it lives.
    pub async fn policy(&self, domain: &Domain) -> Result<Option<KeptPolicy>, StoreError> {
        let (domain, now) = (domain.to_string(), self.clock.now());
        self.db
            .read("looking for an MTA-STS policy", move |connection| {
                let row = connection
                    .prepare_cached(
                        "SELECT record_id, policy, ends, used_day FROM sts_policy WHERE domain = ?1 AND ends > ?2",
                    )?
                    .query_row(params![domain, sql(now.0)], |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get::<_, String>(1)?,
                            number(row.get(2)?),
                            number(row.get(3)?),
                        ))
                    })
                    .optional()?;
                // We wrote it in the form that we read; a row that does not read is as good as none, and the next fetch writes it anew.
                Ok(row.and_then(|(id, text, ends, used_day)| {
                    let policy = read_policy(text.as_bytes()).ok()?;
                    Some(KeptPolicy { policy, id, ends: UnixMs(ends), used_day })
                }))
            })
            .await
    }

    /// Keeps a policy that was fetched now, in place of the one before.
    pub async fn keep_policy(
        &self,
        domain: &Domain,
        id: String,
        policy: &StsPolicy,
    ) -> Result<(), StoreError> {
        let (domain, text, now) = (domain.to_string(), policy.to_string(), self.clock.now());
        let look_again = now.plus(limits::STS_REFRESH_INTERVAL.min(policy.max_age / 2));
        let ends = now.plus(policy.max_age);
        self.db
            .write("keeping an MTA-STS policy", move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO sts_policy (domain, record_id, policy, ends, look_again, used_day) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                         ON CONFLICT (domain) DO UPDATE SET record_id = excluded.record_id, policy = excluded.policy, ends = excluded.ends,
                         look_again = excluded.look_again",
                    )?
                    .execute(params![
                        domain,
                        id,
                        text,
                        sql(ends.0),
                        sql(look_again.0),
                        sql(day_of(now)),
                    ])?;
                make_room(connection, now)
            })
            .await
    }

    /// Notes that mail goes under the policy of a domain today.
    pub fn policy_used(&self, domain: &Domain) {
        let (domain, today) = (domain.to_string(), sql(day_of(self.clock.now())));
        // Lost where the disk is too slow: the next mail tells.
        let _next_time = self.db.write_soon(move |connection| {
            connection
                .prepare_cached("UPDATE sts_policy SET used_day = ?2 WHERE domain = ?1")?
                .execute(params![domain, today])
                .map(drop)
        });
    }

    /// Domains whose policies are to be looked at again, with the id under which they are kept; only where mail went of late.
    pub async fn policies_due(&self, rows_max: usize) -> Result<Vec<(Domain, String)>, StoreError> {
        let now = self.clock.now();
        let used = sql(day_of(now).saturating_sub(limits::STS_USED_DAYS));
        let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
        self.db
            .read("looking for MTA-STS policies that age", move |connection| {
                let mut asking = connection.prepare_cached(
                    "SELECT domain, record_id FROM sts_policy WHERE look_again <= ?1 AND ends > ?1 AND used_day >= ?2 ORDER BY look_again LIMIT ?3",
                )?;
                let rows = asking.query_map(params![sql(now.0), used, rows_max], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                })?;
                let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
                Ok(rows.filter_map(|(domain, id)| Some((Domain::parse(&domain).ok()?, id))).collect())
            })
            .await
    }

    /// A policy that is kept could not be fetched again: the next look is the sooner the nearer its end is.
    pub async fn policy_not_fetched(&self, domain: &Domain) -> Result<(), StoreError> {
        let (domain, now) = (domain.to_string(), self.clock.now());
        self.db
            .write("noting a failed fetch", move |connection| {
                let ends: Option<i64> = connection
                    .query_row("SELECT ends FROM sts_policy WHERE domain = ?1", [&domain], |row| {
                        row.get(0)
                    })
                    .optional()?;
                let Some(ends) = ends else { return Ok(()) };
                let pause = (UnixMs(number(ends)).since(now) / 4)
                    .clamp(limits::STS_FETCH_AGAIN, limits::STS_REFRESH_INTERVAL);
                connection
                    .execute(
                        "UPDATE sts_policy SET look_again = ?2 WHERE domain = ?1",
                        params![domain, sql(now.plus(pause).0)],
                    )
                    .map(drop)
            })
            .await
    }

    /// How many policies are kept.
    pub async fn policies(&self) -> Result<u64, StoreError> {
        self.db
            .read("counting MTA-STS policies", |connection| {
                connection.query_row("SELECT count(*) FROM sts_policy", [], |row| row.get(0))
            })
            .await
            .map(number)
    }
}

/// Those whose life is over go, and if that is not enough, those under which no mail went for the longest time.
fn make_room(connection: &Connection, now: UnixMs) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sts_policy WHERE ends <= ?1", [sql(now.0)])?;
    let kept: i64 =
        connection.query_row("SELECT count(*) FROM sts_policy", [], |row| row.get(0))?;
    let too_many = kept.saturating_sub(i64::from(limits::STS_DOMAINS_MAX));
    if too_many <= 0 {
        return Ok(());
    }
    connection
        .execute(
            "DELETE FROM sts_policy WHERE domain IN (SELECT domain FROM sts_policy ORDER BY used_day, ends LIMIT ?1)",
            [too_many],
        )
        .map(drop)
}

fn day_of(at: UnixMs) -> u64 {
    at.0 / 86_400_000
}

fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(sql: i64) -> u64 {
    u64::try_from(sql).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn policy(mode: &str, max_age: Duration) -> StsPolicy {
        let seconds = max_age.as_secs();
        let text = format!("version: STSv1\nmode: {mode}\nmx: *.far.example\nmax_age: {seconds}\n");
        read_policy(text.as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_policy_lives_as_long_as_it_says_also_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * 86_400_000));
        let far = domain("far.example");
        {
            let (transport, _) = Transport::open(folder.path(), clock.clone()).unwrap();
            assert_eq!(transport.policy(&far).await.unwrap(), None);
            let one = policy("enforce", 10 * HOUR);
            transport.keep_policy(&far, "1".to_string(), &one).await.unwrap();
            assert_eq!(transport.policies_due(9).await.unwrap(), []);
        }
        let (transport, aside) = Transport::open(folder.path(), clock.clone()).unwrap();
        assert_eq!(aside, None);
        let kept = transport.policy(&far).await.unwrap().unwrap();
        assert_eq!((kept.policy, kept.id.as_str()), (policy("enforce", 10 * HOUR), "1"));
        clock.advance(5 * HOUR);
        let due = [(far.clone(), "1".to_string())];
        assert_eq!(transport.policies_due(9).await.unwrap(), due);
        // The host is gone: it is asked again, more and more often, and the policy stays.
        transport.policy_not_fetched(&far).await.unwrap();
        assert_eq!(transport.policies_due(9).await.unwrap(), []);
        clock.advance(HOUR + HOUR / 4);
        assert_eq!(transport.policies_due(9).await.unwrap(), due);
        // It is back, with another policy.
        transport.keep_policy(&far, "2".to_string(), &policy("testing", HOUR)).await.unwrap();
        assert_eq!(transport.policy(&far).await.unwrap().unwrap().id, "2");
        clock.advance(HOUR);
        assert_eq!(transport.policy(&far).await.unwrap(), None);
        assert_eq!(transport.policies_due(9).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_policy_under_which_no_mail_goes_is_not_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * 86_400_000));
        let (transport, _) = Transport::open(folder.path(), clock.clone()).unwrap();
        let year = policy("enforce", limits::STS_MAX_AGE_MAX);
        for name in ["used.example", "left.example"] {
            transport.keep_policy(&domain(name), "1".to_string(), &year).await.unwrap();
        }
        clock.advance(31 * 24 * HOUR);
        transport.policy_used(&domain("used.example"));
        transport.policy_used(&domain("unknown.example"));
        transport.db.write("waiting", |_| Ok(())).await.unwrap();
        let due = transport.policies_due(9).await.unwrap();
        assert_eq!(due, [(domain("used.example"), "1".to_string())]);
        assert!(transport.policy(&domain("left.example")).await.unwrap().is_some());
        assert_eq!(transport.policies().await.unwrap(), 2);
    }

    #[test]
    fn too_many_go_by_their_last_use() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection
            .execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                 INSERT INTO sts_policy SELECT 'd' || i, '1', '', 5000 + i, 0, 7 FROM n",
                [limits::STS_DOMAINS_MAX],
            )
            .unwrap();
        connection
            .execute_batch(
                "INSERT INTO sts_policy VALUES ('long ago', '1', '', 9999999, 0, 3), ('over', '1', '', 100, 0, 9);",
            )
            .unwrap();
        make_room(&connection, UnixMs(1_000)).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM sts_policy"), i64::from(limits::STS_DOMAINS_MAX));
        assert_eq!(count("SELECT count(*) FROM sts_policy WHERE domain GLOB '[lo]*'"), 0);
    }
}
