//! The records of a ZIP, APPNOTE.TXT 6.3.10 section 4.3: where they stand and what they say. Nothing here is believed, only read.

use memchr::memmem;

/// Where records begin, by their signatures.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) locals: Vec<usize>,
    pub(super) centrals: Vec<usize>,
    pub(super) descriptors: Vec<usize>,
    pub(super) ends: Vec<usize>,
    /// An archive extra data record, section 4.3.11: the directory is encrypted.
    pub(super) encrypted_directory: bool,
    /// There are more than are kept.
    pub(super) some_lost: bool,
}

impl Marks {
    /// One pass over the archive.
    pub(super) fn of(archive: &[u8]) -> Marks {
        let mut marks = Marks::default();
        for at in memmem::find_iter(archive, b"PK") {
            let kind = match archive.get(at + 2..at + 4) {
                Some([3, 4]) => &mut marks.locals,
                Some([1, 2]) => &mut marks.centrals,
                Some([7, 8]) => &mut marks.descriptors,
                Some([5, 6]) => &mut marks.ends,
                Some([6, 8]) => {
                    marks.encrypted_directory = true;
                    continue;
                }
                _ => continue,
            };
            if kind.len() >= MARKS_MAX {
                // The later ones count more: directories stand at the end.
                kind.drain(..MARKS_MAX / 2);
                marks.some_lost = true;
            }
            kind.push(at);
        }
        marks
    }

    /// Does a record begin here?
    pub(super) fn has(&self, at: usize) -> bool {
        let all = [&self.locals, &self.centrals, &self.descriptors, &self.ends];
        all.into_iter().any(|marks| marks.binary_search(&at).is_ok())
    }

    /// The first record of any kind that begins behind `at`, or the end.
    pub(super) fn next_record(&self, at: usize, end: usize) -> usize {
        [&self.locals, &self.centrals, &self.descriptors, &self.ends]
            .into_iter()
            .filter_map(|marks| first_behind(marks, at))
            .min()
            .unwrap_or(end)
    }

    /// Where data ends whose size stands behind it: at the descriptor that says just this size, section 4.3.9.
    fn end_by_descriptor(&self, archive: &[u8], data_at: usize) -> Option<usize> {
        let first = self.descriptors.partition_point(|mark| *mark < data_at);
        let near = self.descriptors.get(first..)?.iter().take(DESCRIPTORS_TRIED_MAX);
        near.copied().find(|mark| {
            let size = mark - data_at;
            long(archive, mark + 8) == Some(size) || very_long(archive, mark + 8) == Some(size)
        })
    }
}

fn first_behind(marks: &[usize], at: usize) -> Option<usize> {
    marks.get(marks.partition_point(|mark| *mark <= at)).copied()
}

/// What a local and a central header both say.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// The name, and further ones it goes by: from the Unicode path field, or cut at a NUL as programs in C see it.
    pub(super) names: Vec<String>,
    /// A plain name that needs no Unicode has another one beside it.
    pub(super) two_names: bool,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) time: u16,
    pub(super) crc: u32,
    pub(super) packed: usize,
    pub(super) unpacked: usize,
    pub(super) aes: Option<Aes>,
}

/// The extra field of an AES member (WinZip AE-1 and AE-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aes {
    /// 1, 2, 3: 128, 192, 256 bits.
    pub(super) strength: u8,
    /// How it is packed under the encryption.
    pub(super) method: u16,
}

/// A central header, section 4.3.12.
pub(super) struct Central {
    pub(super) header: Header,
    pub(super) offset: usize,
    pub(super) disk: u16,
    raw_name: (usize, usize),
    pub(super) next: usize,
}

/// A local header, section 4.3.7.
pub(super) struct Local {
    pub(super) header: Header,
    pub(super) data_at: usize,
}

