//! What the bytes of a text are, 64 at a time and a bit for each: what a loop would ask byte by byte costs a few instructions for eight.

use super::fold::OTHER_LETTER;

/// So many bytes, one bit of a `u64` each, the lowest for the first.
pub(super) const PIECE_BYTES: usize = 64;

/// A piece of a text.
pub(super) struct Piece([u8; PIECE_BYTES]);

/// The pieces of a text and where they begin; the last is filled up with zeros.
pub(super) fn pieces(text: &[u8]) -> impl Iterator<Item = (usize, Piece)> {
    let (whole, rest) = text.as_chunks();
    let mut last = [0; PIECE_BYTES];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let last = (!rest.is_empty()).then_some(last);
    let pieces = whole.iter().copied().chain(last).map(Piece).enumerate();
    pieces.map(|(at, piece)| (at * PIECE_BYTES, piece))
}

impl Piece {
    /// ASCII letters.
    pub(super) fn letters(&self) -> u64 {
        self.gather(letters)
    }

    /// ASCII digits.
    pub(super) fn digits(&self) -> u64 {
        self.gather(|eight| between(eight, b'0', b'9'))
    }

    /// Letters and digits of a folded text, of any script.
    pub(super) fn word_bytes(&self) -> u64 {
        self.gather(|eight| {
            let other = eight ^ (EACH * u64::from(OTHER_LETTER));
            let is_other = !(((other & LOW) + LOW) | other) & HIGH;
            letters(eight) | between(eight, b'0', b'9') | is_other
        })
    }

    /// Brings together the highest bits that a test leaves in each byte.
    fn gather(&self, test: impl Fn(u64) -> u64) -> u64 {
        let (eights, _) = self.0.as_chunks::<8>();
        let bits = eights.iter().rev().map(|eight| test(u64::from_le_bytes(*eight)));
        bits.fold(0, |all, bits| all << 8 | (bits >> 7).wrapping_mul(GATHER) >> 56)
    }
}

/// The place of the lowest bit that is set.
pub(super) fn lowest(bits: u64) -> Option<usize> {
    (bits != 0).then(|| usize::try_from(bits.trailing_zeros()).unwrap_or_default())
}

fn letters(eight: u64) -> u64 {
    between(eight | (EACH * 0x20), b'a', b'z')
}

/// The highest bit of each byte that lies between two of ASCII.
fn between(eight: u64, first: u8, last: u8) -> u64 {
    let low = eight & LOW;
    let from = low + EACH * u64::from(0x80 - first);
    let beyond = low + EACH * u64::from(0x7f - last);
    from & !beyond & !eight & HIGH
}

/// One in each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = EACH * 0x80;
const LOW: u64 = EACH * 0x7f;
/// Brings the lowest bits of eight bytes into the highest byte, the first lowest.
const GATHER: u64 = 0x0102_0408_1020_4080;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::fold::is_word;

    #[test]
    fn each_byte_is_what_it_is_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in [0, 1, 7, 8, 31, 62, 63] {
                let mut bytes = *b"{z[A@`/9:0\x80\x81".repeat(6).first_chunk().unwrap();
                bytes[at] = byte;
                let want = |is: fn(&u8) -> bool| {
                    bytes.iter().rev().fold(0, |all, byte| all << 1 | u64::from(is(byte)))
                };
                let piece = Piece(bytes);
                assert_eq!(piece.letters(), want(u8::is_ascii_alphabetic), "{byte} {at}");
                assert_eq!(piece.digits(), want(u8::is_ascii_digit), "{byte} {at}");
                assert_eq!(piece.word_bytes(), want(|byte| is_word(*byte)), "{byte} {at}");
            }
        }
    }

    #[test]
    fn the_last_piece_is_filled_up() {
        let text = [b'a'; PIECE_BYTES + 3];
        let letters: Vec<_> = pieces(&text).map(|(at, piece)| (at, piece.letters())).collect();
        assert_eq!(letters, [(0, u64::MAX), (PIECE_BYTES, 0b111)]);
        assert_eq!(pieces(b"").count(), 0);
        assert_eq!((lowest(0), lowest(0b1100)), (None, Some(2)));
    }
}
