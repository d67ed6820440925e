//! How every command changes the stored layer: written in a transaction, checked as a merged whole, stored, and put in force.

use super::{Failure, Place, print, runtime};
use crate::{
    base::{clock::Clock, limits},
    config::layers::{self, Change, Kind, Written},
    edge::{
        caller,
        control::{self, Request, Response},
        source::{self, NotRead},
    },
    store::{
        StoreError,
        audit::{Actor, Details, Entry, Reason, What},
        embedded::{ConfigDb, Edit, append_once},
        private,
    },
};
use clap::Args;
use std::{env, fs, os::unix::fs::MetadataExt};

/// Who changes something, and why.
#[derive(Debug, Clone, Args)]
pub(super) struct Signed {
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
    /// Who, for the history. Default: the user, behind sudo too.
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

/// Is a change made, or only shown?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earnest {
    Yes,
    DryRun,
}

/// Makes a change and says what it was. `make` writes into the transaction; nothing is stored if it or the check fails.
pub(super) fn change(
    place: &Place,
    signed: &Signed,
    earnest: Earnest,
    make: impl FnOnce(&mut Edit<'_>, &Written) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let written = place.source().written(place.data.as_deref()).map_err(unread)?;
    let files = source::domains_files(&written).map_err(unread)?;
    private::data_folder(written.data_dir()).map_err(stored)?;
    let mut db = ConfigDb::open(written.data_dir()).map_err(stored)?;
    let mut edit = db.edit().map_err(stored)?;
    make(&mut edit, &written)?;
    let changes = edit.changes().map_err(stored)?;
    if changes.is_empty() {
        print::line("nothing to change")?;
        return Ok(());
    }
    let whole = edit.read().map_err(stored)?;
    let merged = layers::merge(written.clone(), &files, &whole)
        .map_err(|error| Failure::BadInput(format!("{error}; nothing was stored")))?;
    if let Some(locked) = changes.iter().filter(|change| change.after.is_some()).find(|change| {
        merged.hidden.iter().any(|(kind, name)| *kind == change.kind && *name == change.name)
    }) {
        let lock = merged.lock(locked.kind, &locked.name);
        let origin =
            lock.map_or_else(|| written.shown().display().to_string(), |lock| lock.to_string());
        return Err(locked_by(&origin, &format!("{} {}", locked.kind, locked.name)));
    }
    if earnest == Earnest::DryRun {
        show(&changes)?;
        print::line(&format!("{} would change; nothing was stored", count(changes.len())))?;
        return Ok(());
    }
    let recorded = record(&written, signed, edit.version(), &changes)?;
    let version = edit.commit(Clock::system().now(), &signed.author(), &signed.comment);
    let version = version.map_err(|error| not_done(&written, &recorded, error))?;
    show(&changes)?;
    print::line(&format!("version {version}: {} changed", count(changes.len())))?;
    put_in_force(&written)
}

/// Writes into the audit log what is about to be stored: names, never values, which may be secrets.
fn record(
    written: &Written,
    signed: &Signed,
    version: u32,
    changes: &[Change],
) -> Result<Vec<u64>, Failure> {
    let clock = Clock::system();
    let who = caller::of_this_process();
    let reason = Reason::written(&signed.comment, clock.now());
    let version = Details::default()
        .number("version", version.into())
        .word_if("author", signed.author.as_deref());
    let entries: Vec<Entry> = match changes.len() {
        0..=limits::AUDIT_OBJECTS_MAX => {
            changes.iter().map(|change| entry_of(&who, change, version.clone())).collect()
        }
        count => {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            let details = version.number("entries", count);
            vec![Entry::new(who, What::ConfigurationChanged).with(details)]
        }
    };
    let entries = entries.into_iter().map(|entry| entry.because(reason.clone())).collect();
    append_once(written.data_dir(), &clock, entries).map_err(|error| {
        Failure::Failed(format!(
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

fn not_done(written: &Written, recorded: &[u64], error: StoreError) -> Failure {
    let of = |at: Option<&u64>| at.copied().unwrap_or(0);
    let details = Details::default()
        .number("from", of(recorded.first()))
        .number("to", of(recorded.last()))
        .word("why", &error.to_string());
    let entry = Entry::new(caller::of_this_process(), What::NotDone).with(details);
    match append_once(written.data_dir(), &Clock::system(), vec![entry]) {
        Ok(_) => stored(error),
        Err(also) => Failure::Failed(format!(
            "{error}; and the audit log, which says that it was stored, takes no correction: {also}"
        )),
    }
}

/// The refusal to change what the file says.
pub(super) fn locked_by(origin: &str, what: &str) -> Failure {
    Failure::BadInput(format!(
        "{what} is locked: {origin} says it, and the file wins; change it there, or take it out there first"
    ))
}

pub(super) fn stored(error: StoreError) -> Failure {
    Failure::Failed(error.to_string())
}

pub(super) fn unread(error: NotRead) -> Failure {
    Failure::BadInput(error.to_string())
}

/// Lists changes, one a line, as many as one reads.
pub(super) fn show(changes: &[Change]) -> Result<(), Failure> {
    for change in changes.iter().take(limits::LIST_ROWS_DEFAULT) {
        print::line(&print::tame(&change.to_string()))?;
    }
    if let Some(more) =
        changes.len().checked_sub(limits::LIST_ROWS_DEFAULT).filter(|more| *more > 0)
    {
        print::line(&format!("… and {more} more"))?;
    }
    Ok(())
}

fn count(changes: usize) -> String {
    match changes {
        1 => "1 entry".to_string(),
        count => format!("{count} entries"),
    }
}

fn put_in_force(written: &Written) -> Result<(), Failure> {
    let asked = runtime()?.block_on(control::ask(written.data_dir(), &Request::Reload));
    match asked
        .map_err(|error| format!("it is stored, but the running gateway did not answer: {error}"))?
    {
        Some(Response::Ok(said)) => print::line(said.as_str().unwrap_or("reloaded"))?,
        Some(Response::Error(why)) => {
            return Err(Failure::Failed(format!(
                "it is stored, but the running gateway keeps its former configuration: {why}"
            )));
        }
        None => print::line("no gateway runs; it holds from the next start")?,
    }
    Ok(())
}

impl Signed {
    fn author(&self) -> String {
        let said = self.author.clone().or_else(|| env::var("SUDO_USER").ok());
        said.filter(|name| !name.is_empty()).unwrap_or_else(user_name)
    }
}

/// The name of the user this process runs as, or their number.
fn user_name() -> String {
    let Ok(uid) = fs::metadata("/proc/self").map(|about| about.uid()) else {
        return "unknown".to_string();
    };
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(uid, &accounts).unwrap_or_else(|| format!("uid {uid}"))
}

fn name_of(uid: u32, accounts: &str) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_author_is_who_runs_the_command() {
        let accounts = "root:x:0:0:root:/:/bin/sh\nbroken\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        assert_eq!(name_of(1000, accounts).as_deref(), Some("anna"));
        assert_eq!(name_of(7, accounts), None);
        let signed = Signed { comment: String::new(), author: Some("bo".to_string()) };
        assert_eq!(signed.author(), "bo");
    }
}
