//! The points that clients and networks have, leaking away with time.

use crate::{
    base::{
        clock::{Tick, millis},
        crowd::Crowd,
        limits,
    },
    pipeline::limits::{client_key, network_key},
};
use std::net::IpAddr;

/// Points by client and by network.
#[derive(Debug)]
pub struct Scores {
    clients: Crowd<IpAddr, Points>,
    networks: Crowd<IpAddr, Points>,
}

/// How many there were when they were last looked at.
#[derive(Debug, Clone, Copy)]
struct Points {
    /// In the pieces that are forgotten each millisecond, or points that come fast would never be forgotten at all.
    grains: u32,
    at: Tick,
}

/// Who has earned a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earned {
    /// Nobody.
    Nothing,
    /// The client.
    Client,
    /// Its whole network.
    Network,
}

impl Default for Scores {
    fn default() -> Scores {
        Scores {
            clients: Crowd::new(limits::SCORES_REMEMBERED_MAX),
            networks: Crowd::new(limits::SCORES_REMEMBERED_MAX / 4),
        }
    }
}

impl Scores {
    /// Adds points to a client and its network. Who has earned a ban begins again with none.
    pub fn add(&mut self, client: IpAddr, points: u32, now: Tick) -> Earned {
        let (client, network) = (client_key(client), network_key(client));
        let of_network = add(&mut self.networks, network, points, now);
        let of_client = add(&mut self.clients, client, points, now);
        if of_network >= limits::NETWORK_BAN_POINTS {
            self.networks.remove(&network);
            self.clients.remove(&client);
            Earned::Network
        } else if of_client >= limits::BAN_POINTS {
            self.clients.remove(&client);
            Earned::Client
        } else {
            Earned::Nothing
        }
    }

    /// The points of a client now.
    #[cfg(test)]
    fn of(&self, client: IpAddr, now: Tick) -> u32 {
        self.clients.get(&client_key(client)).map_or(0, |points| points.now(now))
    }

    /// Forgets some; gives how many clients and networks had points.
    pub fn release(&mut self, is_meant: impl Fn(IpAddr) -> bool) -> usize {
        let clients = self.clients.retain(|client, _| !is_meant(*client));
        clients + self.networks.retain(|network, _| !is_meant(*network))
    }

    /// Forgets those whose points have leaked away.
    pub fn tidy(&mut self, now: Tick) {
        self.clients.retain(|_, points| points.now(now) > 0);
        self.networks.retain(|_, points| points.now(now) > 0);
    }

    /// Clients that have points.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The tables' memory.
    pub fn bytes(&self) -> usize {
        self.clients.bytes() + self.networks.bytes()
    }
}

impl Points {
    fn grains_now(self, now: Tick) -> u32 {
        let forgotten = u32::try_from(millis(now.since(self.at))).unwrap_or(u32::MAX);
        self.grains.saturating_sub(forgotten)
    }

    fn now(self, now: Tick) -> u32 {
        self.grains_now(now) / GRAINS_PER_POINT
    }
}

/// Adds, and gives what there is now.
fn add(table: &mut Crowd<IpAddr, Points>, key: IpAddr, points: u32, now: Tick) -> u32 {
    let before = table.get(&key).map_or(0, |known| known.grains_now(now));
    let grains = before.saturating_add(points.saturating_mul(GRAINS_PER_POINT));
    let known = Points { grains, at: now };
    table.put(key, known, |other| other.grains_now(now));
    known.now(now)
}

const GRAINS_PER_POINT: u32 = 60_000 / limits::BAN_POINTS_FORGOTTEN_PER_MINUTE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::guard::Kind;
    use std::time::Duration;

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of a kind, one every so many seconds, earn a ban; none if a thousand do not.
    fn earns(kind: Kind, every_seconds: u64) -> Option<u64> {
        let mut scores = Scores::default();
        let client = address("192.0.2.1");
        let add = |number: &u64| scores.add(client, kind.points(), at(number * every_seconds));
        let mut tries = 0..1_000;
        let mut add = add;
        tries.find(|number| add(number) != Earned::Nothing).map(|number| number + 1)
    }

    #[test]
    fn what_servers_do_now_and_then_earns_no_ban_and_what_attackers_do_does() {
        for (kind, every_seconds, want) in [
            (Kind::EarlyTalk, 1, Some(5)),
            (Kind::Exploit, 1, Some(2)),
            (Kind::FalseEnd, 1, Some(2)),
            (Kind::OtherProtocol, 1, Some(4)),
            (Kind::LogInFailed, 1, Some(26)),
            // A list with a dead name a minute, and one with six.
            (Kind::UnknownRecipient, 60, None),
            (Kind::UnknownRecipient, 30, None),
            // Guessing, one connection for each name.
            (Kind::UnknownRecipient, 1, Some(207)),
            (Kind::Guessing, 1, Some(4)),
            // A watchman that connects, and a domain that has moved away and still gets some mail.
            (Kind::NoTransaction, 20, None),
            (Kind::Relay, 300, None),
            (Kind::Relay, 1, Some(21)),
            (Kind::ManyErrors, 600, None),
        ] {
            assert_eq!(earns(kind, every_seconds), want, "{kind:?} every {every_seconds} s");
        }
    }

    #[test]
    fn a_network_pays_for_several_of_its_own_and_a_64_is_one_client() {
        let mut scores = Scores::default();
        let earned: Vec<Earned> = (1..=5)
            .map(|host| scores.add(address(&format!("192.0.2.{host}")), 999, at(0)))
            .collect();
        assert_eq!(earned[..4], [Earned::Nothing; 4]);
        assert_eq!(earned[4], Earned::Network);
        assert_eq!(scores.of(address("192.0.2.1"), at(0)), 999);
        assert_eq!(scores.of(address("192.0.2.5"), at(0)), 0);
        assert_eq!(scores.add(address("2001:db8::1"), 600, at(0)), Earned::Nothing);
        assert_eq!(scores.add(address("2001:db8::2"), 600, at(0)), Earned::Client);
        assert_eq!(scores.add(address("2001:db8::3"), 600, at(0)), Earned::Nothing);
        assert!(scores.release(|client| client == address("192.0.2.1")) == 1);
        assert_eq!(scores.of(address("192.0.2.1"), at(0)), 0);
    }

    #[test]
    fn a_hundred_thousand_addresses_take_bounded_memory_and_wash_nobody_clean() {
        let mut scores = Scores::default();
        scores.add(address("192.0.2.1"), 900, at(0));
        for number in 0..300_000_u32 {
            scores.add(IpAddr::V4((0x0a00_0000 + number).into()), 5, at(0));
        }
        assert!(scores.clients() >= 100_000 && scores.clients() < 140_000, "{}", scores.clients());
        assert!(scores.bytes() < 20 << 20, "{}", scores.bytes());
        assert_eq!(scores.of(address("192.0.2.1"), at(0)), 900);
        scores.tidy(at(3_600));
        assert_eq!(scores.clients(), 1);
        assert!(scores.bytes() < 1 << 20, "{}", scores.bytes());
    }
}
