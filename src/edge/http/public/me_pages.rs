//! What the owner of a mailbox finds behind the door: what waits, what was refused, whom he accepts and blocks, when digests come, and who
//! asked to open his mail. Every list and every act is bound to the one mailbox, in the stores' own queries.

use super::{
    doing::{self, Did},
    me::{Acts, Looks, Me, SAYS, nothing_here},
    sheet::{Moment, Reader, Sheet, listed, not_now, plain, readable, render},
    shown::Mail,
};
use crate::{
    base::{
        clock::UnixMs,
        ids::Id,
        limits,
        local::{TimeOfDay, Zone},
    },
    edge::http::{
        Place,
        admin::content,
        frame::Note,
        site::Site,
        visit::{Fields, Query},
    },
    mail::{legible, legible_domain},
    pipeline::{
        digest,
        own_lists::{self, NotASender},
        questions::{self, Review},
    },
    store::{
        StoreError,
        audit::{Actor, AuditFilter, What},
        held::{Cursor, Held, HeldFilter, HeldState},
        people::{Answer, Consent, OwnWord, Page, Request, Wanted},
    },
    wire::{report::Language, words::Words},
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

/// What is round every page of the own page. Templates extend `me_frame.html` and have it as `own`.
pub(super) struct Own {
    pub(super) csrf: String,
    /// The mailbox that is looked at, where it is not the own one; goes into every form.
    pub(super) mailbox: String,
    /// Whose it is.
    pub(super) address: String,
    /// Path, name, whether it is this one.
    pub(super) sections: Vec<Link>,
    /// The mailboxes to choose from; none where there is one.
    pub(super) boxes: Vec<Link>,
    pub(super) note: Option<Note>,
    /// Mails with which the last act can be taken back.
    pub(super) undo: Vec<String>,
    pub(super) undo_time: String,
    /// What taking it back does.
    pub(super) undo_word: String,
    pub(super) undo_back: &'static str,
}

pub(super) struct Link {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) here: bool,
}

impl Own {
    pub(super) fn of(site: &Site, me: &Me, path: &'static str, query: &Fields) -> Own {
        let words = me.reader.words;
        let section = |at: &str, name: String| Link {
            path: format!("{at}{}", me.query()),
            name,
            here: at == path,
        };
        let own = me.boxes.first();
        let address = me.owner.mailbox.address.clone();
        let mailbox = if own == Some(&address) { String::new() } else { address.clone() };
        let link = |one: &String| {
            let named: String = form_urlencoded::byte_serialize(one.as_bytes()).collect();
            let query = if Some(one) == own { String::new() } else { format!("?box={named}") };
            Link { path: format!("/me{query}"), name: legible(one), here: *one == address }
        };
        let boxes: Vec<Link> = me.boxes.iter().map(link).collect();
        let note = query.given(SAYS).and_then(|_| site.take_note(me.session, path));
        let ids = query.all("undo").filter_map(|id| Id::parse(id).ok()).take(ROWS);
        let undo = if note.is_some() { ids.map(|id| id.to_string()).collect() } else { Vec::new() };
        let seconds = usize::try_from(limits::UNDO_TIME_MAX.as_secs()).unwrap_or(usize::MAX);
        Own {
            csrf: me.csrf.clone(),
            mailbox,
            sections: vec![
                section("/me", words.say("me.held", &[])),
                section("/me/refused", words.say("me.refused", &[])),
                section("/me/senders", words.say("me.senders", &[])),
                section("/me/safe", words.say("me.safe", &[])),
                section("/me/settings", words.say("me.settings", &[])),
                section("/me/questions", words.say("me.openings", &[])),
            ],
            boxes: if boxes.len() > 1 { boxes } else { Vec::new() },
            address: legible(&address),
            note,
            undo,
            undo_time: words.count("tap.undo-time", seconds, &[]),
            undo_word: undo_word(words, query.get("of")),
            undo_back: path,
        }
    }
}

/// What the button says that takes an act back. Stopping a delivery and bringing back what was deleted are two things.
pub(super) fn undo_word(words: &Words, act: &str) -> String {
    match act {
        "deliver" => words.say("tap.undo-delivery", &[]),
        "block" => words.say("tap.undo-block", &[]),
        _ => words.say("tap.undo-deletion", &[]),
    }
}

