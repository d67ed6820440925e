//! The rows of the index: put in, found, taken out.

use super::sql_int;
use crate::{
    base::{ids::Id, limits},
    learn::likeness::Likeness,
    mail::{Address, Direction},
    store::{
        embedded::blob::Blobs,
        held::{Held, HeldState},
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashSet;

/// Deletes a file's row if no held mail has it; true if so, and then the file can go.
pub(super) fn delete_unused(connection: &Connection, blob: Id) -> rusqlite::Result<bool> {
    let gone = connection
        .prepare_cached(
            "DELETE FROM blob WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM held WHERE held.blob = blob.id)",
        )?
        .execute([blob.to_string()])?;
    Ok(gone > 0)
}

pub(super) struct Removed {
    pub(super) rows: usize,
    /// Rows whose file stays for others, and where in it they stand.
    pub(super) places: Vec<(Id, u32)>,
    /// Files that nobody needs any more.
    pub(super) blobs: Vec<Id>,
}

pub(super) fn delete_rows(connection: &Connection, ids: &[String]) -> rusqlite::Result<Removed> {
    let mut removed = Removed { rows: 0, places: Vec::new(), blobs: Vec::new() };
    let mut touched: Vec<(Id, Option<(Id, u32)>)> = Vec::new();
    {
        let mut delete =
            connection.prepare_cached("DELETE FROM held WHERE id = ?1 RETURNING blob, place")?;
        for id in ids {
            let gone =
                delete.query_row([id], |row| Ok((row.get::<_, String>(0)?, read_place(row, 0)?)));
            if let Some((blob, place)) = gone.optional()? {
                removed.rows += 1;
                touched.push((Id::parse(&blob).unwrap_or_default(), place));
            }
        }
    }
    let mut seen = HashSet::new();
    for (blob, _) in &touched {
        if seen.insert(*blob) && delete_unused(connection, *blob)? {
            removed.blobs.push(*blob);
        }
    }
    let stays = |(blob, _): &(Id, u32)| !removed.blobs.contains(blob);
    removed.places = touched.into_iter().filter_map(|(_, place)| place).filter(stays).collect();
    Ok(removed)
}

/// Columns `blob` and `place`: the file, and which of its rows; `None` if the file does not know the row.
pub(super) fn read_place(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<(Id, u32)>> {
    let blob = Id::parse(&row.get::<_, String>(first)?).ok();
    Ok(blob.zip(u32::try_from(row.get::<_, i64>(first + 1)?).ok()))
}

pub(super) fn insert(
    connection: &Connection,
    held: &Held,
    (blob, place): (Id, i64),
    hash: &[u8; 32],
    blobs: &Blobs,
) -> rusqlite::Result<Id> {
    if let Some(earlier) = earlier(connection, held, blob, hash, blobs)? {
        return Ok(earlier);
    }
    let names: Vec<&str> = held.attachments.iter().map(|one| one.name.as_str()).collect();
    connection
        .prepare_cached(
            "INSERT INTO held (id, blob, place, organisation, content_hash, held_at, expires, direction, state, refused, sender, from_shown,
             recipient, recipient_key, recipient_domain, subject, attachments, likeness, code_hash, bytes, sent_domain, writer)
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22)",
        )?
        .execute(params![
            held.id.to_string(),
            blob.to_string(),
            place,
            held.organisation.name(),
            hash.as_slice(),
            sql_int(held.held_at.0),
            sql_int(held.expires.0),
            held.direction.word(),
            held.state.word(),
            i64::from(held.is_refused()),
            held.sender.to_string(),
            held.from,
            held.recipient.to_string(),
            held.recipient.key(),
            held.recipient.domain().map_or("", |domain| domain.as_str()),
            held.subject,
            names.join("\n"),
            likeness_key(held.likeness),
            held.code_hash,
            sql_int(held.bytes),
            sent_domain(held),
            held.writer(),
        ])?;
    let number = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO shown (number, row) VALUES (?1, ?2)")?
        .execute(params![number, to_json(held)?])?;
    tag(connection, number, held)?;
    Ok(held.id)
}

/// The domain that it went out from; empty for what came in: there the sender is whatever a stranger wrote.
fn sent_domain(held: &Held) -> &str {
    let sender = match held.direction {
        Direction::Inbound => None,
        Direction::Outbound => held.sender.address(),
    };
    sender.and_then(Address::domain).map_or("", |domain| domain.as_str())
}

/// The row of a sender's earlier try with the same content for the same recipient, in the same state.
fn earlier(
    connection: &Connection,
    held: &Held,
    blob: Id,
    hash: &[u8; 32],
    blobs: &Blobs,
) -> rusqlite::Result<Option<Id>> {
    if !held.state.waits() {
        return Ok(None);
    }
    let found = twin(connection, held, hash.as_slice(), held.state)?;
    let Some((earlier, its_blob)) = found else { return Ok(None) };
    let Ok(earlier) = Id::parse(&earlier) else { return Ok(None) };
    if Id::parse(&its_blob).is_ok_and(|id| blobs.is_missing(id)) {
        // Its file is lost; the same content was written anew just now, for all who shared it.
        connection.execute(
            "UPDATE held SET blob = ?2, place = -1 WHERE blob = ?1",
            params![its_blob, blob.to_string()],
        )?;
        connection.execute("DELETE FROM blob WHERE id = ?1", [its_blob])?;
    }
    Ok(Some(earlier))
}

/// Id and file of the row for the same recipient, with the same sender and content, that waits in this state.
pub(super) fn twin(
    connection: &Connection,
    held: &Held,
    hash: &[u8],
    state: HeldState,
) -> rusqlite::Result<Option<(String, String)>> {
    connection
        .prepare_cached(
            "SELECT id, blob FROM held WHERE organisation = ?1 AND content_hash = ?2 AND sender = ?3 AND recipient_key = ?4
             AND state = ?5 AND state IN ('held', 'rejected')",
        )?
        .query_row(
            params![
                held.organisation.name(),
                hash,
                held.sender.to_string(),
                held.recipient.key(),
                state.word()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
}

/// What a mail is found by besides its texts.
fn tag(connection: &Connection, number: i64, held: &Held) -> rusqlite::Result<()> {
    let findings = held.findings.as_array().into_iter().flatten();
    let ids = findings.filter_map(|one| one.get("id").and_then(serde_json::Value::as_str));
    let names = ids.map(finding_tag).take(limits::HELD_FINDINGS_MAX);
    let categories = held.categories.iter().map(|category| category_tag(category.word()));
    // Nearly all of it came in: what was to go out would be looked for among all of that.
    let direction =
        (held.direction == Direction::Outbound).then(|| direction_tag(Direction::Outbound));
    for name in names.chain(categories).chain(direction).collect::<HashSet<String>>() {
        connection
            .prepare_cached("INSERT OR IGNORE INTO tag (name) VALUES (?1)")?
            .execute([&name])?;
        connection
            .prepare_cached(
                "INSERT INTO tagged (tag, number) SELECT id, ?2 FROM tag WHERE name = ?1",
            )?
            .execute(params![name, number])?;
    }
    Ok(())
}

pub(super) fn finding_tag(id: &str) -> String {
    format!("finding {id}")
}

pub(super) fn category_tag(word: &str) -> String {
    format!("category {word}")
}

pub(super) fn direction_tag(direction: Direction) -> String {
    format!("direction {}", direction.word())
}

/// In the index a mail that is alike nothing has no likeness.
pub(super) fn likeness_key(likeness: Likeness) -> String {
    match likeness == Likeness::default() {
        true => String::new(),
        false => likeness.to_string(),
    }
}

/// One row by its id, with its number.
pub(super) fn find(connection: &Connection, id: Id) -> rusqlite::Result<Option<(i64, Held)>> {
    connection
        .prepare_cached(
            "SELECT shown.row, held.number FROM held JOIN shown USING (number) WHERE held.id = ?1",
        )?
        .query_row([id.to_string()], |row| Ok((row.get(1)?, read_row(row)?)))
        .optional()
}

pub(super) fn read_row(row: &Row<'_>) -> rusqlite::Result<Held> {
    let text: String = row.get(0)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// As the index keeps it: without what is sealed with the content.
pub(super) fn to_json(held: &Held) -> rusqlite::Result<String> {
    let bare = held.asked.is_some().then(|| Held { asked: None, ..held.clone() });
    serde_json::to_string(bare.as_ref().unwrap_or(held))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
