//! What the owner of a mailbox is asked: may staff open this mail? will you have this one, whose sender says that it was refused by mistake?
//!
//! Both stand in his digest until they are answered, or the mail is gone. What he himself asks of staff is no question to him.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    pipeline::Gateway,
    store::{
        StoreError,
        accounts::{Role, UserName},
        held::{Held, HeldState},
        people::{Answer, Consent, Mailbox, Page, Request},
        scope::Scope,
    },
    wire::words::Words,
};

/// What is open for one mailbox.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    /// Staff asks to open these, oldest question first.
    pub consents: Vec<(Consent, Held)>,
    /// Their senders ask for these: copies of what was refused.
    pub refused: Vec<Held>,
    /// Questions that are not among these, since there are too many.
    pub more: usize,
    /// When the newest of all was asked.
    pub newest: UnixMs,
}

impl Questions {
    /// Looks for what is open. `readers` are those who look after the mailbox, if anybody does.
    pub async fn of(
        gateway: &Gateway,
        mailbox: &Mailbox,
        readers: &[String],
    ) -> Result<Questions, StoreError> {
        let (people, quarantine) = (&gateway.stores.people, &gateway.stores.quarantine);
        let Some(address) = mailbox.to_address() else { return Ok(Questions::default()) };
        let scope = Scope::Mailbox(mailbox.organisation.clone(), address);
        let page = Page { after: 0, rows: limits::PEOPLE_ROWS_MAX };
        let mut found = Questions::default();
        for consent in people.consents(scope.clone(), true, page).await? {
            let held = quarantine.get(consent.held).await?;
            let Some(held) = held.filter(|held| is_owned(held, mailbox)) else { continue };
            found.newest = found.newest.max(consent.asked);
            match found.consents.len() < limits::DIGEST_QUESTIONS_MAX {
                true => found.consents.push((consent, held)),
                false => found.more += 1,
            }
        }
        for request in people.requests(scope, true, page).await? {
            let own = |reader: &String| *reader == request.asked_by;
            if request.asked_by == mailbox.address || readers.iter().any(own) {
                continue;
            }
            let held = quarantine.get(request.held).await?;
            let Some(held) = held.filter(|held| is_by_its_sender(&request, held)) else { continue };
            found.newest = found.newest.max(request.asked);
            match found.refused.len() < limits::DIGEST_QUESTIONS_MAX {
                true => found.refused.push(held),
                false => found.more += 1,
            }
        }
        Ok(found)
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.consents.is_empty() && self.refused.is_empty()
    }
}

/// How far somebody has come who asks staff for a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// Nobody of the mailbox has asked.
    NotAsked,
    /// Staff will look.
    Asked,
    /// Staff has said no, then. That is the last word: asking again would not be heard.
    Refused(UnixMs),
}

impl Review {
    /// Of what was asked for this mail; whoever looks after its mailbox asks for all who do.
    pub fn of(held: &Held, requests: &[Request]) -> Review {
        let mut review = Review::NotAsked;
        for request in reviews(held, requests) {
            review = match (request.answer, review) {
                (Answer::Open | Answer::Yes, _) | (_, Review::Asked) => Review::Asked,
                (Answer::No, _) => Review::Refused(request.answered),
            };
        }
        review
    }
}

/// What was asked for this mail by whoever looks after its mailbox, oldest first. That its sender asks is no review.
pub fn reviews<'a>(held: &Held, requests: &'a [Request]) -> impl Iterator<Item = &'a Request> {
    requests.iter().filter(|one| one.held == held.id && !is_senders(one, held))
}

/// The open request of this mail's sender.
pub fn sender_asks<'a>(held: &Held, requests: &'a [Request]) -> Option<&'a Request> {
    requests
        .iter()
        .find(|one| one.held == held.id && one.answer == Answer::Open && is_senders(one, held))
}

/// Did its sender ask, and nobody who looks after the mailbox that it is for?
fn is_senders(request: &Request, held: &Held) -> bool {
    held.from_address.to_lowercase() == request.asked_by
        && request.asked_by != request.mailbox.address
}

/// Is it this mailbox's to say who opens the mail?
pub fn is_owned(held: &Held, mailbox: &Mailbox) -> bool {
    held.organisation == mailbox.organisation
        && held.owner().is_some_and(|owner| owner.key() == mailbox.address)
}

/// The copy is still there and untouched, and it is its sender who asks for it: the one who proved to be in From.
fn is_by_its_sender(request: &Request, held: &Held) -> bool {
    held.state == HeldState::Rejected
        && held.authenticated.is_some()
        && held.organisation == request.mailbox.organisation
        && held.recipient.key() == request.mailbox.address
        && held.from_address.to_lowercase() == request.asked_by
}

/// Whoever asked for a mail that is delivered now, its sender for one, has what he wanted.
pub async fn delivered(gateway: &Gateway, mailbox: &Mailbox, held: &Held, by: &str) {
    let Some(address) = mailbox.to_address() else { return };
    let scope = Scope::Mailbox(mailbox.organisation.clone(), address);
    let people = &gateway.stores.people;
    let page = Page { after: 0, rows: limits::PEOPLE_ROWS_MAX };
    let open = people.requests(scope.clone(), true, page).await.unwrap_or_default();
    for request in open.into_iter().filter(|request| request.held == held.id) {
        let answered = people.answer_request(scope.clone(), request.id, Answer::Yes, by).await;
        if let Err(error) = answered {
            tracing::error!(id = %held.id, %error, "a request for a delivered mail stays open");
        }
    }
}

/// The delivery of a mail was taken back: whoever asked for it waits for an answer again.
pub(super) async fn taken_back(gateway: &Gateway, held: Id, since: UnixMs) {
    if let Err(error) = gateway.stores.people.reopen_requests(held, since).await {
        tracing::error!(id = %held, %error, "a request stays answered though the mail was taken back");
    }
}

/// Who of the staff it is, and what he does here: "eva (helpdesk)". The name alone where the account is gone.
pub async fn asker(gateway: &Gateway, words: &Words, name: &str) -> Result<String, StoreError> {
    let Ok(account) = UserName::parse(name) else { return Ok(name.to_string()) };
    let account = gateway.stores.accounts.web_account(&account).await?;
    let role = account.and_then(|account| Some(account.web?.role));
    Ok(match role {
        Some(role) => format!("{name} ({})", role_in(words, role)),
        None => name.to_string(),
    })
}

/// What a yes means, for whoever is about to say it. `who` asks.
pub fn consent_means(words: &Words, who: &str) -> String {
    let days = limits::CONSENT_LIFETIME.as_secs() / 86_400;
    words.count("tap.consent-means", usize::try_from(days).unwrap_or(usize::MAX), &[("who", who)])
}

/// What people call a role.
fn role_in(words: &Words, role: Role) -> String {
    match role {
        Role::Owner => words.say("role.owner", &[]),
        Role::Admin => words.say("role.admin", &[]),
        Role::Reviewer => words.say("role.reviewer", &[]),
        Role::Helpdesk => words.say("role.helpdesk", &[]),
        Role::Auditor => words.say("role.auditor", &[]),
        Role::DomainAdmin => words.say("role.domain-admin", &[]),
    }
}