#[derive(Template)]
#[template(path = "me.html")]
struct ListPage {
    sheet: Sheet,
    own: Own,
    rows: Vec<Row>,
    refused: bool,
    /// Among them are some that can be delivered, some of which review can be asked.
    deliverable: bool,
    reviewable: bool,
    /// What stands above the list.
    intro: String,
    next: Option<String>,
    /// Not the first page.
    later: Option<String>,
}

struct Row {
    mail: Mail,
    choose: String,
    /// Review can be asked for.
    may_review: bool,
    /// Its sender asks for it, and can be told no.
    sender_asks: bool,
    /// Its sender can be accepted from now on.
    may_allow: bool,
    /// The button that deletes it and blocks whoever wrote it, by name.
    block: String,
    /// Of a refused one: why, what its sender knows, and what follows.
    explained: Vec<String>,
}

pub(super) async fn held(
    State(site): State<Place>,
    Looks(me): Looks,
    Query(query): Query,
) -> Response {
    list(&site, me, &query, HeldState::Held).await
}

pub(super) async fn refused(
    State(site): State<Place>,
    Looks(me): Looks,
    Query(query): Query,
) -> Response {
    list(&site, me, &query, HeldState::Rejected).await
}

async fn list(site: &Place, me: Me, query: &Fields, state: HeldState) -> Response {
    let after = query.get("after").parse().ok().map(Cursor);
    match list_page(site, &me, state, after, query).await {
        Ok(page) => render(StatusCode::OK, page.sheet.language, &page),
        Err(error) => not_now(&me.reader, &error),
    }
}

async fn list_page(
    site: &Site,
    me: &Me,
    state: HeldState,
    after: Option<Cursor>,
    query: &Fields,
) -> Result<ListPage, StoreError> {
    let words = me.reader.words;
    let refused = state == HeldState::Rejected;
    let path = if refused { "/me/refused" } else { "/me" };
    let filter = HeldFilter {
        states: vec![state],
        direction: Some("inbound".to_string()),
        cursor: after,
        ..HeldFilter::first(ROWS)
    };
    let stores = &site.gateway().stores;
    let (found, requests) = match me.owner.scope() {
        Some(scope) => {
            let found = stores.quarantine.search(&scope, filter).await?;
            let ids = found.held.iter().map(|held| held.id).collect();
            (found, stores.people.requests_about(&me.owner.mailbox, ids).await?)
        }
        None => Default::default(),
    };
    let joint = if me.query().is_empty() { '?' } else { '&' };
    let intro = match (found.held.is_empty() && after.is_none(), refused) {
        (true, false) => words.say("me.nothing-held", &[]),
        (true, true) => words.say("me.nothing-refused", &[]),
        (false, true) => words.say("me.refused-why", &[]),
        (false, false) => String::new(),
    };
    let title = match refused {
        true => words.say("me.refused", &[]),
        false => words.say("me.title", &[]),
    };
    let rows: Vec<Row> = found.held.iter().map(|held| row(held, me, &requests)).collect();
    Ok(ListPage {
        sheet: me.reader.sheet(&title),
        own: Own::of(site, me, path, query),
        deliverable: rows.iter().any(|row| !row.mail.dangerous),
        reviewable: rows.iter().any(|row| row.may_review),
        rows,
        refused,
        intro,
        next: found.next.map(|Cursor(at)| format!("{path}{}{joint}after={at}", me.query())),
        later: after.map(|_| format!("{path}{}", me.query())),
    })
}

fn row(held: &Held, me: &Me, requests: &[Request]) -> Row {
    let words = me.reader.words;
    let mut mail = Mail::of(held, &me.reader);
    let sender_asks = questions::sender_asks(held, requests).is_some();
    if sender_asks {
        mail.remarks.push(words.say("me.sender-asks", &[]));
    }
    let review = Review::of(held, requests);
    mail.remarks.extend(review_said(review, &me.reader));
    Row {
        choose: words.say("me.choose", &[("subject", &mail.subject)]),
        may_review: mail.dangerous && review == Review::NotAsked,
        sender_asks,
        may_allow: doing::allowed_sender(held).is_some(),
        block: match held.listed_sender() {
            Some(sender) => words.say("me.delete-and-block", &[("sender", &legible(&sender))]),
            None => words.say("me.delete", &[]),
        },
        explained: explained(held, &mail, me),
        mail,
    }
}

