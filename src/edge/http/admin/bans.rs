//! Strangers: who is turned away, whose mail is asked to come again, and what they did.

use super::operate::{back, can, days, days_ago, frame, sentence};
use crate::{
    base::{clock::UnixMs, limits, local::read_iso, units},
    edge::{
        control::{EventFilter, Request},
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            site::Site,
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, grouped, of_many, plain, short},
        },
    },
    pipeline::{
        greylist::{Shown, Skip},
        guard::{Ban, By, Event, Figures, Lifted},
    },
};
use askama::Template;
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};
use std::net::IpAddr;

const LOOK: Needs = Needs::Right(Right::Site);
const ACT: Needs = Needs::Right(Right::Operate);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/bans", "who is turned away", LOOK, || get(bans)),
    Route::act("/bans/add", "turn somebody away", ACT, || post(add_ban)),
    Route::act("/bans/lift", "let somebody in again", ACT, || post(lift_ban)),
    Route::page("/greylist", "whose mail is asked to come again", LOOK, || get(greylist)),
    Route::act("/greylist/skip", "take somebody out of greylisting", ACT, || post(skip)),
    Route::act("/greylist/clear", "forget what greylisting remembers", ACT, || post(clear)),
    Route::page("/events", "what strangers did", LOOK, || get(events)),
];

#[derive(Template)]
#[template(path = "bans.html")]
struct BansPage {
    frame: Frame,
    pages: Vec<Section>,
    rows: Vec<BanRow>,
    more: usize,
    part: String,
    figures: Figures,
    turned_away: String,
    may_act: bool,
}

struct BanRow {
    network: String,
    since: Moment,
    until: Option<(Moment, String)>,
    times: u32,
    why: String,
    by_hand: bool,
}

async fn bans(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Bans", "/bans");
    let now = site.now();
    let part = query.get("part").trim().to_string();
    let all: Vec<Ban> = site
        .desk()
        .bans()
        .into_iter()
        .filter(|ban| ban.network.to_string().contains(&part) || ban.why.contains(&part))
        .collect();
    let figures = site.gateway().guard.figures(now);
    let wall = site.wall();
    render(&BansPage {
        frame,
        pages,
        more: all.len().saturating_sub(limits::LIST_ROWS_DEFAULT),
        rows: all
            .iter()
            .take(limits::LIST_ROWS_DEFAULT)
            .map(|ban| ban_row(ban, now, &wall))
            .collect(),
        part,
        turned_away: grouped(figures.turned_away),
        figures,
        may_act: can(&visitor, Right::Operate),
    })
}

fn ban_row(ban: &Ban, now: UnixMs, wall: &Wall) -> BanRow {
    BanRow {
        network: ban.network.to_string(),
        since: Moment::of(wall, ban.since),
        until: ban.until.map(|until| (Moment::of(wall, until), units::roughly(until.since(now)))),
        times: ban.times,
        why: short(&ban.why),
        by_hand: ban.by == By::Operator,
    }
}

async fn add_ban(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let span = BAN_SPANS.iter().find(|(word, _)| *word == fields.get("for"));
    let Some((_, seconds)) = span else {
        return back(&site, &visitor, "/bans", Note::failed("Choose for how long."));
    };
    let note =
        match turn_away(&site, &visitor, fields.get("what"), *seconds, fields.get("why")).await {
            Ok(ban) => Note::done(format!("{} is turned away.", ban.network)),
            Err(why) => Note::failed(sentence(&why)),
        };
    back(&site, &visitor, "/bans", note)
}

/// Turns somebody away, in a visitor's name.
pub(in crate::edge::http) async fn turn_away(
    site: &Site,
    visitor: &Visitor,
    what: &str,
    seconds: Option<u64>,
    why: &str,
) -> Result<Ban, String> {
    let (what, why) = (what.trim(), why.trim());
    if why.is_empty() {
        return Err("say why: whoever looks at the list later will ask".to_string());
    }
    let why = format!("{why} ({})", visitor.account.name);
    let request = Request::BansAdd { what: what.to_string(), seconds, why: why.clone() };
    site.asked(visitor, &request, site.desk().add_ban(what, seconds, why)).await
}

/// How long a ban by hand may last, as its form offers it.
const BAN_SPANS: [(&str, Option<u64>); 5] = [
    ("hour", Some(3_600)),
    ("day", Some(86_400)),
    ("week", Some(7 * 86_400)),
    ("month", Some(30 * 86_400)),
    ("always", None),
];

async fn lift_ban(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let note = match let_in(&site, &visitor, fields.get("what")).await {
        Ok(done) => {
            let lifted = of_many(done.lifted.len(), "ban", "bans");
            let still = done.still_said().map(|still| format!(" {}", sentence(&still)));
            Note::done(format!("{lifted} lifted.{}", still.unwrap_or_default()))
        }
        Err(why) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, "/bans", note)
}

/// Lifts bans, in a visitor's name.
pub(in crate::edge::http) async fn let_in(
    site: &Site,
    visitor: &Visitor,
    what: &str,
) -> Result<Lifted, String> {
    let what = what.trim();
    let request = Request::BansLift { what: what.to_string() };
    let lifted = site.asked(visitor, &request, site.desk().lift_bans(what)).await?;
    tracing::warn!(by = visitor.account.name, "bans were lifted by page");
    Ok(lifted)
}

