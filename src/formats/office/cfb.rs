//! Compound files (OLE2 structured storage), MS-CFB: a file system in a file, the shape of .doc, .xls, .ppt, .msg and .msi.
//!
//! Nothing the header or the directory says is believed further than the bytes go. Chains are counted, so a circle ends; what stands in no
//! directory tree is listed too, since a macro or an object hidden there may be reached by other ways. Never writes, never recurses.

use super::{le, text};
use crate::{
    base::limits,
    formats::budget::{Budget, Stopped, Unpacked},
};
use std::collections::HashSet;

/// A compound file whose tables were read.
#[derive(Debug)]
pub struct Compound<'b> {
    bytes: &'b [u8],
    sector_bytes: usize,
    fat: Vec<u32>,
    mini_fat: Vec<u32>,
    mini: Vec<u8>,
    entries: Vec<Entry>,
    has_more: bool,
    /// The directory stands where the header says.
    is_where_said: bool,
}

/// One entry of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Names from the root down, joined with `/`; a control character in front of a name is kept.
    pub path: String,
    /// The last name alone.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its class identifier as it stands in the file, MS-CFB section 2.6.1; zeros mostly.
    pub class: [u8; 16],
    /// The size that the directory declares.
    pub size: u64,
    /// It hangs in no tree: a program that follows the directory does not see it.
    pub orphan: bool,
    /// Its name was packed as Windows Installer does.
    pub coded: bool,
    start: u32,
}

/// The kinds of MS-CFB section 2.6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The root storage.
    Root,
    /// A folder.
    Storage,
    /// A file.
    Stream,
}

