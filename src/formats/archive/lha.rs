//! LHA and LZH with headers of levels 0 to 3, and LArc's and PMarc's methods, decoded by `delharc`.
//!
//! An unpacker looks for headers behind a program, behind rubbish and behind the archive's end, so every place that looks like one is tried.

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped, Unpacked},
        keep::{self, Found},
        numbers::{self, byte, from, part, size},
        opened::Opened,
    },
};
use delharc::{LhaDecodeReader, LhaHeader, decode::DecoderAny};
use std::io::{self, Read};

/// Where the first header stands, if there is one.
pub fn find(bytes: &[u8]) -> Option<usize> {
    let head = part(bytes, 0, limits::ARCHIVE_PREFIX_BYTES_MAX);
    let mut at = 0;
    for _ in 0..limits::ARCHIVE_STARTS_MAX {
        let start = next_header(head, at)?;
        let mut rest = from(bytes, start);
        let header = keep::guarded(|| LhaHeader::read(&mut rest).ok().flatten());
        // The methods' names stand in every program that knows them; a header has a checksum too.
        if header.is_ok_and(|header| header.is_some()) {
            return Some(start);
        }
        at = start + 1;
    }
    None
}

/// Opens it.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut at = 0;
    let mut tries = 0;
    while let Some(start) = next_header(bytes, at).filter(|_| tries < limits::PARTS_MAX * 2) {
        tries += 1;
        if let Err(limit) = budget.check_time() {
            opened.stopped = Some(limit.into());
            break;
        }
        let mut rest = from(bytes, start);
        let header = keep::guarded(|| LhaHeader::read(&mut rest).ok().flatten());
        let Ok(Some(header)) = header else {
            at = start + 1;
            continue;
        };
        let packed = part(rest, 0, size(header.compressed_size));
        at = bytes.len() - rest.len() + packed.len();
        if header.is_directory() && packed.is_empty() {
            continue;
        }
        let is_cut = numbers::wide(packed.len()) < header.compressed_size;
        if !give(&mut opened, header, packed, budget) {
            break;
        }
        if is_cut {
            let why = "the archive ends inside a member".to_string();
            opened.stopped = Some(Stopped::Damaged(why));
        }
    }
    if opened.members.is_empty() && opened.stopped.is_none() {
        opened.stopped = Some(Stopped::Damaged("no header that is right".to_string()));
    }
    opened
}

/// The next place where a header may begin: the method stands two bytes behind it.
fn next_header(bytes: &[u8], at: usize) -> Option<usize> {
    let area = from(bytes, at.saturating_add(2));
    let found = memchr::memchr_iter(b'-', area).find(|place| {
        matches!(
            part(area, *place, 5),
            [b'-', b'l', b'h' | b'z', _, b'-'] | [b'-', b'p', b'm', _, b'-']
        )
    })?;
    Some(at + found)
}

fn give(opened: &mut Opened, header: LhaHeader, packed: &[u8], budget: &mut Budget) -> bool {
    let name = header.parse_pathname_to_str().replace('\\', "/");
    let name = super::name(name.as_bytes(), super::latin);
    let found = Found::file(name).sized(header.original_size);
    let is_cut = numbers::wide(packed.len()) < header.compressed_size;
    let method = String::from_utf8_lossy(&header.compression).into_owned();
    let unpacked = keep::guarded(|| {
        let decoder = DecoderAny::new_from_header(&header, packed);
        if !decoder.is_supported() {
            let why = format!("LHA method {method}");
            return Unpacked { bytes: Vec::new(), stopped: Some(Stopped::Unsupported(why)) };
        }
        let mut reader = LhaDecodeReader::default();
        reader.begin_with_header_and_decoder(header, decoder);
        let mut unpacked = budget.unpack(Pieces { reader: &mut reader, is_cut }, |_| packed.len());
        if unpacked.stopped.is_none() && reader.crc_check().is_err() {
            unpacked.stopped = Some(Stopped::Damaged("the checksum is another".to_string()));
        }
        unpacked
    });
    let unpacked =
        unpacked.unwrap_or_else(|why| Unpacked { bytes: Vec::new(), stopped: Some(why) });
    keep::unpacked_as(opened, found, unpacked)
}

/// Asks for little at a time: the decoder gives all it is asked for or nothing, and what stands before damage should not be lost.
pub(super) struct Pieces<R> {
    /// The decoder.
    pub(super) reader: R,
    /// The packed bytes are fewer than told, so every single one counts.
    pub(super) is_cut: bool,
}

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = to.len().min(if self.is_cut { 1 } else { PIECE_BYTES });
        self.reader.read(to.get_mut(..count).unwrap_or_default())
    }
}

/// Is it LHA by its first bytes?
pub fn is_lha(bytes: &[u8]) -> bool {
    next_header(part(bytes, 0, 7), 0) == Some(0) && byte(bytes, 0) != Some(0)
}

const PIECE_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};

    /// CRC-16 as LHA has it.
    fn crc16(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 }
            })
        })
    }

    /// A stored member with a header of level 0.
    fn stored(name: &str, content: &[u8]) -> Vec<u8> {
        let long = u32::try_from(content.len()).unwrap().to_le_bytes();
        let mut body = [b"-lh0-", &long[..], &long, &[0, 0, 0, 0, 0x20, 0]].concat();
        body.push(u8::try_from(name.len()).unwrap());
        body.extend(name.as_bytes());
        body.extend(crc16(content).to_le_bytes());
        let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        [&[u8::try_from(body.len()).unwrap(), sum], &body[..], content].concat()
    }

    fn pair(name: &str, text: &str) -> (String, String) {
        (name.to_string(), text.to_string())
    }

    #[test]
    fn members_are_found_wherever_they_stand() {
        let archive = [stored("a.txt", b"one"), stored("b.txt", b"two"), vec![0]].concat();
        let want = [pair("a.txt", "one"), pair("b.txt", "two")];
        assert!(is_lha(&archive));
        assert_eq!(texts(&open(&archive, &mut budget())), want);
        for odd in [
            [b"MZ program -lhx- text ", &archive[..]].concat(),
            [&archive[..], b"rubbish"].concat(),
        ] {
            assert!(find(&odd).is_some());
            assert_eq!(texts(&open(&odd, &mut budget())), want);
        }
        let two = [&archive[..], &stored("c", b"three")].concat();
        assert_eq!(open(&two, &mut budget()).members.len(), 3);
    }

    #[test]
    fn damage_is_said_and_nothing_panics() {
        let archive = [stored("a.txt", b"one"), vec![0]].concat();
        let cut = open(&archive[..archive.len() - 2], &mut budget());
        assert_eq!(texts(&cut), [pair("a.txt", "on")]);
        assert!(matches!(cut.members[0].stopped, Some(Stopped::Damaged(_))));
        torture(&archive, |bytes| drop(open(bytes, &mut budget())));
    }
}
