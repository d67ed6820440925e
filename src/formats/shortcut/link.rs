//! The structure of a Windows link, MS-SHLLINK section 2.

use crate::{
    base::limits,
    formats::{archive, encodings},
};

/// What a link says.
#[derive(Debug, Default)]
pub(super) struct Link<'l> {
    /// Every spelling of its target: by path, by environment, by the list of items.
    pub(super) targets: Vec<String>,
    pub(super) name: String,
    pub(super) relative: String,
    pub(super) working_folder: String,
    pub(super) arguments: String,
    pub(super) icon: String,
    /// What follows the structure.
    pub(super) overlay: &'l [u8],
}

impl Link<'_> {
    /// The target that says most.
    pub(super) fn target(&self) -> &str {
        self.targets.first().map_or(self.relative.as_str(), String::as_str)
    }
}

/// Reads a link; None: it is none.
pub(super) fn read(bytes: &[u8]) -> Option<Link<'_>> {
    if !bytes.starts_with(HEADER) {
        return None;
    }
    let flags = long(bytes, 20)?;
    let has = |bit: u32| flags & bit != 0;
    let mut link = Link::default();
    let mut at = HEADER_BYTES;
    let mut items = Vec::new();
    if has(HAS_ITEMS) {
        let size = short(bytes, at).unwrap_or(0);
        items = items_of(slice(bytes, at + 2, size));
        at = at.saturating_add(2 + size);
    }
    if has(HAS_LOCATION) {
        let size = long(bytes, at).map_or(0, count);
        location(slice(bytes, at, size), &mut link.targets);
        at = at.saturating_add(size);
    }
    for (bit, place) in [
        (HAS_NAME, &mut link.name),
        (HAS_RELATIVE, &mut link.relative),
        (HAS_WORKING_FOLDER, &mut link.working_folder),
        (HAS_ARGUMENTS, &mut link.arguments),
        (HAS_ICON, &mut link.icon),
    ] {
        if has(bit) {
            let letters = short(bytes, at).unwrap_or(0);
            let length = if has(IS_UNICODE) { letters * 2 } else { letters };
            *place = string(slice(bytes, at + 2, length), has(IS_UNICODE));
            at = at.saturating_add(2 + length);
        }
    }
    at = extra(bytes, at, &mut link);
    link.targets.extend(items);
    link.targets.retain(|target| !target.trim().is_empty());
    link.overlay = bytes.get(at..).unwrap_or_default();
    if link.overlay.iter().all(|byte| *byte == 0) {
        link.overlay = &[];
    }
    Some(link)
}

/// Section 2.2: items of the shell. Their structure is undocumented in part; the names in them are letters of one or two bytes.
fn items_of(list: &[u8]) -> Vec<String> {
    let mut path = String::new();
    let mut all = Vec::new();
    let mut rest = list;
    for _ in 0..limits::SHORTCUT_ITEMS_MAX {
        let size = short(rest, 0).unwrap_or(0);
        if size < 3 {
            break;
        }
        let item = rest.get(2..size.min(rest.len())).unwrap_or_default();
        let wide = encodings::utf16_runs(item, 3);
        let name = wide
            .lines()
            .max_by_key(|line| line.len())
            .map(str::to_string)
            .or_else(|| ascii_run(item));
        if let Some(name) = name {
            if !path.is_empty() && !path.ends_with('\\') {
                path.push('\\');
            }
            path.push_str(&name);
        }
        all.extend(wide.lines().map(str::to_string));
        all.extend(ascii_run(item));
        rest = rest.get(size..).unwrap_or_default();
    }
    all.insert(0, path);
    all
}

/// The longest run of printable letters.
fn ascii_run(bytes: &[u8]) -> Option<String> {
    let runs = bytes.split(|byte| !(0x20..0x7f).contains(byte));
    let longest = runs.max_by_key(|run| run.len())?;
    (longest.len() >= 3).then(|| String::from_utf8_lossy(longest).into_owned())
}

