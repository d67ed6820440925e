//! ARJ (ARJ technical notes): methods 0 to 4, and the old garbling, which is an XOR with the password.
//!
//! Methods 1 to 3 are LHA's with a smaller window, so LHA's largest decoder reads them.

use super::lha::Pieces;
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped, Unpacked},
        keep::{self, Found},
        numbers::{byte, from, le32, part, size, size16, size32, until_zero},
        opened::Opened,
    },
};
use delharc::{LhaDecodeReader, LhaHeader, decode::DecoderAny};
use std::io::{self, Read};

/// Where the archive begins: the mark, a header of a size that may be, and its type.
pub fn find(bytes: &[u8]) -> Option<usize> {
    let head = part(bytes, 0, limits::ARCHIVE_PREFIX_BYTES_MAX);
    memchr::memmem::find_iter(head, MARK).find(|at| {
        Header::read(bytes, *at).is_some_and(|header| header.kind == MAIN && header.checks(bytes))
            || (*at == 0 && Header::read(bytes, 0).is_some_and(|header| header.kind == MAIN))
    })
}

/// Opens it; garbled members are tried with the passwords.
pub fn open(bytes: &[u8], passwords: &[String], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let Some(mut at) = find(bytes) else {
        return Opened::stopped(Stopped::Damaged("no ARJ header".to_string()));
    };
    for _ in 0..=limits::PARTS_MAX {
        let Some(header) = Header::read(bytes, at) else {
            if part(bytes, at, 4) != END {
                let why = "the archive ends before its end mark".to_string();
                opened.stopped = Some(Stopped::Damaged(why));
            }
            break;
        };
        let packed = if header.kind == MAIN { 0 } else { header.packed };
        at = header.data_at.saturating_add(packed);
        if !matches!(header.kind, MAIN | FOLDER | LABEL)
            && !give(&mut opened, bytes, &header, passwords, budget)
        {
            break;
        }
        if let Err(limit) = budget.check_time() {
            opened.stopped = Some(limit.into());
            break;
        }
    }
    opened
}

struct Header {
    flags: u8,
    method: u8,
    kind: u8,
    modifier: u8,
    packed: usize,
    size: u32,
    crc: u32,
    name: Vec<u8>,
    fields: std::ops::Range<usize>,
    data_at: usize,
}

impl Header {
    fn read(bytes: &[u8], at: usize) -> Option<Header> {
        let count = size16(bytes, at.checked_add(2)?)?;
        if part(bytes, at, 2) != MARK || !(FIELDS_BYTES_MIN..=FIELDS_BYTES_MAX).contains(&count) {
            return None;
        }
        let fields = at + 4..at + 4 + count;
        let header = bytes.get(fields.clone())?;
        // Extended headers, each with its size first and a checksum behind; a size of zero ends them.
        let mut data_at = fields.end + 4;
        for _ in 0..EXTENDED_MAX {
            let count = size16(bytes, data_at).unwrap_or(0);
            data_at += 2;
            if count == 0 {
                break;
            }
            data_at += count + 4;
        }
        Some(Header {
            flags: byte(header, 4)?,
            method: byte(header, 5)?,
            kind: byte(header, 6)?,
            modifier: byte(header, 7)?,
            packed: size32(header, 12)?,
            size: le32(header, 16)?,
            crc: le32(header, 20)?,
            name: until_zero(from(header, usize::from(byte(header, 0)?))).to_vec(),
            fields,
            data_at,
        })
    }

    fn checks(&self, bytes: &[u8]) -> bool {
        let fields = bytes.get(self.fields.clone()).unwrap_or_default();
        le32(bytes, self.fields.end) == Some(crc32(fields))
    }
}

fn give(
    opened: &mut Opened,
    bytes: &[u8],
    header: &Header,
    passwords: &[String],
    budget: &mut Budget,
) -> bool {
    let name = super::name(&header.name, super::latin).replace('\\', "/");
    let packed = part(bytes, header.data_at, header.packed);
    let mut unpacked = if header.flags & GARBLED != 0 {
        ungarble(packed, header, passwords, budget)
    } else {
        unpack(packed, header, budget)
    };
    if unpacked.stopped.is_none() && header.flags & GOES_ON != 0 {
        unpacked.stopped = Some(Stopped::Unsupported("one volume of several".to_string()));
    }
    if unpacked.stopped.is_none() && crc32(&unpacked.bytes) != header.crc {
        unpacked.stopped = Some(Stopped::Damaged("the checksum is another".to_string()));
    }
    keep::unpacked_as(opened, Found::file(name).sized(u64::from(header.size)), unpacked)
}

