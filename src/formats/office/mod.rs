//! Microsoft's formats before they were zipped: everything that is a compound file (MS-CFB), and the parts of those formats that the zipped
//! ones still carry (macro projects, binary sheets, OLE objects).
//!
//! Every stream of a compound file is given whole, so that signatures see it put together; on top of that what Office, Outlook or Windows
//! would show or run: macros as text, sheets, text, embedded files, mail. A reader is a file here; to add one, write `read` and call it in
//! [`open`]. Nothing is run, nothing is written, no reader recurses: what is embedded is given and opened by whoever asked.

pub mod cfb;
pub mod classes;
pub mod objects;
pub mod word;
pub mod xlm;
pub mod xlsb;
pub mod active_mime;
pub(crate) mod document;
pub(crate) mod msg;
mod biff;
mod ciphers;
mod formula;
mod functions;
mod locked;
mod lzfu;
mod macro_text;
mod ovba;
mod package;
mod powerpoint;
mod vba;
pub(crate) mod le;
pub(crate) mod text;

use super::{
    budget::{Budget, Limit, Stopped},
    opened::{Member, Opened, Role},
};
use crate::base::limits;
use cfb::Compound;
use document::{Document, give_text};

/// Opens a compound file of any kind: documents, presentations, workbooks, Outlook messages, installers, macro projects.
///
/// `name` is its file name as far as it is known; `passwords` are tried after the one that Excel knows by itself.
/// What is encrypted and opens with none of them is `Stopped::Encrypted`; what is broken gives what there is.
pub fn open(bytes: &[u8], name: &str, passwords: &[String], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let Some(compound) = Compound::read(bytes) else {
        opened.stopped = Some(Stopped::Damaged("no directory in the compound file".to_string()));
        // Tables may be gone and the letters still there.
        vba::in_bytes(bytes, name, &mut opened, budget);
        return opened;
    };
    let mut document = Document::load(&compound, budget);
    opened.stopped = document.stopped.take();
    locked::unlock(&mut document, passwords, &mut opened, budget);
    vba::read(&document, &mut opened, budget);
    xlm::read(&document, &mut opened, budget);
    objects::read(&mut document, &mut opened, budget);
    if !msg::installer(&mut document, &mut opened) {
        msg::read(&mut document, &mut opened, budget);
        word::read(&document, &mut opened, budget);
        powerpoint::read(&document, &mut opened, budget);
        letters(&document, &mut opened, budget);
    }
    streams(document, &mut opened);
    let late = budget.check_time().err().map(Stopped::Limit);
    opened.stopped = opened.stopped.or(late);
    opened
}

/// Readable UTF-16 of streams for which there is no reader: titles, properties, variables, captions of controls.
fn letters(document: &Document, opened: &mut Opened, budget: &mut Budget) {
    let has_reader =
        ["WordDocument", "Workbook", "Book", "PowerPoint Document", "EncryptedPackage"];
    let mut letters = String::new();
    for stream in document.streams.iter().filter(|stream| !stream.given) {
        let left = LETTERS_BYTES_MAX.saturating_sub(letters.len());
        if left == 0 || budget.check_time().is_err() {
            break;
        }
        if !has_reader.iter().any(|name| stream.is_named(name)) {
            letters.push_str(&text::wide_runs(&stream.bytes, LETTERS_MIN, left));
        }
    }
    give_text(opened, budget, "letters.txt", letters, Role::Inside);
}

/// Every stream that was not given in a better shape; they were counted when they were read. Many small ones are joined.
fn streams(document: Document, opened: &mut Opened) {
    let mut joined = Vec::new();
    let mut apart = 0;
    for stream in document.streams {
        if stream.given || (stream.bytes.is_empty() && stream.stopped.is_none()) {
            continue;
        }
        apart += 1;
        if apart > limits::COMPOUND_STREAMS_APART_MAX && stream.bytes.len() <= JOINED_BYTES_MAX {
            joined.extend_from_slice(&stream.bytes);
            joined.push(b'\n');
            continue;
        }
        let name = Some(stream.shown());
        let member =
            Member { name, bytes: stream.bytes, role: Role::Inside, stopped: stream.stopped };
        if !opened.push(member) {
            let limit = Limit::TooMany { parts_max: limits::PARTS_MAX };
            opened.stopped = opened.stopped.take().or(Some(Stopped::Limit(limit)));
        }
    }
    if !joined.is_empty() {
        opened.push(Member::new(Some("small streams".to_string()), joined, Role::Inside));
    }
}

/// Shorter runs of UTF-16 are mostly chance.
const LETTERS_MIN: usize = 5;
const LETTERS_BYTES_MAX: usize = 4 << 20;
/// Streams above this are members of their own however many there are.
const JOINED_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
