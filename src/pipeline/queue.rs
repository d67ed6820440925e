//! The index of what waits in the spool: who is due, whose destination has room, what an operator holds back.
//!
//! It lives in memory and can always be built again from the spool. Invariants: one leg of a mail is under way at a time, so that a
//! mail's record is only ever written by one task; a slot that becomes free goes to a leg that can use it, or to nobody.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    pipeline::{
        courier::Route,
        spooled::{Errand, Leg, Spooled},
    },
};
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The index of what waits in the spool.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    mails: HashMap<Id, Spooled>,
    due: BTreeSet<(UnixMs, Id, usize)>,
    /// Legs that are due while their destination is busy.
    parked: HashMap<Destination, VecDeque<(Id, usize)>>,
    busy: HashMap<Destination, usize>,
    /// Being worked on.
    under_way: HashSet<Id>,
    /// Changed by an operator and being written down; nobody works on these meanwhile.
    being_written: HashSet<Id>,
    closed: bool,
}

/// What a leg needs a slot of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Destination {
    /// The examiners, which mail that comes in needs too.
    Examiners,
    /// The servers of a route.
    Route(Route),
}

impl Destination {
    fn of(errand: &Errand) -> Destination {
        match errand {
            Errand::Deliver { route, .. } => Destination::Route(route.clone()),
            Errand::Judge => Destination::Examiners,
        }
    }

    /// Slots there are.
    fn slots(&self) -> usize {
        match self {
            Destination::Examiners => std::thread::available_parallelism().map_or(1, usize::from),
            Destination::Route(_) => limits::CONNECTIONS_PER_DESTINATION_MAX,
        }
    }
}

/// A leg taken from the queue to be worked on.
#[derive(Debug)]
pub(super) struct Taken {
    /// The whole mail.
    pub(super) spooled: Spooled,
    /// Which leg.
    pub(super) leg: usize,
    /// Whose slot it has.
    pub(super) destination: Destination,
}

/// One line of `queue list`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct QueueLine {
    /// The mail.
    pub id: Id,
    /// Envelope sender.
    pub from: String,
    /// Recipients of this leg.
    pub to: Vec<String>,
    /// Where it goes, or "judge".
    pub next_hop: String,
    /// When it came, milliseconds since 1970.
    pub arrived_ms: u64,
    /// When it is tried next.
    pub due_ms: u64,
    /// Tries so far.
    pub tries: u32,
    /// An operator holds it.
    pub on_hold: bool,
    /// It is being worked on now.
    pub under_way: bool,
    /// What was said last.
    pub last: String,
}

