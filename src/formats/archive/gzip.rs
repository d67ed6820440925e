//! gzip, RFC 1952, with as many members as it has: readers show them as one file, one after the other.

use crate::formats::budget::{Budget, Unpacked};
use flate2::bufread::MultiGzDecoder;

/// The one file inside, as far as it goes, and the name its header gives.
pub fn unpack(bytes: &[u8], budget: &mut Budget) -> (Option<String>, Unpacked) {
    let decoder = MultiGzDecoder::new(bytes);
    let name = decoder
        .header()
        .and_then(|header| header.filename())
        .map(|name| super::name(name, super::latin))
        .filter(|name| !name.is_empty());
    let total = bytes.len();
    let unpacked = budget.unpack(decoder, |decoder| total - decoder.get_ref().len());
    (name, unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        formats::budget::{Bounds, Limit, Stopped},
    };
    use flate2::{Compression, GzBuilder, write::GzEncoder};
    use std::io::Write;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder: GzEncoder<Vec<u8>> =
            GzBuilder::new().filename("a.txt").write(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn open(bytes: &[u8]) -> (Option<String>, Unpacked) {
        unpack(bytes, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    #[test]
    fn members_follow_each_other() {
        let (name, unpacked) = open(&[gzip(b"one"), gzip(b"two")].concat());
        assert_eq!((name.as_deref(), &unpacked.bytes[..]), (Some("a.txt"), &b"onetwo"[..]));
        assert_eq!(unpacked.stopped, None);
    }

    #[test]
    fn what_is_broken_gives_what_was_read() {
        let packed = gzip(&[7; 3_000]);
        let (_, unpacked) = open(&packed[..packed.len() - 6]);
        assert_eq!(unpacked.bytes.len(), 3_000);
        assert!(matches!(unpacked.stopped, Some(Stopped::Damaged(_))));
        let (_, unpacked) = open(b"\x1f\x8b\x08\0");
        assert!(matches!(unpacked.stopped, Some(Stopped::Damaged(_))));
    }

    #[test]
    fn a_gigabyte_of_zeros_ends_early() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let zeros = vec![0; 1 << 20];
        for _ in 0..64 {
            encoder.write_all(&zeros).unwrap();
        }
        // Sixteen members of 64 MiB each: a gigabyte.
        let (_, unpacked) = open(&encoder.finish().unwrap().repeat(16));
        assert!(
            matches!(
                unpacked.stopped,
                Some(Stopped::Limit(Limit::RatioTooHigh { .. } | Limit::TooLarge { .. }))
            ),
            "{:?}",
            unpacked.stopped
        );
        assert!(unpacked.bytes.len() <= (64 << 20) + (64 << 10));
    }
}
