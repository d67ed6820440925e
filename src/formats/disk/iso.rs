//! ISO 9660 (ECMA-119) with Joliet, Rock Ridge (IEEE P1282) and El Torito.
//!
//! Every tree is read, by its directories and by its path tables, because systems differ in which they show. Both byte orders of a place
//! are followed where they differ.

use super::{
    files::{self, Content, Listed, Run, joined},
    image::{CD_SECTOR_BYTES, Volume},
};
use crate::{
    base::limits,
    formats::{
        keep,
        numbers::{be32, byte, from, le16, le32, part, utf16_be, wide},
        opened::{Opened, Role},
    },
};
use std::collections::{HashSet, VecDeque};

/// Is there a volume descriptor where one has to be?
pub(super) fn is_iso(volume: Volume<'_>) -> bool {
    (0..4).any(|sector| volume.read((FIRST + sector) * CD_SECTOR_BYTES + 1, 5) == MAGIC)
}

/// The files of all trees, Joliet before the plain one, and the boot images.
pub(super) fn list(volume: Volume<'_>, opened: &mut Opened) -> Vec<Listed> {
    let (mut plain, mut joliet, mut boot) = (Vec::new(), Vec::new(), Vec::new());
    for sector in FIRST..FIRST + limits::VOLUME_DESCRIPTORS_MAX {
        let descriptor = volume.read(sector * CD_SECTOR_BYTES, CD_SECTOR_BYTES);
        if part(&descriptor, 1, 5) != MAGIC {
            // Readers go on until the terminator; one sector of rubbish does not hide what follows.
            continue;
        }
        match byte(&descriptor, 0) {
            Some(0) => boot.extend(boot_images(volume, &descriptor)),
            Some(1) => plain.push(descriptor),
            Some(2) => joliet.push(descriptor),
            _ => (),
        }
    }
    let mut files = Vec::new();
    for descriptor in joliet.iter().chain(&plain) {
        let wide_names = byte(descriptor, 0) == Some(2) && part(descriptor, 88, 2) == b"%/";
        let mut tree = Tree::new(volume, descriptor, wide_names);
        tree.walk(opened);
        let kind = if wide_names { files::Tree::Joliet } else { files::Tree::Plain };
        files.extend(tree.files.drain(..).map(|file| Listed { tree: kind, ..file }));
    }
    files.extend(boot);
    files
}

/// One tree being read.
struct Tree<'a> {
    volume: Volume<'a>,
    wide_names: bool,
    block_bytes: u64,
    /// Folders still to read: place, size, path.
    folders: VecDeque<(u64, u64, String)>,
    seen: HashSet<u64>,
    bytes_left: u64,
    files: Vec<Listed>,
}

/// One directory record, ECMA-119 section 9.1.
struct Record {
    name: String,
    flags: u8,
    places: Vec<(u64, u64)>,
}

