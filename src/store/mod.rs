//! What is kept: the spool for mail that goes on, the quarantine for mail that is held, the trace of everything, who may log in, who did what.
//!
//! What rests is encrypted: an item's key is wrapped by its organisation's (`keyring`), that by the master key (`master`).
//! No decisions and no mail protocols here. Every row carries its organisation. What is acknowledged is on stable storage first:
//! `spool` syncs a log, `embedded` commits SQLite with `synchronous = FULL`; the trace alone may lose its last moments.

pub mod accounts;
pub mod audit;
pub mod bank_accounts;
pub mod campaigns;
pub mod checkpoint;
pub mod correspondence;
pub mod deviations;
pub mod dkim;
pub mod embedded;
pub mod hash_list;
pub mod held;
pub mod journal;
pub mod keyring;
pub mod keys;
pub mod lessons;
pub mod master;
pub mod people;
pub mod portal;
pub mod private;
pub mod proof;
pub mod rekey;
pub mod reports;
pub mod scope;
pub mod sealed;
pub mod signer;
pub mod snapshot;
pub mod spool;
pub mod trace;
pub mod transport;

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
    /// A later version of this program wrote it. It is not touched.
    #[error(
        "{} was written by a newer sluss: its schema is {written}, and this one ({}) knows up to {known}; nothing was changed: start the \
         newer version again, or put a copy from before the update in its place",
        file.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// Which.
        file: std::path::PathBuf,
        /// The number of its schema.
        written: usize,
        /// The last one known here.
        known: usize,
    },
    /// What is stored cannot be opened with the master key that was given.
    #[error(
        "{} is not the master key that the stored keys are wrapped by: it has the fingerprint {given}, theirs is {wanted}; put the right \
         one there ([store] master-key); if it is lost, what was held and what waited can be read by nobody, and only moving the data \
         folder away lets the gateway start anew",
        file.display()
    )]
    WrongMasterKey {
        /// The file with the key that was given.
        file: std::path::PathBuf,
        /// Its fingerprint.
        given: String,
        /// The fingerprint of the right one.
        wanted: String,
    },
    /// The master key's file is somebody else's to write.
    #[error(
        "the master key in {} is a credential that systemd hands over, so it cannot be replaced there: name a file for the new one \
         (--to FILE) and make it the credential afterwards",
        file.display()
    )]
    KeyNotOurs {
        /// Where it is.
        file: std::path::PathBuf,
    },
    /// A key that something was wrapped by is not there.
    #[error(
        "key {version} of organisation {organisation} is not among the keys: what is wrapped by it cannot be read"
    )]
    KeyMissing {
        /// Whose.
        organisation: String,
        /// Which.
        version: u32,
    },
    /// The thread that writes has ended.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The disk is full: the sender hears 452, not 451.
    pub fn is_no_room(&self) -> bool {
        match self {
            StoreError::File { source, .. } => matches!(
                source.kind(),
                std::io::ErrorKind::StorageFull
                    | std::io::ErrorKind::QuotaExceeded
                    | std::io::ErrorKind::WriteZero
            ),
            StoreError::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            StoreError::Damaged { .. }
            | StoreError::Newer { .. }
            | StoreError::WrongMasterKey { .. }
            | StoreError::KeyNotOurs { .. }
            | StoreError::KeyMissing { .. }
            | StoreError::Closed => false,
        }
    }
}
