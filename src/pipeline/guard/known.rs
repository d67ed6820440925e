//! Strangers that are none any more: clients that waited quietly for our greeting, networks that brought good mail, and clients from which
//! users of ours logged in.
//!
//! The first do not wait again; the second are forgiven what honest servers do, and are not greylisted; the third are ours.

use crate::{
    base::{clock::UnixMs, crowd::Crowd, limits},
    pipeline::limits::client_key,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// All of them.
#[derive(Debug)]
pub struct Acquaintances {
    quiet: Crowd<IpAddr, UnixMs>,
    good: Crowd<IpNet, UnixMs>,
    users: Crowd<IpAddr, UnixMs>,
}

/// One of them, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// A client that waited.
    Quiet(IpAddr, UnixMs),
    /// A network that brought good mail.
    Good(IpNet, UnixMs),
    /// A client from which a user logged in.
    User(IpAddr, UnixMs),
}

impl Default for Acquaintances {
    fn default() -> Acquaintances {
        Acquaintances {
            quiet: Crowd::new(limits::ACQUAINTANCES_REMEMBERED_MAX),
            good: Crowd::new(limits::ACQUAINTANCES_REMEMBERED_MAX),
            users: Crowd::new(limits::USERS_REMEMBERED_MAX),
        }
    }
}

impl Acquaintances {
    /// Has this client waited quietly of late?
    pub fn is_quiet(&self, client: IpAddr, now: UnixMs) -> bool {
        self.quiet.get(&client_key(client)).is_some_and(|at| is_fresh(*at, now))
    }

    /// It has now.
    pub fn was_quiet(&mut self, client: IpAddr, now: UnixMs) {
        self.quiet.put(client_key(client), now, |at| at.0);
    }

    /// Has its network brought good mail of late?
    pub fn is_good(&self, client: IpAddr, now: UnixMs) -> bool {
        network_of(client).is_some_and(|network| self.is_good_network(network, now))
    }

    fn is_good_network(&self, network: IpNet, now: UnixMs) -> bool {
        self.good.get(&network).is_some_and(|at| is_fresh(*at, now))
    }

    /// It has now. False: that was known already.
    pub fn was_good(&mut self, client: IpAddr, now: UnixMs) -> bool {
        let Some(network) = network_of(client) else { return false };
        let known = self.good.get(&network);
        if known.is_some_and(|at| now.since(*at) < limits::ACQUAINTANCE_STEP) {
            return false;
        }
        self.good.put(network, now, |at| at.0);
        true
    }

    /// Has a user of ours logged in from this client of late?
    pub fn has_users(&self, client: IpAddr, now: UnixMs) -> bool {
        self.users.get(&client_key(client)).is_some_and(|at| is_fresh(*at, now))
    }

    /// One has now. False: that was known already.
    pub fn had_user(&mut self, client: IpAddr, now: UnixMs) -> bool {
        let known = self.users.get(&client_key(client));
        if known.is_some_and(|at| now.since(*at) < limits::ACQUAINTANCE_STEP) {
            return false;
        }
        self.users.put(client_key(client), now, |at| at.0);
        true
    }

    /// Forgets those in a network; gives how many there were.
    pub fn release(&mut self, is_meant: impl Fn(IpNet) -> bool) -> usize {
        self.quiet.retain(|client, _| !is_meant(IpNet::from(*client)))
            + self.good.retain(|network, _| !is_meant(*network))
            + self.users.retain(|client, _| !is_meant(IpNet::from(*client)))
    }

    /// All that are to be remembered over a restart.
    pub fn rows(&self) -> Vec<Row> {
        let quiet = self.quiet.iter().map(|(client, at)| Row::Quiet(*client, *at));
        let good = self.good.iter().map(|(network, at)| Row::Good(*network, *at));
        let users = self.users.iter().map(|(client, at)| Row::User(*client, *at));
        quiet.chain(good).chain(users).collect()
    }

    /// Puts those back in that were written down.
    pub fn restore(&mut self, rows: Vec<Row>) {
        for row in rows {
            match row {
                Row::Quiet(client, at) => self.quiet.put(client, at, |at| at.0),
                Row::Good(network, at) => self.good.put(network, at, |at| at.0),
                Row::User(client, at) => self.users.put(client, at, |at| at.0),
            }
        }
    }

    /// Forgets those that have not come for long.
    pub fn tidy(&mut self, now: UnixMs) {
        self.quiet.retain(|_, at| is_fresh(*at, now));
        self.good.retain(|_, at| is_fresh(*at, now));
        self.users.retain(|_, at| is_fresh(*at, now));
    }

    /// Quiet clients, good networks, clients with users.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.quiet.len(), self.good.len(), self.users.len())
    }

    /// The tables' memory.
    pub fn bytes(&self) -> usize {
        self.quiet.bytes() + self.good.bytes() + self.users.bytes()
    }
}

fn is_fresh(at: UnixMs, now: UnixMs) -> bool {
    now.since(at) < limits::ACQUAINTANCE_LIFETIME
}

/// What is greylisted and learned together: /24, IPv6 /64 (DECISIONS).
pub fn network_of(client: IpAddr) -> Option<IpNet> {
    let client = client.to_canonical();
    IpNet::new(client, if client.is_ipv4() { 24 } else { 64 }).ok().map(|network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn they_are_remembered_for_their_time_and_over_a_restart() {
        let mut known = Acquaintances::default();
        let (now, later) = (UnixMs(1_000), UnixMs(1_000).plus(limits::ACQUAINTANCE_LIFETIME));
        known.was_quiet(address("192.0.2.1"), now);
        assert!(known.was_good(address("192.0.2.1"), now));
        assert!(!known.was_good(address("192.0.2.9"), now), "known already");
        known.was_good(address("2001:db8::1"), now);
        for (client, quiet, good) in [
            ("192.0.2.1", true, true),
            ("::ffff:192.0.2.1", true, true),
            ("192.0.2.2", false, true),
            ("192.0.3.1", false, false),
            ("2001:db8::2", false, true),
            ("2001:db8:0:1::2", false, false),
        ] {
            assert_eq!(known.is_quiet(address(client), now), quiet, "{client}");
            assert_eq!(known.is_good(address(client), now), good, "{client}");
            assert!(
                !known.is_quiet(address(client), later) && !known.is_good(address(client), later)
            );
        }
        assert!(
            known.had_user(address("198.51.100.1"), now)
                && !known.had_user(address("198.51.100.1"), now)
        );
        let mut again = Acquaintances::default();
        again.restore(known.rows());
        assert!(
            again.is_quiet(address("192.0.2.1"), now) && again.is_good(address("192.0.2.9"), now)
        );
        assert!(
            again.has_users(address("198.51.100.1"), now)
                && !again.has_users(address("192.0.2.1"), now)
        );
        assert_eq!(again.release(|network| network.to_string() == "192.0.2.0/24"), 1);
        assert!(!again.is_good(address("192.0.2.9"), now));
        again.tidy(later);
        assert_eq!(again.counts(), (0, 0, 0));
    }

    #[test]
    fn a_hundred_thousand_take_bounded_memory() {
        let mut known = Acquaintances::default();
        for number in 0..300_000_u32 {
            let client = IpAddr::V4((0x0a00_0000 + number * 256).into());
            known.was_quiet(client, UnixMs(number.into()));
            known.was_good(client, UnixMs(number.into()));
        }
        assert!(known.bytes() < 24 << 20, "{}", known.bytes());
        let newest = IpAddr::V4((0x0a00_0000 + 299_999 * 256_u32).into());
        assert!(known.is_quiet(newest, UnixMs(300_000)), "those that came last are known");
    }
}