impl<'a> Tree<'a> {
    fn new(volume: Volume<'a>, descriptor: &[u8], wide_names: bool) -> Tree<'a> {
        let told = u64::from(le16(descriptor, 128).unwrap_or(0));
        let block_bytes = if matches!(told, 512 | 1_024 | 2_048) { told } else { CD_SECTOR_BYTES };
        let mut tree = Tree {
            volume,
            wide_names,
            block_bytes,
            folders: VecDeque::new(),
            seen: HashSet::new(),
            bytes_left: limits::DISK_FOLDER_BYTES_MAX,
            files: Vec::new(),
        };
        if let Some(root) = tree.record(part(descriptor, 156, 34)) {
            for (at, bytes) in root.places {
                tree.folders.push_back((at, bytes, String::new()));
            }
        }
        tree.add_path_table(descriptor);
        tree
    }

    /// Folders as the path tables have them, ECMA-119 section 9.4: behind those of the directories, so that they add what those lack.
    fn add_path_table(&mut self, descriptor: &[u8]) {
        let bytes = u64::from(le32(descriptor, 132).unwrap_or(0)).min(limits::DISK_TABLE_BYTES_MAX);
        let little = le32(descriptor, 140).map(|place| (place, true));
        let big = be32(descriptor, 148).map(|place| (place, false));
        for (place, is_little) in [little, big].into_iter().flatten().filter(|(at, _)| *at != 0) {
            let table = self.volume.read(u64::from(place) * self.block_bytes, bytes);
            let mut at = 0;
            for _ in 0..limits::DISK_FOLDERS_MAX {
                let Some(name_bytes) = byte(&table, at).map(usize::from).filter(|count| *count > 0)
                else {
                    break;
                };
                let extent = if is_little { le32(&table, at + 2) } else { be32(&table, at + 2) };
                let name = self.name(part(&table, at + 8, name_bytes));
                if let Some(extent) = extent {
                    self.folders.push_back((u64::from(extent) * self.block_bytes, 0, name));
                }
                at += 8 + name_bytes + name_bytes % 2;
            }
        }
    }

    fn walk(&mut self, opened: &mut Opened) {
        for _ in 0..limits::DISK_FOLDERS_MAX * 3 {
            let Some((at, bytes, path)) = self.folders.pop_front() else { break };
            if self.seen.len() < limits::DISK_FOLDERS_MAX && self.seen.insert(at) {
                self.folder(at, bytes, &path, opened);
            }
            if self.files.len() > limits::PARTS_MAX {
                break;
            }
        }
    }

    fn folder(&mut self, at: u64, bytes: u64, path: &str, opened: &mut Opened) {
        // A folder's first record is itself: a path table gives no size.
        let own = self.volume.read(at, CD_SECTOR_BYTES);
        let itself = le32(&own, 10).filter(|_| {
            le32(&own, 2).is_some_and(|place| u64::from(place) * self.block_bytes == at)
        });
        let bytes = bytes.max(itself.map_or(CD_SECTOR_BYTES, u64::from));
        let bytes = bytes.min(limits::DISK_TABLE_BYTES_MAX).min(self.bytes_left);
        let list = self.volume.read(at, bytes);
        self.bytes_left -= wide(list.len()).min(self.bytes_left);
        let mut place = 0;
        let mut unfinished: Option<Listed> = None;
        while place < list.len() && self.files.len() <= limits::PARTS_MAX {
            let count = byte(&list, place).map_or(0, usize::from);
            if count == 0 {
                // Records do not cross sectors; the rest of this one is empty.
                place = (place / SECTOR + 1) * SECTOR;
                continue;
            }
            let record = self.record(part(&list, place, count));
            place += count;
            let Some(record) = record else { continue };
            if record.flags & FOLDER != 0 {
                if !record.name.is_empty() && !matches!(record.name.as_str(), "." | "..") {
                    for (at, bytes) in record.places {
                        self.folders.push_back((at, bytes, joined(path, &record.name)));
                    }
                }
                continue;
            }
            self.file(record, path, &mut unfinished, opened);
        }
        self.files.extend(unfinished);
    }

    /// A file, or one more piece of it, ECMA-119 section 6.5.1.
    fn file(
        &mut self,
        record: Record,
        path: &str,
        unfinished: &mut Option<Listed>,
        opened: &mut Opened,
    ) {
        let name = joined(path, &record.name);
        if record.flags & HIDDEN != 0 {
            opened.sign("disk.hidden_file", format!("{:?}", keep::shortened(&name)));
        }
        let Some((at, bytes)) = record.places.first().copied() else { return };
        for (at, bytes) in record.places.iter().skip(1) {
            let because = format!("{:?} has two places", keep::shortened(&name));
            opened.sign("disk.trees_disagree", because);
            let run = Run { at: Some(*at), bytes: *bytes };
            self.files.push(Listed::file(name.clone(), *bytes, vec![run]));
        }
        let run = Run { at: Some(at), bytes };
        let mut file = match unfinished.take() {
            Some(file) if file.name == name => file,
            other => {
                self.files.extend(other);
                Listed::file(name, 0, Vec::new())
            }
        };
        file.size = file.size.saturating_add(bytes);
        if let Content::Runs(runs) = &mut file.content
            && runs.len() < limits::DISK_RUNS_MAX
        {
            runs.push(run);
        }
        match record.flags & GOES_ON != 0 {
            true => *unfinished = Some(file),
            false => self.files.push(file),
        }
    }

    fn record(&self, bytes: &[u8]) -> Option<Record> {
        let attributes = u64::from(byte(bytes, 1)?);
        let little = (le32(bytes, 2)?, le32(bytes, 10)?);
        let big = (be32(bytes, 6)?, be32(bytes, 14)?);
        let flags = byte(bytes, 25)?;
        let name_bytes = usize::from(byte(bytes, 32)?);
        let place = |(at, count): (u32, u32)| {
            ((u64::from(at) + attributes) * self.block_bytes, u64::from(count))
        };
        let mut places = vec![place(little)];
        if big != little && big.0 != 0 && place(big).0 < self.volume.size() {
            places.push(place(big));
        }
        let padded = 33 + name_bytes + (name_bytes + 1) % 2;
        let name = match self.wide_names {
            true => None,
            false => self.rock_ridge_name(from(bytes, padded)),
        };
        let name = name.unwrap_or_else(|| self.name(part(bytes, 33, name_bytes)));
        Some(Record { name, flags, places })
    }

    fn name(&self, bytes: &[u8]) -> String {
        if matches!(bytes, [0] | [1]) {
            return String::new();
        }
        let name = match self.wide_names {
            true => utf16_be(bytes),
            false => String::from_utf8_lossy(bytes).into_owned(),
        };
        // The version behind the semicolon is shown nowhere.
        let name = match name.rsplit_once(';') {
            Some((before, version)) if version.bytes().all(|digit| digit.is_ascii_digit()) => {
                before
            }
            _ => &name,
        };
        name.trim_end_matches('.').to_string()
    }

    /// The name in the system use area, IEEE P1282 section 4.1.4, with its continuations (IEEE P1281 section 5.1).
    fn rock_ridge_name(&self, area: &[u8]) -> Option<String> {
        let mut area = area.to_vec();
        let mut name = Vec::new();
        for _ in 0..CONTINUATIONS_MAX {
            let mut goes_on = None;
            let mut at = 0;
            while let (Some(tag), Some(count)) = (area.get(at..at + 2), byte(&area, at + 2)) {
                let count = usize::from(count);
                if count < 4 {
                    break;
                }
                let fields = part(&area, at + 4, count - 4);
                match tag {
                    b"NM" => name.extend_from_slice(from(fields, 1)),
                    b"CE" => {
                        goes_on = le32(fields, 0).zip(le32(fields, 8)).zip(le32(fields, 16));
                    }
                    _ => (),
                }
                at += count;
            }
            let Some(((block, offset), count)) = goes_on else { break };
            let place = u64::from(block) * self.block_bytes + u64::from(offset);
            area = self.volume.read(place, u64::from(count).min(CD_SECTOR_BYTES));
        }
        (!name.is_empty()).then(|| String::from_utf8_lossy(&name).into_owned())
    }
}

/// The boot images that the El Torito catalog names (El Torito section 2).
fn boot_images(volume: Volume<'_>, descriptor: &[u8]) -> Vec<Listed> {
    let mut images = Vec::new();
    if part(descriptor, 7, 23) != b"EL TORITO SPECIFICATION" {
        return images;
    }
    let Some(sector) = le32(descriptor, 71) else { return images };
    let catalog = volume.read(u64::from(sector) * CD_SECTOR_BYTES, CD_SECTOR_BYTES);
    for entry in catalog.chunks_exact(32).skip(1) {
        if !matches!(byte(entry, 0), Some(0x88 | 0x00)) {
            continue;
        }
        let (Some(media), Some(sectors), Some(place)) =
            (byte(entry, 1), le16(entry, 6), le32(entry, 8))
        else {
            continue;
        };
        if place == 0 {
            continue;
        }
        let bytes = match media & 0xf {
            1 => 1_200 << 10,
            2 => 1_440 << 10,
            3 => 2_880 << 10,
            _ => u64::from(sectors) * 512,
        };
        let at = u64::from(place) * CD_SECTOR_BYTES;
        let bytes = bytes.min(volume.size().saturating_sub(at));
        let run = Run { at: Some(at), bytes };
        let name = "boot image".to_string();
        images.push(Listed { role: Role::Inside, ..Listed::file(name, bytes, vec![run]) });
    }
    images
}

const SECTOR: usize = 2_048;
/// The sector of the first volume descriptor, ECMA-119 section 6.2.1: the sixteen before are the system's.
const FIRST: u64 = 16;
const MAGIC: &[u8] = b"CD001";
const HIDDEN: u8 = 1;
const FOLDER: u8 = 2;
const GOES_ON: u8 = 0x80;
/// Areas that continue a name; real ones have one.
const CONTINUATIONS_MAX: usize = 8;
