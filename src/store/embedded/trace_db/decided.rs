//! Reading forward what was decided, a step at a time, for those who decide anew.

use super::{MIGRATIONS, Trace, find::first_reaching, unsigned};
use crate::{
    base::{clock::UnixMs, limits},
    store::{
        StoreError,
        embedded::db::refuse_newer,
        trace::{Decided, DecidedRecipient},
    },
};
use rusqlite::{Connection, OpenFlags, params};
use std::{path::Path, time::Duration};

impl Trace {
    /// Judged mails since a moment, oldest first, behind the one numbered `after`; an empty list is the end.
    pub async fn decided(&self, since: UnixMs, after: u64) -> Result<Vec<Decided>, StoreError> {
        self.db
            .read("reading what was decided", move |connection| read(connection, since, after))
            .await
    }
}

/// The trace of a gateway that may be running, for a command that only reads.
#[derive(Debug)]
pub struct TraceReader {
    connection: Connection,
}

impl TraceReader {
    /// Opens it; `folder` is the trace's. Fails where there is none, or one of another version of this program.
    pub fn open(folder: &Path) -> Result<TraceReader, StoreError> {
        let failed = |source| StoreError::Database { what: "opening the trace", source };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let file = folder.join("trace.db");
        refuse_newer(&file, MIGRATIONS)?;
        let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failed)?;
        match usize::try_from(version) == Ok(MIGRATIONS.len()) {
            true => Ok(TraceReader { connection }),
            false => Err(StoreError::Damaged {
                what: "the trace".to_string(),
                why: format!(
                    "it has schema {version}, this program knows {}: start the gateway of the same version first",
                    MIGRATIONS.len()
                ),
            }),
        }
    }

    /// The same as [`Trace::decided`].
    pub fn decided(&self, since: UnixMs, after: u64) -> Result<Vec<Decided>, StoreError> {
        let failed = |source| StoreError::Database { what: "reading what was decided", source };
        read(&self.connection, since, after).map_err(failed)
    }
}

fn read(connection: &Connection, since: UnixMs, after: u64) -> rusqlite::Result<Vec<Decided>> {
    let first = first_reaching(connection, since)?;
    let after = super::sql_int(after).max(first.saturating_sub(1));
    let rows = i64::try_from(limits::REPLAY_STEP_ROWS).unwrap_or(i64::MAX);
    let mut mails: Vec<Decided> = connection
        .prepare_cached(
            "SELECT l.number, m.id, m.organisation, m.at, m.direction, m.peer, m.sender, m.header_from, m.subject, m.action, m.findings
             FROM line l JOIN mail m ON m.id = l.id AND m.organisation = l.organisation
             WHERE l.number > ?1 AND m.at >= ?2 ORDER BY l.number LIMIT ?3",
        )?
        .query_map(params![after, super::sql_int(since.0), rows], |row| {
            Ok(Decided {
                number: unsigned(row.get(0)?),
                id: row.get(1)?,
                organisation: row.get(2)?,
                at: UnixMs(unsigned(row.get(3)?)),
                direction: row.get(4)?,
                peer: row.get(5)?,
                sender: row.get(6)?,
                from: row.get(7)?,
                subject: row.get(8)?,
                action: row.get(9)?,
                findings: row.get(10)?,
                recipients: Vec::new(),
            })
        })?
        .collect::<Result<_, _>>()?;
    let mut of_mail = connection.prepare_cached(
        "SELECT recipient, action, status FROM recipient WHERE mail = ?1 AND organisation = ?2 ORDER BY at, rowid LIMIT ?3",
    )?;
    let bound = i64::try_from(limits::TRACE_RECIPIENT_ROWS_MAX).unwrap_or(i64::MAX);
    for mail in mails.iter_mut().filter(|mail| !mail.action.is_empty()) {
        let given = params![mail.id, mail.organisation, bound];
        mail.recipients = of_mail
            .query_map(given, |row| {
                Ok(DecidedRecipient {
                    recipient: row.get(0)?,
                    action: row.get(1)?,
                    status: row.get(2)?,
                })
            })?
            .collect::<Result<_, _>>()?;
    }
    Ok(mails)
}
