//! Accounts of ours that send too much: counted, slowed, held, told of, let go. The numbers are `learn::sending`'s.
//!
//! An account is an AUTH user, else an envelope sender within its network. What a held one sends is taken and waits in the spool; nothing
//! of it is refused, and nothing leaves before somebody says so. What is on its way when an account is found out has gone.
//! On an organisation's first day here the volume of its servers' senders holds nothing: all of them are new to us then.
//! Networks that no limit is for have no accounts, and a policy on trial holds nothing: it says what it would have done.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    config::{
        organisation::Role,
        policy::{Action, Category, Mode},
    },
    learn::sending::{Pace, Sent as Counted, Why},
    mail::{Direction, Peer, ReversePath},
    pipeline::{
        Gateway, deliver,
        judge::{Came, Judged},
        limits::{Who, is_exempt},
        notice::{self, Posted},
        sending::Sent,
        settings::Settings,
        spooled::{Errand, Leg, Spooled},
    },
    store::embedded::AccountName,
    wire::report::letter::{Cause, Kind},
};
use std::sync::Arc;

/// How a mail goes on for the account that sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Terms {
    /// As ever.
    Free,
    /// A while later.
    Later(AccountName),
    /// When its account is let go.
    Waits(AccountName),
}

impl Terms {
    /// Puts them on a leg that is to be carried to somebody.
    pub(super) fn put_on(&self, leg: &mut Leg, now: UnixMs) {
        match (self, &leg.errand) {
            (Terms::Free, _) | (_, Errand::Judge) => (),
            (Terms::Later(_), Errand::Deliver { .. }) => {
                leg.due = leg.due.max(now.plus(limits::ACCOUNT_SLOWED_DELAY));
                leg.last = "its account sends more than usual: a while later".to_string();
            }
            (Terms::Waits(account), Errand::Deliver { .. }) => {
                (leg.on_hold, leg.waits_for) = (true, Some(account.name.clone()));
                leg.last = format!("its account is held: sluss limits release {}", account.name);
            }
        }
    }
}

/// Whose account sent a mail; none for what no limit is for.
fn account(
    settings: &Settings,
    organisation: &crate::mail::Organisation,
    peer: &Peer,
    sender: &ReversePath,
    sent: Sent,
) -> Option<AccountName> {
    let bounds = &settings.config.limits;
    if !bounds.hold_accounts || is_exempt(bounds, peer.address) {
        return None;
    }
    let name = match (&peer.user, sent) {
        (Some(user), _) => user.name.to_lowercase(),
        (None, Sent::Own | Sent::Null) => {
            let sender = sender.address().map_or_else(|| "<>".to_string(), |one| one.key());
            format!("{sender}/{}", Who::network(peer.address))
        }
        // Strangers' mail that is passed on has a bound of its own.
        (None, Sent::Forwarded | Sent::World) => return None,
    };
    Some(AccountName { organisation: organisation.clone(), name })
}

fn account_of(settings: &Settings, came: &Came) -> Option<AccountName> {
    match came.direction {
        Direction::Inbound => None,
        Direction::Outbound => {
            account(settings, &came.organisation, &came.peer, &came.envelope.sender, came.sent)
        }
    }
}

/// Counts a mail that one of ours sends, and says how it goes on.
pub(super) async fn count(
    gateway: &Arc<Gateway>,
    settings: &Settings,
    came: &Came,
    judged: &Judged,
) -> Terms {
    let Some(account) = account_of(settings, came) else { return Terms::Free };
    let recipients = u32::try_from(came.envelope.recipients.len()).unwrap_or(u32::MAX);
    let sent = match is_bad(settings, came, judged) {
        true => Counted::BadMail(recipients),
        false => Counted::Mail(recipients),
    };
    let pace = take(gateway, settings, (&account, &came.peer), sent).await;
    match (pace, settings.outbound_policy(&came.organisation).mode()) {
        (Pace::Free, _) | (_, Mode::Shadow | Mode::Tag) => Terms::Free,
        (Pace::Slowed, Mode::Protect) => Terms::Later(account),
        (Pace::Held(_), Mode::Protect) => Terms::Waits(account),
    }
}

/// How a mail goes on that was counted before.
pub(super) fn standing(gateway: &Gateway, settings: &Settings, came: &Came) -> Terms {
    match account_of(settings, came) {
        Some(account) if gateway.stores.habits.held(&account).is_some() => Terms::Waits(account),
        Some(_) | None => Terms::Free,
    }
}

/// Malware, or a lure, that a policy would have stopped.
fn is_bad(settings: &Settings, came: &Came, judged: &Judged) -> bool {
    came.envelope.recipients.iter().any(|recipient| {
        let verdict = judged.for_recipient(settings, came, recipient).verdict;
        let categories = &verdict.categories;
        verdict.would >= Action::Quarantine
            && (categories.contains(&Category::Virus) || categories.contains(&Category::Phish))
    })
}

