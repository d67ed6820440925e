//! Undoing one version of the stored layer: exactly the values that it changed are as before, whatever else was stored since. It is refused
//! where one of these values was changed again, for then two people disagree and neither knows; the refusal says who and when.

use crate::{
    config::layers::{
        BESIDE_FILE, Change, Kind, NotAValue, Target, from_json, is_beside_file, to_json,
        values_of, with_key, without_key,
    },
    edge::stored::{Refused, put_checked, value_in},
    store::embedded::Edit,
};
use std::collections::BTreeMap;

/// Undoes what one version changed.
pub fn undo(edit: &mut Edit<'_>, version: u32) -> Result<(), Refused> {
    let changes = edit.changes_of(version).map_err(Refused::stored)?;
    if changes.is_empty() || version >= edit.version() {
        return Err(Refused::BadInput(format!("there is no version {version}")));
    }
    changes.into_iter().try_for_each(|change| undo_one(edit, version, change))
}

/// The single values that a change is about.
pub fn touched(change: &Change) -> Result<Vec<Target>, Refused> {
    let (was, is) = (values(change, &change.before)?, values(change, &change.after)?);
    let all = was.keys().chain(is.keys().filter(|keys| !was.contains_key(*keys)));
    let touched = all.filter(|keys| was.get(*keys) != is.get(*keys));
    let target = |keys: &Vec<String>| Target {
        kind: change.kind,
        name: change.name.clone(),
        keys: keys.clone(),
    };
    Ok(touched.map(target).collect())
}

fn undo_one(edit: &mut Edit<'_>, version: u32, change: Change) -> Result<(), Refused> {
    let (was, is) = (values(&change, &change.before)?, values(&change, &change.after)?);
    let here = |keys: &[String]| Target {
        kind: change.kind,
        name: change.name.clone(),
        keys: keys.to_vec(),
    };
    let touched = was.keys().chain(is.keys().filter(|keys| !was.contains_key(*keys)));
    let mut now = edit.get(change.kind, &change.name).map_err(Refused::stored)?;
    for keys in touched.filter(|keys| was.get(*keys) != is.get(*keys)) {
        not_changed_again(edit, &here(keys), version)?;
        now = match was.get(keys) {
            Some(value) if keys.is_empty() => Some(to_json(value).map_err(broken)?),
            Some(value) => Some(with_key(now.as_deref(), keys, value.clone()).map_err(broken)?),
            None if keys.is_empty() => None,
            None => match &now {
                Some(text) => without_key(text, keys).map_err(broken)?.or(now),
                None => None,
            },
        };
    }
    let left = values(&change, &now)?;
    match &now {
        // It made the entry, and nobody has said anything more in it.
        _ if change.before.is_none() && left.is_empty() => {
            edit.put(change.kind, &change.name, None).map_err(Refused::stored)
        }
        // Half a domain takes mail as a whole one does.
        Some(text)
            if change.before.is_none() && change.kind == Kind::Domain && !is_beside_file(text) =>
        {
            let first = left.into_keys().next().unwrap_or_default();
            not_changed_again(edit, &here(&first), version)
        }
        now => {
            let text = now.as_deref().unwrap_or("{}");
            put_checked(edit, change.kind, &change.name, text)
        }
    }
}

/// The single values of an entry. What says that it is beside the file is none: it goes with the last of them.
fn values(
    change: &Change,
    entry: &Option<String>,
) -> Result<BTreeMap<Vec<String>, toml::Value>, Refused> {
    let Some(text) = entry else { return Ok(BTreeMap::new()) };
    let value = from_json(text).map_err(broken)?;
    let table = value.as_table().filter(|_| change.kind != Kind::Setting);
    Ok(match table {
        Some(table) => values_of(change.kind, table.clone())
            .into_iter()
            .filter(|(keys, _)| keys != &[BESIDE_FILE])
            .collect(),
        None => BTreeMap::from([(Vec::new(), value.clone())]),
    })
}

fn broken(why: NotAValue) -> Refused {
    Refused::Failed(why.to_string())
}

fn not_changed_again(edit: &Edit<'_>, target: &Target, version: u32) -> Result<(), Refused> {
    match changed_since(edit, target, version)? {
        None => Ok(()),
        Some(later) => Err(Refused::ChangedAgain { place: target.clone(), undone: version, later }),
    }
}

/// Somebody's version that changed a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// Its number.
    pub version: u32,
    /// Who stored it.
    pub author: String,
    /// When.
    pub at: crate::base::clock::UnixMs,
}

/// The newest version after this one that changed a value; of a whole entry, anything in it.
pub fn changed_since(
    edit: &Edit<'_>,
    target: &Target,
    since: u32,
) -> Result<Option<Later>, Refused> {
    let changes = edit.changes_since(target.kind, &target.name, since).map_err(Refused::stored)?;
    let is_other = |change: &Change| match target.keys.is_empty() && target.kind != Kind::Setting {
        true => true,
        false => value_in(&change.before, &target.keys) != value_in(&change.after, &target.keys),
    };
    let newest = changes.into_iter().find(|(_, change)| is_other(change));
    let Some((version, _)) = newest else { return Ok(None) };
    let one = edit.version_of(version).map_err(Refused::stored)?;
    Ok(one.map(|one| Later { version, author: one.author, at: one.at }))
}

