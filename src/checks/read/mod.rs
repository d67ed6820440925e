//! Small readers that several checks share. Pure, bounded by their input, without opinion: a check decides what a reading means.

pub(crate) mod bank_change;
pub(crate) mod hosts;
pub(crate) mod letters;
pub(crate) mod names;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::date;
    use proptest::prelude::*;

    proptest! {
        // What stands in a mail is written by the sender.
        #[test]
        fn no_text_is_too_strange(text in "\\PC*|[0-9a-fx.:\\[\\]]{0,40}|[A-Za-z0-9 ,:+()-]{0,60}") {
            let _ = date::read(&text);
            let _ = hosts::owner(&text);
            let _ = hosts::shown_host(&text);
            let _ = hosts::address(&text);
            let _ = hosts::below(&text, "example.org");
            let _ = names::extension_before(&text);
            let (capitals, cased) = letters::capitals(&text);
            prop_assert!(capitals <= cased);
            prop_assert!(letters::disguised_words(&text, 3) <= 3);
            prop_assert!(letters::parted_letters(&text, 3) <= 3);
            let _ = letters::skeleton(&text);
        }

        #[test]
        fn dates_written_are_dates_read(day in 1_i64..=28, month in 0_usize..12, year in 1970_i64..2100, hour in 0_i64..24) {
            const MONTHS: [&str; 12] =
                ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let text = |day: i64| format!("{day} {} {year} {hour:02}:00:00 +0000", MONTHS[month]);
            let (this, next) = (date::read(&text(day)).unwrap(), date::read(&text(day + 1)).unwrap());
            prop_assert!(next == this + 86_400);
            let (east, west) = (format!("{day} {} {year} {hour:02}:00:00 +0200", MONTHS[month]), this - 7_200);
            prop_assert_eq!(date::read(&east), Some(west));
        }
    }
}
