//! Proofs of the way of mail: one for what came and one for what went on, each organisation's apart from the others'.
//!
//! A proof of what left the spool is on stable storage before the mail is forgotten there. What goes through while its sender waits, and what
//! came, is written down right after the answer: of these the last moment before a power cut may be missing.

use crate::{
    base::{ids::Id, limits},
    mail::{Direction, Header, Organisation, Peer, Recipient},
    pipeline::{
        Gateway,
        courier::{Delivery, Said, Towards},
        judge::Came,
        notice, release,
        spooled::Spooled,
    },
    store::{
        StoreError,
        proof::{self, CameBy, Event, FromHere, Proof, Seal, WentBy, Whose},
        spool::Content,
        trace::TraceRecipient,
    },
    wire::tls::{Channel, InClear, PersonalData},
};
use std::collections::BTreeMap;

/// What all proofs of a mail share.
pub(super) struct Of<'a> {
    pub(super) mail: Id,
    pub(super) direction: Direction,
    pub(super) sender: String,
    pub(super) peer: &'a Peer,
    pub(super) content: &'a Content,
    pub(super) message_id: String,
    pub(super) personal_data: PersonalData,
    /// Our reply, where it is known.
    pub(super) reply: String,
    /// Whose users sent it: their names are nobody else's business.
    pub(super) sent_by: &'a Organisation,
    /// No connection brought it.
    pub(super) from_here: Option<FromHere>,
}

/// Whose recipients in which domain: what goes to several domains over one connection is several proofs, so that nobody reads in one who else
/// got the mail.
type Groups<'a, T> = BTreeMap<(&'a Organisation, String), Vec<T>>;

/// A server took a mail from the spool for these. It is written down before anybody forgets the mail.
pub(super) async fn delivered(
    gateway: &Gateway,
    (spooled, content): (&Spooled, &Content),
    taken: &[(Recipient, Said)],
    (delivery, towards, personal_data): (&Delivery, Towards, PersonalData),
) {
    // What we read ourselves went nowhere.
    if taken.is_empty() || delivery.server.is_empty() {
        return;
    }
    let of = Of {
        mail: spooled.came_as(),
        direction: spooled.direction,
        sender: spooled.envelope.sender.to_string(),
        peer: &spooled.peer,
        content,
        message_id: message_id(content),
        personal_data,
        reply: String::new(),
        sent_by: &spooled.organisation,
        from_here: match spooled.listener.as_str() {
            release::LISTENER => Some(FromHere::Released),
            notice::LISTENER => Some(FromHere::Written),
            _ => None,
        },
    };
    let mut groups: Groups<'_, &(Recipient, Said)> = BTreeMap::new();
    for one in taken {
        let recipient = &one.0;
        let place = |whose| (whose, domain_of(spooled.direction, recipient));
        groups.entry(place(&recipient.organisation)).or_default().push(one);
        if spooled.direction == Direction::Outbound
            && recipient.organisation != spooled.organisation
        {
            groups.entry(place(&spooled.organisation)).or_default().push(one);
        }
    }
    let proofs = groups.into_iter().map(|((organisation, _), group)| {
        let recipients = group.iter().map(|(one, _)| one.address.to_string()).collect();
        let said = group.first().map(|(_, said)| said.line.clone()).unwrap_or_default();
        let went = went(&delivery.server, delivery.channel.as_ref(), towards, said);
        of.proof(gateway, Event::Delivered, organisation, recipients, Some(went))
    });
    if let Err(error) = gateway.stores.proofs.record(proofs.collect()).await {
        lost(&error, of.mail);
    }
}

/// We took a mail over, and it may have gone through at once.
pub(super) fn taken(
    gateway: &Gateway,
    came: &Came,
    of: &Of<'_>,
    rows: &[(Organisation, TraceRecipient)],
    towards: Towards,
) {
    let mut proofs = Vec::new();
    let mut groups: BTreeMap<(&Organisation, bool), Vec<&TraceRecipient>> = BTreeMap::new();
    for (organisation, row) in rows {
        let went = row.status == "delivered";
        // Of what our own users send the proof comes when it has left.
        if !went && (came.direction == Direction::Outbound || row.status == "trapped") {
            continue;
        }
        groups.entry((organisation, went)).or_default().push(row);
        if came.direction == Direction::Outbound && *organisation != came.organisation {
            groups.entry((&came.organisation, went)).or_default().push(row);
        }
    }
    for ((organisation, has_gone), group) in groups {
        let recipients = group.iter().map(|row| row.recipient.clone()).collect();
        let (event, went) = match group.first().filter(|_| has_gone) {
            Some(row) => {
                let went = went(&row.next_hop, row.channel.as_ref(), towards, row.said.clone());
                (Event::Delivered, Some(went))
            }
            None => (Event::Received, None),
        };
        proofs.push(of.proof(gateway, event, organisation, recipients, went));
    }
    if proofs.is_empty() {
        return;
    }
    let (store, mail) = (gateway.stores.proofs.clone(), of.mail);
    tokio::spawn(async move {
        if let Err(error) = store.record(proofs).await {
            lost(&error, mail);
        }
    });
}

