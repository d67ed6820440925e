//! How many connections are open: in all, of one client, of one network. Who is over the bound hears 421 and nothing else.
//!
//! When every seat is taken, who has sat longest without a mail makes room for somebody whose network has fewer seats: holding
//! connections open is free for an attacker, and must not keep everybody else out. Whoever has begun a transaction keeps his seat.
//! While most seats are taken we are crowded, and clients are waited for less long.

use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    config::Limits,
    pipeline::limits::{Encounters, Limit, Seen, Who, client_key, is_exempt, network_key},
    wire::smtp::{Reply, replies},
};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// All open connections of all listeners.
#[derive(Debug, Default)]
pub struct Connections {
    room: Mutex<Room>,
    resident: Mutex<Option<(Tick, u64)>>,
    turning_away: AtomicUsize,
    crowded: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Room {
    all: usize,
    all_max: usize,
    by_client: HashMap<IpAddr, usize>,
    by_network: HashMap<IpAddr, usize>,
    /// Who has no transaction, by the time since when, and how to ask for the seat.
    resting: BTreeMap<(Tick, u64), Resting>,
    next: u64,
}

#[derive(Debug)]
struct Resting {
    address: IpAddr,
    leave: Arc<Notify>,
}

/// One open connection; dropping it makes room.
#[derive(Debug)]
pub struct Seat {
    connections: Arc<Connections>,
    /// Whose it is; none for a balancer, which brings many clients.
    address: Option<IpAddr>,
    number: u64,
    /// Since when there is no transaction; none while there is one.
    resting_since: Option<Tick>,
    leave: Arc<Notify>,
}

/// A seat in the room.
struct Seated {
    number: u64,
    leave: Arc<Notify>,
    somebody_left: bool,
}

/// Why somebody gets no seat.
#[derive(Debug)]
struct Full {
    limit: Limit,
    who: Who,
}

impl Full {
    fn reply(&self) -> Reply {
        match self.who {
            Who::Everybody => replies::BUSY,
            Who::Client(_) | Who::Network(_) | Who::User(_) => replies::TOO_MANY_CONNECTIONS,
        }
    }
}

impl Connections {
    /// Counts a connection in, or gives the reply it is turned away with.
    pub fn enter(
        self: &Arc<Connections>,
        address: IpAddr,
        bounds: &Limits,
        encounters: &Encounters,
        clock: &Clock,
    ) -> Result<Seat, Reply> {
        let resident = self.resident_bytes(clock);
        let now = clock.tick();
        let seated = if resident > bounds.resident_bytes.0 {
            Err(Full { limit: Limit::ResidentBytes, who: Who::Everybody })
        } else {
            let mut room = self.room();
            let seated = room.sit(address, bounds, now);
            self.look_around(&room);
            seated
        };
        let meet = |limit: Limit, who| {
            encounters.meet(limit, who, limit.bound(bounds).unwrap_or(0), clock);
        };
        match seated {
            Ok(Seated { number, leave, somebody_left }) => {
                if somebody_left {
                    meet(Limit::Connections, Who::Everybody);
                }
                let connections = self.clone();
                let address = Some(address);
                Ok(Seat { connections, address, number, resting_since: Some(now), leave })
            }
            Err(full) => {
                let reply = full.reply();
                meet(full.limit, full.who);
                Err(reply)
            }
        }
    }

    /// Counts in a connection of a balancer: it may have as many as there are in all.
    pub fn enter_proxy(
        self: &Arc<Connections>,
        bounds: &Limits,
        encounters: &Encounters,
        clock: &Clock,
    ) -> Result<Seat, Reply> {
        let too_much = self.resident_bytes(clock) > bounds.resident_bytes.0;
        let mut room = self.room();
        room.all_max = bounds.connections;
        if too_much || room.all >= bounds.connections {
            let limit = if too_much { Limit::ResidentBytes } else { Limit::Connections };
            encounters.meet(limit, Who::Everybody, limit.bound(bounds).unwrap_or(0), clock);
            return Err(replies::BUSY);
        }
        room.all += 1;
        self.look_around(&room);
        let number = room.next_number();
        let (connections, leave) = (self.clone(), Arc::default());
        // It never rests: its silence has a bound of its own, and nobody else could use the seat better.
        Ok(Seat { connections, address: None, number, resting_since: None, leave })
    }

