//! Which members a ZIP has, in the eyes of all who read it: by every directory, by every local header, and where they disagree by both.

use super::{
    DEFLATED, Entry, FLAG_ENCRYPTED, Listing, STORED,
    records::{Central, End, Header, Local, Marks, central_header, local_header, short},
};
use crate::{
    base::limits,
    formats::{archive::squeeze, budget::Stopped, opened::Opened},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What one local header and its data cover.
struct Cover {
    data_at: usize,
    end: usize,
    deflated: bool,
    /// Where deflate says itself that it ends; looked for only when something stands in the way.
    true_end: Option<usize>,
}

pub(super) struct Looking<'a> {
    archive: &'a [u8],
    marks: Marks,
    listing: Listing,
    /// Which entry has this data read this way.
    seen: HashMap<(usize, usize, u16, bool, usize), usize>,
    covers: BTreeMap<usize, Cover>,
    centrals_read: HashSet<usize>,
    look_bytes_left: usize,
    headers_left: usize,
    spanned: bool,
    lost: usize,
    names_differ: usize,
    full: bool,
}

pub(super) fn look(archive: &[u8]) -> Listing {
    let mut looking = Looking {
        archive,
        marks: Marks::of(archive),
        listing: Listing::default(),
        seen: HashMap::new(),
        covers: BTreeMap::new(),
        centrals_read: HashSet::new(),
        look_bytes_left: limits::ZIP_LOOK_BYTES_MAX,
        headers_left: limits::ZIP_HEADERS_MAX,
        spanned: false,
        lost: 0,
        names_differ: 0,
        full: false,
    };
    looking.directories();
    looking.strays();
    looking.unlisted();
    looking.conclude()
}

