//! Which mails are being opened, in a file, so that one that takes the whole gateway along is known again when somebody starts it.
//!
//! The kernel frees memory by killing whom it likes, and a service manager may then end everything. A mail under examination at that moment
//! may be the reason: it is tried alone next time, and held when that ends the same way. What is kept is the hash of the mail and when.
//!
//! The file is a row of slots of one size. A slot is written before a mail is handed to a worker and emptied when there is an answer. It is
//! not synced: it is to survive the end of a process, not that of the machine.

use crate::base::{clock::UnixMs, limits};
use blake3::Hash;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The attempts of one gateway; a copy is the same. By default nothing is remembered.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Option<Arc<Journal>>);

#[derive(Debug)]
struct Journal {
    file: File,
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    state: State,
    /// Attempts that ended with nobody left to answer.
    deaths: u8,
    since: UnixMs,
    hash: Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    /// Being opened.
    UnderWay,
    /// Nobody is at it, and somebody died of it.
    Suspect,
}

/// A mail being opened. It is over when this is dropped.
#[derive(Debug)]
pub(super) struct Attempt {
    journal: Option<(Arc<Journal>, usize)>,
    slot: Slot,
}

impl Attempts {
    /// Reads what an earlier run of the gateway left in `file`, which is made if it is missing. Nothing is written yet: the file may
    /// belong to a gateway that runs.
    pub fn open(file: &Path) -> io::Result<Attempts> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(file)?;
        let mut bytes = vec![0; SLOT_BYTES * limits::ATTEMPTS_REMEMBERED_MAX];
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, u64::try_from(read).unwrap_or(u64::MAX))? {
                0 => break,
                more => read += more,
            }
        }
        let slots = bytes.chunks(SLOT_BYTES).map(|slot| Slot::read(slot).left()).collect();
        Ok(Attempts(Some(Arc::new(Journal { file, slots: Mutex::new(slots) }))))
    }

    /// A mail with this hash is about to be opened.
    pub(super) fn begin(&self, hash: Hash, now: UnixMs) -> Attempt {
        let mut slot = Slot { state: State::UnderWay, deaths: 0, since: now, hash };
        let Some(journal) = &self.0 else { return Attempt { journal: None, slot } };
        let mut slots = journal.slots();
        for known in slots.iter_mut().filter(|known| known.state == State::Suspect) {
            if now.since(known.since) > limits::ATTEMPTS_REMEMBERED_FOR {
                *known = Slot::EMPTY;
            } else if known.hash == hash {
                slot.deaths = slot.deaths.max(known.deaths);
            }
        }
        let place = slots
            .iter()
            .position(|known| known.state == State::Suspect && known.hash == hash)
            .or_else(|| slots.iter().position(|known| known.state == State::Empty))
            .or_else(|| {
                let suspects = slots.iter().enumerate();
                let suspects = suspects.filter(|(_, known)| known.state == State::Suspect);
                suspects.min_by_key(|(_, known)| known.since).map(|(place, _)| place)
            });
        if let Some(place) = place {
            journal.put(&mut slots, place, slot);
        }
        drop(slots);
        Attempt { journal: place.map(|place| (journal.clone(), place)), slot }
    }
}

impl Attempt {
    /// How often nobody was left to answer.
    pub(super) fn deaths(&self) -> u8 {
        self.slot.deaths
    }

    /// Somebody died of it.
    pub(super) fn died(&mut self) {
        self.slot.deaths = self.slot.deaths.saturating_add(1);
        self.write(self.slot);
    }

