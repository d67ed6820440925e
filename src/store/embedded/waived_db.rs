//! Values that people said are no personal data, by their marks: nothing here tells one. Durable before it is answered, and in memory as a whole, for
//! mail asks without waiting.

use super::db::Db;
use crate::{
    base::{clock::Clock, limits},
    examine::Mark,
    mail::Organisation,
    store::StoreError,
};
use rusqlite::params;
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

/// What was waived on this machine.
#[derive(Clone)]
pub struct Waived {
    db: Db,
    clock: Clock,
    known: Arc<RwLock<HashMap<Organisation, HashSet<Mark>>>>,
}

impl std::fmt::Debug for Waived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waived").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// Its table, in the database of the portal, whose mail it is about: one more database would cost every gateway a thread and its memory.
pub(super) const TABLE: &str = "
CREATE TABLE waived (
    organisation TEXT NOT NULL,
    mark BLOB NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (organisation, mark)
) STRICT, WITHOUT ROWID;
";

impl Waived {
    /// What stands in an open database.
    pub(super) fn of(db: Db, clock: Clock) -> Result<Waived, StoreError> {
        let known = read_all(db.file())?;
        Ok(Waived { db, clock, known: Arc::new(RwLock::new(known)) })
    }

    /// Has somebody of this organisation said so of this value?
    pub fn has(&self, organisation: &Organisation, mark: &Mark) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(organisation).is_some_and(|marks| marks.contains(mark))
    }

    /// Nobody has ever said so there: most mail need not ask further.
    pub fn is_empty_for(&self, organisation: &Organisation) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(organisation).is_none_or(HashSet::is_empty)
    }

    /// How many each organisation has, by name.
    pub fn counts(&self) -> Vec<(Organisation, usize)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let some = known.iter().filter(|(_, marks)| !marks.is_empty());
        let mut counts: Vec<_> = some.map(|(one, marks)| (one.clone(), marks.len())).collect();
        counts.sort_by(|one, other| one.0.name().cmp(other.0.name()));
        counts
    }

    /// All that an organisation has said holds no longer; gives how many that were.
    pub async fn forget(&self, organisation: &Organisation) -> Result<usize, StoreError> {
        let name = organisation.name().to_string();
        let forgotten = self.db.write("forgetting what was waived", move |connection| {
            connection.execute("DELETE FROM waived WHERE organisation = ?1", [name])
        });
        let forgotten = forgotten.await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(organisation);
        Ok(forgotten)
    }

    /// Somebody says so of these; false: the organisation has as many as it may.
    pub async fn add(
        &self,
        organisation: &Organisation,
        marks: Vec<Mark>,
        by: &str,
    ) -> Result<bool, StoreError> {
        let (name, by, now) = (organisation.name().to_string(), by.to_string(), self.clock.now());
        let now = i64::try_from(now.0).unwrap_or(i64::MAX);
        let written = marks.clone();
        let added = self.db.write("waiving values", move |connection| {
            let there: u32 = connection.query_row(
                "SELECT count(*) FROM waived WHERE organisation = ?1",
                [&name],
                |row| row.get(0),
            )?;
            let more = u32::try_from(written.len()).unwrap_or(u32::MAX);
            if there.saturating_add(more) > limits::WAIVED_MAX {
                return Ok(false);
            }
            for mark in &written {
                connection
                    .prepare_cached("INSERT OR IGNORE INTO waived (organisation, mark, by, at) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![name, mark.as_slice(), by, now])?;
            }
            Ok(true)
        });
        let added = added.await?;
        if added {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.entry(organisation.clone()).or_default().extend(marks);
        }
        Ok(added)
    }
}

fn read_all(file: &Path) -> Result<HashMap<Organisation, HashSet<Mark>>, StoreError> {
    let failed = |source| StoreError::Database { what: "reading what was waived", source };
    let connection = rusqlite::Connection::open(file).map_err(failed)?;
    let mut rows = connection.prepare("SELECT organisation, mark FROM waived").map_err(failed)?;
    let rows = rows
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .map_err(failed)?;
    let mut known: HashMap<Organisation, HashSet<Mark>> = HashMap::new();
    for row in rows {
        let (organisation, mark) = row.map_err(failed)?;
        if let Ok(mark) = Mark::try_from(mark) {
            known.entry(Organisation::named(&organisation)).or_default().insert(mark);
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::UnixMs, store::embedded::Parcels};

    #[tokio::test]
    async fn what_one_organisation_waives_is_its_own_and_outlives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (acme, berg) = (Organisation::named("acme"), Organisation::named("berg"));
        let open = || Parcels::open(folder.path(), clock.clone()).unwrap().0.waived().unwrap();
        let waived = open();
        assert!(waived.is_empty_for(&acme));
        assert!(waived.add(&acme, vec![[1; 16], [2; 16]], "anna@acme.example").await.unwrap());
        assert!(waived.add(&acme, vec![[1; 16]], "bo@acme.example").await.unwrap());
        drop(waived);
        let waived = open();
        assert!(waived.has(&acme, &[1; 16]) && waived.has(&acme, &[2; 16]));
        assert!(!waived.has(&acme, &[3; 16]) && !waived.has(&berg, &[1; 16]));
        let many = (0..limits::WAIVED_MAX).map(|at| u128::from(at + 9).to_be_bytes()).collect();
        assert!(!waived.add(&acme, many, "anna@acme.example").await.unwrap());
        assert_eq!(waived.counts(), [(acme.clone(), 2)]);
        assert_eq!(waived.forget(&berg).await.unwrap(), 0);
        assert_eq!(waived.forget(&acme).await.unwrap(), 2);
        assert!(waived.is_empty_for(&acme) && waived.counts().is_empty());
    }
}
