//! How a held mail came, and what it contains, which is sealed: a token opens it as its account does on the page, by its owner's consent
//! or a written reason, in the audit log before anything is shown.

use super::{Count, LIMIT, Param, Problem, Rows, Sent, Spec, answer, not_done, rows_wanted, shape};
use crate::{
    base::ids::Id,
    edge::http::{
        Place, Route,
        admin::{content, mail, needs_you},
        rights::Right,
        visit::{Query, Visitor},
    },
    examine::{Overview, View, ViewAsk},
    pipeline::view,
    store::{
        held::Held,
        people::{Answer, Page},
    },
};
use axum::{
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/held/{id}/way",
        "how a held mail came, and its header section",
        Right::Look,
        Spec { query: &[], body: None, answer: shape::<view::Way> },
        || get(way),
    ),
    Route::api(
        "POST",
        "/api/v1/held/{id}/ask",
        "ask the owner of a held mail for consent to open it",
        Right::Open,
        Spec { query: &[], body: Some(shape::<Because>), answer: shape::<Asked> },
        || post(ask),
    ),
    Route::api(
        "POST",
        "/api/v1/held/{id}/open",
        "open a held mail for this token and a while: with its owner's consent, or for a reason, which its owner reads",
        Right::Open,
        Spec { query: &[], body: Some(shape::<MaybeBecause>), answer: shape::<Opened> },
        || post(open),
    ),
    Route::api(
        "GET",
        "/api/v1/held/{id}/content",
        "what a mail contains that was opened: its text, its bodies and the tree of its parts",
        Right::Open,
        Spec { query: &[], body: None, answer: shape::<Content> },
        || get(contents),
    ),
    Route::api(
        "GET",
        "/api/v1/held/{id}/part/{number}",
        "the bytes of a part of a mail that was opened",
        Right::Open,
        Spec { query: &[], body: None, answer: octets },
        || get(part),
    ),
    Route::api(
        "GET",
        "/api/v1/held/{id}/page",
        "a page of a mail that was opened, made safe: nothing in it runs, fetches or sends",
        Right::Open,
        Spec { query: &[NUMBER], body: None, answer: html },
        || get(page),
    ),
    Route::api(
        "POST",
        "/api/v1/held/{id}/zip",
        "a part of a mail that was opened, or all of it, in an archive with a password",
        Right::Open,
        Spec { query: &[], body: Some(shape::<Archive>), answer: octets },
        || post(zip),
    ),
    Route::api(
        "GET",
        "/api/v1/held/{id}/whole",
        "a mail that was opened, as it came",
        Right::Open,
        Spec { query: &[], body: None, answer: octets },
        || get(whole),
    ),
    Route::api(
        "GET",
        "/api/v1/requests",
        "who asks for a held mail to be let go, and has no answer",
        Right::Look,
        Spec { query: &[AFTER, LIMIT], body: None, answer: shape::<Rows<Asks>> },
        || get(requests),
    ),
    Route::api(
        "GET",
        "/api/v1/consents",
        "who of the staff asked the owner of a held mail for consent to open it, and what was answered",
        Right::Open,
        Spec { query: &[AFTER, LIMIT], body: None, answer: shape::<Rows<Question>> },
        || get(consents),
    ),
    Route::api(
        "POST",
        "/api/v1/requests/refuse",
        "refuse what somebody asked for; to grant it, release the mail",
        Right::Decide,
        Spec { query: &[], body: Some(shape::<Which>), answer: shape::<Count> },
        || post(refuse),
    ),
];

const AFTER: Param =
    Param::text("after", "Go on where the page before ended: the `next` of its answer.");

const NUMBER: Param =
    Param::number("number", "The part; the page that is the mail's body, if not given.");

/// A page.
fn html(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "contentMediaType": "text/html; charset=utf-8" })
}

/// Bytes of any kind, which nobody is to take for anything else.
fn octets(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "contentMediaType": "application/octet-stream" })
}

/// Why it is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Because {
    /// In a sentence that the mail's owner understands.
    why: String,
}

/// Why it is opened.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MaybeBecause {
    /// In a sentence; needed unless the owner consented.
    #[serde(default)]
    why: String,
}

/// What is to be packed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Archive {
    /// The part; null for the mail as it came.
    #[serde(default)]
    number: Option<u32>,
    /// What opens the archive.
    password: String,
}

/// Somebody is asked.
#[derive(Debug, Serialize, JsonSchema)]
struct Asked {
    /// Who.
    owner: String,
    /// The next digest tells of it; else it stands on the own page alone, and nobody is told.
    in_digest: bool,
}

