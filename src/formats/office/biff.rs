//! Records of Excel workbooks, MS-XLS section 2.1.4, and the strings in them: section 2.5.293 and following, with the table of shared strings
//! that runs on over several records (section 2.4.265).

use super::{formula::Layout, le, text};
use crate::base::limits;

/// One record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'s> {
    /// Where its header stands in the stream.
    pub(super) at: usize,
    pub(super) id: u16,
    pub(super) content: &'s [u8],
}

/// The records from a place on, as far as there are any; a size beyond the end is cut.
pub(super) fn records(stream: &[u8], start: usize) -> impl Iterator<Item = Record<'_>> {
    let mut at = start;
    std::iter::from_fn(move || {
        let (id, size) = (le::short(stream, at)?, le::short_size(stream, at + 2)?);
        let record = Record { at, id, content: le::slice(stream, at + 4, size) };
        at += 4 + size;
        Some(record)
    })
    .take(limits::OFFICE_RECORDS_MAX)
}

/// The layout that a BOF record announces.
pub(super) fn layout(bof: &Record<'_>) -> Layout {
    match (bof.id, le::short(bof.content, 0)) {
        (BOF_2 | BOF_3, _) => Layout::Biff3,
        (BOF_4, _) => Layout::Biff4,
        (_, Some(0x0500)) => Layout::Biff5,
        _ => Layout::Biff8,
    }
}

/// Is it the beginning of a sheet or of the workbook's own part?
pub(super) fn is_bof(record: &Record<'_>) -> bool {
    matches!(record.id, BOF | BOF_2 | BOF_3 | BOF_4)
}

/// Letters with their count in front, in one byte or two.
pub(super) fn string(bytes: &[u8], wide_count: bool, layout: Layout, code_page: u16) -> String {
    let (letters, at) = match wide_count {
        true => (le::short_size(bytes, 0).unwrap_or(0), 2),
        false => (usize::from(le::byte(bytes, 0).unwrap_or(0)), 1),
    };
    letters_at(le::from(bytes, at), letters, layout, code_page)
}

/// So many letters; from Excel 97 on a byte of flags says how wide they are.
pub(super) fn letters_at(bytes: &[u8], letters: usize, layout: Layout, code_page: u16) -> String {
    if layout < Layout::Biff8 {
        return text::decode(le::slice(bytes, 0, letters), code_page);
    }
    let flags = le::byte(bytes, 0).unwrap_or(0);
    // Runs of formatting and phonetic notes stand between the flags and the letters.
    let mut at = 1;
    at += if flags & 8 != 0 { 2 } else { 0 };
    at += if flags & 4 != 0 { 4 } else { 0 };
    match flags & 1 {
        0 => text::decode(le::slice(bytes, at, letters), 1252),
        _ => text::utf16(le::slice(bytes, at, letters.saturating_mul(2))),
    }
}

/// Shared strings: the content of the SST record and of the records that go on with it.
pub(super) fn shared_strings(parts: &[&[u8]]) -> Vec<String> {
    let mut reader = Parts { parts, part: 0, at: 8 };
    let mut strings = Vec::new();
    let mut letters_left = limits::OFFICE_TEXT_BYTES_MAX;
    while let Some(string) = reader.string() {
        let Some(left) = letters_left.checked_sub(string.len() + STRING_BYTES) else { break };
        letters_left = left;
        strings.push(string);
    }
    strings
}

struct Parts<'p> {
    parts: &'p [&'p [u8]],
    part: usize,
    at: usize,
}

impl Parts<'_> {
    fn byte(&mut self) -> Option<u8> {
        loop {
            let part = self.parts.get(self.part)?;
            if let Some(byte) = part.get(self.at) {
                self.at += 1;
                return Some(*byte);
            }
            self.part += 1;
            self.at = 0;
        }
    }

    fn number(&mut self, bytes: u32) -> Option<usize> {
        let mut value = 0_usize;
        for place in 0..bytes {
            value |= usize::from(self.byte()?) << (8 * place);
        }
        Some(value)
    }

    /// MS-XLS section 2.5.296; where the letters go on in the next record, it begins with new flags.
    fn string(&mut self) -> Option<String> {
        let mut letters = self.number(2)?;
        let flags = self.byte()?;
        let runs = if flags & 8 != 0 { self.number(2)? } else { 0 };
        let extra = if flags & 4 != 0 { self.number(4)? } else { 0 };
        let mut is_wide = flags & 1 != 0;
        let mut string = String::new();
        while letters > 0 {
            let Some(part) = self.parts.get(self.part) else { break };
            let rest = le::from(part, self.at);
            if rest.is_empty() {
                self.part += 1;
                self.at = 0;
                let Some(flags) = self.byte() else { break };
                is_wide = flags & 1 != 0;
                continue;
            }
            let width = if is_wide { 2 } else { 1 };
            let bytes = (letters * width).min(rest.len());
            let piece = le::slice(rest, 0, bytes);
            string.push_str(&if is_wide { text::utf16(piece) } else { text::decode(piece, 1252) });
            letters -= (bytes / width).max(1).min(letters);
            self.at += bytes;
        }
        self.skip(runs.saturating_mul(4).saturating_add(extra));
        Some(string)
    }

    fn skip(&mut self, mut count: usize) {
        while count > 0 {
            let Some(part) = self.parts.get(self.part) else { break };
            let rest = part.len().saturating_sub(self.at);
            if count <= rest {
                self.at += count;
                break;
            }
            count -= rest;
            self.part += 1;
            self.at = 0;
        }
    }
}

/// What a string costs besides its letters.
const STRING_BYTES: usize = 16;
/// Beginning of a part, Excel 5 and later.
pub(super) const BOF: u16 = 0x0809;
const BOF_2: u16 = 0x0009;
const BOF_3: u16 = 0x0209;
const BOF_4: u16 = 0x0409;
/// End of a part.
pub(super) const EOF: u16 = 0x000a;
/// Goes on with the record before.
pub(super) const CONTINUE: u16 = 0x003c;

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
pub(crate) mod testing {
    pub(crate) fn record(id: u16, content: &[u8]) -> Vec<u8> {
        [&id.to_le_bytes()[..], &(content.len() as u16).to_le_bytes(), content].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_go_on_in_the_next_record() {
        let first = b"\x01\0\0\0\x02\0\0\0\x06\0\0MAR";
        let second = b"\x01K\0E\0R\0\x03\0\0end";
        assert_eq!(shared_strings(&[first, second]), ["MARKER", "end"]);
        let rich = b"\0\0\0\0\0\0\0\0\x02\0\x08\x01\0abXXXX\x01\0\0c";
        assert_eq!(shared_strings(&[rich]), ["ab", "c"]);
        assert_eq!(
            shared_strings(&[b"\0\0\0\0\0\0\0\0\xff\xff\x0c\xff\xff\xff\xff\xff\xffab"]),
            ["ab"]
        );
    }

    #[test]
    fn records_are_cut_at_the_end() {
        let stream = [testing::record(1, b"ab"), b"\x02\0\xff\xffc".to_vec()].concat();
        let found: Vec<(u16, &[u8])> = records(&stream, 0).map(|r| (r.id, r.content)).collect();
        assert_eq!(found, [(1, &b"ab"[..]), (2, b"c")]);
    }
}
