//! OpenPGP, RFC 9580: is a message encrypted, and the files of one that is only compressed or signed.
//!
//! Packets in old and new format, of partial and of indeterminate length. What is cut off is given as far as it goes.
//! Never recursive: compressed packets wait in a list, with a bound on how deep they nest.

use super::{base64, keep, number, readable};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit, Stopped, Unpacked},
        opened::{Member, Opened, Role},
    },
};
use bzip2::bufread::BzDecoder;
use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use std::borrow::Cow;

/// Is it an OpenPGP message that is encrypted, armored or not? RFC 9580 section 10.3: session keys, then encrypted data.
pub fn is_openpgp_encrypted(bytes: &[u8]) -> bool {
    match armored(bytes) {
        Some(armored) => has_encrypted_packets(&armored.bytes),
        None => has_encrypted_packets(bytes),
    }
}

/// An armored OpenPGP message inside a text: is it encrypted, and is there anything outside the armor?
pub fn inline_openpgp(text: &[u8]) -> Option<InlineArmor> {
    let armored = armored(text)?;
    let outside = [armored.before, armored.after].iter().any(|part| !part.trim_ascii().is_empty());
    Some(InlineArmor { encrypted: has_encrypted_packets(&armored.bytes), outside })
}

/// What [`inline_openpgp`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineArmor {
    /// Its packets are encrypted data.
    pub encrypted: bool,
    /// There is text before or after it, which is clear.
    pub outside: bool,
}

struct Armored<'t> {
    bytes: Vec<u8>,
    before: &'t [u8],
    after: &'t [u8],
}

/// RFC 9580 section 6.2. Only as much is decoded as the packet headers can need.
fn armored(text: &[u8]) -> Option<Armored<'_>> {
    let start = memchr::memmem::find(text, ARMOR_BEGIN)?;
    let inside = text.get(start + ARMOR_BEGIN.len()..)?;
    let end = memchr::memmem::find(inside, ARMOR_END).unwrap_or(inside.len());
    let body = inside.get(..end)?;
    // Armor headers end at an empty line; without one there are none.
    let data = [&b"\n\n"[..], b"\r\n\r\n"]
        .iter()
        .filter_map(|blank| Some(memchr::memmem::find(body, blank)? + blank.len()))
        .min()
        .unwrap_or(0);
    let data = body.get(data..)?;
    let bytes = base64(data.get(..data.len().min(ARMOR_BYTES_MAX))?);
    let after = inside.get(end + ARMOR_END.len()..).unwrap_or_default();
    Some(Armored { bytes, before: text.get(..start)?, after })
}

fn has_encrypted_packets(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for _ in 0..PACKETS_MAX {
        let Some(packet) = packet(rest) else { return false };
        match packet.tag {
            // Session keys, public-key and by password; markers and padding mean nothing.
            1 | 3 | 10 | 21 => (),
            // Encrypted data: old, with integrity, AEAD of the drafts.
            9 | 18 | 20 => return readable(&packet.body).is_none(),
            _ => return false,
        }
        rest = packet.after;
    }
    false
}

/// Does it begin as a message does that is not encrypted? For telling it from other binary files.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    let Some(packet) = packet(bytes) else { return false };
    let first = packet.body.first().copied().unwrap_or_default();
    match packet.tag {
        // Signatures, in front or announced: their version.
        2 => matches!(first, 2..=6),
        4 => matches!(first, 3 | 6),
        // Compressed data: the algorithm.
        8 => first <= 3,
        10 => packet.body.as_ref() == b"PGP",
        // Literal data: its format.
        11 => matches!(first, b'b' | b't' | b'u' | b'l' | b'm' | b'1'),
        _ => false,
    }
}

/// Does it begin with a packet of a kind there is?
pub(super) fn has_packets(bytes: &[u8]) -> bool {
    packet(bytes).is_some_and(|packet| matches!(packet.tag, 1..=14 | 17..=21))
}

/// Data whose packets are being read.
struct Layer {
    bytes: Vec<u8>,
    at: usize,
    /// Why its bytes end early.
    stopped: Option<Stopped>,
}

