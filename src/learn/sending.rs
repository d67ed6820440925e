//! What one account of ours usually sends, and whether it sends too much now. Pure; the time is handed in.
//!
//! Measured by itself: the 95th percentile of its own hours and days of the last 30, those in which it sent anything. The hours of the
//! window that is judged are no part of it, so that a flood does not excuse itself. Once held an account stays so until somebody lets
//! it go; then its volume is no reason again for a day: one approval is enough for one newsletter.

use crate::base::{
    clock::{UnixMs, millis},
    limits,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// An account: what it sent of late, and day by day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The last day, in pieces of ten minutes, oldest first.
    pieces: Vec<Piece>,
    /// Recipients by hour (counted from 1970) of the last 30 days, oldest first; hours without any are left out.
    hours: Vec<(u64, u32)>,
    held: Option<Held>,
    /// Until then its volume is approved.
    approved_until: UnixMs,
}

/// Ten minutes of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    number: u64,
    recipients: u32,
    delivered: u32,
    refused: u32,
    bad: u32,
}

/// Why an account is held, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Since when.
    pub since: UnixMs,
    /// Why.
    pub why: Why,
}

/// What an account did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It wrote to many more than it ever does.
    Volume {
        /// Recipients in the window.
        recipients: u64,
        /// The window.
        hours: u64,
        /// How many would have been let through.
        bound: u64,
    },
    /// Many of its recipients do not exist, or want nothing of it.
    Refusals {
        /// Refused for good within a day.
        refused: u64,
        /// Of so many.
        of: u64,
    },
    /// Mails with malware, or that lure.
    Bad {
        /// How many within a day.
        mails: u64,
    },
}

/// How an account's mail goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As ever.
    Free,
    /// A while later: should it have to be held, what it sent just before is still here.
    Slowed,
    /// Not before somebody says so.
    Held(Why),
}

/// What a mail adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Recipients.
    Mail(u32),
    /// A mail to so many that has malware in it, or lures.
    BadMail(u32),
    /// Recipients that took it or refused it for good.
    Answers {
        /// Took it.
        delivered: u32,
        /// Refused it: 5xx.
        refused: u32,
    },
}

impl Account {
    /// Counts, and says how the account's mail goes on. `new_per_hour` is at how many recipients an hour a new account is slowed.
    pub fn take(&mut self, sent: Sent, new_per_hour: u32, now: UnixMs) -> Pace {
        self.forget(now);
        let number = now.0 / millis(PIECE);
        if self.pieces.last().is_none_or(|last| last.number < number) {
            self.pieces.push(Piece { number, ..Piece::default() });
        }
        if let Some(piece) = self.pieces.last_mut() {
            let add = |count: &mut u32, more: u32| *count = count.saturating_add(more);
            match sent {
                Sent::Mail(recipients) => add(&mut piece.recipients, recipients),
                Sent::BadMail(recipients) => {
                    add(&mut piece.recipients, recipients);
                    add(&mut piece.bad, 1);
                }
                Sent::Answers { delivered, refused } => {
                    add(&mut piece.delivered, delivered);
                    add(&mut piece.refused, refused);
                }
            }
        }
        if let Sent::Mail(recipients) | Sent::BadMail(recipients) = sent {
            self.add_hour(now.0 / millis(HOUR), recipients);
        }
        self.pace(new_per_hour, now)
    }

    /// How its mail goes on now. One that is to be held is held from now on.
    fn pace(&mut self, new_per_hour: u32, now: UnixMs) -> Pace {
        if let Some(held) = self.held {
            return Pace::Held(held.why);
        }
        let too_much = self.is_bad(now).or_else(|| self.over(10, new_per_hour, now));
        match too_much {
            Some(why) => {
                self.held = Some(Held { since: now, why });
                Pace::Held(why)
            }
            None if self.over(5, new_per_hour, now).is_some() => Pace::Slowed,
            None => Pace::Free,
        }
    }

    fn is_bad(&self, now: UnixMs) -> Option<Why> {
        let since = now.minus(DAY).0 / millis(PIECE);
        let counted = self.pieces.iter().filter(|piece| piece.number >= since);
        let sum = |count: fn(&Piece) -> u32| counted.clone().map(|one| u64::from(count(one))).sum();
        let mails: u64 = sum(|piece| piece.bad);
        if mails >= limits::ACCOUNT_BAD_MAILS_MAX {
            return Some(Why::Bad { mails });
        }
        let (delivered, refused): (u64, u64) =
            (sum(|piece| piece.delivered), sum(|piece| piece.refused));
        let of = delivered.saturating_add(refused);
        let many = of >= limits::ACCOUNT_ANSWERS_MIN
            && refused.saturating_mul(100)
                >= of.saturating_mul(limits::ACCOUNT_REFUSED_PERCENT_MAX);
        many.then_some(Why::Refusals { refused, of })
    }

