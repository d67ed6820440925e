//! How the gateway is doing.

use super::{Spec, answer, shape};
use crate::edge::{
    http::{Place, Readiness, Route, rights::Right},
    overview::Deviation,
};
use axum::{extract::State, response::Response, routing::get};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) const ROUTES: &[Route] = &[Route::api(
    "GET",
    "/api/v1/status",
    "how the gateway is doing",
    Right::Site,
    Spec { query: &[], body: None, answer: shape::<Status> },
    || get(status),
)];

#[derive(Debug, Serialize, JsonSchema)]
struct Status {
    /// Mail is being taken.
    taking_mail: bool,
    /// "ready", "no rules" or "ending".
    state: &'static str,
    /// What is not as it should be, the gravest first.
    deviations: Vec<Deviates>,
    /// Mails in the queue.
    queued: u64,
    /// Mails held.
    held: u64,
    /// Now.
    at_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Deviates {
    /// Mail is hurt by it now or soon.
    grave: bool,
    /// What it is and what to do.
    text: String,
}

async fn status(State(site): State<Place>) -> Response {
    let gateway = site.gateway();
    let (held, _) = gateway.stores.quarantine.totals().await.unwrap_or_default();
    let overview = site.overview().await;
    let state = match site.readiness() {
        Readiness::Ready => "ready",
        Readiness::NoRules => "no rules",
        Readiness::Ending => "ending",
    };
    let deviates = |one: &Deviation| Deviates { grave: one.grave, text: one.text.clone() };
    answer(&Status {
        taking_mail: site.readiness() == Readiness::Ready,
        state,
        deviations: overview.deviations.iter().map(deviates).collect(),
        queued: u64::try_from(gateway.queue.len()).unwrap_or(u64::MAX),
        held,
        at_ms: site.now().0,
    })
}
