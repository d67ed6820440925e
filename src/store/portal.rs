//! Parcels: mails that wait in the portal for a recipient in the world, who opens them with a link and a code; and files, too large for a mail, that
//! somebody left for a reader of ours, who opens them with the link in his letter.
//!
//! The content is sealed in the quarantine under the parcel's id, with a key of its own; here is who may open it and what became of it. Neither the
//! link's token nor the code is kept, only hashes that take the gateway's secret to make.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Address, Organisation},
    store::people::Mailbox,
};

/// Hash of a token or of a code.
pub type SecretHash = [u8; 32];

/// What waits, or has waited, for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its id, under which the content is in the quarantine.
    pub id: Id,
    /// The transaction that brought it.
    pub transaction: Id,
    /// Whose it is.
    pub organisation: Organisation,
    /// What is in it.
    pub carries: Carries,
    /// Who sent it, and hears what becomes of it. Of files: who says that he left them; he hears nothing.
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
    /// What opens it, and how the recipient has it.
    pub key_by: KeyBy,
    /// Files were looked into; a mail always was.
    pub looked: bool,
    /// Files that wait for somebody who looks after the portal, and why.
    pub stopped: Option<String>,
    /// Among that is what may do harm.
    pub danger: bool,
    /// How often files could not be looked into.
    pub tries: u32,
    /// It cannot be opened any more, and why.
    pub over: Option<Over>,
}

impl Parcel {
    /// One that nobody knows of yet, from `made` to `expires`.
    pub fn new(
        id: Id,
        organisation: &Organisation,
        carries: Carries,
        (sender, recipient): (&Address, &Address),
        (made, expires): (UnixMs, UnixMs),
    ) -> Parcel {
        Parcel {
            id,
            transaction: id,
            organisation: organisation.clone(),
            carries,
            sender: sender.clone(),
            recipient: recipient.clone(),
            made,
            expires,
            openings: 0,
            opened: None,
            wrong: 0,
            locked_until: None,
            told: false,
            key_by: KeyBy::default(),
            looked: true,
            stopped: None,
            danger: false,
            tries: 0,
            over: None,
        }
    }
}

/// What opens a parcel, beside its link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyBy {
    /// A code that its sender tells the recipient.
    #[default]
    Sender,
    /// A code that a program of the house sends him.
    Command,
    /// A password that the two had agreed on.
    Password,
}

impl KeyBy {
    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            KeyBy::Sender => "sender",
            KeyBy::Command => "command",
            KeyBy::Password => "password",
        }
    }

    /// From [`KeyBy::word`].
    pub fn from_word(word: &str) -> KeyBy {
        let all = [KeyBy::Command, KeyBy::Password];
        all.into_iter().find(|one| one.word() == word).unwrap_or_default()
    }
}

/// A link by which somebody outside may send files to a reader of ours, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: Id,
    /// Whose mailbox it is.
    pub mailbox: Mailbox,
    /// Its address as people write it: who gets the files.
    pub reader: Address,
    /// Who was invited.
    pub guest: Address,
    /// When.
    pub made: UnixMs,
    /// Until when it holds.
    pub expires: UnixMs,
    /// When it was used.
    pub used: Option<UnixMs>,
}

/// A password that a mailbox of ours agreed on with a recipient; of it nothing is kept but a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// With whom, as it was written.
    pub recipient: String,
    /// The same as a key.
    pub key: String,
    /// When it was set.
    pub made: UnixMs,
}

/// What is in a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// A mail for somebody in the world.
    Mail,
    /// Files for a reader of ours.
    Files,
}

impl Carries {
    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Carries::Mail => "mail",
            Carries::Files => "files",
        }
    }
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
