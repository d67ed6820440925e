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
    let errand = |port: u16| Errand::Deliver {
        route: route(port),
        edits: Edits::default(),
        sender: None,
        asks: crate::wire::tls::Asks::default(),
    };
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
        transaction: None,
        personal: Vec::new(),
        legs: routes
            .iter()
            .map(|port| Leg::new(errand(*port), recipient.clone(), UnixMs(due)))
            .collect(),
    }
}

/// A queue whose clock the test moves, and the spool's records.
struct Desk {
    queue: Queue,
    records: Mutex<HashMap<Id, Spooled>>,
    now: UnixMs,
}

impl Desk {
    fn new() -> Desk {
        Desk { queue: Queue::default(), records: Mutex::default(), now: UnixMs(10) }
    }

    fn add(&self, mail: Spooled) {
        self.queue.add(&mail);
        self.records.lock().unwrap().insert(mail.id, mail);
    }

    fn change(&self, ids: &[Id], alter: impl Fn(&mut Leg)) -> usize {
        let free = self.queue.begin_change(ids);
        for id in &free {
            let mut records = self.records.lock().unwrap();
            let mail = records.get_mut(id).unwrap();
            mail.legs.iter_mut().for_each(&alter);
            self.queue.changed(mail);
        }
        free.len()
    }

    fn take(&self) -> Option<Taken> {
        self.queue.take(self.now, &bearing())
    }

    fn take_all(&self) -> Vec<Taken> {
        std::iter::from_fn(|| self.take()).collect()
    }

    /// The leg was worked on and is so now; as the deliverer does it.
    fn finish(&self, taken: &Taken, alter: impl FnOnce(&mut Leg), feedback: Feedback) {
        let mut records = self.records.lock().unwrap();
        let mail = records.get_mut(&taken.id).unwrap();
        alter(&mut mail.legs[taken.leg]);
        let left = if mail.is_done() { Left::Nothing } else { Left::Mail(mail) };
        let done = Done {
            id: taken.id,
            leg: taken.leg,
            destination: &taken.destination,
            task: &taken.task,
            feedback,
            now: self.now,
        };
        self.queue.finish(done, left, &bearing());
    }

    fn delivered(&self, taken: &Taken) {
        self.finish(taken, |leg| leg.recipients.clear(), Feedback::Fine);
    }

    /// It was tried in vain and is due again after its own wait.
    fn failed(&self, taken: &Taken, feedback: Feedback) {
        let again = |leg: &mut Leg| {
            leg.tries += 1;
            leg.due = self.now.plus(Duration::from_secs(300));
        };
        self.finish(taken, again, feedback);
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
        desk.add(mail(number, routes, 0));
    }
    assert_eq!(desk.change(&[Id::new(UnixMs(1), [3; 10])], |leg| leg.on_hold = true), 1);
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
        desk.add(mail(number, &[1], 0));
    }
    desk.add(mail(99, &[2], 5));
    let taken = desk.take_all();
    assert_eq!(taken.len(), SLOTS + 1);
    desk.delivered(&taken[0]);
    let next = desk.take().unwrap();
    assert_eq!(*next.destination, Destination::Route(route(1)), "room for one more");
    assert!(desk.take().is_none());
}

#[test]
fn legs_of_a_mail_go_at_the_same_time() {
    let desk = Desk::new();
    desk.add(mail(1, &[1, 2, 3], 0));
    let taken = desk.take_all();
    assert_eq!(taken.iter().map(|taken| taken.leg).collect::<Vec<_>>(), [0, 1, 2]);
    // The first is with a server that keeps it waiting; the others are done, and done once.
    desk.delivered(&taken[1]);
    desk.failed(&taken[2], Feedback::Strained);
    assert!(desk.take().is_none());
    assert_eq!(desk.queue.list(&QueueFilter::default(), 9).len(), 2);
    desk.delivered(&taken[0]);
    let left = desk.queue.list(&QueueFilter::default(), 9);
    assert_eq!((left.len(), left[0].tries, left[0].under_way), (1, 1, false));
}

#[test]
fn a_mail_whose_record_cannot_be_read_stays_and_is_tried_later() {
    let mut desk = Desk::new();
    desk.add(mail(1, &[1], 0));
    let taken = desk.take().unwrap();
    let done = Done {
        id: taken.id,
        leg: taken.leg,
        destination: &taken.destination,
        task: &taken.task,
        feedback: Feedback::NotAsked,
        now: desk.now,
    };
    desk.queue.finish(done, Left::Unreadable, &bearing());
    assert!(desk.take().is_none());
    desk.later(10 * MINUTE);
    assert_eq!(desk.take().unwrap().id, taken.id);
}

