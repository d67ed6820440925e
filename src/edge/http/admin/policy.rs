//! Policies: what each does, who says so, which domains have it; a stored one is changed, tried over yesterday's mail, given to domains.
//!
//! Whoever sees one organisation sees the policies of its domains, and changes those that no other domain has.

use super::{
    configuration::{act, signature},
    holds::{Holds, frame, in_address, may_change},
    operate::{back, not_found, sentence},
    policy_form::{Part, Sent, is_field, note_of, proposal_of, sections, wrong_with},
    policy_replay::try_it,
    policy_rule_form::{self, RuleForm, RuleRow},
};
use crate::{
    base::limits,
    config::{
        care::{Care, Class, PersonalData},
        layers::{Kind, Merged, Target, Value},
        policy::{Action, Category, Mode, Policy},
    },
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            site::Site,
            visit::{Fields, Query, Visitor},
            words::{grouped, plain},
        },
        proposal::{Act, Proposal, Wanted},
        stored::{self, Earnest},
    },
    mail::{Direction, Domain},
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};

use std::collections::BTreeSet;

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "policies, and which domains have them", LOOK, || get(policies)),
    Route::page("/policy/named/{name}", "one policy", LOOK, || get(policy)),
    Route::page("/policy/new", "a new policy", CHANGE, || get(fresh)),
    Route::act("/policy/set", "try or store a policy", CHANGE, || post(set)),
    Route::act("/policy/assign", "try or store which domains have a policy", CHANGE, || {
        post(assign)
    }),
];

pub(super) const PATH: &str = "/policy";
const LOOK: Needs = Needs::Right(Right::Look);
const CHANGE: Needs = Needs::Right(Right::Policy);

#[derive(Template)]
#[template(path = "policies.html")]
struct PoliciesPage {
    frame: Frame,
    pages: Vec<Section>,
    rows: Vec<Row>,
    more: usize,
    may_change: bool,
    trouble: String,
}

struct Row {
    name: String,
    href: String,
    mode: String,
    mark: String,
    quarantine: String,
    reject: String,
    domains: String,
    from: super::holds::From,
}

async fn policies(State(site): State<Place>, visitor: Visitor) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Policies", PATH);
    let (rows, trouble) = match Holds::read(&site, &visitor).await {
        Ok(holds) => (rows(&holds), String::new()),
        Err(why) => (Vec::new(), sentence(&why)),
    };
    let (rows, more) = super::holds::first_rows(rows);
    let may_change = may_change(&visitor);
    render(&PoliciesPage { frame, pages, rows, more, may_change, trouble })
}

fn rows(holds: &Holds) -> Vec<Row> {
    let policies = holds.policies();
    let shown =
        policies.iter().filter_map(|(name, domains)| Some((*name, *domains, holds.policy(name)?)));
    shown
        .map(|(name, domains, policy)| {
            let thresholds = policy.inbound.thresholds;
            Row {
                href: page_of(name),
                mode: mode(policy.mode),
                mark: thresholds.mark().to_string(),
                quarantine: thresholds.quarantine().to_string(),
                reject: thresholds.reject().to_string(),
                domains: grouped(u64::try_from(domains).unwrap_or(u64::MAX)),
                from: holds.from(Kind::Policy, name),
                name: plain(name),
            }
        })
        .collect()
}

fn mode(mode: Option<Mode>) -> String {
    mode.map_or("as its organisation says", Mode::word).to_string()
}

/// The page of one policy.
pub(super) fn page_of(name: &str) -> String {
    format!("/policy/named/{}", in_address(name))
}

