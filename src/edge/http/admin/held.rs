//! Held mail: the list, what narrows it, and what is done with one mail, with many, or with all that a filter finds.
//!
//! Three panes on a wide screen: what to look for, what there is, the mail. Each works as a page of its own where there is no room for three.

use super::{
    mail::{MailShown, show},
    track::organisations,
};
use crate::{
    base::{clock::UnixMs, ids::Id, limits, local::Zone, units},
    config::policy::Category,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, render},
        record::{self, Met, Recorded},
        rights::{Right, may},
        shown::Row,
        site::store_is_away,
        views::Shelf,
        visit::{Fields, Query, Visitor},
        words::{plain, short},
    },
    learn::likeness::Likeness,
    pipeline::{
        bulk::{self, Doing, Glimpse, Outcome, Preview, Selection},
        release::{Asking, Away, Danger, Review},
    },
    store::{
        StoreError,
        audit::{Details, Entry, What},
        embedded::ViewPage,
        held::{Cluster, Count, Cursor, Held, HeldFilter, HeldState, Opinion, Releaser},
        people::{Answer, Mailbox, OwnWord},
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use std::{collections::HashSet, time::Duration};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/held", "held mail", Needs::Right(Right::Look), || get(list)),
    Route::act("/held/act", "do something with held mail", Needs::Right(Right::Decide), || {
        post(act)
    }),
    Route::act("/held/export", "a table of held mail", Needs::Right(Right::Look), || post(export)),
];

#[derive(Template)]
#[template(path = "held.html")]
struct HeldPage {
    frame: Frame,
    asked: Asked,
    shelf: Shelf,
    /// The address of this page of the list, where acts lead back to.
    place: String,
    rows: Vec<Row>,
    groups: Vec<Group>,
    count: String,
    next: Option<String>,
    mail: Option<MailShown>,
    may_decide: bool,
    categories: Vec<&'static str>,
    /// The names that the list may be narrowed to; none for whoever sees one organisation only.
    organisations: Vec<String>,
    /// Each row says whose it is.
    says_whose: bool,
}

#[derive(Template)]
#[template(path = "held_preview.html")]
struct PreviewPage {
    frame: Frame,
    /// The word of what is to be done.
    act: String,
    what: &'static str,
    preview: Preview,
    first: Vec<FirstRow>,
    /// How many are not among those.
    rest: Option<String>,
    /// How many writers are not among those that are named.
    writers_rest: usize,
    bytes: String,
    /// The choice, to be sent again.
    group: String,
    organisation: String,
    query: String,
    back: String,
    asks_why: bool,
}

/// One of the first mails that an act would touch.
struct FirstRow {
    id: String,
    subject: String,
    sender: String,
    recipient: String,
}

impl FirstRow {
    fn of(one: &Glimpse) -> FirstRow {
        let subject = short(&one.subject);
        FirstRow {
            id: one.id.to_string(),
            subject: if subject.is_empty() { "(no subject)".to_string() } else { subject },
            sender: short(&one.sender),
            recipient: short(&one.recipient),
        }
    }
}

/// Alike mails of one organisation as one row.
pub(super) struct Group {
    /// The list of them.
    pub(super) link: String,
    pub(super) key: String,
    pub(super) mails: String,
    pub(super) is_one: bool,
    /// Different writers; one of many is shown.
    pub(super) senders: u64,
    pub(super) recipients: u64,
    pub(super) bytes: String,
    pub(super) newest: Row,
}

impl Group {
    pub(super) fn of(site: &Place, cluster: &Cluster) -> Group {
        let (key, whose) = (cluster.likeness.to_string(), cluster.newest.organisation.name());
        let whose: String = form_urlencoded::byte_serialize(whose.as_bytes()).collect();
        Group {
            link: format!("/held?group={key}&organisation={whose}"),
            key,
            mails: cluster.mails.to_string(),
            is_one: cluster.mails.counted == 1 && !cluster.mails.more,
            senders: cluster.senders,
            recipients: cluster.recipients,
            bytes: units::roughly_bytes(cluster.bytes),
            newest: Row::of(site, &cluster.newest),
        }
    }
}

