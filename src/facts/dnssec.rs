//! DNS answers with what DNSSEC says of them (RFC 4035 section 4.3): whether somebody on the way could have made them up.
//!
//! The proof is made here, from the root's keys down; a name server's word that it has looked is not asked for.
//! It takes several questions more, so only those ask whom the proof concerns: the records of our own keys, and what transport relies on.
//! Answers and proofs are remembered as long as their records live; name servers that answer nobody are left alone as [`Dns`] has it.

use super::dns::{Dns, MailHosts, NoResolver, Unanswered, builder, from_records, implicit, random};
use crate::{
    base::limits,
    mail::Domain,
    wire::tls::{Dnssec, dane::Record as Tlsa},
};
use hickory_resolver::{
    TokioResolver,
    net::{DnsError, NetError},
    proto::{
        dnssec::{Proof, TrustAnchors},
        op::ResponseCode,
        rr::{Name, RData, Record, RecordType},
    },
};
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

/// What is known of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proven<T> {
    /// Signed from the root down; so is that there are none, where it is empty.
    Secure(Vec<T>),
    /// Its zone is provably not signed: anybody on the way could have made it up.
    Insecure(Vec<T>),
    /// It should be signed and is not, or the signatures do not fit: it is not to be used.
    Bogus(String),
    /// Nobody answered; the reason.
    Unknown(String),
}

impl<T> Proven<T> {
    /// The word for an admin.
    pub fn word(&self) -> &'static str {
        match self {
            Proven::Secure(_) => "secure",
            Proven::Insecure(_) => "insecure",
            Proven::Bogus(_) => "bogus",
            Proven::Unknown(_) => "unknown",
        }
    }
}

/// Where a host is, and how sure that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAt {
    /// Its addresses; none where there is no proof that there are none either.
    pub addresses: Vec<IpAddr>,
    /// What DNSSEC says of them, and of the aliases that led there.
    pub dnssec: Dnssec,
    /// Why they are not to be used, where that is so.
    pub why: String,
    /// The names under which TLSA records count, the first one first (RFC 7672 section 2.2.3); none where records would prove nothing.
    pub bases: Vec<Domain>,
}

/// Asks name servers and proves what they say.
#[derive(Clone)]
pub struct ProvingDns {
    resolver: TokioResolver,
    /// Whose patience and rests are shared.
    beside: Option<Dns>,
}

impl std::fmt::Debug for ProvingDns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProvingDns")
    }
}

/// An answer with its proof.
struct Answered {
    records: Vec<Record>,
    dnssec: Dnssec,
    /// There is no such name.
    no_name: bool,
    /// Why it is not to be used.
    why: String,
}

impl Answered {
    fn nothing(dnssec: Dnssec, why: impl Into<String>) -> Answered {
        Answered { records: Vec::new(), dnssec, no_name: false, why: why.into() }
    }
}

impl ProvingDns {
    /// With these servers, or the system's when there are none, and the root's keys.
    pub fn new(servers: &[SocketAddr]) -> Result<ProvingDns, NoResolver> {
        ProvingDns::from_anchors(servers, Arc::new(TrustAnchors::default()))
    }

    /// With the keys in this file, or the root's when there is none. The error names the file and what is wrong with it.
    pub fn configured(
        servers: &[SocketAddr],
        anchors: Option<&Path>,
    ) -> Result<ProvingDns, String> {
        let made = match anchors {
            None => ProvingDns::new(servers),
            Some(file) => ProvingDns::from_anchors(servers, Arc::new(read_anchors(file)?)),
        };
        made.map_err(|error| error.to_string())
    }

    /// The same with other keys to begin from.
    pub fn from_anchors(
        servers: &[SocketAddr],
        anchors: Arc<TrustAnchors>,
    ) -> Result<ProvingDns, NoResolver> {
        let mut builder = builder(servers).with_trust_anchor(anchors);
        let options = builder.options_mut();
        options.cache_size = limits::DNS_CACHE_ENTRIES_MAX;
        options.timeout = limits::DNS_TIMEOUT / 4;
        let resolver = builder.build().map_err(|error| NoResolver(error.to_string()))?;
        Ok(ProvingDns { resolver, beside: None })
    }

