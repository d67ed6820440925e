//! The audit log: who did what, to what, when and why. Reading it changes nothing; taking it away is recorded in it first.
//!
//! Whoever belongs to an organisation reads what is about its things. Records do not say which domain a thing is of, so whoever sees only
//! some domains reads what was done by themselves.

use super::operate::{Whole, back, sentence};
use crate::{
    base::{limits, local::Zone},
    edge::{
        audit_table::{CSV_HEADING, csv},
        http::{
            Needs, Place, Route,
            admin::track::{end, moment, organisations},
            frame::{Frame, Note, render},
            rights::Right,
            site::{Site, store_is_away},
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, grouped, plain},
        },
    },
    mail::Organisation,
    store::{
        audit::{self, Actor, AuditFilter, Details, Entry, Page, Reason, Record, What},
        embedded::{audit_folder, each_line},
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use std::{io, path::Path, time::Duration};
use tokio::sync::mpsc;

const NEEDS: Needs = Needs::Right(Right::Audit);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "who did what", NEEDS, || get(list)),
    Route::act("/audit/export", "take the audit log away, as a file", NEEDS, || post(export)),
];

const PATH: &str = "/audit";

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    fields: Fields,
    /// Fields of the filter that were filled in, for the form of the export.
    given: Vec<(&'static str, String)>,
    organisations: Vec<String>,
    /// The visitor reads only what it did itself.
    own_alone: bool,
    head: Option<(String, Moment)>,
    /// The newest checkpoint.
    signed: Option<(String, Moment)>,
    /// The newest record that says that the chain was found broken.
    broken: Option<u64>,
    damaged: Vec<u64>,
    rows: Vec<Row>,
    next: String,
    first: String,
}

struct Row {
    number: u64,
    at: Moment,
    who: String,
    what: &'static str,
    organisation: String,
    object: String,
    reason: String,
    client: String,
    details: String,
}

async fn list(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let mut frame = Frame::new(&site, &visitor, "Audit", PATH);
    let found = match filter_of(&query, &visitor, &site.zone(), limits::WEB_PAGE_ROWS + 1) {
        Ok(filter) => look(&site, filter).await,
        Err(why) => Err(why),
    };
    let Looked { mut page, newest, checkpoint, broken } = found.unwrap_or_else(|why| {
        frame.note = Some(Note::failed(sentence(&why)));
        Looked::default()
    });
    let more = page.records.len() + page.damaged.len() > limits::WEB_PAGE_ROWS;
    page.records.truncate(limits::WEB_PAGE_ROWS);
    let next = page.records.last().filter(|_| more).map(|last| address(&query, Some(last.number)));
    page.records.retain(|record| may_read(record, &visitor));
    let wall = site.wall();
    render(&AuditPage {
        frame,
        given: given(&query).collect(),
        organisations: organisations(&site, &visitor.scope),
        own_alone: own_alone(&visitor),
        head: newest.map(|record| (grouped(record.number), Moment::of(&wall, record.at_ms))),
        signed: checkpoint.map(|record| (grouped(record.number), Moment::of(&wall, record.at_ms))),
        broken: broken.map(|record| record.number),
        damaged: page.damaged,
        rows: page.records.iter().map(|record| row(record, &wall)).collect(),
        next: next.unwrap_or_default(),
        first: query.given("before").map(|_| address(&query, None)).unwrap_or_default(),
        fields: query,
    })
}

#[derive(Default)]
struct Looked {
    page: Page,
    /// The newest record of all.
    newest: Option<Record>,
    /// The newest checkpoint.
    checkpoint: Option<Record>,
    /// The newest record about a broken chain.
    broken: Option<Record>,
}

