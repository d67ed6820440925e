//! The values of a PDF, ISO 32000-1 section 7.3, and the text that strings stand for (section 7.9.2).

use encoding_rs::{UTF_16BE, UTF_16LE};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    /// Nothing, or a word that means nothing here.
    Null,
    /// true or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A name without its slash, escapes undone.
    Name(Vec<u8>),
    /// A string of bytes.
    Text(Vec<u8>),
    /// An array.
    Array(Vec<Object>),
    /// A dictionary.
    Dict(Dict),
    /// A reference to the object of this number; the generation is not needed to find it.
    Reference(u32),
}

/// A dictionary in the order written; a key that stands twice is kept twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Dict {
    /// Keys and values.
    pub(super) entries: Vec<(Vec<u8>, Object)>,
}

impl Dict {
    /// The value of a key; the last one if there are several.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Object> {
        self.entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The name under a key, if it is written there directly.
    pub(super) fn name(&self, key: &[u8]) -> Option<&[u8]> {
        self.get(key).and_then(Object::as_name)
    }

    /// Is this name written under the key?
    pub(super) fn is(&self, key: &[u8], name: &[u8]) -> bool {
        self.name(key) == Some(name)
    }
}

impl Object {
    /// The name, if it is one.
    pub(super) fn as_name(&self) -> Option<&[u8]> {
        match self {
            Object::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub(super) fn as_text(&self) -> Option<&[u8]> {
        match self {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The array, if it is one.
    pub(super) fn as_array(&self) -> Option<&[Object]> {
        match self {
            Object::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The dictionary, if it is one.
    pub(super) fn as_dict(&self) -> Option<&Dict> {
        match self {
            Object::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// A whole number; fractions are cut off.
    pub(super) fn as_integer(&self) -> Option<i64> {
        match self {
            Object::Integer(number) => Some(*number),
            Object::Real(number) => whole(*number),
            _ => None,
        }
    }

    /// A number that may count or measure something.
    pub(super) fn as_size(&self) -> Option<usize> {
        self.as_integer().and_then(|number| usize::try_from(number).ok())
    }

    /// Any number.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Object::Integer(number) => Some(real(*number)),
            Object::Real(number) => Some(*number),
            _ => None,
        }
    }
}

/// The nearest fraction of a whole number.
#[allow(clippy::as_conversions)] // std has no other way; 53 bits are enough for a place on a page.
pub(super) fn real(number: i64) -> f64 {
    number as f64
}

/// The whole part of a number, if it has one that fits.
#[allow(clippy::as_conversions)] // Checked to be in range.
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.is_finite() && number.abs() < 9e15).then_some(number as i64)
}

/// What a text string says, ISO 32000-1 section 7.9.2.2 and ISO 32000-2 section 7.9.2.2.1 (UTF-8).
pub(super) fn text(bytes: &[u8]) -> String {
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return UTF_16BE.decode_without_bom_handling(rest).0.into_owned();
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return UTF_16LE.decode_without_bom_handling(rest).0.into_owned();
    }
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return String::from_utf8_lossy(rest).into_owned();
    }
    // Many writers put UTF-8 without saying so; what is valid UTF-8 beyond ASCII is hardly ever anything else.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| document_letter(*byte)).collect(),
    }
}

/// One byte of PDFDocEncoding, ISO 32000-1 annex D.3.
fn document_letter(byte: u8) -> char {
    let from = |table: &str, start: u8| table.chars().nth(usize::from(byte.saturating_sub(start)));
    match byte {
        0x18..=0x1f => from("˘ˇˆ˙˝˛˚˜", 0x18),
        0x80..=0x9e => from("•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž", 0x80),
        0xa0 => Some('€'),
        other => Some(char::from(other)),
    }
    .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Bytes as a name for people: text without control characters, cut to a line.
pub(super) fn label(bytes: &[u8]) -> String {
    label_of(&text(bytes))
}

/// A text as a name for people, the same way.
pub(super) fn label_of(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LABEL_LETTERS_MAX).collect()
}

/// Letters of a name in a sentence.
const LABEL_LETTERS_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_say_how_they_are_written() {
        for (bytes, want) in [
            (&b"plain"[..], "plain"),
            (b"\xfe\xff\0H\0i", "Hi"),
            (b"\xff\xfeH\0i\0", "Hi"),
            (b"\xef\xbb\xbf\xc3\xa5", "å"),
            (b"caf\xe9 \x80", "café •"),
            (b"\xa0", "€"),
            (b"\x9f\x18", "\u{9f}˘"),
        ] {
            assert_eq!(text(bytes), want);
        }
    }
}