/// What is said of a request for review.
pub(super) fn review_said(review: Review, reader: &Reader) -> Vec<String> {
    let words = reader.words;
    match review {
        Review::NotAsked => Vec::new(),
        Review::Asked => vec![words.say("me.review-asked", &[])],
        Review::Refused(at) => vec![
            words.say("me.review-no", &[("when", &reader.moment(at).text)]),
            words.say("me.review-no-why", &[]),
        ],
    }
}

/// What somebody hears who asks why a mail was refused.
fn explained(held: &Held, mail: &Mail, me: &Me) -> Vec<String> {
    let words = me.reader.words;
    let mut said = vec![mail.reason.clone()];
    match (&held.authenticated, held.from_address.rsplit_once('@')) {
        (Some(domain), _) => {
            said.push(words.say("me.why-proven", &[("domain", &legible(&plain(domain)))]))
        }
        (None, Some((_, domain))) => {
            said.push(words.say("me.why-unproven", &[("domain", &legible(&plain(domain)))]));
        }
        (None, None) => (),
    }
    said.push(words.say("me.why-told", &[]));
    if mail.dangerous {
        said.push(words.say("tap.review-why", &[]));
    }
    said
}

/// What became of the mails that were pressed for.
#[derive(Debug, Default)]
struct Tally {
    done: Vec<Id>,
    already: usize,
    dangerous: usize,
    failed: usize,
    full: bool,
    /// Staff said no to a request for one of them, then.
    refused: Option<UnixMs>,
}

impl Tally {
    fn count(&mut self, id: Id, did: &Did) {
        match did {
            Did::Now { .. } => self.done.push(id),
            Did::Already(_) | Did::Gone | Did::TooLate => self.already += 1,
            Did::Dangerous => self.dangerous += 1,
            Did::Full => self.full = true,
            Did::NotNow => self.failed += 1,
        }
    }

    /// `good` is what is said of those that it was done with.
    fn note(&self, me: &Me, good: impl Fn(usize) -> String) -> Note {
        let words = me.reader.words;
        let mut said = Vec::new();
        if !self.done.is_empty() {
            said.push(good(self.done.len()));
        }
        if self.dangerous > 0 {
            said.push(words.count("me.done-dangerous", self.dangerous, &[]));
        }
        if self.already > 0 {
            said.push(words.count("me.done-already", self.already, &[]));
        }
        if self.failed > 0 {
            said.push(words.count("me.done-failed", self.failed, &[]));
        }
        if self.full {
            said.push(words.say("tap.full-why", &[]));
        }
        if let Some(at) = self.refused {
            said.extend(review_said(Review::Refused(at), &me.reader));
        }
        if said.is_empty() {
            said.push(words.say("me.nothing-chosen", &[]));
        }
        match self.done.is_empty() {
            true => Note::failed(said.join(" ")),
            false => Note::done(said.join(" ")),
        }
    }
}

/// `do` is an act, and the id of a mail behind a colon; without one it is about those that were chosen.
pub(super) async fn mail(State(site): State<Place>, Acts(me): Acts, fields: Fields) -> Response {
    let (act, one) = match fields.get("do").split_once(':') {
        Some((act, id)) => (act, Some(id)),
        None => (fields.get("do"), None),
    };
    let chosen: Vec<Id> = match one {
        Some(id) => Id::parse(id).ok().into_iter().collect(),
        None => fields.all("id").filter_map(|id| Id::parse(id).ok()).take(ROWS).collect(),
    };
    let mut mails = Vec::new();
    for id in chosen {
        match me.owner.mail(&site, id).await {
            Ok(Some(held)) => mails.push(held),
            // Somebody else's mail is as if it did not exist.
            Ok(None) => return nothing_here(&me.reader),
            Err(error) => return not_now(&me.reader, &error),
        }
    }
    if let ("show", [held]) = (act, mails.as_slice()) {
        return show(&site, &me, held).await;
    }
    match acted(&site, &me, act, &mails, fields.get("note")).await {
        Ok((note, undo)) => {
            let path = if fields.get("from") == "/me/refused" { "/me/refused" } else { "/me" };
            me.back_with(&site, path, note, (act, &undo))
        }
        Err(error) => not_now(&me.reader, &error),
    }
}

