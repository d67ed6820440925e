//! Archives of the eighties and nineties whose stored members can be had without their decoders: ACE, ZOO, ARC.
//!
//! Malware still comes in ACE because filters do not open it and WinRAR long did; its packed members are named and refused.

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        keep::{self, Found},
        numbers::{byte, from, le16, le32, le64, part, size, size16, size32, until_zero},
        opened::Opened,
    },
};

/// Which of them it is, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old {
    /// ACE 1 and 2, perhaps behind a program.
    Ace(usize),
    /// ZOO.
    Zoo,
    /// ARC of System Enhancement Associates.
    Arc,
}

/// By the first bytes; ACE is looked for behind a program too.
pub fn find(bytes: &[u8]) -> Option<Old> {
    if size32(bytes, 20) == Some(ZOO_TAG) {
        return Some(Old::Zoo);
    }
    if let Some(at) = ace_start(bytes) {
        return Some(Old::Ace(at));
    }
    Arc::read(bytes, 0).filter(Arc::is_plausible).map(|_| Old::Arc)
}

/// Opens it.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    match find(bytes) {
        Some(Old::Ace(at)) => open_ace(from(bytes, at), budget),
        Some(Old::Zoo) => open_zoo(bytes, budget),
        Some(Old::Arc) => open_arc(bytes, budget),
        None => Opened::stopped(Stopped::Damaged("no header".to_string())),
    }
}

/// The mark stands seven bytes behind the start.
fn ace_start(bytes: &[u8]) -> Option<usize> {
    let head = part(bytes, 0, limits::ARCHIVE_PREFIX_BYTES_MAX);
    let starts = memchr::memmem::find_iter(head, ACE_MARK).filter_map(|at| at.checked_sub(7));
    starts.into_iter().find(|at| byte(bytes, at + 4) == Some(0))
}

fn open_ace(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut at = 0;
    for _ in 0..=limits::PARTS_MAX {
        let (Some(count), Some(kind), Some(flags)) =
            (size16(bytes, at + 2), byte(bytes, at + 4), le16(bytes, at + 5))
        else {
            break;
        };
        let end = at + 4 + count;
        let follows = match (flags & 1, kind) {
            (0, _) => 0,
            (_, 3) => le64(bytes, at + 7).map_or(usize::MAX, size),
            _ => size32(bytes, at + 7).unwrap_or(usize::MAX),
        };
        // From 2.0 on a header of type 3 has sizes of 64 bits, eight bytes more.
        let more = match kind {
            1 => Some(0),
            3 => Some(8),
            _ => None,
        };
        if let Some(more) = more {
            let name_bytes = size16(bytes, at + 35 + more).unwrap_or(0);
            let name = part(bytes, at + 37 + more, name_bytes);
            let name = super::name(name, super::latin).replace('\\', "/");
            let method = byte(bytes, at + 27 + more).unwrap_or(u8::MAX);
            let kept = if flags & 0x4000 != 0 {
                keep::refused(&mut opened, name, Stopped::Encrypted)
            } else if flags & 0x3000 != 0 {
                keep::refused(
                    &mut opened,
                    name,
                    Stopped::Unsupported("one volume of several".to_string()),
                )
            } else if method != 0 {
                keep::refused(
                    &mut opened,
                    name,
                    Stopped::Unsupported(format!("ACE method {method}")),
                )
            } else {
                let told = u64::try_from(follows).unwrap_or(0);
                let found = Found::file(name).sized(told);
                keep::stored(&mut opened, found, part(bytes, end, follows), budget)
            };
            if !kept {
                break;
            }
        }
        if count == 0 || end.saturating_add(follows) >= bytes.len() {
            break;
        }
        at = end.saturating_add(follows);
    }
    opened
}

fn open_zoo(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut at = size32(bytes, 24).unwrap_or(0);
    for _ in 0..=limits::PARTS_MAX {
        let header = from(bytes, at);
        let (Some(ZOO_TAG), Some(method), Some(next), Some(place), Some(packed)) = (
            size32(header, 0),
            byte(header, 5),
            size32(header, 6),
            size32(header, 10),
            size32(header, 24),
        ) else {
            break;
        };
        // The entry without a next one is the end.
        if next == 0 {
            break;
        }
        let name = super::name(until_zero(part(header, 38, 13)), super::latin);
        let kept = match method {
            0 => {
                let told = u64::try_from(packed).unwrap_or(0);
                keep::stored(
                    &mut opened,
                    Found::file(name).sized(told),
                    part(bytes, place, packed),
                    budget,
                )
            }
            other => keep::refused(
                &mut opened,
                name,
                Stopped::Unsupported(format!("ZOO method {other}")),
            ),
        };
        if !kept || next <= at {
            break;
        }
        at = next;
    }
    opened
}

