//! What is where: one small place for each entry, one account for each segment. Content is never held here.
//!
//! A segment can go when nothing in it counts any more: no entry's latest put or meta, and no done record that
//! still has work. A done record works as long as another segment in its range (from the entry's first put to its
//! latest) is there, because that segment may hold a put which, read alone, would bring the entry back.

use super::record::{Kind, RECORD_HEAD_BYTES_U64, RecordHead, Spot};
use crate::base::ids::Id;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Where an entry's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its latest put.
    pub(super) put: Spot,
    /// The record with its latest meta: the put itself or an update after it.
    pub(super) meta: Spot,
    pub(super) put_meta_bytes: u32,
    pub(super) meta_bytes: u32,
    pub(super) content_bytes: u64,
    /// The segment of its first put.
    pub(super) born: u32,
    /// Whether the content is a file of its own.
    pub(super) large: bool,
}

impl Place {
    /// The place of an entry whose put record stands at `spot`; `None` if the record is no put.
    pub(super) fn of_put(spot: Spot, head: &RecordHead) -> Option<Place> {
        let large = match head.kind {
            Kind::Put => false,
            Kind::PutLarge => true,
            Kind::Update | Kind::Done | Kind::Void => return None,
        };
        Some(Place {
            put: spot,
            meta: spot,
            put_meta_bytes: head.meta_bytes,
            meta_bytes: head.meta_bytes,
            content_bytes: head.content_bytes,
            born: head.born,
            large,
        })
    }

    fn put_record_bytes(&self) -> u64 {
        let inline = if self.large { 0 } else { self.content_bytes };
        RECORD_HEAD_BYTES_U64 + u64::from(self.put_meta_bytes) + inline
    }

    fn meta_record_bytes(&self) -> u64 {
        RECORD_HEAD_BYTES_U64 + u64::from(self.meta_bytes)
    }

    /// The segments that may hold a put of this entry.
    pub(super) fn range(&self) -> Range {
        Range { born: self.born, last: self.put.segment }
    }
}

/// The segments a done record works against, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    pub(super) born: u32,
    pub(super) last: u32,
}

/// One segment's account.
#[derive(Debug, Clone, Default)]
pub(super) struct Segment {
    /// Good bytes.
    pub(super) length: u32,
    /// Bytes of records that are some entry's latest put or meta.
    pub(super) live_bytes: u64,
    /// How many done records there are for each range.
    done: BTreeMap<Range, u32>,
    /// Something in it could not be read; it stays until somebody has looked.
    pub(super) pinned: bool,
    /// The file on the platter may be longer than its good bytes, and only the next segment's head says so.
    pub(super) ragged: bool,
}

/// Everything known, shared by the writer and the readers.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) entries: HashMap<Id, Place>,
    pub(super) segments: BTreeMap<u32, Segment>,
    /// Segments removed from a folder that could not be synced: after a power loss they may be back.
    pub(super) ghosts: BTreeSet<u32>,
    /// Metas written but not synced: if the disk fails to sync them, reading them back proves nothing.
    pub(super) fresh: HashMap<Id, Vec<u8>>,
    /// Ids somebody is just putting.
    pub(super) coming: HashSet<Id>,
}

impl Index {
    /// The entry is there, or is now here instead of elsewhere.
    pub(super) fn put(&mut self, id: Id, place: Place) {
        if let Some(before) = self.entries.insert(id, place) {
            self.uncharge(&before);
        }
        self.segment(place.put.segment).live_bytes += place.put_record_bytes();
        if place.meta != place.put {
            self.segment(place.meta.segment).live_bytes += place.meta_record_bytes();
        }
    }

    /// The entry's meta is now at `meta`; false if there is no such entry.
    pub(super) fn renew(&mut self, id: Id, meta: Spot, meta_bytes: u32) -> bool {
        let Some(before) = self.entries.get(&id).copied() else { return false };
        self.put(id, Place { meta, meta_bytes, ..before });
        true
    }

    /// The entry is gone.
    pub(super) fn remove(&mut self, id: Id) -> Option<Place> {
        self.fresh.remove(&id);
        let place = self.entries.remove(&id)?;
        self.uncharge(&place);
        Some(place)
    }

    /// A done record now stands in `segment`.
    pub(super) fn done(&mut self, segment: u32, range: Range) {
        // Within one segment put and done record go together.
        if range != (Range { born: segment, last: segment }) {
            *self.segment(segment).done.entry(range).or_default() += 1;
        }
    }

    /// Whether a done record in `segment` still has work.
    pub(super) fn works(&self, segment: u32, range: Range) -> bool {
        let span = range.born.min(range.last)..=range.last;
        self.segments.range(span.clone()).any(|(number, _)| *number != segment)
            || self.ghosts.range(span).next().is_some()
    }

    /// Bytes of a segment that would have to be written again before it can go.
    pub(super) fn kept_bytes(&self, number: u32) -> u64 {
        let Some(segment) = self.segments.get(&number) else { return 0 };
        let working = segment.done.iter().filter(|(range, _)| self.works(number, **range));
        let done: u64 = working.map(|(_, count)| u64::from(*count)).sum();
        segment.live_bytes.saturating_add(done.saturating_mul(RECORD_HEAD_BYTES_U64))
    }

    /// The account of a segment, opened at its first mention.
    pub(super) fn segment(&mut self, number: u32) -> &mut Segment {
        self.segments.entry(number).or_default()
    }

    fn uncharge(&mut self, place: &Place) {
        let put = self.segment(place.put.segment);
        put.live_bytes = put.live_bytes.saturating_sub(place.put_record_bytes());
        if place.meta != place.put {
            let meta = self.segment(place.meta.segment);
            meta.live_bytes = meta.live_bytes.saturating_sub(place.meta_record_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    fn put(segment: u32, offset: u32, born: u32) -> Place {
        let mut head = RecordHead::new(Kind::Put, Id::default());
        (head.born, head.content_bytes) = (born, 1_000);
        Place::of_put(Spot { segment, offset }, &head).unwrap()
    }

    #[test]
    fn a_segment_is_free_when_its_entries_and_their_metas_are_elsewhere() {
        let id = Id::new(UnixMs(1), [0; 10]);
        let mut index = Index::default();
        index.put(id, put(1, 96, 1));
        assert!(index.renew(id, Spot { segment: 2, offset: 96 }, 10));
        assert_eq!((index.kept_bytes(1), index.kept_bytes(2)), (1_120, 130));
        index.put(id, put(3, 96, 1));
        assert_eq!((index.kept_bytes(1), index.kept_bytes(2), index.kept_bytes(3)), (0, 0, 1_120));
        index.remove(id);
        assert_eq!(index.kept_bytes(3), 0);
    }

    #[test]
    fn a_done_record_works_until_no_other_segment_can_bring_the_entry_back() {
        let mut index = Index::default();
        for number in [1, 4, 5] {
            index.segment(number);
        }
        index.done(5, Range { born: 1, last: 4 });
        assert_eq!(index.kept_bytes(5), 120);
        index.segments.remove(&4);
        assert_eq!(index.kept_bytes(5), 120, "a forgotten copy may still stand in segment 1");
        index.segments.remove(&1);
        assert_eq!(index.kept_bytes(5), 0);
        index.ghosts.insert(4);
        assert_eq!(index.kept_bytes(5), 120, "4 may come back after a power loss");
    }
}
