//! ZIP, by the records themselves rather than by one directory: APPNOTE.TXT 6.3 sections 4.3.7 (local header) and 4.3.12 (central header).
//!
//! A ZIP says twice what is in it, and unpackers believe one or the other. So every central header and every local header outside the
//! data of a member is an entry here; where the two disagree both readings are given. Sizes are never believed: deflate knows its own
//! end, and what is stored is cut at the archive's end. Methods other than stored and deflate are named as unsupported.

use crate::{
    base::limits,
    formats::budget::{Budget, Stopped, Unpacked},
};
use flate2::bufread::DeflateDecoder;
use std::{collections::HashSet, ops::Range};

/// One reading of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name with folders.
    pub name: String,
    /// It needs a password (general purpose bit 0, or method 99 for AES).
    pub encrypted: bool,
    /// It stands in no central directory: some unpackers see it, others do not.
    pub unlisted: bool,
    method: u16,
    /// Where the packed bytes stand; for deflate they may end earlier.
    data: Range<usize>,
}

/// Every entry that has bytes, central ones first, at most as many as one mail may have parts and one more, so that the bound is met by
/// whoever takes them. Empty: it is no ZIP, or an empty one.
pub fn list(archive: &[u8]) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let mut entries = Vec::new();
    let mut push = |entry: Entry| {
        let new = seen.insert((entry.data.start, entry.method, entry.data.end, entry.encrypted));
        if new && !(entry.name.ends_with('/') && entry.data.is_empty()) {
            entries.push(entry);
        }
        entries.len() <= limits::PARTS_MAX
    };
    let mut listed = Vec::new();
    for central in central_headers(archive) {
        let Some(local) = local_header(archive, central.offset) else { continue };
        // The smaller of two sizes, so that a false one cannot cover a member that a streaming unpacker sees.
        let covers = match local.packed {
            0 => central.packed,
            packed => packed.min(central.packed),
        };
        listed.push((central.offset, local.data_at.saturating_add(covers)));
        // By the directory, which most unpackers follow; then by the local header, which streaming ones follow.
        let by_directory = central.entry(archive, local.data_at);
        let by_header = local.entry(archive, false);
        if !push(by_directory) || (local.disagrees(&central) && !push(by_header)) {
            return entries;
        }
    }
    listed.sort_unstable();
    let mut at = 0;
    while let Some(found) = next_signature(archive, LOCAL, at) {
        if let Some((_, end)) = covering(&listed, found) {
            at = (*end).max(found + 4);
            continue;
        }
        at = found + 4;
        let Some(local) = local_header(archive, found) else { continue };
        at = local.data_at.saturating_add(local.packed);
        if !push(local.entry(archive, !listed.is_empty())) {
            break;
        }
    }
    entries
}

/// The names of all members, without opening any; for telling documents from archives.
pub fn names(archive: &[u8]) -> Vec<String> {
    let central: Vec<String> = central_headers(archive).map(|header| header.name).collect();
    if !central.is_empty() {
        return central;
    }
    list(archive).into_iter().map(|entry| entry.name).collect()
}

/// Does a ZIP end here, whatever it begins as? Unpackers look for the end record first, so a program, a picture or a text with an archive
/// behind it is an archive to them.
pub fn ends_as_zip(bytes: &[u8]) -> bool {
    // The comment behind the record has at most 65,535 bytes.
    let tail = bytes.get(bytes.len().saturating_sub(22 + 65_535)..).unwrap_or_default();
    memchr::memmem::rfind(tail, END).is_some()
        && central_headers(bytes)
            .next()
            .is_some_and(|header| local_header(bytes, header.offset).is_some())
}

/// Unpacks one member, as far as it goes.
pub fn unpack(archive: &[u8], entry: &Entry, budget: &mut Budget) -> Unpacked {
    let stopped = |stopped| Unpacked { bytes: Vec::new(), stopped: Some(stopped) };
    if entry.encrypted {
        return stopped(Stopped::Encrypted);
    }
    let packed = archive.get(entry.data.clone()).unwrap_or_default();
    match entry.method {
        STORED => match budget.take_bytes(packed.len()) {
            Ok(()) => Unpacked { bytes: packed.to_vec(), stopped: None },
            Err(limit) => stopped(Stopped::Limit(limit)),
        },
        DEFLATED => {
            let total = packed.len();
            let mut decoder = DeflateDecoder::new(packed);
            let mut unpacked =
                budget.unpack(&mut decoder, |decoder| total - decoder.get_ref().len());
            // In a whole archive records follow the data, so deflate never takes the last byte; it does not say that it wanted more.
            if unpacked.stopped.is_none() && decoder.get_ref().is_empty() {
                let why = "the archive ends inside a member".to_string();
                unpacked.stopped = Some(Stopped::Damaged(why));
            }
            unpacked
        }
        other => stopped(Stopped::Unsupported(format!("ZIP method {other}"))),
    }
}

