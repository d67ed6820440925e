//! Findings and policy in, verdict out. Pure, so that an admin can replay yesterday's mail under tomorrow's policy.
//!
//! No code outside this folder compares a score. Invariant, held by a property test: one more finding of weight ≥ 0,
//! or with a demand, never makes the action milder.
//!
//! The policy's mode is applied last, to an action already decided. Invariants: a mode is never harder than `protect`; what `protect` would
//! have done is in the verdict whatever the mode; a mail that the scanner failed on is let through in none.

pub mod care;
mod ground;
mod plan;
pub mod rules;
pub mod second_try;
pub mod wording;

pub use ground::Ground;
pub use plan::{Fate, Line, Plan, Road, plan};

use crate::{
    checks::{Demand, Finding},
    config::policy::{Action, Category, Course, Mode, Policy},
    mail::Direction,
};

/// The decision for one recipient and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What to do.
    pub action: Action,
    /// What `protect` does; in that mode the same.
    pub would: Action,
    /// The policy's mode.
    pub mode: Mode,
    /// The sum of the weights, comfort taken off as far as it may.
    pub score: f32,
    /// The same of what a sender may learn from the answer.
    pub told: f32,
    /// The categories that speak against the mail, worst first.
    pub categories: Vec<Category>,
    /// One plain sentence, ASCII, made by us: for header fields, replies and users.
    pub reason: String,
    /// The id of the finding that decided; empty when nothing did.
    pub decided_by: String,
    /// The line of the policy that it rests on.
    pub ground: Ground,
    /// What rules of the policy found.
    pub by_rules: Vec<Finding>,
    /// The way that it leaves by.
    pub road: care::Road,
}

impl Verdict {
    /// The same for mail that a relay of ours has taken already: what would be refused is held.
    pub fn held_at_worst(self) -> Verdict {
        let most = Action::Quarantine;
        Verdict { action: self.action.min(most), would: self.would.min(most), ..self }
    }

    /// For choosing among several: what is done counts first, then what would be.
    pub fn hardness(&self) -> (Action, Action) {
        (self.action, self.would)
    }
}

/// The most that comfort takes off a score (DECISIONS).
const COMFORT_MAX: f32 = 5.0;

impl Verdict {
    /// The policy's name and the line in it that decided: `default: actions.virus = "reject"`. Empty when the mail goes on as it came.
    pub fn line(&self, policy: &Policy) -> String {
        match self.ground == Ground::Nothing {
            true => String::new(),
            false => format!("{}: {}", policy.name, self.ground),
        }
    }
}

/// Decides for a recipient under `policy`.
pub fn decide(findings: &[Finding], policy: &Policy, direction: Direction) -> Verdict {
    let course = policy.course(direction);
    let score = score(findings.iter());
    let told = score_of_told(findings);
    let by_score = by_score(score, told, course);
    let mut verdict = Verdict {
        action: by_score,
        would: by_score,
        mode: policy.mode(),
        score,
        told,
        categories: categories(findings),
        reason: String::new(),
        decided_by: String::new(),
        ground: by_score_ground(score, told, course),
        by_rules: Vec::new(),
        road: care::Road::default(),
    };
    let phish: f32 = positive(findings, &[Category::Phish]);
    let mut decider = heaviest(findings);
    if phish >= course.phish_at {
        let action = course.actions.get(&Category::Phish).copied().unwrap_or(Action::Deliver);
        if action > verdict.action {
            verdict.action = action;
            verdict.ground = Ground::Phish { at: course.phish_at, action };
            decider = heaviest_of(findings, Category::Phish).or(decider);
        }
    }
    for finding in findings {
        let demanded = demanded(finding, course);
        // What is sure is named before a sum that leads to the same: it would have decided alone.
        let is_named = demanded > Action::Deliver && demanded == verdict.action;
        if demanded > verdict.action || (is_named && verdict.ground.is_sum()) {
            verdict.action = demanded;
            verdict.ground = demand_ground(finding, demanded, course);
            decider = Some(finding);
        }
    }
    if verdict.action > Action::Deliver
        && let Some(decider) = decider
    {
        verdict.decided_by = decider.id.to_string();
        verdict.reason = decider.plain.to_string();
    }
    verdict.would = verdict.action;
    verdict.action = in_mode(&verdict, findings, course);
    if verdict.reason.is_empty() {
        // A sentence about being held would be untrue of a mail that goes on.
        let said = if verdict.mode == Mode::Protect {
            verdict.action
        } else {
            verdict.would.min(Action::Mark)
        };
        verdict.reason = plain(said).to_string();
    }
    verdict
}

