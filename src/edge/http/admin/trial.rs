//! What policies on trial would have done, to decide whether they may act: numbers, reasons, senders, samples.

use super::operate::{Whole, days, frame, sentence};
use crate::{
    base::{clock::UnixMs, limits},
    config::policy::Action,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, Section, render},
        picture::{Bar, Part},
        rights::Right,
        visit::{Query, Visitor},
        words::{Moment, Wall, grouped, percent, plain, short},
    },
    store::trace::{TraceLine, TrialCount, TrialReport},
};
use askama::Template;
use axum::{extract::State, response::Response, routing::get};
use std::collections::BTreeMap;

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::page(
    "/trial",
    "what policies on trial would have done",
    Needs::Right(Right::Look),
    || get(trial),
)];

/// How far back a report goes.
const DAYS: [u64; 4] = [7, 30, 90, 365];

#[derive(Template)]
#[template(path = "trial.html")]
struct TrialPage {
    frame: Frame,
    pages: Vec<Section>,
    days: u64,
    organisation: String,
    /// To choose from, for who sees all.
    organisations: Vec<String>,
    /// The visitor sees a part of an organisation, and these are numbers of a whole one.
    not_whole: bool,
    mails: String,
    held: String,
    held_percent: u64,
    refused: String,
    marked: String,
    stopped_even_so: String,
    bar: Bar,
    groups: Vec<Group>,
    more: usize,
    reasons: Vec<Reason>,
    senders: Vec<(String, String)>,
    samples: Vec<Sample>,
    in_shadow: bool,
}

struct Group {
    organisation: String,
    direction: String,
    mode: String,
    mails: String,
    /// In the order of [`Action::ALL`].
    by_action: Vec<(&'static str, String)>,
}

struct Reason {
    finding: String,
    would: String,
    mails: String,
    share: u64,
}

struct Sample {
    id: String,
    at: Moment,
    direction: String,
    from: String,
    to: String,
    would: String,
    score: String,
    decided_by: String,
}

async fn trial(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Trial", "/trial");
    let days = days(query.get("days"), &DAYS, 30);
    let settings = site.gateway().settings.load();
    let all = || settings.organisations().map(|one| one.name().to_string()).collect::<Vec<_>>();
    let asked = query.get("organisation").to_string();
    let organisations = match Whole::of(&visitor.scope) {
        Whole::Everything => all(),
        Whole::Of(_) | Whole::Nothing => Vec::new(),
    };
    let whose = whose(&visitor, &asked);
    let not_whole = whose.is_none();
    let report = match whose {
        Some(organisation) => site.desk().trial(days, organisation).await,
        None => Ok(TrialReport::default()),
    };
    let report = report.unwrap_or_else(|why| {
        frame.note = Some(Note::failed(sentence(&why)));
        TrialReport::default()
    });
    let page = TrialPage {
        frame,
        pages,
        days,
        organisation: asked,
        organisations,
        not_whole,
        ..told(&report, &site.wall())
    };
    render(&page)
}

/// Whose report a visitor's question is put to: none, that of one organisation, or (`Some(None)`) of all.
pub(in crate::edge::http) fn whose(visitor: &Visitor, asked: &str) -> Option<Option<String>> {
    match Whole::of(&visitor.scope) {
        Whole::Everything => Some(Some(asked.to_string()).filter(|name| !name.is_empty())),
        Whole::Of(own) => Some(Some(own.name().to_string())),
        Whole::Nothing => None,
    }
}

/// The report in the words of a page.
fn told(report: &TrialReport, wall: &Wall) -> TrialPage {
    let counts = &report.counts;
    let would = |action: Action| -> u64 {
        counts.iter().filter(|count| count.would == action.word()).map(|count| count.mails).sum()
    };
    let mails: u64 = counts.iter().map(|count| count.mails).sum();
    let stopped = counts.iter().filter(|count| !goes_on(&count.action)).map(|count| count.mails);
    let parts: Vec<Part<'_>> =
        Action::ALL.iter().map(|action| (colour(*action), name(*action), would(*action))).collect();
    let most = report.reasons.iter().map(|reason| reason.mails).max().unwrap_or(0);
    let (groups, more) = groups(counts);
    TrialPage {
        frame: Frame::default(),
        pages: Vec::new(),
        days: 0,
        organisation: String::new(),
        organisations: Vec::new(),
        not_whole: false,
        mails: grouped(mails),
        held: grouped(would(Action::Quarantine)),
        held_percent: percent(would(Action::Quarantine), mails),
        refused: grouped(would(Action::Reject)),
        marked: grouped(would(Action::Mark)),
        stopped_even_so: grouped(stopped.sum()),
        bar: Bar::of(&parts),
        groups,
        more,
        reasons: report
            .reasons
            .iter()
            .map(|reason| Reason {
                finding: reason.finding.clone(),
                would: reason.would.clone(),
                mails: grouped(reason.mails),
                share: percent(reason.mails, most),
            })
            .collect(),
        senders: report
            .senders
            .iter()
            .map(|one| (short(&one.sender), grouped(one.mails)))
            .collect(),
        samples: report.samples.iter().map(|line| sample(line, wall)).collect(),
        in_shadow: counts.iter().any(|count| count.mode == "shadow"),
    }
}

fn goes_on(action: &str) -> bool {
    match Action::from_word(action) {
        Some(Action::Deliver | Action::Mark) => true,
        Some(Action::Defer | Action::Quarantine | Action::Reject) | None => false,
    }
}

fn colour(action: Action) -> &'static str {
    match action {
        Action::Deliver => "good",
        Action::Mark => "bar",
        Action::Defer => "rest",
        Action::Quarantine => "mind",
        Action::Reject => "bad",
    }
}

