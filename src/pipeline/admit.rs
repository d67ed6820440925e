//! Before DATA: may this sender begin, do we take mail for this recipient?
//!
//! Order (DECISIONS "admission"): what concerns us as a whole (disk, line, rate) at MAIL; everything about who writes to whom at RCPT,
//! so that log and helpdesk see both. At RCPT: relay check → postmaster and abuse → does the recipient exist. A spam trap does.

use crate::{
    base::{clock::Tick, limits, networks},
    config::{Listener, SpfFail, lists::Word, policy::Mode},
    facts::{
        Known, auth,
        sender::{self, Answerable},
    },
    mail::{Address, Direction, Domain, Envelope, Organisation, Peer, Recipient, ReversePath},
    pipeline::{
        Gateway,
        callouts::Callouts,
        courier::{Probe, Route},
        dns_lists,
        gateway::Line,
        guard,
        helo::{self, Ours},
        judge::Via,
        outside,
        sending::{self, Sent},
        settings::{Hosted, KnownRecipients, OwnDomain, Settings},
    },
    wire::{
        auth::{Iprev, Spf},
        smtp::{Answer, Reply, Transaction, replies},
    },
};
use ipnet::IpNet;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Caches, shared by all listeners.
#[derive(Debug, Default)]
pub struct Admission {
    /// What next hops said of recipients.
    pub callouts: Callouts,
    free_disk: Mutex<Option<(Tick, u64)>>,
    forwards: Mutex<HashMap<Organisation, Window>>,
    everybody: Mutex<HashMap<Domain, (Tick, bool)>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Tick,
    count: u32,
}

/// May this client begin a transaction?
pub fn sender(gateway: &Gateway, listener: &Listener, peer: &Peer, from: &ReversePath) -> Answer {
    let settings = gateway.settings.load();
    let limits = &settings.config.limits;
    if !settings.may_judge {
        return Answer::No(replies::NOT_READY);
    }
    if gateway.admission.free_disk(gateway) < limits.disk_free_bytes.0 {
        return Answer::No(replies::DISK_FULL);
    }
    // Our own users' mail waits in the spool instead; strangers come back.
    let line = gateway.line(peer.address, settings.config.only_organisation().as_ref());
    if listener.direction == Direction::Inbound && line != Line::Short {
        return Answer::No(replies::SCANNERS_BUSY);
    }
    // After DATA it would have travelled in clear already. What a relay in front took, it took over a way of its own.
    let is_direct = listener.direction == Direction::Inbound && via(listener, peer) == Via::Direct;
    if is_direct
        && peer.tls.is_none()
        && let Some(domain) = from.address().and_then(Address::domain)
        && settings.partners.demands_inbound(domain)
    {
        return Answer::No(replies::PARTNER_IN_CLEAR);
    }
    // The mail server behind us sends for everybody it has, and a relay in front brings everybody's: their addresses have no bound.
    let client = match listener.direction {
        Direction::Outbound => settings.client(peer),
        Direction::Inbound => None,
    };
    let (rates, clock) = (&gateway.client_limits, &gateway.clock);
    let strange = client.is_none() && via(listener, peer) == Via::Direct;
    if strange && !rates.may_begin(peer.address, limits, clock) {
        return Answer::No(replies::TOO_OFTEN);
    }
    if let Some(user) = &peer.user
        && !rates.user_may_begin(&user.name, limits, clock)
    {
        return Answer::No(replies::TOO_OFTEN);
    }
    if let Some((hosted, Sent::Forwarded)) =
        client.and_then(|client| sending::by_sender(&settings, &client, from))
        && !gateway.admission.may_forward(&hosted, gateway.clock.tick())
    {
        return Answer::No(replies::TOO_MANY_FORWARDS);
    }
    Answer::Begin(gateway.new_id())
}

/// A relay that the listener trusts, or a stranger?
pub fn via(listener: &Listener, peer: &Peer) -> Via {
    let address = peer.address;
    let trusted = |network: &IpNet| networks::canonical(*network).contains(&address);
    match listener.trusted_relays.iter().any(trusted) {
        true => Via::Relay,
        false => Via::Direct,
    }
}

