//! Things embedded in documents by OLE: MS-OLEDS. Packages give the file that a click would start, native data is given as it is, links
//! give their address; classes that are known to be abused are named.
//!
//! The readers for OLE 1 objects and for packages are public: RTF and the zipped formats carry the same bytes. Sizes are not believed.

use super::{
    cfb::Compound,
    classes,
    document::{Document, Stream, give, link, merge},
    le, text,
};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        kind,
        opened::{Member, Opened, Role},
    },
};

/// Opens the objects embedded in a compound file: packages, links, native data, classes.
pub fn compound_objects(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    if let Some(compound) = Compound::read(bytes) {
        let mut document = Document::load(&compound, budget);
        read(&mut document, &mut opened, budget);
    }
    opened
}

/// Opens a `\x01Ole10Native` stream, MS-OLEDS section 2.3.6: a size, then a package or data that only its program knows.
pub fn native(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    if let Some(package) = package(le::from(bytes, 4)).or_else(|| package(bytes)) {
        give_package(package, &mut opened, budget);
        return opened;
    }
    // Equations and others: the size is a guess of whoever wrote it.
    give(&mut opened, budget, "native data", le::from(bytes, 4).to_vec(), Role::Inside);
    opened
}

/// Opens an OLE 1 object, MS-OLEDS section 2.2: what RTF carries as `\objdata` and old documents as they are.
pub fn ole1(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let Some(header) = header(bytes) else {
        // What is no object may still have one in it; readers skip what is before.
        whatever(bytes, &mut opened, budget);
        return opened;
    };
    let class = text::brief(&header.class);
    if let Some(why) = classes::by_name(&header.class) {
        classes::tell(why, &class, &mut opened);
    }
    if header.format == LINKED {
        if is_remote(&header.topic) {
            let because = format!("an object of class {class} is loaded from elsewhere");
            opened.sign("office.remote_object", because);
        }
        link(&mut opened, &header.topic);
        return opened;
    }
    if header.class.to_ascii_lowercase().starts_with("package")
        && let Some(package) = package(header.data).or_else(|| package(le::from(header.data, 4)))
    {
        give_package(package, &mut opened, budget);
        return opened;
    }
    let name = if class.is_empty() { "embedded object".to_string() } else { class };
    give(&mut opened, budget, name, header.data.to_vec(), Role::Inside);
    if !super::cfb::is_compound(header.data) {
        whatever(header.data, &mut opened, budget);
    }
    opened
}

/// Gives every object of a compound file.
pub(super) fn read(document: &mut Document, opened: &mut Opened, budget: &mut Budget) {
    for storage in &document.storages {
        if let Some(why) = classes::by_identifier(&storage.class) {
            classes::tell(why, place(&storage.path), opened);
        }
    }
    for stream in &mut document.streams {
        if budget.check_time().is_err() {
            break;
        }
        match stream.name.to_ascii_lowercase().as_str() {
            "\u{1}ole10native" | "ole10native" => {
                let found = native(&stream.bytes, budget);
                stream.given = found.members.iter().any(|member| member.role == Role::File);
                merge(opened, found);
            }
            "equation native" => {
                classes::tell(&classes::EQUATION, place(&stream.folder), opened);
            }
            "\u{1}ole" => linked(stream, opened),
            "\u{1}compobj" => {
                let class = le::class(&stream.bytes, 12).unwrap_or_default();
                if let Some(why) = classes::by_identifier(&class) {
                    classes::tell(why, place(&stream.folder), opened);
                }
            }
            "contents" | "\u{3}ocxdata" | "\u{1}ocx" if !is_document(&stream.bytes) => {
                for why in classes::within(&stream.bytes) {
                    classes::tell(why, place(&stream.folder), opened);
                }
                addresses(&stream.bytes, opened);
            }
            _ => (),
        }
    }
}

/// A document of another program: it is opened as what it is.
pub(super) fn is_document(bytes: &[u8]) -> bool {
    let heads: [&[u8]; 5] = [b"%PDF", b"{\\rt", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"<?xml"];
    heads.iter().any(|head| bytes.starts_with(head))
}

fn place(path: &str) -> &str {
    if path.is_empty() { "the file itself" } else { path }
}

