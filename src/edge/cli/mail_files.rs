//! Mails as commands are given them: files, folders, standard input.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// All files in the order given, folders in the order of their names. False: a path could not be read, and that was said.
pub(super) fn find_files(paths: &[PathBuf]) -> (Vec<PathBuf>, bool) {
    let mut files = Vec::new();
    let mut good = true;
    for path in paths {
        if let Err(error) = gather(path, &mut files) {
            eprintln!("sluss: {}: {error}", path.display());
            good = false;
        }
    }
    (files, good)
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path == Path::new("-") || !fs::metadata(path)?.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    // A Maildir is its mails: not what a server keeps beside them, nor its other folders.
    let maildir = ["cur", "new"].map(|name| path.join(name));
    if maildir.iter().all(|folder| folder.is_dir()) {
        return maildir.iter().try_for_each(|folder| gather(folder, files));
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| gather(entry, files))
}

/// A whole file, or standard input for a hyphen.
pub(super) fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return fs::read(file);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildir_is_its_mails_and_a_folder_is_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for sub in ["box/cur", "box/new", "box/tmp", "box/.Junk/cur", "plain/sub"] {
            fs::create_dir_all(at(sub)).unwrap();
        }
        for file in ["box/cur/2", "box/new/1", "box/tmp/3", "box/dovecot.index", "plain/sub/b"] {
            fs::write(at(file), "From: a@example\n\n").unwrap();
        }
        fs::write(at("plain/a"), "").unwrap();
        let (files, good) = find_files(&[at("box"), at("plain"), at("nosuch")]);
        let want = ["box/cur/2", "box/new/1", "plain/a", "plain/sub/b"].map(at);
        assert_eq!((files, good), (want.to_vec(), false));
    }
}