#[derive(Template)]
#[template(path = "policy.html")]
pub(super) struct PolicyPage {
    pub(super) frame: Frame,
    pages: Vec<Section>,
    name: String,
    mode: String,
    greylist: String,
    keep_rejected: String,
    transport: &'static str,
    personal_data: String,
    lines: Vec<Line>,
    from: super::holds::From,
    values: Vec<Said>,
    domains: Vec<String>,
    more: usize,
    all: String,
    /// It may be changed here, but for what the file says of it.
    form: bool,
    /// It may be tried on mail that came, and be given to domains: both are the whole site's.
    may_give: bool,
    /// Others have it too, so that whoever looks after some domains may not change it.
    shared: bool,
    parts: Vec<Part>,
    seen: u32,
    days: u64,
    comment: String,
    organisations: Vec<String>,
    rules: Vec<RuleRow>,
    pub(super) rule: RuleForm,
    give: Give,
}

/// The form that gives a policy to domains, as it was sent and could not be stored.
#[derive(Default)]
struct Give {
    domains: String,
    organisation: String,
    comment: String,
    wrong: String,
}

/// What one thing leads to, from the world and to it.
struct Line {
    what: String,
    inbound: String,
    outbound: String,
}

/// A value that somebody wrote.
struct Said {
    path: String,
    value: String,
    from: super::holds::From,
}

async fn policy(
    State(site): State<Place>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(query): Query,
) -> Response {
    match Holds::read(&site, &visitor).await {
        Ok(holds) => match page(&site, &visitor, &holds, &name, None) {
            Some(mut page) => {
                if let Some(policy) = holds.policy(&name) {
                    page.rule = RuleForm::of(policy, query.get("rule"));
                }
                render(&page)
            }
            None => not_found(&site, &visitor, "policy"),
        },
        Err(why) => back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    }
}

/// What is asked for each class, in a line; what the country of an organisation says is not known here.
fn personal_data(said: &PersonalData) -> String {
    let of = |class: Class| {
        let own = match class {
            Class::Confidential => said.confidential,
            Class::Sensitive => said.sensitive,
            Class::Bulk => said.bulk,
        };
        let care = own.or(said.all).map_or("by country", Care::word);
        format!("{} {care}", class.word())
    };
    let trial = if said.simulate { ", on trial" } else { "" };
    format!("{}{trial}", Class::ALL.map(of).join(", "))
}

/// The page of a policy; with what was sent, if that could not be stored.
pub(super) fn page(
    site: &Site,
    visitor: &Visitor,
    holds: &Holds,
    name: &str,
    sent: Sent<'_>,
) -> Option<PolicyPage> {
    let policy = holds.policy(name)?;
    let (frame, pages) = frame(site, visitor, &format!("Policy {}", plain(name)), PATH);
    let values = holds.values(Kind::Policy, name);
    let have_it = holds.domains().filter(|domain| holds.policy_of(domain).0 == name);
    let have_it: Vec<String> = have_it.map(|domain| domain.name.to_string()).collect();
    let all = grouped(u64::try_from(have_it.len()).unwrap_or(u64::MAX));
    let (domains, more) = super::holds::first_rows(have_it);
    let from = holds.from(Kind::Policy, name);
    Some(PolicyPage {
        frame,
        pages,
        name: plain(name),
        mode: mode(policy.mode),
        greylist: policy.greylist.map_or("never".to_string(), |score| format!("from {score}")),
        keep_rejected: super::policy_form::keep_word(policy.keep_rejected).to_string(),
        transport: policy.transport.word(),
        personal_data: personal_data(&policy.personal_data),
        lines: lines(policy),
        form: may_change_one(visitor, holds, name),
        may_give: may_change(visitor),
        shared: super::operate::can(visitor, Right::Policy)
            && !may_change_one(visitor, holds, name),
        from,
        parts: sections(&values, policy, sent),
        // Rules are told above.
        values: values.iter().filter(|one| !one.path.starts_with("rules.")).map(said).collect(),
        domains,
        more,
        all,
        seen: holds.version,
        days: limits::REPLAY_DAYS,
        comment: sent.map_or("", |(sent, _)| sent.get("comment")).to_string(),
        give: Give::default(),
        rules: policy_rule_form::rows(holds, name, policy),
        rule: RuleForm::of(policy, ""),
        organisations: holds.organisations().iter().map(ToString::to_string).collect(),
    })
}

