//! 7z, by the crate `sevenz-rust2`: solid and not, encrypted with a password that is known, and behind a program that unpacks it.
//!
//! What a header asks for is looked at before anything is made: dictionaries and models have a bound, and so has the work that a
//! password costs. Each folder (a run of members packed together) is unpacked once, from its beginning.

mod folder;
#[cfg(test)]
mod tests;

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        opened::{Member, Opened, Role},
    },
};
use folder::Folder;
use sevenz_rust2::{Archive, ArchiveEntry, Error, Password};
use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Where an archive begins: at once, or behind a program. Its start header has a checksum, so the six bytes alone do not count
/// but at the very beginning.
pub fn find(bytes: &[u8]) -> Option<usize> {
    starts(bytes).next()
}

fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let head = bytes.get(..limits::SEVEN_START_BYTES_MAX).unwrap_or(bytes);
    memchr::memmem::find_iter(head, MAGIC).filter(|at| *at == 0 || has_start_header(bytes, *at))
}

fn has_start_header(bytes: &[u8], at: usize) -> bool {
    let told =
        bytes.get(at + 8..at + 12).and_then(|sum| sum.try_into().ok()).map(u32::from_le_bytes);
    let mut sum = flate2::Crc::new();
    sum.update(bytes.get(at + 12..at + 32).unwrap_or_default());
    told == Some(sum.sum())
}

/// Every file inside, with the first of the passwords that fits where one is needed.
pub fn open(bytes: &[u8], passwords: &[String], budget: &mut Budget) -> Opened {
    let mut first_fault = None;
    for at in starts(bytes).take(STARTS_TRIED_MAX) {
        let archive = bytes.get(at..).unwrap_or_default();
        if is_empty(archive) {
            return Opened::default();
        }
        match header(archive, passwords, budget) {
            Ok(listed) => return run(archive, listed, passwords, budget),
            Err(fault) => {
                first_fault.get_or_insert(fault);
            }
        }
    }
    for rebuilt in rebuilt(bytes) {
        if let Ok(listed) = header(&rebuilt, passwords, budget)
            && !listed.0.files.is_empty()
        {
            return run(&rebuilt, listed, passwords, budget);
        }
    }
    let why = first_fault.unwrap_or_else(|| Stopped::Damaged("no archive begins here".to_string()));
    let mut opened = Opened::default();
    if why == Stopped::Encrypted {
        opened.sign("archive.names_encrypted", "the header of a 7z archive is encrypted");
    }
    opened.stopped = Some(why);
    opened
}

/// An archive of nothing has no header behind its start.
fn is_empty(archive: &[u8]) -> bool {
    let nothing = archive.get(12..28) == Some(&[0; 16]);
    nothing && has_start_header(archive, 0) && archive.len() <= START_HEADER_BYTES
}

fn run(
    bytes: &[u8],
    listed: (Archive, Option<usize>),
    passwords: &[String],
    budget: &mut Budget,
) -> Opened {
    let (mut archive, password) = listed;
    let checksums = take_checksums(&mut archive);
    let opening = Opening { bytes, checksums, passwords, password, opened: Opened::default() };
    opening.run(&archive, budget)
}

/// 7-Zip opens an archive whose start header was never written: it looks for the header from the end. So does this: the archive
/// again, with each start header that could be meant.
fn rebuilt(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let broken = bytes.starts_with(MAGIC) && !has_start_header(bytes, 0);
    let tail_at = bytes.len().saturating_sub(HEADER_TAIL_BYTES).max(START_HEADER_BYTES);
    let tail = bytes.get(tail_at..).filter(|_| broken).unwrap_or_default();
    // An encoded header begins with its packed streams, a plain one with those of the archive.
    let places = tail.windows(2).enumerate().filter(|(_, pair)| matches!(pair, [0x17, 6] | [1, 4]));
    let mut places: Vec<usize> = places.map(|(at, _)| tail_at + at).collect();
    places.reverse();
    places.truncate(STARTS_TRIED_MAX);
    places.into_iter().filter_map(move |at| with_start_header(bytes, at))
}

