//! A compound file whose streams are in memory, once, so that every reader sees the same bytes (deciphered ones where a password fitted),
//! and the ways in which a reader gives something away.

use super::{
    cfb::{Compound, Kind},
    text,
};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit, Stopped},
        opened::{Member, Opened, Role},
    },
};

/// All streams and folders of one compound file.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) streams: Vec<Stream>,
    pub(super) storages: Vec<Storage>,
    /// Why there are not more streams.
    pub(super) stopped: Option<Stopped>,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// The folders above it, joined with `/`; empty for one that stands in the root.
    pub(super) folder: String,
    /// Its own name, control characters and all.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) stopped: Option<Stopped>,
    /// The name was packed as Windows Installer does.
    pub(super) coded: bool,
    /// The bytes have been given away in a better shape.
    pub(super) given: bool,
}

/// One folder; the root has an empty path.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) path: String,
    pub(super) class: [u8; 16],
}

impl Document {
    /// Reads every stream once, counted against the budget.
    pub(super) fn load(compound: &Compound<'_>, budget: &mut Budget) -> Document {
        let mut document = Document::default();
        if compound.has_more() {
            let limit = Limit::TooMany { parts_max: limits::COMPOUND_ENTRIES_MAX };
            document.stopped = Some(Stopped::Limit(limit));
        }
        for entry in compound.entries() {
            if let Err(limit) = budget.check_time() {
                document.stopped = Some(Stopped::Limit(limit));
                break;
            }
            if entry.kind != Kind::Stream {
                let path = if entry.kind == Kind::Root { "" } else { entry.path.as_str() };
                document.storages.push(Storage { path: path.to_string(), class: entry.class });
                continue;
            }
            let unpacked = compound.stream(entry, budget);
            let folder = entry.path.strip_suffix(entry.name.as_str()).unwrap_or_default();
            document.streams.push(Stream {
                folder: folder.trim_end_matches('/').to_string(),
                name: entry.name.clone(),
                bytes: unpacked.bytes,
                stopped: unpacked.stopped,
                coded: entry.coded,
                given: false,
            });
        }
        document
    }

    /// The first stream of that name in that folder; names count without case, as in Windows.
    pub(super) fn find(&self, folder: &str, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.folder == folder && stream.is_named(name))
    }

    /// All streams of that name, wherever they are.
    pub(super) fn named<'d>(&'d self, name: &'d str) -> impl Iterator<Item = &'d Stream> {
        self.streams.iter().filter(move |stream| stream.is_named(name))
    }
}

impl Stream {
    /// Names count without case, MS-CFB section 2.6.4.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Folders and name for a person to read: control characters as `[5]`, the way unpackers write them.
    pub(super) fn shown(&self) -> String {
        let path = match self.folder.as_str() {
            "" => self.name.clone(),
            folder => format!("{folder}/{}", self.name),
        };
        let mut shown = String::new();
        for letter in path.chars() {
            match letter.is_control() {
                true => shown.push_str(&format!("[{}]", u32::from(letter))),
                false => shown.push(letter),
            }
        }
        text::shown(&shown)
    }
}

/// Gives a member if the budget has room for its bytes; else as much as there is room for, and says so. False: no more members.
pub(crate) fn give(
    opened: &mut Opened,
    budget: &mut Budget,
    name: impl Into<String>,
    mut bytes: Vec<u8>,
    role: Role,
) -> bool {
    let mut stopped = None;
    if let Err(limit) = budget.take_bytes(bytes.len()) {
        bytes.truncate(usize::try_from(budget.part_bytes_left()).unwrap_or(usize::MAX));
        let _ = budget.take_bytes(bytes.len());
        stopped = Some(Stopped::Limit(limit));
    }
    let name = Some(text::shown(&name.into())).filter(|name| !name.is_empty());
    opened.push(Member { name, bytes, role, stopped })
}

/// Gives text if there is any.
pub(crate) fn give_text(
    opened: &mut Opened,
    budget: &mut Budget,
    name: impl Into<String>,
    text: String,
    role: Role,
) {
    if !text.trim().is_empty() {
        give(opened, budget, name, text.into_bytes(), role);
    }
}

/// Keeps a link, each once, within the bounds.
pub(crate) fn link(opened: &mut Opened, link: &str) {
    let link = link.trim().trim_matches('"');
    if link.is_empty() || opened.links.len() >= limits::LINKS_MAX {
        return;
    }
    let end = link.floor_char_boundary(limits::LINK_BYTES_MAX);
    let link = link.get(..end).unwrap_or_default().to_string();
    if !opened.links.contains(&link) {
        opened.links.push(link);
    }
}

/// Adds what another opener gave.
pub(crate) fn merge(opened: &mut Opened, more: Opened) {
    for member in more.members {
        opened.push(member);
    }
    for sign in more.signs {
        opened.sign(sign.id, sign.because);
    }
    for found in more.links {
        link(opened, &found);
    }
    opened.stopped = opened.stopped.take().or(more.stopped);
}
