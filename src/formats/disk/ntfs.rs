//! NTFS as far as reading files needs it: the master file table, resident and non-resident data, alternate data streams, paths.
//!
//! The table is read record by record; indexes of folders are not asked, so a file that no folder shows is found too. The layout is
//! that of "NTFS Documentation" (Russon, Fledel).

use super::{
    files::{Content, Listed, Run, Tree, gather},
    image::Volume,
};
use crate::{
    base::limits,
    formats::{
        budget::Stopped,
        keep,
        numbers::{byte, from, le16, le32, le64, part, size16, size32, utf16_le, wide},
        opened::{Opened, Role},
    },
};
use std::collections::BTreeMap;

/// Is it an NTFS boot sector?
pub(super) fn is_ntfs(volume: Volume<'_>) -> bool {
    volume.read(3, 8) == b"NTFS    "
}

/// All files in use and their streams.
pub(super) fn list(volume: Volume<'_>, opened: &mut Opened) -> Vec<Listed> {
    let Some(table) = Table::find(volume) else { return Vec::new() };
    let mut nodes: BTreeMap<u64, Node> = BTreeMap::new();
    let mut runs_left = limits::DISK_RUNS_MAX;
    let mut record_at = 0;
    while record_at < wide(table.records.len()) && nodes.len() <= limits::NTFS_RECORDS_MAX {
        let number = record_at / table.record_bytes;
        let at = usize::try_from(record_at).unwrap_or(usize::MAX);
        let bytes = usize::try_from(table.record_bytes).unwrap_or(0);
        let mut record = part(&table.records, at, bytes).to_vec();
        record_at += table.record_bytes;
        read_record(&mut record, number, table.cluster_bytes, &mut nodes, &mut runs_left);
    }
    let mut files = Vec::new();
    for (number, node) in &nodes {
        let path = path(*number, &nodes);
        if path.starts_with("$Extend") {
            continue;
        }
        for stream in &node.streams {
            // The first records are the file system's own; somebody else's streams may hang on them.
            let own = *number < FIRST_USER_RECORD && stream.name.is_none_or_own();
            if !own && files.len() <= limits::PARTS_MAX {
                files.push(stream.listed(&path, opened));
            }
        }
    }
    files
}

/// The master file table.
struct Table {
    cluster_bytes: u64,
    record_bytes: u64,
    records: Vec<u8>,
}

/// What the records say of one file or folder.
#[derive(Default)]
struct Node {
    parent: u64,
    name: String,
    streams: Vec<Stream>,
}

/// One stream of bytes of a file, put together from its pieces.
struct Stream {
    name: StreamName,
    size: u64,
    content: Content,
    stopped: Option<Stopped>,
}

/// The name of a stream; a file's own bytes have none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StreamName(String);

impl StreamName {
    fn is_none_or_own(&self) -> bool {
        self.0.is_empty() || self.0.starts_with('$')
    }
}

impl Stream {
    fn listed(&self, path: &str, opened: &mut Opened) -> Listed {
        let name = match self.name.0.as_str() {
            "" => path.to_string(),
            stream => format!("{path}:{stream}"),
        };
        // The mark of the web hangs on everything that was downloaded.
        if !self.name.0.is_empty() && self.name.0 != "Zone.Identifier" {
            opened.sign("disk.hidden_stream", format!("{:?}", keep::shortened(&name)));
        }
        Listed {
            name,
            size: self.size,
            content: self.content.clone(),
            role: Role::File,
            stopped: self.stopped.clone(),
            tree: Tree::Only,
        }
    }
}

