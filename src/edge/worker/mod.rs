//! Mail is opened in processes that can do nothing else: a worker each for as many mails as are opened at a time.
//!
//! A small parent, the [`warden`], compiles the rules once and forks workers, which share them and are there in milliseconds. A worker
//! has no files, no network, no other program ([`sandbox`]); a mail goes in as a sealed file in memory, what is inside comes out over a
//! line, bounded and looked at ([`frames`]). It is replaced after some mails, and at once after anything odd.
//!
//! A worker that dies takes nothing along: its mail is tried once more, alone in a fresh one, and if that dies too the mail is said to be
//! a killer ([`UnscannedReason::Crashed`]), which is held. The attempt is written down first ([`attempts`]), so that a mail which takes
//! the gateway itself along is known when it comes again. Nothing here ever says that a mail is clean because something failed.

mod attempts;
mod cache;
mod frames;
mod pool;
mod room;
mod sandbox;
mod warden;

use crate::{
    base::{clock::Clock, limits},
    examine::{
        Contents, Examiner, MarkKey, NotViewed, RuleFile, RuleInfo, Unscanned, UnscannedReason,
        View, ViewAsk, Wants,
    },
};
pub use attempts::Attempts;
use cache::Cache;
use pool::{Died, Pool};
use std::{ffi::OsStr, fmt, io, path::Path, process::ExitCode};
use warden::Setup;

/// What is compiled and forked.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The signatures.
    pub rules: Vec<RuleFile>,
    /// Give the values of personal data, not masks alone.
    pub reveal: bool,
    /// Mark the values of personal data under this key.
    pub marks: Option<MarkKey>,
    /// What else is wanted of each mail.
    pub wants: Wants,
    /// Work on where a worker cannot be locked in.
    pub best_effort: bool,
}

/// What came of compiling them.
#[derive(Debug, Clone, Default)]
pub struct RulesSettled {
    /// In force.
    pub rules: Vec<RuleInfo>,
    /// Left out, and why.
    pub errors: Vec<String>,
    /// What could be better.
    pub warnings: Vec<String>,
}

/// Examines in worker processes.
pub struct Isolated {
    pool: Pool,
    cache: Cache,
    attempts: Attempts,
    clock: Clock,
}

impl fmt::Debug for Isolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Isolated").finish_non_exhaustive()
    }
}

impl Isolated {
    /// Starts a warden and waits until it has compiled the rules and a first worker has shown that it is locked in.
    pub fn start(
        charge: Charge,
        attempts: Attempts,
        clock: Clock,
    ) -> io::Result<(Isolated, RulesSettled)> {
        let Charge { rules, reveal, marks, wants, best_effort } = charge;
        let (pool, settled) =
            Pool::open(Setup { rules, reveal, marks, wants, best_effort }, clock.clone())?;
        let cache = Cache::new(limits::CONTENTS_CACHE_BYTES_MAX);
        let isolated = Isolated { pool, cache, attempts, clock };
        let settled = RulesSettled {
            rules: settled.rules,
            errors: settled.errors,
            warnings: settled.warnings,
        };
        Ok((isolated, settled))
    }

    fn open(&self, message: &[u8], hash: blake3::Hash, abroad: &[String]) -> Contents {
        match self.twice(hash, |wanted| self.pool.open_mail(message, abroad, wanted)) {
            Ok(contents) => contents,
            Err((reason, because)) => unopened(reason, &because),
        }
    }

    /// Has a worker do something with a mail of this hash, and once more alone in a fresh one should it die of it.
    fn twice<T>(
        &self,
        hash: blake3::Hash,
        work: impl Fn(pool::Wanted) -> Result<T, Died>,
    ) -> Result<T, (UnscannedReason, String)> {
        let mut attempt = self.attempts.begin(hash, self.clock.now());
        let mut how = "the gateway ended twice with it under examination".to_string();
        while usize::from(attempt.deaths()) < limits::EXAMINER_DEATHS_MAX {
            // The second try is alone: in a worker that has seen no other mail.
            let wanted = match attempt.deaths() {
                0 => pool::Wanted::Any,
                _ => pool::Wanted::Fresh,
            };
            match work(wanted) {
                Ok(done) => return Ok(done),
                Err(Died::NotStarted(why)) => {
                    tracing::error!(error = why, "no worker could be started; mail is put off");
                    let because = "no examiner could be started".to_string();
                    return Err((UnscannedReason::Engine, because));
                }
                Err(Died::TimedOut) => {
                    let most = limits::WORKER_TIME_MAX.as_secs();
                    tracing::warn!("a worker was killed after {most} s with one mail");
                    let because = format!("the examiner took longer than {most} s");
                    return Err((UnscannedReason::Engine, because));
                }
                Err(Died::Ended(why)) => {
                    metrics::counter!("sluss_examiners_died_total").increment(1);
                    attempt.died();
                    let again = usize::from(attempt.deaths()) < limits::EXAMINER_DEATHS_MAX;
                    if again {
                        tracing::warn!(
                            how = why,
                            "a worker died of a mail; the mail is tried once more alone"
                        );
                    }
                    how = why;
                }
            }
        }
        tracing::error!(how, content = %hash.to_hex(), "two workers died of a mail; it is held");
        metrics::counter!("sluss_killer_mails_total").increment(1);
        Err((UnscannedReason::Crashed, format!("two examiners died of it: {how}")))
    }
}

