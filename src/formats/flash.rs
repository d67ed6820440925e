//! Flash films (SWF file format 19): packed by zlib (`CWS`) or LZMA (`ZWS`) behind a head of eight or twelve bytes.
//!
//! No browser runs them any more, old documents still hold them. What is in them is given to the signatures as it stands.

use super::{
    archive::squeeze::{self, Squeeze},
    budget::Budget,
    opened::{Member, Opened, Role},
};

/// Is it a packed film?
pub fn is_packed(bytes: &[u8]) -> bool {
    // Versions have come to 45.
    matches!(bytes, [b'C' | b'Z', b'W', b'S', 1..=60, ..])
}

/// The film unpacked.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let Some(squeezed) = squeezed(bytes) else { return opened };
    let (packed, how) = squeezed;
    let unpacked = squeeze::unpack(&packed, how, budget);
    opened.push(Member {
        name: Some("film".to_string()),
        bytes: unpacked.bytes,
        role: Role::Inside,
        stopped: unpacked.stopped,
    });
    opened
}

fn squeezed(bytes: &[u8]) -> Option<(Vec<u8>, Squeeze)> {
    if bytes.first() == Some(&b'C') {
        return Some((bytes.get(8..)?.to_vec(), Squeeze::Zlib));
    }
    // Behind the head the five bytes of LZMA's properties; LZMA alone has the size next, which may be left open.
    let properties = bytes.get(12..17)?;
    Some(([properties, &[0xff; 8], bytes.get(17..)?].concat(), Squeeze::Lzma))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::budget;
    use std::io::Write;

    #[test]
    fn a_packed_film() {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"inside the film").unwrap();
        let film = [&b"CWS\x06\x17\0\0\0"[..], &packer.finish().unwrap()].concat();
        assert!(is_packed(&film) && !is_packed(b"CWSx"));
        let opened = open(&film, &mut budget());
        assert_eq!(opened.members[0].bytes, b"inside the film");
        assert!(open(b"ZWS\x06", &mut budget()).members.is_empty());
    }
}
