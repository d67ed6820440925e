//! What a picture file holds beside its pixels: comments, EXIF and other metadata, chunks nobody knows, and what stands behind its end.
//!
//! PNG: W3C PNG section 5 and 11.3; JPEG: ITU-T T.81 annex B; GIF: GIF89a sections 17 to 27; WebP: RFC 9649 section 2; BMP: its two headers.
//! Packed text is unpacked. Lengths are taken as far as there are bytes.

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        opened::{Member, Opened, Role},
    },
};
use flate2::bufread::ZlibDecoder;

/// Every piece that is not pixels. Empty for what is no picture.
pub(super) fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut pieces = Pieces { opened: Opened::default(), budget };
    let behind = if let Some(chunks) = bytes.strip_prefix(PNG_SIGNATURE) {
        pieces.png(chunks).map(|rest| ("PNG", rest))
    } else if let Some(segments) = bytes.strip_prefix(b"\xff\xd8") {
        pieces.jpeg(segments).map(|rest| ("JPEG", rest))
    } else if bytes.starts_with(b"GIF8") {
        pieces.gif(bytes).map(|rest| ("GIF", rest))
    } else if bytes.starts_with(b"RIFF") {
        pieces.webp(bytes).map(|rest| ("WebP", rest))
    } else {
        pieces.bmp(bytes).map(|rest| ("BMP", rest))
    };
    if let Some((kind, rest)) = behind {
        pieces.behind(kind, rest);
    }
    pieces.opened
}

struct Pieces<'a> {
    opened: Opened,
    budget: &'a mut Budget,
}

