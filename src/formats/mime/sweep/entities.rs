//! MIME entities that stand in a text: a bounce that quotes what it returns, a part whose header came too late.

use crate::{
    base::limits,
    formats::mime::{Fields, Oddities, Transfer, section},
    mail::Header,
};
use std::ops::Range;

/// Where entities stand whose reading would show more than their text. One without parts ends where the next begins, so that a digest in
/// one text is many entities beside each other and not in each other.
pub(super) fn find(text: &[u8]) -> Vec<Range<usize>> {
    let fields: Vec<usize> = memchr::memchr2_iter(b'c', b'C', text)
        .filter(|at| begins_line(text, *at))
        .filter(|at| text.get(*at..).is_some_and(section::is_content_field))
        .take(FIELDS_MAX)
        .collect();
    let mut found = Vec::new();
    let mut done = 0;
    for (nth, at) in fields.iter().enumerate() {
        if *at < done || found.len() >= limits::SWEEP_MEMBERS_MAX {
            continue;
        }
        let start = section_start(text, *at).max(done);
        let rest = text.get(start..).unwrap_or_default();
        let Ok(header) = Header::read(rest) else {
            done = start + limits::HEADER_BYTES_MAX;
            continue;
        };
        let body_at = start + header.body_at();
        let fields_of = Fields::read(&header, "", &mut Oddities::default());
        done = body_at.max(at + 1);
        if !shows_more(&fields_of) {
            continue;
        }
        let next = fields.iter().skip(nth).find(|next| **next >= body_at);
        let next = next.map_or(text.len(), |next| section_start(text, *next).max(body_at));
        let end = match fields_of.is_multipart() || fields_of.is_message() {
            true => end_of_multipart(text, body_at, &fields_of),
            false => next,
        };
        found.push(start..end);
        done = end;
    }
    found
}

fn begins_line(text: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| text.get(before))
        .is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

/// Where the header section begins in which the field at `at` stands: over the lines before it that are fields or continue one.
fn section_start(text: &[u8], at: usize) -> usize {
    let mut start = at;
    for _ in 0..SECTION_LINES_MAX {
        let Some(before) = text.get(..start.saturating_sub(1)).filter(|_| start > 0) else { break };
        let line_at = memchr::memrchr(b'\n', before).map_or(0, |lf| lf + 1);
        let line = text.get(line_at..start).unwrap_or_default();
        let name = line.iter().take_while(|byte| byte.is_ascii_graphic() && **byte != b':').count();
        let is_field = name > 0 && line.get(name) == Some(&b':') && !line.starts_with(b"--");
        let continues = matches!(line.first(), Some(b' ' | b'\t')) && !line.trim_ascii().is_empty();
        if !is_field && !continues {
            break;
        }
        start = line_at;
    }
    start
}

fn shows_more(fields: &Fields) -> bool {
    let is_text = fields.media_type.is_empty() || fields.media_type.starts_with("text/");
    !is_text
        || !fields.names.is_empty()
        || fields.transfers.iter().any(|transfer| *transfer != Transfer::Identity)
}

/// Behind the closing delimiter, or the end of the text.
fn end_of_multipart(text: &[u8], body_at: usize, fields: &Fields) -> usize {
    let rest = text.get(body_at..).unwrap_or_default();
    let ends = fields.boundaries.iter().take(1).filter_map(|boundary| {
        let end = [b"\n--", boundary.text.as_slice(), b"--"].concat();
        memchr::memmem::find(rest, &end).map(|at| body_at + at + end.len())
    });
    ends.max().unwrap_or(text.len())
}

/// Fields looked at in one text.
const FIELDS_MAX: usize = 4_096;
/// Lines of a header section before the field that was found.
const SECTION_LINES_MAX: usize = 200;
