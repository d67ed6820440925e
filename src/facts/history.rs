//! What is remembered of how an organisation and a sender have written to each other.
//!
//! Counted only for senders whose domain was authenticated: what a forger writes earns him nothing, and costs nobody else anything.

use crate::{
    facts::{
        Known,
        auth::{SpfFact, dmarc::DmarcFact},
    },
    mail::Domain,
    wire::auth::{Dkim, Dmarc, Signature, Spf},
};
use serde::{Deserialize, Serialize};

/// What is remembered, stored with the mail. All counts are of mails, and fade with time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Somebody speaks for the domain in From (DMARC, or an aligned SPF or DKIM pass): the counts are about who it says it is.
    pub authenticated: bool,
    /// It answers a mail that one of its recipients sent to this very address.
    pub answers_ours: bool,
    /// Mails that its recipients have sent to this address.
    #[serde(serialize_with = "crate::base::number::write")]
    pub written_to_address: f32,
    /// Mails that its recipients' organisation has sent to this domain.
    #[serde(serialize_with = "crate::base::number::write")]
    pub written_to_domain: f32,
    /// Mails that came from this address to this organisation, and were not unwanted.
    #[serde(serialize_with = "crate::base::number::write")]
    pub came_from_address: f32,
    /// Mails that came from this domain to this organisation, and were not unwanted.
    #[serde(serialize_with = "crate::base::number::write")]
    pub came_from_domain: f32,
    /// Mails of this domain that were held or refused.
    #[serde(serialize_with = "crate::base::number::write")]
    pub unwanted_from_domain: f32,
    /// How long this domain has been known here; none if this is the first time.
    pub domain_known_days: Option<u32>,
    /// How many times its fullest day before, this domain has sent today; none where it is too new or sends too little to tell.
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub volume_jump: Option<f32>,
    /// Mails that came from the client's network (/24, /48), whoever they said they were from, and were not unwanted.
    #[serde(serialize_with = "crate::base::number::write")]
    pub came_from_network: f32,
    /// Mails of this network that were held or refused.
    #[serde(serialize_with = "crate::base::number::write")]
    pub unwanted_from_network: f32,
}

impl History {
    /// Nobody here has written to this address, and it has not written here, as itself, before.
    pub fn is_first_contact(&self) -> bool {
        !self.answers_ours
            && self.written_to_address <= 0.0
            && !(self.authenticated && self.came_from_address > 0.0)
    }

    /// What two organisations remember of the sender of a mail to both, read so that neither's trust counts for the other.
    pub fn or_less(self, other: History) -> History {
        let jump = |jump: Option<f32>| jump.unwrap_or(0.0);
        History {
            authenticated: self.authenticated && other.authenticated,
            answers_ours: self.answers_ours && other.answers_ours,
            written_to_address: self.written_to_address.min(other.written_to_address),
            written_to_domain: self.written_to_domain.min(other.written_to_domain),
            came_from_address: self.came_from_address.min(other.came_from_address),
            came_from_domain: self.came_from_domain.min(other.came_from_domain),
            unwanted_from_domain: self.unwanted_from_domain.min(other.unwanted_from_domain),
            domain_known_days: self.domain_known_days.min(other.domain_known_days),
            volume_jump: match jump(self.volume_jump) < jump(other.volume_jump) {
                true => self.volume_jump,
                false => other.volume_jump,
            },
            came_from_network: self.came_from_network.max(other.came_from_network),
            unwanted_from_network: self.unwanted_from_network.min(other.unwanted_from_network),
        }
    }
}

