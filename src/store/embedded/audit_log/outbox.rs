//! The log as a queue of what is to be sent elsewhere: its lines in order from a position on, and the position itself, kept durably.
//!
//! Nothing is copied: the log is the queue. Only records that are durable here are handed out, so that nobody has one that this machine can
//! lose.

use super::{
    AuditLog,
    files::{self, Lines, failed},
};
use crate::{
    base::clock::UnixMs,
    store::{
        StoreError,
        audit::{self, Hash},
        private,
        spool::RealDisk,
    },
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// A line that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The record's number; of a line that is damaged, that of the record before it.
    pub number: u64,
    /// When it was written.
    pub at: UnixMs,
    /// The line as it stands in the log, without its end.
    pub line: Vec<u8>,
}

/// What is known to have arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrived {
    /// Where: another server has nothing yet.
    pub target: String,
    /// Of which log: the hash of its first record.
    pub log: Hash,
    /// Up to this record the server had read everything when it closed the connection that we closed.
    pub confirmed: u64,
    /// The same the time before: from behind it all is sent again after a break.
    pub before: u64,
}

/// The lines behind a record.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    file: u64,
    place: u64,
    number: u64,
}

impl Outbox {
    /// Those behind the record with this number; 0: all.
    pub fn behind(folder: &Path, number: u64) -> Result<Outbox, StoreError> {
        let mut outbox = Outbox { folder: folder.to_path_buf(), file: 1, place: 0, number: 0 };
        let all = files::list(&RealDisk, folder)?;
        // The last file that begins at or before it.
        for file in all.iter().copied().rev() {
            outbox.file = file;
            if outbox.first_number()?.is_some_and(|first| first <= number) {
                break;
            }
        }
        outbox.number = outbox.first_number()?.unwrap_or(1).saturating_sub(1);
        while outbox.number < number {
            if outbox.take(number, 1_000)?.is_empty() {
                break;
            }
        }
        Ok(outbox)
    }

    fn first_number(&self) -> Result<Option<u64>, StoreError> {
        let path = files::path(&self.folder, self.file);
        let Some(file) = files::open_to_read(&RealDisk, &self.folder, self.file)? else {
            return Ok(None);
        };
        let line = Lines::from(file, 0).next_line().map_err(failed("reading", &path))?;
        Ok(line.and_then(|line| audit::read_link(&line.text).ok()).map(|link| link.number))
    }

    /// The next lines up to this record, at most so many.
    pub fn take(&mut self, up_to: u64, most: usize) -> Result<Vec<Outgoing>, StoreError> {
        let mut taken = Vec::new();
        while self.number < up_to && taken.len() < most {
            let before = taken.len();
            // Looked for first: what is written to this file after the next one is begun is nothing.
            let all = files::list(&RealDisk, &self.folder)?;
            let next = all.into_iter().find(|file| *file > self.file);
            self.take_here(up_to, most, &mut taken)?;
            if taken.len() == before {
                let Some(next) = next else { break };
                (self.file, self.place) = (next, 0);
            }
        }
        Ok(taken)
    }

    fn take_here(
        &mut self,
        up_to: u64,
        most: usize,
        taken: &mut Vec<Outgoing>,
    ) -> Result<(), StoreError> {
        let path = files::path(&self.folder, self.file);
        let Some(file) = files::open_to_read(&RealDisk, &self.folder, self.file)? else {
            return Ok(());
        };
        let mut lines = Lines::from(file, self.place);
        while self.number < up_to
            && taken.len() < most
            && let Some(line) = lines.next_line().map_err(failed("reading", &path))?
            && line.whole
        {
            // Of what is damaged nobody knows the number; it is sent as it is, for it is evidence.
            let link = audit::read_link(&line.text).ok();
            let (number, at) = link.map_or((self.number, UnixMs(0)), |link| (link.number, link.at));
            if number > up_to {
                break;
            }
            (self.number, self.place) = (number, line.end);
            taken.push(Outgoing { number, at, line: line.text });
        }
        Ok(())
    }
}

impl Arrived {
    /// What is known of this server and this log; nothing, if it was another server or another log.
    pub fn read(folder: &Path, target: &str) -> Result<Arrived, StoreError> {
        let log = name(folder)?;
        let file = folder.join(FILE);
        let known = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice::<Arrived>(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("reading", &file)(error)),
        };
        let known = known.filter(|known| known.target == target && known.log == log);
        let nothing = Arrived { target: target.to_string(), log, confirmed: 0, before: 0 };
        Ok(known.unwrap_or(nothing))
    }

    /// Makes it durable.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let file = folder.join(FILE);
        let text = serde_json::to_vec(self).map_err(io::Error::from);
        let written = text.and_then(|text| private::replace(&file, &text));
        written.map_err(failed("writing", &file))
    }
}

