//! Sending: carries one mail to the first next hop of a route that takes it, over pooled connections.
//!
//! What a server says is handed on as it is; what it means for the mail is `pipeline`'s business.

mod bond;
mod connection;
mod doors;
mod maildir;
mod manners;
mod pool;
mod sts;
mod tally;
mod watch;

use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    config::{Config, Host, NextHop},
    facts::{
        dns::{Addresses, Dns, MailHosts},
        dnssec::ProvingDns,
    },
    mail::{Address, Domain, Organisation},
    pipeline::courier::{
        Attempt, Courier, Delivery, Features, Job, Outcome, Posting, Probe, Route, Said, Tls,
        Towards, Waiting,
    },
    store::embedded::Transport,
    wire::tls::{Asks, Demand, InClear, Refusal, ledger::Sight},
};
use arc_swap::ArcSwap;
use bond::{Bond, Listed, Way};
use connection::{Connection, Encrypt, Failed, Opening, Place, Protocol};
use doors::Doors;
use manners::{Manners, StsManner};
use pool::{Pool, Wanted, dismiss};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};
use sts::Sts;

/// Carries mail over SMTP and LMTP, or into a Maildir.
pub struct SmtpCourier {
    manners: ArcSwap<Manners>,
    dns: Dns,
    proving: ProvingDns,
    ability: bond::Ability,
    sts: Sts,
    transport: Transport,
    pool: Pool,
    doors: Doors,
    features: Mutex<HashMap<Route, (Features, Tick)>>,
    clock: Clock,
}

impl std::fmt::Debug for SmtpCourier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpCourier").field("manners", &self.manners).finish_non_exhaustive()
    }
}

/// A configuration that a courier can behave by.
#[derive(Debug)]
pub struct Prepared(Manners);

/// What a hop gave.
enum Reached {
    /// An end, good or bad.
    End(Delivery),
    /// Try the next one; why.
    NotThis(Attempt),
}

/// One step on the way to a server: what all of them need.
#[derive(Clone, Copy)]
struct Step<'a> {
    manners: &'a Manners,
    route: &'a Route,
    whose: &'a Organisation,
    asks: Asks,
    hop: &'a NextHop,
    until: Option<Tick>,
}

impl<'a> Step<'a> {
    fn way(self) -> Way<'a> {
        Way { route: self.route, whose: self.whose, asks: self.asks }
    }
}

/// Where to connect to, and under what.
#[derive(Clone, Copy)]
struct Target<'a> {
    place: &'a Place,
    bond: &'a Bond,
    /// The mail host, where an MX led there.
    mail_host: Option<&'a Domain>,
}

impl SmtpCourier {
    /// A courier that behaves as configured.
    /// The error says what is wrong with the smarthost's password, with those who vouch for it, or with the keys that DNSSEC begins from.
    pub fn new(
        config: &Config,
        dns: Dns,
        transport: Transport,
        clock: Clock,
    ) -> Result<SmtpCourier, String> {
        let anchors = config.dns.trust_anchors.as_deref();
        let proving = ProvingDns::configured(&config.dns.servers, anchors)?.beside(dns.clone());
        let manners = Manners::new(config)?;
        let sts = Sts::new(dns.clone(), transport.clone(), clock.clone());
        sts.tell_owners(manners.tls_reports);
        Ok(SmtpCourier {
            manners: ArcSwap::from_pointee(manners),
            sts,
            transport,
            dns,
            proving,
            ability: bond::Ability::default(),
            pool: Pool::new(clock.clone()),
            doors: Doors::default(),
            features: Mutex::default(),
            clock,
        })
    }

    /// Reads all that a new configuration asks of a courier; what is in force stays so.
    pub fn prepare(config: &Config) -> Result<Prepared, String> {
        Manners::new(config).map(Prepared)
    }

    /// Behaves as prepared from now on.
    pub fn adopt(&self, prepared: Prepared) {
        // What is open, or is being opened, was so under the old name, address, login or policy.
        let mut manners = prepared.0;
        manners.generation = self.pool.begin_anew();
        self.sts.tell_owners(manners.tls_reports);
        self.manners.store(Arc::new(manners));
    }