    /// Are most connections in use?
    pub fn is_crowded(&self) -> bool {
        *self.crowded.borrow()
    }

    /// Whoever waits for a client wants to know when that changes.
    pub fn crowded(&self) -> watch::Receiver<bool> {
        self.crowded.subscribe()
    }

    /// Notes, and says once, when it becomes crowded and when that ends.
    fn look_around(&self, room: &Room) {
        let was = self.is_crowded();
        let bound = if was { limits::CROWDED_UNTIL_PERCENT } else { limits::CROWDED_FROM_PERCENT };
        let percent = room.all.saturating_mul(100);
        let is = room.all > 0 && percent >= room.all_max.saturating_mul(bound);
        if is == was {
            return;
        }
        self.crowded.send_replace(is);
        let (open, max) = (room.all, room.all_max);
        match is {
            true => tracing::warn!(
                open,
                max,
                "most connections are in use: clients that say nothing are waited for {} s only",
                limits::COMMAND_TIMEOUT_CROWDED.as_secs()
            ),
            false => {
                tracing::info!(open, max, "there is room again: clients are waited for as usual")
            }
        }
    }

    /// Open connections.
    pub fn count(&self) -> usize {
        self.room().all
    }

    /// Open connections of a client or a network, or all.
    pub fn count_of(&self, who: &Who) -> Option<usize> {
        let room = self.room();
        let of = |map: &HashMap<IpAddr, usize>, key| map.get(key).copied().unwrap_or(0);
        match who {
            Who::Everybody => Some(room.all),
            Who::Client(address) => Some(of(&room.by_client, address)),
            Who::Network(address) => Some(of(&room.by_network, address)),
            Who::User(_) => None,
        }
    }

    /// Who is near a bound or at it.
    pub fn seen(&self, bounds: &Limits) -> Vec<Seen> {
        let room = self.room();
        let all = [(Limit::Connections, Who::Everybody, room.all)].into_iter();
        let clients = room
            .by_client
            .iter()
            .map(|(client, count)| (Limit::ConnectionsPerAddress, Who::Client(*client), *count));
        let networks = room
            .by_network
            .iter()
            .map(|(network, count)| (Limit::ConnectionsPerNetwork, Who::Network(*network), *count));
        let seen = all.chain(clients).chain(networks).map(|(limit, who, count)| Seen {
            limit,
            who,
            count: u64::try_from(count).unwrap_or(u64::MAX),
            until: None,
        });
        seen.filter(|seen| seen.is_near(bounds)).collect()
    }

    /// One who is turned away may be told so, while not too many are.
    pub fn turn_away(&self) -> Option<TurningAway<'_>> {
        let guard = TurningAway(self);
        let before = self.turning_away.fetch_add(1, Ordering::Relaxed);
        (before < limits::TURNING_AWAY_MAX).then_some(guard)
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our own memory, asked at most once a second.
    fn resident_bytes(&self, clock: &Clock) -> u64 {
        let now = clock.tick();
        let mut known = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((at, bytes)) if now.since(at) < Duration::from_secs(1) => bytes,
            Some(_) | None => {
                let bytes = resident_bytes();
                *known = Some((now, bytes));
                bytes
            }
        }
    }
}

/// One who hears why there is no seat.
#[derive(Debug)]
pub struct TurningAway<'a>(&'a Connections);

