//! What DKIM says of a mail, RFC 6376: a result for each signature, in the words of RFC 8601.

use serde::{Deserialize, Serialize};

/// What comparing a signature gave, RFC 8601 section 2.7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dkim {
    /// It fits.
    Pass,
    /// It does not.
    Fail,
    /// It fits, and we do not accept such a one: it leaves out too much, or its key is too short.
    Policy,
    /// It could not be understood.
    Neutral,
    /// Nobody knows at the moment.
    TempError,
    /// The key cannot be had or understood.
    PermError,
}

impl Dkim {
    /// The word of RFC 8601 section 2.7.1.
    pub fn word(self) -> &'static str {
        match self {
            Dkim::Pass => "pass",
            Dkim::Fail => "fail",
            Dkim::Policy => "policy",
            Dkim::Neutral => "neutral",
            Dkim::TempError => "temperror",
            Dkim::PermError => "permerror",
        }
    }
}

/// One signature, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The result.
    pub result: Dkim,
    /// Who signed, lower case; empty if it could not be read.
    pub domain: String,
    /// Which of his keys.
    pub selector: String,
    /// Why, for an admin.
    pub because: String,
}

/// The words for all of them: the best result counts, since any valid signature speaks for its signer.
pub fn best(signatures: &[Signature]) -> &'static str {
    let order =
        [Dkim::Pass, Dkim::TempError, Dkim::Policy, Dkim::Fail, Dkim::PermError, Dkim::Neutral];
    let has = |wanted: &Dkim| signatures.iter().any(|one| one.result == *wanted);
    order.iter().find(|wanted| has(wanted)).map_or("none", |best| best.word())
}
