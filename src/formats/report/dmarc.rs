//! DMARC aggregate reports, RFC 7489 appendix C and RFC 9990: what a receiver saw of a domain's mail, by source.
//!
//! Both forms have the same elements where we look, so they are read alike, in any namespace. A report has no business with a document
//! type: one that brings its own is not read at all. Rows that say the same of the same source are one row.

use super::{domain, short, word};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit},
        encodings, xml,
    },
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

/// One report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Who reports, as he calls himself.
    pub reporter: String,
    /// The address he can be asked at.
    pub contact: String,
    /// His name for this report.
    pub report_id: String,
    /// The first second of the span, since 1970.
    pub begins: u64,
    /// The last.
    pub ends: u64,
    /// The domain whose policy was found.
    pub domain: String,
    /// What the policy asks for: "none", "quarantine", "reject"; empty if it is not said.
    pub policy: String,
    /// What was seen, by source.
    pub rows: Vec<Row>,
    /// Mails in rows that were not kept: too many rows, or no source that can be read.
    pub mails_left_out: u64,
}

/// What was seen of one source, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Mails.
    pub mails: u64,
    /// What they had in common.
    pub seen: Seen,
}

/// What mails in one row have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seen {
    /// Who brought them.
    pub source: IpAddr,
    /// What the receiver did.
    pub disposition: Disposition,
    /// An aligned DKIM signature passed.
    pub dkim: bool,
    /// SPF passed and was aligned.
    pub spf: bool,
    /// The domain in From; empty if it is none.
    pub header_from: String,
    /// The domain of the envelope sender, or what SPF was asked about; empty if it is not said.
    pub envelope_from: String,
    /// A domain whose signature passed; empty if there is none.
    pub signed_by: String,
    /// Why the receiver did not do as the policy asks: "forwarded", "mailing_list", …; empty if he did.
    pub reason: String,
}

/// What a receiver did with mails.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// It is not said, or in no word that we know.
    #[default]
    Unsaid,
    /// They passed, RFC 9990.
    Pass,
    /// Nothing was done to them.
    None,
    /// They were treated with suspicion.
    Quarantine,
    /// They were refused.
    Reject,
}

impl Disposition {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Disposition::Unsaid => "",
            Disposition::Pass => "pass",
            Disposition::None => "none",
            Disposition::Quarantine => "quarantine",
            Disposition::Reject => "reject",
        }
    }

    fn read(text: &str) -> Disposition {
        let known =
            [Disposition::Pass, Disposition::None, Disposition::Quarantine, Disposition::Reject];
        let word = word(text);
        known.into_iter().find(|one| one.word() == word).unwrap_or_default()
    }
}

/// Why something is no report that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// Its first element is another.
    #[error("there is no feedback element at its beginning")]
    NotFeedback,
    /// It has a document type, which could declare anything.
    #[error("it brings a document type of its own")]
    DocumentType,
    /// Elements inside elements without end.
    #[error("its elements are nested more than {} deep", limits::REPORT_DEPTH_MAX)]
    TooDeep,
    /// It does not say what every report must.
    #[error("it does not say its {0}")]
    Missing(&'static str),
    /// A bound of the examination.
    #[error(transparent)]
    Limit(#[from] Limit),
}

/// Could these bytes be a report? Looks at their beginning alone.
pub fn looks_like(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(START_BYTES)).unwrap_or_default();
    let letters: Vec<u8> = start.iter().copied().filter(|byte| *byte != 0).collect();
    let letters = letters.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&letters);
    let letters = letters.strip_prefix(b"\xff\xfe").unwrap_or(letters);
    let letters = letters.strip_prefix(b"\xfe\xff").unwrap_or(letters);
    let is_markup = letters.trim_ascii_start().starts_with(b"<");
    is_markup
        && memchr::memmem::find_iter(letters, b"feedback").any(|at| {
            let before = at.checked_sub(1).and_then(|before| letters.get(before));
            matches!(before, Some(b'<' | b':'))
        })
}

