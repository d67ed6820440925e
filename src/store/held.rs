//! A held mail as the quarantine knows it: what may be seen without opening it.

use crate::{
    base::{clock::UnixMs, ids::Id},
    checks,
    config::{
        lists::Entry,
        policy::{Action, Category},
    },
    learn::likeness::Likeness,
    mail::{Address, Direction, Envelope, Organisation, Peer, ReversePath},
    store::{people::own_sender, scope::Scope},
    wire::tls::Asks,
};
use serde::{Deserialize, Serialize};
use std::fmt;

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
    #[serde(serialize_with = "crate::base::number::write")]
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
    #[serde(deserialize_with = "checks::read_sealed")]
    pub findings: serde_json::Value,
    /// Its attachments, the first of them; names masked.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// Message-ID without its brackets; empty if there is none.
    #[serde(default)]
    pub message_id: String,
    /// The address in From, apart from the name that stands before it, masked.
    #[serde(default)]
    pub from_address: String,
    /// The domain in From for which DMARC passed; absent: nobody has proved to be the sender.
    #[serde(default)]
    pub authenticated: Option<String>,
    /// What it is alike: mails with the same value are one row on a page.
    #[serde(default)]
    pub likeness: Likeness,
    /// The line of the policy that decided, with the policy's name.
    #[serde(default)]
    pub policy: String,
    /// BLAKE3 of the content, hex; empty until it is held.
    #[serde(default)]
    pub content_hash: String,
    /// BLAKE3 of the code that the sender of a refused mail was told; empty for what was not refused.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code_hash: String,
    /// What was done last with it, by whom and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
    /// What somebody said that it is, without moving it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<Learned>,
    /// What it asks of the channel that it leaves by.
    #[serde(default)]
    pub asks: Asks,
    /// What the world said of it, for judging it again. It is sealed with the content and stands in no index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Box<Asked>>,
}

impl Held {
    /// Is it in what somebody may see: by its recipient, and when it went out, by whoever of ours sent it?
    pub fn is_within(&self, scope: &Scope) -> bool {
        let sent_by = match self.direction {
            Direction::Inbound => None,
            Direction::Outbound => self.sender.address(),
        };
        scope.covers(&self.organisation, &self.recipient)
            || sent_by.is_some_and(|sender| scope.covers_sent(&self.organisation, sender))
    }

    /// Whose mail it is: whom it is for, or who of ours wrote it.
    pub fn owner(&self) -> Option<&Address> {
        match self.direction {
            Direction::Inbound => Some(&self.recipient),
            Direction::Outbound => self.sender.address(),
        }
    }

    /// Whom a word about its sender is about: who is shown in From, true or not, since that is whom its reader saw. To be held nobody needs to
    /// prove anything; to be allowed he does, each time. Where nobody can be read there, or a part of the address is masked, it is who
    /// stands in the envelope.
    pub fn listed_sender(&self) -> Option<String> {
        let shown = Some(self.from_address.as_str()).filter(|text| !text.contains(MASKED));
        let shown = shown.and_then(|text| Address::parse(text).ok());
        let shown = shown.filter(|address| address.domain().is_some());
        let sender = shown.or_else(|| self.sender.address().cloned())?;
        own_sender(&Entry::Address(sender))
    }

    /// Who wrote it, by which a list tells writers apart: whom a word about its sender would be about, or the envelope sender.
    pub fn writer(&self) -> String {
        self.listed_sender().unwrap_or_else(|| self.sender.to_string().to_lowercase())
    }

    /// Is it a copy of what was refused when it came?
    pub fn is_refused(&self) -> bool {
        !self.code_hash.is_empty() || self.state == HeldState::Rejected
    }

    /// How a code is kept: whoever reads the index cannot ask in a sender's name. Case, spaces and hyphens make no difference.
    pub fn hash_of_code(code: &str) -> String {
        let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        blake3::derive_key(CODE_CONTEXT, letters.to_lowercase().as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

const CODE_CONTEXT: &str = "sluss 2026 code of a refused mail";

/// An attachment as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name, decoded and masked.
    pub name: String,
    /// What it is by its bytes, whatever its name says.
    pub kind: String,
    /// Decoded size.
    pub bytes: u64,
    /// SHA-256 of its bytes, hex; empty for what was held before it was taken of every attachment.
    #[serde(default)]
    pub sha256: String,
    /// BLAKE3 of its bytes, hex.
    pub blake3: String,
}

/// Who brought a mail, and what was found out by asking others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Who brought it.
    pub peer: Peer,
    /// The facts, as they were stored; a later version may not read all of them.
    pub facts: serde_json::Value,
}

/// Something that somebody did with a held mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// What.
    pub what: Move,
    /// Who.
    pub by: Releaser,
    /// When.
    pub at: UnixMs,
    /// Where the mail stood before: an undo leads back there.
    pub from: HeldState,
    /// The mail whose release took this one along, a duplicate of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub along_with: Option<Id>,
}

/// What somebody said that a held mail is, for whatever learns from it. The mail stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// What it is.
    pub opinion: Opinion,
    /// Who said so.
    pub by: Releaser,
    /// When.
    pub at: UnixMs,
    /// What was said before: taking this back leads there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<Learned>>,
}

