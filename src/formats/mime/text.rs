//! Bytes to letters, by the charset a part declares or, failing that, by what the bytes look like.

use super::rare_charsets;
use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes text. An unknown or missing charset is read as UTF-8 if it is that, else as Windows-1252, as mail programs do.
pub fn decode(bytes: &[u8], charset: &str) -> String {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let text = bytes.get(mark..).unwrap_or_default();
        return encoding.decode_without_bom_handling(text).0.into_owned();
    }
    let charset = charset.trim();
    // Many mails say us-ascii and mean UTF-8 or Latin-1; for real ASCII all three are the same.
    let vague = charset.is_empty()
        || ["us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit", "unknown"]
            .iter()
            .any(|name| charset.eq_ignore_ascii_case(name));
    if vague {
        return match std::str::from_utf8(bytes) {
            Ok(text) => text.to_string(),
            Err(_) if charset.to_ascii_lowercase().starts_with("utf") => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        };
    }
    if let Some(text) = rare_charsets::decode(bytes, charset) {
        return text;
    }
    match charset_decoder(charset.as_bytes()) {
        Some(decoder) => decoder(bytes),
        None => decode(bytes, ""),
    }
}

/// The text in every way that programs read it, the usual one first, each once: by the charset of the field, by that of the page, by what
/// the bytes look like. More than one only where they differ.
pub fn readings(bytes: &[u8], charsets: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut push = |text: String| {
        if !all.contains(&text) {
            all.push(text);
        }
    };
    let first = charsets.first().copied().unwrap_or_default();
    push(decode(bytes, clean(first)));
    for charset in charsets.iter().skip(1).take(CHARSETS_MAX).filter(|charset| !charset.is_empty())
    {
        push(decode(bytes, clean(charset)));
    }
    if let Some(text) = wide(bytes).or_else(|| rare_charsets::ebcdic_by_beginning(bytes)) {
        push(text);
    }
    all
}

/// What old programs read where others see nothing: letters in more bytes than they need (which UTF-8 forbids, RFC 3629 section 3), and
/// letters with the eighth bit set in a text of seven.
pub fn old_readings(bytes: &[u8]) -> Vec<String> {
    let mut readings = Vec::new();
    if let Some(text) = without_overlong(bytes) {
        readings.push(text);
    }
    let head = bytes.get(..bytes.len().min(WIDE_LOOK_BYTES)).unwrap_or_default();
    let high = head.iter().filter(|byte| **byte >= 0x80).count();
    if head.len() >= WIDE_BYTES_MIN && high * 10 >= head.len() * 8 {
        let low: Vec<u8> = bytes.iter().map(|byte| byte & 0x7f).collect();
        let printable =
            low.iter().filter(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
        if printable.count() * 20 >= low.len() * 19 {
            readings.push(String::from_utf8_lossy(&low).into_owned());
        }
    }
    readings
}

/// The text with ASCII letters that are written in two, three or four bytes made plain; none if there are none.
fn without_overlong(bytes: &[u8]) -> Option<String> {
    let is_next = |byte: &u8| (0x80..=0xbf).contains(byte);
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut undone = 0_usize;
    while let Some((first, after)) = rest.split_first() {
        let (letter, behind) = match rest {
            [lead @ 0xc0..=0xc1, low, behind @ ..] if is_next(low) => {
                (Some(((lead & 1) << 6) | (low & 0x3f)), behind)
            }
            [0xe0, mid @ 0x80..=0x81, low, behind @ ..] if is_next(low) => {
                (Some(((mid & 1) << 6) | (low & 0x3f)), behind)
            }
            [0xf0, 0x80, mid @ 0x80..=0x81, low, behind @ ..] if is_next(low) => {
                (Some(((mid & 1) << 6) | (low & 0x3f)), behind)
            }
            _ => (None, after),
        };
        undone += usize::from(letter.is_some());
        out.push(letter.unwrap_or(*first));
        rest = behind;
    }
    (undone >= OVERLONG_MIN).then(|| String::from_utf8_lossy(&out).into_owned())
}

/// In other charsets two such bytes may meet.
const OVERLONG_MIN: usize = 4;

/// A charset name without what some senders put around it.
fn clean(charset: &str) -> &str {
    let charset = charset.trim_matches(|letter: char| {
        letter.is_whitespace() || matches!(letter, '"' | '\'' | ';' | '=' | '<' | '>')
    });
    charset.split([' ', ';', ',', '*']).next().unwrap_or_default()
}

/// Text in UTF-16 or UTF-32, with its mark or without: then every second byte, or three of four, are zero at the start.
pub(super) fn wide(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(WIDE_LOOK_BYTES)).unwrap_or_default();
    if head.len() < WIDE_BYTES_MIN
        || (memchr::memchr(0, head).is_none()
            && !head.starts_with(b"\xff\xfe")
            && !head.starts_with(b"\xfe\xff"))
    {
        return None;
    }
    let zeros = |places: &[usize], of: usize| {
        let groups = head.chunks_exact(of);
        let count = groups.len();
        let good = groups
            .filter(|group| {
                group.iter().enumerate().all(|(at, byte)| (*byte == 0) == places.contains(&at))
            })
            .count();
        // Nine in ten: a letter beyond Latin-1 may stand among the first.
        good * 10 >= count * 9
    };
    if head.starts_with(b"\xff\xfe\0\0") || zeros(&[1, 2, 3], 4) {
        return Some(from_utf32(bytes, u32::from_le_bytes));
    }
    if head.starts_with(b"\0\0\xfe\xff") || zeros(&[0, 1, 2], 4) {
        return Some(from_utf32(bytes, u32::from_be_bytes));
    }
    if head.starts_with(b"\xff\xfe") || zeros(&[1], 2) {
        return Some(encoding_rs::UTF_16LE.decode_with_bom_removal(bytes).0.into_owned());
    }
    if head.starts_with(b"\xfe\xff") || zeros(&[0], 2) {
        return Some(encoding_rs::UTF_16BE.decode_with_bom_removal(bytes).0.into_owned());
    }
    None
}