/// Reads a report, at most `rows_max` rows of it.
pub fn read(bytes: &[u8], rows_max: usize, budget: &Budget) -> Result<Aggregate, NotRead> {
    let whole = bytes.len() <= limits::REPORT_BYTES_MAX;
    let bytes = bytes.get(..bytes.len().min(limits::REPORT_BYTES_MAX)).unwrap_or_default();
    let text = encodings::text(bytes);
    let mut reading = Reading::default();
    for (number, token) in xml::tokens(&text).enumerate() {
        if number.is_multiple_of(TOKENS_BETWEEN_LOOKS) {
            budget.check_time()?;
        }
        reading.take(token)?;
    }
    if !whole && reading.rows.is_empty() {
        let bytes_max = u64::try_from(limits::REPORT_BYTES_MAX).unwrap_or(u64::MAX);
        return Err(Limit::TooLarge { bytes_max }.into());
    }
    reading.finish(rows_max)
}

/// A report that is being read.
#[derive(Default)]
struct Reading<'x> {
    /// The open elements, outermost first.
    path: Vec<&'x str>,
    /// The text of the innermost one.
    text: String,
    begun: bool,
    report: Aggregate,
    /// The record that is open.
    draft: Draft,
    rows: BTreeMap<Seen, u64>,
}

/// One record, as far as it was read.
#[derive(Default)]
struct Draft {
    source: Option<IpAddr>,
    mails: u64,
    disposition: Disposition,
    dkim: bool,
    spf: bool,
    header_from: String,
    envelope_from: String,
    asked_by_spf: String,
    reason: String,
    /// The signature that is open: its domain, and whether it passed.
    signature: (String, bool),
    signed_by: String,
}

impl<'x> Reading<'x> {
    fn take(&mut self, token: xml::Token<'x>) -> Result<(), NotRead> {
        match token {
            xml::Token::Start(tag) => {
                if !self.begun && tag.name != "feedback" {
                    return Err(NotRead::NotFeedback);
                }
                self.begun = true;
                self.text.clear();
                if tag.name == "record" {
                    self.draft = Draft::default();
                }
                if !tag.empty {
                    if self.path.len() >= limits::REPORT_DEPTH_MAX {
                        return Err(NotRead::TooDeep);
                    }
                    self.path.push(tag.name);
                }
            }
            xml::Token::Text(text) => self.add(&xml::plain(
                text.get(..text.floor_char_boundary(RAW_TEXT_BYTES_MAX)).unwrap_or(text),
            )),
            xml::Token::Cdata(text) => self.add(text),
            xml::Token::End(name) => self.close(name),
            xml::Token::Doctype(_) => return Err(NotRead::DocumentType),
            xml::Token::Comment(_) | xml::Token::Instruction(_) => (),
        }
        Ok(())
    }

    fn add(&mut self, text: &str) {
        let room = limits::REPORT_TEXT_BYTES_MAX.saturating_sub(self.text.len());
        self.text.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
    }

    /// An element ends. What was left open in it ends too; an end that belongs to nothing is passed over.
    fn close(&mut self, name: &str) {
        let Some(at) = self.path.iter().rposition(|open| *open == name) else { return };
        self.path.truncate(at + 1);
        let parent = at.checked_sub(1).and_then(|parent| self.path.get(parent)).copied();
        let parent = parent.unwrap_or_default();
        let text = std::mem::take(&mut self.text);
        self.path.pop();
        match (parent, name) {
            ("auth_results", "dkim") => {
                let (domain, passed) = std::mem::take(&mut self.draft.signature);
                if passed && self.draft.signed_by.is_empty() {
                    self.draft.signed_by = domain;
                }
            }
            (_, "record") => self.end_record(),
            ("report_metadata" | "date_range" | "policy_published", _) => {
                self.about_report(parent, name, &text);
            }
            _ => self.about_record(parent, name, &text),
        }
    }

    fn about_report(&mut self, parent: &str, name: &str, text: &str) {
        let report = &mut self.report;
        match (parent, name) {
            ("report_metadata", "org_name") => report.reporter = short(text),
            ("report_metadata", "email") => report.contact = short(text),
            ("report_metadata", "report_id") => report.report_id = short(text),
            ("date_range", "begin") => report.begins = seconds(text),
            ("date_range", "end") => report.ends = seconds(text),
            ("policy_published", "domain") => report.domain = domain(text),
            ("policy_published", "p") => report.policy = word(text),
            _ => (),
        }
    }

