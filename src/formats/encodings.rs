//! Bytes that stand in a text as letters: base64, hexadecimal digits, percent signs, UTF-16.
//!
//! Used by every reader of text formats. Tolerant in the way of the programs that undo them: what does not belong is skipped.
//! Nothing is believed about lengths; nothing comes out larger than what went in.

use super::{
    kind::{self, PartKind},
    mime::Transfer,
};
use crate::base::limits;

/// Base64 in the usual and the URL alphabet (RFC 4648 sections 4 and 5); other letters are skipped.
pub fn base64(text: &[u8]) -> Vec<u8> {
    let letters: Vec<u8> = text
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    Transfer::Base64.decode(&letters).bytes.into_owned()
}

/// Pairs of hexadecimal digits; everything else is skipped, a last single digit is dropped.
pub fn hex(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for digit in text.iter().filter_map(|byte| hex_digit(*byte)) {
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push((high << 4) | digit),
        }
    }
    bytes
}

/// The value of a hexadecimal digit.
pub fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Percent signs and two hexadecimal digits, RFC 3986 section 2.1; what is no such thing stays.
pub fn percent(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let pair = match (first, after) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => {
                bytes.push((high << 4) | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// UTF-16, little end first, as text.
pub fn utf16(bytes: &[u8]) -> String {
    encoding_rs::UTF_16LE.decode_without_bom_handling(bytes).0.into_owned()
}

/// Text of a file whose encoding nobody declares: by its byte order mark, by zeros between the letters, else UTF-8 or Windows-1252.
pub fn text(bytes: &[u8]) -> String {
    let marked = encoding_rs::Encoding::for_bom(bytes).is_some();
    if !marked && looks_like_utf16(bytes, 1) {
        return utf16(bytes);
    }
    if !marked && looks_like_utf16(bytes, 0) {
        return encoding_rs::UTF_16BE.decode_without_bom_handling(bytes).0.into_owned();
    }
    super::mime::decode_text(bytes, "")
}

/// Is every second byte of the beginning zero, from `zero_at`, and the others not?
fn looks_like_utf16(bytes: &[u8], zero_at: usize) -> bool {
    let head = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let zeros = |at: usize| head.iter().skip(at).step_by(2).filter(|byte| **byte == 0).count();
    head.len() >= 8 && zeros(zero_at) * 10 >= head.len() * 4 && zeros(1 - zero_at) == 0
}

/// Every run of UTF-16 letters (little end first, either alignment) of at least `letters_min`, one a line.
/// Latin and other alphabets are told from noise by their upper bytes staying the same.
pub fn utf16_runs(bytes: &[u8], letters_min: usize) -> String {
    let mut found = String::new();
    let mut at = 0;
    while at < bytes.len() && found.len() < limits::DOCUMENT_TEXT_BYTES_MAX {
        let rest = bytes.get(at..).unwrap_or_default();
        let letters = utf16_run(rest);
        if letters >= letters_min.max(1) {
            found.push_str(&utf16(rest.get(..letters * 2).unwrap_or_default()));
            found.push('\n');
            at += letters * 2;
        } else {
            at += 1;
        }
    }
    found
}

/// How many letters stand at the beginning, to the first that is none.
fn utf16_run(bytes: &[u8]) -> usize {
    let mut count = 0;
    let mut upper = None;
    for pair in bytes.chunks_exact(2) {
        let [low, high] = pair else { break };
        let unit = u16::from_le_bytes([*low, *high]);
        if matches!(unit, 9 | 10 | 13 | 0x20..=0x7e) {
            upper = None;
        } else {
            // Outside ASCII one block of letters at a time: packed bytes read as UTF-16 jump between blocks.
            let same = *upper.get_or_insert(*high) == *high || matches!(high, 0x20 | 0x30);
            let letter = char::from_u32(u32::from(unit)).filter(|_| same && unit >= 0xa0);
            if !letter.is_some_and(char::is_alphanumeric) {
                break;
            }
        }
        count += 1;
    }
    count
}

/// What bytes decoded from letters turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file of a kind we know, or bytes too many to be chance.
    File(Vec<u8>),
    /// A page.
    Page(Vec<u8>),
    /// Readable text, as UTF-8.
    Text(String),
}

/// Is what was decoded something, or were the letters only words that look like an encoding? `letters` is how many there were.
pub fn recognise(bytes: Vec<u8>, letters: usize) -> Option<Found> {
    if bytes.len() < DECODED_BYTES_MIN {
        return None;
    }
    let kind = kind::of(&bytes, "");
    if kind == PartKind::Html {
        return Some(Found::Page(bytes));
    }
    if kind.is_letters() {
        return readable(&bytes).map(Found::Text);
    }
    if kind != PartKind::Unknown {
        return Some(Found::File(bytes));
    }
    // A program's two letters alone may be chance, the rest of its header is not.
    if bytes.starts_with(b"MZ") {
        return Some(Found::File(bytes));
    }
    if let Some(text) = readable(&bytes) {
        return Some(Found::Text(text));
    }
    (letters >= SURELY_ENCODED_LETTERS_MIN).then_some(Found::File(bytes))
}

/// The bytes as UTF-8 if a person could read them, in UTF-8 or UTF-16.
pub fn readable(bytes: &[u8]) -> Option<String> {
    if looks_like_utf16(bytes, 1) || looks_like_utf16(bytes, 0) {
        return Some(text(bytes));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let head = text.get(..text.floor_char_boundary(READABLE_HEAD_BYTES)).unwrap_or(text);
    let printable = |letter: &char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r');
    let good = head.chars().filter(printable).count();
    (good * 20 >= head.chars().count() * 19).then(|| text.to_string())
}

/// Letters that may be base64: 16 at least, nothing but the alphabet and white space, a possible length.
pub fn is_base64(text: &[u8]) -> bool {
    let mut letters = 0_usize;
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_' => letters += 1,
            b'=' | b'\r' | b'\n' | b' ' | b'\t' => (),
            _ => return false,
        }
    }
    letters >= ENCODED_LETTERS_MIN && letters % 4 != 1
}

/// Letters that may be hexadecimal: 16 digits at least, in an even number, nothing else but separators between them.
pub fn is_hex(text: &[u8]) -> bool {
    let digits = text.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    digits >= ENCODED_LETTERS_MIN
        && digits.is_multiple_of(2)
        && text.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'\r' | b'\n'))
}

