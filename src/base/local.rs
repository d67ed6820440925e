//! The hour where somebody is: time zones by their names, and times of day on the clock on the wall there.
//!
//! The rules come with the program, so that every machine shows the same hour. Nothing here asks what time it is.

use crate::base::clock::UnixMs;
use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A time zone by its name in the IANA database: "Europe/Stockholm".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

/// Why a text names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone: write its name as in \"Europe/Stockholm\" or \"UTC\"")]
pub struct NotAZone(String);

impl Zone {
    /// Looks it up.
    pub fn parse(name: &str) -> Result<Zone, NotAZone> {
        TimeZone::get(name).map(Zone).map_err(|_| NotAZone(name.to_string()))
    }

    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// The zone of a Nordic country by its code (ISO 3166-1).
    pub fn of_country(code: &str) -> Option<Zone> {
        let name = match code {
            "SE" => "Europe/Stockholm",
            "FI" => "Europe/Helsinki",
            "NO" => "Europe/Oslo",
            "DK" => "Europe/Copenhagen",
            "IS" => "Atlantic/Reykjavik",
            _ => return None,
        };
        Zone::parse(name).ok()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// When a day begins here that is written as "2026-11-28"; None for what is no date.
    pub fn day_begins(&self, date: &str) -> Option<UnixMs> {
        self.moment(date.parse().ok()?, TimeOfDay { hour: 0, minute: 0 })
    }

    /// What calendar and clock show there at this moment.
    pub fn show(&self, at: UnixMs) -> Local {
        let moment = self.0.to_datetime(timestamp(at));
        let number = |value: i8| u8::try_from(value).unwrap_or(0);
        Local {
            year: moment.year(),
            month: number(moment.month()),
            day: number(moment.day()),
            hour: number(moment.hour()),
            minute: number(moment.minute()),
            weekday: Weekday::from_monday(moment.weekday().to_monday_zero_offset()),
        }
    }

    /// Does one of these times on one of these days lie after `from` and not after `until`? A time that the clock skips on the day when
    /// summer begins counts when it starts again.
    pub fn passes(
        &self,
        times: &[TimeOfDay],
        days: &[Weekday],
        from: UnixMs,
        until: UnixMs,
    ) -> bool {
        let mut date = self.0.to_datetime(timestamp(from)).date();
        let last = self.0.to_datetime(timestamp(until)).date();
        // Whoever asks asks about the last minutes or hours; a longer span holds every day of the week.
        for _ in 0..9 {
            let weekday = Weekday::from_monday(date.weekday().to_monday_zero_offset());
            let wanted = days.contains(&weekday);
            if wanted
                && times
                    .iter()
                    .filter_map(|time| self.moment(date, *time))
                    .any(|at| at > from && at <= until)
            {
                return true;
            }
            match date.tomorrow() {
                Ok(next) if date < last => date = next,
                Ok(_) | Err(_) => return false,
            }
        }
        false
    }

    fn moment(&self, date: Date, time: TimeOfDay) -> Option<UnixMs> {
        let signed = |value: u8| i8::try_from(value).ok();
        let time = Time::new(signed(time.hour)?, signed(time.minute)?, 0, 0).ok()?;
        let moment = self.0.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok()?;
        u64::try_from(moment.as_millisecond()).ok().map(UnixMs)
    }
}

/// A moment as RFC 3339 writes it.
pub fn read_iso(text: &str) -> Option<UnixMs> {
    let moment: Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(UnixMs)
}

fn timestamp(at: UnixMs) -> Timestamp {
    let known = i64::try_from(at.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    known.unwrap_or(Timestamp::MAX)
}

impl TryFrom<String> for Zone {
    type Error = NotAZone;

    fn try_from(name: String) -> Result<Zone, NotAZone> {
        Zone::parse(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name().to_string()
    }
}

/// A moment as calendar and clock show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Year.
    pub year: i16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// The day of the week.
    pub weekday: Weekday,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // They are what they are called.
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// Monday to Friday.
    pub const WORKING: [Weekday; 5] =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

    /// The day before.
    pub fn before(self) -> Weekday {
        match self {
            Weekday::Monday => Weekday::Sunday,
            Weekday::Tuesday => Weekday::Monday,
            Weekday::Wednesday => Weekday::Tuesday,
            Weekday::Thursday => Weekday::Wednesday,
            Weekday::Friday => Weekday::Thursday,
            Weekday::Saturday => Weekday::Friday,
            Weekday::Sunday => Weekday::Saturday,
        }
    }

    fn from_monday(offset: i8) -> Weekday {
        match offset {
            1 => Weekday::Tuesday,
            2 => Weekday::Wednesday,
            3 => Weekday::Thursday,
            4 => Weekday::Friday,
            5 => Weekday::Saturday,
            6 => Weekday::Sunday,
            _ => Weekday::Monday,
        }
    }
}

/// A day of the calendar: "2026-12-31".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

/// Why a text is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no day: write it as in \"2026-12-31\"")]
pub struct NotADay(String);

impl TryFrom<String> for Day {
    type Error = NotADay;

    fn try_from(text: String) -> Result<Day, NotADay> {
        match text.parse::<Date>() {
            Ok(date) if date.to_string() == text => Ok(Day(date)),
            Ok(_) | Err(_) => Err(NotADay(text)),
        }
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Local {
    /// Is this after the end of a day?
    pub fn is_after(&self, day: Day) -> bool {
        let number = |value: i8| u8::try_from(value).unwrap_or(0);
        let last = (day.0.year(), number(day.0.month()), number(day.0.day()));
        (self.year, self.month, self.day) > last
    }
}

/// A time of day: "07:30".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

/// Why a text is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time of day: write it as in \"07:30\"")]
pub struct NotATime(String);

impl TimeOfDay {
    /// A time that is there on every clock.
    pub const fn new(hour: u8, minute: u8) -> Option<TimeOfDay> {
        if hour < 24 && minute < 60 { Some(TimeOfDay { hour, minute }) } else { None }
    }

    /// Reads `07:30`.
    pub fn parse(text: &str) -> Result<TimeOfDay, NotATime> {
        let wrong = || NotATime(text.to_string());
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let digits = |part: &str| part.len() == 2 && part.bytes().all(|one| one.is_ascii_digit());
        if !digits(hour) || !digits(minute) {
            return Err(wrong());
        }
        let number = |part: &str| part.parse::<u8>().map_err(|_| wrong());
        TimeOfDay::new(number(hour)?, number(minute)?).ok_or_else(wrong)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = NotATime;

    fn try_from(text: String) -> Result<TimeOfDay, NotATime> {
        TimeOfDay::parse(&text)
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon UTC on Friday, 27 November 2026.
    const NOON: UnixMs = UnixMs(1_795_780_800_000);
    const HOUR: u64 = 3_600_000;

    #[test]
    fn every_zone_shows_its_own_hour() {
        for (zone, hour) in [
            ("UTC", 12),
            ("Europe/Stockholm", 13),
            ("Europe/Helsinki", 14),
            ("Atlantic/Reykjavik", 12),
        ] {
            let shown = Zone::parse(zone).unwrap().show(NOON);
            assert_eq!(
                (shown.day, shown.hour, shown.weekday),
                (27, hour, Weekday::Friday),
                "{zone}"
            );
        }
        assert!(Zone::parse("Europe/Atlantis").is_err());
        for country in ["SE", "FI", "NO", "DK", "IS"] {
            assert!(Zone::of_country(country).is_some(), "{country}");
        }
    }

    #[test]
    fn a_time_passes_once() {
        let zone = Zone::parse("Europe/Stockholm").unwrap();
        let time = |text: &str| TimeOfDay::parse(text).unwrap();
        let all = [Weekday::Friday];
        let at = |hours: u64| UnixMs(NOON.0 + hours * HOUR);
        for (text, from, until, want) in [
            ("13:30", at(0), at(1), true),
            ("14:00", at(0), at(1), true),
            ("13:00", at(0), at(1), false),
            ("07:30", at(0), at(9), false),
            // The night to Saturday, which is no day for it; the Friday after is.
            ("01:00", at(0), at(24), false),
            ("01:00", at(0), at(24 * 8), true),
        ] {
            assert_eq!(zone.passes(&[time(text)], &all, from, until), want, "{text} {from:?}");
        }
        // 29 March 2026: the clock goes from 02:00 to 03:00, and half past two is half past three.
        let one = UnixMs(1_774_742_400_000);
        let sunday = [Weekday::Sunday];
        assert!(zone.passes(&[time("02:30")], &sunday, one, UnixMs(one.0 + 2 * HOUR)));
    }

    #[test]
    fn times_are_written_in_one_way() {
        assert_eq!(TimeOfDay::parse("07:30").unwrap().to_string(), "07:30");
        for wrong in ["7:30", "24:00", "12:60", "noon", "+7:30", "12.30", ""] {
            assert!(TimeOfDay::parse(wrong).is_err(), "{wrong}");
        }
    }
}
