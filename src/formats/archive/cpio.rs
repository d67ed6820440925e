//! cpio in its dialects (the old binary one in both byte orders, POSIX odc, SVR4 newc and crc), and the payload of an RPM package.

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        keep::{self, Found},
        numbers::{be16, be32, from, le16, part, size},
        opened::{Opened, Role},
    },
};

/// By its first bytes.
pub fn is_cpio(bytes: &[u8]) -> bool {
    Header::read(bytes).is_some()
}

/// Is it an RPM package?
pub fn is_rpm(bytes: &[u8]) -> bool {
    bytes.starts_with(RPM)
}

/// Opens it.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut at = 0;
    for _ in 0..=limits::PARTS_MAX * 2 {
        let rest = from(bytes, at);
        let Some(header) = Header::read(rest) else {
            // Behind an end mark there is padding, and perhaps one more archive.
            let Some(next) = next_header(rest) else { break };
            at += next;
            continue;
        };
        let name = part(rest, header.name_at, header.name_bytes);
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        let content = part(rest, header.data_at, size(header.size));
        at = at.saturating_add(header.end);
        if name == b"TRAILER!!!" || header.mode & KIND == FOLDER || header.size == 0 {
            continue;
        }
        let found = Found {
            name: super::name(name, super::latin),
            // What a link points to is no file.
            role: if header.mode & KIND == LINK { Role::Inside } else { Role::File },
            size: Some(header.size),
        };
        if !keep::stored(&mut opened, found, content, budget) {
            break;
        }
    }
    if opened.members.last().is_some_and(|last| last.stopped.is_some()) {
        opened.stopped = Some(Stopped::Damaged("the archive ends inside a file".to_string()));
    }
    opened
}

/// The archive in an RPM package: what stands behind its two headers, packed in one of several ways.
pub fn open_rpm(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let payload = rpm_payload(bytes).unwrap_or_default();
    if payload.is_empty() {
        return Opened::stopped(Stopped::Damaged("an RPM package without payload".to_string()));
    }
    keep::stored(&mut opened, Found::inside("payload"), payload, budget);
    opened
}

fn rpm_payload(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = RPM_LEAD_BYTES;
    for is_signature in [true, false] {
        if part(bytes, at, 3) != RPM_HEADER {
            return None;
        }
        let (entries, store) = (be32(bytes, at + 8)?, be32(bytes, at + 12)?);
        let store = size(u64::from(store));
        at = at.checked_add(16)?.checked_add(size(u64::from(entries) * 16))?.checked_add(store)?;
        if is_signature {
            at = at.checked_next_multiple_of(8)?;
        }
    }
    bytes.get(at..)
}

/// One header, places counted from its start.
struct Header {
    mode: u64,
    size: u64,
    name_at: usize,
    name_bytes: usize,
    data_at: usize,
    end: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        match part(bytes, 0, 6) {
            b"070707" => {
                let field = |at, count| number(bytes, at, count, 8);
                Header::at(field(18, 6)?, field(65, 11)?, 76, field(59, 6)?, 1)
            }
            b"070701" | b"070702" => {
                let field = |at| number(bytes, at, 8, 16);
                Header::at(field(14)?, field(54)?, 110, field(94)?, 4)
            }
            [0xc7, 0x71, ..] => Header::binary(|at| le16(bytes, at)),
            [0x71, 0xc7, ..] => Header::binary(|at| be16(bytes, at)),
            _ => None,
        }
    }

    fn binary(field: impl Fn(usize) -> Option<u16>) -> Option<Header> {
        let (high, low) = (field(22)?, field(24)?);
        let bytes = (u64::from(high) << 16) | u64::from(low);
        Header::at(u64::from(field(6)?), bytes, 26, u64::from(field(20)?), 2)
    }

    fn at(mode: u64, bytes: u64, name_at: usize, name: u64, even: usize) -> Option<Header> {
        let name_bytes = size(name);
        if name_bytes == 0 || name_bytes > NAME_BYTES_MAX {
            return None;
        }
        let data_at = (name_at + name_bytes).next_multiple_of(even);
        let end = data_at.saturating_add(size(bytes));
        let end = end.checked_next_multiple_of(even).unwrap_or(usize::MAX);
        Some(Header { mode, size: bytes, name_at, name_bytes, data_at, end })
    }
}

