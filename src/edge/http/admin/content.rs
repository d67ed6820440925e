//! What a held mail contains. It is sealed: it opens with its owner's consent, or by a reason that is written down; each opening stands in
//! the audit log before anything is shown, and its owner sees it.
//!
//! Text is shown first. A page is sanitised where mail is opened, and shown in a frame that may do nothing; parts are downloads that no
//! browser takes for anything else.

use super::mail::{find, missing};
use crate::{
    base::{ids::Id, limits, units},
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, render},
        rights::Right,
        site::{Site, store_is_away},
        visit::{Fields, Visitor},
        words::{Moment, plain},
    },
    examine::{Overview, PageView, PartBytes, View, ViewAsk},
    formats::safe_html,
    mail::Address,
    pipeline::{
        digest,
        view::{self, NotShown},
    },
    store::{
        StoreError,
        audit::{Details, Entry, Reason, What},
        held::Held,
        people::{Answer, Consent, Mailbox},
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

const NEEDS: Needs = Needs::Right(Right::Open);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::act("/held/{id}/ask", "ask the owner for consent to open a mail", NEEDS, || post(ask)),
    Route::act("/held/{id}/open", "open a mail", NEEDS, || post(open)),
    Route::page("/held/{id}/content", "what a mail contains", NEEDS, || get(content)),
    Route::page("/held/{id}/page", "a mail's page, made safe, for a frame", NEEDS, || get(page)),
    Route::page("/held/{id}/part/{number}", "a part of a mail", NEEDS, || get(part)),
    Route::page("/held/{id}/whole", "a mail as it came", NEEDS, || get(whole)),
    Route::act("/held/{id}/zip", "a part in an archive with a password", NEEDS, || post(zip)),
];

#[derive(Template)]
#[template(path = "content.html")]
struct ContentPage {
    frame: Frame,
    id: String,
    subject: String,
    seen: Overview,
    parts: Vec<PartRow>,
    has_page: bool,
}

struct PartRow {
    number: u32,
    place: String,
    name: String,
    kind: String,
    bytes: String,
    sha256: String,
}

/// A mail that a form or a link names, if the visitor may know of it.
async fn named(site: &Place, visitor: &Visitor, id: &str) -> Result<Held, Response> {
    let Ok(id) = Id::parse(id) else { return Err(missing(site, visitor)) };
    match find(site, visitor, id).await {
        Ok(Some(held)) => Ok(held),
        Ok(None) => Err(missing(site, visitor)),
        Err(error) => Err(back(site, visitor, id, Note::failed(store_is_away(&error)))),
    }
}

fn back(site: &Place, visitor: &Visitor, id: Id, note: Note) -> Response {
    site.note(visitor, note);
    Redirect::to(&format!("/held/{id}")).into_response()
}

/// A reason is a sentence, not a letter.
fn reason(why: &str) -> Option<&str> {
    Some(why.trim()).filter(|why| why.chars().count() >= limits::REASON_LETTERS_MIN)
}

async fn ask(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Response> {
    let held = named(&site, &visitor, &id).await?;
    let note = match ask_owner(&site, &visitor, &held, fields.get("why")).await {
        Ok(asked) => Note::done(format!("{} is asked: {}.", asked.owner, asked.place.said())),
        Err(why) => Note::failed(why),
    };
    Ok(back(&site, &visitor, held.id, note))
}

/// Somebody is asked.
#[derive(Debug, Clone)]
pub(in crate::edge::http) struct Asked {
    pub(in crate::edge::http) owner: Address,
    pub(in crate::edge::http) place: Told,
}

/// Where whoever is asked reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge::http) enum Told {
    /// In a digest too.
    InDigest,
    /// On the own page and nowhere else.
    OnOwnPage,
    /// There is no door through which anybody could come and answer.
    Nowhere,
}

impl Told {
    fn said(self) -> &'static str {
        match self {
            Told::InDigest => "the question stands on the own page and in the next digest",
            Told::OnOwnPage => {
                "the question stands on the own page only, since no digests go to this mailbox; nobody is told of it by mail"
            }
            Told::Nowhere => {
                "but nobody can answer, since people have no pages here ([web] public is not set)"
            }
        }
    }
}