/// Who acts on a held mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum Releaser {
    /// The operator, by command.
    Command,
    /// The owner of the mailbox that it is for, on a page.
    Owner(Address),
    /// Staff, by the name of the account.
    Staff(String),
    /// The owner of the mailbox, by an answer to a digest.
    Reply(Address),
    /// The gateway by itself: a duplicate of what somebody has dealt with.
    Gateway,
}

impl Releaser {
    /// The kind in databases.
    pub fn word(&self) -> &'static str {
        match self {
            Releaser::Command => "command",
            Releaser::Owner(_) => "owner",
            Releaser::Staff(_) => "staff",
            Releaser::Reply(_) => "reply",
            Releaser::Gateway => "gateway",
        }
    }

    /// Has it a page before it, on which a button takes back what was done?
    pub fn may_undo(&self) -> bool {
        match self {
            Releaser::Owner(_) | Releaser::Staff(_) => true,
            Releaser::Command | Releaser::Reply(_) | Releaser::Gateway => false,
        }
    }
}

/// Who it was, for people.
impl fmt::Display for Releaser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Releaser::Command => f.write_str("the operator"),
            Releaser::Owner(address) | Releaser::Reply(address) => write!(f, "{address}"),
            Releaser::Staff(name) => f.write_str(name),
            Releaser::Gateway => f.write_str("the gateway"),
        }
    }
}

/// Where a held mail stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldState {
    /// Waiting for somebody.
    Held,
    /// Refused when it came; a copy is kept for some days, in case somebody wants it.
    Rejected,
    /// Delivered after all.
    Released,
    /// Looked at, and off the list: a duplicate of what was dealt with, or of no interest.
    Seen,
    /// Deleted; its key is destroyed as soon as nobody can take that back any more.
    Deleted,
    /// It waits in the portal for its recipient; see [`crate::store::portal`].
    Portal,
    /// Files that somebody left in the portal for a reader of ours. No mail: see [`crate::pipeline::left`].
    Files,
}

/// What can be done with a held mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Move {
    /// Deliver it.
    Release,
    /// Take it off the list.
    Dismiss,
    /// Delete it.
    Delete,
    /// Take back what was done last.
    Undo,
}

impl Move {
    /// All of them.
    pub const ALL: [Move; 4] = [Move::Release, Move::Dismiss, Move::Delete, Move::Undo];

    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Move::Release => "release",
            Move::Dismiss => "dismiss",
            Move::Delete => "delete",
            Move::Undo => "undo",
        }
    }
}

impl HeldState {
    /// All of them.
    pub const ALL: [HeldState; 7] = [
        HeldState::Held,
        HeldState::Rejected,
        HeldState::Released,
        HeldState::Seen,
        HeldState::Deleted,
        HeldState::Portal,
        HeldState::Files,
    ];

    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            HeldState::Held => "held",
            HeldState::Rejected => "rejected",
            HeldState::Released => "released",
            HeldState::Seen => "seen",
            HeldState::Deleted => "deleted",
            HeldState::Portal => "portal",
            HeldState::Files => "files",
        }
    }

    /// May somebody still want it?
    pub fn waits(self) -> bool {
        match self {
            HeldState::Held | HeldState::Rejected => true,
            HeldState::Released
            | HeldState::Seen
            | HeldState::Deleted
            | HeldState::Portal
            | HeldState::Files => false,
        }
    }

    /// From [`HeldState::word`].
    pub fn from_word(word: &str) -> Option<HeldState> {
        HeldState::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Where a move leads from here, if it may be made; `before` is where the mail stood before the last act.
    ///
    /// What is released is on its way or gone, so only an undo changes that; what is deleted comes back by an undo alone.
    pub fn after(self, made: Move, before: Option<HeldState>) -> Option<HeldState> {
        match (self, made) {
            (
                HeldState::Held | HeldState::Rejected | HeldState::Seen | HeldState::Portal,
                Move::Release,
            ) => Some(HeldState::Released),
            (HeldState::Held | HeldState::Rejected, Move::Dismiss) => Some(HeldState::Seen),
            (
                HeldState::Held
                | HeldState::Rejected
                | HeldState::Seen
                | HeldState::Portal
                | HeldState::Files,
                Move::Delete,
            ) => Some(HeldState::Deleted),
            (HeldState::Released | HeldState::Seen | HeldState::Deleted, Move::Undo) => before,
            (HeldState::Released | HeldState::Seen | HeldState::Deleted, _)
            | (HeldState::Held | HeldState::Rejected, Move::Undo)
            | (HeldState::Portal | HeldState::Files, Move::Dismiss | Move::Undo)
            | (HeldState::Files, Move::Release) => None,
        }
    }
}