    fn write(&self, slot: Slot) {
        if let Some((journal, place)) = &self.journal {
            journal.put(&mut journal.slots(), *place, slot);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // A killer is known again: its copies need not kill anybody.
        let killed = usize::from(self.slot.deaths) >= limits::EXAMINER_DEATHS_MAX;
        self.write(match killed {
            true => Slot { state: State::Suspect, ..self.slot },
            false => Slot::EMPTY,
        });
    }
}

impl Journal {
    fn put(&self, slots: &mut [Slot], place: usize, slot: Slot) {
        let Some(known) = slots.get_mut(place) else { return };
        *known = slot;
        let at = u64::try_from(place * SLOT_BYTES).unwrap_or(u64::MAX);
        if let Err(error) = self.file.write_all_at(&slot.write(), at) {
            // Mail goes on without it.
            tracing::debug!(%error, "what is being opened could not be written down");
        }
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    const EMPTY: Slot =
        Slot { state: State::Empty, deaths: 0, since: UnixMs(0), hash: Hash::from_bytes([0; 32]) };

    fn read(bytes: &[u8]) -> Slot {
        let [state, deaths, rest @ ..] = bytes else { return Slot::EMPTY };
        let state = match state {
            1 => State::UnderWay,
            2 => State::Suspect,
            _ => return Slot::EMPTY,
        };
        let Some((since, hash)) = rest.split_first_chunk::<8>() else { return Slot::EMPTY };
        let Some(hash) = hash.first_chunk::<32>() else { return Slot::EMPTY };
        let since = UnixMs(u64::from_le_bytes(*since));
        Slot { state, deaths: *deaths, since, hash: Hash::from_bytes(*hash) }
    }

    fn write(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        let state = match self.state {
            State::Empty => 0,
            State::UnderWay => 1,
            State::Suspect => 2,
        };
        let fields = [state, self.deaths]
            .into_iter()
            .chain(self.since.0.to_le_bytes())
            .chain(*self.hash.as_bytes());
        for (place, byte) in bytes.iter_mut().zip(fields) {
            *place = byte;
        }
        bytes
    }

    /// As a new run finds it: whoever was at it is gone.
    fn left(self) -> Slot {
        match self.state {
            State::UnderWay => {
                Slot { state: State::Suspect, deaths: self.deaths.saturating_add(1), ..self }
            }
            State::Suspect | State::Empty => self,
        }
    }
}

/// State, deaths, time, hash.
const SLOT_BYTES: usize = 1 + 1 + 8 + 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: usize) -> Hash {
        blake3::hash(&number.to_le_bytes())
    }

    #[test]
    fn who_ends_the_gateway_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("examining");
        let now = UnixMs(1_000_000);
        let deaths = |number: usize, now: UnixMs| {
            Attempts::open(&file).unwrap().begin(hash(number), now).deaths()
        };
        let attempts = Attempts::open(&file).unwrap();
        // One ends well, one ends the gateway, one has killed a worker before that.
        drop(attempts.begin(hash(1), now));
        std::mem::forget(attempts.begin(hash(2), now));
        let mut third = attempts.begin(hash(3), now);
        third.died();
        std::mem::forget(third);
        assert_eq!(
            [deaths(1, now), deaths(2, now)],
            [0, 1],
            "looking and ending well clears what was known"
        );
        assert_eq!([deaths(2, now), deaths(3, now)], [0, 2]);
        // What killed twice stays known, for a while.
        assert_eq!(deaths(3, now), 2);
        assert_eq!(deaths(3, now.plus(limits::ATTEMPTS_REMEMBERED_FOR * 2)), 0);
    }

    #[test]
    fn slots_are_bounded_and_the_oldest_suspect_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("examining");
        let attempts = Attempts::open(&file).unwrap();
        let most = limits::ATTEMPTS_REMEMBERED_MAX;
        for number in 0..most + 5 {
            std::mem::forget(attempts.begin(hash(number), UnixMs(u64::try_from(number).unwrap())));
        }
        let later = Attempts::open(&file).unwrap();
        let now = UnixMs(10_000);
        assert_eq!(later.begin(hash(most), now).deaths(), 0, "there was no room for it");
        // It took the place of the oldest.
        assert_eq!(later.begin(hash(0), now).deaths(), 0);
        assert_eq!(later.begin(hash(7), now).deaths(), 1);
    }

    #[test]
    fn without_a_file_and_with_nonsense_in_it() {
        assert_eq!(Attempts::default().begin(hash(1), UnixMs(0)).deaths(), 0);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("examining");
        for nonsense in [vec![7; 100], vec![1; 10], vec![0; 100_000], b"\x01".to_vec()] {
            std::fs::write(&file, &nonsense).unwrap();
            assert_eq!(Attempts::open(&file).unwrap().begin(hash(1), UnixMs(0)).deaths(), 0);
        }
    }
}