/// How much of what `protect` would do is done.
fn in_mode(verdict: &Verdict, findings: &[Finding], course: &Course) -> Action {
    let demanded_by = |who: fn(&Finding) -> bool| {
        let demands = findings.iter().filter(|finding| who(finding));
        demands.map(|finding| demanded(finding, course)).max().unwrap_or(Action::Deliver)
    };
    let unseen = demanded_by(|finding| matches!(finding.demands, Some(Demand::NotLookedInto(_))));
    match verdict.mode {
        Mode::Protect => verdict.would,
        Mode::Shadow => unseen,
        Mode::Tag => {
            // Refusing would tell the sender; while a policy is on trial malware is kept where it can be looked at.
            let virus = demanded_by(|finding| finding.category == Category::Virus);
            verdict.would.min(Action::Mark).max(virus.min(Action::Quarantine)).max(unseen)
        }
    }
}

/// Comfort (negative weights) offsets only what is weighed against wording and habit: spam, bulk and phish.
fn score<'a>(findings: impl Iterator<Item = &'a Finding>) -> f32 {
    const OFFSETTABLE: [Category; 3] = [Category::Spam, Category::Bulk, Category::Phish];
    let (mut all, mut soft, mut comfort) = (0.0, 0.0, 0.0_f32);
    for finding in findings {
        let weight = finding.weight.max(0.0);
        all += weight;
        comfort += (-finding.weight).max(0.0);
        if OFFSETTABLE.contains(&finding.category) {
            soft += weight;
        }
    }
    all - comfort.min(COMFORT_MAX).min(soft)
}

/// The same of what a sender may learn from the answer.
fn score_of_told(findings: &[Finding]) -> f32 {
    score(findings.iter().filter(|finding| !finding.untold))
}

fn positive(findings: &[Finding], categories: &[Category]) -> f32 {
    findings
        .iter()
        .filter(|finding| categories.contains(&finding.category))
        .map(|finding| finding.weight.max(0.0))
        .sum()
}

fn by_score(score: f32, told: f32, course: &Course) -> Action {
    reached(score, told, course)
        .map_or(Action::Deliver, |(action, _)| action.min(course.spam_at_most))
}

/// The highest threshold that a score is at or above; refused is by what a sender may learn alone.
fn reached(score: f32, told: f32, course: &Course) -> Option<(Action, f32)> {
    let thresholds = &course.thresholds;
    let rising = [
        (Action::Reject, told, thresholds.reject()),
        (Action::Quarantine, score, thresholds.quarantine()),
        (Action::Mark, score, thresholds.mark()),
    ];
    let highest = rising.into_iter().find(|(_, score, at)| *score >= *at);
    highest.map(|(action, _, at)| (action, at))
}

fn by_score_ground(score: f32, told: f32, course: &Course) -> Ground {
    match reached(score, told, course) {
        None => Ground::Nothing,
        Some((of, at)) if of <= course.spam_at_most => Ground::Threshold { of, at },
        Some(_) => Ground::AtMost(course.spam_at_most),
    }
}

fn demand_ground(finding: &Finding, action: Action, course: &Course) -> Ground {
    if insisted(finding, course) < action {
        return Ground::Named(action);
    }
    if let Some(name) = rules::name_of(&finding.id) {
        return Ground::Rule(name.to_string(), action);
    }
    match finding.demands {
        None => Ground::Nothing,
        Some(Demand::Category) => Ground::Category(finding.category, action),
        Some(Demand::Unscanned) => Ground::Unscanned(action),
        Some(Demand::AsSuspect | Demand::AtLeast(_) | Demand::NotLookedInto(_)) => {
            Ground::Finding(action)
        }
    }
}

/// What a finding insists on under this course, or what that says of this very finding, whichever is harder.
pub fn demanded(finding: &Finding, course: &Course) -> Action {
    let said = course.said_of(&finding.id).unwrap_or(Action::Deliver);
    insisted(finding, course).max(said)
}

fn insisted(finding: &Finding, course: &Course) -> Action {
    match finding.demands {
        None => Action::Deliver,
        Some(Demand::Category) => {
            course.actions.get(&finding.category).copied().unwrap_or(Action::Deliver)
        }
        Some(Demand::Unscanned) => course.unscanned,
        Some(Demand::AsSuspect) => {
            by_score(USUAL_QUARANTINE, USUAL_QUARANTINE, course).min(Action::Quarantine)
        }
        Some(Demand::AtLeast(action) | Demand::NotLookedInto(action)) => action,
    }
}

