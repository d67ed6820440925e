//! What our own mail taught: how spam and ham are worded here, as three learners, two steadying views, and what their number means.
//!
//! Pure: a [`Model`] is a value, a [`Sketch`] is what of a mail it looks at, and learning is a function from both. [`input`] says what of a
//! mail is read, [`grams`] how it becomes numbers, [`buckets`] and [`steady`] what is known of each number, [`calibration`] what the sum
//! is worth at this site, [`measure`] how good it is, [`form`] how it is kept. The figures behind every constant are in `rules/model/README.md`.
//!
//! Invariants: a model that learned nothing says nothing (0 for every mail); judging changes nothing; what was learned from mail of our own
//! people touches the view of bodies alone, because its header sections are ours.

pub mod buckets;
pub mod calibration;
pub mod form;
pub mod grams;
pub mod input;
pub mod measure;
pub mod own;
pub mod steady;

pub use calibration::Calibration;
pub use grams::Kind;
pub use input::{Reader, Seen};
pub use own::Own;

use buckets::{Buckets, Three};
use grams::Grams;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use steady::Steady;

/// What a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// Wanted, or at least written to the one who got it.
    Ham,
    /// Not wanted: advertising nobody asked for, phish, malware.
    Spam,
}

impl Label {
    /// 1 for spam, −1 for ham.
    fn sign(self) -> f32 {
        match self {
            Label::Spam => 1.0,
            Label::Ham => -1.0,
        }
    }
}

/// What the learners see of one mail. It cannot be read back into the mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Of the first bytes as they came, without what is easily forged.
    pub whole: Grams,
    /// Of the beginning of the header section and the text as a reader sees it.
    pub mixed: Grams,
    /// Of the text alone.
    pub body: Grams,
    /// Pieces of a longer text, each as if the mail had nothing else: spam that stands among words of wanted mail shows in one of them.
    pub parts: Vec<Part>,
}

/// A mail with a piece of its text alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Of header section and piece, as [`Sketch::whole`].
    pub whole: Grams,
    /// Of header section and piece, as [`Sketch::mixed`].
    pub mixed: Grams,
    /// Of these, what is in the text.
    pub body: Grams,
}

impl Sketch {
    /// What share of two mails' texts is alike, from 0 to 1 (Jaccard 1912); of their second views where one has no text.
    pub fn overlap(&self, other: &Sketch) -> f32 {
        let (own, their) = match self.body.is_empty() || other.body.is_empty() {
            true => (&self.mixed, &other.mixed),
            false => (&self.body, &other.body),
        };
        let own: HashSet<u32> = own.buckets().iter().copied().collect();
        let both = their.buckets().iter().filter(|bucket| own.contains(bucket)).count();
        let all = own.len() + their.buckets().len() - both;
        let short = |count: usize| f32::from(u16::try_from(count).unwrap_or(u16::MAX));
        if all == 0 { 1.0 } else { short(both) / short(all) }
    }
}

/// What of a mail is learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Views {
    /// All of it.
    All,
    /// Its text alone: the header section is of our own making.
    Body,
}

/// Who says so, as far as it changes how a label is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sureness {
    /// An admin, or a measured corpus: what is known already need not be counted again.
    Confirmed,
    /// Somebody who may err: more of what is known already is counted, so that a wrong label among many right ones weighs less.
    Said,
}

/// One label to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// What the mail is.
    pub label: Label,
    /// From which part of it to learn.
    pub views: Views,
    /// How sure that is.
    pub sureness: Sureness,
}

/// What a model says of a mail. Above zero: rather spam.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Said {
    /// The three learners of the whole.
    pub three: Three,
    /// The steadying view of header section and text.
    pub mixed: f32,
    /// The steadying view of the text.
    pub body: f32,
    /// All of them in one number: that of the whole, or of its worst part.
    pub score: f32,
}

/// Everything that a site learned.
#[derive(Debug, Clone, Default)]
pub struct Model {
    whole: Buckets,
    mixed: Steady,
    body: Steady,
    /// What its scores are worth.
    pub calibration: Calibration,
    taught: Taught,
}

/// How many labels a model has learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taught {
    /// Of spam.
    pub spam: u32,
    /// Of ham.
    pub ham: u32,
}

impl Taught {
    /// Labels of the rarer kind.
    pub fn rarer(self) -> u32 {
        self.spam.min(self.ham)
    }

