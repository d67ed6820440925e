//! TNEF (winmail.dat), MS-OXTNEF: what Outlook packs a mail into that it sends to its own kind. Attachments with their names, bodies in all
//! forms, messages in messages.
//!
//! Checksums are not looked at. Lengths are not believed: where no attribute follows an attribute, the next one that can be recognised is.

use super::{
    budget::{Budget, Stopped},
    office::{
        document::{give, give_text, link},
        le, msg, text,
    },
    opened::{Member, Opened, Role},
};
use crate::base::limits;

/// Opens a TNEF stream.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    if !bytes.starts_with(SIGNATURE) {
        return Opened::stopped(Stopped::Damaged("no TNEF signature".to_string()));
    }
    let mut reader = Reader::default();
    for attribute in attributes(bytes) {
        if let Err(limit) = budget.check_time() {
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        reader.attribute(&attribute, &mut opened, budget);
        if attribute.is_cut {
            let why = "an attribute ends before its length".to_string();
            opened.stopped = Some(Stopped::Damaged(why));
        }
    }
    reader.end_attachment(&mut opened);
    let shown = [reader.subject, reader.body].join("\n\n");
    give_text(&mut opened, budget, "body.txt", shown, Role::Text);
    if !reader.small.is_empty() {
        give(&mut opened, budget, "properties", reader.small, Role::Inside);
    }
    if opened.members.is_empty() && opened.stopped.is_none() {
        opened.stopped = Some(Stopped::Damaged("nothing that can be read in TNEF".to_string()));
    }
    opened
}

struct Attribute<'b> {
    id: u32,
    content: &'b [u8],
    is_cut: bool,
}

/// MS-OXTNEF section 2.1.3.1: level, identifier, length, content, checksum.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    let mut at = 6;
    // What false lengths may cover twice: each of a million could claim the whole rest.
    let mut twice_left = bytes.len();
    std::iter::from_fn(move || {
        let start = next_attribute(bytes, at)?;
        let id = le::long(bytes, start + 1)?;
        let length = le::size(bytes, start + 5)?;
        let content = le::from(bytes, start + 9);
        let end = (start + 9).saturating_add(length).saturating_add(2);
        // After the checksum there is the next attribute or the end. If not, the length is false.
        let follows = le::from(bytes, end).is_empty() || is_attribute(bytes, end);
        let is_right = content.len() >= length && follows;
        let next = match is_right {
            true => end,
            false => next_attribute(bytes, start + 9).unwrap_or(bytes.len() + 2),
        };
        at = next;
        let to_next = next.saturating_sub(start + 11);
        let taken = match (is_right, twice_left.checked_sub(length.min(content.len()))) {
            (true, _) => length,
            (false, Some(left)) => {
                twice_left = left;
                to_next.max(length)
            }
            (false, None) => to_next,
        };
        let content = le::slice(content, 0, taken);
        Some(Attribute { id, content, is_cut: content.len() < length })
    })
    .take(limits::PARTS_MAX * 8)
}

fn is_attribute(bytes: &[u8], at: usize) -> bool {
    matches!(le::byte(bytes, at), Some(1 | 2))
        && le::long(bytes, at + 1).is_some_and(|id| KNOWN.contains(&id) || is_likely(id))
}

/// Kinds are 0 to 9, numbers 0x8000 to 0x9FFF: MS-OXTNEF section 2.1.3.2.
fn is_likely(id: u32) -> bool {
    id >> 16 <= 9 && (0x8000..0xa000).contains(&(id & 0xffff))
}

/// The next place that begins as an attribute; directly here mostly.
fn next_attribute(bytes: &[u8], at: usize) -> Option<usize> {
    if is_attribute(bytes, at) {
        return Some(at);
    }
    let is_known = |at: &usize| {
        le::byte(bytes, at + 4) == Some(0)
            && le::long(bytes, at + 1).is_some_and(|id| KNOWN.contains(&id))
            && le::size(bytes, at + 5).is_some()
    };
    memchr::memchr2_iter(1, 2, le::from(bytes, at)).map(|found| at + found).find(is_known)
}

#[derive(Debug, Default)]
struct Reader {
    code_page: Option<u16>,
    subject: String,
    body: String,
    attachment: Attachment,
    attachments: usize,
    /// Values that nobody opens, for the signatures.
    small: Vec<u8>,
}

