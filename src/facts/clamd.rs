//! ClamAV, asked over its socket. Optional: when it does not answer, that is a fact like any other.
//!
//! Connections are sessions (IDSESSION) with one command in flight, kept for a few seconds and given up at the first surprise, so that
//! no answer can be taken for that of another mail. A breaker leaves a clamd that is away alone. A scan that takes too long is that
//! mail's trouble, not clamd's, as long as clamd still answers PING and finishes others between: else a stranger's slow mails would
//! switch the scanner off.
//! Nothing is called clean unless clamd said so after it had everything.

mod connection;
#[cfg(test)]
mod tests;

use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    config::clamd::{ClamdAddress, ClamdConfig},
    facts::{
        Known,
        breaker::{Breaker, Leave, Patience, Resting},
    },
    wire::clamd::{Said, Signature, Version},
};
use connection::{Connection, Task};
use rustix::fs::{MemfdFlags, SealFlags};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, time::timeout};

/// What clamd says of one content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    /// Nothing it knows.
    Clean,
    /// These, in its order; usually one, for it stops at the first.
    Found(Vec<Signature>),
    /// It is there, and did not look at this: too large for it, or for too long, and why.
    NotTaken(String),
}

/// What clamd says of a mail, stored with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scanned {
    /// What was found.
    pub found: Vec<Hit>,
    /// What it gave no answer about.
    pub unanswered: Vec<Unanswered>,
    /// What it is known not to have looked at: asking again would not help.
    #[serde(default)]
    pub not_taken: Vec<Unanswered>,
    /// The configuration says that mail waits until there is an answer.
    #[serde(default)]
    pub required: bool,
}

/// A signature and where it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The part; empty for the whole mail.
    pub part: String,
    /// The path inside archives.
    pub path: String,
    /// What was found there.
    pub signature: Signature,
}

/// A content without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// The part; empty for the whole mail.
    pub part: String,
    /// The path inside archives.
    pub path: String,
    /// Why.
    pub because: String,
}

impl Scanned {
    /// Adds what was said of one content. What was not asked is not there.
    pub fn add(&mut self, part: &str, path: &str, scan: Known<Scan>) {
        let place = || (part.to_string(), path.to_string());
        match scan {
            Known::Yes(Scan::Clean) | Known::NotAsked => (),
            Known::Yes(Scan::Found(signatures)) => {
                self.found.extend(signatures.into_iter().map(|signature| {
                    let (part, path) = place();
                    Hit { part, path, signature }
                }));
            }
            Known::Yes(Scan::NotTaken(because)) => {
                let (part, path) = place();
                self.not_taken.push(Unanswered { part, path, because });
            }
            Known::No(because) => {
                let (part, path) = place();
                self.unanswered.push(Unanswered { part, path, because });
            }
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum NotAnswered {
    #[error("clamd did not answer before and is asked again in {} s", wait.as_secs().saturating_add(1))]
    Resting { wait: Duration },
    #[error("all {connections} connections to clamd were busy for {waited:?}")]
    Busy { connections: usize, waited: Duration },
    #[error("no connection to clamd: {0}")]
    Away(String),
    #[error("the connection to clamd broke: {0}")]
    Lost(String),
    #[error("clamd took more than {waited:?}")]
    Slow { waited: Duration },
    #[error(
        "clamd took more than {waited:?} and does not answer PING either, or has done so too often"
    )]
    Hangs { waited: Duration },
    #[error("{bytes} bytes are more than clamd is sent ({max})")]
    TooLarge { bytes: u64, max: u64 },
    #[error("clamd takes less than we send: its StreamMaxLength is below our stream-bytes-max")]
    TooLargeForClamd,
    #[error("this mail's {what} for clamd are used up")]
    UsedUp { what: String },
    #[error("clamd said {0:?}")]
    Refused(String),
    #[error("clamd said something not understood: {0:?}")]
    Garbled(String),
    #[error("the content cannot be read: {0}")]
    Unreadable(String),
}

impl NotAnswered {
    /// Does it speak against clamd, rather than against this content or us?
    fn is_clamds_fault(&self) -> bool {
        match self {
            NotAnswered::Away(_)
            | NotAnswered::Lost(_)
            | NotAnswered::Hangs { .. }
            | NotAnswered::Garbled(_) => true,
            NotAnswered::Resting { .. }
            | NotAnswered::Busy { .. }
            | NotAnswered::Slow { .. }
            | NotAnswered::TooLarge { .. }
            | NotAnswered::TooLargeForClamd
            | NotAnswered::UsedUp { .. }
            | NotAnswered::Refused(_)
            | NotAnswered::Unreadable(_) => false,
        }
    }

