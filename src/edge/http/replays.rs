//! Changes that are tried over the mail of the last days: in the background, a few at a time, until they are done or somebody ends them.
//!
//! They live in memory and are lost with the process: nothing depends on them, and they are soon tried again.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    config::Config,
    edge::proposal::Proposal,
    pipeline::{
        Gateway,
        replay::{self, Replay, Report, Watch},
    },
    store::keys,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

/// One change that is tried, or was.
pub(super) struct Job {
    /// What it is asked by.
    pub(super) id: String,
    /// The account that tries it.
    pub(super) by: String,
    /// What is tried.
    pub(super) proposal: Proposal,
    /// The page that it came from.
    pub(super) from: String,
    /// Over mail of so many days.
    pub(super) days: u64,
    begun: UnixMs,
    watch: Watch,
    outcome: Mutex<Option<Result<Arc<Report>, String>>>,
}

/// How far it is.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// It looks.
    Runs {
        /// Mails that were looked at.
        mails: u64,
        /// How much of the time, in per cent.
        percent: u64,
    },
    /// It has ended.
    Done(Arc<Report>),
    /// It could not be done.
    Failed(String),
}

/// All of them, the newest first.
#[derive(Default)]
pub(super) struct Replays(Mutex<VecDeque<Arc<Job>>>);

/// As many run as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl Job {
    pub(super) fn state(&self, now: UnixMs) -> State {
        match &*lock(&self.outcome) {
            Some(Ok(report)) => State::Done(report.clone()),
            Some(Err(why)) => State::Failed(why.clone()),
            None => {
                let reached = UnixMs(self.watch.reached_ms.load(Ordering::Relaxed));
                let (whole, part) = (now.since(self.since()), reached.since(self.since()));
                let percent = part.as_millis().saturating_mul(100).checked_div(whole.as_millis());
                State::Runs {
                    mails: self.watch.mails.load(Ordering::Relaxed),
                    percent: u64::try_from(percent.unwrap_or(0)).unwrap_or(100).min(100),
                }
            }
        }
    }

    /// Ends it after the step that it is in.
    pub(super) fn end(&self) {
        self.watch.end.store(true, Ordering::Relaxed);
    }

    fn runs(&self) -> bool {
        lock(&self.outcome).is_none()
    }

    fn since(&self) -> UnixMs {
        self.begun.minus(Duration::from_secs(self.days.saturating_mul(86_400)))
    }
}

impl Replays {
    /// Begins one; gives it at once.
    pub(super) fn begin(
        &self,
        gateway: &Arc<Gateway>,
        (in_force, candidate): (Config, Config),
        ask: Ask,
    ) -> Result<Arc<Job>, TooMany> {
        let Ask { by, proposal, from, days } = ask;
        let begun = gateway.clock.now();
        let job = Arc::new(Job {
            id: Id::new(begun, keys::random().unwrap_or_default()).to_string(),
            by,
            proposal,
            from,
            days: days.clamp(1, limits::REPLAY_DAYS_MAX),
            begun,
            watch: Watch::default(),
            outcome: Mutex::new(None),
        });
        self.keep(job.clone())?;
        let words = gateway.settings.load().words.clone();
        let replay = Replay::new(in_force, candidate, &words, &gateway.clock);
        let (gateway, running) = (gateway.clone(), job.clone());
        tokio::spawn(async move {
            let trace = &gateway.stores.trace;
            let done = replay::run(trace, replay, running.since(), &running.watch).await;
            let done = done.map(Arc::new).map_err(|error| error.to_string());
            *lock(&running.outcome) = Some(done);
        });
        Ok(job)
    }

    fn keep(&self, job: Arc<Job>) -> Result<(), TooMany> {
        let mut jobs = lock(&self.0);
        if jobs.iter().filter(|job| job.runs()).count() >= limits::REPLAYS_AT_ONCE_MAX {
            return Err(TooMany);
        }
        while jobs.len() >= limits::REPLAYS_KEPT_MAX {
            let oldest = jobs.iter().rposition(|job| !job.runs());
            let Some(oldest) = oldest else { break };
            jobs.remove(oldest);
        }
        jobs.push_front(job);
        Ok(())
    }

    /// The one of this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Job>> {
        lock(&self.0).iter().find(|job| job.id == id).cloned()
    }

    /// All that are kept.
    pub(super) fn all(&self) -> Vec<Arc<Job>> {
        lock(&self.0).iter().cloned().collect()
    }
}

/// What is to be tried, by whom.
pub(super) struct Ask {
    pub(super) by: String,
    pub(super) proposal: Proposal,
    pub(super) from: String,
    pub(super) days: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: usize, runs: bool) -> Arc<Job> {
        let outcome = (!runs).then(|| Ok(Arc::new(Report::default())));
        let (what, comment) = (String::new(), String::new());
        Arc::new(Job {
            id: id.to_string(),
            by: "eva".to_string(),
            proposal: Proposal { what, comment, seen: 0, values: Vec::new() },
            from: "/policy".to_string(),
            days: 30,
            begun: UnixMs(40 * 86_400_000),
            watch: Watch::default(),
            outcome: Mutex::new(outcome),
        })
    }

    #[test]
    fn only_a_few_run_at_once_and_the_oldest_are_forgotten() {
        let replays = Replays::default();
        for number in 0..limits::REPLAYS_AT_ONCE_MAX {
            assert_eq!(replays.keep(job(number, true)), Ok(()));
        }
        assert_eq!(replays.keep(job(99, true)), Err(TooMany));
        let first = replays.find("0").unwrap();
        *lock(&first.outcome) = Some(Err("the store is away".to_string()));
        assert!(matches!(first.state(UnixMs(0)), State::Failed(_)));
        for number in 100..100 + 2 * limits::REPLAYS_KEPT_MAX {
            assert_eq!(replays.keep(job(number, false)), Ok(()));
        }
        assert_eq!(replays.all().len(), limits::REPLAYS_KEPT_MAX);
        assert!(replays.find("0").is_none() && replays.find("1").is_some(), "one runs still");
    }

    #[test]
    fn how_far_one_is_is_told_by_the_time_it_has_seen() {
        let job = job(1, true);
        let percent = |job: &Job| match job.state(UnixMs(40 * 86_400_000)) {
            State::Runs { percent, .. } => percent,
            State::Done(_) | State::Failed(_) => 999,
        };
        assert_eq!(percent(&job), 0);
        job.watch.reached_ms.store(25 * 86_400_000, Ordering::Relaxed);
        assert_eq!(percent(&job), 50);
    }
}
