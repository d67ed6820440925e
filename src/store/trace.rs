//! The trace: one row for each transaction, refused ones included, and one for each recipient. What a postmaster greps.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::Organisation,
};
use serde::Serialize;

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
    /// What was decided, the hardest of all recipients; empty when it did not come so far.
    pub action: String,
    /// The score.
    pub score: f32,
    /// The plain sentence, or why it was refused before DATA.
    pub reason: String,
    /// What we answered last.
    pub reply: String,
    /// Findings as JSON: id, weight, place, because.
    pub findings: String,
    /// Microseconds of examining and checking.
    pub examined_us: u64,
    /// Milliseconds from the final dot to our reply.
    pub dot_ms: u64,
    /// The recipients, those refused at RCPT included.
    pub recipients: Vec<TraceRecipient>,
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
}
