//! tar in its dialects: POSIX 1003.1-2001 (`ustar` and `pax`), GNU, star, the seventh edition. Nothing is packed, so members are places
//! in the archive.
//!
//! Readers differ: over names that are told twice, over sizes told twice, over data behind what has none, over what comes behind the end.
//! Each header that any of them would come upon is read, and where two sizes are told the smaller one decides where to look on,
//! so that nothing can be covered. Sizes are cut at the archive's end. A wrong checksum is forgiven where the magic is there.

mod header;
#[cfg(test)]
mod tests;

use crate::{
    base::limits,
    formats::{
        budget::Stopped,
        opened::{Opened, Sign},
    },
};
use header::{BLOCK_BYTES, Header, Pax};
use std::ops::Range;

/// A file in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name with folders: the one that most readers show.
    pub name: String,
    /// Where its bytes stand. Of a sparse file these are the ones that are stored.
    pub bytes: Range<usize>,
    /// What else it is called: by the plain header, where a longer name is told besides.
    pub other_names: Vec<String>,
}

/// What a tar archive has.
#[derive(Debug, Default)]
pub struct Listing {
    /// Everything with bytes, at most as many as one mail may have parts and one more, so that the bound is met by whoever takes them.
    pub entries: Vec<Entry>,
    /// Where it says two things at once, and links that lead out of it.
    pub signs: Vec<Sign>,
    /// Why it ended, if not at the archive's end.
    pub stopped: Option<Stopped>,
}

/// Every file, and why the list ended, if not at the archive's end.
pub fn list(archive: &[u8]) -> (Vec<Entry>, Option<Stopped>) {
    let listing = look(archive);
    (listing.entries, listing.stopped)
}

/// Every file and every sign.
pub fn look(archive: &[u8]) -> Listing {
    let mut reading = Reading {
        archive,
        found: Listing::default(),
        signs: Opened::default(),
        next: Told::default(),
        global: Pax::default(),
    };
    let mut at = 0;
    // Each turn goes on by a block at least.
    while let Some(block) = archive.get(at..at + BLOCK_BYTES) {
        at += BLOCK_BYTES;
        // End blocks, and what stands between headers, are stepped over.
        let Some(header) = Header::read(block) else { continue };
        at = reading.member(&header, at);
        if reading.found.entries.len() > limits::PARTS_MAX {
            break;
        }
    }
    reading.found.signs = reading.signs.signs;
    reading.found
}

/// Is it a tar archive? By the checksum of its first header, as the oldest dialect has no magic; or by the magic.
pub fn is_tar(bytes: &[u8]) -> bool {
    let header = bytes.get(..BLOCK_BYTES).and_then(Header::read);
    header.is_some_and(|header| header.has_magic || bytes.first() != Some(&0))
}

/// What headers before a header tell of it.
#[derive(Default)]
struct Told {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    pax: Pax,
}

struct Reading<'a> {
    archive: &'a [u8],
    found: Listing,
    signs: Opened,
    next: Told,
    global: Pax,
}

