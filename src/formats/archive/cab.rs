//! Microsoft cabinets (MS-CAB): stored, MSZIP (MS-MCI) and LZX folders; Quantum is named.
//!
//! A cabinet may stand behind a program, and several behind each other. Checksums are not asked. What goes on in another cabinet is
//! given as far as this one has it.

use super::lzx::Lzx;
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped, Unpacked},
        keep::{self, Found},
        numbers::{byte, from, le16, part, size16, size32, until_zero, wide},
        opened::Opened,
    },
};
use flate2::{Decompress, FlushDecompress};

/// Where the first cabinet begins, if there is one.
pub fn find(bytes: &[u8]) -> Option<usize> {
    next_cabinet(part(bytes, 0, limits::ARCHIVE_PREFIX_BYTES_MAX), 0)
}

/// Opens every cabinet in it.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut at = 0;
    let mut unpacked_left = limits::CAB_FOLDER_BYTES_MAX;
    for _ in 0..limits::CABINETS_MAX {
        let Some(start) = next_cabinet(bytes, at) else { break };
        let cabinet = from(bytes, start);
        let told = size32(cabinet, 8).unwrap_or(0);
        if !open_one(cabinet, &mut opened, &mut unpacked_left, budget) {
            break;
        }
        at = start.saturating_add(told.clamp(HEADER_BYTES, cabinet.len().max(HEADER_BYTES)));
    }
    opened
}

/// The signature, with the reserved field zero or the version 1: four letters alone are in many a program.
fn next_cabinet(bytes: &[u8], at: usize) -> Option<usize> {
    let area = from(bytes, at);
    let found = memchr::memmem::find_iter(area, MAGIC).find(|place| {
        let header = from(area, *place);
        byte(header, 25) == Some(1) && size16(header, 28).is_some_and(|files| files > 0)
    });
    found.map(|place| at + place)
}

/// How a folder is packed and where its blocks stand.
struct Folder {
    at: usize,
    blocks: usize,
    method: u16,
}

/// A file: where it stands in its folder.
struct File {
    name: String,
    folder: u16,
    at: usize,
    bytes: usize,
}

fn open_one(
    cabinet: &[u8],
    opened: &mut Opened,
    unpacked_left: &mut usize,
    budget: &mut Budget,
) -> bool {
    let Some((folders, files, reserve)) = directory(cabinet) else {
        opened.stopped = Some(Stopped::Damaged("a cabinet's header ends".to_string()));
        return true;
    };
    for (number, folder) in folders.iter().enumerate() {
        let own: Vec<&File> =
            files.iter().filter(|file| file.place(folders.len()) == Some(number)).collect();
        let want = own.iter().map(|file| file.at.saturating_add(file.bytes)).max().unwrap_or(0);
        let content = folder.unpack(cabinet, reserve, want.min(*unpacked_left), budget);
        *unpacked_left -= content.bytes.len().min(*unpacked_left);
        for file in own {
            let found = Found::file(file.name.clone()).sized(wide(file.bytes));
            let bytes = part(&content.bytes, file.at, file.bytes);
            let whole = bytes.len() == file.bytes;
            if !keep::stored(opened, found, bytes, budget) {
                return false;
            }
            let Some(member) = opened.members.last_mut().filter(|_| !whole) else { continue };
            member.stopped = Some(match (&content.stopped, file.folder) {
                (_, FROM_BEFORE..) => Stopped::Unsupported("one volume of several".to_string()),
                (Some(why), _) => why.clone(),
                (None, _) => Stopped::Damaged("the folder ends before the file".to_string()),
            });
        }
    }
    let lost = files.iter().filter(|file| file.place(folders.len()).is_none());
    for file in lost {
        let why = Stopped::Damaged("a folder that is not there".to_string());
        if !keep::refused(opened, file.name.clone(), why) {
            return false;
        }
    }
    true
}

/// Folders, files, and how many bytes before each block's data are reserved.
fn directory(cabinet: &[u8]) -> Option<(Vec<Folder>, Vec<File>, usize)> {
    let (files_at, folder_count) = (size32(cabinet, 16)?, size16(cabinet, 26)?);
    let (file_count, flags) = (size16(cabinet, 28)?, le16(cabinet, 30)?);
    let mut at = HEADER_BYTES;
    let (mut folder_reserve, mut block_reserve) = (0, 0);
    if flags & RESERVES != 0 {
        folder_reserve = usize::from(byte(cabinet, 38)?);
        block_reserve = usize::from(byte(cabinet, 39)?);
        at = at.checked_add(4)?.checked_add(size16(cabinet, 36)?)?;
    }
    // Names of the cabinet and the disk before, and of those after.
    for flag in [BEFORE, AFTER] {
        for _ in 0..if flags & flag != 0 { 2 } else { 0 } {
            at += until_zero(from(cabinet, at)).len() + 1;
        }
    }
    let mut folders = Vec::new();
    for _ in 0..folder_count.min(limits::PARTS_MAX) {
        let (Some(place), Some(blocks), Some(method)) =
            (size32(cabinet, at), size16(cabinet, at + 4), le16(cabinet, at + 6))
        else {
            break;
        };
        folders.push(Folder { at: place, blocks, method });
        at += 8 + folder_reserve;
    }
    let mut files = Vec::new();
    let mut at = files_at;
    for _ in 0..file_count.min(limits::PARTS_MAX + 1) {
        let (Some(bytes), Some(place), Some(folder)) = (
            size32(cabinet, at),
            size32(cabinet, at.saturating_add(4)),
            le16(cabinet, at.saturating_add(8)),
        ) else {
            break;
        };
        let name = until_zero(part(cabinet, at + 16, NAME_BYTES_MAX));
        at += 16 + name.len() + 1;
        let name = super::name(name, super::latin).replace('\\', "/");
        files.push(File { name, folder, at: place, bytes });
    }
    Some((folders, files, block_reserve))
}