    /// Does it speak of this content, so that asking again would give the same?
    fn is_about_the_content(&self) -> bool {
        match self {
            NotAnswered::Slow { .. }
            | NotAnswered::TooLarge { .. }
            | NotAnswered::TooLargeForClamd
            | NotAnswered::UsedUp { .. }
            | NotAnswered::Refused(_) => true,
            NotAnswered::Away(_)
            | NotAnswered::Lost(_)
            | NotAnswered::Hangs { .. }
            | NotAnswered::Garbled(_)
            | NotAnswered::Resting { .. }
            | NotAnswered::Busy { .. }
            | NotAnswered::Unreadable(_) => false,
        }
    }

    /// Would asking for the mail's next blob be in vain?
    fn ends_the_mail(&self) -> bool {
        self.is_clamds_fault()
            || matches!(self, NotAnswered::Resting { .. } | NotAnswered::Busy { .. })
    }
}

/// A clamd.
#[derive(Debug)]
pub struct Clamd {
    config: ClamdConfig,
    clock: Clock,
    places: Semaphore,
    idle: Mutex<Vec<(Connection, Tick)>>,
    breaker: Breaker,
    /// Scans in a row that took too long.
    slow: AtomicU32,
}

impl Clamd {
    /// Connects to nothing yet.
    pub fn new(config: &ClamdConfig, clock: Clock) -> Clamd {
        let patience = Patience {
            failures_max: limits::CLAMD_FAILURES_MAX,
            rest_min: limits::CLAMD_REST_MIN,
            rest_max: limits::CLAMD_REST_MAX,
        };
        Clamd {
            clock,
            places: Semaphore::new(config.connections),
            idle: Mutex::new(Vec::new()),
            breaker: Breaker::new(patience),
            slow: AtomicU32::new(0),
            config: config.clone(),
        }
    }

    /// Is it there?
    pub async fn ping(&self) -> Known<()> {
        known(self.ask(Task::Ping).await, |said| matches!(said, Said::Pong).then_some(()))
    }

    /// Its version and that of its signatures, for the status page.
    pub async fn version(&self) -> Known<Version> {
        known(self.ask(Task::Version).await, |said| match said {
            Said::Version(version) => Some(version),
            Said::Pong
            | Said::Clean
            | Said::Found(_)
            | Said::TooLarge
            | Said::TimedOut
            | Said::Error(_)
            | Said::Garbage(_) => None,
        })
    }

    /// Does mail wait until it answers?
    pub fn is_required(&self) -> bool {
        self.config.required
    }

    /// Does it rest after failures?
    pub fn is_resting(&self) -> bool {
        self.breaker.is_open()
    }

    /// Scans blobs of one mail, one answer for each in their order. Those beyond [`limits::CLAMD_BLOBS_MAX`],
    /// [`limits::CLAMD_BLOBS_BYTES_MAX`] and [`limits::CLAMD_BLOBS_TIME_MAX`] are [`Scan::NotTaken`].
    pub async fn scan_bytes(&self, blobs: &[&[u8]]) -> Vec<Known<Scan>> {
        let began = self.clock.tick();
        let mut bytes_left = limits::CLAMD_BLOBS_BYTES_MAX;
        let mut in_vain = None;
        let mut answers = Vec::with_capacity(blobs.len());
        for (number, blob) in blobs.iter().enumerate() {
            let bytes = u64::try_from(blob.len()).unwrap_or(u64::MAX);
            let spent = self.clock.tick().since(began) >= limits::CLAMD_BLOBS_TIME_MAX;
            let answer = match (&in_vain, used_up(number, bytes, bytes_left, spent)) {
                (Some(why), _) => Err(NotAnswered::clone(why)),
                (None, Some(why)) => Err(why),
                (None, None) => {
                    bytes_left = bytes_left.saturating_sub(bytes);
                    self.scan_blob(blob, bytes).await
                }
            };
            in_vain = in_vain.or_else(|| answer.clone().err().filter(NotAnswered::ends_the_mail));
            answers.push(scanned(answer));
        }
        answers
    }

