//! Numbers as they stand in a folded text: groups of letters and digits and what joins them.

use super::{Confidence, Kind, bits, fold::is_word};
use crate::base::hidden::Hidden;
use std::ops::Range;

/// What stands between a group and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// `-`, also with a space on either side, or at the end of a line.
    Hyphen,
    /// `+`: the sign of a hundred years.
    Plus,
    /// One space.
    Space,
    /// Anything else, or the end: the groups have nothing to do with each other.
    Apart,
}

/// The groups of a text: unbroken strings of letters and digits, at least one a digit.
#[derive(Debug, Default)]
pub(super) struct Groups {
    starts: Vec<usize>,
    shape: Vec<(usize, Joint)>,
}

impl Groups {
    /// Reads a folded text.
    pub(super) fn of(text: &[u8]) -> Groups {
        let mut groups = Groups::default();
        let mut end = 0_usize;
        for (at, piece) in bits::pieces(text) {
            // Not those of a group that goes on from the piece before.
            let mut digits = piece.digits() & from_bit(end.saturating_sub(at));
            if digits == 0 {
                continue;
            }
            let word_bytes = piece.word_bytes();
            while let Some(digit) = bits::lowest(digits) {
                let group = group_around(text, at, digit, word_bytes);
                digits &= from_bit(group.end - at);
                groups.push(text.get(end..group.start).unwrap_or_default(), &group);
                end = group.end;
            }
        }
        groups
    }

    fn push(&mut self, between: &[u8], group: &Range<usize>) {
        if let Some((_, joint)) = self.shape.last_mut() {
            *joint = joint_of(between);
        }
        self.starts.push(group.start);
        self.shape.push((group.len(), Joint::Apart));
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// What begins at a group.
    pub(super) fn run<'a>(&'a self, at: usize, text: &'a [u8]) -> Run<'a> {
        Run {
            text,
            starts: self.starts.get(at..).unwrap_or_default(),
            shape: self.shape.get(at..).unwrap_or_default(),
            joint_before: match at.checked_sub(1).and_then(|before| self.shape.get(before)) {
                Some((_, joint)) => *joint,
                None => Joint::Apart,
            },
        }
    }
}

/// The unbroken string around a digit of the piece of a text that begins at a place.
fn group_around(text: &[u8], at: usize, digit: usize, word_bytes: u64) -> Range<usize> {
    let count = |bits: u32| usize::try_from(bits).unwrap_or_default();
    let before = count((word_bytes << (bits::PIECE_BYTES - 1 - digit)).leading_ones());
    let after = count((word_bytes >> digit).trailing_ones());
    let (mut start, mut end) = (at + digit + 1 - before, at + digit + after);
    if start == at {
        let rest = text.get(..at).unwrap_or_default();
        start -= rest.iter().rev().take_while(|byte| is_word(**byte)).count();
    }
    if digit + after == bits::PIECE_BYTES {
        let rest = text.get(end..).unwrap_or_default();
        end += rest.iter().take_while(|byte| is_word(**byte)).count();
    }
    start..end
}

/// All bits but so many of the lowest.
fn from_bit(bit: usize) -> u64 {
    u32::try_from(bit).ok().and_then(|bit| u64::MAX.checked_shl(bit)).unwrap_or_default()
}

fn joint_of(between: &[u8]) -> Joint {
    match between {
        b"-" | b" -" | b"- " | b" - " | b"-\n" | b"-\r\n" | b"-\n> " | b"-\r\n> " => Joint::Hyphen,
        b"+" => Joint::Plus,
        b" " => Joint::Space,
        _ => Joint::Apart,
    }
}

/// The groups from one on.
// No Debug: it would show the text.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    text: &'a [u8],
    starts: &'a [usize],
    /// Length of each group, and what joins it to the next. Match on it.
    pub(super) shape: &'a [(usize, Joint)],
    joint_before: Joint,
}