impl File {
    /// The number of its folder, where it is here, MS-CAB section 2.4: three numbers stand for what goes on before or after.
    fn place(&self, folders: usize) -> Option<usize> {
        match self.folder {
            FROM_BEFORE | BOTH_WAYS => (folders > 0).then_some(0),
            GOES_ON => folders.checked_sub(1),
            number => Some(usize::from(number)).filter(|number| *number < folders),
        }
    }
}

impl Folder {
    /// The folder's content from the start, as much as its files ask for.
    fn unpack(&self, cabinet: &[u8], reserve: usize, want: usize, budget: &Budget) -> Unpacked {
        let mut content = Unpacked::default();
        let mut packing = match Packing::of(self.method) {
            Ok(packing) => packing,
            Err(why) => return Unpacked { bytes: Vec::new(), stopped: Some(why) },
        };
        let mut at = self.at;
        for _ in 0..self.blocks {
            if content.bytes.len() >= want {
                break;
            }
            if let Err(limit) = budget.check_time() {
                content.stopped = Some(limit.into());
                break;
            }
            let (Some(packed), Some(count)) =
                (size16(cabinet, at.saturating_add(4)), size16(cabinet, at.saturating_add(6)))
            else {
                content.stopped = Some(Stopped::Damaged("the cabinet ends in a block".to_string()));
                break;
            };
            let data_at = at + 8 + reserve;
            let data = part(cabinet, data_at, packed);
            if let Err(why) = packing.block(data, count, &mut content.bytes) {
                content.stopped = Some(why);
                break;
            }
            at = data_at + packed;
        }
        content
    }
}

/// The decoder of one folder.
enum Packing {
    Stored,
    Zip,
    Lzx(Box<Lzx>),
}

impl Packing {
    fn of(method: u16) -> Result<Packing, Stopped> {
        match method & 0xf {
            0 => Ok(Packing::Stored),
            1 => Ok(Packing::Zip),
            3 => Lzx::new(u32::from(method >> 8 & 0x1f))
                .map(|lzx| Packing::Lzx(Box::new(lzx)))
                .ok_or_else(|| Stopped::Damaged("LZX with a window that LZX has not".to_string())),
            2 => Err(Stopped::Unsupported("cabinet method Quantum".to_string())),
            other => Err(Stopped::Unsupported(format!("cabinet method {other}"))),
        }
    }

    fn block(&mut self, data: &[u8], count: usize, to: &mut Vec<u8>) -> Result<(), Stopped> {
        match self {
            Packing::Stored => {
                to.extend_from_slice(data);
                Ok(())
            }
            Packing::Zip => zip_block(data, count, to),
            Packing::Lzx(lzx) => lzx.piece(data, count, to),
        }
    }
}

