//! Intrusion prevention: what strangers do is counted, and who does too much of it is turned away for a while, at every listener.
//!
//! Invariants: whoever is ours (our networks, our users, our relays, this machine, exempt networks) is told in the event log and never banned
//! for points; no table grows over its size whatever comes; nothing that a client sent stands in an event.

pub mod bans;
pub mod event;
pub mod known;
pub mod scores;
pub mod signs;

pub use bans::{Ban, By, Lifted};
pub use event::{BanTold, Event, Kind};
pub use known::Acquaintances;

use crate::{
    base::{
        clock::{Clock, Tick, UnixMs},
        limits, networks,
    },
    config::Listener,
    mail::Peer,
    pipeline::{
        guard::{
            bans::Bans,
            event::{Counts, Told},
            scores::{Earned, Scores},
        },
        limits::is_exempt,
        settings::Settings,
    },
    store::{
        StoreError,
        journal::{Journal, Room},
        private, snapshot,
    },
    wire::date,
};
use ipnet::IpNet;
use serde::Serialize;
use std::{
    borrow::Cow,
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Everything that is known of strangers, one for the process.
#[derive(Debug, Default)]
pub struct Guard {
    scores: Table<Scores>,
    bans: Table<Bans>,
    known: Table<Acquaintances>,
    own_addresses: Table<BTreeSet<IpAddr>>,
    lines: Table<LinesOfSecond>,
    tarpitted: AtomicUsize,
    tarpitted_in_all: AtomicU64,
    turned_away: AtomicU64,
    events: AtomicU64,
    untold: AtomicU64,
    bans_changed: AtomicBool,
    known_changed: AtomicBool,
    kept: Option<Kept>,
}

/// Where it is written down.
#[derive(Debug)]
struct Kept {
    bans: PathBuf,
    known: PathBuf,
    journal: Journal,
}

/// How many lines the event log had in the second that is.
#[derive(Debug, Default)]
struct LinesOfSecond {
    second: u64,
    count: u32,
}

/// What somebody did.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// What.
    pub kind: Kind,
    /// Who.
    pub client: IpAddr,
    /// At which listener.
    pub listener: &'a str,
    /// In words of ours.
    pub detail: &'a str,
}

/// Who somebody is, for all this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Ours: never banned for points, never made to wait.
    Own,
    /// A stranger whose network brought good mail.
    Known,
    /// A stranger.
    Strange,
}

/// What `sluss limits show` shows of all this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Figures {
    /// Bans that hold.
    pub bans: usize,
    /// Connections turned away for a ban since the start.
    pub turned_away: u64,
    /// Events since the start.
    pub events: u64,
    /// Of these not in the event log: there were too many at once.
    pub untold: u64,
    /// Clients that have points.
    pub clients_with_points: usize,
    /// Clients that waited quietly and do not wait again.
    pub quiet_clients: usize,
    /// Networks that brought good mail.
    pub good_networks: usize,
    /// Clients from which users of ours logged in.
    pub user_clients: usize,
    /// Sessions that are answered late now.
    pub tarpitted: usize,
    /// The same since the start.
    pub tarpitted_since_start: u64,
    /// The memory of all these tables.
    pub table_bytes: usize,
}

/// A session that is answered late; dropping it makes room for another.
#[derive(Debug)]
pub struct Tarpitted<'a>(&'a Guard);