/// Whose a transaction is, and in whose name it travels: what `Came` says of it.
pub fn whose(
    gateway: &Gateway,
    listener: &Listener,
    peer: &Peer,
    envelope: &Envelope,
) -> (Organisation, Sent) {
    let settings = gateway.settings.load();
    let by_sender = match listener.direction {
        Direction::Outbound => settings
            .client(peer)
            .and_then(|client| sending::by_sender(&settings, &client, &envelope.sender)),
        Direction::Inbound => None,
    };
    let first = || envelope.recipients.first().map(|first| first.organisation.clone());
    match by_sender {
        Some((hosted, sent)) => (hosted.name().clone(), sent),
        // Nothing was taken from this client, so nothing of it belongs to anybody but the house.
        None => (first().unwrap_or_default(), Sent::World),
    }
}

/// Whose recipient a refused address would have been, for the trace.
pub fn owner_of(
    gateway: &Gateway,
    listener: &Listener,
    peer: &Peer,
    envelope: &Envelope,
    address: &Address,
) -> Organisation {
    let settings = gateway.settings.load();
    let own = settings.own_domain(address).map(|own| &own.organisation);
    // A forward domain may take nothing but returning senders; those that it refuses are its organisation's all the same.
    let own = own.or_else(|| settings.forwarder(address.domain()?));
    match own {
        Some(hosted) => hosted.name().clone(),
        None => whose(gateway, listener, peer, envelope).0,
    }
}

/// Do we take mail for this recipient?
pub async fn recipient(
    gateway: &Arc<Gateway>,
    listener: &Listener,
    peer: &Peer,
    transaction: &Transaction,
    recipient: &Recipient,
) -> Answer {
    let settings = gateway.settings.load_full();
    let envelope = &transaction.envelope;
    let now = gateway.clock.now();
    if let Some(returned) = sending::returned(&settings, &gateway.secret, envelope, recipient, now)
    {
        return returned.map_or_else(Answer::No, Answer::Take);
    }
    let own = settings.own_domain(&recipient.address);
    let sender = match listener.direction {
        Direction::Inbound => None,
        Direction::Outbound => {
            let Some(client) = settings.client(peer) else {
                return Answer::No(match listener.offers_auth() && peer.user.is_none() {
                    true => replies::LOG_IN_FIRST,
                    false => replies::NOT_A_CLIENT,
                });
            };
            match sending::by_sender(&settings, &client, &envelope.sender) {
                Some((hosted, Sent::Forwarded)) if hosted.forward.is_none() => {
                    return Answer::No(replies::NO_FORWARDING);
                }
                Some((hosted, _)) => Some(hosted),
                None => return Answer::No(replies::NO_FORWARDING),
            }
        }
    };
    let (own, taken) = match (sender, own) {
        (Some(hosted), None) if recipient.address.domain().is_some() => {
            return Answer::Take(Recipient {
                organisation: hosted.name().clone(),
                ..recipient.clone()
            });
        }
        (_, None) => return Answer::No(replies::NO_RELAY),
        (_, Some(own)) => {
            let organisation = own.organisation.name().clone();
            (own, Recipient { organisation, ..recipient.clone() })
        }
    };
    // Where there are several organisations, MAIL cannot know whose line it would join.
    let line = gateway.line(peer.address, Some(own.organisation.name()));
    if listener.direction == Direction::Inbound && line != Line::Short {
        return Answer::No(replies::SCANNERS_BUSY);
    }
    let features = gateway.courier.features(&own.route);
    if transaction.envelope.smtputf8 && features.is_some_and(|features| !features.smtputf8) {
        return Answer::No(replies::NO_SMTPUTF8_THERE);
    }
    if transaction.envelope.require_tls && features.is_some_and(|features| !features.requiretls) {
        return Answer::No(replies::NO_REQUIRETLS_THERE);
    }
    let announced = transaction.announced_bytes.unwrap_or(0);
    if hop_size(gateway, &own.route).is_some_and(|max| announced > max) {
        return Answer::No(replies::TOO_BIG);
    }
    if recipient.address.is_role() {
        return Answer::Take(taken);
    }
    if is_closed(&settings, listener.direction, envelope, &recipient.address) {
        return Answer::No(replies::NO_SUCH_RECIPIENT);
    }
    if listener.direction == Direction::Inbound
        // On the heap: thousands of sessions that ask nothing would carry the room for all its questions.
        && let Some(reply) =
            Box::pin(stranger_refused(gateway, &settings, own, peer, envelope)).await
    {
        return Answer::No(reply);
    }
    match &own.known {
        _ if settings.is_trap(&recipient.address) => Answer::Take(taken),
        KnownRecipients::Any => Answer::Take(taken),
        KnownRecipients::Listed(known) if known.contains(&recipient.address) => Answer::Take(taken),
        KnownRecipients::Listed(_) => Answer::No(replies::NO_SUCH_RECIPIENT),
        KnownRecipients::Internal if gateway.internal.takes(&recipient.address) => {
            Answer::Take(taken)
        }
        KnownRecipients::Internal => Answer::No(replies::NO_SUCH_RECIPIENT),
        KnownRecipients::Callout => match callout(gateway, own, peer, &recipient.address).await {
            None => Answer::Take(taken),
            Some(reply) => Answer::No(reply),
        },
    }
}

