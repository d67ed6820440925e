//! One folder of a 7z archive: members that are packed together by a chain of coders.

use crate::{
    base::limits,
    formats::{
        archive::squeeze::{self, Lzma, Slice, Squeeze},
        budget::{Budget, Stopped, Unpacked},
    },
};
use lzma_rust2::filter::{bcj::BcjReader, delta::DeltaReader};
use sevenz_rust2::{Archive, ArchiveEntry, BlockDecoder, Coder, EncoderMethod, Password};
use std::io::{Cursor, Read};

/// A folder and where it stands.
pub(super) struct Folder<'a> {
    archive: &'a Archive,
    bytes: &'a [u8],
    index: usize,
    coders: &'a [Coder],
    entries: &'a [ArchiveEntry],
    checksums: &'a [Option<u32>],
}

/// Is told each member in turn, and whether it is as long and has the checksum that the header says; false: no more are wanted.
type Each<'e> = dyn FnMut(&ArchiveEntry, Unpacked, bool) -> bool + 'e;

impl<'a> Folder<'a> {
    /// None: the archive has no such folder, or nothing is in it.
    pub(super) fn of(
        archive: &'a Archive,
        checksums: &'a [Option<u32>],
        bytes: &'a [u8],
        index: usize,
    ) -> Option<Folder<'a>> {
        let coders = &archive.blocks.get(index)?.coders;
        let folders = &archive.stream_map.file_block_index;
        let first = *archive.stream_map.block_first_file_index.get(index)?;
        // Members without bytes may stand between; they belong to no folder.
        let own = |folder: &Option<usize>| folder.is_none_or(|folder| folder == index);
        let count = folders.get(first..)?.iter().take_while(|folder| own(folder)).count();
        let entries = archive.files.get(first..first + count)?;
        let checksums = checksums.get(first..first + count)?;
        Some(Folder { archive, bytes, index, coders, entries, checksums })
    }

    pub(super) fn entries(&self) -> &'a [ArchiveEntry] {
        self.entries
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.coders.iter().any(|coder| coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256)
    }

    /// The power of two of the rounds that make a key of a password.
    pub(super) fn rounds_power(&self) -> u8 {
        let encrypted = self
            .coders
            .iter()
            .filter(|coder| coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256)
            .filter_map(|coder| coder.properties().first());
        // 63 is not a power but "no rounds at all".
        encrypted.map(|first| first & 63).filter(|power| *power != 63).max().unwrap_or(0)
    }

    /// Unpacks member by member. Gives why it ended if that was not told with a member.
    pub(super) fn each(
        &self,
        password: &Password,
        budget: &mut Budget,
        tell: &mut Each<'_>,
    ) -> Option<Stopped> {
        if let Some(unpacked) = self.by_ourselves(budget) {
            self.share_out(unpacked, tell);
            return None;
        }
        let need_kib: u64 = self.coders.iter().map(memory_kib).sum();
        if need_kib > u64::from(limits::DICTIONARY_KIB_MAX) {
            return Some(Stopped::Unsupported(format!(
                "7z with a dictionary of {} MiB",
                need_kib >> 10
            )));
        }
        let packed_bytes = self.packed().map_or(0, <[u8]>::len).max(1);
        let mut source = Cursor::new(self.bytes);
        let decoder = BlockDecoder::new_with_memory_limit(
            1,
            super::MEMORY_KIB_MAX,
            self.index,
            self.archive,
            password,
            &mut source,
        );
        let mut streams = self.streams();
        let done = decoder.for_each_entries(&mut |entry, reader| {
            // Empty ones between are named by whoever asked for the folder.
            if !entry.has_stream {
                return Ok(true);
            }
            let checksum = streams.next().and_then(|(_, checksum)| checksum);
            let unpacked = budget.unpack(reader, |_| packed_bytes);
            let (unpacked, as_told) = compare(entry, checksum, unpacked);
            Ok(tell(entry, unpacked, as_told))
        });
        match done {
            // What was left to find fault with is not in the members.
            Err(_) if streams.next().is_none() => None,
            Err(error) => Some(super::reason(&error)),
            Ok(_) => None,
        }
    }

    fn streams(&self) -> impl Iterator<Item = (&'a ArchiveEntry, Option<u32>)> {
        self.entries
            .iter()
            .zip(self.checksums.iter().copied())
            .filter(|(entry, _)| entry.has_stream)
    }

    /// All packed bytes of the folder, as far as they are there.
    fn packed(&self) -> Option<&'a [u8]> {
        let map = &self.archive.stream_map;
        let first = *map.block_first_pack_stream_index().get(self.index)?;
        let offset = *map.pack_stream_offsets().get(first)?;
        let size = *self.archive.pack_sizes().get(first)?;
        let start = self.archive.pack_pos().checked_add(offset)?.checked_add(START_HEADER_BYTES)?;
        let rest = self.bytes.get(usize::try_from(start).ok()?..)?;
        Some(rest.get(..usize::try_from(size).ok()?).unwrap_or(rest))
    }

    /// What the crate does not unpack, or only with as large a dictionary as the header asks for; filters may follow.
    fn by_ourselves(&self, budget: &mut Budget) -> Option<Unpacked> {
        let chain: Vec<&Coder> = self
            .archive
            .blocks
            .get(self.index)?
            .ordered_coder_iter()
            .map(|(_, coder)| coder)
            .collect();
        let (first, filters) = chain.split_first()?;
        if chain.len() != self.coders.len() || !filters.iter().all(|coder| is_filter(coder)) {
            return None;
        }
        let mut unpacked = self.alone(first, budget)?;
        for coder in filters {
            unpacked.bytes = filtered(coder, &unpacked.bytes);
        }
        Some(unpacked)
    }

    fn alone(&self, coder: &Coder, budget: &mut Budget) -> Option<Unpacked> {
        let packed = self.packed()?;
        let over = memory_kib(coder) > u64::from(limits::DICTIONARY_KIB_MAX);
        match coder.encoder_method_id() {
            EncoderMethod::ID_ZSTD => Some(squeeze::contiguous(packed, Squeeze::Zstandard, budget)),
            EncoderMethod::ID_DEFLATE64 => {
                Some(crate::formats::archive::zip::deflate64(packed, budget))
            }
            EncoderMethod::ID_LZMA if over => {
                let size = self.archive.blocks.get(self.index)?.get_unpack_size_for_coder(coder);
                let decoder = Lzma::new(*coder.properties().first()?, u32::MAX, Some(size))?;
                Some(squeeze::drain(Slice::new(packed, Box::new(decoder)), budget))
            }
            EncoderMethod::ID_LZMA2 if over => {
                let reader =
                    lzma_rust2::Lzma2Reader::new(packed, limits::DICTIONARY_CLAMP_BYTES, None);
                Some(budget.unpack(reader, |_| packed.len()))
            }
            _ => None,
        }
    }

    /// Cuts what came out into members by their sizes; the last one gets what is left.
    fn share_out(&self, unpacked: Unpacked, tell: &mut Each<'_>) {
        let mut bytes = unpacked.bytes.as_slice();
        let mut streams = self.streams().peekable();
        while let Some((entry, checksum)) = streams.next() {
            let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
            let size = if streams.peek().is_none() { bytes.len().max(size) } else { size };
            let short = size > bytes.len();
            let (own, rest) = bytes.split_at(size.min(bytes.len()));
            bytes = rest;
            let stopped = unpacked.stopped.clone().filter(|_| short || streams.peek().is_none());
            let stopped = stopped
                .or_else(|| short.then(|| Stopped::Damaged("a folder ends early".to_string())));
            let (own, as_told) =
                compare(entry, checksum, Unpacked { bytes: own.to_vec(), stopped });
            if !tell(entry, own, as_told) {
                return;
            }
        }
    }
}

