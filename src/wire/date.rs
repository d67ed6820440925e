//! Dates as mail writes them, RFC 5322 section 3.3, and as logs write them, RFC 3339 section 5.6. Always UTC.

mod read;

pub use read::read;

use crate::base::clock::UnixMs;

/// `Sat, 21 Nov 2026 12:00:00 +0000`.
pub fn write(at: UnixMs) -> String {
    let civil = Civil::from(at);
    let day = DAYS.get(usize::try_from(civil.weekday).unwrap_or(0)).copied().unwrap_or("Thu");
    let month = MONTHS.get(usize::try_from(civil.month - 1).unwrap_or(0)).copied().unwrap_or("Jan");
    format!(
        "{day}, {:02} {month} {} {:02}:{:02}:{:02} +0000",
        civil.day, civil.year, civil.hour, civil.minute, civil.second
    )
}

/// `2026-11-21T12:00:00.000Z`.
pub fn write_iso(at: UnixMs) -> String {
    let civil = Civil::from(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        civil.year,
        civil.month,
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
        at.0 % 1_000
    )
}

/// A moment in the Gregorian calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 31.
    pub day: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 59.
    pub second: u64,
    /// 0 is Sunday.
    pub weekday: u64,
}

impl From<UnixMs> for Civil {
    fn from(at: UnixMs) -> Civil {
        let seconds = at.0 / 1_000;
        let days = seconds / 86_400;
        // Days are counted from 1 March of the year 0, so that the leap day ends a year; 400 years are 146,097 days.
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let of_era = shifted % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Civil {
            year: year_of_era + era * 400 + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            hour: seconds / 3_600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            weekday: (days + 4) % 7,
        }
    }
}

/// The first moment of a month; months beyond the twelfth are those of later years.
pub fn month_begins(year: u64, month: u64) -> UnixMs {
    let (year, month) = (year + (month - 1) / 12, (month - 1) % 12 + 1);
    // The same count as in `Civil`, the other way round.
    let (year, march_month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * march_month + 2) / 5;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    UnixMs(days.saturating_sub(719_468) * 86_400_000)
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (ms, mail, iso) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "Tue, 29 Feb 2000 00:00:00 +0000", "2000-02-29T00:00:00.123Z"),
            (1_795_262_400_000, "Sat, 21 Nov 2026 12:00:00 +0000", "2026-11-21T12:00:00.000Z"),
            (1_798_761_599_999, "Thu, 31 Dec 2026 23:59:59 +0000", "2026-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(write(UnixMs(ms)), mail);
            assert_eq!(write_iso(UnixMs(ms)), iso);
        }
    }

    #[test]
    fn months_begin() {
        for (year, month, want) in [
            (1970, 1, "1970-01-01"),
            (2000, 3, "2000-03-01"),
            (2026, 11, "2026-11-01"),
            (2026, 13, "2027-01-01"),
            (2028, 2, "2028-02-01"),
        ] {
            let begins = write_iso(month_begins(year, month));
            assert_eq!(begins, format!("{want}T00:00:00.000Z"));
        }
    }
}
