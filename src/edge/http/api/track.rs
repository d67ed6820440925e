//! What is known of mails: the trace, the counts, and the audit log.

use super::{
    LIMIT, Param, Problem, Rows, SINCE, Sent, Spec, UNTIL, answer, as_written, asked, not_done,
    rows_wanted, shape,
};
use crate::{
    base::{ids::Id, local::Zone},
    edge::{
        blocked_desk,
        http::{
            Place, Route,
            admin::{
                audit::{filter_of, may_read, taken_away},
                statistics::{Span, narrowed},
                track::read_query,
                track_mail::Story,
            },
            rights::Right,
            visit::{Fields, Query, Visitor},
        },
    },
    store::{
        audit::{Reason, Record},
        trace::{Statistics, TraceLine},
    },
};
use axum::{
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const SEARCH: &[Param] = &[
    Param::text("text", "Words, each of them anywhere; or an id."),
    Param::text("sender", "Part of the envelope sender or of From, from the beginning of a word."),
    Param::text("recipient", "Part of a recipient."),
    Param::text("subject", "Words of the subject."),
    Param::text("message_id", "Part of the Message-ID."),
    Param::text("client", "The client's address or network."),
    Param::text("reply", "Part of a reply, ours or a next hop's."),
    Param::text("finding", "With this finding; \"phrase.*\": one that begins so."),
    Param::one_of(
        "action",
        "What was done; \"none\": refused before it was judged; \"released\" or \"deleted\": what became of a held one.",
        &["deliver", "mark", "defer", "quarantine", "reject", "none", "released", "deleted"],
    ),
    Param::one_of(
        "would",
        "What a policy on trial would have done.",
        &["deliver", "mark", "defer", "quarantine", "reject"],
    ),
    Param::one_of("direction", "Which way it goes.", &["inbound", "outbound"]),
    Param::organisation("The organisation."),
    Param::text(
        "same_person_as",
        "With a person of the mail of this id, where the organisation has its mail marked.",
    ),
    SINCE,
    UNTIL,
    Param::number("before", "What `next` of the page before says."),
    LIMIT,
];

const COUNTED: &[Param] = &[
    Param::one_of(
        "span",
        "\"day\" by hour, the others by day; a week if not given.",
        &["day", "week", "month", "year"],
    ),
    Param::organisation("Of this organisation only."),
];

const RECORDS: &[Param] = &[
    Param::text("who", "By whom: a user, an account or a mailbox, whole."),
    Param::text("what", "What was done: \"released\", \"policy-changed\" …"),
    Param::text("object", "About what: an id or a name, whole."),
    Param::organisation("The organisation."),
    SINCE,
    UNTIL,
    Param::number("before", "What `next` of the page before says."),
    LIMIT,
];

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/trace",
        "transactions that match, the newest first",
        Right::Look,
        Spec { query: SEARCH, body: None, answer: shape::<Rows<TraceLine>> },
        || get(search),
    ),
    Route::api(
        "GET",
        "/api/v1/trace/{id}",
        "one transaction, once for each organisation that has a part in it",
        Right::Look,
        Spec { query: &[], body: None, answer: shape::<Rows<Story>> },
        || get(story),
    ),
    Route::api(
        "GET",
        "/api/v1/statistics",
        "what happened in a span of time",
        Right::Look,
        Spec { query: COUNTED, body: None, answer: shape::<Statistics> },
        || get(statistics),
    ),
    Route::api(
        "GET",
        "/api/v1/audit",
        "records of the audit log, the newest first",
        Right::Audit,
        Spec { query: RECORDS, body: None, answer: shape::<Rows<Recorded>> },
        || get(records),
    ),
    Route::api(
        "POST",
        "/api/v1/audit/export",
        "take records of the audit log away, the oldest first, a line each, as JSON or CSV; that they were taken is recorded first",
        Right::Audit,
        Spec { query: &[], body: Some(shape::<Export>), answer: lines },
        || post(export),
    ),
];

/// What is to be taken away. Each field narrows it, as in the list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Export {
    /// By whom.
    who: String,
    /// What was done.
    what: String,
    /// About what.
    object: String,
    /// Of which organisation.
    organisation: String,
    /// From then on: a moment (2026-11-21T08:30:00Z), a day (UTC), or milliseconds.
    since: String,
    /// Before, in the same forms; of a day, with all of it.
    until: String,
    /// Why it is taken, for the log.
    reason: String,
    /// Lines of JSON, as the log has them, or a table.
    format: Form,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// A record a line; the chain of their hashes can be verified.
    #[default]
    Jsonl,
    /// For spreadsheets: no field begins a formula.
    Csv,
}

