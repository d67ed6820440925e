//! Sending: carries one mail to the first next hop of a route that takes it, over pooled connections.
//!
//! What a server says is handed on as it is; what it means for the mail is `pipeline`'s business.

mod connection;
mod maildir;

use crate::{
    base::clock::{Clock, Tick},
    base::limits,
    config::{Host, NextHop},
    edge::tls::{self, TlsError},
    facts::dns::{Addresses, Dns, MailHosts},
    mail::{Address, Domain},
    pipeline::courier::{
        Attempt, Courier, Delivery, Features, Job, Outcome, Probe, Route, Said, Tls, Waiting,
    },
};
use connection::{Connection, Failed, Place};
use rustls::ClientConfig;
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

/// Carries mail over SMTP, or into a Maildir.
pub struct SmtpCourier {
    hostname: Domain,
    dns: Dns,
    tls: Arc<ClientConfig>,
    idle: Mutex<HashMap<Route, Vec<Connection>>>,
    features: Mutex<HashMap<Route, (Features, Tick)>>,
    clock: Clock,
}

impl std::fmt::Debug for SmtpCourier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpCourier").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

/// What a hop gave.
enum Reached {
    /// An end, good or bad.
    End(Delivery),
    /// Try the next one; why.
    NotThis(String),
}

impl SmtpCourier {
    /// A courier that calls itself `hostname`.
    pub fn new(hostname: Domain, dns: Dns, clock: Clock) -> Result<SmtpCourier, TlsError> {
        Ok(SmtpCourier {
            hostname,
            dns,
            tls: tls::opportunistic_client()?,
            idle: Mutex::default(),
            features: Mutex::default(),
            clock,
        })
    }

    /// Closes connections that have waited too long; called now and then.
    pub fn tidy(&self) {
        let now = self.clock.tick();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        for connections in idle.values_mut() {
            connections
                .retain(|connection| now.since(connection.idle_since) < limits::POOL_IDLE_TIME_MAX);
        }
        idle.retain(|_, connections| !connections.is_empty());
    }

    fn take_idle(&self, route: &Route) -> Option<Connection> {
        let now = self.clock.tick();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(route)?;
        loop {
            let connection = connections.pop()?;
            if now.since(connection.idle_since) < limits::POOL_IDLE_TIME_MAX {
                return Some(connection);
            }
        }
    }

    fn keep(&self, route: &Route, mut connection: Connection) {
        if connection.mails >= limits::MAILS_PER_CONNECTION_MAX || !connection.usable {
            return;
        }
        connection.idle_since = self.clock.tick();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.entry(route.clone()).or_default();
        if connections.len() < limits::POOL_IDLE_MAX {
            connections.push(connection);
        }
    }

    fn learn(&self, route: &Route, connection: &Connection) {
        let features =
            Features { smtputf8: connection.server.smtputf8, size_max: connection.server.size };
        let mut known = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < limits::CALLOUT_REMEMBERED_MAX || known.contains_key(route) {
            known.insert(route.clone(), (features, self.clock.tick()));
        }
    }

    async fn carry(&self, job: Job<'_>) -> Delivery {
        // A pooled connection may have died while it waited; then one fresh one is tried before anything is decided.
        // "Not now" over such a connection is most often a farewell to one that was idle for too long.
        if let Some(connection) = self.take_idle(job.route)
            && let Some(delivery) = self.over(connection, job).await
            && !matches!(delivery.attempt, Attempt::Away(_))
        {
            return delivery;
        }
        let mut last = "no next hop is configured".to_string();
        for hop in &job.route.hops {
            match self.to_hop(hop, job).await {
                Reached::End(delivery) => return delivery,
                Reached::NotThis(why) => last = why,
            }
        }
        nowhere(Attempt::Away(last))
    }

    async fn to_hop(&self, hop: &NextHop, job: Job<'_>) -> Reached {
        match hop {
            NextHop::Maildir(folder) => {
                Reached::End(maildir::deliver(folder, job, &self.clock).await)
            }
            NextHop::Smtp(host, port) => self.to_host(host, *port, job).await,
            NextHop::Mx => match &job.route.domain {
                Some(domain) => self.to_mail_hosts(domain, job).await,
                // A notice to a sender with an address literal. Strangers do not choose which address we connect to.
                None => {
                    refused(job, "5.1.2", "there is no domain to look up the MX of".to_string())
                }
            },
        }
    }

    /// RFC 5321 section 5.1: best first; hosts no better than ourselves would send it back to us.
    async fn to_mail_hosts(&self, domain: &Domain, job: Job<'_>) -> Reached {
        let hosts = match self.dns.mail_hosts(domain).await {
            MailHosts::Hosts(hosts) => hosts,
            MailHosts::TakesNone => {
                return refused(
                    job,
                    "5.1.10",
                    format!("{domain} says that it takes no mail (null MX)"),
                );
            }
            MailHosts::Unusable(why) => return refused(job, "5.4.4", why),
            MailHosts::NoSuchDomain => {
                return refused(job, "5.1.2", format!("there is no domain {domain}"));
            }
            MailHosts::Unknown(why) => return Reached::NotThis(format!("MX of {domain}: {why}")),
        };
        let own = hosts
            .iter()
            .find(|(_, host)| *host == self.hostname)
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
        let mut last = String::new();
        for host in better {
            match self.to_host(&Host::Name(host.clone()), 25, job).await {
                Reached::End(delivery) => return Reached::End(delivery),
                Reached::NotThis(why) => last = why,
            }
        }
        Reached::NotThis(last)
    }

