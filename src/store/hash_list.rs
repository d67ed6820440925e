//! Lists of known-bad digests and hosts, tens of millions long, compiled into one file each.
//!
//! In memory: a filter that says "certainly not", and the first key of every block. On disk: the keys in order, in checked blocks of
//! 4 KiB, of which one is read to confirm what the filter thinks possible. A file that is damaged or not complete is refused at
//! [`HashList::open`], and the list before it stays in force ([`LiveHashList`]).

mod compile;
mod layout;
mod sort;
#[cfg(test)]
mod tests;

pub use compile::{CompileError, Report, Source, SourceReport};

use crate::{
    base::clock::UnixMs,
    learn::listed::{
        Digest, DigestKind, Filters, Key,
        key::{HOST_BIT, SENDER_BIT, host_name, names_of},
    },
};
use layout::{Block, HEADER_BYTES, Hashing, Header, KEY_BYTES, RECORDS_PER_BLOCK, Record};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::Path,
};

/// A compiled list that is open.
#[derive(Debug)]
pub struct HashList {
    file: File,
    header: Header,
    /// The first key of each block.
    index: Vec<Key>,
    filters: Filters,
    sources: Vec<String>,
}

/// What a list says of a thing it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The source's name.
    pub list: String,
    /// What it calls the threat, if it does and it was kept.
    pub threat: Option<String>,
    /// The line of the source, from 1.
    pub line: u64,
}

/// A host that is listed, itself or by a name above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedHost {
    /// The name that is listed.
    pub name: String,
    /// What the list says.
    pub entry: Entry,
}

/// Why a file is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file could not be read.
    #[error("the list cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is none, of another version, cut off or changed; what shows it.
    #[error("the list is damaged or none of ours: {0}")]
    Damaged(&'static str),
}

impl HashList {
    /// Compiles sources into the list at `out`, replacing it only when all is written. Sorts in about `memory_bytes`.
    ///
    /// Of things listed twice the first counts. Every source must have an entry: a feed that turned empty is a broken one.
    pub fn compile(
        sources: &[Source],
        out: &Path,
        memory_bytes: usize,
        now: UnixMs,
    ) -> Result<Report, CompileError> {
        compile::compile(sources, out, memory_bytes, now)
    }

    /// Opens a compiled list. Reads and checks all but the blocks, which are checked as they are used.
    pub fn open(path: &Path) -> Result<HashList, OpenError> {
        let mut file = File::open(path)?;
        let mut page = [0; HEADER_BYTES];
        file.read_exact(&mut page).map_err(cut_off)?;
        let header = Header::read(&page).map_err(OpenError::Damaged)?;
        if file.metadata()?.len() != header.file_bytes() {
            return Err(OpenError::Damaged("its length is not the one it was written with"));
        }
        file.seek(SeekFrom::Start(header.index_at()))?;
        let mut rest = Hashing::new(BufReader::with_capacity(1 << 16, &file));
        let index = read_index(&mut rest, header.blocks())?;
        let filters = Filters::read(&read_section(&mut rest, header.filters_bytes)?)
            .map_err(|_| OpenError::Damaged("its filters do not read"))?;
        let sources: Vec<String> =
            serde_json::from_slice(&read_section(&mut rest, header.sources_bytes)?)
                .map_err(|_| OpenError::Damaged("its sources do not read"))?;
        io::copy(&mut rest, &mut io::sink())?;
        if rest.finish() != header.checksum {
            return Err(OpenError::Damaged("its checksum is wrong"));
        }
        Ok(HashList { file, header, index, filters, sources })
    }

    /// Is this digest listed? Reads at most one block and a name, a few microseconds when they are cached.
    pub fn holds(&self, digest: &Digest) -> io::Result<Option<Entry>> {
        if !self.has(digest.kind()) {
            return Ok(None);
        }
        self.find(Key::of_digest(digest))
    }

    /// Is this host listed, or a name above it down to the one that somebody registered? The longest listed name is given.
    /// A text that is no host is not listed.
    pub fn holds_host(&self, host: &str) -> io::Result<Option<ListedHost>> {
        let Some(host) = host_name(host).filter(|_| self.header.kinds & HOST_BIT != 0) else {
            return Ok(None);
        };
        for name in names_of(&host) {
            if let Some(entry) = self.find(Key::of_host(name))? {
                return Ok(Some(ListedHost { name: name.to_string(), entry }));
            }
        }
        Ok(None)
    }

