//! RAR 1.4 to 7, by a decoder where it opens the archive and by our own reading of the headers where it does not.
//!
//! What is given: files, NTFS streams and the archive's comment. A member in several volumes is named, never put together.
//! The decoder is `rars`; it is not trusted ([`decode`]).

mod decode;
mod headers;

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        keep::{self, Found},
        numbers::{self, part, until_zero},
        opened::{Opened, Role},
    },
};
use decode::{Decoded, File, How};
use headers::{FIVE, FOUR, Record, Walk};
use memchr::memmem;

/// Where a RAR archive begins, if there is one: at the start, or behind a program that unpacks it.
pub fn find(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(OLD) {
        return Some(0);
    }
    let head = part(bytes, 0, limits::ARCHIVE_PREFIX_BYTES_MAX);
    let mut places = memmem::find_iter(head, SIGNATURE)
        .filter(|at| {
            let rest = numbers::from(bytes, *at);
            rest.starts_with(FOUR) || rest.starts_with(FIVE)
        })
        .take(limits::ARCHIVE_STARTS_MAX);
    // A program that unpacks may hold the signature itself; what follows there is no header.
    let is_archive = |at: &usize| {
        let walk = headers::walk(numbers::from(bytes, *at));
        walk.names_encrypted || !walk.records.is_empty()
    };
    places.clone().find(is_archive).or_else(|| places.next())
}

/// Opens it, and tries the passwords on what is encrypted.
pub fn open(bytes: &[u8], passwords: &[String], budget: &mut Budget) -> Opened {
    let Some(start) = find(bytes) else {
        return Opened::stopped(Stopped::Damaged("no RAR signature".to_string()));
    };
    let archive = numbers::from(bytes, start);
    let mut opened = Opened::default();
    if archive.starts_with(OLD) {
        let decoded = decode::decode(archive, How::default(), budget, |_| true);
        opened.stopped = decoded.stopped.clone();
        give(&mut opened, decoded.files, budget);
        return opened;
    }
    let walk = headers::walk(archive);
    if walk.names_encrypted {
        opened.sign("archive.names_encrypted", "RAR with encrypted headers");
    }
    let decoded = decode_with_passwords(archive, &walk, passwords, budget);
    let files: Vec<&Record> = walk.records.iter().filter(|record| !record.is_service).collect();
    if decoded.files.len() >= files.len() {
        opened.stopped = decoded.stopped.filter(|_| decoded.files.is_empty());
        give_or_mend(&mut opened, archive, &files, decoded.files, budget);
    } else {
        give_by_headers(&mut opened, archive, &walk, &files, decoded, budget);
    }
    give_services(&mut opened, archive, &walk, budget);
    finish(&mut opened, &walk);
    opened
}

/// Decodes without a password, then what needs one with each of them until none is left that does.
fn decode_with_passwords(
    archive: &[u8],
    walk: &Walk,
    passwords: &[String],
    budget: &Budget,
) -> Decoded {
    let mut best = decode::decode(archive, How::default(), budget, |_| true);
    let locked = |decoded: &Decoded| {
        decoded.stopped == Some(Stopped::Encrypted)
            || decoded.files.iter().any(|file| file.stopped == Some(Stopped::Encrypted))
    };
    for password in passwords.iter().take(limits::RAR_PASSWORDS_MAX) {
        let too_slow = walk.hashing_log > limits::RAR_HASHING_LOG_MAX;
        if !locked(&best) || too_slow || budget.check_time().is_err() {
            break;
        }
        let missing: Vec<bool> =
            best.files.iter().map(|file| file.stopped == Some(Stopped::Encrypted)).collect();
        let wants = |place: usize| missing.get(place).copied().unwrap_or(true);
        let how = How { password: Some(password), ..How::default() };
        let next = decode::decode(archive, how, budget, wants);
        best = better(best, next);
    }
    best
}

