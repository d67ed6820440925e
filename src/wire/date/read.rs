//! Reads the date of a `Date` field, RFC 5322 section 3.3, with the obsolete forms of section 4.3 that old programs write.

/// Seconds since the Unix epoch, negative before it; nothing if it is no date.
pub fn read(text: &str) -> Option<i64> {
    let plain = without_comments(text);
    let mut words = plain.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let first = words.next()?;
    // The day of the week is optional and says nothing that the date does not.
    let day = match first.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        true => words.next()?,
        false => first,
    };
    let day = number(day, 31).filter(|day| *day > 0)?;
    let month = month(words.next()?)?;
    let year = year(words.next()?)?;
    let time = clock(words.next()?)?;
    // RFC 5322 section 4.3: an unknown zone counts as UTC; so does none, for a day more or less is all that checks ask.
    let east = words.next().map_or(0, zone);
    Some(days_since_epoch(year, month, day) * 86_400 + time - east)
}

/// RFC 5322 section 3.2.2: comments stand anywhere between words and may nest.
fn without_comments(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|letter| {
            match letter {
                '(' => depth = depth.saturating_add(1),
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

fn number(digits: &str, max: i64) -> Option<i64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse::<i64>().ok())?.filter(|value| *value <= max)
}

/// The month, January = 1.
fn month(word: &str) -> Option<i64> {
    let at = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(word))?;
    i64::try_from(at + 1).ok()
}

/// RFC 5322 section 4.3: two digits under 50 are of this century, others of the last; three digits count from 1900.
fn year(digits: &str) -> Option<i64> {
    let value = number(digits, 9_999)?;
    match (digits.len(), value) {
        (2, 0..50) => Some(value + 2_000),
        (2 | 3, _) => Some(value + 1_900),
        (4, 1_900..) => Some(value),
        _ => None,
    }
}

/// Seconds since midnight. Old programs write an hour of one digit.
fn clock(text: &str) -> Option<i64> {
    let mut fields = text.split(':');
    let hour = number(fields.next()?, 23)?;
    let minute = number(fields.next()?, 59)?;
    // RFC 5322 section 3.3 allows 60, a leap second.
    let second = fields.next().map_or(Some(0), |seconds| number(seconds, 60))?;
    fields.next().is_none().then_some(hour * 3_600 + minute * 60 + second)
}

/// Seconds east of UTC.
fn zone(word: &str) -> i64 {
    let (sign, digits) = match (word.strip_prefix('+'), word.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (None, Some(digits)) => (-1, digits),
        (None, None) => {
            let named = ZONES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
            return named.map_or(0, |(_, hours)| hours * 3_600);
        }
    };
    let value = number(digits, 9_999).unwrap_or_default();
    sign * (value / 100 * 3_600 + value % 100 * 60)
}

/// Days from 1 January 1970 in the Gregorian calendar: years are counted from March, so that the leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// RFC 5322 section 4.3. The military letters are not here: they were used wrongly and count as UTC.
const ZONES: [(&str, i64); 8] = [
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, want) in [
            ("Sat, 21 Nov 2026 12:00:00 +0000", Some(1_795_262_400)),
            ("21 Nov 2026 12:00 GMT", Some(1_795_262_400)),
            ("Sat, 21 Nov 2026 13:00:00 +0100 (CET)", Some(1_795_262_400)),
            ("Sat,21 nov 2026 07:00:00 EST", Some(1_795_262_400)),
            ("Thu, 1 Jan 1970 00:00:00 -0000", Some(0)),
            ("Thu, 29 Feb 2024 23:59:60 +0000", Some(1_709_251_200)),
            ("1 Mar 24 0:00:00 Z", Some(1_709_251_200)),
            ("1 Jan 100 00:00:00 +0000", Some(946_684_800)),
            ("Wed, 31 Dec 1969 23:59:59 +0000", Some(-1)),
            ("Sat Nov 21 12:00:00 2026", None),
            ("2026-11-21T12:00:00Z", None),
            ("Sat, 32 Nov 2026 12:00:00 +0000", None),
            ("Sat, 21 Nov 2026 25:00:00 +0000", None),
            ("lauantai 21 marraskuuta 2026", None),
            ("(", None),
            ("", None),
            ("1 Jan 99999999999999999999 00:00 +0000", None),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }
}
