//! How strangers are met before their mail is taken: `[admission]`.

use crate::{base::limits, config::Span};
use serde::{Deserialize, Serialize};

/// How strangers are met at inbound listeners. Your own networks, users, `trusted-relays` and `exempt-networks` are no strangers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AdmissionConfig {
    /// How long a client that has not been here before waits for the greeting; who talks first is refused. A client that was quiet does not
    /// wait again for 36 days. Default 2 seconds, at most 20; "0 s": nobody waits.
    pub early_talker_wait: Span,
    /// Turn away for a while who has done too much of what no mail server does (`sluss bans list`, `sluss events`). False: it is told and
    /// nobody is banned, but those whom you ban by hand. Default true.
    pub bans: bool,
    /// Refuse strangers that introduce themselves with our name, a domain of ours or our address, where the policy protects. Default true.
    pub helo: bool,
    /// How soon the second try of a greylisted mail may pass (`greylist` in a policy). Default 4 minutes; tries within 2 days count.
    pub greylist_wait: Span,
    /// Recipients of one connection that do not exist before it is ended. From the eleventh on each is answered later. Default 30;
    /// 0: it is never ended for them.
    pub unknown_recipients_per_session: u32,
}

impl Default for AdmissionConfig {
    fn default() -> AdmissionConfig {
        AdmissionConfig {
            early_talker_wait: Span(limits::EARLY_TALKER_WAIT),
            bans: true,
            helo: true,
            greylist_wait: Span(limits::GREYLIST_WAIT_MIN),
            unknown_recipients_per_session: limits::UNKNOWN_RECIPIENTS_PER_SESSION_MAX,
        }
    }
}
