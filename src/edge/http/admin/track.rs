//! Track: what became of a mail, found by anything that whoever asks still knows of it.
//!
//! A visitor finds what is within its scope, and nothing else; the search itself sees to that.

use crate::{
    base::{
        clock::UnixMs,
        ids::Id,
        limits,
        local::{Zone, read_iso},
    },
    config::policy::Action,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, render},
        rights::Right,
        site::store_is_away,
        views::Shelf,
        visit::{Fields, Query, Visitor},
        words::{Moment, Wall, plain, short},
    },
    store::{
        embedded::ViewPage,
        scope::Scope,
        trace::{OfPersons, TraceLine, TracePage, TraceQuery},
    },
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use ipnet::IpNet;
use std::{net::IpAddr, time::Duration};

pub(in crate::edge::http) const ROUTES: &[Route] =
    &[Route::page(PATH, "what became of a mail", Needs::Right(Right::Look), || get(list))];

/// The section in the menu.
pub(super) const PATH: &str = "/trace";

#[derive(Template)]
#[template(path = "trace.html")]
struct TraceListPage {
    frame: Frame,
    /// The fields as they were filled in.
    fields: Fields,
    shelf: Shelf,
    /// Fields beside the one for everything were filled in.
    narrowed: bool,
    /// Nothing was asked for: these are the newest.
    newest: bool,
    organisations: Vec<String>,
    rows: Vec<Row>,
    /// Addresses of the next page and of the first one; empty where there is none.
    next: String,
    first: String,
    /// The search ended before it had found a page full.
    goes_on: bool,
}

struct Row {
    id: String,
    at: Moment,
    title: String,
    from: String,
    to: String,
    organisation: String,
    client: String,
    outbound: bool,
    status: Status,
    decided_by: String,
    reply: String,
}

/// What became of a mail, in a word of ours, and its colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) class: &'static str,
    pub(super) word: String,
}

impl Status {
    /// By the word that the trace has.
    pub(super) fn of(word: &str) -> Status {
        let class = match word {
            "delivered" | "relayed" | "expanded" | "released" => "good",
            "refused" | "bounced" | "failed" => "bad",
            _ => "mind",
        };
        Status { class, word: if word.is_empty() { "not known".to_string() } else { plain(word) } }
    }

    /// By what was decided.
    pub(super) fn decided(action: &str) -> Status {
        let (class, word) = match Action::from_word(action) {
            Some(Action::Deliver) => ("good", "delivered"),
            Some(Action::Mark) => ("good", "delivered with a mark"),
            Some(Action::Defer) => ("mind", "asked to come again"),
            Some(Action::Quarantine) => ("mind", "held"),
            Some(Action::Reject) => ("bad", "refused"),
            None => ("bad", "not judged"),
        };
        Status { class, word: word.to_string() }
    }
}

async fn list(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let mut frame = Frame::new(&site, &visitor, "Track", PATH);
    let asked = read_query(&query, &site.zone(), limits::WEB_PAGE_ROWS);
    let named = query.get("text").trim();
    let found = match asked {
        Ok(asked) => {
            let found = site.gateway().stores.trace.find(visitor.scope.clone(), asked).await;
            found.map_err(|error| store_is_away(&error).to_string())
        }
        Err(why) => Err(why),
    };
    let page = found.unwrap_or_else(|why| {
        frame.note = Some(Note::failed(why));
        TracePage::default()
    });
    // Whoever has the id has found it.
    if let (Ok(id), Some(_)) = (Id::parse(named), page.lines.first()) {
        return Redirect::to(&format!("{PATH}/{id}")).into_response();
    }
    let written = written(&query);
    let shelf = Shelf::of(&site, &visitor, ViewPage::Trace, &written, &mut frame).await;
    let wall = site.wall();
    render(&TraceListPage {
        frame,
        shelf,
        narrowed: is_narrowed(&query),
        newest: query.given("text").is_none() && !is_narrowed(&query),
        organisations: organisations(&site, &visitor.scope),
        goes_on: page.next.is_some() && page.lines.len() < limits::WEB_PAGE_ROWS,
        rows: page.lines.iter().map(|line| row(line, &wall)).collect(),
        next: page.next.map(|number| address(&query, Some(number))).unwrap_or_default(),
        first: query.given("before").map(|_| address(&query, None)).unwrap_or_default(),
        fields: query,
    })
}

