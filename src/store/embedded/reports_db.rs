//! Reports of others in SQLite, in a database of their own: commands read and import beside the running gateway.
//!
//! A DMARC report is known by its domain, its reporter and his name for it, and counted once however often it comes; the others by the mail
//! they came in. What is old goes when something new comes, and what is too much goes oldest first.

mod tls;

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    formats::report::{Report, delivery::Delivery, dmarc::Aggregate, feedback::Feedback},
    mail::Organisation,
    store::{
        StoreError, private,
        reports::{ComplaintLine, DeliveryLine, DomainLine, Recorded, ReportFilter, SourceLine},
    },
};
use rusqlite::{Connection, Row, params};
use std::{path::Path, time::Duration};

/// The reports on this machine.
#[derive(Clone)]
pub struct Reports {
    db: Db,
    clock: Clock,
    keep: Duration,
}

impl std::fmt::Debug for Reports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reports").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

const MIGRATIONS: &[&str] = &[FIRST, tls::MIGRATION];

const FIRST: &str = "
CREATE TABLE dmarc_report (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL,
    domain TEXT NOT NULL,
    reporter TEXT NOT NULL,
    report_id TEXT NOT NULL,
    contact TEXT NOT NULL,
    policy TEXT NOT NULL,
    begins INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    came INTEGER NOT NULL,
    left_out INTEGER NOT NULL,
    UNIQUE (organisation, domain, reporter, report_id)
) STRICT;
CREATE INDEX dmarc_report_by_time ON dmarc_report (came);
CREATE TABLE dmarc_source (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    report INTEGER NOT NULL REFERENCES dmarc_report (number) ON DELETE CASCADE,
    organisation TEXT NOT NULL,
    source TEXT NOT NULL,
    mails INTEGER NOT NULL,
    disposition TEXT NOT NULL,
    dkim INTEGER NOT NULL,
    spf INTEGER NOT NULL,
    header_from TEXT NOT NULL,
    envelope_from TEXT NOT NULL,
    signed_by TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX dmarc_source_by_report ON dmarc_source (report);
CREATE TABLE complaint (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL,
    came INTEGER NOT NULL,
    mail BLOB NOT NULL,
    place INTEGER NOT NULL,
    kind TEXT NOT NULL,
    domain TEXT NOT NULL,
    source TEXT NOT NULL,
    mail_from TEXT NOT NULL,
    auth_failure TEXT NOT NULL,
    incidents INTEGER NOT NULL,
    original_id TEXT NOT NULL,
    reporter TEXT NOT NULL,
    UNIQUE (mail, place)
) STRICT;
CREATE INDEX complaint_by_time ON complaint (came);
CREATE TABLE delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL,
    came INTEGER NOT NULL,
    mail BLOB NOT NULL,
    place INTEGER NOT NULL,
    recipient_place INTEGER NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    recipient TEXT NOT NULL,
    diagnostic TEXT NOT NULL,
    reporter TEXT NOT NULL,
    original_id TEXT NOT NULL,
    UNIQUE (mail, place, recipient_place)
) STRICT;
CREATE INDEX delivery_by_time ON delivery (came);
";

impl Reports {
    /// Opens the reports in `folder`, for the gateway. Those that are damaged are moved aside, and others begun: mail does not wait for them.
    pub fn open(
        folder: &Path,
        clock: Clock,
        keep: Duration,
    ) -> Result<(Reports, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let set_aside = damage::look(&folder.join(FILE), MIGRATIONS, clock.now())?;
        Ok((Reports::beside(folder, clock, keep)?, set_aside))
    }

    /// The same for a command beside a gateway, which touches nothing that is damaged. What is made here belongs to whom the folder above
    /// belongs: a command that root runs must not lock the gateway out.
    pub fn beside(folder: &Path, clock: Clock, keep: Duration) -> Result<Reports, StoreError> {
        private::folder(folder)?;
        let options = Options {
            promise: Promise::Full,
            gather: limits::REPORTS_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::REPORTS_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&folder.join(FILE), options)?;
        private::give_to_owner_above(folder)?;
        Ok(Reports { db, clock, keep })
    }

