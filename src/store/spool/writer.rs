//! The one thread that writes the log: many requests, one write, one sync, then all the answers.
//!
//! Nobody waits for company: whatever has gathered while the last group was being synced is the next group.
//!
//! When the disk fails:
//! - A write that failed for want of space is cut off again; the segment goes on.
//! - After any other failed write, and after every failed sync, the segment is given up at the last length that was
//!   synced: the kernel may have dropped what it could not write and report the next sync as good. The next
//!   segment's head says where the old one ends, so what was refused cannot come back.
//! - Everybody in the group hears the error. What was answered before on the word that it was written, not synced
//!   (retry state, done records), is owed to the log and written first when the disk takes writes again.

use super::{
    Durability, Options, SpoolError,
    batch::{Act, Batch, Small, StagedPut},
    compact::Compaction,
    content::HeldFile,
    disk::{Disk, DiskFile, write_all_at},
    folders::Folders,
    index::Index,
    record::{Key, SEGMENT_HEAD_BYTES_U32, SegmentHead, Spot},
};
use crate::{
    base::{clock::Clock, ids::Id, limits},
    store::keyring::KeyRing,
};
use bytes::Bytes;
use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<(), SpoolError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Request {
    Put(Put),
    Update {
        id: Id,
        meta: Vec<u8>,
        durability: Durability,
        /// Only if the entry's meta still stands here: whatever is newer stays.
        instead_of: Option<Spot>,
        reply: Reply,
    },
    Remove {
        id: Id,
        reply: Reply,
    },
    Flush {
        reply: Reply,
    },
    Close {
        reply: Reply,
    },
    /// Something was taken back; see [`Common::taken_back`].
    Wake,
}

/// A new entry.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) id: Id,
    pub(super) meta: Vec<u8>,
    pub(super) body: PutBody,
    pub(super) size_bytes: u64,
    pub(super) hash: [u8; 32],
    pub(super) reply: Reply,
}

/// Its content.
#[derive(Debug)]
pub(super) enum PutBody {
    Inline(Bytes),
    /// Already durable under its final name.
    Large(Arc<HeldFile>),
}

/// What the writer and the callers share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folders: Folders,
    pub(super) key: Key,
    pub(super) ring: KeyRing,
    pub(super) options: Options,
    index: Mutex<Index>,
    /// Entries whose caller went away before it heard the answer.
    taken_back: Mutex<Vec<Id>>,
}

impl Common {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        folders: Folders,
        (key, ring): (Key, KeyRing),
        options: Options,
        index: Index,
    ) -> Common {
        Common {
            disk,
            folders,
            key,
            ring,
            options,
            index: Mutex::new(index),
            taken_back: Mutex::default(),
        }
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn taken_back(&self) -> MutexGuard<'_, Vec<Id>> {
        self.taken_back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's own state.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) common: Arc<Common>,
    clock: Clock,
    requests: mpsc::Receiver<Request>,
    head: Option<Head>,
    /// The segment before the head, and how much of it counts.
    previous: (u32, u32),
    next_number: u32,
    /// Written since the last sync and answered for.
    unsynced: Vec<Small>,
    unsynced_bytes: usize,
    /// Answered for, but no longer certain to be in the log.
    owed: Vec<Small>,
    /// Files of large entries whose done record is not synced yet; without it their put would look damaged.
    large_done: Vec<Id>,
    pub(super) compaction: Compaction,
    closing: Option<Reply>,
    /// Held as long as the thread lives.
    _lock: Arc<dyn DiskFile>,
}

/// The segment being written.
#[derive(Debug)]
struct Head {
    file: Arc<dyn DiskFile>,
    number: u32,
    written: u32,
    synced: u32,
}

