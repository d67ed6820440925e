//! FlateDecode, ISO 32000-1 section 7.4.4, as tolerantly as the programs that show PDFs: checksums are not looked at, a wrong or missing
//! header is passed over, and a stream that breaks off gives what came before.

use crate::formats::budget::{Budget, Stopped};
use flate2::{Decompress, FlushDecompress, Status};
use std::io::{Error, Read};

/// The bytes, and why they may not be all.
pub(super) fn decode(packed: &[u8], budget: &mut Budget) -> (Vec<u8>, Option<Stopped>) {
    let blanks =
        packed.iter().take(BLANKS_MAX).take_while(|byte| matches!(byte, 10 | 13 | 32)).count();
    let mut best: (Vec<u8>, Option<Stopped>) = (Vec::new(), None);
    if packed.len() == blanks {
        return best;
    }
    for (place, start) in [header(packed), header_after(packed, blanks), Some(0), Some(2)]
        .into_iter()
        .enumerate()
        .filter_map(|(place, start)| start.map(|start| (place, start)))
    {
        let input = packed.get(start..).unwrap_or_default();
        let unpacked = budget.unpack(Inflate::new(input), |inflate| inflate.at);
        let limit = matches!(unpacked.stopped, Some(Stopped::Limit(_)));
        if unpacked.stopped.is_none() || limit || (place < 2 && !unpacked.bytes.is_empty()) {
            return (unpacked.bytes, unpacked.stopped);
        }
        if best.1.is_none() || unpacked.bytes.len() > best.0.len() {
            best = (unpacked.bytes, unpacked.stopped);
        }
    }
    best
}

/// Where the data begins if a zlib header stands in front, RFC 1950 section 2.2.
fn header(packed: &[u8]) -> Option<usize> {
    let [first, second, ..] = packed else { return None };
    let right = first & 0x0f == 8 && (u32::from(*first) * 256 + u32::from(*second)) % 31 == 0;
    let dictionary = second & 0x20 != 0;
    right.then_some(if dictionary { 6 } else { 2 })
}

fn header_after(packed: &[u8], blanks: usize) -> Option<usize> {
    let after = packed.get(blanks..).filter(|_| blanks > 0)?;
    header(after).map(|length| length + blanks)
}

/// Raw deflate, RFC 1951, that never loses bytes made before a fault.
struct Inflate<'a> {
    decompress: Decompress,
    packed: &'a [u8],
    at: usize,
    ended: bool,
    fault: Option<&'static str>,
}

impl<'a> Inflate<'a> {
    fn new(packed: &'a [u8]) -> Inflate<'a> {
        Inflate { decompress: Decompress::new(false), packed, at: 0, ended: false, fault: None }
    }
}

impl Read for Inflate<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(fault) = self.fault.take() {
            self.ended = true;
            return Err(Error::other(fault));
        }
        if self.ended {
            return Ok(0);
        }
        let (before_in, before_out) = (self.decompress.total_in(), self.decompress.total_out());
        let input = self.packed.get(self.at..).unwrap_or_default();
        let result = self.decompress.decompress(input, buffer, FlushDecompress::None);
        let read = usize::try_from(self.decompress.total_in() - before_in).unwrap_or(0);
        let made = usize::try_from(self.decompress.total_out() - before_out).unwrap_or(0);
        self.at += read;
        match result {
            Ok(Status::StreamEnd) => self.ended = true,
            Ok(Status::Ok | Status::BufError) if made == 0 => {
                self.fault = Some("compressed data breaks off");
            }
            Ok(Status::Ok | Status::BufError) => (),
            Err(_) => self.fault = Some("compressed data is wrong"),
        }
        if made == 0
            && let Some(fault) = self.fault.take()
        {
            self.ended = true;
            return Err(Error::other(fault));
        }
        Ok(made)
    }
}

/// Blanks passed over in front of the data.
const BLANKS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write;

    fn undo(packed: &[u8]) -> (Vec<u8>, Option<Stopped>) {
        decode(packed, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    fn pack(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn any_header_and_no_checksum() {
        let plain: Vec<u8> = (0..5_000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        let packed = pack(&plain);
        let mut wrong_sum = packed.clone();
        *wrong_sum.last_mut().unwrap() ^= 1;
        let mut wrong_header = packed.clone();
        wrong_header[0] = b'A';
        for packed in [
            packed.clone(),
            wrong_sum,
            wrong_header,
            packed[2..].to_vec(),
            [b"\r\n", &packed[..]].concat(),
            [&packed[..], b"junk"].concat(),
            packed[..packed.len() - 4].to_vec(),
        ] {
            let (bytes, stopped) = undo(&packed);
            assert!(bytes == plain, "{}", bytes.len());
            assert_eq!(stopped, None);
        }
    }

    #[test]
    fn what_breaks_off_gives_what_was_read() {
        let plain: Vec<u8> =
            (0..50_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let packed = pack(&plain);
        let half = packed.len() / 2;
        let (bytes, stopped) = undo(&packed[..half]);
        assert!(bytes.len() > plain.len() / 3 && plain.starts_with(&bytes));
        assert!(stopped.is_some());
        let mut broken = packed.clone();
        broken.truncate(half);
        broken.extend([0xff; 3_000]);
        assert!(undo(&broken).0.len() > plain.len() / 3);
        assert!(undo(b"").1.is_none());
        assert!(undo(b"not packed at all").1.is_some());
    }
}
