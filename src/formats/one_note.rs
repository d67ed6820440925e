//! OneNote sections (MS-ONESTORE): the files attached to their pages, and the text.
//!
//! No tree of nodes is followed, since a broken one is opened by OneNote's own repair: file data is found by the mark in front of it,
//! section 2.6.13. Names stand elsewhere in the section and are matched by the identifier of the file's node, or by their extension.

use super::{
    among::{keep, keep_text},
    budget::{Budget, Limit, Stopped},
    encodings,
    kind::{self, PartKind},
    opened::{Member, Opened, Role},
    reach::PROGRAM_EXTENSIONS,
};
use crate::base::limits;
use std::collections::{HashMap, HashSet};

/// Reads a section: attached files as members, its text.
pub fn open(section: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut outside = Vec::new();
    let mut files = Vec::new();
    let mut from = 0;
    for at in memchr::memmem::find_iter(section, FILE_DATA).take(limits::PARTS_MAX + 2) {
        // Inside the data of another file: a section attached to a section.
        if at < from {
            continue;
        }
        let data = file_data(section, at);
        outside.extend_from_slice(section.get(from..at).unwrap_or_default());
        from = at + HEADER_BYTES + data.len();
        files.push((at, data));
    }
    outside.extend_from_slice(section.get(from..).unwrap_or_default());
    if let Err(limit) = budget.check_time() {
        return Opened::stopped(Stopped::Limit(limit));
    }
    let text = encodings::utf16_runs(&outside, TEXT_LETTERS_MIN);
    let mut names: Vec<String> = file_names(&text);
    let places = files.iter().map(|(at, _)| *at).collect();
    let extensions = extensions(section, &places);
    for (at, data) in files {
        let extension = extensions.get(&at).map(String::as_str);
        let name = take_name(&mut names, extension, data);
        if !attachment(name, data, &mut opened, budget) {
            break;
        }
    }
    if text.len() >= limits::DOCUMENT_TEXT_BYTES_MAX {
        let bytes_max = u64::try_from(limits::DOCUMENT_TEXT_BYTES_MAX).unwrap_or(u64::MAX);
        opened.stopped.get_or_insert(Stopped::Limit(Limit::TooLarge { bytes_max }));
    }
    keep_text(&mut opened, ("document.txt", text), Role::Text, budget);
    opened
}

fn attachment(name: Option<String>, data: &[u8], opened: &mut Opened, budget: &mut Budget) -> bool {
    let shown = name.clone().unwrap_or_default();
    let what = kind::of(data, &shown);
    let by_name = PROGRAM_EXTENSIONS.contains(&kind::extension(&shown).as_str());
    let runs = matches!(
        what,
        PartKind::Executable | PartKind::Script | PartKind::Shortcut | PartKind::Java
    );
    if !matches!(what, PartKind::Image | PartKind::Media) {
        opened.sign("onenote.attachment", format!("a file of kind {} is attached", what.word()));
    }
    if runs || by_name {
        opened.sign(
            "onenote.attachment_runs",
            format!("an attached file would run: {}", what.word()),
        );
    }
    // Pictures of the page itself are no files to a reader.
    let role = if what == PartKind::Image { Role::Inside } else { Role::File };
    keep(opened, Member::new(name, data.to_vec(), role), budget)
}

/// The data behind a mark: as long as it says, or to the mark behind it where it says something impossible.
fn file_data(section: &[u8], at: usize) -> &[u8] {
    let rest = section.get(at + HEADER_BYTES..).unwrap_or_default();
    let said = section
        .get(at + 16..at + 24)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(u64::MAX, u64::from_le_bytes);
    match usize::try_from(said).ok().and_then(|said| rest.get(..said)) {
        Some(data) => data,
        None => {
            let end = memchr::memmem::find(rest, FILE_DATA_END).unwrap_or(rest.len());
            rest.get(..end).unwrap_or_default()
        }
    }
}

/// The extensions declared for files, by the places of their data: the text `<ifndf>{guid}` has the extension behind it (section 2.5.27
/// `ObjectDeclarationFileData3RefCountFND`), and a reference has the place in front of the same identifier (section 2.5.21).
/// One pass over the section, however many files there are.
fn extensions(section: &[u8], places: &HashSet<usize>) -> HashMap<usize, String> {
    let declared = declared(section);
    let mut found = HashMap::new();
    let mut begins = vec![false; 1 << 16];
    for guid in declared.keys() {
        if let Some(begin) = begins.get_mut(usize::from(begin(guid))) {
            *begin = true;
        }
    }
    if declared.is_empty() {
        return found;
    }
    for (at, window) in section.windows(16).enumerate() {
        if !begins.get(usize::from(begin(window))).copied().unwrap_or(false) {
            continue;
        }
        let Some(extension) = declared.get(window) else { continue };
        // The place, then the length of the data, each in four or eight bytes.
        for (width, length) in [(8, 4), (8, 8), (4, 4), (4, 8)] {
            let Some(from) = at.checked_sub(width + length) else { continue };
            let place = section.get(from..from + width).unwrap_or_default();
            let place =
                place.iter().rev().fold(0_u64, |place, byte| (place << 8) | u64::from(*byte));
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if places.contains(&place) {
                found.insert(place, extension.clone());
            }
        }
    }
    found
}

fn begin(bytes: &[u8]) -> u16 {
    match bytes {
        [first, second, ..] => u16::from_le_bytes([*first, *second]),
        _ => 0,
    }
}

