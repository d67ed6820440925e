//! What a certificate authority looks for at our names while it makes us a certificate (RFC 8555 section 8.3).

use crate::edge::http::{Place, Route, lost};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::open_page(
    "/.well-known/acme-challenge/{token}",
    "what a certificate authority looks for at our names",
    || get(answer),
)];

async fn answer(
    State(site): State<Place>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    match text(&site, &token) {
        Some(answer) => answer,
        None => lost::public(State(site), headers).await,
    }
}

/// The text for a token of an order that is under way.
pub(in crate::edge::http) fn text(site: &Place, token: &str) -> Option<Response> {
    let text = site.certificates().challenges.answer(token)?;
    let kind = HeaderValue::from_static("application/octet-stream");
    Some(([(header::CONTENT_TYPE, kind)], text).into_response())
}