pub(super) fn central_header(archive: &[u8], at: usize) -> Option<Central> {
    if !archive.get(at..)?.starts_with(CENTRAL) {
        return None;
    }
    let (name_bytes, extra_bytes) = (short_size(archive, at + 28)?, short_size(archive, at + 30)?);
    let comment_bytes = short_size(archive, at + 32)?;
    let (name_at, extra_at) = (at + 46, at + 46 + name_bytes);
    let extra = archive.get(extra_at..archive.len().min(extra_at + extra_bytes))?;
    let offset = long(archive, at + 42)?;
    let (mut header, after_sizes) =
        header(archive, at + 8, archive.get(name_at..extra_at)?, extra)?;
    header.names.dedup();
    let offset = match (offset, after_sizes) {
        (UNKNOWN, Some(rest)) => very_long(rest, 0).unwrap_or(offset),
        _ => offset,
    };
    Some(Central {
        header,
        offset,
        disk: short(archive, at + 34)?,
        raw_name: (name_at, name_bytes),
        next: extra_at + extra_bytes + comment_bytes,
    })
}

impl Central {
    /// The local header this one points to. A missing signature is forgiven where the name stands in its place.
    pub(super) fn local(&self, archive: &[u8], at: usize, marks: &Marks) -> Option<Local> {
        local_header(archive, at, marks).or_else(|| {
            let (name_at, name_bytes) = self.raw_name;
            let name =
                archive.get(name_at..name_at + name_bytes).filter(|name| !name.is_empty())?;
            let there = archive.get(at.checked_add(30)?..)?;
            there.starts_with(name).then(|| local_fields(archive, at, marks))?
        })
    }
}

pub(super) fn local_header(archive: &[u8], at: usize, marks: &Marks) -> Option<Local> {
    archive.get(at..)?.starts_with(LOCAL).then(|| local_fields(archive, at, marks))?
}

fn local_fields(archive: &[u8], at: usize, marks: &Marks) -> Option<Local> {
    let (name_bytes, extra_bytes) = (short_size(archive, at + 26)?, short_size(archive, at + 28)?);
    let (name_at, extra_at) = (at + 30, at + 30 + name_bytes);
    let data_at = extra_at + extra_bytes;
    let extra = archive.get(extra_at..archive.len().min(data_at))?;
    let (mut header, _) = header(archive, at + 6, archive.get(name_at..extra_at)?, extra)?;
    if header.packed == 0 && header.flags & FLAG_SIZE_FOLLOWS != 0 {
        header.packed = marks
            .end_by_descriptor(archive, data_at)
            .unwrap_or_else(|| marks.next_record(data_at, archive.len()))
            .saturating_sub(data_at);
    }
    Some(Local { header, data_at })
}

/// The fields both have, from the flags on; and what the ZIP64 field has behind the sizes.
fn header<'a>(
    archive: &[u8],
    at: usize,
    name: &[u8],
    extra: &'a [u8],
) -> Option<(Header, Option<&'a [u8]>)> {
    let mut header = Header {
        names: vec![super::name(name)],
        two_names: false,
        flags: short(archive, at)?,
        method: short(archive, at + 2)?,
        time: short(archive, at + 4)?,
        crc: u32::try_from(long(archive, at + 8)?).ok()?,
        packed: long(archive, at + 12)?,
        unpacked: long(archive, at + 16)?,
        aes: None,
    };
    if let Some(end) = memchr::memchr(0, name).filter(|end| *end > 0) {
        header.names.push(super::name(name.get(..end)?));
    }
    let mut behind_sizes = None;
    for (id, content) in fields(extra).take(EXTRA_FIELDS_MAX) {
        match id {
            EXTRA_ZIP64 => {
                let mut rest = content;
                for size in [&mut header.unpacked, &mut header.packed] {
                    if *size == UNKNOWN {
                        let Some(known) = very_long(rest, 0) else { break };
                        *size = known;
                        rest = rest.get(8..).unwrap_or_default();
                    }
                }
                behind_sizes = Some(rest);
            }
            // Info-ZIP: version, checksum of the plain name, the name in UTF-8.
            EXTRA_UNICODE_PATH => {
                let other = content.get(5..).map(super::name).filter(|name| !name.is_empty());
                if let Some(other) = other.filter(|other| !header.names.contains(other)) {
                    header.two_names =
                        name.is_ascii() && ending(&other) != ending(&super::name(name));
                    header.names.insert(0, other);
                }
            }
            EXTRA_AES => {
                let strength = content.get(4).copied();
                header.aes = strength
                    .zip(short(content, 5))
                    .map(|(strength, method)| Aes { strength, method });
            }
            _ => (),
        }
    }
    Some((header, behind_sizes))
}

