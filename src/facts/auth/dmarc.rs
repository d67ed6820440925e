//! DMARC, RFC 9989: does anybody who passed speak for the domain in From?
//!
//! Whose a domain is, is found by walking up the tree of the DNS (section 4.10): there is no list of public suffixes in it.

use super::{Answer, Names, NoAnswer, SpfFact};
use crate::{
    facts::Known,
    mail::{
        Domain, Header,
        header::{decode_words, outside_quotes},
        is_at_or_below,
    },
    wire::auth::{
        Dkim, Dmarc, Signature, Spf,
        dmarc::{PublicSuffix, Record, Wanted},
    },
};
use serde::{Deserialize, Serialize};

/// What DMARC says, stored with the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmarcFact {
    /// The result.
    pub result: Dmarc,
    /// The domain in From; empty if there is none.
    pub domain: String,
    /// What its owner wants for mail that fails.
    pub wanted: Wanted,
    /// Why, for an admin.
    pub because: String,
}

/// Compares who passed with the domain in From.
pub async fn check<N: Names>(
    names: &N,
    header: &Header,
    spf: &Known<SpfFact>,
    dkim: &Known<Vec<Signature>>,
) -> Known<DmarcFact> {
    let Some(domain) = author(header) else {
        return several(names, header, spf, dkim).await;
    };
    match compare(names, &domain, spf, dkim).await {
        Ok(fact) => Known::Yes(fact),
        Err(NoAnswer(why)) => Known::No(why),
    }
}

/// From names several domains, or names one in a way that readers take apart differently. Nobody passes then; but whichever of them somebody
/// may be shown, its owner's wish stands.
async fn several<N: Names>(
    names: &N,
    header: &Header,
    spf: &Known<SpfFact>,
    dkim: &Known<Vec<Signature>>,
) -> Known<DmarcFact> {
    let mut found = DmarcFact {
        result: Dmarc::PermError,
        domain: String::new(),
        wanted: Wanted::None,
        because: "From does not name one domain".to_string(),
    };
    for domain in perhaps_authors(header) {
        match compare(names, &domain, spf, dkim).await {
            Ok(fact) if fact.result == Dmarc::Fail && fact.wanted.is_harder_than(found.wanted) => {
                let because = format!("From does not name one domain, and {}", fact.because);
                found = DmarcFact { because, ..fact };
            }
            Ok(_) => (),
            Err(NoAnswer(why)) => return Known::No(why),
        }
    }
    Known::Yes(found)
}

/// Every domain that stands behind an `@` in a From field, whatever it is there.
fn perhaps_authors(header: &Header) -> Vec<String> {
    let is_of_name = |letter: &char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let odd_names = header.fields().iter().filter(|field| {
        let label = header.label(field).trim_ascii();
        label.eq_ignore_ascii_case(b"From")
    });
    let mut domains: Vec<String> = Vec::new();
    for field in odd_names {
        let value = decode_words(&String::from_utf8_lossy(header.raw(field)));
        for behind in value.split('@').skip(1) {
            let name: String = behind.trim_start().chars().take_while(is_of_name).collect();
            if let Ok(domain) = Domain::parse(&name)
                && !domains.iter().any(|known| known == domain.as_str())
                && domains.len() < AUTHORS_MAX
            {
                domains.push(domain.as_str().to_string());
            }
        }
    }
    domains
}

/// Domains of one From that are asked about, where it names several.
const AUTHORS_MAX: usize = 4;

