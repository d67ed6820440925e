//! Organisations' own sets: those asked for last in memory, all of them in files beside the model.
//!
//! An organisation has one from [`limits::OWN_SET_FROM`] labels on. It is loaded when a mail of the organisation is judged, and written
//! down with the model, or before it leaves the memory. They are of one generation of lessons, in a folder of its own: what is learned anew
//! begins others, and those before it judge until the new ones are published. Nobody waits for a disk while another reads or writes.

use super::kept;
use crate::{
    base::limits,
    learn::classifier::{Lesson, Own, Said, Sketch, calibration::Fitted, form},
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
    generation: Generation,
    /// Where the folders of files are; unset: nothing is kept.
    folder: OnceLock<PathBuf>,
    /// Bytes of memory for them.
    most: AtomicU64,
}

impl Default for Sets {
    fn default() -> Sets {
        let most = AtomicU64::new(limits::OWN_SETS_BYTES);
        Sets {
            loaded: Mutex::default(),
            generation: Generation::default(),
            folder: OnceLock::new(),
            most,
        }
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

impl Loaded {
    fn bytes(&self) -> u64 {
        self.sets.values().map(Entry::bytes).sum()
    }
}

impl Entry {
    fn bytes(&self) -> u64 {
        let bytes = self.set.as_ref().map_or(0, |set| set.own.bytes());
        u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(ENTRY_BYTES)
    }
}

impl Sets {
    /// Of these lessons, kept below that folder.
    pub(super) fn kept_in(folder: &Path, generation: Generation) -> Sets {
        let sets = Sets { generation, ..Sets::default() };
        let _ = sets.folder.set(folder.to_path_buf());
        sets
    }

    /// None yet, of other lessons, kept beside these.
    pub(super) fn begun_anew(&self, generation: Generation) -> Sets {
        let most = AtomicU64::new(self.most.load(Ordering::Relaxed));
        Sets { generation, folder: self.folder.clone(), most, ..Sets::default() }
    }

    /// How much memory they may take.
    pub(super) fn keep_at_most(&self, bytes: u64) {
        self.most.store(bytes, Ordering::Relaxed);
    }

    /// An organisation's set, if it has one. May read a file of one to two megabytes.
    pub(super) fn get(&self, whose: &Organisation) -> Option<Arc<Set>> {
        let known = self.known(whose);
        let set = match known {
            Some(set) => set,
            None => {
                let set = self.read(whose).map(Arc::new);
                let mut loaded = self.lock();
                // Somebody else may have loaded it, or learned more, since.
                let entry = loaded.sets.entry(whose.clone());
                entry.or_insert(Entry { set, asked: 0, dirty: false }).set.clone()
            }
        };
        let mut loaded = self.lock();
        loaded.asked += 1;
        let asked = loaded.asked;
        if let Some(entry) = loaded.sets.get_mut(whose) {
            entry.asked = asked;
        }
        self.make_room(&mut loaded, whose);
        set
    }

    /// Learns some lessons of one organisation, in their order. Those it has learned already are passed over. One at a time learns.
    pub(super) fn learn(&self, whose: &Organisation, lessons: &[(u64, Sketch, Lesson, Said)]) {
        let known = self.get(whose);
        let fresh =
            || Set { own: Own::default(), fitted: None, until: 0, generation: self.generation };
        let mut set = known.map_or_else(fresh, |set| Set::clone(&set));
        for (number, sketch, lesson, said) in lessons {
            if *number > set.until {
                set.own.learn(sketch, *lesson, said);
                set.until = *number;
            }
        }
        set.fitted = set.own.calibration.fit();
        let mut loaded = self.lock();
        let asked = loaded.asked;
        loaded.sets.insert(whose.clone(), Entry { set: Some(Arc::new(set)), asked, dirty: true });
        let is_too_much = loaded.bytes() > self.most.load(Ordering::Relaxed);
        drop(loaded);
        if is_too_much {
            if let Err(error) = self.save() {
                tracing::error!(%error, "what was learned of organisations alone could not be written, and takes more memory than it may");
            }
            self.make_room(&mut self.lock(), whose);
        }
    }

    /// Writes down what changed.
    pub(super) fn save(&self) -> io::Result<()> {
        let dirty: Vec<(Organisation, Arc<Set>)> = {
            let loaded = self.lock();
            let dirty = loaded.sets.iter().filter(|(_, entry)| entry.dirty);
            dirty.filter_map(|(whose, entry)| Some((whose.clone(), entry.set.clone()?))).collect()
        };
        for (whose, set) in dirty {
            let Some(file) = self.file(&whose) else { continue };
            private::folder(private::above(&file)).map_err(io::Error::other)?;
            private::replace(&file, &bytes(&set))?;
            if let Some(entry) = self.lock().sets.get_mut(&whose) {
                let is_same = entry.set.as_ref().is_some_and(|now| Arc::ptr_eq(now, &set));
                entry.dirty &= !is_same;
            }
        }
        Ok(())
    }

    /// Has each of these its set?
    pub(super) fn has_all<'a>(&self, mut whose: impl Iterator<Item = &'a Organisation>) -> bool {
        whose.all(|whose| self.get(whose).is_some())
    }

    /// Forgets all of them, in memory and on disk.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.lock().sets.clear();
        self.own_folder().map_or(Ok(()), |folder| remove(&folder))
    }

