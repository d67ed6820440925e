//! What the queue keeps in memory of a waiting mail: enough to schedule it, to list it and to find it; the rest is read from the
//! spool by whoever works on it.
//!
//! A million of these must fit beside everything else, so what many mails share (a destination, an organisation, a server's last
//! words) is kept once.

use super::{Destination, wants_word_of_delay};
use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    mail::{Organisation, Recipient},
    pipeline::{
        bearing::Bearing,
        spooled::{Leg, Spooled},
    },
};
use std::{borrow::Borrow, collections::HashSet, hash::Hash, sync::Arc};

/// A waiting mail.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) arrived: UnixMs,
    /// Envelope sender, as it is shown.
    pub(super) sender: Box<str>,
    /// One for each leg of the record, finished ones too, so that a leg keeps its number.
    pub(super) legs: Box<[LegCard]>,
}

/// A leg of it.
#[derive(Debug)]
pub(super) struct LegCard {
    pub(super) destination: Arc<Destination>,
    pub(super) owner: Organisation,
    /// Who still waits, a line each; empty when the leg is done.
    recipients: Box<str>,
    pub(super) last: Arc<str>,
    pub(super) due: UnixMs,
    pub(super) tries: u32,
    pub(super) on_hold: bool,
    /// Its sender is to hear when it is late.
    pub(super) wants_word: bool,
}

/// What is kept once for all cards.
#[derive(Debug, Default)]
pub(super) struct Shared {
    destinations: Pool<Arc<Destination>>,
    texts: Pool<Arc<str>>,
    organisations: Pool<Organisation>,
}

impl Shared {
    pub(super) fn card(&mut self, mail: &Spooled) -> Card {
        Card {
            arrived: mail.arrived,
            sender: mail.envelope.sender.to_string().into(),
            legs: mail.legs.iter().map(|leg| self.leg(mail, leg)).collect(),
        }
    }

    fn leg(&mut self, mail: &Spooled, leg: &Leg) -> LegCard {
        LegCard {
            destination: self
                .destinations
                .keep(&Destination::of(&leg.errand), |place| Arc::new(place.clone())),
            owner: self.organisations.keep(mail.owner_of(leg), Organisation::clone),
            recipients: lines(&leg.recipients),
            last: self.texts.keep(leg.last.as_str(), |text: &str| Arc::from(text)),
            due: leg.due,
            tries: leg.tries,
            on_hold: leg.on_hold,
            wants_word: wants_word_of_delay(mail, leg),
        }
    }

    /// Forgets what no card has any more, once there is much of it.
    pub(super) fn tidy(&mut self) {
        self.destinations.tidy(|place| Arc::strong_count(place) > 1);
        self.texts.tidy(|text| Arc::strong_count(text) > 1);
        // As many as are configured; none goes while mail waits for it.
    }
}

impl LegCard {
    /// Is nobody left who waits?
    pub(super) fn is_done(&self) -> bool {
        self.recipients.is_empty()
    }

    /// It waits for its time or its turn, not for an operator.
    pub(super) fn waits(&self) -> bool {
        !self.is_done() && !self.on_hold
    }

    pub(super) fn recipients(&self) -> impl Iterator<Item = &str> {
        self.recipients.lines()
    }

    /// When its sender must hear next of it though nobody tries it: that it is late, or that it failed.
    pub(super) fn next_word(&self, arrived: UnixMs, bearing: &Bearing) -> Option<UnixMs> {
        match *self.destination {
            Destination::Examiners => None,
            Destination::Route(_) => Some(word_due(arrived, self.wants_word, bearing)),
        }
    }
}

/// When a sender must hear of a mail that arrived then.
pub(super) fn word_due(arrived: UnixMs, wants_word: bool, bearing: &Bearing) -> UnixMs {
    let late = bearing.delay_after.filter(|_| wants_word).map(|after| arrived.plus(after));
    let end = arrived.plus(bearing.lifetime);
    late.map_or(end, |late| late.min(end))
}

fn lines(recipients: &[Recipient]) -> Box<str> {
    let addresses: Vec<String> =
        recipients.iter().map(|recipient| recipient.address.to_string()).collect();
    addresses.join("\n").into()
}

/// Where a leg stands in every line.
pub(super) type Turn = (UnixMs, Id, usize);

/// Values that are kept once.
#[derive(Debug)]
struct Pool<T> {
    kept: HashSet<T>,
    tidy_at: usize,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { kept: HashSet::new(), tidy_at: limits::QUEUE_LOOK_STEP }
    }
}

impl<T: Clone + Eq + Hash> Pool<T> {
    fn keep<Q>(&mut self, value: &Q, make: impl Fn(&Q) -> T) -> T
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(known) = self.kept.get(value) {
            return known.clone();
        }
        let new = make(value);
        self.kept.insert(new.clone());
        new
    }

    /// Looks through it only when it has doubled since it was last looked through.
    fn tidy(&mut self, in_use: impl Fn(&T) -> bool) {
        if self.kept.len() >= self.tidy_at {
            self.kept.retain(in_use);
            self.tidy_at = (2 * self.kept.len()).max(limits::QUEUE_LOOK_STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::mail, *};

    #[test]
    fn what_many_mails_share_is_kept_once() {
        let mut shared = Shared::default();
        let cards: Vec<Card> =
            (1..=200).map(|number| shared.card(&mail(number, &[25, 26], 0))).collect();
        let first = &cards[0].legs[0];
        assert!(
            cards.iter().all(|card| Arc::ptr_eq(&card.legs[0].destination, &first.destination))
        );
        assert!(cards.iter().all(|card| Arc::ptr_eq(&card.legs[1].last, &first.last)));
        assert_eq!(first.recipients().collect::<Vec<_>>(), ["b@far.example"]);
        assert_eq!(shared.destinations.kept.len(), 2);
    }

    #[test]
    fn words_that_were_said_once_do_not_stay_for_ever() {
        let mut shared = Shared::default();
        for number in 0..3 * limits::QUEUE_LOOK_STEP {
            let mut one = mail(1, &[25], 0);
            one.legs[0].last = format!("451 try again in {number} s");
            shared.card(&one);
            shared.tidy();
        }
        assert!(shared.texts.kept.len() <= 2 * limits::QUEUE_LOOK_STEP);
    }
}