    /// Closes connections that have waited too long; called now and then.
    pub fn tidy(&self) {
        self.pool.tidy();
        self.doors.tidy();
    }

    /// Fetches the MTA-STS policies again that are to be; called now and then.
    pub async fn refresh_policies(&self) {
        if let StsManner::On(Some(fetcher)) = &self.manners.load_full().sts {
            self.sts.refresh(fetcher).await;
        }
    }

    /// Hands a text to another's web server.
    async fn hand_over(&self, posting: Posting<'_>) -> Result<(), String> {
        match &self.manners.load_full().web {
            Some(fetcher) => fetcher.post(&self.dns, posting).await.map_err(|why| why.to_string()),
            None => {
                Err("nobody vouches for web servers: the system has no list of authorities"
                    .to_string())
            }
        }
    }

    fn learn(&self, route: &Route, connection: &Connection) -> Features {
        let features = Features {
            smtputf8: connection.server.smtputf8,
            size_max: connection.server.size,
            requiretls: connection.server.requiretls,
        };
        let mut known = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < limits::CALLOUT_REMEMBERED_MAX || known.contains_key(route) {
            known.insert(route.clone(), (features, self.clock.tick()));
        }
        features
    }

    /// Carries a mail, within the bounds for those on whom somebody waits.
    async fn carry(&self, job: Job<'_>) -> Delivery {
        let manners = self.manners.load_full();
        let _place = match job.deadline {
            None => None,
            Some(deadline) => {
                // The other half of the time is for the mail itself, or for making it safe here.
                let patience = deadline.since(self.clock.tick()) / 2;
                let entered =
                    self.doors.enter(job.route, manners.waiting_max, patience, &self.clock);
                match entered.await {
                    Ok(place) => Some(place),
                    Err(why) => return nowhere(Attempt::Away(why)),
                }
            }
        };
        let delivery = self.carry_at_once(&manners, job).await;
        match &delivery.attempt {
            Attempt::Away(why) if manners.rests => {
                self.doors.failed(job.route, why, self.clock.tick())
            }
            // What stood in the way may be DNS alone: that says nothing of the server.
            Attempt::Away(_) | Attempt::Unproven(_) => (),
            Attempt::Finished(_) | Attempt::Differ(_) | Attempt::NotNow(_) | Attempt::Silent(_) => {
                self.doors.reached(job.route)
            }
        }
        delivery
    }

    async fn carry_at_once(&self, manners: &Manners, job: Job<'_>) -> Delivery {
        // RFC 8689 section 4.2.1: over TLS at least, whatever the policy; who vouches is looked at when the server has shown itself.
        let asks = match job.envelope.require_tls {
            true => {
                Asks { demand: job.asks.demand.max(Demand::Encrypted), relaxed: false, ..job.asks }
            }
            false => job.asks,
        };
        let job = Job { asks, ..job };
        // A pooled connection may have died while it waited; then one fresh one is tried before anything is decided.
        // "Not now" over such a connection is most often a farewell to one that was idle for too long.
        let pooled = self.pooled(manners, way_of(&job), tells(&job), job.deadline).await;
        if let Some(connection) = pooled
            && (!job.envelope.require_tls || connection.keeps_require_tls())
            && let Some(delivery) = self.over(connection, job).await
            && !matches!(delivery.attempt, Attempt::Away(_) | Attempt::NotNow(_))
        {
            return delivery;
        }
        let mut last = None;
        for hop in &job.route.hops {
            let step = Step {
                manners,
                route: job.route,
                whose: job.whose,
                asks: job.asks,
                hop,
                until: job.deadline,
            };
            match self.to_hop(step, job).await {
                Reached::End(delivery) => return delivery,
                Reached::NotThis(why) => last = Some(graver(last, why)),
            }
        }
        let last = last.unwrap_or_else(|| Attempt::Away("no next hop is configured".to_string()));
        if let Attempt::Unproven(refusal) = &last {
            metrics::counter!("sluss_unproven_total", "result" => refusal.result_type())
                .increment(1);
            tracing::warn!(destination = %job.route, result = refusal.result_type(), %refusal, "no server showed what is asked of its channel; the mail waits, and is not sent otherwise");
        }
        // It was spoken to, and cannot: that will hardly be otherwise tomorrow.
        if last == Attempt::Unproven(Refusal::NoRequireTls) {
            let said = Said {
                code: 550,
                enhanced: Some("5.7.30".to_string()),
                line: Refusal::NoRequireTls.to_string(),
            };
            let all = vec![Outcome::Refused(said); job.envelope.recipients.len()];
            return nowhere(Attempt::Finished(all));
        }
        nowhere(last)
    }

