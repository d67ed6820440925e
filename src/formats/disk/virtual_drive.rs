//! Virtual drives: VHD (Microsoft VHD specification 1.0), VHDX (MS-VHDX), VMDK sparse extents (VMware Virtual Disk Format 5.0),
//! QCOW2 (QEMU docs/interop/qcow2). Each becomes an [`Image`] of blocks; nothing is copied.
//!
//! A child of another drive is refused: the parent is not in the mail.

use super::image::{Image, Volume};
use crate::{
    base::limits,
    formats::{
        budget::Stopped,
        numbers::{be32, be64, byte, from, le16, le32, le64, part, size, wide},
    },
};

/// The drive inside, if the file is one of these.
pub(super) fn open(bytes: &[u8]) -> Option<Result<Image<'_>, Stopped>> {
    let broken = || Stopped::Damaged("a virtual drive with a broken header".to_string());
    if let Some(footer) = vhd_footer(bytes) {
        return Some(vhd(bytes, footer).unwrap_or_else(|| Err(broken())));
    }
    match part(bytes, 0, 8) {
        b"vhdxfile" => Some(vhdx(bytes).ok_or_else(broken)),
        [b'K', b'D', b'M', b'V', ..] => Some(vmdk(bytes).unwrap_or_else(|| Err(broken()))),
        [b'Q', b'F', b'I', 0xfb, ..] => Some(qcow2(bytes).unwrap_or_else(|| Err(broken()))),
        _ => None,
    }
}

/// The footer at the end, or its copy at the start of a dynamic drive whose end is cut off.
fn vhd_footer(bytes: &[u8]) -> Option<&[u8]> {
    let last = bytes.len().saturating_sub(512);
    // Old ones are a byte shorter.
    let places = [last, last.saturating_add(1), 0];
    places.into_iter().map(|at| from(bytes, at)).find(|footer| footer.starts_with(b"conectix"))
}

fn vhd<'a>(bytes: &'a [u8], footer: &[u8]) -> Option<Result<Image<'a>, Stopped>> {
    match be32(footer, 60)? {
        2 => Some(Ok(Image::flat(bytes))),
        3 => {
            let header = from(bytes, size(be64(footer, 16)?));
            if !header.starts_with(b"cxsparse") {
                return None;
            }
            let table = from(bytes, size(be64(header, 16)?));
            let count = size(u64::from(be32(header, 28)?)).min(limits::DISK_BLOCKS_MAX);
            let block_bytes = u64::from(be32(header, 32)?);
            // A bitmap of the block's sectors stands before it, in whole sectors.
            let bitmap_bytes = (block_bytes / 512 / 8).next_multiple_of(512);
            let places = table.chunks_exact(4).take(count).map(|entry| {
                be32(entry, 0)
                    .filter(|sector| *sector != u32::MAX)
                    .map(|sector| u64::from(sector) * 512 + bitmap_bytes)
            });
            Some(Ok(Image::blocks(bytes, block_bytes, places.collect(), be64(footer, 48)?)))
        }
        4 => Some(Err(Stopped::Unsupported("a VHD that needs its parent".to_string()))),
        _ => None,
    }
}

fn vhdx(bytes: &[u8]) -> Option<Image<'_>> {
    // MS-VHDX section 2.2.3: two copies of the region table.
    let regions = [192 << 10, 256 << 10].into_iter().map(|at| from(bytes, at));
    let regions = regions.into_iter().find(|table| table.starts_with(b"regi"))?;
    let region = |guid: &[u8]| {
        let entries = from(regions, 16).chunks_exact(32).take(VHDX_ENTRIES_MAX);
        let mut entries = entries.filter(|entry| entry.starts_with(guid));
        entries.next().and_then(|entry| le64(entry, 16)).map(|at| from(bytes, size(at)))
    };
    let (table, metadata) = (region(BAT)?, region(METADATA)?);
    let item = |guid: &[u8]| {
        let entries = from(metadata, 32).chunks_exact(32).take(VHDX_ENTRIES_MAX);
        let mut entries = entries.filter(|entry| entry.starts_with(guid));
        entries
            .next()
            .and_then(|entry| le32(entry, 16))
            .map(|at| from(metadata, size(u64::from(at))))
    };
    let block_bytes = u64::from(le32(item(FILE_PARAMETERS)?, 0)?);
    let drive_bytes = le64(item(VIRTUAL_DISK_SIZE)?, 0)?;
    let sector = item(LOGICAL_SECTOR_SIZE).and_then(|item| le32(item, 0)).unwrap_or(512);
    // MS-VHDX section 2.5.1: after so many blocks stands the entry of a bitmap.
    let ratio = size((u64::from(sector) << 23).checked_div(block_bytes)?).max(1);
    let count = size(drive_bytes.div_ceil(block_bytes)).min(limits::DISK_BLOCKS_MAX);
    let mut places = Vec::new();
    for block in 0..count {
        let Some(entry) = le64(table, (block + block / ratio) * 8) else { break };
        let present = matches!(entry & 7, 6 | 7);
        places.push(present.then_some(entry & !0xf_ffff));
    }
    Some(Image::blocks(bytes, block_bytes, places, drive_bytes))
}