    /// Writes down the reports of one mail, each under its organisation. `mail` is the hash of the mail's content.
    pub async fn record(
        &self,
        mail: [u8; 32],
        reports: Vec<(Organisation, Report)>,
    ) -> Result<Recorded, StoreError> {
        let now = self.clock.now();
        let oldest = now.minus(self.keep);
        let oldest_named = now.minus(self.keep.min(limits::REPORT_NAMES_KEPT_MAX));
        self.db
            .write("recording reports", move |connection| {
                let mut recorded = Recorded::default();
                for (place, (organisation, report)) in reports.iter().enumerate() {
                    let place = Place { mail, place: sql_place(place), now };
                    let new = match report {
                        Report::Dmarc(one) => insert_dmarc(connection, organisation, one, now)?,
                        Report::Feedback(one) => {
                            insert_complaint(connection, organisation, one, place)?
                        }
                        Report::Delivery(one) => {
                            insert_delivery(connection, organisation, one, place)?
                        }
                        Report::Tls(one) => tls::insert(connection, organisation, one, now)?,
                        Report::Unread(_) => continue,
                    };
                    match new {
                        true => recorded.new += 1,
                        false => recorded.known += 1,
                    }
                }
                drop_old(connection, oldest, oldest_named)?;
                Ok(recorded)
            })
            .await
    }

    /// Who sends in our domains' names: by domain, the busiest first.
    pub async fn sources(&self, filter: ReportFilter) -> Result<Vec<SourceLine>, StoreError> {
        self.db
            .read("reading reports", move |connection| {
                let (domain, organisation, since, rows, skip) = parameters(&filter);
                connection
                    .prepare(
                        "SELECT r.organisation, r.domain, s.source, s.header_from, s.envelope_from, max(s.signed_by), sum(s.mails),
                         sum(s.mails * s.dkim), sum(s.mails * s.spf), sum(s.mails * (s.dkim OR s.spf)),
                         sum(s.mails * (s.disposition = 'quarantine')), sum(s.mails * (s.disposition = 'reject')),
                         count(DISTINCT r.reporter), max(r.ends)
                         FROM dmarc_source s JOIN dmarc_report r ON r.number = s.report
                         WHERE (?1 IS NULL OR r.domain = ?1 OR s.header_from = ?1) AND (?2 IS NULL OR r.organisation = ?2) AND r.ends >= ?3
                         GROUP BY r.organisation, r.domain, s.source, s.header_from, s.envelope_from
                         HAVING NOT ?6 OR sum(s.mails * (s.dkim OR s.spf)) < sum(s.mails)
                         ORDER BY r.domain, sum(s.mails) DESC, s.source LIMIT ?4 OFFSET ?5",
                    )?
                    .query_map(
                        params![domain, organisation, since, rows, skip, filter.only_failing],
                        source_line,
                    )?
                    .collect()
            })
            .await
    }

    /// Our domains as receivers saw them, those with most mail first.
    pub async fn domains(&self, filter: ReportFilter) -> Result<Vec<DomainLine>, StoreError> {
        self.db
            .read("adding reports up", move |connection| {
                let (domain, organisation, since, rows, skip) = parameters(&filter);
                connection
                    .prepare(
                        "SELECT r.organisation, r.domain,
                         (SELECT p.policy FROM dmarc_report p WHERE p.organisation = r.organisation AND p.domain = r.domain ORDER BY p.ends DESC, p.number DESC LIMIT 1),
                         sum(s.mails), sum(s.mails * (s.dkim OR s.spf)), sum(s.mails * (s.disposition = 'quarantine')),
                         sum(s.mails * (s.disposition = 'reject')), count(DISTINCT s.source), count(DISTINCT r.reporter)
                         FROM dmarc_source s JOIN dmarc_report r ON r.number = s.report
                         WHERE (?1 IS NULL OR r.domain = ?1) AND (?2 IS NULL OR r.organisation = ?2) AND r.ends >= ?3
                         GROUP BY r.organisation, r.domain ORDER BY sum(s.mails) DESC, r.domain LIMIT ?4 OFFSET ?5",
                    )?
                    .query_map(params![domain, organisation, since, rows, skip], |row| {
                        Ok(DomainLine {
                            organisation: owner(row)?,
                            domain: row.get(1)?,
                            policy: row.get(2)?,
                            mails: count(row, 3)?,
                            passed: count(row, 4)?,
                            quarantined: count(row, 5)?,
                            rejected: count(row, 6)?,
                            sources: count(row, 7)?,
                            reporters: count(row, 8)?,
                        })
                    })?
                    .collect()
            })
            .await
    }

