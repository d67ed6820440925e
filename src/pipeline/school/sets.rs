//! Organisations' own sets: those asked for last in memory, all of them in files beside the model.
//!
//! An organisation has one from [`limits::OWN_SET_FROM`] labels on. It is loaded when a mail of the organisation is judged, and written
//! down with the model, or before it leaves the memory. A set of other lessons than the model's is none.

use crate::{
    base::limits,
    learn::classifier::{Lesson, Own, Said, Sketch, calibration::Fitted},
    mail::Organisation,
    store::{lessons::Generation, private},
};
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// One organisation's set.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) own: Own,
    /// What the site's scores with it are worth; none: too few are known, and the site's own reckoning holds.
    pub(super) fitted: Option<Fitted>,
    /// The last lesson in it.
    until: u64,
    generation: Generation,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Sets {
    loaded: Mutex<Loaded>,
    /// Where the files are; unset: nothing is kept.
    folder: OnceLock<PathBuf>,
    /// Bytes of memory for them.
    most: AtomicU64,
}

impl Default for Sets {
    fn default() -> Sets {
        let most = AtomicU64::new(limits::OWN_SETS_BYTES);
        Sets { loaded: Mutex::default(), folder: OnceLock::new(), most }
    }
}

#[derive(Debug, Default)]
struct Loaded {
    sets: HashMap<Organisation, Entry>,
    /// Counts what is asked.
    asked: u64,
}

#[derive(Debug)]
struct Entry {
    /// None: looked for, and there is none.
    set: Option<Arc<Set>>,
    /// When it was asked for last.
    asked: u64,
    /// Has it changed since it was written down?
    dirty: bool,
}

/// Which may leave the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    /// Those that are written down: nobody waits for a disk.
    Written,
    /// All.
    Any,
}

impl Entry {
    fn bytes(&self) -> u64 {
        let bytes = self.set.as_ref().map_or(0, |set| set.own.bytes());
        u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(ENTRY_BYTES)
    }
}

impl Sets {
    /// Where they are kept.
    pub(super) fn keep_in(&self, folder: &Path) {
        let _ = self.folder.set(folder.join("own"));
    }

    /// How much memory they may take.
    pub(super) fn keep_at_most(&self, bytes: u64) {
        self.most.store(bytes, Ordering::Relaxed);
    }

    /// An organisation's set, if it has one of these lessons. May read a file of one to two megabytes.
    pub(super) fn get(&self, whose: &Organisation, generation: Generation) -> Option<Arc<Set>> {
        let mut loaded = self.lock();
        self.load(&mut loaded, whose);
        loaded.asked += 1;
        let asked = loaded.asked;
        let entry = loaded.sets.get_mut(whose)?;
        entry.asked = asked;
        let set = entry.set.clone().filter(|set| set.generation == generation);
        self.make_room(&mut loaded, whose, Leaving::Written);
        set
    }

    /// Learns some lessons of one organisation, in their order. Those it has learned already are passed over.
    pub(super) fn learn(
        &self,
        whose: &Organisation,
        generation: Generation,
        lessons: &[(u64, Sketch, Lesson, Said)],
    ) {
        let mut loaded = self.lock();
        self.load(&mut loaded, whose);
        loaded.asked += 1;
        let asked = loaded.asked;
        let Some(entry) = loaded.sets.get_mut(whose) else { return };
        let fresh = || Arc::new(Set { own: Own::default(), fitted: None, until: 0, generation });
        let set = entry.set.get_or_insert_with(fresh);
        if set.generation != generation {
            *set = fresh();
        }
        let set = Arc::make_mut(set);
        for (number, sketch, lesson, said) in lessons {
            if *number > set.until {
                set.own.learn(sketch, *lesson, said);
                set.until = *number;
            }
        }
        set.fitted = set.own.calibration.fit();
        (entry.dirty, entry.asked) = (true, asked);
        self.make_room(&mut loaded, whose, Leaving::Any);
    }

    /// Writes down what changed.
    pub(super) fn save(&self) -> io::Result<()> {
        let mut loaded = self.lock();
        for (whose, entry) in &mut loaded.sets {
            self.write(whose, entry)?;
        }
        Ok(())
    }