fn lost(error: &StoreError, mail: Id) {
    metrics::counter!("sluss_proofs_lost_total").increment(1);
    tracing::error!(id = %mail, %error, "the proof of a mail's way could not be written down");
}

impl Of<'_> {
    fn proof(
        &self,
        gateway: &Gateway,
        event: Event,
        organisation: &Organisation,
        recipients: Vec<String>,
        went: Option<WentBy>,
    ) -> Proof {
        let peer = self.peer;
        Proof {
            v: 1,
            id: gateway.new_id(),
            mail: self.mail,
            gateway: gateway.settings.load().config.hostname.clone(),
            organisation: organisation.clone(),
            direction: self.direction,
            event,
            at_ms: gateway.clock.now().0,
            sender: self.sender.clone(),
            recipients,
            message_id: self.message_id.clone(),
            bytes: self.content.size_bytes(),
            blake3: proof::hex(&self.content.hash()),
            personal_data: self.personal_data,
            came: match self.from_here {
                Some(_) => CameBy {
                    address: String::new(),
                    helo: String::new(),
                    user: None,
                    tls: None,
                    reply: String::new(),
                    from_here: self.from_here,
                },
                None => CameBy {
                    address: peer.address.to_string(),
                    helo: cut(&peer.helo),
                    user: (self.sent_by == organisation)
                        .then(|| peer.user.as_ref().map(|user| user.name.clone()))
                        .flatten(),
                    tls: peer.tls.clone(),
                    reply: self.reply.clone(),
                    from_here: None,
                },
            },
            went,
        }
    }
}

fn went(server: &str, channel: Option<&Channel>, towards: Towards, reply: String) -> WentBy {
    let (name, address) = match server.split_once(" [") {
        Some((name, rest)) => (name, rest.split(']').next().unwrap_or_default()),
        None => match server.parse::<std::net::SocketAddr>() {
            Ok(_) => ("", server.rsplit_once(':').map_or(server, |(address, _)| address)),
            Err(_) => (server, ""),
        },
    };
    WentBy {
        to: match towards {
            Towards::World => Whose::MailHost,
            Towards::Smarthost => Whose::Smarthost,
            Towards::Own | Towards::OwnToldOfClient | Towards::Portal => Whose::OwnServer,
        },
        server: name.to_string(),
        address: address.trim_matches(['[', ']']).to_string(),
        channel: channel.cloned().unwrap_or_else(|| Channel::clear(InClear::Local)),
        queue_id: proof::queue_id(&reply),
        reply: cut(&reply),
    }
}

/// Where what leaves goes; what comes in is one proof for all recipients of an organisation.
fn domain_of(direction: Direction, recipient: &Recipient) -> String {
    match direction {
        Direction::Outbound => {
            recipient.address.domain().map(ToString::to_string).unwrap_or_default()
        }
        Direction::Inbound => String::new(),
    }
}

/// The Message-ID of a mail in the spool.
fn message_id(content: &Content) -> String {
    let head = content.chunks(limits::SEALED_CHUNK_BYTES).next();
    let head = head.and_then(Result::ok).unwrap_or_default();
    let header = Header::read(&head).ok();
    header.map(|header| message_id_in(&header)).unwrap_or_default()
}

/// The same of one that was read.
pub(super) fn message_id_in(header: &Header) -> String {
    cut(header.value("Message-ID").unwrap_or_default().trim())
}

/// As much of a line as a proof holds.
fn cut(text: &str) -> String {
    text.chars().take(limits::PROOF_LINE_CHARS_MAX).collect()
}

/// Seals what waits for it; gives how many. What is sealed is written into the audit log, and again until that is known to have been done: the
/// same record twice says nothing else than once.
pub async fn seal(gateway: &Gateway) -> Result<usize, StoreError> {
    let _one_at_a_time = gateway.sealing.lock().await;
    record_seals(gateway).await?;
    let waiting = gateway.stores.proofs.unsealed().await?;
    let count = waiting.leaves.len();
    if count == 0 {
        return Ok(0);
    }
    let ring = gateway.stores.ring.clone();
    let signers = tokio::task::spawn_blocking(move || ring.signers());
    let signer = signers.await.unwrap_or(Err(StoreError::Closed))?.current;
    let hostname = gateway.settings.load().config.hostname.clone();
    let at = gateway.clock.now();
    let seal = Seal::make(&hostname, waiting.batch, &waiting.leaves, at, &signer);
    gateway.stores.proofs.seal(waiting, seal).await?;
    record_seals(gateway).await?;
    Ok(count)
}

/// Writes the seals into the audit log that are not known to stand there.
async fn record_seals(gateway: &Gateway) -> Result<(), StoreError> {
    for seal in gateway.stores.proofs.unrecorded().await? {
        gateway.stores.audit.append(seal.entry()).await?;
        gateway.stores.proofs.recorded(seal.batch).await?;
    }
    Ok(())
}

/// Seals what waited when this was asked, and no more: mail goes on coming.
pub async fn seal_all(gateway: &Gateway) -> Result<(), StoreError> {
    while seal(gateway).await? == limits::PROOFS_IN_A_BATCH_MAX {}
    Ok(())
}
