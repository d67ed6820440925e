//! Statistics: how much mail there was, what was done with it, and who and what stood out; of what the visitor may see.
//!
//! Pictures are drawn here and now, as SVG; each says in words what it shows, and stands in a table too.

use super::{operate::sentence, track::organisations};
use crate::{
    base::{clock::UnixMs, units},
    config::policy::Action,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, render},
        picture::{Bar, Columns},
        rights::Right,
        site::store_is_away,
        visit::{Query, Visitor},
        words::{DAY_MS, Moment, Wall, grouped, percent, plain, short},
    },
    mail::Organisation,
    store::{
        scope::Scope,
        trace::{LatencyCount, NameCount, Statistics, StatisticsCount, Step},
    },
};
use askama::Template;
use axum::{extract::State, response::Response, routing::get};

pub(in crate::edge::http) const ROUTES: &[Route] =
    &[Route::page(PATH, "how much mail, and what was done", Needs::Right(Right::Look), || {
        get(show)
    })];

const PATH: &str = "/statistics";

/// How far back, and how fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge::http) enum Span {
    /// 24 hours, by hour.
    Day,
    /// 7 days, by day.
    Week,
    /// 30 days, by day.
    Month,
    /// 52 weeks, by week.
    Year,
}

const HOUR_MS: u64 = DAY_MS / 24;

impl Span {
    pub(in crate::edge::http) const ALL: [Span; 4] =
        [Span::Day, Span::Week, Span::Month, Span::Year];

    pub(in crate::edge::http) fn word(self) -> &'static str {
        match self {
            Span::Day => "day",
            Span::Week => "week",
            Span::Month => "month",
            Span::Year => "year",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Span::Day => "24 hours",
            Span::Week => "7 days",
            Span::Month => "30 days",
            Span::Year => "52 weeks",
        }
    }

    /// By its word; a week if there is none.
    pub(in crate::edge::http) fn read(word: &str) -> Span {
        Span::ALL.into_iter().find(|span| span.word() == word).unwrap_or(Span::Week)
    }

    pub(in crate::edge::http) fn step(self) -> Step {
        match self {
            Span::Day => Step::Hour,
            Span::Week | Span::Month | Span::Year => Step::Day,
        }
    }

    /// How many columns, how long one is, and what it is called.
    fn columns(self) -> (u64, u64, &'static str) {
        match self {
            Span::Day => (24, HOUR_MS, "hour"),
            Span::Week => (7, DAY_MS, "day"),
            Span::Month => (30, DAY_MS, "day"),
            Span::Year => (52, 7 * DAY_MS, "week"),
        }
    }

    /// Where it begins, that today, or this hour, is in the last column.
    pub(in crate::edge::http) fn begins(self, now: UnixMs) -> UnixMs {
        let (count, length, _) = self.columns();
        let last = if self == Span::Day { HOUR_MS } else { DAY_MS };
        let end = (now.0 / last).saturating_add(1).saturating_mul(last);
        UnixMs(end.saturating_sub(count.saturating_mul(length)))
    }
}

