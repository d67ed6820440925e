//! Who is turned away at connect, until when and for how often. One table for all listeners.
//!
//! Invariants: a ban that an operator set is the last to be forgotten; an automatic one ends by itself, after a day at the latest; one that is
//! over is remembered for a week, so that the next is longer.

use crate::{
    base::{clock::UnixMs, crowd::Crowd, limits, networks},
    pipeline::limits::{client_key, network_key},
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, net::IpAddr};

/// One ban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who is turned away.
    pub network: IpNet,
    /// Since when.
    pub since: UnixMs,
    /// Until when; none: until it is lifted.
    pub until: Option<UnixMs>,
    /// How often by now.
    pub times: u32,
    /// The kind of the event that led to it, or the operator's words.
    pub why: Cow<'static, str>,
    /// Who set it.
    pub by: By,
}

/// Who set a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The points did.
    Points,
    /// An operator did, by command.
    Operator,
}

impl Ban {
    /// Does it hold now?
    pub fn holds(&self, now: UnixMs) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Does it make the next one longer?
    fn is_remembered(&self, now: UnixMs) -> bool {
        self.until.is_none_or(|until| now < until.plus(limits::BAN_REMEMBERED))
    }

    fn worth(&self) -> (bool, u64) {
        (self.by == By::Operator, self.until.map_or(u64::MAX, |until| until.0))
    }
}

/// What lifting came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// The bans that held and do no more.
    pub lifted: Vec<Ban>,
    /// Those of wider networks, which go on and hold what was named.
    pub still: Vec<Ban>,
}

impl Lifted {
    /// What still turns away what was named, and what to do; none: nothing does.
    pub fn still_said(&self) -> Option<String> {
        let wider: Vec<String> = self.still.iter().map(|ban| ban.network.to_string()).collect();
        match wider.as_slice() {
            [] => None,
            [one] => {
                Some(format!("a wider ban holds it still, of {one}: lift that one to let it in"))
            }
            many => Some(format!(
                "wider bans hold it still, of {}: lift those to let it in",
                many.join(" and ")
            )),
        }
    }
}

/// All of them.
#[derive(Debug)]
pub struct Bans {
    by_network: Crowd<IpNet, Ban>,
    /// The lengths of IPv4 and IPv6 networks that have one: a look-up costs one hash for each.
    lengths: Vec<(bool, u8)>,
}

impl Default for Bans {
    fn default() -> Bans {
        Bans { by_network: Crowd::new(limits::BANS_REMEMBERED_MAX), lengths: Vec::new() }
    }
}

impl Bans {
    /// The ban that this address meets now; an operator's first.
    pub fn of(&self, address: IpAddr, now: UnixMs) -> Option<&Ban> {
        let address = address.to_canonical();
        let own = self.lengths.iter().filter(|(v4, _)| *v4 == address.is_ipv4());
        let holding = own.filter_map(|(_, length)| {
            let network = IpNet::new(address, *length).ok()?.trunc();
            self.by_network.get(&network).filter(|ban| ban.holds(now))
        });
        holding.max_by_key(|ban| ban.by == By::Operator)
    }

    /// Bans a network for its points: twice as long as the last time.
    pub fn add(&mut self, network: IpNet, why: &'static str, now: UnixMs) -> Ban {
        let before = self.by_network.get(&network).filter(|ban| ban.is_remembered(now));
        let times = before.map_or(0, |ban| ban.times).saturating_add(1);
        let ban = Ban {
            network,
            since: now,
            until: Some(now.plus(span(times))),
            times,
            why: Cow::Borrowed(why),
            by: By::Points,
        };
        self.put(ban.clone());
        ban
    }

    /// An operator's ban. False: there are too many of them.
    pub fn add_by_hand(&mut self, ban: Ban) -> bool {
        let by_hand = self.by_network.iter().filter(|(_, ban)| ban.by == By::Operator).count();
        let replaces = self.by_network.get(&ban.network).is_some_and(|ban| ban.by == By::Operator);
        if by_hand >= limits::BANS_BY_HAND_MAX && !replaces {
            return false;
        }
        self.put(ban);
        true
    }

