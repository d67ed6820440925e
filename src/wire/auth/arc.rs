//! ARC, RFC 8617: what those who passed a mail on have found out about it before they changed it.
//!
//! Each of them adds a set of three fields: its results, a signature of the mail as it left, and a seal over all sets so far. The chain is
//! whole or it is not; whom one trusts of those in it is policy, not said here.

use super::{
    canonical::{self, Form},
    key::{Algorithm, PublicKey, base64},
    signed,
    tags::Tags,
};
use crate::mail::{Domain, Field, Header, header::outside_quotes};
use serde::{Deserialize, Serialize};

/// The state of a chain, RFC 8617 section 4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arc {
    /// There is none.
    None,
    /// It is whole.
    Pass,
    /// It is not.
    Fail,
}

impl Arc {
    /// The word of RFC 8617 section 10.1.
    pub fn word(self) -> &'static str {
        match self {
            Arc::None => "none",
            Arc::Pass => "pass",
            Arc::Fail => "fail",
        }
    }
}

/// The fields of one who passed the mail on, read.
#[derive(Debug, Clone)]
struct Set {
    results: Field,
    signature: Signature,
    seal: Seal,
}

/// `ARC-Message-Signature`.
#[derive(Debug, Clone)]
struct Signature {
    field: Field,
    by: Signer,
    header: Form,
    body: Form,
    names: String,
    body_hash: Vec<u8>,
}

/// `ARC-Seal`.
#[derive(Debug, Clone)]
struct Seal {
    field: Field,
    by: Signer,
    domain: String,
}

/// Who signs, with which key, and the signature.
#[derive(Debug, Clone)]
struct Signer {
    key: String,
    algorithm: Algorithm,
    signature: Vec<u8>,
}

/// A chain whose form is right; whether it is whole is for the keys to say.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The oldest first.
    sets: Vec<Set>,
}

/// One who passed the mail on: who, and what it says it found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealer {
    /// The domain of its seal, lower case.
    pub domain: String,
    /// The domain in From for which it says that DMARC passed.
    pub dmarc_passed_for: Option<String>,
}

/// Why a chain is not whole, for an admin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

fn broken(why: impl Into<String>) -> Broken {
    Broken(why.into())
}

const SEAL: &str = "ARC-Seal";
const SIGNATURE: &str = "ARC-Message-Signature";
const RESULTS: &str = "ARC-Authentication-Results";

/// RFC 8617 section 4.2.1: no more than this many.
const SETS_MAX: usize = 50;

impl Chain {
    /// Reads the chain of a mail; none if it has no such field.
    pub fn read(header: &Header) -> Result<Option<Chain>, Broken> {
        let count = header.count(SEAL).max(header.count(SIGNATURE)).max(header.count(RESULTS));
        match count {
            0 => return Ok(None),
            1..=SETS_MAX => (),
            _ => return Err(broken("there are too many sets")),
        }
        let results = in_order(header, RESULTS, count, results)?;
        let signatures = in_order(header, SIGNATURE, count, signature)?;
        let seals = in_order(header, SEAL, count, seal)?;
        let sets = results.into_iter().zip(signatures).zip(seals);
        let sets = sets.map(|((results, signature), seal)| Set { results, signature, seal });
        Ok(Some(Chain { sets: sets.collect() }))
    }

    /// How many have passed it on.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Never: a chain has at least one set.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// All sets in the form that the next seal covers, each field with its line end.
    pub fn sealed_so_far(&self, header: &Header) -> Vec<u8> {
        let mut out = Vec::new();
        for set in &self.sets {
            for field in [&set.results, &set.signature.field, &set.seal.field] {
                signed::one(header, Form::Relaxed, field, &mut out);
                out.extend_from_slice(b"\r\n");
            }
        }
        out
    }