/// Decodes a text that is wholly base64 or hexadecimal, also backwards, if something recognisable comes out.
pub fn decode_whole(letters: &str) -> Option<Found> {
    let letters = letters.trim();
    let bytes = letters.as_bytes();
    let count = bytes.len();
    if is_hex(bytes)
        && let Some(found) = recognise(hex(bytes), count)
    {
        return Some(found);
    }
    if !is_base64(bytes) {
        return None;
    }
    if !letters.starts_with('=')
        && let Some(found) = recognise(base64(bytes), count)
    {
        return Some(found);
    }
    let backwards: Vec<u8> = bytes.iter().rev().copied().collect();
    recognise(base64(&backwards), 0)
}

/// Every long run of base64 letters or hexadecimal digits in a text, decoded where it is something; lines that follow each other count as
/// one run when they are long. False: there were more than are tried.
pub fn runs(text: &str) -> (Vec<Found>, bool) {
    let mut found = Vec::new();
    let mut tried = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = run_length(rest);
        let run = text.get(at..at + length).unwrap_or_default();
        if length >= RUN_LETTERS_MIN {
            tried += 1;
            found.extend(decode_whole(run));
        }
        if found.len() >= limits::DECODED_PER_TEXT_MAX || tried >= limits::LITERALS_TRIED_MAX {
            return (found, false);
        }
        at += length.max(1);
    }
    (found, true)
}

