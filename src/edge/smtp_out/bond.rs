//! What holds for the channel to one mail host, found anew for every try: DNS, its signatures and the configuration change while mail waits.
//!
//! A connection that waits in the pool was opened under what held then. It carries another mail only if the same holds now.

use super::{
    SmtpCourier,
    connection::{Connection, Place},
    manners::{Manners, StsManner},
};
use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    config::{Authorities, NextHop, PartnerEntry, PartnerTls},
    facts::{
        dns::{Addresses, MailHosts},
        dnssec::{Proven, ProvingDns},
    },
    mail::{Domain, Organisation},
    pipeline::courier::{Route, Tls},
    store::StoreError,
    wire::tls::{
        Asks, Dnssec, Policy, Refusal, dane,
        judge::{Asked, Located, Names, policy_of},
        mta_sts::{Mode, StsPolicy},
    },
};
use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};
use tokio::sync::Mutex;

/// What holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bond {
    /// What is asked of the channel.
    pub(super) policy: Policy,
    /// The names that the server may show; the first is asked for in the handshake.
    pub(super) names: Names,
    /// What DNSSEC says of the way there.
    pub(super) dnssec: Dnssec,
    /// Who may vouch for its certificate.
    pub(super) authorities: Authorities,
}

/// A route, whose mail goes over it (what is agreed with partners is each organisation's own), and what the mail itself asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) route: &'a Route,
    pub(super) whose: &'a Organisation,
    pub(super) asks: Asks,
}

/// Whether the name servers hand signatures on at all. Where they never did, all would look forged, and a network of which nobody ever asked
/// that would send no mail any more. Where they once did, what is unsigned since is to be mistrusted.
#[derive(Debug, Default)]
pub(super) struct Ability {
    /// They did since the start.
    seen: AtomicBool,
    /// When they were last asked in vain.
    missed: Mutex<Option<Tick>>,
    /// The last answer was that they do not.
    lacking: AtomicBool,
}

/// What somebody should know while name servers hand no signatures on.
pub(super) const NO_SIGNATURES: &str = "the name servers hand no DNSSEC signatures on, so that DANE protects no mail: name others in [dns] servers, or write dane = \"off\" in [outbound]";

impl Ability {
    /// Do the name servers keep mail from being protected?
    pub(super) fn is_lacking(&self) -> bool {
        self.lacking.load(Ordering::Relaxed)
    }

    async fn is_there(&self, proving: &ProvingDns, clock: &Clock) -> bool {
        if self.seen.load(Ordering::Relaxed) {
            return true;
        }
        let mut missed = self.missed.lock().await;
        let now = clock.tick();
        if missed.is_some_and(|at| now.since(at) < limits::DNSSEC_ASK_AGAIN) {
            return false;
        }
        match proving.hands_signatures_on().await {
            Some(true) => {
                self.seen.store(true, Ordering::Relaxed);
                self.lacking.store(false, Ordering::Relaxed);
                metrics::gauge!("sluss_dnssec_usable").set(1.0);
                true
            }
            Some(false) => {
                self.lacking.store(true, Ordering::Relaxed);
                tracing::error!("{NO_SIGNATURES}");
                metrics::gauge!("sluss_dnssec_usable").set(0.0);
                *missed = Some(now);
                false
            }
            // Whoever answers nothing gives no mail host away either.
            None => true,
        }
    }
}

/// The mail hosts of a domain, and whether the list of them is proven.
pub(super) struct Listed {
    pub(super) hosts: MailHosts,
    pub(super) dnssec: Dnssec,
    /// The domain's MTA-STS policy.
    pub(super) sts: Option<StsPolicy>,
}

impl Bond {
    /// For a hop that the configuration names: no DNS has a say in it.
    pub(super) fn of_route(route: &Route, place: &Place) -> Bond {
        let host = match place {
            Place::Net { name, .. } => Domain::parse(name).ok(),
            Place::Socket(_) => None,
        };
        Bond {
            policy: configured(route),
            names: Names { host, also: Vec::new() },
            dnssec: Dnssec::NotAsked,
            authorities: Authorities::System,
        }
    }
}

pub(super) fn configured(route: &Route) -> Policy {
    match route.tls {
        Tls::Off | Tls::Opportunistic => Policy::Opportunistic,
        Tls::Required => Policy::Encrypted,
    }
}

