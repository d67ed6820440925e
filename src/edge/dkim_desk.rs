//! What `sluss dkim` asks for: keys that sign our domains' mail, made, listed, changed over and removed.

use crate::{
    facts::{dns::Dns, dnssec::ProvingDns},
    mail::Domain,
    pipeline::{
        Gateway,
        signing::{self, Seen},
    },
    store::dkim::{DkimKey, Origin, State},
    wire::{
        auth::{key::Algorithm, sign::Signs},
        date,
    },
};
use hickory_resolver::proto::rr::RecordType;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A question about keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// New keys for a domain.
    Add {
        /// For which.
        domain: String,
        /// Their name; with several kinds a letter is added. None: one made of the month.
        selector: Option<String>,
        /// "rsa-sha256", "ed25519-sha256".
        algorithms: Vec<String>,
        /// The text of a PEM file, instead of a key made here.
        pem: Option<String>,
        /// They sign from now on, before anybody has looked for their records.
        now: bool,
    },
    /// All keys, or those of one domain.
    List {
        /// Which.
        domain: Option<String>,
    },
    /// Looks for their records; those that wait take over.
    Check,
    /// Destroys one.
    Remove {
        /// Whose.
        domain: String,
        /// Which.
        selector: String,
    },
}

/// Answers.
pub async fn answer(gateway: &Gateway, ask: Ask) -> Result<Value, String> {
    match ask {
        Ask::Add { domain, selector, algorithms, pem, now } => {
            let domain = own(gateway, &domain)?;
            let state = if now { State::Signing } else { State::Waiting };
            let added = match pem {
                Some(pem) => {
                    let selector = selector.ok_or("a key from a file needs --selector: the name that its record has in the DNS")?;
                    vec![put(gateway, &domain, &selector, Origin::Pem(pem.as_bytes()), state)?]
                }
                None => make(gateway, &domain, selector.as_deref(), &algorithms, state)?,
            };
            Ok(json!(added))
        }
        Ask::List { domain } => {
            let all = gateway.dkim.list();
            let wanted = |key: &DkimKey| {
                domain
                    .as_deref()
                    .is_none_or(|name| key.domain().as_str().eq_ignore_ascii_case(name))
            };
            Ok(json!(
                all.iter()
                    .filter(|key| wanted(key))
                    .map(|key| line(key, key.state))
                    .collect::<Vec<_>>()
            ))
        }
        Ask::Check => {
            let names: &Dns = &gateway.dns;
            let seen = signing::look_at_records(names, &gateway.dkim).await;
            let seen = seen.map_err(|error| error.to_string())?;
            let servers = gateway.settings.load().config.dns.servers.clone();
            let proving = ProvingDns::new(&servers).map_err(|error| error.to_string())?;
            let mut lines = Vec::new();
            for (key, seen) in &seen {
                let proven = match seen {
                    Seen::Published => {
                        let name = key.record_name();
                        proving.records(&name, RecordType::TXT, |_| Some(())).await.word()
                    }
                    Seen::Missing | Seen::Unknown(_) => "",
                };
                lines.push(checked(key, seen, proven));
            }
            Ok(json!(lines))
        }
        Ask::Remove { domain, selector } => {
            let name = Domain::parse(&domain).map_err(|why| why.to_string())?;
            match gateway.dkim.remove(&name, &selector) {
                Ok(true) => Ok(json!("removed")),
                Ok(false) => Err(format!(
                    "there is no key {selector} of {name}; sluss dkim list shows those there are"
                )),
                Err(error) => Err(error.to_string()),
            }
        }
    }
}

/// What became of a key that was looked at; `dnssec` is what its record proves.
fn checked(key: &DkimKey, seen: &Seen, dnssec: &str) -> Value {
    let (word, why) = match seen {
        Seen::Published => ("published", ""),
        Seen::Missing => ("missing", ""),
        Seen::Unknown(why) => ("unknown", why.as_str()),
    };
    let state = match (seen, key.state) {
        (Seen::Published, State::Waiting) => State::Signing,
        (Seen::Published | Seen::Missing | Seen::Unknown(_), state) => state,
    };
    json!({
        "record_name": key.record_name(),
        "record": word,
        "dnssec": dnssec,
        "why": why,
        "state": state.word(),
    })
}

/// A domain that somebody here may write as.
fn own(gateway: &Gateway, name: &str) -> Result<Domain, String> {
    let domain = Domain::parse(name).map_err(|why| why.to_string())?;
    match gateway.settings.load().writer(&domain) {
        Some(_) => Ok(domain),
        None => Err(format!(
            "{domain} is no domain of ours: it stands in no [[domain]], domains-file or send-as"
        )),
    }
}

fn make(
    gateway: &Gateway,
    domain: &Domain,
    selector: Option<&str>,
    algorithms: &[String],
    state: State,
) -> Result<Vec<Value>, String> {
    let mut added = Vec::new();
    for word in algorithms {
        let algorithm = Algorithm::from_word(word)
            .ok_or_else(|| format!("{word:?} is no algorithm: rsa-sha256 or ed25519-sha256"))?;
        let letter = match algorithm {
            Algorithm::RsaSha256 => "r",
            Algorithm::Ed25519Sha256 => "e",
        };
        let name = match selector {
            Some(name) if algorithms.len() == 1 => name.to_string(),
            Some(name) => format!("{name}{letter}"),
            None => free_name(gateway, domain, letter),
        };
        added.push(put(gateway, domain, &name, Origin::Made(algorithm), state)?);
    }
    Ok(added)
}

/// A name made of the month, and counted on if it is taken.
fn free_name(gateway: &Gateway, domain: &Domain, letter: &str) -> String {
    let month: String =
        date::write_iso(gateway.clock.now()).chars().filter(char::is_ascii_digit).take(6).collect();
    let taken: Vec<String> = gateway
        .dkim
        .list()
        .iter()
        .filter(|key| key.domain() == domain)
        .map(|key| key.selector().to_string())
        .collect();
    let first = format!("s{month}{letter}");
    let names = std::iter::once(first.clone())
        .chain((2..=taken.len() + 1).map(|nr| format!("{first}{nr}")));
    names.into_iter().find(|name| !taken.contains(name)).unwrap_or(first)
}

fn put(
    gateway: &Gateway,
    domain: &Domain,
    selector: &str,
    origin: Origin<'_>,
    state: State,
) -> Result<Value, String> {
    // RFC 6376 section 3.1: a selector is one or more labels.
    let selector = Domain::parse(selector)
        .map_err(|_| format!("{selector:?} is no selector: letters, digits and hyphens"))?;
    let key = gateway.dkim.add(domain, selector.as_str(), origin, State::Waiting);
    let key = key.map_err(|error| error.to_string())?;
    if state == State::Signing {
        gateway.dkim.turn(&key, State::Signing).map_err(|error| error.to_string())?;
    }
    Ok(line(&key, state))
}

fn line(key: &DkimKey, state: State) -> Value {
    json!({
        "domain": key.domain(),
        "selector": key.selector(),
        "algorithm": key.algorithm().word(),
        "state": state.word(),
        "made": date::write_iso(key.made),
        "since": date::write_iso(key.since),
        "record_name": key.record_name(),
        "record": key.record(),
    })
}
