//! The files of the audit log, read line by line: `audit-00000001.jsonl` and on, without a gap.

use crate::{
    base::limits,
    store::{
        StoreError,
        spool::{Disk, DiskFile, read_full_at},
    },
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The name of a file.
pub(super) fn name(file: u64) -> String {
    format!("{PREFIX}{file:08}{ENDING}")
}

/// The file's path in its folder.
pub(super) fn path(folder: &Path, file: u64) -> PathBuf {
    folder.join(name(file))
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(ENDING)?;
    digits.parse().ok().filter(|file| *file > 0 && self::name(*file) == name)
}

/// The numbers of the files that are there, in order.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<u64>, StoreError> {
    let listed = disk.list(folder).map_err(failed("listing", folder))?;
    let mut files: Vec<u64> = listed.iter().filter_map(|file| number(&file.name)).collect();
    files.sort_unstable();
    Ok(files)
}

/// Opens one.
pub(super) fn open(
    disk: &dyn Disk,
    folder: &Path,
    file: u64,
) -> Result<Option<Arc<dyn DiskFile>>, StoreError> {
    let path = path(folder, file);
    match disk.open(&path) {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("opening", &path)(error)),
    }
}

/// Opens one that may vanish at any time; a copy that may not be written is good enough.
pub(super) fn open_to_read(
    disk: &dyn Disk,
    folder: &Path,
    file: u64,
) -> Result<Option<Arc<dyn DiskFile>>, StoreError> {
    let path = path(folder, file);
    let opened = match disk.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fs::File::open(&path).map(|file| -> Arc<dyn DiskFile> { Arc::new(file) })
        }
        opened => opened,
    };
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("opening", &path)(error)),
    }
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let file = path.to_path_buf();
    move |source| StoreError::File { what, file, source }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins.
    pub(super) place: u64,
    /// Without its end; of one that is longer than any we write, its beginning.
    pub(super) text: Vec<u8>,
    /// Where the next begins.
    pub(super) end: u64,
    /// It has its line end; without one, the writer was interrupted.
    pub(super) whole: bool,
}

/// Reads a file's lines from a place on.
pub(super) struct Lines {
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    at: usize,
    /// Where in the file the buffer begins.
    place: u64,
}

impl Lines {
    pub(super) fn from(file: Arc<dyn DiskFile>, place: u64) -> Lines {
        Lines { file, buffer: Vec::new(), at: 0, place }
    }

    /// The next line; none at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut looked = 0;
        let mut dropped = 0;
        let mut kept: Option<Vec<u8>> = None;
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let fresh = rest.get(looked..).unwrap_or_default();
            if let Some(found) = memchr::memchr(b'\n', fresh) {
                let line = rest.get(..looked + found).unwrap_or_default();
                let text = kept.unwrap_or_else(|| line.to_vec());
                let step = looked + found + 1;
                return Ok(Some(self.line(text, dropped, step, true)));
            }
            looked = rest.len();
            if looked > limits::AUDIT_LINE_BYTES_MAX {
                // No line of ours: its beginning is enough to say so, and the rest is stepped over.
                kept.get_or_insert_with(|| rest.to_vec());
                dropped += looked;
                self.at += looked;
                looked = 0;
            }
            if self.fill()? == 0 {
                let rest = self.buffer.get(self.at..).unwrap_or_default();
                if rest.is_empty() && dropped == 0 {
                    return Ok(None);
                }
                let (text, step) = (kept.unwrap_or_else(|| rest.to_vec()), rest.len());
                return Ok(Some(self.line(text, dropped, step, false)));
            }
        }
    }

    fn line(&mut self, text: Vec<u8>, dropped: usize, step: usize, whole: bool) -> Line {
        let begin = self.place.saturating_add(bytes(self.at)).saturating_sub(bytes(dropped));
        self.at += step;
        Line { place: begin, text, end: self.place.saturating_add(bytes(self.at)), whole }
    }

    /// Reads on; what was taken is let go.
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.drain(..self.at.min(self.buffer.len()));
        self.place = self.place.saturating_add(bytes(self.at));
        self.at = 0;
        let old = self.buffer.len();
        self.buffer.resize(old + READ_BYTES, 0);
        let from = self.place.saturating_add(bytes(old));
        let room = self.buffer.get_mut(old..).unwrap_or_default();
        let filled = read_full_at(self.file.as_ref(), room, from);
        self.buffer.truncate(old + filled.as_ref().copied().unwrap_or(0));
        filled
    }
}

/// Which line of a file begins at a place, from 1.
pub(super) fn line_at(file: Arc<dyn DiskFile>, place: u64) -> io::Result<u64> {
    let mut lines = Lines::from(file, 0);
    let mut at = 1;
    while lines.next_line()?.is_some_and(|line| line.place < place) {
        at += 1;
    }
    Ok(at)
}

pub(super) fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

const PREFIX: &str = "audit-";
const ENDING: &str = ".jsonl";
const READ_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::spool::MemoryDisk;

    #[test]
    fn lines_are_read_whole_wherever_the_buffer_ends() {
        let lines = ["a".to_string(), String::new(), "b".repeat(60_000), "c".repeat(60_000)];
        let text = lines.join("\n") + "\nunended";
        let disk = MemoryDisk::new();
        let file = disk.create(&path(Path::new("/"), 1)).unwrap();
        file.write_at(text.as_bytes(), 0).unwrap();
        let mut reader = Lines::from(file.clone(), 0);
        let mut place = 0;
        for want in &lines {
            let line = reader.next_line().unwrap().unwrap();
            assert_eq!((line.place, line.whole), (place, true));
            assert_eq!(line.text, want.as_bytes());
            place = line.end;
        }
        let last = reader.next_line().unwrap().unwrap();
        assert_eq!((last.place, last.whole, last.text), (place, false, b"unended".to_vec()));
        assert_eq!(reader.next_line().unwrap(), None);
        let second = Lines::from(file, 2).next_line().unwrap().unwrap();
        assert_eq!((second.place, second.end), (2, 3));
    }

    #[test]
    fn a_line_that_is_none_of_ours_takes_little_memory_and_hides_nothing_after_it() {
        let disk = MemoryDisk::new();
        let file = disk.create(&path(Path::new("/"), 1)).unwrap();
        let text = "x".repeat(5 << 20) + "\nafter\n";
        file.write_at(text.as_bytes(), 0).unwrap();
        let mut reader = Lines::from(file, 0);
        let long = reader.next_line().unwrap().unwrap();
        assert!(long.text.len() < 2 * limits::AUDIT_LINE_BYTES_MAX + READ_BYTES);
        assert_eq!((long.place, long.end, long.whole), (0, (5 << 20) + 1, true));
        assert_eq!(reader.next_line().unwrap().unwrap().text, b"after");
    }

    #[test]
    fn only_our_own_names_are_ours() {
        for (text, want) in [
            ("audit-00000001.jsonl", Some(1)),
            ("audit-123456789.jsonl", Some(123_456_789)),
            ("audit-1.jsonl", None),
            ("audit-00000000.jsonl", None),
            ("audit-00000001.jsonl.old", None),
            ("index.db", None),
        ] {
            assert_eq!(number(text), want, "{text}");
        }
    }
}
