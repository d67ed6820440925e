//! A held mail as the quarantine knows it: what may be seen without opening it.

use crate::{
    base::{clock::UnixMs, ids::Id},
    config::policy::{Action, Category},
    mail::{Address, Direction, Envelope, Organisation, ReversePath},
};
use serde::{Deserialize, Serialize};

/// One mail held for one recipient. Subject and names have personal values masked before they come here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Its own id.
    pub id: Id,
    /// The transaction it came in.
    pub transaction: Id,
    /// Whose it is.
    pub organisation: Organisation,
    /// When it was held.
    pub held_at: UnixMs,
    /// When it goes, if nobody touches it.
    pub expires: UnixMs,
    /// Which way it went.
    pub direction: Direction,
    /// Envelope sender.
    pub sender: ReversePath,
    /// The name and address in From, masked.
    pub from: String,
    /// Whom it was for.
    pub recipient: Address,
    /// Subject, decoded and masked.
    pub subject: String,
    /// What policy decided; `mixed.rejected` and the like stand in `why`.
    pub action: Action,
    /// The finding that decided.
    pub why: String,
    /// The plain sentence.
    pub reason: String,
    /// What speaks against it.
    pub categories: Vec<Category>,
    /// The score.
    pub score: f32,
    /// The mail's size in bytes.
    pub bytes: u64,
    /// It belongs in the user's digest.
    pub in_digest: bool,
    /// Where it stands.
    pub state: HeldState,
    /// When it was released; zero before.
    pub released_at: UnixMs,
    /// The whole envelope, for release.
    pub envelope: Envelope,
    /// Findings as JSON, for an admin.
    pub findings: serde_json::Value,
}

/// Where a held mail stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldState {
    /// Waiting for somebody.
    Held,
    /// Delivered after all.
    Released,
}

impl HeldState {
    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            HeldState::Held => "held",
            HeldState::Released => "released",
        }
    }
}

/// What to list. Every given field narrows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// Part of the envelope sender or From, any case.
    pub sender: Option<String>,
    /// Part of the recipient, any case.
    pub recipient: Option<String>,
    /// Part of the subject, any case.
    pub subject: Option<String>,
    /// A category among its categories.
    pub category: Option<String>,
    /// "inbound" or "outbound".
    pub direction: Option<String>,
    /// Held at or after.
    pub since: Option<UnixMs>,
    /// Released ones too.
    pub all: bool,
    /// At most this many, newest first.
    pub rows: usize,
}

/// What asking for a release gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It is now marked released; the caller sends it.
    Now,
    /// Somebody released it before.
    Already,
    /// There is no such mail.
    Missing,
}
