//! Who may come in.

use super::{Problem, Rows, Spec, answer, shape};
use crate::{
    base::limits,
    edge::http::{Place, Route, rights::Right},
    store::{
        accounts::{Account, Purpose},
        embedded::AccountFilter,
    },
};
use axum::{extract::State, response::Response, routing::get};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) const ROUTES: &[Route] = &[Route::api(
    "GET",
    "/api/v1/accounts",
    "who may come in",
    Right::Accounts,
    Spec { query: &[], body: None, answer: shape::<Rows<WebAccount>> },
    || get(list),
)];

#[derive(Debug, Serialize, JsonSchema)]
struct WebAccount {
    /// Its name.
    name: String,
    /// What it does here: "owner", "admin", "reviewer", "helpdesk", "auditor", "domain-admin".
    role: &'static str,
    /// Whose mail it sees; null for all organisations.
    organisation: Option<String>,
    /// Only these domains of it; empty for all of them.
    domains: Vec<String>,
    /// It shows a second factor at log-in.
    second_factor: bool,
    /// It may log in.
    enabled: bool,
    /// When it logged in last, to the hour; null for never.
    last_used_ms: Option<u64>,
}

fn shown(account: &Account) -> Option<WebAccount> {
    let web = account.web.as_ref()?;
    Some(WebAccount {
        name: account.name.clone(),
        role: web.role.word(),
        organisation: (!web.everywhere).then(|| account.organisation.to_string()),
        domains: web.domains.iter().map(ToString::to_string).collect(),
        second_factor: web.second_factor,
        enabled: account.enabled,
        last_used_ms: (account.last_used.0 > 0).then_some(account.last_used.0),
    })
}

async fn list(State(site): State<Place>) -> Result<Response, Problem> {
    let filter = AccountFilter {
        purpose: Some(Purpose::Web),
        organisation: None,
        rows: limits::ACCOUNTS_PAGE_ROWS,
    };
    let found = site.gateway().stores.accounts.list(filter).await?;
    Ok(answer(&Rows { items: found.iter().filter_map(shown).collect(), next: None }))
}