#[derive(Template)]
#[template(path = "me_mail.html")]
struct MailPage {
    sheet: Sheet,
    own: Own,
    row: Row,
    refused: bool,
    text: String,
}

/// One mail with its text, for its owner's eyes.
async fn show(site: &Site, me: &Me, held: &Held) -> Response {
    let words = me.reader.words;
    let people = &site.gateway().stores.people;
    let requests = match people.requests_about(&me.owner.mailbox, vec![held.id]).await {
        Ok(requests) => requests,
        Err(error) => return not_now(&me.reader, &error),
    };
    match doing::read(site, &me.owner, held.id).await {
        Ok(Some(text)) => {
            let refused = held.state == HeldState::Rejected;
            let path = if refused { "/me/refused" } else { "/me" };
            let row = row(held, me, &requests);
            let page = MailPage {
                sheet: me.reader.sheet(&row.mail.subject),
                own: Own::of(site, me, path, &Fields::default()),
                row,
                refused,
                text: readable(&text),
            };
            render(StatusCode::OK, page.sheet.language, &page)
        }
        Ok(None) => me.back(site, "/me", Note::failed(words.say("tap.not-now-why", &[]))),
        Err(error) => not_now(&me.reader, &error),
    }
}

async fn acted(
    site: &Site,
    me: &Me,
    act: &str,
    mails: &[Held],
    note: &str,
) -> Result<(Note, Vec<Id>), StoreError> {
    let words = me.reader.words;
    let mut tally = Tally::default();
    for held in mails {
        let did = match act {
            "deliver" => doing::deliver(site, &me.owner, held).await,
            "delete" => doing::delete(site, &me.owner, held.id).await,
            "block" => doing::block(site, &me.owner, held).await,
            "undo" => doing::undo(site, &me.owner, held).await,
            "review" => match doing::ask_for_review(site, &me.owner, held, note).await? {
                Review::Asked | Review::NotAsked => Did::Now { duplicates: 0 },
                Review::Refused(at) => {
                    tally.refused = Some(at);
                    continue;
                }
            },
            "decline" => match doing::decline(site, &me.owner, held).await? {
                true => Did::Now { duplicates: 0 },
                false => Did::Gone,
            },
            "allow" => match doing::allowed_sender(held) {
                Some(sender) => {
                    let said = doing::say_of(site, &me.owner, &sender, OwnWord::Allow).await?;
                    if said { Did::Now { duplicates: 0 } } else { Did::Full }
                }
                None => Did::Gone,
            },
            _ => Did::Gone,
        };
        tally.count(held.id, &did);
    }
    let sender = match act {
        "allow" => mails.first().and_then(doing::allowed_sender),
        _ => mails.first().and_then(Held::listed_sender),
    };
    let sender = sender.unwrap_or_default();
    let said = tally.note(me, |n| match act {
        "deliver" => words.count("me.done-delivered", n, &[]),
        "delete" => words.count("me.done-deleted", n, &[]),
        "block" if sender.is_empty() => words.count("me.done-deleted", n, &[]),
        "block" => words.say("tap.blocked-why", &[("sender", &legible(&sender))]),
        "allow" => {
            let done = words.say("me.done-allowed", &[("sender", &legible(&sender))]);
            format!("{done} {}", words.say("me.allowed-why", &[]))
        }
        "review" => words.say("me.done-review", &[]),
        "decline" => words.say("me.done-declined", &[]),
        _ => words.say("tap.undone-why", &[]),
    });
    let may_undo = matches!(act, "deliver" | "delete" | "block");
    Ok((said, if may_undo { tally.done } else { Vec::new() }))
}

#[derive(Template)]
#[template(path = "me_senders.html")]
struct SendersPage {
    sheet: Sheet,
    own: Own,
    lists: [List; 2],
}

struct List {
    title: String,
    why: String,
    entries: Vec<Sender>,
}

struct Sender {
    sender: String,
    /// As people read it.
    shown: String,
    since: Moment,
    remove: String,
}

