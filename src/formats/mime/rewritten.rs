//! A message as it is to programs that see other bytes: that end lines elsewhere, that take the bytes for UTF-16, that decode a multipart.
//!
//! Each gives an entity to be read as a message of its own. A rewritten message is not rewritten in the same way again: the bytes that
//! called for it are gone.

use super::{section, transfer::Transfer, walk::Encoded};
use crate::{
    formats::opened::{Member, Role},
    mail::Header,
};

/// What ends a line to some programs and not to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// A carriage return without line feed.
    BareCr,
    /// A vertical tab, a form feed, NEL, LINE SEPARATOR, PARAGRAPH SEPARATOR.
    Other,
}

/// The kinds of odd line ends that stand where they might change which parts there are.
pub(super) fn odd_line_ends(message: &[u8]) -> Vec<LineEnd> {
    let mut found = Vec::new();
    let mut bare = memchr::memchr_iter(b'\r', message)
        .filter(|at| message.get(at + 1) != Some(&b'\n'))
        .peekable();
    if bare.peek().is_some() {
        let header_end = header_end(message);
        if bare.any(|at| matters(message, at + 1, header_end)) {
            found.push(LineEnd::BareCr);
        }
    }
    let tabs_and_feeds =
        memchr::memchr2_iter(0x0b, 0x0c, message).any(|at| matters(message, at + 1, 0));
    let letters = || {
        memchr::memchr_iter(0x85, message).any(|at| matters(message, at + 1, 0))
            || memchr::memmem::find_iter(message, b"\xe2\x80").any(|at| {
                matches!(message.get(at + 2), Some(0xa8 | 0xa9)) && matters(message, at + 3, 0)
            })
    };
    if tabs_and_feeds || (!message.is_ascii() && letters()) {
        found.push(LineEnd::Other);
    }
    found
}

/// Where the first empty line is.
fn header_end(message: &[u8]) -> usize {
    let head = message.get(..HEADER_LOOK_BYTES.min(message.len())).unwrap_or_default();
    let ends = [&b"\n\n"[..], b"\n\r\n"].map(|end| memchr::memmem::find(head, end));
    ends.into_iter().flatten().min().unwrap_or(0)
}

/// Does what follows look as if a line begins there, or is it in the header section?
fn matters(message: &[u8], next: usize, header_end: usize) -> bool {
    let rest = message.get(next..).unwrap_or_default();
    next <= header_end
        || matches!(rest, [b'-', b'-', ..] | [b'\r', ..])
        || rest.get(..NEAR_BYTES.min(rest.len())).is_some_and(section::is_content_field)
        || rest.strip_prefix(b"\n").is_some_and(section::is_content_field)
}

/// The message with those line ends as all programs have them.
pub(super) fn line_ends(message: &[u8], odd: &[LineEnd]) -> Vec<Member> {
    let rewritten = odd.iter().flat_map(|kind| match kind {
        LineEnd::BareCr => vec![bare_cr_ends(message), without_bare_cr(message)],
        LineEnd::Other => vec![others_end(message)],
    });
    rewritten
        .filter(|bytes| bytes != message)
        .map(|bytes| Member::new(None, bytes, Role::Entity))
        .collect()
}

fn bare_cr_ends(message: &[u8]) -> Vec<u8> {
    let mut bytes = message.to_vec();
    let mut rest = bytes.as_mut_slice();
    while let Some(at) = memchr::memchr(b'\r', rest) {
        let Some((_, from)) = rest.split_at_mut_checked(at) else { break };
        match from {
            [_, b'\n', after @ ..] => rest = after,
            [cr, after @ ..] => {
                *cr = b'\n';
                rest = after;
            }
            [] => break,
        }
    }
    bytes
}

fn without_bare_cr(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = memchr::memchr(b'\r', rest) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        bytes.extend_from_slice(plain);
        rest = from.get(1..).unwrap_or_default();
        if rest.first() == Some(&b'\n') {
            bytes.push(b'\r');
        }
    }
    bytes.extend_from_slice(rest);
    bytes
}

fn others_end(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len());
    let mut rest = message;
    while let Some((byte, after)) = rest.split_first() {
        let (byte, after) = match (byte, after) {
            (0x0b | 0x0c, after) => (b'\n', after),
            (0xc2, [0x85, after @ ..]) | (0xe2, [0x80, 0xa8 | 0xa9, after @ ..]) => (b'\n', after),
            // The second half of a letter in UTF-8 is no line end.
            (0x85, after) if bytes.last().is_none_or(u8::is_ascii) => (b'\n', after),
            (byte, after) => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// The message as UTF-16 or UTF-32, if it begins so.
pub(super) fn charsets(message: &[u8]) -> Vec<Member> {
    super::text::wide(message)
        .map(|text| Member::new(None, text.into_bytes(), Role::Entity))
        .into_iter()
        .collect()
}

/// A multipart that declares an encoding, with its body decoded.
pub(super) fn decoded(message: &[u8], multipart: Encoded) -> Vec<Member> {
    let Encoded { header_at, body, transfers } = multipart;
    let section = message.get(header_at..body.start).unwrap_or_default();
    let Ok(header) = Header::read(section) else { return Vec::new() };
    let body = message.get(body).unwrap_or_default();
    let mut start = Vec::new();
    for field in header.fields() {
        if !header.name(field).eq_ignore_ascii_case("Content-Transfer-Encoding") {
            start.extend_from_slice(section.get(field.span.clone()).unwrap_or_default());
        }
    }
    start.extend_from_slice(b"\r\n");
    transfers
        .into_iter()
        .filter(|transfer| !matches!(transfer, Transfer::Identity | Transfer::Unknown))
        .map(|transfer| transfer.decode(body).bytes.into_owned())
        .filter(|bytes| bytes != body && !bytes.is_empty())
        .map(|bytes| Member::new(None, [start.as_slice(), &bytes].concat(), Role::Entity))
        .collect()
}

/// What is looked at behind a line end to see whether a field begins there.
const NEAR_BYTES: usize = 64;
/// How far the end of the header section is looked for.
const HEADER_LOOK_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_that_matter() {
        for (message, want) in [
            (&b"Subject: a\r\n\r\nx\r\ny\r\n"[..], &[][..]),
            (b"Subject: a\n\nx\ry\n", &[]),
            (b"Subject: a\rContent-Type: b\n\nx\n", &[LineEnd::BareCr]),
            (b"Subject: a\n\nx\r--b\ny\n", &[LineEnd::BareCr]),
            (b"Subject: a\n\nx\r\r\n--b\ny\n", &[LineEnd::BareCr]),
            (b"Subject: a\n\nx\x0c--b\ny\n", &[LineEnd::Other]),
            (b"Subject: a\n\nx\xc2\x85Content-Type: b\ny\n", &[LineEnd::Other]),
            (b"Subject: a\n\nx\x0cpage two\n", &[]),
        ] {
            assert_eq!(odd_line_ends(message), want, "{}", String::from_utf8_lossy(message));
        }
        assert_eq!(bare_cr_ends(b"a\rb\r\nc\r\r\nd\r"), b"a\nb\r\nc\n\r\nd\n");
        assert_eq!(without_bare_cr(b"a\rb\r\nc\r\r\nd\r"), b"ab\r\nc\r\nd");
        assert_eq!(
            others_end(b"a\x0bb\xc2\x85c\x85\xc3\x85\xe2\x80\xa8d"),
            b"a\nb\nc\n\xc3\x85\nd"
        );
    }
}
