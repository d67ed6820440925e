//! Writes a ZIP with one member that needs a password: WinZip's AE-2, which 7-Zip, WinZip, Keka and libarchive open.
//! APPNOTE.TXT 6.3.10 sections 4.3.7, 4.3.12 and 4.3.16; the extra field and the sealing are those of the AES specification of WinZip.

use super::cipher;
use flate2::{Compression, write::DeflateEncoder};
use std::io::Write;

/// An archive of this one file. `salt` is fresh random bytes each time.
pub fn seal(name: &str, bytes: &[u8], password: &[u8], salt: [u8; 16]) -> Vec<u8> {
    let sealed = cipher::seal(&deflated(bytes), password, &salt);
    let about = about(name, sealed.len(), bytes.len());
    let mut archive = Vec::with_capacity(sealed.len() + 2 * name.len() + 200);
    archive.extend(b"PK\x03\x04");
    archive.extend(&about);
    archive.extend(name.as_bytes());
    archive.extend(EXTRA);
    archive.extend(&sealed);
    let directory_at = u32_of(archive.len());
    archive.extend(b"PK\x01\x02");
    // Made by version 5.1, on a system whose files have no attributes to speak of.
    archive.extend(51_u16.to_le_bytes());
    archive.extend(&about);
    // No comment, the first disk, no attributes; the member begins the file.
    archive.extend([0; 2 + 2 + 2 + 4 + 4]);
    archive.extend(name.as_bytes());
    archive.extend(EXTRA);
    let directory_bytes = u32_of(archive.len()).saturating_sub(directory_at);
    archive.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    archive.extend(directory_bytes.to_le_bytes());
    archive.extend(directory_at.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

/// What the local and the central header both say.
fn about(name: &str, sealed: usize, unpacked: usize) -> Vec<u8> {
    let mut about = Vec::with_capacity(26);
    about.extend(51_u16.to_le_bytes());
    // Encrypted, and the name is UTF-8.
    about.extend((1_u16 | (1 << 11)).to_le_bytes());
    about.extend(AES.to_le_bytes());
    // Midnight of the first day there is; AE-2 has no checksum but its own code.
    about.extend([0, 0, 0x21, 0]);
    about.extend([0; 4]);
    about.extend(u32_of(sealed).to_le_bytes());
    about.extend(u32_of(unpacked).to_le_bytes());
    about.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    about.extend(u16::try_from(EXTRA.len()).unwrap_or(0).to_le_bytes());
    about
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Into memory; it cannot fail.
    let _written = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Parts are bounded far below four gigabytes.
fn u32_of(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

const AES: u16 = 99;
/// Of seven bytes: AE-2 by "AE", 256 bits, deflated.
const EXTRA: &[u8] = b"\x01\x99\x07\0\x02\0AE\x03\x08\0";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::archive::zip::{look, unpack_with};
    use crate::formats::keep::testing::budget;
    use std::process::Command;

    #[test]
    fn what_was_sealed_opens_with_the_password_only() {
        for bytes in [&b""[..], b"hello", &[7; 100_000]] {
            let archive = seal("räk.txt", bytes, b"secret", [9; 16]);
            let listing = look(&archive);
            assert!(listing.signs.is_empty() && listing.stopped.is_none(), "{listing:?}");
            let entry = listing.entries.first().unwrap();
            assert!(entry.encrypted && entry.name == "räk.txt");
            let open = |password: &str| {
                unpack_with(&archive, entry, &[password.to_string()], &mut budget()).0
            };
            assert_eq!((open("secret").bytes.as_slice(), open("secret").stopped), (bytes, None));
            assert!(open("Secret").bytes.is_empty());
        }
    }

    #[test]
    fn another_program_opens_it_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.zip");
        std::fs::write(&file, seal("a.txt", b"hello from inside", b"secret", [1; 16])).unwrap();
        let Ok(done) = Command::new("7z").args(["x", "-so", "-psecret"]).arg(&file).output() else {
            return;
        };
        assert_eq!(String::from_utf8_lossy(&done.stdout), "hello from inside", "{done:?}");
    }
}
