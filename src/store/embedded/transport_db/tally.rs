//! Sessions with the mail hosts of other domains, counted by domain, day and policy; and which of these days have been reported.

use super::{Transport, day_of, number, sql};
use crate::{
    base::{clock::UnixMs, limits},
    mail::Domain,
    store::StoreError,
    wire::tls::rpt::{Applied, Day, Failure, Kind, Session, Summary},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

pub(super) const MIGRATION: &str = "
CREATE TABLE tls_tally (
    number INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    lines TEXT NOT NULL,
    hosts TEXT NOT NULL,
    good INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    UNIQUE (day, domain, kind, lines, hosts)
) STRICT;
CREATE TABLE tls_failure (
    tally INTEGER NOT NULL REFERENCES tls_tally (number) ON DELETE CASCADE,
    result TEXT NOT NULL,
    sent_from TEXT NOT NULL,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (tally, result, sent_from, host, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE tls_report (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    begun INTEGER NOT NULL,
    again INTEGER,
    tries INTEGER NOT NULL,
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;
";

/// A domain's day that is over and of which its owner may want to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsReportDue {
    /// Whose.
    pub domain: Domain,
    /// Days since 1970.
    pub day: u64,
    /// It was begun before: mail is on its way, and a web server did not take it, so many times.
    pub tries: u32,
}

impl Transport {
    /// Counts a session. Lost where the disk is too slow: no mail waits for a count.
    pub fn note_session(&self, session: Session) {
        let today = day_of(self.clock.now());
        let _lost = self.db.write_soon(move |connection| count(connection, today, &session));
    }

    /// Days that are over by so much and that nobody has been told of, those of today's counting left out; and those that are to be tried again.
    pub async fn tls_reports_due(
        &self,
        is_due: impl Fn(&Domain, u64, UnixMs) -> bool + Send + 'static,
        rows_max: usize,
    ) -> Result<Vec<TlsReportDue>, StoreError> {
        let now = self.clock.now();
        self.db
            .read("looking for TLS reports that are due", move |connection| {
                let mut asking = connection.prepare_cached(
                    "SELECT DISTINCT t.domain, t.day, r.begun, r.again, r.tries FROM tls_tally t
                     LEFT JOIN tls_report r ON r.day = t.day AND r.domain = t.domain
                     WHERE t.day < ?1 AND t.day >= ?2 AND (r.domain IS NULL OR r.again <= ?3) ORDER BY t.day, t.domain",
                )?;
                let since = sql(day_of(now).saturating_sub(limits::TLS_TALLY_DAYS));
                let rows = asking.query_map(params![sql(day_of(now)), since, sql(now.0)], |row| {
                    let tries = row.get::<_, Option<i64>>(4)?.unwrap_or(0);
                    Ok((row.get::<_, String>(0)?, number(row.get(1)?), tries))
                })?;
                let mut due = Vec::new();
                for row in rows {
                    let (domain, day, tries) = row?;
                    let Ok(domain) = Domain::parse(&domain) else { continue };
                    if is_due(&domain, day, now) {
                        due.push(TlsReportDue { domain, day, tries: u32::try_from(tries).unwrap_or(u32::MAX) });
                    }
                    if due.len() >= rows_max {
                        break;
                    }
                }
                Ok(due)
            })
            .await
    }

    /// All of a domain's day.
    pub async fn tls_day(&self, domain: &Domain, day: u64) -> Result<Day, StoreError> {
        let domain = domain.clone();
        self.db
            .read("reading a day's sessions", move |connection| {
                let policies = connection
                    .prepare_cached(
                        "SELECT number, kind, lines, hosts, good, failed FROM tls_tally WHERE day = ?1 AND domain = ?2 ORDER BY number",
                    )?
                    .query_map(params![sql(day), domain.as_str()], |row| summary(connection, row))?
                    .filter_map(Result::transpose)
                    .collect::<rusqlite::Result<_>>()?;
                Ok(Day { domain, day, policies })
            })
            .await
    }

    /// Marks a domain's day as told, before it is: a report too few after a crash is better than two. False: it was before.
    pub async fn begin_tls_report(&self, due: &TlsReportDue) -> Result<bool, StoreError> {
        let (domain, day, now) = (due.domain.to_string(), sql(due.day), sql(self.clock.now().0));
        self.db
            .write("beginning a TLS report", move |connection| {
                let begun = connection.execute(
                    "INSERT INTO tls_report (day, domain, begun, again, tries) VALUES (?1, ?2, ?3, NULL, 1)
                     ON CONFLICT (day, domain) DO UPDATE SET again = NULL, tries = tries + 1 WHERE again <= ?3",
                    params![day, domain, now],
                )?;
                Ok(begun > 0)
            })
            .await
    }

    /// It is to be tried again: its web server did not take it (`tries`), or nobody said whether there is one.
    pub async fn try_tls_report_again(
        &self,
        due: &TlsReportDue,
        pause: Duration,
    ) -> Result<(), StoreError> {
        let (domain, day, now) = (due.domain.to_string(), sql(due.day), self.clock.now());
        let tries = due.tries;
        self.db
            .write("putting a TLS report off", move |connection| {
                connection
                    .execute(
                        "INSERT INTO tls_report (day, domain, begun, again, tries) VALUES (?1, ?2, ?3, ?4, ?5)
                         ON CONFLICT (day, domain) DO UPDATE SET again = excluded.again, tries = excluded.tries",
                        params![day, domain, sql(now.0), sql(now.plus(pause).0), tries],
                    )
                    .map(drop)
            })
            .await
    }

    /// Lets go of days that nobody is told of any more.
    pub async fn forget_tls_days(&self) -> Result<(), StoreError> {
        let since = sql(day_of(self.clock.now()).saturating_sub(limits::TLS_TALLY_DAYS));
        self.db
            .write("forgetting sessions", move |connection| {
                connection.execute("DELETE FROM tls_failure WHERE tally IN (SELECT number FROM tls_tally WHERE day < ?1)", [since])?;
                connection.execute("DELETE FROM tls_tally WHERE day < ?1", [since])?;
                connection.execute("DELETE FROM tls_report WHERE day < ?1", [since]).map(drop)
            })
            .await
    }
}

fn summary(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Option<Summary>> {
    let number_of: i64 = row.get(0)?;
    // A kind that only a newer version knows is left out.
    let Some(kind) = Kind::parse(&row.get::<_, String>(1)?) else { return Ok(None) };
    let lines = |column| -> rusqlite::Result<Vec<String>> {
        Ok(row.get::<_, String>(column)?.lines().map(str::to_string).collect())
    };
    let failures = connection
        .prepare_cached(
            "SELECT result, sent_from, host, address, times FROM tls_failure WHERE tally = ?1 ORDER BY times DESC, result, host, address",
        )?
        .query_map([number_of], |row| {
            let failure = Failure {
                result: row.get(0)?,
                from: row.get::<_, String>(1)?.parse().ok(),
                host: Domain::parse(&row.get::<_, String>(2)?).ok(),
                to: row.get::<_, String>(3)?.parse().ok(),
            };
            Ok((failure, number(row.get(4)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(Summary {
        applied: Applied { kind, lines: lines(2)?, hosts: lines(3)? },
        good: number(row.get(4)?),
        failed: number(row.get(5)?),
        failures,
    }))
}

fn count(connection: &Connection, today: u64, session: &Session) -> rusqlite::Result<()> {
    let Session { domain, applied, failure } = session;
    let (lines, hosts) = (applied.lines.join("\n"), applied.hosts.join("\n"));
    let (good, failed) = if failure.is_some() { (0, 1) } else { (1, 0) };
    let known: Option<i64> = connection
        .prepare_cached(
            "UPDATE tls_tally SET good = good + ?6, failed = failed + ?7
             WHERE day = ?1 AND domain = ?2 AND kind = ?3 AND lines = ?4 AND hosts = ?5 RETURNING number",
        )?
        .query_row(
            params![sql(today), domain.as_str(), applied.kind.word(), lines, hosts, good, failed],
            |row| row.get(0),
        )
        .optional()?;
    let tally = match known {
        Some(tally) => tally,
        None if !has_room(connection, today, domain)? => return Ok(()),
        None => {
            connection.execute(
                "INSERT INTO tls_tally (day, domain, kind, lines, hosts, good, failed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![sql(today), domain.as_str(), applied.kind.word(), lines, hosts, good, failed],
            )?;
            connection.last_insert_rowid()
        }
    };
    match failure {
        Some(failure) => count_failure(connection, tally, failure),
        None => Ok(()),
    }
}

fn has_room(connection: &Connection, today: u64, domain: &Domain) -> rusqlite::Result<bool> {
    let (of_domain, of_day): (u32, u32) = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM tls_tally WHERE day = ?1 AND domain = ?2), (SELECT count(*) FROM tls_tally WHERE day = ?1)",
        )?
        .query_row(params![sql(today), domain.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(of_domain < limits::TLS_TALLY_POLICIES_MAX && of_day < limits::TLS_TALLY_ROWS_MAX)
}

fn count_failure(connection: &Connection, tally: i64, failure: &Failure) -> rusqlite::Result<()> {
    let Failure { result, from, host, to } = failure;
    let (from, to) = (from.map(|ip| ip.to_string()), to.map(|ip| ip.to_string()));
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    let host = host.as_ref().map_or("", Domain::as_str);
    connection
        .prepare_cached(
            "INSERT INTO tls_failure (tally, result, sent_from, host, address, times)
             SELECT ?1, ?2, ?3, ?4, ?5, 1 WHERE (SELECT count(*) FROM tls_failure WHERE tally = ?1) < ?6
             OR EXISTS (SELECT 1 FROM tls_failure WHERE tally = ?1 AND result = ?2 AND sent_from = ?3 AND host = ?4 AND address = ?5)
             ON CONFLICT (tally, result, sent_from, host, address) DO UPDATE SET times = times + 1",
        )?
        .execute(params![tally, result, from, host, to, limits::TLS_TALLY_FAILURES_MAX])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use std::path::Path;

    const DAY: Duration = Duration::from_secs(86_400);

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn open(folder: &Path, clock: &Clock) -> Transport {
        Transport::open(folder, clock.clone()).unwrap().0
    }

    fn session(name: &str, kind: Kind, failure: Option<&str>) -> Session {
        let failure = failure.map(|result| Failure {
            result: result.to_string(),
            from: None,
            host: Some(domain("mx.far.example")),
            to: "192.0.2.1".parse().ok(),
        });
        Session { domain: domain(name), applied: Applied::bare(kind), failure }
    }

    async fn due(transport: &Transport) -> Vec<(String, u64, u32)> {
        let due = transport.tls_reports_due(|_, _, _| true, 99).await.unwrap();
        due.into_iter().map(|due| (due.domain.to_string(), due.day, due.tries)).collect()
    }

    #[tokio::test]
    async fn a_day_is_counted_and_told_once_also_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * 86_400_000));
        {
            let transport = open(folder.path(), &clock);
            for failure in [None, None, Some("certificate-expired"), Some("certificate-expired")] {
                transport.note_session(session("far.example", Kind::Sts, failure));
            }
            transport.note_session(session("far.example", Kind::NoPolicyFound, None));
            transport.note_session(session("other.example", Kind::Tlsa, Some("tlsa-invalid")));
            transport.db.write("waiting", |_| Ok(())).await.unwrap();
            assert_eq!(due(&transport).await, [], "the day is not over");
        }
        clock.advance(DAY);
        let transport = open(folder.path(), &clock);
        let far = ("far.example".to_string(), 1_000, 0);
        let other = ("other.example".to_string(), 1_000, 0);
        assert_eq!(due(&transport).await, [far, other.clone()]);
        let day = transport.tls_day(&domain("far.example"), 1_000).await.unwrap();
        let [sts, none] = day.policies.as_slice() else { panic!("{day:?}") };
        assert_eq!((sts.applied.kind, sts.good, sts.failed), (Kind::Sts, 2, 2));
        let [(failure, 2)] = sts.failures.as_slice() else { panic!("{sts:?}") };
        assert_eq!((failure.result.as_str(), failure.from), ("certificate-expired", None));
        assert_eq!((none.good, none.failed, none.failures.len()), (1, 0, 0));

        let one = TlsReportDue { domain: domain("far.example"), day: 1_000, tries: 0 };
        assert!(transport.begin_tls_report(&one).await.unwrap());
        assert!(!transport.begin_tls_report(&one).await.unwrap());
        drop(transport);
        let transport = open(folder.path(), &clock);
        assert!(!transport.begin_tls_report(&one).await.unwrap());
        assert_eq!(due(&transport).await, std::slice::from_ref(&other));
        // Its web server did not take it.
        let tried = TlsReportDue { tries: 1, ..one };
        transport.try_tls_report_again(&tried, limits::TLS_REPORT_AGAIN).await.unwrap();
        assert_eq!(due(&transport).await, std::slice::from_ref(&other));
        clock.advance(limits::TLS_REPORT_AGAIN);
        assert_eq!(due(&transport).await, [("far.example".to_string(), 1_000, 1), other]);
        assert!(transport.begin_tls_report(&tried).await.unwrap());
        clock.advance(DAY * 3);
        assert_eq!(due(&transport).await, []);
        transport.forget_tls_days().await.unwrap();
        assert_eq!(transport.tls_day(&domain("far.example"), 1_000).await.unwrap().policies, []);
    }

    #[tokio::test]
    async fn whoever_changes_policies_and_failures_without_end_fills_no_disk() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * 86_400_000));
        let transport = open(folder.path(), &clock);
        let far = domain("far.example");
        transport
            .db
            .write("counting", {
                let far = far.clone();
                move |connection| {
                    for number in 0..200_u8 {
                        let mut one = session("far.example", Kind::Sts, Some("validation-failure"));
                        one.applied.lines = vec![format!("mx: {number}")];
                        count(connection, 1_000, &one)?;
                        let mut one = session("far.example", Kind::Sts, Some("validation-failure"));
                        one.applied.lines = vec!["mx: 0".to_string()];
                        if let Some(failure) = &mut one.failure {
                            failure.to = Some([192, 0, 2, number].into());
                        }
                        count(connection, 1_000, &one)?;
                    }
                    connection.execute(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                         INSERT INTO tls_tally (day, domain, kind, lines, hosts, good, failed) SELECT 1000, 'd' || i, 'sts', '', '', 1, 0 FROM n",
                        [limits::TLS_TALLY_ROWS_MAX],
                    )?;
                    assert!(!has_room(connection, 1_000, &domain("late.example"))?);
                    assert!(has_room(connection, 1_001, &far)?);
                    Ok(())
                }
            })
            .await
            .unwrap();
        let day = transport.tls_day(&far, 1_000).await.unwrap();
        assert_eq!(day.policies.len(), usize::try_from(limits::TLS_TALLY_POLICIES_MAX).unwrap());
        let first = &day.policies[0];
        assert_eq!(first.failed, 201);
        let kept = usize::try_from(limits::TLS_TALLY_FAILURES_MAX).unwrap();
        assert_eq!(first.failures.len(), kept);
    }
}