/// What a list was asked for, as the form shows it again.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    organisation: String,
    text: String,
    sender: String,
    recipient: String,
    subject: String,
    attachment: String,
    finding: String,
    category: String,
    direction: String,
    state: String,
    since: String,
    until: String,
    /// One row for alike mails.
    grouped: bool,
    /// Of one group only.
    group: String,
    /// All of it but the place in the list, as a query.
    query: String,
}

impl Asked {
    fn read(query: &Fields) -> Asked {
        let given = |name: &str| query.given(name).unwrap_or_default();
        let mut asked = Asked {
            organisation: given("organisation"),
            text: given("text"),
            sender: given("sender"),
            recipient: given("recipient"),
            subject: given("subject"),
            attachment: given("attachment"),
            finding: given("finding"),
            category: given("category"),
            direction: given("direction"),
            state: given("state"),
            since: given("since"),
            until: given("until"),
            grouped: given("alike") == "one",
            group: given("group"),
            query: String::new(),
        };
        asked.query = asked.written();
        asked
    }

    fn written(&self) -> String {
        let mut writer = form_urlencoded::Serializer::new(String::new());
        let alike = if self.grouped { "one" } else { "" };
        for (name, value) in [
            ("text", self.text.as_str()),
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("subject", &self.subject),
            ("attachment", &self.attachment),
            ("finding", &self.finding),
            ("category", &self.category),
            ("direction", &self.direction),
            ("state", &self.state),
            ("since", &self.since),
            ("until", &self.until),
            ("alike", alike),
            ("group", &self.group),
            ("organisation", &self.organisation),
        ] {
            if !value.is_empty() {
                writer.append_pair(name, value);
            }
        }
        writer.finish()
    }

    fn narrows(&self) -> bool {
        let Asked { query, grouped: _, .. } = self;
        !query.is_empty() && query != "alike=one"
    }

    /// Is one of the fields filled in that are out of the way at first?
    fn more(&self) -> bool {
        let fields = [
            &self.sender,
            &self.recipient,
            &self.subject,
            &self.attachment,
            &self.finding,
            &self.category,
            &self.direction,
            &self.since,
            &self.until,
        ];
        fields.iter().any(|text| !text.is_empty())
    }

    pub(super) fn filter(&self, zone: &Zone, rows: usize) -> Result<HeldFilter, String> {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let group = given(&self.group).map(|text| text.parse::<Likeness>());
        let states = match self.state.as_str() {
            "" => Vec::new(),
            "all" => HeldState::ALL.to_vec(),
            word => vec![HeldState::from_word(word).ok_or("There is no such state.")?],
        };
        Ok(HeldFilter {
            organisation: given(&self.organisation),
            text: given(&self.text),
            sender: given(&self.sender),
            recipient: given(&self.recipient),
            subject: given(&self.subject),
            attachment: given(&self.attachment),
            category: given(&self.category),
            finding: given(&self.finding),
            direction: given(&self.direction),
            states,
            since: day(zone, &self.since)?,
            until: day(zone, &self.until)?.map(|day| day.plus(Duration::from_secs(86_400))),
            likeness: group.transpose().map_err(|why| format!("{why}."))?,
            rows,
            ..HeldFilter::default()
        })
    }
}

/// What is asked for by fields of a search of held mail, written again without anything else.
pub(in crate::edge::http) fn clean_query(zone: &Zone, fields: &Fields) -> Result<String, String> {
    let asked = Asked::read(fields);
    asked.filter(zone, limits::HELD_PAGE_ROWS)?;
    Ok(asked.query)
}

/// The beginning of a day, as a date field writes it.
fn day(zone: &Zone, text: &str) -> Result<Option<UnixMs>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let begins = zone.day_begins(text);
    begins.map(Some).ok_or_else(|| format!("{text:?} is no date: write it as 2026-11-28."))
}

