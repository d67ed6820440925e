//! A learner that is hard to talk over: each window has a weight and a doubt, and what is no longer doubted moves little.
//!
//! Adaptive regularisation of weight vectors (AROW; Crammer, Kulesza and Dredze 2009), with a text's windows scaled to length one.

use super::{Label, grams::FEW_BITS, grams::Grams, place};

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
    pub fn learn(&mut self, grams: &Grams, label: Label) {
        let scale = 1.0 / grams.count().sqrt();
        let doubt = self.at(grams).map(|(_, settled)| 1.0 - settled).sum::<f32>();
        let margin = self.judge(grams);
        let Some(correction) = Correction::of(margin, label.sign(), doubt * scale * scale, scale)
        else {
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

/// By how much the windows of one text move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    /// What is added to a weight for each unit of its doubt.
    weight: f32,
    /// What is taken from a doubt for each unit of its square.
    doubt: f32,
}

impl Correction {
    /// `margin` is what the learner says, `sign` what it should have said, `doubt` the doubt about the whole text. None: it is right enough.
    pub(super) fn of(margin: f32, sign: f32, doubt: f32, scale: f32) -> Option<Correction> {
        let short = 1.0 - sign * margin;
        let beta = 1.0 / (doubt + STUBBORN);
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

/// AROW's r: how little one label moves. Three was measured to take 5 % of wrong labels at 1.5 times the error.
const STUBBORN: f32 = 3.0;