/// A header of ARC.
struct Arc {
    method: u8,
    name: Vec<u8>,
    packed: usize,
    data_at: usize,
}

impl Arc {
    fn read(bytes: &[u8], at: usize) -> Option<Arc> {
        let method = byte(bytes, at.checked_add(1)?)?;
        if byte(bytes, at)? != 0x1a || method == 0 {
            return None;
        }
        let name = until_zero(part(bytes, at + 2, 13)).to_vec();
        let packed = size(u64::from(le32(bytes, at + 15)?));
        let data_at = at + if method == 1 { 25 } else { 29 };
        Some(Arc { method, name, packed, data_at })
    }

    /// The mark is one byte; a name of printable letters and a known method make it one.
    fn is_plausible(&self) -> bool {
        let printable = self.name.iter().all(|letter| letter.is_ascii_graphic());
        self.method <= 11 && (1..=12).contains(&self.name.len()) && printable
    }
}

fn open_arc(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut at = 0;
    while let Some(arc) = Arc::read(bytes, at) {
        let name = super::name(&arc.name, super::latin);
        let kept = match arc.method {
            1 | 2 => {
                let told = u64::try_from(arc.packed).unwrap_or(0);
                let found = Found::file(name).sized(told);
                keep::stored(&mut opened, found, part(bytes, arc.data_at, arc.packed), budget)
            }
            other => keep::refused(
                &mut opened,
                name,
                Stopped::Unsupported(format!("ARC method {other}")),
            ),
        };
        at = arc.data_at.saturating_add(arc.packed);
        if !kept {
            break;
        }
    }
    opened
}

const ACE_MARK: &[u8] = b"**ACE**";
const ZOO_TAG: usize = 0xfdc4_a7dc;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};

    fn ace(flags: u16, method: u8, name: &str, content: &[u8]) -> Vec<u8> {
        let header = |kind: u8, flags: u16, rest: &[u8]| {
            let count = u16::try_from(rest.len() + 3).unwrap().to_le_bytes();
            [&[0, 0], &count[..], &[kind], &flags.to_le_bytes(), rest].concat()
        };
        let long = u32::try_from(content.len()).unwrap().to_le_bytes();
        let mut fields = [&long[..], &long, &[0; 12], &[method, 3], &[0; 6]].concat();
        fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        fields.extend(name.as_bytes());
        [header(0, 0, b"**ACE**\x14\x14\x02\0"), header(1, flags | 1, &fields), content.to_vec()]
            .concat()
    }

    #[test]
    fn ace_gives_what_is_stored_and_names_the_rest() {
        let want = [("a/b.exe".to_string(), "one".to_string())];
        let stored = ace(0, 0, "a\\b.exe", b"one");
        assert_eq!(texts(&open(&stored, &mut budget())), want);
        assert_eq!(texts(&open(&[b"MZ program", &stored[..]].concat(), &mut budget())), want);
        for (flags, method, why) in [
            (0, 2, Stopped::Unsupported("ACE method 2".to_string())),
            (0x4000, 0, Stopped::Encrypted),
            (0x2000, 0, Stopped::Unsupported("one volume of several".to_string())),
        ] {
            let opened = open(&ace(flags, method, "x", b"one"), &mut budget());
            assert_eq!(opened.members[0].stopped, Some(why));
        }
        torture(&stored, |bytes| drop(open(bytes, &mut budget())));
    }

    #[test]
    fn zoo_and_arc() {
        let mut zoo = b"ZOO 2.10 Archive.\x1a\0\0".to_vec();
        zoo.extend(0xfdc4_a7dc_u32.to_le_bytes());
        zoo.extend(28_u32.to_le_bytes());
        let mut entry = 0xfdc4_a7dc_u32.to_le_bytes().to_vec();
        entry.extend([1, 0]);
        entry.extend([90_u32.to_le_bytes(), 80_u32.to_le_bytes()].concat());
        entry.extend([0; 6]);
        entry.extend([3_u32.to_le_bytes(), 3_u32.to_le_bytes()].concat());
        entry.resize(38, 0);
        entry.extend(b"a.txt");
        entry.resize(52, 0);
        zoo.extend(entry);
        zoo.extend(b"one");
        assert_eq!(texts(&open(&zoo, &mut budget())), [("a.txt".to_string(), "one".to_string())]);
        let mut arc = b"\x1a\x02a.txt".to_vec();
        arc.resize(15, 0);
        arc.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
        arc.extend(b"one\x1a\0");
        assert_eq!(texts(&open(&arc, &mut budget())), [("a.txt".to_string(), "one".to_string())]);
        torture(&zoo, |bytes| drop(open(bytes, &mut budget())));
        torture(&arc, |bytes| drop(open(bytes, &mut budget())));
    }
}