/// Gives the files of a message. False: there are none.
pub(super) fn open(bytes: &[u8], budget: &mut Budget, opened: &mut Opened) -> bool {
    let before = opened.members.len();
    let mut layers: Vec<Layer> = Vec::new();
    let mut at = 0;
    for count in 0.. {
        if count >= limits::OPENPGP_PACKETS_MAX {
            let limit = Limit::TooMany { parts_max: limits::OPENPGP_PACKETS_MAX };
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        if let Err(limit) = budget.check_time() {
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        let depth = layers.len();
        let (data, place, cut) = match layers.last_mut() {
            Some(layer) => (&layer.bytes[..], &mut layer.at, layer.stopped.clone()),
            None => (bytes, &mut at, None),
        };
        let rest = data.get(*place..).unwrap_or_default();
        let Some(packet) = packet(rest) else {
            let junk = (depth > 0 && !rest.trim_ascii().is_empty()).then(|| rest.to_vec());
            if let Some(junk) = junk {
                // What is no packet inside a compressed one is seen by nobody else.
                let member = Member { stopped: cut, ..Member::new(None, junk, Role::Inside) };
                opened.push(member);
            }
            if layers.pop().is_none() {
                break;
            }
            continue;
        };
        *place = data.len() - packet.after.len();
        let ends_early = packet.cut.then(|| Stopped::Damaged("the packet ends early".to_string()));
        let why = ends_early.or(cut);
        match packet.tag {
            LITERAL => {
                let member = literal(&packet.body, why);
                keep(member, budget, opened);
            }
            COMPRESSED if depth >= limits::OPENPGP_LAYERS_MAX => {
                opened.stopped = Some(Stopped::Limit(Limit::TooDeep {
                    depth: depth + 1,
                    depth_max: limits::OPENPGP_LAYERS_MAX,
                }));
            }
            COMPRESSED => {
                let Unpacked { bytes, stopped } = decompress(&packet.body, budget);
                let stopped = stopped.or(why);
                if stopped.is_some() {
                    opened.stopped = opened.stopped.take().or_else(|| stopped.clone());
                }
                layers.push(Layer { bytes, at: 0, stopped });
            }
            // A text in the clothes of ciphertext.
            9 | 18 | 20 => {
                if let Some(text) = readable(&packet.body) {
                    keep(Member::new(None, text.to_vec(), Role::Text), budget, opened);
                }
            }
            _ => (),
        }
    }
    opened.members.len() > before
}

/// RFC 9580 section 5.9: format, name, date, and the rest is the file.
fn literal(body: &[u8], stopped: Option<Stopped>) -> Member {
    let format = body.first().copied().unwrap_or_default();
    let length = body.get(1).copied().map(usize::from).unwrap_or_default();
    let name = body.get(2..2 + length).unwrap_or_default();
    // A body too short for its head is given whole, whatever it is.
    let file = body.get(2 + length + DATE_BYTES..).unwrap_or(body);
    let name = Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty());
    // GnuPG marks a MIME entity so.
    let role = if format == b'm' { Role::Entity } else { Role::File };
    Member { name, bytes: file.to_vec(), role, stopped }
}

/// RFC 9580 section 9.4.
fn decompress(body: &[u8], budget: &mut Budget) -> Unpacked {
    let Some((algorithm, packed)) = body.split_first() else { return Unpacked::default() };
    let used = |rest: &[u8]| packed.len().saturating_sub(rest.len());
    match algorithm {
        0 => budget.unpack(packed, |_| packed.len()),
        1 => budget.unpack(DeflateDecoder::new(packed), |decoder| used(decoder.get_ref())),
        2 => budget.unpack(ZlibDecoder::new(packed), |decoder| used(decoder.get_ref())),
        3 => budget.unpack(BzDecoder::new(packed), |decoder| used(decoder.get_ref())),
        other => Unpacked {
            bytes: Vec::new(),
            stopped: Some(Stopped::Unsupported(format!("OpenPGP compression {other}"))),
        },
    }
}

struct Packet<'b> {
    tag: u8,
    body: Cow<'b, [u8]>,
    after: &'b [u8],
    /// It says it were longer than the bytes are.
    cut: bool,
}

/// The packet at the start, RFC 9580 section 4.2.
fn packet(bytes: &[u8]) -> Option<Packet<'_>> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    if first & 0x40 == 0 {
        let tag = (first >> 2) & 15;
        let octets = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            // Until the end.
            _ => return Some(Packet { tag, body: Cow::Borrowed(rest), after: &[], cut: false }),
        };
        let length = number(rest.get(..octets)?);
        let (body, after, cut) = split(rest.get(octets..)?, length);
        return Some(Packet { tag, body: Cow::Borrowed(body), after, cut });
    }
    let tag = first & 63;
    let (length, partial, rest) = new_length(rest)?;
    let (body, mut after, mut cut) = split(rest, length);
    let mut body = Cow::Borrowed(body);
    let mut more = partial;
    while more && !cut {
        let Some((length, partial, rest)) = new_length(after) else {
            cut = true;
            break;
        };
        let (piece, behind, short) = split(rest, length);
        body.to_mut().extend_from_slice(piece);
        (after, cut, more) = (behind, short, partial);
    }
    Some(Packet { tag, body, after, cut })
}

/// RFC 9580 section 4.2.1: how long, whether another length follows, and what is after it.
fn new_length(bytes: &[u8]) -> Option<(usize, bool, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match *first {
        short @ 0..192 => Some((usize::from(short), false, rest)),
        high @ 192..224 => {
            let (low, rest) = rest.split_first()?;
            Some(((usize::from(high) - 192) * 256 + usize::from(*low) + 192, false, rest))
        }
        partial @ 224..255 => Some((1 << (partial & 31), true, rest)),
        255 => {
            let (length, rest) = rest.split_at_checked(4)?;
            Some((number(length), false, rest))
        }
    }
}

fn split(bytes: &[u8], length: usize) -> (&[u8], &[u8], bool) {
    match bytes.split_at_checked(length) {
        Some((body, after)) => (body, after, false),
        None => (bytes, &[], true),
    }
}

const COMPRESSED: u8 = 8;
const LITERAL: u8 = 11;
/// Seconds since 1970, after the name of a file.
const DATE_BYTES: usize = 4;
const ARMOR_BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE-----";
const ARMOR_END: &[u8] = b"-----END PGP MESSAGE-----";
/// Session keys for a hundred recipients stand before the data.
const PACKETS_MAX: usize = 200;
/// What is decoded of an armored message: enough for that many session keys.
const ARMOR_BYTES_MAX: usize = 256 << 10;
