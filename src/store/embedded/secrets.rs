//! A secret for each organisation, in a database of ours: what its hashes are keyed with, or its rows sealed. Wrapped by the organisation's key,
//! so that without the master key nobody can try values out, and one organisation's rows say nothing of another's.

use super::db::Db;
use crate::{
    mail::Organisation,
    store::{
        StoreError,
        keyring::KeyRing,
        keys::{self, Key, WrappedKey},
    },
};
use rusqlite::{OptionalExtension, params};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The table. Part of the schema of every database with secrets.
macro_rules! secret_table {
    () => {
        "
CREATE TABLE secret (
    organisation TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"
    };
}
pub(super) use secret_table;

/// Long enough that no two values of an organisation meet, and half the room of a whole hash.
pub(super) const HASH_BYTES: usize = 16;

/// A value under an organisation's secret: the same for the same value, and nothing to anybody without the secret.
pub(super) fn hash(secret: &Key, value: &str) -> [u8; HASH_BYTES] {
    let hash = blake3::keyed_hash(secret.expose(), value.as_bytes());
    let mut short = [0; HASH_BYTES];
    short.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    short
}

/// What the secrets of one database are for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    /// What a secret is, for the log.
    pub(super) kind: &'static str,
    /// What it is wrapped for: `sluss account hashes`.
    pub(super) context: &'static str,
    /// The tables that are worth nothing without it; each has a column `organisation`.
    pub(super) tables: &'static [&'static str],
    /// What is lost with them, for the log.
    pub(super) what: &'static str,
}

/// The secrets of one database.
#[derive(Clone)]
pub(super) struct Secrets {
    db: Db,
    ring: KeyRing,
    purpose: Purpose,
    open: Arc<Mutex<HashMap<Organisation, Key>>>,
}

impl Secrets {
    pub(super) fn new(db: Db, ring: KeyRing, purpose: Purpose) -> Secrets {
        Secrets { db, ring, purpose, open: Arc::default() }
    }

    /// An organisation's secret; none if it has none yet.
    pub(super) async fn get(&self, organisation: &Organisation) -> Result<Option<Key>, StoreError> {
        if let Some(secret) = self.open().get(organisation) {
            return Ok(Some(secret.clone()));
        }
        let Some(wrapped) = self.wrapped(organisation).await? else { return Ok(None) };
        self.unwrap(organisation, wrapped).map(Some)
    }

    /// The same, made where there is none. One that no key opens any more is worth nothing, and so is what was made with it: that begins anew.
    pub(super) async fn get_or_make(&self, organisation: &Organisation) -> Result<Key, StoreError> {
        if let Some(secret) = self.open().get(organisation) {
            return Ok(secret.clone());
        }
        // Held until what the key wraps is stored, so that a change of keys finds it.
        let _in_use = self.ring.in_use().await;
        let closed = match self.wrapped(organisation).await? {
            None => Vec::new(),
            Some((version, wrapped)) => match self.unwrap(organisation, (version, wrapped.clone()))
            {
                Ok(secret) => return Ok(secret),
                Err(error) => {
                    let what = self.purpose.what;
                    tracing::error!(%organisation, %error, "{what} cannot be used any more and begins anew");
                    wrapped
                }
            },
        };
        let (ring, theirs) = (self.ring.clone(), organisation.clone());
        let current = tokio::task::spawn_blocking(move || ring.current(&theirs)).await;
        let current = current.map_err(|_| StoreError::Closed)??;
        let made = keys::new_key(self.purpose.kind)?;
        let context = self.context(organisation, current.version);
        let wrapped = keys::wrap(&current.key, &made, &context)?;
        let (owner, tables) = (organisation.name().to_string(), self.purpose.tables);
        self.db
            .write("making a secret", move |connection| {
                let closed = connection.execute(
                    "DELETE FROM secret WHERE organisation = ?1 AND wrapped = ?2",
                    params![owner, closed],
                )?;
                for table in tables.iter().filter(|_| closed > 0) {
                    connection
                        .execute(&format!("DELETE FROM {table} WHERE organisation = ?1"), [&owner])?;
                }
                // Two may have made one: that which is stored first counts.
                connection
                    .execute(
                        "INSERT OR IGNORE INTO secret (organisation, version, wrapped) VALUES (?1, ?2, ?3)",
                        params![owner, current.version, wrapped.0],
                    )
                    .map(drop)
            })
            .await?;
        self.get(organisation).await?.ok_or(StoreError::Closed)
    }

    /// Wraps an organisation's secret by its newest key.
    pub(super) async fn rewrap(&self, organisation: &Organisation) -> Result<(), StoreError> {
        let (Some(secret), Some(newest)) =
            (self.get(organisation).await?, self.ring.newest(organisation))
        else {
            return Ok(());
        };
        let context = self.context(organisation, newest.version);
        let wrapped = keys::wrap(&newest.key, &secret, &context)?;
        let owner = organisation.name().to_string();
        self.db
            .write("wrapping a secret anew", move |connection| {
                connection
                    .execute(
                        "UPDATE secret SET version = ?2, wrapped = ?3 WHERE organisation = ?1",
                        params![owner, newest.version, wrapped.0],
                    )
                    .map(drop)
            })
            .await
    }

    async fn wrapped(
        &self,
        organisation: &Organisation,
    ) -> Result<Option<(u32, Vec<u8>)>, StoreError> {
        let owner = organisation.name().to_string();
        self.db
            .read("reading a secret", move |connection| {
                connection
                    .query_row(
                        "SELECT version, wrapped FROM secret WHERE organisation = ?1",
                        [owner],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )
                    .optional()
            })
            .await
    }

    fn unwrap(
        &self,
        organisation: &Organisation,
        (version, wrapped): (u32, Vec<u8>),
    ) -> Result<Key, StoreError> {
        let key = self.ring.version(organisation, version)?;
        let context = self.context(organisation, version);
        let secret = keys::unwrap(&key, &WrappedKey(wrapped), &context, self.purpose.kind)?;
        self.open().insert(organisation.clone(), secret.clone());
        Ok(secret)
    }

    fn context(&self, organisation: &Organisation, version: u32) -> String {
        format!("{} of {organisation} under key {version}", self.purpose.context)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Organisation, Key>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
