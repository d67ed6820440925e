//! What is remembered of correspondents and of their bank accounts: looked at, forgotten, approved. A memory is an organisation's as a
//! whole: whoever sees some domains of one is answered as if nothing were there.

use super::{
    Count, LIMIT, Param, Problem, Rows, SKIP, Sent, Spec, answer, as_written, asked, not_done,
    rows_from, shape, skipped,
};
use crate::{
    edge::http::{
        Place, Route,
        admin::correspondents::{self as pages, Memory},
        rights::Right,
        site::Site,
        visit::{Query, Visitor},
    },
    mail::Organisation,
    store::{bank_accounts::Line, correspondence::CorrespondentLine},
};
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/correspondents",
        "what is remembered of an address or a domain",
        Right::Look,
        Spec {
            query: &[WHAT, ORGANISATION, SKIP, LIMIT],
            body: None,
            answer: shape::<Rows<Known>>,
        },
        || get(known),
    ),
    Route::api(
        "POST",
        "/api/v1/correspondents/forget",
        "forget an address or a domain",
        Right::Decide,
        Spec { query: &[], body: Some(shape::<Whom>), answer: shape::<Count> },
        || post(forget),
    ),
    Route::api(
        "GET",
        "/api/v1/bank-accounts",
        "which correspondents have written bank accounts; never a number",
        Right::Look,
        Spec {
            query: &[CORRESPONDENT, ORGANISATION, SKIP, LIMIT],
            body: None,
            answer: shape::<Rows<Accounts>>,
        },
        || get(accounts),
    ),
    Route::api(
        "POST",
        "/api/v1/bank-accounts/forget",
        "forget a correspondent's accounts",
        Right::Decide,
        Spec { query: &[], body: Some(shape::<Whom>), answer: shape::<Count> },
        || post(forget_accounts),
    ),
    Route::api(
        "POST",
        "/api/v1/bank-accounts/approve",
        "take a correspondent's accounts for right: one, or those that it has written",
        Right::Decide,
        Spec { query: &[], body: Some(shape::<Approval>), answer: shape::<Count> },
        || post(approve),
    ),
];

const WHAT: Param = Param::text("what", "An address or a domain; without it nothing is found.");
const CORRESPONDENT: Param = Param::text("correspondent", "Part of the correspondent's name.");
const ORGANISATION: Param = Param::organisation("Whose memory; of all if not given.");

/// What is remembered of a correspondent.
#[derive(Debug, Serialize, JsonSchema)]
struct Known {
    /// Whose memory it is.
    organisation: String,
    /// "address": as one of theirs; "ours": as one of ours; "domain".
    what: String,
    /// Pairs that it is in.
    pairs: u64,
    /// Mails written to it (by it, as one of ours), faded.
    written: f64,
    /// Mails that came from it, faded.
    came: f64,
    /// Those that were unwanted, faded.
    unwanted: f64,
    /// First heard of; 0: nobody knows.
    first_ms: u64,
    /// Last heard of.
    last_ms: u64,
}

/// That a correspondent has written accounts.
#[derive(Debug, Serialize, JsonSchema)]
struct Accounts {
    /// Whose memory.
    organisation: String,
    /// Whose accounts.
    correspondent: String,
    /// Mails with accounts.
    mails: u32,
    /// How many different accounts of each kind.
    kinds: BTreeMap<String, u32>,
    /// How many of them somebody has approved.
    approved: u32,
    /// When the first came.
    first_ms: u64,
    /// When the latest came.
    last_ms: u64,
}

/// Whom it is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whom {
    /// The correspondent.
    what: String,
    /// Whose memory; null: that of all who are the caller's.
    #[serde(default)]
    organisation: Option<String>,
}

/// What is right.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The correspondent.
    what: String,
    /// This account, as people write it; null: those that the correspondent has written.
    #[serde(default)]
    account: Option<String>,
    /// Whose memory; needed where there are several organisations.
    #[serde(default)]
    organisation: Option<String>,
}

/// Whose memory is meant; none: of all.
fn owner(
    site: &Site,
    visitor: &Visitor,
    named: Option<&str>,
) -> Result<Option<Organisation>, Problem> {
    let named = named.unwrap_or_default().trim();
    asked::organisation(site, visitor, named)?;
    pages::owner(visitor, named).ok_or(Problem::missing())
}

/// The same of a list, which is empty for whoever has no memory.
fn listed(visitor: &Visitor, query: &Query) -> Option<Option<Organisation>> {
    pages::owner(visitor, query.0.get("organisation").trim())
}

async fn known(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let found = match listed(&visitor, &query) {
        Some(owner) => pages::remembered(&site, query.0.get("what").trim(), &owner).await,
        None => Ok(Vec::new()),
    };
    let lines = found.map_err(not_done)?;
    let shown = lines.into_iter().map(|line: CorrespondentLine| Known {
        organisation: line.organisation,
        what: line.what,
        pairs: line.pairs,
        written: as_written(f64::from(line.written)),
        came: as_written(f64::from(line.came)),
        unwanted: as_written(f64::from(line.unwanted)),
        first_ms: line.first_ms,
        last_ms: line.last_ms,
    });
    Ok(answer(&rows_from(shown, &query)?))
}

async fn accounts(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let (skip, rows) = skipped(&query)?;
    let part = query.0.given("correspondent").map(|part| part.to_lowercase());
    let memory = &site.gateway().stores.bank_accounts;
    let lines = match listed(&visitor, &query) {
        Some(owner) => memory.list(owner, part, skip + rows + 1).await?,
        None => Vec::new(),
    };
    let shown = lines.into_iter().map(|line: Line| Accounts {
        organisation: line.organisation,
        correspondent: line.correspondent,
        mails: line.invoices,
        kinds: line.kinds,
        approved: line.approved,
        first_ms: line.first_seen.0,
        last_ms: line.last_seen.0,
    });
    Ok(answer(&rows_from(shown, &query)?))
}

async fn forget(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Whom { what, organisation } = sent.read()?;
    let memory = Memory { owner: owner(&site, &visitor, organisation.as_deref())?, what };
    let gone = pages::forgotten(&site, &visitor, memory).await.map_err(not_done)?;
    Ok(answer(&Count::of(gone)))
}

async fn forget_accounts(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Whom { what, organisation } = sent.read()?;
    let memory = Memory { owner: owner(&site, &visitor, organisation.as_deref())?, what };
    let gone = pages::accounts_forgotten(&site, &visitor, memory).await.map_err(not_done)?;
    Ok(answer(&Count::from(gone)))
}

async fn approve(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Approval { what, account, organisation } = sent.read()?;
    let memory = Memory { owner: owner(&site, &visitor, organisation.as_deref())?, what };
    let known = pages::approved(&site, &visitor, memory, account).await.map_err(not_done)?;
    Ok(answer(&Count::from(known)))
}