/// A number written in digits.
fn number(bytes: &[u8], at: usize, count: usize, base: u32) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(count)?)?;
    let digits = std::str::from_utf8(digits).ok()?.trim();
    u64::from_str_radix(digits, base).ok()
}

/// The next place that looks like a header with digits; the binary mark is too short to be looked for.
fn next_header(bytes: &[u8]) -> Option<usize> {
    let area = part(bytes, 1, limits::CPIO_GAP_BYTES_MAX);
    memchr::memmem::find_iter(area, b"07070")
        .map(|at| at + 1)
        .find(|at| Header::read(from(bytes, *at)).is_some())
}

const KIND: u64 = 0o170_000;
const FOLDER: u64 = 0o040_000;
const LINK: u64 = 0o120_000;
const NAME_BYTES_MAX: usize = 65_536;
const RPM: &[u8] = b"\xed\xab\xee\xdb";
const RPM_LEAD_BYTES: usize = 96;
const RPM_HEADER: &[u8] = b"\x8e\xad\xe8";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};

    fn newc(name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = b"070701".to_vec();
        let name_bytes = name.len() + 1;
        for field in [1, 0o100_644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name_bytes, 0] {
            bytes.extend(format!("{field:08x}").into_bytes());
        }
        bytes.extend(name.as_bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn odc(name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = b"070707".to_vec();
        for field in [0, 1, 0o100_644, 0, 0, 1, 0] {
            bytes.extend(format!("{field:06o}").into_bytes());
        }
        bytes.extend(
            format!("{:011o}{:06o}{:011o}{name}\0", 0, name.len() + 1, content.len()).into_bytes(),
        );
        bytes.extend(content);
        bytes
    }

    fn binary(name: &str, content: &[u8], pair: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let count = u16::try_from(content.len()).unwrap();
        let name_bytes = u16::try_from(name.len() + 1).unwrap();
        let fields = [0o070_707, 0, 1, 0o100_644, 0, 0, 1, 0, 0, 0, name_bytes, 0, count];
        let mut bytes: Vec<u8> = fields.into_iter().flat_map(pair).collect();
        bytes.extend(name.as_bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }

    #[test]
    fn every_dialect() {
        let want = [("a.txt", "one"), ("bb.txt", "four")];
        let want = want.map(|(name, text)| (name.to_string(), text.to_string()));
        for archive in [
            [newc("a.txt", b"one"), newc("bb.txt", b"four"), newc("TRAILER!!!", b"")].concat(),
            [odc("a.txt", b"one"), odc("bb.txt", b"four"), odc("TRAILER!!!", b"")].concat(),
            [
                binary("a.txt", b"one", u16::to_le_bytes),
                binary("bb.txt", b"four", u16::to_le_bytes),
            ]
            .concat(),
            [
                binary("a.txt", b"one", u16::to_be_bytes),
                binary("bb.txt", b"four", u16::to_be_bytes),
            ]
            .concat(),
            // Two archives with padding between them.
            [newc("a.txt", b"one"), newc("TRAILER!!!", b""), vec![0; 512], newc("bb.txt", b"four")]
                .concat(),
        ] {
            assert!(is_cpio(&archive));
            let opened = open(&archive, &mut budget());
            assert_eq!((texts(&opened), opened.stopped), (want.to_vec(), None));
            torture(&archive, |bytes| drop(open(bytes, &mut budget())));
        }
    }

    #[test]
    fn the_payload_of_a_package() {
        let header = |store: &[u8]| {
            let count = u32::try_from(store.len()).unwrap().to_be_bytes();
            [b"\x8e\xad\xe8\x01\0\0\0\0\0\0\0\0", &count[..], store].concat()
        };
        let lead = [RPM, &[0; 92]].concat();
        let package =
            [lead, header(b"12345678"), header(b"abc"), b"\x1f\x8bpayload".to_vec()].concat();
        let opened = open_rpm(&package, &mut budget());
        assert_eq!(opened.members[0].bytes, b"\x1f\x8bpayload");
        torture(&package, |bytes| drop(open_rpm(bytes, &mut budget())));
    }
}
