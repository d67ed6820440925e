//! One mail's way as a sheet for paper, and for whoever has to be shown it.

use crate::{
    base::{ids::Id, limits},
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, render, say},
            rights::Right,
            site::store_is_away,
            visit::Visitor,
            words::plain,
        },
        proof_desk::{self, Grade, Told},
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::page(
    "/proof/{id}",
    "by what way one mail came and went, as a sheet",
    Needs::Right(Right::Look),
    || get(show),
)];

/// The section in the menu.
const PATH: &str = "/trace";

#[derive(Template)]
#[template(path = "proof.html")]
struct ProofPage {
    frame: Frame,
    id: Id,
    sheets: Vec<SheetRow>,
    /// Some are in a form of a newer version.
    unread: usize,
}

struct SheetRow {
    id: String,
    heading: String,
    grade: &'static str,
    class: &'static str,
    facts: Vec<(&'static str, String)>,
    seal: Vec<(&'static str, String)>,
}

async fn show(State(site): State<Place>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let not_found = |frame| say(StatusCode::NOT_FOUND, frame, "There is no proof of such a mail.");
    let mut frame = Frame::new(&site, &visitor, "Proof", PATH);
    let Ok(id) = Id::parse(&id) else { return not_found(frame) };
    let sheets = match proof_desk::of_mail(site.gateway(), id, visitor.scope.clone()).await {
        Ok(sheets) => sheets,
        Err(error) => {
            frame.note = Some(Note::failed(store_is_away(&error)));
            return render(&ProofPage { frame, id, sheets: Vec::new(), unread: 0 });
        }
    };
    if sheets.is_empty() {
        return not_found(frame);
    }
    let told: Vec<SheetRow> = sheets.iter().filter_map(proof_desk::told).map(row).collect();
    let unread = sheets.len() - told.len();
    render(&ProofPage { frame, id, sheets: told, unread })
}

fn row(told: Told) -> SheetRow {
    let shown = |facts: Vec<(&'static str, String)>| {
        facts.into_iter().map(|(name, value)| (name, on_paper(&value))).collect()
    };
    SheetRow {
        id: told.id,
        heading: told.heading,
        grade: told.grade.word(),
        class: match told.grade {
            Grade::Proven => "good",
            Grade::Encrypted => "mind",
            Grade::Clear => "bad",
        },
        facts: shown(told.facts),
        seal: shown(told.seal),
    }
}

/// All of it that paper bears: what others wrote into it must not fill a page.
fn on_paper(value: &str) -> String {
    plain(&value.chars().take(limits::PROOF_VALUE_CHARS_MAX).collect::<String>())
}
