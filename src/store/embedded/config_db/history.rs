//! The history of the stored layer as it is told: of some entries only, and of each single value the version that said it last.

use super::{ConfigDb, changes_where, database, version_row};
use crate::{
    base::limits,
    config::layers::{Change, Kind, Version},
    store::StoreError,
};
use rusqlite::{params, types::Value};
use std::collections::BTreeSet;

/// The entries that somebody may see the history of, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryNames {
    /// Of policies.
    pub policies: BTreeSet<String>,
    /// Of organisations.
    pub organisations: BTreeSet<String>,
    /// Of domains.
    pub domains: BTreeSet<String>,
}

impl EntryNames {
    /// For SQL: lists as JSON, in the order of [`AMONG`].
    fn lists(&self) -> [Value; 3] {
        [&self.policies, &self.organisations, &self.domains].map(|names| {
            let names = names.iter().map(|name| serde_json::Value::String(name.clone()));
            Value::Text(serde_json::Value::Array(names.collect()).to_string())
        })
    }
}

/// Is a change one of these entries'?
const AMONG: &str = "(change.kind = 'policy' AND change.name IN (SELECT value FROM json_each(?3))
     OR change.kind = 'organisation' AND change.name IN (SELECT value FROM json_each(?4))
     OR change.kind = 'domain' AND change.name IN (SELECT value FROM json_each(?5)))";

impl ConfigDb {
    /// The versions that changed one of these entries, newest first, at most `rows`, of those before one.
    pub fn versions_of(
        &self,
        entries: &EntryNames,
        before: Option<u32>,
        rows: usize,
    ) -> Result<Vec<Version>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Version>> {
            let mut statement = self.connection.prepare(&format!(
                "SELECT id, at, author, comment, (SELECT count(*) FROM change WHERE version = id)
                 FROM version WHERE (?2 IS NULL OR id < ?2)
                 AND EXISTS (SELECT 1 FROM change WHERE change.version = version.id AND {AMONG})
                 ORDER BY id DESC LIMIT ?1"
            ))?;
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            let [policies, organisations, domains] = entries.lists();
            let asked = params![rows, before, policies, organisations, domains];
            statement.query_map(asked, version_row)?.collect()
        };
        read().map_err(database("reading the history of the configuration"))
    }

    /// What one version changed of these entries.
    pub fn changes_of(
        &self,
        entries: &EntryNames,
        version: u32,
    ) -> Result<Vec<Change>, StoreError> {
        let [policies, organisations, domains] = entries.lists();
        let asked = params![version, rusqlite::types::Null, policies, organisations, domains];
        changes_where(&self.connection, &format!("version = ?1 AND ?2 IS NULL AND {AMONG}"), asked)
            .map_err(database("reading a version of the configuration"))
    }

    /// Of each value of an entry, by its keys, the version that said it last. None: it is not there, or its history is too long to walk.
    pub fn said_by(
        &self,
        kind: Kind,
        name: &str,
        values: &[Vec<String>],
    ) -> Result<Vec<Option<u32>>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Option<u32>>> {
            let mut found = vec![None; values.len()];
            let mut statement = self.connection.prepare_cached(
                "SELECT version, before, after FROM change WHERE kind = ?1 AND name = ?2
                 ORDER BY version DESC LIMIT ?3",
            )?;
            let most = i64::try_from(limits::SAID_BY_VERSIONS_MAX).unwrap_or(i64::MAX);
            let mut rows = statement.query(params![kind.word(), name, most])?;
            while let Some(row) = rows.next()? {
                let version: u32 = row.get(0)?;
                let (before, after) = (entry(row.get(1)?), entry(row.get(2)?));
                let open = found.iter_mut().zip(values).filter(|(said, _)| said.is_none());
                for (said, keys) in open {
                    if value_in(&before, keys) != value_in(&after, keys) {
                        *said = Some(version);
                    }
                }
                if found.iter().all(Option::is_some) {
                    break;
                }
            }
            Ok(found)
        };
        read().map_err(database("reading who said a value"))
    }
}

