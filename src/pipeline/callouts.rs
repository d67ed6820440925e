//! What next hops said of recipients. Yes and no have a table each, so that nobody who guesses names pushes out those that exist.

use crate::base::{clock::Tick, crowd::Crowd, limits};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All answers, shared by all listeners.
#[derive(Debug)]
pub struct Callouts(Mutex<Answers>);

#[derive(Debug)]
struct Answers {
    yes: Crowd<String, Tick>,
    no: Crowd<String, Tick>,
}

/// An answer and when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// There is such a recipient.
    pub exists: bool,
    /// When that was said.
    pub at: Tick,
}

/// How many answers are remembered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Recipients that exist.
    pub yes: usize,
    /// Those that do not.
    pub no: usize,
}

impl Default for Callouts {
    fn default() -> Callouts {
        Callouts(Mutex::new(Answers {
            yes: Crowd::new(limits::CALLOUT_REMEMBERED_MAX),
            no: Crowd::new(limits::CALLOUT_NO_REMEMBERED_MAX),
        }))
    }
}

impl Callouts {
    /// What was said of this recipient last, as [`crate::mail::Address::key`] names it.
    pub fn remembered(&self, key: &str) -> Option<Remembered> {
        let (answers, key) = (self.answers(), key.to_string());
        let yes = answers.yes.get(&key).map(|at| Remembered { exists: true, at: *at });
        yes.or_else(|| answers.no.get(&key).map(|at| Remembered { exists: false, at: *at }))
    }

    /// It was asked about, and this was said.
    pub fn remember(&self, key: String, exists: bool, at: Tick) {
        let mut answers = self.answers();
        match exists {
            true => {
                answers.no.remove(&key);
                answers.yes.put(key, at, |at| *at);
            }
            false => {
                answers.yes.remove(&key);
                answers.no.put(key, at, |at| *at);
            }
        }
    }

    /// Forgets what was said of this recipient, or of all; gives how many answers went.
    pub fn forget(&self, key: Option<&str>) -> usize {
        let mut answers = self.answers();
        let is_kept = |own: &String| key.is_some_and(|key| own != key);
        let yes = answers.yes.retain(|own, _| is_kept(own));
        yes + answers.no.retain(|own, _| is_kept(own))
    }

    /// Forgets answers that are too old to be used.
    pub fn tidy(&self, now: Tick) {
        let mut answers = self.answers();
        answers.yes.retain(|_, at| now.since(*at) < limits::CALLOUT_YES_LIFETIME);
        answers.no.retain(|_, at| now.since(*at) < limits::CALLOUT_NO_LIFETIME);
    }

    /// How many there are.
    pub fn counts(&self) -> Counts {
        let answers = self.answers();
        Counts { yes: answers.yes.len(), no: answers.no.len() }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    #[test]
    fn a_dictionary_attack_pushes_out_no_yes_and_takes_bounded_room() {
        let callouts = Callouts::default();
        for number in 0..10_000 {
            callouts.remember(format!("yes {number}"), true, at(0));
        }
        for number in 0..300_000 {
            callouts.remember(format!("no {number}"), false, at(1));
        }
        let counts = callouts.counts();
        assert_eq!(counts.yes, 10_000);
        assert!(counts.no <= limits::CALLOUT_NO_REMEMBERED_MAX * 3 / 2, "{counts:?}");
        assert!((0..10_000).all(|number| {
            callouts.remembered(&format!("yes {number}")).is_some_and(|known| known.exists)
        }));
    }

    #[test]
    fn the_last_answer_counts_until_it_is_forgotten() {
        let callouts = Callouts::default();
        let said = |key: &str| callouts.remembered(key).map(|known| known.exists);
        callouts.remember("a".to_string(), true, at(0));
        callouts.remember("b".to_string(), false, at(0));
        assert_eq!((said("a"), said("b"), said("c")), (Some(true), Some(false), None));
        callouts.remember("a".to_string(), false, at(1));
        callouts.remember("b".to_string(), true, at(1));
        assert_eq!((said("a"), said("b")), (Some(false), Some(true)));
        assert_eq!(callouts.forget(Some("a")), 1);
        assert_eq!((said("a"), callouts.forget(None)), (None, 1));
        callouts.remember("n".to_string(), false, at(0));
        callouts.remember("y".to_string(), true, at(0));
        callouts.tidy(at(3_600));
        assert_eq!((said("n"), said("y")), (None, Some(true)));
    }
}
