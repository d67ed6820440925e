//! The bytes of one mail, in memory while small, in a file when large. Never changed once received.
//!
//! A file is sealed from its first byte, under a key that is in memory alone until an entry of the spool takes the file over: what a
//! mail that is not kept leaves on the disk is noise.
//!
//! A file that no entry of the spool owns is removed when the last [`Content`] that knows it is dropped.

use super::{
    disk::{Disk, DiskFile, read_full_at, write_all_at},
    seal::{PIECE_BYTES, SEALED_PIECE_BYTES, open_pieces, seal_pieces, sealed_bytes},
};
use crate::store::keys::{self, Key};
use bytes::Bytes;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A whole mail, to be examined, passed on, put into the spool or just dropped. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Content {
    body: Body,
    size_bytes: u64,
    hash: [u8; 32],
}

#[derive(Debug, Clone)]
enum Body {
    Memory(Bytes),
    File(Arc<HeldFile>),
}

impl Content {
    /// A mail that is in memory already.
    pub fn from_bytes(bytes: Bytes) -> Content {
        let hash = *blake3::hash(&bytes).as_bytes();
        let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Content { body: Body::Memory(bytes), size_bytes, hash }
    }

    /// A mail that was stored with its hash.
    pub(super) fn known(bytes: Bytes, hash: [u8; 32]) -> Content {
        let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Content { body: Body::Memory(bytes), size_bytes, hash }
    }

    pub(super) fn from_file(file: Arc<HeldFile>, size_bytes: u64, hash: [u8; 32]) -> Content {
        Content { body: Body::File(file), size_bytes, hash }
    }

    /// Its length.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The blake3 of all its bytes: the same content has the same hash, however it came.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// All of it. From a file it is read at once, which blocks, and compared with the hash.
    pub fn bytes(&self) -> io::Result<Bytes> {
        match &self.body {
            Body::Memory(bytes) => Ok(bytes.clone()),
            Body::File(held) => {
                let size = usize::try_from(self.size_bytes).map_err(|_| changed())?;
                let all = held.read(0, size)?;
                if *blake3::hash(&all).as_bytes() != self.hash {
                    return Err(changed());
                }
                Ok(Bytes::from(all))
            }
        }
    }

    /// Its bytes in order, in pieces of at most `piece_bytes`. Reading a piece from a file blocks shortly.
    ///
    /// If a file's bytes are not those received, the last piece is an error instead:
    /// whoever passes pieces on must not end the mail before the iterator has ended well.
    pub fn chunks(&self, piece_bytes: usize) -> Chunks {
        Chunks {
            content: self.clone(),
            piece_bytes: piece_bytes.max(1),
            at: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    pub(super) fn body_in_memory(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Memory(bytes) => Some(bytes),
            Body::File(_) => None,
        }
    }

    /// Makes the content a durable file of this name, by renaming if the file is still nobody's, else by copying.
    /// Until [`HeldFile::keep`] the file goes away with its last holder.
    pub(super) fn settle(
        &self,
        disk: &Arc<dyn Disk>,
        spare: &Path,
        to: &Path,
    ) -> io::Result<Arc<HeldFile>> {
        let held = match &self.body {
            Body::File(held) if held.is_temporary() => held.clone(),
            Body::File(_) | Body::Memory(_) => {
                let copy = HeldFile::create(disk, spare)?;
                let mut number = 0;
                for piece in self.chunks(PIECE_BYTES) {
                    number = copy.append(number, &piece?)?;
                }
                Arc::new(copy)
            }
        };
        // The bytes before the name, the name before the record: whoever sees the record sees the mail.
        held.file.sync_data()?;
        held.rename(to)?;
        if let Some(folder) = to.parent() {
            disk.sync_folder(folder)?;
        }
        Ok(held)
    }
}

/// The pieces of a [`Content`].
#[derive(Debug)]
pub struct Chunks {
    content: Content,
    piece_bytes: usize,
    at: u64,
    hasher: blake3::Hasher,
}

impl Chunks {
    fn read(&mut self, held: &HeldFile, count: usize) -> io::Result<Bytes> {
        let piece = held.read(self.at, count)?;
        self.hasher.update(&piece);
        let ends =
            self.at.saturating_add(u64::try_from(count).unwrap_or(0)) == self.content.size_bytes;
        if ends && *self.hasher.finalize().as_bytes() != self.content.hash {
            return Err(changed());
        }
        Ok(Bytes::from(piece))
    }
}

impl Iterator for Chunks {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        let left = self.content.size_bytes.saturating_sub(self.at);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.piece_bytes);
        if count == 0 {
            return None;
        }
        let body = self.content.body.clone();
        let piece = match &body {
            Body::Memory(bytes) => {
                let start = usize::try_from(self.at).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(count).min(bytes.len());
                Ok(bytes.slice(start..end))
            }
            Body::File(held) => self.read(held, count),
        };
        self.at = match &piece {
            Ok(_) => self.at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX)),
            // After an error there is nothing more to come.
            Err(_) => self.content.size_bytes,
        };
        Some(piece)
    }
}