/// A question to the owner of a mail.
#[derive(Debug, Serialize, JsonSchema)]
struct Question {
    /// The mail.
    held: String,
    /// Whose it is.
    mailbox: String,
    /// Which account asks.
    by: String,
    /// Why.
    why: String,
    /// When.
    asked_ms: u64,
    /// "open", "yes" or "no".
    answer: &'static str,
    /// Who answered; null: nobody has.
    answered_by: Option<String>,
    /// When; null: nobody has.
    answered_ms: Option<u64>,
    /// Until when a yes holds; null: it holds no longer, or there is none.
    expires_ms: Option<u64>,
}

/// It is open.
#[derive(Debug, Serialize, JsonSchema)]
struct Opened {
    /// The mail.
    id: String,
}

/// What a mail contains.
#[derive(Debug, Serialize, JsonSchema)]
struct Content {
    /// The header section as it came.
    header: String,
    /// It is longer.
    header_is_cut: bool,
    /// What a person reads first.
    text: String,
    /// Every body by itself: of two that say different things, one may be a lie.
    bodies: Vec<Body>,
    /// All parts, in the order met.
    parts: Vec<Part>,
    /// What could not be looked into.
    unscanned: Vec<Unscanned>,
}

/// One body of a mail, as text.
#[derive(Debug, Serialize, JsonSchema)]
struct Body {
    /// The part's number.
    number: u32,
    /// What a reader sees.
    shown: String,
    /// What stands in a page and no reader sees.
    hidden: String,
}

/// One part.
#[derive(Debug, Serialize, JsonSchema)]
struct Part {
    /// Its number, for its bytes.
    number: u32,
    /// Its place in the MIME tree, as findings name it.
    part: String,
    /// File names from the attachment inward.
    path: String,
    /// The name that a recipient would see; null: none.
    name: Option<String>,
    /// The type that the mail claims.
    declared: String,
    /// What it is by its bytes.
    kind: String,
    /// It is meant to be saved.
    attachment: bool,
    /// Decoded size.
    bytes: u64,
    /// SHA-256 of the decoded bytes, hex.
    sha256: String,
    /// It needs a password.
    encrypted: bool,
}

/// Something that was not looked into.
#[derive(Debug, Serialize, JsonSchema)]
struct Unscanned {
    /// The part; empty for the whole mail.
    part: String,
    /// Its path.
    path: String,
    /// Why.
    because: String,
}

/// Somebody asks for a mail.
#[derive(Debug, Serialize, JsonSchema)]
struct Asks {
    /// The number of the request.
    number: i64,
    /// The mail.
    held: String,
    /// Who asks.
    by: String,
    /// What they say about it.
    note: String,
    /// When.
    asked_ms: u64,
}

/// Which request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Its number.
    number: i64,
}

/// A mail that a path names, if the caller may know of it.
async fn named(site: &Place, visitor: &Visitor, id: &str) -> Result<Held, Problem> {
    let id = Id::parse(id).map_err(|_| Problem::missing())?;
    mail::find(site, visitor, id).await?.ok_or(Problem::missing())
}

async fn way(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let held = named(&site, &visitor, &id).await?;
    let way = view::way(site.gateway(), held.id).await;
    let way = way.map_err(|error| Problem::away(format!("it cannot be shown: {error}")))?;
    Ok(answer(&way))
}

async fn ask(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    let held = named(&site, &visitor, &id).await?;
    let Because { why } = sent.read()?;
    let asked = content::ask_owner(&site, &visitor, &held, &why).await.map_err(not_done)?;
    let in_digest = asked.place == content::Told::InDigest;
    Ok(answer(&Asked { owner: asked.owner.to_string(), in_digest }))
}

async fn open(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    let held = named(&site, &visitor, &id).await?;
    let MaybeBecause { why } = sent.read()?;
    content::unseal(&site, &visitor, &held, &why).await.map_err(not_done)?;
    Ok(answer(&Opened { id: held.id.to_string() }))
}

/// What is seen in a mail that this token has opened, and not long ago.
async fn seen(
    site: &Place,
    visitor: &Visitor,
    id: &str,
    ask: ViewAsk,
) -> Result<(Held, View), Problem> {
    let held = named(site, visitor, id).await?;
    if !site.is_granted(visitor, held.id) {
        return Err(Problem::forbidden("this mail is sealed: open it first"));
    }
    let seen = content::looked(site, &held, ask).await.map_err(not_done)?;
    Ok((held, seen))
}

async fn contents(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    match seen(&site, &visitor, &id, ViewAsk::Overview).await? {
        (_, View::Overview(seen)) => Ok(answer(&shown(*seen))),
        (_, View::Page(_) | View::Bytes(_)) => Err(Problem::missing()),
    }
}

