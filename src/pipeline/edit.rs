//! A mail as it goes on: the bytes that came, some header fields left out, ours in front. Nothing else ever changes.

use crate::{base::limits, store::spool::Content};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{io, ops::Range};

/// What is done to the header section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edits {
    /// Written before the first byte: whole fields with CRLF.
    pub prepend: String,
    /// Byte ranges of the message that are left out, in rising order, not overlapping.
    pub cuts: Vec<Range<usize>>,
}

/// A content with its edits, ready to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    content: Content,
    edits: Edits,
}

impl Outgoing {
    /// Joins them.
    pub fn new(content: Content, edits: Edits) -> Outgoing {
        Outgoing { content, edits }
    }

    /// How many bytes it has.
    pub fn size_bytes(&self) -> u64 {
        let length = |bytes: usize| u64::try_from(bytes).unwrap_or(0);
        let cut: u64 = self.edits.cuts.iter().map(|cut| length(cut.len())).sum();
        (self.content.size_bytes() + length(self.edits.prepend.len())).saturating_sub(cut)
    }

    /// Its bytes in order. Reading a large one blocks shortly for each piece; an error means the mail must not be ended.
    pub fn pieces(&self) -> impl Iterator<Item = io::Result<Bytes>> + Send + use<> {
        let mut cuts = self.edits.cuts.clone();
        let mut at = 0_usize;
        let prepend = Bytes::copy_from_slice(self.edits.prepend.as_bytes());
        let rest = self.content.chunks(PIECE_BYTES).flat_map(move |piece| match piece {
            Ok(piece) => keep(piece, &mut at, &mut cuts).into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        });
        std::iter::once(Ok(prepend))
            .filter(|piece| piece.as_ref().is_ok_and(|bytes| !bytes.is_empty()))
            .chain(rest)
    }
}

/// The runs of a piece that no cut covers. Cuts that end before it are forgotten.
fn keep(piece: Bytes, at: &mut usize, cuts: &mut Vec<Range<usize>>) -> Vec<Bytes> {
    let (start, end) = (*at, *at + piece.len());
    *at = end;
    if cuts.is_empty() {
        return vec![piece];
    }
    let mut kept = Vec::new();
    let mut from = start;
    for cut in cuts.iter().filter(|cut| cut.start < end && cut.end > start) {
        if from < cut.start {
            kept.push(piece.slice(from - start..cut.start - start));
        }
        from = cut.end.max(from);
    }
    if from < end {
        kept.push(piece.slice(from - start..));
    }
    cuts.retain(|cut| cut.end > end);
    kept
}

const PIECE_BYTES: usize = limits::SEALED_CHUNK_BYTES;

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // A list of cuts may have one.
mod tests {
    use super::*;

    fn sent(text: &str, edits: Edits) -> (String, u64) {
        let outgoing =
            Outgoing::new(Content::from_bytes(Bytes::copy_from_slice(text.as_bytes())), edits);
        let bytes: Vec<u8> = outgoing.pieces().flat_map(|piece| piece.unwrap().to_vec()).collect();
        (String::from_utf8(bytes).unwrap(), outgoing.size_bytes())
    }

    #[test]
    fn cuts_and_additions() {
        let text = "A: 1\r\nB: 2\r\nC: 3\r\n\r\nbody";
        for (prepend, cuts, want) in [
            ("", vec![], text.to_string()),
            ("X: y\r\n", vec![], format!("X: y\r\n{text}")),
            ("", vec![0..6], "B: 2\r\nC: 3\r\n\r\nbody".to_string()),
            ("X: y\r\n", vec![0..6, 12..18], "X: y\r\nB: 2\r\n\r\nbody".to_string()),
            ("", vec![0..6, 6..12, 12..18], "\r\nbody".to_string()),
        ] {
            let (got, size) = sent(text, Edits { prepend: prepend.to_string(), cuts });
            assert_eq!(got, want);
            assert_eq!(size, u64::try_from(want.len()).unwrap());
        }
    }

    #[test]
    fn a_cut_may_cross_pieces() {
        let text = format!("{}\r\n\r\nbody", "x".repeat(PIECE_BYTES));
        let (got, _) = sent(
            &text,
            Edits { prepend: String::new(), cuts: vec![PIECE_BYTES - 5..PIECE_BYTES + 2] },
        );
        assert_eq!(got, format!("{}\r\nbody", "x".repeat(PIECE_BYTES - 5)));
    }
}
