//! The own page: the door to it, and who has come through. A code by mail opens it; there is no password, and no link that opens all of it.
//!
//! Whether a mailbox is ours is told to nobody: every address is counted and answered alike, and the code is sent after the answer.

use super::{
    doing::Owner,
    me_pages, me_safe,
    sheet::{
        Reader, Sheet, address_of, asked_language, form_token, is_form_token, not_now, render, say,
    },
};
use crate::{
    base::{clock::UnixMs, hidden::Hidden, ids::Id, limits},
    edge::http::{
        Place, Route,
        frame::Note,
        site::Site,
        visit::{Client, Fields, cookie, set_cookie},
    },
    mail::Address,
    pipeline::{
        limits::client_key,
        own_page::{self, Asked},
    },
    store::{audit::What, embedded::SecretHash, people::CodeTried},
};
use askama::Template;
use axum::{
    Extension,
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use std::time::Duration;

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::open_page("/me", "what is held for the owner of a mailbox", || get(me_pages::held)),
    Route::open_act("/me/code", "a code is sent to a mailbox", || post(ask)),
    Route::open_act("/me/open", "a code opens the own page", || post(open)),
    Route::open_act("/me/out", "the own page is closed", || post(out)),
    Route::open_act("/me/mail", "something is done with mails of the own page", || {
        post(me_pages::mail)
    }),
    Route::open_page("/me/refused", "copies of what was refused", || get(me_pages::refused)),
    Route::open_page("/me/senders", "whom a mailbox accepts and blocks", || get(me_pages::senders)),
    Route::open_act("/me/senders", "a sender is accepted, blocked or taken off the list", || {
        post(me_pages::say_of)
    }),
    Route::open_page("/me/settings", "when digests come, and in which language", || {
        get(me_pages::settings)
    }),
    Route::open_act("/me/settings", "the same is chosen", || post(me_pages::set)),
    Route::open_page(me_safe::PATH, "what is sent and got the safe way", || get(me_safe::safe)),
    Route::open_act(me_safe::PATH, "something is done with that", || post(me_safe::act)),
    Route::open_page("/me/questions", "who of the staff asked to open mail", || {
        get(me_pages::questions)
    }),
    Route::open_act("/me/questions", "a question is answered", || post(me_pages::answer)),
];

/// Somebody who has come through the door.
pub(super) struct Me {
    pub(super) owner: Owner,
    pub(super) reader: Reader,
    /// The other mailboxes that this one's owner looks after; the own one first.
    pub(super) boxes: Vec<String>,
    pub(super) csrf: String,
    /// The hash of the session, for what a page says once.
    pub(super) session: SecretHash,
}

/// Whoever looks at one of its pages.
pub(super) struct Looks(pub(super) Me);

/// Whoever has sent one of its forms, which has brought its token back.
pub(super) struct Acts(pub(super) Me);

impl FromRequestParts<Place> for Looks {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Place) -> Result<Looks, Response> {
        let query = Fields::read(parts.uri.query().unwrap_or("").as_bytes());
        Me::of(site, &parts.headers, query.get("box")).await.map(Looks)
    }
}

impl FromRequestParts<Place> for Acts {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Place) -> Result<Acts, Response> {
        let fields = parts.extensions.get::<Fields>().cloned().unwrap_or_default();
        let mut me = Me::of(site, &parts.headers, fields.get("box")).await?;
        let given = fields.get("csrf").as_bytes();
        if aws_lc_rs::constant_time::verify_slices_are_equal(me.csrf.as_bytes(), given).is_err() {
            return Err(old_form(&me.reader));
        }
        me.owner.client = parts.extensions.get::<Client>().map(|client| client.0);
        Ok(Acts(me))
    }
}

