//! What the site's own learning makes of how a mail is worded.

use serde::{Deserialize, Serialize};

/// Stored with the mail, so that it can be told later why it weighed what it weighed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// What the learners say; above zero: rather spam.
    pub score: f32,
    /// The points that it is worth beside the rules.
    pub points: f32,
    /// What speaks loudest.
    pub by: By,
    /// How much of the ham of this site lies above such a score is known, and less than one in a thousand does.
    pub rare_for_ham: bool,
    /// Spam that the site had learned.
    pub spam: u32,
    /// Ham that it had learned.
    pub ham: u32,
}

/// Which part of a mail says most of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Its text.
    Text,
    /// The way it came and how its program wrote it.
    Header,
    /// Both.
    Both,
}
