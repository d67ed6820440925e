//! Domains made, changed and removed by page, each time as a version of the stored layer with its author and reason. Before one is
//! removed, a page says what mail that touches. A next hop can be greeted, to see whether it answers.

use super::{
    domain_form::{Denied, Field, NAME, Reach, fields, of_no_field, proposal, removal, wish},
    domains::{PATH, domain_page, list, page_of},
    holds::{Holds, frame, may_change},
    operate::{back, not_found, sentence},
    policy::{put_in_force, would_hold},
    policy_replay::try_it,
};
use crate::{
    base::{clock::UnixMs, limits, units},
    config::layers::{AnyDomain, Kind},
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            site::{Site, store_is_away},
            visit::{Fields, Query, Visitor},
            words::{DAY_MS, grouped, plain},
        },
        proposal::Proposal,
        stored::Refused,
    },
    mail::{Address, Domain, Organisation},
    pipeline::{courier::Features, queue::QueueFilter},
    store::{held::HeldFilter, scope::Scope, trace::Step},
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/policy/domain/new", "a new domain", NEEDS, || get(fresh)),
    Route::page("/policy/domain/sure", "what removing a domain touches", NEEDS, || get(sure)),
    Route::act("/policy/domain/set", "make or change a domain", NEEDS, || post(set)),
    Route::act("/policy/domain/remove", "remove a domain", NEEDS, || post(remove)),
    Route::act("/policy/domain/greet", "see whether a domain's next hop answers", NEEDS, || {
        post(greet)
    }),
];

const NEEDS: Needs = Needs::Right(Right::Policy);

#[derive(Template)]
#[template(path = "domain_new.html")]
struct NewPage {
    frame: Frame,
    pages: Vec<Section>,
    name: String,
    name_wrong: String,
    fields: Vec<Field>,
    seen: u32,
    comment: String,
}

async fn fresh(State(site): State<Place>, visitor: Visitor) -> Response {
    if !may_change(&visitor) {
        return not_found(&site, &visitor, "page");
    }
    match Holds::read(&site, &visitor).await {
        Ok(holds) => render(&new_page(&site, &visitor, &holds, None)),
        Err(why) => back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    }
}

/// What was sent and what is wrong with it, by key.
pub(super) type Sent<'a> = Option<(&'a Fields, &'a [(String, String)])>;

fn new_page(site: &Site, visitor: &Visitor, holds: &Holds, sent: Sent<'_>) -> NewPage {
    let (frame, pages) = frame(site, visitor, "A new domain", PATH);
    let said = |key: &str| sent.map(|(sent, _)| plain(sent.get(key))).unwrap_or_default();
    let wrong = sent.and_then(|(_, wrong)| wrong.iter().find(|(key, _)| key == NAME));
    NewPage {
        frame,
        pages,
        name: said(NAME),
        name_wrong: wrong.map(|(_, why)| plain(why)).unwrap_or_default(),
        fields: fields(holds, Reach::of(visitor), None, sent),
        seen: holds.version,
        comment: said("comment"),
    }
}

async fn set(State(site): State<Place>, visitor: Visitor, sent: Fields) -> Response {
    let reach = Reach::of(&visitor);
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    let wish = wish(&sent, reach);
    let (name, is_new) = (wish.name.clone(), wish.is_new);
    let wrong = match proposal(&holds, reach, wish) {
        Err(Denied::NotThere) => return not_found(&site, &visitor, "domain"),
        Err(Denied::Wrong(wrong)) => wrong,
        Ok(proposal) => match carry_out(&site, &visitor, &sent, proposal).await {
            Ok(answer) => return answer,
            Err(wrong) => wrong,
        },
    };
    // What was written stands in the form again, and what is wrong stands beside it.
    let note =
        of_no_field(&wrong).unwrap_or("Nothing was stored: see what stands in the form".into());
    let note = Some(Note::failed(sentence(&plain(&note))));
    let sent = Some((&sent, wrong.as_slice()));
    let again = match holds.domain(&name).filter(|_| !is_new) {
        Some(domain) => {
            let mut page = domain_page(&site, &visitor, &holds, &domain, sent);
            page.frame.note = note;
            render(&page)
        }
        None => {
            let mut page = new_page(&site, &visitor, &holds, sent);
            page.frame.note = note;
            render(&page)
        }
    };
    (StatusCode::UNPROCESSABLE_ENTITY, again).into_response()
}

