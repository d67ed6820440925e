//! Who comes, and may they: asked for every route before its page or act, in this one place.
//!
//! A session is a random id of 256 bits in a `__Host-` cookie. An act comes from a page of ours or not at all: the browser says where
//! it was sent from (`Sec-Fetch-Site`, `Origin`), and the form has a token that follows from the session's id.

use super::{
    Door, Needs, Place, Route, api,
    frame::{Frame, Note, say},
    rights::may,
    site::{Asker, Site, store_is_away},
};
use crate::{
    base::limits,
    store::{accounts::Account, audit::Actor, embedded::SecretHash, keys, scope::Scope},
};
use aws_lc_rs::constant_time;
use axum::{
    Extension,
    body::Bytes,
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use data_encoding::BASE64URL_NOPAD;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) account: Account,
    /// Whose mail it may see.
    pub(super) scope: Scope,
    /// The hash of the session's id.
    pub(super) session: SecretHash,
    /// Goes into every form.
    pub(super) csrf: String,
    /// Where it comes from.
    pub(super) client: IpAddr,
    /// Somebody else made up the password, and knows it.
    pub(super) has_given_password: bool,
    /// What is said about what was done.
    pub(super) said: Said,
}

/// What an act says, on its way to the page that the act's answer leads to; and there, what is to be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// The page that is looked at; none where nobody reads it.
    page: Option<String>,
    note: Arc<Mutex<Option<Note>>>,
}

impl Said {
    /// Nobody reads the answer to an act, which leads on to a page, nor a page that looks again by itself.
    fn of(request: &Request) -> Said {
        let is_read = request.method() == Method::GET && !request.headers().contains_key(AGAIN);
        Said { page: is_read.then(|| request.uri().path().to_string()), note: Arc::default() }
    }

    pub(super) fn set(&self, note: Note) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
    }

    /// Does somebody read the page that this is about?
    pub(super) fn is_read(&self) -> bool {
        self.page.is_some()
    }

    pub(super) fn read(&self, site: &Site, session: SecretHash) -> Option<Note> {
        site.take_note(session, self.page.as_ref()?)
    }

    /// Lays what was said where the answer leads to; of what failed, with what was typed.
    fn lead(
        &self,
        site: &Site,
        session: SecretHash,
        answer: &Response,
        sent: (&'static str, Fields),
    ) {
        let note = self.note.lock().unwrap_or_else(PoisonError::into_inner).take();
        let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        if let (Some(note), Some(to)) = (note, to) {
            let typed = (!note.good).then(|| (sent.0, sent.1.to_type_again()));
            site.note_at(session, to, Note { typed, ..note });
        }
    }
}

impl Visitor {
    /// Who it is, for the audit log.
    pub(super) fn actor(&self) -> Actor {
        Actor::Account { name: self.account.name.clone(), role: self.role().to_string() }
    }

    /// The word of its role.
    pub(super) fn role(&self) -> &'static str {
        self.account.web.as_ref().map_or("", |web| web.role.word())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visitor, StatusCode> {
        // A page without a visitor that asks for one has the wrong line in its table.
        parts.extensions.get::<Visitor>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Where a request comes from, proxies of ours looked through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client(pub(super) IpAddr);

/// What was sent by a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Arc<Vec<(String, String)>>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`, and of a path's query.
    pub(super) fn read(text: &[u8]) -> Fields {
        Fields(Arc::new(form_urlencoded::parse(text).into_owned().collect()))
    }

    /// Every value of this name, in their order.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of this name, or an empty one.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The value, trimmed, if there is anything in it.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        Some(self.get(name).trim()).filter(|text| !text.is_empty()).map(str::to_string)
    }

    /// Every name with its value, in their order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What may stand in a form again: no secrets, and not what is long.
    fn to_type_again(&self) -> Fields {
        let kept = |name: &str| !NEVER_AGAIN.contains(&name);
        let kept: Vec<(String, String)> =
            self.0.iter().filter(|(name, _)| kept(name)).cloned().collect();
        let length: usize = kept.iter().map(|(name, value)| name.len() + value.len()).sum();
        if length > limits::FORM_AGAIN_BYTES_MAX {
            Fields::default()
        } else {
            Fields(Arc::new(kept))
        }
    }

