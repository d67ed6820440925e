//! The line before the examiners: whose turn it is, and who is turned away.
//!
//! Organisations take turns, within one its client networks do, and within a network it is first come, first served. While others wait,
//! one organisation or one network has at most half of the examiners; while nobody else waits it may have them all. An examiner that has
//! begun is not stopped, so a few more stand by for networks that have nothing under examination, and as many for organisations that
//! have not: whoever comes when somebody's slow mails have taken every place shares the processors with them, and does not wait for
//! their end.
//!
//! Strangers are turned away when the line is long **and** stands. Its length alone says little: on two cores eight mails of a
//! millisecond each are gone before their senders could say the next command, and they would all have been sent away for a minute.
//! Who floods us closes the door for himself: what counts is how many would be served before the one who asks.

use crate::{
    base::{clock::Tick, limits},
    mail::Organisation,
    pipeline::limits::network_key,
};
use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// The line before the examiners, as one who would join it finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Come in.
    Short,
    /// No new mail from strangers.
    Long,
    /// No new connections.
    Overlong,
}

/// For whom a mail is examined, and whence it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    organisation: Organisation,
    network: IpAddr,
}

impl Whose {
    /// A mail of this organisation, brought by this client.
    pub fn new(organisation: Organisation, client: IpAddr) -> Whose {
        Whose { organisation, network: network_key(client) }
    }
}

/// The examiners of the process and those who wait for one.
#[derive(Debug)]
pub(super) struct Examiners(Mutex<Hall<oneshot::Sender<AtWork>>>);

/// An examiner at work; dropping it calls the next.
#[derive(Debug)]
pub struct AtWork {
    examiners: Arc<Examiners>,
    whose: Whose,
}

impl Examiners {
    /// So many, and those who stand by.
    pub(super) fn new(count: usize) -> Examiners {
        Examiners(Mutex::new(Hall::new(count)))
    }

    /// Waits for an examiner, at most this long.
    pub(super) async fn wait(
        self: &Arc<Examiners>,
        whose: Whose,
        now: Tick,
        patience: Duration,
    ) -> Option<AtWork> {
        let (call, called) = oneshot::channel();
        let number = self.hall().join(whose, now, call);
        // Dropped after `called`: an examiner that came too late for us has gone on by then.
        let _place = Place { examiners: self, number };
        self.call();
        let mut called = called;
        tokio::time::timeout(patience, &mut called).await.ok()?.ok()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.hall().since.len()
    }

    /// What the line means for one who would join it. The organisation is none while it is not known.
    pub(super) fn line(
        &self,
        client: IpAddr,
        organisation: Option<&Organisation>,
        now: Tick,
    ) -> Line {
        self.hall().line(network_key(client), organisation, now)
    }

    /// Sends everybody in whose turn it is.
    fn call(self: &Arc<Examiners>) {
        loop {
            let Some((whose, called)) = self.hall().call() else { return };
            // Whoever has given up meanwhile drops it, and that calls the next.
            let _given_up = called.send(AtWork { examiners: self.clone(), whose });
        }
    }

    fn hall(&self) -> MutexGuard<'_, Hall<oneshot::Sender<AtWork>>> {
        // Each change is one call that leaves the hall in order; a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.examiners.hall().done(&self.whose);
        self.examiners.call();
    }
}

/// A place in the line, given up by dropping it.
struct Place<'a> {
    examiners: &'a Examiners,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.examiners.hall().give_up(self.number);
    }
}

/// Who is at work and who waits, without time passing: `T` is how one who waits is called.
#[derive(Debug)]
struct Hall<T> {
    workers: usize,
    /// One for each mail under examination; as many as there are examiners, so counting them is nothing.
    at_work: Vec<Whose>,
    /// The organisation whose turn is next stands first.
    turns: VecDeque<OrganisationTurn<T>>,
    /// Since when each one waits.
    since: BTreeSet<(Tick, u64)>,
    next: u64,
}

#[derive(Debug)]
struct OrganisationTurn<T> {
    organisation: Organisation,
    turns: VecDeque<NetworkTurn<T>>,
}

#[derive(Debug)]
struct NetworkTurn<T> {
    network: IpAddr,
    waiting: VecDeque<Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    since: Tick,
    call: T,
}

