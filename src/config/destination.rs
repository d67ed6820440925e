//! How mail to others is carried: what one destination bears, from which address and under which name we come.

use crate::{
    config::{
        error::Step::{self, At, Key},
        file::{Config, NextHopTls, NextHops, Span},
        next_hop::{NextHop, NotANextHop},
    },
    mail::Domain,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, fmt, net::IpAddr, path::PathBuf};

/// What differs for one destination: a domain in the world, or a next hop of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DestinationEntry {
    /// A domain whose MX we send to ("gmail.com"; exactly this one), or a next hop as it is written elsewhere
    /// ("smtp://10.0.0.5:25"): a domain's, or the smarthost.
    pub name: DestinationName,
    /// Connections from the queue at a time. Default: `connections-per-destination` in `[limits]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// Mails over one connection. Default: `mails-per-connection` in `[limits]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mails_per_connection: Option<u32>,
    /// First wait of a mail after a failed try. Default: `retry-first` in `[limits]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_first: Option<Span>,
    /// First rest of the destination when it takes no mail. Default: `rest-first` in `[limits]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_first: Option<Span>,
    /// As in `[outbound]`, for this destination.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_addresses: Vec<IpAddr>,
    /// As in `[outbound]`, for this destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helo: Option<Domain>,
    /// As in `[outbound]`, for this destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_family: Option<AddressFamily>,
}

/// Which destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DestinationName {
    /// The MX hosts of this domain.
    Domain(Domain),
    /// This next hop.
    Hop(NextHop),
}

/// Addresses we connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressFamily {
    /// IPv6 first, then IPv4.
    #[default]
    Both,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// Who may vouch for a smarthost's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Authorities {
    /// Those that the system trusts.
    #[default]
    System,
    /// Nobody needs to: whoever answers at the address gets the password.
    Any,
    /// Those in a PEM file.
    File(PathBuf),
}

impl Authorities {
    /// Is it what holds where nothing is written?
    pub(super) fn is_system(&self) -> bool {
        *self == Authorities::System
    }
}

impl AddressFamily {
    /// Is this an address we may connect to?
    pub fn has(self, address: IpAddr) -> bool {
        match self {
            AddressFamily::Both => true,
            AddressFamily::Ipv4 => address.is_ipv4(),
            AddressFamily::Ipv6 => address.is_ipv6(),
        }
    }
}

impl fmt::Display for DestinationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DestinationName::Domain(domain) => domain.fmt(f),
            DestinationName::Hop(hop) => hop.fmt(f),
        }
    }
}

impl TryFrom<String> for DestinationName {
    type Error = NotANextHop;

    fn try_from(text: String) -> Result<DestinationName, NotANextHop> {
        match (Domain::parse(&text), NextHop::parse(&text)) {
            (_, Ok(hop)) if hop.can_be_asked() => Ok(DestinationName::Hop(hop)),
            (Ok(domain), Err(_)) => Ok(DestinationName::Domain(domain)),
            // `mx` is no one destination, and neither a folder nor we ourselves need be spared.
            (_, Ok(_) | Err(_)) => Err(NotANextHop(text)),
        }
    }
}

impl From<DestinationName> for String {
    fn from(name: DestinationName) -> String {
        name.to_string()
    }
}

impl From<String> for Authorities {
    fn from(text: String) -> Authorities {
        match text.as_str() {
            "system" => Authorities::System,
            "any" => Authorities::Any,
            path => Authorities::File(PathBuf::from(path)),
        }
    }
}

impl From<Authorities> for String {
    fn from(authorities: Authorities) -> String {
        match authorities {
            Authorities::System => "system".to_string(),
            Authorities::Any => "any".to_string(),
            Authorities::File(path) => path.display().to_string(),
        }
    }
}