impl Me {
    /// Who comes with these headers, looking at the mailbox named, or at the own one.
    pub(super) async fn of(site: &Site, headers: &HeaderMap, wanted: &str) -> Result<Me, Response> {
        let anybody = || Reader::anybody(site, headers);
        let Some(session) = cookie(headers, ME).filter(|text| text.len() <= SESSION_LETTERS_MAX)
        else {
            return Err(door(site, &anybody(), &Knock::default()));
        };
        let session = Hidden::new("session", session);
        let people = &site.gateway().stores.people;
        let failed = |error: &dyn std::fmt::Display| not_now(&anybody(), error);
        let home = people.session(&session).await.map_err(|error| failed(&error))?;
        let Some(home) = home else { return Err(door(site, &anybody(), &Knock::default())) };
        let Some(address) = address_of(&home.address) else {
            return Err(door(site, &anybody(), &Knock::default()));
        };
        let shared = people.looked_after(&home.organisation, &home.address).await;
        let shared = shared.map_err(|error| failed(&error))?;
        let mailbox = match wanted.is_empty() || wanted == home.address {
            true => Some(home.clone()),
            false => shared.iter().find(|one| one.address == wanted).cloned(),
        };
        let Some(mailbox) = mailbox else { return Err(nothing_here(&anybody())) };
        let reader = Reader::of(site, &mailbox, &address, headers).await;
        let reader = reader.map_err(|error| failed(&error))?;
        let boxes = shared.into_iter().map(|one| one.address);
        let boxes: Vec<String> = std::iter::once(home.address).chain(boxes).collect();
        Ok(Me {
            owner: Owner { mailbox, reader: address, client: None },
            reader,
            boxes,
            csrf: form_token(site, session.expose(), "own page"),
            session: blake3::derive_key("sluss 2026 own page", session.expose().as_bytes()),
        })
    }

    /// What the mailbox looked at adds to addresses of pages.
    pub(super) fn query(&self) -> String {
        match self.boxes.first() {
            Some(own) if *own == self.owner.mailbox.address => String::new(),
            _ => {
                let address = self.owner.mailbox.address.as_bytes();
                format!("?box={}", form_urlencoded::byte_serialize(address).collect::<String>())
            }
        }
    }

    /// Goes back to a page, which says this.
    pub(super) fn back(&self, site: &Site, path: &str, note: Note) -> Response {
        self.back_with(site, path, note, ("", &[]))
    }

    /// The same, and with these mails the page offers to take back what was done.
    pub(super) fn back_with(
        &self,
        site: &Site,
        path: &str,
        note: Note,
        (act, undo): (&str, &[Id]),
    ) -> Response {
        site.note_at(self.session, path, note);
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.query().is_empty() {
            query.append_pair("box", &self.owner.mailbox.address);
        }
        // What was done is said there alone, and not on the page that somebody turns to next.
        query.append_pair(SAYS, "1");
        for id in undo {
            query.append_pair("undo", &id.to_string());
        }
        if !undo.is_empty() {
            query.append_pair("of", act);
        }
        Redirect::to(&format!("{path}?{}", query.finish())).into_response()
    }
}

/// The same at an address where there never was anything.
pub(in crate::edge::http) fn lost(site: &Site, headers: &HeaderMap) -> Response {
    nothing_here(&Reader::anybody(site, headers))
}

pub(super) fn nothing_here(reader: &Reader) -> Response {
    let words = reader.words;
    let (title, why) = (words.say("tap.gone", &[]), words.say("tap.gone-why", &[]));
    say(StatusCode::NOT_FOUND, reader, &title, &why)
}

fn old_form(reader: &Reader) -> Response {
    let words = reader.words;
    let (title, why) = (words.say("tap.old-form", &[]), words.say("tap.old-form-why", &[]));
    say(StatusCode::FORBIDDEN, reader, &title, &why)
}

#[derive(Template)]
#[template(path = "me_door.html")]
struct DoorPage<'a> {
    sheet: Sheet,
    csrf: String,
    knock: &'a Knock,
    sent: String,
    most: String,
    /// That none is sent, and when the next can be; empty: one is.
    none: String,
}

/// How far somebody at the door has come.
#[derive(Debug, Default)]
struct Knock {
    /// The address that a code is asked for; empty: none yet.
    address: String,
    /// What was wrong, or is to be known.
    note: Option<Note>,
    /// No code is sent, and none before this time.
    later: Option<UnixMs>,
}

