//! Everything the spool asks of a disk, in one small trait, so that tests can lose what was not synced and fail any call.
//!
//! Nothing here is cached or retried but interrupted calls: the spool above knows what each failure means.

use std::{
    fmt, fs, io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

/// Folders and names.
pub trait Disk: Send + Sync + fmt::Debug {
    /// A new empty file for reading and writing, readable by its owner alone; fails if the name is taken.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// A file that exists, for reading and, where the disk allows it, for writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes or opens a file and locks it until the returned handle is dropped; `None` if another holder has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>>;
    /// Makes a folder and those above it, if missing.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable: files created, renamed and removed.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name on the same file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; handles already open can still read it.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The files directly in a folder, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>>;
    /// Bytes an ordinary user may still write to the file system of this folder.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
}

/// One open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Writes at a place; may write less than was asked.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Reads at a place; may read less than was asked, nothing at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes content and length durable.
    /// After a failure nothing written since the last success can be trusted to be there, or to come later.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts the file off.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// How long the file is.
    fn size_bytes(&self) -> io::Result<u64>;
}

/// A file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name without the folder.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
}

/// Writes all of it or fails; on failure any part may have been written.
pub(in crate::store) fn write_all_at(
    file: &dyn DiskFile,
    bytes: &[u8],
    offset: u64,
) -> io::Result<()> {
    let (mut rest, mut at) = (bytes, offset);
    while !rest.is_empty() {
        match file.write_at(rest, at) {
            // A disk that takes nothing and names no reason is full for all we can do about it.
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                rest = rest.get(count..).unwrap_or_default();
                at = at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer as far as the file goes; the count says how far.
pub(in crate::store) fn read_full_at(
    file: &dyn DiskFile,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut how = fs::OpenOptions::new();
        how.read(true).write(true).create_new(true).mode(OWNER_ONLY_FILE);
        Ok(Arc::new(how.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        match fs::OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Ok(Arc::new(file)),
            // A disk that went read-only can still be read; the write that needs more will say so.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                Ok(Arc::new(fs::File::open(path)?))
            }
            Err(error) => Err(error),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let mut how = fs::OpenOptions::new();
        how.read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY_FILE);
        let file = how.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Arc::new(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(OWNER_ONLY_FOLDER).create(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if let (true, Ok(name)) = (about.is_file(), entry.file_name().into_string()) {
                files.push(Listed { name, size_bytes: about.len() });
            }
        }
        Ok(files)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let about = rustix::fs::statvfs(folder)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }
}

impl DiskFile for fs::File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        fs::File::sync_data(self)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Mail is for its recipients, not for the other users of the machine.
const OWNER_ONLY_FILE: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;
