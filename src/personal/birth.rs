//! Dates of birth: a word for it directly before a whole date.
//!
//! A date alone is anybody's, and so is a year; a word such as "born" stands before the dates of firms and of history as well. So the date must be whole, lie
//! within the life of somebody, and have its word right before it. The words are data, under `[birth]` in `rules/personal/*.toml`.
//!
//! It is personal data and names nobody: one never counts as a person.

use super::{Confidence, Date, fold::is_word};
use serde::Deserialize;
use std::ops::Range;

/// The words of a language.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Words {
    /// They speak of nothing else: `date of birth`.
    pub(super) sure: Vec<String>,
    /// Firms, countries and software also have such a day: `born`.
    pub(super) weak: Vec<String>,
    /// What may stand between the word and the date: `on the`.
    pub(super) between: Vec<String>,
}

/// The words of all languages, folded.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// The word, and whether any ending will do.
    pub(super) sure: Vec<(String, bool)>,
    pub(super) weak: Vec<(String, bool)>,
    pub(super) between: Vec<(String, bool)>,
}

/// A date of birth in a folded text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Birth {
    pub(super) born: Date,
    pub(super) confidence: Confidence,
    /// Where the date stands.
    pub(super) place: Range<usize>,
}

impl Birth {
    /// Characters that a date's first group has at most: `19850709`.
    pub(super) const FIRST_GROUP_MAX: usize = 8;

    /// The date of birth to which the digits belong that begin at a place, if they do.
    pub(super) fn at(text: &[u8], at: usize, labels: &Labels, today: Date) -> Option<Birth> {
        let (born, place) = text
            .get(at..)
            .filter(|rest| may_be_date(rest))
            .and_then(|_| date_at(text, at, today))?;
        if born.year() < BORN_MIN || born > today {
            return None;
        }
        let before = text.get(place.start.saturating_sub(REACH_BYTES)..place.start)?;
        let confidence = labels.before(before, place.start > REACH_BYTES)?;
        // What is celebrated is the day of this year.
        let is_of_late = born.year() + 1 >= today.year();
        let confidence = if is_of_late { Confidence::Low } else { confidence };
        Some(Birth { born, confidence, place })
    }
}

impl Labels {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.sure.len() + self.weak.len() + self.between.len()
    }

    /// How sure the words are that end a text; it is cut off where it begins, or whole.
    fn before(&self, text: &[u8], cut: bool) -> Option<Confidence> {
        let mut text = text;
        let mut lines = 0;
        for _ in 0..=BETWEEN_MAX {
            let marks = text.iter().rev().take_while(|byte| b" \t\r\n:;=,(-*_|".contains(byte));
            let marks = marks.count();
            let (rest, gap) = text.split_at_checked(text.len() - marks)?;
            lines += gap.iter().filter(|byte| **byte == b'\n').count();
            text = rest;
            // A label that is written with a point has it; the others may have one.
            let bare = text.strip_suffix(b".").unwrap_or(text);
            let ends = |words: &[(String, bool)]| {
                ends_with(text, words, cut).or_else(|| ends_with(bare, words, cut))
            };
            match (ends(&self.sure), ends(&self.weak), lines) {
                (Some(_), _, 0) => return Some(Confidence::Medium),
                (Some(_), _, 1) | (None, Some(_), 0) => return Some(Confidence::Low),
                _ => (),
            }
            text = text.get(..ends(&self.between)?)?;
        }
        None
    }
}

/// Where the word begins with which a text ends.
fn ends_with(text: &[u8], words: &[(String, bool)], cut: bool) -> Option<usize> {
    let begins = |at: &usize| match at.checked_sub(1) {
        Some(before) => {
            let is_word_at = |at: usize| text.get(at).is_some_and(|byte| is_word(*byte));
            is_word_at(*at) && !is_word_at(before)
        }
        None => !cut,
    };
    let mut starts = (0..text.len()).rev().filter(begins).take(LABEL_WORDS_MAX);
    starts.find(|start| {
        let last = text.get(*start..).unwrap_or_default();
        words.iter().any(|(word, stem)| {
            last.first().map(u8::to_ascii_lowercase) == word.bytes().next()
                && last.split_at_checked(word.len()).is_some_and(|(begin, ending)| {
                    let ends =
                        ending.is_empty() || (*stem && ending.iter().all(|byte| is_word(*byte)));
                    ends && begin.eq_ignore_ascii_case(word.as_bytes())
                })
        })
    })
}

