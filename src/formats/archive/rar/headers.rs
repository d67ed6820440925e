//! The headers of a RAR archive by our own reading: RAR 1.5 to 4 (technote.txt) and 5 to 7 (the RAR 5.0 archive format note).
//!
//! They list what there is where the decoder refuses the whole archive, give stored members, and build a small correct archive around
//! one member, so that a wrong checksum elsewhere does not hide it. Checksums are not asked.

use crate::{
    base::limits,
    formats::numbers::{byte, le16, le32, part, size, size16, size32, wide},
};
use std::ops::Range;

/// What walking the headers gave.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Files and service records in the order met.
    pub(super) records: Vec<Record>,
    /// It is one of several volumes.
    pub(super) is_volume: bool,
    /// Members are packed as one stream.
    pub(super) is_solid: bool,
    /// The headers themselves are encrypted; there are no names without a password.
    pub(super) names_encrypted: bool,
    /// Binary logarithm of how often a password is hashed, where the archive says that.
    pub(super) hashing_log: u8,
    /// The end was met as a format has it, not in the middle of a header.
    pub(super) is_whole: bool,
}

/// One file or service record.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// RAR 5 or later.
    pub(super) is_five: bool,
    /// A service record: a comment, an NTFS stream. Its name is the service's.
    pub(super) is_service: bool,
    /// It is a folder or a link: no bytes.
    pub(super) is_empty: bool,
    /// Its name as far as our own reading goes.
    pub(super) name: Vec<u8>,
    /// The name of the stream, where it is one.
    pub(super) stream: Vec<u8>,
    /// It is stored, not packed.
    pub(super) is_stored: bool,
    /// It needs a password.
    pub(super) is_encrypted: bool,
    /// It began in an earlier volume or goes on in a later one.
    pub(super) is_split: bool,
    /// The packed bytes told are more than there are.
    pub(super) is_cut: bool,
    /// Where the header stands.
    pub(super) header: Range<usize>,
    /// Where the packed bytes stand.
    pub(super) data: Range<usize>,
}

/// Reads the headers of the archive that begins at the first byte.
pub(super) fn walk(archive: &[u8]) -> Walk {
    if archive.starts_with(FIVE) { walk_five(archive) } else { walk_four(archive) }
}

fn walk_four(archive: &[u8]) -> Walk {
    let mut walk = Walk::default();
    let mut at = FOUR.len();
    while walk.records.len() <= limits::PARTS_MAX {
        if at >= archive.len() {
            walk.is_whole = true;
            break;
        }
        let Some((kind, flags, header, data)) = block_four(archive, at) else { break };
        match kind {
            MAIN_FOUR => {
                walk.is_volume = flags & 1 != 0;
                walk.is_solid = flags & 8 != 0;
                walk.names_encrypted = flags & 0x80 != 0;
                if walk.names_encrypted {
                    break;
                }
            }
            FILE_FOUR | SERVICE_FOUR => {
                let Some(record) = record_four(archive, kind, flags, header.clone()) else { break };
                at = record.data.end;
                walk.records.push(record);
                continue;
            }
            END_FOUR => {
                walk.is_whole = true;
                break;
            }
            _ => (),
        }
        at = header.end.saturating_add(data);
    }
    walk
}

/// Type, flags, place and length of what follows of the block at a place.
fn block_four(archive: &[u8], at: usize) -> Option<(u8, u16, Range<usize>, usize)> {
    let kind = byte(archive, at.checked_add(2)?)?;
    let flags = le16(archive, at + 3)?;
    let bytes = size16(archive, at + 5)?;
    if !(MAIN_FOUR..=END_FOUR).contains(&kind) || bytes < 7 {
        return None;
    }
    let follows = match flags & 0x8000 != 0 {
        true => size32(archive, at + 7)?,
        false => 0,
    };
    Some((kind, flags, at..at + bytes, follows))
}