async fn list(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let asked = Asked::read(&query);
    let mut frame = Frame::new(&site, &visitor, "Held mail", "/held");
    let found = match asked.filter(&site.zone(), limits::HELD_PAGE_ROWS) {
        Ok(filter) => look(&site, &visitor, &asked, filter, &query).await,
        Err(why) => {
            frame.note = Some(Note::failed(why));
            Ok(Listed::default())
        }
    };
    let Listed { rows, groups, count, next, mail } = found.unwrap_or_else(|error| {
        frame.note = Some(Note::failed(store_is_away(&error)));
        Listed::default()
    });
    let organisations = organisations(&site, &visitor.scope);
    render(&HeldPage {
        shelf: Shelf::of(&site, &visitor, ViewPage::Held, &asked.query, &mut frame).await,
        place: place(&asked.query, query.get("cursor").parse().ok()),
        may_decide: may(&visitor.account, Right::Decide),
        categories: Category::ALL.iter().map(|category| category.word()).collect(),
        says_whose: organisations.len() > 1,
        organisations,
        frame,
        asked,
        rows,
        groups,
        count,
        next,
        mail,
    })
}

#[derive(Default)]
struct Listed {
    rows: Vec<Row>,
    groups: Vec<Group>,
    count: String,
    next: Option<String>,
    mail: Option<MailShown>,
}

async fn look(
    site: &Place,
    visitor: &Visitor,
    asked: &Asked,
    filter: HeldFilter,
    query: &Fields,
) -> Result<Listed, StoreError> {
    let quarantine = &site.gateway().stores.quarantine;
    let cursor = query.given("cursor").and_then(|text| text.parse().ok()).map(Cursor);
    let mut listed = Listed::default();
    let next = match asked.grouped {
        true => {
            let count = quarantine.count(&visitor.scope, filter.clone()).await?;
            let filter = HeldFilter { cursor, ..filter };
            let found = quarantine.clusters(&visitor.scope, filter).await?;
            listed.count = count.to_string();
            listed.groups = found.clusters.iter().map(|one| Group::of(site, one)).collect();
            found.next
        }
        false => {
            let filter = HeldFilter { cursor, ..filter };
            let (found, count) = quarantine.search_counted(&visitor.scope, filter).await?;
            listed.count = count.to_string();
            listed.rows = found.held.iter().map(|held| Row::of(site, held)).collect();
            found.next
        }
    };
    listed.next = next.map(|Cursor(at)| place(&asked.query, Some(at)));
    if let Ok(id) = Id::parse(query.get("mail")) {
        listed.mail = show(site, visitor, id).await?;
    }
    Ok(listed)
}

/// The address of a page of the list: what is asked for, and behind which row it begins.
fn place(query: &str, cursor: Option<i64>) -> String {
    let apart = if query.is_empty() { "" } else { "&" };
    match cursor {
        Some(at) => format!("/held?{query}{apart}cursor={at}"),
        None => format!("/held?{query}"),
    }
}

/// Which mails a form means.
fn selection(site: &Place, fields: &Fields) -> Result<Selection, String> {
    if let Some(query) = fields.given("query") {
        let asked = Asked::read(&Fields::read(query.as_bytes()));
        return Ok(Selection::Matching(Box::new(
            asked.filter(&site.zone(), limits::HELD_PAGE_ROWS)?,
        )));
    }
    if let Some(group) = fields.given("group") {
        let likeness = group.parse::<Likeness>().map_err(|why| format!("{why}."))?;
        let organisation = fields.given("organisation");
        let likeness = Some(likeness);
        let filter = HeldFilter { likeness, organisation, ..HeldFilter::first(1) };
        return Ok(Selection::Matching(Box::new(filter)));
    }
    let many = fields.get("ids").split_whitespace();
    let ids = fields.all("id").chain(many).filter_map(|text| Id::parse(text).ok());
    let ids: Vec<Id> = ids.take(limits::ACT_MAX).collect();
    match ids.is_empty() {
        true => Err("No mail was chosen.".to_string()),
        false => Ok(Selection::Ids(ids)),
    }
}

