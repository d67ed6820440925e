//! Other ways to write bytes as letters: hex digits, escapes of program texts, percent signs, Ascii85; and the look of quoted-printable.

use crate::formats::mime::transfer::quoted::{escape, hex as hex_value};

/// Is a run nothing but hex digits and line ends?
pub(super) fn is_hex(run: &[u8]) -> bool {
    run.iter().all(|byte| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace())
}

/// Hex digits to bytes; what is no digit is passed over.
pub(super) fn hex(run: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(run.len() / 2);
    let mut high = None;
    for value in run.iter().filter_map(|byte| hex_value(*byte)) {
        high = match high {
            None => Some(value),
            Some(high) => {
                bytes.push((high << 4) | value);
                None
            }
        };
    }
    bytes
}

/// Bytes written as `\x4d\x5a`, `0x4d, 0x5a`, `&#x4d;&#x5a;`, `\u004d`, at least [`ESCAPES_MIN`] in a row.
pub(super) fn escapes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for mark in [&b"\\x"[..], b"0x", b"&#x", b"\\u00", b"%u00"] {
        let mut row: Vec<u8> = Vec::new();
        let mut end = 0;
        for at in memchr::memmem::find_iter(bytes, mark) {
            let Some(after) = bytes.get(at + mark.len()..) else { break };
            let Some((byte, _)) = escape(after) else { continue };
            let between = bytes.get(end..at).unwrap_or_default();
            let follows = between.len() <= BETWEEN_BYTES_MAX
                && between.iter().all(|byte| b",;\"'+& \t\r\n(){}[]_".contains(byte));
            if !follows {
                finish(&mut row, &mut found);
            }
            row.push(byte);
            end = at + mark.len() + 2;
        }
        finish(&mut row, &mut found);
    }
    found
}

fn finish(row: &mut Vec<u8>, found: &mut Vec<Vec<u8>>) {
    let row = std::mem::take(row);
    if row.len() >= ESCAPES_MIN && found.len() < FOUND_MAX {
        found.push(row);
    }
}

/// Words with many percent signs that stand for bytes.
pub(super) fn percent(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memchr(b'%', rest)) {
        let start = from + at;
        let rest = bytes.get(start..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || b"\"'<>".contains(byte))
            .unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let escapes = memchr::memchr_iter(b'%', word)
            .filter(|at| word.get(at + 1..).is_some_and(|after| escape(after).is_some()));
        if escapes.take(ESCAPES_MIN).count() >= ESCAPES_MIN && found.len() < FOUND_MAX {
            found.push(crate::formats::mime::parameters::percent(word));
        }
        from = start + end.max(1);
    }
    found
}

/// Is this quoted-printable that nobody declared? By soft line breaks and by escapes that follow each other.
pub(super) fn looks_quoted(bytes: &[u8]) -> bool {
    let mut signs = 0;
    let mut last = usize::MAX;
    for at in memchr::memchr_iter(b'=', bytes) {
        let Some(after) = bytes.get(at + 1..) else { break };
        let points = match after {
            [b'\n', ..] | [b'\r', b'\n', ..] => 2,
            [b'3', b'D' | b'd', ..] => 2,
            _ if escape(after).is_some() => u8::from(at.wrapping_sub(last) == 3) * 2,
            _ => continue,
        };
        last = at;
        signs += points;
        if signs >= QUOTED_SCORE_MIN {
            return true;
        }
    }
    false
}

/// Ascii85 between `<~` and `~>`, as Adobe writes it.
pub(super) fn ascii85(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memmem::find(rest, b"<~")) {
        let start = from + at + 2;
        let rest = bytes.get(start..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|byte| !matches!(byte, b'!'..=b'u' | b'z') && !byte.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        if word.len() >= ASCII85_LETTERS_MIN && found.len() < FOUND_MAX {
            found.push(from_ascii85(word));
        }
        from = start + end;
    }
    found
}

fn from_ascii85(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let (mut bits, mut letters) = (0_u32, 0_usize);
    for letter in word {
        match letter {
            b'z' if letters == 0 => bytes.extend([0; 4]),
            b'!'..=b'u' => {
                bits = bits.wrapping_mul(85).wrapping_add(u32::from(letter - b'!'));
                letters += 1;
            }
            _ => continue,
        }
        if letters == 5 {
            bytes.extend(bits.to_be_bytes());
            (bits, letters) = (0, 0);
        }
    }
    if letters > 1 {
        for _ in letters..5 {
            bits = bits.wrapping_mul(85).wrapping_add(84);
        }
        bytes.extend(bits.to_be_bytes().iter().take(letters - 1));
    }
    bytes
}

/// Fewest escapes in a row, or in a word, that are worth decoding.
const ESCAPES_MIN: usize = 8;
/// What may stand between two escapes of a row.
const BETWEEN_BYTES_MAX: usize = 24;
/// Pieces of one kind in one text.
const FOUND_MAX: usize = 512;
/// Two soft breaks, or two of the pairs that links do not have.
const QUOTED_SCORE_MIN: u8 = 4;
/// Fewest letters of Ascii85 worth decoding.
const ASCII85_LETTERS_MIN: usize = 15;
