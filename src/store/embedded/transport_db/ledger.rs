//! The downgrade ledger: the best that was seen of each mail host, and what was worse than that, one row for each domain, kind and day.

use super::{Transport, day_of, number, sql};
use crate::{
    base::{clock::UnixMs, limits},
    mail::Domain,
    store::StoreError,
    wire::tls::ledger::{Downgrade, Standing},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(super) const MIGRATION: &str = "
CREATE TABLE mail_host (
    domain TEXT NOT NULL,
    host TEXT NOT NULL,
    standing TEXT NOT NULL,
    last_day INTEGER NOT NULL,
    PRIMARY KEY (domain, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_host_by_day ON mail_host (last_day);
CREATE TABLE downgrade (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    host TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    times INTEGER NOT NULL,
    held INTEGER NOT NULL,
    PRIMARY KEY (day, domain, kind)
) STRICT, WITHOUT ROWID;
";

/// What was worse than before at a domain on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DowngradeSeen {
    /// Whose mail hosts.
    pub domain: Domain,
    /// What was worse.
    pub kind: Downgrade,
    /// At which of them first.
    pub host: String,
    /// When first on that day.
    pub first: UnixMs,
    /// When last on that day.
    pub last: UnixMs,
    /// Connections at which it was seen.
    pub times: u64,
    /// How many of these were given up, so that mail waits.
    pub held: u64,
}

/// What is worse than before at a mail host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worse {
    /// Whose mail host.
    pub domain: Domain,
    /// Which.
    pub host: Domain,
    /// What.
    pub kinds: Vec<Downgrade>,
    /// What became of the mail.
    pub went: Went,
    /// When it was seen.
    pub at: UnixMs,
}

/// What became of the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// It went all the same.
    On,
    /// It waits.
    Nowhere,
}

/// Those of the last days, for whoever asks without waiting.
#[derive(Debug, Clone, Default)]
pub(super) struct Lately(Arc<Mutex<VecDeque<DowngradeSeen>>>);

impl Lately {
    pub(super) fn read(connection: &Connection, now: UnixMs) -> rusqlite::Result<Lately> {
        let since = day_of(now).saturating_sub(1);
        let rows = since_day(connection, since, limits::DOWNGRADES_SHOWN_MAX)?;
        Ok(Lately(Arc::new(Mutex::new(rows.into_iter().rev().collect()))))
    }

    fn rows(&self) -> MutexGuard<'_, VecDeque<DowngradeSeen>> {
        // Each change is one statement; a panic elsewhere does not spoil the list.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, seen: DowngradeSeen) {
        let mut rows = self.rows();
        let is_it = |row: &DowngradeSeen| {
            (&row.domain, row.kind) == (&seen.domain, seen.kind)
                && day_of(row.first) == day_of(seen.first)
        };
        if let Some(row) = rows.iter_mut().find(|row| is_it(row)) {
            *row = seen;
            return;
        }
        if rows.len() >= limits::DOWNGRADES_SHOWN_MAX {
            rows.pop_front();
        }
        rows.push_back(seen);
    }
}

impl Transport {
    /// The best that was seen of a mail host.
    pub async fn standing(&self, domain: &Domain, host: &Domain) -> Result<Standing, StoreError> {
        let (domain, host) = (domain.to_string(), host.to_string());
        let text = self
            .db
            .read("looking for what was seen of a mail host", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT standing FROM mail_host WHERE domain = ?1 AND host = ?2",
                    )?
                    .query_row([domain, host], |row| row.get::<_, String>(0))
                    .optional()
            })
            .await?;
        // We wrote it in the form that we read.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Remembers the best that was seen of a mail host. Lost where the disk is too slow: the next connection tells.
    pub fn remember_standing(&self, domain: &Domain, host: &Domain, standing: &Standing) {
        let (domain, host) = (domain.to_string(), host.to_string());
        // Plain data always serialises.
        let text = serde_json::to_string(standing).unwrap_or_default();
        let today = day_of(self.clock.now());
        let _next_time = self.db.write_soon(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO mail_host (domain, host, standing, last_day) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (domain, host) DO UPDATE SET standing = excluded.standing, last_day = excluded.last_day",
                )?
                .execute(params![domain, host, text, sql(today)])?;
            forget_hosts(connection, today)
        });
    }

    /// Notes what is worse than before; gives what of it is the first of its domain and kind on that day.
    pub async fn note_downgrades(&self, worse: Worse) -> Result<Vec<Downgrade>, StoreError> {
        let seen = self
            .db
            .write("noting a downgrade", move |connection| {
                let noting = worse.kinds.iter().map(|kind| note(connection, &worse, *kind));
                let seen = noting.collect::<rusqlite::Result<Vec<_>>>()?;
                forget_downgrades(connection, day_of(worse.at))?;
                Ok(seen)
            })
            .await?;
        let first = seen.iter().filter(|seen| seen.times == 1).map(|seen| seen.kind).collect();
        seen.into_iter().for_each(|seen| self.lately.note(seen));
        Ok(first)
    }

    /// What was worse than before within this day and the last, the latest last; bounded.
    pub fn downgrades_lately(&self) -> Vec<DowngradeSeen> {
        let since = self.clock.now().minus(std::time::Duration::from_secs(86_400));
        self.lately.rows().iter().filter(|row| row.last >= since).cloned().collect()
    }

    /// What was worse than before since a time, the latest first.
    pub async fn downgrades_since(
        &self,
        since: UnixMs,
        rows_max: usize,
    ) -> Result<Vec<DowngradeSeen>, StoreError> {
        self.db
            .read("listing downgrades", move |connection| {
                let mut rows = since_day(connection, day_of(since), rows_max)?;
                rows.retain(|row| row.last >= since);
                Ok(rows)
            })
            .await
    }
}

