//! What others report of our domains, and what policies on trial would have done.

use super::{LIMIT, Param, Problem, Rows, SKIP, Spec, answer, as_written, shape, skipped};
use crate::{
    edge::http::{
        Place, Route,
        admin::{operate::days_ago, reports as pages, trial},
        rights::Right,
        visit::{Query, Visitor},
    },
    mail::Domain,
    store::{
        StoreError,
        reports::{ComplaintLine, DeliveryLine, DomainLine, ReportFilter, SourceLine, TlsLine},
        trace::TrialReport,
    },
};
use axum::{extract::State, response::Response, routing::get};
use serde::Serialize;
use std::cmp::Reverse;

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/reports/domains",
        "what receivers saw of our domains (DMARC), all sources together",
        Right::Look,
        Spec { query: ASKED, body: None, answer: shape::<Rows<DomainLine>> },
        || get(domains),
    ),
    Route::api(
        "GET",
        "/api/v1/reports/sources",
        "which hosts send in our domains' names (DMARC)",
        Right::Look,
        Spec { query: SOURCES, body: None, answer: shape::<Rows<SourceLine>> },
        || get(sources),
    ),
    Route::api(
        "GET",
        "/api/v1/reports/complaints",
        "who complains, the newest first",
        Right::Look,
        Spec { query: ASKED, body: None, answer: shape::<Rows<ComplaintLine>> },
        || get(complaints),
    ),
    Route::api(
        "GET",
        "/api/v1/reports/undelivered",
        "what was not delivered, for whoever sees a whole organisation",
        Right::Look,
        Spec { query: ASKED, body: None, answer: shape::<Rows<DeliveryLine>> },
        || get(undelivered),
    ),
    Route::api(
        "GET",
        "/api/v1/reports/tls",
        "how TLS with our mail hosts went (TLS-RPT), the newest first",
        Right::Look,
        Spec { query: TLS, body: None, answer: shape::<Rows<TlsLine>> },
        || get(tls),
    ),
    Route::api(
        "GET",
        "/api/v1/trial",
        "what policies on trial would have done, for whoever sees a whole organisation",
        Right::Look,
        Spec { query: &[DAYS, ORGANISATION], body: None, answer: shape::<TrialReport> },
        || get(trial_report),
    ),
];

const DAYS: Param = Param::text("days", "In the last so many days, 400 at most; 30 if not given.");
const DOMAIN: Param = Param::text("domain", "Of this domain.");
const ORGANISATION: Param = Param::organisation("Of this organisation only.");
const ASKED: &[Param] = &[DAYS, DOMAIN, SKIP, LIMIT];
const SOURCES: &[Param] = &[
    DAYS,
    DOMAIN,
    Param::one_of(
        "failing",
        "\"yes\": only those some of whose mail did not pass.",
        &["yes", "no"],
    ),
    SKIP,
    LIMIT,
];

const TLS: &[Param] = &[
    DAYS,
    DOMAIN,
    Param::one_of("failing", "\"yes\": only those with sessions that failed.", &["yes", "no"]),
    SKIP,
    LIMIT,
];

/// Counts by day are kept for so long.
const DAYS_MAX: u64 = 400;
const DAYS_SHOWN: u64 = 30;

fn days(query: &Query) -> Result<u64, Problem> {
    let days = query.0.given("days").map_or(Ok(DAYS_SHOWN), |text| text.parse::<u64>());
    let days = days.ok().filter(|days| (1..=DAYS_MAX).contains(days));
    days.ok_or_else(|| Problem::bad_request(format!("days is a number from 1 to {DAYS_MAX}")))
}

/// The question, for one row more than is shown.
fn filter(site: &Place, query: &Query) -> Result<ReportFilter, Problem> {
    let (skip, rows) = skipped(query)?;
    let domain = query.0.given("domain").map(|text| Domain::parse(&text));
    let domain =
        domain.transpose().map_err(|why| Problem::bad_request(format!("domain: {why}")))?;
    Ok(ReportFilter {
        domain: domain.map(|domain| domain.to_string()),
        organisation: None,
        only_failing: query.0.get("failing") == "yes",
        since: days_ago(site.now(), days(query)?),
        rows: rows + 1,
        skip,
    })
}

/// What was found, without the row that says that there is more.
fn shown<T>(mut items: Vec<T>, query: &Query) -> Result<Rows<T>, Problem> {
    let (skip, rows) = skipped(query)?;
    let more = items.len() > rows;
    items.truncate(rows);
    Ok(Rows { items, next: more.then(|| (skip + rows).to_string()) })
}

/// What a store has of the visitor's domains, in this order.
async fn listed<T: Serialize, K: Ord, F>(
    site: &Place,
    visitor: &Visitor,
    query: &Query,
    ask: impl Fn(ReportFilter) -> F,
    order: impl Fn(&T) -> K,
) -> Result<Response, Problem>
where
    F: Future<Output = Result<Vec<T>, StoreError>>,
{
    let filters = pages::within(&visitor.scope, filter(site, query)?);
    let found = pages::gathered(filters, ask, order).await?;
    Ok(answer(&shown(found, query)?))
}

async fn domains(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let stored = &site.gateway().stores.reports;
    let ask = |filter| stored.domains(filter);
    listed(&site, &visitor, &query, ask, |line: &DomainLine| Reverse(line.mails)).await
}

async fn sources(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let stored = &site.gateway().stores.reports;
    let ask = |filter| stored.sources(filter);
    listed(&site, &visitor, &query, ask, |line: &SourceLine| {
        (line.domain.clone(), Reverse(line.mails))
    })
    .await
}

async fn complaints(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let stored = &site.gateway().stores.reports;
    let ask = |filter| stored.complaints(filter);
    listed(&site, &visitor, &query, ask, |line: &ComplaintLine| Reverse(line.came)).await
}

async fn undelivered(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let found = pages::notices(&site, &visitor, filter(&site, &query)?).await;
    Ok(answer(&shown(found.unwrap_or(Ok(Vec::new()))?, &query)?))
}

async fn tls(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let stored = &site.gateway().stores.reports;
    let ask = |filter| stored.tls(filter);
    listed(&site, &visitor, &query, ask, |line: &TlsLine| Reverse(line.begins)).await
}

async fn trial_report(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let whose = trial::whose(&visitor, query.0.get("organisation"));
    let report = match whose {
        Some(organisation) => site.desk().trial(days(&query)?, organisation).await,
        None => Ok(TrialReport::default()),
    };
    let mut report = report.map_err(Problem::away)?;
    report.samples.iter_mut().for_each(|line| line.score = as_written(line.score));
    Ok(answer(&report))
}