/// Asks the owner of a mail for consent to open it; gives who that is, or a sentence that says why not.
pub(in crate::edge::http) async fn ask_owner(
    site: &Site,
    visitor: &Visitor,
    held: &Held,
    why: &str,
) -> Result<Asked, String> {
    let (Some(why), Some(owner)) = (reason(why), held.owner()) else {
        return Err("Write why, in a sentence that its owner understands.".to_string());
    };
    record(site, visitor, held, What::ConsentAsked, (why, "asked")).await?;
    let mailbox = Mailbox::new(&held.organisation, owner);
    let people = &site.gateway().stores.people;
    let asked = people.ask_consent(&mailbox, held.id, &visitor.account.name, why).await;
    asked.map_err(|error| store_is_away(&error).to_string())?;
    let digests = digest::comes_to(site.gateway(), &mailbox).await;
    let place = match digests.map_err(|error| store_is_away(&error).to_string())? {
        true => Told::InDigest,
        false if site.gateway().settings.load().config.web.public.is_some() => Told::OnOwnPage,
        false => Told::Nowhere,
    };
    Ok(Asked { owner: owner.clone(), place })
}

async fn open(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Response> {
    let held = named(&site, &visitor, &id).await?;
    if let Err(why) = unseal(&site, &visitor, &held, fields.get("why")).await {
        return Err(back(&site, &visitor, held.id, Note::failed(why)));
    }
    Ok(Redirect::to(&format!("/held/{}/content", held.id)).into_response())
}

/// How the log calls it that a mail was opened with its owner's yes, which he reads on his own page.
pub(in crate::edge::http) const BY_CONSENT: &str = "with the owner's consent";

/// Opens a mail to a visitor for a while, with its owner's consent or for a reason; or gives a sentence that says why not.
pub(in crate::edge::http) async fn unseal(
    site: &Site,
    visitor: &Visitor,
    held: &Held,
    why: &str,
) -> Result<(), String> {
    let consented = consented(site, visitor, held).await;
    let consented = consented.map_err(|error| store_is_away(&error).to_string())?;
    let (why, way) = match (consented, reason(why)) {
        (true, why) => (why.unwrap_or_default(), BY_CONSENT),
        (false, Some(why)) => (why, "without consent"),
        (false, None) => {
            return Err("Without consent it opens only for a reason: write it in a sentence. Its owner will read it.".to_string());
        }
    };
    record(site, visitor, held, What::ContentOpened, (why, way)).await?;
    tracing::warn!(id = %held.id, by = visitor.account.name, way, "the content of a held mail was opened");
    if let Some(owner) = held.owner() {
        // By its owner's word or without: this account need not ask any more.
        let mailbox = Mailbox::new(&held.organisation, owner);
        let people = &site.gateway().stores.people;
        if let Err(error) = people.mail_opened(&mailbox, held.id, &visitor.account.name).await {
            tracing::error!(id = %held.id, %error, "a question to the owner of a mail that was opened stays open");
        }
    }
    site.grant(visitor, held.id);
    Ok(())
}

/// What was asked of a mail's owner, by whom, and what came of it; oldest first.
pub(super) struct Question {
    pub(super) by: String,
    pub(super) why: String,
    pub(super) asked: Moment,
    /// What was answered; nothing yet.
    pub(super) answer: Option<Answered>,
}

/// An answer.
pub(super) struct Answered {
    pub(super) at: Moment,
    pub(super) by: String,
    pub(super) word: &'static str,
    /// Until when a yes holds.
    pub(super) until: Option<Moment>,
}

impl Question {
    fn of(site: &Site, one: &Consent) -> Question {
        let wall = site.wall();
        let answered = |word| Answered {
            at: Moment::of(&wall, one.answered),
            by: plain(&one.answered_by),
            word,
            until: one.holds(site.now()).then(|| Moment::of(&wall, one.expires)),
        };
        Question {
            by: plain(&one.asked_by),
            why: plain(&one.why),
            asked: Moment::of(&wall, one.asked),
            answer: match one.answer {
                Answer::Open => None,
                Answer::Yes => Some(answered("yes")),
                Answer::No => Some(answered("no")),
            },
        }
    }
}

/// The questions about a mail; and whether this visitor has one among them that nobody has answered.
pub(super) async fn questions(
    site: &Site,
    visitor: &Visitor,
    held: &Held,
) -> Result<(Vec<Question>, bool), StoreError> {
    let Some(owner) = held.owner() else { return Ok((Vec::new(), false)) };
    let mailbox = Mailbox::new(&held.organisation, owner);
    let asked = site.gateway().stores.people.consents_about(&mailbox, held.id).await?;
    let waits =
        asked.iter().any(|one| one.answer == Answer::Open && one.asked_by == visitor.account.name);
    Ok((asked.iter().map(|one| Question::of(site, one)).collect(), waits))
}

/// Has its owner allowed this visitor to open it?
pub(super) async fn consented(
    site: &Site,
    visitor: &Visitor,
    held: &Held,
) -> Result<bool, StoreError> {
    let Some(owner) = held.owner() else { return Ok(false) };
    let mailbox = Mailbox::new(&held.organisation, owner);
    site.gateway().stores.people.may_open(&mailbox, held.id, &visitor.account.name).await
}

/// Why, and on whose word.
async fn record(
    site: &Site,
    visitor: &Visitor,
    held: &Held,
    what: What,
    (why, way): (&str, &str),
) -> Result<(), String> {
    // Its owner reads who opened it, also when the mail is gone.
    let owner = held.owner().map(Address::key);
    let details = Details::default().word("way", way).word_if("mailbox", owner.as_deref());
    let entry = Entry::new(visitor.actor(), what)
        .about(held.id)
        .of(Some(held.organisation.clone()))
        .because(Reason::written(why, site.now()))
        .with(details);
    site.record(visitor, vec![entry]).await.map(drop)
}

/// A mail that this session has opened, and not long ago.
async fn opened(site: &Place, visitor: &Visitor, id: &str) -> Result<Held, Response> {
    let held = named(site, visitor, id).await?;
    match site.is_granted(visitor, held.id) {
        true => Ok(held),
        false => {
            Err(back(site, visitor, held.id, Note::failed("This mail is sealed: open it first.")))
        }
    }
}

async fn seen(
    site: &Place,
    visitor: &Visitor,
    held: &Held,
    ask: ViewAsk,
) -> Result<View, Response> {
    let viewed = looked(site, held, ask).await;
    viewed.map_err(|why| back(site, visitor, held.id, Note::failed(why)))
}

/// What is seen in a mail that was opened; or a sentence that says why nothing is.
pub(in crate::edge::http) async fn looked(
    site: &Site,
    held: &Held,
    ask: ViewAsk,
) -> Result<View, String> {
    let viewed = view::view(site.gateway(), held.id, ask).await;
    viewed.map_err(|error| {
        if let NotShown::Store(error) = &error {
            tracing::error!(%error, "a held mail could not be read back");
        }
        format!("It cannot be shown: {error}.")
    })
}

async fn content(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Response> {
    let held = opened(&site, &visitor, &id).await?;
    let seen = match seen(&site, &visitor, &held, ViewAsk::Overview).await? {
        View::Overview(seen) => *seen,
        View::Page(_) | View::Bytes(_) => return Err(not_that(&site, &visitor, held.id)),
    };
    let parts = seen.parts.iter().map(|part| PartRow {
        number: part.number,
        place: plain(&part.part),
        // As it is called while it is sealed: what is inside of something else by its whole path.
        name: match part.path.is_empty() {
            true => plain(part.name.as_deref().unwrap_or_default()),
            false => plain(&part.path),
        },
        kind: part.kind.word().to_string(),
        bytes: units::roughly_bytes(part.bytes),
        sha256: part.sha256.clone(),
    });
    let mut response = render(&ContentPage {
        frame: Frame::new(&site, &visitor, "Content", "/held"),
        id: held.id.to_string(),
        subject: plain(&held.subject),
        parts: parts.collect(),
        has_page: seen.page.is_some(),
        seen,
    });
    let policy = HeaderValue::from_static(WITH_FRAME);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn not_that(site: &Place, visitor: &Visitor, id: Id) -> Response {
    back(site, visitor, id, Note::failed("There is nothing of the kind in it."))
}

/// As every page of this door, and one frame from this host in it.
const WITH_FRAME: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

async fn page(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Response> {
    let held = opened(&site, &visitor, &id).await?;
    let View::Page(page) = seen(&site, &visitor, &held, ViewAsk::Page(None)).await? else {
        return Err(not_that(&site, &visitor, held.id));
    };
    Ok(safe_page(page))
}

/// A page that was made safe, which a browser shows as such and lets do nothing.
pub(in crate::edge::http) fn safe_page(page: PageView) -> Response {
    let policy = format!("{}; frame-ancestors 'self'", safe_html::SERVED_UNDER);
    let fields = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_string()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN".to_string()),
    ];
    (fields, page.document).into_response()
}

async fn part(
    State(site): State<Place>,
    visitor: Visitor,
    Path((id, number)): Path<(String, u32)>,
) -> Result<Response, Response> {
    let (name, bytes) = taken(&site, &visitor, &id, ViewAsk::Part(number)).await?;
    Ok(attachment(&name, bytes))
}

async fn whole(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Response> {
    let (name, bytes) = taken(&site, &visitor, &id, ViewAsk::Whole).await?;
    Ok(attachment(&name, bytes))
}

/// A file's name, and its bytes.
async fn taken(
    site: &Place,
    visitor: &Visitor,
    id: &str,
    ask: ViewAsk,
) -> Result<(String, Vec<u8>), Response> {
    let held = opened(site, visitor, id).await?;
    let View::Bytes(part) = seen(site, visitor, &held, ask).await? else {
        return Err(not_that(site, visitor, held.id));
    };
    Ok(named_bytes(&held, part))
}

/// The name that a part is saved under, and its bytes.
pub(in crate::edge::http) fn named_bytes(held: &Held, part: PartBytes) -> (String, Vec<u8>) {
    let name = part.name.unwrap_or_else(|| format!("{}.eml", held.id));
    (view::file_name(&name), part.bytes)
}

/// Bytes that a browser saves and does nothing else with.
pub(in crate::edge::http) fn attachment(name: &str, bytes: Vec<u8>) -> Response {
    // RFC 8187 section 3.2: names in any letters, and nothing that could end the field.
    let quoted: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let disposition = format!("attachment; filename*=UTF-8''{}", quoted.replace('+', "%20"));
    let fields = [
        (header::CONTENT_TYPE, "application/octet-stream".to_string()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_string()),
    ];
    (fields, bytes).into_response()
}

async fn zip(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Response> {
    let held = opened(&site, &visitor, &id).await?;
    let password = fields.get("password");
    if password.is_empty() {
        let note = Note::failed("Write a password for the archive.");
        return Err(back(&site, &visitor, held.id, note));
    }
    let ask = fields.get("number").parse().map_or(ViewAsk::Whole, ViewAsk::Part);
    let (name, bytes) = taken(&site, &visitor, &id, ask).await?;
    let sealed = archive(&held, &name, &bytes, password);
    sealed.ok_or(StatusCode::SERVICE_UNAVAILABLE.into_response())
}

/// Bytes in an archive with a password; none when it could not be made, which the log explains.
pub(in crate::edge::http) fn archive(
    held: &Held,
    name: &str,
    bytes: &[u8],
    password: &str,
) -> Option<Response> {
    let sealed = view::sealed_zip(name, bytes, password);
    let sealed =
        sealed.inspect_err(|error| tracing::error!(%error, "an archive could not be sealed"));
    sealed.ok().map(|sealed| attachment(&format!("{}.zip", held.id), sealed))
}
