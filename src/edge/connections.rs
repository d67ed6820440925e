//! How many connections are open: in all, of one client, of one network. Who is over the bound hears 421 and nothing else.

use crate::{
    base::clock::{Clock, Tick},
    config::Limits,
    pipeline::limits::{client_key, network_key},
    wire::smtp::{Reply, replies},
};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// All open connections of all listeners.
#[derive(Debug, Default)]
pub struct Connections {
    counts: Mutex<Counts>,
    resident: Mutex<Option<(Tick, u64)>>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
    by_network: HashMap<IpAddr, usize>,
}

/// One open connection; dropping it makes room.
#[derive(Debug)]
pub struct Seat {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Connections {
    /// Counts a connection in, or gives the reply it is turned away with.
    pub fn enter(
        self: &Arc<Connections>,
        address: IpAddr,
        limits: &Limits,
        clock: &Clock,
    ) -> Result<Seat, Reply> {
        if self.resident_bytes(clock) > limits.resident_bytes.0 {
            return Err(replies::BUSY);
        }
        let mut counts = self.counts();
        if counts.all >= limits.connections {
            return Err(replies::BUSY);
        }
        let of = |map: &HashMap<IpAddr, usize>, key| map.get(&key).copied().unwrap_or(0);
        if of(&counts.by_client, client_key(address)) >= limits.connections_per_address
            || of(&counts.by_network, network_key(address)) >= limits.connections_per_network
        {
            return Err(replies::TOO_MANY_CONNECTIONS);
        }
        counts.all += 1;
        *counts.by_client.entry(client_key(address)).or_default() += 1;
        *counts.by_network.entry(network_key(address)).or_default() += 1;
        Ok(Seat { connections: self.clone(), address })
    }

    /// Open connections.
    pub fn count(&self) -> usize {
        self.counts().all
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.connections.counts();
        counts.all = counts.all.saturating_sub(1);
        leave(&mut counts.by_client, client_key(self.address));
        leave(&mut counts.by_network, network_key(self.address));
    }
}

fn leave(map: &mut HashMap<IpAddr, usize>, key: IpAddr) {
    if let Some(count) = map.get_mut(&key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            map.remove(&key);
        }
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

    #[test]
    fn seats_are_counted_and_given_back() {
        let connections = Arc::new(Connections::default());
        let clock = Clock::by_hand(UnixMs(0));
        let limits = Limits {
            connections: 5,
            connections_per_address: 2,
            connections_per_network: 3,
            ..Limits::default()
        };
        let enter = |address: &str| connections.enter(address.parse().unwrap(), &limits, &clock);
        let a = enter("192.0.2.1").unwrap();
        let _b = enter("192.0.2.1").unwrap();
        assert_eq!(enter("192.0.2.1").unwrap_err(), replies::TOO_MANY_CONNECTIONS);
        let _c = enter("192.0.2.2").unwrap();
        assert_eq!(
            enter("192.0.2.3").unwrap_err(),
            replies::TOO_MANY_CONNECTIONS,
            "the network is full"
        );
        let _d = enter("2001:db8::1").unwrap();
        let _e = enter("2001:db8::2").unwrap();
        assert_eq!(enter("198.51.100.1").unwrap_err(), replies::BUSY);
        drop(a);
        assert!(enter("198.51.100.1").is_ok());
        assert_eq!(connections.count(), 4);
    }
}
