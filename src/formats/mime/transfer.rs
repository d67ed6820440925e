//! Content transfer encodings, RFC 2045 section 6, undone as tolerantly as the most tolerant mail program does it.
//!
//! A scanner that gives up where a mail program goes on is blind to what that program shows. So: letters outside the base64 alphabet are
//! skipped (section 6.8 says "must be ignored"), data after padding is read on, a lone `=` in quoted-printable stays.

use std::borrow::Cow;

/// A transfer encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// 7bit, 8bit, binary: the bytes themselves.
    Identity,
    /// quoted-printable.
    QuotedPrintable,
    /// base64.
    Base64,
    /// x-uuencode and its spellings, as of before MIME.
    Uuencode,
    /// A word nobody knows.
    Unknown,
}

/// A decoded body.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'m> {
    /// The bytes.
    pub bytes: Cow<'m, [u8]>,
    /// Readers would not agree on these bytes: letters that do not belong, or data after the end.
    pub unclean: bool,
}

impl Transfer {
    /// From the value of a Content-Transfer-Encoding field.
    pub(super) fn parse(value: &str) -> Transfer {
        // RFC 2045 section 6.1 has no parameters here; a comment or a semicolon after the word is tolerated by everybody.
        let word = value.split(['(', ';']).next().unwrap_or_default().trim().trim_matches('"');
        match word.to_ascii_lowercase().as_str() {
            "" | "7bit" | "8bit" | "binary" | "7-bit" | "8-bit" | "7bits" | "8bits" => {
                Transfer::Identity
            }
            "quoted-printable" => Transfer::QuotedPrintable,
            "base64" => Transfer::Base64,
            "x-uuencode" | "uuencode" | "x-uue" | "uue" => Transfer::Uuencode,
            _ => Transfer::Unknown,
        }
    }

    /// What a reader that looks less closely takes an unknown word for.
    pub(super) fn guess(value: &str) -> Transfer {
        let word = value.to_ascii_lowercase();
        match word {
            _ if word.contains("base64") || word.contains("base-64") => Transfer::Base64,
            _ if word.contains("quoted") => Transfer::QuotedPrintable,
            _ if word.contains("uu") => Transfer::Uuencode,
            _ => Transfer::Identity,
        }
    }

    /// Undoes the encoding.
    pub fn decode(self, body: &[u8]) -> Decoded<'_> {
        match self {
            Transfer::Identity | Transfer::Unknown => {
                Decoded { bytes: Cow::Borrowed(body), unclean: false }
            }
            Transfer::QuotedPrintable => Decoded { bytes: quoted_printable(body), unclean: false },
            Transfer::Base64 => base64(body),
            Transfer::Uuencode => match uuencoded(body).next() {
                Some(file) => Decoded { bytes: Cow::Owned(file.bytes), unclean: false },
                None => Decoded { bytes: Cow::Borrowed(body), unclean: true },
            },
        }
    }
}

fn base64(body: &[u8]) -> Decoded<'_> {
    let mut bytes = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let mut quantum: u32 = 0;
    let mut letters = 0_u8;
    let mut padded = false;
    let mut unclean = false;
    for byte in body {
        let value = BASE64_VALUES.get(usize::from(*byte)).copied().unwrap_or(NO_VALUE);
        if value < 64 {
            unclean |= padded;
            quantum = (quantum << 6) | u32::from(value);
            letters += 1;
            if letters == 4 {
                let [_, first, second, third] = quantum.to_be_bytes();
                bytes.extend_from_slice(&[first, second, third]);
                (quantum, letters) = (0, 0);
            }
        } else if *byte == b'=' {
            finish_quantum(quantum, letters, &mut bytes);
            (quantum, letters) = (0, 0);
            padded = true;
        } else if !byte.is_ascii_whitespace() {
            unclean = true;
        }
    }
    unclean |= letters == 1;
    finish_quantum(quantum, letters, &mut bytes);
    Decoded { bytes: Cow::Owned(bytes), unclean }
}

/// The one or two bytes that two or three last letters carry.
fn finish_quantum(quantum: u32, letters: u8, bytes: &mut Vec<u8>) {
    match letters {
        2 => bytes.extend((quantum << 12).to_be_bytes().get(1..2).unwrap_or_default()),
        3 => bytes.extend((quantum << 6).to_be_bytes().get(1..3).unwrap_or_default()),
        _ => (),
    }
}

fn quoted_printable(body: &[u8]) -> Cow<'_, [u8]> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        bytes.extend_from_slice(plain);
        let after = from.get(1..).unwrap_or_default();
        if let Some(line) = soft_break(after) {
            rest = line;
            continue;
        }
        let byte = after
            .get(..2)
            .and_then(|hex| data_encoding::HEXUPPER_PERMISSIVE.decode(hex).ok())
            .unwrap_or_default();
        if byte.is_empty() {
            bytes.push(b'=');
            rest = after;
        } else {
            bytes.extend(byte);
            rest = after.get(2..).unwrap_or_default();
        }
    }
    if bytes.is_empty() && rest.len() == body.len() {
        return Cow::Borrowed(body);
    }
    bytes.extend_from_slice(rest);
    Cow::Owned(bytes)
}

/// What follows a soft line break, if one stands here; blanks before the line end belong to it (RFC 2045 section 6.7 rule 3).
fn soft_break(after: &[u8]) -> Option<&[u8]> {
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = after.get(blanks..)?;
    match rest {
        [] if blanks == 0 => Some(rest),
        [b'\r', b'\n', line @ ..] | [b'\n', line @ ..] => Some(line),
        _ => None,
    }
}

