//! Files that hold one packed file and nothing else: bzip2, xz, LZMA alone, lzip, Zstandard (RFC 8878), LZ4 frames, compress (`.Z`)
//! and bare zlib (RFC 1950).
//!
//! Unpackers show streams that follow each other as one file, step over what stands between and behind them, and give what a
//! broken one gave before it broke; so do we. Dictionaries and windows are never made larger than one part may be, whatever a
//! header asks for. A wrong checksum is said and the bytes are given. gzip has a file of its own.

mod lz4;
mod lzw;
mod streams;
#[cfg(test)]
mod tests;
mod zstandard;

pub(super) use streams::{Decode, Lzma, Slice, Step, inflate};

use crate::formats::{
    budget::{Budget, Stopped, Unpacked},
    opened::{Member, Opened, Role},
};
use streams::{Bzip2, Joined, Xz, Zlib};

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squeeze {
    /// bzip2: `BZh` and the block size.
    Bzip2,
    /// The .xz format, version 1.
    Xz,
    /// LZMA alone: a header of 13 bytes and no magic.
    Lzma,
    /// lzip, one member or many.
    Lzip,
    /// Zstandard, RFC 8878, with skippable frames.
    Zstandard,
    /// LZ4 frames, the legacy ones of old tools as well.
    Lz4,
    /// compress of Unix: LZW.
    Compress,
    /// A zlib stream, RFC 1950, with nothing around it.
    Zlib,
}

impl Squeeze {
    /// What it is by its first bytes. The two without a magic number are believed only if they begin to unpack.
    pub fn of(bytes: &[u8]) -> Option<Squeeze> {
        let magic =
            MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, kind)| *kind);
        match magic {
            Some(Squeeze::Bzip2) => bytes
                .get(3)
                .is_some_and(|level| (b'1'..=b'9').contains(level))
                .then_some(Squeeze::Bzip2),
            Some(Squeeze::Compress) => lzw::Lzw::new(bytes).map(|_| Squeeze::Compress),
            Some(found) => Some(found),
            None if zstandard::is_skippable(bytes) => Some(behind_skippable(bytes)),
            None if looks_like_lzma(bytes) => Some(Squeeze::Lzma),
            None if looks_like_zlib(bytes) => Some(Squeeze::Zlib),
            None => None,
        }
    }

    /// What people call it.
    pub fn word(self) -> &'static str {
        match self {
            Squeeze::Bzip2 => "bzip2",
            Squeeze::Xz => "xz",
            Squeeze::Lzma => "LZMA",
            Squeeze::Lzip => "lzip",
            Squeeze::Zstandard => "Zstandard",
            Squeeze::Lz4 => "LZ4",
            Squeeze::Compress => "compress",
            Squeeze::Zlib => "zlib",
        }
    }

    /// The name of the file inside, from the name outside: without the extension that packing put there.
    /// A name with another extension is kept whole, since the file inside is then known by it.
    pub fn inner_name(self, outer: &str) -> String {
        let lower = outer.to_ascii_lowercase();
        for (extension, instead) in self.extensions() {
            let Some(stem) = lower.strip_suffix(extension).map(str::len) else { continue };
            let stem = outer.get(..stem).unwrap_or_default();
            if !stem.is_empty() && !stem.ends_with(['/', '\\']) {
                return format!("{stem}{instead}");
            }
        }
        outer.to_string()
    }

    fn extensions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Squeeze::Bzip2 => {
                &[(".bz2", ""), (".bz", ""), (".tbz2", ".tar"), (".tbz", ".tar"), (".tb2", ".tar")]
            }
            Squeeze::Xz => &[(".xz", ""), (".txz", ".tar")],
            Squeeze::Lzma => &[(".lzma", ""), (".tlz", ".tar")],
            Squeeze::Lzip => &[(".lz", ""), (".tlz", ".tar")],
            Squeeze::Zstandard => &[(".zst", ""), (".zstd", ""), (".tzst", ".tar")],
            Squeeze::Lz4 => &[(".lz4", ""), (".tlz4", ".tar")],
            Squeeze::Compress => &[(".z", ""), (".taz", ".tar"), (".tz", ".tar")],
            Squeeze::Zlib => &[(".zlib", ""), (".zz", ""), (".z", "")],
        }
    }
}

