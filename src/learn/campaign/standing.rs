//! Whose word makes a campaign bad, and for whom.
//!
//! One recipient may err or wish to harm, and so may one organisation of many on a site: nobody alone stops the mail of others.
//!
//! - What an organisation's staff said last stands for that organisation, whatever others say.
//! - Where staff said nothing, [`RECIPIENTS_MIN`] of its recipients are its word, if none of them says the opposite.
//! - What the gateway proves itself, malware or phish, is for everybody: but not of words that correspondents, whom people here have written to,
//!   use too. A stranger who
//!   sends a newsletter's words with something bad in it would stop the newsletter.
//! - A copy that a stranger sent to spam traps alone speaks for everybody too, as long as no recipient wants it: old address books have traps.
//!   It pulls nothing back that was delivered: who knows a trap and somebody's mail could bring one to the other.
//! - The operator's word is everybody's; without it, that of [`ORGANISATIONS_MIN`] organisations is. It falls when as many say the opposite.

use crate::{base::clock::UnixMs, base::limits, learn::classifier::Label};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who says what a campaign is. People and organisations as keyed hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The operator, by command.
    Operator,
    /// Staff of this organisation.
    Staff(u32),
    /// A recipient of this organisation, and which.
    Recipient(u32, u32),
    /// Malware was found in a copy.
    Malware,
    /// A copy is proved to be phish.
    Phish,
    /// A copy went to spam traps alone.
    Trap,
}

/// Something said of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: By,
    /// What.
    pub label: Label,
    /// When.
    pub at: UnixMs,
    /// As whom he says it, where he is counted as somebody else: one account may write as several addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_as: Option<u32>,
}

impl Word {
    /// A word of whom it is counted as.
    pub fn new(by: By, label: Label, at: UnixMs) -> Word {
        Word { by, label, at, said_as: None }
    }

    /// Is it this organisation's? What is said for everybody, or found, is of none. No organisation: it is anybody's.
    pub fn is_of(&self, organisation: Option<u32>) -> bool {
        let Some(of) = organisation else { return true };
        match self.by {
            By::Staff(owner) | By::Recipient(owner, _) => owner == of,
            By::Operator | By::Malware | By::Phish | By::Trap => false,
        }
    }
}

/// Why a campaign is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bad {
    /// The organisation's staff said so.
    Staff,
    /// Several of the organisation's recipients did.
    Recipients,
    /// The operator did.
    Operator,
    /// Malware was found in a copy.
    Malware,
    /// A copy is proved to be phish.
    Phish,
    /// A copy went to a spam trap.
    Trap,
    /// Several other organisations said so.
    Others,
}

impl Bad {
    /// All of them.
    pub const ALL: [Bad; 7] = [
        Bad::Staff,
        Bad::Recipients,
        Bad::Operator,
        Bad::Malware,
        Bad::Phish,
        Bad::Trap,
        Bad::Others,
    ];

    /// The word in the database and for programs.
    pub fn word(self) -> &'static str {
        match self {
            Bad::Staff => "staff",
            Bad::Recipients => "recipients",
            Bad::Operator => "operator",
            Bad::Malware => "malware",
            Bad::Phish => "phish",
            Bad::Trap => "trap",
            Bad::Others => "others",
        }
    }

    /// Is it sure enough to pull back what was delivered?
    pub fn may_pull(self) -> bool {
        match self {
            Bad::Staff
            | Bad::Recipients
            | Bad::Operator
            | Bad::Malware
            | Bad::Phish
            | Bad::Others => true,
            // Anybody can send to a trap what a stranger wrote in good faith.
            Bad::Trap => false,
        }
    }

    /// From [`Bad::word`].
    pub fn from_word(word: &str) -> Option<Bad> {
        Bad::ALL.into_iter().find(|bad| bad.word() == word)
    }

    /// For people, after "a copy of it ".
    pub fn said(self) -> &'static str {
        match self {
            Bad::Staff => "was called spam by staff",
            Bad::Recipients => "was called spam by several recipients",
            Bad::Operator => "was called spam by the operator",
            Bad::Malware => "carried malware",
            Bad::Phish => "was proved to be phish",
            Bad::Trap => "went to an address that nobody has",
            Bad::Others => "was called spam by several organisations at this site",
        }
    }
}

/// What was said of one campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(Vec<Word>);

