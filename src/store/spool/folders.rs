//! The names of the spool's folders and files; what they are for is in the spool's own description.

use crate::base::ids::Id;
use std::path::{Path, PathBuf};

/// Where things are.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) root: PathBuf,
    pub(super) lock: PathBuf,
    pub(super) key: PathBuf,
    pub(super) log: PathBuf,
    pub(super) large: PathBuf,
    pub(super) incoming: PathBuf,
    pub(super) damaged: PathBuf,
}

impl Folders {
    pub(super) fn of(root: &Path) -> Folders {
        Folders {
            root: root.to_path_buf(),
            lock: root.join("lock"),
            key: root.join("key"),
            log: root.join("log"),
            large: root.join("large"),
            incoming: root.join("incoming"),
            damaged: root.join("damaged"),
        }
    }

    pub(super) fn all(&self) -> [&Path; 5] {
        [&self.root, &self.log, &self.large, &self.incoming, &self.damaged]
    }

    pub(super) fn segment(&self, number: u32) -> PathBuf {
        self.log.join(format!("{number:010}.segment"))
    }

    pub(super) fn segment_number(&self, name: &str) -> Option<u32> {
        name.strip_suffix(".segment")?.parse().ok()
    }

    pub(super) fn large_file(&self, id: Id) -> PathBuf {
        self.large.join(id.to_string())
    }

    pub(super) fn damaged_piece(&self, segment: u32, offset: u64) -> PathBuf {
        self.damaged.join(format!("{segment:010}-{offset}.piece"))
    }
}
