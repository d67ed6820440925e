//! Logging in and out. First the password, then, for who has one, the second factor; a new session id each time.
//!
//! Wrong names and wrong passwords are answered alike and take as long; failures are counted with those of the mail ports.

use super::accounts::whose;
use crate::base::hidden::Hidden;
use crate::{
    base::limits,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, render},
        one_time::{self, Secret as OneTimeSecret},
        site::{Site, store_is_away},
        visit::{Client, Fields, HALF, Query, SESSION, Secret, Visitor, cookie, set_cookie},
    },
    pipeline::log_in::{self, Attempt, ForWeb},
    store::{
        StoreError,
        accounts::{Account, UserName},
        audit::{Actor, Details, Entry, What},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use std::net::IpAddr;

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/login", "log in", Needs::Nothing, || get(ask)),
    Route::act("/login", "show a name and a password", Needs::Nothing, || post(log_in)),
    Route::page("/login/second", "log in, second factor", Needs::Nothing, || get(ask_second)),
    Route::act("/login/second", "show a second factor", Needs::Nothing, || post(second)),
    Route::act("/logout", "end this session", Needs::LogIn, || post(log_out)),
];

#[derive(Template)]
#[template(path = "log_in.html")]
struct LogInPage {
    frame: Frame,
    /// Where to go then.
    to: String,
    failed: &'static str,
    /// There is no account at all.
    first: bool,
}

#[derive(Template)]
#[template(path = "second.html")]
struct SecondPage {
    frame: Frame,
    to: String,
    failed: &'static str,
}

async fn ask(State(site): State<Place>, Query(query): Query) -> Response {
    page(&site, query.get("to"), "").await
}

async fn page(site: &Place, to: &str, failed: &'static str) -> Response {
    let first = !site.gateway().stores.accounts.any_for_web().await.unwrap_or(true);
    let frame = Frame::bare(site, "Log in");
    let page = render(&LogInPage { frame, to: local(to).to_string(), failed, first });
    if failed.is_empty() { page } else { (StatusCode::UNAUTHORIZED, page).into_response() }
}

async fn log_in(
    State(site): State<Place>,
    Extension(Client(client)): Extension<Client>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let to = local(fields.get("to")).to_string();
    let password = Hidden::new("password", fields.get("password").to_string());
    let came = log_in::for_web(site.gateway(), client, fields.get("name"), password).await;
    let failed = match came {
        ForWeb::Welcome(account) if has_second(&account) => {
            let Some(id) = Secret::new() else { return page(&site, &to, LATER).await };
            site.begin_half(id.hash(), account);
            let next = format!("/login/second?to={}", quoted(&to));
            return with_cookies([set_cookie(HALF, &id.text())], Redirect::to(&next));
        }
        ForWeb::Welcome(account) => return begin(&site, client, &headers, &account, &to).await,
        ForWeb::Wrong => {
            note_failure(&site, client, fields.get("name"), "password").await;
            "This name and password do not fit together."
        }
        ForWeb::TooOften => {
            "There were too many failures from here or for this name. Wait a quarter of an hour."
        }
        ForWeb::Later => LATER,
    };
    page(&site, &to, failed).await
}

fn has_second(account: &Account) -> bool {
    account.web.as_ref().is_some_and(|web| web.second_factor)
}

async fn ask_second(State(site): State<Place>, Query(query): Query) -> Response {
    second_page(&site, query.get("to"), "")
}

fn second_page(site: &Place, to: &str, failed: &'static str) -> Response {
    let frame = Frame::bare(site, "Log in");
    let page = render(&SecondPage { frame, to: local(to).to_string(), failed });
    if failed.is_empty() { page } else { (StatusCode::UNAUTHORIZED, page).into_response() }
}

async fn second(
    State(site): State<Place>,
    Extension(Client(client)): Extension<Client>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let to = local(fields.get("to")).to_string();
    let half = cookie(&headers, HALF).and_then(|text| Secret::parse(&text)).map(|id| id.hash());
    let Some((half, account)) = half.and_then(|hash| Some((hash, site.half(hash)?))) else {
        return page(&site, &to, TOO_LATE).await;
    };
    let account = match unchanged(&site, &account).await {
        Ok(Some(account)) => account,
        Ok(None) => return page(&site, &to, TOO_LATE).await,
        Err(error) => return second_page(&site, &to, store_is_away(&error)),
    };
    let gateway = site.gateway();
    let name = format!("second factor of {}", account.name);
    let attempt = Attempt { client, name: &name, at: gateway.clock.tick() };
    if !gateway.log_ins.begin(&attempt, &gateway.settings.load().config.limits) {
        let failed = "There were too many failures. Wait a quarter of an hour.";
        return second_page(&site, &to, failed);
    }
    match fits(&site, &account, fields.get("code")).await {
        Ok(true) => {
            gateway.log_ins.succeeded(&attempt);
            site.end_half(half);
            begin(&site, client, &headers, &account, &to).await
        }
        Ok(false) => {
            tracing::info!(peer = %client, user = account.name, "web log-in failed at the second factor");
            note_failure(&site, client, &account.name, "second factor").await;
            second_page(&site, &to, "This code is wrong, or was used already. Take the next one.")
        }
        Err(error) => {
            gateway.log_ins.undecided(&attempt);
            second_page(&site, &to, store_is_away(&error))
        }
    }
}

