//! Sorts more records than fit in memory: as many as do are sorted and written to a scratch file as a run, then all runs are merged.

use super::{
    compile::{CompileError, scratch, too_many},
    layout::{RECORD_BYTES, Record, count},
};
use crate::base::limits;
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::Path,
};

/// Records on their way: a chunk in memory, sorted runs in a scratch file.
pub(super) struct Runs {
    scratch: File,
    chunk: Vec<Record>,
    chunk_max: usize,
    /// Where each run begins in the scratch file and how many records it has.
    runs: Vec<(u64, u64)>,
    written: u64,
}

impl Runs {
    pub(super) fn new(out: &Path, memory_bytes: usize) -> io::Result<Runs> {
        let bytes = memory_bytes.max(limits::HASH_LIST_SORT_BYTES_MIN);
        Ok(Runs {
            scratch: scratch(out)?,
            chunk: Vec::new(),
            chunk_max: bytes / size_of::<Record>(),
            runs: Vec::new(),
            written: 0,
        })
    }

    pub(super) fn push(&mut self, record: Record) -> Result<(), Trouble> {
        // All the memory at once, not by doubling, which for a moment takes three halves of it.
        if self.chunk.capacity() == 0 {
            self.chunk.reserve_exact(self.chunk_max);
        }
        self.chunk.push(record);
        match self.chunk.len() >= self.chunk_max {
            true => self.write_run(),
            false => Ok(()),
        }
    }

    fn write_run(&mut self) -> Result<(), Trouble> {
        if self.runs.len() >= limits::HASH_LIST_RUNS_MAX {
            return Err(Trouble::Compile(too_many(
                "sorted runs (give more memory)",
                limits::HASH_LIST_RUNS_MAX,
            )));
        }
        self.chunk.sort_unstable();
        self.chunk.dedup_by_key(|record| record.key);
        let mut to = BufWriter::with_capacity(1 << 17, &self.scratch);
        for record in &self.chunk {
            to.write_all(&record.bytes())?;
        }
        to.flush()?;
        let records = count(self.chunk.len());
        self.runs.push((self.written.saturating_mul(count(RECORD_BYTES)), records));
        self.written = self.written.saturating_add(records);
        self.chunk.clear();
        match self.written > limits::HASH_LIST_ENTRIES_MAX {
            true => Err(Trouble::Compile(CompileError::TooMany {
                what: "entries",
                max: limits::HASH_LIST_ENTRIES_MAX,
            })),
            false => Ok(()),
        }
    }

    /// Gives every key once, in order, with the record that was read first.
    pub(super) fn merge(
        mut self,
        mut each: impl FnMut(Record) -> io::Result<()>,
    ) -> Result<(), Trouble> {
        if !self.chunk.is_empty() {
            self.write_run()?;
        }
        // The memory that sorting had is now the runs' buffers.
        let bytes = self.chunk_max.saturating_mul(size_of::<Record>()) / self.runs.len().max(1);
        self.chunk = Vec::new();
        let mut runs: Vec<Run> =
            self.runs.iter().map(|(at, left)| Run::new(*at, *left, bytes)).collect();
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next(&self.scratch)?.map(|record| Reverse((record, number))));
        }
        let mut last = None;
        while let Some(Reverse((record, number))) = heads.pop() {
            if let Some(run) = runs.get_mut(number) {
                heads.extend(run.next(&self.scratch)?.map(|record| Reverse((record, number))));
            }
            if last != Some(record.key) {
                each(record)?;
                last = Some(record.key);
            }
        }
        Ok(())
    }
}

/// A sorted run that is being read.
struct Run {
    at: u64,
    left: u64,
    buffer: Vec<u8>,
    place: usize,
    buffer_max: usize,
}

impl Run {
    fn new(at: u64, left: u64, bytes: usize) -> Run {
        let records = (bytes.min(1 << 18) / RECORD_BYTES).max(1);
        Run {
            at,
            left,
            buffer: Vec::new(),
            place: 0,
            buffer_max: records.saturating_mul(RECORD_BYTES),
        }
    }

    fn next(&mut self, scratch: &File) -> io::Result<Option<Record>> {
        if self.place >= self.buffer.len() {
            self.fill(scratch)?;
        }
        let record = self.buffer.get(self.place..).and_then(Record::read);
        self.place = self.place.saturating_add(RECORD_BYTES);
        Ok(record)
    }

    fn fill(&mut self, scratch: &File) -> io::Result<()> {
        let left = self.left.saturating_mul(count(RECORD_BYTES));
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer_max);
        self.buffer.resize(size, 0);
        scratch.read_exact_at(&mut self.buffer, self.at)?;
        self.at = self.at.saturating_add(count(size));
        self.left = self.left.saturating_sub(count(size / RECORD_BYTES));
        self.place = 0;
        Ok(())
    }
}

/// What goes wrong on our own side, before it is known which file to name.
pub(super) enum Trouble {
    Compile(CompileError),
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Io(error)
    }
}
