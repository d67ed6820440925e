//! LZX as cabinets and compiled help have it: pieces of 32 KiB, decoded by `lzxd`, which may not be trusted not to panic.

use crate::formats::{budget::Stopped, keep};
use lzxd::{Lzxd, WindowSize};

/// A decoder that keeps its window from piece to piece.
pub(super) struct Lzx(Lzxd);

impl Lzx {
    /// A decoder with a window of two to that power; `None` where LZX has no such window.
    pub(super) fn new(power: u32) -> Option<Lzx> {
        let window = match power {
            15 => WindowSize::KB32,
            16 => WindowSize::KB64,
            17 => WindowSize::KB128,
            18 => WindowSize::KB256,
            19 => WindowSize::KB512,
            20 => WindowSize::MB1,
            21 => WindowSize::MB2,
            _ => return None,
        };
        Some(Lzx(Lzxd::new(window)))
    }

    /// Decodes one piece of so many bytes behind what is there.
    pub(super) fn piece(
        &mut self,
        packed: &[u8],
        count: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        if count > lzxd::MAX_CHUNK_SIZE {
            return Err(Stopped::Damaged("a piece of LZX over 32 KiB".to_string()));
        }
        let piece = keep::guarded(|| self.0.decompress_next(packed, count).map(<[u8]>::to_vec));
        match piece {
            Ok(Ok(piece)) => {
                to.extend(piece);
                Ok(())
            }
            Ok(Err(error)) => Err(Stopped::Damaged(error.to_string())),
            Err(why) => Err(why),
        }
    }
}