struct Central {
    name: String,
    flags: u16,
    method: u16,
    packed: usize,
    offset: usize,
}

struct Local {
    name: String,
    flags: u16,
    method: u16,
    packed: usize,
    data_at: usize,
}

impl Central {
    fn entry(&self, archive: &[u8], data_at: usize) -> Entry {
        Entry {
            name: self.name.clone(),
            encrypted: is_encrypted(self.flags, self.method),
            unlisted: false,
            method: self.method,
            data: data(archive, self.method, data_at, self.packed),
        }
    }
}

impl Local {
    fn entry(&self, archive: &[u8], unlisted: bool) -> Entry {
        Entry {
            name: self.name.clone(),
            encrypted: is_encrypted(self.flags, self.method),
            unlisted,
            method: self.method,
            data: data(archive, self.method, self.data_at, self.packed),
        }
    }

    /// Would an unpacker that follows the local header give other bytes? Sizes of zero come from a data descriptor.
    fn disagrees(&self, central: &Central) -> bool {
        self.method != central.method
            || (self.flags ^ central.flags) & FLAG_ENCRYPTED != 0
            || (self.method == STORED && self.packed != 0 && self.packed != central.packed)
    }
}

fn is_encrypted(flags: u16, method: u16) -> bool {
    flags & FLAG_ENCRYPTED != 0 || method == AES
}

/// Deflate ends by itself, so it is given everything up to the archive's end: a size that is too small would cut it.
fn data(archive: &[u8], method: u16, start: usize, packed: usize) -> Range<usize> {
    let end = match method {
        DEFLATED => archive.len(),
        _ => start.saturating_add(packed).min(archive.len()),
    };
    start.min(end)..end
}

/// The central directory that the last end record points to, APPNOTE section 4.3.16. Its own size is what counts:
/// a ZIP with something before it (a self-extracting one, a picture) has wrong offsets.
fn central_headers(archive: &[u8]) -> impl Iterator<Item = Central> + '_ {
    let end = memchr::memmem::rfind(archive, END);
    let size = end.and_then(|end| long(archive, end + 12)).unwrap_or(0);
    let told = end.and_then(|end| long(archive, end + 16)).unwrap_or(0);
    let mut at = end.unwrap_or(0).saturating_sub(size);
    let shifted_by = at.saturating_sub(told);
    if archive.get(at..at + 4) != Some(CENTRAL) {
        // A false size: by the offset then, or by the first central header there is.
        let by_offset = archive.get(told..).is_some_and(|rest| rest.starts_with(CENTRAL));
        at = match by_offset {
            true => told,
            false => next_signature(archive, CENTRAL, 0).unwrap_or(archive.len()),
        };
    }
    std::iter::from_fn(move || {
        let (mut header, next) = central_header(archive, at)?;
        at = next;
        // Where the archive was not shifted after all, the plain offset is right.
        let shifted = header.offset.saturating_add(shifted_by);
        if archive.get(shifted..).is_some_and(|rest| rest.starts_with(LOCAL)) {
            header.offset = shifted;
        }
        Some(header)
    })
    .take(limits::PARTS_MAX + 1)
}

fn central_header(archive: &[u8], at: usize) -> Option<(Central, usize)> {
    if archive.get(at..at.checked_add(4)?)? != CENTRAL {
        return None;
    }
    let name_bytes = short_size(archive, at + 28)?;
    let extra_bytes = short_size(archive, at + 30)?;
    let comment_bytes = short_size(archive, at + 32)?;
    let name_at = at + 46;
    let flags = short(archive, at + 8)?;
    let header = Central {
        name: name(archive.get(name_at..name_at + name_bytes)?),
        flags,
        method: short(archive, at + 10)?,
        packed: long(archive, at + 20)?,
        offset: long(archive, at + 42)?,
    };
    Some((header, name_at + name_bytes + extra_bytes + comment_bytes))
}

fn local_header(archive: &[u8], at: usize) -> Option<Local> {
    if archive.get(at..at.checked_add(4)?)? != LOCAL {
        return None;
    }
    let name_bytes = short_size(archive, at + 26)?;
    let extra_bytes = short_size(archive, at + 28)?;
    let name_at = at + 30;
    let data_at = name_at + name_bytes + extra_bytes;
    let flags = short(archive, at + 6)?;
    let method = short(archive, at + 8)?;
    let mut packed = long(archive, at + 18)?;
    if method == STORED && packed == 0 && flags & FLAG_SIZE_FOLLOWS != 0 {
        // The size stands behind the data; what is stored then ends at the next record.
        let rest = archive.get(data_at..)?;
        packed = memchr::memmem::find(rest, b"PK").unwrap_or(rest.len());
    }
    let packed = packed.min(archive.len().saturating_sub(data_at));
    let name = name(archive.get(name_at..name_at + name_bytes)?);
    Some(Local { name, flags, method, packed, data_at })
}

