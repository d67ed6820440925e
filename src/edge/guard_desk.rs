//! What the commands ask about strangers: bans, events, acquaintances.

use crate::{
    base::{clock::UnixMs, limits},
    edge::{
        control::Desk,
        strangers::{self, What},
    },
    mail::Domain,
    pipeline::{
        greylist::Skip,
        guard::{Ban, Event, Lifted},
    },
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, time::Duration};

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// From then on.
    pub since: Option<UnixMs>,
    /// Of a kind, or of all that begin so.
    pub kind: Option<String>,
    /// Of this client.
    pub client: Option<IpAddr>,
    /// At most so many, the last ones.
    pub rows: usize,
}

impl EventFilter {
    fn means(&self, event: &Event) -> bool {
        self.since.is_none_or(|since| event.is_since(since))
            && self.kind.as_ref().is_none_or(|kind| event.kind.starts_with(kind.as_str()))
            && self.client.is_none_or(|client| event.client == client.to_canonical())
    }
}

impl Desk {
    /// The bans that hold.
    pub(super) fn bans(&self) -> Vec<Ban> {
        let gateway = &self.gateway;
        gateway.guard.bans(gateway.clock.now())
    }

    /// Turns a network away on an operator's word.
    pub(super) async fn add_ban(
        &self,
        what: &str,
        seconds: Option<u64>,
        why: String,
    ) -> Result<Ban, String> {
        let network = network(what)?;
        let widest = match network {
            IpNet::V4(_) => limits::BAN_WIDEST_V4,
            IpNet::V6(_) => limits::BAN_WIDEST_V6,
        };
        if network.prefix_len() < widest {
            return Err(format!(
                "{network} is wider than /{widest}, which would turn away much of the world: name narrower networks"
            ));
        }
        let gateway = &self.gateway;
        let settings = gateway.settings.load();
        let listeners = settings.config.listeners.iter();
        let mut relays = listeners.flat_map(|listener| &listener.trusted_relays);
        if let Some(relay) =
            relays.find(|relay| relay.contains(&network) || network.contains(*relay))
        {
            return Err(format!(
                "{relay} is among trusted-relays, which are never banned: take it from the listener first"
            ));
        }
        let why: String = why
            .chars()
            .filter(|letter| !letter.is_control())
            .take(limits::BAN_REASON_CHARS_MAX)
            .collect();
        let span = seconds.map(Duration::from_secs);
        let ban = gateway.guard.ban_by_hand(network, span, why, gateway.clock.now())?;
        tracing::warn!(network = %ban.network, "a network was banned on an operator's word");
        strangers::save(gateway, What::Bans).await;
        Ok(ban)
    }

    /// Lifts the ban of what is named, and no wider one.
    pub(super) async fn lift_bans(&self, what: &str) -> Result<Lifted, String> {
        let network = network(what)?;
        let gateway = &self.gateway;
        let done = gateway.guard.lift(network, gateway.clock.now());
        if done.lifted.is_empty() {
            return Err(match done.still_said() {
                Some(still) => format!("no ban of {what} itself holds; {still}"),
                None => {
                    format!("no ban holds for {what}; what was counted against it is forgotten")
                }
            });
        }
        tracing::warn!(what, lifted = done.lifted.len(), "bans were lifted on an operator's word");
        strangers::save(gateway, What::Bans).await;
        Ok(done)
    }

    /// Takes a network, sender or domain out of greylisting.
    pub(super) async fn skip_greylist(&self, what: &str) -> Result<(), String> {
        let greylist = &self.gateway.greylist;
        let skip = skip(what)?;
        if let Some(why) = too_wide(&skip) {
            return Err(format!("{what:?} cannot be taken out of greylisting: {why}"));
        }
        if !greylist.skip(skip) {
            return Err(format!(
                "{} are taken out of greylisting already: clear some, or name wider networks",
                limits::GREYLIST_SKIPS_MAX
            ));
        }
        tracing::warn!("somebody was taken out of greylisting on an operator's word");
        strangers::save(&self.gateway, What::All).await;
        Ok(())
    }

