//! Office Open XML (ECMA-376) and OpenDocument 1.3 as archives, and both as single XML files: what the XML says.
//!
//! The members of the archive are opened one by one by the reader of archives; here the parts are read together: text that a person sees,
//! where relationships lead, what fields and formulas start. Document type definitions are refused by every office program; one is a sign.
//! Nothing is fetched, nothing calculated. A part is found by what it is related as, whatever its name.

mod binary;
mod flat;
mod open_document;
mod part;
mod relations;
mod sheets;
#[cfg(test)]
mod tests;

pub use flat::{is_flat, open_flat};
pub(super) use part::formula_sign;

use super::{
    among::{keep, keep_text},
    archive::zip,
    budget::{Budget, Stopped},
    encodings, kind,
    opened::{Member, Opened, Role},
};
use crate::base::limits;
use part::Texts;
use relations::Relations;
use sheets::Sheets;

/// Reads a document that is an archive; `name` is its file name, empty if there is none.
/// What is unpacked here only to be read is not counted against the bytes of the mail, since the same parts are given as members of the
/// archive by its own reader; what is put together from it is.
pub fn open(archive: &[u8], name: &str, budget: &mut Budget) -> Opened {
    let mut document = Document::default();
    let entries = zip::list(archive);
    let lower: Vec<String> = entries.iter().map(|entry| plain_name(&entry.name)).collect();
    let is_open_document = lower.iter().any(|name| name == "content.xml" || name == "mimetype");
    if !is_open_document && !lower.iter().any(|name| name == "[content_types].xml") {
        document.opened.sign("office.no_content_types", "the list of content types is missing");
    }
    // Relationships and types first: they say what the other parts are.
    let mut scratch = budget.clone();
    for first in [true, false] {
        for (entry, part) in entries.iter().zip(&lower) {
            let leads = part.ends_with(".rels")
                || part == "[content_types].xml"
                || part == "meta-inf/manifest.xml";
            if leads != first || !may_be_read(part) {
                continue;
            }
            let unpacked = zip::unpack(archive, entry, &mut scratch);
            if let Some(Stopped::Limit(limit)) = unpacked.stopped {
                document.opened.stopped = Some(Stopped::Limit(limit));
            }
            document.part(part, &unpacked.bytes);
            if let Err(limit) = scratch.check_time() {
                document.opened.stopped = Some(Stopped::Limit(limit));
                return document.finish(name, budget);
            }
        }
    }
    for part in &lower {
        document.by_name(part);
    }
    document.finish(name, budget)
}

/// A document as far as it has been read.
#[derive(Debug, Default)]
struct Document {
    opened: Opened,
    texts: Texts,
    relations: Relations,
    sheets: Sheets,
    /// Members made from letters in the XML: base64 of single files.
    found: Vec<Member>,
}

impl Document {
    fn part(&mut self, name: &str, bytes: &[u8]) {
        if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            // A compound file: others open it.
            return;
        }
        if looks_binary(bytes) {
            // Parts of XLSB and others: their strings are UTF-16.
            if name.ends_with(".bin") && name.starts_with("xl/") {
                binary::read(name, bytes, self);
            }
            return;
        }
        let text = encodings::text(bytes);
        if name.ends_with(".rels") {
            self.relations.read(name, &text, &mut self.opened);
        } else if name == "[content_types].xml" {
            self.relations.types(&text, &mut self.opened);
        } else if name == "meta-inf/manifest.xml" {
            open_document::manifest(&text, &mut self.opened);
        } else {
            part::read(name, &text, self);
            self.sheets.read(&text);
        }
    }

    /// What the mere presence of a part says.
    fn by_name(&mut self, name: &str) {
        let file = name.rsplit('/').next().unwrap_or_default();
        if file == "vbaproject.bin" || file == "vbadata.xml" {
            self.opened.sign("office.macro", "a macro project is inside");
        }
        if name.contains("/macrosheets/") {
            self.opened.sign("office.macro", "a sheet of Excel 4 macros is inside");
        }
        if name.contains("activex/") {
            self.opened.sign("office.active_x", "a control is inside");
        }
        if name.contains("/embeddings/") {
            let what = kind::extension(file);
            self.opened.sign("office.embedded_object", format!("a file is embedded: {what}"));
        }
        if (name.starts_with("basic/") && file != "script-lc.xml" && file != "script-lb.xml")
            || name.starts_with("scripts/")
        {
            self.opened.sign("office.macro", "a macro library is inside");
        }
    }

    fn finish(mut self, name: &str, budget: &mut Budget) -> Opened {
        self.relations.compare(name, &mut self.opened);
        let texts = std::mem::take(&mut self.texts);
        if texts.is_full() {
            let limit = super::budget::Limit::TooLarge {
                bytes_max: u64::try_from(limits::DOCUMENT_TEXT_BYTES_MAX).unwrap_or(u64::MAX),
            };
            self.opened.stopped.get_or_insert(Stopped::Limit(limit));
        }
        let mut opened = self.opened;
        opened.tables = self.sheets.text();
        for member in self.found {
            keep(&mut opened, member, budget);
        }
        keep_text(&mut opened, ("document.txt", texts.shown), Role::Text, budget);
        keep_text(&mut opened, ("hidden.txt", texts.hidden), Role::Text, budget);
        keep_text(&mut opened, ("formulas.txt", texts.code), Role::Code, budget);
        opened
    }
}

/// Names as Office compares them: without case, with slashes, without one in front.
fn plain_name(name: &str) -> String {
    name.to_ascii_lowercase().replace('\\', "/").trim_start_matches('/').to_string()
}

/// Pictures, sound and programs are no parts to read; anything else is tried, since a part may have any name.
fn may_be_read(name: &str) -> bool {
    let extension = kind::extension(name);
    ![
        "png", "jpg", "jpeg", "gif", "emf", "wmf", "tif", "tiff", "odttf", "ttf", "wav", "mp3",
        "mp4", "exe", "ole", "docx", "xlsx", "pptx",
    ]
    .contains(&extension.as_str())
}

fn looks_binary(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(256)).unwrap_or_default();
    let head = head.trim_ascii_start();
    let begins = head.starts_with(b"<")
        || head.starts_with(b"\xef\xbb\xbf")
        || head.starts_with(b"\xff\xfe")
        || head.starts_with(b"\xfe\xff")
        || head.starts_with(b"<\0")
        || head.starts_with(b"\0<");
    !begins
}
