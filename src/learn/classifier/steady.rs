//! A learner that is hard to talk over: each window has a weight and a doubt, and what is no longer doubted moves little.
//!
//! Adaptive regularisation of weight vectors (AROW; Crammer, Kulesza and Dredze 2009), with a text's windows scaled to length one.

use super::{Lesson, Sureness, grams::FEW_BITS, grams::Grams, place};

/// One view of the mail with this learner alone.
#[derive(Debug, Clone)]
pub struct Steady {
    /// Weight, and how much of the first doubt is gone.
    table: Vec<(f32, f32)>,
}

impl Default for Steady {
    fn default() -> Steady {
        Steady { table: vec![(0.0, 0.0); 1 << FEW_BITS] }
    }
}

impl Steady {
    /// From what was kept.
    pub(super) fn of(table: Vec<(f32, f32)>) -> Steady {
        Steady { table }
    }

    pub(super) fn table(&self) -> &[(f32, f32)] {
        &self.table
    }

    /// The margin: above zero, rather spam.
    pub fn judge(&self, grams: &Grams) -> f32 {
        self.at(grams).map(|(weight, _)| weight).sum::<f32>() / grams.count().sqrt()
    }

    /// Learns a label.
    pub fn learn(&mut self, grams: &Grams, lesson: Lesson) {
        let scale = 1.0 / grams.count().sqrt();
        let doubt = self.at(grams).map(|(_, settled)| 1.0 - settled).sum::<f32>();
        let margin = self.judge(grams);
        let about = About { margin, doubt: doubt * scale * scale, scale };
        let Some(correction) = Correction::of(about, lesson.label.sign(), stubborn(lesson)) else {
            return;
        };
        for at in grams.buckets() {
            if let Some(cell) = self.table.get_mut(place(*at)) {
                *cell = correction.apply(cell.0, cell.1);
            }
        }
    }

    fn at<'a>(&'a self, grams: &'a Grams) -> impl Iterator<Item = &'a (f32, f32)> {
        grams.buckets().iter().filter_map(|at| self.table.get(place(*at)))
    }
}

/// What a learner knows of one text.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// What it says.
    pub(super) margin: f32,
    /// The doubt about the whole text.
    pub(super) doubt: f32,
    /// What its windows are scaled by.
    pub(super) scale: f32,
}

/// By how much the windows of one text move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    /// What is added to a weight for each unit of its doubt.
    weight: f32,
    /// What is taken from a doubt for each unit of its square.
    doubt: f32,
}

impl Correction {
    /// `sign` is what the learner should have said, `stubborn` how little one label moves it. None: it is right enough.
    pub(super) fn of(about: About, sign: f32, stubborn: f32) -> Option<Correction> {
        let About { margin, doubt, scale } = about;
        let short = 1.0 - sign * margin;
        let beta = 1.0 / (doubt + stubborn);
        (short > 0.0).then_some(Correction {
            weight: short * beta * sign * scale,
            doubt: beta * scale * scale,
        })
    }

    /// A weight and how much of its doubt is gone, corrected.
    pub(super) fn apply(self, weight: f32, settled: f32) -> (f32, f32) {
        let doubt = 1.0 - settled;
        (weight + self.weight * doubt, settled + self.doubt * doubt * doubt)
    }
}

/// AROW's r: how little one label moves. Measured over five orders of 8,000 mails, (1-ROCA)% of true labels at 3, 1, 0.3, 0.1: 0.059, 0.049,
/// 0.044, 0.043; of labels that somebody says, with none, 1 % and 5 % of them wrong: 0.066, 0.083, 0.118 at 3; 0.056, 0.071, 0.108 at 1; 0.050,
/// 0.066, 0.115 at 0.3.
pub(super) fn stubborn(lesson: Lesson) -> f32 {
    match lesson.sureness {
        Sureness::Confirmed => 0.3,
        Sureness::Said => 1.0,
    }
}