impl<T> Hall<T> {
    fn new(workers: usize) -> Hall<T> {
        Hall {
            workers: workers.max(1),
            at_work: Vec::new(),
            turns: VecDeque::new(),
            since: BTreeSet::new(),
            next: 0,
        }
    }

    /// Takes the last place behind one's own.
    fn join(&mut self, whose: Whose, now: Tick, call: T) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.since.insert((now, number));
        let waiting = Waiting { number, since: now, call };
        let Whose { organisation, network } = whose;
        let Some(own) = self.turns.iter_mut().find(|turn| turn.organisation == organisation) else {
            let turns = VecDeque::from([NetworkTurn { network, waiting: [waiting].into() }]);
            self.turns.push_back(OrganisationTurn { organisation, turns });
            return number;
        };
        match own.turns.iter_mut().find(|turn| turn.network == network) {
            Some(turn) => turn.waiting.push_back(waiting),
            None => own.turns.push_back(NetworkTurn { network, waiting: [waiting].into() }),
        }
        number
    }

    /// Whose turn it is, if there is an examiner; it is at work from here on.
    fn call(&mut self) -> Option<(Whose, T)> {
        let (org, net) = match self.at_work.len() {
            busy if busy < self.workers => {
                let (half, all) = (self.workers.div_ceil(2), usize::MAX);
                // When everybody who waits has his share, it is nobody's loss if one has more. A single organisation always has it;
                // its networks still leave each other theirs.
                let shares = [(half, half), (all, half), (half, all), (all, all)];
                shares.iter().find_map(|(org, net)| self.first_with_fewer_than(*org, *net))?
            }
            busy => {
                let stand_by = self.workers.div_ceil(limits::EXAMINERS_PER_STAND_BY);
                let for_networks = busy < self.workers + stand_by;
                let for_organisations = busy < self.workers + 2 * stand_by;
                let of_network = || self.first_with_fewer_than(usize::MAX, 1);
                let of_both = for_organisations.then(|| self.first_with_fewer_than(1, 1)).flatten();
                of_both.or_else(|| for_networks.then(of_network).flatten())?
            }
        };
        let mut own = self.turns.remove(org)?;
        let mut turn = own.turns.remove(net)?;
        let called = turn.waiting.pop_front()?;
        let whose = Whose { organisation: own.organisation.clone(), network: turn.network };
        // Both go to the end of their lines.
        if !turn.waiting.is_empty() {
            own.turns.push_back(turn);
        }
        if !own.turns.is_empty() {
            self.turns.push_back(own);
        }
        self.since.remove(&(called.since, called.number));
        self.at_work.push(whose.clone());
        Some((whose, called.call))
    }

    /// The first in order whose organisation, and whose network, has fewer than this under examination.
    fn first_with_fewer_than(&self, org_share: usize, net_share: usize) -> Option<(usize, usize)> {
        let of_organisation = |own: &Organisation| {
            self.at_work.iter().filter(|whose| whose.organisation == *own).count()
        };
        let of_network =
            |own: IpAddr| self.at_work.iter().filter(|whose| whose.network == own).count();
        self.turns.iter().enumerate().find_map(|(org, own)| {
            if of_organisation(&own.organisation) >= org_share {
                return None;
            }
            let has_less = |turn: &NetworkTurn<T>| of_network(turn.network) < net_share;
            let net = own.turns.iter().position(has_less)?;
            Some((org, net))
        })
    }

    /// One is examined.
    fn done(&mut self, whose: &Whose) {
        if let Some(at) = self.at_work.iter().position(|at_work| at_work == whose) {
            self.at_work.swap_remove(at);
        }
    }

    /// One waits no longer; if it was called already, nothing is left to do.
    fn give_up(&mut self, number: u64) {
        for own in &mut self.turns {
            for turn in &mut own.turns {
                let Some(at) = turn.waiting.iter().position(|waiting| waiting.number == number)
                else {
                    continue;
                };
                if let Some(gone) = turn.waiting.remove(at) {
                    self.since.remove(&(gone.since, gone.number));
                }
            }
            own.turns.retain(|turn| !turn.waiting.is_empty());
        }
        self.turns.retain(|own| !own.turns.is_empty());
    }

    fn line(&self, network: IpAddr, organisation: Option<&Organisation>, now: Tick) -> Line {
        let stood = self.since.first().map_or(Duration::ZERO, |(since, _)| now.since(*since));
        if stood < limits::EXAMINE_LINE_STANDS {
            return Line::Short;
        }
        let long = self.workers.saturating_mul(limits::EXAMINE_LINE_PER_WORKER);
        match self.ahead_of(network, organisation) {
            ahead if ahead >= 2 * long => Line::Overlong,
            ahead if ahead >= long => Line::Long,
            _ => Line::Short,
        }
    }

    /// How many stand before one who would join. Who has somebody in the line already stands behind all of them; who has not comes in turn
    /// with the networks of his organisation; and if that has nobody in the line either, he is next.
    fn ahead_of(&self, network: IpAddr, organisation: Option<&Organisation>) -> usize {
        let is_here =
            |own: &OrganisationTurn<T>| own.turns.iter().any(|turn| turn.network == network);
        if self.turns.iter().any(is_here) {
            return self.since.len();
        }
        let own = self.turns.iter().find(|own| Some(&own.organisation) == organisation);
        own.map_or(0, |own| own.turns.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn whose(organisation: &str, client: &str) -> Whose {
        Whose::new(Organisation::named(organisation), client.parse().unwrap())
    }

    fn at(ms: u64) -> Tick {
        Tick(Duration::from_millis(ms))
    }

    fn join_many<T: Clone>(
        hall: &mut Hall<T>,
        count: usize,
        whose: &Whose,
        now: Tick,
        call: T,
    ) -> Vec<u64> {
        (0..count).map(|_| hall.join(whose.clone(), now, call.clone())).collect()
    }

    /// The order in which those who wait are called, one examiner at a time being free.
    fn order(hall: &mut Hall<&'static str>) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Some((whose, name)) = hall.call() {
            hall.done(&whose);
            order.push(name);
        }
        order
    }

    #[test]
    fn organisations_take_turns_and_so_do_their_networks() {
        let mut hall = Hall::new(1);
        for (organisation, client, name) in [
            ("a", "192.0.2.1", "a1"),
            ("a", "192.0.2.2", "a2"),
            ("a", "192.0.2.3", "a3"),
            ("a", "198.51.100.1", "a4"),
            ("b", "192.0.2.9", "b1"),
            ("b", "192.0.2.9", "b2"),
            ("c", "2001:db8::1", "c1"),
        ] {
            hall.join(whose(organisation, client), at(0), name);
        }
        assert_eq!(order(&mut hall), ["a1", "b1", "c1", "a4", "b2", "a2", "a3"]);
    }

    #[test]
    fn one_has_half_while_others_wait_and_all_while_none_does() {
        for (workers, alone, beside) in [(1, 1, 1), (2, 2, 1), (4, 4, 2), (5, 5, 3)] {
            let mut hall = Hall::new(workers);
            join_many(&mut hall, 20, &whose("a", "192.0.2.1"), at(0), "a");
            let called = std::iter::from_fn(|| hall.call()).count();
            assert_eq!(called, alone, "alone it has all of {workers}");

            for (organisation, client) in [("a", "198.51.100.1"), ("b", "192.0.2.77")] {
                let mut hall = Hall::new(workers);
                join_many(&mut hall, 20, &whose("a", "192.0.2.1"), at(0), "flood");
                join_many(&mut hall, 20, &whose(organisation, client), at(0), "other");
                let called: Vec<_> = std::iter::from_fn(|| hall.call()).take(workers).collect();
                let flood = called.iter().filter(|(_, name)| *name == "flood").count();
                // Of one organisation, or of one network: the halves are of both alike, and who is next takes what is over.
                assert!(flood <= beside, "{flood} of {workers} for {organisation} by {client}");
            }
        }
    }

    #[test]
    fn one_stands_by_for_those_who_have_nothing_under_examination() {
        let mut hall = Hall::new(2);
        join_many(&mut hall, 9, &whose("a", "192.0.2.1"), at(0), "a");
        assert_eq!(std::iter::from_fn(|| hall.call()).count(), 2);
        hall.join(whose("b", "192.0.2.2"), at(0), "same network");
        assert!(hall.call().is_none());
        hall.join(whose("a", "198.51.100.1"), at(0), "same organisation");
        assert_eq!(hall.call().map(|(_, name)| name), Some("same organisation"));
        hall.join(whose("a", "203.0.113.1"), at(0), "same organisation again");
        assert!(hall.call().is_none(), "the other is kept for organisations");
        hall.join(whose("c", "2001:db8::1"), at(0), "c");
        assert_eq!(hall.call().map(|(_, name)| name), Some("c"));
        hall.join(whose("d", "2001:db8:d::1"), at(0), "d");
        assert!(hall.call().is_none(), "no more stand by");
    }

    #[test]
    fn who_gives_up_leaves_no_trace() {
        let mut hall = Hall::new(1);
        let first = hall.join(whose("a", "192.0.2.1"), at(0), "first");
        let second = hall.join(whose("a", "192.0.2.1"), at(1), "second");
        hall.give_up(first);
        assert_eq!(hall.call().map(|(_, name)| name), Some("second"));
        hall.give_up(second);
        assert!(hall.since.is_empty() && hall.turns.is_empty() && hall.at_work.len() == 1);
    }

    #[tokio::test]
    async fn an_examiner_goes_to_the_next_whatever_becomes_of_who_was_called() {
        let examiners = Arc::new(Examiners::new(1));
        let wait = |client: &str, patience: Duration| {
            let (examiners, whose) = (examiners.clone(), whose("a", client));
            async move { examiners.wait(whose, at(0), patience).await }
        };
        let long = Duration::from_secs(60);
        let first = wait("192.0.2.1", long).await.unwrap();
        assert!(wait("192.0.2.1", Duration::ZERO).await.is_none(), "patience ends");
        assert_eq!(examiners.waiting(), 0);

        let mut leaves = Box::pin(wait("192.0.2.1", long));
        let mut stays = Box::pin(wait("192.0.2.1", long));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(Future::poll(leaves.as_mut(), &mut context).is_pending());
        assert!(Future::poll(stays.as_mut(), &mut context).is_pending());
        assert_eq!(examiners.waiting(), 2);
        // It is called, and is gone before it hears it.
        drop(first);
        assert_eq!(examiners.waiting(), 1);
        drop(leaves);
        let second = stays.await.unwrap();
        assert_eq!(examiners.waiting(), 0);
        drop(second);
        assert!(examiners.hall().at_work.is_empty());
    }

    #[test]
    fn only_a_line_that_is_long_and_stands_turns_away_and_only_those_who_made_it() {
        let stands = limits::EXAMINE_LINE_STANDS;
        let (own, other) = (Organisation::named("a"), Organisation::named("b"));
        for (count, stood, want) in [
            (0, Duration::ZERO, Line::Short),
            (7, 10 * stands, Line::Short),
            (8, Duration::from_millis(5), Line::Short),
            (8, stands, Line::Long),
            (15, stands, Line::Long),
            (16, stands, Line::Overlong),
            (400, Duration::from_millis(5), Line::Short),
        ] {
            let mut hall = Hall::new(2);
            let numbers = join_many(&mut hall, count, &whose("a", "192.0.2.1"), at(0), ());
            for (client, organisation, want) in [
                ("192.0.2.200", None, want),
                ("192.0.2.200", Some(&own), want),
                ("192.0.2.200", Some(&other), want),
                ("198.51.100.1", Some(&own), Line::Short),
                ("198.51.100.1", Some(&other), Line::Short),
                ("198.51.100.1", None, Line::Short),
            ] {
                let network = network_key(client.parse().unwrap());
                let line = hall.line(network, organisation, Tick(stood));
                assert_eq!(line, want, "{count} for {stood:?}: {client}, {organisation:?}");
            }
            join_many(&mut hall, count, &whose("a", "192.0.2.1"), Tick(stood), ());
            numbers.into_iter().for_each(|number| hall.give_up(number));
            let line = hall.line(network_key("192.0.2.1".parse().unwrap()), None, Tick(stood));
            assert_eq!(line, Line::Short, "those who waited have had their turn");
        }
    }

    #[test]
    fn a_flood_out_of_many_networks_turns_away_at_its_organisation_alone() {
        let (own, other) = (Organisation::named("a"), Organisation::named("b"));
        for (networks, want) in
            [(7, Line::Short), (8, Line::Long), (15, Line::Long), (16, Line::Overlong)]
        {
            let mut hall = Hall::new(2);
            for number in 0..networks {
                join_many(&mut hall, 2, &whose("a", &format!("198.51.{number}.1")), at(0), ());
            }
            let network = network_key("192.0.2.1".parse().unwrap());
            let line =
                |organisation| hall.line(network, organisation, Tick(limits::EXAMINE_LINE_STANDS));
            assert_eq!(line(Some(&own)), want, "{networks} networks");
            assert_eq!((line(Some(&other)), line(None)), (Line::Short, Line::Short));
        }
    }

    /// A day in the hall on a clock of its own: mails come, are examined, and their senders hear of it.
    struct Day {
        hall: Hall<Mail>,
        /// What happens, by the millisecond; a number keeps apart what happens in the same one.
        ahead: BTreeMap<(u64, u64), Event>,
        next: u64,
        /// Milliseconds from the dot to the end of the examination, with the organisation's name.
        took: Vec<(String, u64)>,
    }

    #[derive(Clone)]
    struct Mail {
        whose: Whose,
        came: u64,
        work: u64,
        /// Its sender has the next one ready when this one is done.
        again: bool,
    }

    enum Event {
        Comes(Mail),
        Done(Mail),
    }

    impl Day {
        fn new(workers: u32) -> Day {
            let hall = Hall::new(usize::try_from(workers).unwrap());
            Day { hall, ahead: BTreeMap::new(), next: 0, took: Vec::new() }
        }

        fn at(&mut self, ms: u64, event: Event) {
            self.next += 1;
            self.ahead.insert((ms, self.next), event);
        }

        /// Lives the day until this hour; gives the hour of the last end.
        fn live(&mut self, until: u64) -> u64 {
            let mut last = 0;
            while let Some(((now, _), event)) = self.ahead.pop_first() {
                if now > until {
                    break;
                }
                match event {
                    Event::Comes(mail) => {
                        self.hall.join(mail.whose.clone(), at(now), mail);
                    }
                    Event::Done(mail) => {
                        last = now;
                        self.hall.done(&mail.whose);
                        let name = mail.whose.organisation.name().to_string();
                        self.took.push((name, now - mail.came));
                        if mail.again {
                            self.at(now, Event::Comes(Mail { came: now, ..mail }));
                        }
                    }
                }
                while let Some((_, mail)) = self.hall.call() {
                    self.at(now + mail.work, Event::Done(mail));
                }
            }
            last
        }

        fn count(&self, organisation: &str) -> usize {
            self.took.iter().filter(|(name, _)| name == organisation).count()
        }

        fn p99(&self, organisation: &str) -> u64 {
            let mut took: Vec<u64> = self
                .took
                .iter()
                .filter(|(name, _)| name == organisation)
                .map(|(_, ms)| *ms)
                .collect();
            took.sort_unstable();
            took[took.len() * 99 / 100]
        }
    }

    #[test]
    fn a_flood_of_slow_mails_for_one_does_not_slow_the_mail_of_another() {
        // The slowest that examining allows, from a hundred sessions without a pause, out of one network or of fifty.
        let slow = crate::base::clock::millis(limits::EXAMINE_TIME_MAX);
        for (workers, networks) in [(1, 1), (1, 50), (2, 1), (2, 50), (8, 1), (8, 50)] {
            let mut day = Day::new(workers);
            for session in 0..100 {
                let client = format!("198.51.{}.1", session % networks);
                let whose = whose("flood", &client);
                day.at(
                    session,
                    Event::Comes(Mail { whose, came: session, work: slow, again: true }),
                );
            }
            for number in 0..2_000 {
                let (came, whose) = (number * 150, whose("other", "192.0.2.1"));
                day.at(came, Event::Comes(Mail { whose, came, work: 30, again: false }));
            }
            day.live(300_000);
            let p99 = day.p99("other");
            assert!(p99 < 2_000, "{p99} ms with {workers} examiners and {networks} networks");
            // What the other leaves over is the flood's: nothing stands empty.
            let flood = u64::try_from(day.count("flood")).unwrap();
            let full = 300_000 / slow * u64::from(workers);
            assert!(flood >= full * 7 / 10, "{flood} of {full} with {workers} examiners");
        }
    }

    #[test]
    fn alone_one_is_as_fast_as_without_a_rule() {
        for workers in [1, 2, 3, 8] {
            let mut day = Day::new(workers);
            for number in 0..240 {
                let whose = whose("only", &format!("192.0.2.{number}"));
                day.at(0, Event::Comes(Mail { whose, came: 0, work: 10, again: false }));
            }
            assert_eq!(day.live(u64::MAX), 2_400 / u64::from(workers), "{workers} examiners");
        }
    }
}
