//! Words, numbers and moments as pages show them. Templates escape; what is left to do here is what escaping does not: signs that
//! break a line, turn its direction or hide in it, and texts that are longer than a table bears.

pub(super) use crate::base::units::grouped;
use crate::{
    base::{clock::UnixMs, letters::is_unseen, limits, local::Zone, units},
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

/// The clock on the wall of those who look after mail: every page of theirs shows moments by it, and the frame names its zone.
#[derive(Debug, Clone)]
pub(super) struct Wall {
    zone: Zone,
    now: UnixMs,
}

impl Wall {
    pub(super) fn new(zone: Zone, now: UnixMs) -> Wall {
        Wall { zone, now }
    }
}

/// A moment, for machines and for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// As RFC 3339 writes it: `2026-11-21T12:00:00.000Z`.
    pub(super) iso: String,
    /// "08:14" today, else "28 Nov 08:14", another year with it; in the zone of the wall.
    pub(super) shown: String,
    /// How long ago: "3 h".
    pub(super) ago: String,
}

impl Moment {
    pub(super) fn of(wall: &Wall, at: UnixMs) -> Moment {
        Moment {
            iso: date::write_iso(at),
            shown: shown(wall, at),
            ago: units::roughly(wall.now.since(at)),
        }
    }

    /// The day (UTC) that begins then: what is counted by the day is counted so.
    pub(super) fn of_day(at: UnixMs) -> Moment {
        let day = Zone::utc().show(at);
        let shown = format!("{} {} {}", day.day, month(day.month), day.year);
        Moment { iso: date::write_iso(at), shown, ago: String::new() }
    }
}

fn shown(wall: &Wall, at: UnixMs) -> String {
    let (then, today) = (wall.zone.show(at), wall.zone.show(wall.now));
    let time = format!("{:02}:{:02}", then.hour, then.minute);
    let month = month(then.month);
    match (then.year == today.year, then.month == today.month && then.day == today.day) {
        (true, true) => time,
        (true, false) => format!("{} {month} {time}", then.day),
        (false, _) => format!("{} {month} {} {time}", then.day, then.year),
    }
}

fn month(number: u8) -> &'static str {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    MONTHS.get(usize::from(number).saturating_sub(1)).copied().unwrap_or("")
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
    fn numbers_are_read_by_people() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(of_many(1, "mail", "mails"), "1 mail");
        assert_eq!(of_many(2_000, "mail", "mails"), "2\u{202f}000 mails");
        assert_eq!((percent(1, 3), percent(1, 0)), (33, 0));
    }

    #[test]
    fn moments_are_as_short_as_they_can_be() {
        // Saturday, 28 November 2026, noon in UTC; then minutes before it.
        let now = UnixMs(1_795_867_200_000);
        let wall = Wall::new(Zone::parse("Europe/Stockholm").unwrap(), now);
        for (minutes, want) in [
            (0, "13:00"),
            (295, "08:05"),
            (12 * 60 + 55, "00:05"),
            (13 * 60 + 1, "27 Nov 23:59"),
            (333 * 24 * 60, "30 Dec 2025 13:00"),
        ] {
            let then = Moment::of(&wall, UnixMs(now.0 - minutes * 60_000));
            assert_eq!(then.shown, want, "{minutes}");
        }
        let moment = Moment::of(&wall, UnixMs(1_795_262_400_000));
        assert_eq!(
            (moment.iso.as_str(), moment.ago.as_str()),
            ("2026-11-21T12:00:00.000Z", "7 d 0 h")
        );
        assert_eq!(Moment::of_day(UnixMs(1_795_824_000_000)).shown, "28 Nov 2026");
    }
}
