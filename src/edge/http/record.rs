//! What somebody is about to do with held mails, as [`Site::record`] takes it before it is done.

use super::{
    site::{Site, store_is_away},
    visit::Visitor,
};
use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::Organisation,
    pipeline::{
        bulk::{self, Doing, Outcome},
        release,
    },
    store::{
        audit::{Details, Entry, Reason, What},
        held::{Held, Opinion, Releaser},
        people::Mailbox,
        scope::Scope,
    },
};
use std::collections::{HashMap, HashSet};

/// What somebody is about to do with held mails, and what stands in the audit log of it.
pub(super) struct Begun {
    pub(super) mails: Vec<Met>,
    numbers: Vec<u64>,
}

/// A mail as it was met by somebody who is about to act on it. It is read once for all that is said and done of it.
pub(super) struct Met {
    pub(super) id: Id,
    /// It is there, and the visitor's to see.
    is_seen: bool,
    of: Option<Organisation>,
    /// Who wrote it, in the form of own lists, and the mailbox on whose list that may stand. None: no such mail, or no list of the visitor's.
    pub(super) writer: Option<(Mailbox, String)>,
    /// When somebody did something with it last, if that is what this visitor may take back now.
    pub(super) acted: Option<UnixMs>,
}

/// What is done, why, and as what a mail is learned.
pub(super) struct Act<'a> {
    pub(super) what: Recorded,
    pub(super) why: Option<&'a str>,
    pub(super) opinion: Option<Opinion>,
}

/// By which word an act stands in the log.
pub(super) enum Recorded {
    /// By this one.
    As(What),
    /// By what it takes back of this one's acts.
    Undo(Releaser),
}

/// Records an act before it is done: one record for each mail, of the mail's organisation, so that each can be named. Ids that are not
/// there, or not the visitor's, have one too, which says what was asked for and that it was not done: that somebody reached for them is
/// worth it, and nothing is going to happen.
pub(super) async fn begin(
    site: &Site,
    visitor: &Visitor,
    act: Act<'_>,
    ids: &[Id],
) -> Result<Begun, String> {
    let details = || Details::default().word_if("as", act.opinion.map(Opinion::word));
    let entry = |held: Option<&Held>| {
        let what = match &act.what {
            Recorded::As(what) => *what,
            Recorded::Undo(by) => held.map_or(What::Undone, |held| release::undo_in_log(held, by)),
        };
        let (what, details) = match held {
            Some(_) => (what, details()),
            None => {
                let said = details().word("act", what.word()).word("why", Outcome::Missing.word());
                (What::NotDone, said)
            }
        };
        Entry::new(visitor.actor(), what)
            .because(act.why.and_then(|why| Reason::written(why, site.now())))
            .with(details)
    };
    let (mut mails, mut entries) = (Vec::new(), Vec::new());
    for id in ids {
        let held = site.gateway().stores.quarantine.get(*id).await;
        let held = held.map_err(|error| store_is_away(&error).to_string())?;
        let held = held.filter(|held| held.is_within(&visitor.scope));
        let met = Met::of(visitor, *id, held.as_ref());
        entries.push(entry(held.as_ref()).about(id).of(met.of.clone()));
        mails.push(met);
    }
    let numbers = site.record(visitor, entries).await?;
    Ok(Begun { mails, numbers })
}

impl Met {
    fn of(visitor: &Visitor, id: Id, held: Option<&Held>) -> Met {
        // The list is the recipient's: whoever sees a mail by its sender alone has no say in it.
        let has_say = |held: &&Held| visitor.scope.covers(&held.organisation, &held.recipient);
        let writer = held.filter(has_say).and_then(|held| {
            Some((Mailbox::new(&held.organisation, &held.recipient), held.listed_sender()?))
        });
        // What was only said of a mail says nothing of its sender.
        let by = Releaser::Staff(visitor.account.name.clone());
        let was_moved = |held: &&Held| release::undo_in_log(held, &by) != What::LearningUndone;
        Met {
            id,
            is_seen: held.is_some(),
            of: held.map(|held| held.organisation.clone()).or_else(|| organisation(visitor)),
            writer,
            acted: held.filter(was_moved).and_then(|held| held.act.as_ref()).map(|act| act.at),
        }
    }
}

impl Begun {
    /// Does it with those that the visitor may see; the others are missing. Which of them were not dealt with is recorded.
    pub(super) async fn act(
        &self,
        site: &Site,
        visitor: &Visitor,
        doing: &Doing,
    ) -> Vec<(Id, Outcome)> {
        let mut met = HashSet::new();
        let mails = self.mails.iter().filter(|mail| met.insert(mail.id));
        let (seen, missing): (Vec<&Met>, Vec<&Met>) = mails.partition(|mail| mail.is_seen);
        let seen: Vec<Id> = seen.iter().map(|mail| mail.id).collect();
        let mut outcomes = bulk::act(site.gateway(), &site.desk().signer, &seen, doing).await;
        outcomes.extend(missing.iter().map(|mail| (mail.id, Outcome::Missing)));
        self.end(site, visitor, &outcomes).await;
        outcomes
    }

    /// Records of which mails it came to nothing, as somebody had dealt with them before.
    async fn end(&self, site: &Site, visitor: &Visitor, outcomes: &[(Id, Outcome)]) {
        let not_done = |number: u64, of: Option<Organisation>, why: &str| {
            let details = Details::default().number("from", number).number("to", number);
            Entry::new(visitor.actor(), What::NotDone).of(of).with(details.word("why", why))
        };
        let outcomes: HashMap<Id, Outcome> = outcomes.iter().copied().collect();
        let mut entries = Vec::new();
        let seen = self.mails.iter().zip(&self.numbers).filter(|(met, _)| met.is_seen);
        for (met, number) in seen {
            let outcome = outcomes.get(&met.id).copied().unwrap_or(Outcome::Missing);
            if outcome != Outcome::Done {
                entries.push(not_done(*number, met.of.clone(), outcome.word()).about(met.id));
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
