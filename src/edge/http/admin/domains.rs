//! Our domains: where each one's mail goes, what policy it has, whose it is; and for one of them, which layer says each value and why it
//! holds. With them the destinations and servers that have settings of their own. [`super::domain_change`] changes them.

use super::{
    domain_change::Sent,
    domain_form::{Field, Reach, fields},
    holds::{From, Holds, frame, in_address, may_change},
    operate::{back, not_found, sentence},
    policy_own::obstacle,
};
use crate::{
    base::limits,
    config::{
        DestinationEntry,
        layers::{AnyDomain, Kind},
    },
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, Section, render},
        rights::Right,
        site::Site,
        visit::{Query, Visitor},
        words::{grouped, plain},
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "our domains", Needs::Right(Right::Look), || get(list)),
    Route::page(
        "/policy/domains/{name}",
        "what holds for a domain",
        Needs::Right(Right::Look),
        || get(domain),
    ),
];

pub(super) const PATH: &str = "/policy/domains";

/// The page of one domain.
pub(super) fn page_of(name: &str) -> String {
    format!("{PATH}/{}", in_address(name))
}

#[derive(Template)]
#[template(path = "domains.html")]
struct DomainsPage {
    frame: Frame,
    pages: Vec<Section>,
    q: String,
    all: String,
    rows: Vec<Row>,
    next: String,
    destinations: Vec<(String, String)>,
    may_make: bool,
    trouble: String,
}

struct Row {
    name: String,
    href: String,
    next_hop: String,
    policy: String,
    policy_href: String,
    organisation: String,
    from: From,
}

pub(super) async fn list(
    State(site): State<Place>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Domains", PATH);
    let q = query.get("q").trim().to_lowercase();
    let after = query.get("after").to_string();
    let mut page = DomainsPage {
        frame,
        pages,
        q: plain(&q),
        all: String::new(),
        rows: Vec::new(),
        next: String::new(),
        destinations: Vec::new(),
        may_make: may_change(&visitor),
        trouble: String::new(),
    };
    match Holds::read(&site, &visitor).await {
        Err(why) => page.trouble = sentence(&why),
        Ok(holds) => {
            page.all = grouped(u64::try_from(holds.domains().count()).unwrap_or(u64::MAX));
            let matches = |domain: &AnyDomain<'_>| is_meant(&holds, domain, &q);
            let found = holds.domains().filter(|one| one.name > after.as_str()).filter(matches);
            let mut found: Vec<AnyDomain<'_>> = found.take(limits::WEB_PAGE_ROWS + 1).collect();
            let more = found.len() > limits::WEB_PAGE_ROWS;
            found.truncate(limits::WEB_PAGE_ROWS);
            let last = found.last().filter(|_| more).map(|last| in_address(last.name));
            let next = last.map(|last| format!("{PATH}?q={}&after={last}", in_address(&q)));
            page.next = next.unwrap_or_default();
            page.rows = found.iter().map(|domain| row(&holds, domain)).collect();
            if super::configuration::is_whole(&visitor) {
                let all = holds.merged.config.destinations.iter();
                page.destinations = all.take(limits::WEB_PAGE_ROWS).map(destination).collect();
            }
        }
    }
    render(&page)
}

/// Is it one that was looked for: by its name, its next hop, its policy or its organisation?
fn is_meant(holds: &Holds, domain: &AnyDomain<'_>, q: &str) -> bool {
    q.is_empty()
        || domain.name.contains(q)
        || hops(domain).to_lowercase().contains(q)
        || holds.policy_of(domain).0.to_lowercase().contains(q)
        || holds.owner(domain).is_some_and(|owner| owner.name().to_lowercase().contains(q))
}

fn hops(domain: &AnyDomain<'_>) -> String {
    let hops: Vec<String> = domain.kept.next_hop.0.iter().map(ToString::to_string).collect();
    hops.join(", ")
}

fn row(holds: &Holds, domain: &AnyDomain<'_>) -> Row {
    let (policy, _) = holds.policy_of(domain);
    Row {
        href: page_of(domain.name),
        name: plain(domain.name),
        next_hop: plain(&hops(domain)),
        policy_href: format!("/policy/named/{}", in_address(policy)),
        policy: plain(policy),
        organisation: holds.owner(domain).map(|owner| plain(owner.name())).unwrap_or_default(),
        from: From::of_entry(&holds.merged.domain_origin(domain)),
    }
}

/// A destination, and what is said of it.
fn destination(entry: &DestinationEntry) -> (String, String) {
    let table = toml::Table::try_from(entry).unwrap_or_default();
    let said = table.iter().filter(|(key, _)| *key != "name");
    let said: Vec<String> = said.map(|(key, value)| format!("{key} = {value}")).collect();
    let name = table.get("name").and_then(toml::Value::as_str).unwrap_or_default();
    (plain(name), plain(&said.join(", ")))
}

#[derive(Template)]
#[template(path = "domain.html")]
pub(super) struct DomainPage {
    pub(super) frame: Frame,
    pages: Vec<Section>,
    one: Row,
    policy_why: &'static str,
    mode: &'static str,
    mode_why: &'static str,
    values: Vec<(String, String, From)>,
    /// What the visitor may change; empty: nothing.
    fields: Vec<Field>,
    /// The visitor may try changes, and see whether its next hop answers.
    may_make: bool,
    /// The visitor may remove it: it stands in the store alone.
    may_remove: bool,
    /// The visitor, who looks after some domains, may give it a policy of its own.
    may_own: bool,
    /// Why not; empty: nothing is in the way.
    no_own: String,
    seen: u32,
    days: u64,
    comment: String,
}

async fn domain(State(site): State<Place>, visitor: Visitor, Path(name): Path<String>) -> Response {
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    match holds.domain(&name) {
        Some(domain) => render(&domain_page(&site, &visitor, &holds, &domain, None)),
        None => not_found(&site, &visitor, "domain"),
    }
}

/// The page of a domain; with what was sent, if that could not be stored.
pub(super) fn domain_page(
    site: &Site,
    visitor: &Visitor,
    holds: &Holds,
    domain: &AnyDomain<'_>,
    sent: Sent<'_>,
) -> DomainPage {
    let (frame, pages) = frame(site, visitor, &format!("Domain {}", plain(domain.name)), PATH);
    let reach = Reach::of(visitor);
    let is_stored = !holds.merged.domain_origin(domain).is_locked();
    let values = holds.values(Kind::Domain, domain.name).into_iter().map(|value| {
        let shown = super::configuration::shown(&value.path, &value.value);
        (plain(&value.path), shown, From::of(&value.origin))
    });
    let (mode, mode_why) = holds.mode_of(domain);
    DomainPage {
        frame,
        pages,
        one: row(holds, domain),
        policy_why: holds.policy_of(domain).1,
        mode: mode.word(),
        mode_why,
        values: values.collect(),
        fields: fields(holds, reach, Some(domain), sent),
        may_make: may_change(visitor),
        may_remove: may_change(visitor) && is_stored,
        may_own: reach == Reach::Policy && !holds.is_own(holds.policy_of(domain).0),
        no_own: obstacle(holds, domain).map(|why| sentence(&plain(&why))).unwrap_or_default(),
        seen: holds.version,
        days: limits::REPLAY_DAYS,
        comment: sent.map(|(sent, _)| plain(sent.get("comment"))).unwrap_or_default(),
    }
}
