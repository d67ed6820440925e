//! Log-ins: is this client who it says it is, and has it guessed too often?
//!
//! Failures are counted by client address and by user name, known or not, so that nobody learns which names there are.
//! Where the accounts cannot be asked the answer is "later", never yes.

use crate::{
    base::{
        clock::{Tick, UnixMs},
        hidden::Hidden,
        limits,
    },
    config::{Limits, Listener},
    mail::{Peer, User},
    pipeline::{Gateway, limits::client_key},
    store::{
        StoreError,
        accounts::{Account, Purpose, UserName},
        embedded::LogIn,
    },
    wire::smtp::{Answer, Reply, log_in::Credentials, replies},
};
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Are these the credentials of a user who may send by this listener?
pub async fn check(
    gateway: &Gateway,
    listener: &Listener,
    peer: &Peer,
    credentials: Credentials,
) -> Answer {
    let settings = gateway.settings.load_full();
    let name = credentials.name.expose().clone();
    let attempt = Attempt { client: peer.address, name: &name, at: gateway.clock.tick() };
    if !gateway.log_ins.begin(&attempt, &settings.config.limits) {
        return refused(listener, peer, "too many failures before", replies::LOG_IN_TOO_OFTEN);
    }
    let accounts = &gateway.stores.accounts;
    match accounts.log_in(Purpose::Smtp, &name, credentials.password).await {
        Ok(LogIn::Welcome(account)) => {
            gateway.log_ins.succeeded(&attempt);
            metrics::counter!("sluss_log_ins_total", "outcome" => "welcome").increment(1);
            tracing::info!(peer = %peer.address, listener = listener.name, user = account.name, organisation = %account.organisation, "logged in");
            Answer::Welcome(User { name: account.name, organisation: account.organisation })
        }
        // The name of no account may be a password typed into the wrong field, so it stands nowhere.
        Ok(LogIn::Wrong { known: false }) => {
            refused(listener, peer, "no such user", replies::LOG_IN_FAILED)
        }
        Ok(LogIn::Wrong { known: true }) => {
            let why = "the password is wrong, or the user is disabled";
            tracing::info!(peer = %peer.address, listener = listener.name, user = name.to_lowercase(), why, "log-in failed");
            metrics::counter!("sluss_log_ins_total", "outcome" => "failed").increment(1);
            Answer::No(replies::LOG_IN_FAILED)
        }
        Ok(LogIn::Busy) => {
            gateway.log_ins.undecided(&attempt);
            refused(listener, peer, "too many passwords wait to be compared", replies::LOG_IN_LATER)
        }
        Err(error) => {
            gateway.log_ins.undecided(&attempt);
            tracing::error!(peer = %peer.address, listener = listener.name, %error, "the accounts could not be asked");
            Answer::No(replies::LOG_IN_LATER)
        }
    }
}

fn refused(listener: &Listener, peer: &Peer, why: &str, reply: Reply) -> Answer {
    tracing::info!(peer = %peer.address, listener = listener.name, why, "log-in failed");
    metrics::counter!("sluss_log_ins_total", "outcome" => "failed").increment(1);
    Answer::No(reply)
}

/// May who logged in at `since` still send? Not if the account was removed, disabled, given away or has another password now:
/// taking an account from a thief must end his open connections too.
pub async fn still_good(gateway: &Gateway, user: &User, since: UnixMs) -> Result<bool, StoreError> {
    let Ok(name) = UserName::parse(&user.name) else { return Ok(false) };
    let account = gateway.stores.accounts.get(Purpose::Smtp, &name).await?;
    Ok(account.is_some_and(|account| {
        account.enabled
            && account.organisation == user.organisation
            && account.password_set <= since
    }))
}

/// What came of a log-in on the web pages.
#[derive(Debug)]
pub enum ForWeb {
    /// The password is this account's. It may have to show more.
    Welcome(Account),
    /// It is not, or there is no such account.
    Wrong,
    /// There were too many failures before; the password was not looked at.
    TooOften,
    /// The accounts cannot be asked just now.
    Later,
}

/// Are these the name and password of an account of the web pages? Counted with the failures of the mail ports: who guesses is the same.
pub async fn for_web(
    gateway: &Gateway,
    client: IpAddr,
    name: &str,
    password: Hidden<String>,
) -> ForWeb {
    let attempt = Attempt { client, name, at: gateway.clock.tick() };
    if !gateway.log_ins.begin(&attempt, &gateway.settings.load().config.limits) {
        tracing::info!(peer = %client, why = "too many failures before", "web log-in failed");
        return ForWeb::TooOften;
    }
    match gateway.stores.accounts.log_in(Purpose::Web, name, password).await {
        Ok(LogIn::Welcome(account)) => {
            gateway.log_ins.succeeded(&attempt);
            ForWeb::Welcome(account)
        }
        Ok(LogIn::Wrong { known }) => {
            let user = if known { name.to_lowercase() } else { String::new() };
            tracing::info!(peer = %client, user, "web log-in failed");
            ForWeb::Wrong
        }
        Ok(LogIn::Busy) => {
            gateway.log_ins.undecided(&attempt);
            ForWeb::Later
        }
        Err(error) => {
            gateway.log_ins.undecided(&attempt);
            tracing::error!(peer = %client, %error, "the accounts could not be asked");
            ForWeb::Later
        }
    }
}

