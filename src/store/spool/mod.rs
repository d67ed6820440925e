//! The spool: mails we answered 250 for and still have to pass on, each with what the caller knows of it.
//!
//! The promise: when [`Spool::put`] answers `Ok`, the mail and its meta are on stable storage. A killed process, a
//! power loss, a full disk or a failing one take nothing back that was answered. Before the answer these are synced, in
//! this order: for a mail in a file of its own the file and the folder `large`; then the segment with the record.
//! A new segment is synced, and its name in the folder `log`, before the first record goes into it.
//!
//! What an entry is made of is opaque here: an [`Id`], a small meta (envelope, verdict, retry state; serialised by the
//! caller) and the content. How long mails stay and what is tried when is the caller's affair too.
//!
//! Contents and metas are sealed under their organisation's key (see `seal`); what this folder shows is how many mails there are,
//! how large, when they came and whose. Everything else here works on the sealed bytes, so that a log can be recovered without keys.
//!
//! ```text
//! FOLDER/lock         held while the spool is open
//! FOLDER/key          checks records (see `record`); also in each segment
//! FOLDER/log/*        segments of records, append only
//! FOLDER/large/*      contents too large to be copied about, one file each, named by id
//! FOLDER/incoming/*   mails being received; emptied at start
//! FOLDER/damaged/*    what could not be read, kept for somebody to look at
//! ```
//!
//! Two weaker promises, on purpose. [`Spool::remove`] and [`Durability::Written`] survive a killed process at once and
//! a power loss as soon as any later write has been synced: a power loss before that may bring a delivered mail
//! back, and it is delivered twice (RFC 1047 is about just this), or an older retry state. And a put whose caller
//! heard an error, or hung up before it heard anything, leaves no entry in the running spool, but may be there again
//! if the machine stops in that very moment.

mod batch;
mod compact;
mod content;
mod disk;
mod error;
mod folders;
mod index;
mod reading;
mod record;
mod recover;
mod scan;
mod seal;
mod writer;

#[cfg(test)]
mod memory_disk;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use memory_disk::{Chance, Fault, MemoryDisk};

pub use content::{Chunks, Content, Receiving};
pub use disk::{Disk, DiskFile, Listed, RealDisk};
pub(super) use disk::{read_full_at, write_all_at};
pub use error::{SpoolError, Wrong};

use crate::{
    base::{clock::Clock, ids::Id, limits},
    mail::Organisation,
    store::{
        keyring::{KeyRing, OrganisationKey},
        keys::{self, Key},
    },
};
use folders::Folders;
use reading::Rewrapped;
use record::Spot;
use seal::Label;
use std::{
    io,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use tokio::sync::{mpsc, oneshot};
use writer::{Common, Put, PutBody, Request, Writer};

/// A spool that is open. Cloning gives another handle on the same one.
#[derive(Debug, Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

/// Sizes; the defaults are right outside tests.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// A segment is closed at this size; at most 1 GiB.
    pub segment_bytes_max: u64,
    /// Content above this gets a file of its own; at most 16 MiB.
    pub inline_bytes_max: usize,
    /// Bytes gathered into one write; at most 256 MiB.
    pub batch_bytes_max: usize,
    /// A mail being received stays in memory up to this.
    pub memory_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes_max: limits::SEGMENT_BYTES_MAX,
            inline_bytes_max: limits::SPOOL_INLINE_BYTES_MAX,
            batch_bytes_max: limits::GROUP_COMMIT_BYTES_MAX,
            memory_bytes_max: limits::MESSAGE_MEMORY_BYTES_MAX,
        }
    }
}

/// What was found when the spool was opened.
#[derive(Debug)]
pub struct Recovered {
    /// Every entry, oldest id first; empty where they were shown one by one, by [`Spool::open_each`].
    pub entries: Vec<Entry>,
    /// Entries that cannot be opened, mostly because their key is not there: they stay in the log, and are entries again once it is.
    pub closed: Vec<Id>,
    /// What could not be read and may have been a mail: somebody should look, and tell the senders.
    pub damaged: Vec<Damage>,
    /// Bytes of writes that had not been finished, hence not acknowledged, when the machine stopped.
    pub cut_bytes: u64,
    /// Files of large mails that belonged to no entry and were removed.
    pub orphans_removed: u64,
    /// Such files that were left, because the log has a damaged place that may have spoken of them.
    pub orphans_kept: u64,
}

