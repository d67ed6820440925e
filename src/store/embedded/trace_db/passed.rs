//! Reading forward what passed, a step at a time, for controls: over what channel each delivery went, and whether there was personal data in it.

use super::{Trace, unsigned};
use crate::{
    base::{clock::UnixMs, limits},
    store::{StoreError, trace::Passed},
};
use rusqlite::{Connection, params};

impl Trace {
    /// Rows about recipients behind this one, in the order in which they were written; an empty list is the end.
    pub async fn passed(&self, after: i64) -> Result<Vec<Passed>, StoreError> {
        self.db.read("reading what passed", move |connection| read(connection, after)).await
    }

    /// The row behind which everything since a moment is to be found.
    pub async fn passed_before(&self, since: UnixMs) -> Result<i64, StoreError> {
        self.db
            .read("reading what passed", move |connection| {
                // Rows are written nearly in the order of their times.
                let first: Option<i64> = connection
                    .prepare_cached(
                        "SELECT min(rowid) FROM (SELECT rowid FROM recipient WHERE at >= ?1 ORDER BY at LIMIT ?2)",
                    )?
                    .query_row(params![super::sql_int(since.0), limits::CONTROL_ROWS_STEP], |row| row.get(0))?;
                match first {
                    Some(first) => Ok(first.saturating_sub(1)),
                    None => last(connection),
                }
            })
            .await
    }

    /// The row that was written last.
    pub async fn passed_last(&self) -> Result<i64, StoreError> {
        self.db.read("reading what passed", last).await
    }
}

fn last(connection: &Connection) -> rusqlite::Result<i64> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(rowid) FROM recipient")?
        .query_row([], |row| row.get(0))?;
    Ok(last.unwrap_or(0))
}

fn read(connection: &Connection, after: i64) -> rusqlite::Result<Vec<Passed>> {
    // A quote in a text is escaped, so that only a finding's own id can look like this.
    connection
        .prepare_cached(
            "SELECT r.rowid, r.at, r.organisation, r.mail, r.recipient, r.status, r.channel, coalesce(m.direction, ''), coalesce(m.sender, ''),
             CASE WHEN instr(m.findings, '\"id\":\"personal.') > 0 THEN m.findings ELSE '' END
             FROM recipient r LEFT JOIN mail m ON m.id = r.mail AND m.organisation = r.organisation
             WHERE r.rowid > ?1 ORDER BY r.rowid LIMIT ?2",
        )?
        .query_map(params![after, limits::CONTROL_ROWS_STEP], |row| {
            let channel: String = row.get(6)?;
            Ok(Passed {
                row: row.get(0)?,
                at: UnixMs(unsigned(row.get(1)?)),
                organisation: row.get(2)?,
                mail: row.get(3)?,
                recipient: row.get(4)?,
                status: row.get(5)?,
                channel: serde_json::from_str(&channel).ok(),
                direction: row.get(7)?,
                sender: row.get(8)?,
                personal: row.get(9)?,
            })
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::TraceOptions;
    use super::*;
    use crate::{
        base::{clock::Clock, ids::Id},
        mail::Organisation,
        store::trace::{About, Decision, Took, TraceRecipient, TraceRow},
        wire::tls::{Channel, InClear},
    };
    use std::time::Duration;

    fn row(number: u8, at: UnixMs, findings: &str) -> TraceRow {
        let recipient = TraceRecipient {
            recipient: "kim@region.example".to_string(),
            at,
            status: "delivered".to_string(),
            next_hop: String::new(),
            said: "250 ok".to_string(),
            delay_ms: 12,
            would: String::new(),
            action: String::new(),
            tls: String::new(),
            channel: Some(Channel::clear(InClear::NotOffered)),
            blocked_by: None,
        };
        TraceRow {
            id: Id::new(at, [number; 10]),
            organisation: Organisation::named("acme"),
            at,
            direction: "outbound",
            listener: "out".to_string(),
            peer: "10.0.0.5".to_string(),
            helo: String::new(),
            tls: String::new(),
            sender: "anna@acme.example".to_string(),
            bytes: 100,
            about: About::default(),
            decision: Decision { findings: findings.to_string(), ..Decision::default() },
            reply: String::new(),
            took: Took::default(),
            recipients: vec![recipient],
        }
    }

    #[tokio::test]
    async fn what_passed_is_read_forward_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(100_000));
        let options = TraceOptions { keep: Duration::from_secs(86_400), bytes_max: 1 << 30 };
        let (trace, _) = Trace::open(folder.path(), clock.clone(), options).unwrap();
        assert_eq!(trace.passed_before(UnixMs(0)).await.unwrap(), 0);
        let personal = r#"[{"id":"personal.se.personnummer","because":"x"}]"#;
        // A stranger's text that looks like a finding is none.
        let feigned = r#"[{"id":"subject.x","because":"\"id\":\"personal.x\""}]"#;
        for (number, at, findings) in
            [(1, 10_000, "[]"), (2, 20_000, personal), (3, 30_000, feigned)]
        {
            trace.record(row(number, UnixMs(at), findings));
        }
        // Writing answers nobody; the same thread answers this.
        trace.retain().await.unwrap();
        let all = trace.passed(0).await.unwrap();
        let seen: Vec<_> = all.iter().map(|one| (one.at.0, one.personal.as_str())).collect();
        assert_eq!(seen, [(10_000, ""), (20_000, personal), (30_000, "")]);
        assert_eq!(
            (all[1].direction.as_str(), all[1].sender.as_str()),
            ("outbound", "anna@acme.example")
        );
        assert_eq!(all[1].channel, Some(Channel::clear(InClear::NotOffered)));
        let last = trace.passed_last().await.unwrap();
        assert_eq!(last, all[2].row);
        assert_eq!(trace.passed(last).await.unwrap(), []);
        assert_eq!(trace.passed_before(UnixMs(20_000)).await.unwrap(), all[0].row);
        assert_eq!(trace.passed_before(UnixMs(40_000)).await.unwrap(), last);
    }
}
