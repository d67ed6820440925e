//! The status page, and what machines ask.

use crate::edge::{
    http::{
        Needs, Place, Readiness, Route,
        frame::{Frame, render},
        rights::Right,
        visit::Visitor,
        words::Moment,
    },
    overview::Overview,
};
use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/status", "how the gateway is doing", Needs::Right(Right::Site), || get(status)),
    Route::page("/metrics", "figures for Prometheus", Needs::Nothing, || get(metrics)),
    Route::page("/healthz", "the process is alive", Needs::Nothing, || get(healthz)),
    Route::page("/readyz", "mail is being taken", Needs::Nothing, || get(readyz)),
];

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    frame: Frame,
    overview: Arc<Overview>,
    readiness: Readiness,
    at: Moment,
}

async fn status(State(site): State<Place>, visitor: Visitor) -> Response {
    let page = StatusPage {
        frame: Frame::new(&site, &visitor, "Status", "/status"),
        overview: site.overview().await,
        readiness: site.readiness(),
        at: Moment::of(&site.wall(), site.now()),
    };
    render(&page)
}

async fn metrics(State(site): State<Place>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], site.metrics())
}

async fn healthz() -> &'static str {
    "alive\n"
}

async fn readyz(State(site): State<Place>) -> (StatusCode, &'static str) {
    match site.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n"),
        Readiness::NoRules => (StatusCode::SERVICE_UNAVAILABLE, "no rules are loaded\n"),
        Readiness::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending\n"),
    }
}