impl<'b> Compound<'b> {
    /// Reads header, tables and directory. None: the bytes do not begin as a compound file, or nothing can be found in them.
    pub fn read(bytes: &'b [u8]) -> Option<Compound<'b>> {
        if !is_compound(bytes) {
            return None;
        }
        let declared = 1_usize.checked_shl(u32::from(le::short(bytes, 30)?)).unwrap_or(0);
        let sizes = [declared, 512, 4_096].into_iter().filter(|size| (128..=65_536).contains(size));
        let mut best: Option<Compound<'b>> = None;
        for sector_bytes in sizes {
            let compound = Compound::with_sectors(bytes, sector_bytes);
            if compound.is_where_said {
                return Some(compound);
            }
            // By far the most files have small sectors, so those are the better guess.
            if best.is_none() || sector_bytes == 512 {
                best = Some(compound);
            }
        }
        best.filter(|compound| !compound.entries.is_empty())
    }

    /// All entries, those of the tree first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Were there more entries than are listed?
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// The bytes of one stream as its size says, or fewer where the file has no more; counted against the budget.
    pub fn stream(&self, entry: &Entry, budget: &mut Budget) -> Unpacked {
        // One byte more than there is room for, so that the bound is met and no more is put together.
        let room = usize::try_from(budget.part_bytes_left()).unwrap_or(usize::MAX);
        let (mut bytes, whole) = self.gather(entry, room.saturating_add(1));
        let mut stopped = match whole {
            true => None,
            false => Some(Stopped::Damaged("a stream ends before its size".to_string())),
        };
        if let Err(limit) = budget.take_bytes(bytes.len()) {
            bytes.truncate(room);
            let _ = budget.take_bytes(bytes.len());
            stopped = Some(Stopped::Limit(limit));
        }
        Unpacked { bytes, stopped }
    }

    /// MS-CFB section 2.6.3: streams under 4,096 bytes stand in the mini stream. The other place is looked at when that one has nothing.
    fn gather(&self, entry: &Entry, bytes_max: usize) -> (Vec<u8>, bool) {
        let declared = usize::try_from(entry.size).unwrap_or(usize::MAX);
        let size = declared.min(bytes_max);
        if entry.kind != Kind::Stream || size == 0 {
            return (Vec::new(), true);
        }
        let large = || chain(self.bytes, &self.fat, entry.start, self.sector_bytes, true, size);
        let small = || chain(&self.mini, &self.mini_fat, entry.start, MINI_BYTES, false, size);
        let bytes = match declared < MINI_CUTOFF {
            true => Some(small()).filter(|small| !small.is_empty()).unwrap_or_else(large),
            false => large(),
        };
        let whole = bytes.len() >= size;
        (bytes, whole)
    }

    fn with_sectors(bytes: &'b [u8], sector_bytes: usize) -> Compound<'b> {
        let fat = fat(bytes, sector_bytes);
        let first_directory = le::long(bytes, 48).unwrap_or(END);
        let mut directory = chain(bytes, &fat, first_directory, sector_bytes, true, bytes.len());
        let is_where_said = le::byte(&directory, 66) == Some(KIND_ROOT);
        if !is_where_said {
            // The header points elsewhere; the root entry has a name to be found by.
            let found = memchr::memmem::find(bytes, ROOT_NAME).map(|at| le::from(bytes, at));
            directory = found.map(<[u8]>::to_vec).unwrap_or(directory);
        }
        let raw = raw_entries(&directory, sector_bytes);
        let root_start = raw.first().map_or(END, |root| root.start);
        let mini = chain(bytes, &fat, root_start, sector_bytes, true, bytes.len());
        let mini_at = le::long(bytes, 60).unwrap_or(END);
        let mini_table = chain(bytes, &fat, mini_at, sector_bytes, true, bytes.len());
        let mini_fat = numbers(&mini_table);
        let has_more = raw.len() > limits::COMPOUND_ENTRIES_MAX;
        let entries = listed(&raw);
        Compound { bytes, sector_bytes, fat, mini_fat, mini, entries, has_more, is_where_said }
    }
}

/// Do the bytes begin as a compound file, MS-CFB section 2.2? Windows also takes the mark of its first test version.
pub fn is_compound(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || bytes.starts_with(MAGIC_BEFORE_1995)
}

/// The sectors of a chain one after the other, at most `size` bytes. Where the table has no answer the next sector is taken, which is
/// how nearly all files lie; the end mark is believed.
fn chain(
    bytes: &[u8],
    table: &[u32],
    start: u32,
    sector_bytes: usize,
    behind_header: bool,
    size: usize,
) -> Vec<u8> {
    let mut gathered = Vec::new();
    let mut sector = start;
    // A chain that visits more sectors than there are goes in a circle.
    for _ in 0..bytes.len() / sector_bytes + 1 {
        if sector > SECTOR_MAX || gathered.len() >= size {
            break;
        }
        let index = usize::try_from(sector).unwrap_or(usize::MAX);
        let place = index.saturating_add(usize::from(behind_header)).saturating_mul(sector_bytes);
        let part = le::slice(bytes, place, sector_bytes.min(size - gathered.len()));
        if part.is_empty() {
            break;
        }
        gathered.extend_from_slice(part);
        sector = match table.get(index) {
            Some(&END) => break,
            Some(next) if *next <= SECTOR_MAX && *next != sector => *next,
            _ => sector + 1,
        };
    }
    gathered
}

/// The sector table, MS-CFB sections 2.3 and 2.5: 109 of its sectors are named in the header, more by a chain of sectors.
fn fat(bytes: &[u8], sector_bytes: usize) -> Vec<u32> {
    let sectors = bytes.len() / sector_bytes + 1;
    let place = |sector: u32| {
        let index = usize::try_from(sector).ok().filter(|_| sector <= SECTOR_MAX)?;
        let part = le::slice(bytes, index.checked_add(1)?.checked_mul(sector_bytes)?, sector_bytes);
        Some(part).filter(|part| !part.is_empty())
    };
    let mut table_sectors = numbers(le::slice(bytes, 76, 109 * 4));
    let mut next = le::long(bytes, 68).unwrap_or(END);
    for _ in 0..sectors {
        let Some(mut list) = place(next).map(numbers) else { break };
        next = list.pop().unwrap_or(END);
        table_sectors.extend(list);
        if table_sectors.len() > sectors {
            break;
        }
    }
    let mut fat = Vec::new();
    for part in table_sectors.into_iter().filter_map(place) {
        if fat.len() > sectors {
            break;
        }
        fat.extend(numbers(part));
    }
    fat
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|four| le::long(four, 0)).collect()
}

struct Raw {
    name: String,
    coded: bool,
    kind: u8,
    left: u32,
    right: u32,
    child: u32,
    class: [u8; 16],
    start: u32,
    size: u64,
}

fn raw_entries(directory: &[u8], sector_bytes: usize) -> Vec<Raw> {
    directory
        .chunks_exact(ENTRY_BYTES)
        .take(limits::COMPOUND_ENTRIES_MAX + 1)
        .map(|bytes| raw_entry(bytes, sector_bytes))
        .collect()
}

fn raw_entry(bytes: &[u8], sector_bytes: usize) -> Raw {
    let name_bytes = le::short_size(bytes, 64).unwrap_or(0);
    // The count includes the zero at the end; a false one is replaced by where the zero is.
    let field = match (2..=64).contains(&name_bytes) {
        true => le::slice(bytes, 0, name_bytes),
        false => le::slice(bytes, 0, 64),
    };
    let (name, coded) = installer_name(&text::utf16(field));
    let size = le::huge(bytes, 120).unwrap_or(0);
    Raw {
        name,
        coded,
        kind: le::byte(bytes, 66).unwrap_or(0),
        left: le::long(bytes, 68).unwrap_or(END),
        right: le::long(bytes, 72).unwrap_or(END),
        child: le::long(bytes, 76).unwrap_or(END),
        class: le::class(bytes, 80).unwrap_or_default(),
        start: le::long(bytes, 116).unwrap_or(END),
        // MS-CFB section 2.6.1: with small sectors the high half may be rubbish.
        size: if sector_bytes == 4_096 { size } else { size & 0xffff_ffff },
    }
}

/// Windows Installer packs two letters of 64 into one of 0x3800 to 0x47FF, one into 0x4800 to 0x483F; 0x4840 marks a table.
fn installer_name(name: &str) -> (String, bool) {
    let name = name.split('\0').next().unwrap_or_default();
    let is_coded = |letter: char| ('\u{3800}'..='\u{4840}').contains(&letter);
    let coded = name.chars().next().is_some_and(is_coded);
    let mut decoded = String::new();
    for letter in name.chars() {
        let code = u32::from(letter);
        let digit = |value: u32| {
            usize::try_from(value & 63).ok().and_then(|at| INSTALLER_LETTERS.get(at)).copied()
        };
        match code {
            0x3800..=0x47ff if coded => {
                let pair = [digit(code - 0x3800), digit((code - 0x3800) >> 6)];
                decoded.extend(pair.into_iter().flatten().map(char::from));
            }
            0x4800..=0x483f if coded => decoded.extend(digit(code).map(char::from)),
            0x4840 if coded => decoded.push('!'),
            _ => decoded.push(if letter == '/' { '_' } else { letter }),
        }
    }
    (decoded, coded)
}

/// The tree from its root, then every storage that hangs nowhere with what is in it, then every stream that hangs nowhere.
fn listed(raw: &[Raw]) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let mut entries = Vec::new();
    let mut starts: Vec<usize> = (0..raw.len().min(limits::COMPOUND_ENTRIES_MAX)).collect();
    // The root is entry 0; storages before streams, so that a stream is listed with its folder.
    starts.sort_by_key(|at| (*at != 0, raw.get(*at).is_some_and(|raw| raw.kind == KIND_STREAM)));
    for start in starts {
        let mut waiting = vec![(start, String::new(), false)];
        while let Some((at, folder, with_siblings)) = waiting.pop() {
            let Some(found) = raw.get(at) else { continue };
            let kind = match found.kind {
                KIND_ROOT if at == 0 => Kind::Root,
                KIND_STREAM => Kind::Stream,
                KIND_STORAGE | KIND_ROOT => Kind::Storage,
                _ => continue,
            };
            if !seen.insert(at) {
                continue;
            }
            let entry = entry(found, kind, &folder, start != 0);
            if with_siblings {
                waiting.extend(index(found.right).map(|at| (at, folder.clone(), true)));
                waiting.extend(index(found.left).map(|at| (at, folder, true)));
            }
            if kind != Kind::Stream {
                let inner = if kind == Kind::Root { String::new() } else { entry.path.clone() };
                waiting.extend(index(found.child).map(|at| (at, inner, true)));
            }
            entries.push(entry);
        }
    }
    entries
}