    /// Is it at so many times its habit, in an hour or in a day?
    fn over(&self, times: u64, new_per_hour: u32, now: UnixMs) -> Option<Why> {
        if now < self.approved_until {
            return None;
        }
        let (hour, day) = self.habits(new_per_hour, now);
        [(1, hour, HOUR), (24, day, DAY)].into_iter().find_map(|(hours, habit, window)| {
            let recipients = self.recipients(window, now);
            // A fifth of what slows a new account is its habit.
            let bound = habit.saturating_mul(times) / HABIT_PARTS;
            (recipients >= bound).then_some(Why::Volume { recipients, hours, bound })
        })
    }

    /// What it sends in an hour and in a day, in fifths of a recipient.
    fn habits(&self, new_per_hour: u32, now: UnixMs) -> (u64, u64) {
        let this_hour = now.0 / millis(HOUR);
        let former = self.hours.iter().filter(|(hour, _)| hour + 1 < this_hour);
        let by_hour: Vec<u64> = former.map(|(_, count)| u64::from(*count)).collect();
        let mut days: BTreeMap<u64, u64> = BTreeMap::new();
        // Days end when the window does: a flood of last night is no habit.
        for (hour, count) in self.hours.iter().filter(|(hour, _)| hour + 24 < this_hour) {
            let day = days.entry(hour / 24).or_default();
            *day = day.saturating_add(u64::from(*count));
        }
        if days.len() < limits::ACCOUNT_DAYS_KNOWN_MIN {
            let hour = u64::from(new_per_hour);
            return (hour, hour.saturating_mul(limits::NEW_ACCOUNT_HOURS_A_DAY));
        }
        let parts = |habit: u64, least: u64| habit.max(least).saturating_mul(HABIT_PARTS);
        let by_day: Vec<u64> = days.into_values().collect();
        (
            parts(percentile_95(by_hour), limits::ACCOUNT_HABIT_HOUR_MIN),
            parts(percentile_95(by_day), limits::ACCOUNT_HABIT_DAY_MIN),
        )
    }

    /// Recipients within a window, and up to ten minutes more.
    pub fn recipients(&self, window: Duration, now: UnixMs) -> u64 {
        let since = now.minus(window).0 / millis(PIECE);
        let counted = self.pieces.iter().filter(|piece| piece.number >= since);
        counted.map(|piece| u64::from(piece.recipients)).sum()
    }

    /// At how many recipients an hour it is held.
    pub fn held_at(&self, new_per_hour: u32, now: UnixMs) -> u64 {
        self.habits(new_per_hour, now).0.saturating_mul(10) / HABIT_PARTS
    }

    /// Since when it has sent, as far as that is remembered.
    pub fn since(&self) -> Option<UnixMs> {
        let (hour, _) = self.hours.first()?;
        Some(UnixMs(hour.saturating_mul(millis(HOUR))))
    }

    /// Why it is held, if it is.
    pub fn held(&self) -> Option<Held> {
        self.held
    }

    /// Somebody has looked and says that it is as it should be.
    pub fn release(&mut self, now: UnixMs) {
        self.held = None;
        self.approved_until = now.plus(limits::ACCOUNT_APPROVAL_LIFETIME);
        for piece in &mut self.pieces {
            // They have been looked at; the next ones count anew.
            (piece.bad, piece.delivered, piece.refused) = (0, 0, 0);
        }
    }

    /// Nothing is left that would be worth remembering.
    pub fn is_forgotten(&self, now: UnixMs) -> bool {
        let mut copy = self.clone();
        copy.forget(now);
        copy.held.is_none() && copy.hours.is_empty()
    }

    fn forget(&mut self, now: UnixMs) {
        let since = now.minus(DAY).0 / millis(PIECE);
        self.pieces.retain(|piece| piece.number >= since);
        let since = now.minus(limits::ACCOUNT_HABIT_SPAN).0 / millis(HOUR);
        self.hours.retain(|(hour, _)| *hour >= since);
    }

    fn add_hour(&mut self, hour: u64, recipients: u32) {
        match self.hours.last_mut() {
            // A clock that was set back counts on where it was.
            Some((last, count)) if *last >= hour => *count = count.saturating_add(recipients),
            Some(_) | None => self.hours.push((hour, recipients)),
        }
    }
}

