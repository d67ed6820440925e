//! The index of what waits in the spool: who is due, whose destination has room, what an operator holds back.
//!
//! It lives in memory and can always be built again from the spool: of each mail a [`card`] is kept, the record itself is read by
//! whoever works on it. Legs of one mail go at the same time, so that a slow server of one recipient holds up nobody else; whoever
//! writes the mail's record has its [`Pen`]. A slot that becomes free goes to a leg that can use it, or to nobody.
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
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

mod card;
mod listing;

use card::{Card, LegCard, Shared, Turn};

use listing::Tally;
pub use listing::{QueueFilter, QueueLine, older_than};

/// The index of what waits in the spool.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
    /// One for all mails that share it: enough that strangers seldom wait for each other.
    pens: [tokio::sync::Mutex<()>; 32],
}

/// Leave to read a mail's record, change it and write it back, and to tell the queue.
#[derive(Debug)]
pub(super) struct Pen<'a> {
    _held: tokio::sync::MutexGuard<'a, ()>,
}

#[derive(Debug, Default)]
struct State {
    /// By id, which is by age: looked through in pieces.
    mails: BTreeMap<Id, Box<Card>>,
    shared: Shared,
    due: BTreeSet<Turn>,
    sites: HashMap<Arc<Destination>, Site>,
    /// When destinations have rested enough.
    wakes: BTreeSet<(UnixMs, Arc<Destination>)>,
    /// Legs being worked on.
    under_way: BTreeSet<(Id, usize)>,
    /// Being changed by an operator; nobody begins to work on these meanwhile.
    being_changed: HashSet<Id>,
    /// Legs that an operator holds back.
    on_hold: usize,
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
    parked: BTreeSet<Turn>,
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

/// As the queue shows next hops.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Examiners => f.write_str("judge"),
            Destination::Route(route) => route.fmt(f),
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
    /// The mail.
    pub(super) id: Id,
    /// Which leg.
    pub(super) leg: usize,
    /// Whose slot it has.
    pub(super) destination: Arc<Destination>,
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
    pub fn add(&self, spooled: &Spooled) {
        self.state().put(spooled);
        self.changed.notify_one();
    }

    /// Mails waiting.
    pub fn len(&self) -> usize {
        self.state().mails.len()
    }

    /// When the mail came that has waited longest.
    pub fn oldest(&self) -> Option<UnixMs> {
        self.state().mails.first_key_value().map(|(_, card)| card.arrived)
    }

    /// Is nothing waiting?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does this mail wait here?
    pub fn holds(&self, id: Id) -> bool {
        self.state().mails.contains_key(&id)
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

    /// Legs that an operator, or a damaged record, holds back.
    pub fn on_hold(&self) -> usize {
        self.state().on_hold
    }

    /// Waits until nobody else writes this mail's record.
    pub(super) async fn pen(&self, id: Id) -> Pen<'_> {
        let number = id.to_bytes().iter().fold(0_usize, |sum, byte| sum + usize::from(*byte));
        let [first, ..] = &self.pens;
        let pen = self.pens.get(number % self.pens.len()).unwrap_or(first);
        Pen { _held: pen.lock().await }
    }

    /// What waits for each next hop, the longest lines first, at most `rows`.
    pub fn by_next_hop(&self, rows: usize) -> Vec<NextHopLine> {
        let tallies = self.tallies();
        let state = self.state();
        let line = |(destination, tally): (Arc<Destination>, Tally)| NextHopLine {
            next_hop: destination.to_string(),
            waiting: tally.waiting,
            under_way: state.sites.get(&destination).map_or(0, |site| site.busy),
            on_hold: tally.on_hold,
            oldest: tally.oldest,
            said: tally.said.to_string(),
        };
        let mut lines: Vec<NextHopLine> = tallies.into_iter().map(line).collect();
        drop(state);
        lines.sort_by(|a, b| b.waiting.cmp(&a.waiting).then_with(|| a.next_hop.cmp(&b.next_hop)));
        lines.truncate(rows);
        lines
    }