pub(super) async fn senders(
    State(site): State<Place>,
    Looks(me): Looks,
    Query(query): Query,
) -> Response {
    let entries = match site.gateway().stores.people.entries(&me.owner.mailbox).await {
        Ok(entries) => entries,
        Err(error) => return not_now(&me.reader, &error),
    };
    let words = me.reader.words;
    let of = |word: OwnWord| {
        let some = entries.iter().filter(|entry| entry.word == word);
        some.map(|entry| {
            let since = me.reader.date(entry.since);
            Sender {
                remove: words.say("me.remove-whom", &[("sender", &legible(&entry.sender))]),
                since: Moment {
                    text: words.say(
                        "me.since",
                        &[("date", &since.text), ("who", &who_said(&entry.by, &me))],
                    ),
                    ..since
                },
                shown: legible(&entry.sender),
                sender: entry.sender.clone(),
            }
        })
        .collect()
    };
    let page = SendersPage {
        sheet: me.reader.sheet(&words.say("me.senders", &[])),
        own: Own::of(&site, &me, "/me/senders", &query),
        lists: [
            List {
                title: words.say("me.allowed", &[]),
                why: words.say("me.allowed-why", &[]),
                entries: of(OwnWord::Allow),
            },
            List {
                title: words.say("me.blocked", &[]),
                why: String::new(),
                entries: of(OwnWord::Block),
            },
        ],
    };
    render(StatusCode::OK, page.sheet.language, &page)
}

/// Who put a sender on the list. Staff is not named to everybody who has a mailbox.
fn who_said(by: &str, me: &Me) -> String {
    match by.contains('@') {
        true if by == me.owner.reader.key() => me.reader.words.say("tap.you", &[]),
        true => legible(&plain(by)),
        false => me.reader.words.say("tap.staff", &[]),
    }
}

pub(super) async fn say_of(State(site): State<Place>, Acts(me): Acts, fields: Fields) -> Response {
    let words = me.reader.words;
    let remove = fields.given("remove");
    let said = match (remove, fields.get("do")) {
        (Some(sender), _) => {
            let removed = doing::unsay(&site, &me.owner, &sender).await;
            removed
                .map(|_| Note::done(words.say("me.done-removed", &[("sender", &legible(&sender))])))
        }
        (None, word) => {
            let settings = site.gateway().settings.load();
            let sender = match own_lists::sender(&settings, fields.get("sender")) {
                Ok(sender) => sender,
                Err(NotASender::Unclear) => {
                    let note = Note::failed(words.say("me.bad-sender", &[]));
                    return me.back(&site, "/me/senders", note);
                }
                Err(NotASender::Everybodys(domain)) => {
                    let said =
                        words.say("me.everybodys-domain", &[("domain", &legible_domain(&domain))]);
                    return me.back(&site, "/me/senders", Note::failed(said));
                }
                Err(NotASender::Ours(domain)) => {
                    let said = words.say("me.own-domain", &[("domain", &legible_domain(&domain))]);
                    return me.back(&site, "/me/senders", Note::failed(said));
                }
            };
            let word = if word == "allow" { OwnWord::Allow } else { OwnWord::Block };
            let done = match word {
                OwnWord::Allow => words.say("me.done-allowed", &[("sender", &legible(&sender))]),
                OwnWord::Block => words.say("me.done-blocked", &[("sender", &legible(&sender))]),
            };
            let said = doing::say_of(&site, &me.owner, &sender, word).await;
            said.map(|said| match said {
                true => Note::done(done),
                false => Note::failed(words.say("tap.full-why", &[])),
            })
        }
    };
    match said {
        Ok(note) => me.back(&site, "/me/senders", note),
        Err(error) => not_now(&me.reader, &error),
    }
}

#[derive(Template)]
#[template(path = "me_settings.html")]
struct SettingsPage {
    sheet: Sheet,
    own: Own,
    digests: bool,
    times: Field,
    times_hint: String,
    zone: Field,
    usual_zone: String,
    /// Code, name, chosen.
    languages: Vec<(&'static str, &'static str, bool)>,
}

/// What stands in a field, and why it cannot be so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Field {
    text: String,
    /// Empty: it can.
    wrong: String,
}

/// The form as it is filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Form {
    digests: bool,
    times: Field,
    zone: Field,
    language: Option<Language>,
}