/// The domain in From, where it is one address of one field: everything else is read otherwise by somebody.
fn author(header: &Header) -> Option<String> {
    if header.count("From") != 1 {
        return None;
    }
    let field = header.all("From").next()?;
    // With space before its colon it is no From to some readers, and with control letters in it nobody knows where it ends.
    if header.label(field).len() != "From".len()
        || header.raw(field).iter().any(|byte| is_odd(*byte))
    {
        return None;
    }
    let mailboxes = header.mailboxes("From");
    let [mailbox] = &mailboxes[..] else { return None };
    // `a@honest.example@evil.example`, a route, a bracket in an address: each reader takes another piece of it.
    let (local, domain) = mailbox.address.rsplit_once('@')?;
    let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    if !is_quoted && local.contains(['@', '<', '>', ',', ':', ';', ' ', '(', ')', '"']) {
        return None;
    }
    // A second address in angle brackets is the one that other readers take.
    if header.values("From").iter().any(|value| outside_quotes(value).matches('<').count() > 1) {
        return None;
    }
    Some(Domain::parse(domain).ok()?.as_str().to_string())
}

fn is_odd(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n')
}

async fn compare<N: Names>(
    names: &N,
    author: &str,
    spf: &Known<SpfFact>,
    dkim: &Known<Vec<Signature>>,
) -> Result<DmarcFact, NoAnswer> {
    let walk = walk(names, author).await?;
    let top = top(&walk, author);
    let own = walk.iter().find(|(name, _)| *name == author);
    let of_top = || walk.iter().find(|(name, _)| *name == top).or(walk.last());
    let fact = |result, wanted, because: String| DmarcFact {
        result,
        domain: author.to_string(),
        wanted,
        because,
    };
    let Some((publisher, record)) = own.or_else(of_top) else {
        return Ok(fact(Dmarc::None, Wanted::None, format!("nothing is published for {author}")));
    };
    let wanted = match own {
        Some(_) => record.domain,
        // RFC 9989 section 4.10.1: what does not exist may have a policy of its own.
        None if record.absent != record.below && !exists(names, author).await? => record.absent,
        None => record.below,
    };
    let wanted = if record.testing { wanted.milder() } else { wanted };
    let mut unknown = None;
    match spf {
        Known::Yes(fact_of_spf) if fact_of_spf.result == Spf::Pass => {
            let domain = &fact_of_spf.domain;
            if is_aligned(names, domain, (author, &top), record.strict_spf).await? {
                return Ok(fact(Dmarc::Pass, wanted, format!("SPF passed for {domain}")));
            }
        }
        Known::Yes(_) | Known::NotAsked => (),
        Known::No(why) => unknown = Some(why.clone()),
    }
    let signatures = match dkim {
        Known::Yes(signatures) => signatures.as_slice(),
        Known::NotAsked => &[],
        Known::No(why) => {
            unknown = Some(why.clone());
            &[]
        }
    };
    for signature in signatures {
        let domain = &signature.domain;
        match signature.result {
            Dkim::Pass => {
                if is_aligned(names, domain, (author, &top), record.strict_dkim).await? {
                    return Ok(fact(Dmarc::Pass, wanted, format!("{domain} has signed it")));
                }
            }
            Dkim::TempError => unknown = Some(signature.because.clone()),
            Dkim::Fail | Dkim::Policy | Dkim::Neutral | Dkim::PermError => (),
        }
    }
    match unknown {
        // Whoever could not be asked may be the one who speaks for it.
        Some(why) => Err(NoAnswer(why)),
        None => Ok(fact(
            Dmarc::Fail,
            wanted,
            format!("nobody who passed speaks for {author}, by the record of {publisher}"),
        )),
    }
}

/// Do two domains belong together: the very same, or with the same top, RFC 9989 section 4.10.2?
async fn is_aligned<N: Names>(
    names: &N,
    domain: &str,
    (author, author_top): (&str, &str),
    strict: bool,
) -> Result<bool, NoAnswer> {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    if domain == author {
        return Ok(true);
    }
    if strict || !is_at_or_below(&domain, author_top) {
        return Ok(false);
    }
    Ok(top(&walk(names, &domain).await?, &domain) == author_top)
}

