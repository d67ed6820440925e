//! What a worker does in its room: it is handed a mail, opens it and says what is inside, again and again.
//!
//! The mail comes as a sealed file in memory, which nobody can change any more; the answer goes out over the line. A panic in a reader is
//! said and ends the worker: after it, nothing in here is to be relied on.

use super::{
    frames::{Line, Patience},
    warden::{read, write},
};
use crate::{
    base::{clock::Clock, limits},
    examine::{self, Contents, Identifiers, Mark, NotViewed, View, ViewAsk, YaraEngine},
    formats::budget::{Bounds, Budget},
    personal::accounts::AccountKind,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::FileExt},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What every worker of a warden shares.
pub(super) struct Tools {
    pub(super) signatures: YaraEngine,
    pub(super) personal: Identifiers,
    pub(super) wants: examine::Wants,
}

/// Something to be done with a mail; the file with its bytes comes along.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    /// Its size.
    pub(super) bytes: u64,
    /// What is to be done.
    pub(super) task: Task,
}

/// What is to be done with a mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Task {
    /// Say what is inside; numbers of people of these countries are looked for where no word names them, too.
    Open(Vec<String>),
    /// Make it readable for a person.
    View(ViewAsk),
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// It was opened.
    Opened {
        /// What is inside.
        contents: Box<Contents>,
        /// The values behind each [`examine::Personal`], where they are to be revealed.
        revealed: Vec<Vec<String>>,
        /// Their marks.
        marks: Vec<Vec<Mark>>,
        /// What only our views found, where another scanner is asked.
        blobs: Vec<examine::Blob>,
        /// Accounts that money is paid to: kind, value, part.
        accounts: Vec<(AccountKind, String, String)>,
    },
    /// It was made readable, or cannot be.
    Viewed(Box<Result<View, NotViewed>>),
    /// A reader stumbled.
    Panicked,
}

/// Opens mail after mail until the other end has gone.
pub(super) fn work(mut line: Line, tools: &Tools) -> io::Result<()> {
    while let Some(frame) = line.receive(JOB_BYTES_MAX, Patience::Endless)? {
        let job: Job = read(&frame.body)?;
        let file = frame.file.ok_or_else(|| io::Error::other("no mail came along"))?;
        let message = message(file, job.bytes)?;
        let answer = match job.task {
            Task::Open(abroad) => answer(&message, &abroad, tools),
            Task::View(ask) => show(&message, ask),
        };
        let ends = matches!(answer, Answer::Panicked);
        line.send(&write(&answer)?, None)?;
        if ends {
            break;
        }
    }
    Ok(())
}

fn answer(message: &[u8], abroad: &[String], tools: &Tools) -> Answer {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let Tools { signatures, personal, wants } = tools;
        let tools = examine::Tools { signatures, personal, wants: *wants, abroad };
        // What others do on the machine takes no time from this mail.
        let mut budget = Budget::new(Bounds::default(), &Clock::of_this_thread());
        examine::open(message, &tools, &mut budget)
    }));
    match opened {
        Ok(mut contents) => {
            let marks = contents.personal.iter_mut();
            let marks = marks.map(|one| std::mem::take(&mut one.marks)).collect();
            let personal = contents.personal.iter_mut();
            let revealed = personal.map(|one| std::mem::take(&mut one.values)).collect();
            let blobs = std::mem::take(&mut contents.blobs);
            let accounts = std::mem::take(&mut contents.accounts).into_iter();
            let accounts =
                accounts.map(|one| (one.kind, one.value.expose().clone(), one.part)).collect();
            Answer::Opened { contents: Box::new(contents), revealed, marks, blobs, accounts }
        }
        Err(_) => Answer::Panicked,
    }
}

fn show(message: &[u8], ask: ViewAsk) -> Answer {
    let shown = catch_unwind(AssertUnwindSafe(|| {
        let mut budget = Budget::new(Bounds::default(), &Clock::of_this_thread());
        examine::view(message, ask, &mut budget)
    }));
    match shown {
        Ok(view) => Answer::Viewed(Box::new(view)),
        Err(_) => Answer::Panicked,
    }
}

fn message(file: OwnedFd, bytes: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(bytes)
        .ok()
        .filter(|size| *size <= limits::EXAMINED_BYTES_MAX)
        .ok_or_else(|| io::Error::other("larger than any mail"))?;
    let mut message = vec![0; size];
    File::from(file).read_exact_at(&mut message, 0)?;
    Ok(message)
}

/// A job is a few bytes.
const JOB_BYTES_MAX: usize = 256;
