//! Reading the whole log when the spool is opened.
//!
//! What it says:
//! - Segments count in the order of their numbers; in one segment, later records count over earlier ones.
//! - A segment's head ends the one before it and voids the numbers in between (see `record`).
//! - In the newest segment, what cannot be read beyond the bytes that a later write knew to be synced is a write that
//!   was never finished, hence never acknowledged: it is cut off, or marked void if good records follow.
//! - Anything else that cannot be read is damage: skipped, copied to `damaged`, reported. If that copy fails, the
//!   segment stays as it is.

use super::{
    Damage, SpoolError, Wrong,
    disk::{Disk, DiskFile, Listed, read_full_at, write_all_at},
    folders::Folders,
    index::{Index, Place, Range},
    record::{
        Key, Kind, RECORD_HEAD_BYTES_U64, RecordHead, SEGMENT_HEAD_BYTES, SEGMENT_HEAD_BYTES_U32,
        SegmentHead, Spot, read_key, write_key,
    },
    scan::{Found, Scanner, WINDOW_BYTES, read_record},
};
use crate::base::ids::Id;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    path::Path,
    sync::Arc,
};

/// What the folders held when the spool was opened.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) index: Index,
    pub(super) damaged: Vec<Damage>,
    pub(super) cut_bytes: u64,
    pub(super) orphans_removed: u64,
    pub(super) orphans_kept: u64,
    pub(super) key: Key,
    /// The newest segment and its good bytes; zeros if there is none.
    pub(super) newest: (u32, u32),
}

/// Reads the whole log.
pub(super) fn recover(disk: &Arc<dyn Disk>, folders: &Folders) -> Result<Recovery, SpoolError> {
    let segments = list_segments(disk, folders)?;
    let key = find_key(disk, folders, &segments)?;
    let mut reader = Reader {
        disk,
        folders,
        key,
        index: Index::default(),
        broken: HashMap::new(),
        nameless: Vec::new(),
        unsettled: None,
        cut_bytes: 0,
    };
    let bounds = reader.bounds(&segments);
    // What a head says of the segments before it is built upon from here on: its name must not go with the power.
    disk.sync_folder(&folders.log).map_err(SpoolError::disk("sync", &folders.log))?;
    let newest = bounds.keys().next_back().copied().unwrap_or(0);
    for (number, bound) in &bounds {
        reader.index.segment(*number);
        reader.read_segment(*number, bound, *number == newest)?;
    }
    let (orphans_removed, orphans_kept) = reader.match_large()?;
    let damaged = reader.keep_damaged();
    let length = reader.index.segments.get(&newest).map_or(0, |segment| segment.length);
    Ok(Recovery {
        index: reader.index,
        damaged,
        cut_bytes: reader.cut_bytes,
        orphans_removed,
        orphans_kept,
        key,
        newest: (newest, length),
    })
}

/// A segment file as it lies in the folder.
struct Lying {
    head: Option<SegmentHead>,
    size: u32,
}

/// How much of a segment counts.
struct Bound {
    size: u32,
    /// Said by the next segment's head.
    good: Option<u32>,
}

fn list_segments(
    disk: &Arc<dyn Disk>,
    folders: &Folders,
) -> Result<BTreeMap<u32, Lying>, SpoolError> {
    let mut segments = BTreeMap::new();
    let listed = disk.list(&folders.log).map_err(SpoolError::disk("list", &folders.log))?;
    for Listed { name, size_bytes } in listed {
        let Some(number) = folders.segment_number(&name) else { continue };
        let path = folders.segment(number);
        let file = disk.open(&path).map_err(SpoolError::disk("open", &path))?;
        let mut bytes = [0; SEGMENT_HEAD_BYTES];
        // A head that cannot be read is as good as a damaged one: the records are still looked for.
        let filled = read_full_at(file.as_ref(), &mut bytes, 0).unwrap_or(0);
        let whole = (filled == SEGMENT_HEAD_BYTES).then_some(bytes);
        let head =
            whole.and_then(|bytes| SegmentHead::read(&bytes)).filter(|head| head.number == number);
        let size = u32::try_from(size_bytes).unwrap_or(u32::MAX);
        segments.insert(number, Lying { head, size });
    }
    Ok(segments)
}

