//! Finds the objects of a PDF without its cross-reference table: every `N G obj` in the file, ISO 32000-1 section 7.3.10, every trailer,
//! every stream, also those that stand inside another stream's bytes or that no object claims.
//!
//! A table may leave out, move or replace objects; different programs believe different tables. Whatever can be found is read.

use super::{
    lexer::{Lexer, is_blank},
    object::{Dict, Object},
};
use crate::{base::limits, formats::budget::Budget};
use memchr::memmem;
use std::{collections::HashMap, ops::Range};

/// One object as it stands in the file; one of an object stream has no place of its own.
#[derive(Debug)]
pub(super) struct Found {
    /// Its number, if the header is readable.
    pub(super) number: Option<u32>,
    /// Its generation.
    pub(super) generation: u32,
    /// Where it stands, or the object stream that it comes from.
    pub(super) at: usize,
    /// Which of several PDFs in one file it belongs to.
    pub(super) segment: usize,
    /// What it is; the dictionary if it is a stream.
    pub(super) object: Object,
    /// The packed bytes of a stream.
    pub(super) raw: Option<Range<usize>>,
    /// It stands in the bytes of another stream: others see it only if that one's length is a lie.
    pub(super) inside: bool,
}

impl Found {
    /// The same as it stands in the file: nothing refers to it, and without a number nothing decrypts it.
    pub(super) fn without_number(&self) -> Found {
        Found {
            number: None,
            object: self.object.clone(),
            raw: self.raw.clone(),
            inside: true,
            ..*self
        }
    }
}

/// Everything found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The objects in the order of the file.
    pub(super) found: Vec<Found>,
    /// Trailer dictionaries, also those of cross-reference streams.
    pub(super) trailers: Vec<Dict>,
    /// A name that hides letters behind escapes.
    pub(super) escaped_name: Option<Vec<u8>>,
    /// How many values may still be made.
    pub(super) values_left: usize,
    /// The time ran out.
    pub(super) out_of_time: bool,
}

struct Header {
    at: usize,
    after: usize,
    number: Option<u32>,
    generation: u32,
}

/// Reads the file.
pub(super) fn scan(bytes: &[u8], budget: &Budget) -> Scan {
    let mut scan = Scan { values_left: limits::PDF_VALUES_MAX, ..Scan::default() };
    let headers = headers(bytes);
    let mut overlap_left = bytes.len().saturating_mul(limits::PDF_OVERLAP_TIMES_MAX) + OVERLAP_FREE;
    for (place, header) in headers.iter().enumerate() {
        if place % LOOK_AGAIN == 0 && budget.check_time().is_err() {
            scan.out_of_time = true;
        }
        if scan.values_left == 0 || scan.out_of_time {
            break;
        }
        let next = headers.get(place + 1).map_or(bytes.len(), |next| next.at);
        let end = if overlap_left > 0 { bytes.len() } else { next };
        let read = scan.value(bytes.get(..end).unwrap_or_default(), header.after);
        let (object, after, furthest) = read;
        overlap_left = overlap_left.saturating_sub(furthest.saturating_sub(next));
        scan.found.push(Found {
            number: header.number,
            generation: header.generation,
            at: header.at,
            segment: 0,
            raw: stream_start(bytes, after).map(|start| start..start),
            object,
            inside: false,
        });
    }
    scan.trailers(bytes, &mut overlap_left);
    scan.measure_streams(bytes, overlap_left);
    scan
}

impl Scan {
    /// The value at a place, where it ends, and how far we had to look.
    pub(super) fn value(&mut self, bytes: &[u8], at: usize) -> (Object, usize, usize) {
        let mut lexer = Lexer::new(bytes, at, self.values_left);
        let object = lexer.value().unwrap_or(Object::Null);
        self.values_left = lexer.values_left;
        if self.escaped_name.is_none() {
            self.escaped_name = lexer.escaped_name.take();
        }
        (object, lexer.at, lexer.at.max(lexer.furthest))
    }

    fn trailers(&mut self, bytes: &[u8], overlap_left: &mut usize) {
        for at in memmem::find_iter(bytes, b"trailer") {
            if self.values_left == 0 || *overlap_left == 0 {
                break;
            }
            let (object, _, furthest) = self.value(bytes, at + 7);
            *overlap_left = overlap_left.saturating_sub(furthest.saturating_sub(at) / 2);
            if let Object::Dict(dict) = object {
                self.trailers.push(dict);
            }
        }
        for found in &self.found {
            if let Object::Dict(dict) = &found.object
                && dict.is(b"Type", b"XRef")
            {
                self.trailers.push(dict.clone());
            }
        }
    }

