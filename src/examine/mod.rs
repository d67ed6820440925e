//! Opens a message all the way down within a budget. Pure CPU: no files, no network, no clock but the budget's.
//!
//! [`Examiner`] is the seam to whoever asks; [`open`] the work; [`view`] what a person is shown of it; `within` what each kind of blob is opened with; `inside` the levels still to be looked at; `reading` what
//! people read;
//! [`Contents`] the answer; [`Signatures`] and [`PersonalData`] what it asks others.

mod accounts;
mod contents;
mod engine;
mod examiner;
mod identifiers;
mod inside;
mod open;
mod reading;
mod reports;
mod signatures;
mod view;
mod within;

pub use contents::{
    Account, Blob, Contents, Encryption, Link, Mark, Oddity, PageFacts, Part, PartDigests,
    PartKind, Personal, Severity, Sign, SignatureHit, Text, TextSource, Unscanned, UnscannedReason,
};
pub use engine::{Compiled, RuleFault, RuleFile, RuleInfo, YaraEngine, compile};
pub use examiner::{Examiner, InProcess};
pub use identifiers::{Identifiers, MarkKey, Reveal};
pub use open::{PersonalData, Tools, Wants, open};
pub use signatures::{BlobFacts, EngineFailure, Match, Signatures};
pub use view::{Body, NotViewed, Overview, PageView, PartBytes, View, ViewAsk, ViewedPart, view};