/// Is it an address that is not there for whoever writes to it?
fn is_closed(
    settings: &Settings,
    direction: Direction,
    envelope: &Envelope,
    recipient: &Address,
) -> bool {
    match direction {
        // Only our people say what a mail is.
        Direction::Inbound => {
            let sender = envelope.sender.address();
            settings.marks(recipient).is_some()
                && sender.is_none_or(|sender| settings.own_domain(sender).is_none())
        }
        // One of ours has a right to know that nobody reads a spam trap. To strangers it is like any address, or they would find it.
        Direction::Outbound => settings.is_trap(recipient),
    }
}

/// What a stranger is refused for, cheapest first. None: nothing speaks against it.
async fn stranger_refused(
    gateway: &Gateway,
    settings: &Settings,
    own: &OwnDomain,
    peer: &Peer,
    envelope: &Envelope,
) -> Option<Reply> {
    let own_lists = settings.listed(&own.organisation, &envelope.sender, peer.address);
    let stranger = Some(peer).filter(|peer| !settings.relays.holds(peer.address));
    match own_lists.or_else(|| outside::say(&settings.lists, stranger, &envelope.sender)) {
        Some(Word::Allow) => return None,
        Some(Word::Block) => return Some(replies::BLOCKED),
        None => (),
    }
    if own.policy.mode() == Mode::Protect
        && settings.config.admission.helo
        && !guard::is_ours(settings, peer)
        && helo::is_ours(&peer.helo, peer.address, &House { gateway, settings })
    {
        return Some(replies::HELO_OURS);
    }
    if let Some(reply) = spf_refused(gateway, settings, own, peer, envelope).await {
        return Some(reply);
    }
    if own.policy.mode() == Mode::Protect
        && dns_lists::refuse(gateway, settings, peer, &envelope.sender).await
    {
        return Some(replies::LISTED);
    }
    let domain = envelope.sender.address()?.domain()?;
    // A list is somebody's word and holds in every mode; what the DNS makes us think refuses nobody while a policy is on trial.
    // A test on this machine has no domain in the DNS, and a domain of ours needs no asking.
    if !settings.config.dns.sender_domains
        || own.policy.mode() != Mode::Protect
        || peer.address.is_loopback()
        || settings.writer(domain).is_some()
    {
        return None;
    }
    match sender::answerable(&gateway.dns, domain).await {
        Known::Yes(Answerable::Yes) | Known::NotAsked => None,
        Known::Yes(Answerable::Nowhere) => Some(replies::SENDER_NOWHERE),
        Known::Yes(Answerable::TakesNone) => Some(replies::SENDER_TAKES_NONE),
        Known::No(why) => {
            tracing::debug!(%domain, why, "the sender's domain could not be looked up");
            metrics::counter!("sluss_sender_domains_unknown_total").increment(1);
            None
        }
    }
}