impl Looking<'_> {
    /// Every directory that an end record points to, the last first: most unpackers know only that one.
    fn directories(&mut self) {
        let ends: Vec<usize> =
            self.marks.ends.iter().rev().take(limits::ZIP_DIRECTORIES_MAX).copied().collect();
        let mut directories = 0;
        for at in ends {
            let Some(end) = End::read(self.archive, at).filter(|_| !self.is_covered(at)) else {
                continue;
            };
            self.spanned |= end.disk != 0 && end.disk != u16::MAX;
            let Some(start) = end.directory_at(self.archive) else {
                self.note_encrypted_directory(&end);
                continue;
            };
            if self.chain(start, end.shift()) > 0 {
                directories += 1;
            }
        }
        if directories > 1 {
            let because =
                format!("{directories} directories, of which unpackers choose different ones");
            self.listing.signs.sign("archive.several_directories", because);
        }
    }

    fn note_encrypted_directory(&mut self, end: &End) {
        if end.has_directory() && (self.marks.encrypted_directory || self.marks.centrals.is_empty())
        {
            let encrypted = self.marks.encrypted_directory
                || self.marks.locals.iter().take(4).any(|at| {
                    local_header(self.archive, *at, &self.marks)
                        .is_some_and(|local| local.header.flags & FLAG_MASKED != 0)
                });
            if encrypted {
                self.listing.stopped = Some(Stopped::Encrypted);
                self.listing
                    .signs
                    .sign("archive.names_encrypted", "the directory of a ZIP is encrypted");
            }
        }
    }

    /// The central headers from here on: how many.
    fn chain(&mut self, start: usize, shift: usize) -> usize {
        let (mut at, mut count) = (start, 0);
        while !self.full && self.headers_left > 0 && self.centrals_read.insert(at) {
            self.headers_left -= 1;
            let Some(central) = central_header(self.archive, at) else { break };
            at = central.next;
            count += 1;
            self.central(&central, shift);
        }
        count
    }

    /// Central headers that no end record leads to: the archive is cut off, or its end says something false.
    fn strays(&mut self) {
        for at in self.marks.centrals.clone() {
            if self.full || self.headers_left == 0 {
                return;
            }
            if self.centrals_read.contains(&at) || self.is_covered(at) {
                continue;
            }
            let behind =
                self.marks.ends.get(self.marks.ends.partition_point(|end| *end < at)).copied();
            let shift =
                behind.and_then(|end| End::read(self.archive, end)).map_or(0, |end| end.shift());
            self.chain(at, shift);
        }
    }

    fn central(&mut self, central: &Central, shift: usize) {
        self.spanned |= central.disk != 0 && central.disk != u16::MAX;
        // With something before it an archive may have been shifted or not; where both fit, the other is found as unlisted.
        let offsets = [central.offset.saturating_add(shift), central.offset];
        let found = offsets.into_iter().find_map(|offset| {
            central.local(self.archive, offset, &self.marks).map(|local| (offset, local))
        });
        let Some((offset, local)) = found else {
            self.lost += 1;
            if self.spanned {
                // Its data is in another file; its name is here.
                let nowhere = (self.archive.len(), central.header.packed.max(1));
                self.push(Entry::new(
                    self.archive,
                    &central.header.names,
                    &central.header,
                    nowhere,
                    0,
                    false,
                ));
            }
            return;
        };
        let (by_directory, by_header) = (&central.header, &local.header);
        // The smaller of two sizes, so that a false one cannot cover a member that a streaming unpacker sees.
        let covers = match by_header.packed {
            0 => by_directory.packed,
            packed => packed.min(by_directory.packed),
        };
        self.cover(offset, &local, covers);
        let mut names = by_directory.names.clone();
        names.extend(
            by_header.names.iter().filter(|name| !by_directory.names.contains(name)).cloned(),
        );
        let shared = by_header.names.iter().any(|name| by_directory.names.contains(name));
        let differ = !shared || by_directory.two_names || by_header.two_names;
        self.names_differ += usize::from(differ);
        self.readings(&names, by_directory, local.data_at, by_header, false);
        if by_header.method != by_directory.method
            || by_header.flags & FLAG_ENCRYPTED != by_directory.flags & FLAG_ENCRYPTED
            || (by_header.method == STORED
                && by_header.packed != 0
                && by_header.packed != by_directory.packed)
            || (by_header.unpacked != 0 && by_header.unpacked != by_directory.unpacked)
        {
            self.readings(&names, by_header, local.data_at, by_directory, false);
        }
    }

    /// Members that only have a local header, outside the data of others.
    fn unlisted(&mut self) {
        let listed = !self.covers.is_empty();
        for at in self.marks.locals.clone() {
            if self.full || self.headers_left == 0 {
                return;
            }
            // Programs that open ZIPs have the signature in their code.
            let plausible = short(self.archive, at + 8).is_some_and(is_known);
            if !plausible || self.covers.contains_key(&at) || self.is_covered(at) {
                continue;
            }
            self.headers_left -= 1;
            let Some(local) = local_header(self.archive, at, &self.marks).filter(is_named) else {
                continue;
            };
            self.cover(at, &local, local.header.packed);
            self.readings(&local.header.names, &local.header, local.data_at, &local.header, listed);
        }
    }

    /// One reading by a header, and where data is stored one for each size that somebody may go by.
    fn readings(
        &mut self,
        names: &[String],
        header: &Header,
        data_at: usize,
        other: &Header,
        unlisted: bool,
    ) {
        let entry =
            Entry::new(self.archive, names, header, (data_at, header.packed), other.crc, unlisted);
        self.push(entry);
        if header.method != STORED || header.flags & FLAG_ENCRYPTED != 0 {
            return;
        }
        let slot = match [header.packed, header.unpacked, other.packed, other.unpacked] {
            // Nobody says a size, but something stands there.
            [0, 0, 0, 0] if self.marks.has(data_at) => 0,
            [0, 0, 0, 0] => {
                self.marks.next_record(data_at, self.archive.len()).saturating_sub(data_at)
            }
            _ => header.unpacked,
        };
        if slot != 0 && slot != header.packed {
            let mut other =
                Entry::new(self.archive, names, header, (data_at, slot), other.crc, unlisted);
            // A size that nobody can go by is no loss.
            other.cut = false;
            self.push(other);
        }
    }

    fn push(&mut self, entry: Entry) {
        if self.full || (entry.name.ends_with('/') && entry.data.is_empty()) {
            return;
        }
        let size = if entry.needs_size() { entry.unpacked } else { 0 };
        let key = (entry.data.start, entry.data.end, entry.method, entry.encrypted, size);
        match self.seen.get(&key).and_then(|at| self.listing.entries.get_mut(*at)) {
            Some(first) => first.also_named(&entry),
            None => {
                self.seen.insert(key, self.listing.entries.len());
                self.listing.entries.push(entry);
                self.full = self.listing.entries.len() > limits::PARTS_MAX;
            }
        }
    }

    fn cover(&mut self, start: usize, local: &Local, packed: usize) {
        let end = local.data_at.saturating_add(packed).min(self.archive.len());
        let deflated = local.header.method == DEFLATED && local.header.flags & FLAG_ENCRYPTED == 0;
        self.covers.entry(start).or_insert(Cover {
            data_at: local.data_at,
            end,
            deflated,
            true_end: None,
        });
    }

    /// Does a place belong to a member that was found? Deflate is asked where it ends, as a false size could hide something behind it.
    fn is_covered(&mut self, at: usize) -> bool {
        let Some((_, cover)) = self.covers.range_mut(..=at).next_back() else { return false };
        if at < cover.data_at || at >= cover.end || !cover.deflated {
            return at < cover.end.max(cover.data_at);
        }
        let packed = self.archive.get(cover.data_at..cover.end).unwrap_or_default();
        let left = &mut self.look_bytes_left;
        let data_at = cover.data_at;
        at < *cover.true_end.get_or_insert_with(|| data_at + deflated_bytes(packed, left))
    }

    fn conclude(mut self) -> Listing {
        let too_many = self.headers_left == 0 || self.marks.some_lost;
        if too_many && self.listing.stopped.is_none() {
            let why = format!("more than {} headers", limits::ZIP_HEADERS_MAX);
            self.listing.stopped = Some(Stopped::Unsupported(why));
        }
        if self.archive.starts_with(COMPOUND_FILE) {
            // Old documents hold archives of their own, in pieces.
            self.listing.signs.clear();
            return self.listing;
        }
        let signs = &mut self.listing.signs;
        let starts = self.covers.iter().zip(self.covers.keys().skip(1));
        let overlaps =
            starts.filter(|((_, cover), next)| cover.end.max(cover.data_at) > **next).count();
        if overlaps > 0 {
            signs.sign("archive.overlapping", format!("{overlaps} members overlap the next one"));
        }
        if self.names_differ > 0 {
            let because =
                format!("{} members have two names that say different things", self.names_differ);
            signs.sign("archive.names_differ", because);
        }
        if self.spanned {
            signs.sign("archive.spanned", "one file of an archive in several");
            if self.lost > 0 {
                let why = "further files of a split archive are needed".to_string();
                self.listing.stopped = self.listing.stopped.or(Some(Stopped::Unsupported(why)));
            }
        }
        if self.lost > 0 && self.listing.stopped.is_none() && self.listing.entries.is_empty() {
            let why = "no member is where the directory says".to_string();
            self.listing.stopped = Some(Stopped::Damaged(why));
        }
        self.listing
    }
}

