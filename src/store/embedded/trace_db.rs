//! The trace in SQLite. Writing never waits and never stops mail: when rows come faster than the disk takes them, they are counted and dropped.

use super::db::{Db, Options, Promise};
use crate::{
    base::{clock::Clock, ids::Id, limits},
    mail::Organisation,
    store::{
        StoreError, private,
        trace::{TraceRecipient, TraceRow},
    },
};
use rusqlite::params;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The trace on this machine.
#[derive(Clone)]
pub struct Trace {
    db: Db,
    clock: Clock,
    keep: Duration,
    dropped: Arc<AtomicU64>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceQuery {
    /// Part of sender or recipient.
    pub text: Option<String>,
    /// At most this many, newest first.
    pub rows: usize,
}

const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE mail (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    at INTEGER NOT NULL,
    direction TEXT NOT NULL,
    listener TEXT NOT NULL,
    peer TEXT NOT NULL,
    helo TEXT NOT NULL,
    tls TEXT NOT NULL,
    sender TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    action TEXT NOT NULL,
    score REAL NOT NULL,
    reason TEXT NOT NULL,
    reply TEXT NOT NULL,
    findings TEXT NOT NULL,
    examined_us INTEGER NOT NULL,
    dot_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE recipient (
    mail TEXT NOT NULL,
    organisation TEXT NOT NULL,
    at INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    status TEXT NOT NULL,
    next_hop TEXT NOT NULL,
    said TEXT NOT NULL,
    delay_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mail_by_time ON mail (at);
CREATE INDEX recipient_by_mail ON recipient (mail);
CREATE INDEX recipient_by_time ON recipient (at);
",
    "
-- One mail may be for several organisations: each has its own row of it and sees no other.
CREATE TABLE mail_of (
    id TEXT NOT NULL,
    organisation TEXT NOT NULL,
    at INTEGER NOT NULL,
    direction TEXT NOT NULL,
    listener TEXT NOT NULL,
    peer TEXT NOT NULL,
    helo TEXT NOT NULL,
    tls TEXT NOT NULL,
    sender TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    action TEXT NOT NULL,
    score REAL NOT NULL,
    reason TEXT NOT NULL,
    reply TEXT NOT NULL,
    findings TEXT NOT NULL,
    examined_us INTEGER NOT NULL,
    dot_ms INTEGER NOT NULL,
    PRIMARY KEY (id, organisation)
) STRICT, WITHOUT ROWID;
INSERT INTO mail_of SELECT * FROM mail;
DROP TABLE mail;
ALTER TABLE mail_of RENAME TO mail;
CREATE INDEX mail_by_time ON mail (at);
CREATE INDEX mail_by_organisation ON mail (organisation, at);
",
];

impl Trace {
    /// Opens the trace in `folder`; rows older than `keep` go.
    pub fn open(folder: &Path, clock: Clock, keep: Duration) -> Result<Trace, StoreError> {
        private::folder(folder)?;
        let options = Options {
            promise: Promise::Normal,
            gather: limits::TRACE_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::TRACE_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&folder.join("trace.db"), options)?;
        Ok(Trace { db, clock, keep, dropped: Arc::default() })
    }

    /// Writes down a transaction.
    pub fn record(&self, row: TraceRow) {
        let taken = self.db.write_soon(move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO mail VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
                )?
                .execute(params![
                    row.id.to_string(),
                    row.organisation.name(),
                    sql_int(row.at.0),
                    row.direction,
                    row.listener,
                    row.peer,
                    row.helo,
                    row.tls,
                    row.sender,
                    sql_int(row.bytes),
                    row.action,
                    f64::from(row.score),
                    row.reason,
                    row.reply,
                    row.findings,
                    sql_int(row.examined_us),
                    sql_int(row.dot_ms),
                ])?;
            insert_recipients(connection, row.id, row.organisation.name(), &row.recipients)
        });
        self.count(taken);
    }

