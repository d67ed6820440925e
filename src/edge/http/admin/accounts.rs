//! Who may come in: the accounts of the admin door, for owners.

use crate::{
    base::limits,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, render},
        rights::Right,
        site::store_is_away,
        visit::{Fields, Visitor},
    },
    mail::{Domain, Organisation},
    store::{
        StoreError,
        accounts::{Account, PasswordHash, Purpose, Role, UserName, WebAccess, made_up_password},
        embedded::{AccountFilter, Made},
    },
    wire::date,
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

const NEEDS: Needs = Needs::Right(Right::Accounts);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/accounts", "who may come in", NEEDS, || get(list)),
    Route::act("/accounts/add", "make an account", NEEDS, || post(add)),
    Route::act("/accounts/change", "change what an account may do", NEEDS, || post(change)),
];

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    rows: Vec<Row>,
    organisations: Vec<String>,
    /// A password that was made just now, and whose: shown once.
    made: Option<(String, String)>,
}

struct Row {
    name: String,
    role: &'static str,
    organisation: String,
    everywhere: bool,
    domains: String,
    second_factor: bool,
    enabled: bool,
    last_used: String,
    own: bool,
}

async fn list(State(site): State<Place>, visitor: Visitor) -> Response {
    page(&site, &visitor, None).await
}

async fn page(site: &Place, visitor: &Visitor, made: Option<(String, String)>) -> Response {
    let filter = AccountFilter {
        purpose: Some(Purpose::Web),
        organisation: None,
        rows: limits::ACCOUNTS_PAGE_ROWS,
    };
    let mut frame = Frame::new(site, visitor, "Accounts", "/accounts");
    let rows = match site.gateway().stores.accounts.list(filter).await {
        Ok(found) => found.iter().map(|account| row(account, visitor)).collect(),
        Err(error) => {
            frame.note = Some(Note::failed(store_is_away(&error)));
            Vec::new()
        }
    };
    let settings = site.gateway().settings.load();
    let organisations = settings.organisations().map(|one| one.name().to_string()).collect();
    render(&AccountsPage { frame, rows, organisations, made })
}

fn row(account: &Account, visitor: &Visitor) -> Row {
    let web = account.web.as_ref();
    let domains = web.map(|web| web.domains.as_slice()).unwrap_or_default();
    let domains: Vec<&str> = domains.iter().map(Domain::as_str).collect();
    Row {
        name: account.name.clone(),
        role: web.map_or("", |web| web.role.word()),
        organisation: account.organisation.to_string(),
        everywhere: web.is_some_and(|web| web.everywhere),
        domains: domains.join(" "),
        second_factor: web.is_some_and(|web| web.second_factor),
        enabled: account.enabled,
        last_used: match account.last_used.0 {
            0 => "never".to_string(),
            _ => date::write_iso(account.last_used),
        },
        own: account.name == visitor.account.name,
    }
}

async fn add(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let made = match read(&site, &fields) {
        Ok(wanted) => make(&site, wanted).await,
        Err(why) => Err(why),
    };
    match made {
        Ok((name, password)) => {
            tracing::info!(by = visitor.account.name, name, "web account made");
            page(&site, &visitor, Some((name, password))).await
        }
        Err(why) => back(&site, &visitor, Note::failed(why)),
    }
}

fn back(site: &Place, visitor: &Visitor, note: Note) -> Response {
    site.note(visitor, note);
    Redirect::to("/accounts").into_response()
}

/// An account as a form wants it.
struct Wanted {
    name: UserName,
    organisation: Organisation,
    access: WebAccess,
}

fn read(site: &Place, fields: &Fields) -> Result<Wanted, String> {
    let name = UserName::parse(fields.get("name").trim()).map_err(|why| format!("{why}."))?;
    let role: Role = fields.get("role").parse()?;
    let settings = site.gateway().settings.load();
    let named = fields.get("organisation");
    let everywhere = named.is_empty();
    let organisation = match everywhere {
        true => Organisation::implied(),
        false => settings
            .organisations()
            .map(|one| one.name())
            .find(|one| one.name() == named)
            .cloned()
            .ok_or_else(|| format!("There is no organisation {named}."))?,
    };
    let domains = fields.get("domains").split_whitespace();
    let domains: Result<Vec<Domain>, String> = domains
        .map(|text| Domain::parse(text).map_err(|why| format!("{text} is no domain: {why}.")))
        .collect();
    let domains = domains?;
    if everywhere && !domains.is_empty() {
        return Err("Domains belong to an organisation: choose one.".to_string());
    }
    if everywhere && role == Role::DomainAdmin {
        return Err("A domain admin has an organisation: choose one.".to_string());
    }
    if !everywhere && role == Role::Owner {
        return Err(
            "An owner is everybody's: make it an admin, or choose all organisations.".to_string()
        );
    }
    for domain in &domains {
        let own = settings.writer(domain).is_some_and(|owner| *owner.name() == organisation);
        if !own {
            return Err(format!("{domain} is no domain of {organisation}."));
        }
    }
    let access = WebAccess { role, everywhere, domains, second_factor: false };
    Ok(Wanted { name, organisation, access })
}

async fn make(site: &Place, wanted: Wanted) -> Result<(String, String), String> {
    let failed = |error: StoreError| store_is_away(&error).to_string();
    let password = made_up_password().map_err(|error| error.to_string())?;
    let hash = {
        let password = password.clone();
        let made = tokio::task::spawn_blocking(move || PasswordHash::make(&password)).await;
        made.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?
    };
    let accounts = &site.gateway().stores.accounts;
    let Wanted { name, organisation, access } = wanted;
    match accounts.add_for_web(&name, &organisation, hash, access).await.map_err(failed)? {
        Made::Taken => Err(format!("There is an account {name} already.")),
        Made::Yes => Ok((name.to_string(), password.expose().clone())),
    }
}

async fn change(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let Ok(name) = UserName::parse(fields.get("name")) else {
        return back(&site, &visitor, Note::failed("There is no such account."));
    };
    if name.as_str() == visitor.account.name {
        let why = "Your own account is changed by another owner, or on the page of your account.";
        return back(&site, &visitor, Note::failed(why));
    }
    let accounts = &site.gateway().stores.accounts;
    let done = match fields.get("do") {
        "disable" => accounts.set_enabled(Purpose::Web, &name, false).await,
        "enable" => accounts.set_enabled(Purpose::Web, &name, true).await,
        "remove" => accounts.remove(Purpose::Web, &name).await,
        "forget-second" => accounts.set_one_time(name.as_str(), None).await,
        _ => return back(&site, &visitor, Note::failed("Nothing was chosen to be done.")),
    };
    let note = match done {
        Ok(true) => {
            tracing::info!(by = visitor.account.name, %name, what = fields.get("do"), "web account changed");
            Note::done(format!("{name}: {}.", done_word(fields.get("do"))))
        }
        Ok(false) => Note::failed("There is no such account."),
        Err(error) => Note::failed(store_is_away(&error)),
    };
    back(&site, &visitor, note)
}

fn done_word(act: &str) -> &'static str {
    match act {
        "disable" => "may not come in any more",
        "enable" => "may come in again",
        "remove" => "removed",
        _ => "logs in by password alone now",
    }
}
