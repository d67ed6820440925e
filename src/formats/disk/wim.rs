//! Windows images (Microsoft WIM file format, 2007): resources that are not compressed, with their names where those are not either.

use super::files::joined;
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        keep::{self, Found},
        numbers::{array, le16, le32, le64, part, size, size16, utf16_le},
        opened::Opened,
    },
};
use std::collections::HashMap;

/// By its first bytes.
pub(super) fn is_wim(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MSWIM\0\0\0")
}

/// The files in it.
pub(super) fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let Some(table) = Resource::read(bytes, 48).map(|resource| resource.bytes(bytes)) else {
        return Opened::stopped(Stopped::Damaged("the header ends".to_string()));
    };
    let entries: Vec<Resource> = table
        .chunks_exact(50)
        .take(limits::PARTS_MAX)
        .filter_map(|entry| Resource::read(entry, 0))
        .collect();
    let mut names = HashMap::new();
    for resource in entries.iter().filter(|entry| entry.flags & METADATA != 0) {
        if resource.flags & PACKED == 0 {
            read_names(resource.bytes(bytes), &mut names);
        }
    }
    let mut packed = 0;
    for resource in entries.iter().filter(|entry| entry.flags & METADATA == 0) {
        if resource.flags & PACKED != 0 {
            packed += 1;
            continue;
        }
        let name = names.get(&resource.hash).cloned();
        let name = name.unwrap_or_else(|| "resource".to_string());
        let found = Found::file(name).sized(resource.size);
        if !keep::stored(&mut opened, found, resource.bytes(bytes), budget) {
            break;
        }
    }
    if packed > 0
        || entries.iter().any(|entry| entry.flags & (METADATA | PACKED) == METADATA | PACKED)
    {
        opened.stopped = Some(Stopped::Unsupported(format!("{packed} packed files of a WIM")));
    }
    opened
}

/// A place in the file, with the hash that names it.
struct Resource {
    at: usize,
    size: u64,
    flags: u8,
    hash: [u8; 20],
}

impl Resource {
    fn read(bytes: &[u8], at: usize) -> Option<Resource> {
        let packed = le64(bytes, at)?;
        Some(Resource {
            at: size(le64(bytes, at + 8)?),
            size: packed & 0x00ff_ffff_ffff_ffff,
            flags: u8::try_from(packed >> 56).ok()?,
            hash: array(bytes, at + 30).unwrap_or_default(),
        })
    }

    fn bytes<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        part(file, self.at, size(self.size))
    }
}

/// Directory entries: length, place of the folder's own list, hash, name.
fn read_names(metadata: &[u8], names: &mut HashMap<[u8; 20], String>) {
    let security = le32(metadata, 0).map_or(8, |bytes| size(u64::from(bytes)).max(8));
    let mut lists = vec![(security.next_multiple_of(8), String::new())];
    let mut steps = 0;
    while let Some((mut at, path)) = lists.pop() {
        while let Some(bytes) = le64(metadata, at).map(size).filter(|bytes| *bytes >= 102) {
            steps += 1;
            if steps > limits::PARTS_MAX * 2 {
                return;
            }
            let entry = part(metadata, at, bytes);
            let name_bytes = size16(entry, 100).unwrap_or(0);
            let name = joined(&path, &utf16_le(part(entry, 102, name_bytes)));
            if let Some(hash) = array::<20>(entry, 64)
                && hash != [0; 20]
            {
                names.insert(hash, name.clone());
            }
            if let Some(below) = le64(entry, 16).map(size).filter(|below| *below > 0) {
                lists.push((below, name));
            }
            // Streams of their own follow the entry, each with its length first.
            at = at.saturating_add(bytes.next_multiple_of(8));
            for _ in 0..le16(entry, 96).unwrap_or(0).min(STREAMS_MAX) {
                let Some(bytes) = le64(metadata, at).map(size).filter(|bytes| *bytes >= 38) else {
                    break;
                };
                if let Some(hash) = array::<20>(metadata, at.saturating_add(16)) {
                    names.entry(hash).or_insert_with(|| joined(&path, "stream"));
                }
                at = at.saturating_add(bytes.next_multiple_of(8));
            }
        }
    }
}

const METADATA: u8 = 2;
const PACKED: u8 = 4;
/// Streams of one file that are walked over.
const STREAMS_MAX: u16 = 64;
