//! Files and folders as they are seen, and as they would be after the power failed this moment.
//!
//! What was synced is there afterwards. Of what was not, chance decides: each page of a file, its length, and how many of the changes
//! to a folder, in the order they were made. A file moved from one folder to another is in one of them.

use super::common::chance;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
};

pub const ROOT: u64 = 1;
const PAGE_BYTES: usize = 4_096;

/// Everything there is.
pub struct Tree {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    moves: u64,
    pub trouble: Trouble,
}

/// What the disk does not do just now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    None,
    /// It takes no more bytes and no more names.
    Full,
    /// It changes nothing.
    ReadOnly,
    /// Writes and syncs fail.
    Failing,
}

#[derive(Clone)]
pub struct Node {
    pub kind: Kind,
    pub mode: u32,
    pub owner: (u32, u32),
    pub changed: std::time::SystemTime,
}

#[derive(Clone)]
pub enum Kind {
    File { seen: Vec<u8>, durable: Vec<u8> },
    Folder { seen: BTreeMap<OsString, u64>, durable: BTreeMap<OsString, u64>, since: Vec<Change> },
    Socket,
}

/// A change of a folder that was not synced.
#[derive(Clone)]
pub enum Change {
    Put(OsString, u64, Option<u64>),
    Take(OsString, Option<u64>),
}

impl Tree {
    pub fn new(owner: (u32, u32)) -> Tree {
        let root = Node { kind: folder(), mode: 0o755, owner, changed: now() };
        let nodes = BTreeMap::from([(ROOT, root)]);
        Tree { nodes, next: ROOT + 1, moves: 0, trouble: Trouble::None }
    }

    pub fn node(&self, number: u64) -> Option<&Node> {
        self.nodes.get(&number)
    }

