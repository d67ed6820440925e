//! `[digest]`: the mail that tells people what of their mail is held.

use crate::{
    base::{
        limits,
        local::{TimeOfDay, Weekday, Zone},
    },
    mail::Address,
    wire::report::Language,
};
use serde::{Deserialize, Serialize};

/// The mail that tells people what of their mail is held. A mailbox may have times, zone and language of its own: `sluss mailbox set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Digest {
    /// Write digests. Default: as soon as `[web] public-url` is set, since the buttons lead there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// When they go out, on the clock of the reader; only to those for whom something new is held. Default 07:30, 12:30 and 16:00.
    pub times: Vec<TimeOfDay>,
    /// On which days. Default Monday to Friday.
    pub days: Vec<Weekday>,
    /// The readers' time zone: "Europe/Helsinki". Default: by the `country` of their organisation, else "Europe/Stockholm".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// In which language: "en", "sv", "fi", "nb", "da". Default: the first of their organisation's `languages` that is one of these,
    /// else `notice-language` in `[outbound]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Who writes them. Default: `quarantine@` the domain of the reader, under the `title` of the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// Most mails shown in one; the others are counted. Default 25.
    pub rows_max: usize,
    /// Score from which spam is counted and not shown. Default 12.
    #[serde(serialize_with = "crate::base::number::write")]
    pub fold_above: f32,
    /// Days the buttons and the answer work; never longer than the mail is held. Default 14.
    pub token_days: u64,
    /// What a person does before a button's page acts: "press" (default), or "number": choose the number that stands beside the mail in
    /// the digest, for sites whose link scanners press buttons.
    pub confirm: Confirm,
}

/// What a person does before a button's page acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// Press. The number is asked for by itself when one link is opened from several networks within a minute.
    #[default]
    Press,
    /// Choose the right number among several, always.
    Number,
}

impl Digest {
    /// Nothing is said about it.
    pub fn is_default(&self) -> bool {
        *self == Digest::default()
    }

    /// Is a mail with this score so certainly spam that it is counted and not shown?
    pub fn folds(&self, score: f32) -> bool {
        score >= self.fold_above
    }
}

impl Default for Digest {
    fn default() -> Digest {
        Digest {
            enabled: None,
            times: [(7, 30), (12, 30), (16, 0)]
                .into_iter()
                .filter_map(|(hour, minute)| TimeOfDay::new(hour, minute))
                .collect(),
            days: Weekday::WORKING.to_vec(),
            zone: None,
            language: None,
            sender: None,
            rows_max: limits::DIGEST_ROWS,
            fold_above: 12.0,
            token_days: limits::DIGEST_TOKEN_DAYS,
            confirm: Confirm::default(),
        }
    }
}
