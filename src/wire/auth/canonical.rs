//! The forms in which header fields and bodies are hashed, RFC 6376 section 3.4: as they are, or with the changes forgiven that
//! servers make on the way.
//!
//! A line may end in LF alone, as files have it; what is hashed has CRLF.

use std::mem;

/// How much may change on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Simple,
    /// Folding, runs of space, the case of names.
    Relaxed,
}

/// The forms of a header section and of a body: the tag `c=`, RFC 6376 section 3.5. None if it names others.
pub fn forms(tag: Option<&str>) -> Option<(Form, Form)> {
    let form = |word: &str| match word {
        "simple" => Some(Form::Simple),
        "relaxed" => Some(Form::Relaxed),
        _ => None,
    };
    let Some(tag) = tag else { return Some((Form::Simple, Form::Simple)) };
    // Without a second word the body is taken as it is.
    let (header, body) = tag.split_once('/').unwrap_or((tag, "simple"));
    Some((form(header)?, form(body)?))
}

/// Writes a field, name and value as they stand in the message, without the line end behind it.
pub fn field(form: Form, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    match form {
        Form::Simple => {
            out.extend_from_slice(name);
            out.push(b':');
            with_crlf(value, out);
        }
        Form::Relaxed => {
            out.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
            out.push(b':');
            squeezed(value, out);
        }
    }
}

/// Unfolded, runs of space as one, none at the ends.
fn squeezed(value: &[u8], out: &mut Vec<u8>) {
    let begins = out.len();
    let mut space = false;
    for byte in value {
        match byte {
            b' ' | b'\t' => space = true,
            b'\r' | b'\n' => (),
            _ => {
                if mem::take(&mut space) && out.len() > begins {
                    out.push(b' ');
                }
                out.push(*byte);
            }
        }
    }
}

fn with_crlf(text: &[u8], out: &mut Vec<u8>) {
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
}

/// Hands out a body in pieces, for a hash. Empty lines at its end do not count, and its last line has an end.
pub fn body(form: Form, body: &[u8], mut take: impl FnMut(&[u8])) {
    let mut empty_lines = 0_usize;
    let mut squeezed_line = Vec::new();
    let mut lines = 0_usize;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = match form {
            Form::Simple => line,
            Form::Relaxed => {
                squeezed_line.clear();
                squeeze_line(line, &mut squeezed_line);
                &squeezed_line
            }
        };
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..mem::take(&mut empty_lines) {
            take(b"\r\n");
        }
        take(line);
        take(b"\r\n");
        lines += 1;
    }
    // RFC 6376 section 3.4.3: a body of nothing is one empty line; relaxed (section 3.4.4) it stays nothing.
    if lines == 0 && form == Form::Simple {
        take(b"\r\n");
    }
}

/// Runs of space as one, none at the end; the beginning keeps its one.
fn squeeze_line(line: &[u8], out: &mut Vec<u8>) {
    let mut space = false;
    for byte in line {
        match byte {
            b' ' | b'\t' => space = true,
            _ => {
                if mem::take(&mut space) {
                    out.push(b' ');
                }
                out.push(*byte);
            }
        }
    }
}

/// The value of a signature field with what stands in its `b=` taken out: the form in which it signs itself.
pub fn without_signature(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for (nr, tag) in value.split(|byte| *byte == b';').enumerate() {
        if nr > 0 {
            out.push(b';');
        }
        match memchr::memchr(b'=', tag) {
            Some(at) if tag.get(..at).is_some_and(|name| name.trim_ascii() == b"b") => {
                out.extend_from_slice(tag.get(..=at).unwrap_or_default());
            }
            Some(_) | None => out.extend_from_slice(tag),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(form: Form, text: &[u8]) -> String {
        let mut out = Vec::new();
        body(form, text, |piece| out.extend_from_slice(piece));
        String::from_utf8(out).unwrap()
    }

    /// The example of RFC 6376 section 3.4.5.
    #[test]
    fn the_example_of_the_rfc() {
        let fields = [("A", " X"), ("B ", " Y\t\r\n\tZ  ")];
        let written = |form| {
            let mut out = Vec::new();
            for (name, value) in fields {
                field(form, name.as_bytes(), value.as_bytes(), &mut out);
                out.extend_from_slice(b"\r\n");
            }
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Form::Relaxed), "a:X\r\nb:Y Z\r\n");
        assert_eq!(written(Form::Simple), "A: X\r\nB : Y\t\r\n\tZ  \r\n");
        let text = b" C \r\nD \t E\r\n\r\n\r\n";
        assert_eq!(body_of(Form::Relaxed, text), " C\r\nD E\r\n");
        assert_eq!(body_of(Form::Simple, text), " C \r\nD \t E\r\n");
    }

    #[test]
    fn ends_of_bodies() {
        for (text, simple, relaxed) in [
            (&b""[..], "\r\n", ""),
            (b"\r\n\r\n", "\r\n", ""),
            (b" \t\r\n", " \t\r\n", ""),
            (b"a", "a\r\n", "a\r\n"),
            (b"a\n\nb\n", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"),
            (b"a\r\n \r\n", "a\r\n \r\n", "a\r\n"),
        ] {
            assert_eq!(body_of(Form::Simple, text), simple, "{text:?}");
            assert_eq!(body_of(Form::Relaxed, text), relaxed, "{text:?}");
        }
    }

    #[test]
    fn a_signature_signs_itself_without_its_value() {
        for (value, want) in [
            (" a=1; b=abc=; bh=x", " a=1; b=; bh=x"),
            (" a=1; b = a\r\n b ;c=2", " a=1; b =;c=2"),
            ("b=x", "b="),
            (" bh=b; b=", " bh=b; b="),
        ] {
            assert_eq!(without_signature(value.as_bytes()), want.as_bytes(), "{value}");
        }
    }

    #[test]
    fn forms_by_their_names() {
        use Form::{Relaxed, Simple};
        for (tag, want) in [
            (None, Some((Simple, Simple))),
            (Some("relaxed"), Some((Relaxed, Simple))),
            (Some("simple/relaxed"), Some((Simple, Relaxed))),
            (Some(""), None),
            (Some("Relaxed/simple"), None),
        ] {
            assert_eq!(forms(tag), want, "{tag:?}");
        }
    }
}