/// What a form wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Release,
    Delete,
    Seen,
    Undo,
    /// Deliver it, and let its sender write to this recipient from now on, while it authenticates.
    Allow,
    /// Delete it, and hold what its sender writes to this recipient from now on.
    Block,
    /// Say what it is, and leave it where it is.
    Learn(Opinion),
}

impl Wanted {
    fn read(word: &str) -> Option<Wanted> {
        Some(match word {
            "release" => Wanted::Release,
            "delete" => Wanted::Delete,
            "seen" => Wanted::Seen,
            "undo" => Wanted::Undo,
            "allow" => Wanted::Allow,
            "block" => Wanted::Block,
            "learn-wanted" => Wanted::Learn(Opinion::Ham),
            "learn-spam" => Wanted::Learn(Opinion::Spam),
            _ => return None,
        })
    }

    fn what(self) -> &'static str {
        match self {
            Wanted::Release => "Deliver",
            Wanted::Delete => "Delete as unwanted",
            Wanted::Seen => "Take off the list",
            Wanted::Undo => "Take back",
            Wanted::Allow => "Deliver, and allow the senders on their recipients' own lists",
            Wanted::Block => "Delete, and block the senders on their recipients' own lists",
            Wanted::Learn(Opinion::Ham) => "Learn as wanted",
            Wanted::Learn(Opinion::Spam) => "Learn as spam",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Wanted::Release => "delivered",
            Wanted::Delete => "deleted",
            Wanted::Seen => "taken off the list",
            Wanted::Undo => "taken back",
            Wanted::Allow => "delivered, the sender allowed on the recipient's own list",
            Wanted::Block => "deleted, the sender blocked on the recipient's own list",
            Wanted::Learn(Opinion::Ham) => "learned as wanted",
            Wanted::Learn(Opinion::Spam) => "learned as spam",
        }
    }

    fn doing(self, by: Releaser, why: Option<String>) -> Doing {
        match self {
            Wanted::Release | Wanted::Allow => {
                // Whoever writes why has seen what the page said of it.
                let review = why.map(|why| Review { why, knowing: Danger::Malware });
                Doing::Release(Asking { by, review })
            }
            Wanted::Delete | Wanted::Block => Doing::PutAway(Away::Delete, by),
            Wanted::Seen => Doing::PutAway(Away::Dismiss, by),
            Wanted::Learn(opinion) => Doing::Learn(opinion, by),
            Wanted::Undo => Doing::Undo(by),
        }
    }

    /// The word in the audit log.
    fn recorded(self, by: &Releaser) -> Recorded {
        match self {
            Wanted::Release | Wanted::Allow => Recorded::As(What::Released),
            Wanted::Delete | Wanted::Block => Recorded::As(What::Deleted),
            Wanted::Seen => Recorded::As(What::Dismissed),
            Wanted::Learn(_) => Recorded::As(What::Learned),
            Wanted::Undo => Recorded::Undo(by.clone()),
        }
    }

    /// The same, where nothing was said of a sender.
    fn without_word(self) -> Wanted {
        match self {
            Wanted::Allow => Wanted::Release,
            Wanted::Block => Wanted::Delete,
            Wanted::Release | Wanted::Delete | Wanted::Seen | Wanted::Undo | Wanted::Learn(_) => {
                self
            }
        }
    }

    /// What is said of the sender.
    fn word(self) -> Option<OwnWord> {
        match self {
            Wanted::Allow => Some(OwnWord::Allow),
            Wanted::Block => Some(OwnWord::Block),
            Wanted::Release | Wanted::Delete | Wanted::Seen | Wanted::Learn(_) | Wanted::Undo => {
                None
            }
        }
    }
}

