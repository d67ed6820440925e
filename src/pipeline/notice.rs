//! The one place that sends mail which we write ourselves: delivery notices, and letters to the people of an organisation.
//!
//! From the null sender (RFC 5321 section 4.5.5), marked as made by a machine (RFC 3834 section 5), durable in the spool before anybody
//! relies on it, by the next hop of the reader's address. Never scanned: there is nothing in it but our own fixed sentences and the
//! mail's header section, which was looked at when it came. Never about a mail that has the null sender itself, so none can
//! answer another. Each reader gets at most so many of a kind in an hour.

use crate::{
    base::{
        clock::{Clock, Tick},
        ids::Id,
        limits,
    },
    mail::{
        Address, BodyType, Direction, Envelope, Header, Notify, Organisation, Peer, Recipient,
        Return, ReversePath,
    },
    pipeline::{
        Gateway,
        edit::Edits,
        judge::Via,
        process,
        sending::Sent,
        settings::Settings,
        signing,
        spooled::{Errand, Leg, Spooled},
    },
    store::spool::Content,
    wire::{
        report::{
            Language,
            dsn::{self, Event, Status},
            letter::{self, Letter},
        },
        tls::Asks,
    },
};
use bytes::{Bytes, BytesMut};
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
    time::Duration,
};

/// What stands for the listener of a mail that we wrote.
pub const LISTENER: &str = "notice";

/// What came of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is durable in the spool, under this id.
    Spooled(Id),
    /// Nobody wants it: the mail it is about has the null sender.
    NobodyToTell,
    /// The reader has had enough of these in this hour.
    TooMany,
    /// The spool did not take it, or the mail could not be read.
    NotSpooled,
}

/// How many notices of each kind readers got, in this hour.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<(&'static str, String), Hour>>);

#[derive(Debug, Clone, Copy)]
struct Hour {
    began: Tick,
    count: u32,
}

/// The language in which an organisation's people read what we write.
pub fn language_of(settings: &Settings, organisation: &Organisation) -> Language {
    let hosted = settings.organisation(organisation);
    let languages = hosted.iter().flat_map(|hosted| &hosted.entry.languages);
    languages
        .filter_map(|code| Language::parse(code.as_str()))
        .next()
        .unwrap_or(settings.config.outbound.notice_language)
}

/// Writes to somebody of an organisation, in the language given.
pub async fn letter(
    gateway: &Gateway,
    organisation: &Organisation,
    to: &Address,
    language: Language,
    kind: &letter::Kind,
) -> Posted {
    letter_as(gateway, gateway.new_id(), organisation, to, language, kind).await
}

/// The same under an id that whoever writes has kept: whether it is on its way can then be seen after a crash.
pub(super) async fn letter_as(
    gateway: &Gateway,
    id: Id,
    organisation: &Organisation,
    to: &Address,
    language: Language,
    kind: &letter::Kind,
) -> Posted {
    let reader = format!("{} {}", to.key(), kind.about());
    if !gateway.notices.may(kind.word(), reader, kind.per_hour(), &gateway.clock) {
        return Posted::TooMany;
    }
    let settings = gateway.settings.load();
    let text = letter::write(&Letter {
        hostname: &settings.config.hostname,
        id,
        to,
        language,
        now: gateway.clock.now(),
        kind,
    });
    let post = Post {
        id,
        organisation,
        to,
        subject: kind.word(),
        text,
        signed: Signed::Leaving,
        require_tls: false,
        relaxed: false,
    };
    post.send(gateway, &settings).await
}

/// Sends a mail that was written for a reader of ours: a digest, or what answers him. Signed wherever it goes, for it asks to be trusted.
/// `kind` is one word, for bounds and logs.
pub(super) async fn to_reader(
    gateway: &Gateway,
    settings: &Settings,
    organisation: &Organisation,
    to: &Address,
    kind: &'static str,
    text: Vec<u8>,
) -> Posted {
    if !gateway.notices.may(kind, to.key(), limits::DIGESTS_PER_HOUR_MAX, &gateway.clock) {
        return Posted::TooMany;
    }
    let id = gateway.new_id();
    let post = Post {
        id,
        organisation,
        to,
        subject: kind,
        text,
        signed: Signed::Always,
        require_tls: false,
        relaxed: false,
    };
    post.send(gateway, settings).await
}