fn index(entry: u32) -> Option<usize> {
    usize::try_from(entry).ok().filter(|_| entry <= SECTOR_MAX)
}

fn entry(raw: &Raw, kind: Kind, folder: &str, orphan: bool) -> Entry {
    // Storages nested by the thousand would make names of megabytes.
    let path = match folder {
        "" => raw.name.clone(),
        long if long.len() > limits::FILE_NAME_BYTES_MAX => format!("…/{}", raw.name),
        folder => format!("{folder}/{}", raw.name),
    };
    Entry {
        path,
        name: raw.name.clone(),
        kind,
        class: raw.class,
        size: raw.size,
        orphan,
        coded: raw.coded,
        start: raw.start,
    }
}

const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const MAGIC_BEFORE_1995: &[u8] = b"\x0e\x11\xfc\x0d\xd0\xcf\x11\x0e";
const ROOT_NAME: &[u8] = b"R\0o\0o\0t\0 \0E\0n\0t\0r\0y\0";
/// The end of a chain.
const END: u32 = 0xffff_fffe;
/// The last number that is a sector or an entry.
const SECTOR_MAX: u32 = 0xffff_fffa;
/// Streams shorter than this stand in the mini stream; Windows takes no other value.
const MINI_CUTOFF: usize = 4_096;
const MINI_BYTES: usize = 64;
const ENTRY_BYTES: usize = 128;
const KIND_STORAGE: u8 = 1;
const KIND_STREAM: u8 = 2;
const KIND_ROOT: u8 = 5;
const INSTALLER_LETTERS: &[u8; 64] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
pub(crate) mod testing {
    use super::*;

