//! Typography undone, with the way back: what looks like a hyphen is one, what cannot be seen is gone.
//!
//! Only the stretches of a text that hold digits are folded, with some room around them for label words. The folded
//! text is ASCII bytes, so that readers compare bytes: letters without their marks (`ä` is `a`), fullwidth and
//! mathematical digits as digits, every dash as `-`, every space as a space. Letters of other scripts become
//! [`OTHER_LETTER`], so that a digit in the middle of a foreign word is still in the middle of a word.

use std::ops::Range;

/// A letter that is not Latin.
pub(super) const OTHER_LETTER: u8 = 0x80;
/// Any other character that is not ASCII.
const OTHER_SIGN: u8 = 0x81;

/// Is it a letter or a digit, of any script?
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == OTHER_LETTER
}

/// The stretches of a text that hold digits, in order, not touching, with room for context, on character borders.
pub(super) fn stretches(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut chunks = text.as_bytes().chunks(CHUNK_BYTES).enumerate();
    std::iter::from_fn(move || {
        let (first, _) = chunks.find(|(_, chunk)| may_hold_digit(chunk))?;
        let mut last = first;
        for (at, chunk) in chunks.by_ref() {
            if may_hold_digit(chunk) {
                last = at;
            } else if at - last > GAP_CHUNKS {
                break;
            }
        }
        let start = (first * CHUNK_BYTES).saturating_sub(ROOM_BEFORE_BYTES);
        let end = ((last + 1) * CHUNK_BYTES + ROOM_AFTER_BYTES).min(text.len());
        Some(text.ceil_char_boundary(start)..text.floor_char_boundary(end))
    })
}

/// One stretch, folded.
pub(super) struct Folded {
    text: Vec<u8>,
    /// Where the way back changes: from this folded offset on, counted from that original offset.
    steps: Vec<(usize, usize)>,
}

impl Folded {
    /// The folded bytes.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Folds a stretch of a text; gives an empty one if the range is not on character borders.
    pub(super) fn of(text: &str, stretch: Range<usize>) -> Folded {
        let mut folded = Folded { text: Vec::with_capacity(stretch.len()), steps: Vec::new() };
        let mut at = stretch.start;
        folded.steps.push((0, at));
        let mut rest = text.get(stretch).unwrap_or_default();
        loop {
            let plain = ascii_bytes(rest.as_bytes());
            let (ascii, after) = rest.split_at(plain);
            folded.text.extend_from_slice(ascii.as_bytes());
            at += plain;
            let Some(letter) = after.chars().next() else { break };
            folded.push(letter, at);
            at += letter.len_utf8();
            folded.steps.push((folded.text.len(), at));
            rest = after.get(letter.len_utf8()..).unwrap_or_default();
        }
        folded
    }

    /// The bytes of the original text that a range of folded bytes came from.
    pub(super) fn original(&self, folded: Range<usize>, text: &str) -> Range<usize> {
        let start = self.way_back(folded.start);
        let last = self.way_back(folded.end.saturating_sub(1));
        let end = text.get(last..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        start..last + end
    }

    fn way_back(&self, folded: usize) -> usize {
        let after = self.steps.partition_point(|(from, _)| *from <= folded);
        let step = after.checked_sub(1).and_then(|at| self.steps.get(at));
        step.map_or(folded, |(from, original)| original + (folded - from))
    }

    fn push(&mut self, letter: char, at: usize) {
        match plain(letter) {
            Plain::Gone => (),
            Plain::One(byte) => self.text.push(byte),
            Plain::Two([first, second]) => {
                self.text.push(first);
                // Both bytes go back to the one letter.
                self.steps.push((self.text.len(), at));
                self.text.push(second);
            }
        }
    }
}

/// How many bytes are ASCII before one that is not; pieces that are as a whole are passed over as one.
fn ascii_bytes(text: &[u8]) -> usize {
    let (pieces, _) = text.as_chunks::<32>();
    let is_plain = |piece: &&[u8; 32]| piece.iter().fold(0, |all, byte| all | byte) < 0x80;
    let passed = 32 * pieces.iter().take_while(is_plain).count();
    let rest = text.get(passed..).unwrap_or_default();
    passed + rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len())
}

/// A text folded for comparison with a folded stretch: label words pass through here when they are loaded.
pub(super) fn folded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match plain(letter) {
            Plain::Gone => (),
            Plain::One(byte) => bytes.push(byte),
            Plain::Two(both) => bytes.extend(both),
        }
    }
    bytes.make_ascii_lowercase();
    bytes.into_iter().map(char::from).collect()
}

/// What is left of a character.
enum Plain {
    Gone,
    One(u8),
    Two([u8; 2]),
}

