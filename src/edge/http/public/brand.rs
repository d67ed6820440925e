//! What gives a page the look of its organisation: a style and a logo, under names that tell nobody whose they are.

use crate::{
    edge::http::{Place, Route},
    pipeline::brands::BrandFile,
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] =
    &[Route::open_page("/brand/{file}", "the colour and the logo of an organisation", || {
        get(file)
    })];

async fn file(State(site): State<Place>, Path(name): Path<String>) -> Response {
    let settings = site.gateway().settings.load_full();
    let (kind, content) = match settings.brands.file(&name) {
        Some(BrandFile::Style(text)) => ("text/css; charset=utf-8", text.clone()),
        Some(BrandFile::Logo(picture)) => ("image/png", picture.clone()),
        None => return (StatusCode::NOT_FOUND, "nothing here\n").into_response(),
    };
    let fields = [
        (header::CONTENT_TYPE, kind),
        // What its name is a hash of does not change.
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (fields, content).into_response()
}
