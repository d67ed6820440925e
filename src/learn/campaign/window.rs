//! The campaigns of the last day: how often the same mail came, from how many strangers, to how many, and what was said of it.
//!
//! Bounded in entries, in what each may hold and in time. Across organisations there are counts and keyed hashes only: nobody learns from it
//! whose mail it was. It takes no clock and no lock: whoever has it hands both in.

use super::{
    CampaignId, Key, Print,
    standing::{Bad, By, Word, Words},
};
use crate::base::{clock::UnixMs, limits};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Distinct hashes, as far as they are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Few(Vec<u32>);

impl Few {
    /// Counts one more, if it was not seen before and there is room.
    fn add(&mut self, hash: u32) {
        if self.0.len() < limits::CAMPAIGN_DISTINCT_MAX && !self.0.contains(&hash) {
            self.0.push(hash);
        }
    }

    fn forget(&mut self, hash: u32) -> bool {
        let before = self.0.len();
        self.0.retain(|one| *one != hash);
        self.0.len() != before
    }

    /// How many there are, at least.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// What whoever sends a copy is to the organisation and its people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Nothing yet, or a few mails of late.
    Stranger,
    /// Good mail has come from there since long before the campaign.
    Familiar,
    /// They have written there.
    Correspondent,
}

/// One mail, as a copy of others. Names as keyed hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Who sends it, to those whom it is for.
    pub sender: Sender,
    /// Who sends it: the domain that was authenticated, or else the network.
    pub source: u32,
    /// The network it came from.
    pub network: u32,
    /// To whom.
    pub recipients: Vec<u32>,
    /// Of which organisations.
    pub organisations: Vec<u32>,
}

/// Copies of one mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// When the first came.
    pub first: UnixMs,
    /// When the last did.
    pub last: UnixMs,
    /// From then on it is counted: no longer than a day.
    pub since: UnixMs,
    /// How many strangers' copies came since then.
    pub mails: u32,
    /// Copies of senders to whom people here have written, ever. Whoever merely sends makes himself none.
    pub known: u32,
    /// Strangers who sent it.
    pub sources: Few,
    /// Networks that strangers' copies came from.
    pub networks: Few,
    /// Recipients of strangers' copies.
    pub recipients: Few,
    /// Organisations it came to.
    pub organisations: Few,
    /// The group on pages and in the quarantine that its held copies are of; zero: none is held yet.
    pub group: u64,
    /// What was said of it.
    pub words: Words,
}

impl Campaign {
    fn begun(now: UnixMs) -> Campaign {
        Campaign {
            first: now,
            last: now,
            since: now,
            mails: 0,
            known: 0,
            sources: Few::default(),
            networks: Few::default(),
            recipients: Few::default(),
            organisations: Few::default(),
            group: 0,
            words: Words::default(),
        }
    }

    fn take(&mut self, came: &Came, now: UnixMs) {
        if now.since(self.since) >= limits::CAMPAIGN_COUNTED {
            let Campaign { sources, networks, recipients, .. } = self;
            (*sources, *networks, *recipients) = Default::default();
            (self.since, self.mails) = (now, 0);
        }
        self.last = self.last.max(now);
        came.organisations.iter().for_each(|hash| self.organisations.add(*hash));
        match came.sender {
            Sender::Correspondent => {
                self.known = self.known.saturating_add(1);
                return;
            }
            Sender::Familiar => return,
            Sender::Stranger => (),
        }
        self.mails = self.mails.saturating_add(1);
        self.sources.add(came.source);
        self.networks.add(came.network);
        came.recipients.iter().for_each(|hash| self.recipients.add(*hash));
    }

    /// Forgets somebody: what he said, and that he got or sent copies. Of one organisation what he said there: the counts are everybody's.
    /// True: there was something.
    fn forget_person(&mut self, who: &Person, of: Option<u32>) -> bool {
        let is_his = |word: &Word| match word.by {
            By::Recipient(owner, person) => {
                let is_he = person == who.speaker || word.said_as == Some(who.speaker);
                is_he && of.is_none_or(|of| of == owner)
            }
            By::Operator | By::Staff(_) | By::Malware | By::Phish | By::Trap => false,
        };
        let said = self.words.forget(is_his);
        if of.is_some() {
            return said;
        }
        let got = self.recipients.forget(who.recipient);
        let sent = self.sources.forget(who.source);
        said || got || sent
    }

