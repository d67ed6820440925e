//! Looking through what waits: a few mails at a time, so that a million of them stop nobody, oldest first.

use super::{
    Destination, Queue, State,
    card::{Card, LegCard},
};
use crate::{
    base::{
        clock::{UnixMs, millis},
        ids::Id,
        limits,
    },
    mail::Organisation,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, ops::Bound, sync::Arc, time::Duration};

/// One line of `queue list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueLine {
    /// The mail.
    pub id: Id,
    /// Whose it is.
    pub organisation: String,
    /// Envelope sender.
    pub from: String,
    /// Recipients of this leg.
    pub to: Vec<String>,
    /// Where it goes, or "judge".
    pub next_hop: String,
    /// When it came, milliseconds since 1970.
    pub arrived_ms: u64,
    /// When it is tried next.
    pub due_ms: u64,
    /// Tries so far.
    pub tries: u32,
    /// An operator holds it.
    pub on_hold: bool,
    /// It is being worked on now.
    pub under_way: bool,
    /// What was said last.
    pub last: String,
}

/// What to look for. Every given field narrows; texts are parts, in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueFilter {
    /// Part of a recipient's address: "@example.org" for a domain.
    pub recipient: Option<String>,
    /// Part of the envelope sender; "<>" is the null sender.
    pub sender: Option<String>,
    /// The organisation, whole.
    pub organisation: Option<String>,
    /// Part of where it goes.
    pub next_hop: Option<String>,
    /// It came before this.
    pub before: Option<UnixMs>,
    /// Only what an operator holds back.
    pub on_hold: bool,
}

impl QueueFilter {
    /// Does it let everything through?
    pub fn is_everything(&self) -> bool {
        *self == QueueFilter::default()
    }

    fn takes(&self, card: &Card) -> bool {
        self.before.is_none_or(|before| card.arrived < before)
            && has(&self.sender, || card.sender.to_string())
    }

    fn is_owner(&self, owner: &Organisation) -> bool {
        self.organisation.as_deref().is_none_or(|name| owner.name() == name)
    }

    /// What is done to a mail is done to all its legs: those of another organisation are not to be touched.
    fn may_touch(&self, card: &Card) -> bool {
        card.legs.iter().filter(|leg| !leg.is_done()).all(|leg| self.is_owner(&leg.owner))
    }

    fn takes_leg(&self, leg: &LegCard) -> bool {
        let recipient = |text: &String| leg.recipients().any(|to| holds(to, text));
        !leg.is_done()
            && self.is_owner(&leg.owner)
            && (leg.on_hold || !self.on_hold)
            && self.recipient.as_ref().is_none_or(recipient)
            && has(&self.next_hop, || leg.destination.to_string())
    }
}

/// What waits for one destination.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) waiting: usize,
    pub(super) on_hold: usize,
    pub(super) oldest: UnixMs,
    /// What was said last to the oldest that was tried.
    pub(super) said: Arc<str>,
}

impl Tally {
    pub(super) fn empty() -> Tally {
        Tally { waiting: 0, on_hold: 0, oldest: UnixMs(u64::MAX), said: Arc::from("") }
    }

    fn add(&mut self, card: &Card, leg: &LegCard) {
        self.waiting += 1;
        self.on_hold += usize::from(leg.on_hold);
        self.oldest = self.oldest.min(card.arrived);
        // Oldest first: the first words are those of the oldest.
        if self.said.is_empty() {
            self.said = leg.last.clone();
        }
    }
}

impl Queue {
    /// Legs that wait, oldest first, at most `rows`.
    pub fn list(&self, filter: &QueueFilter, rows: usize) -> Vec<QueueLine> {
        let mut lines = Vec::new();
        self.look_through(filter, |id, card, state| {
            let legs = card.legs.iter().enumerate().filter(|(_, leg)| filter.takes_leg(leg));
            let rows_left = rows.saturating_sub(lines.len());
            lines.extend(legs.take(rows_left).map(|(at, leg)| QueueLine {
                under_way: state.under_way.contains(&(id, at)),
                ..line(id, card, leg)
            }));
            lines.len() < rows
        });
        lines
    }

    /// The waiting legs of at most `mails` mails that came after this one, or of the oldest. A mail's legs stay together.
    pub fn page(&self, filter: &QueueFilter, after: Option<Id>, mails: usize) -> Vec<QueueLine> {
        let (mut lines, mut seen) = (Vec::new(), 0);
        self.look_after(after, filter, |id, card, state| {
            let before = lines.len();
            let legs = card.legs.iter().enumerate().filter(|(_, leg)| filter.takes_leg(leg));
            lines.extend(legs.map(|(at, leg)| QueueLine {
                under_way: state.under_way.contains(&(id, at)),
                ..line(id, card, leg)
            }));
            seen += usize::from(lines.len() > before);
            seen < mails
        });
        lines
    }

    /// Mails of which a leg is looked for, oldest first. Where an organisation is named, only those that are all its own.
    pub fn matching(&self, filter: &QueueFilter) -> Vec<Id> {
        let mut ids = Vec::new();
        self.look_through(filter, |id, card, _| {
            if filter.may_touch(card) && card.legs.iter().any(|leg| filter.takes_leg(leg)) {
                ids.push(id);
            }
            true
        });
        ids
    }

    /// What waits for each destination.
    pub(super) fn tallies(&self) -> HashMap<Arc<Destination>, Tally> {
        let mut tallies: HashMap<Arc<Destination>, Tally> = HashMap::new();
        self.look_through(&QueueFilter::default(), |_, card, _| {
            for leg in card.legs.iter().filter(|leg| !leg.is_done()) {
                let tally = tallies.entry(leg.destination.clone()).or_insert_with(Tally::empty);
                tally.add(card, leg);
            }
            true
        });
        tallies
    }

