//! The workers at hand: one is taken for each mail and put back when it has answered as it should.

use super::{
    frames::{Line, Patience, is_time_out},
    own_program,
    room::{Answer, Job, Task},
    sandbox::Walls,
    warden::{self, ARGUMENT, Done, Hello, Order, Settled, Setup, read, write},
};
use crate::{
    base::{clock::Clock, hidden::Hidden, limits},
    examine::{Account, Contents, NotViewed, UnscannedReason, View, ViewAsk},
};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit},
};
use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Workers, and the warden that makes them.
pub(super) struct Pool {
    setup: Setup,
    warden: Mutex<Warden>,
    idle: Mutex<Vec<Worker>>,
    clock: Clock,
    /// It was said that the walls have a gap.
    said: AtomicBool,
}

/// Which worker a mail is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Any that is free.
    Any,
    /// One that has seen no mail yet.
    Fresh,
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Died {
    /// There was nobody to ask.
    NotStarted(String),
    /// It was at it for too long and was killed.
    TimedOut,
    /// It ended, or said what makes no sense and was ended: how.
    Ended(String),
}

struct Warden {
    child: Child,
    line: Line,
}

struct Worker {
    pid: Pid,
    line: Line,
    mails: u32,
}

impl Pool {
    /// Starts a warden, and a worker to see that it is locked in.
    pub(super) fn open(setup: Setup, clock: Clock) -> io::Result<(Pool, Settled)> {
        let (warden, settled) = Warden::start(&setup)?;
        let pool = Pool {
            setup,
            warden: Mutex::new(warden),
            idle: Mutex::default(),
            clock,
            said: AtomicBool::new(false),
        };
        let first = pool.start_worker().map_err(io::Error::other)?;
        pool.idle().push(first);
        Ok((pool, settled))
    }

    /// Has a mail opened.
    pub(super) fn open_mail(
        &self,
        message: &[u8],
        abroad: &[String],
        wanted: Wanted,
    ) -> Result<Contents, Died> {
        self.with_worker(wanted, |worker| {
            let contents = worker.open(message, abroad, &self.clock)?;
            let met_a_limit = !contents.unscanned.is_empty() && !is_plain(&contents);
            Ok((contents, met_a_limit))
        })
    }

    /// Has a mail made readable. The worker sees no other one afterwards: what somebody was shown is nowhere any more.
    pub(super) fn view_mail(
        &self,
        message: &[u8],
        ask: ViewAsk,
        wanted: Wanted,
    ) -> Result<Result<View, NotViewed>, Died> {
        self.with_worker(wanted, |worker| Ok((worker.view(message, ask, &self.clock)?, true)))
    }

    /// Gives a worker something to do. It says whether the worker has to go.
    fn with_worker<T>(
        &self,
        wanted: Wanted,
        work: impl FnOnce(&mut Worker) -> io::Result<(T, bool)>,
    ) -> Result<T, Died> {
        let idle = match wanted {
            Wanted::Any => self.idle().pop(),
            Wanted::Fresh => None,
        };
        let mut worker = match idle {
            Some(worker) => worker,
            None => self.start_worker().map_err(Died::NotStarted)?,
        };
        match work(&mut worker) {
            Ok((done, has_to_go)) => {
                worker.mails += 1;
                if worker.mails >= limits::MAILS_PER_WORKER_MAX || has_to_go {
                    self.end(worker);
                } else {
                    self.idle().push(worker);
                }
                Ok(done)
            }
            Err(error) => {
                let timed_out = is_time_out(&error);
                let how = self.end(worker);
                Err(match timed_out {
                    true => Died::TimedOut,
                    false => Died::Ended(format!("{error}; {how}")),
                })
            }
        }
    }

    /// Ends a worker for good; gives how it ended.
    fn end(&self, worker: Worker) -> String {
        // It may have ended by itself; its number is its own until it is buried.
        let _gone = kill_process(worker.pid, Signal::KILL);
        let pid = worker.pid.as_raw_nonzero().get();
        match self.warden().order(&Order::Bury(pid), None) {
            Ok(Done::Buried(how)) => how,
            Ok(Done::Born(_)) => "unknown".to_string(),
            Ok(Done::Failed(why)) => why,
            Err(error) => error.to_string(),
        }
    }

