//! `[[dns-list]]`: block and allow lists that are asked by the DNS, RFC 5782.

use crate::{
    base::{limits, units},
    config::policy::Category,
    mail::Domain,
};
use serde::{Deserialize, Serialize};
use std::{fmt, net::Ipv4Addr, time::Duration};

/// One list. Without this section nobody is asked. What is asked about goes to whoever runs the list, and most of them want a contract
/// from sites with much mail: read their terms first, and ask through a name server of your own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", try_from = "Written")]
pub struct DnsListConfig {
    /// Its name in findings, logs and `sluss status`: letters, digits, hyphens and underscores.
    pub name: String,
    /// The zone under which the names that are asked for stand: "bl.example".
    pub zone: Domain,
    /// What is asked about, one or several of: "client" (the address of the host that brought the mail), "client-name" (its reverse name,
    /// if that leads back), "helo", "sender" and "from" (the domains of HELO, of the envelope sender and of From), "signer" (the domain of a
    /// DKIM signature that passed), "link" and "link-address" (hosts of links, by name and by address), "link-hash", "address-hash" and
    /// "attachment-hash". An allow list may be asked only about what cannot be forged: "client", "client-name" and "signer".
    pub asks: Vec<Ask>,
    /// "block" (default) or "allow".
    pub means: Means,
    /// "registered" (default): of a domain only what somebody registered, "example.co.uk" of "www.example.co.uk"; or "whole".
    pub names: Depth,
    /// How hashes are made: "sha256-base32" (default), "sha1-hex", "sha1-base32" or "md5-hex".
    /// Of a link the address without scheme and fragment, its host in lower case; of a mail address all of it in lower case;
    /// of an attachment its bytes.
    pub hash: HashForm,
    /// A name in the zone that is always listed, by which the list is tried, if not as RFC 5782 section 5 says (2.0.0.127, TEST).
    /// Hash lists have none unless one is written here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_entry: Option<Domain>,
    /// What answers mean. Without codes every answer in 127.0.0.0/8 is a listing; with them one that fits none of them is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    /// "spam" (default), "phish" or "virus": what a listing is. A listing on an allow list is trust.
    pub category: Category,
    /// What a listing weighs, above 0 to 8. Default 3, and 2 on an allow list, where it speaks for the mail.
    /// However many things of a mail a list lists, the heaviest counts, once for each kind.
    #[serde(serialize_with = "crate::base::number::write")]
    pub weight: f32,
    /// Longest wait for an answer, to "8 s". Default "3 s". What is late is `dns_list.unknown`.
    #[serde(with = "span")]
    pub timeout: Duration,
    /// Refuse listed clients at RCPT. Default false: they only weigh. Never while a policy is in shadow or tag mode, never for
    /// postmaster and abuse, and never whom an allow list knows, one of these or one of `[lists]`.
    pub refuse: bool,
}

/// What a list is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// The address of the host that brought the mail.
    Client,
    /// Its reverse name, if that leads back.
    ClientName,
    /// The domain it named in HELO.
    Helo,
    /// The domain of the envelope sender.
    Sender,
    /// The domain of From.
    From,
    /// The domain of a signature that passed.
    Signer,
    /// The hosts of links, by name.
    Link,
    /// The hosts of links that are addresses.
    LinkAddress,
    /// Hashes of links.
    LinkHash,
    /// Hashes of the envelope sender and of the addresses in From, Reply-To and mailto links.
    AddressHash,
    /// Hashes of attachments.
    AttachmentHash,
}

impl Means {
    pub(super) fn is_block(&self) -> bool {
        *self == Means::Block
    }
}

impl Ask {
    /// Could whoever wrote the mail have written this as he liked?
    fn is_proven(self) -> bool {
        match self {
            Ask::Client | Ask::ClientName | Ask::Signer => true,
            Ask::Helo
            | Ask::Sender
            | Ask::From
            | Ask::Link
            | Ask::LinkAddress
            | Ask::LinkHash
            | Ask::AddressHash
            | Ask::AttachmentHash => false,
        }
    }

