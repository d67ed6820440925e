//! Many files at work at a time, their outcomes in the order of the files.

use crate::base::clock::{Clock, Tick};
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// Works with `jobs` threads on all of them, and hands each outcome on in the order given. Where somebody looks on, it says how far it is.
pub(super) fn all<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
    mut hand_on: impl FnMut(&T, R) -> Result<(), String>,
) -> Result<(), String> {
    let jobs = jobs.max(1);
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::sync_channel(jobs * 4);
    let progress = Progress::new(items.len());
    thread::scope(|scope| {
        for _ in 0..jobs {
            let sender = send.clone();
            let (next, work) = (&next, &work);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    if sender.send((at, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut early = BTreeMap::new();
        let mut due = 0_usize;
        for (at, outcome) in receive {
            early.insert(at, outcome);
            while let (Some(outcome), Some(item)) = (early.remove(&due), items.get(due)) {
                hand_on(item, outcome)?;
                due += 1;
                progress.tell(due);
            }
        }
        progress.end();
        Ok(())
    })
}

/// Says on standard error how many are done and how long the rest will take.
struct Progress {
    all: usize,
    clock: Clock,
    began: Option<Tick>,
}

impl Progress {
    fn new(all: usize) -> Progress {
        let looks_on = io::stderr().is_terminal() && !io::stdout().is_terminal();
        let clock = Clock::system();
        Progress { all, began: (looks_on && all > EVERY).then(|| clock.tick()), clock }
    }

    fn tell(&self, done: usize) {
        let Some(began) = self.began else { return };
        if !done.is_multiple_of(EVERY) && done != self.all {
            return;
        }
        let each = self.clock.tick().since(began) / u32::try_from(done).unwrap_or(u32::MAX).max(1);
        let left = each * u32::try_from(self.all - done).unwrap_or(u32::MAX);
        eprint!("\r{done} of {} mails, {} s left   ", self.all, left.as_secs());
    }

    fn end(&self) {
        if self.began.is_some() {
            eprintln!();
        }
    }
}

/// So many mails between two looks: a terminal is slower than we are.
const EVERY: usize = 20;
