//! The audit log on files: append-only lines, chained, durable before the act they record is answered.
//!
//! `data-dir/audit/audit-00000001.jsonl` and on hold the records (their form: [`crate::store::audit`]); `index.db` beside them only finds
//! them. Several processes may append at once. Appends that come together share one sync.

mod chain;
mod files;
mod index;
mod outbox;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tests;
mod verify;
mod watch;
mod witness;

pub use chain::{AuditFound, Break};
pub use outbox::{Arrived, Outbox, Outgoing, Standing};
pub use verify::{Asked, Bad, Copied, Verified, each_line, verify, verify_copy, verify_own};
pub use witness::{CheckpointSeen, KeySeen};

use crate::{
    base::{clock::Clock, limits},
    store::{
        StoreError,
        audit::{AuditFilter, Entry, Page},
        keyring::Signers,
        private,
        spool::RealDisk,
    },
};
use chain::Chain;
use index::Index;
use outbox::Shipping;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, mpsc},
    thread,
};
use tokio::sync::oneshot;
use watch::Trouble;

/// The audit log, open. Handles share one writing thread, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct AuditLog {
    jobs: mpsc::SyncSender<Job>,
    folder: PathBuf,
    index: Arc<OnceLock<Index>>,
    trouble: Trouble,
    unsigned: Trouble,
    shipping: Shipping,
}

/// What the writing thread is asked for.
enum Job {
    Write(Batch),
    Sign { by: Signers, tell: oneshot::Sender<Result<Option<u64>, StoreError>> },
}

/// Records that belong together, and whoever waits for them.
struct Batch {
    entries: Vec<Entry>,
    tell: oneshot::Sender<Result<Vec<u64>, StoreError>>,
}

/// Where the audit log lies under a data folder.
pub fn audit_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("audit")
}

impl AuditLog {
    /// Opens or begins the log of a data folder, and brings its index up to date.
    pub fn open(data_dir: &Path, clock: Clock) -> Result<(AuditLog, AuditFound), StoreError> {
        let folder = audit_folder(data_dir);
        private::folder(&folder)?;
        let index = open_index(&folder);
        let seen = index.as_ref().and_then(|index| index.seen().ok().flatten());
        let (chain, found) = Chain::open(Arc::new(RealDisk), &folder, seen)?;
        private::give_to_owner_above(&folder)?;
        let index = Arc::new(index.map_or_else(OnceLock::new, OnceLock::from));
        let shipping = Shipping::default();
        shipping.reached(chain.head().number);
        let writer = Writer { chain, clock, index: index.clone(), shipping: shipping.clone() };
        let jobs = start(writer, &folder)?;
        let trouble = Trouble::default();
        trouble.set(found.broken.as_ref().map(ToString::to_string));
        Ok((
            AuditLog { jobs, folder, index, trouble, unsigned: Trouble::default(), shipping },
            found,
        ))
    }

    /// A log on any disk, without an index.
    #[cfg(test)]
    fn open_on(
        disk: Arc<dyn crate::store::spool::Disk>,
        folder: &Path,
        clock: Clock,
    ) -> Result<(AuditLog, AuditFound), StoreError> {
        let (chain, found) = Chain::open(disk, folder, None)?;
        let (index, shipping) = (Arc::default(), Shipping::default());
        let writer = Writer { chain, clock, index: Arc::clone(&index), shipping: shipping.clone() };
        let jobs = start(writer, folder)?;
        let (folder, trouble) = (folder.to_path_buf(), Trouble::default());
        Ok((
            AuditLog { jobs, folder, index, trouble, unsigned: Trouble::default(), shipping },
            found,
        ))
    }

    /// Adds a record; gives its number when it is durable. On an error it is not recorded, and what it is about must not be done.
    pub async fn append(&self, entry: Entry) -> Result<u64, StoreError> {
        let numbers = self.append_all(vec![entry]).await?;
        numbers.first().copied().ok_or(StoreError::Closed)
    }

