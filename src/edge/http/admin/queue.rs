//! What waits: by next hop, as a list, one mail at a time; and what an operator does with it. What is to be done to many is shown with
//! its number first, and what comes in meanwhile is not touched.

use super::operate::{back, frame, not_found, sentence};
use crate::{
    base::{clock::UnixMs, ids::Id, limits, units},
    edge::{
        control::{self, Request},
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            site::{Site, store_is_away},
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, grouped, of_many, percent, plain, short},
        },
    },
    pipeline::{
        deliver,
        queue::{DestinationLine, QueueFilter, QueueLine, older_than},
        spooled::{Leg, Spooled},
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use std::{collections::HashMap, time::Duration};

const LOOK: Needs = Needs::Right(Right::Site);
const ACT: Needs = Needs::Right(Right::Operate);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/queue", "what waits, by next hop", LOOK, || get(destinations)),
    Route::page("/queue/mails", "mails that wait", LOOK, || get(list)),
    Route::page("/queue/mail/{id}", "one mail that waits", LOOK, || get(mail)),
    Route::act("/queue/sure", "say what an act would touch", ACT, || post(sure)),
    Route::act("/queue/act", "retry, hold, release or drop mails", ACT, || post(act)),
];

/// What can be done to a mail that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Retry,
    Hold,
    Release,
    Drop,
}

impl Act {
    const ALL: [Act; 4] = [Act::Retry, Act::Hold, Act::Release, Act::Drop];

    fn word(self) -> &'static str {
        match self {
            Act::Retry => "retry",
            Act::Hold => "hold",
            Act::Release => "release",
            Act::Drop => "drop",
        }
    }

    /// What a button says.
    fn button(self) -> &'static str {
        match self {
            Act::Retry => "Try now",
            Act::Hold => "Hold back",
            Act::Release => "Let go",
            Act::Drop => "Drop for good",
        }
    }

    /// What comes of it.
    fn about(self) -> &'static str {
        match self {
            Act::Retry | Act::Release => {
                "They are due at once; those on hold are let go, and next hops that rest are tried again."
            }
            Act::Hold => "They wait until somebody lets them go.",
            Act::Drop => {
                "They are destroyed. Nobody gets them, and their senders are not told. This cannot be undone."
            }
        }
    }

    /// What a command would ask for.
    fn request(self, ids: &[Id]) -> Request {
        let chosen = control::Chosen::Ids(ids.to_vec());
        match self {
            Act::Retry | Act::Release => Request::QueueRetry { chosen },
            Act::Hold => Request::QueueHold { chosen },
            Act::Drop => Request::QueueDrop { chosen },
        }
    }

    fn from_word(word: &str) -> Option<Act> {
        Act::ALL.into_iter().find(|act| act.word() == word)
    }
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    frame: Frame,
    pages: Vec<Section>,
    rows: Vec<DestinationRow>,
    waiting: String,
    on_hold: String,
    under_way: String,
}

struct DestinationRow {
    next_hop: String,
    query: String,
    waiting: String,
    share: u64,
    on_hold: usize,
    oldest: String,
    connections: String,
    /// "open", or how long it rests.
    state: String,
    well: bool,
    said: String,
}

async fn destinations(State(site): State<Place>, visitor: Visitor) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Queue", "/queue");
    let queue = &site.gateway().queue;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    render(&QueuePage {
        frame,
        pages,
        rows: destination_rows(&site),
        waiting: grouped(count(queue.len())),
        on_hold: grouped(count(queue.on_hold())),
        under_way: grouped(count(queue.under_way())),
    })
}

