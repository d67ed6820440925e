//! A day of the calendar. Identity numbers carry one, and it must exist and not lie ahead.

use crate::base::clock::UnixMs;

/// A day that exists in the Gregorian calendar, years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The only way in: `None` for a day that does not exist.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let exists = (1..=9999).contains(&year) && (1..=days_in(year, month)).contains(&day);
        exists.then_some(Date { year, month, day })
    }

    /// The day it is in UTC at a moment.
    pub fn of(moment: UnixMs) -> Date {
        // Days are counted in eras of 400 years from 1 March of year 0, so that the leap day ends a year.
        let days = moment.0 / DAY_MS + 719_468;
        let of_era = days % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + days / 146_097 * 400 + u64::from(month <= 2);
        match (u16::try_from(year), u8::try_from(month), u8::try_from(day)) {
            (Ok(year @ ..=9999), Ok(month), Ok(day)) => Date { year, month, day },
            _ => Date { year: 9999, month: 12, day: 31 },
        }
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month.
    pub fn day(self) -> u8 {
        self.day
    }
}

/// Days of a month; none for a month that does not exist.
fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist() {
        for (year, month, day, exists) in [
            (2000, 2, 29, true),
            (1900, 2, 29, false),
            (2024, 2, 29, true),
            (2023, 2, 29, false),
            (2023, 4, 31, false),
            (2023, 12, 31, true),
            (2023, 13, 1, false),
            (2023, 0, 1, false),
            (2023, 1, 0, false),
            (0, 1, 1, false),
        ] {
            assert_eq!(Date::new(year, month, day).is_some(), exists, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn a_moment_has_its_day() {
        for (seconds, year, month, day) in [
            (0, 1970, 1, 1),
            (951_782_399, 2000, 2, 28),
            (951_782_400, 2000, 2, 29),
            (951_868_800, 2000, 3, 1),
            (1_735_689_599, 2024, 12, 31),
            (1_735_689_600, 2025, 1, 1),
            (4_107_542_400, 2100, 3, 1),
        ] {
            assert_eq!(Date::of(UnixMs(seconds * 1_000)), Date::new(year, month, day).unwrap());
        }
        assert_eq!(Date::of(UnixMs(u64::MAX)).year(), 9999);
    }
}