/// Sends a link into the portal to its recipient, in the name of whoever sent the mail: what comes back because of it goes to him.
pub(super) async fn invitation(
    gateway: &Gateway,
    settings: &Settings,
    organisation: &Organisation,
    (sender, to): (&Address, &Address),
    write: impl FnOnce(Id) -> Vec<u8>,
) -> Posted {
    let id = gateway.new_id();
    let post = Post {
        id,
        organisation,
        to,
        subject: "parcel-invitation",
        text: write(id),
        signed: Signed::Always,
        require_tls: false,
        relaxed: false,
    };
    post.send_as(gateway, settings, ReversePath::Address(sender.clone())).await
}

/// Tells a domain of TLS with its mail hosts. RFC 8460 section 3: whatever is wrong with that must not keep the report about it.
pub(super) async fn tls_report(
    gateway: &Gateway,
    settings: &Settings,
    organisation: &Organisation,
    to: &Address,
    write: impl FnOnce(Id) -> Vec<u8>,
) -> Posted {
    let subject = "tls-report";
    if !gateway.notices.may(subject, to.key(), limits::TLS_REPORTS_PER_HOUR_MAX, &gateway.clock) {
        return Posted::TooMany;
    }
    let id = gateway.new_id();
    let (text, signed) = (write(id), Signed::Always);
    let post =
        Post { id, organisation, to, subject, text, signed, require_tls: false, relaxed: true };
    post.send(gateway, settings).await
}

/// Tells the sender of a mail what became of these recipients, RFC 3464.
pub(super) async fn report(
    gateway: &Gateway,
    settings: &Settings,
    about: &Spooled,
    content: &Content,
    statuses: &[Status],
) -> Posted {
    let Some(to) = about.envelope.sender.address() else {
        tracing::info!(id = %about.id, "no notice is sent: the mail has the null sender");
        return Posted::NobodyToTell;
    };
    let event = statuses.first().map_or(Event::Failed, |status| status.event);
    if !gateway.notices.may(word(event), to.key(), limits::REPORTS_PER_HOUR_MAX, &gateway.clock) {
        tracing::warn!(id = %about.id, kind = word(event), "its sender has had too many notices in this hour; this one waits");
        return Posted::TooMany;
    }
    // RFC 8689 section 5: what must not travel unprotected does not come back whole either.
    let whole = about.envelope.dsn.ret == Some(Return::Full)
        && event == Event::Failed
        && !about.envelope.require_tls;
    let read = if whole { content.bytes() } else { head(content) };
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(id = %about.id, %error, "a mail could not be read for a notice about it");
            return Posted::NotSpooled;
        }
    };
    let header = Header::read(&bytes).map(|header| header.bytes().to_vec()).unwrap_or_default();
    let id = gateway.new_id();
    let text = dsn::write(&dsn::Notice {
        hostname: &settings.config.hostname,
        id,
        about: about.id,
        to,
        envelope: &about.envelope,
        arrived: about.arrived,
        now: gateway.clock.now(),
        language: language_of(settings, &about.organisation),
        retry_until: Some(about.arrived.plus(settings.bearing.lifetime)),
        recipients: statuses,
        header: &header,
        whole: whole.then_some(&bytes),
    });
    let (organisation, signed) = (&about.organisation, Signed::Leaving);
    let require_tls = about.envelope.require_tls;
    let (subject, relaxed) = (word(event), false);
    let post = Post { id, organisation, to, subject, text, signed, require_tls, relaxed };
    post.send(gateway, settings).await
}

fn word(event: Event) -> &'static str {
    match event {
        Event::Failed => "failed",
        Event::Delayed => "delayed",
        Event::Relayed => "relayed",
    }
}

/// A mail of ours on its way to the spool.
struct Post<'a> {
    id: Id,
    organisation: &'a Organisation,
    to: &'a Address,
    /// For whoever looks at the queue.
    subject: &'a str,
    text: Vec<u8>,
    signed: Signed,
    /// It is about a mail that asked for it, and asks for it as well where it leaves our domains.
    require_tls: bool,
    /// It would rather arrive than have DANE and MTA-STS keep it.
    relaxed: bool,
}

/// When a mail of ours gets its domain's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signed {
    /// When it leaves our domains.
    Leaving,
    /// In any case.
    Always,
}