fn door(site: &Site, reader: &Reader, knock: &Knock) -> Response {
    let code = match (&knock.note, knock.later) {
        (_, Some(_)) => StatusCode::TOO_MANY_REQUESTS,
        (Some(note), None) if !note.good => StatusCode::UNAUTHORIZED,
        (Some(_) | None, None) => StatusCode::OK,
    };
    let words = reader.words;
    let sheet = reader.sheet(&words.say("me.title", &[]));
    let minutes = usize::try_from(limits::CODE_LIFETIME.as_secs() / 60).unwrap_or(usize::MAX);
    let codes = usize::try_from(limits::CODES_PER_HOUR_MAX).unwrap_or(usize::MAX);
    let page = DoorPage {
        csrf: form_token(site, "", "door"),
        sent: words.count("me.sent", minutes, &[]),
        most: words.count("me.at-most", codes, &[]),
        none: knock.later.map(|next| later(reader, next)).unwrap_or_default(),
        sheet,
        knock,
    };
    render(code, page.sheet.language, &page)
}

/// When a code can be asked for again: in the minute that is shown it can.
fn later(reader: &Reader, next: UnixMs) -> String {
    let when = reader.moment(next.plus(Duration::from_secs(59))).text;
    reader.words.say("me.no-code", &[("when", &when)])
}

async fn ask(
    State(site): State<Place>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let reader = Reader::anybody(&site, &headers);
    if !is_form_token(&site, "", "door", fields.get("csrf")) {
        return old_form(&reader);
    }
    let Some(address) = given_address(&fields) else {
        return door(&site, &reader, &Knock::default());
    };
    let network = client_key(client.0).to_string();
    let reads = asked_language(&headers);
    let knock = Knock { address: address.key(), ..Knock::default() };
    match own_page::ask_code(site.gateway(), &address, &network, reads).await {
        Ok(Asked::Sent) => door(&site, &reader, &knock),
        Ok(Asked::Later(next)) => door(&site, &reader, &Knock { later: Some(next), ..knock }),
        Err(error) => not_now(&reader, &error),
    }
}

fn given_address(fields: &Fields) -> Option<Address> {
    let address = Address::parse(&fields.given("address")?).ok()?;
    address.domain().is_some().then_some(address)
}

async fn open(
    State(site): State<Place>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let reader = Reader::anybody(&site, &headers);
    if !is_form_token(&site, "", "door", fields.get("csrf")) {
        return old_form(&reader);
    }
    let Some(address) = given_address(&fields) else {
        return door(&site, &reader, &Knock::default());
    };
    let settings = site.gateway().settings.load_full();
    // An address that is not ours takes the same way; no code fits it, and no code is empty.
    let (mailbox, code) = match own_page::mailbox_of(&settings, &address) {
        Some(mailbox) => (mailbox, fields.get("code")),
        None => (own_page::strange(&address), ""),
    };
    match site.gateway().stores.people.try_code(&mailbox, code).await {
        Ok(CodeTried::Welcome(session)) => {
            tracing::info!(organisation = %mailbox.organisation, "an own page was opened by a code");
            let owner = Owner { mailbox, reader: address.clone(), client: Some(client.0) };
            if let Err(error) = owner.record(&site, What::LoggedIn, &address.key(), None).await {
                let people = &site.gateway().stores.people;
                let _it_ends_by_itself = people.end_session(&session).await;
                return not_now(&reader, &error);
            }
            ([set_cookie(ME, session.expose())], Redirect::to("/me")).into_response()
        }
        Ok(CodeTried::Wrong) => {
            let note = Some(Note::failed(reader.words.say("me.wrong", &[])));
            door(&site, &reader, &Knock { address: address.key(), note, later: None })
        }
        Err(error) => not_now(&reader, &error),
    }
}

async fn out(State(site): State<Place>, Acts(me): Acts, headers: HeaderMap) -> Response {
    let name = me.owner.reader.key();
    if let Err(error) = me.owner.record(&site, What::LoggedOut, &name, None).await {
        return not_now(&me.reader, &error);
    }
    if let Some(session) = cookie(&headers, ME) {
        let session = Hidden::new("session", session);
        if let Err(error) = site.gateway().stores.people.end_session(&session).await {
            return not_now(&me.reader, &error);
        }
    }
    let note = Some(Note::done(me.reader.words.say("me.ended", &[])));
    let page = door(&site, &me.reader, &Knock { note, ..Knock::default() });
    ([set_cookie(ME, "")], page).into_response()
}

/// In the address of a page that says what was done.
pub(super) const SAYS: &str = "done";
/// The cookie of the own page.
const ME: &str = "__Host-sluss-me";
/// 256 bits in base64url are 43.
const SESSION_LETTERS_MAX: usize = 64;