/// OLEStream, MS-OLEDS section 2.3.3: where a linked object comes from, as monikers.
fn linked(stream: &Stream, opened: &mut Opened) {
    for why in classes::within(&stream.bytes) {
        classes::tell(why, place(&stream.folder), opened);
    }
    let found = addresses(&stream.bytes, opened);
    if found.iter().any(|address| is_remote(address)) {
        let because = format!("an object in {} is loaded from elsewhere", stream.shown());
        opened.sign("office.remote_object", because);
    }
}

/// Is the address one that leads out of the machine or starts a script?
pub(super) fn is_remote(address: &str) -> bool {
    let lower = address.trim().to_ascii_lowercase();
    lower.contains("://")
        || lower.starts_with("\\\\")
        || SCRIPT_SCHEMES.iter().any(|scheme| lower.starts_with(scheme))
}

/// Addresses in monikers and anything else that has such letters, MS-OSHARED section 2.3.7; kept as links and given.
pub(super) fn addresses(bytes: &[u8], opened: &mut Opened) -> Vec<String> {
    let mut found = Vec::new();
    let runs = [
        text::wide_runs(bytes, ADDRESS_LETTERS_MIN, limits::TEXT_BYTES_MAX),
        text::narrow_runs(bytes, ADDRESS_LETTERS_MIN, limits::TEXT_BYTES_MAX),
    ];
    for run in runs.iter().flat_map(|runs| runs.lines()) {
        let Some(address) = address(run).filter(|address| is_remote(address)) else { continue };
        if !found.iter().any(|known| known == address) && found.len() < limits::LINKS_MAX {
            link(opened, address);
            found.push(address.to_string());
        }
    }
    found
}

/// The address in a run of letters: the count in front of it can look like a letter.
fn address(run: &str) -> Option<&str> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let schemes =
        || SCRIPT_SCHEMES.iter().filter_map(|scheme| run.to_ascii_lowercase().find(scheme));
    let start = match run.find("://") {
        Some(at) => at - run.get(..at)?.chars().rev().take_while(|c| is_scheme(*c)).count(),
        None => run.find("\\\\").or_else(|| schemes().min())?,
    };
    let address = run.get(start..)?;
    let address = address.trim_start_matches(|c: char| c.is_ascii_digit());
    address.split(['"', '<', '>', '\t']).next()
}

struct Header<'b> {
    format: u32,
    class: String,
    topic: String,
    data: &'b [u8],
}

/// ObjectHeader, MS-OLEDS section 2.2.4.
fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let format = le::long(bytes, 4)?;
    let (class, at) = counted(bytes, 8)?;
    let (topic, at) = counted(bytes, at)?;
    let (_item, at) = counted(bytes, at)?;
    if format == LINKED {
        return Some(Header { format, class, topic, data: &[] });
    }
    let size = le::size(bytes, at)?;
    let rest = le::from(bytes, at + 4);
    // Behind the data a picture of it follows: version and format 5 or nothing. Where that is not so, the size is a lie.
    let follows = le::from(rest, size);
    let is_right = follows.is_empty() || matches!(le::long(follows, 4), Some(0 | 5));
    let data = if is_right { le::slice(rest, 0, size) } else { rest };
    Some(Header { format, class, topic, data })
}

/// Letters with their count, the zero at the end counted too.
fn counted(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    let size = le::size(bytes, at).filter(|size| *size <= limits::LINK_BYTES_MAX)?;
    let letters = bytes.get(at + 4..(at + 4).checked_add(size)?)?;
    let (letters, _) = text::until_zero(letters);
    Some((text::decode(letters, 1252), at + 4 + size))
}

/// A compound file or a package somewhere in bytes that are no object by their beginning.
fn whatever(bytes: &[u8], opened: &mut Opened, budget: &mut Budget) {
    if let Some(at) = memchr::memmem::find(bytes, COMPOUND) {
        give(opened, budget, "embedded object", le::from(bytes, at).to_vec(), Role::Inside);
    }
    let mut small = bytes.to_ascii_lowercase();
    small.truncate(limits::LINK_BYTES_MAX);
    if let Some(at) = memchr::memmem::find(&small, b"package\0") {
        // The two empty names and the size stand between the class and the package.
        for skip in [8 + 12, 8 + 16, 8] {
            if let Some(found) = package(le::from(bytes, at + skip)) {
                give_package(found, opened, budget);
                break;
            }
        }
    }
}

