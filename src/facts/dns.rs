//! DNS questions, each with one deadline, all of one mail with one together, and failures as values.
//!
//! Name servers that answer nobody are left alone for a while, so that they do not cost each mail its whole patience: questions are unknown
//! at once then, but for what is remembered. That a question stays unanswered says nothing of the servers (its domain's may be dead, or be an
//! attacker's): they are asked for the root, and only that silence counts.

use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    facts::{
        auth::{Answer, Names, NoAnswer},
        breaker::{Breaker, Leave, Patience},
    },
    mail::Domain,
};
use hickory_resolver::{
    ResolverBuilder, TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, RecordType},
};
use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Asks name servers.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
    health: Arc<Health>,
    clock: Clock,
    /// When all questions of a mail end.
    until: Option<Tick>,
}

/// How the name servers do.
struct Health {
    breaker: Breaker,
    /// Remembers nothing, so that an answer is one of now.
    prober: TokioResolver,
    probing: AtomicBool,
}

/// A question that was not answered.
pub(super) enum Unanswered {
    /// Somebody said that there is no answer.
    Error(NetError),
    /// Nobody said anything.
    Silence(String),
}

impl Unanswered {
    fn why(&self) -> String {
        match self {
            Unanswered::Error(error) => error.to_string(),
            Unanswered::Silence(why) => why.clone(),
        }
    }
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dns")
    }
}

/// Where a domain wants its mail, RFC 5321 section 5.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailHosts {
    /// These, best first, equals in random order. Without MX records the domain itself stands here (the implicit MX).
    Hosts(Vec<(u16, Domain)>),
    /// Null MX, RFC 7505 section 3: it takes no mail.
    TakesNone,
    /// It has MX records and none can be used; why. The implicit MX is then no way out (RFC 5321 section 5.1).
    Unusable(String),
    /// There is no such domain.
    NoSuchDomain,
    /// Nobody answered; the reason.
    Unknown(String),
}

/// Addresses of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// These, in the resolver's order; empty: the name exists without addresses, or not at all.
    Found(Vec<IpAddr>),
    /// Nobody answered; the reason.
    Unknown(String),
}

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
#[error("no name servers: {0}")]
pub struct NoResolver(pub(super) String);

impl Dns {
    /// With these servers, or the system's when there are none.
    pub fn new(servers: &[SocketAddr], clock: Clock) -> Result<Dns, NoResolver> {
        let failed = |error: NetError| NoResolver(error.to_string());
        let mut builder = builder(servers);
        let options = builder.options_mut();
        options.cache_size = limits::DNS_CACHE_ENTRIES_MAX;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = limits::DNS_TIMEOUT / 4;
        let resolver = builder.build().map_err(failed)?;
        let mut builder = self::builder(servers);
        let options = builder.options_mut();
        (options.cache_size, options.attempts) = (0, 1);
        options.timeout = limits::DNS_PROBE_TIME_MAX;
        let prober = builder.build().map_err(failed)?;
        let breaker = Breaker::new(Patience {
            failures_max: limits::DNS_FAILURES_MAX,
            rest_min: limits::DNS_REST_MIN,
            rest_max: limits::DNS_REST_MAX,
        });
        let health = Arc::new(Health { breaker, prober, probing: AtomicBool::new(false) });
        Ok(Dns { resolver, health, clock, until: None })
    }

    /// The same for the questions of one mail, which all end when [`limits::MAIL_QUESTIONS_TIME_MAX`] is over.
    pub fn for_one_mail(&self) -> Dns {
        let until = self.clock.tick().plus(limits::MAIL_QUESTIONS_TIME_MAX);
        Dns { until: Some(until), ..self.clone() }
    }

    /// Do the name servers answer nobody?
    pub fn rests(&self) -> bool {
        self.health.breaker.is_open()
    }

