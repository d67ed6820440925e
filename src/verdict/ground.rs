//! The line of a policy that a verdict rests on, in the words of the configuration: whoever asks why finds what to change.

use crate::config::policy::{Action, Category};
use std::fmt;

/// What in a policy decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Ground {
    /// Nothing: it goes on as it came.
    #[default]
    Nothing,
    /// The score is at or above one of its thresholds.
    Threshold {
        /// Which.
        of: Action,
        /// Its value.
        at: f32,
    },
    /// The score is above a threshold whose action this policy does not take for a score: the milder one is.
    AtMost(Action),
    /// The weights of phish findings together reached its bound.
    Phish {
        /// The bound.
        at: f32,
        /// What the policy says of phish.
        action: Action,
    },
    /// A finding demands what the policy says of its category.
    Category(Category, Action),
    /// A part could not be opened.
    Unscanned(Action),
    /// The policy says so of this very finding.
    Named(Action),
    /// A rule of the policy says so.
    Rule(String, Action),
    /// The finding itself insists, under every policy.
    Finding(Action),
}

impl Ground {
    /// Is it what weights together came to, and no word about one finding?
    pub(super) fn is_sum(&self) -> bool {
        match self {
            Ground::Threshold { .. } | Ground::AtMost(_) | Ground::Phish { .. } => true,
            Ground::Nothing
            | Ground::Category(..)
            | Ground::Unscanned(_)
            | Ground::Named(_)
            | Ground::Rule(..)
            | Ground::Finding(_) => false,
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ground::Nothing => Ok(()),
            Ground::Threshold { of, at } => write!(f, "{} = {at:.1}", of.word()),
            Ground::AtMost(action) => write!(f, "a score leads to {} at most", action.word()),
            Ground::Phish { at, action } => {
                write!(f, "phish = {at:.1}, actions.phish = \"{}\"", action.word())
            }
            Ground::Category(category, action) => {
                write!(f, "actions.{} = \"{}\"", category.word(), action.word())
            }
            Ground::Unscanned(action) => write!(f, "unscanned = \"{}\"", action.word()),
            Ground::Named(action) => write!(f, "findings say {} of this one", action.word()),
            Ground::Rule(name, action) => {
                write!(f, "rules.{name}.action = \"{}\"", action.word())
            }
            Ground::Finding(action) => {
                write!(f, "the finding demands {} under every policy", action.word())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::{Demand, Finding},
        config::policy::{FindingName, Policy},
        mail::Direction,
        verdict::decide,
    };

    #[test]
    fn what_a_policy_says_of_a_finding_hardens_and_never_softens() {
        let mut policy = Policy::default();
        let name = |text: &str| FindingName::try_from(text.to_string()).unwrap();
        policy.inbound.findings =
            [(name("attachment.macro"), Action::Quarantine), (name("test.*"), Action::Mark)].into();
        let finding = |id, category, weight| Finding::new(id, category, weight, "");
        let virus = finding("test.virus", Category::Virus, 0.0).demanding(Demand::Category);
        for (finding, want, ground) in [
            (
                finding("attachment.macro", Category::Policy, 0.1),
                Action::Quarantine,
                "findings say quarantine of this one",
            ),
            (finding("attachment.page", Category::Policy, 0.1), Action::Deliver, ""),
            (finding("test.soft", Category::Spam, 9.0), Action::Quarantine, "quarantine = 8.0"),
            (virus, Action::Reject, "actions.virus = \"reject\""),
        ] {
            let verdict = decide(std::slice::from_ref(&finding), &policy, Direction::Inbound);
            assert_eq!((verdict.action, verdict.ground.to_string()), (want, ground.to_string()));
            let other = decide(std::slice::from_ref(&finding), &policy, Direction::Outbound);
            let plain = decide(&[finding], &Policy::default(), Direction::Outbound);
            assert_eq!(other.action, plain.action, "of the other direction nothing is said");
        }
    }

    #[test]
    fn a_verdict_names_the_line_that_it_rests_on() {
        let weighs = |category, weight| Finding::new("test.weight", category, weight, "");
        let demands = |category, demand| weighs(category, 0.0).demanding(demand);
        use Direction::{Inbound, Outbound};
        for (finding, direction, want) in [
            (weighs(Category::Spam, 1.0), Inbound, ""),
            (weighs(Category::Spam, 5.5), Inbound, "mark = 5.0"),
            (weighs(Category::Spam, 9.0), Inbound, "quarantine = 8.0"),
            (weighs(Category::Spam, 20.0), Inbound, "reject = 15.0"),
            (weighs(Category::Spam, 20.0), Outbound, "a score leads to quarantine at most"),
            (weighs(Category::Phish, 6.5), Inbound, "phish = 6.0, actions.phish = \"quarantine\""),
            (demands(Category::Virus, Demand::Category), Inbound, "actions.virus = \"reject\""),
            (demands(Category::Format, Demand::Unscanned), Inbound, "unscanned = \"quarantine\""),
            (
                demands(Category::Format, Demand::AtLeast(Action::Reject)),
                Inbound,
                "the finding demands reject under every policy",
            ),
        ] {
            let verdict = decide(std::slice::from_ref(&finding), &Policy::default(), direction);
            assert_eq!(verdict.ground.to_string(), want, "{finding:?}");
        }
    }
}
