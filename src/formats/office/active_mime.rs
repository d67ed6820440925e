//! ActiveMime: how Office keeps a macro project beside a document saved as a web page (`editdata.mso`, also in MHTML and in the XML of 2003):
//! a head, then a packed compound file. There is no specification; the head is skipped.

use crate::formats::{
    budget::{Budget, Stopped},
    opened::{Member, Opened, Role},
};
use flate2::bufread::ZlibDecoder;

/// Do the bytes begin as such a file?
pub fn is_active_mime(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Unpacks it; the compound file inside is opened as a file of its own.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let starts = [USUAL_START].into_iter().chain(
        memchr::memchr_iter(b'x', super::le::slice(bytes, 0, HEAD_BYTES_MAX))
            .filter(|at| matches!(bytes.get(at + 1), Some(0x01 | 0x5e | 0x9c | 0xda))),
    );
    for start in starts {
        let packed = super::le::from(bytes, start);
        let total = packed.len();
        let unpacked = budget.unpack(ZlibDecoder::new(packed), |decoder| {
            total.saturating_sub(decoder.get_ref().len())
        });
        if !unpacked.bytes.is_empty() {
            let name = Some("macro project".to_string());
            opened.push(Member {
                name,
                bytes: unpacked.bytes,
                role: Role::Inside,
                stopped: unpacked.stopped,
            });
            return opened;
        }
    }
    opened.stopped = Some(Stopped::Damaged("nothing packed in ActiveMime".to_string()));
    opened
}

const MAGIC: &[u8] = b"ActiveMime";
/// Where the packed bytes begin in all files that Office wrote.
const USUAL_START: usize = 0x32;
/// They begin no later than this.
const HEAD_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write;

    #[test]
    fn at_the_usual_place_and_elsewhere() {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(b"MARKER").unwrap();
        let packed = packed.finish().unwrap();
        for head in [USUAL_START - MAGIC.len(), 90] {
            let bytes = [MAGIC, &vec![7; head], &packed].concat();
            let mut budget = Budget::new(Bounds::default(), &Clock::system());
            assert!(is_active_mime(&bytes));
            assert_eq!(open(&bytes, &mut budget).members[0].bytes, b"MARKER");
            for end in 0..bytes.len() {
                open(&bytes[..end], &mut budget);
            }
        }
    }
}