async fn look(site: &Place, filter: AuditFilter) -> Result<Looked, String> {
    let log = &site.gateway().stores.audit;
    let newest = AuditFilter { rows: 1, ..AuditFilter::default() };
    let of = |what| AuditFilter { what: Some(what), ..newest.clone() };
    let first = async |filter| Ok(log.list(filter).await?.records.into_iter().next());
    let looked = async {
        Ok(Looked {
            page: log.list(filter).await?,
            newest: first(newest.clone()).await?,
            checkpoint: first(of(What::Checkpoint)).await?,
            broken: first(of(What::ChainBrokenFound)).await?,
        })
    };
    looked.await.map_err(|error| store_is_away(&error).to_string())
}

/// Does the visitor read only what it did itself?
fn own_alone(visitor: &Visitor) -> bool {
    matches!(Whole::of(&visitor.scope), Whole::Nothing)
}

/// May the visitor read this record, of those that its filter finds?
pub(in crate::edge::http) fn may_read(record: &Record, visitor: &Visitor) -> bool {
    !own_alone(visitor) || is_by(record, visitor)
}

/// The index finds names; a user of the machine may have the same one as an account.
fn is_by(record: &Record, visitor: &Visitor) -> bool {
    matches!(&record.who, Actor::Account { name, .. } if name.eq_ignore_ascii_case(&visitor.account.name))
}

/// What was asked for, within what the visitor may see.
pub(in crate::edge::http) fn filter_of(
    query: &Fields,
    visitor: &Visitor,
    zone: &Zone,
    rows: usize,
) -> Result<AuditFilter, String> {
    let named = query.given("organisation").map(|name| {
        Organisation::parse(&name).map_err(|_| "There is no such organisation.".to_string())
    });
    let what = query.given("what").map(|word| {
        word.parse::<What>().map_err(|_| {
            let words: Vec<&str> = What::ALL.iter().map(|what| what.word()).collect();
            format!("what is one of {}, not {}.", words.join(", "), plain(&word))
        })
    });
    let before = query
        .given("before")
        .map(|text| text.parse::<u64>().map_err(|_| "The page is named by a number.".to_string()));
    let until = query.given("until").map(|text| end(&text, zone)).transpose()?;
    let what = what.transpose()?;
    let mut filter = AuditFilter {
        scope: named.transpose()?,
        who: query.given("who"),
        // An export is whole, or nobody could verify it.
        without_checkpoints: what.is_none() && rows > 0,
        what,
        object: query.given("object"),
        since: query.given("since").map(|text| moment(&text, zone)).transpose()?,
        // The log takes the last moment itself.
        until: until.map(|at| at.minus(Duration::from_millis(1))),
        before: before.transpose()?,
        rows,
    };
    match Whole::of(&visitor.scope) {
        Whole::Everything => (),
        Whole::Of(own) => filter.scope = Some(own),
        Whole::Nothing => {
            filter.scope = None;
            filter.who = Some(visitor.account.name.clone());
        }
    }
    Ok(filter)
}

fn row(record: &Record, wall: &Wall) -> Row {
    Row {
        number: record.number,
        at: Moment::of(wall, record.at_ms),
        who: plain(&record.who.to_string()),
        what: record.what.word(),
        organisation: record.organisation.as_ref().map(ToString::to_string).unwrap_or_default(),
        object: plain(record.object.as_deref().unwrap_or("")),
        reason: plain(record.reason.as_ref().map_or("", Reason::as_str)),
        client: record.client.map(|client| client.to_string()).unwrap_or_default(),
        details: details(&record.details),
    }
}

/// `act: add, seconds: 60`.
fn details(details: &Details) -> String {
    let Ok(serde_json::Value::Object(facts)) = serde_json::to_value(details) else {
        return String::new();
    };
    let fact = |(name, value): (&String, &serde_json::Value)| match value.as_str() {
        Some(text) => format!("{name}: {}", plain(text)),
        None => format!("{name}: {value}"),
    };
    facts.iter().map(fact).collect::<Vec<_>>().join(", ")
}

/// Fields of the filter that were filled in.
fn given(query: &Fields) -> impl Iterator<Item = (&'static str, String)> {
    let names = ["who", "what", "object", "organisation", "since", "until"];
    names.into_iter().filter_map(|name| Some((name, query.given(name)?)))
}