/// Every destination for which something waits, and those that rest though nothing does.
fn destination_rows(site: &Site) -> Vec<DestinationRow> {
    let gateway = site.gateway();
    let now = site.now();
    let lines = gateway.queue.destinations(&gateway.settings.load().bearing);
    let mut by_name: HashMap<String, DestinationLine> =
        lines.into_iter().map(|line| (line.destination.clone(), line)).collect();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let waiting = gateway.queue.by_next_hop(limits::WEB_PAGE_ROWS);
    let most = waiting.iter().map(|line| count(line.waiting)).max().unwrap_or(0);
    let mut rows: Vec<DestinationRow> = waiting
        .into_iter()
        .map(|line| {
            let site = by_name.remove(&line.next_hop);
            DestinationRow {
                query: query_of(&[("next_hop", line.next_hop.clone())]),
                waiting: grouped(count(line.waiting)),
                share: percent(count(line.waiting), most),
                on_hold: line.on_hold,
                oldest: units::roughly(now.since(line.oldest)),
                ..standing(line.next_hop, site.as_ref(), &line.said, now)
            }
        })
        .collect();
    let mut resting: Vec<DestinationLine> = by_name
        .into_values()
        .filter(|line| line.waiting == 0 && line.resting_until_ms.is_some())
        .collect();
    resting.sort_by(|one, other| one.destination.cmp(&other.destination));
    resting.truncate(limits::WEB_PAGE_ROWS);
    rows.extend(
        resting
            .into_iter()
            .map(|line| standing(line.destination.clone(), Some(&line), &line.last, now)),
    );
    rows
}

fn standing(
    next_hop: String,
    site: Option<&DestinationLine>,
    said: &str,
    now: UnixMs,
) -> DestinationRow {
    let rests = site.and_then(|site| site.resting_until_ms);
    let said = site.map(|site| site.last.as_str()).filter(|last| !last.is_empty()).unwrap_or(said);
    DestinationRow {
        query: String::new(),
        waiting: "0".to_string(),
        share: 0,
        on_hold: 0,
        oldest: String::new(),
        connections: site
            .map(|site| format!("{} of {}", site.busy, site.connections))
            .unwrap_or_default(),
        state: match rests {
            Some(until) => format!("rests {}", units::roughly(UnixMs(until).since(now))),
            None if site.is_none() => "the examiners".to_string(),
            None => "open".to_string(),
        },
        well: rests.is_none(),
        said: short(said),
        next_hop: plain(&next_hop),
    }
}