    /// Forgets all of them, in memory and on disk.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.lock().sets.clear();
        let Some(folder) = self.folder.get() else { return Ok(()) };
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, whose: &Organisation) -> Option<PathBuf> {
        let name = blake3::hash(whose.name().as_bytes()).to_hex();
        self.folder.get().map(|folder| folder.join(name.as_str()))
    }

    fn load(&self, loaded: &mut Loaded, whose: &Organisation) {
        if loaded.sets.contains_key(whose) {
            return;
        }
        let set = self.file(whose).and_then(|file| read(&file)).map(Arc::new);
        loaded.sets.insert(whose.clone(), Entry { set, asked: 0, dirty: false });
    }

    fn write(&self, whose: &Organisation, entry: &mut Entry) -> io::Result<()> {
        let (true, Some(set), Some(file)) = (entry.dirty, &entry.set, self.file(whose)) else {
            return Ok(());
        };
        private::folder(private::above(&file)).map_err(io::Error::other)?;
        private::replace(&file, &bytes(set))?;
        entry.dirty = false;
        Ok(())
    }

    /// Those asked for longest ago leave the memory, but for `keep`.
    fn make_room(&self, loaded: &mut Loaded, keep: &Organisation, leaving: Leaving) {
        let most = self.most.load(Ordering::Relaxed);
        let mut all: u64 = loaded.sets.values().map(Entry::bytes).sum();
        while all > most {
            let may_leave = |entry: &Entry| leaving == Leaving::Any || !entry.dirty;
            let others = loaded.sets.iter();
            let others = others.filter(|(whose, entry)| *whose != keep && may_leave(entry));
            let oldest = others.min_by_key(|(_, entry)| entry.asked);
            let Some(whose) = oldest.map(|(whose, _)| whose.clone()) else { return };
            let Some(mut entry) = loaded.sets.remove(&whose) else { return };
            all -= entry.bytes();
            if let Err(error) = self.write(&whose, &mut entry) {
                tracing::error!(%error, organisation = %whose, "what was learned of this organisation alone could not be written; it is judged like the others until it is learned again");
            }
        }
    }
}

/// The file: eight letters, the last lesson, the lineage and the generation of lessons, the set, and a hash of all of it.
fn bytes(set: &Set) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(set.until.to_le_bytes());
    bytes.extend(set.generation.lineage);
    bytes.extend(set.generation.number.to_le_bytes());
    bytes.extend(set.own.to_bytes());
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

/// None: there is none, or it is not whole.
fn read(file: &Path) -> Option<Set> {
    let bytes = fs::read(file).ok()?;
    let set = parse(&bytes);
    if set.is_none() {
        tracing::warn!(file = %file.display(), "what was learned of one organisation alone is damaged or of another version; it is judged like the others");
    }
    set
}

fn parse(bytes: &[u8]) -> Option<Set> {
    let (body, hash) = bytes.split_last_chunk::<32>()?;
    if blake3::hash(body).as_bytes() != hash {
        return None;
    }
    let (until, rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
    let (lineage, rest) = rest.split_first_chunk::<16>()?;
    let (number, own) = rest.split_first_chunk::<8>()?;
    let own = Own::from_bytes(own).ok()?;
    let generation = Generation { lineage: *lineage, number: u64::from_le_bytes(*number) };
    Some(Set { fitted: own.calibration.fit(), own, until: u64::from_le_bytes(*until), generation })
}

const MAGIC: &[u8; 8] = b"SLUSSOW1";
/// What an organisation without a set takes.
const ENTRY_BYTES: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::classifier::{Label, Sureness, Views, grams::Grams};

    const GENERATION: Generation = Generation { lineage: [3; 16], number: 1 };

    fn taught(sets: &Sets, whose: &str, number: u64) {
        let at = u32::try_from(number).unwrap() * 400;
        let grams = Grams::of((at..at + 400).collect());
        let sketch =
            Sketch { whole: grams.clone(), mixed: grams.clone(), body: grams, ..Sketch::default() };
        let lesson = Lesson { label: Label::Spam, views: Views::All, sureness: Sureness::Said };
        let lessons = [(number, sketch, lesson, Said::default())];
        sets.learn(&Organisation::named(whose), GENERATION, &lessons);
    }

    fn learned(sets: &Sets, whose: &str, generation: Generation) -> Option<u32> {
        let set = sets.get(&Organisation::named(whose), generation)?;
        Some(set.own.taught().spam)
    }

    #[test]
    fn they_leave_the_memory_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let sets = Sets::default();
        sets.keep_in(folder.path());
        sets.keep_at_most(20_000);
        for number in 1..=3 {
            for whose in ["one", "two", "three"] {
                taught(&sets, whose, number);
            }
        }
        let loaded = sets.lock().sets.len();
        assert!(loaded < 3, "{loaded}");
        for whose in ["one", "two", "three"] {
            assert_eq!(learned(&sets, whose, GENERATION), Some(3), "{whose}");
        }
        // The same lesson again is the same lesson.
        taught(&sets, "one", 2);
        assert_eq!(learned(&sets, "one", GENERATION), Some(3));
        assert_eq!(learned(&sets, "four", GENERATION), None);
        let other = Generation { number: 2, ..GENERATION };
        assert_eq!(learned(&sets, "one", other), None, "of lessons that are no more");
        sets.save().unwrap();
        let again = Sets::default();
        again.keep_in(folder.path());
        assert_eq!(learned(&again, "two", GENERATION), Some(3));
        again.clear().unwrap();
        assert_eq!(learned(&again, "two", GENERATION), None);
    }

    #[test]
    fn a_damaged_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let sets = Sets::default();
        sets.keep_in(folder.path());
        taught(&sets, "one", 1);
        sets.save().unwrap();
        let file = sets.file(&Organisation::named("one")).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        bytes[100] ^= 1;
        fs::write(&file, bytes).unwrap();
        let again = Sets::default();
        again.keep_in(folder.path());
        assert_eq!(learned(&again, "one", GENERATION), None);
    }
}