#[derive(Debug, Default)]
struct Attachment {
    title: Option<String>,
    long_name: Option<String>,
    contents: Vec<Vec<u8>>,
    is_message: bool,
}

impl Reader {
    fn attribute(&mut self, attribute: &Attribute<'_>, opened: &mut Opened, budget: &mut Budget) {
        let content = attribute.content;
        match attribute.id {
            CODE_PAGE => self.code_page = le::short(content, 0),
            SUBJECT => self.subject = self.letters(content),
            BODY => self.body.push_str(&self.letters(content)),
            ATTACHMENT_BEGINS => self.end_attachment(opened),
            TITLE => {
                // Without the attribute that begins one, a second title does.
                if self.attachment.title.is_some() && !self.attachment.contents.is_empty() {
                    self.end_attachment(opened);
                }
                self.attachment.title = Some(self.letters(content));
            }
            CONTENT => self.content(content, opened, budget),
            ATTACHMENT_PROPERTIES => self.attachment_properties(content, opened, budget),
            MESSAGE_PROPERTIES => self.message_properties(content, opened, budget),
            RECIPIENTS => (),
            _ => self.other("attribute", content, opened, budget),
        }
    }

    /// Keeps the content of an attachment until its name is known; counted here, so that nothing is kept beyond the bound.
    fn content(&mut self, content: &[u8], opened: &mut Opened, budget: &mut Budget) {
        match budget.take_bytes(content.len()) {
            Ok(()) => self.attachment.contents.push(content.to_vec()),
            Err(limit) => opened.stopped = Some(Stopped::Limit(limit)),
        }
    }

    fn letters(&self, bytes: &[u8]) -> String {
        let (bytes, _) = text::until_zero(bytes);
        match self.code_page {
            Some(page) => text::decode(bytes, page),
            None => text::guessed(bytes),
        }
    }

    /// Attributes that no reader shows, in case a signature knows them.
    fn other(&mut self, name: &str, content: &[u8], opened: &mut Opened, budget: &mut Budget) {
        if content.len() > APART_BYTES_MIN {
            give(opened, budget, name, content.to_vec(), Role::Inside);
        } else if self.small.len() < limits::OFFICE_TEXT_BYTES_MAX {
            self.small.extend_from_slice(content);
            self.small.push(b'\n');
        }
    }

    fn end_attachment(&mut self, opened: &mut Opened) {
        let attachment = std::mem::take(&mut self.attachment);
        if attachment.contents.is_empty() {
            return;
        }
        self.attachments += 1;
        let named = [attachment.long_name, attachment.title];
        let name = named.into_iter().flatten().find(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| format!("attachment {}", self.attachments));
        let role = if attachment.is_message { Role::Inside } else { Role::File };
        for content in attachment.contents {
            opened.push(Member::new(Some(text::shown(&name)), content, role));
        }
    }

    fn attachment_properties(&mut self, content: &[u8], opened: &mut Opened, budget: &mut Budget) {
        let mut best = usize::MAX;
        for property in properties(content) {
            let rank = msg::NAMES.iter().position(|id| *id == property.id);
            if let Some(rank) = rank.filter(|rank| *rank < best) {
                let name = self.property_text(&property);
                if !name.trim().is_empty() {
                    best = rank;
                    self.attachment.long_name = Some(name);
                }
            } else if msg::PATHS.contains(&property.id) {
                link(opened, &self.property_text(&property));
            } else if property.id == msg::CONTENT {
                let inner = msg::object_content(property.value);
                self.attachment.is_message |= inner.starts_with(SIGNATURE);
                // Outlook prefers this over the plain content when both are there.
                self.content(inner, opened, budget);
            }
        }
    }