/// A mail in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: Id,
    /// What the caller last said of it.
    pub meta: Vec<u8>,
    /// Bytes of its content.
    pub size_bytes: u64,
}

/// A place that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment, or the file of a large mail.
    pub file: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// How much.
    pub bytes: u64,
    /// The entry, if that much could be read: it is no longer in the spool.
    pub id: Option<Id>,
    /// Its meta, if that could be read.
    pub meta: Option<Vec<u8>>,
    /// What is wrong.
    pub what: Wrong,
    /// Where a copy of the damaged bytes was put; without one the segment is left as it is.
    pub kept: Option<PathBuf>,
    segment: Option<u32>,
}

impl Damage {
    fn new(file: PathBuf, offset: u64, bytes: u64, what: Wrong) -> Damage {
        Damage { file, offset, bytes, id: None, meta: None, what, kept: None, segment: None }
    }

    /// What somebody is to look at must not be sealed; a meta that does not open is as good as none.
    fn open_meta(&mut self, ring: &KeyRing) {
        let (Some(id), Some(raw)) = (self.id, self.meta.take()) else { return };
        self.meta = match seal::open_meta(ring, id, &raw) {
            Ok(Some(opened)) => Some(opened.meta),
            Ok(None) => Some(raw),
            Err(_) => None,
        };
    }
}

/// How durable a new meta must be before the caller goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On stable storage.
    Synced,
    /// Handed to the kernel: it survives us, and a power loss once anything later was synced.
    Written,
}

/// An entry that is on stable storage. Having one is leave to say 250.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    id: Id,
    size_bytes: u64,
}

impl Stored {
    /// The entry.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Bytes of its content.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

/// The spool in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Mails.
    pub entries: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes in segments.
    pub log_bytes: u64,
    /// Of these, bytes that count.
    pub kept_bytes: u64,
    /// Segments that are never compacted because something in them could not be read.
    pub pinned: u64,
}

