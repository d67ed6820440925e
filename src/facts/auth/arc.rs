//! ARC, RFC 8617: is the chain of those who passed a mail on whole, and who are they?

use super::{Names, NoAnswer};
use crate::{
    facts::Known,
    mail::Header,
    wire::auth::{
        Arc,
        arc::{Broken, Chain, Sealer},
        key::PublicKey,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What ARC says, stored with the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArcFact {
    /// The state of the chain.
    pub result: Arc,
    /// Who passed it on, the first first. Only what a whole chain says may be believed, and that only of those one trusts.
    pub sealers: Vec<Sealer>,
    /// Why, for an admin.
    pub because: String,
}

impl ArcFact {
    /// That of a mail without a chain.
    pub fn none() -> ArcFact {
        let because = "nobody has sealed it".to_string();
        ArcFact { result: Arc::None, sealers: Vec::new(), because }
    }
}

/// Reads the chain of a mail and asks for its keys. Hashes the body: not for a thread that others wait for.
pub async fn check<N: Names>(names: &N, message: &[u8], header: &Header) -> Known<ArcFact> {
    let fact = |result, sealers, because: &str| {
        Known::Yes(ArcFact { result, sealers, because: because.to_string() })
    };
    let chain = match Chain::read(header) {
        Ok(Some(chain)) => chain,
        Ok(None) => return Known::Yes(ArcFact::none()),
        Err(Broken(why)) => return fact(Arc::Fail, Vec::new(), &why),
    };
    let mut keys: HashMap<&str, PublicKey> = HashMap::new();
    for name in chain.keys() {
        match names.txt(name).await {
            Ok(records) => {
                let key = records.iter().find_map(|record| PublicKey::parse(record).ok());
                keys.extend(key.map(|key| (name, key)));
            }
            Err(NoAnswer(why)) => return Known::No(why),
        }
    }
    let body = message.get(header.body_at()..).unwrap_or_default();
    let sealers = chain.sealers(header);
    match chain.verify(header, body, |name| keys.get(name)) {
        Ok(()) => fact(Arc::Pass, sealers, "every seal fits"),
        Err(Broken(why)) => fact(Arc::Fail, sealers, &why),
    }
}
