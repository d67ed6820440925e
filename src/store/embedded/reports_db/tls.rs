//! TLS reports of others: one row for each policy in one, and one for each way in which sessions failed under it.

use super::{Reports, count, owner, parameters, sql_int, sql_place, time};
use crate::{
    base::{clock::UnixMs, limits},
    formats::report::tls::{TlsPolicy, TlsReport},
    mail::Organisation,
    store::{
        StoreError,
        reports::{ReportFilter, TlsFailureLine, TlsLine},
    },
};
use rusqlite::{Connection, Row, params};

pub(super) const MIGRATION: &str = "
CREATE TABLE tls_report (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL,
    domain TEXT NOT NULL,
    reporter TEXT NOT NULL,
    report_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    contact TEXT NOT NULL,
    policy TEXT NOT NULL,
    begins INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    came INTEGER NOT NULL,
    good INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    UNIQUE (organisation, domain, reporter, report_id, place)
) STRICT;
CREATE INDEX tls_report_by_time ON tls_report (came);
CREATE INDEX tls_report_by_day ON tls_report (begins);
CREATE TABLE tls_failure (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    report INTEGER NOT NULL REFERENCES tls_report (number) ON DELETE CASCADE,
    result TEXT NOT NULL,
    host TEXT NOT NULL,
    sent_from TEXT NOT NULL,
    sent_to TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX tls_failure_by_report ON tls_failure (report);
";

/// Writes one down; false: it was known.
pub(super) fn insert(
    connection: &Connection,
    organisation: &Organisation,
    report: &TlsReport,
    now: UnixMs,
) -> rusqlite::Result<bool> {
    // Nobody reports what is yet to come: a date that lies must not stay in every listing for ever.
    let moment = |seconds: u64| sql_int(seconds.saturating_mul(1_000).min(now.0));
    let mut new = false;
    for (place, policy) in report.policies.iter().enumerate() {
        let inserted = connection
            .prepare_cached(
                "INSERT OR IGNORE INTO tls_report (organisation, domain, reporter, report_id, place, contact, policy, begins, ends, came, good, failed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                organisation.name(),
                policy.domain,
                report.reporter,
                report.report_id,
                sql_place(place),
                report.contact,
                policy.kind,
                moment(report.begins),
                moment(report.ends),
                sql_int(now.0),
                sql_int(policy.good),
                sql_int(policy.failed),
            ])?;
        if inserted > 0 {
            new = true;
            insert_failures(connection, connection.last_insert_rowid(), policy)?;
        }
    }
    Ok(new)
}

fn insert_failures(
    connection: &Connection,
    report: i64,
    policy: &TlsPolicy,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO tls_failure (report, result, host, sent_from, sent_to, sessions, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for failure in &policy.failures {
        let address =
            |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
        insert.execute(params![
            report,
            failure.result,
            failure.host,
            address(failure.from),
            address(failure.to),
            sql_int(failure.sessions),
            failure.reason,
        ])?;
    }
    Ok(())
}

impl Reports {
    /// How TLS went with our mail hosts, newest first.
    pub async fn tls(&self, filter: ReportFilter) -> Result<Vec<TlsLine>, StoreError> {
        self.db
            .read("reading TLS reports", move |connection| {
                let (domain, organisation, since, rows, skip) = parameters(&filter);
                connection
                    .prepare(
                        "SELECT organisation, domain, reporter, contact, policy, begins, ends, good, failed, number FROM tls_report
                         WHERE (?1 IS NULL OR domain = ?1) AND (?2 IS NULL OR organisation = ?2) AND ends >= ?3 AND (NOT ?6 OR failed > 0)
                         ORDER BY begins DESC, number DESC LIMIT ?4 OFFSET ?5",
                    )?
                    .query_map(
                        params![domain, organisation, since, rows, skip, filter.only_failing],
                        |row| line(connection, row),
                    )?
                    .collect()
            })
            .await
    }
}

fn line(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<TlsLine> {
    let number: i64 = row.get(9)?;
    let failures = connection
        .prepare_cached(
            "SELECT result, host, sent_from, sent_to, sessions, reason FROM tls_failure WHERE report = ?1 ORDER BY sessions DESC, number LIMIT ?2",
        )?
        .query_map(params![number, limits::TLS_FAILURES_SHOWN_MAX], |row| {
            Ok(TlsFailureLine {
                result: row.get(0)?,
                host: row.get(1)?,
                from: row.get(2)?,
                to: row.get(3)?,
                sessions: count(row, 4)?,
                reason: row.get(5)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(TlsLine {
        organisation: owner(row)?,
        domain: row.get(1)?,
        reporter: row.get(2)?,
        contact: row.get(3)?,
        policy: row.get(4)?,
        begins: time(row, 5)?,
        ends: time(row, 6)?,
        good: count(row, 7)?,
        failed: count(row, 8)?,
        failures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        formats::report::{Report, tls::TlsFailure},
        store::reports::Recorded,
    };
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    fn report(id: &str, failed: u64) -> (Organisation, Report) {
        let failure = |result: &str, sessions| TlsFailure {
            result: result.to_string(),
            host: "mx.ours.example".to_string(),
            sessions,
            ..TlsFailure::default()
        };
        let policy = |kind: &str, failed| TlsPolicy {
            domain: "ours.example".to_string(),
            kind: kind.to_string(),
            good: 5,
            failed,
            failures: match failed {
                0 => Vec::new(),
                _ => vec![failure("validation-failure", 1), failure("certificate-expired", 2)],
            },
        };
        let report = TlsReport {
            reporter: "Far".to_string(),
            report_id: id.to_string(),
            begins: 86_400 * 99,
            ends: 86_400 * 100 - 1,
            policies: vec![policy("sts", failed), policy("tlsa", 0)],
            ..TlsReport::default()
        };
        (Organisation::named("acme"), Report::Tls(report))
    }

    #[tokio::test]
    async fn a_report_counts_once_and_is_listed_with_what_failed_most() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(100 * 86_400_000));
        let reports = Reports::beside(folder.path(), clock.clone(), 10 * DAY).unwrap();
        let once = reports.record([1; 32], vec![report("1", 3)]).await.unwrap();
        assert_eq!(once, Recorded { new: 1, known: 0 });
        let again = reports.record([2; 32], vec![report("1", 3)]).await.unwrap();
        assert_eq!(again, Recorded { new: 0, known: 1 });
        let all = ReportFilter { rows: 9, ..ReportFilter::default() };
        let lines = reports.tls(all.clone()).await.unwrap();
        let shown: Vec<_> =
            lines.iter().map(|line| (line.policy.as_str(), line.good, line.failed)).collect();
        assert_eq!(shown, [("tlsa", 5, 0), ("sts", 5, 3)]);
        let results: Vec<_> = lines[1].failures.iter().map(|one| one.result.as_str()).collect();
        assert_eq!(results, ["certificate-expired", "validation-failure"]);
        let failing = ReportFilter { only_failing: true, ..all.clone() };
        assert_eq!(reports.tls(failing).await.unwrap().len(), 1);
        let others = ReportFilter { organisation: Some(Organisation::named("b")), ..all.clone() };
        assert_eq!(reports.tls(others).await.unwrap(), []);
        clock.advance(11 * DAY);
        reports.record([3; 32], vec![report("2", 0)]).await.unwrap();
        assert_eq!(reports.tls(all).await.unwrap().len(), 2, "the old one is gone");
    }
}
