//! Has whoever writes to an address that we read shown to be who he says that he is? A client of ours shows it by being bound to his
//! organisation, on an outbound listener; from outside DMARC shows it. Envelope sender and the one From are his address both times.

use crate::{
    mail::{Address, Direction, Header, Organisation},
    pipeline::{
        Gateway, deliver, judge,
        sending::{self, Sent},
        settings::{Client, Settings},
        spooled::Spooled,
    },
};
use bytes::Bytes;
use std::sync::Arc;

/// RFC 3834 section 2: what a program wrote says so, or comes from the null sender.
pub(super) fn is_automatic(spooled: &Spooled, header: &Header) -> bool {
    let said = header.value("Auto-Submitted").unwrap_or_default().trim().to_ascii_lowercase();
    let by_a_program = !said.is_empty() && said != "no" && !said.starts_with("no;");
    by_a_program || spooled.envelope.sender.address().is_none()
}

/// Who says that he wrote it: envelope sender and the one From. None where they differ.
pub(super) fn writer(spooled: &Spooled, header: &Header) -> Option<Address> {
    let from = header.mailboxes("From");
    let [only] = from.as_slice() else { return None };
    let sender = spooled.envelope.sender.address()?;
    let is_sender = |author: Address| author.key() == sender.key();
    let is_one = header.count("From") == 1 && Address::parse(&only.address).is_ok_and(is_sender);
    is_one.then(|| sender.clone())
}

/// Has the writer, who says that he is of this organisation, shown it?
pub(super) async fn is_shown(
    gateway: &Gateway,
    settings: &Arc<Settings>,
    spooled: &Spooled,
    organisation: &Organisation,
    bytes: &Bytes,
) -> bool {
    match spooled.direction {
        Direction::Outbound => match settings.client(&spooled.peer) {
            Some(Client::Of(hosted)) => hosted.name() == organisation,
            // A server that several share is bound, for one mail, to whom its sender belongs.
            Some(client @ Client::Shared) => {
                let sender = &spooled.envelope.sender;
                sending::by_sender(settings, &client, sender).is_some_and(|(writer, sent)| {
                    sent == Sent::Own && writer.name() == organisation
                })
            }
            None => false,
        },
        Direction::Inbound => {
            let came = deliver::came(spooled);
            judge::passes_dmarc(gateway, settings, &came, bytes).await
        }
    }
}