async fn act(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let back = back(&fields);
    let fields = of_group(fields);
    let done = match (Wanted::read(fields.get("do")), selection(&site, &fields)) {
        (None, _) => Err("Nothing was chosen to be done.".to_string()),
        (_, Err(why)) => Err(why),
        (Some(wanted), Ok(selection)) => {
            let ids = match selection {
                Selection::Ids(ids) => ids,
                Selection::Matching(_) => {
                    match preview(&site, &visitor, &fields, (wanted, &selection)).await {
                        Looked::Yes(ids) => ids,
                        Looked::Not(answer) => return *answer,
                    }
                }
            };
            let done = carry_out(&site, &visitor, wanted, ids, fields.given("why")).await;
            if wanted == Wanted::Release && done.as_ref().is_ok_and(|note| note.good) {
                answer_request(&site, &visitor, &fields).await;
            }
            done
        }
    };
    site.note(&visitor, done.unwrap_or_else(Note::failed));
    Redirect::to(&back).into_response()
}

/// A row of alike mails has buttons of its own in the form of all rows: each says what is to be done, with which group, and whose.
fn of_group(fields: Fields) -> Fields {
    let wanted = fields.get("group-do");
    let Some((act, group)) = wanted.split_once(' ') else { return fields };
    let (group, whose) = group.split_once(' ').unwrap_or((group, ""));
    fields.with(&[("do", act), ("group", group), ("organisation", whose)])
}

/// Whoever asked for the mail sees that somebody let it go.
async fn answer_request(site: &Place, visitor: &Visitor, fields: &Fields) {
    let Ok(number) = fields.get("request").parse() else { return };
    let (people, by) = (&site.gateway().stores.people, &visitor.account.name);
    let answered = people.answer_request(visitor.scope.clone(), number, Answer::Yes, by).await;
    if let Err(error) = answered {
        tracing::error!(%error, "a request for a mail could not be marked as answered");
    }
}

/// Where the form stood: a page of held mail, or the first page.
fn back(fields: &Fields) -> String {
    let back = fields.get("back");
    let ours =
        back == "/" || back == "/held" || back.starts_with("/held?") || back.starts_with("/held/");
    if ours { back.to_string() } else { "/held".to_string() }
}

/// Was it looked at what an act would touch?
enum Looked {
    /// These, and no others: a mail that comes to a group meanwhile is none of it.
    Yes(Vec<Id>),
    /// It is to be looked at on this page.
    Not(Box<Response>),
}

impl Looked {
    fn not(answer: Response) -> Looked {
        Looked::Not(Box::new(answer))
    }
}

/// A page that says what an act would touch; none when its row has said just that: so many alike mails of one writer, or that are put where they
/// can be taken back from, and nothing to write a reason for.
async fn preview(
    site: &Place,
    visitor: &Visitor,
    fields: &Fields,
    (wanted, selection): (Wanted, &Selection),
) -> Looked {
    match bulk::preview(site.gateway(), &visitor.scope, selection).await {
        Ok(preview) => {
            let lets_go = matches!(wanted, Wanted::Release | Wanted::Allow);
            let asks_why = preview.dangerous > 0 && lets_go;
            if let Some(why) = of_several(wanted, selection, &preview) {
                site.note(visitor, Note::failed(why));
                return Looked::not(Redirect::to(&back(fields)).into_response());
            }
            let is_as_shown = fields.given("seen") == Some(preview.mails.to_string());
            let is_sure = fields.get("sure") == "yes";
            // One may have come since the page was made, from whoever uses the words of the others.
            let is_told = fields.get("writers") == preview.writers_mark;
            let is_of_others = lets_go && preview.writers_all > 1 && !is_told;
            let is_looked_at = is_sure || (is_as_shown && !preview.mails.more && !asks_why);
            if is_looked_at && !is_of_others {
                return Looked::Yes(preview.ids);
            }
            Looked::not(render(&PreviewPage {
                frame: Frame::new(site, visitor, wanted.what(), "/held"),
                act: fields.get("do").to_string(),
                what: wanted.what(),
                bytes: units::roughly_bytes(preview.bytes),
                asks_why,
                first: preview.first.iter().map(FirstRow::of).collect(),
                rest: rest(&preview),
                writers_rest: preview.writers_all.saturating_sub(preview.writers.len()),
                preview,
                group: fields.get("group").to_string(),
                organisation: fields.get("organisation").to_string(),
                query: fields.get("query").to_string(),
                back: back(fields),
            }))
        }
        Err(error) => {
            site.note(visitor, Note::failed(store_is_away(&error)));
            Looked::not(Redirect::to(&back(fields)).into_response())
        }
    }
}

