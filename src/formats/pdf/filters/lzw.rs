//! LZWDecode, ISO 32000-1 section 7.4.4.2: codes of 9 to 12 bits, the first bit highest.

use super::Room;
use crate::formats::budget::{Budget, Stopped};

/// The bytes, and why they may not be all. `early_change`: codes grow one code earlier than they must, the default.
pub(super) fn decode(
    packed: &[u8],
    early_change: bool,
    budget: &mut Budget,
) -> (Vec<u8>, Option<Stopped>) {
    let mut room = Room::new(budget);
    // Every entry is a piece of what was made: where it begins and how long it is.
    let mut table: Vec<(usize, usize)> = Vec::with_capacity(CODES_MAX);
    let mut last: Option<(usize, usize)> = None;
    let early = usize::from(early_change);
    let mut bits = Bits { packed, at: 0, held: 0, count: 0 };
    let mut width = 9;
    let mut stopped = None;
    while let Some(code) = bits.take(width) {
        if let Err(why) = room.check() {
            stopped = Some(why);
            break;
        }
        let start = room.bytes.len();
        match code {
            CLEAR => {
                table.clear();
                last = None;
                width = 9;
                continue;
            }
            END => break,
            code if code < CLEAR => room.bytes.push(u8::try_from(code).unwrap_or_default()),
            code => match (table.get(code - FIRST).copied(), last) {
                (Some((from, length)), _) => {
                    room.bytes.extend_from_within(from..from + length);
                }
                (None, Some((from, length))) if code - FIRST == table.len() => {
                    room.bytes.extend_from_within(from..from + length);
                    room.bytes.extend_from_within(from..from + 1);
                }
                _ => {
                    stopped = Some(Stopped::Damaged("an LZW code that is not there".to_owned()));
                    break;
                }
            },
        }
        if let Some((from, length)) = last
            && table.len() < CODES_MAX - FIRST
        {
            // What was made last and the first byte of this follow each other already.
            table.push((from, length + 1));
        }
        last = Some((start, room.bytes.len() - start));
        // The reader's table is one entry behind the writer's.
        width = match table.len() + FIRST + early {
            0..=511 => 9,
            512..=1_023 => 10,
            1_024..=2_047 => 11,
            _ => 12,
        };
    }
    room.done(stopped)
}

struct Bits<'a> {
    packed: &'a [u8],
    at: usize,
    held: usize,
    count: u32,
}

impl Bits<'_> {
    fn take(&mut self, width: u32) -> Option<usize> {
        while self.count < width {
            let byte = *self.packed.get(self.at)?;
            self.at += 1;
            self.held = (self.held << 8 | usize::from(byte)) & 0xff_ffff;
            self.count += 8;
        }
        self.count -= width;
        Some((self.held >> self.count) & ((1 << width) - 1))
    }
}

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
const CODES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    #[test]
    fn bombs_and_nonsense_end() {
        let mut budget =
            Budget::new(Bounds { part_bytes: 1 << 20, ..Bounds::default() }, &Clock::system());
        for packed in [vec![0xff; 1 << 20], vec![0; 1 << 20], vec![0x80; 4 << 20], vec![]] {
            let (bytes, _) = decode(&packed, true, &mut budget);
            assert!(bytes.len() <= 1 << 20);
        }
    }
}
