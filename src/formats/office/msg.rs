//! Outlook messages (.msg), MS-OXMSG: headers, bodies in all their forms, attachments, messages in messages; and what Windows Installer
//! keeps in the same kind of file.
//!
//! Every folder of the file is looked at once, so messages in messages need no recursion. Recipients are joined: nobody opens them.

use super::{
    document::{Document, Stream, give, give_text, link},
    le, lzfu, text,
};
use crate::{
    base::limits,
    formats::{
        budget::Budget,
        opened::{Member, Opened, Role},
    },
};

use std::collections::BTreeSet;

/// Gives what Outlook would show, if the file is one of its messages.
pub(super) fn read(document: &mut Document, opened: &mut Opened, budget: &mut Budget) {
    if !document.streams.iter().any(|stream| property(&stream.name).is_some()) {
        return;
    }
    // In order of their paths, a message comes before what is in it.
    let of_outlook = document.streams.iter().filter(|stream| property(&stream.name).is_some());
    let folders: BTreeSet<String> = of_outlook.map(|stream| stream.folder.clone()).collect();
    let mut attachments = 0;
    for folder in folders.into_iter().take(limits::PARTS_MAX) {
        if budget.check_time().is_err() {
            break;
        }
        let leaf = folder.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        if leaf.starts_with("__recip_version") || leaf.starts_with("__nameid_version") {
            continue;
        }
        if leaf.starts_with("__attach_version") {
            attachments += 1;
            attachment(document, &folder, attachments, opened);
        } else {
            message(document, &folder, opened, budget);
        }
    }
    small_properties(document, opened, budget);
}

/// `__substg1.0_` and eight digits: which property, and of which kind. MS-OXMSG section 2.2.1.
fn property(name: &str) -> Option<(u16, u16)> {
    let digits = name.get(..12).filter(|start| start.eq_ignore_ascii_case("__substg1.0_"));
    let digits = digits.and(name.get(12..20))?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    Some((u16::try_from(number >> 16).ok()?, u16::try_from(number & 0xffff).ok()?))
}

/// The first of the properties that is there, as text.
fn string(document: &Document, folder: &str, wanted: &[u16]) -> Option<String> {
    wanted.iter().find_map(|wanted| {
        streams(document, folder, *wanted)
            .map(|(kind, stream)| as_text(kind, &stream.bytes))
            .find(|text| !text.trim().is_empty())
    })
}

fn streams<'d>(
    document: &'d Document,
    folder: &'d str,
    wanted: u16,
) -> impl Iterator<Item = (u16, &'d Stream)> {
    document
        .streams
        .iter()
        .filter(move |stream| stream.folder == folder)
        .filter_map(|stream| Some((property(&stream.name)?, stream)))
        .filter(move |((id, _), _)| *id == wanted)
        .map(|((_, kind), stream)| (kind, stream))
}

pub(crate) fn as_text(kind: u16, bytes: &[u8]) -> String {
    match kind {
        KIND_WIDE => text::utf16(bytes).trim_end_matches('\0').to_string(),
        _ => text::guessed(bytes).trim_end_matches('\0').to_string(),
    }
}

fn message(document: &Document, folder: &str, opened: &mut Opened, budget: &mut Budget) {
    let at = |name: &str| match folder {
        "" => name.to_string(),
        _ => format!("embedded message/{name}"),
    };
    if let Some(headers) = string(document, folder, &[HEADERS]) {
        give_text(opened, budget, at("headers.txt"), headers, Role::Inside);
    }
    let subject = string(document, folder, &[SUBJECT]);
    let body = string(document, folder, &[BODY]);
    let shown = [subject, body].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    give_text(opened, budget, at("body.txt"), shown, Role::Text);
    for (kind, stream) in streams(document, folder, HTML) {
        let html = match kind {
            KIND_WIDE => text::utf16(&stream.bytes).into_bytes(),
            _ => stream.bytes.clone(),
        };
        give(opened, budget, at("body.html"), html, Role::Inside);
    }
    for (_, stream) in streams(document, folder, RTF) {
        give_rtf(&stream.bytes, &at("body"), opened, budget);
    }
}