    /// A connection that waits and that the mail may go over as things stand now.
    async fn pooled(
        &self,
        manners: &Manners,
        way: Way<'_>,
        tells: Tells,
        until: Option<Tick>,
    ) -> Option<Connection> {
        let demand = match way.route.tls {
            Tls::Required => Demand::Encrypted,
            Tls::Off | Tls::Opportunistic => Demand::Nothing,
        };
        let demand = demand.max(way.asks.demand);
        let connection = self.pool.take(way.route, Wanted { tells, demand })?;
        if self.still_holds(manners, way, &connection, until).await {
            return Some(connection);
        }
        dismiss(connection);
        None
    }

    async fn to_hop(&self, step: Step<'_>, job: Job<'_>) -> Reached {
        match step.hop {
            NextHop::Maildir(folder) => {
                Reached::End(maildir::deliver(folder, job, &self.clock).await)
            }
            NextHop::Smtp(host, port) | NextHop::Smtps(host, port) | NextHop::Lmtp(host, port) => {
                self.to_host(step, host, *port, job).await
            }
            NextHop::LmtpSocket(path) => {
                let place = Place::Socket(path.clone());
                let bond = Bond::of_route(step.route, &place);
                let target = Target { place: &place, bond: &bond, mail_host: None };
                self.to_place(step, target, job).await
            }
            NextHop::Mx => match &job.route.domain {
                Some(domain) => self.to_mail_hosts(step, domain, job).await,
                // A notice to a sender with an address literal. Strangers do not choose which address we connect to.
                None => {
                    refused(job, "5.1.2", "there is no domain to look up the MX of".to_string())
                }
            },
            // The spool's deliverer reads it; nothing else comes here.
            NextHop::Internal => away("the mail is for ourselves".to_string()),
        }
    }

    /// RFC 5321 section 5.1: best first; hosts no better than ourselves would send it back to us.
    async fn to_mail_hosts(&self, step: Step<'_>, domain: &Domain, job: Job<'_>) -> Reached {
        let listed = match self.listed(step.manners, step.way(), domain, step.until).await {
            Ok(listed) => listed,
            Err(refusal) => {
                self.tally_refusal(step, None, None, &refusal);
                return Reached::NotThis(Attempt::Unproven(refusal));
            }
        };
        let hosts = match &listed.hosts {
            MailHosts::Hosts(hosts) => hosts,
            MailHosts::TakesNone => {
                return refused(
                    job,
                    "5.1.10",
                    format!("{domain} says that it takes no mail (null MX)"),
                );
            }
            MailHosts::Unusable(why) => return refused(job, "5.4.4", why.clone()),
            MailHosts::NoSuchDomain => {
                return refused(job, "5.1.2", format!("there is no domain {domain}"));
            }
            MailHosts::Unknown(why) => return away(format!("MX of {domain}: {why}")),
        };
        let own = hosts
            .iter()
            .find(|(_, host)| *host == step.manners.hostname)
            .map(|(preference, _)| *preference);
        let better: Vec<&Domain> = hosts
            .iter()
            .filter(|(preference, _)| own.is_none_or(|own| *preference < own))
            .map(|(_, host)| host)
            .collect();
        if better.is_empty() {
            return refused(
                job,
                "5.4.6",
                format!("the mail of {domain} would come back to us: we are its best MX"),
            );
        }
        let mut last = None;
        for host in better {
            match self.to_mail_host(step, host, &listed, job).await {
                Reached::End(delivery) => return Reached::End(delivery),
                Reached::NotThis(why) => last = Some(graver(last, why)),
            }
        }
        let none = || Attempt::Away(format!("{domain} has no mail host"));
        Reached::NotThis(last.unwrap_or_else(none))
    }

