//! Files at rest: encrypted in pieces, so that a large mail needs no large buffer and no piece can be dropped, moved or swapped.
//!
//! Layout: `SLUSSEAL` + version byte 1 + 19 random bytes, then pieces of up to 64 KiB, each with its 16-byte tag.
//! Nonce of a piece = the random bytes, its number (4 bytes, big endian), 1 if it is the last else 0: the STREAM
//! construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015) over XChaCha20-Poly1305.

use crate::{
    base::{limits, number::wide},
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
/// A whole piece in the file.
const SEALED_BYTES: usize = limits::SEALED_CHUNK_BYTES + TAG_BYTES;

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
    let pieces = Pieces::open(file, at, key)?;
    let mut plain = Vec::with_capacity(usize::try_from(pieces.bytes()).unwrap_or(0));
    for number in 0..pieces.count {
        plain.extend_from_slice(&pieces.piece(file, number)?);
    }
    Ok(plain)
}

/// What [`write`] wrote, to be read in part: each piece is known to be as it was written, in its place, and the last one to be the last.
pub struct Pieces {
    cipher: XChaCha20Poly1305,
    prefix: [u8; PREFIX_BYTES],
    /// Where the first one lies.
    at: u64,
    /// Where the last one ends.
    end: u64,
    count: u32,
}

impl Pieces {
    /// Reads the head; what follows it goes on to the file's end.
    pub fn open(file: &dyn DiskFile, at: u64, key: &Key) -> io::Result<Pieces> {
        let mut head = [0; MAGIC.len() + PREFIX_BYTES];
        if read_full_at(file, &mut head, at)? != head.len() {
            return Err(damaged("it is cut short"));
        }
        let (magic, prefix) = head.split_at(MAGIC.len());
        let prefix =
            <[u8; PREFIX_BYTES]>::try_from(prefix).map_err(|_| damaged("it is cut short"))?;
        if magic != MAGIC {
            return Err(damaged("it is not one of our files"));
        }
        let at = at.saturating_add(u64::try_from(head.len()).unwrap_or(u64::MAX));
        let end = file.size_bytes()?;
        // The last piece may be empty; there always is one.
        let count = end.saturating_sub(at).div_ceil(wide(SEALED_BYTES)).max(1);
        let count = u32::try_from(count).map_err(|_| damaged("it has too many pieces"))?;
        Ok(Pieces { cipher: XChaCha20Poly1305::new(key.expose().into()), prefix, at, end, count })
    }

    /// The bytes of the content.
    pub fn bytes(&self) -> u64 {
        let tags = u64::from(self.count).saturating_mul(wide(TAG_BYTES));
        self.end.saturating_sub(self.at).saturating_sub(tags)
    }

    /// The bytes of the content from `from` on, to the end of the piece that they stand in; empty behind the end.
    pub fn from(&self, file: &dyn DiskFile, from: u64) -> io::Result<Vec<u8>> {
        let chunk = wide(limits::SEALED_CHUNK_BYTES);
        let Some(number) = u32::try_from(from / chunk).ok().filter(|number| *number < self.count)
        else {
            return Ok(Vec::new());
        };
        let mut plain = self.piece(file, number)?;
        let skip = usize::try_from(from % chunk).unwrap_or(usize::MAX).min(plain.len());
        plain.drain(..skip);
        Ok(plain)
    }

    fn piece(&self, file: &dyn DiskFile, number: u32) -> io::Result<Vec<u8>> {
        let mut sealed = vec![0; SEALED_BYTES];
        let at = self.at.saturating_add(u64::from(number).saturating_mul(wide(SEALED_BYTES)));
        let filled = read_full_at(file, &mut sealed, at)?;
        let last = number + 1 == self.count;
        let sealed = sealed.get(..filled).unwrap_or_default();
        self.cipher.decrypt(&nonce(&self.prefix, number, last), sealed).map_err(|_| {
            damaged("a piece does not open: wrong key, or changed, moved or missing bytes")
        })
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
            let pieces = Pieces::open(file.as_ref(), 7, &key).unwrap();
            assert_eq!(pieces.bytes(), wide(size));
            for from in [0, 1, size / 2, size.saturating_sub(1), size, size + 9] {
                let got = pieces.from(file.as_ref(), wide(from)).unwrap();
                let want = content.get(from..).unwrap_or_default();
                assert!(want.starts_with(&got) && got.is_empty() == want.is_empty(), "{from}");
            }
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