/// Where a policy holds that says nothing else.
const USUAL_QUARANTINE: f32 = 8.0;

/// Whose sentence is said. What is not told to a sender does not stand in an answer, nor in a field of somebody's mail.
fn heaviest(findings: &[Finding]) -> Option<&Finding> {
    findings
        .iter()
        .filter(|finding| finding.weight > 0.0 && !finding.untold)
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
    fn what_is_suspect_is_held_as_a_policy_holds_and_refused_by_none() {
        let suspect = || weigh(Category::Phish, 0.0).demanding(Demand::AsSuspect);
        let act = |policy: &Policy, weight| {
            let beside = weigh(Category::Spam, weight);
            decide(&[suspect(), beside], policy, Direction::Inbound).action
        };
        let usual = Policy::default();
        assert_eq!(act(&usual, 0.0), Action::Quarantine);
        // It adds nothing: just below refusal it is held.
        assert_eq!((act(&usual, 14.9), act(&usual, 15.0)), (Action::Quarantine, Action::Reject));
        assert_eq!(act(&usual.for_roles(), 0.0), Action::Mark);
        let tried = |mode| {
            let policy = Policy { mode: Some(mode), ..Policy::default() };
            decide(&[suspect()], &policy, Direction::Inbound).action
        };
        assert_eq!((tried(Mode::Tag), tried(Mode::Shadow)), (Action::Mark, Action::Deliver));
    }

    #[test]
    fn what_a_sender_must_not_learn_holds_and_refuses_nothing() {
        let trap = || weigh(Category::Spam, 3.0).untold();
        let verdict = |weight| {
            let beside = weigh(Category::Spam, weight);
            decide(&[trap(), beside], &Policy::default(), Direction::Inbound)
        };
        assert_eq!([0.0, 2.0, 5.0].map(|one| verdict(one).action), {
            [Action::Deliver, Action::Mark, Action::Quarantine]
        });
        let just_below = verdict(14.9);
        assert_eq!((just_below.action, just_below.score), (Action::Quarantine, 17.9));
        assert!(just_below.ground.is_sum(), "{}", just_below.ground);
        assert_eq!(verdict(15.0).action, Action::Reject, "as without it");
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
        assert_eq!(
            decide(&[heavy.clone()], &Policy::default(), Direction::Inbound).reason,
            "Heavy"
        );
        // A sum that leads to the same as what is sure hides it in no order; of two that are sure the first is named.
        let sure = |id: &'static str| {
            Finding::new(id, Category::Format, 1.0, "").demanding(Demand::Unscanned)
        };
        let phish = weigh(Category::Phish, 6.5);
        for findings in [
            vec![heavy.clone(), sure("sure.first"), sure("sure.second")],
            vec![sure("sure.first"), sure("sure.second"), heavy],
            vec![phish.clone(), sure("sure.first")],
            vec![sure("sure.first"), phish],
        ] {
            let verdict = decide(&findings, &Policy::default(), Direction::Inbound);
            assert_eq!(verdict.action, Action::Quarantine);
            let ground = verdict.ground.to_string();
            assert_eq!(
                (verdict.decided_by.as_str(), ground.as_str()),
                ("sure.first", "unscanned = \"quarantine\"")
            );
        }
    }

    fn in_mode(mode: Mode) -> Policy {
        Policy { mode: Some(mode), ..Policy::default() }
    }

    #[test]
    fn what_each_mode_does() {
        use Action::{Defer, Deliver, Mark, Quarantine, Reject};
        let virus = weigh(Category::Virus, 0.0).demanding(Demand::Category);
        let failed = |action| weigh(Category::Format, 0.0).demanding(Demand::NotLookedInto(action));
        let locked = weigh(Category::Format, 0.0).demanding(Demand::AtLeast(Quarantine));
        for (what, findings, protect, tag, shadow) in [
            ("nothing", vec![], Deliver, Deliver, Deliver),
            ("a little", vec![weigh(Category::Spam, 5.0)], Mark, Mark, Deliver),
            ("spam", vec![weigh(Category::Spam, 9.0)], Quarantine, Mark, Deliver),
            ("much spam", vec![weigh(Category::Spam, 20.0)], Reject, Mark, Deliver),
            ("phish", vec![weigh(Category::Phish, 6.0)], Quarantine, Mark, Deliver),
            ("a virus", vec![virus.clone()], Reject, Quarantine, Deliver),
            ("a locked archive", vec![locked], Quarantine, Mark, Deliver),
            ("the scanner failed", vec![failed(Defer)], Defer, Defer, Defer),
            ("it failed again", vec![failed(Quarantine)], Quarantine, Quarantine, Quarantine),
            ("a virus, and it failed", vec![virus, failed(Defer)], Reject, Quarantine, Defer),
        ] {
            for (mode, want) in [(Mode::Protect, protect), (Mode::Tag, tag), (Mode::Shadow, shadow)]
            {
                let verdict = decide(&findings, &in_mode(mode), Direction::Inbound);
                assert_eq!((verdict.action, verdict.would), (want, protect), "{what} in {mode:?}");
            }
        }
        let policy = Policy { mode: Some(Mode::Tag), ..Policy::default() };
        let mut lenient = policy;
        lenient.inbound.actions.insert(Category::Virus, Defer);
        let virus = weigh(Category::Virus, 0.0).demanding(Demand::Category);
        let verdict = decide(&[virus], &lenient, Direction::Inbound);
        assert_eq!(verdict.action, Defer, "tag is not harder than what is written for protect");
    }

    #[test]
    fn a_mail_that_goes_on_is_not_said_to_be_held() {
        let silent = weigh(Category::Spam, 9.0);
        let said =
            |mode| decide(std::slice::from_ref(&silent), &in_mode(mode), Direction::Inbound).reason;
        assert_eq!(said(Mode::Protect), "This mail looks unwanted and was held");
        assert_eq!(said(Mode::Tag), "This mail looks like advertising or spam");
        assert_eq!(said(Mode::Shadow), "This mail looks like advertising or spam");
    }

    fn any_finding() -> impl Strategy<Value = Finding> {
        let demand = prop_oneof![
            4 => Just(None),
            1 => (0_usize..5).prop_map(|at| Some(Demand::NotLookedInto(Action::ALL[at]))),
            1 => Just(Some(Demand::Category)),
            1 => Just(Some(Demand::Unscanned)),
            1 => Just(Some(Demand::AsSuspect)),
            1 => (0_usize..5).prop_map(|at| Some(Demand::AtLeast(Action::ALL[at]))),
        ];
        (0_usize..10, -8.0_f32..8.0, demand).prop_map(|(category, weight, demands)| {
            let weight = if demands.is_some() { weight.max(0.0) } else { weight };
            Finding { demands, ..weigh(Category::ALL[category], weight) }
        })
    }

    proptest! {
        /// Every mode judges as protect does, and acts within its bounds.
        #[test]
        fn modes_keep_their_bounds(
            findings in prop::collection::vec(any_finding(), 0..8),
            outbound in any::<bool>(),
        ) {
            let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
            let protect = decide(&findings, &Policy::default(), direction);
            let course = Policy::default().course(direction).clone();
            let is_unseen = |finding: &Finding| matches!(finding.demands, Some(Demand::NotLookedInto(_)));
            let unseen = findings.iter().filter(|finding| is_unseen(finding));
            let unseen = unseen.map(|finding| demanded(finding, &course)).max().unwrap_or(Action::Deliver);
            let is_virus = |finding: &Finding| finding.category == Category::Virus
                && demanded(finding, &course) > Action::Mark;
            let has_virus = findings.iter().any(is_virus);
            for mode in Mode::ALL {
                let verdict = decide(&findings, &in_mode(mode), direction);
                prop_assert_eq!(verdict.would, protect.action);
                prop_assert_eq!(&verdict.decided_by, &protect.decided_by);
                prop_assert!(verdict.action <= protect.action, "never harder than protect: {:?}", verdict);
                prop_assert!(verdict.action >= unseen, "what nobody looked into stays: {:?}", verdict);
                match mode {
                    Mode::Shadow => prop_assert_eq!(verdict.action, unseen),
                    Mode::Tag if has_virus => prop_assert!(
                        verdict.action > Action::Mark && (verdict.action <= Action::Quarantine || verdict.action == unseen)
                    ),
                    Mode::Tag => prop_assert!(verdict.action <= Action::Mark.max(unseen)),
                    Mode::Protect => prop_assert_eq!(verdict.action, protect.action),
                }
            }
        }

        /// More evidence never softens.
        #[test]
        fn one_more_finding_never_softens(
            findings in prop::collection::vec(any_finding(), 0..8),
            more in any_finding(),
            outbound in any::<bool>(),
            mode in 0_usize..3,
        ) {
            let policy = in_mode(Mode::ALL[mode]);
            prop_assume!(more.weight >= 0.0 || more.demands.is_some());
            let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
            let before = decide(&findings, &policy, direction);
            let after = decide(&[findings, vec![more]].concat(), &policy, direction);
            prop_assert!(before.action <= after.action, "{before:?} {after:?}");
        }
    }
}
