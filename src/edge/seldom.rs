//! What is worth a line in the log once, and not a thousand times: said once for each client in a while.

use crate::{
    base::{clock::Tick, limits},
    pipeline::limits::client_key,
};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// When something was last said about whom.
#[derive(Debug)]
pub struct Seldom {
    interval: Duration,
    said: Mutex<HashMap<IpAddr, Tick>>,
}

impl Seldom {
    /// Says a thing again after this long.
    pub fn every(interval: Duration) -> Seldom {
        Seldom { interval, said: Mutex::default() }
    }

    /// Is it time to say it about this client? Then it counts as said.
    pub fn is_due(&self, client: IpAddr, now: Tick) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |at: &Tick| now.since(*at) < self.interval;
        if said.get(&client_key(client)).is_some_and(fresh) {
            return false;
        }
        if said.len() >= limits::CLIENTS_REMEMBERED_MAX {
            said.retain(|_, at| fresh(at));
            // From a hundred thousand clients in one interval no single line is missed.
            if said.len() >= limits::CLIENTS_REMEMBERED_MAX {
                return false;
            }
        }
        said.insert(client_key(client), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_for_each_client_in_a_while() {
        let seldom = Seldom::every(Duration::from_secs(600));
        let due = |client: &str, seconds| {
            seldom.is_due(client.parse().unwrap(), Tick(Duration::from_secs(seconds)))
        };
        let heard = [
            due("192.0.2.1", 0),
            due("192.0.2.1", 599),
            due("192.0.2.2", 599),
            due("192.0.2.1", 600),
            due("192.0.2.1", 601),
            due("2001:db8::1", 601),
            due("2001:db8::2", 601),
        ];
        assert_eq!(heard, [true, false, true, true, false, true, false]);
    }

    #[test]
    fn a_flood_of_clients_is_bounded() {
        let seldom = Seldom::every(Duration::from_secs(600));
        for number in 0..u32::try_from(limits::CLIENTS_REMEMBERED_MAX).unwrap() + 10 {
            seldom.is_due(IpAddr::V4(number.into()), Tick::default());
        }
        assert!(seldom.said.lock().unwrap().len() <= limits::CLIENTS_REMEMBERED_MAX);
        assert!(seldom.is_due(IpAddr::V4(1.into()), Tick(Duration::from_secs(600))));
    }
}
