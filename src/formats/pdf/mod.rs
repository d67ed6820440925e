//! PDF, ISO 32000-1 and ISO 32000-2, read for what it hides rather than for what it shows.
//!
//! Cross-reference tables are not believed: every object in the file is read, also those of older revisions, those inside object streams and
//! those that stand in the bytes of others. Scripts, actions, attached files, forms, text, pictures and every other decoded stream come out.
//! Nothing is drawn, no script is run, no address is visited.

// An object of another type than the one that is wanted is passed over, whatever types there are.
#![allow(clippy::wildcard_enum_match_arm)]

mod crypt;
mod facts;
mod filters;
mod lexer;
mod object;
mod picture;
mod scan;
mod store;
#[cfg(test)]
mod tests;
mod text;
mod xfa;

use super::{
    budget::{Budget, Limit, Stopped},
    kind::{self, PartKind},
    opened::{LETTERS, Member, Opened, Role},
};
use crate::base::limits;
use facts::Facts;
use filters::{Decoded, Picture};
use memchr::memmem;
use object::{Dict, Object, label, label_of};
use std::collections::HashSet;
use store::Store;

/// Opens a PDF. `passwords` are tried after the empty one.
///
/// Members, the most telling first: scripts and started commands as [`Role::Code`], embedded files as [`Role::File`], the text as
/// [`Role::Text`] (what cannot be seen apart, named `hidden`), pictures and every other stream as [`Role::Inside`].
/// Encrypted and no password fits: what stands in clear, and [`Stopped::Encrypted`].
pub fn open(bytes: &[u8], passwords: &[String], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut store = Store::open(bytes, passwords, budget);
    if store.found.is_empty() {
        around(bytes, &mut opened);
        opened.stopped.get_or_insert(Stopped::Damaged("no object can be found".to_owned()));
        return opened;
    }
    let mut facts = facts::gather(&store, &mut opened, budget);
    let strings_bytes = facts.strings.len();
    let pictures = read_text(&store, &mut facts, &mut opened, budget);
    about_the_file(bytes, &store, &mut facts, &mut opened);
    files(&mut store, &mut facts, &mut opened);
    around(bytes, &mut opened);
    for (number, png) in pictures.into_iter().enumerate() {
        let name = format!("picture {}.png", number + 1);
        opened.push(Member::new(Some(name), png, Role::Inside));
    }
    others(&mut store, &mut facts, &mut opened);
    if strings_bytes >= limits::PDF_STRINGS_BYTES_MAX {
        let bytes_max = u64::try_from(limits::PDF_STRINGS_BYTES_MAX).unwrap_or(u64::MAX);
        store.stop(Stopped::Limit(Limit::TooLarge { bytes_max }));
    }
    if let Err(limit) = budget.check_time() {
        store.stop(Stopped::Limit(limit));
    }
    opened.stopped = match store.locked {
        true => Some(Stopped::Encrypted),
        false => store.stopped.take(),
    };
    opened
}

/// The letters of a text whose letters are placed one by one, without what seems to part them; none of an ordinary text.
fn set_one_by_one(text: &str) -> Option<String> {
    let words = text.split_whitespace();
    let (count, single) = words.fold((0_usize, 0_usize), |(count, single), word| {
        (count + 1, single + usize::from(word.chars().count() == 1))
    });
    let most = count >= LETTERS_SET_MIN && single * 2 > count;
    most.then(|| text.chars().filter(|letter| !letter.is_whitespace()).collect())
}

/// Fewer single letters are a list.
const LETTERS_SET_MIN: usize = 12;

/// The text members; gives the raw pictures wrapped anew.
fn read_text(
    store: &Store,
    facts: &mut Facts,
    opened: &mut Opened,
    budget: &mut Budget,
) -> Vec<Vec<u8>> {
    let contents = text::contents(store, budget);
    let mut pages = text::read(store, &contents, budget);
    if facts::is_lure(&pages) {
        facts.sign(opened, "pdf.link_only", "one page, a picture, and a link over it");
    }
    if !facts.text.is_empty() {
        pages.visible.push('\n');
        pages.visible.push_str(&facts.text);
    }
    if let Some(letters) = set_one_by_one(&pages.visible)
        && budget.take_bytes(letters.len()).is_ok()
    {
        opened.push(Member::new(Some(LETTERS.to_string()), letters.into_bytes(), Role::Code));
    }
    for (name, text) in [(None, pages.visible), (Some("hidden"), pages.hidden)] {
        if !text.trim().is_empty() && budget.take_bytes(text.len()).is_ok() {
            opened.push(Member::new(name.map(str::to_owned), text.into_bytes(), Role::Text));
        }
    }
    let mut pngs = Vec::new();
    for (place, found) in store.places() {
        let (Some(dict), Some(decoded)) = (found.object.as_dict(), place.decoded()) else {
            continue;
        };
        let raw = decoded.picture.is_none() && !decoded.bytes.is_empty();
        if raw
            && dict.is(b"Subtype", b"Image")
            && !wrap(place, dict, &decoded.bytes, &mut pngs, budget)
        {
            break;
        }
    }
    for (dict, raw) in &pages.pictures {
        let place = store.place(0);
        // Nothing written inside a content stream refers to an object.
        let filters = filters::of(dict, |object| object);
        let decoded = filters::decode(raw, &filters, budget);
        let room = match decoded.picture {
            Some(_) => {
                opened.push(Member::new(None, decoded.bytes, Role::Inside));
                true
            }
            None => wrap(place, dict, &decoded.bytes, &mut pngs, budget),
        };
        if !room {
            break;
        }
    }
    pngs
}

