//! FAT12, FAT16, FAT32 (Microsoft FAT specification, 2000) and exFAT (Microsoft exFAT specification, 2019).
//!
//! Deleted files are no business of a mounted drive and are left alone.

use super::{
    files::{Listed, Run, joined},
    image::Volume,
};
use crate::{
    base::limits,
    formats::{
        keep,
        numbers::{byte, le16, le32, le64, part, utf16_le, wide},
        opened::Opened,
    },
};
use std::collections::{HashSet, VecDeque};

/// Is it a boot sector of FAT or exFAT? By fields that have to be right for a system to mount it, not by the label.
pub(super) fn is_fat(volume: Volume<'_>) -> bool {
    Layout::read(volume).is_some()
}

/// All files that are not deleted.
pub(super) fn list(volume: Volume<'_>, opened: &mut Opened) -> Vec<Listed> {
    let Some(layout) = Layout::read(volume) else { return Vec::new() };
    let table = volume.read(layout.table_at, layout.table_bytes.min(limits::DISK_TABLE_BYTES_MAX));
    let mut walk = Walk {
        volume,
        table,
        folders: VecDeque::from([(layout.root, String::new())]),
        layout,
        seen: HashSet::new(),
        bytes_left: limits::DISK_FOLDER_BYTES_MAX,
        runs_left: limits::DISK_RUNS_MAX,
        files: Vec::new(),
    };
    for _ in 0..limits::DISK_FOLDERS_MAX {
        let Some((root, path)) = walk.folders.pop_front() else { break };
        if walk.seen.insert(root) {
            let list = walk.folder_bytes(root);
            match walk.layout.kind {
                Kind::ExFat => walk.folder_exfat(&list, &path, opened),
                Kind::Fat12 | Kind::Fat16 | Kind::Fat32 => walk.folder(&list, &path, opened),
            }
        }
    }
    walk.files
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fat12,
    Fat16,
    Fat32,
    ExFat,
}

/// Where a folder's list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Start {
    /// A chain of clusters.
    Chain(u32),
    /// The root of FAT12 and FAT16 has a place of its own.
    Fixed { at: u64, bytes: u64 },
    /// Clusters one after the other, exFAT section 7.6.
    Contiguous { first: u32, bytes: u64 },
}

#[derive(Debug, Clone, Copy)]
struct Layout {
    kind: Kind,
    cluster_bytes: u64,
    table_at: u64,
    table_bytes: u64,
    clusters_at: u64,
    root: Start,
}

impl Layout {
    fn read(volume: Volume<'_>) -> Option<Layout> {
        let boot = volume.read(0, 512);
        if part(&boot, 3, 8) == b"EXFAT   " {
            return Layout::exfat(&boot);
        }
        if part(&boot, 3, 4) == b"NTFS" || !matches!(byte(&boot, 0)?, 0xeb | 0xe9) {
            return None;
        }
        let sector = u64::from(le16(&boot, 11)?);
        let per_cluster = u64::from(byte(&boot, 13)?);
        let reserved = u64::from(le16(&boot, 14)?);
        let tables = u64::from(byte(&boot, 16)?);
        let root_entries = u64::from(le16(&boot, 17)?);
        let small = u64::from(le16(&boot, 19)?);
        let sectors = if small == 0 { u64::from(le32(&boot, 32)?) } else { small };
        let short_table = u64::from(le16(&boot, 22)?);
        let table = if short_table == 0 { u64::from(le32(&boot, 36)?) } else { short_table };
        let right = matches!(sector, 512 | 1_024 | 2_048 | 4_096)
            && per_cluster.is_power_of_two()
            && reserved > 0
            && matches!(tables, 1 | 2)
            && table > 0
            && sectors > 0
            && byte(&boot, 21)? >= 0xf0;
        if !right {
            return None;
        }
        let root_at = (reserved + tables * table) * sector;
        let root_bytes = (root_entries * 32).next_multiple_of(sector);
        let clusters_at = root_at + root_bytes;
        let clusters = (sectors * sector).saturating_sub(clusters_at) / (per_cluster * sector);
        let kind = match clusters {
            _ if short_table == 0 && root_entries == 0 => Kind::Fat32,
            0..=4_084 => Kind::Fat12,
            _ => Kind::Fat16,
        };
        let root = match kind {
            Kind::Fat32 => Start::Chain(le32(&boot, 44)?),
            Kind::Fat12 | Kind::Fat16 | Kind::ExFat => {
                Start::Fixed { at: root_at, bytes: root_bytes }
            }
        };
        Some(Layout {
            kind,
            cluster_bytes: per_cluster * sector,
            table_at: reserved * sector,
            table_bytes: table * sector,
            clusters_at,
            root,
        })
    }

