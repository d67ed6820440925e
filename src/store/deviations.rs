//! How controls stand, and what broke when: deviations, and the letters that are written about them.
//!
//! A deviation holds names of controls, figures and our own short sentences; nothing of a mail.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Address, Organisation},
    wire::report::deviation::{Measure, Stage},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a control stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It holds.
    Good,
    /// It does not.
    Broken,
    /// It could not be measured; for long, that is as bad as broken.
    #[default]
    Unknown,
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Broken => "broken",
            State::Unknown => "unknown",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> State {
        match word {
            "good" => State::Good,
            "broken" => State::Broken,
            _ => State::Unknown,
        }
    }
}

/// What was measured, in words that need no language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// In figures: "27 h 3 min", "3 of 120"; "?" where it could not be measured.
    pub value: String,
    /// How far it may go.
    pub limit: String,
    /// More, in English; may be empty.
    pub note: String,
}

/// How one control stood when it was looked at last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stands {
    /// Its name.
    pub control: String,
    /// How.
    pub state: State,
    /// Since when it is so.
    pub since: UnixMs,
    /// What was measured.
    pub evidence: Evidence,
    /// When it was looked at last.
    pub looked: UnixMs,
    /// Since when it could not be measured, if it cannot.
    pub unknown_since: Option<UnixMs>,
    /// When it was looked at first.
    pub first: UnixMs,
}

/// A time for which a control was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Its number; 0 while it is not stored.
    pub number: u64,
    /// The control's name.
    pub control: String,
    /// Whose; none: the site's.
    pub organisation: Option<Organisation>,
    /// What the control looks at.
    pub measure: Measure,
    /// Since when.
    pub opened: UnixMs,
    /// What was measured last while it was broken.
    pub evidence: Evidence,
    /// Good since then, and it is waited whether it stays so.
    pub good_since: Option<UnixMs>,
    /// When its owners were told or reminded last.
    pub told: UnixMs,
    /// How often they were reminded.
    pub reminders: u64,
    /// When it was escalated.
    pub escalated: Option<UnixMs>,
    /// When it was over: from then on the control was good.
    pub ended: Option<UnixMs>,
    /// It is over since the control was taken out of the configuration.
    pub withdrawn: bool,
}

/// A letter about a deviation that is to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The id of the mail: known before it is posted, so that it is not posted twice.
    pub id: Id,
    /// Why it is written.
    pub stage: Stage,
    /// Who reads it.
    pub reader: Address,
}

/// What a letter that waits is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A deviation.
    Deviation(Stage, Box<Deviation>),
    /// A month: the moment in which it began.
    Month(UnixMs),
}

/// A letter that waits to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The id of the mail.
    pub id: Id,
    /// Who reads it.
    pub reader: Address,
    /// When it was decided.
    pub at: UnixMs,
    /// What it is about.
    pub about: About,
}

/// What one round changes, all of it in one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// How controls stand now.
    pub stands: Vec<Stands>,
    /// Deviations that are new (their number is 0) or other than before, and letters about each.
    pub deviations: Vec<(Deviation, Vec<Letter>)>,
    /// Controls that are no more.
    pub gone: Vec<String>,
}

/// What is known when a round begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// How controls stood.
    pub stands: Vec<Stands>,
    /// What is open.
    pub open: Vec<Deviation>,
    /// Controls that were broken of late and are good again, once for each time.
    pub lately: Vec<String>,
}

/// A deviation that the audit log has not been told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecorded {
    /// Which.
    pub deviation: Deviation,
    /// It is its end that the log does not know; else its beginning.
    pub end: bool,
}

/// Which deviations are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviationFilter {
    /// Only this organisation's.
    pub organisation: Option<Organisation>,
    /// Only older than this number.
    pub before: Option<u64>,
    /// At most so many.
    pub rows: usize,
}
