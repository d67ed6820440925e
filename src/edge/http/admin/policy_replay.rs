//! What a change would have done, before it takes effect: the page of a replay that runs or is done, and the button that puts the
//! change in force as it was tried.

use super::{
    configuration::is_whole,
    holds::{Holds, first_rows, frame, may_change},
    operate::{back, not_found, sentence},
    policy::put_in_force,
    policy_rule_form::label_of,
};
use crate::{
    base::clock::UnixMs,
    config::Config,
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            replays::{Ask, Job, State as Stands, TooMany},
            rights::Right,
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, grouped, of_many, plain, short},
        },
        proposal::{Act, Proposal},
    },
    pipeline::replay::{OfOrganisation, Report, Sample},
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use std::sync::Arc;

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "what a change would have done", LOOK, || get(page)),
    Route::act("/policy/replay/end", "end a replay", NEEDS, || post(end)),
    Route::act("/policy/replay/store", "put in force what was tried", NEEDS, || post(store)),
];

const PATH: &str = "/policy/replay";
const NEEDS: Needs = Needs::Right(Right::Policy);
const LOOK: Needs = Needs::Right(Right::Settings);

/// Begins a replay, and leads to its page.
pub(super) async fn try_it(
    site: &Place,
    visitor: &Visitor,
    proposal: Proposal,
    candidate: Config,
    from: &str,
) -> Result<Response, String> {
    // What a replay shows is all organisations'.
    if !may_change(visitor) {
        return Err(NO_TRYING.to_string());
    }
    let job = begin(site, visitor, proposal, candidate, from).await?;
    Ok(Redirect::to(&format!("{PATH}?job={}", job.id)).into_response())
}

/// What whoever sees a part of the mail hears of trying a change.
const NO_TRYING: &str = "A change is tried on all organisations' mail, so that is for accounts of the whole site. Nothing was changed.";

/// Begins a replay, if not too many run; the error is a sentence.
pub(in crate::edge::http) async fn begin(
    site: &Place,
    visitor: &Visitor,
    proposal: Proposal,
    candidate: Config,
    from: &str,
) -> Result<Arc<Job>, String> {
    let in_force = Holds::read(site, visitor).await?.merged.config;
    let ask = Ask {
        by: visitor.account.name.clone(),
        proposal,
        from: from.to_string(),
        days: crate::base::limits::REPLAY_DAYS,
    };
    let begun = site.replays.begin(site.gateway(), (in_force, candidate), ask);
    begun.map_err(|TooMany| {
        "others try a change just now; wait until one is done, or end it".to_string()
    })
}

#[derive(Template)]
#[template(path = "policy_replay.html")]
struct ReplayPage {
    frame: Frame,
    pages: Vec<Section>,
    id: String,
    what: String,
    by: String,
    from: String,
    days: u64,
    /// Looks again after so many seconds.
    again: u64,
    mails: String,
    percent: u64,
    failed: String,
    told: Option<Told>,
    /// The visitor may end it, or put in force what it tried.
    may_change: bool,
}

/// A report in the words of a page.
#[derive(Default)]
struct Told {
    ended_early: bool,
    mails: String,
    recipients: String,
    stopped_more: String,
    stopped_more_released: String,
    let_through: String,
    let_through_held: String,
    let_through_released: String,
    nothing: bool,
    /// What of the change the numbers do not count.
    uncounted: Vec<String>,
    /// Nothing of it can be counted: a number would be a lie.
    uncountable: bool,
    changes: Vec<Change>,
    organisations: Vec<OfOne>,
    more: usize,
    samples: Vec<One>,
    not_known: Vec<String>,
}

struct Change {
    direction: String,
    now: &'static str,
    then: &'static str,
    recipients: String,
}

struct OfOne {
    organisation: String,
    recipients: String,
    stopped_more: String,
    let_through: String,
}

struct One {
    id: String,
    at: Moment,
    from: String,
    to: String,
    subject: String,
    was: &'static str,
    now: &'static str,
    then: &'static str,
    decided_by: String,
    ground: String,
    released: bool,
}

#[derive(Template)]
#[template(path = "policy_replays.html")]
struct ReplaysPage {
    frame: Frame,
    pages: Vec<Section>,
    rows: Vec<Row>,
}

