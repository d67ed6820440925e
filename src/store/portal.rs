//! Parcels: mails that wait in the portal for a recipient in the world, who opens them with a link and a code.
//!
//! The content is sealed in the quarantine under the parcel's id, with a key of its own; here is who may open it and what became of it. Neither the
//! link's token nor the code is kept, only hashes that take the gateway's secret to make.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Address, Organisation},
};

/// Hash of a token or of a code.
pub type SecretHash = [u8; 32];

/// A mail that waits, or has waited, for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its id, under which the content is in the quarantine.
    pub id: Id,
    /// The transaction that brought it.
    pub transaction: Id,
    /// Whose it is.
    pub organisation: Organisation,
    /// Who sent it, and hears what becomes of it.
    pub sender: Address,
    /// Who may open it.
    pub recipient: Address,
    /// When it was put there.
    pub made: UnixMs,
    /// When its content is destroyed.
    pub expires: UnixMs,
    /// How often it was opened with the right code.
    pub openings: u32,
    /// When first.
    pub opened: Option<UnixMs>,
    /// Wrong codes, since the last right one.
    pub wrong: u32,
    /// No code is taken until then.
    pub locked_until: Option<UnixMs>,
    /// Its letters are on their way: its link and its code are known to somebody.
    pub told: bool,
    /// It cannot be opened any more, and why.
    pub over: Option<Over>,
}

/// Why a parcel cannot be opened any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Its time was over.
    Expired,
    /// It was opened as often as it may be.
    Spent,
    /// Too many wrong codes.
    Locked,
    /// Whoever looks after the quarantine deleted it.
    Withdrawn,
}

impl Over {
    /// All of them.
    pub const ALL: [Over; 4] = [Over::Expired, Over::Spent, Over::Locked, Over::Withdrawn];

    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Over::Expired => "expired",
            Over::Spent => "spent",
            Over::Locked => "locked",
            Over::Withdrawn => "withdrawn",
        }
    }

    /// From [`Over::word`].
    pub fn from_word(word: &str) -> Option<Over> {
        Over::ALL.into_iter().find(|over| over.word() == word)
    }
}

/// What came of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It is the right one; the first time that this parcel is opened, or not.
    Right {
        /// Nobody opened it before.
        first: bool,
    },
    /// It is not; so many tries are left before the parcel closes.
    Wrong {
        /// Tries left.
        left: u32,
    },
    /// After several wrong ones none is taken until then.
    Wait(UnixMs),
    /// It closed, now or before.
    Over(Over),
    /// There is no such parcel.
    Missing,
}
