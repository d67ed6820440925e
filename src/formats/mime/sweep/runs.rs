//! Long runs of base64 letters in a text, found without looking at every byte of it.
//!
//! A run of at least [`RUN_LETTERS_MIN`] letters has one at every place that far from its start; so a text is probed in steps of that
//! length, and a word of prose is left after the few letters between the probe and the blank before it.

use std::ops::Range;

/// The runs of letters, over line ends and what quotes a line; each with enough different letters to mean something.
pub(super) fn find(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let classes: &[Class; 256] = &CLASSES;
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let probe = at + RUN_LETTERS_MIN;
            if probe > bytes.len() {
                return None;
            }
            let mut from = probe;
            while from > at && belongs(bytes, from - 1, classes) {
                from -= 1;
            }
            if from > at {
                at = from;
                continue;
            }
            let mut end = probe;
            while end < bytes.len() && belongs(bytes, end, classes) {
                end += 1;
            }
            let run = at..end;
            at = end + 1;
            if means_something(bytes.get(run.clone()).unwrap_or_default()) {
                return Some(run);
            }
        }
    })
}

/// Where the letters of a run may begin: at its start; where its first whole line does; where its lines become long.
pub(super) fn starts(bytes: &[u8], run: &Range<usize>) -> Vec<usize> {
    let text = bytes.get(run.clone()).unwrap_or_default();
    let mut starts = vec![run.start];
    let mut push = |start: usize| {
        if !starts.contains(&start) && starts.len() < STARTS_MAX {
            starts.push(start);
        }
    };
    let whole = run.start.checked_sub(1).and_then(|before| bytes.get(before));
    let first_end = memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1);
    if whole.is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) && first_end < text.len() {
        push(run.start + first_end);
    }
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n').take(LINES_LOOKED_AT) {
        if line.len() >= LONG_LINE_BYTES {
            push(run.start + at);
            break;
        }
        at += line.len();
    }
    // A path before it: the slash is a letter too.
    let first = text.get(..first_end.min(RUN_LETTERS_MIN)).unwrap_or_default();
    if let Some(slash) = memchr::memrchr(b'/', first) {
        push(run.start + slash + 1);
    }
    starts
}

/// Letters that stand in groups with single blanks between them, all groups alike or all of them long; lines that follow each other
/// are put together. Blanks are taken out.
pub(super) fn spaced(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut group: Vec<u8> = Vec::new();
    let mut at = 0;
    while at < bytes.len() && found.len() < SPACED_MAX {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
        let line = rest.get(..end).unwrap_or_default();
        at += end;
        match is_spaced(line) {
            true => group.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace())),
            false if group.len() >= RUN_LETTERS_MIN => found.push(std::mem::take(&mut group)),
            false => group.clear(),
        }
    }
    if group.len() >= RUN_LETTERS_MIN {
        found.push(group);
    }
    found.retain(|letters| means_something(letters));
    found
}

fn is_spaced(line: &[u8]) -> bool {
    let is_letter = |byte: &u8| {
        matches!(
            CLASSES.get(usize::from(*byte)),
            Some(Class::Letter | Class::UrlLetter | Class::Padding)
        )
    };
    let first = line.iter().take(GROUP_LETTERS_MAX).take_while(|byte| is_letter(byte)).count();
    // Cheap refusals first: most lines are prose.
    if first == 0 || !line.get(first).is_some_and(u8::is_ascii_whitespace) {
        return false;
    }
    let alike = line.get(2 * first + 1).is_none_or(u8::is_ascii_whitespace)
        && line.get(3 * first + 2).is_none_or(u8::is_ascii_whitespace);
    if !alike && first < LONG_GROUP_LETTERS {
        return false;
    }
    let line = line.trim_ascii();
    let groups: Vec<&[u8]> =
        line.split(|byte| matches!(byte, b' ' | b'\t')).take(GROUPS_MAX).collect();
    let (last, before) = groups.split_last().unwrap_or((&line, &[]));
    let all_letters = groups.iter().all(|group| group.iter().all(is_letter));
    let same = before.iter().all(|group| group.len() == first) && last.len() <= first;
    let long = line.len() >= groups.len().saturating_mul(LONG_GROUP_LETTERS);
    groups.len() > 1 && all_letters && (same || long)
}

