//! What is still to be looked at: the levels that are open, each giving its next blob when asked.
//!
//! Depth first, so that only one chain of unpacked blobs is alive at a time; each is dropped when its level is done.

use crate::{
    base::limits,
    formats::{
        archive::{tar, zip},
        budget::{Budget, Limit, Stopped},
        mime::{self, Leaf, Transfer},
    },
};
use std::{borrow::Cow, collections::VecDeque, ops::Range, rc::Rc};

/// Bytes that are lent for the whole examination or shared by the levels that came out of them.
#[derive(Debug, Clone)]
pub(super) enum Blob<'m> {
    /// A piece of the message itself.
    Lent(&'m [u8]),
    /// A piece of something decoded or unpacked.
    Shared(Rc<Vec<u8>>, Range<usize>),
}

impl<'m> Blob<'m> {
    pub(super) fn new(bytes: Vec<u8>) -> Blob<'m> {
        let all = 0..bytes.len();
        Blob::Shared(Rc::new(bytes), all)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Blob::Lent(bytes) => bytes,
            Blob::Shared(bytes, range) => bytes.get(range.clone()).unwrap_or_default(),
        }
    }

    /// A piece of it, without copying. A range outside gives nothing.
    fn slice(&self, piece: Range<usize>) -> Blob<'m> {
        match self {
            Blob::Lent(bytes) => Blob::Lent(bytes.get(piece).unwrap_or_default()),
            Blob::Shared(bytes, range) => {
                let start = range.start.saturating_add(piece.start).min(range.end);
                let end = range.start.saturating_add(piece.end).clamp(start, range.end);
                Blob::Shared(Rc::clone(bytes), start..end)
            }
        }
    }
}

/// One blob to be looked at, and what its surroundings say about it.
#[derive(Debug)]
pub(super) struct Item<'m> {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) name: Option<String>,
    pub(super) bytes: Blob<'m>,
    /// Why there are no more bytes, if there should be.
    pub(super) stopped: Option<Stopped>,
    /// The level it would open.
    pub(super) depth: usize,
    pub(super) origin: Origin,
}

/// Where an item comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// A leaf of a message.
    Leaf {
        /// What its fields say.
        leaf: Box<Leaf>,
        /// Only some readers see it: a second reading, another transfer encoding.
        alternative: bool,
        /// Its base64 has what does not belong there.
        unclean: bool,
        /// Readers differ about the message it is in.
        ambiguous: bool,
    },
    /// A member of an archive, a document or a signed wrapper.
    Member {
        /// People read it: it is not the inside of a document.
        readable: bool,
        /// It is a MIME entity by where it stands: what a signature was put around.
        entity: bool,
    },
}

/// An open level.
pub(super) struct Level<'m> {
    id: String,
    path: String,
    depth: usize,
    source: Blob<'m>,
    inside: Inside,
}

enum Inside {
    Message { waiting: VecDeque<(Leaf, Transfer, bool)>, ambiguous: bool },
    Zip { entries: std::vec::IntoIter<zip::Entry>, readable: bool },
    Tar { entries: std::vec::IntoIter<tar::Entry> },
    Ready { files: std::vec::IntoIter<Ready> },
}

/// A file that is unpacked already.
pub(super) struct Ready {
    pub(super) name: Option<String>,
    pub(super) bytes: Vec<u8>,
    pub(super) stopped: Option<Stopped>,
    /// It is a MIME entity by where it stands.
    pub(super) entity: bool,
}

/// What a level gives.
pub(super) enum Next<'m> {
    Item(Item<'m>),
    /// Nothing more, because a bound was met: what is left of the level is not looked at.
    Limit {
        id: String,
        path: String,
        limit: Limit,
    },
    End,
}