/// A change that was tried.
struct Row {
    href: String,
    what: String,
    by: String,
    stands: &'static str,
}

/// Those that are kept; none for whoever may not put them in force.
fn all(site: &Place, visitor: &Visitor) -> ReplaysPage {
    let (frame, pages) = frame(site, visitor, "Changes that were tried", "/policy");
    let row = |job: &Arc<Job>| Row {
        href: format!("{PATH}?job={}", job.id),
        what: sentence(&plain(&job.proposal.what)),
        by: plain(&job.by),
        stands: match job.state(site.now()) {
            Stands::Runs { .. } => "runs",
            Stands::Done(_) => "done",
            Stands::Failed(_) => "failed",
        },
    };
    let jobs = site.replays.all();
    ReplaysPage { frame, pages, rows: jobs.iter().filter(|_| is_whole(visitor)).map(row).collect() }
}

async fn page(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    if query.get("job").is_empty() {
        return render(&all(&site, &visitor));
    }
    // What it shows is mail of all organisations.
    let seen = site.replays.find(query.get("job")).filter(|_| is_whole(&visitor));
    let Some(job) = seen else {
        return not_found(&site, &visitor, "replay");
    };
    let (frame, pages) = frame(&site, &visitor, "Before it takes effect", "/policy");
    let mut page = ReplayPage {
        frame,
        pages,
        id: job.id.clone(),
        what: sentence(&plain(&job.proposal.what)),
        by: plain(&job.by),
        from: job.from.clone(),
        days: job.days,
        again: 0,
        mails: String::new(),
        percent: 0,
        failed: String::new(),
        told: None,
        may_change: may_change(&visitor),
    };
    match job.state(site.now()) {
        Stands::Runs { mails, percent } => {
            page.again = AGAIN_SECONDS;
            page.mails = grouped(mails);
            page.percent = percent;
        }
        Stands::Failed(why) => page.failed = sentence(&plain(&why)),
        Stands::Done(report) => page.told = Some(told(&report, &job.proposal, &site.wall())),
    }
    render(&page)
}

/// Somebody waits for it.
const AGAIN_SECONDS: u64 = 2;

/// The replay of this id, for who may change what it tries: they see all mail.
fn job(site: &Place, visitor: &Visitor, id: &str) -> Option<Arc<Job>> {
    site.replays.find(id).filter(|_| may_change(visitor))
}

fn told(report: &Report, proposal: &Proposal, wall: &Wall) -> Told {
    let (organisations, more) = first_rows(report.organisations.iter().map(of_one).collect());
    let changes = report.changes.iter().map(|one| Change {
        direction: one.direction.clone(),
        now: one.now.word(),
        then: one.then.word(),
        recipients: grouped(one.recipients),
    });
    Told {
        ended_early: report.ended_early,
        mails: grouped(report.mails),
        recipients: grouped(report.recipients),
        stopped_more: grouped(report.stopped_more),
        stopped_more_released: grouped(report.stopped_more_released),
        let_through: grouped(report.let_through),
        let_through_held: grouped(report.let_through_held),
        let_through_released: grouped(report.let_through_released),
        nothing: report.changes.is_empty(),
        uncounted: report.not_replayed.iter().map(|path| uncounted(path)).collect(),
        uncountable: report.changes.is_empty() && is_all(proposal, &report.not_replayed),
        changes: changes.collect(),
        organisations,
        more,
        samples: first_rows(report.samples.iter().map(|one| sample(one, wall)).collect()).0,
        not_known: not_known(report),
    }
}

fn of_one(one: &OfOrganisation) -> OfOne {
    OfOne {
        organisation: plain(&one.organisation),
        recipients: grouped(one.recipients),
        stopped_more: grouped(one.stopped_more),
        let_through: grouped(one.let_through),
    }
}

fn sample(one: &Sample, wall: &Wall) -> One {
    One {
        id: one.id.clone(),
        at: Moment::of(wall, UnixMs(one.at_ms)),
        from: short(&one.sender),
        to: short(&one.recipient),
        subject: short(&one.subject),
        was: one.was.map_or("not known", |was| was.word()),
        now: one.now.word(),
        then: one.then.word(),
        decided_by: plain(&one.decided_by),
        ground: plain(&one.ground),
        released: one.released,
    }
}