fn ending(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase())
}

/// The extra fields, section 4.5: identifier and content. What a size runs over the end is cut there.
fn fields(extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = extra;
    std::iter::from_fn(move || {
        let (id, size) = (short(rest, 0)?, short_size(rest, 2)?);
        let body = rest.get(4..)?;
        let content = body.get(..size).unwrap_or(body);
        rest = body.get(size..).unwrap_or_default();
        Some((id, content))
    })
}

/// An end record, section 4.3.16, with what its ZIP64 form (4.3.14) says better.
pub(super) struct End {
    at: usize,
    size: usize,
    told: usize,
    pub(super) disk: u16,
}

impl End {
    pub(super) fn read(archive: &[u8], at: usize) -> Option<End> {
        let disk = short(archive, at + 4)?;
        let mut end =
            End { at, size: long(archive, at + 12)?, told: long(archive, at + 16)?, disk };
        let Some(locator) = at.checked_sub(20).filter(|at| starts(archive, *at, b"PK\x06\x07"))
        else {
            return Some(end);
        };
        let told = very_long(archive, locator + 8).unwrap_or(0);
        // With something before the archive it does not stand where it is said to; it nearly always stands right before the locator.
        let near = locator.checked_sub(56);
        let found =
            [Some(told), near].into_iter().flatten().find(|at| starts(archive, *at, b"PK\x06\x06"));
        if let Some(large) = found
            && let (Some(size), Some(offset)) =
                (very_long(archive, large + 40), very_long(archive, large + 48))
        {
            (end.at, end.size, end.told) = (large, size, offset);
        }
        Some(end)
    }

    /// Where the directory may begin: before this record by its size, or where the record says.
    pub(super) fn directory_at(&self, archive: &[u8]) -> Option<usize> {
        let by_size = self.at.checked_sub(self.size);
        [by_size, Some(self.told)].into_iter().flatten().find(|at| starts(archive, *at, CENTRAL))
    }

    /// How far everything was shifted by what stands before the archive.
    pub(super) fn shift(&self) -> usize {
        self.at.saturating_sub(self.size).saturating_sub(self.told)
    }

    /// The directory is not empty by its size.
    pub(super) fn has_directory(&self) -> bool {
        self.size > 0
    }
}

fn starts(archive: &[u8], at: usize, signature: &[u8]) -> bool {
    archive.get(at..).is_some_and(|rest| rest.starts_with(signature))
}

pub(super) fn short(archive: &[u8], at: usize) -> Option<u16> {
    archive.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn short_size(archive: &[u8], at: usize) -> Option<usize> {
    short(archive, at).map(usize::from)
}

fn long(archive: &[u8], at: usize) -> Option<usize> {
    let bytes = archive.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn very_long(archive: &[u8], at: usize) -> Option<usize> {
    let bytes = archive.get(at..at.checked_add(8)?)?.try_into().ok()?;
    // Half the address space, so that sums of two stay in it.
    usize::try_from(u64::from_le_bytes(bytes)).ok().filter(|size| *size <= usize::MAX / 4)
}

pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
pub(super) const CENTRAL: &[u8] = b"PK\x01\x02";
pub(super) const END: &[u8] = b"PK\x05\x06";
/// Bit 3: checksum and sizes stand behind the data.
pub(super) const FLAG_SIZE_FOLLOWS: u16 = 8;
/// A size that stands in the ZIP64 field instead.
const UNKNOWN: usize = 0xffff_ffff;
const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_UNICODE_PATH: u16 = 0x7075;
const EXTRA_AES: u16 = 0x9901;
/// Places of one kind that begin like a record; many more than members are opened.
const MARKS_MAX: usize = 200_000;
/// Extra fields of one header that are read.
const EXTRA_FIELDS_MAX: usize = 200;
/// Descriptors looked at for one member: what it holds may have some itself.
const DESCRIPTORS_TRIED_MAX: usize = 64;
