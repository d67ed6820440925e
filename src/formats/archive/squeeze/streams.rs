//! Decoders over a slice, one step at a time, and what strings their streams together.

use super::{Reason, Start};
use crate::{base::limits, formats::budget::Stopped};
use lzma_rust2::{Action, LzmaStream, Status, XzStream};
use std::io;

/// What one step of a decoder did.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Input bytes taken.
    pub(crate) used: usize,
    /// Input bytes given back at the end: it had looked ahead.
    pub(crate) unread: usize,
    /// Output bytes written.
    pub(crate) made: usize,
    /// The stream is complete.
    pub(crate) ended: bool,
    /// It is broken; what was made before still counts.
    pub(crate) fault: Option<Stopped>,
}

/// A decoder that is fed.
pub(crate) trait Decode {
    /// Takes some input, writes some output. An empty input means that there is no more.
    /// Neither taken nor made, nor ended: it waits for input that does not come.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step;
}

/// One stream as a reader.
pub(crate) struct Slice<'a> {
    input: &'a [u8],
    used: usize,
    decoder: Box<dyn Decode>,
    ended: bool,
    fault: Option<Stopped>,
}

impl<'a> Slice<'a> {
    /// Over input that begins behind the decoder's header.
    pub(crate) fn new(input: &'a [u8], decoder: Box<dyn Decode>) -> Slice<'a> {
        Slice { input, used: 0, decoder, ended: false, fault: None }
    }
}

impl io::Read for Slice<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(fault) = &self.fault {
                return Err(io::Error::other(fault.to_string()));
            }
            if self.ended || output.is_empty() {
                return Ok(0);
            }
            let rest = self.input.get(self.used..).unwrap_or_default();
            let step = self.decoder.step(rest, output);
            self.used = (self.used + step.used.min(rest.len())).saturating_sub(step.unread);
            self.ended = step.ended;
            self.fault = step.fault;
            if self.fault.is_none() && step.used == 0 && step.made == 0 && !step.ended {
                self.fault = Some(Stopped::Damaged("it ends inside a stream".to_string()));
            }
            if step.made > 0 {
                return Ok(step.made.min(output.len()));
            }
        }
    }
}

impl Reason for Slice<'_> {
    fn used(&self) -> usize {
        self.used
    }

    fn fault(&self) -> Option<Stopped> {
        self.fault.clone()
    }
}

/// All streams of a file, one after the other.
pub(super) struct Joined<'a> {
    bytes: &'a [u8],
    start: Start,
    magic_bytes: usize,
    /// Where the stream that is read begins, behind its header.
    at: usize,
    streams: usize,
    current: Option<Slice<'a>>,
    fault: Option<Stopped>,
}

impl<'a> Joined<'a> {
    pub(super) fn new(bytes: &'a [u8], start: Start, magic_bytes: usize) -> Joined<'a> {
        Joined { bytes, start, magic_bytes, at: 0, streams: 0, current: None, fault: None }
    }

    /// The next place at or behind `from` where a stream begins. What stands between streams is stepped over.
    fn next_stream(&mut self, from: usize) -> Option<Slice<'a>> {
        // Most begin where the last one ended; else it is looked for by the first bytes of the file.
        let magic = self.bytes.get(..self.magic_bytes);
        let mut at = from;
        for _ in 0..STARTS_TRIED_MAX {
            let rest = self.bytes.get(at..)?;
            if let Some((header_bytes, decoder)) = (self.start)(rest) {
                self.at = at + header_bytes.min(rest.len());
                return Some(Slice::new(self.bytes.get(self.at..)?, decoder));
            }
            at = at + 1 + memchr::memmem::find(rest.get(1..)?, magic?)?;
        }
        None
    }
}

