//! How often the same mail came of late, and what was said of its copies.

use crate::learn::campaign::{CampaignId, standing::Bad};
use serde::{Deserialize, Serialize};

/// Stored with the mail. Counts of the whole site; whose mail the copies were is in none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Which.
    pub id: CampaignId,
    /// Neither its recipients nor their organisations have had to do with who sends this one.
    pub stranger: bool,
    /// Copies that strangers sent before it, since counting began: at most a day ago.
    pub mails: u32,
    /// Strangers who sent them, as far as they are told apart.
    pub sources: u32,
    /// Networks that they came from.
    pub networks: u32,
    /// Their recipients.
    pub recipients: u32,
    /// Why the campaign is bad for all the organisations that this mail is for; none: it is not.
    pub bad: Option<Bad>,
}
