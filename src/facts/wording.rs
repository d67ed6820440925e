//! What the site's own learning makes of how a mail is worded.

use crate::learn::classifier::Kind;
use serde::{Deserialize, Serialize};

/// Stored with the mail, so that it can be told later why it weighed what it weighed. Older versions said something more, which is passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wording {
    /// What the learners say; above zero: rather spam.
    pub score: f32,
    /// What of that the organisation's own labels add to the site's.
    #[serde(default)]
    pub own: f32,
    /// The points that it is worth beside the rules.
    pub points: f32,
    /// What each place of the mail adds to the score, where that matters.
    #[serde(default)]
    pub places: Vec<(Kind, f32)>,
    /// How much of the ham of this site lies above such a score is known, and less than one in a thousand does.
    pub rare_for_ham: bool,
    /// Spam that the site had learned.
    pub spam: u32,
    /// Ham that it had learned.
    pub ham: u32,
}
