//! CMaps, ISO 32000-1 sections 9.7.5 and 9.10.3: how long the codes of a string are, and which characters they stand for.

use crate::{
    base::limits,
    formats::pdf::{
        lexer::{Lexer, Next},
        object::Object,
    },
};
use encoding_rs::UTF_16BE;
use std::collections::HashMap;

/// What a CMap says.
#[derive(Debug, Default)]
pub(super) struct CMap {
    /// Bytes of a code, its lowest and highest value.
    spaces: Vec<(usize, u32, u32)>,
    letters: HashMap<u32, Box<str>>,
}

impl CMap {
    /// Reads one, as far as it can be read.
    pub(super) fn read(bytes: &[u8]) -> CMap {
        let mut cmap = CMap::default();
        let mut values: Vec<Object> = Vec::new();
        let mut lexer = Lexer::new(bytes, 0, VALUES_MAX);
        while let Some(next) = lexer.next() {
            match next {
                Next::Value(value) => values.push(value),
                Next::Word(word) => {
                    match word {
                        b"endcodespacerange" => cmap.add_spaces(&values),
                        b"endbfchar" => cmap.add_letters(&values),
                        b"endbfrange" => cmap.add_ranges(&values),
                        _ => (),
                    }
                    values.clear();
                }
            }
        }
        cmap
    }

    /// Does it name no characters?
    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Does it say how long codes are?
    pub(super) fn has_spaces(&self) -> bool {
        !self.spaces.is_empty()
    }

    /// The characters of a code.
    pub(super) fn letters(&self, code: u32) -> Option<&str> {
        self.letters.get(&code).map(|letters| &**letters)
    }

    /// How many bytes the next code has.
    pub(super) fn code_bytes(&self, text: &[u8]) -> usize {
        let fits = |length: usize| {
            let code = text.get(..length).map(code);
            code.is_some_and(|code| {
                self.spaces
                    .iter()
                    .take(SPACES_MAX)
                    .any(|(bytes, low, high)| *bytes == length && (*low..=*high).contains(&code))
            })
        };
        (1..=4)
            .find(|length| fits(*length))
            .or_else(|| self.spaces.iter().map(|(bytes, _, _)| *bytes).min())
            .unwrap_or(2)
            .clamp(1, 4)
    }

    fn add_spaces(&mut self, values: &[Object]) {
        for pair in values.chunks_exact(2) {
            let [Object::Text(low), Object::Text(high)] = pair else { continue };
            if self.spaces.len() < SPACES_MAX {
                self.spaces.push((low.len(), code(low), code(high)));
            }
        }
    }

    fn add_letters(&mut self, values: &[Object]) {
        for pair in values.chunks_exact(2) {
            if let [Object::Text(from), Object::Text(letters)] = pair {
                self.add(code(from), letters, 0);
            }
        }
    }

    fn add_ranges(&mut self, values: &[Object]) {
        for triple in values.chunks_exact(3) {
            let [Object::Text(low), Object::Text(high), to] = triple else { continue };
            for (step, from) in (code(low)..=code(high)).enumerate() {
                if self.letters.len() >= limits::PDF_CMAP_ENTRIES_MAX || step > 0xffff {
                    return;
                }
                match to {
                    Object::Text(first) => self.add(from, first, step),
                    Object::Array(items) => match items.get(step) {
                        Some(Object::Text(letters)) => self.add(from, letters, 0),
                        Some(_) => (),
                        None => break,
                    },
                    _ => break,
                }
            }
        }
    }

    fn add(&mut self, from: u32, letters: &[u8], step: usize) {
        if self.letters.len() >= limits::PDF_CMAP_ENTRIES_MAX || letters.len() > LETTERS_BYTES_MAX {
            return;
        }
        let mut letters = letters.to_vec();
        if letters.len() == 1 {
            letters.insert(0, 0);
        }
        if let [.., high, low] = letters.as_mut_slice() {
            let unit = usize::from(u16::from_be_bytes([*high, *low])) + step;
            let unit = u16::try_from(unit & 0xffff).unwrap_or_default();
            [*high, *low] = unit.to_be_bytes();
        }
        let text = UTF_16BE.decode_without_bom_handling(&letters).0;
        self.letters.insert(from, text.into());
    }
}

/// A code as a number; at most its last four bytes.
pub(super) fn code(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |code: u32, byte| code.wrapping_shl(8) | u32::from(*byte))
}

const SPACES_MAX: usize = 64;
const VALUES_MAX: usize = 300_000;
/// Bytes of what one code stands for; ligatures have a few letters.
const LETTERS_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_characters() {
        let cmap = CMap::read(
            b"/X begincmap 2 begincodespacerange <00> <7f> <8000> <ffff> endcodespacerange \
            2 beginbfchar <41> <0048> <8001> <00660069> endbfchar \
            3 beginbfrange <42> <44> <0061> <50> <51> [<0078> <0079>] <00> <ffffffff> 5 endbfrange",
        );
        assert_eq!(cmap.letters(0x41), Some("H"));
        assert_eq!(cmap.letters(0x8001), Some("fi"));
        assert_eq!(cmap.letters(0x44), Some("c"));
        assert_eq!(cmap.letters(0x51), Some("y"));
        assert_eq!(cmap.code_bytes(b"\x41\x41"), 1);
        assert_eq!(cmap.code_bytes(b"\x80\x41"), 2);
    }

    #[test]
    fn a_range_over_everything_is_bounded() {
        let cmap = CMap::read(b"1 beginbfrange <00000000> <ffffffff> <0000> endbfrange");
        assert!(cmap.letters.len() <= limits::PDF_CMAP_ENTRIES_MAX);
    }
}