    /// Is any of these senders listed? The first that is counts.
    pub fn holds_sender(&self, keys: &[Key]) -> io::Result<Option<Entry>> {
        if self.header.kinds & SENDER_BIT == 0 {
            return Ok(None);
        }
        for key in keys {
            if let Some(entry) = self.find(*key)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Has it digests of this kind at all? Others need not be computed for it.
    pub fn has(&self, kind: DigestKind) -> bool {
        self.header.kinds & kind.bit() != 0
    }

    /// What the filter says: false is certain, true has to be confirmed by [`HashList::holds`].
    pub fn may_hold(&self, digest: &Digest) -> bool {
        self.filters.may_hold(Key::of_digest(digest))
    }

    /// Entries.
    pub fn len(&self) -> u64 {
        self.header.records
    }

    /// No list that was compiled is.
    pub fn is_empty(&self) -> bool {
        self.header.records == 0
    }

    /// When it was compiled.
    pub fn made(&self) -> UnixMs {
        self.header.made
    }

    /// The names of its sources.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// Bytes it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.filters.memory_bytes().saturating_add(self.index.len().saturating_mul(KEY_BYTES))
    }

    /// Reads every block and checks it. For `check-config` and after a crash; takes as long as reading the file.
    pub fn verify(&self) -> io::Result<()> {
        for number in 0..self.header.blocks() {
            self.block(number)?;
        }
        Ok(())
    }

    fn find(&self, key: Key) -> io::Result<Option<Entry>> {
        if !self.filters.may_hold(key) {
            return Ok(None);
        }
        let after = self.index.partition_point(|first| *first <= key);
        let Some(number) = after.checked_sub(1) else { return Ok(None) };
        let block = self.block(u64::try_from(number).unwrap_or(u64::MAX))?;
        match block.find(key) {
            Some(record) => self.entry(record).map(Some),
            None => Ok(None),
        }
    }

    fn block(&self, number: u64) -> io::Result<Block> {
        let mut block = Block::default();
        let at = self.header.block_at(number);
        self.file.read_exact_at(block.bytes_mut(), at)?;
        let before = number.saturating_mul(RECORDS_PER_BLOCK);
        block.check(self.header.records.saturating_sub(before)).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("block {number} is damaged"))
        })?;
        Ok(block)
    }

    fn entry(&self, record: Record) -> io::Result<Entry> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a name is damaged");
        let (source, threat) = self.header.read_tag(&self.file, record.tag)?.ok_or_else(damaged)?;
        let list = self.sources.get(usize::from(source)).cloned().ok_or_else(damaged)?;
        let threat = Some(threat).filter(|threat| !threat.is_empty());
        Ok(Entry { list, threat, line: u64::from(record.line) })
    }
}

/// As many keys as the header, whose count agrees with the file's length, says.
fn read_index(from: &mut impl Read, blocks: u64) -> Result<Vec<Key>, OpenError> {
    let mut index = Vec::with_capacity(usize::try_from(blocks).unwrap_or_default());
    for _ in 0..blocks {
        let mut key = [0; KEY_BYTES];
        from.read_exact(&mut key).map_err(cut_off)?;
        index.push(Key(u128::from_be_bytes(key)));
    }
    match index.is_sorted() {
        true => Ok(index),
        false => Err(OpenError::Damaged("its index is not in order")),
    }
}

fn read_section(from: &mut impl Read, bytes: u64) -> Result<Vec<u8>, OpenError> {
    let mut section = Vec::new();
    from.take(bytes).read_to_end(&mut section)?;
    match u64::try_from(section.len()) == Ok(bytes) {
        true => Ok(section),
        false => Err(OpenError::Damaged("it is cut off")),
    }
}

fn cut_off(error: io::Error) -> OpenError {
    match error.kind() == io::ErrorKind::UnexpectedEof {
        true => OpenError::Damaged("it is cut off"),
        false => OpenError::Io(error),
    }
}
