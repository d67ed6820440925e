//! What the learned wording of a mail is worth beside the rules: `rules/model/weights.toml` at work.

use crate::learn::classifier::calibration::Fitted;
use serde::Deserialize;

/// The table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Weights {
    points_per_unit: PointsPerUnit,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct PointsPerUnit {
    at_first: f32,
    one_ham_in_a_thousand: f32,
    least: f32,
    most: f32,
}

impl Weights {
    /// Those that are shipped.
    pub fn shipped() -> Result<Weights, toml::de::Error> {
        toml::from_str(SHIPPED)
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
