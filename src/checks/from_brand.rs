//! The sender calls itself by a well-known name and writes from a domain that is not that name's: `PostNord <x@evil.example>`;
//! or by the name of a service alone, from a free mailbox: `Support <x@gmail.com>`.
//!
//! Only the bare name, or the name with words of service, claims to be the brand (see `known/brands`); "Anna at Nordea" does not.
//! Outbound too: a hacked account of ours does exactly this. Lists that rewrite From are eased.

use super::{
    Case, Check, Finding,
    known::{brands, hosts::is_freemail},
};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["from.brand", "from.service_at_freemail"],
    about: "The sender's name is a well-known bank, authority or service, or a support desk, and the address is not theirs.",
    plain: "The sender uses a name that does not fit the address the mail is from.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let (Some(from), Some(owner)) = (case.from(), case.from_owner()) else { return };
    if is_freemail(&owner) && brands::is_service_only(&from.name) {
        let because = format!("a name of a service, an address at {owner}");
        findings.push(Finding::new("from.service_at_freemail", Category::Phish, 1.5, because));
    }
    let Some(brand) = brands::claimed_by(&from.name) else { return };
    // Of a mailbox provider's domain anybody has an address.
    if brand.owns(&owner) && !is_freemail(&owner) {
        return;
    }
    let weight =
        if case.is_list() && from.name.to_lowercase().contains(" via ") { 0.5 } else { 4.0 };
    let because = format!("the name says {}, the address is of {owner}", brand.name);
    findings.push(Finding::new("from.brand", Category::Phish, weight, because));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, mail};

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
        ] {
            expect(&CHECK, &Setting::default(), &mail(from, "hi"), want);
        }
    }
}
