//! What the desk answers about who writes to whom. The rows hold hashes only: whoever asks must say an address or a domain.

use crate::{
    mail::{Address, Domain, Organisation},
    pipeline::Gateway,
    store::correspondence::CorrespondentLine,
};
use serde_json::{Value, json};

/// A person or a domain, as a command names it.
enum Named {
    Person(String),
    Domain(String),
}

fn read(what: &str) -> Result<Named, String> {
    match what.contains('@') {
        true => Address::parse(what)
            .map(|address| Named::Person(address.key()))
            .map_err(|why| format!("{what}: {why}")),
        false => Domain::parse(what)
            .map(|domain| Named::Domain(domain.registered().to_string()))
            .map_err(|why| format!("{what}: {why}")),
    }
}

/// What is remembered of an address or a domain.
pub(super) async fn show(
    gateway: &Gateway,
    what: &str,
    organisation: Option<&str>,
) -> Result<Value, String> {
    let only = organisation.map(Organisation::named);
    lines(gateway, what, only.as_ref()).await.map(|lines| json!(lines))
}

/// The same, of one organisation or of all.
pub(super) async fn lines(
    gateway: &Gateway,
    what: &str,
    only: Option<&Organisation>,
) -> Result<Vec<CorrespondentLine>, String> {
    let store = &gateway.stores.correspondence;
    let lines = match read(what)? {
        Named::Person(address) => store.show_address(&address, only).await,
        Named::Domain(domain) => store.show_domain(&domain, only).await,
    };
    lines.map_err(|error| error.to_string())
}

/// Erases it.
pub(super) async fn forget(
    gateway: &Gateway,
    what: &str,
    organisation: Option<&str>,
) -> Result<Value, String> {
    let only = organisation.map(Organisation::named);
    let forgotten = erase(gateway, what, only.as_ref()).await?;
    Ok(json!({ "forgotten": forgotten }))
}

/// The same, of one organisation or of all; gives how many rows went.
pub(super) async fn erase(
    gateway: &Gateway,
    what: &str,
    only: Option<&Organisation>,
) -> Result<usize, String> {
    let store = &gateway.stores.correspondence;
    let gone = match read(what)? {
        Named::Person(address) => store.forget_address(&address, only).await,
        Named::Domain(domain) => store.forget_domain(&domain, only).await,
    };
    let forgotten = gone.map_err(|error| error.to_string())?;
    // Not who: it was to be forgotten.
    tracing::warn!(rows = forgotten, "a correspondent was forgotten on an operator's word");
    Ok(forgotten)
}