impl Form {
    /// What was chosen before.
    fn of(wanted: &Wanted) -> Form {
        let field = |text| Field { text, wrong: String::new() };
        Form {
            digests: !wanted.no_digests,
            times: field(wanted.times.as_deref().map(listed).unwrap_or_default()),
            zone: field(
                wanted.zone.as_ref().map(|zone| zone.name().to_string()).unwrap_or_default(),
            ),
            language: wanted.language,
        }
    }

    /// As somebody has just sent it, with what is wrong beside what was written.
    fn sent(fields: &Fields, wrong: &[NotWanted], words: &Words) -> Form {
        let field = |name: &str, why: NotWanted, says: String| Field {
            text: plain(fields.get(name)),
            wrong: if wrong.contains(&why) { says } else { String::new() },
        };
        Form {
            digests: fields.get("digests") == "yes",
            times: field("times", NotWanted::Times, words.say("me.bad-times", &[])),
            zone: field("zone", NotWanted::Zone, words.say("me.bad-zone", &[])),
            language: Language::parse(fields.get("language")),
        }
    }

    fn page(self, site: &Site, me: &Me, query: &Fields) -> SettingsPage {
        let words = me.reader.words;
        let language = |one: Language| (one.code(), name_of(one), self.language == Some(one));
        let languages = Language::ALL.into_iter().map(language).collect();
        let settings = site.gateway().settings.load();
        let organisation = &me.owner.mailbox.organisation;
        let usual_zone = digest::zone_of(&settings, organisation, &Wanted::default());
        SettingsPage {
            sheet: me.reader.sheet(&words.say("me.settings", &[])),
            own: Own::of(site, me, "/me/settings", query),
            digests: self.digests,
            times: self.times,
            times_hint: words.say("me.times-hint", &[("times", &me.reader.usual_times)]),
            zone: self.zone,
            usual_zone: usual_zone.name().to_string(),
            languages,
        }
    }
}

pub(super) async fn settings(
    State(site): State<Place>,
    Looks(me): Looks,
    Query(query): Query,
) -> Response {
    let page = Form::of(&me.reader.wanted).page(&site, &me, &query);
    render(StatusCode::OK, page.sheet.language, &page)
}

pub(super) async fn set(
    State(site): State<Place>,
    Acts(me): Acts,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let words = me.reader.words;
    let wanted = match wanted(&fields) {
        Ok(wanted) => wanted,
        Err(wrong) => {
            let form = Form::sent(&fields, &wrong, words);
            let mut page = form.page(&site, &me, &Fields::default());
            page.own.note = Some(Note::failed(words.say("me.not-saved", &[])));
            return render(StatusCode::UNPROCESSABLE_ENTITY, page.sheet.language, &page);
        }
    };
    match site.gateway().stores.people.set_wanted(&me.owner.mailbox, wanted).await {
        Ok(()) => {
            // In the language that was just chosen.
            let me = Me::of(&site, &headers, fields.get("box")).await.unwrap_or(me);
            let words = me.reader.words;
            me.back(&site, "/me/settings", Note::done(words.say("me.done-saved", &[])))
        }
        Err(error) => not_now(&me.reader, &error),
    }
}

/// What in a form cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotWanted {
    Zone,
    Times,
}

/// What a form asks for; or all of it that cannot be.
fn wanted(fields: &Fields) -> Result<Wanted, Vec<NotWanted>> {
    let zone = fields.given("zone").map(|name| Zone::parse(&name)).transpose();
    let times: Result<Vec<TimeOfDay>, _> = fields
        .get("times")
        .split([',', ' ', ';'])
        .filter(|time| !time.is_empty())
        .map(|time| TimeOfDay::parse(&format!("{:0>5}", time.replace('.', ":"))))
        .collect();
    let times = times.ok().filter(|times| times.len() <= limits::DIGEST_TIMES_MAX);
    match (zone, times) {
        (Ok(zone), Some(times)) => Ok(Wanted {
            language: Language::parse(fields.get("language")),
            zone,
            times: (!times.is_empty()).then_some(times),
            no_digests: fields.get("digests") != "yes",
        }),
        (zone, times) => {
            let zone = zone.is_err().then_some(NotWanted::Zone);
            let times = times.is_none().then_some(NotWanted::Times);
            Err(times.into_iter().chain(zone).collect())
        }
    }
}

