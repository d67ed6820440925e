//! The rows of the index: put in, found, taken out.

use super::sql_int;
use crate::{
    base::ids::Id,
    store::{
        embedded::blob::Blobs,
        held::{Filter, Held},
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
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
    let (organisation, sender, key) =
        (held.organisation.name(), held.sender.to_string(), held.recipient.key());
    let earlier = connection
        .query_row(
            "SELECT id, blob FROM held WHERE organisation = ?1 AND content_hash = ?2 AND sender = ?3 AND recipient_key = ?4 AND state = 'held'",
            params![organisation, hash.as_slice(), sender, key],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
        )
        .optional()?;
    if let Some((earlier, its_blob)) = earlier
        && let Ok(earlier) = Id::parse(&earlier)
    {
        if Id::parse(&its_blob).is_ok_and(|id| blobs.is_missing(id)) {
            // Its file is lost; the same content was written anew just now, for all who shared it.
            connection.execute(
                "UPDATE held SET blob = ?2, place = -1 WHERE blob = ?1",
                params![its_blob, blob.to_string()],
            )?;
            connection.execute("DELETE FROM blob WHERE id = ?1", [its_blob])?;
        }
        return Ok(earlier);
    }
    let categories: Vec<&str> = held.categories.iter().map(|category| category.word()).collect();
    connection.execute(
        "INSERT INTO held (id, blob, organisation, content_hash, held_at, expires, direction, sender, from_shown, recipient,
         recipient_key, subject, categories, state, row, place) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
        params![
            held.id.to_string(),
            blob.to_string(),
            organisation,
            hash.as_slice(),
            sql_int(held.held_at.0),
            sql_int(held.expires.0),
            held.direction.word(),
            sender,
            held.from,
            held.recipient.to_string(),
            key,
            held.subject,
            format!(",{},", categories.join(",")),
            held.state.word(),
            to_json(held)?,
            place,
        ],
    )?;
    Ok(held.id)
}

pub(super) fn select(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Held>> {
    let mut sql = "SELECT row, state FROM held WHERE 1 = 1".to_string();
    let mut values: Vec<rusqlite::types::Value> = Vec::new();
    let mut narrow = |clause: &str, value: Option<rusqlite::types::Value>| {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&clause.replace("?#", &format!("?{}", values.len())));
        }
    };
    let like = |text: &Option<String>| {
        text.as_ref().map(|text| rusqlite::types::Value::Text(contains(text)))
    };
    narrow(
        " AND (sender LIKE ?# ESCAPE '\\' OR from_shown LIKE ?# ESCAPE '\\')",
        like(&filter.sender),
    );
    narrow(" AND recipient_key LIKE ?# ESCAPE '\\'", like(&filter.recipient));
    narrow(" AND subject LIKE ?# ESCAPE '\\'", like(&filter.subject));
    narrow(
        " AND categories LIKE ?# ESCAPE '\\'",
        like(&filter.category.as_ref().map(|word| format!(",{word},"))),
    );
    narrow(" AND direction = ?#", filter.direction.clone().map(rusqlite::types::Value::Text));
    narrow(
        " AND held_at >= ?#",
        filter.since.map(|since| rusqlite::types::Value::Integer(sql_int(since.0))),
    );
    if !filter.all {
        sql.push_str(" AND state = 'held'");
    }
    sql.push_str(&format!(" ORDER BY held_at DESC, id DESC LIMIT {}", filter.rows.max(1)));
    connection.prepare(&sql)?.query_map(params_from_iter(values), read_row)?.collect()
}

/// A LIKE pattern that finds the text anywhere, its own wildcards taken literally.
pub(super) fn contains(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

pub(super) fn read_row(row: &Row<'_>) -> rusqlite::Result<Held> {
    let text: String = row.get(0)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

pub(super) fn to_json(held: &Held) -> rusqlite::Result<String> {
    serde_json::to_string(held)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
