//! The code that opens the page of a mailbox: made, and sent to the mailbox itself.

use crate::{
    base::limits,
    mail::Address,
    pipeline::{
        Gateway, digest, notice,
        settings::{KnownRecipients, Settings},
    },
    store::people::{CodeAsked, Mailbox},
    wire::{
        report::digest::{Note as Letter, write_note},
        words::Words,
    },
};

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

/// Makes a code for a mailbox, if it is one of ours and has not asked too often, and sends it there and nowhere else.
pub async fn send_code(gateway: &Gateway, to: &Address, network: &str) {
    let settings = gateway.settings.load_full();
    let Some(mailbox) = mailbox_of(&settings, to) else { return };
    let code = match gateway.stores.people.ask_code(&mailbox, network).await {
        Ok(CodeAsked::Code(code)) => code,
        Ok(CodeAsked::TooMany) => {
            tracing::warn!(organisation = %mailbox.organisation, "a mailbox or a network has asked for too many codes in this hour; none is sent");
            return;
        }
        Err(error) => {
            tracing::error!(%error, "a code for an own page could not be made");
            return;
        }
    };
    let organisation = &mailbox.organisation;
    let (wanted, _) = gateway.stores.people.wanted(&mailbox).await.unwrap_or_default();
    let words = Words::of(digest::language_of(&settings, organisation, &wanted));
    let Some(from) = digest::writer_to(&settings, &mailbox) else { return };
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