#[derive(Template)]
#[template(path = "greylist.html")]
struct GreylistPage {
    frame: Frame,
    pages: Vec<Section>,
    shown: Shown,
    networks: Vec<(String, Moment)>,
    skips: Vec<String>,
    may_act: bool,
}

async fn greylist(State(site): State<Place>, visitor: Visitor) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Greylist", "/greylist");
    let shown = site.gateway().greylist.shown();
    let networks = shown.networks.iter();
    let skips = shown.skips.iter().map(|skip| match skip {
        Skip::Network(network) => network.to_string(),
        Skip::Sender(sender) => plain(sender),
    });
    render(&GreylistPage {
        frame,
        pages,
        networks: networks
            .map(|(network, first)| (network.to_string(), Moment::of(&site.wall(), *first)))
            .collect(),
        skips: skips.collect(),
        shown,
        may_act: can(&visitor, Right::Operate),
    })
}

async fn skip(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let what = fields.get("what").trim();
    let note = match take_out(&site, &visitor, what).await {
        Ok(()) => Note::done(format!("{} is not greylisted any more.", plain(what))),
        Err(why) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, "/greylist", note)
}

/// Takes somebody out of greylisting, in a visitor's name.
pub(in crate::edge::http) async fn take_out(
    site: &Site,
    visitor: &Visitor,
    what: &str,
) -> Result<(), String> {
    let what = what.trim();
    let request = Request::GreylistSkip { what: what.to_string() };
    site.asked(visitor, &request, site.desk().skip_greylist(what)).await?;
    tracing::warn!(by = visitor.account.name, "greylisting was changed by page");
    Ok(())
}

async fn clear(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let meant = match (fields.given("what"), fields.get("all")) {
        (None, "yes") => Forget::All,
        (what, _) => Forget::Of(what.unwrap_or_default()),
    };
    let note = match forget(&site, &visitor, meant).await {
        Ok(cleared) => Note::done(format!("{} forgotten.", of_many(cleared, "row", "rows"))),
        Err(why) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, "/greylist", note)
}

/// What of the greylist is to be forgotten.
pub(in crate::edge::http) enum Forget {
    /// All of it.
    All,
    /// What is remembered of somebody.
    Of(String),
}

/// Forgets what greylisting remembers, in a visitor's name; gives how many rows.
pub(in crate::edge::http) async fn forget(
    site: &Site,
    visitor: &Visitor,
    meant: Forget,
) -> Result<usize, String> {
    let what = match meant {
        Forget::All => None,
        Forget::Of(what) if what.trim().is_empty() => {
            return Err("say what to forget, or mark that all of it is meant".to_string());
        }
        Forget::Of(what) => Some(what.trim().to_string()),
    };
    let request = Request::GreylistClear { what: what.clone() };
    let cleared =
        site.asked(visitor, &request, site.desk().clear_greylist(what.as_deref())).await?;
    tracing::warn!(by = visitor.account.name, "greylisting was changed by page");
    Ok(cleared)
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    pages: Vec<Section>,
    rows: Vec<EventRow>,
    kind: String,
    client: String,
    days: u64,
    many: bool,
    may_act: bool,
}

struct EventRow {
    at: Moment,
    kind: String,
    client: String,
    listener: String,
    detail: String,
    ban: String,
}

/// How far back a list of events goes.
const DAYS: [u64; 4] = [1, 7, 30, 365];

async fn events(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Events", "/events");
    let days = days(query.get("days"), &DAYS, 7);
    let (kind, client) = (query.get("kind").trim(), query.get("client").trim());
    let address = client.parse::<IpAddr>();
    let many = query.get("rows") == "many";
    let filter = EventFilter {
        since: Some(days_ago(site.now(), days)),
        kind: Some(kind.to_string()).filter(|kind| !kind.is_empty()),
        client: address.as_ref().ok().map(IpAddr::to_canonical),
        rows: if many { MANY_ROWS } else { limits::WEB_PAGE_ROWS },
    };
    let found = match (&address, client.is_empty()) {
        (Err(_), false) => Err(format!("{client} is no address")),
        (Ok(_), _) | (Err(_), true) => site.desk().events(filter).await,
    };
    let rows = found
        .map(|events| events.iter().rev().map(|event| event_row(event, &site.wall())).collect());
    let rows = rows.unwrap_or_else(|why| {
        frame.note = Some(Note::failed(sentence(&why)));
        Vec::new()
    });
    render(&EventsPage {
        frame,
        pages,
        rows,
        kind: kind.to_string(),
        client: client.to_string(),
        days,
        many,
        may_act: can(&visitor, Right::Operate),
    })
}

/// Rows of the longer list: still under 100 KB.
const MANY_ROWS: usize = 4 * limits::WEB_PAGE_ROWS;

fn event_row(event: &Event, wall: &Wall) -> EventRow {
    // The log has its moments in words.
    let moment = |text: &str| match read_iso(text) {
        Some(at) => Moment::of(wall, at),
        None => Moment { iso: plain(text), shown: plain(text), ago: String::new() },
    };
    let ban = event.ban.as_ref();
    EventRow {
        at: moment(&event.time),
        kind: event.kind.clone(),
        client: event.client.to_string(),
        listener: plain(&event.listener),
        detail: short(&event.detail),
        ban: ban
            .map(|ban| format!("banned until {}", moment(&ban.until).shown))
            .unwrap_or_default(),
    }
}
