//! Who may send as whom: what an envelope sender and a From make of a mail that a client of ours brings.
//!
//! A client is bound to one organisation. What it sends is that organisation's own mail, a notice (null sender), or a forwarded
//! mail (a stranger's sender): that one goes out under a rewritten sender and never with the organisation's signature.
//! A server that several organisations share is trusted to know its users: there the sender's domain tells whose a mail is.

use crate::{
    base::clock::UnixMs,
    config::organisation::ForeignFrom,
    mail::{Direction, Envelope, Header, Organisation, Recipient, ReversePath},
    pipeline::{
        judge::Came,
        settings::{Client, Hosted, Settings},
    },
    wire::{
        smtp::{Reply, replies},
        srs,
    },
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// In whose name a mail travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// The world's, to us.
    #[default]
    World,
    /// Its organisation's own.
    Own,
    /// A notice, with the null sender.
    Null,
    /// A stranger's mail that somebody here passes on.
    Forwarded,
}

/// Whose a client's mail is by its envelope sender. None: nobody here answers for it.
pub fn by_sender(
    settings: &Settings,
    client: &Client,
    sender: &ReversePath,
) -> Option<(Arc<Hosted>, Sent)> {
    let writer = sender.address().and_then(|address| settings.writer(address.domain()?));
    let bound = match client {
        Client::Of(hosted) => Some(hosted),
        Client::Shared => writer.or(settings.shared_owner()),
    };
    let bound = bound?.clone();
    let sent = match (sender, writer) {
        (ReversePath::Null, _) => Sent::Null,
        (ReversePath::Address(_), Some(writer)) if writer.name() == bound.name() => Sent::Own,
        (ReversePath::Address(_), _) => Sent::Forwarded,
    };
    Some((bound, sent))
}

/// Completes `came` with what From says; a reply if this organisation may not write so.
pub fn by_from(settings: &Settings, came: &mut Came, header: &Header) -> Result<(), Reply> {
    if came.direction == Direction::Inbound {
        return Ok(());
    }
    let writers: Vec<Option<&Arc<Hosted>>> = header
        .mailboxes("From")
        .iter()
        .map(|mailbox| settings.writer(&mailbox.domain()?))
        .collect();
    if came.sent == Sent::Null
        && matches!(settings.client(&came.peer), Some(Client::Shared))
        && let Some(Some(writer)) = writers.first()
    {
        give_to(came, writer.name());
    }
    let own = |writer: &Option<&Arc<Hosted>>| {
        writer.is_some_and(|writer| *writer.name() == came.organisation)
    };
    match (came.sent, writers.iter().all(own)) {
        (Sent::World | Sent::Own | Sent::Null, true) | (Sent::World | Sent::Forwarded, _) => (),
        // A notice that somebody's server wrote and that is passed on here.
        (Sent::Null, false) => came.sent = Sent::Forwarded,
        (Sent::Own, false) => {
            let hosted = settings.organisation(&came.organisation);
            match hosted.map_or(ForeignFrom::Refuse, |hosted| hosted.entry.foreign_from) {
                ForeignFrom::Refuse => return Err(replies::NOT_YOUR_FROM),
                ForeignFrom::Allow => came.sent = Sent::Forwarded,
            }
        }
    }
    Ok(())
}

fn give_to(came: &mut Came, organisation: &Organisation) {
    let old = std::mem::replace(&mut came.organisation, organisation.clone());
    for recipient in &mut came.envelope.recipients {
        if recipient.organisation == old {
            recipient.organisation = organisation.clone();
        }
    }
}

/// The sender under which a mail leaves for the world, if it is not the one it came with.
pub fn rewritten(
    settings: &Settings,
    secret: &srs::Key,
    came: &Came,
    now: UnixMs,
) -> Option<ReversePath> {
    let sender = came.envelope.sender.address()?;
    let hosted = settings.organisation(&came.organisation)?;
    if came.sent != Sent::Forwarded
        || sender
            .domain()
            .and_then(|domain| settings.writer(domain))
            .is_some_and(|writer| writer.name() == hosted.name())
    {
        return None;
    }
    let key = srs::key_of(secret, hosted.name().name());
    let day = srs::day(Duration::from_millis(now.0));
    let address = srs::forward(sender, hosted.forward.as_ref()?, &key, day);
    if address.is_none() {
        tracing::warn!(organisation = %hosted.name(), "a forwarded mail keeps its sender: the rewritten address would be too long");
    }
    address.map(ReversePath::Address)
}

/// The recipient of a returning notice. None: the address is none that we rewrote, and an ordinary one.
pub fn returned(
    settings: &Settings,
    secret: &srs::Key,
    envelope: &Envelope,
    recipient: &Recipient,
    now: UnixMs,
) -> Option<Result<Recipient, Reply>> {
    let hosted = settings.forwarder(recipient.address.domain()?)?;
    if !srs::is_rewritten(recipient.address.local()) {
        return None;
    }
    let key = srs::key_of(secret, hosted.name().name());
    let today = srs::day(Duration::from_millis(now.0));
    Some(match srs::back(recipient.address.local(), &key, today) {
        Err(why) => {
            tracing::info!(organisation = %hosted.name(), %why, "a returning sender was not taken");
            Err(replies::NOT_REWRITTEN_HERE)
        }
        // Whoever writes to such an address knowingly wants a way through us.
        Ok(_) if envelope.sender != ReversePath::Null => Err(replies::ONLY_NOTICES),
        Ok(address) => Ok(Recipient {
            original: recipient
                .original
                .clone()
                .or_else(|| Some(format!("rfc822;{}", xtext(&recipient.address.to_string())))),
            address,
            organisation: hosted.name().clone(),
            ..recipient.clone()
        }),
    })
}

/// RFC 3461 section 4.
fn xtext(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => char::from(byte).to_string(),
            other => format!("+{other:02X}"),
        })
        .collect()
}