    fn exfat(boot: &[u8]) -> Option<Layout> {
        let sector = 1_u64.checked_shl(u32::from(byte(boot, 108)?))?;
        let cluster_bytes = sector.checked_shl(u32::from(byte(boot, 109)?))?;
        if !(512..=4_096).contains(&sector) || !(sector..=32 << 20).contains(&cluster_bytes) {
            return None;
        }
        Some(Layout {
            kind: Kind::ExFat,
            cluster_bytes,
            table_at: u64::from(le32(boot, 80)?) * sector,
            table_bytes: u64::from(le32(boot, 84)?) * sector,
            clusters_at: u64::from(le32(boot, 88)?) * sector,
            root: Start::Chain(le32(boot, 96)?),
        })
    }
}

struct Walk<'a> {
    volume: Volume<'a>,
    table: Vec<u8>,
    layout: Layout,
    folders: VecDeque<(Start, String)>,
    seen: HashSet<Start>,
    bytes_left: u64,
    runs_left: usize,
    files: Vec<Listed>,
}

impl Walk<'_> {
    /// The cluster that follows, if the chain goes on.
    fn next(&self, cluster: u32) -> Option<u32> {
        let place = usize::try_from(cluster).ok()?;
        let (next, end) = match self.layout.kind {
            Kind::Fat12 => {
                let pair = le16(&self.table, place.checked_mul(3)? / 2)?;
                let next = if place % 2 == 0 { pair & 0xfff } else { pair >> 4 };
                (u32::from(next), 0xff0)
            }
            Kind::Fat16 => (u32::from(le16(&self.table, place.checked_mul(2)?)?), 0xfff0),
            Kind::Fat32 => (le32(&self.table, place.checked_mul(4)?)? & 0x0fff_ffff, 0x0fff_fff0),
            Kind::ExFat => (le32(&self.table, place.checked_mul(4)?)?, 0xffff_fff0),
        };
        (2..end).contains(&next).then_some(next)
    }

    /// The runs of a chain, as many as `bytes` need; neighbours together. A chain that bites its tail ends there by that.
    fn chain(&mut self, first: u32, bytes: u64) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut cluster = Some(first).filter(|first| *first >= 2);
        // What is beyond the largest part is not read anyway.
        let mut left = bytes.min(limits::PART_BYTES_MAX);
        while let Some(at) = cluster.filter(|_| left > 0 && self.runs_left > 0) {
            let place = self.place(at);
            match runs.last_mut() {
                Some(last) if last.at.map(|at| at + last.bytes) == Some(place) => {
                    last.bytes += self.layout.cluster_bytes;
                }
                _ => {
                    runs.push(Run { at: Some(place), bytes: self.layout.cluster_bytes });
                    self.runs_left -= 1;
                }
            }
            left = left.saturating_sub(self.layout.cluster_bytes);
            cluster = self.next(at);
        }
        runs
    }

    fn place(&self, cluster: u32) -> u64 {
        let before = u64::from(cluster).saturating_sub(2);
        self.layout.clusters_at.saturating_add(before.saturating_mul(self.layout.cluster_bytes))
    }

    fn folder_bytes(&mut self, start: Start) -> Vec<u8> {
        let bytes_max = limits::DISK_TABLE_BYTES_MAX.min(self.bytes_left);
        let list = match start {
            Start::Fixed { at, bytes } => self.volume.read(at, bytes.min(bytes_max)),
            Start::Contiguous { first, bytes } => {
                self.volume.read(self.place(first), bytes.min(bytes_max))
            }
            Start::Chain(first) => {
                // Twice the same cluster is the end of a chain; a folder has no size to end it.
                let mut runs = self.chain(first, bytes_max.min(self.volume.size()));
                let mut seen = HashSet::new();
                runs.retain(|run| seen.insert(run.at));
                super::files::gather(self.volume, &runs, bytes_max)
            }
        };
        self.bytes_left -= wide(list.len()).min(self.bytes_left);
        list
    }

    /// Entries of 32 bytes, long names in pieces before the entry they belong to, the last piece first.
    fn folder(&mut self, list: &[u8], path: &str, opened: &mut Opened) {
        let mut long = Vec::new();
        for entry in list.chunks_exact(32) {
            let (Some(first), Some(traits)) = (byte(entry, 0), byte(entry, 11)) else { break };
            if first == 0 || self.files.len() > limits::PARTS_MAX {
                break;
            }
            if first == 0xe5 {
                long.clear();
                continue;
            }
            if traits & 0x3f == LONG_NAME {
                let units = [part(entry, 1, 10), part(entry, 14, 12), part(entry, 28, 4)].concat();
                long.splice(0..0, units);
                continue;
            }
            let long_name = utf16_le(&std::mem::take(&mut long));
            let long_name = long_name.split('\0').next().unwrap_or_default();
            let short_name = short_name(entry);
            if traits & VOLUME_LABEL != 0 || matches!(short_name.as_str(), "." | "..") {
                continue;
            }
            let name = if long_name.is_empty() { short_name.as_str() } else { long_name };
            let name = joined(path, name);
            if traits & HIDDEN != 0 {
                opened.sign("disk.hidden_file", format!("{:?}", keep::shortened(&name)));
            }
            let high =
                if self.layout.kind == Kind::Fat32 { le16(entry, 20).unwrap_or(0) } else { 0 };
            let low = le16(entry, 26).unwrap_or(0);
            let cluster = (u32::from(high) << 16) | u32::from(low);
            if traits & FOLDER != 0 {
                self.folders.push_back((Start::Chain(cluster), name));
                continue;
            }
            let bytes = u64::from(le32(entry, 28).unwrap_or(0));
            let runs = self.chain(cluster, bytes);
            self.files.push(Listed::file(name, bytes, runs));
        }
    }

    /// Sets of entries: a file's, its stream's, its name's, exFAT section 7.
    fn folder_exfat(&mut self, list: &[u8], path: &str, opened: &mut Opened) {
        let entries: Vec<&[u8]> = list.chunks_exact(32).collect();
        for (at, entry) in entries.iter().enumerate() {
            if byte(entry, 0) == Some(0) || self.files.len() > limits::PARTS_MAX {
                break;
            }
            if byte(entry, 0) != Some(0x85) {
                continue;
            }
            let count = byte(entry, 1).map_or(0, usize::from);
            let set = entries.get(at + 1..).unwrap_or_default();
            let set = set.get(..count.min(set.len())).unwrap_or_default();
            let Some(stream) = set.iter().find(|entry| byte(entry, 0) == Some(0xc0)) else {
                continue;
            };
            let letters = byte(stream, 3).map_or(0, usize::from);
            let names = set.iter().filter(|entry| byte(entry, 0) == Some(0xc1));
            let units: Vec<u8> = names.flat_map(|entry| part(entry, 2, 30).to_vec()).collect();
            let name = joined(path, &utf16_le(part(&units, 0, letters * 2)));
            let (Some(traits), Some(flags), Some(first), Some(bytes)) =
                (le16(entry, 4), byte(stream, 1), le32(stream, 20), le64(stream, 24))
            else {
                continue;
            };
            if traits & u16::from(HIDDEN) != 0 {
                opened.sign("disk.hidden_file", format!("{:?}", keep::shortened(&name)));
            }
            let contiguous = flags & 2 != 0;
            if traits & u16::from(FOLDER) != 0 {
                let start = match contiguous {
                    true => Start::Contiguous { first, bytes },
                    false => Start::Chain(first),
                };
                self.folders.push_back((start, name));
                continue;
            }
            let runs = match contiguous {
                true => vec![Run { at: Some(self.place(first)), bytes }],
                false => self.chain(first, bytes),
            };
            self.files.push(Listed::file(name, bytes, runs));
        }
    }
}

/// Eight letters and three; two bits say which half is shown in lower case.
fn short_name(entry: &[u8]) -> String {
    let lower = byte(entry, 12).unwrap_or(0);
    let piece = |bytes: &[u8], is_lower: bool| {
        let text: String = bytes.iter().map(|letter| char::from(*letter)).collect();
        let text = text.trim_end().to_string();
        if is_lower { text.to_lowercase() } else { text }
    };
    let stem = piece(part(entry, 0, 8), lower & 8 != 0);
    let extension = piece(part(entry, 8, 3), lower & 16 != 0);
    // 0x05 stands for 0xe5, which would say that it is deleted.
    let stem = stem.replacen('\u{5}', "\u{e5}", 1);
    if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
}

const HIDDEN: u8 = 2;
const VOLUME_LABEL: u8 = 8;
const FOLDER: u8 = 16;
const LONG_NAME: u8 = 15;
