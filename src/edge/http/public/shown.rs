//! A held mail as its owner sees it: who, what, when, one plain reason, until when. Never a score, never what is inside.

use super::sheet::{Moment, Reader, plain, two_pieces};
use crate::{
    mail::legible,
    pipeline::{digest, plain_reason::PlainReason},
    store::held::{Held, Releaser},
};

/// One mail on a page.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) id: String,
    /// The name that the sender gives itself; empty: none.
    pub(super) name: String,
    /// The sender's address up to its domain, and the domain.
    pub(super) address: (String, String),
    pub(super) subject: String,
    pub(super) came: Moment,
    /// Until when it is kept; none: it waits no longer.
    pub(super) kept: Option<Moment>,
    pub(super) attachments: Vec<String>,
    /// Why it is held; empty: it waits no longer.
    pub(super) reason: String,
    /// Staff looks at it before anybody has it delivered.
    pub(super) dangerous: bool,
    /// What else is to be said of it, in the order of its weight.
    pub(super) remarks: Vec<String>,
}

impl Mail {
    pub(super) fn of(held: &Held, reader: &Reader) -> Mail {
        let words = reader.words;
        let (name, address) = digest::sender(held);
        let subject = match plain(&held.subject) {
            empty if empty.is_empty() => words.say("digest.no-subject", &[]),
            subject => subject,
        };
        let (came, kept) = (reader.moment(held.held_at), reader.date(held.expires));
        let address = plain(&address);
        let address = match address.is_empty() {
            true => words.say("digest.no-sender", &[]),
            false => address,
        };
        Mail {
            id: held.id.to_string(),
            name: plain(&name),
            address: two_pieces(&address),
            subject,
            came: Moment { text: words.say("digest.came", &[("when", &came.text)]), ..came },
            kept: Some(Moment {
                text: words.say("digest.deleted", &[("date", &kept.text)]),
                ..kept
            }),
            attachments: held.attachments.iter().map(|one| plain(&one.name)).collect(),
            reason: PlainReason::of_held(held).to_owner(words),
            dangerous: digest::is_dangerous(held),
            remarks: Vec::new(),
        }
    }

    /// The same when it is dealt with: why it was held and until when is past.
    pub(super) fn over(self) -> Mail {
        Mail { kept: None, reason: String::new(), ..self }
    }
}

/// Who it was, for this reader: staff is not named to everybody who has a mailbox.
pub(super) fn who(by: &Releaser, reader: &Reader, own: &str) -> String {
    let words = reader.words;
    match by {
        Releaser::Owner(address) | Releaser::Reply(address) if address.key() == own => {
            words.say("tap.you", &[])
        }
        Releaser::Owner(address) | Releaser::Reply(address) => legible(&address.to_string()),
        Releaser::Command | Releaser::Staff(_) | Releaser::Gateway => words.say("tap.staff", &[]),
    }
}
