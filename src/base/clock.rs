//! The only source of time. Everything that needs the hour is handed a [`Clock`]; nothing else may ask the system.
//!
//! Two readings, never mixed: [`UnixMs`] for what is stored and shown, [`Tick`] for intervals and deadlines
//! (it never jumps when somebody sets the clock).

use rustix::time::{ClockId, clock_gettime};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A point in time, milliseconds since the Unix epoch.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// This long after; stays at the end of time rather than wrapping.
    pub fn plus(self, span: Duration) -> UnixMs {
        UnixMs(self.0.saturating_add(millis(span)))
    }

    /// This long before; stays at zero rather than wrapping.
    pub fn minus(self, span: Duration) -> UnixMs {
        UnixMs(self.0.saturating_sub(millis(span)))
    }

    /// The time that passed since `earlier`; zero when the clock was set back in between.
    pub fn since(self, earlier: UnixMs) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A moment on the steady clock: the time since this clock was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(pub Duration);

impl Tick {
    /// This long after.
    pub fn plus(self, span: Duration) -> Tick {
        Tick(self.0.saturating_add(span))
    }

    /// The time that passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Tick) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where time comes from: the system, or a test's hand.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System(Instant),
    ThisThread,
    ByHand(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    #[allow(clippy::disallowed_methods)] // The one place that may.
    pub fn system() -> Clock {
        Clock(Source::System(Instant::now()))
    }

    /// A clock whose ticks are the time that the processor has spent on the thread that asks; its calendar is the machine's.
    pub fn of_this_thread() -> Clock {
        Clock(Source::ThisThread)
    }

    /// A clock that stands at `now` until [`Clock::advance`] moves it. For tests and replays.
    pub fn by_hand(now: UnixMs) -> Clock {
        Clock(Source::ByHand(Arc::new(AtomicU64::new(now.0))))
    }

    /// What the calendar says.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> UnixMs {
        match &self.0 {
            // Before 1970 the machine has no time at all; zero is as good as any.
            Source::System(_) | Source::ThisThread => {
                UnixMs(SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or_default())
            }
            Source::ByHand(at) => UnixMs(at.load(Ordering::Relaxed)),
        }
    }

    /// What the steady clock says.
    pub fn tick(&self) -> Tick {
        match &self.0 {
            Source::System(start) => Tick(start.elapsed()),
            Source::ThisThread => {
                let spent = clock_gettime(ClockId::ThreadCPUTime);
                // It never runs backwards; if it did, whoever has a bound on his time is to stop.
                Tick(Duration::try_from(spent).unwrap_or(Duration::MAX))
            }
            Source::ByHand(at) => Tick(Duration::from_millis(at.load(Ordering::Relaxed))),
        }
    }

    /// Moves a clock that is set by hand; the system's clock stays where it is.
    pub fn advance(&self, span: Duration) {
        match &self.0 {
            Source::System(_) | Source::ThisThread => (),
            Source::ByHand(at) => {
                at.fetch_add(millis(span), Ordering::Relaxed);
            }
        }
    }
}

/// A whole number of milliseconds; a span too long to count is the longest there is.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A span as whole microseconds.
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_gives_no_negative_span() {
        let clock = Clock::by_hand(UnixMs(5_000));
        let before = clock.now();
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().since(before), Duration::from_secs(1));
        assert_eq!(before.since(clock.now()), Duration::ZERO);
        assert_eq!(UnixMs(3).minus(Duration::from_secs(9)), UnixMs(0));
    }
}
