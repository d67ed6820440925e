//! Gives space back: a segment in which nothing counts is removed, one in which little counts is written again first.
//!
//! Runs in the writer's thread, a bounded step at a time, between two groups of mail or while there are none.
//! What is copied is synced before the index points to it, and a segment is removed only when everything that
//! supersedes it is synced. A record that cannot be read keeps its segment where it is, for somebody to look at.

use super::{
    SpoolError,
    batch::{Batch, StagedPut},
    index::Range,
    record::{Kind, RecordHead, Spot},
    scan::{Found, Scanner, read_inline, read_record},
    writer::Writer,
};
use crate::base::{ids::Id, limits};
use std::io;

/// Where compaction stands.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    job: Option<Job>,
    /// Whether there may be something to do.
    look: bool,
    /// Groups written since the last step.
    groups_since: u32,
}

/// A segment being written again.
#[derive(Debug)]
struct Job {
    segment: u32,
    scanner: Scanner,
}

/// What a look at the accounts says.
enum Next {
    Nothing,
    Remove(u32),
    Rewrite(u32),
    Trim(u32),
}

impl Compaction {
    /// A group was written, so the disk works and the accounts have changed.
    pub(super) fn something_changed(&mut self) {
        self.look = true;
        self.groups_since = self.groups_since.saturating_add(1);
    }
}

impl Writer {
    /// When mail never stops there is no idle time; then every few groups give way to one step.
    pub(super) fn compact_under_load(&mut self) {
        if self.compaction.groups_since >= GROUPS_PER_STEP {
            self.compact_step();
        }
    }

    /// Does a little; false if there is nothing to do, or if the disk does not take it now.
    pub(super) fn compact_step(&mut self) -> bool {
        if !self.compaction.look {
            return false;
        }
        let did = self.step();
        self.compaction.groups_since = 0;
        match did {
            Ok(more) => {
                self.compaction.look = more;
                more
            }
            Err(error) => {
                // Tried again after the next group that goes well.
                tracing::warn!(error = %error, "the spool could not be compacted");
                self.compaction.job = None;
                self.compaction.look = false;
                false
            }
        }
    }

    fn step(&mut self) -> Result<bool, SpoolError> {
        if let Some(mut job) = self.compaction.job.take() {
            if self.rewrite_some(&mut job)? {
                self.end_job(&job)?;
            } else {
                self.compaction.job = Some(job);
            }
            return Ok(true);
        }
        match self.next_segment() {
            Next::Nothing => Ok(false),
            Next::Remove(segment) => self.remove_segment(segment).map(|()| true),
            Next::Trim(segment) => self.trim(segment).map(|()| true),
            Next::Rewrite(segment) => {
                let path = self.common.folders.segment(segment);
                let file = self.common.disk.open(&path).map_err(SpoolError::disk("open", &path))?;
                let end = self.common.index().segment(segment).length;
                let scanner = Scanner::new(file, self.common.key, segment, end);
                self.compaction.job = Some(Job { segment, scanner });
                Ok(true)
            }
        }
    }

    fn next_segment(&self) -> Next {
        let head = self.head_number();
        let share =
            self.common.options.segment_bytes_max.saturating_mul(limits::COMPACT_KEPT_PERCENT)
                / 100;
        let index = self.common.index();
        let mut least: Option<(u64, u32)> = None;
        let mut untrimmed = None;
        for (number, segment) in &index.segments {
            if *number != head && !segment.pinned {
                let kept = index.kept_bytes(*number);
                if kept == 0 {
                    return Next::Remove(*number);
                }
                if kept < share && least.is_none_or(|(bytes, _)| kept < bytes) {
                    least = Some((kept, *number));
                }
            }
            if segment.ragged {
                // Its end stands in a later segment's head: that one must not go first.
                untrimmed = Some(*number);
                break;
            }
        }
        match (least, untrimmed) {
            (Some((_, number)), _) => Next::Rewrite(number),
            (None, Some(number)) => Next::Trim(number),
            (None, None) => Next::Nothing,
        }
    }

