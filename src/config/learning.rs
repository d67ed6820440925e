//! `[learning]`: addresses by whose mail the classifier learns.

use crate::mail::Address;
use serde::{Deserialize, Serialize};

/// Addresses, in domains of ours, by whose mail the classifier learns. All of it is read here and passed on to nobody. Whose an address is its domain
/// says, and whoever is one of ours may write to any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Learning {
    /// Where people pass on spam that reached them, as an attachment: ["spam@ours.example"]. Default none; a domain whose next hop is
    /// "internal:" has `spam@` in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spam_reports: Vec<Address>,
    /// The same for mail that was taken for spam and is none: ["not-spam@ours.example"]. Default none; a domain whose next hop is "internal:"
    /// has `ham@`, `not-spam@` and `notspam@`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ham_reports: Vec<Address>,
    /// Spam traps: addresses that no person has, and that nobody but who harvests or guesses addresses writes to. One that somebody had must
    /// have refused all mail for a year first. What comes to one is thrown away and teaches spam. At most 10,000. Default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traps: Vec<Address>,
}

impl Learning {
    /// Nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Learning::default()
    }
}
