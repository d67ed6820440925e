//! DKIM, RFC 6376: whose signatures fit the mail.
//!
//! Canonical forms, hashes and signatures are mail-auth's; the keys are looked up here, so that every question goes through the one resolver.
//! A signature counts only if it covers From and the whole body, by a key of 1,024 bits or more (RFC 8301 section 3.2).

use super::{Names, NoAnswer};
use crate::{
    base::limits,
    mail::Header,
    wire::auth::{Dkim, Signature},
};
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DnsError, Error, MessageAuthenticator,
    Parameters, ResolverCache, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
    hickory_resolver::{
        TokioResolver, config::ResolverConfig, net::runtime::TokioRuntimeProvider,
        proto::op::ResponseCode,
    },
};
use std::{
    borrow::Borrow,
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    sync::{Arc, LazyLock},
};

/// Compares every signature of a mail, the first [`limits::SIGNATURES_MAX`] of them. Works on the whole mail: not for a thread that others wait for.
pub async fn check<N: Names>(names: &N, message: &[u8], header: &Header) -> Vec<Signature> {
    if header.count("DKIM-Signature") == 0 {
        return Vec::new();
    }
    let few = without_surplus(message, header);
    let message = few.as_deref().unwrap_or(message);
    let Some(mut parsed) = AuthenticatedMessage::parse_with_opts(message, None, false) else {
        return Vec::new();
    };
    let mut keys = Keys::default();
    for header in &mut parsed.dkim_headers {
        let signature = &mut header.header;
        // Reports to signers, and signers for others, take further questions; nobody does either.
        (signature.r, signature.atps) = (false, None);
        let name = key_name(signature);
        if let Entry::Vacant(place) = keys.0.entry(name) {
            let answer = names.txt(place.key()).await;
            place.insert(key(answer));
        }
    }
    let Some(verifier) = &*VERIFIER else {
        // Nobody knows: that is not the same as unsigned.
        let (domain, selector) = (String::new(), String::new());
        let because = "signatures cannot be compared here".to_string();
        return vec![Signature { result: Dkim::TempError, domain, selector, because }];
    };
    let parameters = Parameters::new(&parsed).with_txt_cache(&keys);
    let outcomes = verifier.verify_dkim(parameters).await;
    outcomes.iter().map(|outcome| told(outcome, &keys, &parsed)).collect()
}

/// The mail without the signatures beyond those that are looked at, if there are more: each may want a hash of the whole body.
fn without_surplus(message: &[u8], header: &Header) -> Option<Vec<u8>> {
    let surplus: Vec<_> = header.all("DKIM-Signature").skip(limits::SIGNATURES_MAX).collect();
    if surplus.is_empty() {
        return None;
    }
    let mut kept = Vec::with_capacity(message.len());
    let mut from = 0;
    for field in surplus {
        kept.extend_from_slice(message.get(from..field.span.start)?);
        from = field.span.end;
    }
    kept.extend_from_slice(message.get(from..)?);
    Some(kept)
}

fn told(outcome: &DkimOutput<'_>, keys: &Keys, message: &AuthenticatedMessage<'_>) -> Signature {
    let (result, because) = match outcome.result() {
        DkimResult::Pass => (Dkim::Pass, "it fits".to_string()),
        DkimResult::Neutral(Error::Dkim(mail_auth::dkim::DkimError::FailedBodyHashMatch)) => {
            (Dkim::Fail, "the body is not the one that was signed".to_string())
        }
        DkimResult::Neutral(why) => (Dkim::Neutral, why.to_string()),
        DkimResult::Fail(why) => (Dkim::Fail, why.to_string()),
        DkimResult::PermError(why) => (Dkim::PermError, why.to_string()),
        DkimResult::TempError(why) => (Dkim::TempError, why.to_string()),
        DkimResult::None => (Dkim::Neutral, "no result".to_string()),
    };
    let Some(signature) = outcome.signature() else {
        let (domain, selector) = (String::new(), String::new());
        return Signature { result, domain, selector, because };
    };
    let refused = match result {
        Dkim::Pass => refused(signature, keys, message),
        // What would not count if it did fit need not be compared, and some of it is not.
        Dkim::Fail | Dkim::Neutral => too_weak(signature, keys),
        Dkim::Policy | Dkim::TempError | Dkim::PermError => None,
    };
    let (result, because) = match refused {
        Some(why) => (Dkim::Policy, why.to_string()),
        None => (result, because),
    };
    Signature {
        result,
        domain: signature.d.trim_end_matches('.').to_ascii_lowercase(),
        selector: signature.s.clone(),
        because,
    }
}

/// Why a signature says nothing to us whether it fits or not.
fn too_weak(signature: &mail_auth::dkim::Signature, keys: &Keys) -> Option<&'static str> {
    // RFC 8301 section 3.1.
    if signature.a == mail_auth::common::crypto::Algorithm::RsaSha1 {
        return Some("it is made with SHA-1");
    }
    if keys.bits(&key_name(signature)).is_some_and(|bits| bits < KEY_BITS_MIN) {
        return Some("its key is too short");
    }
    None
}

