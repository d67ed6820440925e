//! PowerPoint documents, MS-PPT: text of slides and notes, addresses, actions behind shapes, and the objects kept in the document stream,
//! among them the macro project.

use super::{
    cfb,
    document::{Document, give, give_text, link},
    le, objects, text,
};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit, Stopped},
        opened::{Member, Opened, Role},
    },
};
use flate2::bufread::ZlibDecoder;
use std::collections::BTreeSet;

/// Gives what is in the document stream of a presentation.
pub(super) fn read(document: &Document, opened: &mut Opened, budget: &mut Budget) {
    for stream in document.named("PowerPoint Document").chain(document.named("PP97_DUALSTORAGE")) {
        let mut seen = BTreeSet::new();
        let mut text = String::new();
        let mut from_elsewhere = false;
        for (n, record) in records(&stream.bytes).enumerate() {
            if n.is_multiple_of(RECORDS_BETWEEN_LOOKS) && budget.check_time().is_err() {
                break;
            }
            match record.kind {
                OBJECT if seen.len() >= limits::EMBEDDED_OBJECTS_MAX => {
                    let limit = Limit::TooMany { parts_max: limits::EMBEDDED_OBJECTS_MAX };
                    opened.stopped = opened.stopped.take().or(Some(Stopped::Limit(limit)));
                }
                OBJECT => {
                    seen.insert(record.at);
                    object(&record, opened, budget);
                }
                LINK_CONTAINER => from_elsewhere = true,
                // Any other container ends what is known about its strings.
                kind if record.is_container && kind != LINK_CONTAINER => from_elsewhere = false,
                _ => letters(&record, from_elsewhere, &mut text, opened),
            }
        }
        // A record with a false size may cover others; objects are looked for by their head as well.
        for head in [&b"\x10\0\x11\x10"[..], b"\0\0\x11\x10"] {
            for at in memchr::memmem::find_iter(&stream.bytes, head) {
                if seen.len() < limits::EMBEDDED_OBJECTS_MAX && seen.insert(at) {
                    records(le::from(&stream.bytes, at)).take(1).for_each(|record| {
                        object(&record, opened, budget);
                    });
                }
            }
        }
        give_text(opened, budget, "slides.txt", text, Role::Text);
    }
}

/// One record, MS-PPT section 2.3.1.
pub(super) struct Record<'s> {
    pub(super) at: usize,
    pub(super) kind: u16,
    pub(super) instance: u16,
    pub(super) is_container: bool,
    pub(super) content: &'s [u8],
}

/// All records in order; those in containers follow their container.
pub(super) fn records(stream: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (head, kind) = (le::short(stream, at)?, le::short(stream, at + 2)?);
        let size = le::size(stream, at + 4)?;
        let is_container = head & 15 == 15;
        let content = le::slice(stream, at + 8, size);
        let record = Record { at, kind, instance: head >> 4, is_container, content };
        at = at.saturating_add(8).saturating_add(if is_container { 0 } else { size });
        Some(record)
    })
    .take(limits::OFFICE_RECORDS_MAX)
}

fn letters(record: &Record<'_>, from_elsewhere: bool, text: &mut String, opened: &mut Opened) {
    let line = match record.kind {
        TEXT_WIDE | STRING => text::utf16(record.content),
        TEXT_NARROW => text::decode(record.content, 1252),
        ACTION => {
            let because = match le::byte(record.content, 8) {
                Some(1) => "a shape runs a macro",
                Some(2) => "a shape starts a program",
                Some(5) => "a shape opens an embedded object",
                _ => return,
            };
            opened.sign("office.click_action", because);
            return;
        }
        _ => return,
    };
    if record.kind == STRING && (objects::is_remote(&line) || line.contains(":\\")) {
        link(opened, &line);
        if from_elsewhere && objects::is_remote(&line) {
            opened.sign("office.remote_object", "an object on a slide is loaded from elsewhere");
        }
    }
    if text.len() + line.len() < limits::OFFICE_TEXT_BYTES_MAX {
        text.push_str(&line.replace(['\r', '\u{b}', '\0'], "\n"));
        text.push('\n');
    }
}

