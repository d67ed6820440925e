//! Changing the stored layer of the configuration, by command or by page: written in a transaction, checked as a merged whole, stored.
//! What does not make sense was never stored.

use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    config::layers::{
        self, BESIDE_FILE, Change, Kind, LayerError, Merged, NotAValue, Target, Written, from_json,
        is_beside_file, read_value, settings_of, to_json, with_key, without_key,
    },
    config::policy,
    edge::{
        sense,
        source::{self, NotRead, Source},
        undo::{Later, in_words},
    },
    store::{
        StoreError,
        audit::{Actor, Details, Entry, Reason, What},
        embedded::{ConfigDb, Edit, append_once},
        private,
    },
};
use std::path::{Path, PathBuf};

/// Where the layers are: the operator's file and the data folder.
#[derive(Debug, Clone)]
pub struct Layers {
    /// The file, or trial mode.
    pub source: Source,
    /// The data folder of the command line, which wins over the file's.
    pub data_dir: Option<PathBuf>,
}

impl Layers {
    /// The data folder, where one was named.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }
}

/// Why a change was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What was asked for makes no sense, and nothing was stored.
    #[error("{0}")]
    BadInput(String),
    /// One value of an entry makes no sense in the whole, and nothing was stored.
    #[error("{whole}")]
    Wrong {
        /// Which value.
        place: Target,
        /// What is wrong with it, and what to do.
        why: String,
        /// The same with its place.
        whole: String,
    },
    /// The file says this value, and nothing was stored.
    #[error(
        "{place} is locked: {origin} says it, and the file wins; change it there, or take it out there first"
    )]
    Locked {
        /// Which value.
        place: Target,
        /// Where it says so.
        origin: String,
    },
    /// Undoing a version would undo what somebody did since, and nothing was stored.
    #[error(
        "version {undone} cannot be undone: {} was changed again by {} with version {}; undo that version first",
        in_words(place), later.author, later.version
    )]
    ChangedAgain {
        /// Which value.
        place: Target,
        /// What was to be undone.
        undone: u32,
        /// What came after it.
        later: Later,
    },
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
}

impl Refused {
    /// The store did not do its part.
    pub fn stored(error: StoreError) -> Refused {
        Refused::Failed(error.to_string())
    }

    /// The whole makes no sense.
    fn unsound(error: LayerError) -> Refused {
        let whole = error.to_string();
        match error {
            LayerError::Stored { kind, name, key, message, mend, .. } => {
                let keys = key.split('.').filter(|word| !word.is_empty()).map(str::to_string);
                let keys = keys.collect();
                let why = if mend.is_empty() { message } else { format!("{message}; {mend}") };
                Refused::Wrong { place: Target { kind, name, keys }, why, whole }
            }
            LayerError::File(_) => Refused::BadInput(whole),
        }
    }

    /// The layers that are there could not be read.
    pub fn unread(error: NotRead) -> Refused {
        Refused::BadInput(error.to_string())
    }
}

/// Is a change made, or only shown?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earnest {
    /// It is stored.
    Yes,
    /// Nothing is stored.
    DryRun,
}

/// Who changes something, when and why: for the history.
#[derive(Debug, Clone)]
pub struct Signature {
    /// Who, for the audit log.
    pub who: Actor,
    /// Who, for the history.
    pub author: String,
    /// Why; may be empty.
    pub comment: String,
    /// When.
    pub at: UnixMs,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Each entry that is other than before.
    pub changes: Vec<Change>,
    /// The version that it is; none: nothing was stored, for nothing changes or it was not in earnest.
    pub version: Option<u32>,
}

