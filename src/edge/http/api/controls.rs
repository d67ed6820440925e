//! Controls: how each stands.

use super::{Problem, Rows, Spec, answer, shape};
use crate::edge::http::{
    Place, Route,
    admin::controls::{ControlLine, lines},
    rights::Right,
    visit::Visitor,
};
use axum::{extract::State, response::Response, routing::get};

pub(super) const ROUTES: &[Route] = &[Route::api(
    "GET",
    "/api/v1/controls",
    "what must hold, and how it stands; what is broken first",
    Right::Settings,
    Spec { query: &[], body: None, answer: shape::<Rows<ControlLine>> },
    || get(list),
)];

async fn list(State(site): State<Place>, visitor: Visitor) -> Result<Response, Problem> {
    let items = lines(&site, &visitor).await?;
    Ok(answer(&Rows { items, next: None }))
}