/// What is wrong, and the mend.
type Wrong = (Vec<Step>, String, &'static str);

/// The first mistake in how mail leaves.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    login(config)?;
    let outbound = |key| vec![Key("outbound"), Key(key)];
    sources(&config.outbound.source_addresses, config.outbound.address_family, &outbound)?;
    if let Some(NextHops(hops)) = &config.outbound.smarthost
        && hops.contains(&NextHop::Internal)
    {
        return Err((
            outbound("smarthost"),
            "mail to the world cannot go to \"internal:\"".to_string(),
            "write smarthost = \"smtp://HOST:PORT\"",
        ));
    }
    let mut names = HashSet::new();
    for (number, entry) in config.destinations.iter().enumerate() {
        let place = |key| vec![Key("destination"), At(number), Key(key)];
        if !names.insert(&entry.name) {
            let message = format!("the destination {} stands here twice", entry.name);
            return Err((place("name"), message, "remove one [[destination]]"));
        }
        let nothing = [
            ("connections", entry.connections == Some(0)),
            ("mails-per-connection", entry.mails_per_connection == Some(0)),
        ];
        if let Some((key, _)) = nothing.iter().find(|(_, zero)| *zero) {
            let message = format!("with {key} at zero no mail would go there at all");
            return Err((place(key), message, "write at least 1, or leave the line out"));
        }
        if let Some(first) = entry.retry_first
            && first.0 < crate::base::limits::RETRY_FIRST_MIN
        {
            let message = "retry-first is too short".to_string();
            return Err((place("retry-first"), message, "write at least \"100 ms\""));
        }
        sources(&entry.source_addresses, entry.address_family.unwrap_or_default(), &place)?;
    }
    for (number, domain) in config.domains.iter().enumerate() {
        if domain.next_hop.0.contains(&NextHop::Internal) && domain.next_hop.0.len() > 1 {
            return Err((
                vec![Key("domain"), At(number), Key("next-hop")],
                "\"internal:\" stands alone: mail that we read ourselves goes nowhere else"
                    .to_string(),
                "write next-hop = \"internal:\"",
            ));
        }
    }
    Ok(())
}

/// A password goes to a server by name, with TLS, or nowhere.
fn login(config: &Config) -> Result<(), Wrong> {
    let outbound = &config.outbound;
    let place = |key| vec![Key("outbound"), Key(key)];
    let secret = match (&outbound.smarthost_password_file, &outbound.smarthost_password_env) {
        (Some(_), Some(_)) => {
            return Err((
                place("smarthost-password-env"),
                "the smarthost's password stands in a file and in the environment".to_string(),
                "keep one of smarthost-password-file and smarthost-password-env",
            ));
        }
        (Some(_), None) => Some("smarthost-password-file"),
        (None, Some(_)) => Some("smarthost-password-env"),
        (None, None) => None,
    };
    let user = match (&outbound.smarthost_user, secret) {
        (None, None) => return Ok(()),
        (None, Some(key)) => {
            return Err((
                place(key),
                "there is a password for the smarthost and nobody it belongs to".to_string(),
                "write smarthost-user = \"NAME\"",
            ));
        }
        (Some(_), None) => {
            return Err((
                place("smarthost-user"),
                "smarthost-user has no password".to_string(),
                "write smarthost-password-file = \"/etc/sluss/smarthost.password\"",
            ));
        }
        (Some(user), Some(_)) => user,
    };
    if user.is_empty() || user.contains(|letter: char| letter.is_control()) {
        return Err((
            place("smarthost-user"),
            "smarthost-user is empty or has a control character".to_string(),
            "write the name that the smarthost knows us by",
        ));
    }
    let Some(NextHops(hops)) = &outbound.smarthost else {
        return Err((
            place("smarthost-user"),
            "there is no smarthost to log in at".to_string(),
            "write smarthost = \"smtp://HOST:587\"",
        ));
    };
    if let Some(hop) =
        hops.iter().find(|hop| !matches!(hop, NextHop::Smtp(..) | NextHop::Smtps(..)))
    {
        return Err((
            place("smarthost"),
            format!("we cannot log in at \"{hop}\""),
            "write smarthost = \"smtp://HOST:587\" or \"smtps://HOST:465\"",
        ));
    }
    let in_clear =
        outbound.tls == NextHopTls::Off && hops.iter().any(|hop| matches!(hop, NextHop::Smtp(..)));
    if in_clear {
        return Err((
            place("tls"),
            "the smarthost's password would travel in clear".to_string(),
            "write tls = \"required\", or leave smarthost-user out",
        ));
    }
    Ok(())
}

/// At most one address of each family, and only of a family that is used.
fn sources(
    addresses: &[IpAddr],
    family: AddressFamily,
    place: &dyn Fn(&'static str) -> Vec<Step>,
) -> Result<(), Wrong> {
    let at = |number| [place("source-addresses"), vec![At(number)]].concat();
    for (number, address) in addresses.iter().enumerate() {
        if address.is_unspecified() || address.is_multicast() {
            return Err((
                at(number),
                format!("{address} is no address to send from"),
                "write an address of this machine, or leave the line out",
            ));
        }
        if !family.has(*address) {
            return Err((
                at(number),
                format!("{address} is never used: address-family leaves its family out"),
                "remove it, or write address-family = \"both\"",
            ));
        }
        if addresses.iter().take(number).any(|other| other.is_ipv4() == address.is_ipv4()) {
            return Err((
                at(number),
                format!("{address} is a second address of its family"),
                "write one IPv4 and one IPv6 address; give single destinations their own in [[destination]]",
            ));
        }
    }
    Ok(())
}
