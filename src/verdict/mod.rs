//! Findings and policy in, verdict out. Pure, so that an admin can replay yesterday's mail under tomorrow's policy.
//!
//! No code outside this folder compares a score. Invariant, held by a property test: one more finding of weight ≥ 0,
//! or with a demand, never makes the action milder.

mod plan;

pub use plan::{Fate, Line, Plan, Road, plan};

use crate::{
    checks::{Demand, Finding},
    config::policy::{Action, Category, Course, Policy},
    mail::Direction,
};

/// The decision for one recipient and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What to do.
    pub action: Action,
    /// The sum of the weights, comfort taken off as far as it may.
    pub score: f32,
    /// The categories that speak against the mail, worst first.
    pub categories: Vec<Category>,
    /// One plain sentence, ASCII, made by us: for header fields, replies and users.
    pub reason: String,
    /// The id of the finding that decided; empty when nothing did.
    pub decided_by: String,
}

impl Verdict {
    /// The same for mail that a relay of ours has taken already: what would be refused is held.
    pub fn held_at_worst(self) -> Verdict {
        Verdict { action: self.action.min(Action::Quarantine), ..self }
    }
}

/// The most that comfort takes off a score (DECISIONS).
const COMFORT_MAX: f32 = 5.0;

/// Decides for a recipient under `policy`.
pub fn decide(findings: &[Finding], policy: &Policy, direction: Direction) -> Verdict {
    let course = policy.course(direction);
    let score = score(findings);
    let by_score = by_score(score, course);
    let mut verdict = Verdict {
        action: by_score,
        score,
        categories: categories(findings),
        reason: String::new(),
        decided_by: String::new(),
    };
    let phish: f32 = positive(findings, &[Category::Phish]);
    let mut decider = heaviest(findings);
    if phish >= course.phish_at {
        let action = course.actions.get(&Category::Phish).copied().unwrap_or(Action::Deliver);
        if action > verdict.action {
            verdict.action = action;
            decider = heaviest_of(findings, Category::Phish).or(decider);
        }
    }
    for finding in findings {
        let demanded = demanded(finding, course);
        if demanded > verdict.action {
            verdict.action = demanded;
            decider = Some(finding);
        }
    }
    if verdict.action > Action::Deliver
        && let Some(decider) = decider
    {
        verdict.decided_by = decider.id.to_string();
        verdict.reason = decider.plain.to_string();
    }
    if verdict.reason.is_empty() {
        verdict.reason = plain(verdict.action).to_string();
    }
    verdict
}

/// Comfort (negative weights) offsets only what is weighed against wording and habit: spam, bulk and phish.
fn score(findings: &[Finding]) -> f32 {
    const OFFSETTABLE: [Category; 3] = [Category::Spam, Category::Bulk, Category::Phish];
    let soft = positive(findings, &OFFSETTABLE);
    let all: f32 = findings.iter().map(|finding| finding.weight.max(0.0)).sum();
    let comfort: f32 = findings.iter().map(|finding| (-finding.weight).max(0.0)).sum();
    all - comfort.min(COMFORT_MAX).min(soft)
}

fn positive(findings: &[Finding], categories: &[Category]) -> f32 {
    findings
        .iter()
        .filter(|finding| categories.contains(&finding.category))
        .map(|finding| finding.weight.max(0.0))
        .sum()
}

fn by_score(score: f32, course: &Course) -> Action {
    let action = match score {
        score if score >= course.thresholds.reject() => Action::Reject,
        score if score >= course.thresholds.quarantine() => Action::Quarantine,
        score if score >= course.thresholds.mark() => Action::Mark,
        _ => Action::Deliver,
    };
    action.min(course.spam_at_most)
}

/// What a finding insists on under this course.
pub fn demanded(finding: &Finding, course: &Course) -> Action {
    match finding.demands {
        None => Action::Deliver,
        Some(Demand::Category) => {
            course.actions.get(&finding.category).copied().unwrap_or(Action::Deliver)
        }
        Some(Demand::Unscanned) => course.unscanned,
        Some(Demand::AtLeast(action)) => action,
    }
}

fn heaviest(findings: &[Finding]) -> Option<&Finding> {
    findings
        .iter()
        .filter(|finding| finding.weight > 0.0)
        .max_by(|a, b| a.weight.total_cmp(&b.weight))
}

fn heaviest_of(findings: &[Finding], category: Category) -> Option<&Finding> {
    let of = findings.iter().filter(|finding| finding.category == category && finding.weight > 0.0);
    of.max_by(|a, b| a.weight.total_cmp(&b.weight))
}

