//! The end of the chain, and adding to it. Safe for several processes at once: each batch is written under a lock, after looking what
//! others wrote meanwhile.
//!
//! A record is acknowledged when it, its file and the file's name are durable. What a crash left half written was never acknowledged and is
//! cut off. Whatever else does not fit is left as it is, for ever: the log goes on in a new file that begins by saying so.

use super::files::{self, Line, Lines, bytes, failed};
use crate::{
    base::{clock::UnixMs, limits},
    personal::Date,
    store::{
        StoreError,
        audit::{self, Actor, Details, Entry, Hash, Link, Misfit, What},
        checkpoint::{self, Said, Signed, Spot},
        keyring::Signers,
        signer::Fingerprint,
        spool::{Disk, DiskFile, write_all_at},
    },
};
use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// The file that is written to; 0 before the first.
    pub(super) file: u64,
    /// Its length.
    pub(super) bytes: u64,
    /// The last record's number.
    pub(super) number: u64,
    /// Its hash.
    pub(super) hash: Hash,
    /// When it was written.
    pub(super) at: UnixMs,
}

impl Head {
    /// Has what was seen here gone, or been replaced?
    fn is_not_after(&self, seen: &Head) -> bool {
        seen.number > self.number || (seen.number == self.number && seen.hash != self.hash)
    }

    fn step(&mut self, link: Link) {
        (self.number, self.hash, self.at) = (link.number, link.hash, link.at);
    }
}

/// Where the chain does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The file.
    pub file: String,
    /// Its line, from 1; none when the trouble is no line's.
    pub line: Option<u64>,
    /// What is wrong, in a sentence.
    pub why: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}: {}", self.file, self.why),
            None => write!(f, "{}: {}", self.file, self.why),
        }
    }
}

/// What was seen at opening.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFound {
    /// Bytes that were cut off: never acknowledged.
    pub cut_bytes: u64,
    /// Where the chain is broken, as far as was looked: the last file is read at opening, all of them by [`super::verify`].
    pub broken: Option<Break>,
}

/// The log, open for adding to it.
#[derive(Debug)]
pub(super) struct Chain {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    head: Head,
    /// Seen, and not yet recorded in the log.
    broken: Option<Break>,
    /// What was signed last; none until somebody wants to sign.
    marks: Option<Marks>,
}

/// What was signed in a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Marks {
    /// The log's name: the hash of its first record.
    log: Hash,
    /// The last checkpoint's number; 0: there is none.
    checkpoint: u64,
    /// The key that signs, as the log says.
    key: Option<Fingerprint>,
}

/// Records that are to be written together.
struct Draft {
    /// The last of them.
    head: Head,
    text: String,
    numbers: Vec<u64>,
    now: UnixMs,
}

impl Draft {
    fn add(&mut self, entry: Entry) {
        let number = self.head.number + 1;
        let (line, hash) = audit::write_line(number, self.now, entry, self.head.hash);
        self.head.step(Link { number, at: self.now, prev: self.head.hash, hash });
        self.numbers.push(number);
        self.text.push_str(&line);
    }

    fn spot(&self, log: Hash) -> Spot {
        Spot { log, covers: self.head.number, head: self.head.hash, at: self.now }
    }
}