    /// Shows mails to `see` until it has seen enough. The queue is held for a few at a time.
    fn look_through(&self, filter: &QueueFilter, see: impl FnMut(Id, &Card, &State) -> bool) {
        self.look_after(None, filter, see);
    }

    /// The same, from the mails after this one.
    fn look_after(
        &self,
        after: Option<Id>,
        filter: &QueueFilter,
        mut see: impl FnMut(Id, &Card, &State) -> bool,
    ) {
        let mut after = after.map_or(Bound::Unbounded, Bound::Excluded);
        loop {
            let state = self.state();
            let mut seen = 0;
            for (id, card) in
                state.mails.range((after, Bound::Unbounded)).take(limits::QUEUE_LOOK_STEP)
            {
                (seen, after) = (seen + 1, Bound::Excluded(*id));
                if filter.takes(card) && !see(*id, card, &state) {
                    return;
                }
            }
            if seen < limits::QUEUE_LOOK_STEP {
                return;
            }
        }
    }
}

/// The moment before which a mail came that is older than `age`.
pub fn older_than(now: UnixMs, age: Duration) -> UnixMs {
    UnixMs(now.0.saturating_sub(millis(age)))
}

fn line(id: Id, card: &Card, leg: &LegCard) -> QueueLine {
    QueueLine {
        id,
        organisation: leg.owner.name().to_string(),
        from: card.sender.to_string(),
        to: leg.recipients().map(str::to_string).collect(),
        next_hop: leg.destination.to_string(),
        arrived_ms: card.arrived.0,
        due_ms: leg.due.0,
        tries: leg.tries,
        on_hold: leg.on_hold,
        under_way: false,
        last: leg.last.to_string(),
    }
}

fn has(wanted: &Option<String>, text: impl FnOnce() -> String) -> bool {
    wanted.as_ref().is_none_or(|wanted| holds(&text(), wanted))
}

fn holds(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{super::tests::mail, *};
    use crate::{
        mail::{Address, Organisation, Recipient, ReversePath},
        pipeline::spooled::Spooled,
    };

    fn filter(change: impl FnOnce(&mut QueueFilter)) -> QueueFilter {
        let mut filter = QueueFilter::default();
        change(&mut filter);
        filter
    }

    #[test]
    fn mails_are_found_by_whose_they_are_where_they_go_and_how_old_they_are() {
        let queue = Queue::default();
        for number in 1..=4 {
            let mut one = mail(number, &[25], 0);
            one.arrived = UnixMs(u64::from(number) * 1_000);
            if number == 2 {
                one.organisation = Organisation::named("acme");
                one.envelope.sender = ReversePath::parse("Karin@Example.org").unwrap();
            }
            if number == 3 {
                one = Spooled { arrived: one.arrived, ..mail(number, &[25, 26], 0) };
                let to = Recipient::plain(Address::parse("c@elsewhere.example").unwrap());
                one.legs[1].recipients = vec![to];
                one.legs[1].on_hold = true;
            }
            queue.add(&one);
        }
        let text = |text: &str| Some(text.to_string());
        for (wanted, numbers) in [
            (QueueFilter::default(), &[1, 2, 3, 4][..]),
            (filter(|it| it.organisation = text("acme")), &[2]),
            (filter(|it| it.sender = text("karin@example.ORG")), &[2]),
            (filter(|it| it.recipient = text("@elsewhere.example")), &[3]),
            (filter(|it| it.next_hop = text(":26")), &[3]),
            (filter(|it| it.before = Some(UnixMs(3_000))), &[1, 2]),
            (filter(|it| it.on_hold = true), &[3]),
            // Of one leg, not of one here and one there.
            (filter(|it| (it.recipient, it.next_hop) = (text("@ours.example"), text(":26"))), &[]),
        ] {
            let want: Vec<Id> =
                numbers.iter().map(|number| Id::new(UnixMs(1), [*number; 10])).collect();
            assert_eq!(queue.matching(&wanted), want, "{wanted:?}");
            let mut listed: Vec<Id> =
                queue.list(&wanted, 100).into_iter().map(|line| line.id).collect();
            listed.dedup();
            assert_eq!(listed, want, "{wanted:?}");
        }
        assert_eq!(queue.list(&QueueFilter::default(), 2).len(), 2);
    }

    #[test]
    fn pages_follow_each_other_and_keep_a_mails_legs_together() {
        let queue = Queue::default();
        for number in 1..=5 {
            queue.add(&mail(number, &[25, 26], 0));
        }
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = queue.page(&QueueFilter::default(), after, 2);
            let Some(last) = page.last() else { break };
            assert!(page.len() == 4 || seen.len() == 8, "two mails of two legs");
            after = Some(last.id);
            seen.extend(page.into_iter().map(|line| (line.id, line.next_hop)));
        }
        seen.dedup();
        assert_eq!(seen.len(), 10, "each leg once");
        let only = QueueFilter { next_hop: Some(":26".to_string()), ..QueueFilter::default() };
        assert_eq!(queue.page(&only, None, 3).len(), 3);
    }

    #[test]
    fn the_queue_is_looked_through_to_its_end() {
        let queue = Queue::default();
        let count = limits::QUEUE_LOOK_STEP + 1;
        for number in 0..count {
            let id = Id::new(UnixMs(u64::try_from(number).unwrap()), [0; 10]);
            queue.add(&Spooled { id, ..mail(1, &[25], 0) });
        }
        assert_eq!(queue.matching(&QueueFilter::default()).len(), count);
        assert_eq!(queue.list(&QueueFilter::default(), 10_000).len(), count);
    }
}
