//! The warden: a small process of one thread that compiles the rules once and forks workers that share them.
//!
//! It is our own program, started with [`ARGUMENT`] and a line as its standard input. It obeys the gateway and reads nothing else; mail
//! never comes near it. A worker that has ended stays a zombie until the gateway has it buried, so that its number is nobody else's
//! meanwhile.

use super::{
    frames::{Line, Patience},
    room,
    sandbox::{self, Forked, Walls},
};
use crate::{
    base::{clock::Clock, limits},
    examine::{self, Identifiers, MarkKey, Reveal, RuleFile, RuleInfo},
    personal::Words,
};
use nix::{
    errno::Errno,
    sys::wait::{WaitStatus, waitpid},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

/// The word that makes our program a warden.
pub(super) const ARGUMENT: &str = "examine-in-a-locked-room";

/// What the warden is told first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) rules: Vec<RuleFile>,
    /// Values of personal data are given, not masks alone: `scan --reveal`.
    pub(super) reveal: bool,
    /// Values of personal data are marked under this key.
    pub(super) marks: Option<MarkKey>,
    /// What else is wanted of each mail.
    pub(super) wants: examine::Wants,
    /// Workers that cannot be locked in work all the same.
    pub(super) best_effort: bool,
}

/// What it answers when the rules are compiled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Settled {
    pub(super) rules: Vec<RuleInfo>,
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// What it is told then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Order {
    /// Fork a worker on the line that comes along.
    Worker,
    /// Wait for the end of this one, which is dead or dying.
    Bury(i32),
}

/// What it answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Done {
    /// A worker with this process id.
    Born(i32),
    /// How it ended.
    Buried(String),
    /// It could not be done.
    Failed(String),
}

/// What a worker says before anything else.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Hello {
    /// It is locked in, and has tried the door.
    Locked(Walls),
    /// It could not be locked in, and works because it was told to.
    Open(String),
    /// It could not be locked in.
    Refused(String),
}

/// Runs until the gateway has gone.
pub(super) fn run() -> io::Result<()> {
    sandbox::close_inherited()?;
    let line = rustix::io::dup(rustix::stdio::stdin())?;
    let mut line = Line::over(line);
    // So that a worker has nothing of ours but its own line.
    let nothing: OwnedFd = fs::File::options().read(true).write(true).open("/dev/null")?.into();
    rustix::stdio::dup2_stdin(&nothing)?;
    let Some(frame) = line.receive(limits::RULES_BYTES_MAX, Patience::Endless)? else {
        return Ok(());
    };
    let setup: Setup = read(&frame.body)?;
    let words = Words::shipped().map_err(|error| io::Error::other(error.to_string()))?;
    let compiled = examine::compile(&setup.rules);
    let settled = Settled {
        rules: compiled.rules,
        errors: compiled.errors.iter().map(ToString::to_string).collect(),
        warnings: compiled.warnings.iter().map(ToString::to_string).collect(),
    };
    let reveal = if setup.reveal { Reveal::Values } else { Reveal::No };
    let clock = Clock::system();
    let tools = room::Tools {
        signatures: compiled.engine,
        personal: Identifiers { words: Arc::new(words), clock, reveal, marks: setup.marks },
        wants: setup.wants,
    };
    line.send(&write(&settled)?, None)?;
    while let Some(frame) = line.receive(ORDER_BYTES_MAX, Patience::Endless)? {
        let done = match (read(&frame.body)?, frame.file) {
            (Order::Bury(pid), _) => bury(pid),
            (Order::Worker, None) => Done::Failed("no line came along".to_string()),
            (Order::Worker, Some(theirs)) => match sandbox::fork() {
                Err(error) => Done::Failed(error.to_string()),
                Ok(Forked::Parent(pid)) => Done::Born(pid),
                Ok(Forked::Child) => {
                    drop(line);
                    rustix::stdio::dup2_stdout(nothing.as_fd())?;
                    rustix::stdio::dup2_stderr(nothing.as_fd())?;
                    drop(nothing);
                    return live(Line::over(theirs), &tools, setup.best_effort);
                }
            },
        };
        line.send(&write(&done)?, None)?;
    }
    Ok(())
}

/// The life of a worker.
fn live(mut line: Line, tools: &room::Tools, best_effort: bool) -> io::Result<()> {
    // When memory runs out, the kernel is to end a worker and not the gateway. It may refuse; then it chooses as it likes.
    let _asked = fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    // What a panic says may quote the mail.
    std::panic::set_hook(Box::new(|_| ()));
    let hello = match sandbox::lock().and_then(|walls| sandbox::prove().map(|()| walls)) {
        Ok(walls) => Hello::Locked(walls),
        Err(why) if best_effort => Hello::Open(why),
        Err(why) => Hello::Refused(why),
    };
    line.send(&write(&hello)?, None)?;
    match hello {
        Hello::Refused(_) => Ok(()),
        Hello::Locked(_) | Hello::Open(_) => room::work(line, tools),
    }
}

fn bury(pid: i32) -> Done {
    loop {
        return match waitpid(Pid::from_raw(pid), None) {
            Err(Errno::EINTR) => continue,
            Err(error) => Done::Failed(error.to_string()),
            Ok(WaitStatus::Exited(_, code)) => Done::Buried(format!("it exited with {code}")),
            Ok(WaitStatus::Signaled(_, signal, _)) => Done::Buried(format!("{signal:?}")),
            Ok(other) => Done::Buried(format!("{other:?}")),
        };
    }
}

/// A message of ours as bytes.
pub(super) fn write<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(message).map_err(io::Error::other)
}

/// And back. What is left over or missing is an error.
pub(super) fn read<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> io::Result<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} bytes too many", rest.len()),
        )),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

/// Of at most 1,000, which would be the first of all to go.
const OUT_OF_MEMORY_SCORE: &str = "800";
/// An order is a few bytes.
const ORDER_BYTES_MAX: usize = 64;
