//! Files packed by Microsoft's COMPRESS.EXE, as `SETUP.EX_`: SZDD, and KWAJ where it does nothing, turns bits or packs the same way.
//! Windows still has EXPAND.EXE. The forms were never published by Microsoft; they are told by libmspack's documentation.
//!
//! The other two methods of KWAJ (a Huffman code of its own, and MSZIP) are recognised and not opened.

use crate::formats::{
    budget::{Budget, Stopped},
    opened::{Member, Opened, Role},
};

const SZDD: &[u8] = b"SZDD\x88\xf0\x27\x33";
const KWAJ: &[u8] = b"KWAJ\x88\xf0\x27\xd1";

/// Is it such a file?
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(SZDD) || bytes.starts_with(KWAJ)
}

/// The file inside.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let unpacked = match bytes.starts_with(SZDD) {
        // Behind the magic: the mode, the last letter of the name, the size.
        true => Ok(letters(bytes.get(14..).unwrap_or_default(), budget)),
        false => kwaj(bytes, budget),
    };
    match unpacked {
        Ok(unpacked) => {
            let mut opened = Opened::default();
            if let Err(limit) = budget.take_bytes(unpacked.len()) {
                return Opened::stopped(Stopped::Limit(limit));
            }
            opened.push(Member::new(Some("(expanded)".to_string()), unpacked, Role::File));
            opened
        }
        Err(stopped) => Opened::stopped(stopped),
    }
}

fn kwaj(bytes: &[u8], budget: &Budget) -> Result<Vec<u8>, Stopped> {
    let short = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let broken = || Stopped::Damaged("the head of a packed file breaks off".to_string());
    let (method, from) = (short(8).ok_or_else(broken)?, short(10).ok_or_else(broken)?);
    let packed = bytes.get(usize::from(from)..).ok_or_else(broken)?;
    match method {
        0 => Ok(packed.to_vec()),
        1 => Ok(packed.iter().map(|byte| !byte).collect()),
        2 => Ok(letters(packed, budget)),
        other => Err(Stopped::Unsupported(format!("KWAJ method {other}"))),
    }
}

/// LZSS over a window of 4,096 bytes that begins full of blanks: a byte of signs, then eight letters or references.
fn letters(packed: &[u8], budget: &Budget) -> Vec<u8> {
    let most = usize::try_from(budget.part_bytes_left()).unwrap_or(usize::MAX);
    let mut window = [b' '; WINDOW];
    let mut at = WINDOW - 16;
    let mut out = Vec::new();
    let mut rest = packed;
    while let Some((signs, after)) = rest.split_first() {
        rest = after;
        for sign in 0..8 {
            let (from, count) = match (signs >> sign & 1, rest) {
                (1, [letter, after @ ..]) => {
                    rest = after;
                    put(*letter, &mut window, &mut at, &mut out);
                    continue;
                }
                (0, [low, high, after @ ..]) => {
                    rest = after;
                    let from = usize::from(*low) | (usize::from(high & 0xf0) << 4);
                    (from, usize::from(high & 0x0f) + 3)
                }
                (_, _) => return out,
            };
            for step in 0..count {
                let letter = window.get((from + step) % WINDOW).copied().unwrap_or(b' ');
                put(letter, &mut window, &mut at, &mut out);
            }
            if out.len() >= most {
                return out;
            }
        }
    }
    out
}

fn put(letter: u8, window: &mut [u8; WINDOW], at: &mut usize, out: &mut Vec<u8>) {
    if let Some(place) = window.get_mut(*at % WINDOW) {
        *place = letter;
    }
    *at += 1;
    out.push(letter);
}

const WINDOW: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};

    #[test]
    fn packed_files() {
        // "abcabcabc": three letters, then six from where they were put.
        let packed = [&b"\x07abc"[..], &[0xf0, 0xf3]].concat();
        let szdd = [SZDD, b"A_\0\0\0\0", &packed].concat();
        let kwaj = |method: u16, packed: &[u8]| {
            [KWAJ, &method.to_le_bytes(), &14_u16.to_le_bytes(), &[0, 0], packed].concat()
        };
        let turned: Vec<u8> = b"abcabcabc".iter().map(|byte| !byte).collect();
        for file in [szdd.clone(), kwaj(0, b"abcabcabc"), kwaj(1, &turned), kwaj(2, &packed)] {
            assert!(is_packed(&file));
            let opened = open(&file, &mut budget());
            assert_eq!(texts(&opened), [("(expanded)".to_string(), "abcabcabc".to_string())]);
        }
        assert!(open(&kwaj(3, b""), &mut budget()).stopped.is_some());
        torture(&szdd, |bytes| drop(open(bytes, &mut budget())));
        torture(&kwaj(2, &packed), |bytes| drop(open(bytes, &mut budget())));
    }
}
