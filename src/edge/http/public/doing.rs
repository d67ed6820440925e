//! What the owner of a mailbox does with a mail of his. Pages call these and say what came of it; nothing here writes a page.
//!
//! What is done stands in the audit log before it is done; where the log takes no record nothing is done, and what fails after it was
//! recorded has a second record that says so. The quarantine is asked last and decides: of several people, or of one who presses twice,
//! exactly one hears that it is done now.

use crate::{
    base::ids::Id,
    edge::http::site::Site,
    examine::{View, ViewAsk},
    mail::Address,
    pipeline::{
        digest,
        questions::{self, Review},
        release::{self, Asking, Away, NotDone, NotReleased},
        view::{self, NotShown},
        waiver::{self, NotWaived},
    },
    store::{
        StoreError,
        audit::{self, Actor, Details, What},
        held::{Held, HeldState, Releaser},
        people::{Answer, Mailbox, OwnWord, Page},
        scope::Scope,
    },
};
use std::net::IpAddr;

/// Who acts, for which mailbox.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) mailbox: Mailbox,
    /// The mailbox itself, or one who looks after it.
    pub(super) reader: Address,
    /// From where, for the audit log.
    pub(super) client: Option<IpAddr>,
}

impl Owner {
    /// What the owner may see: his mailbox's mail and nothing else.
    pub(super) fn scope(&self) -> Option<Scope> {
        let address = self.mailbox.to_address()?;
        Some(Scope::Mailbox(self.mailbox.organisation.clone(), address))
    }

    fn releaser(&self) -> Releaser {
        Releaser::Owner(self.reader.clone())
    }

    /// The mail with this id, if it is this mailbox's to say who opens it: one for it, or one that it sent.
    pub(super) async fn own_mail(&self, site: &Site, id: Id) -> Result<Option<Held>, StoreError> {
        let found = site.gateway().stores.quarantine.get(id).await?;
        Ok(found.filter(|held| questions::is_owned(held, &self.mailbox)))
    }

    /// The mail with this id, if it is for this mailbox: that of another is as if there were none.
    pub(super) async fn mail(&self, site: &Site, id: Id) -> Result<Option<Held>, StoreError> {
        let Some(scope) = self.scope() else { return Ok(None) };
        let found = site.gateway().stores.quarantine.get(id).await?;
        Ok(found.filter(|held| held.is_within(&scope)))
    }

    /// Writes down what is about to be done with a thing; gives the number of the record.
    pub(super) async fn record(
        &self,
        site: &Site,
        what: What,
        object: &str,
        act: Option<&str>,
    ) -> Result<u64, StoreError> {
        self.record_because(site, what, object, act, None).await
    }

    /// The same with a reason that somebody gave.
    pub(super) async fn record_because(
        &self,
        site: &Site,
        what: What,
        object: &str,
        act: Option<&str>,
        reason: Option<audit::Reason>,
    ) -> Result<u64, StoreError> {
        let who = Actor::Mailbox { name: self.reader.key() };
        let details = Details::default().word("mailbox", &self.mailbox.address).word_if("act", act);
        let entry = audit::Entry::new(who, what)
            .about(object)
            .of(Some(self.mailbox.organisation.clone()))
            .from(self.client)
            .because(reason)
            .with(details);
        site.gateway().stores.audit.append(entry).await
    }

