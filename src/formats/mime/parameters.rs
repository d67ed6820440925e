//! Every reading of one parameter of a structured field.
//!
//! RFC 2045 section 5.1 has one way to write a parameter; programs accept many more: quotes that do not close, values cut at a blank or
//! at the semicolon inside quotes, comments, RFC 2231 pieces in any order, percent signs and RFC 2047 words where none belong. Each of these
//! gives a value, and a sender may write a field so that each gives another one. All of them are listed here, the one of the RFC first;
//! what they mean is decided by whoever asks. Bytes in, bytes out: no charset is guessed, since a boundary is compared as bytes.

use crate::{base::limits, mail::header};

/// Every reading of the parameter `name` in the field body `raw`, each once, those of the standards first. Never an empty value.
pub(super) fn readings(raw: &[u8], name: &str) -> Vec<Vec<u8>> {
    let raw = raw.get(..raw.len().min(limits::MIME_FIELD_BYTES_MAX)).unwrap_or_default();
    if let Some(plain) = plain(raw, name.as_bytes()) {
        return plain.map(<[u8]>::to_vec).into_iter().collect();
    }
    // A NUL or a line end inside a value is dropped by all that do not end there.
    let flat: Vec<u8> =
        raw.iter().copied().filter(|byte| !matches!(byte, 0 | b'\r' | b'\n')).collect();
    let pieces = pieces(&flat, name.as_bytes());
    let mut found = Found::default();
    for joined in in_order(&pieces) {
        found.push(joined);
    }
    for piece in &pieces {
        if found.values.len() >= READINGS_MAX {
            break;
        }
        for value in values(piece.rest) {
            found.push_decoded(value, piece.extended);
        }
    }
    found.values
}

/// The one value that every program reads, or that there is none: most fields are written in order. None: look closer.
fn plain<'r>(raw: &'r [u8], name: &[u8]) -> Option<Option<&'r [u8]>> {
    let first = name.first()?;
    let is_odd = |byte: &u8| !byte.is_ascii() || b"\\%*?'(\0".contains(byte);
    let mut places =
        memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), raw).filter(
            |at| raw.get(*at..at + name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name)),
        );
    let Some(at) = places.next() else { return Some(None) };
    if places.next().is_some() || raw.iter().any(is_odd) {
        return None;
    }
    let before = at.checked_sub(1).and_then(|before| raw.get(before));
    if !before.is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b';') {
        return None;
    }
    let value = raw.get(at + name.len()..)?.strip_prefix(b"=")?;
    let is_token = |text: &[u8]| {
        !text.is_empty()
            && text.iter().all(|byte| byte.is_ascii_graphic() && !b",;\"".contains(byte))
    };
    let (value, after) = match value.strip_prefix(b"\"") {
        Some(inside) => {
            let end = memchr::memchr(b'"', inside)?;
            (inside.get(..end)?, inside.get(end + 1..)?)
        }
        None => {
            let end = memchr::memchr(b';', value).unwrap_or(value.len());
            (value.get(..end)?.trim_ascii_end(), value.get(end..)?)
        }
    };
    let ends = after.trim_ascii().is_empty() || after.starts_with(b";");
    (ends && is_token(value)).then_some(Some(value))
}

/// One place where the parameter's name stands with an equals sign.
struct Piece<'r> {
    /// Its number, RFC 2231 section 3.
    number: Option<u32>,
    /// It ends in an asterisk, RFC 2231 section 4.
    extended: bool,
    /// Everything after the equals sign.
    rest: &'r [u8],
}

fn pieces<'r>(flat: &'r [u8], name: &[u8]) -> Vec<Piece<'r>> {
    let Some(first) = name.first() else { return Vec::new() };
    let mut pieces = Vec::new();
    for at in memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), flat) {
        let before = at.checked_sub(1).and_then(|before| flat.get(before));
        let begins = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        let named =
            flat.get(at..at + name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
        if begins
            && named
            && let Some(piece) = flat.get(at + name.len()..).and_then(piece)
        {
            pieces.push(piece);
        }
        if pieces.len() >= PIECES_MAX {
            break;
        }
    }
    pieces
}

/// What follows the name: perhaps a number, perhaps an asterisk, an equals sign.
fn piece(after: &[u8]) -> Option<Piece<'_>> {
    let mut rest = after;
    let (mut number, mut extended) = (None, false);
    if let Some(starred) = rest.strip_prefix(b"*") {
        let digits = starred.iter().take_while(|byte| byte.is_ascii_digit()).count();
        number =
            starred.get(..digits).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        rest = starred.get(digits..)?;
        extended = digits == 0;
        if let Some(more) = rest.strip_prefix(b"*") {
            (rest, extended) = (more, true);
        }
    }
    rest = without_comment(rest.trim_ascii_start());
    let rest = rest.strip_prefix(b"=")?;
    Some(Piece { number, extended, rest: without_comment(rest.trim_ascii_start()) })
}

