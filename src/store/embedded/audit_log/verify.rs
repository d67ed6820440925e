//! Is the chain whole, and did the gateway sign it? Reads every line from the first record on and believes nothing but the bytes and the
//! keys that the asker names.
//!
//! Up to a checkpoint of a believed key nothing can be changed, removed, added or moved without its showing. What no bytes can show is that
//! the end was cut off at a line, or that what stands after the last checkpoint was written anew. In the gateway's own folder the index
//! remembers an end, and that record has to be there as it was; of a copy the asker names the checkpoint that must be in it.

use super::{
    chain::Head,
    files::{self, Lines, failed},
    index,
    witness::{CheckpointSeen, KeySeen, Witness},
};
use crate::{
    base::{clock::UnixMs, limits},
    store::{
        StoreError,
        audit::{self, Hash, Link, Misfit, Record, What},
        signer::Fingerprint,
        spool::{Disk, RealDisk},
    },
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read},
    path::Path,
};

/// What is asked of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Keys that are believed; none: the first that signs.
    pub pins: Vec<Fingerprint>,
    /// Only from this checkpoint on, by its number.
    pub from: Option<u64>,
    /// Only up to this one.
    pub to: Option<u64>,
}

/// What kind of copy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// An export: nothing but the lines, each once.
    Exported,
    /// What a log server wrote: lines that were sent twice, what stands before a record in its line, and lines that are none of ours
    /// are let be.
    Received,
}

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
    /// The first record's number; 1 unless a copy begins later.
    pub first_number: Option<u64>,
    /// The log's name: the hash of its first record.
    pub log: Option<Hash>,
    /// Checkpoints that are right.
    pub checkpoints: u64,
    /// Records that are proven to be what was written: up to a checkpoint of a believed key.
    pub covered: u64,
    /// The newest checkpoint that is right.
    pub checkpoint: Option<CheckpointSeen>,
    /// Records after it, which nothing proves yet.
    pub after: u64,
    /// When the first of those was written.
    pub after_since_ms: Option<UnixMs>,
    /// The keys that signed.
    pub keys: Vec<KeySeen>,
    /// Lines of a received copy that are there once more.
    pub repeated: u64,
    /// Lines of a received copy that are no records of an audit log.
    pub foreign_lines: u64,
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
pub fn verify(folder: &Path, asked: &Asked, seen: impl FnMut(u64)) -> Result<Verified, StoreError> {
    verify_from(&RealDisk, folder, asked, None, seen)
}

/// The same in the gateway's own folder: what the index has seen must be there.
pub fn verify_own(
    folder: &Path,
    asked: &Asked,
    seen: impl FnMut(u64),
) -> Result<Verified, StoreError> {
    // Asked first: what is written meanwhile is in the files and not yet in what it remembers.
    let remembered = match folder.join(index::FILE).exists() {
        true => super::open_index(folder).and_then(|index| index.seen().ok().flatten()),
        false => None,
    };
    verify_from(&RealDisk, folder, asked, remembered, seen)
}

/// Verifies a copy, line by line; `name` is what places in it are called by. It may begin anywhere.
pub fn verify_copy(
    mut lines: impl BufRead,
    name: &str,
    copied: Copied,
    asked: &Asked,
    mut seen: impl FnMut(u64),
) -> io::Result<Verified> {
    let mut state = State::new(asked, None);
    (state.copied, state.expected) = (Some(copied), None);
    state.found.files = 1;
    let (mut at, mut line) = (0, Vec::new());
    while let Some(whole) = next_line(&mut lines, &mut line)? {
        at += 1;
        if !whole && audit::read_link(&line).is_err() {
            state.misfit(name.to_string(), at, "the copy ends within this line".to_string());
            break;
        }
        state.line(name, at, &line, &mut seen);
    }
    Ok(state.end(name))
}

/// The next line without its end, as far as one of ours and a header may go. False: it has no line end.
fn next_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let bound = 2 * files::bytes(limits::AUDIT_LINE_BYTES_MAX);
    if lines.by_ref().take(bound).read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Some(true));
    }
    // Longer than any: the rest of it is stepped over.
    if files::bytes(line.len()) == bound {
        let mut rest = Vec::new();
        while lines.by_ref().take(bound).read_until(b'\n', &mut rest)? > 0 {
            if rest.last() == Some(&b'\n') {
                return Ok(Some(true));
            }
            rest.clear();
        }
    }
    Ok(Some(false))
}