    /// What kind of question it is.
    pub fn form(self) -> Form {
        match self {
            Ask::Client | Ask::LinkAddress => Form::Address,
            Ask::ClientName | Ask::Helo | Ask::Sender | Ask::From | Ask::Signer | Ask::Link => {
                Form::Domain
            }
            Ask::LinkHash | Ask::AddressHash | Ask::AttachmentHash => Form::Hash,
        }
    }
}

/// What the names of a zone are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Addresses, backwards.
    Address,
    /// Domains.
    Domain,
    /// Hashes.
    Hash,
}

/// Does a listing speak against a mail or for it?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// Against.
    #[default]
    Block,
    /// For.
    Allow,
}

/// How much of a domain is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// What somebody registered.
    #[default]
    Registered,
    /// All of it.
    Whole,
}

/// How a hash is made and written. There is no SHA-256 in hex: its 64 digits are no label (RFC 1035 section 2.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HashForm {
    /// SHA-256 in base32 without padding.
    #[default]
    #[serde(rename = "sha256-base32")]
    Sha256Base32,
    /// SHA-1 in hex.
    #[serde(rename = "sha1-hex")]
    Sha1Hex,
    /// SHA-1 in base32.
    #[serde(rename = "sha1-base32")]
    Sha1Base32,
    /// MD5 in hex.
    #[serde(rename = "md5-hex")]
    Md5Hex,
}

/// What one answer means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "WrittenCode")]
pub struct Code {
    /// The answers it stands for.
    #[serde(flatten)]
    pub answers: Answers,
    /// What the list calls it, for findings and the log.
    pub name: String,
    /// What such a listing is, if not what the list's `category` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What it weighs, if not the list's `weight`; 0: it is recorded only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub weight: Option<f32>,
    /// Whether it refuses, if not as the list's `refuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<bool>,
    /// It is no listing but the list's way to say that it does not answer us: the list is put aside. Default false.
    /// So are, always, 127.0.0.1, 127.255.255.0/24 and all that is not in 127.0.0.0/8.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
}

/// The answers a code stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// "127.0.0.2", "127.0.0.4-7", "127.0.*.3".
    #[serde(rename = "answer")]
    Like(Pattern),
    /// Any of these bits in the last three numbers: 8 is in 127.0.0.8, 127.0.0.10 and 127.0.1.9, not in 127.0.0.2.
    Bits(u32),
}

impl Answers {
    /// Is this one of them?
    pub fn hold(&self, answer: Ipv4Addr) -> bool {
        match self {
            Answers::Like(pattern) => pattern.fits(answer),
            Answers::Bits(bits) => answer.to_bits() & 0x00ff_ffff & bits != 0,
        }
    }
}

/// Four numbers, each one, from one to another, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern([(u8, u8); 4]);

impl Pattern {
    fn fits(&self, answer: Ipv4Addr) -> bool {
        let pairs = self.0.iter().zip(answer.octets());
        pairs.into_iter().all(|((low, high), number)| (*low..=*high).contains(&number))
    }
}

/// Why a text is no pattern of answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no answer: write \"127.0.0.2\", \"127.0.0.4-7\" or \"127.0.*.3\"")]
pub struct NotAnAnswer(String);

impl TryFrom<String> for Pattern {
    type Error = NotAnAnswer;

    fn try_from(text: String) -> Result<Pattern, NotAnAnswer> {
        let read = || {
            let mut numbers = text.split('.').map(range);
            let mut next = || numbers.next().flatten();
            let pattern = [next()?, next()?, next()?, next()?];
            let only = numbers.next().is_none() && pattern.first() == Some(&(127, 127));
            only.then_some(Pattern(pattern))
        };
        read().ok_or_else(|| NotAnAnswer(text.clone()))
    }
}