/// Most numbers have neither the length nor the neighbour that a day or a year has.
fn may_be_date(text: &[u8]) -> bool {
    if matches!(count_digits(text), 6 | 8) {
        return true;
    }
    let after = match text {
        [b'0'..=b'3', b'0'..=b'9', after, ..] if !after.is_ascii_digit() => after,
        [b'1' | b'2', b'9' | b'0', _, _, after, ..] => after,
        [b'1'..=b'9', after, ..] => after,
        _ => return false,
    };
    matches!(after, b'-' | b'.' | b'/' | b' ' | b',' | b':' | b't' | b's' | b'n' | b'r')
}

/// The whole date that the digits at a place belong to: the year first, the day first, or with the month's name before or behind them.
fn date_at(text: &[u8], at: usize, today: Date) -> Option<(Date, Range<usize>)> {
    let rest = text.get(at..)?;
    let (date, length) = match count_digits(rest) {
        digits @ (6 | 8) => (in_one_piece(rest.get(..digits)?, today)?, digits),
        4 => year_first(rest)?,
        1 | 2 => match day_first(rest).or_else(|| day_and_name(rest)) {
            Some(found) => found,
            None => {
                let (date, start, length) = name_and_day(text, at)?;
                return is_whole(text, start..at + length).then_some((date, start..at + length));
            }
        },
        _ => return None,
    };
    is_whole(text, at..at + length).then_some((date, at..at + length))
}

/// `850709`, `090785`, `19850709`, `09071985`: the year first where that is a date. Of two digits, it is the latest year that has been.
fn in_one_piece(digits: &[u8], today: Date) -> Option<Date> {
    let number =
        |digits: &[u8]| digits.iter().fold(0_u16, |sum, one| sum * 10 + u16::from(one - b'0'));
    let short = |digits: &[u8]| u8::try_from(number(digits)).unwrap_or(u8::MAX);
    let whole = |year: &[u8]| match year.len() {
        4 => number(year),
        _ => match today.year() / 100 * 100 + number(year) {
            year if year > today.year() => year - 100,
            year => year,
        },
    };
    let year_bytes = digits.len().checked_sub(4)?;
    let (year, rest) = digits.split_at_checked(year_bytes)?;
    let (month, day) = rest.split_at_checked(2)?;
    let year_first = Date::new(whole(year), short(month), short(day));
    let year_first = year_first.filter(|date| date.year() >= BORN_MIN && *date <= today);
    year_first.or_else(|| {
        let (day, rest) = digits.split_at_checked(2)?;
        let (month, year) = rest.split_at_checked(2)?;
        Date::new(whole(year), short(month), short(day))
    })
}

/// `1985-07-09`, also with points or slashes.
fn year_first(text: &[u8]) -> Option<(Date, usize)> {
    let (year, rest) = take_number(text, 4..=4)?;
    let (mark, rest) = take_mark(rest)?;
    let (month, rest) = take_number(rest, 1..=2)?;
    let (same, rest) = take_mark(rest)?;
    let (day, rest) = take_number(rest, 1..=2)?;
    let date = Date::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
    (mark == same).then_some((date, text.len() - rest.len()))
}

/// `9.7.1985`, `09/07/1985`, `9. 7. 1985`; a month beyond twelve is a day, as Americans write.
fn day_first(text: &[u8]) -> Option<(Date, usize)> {
    let (day, rest) = take_number(text, 1..=2)?;
    let (mark, rest) = take_mark(rest)?;
    let (month, rest) = take_number(skip_space(rest, mark), 1..=2)?;
    let (same, rest) = take_mark(rest)?;
    let (year, rest) = take_number(skip_space(rest, mark), 4..=4)?;
    let (day, month) = (u8::try_from(day).ok()?, u8::try_from(month).ok()?);
    let date = Date::new(year, month, day).or_else(|| match mark {
        b'/' => Date::new(year, day, month),
        _ => None,
    })?;
    (mark == same).then_some((date, text.len() - rest.len()))
}

/// `9. juli 1985`, `9th of July, 1985`.
fn day_and_name(text: &[u8]) -> Option<(Date, usize)> {
    let (day, rest) = take_number(text, 1..=2)?;
    let rest = skip_ordinal(rest);
    let rest = rest.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(b"of ").unwrap_or(rest);
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (name, rest) = rest.split_at_checked(name)?;
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let (year, rest) = take_year(rest)?;
    let date = Date::new(year, month(name)?, u8::try_from(day).ok()?)?;
    Some((date, text.len() - rest.len()))
}

