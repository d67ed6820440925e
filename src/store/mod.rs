//! What is kept: the spool for mail that goes on, the quarantine for mail that is held, the trace of everything, who may log in.
//!
//! No decisions and no mail protocols here. Every row carries its organisation. What is acknowledged is on stable storage first:
//! `spool` syncs a log, `embedded` commits SQLite with `synchronous = FULL`; the trace alone may lose its last moments.

pub mod accounts;
pub mod embedded;
pub mod held;
pub mod keys;
pub mod private;
pub mod sealed;
pub mod spool;
pub mod trace;

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("database {what}: {source}")]
    Database {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// A file could not be written or read.
    #[error("{what} {}: {source}", file.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        file: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was read is not what was written.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// What.
        what: String,
        /// How it shows.
        why: String,
    },
    /// What is held cannot be opened with the master key that was given.
    #[error(
        "the quarantine in {} was made with another master key: {closed} of {all} keys in it do not open with this one; \
         put the former key back ([store] master-key, or master.key in the data folder), or, if it is lost, move the folder \
         away: what is held in it can then be read by nobody",
        folder.display()
    )]
    WrongMasterKey {
        /// The quarantine.
        folder: std::path::PathBuf,
        /// Keys that do not open.
        closed: usize,
        /// Keys there are.
        all: usize,
    },
    /// The thread that writes has ended.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The disk is full: the sender hears 452, not 451.
    pub fn is_no_room(&self) -> bool {
        match self {
            StoreError::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            StoreError::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            StoreError::Damaged { .. } | StoreError::WrongMasterKey { .. } | StoreError::Closed => {
                false
            }
        }
    }
}