fn range(text: &str) -> Option<(u8, u8)> {
    if text == "*" {
        return Some((u8::MIN, u8::MAX));
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            match range {
                (u8::MIN, u8::MAX) => write!(f, "{dot}*")?,
                (low, high) if low == high => write!(f, "{dot}{low}")?,
                (low, high) => write!(f, "{dot}{low}-{high}")?,
            }
        }
        Ok(())
    }
}

/// A code as it is written, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenCode {
    answer: Option<Pattern>,
    bits: Option<u32>,
    name: String,
    category: Option<Category>,
    weight: Option<f32>,
    refuse: Option<bool>,
    #[serde(default)]
    aside: bool,
}

impl TryFrom<WrittenCode> for Code {
    type Error = NotADnsList;

    fn try_from(written: WrittenCode) -> Result<Code, NotADnsList> {
        let WrittenCode { answer, bits, name, category, weight, refuse, aside } = written;
        let answers = match (answer, bits) {
            (Some(pattern), None) => Answers::Like(pattern),
            (None, Some(bits)) if (1..1 << 24).contains(&bits) => Answers::Bits(bits),
            (Some(_), Some(_)) | (None, Some(_) | None) => return Err(NotADnsList::Code { name }),
        };
        let fits = weight.is_none_or(|weight| (0.0..=WEIGHT_MAX).contains(&weight));
        if let Some(weight) = weight.filter(|_| !fits) {
            return Err(NotADnsList::CodeWeight { name, weight });
        }
        match category.filter(|category| !is_against(*category)) {
            Some(category) => Err(NotADnsList::Category { name, category }),
            None => Ok(Code { answers, name, category, weight, refuse, aside }),
        }
    }
}

/// As it is written, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: String,
    zone: Domain,
    asks: Vec<Ask>,
    #[serde(default)]
    means: Means,
    #[serde(default)]
    names: Depth,
    #[serde(default)]
    hash: HashForm,
    test_entry: Option<Domain>,
    #[serde(default)]
    codes: Vec<Code>,
    category: Option<Category>,
    weight: Option<f32>,
    #[serde(default = "default_timeout", with = "span")]
    timeout: Duration,
    #[serde(default)]
    refuse: bool,
}

/// Why a section makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotADnsList {
    /// What it is called.
    #[error("the DNS list's name {0:?} is not 1 to 40 letters, digits, hyphens and underscores")]
    Name(String),
    /// Nothing, or too much at once.
    #[error(
        "DNS list {name}: asks must name what is asked about, as in asks = [\"client\"]; addresses, domains and hashes are never in one zone"
    )]
    Asks {
        /// Of which list.
        name: String,
    },
    /// What anybody can write would open the door.
    #[error(
        "DNS list {name}: an allow list may be asked about \"client\", \"client-name\" and \"signer\" only: the rest anybody may write"
    )]
    Forgeable {
        /// Of which list.
        name: String,
    },
    /// What is not known before the dot.
    #[error(
        "DNS list {name}: only a block list that is asked about \"client\" can refuse; remove refuse, or ask about \"client\""
    )]
    Refuses {
        /// Of which list.
        name: String,
    },
    /// A listing cannot be this.
    #[error("{name}: a listing can be \"virus\", \"phish\" or \"spam\", not \"{}\"", category.word())]
    Category {
        /// Of which list or code.
        name: String,
        /// What it was to be.
        category: Category,
    },
    /// Out of bounds.
    #[error("DNS list {name}: the weight {weight} is not above 0 and at most 8")]
    Weight {
        /// Of which list.
        name: String,
        /// What was written.
        weight: f32,
    },
    /// Out of bounds.
    #[error("code {name:?}: the weight {weight} is not from 0 to 8")]
    CodeWeight {
        /// Of which code.
        name: String,
        /// What was written.
        weight: f32,
    },
    /// Neither, or both.
    #[error(
        "code {name:?}: write either answer = \"127.0.0.2\" or bits = 8, a number from 1 to 16777215"
    )]
    Code {
        /// Of which code.
        name: String,
    },
    /// A reply to RCPT or to the dot waits for it.
    #[error("DNS list {name}: a wait of more than 8 s holds up the sender: write \"3 s\"")]
    Timeout {
        /// Of which list.
        name: String,
    },
}

