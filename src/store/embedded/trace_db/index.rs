//! The index over the trace, filled behind the mail: rows are written first, and a second later their words and their place in the statistics.
//!
//! Every step reads rows forward from where the last one ended and moves that mark in the same commit, so that nothing is counted twice
//! and nothing is left out, whenever the power goes. What is not indexed yet is looked through row by row (`find`).

use super::{
    Trace, tally,
    words::{client_marks, finding_mark, fold, mark, spaced},
};
use crate::{base::limits, store::StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use std::{collections::BTreeSet, net::IpAddr};

impl Trace {
    /// Indexes what has been written, a bounded number of rows in a commit; gives how many.
    pub async fn index(&self) -> Result<usize, StoreError> {
        let began = self.clock.tick();
        let mut rows = 0_usize;
        loop {
            let done = self.db.write("indexing the trace", step).await?;
            rows = rows.saturating_add(done);
            let over = self.clock.tick().since(began) >= limits::RETAIN_TIME_MAX;
            if done < limits::TRACE_INDEX_STEP_ROWS || over {
                return Ok(rows);
            }
        }
    }
}

/// A row as index and statistics need it.
#[derive(Debug, Default)]
pub(super) struct Indexed {
    pub(super) number: i64,
    pub(super) organisation: String,
    pub(super) at: i64,
    pub(super) direction: String,
    pub(super) peer: String,
    pub(super) helo: String,
    pub(super) tls: String,
    pub(super) sender: String,
    pub(super) bytes: i64,
    pub(super) action: String,
    pub(super) would: String,
    pub(super) decided_by: String,
    pub(super) reply: String,
    pub(super) findings: Vec<Seen>,
    pub(super) subject: String,
    pub(super) from: String,
    pub(super) message_id: String,
    pub(super) peer_name: String,
    pub(super) dot_ms: i64,
    /// Recipients, each once.
    pub(super) recipients: BTreeSet<String>,
    /// What was said of them, with the server that said it, each once.
    pub(super) said: BTreeSet<String>,
}

/// As much of a finding as is counted.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Seen {
    /// Its id.
    pub(super) id: String,
    /// Its category.
    #[serde(default)]
    pub(super) category: String,
}