/// Section 2.3: the path on a disk or a share.
fn location(place: &[u8], targets: &mut Vec<String>) {
    let header = long(place, 4).map_or(0, count);
    let at = |field: usize| long(place, field).map(count).filter(|at| *at != 0);
    let ansi = |at: Option<usize>| {
        at.map_or(String::new(), |at| to_zero(place.get(at..).unwrap_or_default()))
    };
    let wide = |at: Option<usize>| {
        at.map_or(String::new(), |at| {
            string(wide_to_zero(place.get(at..).unwrap_or_default()), true)
        })
    };
    let suffix = ansi(at(24));
    let local = ansi(at(16));
    if header >= 0x24 {
        let local = wide(at(28));
        targets.push(join(local, &wide(at(32))));
    }
    targets.push(join(local, &suffix));
    if let Some(network) = at(20).and_then(|at| place.get(at..)) {
        let name = long(network, 8).map(count).and_then(|at| network.get(at..)).map(to_zero);
        targets.push(join(name.unwrap_or_default(), &suffix));
    }
}

fn join(base: String, suffix: &str) -> String {
    match base.is_empty() || suffix.is_empty() {
        true => base + suffix,
        false if base.ends_with('\\') => base + suffix,
        false => format!("{base}\\{suffix}"),
    }
}

/// Section 2.5: blocks with a length and a signature each. Gives where they end.
fn extra(bytes: &[u8], from: usize, link: &mut Link<'_>) -> usize {
    let mut at = from;
    for _ in 0..limits::SHORTCUT_ITEMS_MAX {
        let Some(size) = long(bytes, at).map(count) else { return at.min(bytes.len()) };
        if size < 8 {
            return at + 4;
        }
        let block = slice(bytes, at, size);
        let signature = long(block, 4).unwrap_or(0);
        // Something else than a block of the format stands here: it is data behind the end.
        if signature & 0xffff_fff0 != 0xa000_0000 {
            return at;
        }
        let ansi = || to_zero(block.get(8..268).unwrap_or_default());
        let wide = || string(wide_to_zero(block.get(268..788).unwrap_or_default()), true);
        match signature {
            ENVIRONMENT => link.targets.extend([wide(), ansi()]),
            ICON_ENVIRONMENT if link.icon.is_empty() => link.icon = wide(),
            DARWIN => link.targets.push(wide()),
            // Properties hold names and addresses, in UTF-16.
            PROPERTIES | SHELL_ITEMS => {
                link.targets.extend(encodings::utf16_runs(block, 5).lines().map(str::to_string));
            }
            _ => (),
        }
        at = at.saturating_add(size).min(bytes.len());
    }
    at
}

fn slice(bytes: &[u8], at: usize, length: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.get(..length.min(rest.len())).unwrap_or_default()
}

fn string(bytes: &[u8], wide: bool) -> String {
    match wide {
        true => encodings::utf16(bytes),
        false => archive::shown_name(bytes),
    }
}

fn to_zero(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    archive::shown_name(bytes.get(..end).unwrap_or_default())
}

fn wide_to_zero(bytes: &[u8]) -> &[u8] {
    let letters = bytes.chunks_exact(2).take_while(|pair| *pair != [0, 0]).count();
    bytes.get(..letters * 2).unwrap_or_default()
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(two.try_into().ok()?)))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Header size and class id, section 2.1.
const HEADER: &[u8] = b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
const HEADER_BYTES: usize = 76;
/// Link flags, section 2.1.1.
const HAS_ITEMS: u32 = 0x1;
const HAS_LOCATION: u32 = 0x2;
const HAS_NAME: u32 = 0x4;
const HAS_RELATIVE: u32 = 0x8;
const HAS_WORKING_FOLDER: u32 = 0x10;
const HAS_ARGUMENTS: u32 = 0x20;
const HAS_ICON: u32 = 0x40;
const IS_UNICODE: u32 = 0x80;
/// Signatures of blocks, section 2.5.
const ENVIRONMENT: u32 = 0xa000_0001;
const DARWIN: u32 = 0xa000_0006;
const ICON_ENVIRONMENT: u32 = 0xa000_0007;
const PROPERTIES: u32 = 0xa000_0009;
const SHELL_ITEMS: u32 = 0xa000_000c;