pub(super) fn verify_from(
    disk: &dyn Disk,
    folder: &Path,
    asked: &Asked,
    remembered: Option<Head>,
    mut seen: impl FnMut(u64),
) -> Result<Verified, StoreError> {
    let all = files::list(disk, folder)?;
    let mut state = State::new(asked, remembered.filter(|head| head.number > 0));
    let last = all.last().copied();
    let mut due = 1;
    for file in all {
        // Between two checkpoints nobody asks for what was before.
        for missing in due..file {
            if asked.from.is_some() && state.found.records == 0 {
                break;
            }
            state.misfit(files::name(missing), 0, "the file is missing".to_string());
            if missing - due > bound() {
                break;
            }
        }
        due = file + 1;
        state.read(disk, folder, file, last == Some(file), &mut seen)?;
    }
    state.remember(last);
    Ok(state.end(&files::name(last.unwrap_or(1))))
}

fn bound() -> u64 {
    files::bytes(limits::AUDIT_MISFITS_MAX)
}

#[derive(Default)]
struct State {
    found: Verified,
    asked: Asked,
    /// None: the gateway's files themselves.
    copied: Option<Copied>,
    /// What the next line must name; none after a line that names nothing, and where a copy begins.
    expected: Option<Hash>,
    witness: Witness,
    /// Records that fit, since the last checkpoint or misfit.
    uncovered: u64,
    /// The checkpoint from which on it was asked for has come.
    begun: bool,
    /// The first checkpoint that is right.
    first_checkpoint: Option<u64>,
    /// The one up to which it was asked for has come.
    ended: bool,
    /// Records of late, by which lines that were sent twice are known.
    recent: BTreeMap<u64, Hash>,
    /// An end that somebody saw.
    remembered: Option<Head>,
    /// Is the record with that number the one that was seen?
    is_the_one: Option<bool>,
}

impl State {
    fn new(asked: &Asked, remembered: Option<Head>) -> State {
        let expected = asked.from.is_none().then(Hash::default);
        let whole = asked.from.is_none() && asked.to.is_none();
        State {
            asked: asked.clone(),
            expected,
            witness: Witness::with_pins(&asked.pins),
            begun: asked.from.is_none(),
            remembered: remembered.filter(|_| whole),
            ..State::default()
        }
    }

    fn misfit(&mut self, file: String, line: u64, why: String) {
        self.found.misfits += 1;
        self.uncovered = 0;
        self.witness.interrupted();
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
        let (mut at, name) = (0, files::name(file));
        while let Some(line) = lines.next_line().map_err(failed("reading", &path))? {
            at += 1;
            if !line.whole && last {
                self.found.unfinished_bytes = line.end - line.place;
                return Ok(());
            }
            self.line(&name, at, &line.text, seen);
        }
        Ok(())
    }

    /// One line, wherever it comes from.
    fn line(&mut self, file: &str, at: u64, line: &[u8], seen: &mut impl FnMut(u64)) {
        let received = self.copied == Some(Copied::Received);
        let line = match received.then(|| memchr::memmem::find(line, RECORD_BEGINS)) {
            None => line,
            Some(Some(from)) => line.get(from..).unwrap_or_default(),
            Some(None) => {
                self.found.foreign_lines += 1;
                return;
            }
        };
        if self.ended || !self.has_begun(line) {
            return;
        }
        if received && self.is_repeated(line) {
            self.found.repeated += 1;
            return;
        }
        match self.step(line) {
            Ok(link) => self.hear(file, at, line, &link),
            Err(misfit) => {
                self.misfit(file.to_string(), at, misfit.to_string());
                self.step_over(line);
            }
        }
        self.ended = self.asked.to.is_some_and(|to| self.found.head_number >= to);
        if self.found.records.is_multiple_of(10_000) {
            seen(self.found.records);
        }
    }