impl Drop for TurningAway<'_> {
    fn drop(&mut self) {
        self.0.turning_away.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Room {
    /// Gives a seat, at the cost of one who only rests if it must be.
    fn sit(&mut self, address: IpAddr, bounds: &Limits, now: Tick) -> Result<Seated, Full> {
        self.all_max = bounds.connections;
        let exempt = is_exempt(bounds, address);
        let of = |map: &HashMap<IpAddr, usize>, key| map.get(&key).copied().unwrap_or(0);
        let neighbours = of(&self.by_network, network_key(address));
        let full = |limit, who| Err(Full { limit, who });
        if !exempt && of(&self.by_client, client_key(address)) >= bounds.connections_per_address {
            return full(Limit::ConnectionsPerAddress, Who::client(address));
        }
        if !exempt && neighbours >= bounds.connections_per_network {
            return full(Limit::ConnectionsPerNetwork, Who::network(address));
        }
        let fewer_than_mine = if exempt { 0 } else { neighbours };
        let somebody_left =
            self.all >= bounds.connections && self.ask_one_to_leave(fewer_than_mine, now);
        if self.all >= bounds.connections {
            return full(Limit::Connections, Who::Everybody);
        }
        self.all += 1;
        *self.by_client.entry(client_key(address)).or_default() += 1;
        *self.by_network.entry(network_key(address)).or_default() += 1;
        let number = self.next_number();
        let leave = Arc::new(Notify::new());
        self.resting.insert((now, number), Resting { address, leave: leave.clone() });
        Ok(Seated { number, leave, somebody_left })
    }

    fn next_number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }

    /// Frees the seat of who has rested longest, of those whose network has more seats than this. False: nobody is to be asked.
    fn ask_one_to_leave(&mut self, seats: usize, now: Tick) -> bool {
        let long_enough = |since: &Tick| now.since(*since) >= limits::SEAT_WITHOUT_MAIL_TIME_MIN;
        let found = self.resting.iter().take_while(|((since, _), _)| long_enough(since)).find(
            |(_, resting)| {
                self.by_network.get(&network_key(resting.address)).is_some_and(|own| *own > seats)
            },
        );
        let Some(key) = found.map(|(key, _)| *key) else { return false };
        let Some(resting) = self.resting.remove(&key) else { return false };
        // Counted out at once; the connection itself ends a moment later.
        self.leave(Some(resting.address));
        resting.leave.notify_one();
        true
    }

    fn leave(&mut self, address: Option<IpAddr>) {
        self.all = self.all.saturating_sub(1);
        if let Some(address) = address {
            one_less(&mut self.by_client, client_key(address));
            one_less(&mut self.by_network, network_key(address));
        }
    }
}

impl Seat {
    /// A transaction has begun: the seat is kept. If it was given away this very moment, there is one too many until the transaction ends.
    pub fn at_work(&mut self) {
        let Some(since) = self.resting_since else { return };
        if self.connections.room().resting.remove(&(since, self.number)).is_some() {
            self.resting_since = None;
        }
    }

    /// No transaction is open since now. It may be said again; only the first time counts.
    pub fn at_rest(&mut self, now: Tick) {
        let (None, Some(address)) = (self.resting_since, self.address) else { return };
        self.resting_since = Some(now);
        let resting = Resting { address, leave: self.leave.clone() };
        self.connections.room().resting.insert((now, self.number), resting);
    }

    /// Waits until somebody else has been given the seat.
    pub async fn taken(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut room = self.connections.room();
        let counted = match self.resting_since {
            Some(since) => room.resting.remove(&(since, self.number)).is_some(),
            None => true,
        };
        if counted {
            room.leave(self.address);
        }
        self.connections.look_around(&room);
    }
}

fn one_less(map: &mut HashMap<IpAddr, usize>, key: IpAddr) {
    if let Some(count) = map.get_mut(&key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            map.remove(&key);
        }
    }
}

/// Lets this process have as many files and sockets as the system allows it, and warns if so many connections could need more.
pub fn raise_file_limit(connections: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    // None: no bound at all.
    let Some(allowed) = limit.maximum else { return };
    limit.current = Some(allowed);
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, allowed, "the number of open files could not be raised to what is allowed");
    }
    let needed = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_mul(limits::FILES_PER_CONNECTION)
        .saturating_add(limits::FILES_OF_OUR_OWN);
    if let Some(current) = getrlimit(Resource::Nofile).current
        && current < needed
    {
        tracing::warn!(
            allowed = current,
            needed,
            connections,
            "so many connections may need more open files than are allowed: raise LimitNOFILE= in the unit (ulimit -Hn), or lower [limits] connections"
        );
    }
}

