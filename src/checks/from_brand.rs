//! The sender calls itself by a well-known name and writes from a domain that is not that name's: `PostNord <x@evil.example>`;
//! or by the name of a service alone, from a free mailbox: `Support <x@gmail.com>`.
//!
//! Or the address is the brand's, and nobody who could show it speaks for it.
//!
//! Only the bare name, or the name with words of service, claims to be the brand (see `known/brands`); "Anna at Nordea" does not.
//! Outbound too: a hacked account of ours does exactly this. Lists that rewrite From are eased.

use super::{
    Case, Check, Finding,
    known::{brands, hosts::is_freemail},
};
use crate::{config::policy::Category, facts::Known};

pub(super) const CHECK: Check = Check {
    ids: &["from.brand", "from.brand_unauthenticated", "from.service_at_freemail"],
    about: "The sender's name is a well-known bank, authority or service, or a support desk, and the address is not theirs, or not shown to be.",
    plain: "The sender uses a name that does not fit the address the mail is from.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(from) = case.from() else { return };
    // Without an address that is one, the name is nobody's.
    let owner = case.from_owner().unwrap_or_default();
    if is_freemail(&owner) && brands::is_service_only(&from.name) {
        let because = format!("a name of a service, an address at {owner}");
        findings.push(Finding::new("from.service_at_freemail", Category::Phish, 1.5, because));
    }
    // Of a mailbox provider's domain anybody has an address.
    let brand_of_address = brands::owner_of(&owner).filter(|_| !is_freemail(&owner));
    if let Some(brand) = brand_of_address.filter(|_| is_unauthenticated(case)) {
        let because =
            format!("{owner} is {}'s, and nobody who could show it speaks for it", brand.name);
        let finding = Finding::new("from.brand_unauthenticated", Category::Phish, 1.5, because);
        findings.push(finding.telling(
            "The mail uses the address of a well-known sender, who did not vouch for it.",
        ));
    }
    let Some(brand) = brands::claimed_by(&from.name) else { return };
    if brand.owns(&owner) && brand_of_address.is_some() {
        return;
    }
    let weight =
        if case.is_list() && from.name.to_lowercase().contains(" via ") { 0.5 } else { 4.0 };
    let address = if owner.is_empty() { "none" } else { &owner };
    let because = format!("the name says {}, the address is of {address}", brand.name);
    findings.push(Finding::new("from.brand", Category::Phish, weight, because));
}

/// It was asked who speaks for the domain in From, and nobody does. Lists and forwarders break what would show it.
fn is_unauthenticated(case: &Case) -> bool {
    match &case.facts.dmarc {
        Known::Yes(_) => {
            let author = case.from().and_then(|from| from.domain());
            let passed_on = author.is_some_and(|author| case.forwarder(&author).is_some());
            !case.is_authenticated() && !passed_on && !case.is_list() && case.is_inbound()
        }
        Known::No(_) | Known::NotAsked => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, mail},
        facts::{Facts, auth::dmarc::DmarcFact},
        wire::auth::{Dkim, Dmarc, Signature, dmarc::Wanted},
    };

    #[test]
    fn finds() {
        for (from, want) in [
            ("PostNord <no-reply@postnord.se>", &[][..]),
            ("PostNord <no-reply@mail.postnord.com>", &[]),
            ("PostNord Sverige <no-reply@paket.example>", &["from.brand"]),
            ("=?utf-8?Q?N=D0=BErdea?= <x@evil.example>", &["from.brand"]),
            ("Apple Support <x@gmail.com>", &["from.brand"]),
            ("Microsoft Support <x@outlook.com>", &["from.brand"]),
            ("Microsoft Support <x@accountprotection.microsoft.com>", &[]),
            ("OmaVero <x@evil.example>", &["from.brand"]),
            ("Customer Service <x@gmail.com>", &["from.service_at_freemail"]),
            ("Support <support@firma.example>", &[]),
            ("Apple <appelkvist@firma.example>", &[]),
            ("Anna på Nordea <anna@privat.example>", &[]),
            ("Microsoft account team ,_ <x@evil.example>", &["from.brand"]),
            ("Elisa Virtanen <elisa@firma.example>", &[]),
            ("<postnord@firma.example>", &[]),
            ("PostNord <info@%postnord>", &["from.brand"]),
        ] {
            expect(&CHECK, &Setting::default(), &mail(from, "hi"), want);
        }
    }

    #[test]
    fn a_brands_own_address_that_nobody_speaks_for() {
        let dmarc = |result| {
            Known::Yes(DmarcFact {
                result,
                domain: "postnord.se".to_string(),
                wanted: Wanted::None,
                because: String::new(),
            })
        };
        let signed = |domain: &str| {
            Known::Yes(vec![Signature {
                result: Dkim::Pass,
                domain: domain.to_string(),
                selector: "a".to_string(),
                because: String::new(),
            }])
        };
        let none = || Known::Yes(Vec::new());
        for (dmarc, dkim, want) in [
            (dmarc(Dmarc::Pass), none(), &[][..]),
            (dmarc(Dmarc::Fail), none(), &["from.brand_unauthenticated"]),
            (dmarc(Dmarc::None), none(), &["from.brand_unauthenticated"]),
            (dmarc(Dmarc::None), signed("mail.postnord.se"), &[]),
            (dmarc(Dmarc::None), signed("evil.example"), &["from.brand_unauthenticated"]),
            (Known::No("no answer".to_string()), none(), &[]),
            (Known::NotAsked, none(), &[]),
        ] {
            let facts = Facts { dmarc, dkim, ..Facts::default() };
            let setting = Setting { facts, ..Setting::default() };
            expect(&CHECK, &setting, &mail("PostNord <x@postnord.se>", "hi"), want);
            expect(&CHECK, &setting, &mail("x@example.org", "hi"), &[]);
        }
    }
}
