//! quoted-printable, RFC 2045 section 6.7, in the two ways that programs read what is not in order.

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
    all
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
        ] {
            let all: Vec<String> = readings(body.as_bytes())
                .iter()
                .map(|read| String::from_utf8_lossy(&read.bytes).into_owned())
                .collect();
            assert_eq!(all, wants, "{body:?}");
        }
    }
}
