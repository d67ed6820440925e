//! CMS, RFC 5652: the content of what is signed or compressed (RFC 3274), in DER and in BER as streaming programs write it.
//!
//! Lengths that reach too far are cut to what is there. Where the structure cannot be followed, the content is looked for by what always
//! stands before it. Never recursive: strings inside strings are put together with a list of what is open.

use super::{keep, number, readable};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit, Stopped, Unpacked},
        opened::{Member, Opened, Role},
    },
};
use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use memchr::memmem;

/// What a CMS object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cms {
    /// signed-data: clear inside, see [`signed_content`].
    Signed,
    /// enveloped-data or authEnveloped-data (RFC 5083): encrypted.
    Enveloped,
    /// The same, with a text that anybody can read where the ciphertext should be.
    Feigned,
    /// Anything else: bare certificates, compressed data.
    Other,
}

/// Which kind of CMS object the bytes are; None if they are none. RFC 5652 section 3: a sequence that begins with an identifier.
pub fn cms(bytes: &[u8]) -> Option<Cms> {
    match identifier(bytes)? {
        SIGNED => Some(Cms::Signed),
        ENVELOPED | AUTH_ENVELOPED => match readable(bytes) {
            Some(_) => Some(Cms::Feigned),
            None => Some(Cms::Enveloped),
        },
        other if other.starts_with(PKCS) => Some(Cms::Other),
        _ => None,
    }
}

/// Is it a CMS object of any kind?
pub fn is_cms(bytes: &[u8]) -> bool {
    bytes.first() == Some(&SEQUENCE) && cms(bytes).is_some()
}

/// The content that signed-data carries, RFC 5652 section 5: often a whole MIME part. None if it is detached or broken.
pub fn signed_content(bytes: &[u8]) -> Option<Vec<u8>> {
    if identifier(bytes)? != SIGNED {
        return None;
    }
    content(bytes).map(|content| content.bytes)
}