    /// Is it bad for this organisation, and why?
    pub fn standing(&self, organisation: u32) -> Option<Bad> {
        self.words.standing(organisation, self.known > 0)
    }

    fn is_bad(&self) -> bool {
        self.words.is_bad_for_some(self.known > 0)
    }
}

/// Somebody, as keyed hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// As one who says something.
    pub speaker: u32,
    /// As one who gets copies.
    pub recipient: u32,
    /// As one who sends them from where everybody gets a mailbox.
    pub source: u32,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgetting {
    /// How many campaigns something was forgotten of.
    pub campaigns: usize,
    /// Those of them that were bad for somebody, or are.
    pub bad: Vec<CampaignId>,
}

/// What of the campaigns is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// Somebody.
    Person(Person),
    /// What was said before this moment.
    Before(UnixMs),
    /// What was said of one campaign.
    One(CampaignId),
    /// All of it.
    All,
}

/// A campaign as it is written down: by its print it is found again after a restart.
pub type Kept = (CampaignId, Print, Campaign);

/// All of them.
#[derive(Debug)]
pub struct Window {
    key: Key,
    campaigns: HashMap<CampaignId, (Print, Campaign)>,
    /// The latest campaign with this band: copies share one nearly always, and strangers hardly ever.
    bands: HashMap<u64, CampaignId>,
    /// In the order in which they are forgotten.
    by_last: BTreeSet<(UnixMs, CampaignId)>,
    /// The same of those that are bad for somebody: what floods the others does not drive them out.
    bad_by_last: BTreeSet<(UnixMs, CampaignId)>,
    /// What was not written down since it changed.
    changed: HashSet<CampaignId>,
}

impl Window {
    /// An empty one.
    pub fn new(key: Key) -> Window {
        Window {
            key,
            campaigns: HashMap::new(),
            bands: HashMap::new(),
            by_last: BTreeSet::new(),
            bad_by_last: BTreeSet::new(),
            changed: HashSet::new(),
        }
    }

    /// The key to prints and hashes.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The campaign that a mail is a copy of, if there is one.
    pub fn look(&self, print: &Print) -> Option<(CampaignId, &Campaign)> {
        let mut best: Option<(f32, CampaignId, &Campaign)> = None;
        for id in print.bands().filter_map(|band| self.bands.get(&band)) {
            let Some((its, campaign)) = self.campaigns.get(id) else { continue };
            let alike = its.alike(print);
            let is_better = best.is_none_or(|(most, ..)| alike > most);
            if its.is_copy(print) && is_better {
                best = Some((alike, *id, campaign));
            }
        }
        best.map(|(_, id, campaign)| (id, campaign))
    }

    /// One campaign.
    pub fn get(&self, id: CampaignId) -> Option<&Campaign> {
        self.campaigns.get(&id).map(|(_, campaign)| campaign)
    }

    /// Is it bad for anybody?
    pub fn is_bad(&self, id: CampaignId) -> bool {
        self.get(id).is_some_and(Campaign::is_bad)
    }

    /// Takes down a mail that came, as a copy of this campaign, or as its first.
    pub fn note(&mut self, id: CampaignId, print: &Print, came: &Came, now: UnixMs) {
        self.forget(now);
        self.change(id, |campaign| campaign.take(came, now), Some((print, now)));
    }

    /// Takes down what somebody says of a campaign. False: it is not remembered.
    pub fn say(&mut self, id: CampaignId, word: Word) -> bool {
        self.change(id, |campaign| campaign.words.say(word), None)
    }

    /// Somebody did not mean it. False: it is not remembered.
    pub fn take_back(&mut self, id: CampaignId, by: By) -> bool {
        self.change(id, |campaign| campaign.words.take_back(by), None)
    }

