//! `sluss doctor`: looks at what others see of us, and says of each fault how it is mended. Reads and asks only; nothing is changed.
//!
//! What belongs to transport is looked at: our certificate, where the MX leads, TLSA, MTA-STS and TLS-RPT, DNSSEC, and the records that speak
//! for mail of ours. The judgements are pure and stand in `judged`; here the questions are asked.

mod judged;

use super::{
    control::{self, Request, Response},
    fetch::{Fetcher, Reach, Wanted},
    own_tls::{OwnCertificate, domains},
    showing::Onlooker,
    tls,
};
use crate::{
    base::{clock::Clock, limits},
    config::{Config, Dane, ListenerTls},
    facts::{
        auth::Names as _,
        dns::{Addresses, Dns},
        dnssec::ProvingDns,
    },
    mail::{Direction, Domain},
    pipeline::signing,
    store::{dkim::DkimKeys, master},
    wire::{
        auth::sign::Signs as _,
        tls::{
            judge::Names,
            mta_sts::{StsPolicy, read_policy},
        },
    },
};
use serde::Serialize;
use serde_json::Value;
use std::{os::unix::fs::MetadataExt as _, path::Path};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Green,
    /// Nobody could tell.
    Unknown,
    /// It works, and could be better.
    Yellow,
    /// It is broken, or will be soon.
    Red,
}

impl State {
    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Green => "green",
            State::Unknown => "unknown",
            State::Yellow => "yellow",
            State::Red => "red",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at: "certificate", "mx", …
    pub(super) check: &'static str,
    /// Of which name.
    pub(super) about: String,
    /// How it is.
    pub(super) state: State,
    /// What was found.
    pub(super) says: String,
    /// How to mend it; empty where there is nothing to mend.
    pub(super) mend: String,
}

impl Finding {
    fn new(
        check: &'static str,
        about: impl ToString,
        state: State,
        says: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding { check, about: about.to_string(), state, says: says.into(), mend: mend.into() }
    }

    fn good(check: &'static str, about: impl ToString, says: impl Into<String>) -> Finding {
        Finding::new(check, about, State::Green, says, "")
    }

    fn unknown(check: &'static str, about: impl ToString, why: impl Into<String>) -> Finding {
        let mend = "see that the name servers in [dns] servers answer, and ask again";
        Finding::new(check, about, State::Unknown, why, mend)
    }
}

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Only at this domain of ours.
    pub(super) domain: Option<&'a Domain>,
    /// Nobody outside this machine is asked.
    pub(super) offline: bool,
}

/// Looks.
pub(super) async fn look(config: &Config, asked: Asked<'_>) -> Result<Vec<Finding>, String> {
    let clock = Clock::system();
    let (onlooker, client) = tls::vouching(&config.outbound.mta_sts_authorities)
        .map_err(|error| format!("[outbound] mta-sts-authorities: {error}"))?;
    let own = OwnCertificate::read(config).map_err(|error| error.to_string());
    let mut found = judged::certificate(config, &own, &onlooker, clock.now());
    found.extend(listeners(config));
    found.extend(master_key(config));
    found.extend(running(config).await);
    if asked.offline {
        return Ok(found);
    }
    let dns = Dns::new(&config.dns.servers, clock.clone()).map_err(|error| error.to_string())?;
    let anchors = config.dns.trust_anchors.as_deref();
    let proving = ProvingDns::configured(&config.dns.servers, anchors)?.beside(dns.clone());
    let reach = Reach {
        port: config.outbound.mta_sts_port.number(),
        inside: config.outbound.mta_sts_networks.iter().copied().collect(),
        family: config.outbound.address_family,
    };
    let doctor = Doctor {
        config,
        own: own.ok().flatten(),
        onlooker,
        fetcher: client.map(|client| Fetcher::new(&client, reach)),
        dns,
        proving,
        clock,
    };
    found.extend(doctor.of_the_host().await);
    let domains = domains(config, asked.domain);
    for domain in &domains {
        found.extend(doctor.of_a_domain(domain).await);
    }
    found.extend(doctor.of_keys(&domains).await);
    Ok(found)
}

