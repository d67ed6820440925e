//! An image as a drive sees it: bytes by place, wherever they stand in the file. What was never written reads as zeros.
//!
//! Reading never goes beyond the end and never allocates more than was asked for; who asks has bounded that.

use crate::formats::numbers::{self, size, wide};
use std::borrow::Cow;

/// A drive of some size.
pub(super) struct Image<'a> {
    bytes: Cow<'a, [u8]>,
    layout: Layout,
    size: u64,
}

/// Where the drive's bytes stand in the file.
enum Layout {
    /// One after the other.
    Flat,
    /// In blocks of one size, each somewhere or nowhere.
    Blocks { block_bytes: u64, places: Vec<Option<u64>> },
    /// In sectors of a CD with what the drive itself needs around them: 2,048 bytes of every 2,352 or so.
    Sectors { stride: u64, skip: u64 },
}

/// A part of a drive: all of it, or one partition.
#[derive(Clone, Copy)]
pub(super) struct Volume<'a> {
    image: &'a Image<'a>,
    start: u64,
    size: u64,
}

impl<'a> Image<'a> {
    /// The file is the drive.
    pub(super) fn flat(bytes: impl Into<Cow<'a, [u8]>>) -> Image<'a> {
        let bytes = bytes.into();
        let size = wide(bytes.len());
        Image { bytes, layout: Layout::Flat, size }
    }

    /// The drive's blocks stand at these places of the file.
    pub(super) fn blocks(
        bytes: &'a [u8],
        block_bytes: u64,
        places: Vec<Option<u64>>,
        size: u64,
    ) -> Image<'a> {
        let block_bytes = block_bytes.max(1);
        let size = size.min(block_bytes.saturating_mul(wide(places.len())));
        Image { bytes: Cow::Borrowed(bytes), layout: Layout::Blocks { block_bytes, places }, size }
    }

    /// Sectors of 2,048 bytes, one every `stride`, each behind `skip` bytes.
    pub(super) fn sectors(bytes: &'a [u8], stride: u64, skip: u64) -> Image<'a> {
        let size = wide(bytes.len()).div_ceil(stride.max(1)).saturating_mul(CD_SECTOR_BYTES);
        let layout = Layout::Sectors { stride, skip };
        Image { bytes: Cow::Borrowed(bytes), layout, size }
    }

    /// All of it.
    pub(super) fn volume(&'a self) -> Volume<'a> {
        Volume { image: self, start: 0, size: self.size }
    }

    /// The file's place and the count of bytes that follow each other there; no place where nothing was written.
    fn place(&self, at: u64) -> (Option<u64>, u64) {
        match &self.layout {
            Layout::Flat => (Some(at), self.size.saturating_sub(at)),
            Layout::Blocks { block_bytes, places } => {
                let inside = at % block_bytes;
                let place = places.get(size(at / block_bytes)).copied().flatten();
                (place.map(|place| place.saturating_add(inside)), block_bytes - inside)
            }
            Layout::Sectors { stride, skip } => {
                let inside = at % CD_SECTOR_BYTES;
                let sector = (at / CD_SECTOR_BYTES).saturating_mul(*stride);
                (Some(sector.saturating_add(skip + inside)), CD_SECTOR_BYTES - inside)
            }
        }
    }
}

impl<'a> Volume<'a> {
    /// A partition of it.
    pub(super) fn partition(self, start: u64, size: u64) -> Volume<'a> {
        let start_inside = start.min(self.size);
        let size = size.min(self.size - start_inside);
        Volume { image: self.image, start: self.start.saturating_add(start_inside), size }
    }

    /// Its size in bytes.
    pub(super) fn size(self) -> u64 {
        self.size
    }

    /// What there is of `count` bytes at a place. Fewer where the volume or the file ends.
    pub(super) fn read(self, at: u64, count: u64) -> Vec<u8> {
        let count = count.min(self.size.saturating_sub(at));
        let mut read = Vec::new();
        let mut at = self.start.saturating_add(at);
        let mut left = count;
        while left > 0 {
            let (place, run) = self.image.place(at);
            let run = run.min(left);
            if run == 0 {
                break;
            }
            match place {
                None => read.resize(read.len().saturating_add(size(run)), 0),
                Some(place) => {
                    let got = numbers::part(&self.image.bytes, size(place), size(run));
                    read.extend_from_slice(got);
                    if got.len() < size(run) {
                        break;
                    }
                }
            }
            at = at.saturating_add(run);
            left -= run;
        }
        read
    }
}

/// A sector of data on a CD or DVD, ECMA-119 section 6.1.2.
pub(super) const CD_SECTOR_BYTES: u64 = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_from_where_they_stand() {
        let flat = Image::flat(&b"0123456789"[..]);
        assert_eq!(flat.volume().read(8, 9), b"89");
        assert_eq!(flat.volume().partition(2, 3).read(1, 9), b"34");
        assert_eq!(flat.volume().partition(20, 3).read(0, 9), b"");
        assert_eq!(flat.volume().read(u64::MAX, u64::MAX), b"");
        let blocks = Image::blocks(b"aabbcc", 2, vec![Some(4), None, Some(0), Some(5)], 100);
        assert_eq!(
            (blocks.volume().size(), blocks.volume().read(0, 100)),
            (8, b"cc\0\0aac".to_vec())
        );
        let raw = [[1; 16].as_slice(), &[2; 2_048], &[3; 288], &[1; 16], &[4; 100]].concat();
        let sectors = Image::sectors(&raw, 2_352, 16);
        assert_eq!(sectors.volume().read(2_047, 3), [2, 4, 4]);
    }
}
