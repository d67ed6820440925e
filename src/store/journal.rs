//! A log of lines in files that take bounded room: `events.log`, and before it `events.log.1`, `events.log.2` and so on.
//!
//! Whoever writes a line waits for nobody: a thread of its own writes, and a line for which there is no room is dropped and counted.
//! A crash may lose the last moment.

use crate::{base::limits, store::StoreError};
use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// A log that others append to.
#[derive(Debug, Clone)]
pub struct Journal {
    file: PathBuf,
    lines: SyncSender<String>,
    dropped: Arc<AtomicU64>,
}

/// How large a file grows and how many older ones are kept.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes of one file.
    pub bytes_max: u64,
    /// Files beside the one in use.
    pub kept: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { bytes_max: limits::EVENT_LOG_BYTES_MAX, kept: limits::EVENT_LOGS_KEPT }
    }
}

impl Journal {
    /// Opens it, or begins it, for its owner alone.
    pub fn open(file: &Path, room: Room) -> Result<Journal, StoreError> {
        let failed = |source| StoreError::File { what: "opening", file: file.into(), source };
        let open = append_to(file).map_err(failed)?;
        let (lines, written) = sync_channel(limits::EVENTS_WAITING_MAX);
        let mut writer = Writer { file: file.to_path_buf(), open, room, complained: false };
        thread::Builder::new()
            .name("journal".to_string())
            .spawn(move || writer.run(&written))
            .map_err(failed)?;
        Ok(Journal { file: file.to_path_buf(), lines, dropped: Arc::default() })
    }

    /// Appends a line, which has no line end in it.
    pub fn append(&self, line: String) {
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines for which there was no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The last so many lines that are meant, the oldest first. Reads files; not for a thread that others wait for.
    pub fn last(&self, rows: usize, is_meant: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
        let mut found = VecDeque::new();
        // One more than are kept: an operator may have kept more.
        for file in (1..=limits::EVENT_LOGS_KEPT + 1).rev().map(|number| older(&self.file, number))
        {
            read(&file, rows, &is_meant, &mut found)?;
        }
        read(&self.file, rows, &is_meant, &mut found)?;
        Ok(found.into())
    }
}

fn read(
    file: &Path,
    rows: usize,
    is_meant: impl Fn(&str) -> bool,
    found: &mut VecDeque<String>,
) -> io::Result<()> {
    let open = match File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for line in BufReader::new(open).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if is_meant(&line) {
            found.push_back(line.into_owned());
        }
        if found.len() > rows {
            found.pop_front();
        }
    }
    Ok(())
}

/// What the thread has.
struct Writer {
    file: PathBuf,
    open: File,
    room: Room,
    complained: bool,
}

impl Writer {
    fn run(&mut self, written: &Receiver<String>) {
        while let Ok(line) = written.recv() {
            match self.write(&line) {
                Ok(()) => self.complained = false,
                Err(error) if !self.complained => {
                    self.complained = true;
                    tracing::error!(%error, file = %self.file.display(), "the event log cannot be written");
                }
                Err(_) => (),
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.open.metadata()?.len() >= self.room.bytes_max {
            self.begin_anew()?;
        }
        // One write, so that a line is whole however the process ends.
        self.open.write_all(format!("{line}\n").as_bytes())
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        for number in (1..=self.room.kept).rev() {
            let from = if number == 1 { self.file.clone() } else { older(&self.file, number - 1) };
            match fs::rename(from, older(&self.file, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => (),
            }
        }
        self.open = append_to(&self.file)?;
        Ok(())
    }
}

fn older(file: &Path, number: usize) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn append_to(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal that is written at once, without its thread.
    fn writer(file: &Path, room: Room) -> Writer {
        Writer { file: file.into(), open: append_to(file).unwrap(), room, complained: false }
    }

    #[test]
    fn old_lines_go_and_the_room_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events.log");
        let mut writer = writer(&file, Room { bytes_max: 100, kept: 2 });
        for number in 0..1_000 {
            writer.write(&format!("line {number}")).unwrap();
        }
        let sizes: Vec<u64> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(sizes.len(), 3);
        assert!(sizes.iter().all(|size| *size <= 110), "{sizes:?}");
        let journal = Journal::open(&file, Room::default()).unwrap();
        let last = journal.last(12, |line| line.ends_with('7') || line.ends_with('9')).unwrap();
        assert_eq!(last.last().unwrap(), "line 999");
        assert!(last.is_sorted() && last.len() <= 12, "{last:?}");
        let last = journal.last(2, |_| true).unwrap();
        assert_eq!(last, ["line 998", "line 999"]);
    }

    #[test]
    fn nobody_waits_for_a_disk_that_does_not_write() {
        let (lines, _never_read) = sync_channel(2);
        let journal = Journal { file: PathBuf::new(), lines, dropped: Arc::default() };
        (0..5).for_each(|number| journal.append(format!("{number}")));
        assert_eq!(journal.dropped(), 3);
    }
}