/// The hash of the first record; zeros where there is none.
fn name(folder: &Path) -> Result<Hash, StoreError> {
    let Some(first) = files::list(&RealDisk, folder)?.first().copied() else {
        return Ok(Hash::default());
    };
    let Some(file) = files::open_to_read(&RealDisk, folder, first)? else {
        return Ok(Hash::default());
    };
    let path = files::path(folder, first);
    let line = Lines::from(file, 0).next_line().map_err(failed("reading", &path))?;
    Ok(line.and_then(|line| audit::claimed_hash(&line.text)).unwrap_or_default())
}

/// How the link to the log server stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Which server.
    pub target: String,
    /// There is a connection.
    pub up: bool,
    /// Since when it is not well, if it is not: one that breaks again and again is not.
    pub ill_since_ms: Option<UnixMs>,
    /// What was said last, if it was bad.
    pub said: String,
    /// The last record that was sent.
    pub sent: u64,
    /// The last record that is known to have arrived.
    pub arrived: u64,
    /// Records that are to be sent.
    pub unsent: u64,
    /// When the oldest of them was written.
    pub oldest_ms: Option<UnixMs>,
}

/// What of a log is durable, and what was sent of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shipping {
    durable: Arc<AtomicU64>,
    standing: Arc<Mutex<Option<Standing>>>,
}

impl Shipping {
    pub(super) fn reached(&self, number: u64) {
        self.durable.store(number, Ordering::Release);
    }
}

impl AuditLog {
    /// The last record of which it is known here that it is durable.
    pub fn durable(&self) -> u64 {
        self.shipping.durable.load(Ordering::Acquire)
    }

    /// How the link to the log server stands; none where there is no link.
    pub fn link(&self) -> Option<Standing> {
        self.shipping.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says how it stands.
    pub fn set_link(&self, standing: Option<Standing>) {
        *self.shipping.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Where the log lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

const FILE: &str = "sent.json";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        store::{
            audit::{Actor, Entry, What},
            embedded::each_line,
        },
    };
    use std::time::Duration;

    #[tokio::test]
    async fn from_whatever_record_on_the_lines_come_in_order_over_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
        let (log, _) = AuditLog::open(folder.path(), clock.clone()).unwrap();
        for nr in 0..9 {
            if nr % 3 == 0 {
                clock.advance(Duration::from_secs(32 * 86_400));
            }
            let entry = Entry::new(Actor::System, What::BanChanged).about(nr);
            log.append(entry).await.unwrap();
        }
        assert_eq!(files::list(&RealDisk, log.folder()).unwrap(), [1, 2, 3]);
        let mut all = Vec::new();
        each_line(log.folder(), |line| {
            all.push(line.to_vec());
            Ok(())
        })
        .unwrap();
        for number in 0..=9 {
            let mut outbox = Outbox::behind(log.folder(), number).unwrap();
            let mut taken = Vec::new();
            // As far as is durable, a few at a time.
            loop {
                let some = outbox.take(8, 2).unwrap();
                if some.is_empty() {
                    break;
                }
                taken.extend(some);
            }
            let from = usize::try_from(number).unwrap();
            let want: Vec<_> = all.iter().take(8).skip(from).cloned().collect();
            assert_eq!(taken.iter().map(|one| one.line.clone()).collect::<Vec<_>>(), want);
            let numbers: Vec<u64> = taken.iter().map(|one| one.number).collect();
            assert_eq!(numbers, (number + 1..=8).collect::<Vec<_>>(), "behind {number}");
            assert_eq!(outbox.take(9, 9).unwrap().len(), usize::from(number < 9));
        }
        // What is damaged is sent as it is; a file that is gone stops nobody.
        let second = files::path(log.folder(), 2);
        let text = fs::read_to_string(&second).unwrap();
        fs::write(&second, text.replacen("ban-changed", "Ban-changed", 1)).unwrap();
        let taken = Outbox::behind(log.folder(), 0).unwrap().take(9, 99).unwrap();
        assert_eq!((taken.len(), taken[3].number), (9, 3));
        fs::remove_file(&second).unwrap();
        let taken = Outbox::behind(log.folder(), 0).unwrap().take(9, 99).unwrap();
        assert_eq!(taken.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2, 3, 7, 8, 9]);
    }

    #[tokio::test]
    async fn another_server_or_another_log_has_nothing_yet() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
        let (log, _) = AuditLog::open(folder.path(), clock).unwrap();
        log.append(Entry::new(Actor::System, What::Started)).await.unwrap();
        let read = |target: &str| Arrived::read(log.folder(), target).unwrap();
        let nothing = read("tls://log.example:6514");
        assert_eq!((nothing.confirmed, nothing.before), (0, 0));
        let far = Arrived { confirmed: 9, before: 5, ..nothing.clone() };
        far.write(log.folder()).unwrap();
        assert_eq!(read("tls://log.example:6514"), far);
        assert_eq!(read("tls://other.example:6514").confirmed, 0);
        let other = Arrived { log: Hash::parse(&"ab".repeat(32)).unwrap(), ..far };
        other.write(log.folder()).unwrap();
        assert_eq!(read("tls://log.example:6514"), nothing);
        fs::write(log.folder().join(FILE), "{").unwrap();
        assert_eq!(read("tls://log.example:6514"), nothing);
    }
}