    /// One question, as long as there is time and the name servers are there.
    pub(super) async fn ask<T>(
        &self,
        asking: impl Future<Output = Result<T, NetError>>,
    ) -> Result<T, Unanswered> {
        let now = self.clock.tick();
        let left = self.until.map_or(limits::DNS_TIMEOUT, |until| until.since(now));
        let patience = match self.health.breaker.leave(now) {
            Ok(Leave::Ordinary) => left.min(limits::DNS_TIMEOUT),
            Ok(Leave::Trial) => {
                self.probe(Leave::Trial);
                limits::DNS_RESTING_TIME_MAX.min(left)
            }
            Err(_) => limits::DNS_RESTING_TIME_MAX.min(left),
        };
        if patience.is_zero() {
            return Err(Unanswered::Silence("the name servers were too slow".to_string()));
        }
        match tokio::time::timeout(patience, asking).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if !is_silence(&error) => Err(Unanswered::Error(error)),
            Ok(Err(error)) => {
                self.probe(Leave::Ordinary);
                Err(Unanswered::Error(error))
            }
            Err(_) if self.rests() => {
                Err(Unanswered::Silence("the name servers answer nobody just now".to_string()))
            }
            Err(_) => {
                self.probe(Leave::Ordinary);
                Err(Unanswered::Silence(format!("no answer in {} s", patience.as_secs())))
            }
        }
    }

    /// Asks the name servers whether they are there, beside everything else, and one at a time.
    fn probe(&self, leave: Leave) {
        let is_ordinary = leave == Leave::Ordinary;
        // While they rest, the trial alone asks; it is not kept from it by one that was under way when they fell silent.
        if (is_ordinary && self.rests()) || self.health.probing.swap(true, Ordering::Relaxed) {
            return;
        }
        let (health, clock) = (self.health.clone(), self.clock.clone());
        tokio::spawn(async move {
            health.look(leave, &clock).await;
            health.probing.store(false, Ordering::Relaxed);
        });
    }

    /// The mail hosts of a domain.
    pub async fn mail_hosts(&self, domain: &Domain) -> MailHosts {
        let lookup = match self.ask(self.resolver.mx_lookup(absolute(domain))).await {
            Err(Unanswered::Silence(why)) => return MailHosts::Unknown(why),
            Err(Unanswered::Error(error)) => return without_records(domain, &error),
            Ok(lookup) => lookup,
        };
        let records = lookup.answers().iter().filter_map(|record| {
            let RData::MX(mx) = &record.data else { return None };
            Some((mx.preference, mx.exchange.to_ascii()))
        });
        from_records(domain, records, random)
    }

    /// The addresses of a host.
    pub async fn addresses(&self, host: &Domain) -> Addresses {
        match self.ask(self.resolver.lookup_ip(absolute(host))).await {
            Err(Unanswered::Error(error)) if error.is_no_records_found() => {
                Addresses::Found(Vec::new())
            }
            Err(unanswered) => Addresses::Unknown(unanswered.why()),
            Ok(found) => Addresses::Found(found.iter().take(limits::HOST_ADDRESSES_MAX).collect()),
        }
    }
}

impl Dns {
    /// The records of one kind; what can be no name has none.
    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Answer<T> {
        let Ok(mut name) = Name::from_ascii(name) else { return Ok(Vec::new()) };
        // With its final dot, so that no search list is tried.
        name.set_fqdn(true);
        match self.ask(self.resolver.lookup(name, kind)).await {
            Err(Unanswered::Error(error))
                if error.is_nx_domain() || error.is_no_records_found() =>
            {
                Ok(Vec::new())
            }
            Err(unanswered) => Err(NoAnswer(unanswered.why())),
            Ok(found) => {
                let records = found.answers().iter().filter_map(|record| read(&record.data));
                Ok(records.take(limits::DNS_RECORDS_MAX).collect())
            }
        }
    }
}

/// A resolver of these servers, or of the system's when there are none.
pub(super) fn builder(servers: &[SocketAddr]) -> ResolverBuilder<TokioRuntimeProvider> {
    match servers {
        [] => match TokioResolver::builder_tokio() {
            Ok(builder) => builder,
            // A machine without /etc/resolv.conf still has next hops by address.
            Err(error) => {
                tracing::warn!(%error, "the system's name servers are not known; names cannot be looked up");
                TokioResolver::builder_with_config(
                    ResolverConfig::from_parts(None, vec![], vec![]),
                    TokioRuntimeProvider::default(),
                )
            }
        },
        some => {
            let servers = some.iter().map(|server| {
                let mut config = NameServerConfig::new(
                    server.ip(),
                    true,
                    vec![ConnectionConfig::udp(), ConnectionConfig::tcp()],
                );
                for connection in &mut config.connections {
                    connection.port = server.port();
                }
                config
            });
            let config = ResolverConfig::from_parts(None, vec![], servers.collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    }
}

impl Health {
    /// Asks for the root until there is an answer, or there were too many questions without one.
    async fn look(&self, leave: Leave, clock: &Clock) {
        for _ in 0..limits::DNS_FAILURES_MAX {
            if self.answers().await {
                if self.breaker.answered() {
                    tracing::warn!("the name servers answer again");
                }
                return;
            }
            if self.breaker.failed(leave, clock.tick()) {
                tracing::error!(
                    "the name servers answer nobody: what is asked of them is unknown until they do"
                );
            }
            if leave == Leave::Trial {
                return;
            }
        }
    }

    /// Whatever they say, they are there.
    async fn answers(&self) -> bool {
        let asking = self.prober.lookup(Name::root(), RecordType::NS);
        match tokio::time::timeout(limits::DNS_PROBE_TIME_MAX, asking).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => !is_silence(&error),
            Err(_) => false,
        }
    }
}

/// Nobody said anything, as against: somebody said no, or nonsense.
fn is_silence(error: &NetError) -> bool {
    matches!(error, NetError::Timeout | NetError::NoConnections | NetError::Io(_))
}

impl Names for Dns {
    async fn txt(&self, name: &str) -> Answer<Vec<u8>> {
        let read = |data: &RData| {
            let RData::TXT(text) = data else { return None };
            Some(text.txt_data.concat())
        };
        self.records(name, RecordType::TXT, read).await
    }

    async fn a(&self, name: &str) -> Answer<Ipv4Addr> {
        let read = |data: &RData| {
            let RData::A(address) = data else { return None };
            Some(address.0)
        };
        self.records(name, RecordType::A, read).await
    }

    async fn aaaa(&self, name: &str) -> Answer<Ipv6Addr> {
        let read = |data: &RData| {
            let RData::AAAA(address) = data else { return None };
            Some(address.0)
        };
        self.records(name, RecordType::AAAA, read).await
    }

    async fn mx(&self, name: &str) -> Answer<String> {
        let read = |data: &RData| {
            let RData::MX(host) = data else { return None };
            Some((host.preference, host.exchange.to_ascii()))
        };
        let mut hosts = self.records(name, RecordType::MX, read).await?;
        hosts.sort();
        Ok(hosts.into_iter().map(|(_, host)| host.trim_end_matches('.').to_string()).collect())
    }

    async fn ptr(&self, address: IpAddr) -> Answer<String> {
        let read = |data: &RData| {
            let RData::PTR(name) = data else { return None };
            Some(name.0.to_ascii().trim_end_matches('.').to_string())
        };
        self.records(&Name::from(address).to_ascii(), RecordType::PTR, read).await
    }
}

/// RFC 5321 section 5.1: hosts of equal preference in random order, so that all of them share the work.
pub(super) fn from_records(
    domain: &Domain,
    records: impl Iterator<Item = (u16, String)>,
    mut random: impl FnMut() -> u32,
) -> MailHosts {
    let mut hosts = Vec::new();
    let mut unusable = None;
    for (preference, exchange) in records {
        if exchange == "." {
            return MailHosts::TakesNone;
        }
        match Domain::parse(&exchange) {
            Ok(host) => hosts.push((preference, random(), host)),
            Err(why) => unusable = Some(format!("the MX of {domain} is no host name: {why}")),
        }
    }
    match (hosts.is_empty(), unusable) {
        (true, Some(why)) => MailHosts::Unusable(why),
        (true, None) => implicit(domain),
        (false, _) => {
            hosts.sort_by_key(|(preference, order, _)| (*preference, *order));
            hosts.truncate(limits::MX_HOSTS_MAX);
            let ordered = hosts.into_iter().map(|(preference, _, host)| (preference, host));
            MailHosts::Hosts(ordered.collect())
        }
    }
}

/// Without randomness the order stays as the name server gave it.
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}