fn record_four(archive: &[u8], kind: u8, flags: u16, header: Range<usize>) -> Option<Record> {
    let at = header.start;
    let mut packed = u64::from(le32(archive, at + 7)?);
    let method = byte(archive, at + 25)?;
    let name_bytes = size16(archive, at + 26)?;
    let mut name_at = at + 32;
    if flags & 0x100 != 0 {
        packed |= u64::from(le32(archive, at + 32)?) << 32;
        name_at += 8;
    }
    let name = part(archive, name_at, name_bytes);
    // A name of both kinds: the old one, a zero, and what makes it Unicode.
    let shown = if flags & 0x200 != 0 { crate::formats::numbers::until_zero(name) } else { name };
    // A service record says more behind its name; for a stream that is the stream's name.
    let salt = if flags & 0x400 != 0 { 8 } else { 0 };
    let more_at = name_at.saturating_add(name_bytes);
    let stream = part(archive, more_at, header.end.saturating_sub(more_at).saturating_sub(salt));
    let end = header.end.saturating_add(size(packed));
    Some(Record {
        is_five: false,
        is_service: kind == SERVICE_FOUR,
        is_empty: flags & 0xe0 == 0xe0 && kind == FILE_FOUR,
        name: shown.to_vec(),
        stream: if kind == SERVICE_FOUR { stream.to_vec() } else { Vec::new() },
        is_stored: method == STORED_FOUR,
        is_encrypted: flags & 4 != 0,
        is_split: flags & 3 != 0,
        is_cut: end > archive.len(),
        data: header.end.min(archive.len())..end.min(archive.len()),
        header,
    })
}

/// A header of RAR 5 with what all of them begin with.
struct Five {
    kind: u64,
    flags: u64,
    /// Where the fields of its type begin.
    fields_at: usize,
    extra: Range<usize>,
    header: Range<usize>,
    packed: u64,
}

fn walk_five(archive: &[u8]) -> Walk {
    let mut walk = Walk::default();
    let mut at = FIVE.len();
    while walk.records.len() <= limits::PARTS_MAX {
        if at >= archive.len() {
            walk.is_whole = true;
            break;
        }
        let Some(block) = block_five(archive, at) else { break };
        at = block.header.end.saturating_add(size(block.packed));
        match block.kind {
            MAIN_FIVE => {
                let flags = number(archive, block.fields_at).map_or(0, |(flags, _)| flags);
                walk.is_volume = flags & 1 != 0;
                walk.is_solid = flags & 4 != 0;
            }
            CRYPT_FIVE => {
                walk.names_encrypted = true;
                walk.hashing_log = hashing_log(archive, block.fields_at).unwrap_or(u8::MAX);
                break;
            }
            FILE_FIVE | SERVICE_FIVE => {
                let Some(record) = record_five(archive, &block) else { break };
                if let Some(log) = record.1 {
                    walk.hashing_log = walk.hashing_log.max(log);
                }
                walk.records.push(record.0);
            }
            END_FIVE => {
                walk.is_whole = true;
                break;
            }
            _ => (),
        }
    }
    walk
}

fn block_five(archive: &[u8], at: usize) -> Option<Five> {
    let (bytes, kind_at) = number(archive, at.checked_add(4)?)?;
    let end = kind_at.checked_add(size(bytes))?;
    let (kind, next) = number(archive, kind_at)?;
    let (flags, mut next) = number(archive, next)?;
    let (mut extra, mut packed) = (0, 0);
    if flags & 1 != 0 {
        (extra, next) = number(archive, next)?;
    }
    if flags & 2 != 0 {
        (packed, next) = number(archive, next)?;
    }
    if end > archive.len() || bytes == 0 {
        return None;
    }
    let extra = end.saturating_sub(size(extra)).max(next.min(end))..end;
    Some(Five { kind, flags, fields_at: next, extra, header: at..end, packed })
}