/// The nearest rank; zero of nothing.
fn percentile_95(mut counts: Vec<u64>) -> u64 {
    counts.sort_unstable();
    let rank = (counts.len() * 95).div_ceil(100);
    counts.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

const PIECE: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Habits are counted in fifths, since a new account is slowed at five times one that it does not have.
const HABIT_PARTS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: u32 = 200;

    /// At an hour of a day.
    fn at(day: u64, hour: u64) -> UnixMs {
        UnixMs(((20_000 + day) * 24 + hour) * 3_600_000)
    }

    /// An account of 20 working days, so many recipients in each of eight hours.
    fn known(per_hour: u32) -> Account {
        let mut account = Account::default();
        for (day, hour) in (0..20).flat_map(|day| (8..16).map(move |hour| (day, hour))) {
            let pace = account.take(Sent::Mail(per_hour), NEW, at(day, hour));
            assert!(matches!(pace, Pace::Free), "{day} {hour} {pace:?}");
        }
        account
    }

    /// The counts at which mails of one recipient are first slowed, and first held.
    fn bounds(account: &mut Account, at: UnixMs) -> (u32, u32) {
        let mut slowed = 0;
        for count in 1..100_000 {
            match account.take(Sent::Mail(1), NEW, at) {
                Pace::Free => (),
                Pace::Slowed if slowed == 0 => slowed = count,
                Pace::Slowed => (),
                Pace::Held(_) => return (slowed, count),
            }
        }
        (slowed, 0)
    }

    #[test]
    fn slowed_at_five_times_its_habit_and_held_at_ten() {
        for (account, want) in [
            // A new one has no habit of its own.
            (Account::default(), (200, 400)),
            (known(20), (100, 200)),
            (known(15), (75, 150)),
            // Who writes to one person an hour may write to a choir.
            (known(1), (50, 100)),
        ] {
            let mut account = account;
            assert_eq!(bounds(&mut account, at(25, 9)), want);
        }
    }

    #[test]
    fn a_day_has_its_bound_too() {
        let day = |per_hour: u32| -> Vec<Pace> {
            let mut account = known(20);
            let hours = 0..24;
            hours.map(|hour| account.take(Sent::Mail(per_hour), NEW, at(25, hour))).collect()
        };
        // 160 a day are its habit: 800 slow it, though no hour is full.
        let slowed = day(49).iter().position(|pace| *pace == Pace::Slowed);
        assert_eq!(slowed, Some(16));
        let paces = day(90);
        let held = paces.iter().position(|pace| matches!(pace, Pace::Held(_))).unwrap();
        assert_eq!(held, 17);
        assert!(matches!(paces[held], Pace::Held(Why::Volume { hours: 24, bound: 1_600, .. })));
    }

    #[test]
    fn one_rare_full_hour_is_no_habit() {
        let mut account = known(10);
        account.take(Sent::Mail(45), NEW, at(20, 9));
        assert_eq!(bounds(&mut account, at(25, 9)), (50, 100));
    }

    #[test]
    fn a_newsletter_passes_after_one_approval() {
        let mut account = known(20);
        let mut held = 0;
        for mail in 0..3_000_u64 {
            let now = at(25, 9).plus(Duration::from_secs(mail));
            if let Pace::Held(why) = account.take(Sent::Mail(1), NEW, now) {
                assert!(matches!(why, Why::Volume { recipients: 200, hours: 1, bound: 200 }));
                account.release(now);
                held += 1;
            }
        }
        assert_eq!(held, 1);
        // The day after next it is as before, and the newsletter in it is no habit.
        assert_eq!(bounds(&mut account, at(27, 9)), (100, 200));
    }

    #[test]
    fn refusals_and_malware_hold_whatever_the_volume() {
        let answers = |delivered, refused| Sent::Answers { delivered, refused };
        for (what, sent, want) in [
            ("few", vec![answers(0, 49)], Pace::Free),
            ("a quarter", vec![answers(37, 0), answers(0, 13)], {
                Pace::Held(Why::Refusals { refused: 13, of: 50 })
            }),
            ("less", vec![answers(38, 0), answers(0, 12)], Pace::Free),
            ("two", vec![Sent::BadMail(1); 2], Pace::Free),
            ("three", vec![Sent::BadMail(1); 3], Pace::Held(Why::Bad { mails: 3 })),
        ] {
            let mut account = known(20);
            let paces = sent.into_iter().map(|sent| account.take(sent, NEW, at(25, 9)));
            assert_eq!(paces.last(), Some(want), "{what}");
        }
        let mut account = Account::default();
        (0..3)
            .for_each(|_| assert!(account.take(Sent::BadMail(1), NEW, at(25, 9)) != Pace::Slowed));
        // It stays so, over days, until it is let go; then the old ones are forgiven and new ones are not.
        assert!(matches!(account.take(Sent::Mail(1), NEW, at(29, 9)), Pace::Held(_)));
        account.release(at(29, 9));
        assert_eq!(account.take(Sent::Mail(1), NEW, at(29, 9)), Pace::Free);
        let paces: Vec<Pace> =
            (0..3).map(|_| account.take(Sent::BadMail(1), NEW, at(29, 10))).collect();
        assert!(matches!(paces[..], [Pace::Free, Pace::Free, Pace::Held(Why::Bad { mails: 3 })]));
    }

    #[test]
    fn it_is_small_and_comes_back_as_it_was() {
        let mut account = Account::default();
        for minute in 0..40 * 24 * 60 {
            account.take(Sent::Mail(1), u32::MAX, UnixMs(at(0, 0).0 + minute * 60_000));
        }
        assert!(account.hours.len() <= 721 && account.pieces.len() <= 145);
        let text = serde_json::to_string(&account).unwrap();
        assert_eq!(serde_json::from_str::<Account>(&text).unwrap(), account);
        assert!(!account.is_forgotten(at(41, 0)) && account.is_forgotten(at(80, 0)));
    }
}
