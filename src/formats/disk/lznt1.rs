//! LZNT1 (MS-XCA section 2.5), the compression of NTFS: pieces of 4 KiB, each packed or not.

use crate::formats::numbers::{byte, le16, part};

/// Unpacks at most `count` bytes; what a fault leaves out is not there.
pub(super) fn unpack(packed: &[u8], count: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(head) = le16(packed, at).filter(|head| *head != 0 && out.len() < count) {
        let piece = part(packed, at + 2, usize::from(head & 0xfff) + 1);
        at += 2 + piece.len();
        let whole = match head & 0x8000 {
            0 => {
                out.extend_from_slice(piece);
                true
            }
            _ => unpack_piece(piece, &mut out).is_some(),
        };
        if !whole || piece.is_empty() {
            break;
        }
    }
    out.truncate(count);
    out
}

/// A byte of flags, then eight letters or pairs of distance and length, whose bits are shared out by how far the piece has come.
fn unpack_piece(piece: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let mut at = 0;
    while let Some(flags) = byte(piece, at) {
        at += 1;
        for bit in 0..8 {
            let Some(next) = byte(piece, at) else { return Some(()) };
            if flags >> bit & 1 == 0 {
                out.push(next);
                at += 1;
                continue;
            }
            let pair = usize::from(le16(piece, at)?);
            at += 2;
            let come = out.len() - start;
            let length_bits = (4..=12).rev().find(|bits| come <= 1 << (16 - bits)).unwrap_or(4);
            let length = (pair & ((1 << length_bits) - 1)) + 3;
            let back = (pair >> length_bits) + 1;
            for _ in 0..length {
                if out.len() - start >= PIECE_BYTES {
                    return None;
                }
                let from = out.len().checked_sub(back).filter(|from| *from >= start)?;
                out.push(*out.get(from)?);
            }
        }
    }
    Some(())
}

const PIECE_BYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_packed_and_not() {
        // A piece as it is, then one of three letters and a pair that repeats them twice.
        let packed =
            [&[0x02, 0x00][..], b"abc", &[0x05, 0xb0, 0x08], b"abc", &[0x03, 0x20]].concat();
        assert_eq!(unpack(&packed, 100), b"abcabcabcabc");
        assert_eq!(unpack(&packed, 5), b"abcab");
        for end in 0..packed.len() {
            drop(unpack(&packed[..end], 100));
        }
    }
}
