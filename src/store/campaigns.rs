//! Campaigns as they are kept: what came to each organisation of them, and what was delivered before they were known to be bad.

use crate::{
    base::{clock::UnixMs, ids::Id},
    learn::campaign::{CampaignId, standing::Bad, window::Kept},
    mail::Organisation,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is written down of campaigns where something was forgotten.
#[derive(Debug, Clone)]
pub struct Rewrite {
    /// Those that changed.
    pub kept: Vec<Kept>,
    /// All that are there.
    pub there: Vec<CampaignId>,
    /// Those that nothing is said of until they are looked at again.
    pub unsaid: Unsaid,
}

/// Of which campaigns it is no longer said that they are bad.
#[derive(Debug, Clone)]
pub enum Unsaid {
    /// Of all.
    All,
    /// Of these, for one organisation or for all.
    Of(Vec<CampaignId>, Option<Organisation>),
}

/// What came of one campaign, as far as whoever asks may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignLine {
    /// Which.
    #[schemars(with = "String")]
    pub id: CampaignId,
    /// When the first came.
    pub first_ms: u64,
    /// When the last did.
    pub last_ms: u64,
    /// Mails, all of them.
    pub copies: u64,
    /// Those let through, with a mark or without.
    pub delivered: u64,
    /// Those held.
    pub held: u64,
    /// Those refused or put off.
    pub refused: u64,
    /// Organisations of the whole site that it came to, at least; never which.
    pub organisations: u32,
    /// Why it is bad; none: it is not.
    #[schemars(with = "Option<String>")]
    pub bad: Option<Bad>,
    /// Mails delivered before it was known to be bad.
    pub recalled: u64,
    /// Of these, what nobody has seen to yet.
    pub open: u64,
}

/// A mail that was delivered before its campaign was known to be bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recalled {
    /// The transaction.
    #[schemars(with = "String")]
    pub mail: Id,
    /// Whose.
    pub organisation: String,
    /// To whom.
    pub recipient: String,
    /// When it was delivered.
    pub delivered_ms: u64,
    /// To which server.
    pub next_hop: String,
    /// Its Message-ID, personal values masked.
    pub message_id: String,
    /// Its subject, personal values masked.
    pub subject: String,
    /// What the hook said: "not called", "called", "exit 0", "exit 3", "timed out" …
    pub hook: String,
    /// Somebody has seen to it.
    pub seen: bool,
}

/// A mail that the hook is to be told of. Of an organisation whose policy is on trial it is not, nor for a spam
/// trap's word: nothing is changed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The mail.
    pub mail: Recalled,
    /// The hook is called for it.
    pub may_call: bool,
}

/// What one look for delivered copies has found in one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Why the campaign is bad.
    pub bad: Bad,
    /// Those that the hook was not called for yet.
    pub found: Vec<Found>,
    /// How many there are that nobody was told of.
    pub untold: u64,
    /// Delivered copies, all that are known.
    pub all: u64,
    /// When the campaign's first copy came.
    pub first: UnixMs,
}

/// What is said of a mail for which the hook was not called.
pub const NOT_CALLED: &str = "not called";