/// A mail on its way in: memory first, a file under `incoming` when it grows.
#[derive(Debug)]
pub struct Receiving {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    memory_bytes_max: usize,
    /// All of it while there is no file; then what is not yet a whole piece.
    buffer: Vec<u8>,
    file: Option<HeldFile>,
    /// Pieces in the file.
    pieces: u64,
    size_bytes: u64,
    hasher: blake3::Hasher,
}

impl Receiving {
    pub(super) fn new(disk: Arc<dyn Disk>, path: PathBuf, memory_bytes_max: usize) -> Receiving {
        Receiving {
            disk,
            path,
            memory_bytes_max,
            buffer: Vec::new(),
            file: None,
            pieces: 0,
            size_bytes: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Takes the next bytes. May write to the file, which blocks shortly; hand in pieces of at most 64 KiB.
    /// After an error (a full disk, most likely) the mail cannot be completed: drop it and say so to the sender.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size_bytes =
            self.size_bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.file.is_none() && self.buffer.len() + bytes.len() <= self.memory_bytes_max {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(HeldFile::create(&self.disk, &self.path)?);
            // Hundreds of large mails come in at a time: from here on one piece each is in memory.
            let before = std::mem::take(&mut self.buffer);
            self.buffer.reserve_exact(PIECE_BYTES);
            self.write_through(&before)?;
        }
        self.write_through(bytes)
    }

    /// Bytes taken so far.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The mail is complete. Nothing is durable yet; that is what putting it into the spool is for.
    pub fn finish(mut self) -> io::Result<Content> {
        if let Some(file) = &self.file {
            file.append(self.pieces, &self.buffer)?;
        }
        let (size_bytes, hash) = (self.size_bytes, *self.hasher.finalize().as_bytes());
        let body = match self.file.take() {
            Some(file) => Body::File(Arc::new(file)),
            None => Body::Memory(Bytes::from(self.buffer)),
        };
        Ok(Content { body, size_bytes, hash })
    }

    /// Whole pieces go to the file; what is left waits for more.
    fn write_through(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        while !bytes.is_empty() {
            let room = PIECE_BYTES.saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            bytes = later;
            self.buffer.extend_from_slice(now);
            if self.buffer.len() >= PIECE_BYTES {
                self.pieces = file.append(self.pieces, &self.buffer)?;
                self.buffer.clear();
            }
        }
        Ok(())
    }
}

/// An open file that removes itself when nobody holds it, unless an entry of the spool has come to own it.
#[derive(Debug)]
pub(super) struct HeldFile {
    pub(super) file: Arc<dyn DiskFile>,
    /// `None` for a file of the time before sealing.
    key: Option<Key>,
    disk: Arc<dyn Disk>,
    owner: Mutex<Owner>,
}

#[derive(Debug)]
enum Owner {
    Holder(PathBuf),
    Entry,
}

impl HeldFile {
    fn create(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<HeldFile> {
        let key = keys::new_key("content key").map_err(io::Error::other)?;
        let file = disk.create(path)?;
        let owner = Mutex::new(Owner::Holder(path.to_path_buf()));
        Ok(HeldFile { file, key: Some(key), disk: disk.clone(), owner })
    }

    /// The file of an entry.
    pub(super) fn of_entry(
        disk: &Arc<dyn Disk>,
        path: &Path,
        key: Option<Key>,
    ) -> io::Result<HeldFile> {
        let file = disk.open(path)?;
        Ok(HeldFile { file, key, disk: disk.clone(), owner: Mutex::new(Owner::Entry) })
    }

    /// What it is sealed under.
    pub(super) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// How long the file is for so much content.
    pub(super) fn file_bytes(&self, content_bytes: u64) -> u64 {
        if self.key.is_some() { sealed_bytes(content_bytes) } else { content_bytes }
    }

    /// Seals some whole pieces, or what comes last, and writes them where piece `number` belongs; gives the number after.
    fn append(&self, number: u64, plain: &[u8]) -> io::Result<u64> {
        let Some(key) = &self.key else { return Err(changed()) };
        let mut sealed = Vec::with_capacity(plain.len() + SEALED_PIECE_BYTES - PIECE_BYTES);
        seal_pieces(key, number, plain, &mut sealed)?;
        let piece = u64::try_from(SEALED_PIECE_BYTES).unwrap_or(u64::MAX);
        write_all_at(self.file.as_ref(), &sealed, number.saturating_mul(piece))?;
        let pieces = u64::try_from(plain.len().div_ceil(PIECE_BYTES)).unwrap_or(0);
        Ok(number.saturating_add(pieces))
    }

    /// So many bytes of the content from `at` on, all of them or an error.
    fn read(&self, at: u64, count: usize) -> io::Result<Vec<u8>> {
        let Some(key) = &self.key else {
            let mut plain = vec![0; count];
            let filled = read_full_at(self.file.as_ref(), &mut plain, at)?;
            return if filled == count { Ok(plain) } else { Err(changed()) };
        };
        let piece = u64::try_from(PIECE_BYTES).unwrap_or(u64::MAX);
        let (first, skip) = (at / piece, usize::try_from(at % piece).unwrap_or(0));
        let pieces = skip.saturating_add(count).div_ceil(PIECE_BYTES);
        let mut sealed = vec![0; pieces.saturating_mul(SEALED_PIECE_BYTES)];
        let from = first.saturating_mul(u64::try_from(SEALED_PIECE_BYTES).unwrap_or(u64::MAX));
        let filled = read_full_at(self.file.as_ref(), &mut sealed, from)?;
        sealed.truncate(filled);
        let mut plain = open_pieces(key, first, &sealed)?;
        plain.drain(..skip.min(plain.len()));
        if plain.len() < count {
            return Err(changed());
        }
        plain.truncate(count);
        Ok(plain)
    }

    /// From now on an entry owns the file.
    pub(super) fn keep(&self) {
        *self.owner() = Owner::Entry;
    }

    fn is_temporary(&self) -> bool {
        match *self.owner() {
            Owner::Holder(_) => true,
            Owner::Entry => false,
        }
    }

    fn rename(&self, to: &Path) -> io::Result<()> {
        match &mut *self.owner() {
            Owner::Holder(path) => {
                self.disk.rename(path, to)?;
                *path = to.to_path_buf();
                Ok(())
            }
            Owner::Entry => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn owner(&self) -> MutexGuard<'_, Owner> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        match &*self.owner() {
            // What cannot be removed now is removed when the spool is next opened.
            Owner::Holder(path) => drop(self.disk.remove(path)),
            Owner::Entry => (),
        }
    }
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the bytes on disk are not those received")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::spool::memory_disk::MemoryDisk;

    #[test]
    fn a_large_mail_takes_little_memory_while_it_comes_in() {
        let disk = MemoryDisk::new();
        disk.arc().create_folder(Path::new("/in")).unwrap();
        let memory_max = 64 << 10;
        for piece in [100, 4_000, PIECE_BYTES, 32 << 10, 64 << 10] {
            let path = Path::new("/in").join(piece.to_string());
            let mut receiving = Receiving::new(disk.arc(), path, memory_max);
            let mut all = Vec::new();
            for number in 0..=(300 << 10) / piece {
                let bytes = vec![u8::try_from(number % 251).unwrap(); piece];
                receiving.write(&bytes).unwrap();
                all.extend(bytes);
                let bound = if receiving.file.is_some() { PIECE_BYTES } else { memory_max };
                assert!(receiving.buffer.len() <= bound, "pieces of {piece}");
                assert_eq!(receiving.size_bytes(), u64::try_from(all.len()).unwrap());
            }
            let content = receiving.finish().unwrap();
            assert!(content.body_in_memory().is_none());
            assert_eq!(content.bytes().unwrap(), all, "pieces of {piece}");
        }
    }
}