/// What the numbers do not say.
fn not_known(report: &Report) -> Vec<String> {
    let mut said = vec![
        "Findings are those of the time: what other rules, phrases or lists would find, only new mail shows."
            .to_string(),
    ];
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    if report.changed_since > 0 {
        said.push(format!(
            "For {} what holds now decides otherwise than was done when the mail came: the configuration has been changed since. The numbers are those of this change alone.",
            of_many(count(report.changed_since), "recipient", "recipients")
        ));
    }
    if report.not_judged > 0 {
        said.push(format!(
            "{} had no verdict: refused before anybody judged, in which a policy has no say.",
            of_many(count(report.not_judged), "mail", "mails")
        ));
    }
    if report.too_old > 0 {
        said.push(format!(
            "Of {} too little is kept to decide anew.",
            of_many(count(report.too_old), "mail", "mails")
        ));
    }
    said
}

/// What is not counted of a change, in words.
fn uncounted(path: &str) -> String {
    let mut words = path.split('.').rev();
    let (key, rule) = (words.next().unwrap_or(path), words.next());
    match (path.contains(".rules."), rule, label_of(key)) {
        (true, Some(rule), Some(label)) => format!(
            "the rule {rule} asks for \u{201c}{label}\u{201d}, of which nothing is kept once a mail has gone"
        ),
        _ => format!("{path} is not tried on mail that came"),
    }
}

/// Is everything that a proposal changes among what is not counted?
fn is_all(proposal: &Proposal, not_replayed: &[String]) -> bool {
    let mut changed = proposal.values.iter().filter(|one| one.act != Act::Make).peekable();
    changed.peek().is_some()
        && changed.all(|one| {
            let path = one.target.to_string();
            not_replayed.iter().any(|left| {
                left.strip_prefix(&path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        })
}

async fn end(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let Some(job) = job(&site, &visitor, fields.get("job")) else {
        return not_found(&site, &visitor, "replay");
    };
    job.end();
    let note = Note::done("It ends; what was counted until now is shown.");
    back(&site, &visitor, &format!("{PATH}?job={}", job.id), note)
}

async fn store(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let Some(job) = job(&site, &visitor, fields.get("job")) else {
        return not_found(&site, &visitor, "replay");
    };
    put_in_force(&site, &visitor, job.proposal.clone(), &job.from).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::local::Zone;

    #[test]
    fn what_a_replay_cannot_know_is_said() {
        let report = Report {
            stopped_more: 41,
            stopped_more_released: 2,
            changed_since: 1,
            not_judged: 3,
            not_replayed: vec!["policy.greylist".to_string()],
            ..Report::default()
        };
        let proposal = |path: &str, act: Act| {
            let target = crate::config::layers::Target::parse(path).unwrap();
            let values = vec![crate::edge::proposal::Wanted { target, act }];
            Proposal { what: String::new(), comment: String::new(), seen: 0, values }
        };
        let wall = Wall::new(Zone::utc(), UnixMs(0));
        let page = told(&report, &proposal("policy.p.mark", Act::Forget), &wall);
        assert_eq!((page.stopped_more.as_str(), page.stopped_more_released.as_str()), ("41", "2"));
        let said = page.not_known.join(" ");
        for part in ["Findings are those of the time", "For 1 recipient ", "3 mails"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("too little"), "{said}");
        assert_eq!(page.uncounted, ["policy.greylist is not tried on mail that came"]);
        assert!(!page.uncountable, "the rest is counted");
        let not_replayed = vec!["policy.p.rules.gifts.body".to_string()];
        let report = Report { not_replayed, ..Report::default() };
        let page = told(&report, &proposal("policy.p.rules.gifts", Act::Forget), &wall);
        assert!(page.uncountable, "no number says anything of it");
        let want = "the rule gifts asks for \u{201c}Words in the text\u{201d}, of which nothing is kept once a mail has gone";
        assert_eq!(page.uncounted, [want]);
    }
}
