//! A policy of a domain's own: a copy of the one that it has, under a new name, given to it. Whoever looks after some domains changes that one
//! as they like; what others have stays as it is.

use super::{
    domain_form::Reach,
    domains::page_of,
    holds::Holds,
    operate::{back, not_found, sentence},
    policy::{self, put_in_force},
    policy_form::comment,
};
use crate::{
    base::clock::UnixMs,
    config::layers::{AnyDomain, Kind, Target},
    edge::{
        http::{
            Needs, Place, Route,
            frame::Note,
            rights::Right,
            visit::{Fields, Visitor},
            words::plain,
        },
        proposal::{Act, Proposal, Wanted},
        sense,
    },
};
use axum::{extract::State, response::Response, routing::post};

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::act(
    "/policy/domain/own",
    "give a domain a policy of its own",
    Needs::Right(Right::Policy),
    || post(make),
)];

async fn make(State(site): State<Place>, visitor: Visitor, sent: Fields) -> Response {
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => {
            return back(&site, &visitor, super::domains::PATH, Note::failed(sentence(&why)));
        }
    };
    let domain = holds.domain(sent.get("name")).filter(|_| Reach::of(&visitor) != Reach::Nothing);
    let Some(domain) = domain else { return not_found(&site, &visitor, "domain") };
    match proposal(&holds, &domain, comment(&sent), site.now()) {
        Ok(proposal) => {
            let page = policy::page_of(&name_for(&domain));
            put_in_force(&site, &visitor, proposal, &page).await
        }
        Err(why) => {
            let note = Note::failed(sentence(&plain(&why)));
            back(&site, &visitor, &page_of(domain.name), note)
        }
    }
}

/// What such a policy is called: as its domain, with hyphens, for dots divide a path.
pub(super) fn name_for(domain: &AnyDomain<'_>) -> String {
    domain.name.replace('.', "-")
}

/// Why a domain cannot have one; none: it can.
pub(super) fn obstacle(holds: &Holds, domain: &AnyDomain<'_>) -> Option<String> {
    if let Some(lock) = holds.merged.lock(&target_of(domain)) {
        return Some(format!("{lock} says which policy {} has, and the file wins", domain.name));
    }
    let name = name_for(domain);
    let is_taken = holds.knows_policy(&name);
    is_taken.then(|| {
        format!("there is a policy {name} already: ask those who look after the whole site")
    })
}

fn target_of(domain: &AnyDomain<'_>) -> Target {
    Target { kind: Kind::Domain, name: domain.name.to_string(), keys: vec!["policy".to_string()] }
}

/// The change that gives a domain of the visitor's a policy of its own.
pub(in crate::edge::http) fn proposal(
    holds: &Holds,
    domain: &AnyDomain<'_>,
    comment: String,
    now: UnixMs,
) -> Result<Proposal, String> {
    if let Some(why) = obstacle(holds, domain) {
        return Err(why);
    }
    let (before, _) = holds.policy_of(domain);
    let name = name_for(domain);
    let target = Target { kind: Kind::Policy, name: name.clone(), keys: Vec::new() };
    let mut table = holds.merged.config.policies.table_of(before);
    if let Some(rules) = table.get_mut("rules").and_then(toml::Value::as_table_mut) {
        // A rule whose last day is over says nothing any more, and would not be stored anew.
        rules.retain(|rule, value| {
            let keys = vec!["rules".to_string(), rule.to_string()];
            sense::check(&Target { keys, ..target.clone() }, value, now).is_ok()
        });
    }
    let wanted = |target: Target, value: toml::Value| Wanted { target, act: Act::Set(value) };
    Ok(Proposal {
        what: format!("policy {name} for domain {} alone, as {before} was", domain.name),
        comment,
        seen: holds.version,
        values: vec![
            wanted(target, toml::Value::Table(table)),
            wanted(target_of(domain), toml::Value::String(name)),
        ],
    })
}
