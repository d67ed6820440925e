//! What is still to be looked at: the levels that are open, each giving its next blob when asked.
//!
//! Depth first, so that only one chain of unpacked blobs is alive at a time; each is dropped when its level is done.

use crate::{
    base::limits,
    formats::{
        archive::{tar, zip},
        budget::{Budget, Limit, Stopped},
        mime::{Leaf, Transfer, Views},
        opened::{Member, Role},
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
        /// What it is to the reader of the mail.
        role: Role,
        /// It is listed among the parts: a file, or a member of a ZIP of any kind.
        listed: bool,
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
    Message { waiting: VecDeque<Waiting>, ambiguous: bool },
    Zip { entries: std::vec::IntoIter<zip::Entry>, role: Role, passwords: Rc<Vec<String>> },
    Tar { entries: std::vec::IntoIter<tar::Entry> },
    Members { members: std::vec::IntoIter<Member> },
    Pieces { pieces: std::vec::IntoIter<(Option<String>, Range<usize>)> },
}

/// A leaf that is still to be decoded, or another reading of one that was.
enum Waiting {
    Encoded { leaf: Leaf, transfer: Transfer, alternative: bool },
    Decoded { leaf: Leaf, bytes: Vec<u8> },
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
    /// The parts of a message, as the usual reading has them, then as others have them.
    pub(super) fn message(item: &Item<'m>, views: Views) -> Level<'m> {
        let ambiguous = !views.split.oddities.is_empty();
        let mut waiting = VecDeque::with_capacity(views.split.leaves.len());
        let mut others = Vec::new();
        let of_split = views.split.leaves.into_iter().map(|leaf| (leaf, false));
        for (leaf, beside) in of_split.chain(views.others.into_iter().map(|leaf| (leaf, true))) {
            for (at, transfer) in leaf.fields.transfers.iter().enumerate() {
                let alternative = beside || at > 0;
                let leaf = leaf.clone();
                let one = Waiting::Encoded { leaf, transfer: *transfer, alternative };
                if alternative { others.push(one) } else { waiting.push_back(one) }
            }
        }
        // After the plain reading, so that what both readers see is known by then.
        waiting.extend(others);
        Level::over(item, Inside::Message { waiting, ambiguous })
    }

    pub(super) fn zip(
        item: &Item<'m>,
        entries: Vec<zip::Entry>,
        role: Role,
        passwords: Rc<Vec<String>>,
    ) -> Level<'m> {
        Level::over(item, Inside::Zip { entries: entries.into_iter(), role, passwords })
    }

    pub(super) fn tar(item: &Item<'m>, entries: Vec<tar::Entry>) -> Level<'m> {
        Level::over(item, Inside::Tar { entries: entries.into_iter() })
    }

    pub(super) fn members(item: &Item<'m>, members: Vec<Member>) -> Level<'m> {
        Level::over(item, Inside::Members { members: members.into_iter() })
    }

    /// Files that begin somewhere inside the blob, by what they seem to be.
    pub(super) fn pieces(
        item: &Item<'m>,
        pieces: Vec<(Option<String>, Range<usize>)>,
    ) -> Level<'m> {
        Level::over(item, Inside::Pieces { pieces: pieces.into_iter() })
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
                let Some(next) = waiting.pop_front() else { return Next::End };
                // The first reading of each leaf was taken when the message was split.
                let first = matches!(next, Waiting::Encoded { alternative: false, .. });
                if !first && let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                match next {
                    Waiting::Encoded { leaf, transfer, alternative } => {
                        self.leaf(leaf, transfer, alternative, ambiguous, budget)
                    }
                    Waiting::Decoded { leaf, bytes } => {
                        let stopped = budget.take_bytes(bytes.len()).err().map(Stopped::Limit);
                        let origin = Origin::Leaf {
                            leaf: Box::new(leaf),
                            alternative: true,
                            unclean: false,
                            ambiguous: true,
                        };
                        self.leaf_item(origin, Blob::new(bytes), stopped)
                    }
                }
            }
            Inside::Zip { entries, role, passwords } => {
                let (next, role, passwords) = (entries.next(), *role, Rc::clone(passwords));
                let Some(entry) = next else { return Next::End };
                if let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                let (unpacked, _) =
                    zip::unpack_with(self.source.bytes(), &entry, &passwords, budget);
                let bytes = Blob::new(unpacked.bytes);
                let origin = Origin::Member { role, listed: true };
                self.member(Some(entry.name), bytes, unpacked.stopped, origin)
            }
            Inside::Tar { entries } => {
                let Some(entry) = entries.next() else { return Next::End };
                if let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                let bytes = self.source.slice(entry.bytes);
                let origin = Origin::Member { role: Role::File, listed: true };
                self.member(Some(entry.name), bytes, None, origin)
            }
            Inside::Pieces { pieces } => {
                let Some((name, place)) = pieces.next() else { return Next::End };
                if let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                let bytes = self.source.slice(place);
                let origin = Origin::Member { role: Role::Inside, listed: false };
                self.member(name, bytes, None, origin)
            }
            Inside::Members { members } => {
                let Some(member) = members.next() else { return Next::End };
                if let Err(limit) = budget.take_part() {
                    return self.limit(limit);
                }
                let listed = matches!(member.role, Role::File | Role::Entity);
                let origin = Origin::Member { role: member.role, listed };
                self.member(member.name, Blob::new(member.bytes), member.stopped, origin)
            }
        }
    }

    fn limit(&self, limit: Limit) -> Next<'m> {
        Next::Limit { id: self.id.clone(), path: self.path.clone(), limit }
    }

    fn leaf(
        &mut self,
        leaf: Leaf,
        transfer: Transfer,
        alternative: bool,
        ambiguous: bool,
        budget: &mut Budget,
    ) -> Next<'m> {
        let body = self.source.slice(leaf.body.clone());
        let mut readings = transfer.readings(body.bytes()).into_iter();
        let Some(first) = readings.next() else { return Next::End };
        let unclean = first.unclean && !alternative;
        let (bytes, stopped) = match first.bytes {
            Cow::Borrowed(_) => (body.clone(), None),
            Cow::Owned(bytes) => {
                let stopped = budget.take_bytes(bytes.len()).err().map(Stopped::Limit);
                (Blob::new(bytes), stopped)
            }
        };
        let others: Vec<Waiting> = readings
            .map(|reading| Waiting::Decoded {
                leaf: leaf.clone(),
                bytes: reading.bytes.into_owned(),
            })
            .collect();
        if let Inside::Message { waiting, .. } = &mut self.inside {
            waiting.extend(others);
        }
        let leaf = Box::new(leaf);
        self.leaf_item(Origin::Leaf { leaf, alternative, unclean, ambiguous }, bytes, stopped)
    }

    fn leaf_item(&self, origin: Origin, bytes: Blob<'m>, stopped: Option<Stopped>) -> Next<'m> {
        let Origin::Leaf { leaf, .. } = &origin else { return Next::End };
        let name = leaf.fields.names.first().cloned();
        Next::Item(Item {
            id: leaf.id.clone(),
            path: join(&self.path, name.as_deref().unwrap_or_default()),
            name,
            bytes,
            stopped,
            depth: self.depth + 1,
            origin,
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
