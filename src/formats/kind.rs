//! The true type of a blob: by its bytes first, by its name where the bytes alone do not tell (scripts are text, a `.com` is anything).
//!
//! Our own table knows what carries malware by mail; file-format knows the many others (pictures, sound, film, rare archives).
//! [`claims`] says what the sender pretends it is; a check compares the two.

mod known;

use super::{archive, crypto};
use file_format::{FileFormat, Kind};
use known::{
    COM_EXTENSIONS, EXTENSIONS, HTML_EXTENSIONS, HTML_STARTS, MAGICS, MESSAGE_FIELDS,
    SCRIPT_EXTENSIONS, SCRIPT_STARTS, SCRIPT_WORDS, SHORTCUT_EXTENSIONS, TYPES,
};
use serde::{Deserialize, Serialize};

/// What a part is by its bytes, as coarse as policy needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// Readable text of no special form.
    Text,
    /// A web page.
    Html,
    /// A mail inside the mail.
    Message,
    /// A calendar invitation.
    Calendar,
    /// A picture.
    Image,
    /// Sound or film.
    Media,
    /// PDF.
    Pdf,
    /// Word, Excel, PowerPoint of the OLE time.
    OfficeOld,
    /// Office Open XML.
    Office,
    /// Office Open XML with a macro project inside.
    OfficeMacro,
    /// OpenDocument.
    OpenDocument,
    /// Rich Text Format.
    Rtf,
    /// OneNote section.
    OneNote,
    /// ZIP that is no known document.
    Zip,
    /// gzip.
    Gzip,
    /// tar.
    Tar,
    /// An archive we recognise and do not open yet: 7z, rar, cab, xz and others.
    Archive,
    /// A disk image.
    DiskImage,
    /// A program: PE, ELF, Mach-O, MS-DOS .com by name.
    Executable,
    /// A script that a system runs on a double click: js, vbs, ps1, bat, hta, wsf.
    Script,
    /// A Windows shortcut.
    Shortcut,
    /// A Java archive.
    Java,
    /// S/MIME, OpenPGP: signatures, keys, encrypted content.
    Crypto,
    /// Microsoft's winmail.dat.
    Tnef,
    /// Nothing known.
    Unknown,
}

impl PartKind {
    /// Is it read as letters: text, or what is written in it?
    pub fn is_letters(self) -> bool {
        match self {
            PartKind::Text
            | PartKind::Html
            | PartKind::Script
            | PartKind::Shortcut
            | PartKind::Calendar => true,
            PartKind::Message
            | PartKind::Image
            | PartKind::Media
            | PartKind::Pdf
            | PartKind::OfficeOld
            | PartKind::Office
            | PartKind::OfficeMacro
            | PartKind::OpenDocument
            | PartKind::Rtf
            | PartKind::OneNote
            | PartKind::Zip
            | PartKind::Gzip
            | PartKind::Tar
            | PartKind::Archive
            | PartKind::DiskImage
            | PartKind::Executable
            | PartKind::Java
            | PartKind::Crypto
            | PartKind::Tnef
            | PartKind::Unknown => false,
        }
    }

    /// Is it nothing that is read from its beginning to its end, so that another file may begin anywhere in it?
    pub fn may_hold_others(self) -> bool {
        match self {
            PartKind::Image
            | PartKind::Media
            | PartKind::OneNote
            | PartKind::Executable
            | PartKind::Shortcut
            | PartKind::Crypto
            | PartKind::Tnef
            | PartKind::Unknown => true,
            PartKind::Text
            | PartKind::Html
            | PartKind::Message
            | PartKind::Calendar
            | PartKind::Script
            | PartKind::Zip
            | PartKind::Tar
            | PartKind::Gzip
            | PartKind::Pdf
            | PartKind::Rtf
            | PartKind::OfficeOld
            | PartKind::Office
            | PartKind::OfficeMacro
            | PartKind::OpenDocument
            | PartKind::DiskImage
            | PartKind::Archive
            | PartKind::Java => false,
        }
    }

    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            PartKind::Text => "text",
            PartKind::Html => "html",
            PartKind::Message => "message",
            PartKind::Calendar => "calendar",
            PartKind::Image => "image",
            PartKind::Media => "media",
            PartKind::Pdf => "pdf",
            PartKind::OfficeOld => "office-old",
            PartKind::Office => "office",
            PartKind::OfficeMacro => "office-macro",
            PartKind::OpenDocument => "open-document",
            PartKind::Rtf => "rtf",
            PartKind::OneNote => "one-note",
            PartKind::Zip => "zip",
            PartKind::Gzip => "gzip",
            PartKind::Tar => "tar",
            PartKind::Archive => "archive",
            PartKind::DiskImage => "disk-image",
            PartKind::Executable => "executable",
            PartKind::Script => "script",
            PartKind::Shortcut => "shortcut",
            PartKind::Java => "java",
            PartKind::Crypto => "crypto",
            PartKind::Tnef => "tnef",
            PartKind::Unknown => "unknown",
        }
    }
}

