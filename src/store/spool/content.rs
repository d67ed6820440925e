//! The bytes of one mail, in memory while small, in a file when large. Never changed once received.
//!
//! A file that no entry of the spool owns is removed when the last [`Content`] that knows it is dropped.

use super::disk::{Disk, DiskFile, read_full_at, write_all_at};
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
                let mut all = vec![0; size];
                let filled = read_full_at(held.file.as_ref(), &mut all, 0)?;
                if filled != size || *blake3::hash(&all).as_bytes() != self.hash {
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
                let mut at = 0;
                for piece in self.chunks(COPY_BYTES) {
                    let piece = piece?;
                    write_all_at(copy.file.as_ref(), &piece, at)?;
                    at += u64::try_from(piece.len()).unwrap_or(0);
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
        let mut piece = vec![0; count];
        if read_full_at(held.file.as_ref(), &mut piece, self.at)? != count {
            return Err(changed());
        }
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
    /// All of it while there is no file; then what is not yet in the file.
    buffer: Vec<u8>,
    file: Option<HeldFile>,
    filed_bytes: u64,
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
            filed_bytes: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Takes the next bytes. May write to the file, which blocks shortly; hand in pieces of at most 64 KiB.
    /// After an error (a full disk, most likely) the mail cannot be completed: drop it and say so to the sender.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        // Hundreds of large mails come in at a time: the buffer never grows beyond its bound, and is small once there is a file.
        let filed_room = FILED_BUFFER_BYTES.min(self.memory_bytes_max);
        let room = if self.file.is_some() { filed_room } else { self.memory_bytes_max };
        if self.buffer.len().saturating_add(bytes.len()) > room {
            self.write_out()?;
            if bytes.len() > filed_room {
                return self.write_through(bytes);
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Bytes taken so far.
    pub fn size_bytes(&self) -> u64 {
        self.filed_bytes.saturating_add(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX))
    }

    /// The mail is complete. Nothing is durable yet; that is what putting it into the spool is for.
    pub fn finish(mut self) -> io::Result<Content> {
        if self.file.is_some() {
            self.write_out()?;
        }
        let (size_bytes, hash) = (self.size_bytes(), *self.hasher.finalize().as_bytes());
        let body = match self.file {
            Some(file) => Body::File(Arc::new(file)),
            None => Body::Memory(Bytes::from(self.buffer)),
        };
        Ok(Content { body, size_bytes, hash })
    }

    /// What is in memory goes to the file, and the memory is given back.
    fn write_out(&mut self) -> io::Result<()> {
        let buffered = std::mem::take(&mut self.buffer);
        self.write_through(&buffered)
    }

    fn write_through(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => HeldFile::create(&self.disk, &self.path)?,
        };
        let written = write_all_at(file.file.as_ref(), bytes, self.filed_bytes);
        self.file = Some(file);
        written?;
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.filed_bytes = self.filed_bytes.saturating_add(count);
        Ok(())
    }
}

/// An open file that removes itself when nobody holds it, unless an entry of the spool has come to own it.
#[derive(Debug)]
pub(super) struct HeldFile {
    pub(super) file: Arc<dyn DiskFile>,
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
        let file = disk.create(path)?;
        let owner = Mutex::new(Owner::Holder(path.to_path_buf()));
        Ok(HeldFile { file, disk: disk.clone(), owner })
    }

    /// The file of an entry.
    pub(super) fn of_entry(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<HeldFile> {
        let file = disk.open(path)?;
        Ok(HeldFile { file, disk: disk.clone(), owner: Mutex::new(Owner::Entry) })
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

/// Bytes gathered for one write to the file of a mail that is coming in; larger pieces go there directly.
const FILED_BUFFER_BYTES: usize = 16 << 10;
/// Bytes copied at a time.
const COPY_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::spool::memory_disk::MemoryDisk;

    #[test]
    fn a_large_mail_takes_little_memory_while_it_comes_in() {
        let disk = MemoryDisk::new();
        disk.arc().create_folder(Path::new("/in")).unwrap();
        let memory_max = 64 << 10;
        for piece in [100, 4_000, FILED_BUFFER_BYTES, 32 << 10, 64 << 10] {
            let path = Path::new("/in").join(piece.to_string());
            let mut receiving = Receiving::new(disk.arc(), path, memory_max);
            let mut all = Vec::new();
            for number in 0..=(300 << 10) / piece {
                let bytes = vec![u8::try_from(number % 251).unwrap(); piece];
                receiving.write(&bytes).unwrap();
                all.extend(bytes);
                let bound = if receiving.file.is_some() { FILED_BUFFER_BYTES } else { memory_max };
                assert!(receiving.buffer.len() <= bound, "pieces of {piece}");
                assert_eq!(receiving.size_bytes(), u64::try_from(all.len()).unwrap());
            }
            let content = receiving.finish().unwrap();
            assert!(content.body_in_memory().is_none());
            assert_eq!(content.bytes().unwrap(), all, "pieces of {piece}");
        }
    }
}
