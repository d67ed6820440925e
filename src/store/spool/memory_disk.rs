//! A disk in memory that keeps its promises and not one more: a power loss takes any part of what was not synced,
//! file content and names alike, and any call can be made to fail.

use super::disk::{Disk, DiskFile, Listed};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

/// What goes wrong at a chosen call. Only calls that change something are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Fault {
    /// This one call fails.
    Once(io::ErrorKind),
    /// It fails and so does each one after it.
    Lasting(io::ErrorKind),
    /// The power goes: nothing works any more.
    PowerOff,
}

/// The disk as one run of the machine sees it.
#[derive(Debug, Clone)]
pub(in crate::store) struct MemoryDisk {
    state: Arc<Mutex<State>>,
    run: u64,
}

#[derive(Debug, Default)]
struct State {
    run: u64,
    off: bool,
    files: HashMap<u64, Stored>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    locked: HashSet<PathBuf>,
    next_file: u64,
    calls: u64,
    syncs: u64,
    sync_time: std::time::Duration,
    fault: Option<(u64, Fault)>,
    space_bytes: Option<usize>,
    unreadable: Option<(PathBuf, u64)>,
}

#[derive(Debug, Default, Clone)]
struct Stored {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl MemoryDisk {
    pub(in crate::store) fn new() -> MemoryDisk {
        MemoryDisk { state: Arc::default(), run: 0 }
    }

    pub(in crate::store) fn arc(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// The `calls_from_now`-th changing call from now on meets the fault.
    pub(in crate::store) fn fail(&self, calls_from_now: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.calls + calls_from_now, fault));
    }

    /// Whether the fault has been met.
    pub(in crate::store) fn has_failed(&self) -> bool {
        let state = self.state();
        state.fault.is_some_and(|(at, _)| state.calls > at)
    }

    pub(in crate::store) fn is_off(&self) -> bool {
        self.state().off
    }

    pub(in crate::store) fn mend(&self) {
        let mut state = self.state();
        (state.fault, state.space_bytes, state.unreadable) = (None, None, None);
    }

    /// So many bytes can still be added to files.
    pub(in crate::store) fn leave_space(&self, bytes: usize) {
        self.state().space_bytes = Some(bytes);
    }

    pub(in crate::store) fn make_unreadable(&self, path: &Path, sector: u64) {
        self.state().unreadable = Some((path.to_path_buf(), sector));
    }

    /// From now on a sync takes this long, as on a real disk.
    pub(in crate::store) fn sync_slowly(&self, time: std::time::Duration) {
        self.state().sync_time = time;
    }

    pub(in crate::store) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// The process is killed and started again: the kernel still has everything.
    pub(in crate::store) fn kill(&self) -> MemoryDisk {
        let mut state = self.state();
        state.start_again();
        MemoryDisk { state: self.state.clone(), run: state.run }
    }

    /// The power goes and comes back; chance says what of the unsynced reached the platter.
    pub(in crate::store) fn lose_power(&self, chance: &mut Chance) -> MemoryDisk {
        let mut state = self.state();
        state.start_again();
        for stored in state.files.values_mut() {
            let mut platter = std::mem::take(&mut stored.durable);
            for change in stored.pending.drain(..) {
                match chance.below(3) {
                    0 => (),
                    1 => change.apply(&mut platter),
                    _ => change.apply_partly(&mut platter, chance),
                }
            }
            stored.now = platter.clone();
            stored.durable = platter;
        }
        let paths: HashSet<PathBuf> =
            state.names.keys().chain(state.durable_names.keys()).cloned().collect();
        let mut paths: Vec<_> = paths.into_iter().collect();
        paths.sort();
        let mut names = BTreeMap::new();
        for path in paths {
            let (now, durable) = (state.names.get(&path), state.durable_names.get(&path));
            let survives = if now == durable || chance.below(2) == 0 { durable } else { now };
            if let Some(file) = survives {
                names.insert(path, *file);
            }
        }
        state.names = names.clone();
        state.durable_names = names;
        MemoryDisk { state: self.state.clone(), run: state.run }
    }

    /// Changes a file behind everybody's back, on the platter.
    pub(in crate::store) fn rot(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let file = state.names[path];
        let stored = state.files.get_mut(&file).unwrap();
        change(&mut stored.now);
        stored.durable = stored.now.clone();
    }

    pub(in crate::store) fn content(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.files[&state.names[path]].now.clone()
    }

    pub(in crate::store) fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn running(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.run != self.run || state.off {
            Err(io::Error::other("no power"))
        } else {
            Ok(state)
        }
    }

    fn changing(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.running()?;
        state.count()?;
        Ok(state)
    }

    fn handle(&self, file: u64, path: &Path, locks: bool) -> Arc<dyn DiskFile> {
        Arc::new(MemoryFile { disk: self.clone(), file, path: path.to_path_buf(), locks })
    }
}

impl State {
    fn start_again(&mut self) {
        self.run += 1;
        self.off = false;
        self.fault = None;
        self.space_bytes = None;
        self.locked.clear();
    }

