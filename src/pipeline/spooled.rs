//! What the spool keeps beside a mail's bytes: everything needed to go on after a crash, as JSON so that it can be read and grow.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Direction, Envelope, Organisation, Peer, Recipient, ReversePath},
    pipeline::{courier::Route, edit::Edits, judge::Via, sending::Sent},
    wire::{report::personal::Found, tls::Asks},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One mail in the spool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spooled {
    /// Its transaction.
    pub id: Id,
    /// Whose it is.
    pub organisation: Organisation,
    /// Which way it goes.
    pub direction: Direction,
    /// The listener it came by.
    pub listener: String,
    /// Who brought it.
    pub peer: Peer,
    /// Sender and what was asked for; the recipients stand in the legs.
    pub envelope: Envelope,
    /// When it came.
    pub arrived: UnixMs,
    /// Subject as the quarantine may show it, should it come to that.
    pub subject: String,
    /// From as the quarantine may show it.
    pub from: String,
    /// In whose name it travels.
    #[serde(default)]
    pub sent: Sent,
    /// Did a relay of ours bring it?
    #[serde(default)]
    pub via: Via,
    /// The transaction it came in, where that is not its id: a mail that was held goes on under the id it was held by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Id>,
    /// What its sender is told of the personal data in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personal: Vec<Found>,
    /// One for each route, and one for each group that waits to be judged again.
    pub legs: Vec<Leg>,
}

/// Recipients that travel together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// What is to be done.
    pub errand: Errand,
    /// Who is still waiting; empty when the leg is done.
    pub recipients: Vec<Recipient>,
    /// Tries so far.
    pub tries: u32,
    /// When to try next.
    pub due: UnixMs,
    /// An operator said: not now.
    pub on_hold: bool,
    /// What was said last, for `queue list`.
    pub last: String,
    /// On hold until this account is let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The sender has heard that it is late.
    #[serde(default)]
    pub told_of_delay: bool,
    /// When it was first found that nobody vouches for a server it may go to, where it asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven_since: Option<UnixMs>,
}

/// What is to be done for a leg.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// Carry it there.
    Deliver {
        /// Where.
        route: Route,
        /// As what.
        edits: Edits,
        /// The rewritten sender under which it travels; absent: the one it came with.
        #[serde(default)]
        sender: Option<ReversePath>,
        /// What it asks of its channel.
        #[serde(default)]
        asks: Asks,
    },
    /// Look at it again: it was deferred in a mixed mail, or no examiner had time.
    Judge,
}

/// The next hop, or "judge".
impl fmt::Display for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Errand::Deliver { route, .. } => route.fmt(f),
            Errand::Judge => f.write_str("judge"),
        }
    }
}

impl Spooled {
    /// The transaction that it came in: its own, unless it was let go or judged again.
    pub fn came_as(&self) -> Id {
        self.transaction.unwrap_or(self.id)
    }

    /// Is nothing left to do?
    pub fn is_done(&self) -> bool {
        self.legs.iter().all(|leg| leg.recipients.is_empty())
    }

    /// For the spool.
    pub fn to_meta(&self) -> Vec<u8> {
        // Plain data with string keys always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From the spool.
    pub fn from_meta(meta: &[u8]) -> Result<Spooled, serde_json::Error> {
        serde_json::from_slice(meta)
    }
}

impl Spooled {
    /// Whose a leg is: the sender's for what one of ours sends, else the owner of its recipients, who are all of one.
    pub fn owner_of<'a>(&'a self, leg: &'a Leg) -> &'a Organisation {
        match (self.direction, leg.recipients.first()) {
            (Direction::Inbound, Some(first)) => &first.organisation,
            (Direction::Inbound | Direction::Outbound, _) => &self.organisation,
        }
    }
}

impl Leg {
    /// Puts a recipient into the leg that it can travel with: the same errand for the same organisation, so that nobody sees in the
    /// queue who else got the mail.
    pub fn gather(legs: &mut Vec<Leg>, errand: Errand, recipient: Recipient, due: UnixMs) {
        let owner = &recipient.organisation;
        let goes_with = |leg: &&mut Leg| {
            leg.errand == errand
                && leg.recipients.first().is_none_or(|first| first.organisation == *owner)
        };
        match legs.iter_mut().find(goes_with) {
            Some(leg) => leg.recipients.push(recipient),
            None => legs.push(Leg::new(errand, recipient, due)),
        }
    }

    /// A leg with one recipient, not tried yet.
    pub fn new(errand: Errand, recipient: Recipient, due: UnixMs) -> Leg {
        Leg { recipients: vec![recipient], ..Leg::empty(errand, due) }
    }

    /// A leg without recipients.
    pub fn empty(errand: Errand, due: UnixMs) -> Leg {
        Leg {
            errand,
            recipients: Vec::new(),
            tries: 0,
            due,
            on_hold: false,
            waits_for: None,
            last: String::new(),
            told_of_delay: false,
            unproven_since: None,
        }
    }
}
