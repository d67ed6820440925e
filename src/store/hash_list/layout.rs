//! The file of a compiled list, byte by byte. Numbers are little-endian, keys big-endian, so that they sort as they are read.
//!
//! A page of 4,096 bytes with the header · blocks of 4,096 bytes: 170 records and a checksum each · the first key of each block ·
//! the filters · the names of the sources (JSON) · the ends of the tags in their text · the tags' text.
//! A record is key, line, tag; a tag is a source and a threat's name.
//! The header has a checksum of itself and one of everything after the blocks.

use crate::{
    base::{clock::UnixMs, limits},
    learn::listed::Key,
};
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
};

/// Bytes of the header's page.
pub(super) const HEADER_BYTES: usize = 4_096;
/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 4_096;
/// Bytes of a record: key, line, tag.
pub(super) const RECORD_BYTES: usize = KEY_BYTES + 4 + 4;
/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 16;
/// Records of a full block; what is left of it is its checksum.
pub(super) const RECORDS_PER_BLOCK: u64 = 170;
const RECORDS_BYTES: usize = 170 * RECORD_BYTES;
const MAGIC: &[u8; 8] = b"SLUSSHL\x01";

/// One listed thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    pub(super) key: Key,
    pub(super) tag: u32,
    pub(super) line: u32,
}

impl Record {
    pub(super) fn bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let pieces =
            [&self.key.0.to_be_bytes()[..], &self.line.to_le_bytes(), &self.tag.to_le_bytes()];
        for (to, from) in bytes.iter_mut().zip(pieces.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Record> {
        let (key, rest) = bytes.split_first_chunk::<KEY_BYTES>()?;
        let (line, rest) = rest.split_first_chunk::<4>()?;
        let tag = rest.first_chunk::<4>()?;
        Some(Record {
            key: Key(u128::from_be_bytes(*key)),
            line: u32::from_le_bytes(*line),
            tag: u32::from_le_bytes(*tag),
        })
    }
}

/// A block as it is read.
#[derive(Debug)]
pub(super) struct Block {
    bytes: [u8; BLOCK_BYTES],
    records: usize,
}

impl Default for Block {
    fn default() -> Block {
        Block { bytes: [0; BLOCK_BYTES], records: 0 }
    }
}

impl Block {
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Accepts what was read, if its checksum is right. `left` records are in this block and those after it.
    pub(super) fn check(&mut self, left: u64) -> Option<()> {
        let (records, sum) = self.bytes.split_at_checked(RECORDS_BYTES)?;
        let right = sum == block_checksum(records);
        self.records = usize::try_from(left.min(RECORDS_PER_BLOCK)).ok()?;
        right.then_some(())
    }

    /// The record with this key.
    pub(super) fn find(&self, key: Key) -> Option<Record> {
        let wanted = key.0.to_be_bytes();
        let (records, _) = self.bytes.as_chunks::<RECORD_BYTES>();
        let records = records.get(..self.records)?;
        let place = records
            .binary_search_by(|record| record.get(..KEY_BYTES).unwrap_or_default().cmp(&wanted))
            .ok()?;
        Record::read(records.get(place)?)
    }
}

/// Writes a block of at most [`RECORDS_PER_BLOCK`] records.
pub(super) fn block_bytes(records: &[Record]) -> Vec<u8> {
    let mut bytes: Vec<u8> = records.iter().flat_map(Record::bytes).collect();
    bytes.resize(RECORDS_BYTES, 0);
    let sum = block_checksum(&bytes);
    bytes.extend(sum);
    bytes
}

fn block_checksum(records: &[u8]) -> [u8; BLOCK_BYTES - RECORDS_BYTES] {
    blake3::hash(records).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// What the first page says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kinds: u32,
    pub(super) made: UnixMs,
    pub(super) records: u64,
    pub(super) filters_bytes: u64,
    pub(super) sources_bytes: u64,
    pub(super) tags: u64,
    pub(super) tags_bytes: u64,
    pub(super) checksum: [u8; 32],
}

impl Header {
    pub(super) fn blocks(&self) -> u64 {
        self.records.div_ceil(RECORDS_PER_BLOCK)
    }

