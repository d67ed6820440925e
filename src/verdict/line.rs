//! Which line of a policy decided, for whoever asks why. Written as it would stand in the configuration.

use super::{Verdict, demanded};
use crate::{
    checks::{Demand, Finding},
    config::policy::{Action, Category, Policy},
    mail::Direction,
};

/// The policy's name and its line: `default: actions.virus = "reject"`. Empty when the mail goes on as it is.
pub fn line(
    verdict: &Verdict,
    findings: &[Finding],
    policy: &Policy,
    direction: Direction,
) -> String {
    let course = policy.course(direction);
    let of_decider = findings.iter().filter(|finding| finding.id == verdict.decided_by);
    let decider = of_decider.max_by_key(|finding| demanded(finding, course));
    let demand = decider.filter(|finding| demanded(finding, course) >= verdict.would);
    let word = verdict.would.word();
    let phish: f32 = super::positive(findings, &[Category::Phish]);
    let by_phish = phish >= course.phish_at
        && course.actions.get(&Category::Phish) == Some(&verdict.would)
        && super::by_score(verdict.score, course) < verdict.would;
    let line = match demand.and_then(|finding| finding.demands.as_ref().zip(Some(finding))) {
        Some((Demand::Category, finding)) => {
            format!("actions.{} = \"{word}\"", finding.category.word())
        }
        Some((Demand::Unscanned, _)) => format!("unscanned = \"{word}\""),
        Some((Demand::AtLeast(_) | Demand::NotLookedInto(_), finding)) => {
            format!("{} asks for {word}", finding.id)
        }
        None if by_phish => {
            format!("phish = {}, actions.phish = \"{word}\"", course.phish_at)
        }
        None => match verdict.would {
            Action::Deliver | Action::Defer => return String::new(),
            Action::Mark => format!("mark = {}", course.thresholds.mark()),
            Action::Quarantine => by_score(verdict.score, policy, direction),
            Action::Reject => format!("reject = {}", course.thresholds.reject()),
        },
    };
    format!("{}: {line}", policy.name)
}

/// A score that would refuse, under a policy that holds at most, was decided by the latter.
fn by_score(score: f32, policy: &Policy, direction: Direction) -> String {
    let course = policy.course(direction);
    match score >= course.thresholds.reject() && course.spam_at_most == Action::Quarantine {
        true => "spam-at-most = \"quarantine\"".to_string(),
        false => format!("quarantine = {}", course.thresholds.quarantine()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::decide;

    #[test]
    fn the_line_that_decided() {
        let find = |id: &'static str, category, weight, demand| {
            let finding = Finding::new(id, category, weight, "seen");
            Finding { demands: demand, ..finding }
        };
        let policy = Policy { name: "strict".to_string(), ..Policy::default() };
        for (findings, direction, want) in [
            (vec![], Direction::Inbound, ""),
            (vec![find("a.b", Category::Spam, 1.0, None)], Direction::Inbound, ""),
            (vec![find("a.b", Category::Spam, 5.0, None)], Direction::Inbound, "strict: mark = 5"),
            (
                vec![find("a.b", Category::Spam, 9.0, None)],
                Direction::Inbound,
                "strict: quarantine = 8",
            ),
            (
                vec![find("a.b", Category::Spam, 15.0, None)],
                Direction::Inbound,
                "strict: reject = 15",
            ),
            (
                vec![find("a.b", Category::Spam, 15.0, None)],
                Direction::Outbound,
                "strict: spam-at-most = \"quarantine\"",
            ),
            (
                vec![find("a.b", Category::Phish, 6.5, None)],
                Direction::Inbound,
                "strict: phish = 6, actions.phish = \"quarantine\"",
            ),
            (
                vec![
                    find("a.b", Category::Spam, 15.0, None),
                    find("v.v", Category::Virus, 0.0, Some(Demand::Category)),
                ],
                Direction::Inbound,
                "strict: reject = 15",
            ),
            (
                vec![
                    find("a.b", Category::Spam, 9.0, None),
                    find("v.v", Category::Virus, 0.0, Some(Demand::Category)),
                ],
                Direction::Inbound,
                "strict: actions.virus = \"reject\"",
            ),
            (
                vec![find("u.u", Category::Format, 0.0, Some(Demand::Unscanned))],
                Direction::Inbound,
                "strict: unscanned = \"quarantine\"",
            ),
            (
                vec![find("d.d", Category::Auth, 0.0, Some(Demand::AtLeast(Action::Reject)))],
                Direction::Inbound,
                "strict: d.d asks for reject",
            ),
        ] {
            let verdict = decide(&findings, &policy, direction);
            assert_eq!(line(&verdict, &findings, &policy, direction), want, "{findings:?}");
        }
    }
}