    /// Scans an open file from its begin, whatever its offset: the spooled mail, or a [`sealed`] blob.
    /// Over a Unix socket the file itself is passed; where clamd may not read it (AppArmor), and over TCP, its content is streamed.
    pub async fn scan_file(&self, file: BorrowedFd<'_>) -> Known<Scan> {
        scanned(self.scan_open(file).await)
    }

    async fn scan_blob(&self, blob: &[u8], bytes: u64) -> Result<Said, NotAnswered> {
        self.is_looked_at(bytes)?;
        match (&self.config.address, self.too_large(bytes)) {
            (_, None) => self.ask(Task::Stream(blob)).await,
            (ClamdAddress::Tcp { .. }, Some(why)) => Err(why),
            (ClamdAddress::Unix(_), Some(_)) => {
                let file = sealed(blob).map_err(unreadable)?;
                self.scan_open(file.as_fd()).await
            }
        }
    }

    async fn scan_open(&self, file: BorrowedFd<'_>) -> Result<Said, NotAnswered> {
        let bytes = rustix::fs::fstat(file).map_err(|error| unreadable(error.into()))?.st_size;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.is_looked_at(bytes)?;
        if matches!(self.config.address, ClamdAddress::Unix(_)) {
            match self.ask(Task::File(file)).await {
                Err(NotAnswered::Refused(words)) => tracing::debug!(words, "clamd takes no file"),
                other => return other,
            }
        }
        let file = File::from(file.try_clone_to_owned().map_err(unreadable)?);
        match self.too_large(bytes) {
            Some(why) => Err(why),
            None => self.ask(Task::StreamFile(Arc::new(file), bytes)).await,
        }
    }

    /// ClamAV calls clean what is larger than its `MaxFileSize`.
    fn is_looked_at(&self, bytes: u64) -> Result<(), NotAnswered> {
        let max = self.config.file_bytes_max;
        match bytes > max {
            true => Err(NotAnswered::TooLarge { bytes, max }),
            false => Ok(()),
        }
    }

    fn too_large(&self, bytes: u64) -> Option<NotAnswered> {
        let max = self.config.stream_bytes_max;
        (bytes > max).then_some(NotAnswered::TooLarge { bytes, max })
    }

    /// One command, with the breaker before it and the time limit around it.
    async fn ask(&self, task: Task<'_>) -> Result<Said, NotAnswered> {
        let waited = self.config.timeout;
        let busy = NotAnswered::Busy { connections: self.config.connections, waited };
        let Ok(Ok(_place)) = timeout(waited, self.places.acquire()).await else {
            return Err(busy);
        };
        let leave = self.breaker.leave(self.clock.tick()).map_err(resting)?;
        let answer = match timeout(waited, self.exchange(&task)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.too_slow().await),
        };
        self.report(leave, answer.as_ref().err());
        answer
    }

    fn report(&self, leave: Leave, failure: Option<&NotAnswered>) {
        match failure.filter(|why| why.is_clamds_fault()) {
            Some(why) => {
                if self.breaker.failed(leave, self.clock.tick()) {
                    tracing::warn!(%why, address = %self.config.address, "clamd does not answer and is left alone for a while");
                }
            }
            // Who refuses one content is there all the same.
            None => {
                if self.breaker.answered() {
                    tracing::info!(address = %self.config.address, "clamd answers again");
                }
            }
        }
    }

    /// On a connection that was kept, else, or when clamd has dropped that meanwhile, on a new one.
    async fn exchange(&self, task: &Task<'_>) -> Result<Said, NotAnswered> {
        if let Some(kept) = self.take_idle() {
            match self.exchange_on(kept, task).await {
                // It has probably restarted: what else is kept is as old.
                Err(NotAnswered::Lost(_)) => self.idle().clear(),
                other => return other,
            }
        }
        self.exchange_on(Connection::open(&self.config.address).await?, task).await
    }

