//! Remembers what goes out, and asks that memory about what comes back as undeliverable.

use crate::{
    base::limits,
    examine::Contents,
    facts::{
        Known,
        bounce::{self, Returned},
    },
    formats::report::{Report, returned},
    mail::{Direction, Header, Organisation},
    pipeline::{judge::Came, sending::Sent},
    store::{
        StoreError,
        embedded::{Going, Mark, SentMemory},
    },
    wire::srs::Key,
};

/// The memory of what went out, and the key to it.
#[derive(Debug, Clone)]
pub struct Bounces {
    memory: SentMemory,
    key: [u8; 32],
}

impl Bounces {
    /// Over a memory, with a key made from the gateway's secret: who has the database alone cannot tell whether a Message-ID is in it.
    pub fn new(memory: SentMemory, secret: &Key) -> Bounces {
        let key = blake3::derive_key("sluss 2026 memory of sent mail", secret.expose());
        Bounces { memory, key }
    }

    /// Remembers a mail that goes out, so that its bounce is known for ours. Notices that we write ourselves have a null sender: nothing
    /// comes back of them.
    pub fn remember(&self, came: &Came, header: &Header) {
        let sender = came.envelope.sender.address().and_then(|sender| sender.domain());
        let (Direction::Outbound, Some(domain)) = (came.direction, sender) else { return };
        let id = header.value("Message-ID").and_then(|value| returned::id(&value));
        // What somebody here passes on has a rewritten sender; its bounce goes back to whoever wrote it.
        if came.sent == Sent::Own {
            self.memory.remember(Going {
                organisation: came.organisation.clone(),
                domain: domain.clone(),
                mark: id.map(|id| self.mark(&came.organisation, &id)),
            });
        }
    }

    /// Whose mail does this bounce return? Not asked where it is no bounce.
    pub async fn ask(&self, came: &Came, header: &Header, contents: &Contents) -> Known<Returned> {
        if !is_bounce(came, header, contents) {
            return Known::NotAsked;
        }
        let recipient = came.envelope.recipients.first();
        let Some((recipient, domain)) =
            recipient.and_then(|one| Some((one, one.address.domain()?)))
        else {
            return Known::NotAsked;
        };
        let names_one = !contents.returned_ids.is_empty();
        // Some name the mail in the fields of an answer as well, or only there.
        let ids = contents.returned_ids.iter().cloned().chain(answered(header));
        let marks = ids.take(2 * limits::RETURNED_IDS_MAX);
        let marks: Vec<Mark> = marks.map(|id| self.mark(&recipient.organisation, &id)).collect();
        match self.memory.ask(&recipient.organisation, domain, marks).await {
            Ok(memory) => {
                let today = self.memory.today();
                let returned = bounce::decide(&memory, names_one, today);
                // Once a day is enough.
                let noted = memory.domain.is_none_or(|domain| domain.proved_day == Some(today));
                if returned == Returned::Ours && !noted {
                    self.memory.prove(&recipient.organisation, domain);
                }
                Known::Yes(returned)
            }
            Err(error) => unanswered(&error),
        }
    }

    fn mark(&self, organisation: &Organisation, id: &str) -> Mark {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(organisation.name().as_bytes()).update(&[0]).update(id.as_bytes());
        let hash = hasher.finalize();
        let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        Mark(u64::from_be_bytes(first))
    }
}

/// The mails that a mail says it answers: RFC 5322 section 3.6.4.
fn answered(header: &Header) -> impl Iterator<Item = String> {
    let values = ["In-Reply-To", "References"].into_iter().filter_map(|name| header.value(name));
    let ids: Vec<String> = values
        .flat_map(|value| {
            let ids = value.split('>').filter_map(returned::id);
            ids.take(limits::RETURNED_IDS_MAX).collect::<Vec<String>>()
        })
        .collect();
    ids.into_iter()
}

fn unanswered(error: &StoreError) -> Known<Returned> {
    tracing::error!(%error, "the memory of what was sent could not be asked");
    Known::No("the memory of what was sent could not be asked".to_string())
}

/// May it be one? Only these are worth waiting for the memory.
pub(super) fn may_be_bounce(came: &Came) -> bool {
    came.direction == Direction::Inbound && came.envelope.sender.address().is_none()
}

/// RFC 5321 section 4.5.5: a notice has the null sender. Other mail has it too, an absence for one; a bounce says what did not arrive, returns
/// it, or comes from whoever writes them.
fn is_bounce(came: &Came, header: &Header, contents: &Contents) -> bool {
    let tells = contents.reports.iter().any(|report| matches!(report, Report::Delivery(_)));
    let by_a_server = || {
        let writer = header.mailboxes("From").into_iter().next();
        let local = writer.map(|writer| writer.address.to_ascii_lowercase()).unwrap_or_default();
        ["mailer-daemon@", "postmaster@"].iter().any(|begin| local.starts_with(begin))
    };
    may_be_bounce(came) && (tells || !contents.returned_ids.is_empty() || by_a_server())
}