fn with_start_header(bytes: &[u8], header_at: usize) -> Option<Vec<u8>> {
    let header = bytes.get(header_at..)?;
    let mut sum = flate2::Crc::new();
    sum.update(header);
    let offset = u64::try_from(header_at.checked_sub(START_HEADER_BYTES)?).ok()?;
    let size = u64::try_from(header.len()).ok()?;
    let fields =
        [&offset.to_le_bytes()[..], &size.to_le_bytes(), &sum.sum().to_le_bytes()].concat();
    let mut start = flate2::Crc::new();
    start.update(&fields);
    let version = bytes.get(6..8)?;
    let head = [MAGIC, version, &start.sum().to_le_bytes(), &fields].concat();
    Some([&head, bytes.get(START_HEADER_BYTES..)?].concat())
}

/// The header, and which password it took.
fn header(
    bytes: &[u8],
    passwords: &[String],
    budget: &Budget,
) -> Result<(Archive, Option<usize>), Stopped> {
    let clear = parse(bytes, &Password::empty());
    if !matches!(clear, Err(Stopped::Encrypted)) {
        return clear.map(|archive| (archive, None));
    }
    for (at, word) in passwords.iter().enumerate().take(limits::PASSWORDS_MAX) {
        if may_try_passwords(budget)
            && let Ok(archive) = parse(bytes, &Password::new(word))
        {
            return Ok((archive, Some(at)));
        }
    }
    Err(Stopped::Encrypted)
}

fn parse(bytes: &[u8], password: &Password) -> Result<Archive, Stopped> {
    let mut result = Err(Error::FileNotFound);
    // The limit is also that of how many members may be claimed, so the small one comes first. Some writers use a large dictionary
    // for a small header.
    for limit_kib in [HEADER_KIB_FIRST, HEADER_KIB_MAX] {
        let read = || Archive::read_with_memory_limit(&mut Cursor::new(bytes), password, limit_kib);
        result =
            catch_unwind(read).unwrap_or_else(|_| Err(Error::Other("the header is broken".into())));
        if !matches!(result, Err(Error::MaxMemLimited { .. })) {
            break;
        }
    }
    result.map_err(|error| reason(&error))
}

/// The checksum of each member, which the crate then does not verify: it would not go on behind a wrong one, as unpackers do.
fn take_checksums(archive: &mut Archive) -> Vec<Option<u32>> {
    for block in &mut archive.blocks {
        block.has_crc = false;
    }
    let mut take = |entry: &mut ArchiveEntry| {
        let had = std::mem::take(&mut entry.has_crc);
        had.then(|| u32::try_from(entry.crc).unwrap_or(0))
    };
    archive.files.iter_mut().map(&mut take).collect()
}

/// Half of the time is for what needs no password.
fn may_try_passwords(budget: &Budget) -> bool {
    budget.time_left() >= limits::EXAMINE_TIME_MAX / 2
}

struct Opening<'a> {
    bytes: &'a [u8],
    checksums: Vec<Option<u32>>,
    passwords: &'a [String],
    /// The one that fitted last.
    password: Option<usize>,
    opened: Opened,
}