/// A filter changes bytes and not their number.
fn is_filter(coder: &Coder) -> bool {
    matches!(
        coder.encoder_method_id(),
        EncoderMethod::ID_DELTA
            | EncoderMethod::ID_BCJ_X86
            | EncoderMethod::ID_BCJ_ARM
            | EncoderMethod::ID_BCJ_ARM64
            | EncoderMethod::ID_BCJ_ARM_THUMB
            | EncoderMethod::ID_BCJ_PPC
            | EncoderMethod::ID_BCJ_IA64
            | EncoderMethod::ID_BCJ_SPARC
            | EncoderMethod::ID_BCJ_RISCV
    )
}

fn filtered(coder: &Coder, bytes: &[u8]) -> Vec<u8> {
    let mut filtered = Vec::with_capacity(bytes.len());
    let done = match coder.encoder_method_id() {
        EncoderMethod::ID_DELTA => {
            let distance =
                coder.properties().first().map_or(1, |distance| usize::from(*distance) + 1);
            DeltaReader::new(bytes, distance).read_to_end(&mut filtered)
        }
        EncoderMethod::ID_BCJ_X86 => BcjReader::new_x86(bytes, 0).read_to_end(&mut filtered),
        EncoderMethod::ID_BCJ_ARM => BcjReader::new_arm(bytes, 0).read_to_end(&mut filtered),
        EncoderMethod::ID_BCJ_ARM64 => BcjReader::new_arm64(bytes, 0).read_to_end(&mut filtered),
        EncoderMethod::ID_BCJ_ARM_THUMB => {
            BcjReader::new_arm_thumb(bytes, 0).read_to_end(&mut filtered)
        }
        EncoderMethod::ID_BCJ_PPC => BcjReader::new_ppc(bytes, 0).read_to_end(&mut filtered),
        EncoderMethod::ID_BCJ_IA64 => BcjReader::new_ia64(bytes, 0).read_to_end(&mut filtered),
        EncoderMethod::ID_BCJ_SPARC => BcjReader::new_sparc(bytes, 0).read_to_end(&mut filtered),
        EncoderMethod::ID_BCJ_RISCV => BcjReader::new_riscv(bytes, 0).read_to_end(&mut filtered),
        _ => Ok(0),
    };
    match done {
        Ok(_) if filtered.len() == bytes.len() => filtered,
        Ok(_) | Err(_) => bytes.to_vec(),
    }
}

