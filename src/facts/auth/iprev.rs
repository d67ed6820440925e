//! The reverse name of a client and whether it leads back, RFC 8601 section 3.

use super::{Names, NoAnswer, has_address};
use crate::{base::limits, facts::Known, wire::auth::Iprev};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a client is called, stored with the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IprevFact {
    /// The result.
    pub result: Iprev,
    /// The client that was asked about.
    pub client: IpAddr,
    /// The name that leads back; the first of the others, if none does.
    pub name: Option<String>,
}

/// Asks for the names of this client and for their addresses.
pub async fn check<N: Names>(names: &N, client: IpAddr) -> Known<IprevFact> {
    let client = client.to_canonical();
    let called = match names.ptr(client).await {
        Ok(called) => called,
        Err(NoAnswer(why)) => return Known::No(why),
    };
    let mut called = called.into_iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase());
    let mut first = None;
    let mut no_answer = None;
    for name in called.by_ref().take(limits::CLIENT_NAMES_MAX) {
        match has_address(names, &name, client).await {
            Ok(true) => {
                return Known::Yes(IprevFact { result: Iprev::Pass, client, name: Some(name) });
            }
            Ok(false) => (),
            Err(NoAnswer(why)) => no_answer = Some(why),
        }
        first.get_or_insert(name);
    }
    // The one that nobody answered for may be the one that leads back.
    if let Some(why) = no_answer {
        return Known::No(why);
    }
    let result = match first {
        Some(_) => Iprev::Fail,
        None => Iprev::PermError,
    };
    Known::Yes(IprevFact { result, client, name: first })
}
