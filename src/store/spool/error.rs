//! What can go wrong, with the numbers an admin needs.

use crate::base::ids::Id;
use std::{
    io,
    path::{Path, PathBuf},
};

/// What is wrong with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// There should be a record and there is none.
    #[error("there is no good record")]
    Head,
    /// The meta is not what was written.
    #[error("the meta does not match its checksum")]
    Meta,
    /// The content is not what was written.
    #[error("the content does not match its checksum")]
    Content,
    /// The beginning of a segment is not what was written; its records are read all the same.
    #[error("the head of the segment does not match its checksum")]
    SegmentHead,
    /// A segment ends before its end.
    #[error("the segment is shorter than it was")]
    SegmentLength,
    /// A large mail has no file.
    #[error("the file with the content is missing")]
    FileMissing,
    /// A large mail's file has another length.
    #[error("the file with the content has the wrong length")]
    FileLength,
}

/// Why the spool did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// The disk did not do its part. Nothing was changed, unless the call says otherwise.
    #[error("could not {doing} {}: {because}", file.display())]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        file: PathBuf,
        /// The kind of failure.
        kind: io::ErrorKind,
        /// In the system's words.
        because: String,
    },
    /// Ids are never used twice.
    #[error("{0} is in the spool already")]
    AlreadyThere(Id),
    /// No such entry, or no longer.
    #[error("{0} is not in the spool")]
    NotThere(Id),
    /// The meta is not small.
    #[error("{bytes} bytes of meta are more than {max}")]
    MetaTooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        max: usize,
    },
    /// The entry is there, but its bytes are not those stored.
    #[error("{id} is damaged in {} at {offset}: {what}", file.display())]
    Damaged {
        /// The entry.
        id: Id,
        /// In which file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        what: Wrong,
    },
    /// Somebody else has the folder.
    #[error("the spool {} is in use by another process", folder.display())]
    InUse {
        /// The spool's folder.
        folder: PathBuf,
    },
    /// What rests is sealed, and the key for it is not there or does not fit.
    #[error("a mail of the spool could not be sealed or opened: {because}")]
    Sealing {
        /// Why.
        because: String,
    },
    /// The spool was closed, or its writer is gone.
    #[error("the spool is closed")]
    Closed,
}

impl SpoolError {
    /// Whether space is what was missing: the sender hears 452 instead of 451.
    pub fn is_full(&self) -> bool {
        match self {
            SpoolError::Disk { kind, .. } => SpoolError::is_for_want_of_space(*kind),
            SpoolError::AlreadyThere(_)
            | SpoolError::NotThere(_)
            | SpoolError::MetaTooLarge { .. }
            | SpoolError::Damaged { .. }
            | SpoolError::InUse { .. }
            | SpoolError::Sealing { .. }
            | SpoolError::Closed => false,
        }
    }

    pub(super) fn is_for_want_of_space(kind: io::ErrorKind) -> bool {
        matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero
        )
    }

    pub(super) fn disk(doing: &'static str, file: &Path) -> impl FnOnce(io::Error) -> SpoolError {
        let file = file.to_path_buf();
        move |error| SpoolError::Disk {
            doing,
            file,
            kind: error.kind(),
            because: error.to_string(),
        }
    }
}
