//! Greylisting: is a mail doubtful enough that its sender shall show that it tries again? Whether anybody knows the sender is for the
//! pipeline to say; here the score is compared.

use super::Verdict;
use crate::{
    checks::{Demand, Finding},
    config::policy::{Action, Category, Mode, Policy},
};

/// The id of the finding; it stands in trace and log as the reason of the deferral.
pub const ID: &str = "greylist";

/// Does this policy want a second try of a mail with this verdict? Not of one that is stopped anyway, and not while the policy is on trial.
pub fn is_wanted(verdict: &Verdict, policy: &Policy) -> bool {
    policy.greylist.is_some_and(|from| {
        policy.mode() == Mode::Protect && verdict.action <= Action::Mark && verdict.told >= from
    })
}

/// What makes every recipient's verdict a deferral.
pub fn finding() -> Finding {
    Finding::new(ID, Category::Trust, 0.0, "a first try from a network that is not known here")
        .demanding(Demand::AtLeast(Action::Defer))
        .telling("The sending server is not known here and was asked to try again.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mail::Direction, verdict::decide};

    #[test]
    fn only_the_doubtful_band_of_a_policy_that_protects_has_to_try_again() {
        for (greylist, mode, score, want) in [
            (None, Mode::Protect, 4.0, false),
            (Some(2.0), Mode::Protect, 1.9, false),
            (Some(2.0), Mode::Protect, 2.0, true),
            (Some(2.0), Mode::Protect, 6.0, true),
            (Some(2.0), Mode::Protect, 8.0, false),
            (Some(0.0), Mode::Protect, 0.0, true),
            (Some(2.0), Mode::Tag, 4.0, false),
            (Some(2.0), Mode::Shadow, 4.0, false),
        ] {
            let policy = Policy { greylist, mode: Some(mode), ..Policy::default() };
            let weight = Finding::new("test.weight", Category::Spam, score, "");
            let verdict = decide(std::slice::from_ref(&weight), &policy, Direction::Inbound);
            assert_eq!(is_wanted(&verdict, &policy), want, "{greylist:?} {mode:?} {score}");
            if want {
                let after = decide(&[weight, finding()], &policy, Direction::Inbound);
                assert_eq!((after.action, after.decided_by.as_str()), (Action::Defer, ID));
            }
        }
        // To come again would tell the sender what he must not learn.
        let trap = Finding::new("test.trap", Category::Spam, 3.0, "").untold();
        let policy = Policy { greylist: Some(2.0), ..Policy::default() };
        assert!(!is_wanted(&decide(&[trap], &policy, Direction::Inbound), &policy));
    }
}
