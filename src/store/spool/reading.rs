//! Reading entries back, on the caller's thread, while the writer goes on.

use super::{
    Content, SpoolError, Wrong,
    content::HeldFile,
    disk::DiskFile,
    index::Place,
    record::{RecordHead, Spot},
    scan::{read_inline, read_record},
    writer::Common,
};
use crate::base::ids::Id;
use std::{path::PathBuf, sync::Arc};

impl Common {
    pub(super) fn read(&self, id: Id) -> Result<(Vec<u8>, Content), SpoolError> {
        self.at_its_place(id, |place, fresh| self.read_at(id, place, fresh))
    }

    pub(super) fn read_meta(&self, id: Id) -> Result<Vec<u8>, SpoolError> {
        self.at_its_place(id, |place, fresh| match fresh {
            Some(meta) => Ok(meta),
            None => self.record(id, place.meta).map(|record| record.meta),
        })
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
        let meta = match fresh {
            Some(meta) => meta,
            None if place.meta == place.put => put_meta,
            None => self.record(id, place.meta)?.meta,
        };
        if !place.large {
            let path = self.folders.segment(place.put.segment);
            let content = read_inline(file.as_ref(), place.put, &head)
                .map_err(SpoolError::disk("read", &path))?
                .map_err(|what| self.damaged(id, path, place.put.offset, what))?;
            return Ok((meta, Content::from_bytes(content.into())));
        }
        let path = self.folders.large_file(id);
        let open = SpoolError::disk("open", &path);
        let held = HeldFile::of_entry(&self.disk, &path).map_err(open)?;
        let size = held.file.size_bytes().map_err(SpoolError::disk("read", &path))?;
        if size != place.content_bytes {
            return Err(self.damaged(id, path, 0, Wrong::FileLength));
        }
        Ok((meta, Content::from_file(Arc::new(held), size, head.hash)))
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

/// A record read back.
struct StoredRecord {
    file: Arc<dyn DiskFile>,
    head: RecordHead,
    meta: Vec<u8>,
}
