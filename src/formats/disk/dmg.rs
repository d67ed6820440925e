//! Apple disk images: a trailer, a property list, tables of blocks (UDIF; "Demystifying the DMG File Format", Levin).
//!
//! Blocks that are stored, zlib, bzip2 or empty become one flat image; others leave zeros and a reason.

use crate::formats::{
    budget::{Budget, Stopped, Unpacked},
    numbers::{be32, be64, from, part, size, wide},
};
use bzip2::read::BzDecoder;
use data_encoding::BASE64;
use flate2::read::ZlibDecoder;
use memchr::memmem;

/// Is there the trailer?
pub(super) fn is_dmg(bytes: &[u8]) -> bool {
    trailer(bytes).is_some()
}

/// The drive inside, as far as it goes.
pub(super) fn unpack(bytes: &[u8], budget: &mut Budget) -> Unpacked {
    let mut drive = Unpacked::default();
    let Some(trailer) = trailer(bytes) else {
        drive.stopped = Some(Stopped::Damaged("no trailer".to_string()));
        return drive;
    };
    let place = |at| be64(trailer, at).map_or(usize::MAX, size);
    let data = part(bytes, place(24), place(32));
    let list = part(bytes, place(216), place(224));
    for table in tables(list) {
        if budget.check_time().is_err() {
            break;
        }
        unpack_table(&mut drive, data, &table, budget);
    }
    if drive.bytes.is_empty() && drive.stopped.is_none() {
        drive.stopped = Some(Stopped::Damaged("no blocks".to_string()));
    }
    drive
}

fn trailer(bytes: &[u8]) -> Option<&[u8]> {
    let trailer = from(bytes, bytes.len().checked_sub(512)?);
    trailer.starts_with(b"koly").then_some(trailer)
}

/// The block tables: everything in `data` elements behind the key `blkx`, in base64.
fn tables(list: &[u8]) -> Vec<Vec<u8>> {
    let start = memmem::find(list, b"<key>blkx</key>").unwrap_or(0);
    let mut rest = from(list, start);
    let mut tables = Vec::new();
    while let Some(at) = memmem::find(rest, b"<data>").filter(|_| tables.len() < TABLES_MAX) {
        rest = from(rest, at + 6);
        let end = memmem::find(rest, b"</data>").unwrap_or(rest.len());
        let mut text = part(rest, 0, end).to_vec();
        text.retain(|letter| !letter.is_ascii_whitespace());
        if let Ok(table) = BASE64.decode(&text)
            && table.starts_with(b"mish")
        {
            tables.push(table);
        }
        rest = from(rest, end);
    }
    tables
}

fn unpack_table(drive: &mut Unpacked, data: &[u8], table: &[u8], budget: &mut Budget) {
    let first = be64(table, 8).unwrap_or(0);
    for entry in from(table, 204).chunks_exact(40).take(BLOCKS_MAX) {
        let (Some(kind), Some(sector), Some(sectors), Some(at), Some(count)) =
            (be32(entry, 0), be64(entry, 8), be64(entry, 16), be64(entry, 24), be64(entry, 32))
        else {
            return;
        };
        let packed = part(data, size(at), size(count));
        let total = packed.len();
        let start = first.saturating_add(sector).saturating_mul(512);
        let bytes = sectors.saturating_mul(512);
        let block = match kind {
            RAW => budget.unpack(packed, |rest| total - rest.len()),
            ZLIB => budget.unpack(ZlibDecoder::new(packed), |_| total),
            BZIP2 => budget.unpack(BzDecoder::new(packed), |_| total),
            ZERO | IGNORED | COMMENT | END => continue,
            other => {
                let why = format!("DMG blocks of type {other:#x}");
                drive.stopped.get_or_insert(Stopped::Unsupported(why));
                continue;
            }
        };
        if let Some(why) = block.stopped {
            drive.stopped.get_or_insert(why);
        }
        // The drive in memory is as large as its last block says, so that has to fit what one part may have.
        let end = start.saturating_add(bytes.min(wide(block.bytes.len())));
        if end > crate::base::limits::PART_BYTES_MAX {
            let why = "a DMG larger than one part may be".to_string();
            drive.stopped.get_or_insert(Stopped::Unsupported(why));
            continue;
        }
        let (start, end) = (size(start), size(end));
        if drive.bytes.len() < end {
            drive.bytes.resize(end, 0);
        }
        if let Some(place) = drive.bytes.get_mut(start..end) {
            place.copy_from_slice(part(&block.bytes, 0, end - start));
        }
    }
}

const ZERO: u32 = 0;
const RAW: u32 = 1;
const IGNORED: u32 = 2;
const ZLIB: u32 = 0x8000_0005;
const BZIP2: u32 = 0x8000_0006;
const COMMENT: u32 = 0x7fff_fffe;
const END: u32 = 0xffff_ffff;
/// Block tables of one image: one for each partition.
const TABLES_MAX: usize = 64;
/// Blocks of one table, each of 256 KiB or more as written.
const BLOCKS_MAX: usize = 65_536;