/// The account as it is now. If it was closed, or was given another password, since the password was shown, then that one opens nothing.
async fn unchanged(site: &Place, account: &Account) -> Result<Option<Account>, StoreError> {
    let Ok(name) = UserName::parse(&account.name) else { return Ok(None) };
    let now = site.gateway().stores.accounts.web_account(&name).await?;
    Ok(now.filter(|now| {
        now.enabled && (now.created, now.password_set) == (account.created, account.password_set)
    }))
}

/// Is this the code of the moment, or a recovery code? Each is good once.
async fn fits(site: &Place, account: &Account, code: &str) -> Result<bool, StoreError> {
    let accounts = &site.gateway().stores.accounts;
    let Some(one_time) = accounts.one_time(&account.name).await? else { return Ok(false) };
    let secret = OneTimeSecret::open(&site.key, &account.name, one_time.sealed)?;
    match secret.step_of(code, site.now()) {
        Some(step) => accounts.use_step(&account.name, step).await,
        None => accounts.use_recovery(&account.name, one_time::recovery_hash(code)).await,
    }
}

/// Writes down that somebody was not let in. Whom he wanted to be is named only if there is somebody of that name: people type their
/// passwords there. Whether it could be written or not, he is not let in.
async fn note_failure(site: &Site, client: IpAddr, name: &str, at: &str) {
    let named = match UserName::parse(name.trim()) {
        Ok(name) => site.gateway().stores.accounts.web_account(&name).await.ok().flatten(),
        Err(_) => None,
    };
    let entry = Entry::new(Actor::System, What::LogInFailed)
        .from(Some(client))
        .with(Details::default().word("at", at));
    let entry = match &named {
        Some(account) => entry.about(&account.name).of(whose(account)),
        None => entry,
    };
    if let Err(error) = site.gateway().stores.audit.append(entry).await {
        tracing::error!(%error, "the audit log takes no record of a log-in that failed");
    }
}

/// Opens a session with a new id, once it is recorded who comes. What the browser had before ends: its id may be known to others.
async fn begin(
    site: &Place,
    client: IpAddr,
    headers: &HeaderMap,
    account: &Account,
    to: &str,
) -> Response {
    let Some(id) = Secret::new() else { return page(site, to, LATER).await };
    let role = account.web.as_ref().map_or("", |web| web.role.word()).to_string();
    let who = Actor::Account { name: account.name.clone(), role };
    let entry = Entry::new(who, What::LoggedIn).of(whose(account)).from(Some(client));
    if let Err(error) = site.gateway().stores.audit.append(entry).await {
        return page(site, to, store_is_away(&error)).await;
    }
    let ends = site.now().plus(limits::WEB_SESSION_TIME_MAX);
    let begun = site.gateway().stores.accounts.begin_session(id.hash(), account, ends).await;
    if let Err(error) = begun {
        return page(site, to, store_is_away(&error)).await;
    }
    tracing::info!(user = account.name, "web log-in");
    if let Some(before) = cookie(headers, SESSION).and_then(|text| Secret::parse(&text))
        && let Err(error) = site.gateway().stores.accounts.end_session(before.hash()).await
    {
        tracing::warn!(%error, "the session that a browser had before could not be ended");
    }
    let cookies = [set_cookie(SESSION, &id.text()), set_cookie(HALF, "")];
    with_cookies(cookies, Redirect::to(local(to)))
}

/// A session that stays open because the log is full would be worse than an end that is not in the log.
async fn log_out(State(site): State<Place>, visitor: Visitor) -> Response {
    let entry = Entry::new(visitor.actor(), What::LoggedOut).of(whose(&visitor.account));
    if let Err(why) = site.record(&visitor, vec![entry]).await {
        tracing::error!(why, user = visitor.account.name, "a log-out is not in the audit log");
    }
    if let Err(error) = site.gateway().stores.accounts.end_session(visitor.session).await {
        return (StatusCode::SERVICE_UNAVAILABLE, store_is_away(&error)).into_response();
    }
    let leave = (HeaderName::from_static("clear-site-data"), "\"cache\"");
    let gone = with_cookies([set_cookie(SESSION, "")], Redirect::to("/login"));
    (AppendHeaders([leave]), gone).into_response()
}

fn with_cookies<const N: usize>(
    cookies: [(header::HeaderName, String); N],
    answer: impl IntoResponse,
) -> Response {
    (AppendHeaders(cookies), answer).into_response()
}

fn quoted(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A path of ours, or the first page: nobody is sent elsewhere by a link that he was sent. Browsers take `\` for `/` and leave out tabs and
/// line ends, so a path has neither; a path as browsers write it is of visible ASCII alone.
fn local(to: &str) -> &str {
    let plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_path = plain && to.starts_with('/') && !to.starts_with("//");
    let leads_back = to.starts_with("/login") || to.starts_with("/logout");
    if is_path && !leads_back { to } else { "/" }
}

const TOO_LATE: &str = "That took too long. Begin again with your password.";
const LATER: &str = "The accounts cannot be asked just now. Try again in a moment.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (to, want) in [
            ("/held?text=x", "/held?text=x"),
            ("", "/"),
            ("held", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("/\t/evil.example", "/"),
            ("\t//evil.example", "/"),
            ("/\u{0}x", "/"),
            ("/ /evil.example", "/"),
            ("/\u{2028}x", "/"),
            ("/login", "/"),
        ] {
            assert_eq!(local(to), want, "{to:?}");
        }
    }
}