impl Writer {
    /// A writer that has not begun a segment: a spool that is only read is not changed.
    pub(super) fn new(
        common: Arc<Common>,
        clock: Clock,
        requests: mpsc::Receiver<Request>,
        newest: (u32, u32),
        lock: Arc<dyn DiskFile>,
    ) -> Writer {
        Writer {
            common,
            clock,
            requests,
            head: None,
            previous: newest,
            next_number: newest.0.saturating_add(1),
            unsynced: Vec::new(),
            unsynced_bytes: 0,
            owed: Vec::new(),
            large_done: Vec::new(),
            compaction: Compaction::default(),
            closing: None,
            _lock: lock,
        }
    }

    /// Works until it is told to close or the last caller is gone.
    pub(super) fn run(mut self) {
        while let Some(first) = self.next() {
            let group = self.gather(first);
            self.commit(group);
            self.compact_under_load();
            if self.closing.is_some() {
                break;
            }
        }
        let synced = self.flush();
        let closing = self.closing.take();
        // The lock goes before the answer: whoever hears it may open the spool again.
        drop(self);
        if let Some(reply) = closing {
            drop(reply.send(synced));
        }
    }

    /// The next request; compacts while there is none.
    fn next(&mut self) -> Option<Request> {
        loop {
            match self.requests.try_recv() {
                Ok(request) => return Some(request),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => {
                    if !self.compact_step() {
                        return self.requests.blocking_recv();
                    }
                }
            }
        }
    }

    /// Everything that waits, up to the size of one group.
    fn gather(&mut self, first: Request) -> Vec<Request> {
        let mut bytes = 0;
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next.take() {
            bytes += request.size_bytes();
            match request {
                Request::Close { reply } => {
                    self.closing = Some(reply);
                    break;
                }
                Request::Wake => (),
                Request::Put(_)
                | Request::Update { .. }
                | Request::Remove { .. }
                | Request::Flush { .. } => group.push(request),
            }
            if bytes < self.common.options.batch_bytes_max
                && group.len() < limits::SPOOL_WAITING_MAX
            {
                next = self.requests.try_recv().ok();
            }
        }
        group
    }

    fn commit(&mut self, group: Vec<Request>) {
        // After gathering, before staging: an id taken back and put again must lose its old entry, not its new one.
        let mut taken_back = std::mem::take(&mut *self.common.taken_back());
        taken_back.retain(|id| self.common.index().entries.contains_key(id));
        let clean = self.is_clean();
        let nothing_new = group.iter().all(|request| matches!(request, Request::Flush { .. }));
        if taken_back.is_empty() && nothing_new && (clean || group.is_empty()) {
            for request in group {
                if let Request::Flush { reply } = request {
                    drop(reply.send(Ok(())));
                }
            }
            return;
        }
        let mut batch = match self.begin() {
            Ok(batch) => batch,
            Err(error) => {
                self.refuse(group, taken_back, &error);
                return;
            }
        };
        for id in taken_back {
            self.stage_done(id, &mut batch);
        }
        for request in group {
            self.stage(request, &mut batch);
        }
        drop(self.finish(batch));
    }

    /// A batch for the head, which is made if there is none; what is owed is paid first.
    pub(super) fn begin(&mut self) -> Result<Batch, SpoolError> {
        loop {
            self.ready_head()?;
            if self.owed.is_empty() {
                return Ok(self.empty_batch());
            }
            self.pay_owed()?;
        }
    }

    /// Writes a batch, syncs it if it must be, does what follows, and answers.
    pub(super) fn finish(&mut self, batch: Batch) -> Result<(), SpoolError> {
        match self.write(&batch) {
            Ok(synced) => {
                self.apply(batch, synced);
                Ok(())
            }
            Err(error) => {
                self.fail(batch, &error);
                Err(error)
            }
        }
    }