/// RFC 3207 section 4: a server that is named in a public MX must not refuse mail without TLS.
fn listeners(config: &Config) -> Vec<Finding> {
    let inbound = config.listeners.iter().filter(|one| one.direction == Direction::Inbound);
    inbound
        .map(|listener| match listener.tls {
            ListenerTls::Required if !listener.bind.ip().to_canonical().is_loopback() => {
                Finding::new(
                    "listener",
                    &listener.name,
                    State::Yellow,
                    "tls = \"required\": senders without TLS cannot reach your domains at all",
                    "write tls = \"opportunistic\" and ask for TLS of single senders by [[partner]], or keep it if nothing else may come in",
                )
            }
            ListenerTls::Off => Finding::new(
                "listener",
                &listener.name,
                State::Yellow,
                "tls = \"off\": all mail comes in clear",
                "write tls = \"opportunistic\"",
            ),
            ListenerTls::Required | ListenerTls::Opportunistic | ListenerTls::Implicit => {
                Finding::good("listener", &listener.name, "it offers TLS")
            }
        })
        .collect()
}

/// Whoever gets the disk must not have the key as well.
fn master_key(config: &Config) -> Option<Finding> {
    let device = |path: &Path| std::fs::metadata(path).map(|about| about.dev()).ok();
    let mend = "put it into a file on another file system and name that in [store] master-key, or into a systemd credential";
    let about = "master key";
    if let Some(file) = &config.store.master_key {
        return Some(match (device(file), device(&config.data_dir)) {
            (Some(key), Some(data)) if key == data => {
                let says = format!("{} is on the file system of the data", file.display());
                Finding::new("keys", about, State::Yellow, says, mend)
            }
            (Some(_), Some(_)) => Finding::good("keys", about, "it is on another file system"),
            (None, _) | (_, None) => {
                let says = format!("{} or the data folder cannot be looked at", file.display());
                Finding::new("keys", about, State::Unknown, says, "run this as root")
            }
        });
    }
    let beside = config.data_dir.join(master::FILE);
    beside.exists().then(|| {
        Finding::new("keys", about, State::Yellow, "it lies beside the data that it locks", mend)
    })
}

/// The gateway itself: does it run, and what does it say that is not as it should be?
async fn running(config: &Config) -> Vec<Finding> {
    let about = config.data_dir.display();
    let mut found = Vec::new();
    let status = match control::ask(&config.data_dir, &Request::Status).await {
        Ok(Some(Response::Ok(status))) => status,
        Ok(None) => {
            let says = "no gateway runs with this data folder";
            return vec![Finding::new("gateway", about, State::Yellow, says, "sluss serve")];
        }
        Ok(Some(Response::Error(why))) => {
            let mend = "look into its log";
            return vec![Finding::new("gateway", about, State::Unknown, why, mend)];
        }
        Err(error) => {
            let mend = "run this as the gateway's user, or look into its log";
            return vec![Finding::new("gateway", about, State::Unknown, error.to_string(), mend)];
        }
    };
    found.push(match status.get("well").and_then(Value::as_bool) {
        Some(true) => Finding::good("gateway", &about, "it takes mail"),
        Some(false) | None => {
            let says = "it takes no mail: no rules are loaded";
            Finding::new("gateway", &about, State::Red, says, "sluss rules check")
        }
    });
    let deviations = status.get("deviations").and_then(Value::as_array).into_iter().flatten();
    found.extend(deviations.filter_map(|deviation| {
        let says = deviation.get("text")?.as_str()?;
        let state = match deviation.get("grave").and_then(Value::as_bool) {
            Some(true) => State::Red,
            Some(false) | None => State::Yellow,
        };
        let mend = "as it says; sluss status tells when it is gone";
        Some(Finding::new("gateway", &about, state, says, mend))
    }));
    found
}

struct Doctor<'a> {
    config: &'a Config,
    own: Option<OwnCertificate>,
    onlooker: Onlooker,
    fetcher: Option<Fetcher>,
    dns: Dns,
    proving: ProvingDns,
    clock: Clock,
}

