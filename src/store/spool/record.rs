//! The bytes of a segment file, format 1. All numbers are little endian.
//!
//! ```text
//! segment head, 96 bytes                          record head, 120 bytes
//!   0  8  "slussSG1"                                0  8  "slussRC1"
//!   8  4  format, 1                                 8  1  kind: 1 put, 2 put large, 3 update, 4 done, 5 void
//!  12  4  segment number, also the file's name      9  3  zero
//!  16  8  made, milliseconds since 1970            12  4  bytes of meta
//!  24  4  number of the segment before, or 0       16  8  bytes of content
//!  28  4  zero                                     24 16  id
//!  32  8  good bytes of the segment before         40  4  born: segment of the entry's first put
//!  40 40  the spool's key, 32 bytes, and 8 zeros   44  4  last: segment of its latest put (done only)
//!  80 16  blake3 of bytes 0 to 80                  48  4  settled: bytes of this segment synced before this write
//!                                                  52  4  zero
//!                                                  56 32  blake3 of the content
//!                                                  88 16  keyed blake3 of the meta
//!                                                 104 16  keyed blake3 of segment number, offset, bytes 0 to 104
//! ```
//! After a record head come the meta and, for put and void, the content. Hashes shorter than 32 bytes are the first bytes.
//!
//! Record heads are checked under a key that is made once for each spool and known to nobody who sends mail:
//! a mail whose text looks like records can never be read as records, even when the search for the next good
//! record after a damaged place runs through it. Number and offset are under the check, so bytes that a disk
//! wrote to the wrong place are not taken for records either.
//!
//! A segment's head ends the segment before it: bytes there beyond the good ones were refused, and every number
//! in between was a segment that failed at birth.

use crate::base::{clock::UnixMs, ids::Id};

/// The key of a spool: random, stored in its `key` file and again in each segment head.
pub(super) type Key = [u8; 32];

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) segment: u32,
    pub(super) offset: u32,
}

/// What a record does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An entry with its content in the record.
    Put,
    /// An entry with its content in a file of its own.
    PutLarge,
    /// Another meta for an entry.
    Update,
    /// The entry is gone.
    Done,
    /// Nothing: a place where a write was never finished.
    Void,
}

/// The fixed part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) kind: Kind,
    pub(super) meta_bytes: u32,
    pub(super) content_bytes: u64,
    pub(super) id: Id,
    pub(super) born: u32,
    pub(super) last: u32,
    pub(super) settled: u32,
    pub(super) hash: [u8; 32],
    meta_check: [u8; 16],
}

impl RecordHead {
    /// A head for a record without content; the other fields are set by name.
    pub(super) fn new(kind: Kind, id: Id) -> RecordHead {
        RecordHead {
            kind,
            meta_bytes: 0,
            content_bytes: 0,
            id,
            born: 0,
            last: 0,
            settled: 0,
            hash: [0; 32],
            meta_check: [0; 16],
        }
    }