fn note(
    connection: &Connection,
    worse: &Worse,
    kind: Downgrade,
) -> rusqlite::Result<DowngradeSeen> {
    let Worse { domain, host, went, at, .. } = worse;
    let held = i64::from(*went == Went::Nowhere);
    connection
        .prepare_cached(
            "INSERT INTO downgrade (day, domain, kind, host, first, last, times, held) VALUES (?1, ?2, ?3, ?4, ?5, ?5, 1, ?6)
             ON CONFLICT (day, domain, kind) DO UPDATE SET last = excluded.last, times = times + 1, held = held + excluded.held
             RETURNING host, first, times, held",
        )?
        .query_row(
            params![
                sql(day_of(*at)),
                domain.as_str(),
                kind.word(),
                host.as_str(),
                sql(at.0),
                held
            ],
            |row| {
                Ok(DowngradeSeen {
                    domain: domain.clone(),
                    kind,
                    host: row.get(0)?,
                    first: UnixMs(number(row.get(1)?)),
                    last: *at,
                    times: number(row.get(2)?),
                    held: number(row.get(3)?),
                })
            },
        )
}

fn since_day(
    connection: &Connection,
    day: u64,
    rows_max: usize,
) -> rusqlite::Result<Vec<DowngradeSeen>> {
    let read = |row: &Row<'_>| {
        let domain = Domain::parse(&row.get::<_, String>(0)?).ok();
        let kind = Downgrade::parse(&row.get::<_, String>(1)?);
        Ok(domain.zip(kind).map(|(domain, kind)| {
            Ok::<_, rusqlite::Error>(DowngradeSeen {
                domain,
                kind,
                host: row.get(2)?,
                first: UnixMs(number(row.get(3)?)),
                last: UnixMs(number(row.get(4)?)),
                times: number(row.get(5)?),
                held: number(row.get(6)?),
            })
        }))
    };
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let mut asking = connection.prepare_cached(
        "SELECT domain, kind, host, first, last, times, held FROM downgrade WHERE day >= ?1 ORDER BY day DESC, last DESC LIMIT ?2",
    )?;
    let rows = asking.query_map(params![sql(day), rows_max], read)?;
    // A kind that only a newer version knows is left out.
    rows.filter_map(Result::transpose).map(|row| row.and_then(|row| row)).collect()
}

/// Hosts that nobody spoke to for long go, and the oldest where there are too many.
fn forget_hosts(connection: &Connection, today: u64) -> rusqlite::Result<()> {
    let since = sql(today.saturating_sub(limits::LEDGER_DAYS));
    connection.execute("DELETE FROM mail_host WHERE last_day < ?1", [since])?;
    let kept: i64 = connection.query_row("SELECT count(*) FROM mail_host", [], |row| row.get(0))?;
    let too_many = kept.saturating_sub(i64::from(limits::LEDGER_HOSTS_MAX));
    if too_many > 0 {
        connection.execute(
            "DELETE FROM mail_host WHERE (domain, host) IN (SELECT domain, host FROM mail_host ORDER BY last_day LIMIT ?1)",
            [too_many],
        )?;
    }
    Ok(())
}