    /// Is this where to begin, or after it?
    fn has_begun(&mut self, line: &[u8]) -> bool {
        self.begun = self.begun
            || audit::read_link(line)
                .is_ok_and(|link| self.asked.from.is_some_and(|from| link.number >= from));
        self.begun
    }

    fn is_repeated(&self, line: &[u8]) -> bool {
        audit::read_link(line)
            .is_ok_and(|link| self.recent.get(&link.number).is_some_and(|hash| *hash == link.hash))
    }

    /// What a line that fits says about the log itself.
    fn hear(&mut self, file: &str, at: u64, line: &[u8], link: &Link) {
        self.uncovered += 1;
        self.found.after += 1;
        self.found.after_since_ms.get_or_insert(link.at);
        match self.witness.see(line, link) {
            Ok(None) => (),
            Ok(Some(checkpoint)) => {
                self.found.checkpoints += 1;
                self.first_checkpoint.get_or_insert(checkpoint.number);
                self.found.covered += std::mem::take(&mut self.uncovered);
                self.found.checkpoint = Some(checkpoint);
                (self.found.after, self.found.after_since_ms) = (0, None);
            }
            Err(why) => {
                self.misfit(file.to_string(), at, why.to_string());
                // It is this record, not the next.
                if let Some(bad) = self.found.bad.last_mut() {
                    bad.number = link.number;
                }
            }
        }
    }

    fn step(&mut self, line: &[u8]) -> Result<Link, Misfit> {
        let link = audit::read_link(line)?;
        let begins = link.number == 1 && self.found.records == 0;
        let expected = if begins { Some(Hash::default()) } else { self.expected };
        if expected.is_some_and(|expected| expected != link.prev) {
            return Err(Misfit::Unchained);
        }
        // After a line that could not be read the count begins anew.
        if expected.is_some() && link.number != self.found.head_number + 1 {
            return Err(Misfit::Number);
        }
        self.take(line, link.number, link.at);
        self.expected = Some(link.hash);
        Ok(link)
    }

    /// One fault is said once: the chain is followed from what the line says of itself.
    fn step_over(&mut self, line: &[u8]) {
        self.expected = audit::claimed_hash(line);
        match audit::read_record(line) {
            Some(Record { number, at_ms, .. }) => {
                let between = number.saturating_sub(self.found.head_number).saturating_sub(1);
                self.found.missing += between;
                self.take(line, number, at_ms);
                self.found.after += 1;
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
        found.first_number.get_or_insert(number);
        found.first_ms.get_or_insert(at);
        found.last_ms = Some(at);
        found.head = audit::claimed_hash(line).unwrap_or_default();
        if self.copied == Some(Copied::Received) {
            self.recent.insert(number, found.head);
            if self.recent.len() > limits::AUDIT_REPEATS_REMEMBERED_MAX {
                self.recent.pop_first();
            }
        }
        if self.remembered.is_some_and(|end| end.number == number) {
            self.is_the_one = Some(self.remembered.is_some_and(|end| end.hash == found.head));
        }
        let noted = memchr::memmem::find(line, What::ChainBrokenFound.word().as_bytes()).is_some()
            && audit::read_record(line).is_some_and(|it| it.what == What::ChainBrokenFound);
        found.breaks_noted += u64::from(noted);
    }

    /// All is read: is there what was asked for?
    fn end(mut self, name: &str) -> Verified {
        if let Some(from) = self.asked.from
            && (self.found.first_number != Some(from) || self.first_checkpoint != Some(from))
        {
            let why = format!("record {from} is no checkpoint here that is right");
            self.misfit(name.to_string(), 0, why);
        }
        if let Some(to) = self.asked.to
            && self.found.checkpoint.is_none_or(|newest| newest.number != to)
        {
            let why = format!("there is no checkpoint here with the number {to} that is right");
            self.misfit(name.to_string(), 0, why);
        }
        if self.witness.misses_pins() {
            let why = "nothing here is signed by the key that was named".to_string();
            self.misfit(name.to_string(), 0, why);
        }
        let mut found = self.found;
        found.log = self.witness.log();
        found.keys = self.witness.keys;
        found.whole = found.misfits == 0;
        found
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

/// What every line of the log begins with.
const RECORD_BEGINS: &[u8] = b"{\"number\":";