    fn about_record(&mut self, parent: &str, name: &str, text: &str) {
        let draft = &mut self.draft;
        match (parent, name) {
            ("row", "source_ip") => {
                let source = text.trim().parse::<IpAddr>().ok();
                draft.source = source.map(|source| source.to_canonical());
            }
            ("row", "count") => {
                let mails = text.trim().parse().unwrap_or(0);
                draft.mails = u64::min(mails, limits::REPORT_MAILS_MAX);
            }
            ("policy_evaluated", "disposition") => draft.disposition = Disposition::read(text),
            ("policy_evaluated", "dkim") => draft.dkim = word(text) == "pass",
            ("policy_evaluated", "spf") => draft.spf = word(text) == "pass",
            ("reason", "type") if draft.reason.is_empty() => draft.reason = word(text),
            ("identifiers", "header_from") => draft.header_from = domain(text),
            ("identifiers", "envelope_from") => draft.envelope_from = domain(text),
            ("dkim", "domain") => draft.signature.0 = domain(text),
            ("dkim", "result") => draft.signature.1 = word(text) == "pass",
            ("spf", "domain") => draft.asked_by_spf = domain(text),
            _ => (),
        }
    }

    fn end_record(&mut self) {
        let draft = std::mem::take(&mut self.draft);
        let Some(source) = draft.source else {
            self.report.mails_left_out = self.report.mails_left_out.saturating_add(draft.mails);
            return;
        };
        let envelope_from = match draft.envelope_from.is_empty() {
            // RFC 7489 appendix C has no envelope_from in many reports; SPF was asked about it all the same.
            true => draft.asked_by_spf,
            false => draft.envelope_from,
        };
        let seen = Seen {
            source,
            disposition: draft.disposition,
            dkim: draft.dkim,
            spf: draft.spf,
            header_from: draft.header_from,
            envelope_from,
            signed_by: draft.signed_by,
            reason: draft.reason,
        };
        if draft.mails > 0 {
            let mails = self.rows.entry(seen).or_default();
            *mails = mails.saturating_add(draft.mails).min(limits::REPORT_MAILS_MAX);
        }
    }

    fn finish(self, rows_max: usize) -> Result<Aggregate, NotRead> {
        let Reading { begun, mut report, rows, .. } = self;
        let missing = [
            (!begun, NotRead::NotFeedback),
            (report.domain.is_empty(), NotRead::Missing("domain")),
            (report.reporter.is_empty(), NotRead::Missing("org_name")),
            (report.report_id.is_empty(), NotRead::Missing("report_id")),
        ];
        if let Some((_, why)) = missing.into_iter().find(|(is_missing, _)| *is_missing) {
            return Err(why);
        }
        let mut rows: Vec<Row> =
            rows.into_iter().map(|(seen, mails)| Row { mails, seen }).collect();
        // Where not all have room, those with most mails say most.
        rows.sort_by_key(|row| std::cmp::Reverse(row.mails));
        let left_out = rows.iter().skip(rows_max).map(|row| row.mails);
        report.mails_left_out = left_out.fold(report.mails_left_out, u64::saturating_add);
        rows.truncate(rows_max);
        report.rows = rows;
        Ok(report)
    }
}

fn seconds(text: &str) -> u64 {
    // Some write a fraction.
    let whole = text.trim().split('.').next().unwrap_or_default();
    whole.parse().unwrap_or(0)
}

/// Where the first element stands, behind a declaration, comments and white space.
const START_BYTES: usize = 4_096;
/// Tokens read between two looks at the time.
const TOKENS_BETWEEN_LOOKS: usize = 4_096;
/// A value in letters written as entities, which are ten times as long, is not longer than this.
const RAW_TEXT_BYTES_MAX: usize = 10 * limits::REPORT_TEXT_BYTES_MAX;

#[cfg(test)]
mod tests;