/// Both have the same frames that are to be skipped: what stands behind them says which it is.
fn behind_skippable(bytes: &[u8]) -> Squeeze {
    let mut rest = bytes;
    for _ in 0..SKIPPED_MAX {
        let size =
            rest.get(4..).and_then(|rest| rest.first_chunk()).map(|size| u32::from_le_bytes(*size));
        let size = size
            .and_then(|size| usize::try_from(size).ok())
            .filter(|_| zstandard::is_skippable(rest));
        let Some(next) = size.and_then(|size| rest.get(size.checked_add(8)?..)) else { break };
        rest = next;
    }
    let is_lz4 = rest.starts_with(lz4::MAGIC) || rest.starts_with(lz4::LEGACY);
    if is_lz4 { Squeeze::Lz4 } else { Squeeze::Zstandard }
}

/// Frames that are stepped over to see what follows.
const SKIPPED_MAX: usize = 64;

/// The one file inside, as far as it goes. Member: one with role File, or none if nothing could be unpacked; then `stopped` says why.
pub fn open(bytes: &[u8], kind: Squeeze, outer_name: Option<&str>, budget: &mut Budget) -> Opened {
    let unpacked = unpack(bytes, kind, budget);
    if unpacked.bytes.is_empty() && unpacked.stopped.is_some() {
        return Opened { stopped: unpacked.stopped, ..Opened::default() };
    }
    let mut opened = Opened::default();
    opened.push(Member {
        name: outer_name.map(|outer| kind.inner_name(outer)),
        bytes: unpacked.bytes,
        role: Role::File,
        stopped: unpacked.stopped,
    });
    opened
}

pub(in crate::formats) fn unpack(bytes: &[u8], kind: Squeeze, budget: &mut Budget) -> Unpacked {
    let unpacked = joined(bytes, start_of(kind), magic_bytes(kind), budget);
    let nothing =
        unpacked.bytes.is_empty() && matches!(unpacked.stopped, Some(Stopped::Damaged(_)));
    if kind == Squeeze::Xz && nothing {
        // The decoder that gives the most of a broken file takes one filter besides LZMA2; another takes three.
        let total = bytes.len();
        let reader = lzma_rust2::XzReader::new_mem_limit(bytes, false, streams::XZ_MEMORY_KIB_MAX);
        let again = budget.unpack(reader, |reader| total - reader.inner().len());
        if !again.bytes.is_empty() {
            return again;
        }
    }
    unpacked
}

/// All streams of a file, each of which `start` begins; what stands between is looked through for the next one by as many bytes as all
/// begin with.
pub(super) fn joined(
    bytes: &[u8],
    start: Start,
    magic_bytes: usize,
    budget: &mut Budget,
) -> Unpacked {
    drain(Joined::new(bytes, start, magic_bytes), budget)
}

/// The streams of a kind at the head of the bytes, as long as each begins where the last one ended.
pub(super) fn contiguous(bytes: &[u8], kind: Squeeze, budget: &mut Budget) -> Unpacked {
    joined(bytes, start_of(kind), usize::MAX, budget)
}

/// All of a reader that knows why it failed better than an I/O error says it.
pub(super) fn drain<R: Reason>(mut reader: R, budget: &mut Budget) -> Unpacked {
    let mut unpacked = budget.unpack(&mut reader, |reader| reader.used());
    if matches!(unpacked.stopped, Some(Stopped::Damaged(_))) {
        unpacked.stopped = reader.fault().or(unpacked.stopped);
    }
    unpacked
}

/// A reader over packed bytes that tells how far it came and why it stopped.
pub(super) trait Reason: std::io::Read {
    /// Packed bytes taken so far.
    fn used(&self) -> usize;
    /// Why it failed, if it did.
    fn fault(&self) -> Option<Stopped>;
}

/// Begins a decoder at the head of the bytes: how many of them were its header, and the decoder. None: no stream begins here.
pub(super) type Start = fn(&[u8]) -> Option<(usize, Box<dyn Decode>)>;

/// A decoder behind a header of so many bytes.
fn begin(header_bytes: usize, decoder: impl Decode + 'static) -> (usize, Box<dyn Decode>) {
    (header_bytes, Box::new(decoder))
}