    /// Puts one in as it is; for those that were written down.
    pub fn put(&mut self, ban: Ban) {
        let network = networks::canonical(ban.network);
        let length = (matches!(network, IpNet::V4(_)), network.prefix_len());
        if !self.lengths.contains(&length) {
            self.lengths.push(length);
        }
        self.by_network.put(network, Ban { network, ..ban }, Ban::worth);
    }

    /// Lifts the ban of this very network, and forgets that it was; an address names the client that has it. What holds of wider networks
    /// around it goes on, for it is about others too.
    pub fn lift(&mut self, network: IpNet, now: UnixMs) -> Lifted {
        let network = networks::canonical(network);
        let is_one = network.prefix_len() == network.max_prefix_len();
        let client = client_net(network.addr()).filter(|_| is_one);
        let is_meant = |own: &IpNet| *own == network || Some(*own) == client;
        let holding = |is_it: &dyn Fn(&IpNet) -> bool| -> Vec<Ban> {
            let held = self.by_network.iter().filter(|(own, ban)| is_it(own) && ban.holds(now));
            held.map(|(_, ban)| ban.clone()).collect()
        };
        let lifted = holding(&is_meant);
        let still = holding(&|own| own.contains(&network) && !is_meant(own));
        self.by_network.retain(|own, _| !is_meant(own));
        Lifted { lifted, still }
    }

    /// Those that hold now; those that end last first.
    pub fn list(&self, now: UnixMs) -> Vec<Ban> {
        let held = self.by_network.iter().filter(|(_, ban)| ban.holds(now));
        let mut held: Vec<Ban> = held.map(|(_, ban)| ban.clone()).collect();
        held.sort_by(|a, b| (b.worth(), &a.network).cmp(&(a.worth(), &b.network)));
        held
    }

    /// All that are to be remembered over a restart.
    pub fn remembered(&self, now: UnixMs) -> impl Iterator<Item = &Ban> {
        self.by_network.iter().map(|(_, ban)| ban).filter(move |ban| ban.is_remembered(now))
    }

    /// Forgets what is long past.
    pub fn tidy(&mut self, now: UnixMs) {
        self.by_network.retain(|_, ban| ban.is_remembered(now));
    }

    /// The table's memory.
    pub fn bytes(&self) -> usize {
        self.by_network.bytes()
    }
}

/// How long the ban is that is given for the so-and-so-many-th time.
fn span(times: u32) -> std::time::Duration {
    let doubled = 2_u32.saturating_pow(times.saturating_sub(1));
    limits::BAN_FIRST.saturating_mul(doubled).min(limits::BAN_LONGEST)
}

/// The client at this address as a network: /32, IPv6 /64.
pub fn client_net(address: IpAddr) -> Option<IpNet> {
    let key = client_key(address);
    IpNet::new(key, if key.is_ipv4() { 32 } else { 64 }).ok()
}