const WEIGHT_MAX: f32 = 8.0;

impl TryFrom<Written> for DnsListConfig {
    type Error = NotADnsList;

    fn try_from(written: Written) -> Result<DnsListConfig, NotADnsList> {
        let Written { name, zone, mut asks, means, names, hash, test_entry, .. } = written;
        let Written { codes, category, weight, timeout, refuse, .. } = written;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=40).contains(&name.len()) || !name.bytes().all(fits) {
            return Err(NotADnsList::Name(name));
        }
        asks.sort();
        asks.dedup();
        let form = asks.first().map(|ask| ask.form());
        if form.is_none() || asks.iter().any(|ask| Some(ask.form()) != form) {
            return Err(NotADnsList::Asks { name });
        }
        if means == Means::Allow && !asks.iter().all(|ask| ask.is_proven()) {
            return Err(NotADnsList::Forgeable { name });
        }
        let refuses = refuse || codes.iter().any(|code| code.refuse == Some(true));
        if refuses && (means == Means::Allow || !asks.contains(&Ask::Client)) {
            return Err(NotADnsList::Refuses { name });
        }
        let category = match (means, category) {
            (Means::Allow, None | Some(Category::Trust)) => Category::Trust,
            (Means::Block, Some(category)) if is_against(category) => category,
            (Means::Block, None) if asks.contains(&Ask::AttachmentHash) => Category::Virus,
            (Means::Block, None) => Category::Spam,
            (_, Some(category)) => return Err(NotADnsList::Category { name, category }),
        };
        let weight = weight.unwrap_or(match means {
            Means::Block => 3.0,
            Means::Allow => 2.0,
        });
        if !(weight > 0.0 && weight <= WEIGHT_MAX) {
            return Err(NotADnsList::Weight { name, weight });
        }
        if timeout > limits::DNS_LISTS_TIME_MAX {
            return Err(NotADnsList::Timeout { name });
        }
        let list = DnsListConfig {
            name,
            zone,
            asks,
            means,
            names,
            hash,
            test_entry,
            codes,
            category,
            weight,
            timeout,
            refuse,
        };
        Ok(list)
    }
}

fn is_against(category: Category) -> bool {
    matches!(category, Category::Virus | Category::Phish | Category::Spam)
}

impl DnsListConfig {
    /// Is it asked about this?
    pub fn is_asked_about(&self, ask: Ask) -> bool {
        self.asks.contains(&ask)
    }

    /// What its zone is made of.
    pub fn form(&self) -> Form {
        // There is at least one, and all are alike.
        self.asks.first().map_or(Form::Address, |ask| ask.form())
    }

    /// Does any answer of it refuse at RCPT?
    pub fn may_refuse(&self) -> bool {
        self.refuse || self.codes.iter().any(|code| code.refuse == Some(true))
    }
}

fn default_timeout() -> Duration {
    limits::DNS_LIST_TIMEOUT_DEFAULT
}

