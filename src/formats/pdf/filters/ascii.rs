//! The simple filters, ISO 32000-1 sections 7.4.2, 7.4.3 and 7.4.5: hex digits, base 85, runs of equal bytes.

use super::{super::lexer, Room};
use crate::formats::budget::{Budget, Stopped};

/// ASCIIHexDecode; ends at `>`.
pub(super) fn hex(text: &[u8], budget: &mut Budget) -> (Vec<u8>, Option<Stopped>) {
    let mut room = Room::new(budget);
    let end = memchr::memchr(b'>', text).unwrap_or(text.len());
    room.bytes = lexer::undo_hex(text.get(..end).unwrap_or_default());
    let stopped = room.check().err();
    room.done(stopped)
}

/// ASCII85Decode; ends at `~`. Characters that are none of it are passed over.
pub(super) fn base85(text: &[u8], budget: &mut Budget) -> (Vec<u8>, Option<Stopped>) {
    let mut room = Room::new(budget);
    let start = text.iter().position(|byte| !lexer::is_blank(*byte)).unwrap_or(0);
    let text = text.get(start..).unwrap_or_default();
    let text = text.strip_prefix(b"<~").unwrap_or(text);
    let mut group = 0_u32;
    let mut count = 0_usize;
    let mut stopped = None;
    for byte in text {
        match byte {
            b'~' => break,
            b'z' if count == 0 => room.bytes.extend([0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    room.bytes.extend(group.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            _ => (),
        }
        stopped = room.check().err();
        if stopped.is_some() {
            break;
        }
    }
    if count > 1 {
        for _ in count..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        room.bytes.extend(group.to_be_bytes().iter().take(count - 1));
    }
    room.done(stopped)
}

/// RunLengthDecode; ends at 128.
pub(super) fn run_length(packed: &[u8], budget: &mut Budget) -> (Vec<u8>, Option<Stopped>) {
    let mut room = Room::new(budget);
    let mut at = 0;
    let mut stopped = None;
    while let Some(length) = packed.get(at).copied().filter(|length| *length != 128) {
        at += 1;
        if length < 128 {
            let end = (at + usize::from(length) + 1).min(packed.len());
            room.bytes.extend_from_slice(packed.get(at..end).unwrap_or_default());
            at = end;
        } else if let Some(byte) = packed.get(at) {
            room.bytes.resize(room.bytes.len() + 257 - usize::from(length), *byte);
            at += 1;
        }
        stopped = room.check().err();
        if stopped.is_some() {
            break;
        }
    }
    room.done(stopped)
}
