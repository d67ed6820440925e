//! The MTA-STS policy of our domains (RFC 8461 section 3.2), at its one address, for whoever asks a policy host of theirs for it.

use crate::{
    edge::http::{Place, Route, door::name_of_host, lost},
    mail::Domain,
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::open_page(
    "/.well-known/mta-sts.txt",
    "the MTA-STS policy, for the policy hosts of our domains",
    || get(policy),
)];

async fn policy(State(site): State<Place>, headers: HeaderMap) -> Response {
    let settings = site.gateway().settings.load_full();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let domain = host
        .and_then(name_of_host)
        .and_then(|host| Domain::parse(host.strip_prefix("mta-sts.")?).ok())
        .filter(|domain| settings.receives(domain));
    let config = &settings.config;
    match (domain, config.own_sts.policy(&config.hostname)) {
        (Some(_), Some(policy)) => {
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], policy.as_served()).into_response()
        }
        (None, _) | (_, None) => lost::public(State(site), headers).await,
    }
}