/// What waits for one next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationLine {
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

    /// Every leg that waits, oldest first, at most `rows`.
    pub fn list(&self, rows: usize) -> Vec<QueueLine> {
        let state = self.state();
        let mut ids: Vec<Id> = state.mails.keys().copied().collect();
        ids.sort_unstable();
        ids.iter()
            .filter_map(|id| state.mails.get(id))
            .flat_map(|mail| lines(mail, &state))
            .take(rows)
            .collect()
    }

    /// What waits for each next hop, the longest lines first, at most `rows`. Walks the whole queue: not for every second.
    pub fn destinations(&self, rows: usize) -> Vec<DestinationLine> {
        let state = self.state();
        let mut by_destination: HashMap<Destination, DestinationLine> = HashMap::new();
        for mail in state.mails.values() {
            for leg in mail.legs.iter().filter(|leg| !leg.recipients.is_empty()) {
                let line =
                    by_destination.entry(Destination::of(&leg.errand)).or_insert_with(|| {
                        DestinationLine {
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
            line.under_way = state.busy.get(destination).copied().unwrap_or(0);
        }
        drop(state);
        let mut lines: Vec<DestinationLine> = by_destination.into_values().collect();
        lines.sort_by(|a, b| b.waiting.cmp(&a.waiting).then_with(|| a.next_hop.cmp(&b.next_hop)));
        lines.truncate(rows);
        lines
    }

    /// The record of one mail.
    pub fn show(&self, id: Id) -> Option<Spooled> {
        self.state().mails.get(&id).cloned()
    }

    /// Makes these due now (all of them when none is named) and lifts holds; gives their new records, to be written down.
    /// Until [`Queue::written`] nobody works on them.
    pub(super) fn retry(&self, ids: &[Id], now: UnixMs) -> Vec<Spooled> {
        self.change(ids, |leg| {
            leg.due = now;
            leg.on_hold = false;
        })
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

    pub(super) fn take(&self, now: UnixMs) -> Option<Taken> {
        self.state().take(now)
    }

    pub(super) fn next_due(&self) -> Option<UnixMs> {
        self.state().due.first().map(|(due, _, _)| *due)
    }

    /// A leg has been worked on: `left` is what remains of the mail.
    pub(super) fn finish(&self, id: Id, destination: &Destination, left: Option<Spooled>) {
        let mut state = self.state();
        state.under_way.remove(&id);
        state.mails.remove(&id);
        if let Some(left) = left {
            state.schedule(&left);
            state.mails.insert(id, left);
        }
        state.free(destination);
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
            if let Some(parked) = self.parked.get_mut(&Destination::of(&leg.errand)) {
                parked.retain(|(id, _)| *id != mail.id);
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

    /// The next leg that is due and whose destination has room.
    fn take(&mut self, now: UnixMs) -> Option<Taken> {
        if self.closed {
            return None;
        }
        while self.under_way.len() < limits::DELIVERIES_MAX {
            let first = self.due.first().copied().filter(|(due, _, _)| *due <= now)?;
            self.due.remove(&first);
            let (_, id, leg) = first;
            // What cannot be taken now is scheduled again when its mail's other leg ends, or stands here twice.
            let Some(destination) = self.waiting(id, leg).map(|leg| Destination::of(&leg.errand))
            else {
                continue;
            };
            let busy = self.busy.entry(destination.clone()).or_default();
            if *busy >= destination.slots() {
                self.parked.entry(destination).or_default().push_back((id, leg));
                continue;
            }
            *busy += 1;
            let spooled = self.mails.get(&id)?.clone();
            self.under_way.insert(id);
            return Some(Taken { spooled, leg, destination });
        }
        None
    }

    /// A destination has room again: the first who can use it is due at once.
    fn free(&mut self, destination: &Destination) {
        if let Some(busy) = self.busy.get_mut(destination) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(destination);
            }
        }
        let mut parked = self.parked.remove(destination).unwrap_or_default();
        while let Some((id, leg)) = parked.pop_front() {
            if self.waiting(id, leg).is_some() {
                self.due.insert((AT_ONCE, id, leg));
                break;
            }
        }
        if !parked.is_empty() {
            self.parked.insert(destination.clone(), parked);
        }
    }
}

/// Before everything else that is due.
const AT_ONCE: UnixMs = UnixMs(0);

fn lines(mail: &Spooled, state: &State) -> Vec<QueueLine> {
    let legs = mail.legs.iter().filter(|leg| !leg.recipients.is_empty());
    legs.map(|leg| QueueLine {
        id: mail.id,
        from: mail.envelope.sender.to_string(),
        to: leg.recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
        next_hop: leg.errand.to_string(),
        arrived_ms: mail.arrived.0,
        due_ms: leg.due.0,
        tries: leg.tries,
        on_hold: leg.on_hold,
        under_way: state.under_way.contains(&mail.id),
        last: leg.last.clone(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::NextHop,
        mail::{Address, Direction, Envelope, Organisation, Peer, Recipient, ReversePath},
        pipeline::{courier::Tls, edit::Edits, judge::Via, sending::Sent},
    };

    fn route(port: u16) -> Route {
        Route {
            hops: vec![NextHop::parse(&format!("smtp://192.0.2.5:{port}")).unwrap()],
            tls: Tls::Off,
            domain: None,
        }
    }

    fn mail(number: u8, routes: &[u16], due: u64) -> Spooled {
        let recipient = Recipient::plain(Address::parse("b@ours.example").unwrap());
        let errand = |port: u16| Errand::Deliver {
            route: route(port),
            edits: Edits::default(),
            sender: None,
        };
        Spooled {
            id: Id::new(UnixMs(1), [number; 10]),
            organisation: Organisation::implied(),
            direction: Direction::Inbound,
            listener: "in".to_string(),
            peer: Peer::at("192.0.2.1".parse().unwrap()),
            envelope: Envelope::from(ReversePath::Null),
            arrived: UnixMs(0),
            subject: String::new(),
            from: String::new(),
            sent: Sent::default(),
            via: Via::default(),
            legs: routes
                .iter()
                .map(|port| Leg::new(errand(*port), recipient.clone(), UnixMs(due)))
                .collect(),
        }
    }

    #[test]
    fn what_waits_is_told_by_next_hop() {
        let queue = Queue::default();
        for (number, routes) in [(1, &[25][..]), (2, &[25, 26]), (3, &[25])] {
            queue.add(mail(number, routes, 0));
        }
        queue.hold(&[Id::new(UnixMs(1), [3; 10])]);
        queue.take(UnixMs(10)).unwrap();
        let lines = queue.destinations(9);
        let told: Vec<_> =
            lines.iter().map(|line| (line.waiting, line.under_way, line.on_hold)).collect();
        assert_eq!(told, [(3, 1, 1), (1, 0, 0)]);
        assert!(lines[0].next_hop.contains("192.0.2.5"), "{}", lines[0].next_hop);
        assert_eq!(queue.destinations(1).len(), 1);
    }

    #[test]
    fn a_busy_destination_does_not_stop_another() {
        let queue = Queue::default();
        for number in 1..=20 {
            queue.add(mail(number, &[1], 0));
        }
        queue.add(mail(99, &[2], 5));
        let mut taken = Vec::new();
        while let Some(work) = queue.take(UnixMs(10)) {
            taken.push(work);
        }
        assert_eq!(taken.len(), limits::CONNECTIONS_PER_DESTINATION_MAX + 1);
        let first = taken.remove(0);
        queue.finish(first.spooled.id, &first.destination, None);
        assert!(
            queue
                .take(UnixMs(10))
                .is_some_and(|work| work.destination == Destination::Route(route(1))),
            "room for one more"
        );
        assert!(queue.take(UnixMs(10)).is_none());
    }

    #[test]
    fn two_legs_of_a_mail_go_one_after_the_other() {
        let queue = Queue::default();
        queue.add(mail(1, &[1, 2], 0));
        let first = queue.take(UnixMs(1)).unwrap();
        assert!(queue.take(UnixMs(1)).is_none());
        let mut left = first.spooled.clone();
        left.legs[first.leg].recipients.clear();
        queue.finish(left.id, &first.destination, Some(left));
        let second = queue.take(UnixMs(1)).unwrap();
        assert_ne!(second.leg, first.leg);
    }

    #[test]
    fn a_slot_that_becomes_free_finds_who_can_use_it() {
        let queue = Queue::default();
        let mut under_way: Vec<Taken> = Vec::new();
        for number in 1..=limits::CONNECTIONS_PER_DESTINATION_MAX {
            queue.add(mail(u8::try_from(number).unwrap(), &[1], 0));
        }
        while let Some(work) = queue.take(UnixMs(1)) {
            under_way.push(work);
        }
        // Each of these has a leg to the busy destination, parked twice once the other leg has ended.
        for number in 50..70 {
            queue.add(mail(number, &[1, 2], 0));
        }
        loop {
            let mut others: Vec<Taken> = std::iter::from_fn(|| queue.take(UnixMs(1))).collect();
            if others.is_empty() {
                break;
            }
            for work in others.drain(..) {
                let mut left = work.spooled.clone();
                left.legs[work.leg].recipients.clear();
                queue.finish(left.id, &work.destination, Some(left));
            }
        }
        let mut delivered = 0;
        while let Some(work) = under_way.pop() {
            queue.finish(work.spooled.id, &work.destination, None);
            under_way.extend(std::iter::from_fn(|| queue.take(UnixMs(1))));
            delivered += 1;
        }
        assert_eq!(delivered, limits::CONNECTIONS_PER_DESTINATION_MAX + 20, "none is forgotten");
        assert!(queue.is_empty());
    }

    #[test]
    fn hold_retry_and_the_clock() {
        let queue = Queue::default();
        let later = mail(1, &[1], 1_000);
        queue.add(later.clone());
        assert!(queue.take(UnixMs(999)).is_none());
        let held = queue.hold(&[later.id]);
        queue.written(&held);
        assert_eq!((held.len(), queue.on_hold()), (1, 1));
        assert!(queue.take(UnixMs(2_000)).is_none());
        let due = queue.retry(&[], UnixMs(5));
        assert_eq!(due.len(), 1);
        assert!(queue.take(UnixMs(5)).is_none(), "nobody works on it before it is written down");
        queue.written(&due);
        assert!(queue.take(UnixMs(5)).is_some());
        assert!(!queue.forget(later.id), "what is under way cannot be dropped");
        queue.close();
        queue.add(mail(2, &[1], 0));
        assert!(queue.take(UnixMs(5)).is_none(), "a closed queue hands out nothing");
    }
}