fn name(action: Action) -> &'static str {
    match action {
        Action::Deliver => "delivered",
        Action::Mark => "marked",
        Action::Defer => "deferred",
        Action::Quarantine => "held",
        Action::Reject => "refused",
    }
}

/// A row for each organisation, direction and mode, those with most to stop first; and how many are left out.
fn groups(counts: &[TrialCount]) -> (Vec<Group>, usize) {
    let mut found: BTreeMap<(&str, &str, &str), BTreeMap<&str, u64>> = BTreeMap::new();
    for count in counts {
        let group = (count.organisation.as_str(), count.direction.as_str(), count.mode.as_str());
        let mails = found.entry(group).or_default().entry(count.would.as_str()).or_default();
        *mails = mails.saturating_add(count.mails);
    }
    let of = |by: &BTreeMap<&str, u64>, action: Action| by.get(action.word()).copied().unwrap_or(0);
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, by)| {
        std::cmp::Reverse(of(by, Action::Quarantine).saturating_add(of(by, Action::Reject)))
    });
    let more = found.len().saturating_sub(limits::WEB_PAGE_ROWS);
    found.truncate(limits::WEB_PAGE_ROWS);
    let group =
        |((organisation, direction, mode), by): ((&str, &str, &str), BTreeMap<&str, u64>)| Group {
            organisation: organisation.to_string(),
            direction: direction.to_string(),
            mode: mode.to_string(),
            mails: grouped(by.values().sum()),
            by_action: Action::ALL
                .iter()
                .map(|action| (name(*action), grouped(of(&by, *action))))
                .collect(),
        };
    (found.into_iter().map(group).collect(), more)
}

fn sample(line: &TraceLine, wall: &Wall) -> Sample {
    Sample {
        id: line.id.clone(),
        at: Moment::of(wall, UnixMs(line.at_ms)),
        direction: line.direction.clone(),
        from: short(&line.from),
        to: short(&line.to),
        would: line.would.clone(),
        score: format!("{:.1}", line.score),
        decided_by: plain(&line.decided_by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::local::Zone;

    #[test]
    fn those_with_most_to_stop_come_first_and_every_mail_is_counted() {
        let count = |organisation: &str, action: &str, would: &str, mails| TrialCount {
            organisation: organisation.to_string(),
            direction: "inbound".to_string(),
            mode: "shadow".to_string(),
            action: action.to_string(),
            would: would.to_string(),
            mails,
        };
        let report = TrialReport {
            counts: vec![
                count("acme", "deliver", "deliver", 90),
                count("acme", "deliver", "mark", 4),
                count("berg", "deliver", "quarantine", 5),
                count("berg", "defer", "defer", 1),
            ],
            ..TrialReport::default()
        };
        let page = told(&report, &Wall::new(Zone::utc(), UnixMs(0)));
        assert_eq!((page.mails.as_str(), page.held.as_str(), page.held_percent), ("100", "5", 5));
        assert_eq!(page.stopped_even_so, "1");
        let groups: Vec<(&str, &str)> = page
            .groups
            .iter()
            .map(|group| (group.organisation.as_str(), group.mails.as_str()))
            .collect();
        assert_eq!(groups, [("berg", "6"), ("acme", "94")]);
        assert_eq!(page.bar.pieces.len(), 4);
    }
}
