//! Saved views: searches of a list under a name.

use super::{Param, Problem, Rows, Sent, Spec, answer, shape};
use crate::{
    base::ids::Id,
    edge::http::{
        Place, Route,
        rights::Right,
        views,
        visit::{Query, Visitor},
    },
    store::embedded::{self, NewView, View, ViewPage},
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{delete, get, put},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/views",
        "saved views: the account's own, and those that others share",
        Right::Look,
        Spec { query: &[PAGE], body: None, answer: shape::<Rows<SavedView>> },
        || get(list),
    ),
    Route::api(
        "PUT",
        "/api/v1/views",
        "save a view of the account; one of the same list and name gives way",
        Right::Look,
        Spec { query: &[], body: Some(shape::<ViewToSave>), answer: shape::<Saved> },
        || put(save),
    ),
    Route::api(
        "DELETE",
        "/api/v1/views/{id}",
        "remove a view of the account",
        Right::Look,
        Spec { query: &[], body: None, answer: shape::<Saved> },
        || delete(remove),
    ),
];

const PAGE: Param = Param::one_of("page", "Only those of this list.", &["held", "trace"]);

/// A search under a name.
#[derive(Debug, Serialize, JsonSchema)]
struct SavedView {
    /// Its id.
    id: String,
    /// The list: "held" or "trace".
    page: &'static str,
    /// What its owner calls it.
    name: String,
    /// What is asked for, as it stands behind the question mark of the page's address.
    query: String,
    /// Others see it too.
    shared: bool,
    /// The account that saved it.
    owner: String,
    /// When it was saved.
    saved_ms: u64,
}

/// A view that is to be saved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ViewToSave {
    /// The list.
    page: List,
    /// Its name.
    name: String,
    /// What is asked for, as it stands behind the question mark of the page's address.
    query: String,
    /// Accounts that see at least as much see it too.
    #[serde(default)]
    shared: bool,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum List {
    /// Held mail.
    Held,
    /// What became of mails.
    Trace,
}

/// The view that it is about.
#[derive(Debug, Serialize, JsonSchema)]
struct Saved {
    /// Its id.
    id: String,
}

fn shown(view: &View) -> SavedView {
    SavedView {
        id: view.id.to_string(),
        page: view.page.word(),
        name: view.name.clone(),
        query: view.query.clone(),
        shared: view.shared,
        owner: view.owner.name.clone(),
        saved_ms: view.saved.0,
    }
}

async fn list(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let page = query.0.given("page").map(|word| {
        ViewPage::from_word(&word)
            .ok_or_else(|| Problem::bad_request(format!("there is no list {word:?}")))
    });
    let found = site.gateway().stores.accounts.views(&visitor.account, page.transpose()?).await?;
    Ok(answer(&Rows { items: found.iter().map(shown).collect(), next: None }))
}

async fn save(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let wanted: ViewToSave = sent.read()?;
    let page = match wanted.page {
        List::Held => ViewPage::Held,
        List::Trace => ViewPage::Trace,
    };
    let name = views::name(&wanted.name).map_err(Problem::bad_request)?;
    let query = views::to_save(&site, page, &wanted.query).map_err(Problem::bad_request)?;
    let id = site.gateway().new_id();
    // RFC 9110 section 9.3.4: PUT asks that what is there be replaced, and the same asked twice is the same.
    let view =
        NewView { id, page, name: name.clone(), query, shared: wanted.shared, replace: true };
    record(&site, &visitor, "save", &name).await?;
    let saved = site.gateway().stores.accounts.save_view(&visitor.account.name, view).await?;
    let conflict = |why: &str| Err(Problem::new(StatusCode::CONFLICT, why));
    match saved {
        embedded::Saved::Yes(id) => Ok(answer(&Saved { id: id.to_string() })),
        embedded::Saved::Taken => conflict("the account has a view of this name"),
        embedded::Saved::Full => conflict("the account has as many views as it may have"),
    }
}

async fn remove(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = Id::parse(&id).map_err(|_| Problem::missing())?;
    record(&site, &visitor, "delete", &id.to_string()).await?;
    match site.gateway().stores.accounts.remove_view(&visitor.account.name, id).await? {
        true => Ok(answer(&Saved { id: id.to_string() })),
        false => Err(Problem::missing()),
    }
}

async fn record(site: &Place, visitor: &Visitor, act: &str, about: &str) -> Result<(), Problem> {
    let recorded = site.record(visitor, vec![views::entry(visitor, act, about)]).await;
    recorded.map(drop).map_err(|why| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why))
}
