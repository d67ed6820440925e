//! The trace: one row for each transaction, refused ones included, and one for each recipient. What a postmaster greps.
//!
//! Times are kept for the stages of a mail, not for each finding: checks are pure functions without a clock. A slow check shows in
//! `checked_us`; which one it is, a profile of `sluss scan` over the same mail tells.

use crate::{
    base::{clock::UnixMs, ids::Id},
    examine::Mark,
    learn::campaign::CampaignId,
    mail::Organisation,
    wire::tls::Channel,
};
use schemars::JsonSchema;
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
    /// What may be seen of the mail itself.
    pub about: About,
    /// What was decided.
    pub decision: Decision,
    /// What we answered last.
    pub reply: String,
    /// Where the time went.
    pub took: Took,
    /// The recipients, those refused at RCPT included.
    pub recipients: Vec<TraceRecipient>,
}

/// What may be seen of a mail and of who brought it: decoded, personal values masked before anybody stores them. Empty where no mail came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Subject.
    pub subject: String,
    /// Name and address in From.
    pub from: String,
    /// Message-ID, with its brackets.
    pub message_id: String,
    /// The client's name that leads back to its address, where the DNS was asked.
    pub peer_name: String,
    /// The campaign that it is a copy of, where it could be one.
    #[serde(default)]
    pub campaign: Option<CampaignId>,
    /// A stranger's copy that the organisation took for none of a bad campaign: if it turns out to be one, it is called back.
    #[serde(default)]
    pub unsuspected: bool,
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
    #[serde(serialize_with = "crate::base::number::write")]
    pub score: f32,
    /// The plain sentence, or why it was refused before DATA.
    pub reason: String,
    /// The id of the finding that decided, or empty.
    pub decided_by: String,
    /// Findings as JSON: id, category, weight, demand, place, because. Enough to decide anew under another policy.
    pub findings: String,
    /// The policy that decided.
    pub policy: String,
    /// The line of it that the verdict rests on, as [`crate::verdict::Ground`] writes it.
    pub ground: String,
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
            policy: String::new(),
            ground: String::new(),
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

/// Which transactions are looked for; each word narrows. What is looked for in a text is found where a word of the text begins so:
/// "berg@ours" finds anna.berg@ours.example, "erg" does not. Letters are compared without their accents and in lower case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceQuery {
    /// Words, each of them anywhere: addresses, From, subject, Message-ID, replies. Or a transaction's id.
    pub text: Option<String>,
    /// Part of the envelope sender, or of From.
    #[serde(alias = "from")]
    pub sender: Option<String>,
    /// Part of a recipient.
    #[serde(alias = "to")]
    pub recipient: Option<String>,
    /// Words of the subject.
    pub subject: Option<String>,
    /// Part of the Message-ID.
    pub message_id: Option<String>,
    /// The client's address or network.
    pub client: Option<ipnet::IpNet>,
    /// Part of a reply, ours or a next hop's: its queue id, for one.
    pub reply: Option<String>,
    /// A finding that the mail has, or the beginning of one.
    pub finding: Option<String>,
    /// What was done; "none" for those not judged, "released" or "deleted" for what became of one that was held.
    pub action: Option<String>,
    /// What a policy on trial would have done.
    pub would: Option<String>,
    /// "inbound" or "outbound".
    pub direction: Option<String>,
    /// Whose.
    pub organisation: Option<String>,
    /// Whom they speak of. Whoever sees less than an organisation finds nothing by it.
    pub persons: Option<OfPersons>,
    /// Not before.
    pub since: UnixMs,
    /// Before.
    pub until: Option<UnixMs>,
    /// Older than this line: [`TraceLine::number`] of the last one of the page before, or [`TracePage::next`].
    pub before: Option<u64>,
    /// At most this many.
    pub rows: usize,
}

/// Persons, without telling who they are: by marks, where their organisation has its mail marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OfPersons {
    /// Somebody who stands in this mail.
    SameAs(Id),
    /// Somebody with one of these marks ([`crate::store::embedded::Persons`]).
    Marked(Vec<Mark>),
}

/// A page of what was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TracePage {
    /// The lines, newest first.
    pub lines: Vec<TraceLine>,
    /// Where the next page begins ([`TraceQuery::before`]); none: there are no more. A page may be short and have a next one:
    /// looking ends after so many candidates, so that nobody waits.
    pub next: Option<u64>,
}

/// One line of `sluss trace list`. What was in the mail is not in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceLine {
    /// Its place in the order in which transactions ended; 0 where that is not asked for.
    #[serde(default)]
    pub number: u64,
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
    /// Recipients, the first ones of those that the reader may see.
    pub to: String,
    /// Subject, personal values masked.
    #[serde(default)]
    pub subject: String,
    /// Name and address in From, personal values masked.
    #[serde(default)]
    pub header_from: String,
    /// What became of the first of these recipients last.
    #[serde(default)]
    pub status: String,
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrialReason {
    /// The finding's id.
    pub finding: String,
    /// What would have been done.
    pub would: String,
    /// How many mails.
    pub mails: u64,
}

/// A sender and how often it would have been stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrialSender {
    /// Envelope sender.
    pub sender: String,
    /// How many mails.
    pub mails: u64,
}