/// What to list. Every given field narrows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeldFilter {
    /// Only what belongs to the organisation of this name.
    pub organisation: Option<String>,
    /// Words that all stand in subject, sender, recipient or attachment names; each may be the beginning of one.
    pub text: Option<String>,
    /// Part of the envelope sender or From, any case.
    pub sender: Option<String>,
    /// Part of the recipient, any case.
    pub recipient: Option<String>,
    /// Part of the subject, any case.
    pub subject: Option<String>,
    /// Part of an attachment's name, any case.
    pub attachment: Option<String>,
    /// A category among its categories.
    pub category: Option<String>,
    /// The id of a finding, or its beginning up to a dot.
    pub finding: Option<String>,
    /// "inbound" or "outbound".
    pub direction: Option<String>,
    /// Where they stand; none given: those that wait.
    pub states: Vec<HeldState>,
    /// Held at or after.
    pub since: Option<UnixMs>,
    /// Held before.
    pub until: Option<UnixMs>,
    /// Only those of this group.
    pub likeness: Option<Likeness>,
    /// Go on after the row with this cursor.
    pub cursor: Option<Cursor>,
    /// At most this many.
    pub rows: usize,
    /// In which order.
    pub order: Order,
}

impl HeldFilter {
    /// Everything that waits, newest first.
    pub fn first(rows: usize) -> HeldFilter {
        HeldFilter { rows, ..HeldFilter::default() }
    }

    /// The states looked for.
    pub fn in_states(&self) -> &[HeldState] {
        match self.states.as_slice() {
            [] => &[HeldState::Held],
            some => some,
        }
    }
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub i64);

/// In which order a list comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// What was held last comes first.
    #[default]
    Newest,
    /// What was held first comes first.
    Oldest,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The mails.
    pub held: Vec<Held>,
    /// Where the next page begins; absent: this was the last.
    pub next: Option<Cursor>,
}

/// How many there are, as far as they were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// As many were counted.
    pub counted: u64,
    /// There are more.
    pub more: bool,
}

/// "17", or "more than 1000".
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.more {
            true => write!(f, "more than {}", self.counted),
            false => write!(f, "{}", self.counted),
        }
    }
}

/// What stands for each letter of a personal value.
const MASKED: char = '*';

/// Mails that are alike, as one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// What they have in common; zero for one mail that is alike nothing.
    pub likeness: Likeness,
    /// How many; more, where some are older than what was looked at.
    pub mails: Count,
    /// The bytes of those.
    pub bytes: u64,
    /// Different writers among them, as [`Held::writer`] names them.
    pub senders: u64,
    /// Different recipients among them.
    pub recipients: u64,
    /// The newest of them.
    pub newest: Box<Held>,
}

/// A page of groups, that with the newest mail first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    /// The groups.
    pub clusters: Vec<Cluster>,
    /// Where the next page begins; absent: this was the last.
    pub next: Option<Cursor>,
}

/// What a move gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Moved {
    /// It was made; the mail as it stands now.
    Now(Box<Held>),
    /// It may not be made from where the mail stands: somebody was there before, see its `act`.
    No(Box<Held>),
    /// There is no such mail.
    Missing,
}

/// What somebody thought of a mail, for whatever learns from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The held mail.
    pub id: Id,
    /// Whose.
    pub organisation: Organisation,
    /// For whom.
    pub recipient: Address,
    /// What it is.
    pub opinion: Opinion,
    /// What kind of person said so: [`Releaser::word`].
    pub by: String,
    /// When.
    pub at: UnixMs,
    /// What it is alike.
    pub likeness: Likeness,
    /// BLAKE3 of the content, hex.
    pub content_hash: String,
}

/// Wanted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opinion {
    /// Wanted.
    Ham,
    /// Unwanted.
    Spam,
}

impl Opinion {
    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Opinion::Ham => "ham",
            Opinion::Spam => "spam",
        }
    }

    /// From [`Opinion::word`].
    pub fn from_word(word: &str) -> Option<Opinion> {
        [Opinion::Ham, Opinion::Spam].into_iter().find(|opinion| opinion.word() == word)
    }

    /// The word for people.
    pub fn said(self) -> &'static str {
        match self {
            Opinion::Ham => "wanted",
            Opinion::Spam => "spam",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_every_move() {
        use HeldState::{Deleted, Files, Held, Portal, Rejected, Released, Seen};
        let table = [
            // From, then where release, dismiss, delete and undo lead.
            (Held, [Some(Released), Some(Seen), Some(Deleted), None]),
            (Rejected, [Some(Released), Some(Seen), Some(Deleted), None]),
            (Released, [None, None, None, Some(Held)]),
            (Seen, [Some(Released), None, Some(Deleted), Some(Held)]),
            (Deleted, [None, None, None, Some(Held)]),
            (Portal, [Some(Released), None, Some(Deleted), None]),
            (Files, [None, None, Some(Deleted), None]),
        ];
        assert_eq!(table.len(), HeldState::ALL.len());
        for (from, wants) in table {
            for (made, want) in Move::ALL.into_iter().zip(wants) {
                assert_eq!(from.after(made, Some(Held)), want, "{from:?} {made:?}");
            }
            assert_eq!(from.after(Move::Undo, None), None, "nothing was done with it: {from:?}");
        }
        for state in HeldState::ALL {
            assert_eq!(HeldState::from_word(state.word()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
    }
}