    fn start_worker(&self) -> Result<Worker, String> {
        let (worker, hello) = self.begin_worker()?;
        let gap = match hello {
            Hello::Locked(Walls::Whole) => None,
            Hello::Locked(Walls::WithoutLandlock) => {
                Some("there is no Landlock here; seccomp refuses the same calls".to_string())
            }
            Hello::Open(why) => Some(format!("NOT LOCKED IN, as configured: {why}")),
            Hello::Refused(why) => {
                self.end(worker);
                return Err(format!("an examiner cannot be locked in: {why}"));
            }
        };
        if let Some(gap) = gap
            && !self.said.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(gap, "examiners are not locked in as well as they could be");
        }
        Ok(worker)
    }

    /// A worker that has said hello. Whoever frees memory may kill one before that, or the warden itself: each is tried
    /// again, for a house must not stay shut because of one that died early.
    fn begin_worker(&self) -> Result<(Worker, Hello), String> {
        let mut warden = self.warden();
        let end = self.clock.tick().plus(limits::WORKER_TIME_MAX);
        let mut tries = 1;
        loop {
            let why = match Worker::start(&mut warden, &self.clock) {
                Ok(begun) => return Ok(begun),
                Err(why) if tries >= limits::WORKER_STARTS_MAX => return Err(why),
                Err(why) if self.clock.tick() >= end => return Err(why),
                Err(why) => why,
            };
            tries += 1;
            if warden.has_gone() {
                tracing::error!(why, "the warden of the examiners is gone; another is started");
                let (another, _) = Warden::start(&self.setup).map_err(|error| error.to_string())?;
                *warden = another;
            } else {
                tracing::warn!(why, "an examiner died before its first mail; another is started");
            }
        }
    }

    fn warden(&self) -> MutexGuard<'_, Warden> {
        self.warden.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that was not looked into is so by its own nature, not because the worker was hard put to it.
fn is_plain(contents: &Contents) -> bool {
    contents.unscanned.iter().all(|one| match one.reason {
        UnscannedReason::Encrypted | UnscannedReason::Unsupported | UnscannedReason::Damaged => {
            true
        }
        UnscannedReason::TooDeep
        | UnscannedReason::TooMany
        | UnscannedReason::TooLarge
        | UnscannedReason::RatioTooHigh
        | UnscannedReason::OutOfTime
        | UnscannedReason::Engine
        | UnscannedReason::Crashed => false,
    })
}

impl Warden {
    fn start(setup: &Setup) -> io::Result<(Warden, Settled)> {
        let (ours, theirs) = Line::pair()?;
        let child = Command::new(own_program())
            .arg(ARGUMENT)
            // Reserved address space counts against a worker's bound as if it were used.
            .env("MIMALLOC_ARENA_RESERVE", "65536")
            .stdin(Stdio::from(theirs.into_socket()))
            .stdout(Stdio::null())
            .spawn()?;
        let mut warden = Warden { child, line: ours };
        warden.line.send(&write(setup)?, None)?;
        let frame = warden.line.receive(limits::RULES_BYTES_MAX, Patience::Endless)?;
        let frame = frame.ok_or_else(|| io::Error::other("the warden of the examiners ended"))?;
        let settled = read(&frame.body)?;
        Ok((warden, settled))
    }

    fn order(&mut self, order: &Order, line: Option<OwnedFd>) -> io::Result<Done> {
        self.line.send(&write(order)?, line.as_ref().map(AsFd::as_fd))?;
        let frame = self.line.receive(DONE_BYTES_MAX, Patience::Endless)?;
        read(&frame.ok_or_else(|| io::Error::other("the warden of the examiners has gone"))?.body)
    }

    fn has_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        // Workers end by themselves when their lines are gone.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Worker {
    fn start(warden: &mut Warden, clock: &Clock) -> Result<(Worker, Hello), String> {
        let say = |error: io::Error| error.to_string();
        let (ours, theirs) = Line::pair().map_err(say)?;
        let born = warden.order(&Order::Worker, Some(theirs.into_socket())).map_err(say)?;
        let pid = match born {
            Done::Born(pid) => Pid::from_raw(pid).ok_or("a worker without a number")?,
            Done::Failed(why) => return Err(why),
            Done::Buried(_) => return Err("the warden answered something else".to_string()),
        };
        let mut worker = Worker { pid, line: ours, mails: 0 };
        match worker.hello(clock) {
            Ok(hello) => Ok((worker, hello)),
            Err(why) => {
                // As in `Pool::end`: it may have ended by itself, and is a number until it is buried.
                let _gone = kill_process(pid, Signal::KILL);
                let _how = warden.order(&Order::Bury(pid.as_raw_nonzero().get()), None);
                Err(why.to_string())
            }
        }
    }