/// The record, and how often its password is hashed (binary logarithm) if it has one.
fn record_five(archive: &[u8], block: &Five) -> Option<(Record, Option<u8>)> {
    let (file_flags, next) = number(archive, block.fields_at)?;
    let (_unpacked, next) = number(archive, next)?;
    let (_attributes, mut next) = number(archive, next)?;
    next += if file_flags & 2 != 0 { 4 } else { 0 };
    next += if file_flags & 4 != 0 { 4 } else { 0 };
    let (packing, next) = number(archive, next)?;
    let (_system, next) = number(archive, next)?;
    let (name_bytes, name_at) = number(archive, next)?;
    let name = part(archive, name_at, size(name_bytes));
    let (mut encrypted, mut link, mut stream) = (None, false, Vec::new());
    for (kind, fields) in extras(archive, block.extra.clone()) {
        match kind {
            EXTRA_ENCRYPTION => {
                encrypted = Some(hashing_log(archive, fields.start).unwrap_or(u8::MAX));
            }
            EXTRA_LINK => link = true,
            EXTRA_SERVICE => stream = archive.get(fields).unwrap_or_default().to_vec(),
            _ => (),
        }
    }
    let end = block.header.end.saturating_add(size(block.packed));
    let record = Record {
        is_five: true,
        is_service: block.kind == SERVICE_FIVE,
        is_empty: file_flags & 1 != 0 || (link && block.packed == 0),
        name: name.to_vec(),
        stream,
        is_stored: (packing >> 7) & 7 == 0,
        is_encrypted: encrypted.is_some(),
        is_split: block.flags & 0x18 != 0,
        is_cut: end > archive.len(),
        header: block.header.clone(),
        data: block.header.end..end.min(archive.len()),
    };
    Some((record, encrypted))
}

/// The extra records of a header: type, and where the fields stand.
fn extras(archive: &[u8], area: Range<usize>) -> impl Iterator<Item = (u64, Range<usize>)> + '_ {
    let mut at = area.start;
    std::iter::from_fn(move || {
        let (bytes, kind_at) = number(archive, at)?;
        let end = kind_at.checked_add(size(bytes))?;
        let (kind, fields_at) = number(archive, kind_at)?;
        at = end;
        (end <= area.end && fields_at <= end).then_some((kind, fields_at..end))
    })
    .take(EXTRAS_MAX)
}

/// The logarithm of the hashing count in an encryption header or record: version, flags, count.
fn hashing_log(archive: &[u8], at: usize) -> Option<u8> {
    let (_version, next) = number(archive, at)?;
    let (_flags, next) = number(archive, next)?;
    byte(archive, next)
}

/// A number of seven bits a byte, the low ones first, and where the next thing stands.
fn number(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for place in 0..10 {
        let next = byte(bytes, at.checked_add(place)?)?;
        value |= u64::from(next & 0x7f).checked_shl(u32::try_from(place * 7).ok()?)?;
        if next & 0x80 == 0 {
            return Some((value, at + place + 1));
        }
    }
    None
}

/// A correct archive around one record, its type made a file's: checksums of headers new, sizes those there are.
/// `None` where the header cannot be made to fit.
pub(super) fn mended(archive: &[u8], record: &Record) -> Option<Vec<u8>> {
    let data = archive.get(record.data.clone())?;
    let header = archive.get(record.header.clone())?;
    match record.is_five {
        true => mended_five(header, data),
        false => mended_four(header, data),
    }
}

fn mended_four(header: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let mut header = header.to_vec();
    *header.get_mut(2)? = FILE_FOUR;
    // Neither split nor solid: it stands alone now.
    *header.get_mut(3)? &= !0x13;
    header.get_mut(7..11)?.copy_from_slice(&u32::try_from(data.len()).ok()?.to_le_bytes());
    let checksum = crc32(header.get(2..)?) & 0xffff;
    header.get_mut(..2)?.copy_from_slice(&u16::try_from(checksum).ok()?.to_le_bytes());
    let mut main = vec![0, 0, MAIN_FOUR, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0];
    let checksum = crc32(main.get(2..)?) & 0xffff;
    main.get_mut(..2)?.copy_from_slice(&u16::try_from(checksum).ok()?.to_le_bytes());
    Some([FOUR, &main, &header, data].concat())
}

fn mended_five(header: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (_, kind_at) = number(header, 4)?;
    let (_, flags_at) = number(header, kind_at)?;
    let (flags, next) = number(header, flags_at)?;
    let (extra, next) = match flags & 1 != 0 {
        true => number(header, next)?,
        false => (0, next),
    };
    let (_, fields_at) = match flags & 2 != 0 {
        true => number(header, next)?,
        false => (0, next),
    };
    let mut body = vec![2];
    put_number(&mut body, (flags | 2) & !0x18);
    if flags & 1 != 0 {
        put_number(&mut body, extra);
    }
    put_number(&mut body, wide(data.len()));
    body.extend(header.get(fields_at..)?);
    let main = [1, 0, 0];
    Some([FIVE, &sealed(&main), &sealed(&body), data].concat())
}

