//! What `\objdata` holds: an OLE 1.0 object (MS-OLEDS section 2.2), often with a packaged file or a compound file in it.

use crate::formats::{archive, encodings};

/// An OLE 1.0 object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object<'o> {
    /// Its class as a name, such as `Package`.
    pub(crate) class: String,
    /// The file or the address it is linked to; empty if it is none.
    pub(crate) topic: String,
    /// The data of the program that made it.
    pub(crate) native: &'o [u8],
}

/// Reads an object. Lengths are cut at the end of the bytes.
pub(crate) fn read(bytes: &[u8]) -> Option<Object<'_>> {
    // MS-OLEDS section 2.2.4: version, then 1 for a linked, 2 for an embedded object. The version is believed by nobody.
    let format = long(bytes, 4)?;
    if !matches!(format, 1 | 2) {
        return None;
    }
    let mut at = 8;
    let class = counted(bytes, &mut at)?;
    let topic = counted(bytes, &mut at)?;
    let _item = counted(bytes, &mut at)?;
    if format == 1 {
        return Some(Object { class, topic, native: &[] });
    }
    let size = usize::try_from(long(bytes, at)?).unwrap_or(usize::MAX);
    let rest = bytes.get(at + 4..)?;
    let native = rest.get(..size.min(rest.len())).unwrap_or_default();
    Some(Object { class, topic, native })
}

/// A file that somebody dropped into a document: its name and bytes (the native data of class `Package`, or the stream `\1Ole10Native`
/// with its leading length).
pub(crate) fn package(native: &[u8]) -> Option<(String, &[u8])> {
    let begins = |at: usize| native.get(at..at + 2) == Some(&[2, 0]);
    let mut at = match (begins(0), begins(4)) {
        (_, true) => 6,
        (true, false) => 2,
        (false, false) => return None,
    };
    let label = text_to_zero(native, &mut at)?;
    let path = text_to_zero(native, &mut at)?;
    // Two fields of unknown use, then the path it had while it was packed, with its length.
    at = at.checked_add(4)?;
    let length = usize::try_from(long(native, at)?).ok()?;
    at = at.checked_add(4)?.checked_add(length)?;
    let size = usize::try_from(long(native, at)?).unwrap_or(usize::MAX);
    let rest = native.get(at + 4..)?;
    let data = rest.get(..size.min(rest.len())).unwrap_or_default();
    let name = if label.is_empty() { path } else { label };
    Some((name, data))
}

/// Does the object belong to the equation editor, by its name or its class id (0002CE02-0000-0000-C000-000000000046)?
pub(crate) fn is_equation(bytes: &[u8], class: &str) -> bool {
    class.to_ascii_lowercase().starts_with("equation")
        || memchr::memmem::find(bytes, EQUATION_CLASS).is_some()
}

/// Does it carry a moniker that is followed when the object is opened, by the class ids of the URL moniker and its like?
pub(crate) fn has_moniker(bytes: &[u8]) -> bool {
    MONIKER_CLASSES.iter().any(|class| memchr::memmem::find(bytes, class).is_some())
}

/// Addresses in UTF-16, as monikers hold them.
pub(crate) fn addresses(bytes: &[u8]) -> Vec<String> {
    encodings::utf16_runs(bytes, 8)
        .lines()
        .filter(|line| line.contains("://") || line.starts_with("\\\\"))
        .map(str::to_string)
        .collect()
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

fn counted(bytes: &[u8], at: &mut usize) -> Option<String> {
    let length = usize::try_from(long(bytes, *at)?).ok()?;
    *at += 4;
    let text = bytes.get(*at..at.checked_add(length)?)?;
    *at += length;
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    Some(archive::shown_name(text.get(..end).unwrap_or_default()))
}

fn text_to_zero(bytes: &[u8], at: &mut usize) -> Option<String> {
    let rest = bytes.get(*at..)?;
    let end = memchr::memchr(0, rest)?;
    *at += end + 1;
    Some(archive::shown_name(rest.get(..end).unwrap_or_default()))
}

const EQUATION_CLASS: &[u8] = b"\x02\xce\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
/// Monikers that fetch or run when the object is opened: URL, SOAP, scriptlet, HTML application.
const MONIKER_CLASSES: &[&[u8]] = &[
    b"\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\0\xaa\0\x4b\xa9\x0b",
    b"\xc7\xb0\xab\xec\x19\x7f\xd2\x11\x97\x8e\0\0\xf8\x75\x7e\x2a",
    b"\xd3\x0b\x29\x06\xaa\x48\xd2\x11\x84\x32\0\x60\x08\xc3\xfb\xfc",
    b"\xd8\xf4\x50\x30\xb5\x98\xcf\x11\xbb\x82\0\xaa\0\xbd\xce\x0b",
];