/// Lines of JSON, or of a table.
fn lines(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "contentMediaType": "application/jsonl" })
}

async fn export(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Export { who, what, object, organisation, since, until, reason, format } = sent.read()?;
    asked::organisation(&site, &visitor, &organisation)?;
    let format = match format {
        Form::Jsonl => "jsonl",
        Form::Csv => "csv",
    };
    let fields = Fields::default().with(&[
        ("who", who.as_str()),
        ("what", what.as_str()),
        ("object", object.as_str()),
        ("organisation", organisation.as_str()),
        ("since", since.as_str()),
        ("until", until.as_str()),
        ("reason", reason.as_str()),
        ("format", format),
    ]);
    taken_away(&site, &visitor, &fields, &Zone::utc()).await.map_err(not_done)
}

/// A record of the audit log.
#[derive(Debug, Serialize, JsonSchema)]
struct Recorded {
    /// Its number, from 1.
    number: u64,
    /// When it was written.
    at_ms: u64,
    /// "account", "command-line", "mailbox", "by-reply" or "system".
    who_kind: &'static str,
    /// Who, lower case.
    who: String,
    /// What was done.
    what: &'static str,
    /// Whose thing it is about; null: the site's.
    organisation: Option<String>,
    /// The thing.
    object: Option<String>,
    /// Why.
    reason: Option<String>,
    /// From which address it was asked.
    client: Option<String>,
    /// Further facts.
    details: serde_json::Value,
    /// The hash of the record before.
    prev: String,
}

fn recorded(record: Record) -> Recorded {
    Recorded {
        number: record.number,
        at_ms: record.at_ms.0,
        who_kind: record.who.kind(),
        who: record.who.name(),
        what: record.what.word(),
        organisation: record.organisation.map(|own| own.to_string()),
        object: record.object,
        reason: record.reason.as_ref().map(|reason| Reason::as_str(reason).to_string()),
        client: record.client.map(|client| client.to_string()),
        details: serde_json::to_value(&record.details).unwrap_or_default(),
        prev: record.prev.to_string(),
    }
}

async fn search(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let asked =
        read_query(&query.0, &Zone::utc(), rows_wanted(&query)?).map_err(Problem::bad_request)?;
    let mut found = site.gateway().stores.trace.find(visitor.scope, asked).await?;
    found.lines.iter_mut().for_each(|line| line.score = as_written(line.score));
    let next = found.next.map(|number| number.to_string());
    Ok(answer(&Rows { items: found.lines, next }))
}

async fn story(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = Id::parse(&id).map_err(|_| Problem::missing())?;
    let mut stories = site.gateway().stores.trace.story(id, visitor.scope.clone()).await?;
    blocked_desk::complete(site.gateway(), &visitor.scope, &mut stories).await;
    if stories.is_empty() {
        return Err(Problem::missing());
    }
    let read: Result<Vec<Story>, serde_json::Error> =
        stories.into_iter().map(serde_json::from_value).collect();
    let items = read.map_err(|error| {
        tracing::error!(%error, "a row of the trace could not be read");
        Problem::ours("the row could not be read")
    })?;
    Ok(answer(&Rows { items, next: None }))
}

async fn statistics(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let scope =
        narrowed(&visitor.scope, query.0.get("organisation")).map_err(Problem::bad_request)?;
    let (span, now) = (Span::read(query.0.get("span")), site.now());
    let trace = &site.gateway().stores.trace;
    Ok(answer(&trace.statistics(scope, span.begins(now), now, span.step()).await?))
}

async fn records(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let rows = rows_wanted(&query)?;
    let filter =
        filter_of(&query.0, &visitor, &Zone::utc(), rows + 1).map_err(Problem::bad_request)?;
    let mut page = site.gateway().stores.audit.list(filter).await?;
    let more = page.records.len() > rows;
    page.records.truncate(rows);
    let next = page.records.last().filter(|_| more).map(|last| last.number.to_string());
    let own = page.records.into_iter().filter(|record| may_read(record, &visitor));
    Ok(answer(&Rows { items: own.map(recorded).collect(), next }))
}
