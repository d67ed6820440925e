//! All objects of a PDF together: what a reference stands for, what a string says when it is decrypted, what a stream holds when it is decoded.
//!
//! An object that stands in the file several times is kept as often; references mean the last one of the same PDF.

use super::{
    crypt::{Crypt, Thing},
    filters::{self, Decoded, Kind},
    lexer::{Lexer, Next},
    object::{Dict, Object},
    scan::{Found, Scan, scan},
};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit, Stopped},
        crypto,
    },
};
use std::collections::HashMap;

/// A PDF taken apart.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Every object in the order met.
    pub(super) found: Vec<Found>,
    /// What each stream holds, beside its object.
    pub(super) decoded: Vec<Option<Decoded>>,
    /// Trailer dictionaries.
    pub(super) trailers: Vec<Dict>,
    /// A name that hides letters.
    pub(super) escaped_name: Option<Vec<u8>>,
    /// The longest chain of filters.
    pub(super) filters_most: usize,
    /// It is encrypted and stays so.
    pub(super) locked: bool,
    /// It opened with the empty password.
    pub(super) empty_password: bool,
    /// Why something is missing.
    pub(super) stopped: Option<Stopped>,
    by_segment: HashMap<(usize, u32), usize>,
    by_number: HashMap<u32, usize>,
    values_left: usize,
    decoded_bytes: usize,
}

/// An object seen from where it stands, so that its references can be followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    store: &'a Store,
    /// The object's place in the list.
    pub(super) index: usize,
    /// It is this object itself, not something written inside it.
    is_whole: bool,
}

impl Store {
    /// Reads, decrypts and decodes everything.
    pub(super) fn open(bytes: &[u8], passwords: &[String], budget: &mut Budget) -> Store {
        let scan = scan(bytes, budget);
        let mut store = Store::of(scan);
        store.index_from(0);
        let crypt = store.unlock(passwords, budget);
        store.decode_all(bytes, crypt.as_ref(), Part::ObjectStreams, budget);
        store.unpack_object_streams();
        // Trailers of hybrid files may name an Encrypt that only now is there.
        store.decode_all(bytes, crypt.as_ref(), Part::Others, budget);
        if store.values_left == 0 {
            let parts_max = limits::PDF_VALUES_MAX;
            store.stop(Stopped::Limit(Limit::TooMany { parts_max }));
        }
        store
    }

    fn of(scan: Scan) -> Store {
        let mut store = Store {
            found: scan.found,
            trailers: scan.trailers,
            escaped_name: scan.escaped_name,
            values_left: scan.values_left,
            ..Store::default()
        };
        if scan.out_of_time {
            store.stop(Stopped::Limit(Limit::OutOfTime { time_max: limits::EXAMINE_TIME_MAX }));
        }
        store
    }

    /// Keeps the first reason.
    pub(super) fn stop(&mut self, why: Stopped) {
        self.stopped.get_or_insert(why);
    }

