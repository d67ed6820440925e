//! What follows from one look at a control: pure, so that a year can be tested in a moment.
//!
//! A control that breaks opens one deviation, whose owners hear of it once, are reminded, and hear when it is over; others hear once when it
//! stays open. It is over when the control has been good for a while: for longer the more often it broke of late, so that one that comes
//! and goes writes few letters. What cannot be measured keeps what is open open, and is as bad as broken when it lasts.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    mail::{Address, Organisation},
    store::deviations::{Deviation, Evidence, Letter, Stands, State},
    wire::report::deviation::{Measure, Stage},
};
use std::time::Duration;

/// What a look gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// It holds.
    Good(Evidence),
    /// It does not.
    Broken(Evidence),
    /// It could not be measured, and why.
    Unknown {
        /// Why.
        why: String,
        /// How far it may go.
        limit: String,
    },
    /// What it is measured by is still being read: nothing is said of it.
    NotYet,
}

impl Look {
    /// With a word more.
    #[must_use]
    pub(super) fn noting(mut self, more: Option<String>) -> Look {
        if let (Look::Good(evidence) | Look::Broken(evidence), Some(more)) = (&mut self, more) {
            evidence.note = more;
        }
        self
    }
}

/// What a control asks for.
#[derive(Debug, Clone)]
pub(super) struct Terms<'a> {
    /// Its name.
    pub(super) control: &'a str,
    /// Whose.
    pub(super) organisation: Option<&'a Organisation>,
    /// What it looks at.
    pub(super) measure: Measure,
    /// Who is told.
    pub(super) owners: &'a [Address],
    /// How often they are reminded.
    pub(super) remind: Duration,
    /// Who else is told, and after how long.
    pub(super) escalate: Option<(Duration, &'a [Address])>,
    /// How long it must be good.
    pub(super) steady: Duration,
}

/// What was known before the look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before<'a> {
    /// How it stood.
    pub(super) stands: Option<&'a Stands>,
    /// What is open.
    pub(super) open: Option<&'a Deviation>,
    /// How often it broke, and was well again, within a day.
    pub(super) lately: u32,
}

/// What is known after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct After {
    /// How it stands; none: as before.
    pub(super) stands: Option<Stands>,
    /// What is open or has just ended, where that is new, and letters about it.
    pub(super) deviation: Option<(Deviation, Vec<Letter>)>,
}

/// One step. `new_id` makes the ids of letters.
pub(super) fn step(
    before: Before<'_>,
    look: &Look,
    terms: &Terms<'_>,
    now: UnixMs,
    mut new_id: impl FnMut() -> Id,
) -> After {
    let Some((state, evidence)) = seen(look) else { return After::default() };
    let unknown_since = (state == State::Unknown).then(|| unknown_since(before.stands, now));
    let is_long = unknown_since.is_some_and(|at| now.since(at) >= limits::CONTROL_UNKNOWN_GRACE);
    let is_bad = match state {
        State::Good => false,
        State::Broken => true,
        State::Unknown => is_long || before.open.is_some(),
    };
    let mut letter =
        |stage, reader: &Address| Letter { id: new_id(), stage, reader: reader.clone() };
    let mut letters = Vec::new();
    let deviation = match (before.open, is_bad) {
        (None, false) => None,
        (None, true) => {
            letters.extend(terms.owners.iter().map(|reader| letter(Stage::Opened, reader)));
            Some(opened(terms, &evidence, now))
        }
        (Some(open), true) => {
            let mut one =
                Deviation { evidence: evidence.clone(), good_since: None, ..open.clone() };
            if now.since(one.told) >= terms.remind {
                (one.told, one.reminders) = (now, one.reminders.saturating_add(1));
                letters.extend(terms.owners.iter().map(|reader| letter(Stage::Reminder, reader)));
            }
            if let (None, Some((after, readers))) = (one.escalated, terms.escalate)
                && now.since(one.opened) >= after
            {
                one.escalated = Some(now);
                letters.extend(readers.iter().map(|reader| letter(Stage::Escalated, reader)));
            }
            Some(one)
        }
        (Some(open), false) => {
            let since = open.good_since.unwrap_or(now);
            let mut one = Deviation { good_since: Some(since), ..open.clone() };
            if now.since(since) >= steady(terms.steady, before.lately) {
                one.ended = Some(since);
                let escalated = terms.escalate.filter(|_| one.escalated.is_some());
                let others = escalated.map_or(&[][..], |(_, readers)| readers);
                let others = others.iter().filter(|other| !terms.owners.contains(other));
                let readers = terms.owners.iter().chain(others);
                letters.extend(readers.map(|reader| letter(Stage::Healed, reader)));
            }
            Some(one)
        }
    };
    let deviation = deviation.filter(|one| before.open != Some(one)).map(|one| (one, letters));
    After {
        stands: stands(before.stands, terms.control, (state, evidence, unknown_since), now),
        deviation,
    }
}

