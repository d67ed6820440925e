//! The API: what the pages do, for programs. JSON in and out, a bearer token with some of its account's rights, errors as RFC 9457 says.
//!
//! A route of the API carries what its document says of it ([`Spec`]), so the document cannot forget one; shapes are derived from the types
//! that are written.

mod accounts;
mod asked;
mod campaigns;
mod content;
mod controls;
mod document;
mod domains;
mod held;
mod keys;
mod lessons;
mod memory;
mod operate;
mod problem;
mod proofs;
mod queue;
mod reports;
mod status;
mod stored;
mod track;
mod versions;
mod views;

use asked::Seen;
pub use asked::{Param, Takes};
pub(super) use problem::Problem;

use super::{
    Door, Needs, Place, Route,
    rights::{Right, may},
    site::store_is_away,
    visit::{Fields, Query, Secret, Visitor},
    words::plain,
};
use crate::{base::limits, store::StoreError};
use axum::{
    body::Bytes,
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use std::net::IpAddr;

pub(super) const ROUTES: &[&[Route]] = &[
    document::ROUTES,
    status::ROUTES,
    held::ROUTES,
    content::ROUTES,
    queue::ROUTES,
    operate::ROUTES,
    keys::ROUTES,
    memory::ROUTES,
    lessons::ROUTES,
    track::ROUTES,
    proofs::ROUTES,
    campaigns::ROUTES,
    controls::ROUTES,
    reports::ROUTES,
    views::ROUTES,
    accounts::ROUTES,
    stored::ROUTES,
    versions::ROUTES,
    domains::ROUTES,
];

/// What the document says of a route.
#[derive(Clone, Copy)]
pub struct Spec {
    /// What may stand behind the question mark.
    pub query: &'static [Param],
    /// What is sent.
    pub body: Option<Shape>,
    /// What comes back.
    pub answer: Shape,
}

/// The shape of a value.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

pub(super) fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The beginning of a time.
pub(super) const SINCE: Param = Param::moment("since", "From then on.");

/// The end of a time.
pub(super) const UNTIL: Param = Param::moment("until", "Before; of a day, with all of it.");

/// How many rows.
pub(super) const LIMIT: Param =
    Param::number("limit", "At most this many rows; 100 if not given, 1000 at most.");

/// Where a list begins that is counted off.
pub(super) const SKIP: Param =
    Param::number("skip", "Not the first ones: the `next` of the page before.");

impl Route {
    /// A route of the API.
    pub(super) const fn api(
        method: &'static str,
        path: &'static str,
        what: &'static str,
        needs: Right,
        spec: Spec,
        handler: fn() -> MethodRouter<Place>,
    ) -> Route {
        Route {
            spec: Some(spec),
            ..Route::new(Door::Admin, method, path, what, Needs::Right(needs), handler)
        }
    }
}

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Rows<T> {
    /// The rows.
    pub(super) items: Vec<T>,
    /// Where the next page begins; null after the last.
    pub(super) next: Option<String>,
}

/// How many rows an answer may have.
pub(super) fn rows_wanted(query: &Query) -> Result<usize, Problem> {
    match query.0.get("limit") {
        "" => Ok(limits::API_ROWS_DEFAULT),
        text => match text.parse::<usize>() {
            Ok(rows) if (1..=limits::API_ROWS_MAX).contains(&rows) => Ok(rows),
            Ok(_) | Err(_) => Err(Problem::bad_request(format!(
                "limit is a number from 1 to {}, not {text:?}",
                limits::API_ROWS_MAX
            ))),
        },
    }
}

/// How many rows of a list that is counted off come on earlier pages, and how many on this one.
pub(super) fn skipped(query: &Query) -> Result<(usize, usize), Problem> {
    let skip = query.0.given("skip").map_or(Ok(0), |text| text.parse::<usize>());
    let skip = skip.ok().filter(|skip| *skip <= limits::API_SKIP_MAX).ok_or_else(|| {
        Problem::bad_request(format!("skip is a number up to {}", limits::API_SKIP_MAX))
    });
    Ok((skip?, rows_wanted(query)?))
}

/// The page of a list that was asked for.
pub(super) fn rows_from<T>(
    all: impl Iterator<Item = T>,
    query: &Query,
) -> Result<Rows<T>, Problem> {
    let (skip, rows) = skipped(query)?;
    let mut items: Vec<T> = all.skip(skip).take(rows + 1).collect();
    let more = items.len() > rows;
    items.truncate(rows);
    Ok(Rows { items, next: more.then(|| (skip + rows).to_string()) })
}

/// How many an act was about.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Count {
    /// So many.
    count: u64,
}

impl Count {
    pub(super) fn of(count: usize) -> Count {
        Count { count: u64::try_from(count).unwrap_or(u64::MAX) }
    }
}

