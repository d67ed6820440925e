//! Reading a segment record by record, past damaged places.

use super::{
    Wrong,
    disk::{DiskFile, read_full_at},
    record::{
        Key, Kind, RECORD_HEAD_BYTES, RECORD_HEAD_BYTES_U64, RECORD_MAGIC, RecordHead,
        SEGMENT_HEAD_BYTES_U32, Spot,
    },
};
use crate::base::limits;
use std::{io, sync::Arc};

/// What stands at the next place of a segment.
#[derive(Debug)]
pub(super) enum Found {
    /// A record whose head is good.
    Record {
        spot: Spot,
        head: RecordHead,
        /// `None` if it is not the meta that was written.
        meta: Option<Vec<u8>>,
        /// Whether the inline content is what was written; not looked at unless asked.
        content_good: bool,
    },
    /// Bytes that are no record.
    Gap { from: u32, to: u32 },
}

/// Walks through the records of one segment.
#[derive(Debug)]
pub(super) struct Scanner {
    window: Window,
    key: Key,
    segment: u32,
    at: u32,
    end: u32,
    check_content: bool,
}

impl Scanner {
    /// Begins after the segment's head; nothing from `end` on is looked at.
    pub(super) fn new(file: Arc<dyn DiskFile>, key: Key, segment: u32, end: u32) -> Scanner {
        let window =
            Window { file, start: 0, buffer: Vec::new(), end: u64::from(end), unreadable: false };
        Scanner { window, key, segment, at: SEGMENT_HEAD_BYTES_U32, end, check_content: false }
    }

    /// Compares inline content with its hash too.
    pub(super) fn checking_content(self) -> Scanner {
        Scanner { check_content: true, ..self }
    }

    /// Whether the disk refused to give some of the bytes so far; they were taken for zeros.
    pub(super) fn met_unreadable(&self) -> bool {
        self.window.unreadable
    }

    /// Where the next record would begin.
    pub(super) fn at(&self) -> u32 {
        self.at
    }

    fn head_at(&mut self, at: u32) -> Option<RecordHead> {
        let bytes = self.window.view(u64::from(at), RECORD_HEAD_BYTES).first_chunk()?;
        let head = RecordHead::read(&self.key, Spot { segment: self.segment, offset: at }, bytes)?;
        let fits = u64::from(at).checked_add(head.record_bytes())? <= u64::from(self.end);
        fits.then_some(head)
    }

    fn record(&mut self, head: RecordHead) -> Option<Found> {
        let spot = Spot { segment: self.segment, offset: self.at };
        let meta_bytes = usize::try_from(head.meta_bytes).ok()?;
        let meta_at = u64::from(self.at) + RECORD_HEAD_BYTES_U64;
        let meta = self.window.view(meta_at, meta_bytes).to_vec();
        let meta = head.has_meta(&self.key, &meta).then_some(meta);
        let content_at = meta_at + u64::from(head.meta_bytes);
        let content_good = match head.kind {
            Kind::Put if self.check_content => {
                self.hash(content_at, head.content_bytes) == head.hash
            }
            Kind::Put | Kind::PutLarge | Kind::Update | Kind::Done | Kind::Void => true,
        };
        self.at = u32::try_from(u64::from(self.at) + head.record_bytes()).ok()?;
        Some(Found::Record { spot, head, meta, content_good })
    }

    fn hash(&mut self, at: u64, bytes: u64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut done = 0;
        while done < bytes {
            let want = usize::try_from(bytes - done).unwrap_or(usize::MAX).min(WINDOW_BYTES);
            let piece = self.window.view(at + done, want);
            if piece.is_empty() {
                break;
            }
            hasher.update(piece);
            done += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        }
        *hasher.finalize().as_bytes()
    }

    /// The first place after `self.at` where a good record head stands, or the end.
    fn next_good(&mut self) -> u32 {
        let mut from = self.at.saturating_add(1);
        while from < self.end {
            let piece = self.window.view(u64::from(from), WINDOW_BYTES);
            let Some(found) = memchr::memmem::find(piece, RECORD_MAGIC) else {
                // The magic may lie across the end of this piece.
                let past = piece.len().saturating_sub(RECORD_MAGIC.len() - 1).max(1);
                from = from.saturating_add(u32::try_from(past).unwrap_or(u32::MAX));
                continue;
            };
            let at = from.saturating_add(u32::try_from(found).unwrap_or(u32::MAX));
            if self.head_at(at).is_some() {
                return at;
            }
            from = at.saturating_add(1);
        }
        self.end
    }
}

