//! The text of a PDF: of its pages in order, of forms drawn by annotations, of what older revisions showed.

mod cmap;
mod content;
mod encoding;
mod font;
mod truetype;

use super::{
    object::{Dict, Object},
    store::{Place, Store},
};
use crate::{base::limits, formats::budget::Budget};
use content::Reader;
use std::collections::{HashMap, HashSet};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Pages<'a> {
    /// What is seen.
    pub(super) visible: String,
    /// What is drawn and cannot be seen, or stands in content that nothing shows.
    pub(super) hidden: String,
    /// Pictures written into content streams: dictionary and packed bytes.
    pub(super) pictures: Vec<(Dict, &'a [u8])>,
    /// The pages in order.
    pub(super) pages: Vec<Place<'a>>,
    /// Pictures drawn.
    pub(super) drawn_pictures: usize,
    /// Letters and digits seen on pages.
    pub(super) letters: usize,
}

/// A content stream made of several.
struct Content<'a> {
    place: Place<'a>,
    bytes: Vec<u8>,
    resources: Option<(Place<'a>, &'a Dict)>,
}

/// The streams of each page put together, for [`read`], which borrows from them.
pub(super) struct Contents<'a> {
    pages: Vec<Place<'a>>,
    contents: Vec<Content<'a>>,
    /// Which page a stream belongs to, by the stream's number.
    pages_of: HashMap<u32, usize>,
    /// Streams that pages are made of.
    parts: HashSet<usize>,
}

/// Finds the pages and what is drawn on them.
pub(super) fn contents<'a>(store: &'a Store, budget: &mut Budget) -> Contents<'a> {
    let mut found = Contents {
        pages: pages(store),
        contents: Vec::new(),
        pages_of: HashMap::new(),
        parts: HashSet::new(),
    };
    let mut bytes_left = limits::PDF_CONTENT_BYTES_MAX;
    for (number, page) in found.pages.iter().enumerate() {
        let Some(dict) = page.found().and_then(|found| found.object.as_dict()) else { continue };
        let Some(contents) = dict.get(b"Contents") else { continue };
        let (object, place) = page.resolve_at(contents);
        let streams: Vec<Place<'a>> = match object {
            Object::Array(items) => items.iter().map(|item| place.resolve_at(item).1).collect(),
            _ => vec![place],
        };
        if streams.len() > bytes_left || budget.check_time().is_err() {
            break;
        }
        let mut bytes = Vec::new();
        for stream in streams {
            bytes_left = bytes_left.saturating_sub(1);
            let (Some(decoded), Some(from)) = (stream.decoded(), stream.found()) else { continue };
            let length = decoded.bytes.len();
            // The same stream on every page of a thousand would be copied a thousand times.
            if length > bytes_left || budget.check_time().is_err() {
                break;
            }
            bytes_left -= length;
            bytes.extend_from_slice(&decoded.bytes);
            bytes.push(b'\n');
            found.parts.insert(stream.index);
            found.pages_of.extend(from.number.map(|stream| (stream, number)));
        }
        found.contents.push(Content { place: *page, bytes, resources: resources(*page, dict) });
    }
    found
}