    /// The names of the keys it was signed with.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        if let Some(last) = self.sets.last() {
            keys.push(last.signature.by.key.as_str());
        }
        keys.extend(self.sets.iter().map(|set| set.seal.by.key.as_str()));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Who passed it on, the first first.
    pub fn sealers(&self, header: &Header) -> Vec<Sealer> {
        let of = |set: &Set| Sealer {
            domain: set.seal.domain.clone(),
            dmarc_passed_for: dmarc_passed_for(&text(header, &set.results)),
        };
        self.sets.iter().map(of).collect()
    }

    /// Is it whole? `key` knows every name of [`Chain::keys`] that is one.
    pub fn verify<'k>(
        &self,
        header: &Header,
        body: &[u8],
        key: impl Fn(&str) -> Option<&'k PublicKey>,
    ) -> Result<(), Broken> {
        let fits = |by: &Signer, signed: &[u8], what: &str| {
            let key = key(&by.key)
                .ok_or_else(|| broken(format!("the key {} of {what} cannot be had", by.key)))?;
            match key.has_signed(by.algorithm, signed, &by.signature) {
                true => Ok(()),
                false => Err(broken(format!("{what} does not fit"))),
            }
        };
        let Some(last) = self.sets.last() else { return Err(broken("there is no set")) };
        // Section 5.2: only the newest signature is of the mail as it is.
        let newest = &last.signature;
        if signed::body_hash(newest.body, body) != newest.body_hash {
            return Err(broken("the body is not the one that was signed last"));
        }
        fits(&newest.by, &newest.signed(header), "the last signature")?;
        for nr in (1..=self.sets.len()).rev() {
            let upto = self.sets.get(..nr).unwrap_or_default();
            if let Some(set) = upto.last() {
                fits(&set.seal.by, &sealed(header, upto), &format!("seal {nr}"))?;
            }
        }
        Ok(())
    }
}