impl Spool {
    /// As [`Spool::open_each`], with every entry in the answer, oldest id first: for spools that are known to be small.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        ring: KeyRing,
        clock: Clock,
        options: Options,
    ) -> Result<(Spool, Recovered), SpoolError> {
        let entries = Mutex::new(Vec::new());
        let each = |entry| entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        let (spool, mut recovered) = Spool::open_each(disk, folder, ring, clock, options, &each)?;
        recovered.entries = entries.into_inner().unwrap_or_else(PoisonError::into_inner);
        recovered.entries.sort_unstable_by_key(|entry| entry.id);
        Ok((spool, recovered))
    }

    /// Opens the spool in `folder`, which is made if missing, and reads the whole log. Blocks until that is done.
    /// Every entry is shown to `each`, in no order and from several threads: a long queue need not be in memory whole.
    ///
    /// Unfinished writes are cut off, damaged places skipped, kept aside and reported, mails that were being
    /// received removed. Otherwise nothing is changed before the first write: looking costs nothing.
    pub fn open_each(
        disk: Arc<dyn Disk>,
        folder: &Path,
        ring: KeyRing,
        clock: Clock,
        options: Options,
        each: &(dyn Fn(Entry) + Sync),
    ) -> Result<(Spool, Recovered), SpoolError> {
        let folders = Folders::of(folder);
        for folder in folders.all() {
            disk.create_folder(folder).map_err(SpoolError::disk("make", folder))?;
        }
        let lock = disk.lock(&folders.lock).map_err(SpoolError::disk("lock", &folders.lock))?;
        let lock = lock.ok_or_else(|| SpoolError::InUse { folder: folder.to_path_buf() })?;
        // The folders must be as durable as what will be in them, and so must the way to them if it is new.
        disk.sync_folder(&folders.root).map_err(SpoolError::disk("sync", &folders.root))?;
        for above in folder.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
            // One that we may not open is not one that we made.
            drop(disk.sync_folder(above));
        }
        empty(disk.as_ref(), &folders.incoming)?;
        let found = recover::recover(&disk, &folders)?;
        let mut damaged = found.damaged;
        for damage in &mut damaged {
            damage.open_meta(&ring);
        }
        let options = options.within_reason();
        let common = Common::new(disk, folders, (found.key, ring), options, found.index);
        let common = Arc::new(common);
        let closed = show_entries(&common, each);
        let recovered = Recovered {
            entries: Vec::new(),
            closed,
            damaged,
            cut_bytes: found.cut_bytes,
            orphans_removed: found.orphans_removed,
            orphans_kept: found.orphans_kept,
        };
        let (requests, waiting) = mpsc::channel(limits::SPOOL_WAITING_MAX);
        let writer = Writer::new(common.clone(), clock, waiting, found.newest, lock);
        let thread = thread::Builder::new()
            .name("spool".to_string())
            .spawn(move || writer.run())
            .map_err(SpoolError::disk("start a writer for", folder))?;
        let inner = Inner {
            common,
            requests: Some(requests),
            thread: Mutex::new(Some(thread)),
            received: AtomicU64::new(0),
        };
        Ok((Spool { inner: Arc::new(inner) }, recovered))
    }

    /// Begins to receive a mail. Costs nothing until it is large.
    pub fn receive(&self) -> Receiving {
        let common = &self.inner.common;
        let memory_bytes_max = common.options.memory_bytes_max;
        Receiving::new(common.disk.clone(), self.inner.incoming_name(), memory_bytes_max)
    }

    /// Stores a mail; resolves when it is durable. The content stays usable whatever happens.
    ///
    /// On an error there is no such entry. Dropping the future takes the mail back, so that a sender who was told to
    /// come again does not find it delivered; to have it stored regardless, run this in a task of its own.
    pub async fn put(
        &self,
        id: Id,
        organisation: &Organisation,
        meta: &[u8],
        content: &Content,
    ) -> Result<Stored, SpoolError> {
        check_meta(meta)?;
        let coming = Coming::announce(&self.inner, id)?;
        // Until it is stored, the key that wraps its own must not be retired.
        let _in_use = self.inner.common.ring.in_use().await;
        let by = self.organisation_key(organisation).await?;
        let (body, key) = self.prepare(id, content).await?;
        let label = Label { key, size_bytes: content.size_bytes(), hash: content.hash() };
        let meta = seal::seal_meta(&by, organisation, id, &label, meta)?;
        // What the log checks is what lies in it; a file's sealed pieces carry their own proof.
        let (stored_bytes, hash) = match &body {
            PutBody::Inline(sealed) => {
                (u64::try_from(sealed.len()).unwrap_or(u64::MAX), *blake3::hash(sealed).as_bytes())
            }
            PutBody::Large(_) => (seal::sealed_bytes(content.size_bytes()), [0; 32]),
        };
        // Dropped before `coming` if the caller goes away: the writer must see a closed line before a taken-back id.
        let answered = {
            let (reply, answer) = oneshot::channel();
            let size_bytes = stored_bytes;
            self.send(Request::Put(Put { id, meta, body, size_bytes, hash, reply })).await?;
            answer.await.map_err(|_| SpoolError::Closed)?
        };
        coming.arrived();
        answered.map(|()| Stored { id, size_bytes: label.size_bytes })
    }

    /// Gives an entry another meta. On an error the former one stays.
    pub async fn update(
        &self,
        id: Id,
        meta: Vec<u8>,
        durability: Durability,
    ) -> Result<(), SpoolError> {
        check_meta(&meta)?;
        let _in_use = self.inner.common.ring.in_use().await;
        let common = self.inner.common.clone();
        let meta = off_the_runtime(move || common.reseal(id, meta)).await?;
        self.ask(|reply| Request::Update { id, meta, durability, instead_of: None, reply }).await
    }

    /// Wraps every entry of an organisation by its newest key, a few at a time, so that mail goes on meanwhile.
    /// Durable when this returns: then nothing here needs the older keys. Gives how many were wrapped anew.
    pub async fn rewrap(&self, organisation: &Organisation) -> Result<u64, SpoolError> {
        let mut count = 0;
        for ids in self.ids().chunks(limits::REWRAP_STEP) {
            let (common, ids, theirs) =
                (self.inner.common.clone(), ids.to_vec(), organisation.clone());
            let step = off_the_runtime(move || {
                let rewrapped = ids.into_iter().map(|id| common.rewrap(id, &theirs).transpose());
                rewrapped.flatten().collect::<Result<Vec<_>, _>>()
            });
            for Rewrapped { id, meta, instead_of } in step.await? {
                let durability = Durability::Written;
                let instead_of = Some(instead_of);
                let asked = |reply| Request::Update { id, meta, durability, instead_of, reply };
                match self.ask(asked).await {
                    Ok(()) => count += 1,
                    // It was delivered meanwhile.
                    Err(SpoolError::NotThere(_)) => (),
                    Err(error) => return Err(error),
                }
            }
        }
        self.flush().await?;
        Ok(count)
    }

    /// Removes an entry: it was delivered, bounced or dropped. Resolves when that is written, not yet synced.
    ///
    /// On a disk error the entry is gone from the running spool all the same (a delivered mail must not go out twice
    /// because the disk is full), and its record is written before anything else once the disk takes writes again.
    pub async fn remove(&self, id: Id) -> Result<(), SpoolError> {
        self.ask(|reply| Request::Remove { id, reply }).await
    }

    /// Reads an entry back: its latest meta, and its content compared with its checksum.
    /// A large mail's content is compared while its pieces are read.
    pub async fn read(&self, id: Id) -> Result<(Vec<u8>, Content), SpoolError> {
        let common = self.inner.common.clone();
        off_the_runtime(move || common.read(id)).await
    }

    /// What was last said of an entry, without its content.
    pub async fn meta(&self, id: Id) -> Result<Vec<u8>, SpoolError> {
        let common = self.inner.common.clone();
        off_the_runtime(move || common.read_meta(id)).await
    }

    /// Every entry's id, in no order.
    pub fn ids(&self) -> Vec<Id> {
        self.inner.common.index().entries.keys().copied().collect()
    }

    /// Every entry with its latest meta, read one at a time, which blocks; entries removed meanwhile are left out.
    pub fn metas(&self) -> impl Iterator<Item = (Id, Result<Vec<u8>, SpoolError>)> + '_ {
        self.ids().into_iter().filter_map(|id| match self.inner.common.read_meta(id) {
            Err(SpoolError::NotThere(_)) => None,
            meta => Some((id, meta)),
        })
    }

    /// The spool in numbers.
    pub fn state(&self) -> State {
        let index = self.inner.common.index();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let numbers = index.segments.keys();
        State {
            entries: count(index.entries.len()),
            segments: count(index.segments.len()),
            log_bytes: index.segments.values().map(|segment| u64::from(segment.length)).sum(),
            kept_bytes: numbers.map(|number| index.kept_bytes(*number)).sum(),
            pinned: count(index.segments.values().filter(|segment| segment.pinned).count()),
        }
    }

    /// Bytes that may still be written to the spool's file system.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.inner.common.disk.free_bytes(&self.inner.common.folders.root)
    }

    /// Makes everything written durable.
    pub async fn flush(&self) -> Result<(), SpoolError> {
        self.ask(|reply| Request::Flush { reply }).await
    }

    /// Makes everything durable and lets go of the folder. Other handles can still read, no longer write.
    pub async fn flush_and_close(self) -> Result<(), SpoolError> {
        self.ask(|reply| Request::Close { reply }).await
    }

    /// Content as the writer takes it, sealed: small in memory, large durable under its final name. And what it is sealed under.
    async fn prepare(&self, id: Id, content: &Content) -> Result<(PutBody, Key), SpoolError> {
        let common = self.inner.common.clone();
        let size = usize::try_from(content.size_bytes()).unwrap_or(usize::MAX);
        if size <= common.options.inline_bytes_max {
            let incoming = common.folders.incoming.clone();
            if let Some(bytes) = content.body_in_memory() {
                return seal_inline(bytes, &incoming);
            }
            let content = content.clone();
            return off_the_runtime(move || {
                let bytes = content.bytes().map_err(SpoolError::disk("read from", &incoming))?;
                seal_inline(&bytes, &incoming)
            })
            .await;
        }
        let (content, spare) = (content.clone(), self.inner.incoming_name());
        off_the_runtime(move || {
            let to = common.folders.large_file(id);
            let held = content
                .settle(&common.disk, &spare, &to)
                .map_err(SpoolError::disk("store", &to))?;
            let key = held.key().cloned().ok_or_else(|| SpoolError::Sealing {
                because: "a file that is being received has no key".to_string(),
            })?;
            Ok((PutBody::Large(held), key))
        })
        .await
    }

    /// The key that wraps what this organisation stores now; the first time it has to be made, which waits for the disk.
    async fn organisation_key(
        &self,
        organisation: &Organisation,
    ) -> Result<OrganisationKey, SpoolError> {
        let ring = &self.inner.common.ring;
        if let Some(newest) = ring.newest(organisation) {
            return Ok(newest);
        }
        let (ring, organisation) = (ring.clone(), organisation.clone());
        off_the_runtime(move || Ok(ring.current(&organisation)?)).await
    }

    async fn ask(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<(), SpoolError>>) -> Request,
    ) -> Result<(), SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.send(request(reply)).await?;
        answer.await.map_err(|_| SpoolError::Closed)?
    }

    async fn send(&self, request: Request) -> Result<(), SpoolError> {
        let requests = self.inner.requests.as_ref().ok_or(SpoolError::Closed)?;
        requests.send(request).await.map_err(|_| SpoolError::Closed)
    }
}