    pub fn node_mut(&mut self, number: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&number)
    }

    pub fn child(&self, parent: u64, name: &OsStr) -> Option<u64> {
        self.entries(parent)?.get(name).copied()
    }

    pub fn entries(&self, folder: u64) -> Option<&BTreeMap<OsString, u64>> {
        match &self.nodes.get(&folder)?.kind {
            Kind::Folder { seen, .. } => Some(seen),
            Kind::File { .. } | Kind::Socket => None,
        }
    }

    pub fn make(&mut self, parent: u64, name: &OsStr, node: Node) -> Option<u64> {
        let number = self.next;
        self.put(parent, name, number, None)?;
        self.next += 1;
        self.nodes.insert(number, node);
        Some(number)
    }

    pub fn remove(&mut self, parent: u64, name: &OsStr) -> Option<u64> {
        self.take(parent, name, None)
    }

    pub fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Option<()> {
        self.moves += 1;
        let this = Some(self.moves);
        let number = self.take(from.0, from.1, this)?;
        self.put(to.0, to.1, number, this)
    }

    fn put(&mut self, parent: u64, name: &OsStr, number: u64, by: Option<u64>) -> Option<()> {
        let Kind::Folder { seen, since, .. } = &mut self.nodes.get_mut(&parent)?.kind else {
            return None;
        };
        seen.insert(name.to_os_string(), number);
        since.push(Change::Put(name.to_os_string(), number, by));
        Some(())
    }

    fn take(&mut self, parent: u64, name: &OsStr, by: Option<u64>) -> Option<u64> {
        let Kind::Folder { seen, since, .. } = &mut self.nodes.get_mut(&parent)?.kind else {
            return None;
        };
        let number = seen.remove(name)?;
        since.push(Change::Take(name.to_os_string(), by));
        Some(number)
    }

    pub fn write(&mut self, file: u64, at: usize, bytes: &[u8]) -> Option<()> {
        let Kind::File { seen, .. } = &mut self.nodes.get_mut(&file)?.kind else { return None };
        if seen.len() < at + bytes.len() {
            seen.resize(at + bytes.len(), 0);
        }
        seen[at..at + bytes.len()].copy_from_slice(bytes);
        Some(())
    }

    pub fn resize(&mut self, file: u64, bytes: usize) -> Option<()> {
        let Kind::File { seen, .. } = &mut self.nodes.get_mut(&file)?.kind else { return None };
        seen.resize(bytes, 0);
        Some(())
    }

    /// Makes durable what is seen: a file's bytes, or a folder's names.
    pub fn sync(&mut self, number: u64) -> Option<()> {
        match &mut self.nodes.get_mut(&number)?.kind {
            Kind::File { seen, durable } => durable.clone_from(seen),
            Kind::Folder { seen, durable, since } => {
                durable.clone_from(seen);
                since.clear();
            }
            Kind::Socket => (),
        }
        Some(())
    }

    /// The power fails.
    pub fn power_loss(&mut self, luck: &mut u64) {
        // Which moves between folders arrived in the folder they lead to.
        let mut arrived = BTreeSet::new();
        let mut kept = BTreeMap::new();
        for (number, node) in &self.nodes {
            let Kind::Folder { since, .. } = &node.kind else { continue };
            let first = below(luck, since.len() + 1);
            for change in &since[..first] {
                if let Change::Put(_, _, Some(by)) = change {
                    arrived.insert(*by);
                }
            }
            // A move whose arrival was synced has arrived too.
            kept.insert(*number, first);
        }
        let pending: BTreeSet<u64> = self.pending_moves();
        for (number, node) in &mut self.nodes {
            match &mut node.kind {
                Kind::Socket => (),
                Kind::File { seen, durable } => fall(seen, durable, luck),
                Kind::Folder { seen, durable, since } => {
                    let first = kept.get(number).copied().unwrap_or(0);
                    for (at, change) in since.drain(..).enumerate() {
                        match change {
                            Change::Put(name, child, _) if at < first => {
                                durable.insert(name, child);
                            }
                            Change::Take(name, None) if at < first => {
                                durable.remove(&name);
                            }
                            Change::Take(name, Some(by))
                                if arrived.contains(&by) || !pending.contains(&by) =>
                            {
                                durable.remove(&name);
                            }
                            Change::Put(..) | Change::Take(..) => (),
                        }
                    }
                    seen.clone_from(durable);
                }
            }
        }
        self.trouble = Trouble::None;
    }

    /// Moves whose arrival was not synced.
    fn pending_moves(&self) -> BTreeSet<u64> {
        let folders = self.nodes.values().filter_map(|node| match &node.kind {
            Kind::Folder { since, .. } => Some(since),
            Kind::File { .. } | Kind::Socket => None,
        });
        let puts = folders.flatten().filter_map(|change| match change {
            Change::Put(_, _, by) => *by,
            Change::Take(..) => None,
        });
        puts.collect()
    }
}

/// A file after the fall: each page as it was synced or as it was written last.
fn fall(seen: &mut Vec<u8>, durable: &mut Vec<u8>, luck: &mut u64) {
    if seen != durable {
        let length = match below(luck, 2) {
            0 => durable.len(),
            _ => seen.len(),
        };
        let mut after = durable.clone();
        after.resize(length, 0);
        for start in (0..length.min(seen.len())).step_by(PAGE_BYTES) {
            let end = (start + PAGE_BYTES).min(length).min(seen.len());
            if below(luck, 2) == 1 {
                after[start..end].copy_from_slice(&seen[start..end]);
            }
        }
        *durable = after;
    }
    seen.clone_from(durable);
}

fn below(luck: &mut u64, bound: usize) -> usize {
    usize::try_from(chance(luck)).unwrap_or(usize::MAX) % bound
}

pub fn folder() -> Kind {
    Kind::Folder { seen: BTreeMap::new(), durable: BTreeMap::new(), since: Vec::new() }
}

pub fn file() -> Kind {
    Kind::File { seen: Vec::new(), durable: Vec::new() }
}

pub fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