fn without_comment(text: &[u8]) -> &[u8] {
    match text.strip_prefix(b"(").and_then(|inside| {
        let end = memchr::memchr(b')', inside)?;
        inside.get(end + 1..)
    }) {
        Some(rest) => rest.trim_ascii_start(),
        None => text,
    }
}

/// The values that the numbered pieces give, joined by their numbers and as they stand; without a decoded and with one.
fn in_order(pieces: &[Piece<'_>]) -> Vec<Vec<u8>> {
    let mut numbered: Vec<&Piece<'_>> =
        pieces.iter().filter(|piece| piece.number.is_some()).collect();
    if numbered.is_empty() {
        return Vec::new();
    }
    let join = |order: &[&Piece<'_>], decoded: bool| {
        let mut joined = Vec::new();
        for (at, piece) in order.iter().enumerate() {
            let value = first(piece.rest);
            match decoded && piece.extended {
                true if at == 0 => joined.extend(percent(after_charset(&value))),
                true => joined.extend(percent(&value)),
                false => joined.extend(value),
            }
        }
        joined
    };
    let written = join(&numbered, true);
    numbered.sort_by_key(|piece| piece.number);
    let sorted = join(&numbered, true);
    let raw = join(&numbered, false);
    // Of pieces with one number, some take the first and some the last.
    let mut firsts = numbered.clone();
    firsts.dedup_by_key(|piece| piece.number);
    numbered.reverse();
    numbered.dedup_by_key(|piece| piece.number);
    numbered.reverse();
    let mut all = vec![sorted, join(&firsts, true), join(&numbered, true), written, raw];
    // All of them percent-decoded, though not each is marked so.
    let decoded: Vec<Vec<u8>> = all.iter().map(|value| percent(after_charset(value))).collect();
    all.extend(decoded);
    all
}

/// The RFC's value at the start of `rest`.
fn first(rest: &[u8]) -> Vec<u8> {
    match rest.strip_prefix(b"\"") {
        Some(inside) => quoted(inside).0,
        None => rest.iter().take_while(|byte| !b"; \t(,\"".contains(byte)).copied().collect(),
    }
}

/// What different readers take for the value at the start of `rest`, the RFC's first.
fn values(rest: &[u8]) -> Vec<Vec<u8>> {
    let until = |ends: &[u8]| {
        let end = rest.iter().position(|byte| ends.contains(byte)).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().to_vec()
    };
    let semicolon = until(b";");
    let without_quotes: Vec<u8> =
        semicolon.iter().copied().filter(|byte| !matches!(byte, b'"' | b'\\')).collect();
    let blank = until(b" \t;");
    let unquoted_blank: Vec<u8> = blank.iter().copied().filter(|byte| *byte != b'"').collect();
    let mut all = Vec::new();
    match rest.strip_prefix(b"\"") {
        Some(inside) => {
            let (resolved, after) = quoted(inside);
            let end = memchr::memchr(b'"', inside).unwrap_or(inside.len());
            let plain = inside.get(..end).unwrap_or_default().to_vec();
            let tail = after.iter().take_while(|byte| !b"; \t(".contains(byte));
            let mut longer = resolved.clone();
            longer.extend(tail.copied().filter(|byte| *byte != b'"'));
            all.extend([resolved, plain, longer, without_quotes, unquoted_blank]);
        }
        None => {
            let token = until(b"; \t(,\"");
            let single: Vec<u8> = semicolon
                .trim_ascii()
                .strip_prefix(b"'")
                .map(|inside| inside.strip_suffix(b"'").unwrap_or(inside).to_vec())
                .unwrap_or_default();
            all.extend([
                token,
                semicolon,
                blank,
                without_quotes,
                single,
                until(b" \t"),
                rest.to_vec(),
            ]);
        }
    }
    all
}

/// A quoted string behind its first quote, pairs resolved (RFC 5322 section 3.2.4), and what follows it.
fn quoted(inside: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut rest = inside;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => break,
            b'\\' => {
                if let Some((escaped, after)) = rest.split_first() {
                    value.push(*escaped);
                    rest = after;
                }
            }
            other => value.push(*other),
        }
    }
    (value, rest)
}

