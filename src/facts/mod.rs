//! What the world outside the message said when asked. Gathered once, stored with the mail, replayable.

pub mod accounts;
pub mod auth;
pub mod bounce;
pub mod breaker;
pub mod campaign;
pub mod clamd;
pub mod dns;
pub mod dns_list;
pub mod dnssec;
pub mod history;
pub mod listed;
pub mod sender;
pub mod sought;
pub mod wording;

use serde::{Deserialize, Serialize};

/// An answer that may not have come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known<T> {
    /// It was asked and answered.
    Yes(T),
    /// It was asked and no answer came: the reason.
    No(String),
    /// It was not asked.
    #[default]
    NotAsked,
}

impl<T> Known<T> {
    /// The result in the words of RFC 8601 section 2.7; none if nobody was asked.
    pub fn result(&self, word: impl Fn(&T) -> &'static str) -> Option<&'static str> {
        match self {
            Known::Yes(fact) => Some(word(fact)),
            Known::No(_) => Some("temperror"),
            Known::NotAsked => None,
        }
    }
}

/// Every outside fact a check may use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Has the client a name that leads back to it?
    #[serde(default)]
    pub iprev: Known<auth::iprev::IprevFact>,
    /// SPF: may the client send for the envelope sender's domain?
    pub spf: Known<auth::SpfFact>,
    /// DKIM: each signature, and what became of it.
    pub dkim: Known<Vec<crate::wire::auth::Signature>>,
    /// DMARC: does anybody who passed speak for the domain in From?
    pub dmarc: Known<auth::dmarc::DmarcFact>,
    /// For mail of our own that we do not sign: what DMARC will say where it arrives.
    #[serde(default)]
    pub departure: Known<auth::dmarc::DmarcFact>,
    /// ARC: who passed it on, and is the chain of them whole?
    pub arc: Known<auth::arc::ArcFact>,
    /// How the recipients' organisation and the sender have written to each other.
    #[serde(default)]
    pub history: Known<history::History>,
    /// Of a bounce: whose mail does it return?
    #[serde(default)]
    pub bounce: Known<bounce::Returned>,
    /// Which of the accounts in it the sender has written before.
    #[serde(default)]
    pub accounts: Known<accounts::Accounts>,
    /// The same content was tried before and the examiner did not finish.
    pub stumbled_before: Known<bool>,
    /// What ClamAV said.
    #[serde(default)]
    pub clamd: Known<clamd::Scanned>,
    /// What DNS lists say of who sent it and of what is inside.
    #[serde(default)]
    pub dns_lists: Known<dns_list::Listings>,
    /// What the lists of known-bad things hold of it.
    #[serde(default)]
    pub listed: Known<Vec<listed::Listed>>,
    /// Whom its client asked for beside those whom it came to.
    #[serde(default)]
    pub sought: Known<sought::Sought>,
    /// What was learned here of mail that is worded like it.
    #[serde(default)]
    pub wording: Known<wording::Wording>,
    /// How often the same mail came.
    #[serde(default)]
    pub campaign: Known<campaign::Campaign>,
}

impl Facts {
    /// Has one of the recipients written to whoever shows to have sent it?
    pub fn is_correspondent(&self) -> bool {
        match &self.history {
            Known::Yes(history) => {
                history.authenticated && (history.answers_ours || history.written_to_address > 0.0)
            }
            Known::No(_) | Known::NotAsked => false,
        }
    }
}
