//! Words, numbers and moments as pages show them. Templates escape; what is left to do here is what escaping does not: signs that
//! break a line, turn its direction or hide in it, and texts that are longer than a table bears.

pub(super) use crate::base::units::grouped;
use crate::{
    base::{clock::UnixMs, letters::is_unseen, limits},
    wire::date,
};

/// A stranger's text on one line: signs that show nothing or turn letters round are replaced by a dot.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|letter| if is_tricky(letter) { '·' } else { letter }).collect()
}

/// The same, and no longer than a table bears.
pub(super) fn short(text: &str) -> String {
    let most = limits::WEB_CELL_LETTERS_MAX;
    match text.chars().nth(most) {
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            plain(&kept) + "…"
        }
        None => plain(text),
    }
}

/// What breaks a line, turns its direction or hides in it.
fn is_tricky(letter: char) -> bool {
    letter.is_control() || is_unseen(letter)
}

/// `1 mail`, `2 mails`.
pub(super) fn of_many(count: usize, one: &str, many: &str) -> String {
    let number = grouped(u64::try_from(count).unwrap_or(u64::MAX));
    format!("{number} {}", if count == 1 { one } else { many })
}

/// How much of a whole, in per cent: 0 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0).min(100)
}

/// A moment, for machines and for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// `2026-11-21T12:00:00.000Z`.
    pub(super) iso: String,
    /// `2026-11-21 12:00`, UTC.
    pub(super) shown: String,
}

impl Moment {
    pub(super) fn of(at: UnixMs) -> Moment {
        let iso = date::write_iso(at);
        let shown: String = iso.chars().take("2026-11-21T12:00".len()).collect();
        Moment { shown: shown.replace('T', " "), iso }
    }
}

/// The first moment (UTC) of a day written as 2026-11-21; none if there is no such day.
pub(super) fn read_day(text: &str) -> Option<UnixMs> {
    let mut numbers = text.trim().split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if !(1970..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day ends one.
    let shifted = if month > 2 { year } else { year - 1 };
    let months = (month + 9) % 12;
    let days =
        365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * months + 2) / 5 + day
            - 1;
    let at = UnixMs(days.checked_sub(719_468)?.checked_mul(DAY_MS)?);
    // The 31st of a shorter month is another day.
    date::write_iso(at).starts_with(&format!("{year:04}-{month:02}-{day:02}T")).then_some(at)
}

/// A day, in milliseconds.
pub(super) const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_strangers_stay_on_their_line_and_run_one_way() {
        for (text, want) in [
            ("Räksmörgås <b>", "Räksmörgås <b>"),
            ("a\r\nb\tc\u{0}", "a··b·c·"),
            ("exe\u{202e}fdp.\u{2066}x\u{200b}", "exe·fdp.·x·"),
        ] {
            assert_eq!(plain(text), want);
        }
        let long = "ä".repeat(limits::WEB_CELL_LETTERS_MAX + 1);
        assert_eq!(short(&long).chars().count(), limits::WEB_CELL_LETTERS_MAX);
        assert_eq!(short("short"), "short");
    }

    #[test]
    fn numbers_and_moments_are_read_by_people() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(of_many(1, "mail", "mails"), "1 mail");
        assert_eq!(of_many(2_000, "mail", "mails"), "2\u{202f}000 mails");
        assert_eq!((percent(1, 3), percent(1, 0)), (33, 0));
        let moment = Moment::of(UnixMs(1_795_262_400_000));
        assert_eq!(moment.shown, "2026-11-21 12:00");
        assert_eq!(moment.iso, "2026-11-21T12:00:00.000Z");
    }

    #[test]
    fn a_day_is_read_as_it_is_written() {
        for day in ["1970-01-01", "2024-02-29", "2026-11-21", "2000-12-31", "2100-03-01"] {
            let at = read_day(day).unwrap();
            assert_eq!(date::write_iso(at), format!("{day}T00:00:00.000Z"));
        }
        for wrong in
            ["", "2026-02-29", "2026-11-31", "2026-13-01", "1969-12-31", "2026-11", "x-y-z"]
        {
            assert_eq!(read_day(wrong), None, "{wrong}");
        }
    }
}