fn without_records(domain: &Domain, error: &NetError) -> MailHosts {
    match (error.is_nx_domain(), error.is_no_records_found()) {
        (true, _) => MailHosts::NoSuchDomain,
        (false, true) => implicit(domain),
        (false, false) => MailHosts::Unknown(error.to_string()),
    }
}

pub(super) fn implicit(domain: &Domain) -> MailHosts {
    MailHosts::Hosts(vec![(0, domain.clone())])
}

/// With its final dot, so that no search list is tried. `localhost` stays as it is for the hosts file.
fn absolute(domain: &Domain) -> String {
    format!("{domain}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_hosts_of_a_domain() {
        let domain = Domain::parse("far.example").unwrap();
        let hosts = |list: &[(u16, &str)]| {
            let named =
                list.iter().map(|(preference, host)| (*preference, Domain::parse(host).unwrap()));
            MailHosts::Hosts(named.collect())
        };
        let words =
            "the MX of far.example is no host name: \"192.0.2.1\" is an address, not a domain name";
        for (records, want) in [
            (&[][..], hosts(&[(0, "far.example")])),
            (&[(0, ".")], MailHosts::TakesNone),
            (
                &[(20, "b.example."), (10, "A.example.")],
                hosts(&[(10, "a.example"), (20, "b.example")]),
            ),
            // An address is no host name; the others stay, and the domain itself is not tried in its stead.
            (&[(10, "192.0.2.1."), (20, "b.example.")], hosts(&[(20, "b.example")])),
            (&[(10, "192.0.2.1.")], MailHosts::Unusable(words.to_string())),
        ] {
            let given = records.iter().map(|(preference, name)| (*preference, name.to_string()));
            assert_eq!(from_records(&domain, given, || 0), want, "{records:?}");
        }
    }

    #[test]
    fn equal_hosts_share_the_work() {
        let domain = Domain::parse("far.example").unwrap();
        for (dice, want) in [
            ([1, 2, 3], ["a.example", "b.example", "c.example"]),
            ([2, 1, 9], ["b.example", "a.example", "c.example"]),
            // A worse preference is never better, whatever falls.
            ([2, 9, 1], ["a.example", "b.example", "c.example"]),
        ] {
            let records = [(10, "a.example"), (10, "b.example"), (20, "c.example")];
            let mut dice = dice.into_iter();
            let given =
                records.into_iter().map(|(preference, name)| (preference, name.to_string()));
            let MailHosts::Hosts(hosts) = from_records(&domain, given, || dice.next().unwrap())
            else {
                panic!("no hosts");
            };
            let names: Vec<&str> = hosts.iter().map(|(_, host)| host.as_str()).collect();
            assert_eq!(names, want);
        }
    }
}
