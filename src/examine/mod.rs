//! Opens a message all the way down within a budget. Pure CPU: no files, no network, no clock but the budget's.

mod contents;

pub use contents::{
    Contents, Encryption, Link, Oddity, PageFacts, Part, PartKind, Personal, SignatureHit, Text,
    TextSource, Unscanned, UnscannedReason,
};
