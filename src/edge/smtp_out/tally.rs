//! Counts sessions for those whose mail they carry, RFC 8460: one for each connection that was tried with a mail host of theirs.
//!
//! Nothing of it costs a mail anything: what cannot be counted is not. Mail that asks to arrive whatever its channel (`TLS-Required: No`, and our
//! own reports) is under no policy, and says nothing of one. Neither does what never came to TLS: a host that is away, or wants no mail.

use super::{
    SmtpCourier, Step, Target,
    connection::{Connection, Place},
};
use crate::{
    base::networks,
    mail::Domain,
    pipeline::courier::Tls,
    wire::tls::{
        InClear, Policy, Refusal, Secured,
        judge::would_refuse,
        mta_sts::{Mode, StsPolicy},
        rpt::{Applied, Failure, Kind, Session},
    },
};
use std::net::IpAddr;

impl SmtpCourier {
    /// Counts a connection, or what was refused of it.
    pub(super) fn tally(
        &self,
        step: Step<'_>,
        target: Target<'_>,
        connected: Result<&Connection, Option<&Refusal>>,
    ) {
        let Some(host) = target.mail_host else { return };
        let Some(applied) = Applied::of(&target.bond.policy) else { return };
        let failed = match connected {
            // What never came to TLS.
            Err(None) => return,
            Err(Some(refusal)) => Some(refusal.result_type()),
            Ok(connection) => match (&connection.channel.secured, &connection.bond.policy) {
                (Secured::Clear(InClear::Local | InClear::SwitchedOff), _) => return,
                (_, Policy::Sts(policy)) if policy.mode == Mode::Testing => {
                    would_refuse(policy, host, &connection.channel)
                        .map(|refusal| refusal.result_type())
                }
                (Secured::Tls(_), _) => None,
                (Secured::Clear(InClear::NotOffered | InClear::Refused(_)), _) => {
                    Some("starttls-not-supported")
                }
                (Secured::Clear(InClear::Broken(_)), _) => Some("validation-failure"),
            },
        };
        let (to, from) = match target.place {
            Place::Net { at, .. } => {
                let source = step.manners.of(step.route, step.hop).source_for(at.ip());
                (Some(at.ip()), source.filter(|ip: &IpAddr| networks::is_in_the_world(*ip)))
            }
            Place::Socket(_) => (None, None),
        };
        let failure = failed.map(|result| Failure {
            result: result.to_string(),
            from,
            host: Some(host.clone()),
            to,
        });
        self.count(step, applied, failure);
    }

    /// The same for a mail host that is not even spoken to, or for all of them.
    pub(super) fn tally_refusal(
        &self,
        step: Step<'_>,
        host: Option<&Domain>,
        sts: Option<&StsPolicy>,
        refusal: &Refusal,
    ) {
        let applied = match (refusal, sts) {
            (Refusal::HostNotNamed(_), Some(policy)) => Applied::of(&Policy::Sts(policy.clone())),
            (Refusal::Bogus(_) | Refusal::NoAnswer(_), _) => Some(Applied::bare(Kind::Tlsa)),
            // Others are found only when a server is spoken to, or concern a partner.
            _ => None,
        };
        let Some(applied) = applied else { return };
        let failure = Failure {
            result: refusal.result_type().to_string(),
            from: None,
            host: host.cloned(),
            to: None,
        };
        self.count(step, applied, Some(failure));
    }

    fn count(&self, step: Step<'_>, applied: Applied, failure: Option<Failure>) {
        let counted = step.manners.tls_reports
            && !step.asks.relaxed
            && step.route.tls != Tls::Off
            // What is agreed with a partner is the two's business.
            && step.manners.partner(step.way()).is_none();
        if let (true, Some(domain)) = (counted, &step.route.domain) {
            self.transport.note_session(Session { domain: domain.clone(), applied, failure });
        }
    }
}
