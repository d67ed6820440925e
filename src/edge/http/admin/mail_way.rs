//! How a held mail came: what was found out about its sender, the servers it passed, and its header section. Of what it contains nothing
//! stands here, so nobody's consent is asked.

use super::mail::{find, missing};
use crate::{
    base::{clock::UnixMs, ids::Id},
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, render, say},
        rights::Right,
        visit::Visitor,
        words::{Moment, plain},
    },
    mail::Direction,
    pipeline::view::{self, Client, Method, Step, Way},
    store::held::Held,
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::page(
    "/held/{id}/way",
    "how a held mail came, and its header section",
    Needs::Right(Right::Look),
    || get(page),
)];

#[derive(Template)]
#[template(path = "mail_way.html")]
struct WayPage {
    frame: Frame,
    id: String,
    subject: String,
    way: Way,
    /// When it came to us.
    came: Option<Moment>,
    /// Why nothing was found out about its sender, where nothing was.
    nothing: String,
}

async fn page(State(site): State<Place>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let found = match Id::parse(&id) {
        Ok(id) => find(&site, &visitor, id).await,
        Err(_) => Ok(None),
    };
    let seen = match found {
        Ok(None) => return missing(&site, &visitor),
        Ok(Some(held)) => view::way(site.gateway(), held.id)
            .await
            .map(|way| (held, way))
            .map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match seen {
        Ok((held, way)) => render(&WayPage {
            frame: Frame::new(&site, &visitor, "How it came", "/held"),
            id: held.id.to_string(),
            subject: plain(&held.subject),
            came: way.peer.as_ref().map(|peer| Moment::of(&site.wall(), UnixMs(peer.at_ms))),
            nothing: nothing(&held, &way),
            way: readable(way),
        }),
        Err(error) => {
            let frame = Frame::new(&site, &visitor, "Not just now", "/held");
            say(StatusCode::SERVICE_UNAVAILABLE, frame, &format!("It cannot be shown: {error}."))
        }
    }
}

/// What stands for a table that would be empty. What is not kept any more was asked, and the list of held mail knows its outcome.
fn nothing(held: &Held, way: &Way) -> String {
    match (held.direction, &way.peer, &held.authenticated) {
        (Direction::Outbound, _, _) => "It is one of ours: nobody is asked about its sender.".to_string(),
        (Direction::Inbound, _, Some(domain)) => {
            format!("DMARC passed for {}. What else was found out is not kept any more.", plain(domain))
        }
        (Direction::Inbound, None, None) => {
            "What was found out is not kept any more; nobody has proved to be the sender.".to_string()
        }
        (Direction::Inbound, Some(_), None) => {
            "Neither SPF, DKIM nor DMARC could be asked about it, so nobody has proved to be the sender.".to_string()
        }
    }
}

/// A stranger's words without signs that turn letters round; the lines of the header section stay lines.
fn readable(way: Way) -> Way {
    let step = |step: Step| Step {
        from: plain(&step.from),
        by: plain(&step.by),
        at: plain(&step.at),
        ..step
    };
    let method = |one: Method| Method { about: plain(&one.about), ..one };
    let lines = way.header.lines().map(|line| plain(&line.replace('\t', "    ")));
    Way {
        header: lines.collect::<Vec<_>>().join("\n"),
        authentication: way.authentication.into_iter().map(method).collect(),
        peer: way.peer.map(|peer| Client { helo: plain(&peer.helo), ..peer }),
        steps: way.steps.into_iter().map(step).collect(),
        header_is_cut: way.header_is_cut,
    }
}
