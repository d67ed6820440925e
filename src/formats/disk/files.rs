//! Files as the readers of file systems list them, and giving each once though several directories name it.

use super::image::Volume;
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit, Stopped, Unpacked},
        keep::{self, Found},
        numbers::{size, wide},
        opened::{Opened, Role},
    },
};
use std::collections::HashMap;

/// A run of bytes on the volume; without a place it reads as zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Run {
    /// Where, from the volume's start.
    pub(super) at: Option<u64>,
    /// How many.
    pub(super) bytes: u64,
}

/// A file somewhere on the volume.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its name with folders.
    pub(super) name: String,
    /// Its bytes as told.
    pub(super) size: u64,
    /// Where they stand.
    pub(super) content: Content,
    /// What it is to the reader.
    pub(super) role: Role,
    /// Why it cannot be read, though its name can.
    pub(super) stopped: Option<Stopped>,
    /// The tree of folders that names it.
    pub(super) tree: Tree,
}

/// The trees that a volume may have beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    /// The only one of its file system.
    Only,
    /// UDF's.
    Udf,
    /// Joliet's.
    Joliet,
    /// ISO 9660's own, with Rock Ridge or without.
    Plain,
}

/// Where a file's bytes stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// On the volume.
    Runs(Vec<Run>),
    /// On the volume, LZNT1 in units of so many bytes; what is missing of a unit says that it is packed.
    Packed { runs: Vec<Run>, unit_bytes: u64 },
    /// In the directory entry or record itself.
    Here(Vec<u8>),
}

impl Listed {
    /// A file that stands in these runs.
    pub(super) fn file(name: String, size: u64, runs: Vec<Run>) -> Listed {
        let content = Content::Runs(runs);
        Listed { name, size, content, role: Role::File, stopped: None, tree: Tree::Only }
    }
}

/// Reads and keeps every file. One that several directories name is kept once, and again under a name of another kind:
/// which of them a system shows is the system's choice.
pub(super) fn give(
    opened: &mut Opened,
    volume: Volume<'_>,
    files: Vec<Listed>,
    budget: &mut Budget,
) {
    let mut kept: HashMap<Content, Vec<(String, Tree)>> = HashMap::new();
    for file in files {
        if file.size == 0 && file.stopped.is_none() {
            continue;
        }
        let kind = kind_of_name(&file.name);
        let kinds = kept.entry(file.content.clone()).or_default();
        if kinds.iter().any(|(known, _)| *known == kind) {
            continue;
        }
        // Within one tree these are hard links, and no secret.
        let elsewhere = kinds.iter().all(|(_, tree)| *tree != file.tree);
        if !kinds.is_empty() && elsewhere && file.role == Role::File {
            let because = format!("{:?} has other names too", keep::shortened(&file.name));
            opened.sign("disk.trees_disagree", because);
        }
        kinds.push((kind, file.tree));
        let unpacked = read(volume, &file, budget);
        let found = Found { name: file.name, role: file.role, size: Some(file.size) };
        if !keep::unpacked_as(opened, found, unpacked) || budget.check_time().is_err() {
            return;
        }
    }
}

/// The first letters of the extension in lower case: what decides the program, in a directory of short names too.
fn kind_of_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let extension = last.rsplit_once('.').map_or("", |(_, extension)| extension);
    extension.chars().take(3).collect::<String>().to_lowercase()
}

fn read(volume: Volume<'_>, file: &Listed, budget: &mut Budget) -> Unpacked {
    if let Some(why) = &file.stopped {
        return Unpacked { bytes: Vec::new(), stopped: Some(why.clone()) };
    }
    let room = budget.part_bytes_left();
    let mut bytes = match &file.content {
        Content::Here(bytes) => bytes.clone(),
        Content::Runs(runs) => gather(volume, runs, file.size.min(room)),
        Content::Packed { runs, unit_bytes } => {
            gather_packed(volume, runs, *unit_bytes, file.size.min(room))
        }
    };
    bytes.truncate(size(file.size.min(room)));
    let whole = file.size <= room;
    match budget.check_time().and_then(|()| budget.take_bytes(bytes.len())) {
        Ok(()) => {
            let limit = Limit::TooLarge { bytes_max: room };
            Unpacked { bytes, stopped: (!whole).then_some(limit.into()) }
        }
        Err(limit) => Unpacked { bytes: Vec::new(), stopped: Some(limit.into()) },
    }
}

/// The bytes of runs, one after the other, at most `count`.
pub(super) fn gather(volume: Volume<'_>, runs: &[Run], count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for run in runs.iter().take(limits::DISK_RUNS_MAX) {
        let want = run.bytes.min(count.saturating_sub(wide(bytes.len())));
        if want == 0 {
            break;
        }
        match run.at {
            None => bytes.resize(bytes.len().saturating_add(size(want)), 0),
            Some(at) => {
                let got = volume.read(at, want);
                let short = wide(got.len()) < want;
                bytes.extend(got);
                if short {
                    break;
                }
            }
        }
    }
    bytes
}

/// The bytes of runs in which units are packed: a unit that has all its clusters is as it is, one that has none is zeros.
fn gather_packed(volume: Volume<'_>, runs: &[Run], unit_bytes: u64, count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = runs.iter().copied();
    let mut piece = rest.next();
    while wide(bytes.len()) < count && piece.is_some() {
        let (mut own, mut left) = (Vec::new(), unit_bytes);
        while let Some(run) = piece.filter(|_| left > 0) {
            let take = run.bytes.min(left);
            if let Some(at) = run.at {
                own.extend(volume.read(at, take));
            }
            left -= take;
            let at = run.at.map(|at| at.saturating_add(take));
            let remains = Run { at, bytes: run.bytes - take };
            piece = if remains.bytes > 0 { Some(remains) } else { rest.next() };
        }
        let unit = if own.is_empty() || wide(own.len()) >= unit_bytes {
            own
        } else {
            super::lznt1::unpack(&own, size(unit_bytes))
        };
        let end = bytes.len().saturating_add(size(unit_bytes));
        bytes.extend(unit);
        bytes.resize(end, 0);
    }
    bytes
}

/// A path of folders and a name.
pub(super) fn joined(folder: &str, name: &str) -> String {
    // Folders that hold themselves would make paths without end.
    if folder.is_empty() || folder.len() > limits::FILE_NAME_BYTES_MAX {
        return name.to_string();
    }
    format!("{folder}/{name}")
}