    fn stage(&mut self, request: Request, batch: &mut Batch) {
        match request {
            Request::Put(put) => self.stage_put(put, batch),
            Request::Update { id, meta, durability, instead_of, reply } => {
                let Some(now) = self.common.index().entries.get(&id).map(|place| place.meta) else {
                    drop(reply.send(Err(SpoolError::NotThere(id))));
                    return;
                };
                if instead_of.is_some_and(|spot| spot != now || batch.updating.contains(&id)) {
                    drop(reply.send(Ok(())));
                    return;
                }
                batch.sync |= durability == Durability::Synced;
                batch.update(&self.common.key, id, meta);
                batch.answers.push(reply);
            }
            Request::Remove { id, reply } => {
                if self.stage_done(id, batch) {
                    batch.answers.push(reply);
                } else {
                    drop(reply.send(Err(SpoolError::NotThere(id))));
                }
            }
            Request::Flush { reply } => {
                batch.sync = true;
                batch.answers.push(reply);
            }
            Request::Close { .. } | Request::Wake => (),
        }
    }

    fn stage_put(&mut self, put: Put, batch: &mut Batch) {
        if put.reply.is_closed() {
            // Its caller has given up and told the sender so.
            return;
        }
        if self.common.index().entries.contains_key(&put.id) || !batch.putting.insert(put.id) {
            drop(put.reply.send(Err(SpoolError::AlreadyThere(put.id))));
            return;
        }
        let (inline, file) = match &put.body {
            PutBody::Inline(bytes) => (Some(bytes.as_ref()), None),
            PutBody::Large(file) => (None, Some(file.clone())),
        };
        batch.sync = true;
        let staged = StagedPut {
            id: put.id,
            meta: &put.meta,
            inline,
            content_bytes: put.size_bytes,
            hash: put.hash,
            born: None,
            file,
            answer: Some(put.reply),
        };
        batch.put(&self.common.key, staged);
    }

    fn stage_done(&mut self, id: Id, batch: &mut Batch) -> bool {
        let Some(place) = self.common.index().entries.get(&id).copied() else { return false };
        batch.sync |= place.large;
        batch.done(&self.common.key, id, place.range(), place.large);
        true
    }

    /// The bytes go out; says whether they are durable.
    fn write(&mut self, batch: &Batch) -> Result<bool, SpoolError> {
        let path = self.common.folders.segment(batch.segment);
        let Some(head) = &mut self.head else {
            // Nothing is written without a head; a batch always has one.
            return Err(SpoolError::Closed);
        };
        if let Err(error) = write_all_at(head.file.as_ref(), &batch.bytes, u64::from(head.written))
        {
            let full = SpoolError::is_for_want_of_space(error.kind());
            if !full || head.file.truncate(u64::from(head.written)).is_err() {
                self.give_up_head(&error);
            }
            return Err(SpoolError::disk("write", &path)(error));
        }
        head.written = batch.spot().offset;
        let much = self.unsynced_bytes.saturating_add(batch.bytes.len())
            > limits::SPOOL_UNSYNCED_BYTES_MAX;
        let sync = batch.sync || much;
        if sync {
            self.sync()?;
        }
        Ok(sync)
    }

    fn sync(&mut self) -> Result<(), SpoolError> {
        let Some(head) = &mut self.head else { return Ok(()) };
        if head.synced < head.written {
            if let Err(error) = head.file.sync_data() {
                let path = self.common.folders.segment(head.number);
                self.give_up_head(&error);
                return Err(SpoolError::disk("sync", &path)(error));
            }
            head.synced = head.written;
        }
        self.unsynced.clear();
        self.unsynced_bytes = 0;
        Ok(())
    }

    fn apply(&mut self, batch: Batch, synced: bool) {
        let mut stored = Vec::new();
        {
            let mut index = self.common.index();
            if synced && self.owed.is_empty() {
                index.fresh.clear();
            }
            index.segment(batch.segment).length = batch.spot().offset;
            for act in batch.acts {
                match act {
                    Act::Stored { id, place, file, answer } => {
                        index.put(id, place);
                        if let Some(file) = file {
                            file.keep();
                        }
                        stored.extend(answer);
                    }
                    Act::Small { spot, small } => {
                        index.apply_small(spot, &small, synced);
                        if let Small::Done { id, large: true, .. } = small {
                            self.large_done.push(id);
                        }
                        if !synced {
                            self.unsynced.push(small);
                        }
                    }
                }
            }
        }
        if synced {
            self.remove_large_done();
        } else {
            self.unsynced_bytes = self.unsynced_bytes.saturating_add(batch.bytes.len());
        }
        self.compaction.something_changed();
        // Answers go out when the index is right and unlocked. A caller that hung up has taken its mail back itself.
        for answer in stored.into_iter().chain(batch.answers) {
            drop(answer.send(Ok(())));
        }
    }

