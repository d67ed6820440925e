//! The audit log's records: who did what, to what, when and why. Each is chained to the one before it by BLAKE3.
//!
//! The chain is over bytes, so that a stranger can verify it without us. A line of the log is one JSON object whose last two members are
//! `prev` and `hash`. Take the line without its line end and without `,"hash":"…"` (the closing brace stays): BLAKE3 of these bytes is
//! `hash`, and `prev` is the `hash` of the line before, sixty-four zeros in the first. For one line, in a shell:
//! `sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n' | b3sum`.
//!
//! A chain shows only that its lines belong together. That they are those which the gateway wrote, its signatures show: records `checkpoint`
//! and `signing-key`, whose form is in [`crate::store::checkpoint`]. A checkpoint signs the hash of the record before it, and so every
//! byte from the first record on.
//!
//! A record never holds text of a mail, a password or a key; what a person wrote as a reason is masked before it is stored ([`Reason`]).

use crate::{
    base::{clock::UnixMs, limits},
    mail::Organisation,
    personal::{self, Date, Scope, Words},
    wire::date,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Actor {
    /// The gateway by itself: at its start, at its end, on a signal, by its clock.
    System,
    /// Somebody at a command line of this machine.
    CommandLine {
        /// The user of the operating system.
        name: String,
        /// Who became that user by sudo, as sudo says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sudo: Option<String>,
    },
    /// Somebody logged in to the web pages or the API.
    Account {
        /// The account's name.
        name: String,
        /// The role in which it acted.
        role: String,
    },
    /// The owner of a mailbox, on the own page or by a link of the digest.
    Mailbox {
        /// The mailbox.
        name: String,
    },
    /// The owner of a mailbox, by answering the digest.
    ByReply {
        /// The mailbox.
        name: String,
    },
    /// The recipient of a mail in the portal, by its link and its code.
    Portal {
        /// The address.
        name: String,
    },
}

impl Actor {
    /// The name under which a list finds it, lower case.
    pub fn name(&self) -> String {
        match self {
            Actor::System => "system".to_string(),
            Actor::CommandLine { name, .. }
            | Actor::Account { name, .. }
            | Actor::Mailbox { name }
            | Actor::ByReply { name }
            | Actor::Portal { name } => name.to_lowercase(),
        }
    }

    /// Its kind in one stable word.
    pub fn kind(&self) -> &'static str {
        match self {
            Actor::System => "system",
            Actor::CommandLine { .. } => "command-line",
            Actor::Account { .. } => "account",
            Actor::Mailbox { .. } => "mailbox",
            Actor::ByReply { .. } => "by-reply",
            Actor::Portal { .. } => "portal",
        }
    }

    /// With names that are short and steer no terminal, whoever wrote them.
    fn tamed(self) -> Actor {
        let short = |name: String| tame(&name, limits::AUDIT_NAME_CHARS_MAX);
        match self {
            Actor::System => Actor::System,
            Actor::CommandLine { name, sudo } => {
                Actor::CommandLine { name: short(name), sudo: sudo.map(short) }
            }
            Actor::Account { name, role } => {
                Actor::Account { name: short(name), role: short(role) }
            }
            Actor::Mailbox { name } => Actor::Mailbox { name: short(name) },
            Actor::ByReply { name } => Actor::ByReply { name: short(name) },
            Actor::Portal { name } => Actor::Portal { name: short(name) },
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::System => f.write_str("system"),
            Actor::CommandLine { name, sudo: Some(sudo) } => {
                write!(f, "{name} (sudo by {sudo}) at the command line")
            }
            Actor::CommandLine { name, sudo: None } => write!(f, "{name} at the command line"),
            Actor::Account { name, role } => write!(f, "{name} ({role})"),
            Actor::Mailbox { name } => write!(f, "{name}"),
            Actor::ByReply { name } => write!(f, "{name} by reply"),
            Actor::Portal { name } => write!(f, "{name} by the portal"),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The gateway started.
    Started,
    /// The gateway was told to end.
    Stopped,
    /// Somebody logged in to the web pages.
    LoggedIn,
    /// Somebody tried to, and was not let in.
    LogInFailed,
    /// Somebody logged out.
    LoggedOut,
    /// The content of a mail was opened: by consent, by its owner, or by break-glass with a reason.
    ContentOpened,
    /// Mails in which somebody stands were looked for by his number; who that is, is not kept.
    PersonSearched,
    /// A recipient was asked whether the content of a mail may be opened.
    ConsentAsked,
    /// The recipient said yes.
    ConsentGiven,
    /// The recipient said no.
    ConsentRefused,
    /// The recipient took a yes back.
    ConsentWithdrawn,
    /// A held mail was let go.
    Released,
    /// A release was taken back before the mail left.
    ReleaseUndone,
    /// A deleted mail was brought back, before its key was destroyed.
    DeletionUndone,
    /// A mail that was taken off the list was put on it again.
    DismissalUndone,
    /// What was said of a mail last, for whatever learns from it, was taken back.
    LearningUndone,
    /// It was asked to take back what was done last with a mail, and there was nothing, or no such mail.
    Undone,
    /// A recipient or a sender asked for a held mail.
    ReleaseRequested,
    /// Staff said no to such a request.
    ReleaseRefused,
    /// A held mail was destroyed.
    Deleted,
    /// A held mail was taken off the list; it stays until its time is over.
    Dismissed,
    /// A sender was put on an allow list.
    Allowed,
    /// A sender was put on a block list.
    Blocked,
    /// A mail was given to the classifier as an example.
    Learned,
    /// The hook was told of delivered mails of a campaign that turned out bad.
    HookCalled,
    /// Somebody has seen to the delivered mails of such a campaign.
    CampaignSeen,
    /// A policy was changed.
    PolicyChanged,
    /// Another part of the configuration was changed.
    ConfigurationChanged,
    /// Other signatures or phrases were put in force.
    RulesChanged,
    /// A key was used for what is not daily work.
    KeyUsed,
    /// A key signs mail, or waits to, that did not before.
    KeyAdded,
    /// A key was destroyed.
    KeyRemoved,
    /// An organisation's key was replaced.
    KeyRenewed,
    /// Another certificate of ours is in use, got from an authority.
    CertificateRenewed,
    /// The master key was replaced.
    KeyRotated,
    /// The DNS was asked for the records of keys; those found sign from then on.
    KeysChecked,
    /// An account was made.
    AccountAdded,
    /// An account was changed, disabled or enabled.
    AccountChanged,
    /// An account was removed.
    AccountRemoved,
    /// A waiting mail was tried at once, held back, let go on or dropped.
    QueueChanged,
    /// A ban was made or lifted.
    BanChanged,
    /// What limits count was forgotten, or a held account let go.
    LimitChanged,
    /// Somebody was taken out of greylisting, or its memory was cleared.
    GreylistChanged,
    /// What is remembered of correspondents or their bank accounts was forgotten or approved.
    MemoryChanged,
    /// A search was saved under a name, or such a view changed or removed.
    ViewChanged,
    /// The audit log was exported.
    AuditExported,
    /// Another list or table was exported.
    Exported,
    /// What a record before it says was asked for and not done: `details` names that record. Or, with `act`, what was asked for of something
    /// that is not there, or not the asker's.
    NotDone,
    /// The chain before this record does not fit; `details` names the place.
    ChainBrokenFound,
    /// The gateway signed the log as it is up to here ([`crate::store::checkpoint`]).
    Checkpoint,
    /// A key that signs checkpoints from now on, vouched for by the one before it.
    SigningKey,
    /// Proofs of the way of mail were sealed ([`crate::store::proof`]).
    ProofsSealed,
    /// A control of the configuration is broken.
    DeviationOpened,
    /// It is well again, or was taken out of the configuration.
    DeviationHealed,
    /// A mail was put into the portal for its recipient.
    PortalPut,
    /// A mail in the portal cannot be opened any more: its key is destroyed.
    PortalEnded,
}

impl What {
    /// All of them, in the order of their documentation.
    pub const ALL: [What; 56] = [
        What::Started,
        What::Stopped,
        What::LoggedIn,
        What::LogInFailed,
        What::LoggedOut,
        What::ContentOpened,
        What::PersonSearched,
        What::ConsentAsked,
        What::ConsentGiven,
        What::ConsentRefused,
        What::ConsentWithdrawn,
        What::Released,
        What::ReleaseUndone,
        What::DeletionUndone,
        What::DismissalUndone,
        What::LearningUndone,
        What::Undone,
        What::ReleaseRequested,
        What::ReleaseRefused,
        What::Deleted,
        What::Dismissed,
        What::Allowed,
        What::Blocked,
        What::Learned,
        What::HookCalled,
        What::CampaignSeen,
        What::PolicyChanged,
        What::ConfigurationChanged,
        What::RulesChanged,
        What::KeyUsed,
        What::KeyAdded,
        What::KeyRemoved,
        What::KeyRenewed,
        What::CertificateRenewed,
        What::KeyRotated,
        What::KeysChecked,
        What::AccountAdded,
        What::AccountChanged,
        What::AccountRemoved,
        What::QueueChanged,
        What::BanChanged,
        What::LimitChanged,
        What::GreylistChanged,
        What::MemoryChanged,
        What::ViewChanged,
        What::AuditExported,
        What::Exported,
        What::NotDone,
        What::ChainBrokenFound,
        What::Checkpoint,
        What::SigningKey,
        What::ProofsSealed,
        What::DeviationOpened,
        What::DeviationHealed,
        What::PortalPut,
        What::PortalEnded,
    ];

    /// Does the gateway write it by itself, every minute that there is mail? Whoever looks for what people did wants none of these.
    pub fn is_of_the_clock(self) -> bool {
        matches!(self, What::Checkpoint | What::ProofsSealed)
    }

    /// Its stable word, as it stands in the log.
    pub fn word(self) -> &'static str {
        match self {
            What::Started => "started",
            What::Stopped => "stopped",
            What::LoggedIn => "logged-in",
            What::LogInFailed => "log-in-failed",
            What::LoggedOut => "logged-out",
            What::ContentOpened => "content-opened",
            What::PersonSearched => "person-searched",
            What::ConsentAsked => "consent-asked",
            What::ConsentGiven => "consent-given",
            What::ConsentRefused => "consent-refused",
            What::ConsentWithdrawn => "consent-withdrawn",
            What::Released => "released",
            What::ReleaseUndone => "release-undone",
            What::DeletionUndone => "deletion-undone",
            What::DismissalUndone => "dismissal-undone",
            What::LearningUndone => "learning-undone",
            What::Undone => "undone",
            What::ReleaseRequested => "release-requested",
            What::ReleaseRefused => "release-refused",
            What::Deleted => "deleted",
            What::Dismissed => "dismissed",
            What::Allowed => "allowed",
            What::Blocked => "blocked",
            What::Learned => "learned",
            What::HookCalled => "hook-called",
            What::CampaignSeen => "campaign-seen",
            What::PolicyChanged => "policy-changed",
            What::ConfigurationChanged => "configuration-changed",
            What::RulesChanged => "rules-changed",
            What::KeyUsed => "key-used",
            What::KeyAdded => "key-added",
            What::KeyRemoved => "key-removed",
            What::KeyRenewed => "key-renewed",
            What::CertificateRenewed => "certificate-renewed",
            What::KeyRotated => "key-rotated",
            What::KeysChecked => "keys-checked",
            What::AccountAdded => "account-added",
            What::AccountChanged => "account-changed",
            What::AccountRemoved => "account-removed",
            What::QueueChanged => "queue-changed",
            What::BanChanged => "ban-changed",
            What::LimitChanged => "limit-changed",
            What::GreylistChanged => "greylist-changed",
            What::MemoryChanged => "memory-changed",
            What::ViewChanged => "view-changed",
            What::AuditExported => "audit-exported",
            What::Exported => "exported",
            What::NotDone => "not-done",
            What::ChainBrokenFound => "chain-broken-found",
            What::Checkpoint => "checkpoint",
            What::SigningKey => "signing-key",
            What::ProofsSealed => "proofs-sealed",
            What::DeviationOpened => "deviation-opened",
            What::DeviationHealed => "deviation-healed",
            What::PortalPut => "portal-put",
            What::PortalEnded => "portal-ended",
        }
    }
}

impl FromStr for What {
    type Err = String;

    fn from_str(word: &str) -> Result<What, String> {
        What::ALL.into_iter().find(|what| what.word() == word).ok_or_else(|| {
            let words: Vec<&str> = What::ALL.iter().map(|what| what.word()).collect();
            format!("{word:?} is none of {}", words.join(", "))
        })
    }
}

/// Why somebody did it, in their own words, with what identifies persons masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(String);

impl Reason {
    /// Masks, shortens and tames what was written; none when nothing was.
    pub fn of(written: &str, scope: &Scope<'_>) -> Option<Reason> {
        // Shortened after masking: a number cut in two is no longer recognised, and still points at a person.
        let most = written.chars().take(limits::AUDIT_REASON_CHARS_MAX.saturating_mul(4));
        let masked = personal::mask_all(&most.collect::<String>(), scope);
        let text = tame(masked.trim(), limits::AUDIT_REASON_CHARS_MAX);
        (!text.is_empty()).then_some(Reason(text))
    }

    /// The same on a day, with the words that we ship.
    pub fn written(written: &str, now: UnixMs) -> Option<Reason> {
        match Words::shipped() {
            Ok(words) => Reason::of(written, &Scope::new(&words, Date::of(now))),
            // What cannot be masked is not kept; that there was something is.
            Err(_) => (!written.is_empty()).then(|| Reason("(could not be masked)".to_string())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Further facts of an act: few, short, checked by whoever writes them, never text of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Details(BTreeMap<String, serde_json::Value>);

impl Details {
    /// With a number.
    #[must_use]
    pub fn number(self, key: &str, value: u64) -> Details {
        self.put(key, value.into())
    }

    /// With a word or a short sentence.
    #[must_use]
    pub fn word(self, key: &str, value: &str) -> Details {
        self.put(key, tame(value, limits::AUDIT_DETAIL_CHARS_MAX).into())
    }

    /// With a word that may be missing.
    #[must_use]
    pub fn word_if(self, key: &str, value: Option<&str>) -> Details {
        match value {
            Some(value) => self.word(key, value),
            None => self,
        }
    }

    fn put(mut self, key: &str, value: serde_json::Value) -> Details {
        if self.0.len() < limits::AUDIT_DETAILS_MAX {
            self.0.insert(key.to_string(), value);
        }
        self
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One of them.
    pub fn get(&self, key: &str) -> Option<&serde_json::Value> {
        self.0.get(key)
    }
}

/// What is to be recorded; number and time come with the writing.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Who.
    pub who: Actor,
    /// What.
    pub what: What,
    /// Whose thing it is about; none: the site's.
    pub organisation: Option<Organisation>,
    /// The thing: an id, a name.
    pub object: Option<String>,
    /// Why.
    pub reason: Option<Reason>,
    /// From which address it was asked.
    pub client: Option<IpAddr>,
    /// Further facts.
    pub details: Details,
}

impl Entry {
    /// The plain one.
    pub fn new(who: Actor, what: What) -> Entry {
        Entry {
            who: who.tamed(),
            what,
            organisation: None,
            object: None,
            reason: None,
            client: None,
            details: Details::default(),
        }
    }

    /// About this thing.
    #[must_use]
    pub fn about(mut self, object: impl fmt::Display) -> Entry {
        self.object = Some(tame(&object.to_string(), limits::AUDIT_NAME_CHARS_MAX));
        self
    }

    /// Of this organisation.
    #[must_use]
    pub fn of(mut self, organisation: Option<Organisation>) -> Entry {
        // A stored name may be older than the rule for names; a record that cannot be read back is of no use.
        self.organisation = organisation.filter(|it| Organisation::parse(it.name()).is_ok());
        self
    }

    /// For this reason.
    #[must_use]
    pub fn because(mut self, reason: Option<Reason>) -> Entry {
        self.reason = reason;
        self
    }

    /// Asked from this address.
    #[must_use]
    pub fn from(mut self, client: Option<IpAddr>) -> Entry {
        self.client = client.map(|address| address.to_canonical());
        self
    }

    /// With these facts.
    #[must_use]
    pub fn with(mut self, details: Details) -> Entry {
        self.details = details;
        self
    }
}

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1.
    pub number: u64,
    /// When it was written, milliseconds since 1970.
    pub at_ms: UnixMs,
    /// The same for people.
    pub time: String,
    /// Who.
    pub who: Actor,
    /// What.
    pub what: What,
    /// Whose thing it is about; none: the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Organisation>,
    /// The thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// From which address it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// Further facts.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
    /// The hash of the record before.
    pub prev: Hash,
}

/// A link of the chain.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    fn of(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    /// Reads 64 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Hash> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Hash, &'static str> {
        Hash::parse(&text).ok_or("no hash: 64 hexadecimal digits are expected")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}

/// How a line stands in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The record's number.
    pub number: u64,
    /// When it was written.
    pub at: UnixMs,
    /// The hash of the line before, as this one says.
    pub prev: Hash,
    /// This line's own.
    pub hash: Hash,
}

/// How a line does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It is no line that we wrote.
    #[error("this is no record")]
    NoRecord,
    /// Its bytes are not those that were hashed.
    #[error("the record is not what was written: its hash does not fit it")]
    Changed,
    /// It does not follow the one before it.
    #[error("a record is missing, added or moved here: it names another one before it")]
    Unchained,
    /// Its number does not follow.
    #[error("a record is missing, added or moved here: its number does not follow")]
    Number,
}

/// A line with its line end, and its hash, which the next one names.
pub fn write_line(number: u64, at: UnixMs, entry: Entry, prev: Hash) -> (String, Hash) {
    let Entry { who, what, organisation, object, reason, client, details } = entry;
    let time = date::write_iso(at);
    let record = Record {
        number,
        at_ms: at,
        time,
        who,
        what,
        organisation,
        object,
        reason,
        client,
        details,
        prev,
    };
    // Nothing in a record can fail to be written as JSON: strings, numbers, and maps whose keys are strings.
    let body = serde_json::to_string(&record).unwrap_or_default();
    let hash = Hash::of(body.as_bytes());
    let open = body.strip_suffix('}').unwrap_or(&body);
    (format!("{open}{HASH_MEMBER}{hash}\"}}\n"), hash)
}

/// Reads how a line (without its line end) stands in the chain; it is what was hashed, or it is a misfit.
pub fn read_link(line: &[u8]) -> Result<Link, Misfit> {
    #[derive(Deserialize)]
    struct Head {
        number: u64,
        at_ms: UnixMs,
        prev: Hash,
    }
    let (body, hash) = split(line).ok_or(Misfit::NoRecord)?;
    let head: Head = serde_json::from_slice(&body).map_err(|_| Misfit::NoRecord)?;
    match Hash::of(&body) == hash {
        true => Ok(Link { number: head.number, at: head.at_ms, prev: head.prev, hash }),
        false => Err(Misfit::Changed),
    }
}

/// The record in a line (without its line end); none if it is not one that we can read. The hash is not looked at.
pub fn read_record(line: &[u8]) -> Option<Record> {
    let (body, _) = split(line)?;
    serde_json::from_slice(&body).ok()
}

/// The hash that a line claims.
pub fn claimed_hash(line: &[u8]) -> Option<Hash> {
    split(line).map(|(_, hash)| hash)
}

/// What was hashed, and the hash.
fn split(line: &[u8]) -> Option<(Vec<u8>, Hash)> {
    let open = line.len().checked_sub(HASH_MEMBER.len() + HASH_DIGITS + 2)?;
    let (body, member) = line.split_at_checked(open)?;
    let digits = member.strip_prefix(HASH_MEMBER.as_bytes())?.strip_suffix(b"\"}")?;
    let hash = Hash::parse(std::str::from_utf8(digits).ok()?)?;
    Some(([body, b"}"].concat(), hash))
}

/// Which records. All that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// Only what is about this organisation's things; the site's own records are not among them.
    pub scope: Option<Organisation>,
    /// By whom: a user, an account or a mailbox, whole; "system" is the gateway.
    pub who: Option<String>,
    /// Only this.
    pub what: Option<What>,
    /// Not the checkpoints, which on a busy day are more than all else.
    pub without_checkpoints: bool,
    /// About this thing, named whole.
    pub object: Option<String>,
    /// From then on.
    pub since: Option<UnixMs>,
    /// Until then.
    pub until: Option<UnixMs>,
    /// Only older than the record with this number: the last of the page before.
    pub before: Option<u64>,
    /// At most so many.
    pub rows: usize,
}