    /// Forgets, of one organisation or of all. What is no longer there is to be forgotten by whoever wrote it down.
    pub fn forget_what(&mut self, what: Forgotten, of: Option<u32>) -> Forgetting {
        if (what, of) == (Forgotten::All, None) {
            let campaigns = self.campaigns.len();
            *self = Window::new(self.key.clone());
            return Forgetting { campaigns, bad: Vec::new() };
        }
        let ids: Vec<CampaignId> = match what {
            Forgotten::One(id) => vec![id],
            Forgotten::Person(_) | Forgotten::Before(_) | Forgotten::All => {
                self.campaigns.keys().copied().collect()
            }
        };
        let mut forgetting = Forgetting::default();
        for id in ids {
            let Some((_, campaign)) = self.campaigns.get(&id) else { continue };
            let mut less = campaign.clone();
            let was_bad = less.is_bad();
            let is_less = match what {
                Forgotten::Person(who) => less.forget_person(&who, of),
                Forgotten::Before(moment) => {
                    less.words.forget(|word| word.at < moment && word.is_of(of))
                }
                Forgotten::One(_) | Forgotten::All => less.words.forget(|word| word.is_of(of)),
            };
            let is_bad = was_bad || less.is_bad();
            if is_less && self.change(id, |own| *own = less, None) {
                forgetting.campaigns = forgetting.campaigns.saturating_add(1);
                forgetting.bad.extend(is_bad.then_some(id));
            }
        }
        forgetting
    }

    /// Those that are there.
    pub fn ids(&self) -> Vec<CampaignId> {
        self.campaigns.keys().copied().collect()
    }

    /// The group that a held copy is shown in: that of the first one held, which this one is where there was none.
    pub fn group(&mut self, id: CampaignId, print: &Print, own: u64, now: UnixMs) -> u64 {
        match self.get(id) {
            Some(campaign) if campaign.group != 0 => campaign.group,
            Some(_) | None => {
                // A mail is held before it is taken down.
                self.change(id, |campaign| campaign.group = own, Some((print, now)));
                own
            }
        }
    }

    /// Changes a campaign, and begins it where that is wanted. False: there is none.
    fn change(
        &mut self,
        id: CampaignId,
        change: impl FnOnce(&mut Campaign),
        begin: Option<(&Print, UnixMs)>,
    ) -> bool {
        if let (None, Some((print, now))) = (self.campaigns.get(&id), begin) {
            for band in print.bands() {
                self.bands.insert(band, id);
            }
            self.campaigns.insert(id, (print.clone(), Campaign::begun(now)));
        }
        let Some((_, campaign)) = self.campaigns.get_mut(&id) else { return false };
        let place = (campaign.last, id);
        change(campaign);
        let (last, is_bad) = (campaign.last, campaign.is_bad());
        self.by_last.remove(&place);
        self.bad_by_last.remove(&place);
        match is_bad {
            true => self.bad_by_last.insert((last, id)),
            false => self.by_last.insert((last, id)),
        };
        self.changed.insert(id);
        true
    }

    /// Forgets what is past its time, and the oldest where there are too many.
    pub fn forget(&mut self, now: UnixMs) {
        let bounds = [limits::CAMPAIGNS_MAX, limits::CAMPAIGNS_BAD_MAX];
        let mut gone = Vec::new();
        for (order, most) in [&mut self.by_last, &mut self.bad_by_last].into_iter().zip(bounds) {
            while let Some((last, id)) = order.first().copied() {
                // Equal is over: one is about to be added.
                if order.len() < most && now.since(last) < limits::CAMPAIGN_KEEP {
                    break;
                }
                order.pop_first();
                gone.push(id);
            }
        }
        for id in gone {
            self.changed.remove(&id);
            let Some((print, _)) = self.campaigns.remove(&id) else { continue };
            for band in print.bands() {
                if self.bands.get(&band) == Some(&id) {
                    self.bands.remove(&band);
                }
            }
        }
    }

    /// What changed since this was asked last, to be written down.
    pub fn changed(&mut self) -> Vec<Kept> {
        let ids = std::mem::take(&mut self.changed);
        let kept = |id| {
            let (print, campaign) = self.campaigns.get(&id)?;
            Some((id, print.clone(), campaign.clone()))
        };
        ids.into_iter().filter_map(kept).collect()
    }

    /// These could not be written down, and are to be once more.
    pub fn not_written(&mut self, ids: Vec<CampaignId>) {
        let there = ids.into_iter().filter(|id| self.campaigns.contains_key(id));
        self.changed.extend(there);
    }

    /// Takes up what was written down before a restart, oldest first.
    pub fn restore(&mut self, kept: Vec<Kept>, now: UnixMs) {
        for (id, print, campaign) in kept {
            self.change(id, |own| *own = campaign, Some((&print, now)));
            self.forget(now);
        }
        self.changed.clear();
    }

