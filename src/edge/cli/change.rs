//! How every command changes the stored layer: written in a transaction, checked as a merged whole, stored, and put in force.

use super::{Failure, Place, print, runtime};
pub(super) use crate::edge::stored::Earnest;
use crate::{
    base::{clock::Clock, limits},
    config::layers::{Change, Written},
    edge::{
        caller,
        control::{self, Request, Response},
        source::NotRead,
        stored::{self as edge_stored, Changed, Layers, Refused, Signature},
    },
    store::{StoreError, embedded::Edit},
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

/// Makes a change and says what it was. `make` writes into the transaction; nothing is stored if it or the check fails.
pub(super) fn change(
    place: &Place,
    signed: &Signed,
    earnest: Earnest,
    make: impl FnOnce(&mut Edit<'_>, &Written) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let layers = place.layers();
    let done = edge_stored::change(&layers, &signed.signature(), earnest, make)?;
    tell(&layers, &done, earnest)
}

/// Says what was changed, and has a running gateway read it.
pub(super) fn tell(layers: &Layers, done: &Changed, earnest: Earnest) -> Result<(), Failure> {
    let changes = &done.changes;
    if changes.is_empty() {
        print::line("nothing to change")?;
        return Ok(());
    }
    show(changes)?;
    match (earnest, done.version) {
        (Earnest::Yes, Some(version)) => {
            print::line(&format!("version {version}: {} changed", count(changes.len())))?;
            put_in_force(&layers.source.written(layers.data_dir()).map_err(unread)?)
        }
        (Earnest::DryRun, _) | (Earnest::Yes, None) => {
            Ok(print::line(&format!("{} would change; nothing was stored", count(changes.len())))?)
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match &refused {
            Refused::BadInput(sentence) => Failure::BadInput(sentence.clone()),
            Refused::Wrong { whole, .. } => Failure::BadInput(whole.clone()),
            Refused::ChangedAgain { undone, .. } => {
                let before = undone.saturating_sub(1);
                let whole =
                    format!("{refused}, or go back to all of version {before} with --to {before}");
                Failure::BadInput(whole)
            }
            Refused::Locked { .. } => Failure::BadInput(refused.to_string()),
            Refused::Failed(sentence) => Failure::Failed(sentence.clone()),
        }
    }
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
    /// For the history, as of now.
    pub(super) fn signature(&self) -> Signature {
        let at = Clock::system().now();
        let who = caller::of_this_process();
        Signature { who, author: self.author(), comment: self.comment.clone(), at }
    }

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
