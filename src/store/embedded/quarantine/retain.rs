//! Keeping the quarantine small: what has had its time goes, and what is over the bound.
//!
//! What is held and the copies of what was refused have a bound each: a flood of refused mail pushes out nothing that somebody waits for.

use super::{Quarantine, rows::delete_rows, sql_int};
use crate::{base::limits, store::StoreError};
use rusqlite::{Connection, params};
use std::{collections::HashSet, time::Duration};

impl Quarantine {
    /// Deletes what has expired and, oldest first, what is over the bound in bytes; gives how many rows went.
    ///
    /// A few rows in a commit, and others' commits between them, so that mail never waits for more than a few: fewer while a step takes
    /// long, because rows are large, the disk is slow or mail is coming; and each step is followed by a rest as long as it took.
    /// Ends after a bounded time; what is left goes in the next round.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let doomed = std::mem::take(&mut *self.doomed());
        self.destroy(doomed).await;
        let began = self.clock.tick();
        let (mut rows, mut most) = (0, limits::RETAIN_STEP_ROWS);
        loop {
            let step_began = self.clock.tick();
            let step = self.retain_step(most).await?;
            rows += step;
            let now = self.clock.tick();
            if step < most || now.since(began) >= limits::RETAIN_TIME_MAX {
                return Ok(rows);
            }
            let took = now.since(step_began);
            most = rows_after(most, took);
            tokio::time::sleep(took).await;
        }
    }

    /// One commit's worth of it.
    pub(super) async fn retain_step(&self, rows_max: usize) -> Result<usize, StoreError> {
        let (now, options) = (self.clock.now(), self.options);
        let (bytes_max, refused_bytes_max) = (options.bytes_max, options.refused_bytes_max);
        let removed = self
            .db
            .write("keeping the quarantine small", move |connection| {
                let step = sql_int(u64::try_from(rows_max).unwrap_or(0));
                let mut ids: Vec<String> = connection
                    .prepare_cached(
                        "SELECT id FROM held WHERE expires <= ?1 ORDER BY expires LIMIT ?2",
                    )?
                    .query_map([sql_int(now.0), step], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                if ids.is_empty() {
                    ids = over(connection, Kind::Held, bytes_max, step)?;
                }
                if ids.is_empty() {
                    ids = over(connection, Kind::Refused, refused_bytes_max, step)?;
                }
                delete_rows(connection, &ids)
            })
            .await?;
        let rows = removed.rows;
        self.after_removal(removed).await;
        Ok(rows)
    }
}

/// How many rows the next step takes, after one of so many that took so long.
fn rows_after(rows: usize, took: Duration) -> usize {
    match took {
        took if took > limits::RETAIN_STEP_TIME_FAIR => rows / 2,
        took if took < limits::RETAIN_STEP_TIME_FAIR / 4 => rows.saturating_mul(2),
        _ => rows,
    }
    .clamp(limits::RETAIN_STEP_ROWS_MIN, limits::RETAIN_STEP_ROWS)
}

/// What has a bound of its own.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Held,
    Refused,
}

/// The oldest rows of a kind that is over its bound: one step's worth of them. What waits in the portal was promised to its sender, and stays its time.
fn over(
    connection: &Connection,
    kind: Kind,
    bytes_max: u64,
    step: i64,
) -> rusqlite::Result<Vec<String>> {
    let (total, refused) = match kind {
        Kind::Held => ("SELECT bytes FROM total", 0),
        Kind::Refused => ("SELECT refused_bytes FROM total", 1),
    };
    let mut total: i64 = connection.query_row(total, [], |row| row.get(0))?;
    if refused == 0 {
        total -= portal_bytes(connection)?;
    }
    let mut over = u64::try_from(total).unwrap_or(0).saturating_sub(bytes_max);
    let (mut ids, mut seen) = (Vec::new(), HashSet::new());
    let mut oldest = connection.prepare_cached(
        "SELECT held.id, blob.id, blob.bytes FROM held JOIN blob ON blob.id = held.blob WHERE held.refused = ?1 AND held.state NOT IN ('portal', 'files') ORDER BY held_at LIMIT ?2",
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

/// Bytes of what waits in the portal.
pub(super) fn portal_bytes(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "SELECT coalesce(sum(bytes), 0) FROM blob WHERE id IN (SELECT blob FROM held WHERE state IN ('portal', 'files'))",
        )?
        .query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_as_small_as_they_must_be() {
        let (most, least) = (limits::RETAIN_STEP_ROWS, limits::RETAIN_STEP_ROWS_MIN);
        let fair = limits::RETAIN_STEP_TIME_FAIR;
        for (rows, took, want) in [
            (most, Duration::ZERO, most),
            (most, fair * 3, most / 2),
            (40, fair, 40),
            (40, fair / 5, 80),
            (least, fair * 9, least),
        ] {
            assert_eq!(rows_after(rows, took), want, "{rows} rows in {took:?}");
        }
    }
}