    async fn to_host(&self, host: &Host, port: u16, job: Job<'_>) -> Reached {
        let mut last = format!("{}: no address", show(host));
        let addresses = match self.find(host).await {
            Ok(addresses) => addresses,
            Err(why) => return Reached::NotThis(why),
        };
        for address in addresses {
            match self.connect(host, SocketAddr::new(address, port), job.route, job.deadline).await
            {
                Ok(connection) => match self.over(connection, job).await {
                    Some(delivery) => match delivery.attempt {
                        // This server cannot take mail now; the next one may.
                        Attempt::Away(why) => last = why,
                        Attempt::Finished(_) | Attempt::Differ(_) | Attempt::Silent(_) => {
                            return Reached::End(delivery);
                        }
                    },
                    None => last = format!("{}: the connection broke", show(host)),
                },
                Err(failed) => last = failed.to_string(),
            }
        }
        Reached::NotThis(last)
    }

    async fn find(&self, host: &Host) -> Result<Vec<IpAddr>, String> {
        match host {
            Host::Address(address) => Ok(vec![*address]),
            Host::Name(name) => match self.dns.addresses(name).await {
                Addresses::Found(found) => Ok(found),
                Addresses::Unknown(why) => Err(format!("addresses of {name}: {why}")),
            },
        }
    }

    /// A connection with the greeting, EHLO and, where the route says so, TLS done.
    async fn connect(
        &self,
        host: &Host,
        at: SocketAddr,
        route: &Route,
        until: Option<Tick>,
    ) -> Result<Connection, Failed> {
        let place = Place { name: show(host), at };
        let connected =
            Connection::open(&place, &self.hostname, tls_for(route, &self.tls), &self.clock, until)
                .await;
        let connection = match connected {
            // Opportunistic: a server whose TLS is broken gets one connection in clear (RFC 7435 section 3).
            Err(Failed::Handshake(why)) if route.tls == Tls::Opportunistic => {
                tracing::info!(server = %place, why, "TLS failed, going on in clear");
                metrics::counter!("sluss_tls_out_failed_total").increment(1);
                Connection::open(
                    &place,
                    &self.hostname,
                    connection::Encrypt::Never,
                    &self.clock,
                    until,
                )
                .await?
            }
            other => other?,
        };
        self.learn(route, &connection);
        Ok(connection)
    }

    /// Carries the mail over this connection. None: the connection was dead before the mail was on it.
    async fn over(&self, mut connection: Connection, job: Job<'_>) -> Option<Delivery> {
        let carried = connection.carry(&job).await;
        let (server, tls) = (connection.place.to_string(), connection.tls.clone());
        let dsn_handed_on = connection.server.dsn;
        match carried {
            Ok(attempt) => {
                self.keep(job.route, connection);
                Some(Delivery { attempt, server, tls, dsn_handed_on })
            }
            Err(why) => {
                tracing::debug!(%server, %why, "a connection to a next hop broke");
                None
            }
        }
    }

    async fn ask(&self, route: &Route, address: &Address) -> Probe {
        if let Some(mut connection) = self.take_idle(route)
            && let Ok(answer) = connection.probe(address).await
            && !matches!(answer, Probe::Away(_))
        {
            self.keep(route, connection);
            return answer;
        }
        let until = Some(self.clock.tick().plus(limits::CALLOUT_TIMEOUT));
        let mut last = "no next hop is configured".to_string();
        for hop in &route.hops {
            let (host, port) = match hop {
                NextHop::Smtp(host, port) => (host, *port),
                // A folder takes everybody.
                NextHop::Maildir(_) => return Probe::Yes,
                // The hosts of the domain's MX are asked when mail goes; a gateway whose next hop is `mx` has no list behind it.
                NextHop::Mx => return Probe::Yes,
            };
            let addresses = match self.find(host).await {
                Ok(addresses) => addresses,
                Err(why) => {
                    last = why;
                    continue;
                }
            };
            for at in addresses {
                match self.connect(host, SocketAddr::new(at, port), route, until).await {
                    Ok(mut connection) => match connection.probe(address).await {
                        Ok(answer) => {
                            self.keep(route, connection);
                            return answer;
                        }
                        Err(why) => last = why.to_string(),
                    },
                    Err(why) => last = why.to_string(),
                }
            }
        }
        Probe::Away(last)
    }
}

fn tls_for<'a>(route: &Route, config: &'a Arc<ClientConfig>) -> connection::Encrypt<'a> {
    match route.tls {
        Tls::Off => connection::Encrypt::Never,
        Tls::Opportunistic => connection::Encrypt::WhenOffered(config),
        Tls::Required => connection::Encrypt::Always(config),
    }
}

fn show(host: &Host) -> String {
    match host {
        Host::Name(name) => name.to_string(),
        Host::Address(address) => address.to_string(),
    }
}

fn nowhere(attempt: Attempt) -> Delivery {
    Delivery { attempt, server: String::new(), tls: None, dsn_handed_on: false }
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
    fn probe<'a>(&'a self, route: &'a Route, address: &'a Address) -> Waiting<'a, Probe> {
        Box::pin(self.ask(route, address))
    }

    fn deliver<'a>(&'a self, job: Job<'a>) -> Waiting<'a, Delivery> {
        Box::pin(self.carry(job))
    }

    fn features(&self, route: &Route) -> Option<Features> {
        // A folder takes anything; that need not be learned.
        if route.hops.iter().all(|hop| matches!(hop, NextHop::Maildir(_))) {
            return Some(Features { smtputf8: true, size_max: None });
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
