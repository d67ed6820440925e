//! Which characters the glyphs of an embedded TrueType or OpenType font stand for, by its own `cmap` table (OpenType specification 1.9, cmap).
//!
//! For fonts that come without a map to Unicode: shown text would otherwise be numbers of glyphs.

use crate::base::limits;
use std::collections::HashMap;

/// Characters by glyph; empty if the font does not say.
pub(super) fn letters(font: &[u8]) -> HashMap<u32, char> {
    let mut letters =
        Letters { by_glyph: HashMap::new(), steps_left: limits::PDF_CMAP_ENTRIES_MAX };
    if let Some(table) = table(font, b"cmap") {
        let count = short(table, 2).unwrap_or(0).min(SUBTABLES_MAX);
        for place in 0..count {
            let record = 4 + place * 8;
            let platform = short(table, record);
            let encoding = short(table, record + 2);
            let offset = long(table, record + 4).and_then(|offset| table.get(offset..));
            // Unicode, by Apple's or Microsoft's number.
            if let (Some(0), _) | (Some(3), Some(1 | 10)) = (platform, encoding) {
                letters.read(offset.unwrap_or_default());
            }
        }
    }
    letters.by_glyph
}

struct Letters {
    by_glyph: HashMap<u32, char>,
    steps_left: usize,
}

impl Letters {
    fn read(&mut self, table: &[u8]) {
        // Tables that end early give what they have.
        let _ = match short(table, 0) {
            Some(4) => self.segments(table),
            Some(6) => self.trimmed(table),
            Some(12) => self.groups(table),
            _ => None,
        };
    }

    /// Keeps one; None: enough.
    fn add(&mut self, letter: usize, glyph: usize) -> Option<()> {
        self.steps_left = self.steps_left.checked_sub(1)?;
        let letter = u32::try_from(letter).ok().and_then(char::from_u32);
        if let (Some(letter), Ok(glyph @ 1..)) = (letter, u32::try_from(glyph)) {
            self.by_glyph.entry(glyph).or_insert(letter);
        }
        Some(())
    }

    /// Format 4.
    fn segments(&mut self, table: &[u8]) -> Option<()> {
        let size = short(table, 6)? & !1;
        for at in (0..size).step_by(2) {
            let end = short(table, 14 + at)?;
            let start = short(table, 16 + size + at)?;
            let delta = short(table, 16 + size * 2 + at)?;
            let offset_at = 16 + size * 3 + at;
            let offset = short(table, offset_at)?;
            for letter in start..=end {
                let glyph = match offset {
                    0 => letter + delta,
                    _ => match short(table, offset_at + offset + (letter - start) * 2) {
                        Some(0) | None => 0,
                        Some(glyph) => glyph + delta,
                    },
                };
                self.add(letter, glyph & 0xffff)?;
            }
        }
        Some(())
    }

    /// Format 6.
    fn trimmed(&mut self, table: &[u8]) -> Option<()> {
        let first = short(table, 6)?;
        for place in 0..short(table, 8)? {
            self.add(first + place, short(table, 10 + place * 2)?)?;
        }
        Some(())
    }

    /// Format 12.
    fn groups(&mut self, table: &[u8]) -> Option<()> {
        for place in 0..long(table, 12)? {
            let record = 16 + place.checked_mul(12)?;
            let (start, end) = (long(table, record)?, long(table, record + 4)?);
            let glyph = long(table, record + 8)?;
            for letter in start..=end {
                self.add(letter, glyph + (letter - start))?;
            }
        }
        Some(())
    }
}

/// A table by its tag.
fn table<'a>(font: &'a [u8], tag: &[u8; 4]) -> Option<&'a [u8]> {
    let count = short(font, 4)?.min(TABLES_MAX);
    (0..count).find_map(|place| {
        let record = font.get(12 + place * 16..28 + place * 16)?;
        record.starts_with(tag).then(|| font.get(long(record, 8)?..)).flatten()
    })
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(pair.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    Some(short(bytes, at)? << 16 | short(bytes, at.checked_add(2)?)?)
}

/// Tables of a font; real ones have under thirty.
const TABLES_MAX: usize = 100;
/// Subtables of its cmap.
const SUBTABLES_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A font that is nothing but a cmap.
    fn font(subtable: &[u8]) -> Vec<u8> {
        let mut font = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        font.extend(b"cmap\0\0\0\0\0\0\0\x1c\0\0\0\xff");
        font.extend([0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12]);
        font.extend(subtable);
        font
    }

    #[test]
    fn glyphs_become_characters() {
        let four =
            [0, 4, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x43, 0, 0, 0, 0x41, 0xff, 0xc0, 0, 0];
        let six = [0, 6, 0, 0, 0, 0, 0, 0x41, 0, 2, 0, 1, 0, 2];
        let twelve = [
            0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x41, 0, 0, 0, 0x42, 0, 0, 0,
            1,
        ];
        for subtable in [&four[..], &six, &twelve] {
            let font = font(subtable);
            let letters = letters(&font);
            assert_eq!(
                (letters.get(&1), letters.get(&2)),
                (Some(&'A'), Some(&'B')),
                "{subtable:?}"
            );
            for end in 0..font.len() {
                super::letters(&font[..end]);
            }
        }
        assert!(letters(&font(&[0xff; 400])).is_empty());
    }
}
