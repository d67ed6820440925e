//! The packing of Visual Basic projects: MS-OVBA section 2.4.1 (compressed containers) and section 2.3.4.2 (the `dir` stream).
//!
//! Signatures of chunks are not insisted on, a copy token that points before the chunk ends only that chunk: what Office shows is there.

use super::{le, text};
use crate::base::limits;

/// One module as the `dir` stream tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) stream: String,
    /// Where its packed source begins in that stream.
    pub(super) offset: usize,
    /// A class or a document's own module, not a plain one.
    pub(super) is_class: bool,
}

/// What the `dir` stream tells.
#[derive(Debug, Default)]
pub(super) struct Dir {
    pub(super) code_page: u16,
    pub(super) modules: Vec<Listed>,
}

/// Unpacks a container from its first byte, at most `bytes_max`. Empty: it is none.
pub(super) fn decompress(container: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    if container.first() != Some(&CONTAINER) {
        return out;
    }
    let mut at = 1;
    while let Some(header) = le::short(container, at) {
        if out.len() >= bytes_max {
            break;
        }
        let chunk_bytes = usize::from(header & 0x0fff) + 3;
        let chunk = le::slice(container, at + 2, chunk_bytes - 2);
        match header & 0x8000 {
            0 => out.extend_from_slice(chunk),
            _ => chunk_tokens(chunk, &mut out),
        }
        at += chunk_bytes;
    }
    out.truncate(bytes_max);
    out
}

/// MS-OVBA section 2.4.1.3.5: flags for eight tokens, each one byte or a copy of what was unpacked in this chunk.
fn chunk_tokens(chunk: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut at = 0;
    while let Some(flags) = le::byte(chunk, at) {
        at += 1;
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                let Some(literal) = le::byte(chunk, at) else { return };
                out.push(literal);
                at += 1;
                continue;
            }
            let Some(token) = le::short(chunk, at) else { return };
            at += 2;
            let (offset, length) = copy_token(token, out.len() - start);
            if offset > out.len() - start || out.len() - start > CHUNK_BYTES_MAX {
                return;
            }
            for _ in 0..length {
                let Some(byte) = out.get(out.len() - offset).copied() else { return };
                out.push(byte);
            }
        }
    }
}

/// MS-OVBA section 2.4.1.3.19.1: how many bits are the offset depends on how far the chunk is unpacked.
fn copy_token(token: u16, unpacked: usize) -> (usize, usize) {
    let bits = unpacked.next_power_of_two().trailing_zeros().clamp(4, 12);
    let length_mask = 0xffff_u16 >> bits;
    let offset = usize::from((token & !length_mask) >> (16 - bits)) + 1;
    (offset, usize::from(token & length_mask) + 3)
}

/// Reads an unpacked `dir` stream, record by record, as far as it makes sense.
pub(super) fn dir(bytes: &[u8]) -> Dir {
    let mut dir = Dir { code_page: 1252, modules: Vec::new() };
    let mut current: Option<Listed> = None;
    let mut at = 0;
    for _ in 0..limits::OFFICE_RECORDS_MAX {
        let (Some(id), Some(size)) = (le::short(bytes, at), le::size(bytes, at + 2)) else { break };
        // MS-OVBA section 2.3.4.2.1.11: the version record says 4 and has 6.
        let size = if id == 0x0009 { 6 } else { size };
        let content = le::slice(bytes, at + 6, size);
        let name = |page| text::decode(content, page);
        match id {
            0x0003 => dir.code_page = le::short(content, 0).unwrap_or(1252),
            0x0019 => {
                dir.modules.extend(current.take());
                current = Some(Listed { name: name(dir.code_page), ..Listed::default() });
            }
            0x0047 | 0x001a | 0x0032 | 0x0031 | 0x0022 => {
                if let Some(module) = &mut current {
                    match id {
                        0x0047 => module.name = text::utf16(content),
                        0x001a => module.stream = name(dir.code_page),
                        0x0032 => module.stream = text::utf16(content),
                        0x0031 => module.offset = le::size(content, 0).unwrap_or(0),
                        _ => module.is_class = true,
                    }
                }
            }
            _ => (),
        }
        if dir.modules.len() >= limits::MACRO_MODULES_MAX {
            break;
        }
        at = at.saturating_add(6).saturating_add(size);
    }
    dir.modules.extend(current);
    dir
}

/// Every place in a stream where a packed module can begin: the mark, a header, no copies, and the letters each module begins with.
pub(super) fn containers(stream: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(stream, ATTRIBUTE)
        .filter_map(|found| found.checked_sub(3))
        .filter(|start| le::byte(stream, *start) == Some(CONTAINER))
        .take(limits::MACRO_CONTAINERS_PER_STREAM_MAX)
        .collect()
}