/// What was decided about a mail and on what findings, to decide anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// Its place in the order of ends.
    pub number: u64,
    /// The transaction.
    pub id: String,
    /// Whose row.
    pub organisation: String,
    /// When MAIL came.
    pub at: UnixMs,
    /// "inbound" or "outbound".
    pub direction: String,
    /// The client's address.
    pub peer: String,
    /// Envelope sender.
    pub sender: String,
    /// Name and address in From, personal values masked.
    pub from: String,
    /// Subject, personal values masked.
    pub subject: String,
    /// The hardest action; empty for a mail that was not judged.
    pub action: String,
    /// Findings as JSON.
    pub findings: String,
    /// Rows about recipients, in the order written.
    pub recipients: Vec<DecidedRecipient>,
}

/// A row about a recipient, as far as deciding anew needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedRecipient {
    /// Whom.
    pub recipient: String,
    /// What was decided, or empty.
    pub action: String,
    /// What became of it.
    pub status: String,
}

/// What happened in a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Statistics {
    /// Mails by hour or day, direction and action, in the order of time. A step in which nothing happened is left out.
    pub steps: Vec<StatisticsCount>,
    /// Categories of the findings that decided, most frequent first.
    pub categories: Vec<NameCount>,
    /// Mails that came inside TLS and in clear, by direction.
    pub tls: Vec<TlsCount>,
    /// How long senders waited between their final dot and our reply.
    pub latency: Vec<LatencyCount>,
    /// Findings, most frequent first.
    pub findings: Vec<NameCount>,
    /// Findings that decided, most frequent first.
    pub decided_by: Vec<NameCount>,
    /// Envelope senders, most frequent first. Of mail that was judged, as are the recipients.
    pub senders: Vec<NameCount>,
    /// Recipients, most frequent first.
    pub recipients: Vec<NameCount>,
}

/// How fine statistics are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// By hour; kept for the last weeks.
    Hour,
    /// By day (UTC); kept for four hundred days.
    Day,
}

/// One count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatisticsCount {
    /// The beginning of the hour or day.
    pub at_ms: u64,
    /// "inbound" or "outbound".
    pub direction: String,
    /// What was done; empty for what was refused before it was judged.
    pub action: String,
    /// How many mails.
    pub mails: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many held ones of this action were let go in this time: false positives.
    pub released: u64,
}

/// A name and how many mails it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NameCount {
    /// An address, a finding, a category.
    pub name: String,
    /// How many mails.
    pub mails: u64,
}

/// Mails inside TLS and in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsCount {
    /// "inbound" or "outbound".
    pub direction: String,
    /// Inside TLS.
    pub with: u64,
    /// In clear.
    pub without: u64,
}

/// Mails that took up to so long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyCount {
    /// Milliseconds; none: longer than all others.
    pub up_to_ms: Option<u64>,
    /// How many, without those of the shorter counts.
    pub mails: u64,
}

/// What became of one recipient in the transaction, or later in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceRecipient {
    /// Whom.
    pub recipient: String,
    /// When.
    pub at: UnixMs,
    /// "delivered", "queued", "held", "refused", "deferred", "unproven" (it waits until a server shows what is asked of it), "bounced", "judge-again"; "released" from the quarantine or "deleted" there, and
    /// "taken-back" when that was undone; "dropped" from the queue by an operator; "trapped": sent to a spam trap, and thrown away.
    pub status: String,
    /// Where it went, or empty.
    pub next_hop: String,
    /// The reply that decided it, ours or the next hop's.
    pub said: String,
    /// Milliseconds since the transaction began.
    pub delay_ms: u64,
    /// What a policy on trial would have done; else empty.
    pub would: String,
    /// What was decided for it; empty where nothing was, or where this row only says what came of it.
    pub action: String,
    /// The TLS session to the next hop: version and cipher; empty in clear, or where none was spoken to.
    pub tls: String,
    /// The channel to the next hop, where one was opened.
    pub channel: Option<Channel>,
    /// The line of a block list that it was refused or held for; none where it was something else.
    pub blocked_by: Option<BlockedBy>,
}

impl TraceRecipient {
    /// The row as the sender's organisation has it, which the recipient's is not: whom others block is their business.
    pub fn to_its_sender(&self) -> TraceRecipient {
        TraceRecipient { blocked_by: None, ..self.clone() }
    }
}

/// A row about a recipient, as far as controls need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Its place in the order in which rows were written.
    pub row: i64,
    /// When.
    pub at: UnixMs,
    /// Whose.
    pub organisation: String,
    /// The transaction.
    pub mail: String,
    /// Whom.
    pub recipient: String,
    /// What became of it: [`TraceRecipient::status`].
    pub status: String,
    /// The channel to the next hop, where one was opened.
    pub channel: Option<Channel>,
    /// "inbound" or "outbound"; empty where the transaction has no row any more.
    pub direction: String,
    /// Envelope sender.
    pub sender: String,
    /// The findings, as JSON, of a mail with personal data; empty of all others.
    pub personal: String,
}

/// Which kind of block list a sender is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BlockList {
    /// `lists.block` of the whole site.
    #[default]
    Site,
    /// `lists.block` of an organisation.
    Organisation,
    /// A `[[hash-list]]` of senders.
    File,
    /// A mailbox's own.
    Own,
}

/// A line of a block list, and who put it there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BlockedBy {
    /// Which kind of list.
    pub list: BlockList,
    /// Whose, or which: an organisation, a hash list, a mailbox; empty for the site's.
    pub name: String,
    /// What stands there: an address, a domain, ".domain" or a network.
    pub entry: String,
    /// The line of the file it was compiled from; 0 for the other kinds.
    pub line: u64,
    /// Who put it there; empty where that is not known.
    pub by: String,
    /// When; 0 where that is not known.
    pub since_ms: u64,
    /// The file and line, or the version, that it stands in now; empty where that is not known.
    pub place: String,
    /// It has been taken out since.
    pub gone: bool,
}
