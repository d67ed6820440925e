//! Versions of the stored configuration: who changed what, when and why.

use super::{LIMIT, Param, Problem, Rows, Spec, answer, rows_wanted, shape};
use crate::{
    base::limits,
    config::layers::Version,
    edge::http::{
        Place, Route,
        admin::{
            configuration::{self, EntryChange, Line},
            history::{page_of_versions, seen},
        },
        rights::Right,
        visit::{Query, Visitor},
        words::plain,
    },
};
use axum::{
    extract::{Path, State},
    response::Response,
    routing::get,
};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/versions",
        "the versions of what is stored of the configuration, or of what is one's own, the newest first",
        Right::Settings,
        Spec { query: &[BEFORE, LIMIT], body: None, answer: shape::<Rows<OneVersion>> },
        || get(list),
    ),
    Route::api(
        "GET",
        "/api/v1/versions/{version}",
        "what one version changed; secrets are not told",
        Right::Settings,
        Spec { query: &[], body: None, answer: shape::<WholeVersion> },
        || get(show),
    ),
];

const BEFORE: Param = Param::number("before", "What `next` of the page before says.");

/// A version.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OneVersion {
    /// Its number, from 1.
    version: u32,
    /// When it was made.
    at_ms: u64,
    /// By whom.
    author: String,
    /// Why.
    comment: String,
    /// How many entries it changed.
    changes: u64,
}

/// A version, with what it changed.
#[derive(Debug, Serialize, JsonSchema)]
struct WholeVersion {
    #[serde(flatten)]
    version: OneVersion,
    /// The entries; of a very long one the first.
    entries: Vec<Changed>,
}

/// What became of an entry.
#[derive(Debug, Serialize, JsonSchema)]
struct Changed {
    /// Its name.
    name: String,
    /// Values that it no longer has, as "path = value".
    before: Vec<String>,
    /// Those that it has instead.
    after: Vec<String>,
}

pub(super) fn one(version: &Version) -> OneVersion {
    OneVersion {
        version: version.version,
        at_ms: version.at.0,
        author: plain(&version.author),
        comment: plain(&version.comment),
        changes: version.changes,
    }
}

fn changed(entry: EntryChange) -> Changed {
    let (gone, come): (Vec<Line>, Vec<Line>) =
        entry.lines.into_iter().partition(|line| line.is_gone());
    let texts = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect();
    Changed { name: entry.name, before: texts(gone), after: texts(come) }
}

async fn list(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let rows = rows_wanted(&query)?;
    let before = query.0.given("before").map(|text| text.parse::<u32>()).transpose();
    let before = before.map_err(|_| Problem::bad_request("before is what `next` said"))?;
    let found = page_of_versions(&site, &visitor, before, rows + 1).await;
    let mut found = found.map_err(Problem::away)?;
    let more = found.len() > rows;
    found.truncate(rows);
    let next = found.last().filter(|_| more).map(|last| last.version.to_string());
    Ok(answer(&Rows { items: found.iter().map(one).collect(), next }))
}

async fn show(
    State(site): State<Place>,
    visitor: Visitor,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let number = number.parse::<u32>().map_err(|_| Problem::missing())?;
    let found = seen(&site, &visitor, number).await.map_err(Problem::away)?;
    let (told, _) = found.ok_or(Problem::missing())?;
    let version = one(&told.version);
    let entries = told.changes.iter().take(limits::API_ROWS_MAX).map(configuration::entry);
    Ok(answer(&WholeVersion { version, entries: entries.map(changed).collect() }))
}
