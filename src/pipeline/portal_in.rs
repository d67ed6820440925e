//! What comes in by the portal's pages: answers of those who fetched a mail there, and files that somebody sends to us.
//!
//! It becomes a mail like any other and goes through the same pipeline, so nobody gets a file that was not opened and scanned. Whoever filled in the page
//! is no SMTP client: nothing is asked about his network, and nothing that is found refuses what he sent, since nobody would tell him; it is held.

use crate::{
    base::{ids::Id, limits},
    config::lists::Word,
    mail::{Address, Envelope, Organisation, Peer, Recipient, ReversePath, TlsSession},
    pipeline::{
        Gateway,
        guard::Standing,
        judge::{Came, Via},
        notice, outside,
        process::{self, Arrival},
        settings::{Hosted, KnownRecipients, Settings},
    },
    store::spool::Content,
    wire::words::Words,
};
use mail_builder::{MessageBuilder, headers::address::Address as Mailbox};
use std::{net::IpAddr, sync::Arc};

/// What stands for the listener of what came by a page.
pub const LISTENER: &str = "portal";

/// A file.
#[derive(Clone)]
pub struct File {
    /// Its name, as the browser says it.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// What somebody sends by a page.
#[derive(Debug, Clone)]
pub struct Sending {
    /// Who it is from.
    pub from: Address,
    /// How far that is known.
    pub known: Sender,
    /// What he calls himself.
    pub name: String,
    /// For whom.
    pub to: Address,
    /// About what.
    pub subject: String,
    /// The Message-ID of the mail that it answers, without its brackets.
    pub in_reply_to: Option<String>,
    /// What he writes.
    pub text: String,
    /// What he sends.
    pub files: Vec<File>,
    /// Where he is.
    pub client: IpAddr,
}

/// How far it is known who sends something by a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// He says so, and nobody has checked it.
    Claimed,
    /// He opened a mail for this address with its link and its code.
    HasCode,
    /// He has the link that was sent to this address.
    Invited,
}

impl Sender {
    /// That, to whoever reads what came.
    pub fn said(self, words: &Words, sender: &str) -> String {
        match self {
            Sender::Claimed => words.say("portal.came-claimed", &[("sender", sender)]),
            Sender::HasCode => words.say("portal.came-shown", &[("sender", sender)]),
            Sender::Invited => words.say("portal.came-invited", &[("sender", sender)]),
        }
    }
}

/// Why it was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Too much came from there, or for that address, in this hour.
    #[error("too many of them in this hour")]
    TooMany,
    /// The address is none of ours, or the server behind us does not take it.
    #[error("nobody here reads mail for this address: {0}")]
    Nobody(String),
    /// Not now.
    #[error("it cannot be taken just now: {0}")]
    Later(String),
}

/// May somebody from there send anything more in this hour? Asked before any of it is read.
pub fn may_try(gateway: &Gateway, client: IpAddr) -> bool {
    let network = super::limits::network_key(client).to_string();
    let most = limits::PORTAL_TRIES_PER_NETWORK_MAX;
    gateway.notices.may("portal-try", network, most, &gateway.clock)
}

/// May he send something to that reader, from there? Gives whose the reader is. Counted.
pub(super) fn admit(
    gateway: &Gateway,
    settings: &Settings,
    (from, known): (&Address, Sender),
    to: &Address,
    client: IpAddr,
) -> Result<Organisation, NotTaken> {
    let Some(own) = settings.own_domain(to) else {
        return Err(NotTaken::Nobody("it is in no domain of ours".to_string()));
    };
    let organisation = own.organisation.name().clone();
    if !settings.may_judge {
        return Err(NotTaken::Later("there are no signatures to look at it with".to_string()));
    }
    let is_there = match &own.known {
        KnownRecipients::Listed(known) => known.contains(to) || to.is_role(),
        KnownRecipients::Internal => gateway.internal.takes(to),
        KnownRecipients::Any | KnownRecipients::Callout => true,
    };
    if !is_there {
        return Err(NotTaken::Nobody("there is no such recipient".to_string()));
    }
    let network = super::limits::network_key(client).to_string();
    let may = |kind, whose: String, most| gateway.notices.may(kind, whose, most, &gateway.clock);
    if !may("portal-from", network, limits::PORTAL_SENDINGS_PER_NETWORK_MAX)
        || !may("portal-to", to.key(), limits::PORTAL_SENDINGS_PER_RECIPIENT_MAX)
    {
        return Err(NotTaken::TooMany);
    }
    if known == Sender::Claimed && is_kept_out(gateway, settings, &own.organisation, from, client) {
        return Err(NotTaken::Nobody("the sender, or where he is, is blocked".to_string()));
    }
    Ok(organisation)
}

