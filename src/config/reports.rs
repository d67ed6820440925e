//! `[reports]`: reports of others about our mail that are read here.

use crate::{base::limits, mail::Address};
use serde::{Deserialize, Serialize};

/// Reports of others about our mail: DMARC aggregate reports, complaints (ARF), delivery notices (DSN).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reports {
    /// Addresses in domains of ours whose mail is read here and not passed on: those that you name with `rua=` and `ruf=` in your DMARC
    /// records, and where complaints come. What stands behind a `+` in the local part is the sender's. Default none; a domain whose
    /// next hop is "internal:" has `reports@` in any case. `postmaster` and `abuse` cannot stand here: people write to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Days a report is kept. Default 400: a year, and the month before it to compare with. Complaints and delivery notices name people's
    /// addresses and are kept 90 days at most.
    #[serde(default = "default_days")]
    pub days: u64,
}

impl Default for Reports {
    fn default() -> Reports {
        Reports { addresses: Vec::new(), days: default_days() }
    }
}

fn default_days() -> u64 {
    limits::REPORT_DAYS
}