/// One try.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Who tries.
    pub client: IpAddr,
    /// To be whom.
    pub name: &'a str,
    /// When.
    pub at: Tick,
}

/// The counts of failed log-ins, shared by all listeners. Names are kept as keyed hashes alone: small, and nothing to read.
#[derive(Debug, Default)]
pub struct LogIns {
    key: RandomState,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    by_client: HashMap<IpAddr, Window>,
    by_user: HashMap<u64, Window>,
    /// Users and the addresses they have logged in from.
    known: HashMap<u64, Tick>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Tick,
    failures: u32,
}

impl LogIns {
    /// Counts a try as failed until it is known to be none; false when there were too many, and the password is not looked at.
    /// Counted before it is compared, or a hundred connections at once would have a hundred tries.
    pub fn begin(&self, attempt: &Attempt, bounds: &Limits) -> bool {
        let (client, user, pair) = self.keys(attempt);
        let mut tables = self.tables();
        tables.make_room(attempt.at);
        let known = tables
            .known
            .get(&pair)
            .is_some_and(|at| attempt.at.since(*at) < limits::LOG_IN_KNOWN_LIFETIME);
        let by_client = count(&mut tables.by_client, client, attempt.at);
        // Strangers must not lock a user out who sits where he always sits.
        let by_user = if known { 0 } else { count(&mut tables.by_user, user, attempt.at) };
        by_client <= bounds.log_in_failures_per_address
            && by_user <= bounds.log_in_failures_per_user
    }

    /// The try was a good one.
    pub fn succeeded(&self, attempt: &Attempt) {
        self.undecided(attempt);
        let (_, _, pair) = self.keys(attempt);
        self.tables().known.insert(pair, attempt.at);
    }

    /// The try was none.
    pub fn undecided(&self, attempt: &Attempt) {
        let (client, user, pair) = self.keys(attempt);
        let mut tables = self.tables();
        let one_less = |window: &mut Window| window.failures = window.failures.saturating_sub(1);
        tables.by_client.get_mut(&client).map(one_less);
        if !tables.known.contains_key(&pair) {
            tables.by_user.get_mut(&user).map(one_less);
        }
    }

    /// Addresses with failed log-ins in the window just now, with their counts: for those who look after the limits.
    pub fn clients(&self, now: Tick) -> Vec<(IpAddr, u32)> {
        let tables = self.tables();
        let fresh = tables.by_client.iter().filter(|(_, window)| window.is_fresh(now));
        fresh
            .filter(|(_, window)| window.failures > 0)
            .map(|(client, window)| (*client, window.failures))
            .collect()
    }

    /// Forgets the failures of a client; true if there were any.
    pub fn release_client(&self, client: IpAddr) -> bool {
        self.tables().by_client.remove(&client_key(client)).is_some()
    }

    /// Forgets the failures of a user name; true if there were any.
    pub fn release_user(&self, name: &str) -> bool {
        let user = self.key.hash_one(folded(name));
        self.tables().by_user.remove(&user).is_some()
    }