fn start_of(kind: Squeeze) -> Start {
    match kind {
        Squeeze::Bzip2 => |bytes| {
            let level = bytes.strip_prefix(b"BZh")?.first()?;
            (b'1'..=b'9').contains(level).then(|| begin(0, Bzip2::new()))
        },
        Squeeze::Xz => |bytes| bytes.starts_with(XZ).then(|| begin(0, Xz::new())),
        Squeeze::Lzma => |bytes| {
            let lzma = Lzma::alone(bytes).filter(|_| is_lzma_header(bytes))?;
            Some(begin(LZMA_HEADER_BYTES, lzma))
        },
        Squeeze::Lzip => |bytes| {
            let lzma = Lzma::lzip_member(bytes)?;
            Some(begin(LZIP_HEADER_BYTES, lzma))
        },
        Squeeze::Zstandard => zstandard::start,
        Squeeze::Lz4 => lz4::start,
        Squeeze::Compress => |bytes| {
            let lzw = lzw::Lzw::new(bytes)?;
            Some(begin(3, lzw))
        },
        Squeeze::Zlib => |bytes| is_zlib_header(bytes).then(|| begin(0, Zlib::new())),
    }
}

/// As much of a stream's beginning as all streams of a file share.
fn magic_bytes(kind: Squeeze) -> usize {
    match kind {
        Squeeze::Zlib => 2,
        Squeeze::Bzip2 | Squeeze::Compress => 3,
        Squeeze::Xz | Squeeze::Lzma | Squeeze::Lzip | Squeeze::Zstandard | Squeeze::Lz4 => 4,
    }
}

/// The header of LZMA alone: properties, a dictionary size of the two shapes that writers use, and a size that is unknown or sane.
/// Then the first byte of the range coder, always zero.
fn is_lzma_header(bytes: &[u8]) -> bool {
    let Some((properties, rest)) = bytes.split_first() else { return false };
    let Some((dictionary, rest)) = rest.split_first_chunk::<4>() else { return false };
    let Some((size, rest)) = rest.split_first_chunk::<8>() else { return false };
    let dictionary = u32::from_le_bytes(*dictionary);
    let size = u64::from_le_bytes(*size);
    let three_quarters = dictionary
        .checked_mul(2)
        .is_some_and(|twice| twice % 3 == 0 && (twice / 3).is_power_of_two());
    *properties < 225
        && dictionary >= 4_096
        && (dictionary.is_power_of_two() || three_quarters || dictionary == u32::MAX)
        && (size == u64::MAX || size < 1 << 38)
        && rest.first() == Some(&0)
}

/// Such a header is true of other files now and then, so it must unpack too.
fn looks_like_lzma(bytes: &[u8]) -> bool {
    is_lzma_header(bytes) && begins_to_unpack(bytes, start_of(Squeeze::Lzma))
}

fn looks_like_zlib(bytes: &[u8]) -> bool {
    is_zlib_header(bytes) && begins_to_unpack(bytes, start_of(Squeeze::Zlib))
}

/// RFC 1950 section 2.2: deflate with a window of 32 KiB, no preset dictionary, and a check of five bits.
fn is_zlib_header(bytes: &[u8]) -> bool {
    matches!(bytes.first_chunk::<2>(), Some([0x78, 0x01 | 0x5e | 0x9c | 0xda]))
}

fn begins_to_unpack(bytes: &[u8], start: Start) -> bool {
    let head = bytes.get(..TRIAL_BYTES).unwrap_or(bytes);
    let Some((header_bytes, mut decoder)) = start(head) else { return false };
    let mut output = [0; TRIAL_BYTES];
    let input = head.get(header_bytes..).unwrap_or_default();
    let step = decoder.step(input, &mut output);
    (step.fault.is_none() && (step.made > 0 || step.ended)) || step.made >= TRIAL_ENOUGH_BYTES
}

const XZ: &[u8] = b"\xfd7zXZ\0";
const MAGICS: &[(&[u8], Squeeze)] = &[
    (b"BZh", Squeeze::Bzip2),
    (XZ, Squeeze::Xz),
    (b"LZIP", Squeeze::Lzip),
    (zstandard::MAGIC, Squeeze::Zstandard),
    (lz4::MAGIC, Squeeze::Lz4),
    (lz4::LEGACY, Squeeze::Lz4),
    (lzw::MAGIC, Squeeze::Compress),
];
const LZMA_HEADER_BYTES: usize = 13;
const LZIP_HEADER_BYTES: usize = 6;
/// What is unpacked to see whether a file is what it looks like.
const TRIAL_BYTES: usize = 512;
/// So much unpacked before a fault is no accident.
const TRIAL_ENOUGH_BYTES: usize = 32;