fn is_narrowed(query: &Fields) -> bool {
    NARROWING.iter().any(|name| query.given(name).is_some())
}

/// The names that a list may be narrowed to: none for whoever sees one organisation only.
pub(super) fn organisations(site: &Place, scope: &Scope) -> Vec<String> {
    match scope {
        Scope::Everything => {
            let settings = site.gateway().settings.load();
            settings.organisations().map(|one| one.name().to_string()).collect()
        }
        Scope::Organisation(_) | Scope::Domains(..) | Scope::Mailbox(..) => Vec::new(),
    }
}

fn row(line: &TraceLine, wall: &Wall) -> Row {
    let status = match (line.status.as_str(), line.action.as_str()) {
        ("", action) => Status::decided(action),
        (status, _) => Status::of(status),
    };
    let from = if line.from.is_empty() { "<>" } else { &line.from };
    Row {
        id: line.id.clone(),
        at: Moment::of(wall, UnixMs(line.at_ms)),
        title: match (line.subject.is_empty(), line.bytes) {
            (true, 0) => "(refused before it came)".to_string(),
            (true, _) => "(no subject)".to_string(),
            (false, _) => short(&line.subject),
        },
        from: short(from),
        to: short(&line.to.replace(' ', ", ")),
        organisation: line.organisation.clone(),
        client: line.peer.clone(),
        outbound: line.direction == "outbound",
        status,
        decided_by: line.decided_by.clone(),
        // The id stands behind every reply, and here in the link.
        reply: short(line.reply.split(" (id ").next().unwrap_or_default()),
    }
}

/// What stands in a page's address, or in a program's question, as the search takes it.
pub(in crate::edge::http) fn read_query(
    query: &Fields,
    zone: &Zone,
    rows: usize,
) -> Result<TraceQuery, String> {
    let client = query.given("client").map(|text| network(&text)).transpose()?;
    let since = query.given("since").map(|text| moment(&text, zone)).transpose()?;
    let until = query.given("until").map(|text| end(&text, zone)).transpose()?;
    let before = query.given("before").map(|text| text.parse::<u64>()).transpose();
    let same_as = query.given("same_person_as").map(|text| Id::parse(text.trim())).transpose();
    let same_as =
        same_as.map_err(|_| "A mail is named by its id, of 26 letters and digits.".to_string())?;
    Ok(TraceQuery {
        text: query.given("text").map(|text| id_within(&text).unwrap_or(text)),
        sender: query.given("sender"),
        recipient: query.given("recipient"),
        subject: query.given("subject"),
        message_id: query.given("message_id"),
        client,
        reply: query.given("reply"),
        finding: query.given("finding"),
        action: query.given("action"),
        would: query.given("would"),
        direction: query.given("direction"),
        organisation: query.given("organisation"),
        persons: same_as.map(OfPersons::SameAs),
        since: since.unwrap_or(UnixMs(0)),
        until,
        before: before.map_err(|_| "The page is named by a number.".to_string())?,
        rows,
    })
}

/// The id that stands in a reply, as people paste it from a bounce: `550 5.7.1 refused: … (id 01K9ZQ4T6X8M4V0R2S5W7Y9ABC)`.
fn id_within(text: &str) -> Option<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words
        .filter(|word| word.len() == ID_LETTERS)
        .find_map(|word| Id::parse(word).ok())
        .map(|id| id.to_string())
}

/// Letters of an id of ours.
const ID_LETTERS: usize = 26;

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "A client is an address or a network, as in 192.0.2.0/24.".to_string())
}

/// The beginning of a day, a moment as RFC 3339 writes it, or one in milliseconds.
pub(in crate::edge::http) fn moment(text: &str, zone: &Zone) -> Result<UnixMs, String> {
    let text = text.trim();
    let day = zone.day_begins(text).or_else(|| read_iso(text));
    let at = day.or_else(|| text.parse().ok().map(UnixMs));
    at.ok_or_else(|| {
        let text = plain(text);
        format!("{text} is no time: write a day as 2026-11-21, or 2026-11-21T08:30:00Z.")
    })
}

