//! The first page: what waits for a person. What somebody asked for first, then what is wrong, then the rest in as few rows as it can be.

use super::{
    campaigns, controls::is_theirs, held::Group, mail::find, operate::sentence,
    track::organisations,
};
use crate::{
    base::limits,
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, render},
            rights::{Right, may},
            shown::Row,
            site::{Site, store_is_away},
            visit::{Fields, Visitor},
            words::{Moment, plain},
        },
        overview::{Deviation, broken},
    },
    store::{
        StoreError,
        audit::{Entry, What},
        held::HeldFilter,
        people::{Answer, Page, Request},
    },
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/", "what waits for a person", Needs::Right(Right::Look), || get(page)),
    Route::act(
        "/requests/refuse",
        "refuse what somebody asked for",
        Needs::Right(Right::Decide),
        || post(refuse),
    ),
];

#[derive(Template)]
#[template(path = "needs_you.html")]
struct NeedsYouPage {
    frame: Frame,
    requests: Vec<Asks>,
    answers: Vec<Answered>,
    /// Campaigns with delivered mails that nobody has seen to.
    campaigns: Vec<campaigns::Row>,
    deviations: Vec<Deviation>,
    groups: Vec<Group>,
    more: bool,
    may_decide: bool,
    /// Each row says whose it is.
    says_whose: bool,
}

/// Somebody asks for a mail.
struct Asks {
    number: i64,
    by: String,
    note: String,
    at: Moment,
    mail: Row,
}

/// What the owner of a mail has answered to this visitor.
struct Answered {
    id: String,
    subject: String,
    by: String,
    at: Moment,
    is_yes: bool,
}

/// What waits for a person, but for what is wrong.
#[derive(Default)]
struct Waiting {
    requests: Vec<Asks>,
    answers: Vec<Answered>,
    campaigns: Vec<campaigns::Row>,
    groups: Vec<Group>,
    more: bool,
}

async fn page(State(site): State<Place>, visitor: Visitor) -> Response {
    let mut frame = Frame::new(&site, &visitor, "Needs you", "/");
    let Waiting { requests, answers, campaigns, groups, more } = match gather(&site, &visitor).await
    {
        Ok(found) => found,
        Err(error) => {
            frame.note = Some(Note::failed(store_is_away(&error)));
            Default::default()
        }
    };
    let deviations = match may(&visitor.account, Right::Site) {
        true => site.overview().await.deviations.clone(),
        false => own_deviations(&site, &visitor),
    };
    let may_decide = may(&visitor.account, Right::Decide);
    let says_whose = organisations(&site, &visitor.scope).len() > 1;
    render(&NeedsYouPage {
        frame,
        requests,
        answers,
        campaigns,
        deviations,
        groups,
        more,
        may_decide,
        says_whose,
    })
}

/// Broken controls of the visitor's organisation.
fn own_deviations(site: &Place, visitor: &Visitor) -> Vec<Deviation> {
    if !may(&visitor.account, Right::Settings) {
        return Vec::new();
    }
    let open = site.gateway().stores.deviations.open_now();
    let theirs = open.iter().filter(|one| is_theirs(visitor, one.organisation.as_ref()));
    theirs.map(|one| Deviation { grave: false, text: broken(one, site.now()) }).collect()
}

async fn gather(site: &Place, visitor: &Visitor) -> Result<Waiting, StoreError> {
    let stores = &site.gateway().stores;
    let first = Page { after: 0, rows: limits::NEEDS_YOU_ROWS };
    let mut requests = Vec::new();
    for request in stores.people.requests(visitor.scope.clone(), true, first).await? {
        requests.extend(asks(site, visitor, request).await?);
    }
    let filter = HeldFilter::first(limits::NEEDS_YOU_ROWS);
    let clusters = stores.quarantine.clusters(&visitor.scope, filter).await?;
    let groups = clusters.clusters.iter().map(|one| Group::of(site, one)).collect();
    let answers = answers(site, visitor).await?;
    let open = stores.trace.open_campaigns(visitor.scope.clone()).await?;
    let wall = site.wall();
    let campaigns = open.iter().take(limits::NEEDS_YOU_ROWS);
    let campaigns = campaigns.map(|line| campaigns::Row::of(line, &wall)).collect();
    Ok(Waiting { requests, answers, campaigns, groups, more: clusters.next.is_some() })
}

/// Answers to what the visitor asked, of mails that are still there; none to whoever may open nothing any more.
async fn answers(site: &Place, visitor: &Visitor) -> Result<Vec<Answered>, StoreError> {
    if !may(&visitor.account, Right::Open) {
        return Ok(Vec::new());
    }
    let stores = &site.gateway().stores;
    let (scope, by) = (visitor.scope.clone(), &visitor.account.name);
    let mut answers = Vec::new();
    for one in stores.people.answers_to(scope, by, limits::NEEDS_YOU_ROWS).await? {
        let Some(held) = find(site, visitor, one.held).await? else { continue };
        answers.push(Answered {
            id: held.id.to_string(),
            subject: Row::of(site, &held).subject,
            by: plain(&one.answered_by),
            at: Moment::of(&site.wall(), one.answered),
            is_yes: one.answer == Answer::Yes,
        });
    }
    Ok(answers)
}

/// A request whose mail is still there; one whose mail is gone or dealt with asks for nothing any more.
async fn asks(
    site: &Place,
    visitor: &Visitor,
    request: Request,
) -> Result<Option<Asks>, StoreError> {
    let held = site.gateway().stores.quarantine.get(request.held).await?;
    let held = held.filter(|held| held.state.waits() && held.is_within(&visitor.scope));
    Ok(held.map(|held| Asks {
        number: request.id,
        by: plain(&request.asked_by),
        note: plain(&request.note),
        at: Moment::of(&site.wall(), request.asked),
        mail: Row::of(site, &held),
    }))
}

async fn refuse(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let answered = match fields.get("request").parse() {
        Ok(number) => refused(&site, &visitor, number).await,
        Err(_) => Ok(false),
    };
    let note = match answered {
        Ok(true) => Note::done(
            "Refused. A recipient who asked sees it on the own page; a sender is told nothing.",
        ),
        Ok(false) => Note::failed("Somebody answered before."),
        Err(why) => Note::failed(sentence(&why)),
    };
    site.note(&visitor, note);
    Redirect::to("/").into_response()
}

/// Refuses what was asked for, in a visitor's name; it stands in the audit log before. False: it has an answer, or is nothing of the visitor's.
pub(in crate::edge::http) async fn refused(
    site: &Site,
    visitor: &Visitor,
    number: i64,
) -> Result<bool, String> {
    let say = |error: StoreError| store_is_away(&error).to_string();
    let people = &site.gateway().stores.people;
    let only = Page { after: number.saturating_sub(1), rows: 1 };
    let open = people.requests(visitor.scope.clone(), true, only).await.map_err(say)?;
    let Some(request) = open.into_iter().find(|request| request.id == number) else {
        return Ok(false);
    };
    let entry = Entry::new(visitor.actor(), What::ReleaseRefused)
        .about(request.held)
        .of(Some(request.mailbox.organisation));
    let refusing = async {
        let by = &visitor.account.name;
        people.answer_request(visitor.scope.clone(), number, Answer::No, by).await.map_err(say)
    };
    site.recorded(visitor, vec![entry], refusing).await
}