    /// Writes down what became of a recipient later.
    pub fn record_recipient(&self, id: Id, organisation: &str, recipient: TraceRecipient) {
        let organisation = organisation.to_string();
        let taken = self.db.write_soon(move |connection| {
            insert_recipients(connection, id, &organisation, &[recipient])
        });
        self.count(taken);
    }

    fn count(&self, taken: bool) {
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Rows that were dropped because the disk was too slow.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// One transaction as JSON, with its recipients, once for each organisation that has a part in it; or as this organisation may see it.
    pub async fn show(
        &self,
        id: Id,
        organisation: Option<Organisation>,
    ) -> Result<Vec<serde_json::Value>, StoreError> {
        self.db
            .read("looking up a transaction", move |connection| {
                let only = organisation.map(|organisation| organisation.name().to_string());
                let mut mails: Vec<serde_json::Value> = connection
                    .prepare(
                        "SELECT at, direction, listener, peer, helo, tls, sender, bytes, action, score, reason, reply, findings,
                         examined_us, dot_ms, organisation FROM mail WHERE id = ?1 AND (?2 IS NULL OR organisation = ?2)
                         ORDER BY organisation",
                    )?
                    .query_map(
                        params![id.to_string(), only],
                        |row| {
                            let findings: String = row.get(12)?;
                            Ok(serde_json::json!({
                                "id": id.to_string(), "at_ms": row.get::<_, i64>(0)?, "direction": row.get::<_, String>(1)?,
                                "listener": row.get::<_, String>(2)?, "peer": row.get::<_, String>(3)?, "helo": row.get::<_, String>(4)?,
                                "tls": row.get::<_, String>(5)?, "sender": row.get::<_, String>(6)?, "bytes": row.get::<_, i64>(7)?,
                                "action": row.get::<_, String>(8)?, "score": row.get::<_, f64>(9)?, "reason": row.get::<_, String>(10)?,
                                "reply": row.get::<_, String>(11)?,
                                "findings": serde_json::from_str::<serde_json::Value>(&findings).unwrap_or(serde_json::Value::Null),
                                "examined_us": row.get::<_, i64>(13)?, "dot_ms": row.get::<_, i64>(14)?,
                                "organisation": row.get::<_, String>(15)?,
                            }))
                        },
                    )?
                    .collect::<Result<_, _>>()?;
                let mut of_one = connection.prepare(
                    "SELECT at, recipient, status, next_hop, said, delay_ms FROM recipient
                     WHERE mail = ?1 AND organisation = ?2 ORDER BY rowid",
                )?;
                for mail in &mut mails {
                    let owner = mail.get("organisation").and_then(|name| name.as_str());
                    let owner = owner.unwrap_or_default().to_string();
                    let recipients: Vec<serde_json::Value> = of_one
                    .query_map([id.to_string(), owner], |row| {
                        Ok(serde_json::json!({
                            "at_ms": row.get::<_, i64>(0)?, "recipient": row.get::<_, String>(1)?, "status": row.get::<_, String>(2)?,
                            "next_hop": row.get::<_, String>(3)?, "said": row.get::<_, String>(4)?, "delay_ms": row.get::<_, i64>(5)?,
                        }))
                    })?
                    .collect::<Result<_, _>>()?;
                    if let Some(fields) = mail.as_object_mut() {
                        fields.insert(
                            "recipients".to_string(),
                            serde_json::Value::Array(recipients),
                        );
                    }
                }
                Ok(mails)
            })
            .await
    }

    /// How many transactions of each organisation ended in each action since `since_ms`: organisation, action, count.
    pub async fn counts_by_organisation(
        &self,
        since_ms: u64,
    ) -> Result<Vec<(String, String, u64)>, StoreError> {
        self.db
            .read("counting the trace", move |connection| {
                connection
                    .prepare("SELECT organisation, action, count(*) FROM mail WHERE at >= ?1 GROUP BY organisation, action ORDER BY organisation, action")?
                    .query_map([sql_int(since_ms)], |row| {
                        Ok((row.get(0)?, row.get(1)?, u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0)))
                    })?
                    .collect()
            })
            .await
    }