/// Why nothing is said of the senders of a group: whoever sends words of another's mail gets into its row, and would be allowed with him.
fn of_several(wanted: Wanted, selection: &Selection, preview: &Preview) -> Option<String> {
    let is_group = matches!(selection, Selection::Matching(filter) if filter.likeness.is_some());
    if !is_group || wanted.word().is_none() || preview.writers_all <= 1 {
        return None;
    }
    let named: Vec<&str> = preview.writers.iter().map(|one| one.address.as_str()).collect();
    Some(format!(
        "These mails are alike but of {} senders: {}{}. Open the group, and choose the mails of the sender that you mean.",
        preview.writers_all,
        named.join(", "),
        if preview.writers_all > named.len() { " …" } else { "" },
    ))
}

/// How many mails a preview does not show; none when it shows all.
fn rest(preview: &Preview) -> Option<String> {
    let shown = u64::try_from(preview.first.len()).unwrap_or(u64::MAX);
    let counted = preview.mails.counted.saturating_sub(shown);
    let rest = Count { counted, more: preview.mails.more };
    (counted > 0 || rest.more).then(|| rest.to_string())
}

async fn carry_out(
    site: &Place,
    visitor: &Visitor,
    wanted: Wanted,
    ids: Vec<Id>,
    why: Option<String>,
) -> Result<Note, String> {
    let opinion = match wanted {
        Wanted::Learn(opinion) => Some(opinion),
        Wanted::Release
        | Wanted::Delete
        | Wanted::Allow
        | Wanted::Block
        | Wanted::Seen
        | Wanted::Undo => None,
    };
    let by = Releaser::Staff(visitor.account.name.clone());
    let act = record::Act { what: wanted.recorded(&by), why: why.as_deref(), opinion };
    let begun = record::begin(site, visitor, act, &ids).await?;
    let outcomes = begun.act(site, visitor, &wanted.doing(by, why)).await;
    if wanted == Wanted::Undo {
        site.end_undo(visitor.session, &ids);
    }
    let done: HashSet<Id> = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Done)
        .map(|(id, _)| *id)
        .collect();
    let done: Vec<&Met> = begun.mails.iter().filter(|met| done.contains(&met.id)).collect();
    let mut has_word = false;
    for met in &done {
        let Some((mailbox, sender)) = &met.writer else { continue };
        match (wanted.word(), wanted, met.acted) {
            (Some(word), ..) => {
                has_word = true;
                say_of(site, visitor, (mailbox, sender), word).await?;
            }
            (None, Wanted::Undo, Some(began)) => {
                unsay_with_it(site, visitor, (mailbox, sender), began).await?;
            }
            (None, ..) => (),
        }
    }
    let said = if has_word { wanted } else { wanted.without_word() };
    Ok(summary(said, &outcomes))
}

/// Says of a sender what its recipient's own list shall say.
async fn say_of(
    site: &Place,
    visitor: &Visitor,
    (mailbox, sender): (&Mailbox, &str),
    word: OwnWord,
) -> Result<(), String> {
    let entry = entry_about(visitor, (mailbox, sender), word);
    site.record(visitor, vec![entry]).await?;
    let said = site.gateway().stores.people.say_of(mailbox, sender, word, &visitor.account.name);
    said.await.map(drop).map_err(|error| store_is_away(&error).to_string())
}

/// What this visitor said of a sender together with an act on a mail that began then is taken back with it.
async fn unsay_with_it(
    site: &Place,
    visitor: &Visitor,
    (mailbox, sender): (&Mailbox, &str),
    began: UnixMs,
) -> Result<(), String> {
    let say = |error: StoreError| store_is_away(&error).to_string();
    let people = &site.gateway().stores.people;
    let entries = people.entries(mailbox).await.map_err(say)?;
    let with_it = entries.iter().find(|entry| {
        entry.sender == sender && entry.by == visitor.account.name && entry.was_made_with(began)
    });
    let Some(made) = with_it else { return Ok(()) };
    let entry = entry_about(visitor, (mailbox, sender), made.word);
    let entry = entry.with(Details::default().word("act", "remove"));
    site.record(visitor, vec![entry]).await?;
    people.unsay(mailbox, sender).await.map(drop).map_err(say)
}

