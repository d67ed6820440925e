//! How good scores are, in the measures of the TREC spam track (Cormack and Lynam 2005), so that they can be laid beside published ones.

/// Scores with what the mails were, highest first once measured.
#[derive(Debug, Clone, Default)]
pub struct Scores(Vec<(f64, bool)>);

/// What the scores are worth, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// (1-ROCA)%: how many of all pairs of a ham and a spam have the ham above, half of those that are alike.
    pub above_curve: f64,
    /// lam%: the mean, in the logarithm of the odds, of the shares of ham and spam on the wrong side of the threshold.
    pub misclassified: f64,
    /// Spam missed where at most one of a thousand ham is lost.
    pub missed_at_one_in_a_thousand: f64,
    /// Spam missed where at most five of a thousand ham are lost.
    pub missed_at_half_a_percent: f64,
    /// How many ham.
    pub ham: usize,
    /// How many spam.
    pub spam: usize,
}

impl Scores {
    /// Takes one more.
    pub fn add(&mut self, score: f64, is_spam: bool) {
        self.0.push((score, is_spam));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The measures of the first `most` of them; a mail at or above `threshold` is called spam. None unless both kinds are there.
    pub fn measure(&self, most: usize, threshold: f64) -> Option<Measured> {
        let scores = self.0.get(..most.min(self.0.len())).unwrap_or_default();
        let spam = scores.iter().filter(|(_, is_spam)| *is_spam).count();
        let ham = scores.len() - spam;
        if ham == 0 || spam == 0 {
            return None;
        }
        let wrong = |wanted: bool| {
            let wrong = |(score, is_spam): &&(f64, bool)| {
                *is_spam == wanted && (threshold <= *score) != wanted
            };
            scores.iter().filter(wrong).count()
        };
        let steps = steps(scores);
        Some(Measured {
            above_curve: 100.0 * above_curve(&steps) / (real(ham) * real(spam)),
            misclassified: 100.0 * logistic_mean((wrong(false), ham), (wrong(true), spam)),
            missed_at_one_in_a_thousand: missed(&steps, ham / 1000, spam),
            missed_at_half_a_percent: missed(&steps, ham / 200, spam),
            ham,
            spam,
        })
    }
}

/// Ham and spam of each score there is, from the highest down.
fn steps(scores: &[(f64, bool)]) -> Vec<(usize, usize)> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|left, right| right.0.total_cmp(&left.0));
    let alike = sorted.chunk_by(|left, right| left.0.total_cmp(&right.0).is_eq());
    let split = |step: &[(f64, bool)]| {
        let spam = step.iter().filter(|(_, is_spam)| *is_spam).count();
        (step.len() - spam, spam)
    };
    alike.map(split).collect()
}

/// Pairs of a ham and a spam in which the ham is above.
fn above_curve(steps: &[(usize, usize)]) -> f64 {
    let mut ham_above = 0.0;
    let mut pairs = 0.0;
    for (ham, spam) in steps {
        pairs += real(*spam) * (ham_above + real(*ham) / 2.0);
        ham_above += real(*ham);
    }
    pairs
}

/// Spam in percent below the lowest threshold that loses no more than that many ham.
fn missed(steps: &[(usize, usize)], ham_lost_max: usize, spam: usize) -> f64 {
    let (mut lost, mut caught) = (0, 0);
    for (ham, spam) in steps {
        lost += ham;
        if lost > ham_lost_max {
            break;
        }
        caught += spam;
    }
    100.0 * real(spam - caught) / real(spam)
}

/// The mean of two shares in the logarithm of their odds; half a mail is added to each, or a perfect one would have none.
fn logistic_mean(ham: (usize, usize), spam: (usize, usize)) -> f64 {
    let odds = |(wrong, all): (usize, usize)| {
        let share = (real(wrong) + 0.5) / (real(all) + 1.0);
        (share / (1.0 - share)).ln()
    };
    1.0 / (1.0 + (-(odds(ham) + odds(spam)) / 2.0).exp())
}

fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(ham: &[f64], spam: &[f64]) -> Scores {
        let mut scores = Scores::default();
        for score in ham {
            scores.add(*score, false);
        }
        for score in spam {
            scores.add(*score, true);
        }
        scores
    }

    #[test]
    fn pairs_in_the_wrong_order() {
        for (ham, spam, want) in [
            (&[1.0, 2.0][..], &[3.0, 4.0][..], 0.0),
            (&[3.0, 4.0], &[1.0, 2.0], 100.0),
            (&[1.0, 3.0], &[2.0, 4.0], 25.0),
            // Alike: half of it.
            (&[1.0, 1.0], &[1.0], 50.0),
            (&[0.0, 2.0], &[2.0, 2.0], 25.0),
        ] {
            let got = scores(ham, spam).measure(usize::MAX, 0.0).map(|got| got.above_curve);
            assert_eq!(got, Some(want), "{ham:?} {spam:?}");
        }
        assert_eq!(scores(&[1.0], &[]).measure(10, 0.0), None);
        assert!(Scores::default().is_empty() && Scores::default().measure(10, 0.0).is_none());
    }

    #[test]
    fn spam_missed_where_that_much_ham_is_lost() {
        // A thousand ham, one of them at 10; spam at 9 to 12.
        let mut ham = vec![0.0; 999];
        ham.push(10.0);
        let spam = [9.0, 10.0, 11.0, 12.0];
        let got = scores(&ham, &spam).measure(usize::MAX, 11.0).expect("both kinds");
        assert_eq!((got.missed_at_one_in_a_thousand, got.missed_at_half_a_percent), (0.0, 0.0));
        // With one ham fewer none may be lost: the one at 10 takes the spam beside it along.
        let got = scores(&ham[1..], &spam).measure(usize::MAX, 11.0).expect("both kinds");
        assert_eq!(got.missed_at_one_in_a_thousand, 50.0);
        assert_eq!((got.ham, got.spam), (999, 4));
    }

    #[test]
    fn both_kinds_of_error_weigh_alike() {
        let nothing_wrong = scores(&[0.0; 99], &[2.0; 99]).measure(usize::MAX, 1.0);
        assert!((nothing_wrong.expect("both kinds").misclassified - 0.5).abs() < 1e-9);
        let all_wrong = scores(&[2.0; 99], &[0.0; 99]).measure(usize::MAX, 1.0);
        assert!((all_wrong.expect("both kinds").misclassified - 99.5).abs() < 1e-9);
        let one_side = scores(&[0.0; 99], &[0.0; 99]).measure(usize::MAX, 1.0);
        assert!((one_side.expect("both kinds").misclassified - 50.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_of_them_alone() {
        let mut all = scores(&[0.0], &[1.0]);
        all.add(5.0, false);
        assert_eq!(all.measure(2, 0.5).map(|got| (got.ham, got.above_curve)), Some((1, 0.0)));
        assert_eq!(all.len(), 3);
        assert_eq!(all.measure(3, 0.5).map(|got| got.above_curve), Some(50.0));
    }
}
