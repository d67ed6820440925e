//! The whole chain, looked at in the background: what somebody did to an old file shows while the gateway runs, and not only when somebody
//! asks. Slowly, for nobody waits for it: a long log is read in pieces with pauses between them.

use super::{Asked, AuditLog, Verified, index::Index, verify::verify_from};
use crate::{
    base::limits,
    store::{StoreError, signer::Fingerprint, spool::RealDisk},
};
use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
};
use tokio::sync::oneshot;

/// What is wrong with the chain, as far as it was looked at; empty: nothing is.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    pub(super) fn set(&self, what: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AuditLog {
    /// What is wrong with the chain, in a sentence: seen when the log was opened, or at the last look at all of it. Costs nothing.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.get()
    }

    /// Why the log could not be signed, if it could not the last time. Costs nothing.
    pub fn unsigned(&self) -> Option<String> {
        self.unsigned.get()
    }

    /// Says so, or that it could.
    pub fn set_unsigned(&self, why: Option<String>) {
        self.unsigned.set(why);
    }

    /// Looks at all of the chain, and whether one of these keys signed it. What is found is what [`AuditLog::trouble`] says from then on;
    /// true: it was not known before.
    pub async fn look(&self, keys: Vec<Fingerprint>) -> Result<bool, StoreError> {
        let (tell, told) = oneshot::channel();
        let (folder, index) = (self.folder.clone(), self.index.clone());
        // A thread of its own, which keeps nobody from ending: it is left behind in the middle of the log.
        thread::Builder::new()
            .name("sluss-audit-look".to_string())
            .spawn(move || {
                // Whoever asked may have gone away.
                let _gone = tell.send(look(&folder, &index, keys));
            })
            .map_err(super::files::failed("starting to read", &self.folder))?;
        let found = told.await.unwrap_or(Err(StoreError::Closed))?;
        let what = in_a_sentence(&found);
        let is_news = what.is_some() && what != self.trouble.get();
        self.trouble.set(what);
        Ok(is_news)
    }
}

fn look(
    folder: &Path,
    index: &OnceLock<Index>,
    pins: Vec<Fingerprint>,
) -> Result<Verified, StoreError> {
    let asked = Asked { pins, ..Asked::default() };
    let pause = |records: u64| {
        if records > 0 {
            thread::sleep(limits::AUDIT_LOOK_PAUSE);
        }
    };
    let seen = || index.get().and_then(|index| index.seen().ok().flatten());
    let found = verify_from(&RealDisk, folder, &asked, seen(), pause)?;
    match found.whole {
        true => Ok(found),
        // A file that others write to just now may have looked torn: it does not twice.
        false => verify_from(&RealDisk, folder, &asked, seen(), pause),
    }
}

fn in_a_sentence(found: &Verified) -> Option<String> {
    let first = found.bad.first()?;
    let line = match first.line {
        0 => String::new(),
        line => format!(" line {line}"),
    };
    let missing = match found.missing {
        0 => String::new(),
        1 => "; 1 record is missing".to_string(),
        many => format!("; {many} records are missing"),
    };
    Some(format!("{}{line}: {}{missing}", first.file, first.why))
}
