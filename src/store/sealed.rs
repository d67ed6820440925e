//! Files at rest: encrypted in pieces, so that a large mail needs no large buffer and no piece can be dropped, moved or swapped.
//!
//! Layout: `SLUSSEAL` + version byte 1 + 19 random bytes, then pieces of up to 64 KiB, each with its 16-byte tag.
//! Nonce of a piece = the random bytes, its number (4 bytes, big endian), 1 if it is the last else 0: the STREAM
//! construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015) over XChaCha20-Poly1305.

use crate::{
    base::limits,
    store::{
        keys::{self, Key},
        spool::{DiskFile, read_full_at, write_all_at},
    },
};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use std::io;

const MAGIC: &[u8; 9] = b"SLUSSEAL\x01";
const PREFIX_BYTES: usize = 19;
const TAG_BYTES: usize = 16;

/// Writes `content` encrypted under `key` into a file from `at` on; gives the bytes of the content. Nothing is synced.
pub fn write(
    file: &dyn DiskFile,
    at: u64,
    key: &Key,
    content: impl IntoIterator<Item = io::Result<bytes::Bytes>>,
) -> io::Result<u64> {
    let prefix: [u8; PREFIX_BYTES] = keys::random().map_err(io::Error::other)?;
    let mut out = Out { file, at };
    out.write(MAGIC)?;
    out.write(&prefix)?;
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let mut piece: Vec<u8> = Vec::with_capacity(limits::SEALED_CHUNK_BYTES);
    let (mut number, mut total) = (0_u32, 0_u64);
    let mut seal = |piece: &mut Vec<u8>, last: bool, out: &mut Out<'_>| -> io::Result<()> {
        let sealed = cipher
            .encrypt(&nonce(&prefix, number, last), piece.as_slice())
            .map_err(|_| io::Error::other("encryption failed"))?;
        number = number.checked_add(1).ok_or_else(|| io::Error::other("too large to seal"))?;
        total += u64::try_from(piece.len()).unwrap_or(0);
        piece.clear();
        out.write(&sealed)
    };
    for bytes in content {
        let mut bytes = bytes?;
        while !bytes.is_empty() {
            if piece.len() == limits::SEALED_CHUNK_BYTES {
                seal(&mut piece, false, &mut out)?;
            }
            let take = (limits::SEALED_CHUNK_BYTES - piece.len()).min(bytes.len());
            piece.extend_from_slice(&bytes.split_to(take));
        }
    }
    seal(&mut piece, true, &mut out)?;
    Ok(total)
}

/// A place in a file that moves along as it is written.
struct Out<'a> {
    file: &'a dyn DiskFile,
    at: u64,
}

impl Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all_at(self.file, bytes, self.at)?;
        self.at = self.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

/// Reads what [`write`] wrote from `at` on, which must go on to the file's end. Fails unless every byte is as it was written.
pub fn read(file: &dyn DiskFile, at: u64, key: &Key) -> io::Result<Vec<u8>> {
    let mut head = [0; MAGIC.len() + PREFIX_BYTES];
    if read_full_at(file, &mut head, at)? != head.len() {
        return Err(damaged("it is cut short"));
    }
    let (magic, prefix) = head.split_at(MAGIC.len());
    let prefix = <[u8; PREFIX_BYTES]>::try_from(prefix).map_err(|_| damaged("it is cut short"))?;
    if magic != MAGIC {
        return Err(damaged("it is not one of our files"));
    }
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let size = file.size_bytes()?;
    let mut at = at.saturating_add(u64::try_from(head.len()).unwrap_or(u64::MAX));
    let mut plain = Vec::with_capacity(usize::try_from(size.saturating_sub(at)).unwrap_or(0));
    let mut piece = vec![0; limits::SEALED_CHUNK_BYTES + TAG_BYTES];
    let mut number = 0_u32;
    loop {
        let filled = read_full_at(file, &mut piece, at)?;
        at = at.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        let last = at >= size;
        let sealed = piece.get(..filled).unwrap_or_default();
        let opened = cipher.decrypt(&nonce(&prefix, number, last), sealed).map_err(|_| {
            damaged("a piece does not open: wrong key, or changed, moved or missing bytes")
        })?;
        plain.extend_from_slice(&opened);
        if last {
            return Ok(plain);
        }
        number = number.checked_add(1).ok_or_else(|| damaged("it has too many pieces"))?;
    }
}

fn damaged(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn nonce(prefix: &[u8; PREFIX_BYTES], number: u32, last: bool) -> XNonce {
    let mut bytes = [0; 24];
    for (to, from) in bytes
        .iter_mut()
        .zip(prefix.iter().copied().chain(number.to_be_bytes()).chain([u8::from(last)]))
    {
        *to = from;
    }
    XNonce::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_is_sealed_is_opened_and_nothing_else() {
        let disk = crate::store::spool::MemoryDisk::new().arc();
        disk.create_folder(Path::new("/blobs")).unwrap();
        let key = keys::new_key("item key").unwrap();
        for size in [
            0,
            1,
            limits::SEALED_CHUNK_BYTES,
            limits::SEALED_CHUNK_BYTES + 1,
            3 * limits::SEALED_CHUNK_BYTES,
        ] {
            let path = Path::new("/blobs").join(size.to_string());
            let file = disk.create(&path).unwrap();
            let content: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let pieces =
                content.chunks(10_000).map(|piece| Ok(bytes::Bytes::copy_from_slice(piece)));
            assert_eq!(
                write(file.as_ref(), 7, &key, pieces).unwrap(),
                u64::try_from(size).unwrap()
            );
            assert!(read(file.as_ref(), 7, &key).unwrap() == content);
            let mut sealed = vec![0; usize::try_from(file.size_bytes().unwrap()).unwrap() - 7];
            read_full_at(file.as_ref(), &mut sealed, 7).unwrap();
            for bent in [
                sealed[..sealed.len() - 1].to_vec(),
                [&sealed[..], b"x"].concat(),
                sealed
                    .iter()
                    .enumerate()
                    .map(|(at, byte)| if at == sealed.len() / 2 { byte ^ 1 } else { *byte })
                    .collect(),
                sealed[..sealed.len().min(28 + limits::SEALED_CHUNK_BYTES + 16)][..sealed
                    .len()
                    .min(28 + limits::SEALED_CHUNK_BYTES + 16)
                    .saturating_sub(usize::from(size <= limits::SEALED_CHUNK_BYTES))]
                    .to_vec(),
            ] {
                file.truncate(7).unwrap();
                write_all_at(file.as_ref(), &bent, 7).unwrap();
                assert!(
                    read(file.as_ref(), 7, &key).is_err(),
                    "{size} bytes, {} of {}",
                    bent.len(),
                    sealed.len()
                );
            }
        }
    }
}