/// Does anybody who passed speak for this domain, the one in From? What could not be asked speaks for nobody.
pub fn is_authenticated(
    from: &Domain,
    dmarc: &Known<DmarcFact>,
    spf: &Known<SpfFact>,
    dkim: &Known<Vec<Signature>>,
) -> bool {
    if let Known::Yes(fact) = dmarc {
        match fact.result {
            Dmarc::Pass => return fact.domain == from.as_str(),
            // Its owner has said who speaks for it, or nobody can tell whose the mail is.
            Dmarc::Fail | Dmarc::PermError => return false,
            Dmarc::None => (),
        }
    }
    let is_aligned = |domain: &str| {
        Domain::parse(domain).is_ok_and(|domain| domain.registered() == from.registered())
    };
    let by_spf = match spf {
        Known::Yes(fact) => fact.result == Spf::Pass && !fact.of_helo && is_aligned(&fact.domain),
        Known::No(_) | Known::NotAsked => false,
    };
    let by_dkim = match dkim {
        Known::Yes(signatures) => {
            signatures.iter().any(|one| one.result == Dkim::Pass && is_aligned(&one.domain))
        }
        Known::No(_) | Known::NotAsked => false,
    };
    by_spf || by_dkim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::auth::dmarc::Wanted;

    #[test]
    fn whoever_was_written_to_or_wrote_as_himself_is_no_stranger() {
        let strange = History::default();
        for (what, history, want) in [
            ("nothing is known", strange.clone(), true),
            ("he was written to", History { written_to_address: 0.5, ..strange.clone() }, false),
            ("he answers", History { answers_ours: true, ..strange.clone() }, false),
            (
                "a forger of a known one",
                History { came_from_address: 9.0, ..strange.clone() },
                true,
            ),
            (
                "a known one",
                History { authenticated: true, came_from_address: 9.0, ..strange },
                false,
            ),
        ] {
            assert_eq!(history.is_first_contact(), want, "{what}");
        }
    }

    #[test]
    fn of_a_mail_to_two_the_smaller_trust_counts() {
        let knows = History {
            authenticated: true,
            answers_ours: true,
            written_to_address: 9.0,
            written_to_domain: 9.0,
            domain_known_days: Some(400),
            volume_jump: Some(20.0),
            ..History::default()
        };
        let strange = History { authenticated: true, ..History::default() };
        assert_eq!(knows.clone().or_less(strange.clone()), strange);
        assert_eq!(strange.clone().or_less(knows), strange);
    }

    #[test]
    fn only_whoever_passed_for_the_domain_in_from_is_authenticated() {
        let dmarc = |result, domain: &str| {
            let (domain, because) = (domain.to_string(), String::new());
            Known::Yes(DmarcFact { result, domain, wanted: Wanted::None, because })
        };
        let spf = |result, domain: &str, of_helo| {
            let (domain, because) = (domain.to_string(), String::new());
            Known::Yes(SpfFact { result, domain, of_helo, because })
        };
        let dkim = |result, domain: &str| {
            let (domain, selector) = (domain.to_string(), "s".to_string());
            Known::Yes(vec![Signature { result, domain, selector, because: String::new() }])
        };
        let unknown = || "no answer".to_string();
        let firm = "firm.example";
        for (what, dmarc, spf, dkim, want) in [
            ("DMARC", dmarc(Dmarc::Pass, firm), Known::NotAsked, Known::NotAsked, true),
            ("another's", dmarc(Dmarc::Pass, "x.example"), Known::NotAsked, Known::NotAsked, false),
            (
                "its owner says no",
                dmarc(Dmarc::Fail, firm),
                spf(Spf::Pass, "mail.firm.example", false),
                Known::NotAsked,
                false,
            ),
            (
                "SPF of the domain below",
                dmarc(Dmarc::None, firm),
                spf(Spf::Pass, "mail.firm.example", false),
                Known::NotAsked,
                true,
            ),
            (
                "SPF of HELO",
                dmarc(Dmarc::None, firm),
                spf(Spf::Pass, firm, true),
                Known::NotAsked,
                false,
            ),
            (
                "SPF of another",
                dmarc(Dmarc::None, firm),
                spf(Spf::Pass, "x.example", false),
                dkim(Dkim::Fail, firm),
                false,
            ),
            (
                "a signature, though DMARC is silent",
                Known::No(unknown()),
                Known::No(unknown()),
                dkim(Dkim::Pass, firm),
                true,
            ),
            (
                "nobody answered",
                Known::No(unknown()),
                Known::No(unknown()),
                Known::No(unknown()),
                false,
            ),
        ] {
            let from = Domain::parse(firm).unwrap();
            assert_eq!(is_authenticated(&from, &dmarc, &spf, &dkim), want, "{what}");
        }
    }
}
