//! Folders and files for their owner alone, whose names survive power loss.
//!
//! What is in such a folder is protected by the folder: files that others make in it (SQLite its log) need no care of their own.

use crate::store::StoreError;
use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Makes a folder and those above it if missing, closes it to others, and makes its name durable.
///
/// A folder that everybody may write to by intent (`/tmp`, with the sticky bit) or that belongs to somebody else is left as it is.
pub fn folder(folder: &Path) -> Result<(), StoreError> {
    let failed = |what| move |source| StoreError::File { what, file: folder.to_path_buf(), source };
    let mut how = fs::DirBuilder::new();
    how.recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed("making the folder"))?;
    close(folder, FOLDER_MODE).map_err(failed("closing to others the folder"))?;
    for inner in folder.ancestors().filter(|inner| !inner.as_os_str().is_empty()) {
        match sync_names(above(inner)) {
            // One that we may not open or write is not one that we made; some file systems cannot sync a folder at all.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied
                        | io::ErrorKind::ReadOnlyFilesystem
                        | io::ErrorKind::InvalidInput
                ) => {}
            synced => synced.map_err(failed("syncing the folder above"))?,
        }
    }
    Ok(())
}

/// The same for the folder that holds everything, which the admin names.
///
/// `/var/lib` and the like, named by mistake, are not closed: a gateway run by root would lock out the rest of the machine.
/// Everything we keep in it is closed by itself.
pub fn data_folder(path: &Path) -> Result<(), StoreError> {
    match fs::canonicalize(path) {
        Ok(whole) if belongs_to_the_system(&whole) && open_to_others(&whole) => {
            tracing::warn!(path = %path.display(), "the data folder belongs to the system and is left open to others; name one of its own");
            Ok(())
        }
        Ok(_) | Err(_) => folder(path),
    }
}

fn open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.mode() & OTHERS != 0)
}

fn belongs_to_the_system(whole: &Path) -> bool {
    let names: Vec<_> = whole.iter().skip(1).map(|name| name.to_string_lossy()).collect();
    match names.as_slice() {
        [] | [_] => true,
        [first, _] => ["etc", "run", "usr", "var"].contains(&first.as_ref()),
        _ => false,
    }
}

/// Closes a file or folder that may be there already.
pub(super) fn close(path: &Path, mode: u32) -> io::Result<()> {
    let is = fs::metadata(path)?.mode();
    if is & OTHERS == 0 || is & STICKY != 0 {
        return Ok(());
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(mode)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), "others may look in here, and it is not ours to close");
            Ok(())
        }
        closed => closed,
    }
}

/// Gives a folder and what is in it to the owner of the folder above. Only root can, and only root needs to: a command that it runs
/// makes files that the gateway, which runs as somebody else, has to open.
pub(super) fn give_to_owner_above(folder: &Path) -> Result<(), StoreError> {
    let failed = |what| move |source| StoreError::File { what, file: folder.to_path_buf(), source };
    let owner = fs::metadata(above(folder)).map_err(failed("looking above"))?;
    let mut paths = vec![folder.to_path_buf()];
    for entry in fs::read_dir(folder).map_err(failed("listing"))? {
        paths.push(entry.map_err(failed("listing"))?.path());
    }
    for path in paths {
        match fs::metadata(&path) {
            Ok(is) if is.uid() == owner.uid() => (),
            Ok(_) => match std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())) {
                // Somebody else's and not root: opening will have said so if it matters.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (),
                given => given.map_err(failed("giving to its owner"))?,
            },
            // SQLite takes its log away by itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(error) => return Err(failed("looking at")(error)),
        }
    }
    Ok(())
}

/// Makes an empty file for a database, if missing; what SQLite puts beside it gets the same permissions.
pub(super) fn database_file(file: &Path) -> io::Result<()> {
    match fs::OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(file) {
        // Not opened here if it is there: closing it again would take SQLite's locks away from this process.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close(file, FILE_MODE),
        made => made.map(drop),
    }
}

/// Writes a small file that is there whole or not at all, and durable when this returns. Replaces none that was made before.
pub fn file(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if file.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    replace(file, bytes)
}

/// The same in place of what is there.
pub fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = file.as_os_str().to_os_string();
    name.push(".new");
    let unfinished = PathBuf::from(name);
    match fs::remove_file(&unfinished) {
        // A crash left it.
        Ok(()) => (),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(error),
    }
    let mut how = fs::OpenOptions::new();
    let mut out = how.write(true).create_new(true).mode(FILE_MODE).open(&unfinished)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&unfinished, file)?;
    sync_names(above(file))
}

/// Makes the names in a folder durable.
pub fn sync_names(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// The folder something is in.
pub fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        Some(_) => Path::new("."),
        None => path,
    }
}

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const OTHERS: u32 = 0o077;
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn folders_are_closed_to_others() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        folder(&inner).unwrap();
        assert_eq!((mode(&inner), mode(above(&inner))), (0o700, 0o700));
        // (as it was, as it is)
        for (before, after) in [(0o755, 0o700), (0o750, 0o700), (0o700, 0o700), (0o1777, 0o1777)] {
            fs::set_permissions(&inner, fs::Permissions::from_mode(before)).unwrap();
            folder(&inner).unwrap();
            assert_eq!(mode(&inner), after, "{before:o}");
        }
    }

    #[test]
    fn folders_of_the_system_are_known() {
        for (path, system) in [
            ("/", true),
            ("/srv", true),
            ("/var/lib", true),
            ("/var/lib/sluss", false),
            ("/srv/sluss", false),
            ("/home/sluss", false),
        ] {
            assert_eq!(belongs_to_the_system(Path::new(path)), system, "{path}");
        }
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        data_folder(&data).unwrap();
        data_folder(&root.path().join("new")).unwrap();
        assert_eq!((mode(&data), mode(&root.path().join("new"))), (0o700, 0o700));
    }

    #[test]
    fn a_file_is_whole_or_missing() {
        let root = tempfile::tempdir().unwrap();
        let key = root.path().join("key");
        fs::write(root.path().join("key.new"), "ha").unwrap();
        file(&key, b"whole").unwrap();
        assert_eq!((fs::read(&key).unwrap().as_slice(), mode(&key)), (&b"whole"[..], 0o600));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        assert_eq!(file(&key, b"other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&key).unwrap(), b"whole");
    }
}