    /// Where each stream ends, which objects stand inside others, and which streams no object claims.
    fn measure_streams(&mut self, bytes: &[u8], mut overlap_left: usize) {
        let ends: Vec<usize> = memmem::find_iter(bytes, b"endstream").collect();
        let starts: Vec<usize> = self.found.iter().map(|found| found.at).collect();
        let files: Vec<usize> = memmem::find_iter(bytes, b"%PDF-").collect();
        let mut lengths: HashMap<u32, usize> = HashMap::new();
        for found in &self.found {
            if let (Some(number), Object::Integer(length)) = (found.number, &found.object) {
                lengths.extend(usize::try_from(*length).ok().map(|length| (number, length)));
            }
        }
        let mut covered = 0;
        let mut segments = Segments { files: &files, next: 0, segment: 0 };
        let mut claimed = Vec::new();
        for (place, found) in self.found.iter_mut().enumerate() {
            found.inside = found.at < covered;
            found.segment = segments.at(found.at, covered);
            let Some(raw) = &mut found.raw else { continue };
            claimed.push(raw.start);
            let declared = found.object.as_dict().and_then(|dict| dict.get(b"Length"));
            let declared = match declared {
                Some(Object::Reference(number)) => lengths.get(number).copied(),
                Some(length) => length.as_size(),
                None => None,
            };
            raw.end = stream_end(bytes, raw.start, declared, &ends);
            if found.inside {
                overlap_left = overlap_left.saturating_sub(raw.len());
                if overlap_left == 0 {
                    let next = starts.get(place + 1).copied().unwrap_or(raw.end);
                    raw.end = raw.end.min(next).max(raw.start);
                }
            } else {
                covered = raw.end;
            }
        }
        self.unclaimed_streams(bytes, &claimed, &ends);
    }

    /// Streams whose object cannot be read: packed by Flate if they look so.
    fn unclaimed_streams(&mut self, bytes: &[u8], claimed: &[usize], ends: &[usize]) {
        let mut extents: Vec<Range<usize>> = self
            .found
            .iter()
            .filter(|found| !found.inside)
            .filter_map(|found| found.raw.clone())
            .collect();
        extents.sort_unstable_by_key(|extent| extent.start);
        let mut covered = 0;
        let mut next = 0;
        let mut claimed = claimed.to_vec();
        claimed.sort_unstable();
        for at in memmem::find_iter(bytes, b"stream") {
            while let Some(extent) = extents.get(next).filter(|extent| extent.start <= at) {
                covered = covered.max(extent.end);
                next += 1;
            }
            let ends_another = bytes.get(..at).is_some_and(|before| before.ends_with(b"end"));
            let Some(start) = stream_start(bytes, at) else { continue };
            if ends_another || at < covered || claimed.binary_search(&start).is_ok() {
                continue;
            }
            let end = stream_end(bytes, start, None, ends);
            covered = end;
            let packed = matches!(bytes.get(start), Some(0x48 | 0x58 | 0x68 | 0x78));
            let mut dict = Dict::default();
            if packed {
                let filter = Object::Name(b"FlateDecode".to_vec());
                dict.entries.push((b"Filter".to_vec(), filter));
            }
            self.found.push(Found {
                number: None,
                generation: 0,
                at,
                segment: 0,
                object: Object::Dict(dict),
                raw: Some(start..end),
                inside: false,
            });
        }
    }
}

/// Counts the PDFs that follow each other in one file.
struct Segments<'a> {
    files: &'a [usize],
    next: usize,
    segment: usize,
}

impl Segments<'_> {
    /// Which one `at` belongs to; headers before `covered` stand inside a stream.
    fn at(&mut self, at: usize, covered: usize) -> usize {
        while let Some(file) = self.files.get(self.next).filter(|file| **file < at) {
            if *file >= covered {
                self.segment += 1;
            }
            self.next += 1;
        }
        self.segment
    }
}

/// Every `obj` that begins an object.
fn headers(bytes: &[u8]) -> Vec<Header> {
    let mut headers = Vec::new();
    for at in memmem::find_iter(bytes, b"obj") {
        let after = at + 3;
        let before = bytes.get(..at).unwrap_or_default();
        if before.last().is_some_and(u8::is_ascii_alphabetic)
            || bytes.get(after).is_some_and(u8::is_ascii_alphanumeric)
        {
            continue;
        }
        let (generation, rest) = number_before(before);
        let (number, rest) = match generation {
            Some(_) => number_before(rest),
            None => (None, before),
        };
        // Without a number it is an object only if a dictionary follows.
        if number.is_none() {
            let ahead = bytes.get(after..(after + 8).min(bytes.len())).unwrap_or_default();
            if !ahead.trim_ascii_start().starts_with(b"<<") {
                continue;
            }
        }
        headers.push(Header {
            at: rest.len(),
            after,
            number: number.and_then(|number| u32::try_from(number).ok()),
            generation: generation.and_then(|number| u32::try_from(number).ok()).unwrap_or(0),
        });
        if headers.len() >= limits::PDF_VALUES_MAX {
            break;
        }
    }
    headers
}

