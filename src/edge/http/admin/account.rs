//! One account, for owners: what it may do, a new password for somebody who has lost it, and what cannot be taken back, which a page asks
//! about once more.

use super::{
    accounts::{
        ACCOUNT, Form, NEEDS, NO_SUCH, NotChanged, PATH, Row, back, carry_out, done_word, href,
        list, made_up, organisations, read, row, whose,
    },
    operate::sentence,
};
use crate::{
    edge::http::{
        Place, Route,
        frame::{Frame, Note, render, say},
        site::{Site, store_is_away},
        visit::{Fields, Query, Visitor},
        words::plain,
    },
    store::{
        accounts::{Account, UserName},
        audit::{Details, Entry, What},
        embedded::{Belongings, WebChange},
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(ACCOUNT, "one account", NEEDS, || get(account)),
    Route::act("/accounts/access", "change what an account may do", NEEDS, || post(access)),
    Route::act("/accounts/password", "give an account a new password", NEEDS, || post(password)),
];

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    row: Row,
    form: Form,
    /// A password that was made just now: shown once.
    made: Option<String>,
}

async fn account(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    // Of no account there is nothing to say: here they all are.
    if query.get("name").is_empty() {
        return list(State(site), visitor).await;
    }
    match find(&site, query.get("name")).await {
        Ok(found) => render(&page(&site, &visitor, &found)),
        Err(why) => gone(&site, &visitor, why),
    }
}

async fn find(site: &Site, name: &str) -> Result<Account, NotChanged> {
    let name = UserName::parse(name).map_err(|_| NotChanged::Missing)?;
    let found = site.gateway().stores.accounts.web_account(&name).await?;
    found.ok_or(NotChanged::Missing)
}

fn gone(site: &Place, visitor: &Visitor, why: NotChanged) -> Response {
    match why {
        NotChanged::Missing => {
            say(StatusCode::NOT_FOUND, Frame::new(site, visitor, "Not found", PATH), NO_SUCH)
        }
        NotChanged::Why(why) => back(site, visitor, PATH, Note::failed(sentence(&why))),
    }
}

fn page(site: &Place, visitor: &Visitor, account: &Account) -> AccountPage {
    let row = row(account, visitor, &site.wall());
    let form = Form {
        name: row.name.clone(),
        role: row.role.to_string(),
        organisation: if row.everywhere { String::new() } else { row.organisation.clone() },
        domains: row.domains.clone(),
        organisations: organisations(site),
    };
    let frame = Frame::new(site, visitor, &plain(&account.name), PATH);
    AccountPage { frame, row, form, made: None }
}

async fn access(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    match access_changed(&site, &visitor, &fields).await {
        Ok(name) => {
            let note = Note::done(format!("{name}: {}.", done_word("access")));
            back(&site, &visitor, &href(name.as_str()), note)
        }
        Err(NotChanged::Missing) => gone(&site, &visitor, NotChanged::Missing),
        Err(NotChanged::Why(why)) => match find(&site, fields.get("name")).await {
            // What was written stands in the form again.
            Ok(found) => {
                let form = Form::of(&site, &fields);
                let mut again = AccountPage { form, ..page(&site, &visitor, &found) };
                again.frame.note = Some(Note::failed(sentence(&plain(&why))));
                (StatusCode::UNPROCESSABLE_ENTITY, render(&again)).into_response()
            }
            Err(why) => gone(&site, &visitor, why),
        },
    }
}

/// Gives an account the role, organisation and domains that a form says, in a visitor's name.
pub(in crate::edge::http) async fn access_changed(
    site: &Place,
    visitor: &Visitor,
    fields: &Fields,
) -> Result<UserName, NotChanged> {
    let there = find(site, fields.get("name")).await?;
    let wanted = read(site, fields).map_err(NotChanged::Why)?;
    let domains: Vec<&str> = wanted.access.domains.iter().map(|one| one.as_str()).collect();
    let details = Details::default()
        .word("act", "access")
        .word("role", wanted.access.role.word())
        .word("domains", &domains.join(" "));
    // Whose it was: those who look after that organisation see who left it.
    let entry = Entry::new(visitor.actor(), What::AccountChanged)
        .about(&wanted.name)
        .of(whose(&there))
        .with(details);
    let change = WebChange::Access(wanted.organisation, wanted.access);
    carry_out(site, visitor, entry, &wanted.name, change).await?;
    tracing::info!(by = visitor.account.name, name = %wanted.name, "web account has another role");
    Ok(wanted.name)
}

async fn password(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let name = fields.get("name");
    if fields.get("sure") != "yes" {
        return sure(&site, &visitor, name, "password").await;
    }
    match password_given(&site, &visitor, name).await {
        Ok((name, password)) => match find(&site, name.as_str()).await {
            Ok(found) => {
                let shown = page(&site, &visitor, &found);
                render(&AccountPage { made: Some(password), ..shown })
            }
            Err(why) => gone(&site, &visitor, why),
        },
        Err(NotChanged::Missing) => gone(&site, &visitor, NotChanged::Missing),
        Err(NotChanged::Why(why)) => {
            back(&site, &visitor, &href(name), Note::failed(sentence(&why)))
        }
    }
}

/// Makes up a password for an account, in a visitor's name; whoever logs in with it sets one of his own before anything else.
pub(in crate::edge::http) async fn password_given(
    site: &Site,
    visitor: &Visitor,
    name: &str,
) -> Result<(UserName, String), NotChanged> {
    let there = find(site, name).await?;
    let name = UserName::parse(&there.name).map_err(|_| NotChanged::Missing)?;
    if there.name == visitor.account.name {
        let why = "your own password is set on the page of your account";
        return Err(NotChanged::Why(why.to_string()));
    }
    let (password, hash) = made_up().await.map_err(NotChanged::Why)?;
    let entry = Entry::new(visitor.actor(), What::AccountChanged)
        .about(&name)
        .of(whose(&there))
        .with(Details::default().word("act", "password"));
    carry_out(site, visitor, entry, &name, WebChange::Password(hash)).await?;
    tracing::info!(by = visitor.account.name, %name, "web account has a new password");
    Ok((name, password.expose().clone()))
}

#[derive(Template)]
#[template(path = "account_sure.html")]
struct SurePage {
    frame: Frame,
    row: Row,
    has: Belongings,
    act: String,
    question: String,
}

/// What an act would touch, before it is done.
pub(super) async fn sure(site: &Place, visitor: &Visitor, name: &str, act: &str) -> Response {
    let found = match find(site, name).await {
        Ok(found) => found,
        Err(NotChanged::Missing) => return back(site, visitor, PATH, Note::failed(NO_SUCH)),
        Err(why) => return gone(site, visitor, why),
    };
    let Ok(name) = UserName::parse(&found.name) else {
        return gone(site, visitor, NotChanged::Missing);
    };
    let has = match site.gateway().stores.accounts.belongings(&name).await {
        Ok(has) => has,
        Err(error) => return back(site, visitor, PATH, Note::failed(store_is_away(&error))),
    };
    let question = match act {
        "remove" => format!("Remove {name}?"),
        "password" => format!("A new password for {name}?"),
        _ => format!("Forget the second factor of {name}?"),
    };
    render(&SurePage {
        frame: Frame::new(site, visitor, &question, PATH),
        row: row(&found, visitor, &site.wall()),
        has,
        act: act.to_string(),
        question,
    })
}