fn said(value: &Value) -> Said {
    let from = super::holds::From::of(&value.origin);
    Said { path: plain(&value.path), value: super::policy_form::shown(&value.value), from }
}

/// May this visitor change that policy: all of them, or one that only the visitor's own domains have?
pub(super) fn may_change_one(visitor: &Visitor, holds: &Holds, name: &str) -> bool {
    let mark =
        Target { kind: Kind::Policy, name: name.to_string(), keys: vec!["mark".to_string()] };
    holds.may_store(visitor, &mark)
}

/// What a policy does, for people.
fn lines(policy: &Policy) -> Vec<Line> {
    let [inbound, outbound] =
        [Direction::Inbound, Direction::Outbound].map(|way| policy.course(way));
    let line = |what: &str, inbound: String, outbound: String| Line {
        what: what.to_string(),
        inbound,
        outbound,
    };
    let score = |what: &str, of: fn(&crate::config::policy::Course) -> f32| {
        line(what, format!("from {}", of(inbound)), format!("from {}", of(outbound)))
    };
    let word = |what: &str, of: fn(&crate::config::policy::Course) -> Action| {
        line(what, of(inbound).word().to_string(), of(outbound).word().to_string())
    };
    let mut lines = vec![
        score("mark", |course| course.thresholds.mark()),
        score("quarantine", |course| course.thresholds.quarantine()),
        score("reject", |course| course.thresholds.reject()),
        word("a score leads at most to", |course| course.spam_at_most),
        score("phish weights together", |course| course.phish_at),
        word("a part that could not be opened", |course| course.unscanned),
    ];
    for category in Category::ALL {
        let of = |actions: &std::collections::BTreeMap<Category, Action>| {
            actions.get(&category).map_or("—", |action| action.word()).to_string()
        };
        let (inbound, outbound) = (of(&inbound.actions), of(&outbound.actions));
        if inbound != "—" || outbound != "—" {
            lines.push(line(&format!("a sure finding of {}", category.word()), inbound, outbound));
        }
    }
    let names = inbound.findings.keys().chain(outbound.findings.keys()).collect::<BTreeSet<_>>();
    for name in names {
        let of = |course: &crate::config::policy::Course| {
            course.findings.get(name).map_or("—", |action| action.word()).to_string()
        };
        lines.push(line(&format!("a finding: {}", name.as_str()), of(inbound), of(outbound)));
    }
    lines
}

#[derive(Template)]
#[template(path = "policy_new.html")]
struct NewPage {
    frame: Frame,
    pages: Vec<Section>,
    name: String,
    name_wrong: String,
    parts: Vec<Part>,
    seen: u32,
    days: u64,
    comment: String,
    may_give: bool,
}

async fn fresh(State(site): State<Place>, visitor: Visitor, Query(_): Query) -> Response {
    if !may_change(&visitor) {
        return not_found(&site, &visitor, "page");
    }
    match Holds::read(&site, &visitor).await {
        Ok(holds) => render(&new_page(&site, &visitor, &holds, None)),
        Err(why) => back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    }
}

fn new_page(site: &Site, visitor: &Visitor, holds: &Holds, sent: Sent<'_>) -> NewPage {
    let (frame, pages) = frame(site, visitor, "A new policy", PATH);
    NewPage {
        frame,
        pages,
        name: sent.map_or("", |(sent, _)| sent.get("name")).to_string(),
        name_wrong: wrong_with(sent, "name"),
        parts: sections(&[], &Policy::default(), sent),
        seen: holds.version,
        days: limits::REPLAY_DAYS,
        comment: sent.map_or("", |(sent, _)| sent.get("comment")).to_string(),
        may_give: true,
    }
}

