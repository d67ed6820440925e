//! Many words looked for at once, in one walk over the bytes of a text.
//!
//! A word of a text begins with a letter that has none before it. Its first characters tell that it is none of those that are looked for, nearly always:
//! the walk finds where words begin, 64 bytes at a time, and asks a table of bits. What passes is compared whole. ASCII letters are alike in either case;
//! all other bytes are what they are.

use super::bits;
use std::{collections::BTreeMap, ops::Range};

/// The words, ready to be looked for.
pub(super) struct Lexicon {
    /// By three characters: does one begin so? With it, how many do of those before its 64.
    begins: Box<[(u64, u16); KEYS / 64]>,
    /// Of the three characters that one begins with, in their order: a bit for each fourth that goes on from them, and where their entries end; they
    /// begin where those of the three before end.
    begun: Vec<(u32, u32)>,
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    /// What is looked for.
    text: String,
    /// Bytes of it before the letter by which it is found.
    before: usize,
    id: usize,
}

impl Lexicon {
    /// Of words that hold a letter each, which are told of by their place in this order.
    pub(super) fn of<'w>(words: impl Iterator<Item = &'w str>) -> Lexicon {
        Lexicon::found_by(words.map(|text| (text, begins(text).next().unwrap_or_default())))
    }

    /// The same of words that may stand within others: each is found by the last part of it, "api key" by "key".
    pub(super) fn of_last_parts<'w>(words: impl Iterator<Item = &'w str>) -> Lexicon {
        Lexicon::found_by(words.map(|text| (text, begins(text).last().unwrap_or_default())))
    }

    fn found_by<'w>(words: impl Iterator<Item = (&'w str, usize)>) -> Lexicon {
        let mut begins = Box::new([(0_u64, 0_u16); KEYS / 64]);
        let mut fourths: BTreeMap<usize, u32> = BTreeMap::new();
        let mut keyed: Vec<(usize, Entry)> = Vec::new();
        for (id, (text, before)) in words.enumerate() {
            let word = text.as_bytes().get(before..).unwrap_or_default();
            let fourth = word.get(3).copied();
            for key in keys(word) {
                if let Some((bits, _)) = begins.get_mut(key / 64) {
                    *bits |= 1 << (key % 64);
                }
                *fourths.entry(key).or_default() |= fourth.map_or(u32::MAX, fourth_bit);
                keyed.push((key, Entry { text: text.to_string(), before, id }));
            }
        }
        keyed.sort_by_key(|(key, entry)| (*key, entry.text.len(), entry.id));
        let end = |key: usize| keyed.partition_point(|(of, _)| *of <= key);
        let of = |(key, bits): (usize, u32)| (bits, u32::try_from(end(key)).unwrap_or(u32::MAX));
        let begun = fourths.into_iter().map(of).collect();
        let mut before = 0;
        for (bits, rank) in begins.iter_mut() {
            *rank = before;
            before += u16::try_from(bits.count_ones()).unwrap_or_default();
        }
        let entries = keyed.into_iter().map(|(_, entry)| entry).collect();
        Lexicon { begins, begun, entries }
    }

    /// Tells the number and the place of every one in a text. Whether it is whole there is for the reader to see.
    ///
    /// Where several begin with the same letter, the shorter are told of first, then those with the lower number.
    pub(super) fn find(&self, text: &[u8], mut tell: impl FnMut(usize, Range<usize>)) {
        let mut letter_before = 0;
        for (at, piece) in bits::pieces(text) {
            let letters = piece.letters();
            // A bit for each letter with none in the byte before.
            let mut starts = letters & !(letters << 1 | letter_before);
            letter_before = letters >> (bits::PIECE_BYTES - 1);
            while let Some(byte) = bits::lowest(starts) {
                starts &= starts - 1;
                self.compare(text, at + byte, &mut tell);
            }
        }
    }

    /// The words that begin in this place, with their first letter.
    fn compare(&self, text: &[u8], at: usize, tell: &mut impl FnMut(usize, Range<usize>)) {
        let here = text.get(at..).unwrap_or_default();
        let key = match here {
            [first, second, third, ..] => key(*first, *second, *third),
            [first, second] => key(*first, *second, 0),
            [first] => key(*first, 0, 0),
            [] => return,
        };
        let Some((bits, before)) = self.begins.get(key / 64) else { return };
        let bit = 1 << (key % 64);
        if bits & bit == 0 {
            return;
        }
        let rank = usize::from(*before) + set(bits & (bit - 1));
        let Some((fourths, end)) = self.begun.get(rank) else { return };
        if fourths & here.get(3).copied().map_or(u32::MAX, fourth_bit) == 0 {
            return;
        }
        for entry in self.entries(rank, *end) {
            let Some(start) = at.checked_sub(entry.before) else { continue };
            let place = start..start + entry.text.len();
            let there = text.get(place.clone());
            if there.is_some_and(|there| there.eq_ignore_ascii_case(entry.text.as_bytes())) {
                tell(entry.id, place);
            }
        }
    }

    fn entries(&self, rank: usize, end: u32) -> &[Entry] {
        let first = rank.checked_sub(1).and_then(|before| self.begun.get(before));
        let first = first.map_or(0, |(_, end)| *end);
        let place = |at: u32| usize::try_from(at).unwrap_or_default();
        self.entries.get(place(first)..place(end)).unwrap_or_default()
    }
}