/// How far a run goes from here.
fn run_length(bytes: &[u8]) -> usize {
    let (mut end, mut widest) = (0, 0);
    loop {
        let line = bytes.get(end..).unwrap_or_default();
        let letters = line.iter().take_while(|byte| is_letter(**byte)).count();
        end += letters;
        // Encoders fill their lines; a shorter one is the last, and what follows it is something else.
        if letters < LINE_LETTERS_MIN || letters < widest {
            return end;
        }
        widest = letters;
        let after = bytes.get(end..).unwrap_or_default();
        let blanks = after.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let breaks = after.iter().take(blanks).any(|byte| *byte == b'\n' || *byte == b'\r');
        let next = after.get(blanks..).unwrap_or_default();
        let letters = next.iter().take_while(|byte| is_letter(**byte)).count();
        // A line with a blank after its first word is a sentence again.
        if !breaks || letters == 0 || matches!(next.get(letters), Some(b' ' | b'\t')) {
            return end;
        }
        end += blanks;
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// Less than this decodes to nothing worth a look.
const DECODED_BYTES_MIN: usize = 6;
/// Fewer letters are a word.
const ENCODED_LETTERS_MIN: usize = 16;
/// So many letters without a blank are no word, whatever they decode to.
const SURELY_ENCODED_LETTERS_MIN: usize = 160;
/// What is looked at to tell text from bytes.
const READABLE_HEAD_BYTES: usize = 4 << 10;
/// Letters of a run in a text where no quotes say that it is one.
const RUN_LETTERS_MIN: usize = 40;
/// Letters of a line after which the next line may go on with it.
const LINE_LETTERS_MIN: usize = 40;

/// A text whose ordinary letters are written as numbers (`&#65;`, `&#x41`), with those undone; none if hardly any are.
pub fn without_numbered_letters(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut undone = 0_usize;
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), b"&#") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let digits_at = from.get(2..).unwrap_or_default();
        let (radix, digits) = match digits_at.strip_prefix(['x', 'X']) {
            Some(hex) => (16, hex),
            None => (10, digits_at),
        };
        let length = digits
            .bytes()
            .take(NUMBER_DIGITS_MAX)
            .take_while(|byte| char::from(*byte).is_digit(radix))
            .count();
        let number = u32::from_str_radix(digits.get(..length).unwrap_or_default(), radix).ok();
        match number.and_then(char::from_u32) {
            Some(letter) => {
                undone += usize::from(letter.is_ascii_alphanumeric());
                out.push(letter);
                let after = digits.get(length..).unwrap_or_default();
                rest = after.strip_prefix(';').unwrap_or(after);
            }
            None => {
                out.push_str("&#");
                rest = digits_at;
            }
        }
    }
    out.push_str(rest);
    (undone >= NUMBERED_LETTERS_MIN).then_some(out)
}

/// A text of JSON with its escapes by number undone (RFC 8259 section 7); the others stay.
pub fn without_json_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        out.push_str(before);
        let letter = after
            .get(..4)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        match letter {
            Some(letter) => {
                out.push(letter);
                rest = after.get(4..).unwrap_or_default();
            }
            None => {
                out.push_str("\\u");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// References of honest pages are quotes and dashes; a word of so many letters is written so to be hidden.
const NUMBERED_LETTERS_MIN: usize = 4;
/// Leading zeros may be many.
const NUMBER_DIGITS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::{BASE64, HEXLOWER};

    #[test]
    fn letters_to_bytes() {
        assert_eq!(base64(b"aGVs bG8="), b"hello");
        assert_eq!(base64(b"__-_"), [0xff, 0xff, 0xbf]);
        assert_eq!(hex(b"4 1zz42 4"), b"AB");
        assert_eq!(percent(b"a%20b%zz%4"), b"a b%zz%4");
    }

    #[test]
    fn text_without_a_declared_encoding() {
        let little: Vec<u8> = "<a href='x'>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "<a href='x'>".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [&little[..], &big, b"<a href='x'>", b"\xef\xbb\xbf<a href='x'>"] {
            assert_eq!(text(bytes), "<a href='x'>");
        }
    }

    #[test]
    fn words_are_not_taken_for_encodings() {
        for word in ["supercalifragilisticexpialidocious", "background/color/of/things", "short"] {
            assert_eq!(decode_whole(word), None, "{word}");
        }
        let sentence = "this sentence was written into base64";
        let want = Some(Found::Text(sentence.to_string()));
        let letters = BASE64.encode(sentence.as_bytes());
        assert_eq!(decode_whole(&letters), want);
        assert_eq!(decode_whole(&letters.chars().rev().collect::<String>()), want);
        assert_eq!(decode_whole(&HEXLOWER.encode(sentence.as_bytes())), want);
    }

    #[test]
    fn runs_go_over_line_ends() {
        let sentence = "x".repeat(200);
        let letters = BASE64.encode(sentence.as_bytes());
        let (first, second) = letters.split_at(76);
        let text = format!("words before\n{first}\r\n  {second}\nafter it");
        assert_eq!(runs(&text), (vec![Found::Text(sentence)], true));
    }

    #[test]
    fn utf16_strings_at_any_place() {
        let mut bytes = vec![0xff, 1, 0, 0xff, 1, 0, 0];
        bytes.extend("hidden words".encode_utf16().flat_map(u16::to_le_bytes));
        bytes.extend([0xff; 9]);
        assert_eq!(utf16_runs(&bytes, 5), "hidden words\n");
    }
}
