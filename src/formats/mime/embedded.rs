//! Files that begin somewhere inside another: what is hung on a picture, a program behind a document, archives one after the other.
//!
//! Places only; nothing is copied. A place is where a file of that kind could begin, so it is worth opening, not worth a finding by itself.

use std::ops::Range;

/// A place where a file begins inside another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// From there to the end of the blob.
    pub bytes: Range<usize>,
    /// What it seems to be: "zip", "behind a picture".
    pub what: &'static str,
}

/// Where files begin inside a blob, not counting its own start. Bounded in number and in bytes: at most
/// [`EMBEDDED_MAX`] places, and what they reach over is at most twice the blob and a few megabytes.
pub fn find(blob: &[u8]) -> Vec<Embedded> {
    let mut found: Vec<Embedded> = Vec::new();
    let mut bytes_left = blob.len().saturating_mul(2).saturating_add(FREE_BYTES);
    let mut push = |at: usize, what: &'static str| {
        let length = blob.len().saturating_sub(at);
        let known = found.iter().any(|known| known.bytes.start == at);
        if at > 0
            && length >= FILE_BYTES_MIN
            && !known
            && found.len() < EMBEDDED_MAX
            && length <= bytes_left
        {
            bytes_left -= length;
            found.push(Embedded { bytes: at..blob.len(), what });
        }
    };
    if let Some(end) = end_of_picture(blob) {
        let rest = blob.get(end..).unwrap_or_default();
        // Programs that write pictures fill them up with zeros.
        if !rest.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace()) {
            push(end, "behind a picture");
        }
    }
    let own = MAGICS.iter().find(|magic| starts(blob, magic));
    // The first of each kind before the second of any.
    let mut places: Vec<(usize, usize, &'static str)> = Vec::new();
    for magic in MAGICS {
        // A ZIP is full of its own headers; its reader knows them.
        if own.is_some_and(|own| own.what == magic.what && magic.repeats) {
            continue;
        }
        let hits = memchr::memmem::find_iter(blob, magic.bytes)
            .filter_map(|at| at.checked_sub(magic.offset))
            .filter(|at| *at > 0 && blob.get(*at..).is_some_and(|from| (magic.is_one)(from)))
            .take(PLACES_PER_KIND_MAX);
        places.extend(hits.enumerate().map(|(nth, at)| (nth, at, magic.what)));
    }
    for at in programs(blob).take(PLACES_PER_KIND_MAX) {
        places.push((0, at, "program"));
    }
    places.sort_by_key(|(nth, at, _)| (*nth, *at));
    for (_, at, what) in places {
        push(at, what);
    }
    found
}

/// Does a blob begin as files of a known kind do? A look, not a judgement.
pub(super) fn begins_as_file(blob: &[u8]) -> bool {
    blob.starts_with(b"MZ")
        || blob.starts_with(b"\x89PNG")
        || blob.starts_with(b"\xff\xd8\xff")
        || blob.starts_with(b"GIF8")
        || MAGICS.iter().any(|magic| starts(blob, magic))
}

struct Magic {
    what: &'static str,
    bytes: &'static [u8],
    /// Where the bytes stand in the file.
    offset: usize,
    /// It stands many times in a file of its own kind.
    repeats: bool,
    is_one: fn(&[u8]) -> bool,
}

fn starts(blob: &[u8], magic: &Magic) -> bool {
    blob.get(magic.offset..).is_some_and(|from| from.starts_with(magic.bytes))
        && (magic.is_one)(blob)
}

