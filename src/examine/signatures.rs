//! What an examination asks of a signature engine, and what it gets back. The engine behind it is in `engine`; tests use their own.
//!
//! Whoever opens a mail hands in each distinct blob once and reads nothing into an empty answer unless it is `Ok`:
//! an engine that could not finish says so, and the blob is then unscanned, never clean.

use std::time::Duration;

use super::{PartKind, Severity};

/// Recognises known bytes. One engine serves all examiners at once.
pub trait Signatures: Send + Sync {
    /// Every rule that matches `blob`, in the order the rules were loaded, within `time_left`.
    fn scan(
        &self,
        blob: &[u8],
        facts: &BlobFacts<'_>,
        time_left: Duration,
    ) -> Result<Vec<Match>, EngineFailure>;
}

/// What is known of a blob besides its bytes; rules may ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobFacts<'a> {
    /// The name a recipient would see, without folders; empty if it has none. Rules see it in lower case.
    pub filename: &'a str,
    /// What follows the last dot of the name, without the dot; empty if there is none. Rules see it in lower case.
    pub extension: &'a str,
    /// What the blob is by its bytes.
    pub kind: PartKind,
}

/// One rule matched one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The rule's name, lower case: `eicar_test_file`.
    pub rule: String,
    /// What the rule's metadata says of it.
    pub severity: Severity,
    /// The `description` of its metadata; empty if it has none.
    pub about: String,
}

/// The engine did not finish with a blob: it is unscanned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineFailure {
    /// The time given was used up. Trying again on a calmer machine may help.
    #[error("signatures took longer than {} ms on {blob_bytes} bytes", time_left.as_millis())]
    TimedOut {
        /// The time that was given.
        time_left: Duration,
        /// The size of the blob.
        blob_bytes: usize,
    },
    /// The engine itself failed.
    #[error("signature engine failed on {blob_bytes} bytes: {because}")]
    Failed {
        /// What it said.
        because: String,
        /// The size of the blob.
        blob_bytes: usize,
    },
}
