//! Compiles lists: reads their lines, sorts them in bounded memory, writes the file beside the old one and puts it in its place.
//!
//! Scratch files have no name, so nothing is left of them whatever happens.

use super::{
    layout::{HEADER_BYTES, Hashing, Header, RECORDS_PER_BLOCK, Record, block_bytes, count},
    sort::{Runs, Trouble},
};
use crate::{
    base::{clock::UnixMs, limits},
    learn::listed::{Columns, Key, Kind, Line, LineReader, filter},
};
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// A list as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name in findings.
    pub name: String,
    /// Text or CSV.
    pub file: PathBuf,
    /// What it lists.
    pub kind: Kind,
    /// Where in a line that stands.
    pub columns: Columns,
}

/// What was compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Different things listed.
    pub entries: u64,
    /// Entries that were there before, in this source or an earlier one.
    pub doubles: u64,
    /// Bytes of the compiled file.
    pub file_bytes: u64,
    /// Entries that lost their threat's name: there were too many names.
    pub threats_lost: u64,
    /// Each source in its order.
    pub sources: Vec<SourceReport>,
}

/// What was in a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Lines.
    pub lines: u64,
    /// Lines with an entry.
    pub entries: u64,
    /// Web addresses with a path, which do not list their host.
    pub addresses: u64,
    /// Lines that are no entry, no comment and no header.
    pub not_understood: u64,
}

/// Why there is no new list. The old one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A source could not be read.
    #[error("{}: {error}", file.display())]
    Source {
        /// Which.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line of somebody's own list: a slip there is not passed over.
    #[error(
        "{}:{line}: this is no sender: write an address, a domain, \".domain\" for all below it too, or a network from /8 (IPv6 /16), such as \"192.0.2.0/24\"; what follows a # is a remark",
        file.display()
    )]
    NoSender {
        /// In which file.
        file: PathBuf,
        /// From 1.
        line: u64,
    },
    /// A source without any entry.
    #[error("{name} has no entry in {lines} lines: is it the right file and column?")]
    Empty {
        /// Which.
        name: String,
        /// How long it is.
        lines: u64,
    },
    /// More than a list can have.
    #[error("{what}: at most {max} are possible")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: u64,
    },
    /// The list could not be written.
    #[error("{}: {error}", out.display())]
    Write {
        /// Where.
        out: PathBuf,
        /// Why.
        error: io::Error,
    },
}

pub(super) fn compile(
    sources: &[Source],
    out: &Path,
    memory_bytes: usize,
    now: UnixMs,
) -> Result<Report, CompileError> {
    if sources.len() > limits::HASH_LIST_SOURCES_MAX {
        return Err(too_many("sources", limits::HASH_LIST_SOURCES_MAX));
    }
    let named = |trouble| match trouble {
        Trouble::Compile(error) => error,
        Trouble::Io(error) => CompileError::Write { out: out.to_path_buf(), error },
    };
    let runs = Runs::new(out, memory_bytes).map_err(|error| named(error.into()))?;
    let mut collected = Collected { runs, tags: Tags::default(), kinds: 0 };
    let mut report = Report::default();
    for source in sources {
        report.sources.push(collected.read(source).map_err(named)?);
    }
    let new = beside(out, "new");
    let written = write(collected, sources, now, &new, out, &mut report);
    if written.is_err() {
        let _gone = fs::remove_file(&new);
    }
    written.map_err(named)?;
    Ok(report)
}

/// What was read of the sources.
struct Collected {
    runs: Runs,
    tags: Tags,
    kinds: u32,
}

impl Collected {
    fn read(&mut self, source: &Source) -> Result<SourceReport, Trouble> {
        let wrong =
            |error| Trouble::Compile(CompileError::Source { file: source.file.clone(), error });
        let mut report = SourceReport { name: source.name.clone(), ..SourceReport::default() };
        let file = File::open(&source.file).map_err(wrong)?;
        let mut lines = Lines::new(BufReader::with_capacity(1 << 17, file));
        let mut reader = LineReader::new(source.kind, &source.columns);
        self.tags.begin_source();
        while let Some(line) = lines.next().map_err(wrong)? {
            report.lines = report.lines.saturating_add(1);
            let counter = match line.map_or(Line::NotUnderstood, |line| reader.read(line)) {
                Line::Nothing => continue,
                Line::Address => &mut report.addresses,
                Line::NotUnderstood if source.kind == Kind::Sender => {
                    let (file, line) = (source.file.clone(), report.lines);
                    return Err(Trouble::Compile(CompileError::NoSender { file, line }));
                }
                Line::NotUnderstood => &mut report.not_understood,
                Line::Entry { key, bit, threat } => {
                    self.kinds |= bit;
                    let tag = self.tags.of(threat);
                    let line = u32::try_from(report.lines).unwrap_or(u32::MAX);
                    self.runs.push(Record { key, tag, line })?;
                    &mut report.entries
                }
            };
            *counter = counter.saturating_add(1);
        }
        match report.entries {
            0 => Err(Trouble::Compile(CompileError::Empty {
                name: report.name,
                lines: report.lines,
            })),
            _ => Ok(report),
        }
    }
}

/// Lines of bounded length.
struct Lines<R> {
    from: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn new(from: R) -> Lines<R> {
        Lines { from, line: Vec::new() }
    }

    /// The next line; one that is too long is passed over and given as nothing.
    fn next(&mut self) -> io::Result<Option<Option<&[u8]>>> {
        self.line.clear();
        let max = limits::HASH_LIST_LINE_BYTES_MAX;
        let bound = u64::try_from(max).unwrap_or(u64::MAX);
        if (&mut self.from).take(bound).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.len() < max || self.line.ends_with(b"\n") {
            return Ok(Some(Some(&self.line)));
        }
        self.from.skip_until(b'\n')?;
        Ok(Some(None))
    }
}