impl Chain {
    /// Opens the log. `seen` is where somebody who remembers the chain last saw its end.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        seen: Option<Head>,
    ) -> Result<(Chain, AuditFound), StoreError> {
        disk.create_folder(folder).map_err(failed("making the folder", folder))?;
        let folder = folder.to_path_buf();
        let mut chain = Chain { disk, folder, head: Head::default(), broken: None, marks: None };
        let _locked = chain.lock()?;
        let mut found = AuditFound::default();
        let all = files::list(chain.disk.as_ref(), &chain.folder)?;
        if let Some(last) = all.last().copied() {
            chain.head = Head { file: last, bytes: 0, ..chain.end_of(last.saturating_sub(1))? };
            found.cut_bytes = chain.walk()?;
        }
        if let Some(seen) = seen.filter(|seen| chain.head.is_not_after(seen)) {
            chain.broken.get_or_insert_with(|| Break {
                file: files::name(seen.file),
                line: None,
                why: format!(
                    "record {} was in the log and is not, or is another one; the log ends with record {}",
                    seen.number, chain.head.number
                ),
            });
            // The numbers and the chain go on from what was known, so that the hole shows for ever.
            let file = chain.head.file.max(seen.file);
            chain.head = Head { file, ..seen };
        }
        found.broken.clone_from(&chain.broken);
        Ok((chain, found))
    }

    /// Where the log ends, as far as it is known here.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Adds records; gives their numbers when they are durable. On an error none of them is in the log.
    pub(super) fn append(
        &mut self,
        entries: Vec<Entry>,
        now: UnixMs,
    ) -> Result<Vec<u64>, StoreError> {
        let _locked = self.lock()?;
        self.catch_up()?;
        let (mut draft, noted) = self.begin(now);
        for entry in entries {
            draft.add(entry);
        }
        let mut numbers = self.put(draft)?;
        Ok(numbers.split_off(noted))
    }

    /// Signs the log as it is: says which key signs where the log does not say so yet, then a checkpoint where there is anything new.
    /// Gives the checkpoint's number when it is durable; none: all is signed, or there is nothing.
    pub(super) fn sign(&mut self, by: &Signers, now: UnixMs) -> Result<Option<u64>, StoreError> {
        let _locked = self.lock()?;
        self.catch_up()?;
        let marks = match self.marks {
            Some(marks) => marks,
            None => self.find_marks()?,
        };
        let marks = Marks { log: self.first()?.unwrap_or_default(), ..marks };
        self.marks = Some(marks);
        let is_known = marks.key == Some(by.current.public().fingerprint());
        if self.head.number == 0 || (is_known && self.head.number == marks.checkpoint) {
            return Ok(None);
        }
        let (mut draft, _) = self.begin(now);
        if !is_known {
            let former = by.retiring.iter().rev();
            let mut former = former.filter(|one| Some(one.public().fingerprint()) == marks.key);
            let voucher = former.next().unwrap_or(&by.current);
            let spot = draft.spot(marks.log);
            draft.add(checkpoint::announcement(spot, by.current.public(), voucher));
        }
        let spot = draft.spot(marks.log);
        draft.add(checkpoint::checkpoint(spot, marks.checkpoint, &by.current));
        self.put(draft)?;
        let key = Some(by.current.public().fingerprint());
        self.marks = Some(Marks { checkpoint: self.head.number, key, ..marks });
        Ok(Some(self.head.number))
    }

    /// The hash of the first record.
    fn first(&self) -> Result<Option<Hash>, StoreError> {
        let all = files::list(self.disk.as_ref(), &self.folder)?;
        let Some(first) = all.first().copied() else { return Ok(None) };
        let Some(file) = files::open(self.disk.as_ref(), &self.folder, first)? else {
            return Ok(None);
        };
        let path = files::path(&self.folder, first);
        let line = Lines::from(file, 0).next_line().map_err(failed("reading", &path))?;
        Ok(line.and_then(|line| audit::claimed_hash(&line.text)))
    }

    /// What was signed last. The newest file has it, unless the log is older than its signatures.
    fn find_marks(&self) -> Result<Marks, StoreError> {
        let mut marks = Marks::default();
        for number in files::list(self.disk.as_ref(), &self.folder)?.into_iter().rev() {
            let Some(file) = files::open(self.disk.as_ref(), &self.folder, number)? else {
                continue;
            };
            let path = files::path(&self.folder, number);
            let mut lines = Lines::from(file, 0);
            let mut here = Marks::default();
            while let Some(line) = lines.next_line().map_err(failed("reading", &path))? {
                let Some(Ok(signed)) = Signed::read(&line.text) else { continue };
                here.key = Some(signed.public.fingerprint());
                if matches!(signed.said, Said::Checkpoint { .. }) {
                    here.checkpoint = signed.spot.covers.saturating_add(1);
                }
            }
            marks.key = marks.key.or(here.key);
            marks.checkpoint = marks.checkpoint.max(here.checkpoint);
            if marks.checkpoint > 0 {
                break;
            }
        }
        Ok(marks)
    }

    /// Records to be written, beginning with what is wrong with the chain; and how many of them say so.
    fn begin(&self, now: UnixMs) -> (Draft, usize) {
        let mut draft = Draft { head: self.head, text: String::new(), numbers: Vec::new(), now };
        if let Some(broken) = &self.broken {
            draft.add(note(broken));
        }
        let noted = draft.numbers.len();
        (draft, noted)
    }

    /// Writes them; gives their numbers when they are durable.
    fn put(&mut self, draft: Draft) -> Result<Vec<u64>, StoreError> {
        let Draft { mut head, text, numbers, now } = draft;
        let (file, number) = self.file_for(now)?;
        head.bytes = if number == self.head.file { self.head.bytes } else { 0 };
        head.file = number;
        self.write(file.as_ref(), head, text.as_bytes())?;
        head.bytes += bytes(text.len());
        self.head = head;
        self.broken = None;
        Ok(numbers)
    }

    /// Only one process at a time. Held until it is dropped.
    fn lock(&self) -> Result<Arc<dyn DiskFile>, StoreError> {
        let path = self.folder.join(LOCK);
        let mut waited = Duration::ZERO;
        loop {
            if let Some(held) = self.disk.lock(&path).map_err(failed("locking", &path))? {
                return Ok(held);
            }
            if waited >= limits::AUDIT_LOCK_TIME_MAX {
                let why = io::Error::other("another process holds it for too long");
                return Err(failed("locking", &path)(why));
            }
            thread::sleep(limits::AUDIT_LOCK_PAUSE);
            waited += limits::AUDIT_LOCK_PAUSE;
        }
    }

    /// Reads what others added since, and looks whether what we know is still there.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        if self.head.file > 0 && self.broken.is_none() {
            let disk = self.disk.as_ref();
            let size = match files::open(disk, &self.folder, self.head.file)? {
                Some(file) => {
                    let path = files::path(&self.folder, self.head.file);
                    file.size_bytes().map_err(failed("looking at", &path))?
                }
                None => 0,
            };
            if size < self.head.bytes {
                self.broken = Some(Break {
                    file: files::name(self.head.file),
                    line: None,
                    why: format!(
                        "the end of the file was taken away while the log was open; record {} was in it",
                        self.head.number
                    ),
                });
            } else if size > self.head.bytes {
                let _never_acknowledged = self.walk()?;
            }
        }
        while files::open(self.disk.as_ref(), &self.folder, self.head.file + 1)?.is_some() {
            // Whoever began the next file has recorded what was wrong with this one.
            let known = match self.broken.take() {
                Some(_) => self.end_of(self.head.file)?,
                None => self.head,
            };
            self.head = Head { file: self.head.file + 1, bytes: 0, ..known };
            let _never_acknowledged = self.walk()?;
        }
        Ok(())
    }

    /// Walks the head's file from the head on; cuts off what was never acknowledged, and notes what does not fit. Gives the bytes cut.
    fn walk(&mut self) -> Result<u64, StoreError> {
        let path = files::path(&self.folder, self.head.file);
        let Some(file) = files::open(self.disk.as_ref(), &self.folder, self.head.file)? else {
            return Ok(0);
        };
        let walked = Walked::of(file.clone(), self.head).map_err(failed("reading", &path))?;
        self.head = walked.head;
        if let Some(from) = walked.torn_from {
            let size = file.size_bytes().map_err(failed("looking at", &path))?;
            file.truncate(from).map_err(failed("cutting", &path))?;
            file.sync_data().map_err(failed("syncing", &path))?;
            return Ok(size.saturating_sub(from));
        }
        if let Some((place, misfit)) = walked.misfit {
            let line = files::line_at(file, place).map_err(failed("reading", &path))?;
            let name = files::name(self.head.file);
            self.broken = Some(Break { file: name, line: Some(line), why: misfit.to_string() });
        }
        Ok(0)
    }

    /// The end of a file's chain, as far as its lines are what was hashed; all zeros before the first.
    fn end_of(&self, file: u64) -> Result<Head, StoreError> {
        let Some(opened) = files::open(self.disk.as_ref(), &self.folder, file)? else {
            // The number tells that there should be one: the walk that comes then finds that its first record names another one.
            return Ok(Head { file, ..Head::default() });
        };
        let path = files::path(&self.folder, file);
        let size = opened.size_bytes().map_err(failed("looking at", &path))?;
        let from = size.saturating_sub(2 * bytes(limits::AUDIT_LINE_BYTES_MAX));
        let mut lines = Lines::from(opened, from);
        let mut end = Head { file, ..Head::default() };
        while let Some(line) = lines.next_line().map_err(failed("reading", &path))? {
            if let Ok(link) = audit::read_link(&line.text) {
                end.step(link);
            }
        }
        // A file that a failed write left empty says nothing; the one before it does.
        match size == 0 && file > 1 {
            true => self.end_of(file - 1),
            false => Ok(end),
        }
    }

    /// The file to write to: the head's, or a new one when that is large, of another month, or broken.
    fn file_for(&self, now: UnixMs) -> Result<(Arc<dyn DiskFile>, u64), StoreError> {
        let head = self.head;
        let month = |at| (Date::of(at).year(), Date::of(at).month());
        let full = head.bytes >= limits::AUDIT_FILE_BYTES_MAX
            || (head.bytes > 0 && month(head.at) != month(now));
        if !full
            && self.broken.is_none()
            && let Some(file) = files::open(self.disk.as_ref(), &self.folder, head.file)?
        {
            return Ok((file, head.file));
        }
        let path = files::path(&self.folder, head.file + 1);
        let made = self.disk.create(&path).map_err(failed("making", &path))?;
        Ok((made, head.file + 1))
    }

    fn write(&self, file: &dyn DiskFile, head: Head, text: &[u8]) -> Result<(), StoreError> {
        let path = files::path(&self.folder, head.file);
        let written = write_all_at(file, text, head.bytes)
            .map_err(failed("writing", &path))
            .and_then(|()| file.sync_data().map_err(failed("syncing", &path)))
            // The first records of a file are there only if its name is.
            .and_then(|()| match head.bytes {
                0 => self.disk.sync_folder(&self.folder).map_err(failed("syncing", &self.folder)),
                _ => Ok(()),
            });
        if written.is_err() {
            // So that nothing stands there that nobody was told of. Should this fail too, the lines that are whole stay in the chain:
            // they say that something was asked for, which is true.
            let undone = file.truncate(head.bytes).and_then(|()| file.sync_data());
            if let Err(error) = undone {
                tracing::error!(%error, file = %path.display(), "what could not be made durable could not be taken back");
            }
        }
        written
    }
}