    /// The same with these before all others of their names.
    pub(super) fn with(&self, first: &[(&str, &str)]) -> Fields {
        let first = first.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Fields(Arc::new(first.chain(self.0.iter().cloned()).collect()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Fields {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Fields, StatusCode> {
        Ok(parts.extensions.get::<Fields>().cloned().unwrap_or_default())
    }
}

/// What stands behind the question mark of an address.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(pub(super) Fields);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, StatusCode> {
        Ok(Query(Fields::read(parts.uri.query().unwrap_or("").as_bytes())))
    }
}

/// What every request meets before its page.
pub(super) async fn admit(
    State((route, site)): State<(&'static Route, Place)>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    if route.spec.is_some() {
        return api::admit(route, &site, client.0, request, next).await;
    }
    // Cookies know no ports: on the public door that of an admin says nothing.
    let visitor = match route.door {
        Door::Public => Ok(None),
        Door::Admin => visitor(&site, request.headers(), client, Said::of(&request)).await,
    };
    let visitor = match visitor {
        Ok(visitor) => visitor,
        Err(answer) => return answer,
    };
    let allowed = match (route.needs, &visitor) {
        (Needs::Nothing, _) | (Needs::LogIn, Some(_)) => true,
        (Needs::Right(right), Some(visitor)) => may(&visitor.account, right),
        (Needs::LogIn | Needs::Right(_), None) => return log_in_first(&request),
    };
    if let (false, Some(visitor)) = (allowed, &visitor) {
        let frame = Frame::new(&site, visitor, "Not for your role", "");
        let sentence =
            "Your role does not include this page. An owner of this gateway can change that.";
        return say(StatusCode::FORBIDDEN, frame, sentence);
    }
    if let Some(visitor) = &visitor
        && visitor.has_given_password
        && !(route.needs == Needs::Nothing || OWN_PASSWORD.contains(&route.path))
    {
        return Redirect::to("/own").into_response();
    }
    let mut request = request;
    if changes(request.method()) {
        if is_from_elsewhere(request.headers()) {
            return (StatusCode::FORBIDDEN, "this was not sent from a page of ours\n")
                .into_response();
        }
        if route.files {
            return next.run(request).await;
        }
        let (mut parts, body) = request.into_parts();
        let Ok(bytes) = axum::body::to_bytes(body, limits::FORM_BYTES_MAX).await else {
            return (StatusCode::PAYLOAD_TOO_LARGE, "this form is too large\n").into_response();
        };
        // Each field costs more in memory than it does on the wire, and a log-in page has a form for anybody.
        if bytes.iter().filter(|byte| **byte == b'&').count() >= limits::FORM_FIELDS_MAX {
            return (StatusCode::PAYLOAD_TOO_LARGE, "this form has too many fields\n")
                .into_response();
        }
        let fields = Fields::read(&bytes);
        if let Some(visitor) = &visitor
            && route.needs != Needs::Nothing
            && constant_time::verify_slices_are_equal(
                fields.get("csrf").as_bytes(),
                visitor.csrf.as_bytes(),
            )
            .is_err()
        {
            return (StatusCode::FORBIDDEN, "this form is too old; load its page again\n")
                .into_response();
        }
        parts.extensions.insert(fields);
        request = Request::from_parts(parts, Bytes::new().into());
    }
    let Some(visitor) = visitor else { return next.run(request).await };
    let (said, session) = (visitor.said.clone(), visitor.session);
    let fields = request.extensions().get::<Fields>().cloned().unwrap_or_default();
    let sent = (route.path, fields);
    request.extensions_mut().insert(visitor);
    let answer = next.run(request).await;
    said.lead(&site, session, &answer, sent);
    answer
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A browser says where a form was sent from: all of today's by `Sec-Fetch-Site`, older ones by `Origin`. What is no browser says
/// neither, and carries no cookie that somebody else could use.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (said("sec-fetch-site"), said("origin"), said("host")) {
        (Some(site), _, _) => site != "same-origin",
        (None, Some(origin), Some(host)) => {
            origin.split_once("://").is_none_or(|(_, from)| !from.eq_ignore_ascii_case(host))
        }
        (None, Some(_), None) => true,
        (None, None, _) => false,
    }
}

fn log_in_first(request: &Request) -> Response {
    if changes(request.method()) {
        return (StatusCode::UNAUTHORIZED, "log in first\n").into_response();
    }
    let to = request.uri().path_and_query().map_or("/", |to| to.as_str());
    let to: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
    Redirect::to(&format!("/login?to={to}")).into_response()
}

pub(super) async fn visitor(
    site: &Place,
    headers: &HeaderMap,
    client: Client,
    said: Said,
) -> Result<Option<Visitor>, Response> {
    let Some(id) = cookie(headers, SESSION).and_then(|text| Secret::parse(&text)) else {
        return Ok(None);
    };
    let found = site.gateway().stores.accounts.session(id.hash()).await;
    let found = found.map_err(|error| {
        (StatusCode::SERVICE_UNAVAILABLE, store_is_away(&error)).into_response()
    })?;
    let Some(open) = found else { return Ok(None) };
    let asker = if headers.contains_key(AGAIN) { Asker::Page } else { Asker::Somebody };
    if !site.is_in_use(id.hash(), asker) {
        // For good: a restart, after which it would count as used just now, must not bring it back.
        if let Err(error) = site.gateway().stores.accounts.end_session(id.hash()).await {
            tracing::warn!(%error, "a session that nobody used could not be ended");
        }
        return Ok(None);
    }
    let Some(scope) = open.account.scope() else { return Ok(None) };
    Ok(Some(Visitor {
        scope,
        account: open.account,
        session: id.hash(),
        csrf: id.csrf(),
        client: client.0,
        has_given_password: open.given,
        said,
    }))
}

/// A random id that a browser keeps.
pub(super) struct Secret([u8; 32]);

impl Secret {
    pub(super) fn new() -> Option<Secret> {
        keys::random().ok().map(Secret)
    }