/// The end of a day, or such a moment.
pub(in crate::edge::http) fn end(text: &str, zone: &Zone) -> Result<UnixMs, String> {
    let at = moment(text, zone)?;
    // A day on which the clock is put back has 25 hours: the next one begins within them.
    let next = (23..=25).map(|hours| at.plus(Duration::from_secs(3_600 * hours)));
    let mut next = next.filter(|next| {
        let (this, next) = (zone.show(at), zone.show(*next));
        (this.day, this.month) != (next.day, next.month)
    });
    let is_day = zone.day_begins(text.trim()).is_some();
    Ok(if is_day { next.next().unwrap_or(at) } else { at })
}

/// What is asked for, without anything else that stood there.
fn written(query: &Fields) -> String {
    let mut written = form_urlencoded::Serializer::new(String::new());
    for name in ["text"].iter().chain(NARROWING) {
        if let Some(value) = query.given(name) {
            written.append_pair(name, &value);
        }
    }
    written.finish()
}

/// The same, if it can be asked for.
pub(in crate::edge::http) fn clean_query(zone: &Zone, fields: &Fields) -> Result<String, String> {
    read_query(fields, zone, limits::WEB_PAGE_ROWS)?;
    Ok(written(fields))
}

/// The same search at another place of its list.
fn address(query: &Fields, before: Option<u64>) -> String {
    let written = written(query);
    match before {
        Some(number) if written.is_empty() => format!("{PATH}?before={number}"),
        Some(number) => format!("{PATH}?{written}&before={number}"),
        None => format!("{PATH}?{written}"),
    }
}

/// The fields beside the one for everything.
const NARROWING: &[&str] = &[
    "sender",
    "recipient",
    "subject",
    "message_id",
    "client",
    "reply",
    "finding",
    "action",
    "would",
    "direction",
    "organisation",
    "same_person_as",
    "since",
    "until",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_as_it_was_typed() {
        let query = Fields::read(
            b"text=+invoice+&client=192.0.2.7&since=2026-11-21&until=2026-11-21&before=7",
        );
        let asked = read_query(&query, &Zone::utc(), 50).unwrap();
        assert_eq!((asked.text.as_deref(), asked.before), (Some("invoice"), Some(7)));
        assert_eq!(asked.client.unwrap().to_string(), "192.0.2.7/32");
        assert_eq!(asked.until.unwrap().0 - asked.since.0, 24 * 3_600_000, "that day, all of it");
        // Where the clock is put back, or forward, a day is as long as it is there.
        let stockholm = Zone::parse("Europe/Stockholm").unwrap();
        for (day, hours) in [("2026-10-25", 25), ("2026-03-29", 23), ("2026-11-21", 24)] {
            let span = end(day, &stockholm).unwrap().0 - moment(day, &stockholm).unwrap().0;
            assert_eq!(span, hours * 3_600_000, "{day}");
        }
        for (wrong, want) in [
            ("client=x", "an address or a network"),
            ("since=yesterday", "no time"),
            ("before=x", "number"),
        ] {
            let why = read_query(&Fields::read(wrong.as_bytes()), &Zone::utc(), 50).unwrap_err();
            assert!(why.contains(want), "{wrong}: {why}");
        }
        let next = address(&Fields::read(b"text=a%26b&sender=x&before=9&more=y"), Some(3));
        assert_eq!(next, "/trace?text=a%26b&sender=x&before=3");
    }

    #[test]
    fn what_became_of_a_mail_has_a_colour() {
        for (status, class) in [
            (Status::of("delivered"), "good"),
            (Status::of("refused"), "bad"),
            (Status::of("queued"), "mind"),
            (Status::of(""), "mind"),
            (Status::decided("quarantine"), "mind"),
            (Status::decided(""), "bad"),
        ] {
            assert_eq!(status.class, class, "{status:?}");
        }
    }
}