async fn set(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let name = fields.get("name").trim().to_string();
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    let is_new = fields.get("new") == "yes";
    let known = holds.policy(&name).is_some();
    let may = if is_new { may_change(&visitor) } else { may_change_one(&visitor, &holds, &name) };
    if !may {
        return not_found(&site, &visitor, "policy");
    }
    let proposal = match (is_new, known) {
        (false, false) => return not_found(&site, &visitor, "policy"),
        (true, true) => {
            Err(vec![("name".to_string(), "there is a policy of this name already".to_string())])
        }
        (true, false) | (false, true) => {
            let values = holds.values(Kind::Policy, &name);
            proposal_of(&name, &fields, &values, is_new)
        }
    };
    let answer = match proposal {
        Ok(proposal) => carry_out(&site, &visitor, &fields, proposal, &page_of(&name))
            .await
            .map_err(|why| vec![wrong_of(&name, why)]),
        Err(wrong) => Err(wrong),
    };
    answer.unwrap_or_else(|wrong| {
        // What was written stands in the form again, and what is wrong stands beside it.
        let note = Some(Note::failed(note_of(&wrong, is_field)));
        let sent = Some((&fields, wrong.as_slice()));
        let again = match page(&site, &visitor, &holds, &name, sent) {
            Some(mut page) if !is_new => {
                page.frame.note = note;
                render(&page)
            }
            _ => {
                let mut page = new_page(&site, &visitor, &holds, sent);
                page.frame.note = note;
                render(&page)
            }
        };
        (StatusCode::UNPROCESSABLE_ENTITY, again).into_response()
    })
}

/// What is wrong with the whole, by the key of this policy if it is its value.
pub(super) fn wrong_of(name: &str, why: stored::Refused) -> (String, String) {
    match why {
        stored::Refused::Wrong { place, why, .. }
            if place.kind == Kind::Policy && place.name == name =>
        {
            (place.keys.join("."), why)
        }
        why @ (stored::Refused::Wrong { .. }
        | stored::Refused::BadInput(_)
        | stored::Refused::Locked { .. }
        | stored::Refused::ChangedAgain { .. }
        | stored::Refused::Failed(_)) => (String::new(), why.to_string()),
    }
}

/// Tries a proposal, or puts it in force.
pub(super) async fn carry_out(
    site: &Place,
    visitor: &Visitor,
    fields: &Fields,
    proposal: Proposal,
    page: &str,
) -> Result<Response, stored::Refused> {
    let candidate = would_hold(site, &proposal).await?;
    if fields.get("do") == "try" {
        let begun = try_it(site, visitor, proposal, candidate.config, page).await;
        return begun.map_err(stored::Refused::BadInput);
    }
    Ok(put_in_force(site, visitor, proposal, page).await)
}

/// What would hold with a proposal.
pub(in crate::edge::http) async fn would_hold(
    site: &Place,
    proposal: &Proposal,
) -> Result<Merged, stored::Refused> {
    let (layers, checked) = (site.layers().clone(), proposal.clone());
    let check = move || {
        stored::would_be::<stored::Refused>(&layers, |edit, written| checked.write(edit, written))
    };
    let checked = tokio::task::spawn_blocking(check).await;
    let checked = checked.unwrap_or_else(|error| Err(stored::Refused::Failed(error.to_string())));
    Ok(checked?.0)
}