    /// A mail host, under what DNS says of it.
    async fn to_mail_host(
        &self,
        step: Step<'_>,
        host: &Domain,
        listed: &Listed,
        job: Job<'_>,
    ) -> Reached {
        let (addresses, bond) = match self.bond(step.manners, step.way(), host, listed).await {
            Ok((Addresses::Found(addresses), bond)) => (addresses, bond),
            Ok((Addresses::Unknown(why), _)) => return away(format!("addresses of {host}: {why}")),
            Err(refusal) => {
                self.watch_refusal(step, host, &refusal).await;
                self.tally_refusal(step, Some(host), listed.sts.as_ref(), &refusal);
                return Reached::NotThis(Attempt::Unproven(refusal));
            }
        };
        let usable = match usable(step, host, &addresses) {
            Ok(usable) => usable,
            Err(why) => return away(why),
        };
        let mut last = None;
        for address in usable {
            let at = SocketAddr::new(address, step.manners.mx_port);
            let place = Place::Net { name: host.to_string(), at };
            let target = Target { place: &place, bond: &bond, mail_host: Some(host) };
            match self.to_place(step, target, job).await {
                Reached::End(delivery) => return Reached::End(delivery),
                Reached::NotThis(why) => last = Some(graver(last, why)),
            }
        }
        let none = || Attempt::Away(format!("{host}: no address"));
        Reached::NotThis(last.unwrap_or_else(none))
    }

    async fn to_host(&self, step: Step<'_>, host: &Host, port: u16, job: Job<'_>) -> Reached {
        let places = match self.find(step, host, port).await {
            Ok(places) => places,
            Err(why) => return away(why),
        };
        let mut last = Attempt::Away(format!("{}: no address", show(host)));
        for place in places {
            let bond = Bond::of_route(step.route, &place);
            let target = Target { place: &place, bond: &bond, mail_host: None };
            match self.to_place(step, target, job).await {
                Reached::End(delivery) => return Reached::End(delivery),
                Reached::NotThis(why) => last = why,
            }
        }
        Reached::NotThis(last)
    }

    async fn to_place(&self, step: Step<'_>, target: Target<'_>, job: Job<'_>) -> Reached {
        let connection = match self.connect(step, target).await {
            Ok(connection) => connection,
            Err(failed) if target.mail_host.is_some() || job.asks.demand != Demand::Nothing => {
                return not_through(failed);
            }
            Err(failed) => return away(failed.to_string()),
        };
        if !connection.channel.meets(job.asks.demand) {
            self.pool.keep(job.route, connection);
            return Reached::NotThis(Attempt::Unproven(Refusal::NotProven));
        }
        if job.envelope.require_tls && !connection.keeps_require_tls() {
            // Who it is may be proven at the next try; what it announces it will hardly announce then.
            let refusal = match connection.is_verified() {
                true => Refusal::NoRequireTls,
                false => Refusal::NotVerified,
            };
            self.pool.keep(job.route, connection);
            return Reached::NotThis(Attempt::Unproven(refusal));
        }
        let Some(delivery) = self.over(connection, job).await else {
            let broke = format!("{}: the connection broke", target.place);
            return Reached::NotThis(Attempt::NotNow(broke));
        };
        match delivery.attempt {
            // This server cannot take mail now; the next one may.
            Attempt::Away(_) | Attempt::NotNow(_) | Attempt::Unproven(_) => {
                Reached::NotThis(delivery.attempt)
            }
            Attempt::Finished(_) | Attempt::Differ(_) | Attempt::Silent(_) => {
                Reached::End(delivery)
            }
        }
    }