#[derive(Template)]
#[template(path = "statistics.html")]
struct StatisticsPage {
    frame: Frame,
    span: Span,
    organisation: String,
    organisations: Vec<String>,
    figures: Vec<(&'static str, String)>,
    charts: Vec<Chart>,
    latency: Vec<Share>,
    tls: Vec<(String, Bar)>,
    lists: Vec<(&'static str, &'static str, Vec<Share>)>,
}

/// Mail of one direction over the time.
struct Chart {
    title: &'static str,
    columns: Columns,
    /// What the colours are, and how many of each.
    key: Vec<(&'static str, &'static str, String)>,
    first: Moment,
    last: Moment,
    unit: &'static str,
    most: String,
    rows: Vec<TableRow>,
}

struct TableRow {
    at: Moment,
    all: String,
    counts: Vec<(&'static str, String)>,
    size: String,
    released: String,
}

/// A name, how many mails, and how many of a hundred of the largest.
struct Share {
    name: String,
    mails: String,
    share: u64,
    /// Where these mails are found; empty where nobody can look.
    link: String,
}

/// What was done: the word of it, its colour, its name.
const OUTCOMES: [(&str, &str, &str); 6] = [
    ("deliver", "good", "delivered"),
    ("mark", "bar", "marked"),
    ("defer", "rest", "deferred"),
    ("quarantine", "mind", "held"),
    ("reject", "bad", "refused"),
    ("", "else", "turned away early"),
];

async fn show(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let mut frame = Frame::new(&site, &visitor, "Statistics", PATH);
    let span = Span::read(query.get("span"));
    let (now, wall) = (site.now(), site.wall());
    let organisations = organisations(&site, &visitor.scope);
    let organisation = query.get("organisation");
    let told = match narrowed(&visitor.scope, organisation) {
        Ok(scope) => {
            let trace = &site.gateway().stores.trace;
            let told = trace.statistics(scope, span.begins(now), now, span.step()).await;
            told.map_err(|error| store_is_away(&error).to_string())
        }
        Err(why) => Err(why),
    };
    let told = told.unwrap_or_else(|why| {
        frame.note = Some(Note::failed(sentence(&why)));
        Statistics::default()
    });
    let directions = [("inbound", "Inbound"), ("outbound", "Outbound")];
    let charts = directions.into_iter().filter_map(|(word, title)| {
        let counts: Vec<&StatisticsCount> =
            told.steps.iter().filter(|count| count.direction == word).collect();
        (!counts.is_empty()).then(|| chart(title, &counts, span, (now, &wall)))
    });
    render(&StatisticsPage {
        figures: figures(&told),
        charts: charts.collect(),
        latency: latency(&told.latency),
        tls: told.tls.iter().filter(|one| one.with + one.without > 0).map(tls).collect(),
        lists: lists(&told),
        organisation: organisation.to_string(),
        organisations,
        span,
        frame,
    })
}

/// Of one organisation, for whoever sees all and asks for it.
pub(in crate::edge::http) fn narrowed(scope: &Scope, organisation: &str) -> Result<Scope, String> {
    match (scope, organisation) {
        (scope, "") => Ok(scope.clone()),
        (Scope::Everything, name) => Organisation::parse(name)
            .map(Scope::Organisation)
            .map_err(|_| "there is no such organisation".to_string()),
        (Scope::Organisation(_) | Scope::Domains(..) | Scope::Mailbox(..), _) => Ok(scope.clone()),
    }
}

fn sum(counts: &[StatisticsCount], of: impl Fn(&StatisticsCount) -> u64) -> u64 {
    counts.iter().map(of).fold(0, u64::saturating_add)
}

fn figures(told: &Statistics) -> Vec<(&'static str, String)> {
    let mails = |wanted: &dyn Fn(&StatisticsCount) -> bool| {
        sum(&told.steps, |count| if wanted(count) { count.mails } else { 0 })
    };
    let action = |action: Action| mails(&|count| count.action == action.word());
    let released = sum(&told.steps, |count| count.released);
    let held = action(Action::Quarantine);
    let (with, without) = told
        .tls
        .iter()
        .fold((0_u64, 0_u64), |(with, without), one| (with + one.with, without + one.without));
    let mut figures = vec![
        ("mails in", grouped(mails(&|count| count.direction == "inbound"))),
        ("mails out", grouped(mails(&|count| count.direction == "outbound"))),
        ("size", units::roughly_bytes(sum(&told.steps, |count| count.bytes))),
        ("held", grouped(held)),
        ("refused", grouped(action(Action::Reject).saturating_add(action_early(told)))),
        ("held, and let go after all", grouped(released)),
        ("came inside TLS", format!("{} %", percent(with, with.saturating_add(without)))),
    ];
    if let Some(within) = within(&told.latency, 95) {
        figures.push(("95 % answered within", within));
    }
    figures
}

fn action_early(told: &Statistics) -> u64 {
    sum(&told.steps, |count| if count.action.is_empty() { count.mails } else { 0 })
}

/// The time within which so many of a hundred were answered.
fn within(latency: &[LatencyCount], of_hundred: u64) -> Option<String> {
    let all: u64 = latency.iter().map(|one| one.mails).fold(0, u64::saturating_add);
    if all == 0 {
        return None;
    }
    let mut so_far = 0_u64;
    let slowest = latency.iter().find(|one| {
        so_far = so_far.saturating_add(one.mails);
        so_far.saturating_mul(100) >= all.saturating_mul(of_hundred)
    })?;
    Some(up_to(slowest.up_to_ms))
}

fn up_to(up_to_ms: Option<u64>) -> String {
    match up_to_ms {
        None => "more than 30 s".to_string(),
        Some(millis) if millis < 1_000 => format!("{millis} ms"),
        Some(millis) => format!("{} s", millis / 1_000),
    }
}

fn chart(
    title: &'static str,
    counts: &[&StatisticsCount],
    span: Span,
    (now, wall): (UnixMs, &Wall),
) -> Chart {
    let (count, length, unit) = span.columns();
    let begins = span.begins(now);
    let label = |at: UnixMs| match span {
        Span::Day => Moment::of(wall, at),
        Span::Week | Span::Month | Span::Year => Moment::of_day(at),
    };
    let mut rows = Vec::new();
    let mut stacks: Vec<Vec<(&'static str, u64)>> = Vec::new();
    for column in 0..count {
        let from = begins.0.saturating_add(column.saturating_mul(length));
        let to = from.saturating_add(length);
        let within: Vec<StatisticsCount> = counts
            .iter()
            .filter(|count| (from..to).contains(&count.at_ms))
            .map(|count| (*count).clone())
            .collect();
        let of =
            |word: &str| sum(&within, |count| if count.action == word { count.mails } else { 0 });
        stacks.push(OUTCOMES.iter().map(|(word, class, _)| (*class, of(word))).collect());
        rows.push(TableRow {
            at: label(UnixMs(from)),
            all: grouped(sum(&within, |count| count.mails)),
            counts: OUTCOMES.iter().map(|(word, _, name)| (*name, grouped(of(word)))).collect(),
            size: units::roughly_bytes(sum(&within, |count| count.bytes)),
            released: grouped(sum(&within, |count| count.released)),
        });
    }
    let of = |word: &str| -> u64 {
        counts.iter().filter(|count| count.action == word).map(|count| count.mails).sum()
    };
    let all: u64 = counts.iter().map(|count| count.mails).sum();
    let key: Vec<(&str, &str, String)> =
        OUTCOMES.iter().map(|(word, class, name)| (*class, *name, grouped(of(word)))).collect();
    let said: Vec<String> = key.iter().map(|(_, name, mails)| format!("{mails} {name}")).collect();
    let text = format!("{title}, {}: {} mails; {}", span.title(), grouped(all), said.join(", "));
    let columns = Columns::of(&stacks, text);
    Chart {
        title,
        key,
        first: label(begins),
        last: label(now),
        unit,
        most: grouped(columns.most),
        columns,
        rows,
    }
}

fn latency(counts: &[LatencyCount]) -> Vec<Share> {
    let all: u64 = counts.iter().map(|one| one.mails).fold(0, u64::saturating_add);
    let share = |one: &LatencyCount| Share {
        name: match one.up_to_ms {
            Some(_) => format!("up to {}", up_to(one.up_to_ms)),
            None => up_to(None),
        },
        mails: grouped(one.mails),
        share: percent(one.mails, all),
        link: String::new(),
    };
    if all == 0 { Vec::new() } else { counts.iter().map(share).collect() }
}

fn tls(one: &crate::store::trace::TlsCount) -> (String, Bar) {
    let bar = Bar::of(&[("good", "inside TLS", one.with), ("mind", "in clear", one.without)]);
    (plain(&one.direction), bar)
}

fn lists(told: &Statistics) -> Vec<(&'static str, &'static str, Vec<Share>)> {
    let lists = [
        ("Findings that decided", "finding", &told.decided_by, "finding"),
        ("Their kinds", "kind", &told.categories, ""),
        ("All findings", "finding", &told.findings, "finding"),
        ("Senders", "envelope sender", &told.senders, "sender"),
        ("Recipients", "recipient", &told.recipients, "recipient"),
    ];
    let filled = lists.into_iter().filter(|(_, _, names, _)| !names.is_empty());
    filled.map(|(title, what, names, field)| (title, what, shares(names, field))).collect()
}

fn shares(names: &[NameCount], field: &str) -> Vec<Share> {
    let most = names.iter().map(|one| one.mails).max().unwrap_or(0);
    let share = |one: &NameCount| Share {
        name: if one.name.is_empty() { "<>".to_string() } else { short(&one.name) },
        mails: grouped(one.mails),
        share: percent(one.mails, most),
        link: match field.is_empty() || one.name.is_empty() {
            true => String::new(),
            false => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.append_pair(field, &one.name);
                format!("/trace?{}", query.finish())
            }
        },
    };
    names.iter().take(NAMES_SHOWN).map(share).collect()
}

/// Of each list so many: those further down say little.
const NAMES_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::local::Zone;

