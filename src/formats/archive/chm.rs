//! Compiled HTML help (ITSF, "Unofficial CHM Specification", Russotto): the stored section as it is, the packed one by LZX.
//!
//! Files whose names begin with a colon, `#` or `$` are the format's own; they are given as pieces inside.

use super::lzx::Lzx;
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped, Unpacked},
        keep::{self, Found},
        numbers::{byte, from, le32, le64, part, size, size32, wide},
        opened::{Opened, Role},
    },
};

/// By its first bytes.
pub fn is_chm(bytes: &[u8]) -> bool {
    bytes.starts_with(b"ITSF")
}

/// Opens it.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let Some((entries, content_at)) = directory(bytes) else {
        return Opened::stopped(Stopped::Damaged("no directory".to_string()));
    };
    let stored =
        |entry: &Entry| part(bytes, content_at.saturating_add(size(entry.at)), size(entry.bytes));
    let want = entries.iter().filter(|entry| entry.section != 0);
    let want = want.map(|entry| entry.at.saturating_add(entry.bytes)).max().unwrap_or(0);
    let packed = unpack_section(&entries, want, stored, budget);
    for entry in entries.iter().filter(|entry| entry.bytes > 0) {
        let own = is_own(&entry.name);
        let found = Found {
            name: entry.name.clone(),
            role: if own { Role::Inside } else { Role::File },
            size: Some(entry.bytes),
        };
        let content = match entry.section {
            0 => stored(entry),
            _ => part(&packed.bytes, size(entry.at), size(entry.bytes)),
        };
        let whole = wide(content.len()) >= entry.bytes;
        if !keep::stored(&mut opened, found, content, budget) {
            break;
        }
        if let (false, Some(member)) = (whole, opened.members.last_mut())
            && let Some(why) = &packed.stopped
        {
            member.stopped = Some(why.clone());
        }
    }
    opened.stopped = opened.stopped.or(packed.stopped);
    opened
}

fn is_own(name: &str) -> bool {
    let name = name.trim_start_matches('/');
    name.starts_with(['#', '$', ':'])
}

/// A file: its section, its place there, its size.
struct Entry {
    name: String,
    section: u64,
    at: u64,
    bytes: u64,
}

/// The entries of all listing chunks, and where the stored section begins.
fn directory(bytes: &[u8]) -> Option<(Vec<Entry>, usize)> {
    let version = le32(bytes, 4)?;
    let (directory_at, directory_bytes) = (size(le64(bytes, 0x48)?), size(le64(bytes, 0x50)?));
    let content_at = match version {
        3.. => size(le64(bytes, 0x58)?),
        _ => directory_at.checked_add(directory_bytes)?,
    };
    let header = from(bytes, directory_at);
    let chunk_bytes = size32(header, 0x10)?.clamp(256, 1 << 20);
    let chunks = from(header, size32(header, 8)?);
    let count = size32(header, 0x2c)?.min(limits::CHM_CHUNKS_MAX);
    let mut entries = Vec::new();
    for chunk in chunks.chunks(chunk_bytes).take(count) {
        if !chunk.starts_with(b"PMGL") {
            continue;
        }
        let end = chunk_bytes.saturating_sub(size32(chunk, 4)?);
        let mut rest = part(chunk, 0x14, end.saturating_sub(0x14));
        while let Some((entry, next)) =
            entry(rest).filter(|_| entries.len() < limits::CHM_ENTRIES_MAX)
        {
            entries.push(entry);
            rest = next;
        }
    }
    Some((entries, content_at))
}

fn entry(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (name_bytes, rest) = number(bytes)?;
    let name = rest.get(..size(name_bytes))?;
    let (section, rest) = number(from(rest, size(name_bytes)))?;
    let (at, rest) = number(rest)?;
    let (bytes, rest) = number(rest)?;
    let name = super::name(name.strip_prefix(b"/").unwrap_or(name), super::latin);
    Some((Entry { name, section, at, bytes }, rest))
}

/// A number of seven bits a byte, the high ones first.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value: u64 = 0;
    for place in 0..9 {
        let next = byte(bytes, place)?;
        value = value << 7 | u64::from(next & 0x7f);
        if next & 0x80 == 0 {
            return Some((value, from(bytes, place + 1)));
        }
    }
    None
}