/// Would he be turned away at SMTP? A page is no way round that.
fn is_kept_out(
    gateway: &Gateway,
    settings: &Settings,
    organisation: &Hosted,
    from: &Address,
    client: IpAddr,
) -> bool {
    let (sender, peer) = (ReversePath::Address(from.clone()), Peer::at(client));
    let word = settings
        .listed(organisation, &sender, client)
        .or_else(|| outside::say(&settings.lists, Some(&peer), &sender));
    let now = gateway.clock.now();
    let is_banned = || gateway.guard.ban_of(client, || Standing::Strange, now).is_some();
    match word {
        Some(Word::Allow) => false,
        Some(Word::Block) => true,
        None => is_banned(),
    }
}

/// Takes it: when this returns it is delivered, or safe here. Gives its id.
pub async fn take(gateway: &Arc<Gateway>, sending: Sending) -> Result<Id, NotTaken> {
    let settings = gateway.settings.load_full();
    let whose = (&sending.from, sending.known);
    let organisation = admit(gateway, &settings, whose, &sending.to, sending.client)?;
    let id = gateway.new_id();
    let content = Content::from_bytes(composed(&settings, &sending, id)?.into());
    let came = came(gateway, &sending, organisation);
    let arrival = Arrival { id, listener: LISTENER.to_string(), came, dot: gateway.clock.tick() };
    let reply = process::process(gateway, arrival, content).await.reply;
    metrics::counter!("sluss_portal_sent_to_us_total").increment(1);
    match (reply.is_yes(), reply.is_later()) {
        (true, _) => Ok(id),
        (false, true) => Err(NotTaken::Later(reply.one_line())),
        (false, false) => Err(NotTaken::Nobody(reply.one_line())),
    }
}

/// How it came, as far as judging it goes.
pub(super) fn came(gateway: &Gateway, sending: &Sending, organisation: Organisation) -> Came {
    let recipient = Recipient { organisation, ..Recipient::plain(sending.to.clone()) };
    let envelope = Envelope {
        recipients: vec![recipient],
        smtputf8: sending.to.is_unicode(),
        ..Envelope::from(ReversePath::Null)
    };
    let peer = Peer {
        tls: Some(TlsSession {
            version: "TLS".to_string(),
            cipher: "a page of the portal".to_string(),
            ..TlsSession::default()
        }),
        ..Peer::at(sending.client)
    };
    Came { via: Via::Portal, ..Came::from_world(peer, envelope, gateway.clock.now()) }
}

/// A whole message. Its author is our page, since nobody else can answer for its fields; an answer goes to whoever filled it in.
pub(super) fn composed(
    settings: &Settings,
    sending: &Sending,
    id: Id,
) -> Result<Vec<u8>, NotTaken> {
    let hostname = &settings.config.hostname;
    let address = sending.from.to_string();
    let own = settings.own_domain(&sending.to).map(|own| own.organisation.name().clone());
    let language = notice::language_of(settings, &own.unwrap_or_default());
    let words = Words::of(language);
    // A name with an address in it that is not the mail's own is what fraudsters write.
    let name = match sending.name.trim() {
        "" => sending.from.local(),
        name => name,
    };
    let domain = sending.from.domain().map(ToString::to_string).unwrap_or_default();
    let name = format!("{name} ({domain})").replace('@', " ");
    let says = sending.known.said(words, &address);
    let text = format!("{says}\r\n\r\n{}\r\n", sending.text.trim_end());
    let mut mail = MessageBuilder::new()
        .from(Mailbox::new_address(Some(name), format!("portal@{hostname}")))
        .reply_to(Mailbox::new_address(None::<&str>, address))
        .to(Mailbox::new_address(None::<&str>, sending.to.to_string()))
        .subject(sending.subject.clone())
        .message_id(format!("{id}@{hostname}"))
        .text_body(text);
    if let Some(answered) = &sending.in_reply_to {
        mail = mail.in_reply_to(answered.as_str());
    }
    for file in &sending.files {
        mail = mail.attachment(
            "application/octet-stream",
            super::view::file_name(&file.name),
            file.bytes.as_slice(),
        );
    }
    mail.write_to_vec().map_err(|error| NotTaken::Later(error.to_string()))
}
