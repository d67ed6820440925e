//! Who said each value that is stored. An entry is stored as a whole with each change of it, so what holds knows the version of the
//! entry alone; the history knows which of its values that version changed, and who said the others before.

use crate::{
    config::layers::{Kind, Origin, Target, Value, Version},
    store::{StoreError, embedded::ConfigDb},
};
use std::collections::{BTreeMap, HashMap};

/// Puts the version that said each stored value last in the place of that of its entry. Reads disks.
pub fn settle(db: &ConfigDb, values: &mut [Value]) -> Result<(), StoreError> {
    settle_of(db, values, &[Kind::Organisation, Kind::Domain, Kind::Policy])
}

/// The same of values in entries of these kinds alone.
pub fn settle_of(db: &ConfigDb, values: &mut [Value], kinds: &[Kind]) -> Result<(), StoreError> {
    let mut entries: BTreeMap<(Kind, String), Vec<Placed>> = BTreeMap::new();
    for (number, value) in values.iter().enumerate() {
        let Origin::Stored { .. } = value.origin else { continue };
        if let Ok(Target { kind, name, keys }) = Target::parse(&value.path)
            // A setting is an entry by itself.
            && kinds.contains(&kind)
        {
            entries.entry((kind, name)).or_default().push((number, keys));
        }
    }
    for ((kind, name), of_entry) in entries {
        let asked = Asked::of(&of_entry);
        let said = asked.answers(db.said_by(kind, &name, &asked.keys)?);
        for (number, keys) in of_entry {
            let Some(value) = values.get_mut(number) else { continue };
            // What an entry has from elsewhere, such as a default that is stored, is not its own history's.
            if value.origin != (Origin::Stored { version: said.of(&[]).unwrap_or(0) }) {
                continue;
            }
            // A value inside a list is as old as the list.
            let ways = (1..=keys.len()).rev().filter_map(|length| keys.get(..length));
            if let Some(version) = ways.filter_map(|keys| said.of(keys)).next() {
                value.origin = Origin::Stored { version };
            }
        }
    }
    Ok(())
}

/// A value by its place in the list, with its keys.
type Placed = (usize, Vec<String>);

/// The keys that are asked for of one entry: of each value, and of all that it is in.
struct Asked {
    keys: Vec<Vec<String>>,
}

impl Asked {
    fn of(values: &[Placed]) -> Asked {
        let ways = values.iter().flat_map(|(_, keys)| {
            (0..=keys.len()).filter_map(|length| keys.get(..length).map(<[String]>::to_vec))
        });
        let mut keys: Vec<Vec<String>> = ways.collect();
        keys.sort_unstable();
        keys.dedup();
        Asked { keys }
    }

    fn answers(&self, said: Vec<Option<u32>>) -> Said {
        let said = self.keys.iter().cloned().zip(said);
        Said(said.filter_map(|(keys, version)| Some((keys, version?))).collect())
    }
}

/// The version that said what stands under some keys.
struct Said(HashMap<Vec<String>, u32>);

impl Said {
    fn of(&self, keys: &[String]) -> Option<u32> {
        self.0.get(keys).copied()
    }
}

/// All versions by their numbers: whose they are, when they were made, and why.
#[derive(Debug, Default)]
pub struct Versions(HashMap<u32, Version>);

impl Versions {
    /// Reads them.
    pub fn read(db: &ConfigDb) -> Result<Versions, StoreError> {
        let all = db.history(usize::MAX)?;
        Ok(Versions(all.into_iter().map(|one| (one.version, one)).collect()))
    }

    /// The one that is behind a value, if it is stored.
    pub fn behind(&self, origin: &Origin) -> Option<&Version> {
        match origin {
            Origin::Stored { version } => self.0.get(version),
            Origin::Default | Origin::File { .. } | Origin::CommandLine | Origin::Trial => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    #[test]
    fn each_value_is_said_by_whoever_changed_it_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = ConfigDb::open(folder.path()).unwrap();
        for (number, value) in (1..).zip([
            r#"{"mark":3.0,"rules":{"night":{"hours":"18:00-06:00","weight":1.0}}}"#,
            r#"{"mark":4.0,"rules":{"night":{"hours":"18:00-06:00","weight":1.0}}}"#,
            r#"{"mark":4.0,"reject":9.0,"rules":{"night":{"hours":"18:00-06:00","weight":2.0}}}"#,
        ]) {
            let mut edit = db.edit().unwrap();
            edit.put(Kind::Policy, "p", Some(value)).unwrap();
            edit.commit(UnixMs(number), &format!("author {number}"), "why").unwrap();
        }
        let stored = |version| Origin::Stored { version };
        let line = Origin::File { file: "sluss.toml".into(), line: 3 };
        let cases = [
            ("policy.p.mark", stored(3), stored(2)),
            ("policy.p.reject", stored(3), stored(3)),
            ("policy.p.rules.night.hours", stored(3), stored(1)),
            ("policy.p.rules.night.weight", stored(3), stored(3)),
            // Not in what is stored: as old as the entry.
            ("policy.p.phish", stored(3), stored(3)),
            // From elsewhere.
            ("policy.p.mark", stored(7), stored(7)),
            ("policy.other.mark", stored(3), stored(3)),
            ("limits.connections", stored(1), stored(1)),
            ("policy.p.quarantine", line.clone(), line),
            ("policy.p.mark", Origin::Default, Origin::Default),
        ];
        let value = |(path, origin, _): &(&str, Origin, Origin)| Value {
            path: path.to_string(),
            value: toml::Value::Integer(1),
            origin: origin.clone(),
        };
        let mut values: Vec<Value> = cases.iter().map(value).collect();
        settle(&db, &mut values).unwrap();
        for (value, (path, _, want)) in values.iter().zip(&cases) {
            assert_eq!(value.origin, *want, "{path}");
        }
        let versions = Versions::read(&db).unwrap();
        assert_eq!(versions.behind(&stored(2)).unwrap().author, "author 2");
        assert!(versions.behind(&Origin::Default).is_none());
    }
}