const MAGICS: &[Magic] = &[
    Magic {
        what: "program",
        bytes: b"\x7fELF",
        offset: 0,
        repeats: false,
        is_one: |from| matches!(from.get(4), Some(1 | 2)),
    },
    Magic {
        what: "zip",
        bytes: b"PK\x03\x04",
        offset: 0,
        repeats: true,
        is_one: |from| from.len() > 30,
    },
    Magic { what: "rar", bytes: b"Rar!\x1a\x07", offset: 0, repeats: false, is_one: anything },
    Magic { what: "7z", bytes: b"7z\xbc\xaf\x27\x1c", offset: 0, repeats: false, is_one: anything },
    Magic { what: "cabinet", bytes: b"MSCF\0\0\0\0", offset: 0, repeats: false, is_one: anything },
    Magic {
        what: "compound file",
        bytes: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        offset: 0,
        repeats: false,
        is_one: anything,
    },
    Magic { what: "pdf", bytes: b"%PDF-", offset: 0, repeats: false, is_one: anything },
    Magic { what: "rtf", bytes: b"{\\rt", offset: 0, repeats: true, is_one: anything },
    Magic {
        what: "onenote",
        bytes: b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3",
        offset: 0,
        repeats: false,
        is_one: anything,
    },
    // RFC 1952 section 2.3.1: method 8, and the upper flags are zero.
    Magic {
        what: "gzip",
        bytes: b"\x1f\x8b\x08",
        offset: 0,
        repeats: false,
        is_one: |from| from.get(3).is_some_and(|flags| flags & 0xe0 == 0),
    },
    Magic { what: "xz", bytes: b"\xfd7zXZ\0", offset: 0, repeats: false, is_one: anything },
    Magic {
        what: "lnk",
        bytes: b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
        offset: 0,
        repeats: false,
        is_one: anything,
    },
    Magic {
        what: "iso",
        bytes: b"\x01CD001\x01\0",
        offset: 32_768,
        repeats: false,
        is_one: anything,
    },
];

fn anything(_: &[u8]) -> bool {
    true
}

/// Where Windows programs begin: at an MZ whose header points to the PE that was found.
fn programs(blob: &[u8]) -> impl Iterator<Item = usize> + '_ {
    memchr::memmem::find_iter(blob, b"PE\0\0").take(PROGRAMS_LOOKED_AT).filter_map(move |at| {
        let from = at.saturating_sub(PE_OFFSET_MAX);
        let before = blob.get(from..at)?;
        memchr::memmem::find_iter(before, b"MZ").map(|mz| from + mz).find(|mz| {
            let pointer = blob.get(mz + 0x3c..).and_then(|bytes| bytes.first_chunk::<4>());
            let pointer =
                pointer.and_then(|bytes| usize::try_from(u32::from_le_bytes(*bytes)).ok());
            *mz > 0 && pointer == Some(at - mz)
        })
    })
}

/// Where a PNG, JPEG or GIF ends by its own structure, if the blob goes on behind it.
fn end_of_picture(blob: &[u8]) -> Option<usize> {
    let end = match blob {
        [0x89, b'P', b'N', b'G', ..] => end_of_png(blob),
        [0xff, 0xd8, 0xff, ..] => end_of_jpeg(blob),
        [b'G', b'I', b'F', b'8', ..] => end_of_gif(blob),
        _ => None,
    }?;
    (end < blob.len()).then_some(end)
}

/// PNG specification section 5.3: chunks of length, type, data and checksum, until IEND.
fn end_of_png(blob: &[u8]) -> Option<usize> {
    let mut at = 8;
    for _ in 0..STEPS_MAX {
        let (length, rest) = blob.get(at..)?.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let next = at.checked_add(12)?.checked_add(length)?;
        if rest.starts_with(b"IEND") {
            return Some(next);
        }
        at = next;
    }
    None
}

/// ITU-T T.81 annex B: segments by their length; in the scan, up to a marker that is no restart and no stuffed byte.
fn end_of_jpeg(blob: &[u8]) -> Option<usize> {
    let mut at = 2;
    for _ in 0..STEPS_MAX {
        let rest = blob.get(at..)?;
        match rest {
            [0xff, 0xff, ..] => at += 1,
            [0xff, 0xd9, ..] => return Some(at + 2),
            [0xff, 0x00 | 0x01 | 0xd0..=0xd8, ..] => at += 2,
            [0xff, marker, high, low, ..] => {
                at += 2 + usize::from(u16::from_be_bytes([*high, *low]));
                if *marker == 0xda {
                    at += scan_length(blob.get(at..)?);
                }
            }
            _ => return None,
        }
    }
    None
}

