//! DKIM signatures of our own, RFC 6376 section 5, and ARC seals, RFC 8617 section 5.1.
//!
//! Every field that says who wrote what to whom is signed, and once more than it stands there: none can be added unseen.
//! The signature never has a length (`l=`): nothing can be added below either.

use super::{
    arc::Chain,
    canonical::{self, Form},
    key::Algorithm,
    signed,
};
use crate::{
    base::clock::UnixMs,
    mail::{Domain, Header},
};

/// Signs. Whoever holds the key implements it.
pub trait Signs {
    /// Whose signature it is.
    fn domain(&self) -> &Domain;
    /// Under which name the key is published.
    fn selector(&self) -> &str;
    /// How it signs.
    fn algorithm(&self) -> Algorithm;
    /// The signature of these bytes; none if the key fails.
    fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>>;
}

/// What is signed: the header section as it leaves, but for what is written in front, and the hash of the body in relaxed form.
#[derive(Debug, Clone, Copy)]
pub struct Leaving<'m> {
    /// The header section.
    pub header: &'m Header,
    /// The hash of the body ([`signed::body_hash`], relaxed).
    pub body_hash: &'m [u8],
    /// When.
    pub now: UnixMs,
}

/// The `DKIM-Signature` field, with its line end. None if the key fails.
pub fn dkim(key: &dyn Signs, mail: Leaving<'_>) -> Option<String> {
    let names = names(mail.header);
    let start = format!(
        "v=1; a={}; c=relaxed/relaxed; d={}; s={};\r\n\tt={}; bh={};\r\n\th={};\r\n\tb=",
        key.algorithm().word(),
        key.domain(),
        key.selector(),
        mail.now.0 / 1_000,
        data_encoding::BASE64.encode(mail.body_hash),
        folded(&names.join(":")),
    );
    let mut bytes = Vec::new();
    signed::fields(mail.header, Form::Relaxed, names.into_iter(), &mut bytes);
    canonical::field(Form::Relaxed, b"DKIM-Signature", start.as_bytes(), &mut bytes);
    let signature = data_encoding::BASE64.encode(&key.sign(&bytes)?);
    Some(format!("DKIM-Signature: {start}{}\r\n", folded(&signature)))
}

/// The three fields of an ARC set, with their line ends, the newest first as they are to stand. `results` is what stands behind our name
/// in `Authentication-Results`; `chain` is what others have sealed before, and whole.
pub fn arc(
    key: &dyn Signs,
    mail: Leaving<'_>,
    results: &str,
    chain: Option<&Chain>,
) -> Option<String> {
    let nr = chain.map_or(0, Chain::len) + 1;
    let names = names(mail.header);
    let (algorithm, domain, selector) = (key.algorithm().word(), key.domain(), key.selector());
    let seconds = mail.now.0 / 1_000;
    let results = format!(" i={nr}; {results}");
    let signature_start = format!(
        " i={nr}; a={algorithm}; c=relaxed/relaxed; d={domain}; s={selector};\r\n\tt={seconds}; bh={};\r\n\th={};\r\n\tb=",
        data_encoding::BASE64.encode(mail.body_hash),
        folded(&names.join(":")),
    );
    let mut bytes = Vec::new();
    signed::fields(mail.header, Form::Relaxed, names.into_iter(), &mut bytes);
    canonical::field(Form::Relaxed, SIGNATURE, signature_start.as_bytes(), &mut bytes);
    let signature = data_encoding::BASE64.encode(&key.sign(&bytes)?);
    let signature = format!("{signature_start}{}", folded(&signature));

    // RFC 8617 section 5.1.2: the first of a chain says that there was none.
    let before = if chain.is_some() { "pass" } else { "none" };
    let seal_start = format!(
        " i={nr}; a={algorithm}; d={domain}; s={selector}; t={seconds};\r\n\tcv={before}; b="
    );
    let mut bytes = chain.map(|chain| chain.sealed_so_far(mail.header)).unwrap_or_default();
    for (name, value) in [(RESULTS, &results), (SIGNATURE, &signature)] {
        canonical::field(Form::Relaxed, name, value.as_bytes(), &mut bytes);
        bytes.extend_from_slice(b"\r\n");
    }
    canonical::field(Form::Relaxed, SEAL, seal_start.as_bytes(), &mut bytes);
    let seal = data_encoding::BASE64.encode(&key.sign(&bytes)?);
    let set = [
        ("ARC-Seal", format!("{seal_start}{}", folded(&seal))),
        ("ARC-Message-Signature", signature),
        ("ARC-Authentication-Results", results),
    ];
    Some(set.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect())
}

const SEAL: &[u8] = b"ARC-Seal";
const SIGNATURE: &[u8] = b"ARC-Message-Signature";
const RESULTS: &[u8] = b"ARC-Authentication-Results";

/// RFC 6376 section 5.4.1, and what else a person or a program acts on.
const SIGNED: [&str; 19] = [
    "From",
    "Sender",
    "Reply-To",
    "Subject",
    "Date",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
    "Feedback-ID",
];

/// The names for `h=`: each as often as its field stands there, and the first thirteen once more.
fn names(header: &Header) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (nr, name) in SIGNED.into_iter().enumerate() {
        let more = usize::from(nr < SEALED_OFF);
        names.extend(std::iter::repeat_n(name, header.count(name) + more));
    }
    names
}

/// Of these none may be added. Lists add fields of their own, and sign anew.
const SEALED_OFF: usize = 13;

/// Cut so that lines stay well under 78 letters (RFC 5322 section 2.1.1).
fn folded(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let lines = letters.chunks(LINE_LETTERS).map(|line| line.iter().collect::<String>());
    lines.collect::<Vec<_>>().join("\r\n\t ")
}

const LINE_LETTERS: usize = 70;
