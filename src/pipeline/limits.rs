//! What one client may take from all the others: how often it may send, how much it may ask for at once, and who has met such a bound.
//!
//! One set of counts for all listeners. Invariants: a client is never let through more often than its bound in *any* sixty seconds, not
//! only in those that a clock on the wall cuts out; refusals cost it nothing further; every table has a size that no number of addresses
//! exceeds; and who is over his bound is the last to be forgotten, so that an attacker with many addresses cannot wash one of them clean.

use crate::{
    base::{
        clock::{Clock, Tick, UnixMs},
        limits,
    },
    config::Limits,
};
use ipnet::IpNet;
use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    mem,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A bound that a client can meet. The words are the keys of `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// Connections in all.
    Connections,
    /// Connections of one client address.
    ConnectionsPerAddress,
    /// Connections of one client network.
    ConnectionsPerNetwork,
    /// Our own memory.
    ResidentBytes,
    /// Transactions of one client address.
    TransactionsPerMinute,
    /// Transactions of one user.
    UserTransactionsPerMinute,
    /// Recipients asked about at the same time for one client network.
    CalloutsPerNetwork,
}

impl Limit {
    /// The word for it in configuration, logs, metrics and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Limit::Connections => "connections",
            Limit::ConnectionsPerAddress => "connections-per-address",
            Limit::ConnectionsPerNetwork => "connections-per-network",
            Limit::ResidentBytes => "resident-bytes",
            Limit::TransactionsPerMinute => "transactions-per-minute",
            Limit::UserTransactionsPerMinute => "user-transactions-per-minute",
            Limit::CalloutsPerNetwork => "callouts-per-network",
        }
    }

    /// The bound in force; none where there is none.
    pub fn bound(self, bounds: &Limits) -> Option<u64> {
        let count = |count: usize| u64::try_from(count).ok();
        match self {
            Limit::Connections => count(bounds.connections),
            Limit::ConnectionsPerAddress => count(bounds.connections_per_address),
            Limit::ConnectionsPerNetwork => count(bounds.connections_per_network),
            Limit::ResidentBytes => Some(bounds.resident_bytes.0),
            Limit::TransactionsPerMinute => Some(bounds.transactions_per_minute.into()),
            Limit::UserTransactionsPerMinute => bounds.user_transactions_per_minute.map(u64::from),
            Limit::CalloutsPerNetwork => count(limits::CALLOUTS_PER_NETWORK_MAX),
        }
    }
}

/// Whom a bound is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// All together.
    Everybody,
    /// A client address, as [`client_key`] gives it.
    Client(IpAddr),
    /// A client network, as [`network_key`] gives it.
    Network(IpAddr),
    /// An authenticated user.
    User(String),
}

impl Who {
    /// The client at this address.
    pub fn client(address: IpAddr) -> Who {
        Who::Client(client_key(address))
    }

    /// The client's network.
    pub fn network(address: IpAddr) -> Who {
        Who::Network(network_key(address))
    }

    /// The same as a network, where it is one.
    fn as_net(&self) -> Option<IpNet> {
        let (address, v4_bits, v6_bits) = match self {
            Who::Client(address) => (address, CLIENT_BITS.0, CLIENT_BITS.1),
            Who::Network(address) => (address, NETWORK_BITS.0, NETWORK_BITS.1),
            Who::Everybody | Who::User(_) => return None,
        };
        IpNet::new(*address, if address.is_ipv4() { v4_bits } else { v6_bits }).ok()
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.as_net()) {
            (Who::Everybody, _) => f.write_str("everybody"),
            (Who::User(name), _) => f.write_str(name),
            (Who::Client(address), _) if address.is_ipv4() => write!(f, "{address}"),
            (_, Some(net)) => write!(f, "{net}"),
            (Who::Client(address) | Who::Network(address), None) => write!(f, "{address}"),
        }
    }
}

/// Whose counts an operator wants forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Everybody's.
    All,
    /// Those of every client in a network.
    Within(IpNet),
    /// Those of a user.
    User(String),
}

impl Release {
    /// Reads "all", an address, a network or a user's name.
    pub fn parse(text: &str) -> Release {
        if text == "all" {
            return Release::All;
        }
        let alone = text.parse::<IpAddr>().ok().map(|address| IpNet::from(client_key(address)));
        match alone.or_else(|| text.parse().ok()) {
            Some(net) => Release::Within(net),
            None => Release::User(text.to_string()),
        }
    }

    fn means(&self, who: &Who) -> bool {
        match (self, who) {
            (Release::All, _) => true,
            (Release::User(name), Who::User(user)) => name == user,
            (Release::User(_), _) | (Release::Within(_), Who::Everybody | Who::User(_)) => false,
            (Release::Within(net), Who::Client(_) | Who::Network(_)) => {
                // A client that is a /64 is meant by each address in it.
                who.as_net().is_some_and(|own| net.contains(&own) || own.contains(net))
            }
        }
    }
}

/// All counts of clients but open connections, which `edge::connections` knows.
#[derive(Debug)]
pub struct ClientLimits {
    /// Transactions by client address.
    pub transactions: Rates<IpAddr>,
    /// Transactions by user.
    pub user_transactions: Rates<String>,
    /// Questions about recipients under way, by client network.
    pub callouts: Parallel,
    /// Who has met a bound.
    pub encounters: Encounters,
}

impl Default for ClientLimits {
    fn default() -> ClientLimits {
        ClientLimits {
            transactions: Rates::new(limits::CLIENTS_REMEMBERED_MAX),
            user_transactions: Rates::new(limits::USERS_REMEMBERED_MAX),
            callouts: Parallel::default(),
            encounters: Encounters::default(),
        }
    }
}

impl ClientLimits {
    /// Counts a transaction of this client; false when it is one too many.
    pub fn may_begin(&self, client: IpAddr, bounds: &Limits, clock: &Clock) -> bool {
        let per_minute = bounds.transactions_per_minute;
        let under = is_exempt(bounds, client)
            || self.transactions.take(client_key(client), per_minute, clock.tick());
        if !under {
            let who = Who::client(client);
            self.encounters.meet(Limit::TransactionsPerMinute, who, per_minute.into(), clock);
        }
        under
    }

    /// Counts a transaction of this user, from wherever it comes; false when it is one too many.
    pub fn user_may_begin(&self, user: &str, bounds: &Limits, clock: &Clock) -> bool {
        let Some(per_minute) = bounds.user_transactions_per_minute else { return true };
        let under = self.user_transactions.take(user.to_string(), per_minute, clock.tick());
        if !under {
            let who = Who::User(user.to_string());
            self.encounters.meet(Limit::UserTransactionsPerMinute, who, per_minute.into(), clock);
        }
        under
    }

    /// One more question about a recipient for this client; none when too many are under way for its network.
    pub fn may_ask(&self, client: IpAddr, bounds: &Limits, clock: &Clock) -> Option<Asking<'_>> {
        let max =
            if is_exempt(bounds, client) { usize::MAX } else { limits::CALLOUTS_PER_NETWORK_MAX };
        let asking = self.callouts.begin(network_key(client), max);
        if asking.is_none() {
            let bound = u64::try_from(max).unwrap_or(u64::MAX);
            self.encounters.meet(Limit::CalloutsPerNetwork, Who::network(client), bound, clock);
        }
        asking
    }

    /// Who is near a bound or over it, and who met one of late. The connections are for the caller to add.
    pub fn seen(&self, bounds: &Limits, clock: &Clock) -> Vec<Seen> {
        let now = clock.tick();
        let mut seen = Vec::new();
        let near = self.transactions.near(bounds.transactions_per_minute, now);
        seen.extend(near.into_iter().map(|(client, counted)| {
            counted.seen(Limit::TransactionsPerMinute, Who::Client(client), clock)
        }));
        if let Some(per_minute) = bounds.user_transactions_per_minute {
            let near = self.user_transactions.near(per_minute, now);
            seen.extend(near.into_iter().map(|(user, counted)| {
                counted.seen(Limit::UserTransactionsPerMinute, Who::User(user), clock)
            }));
        }
        let asking = self.callouts.near(limits::CALLOUTS_PER_NETWORK_MAX);
        seen.extend(asking.into_iter().map(|(network, count)| Seen {
            limit: Limit::CalloutsPerNetwork,
            who: Who::Network(network),
            count: u64::try_from(count).unwrap_or(u64::MAX),
            until: None,
        }));
        seen
    }

    /// How many this client, network or user has now of what the bound counts; the connections are for the caller to know.
    pub fn count(&self, limit: Limit, who: &Who, now: Tick) -> Option<u64> {
        match (limit, who) {
            (Limit::TransactionsPerMinute, Who::Client(client)) => {
                Some(self.transactions.count(client, now).into())
            }
            (Limit::UserTransactionsPerMinute, Who::User(user)) => {
                Some(self.user_transactions.count(user, now).into())
            }
            (Limit::CalloutsPerNetwork, Who::Network(network)) => {
                u64::try_from(self.callouts.count(*network)).ok()
            }
            _ => None,
        }
    }

    /// Forgets counts; gives how many, and those of encounters.
    pub fn release(&self, release: &Release) -> usize {
        let clients = self.transactions.release(|client| release.means(&Who::Client(*client)));
        let users = self.user_transactions.release(|user| release.means(&Who::User(user.clone())));
        clients + users + self.encounters.release(|who| release.means(who))
    }

    /// Gives back the memory of what is past.
    pub fn tidy(&self, now: Tick) {
        self.transactions.tidy(now);
        self.user_transactions.tidy(now);
        self.encounters.tidy(now);
    }
}

/// A count beside its bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which bound.
    pub limit: Limit,
    /// Whose.
    pub who: Who,
    /// How many now.
    pub count: u64,
    /// When one more is let through, if that is known and not now.
    pub until: Option<UnixMs>,
}

impl Seen {
    /// Is the count near the bound, or at it?
    pub fn is_near(&self, bounds: &Limits) -> bool {
        self.limit.bound(bounds).is_some_and(|bound| is_near(self.count, bound))
    }
}

/// Is this client in a network that no limit on clients is for?
pub fn is_exempt(bounds: &Limits, client: IpAddr) -> bool {
    bounds.exempt_networks.iter().any(|network| network.contains(&client))
}

/// Clients are counted by IPv4 address and IPv6 /64: within a /64 one host has as many addresses as it likes.
pub fn client_key(address: IpAddr) -> IpAddr {
    prefix(address, CLIENT_BITS)
}

/// Client networks: /24 and /48.
pub fn network_key(address: IpAddr) -> IpAddr {
    prefix(address, NETWORK_BITS)
}

fn prefix(address: IpAddr, (v4_bits, v6_bits): (u8, u8)) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(v4_bits)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(v6_bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

const CLIENT_BITS: (u8, u8) = (32, 64);
const NETWORK_BITS: (u8, u8) = (24, 48);

// --- How often ----------------------------------------------------------------------------------------------------

/// How often each one came in the last minute, for a bounded number of them.
///
/// A table of small sets, and a secret decides which set one falls into. A full set forgets first who has come least: to have one forgotten
/// that is over its bound, an attacker needs a whole set of such, and cannot choose which. There is no list to rearrange and no moment
/// at which everything is moved, so a flood of new addresses costs no more for each than one known address.
#[derive(Debug)]
pub struct Rates<K> {
    sets: Mutex<Vec<Vec<Slot<K>>>>,
    secret: RandomState,
}

#[derive(Debug)]
struct Slot<K> {
    key: K,
    window: Window,
}

/// A minute in pieces: the one that has begun and as many whole ones as make sixty seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    /// The number of the piece that has begun.
    piece: u32,
    /// How many in it, and in those before it.
    counts: [u32; WINDOW_PIECES + 1],
}

/// A count of the last minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    count: u32,
    /// When one more is let through; none if it would be now.
    until: Option<Tick>,
}

impl Counted {
    fn seen(self, limit: Limit, who: Who, clock: &Clock) -> Seen {
        let until = self.until.map(|until| clock.now().plus(until.since(clock.tick())));
        Seen { limit, who, count: self.count.into(), until }
    }
}

impl<K: Hash + Eq + Clone> Rates<K> {
    /// For about so many at once.
    pub fn new(remembered: usize) -> Rates<K> {
        // A third more room than asked for: sets fill unevenly.
        let sets = (remembered + remembered / 3).div_ceil(SET_SLOTS_MAX).max(1);
        Rates {
            sets: Mutex::new((0..sets).map(|_| Vec::new()).collect()),
            secret: RandomState::new(),
        }
    }

    /// Counts one more and says yes, unless there were `per_minute` in the last minute.
    pub fn take(&self, key: K, per_minute: u32, now: Tick) -> bool {
        let mut sets = self.sets();
        let Some(set) = self.set_of(&mut sets, &key) else { return true };
        let at = match set.iter().position(|slot| slot.key == key) {
            Some(at) => at,
            None => place_in(set, key, now),
        };
        let Some(Slot { window, .. }) = set.get_mut(at) else { return true };
        window.move_to(now);
        if window.count() >= per_minute {
            return false;
        }
        window.add();
        true
    }

    /// How many in the last minute.
    pub fn count(&self, key: &K, now: Tick) -> u32 {
        let mut sets = self.sets();
        let slot =
            self.set_of(&mut sets, key).and_then(|set| set.iter().find(|slot| slot.key == *key));
        slot.map_or(0, |slot| slot.window.moved_to(now).count())
    }

    /// Those near the bound or at it.
    pub fn near(&self, per_minute: u32, now: Tick) -> Vec<(K, Counted)> {
        let sets = self.sets();
        let counted = sets.iter().flatten().map(|slot| {
            let window = slot.window.moved_to(now);
            let count = window.count();
            let until = (count >= per_minute).then(|| window.next_room());
            (slot, Counted { count, until })
        });
        let near = counted.filter(|(_, counted)| is_near(counted.count.into(), per_minute.into()));
        near.map(|(slot, counted)| (slot.key.clone(), counted)).collect()
    }

    /// Forgets some; gives how many had a count.
    pub fn release(&self, is_meant: impl Fn(&K) -> bool) -> usize {
        let mut sets = self.sets();
        let before: usize = sets.iter().map(Vec::len).sum();
        sets.iter_mut().for_each(|set| set.retain(|slot| !is_meant(&slot.key)));
        before - sets.iter().map(Vec::len).sum::<usize>()
    }

    /// Forgets those that have not come for a minute, and gives their memory back.
    pub fn tidy(&self, now: Tick) {
        for set in self.sets().iter_mut() {
            set.retain(|slot| slot.window.moved_to(now).count() > 0);
            set.shrink_to_fit();
        }
    }

    /// How many are remembered.
    pub fn remembered(&self) -> usize {
        self.sets().iter().map(Vec::len).sum()
    }

    /// The table's memory, but for what keys hold outside of it.
    pub fn bytes(&self) -> usize {
        let sets = self.sets();
        let slots: usize = sets.iter().map(Vec::capacity).sum();
        slots * mem::size_of::<Slot<K>>() + sets.capacity() * mem::size_of::<Vec<Slot<K>>>()
    }

    fn set_of<'a>(&self, sets: &'a mut [Vec<Slot<K>>], key: &K) -> Option<&'a mut Vec<Slot<K>>> {
        let count = u64::try_from(sets.len()).ok()?;
        let at = self.secret.hash_one(key).checked_rem(count)?;
        sets.get_mut(usize::try_from(at).ok()?)
    }

    fn sets(&self) -> MutexGuard<'_, Vec<Vec<Slot<K>>>> {
        // A count that a panic left half done is a count all the same.
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place for a new one in its set, at the cost of who has come least, and of these who has not come for longest.
fn place_in<K>(set: &mut Vec<Slot<K>>, key: K, now: Tick) -> usize {
    let slot = Slot { key, window: Window::default() };
    if set.len() < SET_SLOTS_MAX {
        set.push(slot);
        return set.len() - 1;
    }
    let least = set.iter().enumerate().min_by_key(|(_, slot)| {
        let window = slot.window.moved_to(now);
        (window.count(), slot.window.piece)
    });
    let at = least.map_or(0, |(at, _)| at);
    if let Some(place) = set.get_mut(at) {
        *place = slot;
    }
    at
}

impl Window {
    fn move_to(&mut self, now: Tick) {
        let piece = u32::try_from(now.0.as_secs() / WINDOW_PIECE.as_secs()).unwrap_or(u32::MAX);
        let passed = usize::try_from(piece.saturating_sub(self.piece)).unwrap_or(usize::MAX);
        let pieces = self.counts.len();
        let passed = passed.min(pieces);
        self.counts.rotate_right(passed % pieces);
        self.counts.iter_mut().take(passed).for_each(|count| *count = 0);
        self.piece = self.piece.max(piece);
    }

    fn moved_to(mut self, now: Tick) -> Window {
        self.move_to(now);
        self
    }

    /// How many in the last sixty seconds, and in up to ten more: never fewer than there were.
    fn count(&self) -> u32 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn add(&mut self) {
        if let Some(count) = self.counts.first_mut() {
            *count = count.saturating_add(1);
        }
    }

    /// When the oldest that count do so no longer.
    fn next_room(&self) -> Tick {
        let oldest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let pieces = u32::try_from(self.counts.len() - oldest).unwrap_or(u32::MAX);
        Tick(WINDOW_PIECE.saturating_mul(self.piece.saturating_add(pieces)))
    }
}

fn is_near(count: u64, bound: u64) -> bool {
    count > 0 && count.saturating_mul(100) >= bound.saturating_mul(limits::NEAR_A_LIMIT_PERCENT)
}

const SET_SLOTS_MAX: usize = 16;
const WINDOW_PIECES: usize = 6;
const WINDOW_PIECE: Duration = Duration::from_secs(10);

// --- How many at once ----------------------------------------------------------------------------------------------

/// How many of something each network has under way. It holds no more networks than there are connections.
#[derive(Debug, Default)]
pub struct Parallel(Mutex<HashMap<IpAddr, usize>>);

/// One under way; dropping it ends it.
#[derive(Debug)]
pub struct Asking<'a> {
    all: &'a Parallel,
    network: IpAddr,
}

impl Parallel {
    /// One more, unless there are so many already.
    pub fn begin(&self, network: IpAddr, max: usize) -> Option<Asking<'_>> {
        let mut counts = self.counts();
        let count = counts.entry(network).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Asking { all: self, network })
    }

    /// How many this network has.
    pub fn count(&self, network: IpAddr) -> usize {
        self.counts().get(&network).copied().unwrap_or(0)
    }

    fn near(&self, bound: usize) -> Vec<(IpAddr, usize)> {
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let counts = self.counts();
        let near = counts.iter().filter(|(_, count)| is_near(wide(**count), wide(bound)));
        near.map(|(network, count)| (*network, *count)).collect()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut counts = self.all.counts();
        if let Some(count) = counts.get_mut(&self.network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

// --- Who met one ---------------------------------------------------------------------------------------------------

/// Who met which bound of late: one line in the log when it begins, not one for each refusal.
#[derive(Debug, Default)]
pub struct Encounters(Mutex<Met>);

#[derive(Debug, Default)]
struct Met {
    by: HashMap<(Limit, Who), Encounter>,
    refused: u64,
    /// When it was last said that there are too many to name.
    crowd_told: Option<Tick>,
}

/// What is remembered of one.
#[derive(Debug, Clone, Copy)]
struct Encounter {
    last: Tick,
    told: Tick,
    refused: u64,
    refused_when_told: u64,
}

impl Encounters {
    /// Somebody was refused for a bound.
    pub fn meet(&self, limit: Limit, who: Who, bound: u64, clock: &Clock) {
        metrics::counter!("sluss_limited_total", "limit" => limit.word()).increment(1);
        let now = clock.tick();
        let mut met = self.met();
        met.refused = met.refused.saturating_add(1);
        if met.by.len() >= limits::ENCOUNTERS_REMEMBERED_MAX {
            met.by.retain(|_, encounter| now.since(encounter.last) < limits::ENCOUNTER_LIFETIME);
        }
        let full = met.by.len() >= limits::ENCOUNTERS_REMEMBERED_MAX;
        let key = (limit, who);
        if let Some(known) = met.by.get_mut(&key) {
            known.last = now;
            known.refused = known.refused.saturating_add(1);
            if now.since(known.told) >= limits::ENCOUNTER_LIFETIME {
                let refused = known.refused.saturating_sub(known.refused_when_told);
                (known.told, known.refused_when_told) = (now, known.refused);
                tracing::warn!(limit = limit.word(), who = %key.1, bound, refused, "a limit is still met");
            }
        } else if !full {
            tracing::warn!(limit = limit.word(), who = %key.1, bound, "a limit is met; further refusals are counted, not logged: see `sluss limits show`");
            let encounter = Encounter { last: now, told: now, refused: 1, refused_when_told: 1 };
            met.by.insert(key, encounter);
        } else if met.crowd_told.is_none_or(|told| now.since(told) >= limits::ENCOUNTER_LIFETIME) {
            met.crowd_told = Some(now);
            tracing::warn!(
                limit = limit.word(),
                remembered = met.by.len(),
                "so many clients meet limits that not each of them is named any more"
            );
        }
    }

    /// Who met one of late, and how often they were refused.
    pub fn list(&self, now: Tick) -> Vec<(Limit, Who, u64)> {
        let met = self.met();
        let fresh = met
            .by
            .iter()
            .filter(|(_, encounter)| now.since(encounter.last) < limits::ENCOUNTER_LIFETIME);
        fresh.map(|((limit, who), met)| (*limit, who.clone(), met.refused)).collect()
    }

    /// Refusals since the start.
    pub fn refused(&self) -> u64 {
        self.met().refused
    }

    fn release(&self, is_meant: impl Fn(&Who) -> bool) -> usize {
        let mut met = self.met();
        let before = met.by.len();
        met.by.retain(|(_, who), _| !is_meant(who));
        before - met.by.len()
    }

    fn tidy(&self, now: Tick) {
        let mut met = self.met();
        met.by.retain(|_, encounter| now.since(encounter.last) < limits::ENCOUNTER_LIFETIME);
        met.by.shrink_to_fit();
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    #[test]
    fn clients_are_counted_by_network() {
        for (text, client, network) in [
            ("192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::", "2001:db8:1::"),
        ] {
            assert_eq!(client_key(address(text)), address(client));
            assert_eq!(network_key(address(text)), address(network));
        }
        for (who, text) in [
            (Who::client(address("192.0.2.77")), "192.0.2.77"),
            (Who::network(address("192.0.2.77")), "192.0.2.0/24"),
            (Who::client(address("2001:db8:1:2:3::4")), "2001:db8:1:2::/64"),
            (Who::network(address("2001:db8:1:2:3::4")), "2001:db8:1::/48"),
            (Who::User("anna@ours.example".to_string()), "anna@ours.example"),
        ] {
            assert_eq!(who.to_string(), text);
        }
    }

    #[test]
    fn no_minute_has_more_than_its_bound_wherever_it_begins() {
        let rates = Rates::new(10);
        // As many as it can, each second, for ten minutes; and the same with bursts at the worst moments.
        for (patience, from) in [(1, 0), (59, 1_000), (60, 3_000), (61, 6_000), (7, 9_000)] {
            let mut taken = Vec::new();
            for second in (from..from + 600).filter(|second| second % patience == 0) {
                taken.extend((0..50).filter(|_| rates.take("a", 20, at(second))).map(|_| second));
            }
            for begin in from..from + 600 {
                let within = taken.iter().filter(|second| (begin..begin + 60).contains(*second));
                assert!(within.count() <= 20, "from {begin}, trying each {patience} s");
            }
            // And it is not locked out for trying: at the worst each other burst gets through.
            assert!(taken.len() >= 600 / 130 * 20, "{} with {patience}", taken.len());
        }
    }

    #[test]
    fn it_says_when_there_is_room_again() {
        let rates = Rates::new(10);
        assert!((0..3).all(|_| rates.take("a", 3, at(25))));
        let near = rates.near(3, at(40));
        assert_eq!(near, [("a", Counted { count: 3, until: Some(at(90)) })]);
        assert!(!rates.take("a", 3, at(89)) && rates.take("a", 3, at(90)));
        assert!(rates.near(3, at(100)).is_empty(), "one of three is not near");
    }

    #[test]
    fn a_flood_of_addresses_neither_grows_the_table_nor_washes_one_clean() {
        let rates = Rates::new(limits::CLIENTS_REMEMBERED_MAX);
        let over: Vec<IpAddr> =
            (0..1_000_u32).map(|n| IpAddr::V4((0x0a00_0000 + n).into())).collect();
        for client in &over {
            assert!((0..100).all(|_| rates.take(*client, 100, at(1))));
        }
        // Three times what it is made for, and each comes twice.
        for number in 0..300_000_u32 {
            let client = IpAddr::V4((0xc000_0000 + number).into());
            assert!(rates.take(client, 100, at(2)) && rates.take(client, 100, at(3)));
        }
        let still = over.iter().filter(|client| !rates.take(**client, 100, at(4))).count();
        assert_eq!(still, over.len(), "who is over the bound is the last to be forgotten");
        let (remembered, bytes) = (rates.remembered(), rates.bytes());
        assert!(remembered >= limits::CLIENTS_REMEMBERED_MAX, "{remembered}");
        assert!(
            remembered <= limits::CLIENTS_REMEMBERED_MAX * 4 / 3 + SET_SLOTS_MAX,
            "{remembered}"
        );
        assert!(bytes < 8 << 20, "{bytes} bytes");
        assert!(mem::size_of::<Slot<IpAddr>>() <= 56);
        rates.tidy(at(200));
        assert_eq!(rates.remembered(), 0);
        assert!(rates.bytes() < 256 << 10, "{} bytes", rates.bytes());
    }

    #[test]
    fn a_hundred_thousand_addresses_are_counted_each() {
        let rates = Rates::new(limits::CLIENTS_REMEMBERED_MAX);
        let client = |number: u32| IpAddr::V4((0xc000_0000 + number).into());
        let all = 0..u32::try_from(limits::CLIENTS_REMEMBERED_MAX).unwrap();
        assert!(all.clone().all(|number| rates.take(client(number), 2, at(0))));
        let forgotten = all.filter(|number| rates.count(&client(*number), at(1)) == 0).count();
        // A set that happens to be full forgets one that has come once.
        assert!(forgotten < limits::CLIENTS_REMEMBERED_MAX / 20, "{forgotten}");
    }

    #[test]
    fn what_an_operator_releases_is_what_he_named() {
        let bounds = Limits { transactions_per_minute: 1, ..Limits::default() };
        let clock = Clock::by_hand(UnixMs(0));
        let clients = ["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8:1:2::9"];
        for (what, released) in [
            ("192.0.2.1", &clients[..1]),
            ("192.0.2.0/24", &clients[..2]),
            ("2001:db8:1:2::9", &clients[3..]),
            ("2001:db8:1:2::77", &clients[3..]),
            ("2001:db8:1::/48", &clients[3..]),
            ("203.0.113.1", &[]),
            ("anna", &[]),
            ("all", &clients[..]),
        ] {
            let limits = ClientLimits::default();
            for client in clients {
                assert!(limits.may_begin(address(client), &bounds, &clock));
                assert!(!limits.may_begin(address(client), &bounds, &clock));
            }
            assert_eq!(limits.seen(&bounds, &clock).len(), clients.len());
            limits.release(&Release::parse(what));
            let free =
                clients.iter().filter(|client| limits.may_begin(address(client), &bounds, &clock));
            assert_eq!(free.collect::<Vec<_>>(), released.iter().collect::<Vec<_>>(), "{what}");
        }
    }

    #[test]
    fn users_have_a_bound_of_their_own_and_exempt_networks_none() {
        let clock = Clock::by_hand(UnixMs(0));
        let bounds = Limits {
            transactions_per_minute: 1,
            user_transactions_per_minute: Some(2),
            exempt_networks: vec!["192.0.2.0/28".parse().unwrap()],
            ..Limits::default()
        };
        let limits = ClientLimits::default();
        let taken = (0..5).filter(|_| limits.user_may_begin("anna", &bounds, &clock)).count();
        assert_eq!(taken, 2);
        assert!(limits.user_may_begin("bo", &bounds, &clock));
        assert!((0..500).all(|_| limits.may_begin(address("192.0.2.9"), &bounds, &clock)));
        limits.release(&Release::parse("anna"));
        assert!(limits.user_may_begin("anna", &bounds, &clock));
        let free = Limits::default();
        assert!((0..500).all(|_| limits.user_may_begin("anna", &free, &clock)), "none is given");
    }

    #[test]
    fn one_network_asks_about_a_bounded_number_of_recipients_at_once() {
        let (limits, clock) = (ClientLimits::default(), Clock::by_hand(UnixMs(0)));
        let bounds = Limits::default();
        let ask = |client: &str| limits.may_ask(address(client), &bounds, &clock);
        let mut asking: Vec<_> =
            (0..limits::CALLOUTS_PER_NETWORK_MAX).map(|_| ask("192.0.2.1")).collect();
        assert!(asking.iter().all(Option::is_some));
        assert!(ask("192.0.2.77").is_none() && ask("198.51.100.1").is_some());
        asking.pop();
        assert!(ask("192.0.2.77").is_some());
        drop(asking);
        assert!(limits.callouts.counts().is_empty());
    }

    #[test]
    fn encounters_are_bounded() {
        let (encounters, clock) = (Encounters::default(), Clock::by_hand(UnixMs(0)));
        let many = u32::try_from(limits::ENCOUNTERS_REMEMBERED_MAX).unwrap() + 50;
        for number in 0..many {
            let who = Who::Client(IpAddr::V4(number.into()));
            encounters.meet(Limit::TransactionsPerMinute, who.clone(), 1, &clock);
            encounters.meet(Limit::TransactionsPerMinute, who, 1, &clock);
        }
        let list = encounters.list(clock.tick());
        assert_eq!(list.len(), limits::ENCOUNTERS_REMEMBERED_MAX);
        assert!(list.iter().all(|(_, _, refused)| *refused == 2));
        assert_eq!(encounters.refused(), u64::from(many) * 2);
        clock.advance(limits::ENCOUNTER_LIFETIME);
        assert!(encounters.list(clock.tick()).is_empty());
        encounters.tidy(clock.tick());
        assert!(encounters.met().by.is_empty());
    }
}