impl Words {
    /// Nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many said something.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was said by these. True: there was something.
    pub fn forget(&mut self, is_gone: impl Fn(&Word) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|word| !is_gone(word));
        self.0.len() != before
    }

    /// Takes down what somebody says, in the place of what he said before.
    pub fn say(&mut self, word: Word) {
        self.take_back(word.by);
        if let By::Recipient(owner, _) = word.by {
            self.make_room_in(owner);
        }
        if self.0.len() >= limits::CAMPAIGN_WORDS_MAX {
            // One of many makes room for whoever's word weighs more, and for nobody else.
            let of_one = |word: &Word| matches!(word.by, By::Recipient(..));
            let Some(place) = self.0.iter().position(of_one).filter(|_| !of_one(&word)) else {
                return;
            };
            self.0.remove(place);
        }
        self.0.push(word);
    }

    /// Many recipients of one organisation say no more than some of them do. The first to go is one of many who say the same.
    fn make_room_in(&mut self, organisation: u32) {
        let is_own =
            |word: &Word| matches!(word.by, By::Recipient(owner, _) if owner == organisation);
        if self.0.iter().filter(|word| is_own(word)).count()
            < limits::CAMPAIGN_WORDS_OF_ORGANISATION_MAX
        {
            return;
        }
        let is_spam = |word: &Word| is_own(word) && word.label == Label::Spam;
        let place = self.0.iter().position(is_spam).or_else(|| self.0.iter().position(is_own));
        if let Some(place) = place {
            self.0.remove(place);
        }
    }

    /// Somebody did not mean it.
    pub fn take_back(&mut self, by: By) {
        self.0.retain(|word| word.by != by);
    }

    /// Is the campaign bad for this organisation, and why? `is_known`: somebody to whom people here have
    /// written sends copies of it too.
    pub fn standing(&self, organisation: u32, is_known: bool) -> Option<Bad> {
        match self.of_staff(organisation) {
            Some(Label::Spam) => return Some(Bad::Staff),
            Some(Label::Ham) => return None,
            None => (),
        }
        match self.of_recipients(organisation) {
            Said::Spam => return Some(Bad::Recipients),
            // What is proved is not outvoted by whom it lures.
            Said::Ham => return self.proved(is_known),
            Said::TooLittle => (),
        }
        match self.label_by(By::Operator) {
            Some(Label::Spam) => return Some(Bad::Operator),
            Some(Label::Ham) => return None,
            None => (),
        }
        let (spam, ham) = self.organisations();
        match ham >= ORGANISATIONS_MIN {
            true => None,
            false if spam >= ORGANISATIONS_MIN => Some(Bad::Others),
            false => self.proved(is_known).or_else(|| self.trapped(is_known)),
        }
    }

    /// Is it bad for anybody?
    pub fn is_bad_for_some(&self, is_known: bool) -> bool {
        // One that said nothing stands for all who did not.
        let owners = self.owners().into_iter().chain([NOBODY]);
        owners.into_iter().any(|owner| self.standing(owner, is_known).is_some())
    }

    fn proved(&self, is_known: bool) -> Option<Bad> {
        let found = [(By::Malware, Bad::Malware), (By::Phish, Bad::Phish)];
        let mut found = found.into_iter().filter(|_| !is_known);
        found.find(|(by, _)| self.label_by(*by) == Some(Label::Spam)).map(|(_, bad)| bad)
    }

    /// An old address book has traps too: one recipient who wants it says more.
    fn trapped(&self, is_known: bool) -> Option<Bad> {
        let is_trapped = !is_known && self.label_by(By::Trap) == Some(Label::Spam);
        is_trapped.then_some(Bad::Trap)
    }

    fn label_by(&self, by: By) -> Option<Label> {
        self.0.iter().find(|word| word.by == by).map(|word| word.label)
    }

    fn of_staff(&self, organisation: u32) -> Option<Label> {
        self.label_by(By::Staff(organisation))
    }

    fn of_recipients(&self, organisation: u32) -> Said {
        let mut own = self.0.iter().filter_map(|word| match word.by {
            By::Recipient(owner, _) if owner == organisation => Some(word.label),
            By::Recipient(..)
            | By::Operator
            | By::Staff(_)
            | By::Malware
            | By::Phish
            | By::Trap => None,
        });
        if own.clone().any(|label| label == Label::Ham) {
            return Said::Ham;
        }
        match own.nth(RECIPIENTS_MIN - 1) {
            Some(_) => Said::Spam,
            None => Said::TooLittle,
        }
    }

    fn owners(&self) -> BTreeSet<u32> {
        let owner = |word: &Word| match word.by {
            By::Staff(owner) | By::Recipient(owner, _) => Some(owner),
            By::Operator | By::Malware | By::Phish | By::Trap => None,
        };
        self.0.iter().filter_map(owner).collect()
    }

    /// How many organisations say that it is spam, and of how many the staff says that it is not.
    fn organisations(&self) -> (usize, usize) {
        let owners = self.owners();
        let is_spam = |owner: &&u32| match self.of_staff(**owner) {
            Some(label) => label == Label::Spam,
            None => self.of_recipients(**owner) == Said::Spam,
        };
        let is_ham = |owner: &&u32| self.of_staff(**owner) == Some(Label::Ham);
        (owners.iter().filter(is_spam).count(), owners.iter().filter(is_ham).count())
    }
}

/// What an organisation's recipients say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Spam,
    Ham,
    TooLittle,
}