impl SmtpCourier {
    /// Who proves what DNS says of this route; nobody where DANE is switched off, or TLS altogether, or by the mail's sender, or where nothing
    /// can be proven.
    async fn proving(&self, manners: &Manners, way: Way<'_>) -> Option<&ProvingDns> {
        let is_wanted = manners.dane && way.route.tls != Tls::Off && !way.asks.relaxed;
        (is_wanted && self.ability.is_there(&self.proving, &self.clock).await)
            .then_some(&self.proving)
    }

    /// The mail hosts of a domain, and what it says of them itself. The refusal says that an answer is forged, or might be.
    pub(super) async fn listed(
        &self,
        manners: &Manners,
        way: Way<'_>,
        domain: &Domain,
        until: Option<Tick>,
    ) -> Result<Listed, Refusal> {
        let (listed, sts) = tokio::join!(
            self.looked_up(manners, way, domain),
            self.sts_policy(manners, way, domain, until)
        );
        let listed = listed?;
        Ok(match sts {
            Ok(sts) => Listed { sts, ..listed },
            // Nobody knows what holds; the disk it is on has the mail, too.
            Err(error) => Listed { hosts: MailHosts::Unknown(error.to_string()), ..listed },
        })
    }

    async fn sts_policy(
        &self,
        manners: &Manners,
        way: Way<'_>,
        domain: &Domain,
        until: Option<Tick>,
    ) -> Result<Option<StsPolicy>, StoreError> {
        match (&manners.sts, way.route.tls) {
            (StsManner::Off, _) | (_, Tls::Off) => Ok(None),
            _ if way.asks.relaxed => Ok(None),
            (StsManner::On(fetcher), Tls::Opportunistic | Tls::Required) => {
                self.sts.of(fetcher.as_ref(), domain, until).await
            }
        }
    }

    async fn looked_up(
        &self,
        manners: &Manners,
        way: Way<'_>,
        domain: &Domain,
    ) -> Result<Listed, Refusal> {
        let Some(proving) = self.proving(manners, way).await else {
            let hosts = self.dns.mail_hosts(domain).await;
            return Ok(Listed { hosts, dnssec: Dnssec::NotAsked, sts: None });
        };
        let (hosts, dnssec) = proving.mail_hosts(domain).await;
        let why = match &hosts {
            MailHosts::Unknown(why) => why.clone(),
            MailHosts::Hosts(_)
            | MailHosts::TakesNone
            | MailHosts::Unusable(_)
            | MailHosts::NoSuchDomain => String::new(),
        };
        match dnssec {
            Dnssec::Bogus => Err(Refusal::Bogus(format!("MX of {domain}: {why}"))),
            // Nobody answers at all, or not this question: as it was before anybody asked for proofs, the destination is away.
            Dnssec::NoAnswer | Dnssec::Secure | Dnssec::Insecure | Dnssec::NotAsked => {
                Ok(Listed { hosts, dnssec, sts: None })
            }
        }
    }

    /// The addresses of a mail host, and what holds for the channel to it.
    pub(super) async fn bond(
        &self,
        manners: &Manners,
        way: Way<'_>,
        host: &Domain,
        listed: &Listed,
    ) -> Result<(Addresses, Bond), Refusal> {
        let mx = listed.dnssec;
        let of = Of { way, partner: manners.partner(way), host, mx, sts: &listed.sts };
        let proving = match (self.proving(manners, way).await, mx) {
            (Some(proving), Dnssec::Secure) => proving,
            (None, _)
            | (Some(_), Dnssec::NotAsked | Dnssec::Insecure | Dnssec::Bogus | Dnssec::NoAnswer) => {
                let located = match mx {
                    Dnssec::Insecure => Located::Insecure,
                    Dnssec::NotAsked | Dnssec::Secure | Dnssec::Bogus | Dnssec::NoAnswer => {
                        Located::NotAsked
                    }
                };
                let found = self.dns.addresses(host).await;
                return Ok((found, of.bond(host.clone(), located, mx)?));
            }
        };
        let at = proving.host(host).await;
        let found: Vec<IpAddr> =
            at.addresses.into_iter().take(limits::HOST_ADDRESSES_MAX).collect();
        let (base, located, dnssec) = match at.dnssec {
            Dnssec::Bogus => {
                return Err(Refusal::Bogus(format!("addresses of {host}: {}", at.why)));
            }
            Dnssec::NoAnswer => {
                return Err(Refusal::NoAnswer(format!("addresses of {host}: {}", at.why)));
            }
            Dnssec::Secure | Dnssec::Insecure | Dnssec::NotAsked => {
                self.tlsa(proving, host, at.bases).await
            }
        };
        Ok((Addresses::Found(found), of.bond(base, located, dnssec)?))
    }