fn from_utf32(bytes: &[u8], number: fn([u8; 4]) -> u32) -> String {
    bytes
        .chunks_exact(4)
        .filter_map(|four| char::from_u32(number(four.try_into().ok()?)))
        .filter(|letter| *letter != '\u{feff}')
        .collect()
}

/// Charsets tried for one text.
const CHARSETS_MAX: usize = 4;
/// What is looked at to see whether text is in wide letters, and the least that tells.
const WIDE_LOOK_BYTES: usize = 64;
const WIDE_BYTES_MIN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets() {
        for (bytes, charset, want) in [
            (&b"r\xe4k"[..], "iso-8859-1", "räk"),
            (b"r\xc3\xa4k", "utf-8", "räk"),
            (b"r\xc3\xa4k", "", "räk"),
            (b"r\xe4k", "", "räk"),
            (b"r\xe4k", "us-ascii", "räk"),
            (b"r\xe4k", "no-such-charset", "räk"),
            (b"r+AOQ-k", "utf-7", "räk"),
            (b"\xff\xfer\0\xe4\0k\0", "utf-8", "räk"),
            (b"\xef\xbb\xbfr\xc3\xa4k", "iso-8859-1", "räk"),
            (b"\x93\xfa\x96{", "shift_jis", "日本"),
            (b"\xf0\xd2\xc9", "koi8-r", "При"),
            (b"r\xe4k", "windows-1252", "räk"),
        ] {
            assert_eq!(decode(bytes, charset), want, "{charset}");
        }
    }

    #[test]
    fn readings_of_old_programs() {
        let overlong = b"<p>\xc1\xa8\xe0\x81\xa5\xf0\x80\x81\xaa\xc1\xa0\xc1\xa1</p>";
        let high: Vec<u8> = b"<p>seven bits</p>".iter().map(|byte| byte | 0x80).collect();
        assert_eq!(old_readings(overlong), ["<p>hej`a</p>"]);
        assert_eq!(old_readings(&high), ["<p>seven bits</p>"]);
        for plain in [
            &b"plain text of no letters"[..],
            "r\u{e4}ksm\u{f6}rg\u{e5}s \u{65e5}\u{672c}".as_bytes(),
        ] {
            assert_eq!(old_readings(plain), [""; 0]);
        }
    }

    #[test]
    fn several_readings() {
        for (bytes, charsets, want) in [
            (&b"plain"[..], &["utf-8", ""][..], &["plain"][..]),
            (b"+ADw-b", &["us-ascii", "utf-7"], &["+ADw-b", "<b"]),
            (b"r\xe4k", &["\"iso-8859-1\"", "koi8-r"], &["r\u{e4}k", "r\u{414}k"]),
            (b"h\0e\0j\0!\0", &["us-ascii"], &["h\0e\0j\0!\0", "hej!"]),
            (b"\0\0\0h\0\0\0i", &[""], &["\0\0\0h\0\0\0i", "hi"]),
        ] {
            assert_eq!(readings(bytes, charsets), want, "{charsets:?}");
        }
    }
}
