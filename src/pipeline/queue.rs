//! The index of what waits in the spool: who is due, whose destination has room, what an operator holds back.
//!
//! It lives in memory and can always be built again from the spool. Invariants: one leg of a mail is under way at a time, so that a
//! mail's record is only ever written by one task; a slot that becomes free goes to a leg that can use it, or to nobody.
//!
//! A destination (the MX of a domain, or a next hop) has one health for all mail that waits for it. Each failure while others get
//! through takes a connection away, successes give them back one by one; when the last one fails, the destination rests, and then one
//! mail goes first to see. So a server that answers 421 to everybody is asked ever more seldom, however many mails wait.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    mail::Direction,
    pipeline::{
        bearing::{Bearing, rest_after},
        courier::Route,
        sending::Sent,
        spooled::{Errand, Leg, Spooled},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

mod listing;

pub use listing::{QueueFilter, QueueLine, older_than};

/// The index of what waits in the spool.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By id, which is by age: looked through in pieces.
    mails: BTreeMap<Id, Spooled>,
    due: BTreeSet<(UnixMs, Id, usize)>,
    sites: HashMap<Destination, Site>,
    /// When destinations have rested enough.
    wakes: BTreeSet<(UnixMs, Destination)>,
    /// Being worked on.
    under_way: HashSet<Id>,
    /// Changed by an operator and being written down; nobody works on these meanwhile.
    being_written: HashSet<Id>,
    closed: bool,
}

/// What a leg needs a slot of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Destination {
    /// The examiners, which mail that comes in needs too.
    Examiners,
    /// The servers of a route.
    Route(Route),
}

/// One destination: who is there, how it does, who waits for it though due.
#[derive(Debug)]
struct Site {
    busy: usize,
    /// Connections it seems to bear; at most what is configured.
    window: usize,
    /// Successes since the window last changed.
    successes: usize,
    /// Rests in a row.
    failures: u32,
    rest: Option<Rest>,
    /// Why it rested last; empty since it is well.
    trouble: String,
    parked: BTreeSet<(UnixMs, Id, usize)>,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: UnixMs,
}

/// How a destination did with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Feedback {
    /// It answered.
    Fine,
    /// It did not take this mail, or hung up over it.
    Strained,
    /// It could not be reached, or took no mail at all.
    Down(String),
    /// It was not asked.
    NotAsked,
}

impl Destination {
    fn of(errand: &Errand) -> Destination {
        match errand {
            Errand::Deliver { route, .. } => Destination::Route(route.clone()),
            Errand::Judge => Destination::Examiners,
        }
    }

    /// Slots there are.
    fn slots(&self, bearing: &Bearing) -> usize {
        match self {
            Destination::Examiners => std::thread::available_parallelism().map_or(1, usize::from),
            Destination::Route(route) => bearing.load(route).connections,
        }
    }

    fn rest_first(&self, bearing: &Bearing) -> Duration {
        match self {
            Destination::Examiners => Duration::ZERO,
            Destination::Route(route) => bearing.load(route).rest_first,
        }
    }
}

impl Site {
    fn new(slots: usize) -> Site {
        Site {
            busy: 0,
            window: slots,
            successes: 0,
            failures: 0,
            rest: None,
            trouble: String::new(),
            parked: BTreeSet::new(),
        }
    }

    /// Why nobody more may go there now; none if somebody may.
    fn shut(&self, slots: usize) -> Option<String> {
        if self.rest.is_none() && self.busy < self.window.min(slots) {
            return None;
        }
        Some(match self.trouble.is_empty() {
            true => "waiting for its turn: the destination has as many connections as it bears"
                .to_string(),
            false => self.trouble.clone(),
        })
    }

    /// Nothing worth remembering.
    fn is_plain(&self, slots: usize) -> bool {
        self.is_idle() && self.failures == 0 && self.rest.is_none() && self.window >= slots
    }

    fn is_idle(&self) -> bool {
        self.busy == 0 && self.parked.is_empty()
    }

    /// It gets as many connections as get through just now. None does: it is to rest.
    fn down(&mut self) -> bool {
        self.strained();
        self.busy == 0
    }

    /// Some trouble with one mail is no reason to leave the others where they are.
    fn strained(&mut self) {
        self.successes = 0;
        self.window = self.window.min(self.busy).max(1);
    }

    fn fine(&mut self, slots: usize) {
        self.failures = 0;
        self.trouble.clear();
        self.successes += 1;
        if self.successes >= self.window.saturating_mul(SUCCESSES_PER_CONNECTION) {
            self.successes = 0;
            self.window = self.window.saturating_add(1).min(slots);
        }
    }
}