/// The packed section from its start, as much as the files ask for. What a damaged piece hides is zeros up to the next fresh start.
fn unpack_section<'a>(
    entries: &[Entry],
    want: u64,
    stored: impl Fn(&Entry) -> &'a [u8],
    budget: &Budget,
) -> Unpacked {
    let mut content = Unpacked::default();
    if want == 0 {
        return content;
    }
    let find = |end: &str| entries.iter().find(|entry| entry.name.ends_with(end)).map(&stored);
    let (Some(packed), Some(control), Some(table)) =
        (find("MSCompressed/Content"), find("MSCompressed/ControlData"), find("ResetTable"))
    else {
        content.stopped =
            Some(Stopped::Unsupported("a packed section of CHM that is not LZX".to_string()));
        return content;
    };
    let Some(plan) = Plan::read(control, table) else {
        content.stopped = Some(Stopped::Damaged("no LZX in the control data".to_string()));
        return content;
    };
    let want = size(want.min(plan.bytes)).min(limits::CHM_SECTION_BYTES_MAX);
    let mut lzx = None;
    let mut piece = 0;
    while content.bytes.len() < want {
        if let Err(limit) = budget.check_time() {
            content.stopped = Some(limit.into());
            break;
        }
        if piece % plan.fresh_every == 0 {
            lzx = Lzx::new(plan.window_power);
        }
        let count = PIECE_BYTES.min(size(plan.bytes) - content.bytes.len());
        let Some(start) = plan.place(piece) else { break };
        let end = plan.place(piece + 1).unwrap_or(packed.len());
        let data = part(packed, start, end.saturating_sub(start));
        let result = match lzx.as_mut() {
            Some(lzx) => lzx.piece(data, count, &mut content.bytes),
            None => Err(Stopped::Damaged("lost until the next fresh start".to_string())),
        };
        if let Err(why) = result {
            content.stopped.get_or_insert(why);
            lzx = None;
            content.bytes.resize(content.bytes.len() + count, 0);
        }
        piece += 1;
    }
    content
}

/// What control data and reset table say.
struct Plan {
    window_power: u32,
    /// Pieces after which the decoder begins anew.
    fresh_every: usize,
    bytes: u64,
    places: Vec<u64>,
}

impl Plan {
    fn read(control: &[u8], table: &[u8]) -> Option<Plan> {
        if part(control, 4, 4) != b"LZXC" {
            return None;
        }
        // From version 2 on, counted in pieces.
        let unit = if le32(control, 8)? >= 2 { wide(PIECE_BYTES) } else { 1 };
        let fresh = u64::from(le32(control, 12)?).checked_mul(unit)?;
        let window = u64::from(le32(control, 16)?).checked_mul(unit)?;
        let window_power = window.checked_ilog2()?;
        let count = size32(table, 4)?.min(limits::CHM_PIECES_MAX);
        let list = from(table, size32(table, 12)?);
        Some(Plan {
            window_power,
            fresh_every: size(fresh / wide(PIECE_BYTES)).max(1),
            bytes: le64(table, 16)?,
            places: list.chunks_exact(8).take(count).filter_map(|place| le64(place, 0)).collect(),
        })
    }

    fn place(&self, piece: usize) -> Option<usize> {
        self.places.get(piece).map(|place| size(*place))
    }
}

const PIECE_BYTES: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};

    fn chm(files: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut list, mut content) = (Vec::new(), Vec::new());
        for (name, bytes) in files {
            list.push(u8::try_from(name.len()).unwrap());
            list.extend(name.as_bytes());
            list.extend([
                0,
                u8::try_from(content.len()).unwrap(),
                u8::try_from(bytes.len()).unwrap(),
            ]);
            content.extend(*bytes);
        }
        let mut chunk = b"PMGL".to_vec();
        chunk.extend(u32::try_from(512 - 20 - list.len()).unwrap().to_le_bytes());
        chunk.extend([0; 12]);
        chunk.extend(list);
        chunk.resize(512, 0);
        let mut header = b"ITSP\x01\0\0\0\x54\0\0\0\0\0\0\0\0\x02\0\0".to_vec();
        header.resize(0x2c, 0);
        header.extend(1_u32.to_le_bytes());
        header.resize(0x54, 0);
        let mut bytes = b"ITSF\x03\0\0\0\x60\0\0\0".to_vec();
        bytes.resize(0x48, 0);
        bytes.extend(0x60_u64.to_le_bytes());
        bytes.extend((0x54_u64 + 512).to_le_bytes());
        bytes.extend((0x60_u64 + 0x54 + 512).to_le_bytes());
        [bytes, header, chunk, content].concat()
    }

    #[test]
    fn stored_files_are_given() {
        let bytes = chm(&[("/a.htm", b"one"), ("/#SYSTEM", b"two")]);
        let opened = open(&bytes, &mut budget());
        let want = [("a.htm", "one"), ("#SYSTEM", "two")];
        assert_eq!(texts(&opened), want.map(|(name, text)| (name.to_string(), text.to_string())));
        assert_eq!((opened.members[0].role, opened.members[1].role), (Role::File, Role::Inside));
        torture(&bytes, |bytes| drop(open(bytes, &mut budget())));
    }
}