/// Pairs of a source and a threat's name, numbered.
#[derive(Default)]
struct Tags {
    numbers: HashMap<(u16, String), u32>,
    /// Where each ends in the text.
    ends: Vec<u32>,
    text: Vec<u8>,
    source: u16,
    /// The tag of this source without a name.
    bare: u32,
    lost: u64,
}

impl Tags {
    /// Sources are few and every one has a tag without a name, whatever the bounds.
    fn begin_source(&mut self) {
        if !self.ends.is_empty() {
            self.source = self.source.saturating_add(1);
        }
        self.numbers.clear();
        self.bare = self.add(String::new());
    }

    fn of(&mut self, threat: String) -> u32 {
        if threat.is_empty() {
            return self.bare;
        }
        let key = (self.source, threat);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let full = self.ends.len() >= limits::HASH_LIST_THREATS_MAX
            || self.text.len() >= limits::HASH_LIST_THREAT_BYTES_MAX;
        if full {
            self.lost = self.lost.saturating_add(1);
            return self.bare;
        }
        self.add(key.1)
    }

    fn add(&mut self, threat: String) -> u32 {
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.text.extend(self.source.to_le_bytes());
        self.text.extend(threat.as_bytes());
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.numbers.insert((self.source, threat), number);
        number
    }
}

/// Writes the file, makes it durable and puts it in its place.
fn write(
    collected: Collected,
    sources: &[Source],
    now: UnixMs,
    new: &Path,
    out: &Path,
    report: &mut Report,
) -> Result<(), Trouble> {
    let Collected { runs, tags, kinds } = collected;
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(new)?;
    let mut blocks = Blocks::new(&file, scratch(out)?)?;
    runs.merge(|record| blocks.push(record))?;
    let (index, mut filters, records) = blocks.finish()?;
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let names = serde_json::to_vec(&names).map_err(io::Error::other)?;
    let mut header = Header {
        kinds,
        made: now,
        records,
        filters_bytes: filters.stream_position()?,
        sources_bytes: count(names.len()),
        tags: count(tags.ends.len()),
        tags_bytes: count(tags.text.len()),
        checksum: [0; 32],
    };
    let mut rest = Hashing::new(BufWriter::with_capacity(1 << 17, &file));
    for key in &index {
        rest.write_all(&key.0.to_be_bytes())?;
    }
    filters.rewind()?;
    io::copy(&mut filters, &mut rest)?;
    rest.write_all(&names)?;
    for end in &tags.ends {
        rest.write_all(&end.to_le_bytes())?;
    }
    rest.write_all(&tags.text)?;
    rest.flush()?;
    header.checksum = rest.finish();
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&header.bytes())?;
    file.sync_all()?;
    fs::rename(new, out)?;
    File::open(folder(out))?.sync_all()?;
    report.entries = records;
    let read: u64 = report.sources.iter().map(|source| source.entries).sum();
    report.doubles = read.saturating_sub(records);
    report.threats_lost = tags.lost;
    report.file_bytes = header.file_bytes();
    Ok(())
}

/// Records in order become blocks in the file, and filters in a scratch file.
struct Blocks<'a> {
    to: BufWriter<&'a File>,
    filters: File,
    block: Vec<Record>,
    index: Vec<Key>,
    lows: Vec<u64>,
    /// The first key of the filter that is being collected.
    first: Key,
    records: u64,
}

impl<'a> Blocks<'a> {
    fn new(file: &'a File, filters: File) -> io::Result<Blocks<'a>> {
        let mut to = BufWriter::with_capacity(1 << 17, file);
        to.write_all(&[0; HEADER_BYTES])?;
        Ok(Blocks {
            to,
            filters,
            block: Vec::new(),
            index: Vec::new(),
            lows: Vec::new(),
            first: Key(0),
            records: 0,
        })
    }

    fn push(&mut self, record: Record) -> io::Result<()> {
        if self.lows.is_empty() {
            self.first = record.key;
        }
        self.lows.push(record.key.low());
        self.block.push(record);
        self.records = self.records.saturating_add(1);
        if self.lows.len() >= limits::HASH_FILTER_KEYS_MAX {
            self.write_filter()?;
        }
        match count(self.block.len()) >= RECORDS_PER_BLOCK {
            true => self.write_block(),
            false => Ok(()),
        }
    }

    fn write_block(&mut self) -> io::Result<()> {
        self.index.extend(self.block.first().map(|record| record.key));
        self.to.write_all(&block_bytes(&self.block))?;
        self.block.clear();
        Ok(())
    }

    fn write_filter(&mut self) -> io::Result<()> {
        let bytes = filter::build(self.first, &mut self.lows);
        self.lows.clear();
        self.filters.write_all(&bytes)
    }

    /// The first keys of the blocks, the filters, and how many records there are.
    fn finish(mut self) -> io::Result<(Vec<Key>, File, u64)> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        if !self.lows.is_empty() {
            self.write_filter()?;
        }
        self.to.flush()?;
        Ok((self.index, self.filters, self.records))
    }
}

/// A file in the same folder that has lost its name already.
pub(super) fn scratch(out: &Path) -> io::Result<File> {
    let path = beside(out, "scratch");
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// A name beside the list that nobody else has.
fn beside(out: &Path, what: &str) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut name = out.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}-{number}.{what}", process::id()));
    out.with_file_name(name)
}

fn folder(out: &Path) -> &Path {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

pub(super) fn too_many(what: &'static str, max: usize) -> CompileError {
    CompileError::TooMany { what, max: count(max) }
}