/// As its own speakers call it.
fn name_of(language: Language) -> &'static str {
    match language {
        Language::En => "English",
        Language::Sv => "Svenska",
        Language::Fi => "Suomi",
        Language::Nb => "Norsk",
        Language::Da => "Dansk",
    }
}

#[derive(Template)]
#[template(path = "me_questions.html")]
struct QuestionsPage {
    sheet: Sheet,
    own: Own,
    questions: Vec<Question>,
    /// Who of the staff has opened mail.
    openings: Vec<Opening>,
}

struct Opening {
    subject: String,
    says: String,
    why: String,
    when: Moment,
}

struct Question {
    id: i64,
    subject: String,
    asks: String,
    asked: Moment,
    /// What was answered; empty while it is open.
    answers: Vec<String>,
    /// What a yes means.
    means: String,
    /// The answer was yes, it still holds and can be taken back.
    holds: bool,
}

pub(super) async fn questions(
    State(site): State<Place>,
    Looks(me): Looks,
    Query(query): Query,
) -> Response {
    let asked = match questions_of(&site, &me).await {
        Ok(questions) => openings_of(&site, &me).await.map(|openings| (questions, openings)),
        Err(error) => Err(error),
    };
    match asked {
        Ok((questions, openings)) => {
            let title = me.reader.words.say("me.openings", &[]);
            let page = QuestionsPage {
                sheet: me.reader.sheet(&title),
                own: Own::of(&site, &me, "/me/questions", &query),
                questions,
                openings,
            };
            render(StatusCode::OK, page.sheet.language, &page)
        }
        Err(error) => not_now(&me.reader, &error),
    }
}

/// Open ones first, then the newest of those that are answered.
async fn questions_of(site: &Site, me: &Me) -> Result<Vec<Question>, StoreError> {
    let Some(scope) = me.owner.scope() else { return Ok(Vec::new()) };
    let page = Page { after: 0, rows: limits::PEOPLE_ROWS_MAX };
    let mut all = site.gateway().stores.people.consents(scope, false, page).await?;
    all.sort_by_key(|one| (one.answer != Answer::Open, std::cmp::Reverse(one.id)));
    let mut questions = Vec::new();
    for one in all.into_iter().take(QUESTIONS_SHOWN) {
        let held = me.owner.own_mail(site, one.held).await?;
        let who = questions::asker(site.gateway(), me.reader.words, &one.asked_by).await?;
        questions.push(question(&one, &who, held.as_ref(), (me, site.now())));
    }
    Ok(questions)
}

/// Who of the staff opened a mail of this mailbox, newest first, whatever became of the mail. Found among the newest openings of the
/// organisation.
async fn openings_of(site: &Site, me: &Me) -> Result<Vec<Opening>, StoreError> {
    let words = me.reader.words;
    let filter = AuditFilter {
        scope: Some(me.owner.mailbox.organisation.clone()),
        what: Some(What::ContentOpened),
        rows: OPENINGS_READ,
        ..AuditFilter::default()
    };
    let page = site.gateway().stores.audit.list(filter).await?;
    let mut openings = Vec::new();
    for record in page.records {
        let who = match &record.who {
            Actor::Account { name, .. } => {
                plain(&questions::asker(site.gateway(), words, name).await?)
            }
            Actor::CommandLine { .. } => words.say("tap.staff", &[]),
            // The owner himself.
            Actor::Mailbox { .. }
            | Actor::ByReply { .. }
            | Actor::Portal { .. }
            | Actor::System => continue,
        };
        let Some(id) = record.object.as_deref().and_then(|object| Id::parse(object).ok()) else {
            continue;
        };
        let held = me.owner.own_mail(site, id).await?;
        let named = record.details.get("mailbox").and_then(|one| one.as_str());
        if held.is_none() && named != Some(me.owner.mailbox.address.as_str()) {
            continue;
        }
        let when = me.reader.moment(record.at_ms);
        let way = record.details.get("way").and_then(|one| one.as_str());
        let says = match way {
            Some(content::BY_CONSENT) => {
                words.say("me.opened-with-yes", &[("who", &who), ("when", &when.text)])
            }
            Some(_) | None => {
                words.say("me.opened-without-yes", &[("who", &who), ("when", &when.text)])
            }
        };
        openings.push(Opening {
            subject: held.map_or_else(
                || words.say("me.mail-gone", &[]),
                |held| Mail::of(&held, &me.reader).subject,
            ),
            says,
            why: record.reason.as_ref().map(|why| plain(why.as_str())).unwrap_or_default(),
            when,
        });
        if openings.len() >= QUESTIONS_SHOWN {
            break;
        }
    }
    Ok(openings)
}

