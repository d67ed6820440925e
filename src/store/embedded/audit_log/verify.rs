//! Is the chain whole? Reads every file from the first record on and believes nothing but the bytes: no index, no memory.
//!
//! What it cannot see is that the end was cut off at a line, or that somebody who may write the files wrote all of the chain anew: both leave
//! a chain that fits. A copy elsewhere, or a head hash that somebody noted, shows them.

use super::files::{self, Lines, failed};
use crate::{
    base::{clock::UnixMs, limits},
    store::{
        StoreError,
        audit::{self, Hash, Misfit, Record, What},
        spool::{Disk, RealDisk},
    },
};
use serde::Serialize;
use std::path::Path;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Nothing is wrong.
    pub whole: bool,
    /// Records read.
    pub records: u64,
    /// Files read.
    pub files: u64,
    /// When the first was written, milliseconds since 1970.
    pub first_ms: Option<UnixMs>,
    /// When the last was written.
    pub last_ms: Option<UnixMs>,
    /// The last record's number.
    pub head_number: u64,
    /// The last record's hash: whoever notes it elsewhere can tell later that everything up to it is still there.
    pub head: Hash,
    /// Places that do not fit.
    pub misfits: u64,
    /// The first of them.
    pub bad: Vec<Bad>,
    /// Records in which the log itself says that the chain before them is broken.
    pub breaks_noted: u64,
    /// Bytes at the very end without a line end: being written just now, or left by a crash; never acknowledged.
    pub unfinished_bytes: u64,
}

/// A place that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// The file.
    pub file: String,
    /// The line in it, from 1; 0 when the file is missing.
    pub line: u64,
    /// The number the record has, or should have.
    pub number: u64,
    /// What is wrong, in a sentence.
    pub why: String,
}

/// Verifies the log in a folder; `seen` is told now and then how many records have been read.
pub fn verify(folder: &Path, seen: impl FnMut(u64)) -> Result<Verified, StoreError> {
    verify_on(&RealDisk, folder, seen)
}

pub(super) fn verify_on(
    disk: &dyn Disk,
    folder: &Path,
    mut seen: impl FnMut(u64),
) -> Result<Verified, StoreError> {
    let all = files::list(disk, folder)?;
    let mut state = State { expected: Some(Hash::default()), ..State::default() };
    let last = all.last().copied();
    let mut due = 1;
    for file in all {
        for missing in due..file {
            state.misfit(files::name(missing), 0, "the file is missing".to_string());
            if missing - due > bound() {
                break;
            }
        }
        due = file + 1;
        state.read(disk, folder, file, last == Some(file), &mut seen)?;
    }
    let mut found = state.found;
    found.whole = found.misfits == 0;
    Ok(found)
}

fn bound() -> u64 {
    files::bytes(limits::AUDIT_MISFITS_MAX)
}

#[derive(Default)]
struct State {
    found: Verified,
    /// What the next line must name; none after a line that names nothing.
    expected: Option<Hash>,
}

impl State {
    fn misfit(&mut self, file: String, line: u64, why: String) {
        self.found.misfits += 1;
        if self.found.bad.len() < limits::AUDIT_MISFITS_MAX {
            let number = self.found.head_number + 1;
            self.found.bad.push(Bad { file, line, number, why });
        }
    }

    fn read(
        &mut self,
        disk: &dyn Disk,
        folder: &Path,
        file: u64,
        last: bool,
        seen: &mut impl FnMut(u64),
    ) -> Result<(), StoreError> {
        let path = files::path(folder, file);
        let Some(opened) = files::open_to_read(disk, folder, file)? else { return Ok(()) };
        self.found.files += 1;
        let mut lines = Lines::from(opened, 0);
        let mut at = 0;
        while let Some(line) = lines.next_line().map_err(failed("reading", &path))? {
            at += 1;
            if !line.whole && last {
                self.found.unfinished_bytes = line.end - line.place;
                return Ok(());
            }
            if let Err(misfit) = self.step(&line.text) {
                self.misfit(files::name(file), at, misfit.to_string());
                self.step_over(&line.text);
            }
            if self.found.records.is_multiple_of(10_000) {
                seen(self.found.records);
            }
        }
        Ok(())
    }

    fn step(&mut self, line: &[u8]) -> Result<(), Misfit> {
        let link = audit::read_link(line)?;
        if self.expected.is_some_and(|expected| expected != link.prev) {
            return Err(Misfit::Unchained);
        }
        // After a line that could not be read the count begins anew.
        if self.expected.is_some() && link.number != self.found.head_number + 1 {
            return Err(Misfit::Number);
        }
        self.take(line, link.number, link.at);
        self.expected = Some(link.hash);
        Ok(())
    }

    /// One fault is said once: the chain is followed from what the line says of itself.
    fn step_over(&mut self, line: &[u8]) {
        self.expected = audit::claimed_hash(line);
        match audit::read_record(line) {
            Some(Record { number, at_ms, .. }) => self.take(line, number, at_ms),
            None => self.expected = None,
        }
    }

    fn take(&mut self, line: &[u8], number: u64, at: UnixMs) {
        let found = &mut self.found;
        found.records += 1;
        found.head_number = number;
        found.first_ms.get_or_insert(at);
        found.last_ms = Some(at);
        found.head = audit::claimed_hash(line).unwrap_or_default();
        let noted = memchr::memmem::find(line, What::ChainBrokenFound.word().as_bytes()).is_some()
            && audit::read_record(line).is_some_and(|it| it.what == What::ChainBrokenFound);
        found.breaks_noted += u64::from(noted);
    }
}

/// Hands over every line of the log in a folder (without its line end), oldest first, until `take` has had enough.
pub fn each_line(
    folder: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let say = |error: StoreError| error.to_string();
    for file in files::list(&RealDisk, folder).map_err(say)? {
        let path = files::path(folder, file);
        let Some(opened) = files::open_to_read(&RealDisk, folder, file).map_err(say)? else {
            continue;
        };
        let mut lines = Lines::from(opened, 0);
        while let Some(line) = lines.next_line().map_err(failed("reading", &path)).map_err(say)? {
            if line.whole {
                take(&line.text)?;
            }
        }
    }
    Ok(())
}
