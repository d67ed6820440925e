//! Reading entries back, on the caller's thread, while the writer goes on.

use super::{
    Content, Entry, SpoolError, Wrong,
    content::HeldFile,
    disk::DiskFile,
    index::Place,
    record::{RecordHead, Spot},
    scan::{read_inline, read_record},
    seal::{self, Label, Opened},
    writer::Common,
};
use crate::{base::ids::Id, mail::Organisation};
use std::{path::PathBuf, sync::Arc};

impl Common {
    pub(super) fn read(&self, id: Id) -> Result<(Vec<u8>, Content), SpoolError> {
        self.at_its_place(id, |place, fresh| self.read_at(id, place, fresh))
    }

    pub(super) fn read_meta(&self, id: Id) -> Result<Vec<u8>, SpoolError> {
        let (_, raw) = self.read_raw_meta(id)?;
        Ok(seal::open_meta(&self.ring, id, &raw)?.map_or(raw, |opened| opened.meta))
    }

    /// The latest meta as it is written, and where.
    pub(super) fn read_raw_meta(&self, id: Id) -> Result<(Spot, Vec<u8>), SpoolError> {
        self.at_its_place(id, |place, fresh| match fresh {
            Some(meta) => Ok((place.meta, meta)),
            None => self.record(id, place.meta).map(|record| (place.meta, record.meta)),
        })
    }

    /// Shows entries to `each`, one after the other; gives those that did not open. A segment is opened once for those that follow
    /// each other in it.
    pub(super) fn show(&self, lying: &[(Spot, Id)], each: &(dyn Fn(Entry) + Sync)) -> Vec<Id> {
        let mut closed = Vec::new();
        let mut open: Option<(u32, Arc<dyn DiskFile>)> = None;
        for (spot, id) in lying {
            let known = open.take().filter(|(segment, _)| *segment == spot.segment);
            open = known.or_else(|| {
                let file = self.disk.open(&self.folders.segment(spot.segment)).ok()?;
                Some((spot.segment, file))
            });
            let read = open.as_ref().and_then(|(_, file)| self.entry(file.as_ref(), *spot, *id));
            match read {
                Some(entry) => each(entry),
                None => closed.push(*id),
            }
        }
        closed
    }

    fn entry(&self, file: &dyn DiskFile, spot: Spot, id: Id) -> Option<Entry> {
        let (_, raw) = read_record(file, &self.key, spot).ok()?.ok()?;
        Some(match seal::open_meta(&self.ring, id, &raw).ok()? {
            Some(Opened { label, meta, .. }) => Entry { id, meta, size_bytes: label.size_bytes },
            None => {
                let size_bytes = self.index().entries.get(&id)?.content_bytes;
                Entry { id, meta: raw, size_bytes }
            }
        })
    }

    /// A new meta for an entry, sealed with what its former one said of the content.
    pub(super) fn reseal(&self, id: Id, meta: Vec<u8>) -> Result<Vec<u8>, SpoolError> {
        let (_, raw) = self.read_raw_meta(id)?;
        match seal::open_meta(&self.ring, id, &raw)? {
            Some(Opened { organisation, label, .. }) => {
                let by = self.ring.current(&organisation)?;
                seal::seal_meta(&by, &organisation, id, &label, &meta)
            }
            // Its content lies open until it is delivered; a sealed meta would have to say so.
            None => Ok(meta),
        }
    }

    /// The same meta under its organisation's newest key; `None` if it has it already, or is gone.
    pub(super) fn rewrap(
        &self,
        id: Id,
        organisation: &Organisation,
    ) -> Result<Option<Rewrapped>, SpoolError> {
        let (spot, raw) = match self.read_raw_meta(id) {
            Err(SpoolError::NotThere(_)) => return Ok(None),
            read => read?,
        };
        let newest = self.ring.current(organisation)?;
        let theirs = seal::outside(&raw).filter(|outside| {
            outside.organisation == *organisation && outside.version != newest.version
        });
        if theirs.is_none() {
            return Ok(None);
        }
        let Some(opened) = seal::open_meta(&self.ring, id, &raw)? else { return Ok(None) };
        let meta = seal::seal_meta(&newest, organisation, id, &opened.label, &opened.meta)?;
        Ok(Some(Rewrapped { id, meta, instead_of: spot }))
    }