fn is_named(local: &Local) -> bool {
    local.header.names.first().is_some_and(|name| !name.is_empty())
}

/// A method that has a meaning.
fn is_known(method: u16) -> bool {
    matches!(method, 0..=20 | 93..=99)
}

/// How many of these bytes one deflate stream takes; all of them if it is broken or larger than what is left to look at.
fn deflated_bytes(packed: &[u8], left: &mut usize) -> usize {
    let mut decoder = flate2::Decompress::new(false);
    let mut output = vec![0; 32 << 10];
    let mut used = 0;
    while *left > 0 {
        let rest = packed.get(used..).unwrap_or_default();
        let step = squeeze::inflate(&mut decoder, rest, &mut output);
        used += step.used;
        *left = left.saturating_sub(step.made.max(1));
        if step.ended {
            return used;
        }
        if step.fault.is_some() || (step.used == 0 && step.made == 0) {
            break;
        }
    }
    packed.len()
}

/// Signs kept as an opener keeps them.
trait Signs {
    fn sign(&mut self, id: &'static str, because: impl Into<String>);
}

impl Signs for Vec<crate::formats::opened::Sign> {
    fn sign(&mut self, id: &'static str, because: impl Into<String>) {
        let mut opened = Opened { signs: std::mem::take(self), ..Opened::default() };
        opened.sign(id, because);
        *self = opened.signs;
    }
}

const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Bit 13: header values are masked, section 4.4.4.
const FLAG_MASKED: u16 = 1 << 13;