    /// Those that are bad for somebody, the oldest first.
    pub fn bad(&self) -> impl Iterator<Item = CampaignId> {
        self.bad_by_last.iter().map(|(_, id)| *id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.campaigns.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.campaigns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::{campaign::Traits, classifier::Label};

    /// A mail of these words, none of which another has.
    fn print(window: &Window, name: &str) -> Print {
        let letters = "abcdefghijklmnopqrstuvwxyz".chars();
        let text: Vec<String> = letters.map(|letter| format!("{name}{letter}")).collect();
        let (none, text) = (BTreeSet::new(), text.join(" "));
        let traits =
            Traits { subject: "", text: &text, names: &none, hosts: &none, attachments: &none };
        Print::of(window.key(), &traits).unwrap()
    }

    fn came(number: u32) -> Came {
        Came {
            sender: Sender::Stranger,
            source: number,
            network: number / 2,
            recipients: vec![number, number + 1],
            organisations: vec![1],
        }
    }

    fn spam(by: By) -> Word {
        Word::new(by, Label::Spam, UnixMs(1))
    }

    #[test]
    fn copies_are_counted_and_others_are_not() {
        let mut window = Window::new(Key::of(b"test"));
        let (lure, news) = (print(&window, "lure"), print(&window, "news"));
        assert!(window.look(&lure).is_none());
        for number in 0..6 {
            window.note(lure.id(), &lure, &came(number), UnixMs(1_000 + u64::from(number)));
        }
        window.note(news.id(), &news, &came(1), UnixMs(2_000));
        for sender in [Sender::Correspondent, Sender::Familiar] {
            window.note(lure.id(), &lure, &Came { sender, ..came(77) }, UnixMs(2_001));
        }
        let (id, campaign) = window.look(&lure).unwrap();
        assert_eq!((id, window.len()), (lure.id(), 2));
        assert_eq!(
            (campaign.mails, campaign.known, campaign.first.0, campaign.last.0),
            (6, 1, 1_000, 2_001)
        );
        let distinct =
            [&campaign.sources, &campaign.networks, &campaign.recipients, &campaign.organisations];
        assert_eq!(distinct.map(Few::count), [6, 3, 7, 1]);
        assert_eq!(window.look(&news).unwrap().1.mails, 1);
    }

    #[test]
    fn a_day_is_counted_and_a_week_remembered() {
        let mut window = Window::new(Key::of(b"test"));
        let prints = ["lure", "daily"].map(|name| print(&window, name));
        let now = UnixMs(1_000_000);
        for print in &prints {
            window.note(print.id(), print, &came(1), now);
        }
        let half = limits::CAMPAIGN_COUNTED / 2;
        for step in 1..=3 {
            window.note(prints[1].id(), &prints[1], &came(step), now.plus(half * step));
        }
        let daily = window.look(&prints[1]).unwrap().1;
        assert_eq!((daily.mails, daily.since, daily.first), (2, now.plus(half * 2), now));
        assert_eq!(daily.sources.count(), 2);
        window.forget(now.plus(limits::CAMPAIGN_KEEP));
        assert!(window.look(&prints[0]).is_none() && window.look(&prints[1]).is_some());
        window.forget(now.plus(limits::CAMPAIGN_KEEP * 2));
        assert!(window.is_empty() && window.bands.is_empty() && window.by_last.is_empty());
    }

    #[test]
    fn what_is_said_of_a_campaign_makes_it_bad_and_is_taken_back() {
        let mut window = Window::new(Key::of(b"test"));
        let lure = print(&window, "lure");
        assert!(!window.say(lure.id(), spam(By::Staff(1))), "of one that is not there");
        window.note(lure.id(), &lure, &came(1), UnixMs(1));
        assert!(window.say(lure.id(), spam(By::Staff(1))));
        assert_eq!(window.bad().collect::<Vec<_>>(), [lure.id()]);
        assert_eq!(window.get(lure.id()).unwrap().standing(1), Some(Bad::Staff));
        assert!(window.take_back(lure.id(), By::Staff(1)));
        assert_eq!(window.get(lure.id()).unwrap().standing(1), None);
        assert_eq!((window.bad().count(), window.by_last.len()), (0, 1));
    }

    #[test]
    fn whoever_is_forgotten_leaves_nothing_behind() {
        let mut window = Window::new(Key::of(b"test"));
        let (lure, news) = (print(&window, "lure"), print(&window, "news"));
        let words = [By::Staff(1), By::Recipient(1, 50), By::Recipient(2, 50), By::Malware];
        let said = |window: &mut Window| {
            for print in [&lure, &news] {
                window.note(print.id(), print, &came(7), UnixMs(5));
                for by in words {
                    window.say(print.id(), Word { at: UnixMs(6), ..spam(by) });
                }
            }
            window.changed();
        };
        let count = |window: &Window, id| window.get(id).map(|one| one.words.len());
        said(&mut window);
        let anna = Person { speaker: 50, recipient: 8, source: 7 };
        let forget = |window: &mut Window, what, of| window.forget_what(what, of).campaigns;
        assert_eq!(forget(&mut window, Forgotten::Person(anna), Some(1)), 2);
        let left = window.get(lure.id()).unwrap();
        assert_eq!((left.words.len(), left.recipients.count(), left.sources.count()), (3, 2, 1));
        assert_eq!(window.changed().len(), 2, "to be written down");
        assert_eq!(forget(&mut window, Forgotten::Person(anna), Some(1)), 0);
        assert_eq!(forget(&mut window, Forgotten::Person(anna), None), 2);
        let left = window.get(lure.id()).unwrap();
        assert_eq!((left.words.len(), left.recipients.count(), left.sources.count()), (2, 1, 0));
        // What she said by an account that is counted as another.
        let by = By::Recipient(1, 60);
        window.say(lure.id(), Word { said_as: Some(50), ..spam(by) });
        assert_eq!(forget(&mut window, Forgotten::Person(anna), None), 1);
        said(&mut window);
        assert_eq!(forget(&mut window, Forgotten::Before(UnixMs(6)), None), 0);
        assert_eq!(forget(&mut window, Forgotten::Before(UnixMs(7)), Some(1)), 2);
        assert_eq!(count(&window, lure.id()), Some(2));
        let gone = window.forget_what(Forgotten::One(lure.id()), None);
        assert_eq!(gone, Forgetting { campaigns: 1, bad: vec![lure.id()] });
        assert_eq!([&lure, &news].map(|one| count(&window, one.id())), [Some(0), Some(2)]);
        assert_eq!(forget(&mut window, Forgotten::All, Some(2)), 1);
        assert_eq!(count(&window, news.id()), Some(1), "what was found is nobody's");
        assert_eq!(forget(&mut window, Forgotten::All, None), 2);
        assert!(window.is_empty() && window.bands.is_empty() && window.bad_by_last.is_empty());
    }

    #[test]
    fn held_copies_are_of_one_group() {
        let mut window = Window::new(Key::of(b"test"));
        let lure = print(&window, "lure");
        let group = |window: &mut Window, own| window.group(lure.id(), &lure, own, UnixMs(1));
        assert_eq!(group(&mut window, 5), 5, "held before it is noted");
        window.note(lure.id(), &lure, &came(1), UnixMs(1));
        assert_eq!([6, 7, 8].map(|own| group(&mut window, own)), [5, 5, 5]);
        assert_eq!(window.get(lure.id()).unwrap().mails, 1);
    }

    #[test]
    fn a_restart_forgets_nothing_that_was_written_down() {
        let mut window = Window::new(Key::of(b"test"));
        let lure = print(&window, "lure");
        window.note(lure.id(), &lure, &came(1), UnixMs(5));
        window.say(lure.id(), spam(By::Staff(1)));
        let kept = window.changed();
        assert_eq!((kept.len(), window.changed().len()), (1, 0));
        let mut again = Window::new(Key::of(b"test"));
        again.restore(kept, UnixMs(6));
        assert_eq!(again.look(&lure), window.look(&lure));
        assert_eq!((again.bad().count(), again.changed().len()), (1, 0));
    }

    #[test]
    fn there_are_never_too_many() {
        let mut window = Window::new(Key::of(b"test"));
        let some = print(&window, "some");
        // Bands are the same for all: what is bounded is how many there are.
        for number in 0..limits::CAMPAIGNS_MAX + 10 {
            let id = CampaignId(u64::try_from(number).unwrap() + 1);
            window.note(id, &some, &came(1), UnixMs(10 + id.0));
        }
        assert_eq!(
            (window.len(), window.by_last.len()),
            (limits::CAMPAIGNS_MAX, limits::CAMPAIGNS_MAX)
        );
        assert!(window.get(CampaignId(1)).is_none());
    }
}