    /// Appends head and meta to `out`; the content, if the kind has any, is the caller's to append.
    pub(super) fn write(&self, key: &Key, spot: Spot, meta: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend(RECORD_MAGIC);
        out.extend([self.kind.code(), 0, 0, 0]);
        out.extend(u32::try_from(meta.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(self.content_bytes.to_le_bytes());
        out.extend(self.id.to_bytes());
        out.extend(self.born.to_le_bytes());
        out.extend(self.last.to_le_bytes());
        out.extend(self.settled.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.hash);
        out.extend(meta_check(key, meta));
        let check = head_check(key, spot, out.get(start..).unwrap_or_default());
        out.extend(check);
        out.extend(meta);
    }

    /// Reads a head that stands at `spot`; `None` if it is none, or was changed, or belongs elsewhere.
    pub(super) fn read(
        key: &Key,
        spot: Spot,
        bytes: &[u8; RECORD_HEAD_BYTES],
    ) -> Option<RecordHead> {
        let (checked, check) = bytes.split_last_chunk::<16>()?;
        // The magic first: it is all that most wrong places cost.
        let mut fields = Fields(checked);
        if fields.take::<8>()? != *RECORD_MAGIC || head_check(key, spot, checked) != *check {
            return None;
        }
        let [kind, ..] = fields.take::<4>()?;
        let meta_bytes = u32::from_le_bytes(fields.take()?);
        let content_bytes = u64::from_le_bytes(fields.take()?);
        let id = Id::from_bytes(fields.take()?);
        let born = u32::from_le_bytes(fields.take()?);
        let last = u32::from_le_bytes(fields.take()?);
        let settled = u32::from_le_bytes(fields.take()?);
        fields.take::<4>()?;
        let hash = fields.take()?;
        let meta_check = fields.take()?;
        let kind = Kind::of(kind)?;
        Some(RecordHead {
            kind,
            meta_bytes,
            content_bytes,
            id,
            born,
            last,
            settled,
            hash,
            meta_check,
        })
    }

    /// Whether this is the meta that was written with the head.
    pub(super) fn has_meta(&self, key: &Key, meta: &[u8]) -> bool {
        meta_check(key, meta) == self.meta_check
    }

    /// Bytes after the meta that belong to the record.
    pub(super) fn inline_bytes(&self) -> u64 {
        match self.kind {
            Kind::Put | Kind::Void => self.content_bytes,
            Kind::PutLarge | Kind::Update | Kind::Done => 0,
        }
    }

    /// The whole record.
    pub(super) fn record_bytes(&self) -> u64 {
        RECORD_HEAD_BYTES_U64
            .saturating_add(u64::from(self.meta_bytes))
            .saturating_add(self.inline_bytes())
    }
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Kind::Put => 1,
            Kind::PutLarge => 2,
            Kind::Update => 3,
            Kind::Done => 4,
            Kind::Void => 5,
        }
    }

    fn of(code: u8) -> Option<Kind> {
        [Kind::Put, Kind::PutLarge, Kind::Update, Kind::Done, Kind::Void]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// The first bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHead {
    pub(super) number: u32,
    pub(super) made: UnixMs,
    /// The segment that was written before this one; 0 for the first.
    pub(super) previous: u32,
    /// How much of that one counts.
    pub(super) previous_bytes: u64,
    pub(super) key: Key,
}

impl SegmentHead {
    /// The bytes of the head.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEAD_BYTES);
        out.extend(SEGMENT_MAGIC);
        out.extend(FORMAT.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        out.extend(self.made.0.to_le_bytes());
        out.extend(self.previous.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.previous_bytes.to_le_bytes());
        out.extend(self.key);
        out.extend([0; 8]);
        let check = short(blake3::hash(&out));
        out.extend(check);
        out
    }