impl Iterator for Scanner {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.at >= self.end {
            return None;
        }
        if let Some(head) = self.head_at(self.at) {
            return self.record(head);
        }
        let from = self.at;
        self.at = self.next_good();
        Some(Found::Gap { from, to: self.at })
    }
}

/// A piece of a file in memory, moved along as it is read.
#[derive(Debug)]
struct Window {
    file: Arc<dyn DiskFile>,
    start: u64,
    buffer: Vec<u8>,
    end: u64,
    unreadable: bool,
}

impl Window {
    /// The bytes from `at`, as many as asked or as there are.
    fn view(&mut self, at: u64, count: usize) -> &[u8] {
        let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let count = count.min(left);
        if self.within(at, count).is_none() {
            self.fill(at, count.max(WINDOW_BYTES).min(left));
        }
        self.within(at, count).unwrap_or_default()
    }

    fn within(&self, at: u64, count: usize) -> Option<&[u8]> {
        let skip = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.buffer.get(skip..skip.checked_add(count)?)
    }

    fn fill(&mut self, at: u64, count: usize) {
        self.start = at;
        self.buffer.clear();
        self.buffer.resize(count, 0);
        match read_full_at(self.file.as_ref(), &mut self.buffer, at) {
            Ok(filled) => self.buffer.truncate(filled),
            Err(_) => self.fill_what_can_be_read(at),
        }
    }

    /// A bad sector must not cost the mails around it.
    fn fill_what_can_be_read(&mut self, at: u64) {
        self.unreadable = true;
        let (mut rest, mut block_at) = (self.buffer.as_mut_slice(), at);
        while !rest.is_empty() {
            // Up to the end of a sector, so that one bad sector spoils no other.
            let until_end = SECTOR_BYTES - block_at % SECTOR_BYTES;
            let count = usize::try_from(until_end).unwrap_or(usize::MAX).min(rest.len());
            let (block, after) = rest.split_at_mut(count);
            if read_full_at(self.file.as_ref(), block, block_at).is_err() {
                block.fill(0);
            }
            (rest, block_at) = (after, block_at.saturating_add(until_end));
        }
    }
}

/// Reads one record that the index knows of, with its meta.
pub(super) fn read_record(
    file: &dyn DiskFile,
    key: &Key,
    spot: Spot,
) -> io::Result<Result<(RecordHead, Vec<u8>), Wrong>> {
    let mut head = [0; RECORD_HEAD_BYTES];
    let at = u64::from(spot.offset);
    if read_full_at(file, &mut head, at)? != RECORD_HEAD_BYTES {
        return Ok(Err(Wrong::Head));
    }
    let Some(head) = RecordHead::read(key, spot, &head) else { return Ok(Err(Wrong::Head)) };
    let mut meta = vec![0; usize::try_from(head.meta_bytes).unwrap_or(0)];
    read_full_at(file, &mut meta, at + RECORD_HEAD_BYTES_U64)?;
    if !head.has_meta(key, &meta) {
        return Ok(Err(Wrong::Meta));
    }
    Ok(Ok((head, meta)))
}

/// Reads the inline content of a record and compares it with its hash.
pub(super) fn read_inline(
    file: &dyn DiskFile,
    spot: Spot,
    head: &RecordHead,
) -> io::Result<Result<Vec<u8>, Wrong>> {
    let at = u64::from(spot.offset) + RECORD_HEAD_BYTES_U64 + u64::from(head.meta_bytes);
    let Ok(size) = usize::try_from(head.inline_bytes()) else { return Ok(Err(Wrong::Content)) };
    let mut content = vec![0; size];
    if read_full_at(file, &mut content, at)? != size
        || *blake3::hash(&content).as_bytes() != head.hash
    {
        return Ok(Err(Wrong::Content));
    }
    Ok(Ok(content))
}

/// Bytes read at a time.
pub(super) const WINDOW_BYTES: usize = 1 << 20;
/// What a disk that cannot read is asked for at a time.
const SECTOR_BYTES: u64 = 4_096;
// A meta and its head must fit into what is viewed at once without growing beyond reason.
const _: () = assert!(limits::SPOOL_META_BYTES_MAX <= 16 << 20);
