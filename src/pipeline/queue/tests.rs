//! The queue under a clock that the test moves.

use super::*;
use crate::{
    config::{Config, NextHop},
    mail::{Address, Envelope, Notify as Wishes, Organisation, Peer, Recipient, ReversePath},
    pipeline::{
        courier::{Tls, Towards},
        edit::Edits,
        judge::Via,
    },
};
use std::path::Path;

const MINUTE: u64 = 60_000;
const SLOTS: usize = limits::CONNECTIONS_PER_DESTINATION_MAX;

fn bearing() -> Bearing {
    Bearing::of(&Config::trial(Path::new("/tmp")))
}

fn route(port: u16) -> Route {
    Route {
        hops: vec![NextHop::parse(&format!("smtp://192.0.2.5:{port}")).unwrap()],
        tls: Tls::Off,
        domain: None,
        towards: Towards::World,
    }
}

pub(super) fn mail(number: u8, routes: &[u16], due: u64) -> Spooled {
    let recipient = Recipient::plain(Address::parse("b@far.example").unwrap());
    let errand =
        |port: u16| Errand::Deliver { route: route(port), edits: Edits::default(), sender: None };
    let sender = ReversePath::parse("a@ours.example").unwrap();
    Spooled {
        id: Id::new(UnixMs(1), [number; 10]),
        organisation: Organisation::implied(),
        direction: Direction::Outbound,
        listener: "out".to_string(),
        peer: Peer::at("192.0.2.1".parse().unwrap()),
        envelope: Envelope::from(sender),
        arrived: UnixMs(0),
        subject: String::new(),
        from: String::new(),
        sent: Sent::Own,
        via: Via::default(),
        legs: routes
            .iter()
            .map(|port| Leg::new(errand(*port), recipient.clone(), UnixMs(due)))
            .collect(),
    }
}

/// A queue whose clock the test moves.
struct Desk {
    queue: Queue,
    now: UnixMs,
}

impl Desk {
    fn new() -> Desk {
        Desk { queue: Queue::default(), now: UnixMs(10) }
    }

    fn take(&self) -> Option<Taken> {
        self.queue.take(self.now, &bearing())
    }

    fn take_all(&self) -> Vec<Taken> {
        std::iter::from_fn(|| self.take()).collect()
    }

    fn finish(&self, taken: &Taken, left: Option<Spooled>, feedback: Feedback) {
        let done = Done {
            id: taken.spooled.id,
            destination: &taken.destination,
            task: &taken.task,
            feedback,
            now: self.now,
        };
        self.queue.finish(done, left, &bearing());
    }

    fn delivered(&self, taken: &Taken) {
        self.finish(taken, None, Feedback::Fine);
    }

    /// It was tried in vain and is due again after its own wait.
    fn failed(&self, taken: &Taken, feedback: Feedback) {
        let mut left = taken.spooled.clone();
        left.legs[taken.leg].tries += 1;
        left.legs[taken.leg].due = self.now.plus(Duration::from_secs(300));
        self.finish(taken, Some(left), feedback);
    }

    fn later(&mut self, ms: u64) {
        self.now = UnixMs(self.now.0 + ms);
    }
}

fn down() -> Feedback {
    Feedback::Down("421 too many".to_string())
}

#[test]
fn what_waits_is_told_by_next_hop() {
    let desk = Desk::new();
    for (number, routes) in [(1, &[25][..]), (2, &[25, 26]), (3, &[25])] {
        desk.queue.add(mail(number, routes, 0));
    }
    desk.queue.hold(&[Id::new(UnixMs(1), [3; 10])]);
    desk.take().unwrap();
    let lines = desk.queue.by_next_hop(9);
    let told: Vec<_> =
        lines.iter().map(|line| (line.waiting, line.under_way, line.on_hold)).collect();
    assert_eq!(told, [(3, 1, 1), (1, 0, 0)]);
    assert!(lines[0].next_hop.contains("192.0.2.5"), "{}", lines[0].next_hop);
    assert_eq!(desk.queue.by_next_hop(1).len(), 1);
}

