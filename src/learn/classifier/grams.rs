//! A text as the set of its windows of four bytes: which of them are in it, not how often and not where.
//!
//! Bytes, not words: no language is known better than another, and a word with a letter replaced shares its other windows with the whole
//! one. The same bytes in a subject and in a `Received` line are two different windows.

use super::{place, real};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many buckets the windows of whole mails fall into, as a power of two. More than 18 were measured to change nothing; twenty keep
/// what two windows of one bucket do to each other out of sight.
pub const BITS: u32 = 20;
/// The same for the steadying views.
pub const FEW_BITS: u32 = 18;

/// The windows of one text: numbers of buckets, each once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Grams(Vec<u32>);

impl Grams {
    /// From numbers of buckets that were made by a [`Cutter`] before.
    pub fn of(buckets: Vec<u32>) -> Grams {
        Grams(buckets)
    }

    /// The numbers.
    pub fn buckets(&self) -> &[u32] {
        &self.0
    }

    /// How many there are, as what the learners divide by: at least one.
    pub fn count(&self) -> f32 {
        real(u32::try_from(self.0.len()).unwrap_or(u32::MAX).max(1))
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Grams {
    /// Not the numbers: whoever has them can ask for a word whether it was in the mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grams({})", self.0.len())
    }
}

/// Where in a mail some bytes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The body.
    Body,
    /// Lines of the servers it passed.
    Received,
    /// Who wrote it.
    Author,
    /// The subject.
    Subject,
    /// For whom.
    Recipient,
    /// Any other field.
    Field,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Body, Kind::Subject, Kind::Author, Kind::Received, Kind::Recipient, Kind::Field];

    /// Mixed into the numbers of its windows, so that the same bytes elsewhere are another window.
    fn salt(self) -> u32 {
        let number: u32 = match self {
            Kind::Body => 0,
            Kind::Received => 1,
            Kind::Author => 2,
            Kind::Subject => 3,
            Kind::Recipient => 4,
            Kind::Field => 5,
        };
        number.wrapping_mul(APART)
    }
}

/// Makes [`Grams`], with the room to remember which were seen. One for each thread that judges.
#[derive(Debug)]
pub struct Cutter {
    seen: Vec<u64>,
    bits: u32,
    found: Vec<u32>,
}

impl Cutter {
    /// One for tables of that many bits.
    pub fn new(bits: u32) -> Cutter {
        Cutter { seen: vec![0; 1 << bits.saturating_sub(6)], bits, found: Vec::new() }
    }

    /// Takes the windows of one more piece of the text.
    pub fn add(&mut self, kind: Kind, text: &[u8]) {
        let salt = kind.salt();
        for window in text.array_windows::<WIDTH>() {
            let spread = u32::from_le_bytes(*window).wrapping_mul(SPREAD) ^ salt;
            self.enter(spread >> (u32::BITS - self.bits));
        }
    }

    /// Takes windows that were found before.
    pub fn take(&mut self, grams: &Grams) {
        for bucket in grams.buckets() {
            self.enter(*bucket);
        }
    }

    /// The windows so far, without an end.
    pub fn so_far(&self) -> Grams {
        Grams(self.found.clone())
    }

    /// Those of `grams` that are among what was added; the next text begins.
    pub fn among(&mut self, grams: &Grams) -> Grams {
        let has = |bucket: &&u32| {
            self.seen.get(place(**bucket >> 6)).is_some_and(|word| word >> (**bucket & 63) & 1 == 1)
        };
        let found = grams.buckets().iter().filter(has).copied().collect();
        let _ = self.done();
        Grams(found)
    }

    fn enter(&mut self, bucket: u32) {
        let Some(word) = self.seen.get_mut(place(bucket >> 6)) else { return };
        let bit = 1 << (bucket & 63);
        if *word & bit == 0 {
            *word |= bit;
            self.found.push(bucket);
        }
    }

    /// The windows of all that was added; the next text begins.
    pub fn done(&mut self) -> Grams {
        for bucket in &self.found {
            if let Some(word) = self.seen.get_mut(place(bucket >> 6)) {
                *word = 0;
            }
        }
        Grams(std::mem::take(&mut self.found))
    }
}

/// Bytes in a window. Four to six were measured alike; four are one multiplication.
const WIDTH: usize = 4;
/// 2^32 divided by the golden ratio, made odd: neighbours go far from each other.
const SPREAD: u32 = 0x9e37_79b1;
/// An odd number whose first multiples differ in their high bits.
const APART: u32 = 0x85eb_ca6b;

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(cutter: &mut Cutter, pieces: &[(Kind, &str)]) -> Grams {
        for (kind, text) in pieces {
            cutter.add(*kind, text.as_bytes());
        }
        cutter.done()
    }

    #[test]
    fn a_window_counts_once_and_place_matters() {
        let mut cutter = Cutter::new(BITS);
        for (pieces, want) in [
            (&[(Kind::Body, "")][..], 0),
            (&[(Kind::Body, "abc")], 0),
            (&[(Kind::Body, "abcd")], 1),
            (&[(Kind::Body, "abcdabcd")], 4),
            (&[(Kind::Body, "abcdabcdabcdabcd")], 4),
            (&[(Kind::Body, "abcd"), (Kind::Body, "abcd")], 1),
            (&[(Kind::Subject, "abcd"), (Kind::Body, "abcd")], 2),
            // Pieces are not joined.
            (&[(Kind::Body, "ab"), (Kind::Body, "cd")], 0),
        ] {
            assert_eq!(grams(&mut cutter, pieces).buckets().len(), want, "{pieces:?}");
        }
    }

    #[test]
    fn a_cutter_keeps_nothing_of_the_last_text() {
        let mut cutter = Cutter::new(FEW_BITS);
        let first = grams(&mut cutter, &[(Kind::Body, "one text and no other")]);
        let _ = grams(&mut cutter, &[(Kind::Body, "text of another kind")]);
        assert_eq!(grams(&mut cutter, &[(Kind::Body, "one text and no other")]), first);
        assert!(first.buckets().iter().all(|bucket| *bucket < 1 << FEW_BITS));
        assert_eq!(format!("{first:?}"), "Grams(18)");
    }
}
