//! Mail that we read ourselves: next hop `internal:`. Addresses are registered with whoever handles them; all others do not exist.
//!
//! A handler gets a mail from the spool, so it is durable before anybody looks at it, and comes again until it is handled.

use crate::{
    mail::{Address, Recipient},
    pipeline::{
        Gateway,
        courier::{Attempt, Delivery, Outcome, Said, Waiting},
        reported::{self, Reported},
        reports::Reader,
        settings::Reading,
        spooled::Spooled,
    },
    store::spool::Content,
};
use std::{collections::HashMap, fmt, sync::Arc};

/// One mail for one of our addresses.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// How it came.
    pub spooled: &'a Spooled,
    /// Which address, with what stands behind a `+` in it.
    pub recipient: &'a Recipient,
    /// Its bytes.
    pub content: &'a Content,
}

/// Why a mail was not handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotHandled {
    /// It may work later.
    Later(String),
    /// It never will: the mail is treated like any other that cannot be delivered.
    Never(String),
}

/// Reads mail for an address of ours.
pub trait Handler: Send + Sync {
    /// Takes one mail; gives a few words for log and trace. Called again with the same mail after a crash: handling twice must do no harm.
    fn handle<'a>(
        &'a self,
        gateway: &'a Gateway,
        mail: Incoming<'a>,
    ) -> Waiting<'a, Result<String, NotHandled>>;
}

/// Which local part is whose, in every domain whose next hop is `internal:`.
#[derive(Clone)]
pub struct Registry(HashMap<&'static str, Arc<dyn Handler>>);

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Registry {
    /// What comes with the program: `reports`, where reports of others are read, and where people say what a mail is.
    pub fn shipped() -> Registry {
        let reports = Registry(HashMap::new()).with(REPORTS, Arc::new(Reader));
        reported::NAMES.into_iter().fold(reports, |registry, (name, label)| {
            registry.with(name, Arc::new(Reported::new(label)))
        })
    }

    /// With one more address. The local part is lower case; what stands behind a `+` is the handler's.
    pub fn with(mut self, local: &'static str, handler: Arc<dyn Handler>) -> Registry {
        self.0.insert(local, handler);
        self
    }

    /// Does somebody read mail for this address?
    pub fn takes(&self, address: &Address) -> bool {
        self.handler(address).is_some()
    }

    fn handler(&self, address: &Address) -> Option<(&'static str, &Arc<dyn Handler>)> {
        let local = address.local().to_lowercase();
        let plain = local.split_once('+').map_or(local.as_str(), |(plain, _)| plain);
        self.0.get_key_value(plain).map(|(name, handler)| (*name, handler))
    }
}

/// Hands a spooled mail to those who read it.
pub(super) async fn deliver(
    gateway: &Gateway,
    spooled: &Spooled,
    recipients: &[Recipient],
    content: &Content,
) -> Delivery {
    let settings = gateway.settings.load_full();
    let mut outcomes = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let name = match settings.reading(&recipient.address) {
            Some(Reading::Reports) => Some(REPORTS),
            Some(Reading::Marked(label)) => Some(reported::name_of(label)),
            None => None,
        };
        let handler = match name {
            Some(name) => gateway.internal.0.get_key_value(name).map(|(name, one)| (*name, one)),
            None => gateway.internal.handler(&recipient.address),
        };
        let Some((name, handler)) = handler else {
            // Role addresses are taken in every domain; whoever looks after the quarantine reads them.
            outcomes.push(Outcome::Refused(said(550, "5.1.1", "nobody reads this address here")));
            continue;
        };
        let handled = handler.handle(gateway, Incoming { spooled, recipient, content }).await;
        let word = match &handled {
            Ok(_) => "handled",
            Err(NotHandled::Later(_)) => "later",
            Err(NotHandled::Never(_)) => "refused",
        };
        metrics::counter!("sluss_internal_mails_total", "address" => name, "outcome" => word)
            .increment(1);
        outcomes.push(match handled {
            Ok(words) => Outcome::Accepted(said(250, "2.0.0", &words)),
            Err(NotHandled::Later(why)) => Outcome::Later(said(450, "4.3.0", &why)),
            Err(NotHandled::Never(why)) => Outcome::Refused(said(550, "5.6.0", &why)),
        });
    }
    Delivery {
        attempt: Attempt::Finished(outcomes),
        server: String::new(),
        channel: None,
        dsn_handed_on: false,
    }
}

pub(super) fn said(code: u16, enhanced: &str, words: &str) -> Said {
    Said { code, enhanced: Some(enhanced.to_string()), line: format!("{code} {enhanced} {words}") }
}

/// The local part where reports of others come, and what the configured addresses stand for.
const REPORTS: &str = "reports";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registered_addresses_exist() {
        let registry = Registry::shipped();
        for (address, want) in [
            ("reports@reports.example", true),
            ("Reports+dmarc@reports.example", true),
            ("reports2@reports.example", false),
            ("Not-Spam@reports.example", true),
            ("spam2@reports.example", false),
            ("anna@reports.example", false),
        ] {
            assert_eq!(registry.takes(&Address::parse(address).unwrap()), want, "{address}");
        }
    }
}