    /// Twice the rarer kind: a thousand labels of one kind teach nothing about the other.
    fn balanced(self) -> f32 {
        2.0 * real(self.rarer())
    }

    fn all(self) -> f32 {
        real(self.spam.saturating_add(self.ham))
    }
}

impl Model {
    /// What it makes of a mail.
    pub fn judge(&self, sketch: &Sketch) -> Said {
        let said = self.judge_view(&sketch.whole, &sketch.mixed, &sketch.body);
        let parts = sketch.parts.iter();
        let of_part = |part: &Part| self.judge_view(&part.whole, &part.mixed, &part.body).score;
        let worst = parts.map(of_part).fold(f32::MIN, f32::max);
        Said { score: said.score.max(worst - PART_LESS), ..said }
    }

    fn judge_view(&self, whole: &Grams, mixed: &Grams, body: &Grams) -> Said {
        let three = self.whole.judge(whole);
        let (mixed, body) = (self.mixed.judge(mixed), self.body.judge(body));
        Said { three, mixed, body, score: self.joined(three, mixed, body) }
    }

    /// What each of these adds to the score of a mail that is made of them.
    pub fn weigh(&self, kinds: &[(Kind, Grams)]) -> Vec<(Kind, f32)> {
        let all: f32 = kinds.iter().map(|(_, grams)| grams.count()).sum();
        let of = |(kind, grams): &(Kind, Grams)| {
            let Three { logistic, margin, counts } = self.whole.judge(grams);
            // A sum over a part of the windows is divided by the root of all of them.
            let share = (grams.count() / all).sqrt();
            let three = Three { logistic, margin: margin * share, counts: counts * share };
            (*kind, self.joined(three, 0.0, 0.0))
        };
        kinds.iter().map(of).collect()
    }

    /// Learns what a mail is; gives what it said before. That is what calibrates it, so that it is measured on what it did not know.
    pub fn learn(&mut self, sketch: &Sketch, lesson: Lesson) -> Said {
        let said = self.judge(sketch);
        if lesson.views == Views::All {
            self.calibration.add(said.score, lesson.label);
            self.whole.learn(&sketch.whole, lesson, said.three);
            self.mixed.learn(&sketch.mixed, lesson);
            let taught = match lesson.label {
                Label::Spam => &mut self.taught.spam,
                Label::Ham => &mut self.taught.ham,
            };
            *taught = taught.saturating_add(1);
        }
        self.body.learn(&sketch.body, lesson);
        said
    }

    /// How many labels of whole mails it has learned.
    pub fn taught(&self) -> Taught {
        self.taught
    }

    /// Counting knows most in the first thousand mails, the others need both kinds before they know anything: they enter as they learn,
    /// and its share falls to what was measured best after many thousands.
    fn joined(&self, three: Three, mixed: f32, body: f32) -> f32 {
        let lead = 1.0 + LEAD * LEADS_UNTIL / (LEADS_UNTIL + self.taught.all());
        let slow = three.logistic / 10.0 + three.margin * 1.5 + (mixed + body) / STEADY;
        three.counts / 14.0 * lead + slow * self.grown()
    }

    fn grown(&self) -> f32 {
        let balanced = self.taught.balanced();
        balanced / (balanced + GROWN_AFTER)
    }
}

/// A piece of a text says less than all of it: so much worse it must look to count. Measured between none and a half: the more, the fewer pairs are
/// in the wrong order, and the more is missed that hides among words of wanted mail.
const PART_LESS: f32 = 0.25;
/// What the steadying views are divided by.
const STEADY: f32 = 1.3;
/// How much more counting weighs at first than at last.
const LEAD: f32 = 2.0;
/// After that many labels, half of it is gone.
const LEADS_UNTIL: f32 = 10_000.0;
/// After that many labels of both kinds, the learners with steps weigh half of what they weigh at last.
const GROWN_AFTER: f32 = 1_000.0;

/// A count as a number to reckon with. Sixteen million and one is sixteen million, which is no matter here.
#[allow(
    clippy::as_conversions,
    reason = "there is no other way from u32 to f32, and rounding is meant"
)]
fn real(count: u32) -> f32 {
    count as f32
}

/// The place of a bucket in its table.
fn place(bucket: u32) -> usize {
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