struct Package<'b> {
    label: String,
    file: String,
    temporary: String,
    is_command: bool,
    data: &'b [u8],
    is_cut: bool,
}

/// What the Object Packager writes: two bytes, a label, a file name, where it was, the content; later versions say the names again in
/// UTF-16 behind the content.
fn package(bytes: &[u8]) -> Option<Package<'_>> {
    let name = |bytes: &[u8]| {
        let is_name = bytes.len() <= limits::LINK_BYTES_MAX && bytes.iter().all(|byte| *byte >= 32);
        is_name.then(|| text::decode(bytes, 1252))
    };
    let (label, rest) = text::until_zero(le::from(bytes, 2));
    let (file, rest) = text::until_zero(rest);
    let (label, mut file) = (name(label)?, name(file)?);
    let mut label = label;
    let kind = le::short(rest, 2)?;
    let path_bytes = le::size(rest, 4)?;
    let counted = le::slice(rest, 8, path_bytes);
    let (path, _) = text::until_zero(le::from(rest, 8));
    // A false count is replaced by where the path ends.
    let path_bytes = match counted.last() {
        Some(0) => path_bytes,
        _ => path.len() + 1,
    };
    let temporary = name(path)?;
    if label.is_empty() && file.is_empty() {
        return None;
    }
    let at = 8 + path_bytes;
    let size = le::size(rest, at).unwrap_or(0);
    let data = le::slice(rest, at + 4, size);
    let is_cut = data.len() < size;
    let mut behind = le::from(rest, (at + 4).saturating_add(size));
    let mut wide = || {
        let letters = le::size(behind, 0).filter(|letters| *letters <= limits::LINK_BYTES_MAX)?;
        let found = text::utf16(le::slice(behind, 4, letters * 2));
        behind = le::from(behind, 4 + letters * 2);
        Some(found).filter(|found| !found.is_empty())
    };
    let wide_names = [wide(), wide(), wide()];
    let [wide_temporary, wide_label, wide_file] = wide_names;
    label = wide_label.unwrap_or(label);
    file = wide_file.unwrap_or(file);
    let temporary = wide_temporary.unwrap_or(temporary);
    Some(Package { label, file, temporary, is_command: kind == 1, data, is_cut })
}

fn leaf(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or_default()
}

fn give_package(package: Package<'_>, opened: &mut Opened, budget: &mut Budget) {
    let names = [package.file.as_str(), package.temporary.as_str(), package.label.as_str()];
    let name = names.iter().map(|name| leaf(name)).find(|name| !name.is_empty());
    let name = text::shown(name.unwrap_or("package"));
    let label = text::shown(leaf(&package.label));
    if package.is_command || package.data.is_empty() {
        let because = format!("a package starts {}", text::brief(&name));
        opened.sign("office.package_command", because);
        let command = [package.label, package.file, package.temporary].join("\n");
        give(opened, budget, "package command", command.into_bytes(), Role::Code);
        return;
    }
    opened
        .sign("office.package", format!("the file {} can be started from it", text::brief(&name)));
    let differs = !label.is_empty() && kind::extension(&label) != kind::extension(&name);
    if differs && !kind::extension(&label).is_empty() {
        let because = format!("shown as {}, is {}", text::brief(&label), text::brief(&name));
        opened.sign("office.package_renamed", because);
    }
    give(opened, budget, name, package.data.to_vec(), Role::File);
    if package.is_cut
        && let Some(Member { stopped, .. }) = opened.members.last_mut()
    {
        let why = Stopped::Damaged("the package ends before its size".to_string());
        *stopped = stopped.take().or(Some(why));
    }
}

/// FormatID of a link, MS-OLEDS section 2.2.4.
const LINKED: u32 = 1;
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Schemes that start a program or a script without the two slashes.
const SCRIPT_SCHEMES: &[&str] = &[
    "mhtml:",
    "script:",
    "scriptlet:",
    "soap:",
    "javascript:",
    "vbscript:",
    "ms-msdt:",
    "ms-word:",
    "ms-excel:",
    "search-ms:",
];
/// Fewer letters are no address.
const ADDRESS_LETTERS_MIN: usize = 6;

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
pub(crate) mod testing {
    /// A package as the Object Packager writes it.
    pub(crate) fn package(label: &str, file: &str, content: &[u8]) -> Vec<u8> {
        let path = format!("C:\\Temp\\{file}\0");
        let mut bytes =
            [b"\x02\0", label.as_bytes(), b"\0", file.as_bytes(), b"\0\0\0\x03\0"].concat();
        bytes.extend((path.len() as u32).to_le_bytes());
        bytes.extend(path.as_bytes());
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(content);
        bytes
    }

