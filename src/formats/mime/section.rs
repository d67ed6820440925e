//! Where the header section of a part ends and which of its lines are fields, by the ways in which programs differ.
//!
//! The strict way is `mail::header`'s: an empty line ends it, and so does a line that is no field. Other programs pass over lines that are
//! no field, over empty lines before the first field, over control bytes; others again take a line of nothing but blanks for the end.

use crate::{
    base::limits,
    mail::{
        Header,
        header::{Problem, TooLarge},
    },
};

/// How a header section is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Manner {
    /// As `mail::header` does.
    #[default]
    Strict,
    /// What is no field is passed over; an empty line behind a field ends it.
    Skips,
    /// A line of blanks ends it.
    BlankEnds,
}

/// A header section and where its body begins behind it.
pub(super) struct Section {
    pub(super) header: Header,
    pub(super) body_at: usize,
}

/// Reads a section at the start of `rest`. `is_delimiter` says whether the line at that place is one: then the section ends before it.
pub(super) fn read(
    rest: &[u8],
    manner: Manner,
    is_delimiter: impl Fn(usize) -> bool,
) -> Result<Section, TooLarge> {
    match manner {
        Manner::Strict => strict(rest, is_delimiter),
        Manner::Skips => match skipping(rest, is_delimiter) {
            Some((fields, body_at)) => Ok(Section { header: Header::read(&fields)?, body_at }),
            None => Ok(Section { header: Header::default(), body_at: 0 }),
        },
        Manner::BlankEnds => match blank_line(rest) {
            Some((before, after)) => {
                let Section { header, body_at } =
                    strict(rest.get(..before).unwrap_or_default(), is_delimiter)?;
                let whole = body_at >= before;
                Ok(Section { header, body_at: if whole { after } else { body_at } })
            }
            None => strict(rest, is_delimiter),
        },
    }
}

fn strict(rest: &[u8], is_delimiter: impl Fn(usize) -> bool) -> Result<Section, TooLarge> {
    let header = Header::read(rest)?;
    // The part ends inside its own header section where a delimiter stands in place of a field or the empty line.
    let cut = header
        .fields()
        .iter()
        .map(|field| field.span.start)
        .filter(|at| rest.get(*at..).is_some_and(|line| line.starts_with(b"--")))
        .find(|at| is_delimiter(*at));
    match cut {
        Some(cut) => {
            Ok(Section { header: Header::read(rest.get(..cut).unwrap_or_default())?, body_at: cut })
        }
        None => Ok(Section { body_at: header.body_at(), header }),
    }
}

/// Might one of the other manners read this section differently? `rest` is what the section was read from.
pub(super) fn is_doubtful(header: &Header, rest: &[u8]) -> bool {
    let odd = header.problems().iter().any(|problem| match problem {
        Problem::Nul
        | Problem::BareCr
        | Problem::BadName
        | Problem::EndedByText
        | Problem::StartsFolded => true,
        Problem::SpaceBeforeColon | Problem::MboxLine | Problem::NoEnd => false,
    });
    let section = header.bytes();
    // Without a way out, so that the compiler looks at many bytes at once.
    let dropped = section.iter().fold(false, |found, byte| found | is_dropped(*byte));
    odd || dropped
        || section.starts_with(BOM)
        || memchr::memchr_iter(b'\n', section)
            .any(|at| section.get(at + 1..).is_some_and(is_odd_continuation))
        || (header.fields().is_empty() && starts_late(rest))
}

/// A continuation that is empty to the eye, or that looks like a field of a part.
fn is_odd_continuation(line: &[u8]) -> bool {
    if !matches!(line.first(), Some(b' ' | b'\t')) {
        return false;
    }
    let text = line.trim_ascii_start();
    let skipped = line.get(..line.len() - text.len()).unwrap_or_default();
    skipped.contains(&b'\n') || text.is_empty() || is_folded_field(text)
}

/// A continuation that would be a field of a part if it were not moved in. A list of field names, as a DKIM signature folds it, is none.
fn is_folded_field(text: &[u8]) -> bool {
    if !is_content_field(text) {
        return false;
    }
    let line = text.get(..memchr::memchr(b'\n', text).unwrap_or(text.len())).unwrap_or_default();
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let value = line.get(colon + 1..).unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let word = value.split(|byte| b" ;\t".contains(byte)).next().unwrap_or_default();
    let known: [&[u8]; 5] =
        [b"base64", b"quoted-printable", b"attachment", b"inline", b"x-uuencode"];
    !word.contains(&b':')
        && (word.contains(&b'/') || word.starts_with(b"multipart") || known.contains(&word))
}

/// Empty lines and then a field of a part.
fn starts_late(rest: &[u8]) -> bool {
    let head = rest.get(..rest.len().min(LATE_BYTES_MAX)).unwrap_or_default();
    let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
    text.len() < rest.len() && is_content_field(text)
}