    /// RFC 7672 section 2.2.3: of a host that is an alias, the name it stands for is asked first, and its own if that has no records.
    async fn tlsa(
        &self,
        proving: &ProvingDns,
        host: &Domain,
        bases: Vec<Domain>,
    ) -> (Domain, Located, Dnssec) {
        if bases.is_empty() {
            return (host.clone(), Located::Insecure, Dnssec::Insecure);
        }
        for base in bases {
            match proving.tlsa(&base).await {
                Proven::Secure(records) if records.is_empty() => (),
                Proven::Secure(records) => {
                    return (base, Located::Secure(records), Dnssec::Secure);
                }
                Proven::Insecure(_) => (),
                Proven::Bogus(why) => {
                    let what = format!("TLSA of {base}: {why}");
                    return (base, Located::Bogus(what), Dnssec::Bogus);
                }
                Proven::Unknown(why) => {
                    let what = format!("TLSA of {base}: {why}");
                    return (base, Located::NoAnswer(what), Dnssec::NoAnswer);
                }
            }
        }
        (host.clone(), Located::Secure(Vec::new()), Dnssec::Secure)
    }

    /// May a mail of this route go over this connection as things stand now?
    pub(super) async fn still_holds(
        &self,
        manners: &Manners,
        way: Way<'_>,
        connection: &Connection,
        until: Option<Tick>,
    ) -> bool {
        let route = way.route;
        let is_mx = route.hops.contains(&NextHop::Mx);
        let (true, Some(domain), Some(reached)) = (is_mx, &route.domain, &connection.mail_host)
        else {
            let now = configured(route).demand();
            return connection.channel.meets(now);
        };
        let Ok(listed) = self.listed(manners, way, domain, until).await else { return false };
        let MailHosts::Hosts(hosts) = &listed.hosts else { return false };
        if !hosts.iter().any(|(_, host)| host == reached) {
            return false;
        }
        match self.bond(manners, way, reached, &listed).await {
            Ok((_, now)) => {
                now.policy == connection.bond.policy
                    && now.authorities == connection.bond.authorities
                    && connection.channel.meets(now.policy.demand())
            }
            Err(_) => false,
        }
    }
}

/// A mail host of a way.
struct Of<'a> {
    way: Way<'a>,
    /// What is agreed with whoever has the domain.
    partner: Option<&'a PartnerEntry>,
    host: &'a Domain,
    /// What DNSSEC says of the MX that led to it.
    mx: Dnssec,
    /// The domain's MTA-STS policy.
    sts: &'a Option<StsPolicy>,
}

impl Of<'_> {
    fn bond(&self, base: Domain, located: Located, dnssec: Dnssec) -> Result<Bond, Refusal> {
        let route = self.way.route;
        let domain = route.domain.as_ref();
        let partner = self.partner.zip(domain);
        let has_dane = match &located {
            Located::Secure(records) => !dane::usable(records).is_empty(),
            Located::NotAsked | Located::Insecure | Located::Bogus(_) | Located::NoAnswer(_) => {
                false
            }
        };
        let policy = policy_of(Asked {
            encrypted: configured(route) == Policy::Encrypted
                || self.partner.is_some_and(|one| one.tls == PartnerTls::Encrypted),
            partner: partner.filter(|(entry, _)| !(has_dane && entry.takes_dane())).and_then(
                |(entry, domain)| entry.terms(domain, self.host, self.mx == Dnssec::Secure),
            ),
            located,
            sts: self.sts.clone(),
        })?;
        // RFC 8461 section 4.1: who is not named is not spoken to.
        if let Policy::Sts(sts) = &policy
            && sts.mode == Mode::Enforce
            && !sts.names(self.host)
        {
            return Err(Refusal::HostNotNamed(self.host.clone()));
        }
        let (also, authorities) = match &policy {
            Policy::Dane(_) => (domain, Authorities::System),
            Policy::Partner(_) => {
                let named = self.partner.map(|one| one.authorities.clone());
                (domain, named.unwrap_or_default())
            }
            Policy::Opportunistic | Policy::Encrypted | Policy::Sts(_) => {
                (None, Authorities::System)
            }
        };
        // Only DANE speaks of the name behind an alias; a partner and an MTA-STS policy speak of the one in the MX.
        let host = match &policy {
            Policy::Partner(_) | Policy::Sts(_) | Policy::Opportunistic | Policy::Encrypted => {
                self.host.clone()
            }
            Policy::Dane(_) => base,
        };
        let names = Names { host: Some(host), also: also.cloned().into_iter().collect() };
        Ok(Bond { policy, names, dnssec, authorities })
    }
}
