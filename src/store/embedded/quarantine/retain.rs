//! Keeping the quarantine small: what has had its time goes, and what is over the bound.
//!
//! What is held and the copies of what was refused have a bound each: a flood of refused mail pushes out nothing that somebody waits for.

use super::{Quarantine, rows::delete_rows, sql_int};
use crate::{base::limits, store::StoreError};
use rusqlite::{Connection, params};
use std::collections::HashSet;

impl Quarantine {
    /// Deletes what has expired and, oldest first, what is over the bound in bytes; gives how many rows went.
    ///
    /// A few rows in a commit, and others' commits between them, so that mail never waits for more than a few.
    /// Ends after a bounded time; what is left goes in the next round.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let doomed = std::mem::take(&mut *self.doomed());
        self.destroy(doomed).await;
        let began = self.clock.tick();
        let mut rows = 0;
        loop {
            let step = self.retain_step().await?;
            rows += step;
            let over = self.clock.tick().since(began) >= limits::RETAIN_TIME_MAX;
            if step < limits::RETAIN_STEP_ROWS || over {
                return Ok(rows);
            }
        }
    }

    /// One commit's worth of it.
    pub(super) async fn retain_step(&self) -> Result<usize, StoreError> {
        let (now, options) = (self.clock.now(), self.options);
        let (bytes_max, refused_bytes_max) = (options.bytes_max, options.refused_bytes_max);
        let removed = self
            .db
            .write("keeping the quarantine small", move |connection| {
                let step = sql_int(u64::try_from(limits::RETAIN_STEP_ROWS).unwrap_or(0));
                let mut ids: Vec<String> = connection
                    .prepare_cached(
                        "SELECT id FROM held WHERE expires <= ?1 ORDER BY expires LIMIT ?2",
                    )?
                    .query_map([sql_int(now.0), step], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                if ids.is_empty() {
                    ids = over(connection, Kind::Held, bytes_max)?;
                }
                if ids.is_empty() {
                    ids = over(connection, Kind::Refused, refused_bytes_max)?;
                }
                delete_rows(connection, &ids)
            })
            .await?;
        let rows = removed.rows;
        self.after_removal(removed).await;
        Ok(rows)
    }
}

/// What has a bound of its own.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Held,
    Refused,
}

/// The oldest rows of a kind that is over its bound: one step's worth of them.
fn over(connection: &Connection, kind: Kind, bytes_max: u64) -> rusqlite::Result<Vec<String>> {
    let (total, refused) = match kind {
        Kind::Held => ("SELECT bytes FROM total", 0),
        Kind::Refused => ("SELECT refused_bytes FROM total", 1),
    };
    let total: i64 = connection.query_row(total, [], |row| row.get(0))?;
    let mut over = u64::try_from(total).unwrap_or(0).saturating_sub(bytes_max);
    let step = sql_int(u64::try_from(limits::RETAIN_STEP_ROWS).unwrap_or(0));
    let (mut ids, mut seen) = (Vec::new(), HashSet::new());
    let mut oldest = connection.prepare_cached(
        "SELECT held.id, blob.id, blob.bytes FROM held JOIN blob ON blob.id = held.blob WHERE held.refused = ?1 ORDER BY held_at LIMIT ?2",
    )?;
    let mut rows = oldest.query(params![refused, step])?;
    while over > 0
        && let Some(row) = rows.next()?
    {
        ids.push(row.get(0)?);
        // A file goes with its last row; it counts once.
        if seen.insert(row.get::<_, String>(1)?) {
            over = over.saturating_sub(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0));
        }
    }
    Ok(ids)
}
