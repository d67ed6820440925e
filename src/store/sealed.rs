//! Files at rest: encrypted in pieces, so that a large mail needs no large buffer and no piece can be dropped, moved or swapped.
//!
//! Layout: `SLUSSEAL` + version byte 1 + 19 random bytes, then pieces of up to 64 KiB, each with its 16-byte tag.
//! Nonce of a piece = the random bytes, its number (4 bytes, big endian), 1 if it is the last else 0: the STREAM
//! construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015) over XChaCha20-Poly1305.

use crate::{
    base::limits,
    store::{
        StoreError,
        keys::{self, Key},
    },
};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

const MAGIC: &[u8; 9] = b"SLUSSEAL\x01";
const PREFIX_BYTES: usize = 19;
const TAG_BYTES: usize = 16;

/// Writes `content` encrypted under `key` into a new file, synced, its folder synced too: safe when this returns.
pub fn write(
    file: &Path,
    key: &Key,
    content: impl IntoIterator<Item = io::Result<bytes::Bytes>>,
) -> Result<u64, StoreError> {
    let failed = |source| StoreError::File { what: "writing", file: file.to_path_buf(), source };
    let prefix: [u8; PREFIX_BYTES] = keys::random()?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = io::BufWriter::new(options.open(file).map_err(failed)?);
    let written = write_pieces(&mut out, key, &prefix, content).map_err(failed).and_then(|bytes| {
        let out = out.into_inner().map_err(|error| failed(error.into_error()))?;
        out.sync_data().map_err(failed)?;
        Ok(bytes)
    });
    if written.is_err() {
        // What is half written is of no use to anybody; if it cannot be removed, the sweep at start does it.
        let _left_for_the_sweep = fs::remove_file(file);
    }
    let written = written?;
    sync_folder(file)?;
    Ok(written)
}

fn write_pieces(
    out: &mut impl Write,
    key: &Key,
    prefix: &[u8; PREFIX_BYTES],
    content: impl IntoIterator<Item = io::Result<bytes::Bytes>>,
) -> io::Result<u64> {
    out.write_all(MAGIC)?;
    out.write_all(prefix)?;
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let mut piece: Vec<u8> = Vec::with_capacity(limits::SEALED_CHUNK_BYTES);
    let (mut number, mut total) = (0_u32, 0_u64);
    let mut seal = |piece: &mut Vec<u8>, last: bool, out: &mut dyn Write| -> io::Result<()> {
        let sealed = cipher
            .encrypt(&nonce(prefix, number, last), piece.as_slice())
            .map_err(|_| io::Error::other("encryption failed"))?;
        number = number.checked_add(1).ok_or_else(|| io::Error::other("too large to seal"))?;
        total += u64::try_from(piece.len()).unwrap_or(0);
        piece.clear();
        out.write_all(&sealed)
    };
    for bytes in content {
        let mut bytes = bytes?;
        while !bytes.is_empty() {
            if piece.len() == limits::SEALED_CHUNK_BYTES {
                seal(&mut piece, false, out)?;
            }
            let take = (limits::SEALED_CHUNK_BYTES - piece.len()).min(bytes.len());
            piece.extend_from_slice(&bytes.split_to(take));
        }
    }
    seal(&mut piece, true, out)?;
    out.flush()?;
    Ok(total)
}

/// Reads a whole sealed file. Fails unless every byte is as it was written.
pub fn read(file: &Path, key: &Key) -> Result<Vec<u8>, StoreError> {
    let failed = |source| StoreError::File { what: "reading", file: file.to_path_buf(), source };
    let damaged =
        |why: &str| StoreError::Damaged { what: file.display().to_string(), why: why.to_string() };
    let mut input = io::BufReader::new(File::open(file).map_err(failed)?);
    let mut magic = [0; MAGIC.len()];
    let mut prefix = [0; PREFIX_BYTES];
    input
        .read_exact(&mut magic)
        .and_then(|()| input.read_exact(&mut prefix))
        .map_err(|_| damaged("it is cut short"))?;
    if &magic != MAGIC {
        return Err(damaged("it is not one of our files"));
    }
    let cipher = XChaCha20Poly1305::new(key.expose().into());
    let mut plain = Vec::new();
    let mut number = 0_u32;
    let mut piece = Vec::new();
    let piece_max = u64::try_from(limits::SEALED_CHUNK_BYTES + TAG_BYTES).unwrap_or(u64::MAX);
    loop {
        piece.clear();
        input.by_ref().take(piece_max).read_to_end(&mut piece).map_err(failed)?;
        let last = input.by_ref().fill_is_empty().map_err(failed)?;
        let opened =
            cipher.decrypt(&nonce(&prefix, number, last), piece.as_slice()).map_err(|_| {
                damaged("a piece does not open: wrong key, or changed, moved or missing bytes")
            })?;
        plain.extend_from_slice(&opened);
        if last {
            return Ok(plain);
        }
        number = number.checked_add(1).ok_or_else(|| damaged("it has too many pieces"))?;
    }
}

/// Is there nothing more to read?
trait FillIsEmpty {
    fn fill_is_empty(&mut self) -> io::Result<bool>;
}

impl<R: io::BufRead> FillIsEmpty for R {
    fn fill_is_empty(&mut self) -> io::Result<bool> {
        Ok(self.fill_buf()?.is_empty())
    }
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

/// Makes a new name in a folder survive power loss.
fn sync_folder(file: &Path) -> Result<(), StoreError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| StoreError::File {
        what: "syncing the folder of",
        file: file.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let key = keys::new_key("item key").unwrap();
        for size in [
            0,
            1,
            limits::SEALED_CHUNK_BYTES,
            limits::SEALED_CHUNK_BYTES + 1,
            3 * limits::SEALED_CHUNK_BYTES,
        ] {
            let file = folder.path().join(format!("{size}"));
            let content: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let pieces =
                content.chunks(10_000).map(|piece| Ok(bytes::Bytes::copy_from_slice(piece)));
            assert_eq!(write(&file, &key, pieces).unwrap(), u64::try_from(size).unwrap());
            assert!(read(&file, &key).unwrap() == content);
            let sealed = fs::read(&file).unwrap();
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
                fs::write(&file, &bent).unwrap();
                assert!(
                    read(&file, &key).is_err(),
                    "{size} bytes, {} of {}",
                    bent.len(),
                    sealed.len()
                );
            }
        }
    }
}