/// Wraps one picture. False: there is room for no more.
fn wrap<'a>(
    place: store::Place<'a>,
    dict: &'a Dict,
    samples: &[u8],
    pngs: &mut Vec<Vec<u8>>,
    budget: &mut Budget,
) -> bool {
    let bytes: usize = pngs.iter().map(Vec::len).sum();
    if pngs.len() >= limits::PDF_PICTURES_MAX
        || bytes > limits::PDF_PICTURES_BYTES_MAX
        || budget.check_time().is_err()
    {
        return false;
    }
    if let Some(png) = picture::png(place, dict, samples) {
        if budget.take_bytes(png.len()).is_err() {
            return false;
        }
        pngs.push(png);
    }
    true
}

/// What the file as a whole gives away.
fn about_the_file(bytes: &[u8], store: &Store, facts: &mut Facts, opened: &mut Opened) {
    if store.locked {
        facts.sign(opened, "pdf.password_protected", "no password that we know opens it");
    } else if store.empty_password {
        facts.sign(opened, "pdf.encrypted_open", "encrypted, opened with the empty password");
    }
    if let Some(name) = &store.escaped_name {
        facts.sign(opened, "pdf.hex_names", &format!("the name {} written in hex", label(name)));
    }
    if store.filters_most > limits::PDF_FILTERS_PLAIN_MAX {
        let count = store.filters_most;
        facts.sign(opened, "pdf.filters_many", &format!("{count} filters on one stream"));
    }
    let linearised = store
        .found
        .first()
        .and_then(|found| found.object.as_dict())
        .is_some_and(|dict| dict.get(b"Linearized").is_some());
    // A linearised file has two tables from the start, annex F.
    let revisions =
        memmem::find_iter(bytes, b"startxref").count().saturating_sub(usize::from(linearised));
    if revisions > 1 {
        facts.sign(opened, "pdf.several_revisions", &format!("{revisions} revisions"));
    }
}

/// Embedded files.
fn files(store: &mut Store, facts: &mut Facts, opened: &mut Opened) {
    let mut files: Vec<(usize, Vec<String>)> = facts.files.drain().collect();
    files.sort_unstable_by_key(|(index, _)| *index);
    for (index, names) in files {
        if opened.members.len() > limits::PDF_MEMBERS_MAX * 2 {
            // The rest comes with the other streams.
            break;
        }
        let Some(decoded) = take(store, index) else { continue };
        facts.given.insert(index);
        let name = names.first().cloned();
        if let Some(name) = names.iter().find(|name| runs(&decoded.bytes, name)) {
            facts.sign(opened, "pdf.embedded_file_runs", &label_of(name));
        } else if names.is_empty() && runs(&decoded.bytes, "") {
            facts.sign(opened, "pdf.embedded_file_runs", "a file without a name");
        }
        let Decoded { bytes, stopped, .. } = decoded;
        opened.push(Member { name, bytes, role: Role::File, stopped });
    }
}

/// Would it run when it is opened?
fn runs(bytes: &[u8], name: &str) -> bool {
    let by_name = RUNNING_EXTENSIONS.contains(&kind::extension(name).as_str());
    by_name
        || matches!(
            kind::of(bytes, name),
            PartKind::Executable
                | PartKind::Script
                | PartKind::Shortcut
                | PartKind::Java
                | PartKind::OfficeMacro
        )
}

/// What stands before the header and after the end: two files in one.
fn around(bytes: &[u8], opened: &mut Opened) {
    let start = memmem::find(bytes, b"%PDF-").unwrap_or(0);
    let before = bytes.get(..start).unwrap_or_default();
    if before.trim_ascii().len() >= AROUND_BYTES_MIN {
        opened.push(Member::new(Some("before".to_owned()), before.to_vec(), role_of(before)));
    }
    let mut last: &[u8] = &[];
    for end in memmem::find_iter(bytes, b"%%EOF").take(ENDS_MAX) {
        let after = bytes.get(end + 5..).unwrap_or_default();
        let after = after.trim_ascii_start();
        last = after;
        // A file with PDFs inside has ends of its own.
        if role_of(after) == Role::File {
            break;
        }
    }
    let goes_on = memmem::find(last, b" obj").is_some() && role_of(last) != Role::File;
    if last.trim_ascii().len() >= AROUND_BYTES_MIN && !last.starts_with(b"%PDF-") && !goes_on {
        opened.push(Member::new(Some("after".to_owned()), last.to_vec(), role_of(last)));
    }
}

