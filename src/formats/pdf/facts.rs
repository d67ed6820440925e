//! What the objects of a PDF would do, and what they carry: scripts, actions, links, attached files, forms.
//!
//! Every dictionary is looked at, whether anything refers to it or not: what one program cannot reach another may.
//! ISO 32000-1 sections 7.11 (files), 12.5 (annotations), 12.6 (actions), 12.7 (forms).

use super::{
    object::{Dict, Object, label, label_of, text},
    store::{Place, Store},
    text::inherited,
    xfa,
};
use crate::{
    base::limits,
    formats::{
        budget::Budget,
        opened::{Member, Opened, Role},
    },
};
use memchr::memmem;
use std::collections::{HashMap, HashSet};

/// What was found, beside what went into [`Opened`] at once.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Streams that are files, with the names they go by.
    pub(super) files: HashMap<usize, Vec<String>>,
    /// Streams given already, as code.
    pub(super) given: HashSet<usize>,
    /// Values of fields, texts of annotations, titles.
    pub(super) text: String,
    /// Strings as they read when decoded and decrypted.
    pub(super) strings: Vec<u8>,
    scripts: usize,
    codes_seen: HashSet<usize>,
    signs: HashMap<&'static str, usize>,
    forms_seen: HashSet<usize>,
}

/// Looks at every object.
pub(super) fn gather(store: &Store, opened: &mut Opened, budget: &Budget) -> Facts {
    let mut facts = Facts::default();
    for (count, (place, found)) in store.places().enumerate() {
        if count % LOOK_AGAIN == 0 && budget.check_time().is_err() {
            break;
        }
        facts.walk(store, place, &found.object, opened, budget);
        let is_file = found.object.as_dict().is_some_and(|dict| dict.is(b"Type", b"EmbeddedFile"));
        let is_metadata = found.object.as_dict().is_some_and(|dict| dict.is(b"Type", b"Metadata"));
        if let (true, Some(metadata)) = (is_metadata, place.decoded()) {
            facts.described(&metadata.bytes);
        }
        if is_file && found.raw.is_some() {
            facts.files.entry(place.index).or_default();
        }
    }
    for trailer in &store.trailers {
        // Cross-reference streams are objects as well and were looked at.
        if !trailer.is(b"Type", b"XRef") {
            facts.dictionary(store, store.place(0), trailer, opened);
            for (_, value) in &trailer.entries {
                facts.walk(store, store.place(0), value, opened, budget);
            }
        }
    }
    if facts.scripts > 0 {
        let count = facts.scripts;
        facts.sign(opened, "pdf.javascript", &format!("{count} scripts"));
    }
    facts
}

impl Facts {
    /// Keeps a sign, a few of each kind.
    pub(super) fn sign(&mut self, opened: &mut Opened, id: &'static str, because: &str) {
        let count = self.signs.entry(id).or_default();
        if *count < limits::PDF_SIGNS_OF_A_KIND_MAX {
            *count += 1;
            opened.sign(id, label_of(because));
        }
    }

    /// Every string once more, as it reads: what was hex, octal, UTF-16 or encrypted stands here in clear.
    fn string(&mut self, bytes: &[u8]) {
        if bytes.len() >= STRING_BYTES_MIN && self.strings.len() < limits::PDF_STRINGS_BYTES_MAX {
            match bytes {
                [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => {
                    self.strings.extend_from_slice(text(bytes).as_bytes());
                }
                _ => self.strings.extend_from_slice(bytes),
            }
            self.strings.push(b'\n');
        }
    }

    /// Looks at every dictionary of one object.
    fn walk<'a>(
        &mut self,
        store: &Store,
        place: Place<'a>,
        root: &'a Object,
        opened: &mut Opened,
        budget: &Budget,
    ) {
        let mut open = vec![root];
        let mut count = 0_usize;
        while let Some(object) = open.pop() {
            count += 1;
            if count.is_multiple_of(LOOK_AGAIN) && budget.check_time().is_err() {
                return;
            }
            match object {
                Object::Text(text) if !store.locked => self.string(text),
                Object::Array(items) => open.extend(items.iter().rev()),
                Object::Dict(dict) => {
                    self.dictionary(store, place, dict, opened);
                    open.extend(dict.entries.iter().rev().map(|(_, value)| value));
                }
                _ => (),
            }
        }
    }

