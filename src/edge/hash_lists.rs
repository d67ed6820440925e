//! The hash lists of a configuration: compiled into the data folder, and opened from there.

use crate::{
    base::{clock::Clock, limits},
    config::hash_list::HashListConfig,
    pipeline::outside::ListInForce,
    store::{
        hash_list::{HashList, Report, Source},
        private,
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a list lies when it is compiled.
pub fn compiled_file(entry: &HashListConfig, data: &Path) -> PathBuf {
    data.join("lists").join(format!("{}.list", entry.name))
}

/// Is the file that the list is written in newer than what was compiled of it, or nothing compiled yet?
pub fn is_stale(entry: &HashListConfig, data: &Path) -> bool {
    let changed = |file: &Path| fs::metadata(file).and_then(|known| known.modified());
    match (changed(&compiled_file(entry, data)), changed(&entry.file)) {
        (Ok(made), Ok(at)) => at > made,
        // What cannot be seen is tried: compiling says what is wrong.
        (Err(_), _) | (_, Err(_)) => true,
    }
}

/// Compiles a list. The one before it stays as it was until the new one is whole.
pub fn compile(entry: &HashListConfig, data: &Path, clock: &Clock) -> Result<Report, String> {
    let source = Source {
        name: entry.name.clone(),
        file: entry.file.clone(),
        kind: entry.kind,
        columns: entry.columns(),
    };
    let compiled = compiled_file(entry, data);
    if let Some(folder) = compiled.parent() {
        private::folder(folder).map_err(|error| error.to_string())?;
    }
    let memory = limits::HASH_LIST_SORT_BYTES_DEFAULT;
    HashList::compile(&[source], &compiled, memory, clock.now()).map_err(|error| error.to_string())
}

/// A list to be asked, compiled again where it is stale. One that does not compile leaves the one before it in force.
pub fn in_force(entry: &HashListConfig, data: &Path, clock: &Clock) -> Result<ListInForce, String> {
    let named = |why: &dyn std::fmt::Display| format!("hash list {}: {why}", entry.name);
    let compiled = compiled_file(entry, data);
    if is_stale(entry, data) {
        match compile(entry, data, clock) {
            Ok(made) => {
                tracing::info!(
                    list = entry.name,
                    entries = made.entries,
                    "a hash list was compiled"
                );
            }
            Err(why) if compiled.exists() => {
                tracing::error!(
                    list = entry.name,
                    why,
                    "a hash list does not compile; the one before it stays in force"
                );
            }
            Err(why) => return Err(named(&why)),
        }
    }
    let list = HashList::open(&compiled).map_err(|error| named(&error))?;
    Ok(ListInForce {
        name: entry.name.clone(),
        kind: entry.kind,
        means: entry.means,
        category: entry.category,
        weight: entry.weight,
        list: Arc::new(list),
    })
}
