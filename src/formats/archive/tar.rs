//! tar in its dialects (POSIX 1003.1-2001 `pax`, ustar, GNU, the seventh edition). Nothing is packed, so members are places in the archive.

use crate::{base::limits, formats::budget::Stopped};
use std::ops::Range;

/// A file in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name with folders.
    pub name: String,
    /// Where its bytes stand.
    pub bytes: Range<usize>,
}

/// Every regular file, at most as many as one mail may have parts and one more, so that the bound is met by whoever takes them;
/// and why the list ended, if not at the archive's end.
pub fn list(archive: &[u8]) -> (Vec<Entry>, Option<Stopped>) {
    let mut found = Vec::new();
    let damaged = |error: std::io::Error| Some(Stopped::Damaged(error.to_string()));
    let mut reader = ::tar::Archive::new(archive);
    let entries = match reader.entries() {
        Ok(entries) => entries,
        Err(error) => return (found, damaged(error)),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return (found, damaged(error)),
        };
        // Links, devices and folders have no bytes; anything with bytes is a file to us, whatever its type letter says.
        if entry.size() == 0 {
            continue;
        }
        let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
        let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        let end = start.saturating_add(size).min(archive.len());
        let name = super::name(&entry.path_bytes(), super::latin);
        found.push(Entry { name, bytes: start.min(end)..end });
        if end - start.min(end) < size {
            return (found, Some(Stopped::Damaged("the archive ends inside a file".to_string())));
        }
        if found.len() > limits::PARTS_MAX {
            break;
        }
    }
    (found, None)
}

/// Is it a tar archive? By the checksum of its first header: the oldest dialect has no magic.
pub fn is_tar(bytes: &[u8]) -> bool {
    let Some(block) = bytes.get(..512) else { return false };
    let Some(field) = block.get(CHECKSUM) else { return false };
    let digits = field.iter().copied().skip_while(|byte| *byte == b' ');
    let mut told: u32 = 0;
    let mut count = 0;
    for digit in digits.take_while(|byte| (b'0'..=b'7').contains(byte)) {
        told = (told << 3) | u32::from(digit - b'0');
        count += 1;
    }
    // The field itself counts as eight blanks.
    let summed: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>()
        - field.iter().map(|byte| u32::from(*byte)).sum::<u32>()
        + 8 * u32::from(b' ');
    count > 0 && told == summed && block.first() != Some(&0)
}

const CHECKSUM: Range<usize> = 148..156;

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = ::tar::Header::new_gnu();
            header.set_size(content.len().try_into().unwrap());
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn files_are_places() {
        let long = "folder/".repeat(40) + "x";
        let archive = tar(&[("a.txt", b"one"), (&long, b"two"), ("empty", b"")]);
        assert!(is_tar(&archive));
        let (entries, stopped) = list(&archive);
        let read: Vec<(&str, &[u8])> = entries
            .iter()
            .map(|entry| (entry.name.as_str(), &archive[entry.bytes.clone()]))
            .collect();
        assert_eq!(read, [("a.txt", &b"one"[..]), (long.as_str(), b"two")]);
        assert_eq!(stopped, None);
    }

    #[test]
    fn what_is_cut_off_is_damaged() {
        let archive = tar(&[("a.txt", b"one"), ("b.txt", &[7; 2_000])]);
        let (entries, stopped) = list(&archive[..2_000]);
        assert_eq!(entries.len(), 2);
        assert!(matches!(stopped, Some(Stopped::Damaged(_))));
        assert!(!is_tar(&[0; 512]));
        assert!(!is_tar(b"short"));
    }
}