pub(super) fn is_content_field(text: &[u8]) -> bool {
    let starts =
        |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if !starts(b"content-") && !starts(b"mime-version") {
        return false;
    }
    let name = text.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-').count();
    text.get(name..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

/// Control bytes that no field has; programs drop them or end a line at them.
fn is_dropped(byte: u8) -> bool {
    ((byte < b' ') | (byte == 0x7f))
        & (byte != b'\t')
        & (byte != b'\r')
        & (byte != b'\n')
        & (byte != 0x1b)
}

/// The lines that are fields, cleaned, and where the body begins. None: there is no field.
fn skipping(rest: &[u8], is_delimiter: impl Fn(usize) -> bool) -> Option<(Vec<u8>, usize)> {
    let mut fields: Vec<u8> = Vec::new();
    // The start of a name whose rest is folded onto the next line.
    let mut torn: Vec<u8> = Vec::new();
    let mut at = 0;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        if at > limits::HEADER_BYTES_MAX || (line.starts_with(b"--") && is_delimiter(at)) {
            break;
        }
        at += line.len();
        let line = line.strip_prefix(BOM).unwrap_or(line);
        let text: Vec<u8> = line.iter().copied().filter(|byte| !is_dropped(*byte)).collect();
        let text = text.trim_ascii_end();
        if text.is_empty() {
            let ends =
                line.trim_ascii_end().is_empty() && !matches!(line.first(), Some(b' ' | b'\t'));
            match ends && !fields.is_empty() {
                true => break,
                false => continue,
            }
        }
        let trimmed = text.trim_ascii_start();
        let folded = trimmed.len() < text.len();
        if folded && !is_folded_field(trimmed) {
            if !torn.is_empty() {
                fields.append(&mut torn);
                fields.extend(trimmed);
                fields.push(b'\n');
            } else if !fields.is_empty() {
                fields.push(b' ');
                fields.extend(trimmed);
                fields.push(b'\n');
            }
            continue;
        }
        torn.clear();
        match is_field(trimmed) {
            true => {
                fields.extend(trimmed);
                fields.push(b'\n');
            }
            false if memchr::memchr(b':', trimmed).is_none() && !trimmed.contains(&b' ') => {
                torn = trimmed.to_vec();
            }
            false => (),
        }
    }
    (!fields.is_empty()).then(|| {
        fields.push(b'\n');
        (fields, at)
    })
}

fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// The first line of nothing but blanks: where it begins and ends. None if an empty line comes before it.
fn blank_line(rest: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() || at > limits::HEADER_BYTES_MAX {
            return None;
        }
        if text.trim_ascii().is_empty() {
            return Some((at, at + line.len()));
        }
        at += line.len();
    }
    None
}

const BOM: &[u8] = b"\xef\xbb\xbf";
/// How far a late header is looked for behind empty lines.
const LATE_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of the type and the body.
    fn by(text: &str, manner: Manner) -> (String, String) {
        let section = read(text.as_bytes(), manner, |_| false).unwrap();
        let value = section.header.value("Content-Type").unwrap_or_default();
        (value, text[section.body_at..].to_string())
    }

    #[test]
    fn readers_differ() {
        for (text, strict, skips, blank_ends) in [
            ("Content-Type: a/b\n\nx", ("a/b", "x"), ("a/b", "x"), ("a/b", "x")),
            (
                "X: y\njunk\nContent-Type: a/b\n\nx",
                ("", "junk\nContent-Type: a/b\n\nx"),
                ("a/b", "x"),
                ("", "junk\nContent-Type: a/b\n\nx"),
            ),
            (
                "\n\nContent-Type: a/b\n\nx",
                ("", "\nContent-Type: a/b\n\nx"),
                ("a/b", "x"),
                ("", "\nContent-Type: a/b\n\nx"),
            ),
            (
                "X: y\n \nContent-Type: a/b\n\nx",
                ("a/b", "x"),
                ("a/b", "x"),
                ("", "Content-Type: a/b\n\nx"),
            ),
            ("X: y\n Content-Type: a/b\n\nx", ("", "x"), ("a/b", "x"), ("", "x")),
            (
                "X: y\nContent-\n Type: a/b\n\nx",
                ("", "Content-\n Type: a/b\n\nx"),
                ("a/b", "x"),
                ("", "Content-\n Type: a/b\n\nx"),
            ),
            ("\u{feff}Content-Type: a/b\n\nx", ("", "x"), ("a/b", "x"), ("", "x")),
            ("Con\0tent-Type: a/b\n\nx", ("", "x"), ("a/b", "x"), ("", "x")),
            ("\x0bContent-Type: a/b\n\nx", ("", "x"), ("a/b", "x"), ("", "x")),
        ] {
            for (manner, want) in
                [(Manner::Strict, strict), (Manner::Skips, skips), (Manner::BlankEnds, blank_ends)]
            {
                let (value, body) = by(text, manner);
                assert_eq!((value.as_str(), body.as_str()), want, "{manner:?} {text:?}");
            }
            let header = Header::read(text.as_bytes()).unwrap();
            assert_eq!(
                is_doubtful(&header, text.as_bytes()),
                strict != skips || strict != blank_ends,
                "{text:?}"
            );
        }
    }
}
