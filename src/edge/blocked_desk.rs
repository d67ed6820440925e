//! Who put a sender on a block list, when, and does it still stand there: told beside a story of the trace, to whoever may see that list.
//!
//! The trace knows the line that refused. The rest is looked up when somebody asks, in the history of the configuration and in the lists
//! that hold now.

use crate::{
    base::limits,
    config::{
        layers::{Kind, Version},
        lists::Entry,
    },
    learn::listed::Key,
    mail::{Address, Organisation},
    pipeline::Gateway,
    store::{
        StoreError,
        embedded::ConfigDb,
        people::Mailbox,
        scope::Scope,
        trace::{BlockList, BlockedBy},
    },
};
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;

/// Completes the lines of block lists in stories of the trace, as far as `scope` sees the lists.
pub async fn complete(gateway: &Gateway, scope: &Scope, stories: &mut [Value]) {
    for story in stories {
        let owner = story.get("organisation").and_then(Value::as_str).map(Organisation::named);
        let Some(rows) = story.get_mut("recipients").and_then(Value::as_array_mut) else {
            continue;
        };
        let mut known: Vec<(BlockedBy, BlockedBy)> = Vec::new();
        for row in rows {
            let line = row.get("blocked_by").and_then(|line| BlockedBy::deserialize(line).ok());
            let Some(line) = line else { continue };
            // Nearly always it is one line for all of them.
            let told = match known.iter().find(|(asked, _)| *asked == line) {
                Some((_, told)) => told.clone(),
                None => {
                    let told = look(gateway, scope, owner.as_ref(), line.clone()).await;
                    known.push((line, told.clone()));
                    told
                }
            };
            if let (Some(fields), Ok(told)) = (row.as_object_mut(), serde_json::to_value(told)) {
                fields.insert("blocked_by".to_string(), told);
            }
        }
    }
}

async fn look(
    gateway: &Gateway,
    scope: &Scope,
    owner: Option<&Organisation>,
    line: BlockedBy,
) -> BlockedBy {
    let gone = !stands(gateway, owner, &line).await;
    let line = BlockedBy { gone, ..line };
    let Some((kind, name, keys)) = place(&line).filter(|_| sees(scope, &line)) else { return line };
    let folder = gateway.settings.load().config.data_dir.clone();
    let entry = line.entry.clone();
    let added = tokio::task::spawn_blocking(move || added(folder, kind, &name, &keys, &entry));
    match added.await {
        Ok(Ok(Some(version))) => BlockedBy {
            by: version.author,
            since_ms: version.at.0,
            place: format!("version {} of the configuration", version.version),
            ..line
        },
        // No version put it there, so it stands in the file.
        Ok(Ok(None)) if !gone => BlockedBy { place: "the configuration file".to_string(), ..line },
        Ok(Ok(None)) | Err(_) => line,
        Ok(Err(error)) => {
            tracing::warn!(%error, "who put a sender on a list could not be looked up");
            line
        }
    }
}

/// Lists are those of a whole organisation, and the site's are the site's.
fn sees(scope: &Scope, line: &BlockedBy) -> bool {
    match scope {
        Scope::Everything => true,
        Scope::Organisation(own) => line.list == BlockList::Organisation && own.name() == line.name,
        Scope::Domains(..) | Scope::Mailbox(..) => false,
    }
}

/// Where the list stands in the configuration; none: it is a file or a mailbox's.
fn place(line: &BlockedBy) -> Option<(Kind, String, Vec<&'static str>)> {
    match line.list {
        BlockList::Site => Some((Kind::Setting, "lists.block".to_string(), Vec::new())),
        BlockList::Organisation => {
            Some((Kind::Organisation, line.name.clone(), vec!["lists", "block"]))
        }
        BlockList::File | BlockList::Own => None,
    }
}

fn added(
    folder: PathBuf,
    kind: Kind,
    name: &str,
    keys: &[&str],
    entry: &str,
) -> Result<Option<Version>, StoreError> {
    let Some(db) = ConfigDb::open_if_there(&folder)? else { return Ok(None) };
    db.when_said(kind, name, limits::LIST_LINE_VERSIONS_MAX, |value| {
        let list = keys.iter().try_fold(value, |value, key| value.get(key));
        let lines = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        lines.iter().filter_map(Value::as_str).any(|text| is_line(text, entry))
    })
}

/// The same line may be written in another form: 192.0.2.1 is 192.0.2.1/32.
fn is_line(text: &str, entry: &str) -> bool {
    Entry::try_from(text.to_string()).is_ok_and(|line| line.to_string().eq_ignore_ascii_case(entry))
}

/// Does it stand there now? What cannot be asked has not gone.
async fn stands(gateway: &Gateway, owner: Option<&Organisation>, line: &BlockedBy) -> bool {
    let settings = gateway.settings.load_full();
    let config = &settings.config;
    let is_it = |entry: &Entry| entry.to_string() == line.entry;
    match line.list {
        BlockList::Site => config.lists.block.iter().any(is_it),
        BlockList::Organisation => config
            .organisations
            .iter()
            .filter(|one| one.name.name() == line.name)
            .any(|one| one.lists.block.iter().any(is_it)),
        BlockList::File => {
            settings.lists.iter().filter(|list| list.name == line.name).any(|list| {
                let entry = Entry::try_from(line.entry.clone());
                entry.is_ok_and(|entry| {
                    !matches!(list.list.holds_sender(&[Key::of_sender(&entry)]), Ok(None))
                })
            })
        }
        BlockList::Own => {
            let (Some(owner), Ok(address)) = (owner, Address::parse(&line.name)) else {
                return true;
            };
            let entries = gateway.stores.people.entries(&Mailbox::new(owner, &address)).await;
            entries.map_or(true, |entries| entries.iter().any(|own| own.sender == line.entry))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_a_list_is_told_to_whoever_sees_it() {
        let acme = Organisation::named("acme");
        let of =
            |list, name: &str| BlockedBy { list, name: name.to_string(), ..BlockedBy::default() };
        let (site, own) = (of(BlockList::Site, ""), of(BlockList::Organisation, "acme"));
        let theirs = of(BlockList::Organisation, "berg");
        for (scope, line, want) in [
            (Scope::Everything, &site, true),
            (Scope::Everything, &theirs, true),
            (Scope::Organisation(acme.clone()), &own, true),
            (Scope::Organisation(acme.clone()), &site, false),
            (Scope::Organisation(acme.clone()), &theirs, false),
            (Scope::Domains(acme, Vec::new()), &own, false),
        ] {
            assert_eq!(sees(&scope, line), want, "{scope:?} {line:?}");
        }
        assert!(is_line("192.0.2.1", "192.0.2.1/32") && is_line("BAD.example", "bad.example"));
        assert!(!is_line(".bad.example", "bad.example"));
    }
}
