//! What the learned wording of a mail is worth beside the rules: `rules/model/weights.toml` at work.

use crate::learn::classifier::{Taught, calibration::Fitted};
use serde::Deserialize;
use std::sync::LazyLock;

/// The table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Weights {
    points_per_unit: PointsPerUnit,
    trust: TrustIn,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TrustIn {
    silent_below: u32,
    alone_from: u32,
    most_before: f32,
    most: f32,
    error_at_most: f32,
}

/// How far what was learned is relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// It says nothing yet.
    Silent,
    /// It speaks beside the rules, and decides nothing alone.
    Beside,
    /// It may hold a mail by itself.
    Full,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct PointsPerUnit {
    at_first: f32,
    one_ham_in_a_thousand: f32,
    least: f32,
    most: f32,
}

impl Trust {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Trust::Silent => "silent",
            Trust::Beside => "beside",
            Trust::Full => "full",
        }
    }
}

impl Weights {
    /// Those that are shipped.
    pub fn shipped() -> Result<Weights, toml::de::Error> {
        toml::from_str(SHIPPED)
    }

    /// The same, read once.
    pub fn in_force() -> Option<&'static Weights> {
        static IN_FORCE: LazyLock<Option<Weights>> = LazyLock::new(|| Weights::shipped().ok());
        IN_FORCE.as_ref()
    }

    /// How far a site relies on what it learned.
    pub fn trust(&self, taught: Taught, fitted: Option<&Fitted>) -> Trust {
        let is_right = fitted.is_some_and(|fitted| fitted.error <= self.trust.error_at_most);
        match taught.rarer() {
            few if few < self.trust.silent_below => Trust::Silent,
            many if many >= self.trust.alone_from && is_right => Trust::Full,
            _ => Trust::Beside,
        }
    }

    /// Labels of the rarer kind that are wanted before it speaks, and before it may hold a mail by itself.
    pub fn steps(&self) -> (u32, u32) {
        (self.trust.silent_below, self.trust.alone_from)
    }

    /// What of so many points counts for a mail.
    pub fn bounded(&self, points: f32, trust: Trust, taught: Taught) -> f32 {
        let most = match trust {
            Trust::Silent => 0.0,
            Trust::Beside => {
                let short = |count: u32| f32::from(u16::try_from(count).unwrap_or(u16::MAX));
                let alone_from = self.trust.alone_from.max(1);
                let learned = taught.rarer().min(alone_from);
                self.trust.most_before * short(learned) / short(alone_from)
            }
            Trust::Full => self.trust.most,
        };
        points.clamp(-most, most)
    }

    /// A score of the learners in points. `fitted` is what scores mean at the site, once that is known.
    pub fn points(&self, score: f32, fitted: Option<&Fitted>) -> f32 {
        let unit = &self.points_per_unit;
        let calibrated = fitted.map(|fitted| {
            let lost = fitted.loses_one_in_a_thousand;
            // Where ham lies above nothing at all, a little above zero is much.
            if lost <= 0.0 { unit.most } else { unit.one_ham_in_a_thousand / lost }
        });
        score * calibrated.unwrap_or(unit.at_first).clamp(unit.least, unit.most)
    }
}

/// Is a score one that less than one ham in a thousand has at this site?
pub fn is_rare(score: f32, fitted: &Fitted) -> bool {
    score > fitted.loses_one_in_a_thousand
}

const SHIPPED: &str = include_str!("../../rules/model/weights.toml");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::classifier::{Calibration, Label};

    /// A site whose ham reaches up to about `highest`.
    fn site(highest: f32) -> Fitted {
        let mut calibration = Calibration::default();
        for number in 0..1000_u16 {
            let share = (f32::from(number) + 0.5) / 1000.0;
            calibration.add(highest + share.ln(), Label::Ham);
            calibration.add(highest + 3.0 + share, Label::Spam);
        }
        calibration.fit().expect("enough")
    }

    #[test]
    fn the_shipped_table_is_good_and_each_value_has_its_reason() {
        let weights = Weights::shipped().expect("good");
        assert_eq!(weights.points(0.0, None), 0.0);
        assert_eq!(weights.points(1.0, None), 5.0);
        let mut reasons = 0;
        let lines: Vec<&str> = SHIPPED.lines().collect();
        for pair in lines.windows(2) {
            let [before, line] = pair else { continue };
            let opens_or_follows = before.starts_with('#') || before.contains('=');
            assert!(!line.contains('=') || line.starts_with('#') || opens_or_follows, "{line}");
            reasons += usize::from(before.starts_with('#') && line.contains('='));
        }
        assert!(reasons >= 3);
    }

    #[test]
    fn it_holds_nothing_alone_before_it_has_earned_it() {
        let weights = Weights::shipped().expect("good");
        let fitted = site(1.2);
        let mut wrong = fitted;
        wrong.error = 0.2;
        for (spam, ham, fitted, want) in [
            (0, 0, None, Trust::Silent),
            (5_000, 9, Some(&fitted), Trust::Silent),
            (10, 10, None, Trust::Beside),
            (5_000, 199, Some(&fitted), Trust::Beside),
            (200, 200, None, Trust::Beside),
            (200, 200, Some(&wrong), Trust::Beside),
            (200, 200, Some(&fitted), Trust::Full),
        ] {
            let trust = weights.trust(Taught { spam, ham }, fitted);
            assert_eq!(trust, want, "{spam} {ham}");
            let most = weights.bounded(1000.0, trust, Taught { spam, ham });
            let quarantine = crate::config::policy::Thresholds::default().quarantine();
            assert_eq!(most >= quarantine, trust == Trust::Full, "{trust:?}");
            assert_eq!(weights.bounded(-1000.0, trust, Taught { spam, ham }), -most);
        }
        let half = weights.bounded(1000.0, Trust::Beside, Taught { spam: 100, ham: 9_000 });
        assert!((half - 2.0).abs() < 0.01, "{half}");
    }

    #[test]
    fn where_one_ham_in_a_thousand_lies_is_quarantine() {
        let weights = Weights::shipped().expect("good");
        let fitted = site(1.2);
        let lost = fitted.loses_one_in_a_thousand;
        assert!((weights.points(lost, Some(&fitted)) - 8.0).abs() < 0.01, "{fitted:?}");
        // Bounded on both sides.
        for (highest, want) in [(-3.0, 10.0), (0.01, 10.0), (30.0, 3.0)] {
            assert_eq!(weights.points(1.0, Some(&site(highest))), want, "{highest}");
        }
        assert!(weights.points(-2.0, Some(&fitted)) < 0.0);
    }
}
