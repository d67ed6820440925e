//! What somebody is about to do with held mails, as [`Site::record`] takes it before it is done.

use super::{site::Site, visit::Visitor};
use crate::{
    base::{ids::Id, limits},
    mail::Organisation,
    store::{
        audit::{Details, Entry, Reason, What},
        held::Opinion,
        scope::Scope,
    },
};

/// One record for each mail; for very many, one that says how many. Ids that are not there, or not the visitor's, are recorded too: that
/// somebody reached for them is worth it.
pub(super) fn of_mails(
    site: &Site,
    visitor: &Visitor,
    what: What,
    ids: &[Id],
    why: Option<&str>,
) -> Vec<Entry> {
    let organisation = organisation(visitor);
    let entry = || {
        Entry::new(visitor.actor(), what)
            .of(organisation.clone())
            .because(why.and_then(|why| Reason::written(why, site.now())))
    };
    match ids.len() > limits::AUDIT_OBJECTS_MAX {
        true => {
            let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
            vec![entry().with(Details::default().number("mails", count))]
        }
        false => ids.iter().map(|id| entry().about(id)).collect(),
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

/// What is said of the mails stands in each record.
pub(super) fn add_opinion(entries: &mut Vec<Entry>, opinion: Opinion) {
    for entry in entries {
        entry.details = std::mem::take(&mut entry.details).word("as", opinion.word());
    }
}
