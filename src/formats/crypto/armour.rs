//! Armour: binary data as base64 between lines of dashes, RFC 9580 section 6.2 and RFC 7468; and base64 without such lines.
//!
//! Read as loosely as a mail may be mangled: text before, between and after, quoted or indented lines, headers with or without the empty
//! line, no checksum, no end. Checksums are not compared.

use super::{base64, cms, openpgp};
use memchr::memmem;

/// One block: what its first line calls it, and all up to the next such line.
pub(super) struct Block<'t> {
    /// Between `BEGIN ` and the dashes.
    pub(super) label: &'t [u8],
    /// Headers and data.
    pub(super) body: &'t [u8],
}

/// All blocks of a text.
pub(super) fn blocks(text: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = memmem::find(rest, BEGIN)? + BEGIN.len();
            rest = rest.get(start..)?;
            let line = rest.get(..rest.len().min(LABEL_BYTES_MAX))?;
            let Some(length) = memmem::find(line, DASHES) else { continue };
            let label = rest.get(..length)?;
            let begun = rest.get(length + DASHES.len()..)?;
            if label.contains(&b'\n') {
                continue;
            }
            // Text that is signed may have dashes in it, which are escaped only at the start of a line.
            let end = match label == CLEAR_SIGNED {
                true => memmem::find(begun, SIGNATURE),
                false => memmem::find(begun, DASHES),
            };
            let body = begun.get(..end.unwrap_or(begun.len()))?;
            // What is inside a clear-signed text is looked for as well: people sign what they forward.
            rest = if label == CLEAR_SIGNED { begun } else { begun.get(body.len()..)? };
            return Some(Block { label, body });
        }
    })
}

impl Block<'_> {
    /// The data after the headers.
    pub(super) fn data(&self) -> Vec<u8> {
        self.candidates().next().unwrap_or_default()
    }

    /// The data in each way of telling headers from it, the likeliest first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = Vec<u8>> {
        let blank = after_headers(self.body);
        let lines = after_header_lines(self.body);
        let has_headers = self
            .body
            .split(|byte| *byte == b'\n')
            .find(|line| !is_blank(line))
            .is_some_and(|line| line.contains(&b':'));
        let (first, second) = if has_headers { (blank, lines) } else { (lines, blank) };
        let second = Some(second).filter(|second| second.len() != first.len());
        std::iter::once(first).chain(second).map(decoded)
    }
}

/// What follows the first empty line; everything without one.
pub(super) fn after_headers(body: &[u8]) -> &[u8] {
    let mut at = 0;
    for (count, line) in body.split_inclusive(|byte| *byte == b'\n').enumerate() {
        at += line.len();
        // The rest of the line of dashes is no line of its own.
        if count > 0 && is_blank(line) {
            return body.get(at..).unwrap_or_default();
        }
    }
    body
}

/// What follows the lines that look like headers, with or without an empty line.
fn after_header_lines(body: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if !is_blank(line) && !line.contains(&b':') {
            break;
        }
        at += line.len();
    }
    body.get(at..).unwrap_or_default()
}

/// Quoting marks do not make a line full.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'|'))
}

fn decoded(data: &[u8]) -> Vec<u8> {
    // The checksum is a line of its own that begins with an equals sign, RFC 9580 section 6.1.
    let mut end = 0;
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii_start().starts_with(b"=") && line.trim_ascii().len() == CHECKSUM_BYTES {
            break;
        }
        end += line.len();
    }
    base64(data.get(..end).unwrap_or(data))
}

/// A text that is nothing but base64 of a CMS object or of an OpenPGP message.
pub(super) fn bare(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let looked_at = text.get(..text.len().min(BARE_LOOK_BYTES))?;
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if !looked_at.iter().all(|byte| is_letter(byte) || byte.is_ascii_whitespace()) {
        return None;
    }
    let first = base64(looked_at);
    (cms::is_cms(&first) || openpgp::is_message(&first)).then(|| base64(text))
}

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
/// A signed text ends where its signature begins.
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE";
/// The label of a clear-signed text.
pub(super) const CLEAR_SIGNED: &[u8] = b"PGP SIGNED MESSAGE";
/// The label of a file that was armoured and no more (`gpg --enarmor`).
pub(super) const ANY_FILE: &[u8] = b"PGP ARMORED FILE";
/// Longest label; the known ones are half as long.
const LABEL_BYTES_MAX: usize = 80;
/// `=` and three octets in base64.
const CHECKSUM_BYTES: usize = 5;
/// How much of a text has to be base64 and nothing else before it is decoded: a line and a half.
const BARE_LOOK_BYTES: usize = 120;
