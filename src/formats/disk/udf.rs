//! UDF 1.02 to 2.60 over ECMA-167: physical, sparable and metadata partitions; files with short, long and embedded allocation; named streams.
//!
//! Checksums of tags are not asked: a system that does not ask shows the files.

use super::{
    files::{self, Content, Listed, Run, gather, joined},
    image::Volume,
};
use crate::{
    base::limits,
    formats::{
        budget::Stopped,
        keep,
        numbers::{array, byte, from, le16, le32, le64, part, utf16_be, wide},
        opened::{Opened, Role},
    },
};
use std::{
    cell::Cell,
    collections::{HashSet, VecDeque},
};

/// Is there a recognition sequence (ECMA-167 part 2 section 9) or an anchor?
pub(super) fn is_udf(volume: Volume<'_>) -> bool {
    (16..40).any(|sector| {
        matches!(&volume.read(sector * SECTOR + 1, 5)[..], b"NSR02" | b"NSR03" | b"BEA01")
    }) || is_anchor(&volume.read(256 * SECTOR, 16), 256)
}

/// An anchor says where it stands, ECMA-167 part 3 section 7.2.8.
fn is_anchor(bytes: &[u8], place: u32) -> bool {
    tag(bytes) == Some(ANCHOR) && le32(bytes, 12) == Some(place)
}

/// All files of the volume.
pub(super) fn list(volume: Volume<'_>, opened: &mut Opened) -> Vec<Listed> {
    let Some(mut disc) = Disc::find(volume) else { return Vec::new() };
    disc.walk(opened);
    disc.files
}

/// A place in a partition: `long_ad`, ECMA-167 part 4 section 14.14.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    bytes: u64,
    block: u64,
    partition: u16,
}

/// How blocks of a partition reference are found.
enum Map {
    /// From here on.
    Physical { start: u64 },
    /// In the extents of a file on the disc, UDF 2.50 section 2.2.10.
    Metadata { runs: Vec<Run> },
    /// Not known how.
    Unknown,
}

/// A file entry: what it is and where its bytes stand.
struct Entry {
    kind: u8,
    size: u64,
    content: Content,
    streams: Option<Place>,
}

struct Disc<'a> {
    volume: Volume<'a>,
    block_bytes: u64,
    maps: Vec<Map>,
    folders: VecDeque<(Place, String)>,
    seen: HashSet<Place>,
    bytes_left: u64,
    runs_left: Cell<usize>,
    files: Vec<Listed>,
}