    fn dictionary<'a>(
        &mut self,
        store: &Store,
        place: Place<'a>,
        dict: &'a Dict,
        opened: &mut Opened,
    ) {
        let is_signature = dict.get(b"ByteRange").is_some();
        // Of a stream whose bytes stand elsewhere, or of a file that is not inside.
        let is_outside =
            dict.get(b"FS").is_some() || dict.get(b"EF").is_none() && dict.get(b"Length").is_some();
        for (key, value) in &dict.entries {
            match key.as_slice() {
                b"JS" => self.script(store, place, value, opened),
                b"URI" => {
                    if let Some(uri) = place.resolve(value).as_text() {
                        link(opened, store, uri);
                    }
                }
                // FDF, section 12.7.7.2: scripts before and after the import.
                b"JavaScript" => self.import_scripts(store, place, value, opened),
                b"FDF" => self.import_target(store, place, value, opened),
                b"OpenAction" => self.opens(place, value, "on opening", opened),
                b"AA" => self.additional(place, value, opened),
                b"EF" => self.file(place, dict, value, opened),
                b"XFA" => self.form(store, place, value, opened),
                b"Title" | b"Subject" | b"Keywords" | b"Author" if !store.locked => {
                    self.words(place.resolve(value));
                }
                b"Contents" | b"RC" | b"TU" | b"Tooltip" if !store.locked && !is_signature => {
                    self.words(place.resolve(value));
                }
                b"V" | b"DV" if !store.locked => self.words(place.resolve(value)),
                b"F" if is_outside => {
                    self.outside(store, place, value, opened);
                }
                _ => (),
            }
        }
        self.action(store, place, dict, opened);
        let subtype = place.get(dict, b"Subtype").and_then(Object::as_name);
        if let Some(name @ (b"RichMedia" | b"3D" | b"Screen" | b"Movie" | b"Sound")) = subtype
            && (dict.get(b"Rect").is_some() || dict.is(b"Type", b"Annot"))
        {
            self.sign(opened, "pdf.rich_media", &label(name));
        }
    }

    /// The keys of an action, by its kind.
    fn action<'a>(&mut self, store: &Store, place: Place<'a>, dict: &'a Dict, opened: &mut Opened) {
        let Some(kind) = place.get(dict, b"S").and_then(Object::as_name) else { return };
        let target =
            place.get(dict, b"F").map(|target| names_of(place, target)).unwrap_or_default();
        let first = target.first().map(|name| label_of(name)).unwrap_or_default();
        match kind {
            b"Launch" => self.launch(store, place, dict, &target, opened),
            b"SubmitForm" => self.sign(opened, "pdf.submits_form", &first),
            b"GoToR" | b"ImportData" => {
                self.sign(opened, "pdf.remote_go_to", &format!("{}: {first}", label(kind)));
            }
            b"GoToE" if !first.is_empty() => {
                self.sign(opened, "pdf.remote_go_to", &format!("GoToE: {first}"));
            }
            b"Rendition" | b"Movie" | b"Sound" | b"RichMediaExecute" => {
                self.sign(opened, "pdf.rich_media", &label(kind));
            }
            _ => return,
        }
        for name in &target {
            link(opened, store, name.as_bytes());
        }
    }

    fn launch<'a>(
        &mut self,
        store: &Store,
        place: Place<'a>,
        dict: &'a Dict,
        target: &[String],
        opened: &mut Opened,
    ) {
        let mut command: Vec<String> = target.iter().take(1).cloned().collect();
        for system in [&b"Win"[..], b"Mac", b"Unix"] {
            match place.get(dict, system) {
                Some(Object::Dict(parameters)) => {
                    let words = [&b"D"[..], b"F", b"P"].into_iter().filter_map(|key| {
                        place.get(parameters, key).and_then(Object::as_text).map(text)
                    });
                    command.extend(words);
                }
                Some(Object::Text(name)) => command.push(text(name)),
                _ => (),
            }
        }
        let command = if store.locked { String::new() } else { command.join(" ") };
        self.sign(opened, "pdf.launch", &command);
        if !command.is_empty() {
            opened.push(Member::new(Some("launch".to_owned()), command.into_bytes(), Role::Code));
        }
    }

    /// Something that happens by itself.
    fn opens<'a>(&mut self, place: Place<'a>, value: &'a Object, when: &str, opened: &mut Opened) {
        let (object, place) = place.resolve_at(value);
        let Some(action) = object.as_dict() else { return };
        // A destination says where to show, no more.
        match place.get(action, b"S").and_then(Object::as_name) {
            None | Some(b"GoTo" | b"Named") => (),
            Some(kind) => {
                let because = format!("{when}: {}", label(kind));
                self.sign(opened, "pdf.open_action", &because);
            }
        }
    }

    /// Table 194 to 197: when a page or a document opens, closes, is printed or saved, or an annotation comes into view.
    fn additional<'a>(&mut self, place: Place<'a>, value: &'a Object, opened: &mut Opened) {
        let (object, place) = place.resolve_at(value);
        // The calculation of a field is named C as well; forms are full of them.
        let is_field = object.as_dict().is_some_and(|dict| {
            dict.get(b"K").is_some() || dict.get(b"F").is_some() || dict.get(b"V").is_some()
        });
        let actions = object.as_dict().map(|dict| &dict.entries);
        for (key, action) in actions.into_iter().flatten().take(ACTIONS_MAX) {
            let when = match key.as_slice() {
                b"O" | b"PO" | b"PV" | b"E" | b"Fo" => "on showing a page",
                b"C" | b"WC" | b"PC" | b"PI" => "on closing",
                b"WS" | b"DS" => "on saving",
                b"WP" | b"DP" => "on printing",
                _ => continue,
            };
            let calculates = key.as_slice() == b"C" && is_field;
            if !calculates {
                self.opens(place, action, when, opened);
            }
        }
    }

    fn script<'a>(
        &mut self,
        store: &Store,
        place: Place<'a>,
        value: &'a Object,
        opened: &mut Opened,
    ) {
        let (object, at) = place.resolve_at(value);
        if matches!(value, Object::Reference(_)) && !self.codes_seen.insert(at.index) {
            return;
        }
        let code = match (object, at.decoded()) {
            (Object::Text(code), _) => text(code),
            (Object::Dict(_), Some(stream)) => text(&stream.bytes),
            _ => return,
        };
        self.scripts += 1;
        if !store.locked && !code.is_empty() && self.scripts <= limits::PDF_MEMBERS_MAX {
            if at.decoded().is_some() {
                self.given.insert(at.index);
            }
            let name = format!("javascript {}", self.scripts);
            opened.push(Member::new(Some(name), code.into_bytes(), Role::Code));
        }
    }

    fn import_scripts<'a>(
        &mut self,
        store: &Store,
        place: Place<'a>,
        value: &'a Object,
        opened: &mut Opened,
    ) {
        let (object, place) = place.resolve_at(value);
        let Some(dict) = object.as_dict() else { return };
        for key in [&b"Before"[..], b"After", b"AfterPermsReady"] {
            if let Some(script) = dict.get(key) {
                self.script(store, place, script, opened);
            }
        }
        let document = place.get(dict, b"Doc").and_then(Object::as_array).unwrap_or_default();
        for pair in document.chunks_exact(2).take(ACTIONS_MAX) {
            if let [_, script] = pair {
                self.script(store, place, script, opened);
            }
        }
    }

    fn import_target<'a>(
        &mut self,
        store: &Store,
        place: Place<'a>,
        value: &'a Object,
        opened: &mut Opened,
    ) {
        let (object, place) = place.resolve_at(value);
        if let Some(target) = object.as_dict().and_then(|dict| place.get(dict, b"F")) {
            for name in names_of(place, target) {
                link(opened, store, name.as_bytes());
                self.sign(opened, "pdf.remote_go_to", &format!("FDF: {}", label_of(&name)));
            }
        }
    }

    /// A file specification with a file inside.
    fn file<'a>(
        &mut self,
        place: Place<'a>,
        spec: &'a Dict,
        files: &'a Object,
        opened: &mut Opened,
    ) {
        let mut names = names(place, spec);
        names.dedup();
        let shown = names.first().map(|name| label_of(name)).unwrap_or_default();
        let (files, at) = place.resolve_at(files);
        let mut any = false;
        let files = files.as_dict().map(|dict| &dict.entries);
        for (_, file) in files.into_iter().flatten().take(NAMES_MAX) {
            let (_, stream) = at.resolve_at(file);
            if stream.decoded().is_some() {
                any = true;
                let known = self.files.entry(stream.index).or_default();
                for name in &names {
                    if !known.contains(name) && known.len() < NAMES_MAX {
                        known.push(name.clone());
                    }
                }
            }
        }
        if any {
            self.sign(opened, "pdf.embedded_file", &shown);
        }
    }

    /// A file specification that names something outside.
    fn outside<'a>(
        &mut self,
        store: &Store,
        place: Place<'a>,
        value: &'a Object,
        opened: &mut Opened,
    ) {
        for name in names_of(place, value) {
            if !store.locked && !name.is_empty() {
                link(opened, store, name.as_bytes());
                self.sign(
                    opened,
                    "pdf.remote_go_to",
                    &format!("a file outside: {}", label_of(&name)),
                );
            }
        }
    }

    /// The packets of an XFA form put together, ISO 32000-1 section 12.7.8.
    fn form<'a>(
        &mut self,
        store: &Store,
        place: Place<'a>,
        value: &'a Object,
        opened: &mut Opened,
    ) {
        let (object, at) = place.resolve_at(value);
        if matches!(value, Object::Reference(_)) && !self.forms_seen.insert(at.index) {
            return;
        }
        self.sign(opened, "pdf.xfa", "a form in XML");
        let packets: Vec<Place<'a>> = match object {
            Object::Array(items) => items.iter().map(|item| at.resolve_at(item).1).collect(),
            _ => vec![at],
        };
        let mut form = Vec::new();
        let mut seen = HashSet::new();
        for packet in packets {
            if let Some(stream) = packet.decoded().filter(|_| seen.insert(packet.index))
                && form.len() < limits::PDF_TEXT_BYTES_MAX
            {
                form.extend_from_slice(&stream.bytes);
            }
        }
        if let (Object::Text(packet), true) = (object, form.is_empty()) {
            form.extend_from_slice(packet);
        }
        if form.is_empty() || store.locked {
            return;
        }
        let read = xfa::read(&form);
        for script in read.scripts {
            self.scripts += 1;
            if self.scripts <= limits::PDF_MEMBERS_MAX {
                let name = format!("form script {}", self.scripts);
                opened.push(Member::new(Some(name), script.into_bytes(), Role::Code));
            }
        }
        for target in read.targets {
            self.sign(opened, "pdf.submits_form", &target);
            link(opened, store, target.as_bytes());
        }
        self.add_text(&read.text);
        opened.push(Member::new(Some("form.xml".to_owned()), form, Role::Inside));
    }

    /// Title and description in XMP, ISO 16684-1 section 8.3.
    fn described(&mut self, metadata: &[u8]) {
        for (start, end) in [("<dc:title", "</dc:title"), ("<dc:description", "</dc:description")] {
            let Some(at) = memmem::find(metadata, start.as_bytes()) else { continue };
            let rest = metadata.get(at..).unwrap_or_default();
            let Some(length) = memmem::find(rest, end.as_bytes()) else { continue };
            let length = length.min(limits::PDF_TEXT_BYTES_MAX);
            self.add_text(xfa::read(rest.get(..length).unwrap_or_default()).text.trim());
        }
    }

    fn words(&mut self, value: &Object) {
        match value {
            Object::Text(words) => self.add_text(&text(words)),
            Object::Array(items) => {
                for words in items.iter().filter_map(Object::as_text).take(FIELD_VALUES_MAX) {
                    self.add_text(&text(words));
                }
            }
            _ => (),
        }
    }

    fn add_text(&mut self, words: &str) {
        if !words.is_empty() && self.text.len() < limits::PDF_TEXT_BYTES_MAX {
            self.text.push_str(words);
            self.text.push('\n');
        }
    }
}