/// Its network: /24, IPv6 /48.
pub fn wider_net(address: IpAddr) -> Option<IpNet> {
    let key = network_key(address);
    IpNet::new(key, if key.is_ipv4() { 24 } else { 48 }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn by_hand(network: &str, until: Option<UnixMs>) -> Ban {
        let why = Cow::Borrowed("asked for it");
        Ban { network: net(network), since: UnixMs(0), until, times: 1, why, by: By::Operator }
    }

    fn is_banned(bans: &Bans, address: &str, now: UnixMs) -> bool {
        bans.of(address.parse().unwrap(), now).is_some()
    }

    #[test]
    fn each_repetition_is_twice_as_long_up_to_a_day() {
        let mut bans = Bans::default();
        let mut now = UnixMs(1_000);
        let minutes: Vec<u64> = (0..9)
            .map(|_| {
                let ban = bans.add(net("192.0.2.7/32"), "early.talk", now);
                let until = ban.until.unwrap();
                assert!(is_banned(&bans, "192.0.2.7", now));
                assert!(is_banned(&bans, "::ffff:192.0.2.7", now));
                assert!(!is_banned(&bans, "192.0.2.8", now));
                assert!(!is_banned(&bans, "192.0.2.7", until), "it ends by itself");
                let long = until.since(now);
                now = until.plus(Duration::from_secs(1));
                long.as_secs() / 60
            })
            .collect();
        assert_eq!(minutes, [15, 30, 60, 120, 240, 480, 960, 1_440, 1_440]);
        now = now.plus(limits::BAN_REMEMBERED);
        assert_eq!(bans.add(net("192.0.2.7/32"), "early.talk", now).times, 1, "long forgotten");
    }

    #[test]
    fn networks_are_banned_whole_and_what_was_named_is_lifted_alone() {
        let mut bans = Bans::default();
        let now = UnixMs(0);
        bans.add(net("192.0.2.0/24"), "early.talk", now);
        bans.add(net("2001:db8:1::/48"), "early.talk", now);
        assert!(bans.add_by_hand(by_hand("198.51.100.0/25", None)));
        for (address, banned) in [
            ("192.0.2.200", true),
            ("192.0.3.1", false),
            ("2001:db8:1:9::1", true),
            ("2001:db8:2::1", false),
            ("198.51.100.127", true),
            ("198.51.100.128", false),
        ] {
            assert_eq!(is_banned(&bans, address, now), banned, "{address}");
        }
        assert!(is_banned(&bans, "198.51.100.1", UnixMs(u64::MAX)), "until it is lifted");
        assert_eq!(bans.list(now)[0].by, By::Operator);
        bans.add(net("192.0.2.9/32"), "early.talk", now);
        bans.add(net("2001:db8:1:9::/64"), "early.talk", now);
        let named = |bans: &[Ban]| {
            bans.iter().map(|ban| ban.network.to_string()).collect::<Vec<_>>().join(" ")
        };
        for (meant, lifted, still) in [
            ("192.0.2.8/32", "", "192.0.2.0/24"),
            ("192.0.2.9/32", "192.0.2.9/32", "192.0.2.0/24"),
            // An address of IPv6 names its client, which has a /64.
            ("2001:db8:1:9::1/128", "2001:db8:1:9::/64", "2001:db8:1::/48"),
            ("0.0.0.0/0", "", ""),
            ("192.0.2.0/24", "192.0.2.0/24", ""),
            ("::ffff:198.51.100.0/121", "198.51.100.0/25", ""),
            ("2001:db8:1::/48", "2001:db8:1::/48", ""),
        ] {
            let done = bans.lift(net(meant), now);
            assert_eq!(
                (named(&done.lifted).as_str(), named(&done.still).as_str()),
                (lifted, still),
                "{meant}"
            );
            assert_eq!(done.still_said().is_some(), !still.is_empty(), "{meant}");
        }
        assert!(bans.list(now).is_empty());
    }

    #[test]
    fn a_hundred_thousand_banned_addresses_take_bounded_memory_and_push_out_no_operators_ban() {
        let mut bans = Bans::default();
        assert!(bans.add_by_hand(by_hand("203.0.113.7/32", None)));
        for number in 0..100_000_u32 {
            let network = IpNet::from(IpAddr::V4((0x0a00_0000 + number).into()));
            bans.add(network, "early.talk", UnixMs(number.into()));
        }
        let count = bans.list(UnixMs(100_000)).len();
        assert!(count > limits::BANS_REMEMBERED_MAX && count < 70_000, "{count}");
        assert!(bans.bytes() < 16 << 20, "{}", bans.bytes());
        assert!(is_banned(&bans, "203.0.113.7", UnixMs(100_000)));
        bans.tidy(UnixMs(100_000).plus(limits::BAN_FIRST + limits::BAN_REMEMBERED));
        assert_eq!(bans.list(UnixMs(100_000)).len(), 1);
        assert!(bans.bytes() < 1 << 20, "memory is given back: {}", bans.bytes());
    }

    #[test]
    fn an_operator_has_so_many_and_no_more() {
        let mut bans = Bans::default();
        for number in 0..u32::try_from(limits::BANS_BY_HAND_MAX).unwrap() {
            let network = IpNet::from(IpAddr::V4((0x0a00_0000 + number).into()));
            assert!(bans.add_by_hand(Ban { network, ..by_hand("10.0.0.0/8", None) }));
        }
        assert!(!bans.add_by_hand(by_hand("192.0.2.1/32", None)));
        assert!(bans.add_by_hand(by_hand("10.0.0.1/32", Some(UnixMs(9)))), "the same again");
    }
}
