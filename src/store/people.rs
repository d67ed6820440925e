//! People as the store knows them: whose mailbox, how they want to be told, whom they allow and block, which link may do what.
//!
//! A token is 128 random bits, bound to one held mail, one mailbox, one reader and one purpose; only its hash is kept.
//! Looking changes nothing; acting spends a token once, and of several people the first one's act counts.

use crate::{
    base::{
        clock::UnixMs,
        hidden::Hidden,
        ids::Id,
        limits,
        local::{TimeOfDay, Zone},
    },
    config::lists::Entry,
    mail::{Address, Organisation},
    wire::report::Language,
};
use serde::{Deserialize, Serialize};

/// One mailbox of ours, or the address of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mailbox {
    /// Whose it is.
    pub organisation: Organisation,
    /// Its address, all lower case.
    pub address: String,
}

impl Mailbox {
    /// The mailbox that mail to this address is for.
    pub fn new(organisation: &Organisation, address: &Address) -> Mailbox {
        Mailbox { organisation: organisation.clone(), address: address.key() }
    }

    /// Its address, as one.
    pub fn to_address(&self) -> Option<Address> {
        Address::parse(&self.address).ok()
    }

    /// What stands behind the last `@`.
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// What somebody has chosen for a mailbox; what is not chosen is as in `[digest]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The language of what we write.
    pub language: Option<Language>,
    /// The time zone of its reader.
    pub zone: Option<Zone>,
    /// When digests come.
    pub times: Option<Vec<TimeOfDay>>,
    /// No digests at all.
    pub no_digests: bool,
}

/// A mailbox as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxLine {
    /// Which.
    pub mailbox: Mailbox,
    /// What was chosen for it.
    pub wanted: Wanted,
    /// Who reads its digests instead of itself: a shared mailbox, a group.
    pub owners: Vec<String>,
    /// When it last had a digest; zero: never.
    pub last_digest: UnixMs,
    /// Senders that it allows and blocks.
    pub entries: u64,
}

/// What a mailbox says of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnWord {
    /// Its spam is forgiven, as long as it authenticates.
    Allow,
    /// What it sends here is held.
    Block,
}

impl OwnWord {
    /// The word in rows and commands.
    pub fn word(self) -> &'static str {
        match self {
            OwnWord::Allow => "allow",
            OwnWord::Block => "block",
        }
    }

    pub(super) fn parse(word: &str) -> Option<OwnWord> {
        match word {
            "allow" => Some(OwnWord::Allow),
            "block" => Some(OwnWord::Block),
            _ => None,
        }
    }
}

/// One sender on a mailbox's own list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnEntry {
    /// An address or a domain; networks are for the organisation's lists.
    pub sender: String,
    /// What is said of it.
    pub word: OwnWord,
    /// Since when.
    pub since: UnixMs,
    /// Who said so.
    pub by: String,
}

impl OwnEntry {
    /// Was it made together with an act on a mail that began then, and that may still be taken back?
    pub fn was_made_with(&self, began: UnixMs) -> bool {
        self.since >= began && self.since.since(began) <= limits::UNDO_TIME_MAX
    }
}

/// The form in which a sender stands on an own list. None: such an entry is not for one mailbox to make.
pub fn own_sender(entry: &Entry) -> Option<String> {
    match entry {
        Entry::Address(address) => Some(address.key()),
        Entry::Domain(domain) => Some(domain.as_str().to_string()),
        Entry::Below(_) | Entry::Network(_) => None,
    }
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Deliver the mail.
    Release,
    /// Look at it. Never spent.
    Show,
    /// Block its sender.
    Block,
    /// Ask staff to look at it.
    Review,
    /// Let staff open it, or not.
    Consent,
    /// Always accept its sender.
    Allow,
    /// Take back what was just done.
    Undo,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Purpose; 7] = [
        Purpose::Release,
        Purpose::Show,
        Purpose::Block,
        Purpose::Review,
        Purpose::Consent,
        Purpose::Allow,
        Purpose::Undo,
    ];

    /// The word in rows.
    pub fn word(self) -> &'static str {
        match self {
            Purpose::Release => "release",
            Purpose::Show => "show",
            Purpose::Block => "block",
            Purpose::Review => "review",
            Purpose::Consent => "consent",
            Purpose::Allow => "allow",
            Purpose::Undo => "undo",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.word() == word)
    }
}

/// A token as it stands in a link: 128 random bits in base64url, 22 letters. Never stored.
pub type Token = Hidden<String>;