/// What the blob is. `name` is what a recipient sees; empty if there is none.
pub fn of(bytes: &[u8], name: &str) -> PartKind {
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    if let Some(kind) = by_magic(bytes) {
        return kind;
    }
    let extension = extension(name);
    let text = as_text(head);
    if let Some(text) = &text
        && let Some(kind) = text_kind(text, bytes, &extension)
    {
        return kind;
    }
    if COM_EXTENSIONS.contains(&extension.as_str()) && bytes.len() <= COM_BYTES_MAX {
        // A DOS program has no magic; the system runs whatever is named so.
        return PartKind::Executable;
    }
    if text.is_none()
        && let Some(kind) = rare_kind(bytes)
    {
        return kind;
    }
    match (by_table(bytes), &text) {
        // "MZ" alone makes no program of a text.
        (PartKind::Unknown | PartKind::Executable, Some(_)) => PartKind::Text,
        (kind, _) => kind,
    }
}

/// What follows the last dot of a name, lower case; trailing dots and blanks go, as Windows drops them.
pub fn extension(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace());
    name.rsplit_once('.').map(|(_, extension)| extension.trim().to_lowercase()).unwrap_or_default()
}

/// What the declared type and the name say it is: the name first, since it decides what opens it. None: they claim nothing we know.
pub fn claims(declared: &str, name: &str) -> Option<PartKind> {
    let extension = extension(name);
    EXTENSIONS
        .iter()
        .find(|(names, _)| names.contains(&extension.as_str()))
        .or_else(|| TYPES.iter().find(|(names, _)| names.contains(&declared)))
        .map(|(_, kind)| *kind)
        .or_else(|| match declared.split_once('/')? {
            ("image", _) => Some(PartKind::Image),
            ("audio" | "video", _) => Some(PartKind::Media),
            ("text", _) => Some(PartKind::Text),
            (_, _) => None,
        })
}

/// Does it begin as markup: a page, a picture in SVG, a document in XML?
pub fn is_markup(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    as_text(head).is_some_and(|text| {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        text.starts_with('<')
            && text.chars().nth(1).is_some_and(|next| next.is_alphabetic() || "?!".contains(next))
    })
}

fn by_magic(bytes: &[u8]) -> Option<PartKind> {
    for (magic, kind) in MAGICS {
        if bytes.starts_with(magic) {
            return Some(*kind);
        }
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(zip_kind(bytes));
    }
    if bytes.starts_with(b"MZ") && bytes.len() >= 64 {
        return Some(PartKind::Executable);
    }
    // LHA: a method such as -lh5- after two bytes.
    if let Some([b'-', b'l', b'h' | b'z', _, b'-']) = bytes.get(2..7) {
        return Some(PartKind::Archive);
    }
    if bytes.get(7..14) == Some(b"**ACE**") {
        return Some(PartKind::Archive);
    }
    // ISO 9660 and UDF: a volume descriptor in sector 16.
    if matches!(bytes.get(32_769..32_774), Some(b"CD001" | b"BEA01" | b"NSR02" | b"NSR03")) {
        return Some(PartKind::DiskImage);
    }
    // VHD (fixed ones have the cookie in the last sector), DMG likewise.
    let last_sector = bytes.get(bytes.len().saturating_sub(512)..).unwrap_or_default();
    if last_sector.starts_with(b"conectix") || last_sector.starts_with(b"koly") {
        return Some(PartKind::DiskImage);
    }
    // Readers look for the header within the first kilobyte (ISO 32000-1 annex H.3).
    let kilobyte = bytes.get(..bytes.len().min(1_024)).unwrap_or_default();
    if memchr::memmem::find(kilobyte, b"%PDF-").is_some() {
        return Some(PartKind::Pdf);
    }
    if archive::tar::is_tar(bytes) {
        return Some(PartKind::Tar);
    }
    crypto::is_cms(bytes).then_some(PartKind::Crypto)
}

