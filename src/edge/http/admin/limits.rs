//! Limits: who is near one, who was refused for one, and forgetting what was counted.

use super::operate::{back, can, frame, sentence};
use crate::pipeline::limits::Who;
use crate::{
    base::{clock::UnixMs, limits, units},
    edge::{
        control::{Forgotten, LimitLine, Request},
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            site::Site,
            visit::{Fields, Visitor},
            words::{grouped, of_many, percent, plain},
        },
    },
};
use askama::Template;
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/limits", "who is near a limit", Needs::Right(Right::Site), || get(show)),
    Route::act("/limits/release", "forget what was counted", Needs::Right(Right::Operate), || {
        post(release)
    }),
];

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    frame: Frame,
    pages: Vec<Section>,
    rows: Vec<Row>,
    more: usize,
    figures: Vec<(&'static str, String)>,
    may_act: bool,
}

struct Row {
    limit: String,
    who: String,
    /// Not everybody together, for whom nothing is counted that could be forgotten.
    is_somebody: bool,
    now: String,
    share: u64,
    full: bool,
    next: String,
    refused: String,
}

async fn show(State(site): State<Place>, visitor: Visitor) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Limits", "/limits");
    let now = site.now();
    let (mut rows, mut figures, mut more) = (Vec::new(), Vec::new(), 0);
    match site.desk().limits() {
        Ok(shown) => {
            // Accounts of ours have a page of their own.
            let lines: Vec<&LimitLine> =
                shown.lines.iter().filter(|line| !line.limit.starts_with("account-")).collect();
            more = lines.len().saturating_sub(limits::LIST_ROWS_DEFAULT);
            rows =
                lines.iter().take(limits::LIST_ROWS_DEFAULT).map(|line| row(line, now)).collect();
            let count = |number: usize| grouped(u64::try_from(number).unwrap_or(u64::MAX));
            figures = vec![
                ("refused since the start", grouped(shown.refused_since_start)),
                ("client addresses remembered", count(shown.addresses_remembered)),
                ("recipients known to exist", count(shown.callouts.yes)),
                ("recipients known not to", count(shown.callouts.no)),
            ];
        }
        Err(why) => frame.note = Some(Note::failed(sentence(&why))),
    }
    let may_act = can(&visitor, Right::Operate);
    render(&LimitsPage { frame, pages, rows, more, figures, may_act })
}

fn row(line: &LimitLine, now: UnixMs) -> Row {
    let number = |count: u64| match line.limit.ends_with("-bytes") {
        true => format!("{} MiB", grouped(count >> 20)),
        false => grouped(count),
    };
    let full = line.bound.is_some_and(|bound| line.count >= bound);
    Row {
        limit: line.limit.clone(),
        who: plain(&line.who),
        is_somebody: line.who != Who::Everybody.to_string(),
        now: match line.bound {
            Some(bound) => format!("{} of {}", number(line.count), number(bound)),
            None => number(line.count),
        },
        share: line.bound.map_or(0, |bound| percent(line.count, bound)),
        full,
        next: match line.until_ms {
            Some(until) => format!("in {}", units::roughly(UnixMs(until).since(now))),
            None if full => "when one ends".to_string(),
            None => "now".to_string(),
        },
        refused: grouped(line.refused),
    }
}

async fn release(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let what = fields.get("what").trim();
    let to = "/limits";
    if what == "all" && fields.get("sure") != "yes" {
        let note = Note::failed("Mark that all of it is meant.");
        return back(&site, &visitor, to, note);
    }
    let note = match let_go(&site, &visitor, what).await {
        Ok(done) => Note::done(said(what, done)),
        Err(why) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, to, note)
}

/// Forgets what was counted for somebody, or for "all", in a visitor's name.
pub(in crate::edge::http) async fn let_go(
    site: &Site,
    visitor: &Visitor,
    what: &str,
) -> Result<Forgotten, String> {
    let what = what.trim();
    if what.is_empty() {
        return Err("say whose: an address, a network, a user or a recipient".to_string());
    }
    let request = Request::LimitsRelease { what: what.to_string() };
    let done = site.asked(visitor, &request, site.desk().release_limits(what)).await?;
    tracing::warn!(by = visitor.account.name, "limits were released by page");
    Ok(done)
}

/// What releasing did, for the next page.
pub(super) fn said(what: &str, done: Forgotten) -> String {
    let what = plain(what);
    match done {
        Forgotten::Account { mails } => {
            format!("{what} goes on; {} let go.", of_many(mails, "mail", "mails"))
        }
        Forgotten::Counts(rows) => {
            format!("{what}: {} forgotten.", of_many(rows, "count", "counts"))
        }
    }
}
