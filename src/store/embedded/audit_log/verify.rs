//! Is the chain whole? Reads every file from the first record on and believes nothing but the bytes.
//!
//! What the bytes alone cannot show is that the end was cut off at a line, or that somebody who may write the files wrote all of the chain
//! anew: both leave a chain that fits. In the gateway's own folder the index remembers an end, and that record has to be there as it was.
//! Somebody who can change the index as well is seen by a copy elsewhere, or a head hash that somebody noted.

use super::{
    chain::Head,
    files::{self, Lines, failed},
    index,
};
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
    /// Records that were there, by the numbers of those around them or by the end that the index remembers, and are not.
    pub missing: u64,
    /// The last record that the index remembers; none where there is no index to ask, as beside a copy.
    pub remembered: Option<u64>,
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
    verify_from(&RealDisk, folder, None, seen)
}

/// The same in the gateway's own folder: what the index has seen must be there.
pub fn verify_own(folder: &Path, seen: impl FnMut(u64)) -> Result<Verified, StoreError> {
    // Asked first: what is written meanwhile is in the files and not yet in what it remembers.
    let remembered = match folder.join(index::FILE).exists() {
        true => super::open_index(folder).and_then(|index| index.seen().ok().flatten()),
        false => None,
    };
    verify_from(&RealDisk, folder, remembered, seen)
}

pub(super) fn verify_from(
    disk: &dyn Disk,
    folder: &Path,
    remembered: Option<Head>,
    mut seen: impl FnMut(u64),
) -> Result<Verified, StoreError> {
    let all = files::list(disk, folder)?;
    let remembered = remembered.filter(|head| head.number > 0);
    let mut state = State { expected: Some(Hash::default()), remembered, ..State::default() };
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
    state.remember(last);
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
    /// An end that somebody saw.
    remembered: Option<Head>,
    /// Is the record with that number the one that was seen?
    is_the_one: Option<bool>,
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
            Some(Record { number, at_ms, .. }) => {
                let between = number.saturating_sub(self.found.head_number).saturating_sub(1);
                self.found.missing += between;
                self.take(line, number, at_ms);
            }
            None => self.expected = None,
        }
    }

    /// What was seen as the end must be there, as it was; `last` is the last file that is there.
    fn remember(&mut self, last: Option<u64>) {
        let Some(end) = self.remembered else { return };
        let (number, head) = (end.number, self.found.head_number);
        self.found.remembered = Some(number);
        let file = files::name(last.unwrap_or(end.file));
        match self.is_the_one {
            Some(true) => (),
            Some(false) => {
                let why = format!("record {number} is not the one that the index remembers");
                self.misfit(file, 0, why);
            }
            None if number > head => {
                let missing = number - head;
                let which = match missing {
                    1 => format!("record {number}"),
                    _ => format!("records {} to {number}", head + 1),
                };
                let why = format!("the end is missing: {which}, which the index remembers");
                self.misfit(file, 0, why);
                self.found.missing += missing;
            }
            // It is in a gap, which has been said.
            None => (),
        }
    }

    fn take(&mut self, line: &[u8], number: u64, at: UnixMs) {
        let found = &mut self.found;
        found.records += 1;
        found.head_number = number;
        found.first_ms.get_or_insert(at);
        found.last_ms = Some(at);
        found.head = audit::claimed_hash(line).unwrap_or_default();
        if self.remembered.is_some_and(|end| end.number == number) {
            self.is_the_one = Some(self.remembered.is_some_and(|end| end.hash == found.head));
        }
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
