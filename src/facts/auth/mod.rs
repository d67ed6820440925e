//! Who sent a mail, asked of the DNS.

pub mod spf;

use std::future::Future;

/// The names that authentication asks for. An answer without records is no failure.
pub trait Names: Sync {
    /// TXT records, the strings of each joined.
    fn txt(&self, name: &str) -> impl Future<Output = Answer<Vec<u8>>> + Send;
    /// IPv4 addresses.
    fn a(&self, name: &str) -> impl Future<Output = Answer<std::net::Ipv4Addr>> + Send;
    /// IPv6 addresses.
    fn aaaa(&self, name: &str) -> impl Future<Output = Answer<std::net::Ipv6Addr>> + Send;
    /// Mail hosts, in the order of their preference.
    fn mx(&self, name: &str) -> impl Future<Output = Answer<String>> + Send;
    /// The names of an address.
    fn ptr(&self, address: std::net::IpAddr) -> impl Future<Output = Answer<String>> + Send;
}

/// Records of one kind; empty if there are none, or no such name.
pub type Answer<T> = Result<Vec<T>, NoAnswer>;

/// Nobody answered, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);