impl Run<'_> {
    /// Characters of the first group.
    pub(super) fn first_length(&self) -> usize {
        self.shape.first().map_or(0, |(length, _)| *length)
    }

    /// Does the first group begin with a digit, and not with a letter?
    pub(super) fn begins_with_digit(&self) -> bool {
        self.ahead().first().is_some_and(u8::is_ascii_digit)
    }

    /// Is the first group too short to be a number of anybody, and joined to no other?
    pub(super) fn is_short_and_apart(&self) -> bool {
        matches!(self.shape, [(..ALONE_MIN, Joint::Apart), ..])
    }

    /// The first groups written together, without what joins them.
    pub(super) fn joined(&self, groups: usize) -> Joined {
        let mut joined = Joined { bytes: [0; JOINED_BYTES_MAX], length: 0 };
        for (start, (length, _)) in self.starts.iter().zip(self.shape).take(groups) {
            joined.push(self.text.get(*start..start + length).unwrap_or_default());
        }
        joined
    }

    /// Where the first groups stand in the folded text.
    pub(super) fn span(&self, groups: usize) -> Range<usize> {
        let last = groups.saturating_sub(1);
        let start = self.starts.first().copied().unwrap_or_default();
        match (self.starts.get(last), self.shape.get(last)) {
            (Some(at), Some((length, _))) => start..at + length,
            _ => start..start,
        }
    }

    /// The text from the first group on.
    pub(super) fn ahead(&self) -> &[u8] {
        let start = self.starts.first().copied().unwrap_or_default();
        self.text.get(start..).unwrap_or_default()
    }

    /// The bytes right before the first group.
    pub(super) fn behind(&self, bytes: usize) -> Option<&[u8]> {
        let start = self.starts.first().copied()?;
        self.text.get(start.checked_sub(bytes)?..start)
    }

    /// How many groups begin within so many bytes.
    pub(super) fn groups_within(&self, bytes: usize) -> usize {
        let first = self.starts.first().copied().unwrap_or_default();
        self.starts.iter().take_while(|start| **start < first + bytes).count()
    }

    /// Does a group stand before, joined so?
    pub(super) fn comes_after(&self, joint: Joint) -> bool {
        self.joint_before == joint
    }

    /// Do more groups stand behind, one space away? Then a number written with spaces may be longer than ours.
    pub(super) fn goes_on(&self, groups: usize) -> bool {
        let last = groups.checked_sub(1).and_then(|last| self.shape.get(last));
        last.is_some_and(|(_, joint)| *joint == Joint::Space)
    }
}

/// Groups written together, as long as the longest form.
pub(super) struct Joined {
    bytes: [u8; JOINED_BYTES_MAX],
    length: usize,
}

impl Joined {
    /// The characters.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The characters as a text.
    pub(super) fn text(&self) -> String {
        self.bytes().iter().copied().map(char::from).collect()
    }

    fn push(&mut self, group: &[u8]) {
        let end = self.length + group.len();
        // A form that does not fit is cut to nothing, and no reader takes it.
        match self.bytes.get_mut(self.length..end) {
            Some(room) => {
                room.copy_from_slice(group);
                self.length = end;
            }
            None => self.length = 0,
        }
    }
}

/// The values of decimal digits; `None` if one is none.
pub(super) fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut values = <[u8; N]>::try_from(text).ok()?;
    for value in &mut values {
        *value = value.is_ascii_digit().then(|| *value - b'0')?;
    }
    Some(values)
}

/// What a recogniser says of a run.
#[derive(Debug)]
pub(super) enum Answer {
    /// Not written like ours.
    No,
    /// Written like ours, and the date or the check digit is wrong. A text full of these is a list of something else.
    Fails(Form),
    /// One of ours.
    Reads(Reading),
}

/// A way of writing: how many groups it takes, and a name that tells it from the others of its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Form {
    /// Groups it takes.
    pub(super) groups: usize,
    /// Its name.
    pub(super) name: &'static str,
}

