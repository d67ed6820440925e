//! "This is no personal data": whoever sent a mail says so of what was found in it, with a reason. The mail goes as it is, the same values are quiet from
//! then on in his organisation, and whoever answers for personal data hears of it. Not of lists, and not of special categories.

use crate::{
    base::{ids::Id, limits},
    config::care::Class,
    examine::{Contents, Mark, Personal},
    mail::{Address, Direction, Organisation, ReversePath},
    pipeline::{
        Gateway,
        deliver::UNPROVEN,
        personal_mail,
        release::{self, NotReleased, Signer},
        settings::Settings,
    },
    store::{
        StoreError,
        embedded::Waived,
        held::{Held, HeldFilter, HeldState, Releaser},
        people::Mailbox,
        scope::Scope,
    },
    verdict::care,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Takes out of a mail what was waived. Not of one with many persons or special categories: about those no single value decides.
pub(super) fn apply(waived: &Waived, organisation: &Organisation, contents: &mut Contents) {
    let grave = |line: &Personal| line.kind.starts_with("special.") || line.kind == "register";
    if contents.personal.is_empty()
        || waived.is_empty_for(organisation)
        || contents.persons >= limits::BULK_PERSONS_MIN
        || contents.personal.iter().any(grave)
    {
        return;
    }
    let mut quiet: BTreeSet<Mark> = BTreeSet::new();
    for line in &mut contents.personal {
        let before = line.marks.len();
        line.marks.retain(|mark| {
            let is_waived = waived.has(organisation, mark);
            if is_waived && line.persons > 0 {
                quiet.insert(*mark);
            }
            !is_waived
        });
        let gone = u32::try_from(before - line.marks.len()).unwrap_or(u32::MAX);
        line.persons = line.persons.saturating_sub(gone);
        // One value may stand there more than once.
        line.count = match line.marks.is_empty() && gone > 0 {
            true => 0,
            false => line.count.saturating_sub(gone),
        };
    }
    let quiet = u32::try_from(quiet.len()).unwrap_or(u32::MAX);
    contents.persons = contents.persons.saturating_sub(quiet);
    contents.personal.retain(|line| line.count > 0);
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotWaived {
    /// Somebody who answers for personal data decides about lists and special categories.
    #[error("there is too much in it for its sender to say so")]
    TooMuch,
    /// The policy does not let a sender say so.
    #[error("the policy does not let a sender say so")]
    NotAllowed,
    /// It was not sent.
    #[error(transparent)]
    NotReleased(#[from] NotReleased),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Can its sender say so of this one, as far as the row shows?
pub fn may_say(settings: &Settings, mailbox: &Mailbox, held: &Held) -> bool {
    let sent_it = match &held.sender {
        ReversePath::Address(sender) => sender.key() == mailbox.address,
        ReversePath::Null => false,
    };
    let found = |is: &dyn Fn(&str) -> bool| {
        let all = held.findings.as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().any(|one| one.get("id").and_then(Value::as_str).is_some_and(is))
    };
    let waits = match held.state {
        HeldState::Held => {
            [care::UNPROTECTED, UNPROVEN.id].contains(&held.why.as_str())
                && found(&|id| id == Class::Confidential.finding())
        }
        // What was found stands there, and not the class; a wish alone has found nothing.
        HeldState::Portal => {
            found(&|id| id.starts_with("personal."))
                && !found(&|id| id.starts_with("personal.special."))
        }
        HeldState::Rejected
        | HeldState::Released
        | HeldState::Seen
        | HeldState::Deleted
        | HeldState::Files => false,
    };
    sent_it
        && waits
        && held.direction == Direction::Outbound
        && held.organisation == mailbox.organisation
        && settings.outbound_policy(&mailbox.organisation).personal_data.may_override
}

/// What a mailbox sent that is held, or waits in the portal, for what was found in it; the newest first.
pub async fn waiting(gateway: &Gateway, mailbox: &Mailbox) -> Result<Vec<Held>, StoreError> {
    let settings = gateway.settings.load_full();
    let scope = Scope::Organisation(mailbox.organisation.clone());
    let filter = HeldFilter {
        sender: Some(mailbox.address.clone()),
        finding: Some("personal".to_string()),
        direction: Some(Direction::Outbound.word().to_string()),
        states: vec![HeldState::Held, HeldState::Portal],
        ..HeldFilter::first(limits::OWN_PARCELS_LISTED_MAX)
    };
    let found = gateway.stores.quarantine.search(&scope, filter).await?;
    Ok(found.held.into_iter().filter(|held| may_say(&settings, mailbox, held)).collect())
}

/// Its sender says so. Who he is, that he may, and that it stands in the audit log, is what the caller has seen to.
pub async fn say(
    gateway: &Gateway,
    id: Id,
    signer: &Signer,
    by: &Address,
    reason: &str,
) -> Result<Held, NotWaived> {
    let settings = gateway.settings.load_full();
    let seen = release::look_again(gateway, id).await?;
    if care::class_of(&seen.judged.findings).is_none_or(|class| class > Class::Confidential) {
        return Err(NotWaived::TooMuch);
    }
    let organisation = seen.held.organisation.clone();
    if !settings.outbound_policy(&organisation).personal_data.may_override {
        return Err(NotWaived::NotAllowed);
    }
    let sure = seen.judged.contents.personal.iter().filter(|one| one.confidence != "low");
    let marks: BTreeSet<Mark> = sure.flat_map(|one| one.marks.iter().copied()).collect();
    let found = personal_mail::found(&settings, &seen.judged.contents, seen.held.held_at);
    let held = release::as_plain(gateway, seen, signer, Releaser::Owner(by.clone())).await?;
    // It is on its way: whatever fails from here on, it was done, and whoever answers for it hears so.
    match gateway.stores.waived.add(&organisation, marks.into_iter().collect(), &by.key()).await {
        Ok(true) => (),
        Ok(false) => {
            tracing::warn!(%organisation, "as many values were said to be no personal data as may be; these are found again");
        }
        Err(error) => {
            tracing::error!(%organisation, %error, "what was said to be no personal data could not be kept; it is found again");
        }
    }
    personal_mail::tell_of_override(gateway, &settings, &held, &found, reason).await;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::{Clock, UnixMs},
        store::embedded::Parcels,
    };

    fn line(kind: &str, marks: &[u8], persons: u32) -> Personal {
        Personal {
            kind: kind.to_string(),
            count: u32::try_from(marks.len()).unwrap().max(1),
            persons,
            confidence: "high".to_string(),
            part: "1".to_string(),
            quoted: 0,
            masked: Vec::new(),
            values: Vec::new(),
            marks: marks.iter().map(|mark| [*mark; 16]).collect(),
        }
    }

    #[tokio::test]
    async fn what_was_waived_is_quiet_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1));
        let waived = Parcels::open(folder.path(), clock).unwrap().0.waived().unwrap();
        let acme = Organisation::named("acme");
        waived.add(&acme, vec![[1; 16], [2; 16]], "anna@acme.example").await.unwrap();
        let contents = |lines: Vec<Personal>, persons| Contents {
            personal: lines,
            persons,
            ..Contents::default()
        };
        let left = |organisation: &Organisation, mut all: Contents| {
            apply(&waived, organisation, &mut all);
            let kinds: Vec<(String, u32)> =
                all.personal.into_iter().map(|one| (one.kind, one.persons)).collect();
            (kinds, all.persons)
        };
        let number = |marks: &[u8]| line("se.personnummer", marks, marks.len().try_into().unwrap());
        assert_eq!(left(&acme, contents(vec![number(&[1])], 1)), (vec![], 0));
        assert_eq!(
            left(&acme, contents(vec![number(&[1, 7]), number(&[2])], 3)),
            (vec![("se.personnummer".to_string(), 1)], 1)
        );
        let berg = Organisation::named("berg");
        assert_eq!(left(&berg, contents(vec![number(&[1])], 1)).1, 1);
        // Neither special categories, nor a register, nor many persons.
        for other in [line("special.health", &[], 0), line("register", &[], 3)] {
            let (kinds, persons) = left(&acme, contents(vec![number(&[1]), other], 1));
            assert_eq!((kinds.len(), persons), (2, 1));
        }
        assert_eq!(left(&acme, contents(vec![number(&[1, 2])], 10)).1, 10);
    }
}
