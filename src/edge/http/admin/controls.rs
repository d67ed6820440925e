//! Controls: what must hold, how each stands, who answers for it; and what was broken when. Reading alone: controls stand in the file.
//!
//! Whoever belongs to an organisation sees those that are its own; whoever sees only some of its domains, none.

use super::operate::{Whole, frame};
use crate::{
    base::{clock::UnixMs, limits, units},
    config::control::ControlEntry,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, Section, render},
        rights::Right,
        site::{Site, store_is_away},
        visit::{Query, Visitor},
        words::{Moment, Wall, plain},
    },
    mail::Organisation,
    store::{
        StoreError,
        deviations::{Deviation, DeviationFilter, State},
    },
    wire::report::{Language, deviation::Measure},
};
use askama::Template;
use axum::{extract::State as FromState, response::Response, routing::get};
use schemars::JsonSchema;
use serde::Serialize;

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::page(
    PATH,
    "what must hold, and what is broken",
    Needs::Right(Right::Settings),
    || get(show),
)];

const PATH: &str = "/controls";

/// A control, and how it stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(in crate::edge::http) struct ControlLine {
    /// Its name.
    pub(in crate::edge::http) name: String,
    /// What it looks at.
    pub(in crate::edge::http) measure: Measure,
    /// Whose; absent: the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    /// Who answers for it.
    owner: Vec<String>,
    /// How it stands.
    state: State,
    /// Since when, milliseconds since 1970; absent while it was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    /// When it was looked at last.
    #[serde(skip_serializing_if = "Option::is_none")]
    looked_ms: Option<u64>,
    /// What was measured, in figures; "?": it could not be.
    value: String,
    /// How far it may go.
    limit: String,
    /// More; may be empty.
    note: String,
    /// What is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<OpenLine>,
}

/// A deviation that is open.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(in crate::edge::http) struct OpenLine {
    /// Its number.
    number: u64,
    /// Since when, milliseconds since 1970.
    since_ms: u64,
    /// How often its owners were reminded.
    reminders: u64,
    /// When it was escalated.
    #[serde(skip_serializing_if = "Option::is_none")]
    escalated_ms: Option<u64>,
    /// Good since then, and watched whether it stays so.
    #[serde(skip_serializing_if = "Option::is_none")]
    good_since_ms: Option<u64>,
}

#[derive(Template)]
#[template(path = "controls.html")]
struct ControlsPage {
    frame: Frame,
    pages: Vec<Section>,
    rows: Vec<Row>,
    history: Vec<Past>,
    next: String,
    says_whose: bool,
}

struct Row {
    name: String,
    organisation: String,
    state: &'static str,
    class: &'static str,
    about: &'static str,
    value: String,
    limit: String,
    note: String,
    owner: String,
    since: Option<Moment>,
}

struct Past {
    number: u64,
    control: String,
    organisation: String,
    opened: Moment,
    ended: Option<Moment>,
    how: &'static str,
    lasted: String,
    value: String,
    limit: String,
    told: String,
}

async fn show(
    FromState(site): FromState<Place>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Controls", PATH);
    let before = query.given("before").and_then(|number| number.parse().ok());
    let found = async {
        Ok::<_, StoreError>((lines(&site, &visitor).await?, past(&site, &visitor, before).await?))
    };
    let (rows, mut history) = found.await.unwrap_or_else(|error| {
        frame.note = Some(Note::failed(store_is_away(&error)));
        Default::default()
    });
    let more = history.len() > limits::CONTROL_HISTORY_ROWS;
    history.truncate(limits::CONTROL_HISTORY_ROWS);
    let last = history.last().filter(|_| more);
    let (wall, now) = (site.wall(), site.now());
    render(&ControlsPage {
        next: last.map(|one| format!("{PATH}?before={}", one.number)).unwrap_or_default(),
        says_whose: matches!(Whole::of(&visitor.scope), Whole::Everything),
        rows: rows.iter().map(|line| row(line, &wall)).collect(),
        history: history.iter().map(|one| past_row(one, &wall, now)).collect(),
        frame,
        pages,
    })
}

/// Is a control, or a deviation, one that the visitor may see?
pub(in crate::edge::http) fn is_theirs(visitor: &Visitor, owner: Option<&Organisation>) -> bool {
    match Whole::of(&visitor.scope) {
        Whole::Everything => true,
        Whole::Of(own) => owner == Some(&own),
        Whole::Nothing => false,
    }
}