fn vmdk(bytes: &[u8]) -> Option<Result<Image<'_>, Stopped>> {
    if le16(bytes, 77)? != 0 {
        return Some(Err(Stopped::Unsupported("a compressed VMDK".to_string())));
    }
    let (sectors, grain_sectors) = (le64(bytes, 12)?, le64(bytes, 20)?);
    let per_table = size(u64::from(le32(bytes, 44)?)).min(limits::DISK_BLOCKS_MAX);
    let directory = from(bytes, size(le64(bytes, 56)?.checked_mul(512)?));
    let grain_bytes = grain_sectors.checked_mul(512).filter(|bytes| *bytes > 0)?;
    let count = size(sectors.div_ceil(grain_sectors)).min(limits::DISK_BLOCKS_MAX);
    let mut places = Vec::new();
    for entry in directory.chunks_exact(4) {
        if places.len() >= count || per_table == 0 {
            break;
        }
        let at = u64::from(le32(entry, 0)?) * 512;
        let table = if at == 0 { &[][..] } else { from(bytes, size(at)) };
        let more = per_table.min(count - places.len());
        for grain in 0..more {
            let place = le32(table, grain * 4).filter(|place| *place > 1);
            places.push(place.map(|sector| u64::from(sector) * 512));
        }
    }
    Some(Ok(Image::blocks(bytes, grain_bytes, places, sectors.saturating_mul(512))))
}

fn qcow2(bytes: &[u8]) -> Option<Result<Image<'_>, Stopped>> {
    if be32(bytes, 32)? != 0 {
        return Some(Err(Stopped::Encrypted));
    }
    if be64(bytes, 8)? != 0 {
        return Some(Err(Stopped::Unsupported("a QCOW2 that needs its parent".to_string())));
    }
    let bits = be32(bytes, 20).filter(|bits| (9..=21).contains(bits))?;
    let cluster_bytes = 1_u64 << bits;
    let drive_bytes = be64(bytes, 24)?;
    let count = size(drive_bytes.div_ceil(cluster_bytes)).min(limits::DISK_BLOCKS_MAX);
    let first = from(bytes, size(be64(bytes, 40)?));
    let entries = size(u64::from(be32(bytes, 36)?));
    let mut places = Vec::new();
    for entry in first.chunks_exact(8).take(entries) {
        if places.len() >= count {
            break;
        }
        let at = be64(entry, 0)? & QCOW_PLACE;
        let table = if at == 0 { &[][..] } else { from(bytes, size(at)) };
        let more = size(cluster_bytes / 8).min(count - places.len());
        for cluster in 0..more {
            let entry = be64(table, cluster * 8).unwrap_or(0);
            if entry & QCOW_COMPRESSED != 0 {
                return Some(Err(Stopped::Unsupported("a compressed QCOW2".to_string())));
            }
            let place = entry & QCOW_PLACE;
            places.push((place != 0 && entry & 1 == 0).then_some(place));
        }
    }
    Some(Ok(Image::blocks(bytes, cluster_bytes, places, drive_bytes)))
}

/// Sectors of a CD with what the drive needs around them: by the mark each begins with, ECMA-130 section 14.
pub(super) fn raw_cd(bytes: &[u8]) -> Option<Image<'_>> {
    if part(bytes, 0, 12) != CD_SYNC {
        return None;
    }
    // Mode 2 has eight more bytes before its data.
    let skip = if byte(bytes, 15)? == 2 { 24 } else { 16 };
    let stride = [2_352, 2_448].into_iter().find(|stride| part(bytes, *stride, 12) == CD_SYNC)?;
    Some(Image::sectors(bytes, wide(stride), skip))
}