/// MS-MCI section 2: two letters, then deflate with the 32 KiB before as its dictionary.
fn zip_block(data: &[u8], count: usize, to: &mut Vec<u8>) -> Result<(), Stopped> {
    let damaged = |what: &str| Stopped::Damaged(format!("MSZIP: {what}"));
    let Some(deflate) = data.strip_prefix(b"CK") else { return Err(damaged("no block mark")) };
    let mut inflate = Decompress::new(false);
    let before = from(to, to.len().saturating_sub(BLOCK_BYTES)).to_vec();
    if !before.is_empty() && inflate.set_dictionary(&before).is_err() {
        return Err(damaged("no dictionary"));
    }
    // Where the size told is too small, the block says itself how long it is.
    let mut block = Vec::with_capacity(count.max(BLOCK_BYTES) + 1);
    let result = inflate.decompress_vec(deflate, &mut block, FlushDecompress::Finish);
    let got = block.len();
    to.append(&mut block);
    match result {
        Ok(_) if got >= count => Ok(()),
        Ok(_) => Err(damaged("a block ends early")),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

const MAGIC: &[u8] = b"MSCF";
const HEADER_BYTES: usize = 36;
const BEFORE: u16 = 1;
const AFTER: u16 = 2;
const RESERVES: u16 = 4;
const FROM_BEFORE: u16 = 0xfffd;
const GOES_ON: u16 = 0xfffe;
const BOTH_WAYS: u16 = 0xffff;
/// Bytes of one block unpacked, and how far MSZIP looks back.
const BLOCK_BYTES: usize = 32 << 10;
/// MS-CAB section 2.4 allows 256.
const NAME_BYTES_MAX: usize = 1_024;

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    /// A cabinet with one folder: method 0 stored, 1 MSZIP.
    pub(crate) fn cabinet(method: u16, files: &[(&str, &[u8])]) -> Vec<u8> {
        let content: Vec<u8> = files.iter().flat_map(|(_, content)| content.to_vec()).collect();
        let mut blocks = Vec::new();
        let mut before: Vec<u8> = Vec::new();
        for block in content.chunks(BLOCK_BYTES) {
            let packed = match method {
                0 => block.to_vec(),
                _ => {
                    let mut compress = Compress::new(Compression::default(), false);
                    if !before.is_empty() {
                        compress.set_dictionary(&before).unwrap();
                    }
                    let mut packed = b"CK".to_vec();
                    packed.reserve(BLOCK_BYTES * 2);
                    compress.compress_vec(block, &mut packed, FlushCompress::Finish).unwrap();
                    packed
                }
            };
            before = block.to_vec();
            blocks.extend([0; 4]);
            blocks.extend(u16::try_from(packed.len()).unwrap().to_le_bytes());
            blocks.extend(u16::try_from(block.len()).unwrap().to_le_bytes());
            blocks.extend(packed);
        }
        let mut list = Vec::new();
        let mut at = 0;
        for (name, content) in files {
            list.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
            list.extend(u32::try_from(at).unwrap().to_le_bytes());
            list.extend([0; 8]);
            list.extend(name.as_bytes());
            list.push(0);
            at += content.len();
        }
        let data_at = u32::try_from(44 + list.len()).unwrap();
        let total = data_at + u32::try_from(blocks.len()).unwrap();
        let count = u16::try_from(content.chunks(BLOCK_BYTES).count()).unwrap();
        let mut bytes = [MAGIC, &[0; 4], &total.to_le_bytes(), &[0; 4]].concat();
        bytes.extend([&44_u32.to_le_bytes()[..], &[0; 4], &[3, 1, 1, 0]].concat());
        bytes.extend(u16::try_from(files.len()).unwrap().to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(data_at.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(method.to_le_bytes());
        bytes.extend(list);
        bytes.extend(blocks);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::cabinet, *};
    use crate::formats::keep::testing::{budget, texts, torture};

    fn opened(bytes: &[u8]) -> Opened {
        open(bytes, &mut budget())
    }

    #[test]
    fn stored_and_zipped_folders() {
        let long: Vec<u8> = (0..20_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        for method in [0, 1] {
            let bytes = cabinet(method, &[("a\\b.txt", b"one"), ("long", &long), ("c", b"two")]);
            let found = opened(&bytes);
            assert_eq!(found.members[0].name.as_deref(), Some("a/b.txt"));
            assert_eq!(found.members[1].bytes, long);
            assert_eq!((&found.members[2].bytes[..], found.stopped), (&b"two"[..], None));
            assert!(found.members.iter().all(|member| member.stopped.is_none()));
        }
    }

    #[test]
    fn cabinets_behind_programs_and_each_other() {
        let one = cabinet(1, &[("a", b"one")]);
        let two = cabinet(0, &[("b", b"two")]);
        let bytes = [b"MZ MSCF is in the program", &one[..], b"junk", &two].concat();
        assert!(find(&bytes).is_some());
        let want =
            [("a", "one"), ("b", "two")].map(|(name, text)| (name.to_string(), text.to_string()));
        assert_eq!(texts(&opened(&bytes)), want);
    }

    #[test]
    fn what_is_not_here_is_said() {
        let mut bytes = cabinet(0, &[("a", b"one")]);
        // The file goes on in the next cabinet and is longer than what is here.
        bytes[44] = 9;
        bytes[52..54].copy_from_slice(&GOES_ON.to_le_bytes());
        let found = opened(&bytes);
        assert_eq!(found.members[0].bytes, b"one");
        assert!(matches!(found.members[0].stopped, Some(Stopped::Unsupported(_))));
        bytes[52..54].copy_from_slice(&7_u16.to_le_bytes());
        assert!(matches!(opened(&bytes).members[0].stopped, Some(Stopped::Damaged(_))));
        let quantum = cabinet(2, &[("a", b"one")]);
        assert!(matches!(opened(&quantum).members[0].stopped, Some(Stopped::Unsupported(_))));
    }

    #[test]
    fn broken_cabinets_never_panic() {
        torture(&cabinet(1, &[("a", b"one two three")]), |bytes| drop(opened(bytes)));
        let mut lzx = cabinet(1, &[("a", b"one two three four five six")]);
        lzx[42..44].copy_from_slice(&0x0f03_u16.to_le_bytes());
        torture(&lzx, |bytes| drop(opened(bytes)));
    }
}