/// Packed RTF, and the HTML in it.
pub(crate) fn give_rtf(packed: &[u8], name: &str, opened: &mut Opened, budget: &mut Budget) {
    let unpacked = lzfu::decompress(packed, budget);
    if let Some(html) = lzfu::html(&unpacked.bytes) {
        give_text(opened, budget, format!("{name} from rtf.html"), html, Role::Inside);
    }
    if !unpacked.bytes.is_empty() {
        opened.push(Member {
            name: Some(format!("{name}.rtf")),
            bytes: unpacked.bytes,
            role: Role::Inside,
            stopped: unpacked.stopped,
        });
    }
}

fn attachment(document: &mut Document, folder: &str, number: usize, opened: &mut Opened) {
    let name = string(document, folder, NAMES).unwrap_or_else(|| format!("attachment {number}"));
    // An attachment may be a place instead of bytes.
    for wanted in PATHS {
        if let Some(path) = string(document, folder, &[*wanted]) {
            link(opened, &path);
        }
    }
    for stream in &mut document.streams {
        let is_content = property(&stream.name).is_some_and(|(id, _)| id == CONTENT);
        if stream.folder == folder && is_content && !stream.given {
            stream.given = true;
            // The stream was counted when it was read.
            opened.push(Member {
                name: Some(text::shown(&name)),
                bytes: std::mem::take(&mut stream.bytes),
                role: Role::File,
                stopped: stream.stopped.take(),
            });
        }
    }
}

/// Names, addresses, numbers and the like: small, many, opened by nobody. Joined into one member for the signatures.
fn small_properties(document: &mut Document, opened: &mut Opened, budget: &mut Budget) {
    let mut joined = Vec::new();
    for stream in &mut document.streams {
        let kind = property(&stream.name).map(|(_, kind)| kind & 0x0fff);
        let is_small = stream.bytes.len() <= SMALL_BYTES_MAX && !stream.given;
        let is_table = stream.name.to_ascii_lowercase().starts_with("__properties_version");
        if !is_small || (kind.is_none() && !is_table) || super::cfb::is_compound(&stream.bytes) {
            continue;
        }
        stream.given = true;
        match kind {
            Some(kind @ (KIND_WIDE | KIND_NARROW)) => {
                joined.extend_from_slice(as_text(kind, &stream.bytes).as_bytes());
            }
            _ => joined.extend_from_slice(&stream.bytes),
        }
        joined.push(b'\n');
    }
    if !joined.is_empty() {
        give(opened, budget, "properties", joined, Role::Inside);
    }
}

/// The tables and files of a Windows Installer package; gives whether it is one.
pub(super) fn installer(document: &mut Document, opened: &mut Opened) -> bool {
    let root = document.storages.iter().find(|storage| storage.path.is_empty());
    let by_class = root.is_some_and(|root| super::classes::is_installer(&root.class));
    let by_tables =
        document.streams.iter().any(|stream| stream.coded && stream.name.starts_with("!_"));
    if !by_class && !by_tables {
        return false;
    }
    opened.sign("office.installer", "a package of Windows Installer, which installs when opened");
    for stream in &mut document.streams {
        // Tables are for the installer; the others are its cabinets, programs, scripts and pictures.
        let is_file = stream.coded && !stream.name.starts_with('!') && !stream.given;
        if is_file {
            stream.given = true;
            opened.push(Member {
                name: Some(stream.shown()),
                bytes: std::mem::take(&mut stream.bytes),
                role: Role::File,
                stopped: stream.stopped.take(),
            });
        }
    }
    true
}

/// Does a stream begin with the class of MAPI objects that it says? For TNEF, MS-OXTNEF section 2.1.3.4.
pub(crate) fn object_content(bytes: &[u8]) -> &[u8] {
    let class = le::from(bytes, 4);
    match class.starts_with(b"\0\0\0\0\xc0\0\0\0\0\0\0\x46") {
        true => le::from(bytes, 16),
        false => bytes,
    }
}

