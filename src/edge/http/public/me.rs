//! The own page: the door to it, and who has come through. A code by mail opens it; there is no password, and no link that opens all of it.
//!
//! Whether a mailbox is ours is told to nobody: every address is answered alike, and the code is made and sent after the answer.

use super::{
    doing::Owner,
    me_pages,
    sheet::{Reader, Sheet, address_of, form_token, is_form_token, not_now, render, say},
};
use crate::{
    base::{hidden::Hidden, ids::Id, limits},
    edge::http::{
        Place, Route,
        frame::Note,
        site::Site,
        visit::{Client, Fields, cookie, set_cookie},
    },
    mail::{Address, Organisation},
    pipeline::{limits::client_key, own_page},
    store::{
        audit::What,
        embedded::SecretHash,
        people::{CodeTried, Mailbox},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

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
        let reader = Reader::of(site, &mailbox, headers).await.map_err(|error| failed(&error))?;
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
}

/// How far somebody at the door has come.
#[derive(Debug, Default)]
struct Knock {
    /// The address that a code is asked for; empty: none yet.
    address: String,
    /// What was wrong, or is to be known.
    note: Option<Note>,
}

fn door(site: &Site, reader: &Reader, knock: &Knock) -> Response {
    let code = match &knock.note {
        Some(note) if !note.good => StatusCode::UNAUTHORIZED,
        Some(_) | None => StatusCode::OK,
    };
    let words = reader.words;
    let sheet = reader.sheet(&words.say("me.title", &[]));
    let minutes = usize::try_from(limits::CODE_LIFETIME.as_secs() / 60).unwrap_or(usize::MAX);
    let page = DoorPage {
        csrf: form_token(site, "", "door"),
        sent: words.count("me.sent", minutes, &[]),
        sheet,
        knock,
    };
    render(code, page.sheet.language, &page)
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
    // The answer does not wait for what is done, so that its time tells nothing either.
    let (gateway, to) = (site.gateway().clone(), address.clone());
    let network = client_key(client.0).to_string();
    tokio::spawn(async move { own_page::send_code(&gateway, &to, &network).await });
    door(&site, &reader, &Knock { address: address.key(), note: None })
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
    // An address that is not ours takes the same way; no code fits it.
    let strange = || Mailbox::new(&Organisation::implied(), &address);
    let mailbox = own_page::mailbox_of(&settings, &address).unwrap_or_else(strange);
    match site.gateway().stores.people.try_code(&mailbox, fields.get("code")).await {
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
            door(&site, &reader, &Knock { address: address.key(), note })
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
    let page = door(&site, &me.reader, &Knock { address: String::new(), note });
    ([set_cookie(ME, "")], page).into_response()
}

/// In the address of a page that says what was done.
pub(super) const SAYS: &str = "done";
/// The cookie of the own page.
const ME: &str = "__Host-sluss-me";
/// 256 bits in base64url are 43.
const SESSION_LETTERS_MAX: usize = 64;