    fn message_properties(&mut self, content: &[u8], opened: &mut Opened, budget: &mut Budget) {
        for property in properties(content) {
            match property.id {
                msg::BODY => {
                    let body = self.property_text(&property);
                    self.body.push_str(&body);
                }
                msg::SUBJECT if self.subject.is_empty() => {
                    self.subject = self.property_text(&property);
                }
                msg::HTML => {
                    let html = match property.kind {
                        msg::KIND_WIDE => text::utf16(property.value).into_bytes(),
                        _ => property.value.to_vec(),
                    };
                    give(opened, budget, "body.html", html, Role::Inside);
                }
                msg::RTF => msg::give_rtf(property.value, "body", opened, budget),
                msg::HEADERS => {
                    let headers = self.property_text(&property);
                    give_text(opened, budget, "headers.txt", headers, Role::Inside);
                }
                id => {
                    let wide = self.property_text(&property);
                    let value = match property.kind {
                        msg::KIND_WIDE => wide.as_bytes(),
                        _ => property.value,
                    };
                    self.other(&format!("property {id:04x}"), value, opened, budget);
                }
            }
        }
    }

    fn property_text(&self, property: &Property<'_>) -> String {
        match property.kind {
            msg::KIND_WIDE => msg::as_text(msg::KIND_WIDE, property.value),
            _ => self.letters(property.value),
        }
    }
}

struct Property<'b> {
    id: u16,
    kind: u16,
    value: &'b [u8],
}

/// A list of MAPI properties, MS-OXTNEF section 2.1.3.4, as far as it can be followed.
fn properties(bytes: &[u8]) -> Vec<Property<'_>> {
    let mut found = Vec::new();
    let count = le::size(bytes, 0).unwrap_or(0).min(limits::MAPI_PROPERTIES_MAX);
    let mut at = 4;
    for _ in 0..count {
        let Some(next) = property(bytes, at, &mut found) else { break };
        at = next;
    }
    found
}

fn property<'b>(bytes: &'b [u8], at: usize, found: &mut Vec<Property<'b>>) -> Option<usize> {
    let (kind, id) = (le::short(bytes, at)?, le::short(bytes, at + 2)?);
    let mut at = at + 4;
    if id >= NAMED {
        // A set, and in it a number or a name.
        let is_name = le::long(bytes, at + 16)? == 1;
        at += 20;
        at += match is_name {
            true => 4 + padded(le::size(bytes, at)?),
            false => 4,
        };
    }
    let is_multiple = kind & 0x1000 != 0;
    let plain = kind & 0x0fff;
    let fixed = match plain {
        0x0002 | 0x0003 | 0x0004 | 0x000a | 0x000b => Some(4),
        0x0005..=0x0007 | 0x0014 | 0x0040 => Some(8),
        0x0048 => Some(16),
        0x0001 => Some(0),
        _ => None,
    };
    let values = match is_multiple || fixed.is_none() {
        true => {
            at += 4;
            le::size(bytes, at - 4)?
        }
        false => 1,
    };
    for _ in 0..values.min(limits::MAPI_PROPERTIES_MAX) {
        let size = match fixed {
            Some(size) => size,
            None => {
                at += 4;
                le::size(bytes, at - 4)?
            }
        };
        if found.len() >= limits::MAPI_PROPERTIES_MAX || at > bytes.len() {
            return None;
        }
        found.push(Property { id, kind: plain, value: le::slice(bytes, at, size) });
        at = at.checked_add(padded(size))?;
    }
    Some(at)
}

/// Values fill whole groups of four bytes.
fn padded(size: usize) -> usize {
    size.saturating_add(3) & !3
}

const SIGNATURE: &[u8] = b"\x78\x9f\x3e\x22";
/// From here on a property is named by a set and a number or a name.
const NAMED: u16 = 0x8000;
/// Shorter values are joined.
const APART_BYTES_MIN: usize = 4_096;