/// Enough letters, and not the same few over and over: a ruler is no data.
fn means_something(run: &[u8]) -> bool {
    let mut seen = [false; 256];
    let mut letters = 0_usize;
    for byte in run {
        if byte.is_ascii_alphanumeric() {
            letters += 1;
            if let Some(place) = seen.get_mut(usize::from(*byte)) {
                *place = true;
            }
        }
        if letters >= LETTERS_LOOKED_AT {
            break;
        }
    }
    letters + SIGNS_MAX >= RUN_LETTERS_MIN
        && seen.iter().filter(|seen| **seen).count() >= DIFFERENT_LETTERS_MIN
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    UrlLetter,
    Padding,
    LineEnd,
    Quoting,
    Other,
}

fn belongs(bytes: &[u8], at: usize, classes: &[Class; 256]) -> bool {
    let Some(byte) = bytes.get(at) else { return false };
    match classes.get(usize::from(*byte)).copied().unwrap_or(Class::Other) {
        Class::Letter | Class::LineEnd | Class::Padding => true,
        // Two dashes are the frame of something.
        Class::UrlLetter => {
            bytes.get(at + 1) != Some(byte)
                && at.checked_sub(1).and_then(|before| bytes.get(before)) != Some(byte)
        }
        Class::Quoting => begins_or_ends_line(bytes, at),
        Class::Other => false,
    }
}

/// Is this blank or mark one of those at a line's start or end?
fn begins_or_ends_line(bytes: &[u8], at: usize) -> bool {
    let quoting = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'>');
    let before = bytes.get(at.saturating_sub(QUOTING_BYTES_MAX)..at).unwrap_or_default();
    let skipped = before.iter().rev().take_while(quoting).count();
    match before.iter().rev().nth(skipped) {
        None if skipped < QUOTING_BYTES_MAX => return true,
        Some(b'\n' | b'\r') => return true,
        _ => (),
    }
    let after = bytes.get(at..bytes.len().min(at + QUOTING_BYTES_MAX)).unwrap_or_default();
    let skipped = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    skipped > 0 && after.get(skipped).is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

static CLASSES: std::sync::LazyLock<[Class; 256]> = std::sync::LazyLock::new(|| {
    let mut classes = [Class::Other; 256];
    for (byte, class) in (0_u8..=255).zip(classes.iter_mut()) {
        *class = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => Class::Letter,
            b'-' | b'_' => Class::UrlLetter,
            b'=' => Class::Padding,
            b'\r' | b'\n' => Class::LineEnd,
            b' ' | b'\t' | b'>' => Class::Quoting,
            _ => Class::Other,
        };
    }
    classes
});

/// Fewest letters worth decoding: they carry 45 bytes.
const RUN_LETTERS_MIN: usize = 60;
/// Of these, how many may be signs, padding and line ends.
const SIGNS_MAX: usize = 12;
/// Fewest different letters of a run; hex digits of a short word have six.
const DIFFERENT_LETTERS_MIN: usize = 6;
/// How far a run is looked at to see whether it means something.
const LETTERS_LOOKED_AT: usize = 4_096;
/// Marks and blanks at a line's start or end.
const QUOTING_BYTES_MAX: usize = 8;
/// Places from which one run is decoded.
const STARTS_MAX: usize = 4;
/// Lines looked at for the first long one, and how long that is.
const LINES_LOOKED_AT: usize = 64;
const LONG_LINE_BYTES: usize = 40;
/// Longest group of letters with a blank behind it that is looked at.
const GROUP_LETTERS_MAX: usize = 80;
/// Groups of this length need not be alike: words are shorter.
const LONG_GROUP_LETTERS: usize = 14;
/// Groups looked at in one line.
const GROUPS_MAX: usize = 1 << 20;
/// Pieces of this kind in one text.
const SPACED_MAX: usize = 64;