/// A value in the words of a sentence: "mark of policy strict".
pub fn in_words(target: &Target) -> String {
    let entry = match target.kind {
        Kind::Setting => target.name.clone(),
        Kind::Organisation | Kind::Domain | Kind::Policy => {
            format!("{} {}", target.kind, target.name)
        }
    };
    match target.keys.is_empty() {
        true => entry,
        false => format!("{} of {entry}", target.keys.join(".")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::UnixMs, store::embedded::ConfigDb};

    /// What each version stored under policy p: null where it is gone.
    fn stored(folder: &std::path::Path, versions: &[&str]) -> ConfigDb {
        let mut db = ConfigDb::open(folder).unwrap();
        for (number, value) in (1..).zip(versions) {
            let mut edit = db.edit().unwrap();
            edit.put(Kind::Policy, "p", Some(*value).filter(|value| *value != "null")).unwrap();
            edit.commit(UnixMs(number), &format!("author {number}"), "").unwrap();
        }
        db
    }

    #[test]
    fn exactly_what_a_version_changed_is_undone() {
        let night = "{\"mark\":1.0,\"rules\":{\"night\":{\"action\":\"mark\"}}}";
        for (versions, undone, want) in [
            (&["{\"mark\":1.0}", "{\"mark\":2.0}"][..], 2, Ok("{\"mark\":1.0}")),
            // Another value changed since, and stays as it is.
            (
                &["{\"mark\":1.0}", "{\"mark\":2.0}", "{\"mark\":2.0,\"reject\":9.0}"],
                2,
                Ok("{\"mark\":1.0,\"reject\":9.0}"),
            ),
            (
                &[
                    "{}",
                    "{\"actions\":{\"bulk\":\"mark\"}}",
                    "{\"actions\":{\"bulk\":\"mark\"},\"reject\":9.0}",
                ],
                2,
                Ok("{\"reject\":9.0}"),
            ),
            (&["{\"mark\":1.0}", "{}", "{\"reject\":9.0}"], 2, Ok("{\"mark\":1.0,\"reject\":9.0}")),
            (
                &[
                    "{\"mark\":1.0}",
                    night,
                    "{\"mark\":1.5,\"rules\":{\"night\":{\"action\":\"mark\"}}}",
                ],
                2,
                Ok("{\"mark\":1.5}"),
            ),
            (&["{\"mark\":1.0}"], 1, Ok("null")),
            (&["{\"mark\":1.0}", "null"], 2, Ok("{\"mark\":1.0}")),
            // What it made stays as far as somebody said more in it.
            (&["{\"mark\":1.0}", "{\"mark\":1.0,\"reject\":9.0}"], 1, Ok("{\"reject\":9.0}")),
            // The same value changed again.
            (&["{\"mark\":1.0}", "{\"mark\":2.0}", "{\"mark\":3.0}"], 2, Err("mark of policy p")),
            (
                &["{}", night, "{\"mark\":1.0,\"rules\":{\"night\":{\"action\":\"reject\"}}}"],
                2,
                Err("rules.night of policy p"),
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut db = stored(folder.path(), versions);
            let mut edit = db.edit().unwrap();
            let done = undo(&mut edit, undone);
            let now = edit.get(Kind::Policy, "p").unwrap().unwrap_or("null".to_string());
            match want {
                Ok(want) => assert_eq!((done, now.as_str()), (Ok(()), want), "{versions:?}"),
                Err(what) => {
                    let Err(Refused::ChangedAgain { place, later, .. }) = done else {
                        panic!("{versions:?}: {done:?}")
                    };
                    assert_eq!(in_words(&place), what);
                    let newest = u32::try_from(versions.len()).unwrap();
                    assert_eq!((later.version, later.author), (newest, format!("author {newest}")));
                }
            }
        }
    }

    #[test]
    fn a_domain_is_not_left_by_half() {
        for (first, second, want) in [
            (
                "{\"policy\":\"p\"}",
                "{\"policy\":\"p\",\"recipients\":\"any\"}",
                Err("recipients of domain a.example"),
            ),
            // Beside the file it is never more than a part.
            (
                "{\"beside-file\":true,\"policy\":\"p\"}",
                "{\"beside-file\":true,\"policy\":\"p\",\"recipients\":\"any\"}",
                Ok(Some("{\"beside-file\":true,\"recipients\":\"any\"}")),
            ),
            (
                "{\"beside-file\":true,\"policy\":\"p\"}",
                "{\"beside-file\":true}",
                Err("policy of domain a.example"),
            ),
            ("{\"beside-file\":true,\"policy\":\"p\"}", "", Ok(None)),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut db = ConfigDb::open(folder.path()).unwrap();
            for value in [first, second].into_iter().filter(|value| !value.is_empty()) {
                let mut edit = db.edit().unwrap();
                edit.put(Kind::Domain, "a.example", Some(value)).unwrap();
                edit.commit(UnixMs(1), "anna", "").unwrap();
            }
            let mut edit = db.edit().unwrap();
            let done = undo(&mut edit, 1);
            let now = edit.get(Kind::Domain, "a.example").unwrap();
            match (want, done) {
                (Ok(want), done) => assert_eq!((done, now.as_deref()), (Ok(()), want), "{first}"),
                (Err(what), Err(Refused::ChangedAgain { place, .. })) => {
                    assert_eq!(in_words(&place), what)
                }
                (Err(what), done) => panic!("{what}: {done:?}"),
            }
        }
    }

    #[test]
    fn a_version_that_is_not_there_is_not_undone() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = stored(folder.path(), &["{}"]);
        let mut edit = db.edit().unwrap();
        for version in [0, 2, 9] {
            assert!(matches!(undo(&mut edit, version), Err(Refused::BadInput(_))), "{version}");
        }
    }
}
