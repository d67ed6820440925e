//! DNS answers with what DNSSEC says of them (RFC 4035 section 4.3): whether somebody on the way could have made them up.
//!
//! The proof is made here, from the root's keys down; a name server's word that it has looked is not asked for.
//! It takes several questions more, so only those ask whom the proof concerns: the records of our own keys, and what transport relies on.

use super::dns::{NoResolver, builder};
use crate::base::limits;
use hickory_resolver::{
    TokioResolver,
    net::{DnsError, NetError},
    proto::{
        dnssec::{Proof, TrustAnchors},
        rr::{Name, RData, RecordType},
    },
};
use std::{net::SocketAddr, sync::Arc};

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

/// Asks name servers and proves what they say.
#[derive(Clone)]
pub struct ProvingDns {
    resolver: TokioResolver,
}

impl std::fmt::Debug for ProvingDns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProvingDns")
    }
}

impl ProvingDns {
    /// With these servers, or the system's when there are none, and the root's keys.
    pub fn new(servers: &[SocketAddr]) -> Result<ProvingDns, NoResolver> {
        ProvingDns::from_anchors(servers, Arc::new(TrustAnchors::default()))
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
        Ok(ProvingDns { resolver })
    }

    /// The records of one kind, within [`limits::DNS_TIMEOUT`].
    pub async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Proven<T> {
        let Ok(mut name) = Name::from_ascii(name) else { return Proven::Insecure(Vec::new()) };
        name.set_fqdn(true);
        let asked = tokio::time::timeout(limits::DNS_TIMEOUT, self.resolver.lookup(name, kind));
        let found = match asked.await {
            Err(_) => return Proven::Unknown("the name servers were too slow".to_string()),
            Ok(Err(error)) => return without_records(error),
            Ok(Ok(found)) => found,
        };
        let answers = || found.answers().iter().filter(|record| read(&record.data).is_some());
        let records: Vec<T> = answers().filter_map(|record| read(&record.data)).collect();
        // The chain of aliases before them has to be proven as well.
        let proofs = found.answers().iter().map(|record| record.proof);
        match proofs.reduce(weaker) {
            Some(Proof::Secure) => Proven::Secure(records),
            Some(Proof::Insecure) | None => Proven::Insecure(records),
            Some(Proof::Bogus) => Proven::Bogus("its signatures do not fit".to_string()),
            Some(Proof::Indeterminate) => Proven::Unknown("it can not be proven".to_string()),
        }
    }
}

fn weaker(one: Proof, other: Proof) -> Proof {
    if one < other { one } else { other }
}

fn without_records<T>(error: NetError) -> Proven<T> {
    let proof = if let NetError::Dns(DnsError::DnssecBogus) = &error {
        Some(Proof::Bogus)
    } else if let NetError::Dns(DnsError::Nsec { proof, .. }) = &error {
        Some(*proof)
    } else if let NetError::Dns(DnsError::NoRecordsFound(none)) = &error {
        // What proves that there is nothing stands among the authorities.
        let authorities = none.authorities.iter().flat_map(|records| records.iter());
        authorities.map(|record| record.proof).reduce(weaker).or(Some(Proof::Insecure))
    } else {
        None
    };
    match proof {
        Some(Proof::Secure) => Proven::Secure(Vec::new()),
        Some(Proof::Insecure) => Proven::Insecure(Vec::new()),
        Some(Proof::Bogus) => Proven::Bogus(error.to_string()),
        Some(Proof::Indeterminate) | None => Proven::Unknown(error.to_string()),
    }
}
