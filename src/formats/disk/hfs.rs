//! HFS+ and HFSX (Apple TN1150): the catalog's leaves, one after the other; data forks and resource forks with their first eight pieces.
//!
//! A file in more pieces is given as far as those go, and that is said.

use super::{
    files::{Listed, Run, gather},
    image::Volume,
};
use crate::{
    base::limits,
    formats::{
        numbers::{be16, be32, be64, byte, from, part, size, utf16_be},
        opened::Role,
    },
};
use std::collections::HashMap;

/// Is there a volume header?
pub(super) fn is_hfs_plus(volume: Volume<'_>) -> bool {
    matches!(&volume.read(1_024, 4)[..], b"H+\0\x04" | b"HX\0\x05")
}

/// All files and their resource forks.
pub(super) fn list(volume: Volume<'_>) -> Vec<Listed> {
    Catalog::read(volume).map(|catalog| catalog.files()).unwrap_or_default()
}

struct Catalog {
    block_bytes: u64,
    bytes: Vec<u8>,
}

/// A file as the catalog has it, with the folder it is in.
struct Entry {
    parent: u32,
    name: String,
    data: (u64, Vec<Run>),
    resource: (u64, Vec<Run>),
}

impl Catalog {
    fn read(volume: Volume<'_>) -> Option<Catalog> {
        let header = volume.read(1_024, 512);
        let block_bytes = u64::from(be32(&header, 40)?);
        if !(512..=1 << 20).contains(&block_bytes) {
            return None;
        }
        let (bytes, runs) = fork(part(&header, 272, 80), block_bytes)?;
        let bytes = gather(volume, &runs, bytes.min(limits::DISK_FOLDER_BYTES_MAX));
        Some(Catalog { block_bytes, bytes })
    }

    /// Walks the leaves by their forward links, TN1150 "B-Trees".
    fn files(&self) -> Vec<Listed> {
        let node_bytes = be16(&self.bytes, 32).map_or(4_096, usize::from).max(512);
        let mut folders: HashMap<u32, (u32, String)> = HashMap::new();
        let mut entries = Vec::new();
        let mut next = be32(&self.bytes, 24).unwrap_or(0);
        // Each leaf is read once: there are no more of them than fit.
        for _ in 0..self.bytes.len() / node_bytes {
            let at = size(u64::from(next)).saturating_mul(node_bytes);
            let node = part(&self.bytes, at, node_bytes);
            if byte(node, 8) != Some(LEAF) || next == 0 {
                break;
            }
            let records = be16(node, 10).map_or(0, usize::from).min(node_bytes / 2);
            for number in 0..records {
                let place = node_bytes.checked_sub((number + 1) * 2);
                let Some(start) = place.and_then(|place| be16(node, place)) else { break };
                self.record(from(node, usize::from(start)), &mut folders, &mut entries);
            }
            next = be32(node, 0).unwrap_or(0);
        }
        let mut files = Vec::new();
        for entry in entries {
            let path = path(entry.parent, &entry.name, &folders);
            let resource = format!("{path}/..namedfork/rsrc");
            files.push(Listed::file(path, entry.data.0, entry.data.1));
            if entry.resource.0 > 0 {
                let file = Listed::file(resource, entry.resource.0, entry.resource.1);
                files.push(Listed { role: Role::Inside, ..file });
            }
        }
        files
    }

    fn record(
        &self,
        bytes: &[u8],
        folders: &mut HashMap<u32, (u32, String)>,
        entries: &mut Vec<Entry>,
    ) -> Option<()> {
        let key_bytes = usize::from(be16(bytes, 0)?);
        let parent = be32(bytes, 2)?;
        let letters = usize::from(be16(bytes, 6)?);
        let name = utf16_be(part(bytes, 8, letters * 2)).replace('/', ":");
        let fields = from(bytes, (key_bytes + 2).next_multiple_of(2));
        match be16(fields, 0)? {
            FOLDER if folders.len() < limits::DISK_FOLDERS_MAX => {
                folders.insert(be32(fields, 8)?, (parent, name));
            }
            FILE if entries.len() <= limits::PARTS_MAX => entries.push(Entry {
                parent,
                name,
                data: fork(part(fields, 88, 80), self.block_bytes)?,
                resource: fork(part(fields, 168, 80), self.block_bytes)?,
            }),
            _ => (),
        }
        Some(())
    }
}

/// Size and pieces of a fork, TN1150 "Fork Data Structure".
fn fork(bytes: &[u8], block_bytes: u64) -> Option<(u64, Vec<Run>)> {
    let pieces = from(bytes, 16).chunks_exact(8).filter_map(|piece| {
        let (start, count) = (u64::from(be32(piece, 0)?), u64::from(be32(piece, 4)?));
        let at = Some(start.saturating_mul(block_bytes));
        (count > 0).then_some(Run { at, bytes: count.saturating_mul(block_bytes) })
    });
    Some((be64(bytes, 0)?, pieces.collect()))
}

fn path(parent: u32, name: &str, folders: &HashMap<u32, (u32, String)>) -> String {
    let mut steps = vec![name];
    let mut at = parent;
    for _ in 0..FOLDERS_DEEP_MAX {
        let Some((above, name)) = folders.get(&at).filter(|_| at != ROOT) else { break };
        steps.push(name);
        at = *above;
    }
    steps.reverse();
    steps.join("/")
}

const LEAF: u8 = 0xff;
const FOLDER: u16 = 1;
const FILE: u16 = 2;
const ROOT: u32 = 2;
/// Folders above a file; a path on a Mac has 1,024 bytes.
const FOLDERS_DEEP_MAX: usize = 64;
