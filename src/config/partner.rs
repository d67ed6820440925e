//! Partners: domains of others with which mail goes over TLS or not at all.

use crate::{
    base::limits,
    config::{
        error::Step::{self, At, Key},
        file::Config,
    },
    mail::Domain,
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// What is agreed with the owner of a domain about the way of mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PartnerEntry {
    /// The domain in addresses: exactly this one.
    pub domain: Domain,
    /// What is below the domain, too. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub subdomains: bool,
    /// What comes in from its senders: "required" refuses a sender of the domain that does not come over TLS, "optional" records how it came.
    pub inbound: PartnerInbound,
}

/// Is TLS demanded of who sends for the domain?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartnerInbound {
    /// It is recorded.
    Optional,
    /// MAIL in clear is refused.
    Required,
}

/// Partners by their domain.
#[derive(Debug, Clone, Default)]
pub struct Partners(HashMap<Domain, PartnerEntry>);

impl Partners {
    /// Of these.
    pub fn new(entries: &[PartnerEntry]) -> Partners {
        Partners(entries.iter().map(|entry| (entry.domain.clone(), entry.clone())).collect())
    }

    /// What is agreed with whoever has this domain: its own entry, or that of the nearest domain above it that says so of what is below.
    pub fn of(&self, domain: &Domain) -> Option<&PartnerEntry> {
        if let Some(own) = self.0.get(domain) {
            return Some(own);
        }
        let mut rest = domain.as_str();
        while let Some((_, above)) = rest.split_once('.') {
            let entry = Domain::parse(above).ok().and_then(|above| self.0.get(&above));
            if let Some(entry) = entry.filter(|entry| entry.subdomains) {
                return Some(entry);
            }
            rest = above;
        }
        None
    }

    /// Must who sends for this domain come over TLS?
    pub fn demands_inbound(&self, domain: &Domain) -> bool {
        self.of(domain).is_some_and(|entry| entry.inbound == PartnerInbound::Required)
    }
}

/// What is wrong, and the mend.
type Wrong = (Vec<Step>, String, &'static str);

/// The first mistake in what is agreed with partners.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    let place = |number| vec![Key("partner"), At(number), Key("domain")];
    if config.partners.len() > limits::PARTNERS_MAX {
        let message = format!("there are {} partners", config.partners.len());
        let place = vec![Key("partner"), At(limits::PARTNERS_MAX)];
        return Err((place, message, "keep to 10,000; subdomains = true covers what is below one"));
    }
    let mut seen = HashSet::new();
    for (number, entry) in config.partners.iter().enumerate() {
        if !seen.insert(&entry.domain) {
            let message = format!("the partner {} stands here twice", entry.domain);
            return Err((place(number), message, "remove one [[partner]]"));
        }
        if config.domains.iter().any(|own| own.name == entry.domain) {
            let message = format!("{} is a domain of ours, no partner's", entry.domain);
            return Err((
                place(number),
                message,
                "demand TLS of your own senders by tls = \"required\" at their listener",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_entry_holds() {
        let entry = |text: &str| toml::from_str::<PartnerEntry>(text).unwrap();
        let partners = Partners::new(&[
            entry("domain = \"region.example\"\nsubdomains = true\ninbound = \"required\""),
            entry("domain = \"lab.region.example\"\ninbound = \"optional\""),
            entry("domain = \"clinic.example\"\ninbound = \"required\""),
        ]);
        for (name, want) in [
            ("region.example", true),
            ("hospital.region.example", true),
            ("a.hospital.region.example", true),
            ("lab.region.example", false),
            // What is below the lab is below the region, too.
            ("x.lab.region.example", true),
            ("clinic.example", true),
            ("x.clinic.example", false),
            ("otherregion.example", false),
        ] {
            assert_eq!(partners.demands_inbound(&Domain::parse(name).unwrap()), want, "{name}");
        }
    }
}