/// Reads all text.
pub(super) fn read<'a>(store: &'a Store, contents: &'a Contents<'a>, budget: &Budget) -> Pages<'a> {
    let mut reader = Reader::new();
    reader.visited.extend(&contents.parts);
    for content in &contents.contents {
        reader.new_page();
        reader.run(&content.bytes, content.place.index, content.resources, budget);
    }
    let letters = reader.visible.chars().filter(|letter| letter.is_alphanumeric()).count();
    let drawn_pictures = reader.drawn_pictures;
    for (place, found) in store.places() {
        let (Some(decoded), Some(dict)) = (place.decoded(), found.object.as_dict()) else {
            continue;
        };
        if reader.visited.contains(&place.index) || decoded.picture.is_some() {
            continue;
        }
        let page = found.number.and_then(|number| contents.pages_of.get(&number));
        let page = page.and_then(|page| contents.contents.get(*page));
        let is_form = dict.is(b"Subtype", b"Form") || dict.get(b"PatternType").is_some();
        if let Some(page) = page {
            // An older revision of what the page shows.
            reader.new_page();
            reader.run(&decoded.bytes, place.index, page.resources, budget);
        } else if is_form {
            reader.new_page();
            reader.run(&decoded.bytes, place.index, resources(place, dict), budget);
        } else if dict.get(b"Type").is_none()
            && dict.get(b"Subtype").is_none()
            && shows(&decoded.bytes)
        {
            // Nothing draws it, as far as we see.
            let seen = std::mem::take(&mut reader.visible);
            reader.new_page();
            reader.run(&decoded.bytes, place.index, resources(place, dict), budget);
            let unseen = std::mem::replace(&mut reader.visible, seen);
            reader.hidden.push_str(&unseen);
        }
    }
    Pages {
        visible: reader.visible,
        hidden: reader.hidden,
        pictures: reader.pictures,
        pages: contents.pages.clone(),
        drawn_pictures,
        letters,
    }
}

/// Does it look like a content stream with text?
fn shows(bytes: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(bytes, word).is_some();
    has(b"BT") && has(b"ET") && (has(b"Tj") || has(b"TJ"))
}

/// The pages: those of the tree in their order, then every other one that stands in the file.
fn pages(store: &Store) -> Vec<Place<'_>> {
    let mut pages = Vec::new();
    let mut seen = HashSet::new();
    let mut kids_left = limits::PDF_VALUES_MAX;
    let mut open: Vec<Place<'_>> = Vec::new();
    for trailer in &store.trailers {
        if let Some(root) = trailer.get(b"Root")
            && let (Object::Dict(root), place) = store.place(0).resolve_at(root)
            && let Some(tree) = root.get(b"Pages")
        {
            open.push(place.resolve_at(tree).1);
        }
    }
    while let Some(node) = open.pop() {
        if !seen.insert(node.index) {
            continue;
        }
        let Some(dict) = node.found().and_then(|found| found.object.as_dict()) else { continue };
        match node.get(dict, b"Kids").and_then(Object::as_array) {
            Some(kids) if kids.len() > kids_left => (),
            Some(kids) => {
                kids_left -= kids.len();
                let kids = kids.iter().filter(|kid| matches!(kid, Object::Reference(_)));
                open.extend(kids.rev().map(|kid| node.resolve_at(kid).1));
            }
            None => pages.push(node),
        }
    }
    for (place, found) in store.places() {
        let Some(dict) = found.object.as_dict() else { continue };
        let draws = !matches!(dict.get(b"Contents"), None | Some(Object::Text(_) | Object::Null));
        let is_page = dict.is(b"Type", b"Page") || dict.get(b"MediaBox").is_some();
        if draws && is_page && seen.insert(place.index) {
            pages.push(place);
        }
    }
    pages
}

/// The resources of a page or form, also those that a page inherits, section 7.7.3.4.
fn resources<'a>(place: Place<'a>, dict: &'a Dict) -> Option<(Place<'a>, &'a Dict)> {
    inherited(place, dict, b"Resources")
        .and_then(|(object, place)| Some((place, object.as_dict()?)))
}

/// The value of a key of a page or of what it hangs from.
pub(super) fn inherited<'a>(
    place: Place<'a>,
    dict: &'a Dict,
    key: &[u8],
) -> Option<(&'a Object, Place<'a>)> {
    let (mut place, mut dict) = (place, dict);
    for _ in 0..limits::PDF_PARENTS_MAX {
        if let Some(value) = dict.get(key) {
            return Some(place.resolve_at(value));
        }
        let (parent, at) = place.resolve_at(dict.get(b"Parent")?);
        dict = parent.as_dict()?;
        place = at;
    }
    None
}