#[test]
fn a_busy_destination_does_not_stop_another() {
    let desk = Desk::new();
    for number in 1..=20 {
        desk.queue.add(mail(number, &[1], 0));
    }
    desk.queue.add(mail(99, &[2], 5));
    let taken = desk.take_all();
    assert_eq!(taken.len(), SLOTS + 1);
    desk.delivered(&taken[0]);
    let next = desk.take().unwrap();
    assert_eq!(next.destination, Destination::Route(route(1)), "room for one more");
    assert!(desk.take().is_none());
}

#[test]
fn two_legs_of_a_mail_go_one_after_the_other() {
    let desk = Desk::new();
    desk.queue.add(mail(1, &[1, 2], 0));
    let first = desk.take().unwrap();
    assert!(desk.take().is_none());
    let mut left = first.spooled.clone();
    left.legs[first.leg].recipients.clear();
    desk.finish(&first, Some(left), Feedback::Fine);
    assert_ne!(desk.take().unwrap().leg, first.leg);
}

#[test]
fn a_slot_that_becomes_free_finds_who_can_use_it() {
    let desk = Desk::new();
    for number in 1..=SLOTS {
        desk.queue.add(mail(u8::try_from(number).unwrap(), &[1], 0));
    }
    let mut under_way = desk.take_all();
    // Each of these has a leg to the busy destination, parked twice once the other leg has ended.
    for number in 50..70 {
        desk.queue.add(mail(number, &[1, 2], 0));
    }
    loop {
        let others = desk.take_all();
        if others.is_empty() {
            break;
        }
        for work in others {
            let mut left = work.spooled.clone();
            left.legs[work.leg].recipients.clear();
            desk.finish(&work, Some(left), Feedback::Fine);
        }
    }
    let mut delivered = 0;
    while let Some(work) = under_way.pop() {
        desk.delivered(&work);
        under_way.extend(desk.take_all());
        delivered += 1;
    }
    assert_eq!(delivered, SLOTS + 20, "none is forgotten");
    assert!(desk.queue.is_empty());
    assert!(desk.queue.destinations(&bearing()).is_empty(), "nor is anything remembered");
}

#[test]
fn hold_retry_and_the_clock() {
    let queue = Queue::default();
    let later = mail(1, &[1], 1_000);
    queue.add(later.clone());
    let take = |at| queue.take(UnixMs(at), &bearing());
    assert!(take(999).is_none());
    let held = queue.hold(&[later.id]);
    queue.written(&held);
    assert_eq!((held.len(), queue.on_hold()), (1, 1));
    assert!(take(2_000).is_none());
    let due = queue.retry(&[], UnixMs(5));
    assert_eq!(due.len(), 1);
    assert!(take(5).is_none(), "nobody works on it before it is written down");
    queue.written(&due);
    assert!(take(5).is_some());
    assert!(!queue.forget(later.id), "what is under way cannot be dropped");
    queue.close();
    queue.add(mail(2, &[1], 0));
    assert!(take(5).is_none(), "a closed queue hands out nothing");
}

#[test]
fn a_destination_that_is_away_is_tried_by_one_mail_and_ever_more_seldom() {
    let mut desk = Desk::new();
    for number in 1..=100 {
        desk.queue.add(mail(number, &[1], 0));
    }
    let mut tries = 0;
    let mut last_try = 0;
    let mut gaps = Vec::new();
    // An hour and a half in steps of ten seconds, during which it says 421 to everybody.
    for _ in 0..540 {
        for taken in desk.take_all() {
            assert_eq!(taken.task, Task::Try);
            desk.failed(&taken, down());
            tries += 1;
            if tries > SLOTS {
                gaps.push((desk.now.0 - last_try) / MINUTE);
            }
            last_try = desk.now.0;
        }
        desk.later(10_000);
    }
    assert_eq!(gaps, [1, 2, 4, 8, 16, 32], "after the first {SLOTS} one at a time");
    let line = desk.queue.destinations(&bearing()).remove(0);
    assert_eq!((line.waiting, line.busy, line.failures), (100, 0, 7));
    assert_eq!(line.last, "421 too many");
    assert!(line.resting_until_ms.is_some());
    // It is back: one goes first, then more and more, and all get there.
    desk.later(80 * MINUTE);
    let mut widest = Vec::new();
    let mut delivered = 0;
    for _ in 0..200 {
        let taken = desk.take_all();
        widest.push(taken.len());
        delivered += taken.len();
        taken.iter().for_each(|taken| desk.delivered(taken));
        desk.later(10_000);
    }
    assert_eq!(widest[0], 1);
    assert!(widest.contains(&SLOTS), "{widest:?}");
    assert_eq!(delivered, 100);
}