    /// The addresses of a host that we may use, IPv6 first (RFC 6724 section 2.1 prefers it, and fallback is the loop over these).
    async fn find(&self, step: Step<'_>, host: &Host, port: u16) -> Result<Vec<Place>, String> {
        let addresses = match host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let found = match self.dns.addresses(name).await {
                    Addresses::Found(found) => found,
                    Addresses::Unknown(why) => return Err(format!("addresses of {name}: {why}")),
                };
                usable(step, name, &found)?
            }
        };
        let place = |address| Place::Net { name: show(host), at: SocketAddr::new(address, port) };
        Ok(addresses.into_iter().map(place).collect())
    }

    /// A connection with the greeting, EHLO and, where the route says so, TLS and login done.
    async fn connect(&self, step: Step<'_>, target: Target<'_>) -> Result<Connection, Failed> {
        let Target { place, bond, mail_host } = target;
        let manner = step.manners.of(step.route, step.hop);
        let opening = Opening {
            place,
            protocol: if step.hop.is_lmtp() { Protocol::Lmtp } else { Protocol::Smtp },
            hello: &manner.hello,
            source: match place {
                Place::Net { at, .. } => manner.source_for(at.ip()),
                Place::Socket(_) => None,
            },
            encrypt: step.manners.encrypt(step.way(), step.hop, place, bond),
            fallen: None,
            bond,
            onlooker: step.manners.onlooker(bond),
            mail_host,
            generation: step.manners.generation,
            login: step.manners.login(step.route),
            mails_max: manner.mails_max,
            clock: &self.clock,
            until: step.until,
        };
        let opportunistic = matches!(opening.encrypt, Encrypt::WhenOffered(_));
        let connected = match Connection::open(opening).await {
            // Opportunistic: a server whose TLS is broken gets one connection in clear (RFC 7435 section 3).
            Err(Failed::Handshake(how)) if opportunistic => {
                Connection::open(in_clear(&opening, &InClear::Broken(how))).await
            }
            Err(Failed::TlsRefused(said)) if opportunistic => {
                Connection::open(in_clear(&opening, &InClear::Refused(said))).await
            }
            other => other,
        };
        if let Err(failed) = &connected
            && opening.login.is_some()
            && matches!(
                failed,
                Failed::Login { .. }
                    | Failed::NoTls(_)
                    | Failed::Handshake(_)
                    | Failed::TlsRefused(_)
            )
        {
            metrics::counter!("sluss_smarthost_login_failed_total").increment(1);
            tracing::error!(server = %place, %failed, "we cannot log in at the smarthost; mail waits until somebody mends smarthost-user, its password, or its TLS");
        }
        let refusal = connected.as_ref().err().and_then(refusal_of);
        self.tally(step, target, connected.as_ref().map_err(|_| refusal.as_ref()));
        let sight = match &connected {
            Ok(connection) => Some(Sight::Channel(&connection.channel)),
            Err(_) => refusal.as_ref().map(Sight::Refused),
        };
        let worse = match sight {
            Some(sight) => self.watch(step, target, sight).await,
            None => Vec::new(),
        };
        let mut connection = connected?;
        connection.channel.worse = worse;
        sts::tell_of_test(step.route, &connection);
        self.learn(step.route, &connection);
        Ok(connection)
    }

    /// Carries the mail over this connection. None: the connection was dead before the mail was on it.
    async fn over(&self, mut connection: Connection, job: Job<'_>) -> Option<Delivery> {
        let carried = connection.carry(&job).await;
        let server = connection.place.to_string();
        let channel = Some(connection.channel.clone());
        let dsn_handed_on = connection.server.dsn;
        match carried {
            Ok(attempt) => {
                self.pool.keep(job.route, connection);
                Some(Delivery { attempt, server, channel, dsn_handed_on })
            }
            Err(why) => {
                tracing::debug!(%server, %why, "a connection to a next hop broke");
                None
            }
        }
    }

    async fn ask(&self, route: &Route, address: &Address) -> Probe {
        let manners = self.manners.load_full();
        let patience = limits::CALLOUT_TIMEOUT / 2;
        let _place = match self.doors.enter(route, manners.waiting_max, patience, &self.clock).await
        {
            Ok(place) => place,
            Err(why) => return Probe::Away(why),
        };
        // Who exists is asked of servers that the configuration names: no partner has a say there.
        let whose = Organisation::implied();
        let way = Way { route, whose: &whose, asks: Asks::default() };
        if let Some(mut connection) = self.pooled(&manners, way, Tells::Nothing, None).await
            && let Ok(answer) = connection.probe(address).await
            && !matches!(answer, Probe::Away(_))
        {
            self.pool.keep(route, connection);
            self.doors.reached(route);
            return answer;
        }
        // A folder takes everybody, and so do we. The hosts of the domain's MX are asked when mail goes; a gateway whose
        // next hop is `mx` has no list behind it.
        if route.hops.first().is_some_and(|hop| !hop.can_be_asked()) {
            return Probe::Yes;
        }
        let until = Some(self.clock.tick().plus(limits::CALLOUT_TIMEOUT));
        let mut connection = match self.reach(&manners, route, until).await {
            Ok(connection) => connection,
            Err(why) => {
                if manners.rests {
                    self.doors.failed(route, &why, self.clock.tick());
                }
                return Probe::Away(why);
            }
        };
        self.doors.reached(route);
        match connection.probe(address).await {
            Ok(answer) => {
                self.pool.keep(route, connection);
                answer
            }
            Err(why) => Probe::Away(why.to_string()),
        }
    }

    /// A fresh connection to the first server of the route that can be asked and answers.
    async fn reach(
        &self,
        manners: &Manners,
        route: &Route,
        until: Option<Tick>,
    ) -> Result<Connection, String> {
        let mut last = "no next hop can be asked".to_string();
        for hop in route.hops.iter().filter(|hop| hop.can_be_asked()) {
            let whose = Organisation::implied();
            let asks = Asks::default();
            let step = Step { manners, route, whose: &whose, asks, hop, until };
            let places = match hop {
                NextHop::Smtp(host, port)
                | NextHop::Smtps(host, port)
                | NextHop::Lmtp(host, port) => self.find(step, host, *port).await,
                NextHop::LmtpSocket(path) => Ok(vec![Place::Socket(path.clone())]),
                NextHop::Mx | NextHop::Maildir(_) | NextHop::Internal => Ok(Vec::new()),
            };
            match places {
                Err(why) => last = why,
                Ok(places) => {
                    for place in places {
                        let bond = Bond::of_route(route, &place);
                        let target = Target { place: &place, bond: &bond, mail_host: None };
                        match self.connect(step, target).await {
                            Ok(connection) => return Ok(connection),
                            Err(failed) => last = failed.to_string(),
                        }
                    }
                }
            }
        }
        Err(last)
    }

    async fn learn_of(&self, route: &Route) -> Result<Features, String> {
        let until = Some(self.clock.tick().plus(limits::CALLOUT_TIMEOUT));
        let connection = self.reach(&self.manners.load_full(), route, until).await?;
        self.doors.reached(route);
        let features = self.learn(route, &connection);
        connection.quit().await;
        Ok(features)
    }
}

