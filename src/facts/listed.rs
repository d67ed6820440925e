//! What the hash lists hold of a mail: asked by the pipeline, for the lists are in `store`.

use crate::{
    config::{
        dns_list::{Ask, Means},
        policy::Category,
    },
    learn::listed::Kind,
};
use serde::{Deserialize, Serialize};

/// A thing in the mail that is on a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The list's name in the configuration.
    pub list: String,
    /// What kind of thing.
    pub kind: Kind,
    /// Against the mail or for it.
    #[serde(default)]
    pub means: Means,
    /// Of lists of senders: who it is that is listed.
    #[serde(default)]
    pub ask: Option<Ask>,
    /// What a hit on this list is.
    pub category: Category,
    /// What it weighs; without, it demands what policy says of the category.
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub weight: Option<f32>,
    /// What the list calls it.
    pub threat: Option<String>,
    /// The line of the list.
    pub line: u64,
    /// The listed host, the client, or the domain in From; empty for attachments.
    pub host: String,
    /// The part.
    pub part: String,
    /// The path inside archives.
    pub path: String,
}