    /// Every destination that mail waits for or that is not well; most mail first.
    pub fn destinations(&self, bearing: &Bearing) -> Vec<DestinationLine> {
        let mut tallies = self.tallies();
        let state = self.state();
        for destination in state.sites.keys() {
            tallies.entry(destination.clone()).or_insert_with(Tally::empty);
        }
        let line = |(destination, tally): (Arc<Destination>, Tally)| {
            let Destination::Route(route) = &*destination else { return None };
            let site = state.sites.get(&destination);
            let rest = site.and_then(|site| site.rest);
            let slots = bearing.load(route).connections;
            Some(DestinationLine {
                destination: route.to_string(),
                waiting: tally.waiting,
                busy: site.map_or(0, |site| site.busy),
                connections: site.map_or(slots, |site| site.window.min(slots)),
                resting_until_ms: rest.map(|rest| rest.until.0),
                failures: site.map_or(0, |site| site.failures),
                last: site
                    .map(|site| site.trouble.clone())
                    .filter(|trouble| !trouble.is_empty())
                    .unwrap_or_else(|| tally.said.to_string()),
            })
        };
        let mut lines: Vec<DestinationLine> = tallies.into_iter().filter_map(line).collect();
        lines.sort_by(|a, b| (b.waiting, &a.destination).cmp(&(a.waiting, &b.destination)));
        lines
    }

    /// Takes these out of the hands of the deliverer, all of them when none is named; gives those that nobody works on just now.
    /// Each is then to be [`Queue::changed`] or, if it could not be, [`Queue::unchanged`].
    pub(super) fn begin_change(&self, ids: &[Id]) -> Vec<Id> {
        let mut state = self.state();
        let chosen: Vec<Id> = match ids {
            [] => state.mails.keys().copied().collect(),
            some => some.to_vec(),
        };
        let free = |id: &Id| state.mails.contains_key(id) && !state.is_taken(*id);
        let free: Vec<Id> = chosen.into_iter().filter(free).collect();
        state.being_changed.extend(&free);
        free
    }

    /// An operator has changed this mail and it is written down.
    pub(super) fn changed(&self, mail: &Spooled) {
        let mut state = self.state();
        state.being_changed.remove(&mail.id);
        state.put(mail);
        drop(state);
        self.changed.notify_one();
    }

    /// This mail stays as it was.
    pub(super) fn unchanged(&self, id: Id) {
        let mut state = self.state();
        state.being_changed.remove(&id);
        state.schedule(id);
        drop(state);
        self.changed.notify_one();
    }

