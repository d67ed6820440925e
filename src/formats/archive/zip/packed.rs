//! Writes a ZIP of several files as they are: for whoever downloads all of them at once. APPNOTE.TXT 6.3.10 sections 4.3.7, 4.3.12 and 4.3.16.

use flate2::Crc;

/// An archive of these files. Names are taken as they are; whoever calls has made them names and nothing else.
pub fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let bytes: usize = files.iter().map(|(name, bytes)| bytes.len() + 2 * name.len() + 100).sum();
    let mut archive = Vec::with_capacity(bytes + 22);
    let mut stored = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        let mut crc = Crc::new();
        crc.update(bytes);
        let one = Stored { name: name.clone(), bytes: u32_of(bytes.len()), crc32: crc.sum() };
        archive.extend(one.head());
        archive.extend(bytes);
        stored.push(one);
    }
    archive.extend(directory(&stored));
    archive
}

/// A file in an archive that is written piece by piece: its head, its bytes, and behind the last the [`directory`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u32,
    /// The CRC-32 of its bytes.
    pub crc32: u32,
}

impl Stored {
    /// What stands before its bytes.
    pub fn head(&self) -> Vec<u8> {
        [b"PK\x03\x04".as_slice(), &self.about(), self.name.as_bytes()].concat()
    }

    /// What the local and the central header both say: stored, the name in UTF-8, midnight of the first day there is.
    fn about(&self) -> Vec<u8> {
        let mut about = Vec::with_capacity(26);
        about.extend(20_u16.to_le_bytes());
        about.extend((1_u16 << 11).to_le_bytes());
        about.extend([0; 2]);
        about.extend([0, 0, 0x21, 0]);
        about.extend(self.crc32.to_le_bytes());
        about.extend(self.bytes.to_le_bytes());
        about.extend(self.bytes.to_le_bytes());
        about.extend(u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
        about.extend([0; 2]);
        about
    }
}

/// What stands behind the bytes of the last file.
pub fn directory(files: &[Stored]) -> Vec<u8> {
    let mut directory = Vec::new();
    let mut at = 0_u32;
    for file in files {
        directory.extend(b"PK\x01\x02");
        // Made by version 2.0, on a system whose files have no attributes to speak of.
        directory.extend(20_u16.to_le_bytes());
        directory.extend(file.about());
        // No comment, the first disk, no attributes.
        directory.extend([0; 2 + 2 + 2 + 4]);
        directory.extend(at.to_le_bytes());
        directory.extend(file.name.as_bytes());
        at = at.saturating_add(u32_of(file.head().len())).saturating_add(file.bytes);
    }
    let count = u16::try_from(files.len()).unwrap_or(u16::MAX).to_le_bytes();
    let directory_bytes = u32_of(directory.len());
    directory.extend(b"PK\x05\x06\0\0\0\0");
    directory.extend(count);
    directory.extend(count);
    directory.extend(directory_bytes.to_le_bytes());
    directory.extend(at.to_le_bytes());
    directory.extend([0; 2]);
    directory
}

/// Parts are bounded far below four gigabytes.
fn u32_of(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{
        archive::zip::{look, unpack_with},
        keep::testing::budget,
    };

    #[test]
    fn what_was_packed_is_what_comes_out() {
        let files = [
            ("räk.txt".to_string(), b"hello".to_vec()),
            ("empty".to_string(), Vec::new()),
            ("large.bin".to_string(), vec![7; 100_000]),
        ];
        let archive = pack(&files);
        let listing = look(&archive);
        assert!(listing.signs.is_empty() && listing.stopped.is_none(), "{listing:?}");
        assert_eq!(listing.entries.len(), 3);
        for (entry, (name, bytes)) in listing.entries.iter().zip(&files) {
            assert_eq!((&entry.name, entry.encrypted), (name, false));
            let unpacked = unpack_with(&archive, entry, &[], &mut budget()).0;
            assert_eq!(unpacked.bytes, *bytes);
        }
    }
}
