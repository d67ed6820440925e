//! What destinations bear, compiled from the configuration: connections at a time, and how long a failure is let rest.

use crate::{
    base::limits,
    config::{Config, DestinationName, NextHop},
    pipeline::courier::Route,
};
use std::{collections::HashMap, time::Duration};

/// What destinations bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearing {
    plain: Load,
    special: HashMap<DestinationName, Load>,
    /// How long a mail is tried.
    pub lifetime: Duration,
    /// Age at which its sender is told that it waits; none: never.
    pub delay_after: Option<Duration>,
    /// Age at which mail is held that nobody vouches for a server of.
    pub unproven_hold_after: Duration,
}

/// What one destination bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Connections from the queue at a time.
    pub connections: usize,
    /// First wait of a mail.
    pub retry_first: Duration,
    /// First rest of the destination; zero: it never rests.
    pub rest_first: Duration,
}

impl Bearing {
    /// From the configuration.
    pub fn of(config: &Config) -> Bearing {
        let limits = &config.limits;
        let plain = Load {
            connections: limits.connections_per_destination,
            retry_first: limits.retry_first.0,
            rest_first: limits.rest_first.0,
        };
        let special = config.destinations.iter().map(|entry| {
            let load = Load {
                connections: entry.connections.unwrap_or(plain.connections),
                retry_first: entry.retry_first.map_or(plain.retry_first, |span| span.0),
                rest_first: entry.rest_first.map_or(plain.rest_first, |span| span.0),
            };
            (entry.name.clone(), load)
        });
        Bearing {
            special: special.collect(),
            plain,
            lifetime: limits.queue_lifetime.0,
            delay_after: (!limits.delay_notice.0.is_zero()).then_some(limits.delay_notice.0),
            unproven_hold_after: limits.unproven_hold_after.0,
        }
    }

    /// What this route's destination bears; where several next hops are named, what the first named bears.
    pub fn load(&self, route: &Route) -> Load {
        let name = |hop: &NextHop| match (hop, &route.domain) {
            (NextHop::Mx, Some(domain)) => DestinationName::Domain(domain.clone()),
            (hop, _) => DestinationName::Hop(hop.clone()),
        };
        if self.special.is_empty() {
            return self.plain;
        }
        let named = route.hops.iter().find_map(|hop| self.special.get(&name(hop)));
        named.copied().unwrap_or(self.plain)
    }
}

/// How long a mail waits: the first wait, twice that, four times … up to four hours, or the first wait if that is longer.
pub fn wait_after(tries: u32, first: Duration) -> Duration {
    doubled(tries, first, limits::RETRY_MAX)
}

/// How long a destination rests; likewise, up to an hour.
pub fn rest_after(failures: u32, first: Duration) -> Duration {
    doubled(failures, first, limits::REST_MAX)
}

fn doubled(times: u32, first: Duration, most: Duration) -> Duration {
    let doubled = 2_u32.saturating_pow(times.saturating_sub(1).min(16));
    first.saturating_mul(doubled).min(most.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::Domain,
        pipeline::courier::{Tls, Towards},
    };
    use std::path::Path;

    #[test]
    fn waits_double_up_to_a_bound() {
        let first = limits::RETRY_FIRST;
        let waits: Vec<u64> =
            (1..=8).map(|tries| wait_after(tries, first).as_secs() / 60).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 240, 240]);
    }

    #[test]
    fn a_destination_bears_what_is_written_for_it() {
        let text = r#"
hostname = "mx.ours.example"
[limits]
connections-per-destination = 7
[[destination]]
name = "far.example"
connections = 2
[[destination]]
name = "smtp://10.0.0.6:25"
retry-first = "1 minute"
"#;
        let bearing = Bearing::of(&Config::parse(Path::new("sluss.toml"), text).unwrap());
        for (hops, domain, want) in [
            (&["mx"][..], Some("far.example"), (2, 300)),
            (&["mx"], Some("near.example"), (7, 300)),
            (&["smtp://10.0.0.5", "smtp://10.0.0.6"], None, (7, 60)),
            // The name of a domain says nothing of its mail where a server is named.
            (&["smtp://10.0.0.5"], Some("far.example"), (7, 300)),
        ] {
            let route = Route {
                hops: hops.iter().map(|hop| NextHop::parse(hop).unwrap()).collect(),
                tls: Tls::Off,
                domain: domain.map(|name| Domain::parse(name).unwrap()),
                towards: Towards::World,
            };
            let load = bearing.load(&route);
            assert_eq!((load.connections, load.retry_first.as_secs()), want, "{hops:?} {domain:?}");
        }
    }
}
