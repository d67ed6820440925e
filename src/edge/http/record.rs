//! What somebody is about to do with held mails, as [`Site::record`] takes it before it is done.

use super::{
    site::{Site, store_is_away},
    visit::Visitor,
};
use crate::{
    base::{ids::Id, limits},
    mail::Organisation,
    pipeline::bulk::Outcome,
    store::{
        audit::{Details, Entry, Reason, What},
        held::Opinion,
        scope::Scope,
    },
};

/// What somebody is about to do with held mails, and what stands in the audit log of it.
pub(super) struct Begun {
    mails: Vec<(Id, Option<Organisation>)>,
    numbers: Vec<u64>,
}

/// What is done, why, and as what a mail is learned.
pub(super) struct Act<'a> {
    pub(super) what: What,
    pub(super) why: Option<&'a str>,
    pub(super) opinion: Option<Opinion>,
}

/// Records an act before it is done: one record for each mail, of the mail's organisation; for very many, one that says how many. Ids that
/// are not there, or not the visitor's, are recorded too: that somebody reached for them is worth it.
pub(super) async fn begin(
    site: &Site,
    visitor: &Visitor,
    act: Act<'_>,
    ids: &[Id],
) -> Result<Begun, String> {
    let details = || Details::default().word_if("as", act.opinion.map(Opinion::word));
    let entry = |of: Option<Organisation>| {
        Entry::new(visitor.actor(), act.what)
            .of(of)
            .because(act.why.and_then(|why| Reason::written(why, site.now())))
            .with(details())
    };
    let (mut mails, mut entries) = (Vec::new(), Vec::new());
    if ids.len() > limits::AUDIT_OBJECTS_MAX {
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        entries.push(entry(organisation(visitor)).with(details().number("mails", count)));
    } else {
        for id in ids {
            let held = site.gateway().stores.quarantine.get(*id).await;
            let held = held.map_err(|error| store_is_away(&error).to_string())?;
            let held = held.filter(|held| held.is_within(&visitor.scope));
            let of = held.map(|held| held.organisation).or_else(|| organisation(visitor));
            entries.push(entry(of.clone()).about(id));
            mails.push((*id, of));
        }
    }
    let numbers = site.record(visitor, entries).await?;
    Ok(Begun { mails, numbers })
}

impl Begun {
    /// Records of which mails it came to nothing, as somebody had dealt with them before.
    pub(super) async fn end(self, site: &Site, visitor: &Visitor, outcomes: &[(Id, Outcome)]) {
        let not_done = |number: u64, of: Option<Organisation>, why: &str| {
            let details = Details::default().number("from", number).number("to", number);
            Entry::new(visitor.actor(), What::NotDone).of(of).with(details.word("why", why))
        };
        let mut entries = Vec::new();
        if let (true, [number]) = (self.mails.is_empty(), self.numbers.as_slice()) {
            let failed = outcomes.iter().filter(|(_, outcome)| *outcome != Outcome::Done).count();
            if failed > 0 {
                let why = format!("{failed} of {}", outcomes.len());
                entries.push(not_done(*number, organisation(visitor), &why));
            }
        }
        for ((id, of), number) in self.mails.into_iter().zip(&self.numbers) {
            let outcome = outcomes.iter().find(|(one, _)| *one == id).map(|(_, outcome)| *outcome);
            let outcome = outcome.unwrap_or(Outcome::Missing);
            if outcome != Outcome::Done {
                entries.push(not_done(*number, of, outcome.word()).about(id));
            }
        }
        // Site::record says in the log when it cannot.
        if !entries.is_empty() {
            let _not_recorded = site.record(visitor, entries).await;
        }
    }
}

/// The organisation that a visitor sees; none: all of them.
pub(super) fn organisation(visitor: &Visitor) -> Option<Organisation> {
    match &visitor.scope {
        Scope::Everything => None,
        Scope::Organisation(own) | Scope::Domains(own, _) | Scope::Mailbox(own, _) => {
            Some(own.clone())
        }
    }
}