    /// The place of an object in the list.
    pub(super) fn place(&self, index: usize) -> Place<'_> {
        Place { store: self, index, is_whole: true }
    }

    /// Every object with its place.
    pub(super) fn places(&self) -> impl Iterator<Item = (Place<'_>, &Found)> {
        self.found.iter().enumerate().map(|(index, found)| (self.place(index), found))
    }

    /// Enters objects from this one on: later ones replace earlier ones, those inside streams none that stand in the open.
    fn index_from(&mut self, start: usize) {
        for (index, found) in self.found.iter().enumerate().skip(start) {
            let Some(number) = found.number else { continue };
            let rank = |index: usize| self.found.get(index).map(|found| (!found.inside, found.at));
            let keep = |old: usize| rank(old) > rank(index);
            let entry = self.by_segment.entry((found.segment, number)).or_insert(index);
            if !keep(*entry) {
                *entry = index;
            }
            let entry = self.by_number.entry(number).or_insert(index);
            if !keep(*entry) {
                *entry = index;
            }
        }
    }

    /// Opens the encryption if there is one, and decrypts the strings.
    fn unlock(&mut self, passwords: &[String], budget: &Budget) -> Option<Crypt> {
        let mut ids: Vec<Vec<u8>> = Vec::new();
        let mut locks: Vec<(Option<usize>, Dict)> = Vec::new();
        for trailer in self.trailers.iter().rev().take(TRAILERS_MAX) {
            let place = self.place(0);
            let id = trailer.get(b"ID").map(|id| place.resolve(id)).and_then(Object::as_array);
            let id = id.and_then(|id| id.first()).map(|id| place.resolve(id));
            let id = id.and_then(Object::as_text).unwrap_or_default().to_vec();
            if ids.len() < LOCKS_MAX && !ids.contains(&id) {
                ids.push(id);
            }
            let Some(encrypt) = trailer.get(b"Encrypt") else { continue };
            let at = match encrypt {
                Object::Reference(number) => self.by_number.get(number).copied(),
                _ => None,
            };
            let Some(dict) = place.resolve(encrypt).as_dict() else { continue };
            let dict = place.encryption(dict);
            if locks.len() < LOCKS_MAX && !locks.iter().any(|(_, known)| *known == dict) {
                locks.push((at, dict));
            }
        }
        let own: Vec<usize> = locks.iter().filter_map(|(at, _)| *at).collect();
        let crypt = locks.iter().find_map(|(_, dict)| {
            ids.iter().find_map(|id| Crypt::open(dict, id, passwords, budget))
        });
        // Programs that believe another trailer see everything as it stands.
        let rooted = || self.trailers.iter().filter(|trailer| trailer.get(b"Root").is_some());
        let doubtful =
            !locks.is_empty() && rooted().any(|trailer| trailer.get(b"Encrypt").is_none());
        match &crypt {
            None if doubtful => self.stop(Stopped::Encrypted),
            Some(crypt) if doubtful => {
                self.empty_password = crypt.empty_password;
                let clear: Vec<Found> = self.found.iter().map(Found::without_number).collect();
                self.decrypt_strings(crypt, &own);
                self.found.extend(clear);
            }
            Some(crypt) => {
                self.empty_password = crypt.empty_password;
                self.decrypt_strings(crypt, &own);
            }
            None => self.locked = !locks.is_empty(),
        }
        crypt
    }

    fn decrypt_strings(&mut self, crypt: &Crypt, own: &[usize]) {
        for (index, found) in self.found.iter_mut().enumerate() {
            let (Some(number), false) = (found.number, own.contains(&index)) else { continue };
            let mut open = vec![&mut found.object];
            while let Some(object) = open.pop() {
                match object {
                    Object::Text(text) => {
                        *text = crypt.decrypt(Thing::String, number, found.generation, text);
                    }
                    Object::Array(items) => open.extend(items),
                    Object::Dict(dict) => {
                        open.extend(dict.entries.iter_mut().map(|(_, value)| value));
                    }
                    _ => (),
                }
            }
        }
    }

    fn decode_all(&mut self, bytes: &[u8], crypt: Option<&Crypt>, part: Part, budget: &mut Budget) {
        self.decoded.resize_with(self.found.len(), || None);
        for index in 0..self.found.len() {
            let wanted = self.found.get(index).is_some_and(|found| {
                let dict = found.object.as_dict();
                let is_packed = dict.is_some_and(|dict| dict.is(b"Type", b"ObjStm"));
                found.raw.is_some() && is_packed == (part == Part::ObjectStreams)
            });
            if !wanted {
                continue;
            }
            if self.decoded_bytes >= limits::PDF_DECODED_BYTES_MAX {
                let bytes_max = u64::try_from(limits::PDF_DECODED_BYTES_MAX).unwrap_or(u64::MAX);
                self.stop(Stopped::Limit(Limit::TooLarge { bytes_max }));
                return;
            }
            if let Err(limit) = budget.check_time() {
                self.stop(Stopped::Limit(limit));
                return;
            }
            let Some(decoded) = self.decode(bytes, index, crypt, budget) else { continue };
            self.decoded_bytes = self.decoded_bytes.saturating_add(decoded.bytes.len());
            if let Some(Stopped::Limit(limit)) = &decoded.stopped {
                self.stop(Stopped::Limit(*limit));
            }
            if let Some(place) = self.decoded.get_mut(index) {
                *place = Some(decoded);
            }
        }
    }

    fn decode(
        &mut self,
        bytes: &[u8],
        index: usize,
        crypt: Option<&Crypt>,
        budget: &mut Budget,
    ) -> Option<Decoded> {
        let place = self.place(index);
        let found = self.found.get(index)?;
        let raw = bytes.get(found.raw.clone()?)?;
        let empty = Dict::default();
        let dict = found.object.as_dict().unwrap_or(&empty);
        let filters = filters::of(dict, |object| place.resolve(object));
        let most = self.filters_most.max(filters.len());
        let thing = match dict.name(b"Type") {
            Some(b"XRef") => None,
            Some(b"Metadata") => Some(Thing::Metadata),
            Some(b"EmbeddedFile") => Some(Thing::File),
            _ => Some(Thing::Stream),
        };
        let clear = filters.iter().any(|filter| filter.kind == Kind::Crypt(true));
        let decrypted = match (thing, crypt, found.number, clear) {
            (Some(thing), Some(crypt), Some(number), false) => {
                Some(crypt.decrypt(thing, number, found.generation, raw))
            }
            _ => None,
        };
        let mut decoded = filters::decode(decrypted.as_deref().unwrap_or(raw), &filters, budget);
        // An Encrypt that not every reader believes must not hide what stands there in clear.
        if decrypted.is_some() && decoded.bytes.is_empty() && !raw.is_empty() {
            decoded = filters::decode(raw, &filters, budget);
        }
        if self.locked && thing.is_some() && !clear {
            let is_clear = match filters.first() {
                Some(filter) => filter.kind == Kind::Flate,
                None => crypto::readable(raw).is_some(),
            };
            let readable = decoded.stopped.is_none() && is_clear;
            if !readable && !decoded.bytes.starts_with(b"<?xpacket") {
                decoded = Decoded { stopped: Some(Stopped::Encrypted), ..Decoded::default() };
            }
        }
        self.filters_most = most;
        Some(decoded)
    }

    /// Reads the objects of object streams, ISO 32000-1 section 7.5.7.
    fn unpack_object_streams(&mut self) {
        let start = self.found.len();
        let mut unpacked = Vec::new();
        for (found, decoded) in self.found.iter().zip(&self.decoded) {
            let (Some(decoded), Some(dict)) = (decoded, found.object.as_dict()) else { continue };
            let first = dict.get(b"First").and_then(Object::as_size).unwrap_or(0);
            let mut reader = PackedReader {
                bytes: &decoded.bytes,
                values_left: self.values_left,
                overlap_left: decoded.bytes.len().saturating_mul(limits::PDF_OVERLAP_TIMES_MAX),
                escaped_name: None,
            };
            for (number, object) in reader.objects(first) {
                unpacked.push(Found {
                    number: Some(number),
                    generation: 0,
                    at: found.at,
                    segment: found.segment,
                    object,
                    raw: None,
                    inside: found.inside,
                });
            }
            self.values_left = reader.values_left;
            self.escaped_name = self.escaped_name.take().or(reader.escaped_name);
        }
        self.found.append(&mut unpacked);
        self.index_from(start);
    }

    /// What a stream holds.
    pub(super) fn decoded(&self, index: usize) -> Option<&Decoded> {
        self.decoded.get(index).and_then(Option::as_ref)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    ObjectStreams,
    Others,
}