/// A RAR 5 header with its checksum and size before it.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut counted = Vec::new();
    put_number(&mut counted, wide(body.len()));
    counted.extend(body);
    [&crc32(&counted).to_le_bytes()[..], &counted].concat()
}

fn put_number(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            break;
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The first bytes of RAR 1.5 to 4.
pub(super) const FOUR: &[u8] = b"Rar!\x1a\x07\x00";
/// The first bytes of RAR 5 and later.
pub(super) const FIVE: &[u8] = b"Rar!\x1a\x07\x01\x00";
const MAIN_FOUR: u8 = 0x73;
const FILE_FOUR: u8 = 0x74;
const SERVICE_FOUR: u8 = 0x7a;
const END_FOUR: u8 = 0x7b;
const STORED_FOUR: u8 = 0x30;
const MAIN_FIVE: u64 = 1;
const FILE_FIVE: u64 = 2;
const SERVICE_FIVE: u64 = 3;
const CRYPT_FIVE: u64 = 4;
const END_FIVE: u64 = 5;
const EXTRA_ENCRYPTION: u64 = 1;
const EXTRA_LINK: u64 = 5;
const EXTRA_SERVICE: u64 = 7;
/// Extra records of one header; there are seven types.
const EXTRAS_MAX: usize = 64;

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A stored file of RAR 5: header type 2, or 3 for a service.
    pub(crate) fn five(kind: u8, name: &str, content: &[u8], flags: u8, extra: &[u8]) -> Vec<u8> {
        let mut body = vec![kind, flags | 2 | u8::from(!extra.is_empty())];
        if !extra.is_empty() {
            put_number(&mut body, wide(extra.len()));
        }
        put_number(&mut body, wide(content.len()));
        body.push(4);
        put_number(&mut body, wide(content.len()));
        body.push(0x20);
        body.extend(crc32(content).to_le_bytes());
        body.extend([0, 0]);
        put_number(&mut body, wide(name.len()));
        body.extend(name.as_bytes());
        body.extend(extra);
        [&sealed(&body)[..], content].concat()
    }

    pub(crate) fn archive_five(main_flags: u8, records: &[Vec<u8>]) -> Vec<u8> {
        [FIVE, &sealed(&[1, 0, main_flags]), &records.concat(), &sealed(&[5, 0, 0])].concat()
    }

    /// A stored file of RAR 4: header type 0x74, or 0x7a for a service.
    pub(crate) fn four(kind: u8, name: &str, content: &[u8], flags: u16, more: &[u8]) -> Vec<u8> {
        let mut header = vec![0, 0, kind];
        header.extend((flags | 0x8000).to_le_bytes());
        header.extend(u16::try_from(32 + name.len() + more.len()).unwrap().to_le_bytes());
        for long in [content.len(), content.len()] {
            header.extend(u32::try_from(long).unwrap().to_le_bytes());
        }
        header.push(2);
        header.extend(crc32(content).to_le_bytes());
        header.extend([0, 0, 0, 0x50, 20, STORED_FOUR]);
        header.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        header.extend([0x20, 0, 0, 0]);
        header.extend(name.as_bytes());
        header.extend(more);
        let checksum = crc32(&header[2..]).to_le_bytes();
        header[..2].copy_from_slice(&checksum[..2]);
        header.extend(content);
        header
    }

    pub(crate) fn archive_four(main_flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
        let mut main = vec![0, 0, MAIN_FOUR];
        main.extend(main_flags.to_le_bytes());
        main.extend([13, 0, 0, 0, 0, 0, 0, 0]);
        let checksum = crc32(&main[2..]).to_le_bytes();
        main[..2].copy_from_slice(&checksum[..2]);
        [FOUR, &main, &records.concat(), b"\xc4\x3d\x7b\x00\x40\x07\x00"].concat()
    }
}
