//! ar with the long names of GNU and BSD (deb, static libraries); symbol tables are given as pieces inside.

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        keep::{self, Found},
        numbers::{from, part, until_zero, wide},
        opened::{Opened, Role},
    },
};

/// By its first bytes.
pub fn is_ar(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || bytes.starts_with(THIN)
}

/// Opens it. A thin archive has names and no bytes.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let thin = bytes.starts_with(THIN);
    let mut long_names: &[u8] = &[];
    let mut at = MAGIC.len();
    for _ in 0..=limits::PARTS_MAX {
        // Members begin at even places; some writers forget that.
        if part(bytes, at + 58, 2) != b"`\n" && part(bytes, at + 59, 2) == b"`\n" {
            at += 1;
        }
        let header = part(bytes, at, HEADER_BYTES);
        if from(bytes, at).is_empty() {
            break;
        }
        let Some(size) = decimal(part(header, 48, 10)).filter(|_| header.len() == HEADER_BYTES)
        else {
            opened.stopped = Some(Stopped::Damaged("a header that is none".to_string()));
            break;
        };
        let field = part(header, 0, 16).trim_ascii_end();
        at += HEADER_BYTES;
        if field == b"//" {
            long_names = part(bytes, at, size);
            at = at.saturating_add(size).saturating_add(size % 2);
            continue;
        }
        let (name, skip) = name(field, long_names, from(bytes, at));
        let content = part(bytes, at.saturating_add(skip), size.saturating_sub(skip));
        let is_index = field == b"/" || field == b"/SYM64/" || name.starts_with(b"__.SYMDEF");
        let found = Found {
            name: super::name(&name, super::latin),
            role: if is_index { Role::Inside } else { Role::File },
            size: Some(wide(size.saturating_sub(skip))),
        };
        let kept = match thin && !is_index {
            true => {
                let why = "a thin archive has only names".to_string();
                keep::refused(&mut opened, found.name, Stopped::Unsupported(why))
            }
            false => keep::stored(&mut opened, found, content, budget),
        };
        if !kept {
            break;
        }
        if !thin || is_index {
            at = at.saturating_add(size);
        }
        at += at % 2;
    }
    opened
}

/// The name, and how many bytes of the content it takes: BSD writes it there.
fn name(field: &[u8], long_names: &[u8], content: &[u8]) -> (Vec<u8>, usize) {
    if let Some(count) = field.strip_prefix(b"#1/").and_then(decimal) {
        return (until_zero(part(content, 0, count)).to_vec(), count);
    }
    if let Some(place) = field.strip_prefix(b"/").filter(|rest| !rest.is_empty()).and_then(decimal)
    {
        let name = from(long_names, place).split(|byte| *byte == b'\n').next().unwrap_or_default();
        return (name.strip_suffix(b"/").unwrap_or(name).to_vec(), 0);
    }
    match field.strip_suffix(b"/").filter(|name| !name.is_empty()) {
        Some(name) => (name.to_vec(), 0),
        None => (field.to_vec(), 0),
    }
}

fn decimal(field: &[u8]) -> Option<usize> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

const MAGIC: &[u8] = b"!<arch>\n";
const THIN: &[u8] = b"!<thin>\n";
const HEADER_BYTES: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keep::testing::{budget, texts, torture};

    fn member(name: &str, content: &[u8]) -> Vec<u8> {
        let mut header =
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len())
                .into_bytes();
        header.extend(content);
        if content.len() % 2 == 1 {
            header.push(b'\n');
        }
        header
    }

    #[test]
    fn names_of_both_kinds() {
        let archive = [
            MAGIC.to_vec(),
            member("//", b"a name that is long.txt/\n"),
            member("short.txt/", b"one"),
            member("/0", b"two"),
            member("#1/8", b"bsd.txt\0three"),
        ]
        .concat();
        let opened = open(&archive, &mut budget());
        let want = [("short.txt", "one"), ("a name that is long.txt", "two"), ("bsd.txt", "three")];
        let want = want.map(|(name, text)| (name.to_string(), text.to_string()));
        assert_eq!((texts(&opened), opened.stopped), (want.to_vec(), None));
        assert!(is_ar(&archive));
        torture(&archive, |bytes| drop(open(bytes, &mut budget())));
    }
}