    /// A compound file with 512-byte sectors by hand: `(path, content)`, folders made as needed, streams of any size in full sectors or
    /// in the mini stream. Siblings hang as a list to the right.
    pub(crate) fn compound(files: &[(&str, &[u8])]) -> Vec<u8> {
        compound_of_class(files, [0; 16])
    }

    struct Node {
        name: String,
        kind: u8,
        content: Vec<u8>,
        children: Vec<usize>,
        start: u32,
    }

    pub(crate) fn compound_of_class(files: &[(&str, &[u8])], class: [u8; 16]) -> Vec<u8> {
        let node = |name: &str, kind, content: &[u8]| Node {
            name: name.into(),
            kind,
            content: content.to_vec(),
            children: vec![],
            start: END,
        };
        let mut nodes = vec![node("Root Entry", KIND_ROOT, b"")];
        for (path, content) in files {
            let mut at = 0;
            let parts: Vec<&str> = path.split('/').collect();
            for (depth, part) in parts.iter().enumerate() {
                let found = nodes[at].children.iter().copied().find(|n| nodes[*n].name == *part);
                at = found.unwrap_or_else(|| {
                    let last = depth + 1 == parts.len();
                    let new = match last {
                        true => node(part, KIND_STREAM, content),
                        false => node(part, KIND_STORAGE, b""),
                    };
                    nodes.push(new);
                    let new = nodes.len() - 1;
                    nodes[at].children.push(new);
                    new
                });
            }
        }
        let (mut sectors, mut fat): (Vec<u8>, Vec<u32>) = (vec![], vec![]);
        let mut add = |content: &[u8]| -> u32 {
            let start = fat.len();
            let count = content.len().div_ceil(512);
            for n in 0..count {
                let next = start + n + 1;
                fat.push(if n + 1 == count { END } else { next as u32 });
            }
            sectors.extend(content);
            sectors.resize(fat.len() * 512, 0);
            if count == 0 { END } else { start as u32 }
        };
        let (mut mini, mut mini_fat): (Vec<u8>, Vec<u32>) = (vec![], vec![]);
        for node in nodes.iter_mut().filter(|node| !node.content.is_empty()) {
            if node.content.len() >= MINI_CUTOFF {
                node.start = add(&node.content);
                continue;
            }
            node.start = mini_fat.len() as u32;
            let count = node.content.len().div_ceil(64);
            for n in 0..count {
                let next = mini_fat.len() as u32 + 1;
                mini_fat.push(if n + 1 == count { END } else { next });
            }
            mini.extend(&node.content);
            mini.resize(mini_fat.len() * 64, 0);
        }
        nodes[0].start = add(&mini);
        nodes[0].content = mini;
        let mini_bytes: Vec<u8> = mini_fat.iter().flat_map(|n| n.to_le_bytes()).collect();
        let mini_at = add(&mini_bytes);
        let directory: Vec<u8> = (0..nodes.len()).flat_map(|at| entry(&nodes, at, class)).collect();
        let directory_at = add(&directory);
        let fat_sectors = (fat.len() + 1).div_ceil(127);
        let fat_at = fat.len() as u32;
        fat.extend(vec![0xffff_fffd; fat_sectors]);
        sectors.extend(fat.iter().flat_map(|n| n.to_le_bytes()));
        sectors.resize((fat_at as usize + fat_sectors) * 512, 0xff);
        [header(fat_at, fat_sectors as u32, directory_at, mini_at), sectors].concat()
    }