/// Tries each password; the checksum says which is right.
fn ungarble(packed: &[u8], header: &Header, passwords: &[String], budget: &mut Budget) -> Unpacked {
    for password in passwords.iter().filter(|word| !word.is_empty()).take(limits::ARJ_PASSWORDS_MAX)
    {
        if budget.check_time().is_err() {
            break;
        }
        let keys = password.bytes().cycle();
        let plain: Vec<u8> = packed
            .iter()
            .zip(keys)
            .map(|(byte, key)| byte ^ key.wrapping_add(header.modifier))
            .collect();
        // What a wrong password gives is thrown away, so it is not to be paid for.
        let unpacked = unpack(&plain, header, &mut budget.clone());
        if unpacked.stopped.is_none() && crc32(&unpacked.bytes) == header.crc {
            return match budget.take_bytes(unpacked.bytes.len()) {
                Ok(()) => unpacked,
                Err(limit) => Unpacked { bytes: Vec::new(), stopped: Some(limit.into()) },
            };
        }
    }
    Unpacked { bytes: Vec::new(), stopped: Some(Stopped::Encrypted) }
}

fn unpack(packed: &[u8], header: &Header, budget: &mut Budget) -> Unpacked {
    let total = packed.len();
    let is_cut = total < header.packed;
    match header.method {
        0 => budget.unpack(packed, |_| total),
        1..=3 => {
            let lha = LhaHeader {
                compression: *b"-lh7-",
                compressed_size: u64::try_from(total).unwrap_or(0),
                original_size: u64::from(header.size),
                ..LhaHeader::default()
            };
            let ran = keep::guarded(|| {
                let decoder = DecoderAny::new_from_header(&lha, packed);
                let mut reader = LhaDecodeReader::default();
                reader.begin_with_header_and_decoder(lha, decoder);
                budget.unpack(Pieces { reader, is_cut }, |_| total)
            });
            ran.unwrap_or_else(|why| Unpacked { bytes: Vec::new(), stopped: Some(why) })
        }
        4 => budget.unpack(Fastest::new(packed, size(u64::from(header.size))), |_| total),
        other => {
            let why = format!("ARJ method {other}");
            Unpacked { bytes: Vec::new(), stopped: Some(Stopped::Unsupported(why)) }
        }
    }
}

/// Method 4: a length and a distance, each a count of ones and so many bits.
struct Fastest<'a> {
    packed: &'a [u8],
    bit: usize,
    window: Vec<u8>,
    given: usize,
    left: usize,
}