/// Tries a proposal, or puts it in force; the error is what is wrong, by key.
async fn carry_out(
    site: &Place,
    visitor: &Visitor,
    sent: &Fields,
    proposal: Proposal,
) -> Result<Response, Vec<(String, String)>> {
    let name = sent.get(NAME).trim().to_lowercase();
    let candidate = match would_hold(site, &proposal).await {
        Ok(candidate) => candidate,
        Err(why) => return Err(vec![wrong_with(&name, why)]),
    };
    let page = page_of(&name);
    if sent.get("do") == "try" {
        let begun = try_it(site, visitor, proposal, candidate.config, &page).await;
        return begun.map_err(|why| vec![(String::new(), why)]);
    }
    Ok(put_in_force(site, visitor, proposal, &page).await)
}

/// What is wrong with the whole, by the key of this domain if it is its value.
fn wrong_with(name: &str, why: Refused) -> (String, String) {
    match why {
        Refused::Wrong { place, why, .. } if place.kind == Kind::Domain && place.name == name => {
            (place.keys.join("."), why)
        }
        why @ (Refused::Wrong { .. }
        | Refused::BadInput(_)
        | Refused::Locked { .. }
        | Refused::ChangedAgain { .. }
        | Refused::Failed(_)) => (String::new(), why.to_string()),
    }
}

#[derive(Template)]
#[template(path = "domain_sure.html")]
struct SurePage {
    frame: Frame,
    pages: Vec<Section>,
    name: String,
    href: String,
    seen: u32,
    days: u64,
    came: String,
    held: String,
    held_href: String,
    waits: String,
}

async fn sure(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    // Of no domain there is nothing to say: here they all are.
    if query.get(NAME).is_empty() {
        return list(State(site), visitor, Query(query)).await;
    }
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    let stored = holds
        .domain(query.get(NAME))
        .filter(|domain| may_change(&visitor) && !holds.merged.domain_origin(domain).is_locked());
    let Some(domain) = stored else { return not_found(&site, &visitor, "domain") };
    let (mut frame, pages) =
        frame(&site, &visitor, &format!("Remove {}?", plain(domain.name)), PATH);
    let touched = match touched(&site, &holds, &domain).await {
        Ok(touched) => touched,
        Err(why) => {
            frame.note = Some(Note::failed(why));
            Touched::default()
        }
    };
    render(&SurePage {
        frame,
        pages,
        name: plain(domain.name),
        href: page_of(domain.name),
        seen: holds.version,
        days: limits::REPLAY_DAYS,
        came: touched.came,
        held: touched.held,
        held_href: format!("/held?recipient=%40{}", super::holds::in_address(domain.name)),
        waits: touched.waits,
    })
}

/// How much mail a domain has.
struct Touched {
    came: String,
    held: String,
    waits: String,
}

impl Default for Touched {
    fn default() -> Touched {
        let unknown = || "an unknown number of mails".to_string();
        Touched { came: unknown(), held: unknown(), waits: unknown() }
    }
}

