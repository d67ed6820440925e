//! The one packed file: each way of packing, plain, joined, cut off, and with rubbish.

use super::*;
use crate::{
    base::clock::Clock,
    formats::budget::{Bounds, Limit},
};
use std::io::Write;

fn text() -> Vec<u8> {
    (0..60_000_u32).flat_map(|n| (n * 7_919 % 65_537).to_string().into_bytes()).collect()
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn lzma(content: &[u8], size: Option<u64>) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut writer = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, size).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn lzip(content: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzipOptions::with_preset(1);
    let mut writer = lzma_rust2::LzipWriter::new(Vec::new(), options);
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn zstandard(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A block of literals only, but for eight bytes that repeat what is four back.
fn lz4_block(content: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    let (head, tail) = content.split_at(content.len().min(4));
    if tail.len() >= 13 && tail.starts_with(head) && tail[4..].starts_with(head) {
        block.extend([0x44]);
        block.extend(head);
        block.extend([4, 0]);
        block.extend(lz4_block(&tail[8..]));
        return block;
    }
    let count = content.len();
    block.push(u8::try_from(count.min(15)).unwrap() << 4);
    if count >= 15 {
        block.extend(std::iter::repeat_n(255, (count - 15) / 255));
        block.push(u8::try_from((count - 15) % 255).unwrap());
    }
    block.extend(content);
    block
}

fn lz4(content: &[u8]) -> Vec<u8> {
    let mut frame = [lz4::MAGIC, &[0x44, 0x40, 0]].concat();
    for piece in content.chunks(60_000) {
        let block = lz4_block(piece);
        frame.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
        frame.extend(block);
    }
    frame.extend([0; 8]);
    frame
}

fn lz4_legacy(content: &[u8]) -> Vec<u8> {
    let block = lz4_block(content);
    let size = u32::try_from(block.len()).unwrap().to_le_bytes();
    [lz4::LEGACY, &size, &block].concat()
}

/// compress, block mode, with a table that grows and is cleared when it is full.
fn compress(content: &[u8]) -> Vec<u8> {
    use std::collections::HashMap;
    const WIDTH_MAX: u32 = 12;
    let mut out = vec![0x1f, 0x9d, 0x80 | 12];
    let (mut bits, mut held, mut width, mut group) = (0_u64, 0_u32, 9_u32, 0_u32);
    let mut table: HashMap<(u16, u8), u16> = HashMap::new();
    let mut next = 257_u16;
    let mut emit = |code: u16, end_group: Option<u32>, out: &mut Vec<u8>, width: &mut u32| {
        bits |= u64::from(code) << held;
        held += *width;
        group += *width;
        while held >= 8 {
            out.push(u8::try_from(bits & 255).unwrap());
            bits >>= 8;
            held -= 8;
        }
        if let Some(next_width) = end_group {
            let over = group % (*width * 8);
            let mut padding = if over == 0 { 0 } else { *width * 8 - over };
            while padding > 0 && held > 0 {
                let step = padding.min(8 - held);
                held += step;
                padding -= step;
                if held == 8 {
                    out.push(u8::try_from(bits & 255).unwrap());
                    (bits, held) = (0, 0);
                }
            }
            out.extend(std::iter::repeat_n(0, usize::try_from(padding / 8).unwrap()));
            (group, *width) = (0, next_width);
        }
        if code == u16::MAX && held > 0 {
            out.push(u8::try_from(bits & 255).unwrap());
        }
        held > 0
    };
    let mut current: Option<u16> = None;
    for byte in content {
        let Some(code) = current else {
            current = Some(u16::from(*byte));
            continue;
        };
        if let Some(longer) = table.get(&(code, *byte)) {
            current = Some(*longer);
            continue;
        }
        // The reader adds its entry one code later, so it widens one code later too.
        let widen = (u32::from(next) >= 1 << width && width < WIDTH_MAX).then_some(width + 1);
        emit(code, widen, &mut out, &mut width);
        if u32::from(next) < 1 << WIDTH_MAX {
            table.insert((code, *byte), next);
            next += 1;
        } else {
            emit(256, Some(9), &mut out, &mut width);
            table.clear();
            next = 257;
        }
        current = Some(u16::from(*byte));
    }
    if let Some(code) = current {
        emit(code, None, &mut out, &mut width);
        // Flush by a group end at the same width.
        let same = width;
        emit(0, Some(same), &mut out, &mut width);
        let _ = out.pop();
    }
    out
}

fn read(bytes: &[u8]) -> (Vec<u8>, Option<Stopped>) {
    let kind = Squeeze::of(bytes).expect("recognised");
    let mut budget = Budget::new(Bounds::default(), &Clock::system());
    let opened = open(bytes, kind, None, &mut budget);
    match opened.members.into_iter().next() {
        Some(member) => (member.bytes, member.stopped),
        None => (Vec::new(), opened.stopped),
    }
}

/// A way of packing and its writer.
type Way = (Squeeze, Writer);
type Writer = fn(&[u8]) -> Vec<u8>;

const WAYS: &[Way] = &[
    (Squeeze::Bzip2, bzip2),
    (Squeeze::Xz, xz),
    (Squeeze::Lzma, |content| lzma(content, None)),
    (Squeeze::Lzma, |content| lzma(content, Some(content.len().try_into().unwrap()))),
    (Squeeze::Lzip, lzip),
    (Squeeze::Zstandard, zstandard),
    (Squeeze::Lz4, lz4),
    (Squeeze::Lz4, lz4_legacy),
    (Squeeze::Compress, compress),
    (Squeeze::Zlib, zlib),
];

#[test]
fn every_way_of_packing_is_known_and_read() {
    for (at, (kind, write)) in WAYS.iter().enumerate() {
        for content in [
            b"a line of text, and another of it".to_vec(),
            b"abcdabcdabcdabcdabcdabcd!".to_vec(),
            text(),
        ] {
            let packed = write(&content);
            assert_eq!(Squeeze::of(&packed), Some(*kind), "{at}");
            let (bytes, stopped) = read(&packed);
            // compress has no end mark: the writer above leaves a code of padding.
            let bytes =
                if *kind == Squeeze::Compress { bytes[..content.len()].to_vec() } else { bytes };
            assert!(
                bytes == content,
                "{kind:?} {at}: {} of {}, {stopped:?}",
                bytes.len(),
                content.len()
            );
            assert_eq!(stopped, None, "{kind:?} {at}");
        }
    }
}

#[test]
fn streams_are_joined_over_rubbish() {
    for (kind, write) in WAYS {
        if *kind == Squeeze::Compress {
            continue;
        }
        let (one, two) = (write(b"the first stream of two"), write(b" and the second of two"));
        for between in [&b""[..], &[0; 4], &[0; 512], b"rubbish between"] {
            // A legacy LZ4 frame has no end but what is no block.
            if one.starts_with(lz4::LEGACY) && between.starts_with(&[0]) {
                continue;
            }
            let (bytes, stopped) = read(&[&one[..], between, &two, b"and rubbish behind"].concat());
            assert_eq!(
                String::from_utf8_lossy(&bytes),
                "the first stream of two and the second of two",
                "{kind:?} {between:?} {stopped:?}"
            );
            assert_eq!(stopped, None, "{kind:?}");
        }
    }
}

#[test]
fn what_is_cut_off_gives_what_was_there() {
    let content = text();
    for (kind, write) in WAYS {
        let packed = write(&content);
        let (bytes, stopped) = read(&packed[..packed.len() * 3 / 4]);
        // A block of bzip2 or Zstandard is all or nothing.
        assert!(bytes.len() > content.len() / 4, "{kind:?} {} {stopped:?}", bytes.len());
        assert!(content.starts_with(&bytes) || *kind == Squeeze::Compress, "{kind:?}");
        assert!(stopped.is_some() || *kind == Squeeze::Compress, "{kind:?}");
    }
}

#[test]
fn nothing_cut_or_changed_anywhere_panics() {
    for (kind, write) in WAYS {
        let packed = write(b"a line of text that is not very long, not very long");
        for at in 0..packed.len() {
            let mut budget = Budget::new(Bounds::default(), &Clock::system());
            open(&packed[..at], *kind, None, &mut budget);
            let mut changed = packed.clone();
            changed[at] ^= 0xff;
            let _ = Squeeze::of(&changed);
            open(&changed, *kind, None, &mut budget);
        }
    }
}

#[test]
fn a_wrong_checksum_keeps_the_bytes() {
    let content = b"a line of text with a checksum behind it";
    let ways: [(Squeeze, Writer, usize); 4] = [
        (Squeeze::Bzip2, bzip2, 3),
        (Squeeze::Xz, xz, 25),
        (Squeeze::Lzip, lzip, 20),
        (Squeeze::Zlib, zlib, 1),
    ];
    for (kind, write, back) in ways {
        let mut packed = write(content);
        let at = packed.len() - back;
        packed[at] ^= 0x55;
        let (bytes, stopped) = read(&packed);
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(content),
            "{kind:?} {stopped:?}"
        );
    }
}

#[test]
fn dictionaries_as_large_as_the_header_says_are_not_made() {
    let mut packed = lzma(b"small content of a file", None);
    packed[1..5].copy_from_slice(&0xffff_ffff_u32.to_le_bytes());
    assert_eq!(read(&packed).0, b"small content of a file");
    // A zstd frame with a window of 2 GiB.
    let (bytes, stopped) = read(b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00");
    assert!(bytes.is_empty() && matches!(stopped, Some(Stopped::Unsupported(_))), "{stopped:?}");
}

#[test]
fn skippable_frames_are_stepped_over() {
    let skip = |size: u32, content: &[u8]| {
        [&b"\x53\x2a\x4d\x18"[..], &size.to_le_bytes(), content].concat()
    };
    let packed =
        [skip(3, b"abc"), zstandard(b"one"), skip(0, b""), zstandard(b"two"), skip(900, b"")]
            .concat();
    assert_eq!(read(&packed), (b"onetwo".to_vec(), None));
}

#[test]
fn bombs_end_early() {
    let zeros = vec![0; 80 << 20];
    let ways: [Writer; 3] = [bzip2, xz, zstandard];
    for write in ways {
        let packed = write(&zeros);
        let (_, stopped) = read(&packed);
        assert!(
            matches!(
                stopped,
                Some(Stopped::Limit(Limit::RatioTooHigh { .. } | Limit::TooLarge { .. }))
            ),
            "{stopped:?}"
        );
    }
    let many = bzip2(b"").repeat(10_000);
    assert!(read(&many).1.is_some());
}

#[test]
fn names_lose_the_extension_of_packing() {
    for (kind, outer, want) in [
        (Squeeze::Bzip2, "a.txt.bz2", "a.txt"),
        (Squeeze::Xz, "B.TXZ", "B.tar"),
        (Squeeze::Compress, "a.tar.Z", "a.tar"),
        (Squeeze::Xz, "invoice.doc", "invoice.doc"),
        (Squeeze::Xz, ".xz", ".xz"),
    ] {
        assert_eq!(kind.inner_name(outer), want);
    }
}

#[test]
fn other_files_are_none_of_them() {
    for bytes in [
        &b""[..],
        b"BZhello",
        b"x^2 + y^2 = z^2 and so on",
        b"%PDF-1.7",
        &[0; 600],
        b"PK\x03\x04",
        b"\x5d\0\0\x80\0rest of it, not zero",
    ] {
        assert_eq!(Squeeze::of(bytes), None, "{bytes:?}");
    }
}