    pub(super) fn block_at(&self, number: u64) -> u64 {
        count(HEADER_BYTES).saturating_add(number.saturating_mul(count(BLOCK_BYTES)))
    }

    pub(super) fn index_at(&self) -> u64 {
        self.block_at(self.blocks())
    }

    fn tags_at(&self) -> u64 {
        self.index_at()
            .saturating_add(self.blocks().saturating_mul(count(KEY_BYTES)))
            .saturating_add(self.filters_bytes)
            .saturating_add(self.sources_bytes)
    }

    fn tag_text_at(&self) -> u64 {
        self.tags_at().saturating_add(self.tags.saturating_mul(4))
    }

    pub(super) fn file_bytes(&self) -> u64 {
        self.tag_text_at().saturating_add(self.tags_bytes)
    }

    /// The header's page.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.kinds.to_le_bytes());
        let numbers = [
            self.made.0,
            self.records,
            self.filters_bytes,
            self.sources_bytes,
            self.tags,
            self.tags_bytes,
        ];
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(self.checksum);
        bytes.extend(blake3::hash(&bytes).as_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes
    }

    /// Reads it; if not, what is wrong.
    pub(super) fn read(page: &[u8]) -> Result<Header, &'static str> {
        let mut rest =
            page.strip_prefix(MAGIC).ok_or("it does not begin as a list of this version")?;
        let header = take(&mut rest).zip(numbers(&mut rest)).zip(take(&mut rest));
        let ((kinds, numbers), checksum) = header.ok_or("its header is cut off")?;
        let [made, records, filters_bytes, sources_bytes, tags, tags_bytes] = numbers;
        let header = Header {
            kinds: u32::from_le_bytes(kinds),
            made: UnixMs(made),
            records,
            filters_bytes,
            sources_bytes,
            tags,
            tags_bytes,
            checksum,
        };
        match header.bytes() == page && records <= limits::HASH_LIST_ENTRIES_MAX {
            true => Ok(header),
            false => Err("its header is damaged"),
        }
    }

    /// The source and the threat of a tag; nothing if it is damaged.
    pub(super) fn read_tag(&self, file: &File, tag: u32) -> io::Result<Option<(u16, String)>> {
        if u64::from(tag) >= self.tags {
            return Ok(None);
        }
        let end = self.tag_end(file, tag)?;
        let begin = tag.checked_sub(1).map_or(Ok(0), |before| self.tag_end(file, before))?;
        let length = end.checked_sub(begin).and_then(|length| usize::try_from(length).ok());
        let Some(length) = length.filter(|length| *length <= TAG_BYTES_MAX) else {
            return Ok(None);
        };
        let mut text = vec![0; length];
        let at = self.tag_text_at().saturating_add(u64::from(begin));
        file.read_exact_at(&mut text, at)?;
        Ok(text.split_first_chunk::<2>().map(|(source, threat)| {
            (u16::from_le_bytes(*source), String::from_utf8_lossy(threat).into_owned())
        }))
    }

    fn tag_end(&self, file: &File, tag: u32) -> io::Result<u32> {
        let mut end = [0; 4];
        let at = self.tags_at().saturating_add(u64::from(tag).saturating_mul(4));
        file.read_exact_at(&mut end, at)?;
        Ok(u32::from_le_bytes(end))
    }
}

/// A threat's name is ASCII, its source two bytes.
const TAG_BYTES_MAX: usize = limits::HASH_LIST_THREAT_CHARS_MAX + 2;

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

fn numbers(rest: &mut &[u8]) -> Option<[u64; 6]> {
    let mut numbers = [0; 6];
    for number in &mut numbers {
        *number = u64::from_le_bytes(take(rest)?);
    }
    Some(numbers)
}

/// A number of things in memory as one in the file.
pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Reads or writes through a checksum.
#[derive(Debug)]
pub(super) struct Hashing<T> {
    inner: T,
    hasher: blake3::Hasher,
}

impl<T> Hashing<T> {
    pub(super) fn new(inner: T) -> Hashing<T> {
        Hashing { inner, hasher: blake3::Hasher::new() }
    }

    pub(super) fn finish(self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<T: io::Write> io::Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
