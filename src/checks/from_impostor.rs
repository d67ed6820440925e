//! The sender bears the name of somebody here and writes from elsewhere: `Anna Andersson <director.office@gmail.com>`. Most mail programs
//! show the name only.
//!
//! The management is named in the configuration (`vips`), with the addresses elsewhere that are theirs. Of everybody else, known from the
//! lists of recipients, it is said only where a free mailbox or a first contact adds to it, and weighs little: in a large house every name
//! has namesakes. Services that write in a person's name (invitations, shared documents) and mailing lists are eased.

use super::{
    Case, Check, Finding,
    house::{Closeness, Namesake},
    known::{brands, hosts::is_freemail},
};
use crate::{config::policy::Category, facts::Known, mail::Mailbox};

pub(super) const CHECK: Check = Check {
    ids: &["from.vip_elsewhere", "from.colleague_elsewhere"],
    about: "The sender's name is that of a person of the organisation, and the address is a stranger's.",
    plain: "The sender uses the name of a person you know, and the address is not theirs.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(from) = case.from().filter(|_| case.is_inbound()) else { return };
    let Some(owner) = case.from_owner() else { return };
    let is_strange = is_freemail(&owner) || case.is_first_contact();
    let foreign = case.houses.iter().filter(|house| !house.owns(&owner));
    let namesakes = foreign.filter_map(|house| house.namesake(shown(&from), &from.address));
    let weighed = namesakes.map(|namesake| match namesake {
        Namesake::Vip(Closeness::Same) => (3.5_f32, namesake),
        Namesake::Vip(Closeness::Near) => (1.5, namesake),
        Namesake::Colleague if is_strange => (1.0, namesake),
        Namesake::Colleague => (0.0, namesake),
    });
    let worst = weighed.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(weight, _)| *weight > 0.0);
    let Some((weight, namesake)) = worst else { return };
    let (id, whose) = match namesake {
        Namesake::Vip(_) => ("from.vip_elsewhere", "one of the vips"),
        Namesake::Colleague => ("from.colleague_elsewhere", "somebody who has a mailbox here"),
    };
    let because = format!("the name is that of {whose}, the address is at {owner}");
    let weight = if is_eased(case, &from, &owner) { weight * EASED } else { weight };
    findings.push(Finding::new(id, Category::Phish, weight, because));
}

/// The name that a reader sees; without one, that is the address.
pub(super) fn shown(mailbox: &Mailbox) -> &str {
    let local = mailbox.address.rsplit_once('@').map_or("", |(local, _)| local);
    match mailbox.name.trim() {
        "" => local,
        name if name.contains('@') => name.split('@').next().unwrap_or(local),
        name => name,
    }
}

/// Lists, services that write in people's names, and an address that somebody here has written to.
fn is_eased(case: &Case, from: &Mailbox, owner: &str) -> bool {
    let relayed = case.is_list() && from.name.to_lowercase().contains(" via ");
    let service = brands::owner_of(owner).is_some() && !is_freemail(owner);
    let known = match &case.facts.history {
        Known::Yes(history) => history.authenticated && history.written_to_address > 0.0,
        Known::No(_) | Known::NotAsked => false,
    };
    relayed || service || known
}

/// What is left of a weight where an honest reason is likely.
const EASED: f32 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::{
            House,
            house::{Foundation, People},
            testing::{Setting, expect, found, mail},
        },
        facts::{Facts, history::History},
        mail::Domain,
    };

    fn setting(facts: Facts) -> Setting {
        let mut people = People::in_house(["firm".to_string()]);
        people.add_vip("Anna Andersson", ["anna@home.example".to_string()]);
        people.add_mailbox("bo.berg");
        let mut foundation = Foundation::default();
        foundation.own(&Domain::parse("firm.example").unwrap());
        let house: House = foundation.house(&[], people);
        Setting { house, facts, ..Setting::default() }
    }

    #[test]
    fn names_of_ours_at_strangers() {
        for (from, want) in [
            ("Anna Andersson <anna@firm.example>", &[][..]),
            ("Anna Andersson <anna@mail.firm.example>", &[]),
            ("Anna Andersson <anna@home.example>", &[]),
            ("Anna Andersson <x@gmail.com>", &["from.vip_elsewhere"]),
            ("Andersson, Anna <x@evil.example>", &["from.vip_elsewhere"]),
            ("\"Anna Andersson (CEO)\" <x@evil.example>", &["from.vip_elsewhere"]),
            ("=?utf-8?Q?=D0=90nna_Andersson?= <x@evil.example>", &["from.vip_elsewhere"]),
            ("A. Andersson <x@evil.example>", &["from.vip_elsewhere"]),
            ("anna.andersson@gmail.com", &["from.vip_elsewhere"]),
            ("\"anna.andersson@firm.example\" <x@evil.example>", &["from.vip_elsewhere"]),
            ("Anna Berg <x@gmail.com>", &[]),
            ("Bo Berg <x@gmail.com>", &["from.colleague_elsewhere"]),
            ("Bo Berg <bo@other.example>", &[]),
            ("Bo Berg <bo.berg@firm.example>", &[]),
        ] {
            let facts = Facts::default();
            expect(&CHECK, &setting(facts.clone()), &mail(from, "hi"), want);
            expect(&CHECK, &setting(facts).outbound(), &mail(from, "hi"), &[]);
        }
        let first = || Facts { history: Known::Yes(History::default()), ..Facts::default() };
        let other = mail("Bo Berg <bo@other.example>", "hi");
        expect(&CHECK, &setting(first()), &other, &["from.colleague_elsewhere"]);
    }

    #[test]
    fn honest_reasons_ease_it() {
        let known = History { authenticated: true, written_to_address: 1.0, ..History::default() };
        let known = Facts { history: Known::Yes(known), ..Facts::default() };
        for (from, extra, facts, want) in [
            ("Anna Andersson <x@gmail.com>", "", Facts::default(), 3.5),
            ("A. Andersson <x@gmail.com>", "", Facts::default(), 1.5),
            ("Anna Andersson <x@gmail.com>", "", known, 0.7),
            ("Anna Andersson <invitations@linkedin.com>", "", Facts::default(), 0.7),
            ("Anna Andersson via Board <b@lists.example>", "List-Id: <b>\n", Facts::default(), 0.7),
        ] {
            let text = extra.to_string() + &mail(from, "hi");
            let found = found(&CHECK, &setting(facts), &text);
            let weights: Vec<f32> = found.iter().map(|finding| finding.weight).collect();
            assert!(
                matches!(weights[..], [weight] if (weight - want).abs() < 0.01),
                "{from} {weights:?}"
            );
        }
    }
}