/// A link to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mint {
    /// The held mail.
    pub held: Id,
    /// Whose it is.
    pub mailbox: Mailbox,
    /// Who gets the link: the mailbox itself, or one of its owners.
    pub owner: String,
    /// What it may do.
    pub purpose: Purpose,
    /// The number beside the mail in the digest; zero: none.
    pub line: u32,
    /// Until when.
    pub expires: UnixMs,
}

/// What a link stands for, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The held mail.
    pub held: Id,
    /// Whose it is.
    pub mailbox: Mailbox,
    /// Who got the link.
    pub owner: String,
    /// What it may do.
    pub purpose: Purpose,
    /// The number beside the mail in the digest.
    pub line: u32,
    /// Until when it works.
    pub expires: UnixMs,
    /// Its time is over.
    pub expired: bool,
    /// The same was done already, by this link or another to the same mail.
    pub done: Option<Done>,
    /// Too many wrong numbers were pressed: nothing can be done by link any more.
    pub locked: bool,
    /// The number must be asked for: it was opened from several places, or somebody pressed a wrong one.
    pub ask_number: bool,
}

/// Who did what is asked for, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Who: an address.
    pub by: String,
    /// When.
    pub at: UnixMs,
}

/// What came of acting by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// It is this caller's to do now, and nobody else's.
    Now(Peek),
    /// It was done before.
    Already(Peek),
    /// The link's time is over, or it only shows.
    Expired,
    /// Wrong numbers were pressed too often.
    Locked,
    /// The number that was pressed is not the one beside the mail; so many tries are left.
    WrongNumber {
        /// Before the item is locked.
        left: u32,
    },
    /// There is no such link.
    Unknown,
}

/// What came of asking for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeAsked {
    /// Here it is, for a mail to the mailbox and for nobody's eyes else.
    Code(Hidden<String>),
    /// The mailbox or the network has asked too often.
    TooMany {
        /// When it may ask again.
        next: UnixMs,
    },
}

/// What came of trying a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeTried {
    /// It is right, and spent: this is the session.
    Welcome(Hidden<String>),
    /// It is not, or there is none, or it is too late.
    Wrong,
}

/// Where a question between staff and a mailbox's owner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Nobody has answered.
    Open,
    /// Yes.
    Yes,
    /// No.
    No,
}

impl Answer {
    /// The word in rows.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Open => "open",
            Answer::Yes => "yes",
            Answer::No => "no",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Answer> {
        [Answer::Open, Answer::Yes, Answer::No].into_iter().find(|answer| answer.word() == word)
    }
}

/// Staff asks to open a held mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Its number.
    pub id: i64,
    /// The held mail.
    pub held: Id,
    /// Whose it is.
    pub mailbox: Mailbox,
    /// Which account asks.
    pub asked_by: String,
    /// Why.
    pub why: String,
    /// When.
    pub asked: UnixMs,
    /// What the owner said.
    pub answer: Answer,
    /// Who answered; empty while nobody has.
    pub answered_by: String,
    /// When; zero while nobody has.
    pub answered: UnixMs,
    /// Until when a yes holds; zero before.
    pub expires: UnixMs,
}

impl Consent {
    /// Was it given, and may the mail be opened by it now?
    pub fn holds(&self, now: UnixMs) -> bool {
        self.answer == Answer::Yes && self.expires > now
    }
}

/// Somebody asks staff to look at a held mail and let it go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// The held mail.
    pub held: Id,
    /// Whose it is.
    pub mailbox: Mailbox,
    /// Who asks.
    pub asked_by: String,
    /// What they say about it.
    pub note: String,
    /// When.
    pub asked: UnixMs,
    /// What staff said.
    pub answer: Answer,
    /// Who of the staff; empty while nobody has.
    pub answered_by: String,
    /// When; zero while nobody has.
    pub answered: UnixMs,
}

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Those behind this number; zero: from the beginning.
    pub after: i64,
    /// At most this many.
    pub rows: usize,
}

/// A digest that is about to be sent: which mail stands beside which number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestSent {
    /// Whose mail it tells of.
    pub mailbox: Mailbox,
    /// Who reads it.
    pub reader: String,
    /// Until when an answer counts.
    pub expires: UnixMs,
    /// How many questions stand in it: they have the numbers that follow those of the mails.
    pub questions: u32,
    /// The held mails, numbered from 1.
    pub rows: Vec<Id>,
}

/// Up to what the reader of a mailbox was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// What was held until then.
    pub held: UnixMs,
    /// What was asked until then.
    pub asked: UnixMs,
}

/// A digest that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestFound {
    /// Whose mail it told of.
    pub mailbox: Mailbox,
    /// Who read it.
    pub reader: String,
    /// How many other numbers stand beside questions.
    pub questions: u32,
    /// The held mails, by their number.
    pub rows: Vec<(u32, Id)>,
}