    /// How many transactions ended in each action since `since_ms`.
    pub async fn counts(&self, since_ms: u64) -> Result<Vec<(String, u64)>, StoreError> {
        self.db
            .read("counting the trace", move |connection| {
                connection
                    .prepare("SELECT action, count(*) FROM mail WHERE at >= ?1 GROUP BY action ORDER BY action")?
                    .query_map([sql_int(since_ms)], |row| {
                        Ok((row.get::<_, String>(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
                    })?
                    .collect()
            })
            .await
    }

    /// Deletes what is too old, at most ten thousand rows a call.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let before = sql_int(self.clock.now().minus(self.keep).0);
        self.db
            .write("keeping the trace small", move |connection| {
                let mails = connection
                    .execute("DELETE FROM mail WHERE (id, organisation) IN (SELECT id, organisation FROM mail WHERE at < ?1 LIMIT 10000)", [before])?;
                let recipients = connection.execute(
                    "DELETE FROM recipient WHERE rowid IN (SELECT rowid FROM recipient WHERE at < ?1 LIMIT 10000)",
                    [before],
                )?;
                Ok(mails + recipients)
            })
            .await
    }
}

fn insert_recipients(
    connection: &rusqlite::Connection,
    id: Id,
    organisation: &str,
    recipients: &[TraceRecipient],
) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO recipient VALUES (?1,?2,?3,?4,?5,?6,?7,?8)")?;
    for row in recipients {
        insert.execute(params![
            id.to_string(),
            organisation,
            sql_int(row.at.0),
            row.recipient,
            row.status,
            row.next_hop,
            row.said,
            sql_int(row.delay_ms),
        ])?;
    }
    Ok(())
}

fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    #[test]
    fn the_folder_is_closed_to_others() {
        use std::{fs, os::unix::fs::PermissionsExt};
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("trace");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let _trace = Trace::open(&folder, Clock::by_hand(UnixMs(1)), Duration::ZERO).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[tokio::test]
    async fn what_is_recorded_is_shown_and_forgotten_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000_000));
        let trace = Trace::open(folder.path(), clock.clone(), Duration::from_secs(60)).unwrap();
        let id = Id::new(clock.now(), [3; 10]);
        let recipient = |status: &str| TraceRecipient {
            recipient: "b@ours.example".to_string(),
            at: clock.now(),
            status: status.to_string(),
            next_hop: "smtp://192.0.2.5:25".to_string(),
            said: "250 ok".to_string(),
            delay_ms: 12,
        };
        trace.record(TraceRow {
            id,
            organisation: Organisation::implied(),
            at: clock.now(),
            direction: "inbound",
            listener: "in".to_string(),
            peer: "192.0.2.1".to_string(),
            helo: "x".to_string(),
            tls: String::new(),
            sender: "a@example.org".to_string(),
            bytes: 10,
            action: "deliver".to_string(),
            score: 0.5,
            reason: String::new(),
            reply: "250 2.0.0 queued".to_string(),
            findings: "[{\"id\":\"subject.missing\"}]".to_string(),
            examined_us: 5,
            dot_ms: 6,
            recipients: vec![recipient("queued")],
        });
        trace.record_recipient(id, "default", recipient("delivered"));
        assert_eq!(trace.retain().await.unwrap(), 0);
        let shown = trace.show(id, None).await.unwrap().remove(0);
        let other = trace.show(id, Some(Organisation::named("other"))).await.unwrap();
        assert!(other.is_empty(), "nobody sees another organisation's row");
        assert_eq!(shown["findings"][0]["id"], "subject.missing");
        assert_eq!(shown["recipients"][1]["status"], "delivered");
        assert_eq!(trace.counts(0).await.unwrap(), [("deliver".to_string(), 1)]);
        clock.advance(Duration::from_secs(61));
        assert_eq!(trace.retain().await.unwrap(), 3);
        assert!(trace.show(id, None).await.unwrap().is_empty());
        assert_eq!(trace.dropped(), 0);
    }
}
