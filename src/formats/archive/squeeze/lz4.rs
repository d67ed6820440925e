//! LZ4: frames (LZ4 Frame Format 1.6), legacy frames of old tools, and the blocks in them (LZ4 Block Format).
//!
//! Our own, because it gives what a block that breaks off has given until then. Checksums are stepped over, not verified.

use super::streams::{Decode, Step};
use crate::formats::budget::Stopped;

/// One frame.
pub(super) struct Frame {
    legacy: bool,
    linked: bool,
    block_checksums: bool,
    block_bytes_max: usize,
    trailer_bytes: usize,
    /// The window of linked blocks, then what was made and not yet given.
    window: Vec<u8>,
    given: usize,
    ended: bool,
    fault: Option<Stopped>,
}

/// A frame of any kind: its header bytes and its decoder.
pub(super) fn start(bytes: &[u8]) -> Option<(usize, Box<dyn Decode>)> {
    let frame = |legacy, linked, block_checksums, block_bytes_max, trailer_bytes| {
        Box::new(Frame {
            legacy,
            linked,
            block_checksums,
            block_bytes_max,
            trailer_bytes,
            window: Vec::new(),
            given: 0,
            ended: false,
            fault: None,
        })
    };
    if super::zstandard::is_skippable(bytes) {
        // LZ4 has the same skippable frames as Zstandard.
        return super::zstandard::start(bytes);
    }
    if bytes.starts_with(LEGACY) {
        return Some((4, frame(true, false, false, LEGACY_BLOCK_BYTES, 0)));
    }
    let rest = bytes.strip_prefix(MAGIC)?;
    let (flags, sizes) = (*rest.first()?, *rest.get(1)?);
    if flags >> 6 != 1 {
        return None;
    }
    let optional = if flags & 0x08 != 0 { 8 } else { 0 } + if flags & 0x01 != 0 { 4 } else { 0 };
    let block_bytes_max = 1 << (8 + 2 * u32::from((sizes >> 4) & 7)).max(16);
    let trailer_bytes = if flags & 0x04 != 0 { 4 } else { 0 };
    Some((
        7 + optional,
        frame(false, flags & 0x20 == 0, flags & 0x10 != 0, block_bytes_max, trailer_bytes),
    ))
}

impl Frame {
    /// Reads one block: the input bytes it took.
    fn advance(&mut self, input: &[u8]) -> usize {
        let keep = if self.linked { WINDOW_BYTES } else { 0 };
        let gone = self.window.len().saturating_sub(keep);
        self.window.drain(..gone);
        self.given = self.window.len();
        let Some((size, rest)) = input.split_first_chunk::<4>() else {
            // A legacy frame ends where the file does.
            self.ended = self.legacy && input.is_empty();
            if !self.ended {
                self.fault = Some(Stopped::Damaged("it ends inside a frame".to_string()));
            }
            return input.len();
        };
        let word = u32::from_le_bytes(*size);
        let stored = !self.legacy && word & 0x8000_0000 != 0;
        let size = usize::try_from(word & 0x7fff_ffff).unwrap_or(usize::MAX);
        if size == 0 && !self.legacy {
            self.ended = true;
            return 4 + self.trailer_bytes.min(rest.len());
        }
        if size > self.block_bytes_max + self.block_bytes_max / 128 + 64 {
            // Behind a legacy frame this is the next frame's magic, or rubbish.
            self.ended = self.legacy;
            if !self.ended {
                self.fault =
                    Some(Stopped::Damaged("a block larger than the frame allows".to_string()));
            }
            return 0;
        }
        let block = rest.get(..size).unwrap_or(rest);
        let end = self.window.len() + self.block_bytes_max;
        let whole = match stored {
            true => {
                self.window.extend_from_slice(block);
                true
            }
            false => unpack_block(block, &mut self.window, end),
        };
        if block.len() < size || !whole {
            self.fault = Some(Stopped::Damaged("a block is broken or cut off".to_string()));
        }
        let checksum = if self.block_checksums { 4 } else { 0 };
        (4 + block.len() + checksum).min(input.len())
    }
}

impl Decode for Frame {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut used = 0;
        if self.given >= self.window.len() && !self.ended && self.fault.is_none() {
            used = self.advance(input);
        }
        let waiting = self.window.get(self.given..).unwrap_or_default();
        let made = waiting.len().min(output.len());
        if let (Some(to), Some(from)) = (output.get_mut(..made), waiting.get(..made)) {
            to.copy_from_slice(from);
        }
        self.given += made;
        let done = self.given >= self.window.len();
        Step {
            used,
            made,
            unread: 0,
            ended: self.ended && done,
            fault: self.fault.clone().filter(|_| done),
        }
    }
}

/// Appends what a block unpacks to, up to the length `end`. False: it is broken, or ends early.
pub(super) fn unpack_block(block: &[u8], output: &mut Vec<u8>, end: usize) -> bool {
    let mut rest = block;
    // Each turn takes at least a byte.
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        let Some(literals) = length(usize::from(token >> 4), &mut rest) else { return false };
        let room = end.saturating_sub(output.len());
        let take = literals.min(rest.len()).min(room);
        output.extend_from_slice(rest.get(..take).unwrap_or_default());
        rest = rest.get(take..).unwrap_or_default();
        if take < literals {
            return false;
        }
        if rest.is_empty() {
            return true;
        }
        let Some((offset, after)) = rest.split_first_chunk::<2>() else { return false };
        rest = after;
        let offset = usize::from(u16::from_le_bytes(*offset));
        let Some(more) = length(usize::from(token & 0x0f), &mut rest) else { return false };
        let Some(start) = output.len().checked_sub(offset).filter(|_| offset > 0) else {
            return false;
        };
        let count = (more + 4).min(end.saturating_sub(output.len()));
        copy_back(output, start, count);
        if count < more + 4 {
            return false;
        }
    }
    // A block ends with literals; an empty one is broken too.
    false
}

/// Copies from what is already there; the copy may overlap its own beginning.
fn copy_back(output: &mut Vec<u8>, start: usize, count: usize) {
    let mut left = count;
    while left > 0 {
        let piece = left.min(output.len() - start);
        if piece == 0 {
            return;
        }
        output.extend_from_within(start..start + piece);
        left -= piece;
    }
}

/// A length of four bits, and bytes of 255 that go on with it.
fn length(nibble: usize, rest: &mut &[u8]) -> Option<usize> {
    let mut length = nibble;
    if nibble == 15 {
        loop {
            let (more, after) = rest.split_first()?;
            *rest = after;
            length += usize::from(*more);
            if *more != 255 {
                break;
            }
        }
    }
    Some(length)
}

pub(super) const MAGIC: &[u8] = b"\x04\x22\x4d\x18";
pub(super) const LEGACY: &[u8] = b"\x02\x21\x4c\x18";
const WINDOW_BYTES: usize = 64 << 10;
const LEGACY_BLOCK_BYTES: usize = 8 << 20;
