//! What the DNS says of an envelope sender's domain: could anybody answer it?

use crate::{
    base::limits,
    facts::{
        Known,
        dns::{Addresses, Dns, MailHosts},
    },
    mail::Domain,
};
use serde::{Deserialize, Serialize};

/// Whether mail to a sender's domain would arrive anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerable {
    /// It has a mail host with an address.
    Yes,
    /// It says itself that it takes no mail (null MX, RFC 7505 section 3).
    TakesNone,
    /// There is no such domain, or nothing in it that could take mail.
    Nowhere,
}

/// Asks, within [`limits::SENDER_FACTS_TIME_MAX`]: somebody waits at RCPT.
pub async fn answerable(dns: &Dns, domain: &Domain) -> Known<Answerable> {
    let asked = tokio::time::timeout(limits::SENDER_FACTS_TIME_MAX, ask(dns, domain)).await;
    asked.unwrap_or_else(|_| Known::No("the name servers were too slow".to_string()))
}

async fn ask(dns: &Dns, domain: &Domain) -> Known<Answerable> {
    let hosts = match dns.mail_hosts(domain).await {
        MailHosts::Hosts(hosts) => hosts,
        MailHosts::TakesNone => return Known::Yes(Answerable::TakesNone),
        MailHosts::NoSuchDomain | MailHosts::Unusable(_) => {
            return Known::Yes(Answerable::Nowhere);
        }
        MailHosts::Unknown(why) => return Known::No(why),
    };
    let mut unknown = None;
    for (_, host) in hosts {
        match dns.addresses(&host).await {
            Addresses::Found(addresses) if !addresses.is_empty() => {
                return Known::Yes(Answerable::Yes);
            }
            Addresses::Found(_) => (),
            Addresses::Unknown(why) => unknown = Some(why),
        }
    }
    // One host that could not be asked may be the one with an address.
    unknown.map_or(Known::Yes(Answerable::Nowhere), Known::No)
}