/// So many mails must go well over each connection before one more is tried.
const SUCCESSES_PER_CONNECTION: usize = 4;

/// A leg taken from the queue to be worked on.
#[derive(Debug)]
pub(super) struct Taken {
    /// The whole mail.
    pub(super) spooled: Spooled,
    /// Which leg.
    pub(super) leg: usize,
    /// Whose slot it has.
    pub(super) destination: Destination,
    /// What to do.
    pub(super) task: Task,
}

/// What to do with a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// Try it. It has a slot.
    Try,
    /// Its destination takes nothing now, for this reason, and it is time that the sender hears of it. It has no slot.
    Tell(String),
}

/// One line of `queue destinations`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DestinationLine {
    /// Where, as the queue shows next hops.
    pub destination: String,
    /// Legs that wait for it or are on their way.
    pub waiting: usize,
    /// Connections open from the queue.
    pub busy: usize,
    /// Connections it is given.
    pub connections: usize,
    /// It rests until then, milliseconds since 1970; absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resting_until_ms: Option<u64>,
    /// Rests in a row.
    pub failures: u32,
    /// What was said last.
    pub last: String,
}

/// What waits for one next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHopLine {
    /// The next hop, or "judge".
    pub next_hop: String,
    /// Legs that wait, those on hold included.
    pub waiting: usize,
    /// Legs being worked on now.
    pub under_way: usize,
    /// Legs that an operator holds back.
    pub on_hold: usize,
    /// When the oldest of them came.
    pub oldest: UnixMs,
    /// What was said last to one that was tried.
    pub said: String,
}

impl Queue {
    /// Takes in a mail that the spool has made durable.
    pub fn add(&self, spooled: Spooled) {
        let mut state = self.state();
        state.schedule(&spooled);
        state.mails.insert(spooled.id, spooled);
        drop(state);
        self.changed.notify_one();
    }

    /// Mails waiting.
    pub fn len(&self) -> usize {
        self.state().mails.len()
    }

    /// Is nothing waiting?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stops handing out work; what is under way ends by itself.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// Deliveries under way.
    pub fn under_way(&self) -> usize {
        self.state().under_way.len()
    }

    /// What waits for each next hop, the longest lines first, at most `rows`. Walks the whole queue: not for every second.
    pub fn by_next_hop(&self, rows: usize) -> Vec<NextHopLine> {
        let state = self.state();
        let mut by_destination: HashMap<Destination, NextHopLine> = HashMap::new();
        for mail in state.mails.values() {
            for leg in mail.legs.iter().filter(|leg| !leg.recipients.is_empty()) {
                let line =
                    by_destination.entry(Destination::of(&leg.errand)).or_insert_with(|| {
                        NextHopLine {
                            next_hop: leg.errand.to_string(),
                            waiting: 0,
                            under_way: 0,
                            on_hold: 0,
                            oldest: mail.arrived,
                            said: String::new(),
                        }
                    });
                line.waiting += 1;
                line.on_hold += usize::from(leg.on_hold);
                if mail.arrived <= line.oldest {
                    line.oldest = mail.arrived;
                    line.said.clone_from(&leg.last);
                }
            }
        }
        for (destination, line) in &mut by_destination {
            line.under_way = state.sites.get(destination).map_or(0, |site| site.busy);
        }
        drop(state);
        let mut lines: Vec<NextHopLine> = by_destination.into_values().collect();
        lines.sort_by(|a, b| b.waiting.cmp(&a.waiting).then_with(|| a.next_hop.cmp(&b.next_hop)));
        lines.truncate(rows);
        lines
    }

    /// The record of one mail.
    pub fn show(&self, id: Id) -> Option<Spooled> {
        self.state().mails.get(&id).cloned()
    }

    /// Every destination that mail waits for or that is not well; most mail first.
    pub fn destinations(&self, bearing: &Bearing) -> Vec<DestinationLine> {
        let state = self.state();
        let mut counts: HashMap<&Route, (usize, &str)> = HashMap::new();
        for leg in state.mails.values().flat_map(|mail| &mail.legs) {
            if let Errand::Deliver { route, .. } = &leg.errand
                && !leg.recipients.is_empty()
            {
                let count = counts.entry(route).or_insert((0, ""));
                count.0 += 1;
                if !leg.last.is_empty() {
                    count.1 = &leg.last;
                }
            }
        }
        for destination in state.sites.keys() {
            if let Destination::Route(route) = destination {
                counts.entry(route).or_insert((0, ""));
            }
        }
        let line = |(route, (waiting, last)): (&Route, (usize, &str))| {
            let site = state.sites.get(&Destination::Route(route.clone()));
            let rest = site.and_then(|site| site.rest);
            let slots = bearing.load(route).connections;
            DestinationLine {
                destination: route.to_string(),
                waiting,
                busy: site.map_or(0, |site| site.busy),
                connections: site.map_or(slots, |site| site.window.min(slots)),
                resting_until_ms: rest.map(|rest| rest.until.0),
                failures: site.map_or(0, |site| site.failures),
                last: site
                    .map(|site| site.trouble.clone())
                    .filter(|trouble| !trouble.is_empty())
                    .unwrap_or_else(|| last.to_string()),
            }
        };
        let mut lines: Vec<DestinationLine> = counts.into_iter().map(line).collect();
        lines.sort_by(|a, b| (b.waiting, &a.destination).cmp(&(a.waiting, &b.destination)));
        lines
    }