/// The records of a domain and of those above it, the lowest first.
async fn walk<'d, N: Names>(
    names: &N,
    domain: &'d str,
) -> Result<Vec<(&'d str, Record)>, NoAnswer> {
    let mut found = Vec::new();
    let labels = domain.split('.').count();
    let mut at = Some(domain);
    while let Some(name) = at {
        if let Some(record) = published(names.txt(&format!("_dmarc.{name}")).await)? {
            found.push((name, record));
            let is_top = match record.suffix {
                PublicSuffix::Yes | PublicSuffix::No => true,
                PublicSuffix::Unknown => false,
            };
            if is_top {
                break;
            }
        }
        // RFC 9989 section 4.10: of a long name the middle is left out, so that nobody has to ask more than eight times.
        let above = match name == domain && labels > LABELS_MAX {
            true => labels - (LABELS_MAX - 1),
            false => 1,
        };
        at = name.splitn(above + 1, '.').nth(above);
    }
    Ok(found)
}

/// Names that are asked about at most.
const LABELS_MAX: usize = 8;

fn published(answer: Answer<Vec<u8>>) -> Result<Option<Record>, NoAnswer> {
    let mut records = answer?;
    records.retain(|text| text.starts_with(b"v=DMARC1"));
    // Several are as good as none.
    Ok(match &records[..] {
        [record] => Record::parse(record),
        [] | [_, ..] => None,
    })
}

/// The top of what belongs together with a domain, RFC 9989 section 4.10.2.
fn top(walk: &[(&str, Record)], domain: &str) -> String {
    let Some((highest, record)) = walk.last() else { return domain.to_string() };
    match record.suffix {
        PublicSuffix::No => highest.to_string(),
        // The domain one below a public suffix.
        PublicSuffix::Yes if *highest != domain => {
            let below = domain.len().saturating_sub(highest.len() + 1);
            let below = domain.get(..below).unwrap_or_default();
            let label = below.rsplit('.').next().unwrap_or(below);
            format!("{label}.{highest}")
        }
        PublicSuffix::Yes | PublicSuffix::Unknown => highest.to_string(),
    }
}

/// Is there such a name at all?
async fn exists<N: Names>(names: &N, domain: &str) -> Result<bool, NoAnswer> {
    Ok(!names.a(domain).await?.is_empty()
        || !names.aaaa(domain).await?.is_empty()
        || !names.mx(domain).await?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_names_one_domain_or_none() {
        for (from, want) in [
            ("From: a@honest.example", Some("honest.example")),
            ("From: Anna <a@Honest.Example>", Some("honest.example")),
            ("From: \"Berg, Anna\" <a@honest.example> (at home)", Some("honest.example")),
            ("From: \"a b\"@honest.example", Some("honest.example")),
            ("FROM:a@honest.example", Some("honest.example")),
            ("From: \"a@honest.example\" <x@evil.example>", Some("evil.example")),
            ("From: =?utf-8?q?a=40honest.example?= <x@evil.example>", Some("evil.example")),
            ("From: (a@honest.example) x@evil.example", Some("evil.example")),
            ("From: a@honest.example, x@evil.example", None),
            ("From: a@honest.example\r\nFrom: x@evil.example", None),
            ("From : a@honest.example", None),
            ("From\t: a@honest.example", None),
            ("From: a@honest.example\0<x@evil.example>", None),
            ("From: <a@honest.example><x@evil.example>", None),
            ("From: <a@honest.example> <x@evil.example>", None),
            ("From: a@honest.example@evil.example", None),
            ("From: <@evil.example:a@honest.example>", None),
            ("From: group: a@honest.example, x@evil.example;", None),
            ("From: a@honest.example;x@evil.example", None),
            ("From: <x@evil.example,a@honest.example>", None),
            ("From: \"x\" a@honest.example <x@evil.example>", Some("evil.example")),
            ("From: a", None),
            ("From: <>", None),
            ("Subject: x", None),
        ] {
            let header = Header::read(format!("{from}\r\n\r\nhi").as_bytes()).unwrap();
            assert_eq!(author(&header).as_deref(), want, "{from:?}");
        }
    }
}
