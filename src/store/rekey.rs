//! A new key for an organisation: made, everything of it wrapped by the new one, the old one destroyed. Mail goes on meanwhile.
//!
//! Killed at any point it is taken up again: an organisation with two keys has a change to be ended.

use crate::{
    mail::Organisation,
    store::{
        StoreError,
        embedded::{BankAccounts, Correspondence, Lessons, Persons, Quarantine},
        keyring::KeyRing,
        spool::Spool,
    },
};

/// Where keys are needed.
#[derive(Debug, Clone)]
pub struct Rekeying<'a> {
    /// The keys.
    pub ring: &'a KeyRing,
    /// Mail that waits.
    pub spool: &'a Spool,
    /// Mail that is held.
    pub quarantine: &'a Quarantine,
    /// Who writes to whom.
    pub correspondence: &'a Correspondence,
    /// What hashes of accounts are made with.
    pub bank_accounts: &'a BankAccounts,
    /// What lessons are sealed with.
    pub lessons: &'a Lessons,
    /// What marks of persons are made with.
    pub persons: &'a Persons,
}

/// What a change of an organisation's key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rekeyed {
    /// The version in force.
    pub version: u32,
    /// Waiting mails wrapped anew.
    pub waiting: u64,
    /// Held mails wrapped anew.
    pub held: u64,
    /// Held mails that only the old key opens, because they are of an earlier version's form; it is kept until they are gone.
    pub left_behind: u64,
    /// Keys destroyed.
    pub destroyed: u64,
}

/// Why it was not ended. It is taken up again by itself.
#[derive(Debug, thiserror::Error)]
pub enum NotRekeyed {
    /// The quarantine or the keys did not do their part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool did not.
    #[error(transparent)]
    Spool(#[from] crate::store::spool::SpoolError),
    /// There is no such organisation.
    #[error("organisation {0} has no key: nothing of it was ever stored")]
    Unknown(String),
}

impl Rekeying<'_> {
    /// Makes a new key for an organisation and ends what that begins.
    pub async fn begin(&self, organisation: &Organisation) -> Result<Rekeyed, NotRekeyed> {
        if self.ring.newest(organisation).is_none() {
            return Err(NotRekeyed::Unknown(organisation.name().to_string()));
        }
        let (ring, theirs) = (self.ring.clone(), organisation.clone());
        let made = tokio::task::spawn_blocking(move || ring.renew(&theirs));
        made.await.map_err(|_| StoreError::Closed)??;
        self.end(organisation).await
    }

    /// Wraps everything of an organisation by its newest key and destroys the older ones.
    pub async fn end(&self, organisation: &Organisation) -> Result<Rekeyed, NotRekeyed> {
        // Whoever took the old key before has stored what it wraps, so that it is found.
        self.ring.settled().await;
        let version = self.ring.newest(organisation).map_or(0, |newest| newest.version);
        let waiting = self.spool.rewrap(organisation).await?;
        let held = self.quarantine.rewrap(organisation).await?;
        self.correspondence.rewrap(organisation).await?;
        self.bank_accounts.rewrap(organisation).await?;
        self.lessons.rewrap(organisation).await?;
        self.persons.rewrap(organisation).await?;
        let left_behind = self.quarantine.left_behind(organisation, version).await?;
        let mut destroyed = 0;
        if left_behind == 0 {
            let (ring, theirs) = (self.ring.clone(), organisation.clone());
            let retired = tokio::task::spawn_blocking(move || ring.retire(&theirs, version));
            let retired = retired.await.map_err(|_| StoreError::Closed)??;
            destroyed = u64::try_from(retired).unwrap_or(0);
        }
        Ok(Rekeyed { version, waiting, held, left_behind, destroyed })
    }
}