impl<'a> Fastest<'a> {
    fn new(packed: &'a [u8], size: usize) -> Fastest<'a> {
        Fastest { packed, bit: 0, window: Vec::new(), given: 0, left: size }
    }

    fn bits(&mut self, count: u32) -> Option<usize> {
        let mut value = 0;
        for _ in 0..count {
            let byte = byte(self.packed, self.bit / 8)?;
            value = (value << 1) | usize::from((byte >> (7 - self.bit % 8)) & 1);
            self.bit += 1;
        }
        Some(value)
    }

    /// As many bits more as there are ones before, from `first` to `last`.
    fn number(&mut self, first: u32, last: u32) -> Option<usize> {
        let (mut width, mut base) = (first, 0);
        while width < last && self.bits(1)? == 1 {
            base += 1_usize << width;
            width += 1;
        }
        Some(base + self.bits(width)?)
    }

    fn step(&mut self) -> Option<()> {
        let count = self.number(0, 7)?;
        if count == 0 {
            let letter = u8::try_from(self.bits(8)?).ok()?;
            self.window.push(letter);
            self.left -= 1;
            return Some(());
        }
        let back = self.number(9, 13)? + 1;
        for _ in 0..(count + 2).min(self.left) {
            let letter = *self.window.get(self.window.len().checked_sub(back)?)?;
            self.window.push(letter);
            self.left -= 1;
        }
        Some(())
    }
}

impl Read for Fastest<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.window.len() - self.given < to.len() && self.left > 0 {
            if self.step().is_none() {
                // What came out is given first; the next call has nothing left to give and says so by being short.
                self.left = 0;
            }
        }
        let ready = from(&self.window, self.given);
        let count = ready.len().min(to.len());
        if let (Some(to), Some(ready)) = (to.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(ready);
        }
        self.given += count;
        if self.given > FASTEST_WINDOW_BYTES * 4 {
            let old = self.given - FASTEST_WINDOW_BYTES;
            self.window.drain(..old);
            self.given -= old;
        }
        Ok(count)
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

const MARK: &[u8] = b"\x60\xea";
const END: &[u8] = b"\x60\xea\0\0";
const MAIN: u8 = 2;
const FOLDER: u8 = 3;
const LABEL: u8 = 4;
const GARBLED: u8 = 1;
const GOES_ON: u8 = 4;
const FIELDS_BYTES_MIN: usize = 30;
/// ARJ's own bound of a header.
const FIELDS_BYTES_MAX: usize = 2_600;
const EXTENDED_MAX: usize = 16;
/// The furthest that method 4 looks back, and a bit.
const FASTEST_WINDOW_BYTES: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};

    fn record(
        kind: u8,
        flags: u8,
        method: u8,
        name: &str,
        packed: &[u8],
        content: &[u8],
    ) -> Vec<u8> {
        let mut fields = vec![30, 11, 1, 0, flags, method, kind, 7, 0, 0, 0, 0];
        for long in [packed.len(), content.len()] {
            fields.extend(u32::try_from(long).unwrap().to_le_bytes());
        }
        fields.extend(crc32(content).to_le_bytes());
        fields.extend([0; 6]);
        fields.extend(name.as_bytes());
        fields.extend([0, 0]);
        let count = u16::try_from(fields.len()).unwrap().to_le_bytes();
        [MARK, &count, &fields, &crc32(&fields).to_le_bytes(), &[0, 0], packed].concat()
    }

    fn archive(records: &[Vec<u8>]) -> Vec<u8> {
        [record(MAIN, 0, 0, "x.arj", b"", b""), records.concat(), END.to_vec()].concat()
    }

    fn pair(name: &str, text: &str) -> (String, String) {
        (name.to_string(), text.to_string())
    }

    #[test]
    fn stored_garbled_and_unknown_members() {
        let garbled: Vec<u8> =
            b"two".iter().zip(b"pwp").map(|(byte, key)| byte ^ (key + 7)).collect();
        let bytes = archive(&[
            record(0, 0, 0, "a.txt", b"one", b"one"),
            record(0, GARBLED, 0, "b.txt", &garbled, b"two"),
            record(0, 0, 9, "c.txt", b"zzz", b"three"),
            // Method 4: 0 and eight bits, twice, then a match of three letters one back.
            record(0, 0, 4, "d.txt", &[0x30, 0x9a, 0x00, 0x00], b"aaaa"),
        ]);
        let opened = open(&bytes, &[], &mut budget());
        assert_eq!(opened.members[1].stopped, Some(Stopped::Encrypted));
        assert!(matches!(opened.members[2].stopped, Some(Stopped::Unsupported(_))));
        let words = ["x".to_string(), "pw".to_string()];
        let opened = open(&bytes, &words, &mut budget());
        assert_eq!(texts(&opened)[..2], [pair("a.txt", "one"), pair("b.txt", "two")]);
        assert_eq!(opened.stopped, None);
        let behind = [b"MZ\x60\xea program", &bytes[..]].concat();
        assert_eq!(texts(&open(&behind, &words, &mut budget())), texts(&opened));
    }

    #[test]
    fn the_fastest_method() {
        // A letter is a 0 and its eight bits; 10 and a bit is a length of 1 or 2 and two more; a distance is a 0 and nine bits.
        let bits = "0 01100001 10 0 0 000000000".replace(' ', "");
        let mut packed = vec![0_u8; bits.len().div_ceil(8)];
        for (at, bit) in bits.bytes().enumerate() {
            packed[at / 8] |= (bit - b'0') << (7 - at % 8);
        }
        let mut out = Vec::new();
        Fastest::new(&packed, 4).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"aaaa");
    }

    #[test]
    fn broken_archives_never_panic() {
        let bytes = archive(&[record(0, 0, 1, "a.txt", b"\0\x05one two", b"one")]);
        torture(&bytes, |bytes| drop(open(bytes, &["x".to_string()], &mut budget())));
    }
}