/// Gives the innermost content as an entity, and what stands behind an object that was itself inside.
pub(super) fn open(bytes: &[u8], budget: &mut Budget, opened: &mut Opened) {
    if let Some(text) = readable(bytes).filter(|_| cms(bytes) == Some(Cms::Feigned)) {
        keep(Member::new(None, text.to_vec(), Role::Text), budget, opened);
    }
    let mut layer: Option<Unpacked> = None;
    for _ in 0..limits::CMS_LAYERS_MAX {
        if let Err(limit) = budget.check_time() {
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        let outer = layer.as_ref().map_or(bytes, |layer| &layer.bytes);
        // The outermost needs no content of its own: what is encrypted and what is detached is reported elsewhere.
        let Some(mut inner) = identifier(outer)
            .filter(|identifier| !matches!(*identifier, ENVELOPED | AUTH_ENVELOPED))
            .and_then(|_| content(outer).filter(|_| cms(outer).is_some()))
        else {
            break;
        };
        if identifier(outer) == Some(COMPRESSED) {
            inner = inflate(&inner.bytes, inner.stopped, budget);
        } else if let Err(limit) = budget.take_bytes(inner.bytes.len()) {
            let left = usize::try_from(budget.part_bytes_left()).unwrap_or(usize::MAX);
            inner.bytes.truncate(left);
            // It fits now by its making; a second refusal would change nothing.
            let _ = budget.take_bytes(inner.bytes.len());
            inner.stopped = Some(Stopped::Limit(limit));
        }
        if layer.is_some() {
            behind(outer, budget, opened);
        }
        // An outer cut does not heal inside.
        let cut = layer.and_then(|layer| layer.stopped);
        inner.stopped = inner.stopped.or(cut);
        layer = Some(inner);
    }
    if let Some(Unpacked { bytes, stopped }) = layer {
        opened.push(Member { name: None, bytes, role: Role::Entity, stopped });
    }
}

/// What follows an object inside another is seen by nobody else.
fn behind(object: &[u8], budget: &mut Budget, opened: &mut Opened) {
    let end = end_of(object, 0).unwrap_or(object.len());
    let rest = object.get(end..).unwrap_or_default();
    if !rest.trim_ascii().is_empty() {
        keep(Member::new(None, rest.to_vec(), Role::Inside), budget, opened);
    }
}

/// RFC 3274 section 2: zlib; without its header where that is missing.
fn inflate(packed: &[u8], stopped: Option<Stopped>, budget: &mut Budget) -> Unpacked {
    let left = |rest: &[u8]| packed.len().saturating_sub(rest.len());
    let mut unpacked = budget.unpack(ZlibDecoder::new(packed), |decoder| left(decoder.get_ref()));
    if unpacked.bytes.is_empty() && unpacked.stopped.is_some() {
        let bare = budget.unpack(DeflateDecoder::new(packed), |decoder| left(decoder.get_ref()));
        if !bare.bytes.is_empty() {
            unpacked = bare;
        }
    }
    unpacked.stopped = unpacked.stopped.or(stopped);
    unpacked
}

/// The identifier of a content-info.
fn identifier(bytes: &[u8]) -> Option<&[u8]> {
    let outer = element(bytes, 0).filter(|outer| outer.tag == SEQUENCE)?;
    let inner = element(bytes, outer.start).filter(|inner| inner.tag == IDENTIFIER)?;
    bytes.get(inner.start..inner.end?)
}

fn content(bytes: &[u8]) -> Option<Unpacked> {
    let at = by_structure(bytes).or_else(|| by_neighbour(bytes))?;
    let found = element(bytes, at)?;
    if found.tag & !CONSTRUCTED == OCTETS {
        return Some(string(bytes, at));
    }
    // PKCS #7 1.5 section 7: the content may be any element.
    let content = bytes.get(at..end_of(bytes, at).unwrap_or(bytes.len()))?;
    (found.tag != END).then(|| Unpacked { bytes: content.to_vec(), stopped: None })
}

/// Follows the structure: signed, digested and compressed data all have a version, one algorithm or a set, and the content.
fn by_structure(bytes: &[u8]) -> Option<usize> {
    let outer = element(bytes, 0)?;
    let identifier = element(bytes, outer.start)?;
    let explicit = element(bytes, identifier.end?).filter(|found| found.tag == EXPLICIT)?;
    if bytes.get(identifier.start..identifier.end?)? == DATA {
        return Some(explicit.start);
    }
    let body = element(bytes, explicit.start).filter(|found| found.tag == SEQUENCE)?;
    let version = element(bytes, body.start).filter(|found| found.tag == INTEGER)?;
    let algorithms = version.end?;
    let encapsulated =
        element(bytes, end_of(bytes, algorithms)?).filter(|found| found.tag == SEQUENCE)?;
    let content_type =
        element(bytes, encapsulated.start).filter(|found| found.tag == IDENTIFIER)?;
    let after = content_type.end?;
    // Detached: nothing more in it, however long what follows it is.
    if encapsulated.end.is_some_and(|end| after >= end) {
        return None;
    }
    let explicit = element(bytes, after).filter(|found| found.tag == EXPLICIT)?;
    (explicit.end != Some(explicit.start)).then_some(explicit.start)
}

/// The identifier of plain data and after it the content: nothing else in a CMS object looks like that. What is encrypted has an algorithm
/// between the two.
fn by_neighbour(bytes: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes, DATA_ELEMENT).find_map(|at| {
        let after = at + DATA_ELEMENT.len();
        let explicit = element(bytes, after).filter(|found| found.tag == EXPLICIT)?;
        let string = element(bytes, explicit.start)?;
        (string.tag & !CONSTRUCTED == OCTETS).then_some(explicit.start)
    })
}