mod span {
    use super::{Duration, units};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&units::show_span(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let span = units::parse_span(&String::deserialize(from)?).map_err(D::Error::custom)?;
        match span.is_zero() {
            true => Err(D::Error::custom("a wait of no time gets no answer: write \"3 s\"")),
            false => Ok(span),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<DnsListConfig, String> {
        let text = format!("name = \"bl\"\nzone = \"bl.example\"\n{more}");
        toml::from_str(&text).map_err(|error: toml::de::Error| error.message().to_string())
    }

    #[test]
    fn sections() {
        let list = read("asks = [\"client\"]").unwrap();
        assert_eq!((list.means, list.category, list.weight), (Means::Block, Category::Spam, 3.0));
        assert_eq!((list.timeout, list.may_refuse()), (Duration::from_secs(3), false));
        let list = read("asks = [\"signer\", \"client-name\"]\nmeans = \"allow\"").unwrap();
        assert_eq!((list.category, list.weight), (Category::Trust, 2.0));
        let list = read("asks = [\"attachment-hash\"]\nhash = \"md5-hex\"").unwrap();
        assert_eq!((list.category, list.form()), (Category::Virus, Form::Hash));
        for (more, want) in [
            ("asks = []", "asks must name"),
            ("asks = [\"client\", \"from\"]", "never in one zone"),
            ("asks = [\"everything\"]", "unknown variant"),
            ("asks = [\"from\"]\nmeans = \"allow\"", "the rest anybody may write"),
            ("asks = [\"from\"]\nrefuse = true", "remove refuse"),
            ("asks = [\"client\"]\nmeans = \"allow\"\nrefuse = true", "remove refuse"),
            ("asks = [\"client\"]\nweight = 0", "the weight 0 is not above 0"),
            ("asks = [\"client\"]\nweight = 9", "at most 8"),
            ("asks = [\"client\"]\ncategory = \"trust\"", "not \"trust\""),
            ("asks = [\"client\"]\ntimeout = \"9 s\"", "more than 8 s"),
            ("asks = [\"client\"]\ntimeout = \"0 s\"", "no time"),
            ("asks = [\"link-hash\"]\nhash = \"sha256-hex\"", "unknown variant"),
            ("asks = [\"client\"]\ncodes = [{ name = \"x\" }]", "either answer"),
            (
                "asks = [\"client\"]\ncodes = [{ name = \"x\", answer = \"127.0.0.2\", bits = 8 }]",
                "either answer",
            ),
            (
                "asks = [\"client\"]\ncodes = [{ name = \"x\", answer = \"192.0.2.1\" }]",
                "is no answer",
            ),
            (
                "asks = [\"client\"]\ncodes = [{ name = \"x\", bits = 8, weight = -1 }]",
                "not from 0 to 8",
            ),
            ("asks = [\"client\"]\nzones = 1", "unknown field"),
        ] {
            let error = read(more).unwrap_err();
            assert!(error.contains(want), "{more}: {error}");
        }
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        let list = read(
            "asks = [\"client\"]\nrefuse = true\ntimeout = \"2 seconds\"\n\
             codes = [{ answer = \"127.0.0.4-7\", name = \"a\", weight = 4.0, refuse = false }, { bits = 8, name = \"b\", category = \"phish\" }]",
        )
        .unwrap();
        let allows = read("asks = [\"signer\"]\nmeans = \"allow\"").unwrap();
        for list in [list, allows] {
            let text = toml::to_string(&list).unwrap();
            assert_eq!(toml::from_str::<DnsListConfig>(&text).unwrap(), list, "{text}");
        }
    }

    #[test]
    fn answers() {
        let like = |text: &str| Pattern::try_from(text.to_string()).map(Answers::Like);
        for (answers, fits, fits_not) in [
            (like("127.0.0.2").unwrap(), &["127.0.0.2"][..], &["127.0.0.3", "127.0.1.2"][..]),
            (like("127.0.0.4-7").unwrap(), &["127.0.0.4", "127.0.0.7"], &["127.0.0.8"]),
            (like("127.0.*.3").unwrap(), &["127.0.255.3", "127.0.0.3"], &["127.0.9.2"]),
            (Answers::Bits(8), &["127.0.0.8", "127.0.0.10"], &["127.0.0.2", "127.0.1.0"]),
            (Answers::Bits(6), &["127.0.0.2", "127.0.0.4"], &["127.0.0.8"]),
        ] {
            for (list, want) in [(fits, true), (fits_not, false)] {
                for answer in list {
                    assert_eq!(answers.hold(answer.parse().unwrap()), want, "{answers:?} {answer}");
                }
            }
        }
        for wrong in
            ["127.0.0", "127.0.0.2.3", "127.0.0.9-2", "10.0.0.1", "127.0.0.256", "*.0.0.2", ""]
        {
            assert!(like(wrong).is_err(), "{wrong}");
        }
        let text = "127.0.*.4-7";
        assert_eq!(Pattern::try_from(text.to_string()).unwrap().to_string(), text);
    }
}
