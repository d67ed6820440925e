//! What a score is worth at this site: which share of its ham lies above it, and how likely a mail with it is spam.
//!
//! From the last scores of mails whose truth was told afterwards; none of them was known when it was scored. "Lose one ham in a thousand"
//! lies beyond what some hundred of them show, so the upper end of the ham is taken for an exponential one (peaks over a threshold): it
//! falls off as its highest twentieth does.

use super::{Label, real};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The last scores with what they should have been.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    ham: VecDeque<f32>,
    spam: VecDeque<f32>,
}

/// What the scores of a site mean. Made now and then from a [`Calibration`], asked for each mail.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Above this score lie five of a thousand ham.
    pub loses_half_a_percent: f32,
    /// Above this score lies one of a thousand ham.
    pub loses_one_in_a_thousand: f32,
    /// What a unit of the score adds to the logarithm of the odds.
    slope: f32,
    /// The logarithm of the odds at a score of zero.
    offset: f32,
    /// How far the chances it gives are from what came true: the mean of the squared differences (Brier 1950). 0 is perfect, 0.25 a coin.
    pub error: f32,
}

impl Calibration {
    /// Takes what a mail scored and what it was.
    pub fn add(&mut self, score: f32, label: Label) {
        let side = match label {
            Label::Spam => &mut self.spam,
            Label::Ham => &mut self.ham,
        };
        if side.len() >= KEPT {
            side.pop_front();
        }
        side.push_back(score);
    }

    /// How many scores are kept.
    pub fn len(&self) -> usize {
        self.ham.len() + self.spam.len()
    }

    /// Is none kept?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the scores mean. None: too few are known of one kind to say.
    pub fn fit(&self) -> Option<Fitted> {
        if self.ham.len() < FEWEST || self.spam.len() < FEWEST {
            return None;
        }
        let mut ham: Vec<f32> = self.ham.iter().copied().collect();
        ham.sort_by(|left, right| right.total_cmp(left));
        let (slope, offset) = self.odds();
        let chances = Fitted {
            loses_half_a_percent: 0.0,
            loses_one_in_a_thousand: 0.0,
            slope,
            offset,
            error: 0.0,
        };
        let squared = self.pairs().map(|(score, truth)| (chances.chance(score) - truth).powi(2));
        Some(Fitted {
            loses_half_a_percent: above(&ham, 0.005),
            loses_one_in_a_thousand: above(&ham, 0.001),
            error: squared.sum::<f32>() / count(self.ham.len() + self.spam.len()),
            ..chances
        })
    }

    /// Slope and offset of the logarithm of the odds, by Newton's method. The truths are drawn in a little, as if one more mail of each kind
    /// had been on the wrong side (Platt 1999), or scores that part the kinds wholly would have no bound.
    fn odds(&self) -> (f32, f32) {
        let (spam, ham) = (count(self.spam.len()), count(self.ham.len()));
        let (high, low) = ((spam + 1.0) / (spam + 2.0), 1.0 / (ham + 2.0));
        let (mut slope, mut offset) = (1.0_f32, 0.0_f32);
        for _ in 0..STEPS {
            let (mut by_slope, mut by_offset) = (0.0, 0.0);
            let (mut both, mut slopes, mut offsets) = (0.0, RIDGE, RIDGE);
            for (score, truth) in self.pairs() {
                let chance = sigmoid(slope * score + offset);
                let wanted = if truth > 0.5 { high } else { low };
                let curve = chance * (1.0 - chance);
                by_slope += (chance - wanted) * score;
                by_offset += chance - wanted;
                slopes += curve * score * score;
                offsets += curve;
                both += curve * score;
            }
            let determinant = slopes * offsets - both * both;
            if determinant <= 0.0 {
                break;
            }
            // Bounded, because far from its end Newton's step leaps.
            let step = |value: f32| (value / determinant).clamp(-LEAP, LEAP);
            slope -= step(offsets * by_slope - both * by_offset);
            offset -= step(slopes * by_offset - both * by_slope);
            slope = slope.max(0.0);
        }
        (slope, offset)
    }

    fn pairs(&self) -> impl Iterator<Item = (f32, f32)> {
        let spam = self.spam.iter().map(|score| (*score, 1.0));
        spam.chain(self.ham.iter().map(|score| (*score, 0.0)))
    }
}

impl Fitted {
    /// The chance that a mail with this score is spam, 0 to 1, if the site's mail stays as it was.
    pub fn chance(&self, score: f32) -> f32 {
        sigmoid(self.slope * score + self.offset)
    }
}

