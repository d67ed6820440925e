//! quoted-printable, RFC 2045 section 6.7, in the ways that programs read what is not in order.

use super::Decoded;
use std::borrow::Cow;

/// The reading that most programs have: what is no escape stays as it is.
pub(in crate::formats::mime) fn decode(body: &[u8]) -> Cow<'_, [u8]> {
    run(body, false).0
}

/// Every reading, the usual one first, each once.
pub(in crate::formats::mime) fn readings(body: &[u8]) -> Vec<Decoded<'_>> {
    let (bytes, odd) = run(body, false);
    let mut all = vec![Decoded { bytes, unclean: false }];
    if odd {
        let (bytes, _) = run(body, true);
        if all.iter().all(|known| known.bytes != bytes) {
            all.push(Decoded { bytes, unclean: true });
        }
    }
    // RFC 2045 section 6.7 rule 3: blanks at the end of a line are to be deleted. Most programs keep them; in text that is no difference,
    // in a program or an archive every byte behind them stands elsewhere.
    if all.iter().any(|read| !is_text(&read.bytes))
        && let Some(deleted) = without_blanks_at_line_ends(body)
    {
        for sloppy in [false, true].into_iter().take(if odd { 2 } else { 1 }) {
            let bytes = run(&deleted, sloppy).0.into_owned();
            if all.iter().all(|known| known.bytes != bytes) {
                all.push(Decoded { bytes: Cow::Owned(bytes), unclean: true });
            }
        }
    }
    all
}

fn is_text(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

/// None: there are no such blanks.
fn without_blanks_at_line_ends(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let end = line.get(text.len()..).unwrap_or_default();
        let blanks = text.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        out.extend_from_slice(text.get(..text.len() - blanks).unwrap_or_default());
        out.extend_from_slice(end);
    }
    (out.len() < body.len()).then_some(out)
}

/// Decodes; `sloppy`: an equals sign that escapes nothing is dropped, and blanks may stand before its digits. Also whether there was one.
fn run(body: &[u8], sloppy: bool) -> (Cow<'_, [u8]>, bool) {
    let mut bytes = Vec::new();
    let mut odd = false;
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'=', rest) {
        if bytes.capacity() == 0 {
            bytes.reserve_exact(body.len());
        }
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        bytes.extend_from_slice(plain);
        let after = from.get(1..).unwrap_or_default();
        if let Some((byte, next)) = escape(after) {
            bytes.push(byte);
            rest = next;
            continue;
        }
        if let Some(line) = soft_break(after) {
            rest = line;
            continue;
        }
        odd = true;
        match sloppy.then(|| torn_escape(after)).flatten() {
            Some((byte, next)) => {
                bytes.push(byte);
                rest = next;
            }
            None if sloppy => rest = after,
            None => {
                bytes.push(b'=');
                rest = after;
            }
        }
    }
    if bytes.capacity() == 0 {
        return (Cow::Borrowed(body), odd);
    }
    bytes.extend_from_slice(rest);
    (Cow::Owned(bytes), odd)
}

/// The byte that two hex digits stand for, and what follows them.
pub(in crate::formats::mime) fn escape(after: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = after.split_first_chunk::<2>()?;
    Some(((hex(*high)? << 4) | hex(*low)?, rest))
}

/// The same with blanks or line ends before and between the digits.
fn torn_escape(after: &[u8]) -> Option<(u8, &[u8])> {
    let (high, rest) = after.trim_ascii_start().split_first()?;
    let (low, rest) = rest.trim_ascii_start().split_first()?;
    Some(((hex(*high)? << 4) | hex(*low)?, rest))
}

/// The value of a hex digit in either case.
pub(in crate::formats::mime) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// What follows a soft line break, if one stands here; blanks before the line end belong to it (RFC 2045 section 6.7 rule 3).
fn soft_break(after: &[u8]) -> Option<&[u8]> {
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = after.get(blanks..)?;
    match rest {
        [] if blanks == 0 => Some(rest),
        [b'\r', b'\r', b'\n', line @ ..]
        | [b'\r', b'\n', line @ ..]
        | [b'\n', line @ ..]
        | [b'\r', line @ ..] => Some(line),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_reading() {
        for (body, want) in [
            ("r=C3=A4k", "räk"),
            ("r=c3=a4k", "räk"),
            ("a=\r\nb=\nc= \t\r\nd", "abcd"),
            ("a=\rb=\r\r\nc", "abc"),
            ("1=2 =ZZ =", "1=2 =ZZ "),
            ("a=", "a"),
            ("a=20=\nb", "a b"),
            ("==41", "=A"),
            ("= 41", "= 41"),
            ("plain_text", "plain_text"),
        ] {
            assert_eq!(String::from_utf8_lossy(&decode(body.as_bytes())), want, "{body:?}");
        }
        assert!(
            matches!(decode(b"nothing to do"), Cow::Borrowed(_)),
            "no copy where none is needed"
        );
    }

    #[test]
    fn the_sloppy_reading() {
        for (body, wants) in [
            ("==41", &["=A", "A"][..]),
            ("a= 62c", &["a= 62c", "abc"]),
            ("a=b=\nc=ZZ", &["a=bc=ZZ", "abcZZ"]),
            ("fine=41=\n", &["fineA"]),
            // Blanks at the end of a line go where it matters: not in text.
            ("a \nb=41 \r\n", &["a \nbA \r\n"]),
            ("=00a \nb\t\r\n", &["\0a \nb\t\r\n", "\0a\nb\r\n"]),
            ("=00=Z \nb", &["\0=Z \nb", "\0Z \nb", "\0=Z\nb", "\0Z\nb"]),
        ] {
            let all: Vec<String> = readings(body.as_bytes())
                .iter()
                .map(|read| String::from_utf8_lossy(&read.bytes).into_owned())
                .collect();
            assert_eq!(all, wants, "{body:?}");
        }
    }
}
