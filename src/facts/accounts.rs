//! Which of the accounts in a mail its sender has written before.
//!
//! A correspondent is a domain as it was registered, or a single address where the domain is everybody's. What was learned was learned from mail
//! that somebody spoke for; what is asked is asked of every mail, for whoever pretends to be a supplier names an account of his own.

use super::{Facts, Known};
use crate::{
    mail::Header,
    wire::auth::{Dkim, Dmarc, Spf},
};
use serde::{Deserialize, Serialize};

/// What is remembered of the sender of a mail with accounts, stored with it. No account stands here, only the end of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Does anybody who could show it speak for the domain in From?
    pub authenticated: Known<bool>,
    /// Mails with accounts that were delivered from this correspondent.
    pub invoices: u32,
    /// Different accounts that came after the first of them, and that nobody has approved.
    pub later: u32,
    /// Those in this mail.
    pub here: Vec<Account>,
}

/// One account in the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// How it is written: `se.bankgiro`.
    pub kind: String,
    /// Its last digits.
    pub ends: String,
    /// The part it stands in.
    pub part: String,
    /// When it was seen before.
    pub before: Before,
}

/// When an account was seen before, from the same correspondent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// Never.
    Never,
    /// For the first time so many days ago, when so many mails with accounts had come.
    Seen {
        /// Days since.
        days: u32,
        /// Mails with accounts before it.
        invoices_then: u32,
    },
    /// Somebody has said that it is right.
    Approved,
}

/// Does anybody speak for the domain in From: by DMARC, or, where nothing is published, by SPF or DKIM for the same registered domain?
pub fn authenticated(header: &Header, facts: &Facts) -> Known<bool> {
    let dmarc = match &facts.dmarc {
        Known::Yes(fact) => fact.result,
        Known::No(why) => return Known::No(why.clone()),
        Known::NotAsked => return Known::NotAsked,
    };
    match dmarc {
        Dmarc::Pass => Known::Yes(true),
        Dmarc::None => without_dmarc(header, facts),
        Dmarc::Fail | Dmarc::PermError => Known::Yes(false),
    }
}

fn without_dmarc(header: &Header, facts: &Facts) -> Known<bool> {
    let mailboxes = header.mailboxes("From");
    let author = mailboxes.first().and_then(crate::mail::Mailbox::domain);
    let Some(author) = author else { return Known::Yes(false) };
    let is_own = |domain: &str| {
        let domain = crate::mail::Domain::parse(domain.trim_end_matches('.'));
        domain.is_ok_and(|domain| domain.registered() == author.registered())
    };
    let mut unknown = None;
    match &facts.spf {
        Known::Yes(spf) if spf.result == Spf::Pass && !spf.of_helo && is_own(&spf.domain) => {
            return Known::Yes(true);
        }
        Known::No(why) => unknown = Some(why.clone()),
        Known::Yes(_) | Known::NotAsked => (),
    }
    match &facts.dkim {
        Known::Yes(signatures) => {
            let signed =
                |result| signatures.iter().any(|one| one.result == result && is_own(&one.domain));
            if signed(Dkim::Pass) {
                return Known::Yes(true);
            }
            if signed(Dkim::TempError) {
                unknown = Some("a key could not be asked for".to_string());
            }
        }
        Known::No(why) => unknown = Some(why.clone()),
        Known::NotAsked => (),
    }
    unknown.map_or(Known::Yes(false), Known::No)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::auth::{SpfFact, dmarc::DmarcFact},
        wire::auth::{Signature, dmarc::Wanted},
    };

    fn dmarc(result: Dmarc) -> Known<DmarcFact> {
        let (domain, because) = ("firm.example".to_string(), String::new());
        Known::Yes(DmarcFact { result, domain, wanted: Wanted::None, because })
    }

    fn spf(result: Spf, domain: &str, of_helo: bool) -> Known<SpfFact> {
        Known::Yes(SpfFact { result, domain: domain.to_string(), of_helo, because: String::new() })
    }

    fn dkim(result: Dkim, domain: &str) -> Known<Vec<Signature>> {
        let (selector, because) = ("a".to_string(), String::new());
        Known::Yes(vec![Signature { result, domain: domain.to_string(), selector, because }])
    }

    #[test]
    fn somebody_must_speak_for_the_domain_that_is_seen() {
        let header = Header::read(b"From: Anna <anna@bill.firm.example>\n\n").unwrap();
        let none = dmarc(Dmarc::None);
        for (what, facts, want) in [
            ("nobody was asked", Facts::default(), Known::NotAsked),
            (
                "DMARC passes",
                Facts { dmarc: dmarc(Dmarc::Pass), ..Facts::default() },
                Known::Yes(true),
            ),
            (
                "DMARC fails, whatever SPF says",
                Facts {
                    dmarc: dmarc(Dmarc::Fail),
                    spf: spf(Spf::Pass, "firm.example", false),
                    ..Facts::default()
                },
                Known::Yes(false),
            ),
            (
                "SPF for the same firm",
                Facts {
                    dmarc: none.clone(),
                    spf: spf(Spf::Pass, "mail.firm.example", false),
                    ..Facts::default()
                },
                Known::Yes(true),
            ),
            (
                "SPF for another firm",
                Facts {
                    dmarc: none.clone(),
                    spf: spf(Spf::Pass, "other.example", false),
                    ..Facts::default()
                },
                Known::Yes(false),
            ),
            (
                "SPF for what was said in HELO",
                Facts {
                    dmarc: none.clone(),
                    spf: spf(Spf::Pass, "firm.example", true),
                    ..Facts::default()
                },
                Known::Yes(false),
            ),
            (
                "a signature of the same firm",
                Facts {
                    dmarc: none.clone(),
                    dkim: dkim(Dkim::Pass, "firm.example"),
                    ..Facts::default()
                },
                Known::Yes(true),
            ),
            (
                "a signature that does not fit",
                Facts {
                    dmarc: none.clone(),
                    dkim: dkim(Dkim::Fail, "firm.example"),
                    ..Facts::default()
                },
                Known::Yes(false),
            ),
            (
                "no answer",
                Facts { dmarc: none, spf: Known::No("slow".to_string()), ..Facts::default() },
                Known::No("slow".to_string()),
            ),
        ] {
            assert_eq!(authenticated(&header, &facts), want, "{what}");
        }
    }
}