/// Recipients who are their organisation's word: two colleagues may share a mistake, or a mailbox.
const RECIPIENTS_MIN: usize = 3;
/// Organisations who are everybody's word.
const ORGANISATIONS_MIN: usize = 2;
/// The hash of no organisation.
const NOBODY: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use By::{Malware, Operator, Phish, Recipient, Staff};
    use Label::{Ham, Spam};

    fn words(all: &[(By, Label)]) -> Words {
        let mut words = Words::default();
        for (by, label) in all {
            words.say(Word::new(*by, *label, UnixMs(1)));
        }
        words
    }

    #[test]
    fn whose_word_counts_for_whom() {
        const OURS: u32 = 1;
        for (said, ours, another) in [
            (&[][..], None, None),
            (&[(Staff(OURS), Spam)], Some(Bad::Staff), None),
            (&[(By::Trap, Spam)], Some(Bad::Trap), Some(Bad::Trap)),
            (&[(By::Trap, Spam), (Recipient(OURS, 1), Ham)], None, Some(Bad::Trap)),
            (&[(Recipient(OURS, 1), Spam), (Recipient(OURS, 2), Spam)], None, None),
            (
                &[
                    (Recipient(OURS, 1), Spam),
                    (Recipient(OURS, 2), Spam),
                    (Recipient(OURS, 3), Spam),
                ],
                Some(Bad::Recipients),
                None,
            ),
            // One says it three times.
            (
                &[
                    (Recipient(OURS, 1), Spam),
                    (Recipient(OURS, 1), Spam),
                    (Recipient(OURS, 1), Spam),
                ],
                None,
                None,
            ),
            // Two organisations are enough for everybody, whoever spoke for each.
            (&[(Staff(OURS), Spam), (Staff(2), Spam)], Some(Bad::Staff), Some(Bad::Others)),
            (
                &[
                    (Staff(2), Spam),
                    (Recipient(3, 1), Spam),
                    (Recipient(3, 2), Spam),
                    (Recipient(3, 3), Spam),
                ],
                Some(Bad::Others),
                Some(Bad::Others),
            ),
            (&[(Staff(2), Spam), (Staff(3), Spam), (Staff(OURS), Ham)], None, Some(Bad::Others)),
            (
                &[(Staff(2), Spam), (Staff(3), Spam), (Recipient(OURS, 1), Ham)],
                None,
                Some(Bad::Others),
            ),
            (&[(Malware, Spam)], Some(Bad::Malware), Some(Bad::Malware)),
            (&[(Phish, Spam), (Staff(OURS), Ham)], None, Some(Bad::Phish)),
            // Whom it lures does not free it.
            (&[(Phish, Spam), (Recipient(OURS, 1), Ham)], Some(Bad::Phish), Some(Bad::Phish)),
            (&[(Malware, Spam), (Staff(2), Ham), (Staff(3), Ham)], None, None),
            (&[(Operator, Spam)], Some(Bad::Operator), Some(Bad::Operator)),
            (&[(Operator, Ham), (Malware, Spam)], None, None),
            (&[(Operator, Ham), (Staff(OURS), Spam)], Some(Bad::Staff), None),
            // The last word of each stands.
            (&[(Staff(OURS), Spam), (Staff(OURS), Ham)], None, None),
        ] {
            let words = words(said);
            assert_eq!(words.standing(OURS, false), ours, "{said:?}");
            assert_eq!(words.standing(99, false), another, "{said:?}");
            assert_eq!(words.is_bad_for_some(false), ours.or(another).is_some(), "{said:?}");
        }
    }

    #[test]
    fn words_that_known_correspondents_use_are_made_bad_by_people_alone() {
        assert_eq!(words(&[(Malware, Spam), (Phish, Spam)]).standing(1, true), None);
        assert_eq!(words(&[(Malware, Spam), (Staff(1), Spam)]).standing(1, true), Some(Bad::Staff));
    }

    #[test]
    fn what_was_not_meant_is_gone_and_room_is_kept_for_staff() {
        let mut said = words(&[(Staff(1), Spam)]);
        said.take_back(Staff(1));
        assert!(said.is_empty());
        // One organisation drowns nobody, and the one who says the opposite is not driven out.
        said.say(Word::new(Recipient(1, 0), Ham, UnixMs(1)));
        for number in 1..1_000 {
            said.say(Word::new(Recipient(1, number), Spam, UnixMs(1)));
        }
        assert_eq!(said.0.len(), limits::CAMPAIGN_WORDS_OF_ORGANISATION_MAX);
        assert_eq!(said.standing(1, false), None);
        for number in 0..1_000 {
            said.say(Word::new(Recipient(number, 1), Spam, UnixMs(1)));
        }
        assert_eq!(said.0.len(), limits::CAMPAIGN_WORDS_MAX);
        said.say(Word::new(Staff(1), Ham, UnixMs(2)));
        assert_eq!((said.0.len(), said.standing(1, false)), (limits::CAMPAIGN_WORDS_MAX, None));
        let kept = serde_json::to_string(&said).unwrap();
        assert_eq!(serde_json::from_str::<Words>(&kept).unwrap(), said);
    }
}
