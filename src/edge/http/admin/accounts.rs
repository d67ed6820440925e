//! Who may come in: the accounts of the admin door, for owners.

use super::operate::sentence;
use crate::{
    base::limits,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, render},
        rights::Right,
        site::{Site, store_is_away},
        visit::{Fields, Visitor},
        words::{Moment, Wall},
    },
    mail::{Domain, Organisation},
    store::{
        StoreError,
        accounts::{Account, PasswordHash, Purpose, Role, UserName, WebAccess, made_up_password},
        audit::{Details, Entry, What},
        embedded::{AccountFilter, Made},
    },
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
    /// Empty: never.
    last_used: Option<Moment>,
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
        Ok(found) => found.iter().map(|account| row(account, visitor, &site.wall())).collect(),
        Err(error) => {
            frame.note = Some(Note::failed(store_is_away(&error)));
            Vec::new()
        }
    };
    let settings = site.gateway().settings.load();
    let organisations = settings.organisations().map(|one| one.name().to_string()).collect();
    render(&AccountsPage { frame, rows, organisations, made })
}

fn row(account: &Account, visitor: &Visitor, wall: &Wall) -> Row {
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
        last_used: (account.last_used.0 > 0).then(|| Moment::of(wall, account.last_used)),
        own: account.name == visitor.account.name,
    }
}

async fn add(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    match added(&site, &visitor, &fields).await {
        Ok(made) => page(&site, &visitor, Some(made)).await,
        Err(why) => back(&site, &visitor, Note::failed(sentence(&why))),
    }
}

/// Makes the account that a form wants, in a visitor's name; gives its name and its password.
pub(in crate::edge::http) async fn added(
    site: &Place,
    visitor: &Visitor,
    fields: &Fields,
) -> Result<(String, String), String> {
    let made = make(site, visitor, read(site, fields)?).await?;
    tracing::info!(by = visitor.account.name, name = made.0, "web account made");
    Ok(made)
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

async fn make(site: &Place, visitor: &Visitor, wanted: Wanted) -> Result<(String, String), String> {
    let failed = |error: StoreError| store_is_away(&error).to_string();
    let password = made_up_password().map_err(|error| error.to_string())?;
    let hash = {
        let password = password.clone();
        let made = tokio::task::spawn_blocking(move || PasswordHash::make(&password)).await;
        made.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?
    };
    let accounts = &site.gateway().stores.accounts;
    let Wanted { name, organisation, access } = wanted;
    let details = Details::default().word("act", "add").word("role", access.role.word());
    let whose = (!access.everywhere).then(|| organisation.clone());
    let entry =
        Entry::new(visitor.actor(), What::AccountAdded).about(&name).of(whose).with(details);
    let act = async {
        match accounts.add_for_web(&name, &organisation, hash, access).await.map_err(failed)? {
            Made::Taken => Err(format!("There is an account {name} already.")),
            Made::Yes => Ok((name.to_string(), password.expose().clone())),
        }
    };
    site.recorded(visitor, vec![entry], act).await
}

async fn change(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let (name, act) = (fields.get("name"), fields.get("do"));
    let note = match changed(&site, &visitor, name, act).await {
        Ok(name) => Note::done(format!("{name}: {}.", done_word(act))),
        Err(NotChanged::Missing) => Note::failed("There is no such account."),
        Err(NotChanged::Why(why)) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, note)
}

/// Why an account was not changed.
pub(in crate::edge::http) enum NotChanged {
    /// There is none.
    Missing,
    /// Another reason, a sentence.
    Why(String),
}

impl From<StoreError> for NotChanged {
    fn from(error: StoreError) -> NotChanged {
        NotChanged::Why(store_is_away(&error).to_string())
    }
}

/// Changes an account, in a visitor's name: "disable", "enable", "forget-second" or "remove".
pub(in crate::edge::http) async fn changed(
    site: &Site,
    visitor: &Visitor,
    name: &str,
    act: &str,
) -> Result<UserName, NotChanged> {
    let name = UserName::parse(name).map_err(|_| NotChanged::Missing)?;
    let failed = |why: &str| NotChanged::Why(why.to_string());
    if name.as_str() == visitor.account.name {
        let why = "your own account is changed by another owner, or on the page of your account";
        return Err(failed(why));
    }
    let accounts = &site.gateway().stores.accounts;
    let what = match act {
        "disable" | "enable" | "forget-second" => What::AccountChanged,
        "remove" => What::AccountRemoved,
        _ => return Err(failed("nothing was chosen to be done")),
    };
    let there = accounts.web_account(&name).await?.ok_or(NotChanged::Missing)?;
    let details = Details::default().word("act", act);
    let entry = Entry::new(visitor.actor(), what).about(&name).of(whose(&there)).with(details);
    let doing = async {
        let done = match act {
            "disable" => accounts.set_enabled(Purpose::Web, &name, false).await,
            "enable" => accounts.set_enabled(Purpose::Web, &name, true).await,
            "remove" => accounts.remove(Purpose::Web, &name).await,
            _ => accounts.set_one_time(name.as_str(), None).await,
        };
        match done {
            Ok(true) => Ok(()),
            Ok(false) => Err("there is no such account".to_string()),
            Err(error) => Err(store_is_away(&error).to_string()),
        }
    };
    site.recorded(visitor, vec![entry], doing).await.map_err(NotChanged::Why)?;
    tracing::info!(by = visitor.account.name, %name, what = act, "web account changed");
    Ok(name)
}

/// Whose an account is, for the audit log: nobody's if it sees all organisations.
pub(super) fn whose(account: &Account) -> Option<Organisation> {
    let everywhere = account.web.as_ref().is_some_and(|web| web.everywhere);
    (!everywhere).then(|| account.organisation.clone())
}

fn done_word(act: &str) -> &'static str {
    match act {
        "disable" => "may not come in any more",
        "enable" => "may come in again",
        "remove" => "removed",
        _ => "logs in by password alone now",
    }
}