/// What a seal covers: all sets before it, and its own two other fields, RFC 8617 section 5.1.1.
fn sealed(header: &Header, sets: &[Set]) -> Vec<u8> {
    let mut out = Vec::new();
    for (nr, set) in sets.iter().enumerate() {
        for field in [&set.results, &set.signature.field] {
            signed::one(header, Form::Relaxed, field, &mut out);
            out.extend_from_slice(b"\r\n");
        }
        if nr + 1 == sets.len() {
            itself(header, Form::Relaxed, &set.seal.field, &mut out);
        } else {
            signed::one(header, Form::Relaxed, &set.seal.field, &mut out);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

/// A signature's own field without its value.
fn itself(header: &Header, form: Form, field: &Field, out: &mut Vec<u8>) {
    let value = canonical::without_signature(header.raw(field));
    canonical::field(form, header.label(field), &value, out);
}

impl Signature {
    fn signed(&self, header: &Header) -> Vec<u8> {
        let mut out = Vec::new();
        signed::fields(header, self.header, self.names.split(':'), &mut out);
        itself(header, self.header, &self.field, &mut out);
        out
    }
}

/// The fields of one name, by their instance: 1, 2, 3 and so on, each once.
fn in_order<T>(
    header: &Header,
    name: &str,
    count: usize,
    read: impl Fn(&Header, &Field) -> Result<(usize, T), Broken>,
) -> Result<Vec<T>, Broken> {
    let mut places: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for field in header.all(name) {
        let (instance, value) =
            read(header, field).map_err(|Broken(why)| broken(format!("{name}: {why}")))?;
        let place = instance.checked_sub(1).and_then(|place| places.get_mut(place));
        match place {
            Some(place @ None) => *place = Some(value),
            Some(Some(_)) => return Err(broken(format!("{name} {instance} stands there twice"))),
            None => return Err(broken(format!("{name} {instance} is not in its place"))),
        }
    }
    let all: Option<Vec<T>> = places.into_iter().collect();
    all.ok_or_else(|| broken(format!("{name} is missing in a set")))
}

fn text(header: &Header, field: &Field) -> String {
    String::from_utf8_lossy(header.raw(field)).into_owned()
}

/// RFC 8617 section 4.2.1: 1 to 50, written without anything else.
fn instance(text: Option<&str>) -> Result<usize, Broken> {
    let number = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|text| text.parse().ok()).filter(|nr| (1..=SETS_MAX).contains(nr));
    number.ok_or_else(|| broken("its instance is no number from 1 to 50"))
}

/// The instance stands first and alone.
fn results(header: &Header, field: &Field) -> Result<(usize, Field), Broken> {
    let value = text(header, field);
    let first = value.split_once(';').map(|(first, _)| first.trim());
    let nr = first.and_then(|first| first.strip_prefix('i')?.trim_start().strip_prefix('='));
    Ok((instance(nr.map(str::trim))?, field.clone()))
}

fn signer(tags: &Tags<'_>) -> Result<(Signer, String), Broken> {
    let algorithm = tags.get("a").and_then(Algorithm::from_word);
    let algorithm = algorithm.ok_or_else(|| broken("its algorithm is none that we take"))?;
    let domain = tags.get("d").and_then(|domain| Domain::parse(domain).ok());
    let domain = domain.filter(|domain| domain.as_str().contains('.'));
    let domain = domain.ok_or_else(|| broken("its domain is none"))?;
    let selector = tags.get("s").filter(|selector| Domain::parse(selector).is_ok());
    let selector = selector.ok_or_else(|| broken("its selector is none"))?;
    let signature = tags.get("b").and_then(base64).filter(|bytes| !bytes.is_empty());
    let signature = signature.ok_or_else(|| broken("it holds no signature"))?;
    let is_time = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if tags.get("t").is_some_and(|text| !is_time(text)) {
        return Err(broken("its time is none"));
    }
    let key = format!("{selector}._domainkey.{domain}").to_ascii_lowercase();
    Ok((Signer { key, algorithm, signature }, domain.as_str().to_string()))
}

fn signature(header: &Header, field: &Field) -> Result<(usize, Signature), Broken> {
    let value = text(header, field);
    let tags = Tags::parse(&value).ok_or_else(|| broken("it is no list of tags"))?;
    let nr = instance(tags.get("i"))?;
    let (by, _) = signer(&tags)?;
    // RFC 8617 section 4.1.2 leaves the default to RFC 6376 section 3.5, which is simple; those who sign without saying so mean relaxed, and so does the suite.
    let forms = canonical::forms(Some(tags.get("c").unwrap_or("relaxed/relaxed")));
    let (head, body) = forms.ok_or_else(|| broken("its form is none"))?;
    let names = tags.compact("h").ok_or_else(|| broken("it names no fields"))?;
    // Section 4.1.2: the seals are signed by the seals.
    if names.split(':').any(|name| name.eq_ignore_ascii_case(SEAL)) {
        return Err(broken("it covers a seal"));
    }
    let body_hash = tags.get("bh").and_then(base64).filter(|bytes| !bytes.is_empty());
    let body_hash = body_hash.ok_or_else(|| broken("it holds no hash of the body"))?;
    Ok((nr, Signature { field: field.clone(), by, header: head, body, names, body_hash }))
}

fn seal(header: &Header, field: &Field) -> Result<(usize, Seal), Broken> {
    let value = text(header, field);
    let tags = Tags::parse(&value).ok_or_else(|| broken("it is no list of tags"))?;
    let nr = instance(tags.get("i"))?;
    let (by, domain) = signer(&tags)?;
    // Section 4.1.3: what a seal covers is not for it to say.
    if tags.get("h").is_some() {
        return Err(broken("it names fields"));
    }
    match (nr, tags.get("cv")) {
        (1, Some("none")) | (2.., Some("pass")) => (),
        (_, Some("fail")) => return Err(broken("it says itself that the chain was broken")),
        (_, _) => return Err(broken("what it says of the chain before it cannot be")),
    }
    Ok((nr, Seal { field: field.clone(), by, domain }))
}

/// The domain in From for which results say that DMARC passed (RFC 8601 section 2.2: `dmarc=pass … header.from=domain`).
fn dmarc_passed_for(results: &str) -> Option<String> {
    let plain = outside_quotes(results);
    let dmarc = plain.split(';').map(str::trim).find(|one| {
        let Some((method, rest)) = one.split_once('=') else { return false };
        method.trim().eq_ignore_ascii_case("dmarc")
            && rest.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("pass"))
    })?;
    let from = dmarc.split_whitespace().find_map(|word| word.strip_prefix("header.from="))?;
    let domain = Domain::parse(from.trim_matches('"')).ok()?;
    Some(domain.as_str().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_results_say_of_dmarc() {
        for (text, want) in [
            ("i=1; a.example; dmarc=pass header.from=b.example", Some("b.example")),
            ("i=1; a.example; dmarc=pass (p=none) header.from=B.example", Some("b.example")),
            ("i=1; a.example; spf=pass; dmarc=fail header.from=b.example", None),
            ("i=1; a.example; dkim=pass (; dmarc=pass header.from=b.example) header.d=x", None),
            ("i=1; a.example; x=\"; dmarc=pass header.from=b.example\"", None),
            ("i=1; a.example; dmarc=pass", None),
            ("i=1; a.example; dmarc=passed header.from=b.example", None),
        ] {
            assert_eq!(dmarc_passed_for(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn no_chain_and_broken_ones() {
        let read = |text: &str| Chain::read(&Header::read(text.as_bytes()).unwrap());
        assert!(matches!(read("From: a@example.org\r\n\r\nhi"), Ok(None)));
        for fields in ["ARC-Seal: i=1", "ARC-Authentication-Results: i=1; a.example; none"] {
            assert!(read(&format!("{fields}\r\n\r\nhi")).is_err(), "{fields}");
        }
    }
}