    pub(super) fn parse(text: &str) -> Option<Secret> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Secret)
    }

    pub(super) fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// What we keep of it.
    pub(super) fn hash(&self) -> SecretHash {
        blake3::derive_key("sluss web session", &self.0)
    }

    fn csrf(&self) -> String {
        BASE64URL_NOPAD.encode(&blake3::derive_key("sluss web form", &self.0))
    }
}

/// The value of a cookie.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|one| one.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_string())
}

/// The field that sets a cookie for as long as the browser is open, or, with an empty value, takes it away. RFC 6265 section 4.1 and its revision:
/// `__Host-` binds it to this host alone, over TLS or loopback.
pub(super) fn set_cookie(name: &str, value: &str) -> (header::HeaderName, String) {
    let age = if value.is_empty() { "; Max-Age=0" } else { "" };
    (header::SET_COOKIE, format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}"))
}

/// Fields whose values are nobody's to see again, or say nothing to a person.
const NEVER_AGAIN: [&str; 6] = ["csrf", "password", "new", "again", "code", "sealed"];

/// Where whoever came in with a password that somebody else knows may go, until he has set one of his own.
const OWN_PASSWORD: [&str; 3] = ["/own", "/own/password", "/logout"];

/// What a page says that looks again by itself: it is no sign that somebody is there.
const AGAIN: &str = "x-again";

/// The cookie of a session.
pub(super) const SESSION: &str = "__Host-sluss";
/// The cookie of a log-in that waits for the second factor.
pub(super) const HALF: &str = "__Host-sluss-half";

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(pair).collect()
    }

    #[test]
    fn forms_of_other_pages_are_known() {
        for (fields, want) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("origin", "https://mx.ours.example"), ("host", "mx.ours.example")], false),
            (&[("origin", "http://127.0.0.1:8025"), ("host", "127.0.0.1:8025")], false),
            (&[("origin", "http://127.0.0.1:8026"), ("host", "127.0.0.1:8025")], true),
            (&[("origin", "null"), ("host", "127.0.0.1:8025")], true),
            (&[("origin", "https://evil.example"), ("host", "mx.ours.example")], true),
            (&[("origin", "https://mx.ours.example")], true),
        ] {
            assert_eq!(is_from_elsewhere(&headers(fields)), want, "{fields:?}");
        }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let secret = Secret::new().unwrap();
        let line = format!("a=b; x__Host-sluss=evil; __Host-sluss={}; c", secret.text());
        let found = cookie(&headers(&[("cookie", &line)]), SESSION).unwrap();
        assert_eq!(Secret::parse(&found).unwrap().hash(), secret.hash());
        assert!(cookie(&headers(&[("cookie", "a=b")]), SESSION).is_none());
        for bad in ["", "short", "ä", &"A".repeat(44)] {
            assert!(Secret::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let fields = Fields::read(b"id=1&id=2&name=+%C3%85sa+&empty=&x");
        assert_eq!((fields.get("id"), fields.get("name")), ("1", " \u{c5}sa "));
        assert_eq!((fields.get("x"), fields.get("y")), ("", ""));
    }
}