fn shown(seen: Overview) -> Content {
    let bodies = seen.bodies.into_iter();
    let parts = seen.parts.into_iter().map(|part| Part {
        number: part.number,
        part: part.part,
        path: part.path,
        name: part.name,
        declared: part.declared,
        kind: part.kind.word().to_string(),
        attachment: part.attachment,
        bytes: part.bytes,
        sha256: part.sha256,
        encrypted: part.encrypted,
    });
    let unscanned = seen.unscanned.into_iter();
    Content {
        header: seen.header,
        header_is_cut: seen.header_cut,
        text: seen.text,
        bodies: bodies
            .map(|body| Body { number: body.number, shown: body.shown, hidden: body.hidden })
            .collect(),
        parts: parts.collect(),
        unscanned: unscanned
            .map(|one| Unscanned { part: one.part, path: one.path, because: one.because })
            .collect(),
    }
}

async fn part(
    State(site): State<Place>,
    visitor: Visitor,
    Path((id, number)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let number = number.parse().map_err(|_| Problem::missing())?;
    bytes(&site, &visitor, &id, ViewAsk::Part(number)).await
}

async fn page(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    let number = query.0.given("number").map(|text| text.parse::<u32>()).transpose();
    let number = number.map_err(|_| Problem::missing())?;
    match seen(&site, &visitor, &id, ViewAsk::Page(number)).await? {
        (_, View::Page(page)) => Ok(content::safe_page(page)),
        (_, View::Overview(_) | View::Bytes(_)) => Err(Problem::missing()),
    }
}

async fn zip(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    named(&site, &visitor, &id).await?;
    let Archive { number, password } = sent.read()?;
    if password.is_empty() {
        return Err(not_done("write a password for the archive".to_string()));
    }
    let ask = number.map_or(ViewAsk::Whole, ViewAsk::Part);
    match seen(&site, &visitor, &id, ask).await? {
        (held, View::Bytes(part)) => {
            let (name, bytes) = content::named_bytes(&held, part);
            let sealed = content::archive(&held, &name, &bytes, &password);
            sealed.ok_or(Problem::away("the archive could not be sealed"))
        }
        (_, View::Page(_) | View::Overview(_)) => Err(Problem::missing()),
    }
}

async fn whole(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    bytes(&site, &visitor, &id, ViewAsk::Whole).await
}

async fn bytes(
    site: &Place,
    visitor: &Visitor,
    id: &str,
    ask: ViewAsk,
) -> Result<Response, Problem> {
    match seen(site, visitor, id, ask).await? {
        (held, View::Bytes(part)) => {
            let (name, bytes) = content::named_bytes(&held, part);
            Ok(content::attachment(&name, bytes))
        }
        (_, View::Page(_) | View::Overview(_)) => Err(Problem::missing()),
    }
}

async fn requests(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let page = page_asked(&query)?;
    let people = &site.gateway().stores.people;
    let found = people.requests(visitor.scope.clone(), true, page).await?;
    let (found, next) = without_last(found, page, |request| request.id);
    let asks = found.into_iter().map(|request| Asks {
        number: request.id,
        held: request.held.to_string(),
        by: request.asked_by,
        note: request.note,
        asked_ms: request.asked.0,
    });
    Ok(answer(&Rows { items: asks.collect(), next }))
}

/// The page of a list by numbers that was asked for, and one row more, which tells whether there is a next.
fn page_asked(query: &Query) -> Result<Page, Problem> {
    let after = query.0.given("after").map_or(Ok(0), |text| text.parse::<i64>());
    let after = after.map_err(|_| Problem::bad_request("after is what `next` said"))?;
    Ok(Page { after, rows: rows_wanted(query)? + 1 })
}

/// The rows of a page without that one, and where the next page begins.
fn without_last<T>(
    mut found: Vec<T>,
    page: Page,
    number: fn(&T) -> i64,
) -> (Vec<T>, Option<String>) {
    let more = found.len() >= page.rows;
    found.truncate(page.rows - 1);
    let next = found.last().filter(|_| more).map(|last| number(last).to_string());
    (found, next)
}

async fn consents(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let page = page_asked(&query)?;
    let people = &site.gateway().stores.people;
    let found = people.consents(visitor.scope.clone(), false, page).await?;
    let (found, next) = without_last(found, page, |consent| consent.id);
    let now = site.now();
    let asked = found.into_iter().map(|one| {
        let is_answered = one.answer != Answer::Open;
        Question {
            held: one.held.to_string(),
            mailbox: one.mailbox.address.clone(),
            by: one.asked_by.clone(),
            why: one.why.clone(),
            asked_ms: one.asked.0,
            answer: one.answer.word(),
            answered_by: is_answered.then(|| one.answered_by.clone()),
            answered_ms: is_answered.then_some(one.answered.0),
            expires_ms: one.holds(now).then_some(one.expires.0),
        }
    });
    Ok(answer(&Rows { items: asked.collect(), next }))
}

async fn refuse(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Which { number } = sent.read()?;
    match needs_you::refused(&site, &visitor, number).await.map_err(Problem::away)? {
        true => Ok(answer(&Count::of(1))),
        false => Err(Problem::missing()),
    }
}