/// The files of both, each from where it came out.
fn better(first: Decoded, second: Decoded) -> Decoded {
    if second.files.len() < first.files.len() {
        let mut first = first;
        for (had, got) in first.files.iter_mut().zip(second.files) {
            if had.stopped.is_some() && got.stopped.is_none() && !got.is_empty {
                *had = got;
            }
        }
        return first;
    }
    let stopped = second.stopped.clone();
    let mut files = second.files;
    for (got, had) in files.iter_mut().zip(first.files) {
        let gained = had.stopped == Some(Stopped::Encrypted) && got.stopped.is_none();
        if !gained {
            *got = had;
        }
    }
    Decoded { files, stopped }
}

fn give(opened: &mut Opened, files: Vec<File>, budget: &mut Budget) {
    for file in files.into_iter().filter(|file| !file.is_empty) {
        give_file(opened, file, Role::File, budget);
    }
}

/// Keeps what the decoder gave of one file. It counted for itself; here the budget of the mail does.
fn give_file(opened: &mut Opened, file: File, role: Role, budget: &mut Budget) -> bool {
    let found = Found { name: name(&file.name), role, size: None };
    let mut unpacked = budget.unpack(&file.bytes[..], |_| usize::MAX);
    unpacked.stopped = unpacked.stopped.or(file.stopped);
    keep::unpacked_as(opened, found, unpacked)
}

/// The decoder listed everything; what it could not decode is tried once more by itself.
fn give_or_mend(
    opened: &mut Opened,
    archive: &[u8],
    records: &[&Record],
    files: Vec<File>,
    budget: &mut Budget,
) {
    let mut tries = 0;
    for (place, mut file) in files.into_iter().enumerate() {
        if file.is_empty {
            continue;
        }
        let record = records.get(place).filter(|record| !record.is_empty);
        let failed = matches!(file.stopped, Some(Stopped::Damaged(_) | Stopped::Unsupported(_)));
        if let Some(record) = record.filter(|_| failed && tries < limits::RAR_SINGLE_TRIES_MAX) {
            tries += 1;
            if let Some(again) = by_itself(archive, record, budget)
                && again.bytes.len() > file.bytes.len()
            {
                let stopped = again.stopped.or_else(|| split(record));
                file = File { bytes: again.bytes, stopped, ..file };
            }
        }
        if !give_file(opened, file, Role::File, budget) {
            break;
        }
    }
}

/// The decoder refused the archive, or ended early: what our own reading of the headers finds, each file by itself.
fn give_by_headers(
    opened: &mut Opened,
    archive: &[u8],
    walk: &Walk,
    records: &[&Record],
    decoded: Decoded,
    budget: &mut Budget,
) {
    let why = decoded.stopped;
    let mut given = decoded.files.into_iter();
    let mut tries = 0;
    for record in records {
        let had = given.next();
        if record.is_empty {
            continue;
        }
        let mut file = had.unwrap_or_else(|| unread(record, why.as_ref()));
        let more = file.stopped.is_some() && file.stopped != Some(Stopped::Encrypted);
        if more && !record.is_encrypted && tries < limits::RAR_SINGLE_TRIES_MAX {
            tries += 1;
            if let Some(again) = by_itself(archive, record, budget)
                && again.bytes.len() >= file.bytes.len()
                && !(walk.is_solid && !record.is_stored && again.stopped.is_some())
            {
                let stopped = again.stopped.or_else(|| split(record));
                file = File { bytes: again.bytes, stopped, ..file };
            }
        }
        if !give_file(opened, file, Role::File, budget) {
            break;
        }
    }
    if opened.members.is_empty() {
        opened.stopped = why;
    }
}

/// A file of which only the header is known.
fn unread(record: &Record, why: Option<&Stopped>) -> File {
    let stopped = match record.is_encrypted {
        true => Stopped::Encrypted,
        false => why.cloned().unwrap_or_else(|| Stopped::Damaged("not reached".to_string())),
    };
    File {
        name: record.name.clone(),
        packed: numbers::wide(record.data.len()),
        stopped: Some(stopped),
        ..File::default()
    }
}