impl Opening<'_> {
    fn run(mut self, archive: &Archive, budget: &mut Budget) -> Opened {
        for (entry, folder) in archive.files.iter().zip(&archive.stream_map.file_block_index) {
            // Only names; what has bytes comes with its folder.
            if folder.is_none() && !entry.is_directory && !self.keep(entry, Vec::new(), None) {
                return self.opened;
            }
        }
        let checksums = std::mem::take(&mut self.checksums);
        for index in 0..archive.blocks.len().min(limits::PARTS_MAX + 1) {
            let Some(folder) = Folder::of(archive, &checksums, self.bytes, index) else { continue };
            if !self.folder(&folder, budget) {
                break;
            }
        }
        self.opened
    }

    /// False: there is no room for more.
    fn folder(&mut self, folder: &Folder<'_>, budget: &mut Budget) -> bool {
        if let Err(limit) = budget.check_time() {
            self.opened.stopped = Some(Stopped::Limit(limit));
            return false;
        }
        if folder.is_encrypted() && !self.find_password(folder, budget) {
            return self.leave(folder, 0, &Stopped::Encrypted);
        }
        let word =
            self.password.filter(|_| folder.is_encrypted()).and_then(|at| self.passwords.get(at));
        let password = word.map_or_else(Password::empty, |word| Password::new(word));
        let mut given = 0;
        let mut room = true;
        let done = catch_unwind(AssertUnwindSafe(|| {
            folder.each(&password, budget, &mut |entry, unpacked, _| {
                given += 1;
                let fine = unpacked.stopped.is_none();
                room = self.keep(entry, unpacked.bytes, unpacked.stopped);
                room && fine
            })
        }));
        let fault = match done {
            Ok(fault) => fault,
            Err(_) => Some(Stopped::Damaged("a folder is broken".to_string())),
        };
        let why =
            fault.unwrap_or_else(|| Stopped::Damaged("a member before it is broken".to_string()));
        room && self.leave(folder, given, &why)
    }

    /// A password under which the first member of the folder comes out whole.
    fn find_password(&mut self, folder: &Folder<'_>, budget: &Budget) -> bool {
        let others = (0..self.passwords.len().min(limits::PASSWORDS_MAX))
            .filter(|at| Some(*at) != self.password);
        for at in self.password.into_iter().chain(others) {
            let Some(word) = self.passwords.get(at) else { continue };
            if !may_try_passwords(budget) || folder.rounds_power() > limits::SEVEN_ROUNDS_POWER_MAX
            {
                return false;
            }
            let mut trial = budget.clone();
            let mut fits = false;
            let tried = catch_unwind(AssertUnwindSafe(|| {
                folder.each(&Password::new(word), &mut trial, &mut |_, unpacked, as_told| {
                    fits = as_told || matches!(unpacked.stopped, Some(Stopped::Limit(_)));
                    false
                })
            }));
            if tried.is_ok() && fits {
                self.password = Some(at);
                return true;
            }
        }
        false
    }

    /// The members of a folder that were not reached keep their names.
    fn leave(&mut self, folder: &Folder<'_>, given: usize, why: &Stopped) -> bool {
        let rest = folder.entries().iter().filter(|entry| entry.has_stream).skip(given);
        for entry in rest {
            if !self.keep(entry, Vec::new(), Some(why.clone())) {
                return false;
            }
        }
        true
    }

    fn keep(&mut self, entry: &ArchiveEntry, bytes: Vec<u8>, stopped: Option<Stopped>) -> bool {
        let name = Some(super::name(entry.name.as_bytes(), super::latin));
        self.opened.push(Member { name, bytes, role: Role::File, stopped })
    }
}

/// What an error of the crate means to us.
fn reason(error: &Error) -> Stopped {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => Stopped::Encrypted,
        Error::UnsupportedCompressionMethod(name) => {
            Stopped::Unsupported(format!("7z method {name}"))
        }
        Error::ExternalUnsupported => {
            Stopped::Unsupported("7z with a header in another stream".to_string())
        }
        Error::Unsupported(what) => Stopped::Unsupported(format!("7z: {what}")),
        Error::MaxMemLimited { actaul_kb, .. } => {
            Stopped::Unsupported(format!("7z with a dictionary of {} MiB", actaul_kb / 1_024))
        }
        Error::UnsupportedVersion { major, minor } => {
            Stopped::Unsupported(format!("7z version {major}.{minor}"))
        }
        Error::Io(error, _) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Stopped::Damaged("it is cut off, or one of several files".to_string())
        }
        // What was found matters to nobody; that nothing could be read does.
        Error::BadSignature(_)
        | Error::ChecksumVerificationFailed
        | Error::NextHeaderCrcMismatch
        | Error::Io(..)
        | Error::FileOpen(..)
        | Error::Other(_)
        | Error::BadTerminatedStreamsInfo(_)
        | Error::BadTerminatedUnpackInfo
        | Error::BadTerminatedPackInfo(_)
        | Error::BadTerminatedSubStreamsInfo
        | Error::BadTerminatedHeader(_)
        | Error::FileNotFound => Stopped::Damaged("the header is broken".to_string()),
    }
}

const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c";
const START_HEADER_BYTES: usize = 32;
/// How far from the end a header is looked for.
const HEADER_TAIL_BYTES: usize = 1 << 20;
/// Archives that may begin here and turn out to be none.
const STARTS_TRIED_MAX: usize = 8;
/// Of one decoder, as the crate counts it.
const MEMORY_KIB_MAX: usize = 256 << 10;
/// A header of some twenty thousand members.
const HEADER_KIB_FIRST: usize = 4 << 10;
/// A header that is packed with a dictionary for more than it holds.
const HEADER_KIB_MAX: usize = 32 << 10;
