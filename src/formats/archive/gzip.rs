//! gzip, RFC 1952, with as many members as it has: readers show them as one file, one after the other, and step over what is no member.
//!
//! Our own reader of the header: a reserved flag, a header checksum or an extra field that is wrong hides nothing. The checksum of the
//! data is not verified: what came out is given, and only what is short is damaged.

use super::squeeze::{self, Decode, Step};
use crate::{
    base::limits,
    formats::budget::{Budget, Stopped, Unpacked},
};

/// The one file inside, as far as it goes, and the name its header gives.
pub fn unpack(bytes: &[u8], budget: &mut Budget) -> (Option<String>, Unpacked) {
    let name = Header::read(bytes).and_then(|header| header.name);
    if bytes.starts_with(&[0x1f, 0x8b]) && bytes.get(2).is_some_and(|method| *method != DEFLATED) {
        let why = "gzip that is not deflated".to_string();
        return (name, Unpacked { bytes: Vec::new(), stopped: Some(Stopped::Unsupported(why)) });
    }
    let start = |bytes: &[u8]| -> Option<(usize, Box<dyn Decode>)> {
        let header = Header::read(bytes)?;
        let member = Member {
            inflating: flate2::Decompress::new(false),
            trailer_bytes: TRAILER_BYTES,
            over: false,
        };
        Some((header.bytes, Box::new(member)))
    };
    (name, squeeze::joined(bytes, start, MAGIC.len(), budget))
}

/// The header of a member, RFC 1952 section 2.3.
struct Header {
    bytes: usize,
    name: Option<String>,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        let flags = *bytes.strip_prefix(MAGIC)?.first()?;
        let mut at = 10;
        if flags & FLAG_EXTRA != 0 {
            let size = bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)?;
            at += 2 + usize::from(size);
        }
        let mut name = None;
        if flags & FLAG_NAME != 0 {
            let text = text(bytes, at)?;
            at += text.len() + 1;
            name = Some(super::name(text, super::latin)).filter(|name| !name.is_empty());
        }
        if flags & FLAG_COMMENT != 0 {
            at += text(bytes, at)?.len() + 1;
        }
        if flags & FLAG_CHECKSUM != 0 {
            at += 2;
        }
        (at <= bytes.len()).then_some(Header { bytes: at, name })
    }
}

/// A text that ends with a NUL.
fn text(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    let near = rest.get(..limits::GZIP_TEXT_BYTES_MAX).unwrap_or(rest);
    near.get(..memchr::memchr(0, near)?)
}

/// Deflate, then a checksum and a size that nobody believes.
struct Member {
    inflating: flate2::Decompress,
    trailer_bytes: usize,
    over: bool,
}

impl Decode for Member {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if self.over {
            let used = self.trailer_bytes.min(input.len());
            self.trailer_bytes -= used;
            return Step { used, ended: self.trailer_bytes == 0, ..Step::default() };
        }
        let mut step = squeeze::inflate(&mut self.inflating, input, output);
        if step.ended {
            (self.over, step.ended) = (true, false);
        }
        step
    }
}

const MAGIC: &[u8] = b"\x1f\x8b\x08";
const DEFLATED: u8 = 8;
const FLAG_CHECKSUM: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
const TRAILER_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        formats::budget::{Bounds, Limit},
    };
    use flate2::{Compression, GzBuilder, write::GzEncoder};
    use std::io::Write;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder: GzEncoder<Vec<u8>> =
            GzBuilder::new().filename("a.txt").write(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// A member with every field there is.
    fn full(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzBuilder::new()
            .filename("b.txt")
            .comment("a comment")
            .extra(vec![7; 300])
            .write(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn fields_rubbish_and_wrong_checksums_hide_nothing() {
        let (name, unpacked) = open(&full(b"full"));
        assert_eq!(
            (name.as_deref(), &unpacked.bytes[..], unpacked.stopped),
            (Some("b.txt"), &b"full"[..], None)
        );
        for between in [&[0; 3][..], &[0; 600], b"rubbish"] {
            let (_, unpacked) =
                open(&[&gzip(b"one"), between, &full(b"two"), b"rubbish", MAGIC, b"more"].concat());
            assert_eq!((&unpacked.bytes[..], unpacked.stopped), (&b"onetwo"[..], None));
        }
        let mut wrong = gzip(b"one");
        let at = wrong.len() - 6;
        wrong[at] ^= 1;
        // A reserved flag.
        wrong[3] |= 0x80;
        let (_, unpacked) = open(&wrong);
        assert_eq!((&unpacked.bytes[..], unpacked.stopped), (&b"one"[..], None));
    }

    #[test]
    fn nothing_cut_or_changed_anywhere_panics() {
        let packed = [gzip(b"one"), full(b"two")].concat();
        for at in 0..packed.len() {
            open(&packed[..at]);
            let mut changed = packed.clone();
            changed[at] ^= 0xff;
            open(&changed);
        }
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