    /// Reads a head; `None` if it is none, or was changed, or is of another format.
    pub(super) fn read(bytes: &[u8; SEGMENT_HEAD_BYTES]) -> Option<SegmentHead> {
        let (checked, check) = bytes.split_last_chunk::<16>()?;
        if short(blake3::hash(checked)) != *check {
            return None;
        }
        let mut fields = Fields(checked);
        let magic = fields.take::<8>()?;
        let format = u32::from_le_bytes(fields.take()?);
        if magic != *SEGMENT_MAGIC || format != FORMAT {
            return None;
        }
        let number = u32::from_le_bytes(fields.take()?);
        let made = UnixMs(u64::from_le_bytes(fields.take()?));
        let previous = u32::from_le_bytes(fields.take()?);
        fields.take::<4>()?;
        let previous_bytes = u64::from_le_bytes(fields.take()?);
        let key = fields.take()?;
        Some(SegmentHead { number, made, previous, previous_bytes, key })
    }
}

/// The bytes of the `key` file: the key and the first half of its blake3.
pub(super) fn write_key(key: &Key) -> Vec<u8> {
    let mut out = key.to_vec();
    out.extend(short(blake3::hash(key)));
    out
}

/// Reads what [`write_key`] wrote.
pub(super) fn read_key(bytes: &[u8]) -> Option<Key> {
    let (key, check) = bytes.split_first_chunk::<32>()?;
    (short(blake3::hash(key)) == check).then_some(*key)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

fn meta_check(key: &Key, meta: &[u8]) -> [u8; 16] {
    short(blake3::keyed_hash(key, meta))
}

fn head_check(key: &Key, spot: Spot, head: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&spot.segment.to_le_bytes());
    hasher.update(&spot.offset.to_le_bytes());
    hasher.update(head);
    short(hasher.finalize())
}

fn short(hash: blake3::Hash) -> [u8; 16] {
    hash.as_bytes().first_chunk::<16>().copied().unwrap_or_default()
}

/// Every record begins with this; the search for the next good record looks for it.
pub(super) const RECORD_MAGIC: &[u8; 8] = b"slussRC1";
/// The fixed part of a record.
pub(super) const RECORD_HEAD_BYTES: usize = 120;
/// The same, for offsets.
pub(super) const RECORD_HEAD_BYTES_U64: u64 = 120;
/// The first record of a segment stands here.
pub(super) const SEGMENT_HEAD_BYTES: usize = 96;
/// The same, for offsets.
pub(super) const SEGMENT_HEAD_BYTES_U32: u32 = 96;

const SEGMENT_MAGIC: &[u8; 8] = b"slussSG1";
const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 32];
    const SPOT: Spot = Spot { segment: 3, offset: 96 };

    fn written() -> Vec<u8> {
        let mut head = RecordHead::new(Kind::Put, Id::new(UnixMs(5), [1; 10]));
        (head.content_bytes, head.born, head.settled) = (2, 3, 96);
        head.hash = *blake3::hash(b"hi").as_bytes();
        let mut out = Vec::new();
        head.write(&KEY, SPOT, b"meta", &mut out);
        out
    }

    #[test]
    fn a_record_head_is_read_as_written() {
        let bytes = written();
        let head = RecordHead::read(&KEY, SPOT, bytes.first_chunk().unwrap()).unwrap();
        assert_eq!((head.kind, head.meta_bytes, head.content_bytes), (Kind::Put, 4, 2));
        assert_eq!((head.born, head.settled, head.record_bytes()), (3, 96, 126));
        assert_eq!(head.id, Id::new(UnixMs(5), [1; 10]));
        assert!(head.has_meta(&KEY, b"meta") && !head.has_meta(&KEY, b"mete"));
    }

    #[test]
    fn any_changed_bit_another_place_or_another_key_is_no_record() {
        let bytes = written();
        for at in 0..RECORD_HEAD_BYTES * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(RecordHead::read(&KEY, SPOT, changed.first_chunk().unwrap()), None, "{at}");
        }
        let head = bytes.first_chunk().unwrap();
        assert_eq!(RecordHead::read(&KEY, Spot { segment: 4, ..SPOT }, head), None);
        assert_eq!(RecordHead::read(&KEY, Spot { offset: 97, ..SPOT }, head), None);
        assert_eq!(RecordHead::read(&[8; 32], SPOT, head), None);
    }

    #[test]
    fn a_segment_head_and_a_key_are_read_as_written() {
        let head = SegmentHead {
            number: 9,
            made: UnixMs(77),
            previous: 7,
            previous_bytes: 1_000,
            key: KEY,
        };
        let bytes = head.write();
        assert_eq!(SegmentHead::read(bytes.first_chunk().unwrap()), Some(head));
        for at in 0..SEGMENT_HEAD_BYTES {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(SegmentHead::read(changed.first_chunk().unwrap()), None, "{at}");
        }
        assert_eq!(read_key(&write_key(&KEY)), Some(KEY));
        assert_eq!(read_key(&write_key(&KEY)[..40]), None);
    }
}
