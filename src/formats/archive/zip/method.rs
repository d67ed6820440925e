//! The ways members of a ZIP are packed, APPNOTE.TXT section 4.4.5.

use super::{DEFLATED, STORED, old};
use crate::{
    base::limits,
    formats::{
        archive::squeeze::{self, Decode, Lzma, Slice, Squeeze, Step},
        budget::{Budget, Stopped, Unpacked},
    },
};
use ppmd_rust::{Ppmd8Decoder, RestoreMethod};
use std::io::Read;

/// Does the packed data say itself where it ends?
pub(super) fn knows_its_end(method: u16) -> bool {
    matches!(method, DEFLATED | DEFLATE64 | BZIP2 | LZMA | ZSTANDARD_OLD | ZSTANDARD | XZ | PPMD)
}

/// Can it be unpacked?
pub(super) fn is_known(method: u16) -> bool {
    knows_its_end(method) || matches!(method, STORED | SHRUNK | REDUCED_1..=REDUCED_4 | IMPLODED)
}

/// Its name if it has one.
pub(super) fn word(method: u16) -> String {
    let name = match method {
        10 => "PKWARE DCL implode",
        16 => "IBM z/OS CMPSC",
        18 => "IBM TERSE",
        19 => "IBM LZ77",
        94 => "MP3",
        96 => "JPEG",
        97 => "WavPack",
        _ => return method.to_string(),
    };
    format!("{method} ({name})")
}

/// Unpacks; the size and the flags of the header are asked where the data does not know its end.
pub(super) fn unpack(
    packed: &[u8],
    method: u16,
    (size, flags): (usize, u16),
    budget: &mut Budget,
) -> Unpacked {
    let total = packed.len();
    match method {
        STORED => budget.unpack(packed, |rest| total - rest.len()),
        DEFLATED => {
            let decoder = Raw(flate2::Decompress::new(false));
            squeeze::drain(Slice::new(packed, Box::new(decoder)), budget)
        }
        DEFLATE64 => {
            let decoder = Box::new(Deflate64(Box::new(deflate64::InflaterManaged::new())));
            squeeze::drain(Slice::new(packed, decoder), budget)
        }
        BZIP2 => squeeze::contiguous(packed, Squeeze::Bzip2, budget),
        XZ => squeeze::contiguous(packed, Squeeze::Xz, budget),
        ZSTANDARD | ZSTANDARD_OLD => squeeze::contiguous(packed, Squeeze::Zstandard, budget),
        LZMA => lzma(packed, size, flags, budget),
        PPMD => ppmd(packed, size, budget),
        SHRUNK => old::unpack(packed, old::shrunk, budget),
        IMPLODED => old::unpack(
            packed,
            |packed, bytes_max| old::imploded(packed, size, flags, bytes_max),
            budget,
        ),
        REDUCED_1..=REDUCED_4 => {
            let factor = u32::from(method - 1);
            old::unpack(
                packed,
                |packed, bytes_max| old::reduced(packed, size, factor, bytes_max),
                budget,
            )
        }
        other => {
            let why = format!("ZIP method {}", word(other));
            Unpacked { bytes: Vec::new(), stopped: Some(Stopped::Unsupported(why)) }
        }
    }
}

/// Section 5.8: two bytes of version, two of length, the properties, and a marker at the end if flag bit 1 is set.
fn lzma(packed: &[u8], size: usize, flags: u16, budget: &mut Budget) -> Unpacked {
    let parts = packed.get(4..9).and_then(|properties| {
        let (first, dictionary) = properties.split_first()?;
        let dictionary = u32::from_le_bytes(dictionary.try_into().ok()?);
        let length = usize::from(super::records::short(packed, 2)?);
        let ends_by_marker = flags & FLAG_MARKER != 0 || size == 0 || size >= 0xffff_ffff;
        let size = if ends_by_marker { None } else { u64::try_from(size).ok() };
        Some((Lzma::new(*first, dictionary, size)?, packed.get(4 + length..)?))
    });
    match parts {
        Some((decoder, packed)) => squeeze::drain(Slice::new(packed, Box::new(decoder)), budget),
        None => damaged("the LZMA header is broken"),
    }
}

/// Section 5.10: order, memory and restoration in two bytes, PPMd version I.
fn ppmd(packed: &[u8], size: usize, budget: &mut Budget) -> Unpacked {
    let Some((parameters, rest)) = packed.split_first_chunk::<2>() else {
        return damaged("the PPMd header is broken");
    };
    let word = u32::from(u16::from_le_bytes(*parameters));
    let (order, memory_mib) = ((word & 15) + 1, ((word >> 4) & 255) + 1);
    let restore = match word >> 12 {
        0 => RestoreMethod::Restart,
        1 => RestoreMethod::CutOff,
        _ => return damaged("an unknown restoration of PPMd"),
    };
    if memory_mib << 10 > limits::DICTIONARY_KIB_MAX {
        let why = format!("PPMd with a model of {memory_mib} MiB");
        return Unpacked { bytes: Vec::new(), stopped: Some(Stopped::Unsupported(why)) };
    }
    let Ok(decoder) = Ppmd8Decoder::new(rest, order, memory_mib << 20, restore) else {
        return damaged("the PPMd header is broken");
    };
    let size_max = if size == 0 { u64::MAX } else { u64::try_from(size).unwrap_or(u64::MAX) };
    let total = rest.len();
    let mut unpacked =
        budget.unpack(decoder.take(size_max), |reader| total - reader.get_ref().get_ref().len());
    let short = size != 0 && unpacked.bytes.len() < size;
    if short && unpacked.stopped.is_none() {
        unpacked.stopped = Some(Stopped::Damaged("it ends inside a member".to_string()));
    }
    unpacked
}

fn damaged(why: &str) -> Unpacked {
    Unpacked { bytes: Vec::new(), stopped: Some(Stopped::Damaged(why.to_string())) }
}

/// Deflate without a wrapper.
struct Raw(flate2::Decompress);

impl Decode for Raw {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        squeeze::inflate(&mut self.0, input, output)
    }
}

/// Deflate with a window of 64 KiB and longer matches.
struct Deflate64(Box<deflate64::InflaterManaged>);

impl Decode for Deflate64 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let done = self.0.inflate(input, output);
        let fault = done.data_error.then(|| Stopped::Damaged("broken deflate64".to_string()));
        Step {
            used: done.bytes_consumed,
            made: done.bytes_written,
            unread: 0,
            ended: self.0.finished() && fault.is_none(),
            fault,
        }
    }
}

const SHRUNK: u16 = 1;
const REDUCED_1: u16 = 2;
const REDUCED_4: u16 = 5;
const IMPLODED: u16 = 6;
pub(super) const DEFLATE64: u16 = 9;
const BZIP2: u16 = 12;
pub(super) const LZMA: u16 = 14;
const ZSTANDARD_OLD: u16 = 20;
const ZSTANDARD: u16 = 93;
const XZ: u16 = 95;
pub(super) const PPMD: u16 = 98;
/// Bit 1: LZMA ends by a marker.
const FLAG_MARKER: u16 = 2;
