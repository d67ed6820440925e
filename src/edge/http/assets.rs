//! How pages look, and the little that runs in a browser: one file each, kept by browsers until it changes.

use super::{Door, Needs, Route};
use axum::{
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::LazyLock;

pub(super) const ROUTES: &[Route] = &[
    Route::page("/sluss.css", "how pages look", Needs::Nothing, || get(style)),
    Route::page("/sluss.js", "keys and live parts; pages work without", Needs::Nothing, || {
        get(script)
    }),
    Route::new(Door::Public, "GET", "/look.css", "how pages look", Needs::Nothing, || get(style)),
    Route::new(
        Door::Public,
        "GET",
        "/send.js",
        "how far what is sent has come; the form works without",
        Needs::Nothing,
        || get(sending),
    ),
    // Browsers ask for it by this name, whatever it is.
    Route::new(
        Door::Public,
        "GET",
        "/favicon.ico",
        "the small picture in a browser's tab",
        Needs::Nothing,
        || get(icon),
    ),
    Route::page("/icon.svg", "the small picture in a browser's tab", Needs::Nothing, || get(icon)),
];

/// Stands behind the address of an asset, so that a browser asks again when it has changed.
pub(super) static STAMP: LazyLock<String> = LazyLock::new(|| {
    let mut hash = blake3::Hasher::new();
    for part in [STYLE, SCRIPT, SENDING] {
        hash.update(part.as_bytes());
    }
    hash.finalize().to_hex().as_str().get(..12).unwrap_or_default().to_string()
});

async fn style() -> Response {
    kept("text/css; charset=utf-8", STYLE)
}

async fn script() -> Response {
    kept("text/javascript; charset=utf-8", SCRIPT)
}

async fn sending() -> Response {
    kept("text/javascript; charset=utf-8", SENDING)
}

async fn icon() -> Response {
    kept("image/svg+xml", ICON)
}

fn kept(kind: &'static str, text: &'static str) -> Response {
    let fields = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (fields, text).into_response()
}

const STYLE: &str = include_str!("../pages/sluss.css");
const SCRIPT: &str = include_str!("../pages/sluss.js");
const SENDING: &str = include_str!("../pages/send.js");
/// Two gates of a lock, one of them open.
const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"7\" fill=\"#1f5f8b\"/>\
<path d=\"M6 24V8l9 4v12zM26 24V8l-6 2.7V24z\" fill=\"#fff\"/></svg>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_at_the_foot_of_a_window_needs_room_and_hides_no_focus() {
        let mut room = "";
        let mut sticks = 0;
        for line in STYLE.lines() {
            if line.starts_with("@media") {
                room = line;
            } else if line == "}" {
                room = "";
            }
            if line.contains("position: sticky; bottom: 0") {
                sticks += 1;
                assert!(room.contains("min-width") && room.contains("min-height"), "{line}");
                assert!(STYLE.contains("html:has(.bulk) { scroll-padding-bottom"), "{line}");
            }
        }
        assert_eq!(sticks, 1, "the look is read as it is written");
    }
}