/// Kinds that have no one magic at a fixed place.
fn rare_kind(bytes: &[u8]) -> Option<PartKind> {
    let is_program = bytes.starts_with(b"MZ");
    if !is_program
        && (archive::squeeze::Squeeze::of(bytes).is_some() || archive::rare::of(bytes).is_some())
    {
        return Some(PartKind::Archive);
    }
    super::disk::is_image(bytes).then_some(PartKind::DiskImage)
}

fn zip_kind(bytes: &[u8]) -> PartKind {
    let names = archive::zip::names(bytes);
    let has = |wanted: &dyn Fn(&str) -> bool| {
        names.iter().any(|name| wanted(name.to_ascii_lowercase().replace('\\', "/").as_str()))
    };
    if has(&|name| name == "[content_types].xml") {
        let macros = has(&|name| {
            name.ends_with("vbaproject.bin")
                || name.contains("/macrosheets/")
                || name.ends_with("vbadata.xml")
        });
        return if macros { PartKind::OfficeMacro } else { PartKind::Office };
    }
    if has(&|name| name == "meta-inf/manifest.mf" || name == "androidmanifest.xml") {
        // OpenDocument has a manifest too, under another name.
        return PartKind::Java;
    }
    let has_manifest = has(&|name| name == "meta-inf/manifest.xml" || name == "mimetype");
    if has_manifest && has(&|name| name == "content.xml") {
        return PartKind::OpenDocument;
    }
    PartKind::Zip
}

/// The first bytes as text in lower case, if they are text in an encoding that scripts are run in.
fn as_text(head: &[u8]) -> Option<String> {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(head) {
        let (text, _) = encoding.decode_without_bom_handling(head.get(mark..)?);
        return Some(text.to_lowercase());
    }
    // Script hosts and editors end files with these.
    let end = head.iter().rposition(|byte| !matches!(byte, 0 | 0x1a)).map_or(0, |at| at + 1);
    let head = head.get(..end)?;
    if head.is_empty() || memchr::memchr(0, head).is_some() {
        return None;
    }
    let odd = head
        .iter()
        .filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && **byte != 0x1b)
        .count();
    // One byte in a hundred may be odd: text from old systems has its form feeds and bells.
    (odd * 100 <= head.len()).then(|| String::from_utf8_lossy(head).to_lowercase())
}

fn text_kind(text: &str, bytes: &[u8], extension: &str) -> Option<PartKind> {
    let start = text.trim_start();
    if SCRIPT_EXTENSIONS.contains(&extension) {
        return Some(PartKind::Script);
    }
    if start.starts_with("[internetshortcut]")
        || start.starts_with("[desktop entry]")
        || SHORTCUT_EXTENSIONS.contains(&extension)
    {
        return Some(PartKind::Shortcut);
    }
    if start.starts_with("#!") || SCRIPT_STARTS.iter().any(|word| start.starts_with(word)) {
        return Some(PartKind::Script);
    }
    if let Some(kind) = markup_kind(start) {
        return Some(kind);
    }
    if matches!(extension, "mht" | "mhtml") && is_message(bytes) {
        return Some(PartKind::Message);
    }
    if HTML_EXTENSIONS.contains(&extension) {
        return Some(PartKind::Html);
    }
    if start.starts_with("{\\rt") {
        return Some(PartKind::Rtf);
    }
    if start.starts_with("begin:vcalendar") {
        return Some(PartKind::Calendar);
    }
    if start.starts_with("-----begin pgp ") || start.starts_with("-----begin pkcs7") {
        return Some(PartKind::Crypto);
    }
    if is_message(bytes) {
        return Some(PartKind::Message);
    }
    // Without a name that tells: words that scripts cannot do without and people do not write.
    let words = SCRIPT_WORDS.iter().filter(|word| text.contains(**word)).count();
    (words >= 2).then_some(PartKind::Script)
}

