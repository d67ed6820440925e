//! A link whose host is drawn like another: Latin letters mixed with Cyrillic or Greek ones, a brand spelled with digits (`n0rdea`), a brand
//! as one piece of somebody else's name (`postnord-paket`), or a brand's whole domain in front of the real one (`nordea.se.example.top`).
//!
//! Nordic domains with å, ä, ö, æ, ø are Latin and never count, nor do names in Cyrillic alone.

use super::{
    Case, Check, Finding,
    known::{
        brands::{self, Imitation},
        hosts::is_freemail,
    },
    read::{hosts, letters},
};
use crate::config::policy::Category;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    ids: &[
        "link.mixed_letters",
        "link.brand_lookalike",
        "link.brand_in_name",
        "link.brand_in_front",
    ],
    about: "A link leads to a host that is made to look like another.",
    plain: "A link in the mail leads to a site that is made to look like another.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let clicked = case.contents.links.iter().filter(|link| !link.fetched && !link.host.is_empty());
    let hosts: BTreeSet<&str> = clicked.map(|link| link.host.as_str()).collect();
    let mut seen = BTreeSet::new();
    for host in hosts {
        if let Some((id, weight, because)) =
            lookalike(case, host).filter(|(id, _, _)| seen.insert(*id))
        {
            findings.push(Finding::new(id, Category::Phish, weight, because));
        }
    }
}

fn lookalike(case: &Case, host: &str) -> Option<(&'static str, f32, String)> {
    let owner = hosts::owner(host)?;
    if host.contains("xn--")
        && idna::domain_to_unicode(host).0.split('.').any(letters::is_disguised)
    {
        return Some(("link.mixed_letters", 3.0, format!("{host} mixes alphabets")));
    }
    if let Some(brand) = in_front(host, &owner) {
        return Some(("link.brand_in_front", 3.0, format!("{host} begins with {brand}")));
    }
    // What a brand itself links to is its own, though the list does not know it.
    let (brand, imitation) = brands::imitated_by(&owner).filter(|(brand, _)| {
        case.from_owner().is_none_or(|from| !brand.owns(&from) || is_freemail(&from))
    })?;
    match imitation {
        Imitation::Lookalike => {
            Some(("link.brand_lookalike", 3.0, format!("{owner} looks like {}", brand.name)))
        }
        // A fan, a dealer or a law firm may have such a name; then it is its own sender.
        Imitation::Piece if case.from_owner().as_deref() == Some(&owner) => Some((
            "link.brand_in_name",
            0.5,
            format!("{owner} contains {}, and is the sender", brand.name),
        )),
        Imitation::Piece => {
            Some(("link.brand_in_name", 2.0, format!("{owner} contains {}", brand.name)))
        }
    }
}

/// A brand's registered domain among the labels in front of the real one.
fn in_front(host: &str, owner: &str) -> Option<String> {
    let labels: Vec<&str> = hosts::below(host, owner).split('.').collect();
    labels
        .windows(2)
        .map(|pair| pair.join("."))
        .find(|pair| brands::owner_of(pair).is_some_and(|brand| !brand.owns(owner)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, expect_in, links, mail};

    #[test]
    fn finds() {
        for (target, want) in [
            ("https://www.nordea.se/", &[][..]),
            ("https://räksmörgås.example/", &[]),
            ("https://xn--rksmrgs-5wao1o.example/", &[]),
            ("https://xn--nrdea-jye.example/", &["link.mixed_letters"]),
            ("https://n0rdea.example/", &["link.brand_lookalike"]),
            ("https://postnord-paket.example/", &["link.brand_in_name"]),
            ("https://nordea.se.login.example/", &["link.brand_in_front"]),
            ("https://www.paypal.com.shop.example/", &["link.brand_in_front"]),
            ("https://apple-pie.example/", &[]),
            ("https://microsoft.example.org/", &[]),
            ("mailto:a@example.org", &[]),
        ] {
            expect_in(&CHECK, links(&[(target, "")]), want);
        }
    }

    #[test]
    fn a_brands_own_mail_imitates_nobody() {
        for (from, want) in [
            ("PostNord <a@postnord.se>", &[][..]),
            ("PostNord <a@example.org>", &["link.brand_in_name"]),
        ] {
            let setting = Setting::holding(links(&[("https://postnord-paket.example/", "")]));
            expect(&CHECK, &setting, &mail(from, "hi"), want);
        }
    }
}