/// What is known of a mail that nobody could open.
fn unopened(reason: UnscannedReason, because: &str) -> Contents {
    let because = because.to_string();
    let whole = Unscanned { part: String::new(), path: String::new(), reason, because };
    Contents { unscanned: vec![whole], ..Contents::default() }
}

impl Examiner for Isolated {
    fn examine_for(&self, message: &[u8], abroad: &[String]) -> Contents {
        // A hash that we computed ourselves: a clean result belongs to these bytes and no others.
        let hash = blake3::hash(message);
        let asked = asked(&hash, abroad);
        if let Some(known) = self.cache.get(&asked, self.clock.tick()) {
            return known;
        }
        let contents = self.open(message, hash, abroad);
        let whole = contents.unscanned.iter().all(|one| match one.reason {
            UnscannedReason::Engine | UnscannedReason::OutOfTime | UnscannedReason::Crashed => {
                false
            }
            UnscannedReason::TooDeep
            | UnscannedReason::TooMany
            | UnscannedReason::TooLarge
            | UnscannedReason::RatioTooHigh
            | UnscannedReason::Encrypted
            | UnscannedReason::Damaged
            | UnscannedReason::Unsupported => true,
        });
        if whole {
            self.cache.put(asked, &contents, self.clock.tick());
        }
        contents
    }

    fn view(&self, message: &[u8], ask: ViewAsk) -> Result<View, NotViewed> {
        let viewed = self.twice(shown(message), |wanted| self.pool.view_mail(message, ask, wanted));
        viewed.unwrap_or_else(|(_, because)| Err(NotViewed::NotOpened(because)))
    }
}

/// What an answer is known by: the bytes, and what was asked of them.
fn asked(hash: &blake3::Hash, abroad: &[String]) -> blake3::Hash {
    if abroad.is_empty() {
        return *hash;
    }
    let mut hasher = blake3::Hasher::new_derive_key("sluss 2026 a mail and countries");
    hasher.update(hash.as_bytes());
    for country in abroad {
        hasher.update(country.as_bytes());
        hasher.update(b",");
    }
    hasher.finalize()
}

/// What an attempt to show a mail is known by: one that kills those who show it is not held for that when it comes again.
fn shown(message: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("sluss 2026 a mail that is shown");
    hasher.update(message);
    hasher.finalize()
}

/// Were we started as a warden? Then this is all we are.
pub fn as_warden() -> Option<ExitCode> {
    let word = std::env::args_os().nth(1)?;
    if word != OsStr::new(warden::ARGUMENT) {
        return None;
    }
    Some(match warden::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sluss: the warden of the examiners ended: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Our own program, also when the file was replaced since we were started.
fn own_program() -> &'static Path {
    Path::new("/proc/self/exe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_belongs_to_the_bytes_and_to_what_was_asked_of_them() {
        let (one, other) = (blake3::hash(b"one"), blake3::hash(b"other"));
        let countries = |all: &[&str]| all.iter().map(|one| one.to_string()).collect::<Vec<_>>();
        assert_eq!(asked(&one, &[]), one);
        let all = [
            asked(&one, &[]),
            asked(&other, &[]),
            asked(&one, &countries(&["gb"])),
            asked(&one, &countries(&["gb", "de"])),
            asked(&other, &countries(&["gb"])),
        ];
        for (at, hash) in all.iter().enumerate() {
            assert!(!all[..at].contains(hash), "{at}");
        }
    }
}