fn sigmoid(odds: f32) -> f32 {
    1.0 / (1.0 + (-odds).exp())
}

/// The score above which that share lies; `scores` from the highest down.
fn above(scores: &[f32], share: f32) -> f32 {
    let tail = (scores.len() / TAIL_OF).max(TAIL_FEWEST).min(scores.len().saturating_sub(1));
    let (Some(high), Some(start)) = (scores.get(..tail), scores.get(tail).copied()) else {
        return f32::MAX;
    };
    let falls = high.iter().map(|score| score - start).sum::<f32>() / count(tail).max(1.0);
    let at_start = count(tail) / count(scores.len());
    start + falls * (at_start / share).ln().max(0.0)
}

fn count(length: usize) -> f32 {
    real(u32::try_from(length).unwrap_or(u32::MAX))
}

/// Scores kept of each kind.
const KEPT: usize = 2_500;
/// With fewer of a kind nothing is said.
const FEWEST: usize = 50;
/// The highest twentieth of the ham tells how its upper end falls off.
const TAIL_OF: usize = 20;
/// And never fewer than these.
const TAIL_FEWEST: usize = 10;
/// Newton's steps; five are enough where it is well behaved.
const STEPS: usize = 20;
/// The farthest of them.
const LEAP: f32 = 2.0;
/// Keeps the curve from being flat.
const RIDGE: f32 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    /// Ham around −2 and spam around 2, both falling off exponentially to each side, without chance: the quantiles themselves.
    fn site(mails: u16) -> Calibration {
        let mut calibration = Calibration::default();
        for number in 0..mails {
            let share = (f32::from(number) + 0.5) / f32::from(mails);
            let spread = if share < 0.5 { (2.0 * share).ln() } else { -(2.0 - 2.0 * share).ln() };
            calibration.add(spread - 2.0, Label::Ham);
            calibration.add(spread + 2.0, Label::Spam);
        }
        calibration
    }

    #[test]
    fn the_upper_end_of_ham_is_foretold_from_few() {
        // Half the ham lies above −2, and from there on it falls by e for each unit.
        let truth = |share: f32| -2.0 - (2.0 * share).ln();
        for mails in [200, 1000, 2500] {
            let fitted = site(mails).fit().expect("enough");
            for (got, share) in
                [(fitted.loses_half_a_percent, 0.005), (fitted.loses_one_in_a_thousand, 0.001)]
            {
                assert!((got - truth(share)).abs() < 0.6, "{mails}: {got} for {}", truth(share));
            }
        }
    }

    #[test]
    fn chances_are_even_in_the_middle_and_rise() {
        let fitted = site(1000).fit().expect("enough");
        assert!((fitted.chance(0.0) - 0.5).abs() < 0.02, "{fitted:?}");
        let chances: Vec<f32> = [-6.0, -3.0, 0.0, 3.0, 6.0].map(|at| fitted.chance(at)).to_vec();
        assert!(chances.is_sorted() && chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        assert!(fitted.error < 0.1);
    }

    #[test]
    fn kinds_that_part_wholly_have_a_bound_and_too_few_say_nothing() {
        let mut calibration = Calibration::default();
        for number in 0..60_u8 {
            assert_eq!(calibration.fit().is_some(), number >= 50);
            calibration.add(-f32::from(number) - 1.0, Label::Ham);
            calibration.add(f32::from(number) + 1.0, Label::Spam);
        }
        let fitted = calibration.fit().expect("enough");
        assert!(
            fitted.slope.is_finite() && (0.9..1.0).contains(&fitted.chance(30.0)),
            "{fitted:?}"
        );
        let mut all_alike = Calibration::default();
        for _ in 0..100 {
            all_alike.add(0.0, Label::Ham);
            all_alike.add(0.0, Label::Spam);
        }
        let fitted = all_alike.fit().expect("enough");
        assert!((fitted.chance(0.0) - 0.5).abs() < 0.01 && fitted.loses_one_in_a_thousand < 0.1);
    }

    #[test]
    fn old_scores_go() {
        let mut calibration = Calibration::default();
        for _ in 0..2 * KEPT {
            calibration.add(9.0, Label::Ham);
        }
        for _ in 0..KEPT {
            calibration.add(1.0, Label::Ham);
            calibration.add(2.0, Label::Spam);
        }
        assert!(calibration.fit().expect("enough").loses_one_in_a_thousand < 2.0);
    }
}