impl Reading<'_> {
    /// Reads one member whose data begins here, and gives where to look on.
    fn member(&mut self, header: &Header<'_>, data_at: usize) -> usize {
        let data = self.range(data_at, header.size);
        let content = self.archive.get(data.clone()).unwrap_or_default();
        let behind = self.behind(&data);
        match header.kind {
            b'L' => self.next.long_name = Some(until_nul(content)),
            b'K' => self.next.long_link = Some(until_nul(content)),
            b'x' | b'X' => self.next.pax.read(content),
            b'g' => self.global.read(content),
            _ => return self.file(header, data_at),
        }
        behind
    }

    fn file(&mut self, header: &Header<'_>, data_at: usize) -> usize {
        let told = std::mem::take(&mut self.next);
        let pax_size = told.pax.size.or(self.global.size);
        let names = self.names(header, &told);
        if matches!(header.kind, b'1' | b'2') {
            self.link(header, &told, &names);
        }
        let data_at = data_at
            + header.sparse_blocks(self.archive.get(data_at..).unwrap_or_default()) * BLOCK_BYTES;
        let mut sizes = vec![pax_size.unwrap_or(header.size)];
        sizes.extend(
            pax_size.map(|_| header.size).filter(|size| Some(*size) != pax_size && *size > 0),
        );
        if header.kind == b'S' || told.pax.sparse {
            let why = "a file with holes, of which only the stored pieces were read".to_string();
            self.found.stopped.get_or_insert(Stopped::Unsupported(why));
        }
        let mut look_on = usize::MAX;
        for size in sizes {
            let whole = self.range(data_at, size);
            look_on = look_on.min(self.behind(&whole));
            let mut own = whole.clone();
            if told.pax.sparse_map_first {
                own.start = own
                    .start
                    .saturating_add(header::sparse_map_bytes(
                        self.archive.get(own.clone()).unwrap_or_default(),
                    ))
                    .min(own.end);
            }
            let bare = (b'1'..=b'6').contains(&header.kind);
            if size > 0 && !(bare && whole.is_empty()) {
                self.keep(&names, own);
                if whole.len() < size && !bare {
                    self.found.stopped =
                        Some(Stopped::Damaged("the archive ends inside a file".to_string()));
                }
            }
        }
        // Links, folders and devices have no data, whatever size they tell; some readers step over it all the same.
        match (b'1'..=b'6').contains(&header.kind) && header.size > 0 {
            true => data_at,
            false => look_on,
        }
    }

    fn keep(&mut self, names: &[String], bytes: Range<usize>) {
        let Some((name, other_names)) = names.split_first() else { return };
        if self.found.entries.len() <= limits::PARTS_MAX {
            let entry = Entry { name: name.clone(), bytes, other_names: other_names.to_vec() };
            self.found.entries.push(entry);
        }
    }

    /// The name that most readers show, then the others.
    fn names(&mut self, header: &Header<'_>, told: &Told) -> Vec<String> {
        let plain = header.name();
        let long = [told.pax.path.as_ref(), told.long_name.as_ref(), self.global.path.as_ref()];
        let mut names: Vec<String> = Vec::new();
        for name in long.into_iter().flatten().chain([&plain]) {
            let name = super::name(name, super::latin);
            if !names.contains(&name) && !name.is_empty() {
                names.push(name);
            }
        }
        if names.is_empty() {
            names.push(String::new());
        }
        // A long name is told besides a cut one; another ending is told to deceive.
        if let [shown, .., last] = names.as_slice()
            && plain.is_ascii()
            && !shown.starts_with(last.as_str())
            && plain.len() < header::NAME_BYTES
            && ending(shown) != ending(last)
        {
            self.signs.sign(
                "archive.names_differ",
                format!("{} is also called {}", short(shown), short(last)),
            );
        }
        names
    }

    fn link(&mut self, header: &Header<'_>, told: &Told, names: &[String]) {
        let target = told
            .pax
            .link_path
            .as_ref()
            .or(told.long_link.as_ref())
            .map_or(header.link, Vec::as_slice);
        let target = super::name(target, super::latin);
        let mut steps = target.split(['/', '\\']);
        let outside = target.starts_with(['/', '\\'])
            || target.get(1..2) == Some(":")
            || steps.any(|step| step == "..");
        if outside {
            let name = names.first().map_or("", String::as_str);
            self.signs
                .sign("archive.link", format!("{} is a link to {}", short(name), short(&target)));
        }
    }

    fn range(&self, start: usize, size: usize) -> Range<usize> {
        let end = start.saturating_add(size).min(self.archive.len());
        start.min(end)..end
    }

    /// Where the next header stands behind data: at the next block.
    fn behind(&self, data: &Range<usize>) -> usize {
        data.start.saturating_add(data.len().div_ceil(BLOCK_BYTES) * BLOCK_BYTES)
    }
}

fn until_nul(bytes: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len()).min(limits::TAR_NAME_BYTES_MAX);
    bytes.get(..end).unwrap_or_default().to_vec()
}

fn ending(name: &str) -> String {
    let file = name.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default();
    file.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default()
}

/// As much of a name as a line for an admin takes.
fn short(name: &str) -> &str {
    name.get(..name.floor_char_boundary(SHOWN_BYTES)).unwrap_or_default()
}

const SHOWN_BYTES: usize = 120;
