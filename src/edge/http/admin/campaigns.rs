//! The same mail to many: which campaigns came, what became of their copies, and what was delivered before they were known to be bad.
//!
//! A visitor sees the copies within its scope; of others, in how many organisations there were some.

use super::{
    operate::{back, can, sentence},
    track,
};
use crate::{
    base::{clock::UnixMs, limits},
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, render, say},
        rights::Right,
        site::{Site, store_is_away},
        visit::{Fields, Visitor},
        words::{Moment, Wall, grouped, of_many, plain, short},
    },
    learn::campaign::CampaignId,
    mail::Organisation,
    store::{
        StoreError,
        audit::{Details, Entry, What},
        campaigns::{CampaignLine, NOT_CALLED, Recalled},
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "the same mail to many", Needs::Right(Right::Look), || get(list)),
    Route::page(
        "/campaigns/{id}",
        "what was delivered of a campaign",
        Needs::Right(Right::Look),
        || get(show),
    ),
    Route::act(
        "/campaigns/seen",
        "say that somebody has seen to what was delivered of a campaign",
        Needs::Right(Right::Decide),
        || post(seen),
    ),
];

const PATH: &str = "/campaigns";
/// What is not there, and what is somebody else's, are answered alike.
const MISSING: &str = "There is no such campaign.";

#[derive(Template)]
#[template(path = "campaigns.html")]
struct CampaignsPage {
    frame: Frame,
    rows: Vec<Row>,
    /// There may be older ones.
    is_full: bool,
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignPage {
    frame: Frame,
    row: Row,
    mails: Vec<Delivered>,
    says_whose: bool,
    may_decide: bool,
}

/// One campaign.
pub(super) struct Row {
    pub(super) id: String,
    first: Moment,
    last: Moment,
    copies: String,
    delivered: String,
    held: String,
    refused: String,
    organisations: String,
    /// Why it is bad; empty: it is not.
    pub(super) bad: &'static str,
    pub(super) open: u64,
    /// "14 delivered mails belong".
    pub(super) open_said: String,
}

/// A mail that was delivered before its campaign was known to be bad.
struct Delivered {
    id: String,
    title: String,
    recipient: String,
    organisation: String,
    at: Moment,
    next_hop: String,
    hook: String,
    seen: bool,
}

impl Row {
    pub(super) fn of(line: &CampaignLine, wall: &Wall) -> Row {
        Row {
            id: line.id.to_string(),
            first: Moment::of(wall, UnixMs(line.first_ms)),
            last: Moment::of(wall, UnixMs(line.last_ms)),
            copies: grouped(line.copies),
            delivered: grouped(line.delivered),
            held: grouped(line.held),
            refused: grouped(line.refused),
            organisations: grouped(line.organisations.into()),
            bad: line.bad.map_or("", |bad| bad.said()),
            open: line.open,
            open_said: of_many(
                usize::try_from(line.open).unwrap_or(usize::MAX),
                "delivered mail belongs",
                "delivered mails belong",
            ),
        }
    }
}

async fn list(State(site): State<Place>, visitor: Visitor) -> Response {
    let mut frame = Frame::new(&site, &visitor, "Campaigns", track::PATH);
    let trace = &site.gateway().stores.trace;
    let found = trace.campaigns(visitor.scope.clone(), limits::CAMPAIGN_ROWS_MAX).await;
    let lines = found.unwrap_or_else(|error| {
        frame.note = Some(Note::failed(store_is_away(&error)));
        Vec::new()
    });
    let wall = site.wall();
    let rows: Vec<Row> = lines.iter().map(|line| Row::of(line, &wall)).collect();
    let is_full = rows.len() >= limits::CAMPAIGN_ROWS_MAX;
    render(&CampaignsPage { frame, rows, is_full })
}

async fn show(State(site): State<Place>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let frame = Frame::new(&site, &visitor, "One campaign", track::PATH);
    let missing = |frame| say(StatusCode::NOT_FOUND, frame, MISSING);
    let Ok(id) = id.parse::<CampaignId>() else { return missing(frame) };
    let (line, mails) = match site.gateway().stores.trace.campaign(visitor.scope.clone(), id).await
    {
        Ok(Some(found)) => found,
        Ok(None) => return missing(frame),
        Err(error) => return say(StatusCode::SERVICE_UNAVAILABLE, frame, store_is_away(&error)),
    };
    let wall = site.wall();
    render(&CampaignPage {
        frame,
        row: Row::of(&line, &wall),
        mails: mails.iter().map(|mail| delivered(mail, &wall)).collect(),
        says_whose: track::organisations(&site, &visitor.scope).len() > 1,
        may_decide: can(&visitor, Right::Decide),
    })
}

fn delivered(mail: &Recalled, wall: &Wall) -> Delivered {
    Delivered {
        id: mail.mail.to_string(),
        title: match mail.subject.is_empty() {
            true => "(no subject)".to_string(),
            false => short(&mail.subject),
        },
        recipient: plain(&mail.recipient),
        organisation: mail.organisation.clone(),
        at: Moment::of(wall, UnixMs(mail.delivered_ms)),
        next_hop: mail.next_hop.clone(),
        hook: if mail.hook == NOT_CALLED { String::new() } else { plain(&mail.hook) },
        seen: mail.seen,
    }
}

async fn seen(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let note = match fields.get("id").parse() {
        Ok(id) => match seen_to(&site, &visitor, id).await {
            Ok(None) => Note::failed(MISSING),
            Ok(Some(0)) => Note::failed("There is nothing left to see to."),
            Ok(Some(_)) => Note::done("Seen to. The list stays; it asks for nobody any more."),
            Err(why) => Note::failed(sentence(&why)),
        },
        Err(_) => Note::failed(MISSING),
    };
    back(&site, &visitor, PATH, note)
}

/// Takes note, in a visitor's name, that somebody has seen to what was delivered of a campaign; gives how many mails that were. None: there is
/// no such campaign, or nothing of it is the visitor's.
pub(in crate::edge::http) async fn seen_to(
    site: &Site,
    visitor: &Visitor,
    id: CampaignId,
) -> Result<Option<usize>, String> {
    let say = |error: StoreError| store_is_away(&error).to_string();
    let trace = &site.gateway().stores.trace;
    let found = trace.campaign(visitor.scope.clone(), id).await.map_err(say)?;
    let Some((line, mails)) = found else { return Ok(None) };
    if line.open == 0 {
        return Ok(Some(0));
    }
    let mut entries = Vec::new();
    let mut owners: Vec<&str> = mails.iter().map(|mail| mail.organisation.as_str()).collect();
    owners.sort_unstable();
    owners.dedup();
    for owner in owners {
        let entry = Entry::new(visitor.actor(), What::CampaignSeen)
            .about(id)
            .of(Some(Organisation::named(owner)));
        entries.push(entry.with(Details::default().number("mails", line.open)));
    }
    let seeing = async { trace.campaign_seen(visitor.scope.clone(), id).await.map_err(say) };
    site.recorded(visitor, entries, seeing).await.map(Some)
}