    /// With the patience of that one: what rests there rests here.
    pub fn beside(self, dns: Dns) -> ProvingDns {
        ProvingDns { beside: Some(dns), ..self }
    }

    /// The records of one kind, within [`limits::DNS_TIMEOUT`].
    pub async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Proven<T> {
        // What can be no name has none, and nobody has proven that.
        let Ok(name) = Name::from_ascii(name) else { return Proven::Insecure(Vec::new()) };
        let answered = self.ask(name, kind).await;
        let records = answered.records.iter().filter_map(|record| read(&record.data)).collect();
        match answered.dnssec {
            Dnssec::Secure => Proven::Secure(records),
            Dnssec::Insecure | Dnssec::NotAsked => Proven::Insecure(records),
            Dnssec::Bogus => Proven::Bogus(answered.why),
            Dnssec::NoAnswer => Proven::Unknown(answered.why),
        }
    }

    /// Do the name servers hand on the signatures of the root, without which nothing can be proven? None: they answer nothing.
    pub async fn hands_signatures_on(&self) -> Option<bool> {
        match self.ask(Name::root(), RecordType::SOA).await.dnssec {
            Dnssec::Secure => Some(true),
            Dnssec::Insecure | Dnssec::Bogus | Dnssec::NotAsked => Some(false),
            Dnssec::NoAnswer => None,
        }
    }

    /// The mail hosts of a domain. Bogus ones are unknown.
    pub async fn mail_hosts(&self, domain: &Domain) -> (MailHosts, Dnssec) {
        let Ok(name) = Name::from_ascii(domain.as_str()) else {
            return (MailHosts::NoSuchDomain, Dnssec::Insecure);
        };
        let answered = self.ask(name, RecordType::MX).await;
        let hosts = match answered.dnssec {
            Dnssec::Bogus | Dnssec::NoAnswer => MailHosts::Unknown(answered.why),
            Dnssec::Secure | Dnssec::Insecure | Dnssec::NotAsked => {
                let records = answered.records.iter().filter_map(|record| {
                    let RData::MX(mx) = &record.data else { return None };
                    Some((mx.preference, mx.exchange.to_ascii()))
                });
                match answered.no_name {
                    true => MailHosts::NoSuchDomain,
                    false => match records.clone().next() {
                        None => implicit(domain),
                        Some(_) => from_records(domain, records, random),
                    },
                }
            }
        };
        (hosts, answered.dnssec)
    }

    /// The addresses of a host.
    pub async fn host(&self, host: &Domain) -> HostAt {
        let nowhere =
            |dnssec, why| HostAt { addresses: Vec::new(), dnssec, why, bases: Vec::new() };
        let Ok(name) = Name::from_ascii(host.as_str()) else {
            return nowhere(Dnssec::Insecure, String::new());
        };
        let (six, four) =
            tokio::join!(self.ask(name.clone(), RecordType::AAAA), self.ask(name, RecordType::A));
        for answered in [&four, &six] {
            if let Dnssec::Bogus | Dnssec::NoAnswer = answered.dnssec {
                return nowhere(answered.dnssec, answered.why.clone());
            }
        }
        let all = || four.records.iter().chain(&six.records);
        let addresses = all().filter_map(|record| address(&record.data)).collect();
        let is_secure = four.dnssec == Dnssec::Secure && six.dnssec == Dnssec::Secure;
        // The name at the end of the aliases, where there are any.
        let end = all().filter_map(|record| alias(&record.data)).next_back();
        let bases = match (is_secure, end) {
            (true, Some(end)) if end != *host => vec![end, host.clone()],
            (true, Some(_) | None) => vec![host.clone()],
            (false, _) => Vec::new(),
        };
        let dnssec = if is_secure { Dnssec::Secure } else { Dnssec::Insecure };
        HostAt { addresses, dnssec, why: String::new(), bases }
    }

