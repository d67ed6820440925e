//! ZIP, by the records themselves rather than by one directory: APPNOTE.TXT 6.3.10.
//!
//! A ZIP says twice what is in it, and unpackers believe one or the other. So every central header and every local header outside the
//! data of a member is an entry here; where the two disagree both readings are given, with every name. Sizes are never believed: what
//! knows its own end is unpacked up to that, and what is stored is cut at the archive's end. A member that is said to be encrypted, or
//! packed in a way that nobody knows, is tried as what it would be to an unpacker that ignores the field.
//!
//! `records` reads, `list` finds the members, `cipher` decrypts, `method` and `old` unpack. `sealed` writes one.

mod cipher;
mod list;
mod method;
mod old;
mod records;
mod packed;
mod sealed;
#[cfg(test)]
mod tests;

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped, Unpacked},
        crypto,
        opened::Sign,
    },
};
use records::{Aes, CENTRAL, END, End, Header, Marks, central_header};
use std::ops::Range;

pub use packed::{Stored, directory, pack};
pub use sealed::seal;

/// One reading of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name with folders.
    pub name: String,
    /// It needs a password (general purpose bit 0, or method 99 for AES).
    pub encrypted: bool,
    /// It stands in no central directory: some unpackers see it, others do not.
    pub unlisted: bool,
    /// What else it is called: by the other header, by the Unicode path field, up to a NUL.
    other_names: Vec<String>,
    flags: u16,
    method: u16,
    time: u16,
    /// The checksums that headers name; zero is none.
    checksums: [u32; 2],
    unpacked: usize,
    aes: Option<Aes>,
    /// Where the packed bytes stand; what knows its own end may end earlier.
    data: Range<usize>,
    /// Where they end by the header.
    told_end: usize,
    /// The archive ends before the member does.
    cut: bool,
}

impl Entry {
    /// Is it said to be encrypted, and a text that anybody can read?
    pub fn is_readable(&self, archive: &[u8]) -> bool {
        archive.get(self.data.clone()).is_some_and(|data| crypto::readable(data).is_some())
    }

    /// Is it encrypted by the cipher of 1989, which a known piece of the content breaks?
    pub fn is_weakly_encrypted(&self) -> bool {
        self.encrypted && self.aes.is_none()
    }
}

/// What a look at a ZIP finds before anything is unpacked.
#[derive(Debug, Default)]
pub struct Listing {
    /// Every entry that has bytes, central ones first, at most as many as one mail may have parts and one more, so that the bound is
    /// met by whoever takes them.
    pub entries: Vec<Entry>,
    /// Where it says two things at once.
    pub signs: Vec<Sign>,
    /// Why there may be members that are not here: the directory is encrypted, or other files of a split archive are needed.
    pub stopped: Option<Stopped>,
}

/// Everything that can be said of a ZIP without unpacking.
pub fn look(archive: &[u8]) -> Listing {
    list::look(archive)
}

/// The entries of [`look`]. Empty: it is no ZIP, or an empty one.
pub fn list(archive: &[u8]) -> Vec<Entry> {
    look(archive).entries
}

/// The names of all members, without opening any; for telling documents from archives.
pub fn names(archive: &[u8]) -> Vec<String> {
    let central = central_names(archive);
    if !central.is_empty() {
        return central;
    }
    list(archive).into_iter().map(|entry| entry.name).collect()
}

/// Does a ZIP end here, whatever it begins as? Unpackers look for the end record first, so a program, a picture or a text with an archive
/// behind it is an archive to them.
pub fn ends_as_zip(bytes: &[u8]) -> bool {
    // The comment behind the record has at most 65,535 bytes.
    let tail_at = bytes.len().saturating_sub(22 + 65_535);
    let tail = bytes.get(tail_at..).unwrap_or_default();
    let none = Marks::default();
    memchr::memmem::rfind_iter(tail, END).take(ENDS_TRIED_MAX).any(|at| {
        let Some(end) = End::read(bytes, tail_at + at) else { return false };
        if end.disk != 0 && end.directory_at(bytes).is_some() {
            // The last file of a split archive has the directory and perhaps no whole member.
            return true;
        }
        let first = end.directory_at(bytes).and_then(|start| central_header(bytes, start));
        first.is_some_and(|header| {
            [header.offset.saturating_add(end.shift()), header.offset]
                .into_iter()
                .any(|offset| header.local(bytes, offset, &none).is_some())
        })
    })
}

