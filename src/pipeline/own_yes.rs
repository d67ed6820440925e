//! Mail with personal data that waits for its sender's own yes, where the policy lets him say it.

use crate::{
    base::limits,
    mail::{Direction, ReversePath},
    pipeline::{Gateway, personal_mail, settings::Settings},
    store::{
        StoreError,
        held::{Held, HeldFilter, HeldState},
        people::Mailbox,
        scope::Scope,
    },
    verdict::care,
    wire::report::personal::Became,
};

/// Does it wait for this mailbox to say yes?
pub fn may_say(settings: &Settings, mailbox: &Mailbox, held: &Held) -> bool {
    let sent_it = match &held.sender {
        ReversePath::Address(sender) => sender.key() == mailbox.address,
        ReversePath::Null => false,
    };
    sent_it
        && held.state == HeldState::Held
        && held.direction == Direction::Outbound
        && held.organisation == mailbox.organisation
        && held.why == care::APPROVAL
        && personal_mail::became(held) == Some(Became::Approval)
        && settings.outbound_policy(&mailbox.organisation).personal_data.own_yes
}

/// What waits for it, the newest first.
pub async fn waiting(gateway: &Gateway, mailbox: &Mailbox) -> Result<Vec<Held>, StoreError> {
    let settings = gateway.settings.load_full();
    if !settings.outbound_policy(&mailbox.organisation).personal_data.own_yes {
        return Ok(Vec::new());
    }
    let scope = Scope::Organisation(mailbox.organisation.clone());
    let filter = HeldFilter {
        sender: Some(mailbox.address.clone()),
        finding: Some(care::APPROVAL.to_string()),
        direction: Some(Direction::Outbound.word().to_string()),
        ..HeldFilter::first(limits::OWN_PARCELS_LISTED_MAX)
    };
    let found = gateway.stores.quarantine.search(&scope, filter).await?;
    Ok(found.held.into_iter().filter(|held| may_say(&settings, mailbox, held)).collect())
}