    /// The TLSA records of the mail service at this name.
    ///
    /// Always of port 25: where our connections are redirected, the host's owner knows nothing of that.
    pub async fn tlsa(&self, base: &Domain) -> Proven<Tlsa> {
        let read = |data: &RData| {
            let RData::TLSA(tlsa) = data else { return None };
            Some(Tlsa {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data.clone(),
            })
        };
        self.records(&format!("_25._tcp.{base}"), RecordType::TLSA, read).await
    }

    async fn ask(&self, mut name: Name, kind: RecordType) -> Answered {
        // With its final dot, so that no search list is tried.
        name.set_fqdn(true);
        let asking = self.resolver.lookup(name, kind);
        let asked = match &self.beside {
            Some(dns) => dns.ask(asking).await,
            None => match tokio::time::timeout(limits::DNS_TIMEOUT, asking).await {
                Ok(answer) => answer.map_err(Unanswered::Error),
                Err(_) => Err(Unanswered::Silence("the name servers were too slow".to_string())),
            },
        };
        let found = match asked {
            Err(Unanswered::Silence(why)) => return Answered::nothing(Dnssec::NoAnswer, why),
            Err(Unanswered::Error(error)) => return without_records(&error),
            Ok(found) => found,
        };
        // The chain of aliases before them has to be proven as well.
        let proofs = found.answers().iter().map(|record| record.proof);
        let (dnssec, why) = state(proofs.reduce(weaker).unwrap_or(Proof::Insecure));
        let records = found.answers().iter().take(limits::DNS_RECORDS_MAX).cloned().collect();
        Answered { records, dnssec, no_name: false, why: why.to_string() }
    }
}

/// The keys in a file: DNSKEY records in the form of zone files.
fn read_anchors(file: &Path) -> Result<TrustAnchors, String> {
    let wrong = |why: &str| {
        let shown = file.display();
        format!("trust-anchors {shown} of [dns]: {why}; it has DNSKEY records, one a line")
    };
    let anchors = TrustAnchors::from_file(file).map_err(|error| wrong(&error.to_string()))?;
    match anchors.is_empty() {
        true => Err(wrong("no DNSKEY in it")),
        false => Ok(anchors),
    }
}

fn address(data: &RData) -> Option<IpAddr> {
    if let RData::A(address) = data {
        return Some(IpAddr::V4(address.0));
    }
    let RData::AAAA(address) = data else { return None };
    Some(IpAddr::V6(address.0))
}

fn alias(data: &RData) -> Option<Domain> {
    let RData::CNAME(target) = data else { return None };
    Domain::parse(target.0.to_ascii().trim_end_matches('.')).ok()
}

fn weaker(one: Proof, other: Proof) -> Proof {
    if one < other { one } else { other }
}

fn state(proof: Proof) -> (Dnssec, &'static str) {
    match proof {
        Proof::Secure => (Dnssec::Secure, ""),
        Proof::Insecure => (Dnssec::Insecure, ""),
        Proof::Bogus => (Dnssec::Bogus, "its signatures do not fit"),
        Proof::Indeterminate => (Dnssec::NoAnswer, "it can not be proven"),
    }
}

fn without_records(error: &NetError) -> Answered {
    let (proof, no_name) = if let NetError::Dns(DnsError::DnssecBogus) = error {
        (Some(Proof::Bogus), false)
    } else if let NetError::Dns(DnsError::Nsec { proof, response, .. }) = error {
        (Some(*proof), response.metadata.response_code == ResponseCode::NXDomain)
    } else if let NetError::Dns(DnsError::NoRecordsFound(none)) = error {
        // What proves that there is nothing stands among the authorities.
        let authorities = none.authorities.iter().flat_map(|records| records.iter());
        let proof = authorities.map(|record| record.proof).reduce(weaker);
        (proof.or(Some(Proof::Insecure)), none.response_code == ResponseCode::NXDomain)
    } else {
        (None, false)
    };
    match proof.map(state) {
        Some((dnssec @ (Dnssec::Secure | Dnssec::Insecure), _)) => {
            Answered { no_name, ..Answered::nothing(dnssec, "") }
        }
        Some((dnssec, _)) => Answered::nothing(dnssec, error.to_string()),
        None => Answered::nothing(Dnssec::NoAnswer, error.to_string()),
    }
}