#[test]
fn a_slot_that_becomes_free_finds_who_can_use_it() {
    let desk = Desk::new();
    for number in 1..=SLOTS {
        desk.add(mail(u8::try_from(number).unwrap(), &[1], 0));
    }
    let mut under_way = desk.take_all();
    // Each of these has a leg to the busy destination, parked twice once the other leg has ended.
    for number in 50..70 {
        desk.add(mail(number, &[1, 2], 0));
    }
    loop {
        let others = desk.take_all();
        if others.is_empty() {
            break;
        }
        for work in others {
            desk.delivered(&work);
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
    let desk = Desk::new();
    let later = mail(1, &[1], 1_000);
    desk.add(later.clone());
    let take = |at| desk.queue.take(UnixMs(at), &bearing());
    assert!(take(999).is_none());
    assert_eq!(desk.change(&[later.id], |leg| leg.on_hold = true), 1);
    assert_eq!(desk.queue.on_hold(), 1);
    assert!(take(2_000).is_none());
    assert_eq!(desk.queue.begin_change(&[]), [later.id]);
    assert!(take(2_000).is_none());
    assert!(desk.queue.begin_change(&[]).is_empty(), "one changes it at a time");
    desk.queue.unchanged(later.id);
    let now = |leg: &mut Leg| (leg.due, leg.on_hold) = (UnixMs(5), false);
    assert_eq!(desk.change(&[], now), 1);
    assert_eq!(desk.queue.on_hold(), 0);
    assert!(take(5).is_some());
    assert!(!desk.queue.forget(later.id), "what is under way cannot be dropped");
    assert!(desk.queue.begin_change(&[later.id]).is_empty(), "nor changed");
    desk.queue.close();
    desk.add(mail(2, &[1], 0));
    assert!(take(5).is_none(), "a closed queue hands out nothing");
}

#[test]
fn what_is_being_changed_is_worked_on_by_nobody() {
    let desk = Desk::new();
    desk.add(mail(1, &[1], 0));
    let ids = desk.queue.begin_change(&[]);
    assert!(desk.take().is_none(), "nobody works on it before it is written down");
    desk.queue.unchanged(ids[0]);
    assert!(desk.take().is_some());
}

#[test]
fn a_clock_that_jumps_loses_nobody() {
    let mut desk = Desk::new();
    desk.now = UnixMs(1_000 * MINUTE);
    desk.add(mail(1, &[1], desk.now.0));
    desk.failed(&desk.take().unwrap(), Feedback::Strained);
    // Set back by half a day: it waits for the time it was given, and no longer once that has come.
    desk.now = UnixMs(280 * MINUTE);
    assert!(desk.take().is_none());
    desk.add(mail(2, &[1], desk.now.0));
    assert_eq!(desk.take().map(|taken| taken.id), Some(Id::new(UnixMs(1), [2; 10])));
    // Set forward by a day: at once.
    desk.now = UnixMs(2_000 * MINUTE);
    assert_eq!(desk.take().map(|taken| taken.id), Some(Id::new(UnixMs(1), [1; 10])));
}

#[test]
fn a_destination_that_is_away_is_tried_by_one_mail_and_ever_more_seldom() {
    let mut desk = Desk::new();
    for number in 1..=100 {
        desk.add(mail(number, &[1], 0));
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
        desk.add(mail(number, &[1], 0));
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
        desk.add(mail(1, &[1], 0));
        desk.failed(&desk.take().unwrap(), down());
        desk.later(1_000);
        let new = mail(2, &[1], desk.now.0);
        desk.add(new.clone());
        assert!(desk.take().is_none(), "it rests");
        match by_operator {
            true => {
                let now = desk.now;
                desk.change(&[new.id], |leg| leg.due = now);
                desk.queue.end_rests(&new);
            }
            false => desk.queue.reached(&route(1), &bearing()),
        }
        assert_eq!(desk.take().unwrap().id, new.id);
    }
}

#[test]
fn who_waits_for_a_resting_destination_is_told_in_time_and_given_back_in_time() {
    let mut desk = Desk::new();
    desk.add(mail(1, &[1], 0));
    let probe = desk.take().unwrap();
    desk.finish(&probe, |leg| leg.recipients.clear(), down());
    let mut silent = mail(2, &[1], 0);
    silent.legs[0].recipients[0].notify = Wishes::NEVER;
    desk.add(mail(3, &[1], 0));
    desk.add(silent);
    let mut told = Vec::new();
    for step in 0..(6 * 24 * 6) {
        desk.later(10 * MINUTE);
        for taken in desk.take_all() {
            let number = taken.id.to_bytes()[15];
            match &taken.task {
                Task::Try => desk.failed(&taken, down()),
                Task::Tell(why) => {
                    assert_eq!(why, "421 too many", "what is wrong, not that others wait too");
                    let hours = step / 6;
                    told.push((number, hours));
                    let told = |leg: &mut Leg| {
                        leg.told_of_delay = true;
                        leg.due = desk.now.plus(Duration::from_secs(300));
                        if hours >= 100 {
                            leg.recipients.clear();
                        }
                    };
                    desk.finish(&taken, told, Feedback::NotAsked);
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