/// Is the only page a picture with one link over it and hardly a word?
pub(super) fn is_lure(pages: &super::text::Pages<'_>) -> bool {
    let [page] = pages.pages.as_slice() else { return false };
    let Some(dict) = page.found().and_then(|found| found.object.as_dict()) else { return false };
    if pages.letters > limits::PDF_LURE_LETTERS_MAX || pages.drawn_pictures == 0 {
        return false;
    }
    let page_area = inherited(*page, dict, b"MediaBox").map_or(0.0, |(rect, at)| area(at, rect));
    let Some(annotations) = dict.get(b"Annots") else { return false };
    let (annotations, at) = page.resolve_at(annotations);
    let mut largest = 0.0_f64;
    for annotation in annotations.as_array().unwrap_or_default().iter().take(ANNOTATIONS_MAX) {
        let (object, at) = at.resolve_at(annotation);
        let Some(annotation) = object.as_dict() else { continue };
        let action = at.dict(annotation, b"A");
        if action.is_some_and(|action| action.get(b"URI").is_some())
            && let Some(rect) = at.get(annotation, b"Rect")
        {
            largest = largest.max(area(at, rect));
        }
    }
    largest > 0.0 && largest >= page_area * LURE_SHARE_MIN
}

fn area<'a>(place: Place<'a>, rect: &'a Object) -> f64 {
    let side: Vec<f64> = rect
        .as_array()
        .unwrap_or_default()
        .iter()
        .filter_map(|side| place.resolve(side).as_number())
        .collect();
    match side.as_slice() {
        [left, bottom, right, top] => ((right - left) * (top - bottom)).abs(),
        _ => 0.0,
    }
}