    /// An operator wants it tried now: the destinations of these need rest no longer.
    pub(super) fn end_rests(&self, mail: &Spooled) {
        let mut state = self.state();
        for leg in &mail.legs {
            state.end_rest(&Destination::of(&leg.errand));
        }
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

    /// Forgets a mail, unless it is under way.
    pub(super) fn forget(&self, id: Id) -> bool {
        let mut state = self.state();
        if state.is_taken(id) {
            return false;
        }
        state.drop_card(id)
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

    /// A leg has been worked on.
    pub(super) fn finish(&self, done: Done<'_>, left: Left<'_>, bearing: &Bearing) {
        let Done { id, leg, destination, task, feedback, now } = done;
        let mut state = self.state();
        state.under_way.remove(&(id, leg));
        match left {
            Left::Mail(mail) => state.put(mail),
            Left::Nothing => {
                state.drop_card(id);
            }
            Left::Unreadable => state.put_off(id, leg, now.plus(limits::RETRY_FIRST)),
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
    /// The leg.
    pub(super) leg: usize,
    /// Whose slot it had.
    pub(super) destination: &'a Arc<Destination>,
    /// What was to be done.
    pub(super) task: &'a Task,
    /// How the destination did.
    pub(super) feedback: Feedback,
    /// When it ended.
    pub(super) now: UnixMs,
}

/// What remains of a mail.
#[derive(Debug)]
pub(super) enum Left<'a> {
    /// This, as it is written down now.
    Mail(&'a Spooled),
    /// Nothing: it is done and gone from the spool.
    Nothing,
    /// Its record cannot be read, so that nothing could be written down. What is known of it stays.
    Unreadable,
}

impl State {
    /// Takes in a mail as it is now, in place of what was known of it.
    fn put(&mut self, mail: &Spooled) {
        self.drop_card(mail.id);
        let card = self.shared.card(mail);
        self.shared.tidy();
        self.on_hold += held(&card);
        self.mails.insert(mail.id, Box::new(card));
        self.schedule(mail.id);
    }

    /// Takes a mail out of every line. Exact keys, so that moving a hundred thousand mails stays cheap.
    fn drop_card(&mut self, id: Id) -> bool {
        let Some(card) = self.mails.remove(&id) else { return false };
        self.on_hold = self.on_hold.saturating_sub(held(&card));
        for (at, leg) in card.legs.iter().enumerate() {
            self.due.remove(&(leg.due, id, at));
            self.due.remove(&(AT_ONCE, id, at));
            if let Some(site) = self.sites.get_mut(&leg.destination) {
                site.parked.remove(&(leg.due, id, at));
            }
        }
        true
    }

    /// A leg is to be tried again later, though that could not be written down.
    fn put_off(&mut self, id: Id, leg: usize, due: UnixMs) {
        if let Some(leg) = self.mails.get_mut(&id).and_then(|card| card.legs.get_mut(leg)) {
            leg.due = due;
        }
        self.schedule(id);
    }

    /// Puts the legs that wait, and that nobody works on, into the line.
    fn schedule(&mut self, id: Id) {
        let Some(card) = self.mails.get(&id) else { return };
        let waiting = card
            .legs
            .iter()
            .enumerate()
            .filter(|(at, leg)| leg.waits() && !self.under_way.contains(&(id, *at)));
        self.due.extend(waiting.map(|(at, leg)| (leg.due, id, at)));
    }

    /// Somebody works on a leg of it, or changes it.
    fn is_taken(&self, id: Id) -> bool {
        self.being_changed.contains(&id)
            || self.under_way.range((id, 0)..=(id, usize::MAX)).next().is_some()
    }

    /// The leg, if it is there, has recipients, is not held back and is nobody's just now; and when its mail came.
    fn waiting(&self, id: Id, leg: usize) -> Option<(UnixMs, &LegCard)> {
        if self.being_changed.contains(&id) || self.under_way.contains(&(id, leg)) {
            return None;
        }
        let card = self.mails.get(&id)?;
        let leg = card.legs.get(leg)?;
        leg.waits().then_some((card.arrived, leg))
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
            // What is being changed is scheduled again when that is over; what is under way stands here twice.
            let Some((arrived, waiting)) = self.waiting(id, leg) else { continue };
            let (due, destination) = (waiting.due, waiting.destination.clone());
            if due > now {
                // An older appointment of a leg that was put off since, or somebody set the calendar back.
                self.due.insert((due, id, leg));
                continue;
            }
            let word = waiting.next_word(arrived, bearing);
            let slots = destination.slots(bearing);
            let site = self.sites.entry(destination.clone()).or_insert_with(|| Site::new(slots));
            site.parked.remove(&(due, id, leg));
            let task = match (site.shut(slots), word) {
                (None, _) => {
                    site.busy += 1;
                    Task::Try
                }
                (Some(why), Some(at)) if at <= now => Task::Tell(why),
                (Some(_), word) => {
                    site.parked.insert((due, id, leg));
                    self.due.extend(word.map(|at| (at, id, leg)));
                    continue;
                }
            };
            self.under_way.insert((id, leg));
            return Some(Taken { id, leg, destination, task });
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
            self.wakes.remove(&(rest.until, Arc::new(destination.clone())));
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
                // Somebody changes the mail just now: it is scheduled again when that is over. Or nothing is left to do.
                let waits = self.mails.get(&id).and_then(|mail| mail.legs.get(leg));
                let taken = self.being_changed.contains(&id) || self.under_way.contains(&(id, leg));
                if taken || !waits.is_some_and(LegCard::waits) {
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
        destination: &Arc<Destination>,
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
                tracing::warn!(%destination, failures = site.failures, until_ms = until.0, why, "a destination takes no mail; its queue rests");
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

fn held(card: &Card) -> usize {
    card.legs.iter().filter(|leg| leg.on_hold).count()
}

/// When the sender must hear next of a leg: that it is late, or that it failed. None: nobody is to be told by then.
pub(super) fn next_word(mail: &Spooled, leg: &Leg, bearing: &Bearing) -> Option<UnixMs> {
    match leg.errand {
        Errand::Judge => None,
        Errand::Deliver { .. } => {
            Some(card::word_due(mail.arrived, wants_word_of_delay(mail, leg), bearing))
        }
    }
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

/// Before everything else that is due.
const AT_ONCE: UnixMs = UnixMs(0);

#[cfg(test)]
mod tests;