/// A member that is as long as it should be is not damaged, even if something behind it is. Is it what the header says?
fn compare(
    entry: &ArchiveEntry,
    checksum: Option<u32>,
    mut unpacked: Unpacked,
) -> (Unpacked, bool) {
    let whole = u64::try_from(unpacked.bytes.len()).is_ok_and(|bytes| bytes == entry.size);
    if whole && matches!(unpacked.stopped, Some(Stopped::Damaged(_))) {
        unpacked.stopped = None;
    }
    let mut sum = flate2::Crc::new();
    sum.update(&unpacked.bytes);
    let as_told = whole && checksum.is_none_or(|told| told == sum.sum());
    (unpacked, as_told)
}

/// What a coder's dictionary or model takes, by its properties.
fn memory_kib(coder: &Coder) -> u64 {
    let properties = coder.properties();
    let word = |at: usize| {
        let bytes = properties.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, |bytes| u64::from(u32::from_le_bytes(bytes)))
    };
    let bytes = match coder.encoder_method_id() {
        EncoderMethod::ID_LZMA | EncoderMethod::ID_PPMD => word(1),
        EncoderMethod::ID_LZMA2 => match properties.first().copied().unwrap_or(0) {
            coded @ 0..40 => u64::from(2 | (coded & 1)) << (coded / 2 + 11),
            _ => u64::from(u32::MAX),
        },
        _ => 0,
    };
    bytes >> 10
}

/// The folders' bytes are counted from behind it.
const START_HEADER_BYTES: u64 = 32;