/// HTML, HTA or SVG, by how a browser would sniff it: white space and comments first do not matter.
fn markup_kind(start: &str) -> Option<PartKind> {
    if start.contains("<hta:application") || start.contains("<?wsf") || start.starts_with("<job") {
        return Some(PartKind::Script);
    }
    let mut rest = start;
    while let Some(comment) = rest.strip_prefix("<!--") {
        rest = comment.split_once("-->")?.1.trim_start();
    }
    if rest.starts_with("<?xml") || rest.starts_with("<svg") {
        let active = || rest.contains("<script") || rest.contains("onload=");
        return match rest.contains("<svg") {
            // A browser runs what is in it.
            true if active() => Some(PartKind::Html),
            true => Some(PartKind::Image),
            false => rest.contains("<html").then_some(PartKind::Html),
        };
    }
    let tag = |name: &str| {
        rest.strip_prefix(name).is_some_and(|after| {
            after.chars().next().is_none_or(|next| !next.is_ascii_alphanumeric())
        })
    };
    HTML_STARTS.iter().any(|name| tag(name)).then_some(PartKind::Html)
}

/// Does it begin like a mail? At least two fields that only mails have, before anything that is no field.
fn is_message(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    let mut known = 0;
    for (at, line) in head.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || at >= MESSAGE_LINES_MAX {
            break;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) && at > 0 {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            if at == 0 && line.starts_with(b"From ") {
                continue;
            }
            return false;
        };
        let name = line.get(..colon).unwrap_or_default().trim_ascii_end().to_ascii_lowercase();
        if name.is_empty() || name.iter().any(|byte| !byte.is_ascii_graphic()) {
            return false;
        }
        known += usize::from(MESSAGE_FIELDS.iter().any(|field| field.as_bytes() == name));
    }
    known >= 2
}

fn by_table(bytes: &[u8]) -> PartKind {
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    match FileFormat::from_bytes(head).kind() {
        Kind::Image => PartKind::Image,
        Kind::Audio | Kind::Video => PartKind::Media,
        Kind::Archive | Kind::Compressed | Kind::Package => PartKind::Archive,
        Kind::Disk => PartKind::DiskImage,
        Kind::Executable => PartKind::Executable,
        Kind::Database
        | Kind::Diagram
        | Kind::Document
        | Kind::Ebook
        | Kind::Font
        | Kind::Formula
        | Kind::Geospatial
        | Kind::Metadata
        | Kind::Model
        | Kind::Other
        | Kind::Playlist
        | Kind::Presentation
        | Kind::Rom
        | Kind::Spreadsheet
        | Kind::Subtitle => PartKind::Unknown,
        // The crate keeps its list open.
        _ => PartKind::Unknown,
    }
}