/// Why a signature that fits says nothing to us.
fn refused(
    signature: &mail_auth::dkim::Signature,
    keys: &Keys,
    message: &AuthenticatedMessage<'_>,
) -> Option<&'static str> {
    let body = message
        .raw_message
        .len()
        .saturating_sub(usize::try_from(message.body_offset).unwrap_or(usize::MAX));
    let signed = usize::try_from(signature.l).unwrap_or(usize::MAX);
    if signature.v != 1 {
        return Some("its version is not said");
    }
    // RFC 6376 section 5.4: a signature that does not cover From says nothing of who wrote.
    if !signature.h.iter().any(|name| name.eq_ignore_ascii_case("from")) {
        return Some("it does not cover From");
    }
    if ONCE.iter().any(|name| is_added(signature, message, name)) {
        return Some("a field was added that there may be only one of");
    }
    if signature.l > 0 && signed < body {
        return Some("it covers only the beginning of the body");
    }
    too_weak(signature, keys)
}

/// RFC 5322 section 3.6 and RFC 2045 section 3: a mail has one of each. RFC 6376 section 8.15: of two, the signature covers the lower and a
/// reader shows the upper.
const ONCE: [&str; 13] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Stands a field more often in the mail than the signature covers, so that a reader may take one that nobody signed?
fn is_added(
    signature: &mail_auth::dkim::Signature,
    message: &AuthenticatedMessage<'_>,
    name: &str,
) -> bool {
    let count = message
        .headers
        .iter()
        .filter(|(field, _)| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
        .count();
    let covered = signature.h.iter().filter(|covered| covered.eq_ignore_ascii_case(name)).count();
    count > 1 && count > covered
}

/// RFC 8301 section 3.2: shorter keys are not to be accepted.
const KEY_BITS_MIN: usize = 1_024;

fn key_name(signature: &mail_auth::dkim::Signature) -> String {
    format!("{}._domainkey.{}", signature.s, signature.d).trim_end_matches('.').to_ascii_lowercase()
}

/// The keys of one mail. What is not in here does not exist.
#[derive(Default)]
struct Keys(HashMap<String, (Txt, Option<usize>)>);

impl Keys {
    fn bits(&self, name: &str) -> Option<usize> {
        self.0.get(name)?.1
    }
}

fn key(answer: Result<Vec<Vec<u8>>, NoAnswer>) -> (Txt, Option<usize>) {
    let records = match answer {
        Err(NoAnswer(why)) => return (Txt::Error(Error::Dns(DnsError::Resolver(why))), None),
        Ok(records) => records,
    };
    let mut outcome = Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)));
    // RFC 6376 section 3.6.2.2: of several records any may be taken; the first that is a key is.
    for record in records {
        match DomainKey::parse(&record) {
            Ok(key) => return (Txt::DomainKey(Arc::new(key)), rsa_bits(&record)),
            Err(error) => outcome = Txt::Error(error),
        }
    }
    (outcome, None)
}

/// About how many bits an RSA key has: what is left of `p=` without the wrapping of its number.
fn rsa_bits(record: &[u8]) -> Option<usize> {
    let text: String =
        String::from_utf8_lossy(record).chars().filter(|letter| !letter.is_whitespace()).collect();
    let tag =
        |name: &str| text.split(';').find_map(|tag| tag.strip_prefix(name).map(str::to_string));
    if tag("k=").is_some_and(|kind| !kind.eq_ignore_ascii_case("rsa")) {
        return None;
    }
    let der = data_encoding::BASE64.decode(tag("p=")?.as_bytes()).ok()?;
    // A sequence of one or two bytes of length; then the number itself, or a SubjectPublicKeyInfo around it.
    let inside = match der.as_slice() {
        [0x30, 0x81, _, rest @ ..] | [0x30, 0x82, _, _, rest @ ..] | [0x30, _, rest @ ..] => rest,
        _ => return None,
    };
    let around = if inside.first() == Some(&0x02) { AROUND_NUMBER } else { AROUND_KEY_INFO };
    Some(der.len().saturating_sub(around) * 8)
}

/// What stands around the modulus of an RSA key in DER, as far as a key of 1,024 bits tells: 140 bytes alone, 162 as SubjectPublicKeyInfo.
const AROUND_NUMBER: usize = 12;
const AROUND_KEY_INFO: usize = 34;

impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        // The name is only known as something that a boxed text can be compared with.
        let known = self.0.iter().find(|(known, _)| {
            let absolute: Box<str> = format!("{known}.").into_boxed_str();
            absolute.borrow() == name
        });
        let missing = || Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)));
        Some(known.map_or_else(missing, |(_, (key, _))| key.clone()))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: std::time::Instant) {}
}

/// mail-auth wants a resolver; this one knows no server and is never asked, since every key is in [`Keys`].
static VERIFIER: LazyLock<Option<MessageAuthenticator>> = LazyLock::new(|| {
    let config = ResolverConfig::from_parts(None, vec![], vec![]);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.build().ok().map(MessageAuthenticator)
});
