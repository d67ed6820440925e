//! An address where nothing is: the house's page for people, a problem for programs. Neither says what there is elsewhere.

use super::{
    Door, Place,
    api::Problem,
    frame::{Frame, say},
    public,
    visit::{Client, Said, visitor},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};

pub(super) async fn admin(
    State(site): State<Place>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if is_for_programs(Door::Admin, uri.path()) {
        return Problem::missing().into_response();
    }
    // Whoever is logged in keeps the menu; what was done before waits for a page that is one.
    let somebody = visitor(&site, &headers, client, Said::default()).await.ok().flatten();
    let frame = match &somebody {
        Some(visitor) => Frame::new(&site, visitor, "Nothing here", ""),
        None => Frame::bare(&site, "Nothing here"),
    };
    say(StatusCode::NOT_FOUND, frame, "There is nothing at this address.")
}

pub(super) async fn public(State(site): State<Place>, headers: HeaderMap) -> Response {
    public::me::lost(&site, &headers)
}

/// Is it a program that asks, which reads problems and no pages?
pub(super) fn is_for_programs(door: Door, path: &str) -> bool {
    door == Door::Admin && path.starts_with("/api/")
}

/// There is something, and this is not the way to ask for it. What is, stands in `Allow`.
pub(super) async fn other_method(uri: Uri) -> Response {
    match is_for_programs(Door::Admin, uri.path()) {
        true => Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "there is no such method here; Allow names those that there are",
        )
        .into_response(),
        false => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// What answers at a door where no page does.
pub(super) fn handler(door: Door) -> axum::routing::MethodRouter<Place> {
    match door {
        Door::Admin => axum::routing::any(admin),
        Door::Public => axum::routing::any(public),
    }
}