/// A file found in uuencoded form.
#[derive(Debug, PartialEq, Eq)]
pub struct UuFile {
    /// The name in its `begin` line.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Every uuencoded file in a text: mail programs still show them as attachments.
pub fn uuencoded(text: &[u8]) -> impl Iterator<Item = UuFile> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(from..)?;
            let at = memchr::memmem::find(rest, b"begin ")?;
            let begins_line = from + at == 0 || text.get(from + at - 1) == Some(&b'\n');
            from += at + b"begin ".len();
            if !begins_line {
                continue;
            }
            if let Some((file, length)) = uu_file(text.get(from..)?) {
                from += length;
                return Some(file);
            }
        }
    })
}

/// Reads on after `begin `: the mode, the name, the lines. Also how many bytes were read.
fn uu_file(text: &[u8]) -> Option<(UuFile, usize)> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next()?;
    let (mode, name) = std::str::from_utf8(first).ok()?.trim_end().split_once(' ')?;
    if !(3..=4).contains(&mode.len()) || !mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
        return None;
    }
    let mut bytes = Vec::new();
    let mut length = first.len();
    for line in lines {
        length += line.len();
        let line = line.trim_ascii_end();
        if line == b"end" {
            return Some((UuFile { name: name.to_string(), bytes }, length));
        }
        uu_line(line, &mut bytes)?;
    }
    // Cut off before its end: what is there is still what a mail program would save.
    (!bytes.is_empty()).then(|| (UuFile { name: name.to_string(), bytes }, length))
}

fn uu_line(line: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let Some((count, letters)) = line.split_first() else { return Some(()) };
    if !(b' '..=b'`').contains(count) {
        return None;
    }
    let end = bytes.len() + usize::from(count.wrapping_sub(b' ') & 63);
    for group in letters.chunks(4) {
        let mut quantum: u32 = 0;
        for place in 0..4 {
            let letter = group.get(place).copied().unwrap_or(b' ');
            quantum = (quantum << 6) | u32::from(letter.wrapping_sub(b' ') & 63);
        }
        bytes.extend(quantum.to_be_bytes().get(1..4).unwrap_or_default());
    }
    bytes.truncate(end);
    Some(())
}

const NO_VALUE: u8 = 255;

static BASE64_VALUES: std::sync::LazyLock<[u8; 256]> = std::sync::LazyLock::new(|| {
    let mut values = [NO_VALUE; 256];
    let letters = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain([b'+', b'/']);
    for (value, letter) in (0_u8..).zip(letters) {
        if let Some(place) = values.get_mut(usize::from(letter)) {
            *place = value;
        }
    }
    values
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_the_most_tolerant_reader_reads_it() {
        for (body, want, unclean) in [
            ("aGVqIGRpZw==", "hej dig", false),
            ("aGVq\r\nIGRp\r\nZw==\r\n", "hej dig", false),
            ("aGVqIGRpZw", "hej dig", false),
            ("a!G*V-q.IGRpZw==", "hej dig", true),
            ("aGVq\0IGRpZw==", "hej dig", true),
            ("aGU=aiBkaWc=", "hej dig", true),
            ("aGVqI", "hej", true),
            ("", "", false),
            ("====", "", false),
        ] {
            let decoded = Transfer::Base64.decode(body.as_bytes());
            assert_eq!(String::from_utf8_lossy(&decoded.bytes), want, "{body:?}");
            assert_eq!(decoded.unclean, unclean, "{body:?}");
        }
    }

    #[test]
    fn quoted_printable() {
        for (body, want) in [
            ("r=C3=A4k", "räk"),
            ("r=c3=a4k", "räk"),
            ("a=\r\nb=\nc= \t\r\nd", "abcd"),
            ("1=2 =ZZ =", "1=2 =ZZ "),
            ("a=", "a"),
            ("plain", "plain"),
        ] {
            let decoded = Transfer::QuotedPrintable.decode(body.as_bytes());
            assert_eq!(String::from_utf8_lossy(&decoded.bytes), want, "{body:?}");
        }
        let plain = Transfer::QuotedPrintable.decode(b"nothing to do");
        assert!(matches!(plain.bytes, Cow::Borrowed(_)), "no copy where none is needed");
    }

    #[test]
    fn uuencoded_files_in_a_text() {
        let text = "Hi,\n\nbegin 644 cat.txt\n#0V%T\n`\nend\nbye\nbegin of a sentence\nbegin 600 b\n#0V%T\n`\nend\n";
        let files: Vec<UuFile> = uuencoded(text.as_bytes()).collect();
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["cat.txt", "b"]);
        assert!(files.iter().all(|file| file.bytes == b"Cat"));
    }

    #[test]
    fn words_for_encodings() {
        for (value, want) in [
            ("BASE64", Transfer::Base64),
            ("base64 (comment)", Transfer::Base64),
            ("base64;", Transfer::Base64),
            ("", Transfer::Identity),
            ("8bit", Transfer::Identity),
            ("Quoted-Printable", Transfer::QuotedPrintable),
            ("x-uuencode", Transfer::Uuencode),
            ("base65", Transfer::Unknown),
        ] {
            assert_eq!(Transfer::parse(value), want, "{value}");
        }
        assert_eq!(Transfer::guess("mybase64"), Transfer::Base64);
    }
}