fn entry_about(visitor: &Visitor, (mailbox, sender): (&Mailbox, &str), word: OwnWord) -> Entry {
    let what = match word {
        OwnWord::Allow => What::Allowed,
        OwnWord::Block => What::Blocked,
    };
    Entry::new(visitor.actor(), what)
        .about(format!("{sender} for {}", mailbox.address))
        .of(Some(mailbox.organisation.clone()))
}

fn summary(wanted: Wanted, outcomes: &[(Id, Outcome)]) -> Note {
    let count = |wanted: Outcome| outcomes.iter().filter(|(_, outcome)| *outcome == wanted).count();
    let done: Vec<Id> = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Done)
        .map(|(id, _)| *id)
        .collect();
    let mails =
        |count: usize| if count == 1 { "1 mail".to_string() } else { format!("{count} mails") };
    let mut sentences = Vec::new();
    if !done.is_empty() {
        sentences.push(format!("{} {}.", mails(done.len()), wanted.done()));
    }
    for (outcome, what) in [
        (Outcome::Already, already(wanted)),
        (Outcome::Dangerous, "dangerous: open each and write why it may go"),
        (Outcome::TooLate, "too late to take back"),
        (Outcome::Missing, "not there any more"),
        (Outcome::Failed, "not done just now; the log says why"),
    ] {
        if count(outcome) > 0 {
            sentences.push(format!("{}: {what}.", mails(count(outcome))));
        }
    }
    let text = sentences.join(" ");
    let note = if done.is_empty() { Note::failed(text) } else { Note::done(text) };
    match wanted {
        Wanted::Undo => note,
        Wanted::Release
        | Wanted::Delete
        | Wanted::Seen
        | Wanted::Allow
        | Wanted::Block
        | Wanted::Learn(_) => {
            note.with_undo(done.get(..limits::UNDO_MAX.min(done.len())).unwrap_or_default())
        }
    }
}

/// What is said of a mail with which this was done before.
fn already(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Learn(_) => "learned so or deleted before",
        Wanted::Release
        | Wanted::Delete
        | Wanted::Seen
        | Wanted::Undo
        | Wanted::Allow
        | Wanted::Block => "dealt with by somebody else before",
    }
}

/// The list as a table for other programs, RFC 4180.
async fn export(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let asked = Asked::read(&Fields::read(fields.get("query").as_bytes()));
    let table = async {
        let filter = asked.filter(&site.zone(), limits::HELD_PAGE_ROWS)?;
        let quarantine = &site.gateway().stores.quarantine;
        let mut table = "id,held,state,direction,organisation,sender,from,recipient,subject,categories,score,reason,bytes\r\n".to_string();
        let mut cursor = None;
        for _ in 0..limits::EXPORT_ROWS_MAX / limits::HELD_PAGE_ROWS {
            let step = HeldFilter { cursor, ..filter.clone() };
            let page = quarantine.search(&visitor.scope, step).await;
            let page = page.map_err(|error| store_is_away(&error).to_string())?;
            page.held.iter().for_each(|held| table.push_str(&line(held)));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok::<_, String>(table)
    };
    match table.await {
        Ok(table) => {
            let details = Details::default().word("query", &asked.query);
            let entry =
                Entry::new(visitor.actor(), What::Exported).about("held mail").with(details);
            if let Err(why) = site.record(&visitor, vec![entry]).await {
                site.note(&visitor, Note::failed(why));
                return Redirect::to("/held").into_response();
            }
            let fields = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"held.csv\""),
            ];
            (fields, table).into_response()
        }
        Err(why) => {
            site.note(&visitor, Note::failed(why));
            Redirect::to("/held").into_response()
        }
    }
}

