//! What an examination gives: everything the checks may know about the inside of a mail. Plain values, storable.

pub use crate::formats::{html::PageFacts, kind::PartKind};
use crate::{
    base::{hidden::Hidden, limits},
    formats::report::Report,
    personal::accounts::AccountKind,
};
use serde::{Deserialize, Serialize};

/// Everything that was found inside one message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// Every MIME leaf, nested message and archive member, in the order met. The first is the message itself when it has no parts.
    pub parts: Vec<Part>,
    /// What a person reads: plain parts as they are, pages as a browser would show them.
    pub texts: Vec<Text>,
    /// Every link in texts and pages.
    pub links: Vec<Link>,
    /// What the pages do besides showing text, all pages of the mail together.
    pub page: PageFacts,
    /// What the signatures recognised.
    pub signatures: Vec<SignatureHit>,
    /// Personal data, by kind and part, masked.
    pub personal: Vec<Personal>,
    /// Different persons over all parts, of those that are sure enough, and rows of registers.
    #[serde(default)]
    pub persons: u32,
    /// What could not be looked into, and why. Never empty in silence: a limit that was reached stands here.
    pub unscanned: Vec<Unscanned>,
    /// Malformed or ambiguous MIME.
    pub oddities: Vec<Oddity>,
    /// What attachments, pages and texts give away by their form.
    pub signs: Vec<Sign>,
    /// Reports of others about mail: DMARC, complaints, delivery notices.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// The Message-IDs of mails that this one encloses or quotes with their header, without brackets.
    #[serde(default)]
    pub returned_ids: Vec<String>,
    /// Is the content encrypted end to end?
    pub encryption: Encryption,
    /// Bytes unpacked in all.
    pub unpacked_bytes: u64,
    /// Accounts that money is paid to, in what a reader sees, each once; never stored.
    #[serde(skip)]
    pub accounts: Vec<Account>,
    /// What only our views found, for another scanner, where one is asked; never stored.
    #[serde(skip)]
    pub blobs: Vec<Blob>,
}

impl Contents {
    /// Is it no more than an examination gives? What comes from another process is not believed before that is looked at.
    pub fn is_within_bounds(&self) -> bool {
        let texts: usize = self.texts.iter().map(|text| text.shown.len() + text.hidden.len()).sum();
        let parts_max = limits::PARTS_MAX + limits::UNSCANNED_MAX;
        let report_rows_max = limits::REPORT_ROWS_MAX_PER_MAIL
            + limits::REPORTS_PER_MAIL_MAX * limits::REPORT_RECIPIENTS_MAX;
        self.parts.len() <= parts_max
            && texts <= 2 * limits::TEXT_BYTES_MAX
            && self.links.len() <= limits::LINKS_MAX
            && self.signatures.len() <= limits::SIGNATURE_HITS_MAX
            && self.personal.len() <= limits::PERSONAL_LINES_MAX
            && self.unscanned.len() <= limits::UNSCANNED_MAX + 1
            && self.oddities.len() <= limits::ODDITIES_MAX
            && self.signs.len() <= limits::ODDITIES_MAX
            && self.reports.len() <= limits::REPORTS_PER_MAIL_MAX
            && self.reports.iter().map(Report::rows).sum::<usize>() <= report_rows_max
            && self.returned_ids.len() <= limits::RETURNED_IDS_MAX
    }
}

/// One thing inside the mail that has bytes of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its place in the MIME tree: "1", "2.1"; members of an archive have the archive's.
    pub id: String,
    /// File names from the attachment inward, joined with `/`: `invoice.zip/invoice.com`. Empty for a body.
    pub path: String,
    /// The type the mail claims, lower case, without parameters; empty for archive members.
    pub declared: String,
    /// What it is, by its bytes.
    pub kind: PartKind,
    /// The name a recipient would see, if any: decoded, not otherwise changed.
    pub name: Option<String>,
    /// Meant to be saved (Content-Disposition: attachment, or an archive member), not shown in the text.
    pub attachment: bool,
    /// Decoded size.
    pub bytes: u64,
    /// BLAKE3 of the decoded bytes, hex.
    pub hash: String,
    /// What lists of known files go by, where there are any.
    #[serde(default)]
    pub digests: Option<PartDigests>,
    /// All of it was given to the signatures.
    pub scanned: bool,
    /// It is an archive or document that needs a password.
    pub encrypted: bool,
}

/// Digests of a part's decoded bytes, hex; empty where nobody asked for one. Of what is attached there is always the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartDigests {
    /// SHA-256.
    pub sha256: String,
    /// SHA-1, which some lists still have.
    pub sha1: String,
    /// MD5, which many lists still have.
    pub md5: String,
}

/// Bytes that another scanner would not come to by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The part.
    pub part: String,
    /// Its path.
    pub path: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A text a person reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The part it is from.
    pub part: String,
    /// What it was written as.
    pub source: TextSource,
    /// The text, decoded; of a page what a browser shows.
    pub shown: String,
    /// What stands in a page but is not shown to the reader (zero size, same colour, display: none). Empty for plain text.
    pub hidden: String,
}