impl Post<'_> {
    async fn send(self, gateway: &Gateway, settings: &Settings) -> Posted {
        self.send_as(gateway, settings, ReversePath::Null).await
    }

    async fn send_as(self, gateway: &Gateway, settings: &Settings, sender: ReversePath) -> Posted {
        let now = gateway.clock.now();
        let recipient = Recipient {
            notify: match sender {
                ReversePath::Null => Notify::NEVER,
                ReversePath::Address(_) => Notify::default(),
            },
            organisation: self.organisation.clone(),
            ..Recipient::plain(self.to.clone())
        };
        let way = settings.way_to(self.to, self.organisation);
        let edits = match way.own && self.signed == Signed::Leaving {
            true => Edits::default(),
            false => Edits {
                prepend: signing::of_our_own(&gateway.dkim, &self.text, now),
                ..Edits::default()
            },
        };
        let asks = Asks { relaxed: self.relaxed, ..Asks::default() };
        let errand = Errand::Deliver { route: way.route, edits, sender: None, asks };
        let spooled = Spooled {
            id: self.id,
            organisation: self.organisation.clone(),
            direction: Direction::Outbound,
            listener: LISTENER.to_string(),
            peer: Peer::at(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            envelope: Envelope {
                smtputf8: self.to.is_unicode(),
                body: BodyType::EightBit,
                require_tls: self.require_tls && !way.own,
                ..Envelope::from(sender)
            },
            arrived: now,
            subject: self.subject.to_string(),
            from: String::new(),
            sent: Sent::Null,
            via: Via::default(),
            transaction: None,
            personal: Vec::new(),
            legs: vec![Leg::new(errand, recipient, now)],
        };
        let content = Content::from_bytes(self.text.into());
        match process::put_in_spool(gateway, spooled, &content).await.is_yes() {
            true => {
                tracing::info!(id = %self.id, to = %self.to, kind = self.subject, "a notice is on its way");
                metrics::counter!("sluss_notices_total", "kind" => self.subject.to_string())
                    .increment(1);
                Posted::Spooled(self.id)
            }
            false => Posted::NotSpooled,
        }
    }
}

impl Rates {
    /// Counts one more; false when it is one too many. Whatever is written to may be the reader.
    pub(super) fn may(
        &self,
        kind: &'static str,
        reader: String,
        per_hour: u32,
        clock: &Clock,
    ) -> bool {
        let now = clock.tick();
        let Ok(mut hours) = self.0.lock() else { return true };
        if hours.len() >= limits::NOTICE_READERS_REMEMBERED_MAX {
            hours.retain(|_, hour| now.since(hour.began) < HOUR);
            // Nobody has so many readers in an hour; then it is better to write too often than not at all.
            if hours.len() >= limits::NOTICE_READERS_REMEMBERED_MAX {
                hours.clear();
            }
        }
        let hour = hours.entry((kind, reader)).or_insert(Hour { began: now, count: 0 });
        if now.since(hour.began) >= HOUR {
            *hour = Hour { began: now, count: 0 };
        }
        hour.count = hour.count.saturating_add(1);
        hour.count <= per_hour
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

/// As much of a mail as its header section may take.
fn head(content: &Content) -> io::Result<Bytes> {
    let mut head = BytesMut::new();
    for piece in content.chunks(limits::SEALED_CHUNK_BYTES) {
        head.extend_from_slice(&piece?);
        if head.len() > limits::HEADER_BYTES_MAX {
            break;
        }
    }
    Ok(head.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    #[test]
    fn a_reader_gets_so_many_of_a_kind_in_an_hour() {
        let (rates, clock) = (Rates::default(), Clock::by_hand(UnixMs(0)));
        let reader = |name: &str| Address::parse(&format!("{name}@ours.example")).unwrap().key();
        let count =
            |kind, name| (0..9).filter(|_| rates.may(kind, reader(name), 3, &clock)).count();
        assert_eq!(count("failed", "a"), 3);
        assert_eq!(count("failed", "A"), 0, "the same mailbox");
        assert_eq!(count("failed", "b"), 3);
        assert_eq!(count("delayed", "a"), 3);
        clock.advance(HOUR);
        assert_eq!(count("failed", "a"), 3);
    }
}