/// Makes a change. `make` writes into the transaction; nothing is stored if it or the check fails. Waits for disks.
pub fn change<E: From<Refused>>(
    place: &Layers,
    signature: &Signature,
    earnest: Earnest,
    make: impl FnOnce(&mut Edit<'_>, &Written) -> Result<(), E>,
) -> Result<Changed, E> {
    let written = read_file(place)?;
    let mut db = ConfigDb::open(written.data_dir()).map_err(Refused::stored)?;
    let mut edit = db.edit().map_err(Refused::stored)?;
    make(&mut edit, &written)?;
    let changes = edit.changes().map_err(Refused::stored)?;
    if changes.is_empty() {
        return Ok(Changed { changes, version: None });
    }
    let whole = edit.read().map_err(Refused::stored)?;
    let merged = layers::merge(written.clone(), &whole)
        .map_err(|error| Refused::BadInput(format!("{}; nothing was stored", told(error))))?;
    none_is_hidden(&merged, &changes)?;
    if earnest == Earnest::DryRun {
        return Ok(Changed { changes, version: None });
    }
    let recorded = record(&written, signature, edit.version(), &changes)?;
    let version = edit.commit(signature.at, &signature.author, &signature.comment);
    let version = version.map_err(|error| not_done(&written, signature, &recorded, error))?;
    Ok(Changed { changes, version: Some(version) })
}

/// What would hold after a change, and the version that it would be. Nothing is stored.
pub fn would_be<E: From<Refused>>(
    place: &Layers,
    make: impl FnOnce(&mut Edit<'_>, &Written) -> Result<(), E>,
) -> Result<(Merged, u32), E> {
    let written = read_file(place)?;
    let mut db = ConfigDb::open(written.data_dir()).map_err(Refused::stored)?;
    // Never committed: it is rolled back when it goes.
    let mut edit = db.edit().map_err(Refused::stored)?;
    make(&mut edit, &written)?;
    let changes = edit.changes().map_err(Refused::stored)?;
    let (whole, version) = (edit.read().map_err(Refused::stored)?, edit.version());
    drop(edit);
    let merged = layers::merge(written, &whole).map_err(Refused::unsound)?;
    none_is_hidden(&merged, &changes)?;
    Ok((merged, version))
}

/// What is wrong with a change: the value that it is in, and no version, for it never became one.
fn told(error: LayerError) -> String {
    match Refused::unsound(error) {
        Refused::Wrong { place, why, .. } => format!("{}: {why}", in_words(&place)),
        other @ (Refused::BadInput(_)
        | Refused::Locked { .. }
        | Refused::ChangedAgain { .. }
        | Refused::Failed(_)) => other.to_string(),
    }
}

/// The file layer, where there is a data folder to store beside it.
fn read_file(place: &Layers) -> Result<Written, Refused> {
    let written = place.source.written(place.data_dir()).map_err(Refused::unread)?;
    let files = source::domains_files(&written).map_err(Refused::unread)?;
    private::data_folder(written.data_dir()).map_err(Refused::stored)?;
    Ok(written.with_domains(files))
}

/// What a change sets is to hold: a value that the file says too would be stored for nothing.
fn none_is_hidden(merged: &Merged, changes: &[Change]) -> Result<(), Refused> {
    for change in changes {
        let own = |target: &&Target| target.kind == change.kind && target.name == change.name;
        for hidden in merged.hidden.iter().filter(own) {
            let (before, after) =
                (value_in(&change.before, &hidden.keys), value_in(&change.after, &hidden.keys));
            if let Some(lock) = merged.lock(hidden).filter(|_| after.is_some() && before != after) {
                return Err(locked_by(&lock.to_string(), hidden));
            }
        }
    }
    Ok(())
}

/// The value under these keys of an entry.
pub(super) fn value_in(entry: &Option<String>, keys: &[String]) -> Option<toml::Value> {
    let mut value = from_json(entry.as_deref()?).ok()?;
    for key in keys {
        value = value.as_table_mut()?.remove(key)?;
    }
    Some(value)
}

/// Writes into the audit log what is about to be stored: names, never values, which may be secrets.
fn record(
    written: &Written,
    signature: &Signature,
    version: u32,
    changes: &[Change],
) -> Result<Vec<u64>, Refused> {
    let who = &signature.who;
    let reason = Reason::written(&signature.comment, signature.at);
    let other_author = Some(signature.author.as_str()).filter(|name| *name != who.name());
    let version =
        Details::default().number("version", version.into()).word_if("author", other_author);
    let entries: Vec<Entry> = match changes.len() {
        0..=limits::AUDIT_OBJECTS_MAX => {
            changes.iter().map(|change| entry_of(who, change, version.clone())).collect()
        }
        count => {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            let details = version.number("entries", count);
            vec![Entry::new(who.clone(), What::ConfigurationChanged).with(details)]
        }
    };
    let entries = entries.into_iter().map(|entry| entry.because(reason.clone())).collect();
    append_once(written.data_dir(), &Clock::system(), entries).map_err(|error| {
        Refused::Failed(format!(
            "nothing was stored, for the audit log takes no record of it: {error}"
        ))
    })
}

fn entry_of(who: &Actor, change: &Change, version: Details) -> Entry {
    let what = match change.kind {
        Kind::Policy => What::PolicyChanged,
        Kind::Organisation | Kind::Domain | Kind::Setting => What::ConfigurationChanged,
    };
    let act = match (&change.before, &change.after) {
        (None, _) => "add",
        (Some(_), Some(_)) => "change",
        (Some(_), None) => "remove",
    };
    Entry::new(who.clone(), what)
        .about(format!("{} {}", change.kind, change.name))
        .of(Some(change.organisation()))
        .with(version.word("act", act))
}

fn not_done(
    written: &Written,
    signature: &Signature,
    recorded: &[u64],
    error: StoreError,
) -> Refused {
    let of = |at: Option<&u64>| at.copied().unwrap_or(0);
    let details = Details::default()
        .number("from", of(recorded.first()))
        .number("to", of(recorded.last()))
        .word("why", &error.to_string());
    let entry = Entry::new(signature.who.clone(), What::NotDone).with(details);
    match append_once(written.data_dir(), &Clock::system(), vec![entry]) {
        Ok(_) => Refused::stored(error),
        Err(also) => Refused::Failed(format!(
            "{error}; and the audit log, which says that it was stored, takes no correction: {also}"
        )),
    }
}

/// Stores the value that a text says, under a path.
pub fn set(
    place: &Layers,
    signature: &Signature,
    target: &Target,
    text: &str,
) -> Result<Changed, Refused> {
    let set = |value: toml::Value| {
        change(place, signature, Earnest::Yes, |edit, written| {
            not_locked(written, target)?;
            put(edit, written, target, value)
        })
    };
    let value = read_value(text);
    match set(value.clone()) {
        // 512 is a number to TOML and a size to us.
        Err(Refused::BadInput(why)) if !value.is_str() && !value.is_table() => {
            match set(toml::Value::String(text.to_string())) {
                Err(Refused::BadInput(_)) => Err(Refused::BadInput(why)),
                other => other,
            }
        }
        other => other,
    }
}

/// Forgets a stored value, or a whole stored entry; `path` is what it was called by.
pub fn unset(
    place: &Layers,
    signature: &Signature,
    target: &Target,
    path: &str,
) -> Result<Changed, Refused> {
    let Target { kind, name, keys } = target;
    change(place, signature, Earnest::Yes, |edit, written| {
        let missing = || {
            let sentence = format!("nothing is stored under {path}");
            Refused::BadInput(match written.lock(target) {
                Some(lock) => format!("{sentence}; it stands in {lock}"),
                None => sentence,
            })
        };
        let before = edit.get(*kind, name).map_err(Refused::stored)?.ok_or_else(missing)?;
        if keys.is_empty() {
            return edit.put(*kind, name, None).map_err(Refused::stored);
        }
        let after = without_key(&before, keys).map_err(|why| Refused::Failed(why.to_string()))?;
        edit.put(*kind, name, Some(&after.ok_or_else(missing)?)).map_err(Refused::stored)
    })
}

/// Puts everything back to how it was at a version.
pub fn go_back(edit: &mut Edit<'_>, version: u32) -> Result<(), Refused> {
    if version >= edit.version() {
        return Err(Refused::BadInput(format!("there is no version {version}")));
    }
    for (kind, name, before) in edit.as_it_was_at(version).map_err(Refused::stored)? {
        edit.put(kind, &name, before.as_deref()).map_err(Refused::stored)?;
    }
    Ok(())
}

/// Said before anything else: whoever tries to change the file should hear where it says so.
pub fn not_locked(written: &Written, target: &Target) -> Result<(), Refused> {
    match written.lock(target) {
        Some(lock) => Err(locked_by(&lock.to_string(), target)),
        None => Ok(()),
    }
}

/// The refusal to change what the file says.
pub fn locked_by(origin: &str, what: &Target) -> Refused {
    Refused::Locked { place: what.clone(), origin: origin.to_string() }
}

/// Puts a value under a path, without looking whether the whole makes sense.
pub fn put(
    edit: &mut Edit<'_>,
    written: &Written,
    target: &Target,
    value: toml::Value,
) -> Result<(), Refused> {
    sense::check(target, &value, Clock::system().now())?;
    let Target { kind, name, keys } = target;
    let bad = |why: NotAValue| Refused::BadInput(why.to_string());
    if *kind == Kind::Setting {
        for (path, value) in settings_of(name, value) {
            put_checked(edit, Kind::Setting, &path, &to_json(&value).map_err(bad)?)?;
        }
        return Ok(());
    }
    let is_there = written.stands(*kind, name).is_some();
    if keys.is_empty() {
        if !is_there && edit.get(*kind, name).map_err(Refused::stored)?.is_none() {
            in_lower_case(*kind, name)?;
        }
        if !value.is_table() {
            let sentence = format!(
                "{kind}.{name} is a table: write one of its keys, {kind}.{name}.KEY, or all of it as '{{ key = \"value\" }}'"
            );
            return Err(Refused::BadInput(sentence));
        }
        return put_checked(edit, *kind, name, &to_json(&value).map_err(bad)?);
    }
    let before = edit.get(*kind, name).map_err(Refused::stored)?;
    let is_new = before.as_deref().is_none_or(is_beside_file);
    let is_built_in = *kind == Kind::Policy && name == policy::DEFAULT_NAME;
    if *kind == Kind::Policy && before.is_none() && !is_there && !is_built_in {
        return Err(no_policy(edit, written, name)?);
    }
    let of_file = *kind == Kind::Domain && is_new;
    if of_file && written.stands(*kind, name).is_none() {
        let sentence =
            format!("{name} is no domain of ours yet; sluss domain add {name} stores it");
        return Err(Refused::BadInput(sentence));
    }
    let mut after = with_key(before.as_deref(), keys, value).map_err(bad)?;
    if of_file {
        let beside = [BESIDE_FILE.to_string()];
        after = with_key(Some(&after), &beside, toml::Value::Boolean(true)).map_err(bad)?;
    }
    put_checked(edit, *kind, name, &after)
}

/// Names are told apart by their letters as they stand, so one with a capital is a trap for whoever writes it without.
fn in_lower_case(kind: Kind, name: &str) -> Result<(), Refused> {
    let is_ours = matches!(kind, Kind::Policy | Kind::Organisation);
    match is_ours && name.chars().any(char::is_uppercase) {
        true => Err(Refused::BadInput(format!(
            "the name of a new {kind} is written in lower case: {kind}.{}",
            name.to_lowercase()
        ))),
        false => Ok(()),
    }
}

/// A key of a policy that nobody made would make one that no domain has.
fn no_policy(edit: &Edit<'_>, written: &Written, name: &str) -> Result<Refused, Refused> {
    let mut known = edit.names(Kind::Policy).map_err(Refused::stored)?;
    known.extend(written.names(Kind::Policy).into_iter().map(str::to_string));
    known.push(policy::DEFAULT_NAME.to_string());
    known.sort_unstable();
    known.dedup();
    let more = known.len().saturating_sub(limits::WEB_PAGE_ROWS);
    known.truncate(limits::WEB_PAGE_ROWS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Ok(Refused::BadInput(format!(
        "there is no policy {name}; there are {}{more}; to make one, store all of it: policy.{name} as '{{ mark = 5.0 }}'",
        known.join(", ")
    )))
}

/// Stores an entry, if it is not too large for one.
pub fn put_checked(
    edit: &mut Edit<'_>,
    kind: Kind,
    name: &str,
    value: &str,
) -> Result<(), Refused> {
    if value.len() > limits::STORED_VALUE_BYTES_MAX {
        return Err(Refused::BadInput(format!(
            "the value of {kind} {name} has {} bytes; at most {} are stored",
            value.len(),
            limits::STORED_VALUE_BYTES_MAX
        )));
    }
    edit.put(kind, name, Some(value)).map_err(Refused::stored)
}