    fn hello(&mut self, clock: &Clock) -> io::Result<Hello> {
        let end = clock.tick().plus(limits::WORKER_TIME_MAX);
        let frame = self.line.receive(HELLO_BYTES_MAX, Patience::Until(clock, end))?;
        let ended = || io::Error::other("a worker ended before it said hello");
        warden::read(&frame.ok_or_else(ended)?.body)
    }

    /// Sends a mail and hears what came of it.
    fn ask(
        &mut self,
        message: &[u8],
        task: Task,
        bytes_max: usize,
        clock: &Clock,
    ) -> io::Result<Answer> {
        let end = clock.tick().plus(limits::WORKER_TIME_MAX);
        self.grant_time(clock)?;
        let job = Job { bytes: u64::try_from(message.len()).unwrap_or(u64::MAX), task };
        let file = sealed(message)?;
        self.line.send(&write(&job)?, Some(file.as_fd()))?;
        let frame = self.line.receive(bytes_max, Patience::Until(clock, end))?;
        let ended = || io::Error::other("the worker ended without an answer");
        read(&frame.ok_or_else(ended)?.body)
    }

    fn view(
        &mut self,
        message: &[u8],
        ask: ViewAsk,
        clock: &Clock,
    ) -> io::Result<Result<View, NotViewed>> {
        match self.ask(message, Task::View(ask), limits::VIEW_ANSWER_BYTES_MAX, clock)? {
            Answer::Panicked => Err(io::Error::other("a reader stumbled")),
            Answer::Opened { .. } => Err(io::Error::other("the worker answered something else")),
            Answer::Viewed(view)
                if view.as_ref().as_ref().is_ok_and(|view| !view.is_within_bounds()) =>
            {
                Err(io::Error::other("the worker's answer is out of bounds"))
            }
            Answer::Viewed(view) => Ok(*view),
        }
    }

    fn open(&mut self, message: &[u8], abroad: &[String], clock: &Clock) -> io::Result<Contents> {
        match self.ask(message, Task::Open(abroad.to_vec()), limits::CONTENTS_BYTES_MAX, clock)? {
            Answer::Viewed(_) => Err(io::Error::other("the worker answered something else")),
            Answer::Panicked => Err(io::Error::other("a reader stumbled")),
            Answer::Opened { mut contents, revealed, marks, blobs, accounts } => {
                if !contents.is_within_bounds() {
                    return Err(io::Error::other("the worker's answer is out of bounds"));
                }
                for (one, values) in contents.personal.iter_mut().zip(revealed) {
                    one.values = values;
                }
                for (one, marks) in contents.personal.iter_mut().zip(marks) {
                    one.marks = marks;
                }
                contents.blobs = blobs;
                let accounts = accounts.into_iter().take(limits::ACCOUNTS_OF_MAIL_MAX);
                let hidden = accounts.map(|(kind, value, part)| Account {
                    kind,
                    value: Hidden::new(kind.word(), value),
                    part,
                });
                contents.accounts = hidden.collect();
                Ok(*contents)
            }
        }
    }

    /// The processor time that it may have used when this mail is done; beyond it the kernel kills it.
    fn grant_time(&self, _clock: &Clock) -> io::Result<()> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero()))?;
        let used = used_seconds(&stat).ok_or_else(|| io::Error::other("the worker has gone"))?;
        let most = used.saturating_add(limits::WORKER_CPU_SECONDS_MAX);
        prlimit(Some(self.pid), Resource::Cpu, Rlimit { current: Some(most), maximum: None })?;
        Ok(())
    }
}

/// User and system time in a line of `/proc/PID/stat`, in whole seconds.
fn used_seconds(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    let ticks = times.next()?.ok()?.checked_add(times.next()?.ok()?)?;
    Some(ticks / rustix::param::clock_ticks_per_second().max(1))
}

/// A file in memory that nobody can change any more.
fn sealed(message: &[u8]) -> io::Result<OwnedFd> {
    let file = memfd_create("mail", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(file);
    file.write_all(message)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// A word and a sentence.
const DONE_BYTES_MAX: usize = 4 << 10;
const HELLO_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_sealed_mail_cannot_be_changed() {
        let file = File::from(sealed(b"as it came").unwrap());
        assert!(file.write_at(b"otherwise", 0).is_err());
        assert!(file.set_len(2).is_err() && file.set_len(200).is_err());
        let mut bytes = [0; 10];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"as it came");
    }

    #[test]
    fn processor_time_is_read_whatever_the_program_is_called() {
        let stat = "7 (odd) name) S 1 7 7 0 -1 4194560 1 0 0 0 250 150 0 0 20 0 1 0 5 1 1";
        assert_eq!(used_seconds(stat), Some(4));
        assert_eq!(used_seconds("7 (gone"), None);
    }
}