/// Will the server be told of a client?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    /// Of whoever brought this mail, before anything else is said.
    OfTheClient,
    /// The server must take us for ourselves.
    Nothing,
}

fn way_of<'a>(job: &Job<'a>) -> Way<'a> {
    Way { route: job.route, whose: job.whose, asks: job.asks }
}

fn tells(job: &Job<'_>) -> Tells {
    match (job.peer, job.route.towards) {
        (Some(_), Towards::OwnToldOfClient) => Tells::OfTheClient,
        (
            _,
            Towards::Own
            | Towards::OwnToldOfClient
            | Towards::World
            | Towards::Smarthost
            | Towards::Portal,
        ) => Tells::Nothing,
    }
}

fn show(host: &Host) -> String {
    match host {
        Host::Name(name) => name.to_string(),
        Host::Address(address) => address.to_string(),
    }
}

fn away(why: String) -> Reached {
    Reached::NotThis(Attempt::Away(why))
}

fn nowhere(attempt: Attempt) -> Delivery {
    Delivery { attempt, server: String::new(), channel: None, dsn_handed_on: false }
}

/// Of two ends: one that is about proof is told, whatever befell the other servers; else the later one. That no server keeps REQUIRETLS up is
/// said only if it is so of all, for it ends the mail; and that nobody vouches for one is said before what is wrong with another.
fn graver(earlier: Option<Attempt>, later: Attempt) -> Attempt {
    let Some(earlier) = earlier else { return later };
    match (earlier, later) {
        (Attempt::Unproven(Refusal::NoRequireTls), other)
        | (other, Attempt::Unproven(Refusal::NoRequireTls)) => other,
        (Attempt::Unproven(Refusal::NotProven), Attempt::Unproven(_)) => {
            Attempt::Unproven(Refusal::NotProven)
        }
        (Attempt::Unproven(refusal), Attempt::Away(_) | Attempt::NotNow(_)) => {
            Attempt::Unproven(refusal)
        }
        (_, later) => later,
    }
}