fn line(held: &Held) -> String {
    let categories: Vec<&str> = held.categories.iter().map(|one| one.word()).collect();
    let cells = [
        held.id.to_string(),
        crate::wire::date::write_iso(held.held_at),
        held.state.word().to_string(),
        held.direction.word().to_string(),
        held.organisation.to_string(),
        held.sender.to_string(),
        held.from.clone(),
        held.recipient.to_string(),
        held.subject.clone(),
        categories.join(" "),
        format!("{:.1}", held.score),
        held.reason.clone(),
        held.bytes.to_string(),
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(&plain(text))).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell. What a spreadsheet would take for a formula is kept from being one.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@']) && text.parse::<f64>().is_err();
    let text = if formula { format!("'{text}") } else { text.to_string() };
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_no_formulas() {
        for (text, want) in [
            ("plain", "\"plain\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("-1.5", "\"-1.5\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
        ] {
            assert_eq!(cell(text), want);
        }
    }

    #[test]
    fn a_form_goes_back_to_where_it_stood() {
        for (back_to, want) in [
            ("/held?text=x", "/held?text=x"),
            ("/", "/"),
            ("/held/01ABC", "/held/01ABC"),
            ("//evil.example", "/held"),
            ("https://evil.example", "/held"),
            ("/heldx", "/held"),
        ] {
            let body = format!(
                "back={}",
                form_urlencoded::byte_serialize(back_to.as_bytes()).collect::<String>()
            );
            assert_eq!(back(&Fields::read(body.as_bytes())), want);
        }
    }

    #[test]
    fn what_is_asked_for_is_read_and_written_again() {
        let asked = Asked::read(&Fields::read(
            b"text=faktura+ab&since=2026-11-01&until=2026-11-02&state=all&alike=one&x=y",
        ));
        assert_eq!(
            asked.query,
            "text=faktura+ab&state=all&since=2026-11-01&until=2026-11-02&alike=one"
        );
        let filter = asked.filter(&Zone::utc(), 5).unwrap();
        assert_eq!(filter.until.unwrap().0 - filter.since.unwrap().0, 2 * 86_400_000);
        assert!(asked.grouped && asked.narrows() && asked.more());
        assert!(!Asked::read(&Fields::read(b"text=x&state=all&group=1-2&alike=one")).more());
        assert!(!Asked::read(&Fields::read(b"alike=one")).narrows());
        for bad in ["since=yesterday", "since=2026-13-01", "state=gone", "group=x"] {
            assert!(
                Asked::read(&Fields::read(bad.as_bytes())).filter(&Zone::utc(), 5).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_preview_says_how_many_it_does_not_show() {
        let glimpse = |number: u64| Glimpse {
            id: Id::new(UnixMs(number), [1; 10]),
            subject: String::new(),
            sender: String::new(),
            recipient: String::new(),
        };
        let preview = |counted: u64, more: bool| Preview {
            mails: Count { counted, more },
            first: (0..counted.min(10)).map(glimpse).collect(),
            ..Preview::default()
        };
        for (counted, more, want) in [
            (3, false, None),
            (10, false, None),
            (11, false, Some("1")),
            (10_000, true, Some("more than 9990")),
        ] {
            assert_eq!(rest(&preview(counted, more)).as_deref(), want, "{counted}");
        }
        assert_eq!(FirstRow::of(&glimpse(1)).subject, "(no subject)");
    }

    #[test]
    fn what_was_done_is_said_with_numbers() {
        let id = |number: u64| Id::new(UnixMs(number), [1; 10]);
        let note = summary(
            Wanted::Release,
            &[(id(1), Outcome::Done), (id(2), Outcome::Done), (id(3), Outcome::Dangerous)],
        );
        assert_eq!(
            note.text,
            "2 mails delivered. 1 mail: dangerous: open each and write why it may go."
        );
        assert!(note.good && note.undo.split(' ').count() == 2);
        assert!(!summary(Wanted::Delete, &[(id(1), Outcome::Missing)]).good);
    }
}