/// What is looked at of a text, and given to file-format.
const HEAD_BYTES: usize = 32 << 10;
/// A DOS .com cannot be larger than a segment.
const COM_BYTES_MAX: usize = 64 << 10;
/// Lines looked at for fields of a mail.
const MESSAGE_LINES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::archive::zip::testing::{file, zip};

    #[test]
    fn the_bytes_decide() {
        let iso = [&[0; 32_769][..], b"CD001"].concat();
        let program = [&b"MZ"[..], &[0; 100]].concat();
        for (bytes, name, want) in [
            (&b"hello, this is text"[..], "a.pdf", PartKind::Text),
            (b"%PDF-1.7\n", "a.txt", PartKind::Pdf),
            (b"\n\n%PDF-1.4", "", PartKind::Pdf),
            (&program, "a.pdf", PartKind::Executable),
            (b"MZ is how this text begins", "", PartKind::Text),
            (b"\x7fELF\x02\x01", "", PartKind::Executable),
            (b"{\\rtf1 hi}", "a.doc", PartKind::Rtf),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.txt", PartKind::OfficeOld),
            (
                b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3",
                "",
                PartKind::OneNote,
            ),
            (b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", "a", PartKind::Shortcut),
            (b"\x78\x9f\x3e\x22\x01", "winmail.dat", PartKind::Tnef),
            (b"\x1f\x8b\x08", "", PartKind::Gzip),
            (b"7z\xbc\xaf\x27\x1c", "a.zip", PartKind::Archive),
            (b"Rar!\x1a\x07\x01\0", "", PartKind::Archive),
            (b"\x1d\x13-lh5-rest of it", "", PartKind::Archive),
            (&iso, "", PartKind::DiskImage),
            (b"\x89PNG\r\n\x1a\n", "a.exe", PartKind::Image),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "", PartKind::Image),
            (b"ID3\x03\0\0\0\0\0\0", "", PartKind::Media),
            (b"\x01\x02\x03\0\x05", "", PartKind::Unknown),
            (b"", "", PartKind::Unknown),
        ] {
            assert_eq!(of(bytes, name), want, "{name} {}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn text_that_something_runs() {
        for (text, name, want) in [
            ("plain words", "a.JS", PartKind::Script),
            ("plain words", "invoice.pdf.vbs . ", PartKind::Script),
            ("@echo off\r\ndel x", "", PartKind::Script),
            ("#!/bin/sh\n", "", PartKind::Script),
            ("var a = new ActiveXObject(\"WScript.Shell\");", "", PartKind::Script),
            ("<html><head><hta:application id=x>", "a.html", PartKind::Script),
            ("[InternetShortcut]\nURL=file://x", "", PartKind::Shortcut),
            ("X5O", "eicar.com", PartKind::Executable),
            (" <!-- x --> <HTML><body>", "", PartKind::Html),
            ("<b>hi", "", PartKind::Html),
            ("<better> than", "", PartKind::Text),
            ("words", "a.htm", PartKind::Html),
            ("<svg xmlns=x><rect/></svg>", "a.svg", PartKind::Image),
            ("<?xml version=\"1.0\"?><svg><script>x</script></svg>", "a.svg", PartKind::Html),
            ("<?xml version=\"1.0\"?><invoice/>", "a.xml", PartKind::Text),
            ("BEGIN:VCALENDAR\n", "", PartKind::Calendar),
            ("-----BEGIN PGP MESSAGE-----\n", "", PartKind::Crypto),
            ("Received: from x\n by y\nSubject: hi\n\nbody", "", PartKind::Message),
            ("Dear all,\nSubject: hi\nFrom: me\n", "", PartKind::Text),
        ] {
            assert_eq!(of(text.as_bytes(), name), want, "{name} {text}");
        }
        let utf16: Vec<u8> = "\u{feff}<html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(of(&utf16, ""), PartKind::Html);
    }

    #[test]
    fn documents_that_are_archives() {
        for (names, want) in [
            (&["a.txt"][..], PartKind::Zip),
            (&["[Content_Types].xml", "word/document.xml"], PartKind::Office),
            (&["[Content_Types].xml", "word/vbaProject.bin"], PartKind::OfficeMacro),
            (&["[Content_Types].xml", "xl/macrosheets/sheet1.xml"], PartKind::OfficeMacro),
            (&["mimetype", "content.xml", "META-INF/manifest.xml"], PartKind::OpenDocument),
            (&["META-INF/MANIFEST.MF", "A.class"], PartKind::Java),
        ] {
            let files: Vec<_> = names.iter().map(|name| file(name, b"x")).collect();
            assert_eq!(of(&zip(&files), "a.zip"), want, "{names:?}");
        }
    }

    #[test]
    fn what_is_claimed() {
        for (declared, name, want) in [
            ("application/pdf", "", Some(PartKind::Pdf)),
            ("application/octet-stream", "Invoice.PDF", Some(PartKind::Pdf)),
            ("application/pdf", "invoice.exe", Some(PartKind::Executable)),
            ("image/x-own", "", Some(PartKind::Image)),
            ("application/octet-stream", "", None),
            ("application/octet-stream", "noextension", None),
        ] {
            assert_eq!(claims(declared, name), want, "{declared} {name}");
        }
    }
}