impl<'a> Disc<'a> {
    /// By the anchors, ECMA-167 part 3 section 8.4.2.1.
    fn find(volume: Volume<'a>) -> Option<Disc<'a>> {
        // Discs have sectors of 2,048 bytes, sticks and drives of 512 or 4,096.
        [2_048, 512, 4_096].into_iter().find_map(|sector| {
            let last = (volume.size() / sector).saturating_sub(1);
            [256, last.saturating_sub(256), last, 512].into_iter().find_map(|at| {
                let anchor = volume.read(at.saturating_mul(sector), 512);
                if tag(&anchor)? != ANCHOR {
                    return None;
                }
                [(16, 20), (24, 28)].into_iter().find_map(|(count, place)| {
                    let bytes = u64::from(le32(&anchor, count)?);
                    let start = u64::from(le32(&anchor, place)?).saturating_mul(sector);
                    Disc::by_descriptors(volume, start, bytes, sector)
                })
            })
        })
    }

    fn by_descriptors(volume: Volume<'a>, start: u64, bytes: u64, sector: u64) -> Option<Disc<'a>> {
        let (mut partitions, mut logical) = (Vec::new(), None);
        let count = (bytes / sector).clamp(1, limits::VOLUME_DESCRIPTORS_MAX);
        for place in 0..count {
            let descriptor = volume.read(start.saturating_add(place * sector), sector.max(1_024));
            match tag(&descriptor) {
                Some(PARTITION) => {
                    if let (Some(number), Some(first)) =
                        (le16(&descriptor, 22), le32(&descriptor, 188))
                    {
                        partitions.push((number, u64::from(first).saturating_mul(sector)));
                    }
                }
                Some(LOGICAL_VOLUME) => logical = Some(descriptor),
                Some(TERMINATOR) => break,
                _ => (),
            }
        }
        let logical = logical?;
        let told = u64::from(le32(&logical, 212)?);
        let block_bytes = if (512..=65_536).contains(&told) { told } else { sector };
        let mut disc = Disc {
            volume,
            block_bytes,
            maps: Vec::new(),
            folders: VecDeque::new(),
            seen: HashSet::new(),
            bytes_left: limits::DISK_FOLDER_BYTES_MAX,
            runs_left: Cell::new(limits::DISK_RUNS_MAX),
            files: Vec::new(),
        };
        disc.read_maps(&logical, &partitions);
        let set = disc.read_place(place(&logical, 248)?, block_bytes)?;
        let root = place(&set, 400).filter(|_| tag(&set) == Some(FILE_SET))?;
        disc.folders.push_back((root, String::new()));
        Some(disc)
    }

    /// Partition maps, ECMA-167 part 3 section 10.7 and UDF 2.60 section 2.2.8 on.
    fn read_maps(&mut self, logical: &[u8], partitions: &[(u16, u64)]) {
        let count = le32(logical, 268).unwrap_or(0);
        let start_of = |number: Option<u16>| {
            let known = partitions.iter().find(|(known, _)| Some(*known) == number);
            known.or(partitions.first()).map(|(_, start)| *start)
        };
        let mut at = 440;
        for _ in 0..count.min(MAPS_MAX) {
            let (Some(kind), Some(bytes)) = (byte(logical, at), byte(logical, at + 1)) else {
                break;
            };
            let map = match kind {
                1 => start_of(le16(logical, at + 4)).map(|start| Map::Physical { start }),
                2 => {
                    let start = start_of(le16(logical, at + 38));
                    match part(logical, at + 5, 23) {
                        b"*UDF Metadata Partition" => start.and_then(|start| {
                            self.metadata(start, u64::from(le32(logical, at + 40)?))
                        }),
                        b"*UDF Sparable Partition" => start.map(|start| Map::Physical { start }),
                        _ => None,
                    }
                }
                _ => None,
            };
            self.maps.push(map.unwrap_or(Map::Unknown));
            at += usize::from(bytes).max(1);
        }
        if self.maps.is_empty() {
            self.maps.extend(start_of(None).map(|start| Map::Physical { start }));
        }
    }

    fn metadata(&mut self, start: u64, block: u64) -> Option<Map> {
        // The file stands in the physical partition; its extents have that partition's blocks.
        let kept = std::mem::replace(&mut self.maps, vec![Map::Physical { start }]);
        let place = Place { bytes: self.block_bytes, block, partition: 0 };
        let entry = self.entry(place);
        self.maps = kept;
        match entry?.content {
            Content::Runs(mut runs) => {
                runs.truncate(METADATA_RUNS_MAX);
                Some(Map::Metadata { runs })
            }
            Content::Packed { .. } | Content::Here(_) => None,
        }
    }

    /// Where a run of blocks stands on the volume.
    fn runs(&self, place: Place, runs: &mut Vec<Run>) {
        let at = place.block.saturating_mul(self.block_bytes);
        match self.maps.get(usize::from(place.partition)) {
            Some(Map::Physical { start }) => {
                runs.push(Run { at: Some(start.saturating_add(at)), bytes: place.bytes });
            }
            Some(Map::Metadata { runs: inside }) => {
                let (mut skip, mut left) = (at, place.bytes);
                for run in inside {
                    let from = skip.min(run.bytes);
                    skip -= from;
                    let take = (run.bytes - from).min(left);
                    if take > 0 {
                        let at = run.at.map(|start| start.saturating_add(from));
                        runs.push(Run { at, bytes: take });
                        left -= take;
                    }
                }
            }
            Some(Map::Unknown) | None => (),
        }
    }

    fn read_place(&self, place: Place, bytes_max: u64) -> Option<Vec<u8>> {
        let mut runs = Vec::new();
        self.runs(place, &mut runs);
        let bytes = gather(self.volume, &runs, place.bytes.min(bytes_max));
        (!bytes.is_empty()).then_some(bytes)
    }

    /// A file entry or extended file entry, ECMA-167 part 4 sections 14.9 and 14.17.
    fn entry(&self, at: Place) -> Option<Entry> {
        let bytes = self.read_place(Place { bytes: self.block_bytes, ..at }, self.block_bytes)?;
        let (attributes_at, streams) = match tag(&bytes)? {
            FILE_ENTRY => (168, None),
            EXTENDED_ENTRY => (208, place(&bytes, 152).filter(|place| place.bytes > 0)),
            _ => return None,
        };
        let size = le64(&bytes, 56)?;
        let attributes = usize::try_from(le32(&bytes, attributes_at)?).ok()?;
        let count = usize::try_from(le32(&bytes, attributes_at + 4)?).ok()?;
        let area = part(&bytes, (attributes_at + 8).checked_add(attributes)?, count);
        let content = match le16(&bytes, 34)? & 7 {
            EMBEDDED => Content::Here(area.to_vec()),
            kind => Content::Runs(self.allocation(area, kind, at.partition)),
        };
        Some(Entry { kind: byte(&bytes, 27)?, size, content, streams })
    }

    /// Allocation descriptors with their continuations, ECMA-167 part 4 section 12.
    fn allocation(&self, area: &[u8], kind: u16, partition: u16) -> Vec<Run> {
        let step = match kind {
            SHORT => 8,
            LONG => 16,
            _ => 20,
        };
        let mut runs = Vec::new();
        let mut area = area.to_vec();
        for _ in 0..CONTINUATIONS_MAX {
            let mut next = None;
            for descriptor in area.chunks_exact(step) {
                let Some(told) = le32(descriptor, 0) else { break };
                let bytes = u64::from(told & 0x3fff_ffff);
                let place = match kind {
                    SHORT => le32(descriptor, 4).map(|block| Place {
                        bytes,
                        block: u64::from(block),
                        partition,
                    }),
                    LONG => place(descriptor, 0).map(|place| Place { bytes, ..place }),
                    _ => place(descriptor, 8).map(|place| Place { bytes, ..place }),
                };
                let Some(place) = place.filter(|_| bytes > 0) else { break };
                match told >> 30 {
                    0 => self.runs(place, &mut runs),
                    3 => {
                        next = Some(place);
                        break;
                    }
                    _ => runs.push(Run { at: None, bytes }),
                }
                if self.runs_left.get() <= runs.len() {
                    self.runs_left.set(0);
                    return runs;
                }
            }
            let Some(more) = next.and_then(|place| self.read_place(place, CONTINUATION_BYTES_MAX))
            else {
                break;
            };
            let count = le32(&more, 20).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
            area = part(&more, 24, count).to_vec();
        }
        self.runs_left.set(self.runs_left.get().saturating_sub(runs.len()));
        runs
    }

    fn walk(&mut self, opened: &mut Opened) {
        for _ in 0..limits::DISK_FOLDERS_MAX {
            let Some((at, path)) = self.folders.pop_front() else { break };
            if self.seen.insert(at) {
                self.folder(at, &path, opened);
            }
        }
    }

    /// File identifiers, ECMA-167 part 4 section 14.4.
    fn folder(&mut self, at: Place, path: &str, opened: &mut Opened) {
        let Some(entry) = self.entry(at) else { return };
        let bytes_max = entry.size.min(limits::DISK_TABLE_BYTES_MAX).min(self.bytes_left);
        let list = match entry.content {
            Content::Here(bytes) => bytes,
            Content::Runs(runs) | Content::Packed { runs, .. } => {
                gather(self.volume, &runs, bytes_max)
            }
        };
        self.bytes_left -= wide(list.len()).min(self.bytes_left);
        let mut next = 0;
        while tag(from(&list, next)) == Some(FILE_IDENTIFIER)
            && self.files.len() <= limits::PARTS_MAX
        {
            let record = from(&list, next);
            let (Some(traits), Some(name_bytes), Some(icb), Some(own_bytes)) =
                (byte(record, 18), byte(record, 19), place(record, 20), le16(record, 36))
            else {
                break;
            };
            let name_at = 38 + usize::from(own_bytes);
            let name = text(part(record, name_at, usize::from(name_bytes)));
            next += (name_at + usize::from(name_bytes)).next_multiple_of(4);
            if traits & (PARENT | DELETED) != 0 {
                continue;
            }
            let name = joined(path, &name);
            if traits & HIDDEN != 0 {
                opened.sign("disk.hidden_file", format!("{:?}", keep::shortened(&name)));
            }
            match traits & FOLDER != 0 {
                true => self.folders.push_back((icb, name)),
                false => self.file(icb, name),
            }
        }
    }

    fn file(&mut self, at: Place, name: String) {
        let unknown = matches!(self.maps.get(usize::from(at.partition)), Some(Map::Unknown) | None);
        let Some(entry) = self.entry(at) else {
            let why = match unknown {
                true => Stopped::Unsupported("a virtual UDF partition".to_string()),
                false => Stopped::Damaged("no file entry where one should be".to_string()),
            };
            let file = Listed::file(name, 0, Vec::new());
            self.files.push(Listed { stopped: Some(why), tree: files::Tree::Udf, ..file });
            return;
        };
        if let Some(streams) = entry.streams {
            self.folders.push_back((streams, format!("{name}:streams")));
        }
        if entry.kind == DIRECTORY {
            self.folders.push_back((at, name));
            return;
        }
        let Entry { size, content, .. } = entry;
        let tree = files::Tree::Udf;
        self.files.push(Listed { name, size, content, role: Role::File, stopped: None, tree });
    }
}

fn tag(bytes: &[u8]) -> Option<u16> {
    le16(bytes, 0)
}

fn place(bytes: &[u8], at: usize) -> Option<Place> {
    let long: [u8; 10] = array(bytes, at)?;
    Some(Place {
        bytes: u64::from(le32(&long, 0)? & 0x3fff_ffff),
        block: u64::from(le32(&long, 4)?),
        partition: le16(&long, 8)?,
    })
}

/// OSTA compressed Unicode, UDF 2.60 section 2.1.1.
fn text(bytes: &[u8]) -> String {
    match byte(bytes, 0) {
        Some(16 | 255) => utf16_be(from(bytes, 1)),
        _ => from(bytes, 1).iter().map(|letter| char::from(*letter)).collect(),
    }
}

const SECTOR: u64 = 2_048;
const ANCHOR: u16 = 2;
const PARTITION: u16 = 5;
const LOGICAL_VOLUME: u16 = 6;
const TERMINATOR: u16 = 8;
const FILE_SET: u16 = 256;
const FILE_IDENTIFIER: u16 = 257;
const FILE_ENTRY: u16 = 261;
const EXTENDED_ENTRY: u16 = 266;
const SHORT: u16 = 0;
const LONG: u16 = 1;
const EMBEDDED: u16 = 3;
const HIDDEN: u8 = 1;
const FOLDER: u8 = 2;
const DELETED: u8 = 4;
const PARENT: u8 = 8;
const DIRECTORY: u8 = 4;
/// Partition maps of one volume; real ones have one or two.
const MAPS_MAX: u32 = 16;
/// Continuations of one list of allocation descriptors; each names a block of them.
const CONTINUATIONS_MAX: usize = 1_000;
/// Bytes of one continuation: a block of any size in use.
const CONTINUATION_BYTES_MAX: u64 = 64 << 10;
/// Pieces the metadata partition may be in; writers make it in one.
const METADATA_RUNS_MAX: usize = 256;