    fn count(&mut self) -> io::Result<()> {
        let call = self.calls;
        self.calls += 1;
        let Some((at, fault)) = self.fault else { return Ok(()) };
        match fault {
            Fault::Once(kind) if call == at => Err(kind.into()),
            Fault::Lasting(kind) if call >= at => Err(kind.into()),
            Fault::PowerOff if call >= at => {
                self.off = true;
                Err(io::Error::other("no power"))
            }
            Fault::Once(_) | Fault::Lasting(_) | Fault::PowerOff => Ok(()),
        }
    }

    fn named(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Write(at, bytes) => {
                if to.len() < at + bytes.len() {
                    to.resize(at + bytes.len(), 0);
                }
                to[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Change::Truncate(size) => to.resize(*size, 0),
        }
    }

    /// Some sectors of a write arrive and some do not; the length may be the new one all the same.
    fn apply_partly(&self, to: &mut Vec<u8>, chance: &mut Chance) {
        let Change::Write(at, bytes) = self else { return };
        let mut from = 0;
        while from < bytes.len() {
            let until = ((at + from) / SECTOR_BYTES + 1) * SECTOR_BYTES - at;
            let until = until.min(bytes.len());
            if chance.below(2) == 0 {
                Change::Write(at + from, bytes[from..until].to_vec()).apply(to);
            }
            from = until;
        }
        if chance.below(2) == 0 && to.len() < at + bytes.len() {
            to.resize(at + bytes.len(), 0);
        }
    }
}

impl Disk for MemoryDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.changing()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.next_file;
        state.next_file += 1;
        state.files.insert(file, Stored::default());
        state.names.insert(path.to_path_buf(), file);
        Ok(self.handle(file, path, false))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.running()?.named(path)?;
        Ok(self.handle(file, path, false))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let mut state = self.running()?;
        let free = state.locked.insert(path.to_path_buf());
        Ok(free.then(|| self.handle(u64::MAX, path, true)))
    }

    fn create_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        state.durable_names.retain(|name, _| name.parent() != Some(path));
        let here: Vec<_> =
            state.names.iter().filter(|(name, _)| name.parent() == Some(path)).collect();
        let here: Vec<_> = here.into_iter().map(|(name, file)| (name.clone(), *file)).collect();
        state.durable_names.extend(here);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        let file = state.named(from)?;
        state.names.remove(from);
        state.names.insert(to.to_path_buf(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        state.named(path)?;
        state.names.remove(path);
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>> {
        let state = self.running()?;
        let here = state.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        Ok(here
            .map(|(path, file)| Listed {
                name: path.file_name().unwrap().to_str().unwrap().to_string(),
                size_bytes: state.files[file].now.len().try_into().unwrap(),
            })
            .collect())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        let space = self.running()?.space_bytes.unwrap_or(usize::MAX);
        Ok(space.try_into().unwrap())
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    file: u64,
    path: PathBuf,
    locks: bool,
}

impl DiskFile for MemoryFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.changing()?;
        let at = usize::try_from(offset).unwrap();
        let size = state.files[&self.file].now.len();
        let mut count = bytes.len();
        if let Some(space) = state.space_bytes {
            count = count.min(size.saturating_sub(at) + space);
            if count == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.space_bytes = Some(space - (at + count).saturating_sub(size));
        }
        let change = Change::Write(at, bytes[..count].to_vec());
        let stored = state.files.get_mut(&self.file).unwrap();
        change.apply(&mut stored.now);
        stored.pending.push(change);
        Ok(count)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.running()?;
        let (at, end) = (offset, offset + u64::try_from(buffer.len()).unwrap());
        if let Some((path, sector)) = &state.unreadable
            && *path == self.path
            && at < (sector + 1) * 4_096
            && end > sector * 4_096
        {
            return Err(io::Error::other("bad sector"));
        }
        let now = &state.files[&self.file].now;
        let from = usize::try_from(offset).unwrap().min(now.len());
        let count = buffer.len().min(now.len() - from);
        buffer[..count].copy_from_slice(&now[from..from + count]);
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        let time = self.disk.state().sync_time;
        std::thread::sleep(time);
        let mut state = self.disk.running()?;
        state.syncs += 1;
        let outcome = state.count();
        let odd = state.calls % 2 == 1;
        let off = state.off;
        let stored = state.files.get_mut(&self.file).unwrap();
        if outcome.is_ok() {
            for change in std::mem::take(&mut stored.pending) {
                change.apply(&mut stored.durable);
            }
        } else if !off {
            // What kernels do: the pages are clean now, and perhaps still in memory, perhaps read again from the platter.
            stored.pending.clear();
            if odd {
                stored.now = stored.durable.clone();
            }
        }
        outcome
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.changing()?;
        let size = usize::try_from(bytes).unwrap();
        let stored = state.files.get_mut(&self.file).unwrap();
        let freed = stored.now.len().saturating_sub(size);
        stored.now.resize(size, 0);
        stored.pending.push(Change::Truncate(size));
        state.space_bytes = state.space_bytes.map(|space| space + freed);
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.disk.running()?.files[&self.file].now.len().try_into().unwrap())
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if self.locks
            && let Ok(mut state) = self.disk.running()
        {
            state.locked.remove(&self.path);
        }
    }
}

/// Numbers from a seed (splitmix64), so that a failure can be played again.
#[derive(Debug, Clone)]
pub(in crate::store) struct Chance(pub(in crate::store) u64);

impl Chance {
    pub(in crate::store) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

const SECTOR_BYTES: usize = 512;