    /// Makes these due now (all of them when none is named), lifts holds and ends the rest of their destinations; gives their new
    /// records, to be written down. Until [`Queue::written`] nobody works on them.
    pub(super) fn retry(&self, ids: &[Id], now: UnixMs) -> Vec<Spooled> {
        let changed = self.change(ids, |leg| {
            leg.due = now;
            leg.on_hold = false;
        });
        let mut state = self.state();
        let named = changed.iter().flat_map(|mail| &mail.legs);
        let destinations: HashSet<Destination> =
            named.map(|leg| Destination::of(&leg.errand)).collect();
        for destination in &destinations {
            state.end_rest(destination);
        }
        changed
    }

    /// A server of this route has just taken a mail on which somebody waited: what waits here need wait no longer.
    pub(super) fn reached(&self, route: &Route, bearing: &Bearing) {
        let mut state = self.state();
        // Nearly always nothing waits: then a look must be enough, or every mail would pay for it.
        if state.sites.is_empty() {
            return;
        }
        let destination = Destination::Route(route.clone());
        if state.sites.get(&destination).is_none_or(|site| site.rest.is_none()) {
            return;
        }
        state.end_rest(&destination);
        if let Some(site) = state.sites.get_mut(&destination) {
            site.failures = 0;
        }
        state.unpark(&destination, bearing);
        drop(state);
        self.changed.notify_one();
    }

    /// Holds these back; gives their new records, to be written down.
    pub(super) fn hold(&self, ids: &[Id]) -> Vec<Spooled> {
        self.change(ids, |leg| leg.on_hold = true)
    }

    /// Changes every leg of these mails, but for those under way: what is being worked on has its own end.
    fn change(&self, ids: &[Id], alter: impl Fn(&mut Leg)) -> Vec<Spooled> {
        let mut state = self.state();
        let chosen: Vec<Id> = match ids {
            [] => state.mails.keys().copied().collect(),
            some => some.to_vec(),
        };
        let mut changed = Vec::new();
        for id in chosen {
            if state.is_taken(id) {
                continue;
            }
            let Some(mail) = state.mails.get(&id).cloned() else { continue };
            state.unschedule(&mail);
            let mut mail = mail;
            mail.legs.iter_mut().for_each(&alter);
            state.being_written.insert(id);
            state.mails.insert(id, mail.clone());
            changed.push(mail);
        }
        changed
    }