fn question(one: &Consent, who: &str, held: Option<&Held>, (me, now): (&Me, UnixMs)) -> Question {
    let words = me.reader.words;
    let (who, why) = (plain(who), plain(&one.why));
    let asked = me.reader.moment(one.asked);
    let when = me.reader.moment(one.answered).text;
    let until = me.reader.moment(one.expires).text;
    let answers = match one.answer {
        Answer::Open => Vec::new(),
        Answer::Yes => vec![
            words.say("me.said-yes", &[("when", &when)]),
            words.say("me.said-until", &[("when", &until)]),
        ],
        Answer::No => vec![words.say("me.said-no", &[("when", &when)])],
    };
    Question {
        id: one.id,
        subject: held.map_or_else(
            || words.say("me.mail-gone", &[]),
            |held| Mail::of(held, &me.reader).subject,
        ),
        asks: words.say("me.asks", &[("who", &who), ("why", &why)]),
        asked: Moment { text: words.say("me.asked-at", &[("when", &asked.text)]), ..asked },
        answers,
        means: questions::consent_means(words, &who),
        holds: one.holds(now),
    }
}

pub(super) async fn answer(State(site): State<Place>, Acts(me): Acts, fields: Fields) -> Response {
    let words = me.reader.words;
    let Ok(id) = fields.get("id").parse() else { return nothing_here(&me.reader) };
    let answer = match fields.get("do") {
        "withdraw" => return withdraw(&site, &me, id).await,
        "yes" => Answer::Yes,
        _ => Answer::No,
    };
    match doing::answer(&site, &me.owner, id, answer).await {
        Ok(true) => {
            let said = match answer {
                Answer::Yes => words.say("tap.consent-given", &[]),
                Answer::No | Answer::Open => words.say("tap.consent-refused", &[]),
            };
            me.back(&site, "/me/questions", Note::done(said))
        }
        Ok(false) => nothing_here(&me.reader),
        Err(error) => not_now(&me.reader, &error),
    }
}

async fn withdraw(site: &Site, me: &Me, question: i64) -> Response {
    match doing::withdraw(site, &me.owner, question).await {
        Ok(true) => {
            let said = me.reader.words.say("me.done-withdrawn", &[]);
            me.back(site, "/me/questions", Note::done(said))
        }
        Ok(false) => nothing_here(&me.reader),
        Err(error) => not_now(&me.reader, &error),
    }
}

/// Mails on one page: what fits a few turns of a thumb.
const ROWS: usize = 20;
/// Openings of an organisation's mails among which those of one mailbox are looked for.
const OPENINGS_READ: usize = 500;
/// Questions on one page.
const QUESTIONS_SHOWN: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_choose_is_read_as_they_write_it() {
        let of = |form: &str| wanted(&Fields::read(form.as_bytes()));
        let chosen = of("language=fi&zone=Europe/Helsinki&times=7.30,+16:00&digests=yes").unwrap();
        assert_eq!(chosen.language, Some(Language::Fi));
        assert_eq!(chosen.zone.unwrap().name(), "Europe/Helsinki");
        assert_eq!(listed(&chosen.times.unwrap()), "07:30, 16:00");
        assert!(!chosen.no_digests);
        let nothing = of("language=&zone=&times=").unwrap();
        assert_eq!(nothing, Wanted { no_digests: true, ..Wanted::default() });
        for (form, want) in [
            ("zone=Europe/Atlantis", &[NotWanted::Zone][..]),
            ("times=noon", &[NotWanted::Times]),
            ("times=25:00", &[NotWanted::Times]),
            (&format!("times={}", "07:30,".repeat(20)), &[NotWanted::Times]),
            ("times=noon&zone=Atlantis", &[NotWanted::Times, NotWanted::Zone]),
        ] {
            assert_eq!(of(form), Err(want.to_vec()), "{form}");
        }
    }
}