/// The listed member whose header or data covers this place.
fn covering(listed: &[(usize, usize)], at: usize) -> Option<&(usize, usize)> {
    let after = listed.partition_point(|(start, _)| *start <= at);
    listed.get(after.checked_sub(1)?).filter(|(_, end)| at < *end)
}

fn next_signature(archive: &[u8], signature: &[u8], at: usize) -> Option<usize> {
    memchr::memmem::find(archive.get(at..)?, signature).map(|found| at + found)
}

fn short(archive: &[u8], at: usize) -> Option<u16> {
    archive.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn short_size(archive: &[u8], at: usize) -> Option<usize> {
    short(archive, at).map(usize::from)
}

fn long(archive: &[u8], at: usize) -> Option<usize> {
    let bytes = archive.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// APPNOTE appendix D: UTF-8 if flag 11 is set, else code page 437. Many write UTF-8 without the flag, so the bytes decide.
fn name(bytes: &[u8]) -> String {
    super::name(bytes, |bytes| {
        bytes
            .iter()
            .map(|byte| match byte.checked_sub(128) {
                None => char::from(*byte),
                Some(high) => CP437_HIGH.chars().nth(usize::from(high)).unwrap_or('\u{fffd}'),
            })
            .collect()
    })
}

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const AES: u16 = 99;
const FLAG_ENCRYPTED: u16 = 1;
const FLAG_SIZE_FOLLOWS: u16 = 8;
const CP437_HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use flate2::{Compression, write::DeflateEncoder};
    use std::io::Write;

    /// One member to be written by [`zip`].
    pub(crate) struct File<'a> {
        pub(crate) name: &'a [u8],
        pub(crate) content: &'a [u8],
        pub(crate) flags: u16,
        pub(crate) method: u16,
        pub(crate) listed: bool,
    }

    pub(crate) fn file<'a>(name: &'a str, content: &'a [u8]) -> File<'a> {
        File { name: name.as_bytes(), content, flags: 0, method: DEFLATED, listed: true }
    }

    /// A ZIP by hand, so that it may be as wrong as a test needs.
    pub(crate) fn zip(files: &[File<'_>]) -> Vec<u8> {
        let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
        for file in files {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(file.content).unwrap();
            let packed = match file.method {
                DEFLATED => encoder.finish().unwrap(),
                _ => file.content.to_vec(),
            };
            let offset = u32::try_from(archive.len()).unwrap();
            let mut fields = Vec::new();
            for short in [20, file.flags, file.method, 0, 0] {
                fields.extend(short.to_le_bytes());
            }
            for long in [
                0,
                u32::try_from(packed.len()).unwrap(),
                u32::try_from(file.content.len()).unwrap(),
            ] {
                fields.extend(long.to_le_bytes());
            }
            fields.extend(u16::try_from(file.name.len()).unwrap().to_le_bytes());
            fields.extend(0_u16.to_le_bytes());
            archive.extend([LOCAL, &fields, file.name, &packed].concat());
            if file.listed {
                count += 1;
                directory.extend([CENTRAL, &20_u16.to_le_bytes(), &fields, &[0; 10]].concat());
                directory.extend(offset.to_le_bytes());
                directory.extend(file.name);
            }
        }
        let at = u32::try_from(archive.len()).unwrap();
        let size = u32::try_from(directory.len()).unwrap();
        archive.extend(directory);
        archive.extend([END, &[0; 4], &count.to_le_bytes(), &count.to_le_bytes()].concat());
        archive.extend([&size.to_le_bytes()[..], &at.to_le_bytes(), &[0; 2]].concat());
        archive
    }
}

#[cfg(test)]
mod tests {
    use super::{
        testing::{File, file, zip},
        *,
    };
    use crate::{
        base::clock::Clock,
        formats::budget::{Bounds, Limit},
    };

    fn open(archive: &[u8]) -> Vec<(String, String, Option<Stopped>)> {
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        list(archive)
            .iter()
            .map(|entry| {
                let unpacked = unpack(archive, entry, &mut budget);
                let text = String::from_utf8_lossy(&unpacked.bytes).into_owned();
                (entry.name.clone(), text, unpacked.stopped)
            })
            .collect()
    }

    fn clean(name: &str, text: &str) -> (String, String, Option<Stopped>) {
        (name.to_string(), text.to_string(), None)
    }

    #[test]
    fn members_stored_and_deflated() {
        let archive =
            zip(&[file("a.txt", b"one"), File { method: STORED, ..file("b/c.txt", b"two") }]);
        assert_eq!(open(&archive), [clean("a.txt", "one"), clean("b/c.txt", "two")]);
        assert_eq!(names(&archive), ["a.txt", "b/c.txt"]);
        // Something before it, as in a self-extracting archive.
        let shifted = [&b"MZ and a program"[..], &archive].concat();
        assert_eq!(open(&shifted), open(&archive));
        // The directory cut off.
        assert_eq!(open(&archive[..archive.len() - 100]), open(&archive));
    }

    #[test]
    fn what_only_a_local_header_says_is_found_too() {
        let archive =
            zip(&[file("shown.txt", b"one"), File { listed: false, ..file("hid.exe", b"two") }]);
        assert_eq!(open(&archive), [clean("shown.txt", "one"), clean("hid.exe", "two")]);
        let unlisted: Vec<bool> = list(&archive).iter().map(|entry| entry.unlisted).collect();
        assert_eq!(unlisted, [false, true]);
        // Two archives one after the other: the first is in no directory that counts.
        let two = [zip(&[file("first", b"1")]), zip(&[file("second", b"2")])].concat();
        let names: Vec<String> = open(&two).into_iter().map(|(name, _, _)| name).collect();
        assert!(names.contains(&"first".to_string()) && names.contains(&"second".to_string()));
    }

    #[test]
    fn an_archive_stored_in_an_archive_is_one_member() {
        let inner = zip(&[file("x", b"1")]);
        let outer = zip(&[File { method: STORED, ..file("inner.zip", &inner) }]);
        assert_eq!(list(&outer).len(), 1);
    }

    #[test]
    fn where_the_headers_disagree_both_readings_are_given() {
        let mut archive = zip(&[file("a", b"one")]);
        let central = memchr::memmem::find(&archive, CENTRAL).unwrap();
        archive[central + 10..central + 12].copy_from_slice(&STORED.to_le_bytes());
        let texts: Vec<String> = open(&archive).into_iter().map(|(_, text, _)| text).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts.contains(&"one".to_string()));
    }

    #[test]
    fn encrypted_and_unknown_members_keep_their_names() {
        for (flags, method, want) in [
            (FLAG_ENCRYPTED, DEFLATED, Stopped::Encrypted),
            (FLAG_ENCRYPTED, AES, Stopped::Encrypted),
            (0, AES, Stopped::Encrypted),
            (0, 14, Stopped::Unsupported("ZIP method 14".to_string())),
        ] {
            let archive = zip(&[File { flags, method, ..file("secret.exe", b"xyz") }]);
            assert_eq!(open(&archive), [("secret.exe".to_string(), String::new(), Some(want))]);
        }
    }

    #[test]
    fn names_of_other_times() {
        for (name, want) in [
            (&b"r\x84k.txt"[..], "räk.txt"),
            ("räk.txt".as_bytes(), "räk.txt"),
            (b"a\nb", "a\u{fffd}b"),
        ] {
            let archive = zip(&[File { name, ..file("", b"x") }]);
            assert_eq!(names(&archive), [want]);
        }
    }

    #[test]
    fn damage_gives_what_was_read() {
        let content: Vec<u8> = (0..60_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let archive = zip(&[file("a", &content)]);
        let entries = open(&archive[..archive.len() / 2]);
        assert!(entries[0].1.len() > 1_000, "{}", entries[0].1.len());
        assert!(matches!(entries[0].2, Some(Stopped::Damaged(_))), "{:?}", entries[0].2);
    }

    #[test]
    fn bombs_end_early() {
        let zeros = vec![0; 80 << 20];
        let archive = zip(&[file("zeros", &zeros)]);
        assert!(matches!(
            open(&archive)[0].2,
            Some(Stopped::Limit(Limit::RatioTooHigh { .. } | Limit::TooLarge { .. }))
        ));
        let many: Vec<File<'_>> = (0..5_000).map(|_| file("x", b"y")).collect();
        assert_eq!(list(&zip(&many)).len(), limits::PARTS_MAX + 1);
    }

    #[test]
    fn rubbish_is_no_archive() {
        for bytes in [&b""[..], b"PK", b"PK\x03\x04", b"PK\x05\x06\xff\xff\xff", &[0xff; 300]] {
            assert_eq!(list(bytes), []);
        }
        let noise = b"PK\x03\x04PK\x01\x02PK\x05\x06".repeat(2_000);
        assert!(list(&noise).len() <= limits::PARTS_MAX + 1);
    }
}