/// The key from any segment, else from its file, else a new one; stored if it is not in its file yet.
fn find_key(
    disk: &Arc<dyn Disk>,
    folders: &Folders,
    segments: &BTreeMap<u32, Lying>,
) -> Result<Key, SpoolError> {
    let filed = read_key_file(disk, folders);
    let known = segments.values().find_map(|lying| lying.head.map(|head| head.key)).or(filed);
    if let Some(key) = known.filter(|_| known == filed) {
        return Ok(key);
    }
    if known.is_none() && segments.values().any(|lying| lying.size > SEGMENT_HEAD_BYTES_U32) {
        // With a new key every record would look like an unfinished write, and be cut off.
        let lost =
            io::Error::new(io::ErrorKind::InvalidData, "neither it nor a segment is readable");
        return Err(SpoolError::disk("find", &folders.key)(lost));
    }
    let key = match known {
        Some(key) => key,
        None => new_key().map_err(SpoolError::disk("make a key for", &folders.root))?,
    };
    match store_key(disk, folders, &key) {
        Ok(()) => Ok(key),
        // Each segment has it too.
        Err(_) if known.is_some() => Ok(key),
        Err(error) => Err(SpoolError::disk("store", &folders.key)(error)),
    }
}

fn read_key_file(disk: &Arc<dyn Disk>, folders: &Folders) -> Option<Key> {
    let file = disk.open(&folders.key).ok()?;
    let mut bytes = vec![0; 64];
    let filled = read_full_at(file.as_ref(), &mut bytes, 0).ok()?;
    read_key(bytes.get(..filled)?)
}

fn new_key() -> io::Result<Key> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(key)
}

fn store_key(disk: &Arc<dyn Disk>, folders: &Folders, key: &Key) -> io::Result<()> {
    // A key file that is there was unreadable; one that is not cannot be removed.
    drop(disk.remove(&folders.key));
    let file = disk.create(&folders.key)?;
    write_all_at(file.as_ref(), &write_key(key), 0)?;
    file.sync_data()?;
    disk.sync_folder(&folders.root)
}

struct Reader<'a> {
    disk: &'a Arc<dyn Disk>,
    folders: &'a Folders,
    key: Key,
    index: Index,
    /// Damage to a record of a known entry: no matter if the entry turns out to be done or whole elsewhere.
    broken: HashMap<Id, Damage>,
    nameless: Vec<Damage>,
    /// From here on nothing is known to have been synced, hence to have been acknowledged.
    unsettled: Option<Spot>,
    cut_bytes: u64,
}

/// Something unreadable, before it is known whether it ever counted.
struct Unread {
    from: u32,
    to: u32,
    id: Option<Id>,
    meta: Option<Vec<u8>>,
    wrong: Wrong,
    /// The entry was done later.
    done: bool,
}