/// The number that ends here, blanks after it, and what stands before it.
fn number_before(bytes: &[u8]) -> (Option<u64>, &[u8]) {
    let blanks = bytes.iter().rev().take(BLANKS_MAX).take_while(|byte| is_blank(**byte)).count();
    let bytes = bytes.get(..bytes.len() - blanks).unwrap_or_default();
    let digits =
        bytes.iter().rev().take(DIGITS_MAX).take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, digits) = bytes.split_at_checked(bytes.len() - digits).unwrap_or_default();
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    (number, if number.is_some() { rest } else { bytes })
}

/// Where a stream's bytes begin if the word stands here: after one end of line, section 7.3.8.1.
fn stream_start(bytes: &[u8], at: usize) -> Option<usize> {
    let near = bytes.get(..at.saturating_add(LOOK_AHEAD).min(bytes.len())).unwrap_or_default();
    let mut lexer = Lexer::new(near, at, 0);
    lexer.skip_blanks();
    let rest = lexer.rest().strip_prefix(b"stream")?;
    let blanks =
        rest.iter().take(BLANKS_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = rest.get(blanks..).unwrap_or_default();
    let start = near.len() - rest.len();
    Some(match line {
        [b'\r', b'\n', ..] => start + blanks + 2,
        [b'\n' | b'\r', ..] => start + blanks + 1,
        _ => start,
    })
}

/// Where they end: at the declared length if `endstream` follows there, or at the next `endstream`, or with the file.
fn stream_end(bytes: &[u8], start: usize, declared: Option<usize>, ends: &[usize]) -> usize {
    if let Some(end) = declared.and_then(|length| start.checked_add(length)) {
        let after = bytes.get(end..).unwrap_or_default();
        let blanks = after.iter().take(BLANKS_MAX).take_while(|byte| is_blank(**byte)).count();
        if after.get(blanks..).is_some_and(|after| after.starts_with(b"endstream")) {
            return end;
        }
    }
    match ends.get(ends.partition_point(|end| *end < start)) {
        Some(end) => *end,
        None => bytes.len().max(start),
    }
}

/// Blanks between the pieces of a header.
const BLANKS_MAX: usize = 64;
/// Digits of a number in a header; writers pad to ten.
const DIGITS_MAX: usize = 19;
/// Bytes of overlap that a small file may have in any case.
const OVERLAP_FREE: usize = 1 << 20;
/// How far after its dictionary a stream may begin: blanks and a comment.
const LOOK_AHEAD: usize = 1_024;
/// Objects between two looks at the clock.
const LOOK_AGAIN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn scanned(bytes: &[u8]) -> Scan {
        scan(bytes, &Budget::new(Bounds::default(), &Clock::system()))
    }

    #[test]
    fn objects_without_a_table() {
        let bytes = b"junk1 0 obj<</A 1>>endobj 2\n0\nobj [1] 0003 00002 obj\n(x 4 0 obj)endobj nobj object \
            obj <</B 2>>";
        let scan = scanned(bytes);
        let numbers: Vec<_> =
            scan.found.iter().map(|found| (found.number, found.generation)).collect();
        assert_eq!(numbers, [(Some(1), 0), (Some(2), 0), (Some(3), 2), (Some(4), 0), (None, 0)]);
        assert_eq!(scan.found[2].object, Object::Text(b"x 4 0 obj".to_vec()));
    }

    #[test]
    fn streams_end_where_they_end() {
        for (written, want) in [
            (&b"1 0 obj<</Length 3>>stream\nabc\nendstream"[..], &b"abc"[..]),
            (b"1 0 obj<</Length 2 0 R>>stream\r\nendstream\nendstream 2 0 obj 9", b"endstream"),
            (b"1 0 obj<</Length 99>>stream\nabc\nendstream", b"abc\n"),
            (b"1 0 obj<<>>%c\nstream \nabc", b"abc"),
            (b"1 0 obj<</Length -1>>stream\rabc endstream", b"abc "),
            (b"<</Broken>>stream\nabcendstream", b"abc"),
        ] {
            let scan = scanned(written);
            let raw = scan.found.iter().find_map(|found| found.raw.clone()).unwrap();
            assert_eq!(&written[raw], want, "{}", String::from_utf8_lossy(written));
        }
    }

    #[test]
    fn objects_inside_streams_are_marked() {
        let bytes = b"%PDF-1 1 0 obj<</Length 12>>stream\n2 0 obj(x) 1\nendstream endobj 3 0 obj 1 %PDF-2 4 0 obj 1";
        let scan = scanned(bytes);
        let inside: Vec<_> = scan.found.iter().map(|found| (found.inside, found.segment)).collect();
        assert_eq!(inside, [(false, 1), (true, 1), (false, 1), (false, 2)]);
    }

    #[test]
    fn objects_that_never_end_cost_little() {
        for piece in [
            &b"1 0 obj [ "[..],
            b"1 0 obj ( ",
            b"1 0 obj<</Length 9>>stream\n",
            b"1 0 obj 5%",
            b"trailer ( ",
        ] {
            let bytes = piece.repeat(100_000);
            assert!(!scanned(&bytes).out_of_time);
        }
    }
}