impl<'m> Level<'m> {
    /// The parts of a message. `second` are the leaves another reader sees.
    pub(super) fn message(item: &Item<'m>, split: mime::Split, second: Vec<Leaf>) -> Level<'m> {
        let ambiguous = !split.oddities.is_empty();
        let mut waiting = VecDeque::with_capacity(split.leaves.len());
        let mut alternatives = Vec::new();
        for leaf in split.leaves {
            for (at, transfer) in leaf.fields.transfers.iter().enumerate() {
                match at {
                    0 => waiting.push_back((leaf.clone(), *transfer, false)),
                    _ => alternatives.push((leaf.clone(), *transfer, true)),
                }
            }
        }
        // After the plain reading, so that what both readers see is known by then.
        waiting.extend(alternatives);
        for leaf in second {
            let transfer = leaf.fields.transfers.first().copied().unwrap_or(Transfer::Identity);
            waiting.push_back((leaf, transfer, true));
        }
        Level::over(item, Inside::Message { waiting, ambiguous })
    }

    pub(super) fn zip(item: &Item<'m>, entries: Vec<zip::Entry>, readable: bool) -> Level<'m> {
        Level::over(item, Inside::Zip { entries: entries.into_iter(), readable })
    }

    pub(super) fn tar(item: &Item<'m>, entries: Vec<tar::Entry>) -> Level<'m> {
        Level::over(item, Inside::Tar { entries: entries.into_iter() })
    }

    pub(super) fn ready(item: &Item<'m>, files: Vec<Ready>) -> Level<'m> {
        Level::over(item, Inside::Ready { files: files.into_iter() })
    }

    fn over(item: &Item<'m>, inside: Inside) -> Level<'m> {
        Level {
            id: item.id.clone(),
            path: item.path.clone(),
            depth: item.depth,
            source: item.bytes.clone(),
            inside,
        }
    }

    pub(super) fn next(&mut self, budget: &mut Budget) -> Next<'m> {
        match &mut self.inside {
            Inside::Message { waiting, ambiguous } => {
                let ambiguous = *ambiguous;
                let Some((leaf, transfer, alternative)) = waiting.pop_front() else {
                    return Next::End;
                };
                // The first reading of each leaf was taken when the message was split.
                if alternative && let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                self.leaf(leaf, transfer, alternative, ambiguous, budget)
            }
            Inside::Zip { entries, readable } => {
                let (next, readable) = (entries.next(), *readable);
                let Some(entry) = next else { return Next::End };
                if let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                let unpacked = zip::unpack(self.source.bytes(), &entry, budget);
                let bytes = Blob::new(unpacked.bytes);
                let origin = Origin::Member { readable, entity: false };
                self.member(Some(entry.name), bytes, unpacked.stopped, origin)
            }
            Inside::Tar { entries } => {
                let Some(entry) = entries.next() else { return Next::End };
                if let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                let bytes = self.source.slice(entry.bytes);
                let origin = Origin::Member { readable: true, entity: false };
                self.member(Some(entry.name), bytes, None, origin)
            }
            Inside::Ready { files } => {
                let Some(file) = files.next() else { return Next::End };
                if let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                let origin = Origin::Member { readable: true, entity: file.entity };
                self.member(file.name, Blob::new(file.bytes), file.stopped, origin)
            }
        }
    }

    fn limit(&self, limit: Limit) -> Next<'m> {
        Next::Limit { id: self.id.clone(), path: self.path.clone(), limit }
    }

    fn leaf(
        &self,
        leaf: Leaf,
        transfer: Transfer,
        alternative: bool,
        ambiguous: bool,
        budget: &mut Budget,
    ) -> Next<'m> {
        let body = self.source.slice(leaf.body.clone());
        let decoded = transfer.decode(body.bytes());
        let unclean = decoded.unclean && !alternative;
        let (bytes, stopped) = match decoded.bytes {
            Cow::Borrowed(_) => (body.clone(), None),
            Cow::Owned(bytes) => {
                let stopped = budget.take_bytes(bytes.len()).err().map(Stopped::Limit);
                (Blob::new(bytes), stopped)
            }
        };
        let name = leaf.fields.names.first().cloned();
        Next::Item(Item {
            id: leaf.id.clone(),
            path: join(&self.path, name.as_deref().unwrap_or_default()),
            name,
            bytes,
            stopped,
            depth: self.depth + 1,
            origin: Origin::Leaf { leaf: Box::new(leaf), alternative, unclean, ambiguous },
        })
    }

    fn member(
        &self,
        name: Option<String>,
        bytes: Blob<'m>,
        stopped: Option<Stopped>,
        origin: Origin,
    ) -> Next<'m> {
        Next::Item(Item {
            id: self.id.clone(),
            path: join(&self.path, name.as_deref().unwrap_or_default()),
            name,
            bytes,
            stopped,
            depth: self.depth + 1,
            origin,
        })
    }
}

/// Joins names from the attachment inward. Nesting alone cannot make a path longer than a few names.
fn join(path: &str, name: &str) -> String {
    let mut joined = match (path, name) {
        ("", name) => name.to_string(),
        (path, "") => path.to_string(),
        (path, name) => format!("{path}/{name}"),
    };
    let end = joined.floor_char_boundary(4 * limits::FILE_NAME_BYTES_MAX);
    joined.truncate(end);
    joined
}