/// The record that says where the chain is broken.
fn note(broken: &Break) -> Entry {
    let details = Details::default().word("file", &broken.file).word("why", &broken.why);
    let details = match broken.line {
        Some(line) => details.number("line", line),
        None => details,
    };
    Entry::new(Actor::System, What::ChainBrokenFound).with(details)
}

/// One file, from a place on.
struct Walked {
    /// The end of what fits.
    head: Head,
    /// From there on it was never acknowledged.
    torn_from: Option<u64>,
    /// What does not fit, and where.
    misfit: Option<(u64, Misfit)>,
}

impl Walked {
    fn of(file: Arc<dyn DiskFile>, from: Head) -> io::Result<Walked> {
        let mut lines = Lines::from(file, from.bytes);
        let mut walked = Walked { head: from, torn_from: None, misfit: None };
        while let Some(line) = lines.next_line()? {
            match walked.fit(&line) {
                Ok(link) if line.whole => {
                    walked.head.step(link);
                    walked.head.bytes = line.end;
                }
                Ok(_) => walked.torn_from = Some(line.place),
                Err(misfit) => return walked.end_badly(line, misfit, lines),
            }
        }
        Ok(walked)
    }

    fn fit(&self, line: &Line) -> Result<Link, Misfit> {
        let link = audit::read_link(&line.text)?;
        let begins = self.head.bytes == 0 && line.place == 0;
        // A file that was begun after a break says so first, and need not follow what was broken.
        let after_break =
            || audit::read_record(&line.text).is_some_and(|it| it.what == What::ChainBrokenFound);
        match follows(&self.head, &link) {
            Err(_) if begins && after_break() => Ok(link),
            follows => follows.map(|()| link),
        }
    }