fn entry(text: Option<String>) -> Option<serde_json::Value> {
    serde_json::from_str(&text?).ok()
}

/// What stands under these keys.
fn value_in<'a>(
    entry: &'a Option<serde_json::Value>,
    keys: &[String],
) -> Option<&'a serde_json::Value> {
    keys.iter().try_fold(entry.as_ref()?, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    /// Each version stores one value of each of some entries.
    fn filled(versions: &[&[(Kind, &str, &str)]]) -> (tempfile::TempDir, ConfigDb) {
        let folder = tempfile::tempdir().unwrap();
        let mut db = ConfigDb::open(folder.path()).unwrap();
        for (number, entries) in (1..).zip(versions) {
            let mut edit = db.edit().unwrap();
            for (kind, name, value) in *entries {
                edit.put(*kind, name, Some(*value)).unwrap();
            }
            edit.commit(UnixMs(number), &format!("author {number}"), "").unwrap();
        }
        (folder, db)
    }

    #[test]
    fn a_value_is_the_version_s_that_said_it_last() {
        let (_folder, db) = filled(&[
            &[(Kind::Policy, "p", r#"{"mark":3.0}"#)],
            &[(Kind::Policy, "p", r#"{"mark":3.0,"actions":{"bulk":"mark"}}"#)],
            &[(Kind::Policy, "p", r#"{"mark":4.0,"actions":{"bulk":"mark"}}"#)],
            &[(Kind::Policy, "p", r#"{"mark":4.0,"reject":9.0,"actions":{"bulk":"mark"}}"#)],
            &[(Kind::Setting, "limits.connections", "5")],
        ]);
        let keys = |text: &str| text.split('.').map(str::to_string).collect::<Vec<_>>();
        let asked = [keys("mark"), keys("actions.bulk"), keys("reject"), keys("phish")];
        let said = db.said_by(Kind::Policy, "p", &asked).unwrap();
        assert_eq!(said, [Some(3), Some(2), Some(4), None]);
        let said = db.said_by(Kind::Setting, "limits.connections", &[Vec::new()]).unwrap();
        assert_eq!(said, [Some(5)]);
    }

    #[test]
    fn whoever_sees_some_entries_is_told_of_those() {
        let (_folder, db) = filled(&[
            &[(Kind::Policy, "p", "{}"), (Kind::Policy, "q", "{}")],
            &[(Kind::Setting, "limits.connections", "5")],
            &[(Kind::Domain, "a.example", "{}"), (Kind::Organisation, "acme", "{}")],
            &[(Kind::Policy, "q", r#"{"mark":1.0}"#)],
        ]);
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        for (entries, want) in [
            (EntryNames { policies: names(&["p"]), ..EntryNames::default() }, &[(1, 1)][..]),
            (EntryNames { domains: names(&["a.example"]), ..EntryNames::default() }, &[(3, 1)]),
            (
                EntryNames {
                    policies: names(&["q", "acme"]),
                    organisations: names(&["acme"]),
                    domains: names(&["a.example"]),
                },
                &[(4, 1), (3, 2), (1, 1)],
            ),
            (EntryNames::default(), &[]),
        ] {
            let versions = db.versions_of(&entries, None, 9).unwrap();
            let told: Vec<(u32, usize)> = versions
                .iter()
                .map(|one| (one.version, db.changes_of(&entries, one.version).unwrap().len()))
                .collect();
            assert_eq!(told, want, "{entries:?}");
        }
        let entries = EntryNames { policies: names(&["q"]), ..EntryNames::default() };
        let versions = db.versions_of(&entries, Some(4), 9).unwrap();
        assert_eq!(versions.iter().map(|one| (one.version, one.changes)).next(), Some((1, 2)));
    }
}