/// Categories with a weight or a demand against the mail, in their order of gravity.
fn categories(findings: &[Finding]) -> Vec<Category> {
    let speaks = |category| {
        findings.iter().any(|finding| {
            finding.category == category && (finding.weight > 0.0 || finding.demands.is_some())
        })
    };
    Category::ALL.into_iter().filter(|category| speaks(*category)).collect()
}

fn plain(action: Action) -> &'static str {
    match action {
        Action::Deliver => "Nothing speaks against this mail",
        Action::Mark => "This mail looks like advertising or spam",
        Action::Defer => "This mail has to wait",
        Action::Quarantine => "This mail looks unwanted and was held",
        Action::Reject => "This mail was refused as spam",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weigh(category: Category, weight: f32) -> Finding {
        Finding::new("test.weight", category, weight, "")
    }

    #[test]
    fn thresholds_and_demands() {
        let policy = Policy::default();
        let act = |findings: &[Finding], direction| decide(findings, &policy, direction).action;
        let inbound = |findings: &[Finding]| act(findings, Direction::Inbound);
        assert_eq!(inbound(&[]), Action::Deliver);
        assert_eq!(inbound(&[weigh(Category::Spam, 4.9)]), Action::Deliver);
        assert_eq!(inbound(&[weigh(Category::Spam, 5.0)]), Action::Mark);
        assert_eq!(inbound(&[weigh(Category::Spam, 8.0)]), Action::Quarantine);
        assert_eq!(inbound(&[weigh(Category::Spam, 15.0)]), Action::Reject);
        assert_eq!(act(&[weigh(Category::Spam, 15.0)], Direction::Outbound), Action::Quarantine);
        assert_eq!(inbound(&[weigh(Category::Phish, 6.0)]), Action::Quarantine);
        let virus = weigh(Category::Virus, 0.0).demanding(Demand::Category);
        assert_eq!(inbound(std::slice::from_ref(&virus)), Action::Reject);
        assert_eq!(act(&[virus], Direction::Outbound), Action::Reject);
        let unopened = weigh(Category::Format, 0.0).demanding(Demand::Unscanned);
        assert_eq!(inbound(&[unopened]), Action::Quarantine);
    }

    #[test]
    fn comfort_is_bounded_and_offsets_no_demand() {
        let policy = Policy::default();
        let comfort = weigh(Category::Trust, -50.0);
        let verdict = |findings: &[Finding]| decide(findings, &policy, Direction::Inbound);
        assert_eq!(verdict(&[weigh(Category::Spam, 9.0), comfort.clone()]).score, 4.0);
        assert_eq!(verdict(&[weigh(Category::Format, 9.0), comfort.clone()]).score, 9.0);
        assert_eq!(verdict(&[weigh(Category::Spam, 2.0), comfort.clone()]).score, 0.0);
        let virus = weigh(Category::Virus, 0.0).demanding(Demand::Category);
        assert_eq!(verdict(&[virus, comfort]).action, Action::Reject);
    }

    #[test]
    fn the_reason_is_the_deciders() {
        let mut heavy = weigh(Category::Spam, 9.0);
        heavy.plain = "Heavy".into();
        let mut virus = weigh(Category::Virus, 0.0).demanding(Demand::Category);
        virus.plain = "An attachment is known malware".into();
        let verdict = decide(&[heavy.clone(), virus], &Policy::default(), Direction::Inbound);
        assert_eq!(verdict.reason, "An attachment is known malware");
        assert_eq!(verdict.categories, [Category::Virus, Category::Spam]);
        assert_eq!(decide(&[heavy], &Policy::default(), Direction::Inbound).reason, "Heavy");
    }

    fn any_finding() -> impl Strategy<Value = Finding> {
        let demand = prop_oneof![
            4 => Just(None),
            1 => Just(Some(Demand::Category)),
            1 => Just(Some(Demand::Unscanned)),
            1 => (0_usize..5).prop_map(|at| Some(Demand::AtLeast(Action::ALL[at]))),
        ];
        (0_usize..10, -8.0_f32..8.0, demand).prop_map(|(category, weight, demands)| {
            let weight = if demands.is_some() { weight.max(0.0) } else { weight };
            Finding { demands, ..weigh(Category::ALL[category], weight) }
        })
    }

    proptest! {
        /// More evidence never softens.
        #[test]
        fn one_more_finding_never_softens(
            findings in prop::collection::vec(any_finding(), 0..8),
            more in any_finding(),
            outbound in any::<bool>(),
        ) {
            prop_assume!(more.weight >= 0.0 || more.demands.is_some());
            let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
            let before = decide(&findings, &Policy::default(), direction);
            let after = decide(&[findings, vec![more]].concat(), &Policy::default(), direction);
            prop_assert!(before.action <= after.action, "{before:?} {after:?}");
        }
    }
}
