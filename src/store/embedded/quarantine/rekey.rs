//! Which keys wrap the items, and wrapping them anew.

use super::{Quarantine, off_the_runtime, parse_id, sql_int};
use crate::{
    base::{ids::Id, limits},
    mail::Organisation,
    store::{
        StoreError,
        embedded::blob::Blobs,
        keyring::{KeyRing, OrganisationKey},
        keys::{self, WrappedKey},
    },
};
use rusqlite::{Connection, params};

impl Quarantine {
    /// Wraps the items of an organisation by its newest key, a few at a time; gives how many. Durable when this returns.
    pub async fn rewrap(&self, organisation: &Organisation) -> Result<u64, StoreError> {
        let mut count = 0;
        loop {
            let (ring, blobs, theirs) =
                (self.ring.clone(), self.blobs.clone(), organisation.clone());
            let Some(newest) = ring.newest(organisation) else { return Ok(count) };
            let ids = self.wrapped_by_older(organisation, newest.version).await?;
            if ids.is_empty() {
                return Ok(count);
            }
            count += u64::try_from(ids.len()).unwrap_or(0);
            let (version, done) = (newest.version, ids.clone());
            off_the_runtime(move || {
                ids.iter().try_for_each(|blob| rewrap_one(&blobs, &ring, *blob, &newest))
            })
            .await?;
            self.db
                .write("wrapping keys anew", move |connection| {
                    let mut update = connection.prepare_cached(
                        "UPDATE blob SET key_version = ?2 WHERE id = ?1 AND organisation = ?3",
                    )?;
                    for blob in &done {
                        update.execute(params![blob.to_string(), version, theirs.name()])?;
                    }
                    Ok(())
                })
                .await?;
        }
    }

    /// How many items of an organisation are wrapped by keys older than `version`, and cannot be wrapped anew.
    pub async fn left_behind(
        &self,
        organisation: &Organisation,
        version: u32,
    ) -> Result<u64, StoreError> {
        let name = organisation.name().to_string();
        self.db
            .read("counting keys", move |connection| {
                let count: i64 = connection.query_row(
                    "SELECT count(*) FROM blob WHERE organisation = ?1 AND key_version < ?2",
                    params![name, version],
                    |row| row.get(0),
                )?;
                Ok(u64::try_from(count).unwrap_or(0))
            })
            .await
    }

    async fn wrapped_by_older(
        &self,
        organisation: &Organisation,
        version: u32,
    ) -> Result<Vec<Id>, StoreError> {
        let name = organisation.name().to_string();
        let step = sql_int(u64::try_from(limits::REWRAP_STEP).unwrap_or(0));
        let ids: Vec<String> = self
            .db
            .read("looking for keys", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id FROM blob WHERE organisation = ?1 AND key_version < ?2 AND wrapped = X'' LIMIT ?3",
                    )?
                    .query_map(params![name, version, step], |row| row.get(0))?
                    .collect()
            })
            .await?;
        ids.iter().map(|id| parse_id(id)).collect()
    }

    /// Keys of the time when they stood in this database move to the others.
    pub(super) fn adopt_keys(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::Database { what: "moving the keys", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        let rows: Vec<(String, Vec<u8>)> = connection
            .prepare("SELECT organisation, wrapped FROM organisation_key")
            .and_then(|mut select| {
                select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(failed)?;
        for (name, wrapped) in rows {
            let organisation = Organisation::named(&name);
            let context = format!("sluss organisation key of {organisation}");
            let master = self.ring.master();
            let key =
                keys::unwrap(&master.key, &WrappedKey(wrapped), &context, "organisation key")?;
            // Killed in between, the key is taken in twice: one more version, and nothing lost.
            let OrganisationKey { version, .. } = self.ring.adopt(&organisation, key)?;
            connection
                .execute(
                    "UPDATE blob SET key_version = ?2 WHERE organisation = ?1 AND wrapped <> X''",
                    params![name, version],
                )
                .and_then(|_| {
                    connection
                        .execute("DELETE FROM organisation_key WHERE organisation = ?1", [&name])
                })
                .map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn keys_missing(&self) -> Result<Vec<(String, u32)>, StoreError> {
        let failed = |source| StoreError::Database { what: "looking for keys", source };
        let connection = Connection::open(self.db.file()).map_err(failed)?;
        let needed: Vec<(String, u32)> = connection
            .prepare("SELECT DISTINCT organisation, key_version FROM blob")
            .and_then(|mut select| {
                select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(failed)?;
        let missing = |(name, version): &(String, u32)| {
            self.ring.version(&Organisation::named(name), *version).is_err()
        };
        Ok(needed.into_iter().filter(missing).collect())
    }
}

fn rewrap_one(
    blobs: &Blobs,
    ring: &KeyRing,
    blob: Id,
    newest: &OrganisationKey,
) -> Result<(), StoreError> {
    match blobs.rewrap(ring, blob, newest) {
        // Deleted meanwhile, or lost: there is nothing to open with the older key.
        Err(_) if blobs.is_missing(blob) => Ok(()),
        done => done,
    }
}