#[derive(Debug)]
struct Inner {
    common: Arc<Common>,
    requests: Option<mpsc::Sender<Request>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    received: AtomicU64,
}

impl Inner {
    fn incoming_name(&self) -> PathBuf {
        let number = self.received.fetch_add(1, Ordering::Relaxed);
        self.common.folders.incoming.join(number.to_string())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Without senders the writer finishes what it has and ends.
        self.requests = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        drop(thread.map(thread::JoinHandle::join));
    }
}

/// An id that somebody is putting. If its caller goes away before the answer, the entry is taken back.
struct Coming<'a> {
    inner: &'a Inner,
    id: Id,
    arrived: bool,
}

impl<'a> Coming<'a> {
    fn announce(inner: &'a Inner, id: Id) -> Result<Coming<'a>, SpoolError> {
        let mut index = inner.common.index();
        if index.entries.contains_key(&id) || !index.coming.insert(id) {
            return Err(SpoolError::AlreadyThere(id));
        }
        Ok(Coming { inner, id, arrived: false })
    }

    fn arrived(mut self) {
        self.arrived = true;
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        if !self.arrived {
            self.inner.common.taken_back().push(self.id);
            // If the line is full the writer is awake anyway.
            if let Some(requests) = &self.inner.requests {
                drop(requests.try_send(Request::Wake));
            }
        }
        self.inner.common.index().coming.remove(&self.id);
    }
}

impl Options {
    /// Offsets are 32 bits wide: a segment with a last group as large as may be must fit.
    fn within_reason(self) -> Options {
        Options {
            segment_bytes_max: self.segment_bytes_max.min(1 << 30),
            inline_bytes_max: self.inline_bytes_max.min(16 << 20),
            batch_bytes_max: self.batch_bytes_max.min(256 << 20),
            memory_bytes_max: self.memory_bytes_max,
        }
    }
}

fn seal_inline(plain: &[u8], place: &Path) -> Result<(PutBody, Key), SpoolError> {
    let key = keys::new_key("content key")?;
    let size = seal::sealed_bytes(u64::try_from(plain.len()).unwrap_or(u64::MAX));
    let mut sealed = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    seal::seal_pieces(&key, 0, plain, &mut sealed).map_err(SpoolError::disk("seal for", place))?;
    Ok((PutBody::Inline(sealed.into()), key))
}

/// Reads every entry's latest meta, in the order they lie on the disk, on all cores; gives those that did not open.
fn show_entries(common: &Common, each: &(dyn Fn(Entry) + Sync)) -> Vec<Id> {
    let mut lying: Vec<(Spot, Id)> =
        common.index().entries.iter().map(|(id, place)| (place.meta, *id)).collect();
    lying.sort_unstable();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = lying.len().div_ceil(cores).max(OPENED_ALONE_MAX);
    let mut closed: Vec<Id> = thread::scope(|scope| {
        let parts = lying.chunks(share);
        let opening: Vec<_> =
            parts.map(|part| scope.spawn(move || common.show(part, each))).collect();
        let closed = opening.into_iter().map(|part| part.join());
        closed.flat_map(|part| part.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    closed.sort_unstable();
    closed
}

/// Mails that one thread opens sooner than another is started.
const OPENED_ALONE_MAX: usize = 1_000;

fn empty(disk: &dyn Disk, folder: &Path) -> Result<(), SpoolError> {
    for file in disk.list(folder).map_err(SpoolError::disk("list", folder))? {
        // Nothing here was acknowledged. What cannot be removed now is tried again at the next start.
        drop(disk.remove(&folder.join(file.name)));
    }
    Ok(())
}

fn check_meta(meta: &[u8]) -> Result<(), SpoolError> {
    let (bytes, max) = (meta.len(), limits::SPOOL_META_BYTES_MAX);
    if bytes > max { Err(SpoolError::MetaTooLarge { bytes, max }) } else { Ok(()) }
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| SpoolError::Closed)?
}