/// The controls that a visitor may see, those that are not good first.
pub(in crate::edge::http) async fn lines(
    site: &Site,
    visitor: &Visitor,
) -> Result<Vec<ControlLine>, StoreError> {
    let gateway = site.gateway();
    let known = gateway.stores.deviations.known().await?;
    let settings = gateway.settings.load_full();
    let theirs =
        settings.config.controls.iter().filter(|one| is_theirs(visitor, one.organisation.as_ref()));
    let mut lines: Vec<ControlLine> = theirs
        .map(|entry| {
            let stands = known.stands.iter().find(|one| one.control == entry.name);
            let open = known.open.iter().find(|one| one.control == entry.name);
            let evidence = stands.map(|one| one.evidence.clone()).unwrap_or_default();
            ControlLine {
                state: stands.map(|one| one.state).unwrap_or_default(),
                since_ms: stands.map(|one| one.since.0),
                looked_ms: stands.map(|one| one.looked.0),
                value: evidence.value,
                limit: evidence.limit,
                note: evidence.note,
                open: open.map(open_line),
                ..line(entry)
            }
        })
        .collect();
    lines.sort_by_key(|line| (line.open.is_none(), line.state == State::Good));
    Ok(lines)
}

/// One that was not looked at yet.
fn line(entry: &ControlEntry) -> ControlLine {
    ControlLine {
        name: entry.name.clone(),
        measure: entry.measure,
        organisation: entry.organisation.as_ref().map(ToString::to_string),
        owner: entry.owner.iter().map(ToString::to_string).collect(),
        state: State::Unknown,
        since_ms: None,
        looked_ms: None,
        value: String::new(),
        limit: String::new(),
        note: String::new(),
        open: None,
    }
}

fn open_line(open: &Deviation) -> OpenLine {
    OpenLine {
        number: open.number,
        since_ms: open.opened.0,
        reminders: open.reminders,
        escalated_ms: open.escalated.map(|at| at.0),
        good_since_ms: open.good_since.map(|at| at.0),
    }
}

/// Deviations that a visitor may see, one more than a page has.
async fn past(
    site: &Site,
    visitor: &Visitor,
    before: Option<u64>,
) -> Result<Vec<Deviation>, StoreError> {
    let organisation = match Whole::of(&visitor.scope) {
        Whole::Everything => None,
        Whole::Of(own) => Some(own),
        Whole::Nothing => return Ok(Vec::new()),
    };
    let rows = limits::CONTROL_HISTORY_ROWS + 1;
    site.gateway().stores.deviations.list(DeviationFilter { organisation, before, rows }).await
}

fn row(line: &ControlLine, wall: &Wall) -> Row {
    let (state, class) = match (line.state, &line.open) {
        (_, Some(open)) if open.good_since_ms.is_some() => ("well again, watched", "mind"),
        (State::Unknown, Some(_)) => ("broken: unknown", "bad"),
        (State::Good | State::Broken, Some(_)) | (State::Broken, None) => ("broken", "bad"),
        (State::Good, None) => ("good", "good"),
        (State::Unknown, None) => ("unknown", "mind"),
    };
    let since = line.open.as_ref().map(|open| open.since_ms).or(line.since_ms);
    Row {
        name: plain(&line.name),
        organisation: line.organisation.clone().unwrap_or_default(),
        state,
        class,
        about: line.measure.about(Language::En),
        value: plain(&line.value),
        limit: plain(&line.limit),
        note: plain(&line.note),
        owner: plain(&line.owner.join(", ")),
        since: since.map(|at| Moment::of(wall, UnixMs(at))),
    }
}

fn past_row(one: &Deviation, wall: &Wall, now: UnixMs) -> Past {
    let told = match one.reminders {
        0 => "told".to_string(),
        1 => "told, reminded once".to_string(),
        many => format!("told, reminded {many} times"),
    };
    let escalated = if one.escalated.is_some() { ", escalated" } else { "" };
    Past {
        number: one.number,
        control: plain(&one.control),
        organisation: one.organisation.as_ref().map(ToString::to_string).unwrap_or_default(),
        opened: Moment::of(wall, one.opened),
        ended: one.ended.map(|at| Moment::of(wall, at)),
        how: if one.withdrawn { "control removed" } else { "" },
        lasted: units::roughly(one.ended.unwrap_or(now).since(one.opened)),
        value: plain(&one.evidence.value),
        limit: plain(&one.evidence.limit),
        told: format!("{told}{escalated}"),
    }
}
