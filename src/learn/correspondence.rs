//! What is counted of one correspondent: mails that were written to him, that came from him, that were unwanted. Pure; the time is handed in.
//!
//! Every count fades: a mail counts half after a half-life. So a partner who was left years ago is a stranger again, and a domain
//! that was abused for a week is forgiven after some months. Counts are never negative and never grow without a bound.

use crate::base::{
    clock::{UnixMs, millis},
    limits,
};
use std::time::Duration;

/// What happened with a correspondent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// One of ours wrote to him.
    Written,
    /// A mail came from him and was let through.
    Came,
    /// A mail came from him and was held or refused for what it is.
    Unwanted,
}

/// The counts of one correspondent as they stood when something was last seen of him.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// When he was first heard of.
    pub first: UnixMs,
    /// When something was last counted.
    pub last: UnixMs,
    /// Mails of ours to him.
    pub written: f32,
    /// Mails from him that were let through.
    pub came: f32,
    /// Mails from him that were not.
    pub unwanted: f32,
    /// How much came day by day.
    pub days: Days,
}

/// How many mails came on the day of the last one, and on the fullest day before it.
///
/// The fullest day is what a sender is measured by, and not a mean: who sends one newsletter a month to everybody does nothing odd.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Days {
    /// The day of the last mail, counted from 1970.
    pub day: u64,
    /// Mails on it.
    pub today: u32,
    /// Mails on the fullest day before it; fades too.
    pub fullest: f32,
}

impl Counts {
    /// Of somebody who is heard of for the first time.
    pub fn new(now: UnixMs) -> Counts {
        Counts { first: now, last: now, ..Counts::default() }
    }

    /// Counts one event.
    pub fn take(&mut self, event: Event, now: UnixMs) {
        *self = self.at(now);
        self.last = self.last.max(now);
        let count = match event {
            Event::Written => &mut self.written,
            Event::Came => &mut self.came,
            Event::Unwanted => &mut self.unwanted,
        };
        *count = (*count + 1.0).min(COUNT_MAX);
        match event {
            Event::Written => (),
            Event::Came | Event::Unwanted => self.days.take(now),
        }
    }

    /// The same as they stand now.
    pub fn at(self, now: UnixMs) -> Counts {
        let age = now.since(self.last);
        let kept = fading(age, limits::CORRESPONDENCE_HALF_LIFE);
        Counts {
            written: self.written * kept,
            came: self.came * kept,
            unwanted: self.unwanted * fading(age, limits::UNWANTED_HALF_LIFE),
            days: self.days.at(now),
            ..self
        }
    }

    /// Whole days since he was first heard of.
    pub fn known_days(&self, now: UnixMs) -> u32 {
        u32::try_from(now.since(self.first).as_secs() / DAY.as_secs()).unwrap_or(u32::MAX)
    }

    /// How many times the fullest day before today's mails are, where that says something: he is known for a while, and they are many.
    pub fn jump(&self, now: UnixMs) -> Option<f32> {
        let known = now.since(self.first) >= limits::VOLUME_KNOWN_MIN;
        let many = self.days.day == day(now) && self.days.today >= limits::VOLUME_MAILS_MIN;
        (known && many).then(|| mails(self.days.today) / self.days.fullest.max(1.0))
    }
}

impl Days {
    fn take(&mut self, now: UnixMs) {
        *self = self.at(now);
        self.today = self.today.saturating_add(1);
    }

    fn at(self, now: UnixMs) -> Days {
        let today = day(now);
        // A clock that was set back counts on where it was.
        let Some(passed) = today.checked_sub(self.day).filter(|passed| *passed > 0) else {
            return self;
        };
        let age = DAY.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
        let fullest = self.fullest.max(mails(self.today));
        Days {
            day: today,
            today: 0,
            fullest: fullest * fading(age, limits::CORRESPONDENCE_HALF_LIFE),
        }
    }
}

/// What is left of one after this long.
fn fading(age: Duration, half_life: Duration) -> f32 {
    (-(age.as_secs_f32() / half_life.as_secs_f32())).exp2()
}

/// Beyond this many, how many makes no difference.
fn mails(count: u32) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

fn day(now: UnixMs) -> u64 {
    now.0 / millis(DAY)
}

const DAY: Duration = Duration::from_secs(86_400);
/// No count is worth more, and further ones would be lost in its last digits.
const COUNT_MAX: f32 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;

    fn on(day: u64) -> UnixMs {
        UnixMs((20_000 + day) * 86_400_000)
    }

    #[test]
    fn counts_fade_by_halves() {
        let mut counts = Counts::new(on(0));
        for _ in 0..8 {
            counts.take(Event::Written, on(0));
            counts.take(Event::Unwanted, on(0));
        }
        let half_life = limits::CORRESPONDENCE_HALF_LIFE.as_secs() / 86_400;
        let after = |days: u64| counts.at(on(days));
        assert!((after(half_life).written - 4.0).abs() < 1e-3);
        assert!((after(2 * half_life).written - 2.0).abs() < 1e-3);
        assert!(after(half_life).unwanted < 0.5, "what was unwanted is forgiven sooner");
        assert_eq!(after(half_life).known_days(on(half_life)), u32::try_from(half_life).unwrap());
        // A clock that runs backwards makes nothing of nothing.
        assert!((counts.at(UnixMs(0)).written - 8.0).abs() < 1e-3);
    }

    #[test]
    fn fading_in_steps_is_fading_at_once() {
        let mut counts = Counts::new(on(0));
        counts.take(Event::Came, on(0));
        let stepwise = (1..=100).fold(counts, |counts, day| {
            let at = counts.at(on(day));
            Counts { last: on(day), ..at }
        });
        assert!((stepwise.came - counts.at(on(100)).came).abs() < 1e-3);
    }

    #[test]
    fn a_jump_is_measured_by_the_fullest_day() {
        let send = |counts: &mut Counts, day: u64, mails: u32| {
            (0..mails).for_each(|_| counts.take(Event::Came, on(day)));
            counts.jump(on(day))
        };
        let mut regular = Counts::new(on(0));
        for day in 0..60 {
            assert!(send(&mut regular, day, 30).is_none_or(|jump| jump < 2.0), "day {day}");
        }
        assert!(send(&mut regular, 60, 600).is_some_and(|jump| jump > 19.0));
        assert!(send(&mut regular, 61, 600).is_some_and(|jump| jump < 1.1), "it is a habit now");
        // A newsletter each month is none after the first.
        let mut monthly = Counts::new(on(0));
        send(&mut monthly, 0, 500);
        for month in 1..12 {
            assert!(send(&mut monthly, 30 * month, 500).is_none_or(|jump| jump < 1.2));
        }
        // Few mails are no jump, nor are many of somebody who is new.
        let mut quiet = Counts::new(on(0));
        send(&mut quiet, 0, 1);
        assert_eq!(send(&mut quiet, 90, limits::VOLUME_MAILS_MIN - 1), None);
        assert_eq!(send(&mut Counts::new(on(0)), 1, 5_000), None);
        // Yesterday's flood says nothing of today.
        assert_eq!(regular.jump(on(62)), None);
    }
}
