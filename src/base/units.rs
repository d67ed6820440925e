//! Sizes and spans as people write them: "25 MiB", "5 days".

use std::time::Duration;

/// Why a text is no size or span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not understood: write a whole number and a unit, as in {example:?} (units: {units})"
)]
pub struct NotAQuantity {
    /// What was written.
    pub text: String,
    /// What would be understood.
    pub example: &'static str,
    /// The units there are.
    pub units: &'static str,
}

/// Reads a size in bytes: "25 MiB", "300 kB", "512".
pub fn parse_bytes(text: &str) -> Result<u64, NotAQuantity> {
    quantity(text, BYTES).ok_or_else(|| NotAQuantity {
        text: text.to_string(),
        example: "25 MiB",
        units: "B, kB, KiB, MB, MiB, GB, GiB",
    })
}

/// Reads a span: "90 seconds", "4 hours", "5 days", "2 min", "250 ms".
pub fn parse_span(text: &str) -> Result<Duration, NotAQuantity> {
    quantity(text, MILLISECONDS).map(Duration::from_millis).ok_or_else(|| NotAQuantity {
        text: text.to_string(),
        example: "5 days",
        units: "ms, seconds, minutes, hours, days, weeks",
    })
}

/// Writes a size the way [`parse_bytes`] reads it, exactly.
pub fn show_bytes(bytes: u64) -> String {
    for (unit, worth) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= worth && bytes.is_multiple_of(worth) {
            return format!("{} {unit}", bytes / worth);
        }
    }
    format!("{bytes} B")
}

/// A size as a person says it, rounded: in the largest unit of which there is one, with a decimal while there are few. "512 B", "1.4 KiB",
/// "25 MiB".
pub fn roughly_bytes(bytes: u64) -> String {
    for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        let tenths = (u128::from(bytes) * 10 + (1 << shift) / 2) >> shift;
        match tenths {
            0..10 => (),
            10..100 if tenths % 10 != 0 => {
                return format!("{}.{} {unit}", tenths / 10, tenths % 10);
            }
            _ => return format!("{} {unit}", (tenths + 5) / 10),
        }
    }
    format!("{bytes} B")
}

/// Writes a span the way [`parse_span`] reads it, exactly.
pub fn show_span(span: Duration) -> String {
    let ms = crate::base::clock::millis(span);
    for (unit, worth) in
        [("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1_000)]
    {
        if ms >= worth && ms.is_multiple_of(worth) {
            return format!("{} {unit}", ms / worth);
        }
    }
    format!("{ms} ms")
}

/// A span as a person says it, rounded down to its largest unit or two: "3 days 4 hours", "12 s".
pub fn roughly(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, worth) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*worth)
}

const BYTES: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("bytes", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];
const MILLISECONDS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("second", 1_000),
    ("seconds", 1_000),
    ("min", 60_000),
    ("minute", 60_000),
    ("minutes", 60_000),
    ("h", 3_600_000),
    ("hour", 3_600_000),
    ("hours", 3_600_000),
    ("day", 86_400_000),
    ("days", 86_400_000),
    ("week", 604_800_000),
    ("weeks", 604_800_000),
];

/// `1 234 567`, with spaces that do not break.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3 * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans() {
        for (text, want) in [
            ("25 MiB", Some(25 << 20)),
            ("25MiB", Some(25 << 20)),
            ("300 kB", Some(300_000)),
            ("7", Some(7)),
            ("-7", None),
            ("1.5 MB", None),
            ("MB", None),
            ("99999999999999999999", None),
            ("5 days", None),
        ] {
            assert_eq!(parse_bytes(text).ok(), want, "{text}");
        }
        for (text, want) in
            [("5 days", Some(432_000)), ("1 hour", Some(3_600)), ("90 s", Some(90)), ("90", None)]
        {
            assert_eq!(parse_span(text).ok(), want.map(Duration::from_secs), "{text}");
        }
        assert_eq!(show_bytes(25 << 20), "25 MiB");
        for (bytes, want) in [
            (0, "0 B"),
            (512, "512 B"),
            (1_024, "1 KiB"),
            (1_500, "1.5 KiB"),
            (10_240, "10 KiB"),
            (1_048_575, "1 MiB"),
            (26_500_000, "25 MiB"),
            (3 << 29, "1.5 GiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(roughly_bytes(bytes), want, "{bytes}");
        }
        assert_eq!(show_span(Duration::from_secs(5_400)), "90 minutes");
    }
}
