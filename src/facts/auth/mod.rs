//! Who sent a mail, asked of the DNS.

pub mod arc;
pub mod dkim;
pub mod dmarc;
pub mod iprev;
pub mod spf;

use crate::{
    base::{clock::UnixMs, limits},
    facts::Known,
    mail::{Header, Peer, ReversePath},
    wire::auth::{Signature, Spf},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// What SPF said of the client that brought a mail, stored with it. That nobody could say is no such thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpfFact {
    /// The result.
    pub result: Spf,
    /// The domain that was asked.
    pub domain: String,
    /// It was that of HELO: the sender is the null one.
    pub of_helo: bool,
    /// Why, for an admin.
    pub because: String,
}

/// Asks whether this peer may send for this sender, within [`limits::AUTH_TIME_MAX`]. `receiver` is our name.
pub async fn spf<N: Names>(
    names: &N,
    peer: &Peer,
    sender: &ReversePath,
    receiver: &str,
    now: UnixMs,
) -> Known<SpfFact> {
    let helo = peer.helo.trim_end_matches('.');
    let of_sender =
        sender.address().and_then(|address| Some((address.local(), address.domain()?.as_str())));
    // RFC 7208 section 2.4: the null sender is the postmaster of what was said in HELO.
    let of_helo = of_sender.is_none();
    let (local, domain) = of_sender.unwrap_or(("postmaster", helo));
    let client = peer.address;
    let question = spf::Question { client, helo, local, domain, receiver, seconds: now.0 / 1_000 };
    in_time(async {
        let spf::Said { result, because, explanation: _ } = spf::check(names, question).await;
        if result == Spf::TempError {
            return Known::No(because);
        }
        let domain = domain.to_ascii_lowercase();
        Known::Yes(SpfFact { result, domain, of_helo, because })
    })
    .await
}

/// Who has signed a mail, and who has passed it on (ARC), within [`limits::AUTH_TIME_MAX`]. Hashing goes on a thread of its own.
pub async fn signers<N: Names + Clone + Send + 'static>(
    names: &N,
    message: &Bytes,
    header: &Arc<Header>,
) -> (Known<Vec<Signature>>, Known<arc::ArcFact>) {
    let (names, message, its_header) = (names.clone(), message.clone(), header.clone());
    let runtime = tokio::runtime::Handle::current();
    let comparing = move || {
        runtime.block_on(async {
            tokio::join!(
                in_time(async { Known::Yes(dkim::check(&names, &message, &its_header).await) }),
                in_time(arc::check(&names, &message, &its_header)),
            )
        })
    };
    let is_signed = header.fields().iter().any(|field| {
        let name = header.name(field).as_bytes();
        name.eq_ignore_ascii_case(b"DKIM-Signature")
            || name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"ARC-"))
    });
    if !is_signed {
        return (Known::Yes(Vec::new()), Known::Yes(arc::ArcFact::none()));
    }
    // A fault in the library must cost an answer, not the mail.
    tokio::task::spawn_blocking(comparing).await.unwrap_or_else(|_| {
        let why = || "the signatures could not be read".to_string();
        (Known::No(why()), Known::No(why()))
    })
}

/// Does anybody who passed speak for the domain in From? Within [`limits::AUTH_TIME_MAX`].
pub async fn dmarc<N: Names>(
    names: &N,
    header: &Header,
    spf: &Known<SpfFact>,
    dkim: &Known<Vec<Signature>>,
) -> Known<dmarc::DmarcFact> {
    in_time(dmarc::check(names, header, spf, dkim)).await
}

/// Has the client a name that leads back to it? Within [`limits::AUTH_TIME_MAX`].
pub async fn iprev<N: Names>(names: &N, peer: &Peer) -> Known<iprev::IprevFact> {
    in_time(iprev::check(names, peer.address)).await
}

async fn in_time<T>(asking: impl Future<Output = Known<T>>) -> Known<T> {
    let asked = tokio::time::timeout(limits::AUTH_TIME_MAX, asking).await;
    asked.unwrap_or_else(|_| Known::No("the name servers were too slow".to_string()))
}

/// Is this one of a host's addresses? What cannot be a name has none.
async fn has_address<N: Names>(names: &N, host: &str, address: IpAddr) -> Result<bool, NoAnswer> {
    if !has_good_labels(host) {
        return Ok(false);
    }
    Ok(match address {
        IpAddr::V4(address) => names.a(host).await?.contains(&address),
        IpAddr::V6(address) => names.aaaa(host).await?.contains(&address),
    })
}

fn has_good_labels(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// The names that authentication asks for. An answer without records is no failure.
pub trait Names: Sync {
    /// TXT records, the strings of each joined.
    fn txt(&self, name: &str) -> impl Future<Output = Answer<Vec<u8>>> + Send;
    /// IPv4 addresses.
    fn a(&self, name: &str) -> impl Future<Output = Answer<Ipv4Addr>> + Send;
    /// IPv6 addresses.
    fn aaaa(&self, name: &str) -> impl Future<Output = Answer<Ipv6Addr>> + Send;
    /// Mail hosts, in the order of their preference.
    fn mx(&self, name: &str) -> impl Future<Output = Answer<String>> + Send;
    /// The names of an address.
    fn ptr(&self, address: IpAddr) -> impl Future<Output = Answer<String>> + Send;
}

/// Records of one kind; empty if there are none, or no such name.
pub type Answer<T> = Result<Vec<T>, NoAnswer>;

/// Nobody answered, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);
