//! `[authentication]`: what follows from who a sender could show to be.

use crate::{
    config::{lists::Entry, policy::Action},
    mail::Domain,
};
use serde::{Deserialize, Serialize};

/// Who is trusted to pass mail on, and what is done with mail that nobody speaks for. Without this section DMARC's own wishes are followed
/// by holding, SPF failures weigh, and mail that comes from outside in the name of an own domain is marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Authentication {
    /// Servers that pass on mail for your people: "192.0.2.0/24", "forward.example" (a host of that name, whose address leads back to it, or
    /// whose envelope sender passed SPF), ".forward.example" (and all below). Passing on breaks SPF and often DKIM; what comes through them
    /// is eased: neither DMARC nor SPF holds or refuses it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forwarders: Vec<Entry>,
    /// Domains whose ARC seals are believed: mailing lists and mail services. A mail for which one of them found DMARC passed, sealed by nobody
    /// else since, is eased in the same way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_sealers: Vec<Domain>,
    /// What an SPF failure ("-all") of the envelope sender does: "weigh" (default), or "refuse" at RCPT, where the policy is in force.
    pub spf_fail: SpfFail,
    /// Mail from outside with an own domain in From that nobody speaks for: "deliver", "mark" (default), "quarantine" or "reject".
    /// Put everything that sends for your domains into their SPF and DKIM, then choose "quarantine".
    pub own_domains: Action,
    /// Domains, with those below them, whose mail is held unless somebody who passed speaks for it: banks, authorities. Asked again later
    /// while the name servers do not answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub must_authenticate: Vec<Domain>,
    /// What differs for single domains.
    #[serde(rename = "domain", skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainRule>,
}

/// One `[[authentication.domain]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DomainRule {
    /// A domain in From, with those below it; of several the longest counts.
    pub name: Domain,
    /// What is done when DMARC fails, whatever the domain itself asks for: "deliver", "mark", "quarantine" or "reject".
    pub dmarc_fail: Action,
}

/// What an SPF failure does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpfFail {
    /// It is a finding.
    #[default]
    Weigh,
    /// 550 at RCPT.
    Refuse,
}

impl Default for Authentication {
    fn default() -> Authentication {
        Authentication {
            forwarders: Vec::new(),
            trusted_sealers: Vec::new(),
            spf_fail: SpfFail::default(),
            own_domains: Action::Mark,
            must_authenticate: Vec::new(),
            domains: Vec::new(),
        }
    }
}

impl Authentication {
    /// Nothing differs from the default.
    pub(super) fn is_default(&self) -> bool {
        *self == Authentication::default()
    }

    /// What is done when DMARC fails for this domain in From, where it is said.
    pub fn dmarc_fail(&self, author: &Domain) -> Option<Action> {
        let rules = self.domains.iter().filter(|rule| author.is_within(&rule.name));
        rules.max_by_key(|rule| rule.name.as_str().len()).map(|rule| rule.dmarc_fail)
    }

    /// Has somebody to speak for this domain?
    pub fn must_authenticate(&self, author: &Domain) -> bool {
        self.must_authenticate.iter().any(|name| author.is_within(name))
    }

    /// Is a server of this name, or one that may send for it, a forwarder?
    pub fn forwards(&self, name: &Domain) -> bool {
        self.forwarders.iter().any(|entry| match entry {
            Entry::Domain(domain) => domain == name,
            Entry::Below(domain) => name.is_within(domain),
            Entry::Address(_) | Entry::Network(_) => false,
        })
    }

    /// Is this client a forwarder?
    pub fn forwards_from(&self, client: std::net::IpAddr) -> bool {
        self.forwarders.iter().any(|entry| match entry {
            Entry::Network(network) => network.contains(&client),
            Entry::Address(_) | Entry::Domain(_) | Entry::Below(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_counts() {
        let domain = |text| Domain::parse(text).unwrap();
        let rule = |name, dmarc_fail| DomainRule { name: domain(name), dmarc_fail };
        let rules = Authentication {
            domains: vec![
                rule("firm.example", Action::Reject),
                rule("list.firm.example", Action::Deliver),
            ],
            must_authenticate: vec![domain("bank.example")],
            ..Authentication::default()
        };
        for (name, want) in [
            ("firm.example", Some(Action::Reject)),
            ("a.firm.example", Some(Action::Reject)),
            ("a.list.firm.example", Some(Action::Deliver)),
            ("other.example", None),
            ("notfirm.example", None),
        ] {
            assert_eq!(rules.dmarc_fail(&domain(name)), want, "{name}");
        }
        assert!(rules.must_authenticate(&domain("mail.bank.example")));
        assert!(!rules.must_authenticate(&domain("mybank.example")));
    }
}