/// What a text was written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextSource {
    /// text/plain and its like.
    Plain,
    /// text/html.
    Html,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The part it is in.
    pub part: String,
    /// The target as written, entities decoded, trimmed.
    pub target: String,
    /// The host in the target, lower case A-labels or an address; empty if there is none (mailto:, data:, cid:).
    pub host: String,
    /// The scheme, lower case: "https", "mailto", "data", "javascript".
    pub scheme: String,
    /// The text a reader clicks on; empty for links in plain text and for images.
    pub shown: String,
    /// It is the source of a picture or the like, fetched without a click.
    pub fetched: bool,
}

/// A signature recognised something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureHit {
    /// The rule's name, lower case: `eicar_test_file`.
    pub rule: String,
    /// What the rule says it is: the `severity` of its metadata.
    pub severity: Severity,
    /// The `description` of its metadata.
    pub about: String,
    /// The part it was found in; empty for the message as it came.
    pub part: String,
    /// The part's path.
    pub path: String,
}

/// How much a signature means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Speaks against the mail.
    Suspicious,
    /// Malware for certain.
    Malware,
}

/// A kind of personal data in one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// `se.personnummer`.
    pub kind: String,
    /// How many times; of a register its rows.
    pub count: u32,
    /// How many different ones: persons.
    pub persons: u32,
    /// "low", "medium" or "high".
    pub confidence: String,
    /// The part.
    pub part: String,
    /// How many of the times in text that the mail quotes, which has been sent before.
    #[serde(default)]
    pub quoted: u32,
    /// The values with what identifies taken out, at most ten.
    pub masked: Vec<String>,
    /// The values themselves, only when asked for (`scan --reveal`); never stored.
    #[serde(skip)]
    pub values: Vec<String>,
    /// What tells the same value again without being it; none where nobody asks. Never stored with the mail.
    #[serde(skip)]
    pub marks: Vec<Mark>,
}

/// A keyed hash of a value.
pub type Mark = [u8; 16];

/// An account that money is paid to. No personal data: it is compared with those the same sender wrote before, and shown by its end only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// How it is written.
    pub kind: AccountKind,
    /// The one way to write it.
    pub value: Hidden<String>,
    /// The part it was first seen in.
    pub part: String,
}

/// Something that was not looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unscanned {
    /// The part; empty for the whole message.
    pub part: String,
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: UnscannedReason,
    /// The particulars for the admin: numbers, the reader's error.
    pub because: String,
}

/// Why something was not looked into. Each has its finding id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnscannedReason {
    /// Nested deeper than we go.
    TooDeep,
    /// More parts or members than we open.
    TooMany,
    /// Unpacks to more than we take.
    TooLarge,
    /// Unpacks to implausibly much for its size.
    RatioTooHigh,
    /// The time for this mail was used up.
    OutOfTime,
    /// Needs a password.
    Encrypted,
    /// Broken, so that our reader stopped.
    Damaged,
    /// A kind we recognise and cannot open.
    Unsupported,
    /// A scanner failed; trying again may help.
    Engine,
    /// Examiners died of it, one after the other.
    Crashed,
}

impl UnscannedReason {
    /// The finding's id.
    pub fn finding_id(self) -> &'static str {
        match self {
            UnscannedReason::TooDeep => "limit.too_deep",
            UnscannedReason::TooMany => "limit.too_many",
            UnscannedReason::TooLarge => "limit.too_large",
            UnscannedReason::RatioTooHigh => "limit.ratio",
            UnscannedReason::OutOfTime => "limit.time",
            UnscannedReason::Encrypted => "archive.encrypted",
            UnscannedReason::Damaged => "archive.damaged",
            UnscannedReason::Unsupported => "archive.unsupported",
            UnscannedReason::Engine => "scanner.timed_out",
            UnscannedReason::Crashed => "scanner.crashed",
        }
    }
}

/// Malformed or ambiguous MIME: readers differ about what the mail contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddity {
    /// Stable, dotted: the finding's id, such as `mime.boundary_missing`.
    pub id: String,
    /// Where and what.
    pub because: String,
}

/// Something that the form of a part gives away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    /// Stable, dotted: the finding's id, such as `office.auto_run`.
    pub id: String,
    /// Where and what.
    pub because: String,
    /// The part.
    pub part: String,
    /// Its path.
    pub path: String,
}

/// End-to-end encryption of the content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Readable by us.
    #[default]
    None,
    /// S/MIME enveloped data.
    Smime,
    /// OpenPGP.
    Openpgp,
    /// Some parts are encrypted, some not.
    Partial,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_neither_written_nor_shown() {
        let value = Hidden::new("se.bankgiro", "50501055".to_string());
        let account = Account { kind: AccountKind::SeBankgiro, value, part: "1".to_string() };
        let contents = Contents { accounts: vec![account], ..Contents::default() };
        let written = serde_json::to_string(&contents).unwrap();
        assert!(!format!("{contents:?}{written}").contains("5050"));
    }
}