/// Identifiers of file data and the extension that stands behind each.
fn declared(section: &[u8]) -> HashMap<Vec<u8>, String> {
    let mark: Vec<u8> = "<ifndf>{".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut declared = HashMap::new();
    for at in memchr::memmem::find_iter(section, &mark).take(limits::PARTS_MAX) {
        let read = || {
            // 36 letters of the identifier and a brace.
            let from = at + mark.len();
            let digits = encodings::utf16(section.get(from..from + 72)?);
            let bytes = encodings::hex(digits.as_bytes());
            let [a, b, c, d, e, f, g, h, rest @ ..] = &bytes[..] else { return None };
            let guid = [&[*d, *c, *b, *a, *f, *e, *h, *g], rest].concat();
            let end = from + 74;
            let letters = u32::from_le_bytes(section.get(end..end + 4)?.try_into().ok()?);
            let letters = usize::try_from(letters).ok()?.min(EXTENSION_LETTERS_MAX);
            let extension = encodings::utf16(section.get(end + 4..end + 4 + letters * 2)?);
            Some((guid, extension.trim_matches('.').to_ascii_lowercase()))
        };
        declared.extend(read().filter(|(guid, _)| guid.len() == 16));
    }
    declared
}

/// Strings of the section that are names of files.
fn file_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| line.len() <= limits::FILE_NAME_BYTES_MAX) {
        let name = line.rsplit(['\\', '/']).next().unwrap_or_default().trim();
        let extension = kind::extension(name);
        let plausible = (1..=16).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && name.len() > extension.len() + 1
            && !line.contains("://");
        if plausible && names.len() < limits::PARTS_MAX && !names.iter().any(|other| other == name)
        {
            names.push(name.to_string());
        }
    }
    names
}

/// The first name that fits what is known of the file; a name is given once.
fn take_name(names: &mut Vec<String>, extension: Option<&str>, data: &[u8]) -> Option<String> {
    let actual = kind::of(data, "");
    let fits = |name: &String| match extension {
        Some(extension) => kind::extension(name) == extension,
        None => match kind::claims("", name) {
            Some(claimed) => {
                claimed == actual || !matches!(actual, PartKind::Image | PartKind::Pdf)
            }
            None => actual != PartKind::Image,
        },
    };
    match names.iter().position(fits) {
        Some(at) => Some(names.remove(at)),
        None => extension
            .filter(|extension| !extension.is_empty())
            .map(|extension| format!("file.{extension}")),
    }
}

/// `guidHeader` of a file data store object, {BDE316E7-2665-4511-A4C4-8D4D0B7A9EAC}.
const FILE_DATA: &[u8] = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";
/// `guidFooter`, {71FBA722-0F79-4A0B-BB13-899256426B24}.
const FILE_DATA_END: &[u8] = b"\x22\xa7\xfb\x71\x79\x0f\x0b\x4a\xbb\x13\x89\x92\x56\x42\x6b\x24";
/// The mark, the length, four unused bytes, eight reserved ones.
const HEADER_BYTES: usize = 36;
/// Shorter strings are chance.
const TEXT_LETTERS_MIN: usize = 4;
/// Longest extension that is read.
const EXTENSION_LETTERS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn read(section: &[u8]) -> Opened {
        open(section, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn file(data: &[u8], said: usize) -> Vec<u8> {
        let said = u64::try_from(said).unwrap().to_le_bytes();
        [FILE_DATA, &said, &[0; 12], data, FILE_DATA_END].concat()
    }

    const MAGIC: &[u8] = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3";

    #[test]
    fn attached_files_with_their_names() {
        let script = b"<script>marker of the test</script>";
        let section = [
            MAGIC,
            &[0xff; 9],
            &wide("invoice.hta"),
            &[0xff; 9],
            &file(script, script.len()),
            &wide("seen by the reader"),
        ]
        .concat();
        let opened = read(&section);
        let ids: Vec<_> = opened.signs.iter().map(|sign| sign.id).collect();
        assert_eq!(ids, ["onenote.attachment", "onenote.attachment_runs"]);
        assert_eq!(opened.members[0].name.as_deref(), Some("invoice.hta"));
        assert_eq!(opened.members[0].bytes, script);
        let text = str::from_utf8(&opened.members[1].bytes).unwrap();
        assert!(text.contains("seen by the reader"), "{text}");
    }

    #[test]
    fn an_extension_by_its_reference() {
        let guid: Vec<u8> = (1..17).collect();
        let mut section = MAGIC.to_vec();
        section.extend(wide("<ifndf>{04030201-0605-0807-090A-0B0C0D0E0F10}"));
        section.extend([&4_u32.to_le_bytes()[..], &wide(".cmd"), &[0xff; 7]].concat());
        let at = section.len() + 28;
        section.extend([&u64::try_from(at).unwrap().to_le_bytes()[..], &[9; 4], &guid].concat());
        section.extend(file(b"echo hello", 10));
        assert_eq!(read(&section).members[0].name.as_deref(), Some("file.cmd"));
    }

    #[test]
    fn false_lengths_end_at_the_mark_behind() {
        for said in [usize::MAX, 1 << 40, 5_000] {
            assert_eq!(
                read(&[MAGIC, &file(b"the data", said)].concat()).members[0].bytes,
                b"the data"
            );
        }
        let cut = [MAGIC, &file(b"the data", 8)].concat();
        for end in 0..cut.len() {
            read(&cut[..end]);
        }
    }
}
