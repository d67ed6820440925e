//! When DNS lists are asked, and for whom: before the dot those that may refuse a client, after it all of them.

use crate::{
    base::limits,
    config::dns_list::{Ask, DnsListConfig, Means},
    examine::Contents,
    facts::{
        Facts, Known,
        dns::Dns,
        dns_list::{
            Hit, Listings,
            things::{self, Ours, Seen},
        },
    },
    mail::{Domain, Header, Peer, ReversePath},
    pipeline::{
        Gateway,
        judge::{self, Came, Via},
        settings::Settings,
    },
};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// A mail as it lies open.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    /// Its header section.
    pub header: &'a Header,
    /// What is inside.
    pub contents: &'a Contents,
}

struct House<'a>(&'a Settings);

impl Ours for House<'_> {
    fn has_address(&self, address: IpAddr) -> bool {
        self.0.is_own_address(address)
    }

    fn has_domain(&self, domain: &Domain) -> bool {
        self.0.writer(domain).is_some()
    }
}

/// Asks every list about a mail, once it is known who sent and signed it. Without names nobody is asked.
pub async fn ask(
    names: Option<&Dns>,
    settings: &Settings,
    came: &Came,
    opened: Opened<'_>,
    facts: &Facts,
) -> Known<Listings> {
    let Some(names) = names.filter(|_| !settings.dns_lists.is_empty()) else {
        return Known::NotAsked;
    };
    let Opened { header, contents } = opened;
    let relayed = judge::origin(settings, came, header);
    let seen = Seen {
        peer: match came.via {
            Via::Direct => Some(&came.peer),
            Via::Relay => relayed.as_ref(),
            Via::Portal => None,
        },
        sender: &came.envelope.sender,
        header: Some(header),
        contents: Some(contents),
        iprev: &facts.iprev,
        dkim: &facts.dkim,
    };
    let things = things::things(&seen, &House(settings));
    settings.dns_lists.ask(names, &things, limits::DNS_LISTS_TIME_MAX).await
}

/// Is this client refused at RCPT for being listed? Whom an allow list knows is not, and no answer refuses nobody.
pub async fn refuse(
    gateway: &Gateway,
    settings: &Settings,
    peer: &Peer,
    sender: &ReversePath,
) -> bool {
    let of_clients = |list: &DnsListConfig| {
        list.is_asked_about(Ask::Client) && (list.may_refuse() || list.means == Means::Allow)
    };
    let lists = settings.dns_lists.only(of_clients);
    if !lists.standings().any(|(list, _)| list.may_refuse()) {
        return false;
    }
    let seen = Seen {
        peer: Some(peer),
        sender,
        header: None,
        contents: None,
        iprev: &Known::NotAsked,
        dkim: &Known::NotAsked,
    };
    let mut things = things::things(&seen, &House(settings));
    things.retain(|thing| thing.ask == Ask::Client);
    let asked = lists.ask(&gateway.dns, &things, limits::SENDER_FACTS_TIME_MAX).await;
    let Known::Yes(listings) = asked else { return false };
    match refusing(&listings) {
        Some(hit) => {
            tracing::info!(client = %peer.address, list = hit.list, called = hit.called, "a recipient was refused: the client is on a DNS list");
            let list = hit.list.clone();
            metrics::counter!("sluss_dns_list_refused_total", "list" => list).increment(1);
            true
        }
        None => false,
    }
}

/// The listing for which a client is refused.
fn refusing(listings: &Listings) -> Option<&Hit> {
    let allowed = listings.hits.iter().any(|hit| hit.means == Means::Allow);
    listings.hits.iter().find(|hit| hit.refuses && !allowed)
}

/// Tries the lists for as long as the gateway runs: a new one at once, one that is put aside again and again, a good one now and then.
pub async fn keep_trying(gateway: Arc<Gateway>) {
    loop {
        let settings = gateway.settings.load_full();
        settings.dns_lists.try_due(&gateway.dns).await;
        for (list, aside) in settings.dns_lists.standings() {
            let aside = if aside.is_some() { 1.0 } else { 0.0 };
            let list = list.name.clone();
            metrics::gauge!("sluss_dns_list_aside", "list" => list).set(aside);
        }
        drop(settings);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

const LOOK_AGAIN: Duration = limits::DNS_LISTS_LOOK_AGAIN;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::Category;

    #[test]
    fn whom_an_allow_list_knows_is_not_refused() {
        let hit = |means, refuses| Hit {
            list: "a".to_string(),
            means,
            ask: Ask::Client,
            what: "192.0.2.1".to_string(),
            called: String::new(),
            category: Category::Spam,
            weight: 3.0,
            refuses,
            part: String::new(),
            path: String::new(),
        };
        let (blocks, weighs) = (hit(Means::Block, true), hit(Means::Block, false));
        let allows = hit(Means::Allow, false);
        for (hits, want) in [
            (vec![], false),
            (vec![weighs.clone()], false),
            (vec![blocks.clone()], true),
            (vec![weighs, blocks.clone()], true),
            (vec![blocks, allows], false),
        ] {
            let listings = Listings { hits, unanswered: Vec::new() };
            assert_eq!(refusing(&listings).is_some(), want, "{listings:?}");
        }
    }
}