    /// Is it the last batch, half of which reached the disk, or is it damage?
    ///
    /// Where a batch did not reach the disk there are zeros, or nothing; and all that is left of it has one time. A line of another time
    /// after it was written when this one had been acknowledged.
    fn end_badly(mut self, first: Line, misfit: Misfit, mut rest: Lines) -> io::Result<Walked> {
        let (place, hole) = (first.place, first.text.contains(&0));
        let (mut times, mut last) = (BTreeSet::new(), None);
        let (mut line, mut whole) = (first, true);
        loop {
            whole &= line.whole;
            if let Ok(link) = audit::read_link(&line.text) {
                times.insert(link.at);
                last = Some(link);
            }
            match rest.next_line()? {
                Some(next) => line = next,
                None => break,
            }
        }
        let only_line = last.is_none() && line.place == place && !whole;
        if only_line || (hole && times.len() <= 1) {
            self.torn_from = Some(place);
            return Ok(self);
        }
        // What is wrong stays; numbers and chain go on from the last line that is at least what was hashed.
        self.misfit = Some((place, misfit));
        if let Some(link) = last.filter(|link| link.number >= self.head.number) {
            self.head.step(link);
        }
        Ok(self)
    }
}

/// Does this line follow that end?
fn follows(head: &Head, link: &Link) -> Result<(), Misfit> {
    match (link.prev == head.hash, link.number == head.number + 1) {
        (true, true) => Ok(()),
        (false, _) => Err(Misfit::Unchained),
        (true, false) => Err(Misfit::Number),
    }
}

const LOCK: &str = "lock";