impl Reader<'_> {
    /// A meta that was seen whole a moment ago.
    fn read_meta(&self, spot: Spot) -> Option<Vec<u8>> {
        let file = self.disk.open(&self.folders.segment(spot.segment)).ok()?;
        let (_, meta) = read_record(file.as_ref(), &self.key, spot).ok()?.ok()?;
        Some(meta)
    }

    /// Goes from the newest segment to the oldest, since each head speaks of what was before it.
    fn bounds(&mut self, segments: &BTreeMap<u32, Lying>) -> BTreeMap<u32, Bound> {
        let mut bounds = BTreeMap::new();
        let mut ends: Option<(u32, u64)> = None;
        for (number, lying) in segments.iter().rev() {
            let path = self.folders.segment(*number);
            let end = ends.filter(|(previous, _)| previous == number).map(|(_, bytes)| bytes);
            let voided = ends.is_some_and(|(previous, _)| *number > previous);
            let empty =
                lying.head.is_none() && lying.size <= SEGMENT_HEAD_BYTES_U32 && end.is_none();
            if voided || empty {
                // The disk or the machine failed while it was being made: nothing in it was ever acknowledged.
                self.cut_bytes += u64::from(lying.size);
                drop(self.disk.remove(&path));
                continue;
            }
            let missing = end.map_or(0, |end| end.saturating_sub(u64::from(lying.size)));
            if missing > 0 {
                self.nameless.push(Damage::new(
                    path.clone(),
                    u64::from(lying.size),
                    missing,
                    Wrong::SegmentLength,
                ));
            }
            let good = end.map(|end| u32::try_from(end).unwrap_or(u32::MAX).min(lying.size));
            bounds.insert(*number, Bound { size: lying.size, good });
            match lying.head {
                Some(head) => ends = Some((head.previous, head.previous_bytes)),
                None => {
                    ends = None;
                    self.nameless.push(Damage::new(
                        path,
                        0,
                        u64::from(SEGMENT_HEAD_BYTES_U32),
                        Wrong::SegmentHead,
                    ));
                }
            }
        }
        bounds
    }

    fn read_segment(&mut self, number: u32, bound: &Bound, newest: bool) -> Result<(), SpoolError> {
        let end = bound.good.unwrap_or(bound.size);
        // One at a time: a long queue has more segments than a process may hold open.
        let path = self.folders.segment(number);
        let file = self.disk.open(&path).map_err(SpoolError::disk("open", &path))?;
        let mut scanner = Scanner::new(file.clone(), self.key, number, end).checking_content();
        let mut unread = Vec::new();
        // Whether a damaged place matters is known only at the end of the segment.
        let mut done_since = HashSet::new();
        let mut settled = 0;
        let mut good_end = SEGMENT_HEAD_BYTES_U32.min(end);
        while let Some(found) = scanner.next() {
            let to = scanner.at();
            match found {
                Found::Gap { from, to } => {
                    let wrong = Wrong::Head;
                    unread.push(Unread { from, to, id: None, meta: None, wrong, done: false });
                }
                Found::Record { spot, head, meta, content_good } => {
                    settled = settled.max(head.settled);
                    if head.kind == Kind::Done && !unread.is_empty() {
                        done_since.insert(head.id);
                    }
                    match self.take(spot, &head, meta, content_good) {
                        None => good_end = to,
                        Some((meta, wrong)) => {
                            let id = Some(head.id);
                            let from = spot.offset;
                            unread.push(Unread { from, to, id, meta, wrong, done: false });
                        }
                    }
                }
            }
        }
        let unreadable = scanner.met_unreadable();
        // Before this, everything was once synced; only damage explains what cannot be read there.
        let floor = if newest && !unreadable { settled } else { end };
        let length = if newest && !unreadable { good_end.max(floor.min(end)) } else { end };
        for mut place in unread {
            place.done = place.id.is_some_and(|id| done_since.contains(&id));
            self.unread(number, file.as_ref(), place, (floor, length));
        }
        if newest && !unreadable {
            self.unsettled = Some(Spot { segment: number, offset: floor });
        }
        let segment = self.index.segment(number);
        segment.length = length;
        segment.pinned |= unreadable;
        // Cut off it may be in memory alone: until it is synced so, its end stands in the next head.
        segment.ragged = !newest && bound.good.is_some();
        if newest {
            self.close_newest(number, file.as_ref(), (settled, length))?;
        }
        Ok(())
    }

    /// Takes one record into the index; `Some` with the meta and the reason if it cannot be used.
    fn take(
        &mut self,
        spot: Spot,
        head: &RecordHead,
        meta: Option<Vec<u8>>,
        content_good: bool,
    ) -> Option<(Option<Vec<u8>>, Wrong)> {
        match (head.kind, Place::of_put(spot, head)) {
            (Kind::Void, _) => None,
            (Kind::Done, _) => {
                let range = Range { born: head.born, last: head.last };
                self.index.done(spot.segment, range);
                self.index.remove(head.id);
                self.broken.remove(&head.id);
                None
            }
            (_, Some(place)) => match meta {
                Some(_) if content_good => {
                    self.index.put(head.id, place);
                    None
                }
                Some(meta) => Some((Some(meta), Wrong::Content)),
                None => Some((None, Wrong::Meta)),
            },
            (_, None) => match meta {
                Some(meta) => {
                    // An update whose put is not before it is older than the copy of the put that follows.
                    if !self.index.renew(head.id, spot, head.meta_bytes)
                        && let Some(damage) = self.broken.get_mut(&head.id)
                    {
                        damage.meta = Some(meta);
                    }
                    None
                }
                None => Some((None, Wrong::Meta)),
            },
        }
    }

    fn unread(
        &mut self,
        number: u32,
        file: &dyn DiskFile,
        place: Unread,
        (floor, length): (u32, u32),
    ) {
        let bytes = u64::from(place.to.saturating_sub(place.from));
        if place.from >= floor {
            self.cut_bytes += bytes;
            if place.from < length {
                self.void(number, file, place.from, bytes);
            }
            return;
        }
        if place.done {
            return;
        }
        let path = self.folders.segment(number);
        let mut damage = Damage::new(path, u64::from(place.from), bytes, place.wrong);
        damage.segment = Some(number);
        (damage.id, damage.meta) = (place.id, place.meta);
        match place.id {
            Some(id) => drop(self.broken.insert(id, damage)),
            None => self.nameless.push(damage),
        }
    }

    /// Marks an unfinished write as nothing, so that it is not taken for damage once the segment is an old one.
    fn void(&self, number: u32, file: &dyn DiskFile, from: u32, bytes: u64) {
        let mut head = RecordHead::new(Kind::Void, Id::default());
        head.content_bytes = bytes.saturating_sub(RECORD_HEAD_BYTES_U64);
        if head.record_bytes() == bytes {
            let mut out = Vec::new();
            head.write(&self.key, Spot { segment: number, offset: from }, b"", &mut out);
            // If the disk does not take it, the next start tries again.
            drop(write_all_at(file, &out, u64::from(from)));
        }
    }

    /// What was read here is what the next segment builds upon, so it must not vanish after all.
    ///
    /// Syncing is not enough: if a sync failed before we were started, the kernel holds these bytes for clean and
    /// would not write them again. So what nothing proves to be synced is written once more, at its own place.
    fn close_newest(
        &self,
        number: u32,
        file: &dyn DiskFile,
        (floor, length): (u32, u32),
    ) -> Result<(), SpoolError> {
        // The next segment's head will say so too; a read-only disk need not stop us here.
        drop(file.truncate(u64::from(length)));
        let path = self.folders.segment(number);
        match write_again(file, floor, length) {
            // Nothing can be acknowledged upon it either, until the disk is writable and the spool opened again.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Ok(()),
            done => done.map_err(SpoolError::disk("sync", &path)),
        }
    }

    /// Compares the files of large mails with the entries: (orphans removed, orphans kept).
    fn match_large(&mut self) -> Result<(u64, u64), SpoolError> {
        let folder = &self.folders.large;
        let listed = self.disk.list(folder).map_err(SpoolError::disk("list", folder))?;
        let files: HashMap<String, u64> =
            listed.into_iter().map(|file| (file.name, file.size_bytes)).collect();
        let large: Vec<(Id, Place)> = self
            .index
            .entries
            .iter()
            .filter(|(_, place)| place.large)
            .map(|(id, place)| (*id, *place))
            .collect();
        for (id, place) in large {
            let size = files.get(&id.to_string());
            if size == Some(&place.content_bytes) {
                continue;
            }
            self.index.remove(id);
            if self.unsettled.is_some_and(|from| place.put >= from) {
                // The put failed and its file went; the record of it was left behind.
                self.cut_bytes += RECORD_HEAD_BYTES_U64 + u64::from(place.put_meta_bytes);
                continue;
            }
            let wrong = if size.is_some() { Wrong::FileLength } else { Wrong::FileMissing };
            let path = self.folders.large_file(id);
            let damage = Damage::new(path, 0, size.copied().unwrap_or(0), wrong);
            let meta = self.read_meta(place.meta);
            self.broken.insert(id, Damage { id: Some(id), meta, ..damage });
        }
        self.broken.retain(|id, _| !self.index.entries.contains_key(id));
        // With a hole in the log, a file without a record may be a mail whose record was there.
        let whole = self.broken.is_empty() && self.nameless.is_empty();
        let (mut removed, mut kept) = (0, 0);
        for name in files.keys() {
            let owned = Id::parse(name).is_ok_and(|id| self.index.entries.contains_key(&id));
            if owned {
                continue;
            }
            if whole && self.disk.remove(&folder.join(name)).is_ok() {
                removed += 1;
            } else {
                kept += 1;
            }
        }
        Ok((removed, kept))
    }

    /// Copies damaged places to the `damaged` folder; a segment of which that fails stays.
    fn keep_damaged(&mut self) -> Vec<Damage> {
        let mut damaged: Vec<Damage> =
            self.nameless.drain(..).chain(self.broken.drain().map(|(_, damage)| damage)).collect();
        damaged.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
        for damage in &mut damaged {
            let Some(number) = damage.segment else { continue };
            let to = self.folders.damaged_piece(number, damage.offset);
            match keep_piece(self.disk.as_ref(), damage, &to, &self.folders.damaged) {
                Ok(()) => damage.kept = Some(to),
                Err(_) => self.index.segment(number).pinned = true,
            }
        }
        damaged
    }
}

