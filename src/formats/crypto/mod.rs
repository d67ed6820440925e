//! Recognises end-to-end encryption and signatures, and opens what is only wrapped: S/MIME by the object identifier of its CMS
//! (RFC 5652), OpenPGP by its packets (RFC 9580).
//!
//! Nothing is decrypted and no signature is verified. A wrapper around clear text is not encryption: the packets decide, not the labels.

mod armour;
mod cms;
mod openpgp;
#[cfg(test)]
mod tests;

pub use cms::{Cms, cms, is_cms, signed_content};
pub use openpgp::{InlineArmor, inline_openpgp, is_openpgp_encrypted};

use super::{
    budget::{Budget, Limit, Stopped},
    mime,
    opened::{Member, Opened, Role},
};
use crate::base::limits;
use armour::Block;

/// Could [`open`] find something in these bytes? A guess from the first bytes, or from the marks of armour anywhere in a text.
pub fn of(bytes: &[u8]) -> bool {
    is_cms(bytes)
        || openpgp::is_message(bytes)
        || armour::blocks(bytes).any(|block| !block.label.starts_with(b"CERTIFICATE"))
        || armour::bare(bytes).is_some()
}

/// What stands in the clear inside: the content of signed and compressed data of S/MIME as entities, the files of OpenPGP messages under
/// their names, clear-signed text as text.
///
/// Binary, armoured anywhere in a text, or in base64 without armour. Nothing comes out of what is encrypted, of keys, of certificates and
/// of detached signatures.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    if open_binary(bytes, budget, &mut opened) && cms(bytes).is_some() {
        return opened;
    }
    let mut parts = Vec::new();
    let mut any = false;
    for (count, block) in armour::blocks(bytes).enumerate() {
        any = true;
        if count >= limits::ARMOUR_BLOCKS_MAX {
            let limit = Limit::TooMany { parts_max: limits::ARMOUR_BLOCKS_MAX };
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        let room = budget.take_bytes(1);
        if let Err(limit) = budget.check_time().and(room) {
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        open_block(&block, &mut parts, budget, &mut opened);
    }
    if !parts.is_empty() {
        open_binary(&parts, budget, &mut opened);
    }
    if let Some(decoded) = Some(()).filter(|()| !any).and_then(|()| armour::bare(bytes)) {
        open_binary(&decoded, budget, &mut opened);
    }
    opened
}

/// The longest text that stands where ciphertext should: it has none of so many letters. Whoever calls a text encrypted wants nobody to look.
pub(super) fn readable(bytes: &[u8]) -> Option<&[u8]> {
    // Letters of ASCII, and what UTF-8 writes those of the north with.
    let is_text =
        |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0x80..=0xbf | 0xc2 | 0xc3);
    let runs = bytes.split(|byte| !is_text(byte));
    runs.filter(|run| run.len() >= READABLE_MIN).max_by_key(|run| run.len())
}

/// By chance less than one in 10²⁴; names in certificates are shorter.
const READABLE_MIN: usize = 128;

/// False: nothing came out, and it is no CMS object.
fn open_binary(bytes: &[u8], budget: &mut Budget, opened: &mut Opened) -> bool {
    if cms::cms(bytes).is_some() {
        cms::open(bytes, budget, opened);
        return true;
    }
    openpgp::has_packets(bytes) && openpgp::open(bytes, budget, opened)
}

fn open_block(block: &Block<'_>, parts: &mut Vec<u8>, budget: &mut Budget, opened: &mut Opened) {
    if block.label == armour::CLEAR_SIGNED {
        clear_signed(block.body, budget, opened);
        return;
    }
    // PGP 2 cuts a long message into several mails; somebody may have put them into one again.
    if memchr::memmem::find(block.label, b", PART").is_some() {
        parts.extend_from_slice(&block.data());
        return;
    }
    let mut candidates = block.candidates().peekable();
    while let Some(data) = candidates.next() {
        if block.label == armour::ANY_FILE {
            keep(Member::new(None, data, Role::File), budget, opened);
            return;
        }
        // The label is not asked: GnuPG reads a message under the label of a signature as well.
        if open_binary(&data, budget, opened) || candidates.peek().is_none() {
            return;
        }
    }
}

/// RFC 9580 section 7: the text with its dashes taken back, and as it stands where that differs.
fn clear_signed(body: &[u8], budget: &mut Budget, opened: &mut Opened) {
    let signed = armour::after_headers(body);
    let mut text = Vec::with_capacity(signed.len());
    for line in signed.split_inclusive(|byte| *byte == b'\n') {
        text.extend_from_slice(line.strip_prefix(b"- ").unwrap_or(line));
    }
    let differs = text != signed;
    let text = match String::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned()
        }
    };
    let differs = differs || text.as_bytes() != signed;
    keep(Member::new(None, text.into_bytes(), Role::Text), budget, opened);
    if differs {
        keep(Member::new(None, signed.to_vec(), Role::Inside), budget, opened);
    }
}

/// Keeps a member whose bytes nobody has counted yet.
fn keep(member: Member, budget: &mut Budget, opened: &mut Opened) {
    match budget.take_bytes(member.bytes.len()) {
        Ok(()) => {
            opened.push(member);
        }
        Err(limit) => {
            // What fits is still given.
            let left = usize::try_from(budget.part_bytes_left()).unwrap_or(usize::MAX);
            let mut member = Member { stopped: Some(Stopped::Limit(limit)), ..member };
            member.bytes.truncate(left);
            // It fits now by its making; a second refusal would change nothing.
            let _ = budget.take_bytes(member.bytes.len());
            opened.push(member);
        }
    }
}

fn number(octets: &[u8]) -> usize {
    octets.iter().fold(0, |value, octet| (value << 8) | usize::from(*octet))
}

fn base64(text: &[u8]) -> Vec<u8> {
    mime::Transfer::Base64.decode(text).bytes.into_owned()
}
