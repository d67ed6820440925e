//! Files and index made to agree at start.

use super::{
    Quarantine, QuarantineFound,
    rows::{delete_unused, insert},
    sql_int,
};
use crate::{
    base::ids::Id,
    store::{
        StoreError,
        embedded::blob::{self, Blobs, Fate},
        held::HeldState,
    },
};
use rusqlite::{Connection, params};
use std::collections::HashSet;

impl Quarantine {
    /// Builds the index again from the files; those that cannot be read are moved aside, since no row will know them.
    pub(super) fn rebuild(&self, found: &mut QuarantineFound) -> Result<(), StoreError> {
        let files = self.blobs.list()?;
        if files.is_empty() && found.set_aside.is_none() {
            return Ok(());
        }
        let failed = |source| StoreError::Database { what: "building the index again", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        let mut rows = 0;
        // Numbers say in which order mails came; so do the names of the files.
        let mut files: Vec<Id> = files.into_iter().flatten().collect();
        files.sort_unstable();
        for blob in files {
            match self.blobs.rows(&self.ring, blob) {
                Ok(read) => {
                    rows += insert_again(&connection, blob, read, &self.blobs).map_err(failed)?;
                }
                Err(error) => {
                    tracing::error!(%blob, %error, "a held mail cannot be read");
                    found.unreadable.push(self.blobs.set_aside(&Blobs::name(blob))?);
                }
            }
        }
        connection.execute_batch("COMMIT").map_err(failed)?;
        found.rebuilt = Some(rows);
        Ok(())
    }

    /// Removes files that no row knows: written before a crash, never acknowledged.
    pub(super) fn sweep(&self) -> Result<usize, StoreError> {
        let failed = |source| StoreError::Database { what: "sweeping", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        let known: HashSet<Id> = connection
            .prepare("SELECT id FROM blob")
            .and_then(|mut select| {
                let ids = select.query_map([], |row| row.get::<_, String>(0))?;
                ids.map(|id| id.map(|id| Id::parse(&id).unwrap_or_default())).collect()
            })
            .map_err(failed)?;
        let mut swept = 0;
        for blob in self.blobs.list()?.into_iter().flatten().filter(|id| !known.contains(id)) {
            match self.blobs.destroy(blob) {
                Ok(()) => swept += 1,
                // A disk that takes nothing just now is no reason not to start.
                Err(error) => {
                    tracing::warn!(%error, "a file that belongs to no held mail could not be removed");
                    self.doomed().push(blob);
                }
            }
        }
        Ok(swept)
    }
}

fn insert_again(
    connection: &Connection,
    blob: Id,
    read: blob::Rows,
    blobs: &Blobs,
) -> rusqlite::Result<usize> {
    let refused = read.rows.iter().any(|(held, _)| held.is_refused());
    connection.execute(
        "INSERT INTO blob (id, organisation, wrapped, content_hash, bytes, key_version, refused) VALUES (?1, ?2, X'', ?3, ?4, ?5, ?6)",
        params![blob.to_string(), read.organisation.name(), read.content_hash.as_slice(), sql_int(read.bytes), read.version, i64::from(refused)],
    )?;
    let mut rows = 0;
    for ((mut held, fate), place) in read.rows.into_iter().zip(0_i64..) {
        match fate {
            Fate::Deleted => continue,
            Fate::Released => held.state = HeldState::Released,
            Fate::Seen => held.state = HeldState::Seen,
            Fate::Held => (),
        }
        insert(connection, &held, (blob, place), &read.content_hash, blobs)?;
        rows += 1;
    }
    // All its rows are deleted, or are held already with another file of the same content.
    delete_unused(connection, blob)?;
    Ok(rows)
}
