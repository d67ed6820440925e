//! Who may come in.

use super::{Problem, Rows, Sent, Spec, answer, not_done, shape};
use crate::{
    base::limits,
    edge::http::{
        Place, Route,
        admin::{
            account as page,
            accounts::{self as pages, NotChanged},
        },
        rights::Right,
        visit::{Fields, Visitor},
    },
    store::{
        accounts::{Account, Purpose},
        embedded::AccountFilter,
    },
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
        "/api/v1/accounts",
        "who may come in",
        Right::Accounts,
        Spec { query: &[], body: None, answer: shape::<Rows<WebAccount>> },
        || get(list),
    ),
    Route::api(
        "POST",
        "/api/v1/accounts/add",
        "make an account",
        Right::Accounts,
        Spec { query: &[], body: Some(shape::<Wanted>), answer: shape::<Made> },
        || post(add),
    ),
    Route::api(
        "POST",
        "/api/v1/accounts/change",
        "change whether an account may come in, or remove it",
        Right::Accounts,
        Spec { query: &[], body: Some(shape::<Change>), answer: shape::<Changed> },
        || post(change),
    ),
    Route::api(
        "POST",
        "/api/v1/accounts/access",
        "change the role, organisation and domains of an account",
        Right::Accounts,
        Spec { query: &[], body: Some(shape::<Wanted>), answer: shape::<Changed> },
        || post(access),
    ),
    Route::api(
        "POST",
        "/api/v1/accounts/password",
        "give an account a new password",
        Right::Accounts,
        Spec { query: &[], body: Some(shape::<Named>), answer: shape::<Made> },
        || post(password),
    ),
];

/// An account as it is to be. Another role ends its sessions; the last owner stays one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Its name.
    name: String,
    /// "owner", "admin", "reviewer", "helpdesk", "auditor" or "domain-admin".
    role: String,
    /// Whose mail it sees; null for all organisations.
    #[serde(default)]
    organisation: Option<String>,
    /// Only these domains of it; empty for all of them.
    #[serde(default)]
    domains: Vec<String>,
}

/// Which account; never the token's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Its name.
    name: String,
}

/// It is made.
#[derive(Serialize, JsonSchema)]
struct Made {
    /// Its name.
    name: String,
    /// Its password, told this once; whoever logs in with it sets another one before anything else.
    password: String,
}

/// What is to be done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// With which account; never the token's own.
    name: String,
    /// What.
    act: Act,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Act {
    /// It may not come in any more.
    Disable,
    /// It may come in again.
    Enable,
    /// It logs in by password alone until it has a new second factor.
    ForgetSecond,
    /// It goes.
    Remove,
}

/// It is changed.
#[derive(Debug, Serialize, JsonSchema)]
struct Changed {
    /// Its name.
    name: String,
}

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

async fn add(State(site): State<Place>, visitor: Visitor, sent: Sent) -> Result<Response, Problem> {
    let fields = sent.read::<Wanted>()?.fields();
    let (name, password) = pages::added(&site, &visitor, &fields).await.map_err(not_done)?;
    Ok(answer(&Made { name, password }))
}

impl Wanted {
    /// As the form of the page would have it.
    fn fields(&self) -> Fields {
        Fields::default().with(&[
            ("name", self.name.as_str()),
            ("role", self.role.as_str()),
            ("organisation", self.organisation.as_deref().unwrap_or_default()),
            ("domains", self.domains.join(" ").as_str()),
        ])
    }
}

async fn access(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let fields = sent.read::<Wanted>()?.fields();
    let name = page::access_changed(&site, &visitor, &fields).await?;
    Ok(answer(&Changed { name: name.to_string() }))
}

async fn password(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Named { name } = sent.read()?;
    let (name, password) = page::password_given(&site, &visitor, &name).await?;
    Ok(answer(&Made { name: name.to_string(), password }))
}

impl From<NotChanged> for Problem {
    fn from(why: NotChanged) -> Problem {
        match why {
            NotChanged::Missing => Problem::missing(),
            NotChanged::Why(why) => not_done(why),
        }
    }
}

async fn change(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Change { name, act } = sent.read()?;
    let act = match act {
        Act::Disable => "disable",
        Act::Enable => "enable",
        Act::ForgetSecond => "forget-second",
        Act::Remove => "remove",
    };
    let name = pages::changed(&site, &visitor, &name, act).await?;
    Ok(answer(&Changed { name: name.to_string() }))
}