    /// Complaints and failures, newest first.
    pub async fn complaints(&self, filter: ReportFilter) -> Result<Vec<ComplaintLine>, StoreError> {
        self.db
            .read("reading complaints", move |connection| {
                connection
                    .prepare(
                        "SELECT organisation, came, kind, domain, source, mail_from, auth_failure, incidents, original_id, reporter
                         FROM complaint
                         WHERE (?1 IS NULL OR domain = ?1) AND (?2 IS NULL OR organisation = ?2) AND came >= ?3
                         ORDER BY number DESC LIMIT ?4 OFFSET ?5",
                    )?
                    .query_map(parameters(&filter), |row| {
                        Ok(ComplaintLine {
                            organisation: owner(row)?,
                            came: time(row, 1)?,
                            kind: row.get(2)?,
                            domain: row.get(3)?,
                            source: row.get(4)?,
                            mail_from: row.get(5)?,
                            auth_failure: row.get(6)?,
                            incidents: count(row, 7)?,
                            original_id: row.get(8)?,
                            reporter: row.get(9)?,
                        })
                    })?
                    .collect()
            })
            .await
    }

    /// What was not delivered, newest first. A domain is that of the recipient.
    pub async fn deliveries(&self, filter: ReportFilter) -> Result<Vec<DeliveryLine>, StoreError> {
        self.db
            .read("reading delivery notices", move |connection| {
                connection
                    .prepare(
                        "SELECT organisation, came, action, status, recipient, diagnostic, reporter, original_id FROM delivery
                         WHERE (?1 IS NULL OR lower(substr(recipient, instr(recipient, '@') + 1)) = ?1)
                         AND (?2 IS NULL OR organisation = ?2) AND came >= ?3 ORDER BY number DESC LIMIT ?4 OFFSET ?5",
                    )?
                    .query_map(parameters(&filter), |row| {
                        Ok(DeliveryLine {
                            organisation: owner(row)?,
                            came: time(row, 1)?,
                            action: row.get(2)?,
                            status: row.get(3)?,
                            recipient: row.get(4)?,
                            diagnostic: row.get(5)?,
                            reporter: row.get(6)?,
                            original_id: row.get(7)?,
                        })
                    })?
                    .collect()
            })
            .await
    }
}

/// Where a report stood, and when it came.
#[derive(Clone, Copy)]
struct Place {
    mail: [u8; 32],
    place: i64,
    now: UnixMs,
}

fn insert_dmarc(
    connection: &Connection,
    organisation: &Organisation,
    report: &Aggregate,
    now: UnixMs,
) -> rusqlite::Result<bool> {
    // Nobody reports what is yet to come: a date that lies must not stay in every listing for ever.
    let moment = |seconds: u64| UnixMs(seconds.saturating_mul(1_000).min(now.0));
    let inserted = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO dmarc_report (organisation, domain, reporter, report_id, contact, policy, begins, ends, came, left_out)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            organisation.name(),
            report.domain,
            report.reporter,
            report.report_id,
            report.contact,
            report.policy,
            sql_int(moment(report.begins).0),
            sql_int(moment(report.ends).0),
            sql_int(now.0),
            sql_int(report.mails_left_out),
        ])?;
    if inserted == 0 {
        return Ok(false);
    }
    let number = connection.last_insert_rowid();
    let mut insert = connection.prepare_cached(
        "INSERT INTO dmarc_source (report, organisation, source, mails, disposition, dkim, spf, header_from, envelope_from, signed_by, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for row in &report.rows {
        let seen = &row.seen;
        insert.execute(params![
            number,
            organisation.name(),
            seen.source.to_string(),
            sql_int(row.mails),
            seen.disposition.word(),
            seen.dkim,
            seen.spf,
            seen.header_from,
            seen.envelope_from,
            seen.signed_by,
            seen.reason,
        ])?;
    }
    Ok(true)
}