    /// What the record with this number says was not done after all.
    async fn not_done(&self, site: &Site, number: u64, why: &str) {
        let who = Actor::Mailbox { name: self.reader.key() };
        let details =
            Details::default().number("from", number).number("to", number).word("why", why);
        let entry = audit::Entry::new(who, What::NotDone)
            .of(Some(self.mailbox.organisation.clone()))
            .with(details);
        if let Err(error) = site.gateway().stores.audit.append(entry).await {
            tracing::error!(%error, "the audit log says that something was done which failed");
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Did {
    /// It is done.
    Now {
        /// Duplicates that left the list with it.
        duplicates: usize,
    },
    /// Somebody did something with the mail before: its state and `act` say what.
    Already(Box<Held>),
    /// Only staff may let it go.
    Dangerous,
    /// The mailbox's list is full.
    Full,
    /// There is no such mail any more.
    Gone,
    /// Too late to take it back.
    TooLate,
    /// Not this time; the log says why.
    NotNow,
}

impl Did {
    /// For the record of what was not done.
    fn why_not(&self) -> Option<&'static str> {
        match self {
            Did::Now { .. } => None,
            Did::Already(_) => Some("somebody was there before"),
            Did::Dangerous => Some("it is dangerous and needs a review"),
            Did::Full => Some("the mailbox's list is full"),
            Did::Gone => Some("there is no such mail"),
            Did::TooLate => Some("it was too late"),
            Did::NotNow => Some("it failed"),
        }
    }
}

/// Sends a mail as it is, since what was found in it is said to be no personal data. None: there is too much in it for that.
pub(super) async fn waive(site: &Site, owner: &Owner, id: Id, reason: &str) -> Option<Did> {
    let (act, object) = (Some("no-personal-data"), id.to_string());
    let why = site.desk().reason(reason);
    let number = match owner.record_because(site, What::Released, &object, act, why).await {
        Ok(number) => number,
        Err(error) => return Some(not_now(id, &error)),
    };
    let said = waiver::say(site.gateway(), id, &site.desk().signer, &owner.reader, reason).await;
    let did = match said {
        Ok(_) => Did::Now { duplicates: 0 },
        Err(error @ (NotWaived::TooMuch | NotWaived::NotAllowed)) => {
            owner.not_done(site, number, &error.to_string()).await;
            return None;
        }
        Err(NotWaived::NotReleased(NotReleased::Dangerous { .. })) => Did::Dangerous,
        Err(NotWaived::NotReleased(NotReleased::Already(held))) => Did::Already(held),
        Err(NotWaived::NotReleased(NotReleased::Missing | NotReleased::Deleted)) => Did::Gone,
        Err(error @ (NotWaived::NotReleased(_) | NotWaived::Store(_))) => not_now(id, &error),
    };
    if let Some(why) = did.why_not() {
        owner.not_done(site, number, why).await;
    }
    Some(did)
}

/// Delivers a mail.
pub(super) async fn deliver(site: &Site, owner: &Owner, held: &Held) -> Did {
    if matches!(held.state, HeldState::Released | HeldState::Deleted) {
        return Did::Already(Box::new(held.clone()));
    }
    let number = match owner.record(site, What::Released, &held.id.to_string(), None).await {
        Ok(number) => number,
        Err(error) => return not_now(held.id, &error),
    };
    let did = release(site, owner, held.id).await;
    match did.why_not() {
        Some(why) => owner.not_done(site, number, why).await,
        None => {
            let by = owner.reader.key();
            questions::delivered(site.gateway(), &owner.mailbox, held, &by).await;
        }
    }
    did
}

async fn release(site: &Site, owner: &Owner, id: Id) -> Did {
    let gateway = site.gateway();
    let duplicates = gateway.stores.quarantine.duplicates(id).await;
    let duplicates = duplicates.map(|all| all.len()).unwrap_or_default();
    match release::release(gateway, id, &site.desk().signer, Asking::by(owner.releaser())).await {
        Ok(_) => Did::Now { duplicates },
        Err(NotReleased::Already(held)) => Did::Already(held),
        Err(NotReleased::Dangerous { .. }) => Did::Dangerous,
        Err(NotReleased::Missing) => Did::Gone,
        Err(NotReleased::Deleted) => match owner.mail(site, id).await {
            Ok(Some(held)) => Did::Already(Box::new(held)),
            Ok(None) | Err(_) => Did::Gone,
        },
        Err(
            error @ (NotReleased::Store(_) | NotReleased::Spool(_) | NotReleased::NotLookedAt(_)),
        ) => not_now(id, &error),
    }
}

/// Deletes a mail, and blocks its sender. Where the sender cannot be blocked the mail stays: the two are one wish.
pub(super) async fn block(site: &Site, owner: &Owner, held: &Held) -> Did {
    let deleted = delete(site, owner, held.id).await;
    let (Did::Now { .. }, Some(sender)) = (&deleted, held.listed_sender()) else { return deleted };
    let said = say_of(site, owner, &sender, OwnWord::Block).await;
    if let Ok(true) = said {
        return deleted;
    }
    let undone = release::undo(site.gateway(), held.id, &owner.releaser()).await;
    // Its record says that the mail is deleted, which it is no longer; where this one fails as well, the log of the gateway has it.
    if undone.is_ok() {
        let _ = owner.record(site, What::DeletionUndone, &held.id.to_string(), None).await;
    }
    match said {
        Ok(_) => Did::Full,
        Err(error) => not_now(held.id, &error),
    }
}

/// Deletes a mail as unwanted.
pub(super) async fn delete(site: &Site, owner: &Owner, id: Id) -> Did {
    let number = match owner.record(site, What::Deleted, &id.to_string(), None).await {
        Ok(number) => number,
        Err(error) => return not_now(id, &error),
    };
    let put_away = release::put_away(site.gateway(), id, Away::Delete, owner.releaser());
    let did = did(id, put_away.await);
    if let Some(why) = did.why_not() {
        owner.not_done(site, number, why).await;
    }
    did
}

/// Takes back what this owner did last with a mail. A sender who was blocked or allowed with it is so no longer.
pub(super) async fn undo(site: &Site, owner: &Owner, held: &Held) -> Did {
    let what = release::undo_in_log(held, &owner.releaser());
    let number = match owner.record(site, what, &held.id.to_string(), None).await {
        Ok(number) => number,
        Err(error) => return not_now(held.id, &error),
    };
    let undone = did(held.id, release::undo(site.gateway(), held.id, &owner.releaser()).await);
    match undone.why_not() {
        Some(why) => owner.not_done(site, number, why).await,
        None => unsay_with_it(site, owner, held).await,
    }
    undone
}

/// What was said of the sender together with the act on this mail goes with it.
async fn unsay_with_it(site: &Site, owner: &Owner, held: &Held) {
    let began = held.act.as_ref().map(|act| act.at);
    let Some(began) = began else { return };
    let Some(sender) = held.listed_sender() else { return };
    let people = &site.gateway().stores.people;
    let entries = people.entries(&owner.mailbox).await.unwrap_or_default();
    for entry in entries.iter().filter(|entry| entry.was_made_with(began)) {
        if entry.sender == sender
            && let Err(error) = unsay(site, owner, &entry.sender).await
        {
            tracing::error!(id = %held.id, %error, "a sender stays on a list though the act that put it there was taken back");
        }
    }
}

/// Allows or blocks a sender; false when the list is full.
pub(super) async fn say_of(
    site: &Site,
    owner: &Owner,
    sender: &str,
    word: OwnWord,
) -> Result<bool, StoreError> {
    let what = match word {
        OwnWord::Allow => What::Allowed,
        OwnWord::Block => What::Blocked,
    };
    let number = owner.record(site, what, sender, Some("add")).await?;
    let people = &site.gateway().stores.people;
    let said = people.say_of(&owner.mailbox, sender, word, &owner.reader.key()).await;
    if !matches!(said, Ok(true)) {
        owner.not_done(site, number, "the mailbox's list is full, or could not be written").await;
    }
    said
}

/// Takes a sender off the list; false when it did not stand there.
pub(super) async fn unsay(site: &Site, owner: &Owner, sender: &str) -> Result<bool, StoreError> {
    let people = &site.gateway().stores.people;
    let entries = people.entries(&owner.mailbox).await?;
    let Some(entry) = entries.iter().find(|entry| entry.sender == sender) else { return Ok(false) };
    let what = match entry.word {
        OwnWord::Allow => What::Allowed,
        OwnWord::Block => What::Blocked,
    };
    owner.record(site, what, sender, Some("remove")).await?;
    people.unsay(&owner.mailbox, sender).await
}

/// Asks staff to look at a mail, unless that was asked before; gives how far it has come.
pub(super) async fn ask_for_review(
    site: &Site,
    owner: &Owner,
    held: &Held,
    note: &str,
) -> Result<Review, StoreError> {
    let people = &site.gateway().stores.people;
    let before = people.requests_about(&owner.mailbox, vec![held.id]).await?;
    match Review::of(held, &before) {
        Review::NotAsked => {
            owner.record(site, What::ReleaseRequested, &held.id.to_string(), None).await?;
            people.request(&owner.mailbox, held.id, &owner.reader.key(), note).await?;
            Ok(Review::Asked)
        }
        asked @ (Review::Asked | Review::Refused(_)) => Ok(asked),
    }
}

/// Says no to the sender who asks for a mail of his that was refused; false when he does not, or has an answer.
pub(super) async fn decline(site: &Site, owner: &Owner, held: &Held) -> Result<bool, StoreError> {
    let Some(scope) = owner.scope() else { return Ok(false) };
    let people = &site.gateway().stores.people;
    let asked = people.requests_about(&owner.mailbox, vec![held.id]).await?;
    let Some(request) = questions::sender_asks(held, &asked) else { return Ok(false) };
    owner.record(site, What::ReleaseRefused, &held.id.to_string(), None).await?;
    people.answer_request(scope, request.id, Answer::No, &owner.reader.key()).await
}

/// Answers a question of staff; false when it is not this mailbox's, or answered already.
pub(super) async fn answer(
    site: &Site,
    owner: &Owner,
    question: i64,
    answer: Answer,
) -> Result<bool, StoreError> {
    let Some(scope) = owner.scope() else { return Ok(false) };
    let people = &site.gateway().stores.people;
    let page = Page { after: question.saturating_sub(1), rows: 1 };
    let asked = people.consents(scope.clone(), true, page).await?;
    let Some(asked) = asked.into_iter().find(|one| one.id == question) else { return Ok(false) };
    let what = match answer {
        Answer::Yes => What::ConsentGiven,
        Answer::No | Answer::Open => What::ConsentRefused,
    };
    owner.record(site, what, &asked.held.to_string(), Some(&asked.asked_by)).await?;
    people.answer_consent(scope, question, answer, &owner.reader.key()).await
}

/// Takes a yes to a question of staff back; false when there is none of this mailbox that still holds.
pub(super) async fn withdraw(
    site: &Site,
    owner: &Owner,
    question: i64,
) -> Result<bool, StoreError> {
    let Some(scope) = owner.scope() else { return Ok(false) };
    let people = &site.gateway().stores.people;
    let page = Page { after: question.saturating_sub(1), rows: 1 };
    let asked = people.consents(scope.clone(), false, page).await?;
    let given = asked.into_iter().find(|one| one.id == question && one.holds(site.now()));
    let Some(given) = given else { return Ok(false) };
    let held = given.held.to_string();
    owner.record(site, What::ConsentWithdrawn, &held, Some(&given.asked_by)).await?;
    let withdrawn = people.withdraw_consent(scope, question, &owner.reader.key()).await?;
    site.seal(given.held);
    Ok(withdrawn)
}

/// The text of a mail, for its owner. None: it cannot be read just now.
pub(super) async fn read(site: &Site, owner: &Owner, id: Id) -> Result<Option<String>, StoreError> {
    owner.record(site, What::ContentOpened, &id.to_string(), None).await?;
    match view::view(site.gateway(), id, ViewAsk::Overview).await {
        Ok(View::Overview(overview)) => Ok(Some(overview.text)),
        Ok(View::Page(_) | View::Bytes(_)) => Ok(None),
        Err(NotShown::Store(error)) => Err(error),
        Err(
            error @ (NotShown::Missing(_)
            | NotShown::Files
            | NotShown::Busy
            | NotShown::NotViewed(_)),
        ) => {
            tracing::warn!(%id, %error, "a held mail could not be shown to its owner");
            Ok(None)
        }
    }
}

/// Whom this mail's owner may always accept: the address in From, if its domain's owner vouches for it, and the mail is not one that would be
/// stopped all the same.
pub(super) fn allowed_sender(held: &Held) -> Option<String> {
    held.authenticated.as_ref().filter(|_| !digest::is_dangerous(held))?;
    let shown = Address::parse(&held.from_address).ok()?;
    held.listed_sender().filter(|sender| *sender == shown.key())
}

fn did(id: Id, done: Result<Held, NotDone>) -> Did {
    match done {
        Ok(_) => Did::Now { duplicates: 0 },
        Err(NotDone::Already(held)) => Did::Already(held),
        Err(NotDone::TooLate) => Did::TooLate,
        Err(NotDone::Missing) => Did::Gone,
        Err(NotDone::Store(error)) => not_now(id, &error),
    }
}

fn not_now(id: Id, error: &dyn std::fmt::Display) -> Did {
    tracing::error!(%id, %error, "what the owner of a held mail asked for could not be done");
    Did::NotNow
}
