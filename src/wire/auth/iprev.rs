//! Does the reverse name of a client lead back to it? RFC 8601 section 2.7.3.

use serde::{Deserialize, Serialize};

/// The results that are an answer. That nobody could say (`temperror`) is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Iprev {
    /// A name of the client has its address.
    Pass,
    /// It has names, and none of them has its address.
    Fail,
    /// It has no name.
    PermError,
}

impl Iprev {
    /// As `Authentication-Results` have it.
    pub const fn word(self) -> &'static str {
        match self {
            Iprev::Pass => "pass",
            Iprev::Fail => "fail",
            Iprev::PermError => "permerror",
        }
    }
}
