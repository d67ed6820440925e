//! Port 80, in clear: answers a certificate authority, and sends browsers on to the public web. Nothing else is here.

use super::{Door, Place, door, public::acme};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use std::net::TcpListener;
use tokio::sync::watch;

/// Opens it on sockets that are bound. Needs a runtime.
pub fn open(
    site: &Place,
    sockets: Vec<TcpListener>,
    ending: &watch::Receiver<bool>,
) -> Result<(), String> {
    let pages = Router::new()
        .route("/.well-known/acme-challenge/{token}", get(answer))
        .fallback(any(elsewhere))
        .with_state(site.clone());
    door::open_house(Door::Public, site, pages, sockets, None, ending)
}

async fn answer(State(site): State<Place>, Path(token): Path<String>) -> Response {
    acme::text(&site, &token).unwrap_or_else(|| (StatusCode::NOT_FOUND, NOTHING).into_response())
}

/// The same path where it is encrypted; a form is not sent twice.
async fn elsewhere(State(site): State<Place>, method: Method, uri: Uri) -> Response {
    let settings = site.gateway().settings.load();
    let public = settings.config.web.public_url.as_ref();
    let to = public.filter(|public| public.as_str().starts_with("https://"));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let to = to.and_then(|to| HeaderValue::from_str(&format!("{}{path}", to.as_str())).ok());
    match to {
        Some(to) if method == Method::GET || method == Method::HEAD => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response()
        }
        Some(_) | None => (StatusCode::NOT_FOUND, NOTHING).into_response(),
    }
}

const NOTHING: &str = "nothing is here\n";