/// PidTagTransportMessageHeaders and the others that are shown, MS-OXPROPS.
pub(crate) const HEADERS: u16 = 0x007d;
pub(crate) const SUBJECT: u16 = 0x0037;
pub(crate) const BODY: u16 = 0x1000;
pub(crate) const HTML: u16 = 0x1013;
pub(crate) const RTF: u16 = 0x1009;
pub(crate) const CONTENT: u16 = 0x3701;
/// Long name, short name, display name.
pub(crate) const NAMES: &[u16] = &[0x3707, 0x3704, 0x3001];
/// Where an attachment is that is not in the mail.
pub(crate) const PATHS: &[u16] = &[0x370d, 0x3708];
pub(crate) const KIND_WIDE: u16 = 0x001f;
pub(crate) const KIND_NARROW: u16 = 0x001e;
const SMALL_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::{
        super::{
            cfb::{
                Compound,
                testing::{compound, compound_of_class},
            },
            lzfu::testing::compress,
        },
        *,
    };
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn open(bytes: &[u8]) -> Opened {
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        let mut document = Document::load(&Compound::read(bytes).unwrap(), &mut budget);
        let mut opened = Opened::default();
        if !installer(&mut document, &mut opened) {
            read(&mut document, &mut opened, &mut budget);
        }
        opened
    }

    #[test]
    fn a_message_with_everything() {
        let rtf = compress(b"{\\rtf1\\fromhtml1 {\\*\\htmltag64 <p>}RTF MARK}");
        let inner = "__attach_version1.0_#00000001/__substg1.0_3701000D";
        let bytes = compound(&[
            ("__properties_version1.0", b"x"),
            ("__substg1.0_0037001F", &wide("Subject å")),
            ("__substg1.0_1000001E", b"plain MARK"),
            ("__substg1.0_10130102", b"<p>html MARK</p>"),
            ("__substg1.0_10090102", &rtf),
            ("__substg1.0_007D001F", &wide("From: a@example")),
            ("__recip_version1.0_#00000000/__substg1.0_3001001F", &wide("Reader")),
            ("__attach_version1.0_#00000000/__substg1.0_37010102", &[7; 5_000]),
            ("__attach_version1.0_#00000000/__substg1.0_3707001F", &wide("long name.exe")),
            ("__attach_version1.0_#00000000/__substg1.0_3704001E", b"LONGNA~1.EXE"),
            (&format!("{inner}/__substg1.0_1000001F"), &wide("deep MARK")),
        ]);
        let opened = open(&bytes);
        let found = |name: &str| {
            let of_name = |member: &&Member| member.name.as_deref() == Some(name);
            opened.members.iter().find(of_name).unwrap_or_else(|| panic!("{name} of {opened:?}"))
        };
        assert_eq!(found("body.txt").bytes, "Subject å\n\nplain MARK".as_bytes());
        assert_eq!(found("body.html").bytes, b"<p>html MARK</p>");
        assert_eq!(found("body from rtf.html").bytes, b"<p>RTF MARK");
        assert!(found("body.rtf").bytes.ends_with(b"MARK}"));
        assert_eq!(found("headers.txt").bytes, b"From: a@example");
        assert_eq!(found("long name.exe").bytes, [7; 5_000]);
        assert_eq!(found("long name.exe").role, Role::File);
        assert_eq!(found("embedded message/body.txt").bytes, b"deep MARK");
        assert!(String::from_utf8_lossy(&found("properties").bytes).contains("Reader"));
    }

    #[test]
    fn an_installer() {
        let class = *b"\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
        let bytes = compound_of_class(&[("\u{4826}", b"MARK")], class);
        let opened = open(&bytes);
        assert_eq!(opened.signs[0].id, "office.installer");
        assert_eq!(opened.members[0].bytes, b"MARK");
        assert_eq!(opened.members[0].name.as_deref(), Some("c"));
    }
}