    /// These are written down: they may be worked on.
    pub(super) fn written(&self, mails: &[Spooled]) {
        let mut state = self.state();
        for mail in mails {
            if state.being_written.remove(&mail.id) {
                state.schedule(mail);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Legs that an operator, or a damaged record, holds back.
    pub fn on_hold(&self) -> usize {
        self.state().mails.values().flat_map(|mail| &mail.legs).filter(|leg| leg.on_hold).count()
    }

    /// Forgets a mail, unless it is under way.
    pub(super) fn forget(&self, id: Id) -> bool {
        let mut state = self.state();
        if state.is_taken(id) {
            return false;
        }
        let Some(mail) = state.mails.remove(&id) else { return false };
        state.unschedule(&mail);
        true
    }

    pub(super) fn take(&self, now: UnixMs, bearing: &Bearing) -> Option<Taken> {
        self.state().take(now, bearing)
    }

    /// When something happens next by itself.
    pub(super) fn next_due(&self) -> Option<UnixMs> {
        let state = self.state();
        let due = state.due.first().map(|(due, _, _)| *due);
        let wake = state.wakes.first().map(|(at, _)| *at);
        due.into_iter().chain(wake).min()
    }

    /// A leg has been worked on: `left` is what remains of the mail.
    pub(super) fn finish(&self, done: Done<'_>, left: Option<Spooled>, bearing: &Bearing) {
        let Done { id, destination, task, feedback, now } = done;
        let mut state = self.state();
        state.under_way.remove(&id);
        state.mails.remove(&id);
        if let Some(left) = left {
            state.schedule(&left);
            state.mails.insert(id, left);
        }
        if *task == Task::Try {
            state.free(destination, feedback, now, bearing);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Waits until something was added, changed or finished, at most this long.
    pub(super) async fn wait(&self, patience: Duration) {
        // Either way the caller looks again.
        let _either = tokio::time::timeout(patience, self.changed.notified()).await;
    }

    /// No more work is handed out and none is under way.
    pub(super) fn has_ended(&self) -> bool {
        let state = self.state();
        state.closed && state.under_way.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two of our statements; a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was worked on, and how its destination did.
#[derive(Debug)]
pub(super) struct Done<'a> {
    /// The mail.
    pub(super) id: Id,
    /// Whose slot it had.
    pub(super) destination: &'a Destination,
    /// What was to be done.
    pub(super) task: &'a Task,
    /// How the destination did.
    pub(super) feedback: Feedback,
    /// When it ended.
    pub(super) now: UnixMs,
}

impl State {
    fn schedule(&mut self, mail: &Spooled) {
        let waiting = mail
            .legs
            .iter()
            .enumerate()
            .filter(|(_, leg)| !leg.recipients.is_empty() && !leg.on_hold);
        self.due.extend(waiting.map(|(at, leg)| (leg.due, mail.id, at)));
    }

    /// Takes a mail out of every line. Exact keys, so that moving a hundred thousand mails stays cheap.
    fn unschedule(&mut self, mail: &Spooled) {
        for (at, leg) in mail.legs.iter().enumerate() {
            self.due.remove(&(leg.due, mail.id, at));
            self.due.remove(&(AT_ONCE, mail.id, at));
            if let Some(site) = self.sites.get_mut(&Destination::of(&leg.errand)) {
                site.parked.remove(&(leg.due, mail.id, at));
            }
        }
    }

    fn is_taken(&self, id: Id) -> bool {
        self.under_way.contains(&id) || self.being_written.contains(&id)
    }

    /// The leg, if it is there, has recipients, is not held back and its mail is nobody's just now.
    fn waiting(&self, id: Id, leg: usize) -> Option<&Leg> {
        if self.is_taken(id) {
            return None;
        }
        let leg = self.mails.get(&id)?.legs.get(leg)?;
        (!leg.recipients.is_empty() && !leg.on_hold).then_some(leg)
    }

    /// The next leg that is due and whose destination has room, or whose sender must hear that it has none.
    fn take(&mut self, now: UnixMs, bearing: &Bearing) -> Option<Taken> {
        if self.closed {
            return None;
        }
        self.wake(now, bearing);
        while self.under_way.len() < limits::DELIVERIES_MAX {
            let first = self.due.first().copied().filter(|(due, _, _)| *due <= now)?;
            self.due.remove(&first);
            let (_, id, leg) = first;
            // What cannot be taken now is scheduled again when its mail's other leg ends, or stands here twice.
            let Some(waiting) = self.waiting(id, leg) else { continue };
            let (due, destination) = (waiting.due, Destination::of(&waiting.errand));
            if due > now {
                // An older appointment of a leg that was put off since, or somebody set the calendar back.
                self.due.insert((due, id, leg));
                continue;
            }
            let mail = self.mails.get(&id)?;
            let slots = destination.slots(bearing);
            let site = self.sites.entry(destination.clone()).or_insert_with(|| Site::new(slots));
            site.parked.remove(&(due, id, leg));
            let Some(why) = site.shut(slots) else {
                site.busy += 1;
                let spooled = mail.clone();
                self.under_way.insert(id);
                return Some(Taken { spooled, leg, destination, task: Task::Try });
            };
            match mail.legs.get(leg).and_then(|leg| next_word(mail, leg, bearing)) {
                Some(at) if at <= now => {
                    let spooled = mail.clone();
                    self.under_way.insert(id);
                    return Some(Taken { spooled, leg, destination, task: Task::Tell(why) });
                }
                at => {
                    site.parked.insert((due, id, leg));
                    self.due.extend(at.map(|at| (at, id, leg)));
                }
            }
        }
        None
    }

    /// Destinations that have rested enough: one of those who wait goes first.
    fn wake(&mut self, now: UnixMs, bearing: &Bearing) {
        while let Some((at, destination)) = self.wakes.first().cloned()
            && at <= now
        {
            self.end_rest(&destination);
            self.unpark(&destination, bearing);
        }
    }

    fn end_rest(&mut self, destination: &Destination) {
        let Some(site) = self.sites.get_mut(destination) else { return };
        if let Some(rest) = site.rest.take() {
            self.wakes.remove(&(rest.until, destination.clone()));
            site.window = 1;
            site.successes = 0;
        }
    }

    /// As many of those who wait as have room are due at once.
    fn unpark(&mut self, destination: &Destination, bearing: &Bearing) {
        let slots = destination.slots(bearing);
        let Some(site) = self.sites.get_mut(destination) else { return };
        if site.rest.is_none() {
            let mut room = site.window.min(slots).saturating_sub(site.busy);
            while room > 0
                && let Some((_, id, leg)) = site.parked.pop_first()
            {
                // Somebody works on the mail just now: it is scheduled again when that is over. Or nothing is left to do.
                let waits = self.mails.get(&id).and_then(|mail| mail.legs.get(leg));
                let waits = waits.is_some_and(|leg| !leg.recipients.is_empty() && !leg.on_hold);
                if !waits || self.under_way.contains(&id) || self.being_written.contains(&id) {
                    continue;
                }
                self.due.insert((AT_ONCE, id, leg));
                room -= 1;
            }
        }
        if site.is_plain(slots) {
            self.sites.remove(destination);
        }
    }

    /// A leg has ended: its slot goes to the next, or its destination rests.
    fn free(
        &mut self,
        destination: &Destination,
        feedback: Feedback,
        now: UnixMs,
        bearing: &Bearing,
    ) {
        let slots = destination.slots(bearing);
        let first = destination.rest_first(bearing);
        let Some(site) = self.sites.get_mut(destination) else { return };
        site.busy = site.busy.saturating_sub(1);
        let rests = match feedback {
            Feedback::NotAsked => None,
            Feedback::Fine => {
                site.fine(slots);
                None
            }
            Feedback::Strained => {
                site.strained();
                None
            }
            // While others get through it bears fewer, and does not rest.
            Feedback::Down(why) => site.down().then_some(why),
        };
        match rests {
            None => (),
            // Several failed at once: the first has said so, and is not to be counted again and again.
            Some(_) if site.rest.is_some() || first.is_zero() => (),
            Some(why) => {
                site.failures = site.failures.saturating_add(1);
                let until = now.plus(rest_after(site.failures, first));
                tracing::warn!(destination = %shown(destination), failures = site.failures, until_ms = until.0, why, "a destination takes no mail; its queue rests");
                metrics::counter!("sluss_destination_rests_total").increment(1);
                site.rest = Some(Rest { until });
                site.trouble = why;
                self.wakes.insert((until, destination.clone()));
            }
        }
        self.unpark(destination, bearing);
        if self.sites.len() > limits::DESTINATIONS_REMEMBERED_MAX {
            self.forget_sites();
        }
    }

    /// Those where nobody is and nobody waits: the next mail learns anew how they do.
    fn forget_sites(&mut self) {
        let wakes = &mut self.wakes;
        self.sites.retain(|destination, site| {
            if let (true, Some(rest)) = (site.is_idle(), &site.rest) {
                wakes.remove(&(rest.until, destination.clone()));
            }
            !site.is_idle()
        });
    }
}

/// When the sender must hear next of a leg that nobody tries: that it is late, or that it failed. None: nobody is to be told by then.
pub(super) fn next_word(mail: &Spooled, leg: &Leg, bearing: &Bearing) -> Option<UnixMs> {
    match leg.errand {
        Errand::Judge => return None,
        Errand::Deliver { .. } => (),
    }
    let late = bearing.delay_after.filter(|_| wants_word_of_delay(mail, leg));
    let late = late.map(|after| mail.arrived.plus(after));
    let end = mail.arrived.plus(bearing.lifetime);
    Some(late.map_or(end, |late| late.min(end)))
}

/// RFC 3461 section 4.1: a delay is told to senders who did not rule it out; ours are those of outbound mail that nobody just passed on,
/// others would get backscatter.
pub(super) fn wants_word_of_delay(mail: &Spooled, leg: &Leg) -> bool {
    mail.direction == Direction::Outbound
        && mail.sent != Sent::Forwarded
        && !leg.told_of_delay
        && mail.envelope.sender.address().is_some()
        && leg.recipients.iter().any(|recipient| recipient.notify.delay)
}

fn shown(destination: &Destination) -> String {
    match destination {
        Destination::Examiners => "the examiners".to_string(),
        Destination::Route(route) => route.to_string(),
    }
}

/// Before everything else that is due.
const AT_ONCE: UnixMs = UnixMs(0);

#[cfg(test)]
mod tests;