/// Partitions as GPT, Apple's map and the master boot record have them: start and size in bytes.
pub(super) fn partitions(volume: Volume<'_>) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    gpt(volume, &mut found);
    apple_map(volume, &mut found);
    boot_records(volume, &mut found);
    found.truncate(limits::PARTITIONS_MAX);
    found.retain(|(start, bytes)| *start < volume.size() && *bytes > 0);
    found.sort_unstable();
    found.dedup();
    found
}

/// UEFI 2.10 section 5.3, in sectors of either size in use.
fn gpt(volume: Volume<'_>, found: &mut Vec<(u64, u64)>) {
    for sector in [512, 4_096] {
        let header = volume.read(sector, 512);
        if !header.starts_with(b"EFI PART") {
            continue;
        }
        let (Some(at), Some(count), Some(step)) =
            (le64(&header, 72), le32(&header, 80), le32(&header, 84))
        else {
            continue;
        };
        let step = u64::from(step).clamp(128, 4_096);
        for entry in 0..u64::from(count).min(wide(limits::PARTITIONS_MAX)) {
            let place = at.saturating_mul(sector).saturating_add(entry * step);
            let entry = volume.read(place, 128);
            let (Some(first), Some(last)) = (le64(&entry, 32), le64(&entry, 40)) else { break };
            if part(&entry, 0, 16) != [0; 16] && last >= first {
                let sectors = (last - first).saturating_add(1);
                found.push((first.saturating_mul(sector), sectors.saturating_mul(sector)));
            }
        }
    }
}

/// Apple's map: from the second sector on an entry a sector.
fn apple_map(volume: Volume<'_>, found: &mut Vec<(u64, u64)>) {
    for sector in 1..=wide(limits::PARTITIONS_MAX) {
        let entry = volume.read(sector * 512, 16);
        let (b"PM", Some(first), Some(sectors)) =
            (part(&entry, 0, 2), be32(&entry, 8), be32(&entry, 12))
        else {
            break;
        };
        found.push((u64::from(first) * 512, u64::from(sectors) * 512));
    }
}

/// The master boot record, and the chain of records in an extended partition: each has one drive and the place of the next.
fn boot_records(volume: Volume<'_>, found: &mut Vec<(u64, u64)>) {
    let (mut extended, mut at) = (0, 0);
    for _ in 0..limits::PARTITIONS_MAX {
        let record = volume.read(at, 512);
        if part(&record, 510, 2) != [0x55, 0xaa] {
            break;
        }
        let mut next = None;
        for entry in part(&record, 446, 64).chunks_exact(16) {
            let (Some(kind), Some(first), Some(sectors)) =
                (byte(entry, 4), le32(entry, 8), le32(entry, 12))
            else {
                break;
            };
            let (first, bytes) = (u64::from(first) * 512, u64::from(sectors) * 512);
            match kind {
                0 | GPT_GUARD => (),
                0x05 | 0x0f | 0x85 => next = Some(first),
                _ if bytes > 0 && first > 0 => found.push((at + first, bytes)),
                _ => (),
            }
        }
        let Some(next) = next else { break };
        if at == 0 {
            extended = next;
            at = next;
        } else {
            at = extended + next;
        }
    }
}

const BAT: &[u8] = b"\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08";
const METADATA: &[u8] = b"\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e";
const FILE_PARAMETERS: &[u8] = b"\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b";
const VIRTUAL_DISK_SIZE: &[u8] =
    b"\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8";
const LOGICAL_SECTOR_SIZE: &[u8] =
    b"\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f";
/// Entries of VHDX's tables of regions and items; each kind is there once.
const VHDX_ENTRIES_MAX: usize = 64;
const QCOW_PLACE: u64 = 0x00ff_ffff_ffff_fe00;
const QCOW_COMPRESSED: u64 = 1 << 62;
const CD_SYNC: &[u8] = b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0";
/// The type of the one entry that keeps others off a GPT drive.
const GPT_GUARD: u8 = 0xee;
