//! DNS questions, each with one deadline and failures as values.

use crate::{base::limits, mail::Domain};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};
use std::net::{IpAddr, SocketAddr};

/// Asks name servers.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dns")
    }
}

/// Where a domain wants its mail, RFC 5321 section 5.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailHosts {
    /// These, best first. Without MX records the domain itself stands here (the implicit MX).
    Hosts(Vec<(u16, Domain)>),
    /// Null MX, RFC 7505 section 3: it takes no mail.
    TakesNone,
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
pub struct NoResolver(String);

impl Dns {
    /// With these servers, or the system's when there are none.
    pub fn new(servers: &[SocketAddr]) -> Result<Dns, NoResolver> {
        let builder = match servers {
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
        };
        let mut builder = builder;
        let options = builder.options_mut();
        options.cache_size = limits::DNS_CACHE_ENTRIES_MAX;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = limits::DNS_TIMEOUT / 4;
        let resolver = builder.build().map_err(|error| NoResolver(error.to_string()))?;
        Ok(Dns { resolver })
    }

    /// The mail hosts of a domain.
    pub async fn mail_hosts(&self, domain: &Domain) -> MailHosts {
        let asked =
            tokio::time::timeout(limits::DNS_TIMEOUT, self.resolver.mx_lookup(absolute(domain)))
                .await;
        let lookup = match asked {
            Err(_) => {
                return MailHosts::Unknown(format!(
                    "no answer in {} s",
                    limits::DNS_TIMEOUT.as_secs()
                ));
            }
            Ok(Err(error)) => return without_records(domain, &error),
            Ok(Ok(lookup)) => lookup,
        };
        let mut hosts = Vec::new();
        for record in lookup.answers() {
            let RData::MX(mx) = &record.data else { continue };
            let name = mx.exchange.to_ascii();
            if name == "." {
                return MailHosts::TakesNone;
            }
            if let Ok(host) = Domain::parse(&name) {
                hosts.push((mx.preference, host));
            }
        }
        hosts.sort_by_key(|(preference, _)| *preference);
        hosts.truncate(limits::MX_HOSTS_MAX);
        match hosts.is_empty() {
            true => implicit(domain),
            false => MailHosts::Hosts(hosts),
        }
    }

    /// The addresses of a host.
    pub async fn addresses(&self, host: &Domain) -> Addresses {
        let asked =
            tokio::time::timeout(limits::DNS_TIMEOUT, self.resolver.lookup_ip(absolute(host)))
                .await;
        match asked {
            Err(_) => {
                Addresses::Unknown(format!("no answer in {} s", limits::DNS_TIMEOUT.as_secs()))
            }
            Ok(Err(error)) if error.is_no_records_found() => Addresses::Found(Vec::new()),
            Ok(Err(error)) => Addresses::Unknown(error.to_string()),
            Ok(Ok(found)) => {
                Addresses::Found(found.iter().take(limits::HOST_ADDRESSES_MAX).collect())
            }
        }
    }
}

fn without_records(domain: &Domain, error: &NetError) -> MailHosts {
    match (error.is_nx_domain(), error.is_no_records_found()) {
        (true, _) => MailHosts::NoSuchDomain,
        (false, true) => implicit(domain),
        (false, false) => MailHosts::Unknown(error.to_string()),
    }
}

fn implicit(domain: &Domain) -> MailHosts {
    MailHosts::Hosts(vec![(0, domain.clone())])
}

/// With its final dot, so that no search list is tried. `localhost` stays as it is for the hosts file.
fn absolute(domain: &Domain) -> String {
    format!("{domain}.")
}
