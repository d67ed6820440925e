//! The line before the examiners: how many wait, and for how long the first of them has.
//!
//! Strangers are turned away when the line is long **and** stands. Its length alone says little: on two cores eight mails of a
//! millisecond each are gone before their senders could say the next command, and they would all have been sent away for a minute.

use crate::base::{clock::Tick, limits};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The line before the examiners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Come in.
    Short,
    /// No new mail from strangers.
    Long,
    /// No new connections.
    Overlong,
}

/// Who waits.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// Since when each one waits, with a number that makes it different from the others.
    taken: BTreeSet<(Tick, u64)>,
    next: u64,
}

/// A place in the line, given up by dropping it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    waiting: &'a Waiting,
    which: (Tick, u64),
}

impl Waiting {
    /// Takes the last place.
    pub(super) fn stand(&self, now: Tick) -> Place<'_> {
        let mut places = self.places();
        let which = (now, places.next);
        places.next = places.next.wrapping_add(1);
        places.taken.insert(which);
        Place { waiting: self, which }
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.places().taken.len()
    }

    /// What the line means for those who would join it.
    pub(super) fn line(&self, examiners: usize, now: Tick) -> Line {
        let places = self.places();
        let stood = places.taken.first().map_or(Duration::ZERO, |(since, _)| now.since(*since));
        let long = examiners.saturating_mul(limits::EXAMINE_LINE_PER_WORKER);
        match (places.taken.len(), stood) {
            (_, stood) if stood < limits::EXAMINE_LINE_STANDS => Line::Short,
            (count, _) if count >= 2 * long => Line::Overlong,
            (count, _) if count >= long => Line::Long,
            _ => Line::Short,
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Each change is one call; a panic elsewhere does not spoil the set.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.places().taken.remove(&self.which);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_is_long_and_stands_turns_strangers_away() {
        let stands = limits::EXAMINE_LINE_STANDS;
        for (count, stood, want) in [
            (0, Duration::ZERO, Line::Short),
            (7, 10 * stands, Line::Short),
            (8, Duration::from_millis(5), Line::Short),
            (8, stands, Line::Long),
            (15, stands, Line::Long),
            (16, stands, Line::Overlong),
            (400, Duration::from_millis(5), Line::Short),
        ] {
            let waiting = Waiting::default();
            let mut places: Vec<Place> =
                (0..count).map(|_| waiting.stand(Tick::default())).collect();
            let now = Tick(stood);
            assert_eq!(waiting.line(2, now), want, "{count} for {stood:?}");
            places.extend((0..count).map(|_| waiting.stand(now)));
            places.drain(..count);
            assert_eq!(waiting.line(2, now), Line::Short, "those who waited have had their turn");
            drop(places);
            assert_eq!(waiting.count(), 0);
        }
    }
}