/// An octet string, put together from its pieces and from the pieces of those.
fn string(bytes: &[u8], at: usize) -> Unpacked {
    let mut whole = Unpacked::default();
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut at = at;
    loop {
        while open.last().is_some_and(|end| end.is_some_and(|end| at >= end)) {
            open.pop();
            if open.is_empty() {
                return whole;
            }
        }
        let Some(piece) = element(bytes, at) else {
            whole.stopped = Some(Stopped::Damaged("the content ends early".to_string()));
            return whole;
        };
        match (piece.tag, piece.end) {
            (OCTETS, Some(end)) => {
                whole.bytes.extend_from_slice(bytes.get(piece.start..end).unwrap_or_default());
                if piece.cut {
                    whole.stopped = Some(Stopped::Damaged("the content ends early".to_string()));
                }
                at = end;
            }
            (tag, _) if tag == OCTETS | CONSTRUCTED => {
                if open.len() >= limits::BER_DEPTH_MAX {
                    whole.stopped = Some(Stopped::Limit(Limit::TooDeep {
                        depth: open.len(),
                        depth_max: limits::BER_DEPTH_MAX,
                    }));
                    return whole;
                }
                open.push(piece.end);
                at = piece.start;
                continue;
            }
            (END, Some(end)) => {
                open.pop();
                at = end;
            }
            _ => {
                whole.stopped = Some(Stopped::Damaged("a piece is no string".to_string()));
                return whole;
            }
        }
        if open.is_empty() {
            return whole;
        }
    }
}

struct Element {
    tag: u8,
    /// Where its content begins.
    start: usize,
    /// Where it ends, at most where the bytes end. None: of indefinite length.
    end: Option<usize>,
    /// It says it were longer than the bytes are.
    cut: bool,
}

/// The head of the BER element that begins here, X.690 section 8.1.
fn element(bytes: &[u8], at: usize) -> Option<Element> {
    let tag = *bytes.get(at)?;
    let length = *bytes.get(at + 1)?;
    let start = at + 2;
    if length == 0x80 {
        return Some(Element { tag, start, end: None, cut: false });
    }
    let octets = if length < 0x80 { 0 } else { usize::from(length & 0x7f) };
    // More octets than a length needs may be zeros in front of it.
    let size = bytes.get(start..start.checked_add(octets)?)?;
    let zeros = size.iter().take_while(|octet| **octet == 0).count();
    let size = size.get(zeros..).filter(|size| size.len() < size_of::<usize>())?;
    let size = if length < 0x80 { usize::from(length) } else { number(size) };
    let start = start + octets;
    let end = start.saturating_add(size);
    Some(Element { tag, start, end: Some(end.min(bytes.len())), cut: end > bytes.len() })
}

/// Where the element that begins here ends, found by its ends inside where its length is indefinite.
fn end_of(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    let mut open = 0_usize;
    loop {
        let found = element(bytes, at)?;
        match found.end {
            Some(end) if found.tag == END && open > 0 => {
                open -= 1;
                at = end;
            }
            Some(end) => at = end,
            None => {
                open += 1;
                at = found.start;
            }
        }
        if open == 0 {
            return Some(at);
        }
    }
}

const END: u8 = 0x00;
const INTEGER: u8 = 0x02;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const IDENTIFIER: u8 = 0x06;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const CONSTRUCTED: u8 = 0x20;
/// `[0] EXPLICIT`.
const EXPLICIT: u8 = 0xa0;
/// 1.2.840.113549.1
const PKCS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01";
/// 1.2.840.113549.1.7.1
pub(super) const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
/// The same with its tag and length.
const DATA_ELEMENT: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
/// 1.2.840.113549.1.7.2
pub(super) const SIGNED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
/// 1.2.840.113549.1.7.3
pub(super) const ENVELOPED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
/// 1.2.840.113549.1.9.16.1.9
pub(super) const COMPRESSED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09";
/// 1.2.840.113549.1.9.16.1.23
pub(super) const AUTH_ENVELOPED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