/// How many bits are set.
fn set(bits: u64) -> usize {
    usize::try_from(bits.count_ones()).unwrap_or_default()
}

/// Where letters stand in a word that have none before.
fn begins(text: &str) -> impl Iterator<Item = usize> {
    let before = [None].into_iter().chain(text.bytes().map(Some));
    let is_letter = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic());
    let pairs = before.zip(text.bytes()).enumerate();
    pairs
        .filter(move |(_, (before, byte))| is_letter(Some(*byte)) && !is_letter(*before))
        .map(|(at, _)| at)
}

/// Five bits of each: letters are told apart, in either case; some are like other bytes, which costs a comparison.
fn key(first: u8, second: u8, third: u8) -> usize {
    let of = |byte: u8| usize::from(byte % FIVE_BITS);
    (of(first) << 10) | (of(second) << 5) | of(third)
}

fn fourth_bit(byte: u8) -> u32 {
    1 << (byte % FIVE_BITS)
}

/// The keys that a word may have: one, or one for each third character where it has but two.
fn keys(word: &[u8]) -> Vec<usize> {
    match word {
        [first, second, third, ..] => vec![key(*first, *second, *third)],
        [first, second] => (0..FIVE_BITS).map(|third| key(*first, *second, third)).collect(),
        [first] => {
            let all =
                (0..FIVE_BITS).flat_map(|second| (0..FIVE_BITS).map(move |third| (second, third)));
            all.map(|(second, third)| key(*first, second, third)).collect()
        }
        [] => Vec::new(),
    }
}

const FIVE_BITS: u8 = 32;
/// As many keys as there are.
const KEYS: usize = 32 * 32 * 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let words = ["order", "or", "s/n", "och order", "://x", "lösen", "2fa"];
        let lexicon = Lexicon::of(words.into_iter());
        let mut told = Vec::new();
        lexicon.find(text.as_bytes(), |id, place| told.push(format!("{id} {}", &text[place])));
        told
    }

    #[test]
    fn words_begin_where_no_letter_is_before() {
        for (text, want) in [
            ("order", &["1 or", "0 order"][..]),
            ("ORDERS och Order", &["1 OR", "0 ORDER", "3 och Order", "1 Or", "0 Order"]),
            ("reorder for", &[]),
            ("7or 7order", &["1 or", "1 or", "0 order"]),
            ("x or", &["1 or"]),
            ("s/n S:N", &["2 s/n"]),
            ("a://x http://X", &["4 ://x", "4 ://X"]),
            ("2FA fa", &["6 2FA"]),
            ("Lösen lŭsen LÖSEN", &["5 Lösen"]),
            ("", &[]),
            ("o", &[]),
        ] {
            assert_eq!(told(text), want, "{text}");
        }
    }

    #[test]
    fn by_its_last_part_a_word_is_found_within_another() {
        let lexicon = Lexicon::of_last_parts(["api key", "---BEGIN "].into_iter());
        let mut told = Vec::new();
        let text = "MyAPI Key, api keys, monkey, ----BEGIN x";
        lexicon.find(text.as_bytes(), |id, place| told.push((id, &text[place])));
        assert_eq!(told, [(0, "API Key"), (0, "api key"), (1, "---BEGIN ")]);
    }

    #[test]
    fn no_place_is_passed_over() {
        for before in 0..20 {
            for after in 0..20 {
                let text = format!("{}order{}", "é".repeat(before), " ".repeat(after));
                assert_eq!(told(&text), ["1 or", "0 order"], "{text}");
            }
        }
    }
}
