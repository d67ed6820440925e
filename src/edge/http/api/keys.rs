//! Keys that sign our domains' mail, and keys of what rests: never a key itself.

use super::{
    Count, LIMIT, Param, Problem, Rows, SKIP, Sent, Spec, answer, not_done, rows_from, shape,
};
use crate::{
    edge::http::{
        Place, Route,
        admin::keys as pages,
        rights::Right,
        visit::{Query, Visitor},
    },
    wire::auth::sign::Signs,
};
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/keys",
        "keys that sign, with their DNS records",
        Right::Settings,
        Spec { query: &[DOMAIN, SKIP, LIMIT], body: None, answer: shape::<Rows<Signing>> },
        || get(signing),
    ),
    Route::api(
        "GET",
        "/api/v1/keys/rest",
        "keys that wrap what rests: one in force for each organisation, and those before it",
        Right::Settings,
        Spec { query: &[SKIP, LIMIT], body: None, answer: shape::<Rows<Resting>> },
        || get(resting),
    ),
    Route::api(
        "POST",
        "/api/v1/keys/look",
        "look for the records of signing keys in the DNS; those that wait take over",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<Nothing>), answer: shape::<Rows<Looked>> },
        || post(look),
    ),
    Route::api(
        "POST",
        "/api/v1/keys/sign",
        "make new signing keys for a domain; they sign once their records are found",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<ForDomain>), answer: shape::<Count> },
        || post(sign),
    ),
    Route::api(
        "POST",
        "/api/v1/keys/renew",
        "make a new key for an organisation, and wrap everything of it anew; the old key is destroyed in the end",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<ForOrganisation>), answer: shape::<Renewed> },
        || post(renew),
    ),
];

const DOMAIN: Param = Param::text("domain", "Only those of this domain.");

/// A key that signs.
#[derive(Debug, Serialize, JsonSchema)]
struct Signing {
    /// Whose mail.
    domain: String,
    /// Its name in the DNS.
    selector: String,
    /// "rsa-sha256" or "ed25519-sha256".
    algorithm: &'static str,
    /// "waiting" for its record, "signing" …
    state: &'static str,
    /// Since when it is so.
    since_ms: u64,
    /// Where the record belongs.
    record_name: String,
    /// What belongs there.
    record: String,
}

/// A key that wraps what rests.
#[derive(Debug, Serialize, JsonSchema)]
struct Resting {
    /// Whose.
    organisation: String,
    /// Which of its keys; the highest wraps what comes.
    version: u32,
    /// When it was made.
    made_ms: u64,
}

/// Nothing has to be said.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// What was found of a record.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Looked {
    /// Where it belongs.
    record_name: String,
    /// "published", "missing" or "unknown".
    record: String,
    /// What DNSSEC says of it.
    dnssec: String,
    /// Why nobody could say.
    why: String,
    /// The key's state now.
    state: String,
}

/// Which domain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForDomain {
    /// One of ours.
    domain: String,
}

/// Which organisation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForOrganisation {
    /// Its name.
    organisation: String,
}

/// An organisation has a new key.
#[derive(Debug, Serialize, JsonSchema)]
struct Renewed {
    /// The version in force.
    version: u32,
    /// Waiting mails wrapped anew.
    waiting: u64,
    /// Held mails wrapped anew.
    held: u64,
    /// Keys destroyed.
    destroyed: u64,
}

async fn signing(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let domain = query.0.get("domain").trim().to_lowercase();
    let all = pages::signing(&site, &visitor, &domain);
    let keys = all.iter().map(|key| Signing {
        domain: key.domain().to_string(),
        selector: key.selector().to_string(),
        algorithm: key.algorithm().word(),
        state: key.state.word(),
        since_ms: key.since.0,
        record_name: key.record_name(),
        record: key.record(),
    });
    Ok(answer(&rows_from(keys, &query)?))
}

async fn resting(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let all = site.gateway().stores.ring.list();
    let mine = all.iter().filter(|line| pages::rests_for(&visitor.scope, line));
    let keys = mine.map(|line| Resting {
        organisation: line.organisation.to_string(),
        version: line.version,
        made_ms: line.made.0,
    });
    Ok(answer(&rows_from(keys, &query)?))
}

async fn look(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Nothing {} = sent.read()?;
    let found = pages::looked(&site, &visitor).await.map_err(not_done)?;
    let read = serde_json::from_value::<Vec<Looked>>(found);
    let items = read.map_err(|error| Problem::ours(error.to_string()))?;
    Ok(answer(&Rows { items, next: None }))
}

async fn sign(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let ForDomain { domain } = sent.read()?;
    let made = pages::made(&site, &visitor, &domain).await.map_err(not_done)?;
    Ok(answer(&Count::of(made.as_array().map_or(0, Vec::len))))
}

async fn renew(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let ForOrganisation { organisation } = sent.read()?;
    if !pages::has_key(&site, &organisation) {
        return Err(Problem::missing());
    }
    let done = pages::renewed(&site, &visitor, &organisation).await.map_err(not_done)?;
    Ok(answer(&Renewed {
        version: done.version,
        waiting: done.waiting,
        held: done.held,
        destroyed: done.destroyed,
    }))
}