    pub(crate) fn ole1(class: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x01\x05\0\0\x02\0\0\0".to_vec();
        bytes.extend((class.len() as u32 + 1).to_le_bytes());
        bytes.extend([class.as_bytes(), &[0; 9]].concat());
        bytes.extend((data.len() as u32).to_le_bytes());
        [&bytes[..], data, b"\x01\x05\0\0\0\0\0\0"].concat()
    }
}

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
mod tests {
    use super::{super::cfb::testing::compound, *};
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn budget() -> Budget {
        Budget::new(Bounds::default(), &Clock::system())
    }

    fn files(opened: &Opened) -> Vec<(String, Vec<u8>, Role)> {
        let shown = |m: &Member| (m.name.clone().unwrap_or_default(), m.bytes.clone(), m.role);
        opened.members.iter().map(shown).collect()
    }

    fn ids(opened: &Opened) -> Vec<&'static str> {
        opened.signs.iter().map(|sign| sign.id).collect()
    }

    #[test]
    fn a_package_in_every_wrapping() {
        let package = testing::package("photo.jpg", "run.exe", b"MARKER");
        let sized = [&(package.len() as u32).to_le_bytes()[..], &package].concat();
        let want = vec![("run.exe".to_string(), b"MARKER".to_vec(), Role::File)];
        let opened = native(&sized, &mut budget());
        assert_eq!(files(&opened), want);
        assert_eq!(ids(&opened), ["office.package", "office.package_renamed"]);
        assert_eq!(files(&ole1(&testing::ole1("Package", &package), &mut budget())), want);
        assert_eq!(files(&ole1(&testing::ole1("pAckAge", &sized), &mut budget())), want);
        let file = compound(&[("ObjectPool/_1/\u{1}Ole10Native", &sized)]);
        assert_eq!(files(&compound_objects(&file, &mut budget())), want);
    }

    #[test]
    fn false_sizes() {
        let mut bytes = testing::package("a.txt", "a.txt", b"MARKER");
        let at = bytes.len() - 10;
        bytes[at..at + 4].fill(0xff);
        let opened = native(&[&[0; 4], &bytes[..]].concat(), &mut budget());
        assert_eq!(opened.members[0].bytes, b"MARKER");
        assert!(matches!(opened.members[0].stopped, Some(Stopped::Damaged(_))));
        let mut bytes = testing::ole1("Foo.1", b"MARKER");
        let at = bytes.len() - 18;
        bytes[at..at + 4].copy_from_slice(&[2, 0, 0, 0]);
        assert!(ole1(&bytes, &mut budget()).members[0].bytes.starts_with(b"MARKER"));
    }

    #[test]
    fn what_is_no_object_is_searched() {
        let opened = ole1(&[b"garbage", COMPOUND, b"rest"].concat(), &mut budget());
        assert_eq!(opened.members[0].bytes, [COMPOUND, b"rest"].concat());
    }

    #[test]
    fn links_and_classes() {
        let wide: Vec<u8> =
            "http://a.example/x.hta".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let moniker = [&[1, 0, 0, 2, 0, 0, 0, 0x2e, 0, 0, 0][..], &wide, &[0, 0]].concat();
        let file = compound(&[("_1/\u{1}Ole", &moniker), ("_2/Equation Native", b"x")]);
        let opened = compound_objects(&file, &mut budget());
        assert_eq!(opened.links, ["http://a.example/x.hta"]);
        assert_eq!(ids(&opened), ["office.remote_object", "office.equation_editor"]);
        let opened = ole1(&testing::ole1("Equation.3", b"MARKER"), &mut budget());
        assert_eq!(ids(&opened), ["office.equation_editor"]);
        assert_eq!(opened.members[0].bytes, b"MARKER");
    }

    #[test]
    fn truncated_anywhere() {
        let whole = testing::ole1("Package", &testing::package("a", "b", b"c"));
        for end in 0..whole.len() {
            ole1(&whole[..end], &mut budget());
            native(&whole[end..], &mut budget());
        }
    }
}