/// The names in the last directory that there is.
fn central_names(archive: &[u8]) -> Vec<String> {
    let ends = memchr::memmem::rfind_iter(archive, END).take(ENDS_TRIED_MAX);
    let start = ends.into_iter().find_map(|at| End::read(archive, at)?.directory_at(archive));
    let start = start.or_else(|| memchr::memmem::find(archive, CENTRAL));
    let mut names = Vec::new();
    let mut at = start.unwrap_or(archive.len());
    while let Some(header) =
        central_header(archive, at).filter(|_| names.len() <= limits::PARTS_MAX)
    {
        at = header.next;
        names.extend(header.header.names);
    }
    names
}

/// Unpacks one member, as far as it goes.
pub fn unpack(archive: &[u8], entry: &Entry, budget: &mut Budget) -> Unpacked {
    unpack_with(archive, entry, &[], budget).0
}

/// Unpacks one member with the passwords that are known, and says which one fitted by its place among them: it is worth trying first
/// for the next member. Passwords are tried for half of the time that one mail has.
pub fn unpack_with(
    archive: &[u8],
    entry: &Entry,
    passwords: &[String],
    budget: &mut Budget,
) -> (Unpacked, Option<usize>) {
    let data = archive.get(entry.data.clone()).unwrap_or_default();
    if !entry.encrypted {
        return (entry.unpack_clear(archive, data, budget), None);
    }
    let mut likely = None;
    for (at, password) in passwords.iter().enumerate().take(limits::PASSWORDS_MAX) {
        if budget.time_left() < limits::EXAMINE_TIME_MAX / 2 {
            break;
        }
        let Some(clear) = cipher::decrypt(entry, data, password.as_bytes()) else { continue };
        let mut trial = budget.clone();
        let unpacked = entry.unpack_method(&clear.bytes, clear.method, &mut trial);
        if clear.proven || entry.is_as_told(&unpacked) {
            *budget = trial;
            return (unpacked, Some(at));
        }
        // A wrong password that passes the first check gives noise, and noise does not unpack far.
        if unpacked.bytes.len() >= LIKELY_BYTES && clear.method != STORED && likely.is_none() {
            likely = Some((unpacked, at, trial));
        }
    }
    if let Some((unpacked, at, trial)) = likely {
        *budget = trial;
        return (unpacked, Some(at));
    }
    let clear = entry.unpack_as_if_clear(archive, budget).or_else(|| {
        let text = crypto::readable(data)?.to_vec();
        let why = budget.take_bytes(text.len()).err().map(Stopped::Limit);
        Some(Unpacked { bytes: if why.is_some() { Vec::new() } else { text }, stopped: why })
    });
    (clear.unwrap_or_else(|| stopped(Stopped::Encrypted)), None)
}

/// Deflate64 on its own, as other archives have it too.
pub(super) fn deflate64(packed: &[u8], budget: &mut Budget) -> Unpacked {
    method::unpack(packed, method::DEFLATE64, (0, 0), budget)
}

fn stopped(why: Stopped) -> Unpacked {
    Unpacked { bytes: Vec::new(), stopped: Some(why) }
}

impl Entry {
    /// By a header, with the size that somebody goes by and the checksum of the other header.
    fn new(
        archive: &[u8],
        names: &[String],
        header: &Header,
        (data_at, packed): (usize, usize),
        other_checksum: u32,
        unlisted: bool,
    ) -> Entry {
        let encrypted = header.flags & FLAG_ENCRYPTED != 0 || header.method == AES;
        // A size that is too small would cut what knows its own end, so that is given everything.
        let told = data_at.saturating_add(packed);
        let end = match method::knows_its_end(header.method) && !encrypted {
            true => archive.len(),
            false => told.min(archive.len()),
        };
        let (name, other_names) = match names.split_first() {
            Some((first, rest)) => (first.clone(), rest.to_vec()),
            None => (String::new(), Vec::new()),
        };
        Entry {
            name,
            encrypted,
            unlisted,
            other_names,
            flags: header.flags,
            method: header.method,
            time: header.time,
            checksums: [header.crc, other_checksum],
            unpacked: header.unpacked,
            aes: header.aes,
            data: data_at.min(end)..end,
            told_end: told,
            cut: told > archive.len(),
        }
    }