    fn entry(nodes: &[Node], at: usize, class: [u8; 16]) -> Vec<u8> {
        let node = &nodes[at];
        let mut entry: Vec<u8> = node.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let name_bytes = entry.len() as u16 + 2;
        entry.resize(64, 0);
        entry.extend(name_bytes.to_le_bytes());
        entry.extend([node.kind, 1]);
        let siblings = nodes.iter().find(|parent| parent.children.contains(&at));
        let right = siblings.and_then(|parent| {
            let place = parent.children.iter().position(|child| *child == at)?;
            parent.children.get(place + 1).copied()
        });
        let child = node.children.first().copied();
        for link in [None, right, child] {
            entry.extend(link.map_or(u32::MAX, |link| link as u32).to_le_bytes());
        }
        entry.extend(if at == 0 { class } else { [0; 16] });
        entry.resize(116, 0);
        entry.extend(node.start.to_le_bytes());
        entry.extend((node.content.len() as u64).to_le_bytes());
        entry
    }

    fn header(fat_at: u32, fat_sectors: u32, directory_at: u32, mini_at: u32) -> Vec<u8> {
        let mut header = [MAGIC, &[0; 16]].concat();
        for short in [0x3e_u16, 3, 0xfffe, 9, 6, 0, 0, 0] {
            header.extend(short.to_le_bytes());
        }
        let counts = [0, fat_sectors, directory_at, 0, 4096, mini_at, 1, END, 0];
        header.extend(counts.iter().flat_map(|long: &u32| long.to_le_bytes()));
        for n in 0..109 {
            let sector = if n < fat_sectors { fat_at + n } else { u32::MAX };
            header.extend(sector.to_le_bytes());
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::compound, *};
    use crate::{
        base::clock::Clock,
        formats::budget::{Bounds, Limit},
    };

    fn streams(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let Some(compound) = Compound::read(bytes) else { return Vec::new() };
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        compound
            .entries()
            .iter()
            .filter(|entry| entry.kind == Kind::Stream)
            .map(|entry| (entry.path.clone(), compound.stream(entry, &mut budget).bytes))
            .collect()
    }

    fn sample() -> Vec<u8> {
        compound(&[("a", b"small"), ("folder/b", &[7; 5_000]), ("folder/deep/c", &[8; 100])])
    }

    #[test]
    fn small_and_large_streams_in_folders() {
        let mut found = streams(&sample());
        found.sort();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "folder/b", "folder/deep/c"]);
        assert_eq!(found[0].1, b"small");
        assert_eq!(found[1].1, [7; 5_000]);
        assert_eq!(found[2].1, [8; 100]);
    }

    #[test]
    fn broken_headers_hide_nothing() {
        for (at, broken) in [
            (30, &[0xff_u8, 0xff][..]),
            (30, &[12, 0]),
            (48, &[0xff; 4]),
            (48, &[0x77, 0, 0, 0]),
            (76, &[0xff; 4]),
            (44, &[0; 4]),
            (56, &[0; 4]),
            (24, &[0xee; 6]),
        ] {
            let mut bytes = sample();
            bytes[at..at + broken.len()].copy_from_slice(broken);
            let found = streams(&bytes);
            assert!(found.contains(&("a".into(), b"small".to_vec())), "{at} {broken:?} {found:?}");
            assert!(found.contains(&("folder/b".into(), vec![7; 5_000])), "{at} {broken:?}");
        }
    }

    #[test]
    fn orphans_are_listed() {
        let mut bytes = sample();
        let root = memchr::memmem::find(&bytes, ROOT_NAME).unwrap();
        bytes[root + 76..root + 80].fill(0xff);
        let compound = Compound::read(&bytes).unwrap();
        assert!(compound.entries().iter().any(|entry| entry.path == "folder/b" && entry.orphan));
        assert!(compound.entries().iter().any(|entry| entry.path == "a" && entry.orphan));
    }

    #[test]
    fn circles_end() {
        let mut bytes = sample();
        // Every sector points to itself or back to the first one, in every table and every link of the directory.
        for filling in [0_u8, 1, 2] {
            for at in 0..bytes.len() / 4 {
                if bytes[at * 4..].starts_with(&END.to_le_bytes()) {
                    bytes[at * 4..at * 4 + 4].copy_from_slice(&[filling, 0, 0, 0]);
                }
            }
            streams(&bytes);
        }
    }

    #[test]
    fn false_sizes_are_not_believed() {
        let mut bytes = sample();
        let root = memchr::memmem::find(&bytes, ROOT_NAME).unwrap();
        for entry in 1..6 {
            let at = root + entry * 128 + 120;
            bytes[at..at + 4].fill(0xff);
        }
        let compound = Compound::read(&bytes).unwrap();
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        for entry in compound.entries() {
            let unpacked = compound.stream(entry, &mut budget);
            assert!(unpacked.bytes.len() <= bytes.len());
            if entry.kind == Kind::Stream {
                assert!(matches!(unpacked.stopped, Some(Stopped::Damaged(_))), "{entry:?}");
            }
        }
    }

    #[test]
    fn the_budget_is_met() {
        let bytes = sample();
        let compound = Compound::read(&bytes).unwrap();
        let bounds = Bounds { part_bytes: 1_000, ..Bounds::default() };
        let mut budget = Budget::new(bounds, &Clock::system());
        let entry = compound.entries().iter().find(|entry| entry.name == "b").unwrap();
        let unpacked = compound.stream(entry, &mut budget);
        assert_eq!(unpacked.bytes.len(), 1_000);
        assert!(matches!(unpacked.stopped, Some(Stopped::Limit(Limit::TooLarge { .. }))));
    }

    #[test]
    fn names_of_installers() {
        let (name, coded) =
            installer_name("\u{4840}\u{3f3f}\u{4577}\u{446c}\u{3b6a}\u{45e4}\u{4824}");
        assert_eq!((name.as_str(), coded), ("!_StringData", true));
        assert_eq!(installer_name("a/b"), ("a_b".to_string(), false));
    }

    #[test]
    fn truncated_anywhere() {
        let bytes = sample();
        for end in 0..bytes.len() {
            streams(&bytes[..end]);
        }
    }
}