/// The place where a container stands that nothing points to and that does not begin as modules do: the longest text wins.
pub(super) fn guessed_container(stream: &[u8]) -> Option<usize> {
    let is_start = |at: &usize| {
        let header = le::short(stream, at + 1).unwrap_or(0);
        let size = usize::from(header & 0x0fff) + 3;
        header & 0xf000 == 0xb000 && le::from(stream, at + 1).len() >= size
    };
    memchr::memchr_iter(CONTAINER, stream)
        .filter(is_start)
        .take(limits::MACRO_STARTS_TRIED_MAX)
        .map(|at| (text_letters(&decompress(le::from(stream, at), CHUNK_BYTES_MAX)), at))
        .filter(|(letters, _)| *letters >= GUESSED_LETTERS_MIN)
        .max()
        .map(|(_, at)| at)
}

/// How many letters of text; none if there is much besides.
fn text_letters(bytes: &[u8]) -> usize {
    let is_text = |byte: &&u8| matches!(**byte, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0x80..);
    let letters = bytes.iter().filter(is_text).count();
    let is_ascii = |byte: &&u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let ascii = bytes.iter().filter(is_ascii).count();
    if letters * 20 < bytes.len() * 19 || ascii * 4 < bytes.len() * 3 { 0 } else { letters }
}

/// MS-OVBA section 2.4.1.1.1: each container begins with it.
const CONTAINER: u8 = 1;
/// Flags that say "no copies", and the first eight letters of `Attribute VB_Name`.
const ATTRIBUTE: &[u8] = b"\0Attribut";
/// A chunk unpacks to this much, MS-OVBA section 2.4.1.1.4.
const CHUNK_BYTES_MAX: usize = 4_096;
/// Fewer letters come about by chance.
const GUESSED_LETTERS_MIN: usize = 24;

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
pub(crate) mod testing {
    /// A container in chunks of literals, no copies.
    pub(crate) fn compress(content: &[u8]) -> Vec<u8> {
        let mut out = vec![1];
        for chunk in content.chunks(3_000) {
            let tokens: Vec<u8> =
                chunk.chunks(8).flat_map(|eight| [&[0][..], eight].concat()).collect();
            let header = 0xb000 | (tokens.len() as u16 + 2 - 3);
            out.extend(header.to_le_bytes());
            out.extend(tokens);
        }
        out
    }

    pub(crate) fn record(id: u16, content: &[u8]) -> Vec<u8> {
        [&id.to_le_bytes()[..], &(content.len() as u32).to_le_bytes(), content].concat()
    }

    /// An unpacked `dir` stream that lists one module.
    pub(crate) fn dir(module: &str, offset: u32) -> Vec<u8> {
        let mut dir = record(3, &1252_u16.to_le_bytes());
        dir.extend([&9_u16.to_le_bytes()[..], &4_u32.to_le_bytes(), &[0; 6]].concat());
        dir.extend(record(0x19, module.as_bytes()));
        dir.extend(record(0x1a, module.as_bytes()));
        dir.extend(record(0x31, &offset.to_le_bytes()));
        dir.extend(record(0x21, b""));
        dir.extend(record(0x2b, b""));
        dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        // MS-OVBA sections 3.2.1 to 3.2.3.
        let packed = b"\x01\x19\xb0\x00abcdefgh\x00ijklmnop\x00qrstuv.";
        assert_eq!(decompress(packed, 100), b"abcdefghijklmnopqrstuv.");
        let packed = b"\x01\x2f\xb0\x00#aaabcde\x82f\x00\x70aghij\x018\x08akl\x000mnop\x06q\x02p\x04\x10rstuv\x10vwxyz\x00<";
        let text = decompress(packed, 200);
        assert!(text.starts_with(b"#aaabcdefaaaaghij"), "{}", String::from_utf8_lossy(&text));
        assert_eq!(decompress(b"\x01\x03\xb0\x02a\x45\x00", 100), [b'a'; 73]);
    }

    #[test]
    fn lies_end_the_chunk() {
        assert_eq!(decompress(b"\x01\x03\xb0\x01\xff\xff", 100), b"");
        assert_eq!(decompress(b"\x02\x03\xb0\x00a", 100), b"");
        assert_eq!(decompress(b"\x01\xff\xbf\x00abc", 100), b"abc");
        let bomb = b"\x01\x03\xb0\x02a\xff\x0f".iter().copied().cycle().take(6_000);
        assert!(decompress(&bomb.collect::<Vec<u8>>(), 10_000).len() <= 10_000);
    }

    #[test]
    fn modules_are_listed() {
        let listed = dir(&testing::dir("Module1", 7));
        assert_eq!(listed.modules.len(), 1);
        assert_eq!(listed.modules[0].name, "Module1");
        assert_eq!(listed.modules[0].offset, 7);
        for end in 0..testing::dir("Module1", 7).len() {
            dir(&testing::dir("Module1", 7)[..end]);
        }
    }

    #[test]
    fn containers_are_found_without_a_list() {
        let module = testing::compress(b"Attribute VB_Name = \"A\"\r\nSub A()\r\nEnd Sub\r\n");
        assert_eq!(containers(&[&[9; 40], &module[..]].concat()), [40]);
        let bare = testing::compress(b"Sub AutoOpen()\r\nMsgBox \"hello there\"\r\nEnd Sub\r\n");
        assert_eq!(guessed_container(&[&[1; 40], &bare[..]].concat()), Some(40));
        assert_eq!(guessed_container(&[1; 4_000]), None);
    }
}