fn address(query: &Fields, before: Option<u64>) -> String {
    let mut written = form_urlencoded::Serializer::new(String::new());
    for (name, value) in given(query) {
        written.append_pair(name, &value);
    }
    if let Some(number) = before {
        written.append_pair("before", &number.to_string());
    }
    format!("{PATH}?{}", written.finish())
}

async fn export(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    match taken_away(&site, &visitor, &fields, &site.zone()).await {
        Ok(file) => file,
        Err(why) => back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    }
}

/// The log as a file, as far as a form wants it and the visitor may read it; that it was taken is recorded in it first.
pub(in crate::edge::http) async fn taken_away(
    site: &Site,
    visitor: &Visitor,
    fields: &Fields,
    zone: &Zone,
) -> Result<Response, String> {
    let as_table = fields.get("format") == "csv";
    let filter = AuditFilter { before: None, ..filter_of(fields, visitor, zone, 0)? };
    let form = if as_table { "csv" } else { "jsonl" };
    let mut details = Details::default().word("format", form);
    for (name, value) in given(fields) {
        details = details.word(name, &site.desk().mask(&value));
    }
    let entry = Entry::new(visitor.actor(), What::AuditExported)
        .of(filter.scope.clone())
        .because(site.desk().reason(fields.get("reason")))
        .with(details);
    site.record(visitor, vec![entry]).await?;
    tracing::warn!(by = visitor.account.name, form, "the audit log was exported by page");
    let folder = audit_folder(&site.gateway().settings.load().config.data_dir);
    let visitor = visitor.clone();
    let (pieces, taken) = crate::edge::http::pieces::streamed();
    tokio::task::spawn_blocking(move || {
        let wanted = |record: &Record| filter.takes(record) && may_read(record, &visitor);
        if let Err(why) = write(&folder, as_table, wanted, &pieces) {
            tracing::warn!(why, "an export of the audit log ended early");
            // Cut off, so that nobody takes a part for the whole. Whoever went away hears nothing.
            let _gone = pieces.blocking_send(Err(io::Error::other(why)));
        }
    });
    let (kind, name) = match as_table {
        true => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        false => ("application/jsonl; charset=utf-8", "attachment; filename=\"audit.jsonl\""),
    };
    let fields = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)];
    Ok((fields, taken).into_response())
}

/// Writes the lines that are wanted, a piece at a time; waits for whoever reads them.
fn write(
    folder: &Path,
    as_table: bool,
    wanted: impl Fn(&Record) -> bool,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), String> {
    let send = |text: &mut Vec<u8>| {
        let piece = Bytes::from(std::mem::take(text));
        pieces.blocking_send(Ok(piece)).map_err(|_| "nobody reads it any more".to_string())
    };
    let mut text = Vec::new();
    if as_table {
        text.extend_from_slice(format!("{CSV_HEADING}\r\n").as_bytes());
    }
    each_line(folder, |line| {
        let Some(record) = audit::read_record(line).filter(&wanted) else { return Ok(()) };
        match as_table {
            true => text.extend_from_slice(format!("{}\r\n", csv(&record, line)).as_bytes()),
            false => {
                text.extend_from_slice(line);
                text.push(b'\n');
            }
        }
        if text.len() >= PIECE_BYTES { send(&mut text) } else { Ok(()) }
    })?;
    send(&mut text)
}

/// So much is written at once.
const PIECE_BYTES: usize = 64 << 10;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_an_act_are_read_in_a_line() {
        let facts = Details::default().word("act", "add\n").number("seconds", 60);
        assert_eq!(details(&facts), "act: add , seconds: 60");
        assert_eq!(details(&Details::default()), "");
    }

    #[test]
    fn the_next_page_has_the_same_filter() {
        let query = Fields::read(b"who=a%26b&before=9&csrf=x");
        assert_eq!(address(&query, Some(3)), "/audit?who=a%26b&before=3");
        assert_eq!(given(&query).count(), 1);
    }
}