/// The answers of next hops to a mail that was sent on.
pub(super) async fn answered(
    gateway: &Arc<Gateway>,
    settings: &Settings,
    mail: &Spooled,
    (delivered, refused): (u32, u32),
) {
    if mail.direction == Direction::Inbound || delivered.saturating_add(refused) == 0 {
        return;
    }
    let account =
        account(settings, &mail.organisation, &mail.peer, &mail.envelope.sender, mail.sent);
    // Our own notices, and what a person let go, are nobody's account.
    let ours = [notice::LISTENER, super::release::LISTENER].contains(&mail.listener.as_str());
    if let Some(account) = account.filter(|_| !ours) {
        let sent = Counted::Answers { delivered, refused };
        take(gateway, settings, (&account, &mail.peer), sent).await;
    }
}

async fn take(
    gateway: &Arc<Gateway>,
    settings: &Settings,
    (account, peer): (&AccountName, &Peer),
    sent: Counted,
) -> Pace {
    let habits = &gateway.stores.habits;
    // A mail server that comes to us with all its senders is not a hundred stolen accounts; a user that logs in is new for himself.
    let new_per_hour = match habits.knows(&account.organisation) || peer.user.is_some() {
        true => settings.config.limits.new_account_recipients_per_hour,
        false => u32::MAX,
    };
    let counted = habits.take(account, sent, new_per_hour);
    let Some(slowed) = counted.held_now else { return counted.pace };
    let (organisation, name) = (&account.organisation, &account.name);
    match settings.outbound_policy(organisation).mode() {
        Mode::Protect => {
            tracing::error!(%organisation, account = name, why = ?counted.pace, "an account is held: look at what it sends, then `sluss limits release`");
            metrics::counter!("sluss_accounts_held_total").increment(1);
            let held = deliver::hold_for(gateway, &slowed, name).await;
            habits.note_waiting(account, &held);
        }
        Mode::Shadow | Mode::Tag => {
            tracing::warn!(%organisation, account = name, why = ?counted.pace, "an account would be held if its policy were not on trial");
            // Looked at once; it is judged again from here on.
            habits.release(name);
        }
    }
    counted.pace
}

/// A mail is in the spool on these terms.
pub(super) fn taken(gateway: &Gateway, terms: &Terms, id: Id) {
    match terms {
        Terms::Free => (),
        Terms::Later(account) => gateway.stores.habits.note_slowed(account, id),
        Terms::Waits(account) => gateway.stores.habits.note_waiting(account, &[id]),
    }
}

/// Lets an account go on, and everything of it that waits. None: no account of this name is held.
pub async fn release(gateway: &Arc<Gateway>, name: &str) -> Option<usize> {
    let released = gateway.stores.habits.release(name);
    let first = released.first()?;
    let mails = deliver::let_go(gateway, &first.name).await;
    tracing::warn!(
        account = first.name,
        mails,
        "a held account was released on an operator's word"
    );
    Some(mails)
}

/// Tells of accounts that were held since the last time, until the process ends.
pub async fn keep_telling(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::ACCOUNT_TELL_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        for seen in gateway.stores.habits.untold() {
            let Some(why) = seen.why else { continue };
            let kind = Kind::AccountHeld {
                account: seen.account.name.clone(),
                cause: cause(why),
                waiting: seen.waiting,
                samples: seen.samples,
            };
            if tell(&gateway, &seen.account, &kind).await {
                gateway.stores.habits.note_told(&seen.account);
            }
        }
    }
}

fn cause(why: Why) -> Cause {
    match why {
        Why::Volume { recipients, hours, bound: _ } => Cause::Volume { recipients, hours },
        Why::Refusals { refused, of } => Cause::Refusals { refused, of },
        Why::Bad { mails } => Cause::Bad { mails },
    }
}

/// Writes to the organisation's contact; true when that is done, or nobody is named.
async fn tell(gateway: &Gateway, account: &AccountName, kind: &Kind) -> bool {
    let settings = gateway.settings.load_full();
    let organisation = &account.organisation;
    let hosted = settings.organisation(organisation);
    let contacts = hosted.map(|hosted| &hosted.entry.contacts);
    let contact = contacts.and_then(|contacts| {
        [Role::Security, Role::Postmaster, Role::Abuse].iter().find_map(|role| contacts.get(role))
    });
    let Some(contact) = contact else {
        tracing::warn!(%organisation, account = account.name, "nobody is told of a held account: the organisation has no contact for security or postmaster");
        return true;
    };
    let language = notice::language_of(&settings, organisation);
    match notice::letter(gateway, organisation, contact, language, kind).await {
        Posted::Spooled(_) | Posted::NobodyToTell => true,
        Posted::TooMany | Posted::NotSpooled => false,
    }
}