    async fn exchange_on(
        &self,
        mut connection: Connection,
        task: &Task<'_>,
    ) -> Result<Said, NotAnswered> {
        let said = connection.run(task).await?;
        let answer = match said {
            Said::Pong | Said::Version(_) | Said::Clean | Said::Found(_) => said,
            Said::TooLarge => return Err(NotAnswered::TooLargeForClamd),
            Said::TimedOut => return Err(NotAnswered::Lost("clamd waited too long".to_string())),
            Said::Error(words) => return Err(NotAnswered::Refused(words)),
            Said::Garbage(words) => return Err(NotAnswered::Garbled(words)),
        };
        if matches!(answer, Said::Clean | Said::Found(_)) {
            self.slow.store(0, Ordering::Relaxed);
        }
        if connection.is_reusable() {
            self.keep(connection);
        }
        Ok(answer)
    }

    /// One mail, or clamd? If nothing but slow scans comes from a clamd that answers PING, its scanning threads hang.
    async fn too_slow(&self) -> NotAnswered {
        let waited = self.config.timeout;
        let in_a_row = self.slow.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        match in_a_row < limits::CLAMD_SLOW_MAX && self.answers_ping().await {
            true => NotAnswered::Slow { waited },
            false => NotAnswered::Hangs { waited },
        }
    }

    async fn answers_ping(&self) -> bool {
        let pinging = async {
            let mut connection = Connection::open(&self.config.address).await?;
            connection.run(&Task::Ping).await
        };
        matches!(timeout(limits::CLAMD_PING_TIME_MAX, pinging).await, Ok(Ok(Said::Pong)))
    }

    fn take_idle(&self) -> Option<Connection> {
        let now = self.clock.tick();
        let mut idle = self.idle();
        idle.retain(|(_, since)| now.since(*since) < limits::CLAMD_IDLE_AGE_MAX);
        // The youngest: the others may then grow old and go.
        idle.pop().map(|(connection, _)| connection)
    }

    fn keep(&self, connection: Connection) {
        let now = self.clock.tick();
        let mut idle = self.idle();
        if idle.len() < self.config.connections {
            idle.push((connection, now));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Tick)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An anonymous file in memory with this content, which nobody can change any more. For [`Clamd::scan_file`].
pub fn sealed(content: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("blob", flags)?);
    file.write_all(content)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

fn used_up(number: usize, bytes: u64, bytes_left: u64, spent: bool) -> Option<NotAnswered> {
    let what = match () {
        () if number >= limits::CLAMD_BLOBS_MAX => format!("{} blobs", limits::CLAMD_BLOBS_MAX),
        () if bytes > bytes_left => format!("{} MiB", limits::CLAMD_BLOBS_BYTES_MAX >> 20),
        () if spent => format!("{} seconds", limits::CLAMD_BLOBS_TIME_MAX.as_secs()),
        () => return None,
    };
    Some(NotAnswered::UsedUp { what })
}

fn scan(said: Said) -> Option<Scan> {
    match said {
        Said::Clean => Some(Scan::Clean),
        Said::Found(signature) => Some(Scan::Found(vec![signature])),
        Said::Pong
        | Said::Version(_)
        | Said::TooLarge
        | Said::TimedOut
        | Said::Error(_)
        | Said::Garbage(_) => None,
    }
}

/// What is known of a content that it was asked about.
fn scanned(answer: Result<Said, NotAnswered>) -> Known<Scan> {
    match answer {
        Err(why) if why.is_about_the_content() => Known::Yes(Scan::NotTaken(why.to_string())),
        answer => known(answer, scan),
    }
}

/// The answer if it fits the question.
fn known<T>(answer: Result<Said, NotAnswered>, read: impl Fn(Said) -> Option<T>) -> Known<T> {
    match answer {
        Err(why) => Known::No(why.to_string()),
        Ok(said) => match read(said) {
            Some(value) => Known::Yes(value),
            None => Known::No("clamd answered another question".to_string()),
        },
    }
}

fn resting(Resting(wait): Resting) -> NotAnswered {
    NotAnswered::Resting { wait }
}

fn unreadable(error: io::Error) -> NotAnswered {
    NotAnswered::Unreadable(error.to_string())
}