/// How long a control must be good that has broken so often within a day.
pub(super) fn steady(once: Duration, lately: u32) -> Duration {
    let longer = once.saturating_mul(2_u32.saturating_pow(lately.min(20)));
    longer.min(limits::CONTROL_STEADY_MAX).max(once)
}

/// The end of a deviation whose control is no more: nobody is told of what nobody asks for.
pub(super) fn withdrawn(open: &Deviation, now: UnixMs) -> Deviation {
    Deviation { ended: Some(open.good_since.unwrap_or(now)), withdrawn: true, ..open.clone() }
}

fn seen(look: &Look) -> Option<(State, Evidence)> {
    match look {
        Look::Good(evidence) => Some((State::Good, evidence.clone())),
        Look::Broken(evidence) => Some((State::Broken, evidence.clone())),
        Look::Unknown { why, limit } => {
            let (value, limit, note) = ("?".to_string(), limit.clone(), why.clone());
            Some((State::Unknown, Evidence { value, limit, note }))
        }
        Look::NotYet => None,
    }
}

/// Since when it could not be measured. While nobody looked for long, nobody knows: then it is as if it began now.
fn unknown_since(before: Option<&Stands>, now: UnixMs) -> UnixMs {
    before
        .filter(|stands| now.since(stands.looked) < limits::CONTROL_UNKNOWN_GRACE)
        .and_then(|stands| stands.unknown_since)
        .unwrap_or(now)
}

fn opened(terms: &Terms<'_>, evidence: &Evidence, now: UnixMs) -> Deviation {
    Deviation {
        number: 0,
        control: terms.control.to_string(),
        organisation: terms.organisation.cloned(),
        measure: terms.measure,
        opened: now,
        evidence: evidence.clone(),
        good_since: None,
        told: now,
        reminders: 0,
        escalated: None,
        ended: None,
        withdrawn: false,
    }
}