    /// Reads where the index says, again if the entry was moved meanwhile.
    fn at_its_place<T>(
        &self,
        id: Id,
        read: impl Fn(&Place, Option<Vec<u8>>) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        loop {
            let (place, fresh) = self.look_up(id)?;
            let outcome = read(&place, fresh);
            if outcome.is_ok() || self.look_up(id)?.0 == place {
                return outcome;
            }
        }
    }

    fn look_up(&self, id: Id) -> Result<(Place, Option<Vec<u8>>), SpoolError> {
        let index = self.index();
        let place = index.entries.get(&id).copied().ok_or(SpoolError::NotThere(id))?;
        Ok((place, index.fresh.get(&id).cloned()))
    }

    fn read_at(
        &self,
        id: Id,
        place: &Place,
        fresh: Option<Vec<u8>>,
    ) -> Result<(Vec<u8>, Content), SpoolError> {
        let StoredRecord { file, head, meta: put_meta } = self.record(id, place.put)?;
        let raw = match fresh {
            Some(meta) => meta,
            None if place.meta == place.put => put_meta,
            None => self.record(id, place.meta)?.meta,
        };
        let (label, meta) = match seal::open_meta(&self.ring, id, &raw)? {
            Some(opened) => (Some(opened.label), opened.meta),
            None => (None, raw),
        };
        if !place.large {
            let path = self.folders.segment(place.put.segment);
            let content = read_inline(file.as_ref(), place.put, &head)
                .map_err(SpoolError::disk("read", &path))?
                .map_err(|what| self.damaged(id, path.clone(), place.put.offset, what))?;
            let content = match label {
                None => Content::from_bytes(content.into()),
                Some(Label { key, hash, .. }) => {
                    let opened = seal::open_pieces(&key, 0, &content)
                        .map_err(|_| self.damaged(id, path, place.put.offset, Wrong::Content))?;
                    Content::known(opened.into(), hash)
                }
            };
            return Ok((meta, content));
        }
        let path = self.folders.large_file(id);
        let open = SpoolError::disk("open", &path);
        let (key, size_bytes, hash) = match label {
            Some(label) => (Some(label.key), label.size_bytes, label.hash),
            None => (None, place.content_bytes, head.hash),
        };
        let held = HeldFile::of_entry(&self.disk, &path, key).map_err(open)?;
        let size = held.file.size_bytes().map_err(SpoolError::disk("read", &path))?;
        if size != held.file_bytes(size_bytes) {
            return Err(self.damaged(id, path, 0, Wrong::FileLength));
        }
        Ok((meta, Content::from_file(Arc::new(held), size_bytes, hash)))
    }

    fn record(&self, id: Id, spot: Spot) -> Result<StoredRecord, SpoolError> {
        let path = self.folders.segment(spot.segment);
        let file = self.disk.open(&path).map_err(SpoolError::disk("open", &path))?;
        let (head, meta) = read_record(file.as_ref(), &self.key, spot)
            .map_err(SpoolError::disk("read", &path))?
            .map_err(|what| self.damaged(id, path, spot.offset, what))?;
        Ok(StoredRecord { file, head, meta })
    }

    fn damaged(&self, id: Id, file: PathBuf, offset: u32, what: Wrong) -> SpoolError {
        SpoolError::Damaged { id, file, offset: u64::from(offset), what }
    }
}

/// A meta under a newer key, to take the place of the one at this spot and of no later one.
#[derive(Debug)]
pub(super) struct Rewrapped {
    pub(super) id: Id,
    pub(super) meta: Vec<u8>,
    pub(super) instead_of: Spot,
}

/// A record read back.
struct StoredRecord {
    file: Arc<dyn DiskFile>,
    head: RecordHead,
    meta: Vec<u8>,
}