impl Drop for Tarpitted<'_> {
    fn drop(&mut self) {
        self.0.tarpitted.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Guard {
    /// With what was written down in the data folder, and the event log in it.
    pub fn open(data_dir: &Path) -> Result<Guard, StoreError> {
        let folder = data_dir.join("strangers");
        private::folder(&folder)?;
        let kept = Kept {
            bans: folder.join("bans"),
            known: folder.join("known"),
            journal: Journal::open(&data_dir.join("events.log"), Room::default())?,
        };
        let guard = Guard::default();
        for ban in snapshot::read(&kept.bans)? {
            guard.bans.with(|bans| bans.put(ban));
        }
        let rows = snapshot::read(&kept.known)?;
        guard.known.with(|known| known.restore(rows));
        Ok(Guard { kept: Some(kept), ..guard })
    }

    /// Who this client is to us.
    pub fn standing(
        &self,
        settings: &Settings,
        listener: &Listener,
        peer: &Peer,
        now: UnixMs,
    ) -> Standing {
        let is_ours = is_ours(settings, peer)
            || listener.is_proxy(peer.address)
            || self.known.with(|known| known.has_users(peer.address, now));
        match is_ours {
            true => Standing::Own,
            false if self.known.with(|known| known.is_good(peer.address, now)) => Standing::Known,
            false => Standing::Strange,
        }
    }

    /// Counts and tells what somebody did; gives the ban if it was too much.
    pub fn note(&self, seen: Sighting<'_>, standing: Standing, clock: &Clock) -> Option<Ban> {
        self.events.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("sluss_intrusion_events_total", "kind" => seen.kind.word()).increment(1);
        let counts = match (standing, seen.kind.counts()) {
            (Standing::Own, _) | (Standing::Known, Counts::StrangersOnly) => false,
            (Standing::Known, Counts::Always) | (Standing::Strange, _) => true,
        };
        let ban = if counts { self.add_points(seen, clock) } else { None };
        if seen.kind.told() == Told::Always || ban.is_some() {
            self.tell(seen, ban.as_ref(), clock);
        }
        ban
    }

    fn add_points(&self, seen: Sighting<'_>, clock: &Clock) -> Option<Ban> {
        let earned =
            self.scores.with(|scores| scores.add(seen.client, seen.kind.points(), clock.tick()));
        let network = match earned {
            Earned::Nothing => return None,
            Earned::Client => bans::client_net(seen.client)?,
            Earned::Network => bans::wider_net(seen.client)?,
        };
        let ban = self.bans.with(|bans| bans.add(network, seen.kind.word(), clock.now()));
        self.bans_changed.store(true, Ordering::Relaxed);
        metrics::counter!("sluss_bans_total").increment(1);
        Some(ban)
    }

    fn tell(&self, seen: Sighting<'_>, ban: Option<&Ban>, clock: &Clock) {
        // A ban is told whatever else there is: it comes once for a thousand events.
        if ban.is_none() && !self.lines.with(|lines| lines.has_room(clock.tick())) {
            self.untold.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let event = Event {
            time: date::write_iso(clock.now()),
            kind: seen.kind.word().to_string(),
            client: seen.client.to_canonical(),
            listener: seen.listener.to_string(),
            detail: seen.detail.to_string(),
            ban: ban.map(BanTold::of),
        };
        match &event.ban {
            Some(ban) => {
                tracing::warn!(kind = event.kind, client = %event.client, listener = event.listener, detail = event.detail, network = ban.network, until = ban.until, times = ban.times, "intrusion event: banned")
            }
            None => {
                tracing::info!(kind = event.kind, client = %event.client, listener = event.listener, detail = event.detail, "intrusion event")
            }
        }
        if let Some(kept) = &self.kept {
            kept.journal.append(event.to_line());
        }
    }

    /// Is this client turned away? One of ours is only if an operator said so. Not to be asked of relays, which never are.
    pub fn ban_of(
        &self,
        address: IpAddr,
        standing: impl FnOnce() -> Standing,
        now: UnixMs,
    ) -> Option<Ban> {
        let ban = self.bans.with(|bans| bans.of(address, now).cloned())?;
        let holds = ban.by == By::Operator || standing() != Standing::Own;
        holds.then_some(ban)
    }

    /// One was turned away.
    pub fn count_turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("sluss_banned_connections_total").increment(1);
    }

    /// Does this client have to wait for the greeting?
    pub fn must_wait(&self, standing: Standing, client: IpAddr, now: UnixMs) -> bool {
        match standing {
            Standing::Own | Standing::Known => false,
            Standing::Strange => !self.known.with(|known| known.is_quiet(client, now)),
        }
    }

    /// It has waited, and said nothing.
    pub fn was_quiet(&self, client: IpAddr, now: UnixMs) {
        self.known.with(|known| known.was_quiet(client, now));
        self.known_changed.store(true, Ordering::Relaxed);
    }

    /// It brought a mail that nothing speaks against.
    pub fn brought_good_mail(&self, client: IpAddr, now: UnixMs) {
        if self.known.with(|known| known.was_good(client, now)) {
            self.known_changed.store(true, Ordering::Relaxed);
        }
    }

    /// One of our users logged in from there: an office whose printer has an old password is not to be banned.
    pub fn had_user(&self, client: IpAddr, now: UnixMs) {
        if self.known.with(|known| known.had_user(client, now)) {
            self.known_changed.store(true, Ordering::Relaxed);
        }
    }

    /// Has its network brought good mail?
    pub fn is_good(&self, client: IpAddr, now: UnixMs) -> bool {
        self.known.with(|known| known.is_good(client, now))
    }

    /// A client has connected to this address, so it is ours.
    pub fn learn_own_address(&self, address: IpAddr) {
        let address = address.to_canonical();
        self.own_addresses.with(|own| {
            if own.len() < limits::OWN_ADDRESSES_MAX {
                own.insert(address);
            }
        });
    }

    /// Is this address one of ours?
    pub fn is_own_address(&self, address: IpAddr) -> bool {
        self.own_addresses.with(|own| own.contains(&address.to_canonical()))
    }

    /// A place among those that are answered late; none where there are too many already.
    pub fn tarpit(&self) -> Option<Tarpitted<'_>> {
        let place = Tarpitted(self);
        let before = self.tarpitted.fetch_add(1, Ordering::Relaxed);
        if before >= limits::TARPIT_SESSIONS_MAX {
            return None;
        }
        self.tarpitted_in_all.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("sluss_tarpitted_total").increment(1);
        Some(place)
    }

    /// The bans that hold.
    pub fn bans(&self, now: UnixMs) -> Vec<Ban> {
        self.bans.with(|bans| bans.list(now))
    }

    /// Bans a network on an operator's word.
    pub fn ban_by_hand(
        &self,
        network: IpNet,
        span: Option<Duration>,
        why: String,
        now: UnixMs,
    ) -> Result<Ban, String> {
        let ban = Ban {
            network: networks::canonical(network),
            since: now,
            until: span.map(|span| now.plus(span)),
            times: 1,
            why: Cow::Owned(why),
            by: By::Operator,
        };
        if !self.bans.with(|bans| bans.add_by_hand(ban.clone())) {
            return Err(format!(
                "there are {} bans by hand already: lift some, or name wider networks",
                limits::BANS_BY_HAND_MAX
            ));
        }
        self.bans_changed.store(true, Ordering::Relaxed);
        Ok(ban)
    }

    /// Lifts the ban of a network and forgets the points behind it; gives what held, and what goes on to hold it.
    pub fn lift(&self, network: IpNet, now: UnixMs) -> Lifted {
        let lifted = self.bans.with(|bans| bans.lift(network, now));
        self.release(Some(network));
        self.bans_changed.store(true, Ordering::Relaxed);
        lifted
    }

    /// Forgets the points of a network, or all; gives how many had some.
    pub fn release(&self, network: Option<IpNet>) -> usize {
        let is_meant = |address: IpAddr| {
            // A count of a network is kept under its first address.
            let nets = [bans::client_net(address), bans::wider_net(address)];
            network.is_none_or(|meant| {
                let meant = networks::canonical(meant);
                nets.into_iter().flatten().any(|own| meant.contains(&own) || own.contains(&meant))
            })
        };
        self.scores.with(|scores| scores.release(is_meant))
    }

    /// The last so many events that are meant, the oldest first. Reads files.
    pub fn events(
        &self,
        rows: usize,
        is_meant: impl Fn(&Event) -> bool,
    ) -> std::io::Result<Vec<Event>> {
        let Some(kept) = &self.kept else { return Ok(Vec::new()) };
        let lines = kept
            .journal
            .last(rows, |line| Event::from_line(line).is_some_and(|event| is_meant(&event)))?;
        Ok(lines.iter().filter_map(|line| Event::from_line(line)).collect())
    }

    /// What there is of all this.
    pub fn figures(&self, now: UnixMs) -> Figures {
        let (quiet_clients, good_networks, user_clients) = self.known.with(|known| known.counts());
        let dropped = self.kept.as_ref().map_or(0, |kept| kept.journal.dropped());
        let (scores_bytes, clients_with_points) =
            self.scores.with(|scores| (scores.bytes(), scores.clients()));
        let (bans_bytes, bans) = self.bans.with(|bans| (bans.bytes(), bans.list(now).len()));
        let known_bytes = self.known.with(|known| known.bytes());
        Figures {
            bans,
            turned_away: self.turned_away.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
            untold: self.untold.load(Ordering::Relaxed).saturating_add(dropped),
            clients_with_points,
            quiet_clients,
            good_networks,
            user_clients,
            tarpitted: self.tarpitted.load(Ordering::Relaxed),
            tarpitted_since_start: self.tarpitted_in_all.load(Ordering::Relaxed),
            table_bytes: scores_bytes + bans_bytes + known_bytes,
        }
    }

    /// Forgets what is past.
    pub fn tidy(&self, clock: &Clock) {
        self.scores.with(|scores| scores.tidy(clock.tick()));
        self.bans.with(|bans| bans.tidy(clock.now()));
        self.known.with(|known| known.tidy(clock.now()));
    }

    /// Writes the bans down, if they have changed. Not for a thread that others wait for.
    pub fn save_bans(&self, now: UnixMs) -> Result<(), StoreError> {
        let Some(kept) = &self.kept else { return Ok(()) };
        if !self.bans_changed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let rows: Vec<Ban> = self.bans.with(|bans| bans.remembered(now).cloned().collect());
        let saved = snapshot::write(&kept.bans, &rows);
        if saved.is_err() {
            self.bans_changed.store(true, Ordering::Relaxed);
        }
        saved
    }

    /// The same for acquaintances.
    pub fn save_known(&self) -> Result<(), StoreError> {
        let Some(kept) = &self.kept else { return Ok(()) };
        if !self.known_changed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let rows = self.known.with(|known| known.rows());
        let saved = snapshot::write(&kept.known, &rows);
        if saved.is_err() {
            self.known_changed.store(true, Ordering::Relaxed);
        }
        saved
    }
}

