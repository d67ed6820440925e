//! Watches whether the channel to a mail host is worse than it was: each connection to one is held against the ledger, and told in it.
//!
//! Nobody is kept from sending by it: what may go over a channel is the policy's business. Where the ledger cannot be read or written, mail goes
//! on, and the log says so.

use super::{SmtpCourier, Step, Target, bond, manners::StsManner};
use crate::{
    config::{PartnerEntry, PartnerTls},
    mail::Domain,
    pipeline::courier::Tls,
    store::embedded::{Transport, Went, Worse},
    wire::tls::{
        Policy, Refusal,
        ledger::{Downgrade, Look, Sight},
    },
};

impl SmtpCourier {
    /// Compares what is seen of a mail host now with the best that was, and writes both down; gives what is worse.
    pub(super) async fn watch(
        &self,
        step: Step<'_>,
        target: Target<'_>,
        sight: Sight<'_>,
    ) -> Vec<Downgrade> {
        let (Some(domain), Some(host)) = (&step.route.domain, target.mail_host) else {
            return Vec::new();
        };
        let look = Look {
            sight,
            tlsa_unusable: target.bond.policy == Policy::Encrypted
                && bond::configured(step.route) != Policy::Encrypted,
            proofs_asked: asks_for_proof(step),
            today: self.clock.now().0 / DAY_MS,
        };
        self.compare(domain, host, look).await
    }

    /// The same for a mail host that is not even spoken to.
    pub(super) async fn watch_refusal(&self, step: Step<'_>, host: &Domain, refusal: &Refusal) {
        let Some(domain) = &step.route.domain else { return };
        let look = Look {
            sight: Sight::Refused(refusal),
            tlsa_unusable: false,
            proofs_asked: true,
            today: self.clock.now().0 / DAY_MS,
        };
        self.compare(domain, host, look).await;
    }

    async fn compare(&self, domain: &Domain, host: &Domain, look: Look<'_>) -> Vec<Downgrade> {
        let before = match self.transport.standing(domain, host).await {
            Ok(before) => before,
            Err(error) => {
                tracing::error!(%domain, %host, %error, "whether the channel is worse than before is not known");
                return Vec::new();
            }
        };
        let worse = before.downgrades(look);
        let went = match look.sight {
            Sight::Channel(channel) => {
                let now = before.clone().with(channel, look.today);
                if now != before {
                    self.transport.remember_standing(domain, host, &now);
                }
                Went::On
            }
            Sight::Refused(_) => Went::Nowhere,
        };
        if !worse.is_empty() {
            let seen = Worse {
                domain: domain.clone(),
                host: host.clone(),
                kinds: worse.clone(),
                went,
                at: self.clock.now(),
            };
            // Beside the mail: it need not wait for the disk.
            tokio::spawn(note(self.transport.clone(), seen));
        }
        worse
    }
}

/// Is anybody asked for a proof? Of a partner the terms are, whatever the mail would rather have; DANE and MTA-STS are where they are not switched
/// off, and the mail does not ask to pass over them.
fn asks_for_proof(step: Step<'_>) -> bool {
    let is_bound = |partner: &PartnerEntry| partner.tls == PartnerTls::Verified;
    let by_dns = step.manners.dane || !matches!(step.manners.sts, StsManner::Off);
    step.manners.partner(step.way()).is_some_and(is_bound)
        || (step.route.tls != Tls::Off && !step.asks.relaxed && by_dns)
}

/// Writes it down, and tells what is the first of its domain and kind on that day.
async fn note(transport: Transport, seen: Worse) {
    let Worse { domain, host, went, .. } = seen.clone();
    let mail = match went {
        Went::On => "goes on",
        Went::Nowhere => "waits",
    };
    match transport.note_downgrades(seen).await {
        Ok(first) => {
            for kind in first {
                metrics::counter!("sluss_downgrades_total", "kind" => kind.word()).increment(1);
                tracing::warn!(%domain, %host, kind = kind.word(), mail, "the channel to a mail host is worse than it was: {}; it is told once a day", kind.words());
            }
        }
        Err(error) => tracing::error!(%domain, %error, "a downgrade could not be written down"),
    }
}

const DAY_MS: u64 = 86_400_000;
