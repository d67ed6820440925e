//! By what way mail came and went.

use super::{LIMIT, Param, Problem, Rows, SINCE, Spec, UNTIL, answer, asked, rows_wanted, shape};
use crate::{
    base::ids::Id,
    edge::{
        http::{
            Place, Route,
            admin::{operate::days_ago, transport},
            rights::Right,
            visit::{Query, Visitor},
        },
        proof_desk,
    },
    mail::{Direction, Domain},
    store::{
        proof::Sheet,
        transport::{ChannelFilter, DomainChannels, Terms, WouldBreak},
    },
};
use axum::{
    extract::{Path, State},
    response::Response,
    routing::get,
};

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/proofs/{id}",
        "by what way one mail came and went: sheets that anybody can verify; the id is that of the mail",
        Right::Look,
        Spec { query: &[], body: None, answer: shape::<Rows<Sheet>> },
        || get(of_mail),
    ),
    Route::api(
        "GET",
        "/api/v1/transport",
        "how mail went and came by domain, for whoever sees a whole organisation",
        Right::Look,
        Spec {
            query: &[DIRECTION, DOMAIN, ORGANISATION, SINCE, UNTIL, LIMIT],
            body: None,
            answer: shape::<Rows<DomainChannels>>,
        },
        || get(channels),
    ),
    Route::api(
        "GET",
        "/api/v1/transport/try",
        "what of the last 30 days' mail to a domain would have waited under these terms",
        Right::Look,
        Spec { query: TERMS, body: None, answer: shape::<WouldBreak> },
        || get(would_break),
    ),
];

const DIRECTION: Param =
    Param::one_of("direction", "Which way; outbound if not given.", &["inbound", "outbound"]);
const DOMAIN: Param = Param::text("domain", "To or from this domain.");
const ORGANISATION: Param = Param::organisation("Of this organisation only.");
const TERMS: &[Param] = &[
    Param::text("domain", "Mail to this domain; to all of them if not given."),
    ORGANISATION,
    Param::one_of(
        "tls",
        "What its servers show; verified if not given.",
        &["verified", "encrypted"],
    ),
    Param::one_of("version", "At least; 1.2 if not given.", &["1.2", "1.3"]),
    Param::one_of("subdomains", "\"yes\": with what is below it.", &["yes", "no"]),
];

async fn of_mail(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = Id::parse(&id).map_err(|_| Problem::missing())?;
    let items = proof_desk::of_mail(site.gateway(), id, visitor.scope.clone()).await?;
    if items.is_empty() {
        return Err(Problem::missing());
    }
    Ok(answer(&Rows { items, next: None }))
}

async fn channels(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let Some(organisation) = transport::whose(&visitor.scope, query.0.get("organisation")) else {
        return Ok(answer(&Rows { items: Vec::<DomainChannels>::new(), next: None }));
    };
    let now = site.now();
    let (since, until) = (asked::since(&query)?, asked::until(&query)?);
    let filter = ChannelFilter {
        since: since.unwrap_or_else(|| days_ago(now, transport::DAYS_TRIED)),
        until: until.unwrap_or(now),
        organisation,
        direction: match query.0.get("direction") {
            "inbound" => Direction::Inbound,
            _ => Direction::Outbound,
        },
        domain: domain(&query)?,
        rows: rows_wanted(&query)?,
    };
    let items = site.gateway().stores.proofs.channels(filter).await?;
    Ok(answer(&Rows { items, next: None }))
}

async fn would_break(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let domain = domain(&query)?;
    let Some(organisation) = transport::whose(&visitor.scope, query.0.get("organisation")) else {
        return Ok(answer(&WouldBreak::default()));
    };
    let terms = Terms {
        encrypted_is_enough: query.0.get("tls") == "encrypted",
        tls13: query.0.get("version") == "1.3",
        subdomains: query.0.get("subdomains") == "yes",
    };
    let since = days_ago(site.now(), transport::DAYS_TRIED);
    let stored = &site.gateway().stores.proofs;
    Ok(answer(&stored.would_break(domain, organisation, terms, since).await?))
}

fn domain(query: &Query) -> Result<Option<Domain>, Problem> {
    let domain = query.0.given("domain").map(|text| Domain::parse(&text)).transpose();
    domain.map_err(|why| Problem::bad_request(format!("domain: {why}")))
}