    /// Adds records together: all of them, in this order, or none.
    pub async fn append_all(&self, entries: Vec<Entry>) -> Result<Vec<u64>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let (tell, told) = oneshot::channel();
        self.give(Job::Write(Batch { entries, tell })).await?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Signs the log as it is. Gives the checkpoint's number when it is durable; none: nothing came since the last one.
    pub async fn sign(&self, by: Signers) -> Result<Option<u64>, StoreError> {
        let (tell, told) = oneshot::channel();
        self.give(Job::Sign { by, tell }).await?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn give(&self, job: Job) -> Result<(), StoreError> {
        match self.jobs.try_send(job) {
            Ok(()) => (),
            Err(mpsc::TrySendError::Full(job)) => {
                let jobs = self.jobs.clone();
                let sent = tokio::task::spawn_blocking(move || jobs.send(job)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return Err(StoreError::Closed);
                }
            }
            Err(mpsc::TrySendError::Disconnected(_)) => return Err(StoreError::Closed),
        }
        Ok(())
    }

    /// A page of the log, newest first; a record is in it as soon as its append has been answered.
    pub async fn list(&self, filter: AuditFilter) -> Result<Page, StoreError> {
        let (index, folder) = (self.index.clone(), self.folder.clone());
        let listing = tokio::task::spawn_blocking(move || {
            let used = match index.get() {
                Some(used) => used,
                None => {
                    let opened = Index::open(&folder)?;
                    index.get_or_init(|| opened)
                }
            };
            used.list(&filter)
        });
        listing.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Adds records from a program that does nothing else with the log: a command.
pub fn append_once(
    data_dir: &Path,
    clock: &Clock,
    entries: Vec<Entry>,
) -> Result<Vec<u64>, StoreError> {
    let folder = audit_folder(data_dir);
    private::folder(&folder)?;
    let seen = match folder.join(index::FILE).exists() {
        true => open_index(&folder).and_then(|index| index.seen().ok().flatten()),
        false => None,
    };
    let (mut chain, _) = Chain::open(Arc::new(RealDisk), &folder, seen)?;
    let numbers = chain.append(entries, clock.now());
    // Also after a failure: a file that root began must not keep the gateway out.
    private::give_to_owner_above(&folder)?;
    numbers
}

/// A page of the log of a data folder, for a command.
pub fn list_once(data_dir: &Path, filter: &AuditFilter) -> Result<Page, StoreError> {
    let folder = audit_folder(data_dir);
    let index = Index::open(&folder)?;
    let page = index.list(filter);
    private::give_to_owner_above(&folder)?;
    page
}

/// Without its index the log is as good as with it; only lists must wait until it can be made.
fn open_index(folder: &Path) -> Option<Index> {
    match Index::open(folder) {
        Ok(index) => Some(index),
        Err(error) => {
            tracing::error!(%error, "the audit log's index cannot be opened");
            None
        }
    }
}

/// What the writing thread works with.
struct Writer {
    chain: Chain,
    clock: Clock,
    index: Arc<OnceLock<Index>>,
    shipping: Shipping,
}

fn start(writer: Writer, folder: &Path) -> Result<mpsc::SyncSender<Job>, StoreError> {
    let (jobs, queue) = mpsc::sync_channel(limits::AUDIT_WAITING_MAX);
    thread::Builder::new()
        .name("sluss-audit".to_string())
        .stack_size(512 << 10)
        .spawn(move || write_all(writer, &queue))
        .map_err(files::failed("starting the writer of", folder))?;
    Ok(jobs)
}

/// The writing thread.
fn write_all(mut writer: Writer, queue: &mpsc::Receiver<Job>) {
    loop {
        let first = match queue.try_recv() {
            Ok(job) => job,
            Err(mpsc::TryRecvError::Disconnected) => return,
            Err(mpsc::TryRecvError::Empty) => {
                // Nobody waits: now the index may cost its time, a little at a time while it has to be made anew.
                if follow_some(&writer.index) {
                    continue;
                }
                let Ok(job) = queue.recv() else { return };
                job
            }
        };
        let first = match first {
            Job::Write(first) => first,
            Job::Sign { by, tell } => {
                writer.sign(&by, tell);
                continue;
            }
        };
        let (mut batch, mut signing) = (vec![first], None);
        let count = |batch: &[Batch]| batch.iter().map(|job| job.entries.len()).sum::<usize>();
        while count(&batch) < limits::AUDIT_BATCH_RECORDS_MAX {
            match queue.try_recv() {
                Ok(Job::Write(more)) => batch.push(more),
                Ok(Job::Sign { by, tell }) => {
                    signing = Some((by, tell));
                    break;
                }
                Err(mpsc::TryRecvError::Empty | mpsc::TryRecvError::Disconnected) => break,
            }
        }
        writer.write(batch);
        if let Some((by, tell)) = signing {
            writer.sign(&by, tell);
        }
    }
}

impl Writer {
    fn sign(&mut self, by: &Signers, tell: oneshot::Sender<Result<Option<u64>, StoreError>>) {
        let signed = self.chain.sign(by, self.clock.now());
        // Before anybody hears of it: whoever does may end the gateway, and it is to be sent before that.
        self.shipping.reached(self.chain.head().number);
        // Whoever asked may have gone away; the checkpoint stands all the same.
        let _gone = tell.send(signed);
    }

    fn write(&mut self, batch: Vec<Batch>) {
        let (mut entries, mut waiting) = (Vec::new(), Vec::new());
        for job in batch {
            waiting.push((job.entries.len(), job.tell));
            entries.extend(job.entries);
        }
        let mut written = self.chain.append(entries, self.clock.now());
        self.shipping.reached(self.chain.head().number);
        if let Err(error) = &written {
            tracing::error!(%error, "the audit log takes no record: what should be recorded is refused");
        }
        for (count, tell) in waiting {
            let answer = match &mut written {
                Ok(numbers) => Ok(numbers.drain(..count.min(numbers.len())).collect()),
                Err(error) => Err(again(error)),
            };
            // Whoever asked may have gone away; the record stands all the same.
            let _gone = tell.send(answer);
        }
    }
}

/// True: there may be more to be taken in.
fn follow_some(index: &OnceLock<Index>) -> bool {
    let followed = index.get().map_or(Ok(false), Index::follow_some);
    followed.unwrap_or_else(|error| {
        tracing::warn!(%error, "the audit log's index is behind; the log itself is not");
        false
    })
}

/// The same failure, for each who waited.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::File { what, file, source } => {
            let source = std::io::Error::new(source.kind(), source.to_string());
            StoreError::File { what, file: file.clone(), source }
        }
        StoreError::Database { .. }
        | StoreError::Damaged { .. }
        | StoreError::Newer { .. }
        | StoreError::WrongMasterKey { .. }
        | StoreError::KeyNotOurs { .. }
        | StoreError::KeyMissing { .. }
        | StoreError::Closed => StoreError::Closed,
    }
}
