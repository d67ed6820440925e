//! What is remembered of how an organisation and a sender have written to each other.
//!
//! Counted only for senders whose domain was authenticated: what a forger writes earns him nothing, and costs nobody else anything.

use serde::{Deserialize, Serialize};

/// What is remembered, stored with the mail. All counts are of mails, and fade with time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Somebody speaks for the domain in From (DMARC, or an aligned SPF or DKIM pass): the counts are about who it says it is.
    pub authenticated: bool,
    /// It answers a mail that one of its recipients sent to this very address.
    pub answers_ours: bool,
    /// Mails that its recipients have sent to this address.
    pub written_to_address: f32,
    /// Mails that its recipients' organisation has sent to this domain.
    pub written_to_domain: f32,
    /// Mails that came from this address to this organisation, and were not unwanted.
    pub came_from_address: f32,
    /// Mails that came from this domain to this organisation, and were not unwanted.
    pub came_from_domain: f32,
    /// Mails of this domain that were held or refused.
    pub unwanted_from_domain: f32,
    /// How long this domain has been known here; none if this is the first time.
    pub domain_known_days: Option<u32>,
}

impl History {
    /// Nobody here has written to this address, and it has not written here, as itself, before.
    pub fn is_first_contact(&self) -> bool {
        !self.answers_ours
            && self.written_to_address <= 0.0
            && !(self.authenticated && self.came_from_address > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_written_to_or_wrote_as_himself_is_no_stranger() {
        let strange = History::default();
        for (what, history, want) in [
            ("nothing is known", strange.clone(), true),
            ("he was written to", History { written_to_address: 0.5, ..strange.clone() }, false),
            ("he answers", History { answers_ours: true, ..strange.clone() }, false),
            (
                "a forger of a known one",
                History { came_from_address: 9.0, ..strange.clone() },
                true,
            ),
            (
                "a known one",
                History { authenticated: true, came_from_address: 9.0, ..strange },
                false,
            ),
        ] {
            assert_eq!(history.is_first_contact(), want, "{what}");
        }
    }
}