    fn fail(&mut self, batch: Batch, error: &SpoolError) {
        for act in batch.acts {
            match act {
                Act::Stored { answer, .. } => {
                    drop(answer.map(|answer| answer.send(Err(error.clone()))));
                }
                Act::Small { small: Small::Update { .. }, .. } => (),
                Act::Small { small: Small::Done { id, .. }, .. } => self.remove_unwritten(id),
            }
        }
        for answer in batch.answers {
            drop(answer.send(Err(error.clone())));
        }
        // At once, if the disk lets us: until there is a new head, a stop would bring back what was refused.
        drop(self.begin());
    }

    fn refuse(&mut self, group: Vec<Request>, taken_back: Vec<Id>, error: &SpoolError) {
        for id in taken_back {
            self.remove_unwritten(id);
        }
        for request in group {
            let reply = match request {
                Request::Remove { id, reply } => {
                    self.remove_unwritten(id);
                    reply
                }
                Request::Put(Put { reply, .. })
                | Request::Update { reply, .. }
                | Request::Flush { reply }
                | Request::Close { reply } => reply,
                Request::Wake => continue,
            };
            drop(reply.send(Err(error.clone())));
        }
    }

    /// A delivered mail must not go out again because the disk is full: it is gone now, its record follows.
    fn remove_unwritten(&mut self, id: Id) {
        let Some(place) = self.common.index().remove(id) else { return };
        self.owed.push(Small::Done { id, range: place.range(), large: place.large });
    }

    fn pay_owed(&mut self) -> Result<(), SpoolError> {
        let mut batch = self.empty_batch();
        let mut count = 0;
        for small in &self.owed {
            batch.small(&self.common.key, small.clone());
            count += 1;
            if batch.size_bytes() > limits::SPOOL_UNSYNCED_BYTES_MAX {
                break;
            }
        }
        let synced = self.write(&batch)?;
        self.owed.drain(..count);
        self.apply(batch, synced);
        Ok(())
    }

    /// Makes sure there is a segment to write to.
    fn ready_head(&mut self) -> Result<(), SpoolError> {
        if let Some(head) = &self.head
            && u64::from(head.written) >= self.common.options.segment_bytes_max
        {
            // Only the newest segment may end in unfinished writes. A failed sync gives the head up, which is as good.
            if self.sync().is_ok()
                && let Some(head) = self.head.take()
            {
                self.previous = (head.number, head.written);
            }
        }
        if self.head.is_some() {
            return Ok(());
        }
        let number = self.next_number;
        let path = self.common.folders.segment(number);
        let head = self.make_head(number).map_err(SpoolError::disk("begin", &path));
        if head.is_err() {
            drop(self.common.disk.remove(&path));
        }
        // A number that failed is not tried again: what is left of it is void.
        self.next_number = number.saturating_add(1);
        self.head = Some(head?);
        self.common.index().segment(number).length = SEGMENT_HEAD_BYTES_U32;
        self.trim_previous();
        Ok(())
    }

    fn make_head(&self, number: u32) -> io::Result<Head> {
        let (previous, previous_bytes) = self.previous;
        let made = self.clock.now();
        let key = self.common.key;
        let previous_bytes = u64::from(previous_bytes);
        let head = SegmentHead { number, made, previous, previous_bytes, key };
        let file = self.common.disk.create(&self.common.folders.segment(number))?;
        write_all_at(file.as_ref(), &head.write(), 0)?;
        file.sync_data()?;
        self.common.disk.sync_folder(&self.common.folders.log)?;
        // Names of removed segments are durably gone with the same sync.
        self.common.index().ghosts.clear();
        let (written, synced) = (SEGMENT_HEAD_BYTES_U32, SEGMENT_HEAD_BYTES_U32);
        Ok(Head { file, number, written, synced })
    }