/// A number understood.
#[derive(Debug)]
pub(super) struct Reading {
    /// Whose.
    pub(super) owner: Owner,
    /// How it was written.
    pub(super) form: Form,
    /// What that is worth.
    pub(super) worth: Worth,
    /// One in so many digit strings of this form passes by chance; ranks two readings of one place.
    pub(super) odds: u32,
}

/// Whose number it is.
#[derive(Debug)]
pub(super) enum Owner {
    /// A person's: the kind and the one way to write it.
    Person(Kind, Hidden<String>),
    /// A firm's or a thing's. Reported nowhere; it only takes the place.
    Business,
}

impl Owner {
    /// Somebody with this number, in the one way to write it.
    pub(super) fn person(kind: Kind, value: String) -> Owner {
        Owner::Person(kind, Hidden::new(kind.word(), value))
    }
}

/// How sure a form is, by what the words around it say. `None`: not reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    /// A label names it.
    pub(super) labelled: Option<Confidence>,
    /// Nothing is said.
    pub(super) alone: Option<Confidence>,
    /// A label says it is something else.
    pub(super) contradicted: Option<Confidence>,
}

impl Worth {
    /// The same, and nothing without a label.
    pub(super) fn where_named(self) -> Worth {
        Worth { alone: None, contradicted: None, ..self }
    }
}

/// No family writes a number in one group of fewer characters.
const ALONE_MIN: usize = 8;
/// Longest form: a French NIR or an IBAN in groups stays below.
const JOINED_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_what_joins_them() {
        use Joint::{Apart, Hyphen, Plus, Space};
        for (text, want) in [
            ("850709-9805", &[(6, Hyphen), (4, Apart)][..]),
            ("den 850709 - 9805.", &[(6, Hyphen), (4, Apart)]),
            ("850709+9805", &[(6, Plus), (4, Apart)]),
            ("A1 22, 333", &[(2, Space), (2, Apart), (3, Apart)]),
            ("x 131052-308T", &[(6, Hyphen), (4, Apart)]),
            ("1 or 2", &[(1, Apart), (1, Apart)]),
            ("no number", &[]),
            ("1", &[(1, Apart)]),
        ] {
            let groups = Groups::of(text.as_bytes());
            assert_eq!(groups.shape, want, "{text}");
        }
    }

    #[test]
    fn a_group_is_whole_wherever_it_stands() {
        for before in 0..130 {
            for digits in [1, 6, 63, 64, 65, 200] {
                let text = format!("{} a{}b-1", "x".repeat(before), "1".repeat(digits));
                let groups = Groups::of(text.as_bytes());
                assert_eq!(groups.starts, [before + 1, before + digits + 4], "{text}");
                assert_eq!(groups.shape, [(digits + 2, Joint::Hyphen), (1, Joint::Apart)]);
            }
        }
    }

    #[test]
    fn a_run_too_long_to_be_ours_is_nothing() {
        let text = "1".repeat(100);
        let groups = Groups::of(text.as_bytes());
        assert_eq!(groups.run(0, text.as_bytes()).joined(1).bytes(), b"");
        assert_eq!(groups.run(0, text.as_bytes()).span(1), 0..100);
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::personal::Date;

    /// What a recogniser says of the first group of a text that it does not call foreign: `kind value`, `business`,
    /// `fails` or `no`.
    pub(in crate::personal) fn read(
        recogniser: fn(&Run<'_>, Date) -> Answer,
        text: &str,
        today: Date,
    ) -> String {
        let groups = Groups::of(text.as_bytes());
        for at in 0..groups.len() {
            match recogniser(&groups.run(at, text.as_bytes()), today) {
                Answer::No => (),
                Answer::Fails(_) => return "fails".to_string(),
                Answer::Reads(Reading { owner: Owner::Business, .. }) => {
                    return "business".to_string();
                }
                Answer::Reads(Reading { owner: Owner::Person(kind, value), .. }) => {
                    return format!("{} {}", kind.word(), value.expose());
                }
            }
        }
        "no".to_string()
    }
}