/// The same without TLS, which has just failed.
fn in_clear<'a>(opening: &Opening<'a>, why: &'a InClear) -> Opening<'a> {
    tracing::info!(server = %opening.place, %why, "TLS failed, going on in clear");
    metrics::counter!("sluss_tls_out_failed_total").increment(1);
    Opening { encrypt: Encrypt::Never, fallen: Some(why), ..*opening }
}

/// Why there is no connection to a mail host.
fn not_through(failed: Failed) -> Reached {
    match refusal_of(&failed) {
        Some(refusal) => Reached::NotThis(Attempt::Unproven(refusal)),
        None => away(failed.to_string()),
    }
}

/// What of it is about the channel.
fn refusal_of(failed: &Failed) -> Option<Refusal> {
    match failed {
        Failed::NoTls(_) => Some(Refusal::NotOffered),
        Failed::TlsRefused(said) => Some(Refusal::Refused(said.clone())),
        Failed::Handshake(why) => Some(Refusal::Broken(why.clone())),
        Failed::Unproven { refusal, .. } => Some(refusal.clone()),
        Failed::Network { .. } | Failed::Unwilling { .. } | Failed::Login { .. } => None,
    }
}

/// Those addresses of a host that we may use, in the order they are tried.
fn usable(step: Step<'_>, name: &Domain, found: &[IpAddr]) -> Result<Vec<IpAddr>, String> {
    let usable = step.manners.of(step.route, step.hop).in_order(found);
    match usable.is_empty() && !found.is_empty() {
        true => Err(format!("{name} has no address of the family that we may use")),
        false => Ok(usable),
    }
}

/// DNS itself says no: that is as final as a 5xx.
fn refused(job: Job<'_>, enhanced: &str, why: String) -> Reached {
    let said = Said { code: 550, enhanced: Some(enhanced.to_string()), line: why };
    Reached::End(nowhere(Attempt::Finished(vec![
        Outcome::Refused(said);
        job.envelope.recipients.len()
    ])))
}

impl Courier for SmtpCourier {
    fn troubles(&self) -> Vec<String> {
        let lacks = self.manners.load().dane && self.ability.is_lacking();
        lacks.then(|| bond::NO_SIGNATURES.to_string()).into_iter().collect()
    }

    fn probe<'a>(&'a self, route: &'a Route, address: &'a Address) -> Waiting<'a, Probe> {
        Box::pin(self.ask(route, address))
    }

    fn deliver<'a>(&'a self, job: Job<'a>) -> Waiting<'a, Delivery> {
        Box::pin(self.carry(job))
    }

    fn greet<'a>(&'a self, route: &'a Route) -> Waiting<'a, Result<Features, String>> {
        Box::pin(self.learn_of(route))
    }

    fn post<'a>(&'a self, posting: Posting<'a>) -> Waiting<'a, Result<(), String>> {
        Box::pin(self.hand_over(posting))
    }

    fn features(&self, route: &Route) -> Option<Features> {
        // A folder takes anything, and so do we; that need not be learned.
        let takes_all = |hop: &NextHop| matches!(hop, NextHop::Maildir(_) | NextHop::Internal);
        if route.hops.iter().all(takes_all) {
            return Some(Features { smtputf8: true, size_max: None, requiretls: true });
        }
        let known = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        let (features, learned) = known.get(route).copied()?;
        match self.clock.tick().since(learned) {
            age if age > limits::FEATURES_LIFETIME => None,
            // A size limit that somebody has raised since must not refuse mail for long.
            age if age > limits::HOP_SIZE_LIFETIME => Some(Features { size_max: None, ..features }),
            _ => Some(features),
        }
    }
}