/// The field of a form that is wrong, and why.
pub(super) type Wrong = (&'static str, String);

/// Stores a line that a page of rows has a form for, if this visitor may; `of` is what a line is called, and the page.
pub(super) async fn store_line(
    site: &Place,
    visitor: &Visitor,
    of: (&str, &str),
    propose: impl FnOnce(&Holds) -> Result<Proposal, Wrong>,
) -> Response {
    let (what, page) = of;
    let holds = match Holds::read(site, visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(site, visitor, page, Note::failed(sentence(&why))),
    };
    match propose(&holds) {
        Ok(proposal)
            if !proposal.values.iter().all(|one| holds.may_store(visitor, &one.target)) =>
        {
            not_found(site, visitor, what)
        }
        Ok(proposal) => put_in_force(site, visitor, proposal, page).await,
        Err((field, why)) => {
            back(site, visitor, page, Note::failed(sentence(&plain(&why))).about(field))
        }
    }
}

/// Stores a proposal, and leads to a page that says what came of it.
pub(super) async fn put_in_force(
    site: &Place,
    visitor: &Visitor,
    proposal: Proposal,
    page: &str,
) -> Response {
    let signature = stored::Signature {
        comment: plain(proposal.reason()),
        ..signature(site, visitor, &Fields::default())
    };
    let layers = site.layers().clone();
    act(site, visitor, page, move || {
        stored::change(&layers, &signature, Earnest::Yes, |edit, written| {
            proposal.write(edit, written)
        })
    })
    .await
}

async fn assign(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let name = fields.get("name").trim().to_string();
    if !may_change(&visitor) {
        return not_found(&site, &visitor, "policy");
    }
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    let Some(mut page) = page(&site, &visitor, &holds, &name, None) else {
        return not_found(&site, &visitor, "policy");
    };
    let answer = match given_to(&name, &fields) {
        Ok(proposal) => carry_out(&site, &visitor, &fields, proposal, &page_of(&name))
            .await
            .map_err(|why| why.to_string()),
        Err(why) => Err(why),
    };
    answer.unwrap_or_else(|why| {
        page.frame.note = Some(Note::failed(note_of(&[], is_field)));
        page.give = Give {
            domains: fields.get("domains").lines().map(plain).collect::<Vec<_>>().join("\n"),
            organisation: fields.get("organisation").to_string(),
            comment: super::policy_form::comment(&fields),
            wrong: sentence(&plain(&why)),
        };
        (StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response()
    })
}

/// The proposal that these domains, or all of an organisation that say nothing of their own, have a policy.
fn given_to(name: &str, fields: &Fields) -> Result<Proposal, String> {
    let mut entries = Vec::new();
    for line in fields.get("domains").split_whitespace() {
        let domain = Domain::parse(line).map_err(|why| format!("{line:?} is no domain: {why}"))?;
        entries.push((Kind::Domain, domain.to_string()));
    }
    if let Some(organisation) = fields.given("organisation") {
        entries.push((Kind::Organisation, organisation));
    }
    let what = match entries.as_slice() {
        [] => return Err("name a domain, or choose an organisation".to_string()),
        [(kind, one)] => format!("policy {name} for {kind} {one}"),
        [_, ..] => format!("policy {name} for {} entries", entries.len()),
    };
    let value = toml::Value::String(name.to_string());
    let wanted = |(kind, name)| Wanted {
        target: Target { kind, name, keys: vec!["policy".to_string()] },
        act: Act::Set(value.clone()),
    };
    Ok(Proposal {
        what,
        comment: super::policy_form::comment(fields),
        seen: fields.get("seen").parse().unwrap_or(0),
        values: entries.into_iter().map(wanted).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_policy_does_is_told_in_both_directions() {
        let lines = lines(&Policy::default());
        let find = |what: &str| {
            let line = lines.iter().find(|line| line.what == what);
            line.map(|line| (line.inbound.as_str(), line.outbound.as_str()))
        };
        assert_eq!(find("quarantine"), Some(("from 8", "from 8")));
        assert_eq!(find("a score leads at most to"), Some(("reject", "quarantine")));
        assert_eq!(find("a sure finding of virus"), Some(("reject", "reject")));
        assert_eq!(find("a sure finding of trust"), None);
    }

    #[test]
    fn a_policy_is_given_to_domains_and_organisations_together() {
        let form = |text: &str| Fields::read(text.as_bytes());
        let given =
            given_to("mild", &form("domains=a.example%0D%0AB.example&organisation=acme&seen=3"));
        let given = given.unwrap();
        let names: Vec<&str> = given.values.iter().map(|one| one.target.name.as_str()).collect();
        assert_eq!((names, given.seen), (vec!["a.example", "b.example", "acme"], 3));
        assert!(given_to("mild", &form("domains=+")).is_err());
        assert!(given_to("mild", &form("domains=a..b")).is_err());
    }
}