#[test]
fn a_server_that_bears_two_gets_two() {
    let desk = Desk::new();
    for number in 1..=60 {
        desk.queue.add(mail(number, &[1], 0));
    }
    let taken = desk.take_all();
    assert_eq!(taken.len(), SLOTS);
    // Three of five are turned away while two go on: no rest, and two from now on.
    taken[2..].iter().for_each(|taken| desk.failed(taken, down()));
    assert!(desk.take().is_none());
    taken[..2].iter().for_each(|taken| desk.delivered(taken));
    assert_eq!(desk.take_all().len(), 2);
    assert_eq!(desk.queue.destinations(&bearing())[0].resting_until_ms, None);
}

#[test]
fn one_success_elsewhere_or_a_word_of_the_operator_ends_the_rest() {
    for by_operator in [false, true] {
        let mut desk = Desk::new();
        desk.queue.add(mail(1, &[1], 0));
        desk.failed(&desk.take().unwrap(), down());
        desk.later(1_000);
        let new = mail(2, &[1], desk.now.0);
        desk.queue.add(new.clone());
        assert!(desk.take().is_none(), "it rests");
        match by_operator {
            true => desk.queue.written(&desk.queue.retry(&[new.id], desk.now)),
            false => desk.queue.reached(&route(1), &bearing()),
        }
        assert_eq!(desk.take().unwrap().spooled.id, new.id);
    }
}

#[test]
fn who_waits_for_a_resting_destination_is_told_in_time_and_given_back_in_time() {
    let mut desk = Desk::new();
    desk.queue.add(mail(1, &[1], 0));
    let probe = desk.take().unwrap();
    desk.finish(&probe, None, down());
    let mut silent = mail(2, &[1], 0);
    silent.legs[0].recipients[0].notify = Wishes::NEVER;
    desk.queue.add(mail(3, &[1], 0));
    desk.queue.add(silent);
    let mut told = Vec::new();
    for step in 0..(6 * 24 * 6) {
        desk.later(10 * MINUTE);
        for taken in desk.take_all() {
            let number = taken.spooled.id.to_bytes()[15];
            match &taken.task {
                Task::Try => desk.failed(&taken, down()),
                Task::Tell(why) => {
                    assert_eq!(why, "421 too many", "what is wrong, not that others wait too");
                    let hours = step / 6;
                    told.push((number, hours));
                    let mut left = taken.spooled.clone();
                    left.legs[0].told_of_delay = true;
                    left.legs[0].due = desk.now.plus(Duration::from_secs(300));
                    let left = (hours < 100).then_some(left);
                    desk.finish(&taken, left, Feedback::NotAsked);
                }
            }
        }
    }
    let of = |number: u8| -> Vec<u64> {
        let theirs = told.iter().filter(|(who, _)| *who == number);
        theirs.map(|(_, at)| *at).collect()
    };
    let (silent, spoken) = (of(2), of(3));
    // A probe may be the one that is due just then; whoever probes is told by the deliverer itself.
    assert!(spoken.first().is_none_or(|at| (3..=8).contains(at)), "{told:?}");
    assert!(silent.iter().all(|at| (119..=124).contains(at)), "{told:?}");
    assert!(told.iter().any(|(_, at)| *at >= 119), "{told:?}");
}