impl io::Read for Joined<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(current) = &mut self.current {
                let made = match current.read(output) {
                    Ok(made) => made,
                    // Behind the first stream, what only looks like another one is rubbish that readers step over.
                    Err(_) if self.streams > 1 && current.used < RUBBISH_BYTES => 0,
                    Err(error) => {
                        self.fault = current.fault();
                        return Err(error);
                    }
                };
                if made > 0 || output.is_empty() {
                    return Ok(made);
                }
            }
            let from = self.at + self.current.as_ref().map_or(0, |current| current.used);
            self.streams += 1;
            if self.streams > limits::SQUEEZED_STREAMS_MAX {
                let why = format!("more than {} streams", limits::SQUEEZED_STREAMS_MAX);
                self.fault = Some(Stopped::Unsupported(why.clone()));
                return Err(io::Error::other(why));
            }
            match self.next_stream(from) {
                Some(next) => self.current = Some(next),
                None if self.streams == 1 => {
                    return Err(io::Error::other("the header is broken"));
                }
                None => {
                    (self.current, self.at) = (None, self.bytes.len());
                    return Ok(0);
                }
            }
        }
    }
}

impl Reason for Joined<'_> {
    fn used(&self) -> usize {
        self.at + self.current.as_ref().map_or(0, |current| current.used)
    }

    fn fault(&self) -> Option<Stopped> {
        self.fault.clone()
    }
}

/// bzip2.
pub(crate) struct Bzip2(bzip2::Decompress);

impl Bzip2 {
    pub(crate) fn new() -> Bzip2 {
        Bzip2(bzip2::Decompress::new(false))
    }
}

impl Decode for Bzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (took, gave) = (self.0.total_in(), self.0.total_out());
        let result = self.0.decompress(input, output);
        // A block with a wrong checksum is written before it is found out: the counters know, the result does not.
        Step {
            used: difference(self.0.total_in(), took),
            made: difference(self.0.total_out(), gave),
            unread: 0,
            ended: matches!(result, Ok(bzip2::Status::StreamEnd)),
            fault: result.err().map(|error| Stopped::Damaged(error.to_string())),
        }
    }
}

/// zlib.
pub(super) struct Zlib(flate2::Decompress);

impl Zlib {
    pub(super) fn new() -> Zlib {
        Zlib(flate2::Decompress::new(true))
    }
}

impl Decode for Zlib {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        inflate(&mut self.0, input, output)
    }
}

/// One step of inflating, raw or zlib.
pub(crate) fn inflate(decoder: &mut flate2::Decompress, input: &[u8], output: &mut [u8]) -> Step {
    let (took, gave) = (decoder.total_in(), decoder.total_out());
    let result = decoder.decompress(input, output, flate2::FlushDecompress::None);
    Step {
        used: difference(decoder.total_in(), took),
        made: difference(decoder.total_out(), gave),
        unread: 0,
        ended: matches!(result, Ok(flate2::Status::StreamEnd)),
        fault: result.err().map(|error| Stopped::Damaged(error.to_string())),
    }
}

/// xz, one stream.
pub(crate) struct Xz(XzStream);

impl Xz {
    pub(crate) fn new() -> Xz {
        Xz(XzStream::new_mem_limit(false, XZ_MEMORY_KIB_MAX))
    }
}

impl Decode for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (took, gave) = (self.0.total_in(), self.0.total_out());
        let (piece, action) = piece(input);
        let result = self.0.process(piece, output, action);
        let over = self.0.memory_usage().is_some_and(|need| need > XZ_MEMORY_KIB_MAX);
        step(
            result,
            difference(self.0.total_in(), took),
            difference(self.0.total_out(), gave),
            over,
        )
    }
}

/// A stream of LZMA with its header read.
pub(crate) struct Lzma {
    stream: LzmaStream,
    /// Bytes that stand behind the stream: lzip's checksum and sizes.
    trailer_bytes: usize,
    over: bool,
}

