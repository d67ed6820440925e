//! Zstandard, RFC 8878: frames and skippable frames.

use super::streams::{Decode, Step};
use crate::{base::limits, formats::budget::Stopped};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder, errors::FrameDecoderError};
use std::io::Read;

/// One frame.
pub(crate) struct Zstandard {
    decoder: FrameDecoder,
    begun: bool,
    fault: Option<Stopped>,
}

impl Zstandard {
    pub(crate) fn new() -> Zstandard {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(limits::ZSTANDARD_WINDOW_BYTES_MAX);
        Zstandard { decoder, begun: false, fault: None }
    }

    fn take(&mut self, output: &mut [u8]) -> usize {
        self.decoder.read(output).unwrap_or(0)
    }

    /// Decodes the header or one block: the input bytes it took.
    fn advance(&mut self, input: &[u8]) -> usize {
        let mut rest = input;
        let result = match self.begun {
            false => self.decoder.init(&mut rest),
            true => self
                .decoder
                .decode_blocks(&mut rest, BlockDecodingStrategy::UptoBlocks(1))
                .map(drop),
        };
        if let Err(error) = result {
            self.fault = Some(reason(&error));
            if self.begun {
                // The decoder keeps a window back until the frame ends. An empty last block, and what may be a checksum, ends it.
                let end: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
                let _ = self.decoder.decode_blocks(end, BlockDecodingStrategy::All);
            }
        }
        self.begun = true;
        input.len() - rest.len()
    }
}

fn reason(error: &FrameDecoderError) -> Stopped {
    if let FrameDecoderError::DictNotProvided { .. } = error {
        return Stopped::Unsupported("Zstandard with a dictionary".to_string());
    }
    if let FrameDecoderError::WindowSizeTooBig { requested, .. } = error {
        return Stopped::Unsupported(format!("Zstandard with a window of {requested} bytes"));
    }
    Stopped::Damaged(error.to_string())
}

impl Decode for Zstandard {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut used = 0;
        if self.fault.is_none()
            && self.decoder.can_collect() == 0
            && !(self.begun && self.decoder.is_finished())
        {
            used = self.advance(input);
        }
        let made = match self.begun && self.decoder.can_collect() > 0 {
            true => self.take(output),
            false => 0,
        };
        let done = self.decoder.can_collect() == 0;
        Step {
            used,
            made,
            unread: 0,
            ended: done && self.fault.is_none() && self.begun && self.decoder.is_finished(),
            fault: self.fault.clone().filter(|_| done),
        }
    }
}

/// A frame that holds nothing for us, RFC 8878 section 3.1.2.
struct Skippable {
    left: usize,
}

impl Decode for Skippable {
    fn step(&mut self, input: &[u8], _output: &mut [u8]) -> Step {
        let used = self.left.min(input.len());
        self.left -= used;
        // A size that goes beyond the end covers all there is.
        Step { used, ended: true, ..Step::default() }
    }
}

/// A frame of either kind.
pub(super) fn start(bytes: &[u8]) -> Option<(usize, Box<dyn Decode>)> {
    if is_skippable(bytes) {
        let size = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
        let left = usize::try_from(size).unwrap_or(usize::MAX);
        return Some(super::begin(8, Skippable { left }));
    }
    bytes.starts_with(MAGIC).then(|| super::begin(0, Zstandard::new()))
}

/// Does a skippable frame begin here?
pub(super) fn is_skippable(bytes: &[u8]) -> bool {
    matches!(bytes.first_chunk::<4>(), Some([0x50..=0x5f, 0x2a, 0x4d, 0x18]))
}

pub(super) const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
