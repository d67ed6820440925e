//! One held mail: why, every finding, who wrote it, where it stands, what is alike. What it contains is sealed.

use super::content::{Question, consented, questions};
use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, render, say},
        rights::{Right, may},
        shown::{Found, Row, about, findings},
        site::store_is_away,
        visit::Visitor,
        words::{Moment, plain},
    },
    pipeline::plain_reason::decider,
    store::{
        StoreError,
        held::{Held, Releaser},
        people::{Mailbox, OwnWord},
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] =
    &[Route::page("/held/{id}", "one held mail", Needs::Right(Right::Look), || get(page))];

#[derive(Template)]
#[template(path = "mail.html")]
struct MailPage {
    frame: Frame,
    mail: MailShown,
}

/// A held mail as its pane shows it.
pub(super) struct MailShown {
    pub(super) csrf: String,
    pub(super) row: Row,
    pub(super) sender: String,
    pub(super) transaction: String,
    pub(super) message_id: String,
    pub(super) authenticated: Option<String>,
    pub(super) policy: String,
    /// The finding that decided, and what it is about.
    pub(super) why: String,
    pub(super) why_about: String,
    pub(super) expires: Moment,
    pub(super) findings: Vec<Found>,
    pub(super) alike: Vec<Row>,
    pub(super) may_decide: bool,
    pub(super) may_undo: bool,
    pub(super) may_open: bool,
    /// Its owner has allowed this visitor to open it.
    pub(super) consented: bool,
    /// What was asked of its owner.
    pub(super) questions: Vec<Question>,
    /// This visitor has asked and has no answer.
    pub(super) asking: bool,
    /// This session has opened it.
    pub(super) opened: bool,
    pub(super) owner: String,
    /// Whom "allow" and "block" are about, and on whose list: nobody's where the visitor has no say in that.
    pub(super) writer: Option<(String, String)>,
    /// What that list says of him now, who said so and when.
    pub(super) listed: Option<String>,
}

async fn page(State(site): State<Place>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let found = match Id::parse(&id) {
        Ok(id) => show(&site, &visitor, id).await,
        Err(_) => Ok(None),
    };
    match found {
        Ok(Some(mail)) => {
            let frame = Frame::new(&site, &visitor, &mail.row.subject, "/held");
            render(&MailPage { frame, mail })
        }
        Ok(None) => missing(&site, &visitor),
        Err(error) => {
            let frame = Frame::new(&site, &visitor, "Not just now", "/held");
            say(StatusCode::SERVICE_UNAVAILABLE, frame, store_is_away(&error))
        }
    }
}

/// It is not there, or none of the visitor's business, which looks alike.
pub(super) fn missing(site: &Place, visitor: &Visitor) -> Response {
    let frame = Frame::new(site, visitor, "Not there", "/held");
    say(
        StatusCode::NOT_FOUND,
        frame,
        "There is no such mail. It may have been deleted, or its time was over.",
    )
}

/// A held mail within the visitor's scope.
pub(in crate::edge::http) async fn find(
    site: &Place,
    visitor: &Visitor,
    id: Id,
) -> Result<Option<Held>, StoreError> {
    let held = site.gateway().stores.quarantine.get(id).await?;
    Ok(held.filter(|held| held.is_within(&visitor.scope)))
}

pub(super) async fn show(
    site: &Place,
    visitor: &Visitor,
    id: Id,
) -> Result<Option<MailShown>, StoreError> {
    let Some(held) = find(site, visitor, id).await? else { return Ok(None) };
    let quarantine = &site.gateway().stores.quarantine;
    let alike = quarantine.alike(&visitor.scope, id, limits::ALIKE_ROWS).await?;
    let settings = site.gateway().settings.load();
    let recent = |at| site.now().since(at) <= limits::UNDO_TIME_MAX;
    let own = |held: &Held| {
        let acted = held.act.as_ref().map(|act| (&act.by, act.at));
        let said = held.learned.as_ref().map(|said| (&said.by, said.at));
        let own =
            |(by, at): &(&Releaser, UnixMs)| by.to_string() == visitor.account.name && recent(*at);
        acted.filter(own).or(said.filter(own)).is_some()
    };
    let has_say = visitor.scope.covers(&held.organisation, &held.recipient);
    let writer = held.listed_sender().filter(|_| has_say);
    let listed = match &writer {
        Some(writer) => listed(site, &held, writer).await?,
        None => None,
    };
    let may_open = may(&visitor.account, Right::Open);
    let (questions, asking) = match may_open {
        true => questions(site, visitor, &held).await?,
        false => Default::default(),
    };
    Ok(Some(MailShown {
        questions,
        asking,
        writer: writer.map(|writer| (plain(&writer), plain(&held.recipient.to_string()))),
        listed,
        csrf: visitor.csrf.clone(),
        sender: plain(&held.sender.to_string()),
        transaction: held.transaction.to_string(),
        message_id: plain(&held.message_id),
        authenticated: held.authenticated.as_deref().map(plain),
        policy: plain(&held.policy),
        why: plain(decider(&held)),
        why_about: match decider(&held) {
            "" => String::new(),
            id => about(id, &settings.phrases),
        },
        expires: Moment::of(&site.wall(), held.expires),
        findings: findings(&held.findings, &settings.phrases),
        alike: alike.iter().map(|one| Row::of(site, one)).collect(),
        may_decide: may(&visitor.account, Right::Decide),
        may_undo: own(&held),
        may_open,
        consented: consented(site, visitor, &held).await?,
        opened: site.is_granted(visitor, id),
        owner: held.owner().map(|owner| plain(&owner.to_string())).unwrap_or_default(),
        row: Row::of(site, &held),
    }))
}

/// What the recipient's own list says of a sender: what, who said so and when.
async fn listed(site: &Place, held: &Held, writer: &str) -> Result<Option<String>, StoreError> {
    let mailbox = Mailbox::new(&held.organisation, &held.recipient);
    let entries = site.gateway().stores.people.entries(&mailbox).await?;
    Ok(entries.iter().find(|entry| entry.sender == writer).map(|entry| {
        let word = match entry.word {
            OwnWord::Allow => "allowed",
            OwnWord::Block => "blocked",
        };
        let since = Moment::of(&site.wall(), entry.since).shown;
        format!("There it is {word} by {} since {since}.", plain(&entry.by))
    }))
}