impl AuditFilter {
    /// Is this one of them? As the index finds them.
    pub fn takes(&self, record: &Record) -> bool {
        self.scope.as_ref().is_none_or(|own| record.organisation.as_ref() == Some(own))
            && self.who.as_ref().is_none_or(|who| record.who.name() == who.to_lowercase())
            && self.what.is_none_or(|what| record.what == what)
            && !(self.without_checkpoints && record.what.is_of_the_clock())
            && self.object.as_ref().is_none_or(|object| record.object.as_ref() == Some(object))
            && self.since.is_none_or(|since| record.at_ms >= since)
            && self.until.is_none_or(|until| record.at_ms <= until)
            && self.before.is_none_or(|before| record.number < before)
    }
}

/// A page of the log, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Numbers of records that belong here and can no longer be read as they were written; `sluss audit verify` names the place.
    pub damaged: Vec<u64>,
}

fn tame(text: &str, chars_max: usize) -> String {
    let plain = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.take(chars_max).collect()
}

const HASH_MEMBER: &str = ",\"hash\":\"";
const HASH_DIGITS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(entry: Entry) -> String {
        write_line(7, UnixMs(1_800_000_000_000), entry, Hash::default()).0
    }

    #[test]
    fn words_are_stable_and_read_back() {
        for what in What::ALL {
            assert_eq!(serde_json::to_value(what).unwrap(), what.word());
            assert_eq!(what.word().parse(), Ok(what));
        }
        assert!("opened".parse::<What>().unwrap_err().contains("content-opened"));
    }

    #[test]
    fn a_line_says_all_of_it_and_reads_back() {
        let anna = Actor::Account { name: "Anna".to_string(), role: "reviewer".to_string() };
        let entry = Entry::new(anna.clone(), What::ContentOpened)
            .about("01K9ZQ4T6X8M4V0R2S5W7Y9ABC")
            .of(Some(Organisation::named("acme")))
            .because(Reason::written("asked by telephone", UnixMs(1_800_000_000_000)))
            .from("::ffff:192.0.2.7".parse().ok())
            .with(Details::default().number("parts", 3).word("way", "break-glass"));
        let line = line(entry);
        assert_eq!(
            line,
            "{\"number\":7,\"at_ms\":1800000000000,\"time\":\"2027-01-15T08:00:00.000Z\",\
             \"who\":{\"kind\":\"account\",\"name\":\"Anna\",\"role\":\"reviewer\"},\"what\":\"content-opened\",\
             \"organisation\":\"acme\",\"object\":\"01K9ZQ4T6X8M4V0R2S5W7Y9ABC\",\"reason\":\"asked by telephone\",\
             \"client\":\"192.0.2.7\",\"details\":{\"parts\":3,\"way\":\"break-glass\"},\
             \"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",\
             \"hash\":\"LAST\"}\n"
                .replace("LAST", &claimed_hash(line.trim_end().as_bytes()).unwrap().to_string())
        );
        let record = read_record(line.trim_end().as_bytes()).unwrap();
        assert_eq!((record.number, record.who, record.what), (7, anna, What::ContentOpened));
        let link = read_link(line.trim_end().as_bytes()).unwrap();
        assert_eq!((link.number, link.at, link.prev), (7, record.at_ms, Hash::default()));
        let body = line.replace(&format!(",\"hash\":\"{}\"", link.hash), "");
        assert_eq!(Hash::of(body.trim_end().as_bytes()), link.hash, "what the first page promises");
    }

    #[test]
    fn a_filter_takes_what_all_of_it_fits() {
        let entry = Entry::new(Actor::System, What::Started)
            .about("mx")
            .of(Some(Organisation::named("acme")));
        let line = line(entry);
        let record = read_record(line.trim_end().as_bytes()).unwrap();
        let all = AuditFilter::default;
        let at = record.at_ms;
        for (filter, want) in [
            (all(), true),
            (AuditFilter { who: Some("System".to_string()), ..all() }, true),
            (AuditFilter { who: Some("syst".to_string()), ..all() }, false),
            (AuditFilter { scope: Some(Organisation::named("berg")), ..all() }, false),
            (
                AuditFilter {
                    object: Some("mx".to_string()),
                    since: Some(at),
                    until: Some(at),
                    ..all()
                },
                true,
            ),
            (AuditFilter { what: Some(What::Stopped), ..all() }, false),
            (AuditFilter { since: Some(UnixMs(at.0 + 1)), ..all() }, false),
            (AuditFilter { before: Some(7), ..all() }, false),
        ] {
            assert_eq!(filter.takes(&record), want, "{filter:?}");
        }
    }

    #[test]
    fn no_changed_byte_goes_unseen() {
        let line = line(Entry::new(Actor::System, What::Started).about("mx.host.example"));
        let line = line.trim_end().as_bytes();
        assert!(read_link(line).is_ok());
        for at in 0..line.len() {
            for change in [1, 0x20, 0x80] {
                let mut changed = line.to_vec();
                changed[at] ^= change;
                assert!(read_link(&changed).is_err(), "byte {at}");
            }
            assert!(read_link(&line[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_people_write_is_masked_and_short() {
        let now = UnixMs(1_800_000_000_000);
        let reason = |text: &str| Reason::written(text, now).map(|reason| reason.0);
        assert_eq!(reason("  "), None);
        assert_eq!(reason("two\nlines").as_deref(), Some("two lines"));
        let masked = reason("she is personnummer 19121212-1212, says the desk").unwrap();
        assert!(!masked.contains("1212-1212") && masked.contains("says the desk"), "{masked}");
        assert_eq!(reason(&"x".repeat(9_000)).unwrap().len(), limits::AUDIT_REASON_CHARS_MAX);
    }

    #[test]
    fn no_record_is_longer_than_a_line_may_be() {
        let long = "\u{10ffff}\"".repeat(10_000);
        let name = || long.clone();
        let mut details = Details::default();
        for nr in 0..100 {
            details = details.word(&format!("fact-{nr}"), &long);
        }
        let actor = Actor::CommandLine { name: name(), sudo: Some(name()) };
        let entry = Entry::new(actor, What::Exported)
            .about(&long)
            .because(Reason::written(&long, UnixMs(0)))
            .with(details);
        assert!(line(entry).len() < limits::AUDIT_LINE_BYTES_MAX);
    }
}
