//! Who may come in: the accounts of the admin door, for owners.

use super::{account::sure, operate::sentence};
use crate::{
    base::{hidden::Hidden, limits},
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, render},
        rights::Right,
        site::{Site, store_is_away},
        visit::{Fields, Visitor},
        words::{Moment, Wall, plain},
    },
    mail::{Domain, Organisation},
    store::{
        StoreError,
        accounts::{Account, PasswordHash, Purpose, Role, UserName, WebAccess, made_up_password},
        audit::{Details, Entry, What},
        embedded::{AccountFilter, Changed, Made, Password, WebChange},
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

pub(super) const NEEDS: Needs = Needs::Right(Right::Accounts);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "who may come in", NEEDS, || get(list)),
    Route::act("/accounts/add", "make an account", NEEDS, || post(add)),
    Route::act("/accounts/change", "change what an account may do", NEEDS, || post(change)),
];

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    rows: Vec<Row>,
    form: Form,
    /// A password that was made just now, and whose: shown once.
    made: Option<(String, String)>,
}

/// What a form says of an account, right or wrong, and what can be chosen.
#[derive(Default)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) organisation: String,
    pub(super) domains: String,
    pub(super) organisations: Vec<String>,
}

impl Form {
    /// As it was sent: what was typed stands there again.
    pub(super) fn of(site: &Site, fields: &Fields) -> Form {
        let text = |name: &str| plain(fields.get(name));
        Form {
            name: text("name"),
            role: text("role"),
            organisation: text("organisation"),
            domains: text("domains"),
            organisations: organisations(site),
        }
    }

    /// A new account, of the most usual kind.
    fn fresh(site: &Site) -> Form {
        let (role, organisations) = (Role::Reviewer.word().to_string(), organisations(site));
        Form { role, organisations, ..Form::default() }
    }
}

pub(super) fn organisations(site: &Site) -> Vec<String> {
    let settings = site.gateway().settings.load();
    settings.organisations().map(|one| one.name().to_string()).collect()
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) role: &'static str,
    pub(super) organisation: String,
    pub(super) everywhere: bool,
    pub(super) domains: String,
    pub(super) second_factor: bool,
    pub(super) enabled: bool,
    /// Empty: never.
    pub(super) last_used: Option<Moment>,
    pub(super) own: bool,
}

pub(super) async fn list(State(site): State<Place>, visitor: Visitor) -> Response {
    render(&page(&site, &visitor, Form::fresh(&site)).await)
}

async fn page(site: &Place, visitor: &Visitor, form: Form) -> AccountsPage {
    let filter = AccountFilter {
        purpose: Some(Purpose::Web),
        organisation: None,
        rows: limits::ACCOUNTS_PAGE_ROWS,
    };
    let mut frame = Frame::new(site, visitor, "Accounts", PATH);
    let rows = match site.gateway().stores.accounts.list(filter).await {
        Ok(found) => found.iter().map(|account| row(account, visitor, &site.wall())).collect(),
        Err(error) => {
            frame.note = Some(Note::failed(store_is_away(&error)));
            Vec::new()
        }
    };
    AccountsPage { frame, rows, form, made: None }
}