    fn keys(&self, attempt: &Attempt) -> (IpAddr, u64, u64) {
        let (client, name) = (client_key(attempt.client), folded(attempt.name));
        (client, self.key.hash_one(&name), self.key.hash_one((client, name)))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn is_fresh(&self, now: Tick) -> bool {
        now.since(self.began) < limits::LOG_IN_WINDOW
    }
}

impl Tables {
    fn make_room(&mut self, now: Tick) {
        keep(&mut self.by_client, |window| window.is_fresh(now));
        keep(&mut self.by_user, |window| window.is_fresh(now));
        keep(&mut self.known, |at| now.since(*at) < limits::LOG_IN_KNOWN_LIFETIME);
    }
}

/// Whose time is over goes; if that is not enough, all go: whoever can fill the table has a hundred thousand addresses already.
fn keep<K: Hash + Eq, V>(table: &mut HashMap<K, V>, is_fresh: impl Fn(&V) -> bool) {
    if table.len() < limits::LOG_INS_REMEMBERED_MAX {
        return;
    }
    table.retain(|_, value| is_fresh(value));
    if table.len() >= limits::LOG_INS_REMEMBERED_MAX {
        table.clear();
    }
}

fn count<K: Hash + Eq>(table: &mut HashMap<K, Window>, key: K, now: Tick) -> u32 {
    let window = table.entry(key).or_insert(Window { began: now, failures: 0 });
    if !window.is_fresh(now) {
        *window = Window { began: now, failures: 0 };
    }
    window.failures = window.failures.saturating_add(1);
    window.failures
}

fn folded(name: &str) -> Hidden<String> {
    let folded = UserName::parse(name);
    Hidden::new("user name", folded.map_or_else(|_| name.to_string(), |name| name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct Lab {
        log_ins: LogIns,
        bounds: Limits,
        now: Tick,
    }

    impl Lab {
        fn new() -> Lab {
            let bounds = Limits {
                log_in_failures_per_address: 3,
                log_in_failures_per_user: 5,
                ..Limits::default()
            };
            Lab { log_ins: LogIns::default(), bounds, now: Tick(Duration::from_secs(100)) }
        }

        fn attempt<'a>(&self, client: &str, name: &'a str) -> Attempt<'a> {
            Attempt { client: client.parse().unwrap(), name, at: self.now }
        }

        /// A try that fails; was it looked at?
        fn fails(&self, client: &str, name: &str) -> bool {
            self.log_ins.begin(&self.attempt(client, name), &self.bounds)
        }

        fn succeeds(&self, client: &str, name: &str) -> bool {
            let attempt = self.attempt(client, name);
            let looked_at = self.log_ins.begin(&attempt, &self.bounds);
            if looked_at {
                self.log_ins.succeeded(&attempt);
            }
            looked_at
        }
    }

    #[test]
    fn an_address_has_its_tries_and_then_waits() {
        let mut lab = Lab::new();
        for name in ["a", "b", "c"] {
            assert!(lab.fails("192.0.2.1", name));
        }
        assert!(!lab.succeeds("192.0.2.1", "d"), "even the right one");
        assert!(lab.fails("192.0.2.2", "d"), "another address");
        assert!(lab.fails("2001:db8::1", "d"));
        assert!(lab.fails("2001:db8::2", "d") && lab.fails("2001:db8::3", "d"));
        assert!(!lab.fails("2001:db8::4", "e"), "one /64 is one client");
        lab.now = Tick(lab.now.0 + limits::LOG_IN_WINDOW);
        assert!(lab.succeeds("192.0.2.1", "d"));
    }

    #[test]
    fn good_log_ins_are_not_counted() {
        let lab = Lab::new();
        for _ in 0..100 {
            assert!(lab.succeeds("192.0.2.1", "a"));
        }
        let attempt = lab.attempt("192.0.2.9", "a");
        for _ in 0..100 {
            assert!(lab.log_ins.begin(&attempt, &lab.bounds));
            lab.log_ins.undecided(&attempt);
        }
        assert!(lab.log_ins.clients(lab.now).is_empty());
    }

    #[test]
    fn many_hosts_cannot_guess_one_user_nor_lock_him_out() {
        let lab = Lab::new();
        assert!(lab.succeeds("198.51.100.7", "anna"));
        let tried = (0..20).filter(|host| lab.fails(&format!("192.0.2.{host}"), "Anna")).count();
        assert_eq!(tried, 5);
        assert!(!lab.succeeds("203.0.113.1", "anna"), "a place where she never was");
        assert!(lab.succeeds("198.51.100.7", "ANNA"), "where she always is");
        assert!((0..20).filter(|_| lab.fails("198.51.100.7", "anna")).count() == 3);
        assert!(lab.succeeds("203.0.113.1", "berta"));
    }

    #[test]
    fn what_is_counted_can_be_shown_and_forgotten() {
        let lab = Lab::new();
        let looked_at = (0..9).filter(|host| lab.fails(&format!("192.0.2.{host}"), "anna"));
        assert_eq!(looked_at.count(), 5);
        assert_eq!(lab.log_ins.clients(lab.now).len(), 9);
        assert!(lab.log_ins.release_user("Anna") && !lab.log_ins.release_user("anna"));
        assert!(lab.succeeds("203.0.113.1", "anna"));
        assert!(lab.log_ins.release_client("192.0.2.3".parse().unwrap()));
        assert_eq!(lab.log_ins.clients(lab.now).len(), 8);
    }

    #[test]
    fn the_tables_are_bounded() {
        let lab = Lab::new();
        for number in 0..u32::try_from(limits::LOG_INS_REMEMBERED_MAX).unwrap() + 10 {
            let attempt = Attempt { client: IpAddr::V4(number.into()), name: "x", at: lab.now };
            lab.log_ins.begin(&attempt, &lab.bounds);
            lab.log_ins.succeeded(&attempt);
        }
        let tables = lab.log_ins.tables();
        let most = tables.by_client.len().max(tables.known.len());
        assert!(most <= limits::LOG_INS_REMEMBERED_MAX, "{most}");
    }
}