    fn count(at_ms: u64, action: &str, mails: u64) -> StatisticsCount {
        StatisticsCount {
            at_ms,
            direction: "inbound".to_string(),
            action: action.to_string(),
            mails,
            bytes: 10,
            released: 1,
        }
    }

    #[test]
    fn a_span_ends_with_now() {
        // 2026-11-21 12:34.
        let now = UnixMs(1_795_264_440_000);
        for (span, want) in [
            (Span::Day, "2026-11-20T13:00"),
            (Span::Week, "2026-11-15T00:00"),
            (Span::Month, "2026-10-23T00:00"),
            (Span::Year, "2025-11-23T00:00"),
        ] {
            let begins = crate::wire::date::write_iso(span.begins(now));
            assert!(begins.starts_with(want), "{span:?} {begins}");
            assert_eq!(Span::read(span.word()), span);
        }
        assert_eq!(Span::read("x"), Span::Week);
    }

    #[test]
    fn a_chart_counts_each_mail_once() {
        let now = UnixMs(1_795_264_440_000);
        let today = now.0 / DAY_MS * DAY_MS;
        let counts = [
            count(today, "deliver", 7),
            count(today, "", 3),
            count(today - 6 * DAY_MS, "reject", 5),
        ];
        let counts: Vec<&StatisticsCount> = counts.iter().collect();
        let chart = chart("Inbound", &counts, Span::Week, (now, &Wall::new(Zone::utc(), now)));
        let all: Vec<&str> = chart.rows.iter().map(|row| row.all.as_str()).collect();
        assert_eq!(all, ["5", "0", "0", "0", "0", "0", "10"]);
        assert_eq!(chart.most, "10");
        assert_eq!(
            chart.columns.text,
            "Inbound, 7 days: 15 mails; 7 delivered, 0 marked, 0 deferred, 0 held, 5 refused, 3 turned away early"
        );
    }

    #[test]
    fn most_answers_came_within_a_time() {
        let one = |up_to_ms, mails| LatencyCount { up_to_ms, mails };
        assert_eq!(within(&[], 95), None);
        let counts = [one(Some(100), 90), one(Some(3_000), 6), one(None, 4)];
        assert_eq!(within(&counts, 95).as_deref(), Some("3 s"));
        assert_eq!(within(&counts, 90).as_deref(), Some("100 ms"));
        assert_eq!(within(&counts, 99).as_deref(), Some("more than 30 s"));
    }

    #[test]
    fn nobody_widens_what_they_see() {
        let acme = Scope::Organisation(Organisation::named("acme"));
        assert_eq!(narrowed(&acme, "berg"), Ok(acme.clone()));
        assert_eq!(narrowed(&Scope::Everything, "acme"), Ok(acme));
        assert!(narrowed(&Scope::Everything, "no such name").is_err());
    }
}