fn forget_downgrades(connection: &Connection, today: u64) -> rusqlite::Result<()> {
    let since = sql(today.saturating_sub(limits::DOWNGRADE_DAYS));
    connection.execute("DELETE FROM downgrade WHERE day < ?1", [since])?;
    let kept: i64 = connection.query_row("SELECT count(*) FROM downgrade", [], |row| row.get(0))?;
    let too_many = kept.saturating_sub(i64::from(limits::DOWNGRADES_MAX));
    if too_many > 0 {
        connection.execute(
            "DELETE FROM downgrade WHERE (day, domain, kind) IN (SELECT day, domain, kind FROM downgrade ORDER BY day LIMIT ?1)",
            [too_many],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use std::{path::Path, time::Duration};

    const DAY: Duration = Duration::from_secs(86_400);

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn open(folder: &Path, clock: &Clock) -> Transport {
        Transport::open(folder, clock.clone()).unwrap().0
    }

    #[tokio::test]
    async fn what_is_worse_is_told_once_for_a_domain_a_kind_and_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * 86_400_000 + 1));
        let (far, host) = (domain("far.example"), domain("mx.far.example"));
        let kinds = || vec![Downgrade::NoStarttls, Downgrade::Unproven];
        let worse = |kinds: Vec<Downgrade>, went| Worse {
            domain: far.clone(),
            host: host.clone(),
            kinds,
            went,
            at: clock.now(),
        };
        {
            let transport = open(folder.path(), &clock);
            let note = |kinds, went| transport.note_downgrades(worse(kinds, went));
            assert_eq!(note(kinds(), Went::Nowhere).await.unwrap(), kinds());
            assert_eq!(note(kinds(), Went::On).await.unwrap(), []);
            let other = note(vec![Downgrade::OlderVersion, Downgrade::Unproven], Went::On);
            assert_eq!(other.await.unwrap(), [Downgrade::OlderVersion]);
            assert_eq!(transport.downgrades_lately().len(), 3);
        }
        // It is known after a restart, too.
        let transport = open(folder.path(), &clock);
        let mut seen = transport.downgrades_lately();
        seen.sort_by_key(|seen| seen.kind);
        assert_eq!(seen, {
            let mut listed = transport.downgrades_since(clock.now().minus(DAY), 9).await.unwrap();
            listed.sort_by_key(|seen| seen.kind);
            listed
        });
        let shown: Vec<_> = seen.iter().map(|one| (one.kind, one.times, one.held)).collect();
        assert_eq!(
            shown,
            [
                (Downgrade::NoStarttls, 2, 1),
                (Downgrade::OlderVersion, 1, 0),
                (Downgrade::Unproven, 3, 1),
            ]
        );
        clock.advance(DAY);
        let again = transport.note_downgrades(worse(kinds(), Went::On)).await.unwrap();
        assert_eq!(again, kinds(), "another day");
        clock.advance(DAY + DAY);
        assert_eq!(transport.downgrades_lately(), []);
        assert_eq!(transport.downgrades_since(UnixMs(0), 99).await.unwrap().len(), 5);
        clock.advance(DAY * u32::try_from(limits::DOWNGRADE_DAYS).unwrap());
        transport.note_downgrades(worse(kinds(), Went::On)).await.unwrap();
        assert_eq!(transport.downgrades_since(UnixMs(0), 99).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_was_seen_of_a_host_is_remembered_until_nobody_spoke_to_it_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * 86_400_000));
        let (far, host, other) =
            (domain("far.example"), domain("mx.far.example"), domain("mx2.far.example"));
        let standing = Standing { tls: Some(1_000), ..Standing::default() };
        let transport = open(folder.path(), &clock);
        assert_eq!(transport.standing(&far, &host).await.unwrap(), Standing::default());
        transport.remember_standing(&far, &host, &standing);
        transport.db.write("waiting", |_| Ok(())).await.unwrap();
        assert_eq!(transport.standing(&far, &host).await.unwrap(), standing);
        assert_eq!(transport.standing(&far, &other).await.unwrap(), Standing::default());
        clock.advance(DAY * u32::try_from(limits::LEDGER_DAYS + 1).unwrap());
        transport.remember_standing(&far, &other, &standing);
        transport.db.write("waiting", |_| Ok(())).await.unwrap();
        assert_eq!(transport.standing(&far, &host).await.unwrap(), Standing::default());
    }

    #[test]
    fn hosts_and_downgrades_are_bounded() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATION).unwrap();
        for (table, rows) in [
            (
                "INSERT INTO mail_host SELECT 'd' || i, 'h', '{}', 100 + i FROM n",
                limits::LEDGER_HOSTS_MAX,
            ),
            (
                "INSERT INTO downgrade SELECT 100, 'd' || i, 'k', 'h', 1, 1, 1, 0 FROM n",
                limits::DOWNGRADES_MAX,
            ),
        ] {
            connection
                .execute(
                    &format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= ?1) {table}"),
                    [rows],
                )
                .unwrap();
        }
        forget_hosts(&connection, 101).unwrap();
        forget_downgrades(&connection, 101).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM mail_host"), i64::from(limits::LEDGER_HOSTS_MAX));
        assert_eq!(count("SELECT count(*) FROM mail_host WHERE domain = 'd1'"), 0);
        assert_eq!(count("SELECT count(*) FROM downgrade"), i64::from(limits::DOWNGRADES_MAX));
    }
}