impl Doctor<'_> {
    /// Our own name: addresses, TLSA, and whether DNSSEC can be used.
    async fn of_the_host(&self) -> Vec<Finding> {
        let hostname = &self.config.hostname;
        let mut found = vec![match self.dns.addresses(hostname).await {
            Addresses::Found(addresses) if addresses.is_empty() => Finding::new(
                "hostname",
                hostname,
                State::Red,
                "it has no address",
                format!("put A or AAAA records at {hostname} in the DNS, or correct hostname"),
            ),
            Addresses::Found(addresses) => {
                let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                Finding::good("hostname", hostname, format!("it is at {}", shown.join(", ")))
            }
            Addresses::Unknown(why) => Finding::unknown("hostname", hostname, why),
        }];
        let dane = self.config.outbound.dane == Dane::On;
        found.push(judged::dnssec(self.proving.hands_signatures_on().await, dane));
        let records = self.proving.tlsa(hostname).await;
        let names = Names { host: Some(hostname.clone()), also: Vec::new() };
        let now = self.clock.now();
        let shown = |records| {
            self.own.as_ref().map(|own| own.shown(&self.onlooker, records, &names, now).1)
        };
        found.push(judged::tlsa(hostname, &records, shown, &names));
        found
    }

    /// What speaks for a domain.
    async fn of_a_domain(&self, domain: &Domain) -> Vec<Finding> {
        let at = |name: String| async move { self.texts(&name).await };
        let (hosts, sts, rpt, spf, dmarc) = tokio::join!(
            self.dns.mail_hosts(domain),
            at(format!("_mta-sts.{domain}")),
            at(format!("_smtp._tls.{domain}")),
            at(domain.to_string()),
            self.dmarc(domain),
        );
        let has_record = sts.as_ref().is_ok_and(|texts| !texts.is_empty());
        let own = self.config.own_sts.policy(&self.config.hostname);
        let served = match has_record || own.is_some() {
            true => Some(self.served(domain).await),
            false => None,
        };
        let mut found = vec![judged::mx(domain, &hosts, &self.config.hostname)];
        let sight = judged::StsSight { own: own.as_ref(), record: &sts, served: served.as_ref() };
        found.push(judged::mta_sts(domain, sight, &hosts));
        found.push(judged::tls_rpt(domain, &rpt));
        found.push(judged::spf(domain, &spf));
        found.push(judged::dmarc(domain, &dmarc));
        found
    }

    async fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let texts = self.dns.txt(name).await.map_err(|why| why.to_string())?;
        Ok(texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
    }

    /// The domain's own record, or that of the registered domain above it.
    async fn dmarc(&self, domain: &Domain) -> Result<Vec<String>, String> {
        let own = self.texts(&format!("_dmarc.{domain}")).await?;
        match own.iter().any(|text| text.starts_with("v=DMARC1")) {
            true => Ok(own),
            false => self.texts(&format!("_dmarc.{}", domain.registered())).await,
        }
    }

    /// The policy as others get it.
    async fn served(&self, domain: &Domain) -> Result<StsPolicy, String> {
        let host = Domain::parse(&format!("mta-sts.{domain}")).map_err(|why| why.to_string())?;
        let Some(fetcher) = &self.fetcher else {
            return Err("the system has no list of authorities, so nobody can say whether its certificate is good".to_string());
        };
        let path = "/.well-known/mta-sts.txt";
        let wanted = Wanted { host: &host, path, bytes_max: limits::STS_POLICY_BYTES_MAX };
        let text = fetcher.text(&self.dns, wanted).await.map_err(|why| why.to_string())?;
        read_policy(&text).map_err(|why| why.to_string())
    }

    /// DKIM keys of these domains, and whether their records are there. Only looked at: which keys sign is the gateway's business.
    async fn of_keys(&self, domains: &[Domain]) -> Vec<Finding> {
        let (keys, faults) = DkimKeys::open(&self.config.data_dir.join("dkim"), self.clock.clone());
        let mut found: Vec<Finding> = faults
            .into_iter()
            .map(|fault| Finding::new("dkim", "keys", State::Red, fault, "mend or remove the file"))
            .collect();
        for domain in domains {
            let own: Vec<_> =
                keys.list().into_iter().filter(|key| key.domain() == domain).collect();
            if !signing::signs_as(&keys, domain) && own.is_empty() {
                found.push(Finding::new(
                    "dkim",
                    domain,
                    State::Yellow,
                    "no key here signs its mail",
                    format!("sluss dkim add {domain}, unless somebody else signs it"),
                ));
            }
            for key in own {
                let name = key.record_name();
                found.push(match self.dns.txt(&name).await {
                    Ok(texts) if texts.iter().any(|text| key.is_published_as(text)) => {
                        Finding::good("dkim", &name, "its record is in the DNS")
                    }
                    Ok(_) => judged::no_dkim_record(&name, key.state, &key.record()),
                    Err(why) => Finding::unknown("dkim", &name, why.to_string()),
                });
            }
        }
        found
    }
}