fn plain(letter: char) -> Plain {
    if let Ok(byte @ 0..=0x7f) = u8::try_from(letter) {
        return Plain::One(byte);
    }
    match letter {
        // The Nordic letters first: they are nearly all there is.
        'å' | 'ä' | 'à' | 'á' => Plain::One(b'a'),
        'ö' | 'ø' | 'ó' => Plain::One(b'o'),
        'Å' | 'Ä' => Plain::One(b'A'),
        'Ö' | 'Ø' => Plain::One(b'O'),
        'æ' => Plain::Two(*b"ae"),
        'Æ' => Plain::Two(*b"AE"),
        'ß' => Plain::Two(*b"ss"),
        'þ' => Plain::Two(*b"th"),
        'ð' | 'đ' => Plain::One(b'd'),
        'Ð' | 'Đ' => Plain::One(b'D'),
        'ł' => Plain::One(b'l'),
        'Ł' => Plain::One(b'L'),
        // Dashes: hyphens and dashes of general punctuation, minus, bullet, small, fullwidth, modifier minus.
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{2043}'
        | '\u{02d7}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}' => Plain::One(b'-'),
        '\u{fe62}' | '\u{ff0b}' => Plain::One(b'+'),
        // Spaces that do not break, and thin ones.
        '\u{00a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Plain::One(b' '),
        '\u{2028}' | '\u{2029}' | '\u{0085}' => Plain::One(b'\n'),
        // What cannot be seen: soft hyphen, joiners, zero-width, direction marks, variation selectors,
        // the byte order mark; and marks that stand on the letter before.
        '\u{00ad}'
        | '\u{034f}'
        | '\u{061c}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{0300}'..='\u{033f}'
        | '\u{20d0}'..='\u{20e3}' => Plain::Gone,
        // Fullwidth forms stand 0xfee0 above their ASCII twins.
        '\u{ff01}'..='\u{ff5e}' => ascii(u32::from(letter) - 0xfee0),
        // Five styles of mathematical digits, ten each.
        '\u{1d7ce}'..='\u{1d7ff}' => ascii(u32::from(b'0') + (u32::from(letter) - 0x1d7ce) % 10),
        other if other.is_alphabetic() => without_marks(other),
        other if other.is_alphanumeric() => Plain::One(OTHER_LETTER),
        _ => Plain::One(OTHER_SIGN),
    }
}

fn ascii(code: u32) -> Plain {
    u8::try_from(code).map_or(Plain::One(OTHER_SIGN), Plain::One)
}

fn without_marks(letter: char) -> Plain {
    let mut base = None;
    unicode_normalization::char::decompose_canonical(letter, |part| {
        base = base.or(Some(part));
    });
    match base {
        Some(base) if base.is_ascii() => u8::try_from(base).map_or(Plain::Gone, Plain::One),
        Some(_) | None => Plain::One(OTHER_LETTER),
    }
}

/// Without branches, so that the compiler may look at many bytes at once. Fullwidth digits begin with 0xef,
/// mathematical ones with 0xf0; a false alarm costs only time.
fn may_hold_digit(chunk: &[u8]) -> bool {
    chunk.iter().fold(false, |seen, byte| seen | byte.is_ascii_digit() | (*byte >= 0xef))
}

/// Looked at in one go: one cache line.
const CHUNK_BYTES: usize = 64;
/// Chunks without digits that still join two stretches: less than the rooms of both would overlap.
const GAP_CHUNKS: usize = 6;
/// Room before the first digit: twice the reach of a label, for letters that take two bytes.
const ROOM_BEFORE_BYTES: usize = 192;
/// Room after the last digit, for a label in brackets.
const ROOM_AFTER_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(text: &str) -> (String, Folded) {
        let stretch = Folded::of(text, 0..text.len());
        let shown = stretch.text.iter().copied().map(char::from).collect();
        (shown, stretch)
    }

    #[test]
    fn typography_is_undone() {
        for (text, want) in [
            ("850709\u{2011}9805", "850709-9805"),
            ("850709\u{2013}9805", "850709-9805"),
            ("850709\u{2212}9805", "850709-9805"),
            ("850709\u{ff0d}9805", "850709-9805"),
            ("850709\u{200b}-\u{2060}9805", "850709-9805"),
            ("8507\u{ad}09-98\u{feff}05", "850709-9805"),
            ("850709\u{a0}9805\u{202f}", "850709 9805 "),
            ("８５０７０９－９８０５", "850709-9805"),
            ("\u{1d7d6}\u{1d7e7}", "85"),
            ("Född på ø, Æ, é, ž", "Fodd pa o, AE, e, z"),
            ("fo\u{308}dd", "fodd"),
            ("номер\u{20ac}", "\u{80}\u{80}\u{80}\u{80}\u{80}\u{81}"),
        ] {
            assert_eq!(fold(text).0, want, "{text:?}");
        }
    }

    #[test]
    fn every_folded_place_has_its_way_back() {
        let text = "a\u{200b}å８\u{2011}Æz9";
        let (shown, stretch) = fold(text);
        assert_eq!(shown, "aa8-AEz9");
        let place = |range| &text[stretch.original(range, text)];
        assert_eq!(place(0..1), "a");
        assert_eq!(place(1..2), "å");
        assert_eq!(place(2..4), "８\u{2011}");
        assert_eq!(place(4..5), "Æ");
        assert_eq!(place(4..6), "Æ");
        assert_eq!(place(6..8), "z9");
    }

    #[test]
    fn stretches_hold_every_digit_and_nothing_else_far_away() {
        let prose = "å ingen siffra här ".repeat(100);
        let text = format!("{prose}850709-9805{prose}1 2{prose}");
        let stretches: Vec<Range<usize>> = stretches(&text).collect();
        assert_eq!(stretches.len(), 2);
        assert!(text[stretches[0].clone()].contains("850709-9805"));
        assert!(text[stretches[1].clone()].contains("1 2"));
        assert!(stretches.iter().all(|stretch| stretch.len() < 600));
        assert!(stretches[0].end <= stretches[1].start);
        assert_eq!(super::stretches("").count() + super::stretches(&prose).count(), 0);
    }
}