impl From<u64> for Count {
    fn from(count: u64) -> Count {
        Count { count }
    }
}

/// A weight or score as whoever wrote it down wrote it: 1.3, and not what 32 bits make of it, nor the dust of adding such up.
pub(super) fn as_written(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// Understood, and not done: why, as a page says it.
pub(super) fn not_done(why: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, plain(&why))
}

/// A value as an answer, with what tells it from another one.
pub(super) fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let hash = blake3::hash(&bytes).to_hex();
            let tag = format!("\"{}\"", hash.as_str().get(..32).unwrap_or_default());
            let fields =
                [(header::CONTENT_TYPE, "application/json".to_string()), (header::ETAG, tag)];
            (fields, bytes).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer of the API could not be written");
            Problem::ours("the answer could not be written").into_response()
        }
    }
}

/// What was sent, read as what belongs there.
#[derive(Debug, Clone)]
pub(super) struct Sent(Bytes);

impl Sent {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.0).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::bad_request(format!(
                "the body is not understood at line {line}, column {column}: {error}"
            ))
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Sent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Sent, Problem> {
        parts.extensions.get::<Sent>().cloned().ok_or(Problem::ours("there is no body"))
    }
}

/// What a request to the API meets before its answer.
pub(super) async fn admit(
    route: &'static Route,
    site: &Place,
    client: IpAddr,
    request: Request,
    next: Next,
) -> Response {
    match admitted(route, site, client, request).await {
        Ok((request, if_none_match)) => {
            let mut answer = next.run(request).await;
            let same = answer.headers().get(header::ETAG) == if_none_match.as_ref();
            if if_none_match.is_some() && same && answer.status() == StatusCode::OK {
                *answer.status_mut() = StatusCode::NOT_MODIFIED;
                *answer.body_mut() = axum::body::Body::empty();
                answer.headers_mut().remove(header::CONTENT_LENGTH);
            }
            answer
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admitted(
    route: &'static Route,
    site: &Place,
    client: IpAddr,
    request: Request,
) -> Result<(Request, Option<HeaderValue>), Problem> {
    let visitor = caller(route, site, client, request.headers()).await?;
    let query = Fields::read(request.uri().query().unwrap_or_default().as_bytes());
    let params = route.spec.map_or(&[][..], |spec| spec.query);
    asked::well(params, &query, &Seen::by(&visitor, site))?;
    let (mut parts, body) = request.into_parts();
    let wants_body = route.spec.is_some_and(|spec| spec.body.is_some());
    if wants_body && !is_json(&parts.headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the body as Content-Type: application/json",
        ));
    }
    let read = axum::body::to_bytes(body, limits::FORM_BYTES_MAX).await;
    let bytes = read.map_err(|_| Problem::bad_request("the body could not be read"))?;
    parts.extensions.insert(visitor);
    parts.extensions.insert(Sent(bytes));
    let if_none_match = parts.headers.get(header::IF_NONE_MATCH).cloned();
    Ok((Request::from_parts(parts, axum::body::Body::empty()), if_none_match))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Whose token it is. RFC 6750 section 2.1: in the field, never in the address, where logs would keep it.
async fn caller(
    route: &Route,
    site: &Place,
    client: IpAddr,
    headers: &HeaderMap,
) -> Result<Visitor, Problem> {
    let field = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = field.and_then(|field| field.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = bearer else {
        return Err(Problem::no_token());
    };
    // What was never a token and what is none any more are told alike.
    let secret = token.trim().strip_prefix(TOKEN_MARK).and_then(Secret::parse);
    let Some(secret) = secret else { return Err(Problem::wrong_token()) };
    let found = site.gateway().stores.accounts.token(secret.hash()).await?;
    let Some((account, token)) = found else { return Err(Problem::wrong_token()) };
    let (Needs::Right(right), Some(scope)) = (route.needs, account.scope()) else {
        return Err(Problem::forbidden("this account has no rights here"));
    };
    let has = |right: Right| {
        let mut own =
            Right::ALL.into_iter().filter(|one| token.rights.iter().any(|word| word == one.word()));
        own.any(|one| one.includes(right))
    };
    if !may(&account, right) {
        return Err(Problem::forbidden(format!(
            "the account's role lacks the right {}",
            right.word()
        )));
    }
    if !has(right) {
        return Err(Problem::forbidden(format!("the token lacks the right {}", right.word())));
    }
    let (csrf, said) = Default::default();
    let session = secret.hash();
    Ok(Visitor { account, scope, session, csrf, client, has_given_password: false, said })
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, store_is_away(&error))
    }
}

/// What a token begins with, so that people and programs that look for secrets in files know it.
pub(super) const TOKEN_MARK: &str = "sluss_";
