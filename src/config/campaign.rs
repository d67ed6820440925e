//! `[campaign]`: what happens when a mail that was delivered is found to be bad later.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The same mail to many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CampaignConfig {
    /// A program that is told of mails that were delivered before their campaign was known to be bad, so that it can have them pulled from
    /// mailboxes. An absolute path; it is run without a shell, as the user of the gateway, with nothing in its environment, and reads a line
    /// of JSON for each mail from its standard input. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<PathBuf>,
}

impl CampaignConfig {
    /// Nothing was written?
    pub fn is_default(&self) -> bool {
        *self == CampaignConfig::default()
    }
}