impl Lzma {
    /// By properties, dictionary and size; no size means that a marker ends it.
    pub(crate) fn new(properties: u8, dictionary: u32, size: Option<u64>) -> Option<Lzma> {
        // What reaches back further than a part is long reaches before its beginning.
        let dictionary = dictionary.clamp(4_096, DICTIONARY_BYTES_MAX);
        let size = size.unwrap_or(u64::MAX);
        let stream = LzmaStream::new_with_props(size, properties, dictionary, None).ok()?;
        Some(Lzma { stream, trailer_bytes: 0, over: false })
    }

    /// LZMA alone.
    pub(super) fn alone(bytes: &[u8]) -> Option<Lzma> {
        let (properties, rest) = bytes.split_first()?;
        let (dictionary, rest) = rest.split_first_chunk::<4>()?;
        let size = u64::from_le_bytes(*rest.first_chunk::<8>()?);
        Lzma::new(*properties, u32::from_le_bytes(*dictionary), (size != u64::MAX).then_some(size))
    }

    /// lzip: `LZIP`, version, dictionary size coded in a byte; the properties are always the same.
    pub(super) fn lzip_member(bytes: &[u8]) -> Option<Lzma> {
        let coded = *bytes.strip_prefix(b"LZIP")?.get(1)?;
        let base = 1_u32.checked_shl(u32::from(coded & 0x1f))?;
        let dictionary = base - (base / 16).saturating_mul(u32::from(coded >> 5));
        let mut lzma = Lzma::new(LZIP_PROPERTIES, dictionary, None)?;
        lzma.trailer_bytes = 20;
        Some(lzma)
    }
}

impl Decode for Lzma {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if self.over {
            let used = self.trailer_bytes.min(input.len());
            return Step { used, ended: true, ..Step::default() };
        }
        let (took, gave) = (self.stream.total_in(), self.stream.total_out());
        let (piece, action) = piece(input);
        let result = self.stream.process(piece, output, action);
        let used = difference(self.stream.total_in(), took);
        let mut step = step(result, used, difference(self.stream.total_out(), gave), false);
        if step.ended {
            // It may have looked ahead; what it did not need is what follows it.
            step.unread = self.stream.unused_input().len();
            (self.over, step.ended) = (true, self.trailer_bytes == 0);
            if step.used == 0 && step.unread == 0 && step.made == 0 && !step.ended {
                return self.step(input, output);
            }
        }
        step
    }
}

/// Little at a time: what a decoder made out of a piece that turned out broken is lost with it.
fn piece(input: &[u8]) -> (&[u8], Action) {
    match input.is_empty() {
        true => (input, Action::Finish),
        false => (input.get(..PIECE_BYTES).unwrap_or(input), Action::Run),
    }
}

fn step(
    result: lzma_rust2::Result<lzma_rust2::StreamResult>,
    used: usize,
    made: usize,
    over_memory: bool,
) -> Step {
    match result {
        Ok(done) => Step {
            used: done.bytes_consumed,
            made: done.bytes_produced,
            ended: done.status == Status::StreamEnd,
            ..Step::default()
        },
        Err(_) if over_memory => {
            let why = "a dictionary larger than we make".to_string();
            Step { used, made, fault: Some(Stopped::Unsupported(why)), ..Step::default() }
        }
        Err(error) => {
            Step { used, made, fault: Some(Stopped::Damaged(error.to_string())), ..Step::default() }
        }
    }
}

fn difference(now: u64, before: u64) -> usize {
    usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// Memory of one xz decoder; its dictionary cannot be made smaller than the header asks for.
pub(super) const XZ_MEMORY_KIB_MAX: u32 = limits::DICTIONARY_KIB_MAX;
/// Largest dictionary made where a smaller one than asked for gives the same bytes.
const DICTIONARY_BYTES_MAX: u32 = limits::DICTIONARY_CLAMP_BYTES;
/// lc 3, lp 0, pb 2.
const LZIP_PROPERTIES: u8 = 93;
const PIECE_BYTES: usize = 512;
/// Places that look like the beginning of another stream and are none.
const STARTS_TRIED_MAX: usize = 1_000;
/// What fails within so many bytes was no stream of its own.
const RUBBISH_BYTES: usize = 64;
