//! `[mta-sts]`: what others hold the mail hosts of our own domains to (RFC 8461).

use crate::{
    base::limits,
    config::Span,
    mail::Domain,
    wire::tls::mta_sts::{Mode, Pattern, StsPolicy},
};
use serde::{Deserialize, Serialize};

/// The policy that the public web serves for each of our domains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnSts {
    /// "off" (default): none is served. "testing": others report what it would have kept. "enforce": others send to these mail hosts with good
    /// certificates, or not at all. "none": there was one, and it holds no more; leave it so until the old one's `max-age` is over.
    #[serde(default)]
    pub mode: OwnStsMode,
    /// The mail hosts, as their certificates name them: "mx.ours.example", or "*.ours.example" for one label more. Default: the hostname.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mx: Vec<Pattern>,
    /// How long others keep it, from a day to a year. Default "7 days".
    #[serde(default = "default_max_age")]
    pub max_age: Span,
}

/// How much it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnStsMode {
    /// None is served.
    #[default]
    Off,
    /// It holds no more.
    None,
    /// Others report.
    Testing,
    /// Others keep mail.
    Enforce,
}

impl OwnSts {
    /// Nothing was written?
    pub fn is_default(&self) -> bool {
        *self == OwnSts::default()
    }

    /// The policy; none where none is served.
    pub fn policy(&self, hostname: &Domain) -> Option<StsPolicy> {
        let mode = match self.mode {
            OwnStsMode::Off => return None,
            OwnStsMode::None => Mode::None,
            OwnStsMode::Testing => Mode::Testing,
            OwnStsMode::Enforce => Mode::Enforce,
        };
        let mx = match self.mx.is_empty() {
            true => vec![Pattern::Exactly(hostname.clone())],
            false => self.mx.clone(),
        };
        Some(StsPolicy { mode, max_age: self.max_age.0, mx })
    }
}

impl Default for OwnSts {
    fn default() -> OwnSts {
        OwnSts { mode: OwnStsMode::Off, mx: Vec::new(), max_age: default_max_age() }
    }
}

fn default_max_age() -> Span {
    Span(limits::OWN_STS_MAX_AGE)
}
