//! The code that opens the page of a mailbox: made, and sent to the mailbox itself.

use crate::{
    base::{clock::UnixMs, hidden::Hidden, limits},
    mail::{Address, Organisation},
    pipeline::{
        Gateway, digest, notice,
        settings::{KnownRecipients, Settings},
    },
    store::{
        StoreError,
        people::{CodeAsked, Mailbox, Wanted},
    },
    wire::{
        report::{
            Language,
            digest::{Note as Letter, write_note},
        },
        words::Words,
    },
};
use std::sync::Arc;

/// The mailbox of ours that an address is; none, if we know that it is not.
pub fn mailbox_of(settings: &Settings, address: &Address) -> Option<Mailbox> {
    let own = settings.own_domain(address)?;
    let is_known = match &own.known {
        KnownRecipients::Listed(list) => list.contains(address),
        KnownRecipients::Callout | KnownRecipients::Any => true,
        // Nobody reads these but we ourselves.
        KnownRecipients::Internal => false,
    };
    is_known.then(|| digest::mailbox_of(settings, address).ok()).flatten()
}

/// What whoever asked for a code is told, whether the mailbox is one of ours or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A code is on its way, if it is.
    Sent,
    /// None is: too many were asked for in this hour, and the next may be asked for then.
    Later(UnixMs),
}

/// Counts that a code was asked for and, for a mailbox of ours, has one sent there and nowhere else. The answer does not wait for what is sent,
/// so that its time tells nothing either. `reads` is the language of whoever asks.
pub async fn ask_code(
    gateway: &Arc<Gateway>,
    to: &Address,
    network: &str,
    reads: Option<Language>,
) -> Result<Asked, StoreError> {
    let settings = gateway.settings.load_full();
    let ours = mailbox_of(&settings, to);
    let mailbox = ours.clone().unwrap_or_else(|| strange(to));
    match gateway.stores.people.ask_code(&mailbox, network).await? {
        CodeAsked::Code(code) => {
            if let Some(mailbox) = ours {
                let (gateway, to) = (gateway.clone(), to.clone());
                tokio::spawn(async move { send(&gateway, &mailbox, &to, &code, reads).await });
            }
            Ok(Asked::Sent)
        }
        CodeAsked::TooMany { next } => {
            tracing::warn!(organisation = %mailbox.organisation, "a mailbox or a network has asked for too many codes in this hour; none is sent");
            Ok(Asked::Later(next))
        }
    }
}

/// What stands for an address that is not ours, where it is treated as if it were.
pub fn strange(address: &Address) -> Mailbox {
    Mailbox::new(&Organisation::implied(), address)
}

async fn send(
    gateway: &Gateway,
    mailbox: &Mailbox,
    to: &Address,
    code: &Hidden<String>,
    reads: Option<Language>,
) {
    let settings = gateway.settings.load_full();
    let organisation = &mailbox.organisation;
    let words = Words::of(language(gateway, &settings, mailbox, reads).await);
    let Some(from) = digest::writer_to(&settings, mailbox) else { return };
    let minutes = usize::try_from(limits::CODE_LIFETIME.as_secs() / 60).unwrap_or(usize::MAX);
    let text = write_note(&Letter {
        id: gateway.new_id(),
        words,
        now: gateway.clock.now(),
        from: &from,
        organisation: &digest::title_of(&settings, organisation),
        to,
        subject: &words.say("code.subject", &[]),
        lines: &[
            words.count("code.body", minutes, &[("code", code.expose())]),
            words.say("code.ignore", &[]),
        ],
    });
    notice::to_reader(gateway, &settings, organisation, to, "code", text).await;
}

/// The language of a mail with a code: what is chosen for the mailbox; else what all have chosen who look after it; else that of the page on
/// which the code was asked for.
async fn language(
    gateway: &Gateway,
    settings: &Settings,
    mailbox: &Mailbox,
    reads: Option<Language>,
) -> Language {
    let people = &gateway.stores.people;
    let (wanted, _) = people.wanted(mailbox).await.unwrap_or_default();
    let mut chosen = Vec::new();
    for owner in people.owners(mailbox).await.unwrap_or_default() {
        let own = digest::wanted_by(gateway, mailbox, &owner, &Wanted::default()).await;
        chosen.push(own.unwrap_or_default().language);
    }
    let of_all = match chosen.split_first() {
        Some((first, others)) if others.iter().all(|other| other == first) => *first,
        Some(_) | None => None,
    };
    let usual = || digest::language_of(settings, &mailbox.organisation, &Wanted::default());
    wanted.language.or(of_all).or(reads).unwrap_or_else(usual)
}
