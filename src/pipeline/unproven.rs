//! Who hears that a mail is held because nobody vouches for the server it goes to: whoever sent it, and whoever answers for personal data.

use crate::{
    base::ids::Id,
    config::organisation::Role,
    mail::Address,
    pipeline::{
        Gateway,
        notice::{self, Posted},
        settings::Settings,
        spooled::Spooled,
    },
    wire::report::letter::Kind,
};

/// Tells both. That somebody could not be told changes nothing: the mail is held, and stands among what needs somebody.
pub(super) async fn tell(
    gateway: &Gateway,
    settings: &Settings,
    mail: &Spooled,
    to: &[&Address],
    held: Option<Id>,
) {
    let sender = mail.envelope.sender.address();
    let place = place(to);
    tracing::warn!(id = %mail.id, organisation = %mail.organisation, to = place, "a mail that may leave over a proven channel only found none, and is held");
    let kind =
        |held| Kind::Unproven { sender: mail.envelope.sender.to_string(), to: place.clone(), held };
    if let Some(sender) = sender {
        write(gateway, settings, mail, sender, &kind(None)).await;
    }
    let hosted = settings.organisation(&mail.organisation);
    let contact = hosted.and_then(|hosted| {
        let contacts = &hosted.entry.contacts;
        [Role::Privacy, Role::Security, Role::Postmaster].iter().find_map(|role| contacts.get(role))
    });
    match contact {
        Some(contact) => write(gateway, settings, mail, contact, &kind(held)).await,
        None => {
            tracing::warn!(organisation = %mail.organisation, "nobody is told of it: the organisation has no contact for privacy, security or postmaster");
        }
    }
}

async fn write(gateway: &Gateway, settings: &Settings, mail: &Spooled, to: &Address, kind: &Kind) {
    let language = notice::language_of(settings, &mail.organisation);
    match notice::letter(gateway, &mail.organisation, to, language, kind).await {
        Posted::Spooled(_) | Posted::NobodyToTell => (),
        Posted::TooMany | Posted::NotSpooled => {
            tracing::warn!(id = %mail.id, %to, "a letter about a held mail could not be sent");
        }
    }
}

/// The domain they are in, or the first of several.
fn place(to: &[&Address]) -> String {
    let mut domains: Vec<String> =
        to.iter().filter_map(|one| one.domain()).map(ToString::to_string).collect();
    domains.dedup();
    match domains.as_slice() {
        [only] => only.clone(),
        [first, ..] => format!("{first} …"),
        [] => to.first().map(ToString::to_string).unwrap_or_default(),
    }
}
