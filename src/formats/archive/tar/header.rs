//! One header block of tar, and the records of pax.

use crate::base::limits;

/// A header that is one: its checksum is right, or its magic is there.
pub(super) struct Header<'a> {
    name: &'a [u8],
    prefix: &'a [u8],
    /// The type letter.
    pub(super) kind: u8,
    /// Bytes of data it tells.
    pub(super) size: usize,
    /// Where a link leads.
    pub(super) link: &'a [u8],
    /// A GNU sparse header goes on in the next block.
    goes_on: bool,
    /// It says itself that it is one.
    pub(super) has_magic: bool,
}

impl Header<'_> {
    pub(super) fn read(block: &[u8]) -> Option<Header<'_>> {
        let magic = block.get(257..262)? == b"ustar";
        if block.iter().all(|byte| *byte == 0) || !(magic || has_checksum(block)) {
            return None;
        }
        let posix = block.get(257..263)? == b"ustar\0";
        // star keeps times at the end of the field.
        let prefix_bytes = if block.get(508..512)? == b"tar\0" { 131 } else { 155 };
        let prefix = if posix { field(block, 345, prefix_bytes)? } else { &[] };
        let kind = *block.get(156)?;
        Some(Header {
            name: field(block, 0, NAME_BYTES)?,
            prefix,
            kind,
            size: number(block.get(124..136)?),
            link: field(block, 157, 100)?,
            goes_on: kind == b'S' && *block.get(482)? != 0,
            has_magic: magic,
        })
    }

    /// The plain name with its prefix.
    pub(super) fn name(&self) -> Vec<u8> {
        match self.prefix.is_empty() {
            true => self.name.to_vec(),
            false => [self.prefix, b"/", self.name].concat(),
        }
    }

    /// Blocks of a sparse map that stand between this header and the data.
    pub(super) fn sparse_blocks(&self, rest: &[u8]) -> usize {
        let mut blocks = rest.chunks_exact(BLOCK_BYTES).take(SPARSE_BLOCKS_MAX);
        let mut count = 0;
        let mut goes_on = self.goes_on;
        while goes_on && let Some(block) = blocks.next() {
            count += 1;
            goes_on = block.get(504).is_some_and(|more| *more != 0);
        }
        count
    }
}

/// The sum of all bytes, those of the field itself counted as blanks. Old programs summed them with their signs.
fn has_checksum(block: &[u8]) -> bool {
    let Some(own) = block.get(CHECKSUM) else { return false };
    if !own.iter().any(u8::is_ascii_digit) {
        return false;
    }
    let told = number(own);
    let others =
        || block.iter().take(CHECKSUM.start).chain(block.iter().skip(CHECKSUM.end)).copied();
    let blanks = CHECKSUM.len() * usize::from(b' ');
    let plain = others().map(usize::from).sum::<usize>() + blanks;
    let negative = others().filter(|byte| *byte >= 128).count() * 256;
    told == plain || told.checked_add(negative) == Some(plain)
}

fn field(block: &[u8], at: usize, bytes: usize) -> Option<&[u8]> {
    let field = block.get(at..at + bytes)?;
    field.get(..memchr::memchr(0, field).unwrap_or(bytes))
}

/// Octal digits, or with the first bit set the number itself, highest byte first (GNU). What is no number is zero.
fn number(field: &[u8]) -> usize {
    let Some((first, rest)) = field.split_first() else { return 0 };
    match first {
        // Negative numbers begin with 0xff and are nobody's size.
        0xff => 0,
        0x80..=0xfe => rest.iter().fold(usize::from(first & 0x3f), |sum, byte| {
            sum.checked_mul(256).and_then(|sum| sum.checked_add(usize::from(*byte))).unwrap_or(HUGE)
        }),
        _ => {
            let digits = field.iter().skip_while(|byte| matches!(byte, b' ' | 0));
            digits.take_while(|byte| (b'0'..=b'7').contains(byte)).fold(0, |sum: usize, byte| {
                sum.checked_mul(8).map_or(HUGE, |sum| sum + usize::from(byte - b'0'))
            })
        }
    }
}

/// What the extended header of pax says.
#[derive(Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<usize>,
    /// GNU sparse format 1.0: the map stands before the data.
    pub(super) sparse_map_first: bool,
    /// It has holes, by any of GNU's three formats.
    pub(super) sparse: bool,
}

impl Pax {
    /// Records of a length, a key and a value. Where a length is wrong, the line is believed.
    pub(super) fn read(&mut self, content: &[u8]) {
        let mut rest = content.get(..limits::TAR_PAX_BYTES_MAX).unwrap_or(content);
        let mut sparse_name = None;
        while let Some(blank) = memchr::memchr(b' ', rest) {
            let told = rest.get(..blank).and_then(|digits| std::str::from_utf8(digits).ok());
            let told: Option<usize> = told.and_then(|digits| digits.trim().parse().ok());
            let line_end =
                |rest: &[u8]| memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let end = told
                .filter(|told| *told > blank && rest.get(told.saturating_sub(1)) == Some(&b'\n'));
            let end = end.unwrap_or_else(|| line_end(rest));
            let record = rest.get(blank + 1..end.saturating_sub(1)).unwrap_or_default();
            if let Some(equals) = memchr::memchr(b'=', record) {
                let (key, value) =
                    (record.get(..equals), record.get(equals + 1..).unwrap_or_default());
                self.record(key.unwrap_or_default(), value, &mut sparse_name);
            }
            rest = rest.get(end.max(blank + 1)..).unwrap_or_default();
        }
        // The path of a sparse file is made up; this is the real one.
        self.path = sparse_name.or(self.path.take());
    }

    fn record(&mut self, key: &[u8], value: &[u8], sparse_name: &mut Option<Vec<u8>>) {
        let text = || value.get(..limits::TAR_NAME_BYTES_MAX).unwrap_or(value).to_vec();
        self.sparse |= key.starts_with(b"GNU.sparse.");
        match key {
            b"path" => self.path = Some(text()),
            b"linkpath" => self.link_path = Some(text()),
            b"size" => {
                let digits =
                    std::str::from_utf8(value).ok().and_then(|digits| digits.trim().parse().ok());
                self.size = digits.or(self.size);
            }
            b"GNU.sparse.name" => *sparse_name = Some(text()),
            b"GNU.sparse.major" => self.sparse_map_first = value == b"1",
            _ => (),
        }
    }
}

/// The map before the data of a sparse file: a count, then an offset and a size for each piece, a number a line, filled to a block.
pub(super) fn sparse_map_bytes(data: &[u8]) -> usize {
    let mut lines = memchr::memchr_iter(b'\n', data);
    let Some(first) = lines.next() else { return 0 };
    let count = data.get(..first).and_then(|digits| std::str::from_utf8(digits).ok());
    let Some(count) = count.and_then(|digits| digits.parse::<usize>().ok()) else { return 0 };
    let end = match count.checked_mul(2).and_then(|lines| lines.checked_sub(1)) {
        None => Some(first),
        Some(more) => lines.nth(more),
    };
    end.map_or(0, |end| (end + 1).div_ceil(BLOCK_BYTES) * BLOCK_BYTES)
}

pub(super) const BLOCK_BYTES: usize = 512;
pub(super) const NAME_BYTES: usize = 100;
const CHECKSUM: std::ops::Range<usize> = 148..156;
/// Blocks of one sparse map.
const SPARSE_BLOCKS_MAX: usize = 10_000;
/// More than any archive has, and far from the end of numbers.
const HUGE: usize = 1 << 48;