/// Is this peer in our networks, one of our users, a relay of ours, this machine, or in an exempt network?
pub fn is_ours(settings: &Settings, peer: &Peer) -> bool {
    peer.user.is_some()
        || peer.address.is_loopback()
        || settings.client(peer).is_some()
        || settings.relays.holds(peer.address)
        || is_exempt(&settings.config.limits, peer.address)
}

/// One of the tables. Nobody holds its lock for longer than one question, and nobody asks two tables at once, so that no two wait for each
/// other.
#[derive(Debug, Default)]
struct Table<T>(Mutex<T>);

impl<T> Table<T> {
    fn with<R>(&self, ask: impl FnOnce(&mut T) -> R) -> R {
        // A count that a panic left half done is a count all the same.
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LinesOfSecond {
    fn has_room(&mut self, now: Tick) -> bool {
        let second = now.0.as_secs();
        if second != self.second {
            *self = LinesOfSecond { second, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= limits::EVENTS_PER_SECOND_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn clock() -> Clock {
        Clock::by_hand(UnixMs(1_800_000_000_000))
    }

    fn seen(kind: Kind, client: &str) -> Sighting<'static> {
        Sighting { kind, client: address(client), listener: "in", detail: "words of ours" }
    }

    fn note(guard: &Guard, kind: Kind, standing: Standing, times: usize) -> Option<Ban> {
        let clock = clock();
        (0..times).find_map(|_| guard.note(seen(kind, "192.0.2.7"), standing, &clock))
    }

    #[test]
    fn ours_are_never_banned_and_known_servers_are_forgiven_what_servers_do() {
        for (kind, standing, banned) in [
            (Kind::Exploit, Standing::Strange, true),
            (Kind::Exploit, Standing::Known, true),
            (Kind::Exploit, Standing::Own, false),
            (Kind::Relay, Standing::Strange, true),
            (Kind::Relay, Standing::Known, false),
            (Kind::Guessing, Standing::Known, false),
            (Kind::LogInFailed, Standing::Known, true),
            (Kind::LogInFailed, Standing::Own, false),
        ] {
            let guard = Guard::default();
            let ban = note(&guard, kind, standing, 1_000);
            assert_eq!(ban.is_some(), banned, "{kind:?} of {standing:?}");
            let now = clock().now();
            let met = guard.ban_of(address("192.0.2.7"), || standing, now);
            assert_eq!(met, ban);
            assert!(guard.ban_of(address("192.0.2.7"), || Standing::Own, now).is_none());
        }
    }

    #[test]
    fn an_operators_ban_is_for_everybody_and_his_word_lifts_any() {
        let guard = Guard::default();
        let now = clock().now();
        guard.ban_by_hand("192.0.2.0/24".parse().unwrap(), None, "why".to_string(), now).unwrap();
        assert!(guard.ban_of(address("192.0.2.7"), || Standing::Own, now).is_some());
        note(&guard, Kind::Exploit, Standing::Strange, 2);
        note(&guard, Kind::Relay, Standing::Strange, 1);
        assert_eq!(guard.bans(now).len(), 2);
        assert_eq!(guard.figures(now).clients_with_points, 1);
        let done = guard.lift("192.0.2.7".parse::<IpAddr>().unwrap().into(), now);
        assert_eq!((done.lifted.len(), done.still.len()), (1, 1), "not what is about others too");
        assert_eq!(guard.lift("192.0.2.0/24".parse().unwrap(), now).lifted.len(), 1);
        assert!(guard.bans(now).is_empty());
        assert_eq!(guard.figures(now).clients_with_points, 0);
    }

    #[test]
    fn bans_acquaintances_and_events_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let now = clock.now();
        {
            let guard = Guard::open(folder.path()).unwrap();
            assert!(note(&guard, Kind::Exploit, Standing::Strange, 2).is_some());
            guard.was_quiet(address("198.51.100.1"), now);
            guard.brought_good_mail(address("203.0.113.1"), now);
            guard.save_bans(now).unwrap();
            guard.save_known().unwrap();
        }
        let guard = Guard::open(folder.path()).unwrap();
        let ban = guard.ban_of(address("192.0.2.7"), || Standing::Strange, now).unwrap();
        assert_eq!((ban.times, ban.by, ban.why.as_ref()), (1, By::Points, "command.exploit"));
        assert!(!guard.must_wait(Standing::Strange, address("198.51.100.1"), now));
        assert!(guard.must_wait(Standing::Strange, address("198.51.100.2"), now));
        assert!(guard.is_good(address("203.0.113.250"), now));
        // The thread of the first journal may still be at it.
        let events = loop {
            let events = guard.events(10, |event| event.kind == "command.exploit").unwrap();
            if events.len() == 2 {
                break events;
            }
            std::thread::yield_now();
        };
        assert!(events[0].ban.is_none() && events[1].ban.is_some());
        assert_eq!(events[1].ban.as_ref().unwrap().network, "192.0.2.7/32");
    }

    #[test]
    fn a_flood_of_events_is_counted_and_not_all_told() {
        let folder = tempfile::tempdir().unwrap();
        let guard = Guard::open(folder.path()).unwrap();
        for _ in 0..10_000 {
            guard.note(seen(Kind::Relay, "192.0.2.7"), Standing::Known, &clock());
        }
        let figures = guard.figures(clock().now());
        assert_eq!(figures.events, 10_000);
        assert_eq!(figures.untold, 10_000 - u64::from(limits::EVENTS_PER_SECOND_MAX));
    }

    #[test]
    fn many_who_ask_for_figures_at_once_all_get_them() {
        let guard = std::sync::Arc::new(Guard::default());
        let (done, ended) = std::sync::mpsc::channel();
        for _ in 0..8 {
            let (guard, done) = (guard.clone(), done.clone());
            std::thread::spawn(move || {
                for time in 0..500 {
                    guard.note(seen(Kind::Relay, "192.0.2.7"), Standing::Strange, &clock());
                    if time % 2 == 0 {
                        guard.figures(clock().now());
                    }
                }
                done.send(()).unwrap();
            });
        }
        for _ in 0..8 {
            ended.recv_timeout(std::time::Duration::from_secs(60)).expect("all of them end");
        }
    }

    #[test]
    fn so_many_are_answered_late_and_no_more() {
        let guard = Guard::default();
        let mut held: Vec<_> =
            (0..limits::TARPIT_SESSIONS_MAX).map(|_| guard.tarpit().unwrap()).collect();
        assert!(guard.tarpit().is_none());
        held.pop();
        assert!(guard.tarpit().is_some());
    }
}
