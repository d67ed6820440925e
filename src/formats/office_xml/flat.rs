//! Documents that are one XML file: Flat OPC, Word 2003 XML, SpreadsheetML 2003, flat OpenDocument.

use super::{Document, part, plain_name};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        encodings,
        opened::Opened,
        xml::{self, Token},
    },
};
use flate2::read::ZlibDecoder;
use std::io::Read;

/// Is it a document of an office program in one XML file?
pub fn is_flat(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    let head = encodings::text(head);
    head.contains('<') && MARKS.iter().any(|mark| head.contains(mark))
}

/// Reads a document that is one XML file; the files written in it in base64 are members.
pub fn open_flat(bytes: &[u8], name: &str, budget: &mut Budget) -> Opened {
    let text = encodings::text(bytes);
    let mut document = Document::default();
    let mut rest = text.as_str();
    let mut any = false;
    // Flat OPC: each part stands in an element of its own, with its name. Nothing nests.
    while let Some((_, from)) = split_at_part(rest) {
        let end = end_of_part(from);
        let (inner, after) = from.split_at_checked(end).unwrap_or((from, ""));
        one_part(inner, &mut document);
        any = true;
        rest = after;
        if let Err(limit) = budget.check_time() {
            document.opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
    }
    if !any {
        part::read("", &text, &mut document);
        if xml::tokens(&text)
            .any(|token| matches!(token, Token::Start(tag) if tag.name == "event-listener"))
        {
            document.opened.sign("office.macro", "an event runs a macro");
        }
    }
    document.finish(name, budget)
}

fn split_at_part(text: &str) -> Option<(&str, &str)> {
    let at = memchr::memmem::find(text.as_bytes(), b":part ")?;
    let at = text.get(..at)?.rfind('<')?;
    text.split_at_checked(at)
}

fn end_of_part(text: &str) -> usize {
    match memchr::memmem::find(text.as_bytes(), b":part>") {
        Some(at) => at + b":part>".len(),
        None => text.len(),
    }
}

/// `<pkg:part pkg:name="/word/document.xml"><pkg:xmlData>…` or `<pkg:binaryData>`.
fn one_part(text: &str, document: &mut Document) {
    let mut name = String::new();
    for token in xml::tokens(text).take(4) {
        if let Token::Start(tag) = token
            && tag.name == "part"
        {
            name = plain_name(&tag.attribute("name").unwrap_or_default());
            let kind = tag.attribute("contentType").unwrap_or_default().to_ascii_lowercase();
            if kind.contains("macroenabled") {
                document.opened.sign("office.macro_type", "the content type is one with macros");
            }
        }
    }
    document.by_name(&name);
    if name.ends_with(".rels") {
        document.relations.read(&name, text, &mut document.opened);
        return;
    }
    // A file in base64 carries the name of its part.
    let named = text.replacen(":binaryData", &format!(":binaryData name=\"{name}\" "), 1);
    part::read(&name, if text.contains(":binaryData") { &named } else { text }, document);
}

/// What a file that begins with `ActiveMime` wraps: a compound file, deflated, at a place that differs by version.
pub(super) fn active_mime(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"ActiveMime") {
        return None;
    }
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    for at in memchr::memchr_iter(0x78, head) {
        let packed = bytes.get(at..).unwrap_or_default();
        let mut start = [0; 8];
        if ZlibDecoder::new(packed).read_exact(&mut start).is_ok() {
            // Counted against the mail's budget by whoever keeps it; until then the bound of one part holds.
            let mut bytes = Vec::new();
            let read =
                ZlibDecoder::new(packed).take(limits::PART_BYTES_MAX).read_to_end(&mut bytes);
            return read.is_ok().then_some(bytes).filter(|bytes| !bytes.is_empty());
        }
    }
    None
}

/// What is looked at to tell the kind.
const HEAD_BYTES: usize = 8 << 10;
/// Names that only such documents have near their beginning.
const MARKS: &[&str] = &[
    "schemas.microsoft.com/office/2006/xmlPackage",
    "schemas.microsoft.com/office/word/2003",
    "schemas.microsoft.com/office/word/2003/wordml",
    "urn:schemas-microsoft-com:office:spreadsheet",
    "urn:oasis:names:tc:opendocument",
    "progid=\"Word.Document\"",
    "progid=\"Excel.Sheet\"",
];
