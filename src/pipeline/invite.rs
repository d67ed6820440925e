//! Invitations: somebody of ours asks somebody outside for files, who gets a link by mail that takes them once.

use crate::{
    base::{hidden::Hidden, ids::Id, limits},
    mail::Address,
    pipeline::{
        Gateway, digest, notice,
        notice::Posted,
        portal::{self, zone},
    },
    store::{StoreError, people::Mailbox, portal::Invitation},
    wire::{
        report::{Language, parcel},
        words::Words,
    },
};

/// Why nobody was invited.
#[derive(Debug, thiserror::Error)]
pub enum NotInvited {
    /// The portal is off, or has no address.
    #[error("there is no portal")]
    NoPortal,
    /// One of ours has no need of it.
    #[error("that is an address of ours")]
    Ours,
    /// Too many in this hour.
    #[error("too many invitations in this hour")]
    TooMany,
    /// The letter could not be posted.
    #[error("the letter could not be posted")]
    NotPosted,
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No link could be made.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// Invites somebody in the name of `reader`, who gets what he sends.
pub async fn invite(
    gateway: &Gateway,
    mailbox: &Mailbox,
    reader: &Address,
    guest: &Address,
) -> Result<Invitation, NotInvited> {
    let settings = gateway.settings.load_full();
    let organisation = &mailbox.organisation;
    let Some(url) = settings.config.web.public_url.clone() else {
        return Err(NotInvited::NoPortal);
    };
    if !settings.has_portal(organisation) {
        return Err(NotInvited::NoPortal);
    }
    if settings.own_domain(guest).is_some() {
        return Err(NotInvited::Ours);
    }
    let most = limits::INVITATIONS_PER_HOUR_MAX;
    if !gateway.notices.may("portal-invitation", mailbox.address.clone(), most, &gateway.clock) {
        return Err(NotInvited::TooMany);
    }
    let now = gateway.clock.now();
    let invitation = Invitation {
        id: gateway.new_id(),
        mailbox: mailbox.clone(),
        reader: reader.clone(),
        guest: guest.clone(),
        made: now,
        expires: now.plus(limits::INVITATION_LIFETIME),
        used: None,
    };
    let token = portal::new_token()?;
    let parcels = &gateway.stores.parcels;
    parcels.invite(invitation.clone(), portal::token_hash(gateway, token.expose())).await?;
    let link = format!("{}{}{}", url.as_str(), PATH, token.expose());
    let zone = zone(&settings, organisation);
    let write = |id: Id| {
        parcel::Invitation {
            hostname: &settings.config.hostname,
            id,
            sender: reader,
            organisation: &digest::title_of(&settings, organisation),
            recipient: guest,
            language: portal::language_at(&settings, guest, organisation),
            now,
            link: Hidden::new("invitation", link.clone()),
            url: &format!("{}/", url.as_str()),
            until: &|language: Language| Words::of(language).date(invitation.expires, &zone),
            to_what: parcel::ToWhat::SendFiles,
        }
        .write()
    };
    match notice::invitation(gateway, &settings, organisation, (reader, guest), write).await {
        Posted::Spooled(_) => Ok(invitation),
        Posted::NobodyToTell | Posted::TooMany | Posted::NotSpooled => {
            parcels.take_invitation_back(mailbox, invitation.id).await?;
            Err(NotInvited::NotPosted)
        }
    }
}

/// What stands before the token in a link.
const PATH: &str = "/i/";