    /// Every name it goes by; the first is that of the header it is read by.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.other_names.iter().map(String::as_str))
    }

    /// The same data under another name.
    fn also_named(&mut self, other: &Entry) {
        for name in other.names() {
            let known = self.names().any(|known| known == name);
            if !known && self.other_names.len() < NAMES_MAX {
                self.other_names.push(name.to_string());
            }
        }
    }

    /// Does it end where the header says rather than by itself?
    fn needs_size(&self) -> bool {
        !method::knows_its_end(self.method)
            || self.method == method::LZMA
            || self.method == method::PPMD
    }

    fn unpack_clear(&self, archive: &[u8], data: &[u8], budget: &mut Budget) -> Unpacked {
        if method::is_known(self.method) {
            let mut trial = budget.clone();
            let unpacked = self.unpack_method(data, self.method, &mut trial);
            let nothing = unpacked.bytes.is_empty() && unpacked.stopped.is_some();
            let other = nothing.then(|| self.unpack_as_if_clear(archive, budget)).flatten();
            return other.unwrap_or_else(|| {
                *budget = trial;
                unpacked
            });
        }
        // Android takes every method but stored for deflate, whatever number it has.
        if let Some(unpacked) = self.unpack_as_if_clear(archive, budget) {
            return unpacked;
        }
        let mut trial = budget.clone();
        let rest = archive.get(self.data.start..).unwrap_or_default();
        let deflated = self.unpack_method(rest, DEFLATED, &mut trial);
        if deflated.stopped.is_none() && deflated.bytes.len() > 1 {
            *budget = trial;
            return deflated;
        }
        stopped(Stopped::Unsupported(format!("ZIP method {}", method::word(self.method))))
    }

    fn unpack_method(&self, packed: &[u8], method: u16, budget: &mut Budget) -> Unpacked {
        let mut unpacked = method::unpack(packed, method, (self.unpacked, self.flags), budget);
        if self.cut && unpacked.stopped.is_none() && !method::knows_its_end(method) {
            unpacked.stopped =
                Some(Stopped::Damaged("the archive ends inside a member".to_string()));
        }
        unpacked
    }

    /// What a reader gives that ignores what the header says of encryption or method, if the checksum agrees.
    fn unpack_as_if_clear(&self, archive: &[u8], budget: &mut Budget) -> Option<Unpacked> {
        let rest = archive.get(self.data.start..).unwrap_or_default();
        let told = archive.get(self.data.start..self.told_end).unwrap_or_default();
        for (packed, method) in [(rest, DEFLATED), (told, STORED)] {
            let mut trial = budget.clone();
            let unpacked = self.unpack_method(packed, method, &mut trial);
            if unpacked.stopped.is_none()
                && !unpacked.bytes.is_empty()
                && self.is_as_told(&unpacked)
            {
                *budget = trial;
                return Some(unpacked);
            }
        }
        None
    }

    /// Whole, and with a checksum that a header names.
    fn is_as_told(&self, unpacked: &Unpacked) -> bool {
        let mut sum = flate2::Crc::new();
        sum.update(&unpacked.bytes);
        unpacked.stopped.is_none() && self.checksums.contains(&sum.sum())
    }
}

/// APPNOTE appendix D: UTF-8 if flag 11 is set, else code page 437. Many write UTF-8 without the flag, so the bytes decide.
fn name(bytes: &[u8]) -> String {
    // Names are cut to be shown, so what is longer need not be read; a cut letter at the end is no reason to take another code page.
    let mut near = bytes.get(..NAME_READ_BYTES).unwrap_or(bytes);
    if near.len() < bytes.len()
        && let Err(error) = std::str::from_utf8(near)
        && error.error_len().is_none()
    {
        near = near.get(..error.valid_up_to()).unwrap_or(near);
    }
    super::name(near, |bytes| {
        let high: Vec<char> = CP437_HIGH.chars().collect();
        let letter = |byte: &u8| match byte.checked_sub(128) {
            None => char::from(*byte),
            Some(place) => high.get(usize::from(place)).copied().unwrap_or('\u{fffd}'),
        };
        bytes.iter().map(letter).collect()
    })
}

/// Bytes of a name that are read; as many letters in four bytes each fill what is shown.
const NAME_READ_BYTES: usize = limits::FILE_NAME_BYTES_MAX;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const AES: u16 = 99;
const FLAG_ENCRYPTED: u16 = 1;
/// End records looked at for a directory that is one: a comment can hold more.
const ENDS_TRIED_MAX: usize = 16;
/// Names of one member that are kept.
const NAMES_MAX: usize = 16;
/// So many bytes do not come out of noise.
const LIKELY_BYTES: usize = 256;
const CP437_HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

#[cfg(test)]
pub(crate) mod testing {
    use super::{records::LOCAL, *};
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
