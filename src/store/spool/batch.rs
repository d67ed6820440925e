//! Records gathered for one write, and what is true once they are written.

use super::{
    content::HeldFile,
    index::{Index, Place, Range},
    record::{Key, Kind, RecordHead, Spot},
    writer::Reply,
};
use crate::base::ids::Id;
use std::{collections::HashSet, sync::Arc};

/// A record small enough to be kept until it is synced.
#[derive(Debug, Clone)]
pub(super) enum Small {
    Update { id: Id, meta: Vec<u8> },
    Done { id: Id, range: Range, large: bool },
}

/// Records for one write, and what follows from it.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) segment: u32,
    pub(super) start: u32,
    pub(super) settled: u32,
    pub(super) sync: bool,
    pub(super) acts: Vec<Act>,
    pub(super) answers: Vec<Reply>,
    pub(super) putting: HashSet<Id>,
    /// Entries whose meta is changed by it.
    pub(super) updating: HashSet<Id>,
}

/// What is true once a record is written.
#[derive(Debug)]
pub(super) enum Act {
    Stored { id: Id, place: Place, file: Option<Arc<HeldFile>>, answer: Option<Reply> },
    Small { spot: Spot, small: Small },
}

impl Batch {
    /// Where the next record would stand.
    pub(super) fn spot(&self) -> Spot {
        // Options keep a segment with its last batch far below what fits.
        let offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).saturating_add(self.start);
        Spot { segment: self.segment, offset }
    }

    /// A put, of a new entry or of one that moves here.
    pub(super) fn put(&mut self, key: &Key, entry: StagedPut<'_>) {
        let spot = self.spot();
        let kind = if entry.inline.is_some() { Kind::Put } else { Kind::PutLarge };
        let mut head = RecordHead::new(kind, entry.id);
        head.meta_bytes = u32::try_from(entry.meta.len()).unwrap_or(u32::MAX);
        (head.content_bytes, head.hash) = (entry.content_bytes, entry.hash);
        (head.born, head.settled) = (entry.born.unwrap_or(self.segment), self.settled);
        let Some(place) = Place::of_put(spot, &head) else { return };
        head.write(key, spot, entry.meta, &mut self.bytes);
        self.bytes.extend_from_slice(entry.inline.unwrap_or_default());
        self.acts.push(Act::Stored { id: entry.id, place, file: entry.file, answer: entry.answer });
    }

    /// Another meta of an entry.
    pub(super) fn update(&mut self, key: &Key, id: Id, meta: Vec<u8>) {
        let spot = self.spot();
        let mut head = RecordHead::new(Kind::Update, id);
        head.settled = self.settled;
        head.write(key, spot, &meta, &mut self.bytes);
        self.updating.insert(id);
        self.acts.push(Act::Small { spot, small: Small::Update { id, meta } });
    }

    /// An entry is done.
    pub(super) fn done(&mut self, key: &Key, id: Id, range: Range, large: bool) {
        let spot = self.spot();
        let mut head = RecordHead::new(Kind::Done, id);
        (head.born, head.last, head.settled) = (range.born, range.last, self.settled);
        head.write(key, spot, b"", &mut self.bytes);
        self.acts.push(Act::Small { spot, small: Small::Done { id, range, large } });
    }

    pub(super) fn small(&mut self, key: &Key, small: Small) {
        match small {
            Small::Update { id, meta } => self.update(key, id, meta),
            Small::Done { id, range, large } => self.done(key, id, range, large),
        }
    }

    /// Asks for a sync before anything of this counts.
    pub(super) fn must_sync(&mut self) {
        self.sync = true;
    }

    /// How much it has become.
    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// A put about to be written.
#[derive(Debug)]
pub(super) struct StagedPut<'a> {
    pub(super) id: Id,
    pub(super) meta: &'a [u8],
    /// `None` for a large one.
    pub(super) inline: Option<&'a [u8]>,
    pub(super) content_bytes: u64,
    pub(super) hash: [u8; 32],
    /// `None` for an entry born with this record.
    pub(super) born: Option<u32>,
    pub(super) file: Option<Arc<HeldFile>>,
    pub(super) answer: Option<Reply>,
}

impl Index {
    pub(super) fn apply_small(&mut self, spot: Spot, small: &Small, synced: bool) {
        match small {
            Small::Update { id, meta } => {
                let bytes = u32::try_from(meta.len()).unwrap_or(u32::MAX);
                if self.renew(*id, spot, bytes) && !synced {
                    self.fresh.insert(*id, meta.clone());
                } else {
                    self.fresh.remove(id);
                }
            }
            Small::Done { id, range, .. } => {
                self.remove(*id);
                self.done(spot.segment, *range);
            }
        }
    }
}