fn write_again(file: &dyn DiskFile, from: u32, to: u32) -> io::Result<()> {
    let (mut at, end) = (u64::from(from), u64::from(to));
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(WINDOW_BYTES)];
        let count = read_full_at(file, &mut bytes, at)?;
        if count == 0 {
            break;
        }
        write_all_at(file, bytes.get(..count).unwrap_or_default(), at)?;
        at += u64::try_from(count).unwrap_or(u64::MAX);
    }
    file.sync_data()
}

fn keep_piece(disk: &dyn Disk, damage: &Damage, to: &Path, folder: &Path) -> io::Result<()> {
    let from = disk.open(&damage.file)?;
    let piece = match disk.create(to) {
        Ok(piece) => piece,
        // From an earlier start, perhaps not to its end: write it again.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(to)?,
        Err(error) => return Err(error),
    };
    let mut done = 0;
    while done < damage.bytes {
        let left = usize::try_from(damage.bytes - done).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(WINDOW_BYTES)];
        let count = read_full_at(from.as_ref(), &mut bytes, damage.offset + done)?;
        if count == 0 {
            break;
        }
        write_all_at(piece.as_ref(), bytes.get(..count).unwrap_or_default(), done)?;
        done += u64::try_from(count).unwrap_or(u64::MAX);
    }
    piece.sync_data()?;
    disk.sync_folder(folder)
}
