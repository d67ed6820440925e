//! The same mail to many, and what was delivered of it before it was known to be bad.

use super::{Count, LIMIT, Param, Problem, Rows, Sent, Spec, answer, not_done, rows_wanted, shape};
use crate::{
    edge::http::{
        Place, Route,
        admin::{campaigns::seen_to, statistics::narrowed},
        rights::Right,
        visit::{Query, Visitor},
    },
    learn::campaign::CampaignId,
    store::campaigns::{CampaignLine, Recalled},
};
use axum::{
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const LISTED: &[Param] = &[Param::organisation("As this organisation sees them."), LIMIT];

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/campaigns",
        "campaigns of which more than one mail came, or that are bad, the latest first",
        Right::Look,
        Spec { query: LISTED, body: None, answer: shape::<Rows<CampaignLine>> },
        || get(list),
    ),
    Route::api(
        "GET",
        "/api/v1/campaigns/{id}",
        "one campaign, and what was delivered of it before it was known to be bad",
        Right::Look,
        Spec { query: &[], body: None, answer: shape::<Told> },
        || get(show),
    ),
    Route::api(
        "POST",
        "/api/v1/campaigns/seen",
        "say that somebody has seen to what was delivered of a campaign",
        Right::Decide,
        Spec { query: &[], body: Some(shape::<Seen>), answer: shape::<Count> },
        || post(seen),
    ),
];

/// One campaign.
#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    /// What came of it.
    campaign: CampaignLine,
    /// Mails that were delivered before it was known to be bad, the latest first.
    delivered: Vec<Recalled>,
}

/// Which campaign somebody has seen to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// Sixteen hex digits.
    id: String,
}

async fn list(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let rows = rows_wanted(&query)?;
    let scope =
        narrowed(&visitor.scope, query.0.get("organisation")).map_err(Problem::bad_request)?;
    let items = site.gateway().stores.trace.campaigns(scope, rows).await?;
    Ok(answer(&Rows { items, next: None }))
}

async fn show(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse::<CampaignId>().map_err(|_| Problem::missing())?;
    let found = site.gateway().stores.trace.campaign(visitor.scope, id).await?;
    let (campaign, delivered) = found.ok_or_else(Problem::missing)?;
    Ok(answer(&Told { campaign, delivered }))
}

async fn seen(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Seen { id } = sent.read()?;
    let id = id.parse::<CampaignId>().map_err(|_| Problem::missing())?;
    let count = seen_to(&site, &visitor, id).await.map_err(not_done)?;
    Ok(answer(&Count::of(count.ok_or_else(Problem::missing)?)))
}