/// ExOleObjStg and its kin, MS-PPT section 2.10.34: a compound file, packed or not. It is opened further as a file of its own.
fn object(record: &Record<'_>, opened: &mut Opened, budget: &mut Budget) {
    let name = format!("embedded object at {}", record.at);
    if cfb::is_compound(record.content) {
        give(opened, budget, name, record.content.to_vec(), Role::Inside);
        return;
    }
    // The unpacked size stands in front of what is packed.
    let is_bare = record.instance == 0 && is_packed(record.content);
    let packed = le::from(record.content, if is_bare { 0 } else { 4 });
    let total = packed.len();
    let unpacked = budget
        .unpack(ZlibDecoder::new(packed), |decoder| total.saturating_sub(decoder.get_ref().len()));
    if !unpacked.bytes.is_empty() {
        // PowerPoint itself leaves out the last block; with the size reached nothing is missing.
        let is_whole = le::size(record.content, 0) == Some(unpacked.bytes.len());
        opened.push(Member {
            name: Some(name),
            bytes: unpacked.bytes,
            role: Role::Inside,
            stopped: unpacked.stopped.filter(|_| !is_whole),
        });
    }
}

fn is_packed(bytes: &[u8]) -> bool {
    matches!(bytes, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

/// Records read between two looks at the clock.
const RECORDS_BETWEEN_LOOKS: usize = 4_096;
const TEXT_WIDE: u16 = 0x0fa0;
const TEXT_NARROW: u16 = 0x0fa8;
const STRING: u16 = 0x0fba;
const ACTION: u16 = 0x0ff3;
const OBJECT: u16 = 0x1011;
const LINK_CONTAINER: u16 = 0x0fce;

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
mod tests {
    use super::{super::cfb::testing::compound, *};
    use crate::{base::clock::Clock, formats::budget::Bounds};
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write;

    fn record(head: u16, kind: u16, content: &[u8]) -> Vec<u8> {
        let size = (content.len() as u32).to_le_bytes();
        [&head.to_le_bytes()[..], &kind.to_le_bytes(), &size, content].concat()
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn open(stream: &[u8]) -> Opened {
        let bytes = compound(&[("PowerPoint Document", stream)]);
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        let document = Document::load(&cfb::Compound::read(&bytes).unwrap(), &mut budget);
        let mut opened = Opened::default();
        read(&document, &mut opened, &mut budget);
        opened
    }

    #[test]
    fn text_links_actions_and_objects() {
        let mut packed = ZlibEncoder::new(vec![0; 4], Compression::default());
        packed.write_all(b"MARKER in an object").unwrap();
        let inner = [
            record(0, TEXT_WIDE, &wide("wide MARKER")),
            record(0, TEXT_NARROW, b"narrow"),
            record(0, STRING, &wide("http://a.example/")),
            record(0, ACTION, &[0, 0, 0, 0, 0, 0, 0, 0, 2, 0]),
            record(0x10, OBJECT, &packed.finish().unwrap()),
        ];
        let opened = open(&record(15, 1000, &inner.concat()));
        assert_eq!(opened.members[0].bytes, b"MARKER in an object");
        assert_eq!(opened.members[1].bytes, b"wide MARKER\nnarrow\nhttp://a.example/\n");
        assert_eq!(opened.links, ["http://a.example/"]);
        assert_eq!(opened.signs[0].id, "office.click_action");
    }

    #[test]
    fn an_object_behind_a_false_size() {
        let magic = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 MARKER";
        let mut stream = record(0, 7, b"x");
        stream[4..8].fill(0xff);
        stream.extend(record(0, OBJECT, magic));
        assert_eq!(open(&stream).members[0].bytes, magic);
    }
}