/// RFC 2231 section 4: the value behind charset and language.
pub(super) fn after_charset(value: &[u8]) -> &[u8] {
    let mut quotes = memchr::memchr_iter(b'\'', value);
    match (quotes.next(), quotes.next()) {
        (Some(_), Some(second)) => value.get(second + 1..).unwrap_or_default(),
        _ => value,
    }
}

/// Undoes percent signs; those that stand before no two hex digits stay.
pub(super) fn percent(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *byte == b'%');
        match hex.and_then(|hex| data_encoding::HEXUPPER_PERMISSIVE.decode(hex).ok()) {
            Some(letter) => {
                decoded.extend(letter);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    decoded
}

#[derive(Default)]
struct Found {
    values: Vec<Vec<u8>>,
}

impl Found {
    fn push(&mut self, value: Vec<u8>) {
        let trimmed = value.trim_ascii().to_vec();
        for value in [trimmed, value] {
            if !value.trim_ascii().is_empty()
                && self.values.len() < READINGS_MAX
                && !self.values.contains(&value)
            {
                self.values.push(value);
            }
        }
    }

    fn push_decoded(&mut self, value: Vec<u8>, extended: bool) {
        let plain = match extended {
            true => {
                self.push(percent(after_charset(&value)));
                value
            }
            false => value,
        };
        let words = match memchr::memmem::find(&plain, b"=?") {
            Some(_) => header::decode_words(&String::from_utf8_lossy(&plain)).into_bytes(),
            None => Vec::new(),
        };
        let unescaped = match plain.contains(&b'%') {
            true => percent(after_charset(&plain)),
            false => Vec::new(),
        };
        self.push(plain);
        self.push(words);
        self.push(unescaped);
    }
}

/// Places of one parameter that are read; a name is split into few.
const PIECES_MAX: usize = 64;
/// Different values that are kept of one parameter of one field.
const READINGS_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_comes_first_and_the_others_are_there() {
        for (raw, first, others) in [
            ("multipart/mixed; boundary=foo", "foo", &[][..]),
            ("multipart/mixed; BOUNDARY = \"foo bar\"; x=y", "foo bar", &["foo"]),
            ("multipart/mixed; boundary=\"f\\oo\"", "foo", &["f\\oo"]),
            ("multipart/mixed; boundary=\"foo", "foo", &[]),
            ("multipart/mixed; boundary=\"foo; x=y", "foo; x=y", &["foo"]),
            ("multipart/mixed; boundary=\"foo\"bar", "foo", &["foobar"]),
            ("multipart/mixed; boundary=foo\"bar\"", "foo", &["foobar"]),
            ("multipart/mixed; boundary='foo'", "'foo'", &["foo"]),
            ("multipart/mixed; boundary=(c)foo", "foo", &[]),
            ("multipart/mixed; boundary (c) =foo (d)", "foo", &["foo (d)"]),
            ("multipart/mixed boundary=foo", "foo", &[]),
            ("multipart/mixed; boundary=a; boundary=b", "a", &["b"]),
            ("multipart/mixed; boundary=foo bar", "foo", &["foo bar"]),
            ("multipart/mixed; boundary*0=fo; boundary*1=o", "foo", &[]),
            ("multipart/mixed; boundary*1=o; boundary*0=fo", "foo", &["ofo"]),
            ("multipart/mixed; boundary*0*=utf-8''f%6f; boundary*1=o", "foo", &[]),
            ("multipart/mixed; boundary*=utf-8''f%6Fo", "foo", &[]),
            ("multipart/mixed; boundary=f%6Fo", "f%6Fo", &["foo"]),
            ("multipart/mixed; boundary=\"=?utf-8?q?f=6Fo?=\"", "=?utf-8?q?f=6Fo?=", &["foo"]),
            ("multipart/mixed; boundary=\" foo \"", "foo", &[" foo "]),
            ("multipart/mixed; boundary=\"a;b\"", "a;b", &["a"]),
            ("multipart/mixed; boundary=\r\n \"foo\"", "foo", &[]),
        ] {
            let values: Vec<String> = readings(raw.as_bytes(), "boundary")
                .iter()
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect();
            assert_eq!(values.first().map(String::as_str), Some(first), "{raw}: {values:?}");
            for other in others {
                assert!(values.iter().any(|value| value == other), "{raw}: {other} in {values:?}");
            }
        }
        assert!(readings(b"multipart/mixed; boundary=\"\"", "boundary").is_empty());
        assert!(readings(b"multipart/mixed; xboundary=a", "boundary").is_empty());
    }
}