/// Does SPF forbid this client, where the configuration refuses that? What cannot be asked refuses nobody, and neither do forwarders.
async fn spf_refused(
    gateway: &Gateway,
    settings: &Settings,
    own: &OwnDomain,
    peer: &Peer,
    envelope: &Envelope,
) -> Option<Reply> {
    let config = &settings.config;
    let rules = &config.authentication;
    if rules.spf_fail != SpfFail::Refuse
        || own.policy.mode() != Mode::Protect
        || (peer.address.is_loopback() && config.dns.servers.is_empty())
        || settings.relays.get(peer.address).is_some()
        || rules.forwards_from(peer.address)
    {
        return None;
    }
    let (names, receiver) = (&gateway.dns, config.hostname.as_str());
    let now = gateway.clock.now();
    let spf = auth::spf(names, peer, &envelope.sender, receiver, now).await;
    if !matches!(spf, Known::Yes(fact) if fact.result == Spf::Fail) {
        return None;
    }
    let called = match auth::iprev(names, peer).await {
        Known::Yes(fact) if fact.result == Iprev::Pass => fact.name,
        Known::Yes(_) | Known::No(_) | Known::NotAsked => None,
    };
    let forwards = called.and_then(|name| Domain::parse(&name).ok());
    (!forwards.is_some_and(|name| rules.forwards(&name))).then_some(replies::SPF_FAILED)
}

/// What is ours, for [`helo`].
struct House<'a> {
    gateway: &'a Gateway,
    settings: &'a Settings,
}

impl Ours for House<'_> {
    fn has_name(&self, name: &Domain) -> bool {
        *name == self.settings.config.hostname || self.settings.writer(name).is_some()
    }

    fn has_address(&self, address: IpAddr) -> bool {
        self.gateway.guard.is_own_address(address)
    }
}

/// The largest mail this transaction may carry: ours, or that of the smallest next hop among its recipients.
pub fn size_max(gateway: &Gateway, envelope: &Envelope) -> u64 {
    let settings = gateway.settings.load();
    let own = settings.config.limits.message_bytes.0;
    let hops =
        envelope.recipients.iter().filter_map(|recipient| settings.own_domain(&recipient.address));
    hops.filter_map(|own| hop_size(gateway, &own.route)).fold(own, u64::min)
}

/// Can REQUIRETLS be kept up for mail of a listener, as far as is known? Every server of our domains must say that it does. Mail to the world is
/// asked for it when it goes; a smarthost could do anything with it.
pub fn keeps_require_tls(gateway: &Gateway, settings: &Settings, direction: Direction) -> bool {
    let hops_keep = || {
        settings.own_routes().iter().all(|route| {
            gateway.courier.features(route).is_some_and(|features| features.requiretls)
        })
    };
    match direction {
        Direction::Inbound => hops_keep(),
        Direction::Outbound => settings.sends_straight(),
    }
}

/// The size a next hop announced; a server that names none, or 0, takes any (RFC 1870 section 3).
pub fn hop_size(gateway: &Gateway, route: &Route) -> Option<u64> {
    let announced = gateway.courier.features(route)?.size_max.filter(|size| *size > 0)?;
    // The fields that we write in front count there too.
    Some(announced.saturating_sub(limits::OWN_FIELDS_BYTES))
}

/// Asks the next hop, or remembers what it said. None: the recipient exists.
async fn callout(
    gateway: &Arc<Gateway>,
    own: &OwnDomain,
    peer: &Peer,
    address: &Address,
) -> Option<Reply> {
    let key = address.key();
    let remembered = gateway.admission.callouts.remembered(&key);
    let now = gateway.clock.tick();
    match remembered {
        Some(known) if known.exists && now.since(known.at) < limits::CALLOUT_YES_FRESH => {
            return None;
        }
        Some(known) if !known.exists && now.since(known.at) < limits::CALLOUT_NO_LIFETIME => {
            return Some(replies::NO_SUCH_RECIPIENT);
        }
        Some(_) | None => (),
    }
    // A yes that is a day old is still good for a week while the next hop cannot be asked.
    let stale_yes = remembered
        .is_some_and(|known| known.exists && now.since(known.at) < limits::CALLOUT_YES_LIFETIME);
    let settings = gateway.settings.load_full();
    let bounds = &settings.config.limits;
    let Some(_asking) = gateway.client_limits.may_ask(peer.address, bounds, &gateway.clock) else {
        return (!stale_yes).then_some(replies::RECIPIENT_UNKNOWN_NOW);
    };
    match ask(gateway, &own.route, address).await {
        Probe::Yes => {
            gateway.admission.callouts.remember(key, true, now);
            ask_for_nobody(gateway, own, address);
            None
        }
        Probe::No => {
            gateway.admission.callouts.remember(key, false, now);
            Some(replies::NO_SUCH_RECIPIENT)
        }
        Probe::Later if stale_yes => None,
        Probe::Later => Some(replies::RECIPIENT_LATER),
        Probe::Away(why) => {
            tracing::warn!(domain = %address.domain().map_or("", |domain| domain.as_str()), next_hop = %own.route, why, "the next hop could not be asked about a recipient");
            (!stale_yes).then_some(replies::RECIPIENT_UNKNOWN_NOW)
        }
    }
}