pub(super) fn row(account: &Account, visitor: &Visitor, wall: &Wall) -> Row {
    let web = account.web.as_ref();
    let domains = web.map(|web| web.domains.as_slice()).unwrap_or_default();
    let domains: Vec<&str> = domains.iter().map(Domain::as_str).collect();
    Row {
        name: account.name.clone(),
        href: href(&account.name),
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

/// Where the page of an account is.
pub(super) fn href(name: &str) -> String {
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("{ACCOUNT}?name={name}")
}

async fn add(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    match added(&site, &visitor, &fields).await {
        Ok(made) => {
            let shown = page(&site, &visitor, Form::fresh(&site)).await;
            render(&AccountsPage { made: Some(made), ..shown })
        }
        Err(why) => {
            // What was written stands in the form again.
            let mut again = page(&site, &visitor, Form::of(&site, &fields)).await;
            again.frame.note = Some(Note::failed(sentence(&plain(&why))));
            (StatusCode::UNPROCESSABLE_ENTITY, render(&again)).into_response()
        }
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

pub(super) fn back(site: &Place, visitor: &Visitor, to: &str, note: Note) -> Response {
    site.note(visitor, note);
    Redirect::to(to).into_response()
}

/// An account as a form wants it.
pub(super) struct Wanted {
    pub(super) name: UserName,
    pub(super) organisation: Organisation,
    pub(super) access: WebAccess,
}

pub(super) fn read(site: &Place, fields: &Fields) -> Result<Wanted, String> {
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

/// A password for somebody else, and its hash.
pub(super) async fn made_up() -> Result<(Hidden<String>, PasswordHash), String> {
    let password = made_up_password().map_err(|error| error.to_string())?;
    let hashed = password.clone();
    let made = tokio::task::spawn_blocking(move || PasswordHash::make(&hashed)).await;
    let hash = made.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    Ok((password, hash))
}

async fn make(site: &Place, visitor: &Visitor, wanted: Wanted) -> Result<(String, String), String> {
    let failed = |error: StoreError| store_is_away(&error).to_string();
    let (password, hash) = made_up().await?;
    let accounts = &site.gateway().stores.accounts;
    let Wanted { name, organisation, access } = wanted;
    let details = Details::default().word("act", "add").word("role", access.role.word());
    let whose = (!access.everywhere).then(|| organisation.clone());
    let entry =
        Entry::new(visitor.actor(), What::AccountAdded).about(&name).of(whose).with(details);
    let act = async {
        match accounts
            .add_for_web(&name, &organisation, Password::Given(hash), access)
            .await
            .map_err(failed)?
        {
            Made::Taken => Err(format!("There is an account {name} already.")),
            Made::Yes => Ok((name.to_string(), password.expose().clone())),
        }
    };
    site.recorded(visitor, vec![entry], act).await
}

async fn change(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let (name, act) = (fields.get("name"), fields.get("do"));
    if matches!(act, "remove" | "forget-second") && fields.get("sure") != "yes" {
        return sure(&site, &visitor, name, act).await;
    }
    let (to, note) = match changed(&site, &visitor, name, act).await {
        Ok(name) => {
            let to = if act == "remove" { PATH.to_string() } else { href(name.as_str()) };
            (to, Note::done(format!("{name}: {}.", done_word(act))))
        }
        Err(NotChanged::Missing) => (PATH.to_string(), Note::failed(NO_SUCH)),
        Err(NotChanged::Why(why)) => (href(name), Note::failed(sentence(&why))),
    };
    back(&site, &visitor, &to, note)
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
    let (what, change) = match act {
        "disable" => (What::AccountChanged, WebChange::KeepOut),
        "enable" => (What::AccountChanged, WebChange::LetIn),
        "forget-second" => (What::AccountChanged, WebChange::NoSecondFactor),
        "remove" => (What::AccountRemoved, WebChange::Removed),
        _ => return Err(failed("nothing was chosen to be done")),
    };
    let there = site.gateway().stores.accounts.web_account(&name).await?;
    let there = there.ok_or(NotChanged::Missing)?;
    let details = Details::default().word("act", act);
    let entry = Entry::new(visitor.actor(), what).about(&name).of(whose(&there)).with(details);
    carry_out(site, visitor, entry, &name, change).await?;
    tracing::info!(by = visitor.account.name, %name, what = act, "web account changed");
    Ok(name)
}

/// Records a change, and makes it.
pub(super) async fn carry_out(
    site: &Site,
    visitor: &Visitor,
    entry: Entry,
    name: &UserName,
    change: WebChange,
) -> Result<(), NotChanged> {
    let doing = async {
        match site.gateway().stores.accounts.change_web(name, change).await {
            Ok(Changed::Yes) => Ok(()),
            Ok(Changed::Missing) => Err("there is no such account".to_string()),
            Ok(Changed::LastOwner) => Err(LAST_OWNER.to_string()),
            Err(error) => Err(store_is_away(&error).to_string()),
        }
    };
    site.recorded(visitor, vec![entry], doing).await.map_err(NotChanged::Why)
}

/// Whose an account is, for the audit log: nobody's if it sees all organisations.
pub(super) fn whose(account: &Account) -> Option<Organisation> {
    let everywhere = account.web.as_ref().is_some_and(|web| web.everywhere);
    (!everywhere).then(|| account.organisation.clone())
}

pub(super) fn done_word(act: &str) -> &'static str {
    match act {
        "disable" => "may not come in any more",
        "enable" => "may come in again",
        "remove" => "removed",
        "access" => "has this role from now on, and logs in anew",
        _ => "logs in by password alone now",
    }
}

pub(super) const PATH: &str = "/accounts";
pub(super) const ACCOUNT: &str = "/accounts/account";
pub(super) const NO_SUCH: &str = "There is no such account.";
const LAST_OWNER: &str = "this is the last owner who may come in: make another one first";