/// `July 9, 1985`, of which the digits of the day stand at a place; where it begins, and its length from that place on.
fn name_and_day(text: &[u8], at: usize) -> Option<(Date, usize, usize)> {
    let rest = text.get(at..)?;
    let (day, after) = take_number(rest, 1..=2)?;
    let (year, after) = take_year(skip_ordinal(after))?;
    let before = text.get(..at)?.strip_suffix(b" ")?;
    let before = before.strip_suffix(b".").unwrap_or(before);
    let letters = before.iter().rev().take(MONTH_BYTES_MAX + 1);
    let name = letters.take_while(|byte| byte.is_ascii_alphabetic()).count();
    let start = before.len() - name;
    let date = Date::new(year, month(before.get(start..)?)?, u8::try_from(day).ok()?)?;
    Some((date, start, rest.len() - after.len()))
}

/// Is it no piece of something longer? A point may end its sentence.
fn is_whole(text: &[u8], place: Range<usize>) -> bool {
    let before = place.start.checked_sub(1).and_then(|at| text.get(at));
    let after = text.get(place.end..).unwrap_or_default();
    let goes_on = match after {
        [b'-' | b'.' | b'/' | b':' | b'+', next, ..] => next.is_ascii_digit(),
        [next, ..] => is_word(*next),
        [] => false,
    };
    !goes_on && !before.is_some_and(|byte| is_word(*byte) || b"./+".contains(byte))
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count()
}

fn first_digits(text: &[u8]) -> usize {
    text.iter().take(5).take_while(|byte| byte.is_ascii_digit()).count()
}

/// A number of so many digits, and what follows.
fn take_number(text: &[u8], width: std::ops::RangeInclusive<usize>) -> Option<(u16, &[u8])> {
    let count = Some(first_digits(text)).filter(|count| width.contains(count))?;
    let (number, rest) = text.split_at_checked(count)?;
    let value = number.iter().fold(0, |value, byte| value * 10 + u16::from(byte - b'0'));
    Some((value, rest))
}

fn take_mark(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [mark @ (b'-' | b'.' | b'/'), rest @ ..] => Some((*mark, rest)),
        _ => None,
    }
}

/// ` 1985`, `, 1985`.
fn take_year(text: &[u8]) -> Option<(u16, &[u8])> {
    let text = text.strip_prefix(b",").unwrap_or(text);
    take_number(text.strip_prefix(b" ")?, 4..=4)
}

/// After a point there may be a space: `9. 7. 1985`.
fn skip_space(text: &[u8], mark: u8) -> &[u8] {
    match mark {
        b'.' => text.strip_prefix(b" ").unwrap_or(text),
        _ => text,
    }
}

/// `9.`, `9th`, `9:e`.
fn skip_ordinal(text: &[u8]) -> &[u8] {
    match text {
        [b'.', rest @ ..]
        | [b't', b'h', rest @ ..]
        | [b's', b't', rest @ ..]
        | [b'n' | b'r', b'd', rest @ ..]
        | [b':', b'e', rest @ ..] => rest,
        rest => rest,
    }
}

/// The month of a name, in full or as the beginning of one.
fn month(name: &[u8]) -> Option<u8> {
    if name.len() > MONTH_BYTES_MAX {
        return None;
    }
    let begins = |stem: &&str| {
        name.get(..stem.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(stem.as_bytes()))
    };
    MONTHS.iter().find(|(stem, _)| begins(stem)).map(|(_, month)| *month)
}

/// How the names of the months begin, folded, in English, German, the languages of the north; the longer before those that they begin with.
const MONTHS: &[(&str, u8)] = &[
    ("jan", 1),
    ("tammi", 1),
    ("feb", 2),
    ("helmi", 2),
    ("marras", 11),
    ("maalis", 3),
    ("mar", 3),
    ("apr", 4),
    ("huhti", 4),
    ("maj", 5),
    ("mai", 5),
    ("may", 5),
    ("touko", 5),
    ("jun", 6),
    ("kesa", 6),
    ("jul", 7),
    ("heina", 7),
    ("aug", 8),
    ("agust", 8),
    ("elo", 8),
    ("sep", 9),
    ("syys", 9),
    ("okt", 10),
    ("oct", 10),
    ("loka", 10),
    ("nov", 11),
    ("dec", 12),
    ("dez", 12),
    ("des", 12),
    ("joulu", 12),
];