/// The names of a file specification: a string, or a dictionary with one for each system.
fn names_of<'a>(place: Place<'a>, spec: &'a Object) -> Vec<String> {
    match spec {
        Object::Text(name) => vec![text(name)],
        Object::Dict(dict) => names(place, dict),
        Object::Reference(_) => match place.resolve(spec) {
            Object::Text(name) => vec![text(name)],
            Object::Dict(dict) => names(place, dict),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn names<'a>(place: Place<'a>, spec: &'a Dict) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for key in [&b"UF"[..], b"F", b"Unix", b"DOS", b"Mac"] {
        if let Some(name) = place.get(spec, key).and_then(Object::as_text).map(text)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn link(opened: &mut Opened, store: &Store, link: &[u8]) {
    if store.locked || link.is_empty() || opened.links.len() >= limits::LINKS_MAX {
        return;
    }
    let link = text(link.get(..limits::LINK_BYTES_MAX).unwrap_or(link));
    opened.links.push(link.trim().to_owned());
}

/// Objects between two looks at the clock.
const LOOK_AGAIN: usize = 128;
/// Shorter strings hold no signature.
const STRING_BYTES_MIN: usize = 4;
/// Actions of one object that happen by themselves; table 194 to 197 know seventeen.
const ACTIONS_MAX: usize = 64;
/// Names that one file goes by.
const NAMES_MAX: usize = 8;
/// Choices of one field.
const FIELD_VALUES_MAX: usize = 1_000;
/// Annotations looked at for a lure: it has one.
const ANNOTATIONS_MAX: usize = 200;
/// How much of the page a lure's link covers at least.
const LURE_SHARE_MIN: f64 = 0.4;
