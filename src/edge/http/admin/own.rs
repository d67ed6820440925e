//! One's own account: the password, the second factor, the open sessions.

use super::{accounts::whose, operate::sentence};
use crate::{
    base::{hidden::Hidden, limits},
    edge::http::{
        Needs, Place, Route,
        api::TOKEN_MARK,
        frame::{Frame, Note, render},
        one_time::{Secret, picture, recovery_codes},
        rights::{Right, may},
        site::store_is_away,
        sure::{Sure, ask, is_sure},
        visit::{self, Fields, Visitor},
        words::{Moment, Wall, plain},
    },
    pipeline::log_in::{self, ForWeb},
    store::{
        StoreError,
        accounts::{PasswordHash, Purpose, UserName},
        audit::{Details, Entry, What},
        embedded::Token,
        scope::Scope,
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use data_encoding::BASE64URL_NOPAD;
use std::time::Duration;

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/own", "one's own account", Needs::LogIn, || get(own)),
    Route::act("/own/password", "set a new password", Needs::LogIn, || post(password)),
    Route::act("/own/second", "begin with a second factor", Needs::LogIn, || post(begin_second)),
    Route::act("/own/second/confirm", "take it into use", Needs::LogIn, || post(confirm_second)),
    Route::act("/own/second/remove", "do without one again", Needs::LogIn, || post(remove_second)),
    Route::act("/own/tokens/add", "make a token for a program", Needs::LogIn, || post(add_token)),
    Route::act("/own/tokens/end", "end a token", Needs::LogIn, || post(end_token)),
    Route::act("/own/sessions/end", "end one's other sessions", Needs::LogIn, || post(end_others)),
];

#[derive(Template)]
#[template(path = "own.html")]
struct OwnPage {
    frame: Frame,
    name: String,
    /// Somebody else knows the password: nothing else can be done before there is another one.
    has_given_password: bool,
    role: &'static str,
    sees: String,
    second_factor: bool,
    recovery_left: usize,
    tokens: Vec<TokenRow>,
    /// The rights that a token may have.
    rights: Vec<Right>,
    form: TokenForm,
    /// A token that was made just now: shown once.
    made: Option<String>,
}

struct TokenRow {
    id: String,
    label: String,
    rights: String,
    ends: Moment,
    /// Empty: never.
    last_used: Option<Moment>,
}

#[derive(Template)]
#[template(path = "own_second.html")]
struct SecondPage {
    frame: Frame,
    picture: String,
    letters: String,
    /// The secret, sealed, until it is shown to work.
    sealed: String,
    failed: &'static str,
}

#[derive(Template)]
#[template(path = "own_codes.html")]
struct CodesPage {
    frame: Frame,
    codes: Vec<String>,
}

async fn own(State(site): State<Place>, visitor: Visitor) -> Response {
    render(&page(&site, &visitor, TokenForm::default()).await)
}

async fn page(site: &Place, visitor: &Visitor, form: TokenForm) -> OwnPage {
    let accounts = &site.gateway().stores.accounts;
    let recovery_left = accounts.recovery_left(&visitor.account.name).await.unwrap_or(0);
    let tokens = accounts.tokens(&visitor.account.name).await.unwrap_or_default();
    let web = visitor.account.web.as_ref();
    OwnPage {
        frame: Frame::new(site, visitor, "Your account", ""),
        name: visitor.account.name.clone(),
        has_given_password: visitor.has_given_password,
        role: visitor.role(),
        sees: sees(visitor),
        second_factor: web.is_some_and(|web| web.second_factor),
        recovery_left,
        tokens: tokens.into_iter().map(|token| token_row(token, &site.wall())).collect(),
        rights: rights_of(visitor).collect(),
        form,
        made: None,
    }
}

/// What was typed of a token, to stand there again if it was not made.
struct TokenForm {
    label: String,
    days: String,
    rights: Vec<String>,
}

impl Default for TokenForm {
    fn default() -> TokenForm {
        TokenForm { label: String::new(), days: "90".to_string(), rights: Vec::new() }
    }
}

impl TokenForm {
    fn of(fields: &Fields) -> TokenForm {
        let rights = fields.all("right").map(str::to_string).collect();
        TokenForm { label: plain(fields.get("label")), days: plain(fields.get("days")), rights }
    }

    fn has(&self, right: &Right) -> bool {
        self.rights.iter().any(|word| word == right.word())
    }
}

/// No token was made: why, and what was typed, but for the password.
async fn no_token(site: &Place, visitor: &Visitor, fields: &Fields, note: Note) -> Response {
    let mut again = page(site, visitor, TokenForm::of(fields)).await;
    again.frame.note = Some(note);
    (StatusCode::UNPROCESSABLE_ENTITY, render(&again)).into_response()
}

fn rights_of(visitor: &Visitor) -> impl Iterator<Item = Right> {
    Right::ALL.into_iter().filter(|right| may(&visitor.account, *right))
}

fn token_row(token: Token, wall: &Wall) -> TokenRow {
    TokenRow {
        id: token.id,
        label: token.label,
        rights: token.rights.join(" "),
        ends: Moment::of(wall, token.ends),
        last_used: (token.last_used.0 > 0).then(|| Moment::of(wall, token.last_used)),
    }
}

fn sees(visitor: &Visitor) -> String {
    match &visitor.scope {
        Scope::Everything => "all organisations".to_string(),
        Scope::Organisation(organisation) => organisation.to_string(),
        Scope::Domains(organisation, domains) => {
            let names: Vec<String> = domains.iter().map(|name| name.to_unicode()).collect();
            format!("{} of {organisation}", names.join(", "))
        }
        Scope::Mailbox(_, address) => address.to_string(),
    }
}

fn back(site: &Place, visitor: &Visitor, note: Note) -> Response {
    site.note(visitor, note);
    Redirect::to("/own").into_response()
}

/// What one does to one's own account: in the audit log before it is done.
async fn recorded<T>(
    site: &Place,
    visitor: &Visitor,
    act: &str,
    done: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Note> {
    let entry = Entry::new(visitor.actor(), What::AccountChanged)
        .about(&visitor.account.name)
        .of(whose(&visitor.account))
        .with(Details::default().word("act", act));
    let done = async { done.await.map_err(|error| store_is_away(&error).to_string()) };
    site.recorded(visitor, vec![entry], done).await.map_err(|why| Note::failed(sentence(&why)))
}

/// Whoever sits at a screen that was left open does not know the password.
async fn knows_password(
    site: &Place,
    visitor: &Visitor,
    fields: &Fields,
) -> Result<(), &'static str> {
    let given = Hidden::new("password", fields.get("password").to_string());
    match log_in::for_web(site.gateway(), visitor.client, &visitor.account.name, given).await {
        ForWeb::Welcome(_) => Ok(()),
        ForWeb::Wrong => Err("The present password is wrong; nothing was changed."),
        ForWeb::TooOften => Err("There were too many failures. Wait a quarter of an hour."),
        ForWeb::Later => Err("The accounts cannot be asked just now. Try again in a moment."),
    }
}

async fn password(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    if let Err(why) = knows_password(&site, &visitor, &fields).await {
        return back(&site, &visitor, Note::failed(why));
    }
    if fields.get("new") != fields.get("again") {
        return back(
            &site,
            &visitor,
            Note::failed("The two new passwords differ; nothing was changed."),
        );
    }
    let new = Hidden::new("password", fields.get("new").to_string());
    let made = tokio::task::spawn_blocking(move || PasswordHash::make(&new)).await;
    let hash = match made {
        Ok(Ok(hash)) => hash,
        Ok(Err(why)) => {
            return back(
                &site,
                &visitor,
                Note::failed(format!("This password was not taken: {why}.")),
            );
        }
        Err(_) => return back(&site, &visitor, Note::failed("The password could not be hashed.")),
    };
    let Ok(name) = UserName::parse(&visitor.account.name) else {
        return back(&site, &visitor, Note::failed("This account's name cannot be read."));
    };
    let set = site.gateway().stores.accounts.set_password(Purpose::Web, &name, hash);
    match recorded(&site, &visitor, "password", set).await {
        // This session, too, was opened with the old one.
        Ok(_) => Redirect::to("/login").into_response(),
        Err(note) => back(&site, &visitor, note),
    }
}

async fn begin_second(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    if let Err(why) = knows_password(&site, &visitor, &fields).await {
        return back(&site, &visitor, Note::failed(why));
    }
    match Secret::new() {
        Ok(secret) => show_second(&site, &visitor, &secret, ""),
        Err(error) => back(&site, &visitor, Note::failed(store_is_away(&error))),
    }
}

fn show_second(site: &Place, visitor: &Visitor, secret: &Secret, failed: &'static str) -> Response {
    let name = &visitor.account.name;
    let sealed = match secret.seal(&site.key, name) {
        Ok(sealed) => BASE64URL_NOPAD.encode(&sealed),
        Err(error) => return back(site, visitor, Note::failed(store_is_away(&error))),
    };
    let letters = secret.letters();
    let groups: Vec<&str> =
        (0..8).map(|group| letters.expose().get(group * 4..group * 4 + 4).unwrap_or("")).collect();
    render(&SecondPage {
        frame: Frame::new(site, visitor, "Second factor", ""),
        picture: picture(secret.address(&site.hostname(), name).expose()).unwrap_or_default(),
        letters: groups.join(" "),
        sealed,
        failed,
    })
}

async fn confirm_second(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let name = &visitor.account.name;
    let sealed = BASE64URL_NOPAD.decode(fields.get("sealed").as_bytes()).unwrap_or_default();
    let Ok(secret) = Secret::open(&site.key, name, sealed) else {
        return back(&site, &visitor, Note::failed("Begin again: this page was too old."));
    };
    let Some(step) = secret.step_of(fields.get("code"), site.now()) else {
        let failed =
            "This code does not fit. Is the clock of your telephone right? Try the next one.";
        return show_second(&site, &visitor, &secret, failed);
    };
    let accounts = &site.gateway().stores.accounts;
    let taken = async {
        let codes = recovery_codes()?;
        let hashes = codes.iter().map(|(_, hash)| *hash).collect();
        accounts.set_one_time(name, Some((secret.seal(&site.key, name)?, hashes))).await?;
        accounts.use_step(name, step).await?;
        Ok(codes)
    };
    match recorded(&site, &visitor, "set-second-factor", taken).await {
        Ok(codes) => render(&CodesPage {
            frame: Frame::new(&site, &visitor, "Recovery codes", ""),
            codes: codes.into_iter().map(|(code, _)| code.expose().clone()).collect(),
        }),
        Err(note) => back(&site, &visitor, note),
    }
}

async fn remove_second(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    if let Err(why) = knows_password(&site, &visitor, &fields).await {
        return back(&site, &visitor, Note::failed(why));
    }
    let forget = site.gateway().stores.accounts.set_one_time(&visitor.account.name, None);
    let note = match recorded(&site, &visitor, "forget-second-factor", forget).await {
        Ok(_) => Note::done("You log in by password alone from now on."),
        Err(note) => note,
    };
    back(&site, &visitor, note)
}

async fn end_others(State(site): State<Place>, visitor: Visitor) -> Response {
    let accounts = &site.gateway().stores.accounts;
    let end = accounts.end_other_sessions(&visitor.account.name, Some(visitor.session));
    let note = match recorded(&site, &visitor, "end-other-sessions", end).await {
        Ok(0) => Note::done("There were no other sessions."),
        Ok(1) => Note::done("One other session was ended."),
        Ok(count) => Note::done(format!("{count} other sessions were ended.")),
        Err(note) => note,
    };
    back(&site, &visitor, note)
}

/// A program acts in the name of its account, with as much of its rights as it needs. Whoever sits at an open screen gets none.
async fn add_token(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    if let Err(why) = knows_password(&site, &visitor, &fields).await {
        return no_token(&site, &visitor, &fields, Note::failed(why)).await;
    }
    let label = fields.get("label").trim().to_string();
    let rights: Vec<&str> = rights_of(&visitor)
        .map(Right::word)
        .filter(|word| fields.all("right").any(|one| one == *word))
        .collect();
    let days = fields.get("days").trim().parse().ok();
    let Some(days) = days.filter(|days| (1..=limits::TOKEN_DAYS_MAX).contains(days)) else {
        let why = format!("A token lasts 1 to {} days.", limits::TOKEN_DAYS_MAX);
        return no_token(&site, &visitor, &fields, Note::failed(why)).await;
    };
    if label.is_empty() || label.chars().count() > 80 || rights.is_empty() {
        let why = "A token has a name of at most 80 letters, and at least one right.";
        return no_token(&site, &visitor, &fields, Note::failed(why)).await;
    }
    let Some(secret) = visit::Secret::new() else {
        let note = Note::failed("The system gave no random bytes.");
        return no_token(&site, &visitor, &fields, note).await;
    };
    let ends = site.now().plus(Duration::from_secs(days * 86_400));
    let accounts = &site.gateway().stores.accounts;
    let add = accounts.add_token(secret.hash(), &visitor.account, &label, &rights, ends);
    match recorded(&site, &visitor, "make-token", add).await {
        Ok(true) => {
            tracing::info!(by = visitor.account.name, label, "token made");
            let shown = page(&site, &visitor, TokenForm::default()).await;
            render(&OwnPage { made: Some(format!("{TOKEN_MARK}{}", secret.text())), ..shown })
        }
        Ok(false) => {
            let note = Note::failed("You have as many tokens as you may: end one first.");
            no_token(&site, &visitor, &fields, note).await
        }
        Err(note) => no_token(&site, &visitor, &fields, note).await,
    }
}

async fn end_token(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let accounts = &site.gateway().stores.accounts;
    if !is_sure(&fields) {
        let tokens = accounts.tokens(&visitor.account.name).await.unwrap_or_default();
        let Some(token) = tokens.iter().find(|token| token.id == fields.get("id")) else {
            return back(&site, &visitor, Note::failed("There is no such token."));
        };
        let last = match token.last_used.0 {
            0 => "It was never used.".to_string(),
            _ => format!("It was used last {}.", Moment::of(&site.wall(), token.last_used).shown),
        };
        let sure = Sure {
            question: format!("End the token {}?", plain(&token.label)),
            touches: vec![
                "The program that comes with it is refused from then on.".to_string(),
                last,
                "It cannot be taken back: the program needs a new one.".to_string(),
            ],
            action: "/own/tokens/end",
            button: "End it",
            leave: "/own",
        };
        return ask(Frame::new(&site, &visitor, "End a token?", ""), sure, &fields);
    }
    let end = accounts.remove_token(&visitor.account.name, fields.get("id"));
    let note = match recorded(&site, &visitor, "end-token", end).await {
        Ok(true) => Note::done("The token was ended."),
        Ok(false) => Note::failed("There is no such token."),
        Err(note) => note,
    };
    back(&site, &visitor, note)
}
