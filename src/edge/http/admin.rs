//! The admin door: the status page, and what machines ask.

use crate::{
    edge::{
        http::{Eyes, Readiness},
        overview::Overview,
    },
    wire::date,
};
use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    overview: Arc<Overview>,
    readiness: Readiness,
    at: String,
    shown_at: String,
}

pub(super) async fn status(State(eyes): State<Eyes>) -> Response {
    let now = eyes.now();
    let page = StatusPage {
        overview: eyes.overview().await,
        readiness: eyes.readiness(),
        at: date::write_iso(now),
        shown_at: date::write(now),
    };
    render(&page)
}

pub(super) fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page could not be written\n").into_response()
        }
    }
}

pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../pages/status.css"))
}

pub(super) async fn metrics(State(eyes): State<Eyes>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], eyes.metrics())
}

pub(super) async fn healthz() -> &'static str {
    "alive\n"
}

pub(super) async fn readyz(State(eyes): State<Eyes>) -> (StatusCode, &'static str) {
    match eyes.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n"),
        Readiness::NoRules => (StatusCode::SERVICE_UNAVAILABLE, "no rules are loaded\n"),
        Readiness::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending\n"),
    }
}