    /// Removes the files of all other lessons.
    pub(super) fn remove_others(&self) -> io::Result<()> {
        let (Some(all), Some(own)) = (self.folder.get(), self.own_folder()) else { return Ok(()) };
        for entry in fs::read_dir(all)? {
            let path = entry?.path();
            let is_one = path.file_name().and_then(|name| name.to_str());
            if path != own && is_one.is_some_and(|name| name.starts_with(FOLDER)) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// None: not in memory.
    #[allow(clippy::option_option, reason = "not looked for yet, and looked for and not there")]
    fn known(&self, whose: &Organisation) -> Option<Option<Arc<Set>>> {
        self.lock().sets.get(whose).map(|entry| entry.set.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_folder(&self) -> Option<PathBuf> {
        let Generation { lineage, number } = self.generation;
        let lineage = blake3::hash(&lineage).to_hex();
        let name = format!("{FOLDER}{}-{number}", lineage.get(..8).unwrap_or_default());
        self.folder.get().map(|folder| folder.join(name))
    }

    fn file(&self, whose: &Organisation) -> Option<PathBuf> {
        let name = blake3::hash(whose.name().as_bytes()).to_hex();
        self.own_folder().map(|folder| folder.join(name.as_str()))
    }

    fn read(&self, whose: &Organisation) -> Option<Set> {
        let set = self.file(whose).and_then(|file| read(&file));
        set.filter(|set| set.generation == self.generation)
    }

    /// Of those that are written down the ones asked for longest ago leave the memory, but for `keep`.
    fn make_room(&self, loaded: &mut Loaded, keep: &Organisation) {
        let most = self.most.load(Ordering::Relaxed);
        while loaded.bytes() > most {
            let others = loaded.sets.iter();
            let others = others.filter(|(whose, entry)| *whose != keep && !entry.dirty);
            let oldest = others.min_by_key(|(_, entry)| entry.asked);
            let Some(whose) = oldest.map(|(whose, _)| whose.clone()) else { return };
            loaded.sets.remove(&whose);
        }
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The file: eight letters, the last lesson, the lineage and the generation of lessons, the set, and a hash of all of it.
fn bytes(set: &Set) -> Vec<u8> {
    let head = kept::head(set.until, set.generation);
    form::framed(MAGIC, &[head, set.own.to_bytes()].concat())
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
    let (until, generation, own) = kept::read_head(form::unframed(MAGIC, bytes)?)?;
    let own = Own::from_bytes(own).ok()?;
    Some(Set { fitted: own.calibration.fit(), own, until, generation })
}

const MAGIC: &[u8; 8] = b"SLUSSOW1";
/// How the names of their folders begin.
const FOLDER: &str = "own-";
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
        sets.learn(&Organisation::named(whose), &lessons);
    }

    fn learned(sets: &Sets, whose: &str) -> Option<u32> {
        let set = sets.get(&Organisation::named(whose))?;
        Some(set.own.taught().spam)
    }

    #[test]
    fn they_leave_the_memory_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let sets = Sets::kept_in(folder.path(), GENERATION);
        sets.keep_at_most(20_000);
        for number in 1..=3 {
            for whose in ["one", "two", "three"] {
                taught(&sets, whose, number);
            }
        }
        let loaded = sets.lock().sets.len();
        assert!(loaded < 3, "{loaded}");
        for whose in ["one", "two", "three"] {
            assert_eq!(learned(&sets, whose), Some(3), "{whose}");
        }
        // The same lesson again is the same lesson.
        taught(&sets, "one", 2);
        assert_eq!(learned(&sets, "one"), Some(3));
        assert_eq!(learned(&sets, "four"), None);
        sets.save().unwrap();
        let again = Sets::kept_in(folder.path(), GENERATION);
        let (two, four) = (Organisation::named("two"), Organisation::named("four"));
        assert!(again.has_all([&two].into_iter()) && !again.has_all([&two, &four].into_iter()));
        assert_eq!(learned(&again, "two"), Some(3));
        // Those of other lessons are others, and the first ones judge until they are done with.
        let other = again.begun_anew(Generation { number: 2, ..GENERATION });
        assert_eq!(learned(&other, "two"), None, "of lessons that are no more");
        taught(&other, "two", 7);
        other.save().unwrap();
        assert_eq!((learned(&again, "two"), learned(&other, "two")), (Some(3), Some(1)));
        other.remove_others().unwrap();
        let first = Sets::kept_in(folder.path(), GENERATION);
        assert_eq!((learned(&first, "two"), learned(&other, "two")), (None, Some(1)));
        other.clear().unwrap();
        assert_eq!(learned(&other, "two"), None);
    }

    #[test]
    fn a_damaged_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let sets = Sets::kept_in(folder.path(), GENERATION);
        taught(&sets, "one", 1);
        sets.save().unwrap();
        let file = sets.file(&Organisation::named("one")).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        bytes[100] ^= 1;
        fs::write(&file, bytes).unwrap();
        let again = Sets::kept_in(folder.path(), GENERATION);
        assert_eq!(learned(&again, "one"), None);
    }
}