const SUBJECT: u32 = 0x0001_8004;
const BODY: u32 = 0x0002_800c;
const CODE_PAGE: u32 = 0x0006_9007;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const RECIPIENTS: u32 = 0x0006_9004;
const ATTACHMENT_BEGINS: u32 = 0x0006_9002;
const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;
const TITLE: u32 = 0x0001_8010;
const CONTENT: u32 = 0x0006_800f;
/// Attributes that are looked for where a length was false.
const KNOWN: &[u32] = &[
    SUBJECT,
    BODY,
    CODE_PAGE,
    MESSAGE_PROPERTIES,
    RECIPIENTS,
    ATTACHMENT_BEGINS,
    ATTACHMENT_PROPERTIES,
    TITLE,
    CONTENT,
    0x0008_9006,
    0x0007_8008,
    0x0000_8000,
    0x0003_8005,
    0x0003_8006,
    0x0001_8009,
    0x0004_800d,
    0x0003_8012,
    0x0003_8013,
    0x0003_8020,
    0x0006_8011,
    0x0001_8018,
];

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn attribute(level: u8, id: u32, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_le_bytes();
        [&[level][..], &id.to_le_bytes(), &length, content, &[0, 0]].concat()
    }

    fn value(kind: u16, id: u16, content: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), id.to_le_bytes()].concat();
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(content);
        bytes.resize(padded(bytes.len()), 0);
        bytes
    }

    fn tnef(attributes: &[Vec<u8>]) -> Vec<u8> {
        [SIGNATURE, &[1, 0], &attributes.concat()].concat()
    }

    fn sample() -> Vec<u8> {
        let wide: Vec<u8> = "långt namn.exe".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let names = [&1_u32.to_le_bytes()[..], &value(0x1f, 0x3707, &wide)].concat();
        let named = [
            &[0x1f, 0, 1, 0x80][..],
            &[0; 16],
            &[1, 0, 0, 0, 6, 0, 0, 0],
            b"a\0b\0\0\0\0\0",
            &[1, 0, 0, 0, 2, 0, 0, 0, b'x', 0, 0, 0],
        ];
        let html = value(0x102, msg::HTML, b"<p>HTML MARK</p>");
        let properties = [&2_u32.to_le_bytes()[..], &named.concat(), &html].concat();
        tnef(&[
            attribute(1, CODE_PAGE, &1252_u32.to_le_bytes()),
            attribute(1, SUBJECT, b"S\xe5\0"),
            attribute(1, BODY, b"plain MARK\0"),
            attribute(1, MESSAGE_PROPERTIES, &properties),
            attribute(2, ATTACHMENT_BEGINS, &[0; 14]),
            attribute(2, TITLE, b"LNGTNA~1.EXE\0"),
            attribute(2, CONTENT, b"first file"),
            attribute(2, ATTACHMENT_PROPERTIES, &names),
            attribute(2, ATTACHMENT_BEGINS, &[0; 14]),
            attribute(2, TITLE, b"b.txt\0"),
            attribute(2, CONTENT, b"second file"),
        ])
    }

    fn read(bytes: &[u8]) -> Vec<(String, String)> {
        let opened = open(bytes, &mut Budget::new(Bounds::default(), &Clock::system()));
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        opened
            .members
            .iter()
            .map(|member| (member.name.clone().unwrap_or_default(), shown(&member.bytes)))
            .collect()
    }

    fn pair(name: &str, content: &str) -> (String, String) {
        (name.to_string(), content.to_string())
    }

    #[test]
    fn bodies_and_attachments() {
        let want = [
            pair("body.html", "<p>HTML MARK</p>"),
            pair("långt namn.exe", "first file"),
            pair("b.txt", "second file"),
            pair("body.txt", "Så\n\nplain MARK"),
        ];
        assert_eq!(read(&sample())[..4], want);
    }

    #[test]
    fn false_lengths_hide_nothing() {
        let bytes = sample();
        let at = memchr::memmem::find(&bytes, b"first file").unwrap() - 4;
        for length in [0_u32, 3, 9, 11, 500, u32::MAX] {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            let found = read(&bytes);
            let has = |text: &str| found.iter().any(|(_, content)| content.contains(text));
            assert!(has("first file") && has("second file"), "{length} {found:?}");
        }
    }

    #[test]
    fn a_message_in_a_message() {
        let inner = tnef(&[attribute(1, BODY, b"deep\0")]);
        let object = [&[7, 3, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46][..], &inner].concat();
        let list = [&1_u32.to_le_bytes()[..], &value(0x0d, 0x3701, &object)].concat();
        let outer = tnef(&[attribute(2, ATTACHMENT_PROPERTIES, &list)]);
        let opened = open(&outer, &mut Budget::new(Bounds::default(), &Clock::system()));
        assert_eq!((&opened.members[0].bytes, opened.members[0].role), (&inner, Role::Inside));
    }

    #[test]
    fn truncated_anywhere() {
        let bytes = sample();
        for end in 0..bytes.len() {
            read(&bytes[..end]);
        }
    }
}