/// `marraskuuta`, `heinakuuta`.
const MONTH_BYTES_MAX: usize = 12;
/// Nobody who lives was born before.
const BORN_MIN: u16 = 1900;
/// Looked at before a date: the longest word and what stands between.
const REACH_BYTES: usize = 48;
/// "Date of birth".
const LABEL_WORDS_MAX: usize = 3;
/// Words between: "is on the".
const BETWEEN_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::{Found, Kind, Scope, mask_all, scan, words};

    fn found(text: &str) -> Vec<String> {
        let words = words::Words::shipped().unwrap();
        let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
        let mut found: Vec<Found> = Vec::new();
        scan(text, &scope, &mut found);
        let told = found.iter().map(|one| {
            format!("{} {} {}", one.kind.word(), one.confidence.word(), one.value.expose())
        });
        told.collect()
    }

    #[test]
    fn a_word_and_a_whole_date_in_every_language() {
        for text in [
            "Födelsedatum: 1985-07-09",
            "Anna, födelsedatum 9 juli 1985, bor i Umeå.",
            "Hennes födelsedatum är den 9:e juli 1985.",
            "Syntymäaika: 9.7.1985",
            "Syntymäaikani on 9. heinäkuuta 1985.",
            "Fødselsdato: 09.07.1985",
            "fødselsdatoen er 9. juli 1985",
            "Fødselsdag: 9/7/1985",
            "Fæðingardagur: 9. júlí 1985",
            "Geburtsdatum: 09.07.1985",
            "Geburtsdatum ist der 9. Juli 1985",
            "Date of birth: 9 July 1985",
            "DOB: 09/07/1985",
            "her birth date is July 9, 1985.",
            "Date of birth (July 9th, 1985)",
            "D.O.B. 1985/07/09",
            "You have my date of birth. It's 9.7.1985",
            "DOB:\t1985.07.09",
            "Syntymäaika 9. 7. 1985",
            "F\u{f6}delsedatum\u{a0}1985\u{2011}07\u{2011}09",
        ] {
            assert_eq!(found(text), ["birth-date medium 1985-07-09"], "{text}");
        }
    }

    #[test]
    fn weak_words_and_other_lines_are_doubtful() {
        for text in [
            "Anna Ek, född 1985-07-09",
            "född den 9 juli 1985",
            "f.d. 1985-07-09",
            "Matti, syntynyt 9.7.1985",
            "synt. 9.7.1985",
            "Kari, født 9. juli 1985",
            "Kari (f. 09.07.1985)",
            "Jón, fæddur 9. júlí 1985",
            "geboren am 9. Juli 1985",
            "Hans, geb. 09.07.1985",
            "She was born on July 9, 1985.",
            "born 9 Jul 1985",
            "Date of birth\n1985-07-09",
        ] {
            assert_eq!(found(text), ["birth-date low 1985-07-09"], "{text}");
        }
        assert_eq!(found("Födelsedatum: 2026-02-03"), ["birth-date low 2026-02-03"]);
    }

    #[test]
    fn no_word_no_whole_date_or_nobody_who_lives() {
        for text in [
            "Mötet är 1985-07-09.",
            "The company was born in 1985.",
            "founded July 9, 1985",
            "Established 1985-07-09",
            "Född 1985",
            "Born in July 1985",
            "born in Umeå, and on July 9, 1985 moved",
            "Date of birth: see form of 1985-07-09",
            "Date of birth: 1885-07-09",
            "Date of birth: 2027-07-09",
            "Date of birth: 1985-13-09",
            "Date of birth: 1985-07-091",
            "Date of birth: 1985-07.09",
            "Date of birth: 31.02.1985",
            "newborn 1985-07-09",
            "airborne 9 July 1985",
            "Date of birth and address.\n\n1985-07-09",
            "Lars born\n1985-07-09",
            "Date of birth: 9 marketing 19850",
            "",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_number_beside_it_is_read_as_before() {
        assert_eq!(
            found("Född 1990-01-02, personnummer 900102-9819"),
            ["birth-date low 1990-01-02", "se.personnummer high 199001029819"]
        );
        assert_eq!(found("Födelsedatum: 900102-9819"), ["se.personnummer high 199001029819"]);
        assert_eq!(found("född 1990-01-02-9819"), ["se.personnummer high 199001029819"]);
    }

    #[test]
    fn a_subject_shows_none() {
        let words = words::Words::shipped().unwrap();
        let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
        let masked = mask_all("Anna, date of birth July 9, 1985, moves 2026-11-30", &scope);
        assert_eq!(masked, "Anna, date of birth 19**-**-**, moves 2026-11-30");
        assert!(!Kind::BirthDate.is_of_a_person());
    }

    #[test]
    fn odd_texts_break_nothing() {
        for text in
            ["1", "born 1", "12/", "July 9", "9. ", "1985-", "1985-07-", "born 9th of ", "9, 1985"]
        {
            found(text);
        }
    }
}