/// How it stands now; none where nothing but the time is new, and not much of that.
fn stands(
    before: Option<&Stands>,
    control: &str,
    (state, evidence, unknown_since): (State, Evidence, Option<UnixMs>),
    now: UnixMs,
) -> Option<Stands> {
    let same = before.filter(|stands| stands.state == state);
    let stands = Stands {
        control: control.to_string(),
        state,
        since: same.map_or(now, |stands| stands.since),
        evidence,
        looked: now,
        unknown_since,
        first: before.map_or(now, |stands| stands.first),
    };
    let is_old_news = before.is_some_and(|known| {
        now.since(known.looked) < limits::CONTROL_ROUND
            && *known == Stands { looked: known.looked, ..stands.clone() }
    });
    (!is_old_news).then_some(stands)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn reader(name: &str) -> Address {
        Address::parse(&format!("{name}@ours.example")).unwrap()
    }

    fn evidence(value: &str) -> Evidence {
        Evidence { value: value.to_string(), limit: "1".to_string(), note: String::new() }
    }

    /// A control with two owners, and a clock.
    struct Game {
        now: UnixMs,
        stands: Option<Stands>,
        open: Option<Deviation>,
        lately: u32,
        owners: Vec<Address>,
        chief: Vec<Address>,
        letters: u8,
        numbers: u64,
    }

    impl Game {
        fn new() -> Game {
            Game {
                now: UnixMs(1_800_000_000_000),
                stands: None,
                open: None,
                lately: 0,
                owners: vec![reader("eva"), reader("bo")],
                chief: vec![reader("chief"), reader("bo")],
                letters: 0,
                numbers: 0,
            }
        }

        /// A look after some time: who gets which letter.
        fn look(&mut self, after: Duration, look: &Look) -> Vec<String> {
            self.now = self.now.plus(after);
            let terms = Terms {
                control: "backup",
                organisation: None,
                measure: Measure::BackupAge,
                owners: &self.owners,
                remind: HOUR * 24,
                escalate: Some((HOUR * 72, &self.chief)),
                steady: MINUTE * 5,
            };
            let before = Before {
                stands: self.stands.as_ref(),
                open: self.open.as_ref(),
                lately: self.lately,
            };
            let (now, mut made) = (self.now, self.letters);
            let after = step(before, look, &terms, now, || {
                made += 1;
                Id::new(now, [made; 10])
            });
            self.letters = made;
            self.stands = after.stands.or(self.stands.take());
            let Some((mut deviation, letters)) = after.deviation else { return Vec::new() };
            if deviation.number == 0 {
                self.numbers += 1;
                deviation.number = self.numbers;
            }
            self.lately += u32::from(deviation.ended.is_some());
            self.open = Some(deviation).filter(|one| one.ended.is_none());
            let who = |one: &Letter| format!("{} {}", one.stage.word(), one.reader.local());
            letters.iter().map(who).collect()
        }
    }

    fn good() -> Look {
        Look::Good(evidence("0"))
    }

    fn broken() -> Look {
        Look::Broken(evidence("2"))
    }

    fn unknown() -> Look {
        Look::Unknown { why: "no file".to_string(), limit: "1".to_string() }
    }

    #[test]
    fn one_letter_then_reminders_one_escalation_and_a_letter_at_the_end() {
        let mut game = Game::new();
        assert!(game.look(MINUTE, &good()).is_empty());
        let opened = ["control-broken eva", "control-broken bo"];
        assert_eq!(game.look(MINUTE, &broken()), opened);
        let mut counts: HashMap<String, usize> = HashMap::new();
        // Four days, minute by minute.
        for _ in 0..4 * 24 * 60 {
            for letter in game.look(MINUTE, &broken()) {
                *counts.entry(letter).or_default() += 1;
            }
        }
        let want = [
            ("control-reminder eva", 4),
            ("control-reminder bo", 4),
            ("control-escalated chief", 1),
            ("control-escalated bo", 1),
        ];
        let want = want.map(|(letter, count)| (letter.to_string(), count)).into_iter().collect();
        assert_eq!(counts, want);
        for _ in 0..5 {
            assert!(game.look(MINUTE, &good()).is_empty());
        }
        let over = ["control-healed eva", "control-healed bo", "control-healed chief"];
        assert_eq!(game.look(MINUTE, &good()), over);
        assert!(game.look(MINUTE, &good()).is_empty() && game.open.is_none());
    }

    #[test]
    fn what_comes_and_goes_is_one_deviation_and_is_watched_the_longer() {
        let mut game = Game::new();
        assert_eq!(game.look(MINUTE, &broken()).len(), 2);
        // Good for four minutes, broken for one, for an hour: nobody hears of it again.
        for round in 0..60 {
            let look = if round % 5 == 4 { broken() } else { good() };
            assert!(game.look(MINUTE, &look).is_empty(), "{round}");
        }
        assert_eq!(game.numbers, 1);
        // Broken for a minute, good for ten, all day: the pauses that count grow, the letters do not.
        let mut letters = 0;
        for round in 0..24 * 60 {
            let look = if round % 11 == 0 { broken() } else { good() };
            letters += game.look(MINUTE, &look).len();
        }
        assert!(letters <= 10, "{letters}");
        assert_eq!(steady(MINUTE * 5, 0), MINUTE * 5);
        assert_eq!(steady(MINUTE * 5, 2), MINUTE * 20);
        assert_eq!(steady(MINUTE * 5, 40), limits::CONTROL_STEADY_MAX);
        assert_eq!(steady(HOUR * 4, 1), HOUR * 4);
    }

    #[test]
    fn what_cannot_be_measured_for_long_is_broken() {
        let mut game = Game::new();
        game.look(MINUTE, &good());
        // Nine minutes are borne, and what was measured between begins them anew.
        for _ in 0..9 {
            assert!(game.look(MINUTE, &unknown()).is_empty());
        }
        assert!(game.look(MINUTE, &good()).is_empty());
        for _ in 0..10 {
            assert!(game.look(MINUTE, &unknown()).is_empty());
        }
        assert_eq!(game.look(MINUTE, &unknown()).len(), 2);
        let open = game.open.clone().unwrap();
        assert_eq!((open.evidence.value.as_str(), open.evidence.note.as_str()), ("?", "no file"));
        // What is open is not well again by not being measured.
        for _ in 0..4 {
            game.look(MINUTE, &good());
        }
        game.look(MINUTE, &unknown());
        assert_eq!(game.open.as_ref().unwrap().good_since, None);
        // While nobody looked, nobody knows.
        let mut game = Game::new();
        game.look(MINUTE, &unknown());
        assert!(game.look(HOUR * 24, &unknown()).is_empty());
        // And what is still being read says nothing at all.
        let before = (game.stands.clone(), game.open.clone());
        assert!(game.look(HOUR, &Look::NotYet).is_empty());
        assert_eq!((game.stands, game.open), before);
    }

    #[test]
    fn an_hour_in_which_nobody_looked_reminds_once() {
        let mut game = Game::new();
        game.look(MINUTE, &broken());
        assert_eq!(game.look(HOUR * 70, &broken()).len(), 2);
        assert!(game.look(MINUTE, &broken()).is_empty());
        // A clock that was set back frightens nobody.
        game.now = game.now.minus(HOUR * 1_000);
        assert!(game.look(MINUTE, &broken()).is_empty());
        assert!(game.look(MINUTE, &good()).is_empty());
    }

    #[test]
    fn looking_again_and_again_writes_little() {
        let mut game = Game::new();
        game.look(MINUTE, &good());
        let first = game.stands.clone().unwrap();
        game.look(Duration::from_secs(1), &good());
        assert_eq!(game.stands, Some(first.clone()));
        game.look(MINUTE, &good());
        let later = game.stands.clone().unwrap();
        assert_eq!((later.since, later.first), (first.since, first.first));
        assert!(later.looked > first.looked);
    }
}