    /// Forgets what is remembered for greylisting.
    pub(super) async fn clear_greylist(&self, what: Option<&str>) -> Result<usize, String> {
        let meant = what.map(skip).transpose()?;
        let cleared = self.gateway.greylist.clear(meant.as_ref());
        strangers::save(&self.gateway, What::All).await;
        Ok(cleared)
    }

    /// The events that are meant.
    pub(super) async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, String> {
        let gateway = self.gateway.clone();
        let reading = tokio::task::spawn_blocking(move || {
            gateway.guard.events(filter.rows, |event| filter.means(event))
        });
        let events = reading.await.map_err(|error| error.to_string())?;
        events.map_err(|error| format!("the event log: {error}"))
    }
}

fn skip(text: &str) -> Result<Skip, String> {
    Skip::parse(text).ok_or_else(|| {
        format!("{text:?} is no address, network, sender or domain: write 192.0.2.0/24, anna@example.org or example.org")
    })
}

/// Why this is more than somebody: a word, a whole top-level domain, a good part of the internet. What was taken out before can be cleared all
/// the same.
fn too_wide(skip: &Skip) -> Option<&'static str> {
    match skip {
        Skip::Network(network) => {
            let least = if network.addr().is_ipv4() { SKIPPED_V4_MIN } else { SKIPPED_V6_MIN };
            (network.prefix_len() < least).then_some(
                "so wide a network is a good part of the internet; to greylist nobody, switch it off in the configuration",
            )
        }
        Skip::Sender(sender) => {
            let domain = Domain::parse(sender).ok();
            domain.filter(Domain::is_public_suffix).map(|_| {
                "that is nobody's domain: write an address, a network, or a domain such as example.org"
            })
        }
    }
}

/// The shortest prefixes of networks that one operator's word may mean: what a registry gives to a whole region is no sender.
const SKIPPED_V4_MIN: u8 = 8;
const SKIPPED_V6_MIN: u8 = 19;

/// An address or a network, as people write them.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let alone = text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    alone.or_else(|| text.parse().ok()).ok_or_else(|| {
        format!("{text:?} is no address and no network: write 192.0.2.7 or 192.0.2.0/24")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_chosen_by_time_kind_and_client() {
        let event = Event {
            time: "2027-01-15T08:00:00.000Z".to_string(),
            kind: "command.exploit".to_string(),
            client: "192.0.2.7".parse().unwrap(),
            listener: "in".to_string(),
            detail: String::new(),
            ban: None,
        };
        let kind =
            |kind: &str| EventFilter { kind: Some(kind.to_string()), ..EventFilter::default() };
        let client = |client: &str| EventFilter {
            client: Some(client.parse().unwrap()),
            ..EventFilter::default()
        };
        let since = |since| EventFilter { since: Some(UnixMs(since)), ..EventFilter::default() };
        for (filter, want) in [
            (EventFilter::default(), true),
            (kind("command."), true),
            (kind("helo."), false),
            (client("::ffff:192.0.2.7"), true),
            (client("192.0.2.8"), false),
            (since(1_800_000_000_000), true),
            (since(1_800_000_000_001), false),
        ] {
            assert_eq!(filter.means(&event), want, "{filter:?}");
        }
    }

    #[test]
    fn nobody_takes_everybody_out_of_greylisting() {
        for (text, fits) in [
            ("192.0.2.7", true),
            ("10.0.0.0/8", true),
            ("2001:db8::/32", true),
            ("anna@far.example", true),
            ("far.example", true),
            ("0.0.0.0/0", false),
            ("::/0", false),
            ("example", false),
            ("nonsense", false),
            ("co.uk", false),
        ] {
            let why = too_wide(&Skip::parse(text).unwrap());
            assert_eq!(why.is_none(), fits, "{text}: {why:?}");
        }
    }

    #[test]
    fn networks_are_read_as_people_write_them() {
        for (text, want) in [
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("::ffff:192.0.2.7", Some("192.0.2.7/32")),
            ("192.0.2.0/24", Some("192.0.2.0/24")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("anna@ours.example", None),
        ] {
            assert_eq!(network(text).ok().map(|net| net.to_string()).as_deref(), want, "{text}");
        }
    }
}
