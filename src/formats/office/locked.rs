//! Documents with a password, MS-OFFCRYPTO: the password that Excel tries by itself first, then those that are given. What fits is
//! deciphered in place, so that every reader sees clear text; a package (a ZIP) becomes a member.
//!
//! Guessing is bounded by number and by time. What no password fits is said to be encrypted.

use super::{
    biff,
    ciphers::{self, BlockKeys},
    document::{Document, give},
    le, package, powerpoint,
};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        kind::{self, PartKind},
        opened::{Opened, Role},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Deciphers whatever is locked in a compound file.
pub(super) fn unlock(
    document: &mut Document,
    passwords: &[String],
    opened: &mut Opened,
    budget: &mut Budget,
) {
    let given = passwords.iter().map(String::as_str).take(limits::DOCUMENT_PASSWORDS_MAX);
    let passwords: Vec<&str> = [DEFAULT].into_iter().chain(given).collect();
    let locks = [
        package(document, &passwords, opened, budget),
        workbooks(document, &passwords),
        words(document, &passwords),
        presentations(document, &passwords),
    ];
    if locks.contains(&Lock::Closed) {
        opened.stopped = opened.stopped.take().or(Some(Stopped::Encrypted));
    }
    if locks.contains(&Lock::OpenedByDefault) {
        let because = "it is encrypted, but with the password that Excel knows by itself";
        opened.sign("office.default_password", because);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    None,
    Closed,
    OpenedByDefault,
    Opened,
}

impl Lock {
    fn by(password: &str) -> Lock {
        if password == DEFAULT { Lock::OpenedByDefault } else { Lock::Opened }
    }
}

/// EncryptionInfo and EncryptedPackage: a zipped document in a compound file.
fn package(
    document: &mut Document,
    passwords: &[&str],
    opened: &mut Opened,
    budget: &mut Budget,
) -> Lock {
    let is_content =
        |name: &str| name.eq_ignore_ascii_case("EncryptedPackage") || name.contains("DRMContent");
    let Some(content) = document.streams.iter().position(|stream| is_content(&stream.name)) else {
        return Lock::None;
    };
    let info = document.named("EncryptionInfo").next().map(|stream| stream.bytes.clone());
    let time_until = budget.time_left() - budget.time_left() / limits::PASSWORD_TIME_SHARE;
    let Some(stream) = document.streams.get(content) else { return Lock::None };
    for password in passwords {
        let has_time = || budget.time_left() > time_until;
        let info = info.as_deref().unwrap_or_default();
        if let Some(clear) = package::decipher(info, &stream.bytes, password, &has_time) {
            if kind::of(&clear, "") == PartKind::Unknown {
                // The password fits and what it gives is nothing that a program opens, or that we know.
                let why = "what was deciphered is no document".to_string();
                opened.stopped = opened.stopped.take().or(Some(Stopped::Damaged(why)));
            }
            let name = "deciphered document";
            give(opened, budget, name, clear, Role::Inside);
            return Lock::by(password);
        }
        if budget.time_left() <= time_until {
            break;
        }
    }
    Lock::Closed
}

/// Workbooks with a FILEPASS record, MS-XLS section 2.4.117.
fn workbooks(document: &mut Document, passwords: &[&str]) -> Lock {
    let mut lock = Lock::None;
    for stream in &mut document.streams {
        if !stream.is_named("Workbook") && !stream.is_named("Book") {
            continue;
        }
        let found = biff::records(&stream.bytes, 0).take(FILEPASS_RECORDS_MAX);
        let Some(filepass) =
            found.filter(|record| record.id == FILEPASS).map(|record| record.at).next()
        else {
            continue;
        };
        let key = le::slice(
            &stream.bytes,
            filepass + 4,
            le::short_size(&stream.bytes, filepass + 2).unwrap_or(0),
        );
        let fits = passwords
            .iter()
            .find_map(|password| workbook_key(key, password).map(|key| (key, Lock::by(password))));
        lock = match fits {
            Some((key, opened)) => {
                stream.bytes = clear_workbook(&stream.bytes, &key);
                // The record is not there any more for those who read on.
                for (place, byte) in stream.bytes.iter_mut().skip(filepass).zip([0xff, 0xff]) {
                    *place = byte;
                }
                opened
            }
            None => Lock::Closed,
        };
    }
    lock
}

enum WorkbookKey {
    Xor([u8; 16]),
    Rc4(BlockKeys),
}

fn workbook_key(filepass: &[u8], password: &str) -> Option<WorkbookKey> {
    // Excel 95 has no kind in front.
    let xor_at = match (filepass.len(), le::short(filepass, 0)?) {
        (4, _) => Some(0),
        (_, 0) => Some(2),
        _ => None,
    };
    match xor_at {
        Some(at) => {
            let (key, verifier) = (le::short(filepass, at)?, le::short(filepass, at + 2)?);
            ciphers::xor_array(password, key, verifier).map(WorkbookKey::Xor)
        }
        None => BlockKeys::fitting(le::from(filepass, 2), password).map(WorkbookKey::Rc4),
    }
}

/// Heads of records stay clear, and some records; the key runs on under them. MS-XLS section 2.2.10.
fn clear_workbook(stream: &[u8], key: &WorkbookKey) -> Vec<u8> {
    let mut clear = stream.to_vec();
    if let WorkbookKey::Rc4(keys) = key {
        keys.stream(&mut clear, WORKBOOK_BLOCK_BYTES);
    }
    for record in biff::records(stream, 0) {
        let content_at = record.at + 4;
        let end = content_at + record.content.len();
        let stays = match record.id {
            biff::BOF | FILEPASS | 0x00e1 | 0x0194 | 0x0195 | 0x0196 | 0x0138 => end,
            0x0085 => (content_at + 4).min(end),
            _ => content_at,
        };
        if let (WorkbookKey::Xor(array), Some(content)) = (key, clear.get_mut(content_at..end)) {
            ciphers::xor_record(array, content, content_at);
        }
        let plain = le::slice(stream, record.at, stays - record.at);
        if let Some(places) = clear.get_mut(record.at..record.at + plain.len()) {
            places.copy_from_slice(plain);
        }
    }
    clear
}

/// Word documents whose head says so, MS-DOC section 2.2.6.
fn words(document: &mut Document, passwords: &[&str]) -> Lock {
    let mut lock = Lock::None;
    let is_locked = |bytes: &[u8]| le::short(bytes, 10).unwrap_or(0) & WORD_ENCRYPTED != 0;
    let folders: Vec<(String, u16)> = document
        .named("WordDocument")
        .filter(|stream| is_locked(&stream.bytes))
        .map(|stream| (stream.folder.clone(), le::short(&stream.bytes, 10).unwrap_or(0)))
        .collect();
    for (folder, flags) in folders {
        let table = if flags & WORD_TABLE_1 != 0 { "1Table" } else { "0Table" };
        let head = document.find(&folder, table).map(|table| le::slice(&table.bytes, 0, 4_096));
        let head = head.unwrap_or_default();
        let fits = passwords.iter().find_map(|password| {
            BlockKeys::fitting(head, password).map(|keys| (keys, Lock::by(password)))
        });
        // The old obfuscation is not undone; nobody sends mail with it.
        let Some((keys, opened)) = fits.filter(|_| flags & WORD_OBFUSCATED == 0) else {
            return Lock::Closed;
        };
        for stream in document.streams.iter_mut().filter(|stream| stream.folder == folder) {
            let clear_bytes = match stream.name.to_ascii_lowercase().as_str() {
                "worddocument" => WORD_CLEAR_BYTES,
                "0table" | "1table" | "data" => 0,
                _ => continue,
            };
            let plain = le::slice(&stream.bytes, 0, clear_bytes).to_vec();
            keys.stream(&mut stream.bytes, WORD_BLOCK_BYTES);
            stream.bytes.iter_mut().zip(plain).for_each(|(place, byte)| *place = byte);
            if clear_bytes > 0
                && let Some(high) = stream.bytes.get_mut(11)
            {
                *high &= !1;
            }
        }
        lock = opened;
    }
    lock
}

/// Presentations: each object of the document stream is enciphered for itself, MS-PPT section 2.3.7.
fn presentations(document: &mut Document, passwords: &[&str]) -> Lock {
    let current = document.named("Current User").next();
    let edit = current.and_then(|stream| le::size(&stream.bytes, 16)).unwrap_or(0);
    let mut lock = Lock::None;
    for stream in document.streams.iter_mut().filter(|s| s.is_named("PowerPoint Document")) {
        let (places, session) = persisted(&stream.bytes, edit);
        let head = match session.and_then(|session| places.get(&session)) {
            Some(at) => powerpoint::records(le::from(&stream.bytes, *at)).next(),
            None => powerpoint::records(&stream.bytes).find(|record| record.kind == SESSION),
        };
        let Some(head) = head.filter(|head| head.kind == SESSION) else { continue };
        let fits = passwords.iter().find_map(|password| {
            BlockKeys::fitting(head.content, password).map(|keys| (keys, Lock::by(password)))
        });
        let Some((keys, opened)) = fits else { return Lock::Closed };
        // Objects do not overlap; where they are said to, enough is done when all bytes were deciphered twice.
        let mut bytes_left = stream.bytes.len().saturating_mul(2);
        for (number, at) in places.iter().filter(|(number, _)| Some(**number) != session) {
            let mut head = le::slice(&stream.bytes, *at, 8).to_vec();
            keys.block(*number).apply(&mut head);
            let size = le::size(&head, 4).unwrap_or(0).saturating_add(8);
            let end = at.saturating_add(size).min(stream.bytes.len());
            let Some(left) = bytes_left.checked_sub(end.saturating_sub(*at).max(16)) else { break };
            bytes_left = left;
            if let Some(object) = stream.bytes.get_mut(*at..end) {
                keys.block(*number).apply(object);
            }
        }
        lock = opened;
    }
    lock
}

/// Where each object stands, by the chain of edits from the last one back, and which one holds the key. MS-PPT section 2.1.2.
fn persisted(stream: &[u8], edit: usize) -> (BTreeMap<u32, usize>, Option<u32>) {
    let mut places = BTreeMap::new();
    let mut session = None;
    let mut seen = BTreeSet::new();
    let mut at = edit;
    while seen.insert(at) && seen.len() < limits::PARTS_MAX {
        if le::short(stream, at + 2) != Some(USER_EDIT) {
            break;
        }
        session = session.or(le::long(stream, at + 36).filter(|session| *session != 0));
        let list = le::size(stream, at.saturating_add(20)).unwrap_or(usize::MAX);
        let content = powerpoint::records(le::from(stream, list)).next().map(|list| list.content);
        let mut entry = 0;
        while let Some(head) = content.and_then(|content| le::long(content, entry)) {
            let (first, count) = (head & 0xf_ffff, head >> 20);
            for number in 0..count {
                entry += 4;
                if let Some(place) = content.and_then(|content| le::size(content, entry)) {
                    places.entry(first + number).or_insert(place);
                }
            }
            entry += 4;
        }
        at = le::size(stream, at + 16).unwrap_or(usize::MAX).min(stream.len());
    }
    (places, session)
}

/// What Excel encrypts with when only the structure is to be protected, and tries before it asks.
const DEFAULT: &str = "VelvetSweatshop";
const FILEPASS: u16 = 0x002f;
/// FILEPASS is among the first records; looking through all of them would find chance.
const FILEPASS_RECORDS_MAX: usize = 100;
const WORKBOOK_BLOCK_BYTES: usize = 1_024;
const WORD_BLOCK_BYTES: usize = 512;
/// The head of a Word stream stays clear so far.
const WORD_CLEAR_BYTES: usize = 68;
const WORD_ENCRYPTED: u16 = 0x0100;
const WORD_TABLE_1: u16 = 0x0200;
const WORD_OBFUSCATED: u16 = 0x8000;
const USER_EDIT: u16 = 0x0ff5;
const SESSION: u16 = 0x2f14;

#[cfg(test)]
mod tests {
    use super::{super::biff::testing::record, *};
    use crate::{
        base::clock::Clock,
        formats::{budget::Bounds, office::document::Stream},
    };

    fn document(name: &str, bytes: Vec<u8>) -> Document {
        let stream = Stream {
            folder: String::new(),
            name: name.to_string(),
            bytes,
            stopped: None,
            coded: false,
            given: false,
        };
        Document { streams: vec![stream], ..Document::default() }
    }

    /// A header of the 40-bit kind for a password, with a verifier of zeros.
    fn header(password: &str) -> Vec<u8> {
        let utf16: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let first = ciphers::Hash::Md5.of(&[&utf16]);
        let mixed = ciphers::Hash::Md5.of(&[&[&first[..5], &[7; 16]].concat().repeat(16)]);
        let keys = BlockKeys::Basic(mixed[..5].try_into().unwrap());
        let mut verifier = [vec![0; 16], ciphers::Hash::Md5.of(&[&[0; 16]])].concat();
        keys.block(0).apply(&mut verifier);
        [&[1, 0, 1, 0][..], &[7; 16], &verifier].concat()
    }

    fn run(document: &mut Document, passwords: &[&str]) -> Opened {
        let passwords: Vec<String> = passwords.iter().map(|p| p.to_string()).collect();
        let mut opened = Opened::default();
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        unlock(document, &passwords, &mut opened, &mut budget);
        opened
    }

    #[test]
    fn a_workbook_with_the_default_password_or_a_given_one() {
        for password in [DEFAULT, "secret"] {
            let head = header(password);
            let filepass = [&[1, 0][..], &head].concat();
            let clear = [
                record(biff::BOF, &[0, 6, 5, 0]),
                record(FILEPASS, &filepass),
                record(0x0204, &[b'M'; 2_000]),
                record(0x0085, b"1234MARKER"),
            ];
            let clear = clear.concat();
            let keys = BlockKeys::fitting(&head, password).unwrap();
            let locked = clear_workbook(&clear, &WorkbookKey::Rc4(keys));
            let mut document = document("Workbook", locked);
            assert_eq!(run(&mut document, &[]).stopped.is_some(), password == "secret");
            let opened = run(&mut document, &["secret"]);
            assert_eq!(opened.stopped, None);
            let found = &document.streams[0].bytes;
            assert!(found.ends_with(b"1234MARKER") && found.len() == clear.len());
        }
    }

    #[test]
    fn a_workbook_by_exclusive_or() {
        let (key, verifier) = (0xb359_u16, 0x9a0a_u16);
        let filepass = [[0, 0], key.to_le_bytes(), verifier.to_le_bytes()].concat();
        let head = [record(biff::BOF, &[0, 6, 5, 0]), record(FILEPASS, &filepass)].concat();
        let array = ciphers::xor_array(DEFAULT, key, verifier).unwrap();
        let start = (head.len() + 4 + 6) % 16;
        let masks = array.iter().cycle().skip(start);
        let locked: Vec<u8> =
            b"MARKER".iter().zip(masks).map(|(byte, mask)| byte.rotate_left(5) ^ mask).collect();
        let mut document = document("Book", [head, record(0x0204, &locked)].concat());
        let opened = run(&mut document, &[]);
        assert_eq!(opened.signs[0].id, "office.default_password");
        assert!(document.streams[0].bytes.ends_with(b"MARKER"));
    }

    #[test]
    fn what_does_not_fit_is_encrypted() {
        let mut word = vec![0; 100];
        word[11] = 1;
        let opened = run(&mut document("WordDocument", word), &["x"]);
        assert_eq!(opened.stopped, Some(Stopped::Encrypted));
        let opened = run(&mut document("EncryptedPackage", vec![1; 100]), &["x"]);
        assert_eq!(opened.stopped, Some(Stopped::Encrypted));
        assert_eq!(run(&mut document("other", vec![1; 100]), &["x"]).stopped, None);
    }
}
