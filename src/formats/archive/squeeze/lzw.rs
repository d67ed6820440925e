//! compress of Unix, `.Z`: LZW with codes of 9 to 16 bits. Codes stand in groups of eight of one width; when the width changes, or the
//! table is cleared in block mode, the rest of the group is padding.

use super::streams::{Decode, Step};
use crate::formats::budget::Stopped;

/// A stream of codes.
pub(super) struct Lzw {
    width_max: u32,
    block_mode: bool,
    width: u32,
    /// For each code the code before its last byte, and that byte.
    table: Vec<(u16, u8)>,
    /// Bits not yet used, lowest first.
    bits: u64,
    bits_held: u32,
    /// Bytes of padding still to be dropped.
    padding: usize,
    /// Bytes taken since the width last changed: groups are counted from there.
    group_bits: usize,
    previous: Option<u16>,
    first: u8,
    pending: Vec<u8>,
    fault: Option<Stopped>,
}

impl Lzw {
    /// By its header: magic, then a byte with the widest code and the block mode.
    pub(super) fn new(bytes: &[u8]) -> Option<Lzw> {
        let flags = *bytes.strip_prefix(MAGIC)?.first()?;
        let width_max = u32::from(flags & 0x1f);
        if !(9..=16).contains(&width_max) {
            return None;
        }
        let block_mode = flags & 0x80 != 0;
        let mut lzw = Lzw {
            width_max,
            block_mode,
            width: 9,
            table: Vec::new(),
            bits: 0,
            bits_held: 0,
            padding: 0,
            group_bits: 0,
            previous: None,
            first: 0,
            pending: Vec::new(),
            fault: None,
        };
        lzw.clear();
        Some(lzw)
    }

    fn clear(&mut self) {
        self.table.clear();
        self.table.extend((0..=255).map(|byte| (NONE, byte)));
        if self.block_mode {
            self.table.push((NONE, 0));
        }
        self.previous = None;
    }

    /// The group ends here: what is left of it is padding.
    fn end_group(&mut self) {
        let group = usize::try_from(self.width).unwrap_or(9) * 8;
        let over = self.group_bits % group;
        let padding_bits = if over == 0 { 0 } else { group - over };
        // Bits that were taken in already are part of it.
        let held = usize::try_from(self.bits_held).unwrap_or(0);
        self.padding = padding_bits.saturating_sub(held) / 8;
        let drop = u32::try_from(padding_bits.min(held)).unwrap_or(0);
        self.bits = self.bits.checked_shr(drop).unwrap_or(0);
        self.bits_held -= drop;
        self.group_bits = 0;
    }

    fn next_code(&mut self, input: &[u8], used: &mut usize) -> Option<u16> {
        while self.padding > 0 {
            input.get(*used)?;
            *used += 1;
            self.padding -= 1;
        }
        while self.bits_held < self.width {
            let byte = input.get(*used)?;
            *used += 1;
            self.bits |= u64::from(*byte) << self.bits_held;
            self.bits_held += 8;
        }
        let code = self.bits & ((1 << self.width) - 1);
        self.bits >>= self.width;
        self.bits_held -= self.width;
        self.group_bits += usize::try_from(self.width).unwrap_or(0);
        u16::try_from(code).ok()
    }

    /// What a code stands for goes to `pending`. False: it stands for nothing.
    fn expand(&mut self, code: u16) -> bool {
        let known = usize::from(code) < self.table.len();
        // The one code that may be used before it is complete repeats the last string and its first byte.
        let mut walk = match (known, self.previous) {
            (true, _) => code,
            (false, Some(previous)) if usize::from(code) == self.table.len() => previous,
            (false, _) => return false,
        };
        let start = self.pending.len();
        if !known {
            self.pending.push(self.first);
        }
        for _ in 0..TABLE_MAX {
            let Some((before, byte)) = self.table.get(usize::from(walk)) else { return false };
            self.pending.push(*byte);
            self.first = *byte;
            if *before == NONE {
                break;
            }
            walk = *before;
        }
        if let Some(string) = self.pending.get_mut(start..) {
            string.reverse();
        }
        if let Some(previous) = self.previous
            && self.table.len() < 1 << self.width_max
        {
            self.table.push((previous, self.first));
        }
        self.previous = Some(code);
        true
    }
}

impl Decode for Lzw {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut used = 0;
        let mut ended = false;
        while self.pending.len() < output.len() && self.fault.is_none() {
            // The code that is read next may need the entry that it completes itself.
            if self.table.len() >= 1 << self.width && self.width < self.width_max {
                self.end_group();
                self.width += 1;
            }
            let Some(code) = self.next_code(input, &mut used) else {
                ended = input.get(used..).is_none_or(<[u8]>::is_empty);
                break;
            };
            if code == CLEAR && self.block_mode {
                self.end_group();
                self.clear();
                self.width = 9;
            } else if !self.expand(code) {
                self.fault = Some(Stopped::Damaged("a code that stands for nothing".to_string()));
            }
        }
        let made = self.pending.len().min(output.len());
        if let (Some(to), Some(from)) = (output.get_mut(..made), self.pending.get(..made)) {
            to.copy_from_slice(from);
        }
        self.pending.drain(..made);
        let done = self.pending.is_empty();
        // There is no end mark: it ends with the file.
        Step {
            used,
            made,
            unread: 0,
            ended: ended && done,
            fault: self.fault.clone().filter(|_| done),
        }
    }
}

pub(super) const MAGIC: &[u8] = b"\x1f\x9d";
const CLEAR: u16 = 256;
/// A code of one byte has none before it; a real code is never this, as it would be its own.
const NONE: u16 = u16::MAX;
const TABLE_MAX: usize = 1 << 16;
