//! DMARC records, RFC 9989 section 4.7: what the owner of a domain wants done with mail that only claims to be his.

use serde::{Deserialize, Serialize};

/// What DMARC says of a mail, RFC 8601 section 2.7 and RFC 9989 section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dmarc {
    /// Nothing is published for the domain in From.
    None,
    /// That domain has let the mail be sent.
    Pass,
    /// Nobody who speaks for it has.
    Fail,
    /// From does not name one domain.
    PermError,
}

impl Dmarc {
    /// The word of the registry.
    pub fn word(self) -> &'static str {
        match self {
            Dmarc::None => "none",
            Dmarc::Pass => "pass",
            Dmarc::Fail => "fail",
            Dmarc::PermError => "permerror",
        }
    }
}

/// What is wanted for mail that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Nothing.
    None,
    /// Suspicion.
    Quarantine,
    /// Refusal.
    Reject,
}

impl Wanted {
    fn parse(word: &str) -> Option<Wanted> {
        match word.to_ascii_lowercase().as_str() {
            "none" => Some(Wanted::None),
            "quarantine" => Some(Wanted::Quarantine),
            "reject" => Some(Wanted::Reject),
            _ => None,
        }
    }

    /// One step milder: what holds while the owner only tests (`t=y`).
    pub fn milder(self) -> Wanted {
        match self {
            Wanted::Reject => Wanted::Quarantine,
            Wanted::Quarantine | Wanted::None => Wanted::None,
        }
    }

    /// Does this ask for more than the other?
    pub fn is_harder_than(self, other: Wanted) -> bool {
        let rank = |wanted| match wanted {
            Wanted::None => 0,
            Wanted::Quarantine => 1,
            Wanted::Reject => 2,
        };
        rank(self) > rank(other)
    }
}

/// Whether domains below belong to others, as below `co.uk` (`psd=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicSuffix {
    /// They do.
    Yes,
    /// They do not: this domain is the top of its own.
    No,
    /// To be found out.
    Unknown,
}

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// For the domain itself.
    pub domain: Wanted,
    /// For domains below it.
    pub below: Wanted,
    /// For domains below it that do not exist.
    pub absent: Wanted,
    /// A signer must be the very domain.
    pub strict_dkim: bool,
    /// An envelope sender must be of the very domain.
    pub strict_spf: bool,
    /// What kind of domain it is.
    pub suffix: PublicSuffix,
    /// The owner only tests.
    pub testing: bool,
}

impl Record {
    /// Reads a TXT record; none if it is not meant for DMARC or says nothing that counts.
    pub fn parse(text: &[u8]) -> Option<Record> {
        let text = std::str::from_utf8(text).ok()?;
        let mut tags = text.split(';').map(|tag| {
            let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
            (name.trim().to_ascii_lowercase(), value.trim())
        });
        // RFC 9989 section 4.7: the version comes first, in these letters.
        if tags.next() != Some(("v".to_string(), "DMARC1")) {
            return None;
        }
        let tags: Vec<(String, &str)> = tags.collect();
        let tag =
            |name: &str| tags.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let is = |name: &str, letter: &str| {
            tag(name).is_some_and(|value| value.eq_ignore_ascii_case(letter))
        };
        // Without a policy that is understood, a record that asks for reports is one that wants nothing done.
        let domain = tag("p").and_then(Wanted::parse);
        let reports = tag("rua").is_some_and(|to| to.to_ascii_lowercase().contains("mailto:"));
        let domain = domain.or(reports.then_some(Wanted::None))?;
        let below = tag("sp").and_then(Wanted::parse).unwrap_or(domain);
        Some(Record {
            domain,
            below,
            absent: tag("np").and_then(Wanted::parse).unwrap_or(below),
            strict_dkim: is("adkim", "s"),
            strict_spf: is("aspf", "s"),
            suffix: match () {
                () if is("psd", "y") => PublicSuffix::Yes,
                () if is("psd", "n") => PublicSuffix::No,
                () => PublicSuffix::Unknown,
            },
            testing: is("t", "y"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        use Wanted::{None as Nothing, Quarantine, Reject};
        for (text, want) in [
            ("v=DMARC1; p=reject", Some((Reject, Reject, Reject))),
            ("v=DMARC1;p=quarantine;sp=none;np=reject;", Some((Quarantine, Nothing, Reject))),
            ("v=DMARC1 ; P = None ; sp=quarantine", Some((Nothing, Quarantine, Quarantine))),
            ("v=DMARC1; rua=mailto:a@example.org", Some((Nothing, Nothing, Nothing))),
            ("v=DMARC1; p=what; rua=mailto:a@example.org", Some((Nothing, Nothing, Nothing))),
            ("v=DMARC1; p=what", None),
            ("v=DMARC1", None),
            ("p=reject; v=DMARC1", None),
            ("v=dmarc1; p=reject", None),
            ("v=spf1 -all", None),
        ] {
            let record = Record::parse(text.as_bytes());
            let policies = record.map(|record| (record.domain, record.below, record.absent));
            assert_eq!(policies, want, "{text}");
        }
        let strict = Record::parse(b"v=DMARC1; p=none; adkim=s; aspf=S; t=y; psd=n").unwrap();
        assert!(strict.strict_dkim && strict.strict_spf && strict.testing);
        assert_eq!(strict.suffix, PublicSuffix::No);
    }
}
