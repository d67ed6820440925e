//! What is remembered of the accounts that correspondents write: how often, since when, and never which.

use crate::{
    base::{clock::UnixMs, hidden::Hidden},
    mail::Organisation,
    personal::accounts::AccountKind,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one mail teaches one organisation.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// Who learns.
    pub organisation: Organisation,
    /// A domain, or an address where the domain is everybody's.
    pub correspondent: String,
    /// What stands in the mail.
    pub accounts: Vec<(AccountKind, Hidden<String>)>,
}

/// Has somebody said that the accounts are right?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approved {
    /// Nobody was asked.
    No,
    /// Whoever released the mail they stand in.
    Yes,
    /// An operator, by command; there is no mail.
    BeforeAnyMail,
}

/// What is known of a correspondent and of the accounts of one mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Mails with accounts that came from it.
    pub invoices: u32,
    /// Different accounts in them.
    pub accounts: u32,
    /// Those of them that came after its first mail, and that nobody has approved.
    pub later: u32,
    /// Each account that was asked about.
    pub sights: Vec<Sight>,
}

/// Was an account seen before?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// No.
    Never,
    /// Yes.
    Seen {
        /// For so long.
        days: u32,
        /// After so many mails with other accounts.
        invoices_then: u32,
        /// Somebody has said that it is right.
        approved: bool,
    },
}

/// One line of `sluss bank-accounts list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Whose memory.
    pub organisation: String,
    /// Whose accounts.
    pub correspondent: String,
    /// Mails with accounts.
    pub invoices: u32,
    /// When the first came.
    pub first_seen: UnixMs,
    /// When the latest came.
    pub last_seen: UnixMs,
    /// How many different accounts of each kind.
    pub kinds: BTreeMap<String, u32>,
    /// How many of them somebody has approved.
    pub approved: u32,
}
