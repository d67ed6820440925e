//! The page behind the code in a refusal: for the sender of a mail that was refused, of which a copy is kept.
//!
//! It says why, in plain words and in the browser's language, and whom to ask; nothing of the mail, of its recipients or of what they decide.
//! A sender who proved to be the one in From may ask them to let it through, once: the question stands beside the mail on their page.

use super::sheet::{Moment, Reader, Sheet, form_token, is_form_token, not_now, render, say};
use crate::{
    edge::http::{
        Place, Route,
        site::Site,
        visit::{Client, Fields},
    },
    mail::legible_domain,
    pipeline::plain_reason::PlainReason,
    store::{
        StoreError,
        audit::{Actor, Details, Entry, What},
        held::{Held, HeldState},
        people::Mailbox,
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use std::collections::BTreeSet;

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::open_page("/r/{code}", "why a mail was refused, for its sender", || get(look)),
    Route::open_act("/r/{code}", "its sender asks for it to be let through", || post(ask)),
];

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    sheet: Sheet,
    what: String,
    when: Moment,
    reason: String,
    id: String,
    /// Whom to write to, one for each domain.
    write: Vec<String>,
    code: String,
    csrf: String,
    may: May,
}

/// May the sender ask here?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    Ask,
    /// The sender has asked.
    Asked,
    /// Nobody proved to be the sender.
    Unproven,
    /// Nothing waits for an answer any more.
    Over,
}

async fn look(State(site): State<Place>, Path(code): Path<String>, headers: HeaderMap) -> Response {
    let reader = Reader::anybody(&site, &headers);
    match page(&site, &reader, &code).await {
        Ok(Some(page)) => render(StatusCode::OK, page.sheet.language, &page),
        Ok(None) => nothing(&reader),
        Err(error) => not_now(&reader, &error),
    }
}

async fn ask(
    State(site): State<Place>,
    Path(code): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let reader = Reader::anybody(&site, &headers);
    if !is_form_token(&site, &code, "ask", fields.get("csrf")) {
        let words = reader.words;
        let (title, why) = (words.say("tap.old-form", &[]), words.say("tap.old-form-why", &[]));
        return say(StatusCode::FORBIDDEN, &reader, &title, &why);
    }
    match ask_all(&site, &code, client).await {
        Ok(()) => look(State(site), Path(code), headers).await,
        Err(error) => not_now(&reader, &error),
    }
}

/// Asks each recipient whose copy waits. The store of requests takes one of each asker for each mail, however often he asks.
async fn ask_all(site: &Site, code: &str, Client(client): Client) -> Result<(), StoreError> {
    let people = &site.gateway().stores.people;
    for copy in copies(site, code).await?.iter().filter(|copy| may_be_asked_for(copy)) {
        let mailbox = Mailbox::new(&copy.organisation, &copy.recipient);
        let by = copy.from_address.to_lowercase();
        if people.is_requested(&mailbox, copy.id, &by).await? {
            continue;
        }
        let entry = Entry::new(Actor::Mailbox { name: by.clone() }, What::ReleaseRequested)
            .about(copy.id)
            .of(Some(copy.organisation.clone()))
            .from(Some(client))
            .with(Details::default().word("by", "sender"));
        site.gateway().stores.audit.append(entry).await?;
        if people.request(&mailbox, copy.id, &by, "").await? {
            tracing::info!(id = %copy.id, "the sender of a refused mail asks its recipient for it");
        }
    }
    Ok(())
}

fn may_be_asked_for(copy: &Held) -> bool {
    copy.state.waits() && copy.authenticated.is_some() && !copy.from_address.is_empty()
}

async fn copies(site: &Site, code: &str) -> Result<Vec<Held>, StoreError> {
    let letters = code.chars().filter(char::is_ascii_alphanumeric).count();
    if letters != CODE_LETTERS || code.len() > CODE_BYTES_MAX {
        return Ok(Vec::new());
    }
    site.gateway().stores.quarantine.rejected_by_code(code).await
}

async fn page(site: &Site, reader: &Reader, code: &str) -> Result<Option<RefusedPage>, StoreError> {
    let copies = copies(site, code).await?;
    let Some(first) = copies.first() else { return Ok(None) };
    // Whose page it is when it was written to several nobody can say.
    let one = copies.iter().all(|copy| copy.organisation == first.organisation);
    let reader = match one {
        true => reader.clone().about(site, &first.organisation),
        false => reader.clone(),
    };
    let words = reader.words;
    let domains: BTreeSet<String> =
        copies.iter().filter_map(|copy| Some(legible_domain(copy.recipient.domain()?))).collect();
    let named = domains.iter().cloned().collect::<Vec<_>>().join(", ");
    let when = reader.moment(first.held_at);
    let write = |domain: &String| {
        let address = format!("postmaster@{domain}");
        words.say("refused.write", &[("address", &address)])
    };
    let title = words.say("refused.title", &[]);
    Ok(Some(RefusedPage {
        sheet: reader.sheet(&title),
        what: words.say("refused.what", &[("domain", &named), ("when", &when.text)]),
        when,
        reason: PlainReason::of_held(first).to_others(words),
        id: first.transaction.to_string(),
        write: domains.iter().map(write).collect(),
        csrf: form_token(site, code, "ask"),
        code: code.to_string(),
        may: may(site, &copies).await?,
    }))
}

async fn may(site: &Site, copies: &[Held]) -> Result<May, StoreError> {
    if copies.iter().all(|copy| copy.authenticated.is_none()) {
        return Ok(May::Unproven);
    }
    let waiting: Vec<&Held> =
        copies.iter().filter(|copy| copy.state == HeldState::Rejected).collect();
    if waiting.is_empty() {
        return Ok(May::Over);
    }
    for copy in waiting {
        let mailbox = Mailbox::new(&copy.organisation, &copy.recipient);
        // What its recipient has asked is told to nobody else.
        let by = copy.from_address.to_lowercase();
        if !site.gateway().stores.people.is_requested(&mailbox, copy.id, &by).await? {
            return Ok(May::Ask);
        }
    }
    Ok(May::Asked)
}

fn nothing(reader: &Reader) -> Response {
    let words = reader.words;
    let (title, why) = (words.say("tap.gone", &[]), words.say("refused.gone-why", &[]));
    say(StatusCode::NOT_FOUND, reader, &title, &why)
}

/// Letters of a code; hyphens and gaps are not counted.
const CODE_LETTERS: usize = 10;
/// With the gaps that somebody may write into it.
const CODE_BYTES_MAX: usize = 40;