fn insert_complaint(
    connection: &Connection,
    organisation: &Organisation,
    report: &Feedback,
    place: Place,
) -> rusqlite::Result<bool> {
    let source = report.source.map(|source| source.to_string()).unwrap_or_default();
    let inserted = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO complaint (organisation, came, mail, place, kind, domain, source, mail_from, auth_failure, incidents,
             original_id, reporter) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            organisation.name(),
            sql_int(place.now.0),
            place.mail,
            place.place,
            report.kind,
            report.domain,
            source,
            report.mail_from,
            report.auth_failure,
            sql_int(report.incidents),
            report.original_id,
            report.user_agent,
        ])?;
    Ok(inserted > 0)
}

fn insert_delivery(
    connection: &Connection,
    organisation: &Organisation,
    report: &Delivery,
    place: Place,
) -> rusqlite::Result<bool> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO delivery (organisation, came, mail, place, recipient_place, action, status, recipient, diagnostic,
         reporter, original_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut inserted = 0;
    for (recipient_place, fate) in report.recipients.iter().enumerate() {
        inserted += insert.execute(params![
            organisation.name(),
            sql_int(place.now.0),
            place.mail,
            place.place,
            sql_place(recipient_place),
            fate.action.word(),
            fate.status,
            fate.recipient,
            fate.diagnostic,
            report.reporting_mta,
            report.original_id,
        ])?;
    }
    Ok(inserted > 0)
}

/// Lets go what is too old, and the oldest of what is too much: numbers only grow, so the newest tells how many there are at most.
/// What names people's addresses goes sooner.
fn drop_old(connection: &Connection, oldest: UnixMs, oldest_named: UnixMs) -> rusqlite::Result<()> {
    for (table, oldest) in [
        ("dmarc_report", oldest),
        ("complaint", oldest_named),
        ("delivery", oldest_named),
        ("tls_report", oldest),
    ] {
        connection
            .prepare_cached(&format!("DELETE FROM {table} WHERE came < ?1"))?
            .execute([sql_int(oldest.0)])?;
    }
    for table in
        ["dmarc_source", "dmarc_report", "complaint", "delivery", "tls_failure", "tls_report"]
    {
        connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE number <= (SELECT max(number) FROM {table}) - ?1"
            ))?
            .execute([limits::REPORT_TABLE_ROWS_MAX])?;
    }
    Ok(())
}

fn parameters(filter: &ReportFilter) -> (Option<String>, Option<String>, i64, i64, i64) {
    (
        filter.domain.clone(),
        filter.organisation.as_ref().map(|organisation| organisation.name().to_string()),
        sql_int(filter.since.0),
        i64::try_from(filter.rows).unwrap_or(i64::MAX),
        i64::try_from(filter.skip).unwrap_or(i64::MAX),
    )
}

fn source_line(row: &Row) -> rusqlite::Result<SourceLine> {
    Ok(SourceLine {
        organisation: owner(row)?,
        domain: row.get(1)?,
        source: row.get(2)?,
        header_from: row.get(3)?,
        envelope_from: row.get(4)?,
        signed_by: row.get(5)?,
        mails: count(row, 6)?,
        dkim: count(row, 7)?,
        spf: count(row, 8)?,
        passed: count(row, 9)?,
        quarantined: count(row, 10)?,
        rejected: count(row, 11)?,
        reporters: count(row, 12)?,
        last: time(row, 13)?,
    })
}