/// A file of a known kind, or just bytes.
fn role_of(bytes: &[u8]) -> Role {
    match kind::of(bytes, "") {
        PartKind::Text | PartKind::Unknown | PartKind::Pdf => Role::Inside,
        _ => Role::File,
    }
}

/// Every stream that was not given yet, and the strings.
fn others(store: &mut Store, facts: &mut Facts, opened: &mut Opened) {
    let fonts = fonts(store);
    let mut shared = Shared::default();
    let mut single = 0;
    for index in 0..store.decoded.len() {
        if facts.given.contains(&index) {
            continue;
        }
        let Some(decoded) = take(store, index) else { continue };
        let found = store.found.get(index);
        let number = found.and_then(|found| found.number);
        let sure = found.is_some_and(|found| found.number.is_some() && !found.inside);
        let Decoded { bytes, picture, stopped } = decoded;
        // Where we only guess that it is a stream, what is wrong with it says nothing.
        let stopped = stopped.filter(|why| sure || matches!(why, Stopped::Limit(_)));
        // That it is locked is said once, of the whole.
        let locked = store.locked && stopped == Some(Stopped::Encrypted);
        if bytes.is_empty() && (stopped.is_none() || locked) {
            continue;
        }
        let own_kind = !fonts.contains(&index)
            && !matches!(kind::of(&bytes, ""), PartKind::Text | PartKind::Unknown);
        let alone = own_kind && opened.members.len() < limits::PDF_MEMBERS_MAX;
        let alone = alone || (single < limits::PDF_STREAM_MEMBERS_MAX && !fonts.contains(&index));
        if alone || bytes.len() > limits::PDF_SHARED_MEMBER_BYTES {
            single += usize::from(!own_kind);
            let name = Some(stream_name(number, picture));
            opened.push(Member { name, bytes, role: Role::Inside, stopped });
        } else {
            shared.add(bytes, stopped, opened);
        }
    }
    shared.add(std::mem::take(&mut facts.strings), None, opened);
    shared.flush(opened);
}

/// Streams that stand one after the other in one member.
#[derive(Debug, Default)]
struct Shared {
    bytes: Vec<u8>,
    stopped: Option<Stopped>,
}

impl Shared {
    fn add(&mut self, bytes: Vec<u8>, stopped: Option<Stopped>, opened: &mut Opened) {
        if self.bytes.len() + bytes.len() > limits::PDF_SHARED_MEMBER_BYTES {
            self.flush(opened);
        }
        self.bytes.extend_from_slice(&bytes);
        self.bytes.push(b'\n');
        self.stopped = self.stopped.take().or(stopped);
    }

    fn flush(&mut self, opened: &mut Opened) {
        let Shared { bytes, stopped } = std::mem::take(self);
        if bytes.len() > 1 || stopped.is_some() {
            let name = Some("streams".to_owned());
            opened.push(Member { name, bytes, role: Role::Inside, stopped });
        }
    }
}

/// Font programs, by their place.
fn fonts(store: &Store) -> HashSet<usize> {
    let mut fonts = HashSet::new();
    for (place, found) in store.places() {
        let Some(dict) = found.object.as_dict() else { continue };
        for key in [&b"FontFile"[..], b"FontFile2", b"FontFile3"] {
            if let Some(program @ Object::Reference(_)) = dict.get(key) {
                fonts.insert(place.resolve_at(program).1.index);
            }
        }
    }
    fonts
}

fn take(store: &mut Store, index: usize) -> Option<Decoded> {
    store.decoded.get_mut(index).and_then(Option::take)
}

fn stream_name(number: Option<u32>, picture: Option<Picture>) -> String {
    let extension = match picture {
        Some(Picture::Jpeg) => ".jpg",
        Some(Picture::Jpeg2000) => ".jp2",
        Some(Picture::Jbig2) => ".jb2",
        Some(Picture::Fax) => ".fax",
        None => "",
    };
    match number {
        Some(number) => format!("object {number}{extension}"),
        None => format!("stream{extension}"),
    }
}

/// Documents with macros and what else a double click runs, by the name alone.
const RUNNING_EXTENSIONS: [&str; 18] = [
    "docm",
    "dotm",
    "xlsm",
    "xltm",
    "xlam",
    "xlsb",
    "xll",
    "pptm",
    "potm",
    "ppam",
    "ppsm",
    "settingcontent-ms",
    "library-ms",
    "search-ms",
    "url",
    "appref-ms",
    "msc",
    "reg",
];
/// Bytes around a PDF that are worth looking at: a line of junk is not.
const AROUND_BYTES_MIN: usize = 16;
/// Ends of revisions looked behind.
const ENDS_MAX: usize = 200;