fn scan_length(scan: &[u8]) -> usize {
    memchr::memchr_iter(0xff, scan)
        .find(|at| !matches!(scan.get(at + 1), Some(0x00 | 0xd0..=0xd7 | 0xff)))
        .unwrap_or(scan.len())
}

/// GIF89a specification section 15 and on: colour tables, extensions and pictures as sub-blocks, until the trailer.
fn end_of_gif(blob: &[u8]) -> Option<usize> {
    let table = |packed: u8| if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) };
    let mut at = 13 + table(*blob.get(10)?);
    for _ in 0..STEPS_MAX {
        match blob.get(at)? {
            0x3b => return Some(at + 1),
            0x21 => at = after_blocks(blob, at + 2)?,
            0x2c => at = after_blocks(blob, at + 11 + table(*blob.get(at + 9)?))?,
            _ => return None,
        }
    }
    None
}

fn after_blocks(blob: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let length = usize::from(*blob.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// Places given of one blob.
pub const EMBEDDED_MAX: usize = 24;
/// Places looked at for one kind.
const PLACES_PER_KIND_MAX: usize = 8;
/// Bytes that all places may reach over beside twice the blob.
const FREE_BYTES: usize = 4 << 20;
/// Shortest thing worth a look.
const FILE_BYTES_MIN: usize = 8;
/// How far behind its start a program has its PE header; more is a huge stub.
const PE_OFFSET_MAX: usize = 4 << 10;
/// Places looked at that might be the header of a program.
const PROGRAMS_LOOKED_AT: usize = 1_024;
/// Chunks, segments or blocks of one picture.
const STEPS_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn places(blob: &[u8]) -> Vec<(usize, &'static str)> {
        find(blob).into_iter().map(|found| (found.bytes.start, found.what)).collect()
    }

    #[test]
    fn files_in_files() {
        let zip = [&b"PK\x03\x04"[..], &[0; 40]].concat();
        let mut program = vec![0; 0x80];
        program[..2].copy_from_slice(b"MZ");
        program[0x3c] = 0x80;
        program.extend(b"PE\0\0\x4c\x01rest");
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x02tEXtab....\0\0\0\0IEND\xae\x42\x60\x82";
        let jpeg = b"\xff\xd8\xff\xe0\0\x06\xff\xd9ab\xff\xda\0\x02scan\xff\0more\xff\xd9";
        let gif = b"GIF89a\x01\0\x01\0\0\0\0\x21\xf9\x01\x3b\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x01\x3b\0\x3b";
        for (blob, want) in [
            (zip.clone(), &[][..]),
            ([b"text ", &zip[..]].concat(), &[(5, "zip")]),
            ([&zip[..], &zip].concat(), &[]),
            ([&b"%PDF-1.4 "[..], &program].concat(), &[(9, "program")]),
            (program.clone(), &[]),
            ([&png[..], &zip].concat(), &[(png.len(), "behind a picture")]),
            ([&jpeg[..], b"hidden text"].concat(), &[(jpeg.len(), "behind a picture")]),
            ([&gif[..], b"hidden text"].concat(), &[(gif.len(), "behind a picture")]),
            ([&png[..], &[0; 50]].concat(), &[]),
            (b"no file at all, MZ or PE\0\0 though".to_vec(), &[]),
        ] {
            assert_eq!(places(&blob), want, "{blob:?}");
            for end in 0..blob.len() {
                find(&blob[..end]);
            }
        }
    }

    #[test]
    fn many_are_bounded() {
        let many = [b"text ".to_vec(), b"Rar!\x1a\x07%PDF-7z\xbc\xaf\x27\x1c{\\rt".repeat(10_000)]
            .concat();
        assert!(find(&many).len() <= EMBEDDED_MAX);
    }
}
