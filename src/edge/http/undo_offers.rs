//! What a session did of late and can still take back. A note belongs to the page that an act leads to; that it can be taken back is true on
//! every page, as long as it is, and so every page offers it.

use super::frame::{Note, UndoOffer};
use crate::base::{clock::Tick, ids::Id, limits};
use std::collections::BTreeSet;

/// Those of one session, the newest last.
#[derive(Debug, Default)]
pub(super) struct UndoOffers(Vec<Offer>);

#[derive(Debug)]
struct Offer {
    at: Tick,
    ids: Vec<String>,
    said: String,
}

impl UndoOffers {
    /// An act was done; its note says of which mails it can be taken back.
    pub(super) fn add(&mut self, note: &Note, now: Tick) {
        self.0.retain(|offer| now.since(offer.at) < limits::UNDO_TIME_MAX);
        let ids = note.undo.split(' ').map(str::to_string).collect();
        self.0.push(Offer { at: now, ids, said: note.text.clone() });
        let over = self.0.len().saturating_sub(limits::UNDO_OFFERS_MAX);
        self.0.drain(..over);
    }

    /// The newest, while there is time for it.
    pub(super) fn newest(&self, now: Tick) -> Option<UndoOffer> {
        let offer = self.0.last()?;
        let left = limits::UNDO_TIME_MAX.checked_sub(now.since(offer.at))?;
        (!left.is_zero()).then(|| UndoOffer {
            ids: offer.ids.join(" "),
            said: offer.said.clone(),
            left: left.as_secs() + u64::from(left.subsec_nanos() > 0),
            is_told: false,
        })
    }

    /// What was done with these last was taken back; what was done with them before can be next.
    pub(super) fn end(&mut self, taken_back: &[Id]) {
        let newest = |id: &Id| {
            let id = id.to_string();
            self.0.iter().rposition(|offer| offer.ids.contains(&id))
        };
        let over: BTreeSet<usize> = taken_back.iter().filter_map(newest).collect();
        let mut at = 0..self.0.len();
        self.0.retain(|_| at.next().is_none_or(|at| !over.contains(&at)));
    }

    /// When the newest was made.
    pub(super) fn at(&self) -> Tick {
        self.0.last().map_or(Tick::default(), |offer| offer.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;
    use std::time::Duration;

    #[test]
    fn what_was_done_last_is_offered_until_its_time_is_over_or_it_is_taken_back() {
        let id = |number| Id::new(UnixMs(1), [number; 10]);
        let at = |millis| Tick(Duration::from_millis(millis));
        let mut offers = UndoOffers::default();
        assert_eq!(offers.newest(at(0)), None);
        offers.add(&Note::done("first").with_undo(&[id(1), id(2)]), at(1_000));
        offers.add(&Note::done("second").with_undo(&[id(3)]), at(4_000));
        let told =
            |offers: &UndoOffers, now| offers.newest(at(now)).map(|offer| (offer.said, offer.left));
        assert_eq!(told(&offers, 4_000), Some(("second".to_string(), 10)));
        assert_eq!(told(&offers, 13_100), Some(("second".to_string(), 1)));
        assert_eq!(told(&offers, 14_000), None);
        // The one before it is the next, for as long as it has.
        offers.end(&[id(3)]);
        assert_eq!(told(&offers, 4_500), Some(("first".to_string(), 7)));
        // Of what was done twice with a mail the last comes first.
        offers.add(&Note::done("third").with_undo(&[id(2)]), at(4_400));
        offers.end(&[id(2)]);
        assert_eq!(told(&offers, 4_500), Some(("first".to_string(), 7)));
        offers.end(&[id(2)]);
        assert_eq!(told(&offers, 4_500), None);
        for number in 0..100 {
            offers.add(&Note::done("many").with_undo(&[id(number)]), at(5_000));
        }
        assert_eq!(offers.0.len(), limits::UNDO_OFFERS_MAX);
    }
}