    /// Cuts off what was refused in the segment before. Until that works its end stands in the head's head alone.
    fn trim_previous(&mut self) {
        let (number, _) = self.previous;
        let ragged =
            self.common.index().segments.get(&number).is_some_and(|segment| segment.ragged);
        if ragged {
            drop(self.trim(number));
        }
    }

    /// Makes a segment durably as long as its good bytes.
    pub(super) fn trim(&mut self, number: u32) -> Result<(), SpoolError> {
        let path = self.common.folders.segment(number);
        let length = self.common.index().segment(number).length;
        let trim = |file: Arc<dyn DiskFile>| {
            file.truncate(u64::from(length))?;
            file.sync_data()
        };
        self.common.disk.open(&path).and_then(trim).map_err(SpoolError::disk("trim", &path))?;
        self.common.index().segment(number).ragged = false;
        Ok(())
    }

    /// The head cannot be trusted beyond what was synced.
    fn give_up_head(&mut self, error: &io::Error) {
        let Some(head) = self.head.take() else { return };
        tracing::error!(
            segment = head.number,
            good_bytes = head.synced,
            error = %error,
            "the spool gave up a segment that the disk did not take"
        );
        self.previous = (head.number, head.synced);
        let mut owed = std::mem::take(&mut self.unsynced);
        owed.append(&mut self.owed);
        self.owed = owed;
        self.unsynced_bytes = 0;
        let mut index = self.common.index();
        let segment = index.segment(head.number);
        segment.length = head.synced;
        segment.ragged = true;
    }

    /// Makes everything durable that was answered for.
    pub(super) fn flush(&mut self) -> Result<(), SpoolError> {
        if self.is_clean() {
            return Ok(());
        }
        let mut batch = self.begin()?;
        batch.must_sync();
        self.finish(batch)
    }

    /// Whether the log on the platter says what the index says.
    fn is_clean(&self) -> bool {
        // A segment that was given up ends where the next head says, so there must be a next head.
        let ended = self.head.is_some()
            || self
                .common
                .index()
                .segments
                .get(&self.previous.0)
                .is_none_or(|before| !before.ragged);
        ended && self.owed.is_empty() && self.unsynced.is_empty()
    }

    /// Files of entries whose done record is durable.
    fn remove_large_done(&mut self) {
        if !self.owed.is_empty() {
            return;
        }
        for id in self.large_done.drain(..) {
            // One that stays is an orphan and removed at the next start.
            drop(self.common.disk.remove(&self.common.folders.large_file(id)));
        }
    }

    fn empty_batch(&self) -> Batch {
        let (segment, start, settled) =
            self.head.as_ref().map_or((0, 0, 0), |head| (head.number, head.written, head.synced));
        Batch {
            bytes: Vec::new(),
            segment,
            start,
            settled,
            sync: false,
            acts: Vec::new(),
            answers: Vec::new(),
            putting: HashSet::new(),
            updating: HashSet::new(),
        }
    }

    /// The segment being written; 0 if there is none.
    pub(super) fn head_number(&self) -> u32 {
        self.head.as_ref().map_or(0, |head| head.number)
    }
}

impl Request {
    /// Roughly what it adds to a group.
    fn size_bytes(&self) -> usize {
        match self {
            Request::Put(put) => match &put.body {
                PutBody::Inline(bytes) => put.meta.len().saturating_add(bytes.len()),
                PutBody::Large(_) => put.meta.len(),
            },
            Request::Update { meta, .. } => meta.len(),
            Request::Remove { .. }
            | Request::Flush { .. }
            | Request::Close { .. }
            | Request::Wake => 0,
        }
    }
}