struct PackedReader<'a> {
    bytes: &'a [u8],
    values_left: usize,
    overlap_left: usize,
    escaped_name: Option<Vec<u8>>,
}

impl PackedReader<'_> {
    fn objects(&mut self, first: usize) -> Vec<(u32, Object)> {
        let mut pairs = Vec::new();
        let head = self.bytes.get(..first).unwrap_or(self.bytes);
        let mut lexer = Lexer::new(head, 0, self.values_left);
        let mut size = || match lexer.next() {
            Some(Next::Value(Object::Integer(number))) => usize::try_from(number).ok(),
            _ => None,
        };
        while let (Some(number), Some(offset)) = (size(), size()) {
            pairs.extend(u32::try_from(number).ok().map(|number| (number, offset)));
        }
        let mut objects = Vec::new();
        for (number, offset) in pairs {
            if self.values_left == 0 || self.overlap_left == 0 {
                break;
            }
            let at = first.saturating_add(offset);
            let mut lexer = Lexer::new(self.bytes, at, self.values_left);
            if let Some(object) = lexer.value() {
                objects.push((number, object));
            }
            let looked = lexer.at.max(lexer.furthest).saturating_sub(at);
            self.overlap_left = self.overlap_left.saturating_sub(looked.max(1));
            self.values_left = lexer.values_left;
            self.escaped_name = self.escaped_name.take().or(lexer.escaped_name);
        }
        objects
    }
}

