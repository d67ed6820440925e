//! Reports of others as they are kept and shown: who sent in a domain's name, who complained, what was not delivered, and how TLS went.

use crate::{base::clock::UnixMs, mail::Organisation};
use schemars::JsonSchema;
use serde::Serialize;

/// Which rows to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportFilter {
    /// Of this domain.
    pub domain: Option<String>,
    /// Of this organisation.
    pub organisation: Option<Organisation>,
    /// Of sources: only those some of whose mail passed neither DKIM nor SPF. Of TLS: only where sessions failed.
    pub only_failing: bool,
    /// About what was since then.
    pub since: UnixMs,
    /// At most this many.
    pub rows: usize,
    /// Not the first ones: those of earlier pages.
    pub skip: usize,
}

/// What receivers saw of one of our domains, all sources together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DomainLine {
    /// Whose the domain is.
    #[schemars(with = "String")]
    pub organisation: Organisation,
    /// The domain whose policy was found.
    pub domain: String,
    /// The policy that the newest report says was published: "none", "quarantine", "reject".
    pub policy: String,
    /// Mails.
    pub mails: u64,
    /// Of these, those that passed DMARC.
    pub passed: u64,
    /// Treated with suspicion.
    pub quarantined: u64,
    /// Refused.
    pub rejected: u64,
    /// Hosts that sent.
    pub sources: u64,
    /// How many receivers reported it.
    pub reporters: u64,
}

/// What receivers saw of one source that sends in a domain's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceLine {
    /// Whose the domain is.
    #[schemars(with = "String")]
    pub organisation: Organisation,
    /// The domain whose policy was found.
    pub domain: String,
    /// The host that sent.
    pub source: String,
    /// The domain in From.
    pub header_from: String,
    /// The domain of the envelope sender.
    pub envelope_from: String,
    /// A domain whose signature passed; empty if none did.
    pub signed_by: String,
    /// Mails.
    pub mails: u64,
    /// Of these, with an aligned DKIM pass.
    pub dkim: u64,
    /// With an aligned SPF pass.
    pub spf: u64,
    /// With either: they passed DMARC.
    pub passed: u64,
    /// Treated with suspicion.
    pub quarantined: u64,
    /// Refused.
    pub rejected: u64,
    /// How many receivers reported it.
    pub reporters: u64,
    /// The end of the last span in which it was seen.
    #[schemars(with = "u64")]
    pub last: UnixMs,
}

/// A complaint, or what a receiver saw fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComplaintLine {
    /// Whose the domain is.
    #[schemars(with = "String")]
    pub organisation: Organisation,
    /// When the report came.
    #[schemars(with = "u64")]
    pub came: UnixMs,
    /// "abuse", "auth-failure", …
    pub kind: String,
    /// The domain that it is about.
    pub domain: String,
    /// The host that sent the mail.
    pub source: String,
    /// The mail's envelope sender.
    pub mail_from: String,
    /// What failed; empty for complaints.
    pub auth_failure: String,
    /// Mails that it stands for.
    pub incidents: u64,
    /// The mail's Message-ID.
    pub original_id: String,
    /// The program that made the report.
    pub reporter: String,
}

/// What became of a mail for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeliveryLine {
    /// Whose the address is that the notice came to.
    #[schemars(with = "String")]
    pub organisation: Organisation,
    /// When the notice came.
    #[schemars(with = "u64")]
    pub came: UnixMs,
    /// "failed", "delayed", …
    pub action: String,
    /// "5.1.1".
    pub status: String,
    /// For whom the mail was.
    pub recipient: String,
    /// What the server at the other end said.
    pub diagnostic: String,
    /// The server that says so.
    pub reporter: String,
    /// The mail's Message-ID.
    pub original_id: String,
}

/// What a sender saw of TLS with the mail hosts of one of our domains in a day, under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TlsLine {
    /// Whose the domain is.
    #[schemars(with = "String")]
    pub organisation: Organisation,
    /// The domain.
    pub domain: String,
    /// Who reports.
    pub reporter: String,
    /// Where he can be asked.
    pub contact: String,
    /// The policy that he found: "tlsa", "sts", "no-policy-found".
    pub policy: String,
    /// The beginning of the span.
    #[schemars(with = "u64")]
    pub begins: UnixMs,
    /// Its end.
    #[schemars(with = "u64")]
    pub ends: UnixMs,
    /// Sessions that were well.
    pub good: u64,
    /// Sessions that failed.
    pub failed: u64,
    /// How, those with most sessions first; at most twenty.
    pub failures: Vec<TlsFailureLine>,
}

/// How sessions failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TlsFailureLine {
    /// "certificate-expired", …
    pub result: String,
    /// The mail host.
    pub host: String,
    /// Who tried; empty if it is not said.
    pub from: String,
    /// The mail host's address; empty if it is not said.
    pub to: String,
    /// How often.
    pub sessions: u64,
    /// What the reporter adds.
    pub reason: String,
}

/// What came of writing reports down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Were new.
    pub new: usize,
    /// Were there already: counted once.
    pub known: usize,
}
