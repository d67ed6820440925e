//! Files of an ISO 9660 image that are packed block by block (zisofs), which Linux unpacks as it reads: a table of places, then zlib.

use crate::formats::{
    archive::squeeze::{self, Squeeze},
    budget::Budget,
    opened::{Member, Opened, Role},
};

const MAGIC: &[u8] = b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07";

/// Is it such a file?
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The file unpacked. A block of no bytes is one of zeros.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let number = |at: usize| {
        let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>())?;
        usize::try_from(u32::from_le_bytes(*four)).ok()
    };
    let header_bytes = bytes.get(12).map_or(0, |quarters| usize::from(*quarters) * 4);
    let block_bytes =
        bytes.get(13).and_then(|bits| 1_usize.checked_shl(u32::from(*bits))).unwrap_or(0);
    let size = number(8).unwrap_or(0);
    let blocks = size.div_ceil(block_bytes.clamp(1 << 15, 1 << 17)).min(BLOCKS_MAX);
    let mut unpacked = Vec::new();
    let mut stopped = None;
    for block in 0..blocks {
        let place = |number_of: usize| number(header_bytes + 4 * number_of);
        let (Some(from), Some(to)) = (place(block), place(block + 1)) else { break };
        if from >= to {
            unpacked.resize((unpacked.len() + block_bytes.min(1 << 17)).min(size), 0);
            continue;
        }
        let Some(packed) = bytes.get(from..to) else { break };
        let piece = squeeze::unpack(packed, Squeeze::Zlib, budget);
        unpacked.extend(piece.bytes);
        if piece.stopped.is_some() {
            stopped = piece.stopped;
            break;
        }
    }
    opened.push(Member {
        name: Some("(expanded)".to_string()),
        bytes: unpacked,
        role: Role::File,
        stopped,
    });
    opened
}

/// Blocks of one file: those of the largest part.
const BLOCKS_MAX: usize = 1 << 13;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};
    use std::io::Write;

    #[test]
    fn blocks_one_behind_the_other() {
        let packed = |bytes: &[u8]| {
            let mut packer =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        };
        let (first, second) = (packed(&[b'a'; 1 << 15]), packed(b"the end"));
        let size = (1_u32 << 15) + 7;
        let from = 16 + 3 * 4;
        let places = [from, from + first.len(), from + first.len() + second.len()];
        let mut file = [MAGIC, &size.to_le_bytes(), &[4, 15, 0, 0]].concat();
        file.extend(places.iter().flat_map(|place| u32::try_from(*place).unwrap().to_le_bytes()));
        file.extend(first);
        file.extend(second);
        assert!(is_packed(&file));
        let opened = open(&file, &mut budget());
        assert!(texts(&opened)[0].1.ends_with("aaathe end"));
        torture(&file, |bytes| drop(open(bytes, &mut budget())));
    }
}