fn step(connection: &Connection) -> rusqlite::Result<usize> {
    let mut tally = tally::Gathered::default();
    let again = changed(connection)?;
    for (number, recount) in &again {
        let Some(row) = load(connection, *number)? else { continue };
        connection.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([number])?;
        insert(connection, &row)?;
        if *recount {
            tally.take_back_unjudged(&row);
            tally.count(&row);
        }
    }
    connection.prepare_cached("DELETE FROM again")?.execute([])?;
    let mark = indexed_to(connection)?;
    let numbers: Vec<i64> = connection
        .prepare_cached("SELECT number FROM line WHERE number > ?1 ORDER BY number LIMIT ?2")?
        .query_map(
            params![mark, i64::try_from(limits::TRACE_INDEX_STEP_ROWS).unwrap_or(0)],
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    for number in &numbers {
        if let Some(row) = load(connection, *number)? {
            insert(connection, &row)?;
            tally.count(&row);
        }
    }
    if let Some(last) = numbers.last() {
        connection.prepare_cached("UPDATE indexed SET number = ?1")?.execute([last])?;
    }
    tally.write(connection)?;
    Ok(numbers.len())
}

/// Rows that have changed since they were indexed, and whether they are counted anew.
fn changed(connection: &Connection) -> rusqlite::Result<Vec<(i64, bool)>> {
    connection
        .prepare_cached("SELECT number, recount FROM again")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The last row that is in the index.
pub(super) fn indexed_to(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT number FROM indexed")?.query_one([], |row| row.get(0))
}

/// A row that was indexed and has changed is indexed again; one that was not will be in any case.
pub(super) fn note_change(
    connection: &Connection,
    id: &str,
    organisation: &str,
    recount: bool,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO again (number, recount) SELECT number, ?3 FROM mail WHERE id = ?1 AND organisation = ?2
             AND number <= (SELECT number FROM indexed)
             ON CONFLICT (number) DO UPDATE SET recount = max(recount, excluded.recount)",
        )?
        .execute(params![id, organisation, recount])
        .map(|_| ())
}

fn load(connection: &Connection, number: i64) -> rusqlite::Result<Option<Indexed>> {
    let row = connection
        .prepare_cached(
            "SELECT m.organisation, m.at, m.direction, m.peer, m.helo, m.tls, m.sender, m.bytes, m.action, m.would, m.decided_by, m.reply,
             m.findings, m.subject, m.header_from, m.message_id, m.peer_name, m.dot_ms, m.id
             FROM line l JOIN mail m ON m.id = l.id AND m.organisation = l.organisation WHERE l.number = ?1",
        )?
        .query_row([number], |row| {
            let findings: String = row.get(12)?;
            let indexed = Indexed {
                number,
                organisation: row.get(0)?,
                at: row.get(1)?,
                direction: row.get(2)?,
                peer: row.get(3)?,
                helo: row.get(4)?,
                tls: row.get(5)?,
                sender: row.get(6)?,
                bytes: row.get(7)?,
                action: row.get(8)?,
                would: row.get(9)?,
                decided_by: row.get(10)?,
                reply: row.get(11)?,
                findings: serde_json::from_str(&findings).unwrap_or_default(),
                subject: row.get(13)?,
                from: row.get(14)?,
                message_id: row.get(15)?,
                peer_name: row.get(16)?,
                dot_ms: row.get(17)?,
                ..Indexed::default()
            };
            Ok((indexed, row.get::<_, String>(18)?))
        })
        .optional()?;
    let Some((mut indexed, id)) = row else { return Ok(None) };
    // The id stands in every reply of ours and is looked for as such: it would be a word of its own for each mail.
    let without_id = |text: &str| text.replace(id.as_str(), " ");
    indexed.reply = without_id(&indexed.reply);
    let mut of_mail = connection.prepare_cached(
        "SELECT recipient, next_hop, said FROM recipient WHERE mail = ?1 AND organisation = ?2 ORDER BY rowid LIMIT ?3",
    )?;
    let bound = i64::try_from(limits::TRACE_RECIPIENT_ROWS_MAX).unwrap_or(i64::MAX);
    let mut rows = of_mail.query(params![id, indexed.organisation, bound])?;
    while let Some(row) = rows.next()? {
        let text = |column: usize| row.get::<_, String>(column);
        indexed.recipients.insert(text(0)?);
        let said = without_id(&text(2)?);
        if indexed.said.len() < limits::TRACE_SAID_MAX {
            indexed.said.insert(format!("{} {said}", text(1)?));
        }
    }
    Ok(Some(indexed))
}

fn insert(connection: &Connection, row: &Indexed) -> rusqlite::Result<()> {
    let recipients: Vec<&str> =
        row.recipients.iter().take(limits::TRACE_SAID_MAX).map(String::as_str).collect();
    let said: Vec<&str> = row.said.iter().map(String::as_str).collect();
    let reply = format!("{} {}", row.reply, said.join(" "));
    connection
        .prepare_cached(
            "INSERT INTO words (rowid, subject, sender, recipient, message_id, reply, client, marks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row.number,
            spaced(&fold(&row.subject)),
            spaced(&fold(&format!("{} {}", row.sender, row.from))),
            spaced(&fold(&recipients.join(" "))),
            spaced(&fold(&row.message_id)),
            spaced(&fold(&reply)),
            spaced(&fold(&format!("{} {}", row.helo, row.peer_name))),
            marks(row).join(" "),
        ])
        .map(|_| ())
}

/// Words for what is asked by equality.
fn marks(row: &Indexed) -> Vec<String> {
    let action = if row.action.is_empty() { "none" } else { row.action.as_str() };
    let mut marks =
        vec![mark('a', action), mark('d', &row.direction), mark('o', &row.organisation)];
    if !row.would.is_empty() {
        marks.push(mark('w', &row.would));
    }
    if let Ok(client) = row.peer.parse::<IpAddr>() {
        marks.extend(client_marks(client));
    }
    let findings: BTreeSet<String> = row.findings.iter().map(|one| finding_mark(&one.id)).collect();
    marks.extend(findings);
    let sender = (row.direction == "outbound").then(|| domain_of(&row.sender)).flatten();
    let domains = row.recipients.iter().filter_map(|one| domain_of(one)).chain(sender);
    let domains: BTreeSet<String> = domains.map(|domain| mark('e', &domain)).collect();
    marks.extend(domains);
    marks.extend(row.recipients.iter().map(|one| mark('r', &one.to_lowercase())));
    marks
}

/// What stands behind the last "@", in lower case.
pub(super) fn domain_of(address: &str) -> Option<String> {
    address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase())
}
