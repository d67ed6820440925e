//! A circuit breaker: who does not answer is left alone for a while, and asked again by one at a time.
//!
//! Pure: the time is handed in. A trial that is never reported (its task was dropped) counts as one that failed.

use crate::base::clock::Tick;
use std::{sync::Mutex, time::Duration};

/// How patient it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Failures in a row after which it rests.
    pub failures_max: u32,
    /// The first rest.
    pub rest_min: Duration,
    /// The rest doubles up to this each time the trial after it fails.
    pub rest_max: Duration,
}

/// The breaker of one peer, shared by all who ask it.
#[derive(Debug)]
pub struct Breaker {
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    failures: u32,
    rest: Duration,
    rests_until: Option<Tick>,
}

/// Leave to ask. Whoever has it reports how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Leave {
    /// All is well.
    Ordinary,
    /// The one who tries after a rest.
    Trial,
}

/// It rests; how long still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting(pub Duration);

impl Breaker {
    /// Closed: everybody may ask.
    pub fn new(patience: Patience) -> Breaker {
        Breaker { patience, state: Mutex::new(fresh(patience)) }
    }

    /// May somebody ask now?
    pub fn leave(&self, now: Tick) -> Result<Leave, Resting> {
        let mut state = self.state();
        match state.rests_until {
            None => Ok(Leave::Ordinary),
            Some(until) if now < until => Err(Resting(until.since(now))),
            Some(_) => {
                // The others rest on until this one has reported.
                state.rests_until = Some(now.plus(state.rest));
                Ok(Leave::Trial)
            }
        }
    }

    /// It answered. True when this ended a rest: a thing to log.
    pub fn answered(&self) -> bool {
        let mut state = self.state();
        let rested = state.rests_until.is_some();
        *state = fresh(self.patience);
        rested
    }

    /// It did not. True when this opened the breaker: a thing to log.
    pub fn failed(&self, leave: Leave, now: Tick) -> bool {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        match (leave, state.rests_until) {
            (Leave::Trial, _) => {
                state.rest = state.rest.saturating_mul(2).min(self.patience.rest_max);
                state.rests_until = Some(now.plus(state.rest));
                false
            }
            // Several asked at the same time: the first that failed often enough has opened it.
            (Leave::Ordinary, Some(_)) => false,
            (Leave::Ordinary, None) if state.failures < self.patience.failures_max => false,
            (Leave::Ordinary, None) => {
                state.rests_until = Some(now.plus(state.rest));
                true
            }
        }
    }

    /// Does it rest? For the status page.
    pub fn is_open(&self) -> bool {
        self.state().rests_until.is_some()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, the numbers are still numbers.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn fresh(patience: Patience) -> State {
    State { failures: 0, rest: patience.rest_min, rests_until: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        failures_max: 3,
        rest_min: Duration::from_secs(5),
        rest_max: Duration::from_secs(15),
    };

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    fn fail(breaker: &Breaker, seconds: u64) -> bool {
        let leave = breaker.leave(at(seconds)).unwrap();
        breaker.failed(leave, at(seconds))
    }

    #[test]
    fn opens_after_failures_in_a_row() {
        let breaker = Breaker::new(PATIENCE);
        assert!(!fail(&breaker, 0) && !fail(&breaker, 0));
        assert!(!breaker.answered());
        assert!(!fail(&breaker, 1) && !fail(&breaker, 1) && fail(&breaker, 1));
        assert_eq!(breaker.leave(at(2)), Err(Resting(Duration::from_secs(4))));
        assert!(breaker.is_open());
    }

    #[test]
    fn one_tries_and_the_rest_doubles_to_a_bound() {
        let breaker = Breaker::new(PATIENCE);
        assert!(!fail(&breaker, 0) && !fail(&breaker, 0) && fail(&breaker, 0));
        for (second, rest) in [(5, 10), (15, 15), (30, 15)] {
            assert_eq!(breaker.leave(at(second)), Ok(Leave::Trial));
            assert!(breaker.leave(at(second)).is_err(), "one at a time");
            assert!(!breaker.failed(Leave::Trial, at(second)));
            assert_eq!(breaker.leave(at(second)), Err(Resting(Duration::from_secs(rest))));
        }
        assert_eq!(breaker.leave(at(45)), Ok(Leave::Trial));
        assert!(breaker.answered());
        assert_eq!(breaker.leave(at(45)), Ok(Leave::Ordinary));
        assert!(!breaker.is_open());
    }

    #[test]
    fn late_failures_do_not_prolong_and_a_lost_trial_does_not_block() {
        let breaker = Breaker::new(PATIENCE);
        let late = breaker.leave(at(0)).unwrap();
        assert!(!fail(&breaker, 0) && !fail(&breaker, 0) && fail(&breaker, 0));
        assert!(!breaker.failed(late, at(4)));
        assert_eq!(breaker.leave(at(5)), Ok(Leave::Trial));
        assert_eq!(breaker.leave(at(10)), Ok(Leave::Trial), "the first was never heard of");
    }
}