impl Table {
    fn find(volume: Volume<'_>) -> Option<Table> {
        let boot = volume.read(0, 512);
        let sector = u64::from(le16(&boot, 11)?);
        let per_cluster = match byte(&boot, 13)? {
            count @ 0..=0x80 => u64::from(count),
            power => 1_u64.checked_shl(256 - u32::from(power))?,
        };
        let cluster_bytes =
            sector.checked_mul(per_cluster).filter(|bytes| (256..=2 << 20).contains(bytes))?;
        let record_bytes = match byte(&boot, 64)? {
            count @ 0..=0x7f => u64::from(count) * cluster_bytes,
            power => 1_u64.checked_shl(256 - u32::from(power))?,
        };
        if !(256..=65_536).contains(&record_bytes) {
            return None;
        }
        // The table's own record says where the table is; its mirror says the same.
        [48, 56].into_iter().find_map(|place| {
            let at = le64(&boot, place)?.checked_mul(cluster_bytes)?;
            let mut record = volume.read(at, record_bytes);
            let mut own = BTreeMap::new();
            read_record(&mut record, 0, cluster_bytes, &mut own, &mut { limits::DISK_RUNS_MAX })?;
            let stream =
                own.remove(&0)?.streams.into_iter().find(|stream| stream.name.0.is_empty())?;
            let Content::Runs(runs) = stream.content else { return None };
            let bytes = stream.size.min(limits::NTFS_TABLE_BYTES_MAX);
            let records = gather(volume, &runs, bytes);
            Some(Table { cluster_bytes, record_bytes, records })
        })
    }
}

/// Reads one record into the node it belongs to.
fn read_record(
    record: &mut [u8],
    number: u64,
    cluster_bytes: u64,
    nodes: &mut BTreeMap<u64, Node>,
    runs_left: &mut usize,
) -> Option<()> {
    if part(record, 0, 4) != b"FILE" || le16(record, 22)? & IN_USE == 0 {
        return None;
    }
    undo_fixups(record);
    let base = match le64(record, 32)? & RECORD_NUMBER {
        0 => number,
        base => base,
    };
    let node = nodes.entry(base).or_default();
    let mut at = size16(record, 20)?;
    for _ in 0..ATTRIBUTES_MAX {
        let (kind, bytes) = (le32(record, at)?, size32(record, at + 4)?);
        if kind == END || bytes < 16 {
            break;
        }
        let attribute = part(record, at, bytes);
        match kind {
            FILE_NAME => read_name(attribute, node),
            DATA => {
                read_data(attribute, cluster_bytes, node, runs_left);
            }
            _ => (),
        }
        at = at.checked_add(bytes)?;
    }
    Some(())
}

/// The last two bytes of each sector were exchanged for a number that shows torn writes; the true ones stand in front.
fn undo_fixups(record: &mut [u8]) {
    let (Some(at), Some(count)) = (size16(record, 4), size16(record, 6)) else { return };
    for sector in 1..count.min(FIXUPS_MAX) {
        let Some(true_bytes) = crate::formats::numbers::array::<2>(record, at + sector * 2) else {
            break;
        };
        let end = sector * 512;
        if let Some(place) = record.get_mut(end - 2..end) {
            place.copy_from_slice(&true_bytes);
        }
    }
}

fn resident(attribute: &[u8]) -> Option<&[u8]> {
    let (bytes, at) = (size32(attribute, 16)?, size16(attribute, 20)?);
    Some(part(attribute, at, bytes))
}

fn read_name(attribute: &[u8], node: &mut Node) {
    let Some(value) = resident(attribute) else { return };
    let (Some(parent), Some(letters), Some(space)) =
        (le64(value, 0), byte(value, 64), byte(value, 65))
    else {
        return;
    };
    // The short name of DOS is only taken where there is no other.
    if space == DOS_NAME && !node.name.is_empty() {
        return;
    }
    node.parent = parent & RECORD_NUMBER;
    node.name = utf16_le(part(value, 66, usize::from(letters) * 2));
}