fn split(record: &Record) -> Option<Stopped> {
    if record.is_split {
        return Some(Stopped::Unsupported("one volume of several".to_string()));
    }
    record.is_cut.then(|| Stopped::Damaged("the archive ends inside a member".to_string()))
}

/// One record's bytes without the rest of the archive: as they stand if stored, else by the decoder in an archive of its own.
fn by_itself(archive: &[u8], record: &Record, budget: &Budget) -> Option<File> {
    if record.is_encrypted {
        return None;
    }
    let packed = archive.get(record.data.clone())?;
    if record.is_stored {
        let bytes = part(packed, 0, numbers::size(budget.part_bytes_left())).to_vec();
        return Some(File { bytes, stopped: None, ..File::default() });
    }
    let mended = headers::mended(archive, record)?;
    let whole = decode::decode(&mended, How::default(), budget, |_| true).files.pop()?;
    if whole.stopped.is_none() {
        return Some(whole);
    }
    let how = How { piecemeal: true, ..How::default() };
    let pieces = decode::decode(&mended, how, budget, |_| true).files.pop()?;
    Some(if pieces.bytes.len() > whole.bytes.len() { pieces } else { whole })
}

/// Comments and NTFS streams: the one is text that is shown, the other a file that hides behind a file.
fn give_services(opened: &mut Opened, archive: &[u8], walk: &Walk, budget: &mut Budget) {
    let mut owner: &[u8] = b"";
    let services = walk.records.iter().take(limits::PARTS_MAX);
    for record in services {
        if !record.is_service {
            owner = &record.name;
            continue;
        }
        let (name, role) = match record.name.as_slice() {
            b"CMT" => (b"comment".to_vec(), Role::Text),
            b"STM" => {
                // RAR 4 writes the stream's name in UTF-16.
                let stream = match record.is_five {
                    true => record.stream.clone(),
                    false => numbers::utf16_le(&record.stream).into_bytes(),
                };
                let stream = stream.strip_prefix(b":").map(<[u8]>::to_vec).unwrap_or(stream);
                opened.sign("archive.hidden_stream", keep::shortened(&name_of(owner, &stream)));
                ([owner, b":", until_zero(&stream)].concat(), Role::File)
            }
            _ => continue,
        };
        let mut file = match by_itself(archive, record, budget) {
            Some(file) => file,
            None => unread(record, Some(&Stopped::Damaged("a broken header".to_string()))),
        };
        file.name = name;
        if !give_file(opened, file, role, budget) {
            break;
        }
    }
}

fn name_of(owner: &[u8], stream: &[u8]) -> String {
    name(&[owner, b":", until_zero(stream)].concat())
}

/// Says why the archive as a whole has more than was given.
fn finish(opened: &mut Opened, walk: &Walk) {
    if walk.names_encrypted && opened.members.is_empty() {
        opened.stopped = Some(Stopped::Encrypted);
    }
    if opened.stopped.is_some() {
        return;
    }
    if walk.is_volume && opened.members.iter().any(|member| member.stopped.is_some()) {
        opened.stopped = Some(Stopped::Unsupported("one volume of several".to_string()));
    } else if !walk.is_whole && !walk.names_encrypted {
        opened.stopped = Some(Stopped::Damaged("the archive ends inside a header".to_string()));
    }
}

/// RAR 5 writes UTF-8, earlier ones the code page of the machine.
fn name(bytes: &[u8]) -> String {
    super::name(bytes, super::latin).replace('\\', "/")
}

/// RAR 1.4 and earlier.
const OLD: &[u8] = b"RE~^";
/// What the signatures of later ones begin with.
const SIGNATURE: &[u8] = b"Rar!\x1a\x07";

#[cfg(test)]
mod tests;