/// Our resident memory; zero where the system does not tell.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| {
        text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok())
    });
    pages.unwrap_or(0).saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4_096))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    /// A room with these bounds, and a clock that stands.
    struct House {
        connections: Arc<Connections>,
        bounds: Limits,
        encounters: Encounters,
        clock: Clock,
    }

    impl House {
        fn new(all: usize, per_address: usize, per_network: usize) -> House {
            House {
                connections: Arc::default(),
                bounds: Limits {
                    connections: all,
                    connections_per_address: per_address,
                    connections_per_network: per_network,
                    exempt_networks: vec!["203.0.113.0/24".parse().unwrap()],
                    ..Limits::default()
                },
                encounters: Encounters::default(),
                clock: Clock::by_hand(UnixMs(0)),
            }
        }

        fn enter(&self, address: &str) -> Result<Seat, Reply> {
            let address = address.parse().unwrap();
            self.connections.enter(address, &self.bounds, &self.encounters, &self.clock)
        }

        fn enter_proxy(&self) -> Result<Seat, Reply> {
            self.connections.enter_proxy(&self.bounds, &self.encounters, &self.clock)
        }

        fn met(&self) -> Vec<(Limit, String)> {
            let list = self.encounters.list(self.clock.tick());
            let mut met: Vec<_> =
                list.into_iter().map(|(limit, who, _)| (limit, who.to_string())).collect();
            met.sort();
            met
        }
    }

    async fn is_asked_to_leave(seat: &Seat) -> bool {
        tokio::time::timeout(Duration::from_millis(1), seat.taken()).await.is_ok()
    }

    #[test]
    fn crowded_begins_and_ends_apart() {
        let house = House::new(20, 100, 100);
        let told = house.connections.crowded();
        let (mut seats, mut crowded) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            seats.push(house.enter_proxy().unwrap());
            crowded.push(house.connections.is_crowded());
        }
        assert_eq!(crowded.iter().filter(|is| **is).count(), 1, "at three quarters");
        assert!(*told.borrow());
        seats.truncate(12);
        assert!(house.connections.is_crowded());
        seats.truncate(11);
        assert!(!house.connections.is_crowded() && !*told.borrow());
    }

    #[test]
    fn a_balancer_has_no_bound_of_its_own() {
        let house = House::new(3, 1, 1);
        let proxied: Vec<_> = (0..3).map(|_| house.enter_proxy().unwrap()).collect();
        assert_eq!(house.enter_proxy().unwrap_err(), replies::BUSY);
        drop(proxied);
        assert_eq!(house.connections.count(), 0);
    }

    #[test]
    fn seats_are_counted_and_given_back() {
        let house = House::new(5, 2, 3);
        let a = house.enter("192.0.2.1").unwrap();
        let _b = house.enter("192.0.2.1").unwrap();
        assert_eq!(house.enter("192.0.2.1").unwrap_err(), replies::TOO_MANY_CONNECTIONS);
        let _c = house.enter("192.0.2.2").unwrap();
        let full = house.enter("192.0.2.3").unwrap_err();
        assert_eq!(full, replies::TOO_MANY_CONNECTIONS, "the network is full");
        let _d = house.enter("2001:db8::1").unwrap();
        let _e = house.enter("2001:db8::2").unwrap();
        assert_eq!(house.enter("198.51.100.1").unwrap_err(), replies::BUSY);
        drop(a);
        assert!(house.enter("198.51.100.1").is_ok());
        assert_eq!(house.connections.count(), 4);
        let met = [
            (Limit::Connections, "everybody".to_string()),
            (Limit::ConnectionsPerAddress, "192.0.2.1".to_string()),
            (Limit::ConnectionsPerNetwork, "192.0.2.0/24".to_string()),
        ];
        assert_eq!(house.met(), met);
        let seen = house.connections.seen(&house.bounds);
        let seen: Vec<_> = seen.iter().map(|seen| (seen.who.to_string(), seen.count)).collect();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen.contains(&("everybody".to_string(), 4)), "{seen:?}");
        assert!(seen.contains(&("2001:db8::/64".to_string(), 2)), "{seen:?}");
    }

    #[tokio::test]
    async fn who_sits_longest_without_a_mail_makes_room() {
        let house = House::new(3, 9, 9);
        let mut sending = house.enter("192.0.2.1").unwrap();
        house.clock.advance(Duration::from_millis(1));
        let mut sent = house.enter("192.0.2.1").unwrap();
        house.clock.advance(Duration::from_millis(1));
        let idle = house.enter("192.0.2.2").unwrap();
        sending.at_work();
        sent.at_work();
        house.clock.advance(limits::SEAT_WITHOUT_MAIL_TIME_MIN);
        sent.at_rest(house.clock.tick());

        let new = house.enter("198.51.100.1").unwrap();
        assert!(is_asked_to_leave(&idle).await, "it has sat longest without a mail");
        assert!(!is_asked_to_leave(&sending).await && !is_asked_to_leave(&sent).await);
        assert_eq!(house.connections.count(), 3, "counted out at once");

        let refused = house.enter("2001:db8::1").unwrap_err();
        assert_eq!(refused, replies::BUSY, "the others have not sat for long");
        house.clock.advance(limits::SEAT_WITHOUT_MAIL_TIME_MIN);
        let other = house.enter("2001:db8::1").unwrap();
        assert!(is_asked_to_leave(&sent).await || is_asked_to_leave(&new).await);
        assert!(!is_asked_to_leave(&sending).await, "a transaction keeps its seat");
        drop((idle, sent, new, other));
        assert_eq!(house.connections.count(), 1, "nobody is counted out twice");
    }

    #[tokio::test]
    async fn nobody_makes_room_for_a_network_that_has_as_many_seats() {
        let house = House::new(4, 9, 9);
        let seats = ["192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2"]
            .map(|client| house.enter(client).unwrap());
        house.clock.advance(2 * limits::SEAT_WITHOUT_MAIL_TIME_MIN);
        assert_eq!(house.enter("192.0.2.3").unwrap_err(), replies::BUSY);
        let _monitoring = house.enter("203.0.113.1").unwrap();
        assert!(is_asked_to_leave(&seats[0]).await);
        // Now that network has one, and may have one of the other's two.
        let _third = house.enter("192.0.2.3").unwrap();
        assert!(is_asked_to_leave(&seats[2]).await);
    }

    #[test]
    fn a_seat_that_was_given_away_is_given_back_once() {
        let house = House::new(1, 9, 9);
        let mut late = house.enter("192.0.2.1").unwrap();
        house.clock.advance(limits::SEAT_WITHOUT_MAIL_TIME_MIN);
        let mut new = house.enter("198.51.100.1").unwrap();
        late.at_work();
        new.at_work();
        house.clock.advance(limits::SEAT_WITHOUT_MAIL_TIME_MIN);
        late.at_rest(house.clock.tick());
        house.clock.advance(limits::SEAT_WITHOUT_MAIL_TIME_MIN);
        assert_eq!(house.enter("192.0.2.1").unwrap_err(), replies::BUSY);
        drop(late);
        assert_eq!(house.connections.count(), 1);
    }

    #[test]
    fn a_bounded_number_is_told_why() {
        let connections = Connections::default();
        let told: Vec<_> = (0..limits::TURNING_AWAY_MAX).map(|_| connections.turn_away()).collect();
        assert!(told.iter().all(Option::is_some));
        assert!(connections.turn_away().is_none());
        drop(told);
        assert!(connections.turn_away().is_some());
    }
}