    /// Copies what counts of the next piece; true at the end of the segment.
    fn rewrite_some(&mut self, job: &mut Job) -> Result<bool, SpoolError> {
        let mut batch = self.begin()?;
        let from = job.scanner.at();
        let mut ended = false;
        while batch.size_bytes() < limits::COMPACT_STEP_BYTES
            && usize::try_from(job.scanner.at().saturating_sub(from)).unwrap_or(usize::MAX)
                < LOOKED_AT_BYTES
        {
            match job.scanner.next() {
                Some(Found::Record { spot, head, meta: Some(meta), .. }) => {
                    let copied = self.copy(spot, &head, meta, &mut batch);
                    if copied.is_err() {
                        self.pin(job.segment);
                    }
                }
                // If an entry is in there, the account at the end says so.
                Some(Found::Record { meta: None, .. } | Found::Gap { .. }) => (),
                None => {
                    ended = true;
                    break;
                }
            }
        }
        if batch.size_bytes() > 0 {
            batch.must_sync();
            self.finish(batch)?;
        }
        Ok(ended)
    }

    /// Copies one record if it counts.
    fn copy(
        &self,
        spot: Spot,
        head: &RecordHead,
        meta: Vec<u8>,
        batch: &mut Batch,
    ) -> io::Result<()> {
        let place = self.common.index().entries.get(&head.id).copied();
        let key = &self.common.key;
        match (head.kind, place) {
            (Kind::Put | Kind::PutLarge, Some(place)) if place.put == spot => {
                let path = self.common.folders.segment(spot.segment);
                let inline = match head.kind {
                    Kind::Put => {
                        let file = self.common.disk.open(&path)?;
                        Some(read_inline(file.as_ref(), spot, head)?.map_err(io::Error::other)?)
                    }
                    Kind::PutLarge | Kind::Update | Kind::Done | Kind::Void => None,
                };
                let meta = self.latest_meta(head.id, spot, place.meta, meta)?;
                batch.put(
                    key,
                    StagedPut {
                        id: head.id,
                        meta: &meta,
                        inline: inline.as_deref(),
                        content_bytes: head.content_bytes,
                        hash: head.hash,
                        born: Some(place.born),
                        file: None,
                        answer: None,
                    },
                );
            }
            (Kind::Update, Some(place)) if place.meta == spot => batch.update(key, head.id, meta),
            (Kind::Done, None) => {
                let range = Range { born: head.born, last: head.last };
                if self.common.index().works(spot.segment, range) {
                    batch.done(key, head.id, range, false);
                }
            }
            // Superseded, or without work.
            (Kind::Put | Kind::PutLarge | Kind::Update | Kind::Done | Kind::Void, _) => (),
        }
        Ok(())
    }

    fn latest_meta(&self, id: Id, put: Spot, at: Spot, own: Vec<u8>) -> io::Result<Vec<u8>> {
        if at == put {
            return Ok(own);
        }
        if let Some(fresh) = self.common.index().fresh.get(&id) {
            return Ok(fresh.clone());
        }
        let file = self.common.disk.open(&self.common.folders.segment(at.segment))?;
        let (_, meta) =
            read_record(file.as_ref(), &self.common.key, at)?.map_err(io::Error::other)?;
        Ok(meta)
    }

    /// Everything was copied, or something could not be.
    fn end_job(&mut self, job: &Job) -> Result<(), SpoolError> {
        if self.common.index().kept_bytes(job.segment) > 0 {
            self.pin(job.segment);
        }
        if self.common.index().segment(job.segment).pinned {
            return Ok(());
        }
        self.remove_segment(job.segment)
    }

    /// Removes a segment in which nothing counts.
    fn remove_segment(&mut self, number: u32) -> Result<(), SpoolError> {
        // What supersedes its records may be written and not synced.
        self.flush()?;
        let folders = &self.common.folders;
        let path = folders.segment(number);
        self.common.disk.remove(&path).map_err(SpoolError::disk("remove", &path))?;
        let synced = self.common.disk.sync_folder(&folders.log);
        let mut index = self.common.index();
        index.segments.remove(&number);
        match synced {
            Ok(()) => index.ghosts.clear(),
            Err(_) => drop(index.ghosts.insert(number)),
        }
        Ok(())
    }

    fn pin(&self, number: u32) {
        self.common.index().segment(number).pinned = true;
        tracing::error!(
            segment = number,
            "a record of the spool cannot be read; its segment is left as it is"
        );
    }
}

const GROUPS_PER_STEP: u32 = 4;
/// Most records of a segment being rewritten are dead, and to pass over one costs little.
const LOOKED_AT_BYTES: usize = 16 * limits::COMPACT_STEP_BYTES;
