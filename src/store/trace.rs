//! The trace: one row for each transaction, refused ones included, and one for each recipient. What a postmaster greps.
//!
//! Times are kept for the stages of a mail, not for each finding: checks are pure functions without a clock. A slow check shows in
//! `checked_us`; which one it is, a profile of `sluss scan` over the same mail tells.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::Organisation,
};
use serde::{Deserialize, Serialize};

/// One transaction from MAIL to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceRow {
    /// Its id.
    pub id: Id,
    /// Whose it is.
    pub organisation: Organisation,
    /// When MAIL came.
    pub at: UnixMs,
    /// "inbound" or "outbound".
    pub direction: &'static str,
    /// The listener's name.
    pub listener: String,
    /// The client's address.
    pub peer: String,
    /// What it called itself.
    pub helo: String,
    /// "TLSv1.3 …", or empty.
    pub tls: String,
    /// Envelope sender.
    pub sender: String,
    /// The mail's size; 0 when none came.
    pub bytes: u64,
    /// What was decided.
    pub decision: Decision,
    /// What we answered last.
    pub reply: String,
    /// Where the time went.
    pub took: Took,
    /// The recipients, those refused at RCPT included.
    pub recipients: Vec<TraceRecipient>,
}

/// What was decided about a mail, the hardest of all recipients. The default is that of a mail that was not judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// What was done; empty when it did not come so far.
    pub action: String,
    /// The mode of a policy on trial, "shadow" or "tag"; empty for one that protects.
    pub mode: String,
    /// What a policy on trial would have done; empty for one that protects.
    pub would: String,
    /// The score.
    pub score: f32,
    /// The plain sentence, or why it was refused before DATA.
    pub reason: String,
    /// The id of the finding that decided, or empty.
    pub decided_by: String,
    /// Findings as JSON: id, weight, place, because.
    pub findings: String,
}

impl Default for Decision {
    fn default() -> Decision {
        Decision {
            action: String::new(),
            mode: String::new(),
            would: String::new(),
            score: 0.0,
            reason: String::new(),
            decided_by: String::new(),
            findings: "[]".to_string(),
        }
    }
}

/// Where the time between the final dot and our reply went. What a mail did not come to is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Took {
    /// Microseconds in the line before the examiners.
    pub waited_us: u64,
    /// Microseconds of opening it and looking inside, signatures included.
    pub examined_us: u64,
    /// Microseconds of checks and verdict.
    pub checked_us: u64,
    /// Milliseconds of making it safe here: quarantine, spool.
    pub stored_ms: u64,
    /// Milliseconds at the next hop, in the sender's own transaction.
    pub next_hop_ms: u64,
    /// Milliseconds from the final dot to our reply, all of it.
    pub dot_ms: u64,
}

/// Which transactions `sluss trace list` shows, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceFilter {
    /// Part of the envelope sender.
    pub from: Option<String>,
    /// Part of a recipient.
    pub to: Option<String>,
    /// Not before.
    pub since: UnixMs,
    /// What was done; "none" for those not judged.
    pub action: Option<String>,
    /// What a policy on trial would have done.
    pub would: Option<String>,
    /// Whose.
    pub organisation: Option<String>,
    /// At most this many.
    pub rows: usize,
}

/// One line of `sluss trace list`. What was in the mail is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceLine {
    /// The transaction.
    pub id: String,
    /// When MAIL came.
    pub at_ms: u64,
    /// Whose.
    pub organisation: String,
    /// "inbound" or "outbound".
    pub direction: String,
    /// The client's address.
    pub peer: String,
    /// Envelope sender.
    pub from: String,
    /// Recipients, the first ones.
    pub to: String,
    /// The mail's size.
    pub bytes: u64,
    /// What was done.
    pub action: String,
    /// What a policy on trial would have done.
    pub would: String,
    /// The score.
    pub score: f64,
    /// The finding that decided.
    pub decided_by: String,
    /// What we answered last.
    pub reply: String,
}

/// What policies on trial would have done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialReport {
    /// Mails by what was done and what would have been.
    pub counts: Vec<TrialCount>,
    /// The findings that decided, for mails that would not simply have been delivered, most frequent first.
    pub reasons: Vec<TrialReason>,
    /// Envelope senders of mails that would have been held or refused, most frequent first.
    pub senders: Vec<TrialSender>,
    /// The newest mails that would have been held or refused.
    pub samples: Vec<TraceLine>,
}

/// One group of mails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialCount {
    /// Whose.
    pub organisation: String,
    /// "inbound" or "outbound".
    pub direction: String,
    /// "shadow" or "tag".
    pub mode: String,
    /// What was done.
    pub action: String,
    /// What would have been.
    pub would: String,
    /// How many.
    pub mails: u64,
}

/// A finding and how often it decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialReason {
    /// The finding's id.
    pub finding: String,
    /// What would have been done.
    pub would: String,
    /// How many mails.
    pub mails: u64,
}

/// A sender and how often it would have been stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialSender {
    /// Envelope sender.
    pub sender: String,
    /// How many mails.
    pub mails: u64,
}

/// What became of one recipient in the transaction, or later in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceRecipient {
    /// Whom.
    pub recipient: String,
    /// When.
    pub at: UnixMs,
    /// "delivered", "queued", "held", "refused", "deferred", "bounced", "judge-again".
    pub status: String,
    /// Where it went, or empty.
    pub next_hop: String,
    /// The reply that decided it, ours or the next hop's.
    pub said: String,
    /// Milliseconds since the transaction began.
    pub delay_ms: u64,
    /// What a policy on trial would have done; else empty.
    pub would: String,
}