impl Pieces<'_> {
    fn keep(&mut self, name: String, bytes: Vec<u8>, stopped: Option<Stopped>) {
        if bytes.iter().all(|byte| matches!(byte, 0 | b' ' | b'\n' | b'\r' | b'\t'))
            || self.opened.members.len() >= limits::IMAGE_PIECES_MAX
        {
            return;
        }
        self.opened.push(Member { name: Some(name), bytes, role: Role::Inside, stopped });
    }

    /// Keeps a piece as it stands.
    fn copy(&mut self, name: String, bytes: &[u8]) {
        match self.budget.take_bytes(bytes.len()) {
            Ok(()) => self.keep(name, bytes.to_vec(), None),
            Err(limit) => {
                self.opened.stopped.get_or_insert(Stopped::Limit(limit));
            }
        }
    }

    /// Keeps a piece unpacked.
    fn inflate(&mut self, name: String, packed: &[u8]) {
        let total = packed.len();
        let unpacked =
            self.budget.unpack(ZlibDecoder::new(packed), |decoder| total - decoder.get_ref().len());
        self.keep(name, unpacked.bytes, unpacked.stopped);
    }

    fn behind(&mut self, kind: &str, rest: &[u8]) {
        let trimmed = rest.trim_ascii().iter().any(|byte| *byte != 0);
        if trimmed {
            self.copy("behind the picture".to_string(), rest);
        }
        // Telephones put a second JPEG behind the first.
        if trimmed && rest.len() >= BEHIND_BYTES_MIN && !rest.starts_with(b"\xff\xd8\xff") {
            let because = format!("{} bytes behind the end of a {kind} picture", rest.len());
            self.opened.sign("image.trailing_data", because);
        }
    }

    /// Gives what stands behind the last chunk.
    fn png<'b>(&mut self, mut rest: &'b [u8]) -> Option<&'b [u8]> {
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (kind, after) = after.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?.min(after.len());
            let (data, after) = after.split_at_checked(length)?;
            let after = after.get(4..).unwrap_or_default();
            self.png_chunk(kind, data);
            if kind == b"IEND" {
                return Some(after);
            }
            rest = after;
        }
        None
    }

    fn png_chunk(&mut self, kind: &[u8; 4], data: &[u8]) {
        let kind_name = name(kind);
        match kind {
            b"tEXt" => {
                let (keyword, text) = cut(data);
                self.copy(format!("{kind_name} {}", name(keyword)), text);
            }
            b"zTXt" | b"iCCP" => {
                let (keyword, text) = cut(data);
                self.inflate(
                    format!("{kind_name} {}", name(keyword)),
                    text.get(1..).unwrap_or_default(),
                );
            }
            b"iTXt" => {
                let (keyword, rest) = cut(data);
                let name = format!("{kind_name} {}", name(keyword));
                let packed = rest.first() == Some(&1);
                let (_language, rest) = cut(rest.get(2..).unwrap_or_default());
                let (_translated, text) = cut(rest);
                match packed {
                    true => self.inflate(name, text),
                    false => self.copy(name, text),
                }
            }
            _ if PNG_PIXELS.contains(&kind) => (),
            _ => self.copy(kind_name, data),
        }
    }

    fn jpeg<'b>(&mut self, mut rest: &'b [u8]) -> Option<&'b [u8]> {
        loop {
            // Between segments and in pixels: everything up to a marker that is one.
            let at = memchr::memchr(0xff, rest)?;
            let marker = *rest.get(at + 1)?;
            rest = rest.get(at + 1..)?;
            match marker {
                0 | 0x01 | 0xd0..=0xd8 => rest = rest.get(1..)?,
                0xff => (),
                0xd9 => return rest.get(1..),
                _ => {
                    let (length, after) = rest.get(1..)?.split_first_chunk::<2>()?;
                    let length = usize::from(u16::from_be_bytes(*length)).saturating_sub(2);
                    let (data, after) = after.split_at_checked(length.min(after.len()))?;
                    match marker {
                        0xe0..=0xef => self.copy(format!("APP{}", marker & 0x0f), data),
                        0xfe => self.copy("COM".to_string(), data),
                        _ => (),
                    }
                    rest = after;
                }
            }
        }
    }

    fn gif<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let flags = *bytes.get(10)?;
        let mut rest = bytes.get(13 + palette_bytes(flags)..)?;
        loop {
            match rest {
                [0x3b, behind @ ..] => return Some(behind),
                [0x21, label, after @ ..] => {
                    let (data, after) = sub_blocks(after);
                    match label {
                        0xfe => self.copy("comment".to_string(), &data),
                        0x01 => self.copy("plain text".to_string(), &data),
                        0xff => self.copy("application".to_string(), &data),
                        _ => (),
                    }
                    rest = after;
                }
                [0x2c, after @ ..] => {
                    let flags = *after.get(8)?;
                    let (_, after) = sub_blocks(after.get(10 + palette_bytes(flags)..)?);
                    rest = after;
                }
                // Nulls between blocks are skipped by readers; anything else ends it.
                [0, after @ ..] => rest = after,
                [_, ..] => return Some(rest),
                [] => return None,
            }
        }
    }

    fn webp<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let size = usize::try_from(u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?)).ok()?;
        let end = size.checked_add(8)?.min(bytes.len());
        let (riff, behind) = bytes.split_at_checked(end)?;
        let mut rest = riff.get(12..)?;
        while let Some((kind, after)) = rest.split_first_chunk::<4>() {
            let Some((length, after)) = after.split_first_chunk::<4>() else { break };
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?.min(after.len());
            let (data, after) = after.split_at_checked(length)?;
            if !WEBP_PIXELS.contains(&kind) {
                self.copy(name(kind), data);
            }
            rest = after.get(length % 2..).unwrap_or_default();
        }
        Some(behind)
    }

    /// What stands between the headers and the pixels, and behind them.
    fn bmp<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        bytes.strip_prefix(b"BM")?;
        let number = |at: usize| -> Option<u32> {
            Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
        };
        let (pixels, header) = (number(10)?, number(14)?);
        let (width, height) = (number(18)?, number(22)?.cast_signed().unsigned_abs());
        let bits = number(28)? & 0xffff;
        let stride = u64::from(width).checked_mul(u64::from(bits))?.div_ceil(32).checked_mul(4)?;
        // Packed pixels say their length themselves.
        let length = match number(30)? {
            0 | 3 => stride.checked_mul(u64::from(height))?,
            _ => u64::from(number(34)?),
        };
        let palette = match number(46)? {
            0 if bits <= 8 => 4_usize << bits,
            count => usize::try_from(count).ok()?.checked_mul(4)?,
        };
        let start = usize::try_from(pixels).ok()?;
        let headers = usize::try_from(header).ok()?.checked_add(14)?.checked_add(palette)?;
        if let Some(gap) = bytes.get(headers..start).filter(|gap| gap.len() > 16) {
            self.copy("before the pixels".to_string(), gap);
        }
        bytes.get(start.checked_add(usize::try_from(length).ok()?)?..)
    }
}

/// Up to a null, and behind it.
fn cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    let (before, after) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    (before, after.get(1..).unwrap_or_default())
}

/// The letters of a name that can be shown.
fn name(bytes: &[u8]) -> String {
    let shown = |byte: &&u8| byte.is_ascii_graphic() || **byte == b' ';
    bytes.iter().take(79).filter(shown).map(|byte| char::from(*byte)).collect()
}

fn palette_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Sub-blocks put together, and what stands behind them.
fn sub_blocks(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut data = Vec::new();
    while let Some((length, after)) = rest.split_first() {
        let length = usize::from(*length);
        let (block, after) = after.split_at_checked(length).unwrap_or((after, &[]));
        rest = after;
        if length == 0 {
            break;
        }
        data.extend_from_slice(block);
    }
    (data, rest)
}

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Chunks that make the pixels.
const PNG_PIXELS: &[&[u8; 4]] = &[
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD",
    b"hIST", b"sBIT", b"tIME", b"acTL", b"fcTL", b"fdAT",
];
const WEBP_PIXELS: &[&[u8; 4]] = &[b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH"];
/// So little behind a picture is carelessness.
const BEHIND_BYTES_MIN: usize = 16;