fn read_data(
    attribute: &[u8],
    cluster_bytes: u64,
    node: &mut Node,
    runs_left: &mut usize,
) -> Option<()> {
    let name_letters = usize::from(byte(attribute, 9)?);
    let name = StreamName(utf16_le(part(attribute, size16(attribute, 10)?, name_letters * 2)));
    let flags = le16(attribute, 12)?;
    let stopped = (flags & ENCRYPTED != 0).then_some(Stopped::Encrypted);
    if byte(attribute, 8)? == 0 {
        let value = resident(attribute)?.to_vec();
        let content = Content::Here(value.clone());
        node.streams.push(Stream { name, size: wide(value.len()), content, stopped });
        return Some(());
    }
    let mut runs = runs(from(attribute, size16(attribute, 32)?), cluster_bytes, runs_left);
    let first = le64(attribute, 16)?;
    // Only the first piece of a stream that is in several records tells the size.
    if first > 0
        && let Some(stream) = node.streams.iter_mut().find(|stream| stream.name == name)
        && let Content::Runs(before) | Content::Packed { runs: before, .. } = &mut stream.content
    {
        before.append(&mut runs);
        return Some(());
    }
    let size = le64(attribute, 48)?;
    // The unit is two to that power clusters, four in all that is written.
    let power = u32::from(le16(attribute, 34)?).min(UNIT_POWER_MAX);
    let content = match flags & COMPRESSED != 0 && power > 0 {
        true => Content::Packed { runs, unit_bytes: cluster_bytes << power },
        false => Content::Runs(runs),
    };
    node.streams.push(Stream { name, size, content, stopped });
    Some(())
}

/// Runs of clusters: how many, and how far from the last; both in as many bytes as the first byte says.
fn runs(list: &[u8], cluster_bytes: u64, runs_left: &mut usize) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut at, mut cluster) = (0, 0_i64);
    while let Some(head) = byte(list, at).filter(|head| *head != 0 && *runs_left > 0) {
        let (count_bytes, move_bytes) = (usize::from(head & 15), usize::from(head >> 4));
        let count = signed(part(list, at + 1, count_bytes));
        let moved = signed(part(list, at + 1 + count_bytes, move_bytes));
        at += 1 + count_bytes + move_bytes;
        *runs_left -= 1;
        let Ok(count) = u64::try_from(count) else { break };
        let place = match move_bytes {
            0 => None,
            _ => {
                cluster = cluster.saturating_add(moved);
                Some(u64::try_from(cluster).unwrap_or(u64::MAX).saturating_mul(cluster_bytes))
            }
        };
        runs.push(Run { at: place, bytes: count.saturating_mul(cluster_bytes) });
    }
    runs
}

/// A number of up to eight bytes, the low one first, the highest bit its sign.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|high| high & 0x80 != 0);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    for (to, from) in whole.iter_mut().zip(bytes) {
        *to = *from;
    }
    i64::from_le_bytes(whole)
}

fn path(number: u64, nodes: &BTreeMap<u64, Node>) -> String {
    let mut steps = Vec::new();
    let mut at = number;
    for _ in 0..FOLDERS_DEEP_MAX {
        let Some(node) = nodes.get(&at).filter(|_| at != ROOT) else { break };
        steps.push(node.name.as_str());
        at = node.parent;
    }
    steps.reverse();
    steps.join("/")
}

const RECORD_NUMBER: u64 = 0xffff_ffff_ffff;
const ROOT: u64 = 5;
/// Records before it belong to the file system.
const FIRST_USER_RECORD: u64 = 24;
const IN_USE: u16 = 1;
const FILE_NAME: u32 = 0x30;
const DATA: u32 = 0x80;
const END: u32 = 0xffff_ffff;
const DOS_NAME: u8 = 2;
const COMPRESSED: u16 = 1;
const ENCRYPTED: u16 = 0x4000;
/// A unit of 64 clusters of at most 2 MiB is more than any that is written.
const UNIT_POWER_MAX: u32 = 6;
/// Attributes of one record of at most 64 KiB; real ones have under twenty.
const ATTRIBUTES_MAX: usize = 256;
/// Sectors of one record.
const FIXUPS_MAX: usize = 129;
/// Folders above a file; a path has 255 letters where it is to be opened.
const FOLDERS_DEEP_MAX: usize = 64;