impl<'a> Place<'a> {
    /// Follows references to what they stand for; Null where they go in a circle or nowhere.
    pub(super) fn resolve(&self, object: &'a Object) -> &'a Object {
        self.resolve_at(object).0
    }

    /// The same, with the place where it stands.
    pub(super) fn resolve_at(&self, object: &'a Object) -> (&'a Object, Place<'a>) {
        let mut place = Place { is_whole: false, ..*self };
        let mut object = object;
        for _ in 0..limits::PDF_REFERENCES_MAX {
            let Object::Reference(number) = object else { return (object, place) };
            let segment = place.found().map_or(0, |found| found.segment);
            let store = self.store;
            let index = store.by_segment.get(&(segment, *number));
            let Some(index) = index.or_else(|| store.by_number.get(number)) else { break };
            let Some(found) = store.found.get(*index) else { break };
            place.index = *index;
            place.is_whole = true;
            object = &found.object;
        }
        (&Object::Null, place)
    }

    /// The value of a dictionary's key, references followed.
    pub(super) fn get(&self, dict: &'a Dict, key: &[u8]) -> Option<&'a Object> {
        dict.get(key).map(|object| self.resolve(object)).filter(|object| **object != Object::Null)
    }

    /// The dictionary under a key.
    pub(super) fn dict(&self, dict: &'a Dict, key: &[u8]) -> Option<&'a Dict> {
        self.get(dict, key).and_then(Object::as_dict)
    }

    /// The object itself.
    pub(super) fn found(&self) -> Option<&'a Found> {
        self.store.found.get(self.index)
    }

    /// What it holds as a stream.
    pub(super) fn decoded(&self) -> Option<&'a Decoded> {
        self.store.decoded(self.index).filter(|_| self.is_whole)
    }

    /// An encryption dictionary without references: what the handler reads of it, no more.
    fn encryption(&self, dict: &'a Dict) -> Dict {
        let entries = ENCRYPTION_KEYS.iter().filter_map(|key| {
            let value = match self.get(dict, key)? {
                Object::Text(text) => {
                    Object::Text(text.get(..ENTRY_BYTES_MAX).unwrap_or(text).to_vec())
                }
                value @ (Object::Name(_) | Object::Integer(_) | Object::Bool(_)) => value.clone(),
                Object::Dict(filters) => Object::Dict(self.crypt_filters(filters)),
                _ => return None,
            };
            Some((key.to_vec(), value))
        });
        Dict { entries: entries.collect() }
    }

    fn crypt_filters(&self, filters: &'a Dict) -> Dict {
        let entries =
            filters.entries.iter().take(CRYPT_FILTERS_MAX).filter_map(|(name, filter)| {
                let method = self.get(self.resolve(filter).as_dict()?, b"CFM")?.clone();
                let filter = Dict { entries: vec![(b"CFM".to_vec(), method)] };
                Some((name.clone(), Object::Dict(filter)))
            });
        Dict { entries: entries.collect() }
    }
}

/// What the standard handler needs, ISO 32000-2 tables 20 and 21.
const ENCRYPTION_KEYS: [&[u8]; 14] = [
    b"Filter",
    b"V",
    b"R",
    b"O",
    b"U",
    b"OE",
    b"UE",
    b"P",
    b"Length",
    b"EncryptMetadata",
    b"StmF",
    b"StrF",
    b"EFF",
    b"CF",
];
/// Its longest string has 48 bytes; some writers pad to 127.
const ENTRY_BYTES_MAX: usize = 256;
/// Crypt filters of one file; real ones have one or two.
const CRYPT_FILTERS_MAX: usize = 8;
/// Different encryptions and identifiers tried of one file.
const LOCKS_MAX: usize = 4;
/// Trailers looked at for their encryption, the last ones first.
const TRAILERS_MAX: usize = 64;