fn owner(row: &Row) -> rusqlite::Result<Organisation> {
    Ok(Organisation::named(&row.get::<_, String>(0)?))
}

fn time(row: &Row, column: usize) -> rusqlite::Result<UnixMs> {
    count(row, column).map(UnixMs)
}

fn count(row: &Row, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn sql_int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn sql_place(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

const FILE: &str = "reports.db";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::report::{
        delivery::{Action, Fate},
        dmarc::{Disposition, Row as SeenRow, Seen},
    };

    const DAY: Duration = Duration::from_secs(86_400);

    fn row(source: &str, mails: u64, pass: (bool, bool), disposition: Disposition) -> SeenRow {
        let seen = Seen {
            source: source.parse().unwrap(),
            disposition,
            dkim: pass.0,
            spf: pass.1,
            header_from: "ours.example".to_string(),
            envelope_from: "bounce.example".to_string(),
            signed_by: String::new(),
            reason: String::new(),
        };
        SeenRow { mails, seen }
    }

    fn dmarc(reporter: &str, id: &str, ends: u64, rows: Vec<SeenRow>) -> (Organisation, Report) {
        let report = Aggregate {
            reporter: reporter.to_string(),
            report_id: id.to_string(),
            domain: "ours.example".to_string(),
            begins: ends - 86_400,
            ends,
            rows,
            ..Aggregate::default()
        };
        (Organisation::named("acme"), Report::Dmarc(report))
    }

    fn all(rows: usize) -> ReportFilter {
        ReportFilter { rows, ..ReportFilter::default() }
    }

    fn shown(lines: &[SourceLine]) -> Vec<String> {
        let line = |line: &SourceLine| {
            let SourceLine {
                source,
                mails,
                dkim,
                spf,
                passed,
                quarantined,
                rejected,
                reporters,
                ..
            } = line;
            format!("{source} {mails} {dkim} {spf} {passed} {quarantined} {rejected} {reporters}")
        };
        lines.iter().map(line).collect()
    }

    #[tokio::test]
    async fn a_report_is_counted_once_and_sources_are_added_up() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(100 * 86_400_000));
        let reports = Reports::beside(folder.path(), clock.clone(), 10 * DAY).unwrap();
        let first = || {
            let rows = vec![
                row("192.0.2.1", 10, (true, true), Disposition::None),
                row("192.0.2.1", 2, (false, true), Disposition::None),
                row("192.0.2.9", 3, (false, false), Disposition::Reject),
            ];
            dmarc("Far", "1", 99 * 86_400, rows)
        };
        assert_eq!(
            reports.record([1; 32], vec![first()]).await.unwrap(),
            Recorded { new: 1, known: 0 }
        );
        assert_eq!(
            reports.record([2; 32], vec![first()]).await.unwrap(),
            Recorded { new: 0, known: 1 }
        );
        // The same name for a report of another is another report; and one that lies about its time is no newer than now.
        let rows = vec![row("192.0.2.9", 4, (false, false), Disposition::Quarantine)];
        let other = dmarc("Near", "1", u64::MAX / 2, rows);
        assert_eq!(
            reports.record([3; 32], vec![other]).await.unwrap(),
            Recorded { new: 1, known: 0 }
        );
        let lines = reports.sources(all(10)).await.unwrap();
        assert_eq!(shown(&lines), ["192.0.2.1 12 10 12 12 0 0 1", "192.0.2.9 7 0 0 0 4 3 2"]);
        assert_eq!(lines[1].last, clock.now());
        assert_eq!(reports.sources(all(1)).await.unwrap().len(), 1);
        let failing = ReportFilter { only_failing: true, ..all(1) };
        assert_eq!(shown(&reports.sources(failing).await.unwrap()), shown(&lines[1..]));
        for (domain, organisation, since, want) in [
            (Some("ours.example"), None, 0, 2),
            (Some("other.example"), None, 0, 0),
            (None, Some("acme"), 0, 2),
            (None, Some("others"), 0, 0),
            (None, None, 100 * 86_400_000, 1),
        ] {
            let filter = ReportFilter {
                skip: 0,
                domain: domain.map(str::to_string),
                organisation: organisation.map(Organisation::named),
                since: UnixMs(since),
                rows: 10,
                only_failing: false,
            };
            assert_eq!(reports.sources(filter.clone()).await.unwrap().len(), want, "{filter:?}");
        }
        // What came too long ago goes when something comes.
        clock.advance(11 * DAY);
        reports.record([4; 32], vec![dmarc("Far", "2", 110 * 86_400, Vec::new())]).await.unwrap();
        assert!(reports.sources(all(10)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn complaints_and_notices_of_one_mail_are_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let reports = Reports::beside(folder.path(), Clock::by_hand(UnixMs(5_000)), DAY).unwrap();
        let complaint = Feedback {
            kind: "abuse".to_string(),
            domain: "ours.example".to_string(),
            incidents: 2,
            ..Feedback::default()
        };
        let fate = |recipient: &str| Fate {
            recipient: recipient.to_string(),
            action: Action::Failed,
            status: "5.1.1".to_string(),
            diagnostic: "550 no".to_string(),
        };
        let notice = Delivery {
            reporting_mta: "mx.far.example".to_string(),
            recipients: vec![fate("a@far.example"), fate("b@Near.example")],
            original_id: "1@ours.example".to_string(),
        };
        let owner = Organisation::implied();
        let both = || {
            vec![
                (owner.clone(), Report::Feedback(complaint.clone())),
                (owner.clone(), Report::Delivery(notice.clone())),
                (owner.clone(), Report::Unread("broken".to_string())),
            ]
        };
        assert_eq!(reports.record([7; 32], both()).await.unwrap(), Recorded { new: 2, known: 0 });
        assert_eq!(reports.record([7; 32], both()).await.unwrap(), Recorded { new: 0, known: 2 });
        assert_eq!(
            reports.record([8; 32], both()).await.unwrap().new,
            2,
            "another mail that says the same"
        );
        let complaints = reports.complaints(all(10)).await.unwrap();
        assert_eq!(
            (complaints.len(), complaints[0].incidents, complaints[0].came),
            (2, 2, UnixMs(5_000))
        );
        let near = ReportFilter { domain: Some("near.example".to_string()), ..all(10) };
        let notices = reports.deliveries(near).await.unwrap();
        assert_eq!((notices.len(), notices[0].recipient.as_str()), (2, "b@Near.example"));
        assert_eq!(reports.deliveries(all(10)).await.unwrap().len(), 4);
    }

    #[tokio::test]
    async fn what_names_people_goes_sooner() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000 * 86_400_000));
        let reports = Reports::beside(folder.path(), clock.clone(), 400 * DAY).unwrap();
        let complaint = Feedback { kind: "abuse".to_string(), ..Feedback::default() };
        let rows = vec![row("192.0.2.1", 1, (true, true), Disposition::None)];
        let both = [
            dmarc("Far", "1", 999 * 86_400, rows),
            (Organisation::implied(), Report::Feedback(complaint)),
        ];
        reports.record([1; 32], both.to_vec()).await.unwrap();
        clock.advance(limits::REPORT_NAMES_KEPT_MAX + DAY);
        reports.record([2; 32], Vec::new()).await.unwrap();
        assert_eq!(reports.complaints(all(10)).await.unwrap(), []);
        assert_eq!(reports.sources(all(10)).await.unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_database_is_put_aside_by_the_gateway() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join(FILE),
            "no database at all, but long enough to be looked at",
        )
        .unwrap();
        let clock = Clock::by_hand(UnixMs(1));
        assert!(Reports::beside(folder.path(), clock.clone(), DAY).is_err());
        let (_, set_aside) = Reports::open(folder.path(), clock, DAY).unwrap();
        assert!(set_aside.is_some());
    }
}