async fn touched(
    site: &Site,
    holds: &Holds,
    domain: &AnyDomain<'_>,
) -> Result<Touched, &'static str> {
    let Ok(name) = Domain::parse(domain.name) else { return Ok(Touched::default()) };
    let owner = holds.owner(domain).cloned().unwrap_or_else(Organisation::implied);
    let scope = Scope::Domains(owner, vec![name]);
    let gateway = site.gateway();
    let now = site.now();
    let since = UnixMs(now.0.saturating_sub(limits::REPLAY_DAYS.saturating_mul(DAY_MS)));
    let told = gateway.stores.trace.statistics(scope.clone(), since, now, Step::Day).await;
    let told = told.map_err(|error| store_is_away(&error))?;
    let inbound = told.steps.iter().filter(|count| count.direction == "inbound");
    let came = inbound.map(|count| count.mails).fold(0, u64::saturating_add);
    let held = gateway.stores.quarantine.count(&scope, HeldFilter::default()).await;
    let held = held.map_err(|error| store_is_away(&error))?;
    let recipient = Some(format!("@{}", domain.name));
    let waits = gateway.queue.matching(&QueueFilter { recipient, ..QueueFilter::default() });
    let mails =
        |count: u64| format!("{} {}", grouped(count), if count == 1 { "mail" } else { "mails" });
    Ok(Touched {
        came: mails(came),
        held: if held.more { format!("{held} mails") } else { mails(held.counted) },
        waits: mails(u64::try_from(waits.len()).unwrap_or(u64::MAX)),
    })
}

async fn remove(State(site): State<Place>, visitor: Visitor, sent: Fields) -> Response {
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    let wish = wish(&sent, Reach::of(&visitor));
    let page = page_of(&wish.name);
    let refused = |why: &str| back(&site, &visitor, &page, Note::failed(sentence(&plain(why))));
    let proposal = match removal(&holds, Reach::of(&visitor), wish.clone()) {
        Err(Denied::NotThere) => return not_found(&site, &visitor, "domain"),
        Err(Denied::Wrong(wrong)) => return refused(&of_no_field(&wrong).unwrap_or_default()),
        Ok(proposal) => proposal,
    };
    match would_hold(&site, &proposal).await {
        Ok(_) => put_in_force(&site, &visitor, proposal, PATH).await,
        Err(why) => refused(&why.to_string()),
    }
}

/// Greets the next hop as the gateway does by itself every day. Nothing is changed by that, so nothing is recorded.
async fn greet(State(site): State<Place>, visitor: Visitor, sent: Fields) -> Response {
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    let domain = holds.domain(sent.get(NAME)).filter(|_| may_change(&visitor));
    let Some(domain) = domain else { return not_found(&site, &visitor, "domain") };
    let note = answered(&site, domain.name).await;
    back(&site, &visitor, &page_of(domain.name), note)
}

async fn answered(site: &Site, domain: &str) -> Note {
    let settings = site.gateway().settings.load_full();
    let somebody = Address::parse(&format!("postmaster@{domain}"));
    let own = somebody.ok().and_then(|address| settings.own_domain(&address).cloned());
    let Some(own) = own else {
        return Note::failed(
            "The gateway does not take mail for it yet: see the state of the last reload.",
        );
    };
    if !own.route.hops.iter().any(crate::config::NextHop::can_be_asked) {
        return Note::done(
            "Nobody is there to be greeted: its mail goes into a folder, to us, or to the MX.",
        );
    }
    let greeted =
        tokio::time::timeout(limits::CALLOUT_TIMEOUT, site.gateway().courier.greet(&own.route));
    match greeted.await {
        Ok(Ok(features)) => Note::done(takes(&own.route.to_string(), features)),
        Ok(Err(why)) => Note::failed(sentence(&plain(&why))),
        Err(_) => Note::failed(format!(
            "{} does not answer within {} seconds.",
            plain(&own.route.to_string()),
            limits::CALLOUT_TIMEOUT.as_secs()
        )),
    }
}

fn takes(route: &str, features: Features) -> String {
    let size = features.size_max.filter(|size| *size > 0);
    let size = size.map_or("mails of any size".to_string(), |size| {
        format!("mails of at most {}", units::show_bytes(size))
    });
    let international = if features.smtputf8 { "takes" } else { "takes no" };
    format!(
        "{} answers: it takes {size}, and {international} internationalised addresses.",
        plain(route)
    )
}