/// What a list is narrowed to, as its form has it.
struct Wanted {
    filter: QueueFilter,
    /// The fields that say so, for links and forms.
    fields: Vec<(&'static str, String)>,
}

impl Wanted {
    /// From a page's address, or from a form that was made of it.
    fn read(fields: &Fields, now: UnixMs) -> Wanted {
        let text =
            |name: &str| Some(fields.get(name).trim().to_string()).filter(|it| !it.is_empty());
        let hours = fields.get("older").parse::<u64>().ok().filter(|hours| AGES.contains(hours));
        let older = hours.map(|hours| older_than(now, Duration::from_secs(hours * 3_600)));
        let filter = QueueFilter {
            recipient: text("recipient"),
            sender: text("sender"),
            organisation: text("organisation"),
            next_hop: text("next_hop"),
            before: older,
            on_hold: fields.get("on_hold") == "yes",
        };
        let names = ["recipient", "sender", "organisation", "next_hop"];
        let mut said: Vec<(&'static str, String)> =
            names.into_iter().filter_map(|name| Some((name, text(name)?))).collect();
        said.extend(hours.map(|hours| ("older", hours.to_string())));
        said.extend(filter.on_hold.then(|| ("on_hold", "yes".to_string())));
        Wanted { filter, fields: said }
    }

    /// What an act on all that match touches: what is here by `moment`.
    fn until(mut self, moment: UnixMs) -> QueueFilter {
        let before = self.filter.before.map_or(moment, |before| before.min(moment));
        self.filter.before = Some(before);
        self.filter
    }
}

/// Hours by which a list can be narrowed to older mail.
const AGES: [u64; 4] = [1, 4, 24, 72];

fn query_of(fields: &[(&'static str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[derive(Template)]
#[template(path = "queue_mails.html")]
struct MailsPage {
    frame: Frame,
    pages: Vec<Section>,
    filter: QueueFilter,
    older: String,
    fields: Vec<(&'static str, String)>,
    rows: Vec<MailRow>,
    /// How many there are in all; of a queue that is not narrowed.
    all: usize,
    organisations: Vec<String>,
    next: String,
    first: String,
    may_act: bool,
    acts: [Act; 4],
}

struct MailRow {
    id: String,
    /// Only a mail's first leg has the box that chooses it.
    leads: bool,
    from: String,
    to: String,
    organisation: String,
    next_hop: String,
    arrived: Moment,
    tries: u32,
    state: String,
    on_hold: bool,
    said: String,
}

async fn list(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let now = site.now();
    let wanted = Wanted::read(&query, now);
    let after = Id::parse(query.get("after")).ok();
    let queue = &site.gateway().queue;
    let mut lines = queue.page(&wanted.filter, after, limits::WEB_PAGE_ROWS + 1);
    let mut ids: Vec<Id> = lines.iter().map(|line| line.id).collect();
    ids.dedup();
    // One more than is shown was asked for, to know whether there is a next page.
    let last = ids.get(limits::WEB_PAGE_ROWS.saturating_sub(1)).copied();
    let next = match (ids.len() > limits::WEB_PAGE_ROWS, last) {
        (true, Some(last)) => {
            lines.retain(|line| line.id <= last);
            let mut fields = wanted.fields.clone();
            fields.push(("after", last.to_string()));
            format!("/queue/mails?{}", query_of(&fields))
        }
        (true, None) | (false, _) => String::new(),
    };
    let (frame, pages) = frame(&site, &visitor, "Mails that wait", "/queue");
    let settings = site.gateway().settings.load();
    render(&MailsPage {
        frame,
        pages,
        older: query.get("older").to_string(),
        rows: mail_rows(&lines, now, &site.wall()),
        all: queue.len(),
        organisations: settings.organisations().map(|one| one.name().to_string()).collect(),
        next,
        first: after
            .map(|_| format!("/queue/mails?{}", query_of(&wanted.fields)))
            .unwrap_or_default(),
        may_act: super::operate::can(&visitor, Right::Operate),
        acts: Act::ALL,
        filter: wanted.filter,
        fields: wanted.fields,
    })
}

fn mail_rows(lines: &[QueueLine], now: UnixMs, wall: &Wall) -> Vec<MailRow> {
    let mut before = None;
    let row = |line: &QueueLine| {
        let leads = before != Some(line.id);
        before = Some(line.id);
        MailRow {
            id: line.id.to_string(),
            leads,
            from: sender_shown(&line.from),
            to: short(&line.to.join(", ")),
            organisation: line.organisation.clone(),
            next_hop: plain(&line.next_hop),
            arrived: Moment::of(wall, UnixMs(line.arrived_ms)),
            tries: line.tries,
            state: state(line.on_hold, line.under_way, UnixMs(line.due_ms), now),
            on_hold: line.on_hold,
            said: short(&line.last),
        }
    };
    lines.iter().map(row).collect()
}

fn state(on_hold: bool, under_way: bool, due: UnixMs, now: UnixMs) -> String {
    match (on_hold, under_way) {
        (true, _) => "on hold".to_string(),
        (false, true) => "on its way".to_string(),
        (false, false) if due <= now => "due".to_string(),
        (false, false) => format!("next try in {}", units::roughly(due.since(now))),
    }
}

#[derive(Template)]
#[template(path = "queue_mail.html")]
struct MailPage {
    frame: Frame,
    pages: Vec<Section>,
    id: String,
    mail: MailShown,
    legs: Vec<LegRow>,
    happened: Vec<Happened>,
    may_act: bool,
    acts: [Act; 4],
}

struct MailShown {
    subject: String,
    from: String,
    sender: String,
    organisation: String,
    direction: &'static str,
    came_by: String,
    arrived: Moment,
    age: String,
}

struct LegRow {
    next_hop: String,
    to: String,
    state: String,
    on_hold: bool,
    waits_for: String,
    tries: u32,
    due: Moment,
    said: String,
}

/// One line of the trace of it.
#[derive(Deserialize)]
struct Step {
    at_ms: u64,
    recipient: String,
    status: String,
    next_hop: String,
    said: String,
}

struct Happened {
    at: Moment,
    recipient: String,
    status: String,
    next_hop: String,
    said: String,
}

async fn mail(State(site): State<Place>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let gateway = site.gateway();
    let known = Id::parse(&id).ok().filter(|id| gateway.queue.holds(*id));
    let Some(id) = known else { return not_found(&site, &visitor, "mail in the queue") };
    let spooled = match deliver::record(gateway, id).await {
        Ok(spooled) => spooled,
        Err(error) => {
            tracing::info!(%id, error, "a mail of the queue was gone before its page was made");
            return not_found(&site, &visitor, "mail in the queue");
        }
    };
    let (mut frame, pages) = frame(&site, &visitor, "A mail that waits", "/queue");
    let happened = match gateway.stores.trace.show(id, None).await {
        Ok(found) => happened(&found, &site.wall()),
        Err(error) => {
            frame.note = Some(Note::failed(store_is_away(&error)));
            Vec::new()
        }
    };
    let (now, wall) = (site.now(), site.wall());
    render(&MailPage {
        frame,
        pages,
        id: id.to_string(),
        legs: spooled
            .legs
            .iter()
            .filter(|leg| !leg.recipients.is_empty())
            .map(|leg| leg_row(leg, now, &wall))
            .collect(),
        mail: shown(&spooled, now, &wall),
        happened,
        may_act: super::operate::can(&visitor, Right::Operate),
        acts: Act::ALL,
    })
}

/// An envelope sender; a mail from nobody, such as a notice of ours, is to be seen and pressed as well.
fn sender_shown(sender: &str) -> String {
    if sender.is_empty() { "<>".to_string() } else { short(sender) }
}

fn shown(mail: &Spooled, now: UnixMs, wall: &Wall) -> MailShown {
    let user = mail.peer.user.as_ref().map(|user| format!(", user {}", user.name));
    MailShown {
        subject: short(&mail.subject),
        from: short(&mail.from),
        sender: sender_shown(&mail.envelope.sender.to_string()),
        organisation: mail.organisation.to_string(),
        direction: mail.direction.word(),
        came_by: plain(&format!(
            "{} from {}{}",
            mail.listener,
            mail.peer.address,
            user.unwrap_or_default()
        )),
        arrived: Moment::of(wall, mail.arrived),
        age: units::roughly(now.since(mail.arrived)),
    }
}

fn leg_row(leg: &Leg, now: UnixMs, wall: &Wall) -> LegRow {
    let to: Vec<String> = leg.recipients.iter().map(|one| one.address.to_string()).collect();
    LegRow {
        next_hop: plain(&leg.errand.to_string()),
        to: plain(&to.join(", ")),
        state: state(leg.on_hold, false, leg.due, now),
        on_hold: leg.on_hold,
        waits_for: leg.waits_for.as_deref().map(plain).unwrap_or_default(),
        tries: leg.tries,
        due: Moment::of(wall, leg.due),
        said: plain(&leg.last),
    }
}

/// What was done for each recipient so far, in order.
fn happened(found: &[serde_json::Value], wall: &Wall) -> Vec<Happened> {
    let steps = found.iter().filter_map(|mail| mail.get("recipients")?.as_array()).flatten();
    let steps = steps.filter_map(|step| Step::deserialize(step).ok());
    let shown = |step: Step| Happened {
        at: Moment::of(wall, UnixMs(step.at_ms)),
        recipient: short(&step.recipient),
        status: step.status,
        next_hop: plain(&step.next_hop),
        said: short(&step.said),
    };
    steps.take(limits::WEB_PAGE_ROWS).map(shown).collect()
}

#[derive(Template)]
#[template(path = "queue_sure.html")]
struct SurePage {
    frame: Frame,
    pages: Vec<Section>,
    act: Act,
    count: String,
    rows: Vec<MailRow>,
    more: usize,
    /// What the form of the act has.
    fields: Vec<(&'static str, String)>,
}

/// Which mails a form means.
enum Chosen {
    These(Vec<Id>),
    /// All that match, of what was here at that moment.
    Like(Wanted, UnixMs),
}

impl Chosen {
    /// None: nothing was chosen.
    fn read(fields: &Fields, now: UnixMs) -> Option<Chosen> {
        if fields.get("which") == "all" {
            let until = fields.get("until").parse().map_or(now, UnixMs);
            return Some(Chosen::Like(Wanted::read(fields, now), until.min(now)));
        }
        let mut ids: Vec<Id> = fields.all("id").filter_map(|text| Id::parse(text).ok()).collect();
        ids.sort_unstable();
        ids.dedup();
        (!ids.is_empty()).then_some(Chosen::These(ids))
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Chosen::These(ids) => ids.iter().map(|id| ("id", id.to_string())).collect(),
            Chosen::Like(wanted, until) => {
                let mut fields = wanted.fields.clone();
                fields.push(("which", "all".to_string()));
                fields.push(("until", until.0.to_string()));
                fields
            }
        }
    }

    /// Those of them that wait.
    fn ids(self, site: &Site) -> Vec<Id> {
        let queue = &site.gateway().queue;
        match self {
            Chosen::These(ids) => ids.into_iter().filter(|id| queue.holds(*id)).collect(),
            Chosen::Like(wanted, until) => queue.matching(&wanted.until(until)),
        }
    }
}

const LIST: &str = "/queue/mails";

async fn sure(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let now = site.now();
    let Some(act) = Act::from_word(fields.get("do")) else {
        return back(&site, &visitor, LIST, Note::failed("Nothing was chosen to be done."));
    };
    let Some(chosen) = Chosen::read(&fields, now) else {
        let why = "No mail was chosen: mark some in the list, or choose all that match.";
        return back(&site, &visitor, LIST, Note::failed(why));
    };
    let form = chosen.fields();
    let ids = chosen.ids(&site);
    if ids.is_empty() {
        return back(&site, &visitor, LIST, Note::failed("None of these waits any more."));
    }
    let (frame, pages) = frame(&site, &visitor, "Are you sure?", "/queue");
    let mut lines = Vec::new();
    for id in ids.iter().take(limits::WEB_PREVIEW_ROWS) {
        lines.extend(one_line(&site, *id).await);
    }
    render(&SurePage {
        frame,
        pages,
        act,
        count: of_many(ids.len(), "mail", "mails"),
        rows: mail_rows(&lines, now, &site.wall()),
        more: ids.len().saturating_sub(limits::WEB_PREVIEW_ROWS),
        fields: form,
    })
}

/// A mail as the list has it, all its recipients in one line.
async fn one_line(site: &Site, id: Id) -> Option<QueueLine> {
    let mail = deliver::record(site.gateway(), id).await.ok()?;
    let legs: Vec<&Leg> = mail.legs.iter().filter(|leg| !leg.recipients.is_empty()).collect();
    let first = legs.first()?;
    let to = legs.iter().flat_map(|leg| &leg.recipients).map(|one| one.address.to_string());
    Some(QueueLine {
        id,
        organisation: mail.organisation.to_string(),
        from: mail.envelope.sender.to_string(),
        to: to.collect(),
        next_hop: first.errand.to_string(),
        arrived_ms: mail.arrived.0,
        due_ms: first.due.0,
        tries: first.tries,
        on_hold: first.on_hold,
        under_way: false,
        last: first.last.clone(),
    })
}

async fn act(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let (act, chosen) = (Act::from_word(fields.get("do")), Chosen::read(&fields, site.now()));
    let (Some(act), Some(chosen)) = (act, chosen) else {
        return back(&site, &visitor, LIST, Note::failed("Nothing was chosen to be done."));
    };
    let ids = chosen.ids(&site);
    if ids.is_empty() {
        return back(&site, &visitor, LIST, Note::failed(GONE));
    }
    let desk = site.desk();
    let done = async {
        Ok(match act {
            Act::Retry | Act::Release => (desk.retry_all(&ids).await, 0),
            Act::Hold => (desk.hold_all(&ids).await, 0),
            Act::Drop => desk.drop_all(&ids).await,
        })
    };
    let (done, left) = match site.asked(&visitor, &act.request(&ids), done).await {
        Ok(done) => done,
        Err(why) => return back(&site, &visitor, LIST, Note::failed(sentence(&why))),
    };
    tracing::warn!(
        by = visitor.account.name,
        what = act.word(),
        mails = done,
        "the queue was changed by page"
    );
    let mails = of_many(done, "mail", "mails");
    let said = match act {
        Act::Retry => format!("{mails}: due now."),
        Act::Release => format!("{mails}: let go."),
        Act::Hold => format!("{mails}: on hold."),
        Act::Drop if left > 0 => {
            format!("{mails}: dropped. {left} were on their way just then and were left.")
        }
        Act::Drop => format!("{mails}: dropped."),
    };
    let missed = ids.len().saturating_sub(done + left);
    let note = match (done, missed) {
        (0, _) => Note::failed(GONE),
        (_, 0) => Note::done(said),
        (_, missed) => Note::done(format!("{said} {missed} were gone or on their way just then.")),
    };
    back(&site, &visitor, LIST, note)
}

const GONE: &str = "Nothing was changed: they are gone, or on their way just now.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::ReversePath;

    fn id(number: u8) -> Id {
        Id::new(UnixMs(1), [number; 10])
    }

    #[test]
    fn a_form_of_all_that_match_means_what_was_here_when_it_was_shown() {
        let now = UnixMs(1_000_000_000);
        let fields = Fields::read(b"which=all&sender=karin@&older=4&until=500&on_hold=yes");
        let Some(Chosen::Like(wanted, until)) = Chosen::read(&fields, now) else { panic!() };
        assert_eq!((until, wanted.filter.on_hold), (UnixMs(500), true));
        assert_eq!(query_of(&wanted.fields), "sender=karin%40&older=4&on_hold=yes");
        assert_eq!(wanted.until(until).before, Some(UnixMs(500)));
        let later = Fields::read(b"which=all&until=9999999999999");
        let Some(Chosen::Like(wanted, until)) = Chosen::read(&later, now) else { panic!() };
        assert_eq!(wanted.until(until).before, Some(now), "never what is yet to come");
    }

    #[test]
    fn a_form_of_chosen_mails_means_these() {
        let text = format!("id={}&id={}&id={}&id=x", id(2), id(1), id(2));
        let Some(Chosen::These(ids)) = Chosen::read(&Fields::read(text.as_bytes()), UnixMs(9))
        else {
            panic!()
        };
        assert_eq!(ids, [id(1), id(2)]);
        assert!(Chosen::read(&Fields::read(b"which=some"), UnixMs(9)).is_none());
        assert!(Act::ALL.into_iter().all(|act| Act::from_word(act.word()) == Some(act)));
        assert!(Act::from_word("deliver").is_none());
    }

    #[test]
    fn a_mail_from_nobody_has_a_name_to_press() {
        assert_eq!(sender_shown(&ReversePath::Null.to_string()), "<>");
        assert_eq!(sender_shown("karin@example.org"), "karin@example.org");
    }

    #[test]
    fn a_mail_says_when_it_is_tried() {
        let now = UnixMs(10_000);
        for (on_hold, under_way, due, want) in [
            (true, true, 0, "on hold"),
            (false, true, 0, "on its way"),
            (false, false, 10_000, "due"),
            (false, false, 70_000, "next try in 1 min 0 s"),
        ] {
            assert_eq!(state(on_hold, under_way, UnixMs(due), now), want);
        }
    }
}
