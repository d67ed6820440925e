//! xar (macOS installer packages): a table of contents in zlib and XML, then the files' bytes, zlib, bzip2 or as they are.
//!
//! The XML is read tag by tag with no more memory than the open files' names.

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped, Unpacked},
        keep::{self, Found},
        numbers::{be16, be64, from, part, size},
        opened::{Opened, Role},
    },
};
use bzip2::read::MultiBzDecoder;
use flate2::read::ZlibDecoder;

/// By its first bytes.
pub fn is_xar(bytes: &[u8]) -> bool {
    bytes.starts_with(b"xar!")
}

/// Opens it.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let (Some(header), Some(count)) = (be16(bytes, 4), be64(bytes, 8)) else {
        return Opened::stopped(Stopped::Damaged("the header ends".to_string()));
    };
    let (header, count) = (usize::from(header), size(count));
    let packed = part(bytes, header, count);
    let contents = budget.unpack(ZlibDecoder::new(packed), |_| packed.len());
    let heap = from(bytes, header.saturating_add(count));
    for piece in pieces(&contents.bytes) {
        if !give(&mut opened, heap, piece, budget) {
            break;
        }
    }
    opened.stopped = contents.stopped;
    let found = Found::inside("table of contents");
    keep::unpacked_as(&mut opened, found, Unpacked { bytes: contents.bytes, stopped: None });
    opened
}

/// One run of bytes in the heap.
#[derive(Debug, Default, Clone)]
struct Piece {
    name: String,
    is_file: bool,
    at: Option<u64>,
    packed: Option<u64>,
    bytes: Option<u64>,
    style: String,
}

/// Everything in the table that has an offset and a length.
fn pieces(xml: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut piece: Option<Piece> = None;
    let mut rest = xml;
    for _ in 0..limits::XAR_TAGS_MAX {
        let Some(start) = memchr::memchr(b'<', rest) else { break };
        rest = from(rest, start + 1);
        let Some(end) = memchr::memchr(b'>', rest) else { break };
        let tag = String::from_utf8_lossy(part(rest, 0, end)).into_owned();
        rest = from(rest, end + 1);
        let text = part(rest, 0, memchr::memchr(b'<', rest).unwrap_or(rest.len()));
        let text = String::from_utf8_lossy(text).trim().to_string();
        let word = tag.split([' ', '\n', '\t']).next().unwrap_or_default();
        match word {
            "file" if names.len() < FOLDERS_DEEP_MAX && !tag.ends_with('/') => {
                names.push(String::new())
            }
            "/file" => drop(names.pop()),
            "data" | "ea" if !tag.ends_with('/') => {
                piece = Some(Piece { is_file: word == "data", ..Piece::default() });
            }
            "/data" | "/ea" => {
                if let Some(mut done) = piece.take().filter(|piece| piece.at.is_some()) {
                    done.name = names.join("/");
                    pieces.push(done);
                }
                if pieces.len() > limits::PARTS_MAX {
                    break;
                }
            }
            _ => match &mut piece {
                Some(piece) => piece.field(word, &tag, &text),
                None if word.starts_with("name") => {
                    if let Some(name) = names.last_mut().filter(|name| name.is_empty()) {
                        *name = plain(&text, &tag);
                    }
                }
                None => (),
            },
        }
    }
    pieces
}

impl Piece {
    fn field(&mut self, word: &str, tag: &str, text: &str) {
        match word {
            "offset" => self.at = text.parse().ok(),
            "length" => self.packed = text.parse().ok(),
            "size" => self.bytes = text.parse().ok(),
            "encoding" => {
                let style = tag.split("style=").nth(1).unwrap_or_default();
                self.style = style.trim_matches(['"', '\'', '/', ' ']).to_string();
            }
            _ => (),
        }
    }
}

/// Names with letters XML cannot hold are in base64.
fn plain(text: &str, tag: &str) -> String {
    let decoded = || data_encoding::BASE64.decode(text.as_bytes()).ok();
    match tag.contains("base64").then(decoded).flatten() {
        Some(bytes) => super::name(&bytes, super::latin),
        None => {
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            super::name(text.replace("&apos;", "'").replace("&amp;", "&").as_bytes(), super::latin)
        }
    }
}

fn give(opened: &mut Opened, heap: &[u8], piece: Piece, budget: &mut Budget) -> bool {
    let Some(at) = piece.at else { return true };
    let packed = part(heap, size(at), piece.packed.map_or(usize::MAX, size));
    let role = if piece.is_file { Role::File } else { Role::Inside };
    let found = Found { name: piece.name, role, size: piece.bytes };
    match piece.style.as_str() {
        "application/x-gzip" => {
            keep::decoded(opened, found, ZlibDecoder::new(packed), packed.len(), budget)
        }
        "application/x-bzip2" => {
            keep::decoded(opened, found, MultiBzDecoder::new(packed), packed.len(), budget)
        }
        // xz and others are files of their own; whoever opens what is inside opens them.
        _ => keep::stored(opened, Found { size: piece.packed, ..found }, packed, budget),
    }
}

/// Folders inside folders whose names are put together.
const FOLDERS_DEEP_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write;

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn files_of_every_packing() {
        let packed = zlib(b"one");
        let xml = format!(
            "<xar><toc><file id=\"1\"><name>dir</name><file id=\"2\"><name>a&amp;b</name><data>\
             <offset>0</offset><size>3</size><length>{}</length>\
             <encoding style=\"application/x-gzip\"/></data></file><file><data><length>3</length>\
             <offset>{0}</offset><size>3</size></data><name>c</name></file></file></toc></xar>",
            packed.len()
        );
        let contents = zlib(xml.as_bytes());
        let mut bytes = b"xar!\0\x1c\0\x01".to_vec();
        bytes.extend(u64::try_from(contents.len()).unwrap().to_be_bytes());
        bytes.extend(u64::try_from(xml.len()).unwrap().to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend([contents, packed, b"two".to_vec()].concat());
        let opened = open(&bytes, &mut budget());
        assert_eq!(texts(&opened)[0], ("dir/a&b".to_string(), "one".to_string()));
        assert_eq!((&opened.members[1].bytes[..], &opened.stopped), (&b"two"[..], &None));
        torture(&bytes, |bytes| drop(open(bytes, &mut budget())));
    }
}