/// Now and then, beside the mail: does the next hop know who exists, or does it say yes to everybody?
fn ask_for_nobody(gateway: &Arc<Gateway>, own: &OwnDomain, address: &Address) {
    let Some(domain) = address.domain() else { return };
    if !gateway.admission.everybody_is_due(domain, gateway.clock.tick()) {
        return;
    }
    let made_up = format!("nobody-{}@{domain}", gateway.new_id().to_string().to_lowercase());
    let Ok(nobody) = Address::parse(&made_up) else { return };
    let (gateway, route, domain) = (gateway.clone(), own.route.clone(), domain.clone());
    tokio::spawn(async move {
        let everybody = match ask(&gateway, &route, &nobody).await {
            Probe::Yes => true,
            Probe::No => false,
            // It is asked again with the next recipient after a day; mail is not kept waiting for it.
            Probe::Later | Probe::Away(_) => return,
        };
        if everybody {
            tracing::warn!(%domain, next_hop = %route, "the next hop takes mail for addresses that do not exist: asking it who exists says nothing, and bounces will come later");
        }
        gateway.admission.note_everybody(&domain, everybody);
    });
}

async fn ask(gateway: &Gateway, route: &Route, address: &Address) -> Probe {
    let probing = gateway.courier.probe(route, address);
    tokio::time::timeout(limits::CALLOUT_TIMEOUT, probing).await.unwrap_or_else(|_| {
        Probe::Away(format!("no answer in {} s", limits::CALLOUT_TIMEOUT.as_secs()))
    })
}

impl Admission {
    /// Domains whose next hop took mail for an address that cannot exist.
    pub fn accept_everybody(&self) -> Vec<Domain> {
        let Ok(everybody) = self.everybody.lock() else { return Vec::new() };
        let taken = everybody.iter().filter(|(_, (_, takes))| *takes);
        let mut domains: Vec<Domain> = taken.map(|(domain, _)| domain.clone()).collect();
        domains.sort();
        domains
    }

    fn everybody_is_due(&self, domain: &Domain, now: Tick) -> bool {
        let Ok(mut everybody) = self.everybody.lock() else { return false };
        let full = everybody.len() >= limits::ACCEPTS_EVERYBODY_REMEMBERED_MAX;
        match everybody.get_mut(domain) {
            Some((asked, _)) if now.since(*asked) < limits::ACCEPTS_EVERYBODY_ASKED => false,
            Some((asked, _)) => {
                *asked = now;
                true
            }
            None if full => false,
            None => {
                everybody.insert(domain.clone(), (now, false));
                true
            }
        }
    }

    fn note_everybody(&self, domain: &Domain, takes: bool) {
        let Ok(mut everybody) = self.everybody.lock() else { return };
        if let Some((_, known)) = everybody.get_mut(domain) {
            *known = takes;
        }
    }

    /// Counts a forwarded mail of this organisation; false when it is one too many in this hour.
    fn may_forward(&self, hosted: &Hosted, now: Tick) -> bool {
        let Ok(mut forwards) = self.forwards.lock() else { return true };
        // One for each organisation: the configuration bounds them.
        let window =
            forwards.entry(hosted.name().clone()).or_insert(Window { began: now, count: 0 });
        if now.since(window.began) >= HOUR {
            *window = Window { began: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        window.count <= hosted.entry.forwards_per_hour.unwrap_or(limits::FORWARDED_PER_HOUR_MAX)
    }

    /// Free bytes under the data folder, asked at most once a second.
    fn free_disk(&self, gateway: &Gateway) -> u64 {
        let now = gateway.clock.tick();
        let Ok(mut known) = self.free_disk.lock() else { return u64::MAX };
        match *known {
            Some((at, free)) if now.since(at) < Duration::from_secs(1) => free,
            Some(_) | None => {
                // A disk that cannot be asked is not taken for full: the write itself will say so.
                let free = gateway.stores.spool.free_bytes().unwrap_or(u64::MAX);
                *known = Some((now, free));
                free
            }
        }
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
