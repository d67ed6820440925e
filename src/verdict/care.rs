//! What a mail with personal data asks of the way it leaves by, for one recipient: its class and its sender's wish, the policy, and what ways there are.
//!
//! Pure. Each recipient gets the first way that is good enough: as it is over a channel that shows enough, by the portal, or it stays here. Invariants:
//! more care never gives a way that protects less; a policy on trial, and one that only simulates, change nothing and write down what they would.

use crate::{
    checks::{Demand, Finding, WISH},
    config::{
        care::{Care, Class},
        policy::{Action, Category, Mode, Policy},
    },
    wire::tls::{self, ByPortal},
};

/// What there is beside a plain delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Means {
    /// The recipient is in the world, and not behind us.
    pub to_world: bool,
    /// The sender's organisation has a portal.
    pub portal: bool,
}

/// The way that a mail leaves by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Road {
    /// What the channel must show.
    pub demand: tls::Demand,
    /// It goes by the portal.
    pub portal: ByPortal,
}

/// What was decided about the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// The way.
    pub road: Road,
    /// What says so, or what keeps the mail; none where nothing is asked.
    pub finding: Option<Finding>,
}

/// The class of a mail, by what the checks found.
pub fn class_of(findings: &[Finding]) -> Option<Class> {
    let found = |class: &Class| findings.iter().any(|one| one.id == class.finding());
    Class::ALL.into_iter().rev().find(found)
}

/// The way for one recipient; `by_rules` is what rules of the policy ask.
pub fn ask(findings: &[Finding], policy: &Policy, by_rules: Option<Care>, means: Means) -> Asked {
    if !means.to_world {
        return Asked::default();
    }
    let class = class_of(findings);
    let of_class = class.map_or(Care::Anyhow, |class| policy.personal_data.of(class));
    let wished = findings.iter().any(|one| one.id == WISH);
    let care = of_class.max(by_rules.unwrap_or_default());
    // A wish is met as well as can be: who has no portal is not kept from sending.
    let of_wish = if means.portal { Care::Protected } else { Care::Proven };
    let care = if wished { care.max(of_wish) } else { care };
    if care == Care::Anyhow {
        return Asked::default();
    }
    // What was found stands in clear, in a subject or beside what is encrypted, or it would not have been found.
    let encrypted = class.is_none()
        && findings.iter().any(|one| ["content.smime", "content.openpgp"].contains(&&*one.id));
    let why = match (class, by_rules, wished) {
        (Some(class), _, _) => format!("class {}", class.word()),
        (None, Some(_), _) => "a rule of the policy".to_string(),
        (None, None, _) => "the sender's wish".to_string(),
    };
    let found = |id: &'static str, text: &str, plain: &'static str| {
        Finding::new(id, Category::Privacy, 0.0, format!("{why}: {text}")).telling(plain)
    };
    let asked = match care {
        Care::Anyhow => Asked::default(),
        Care::Encrypted | Care::Proven => {
            let portal = match means.portal && care == Care::Proven {
                true => ByPortal::Otherwise,
                false => ByPortal::No,
            };
            let text = match portal {
                ByPortal::Otherwise => "it leaves over a proven channel, or by the portal".to_string(),
                ByPortal::No | ByPortal::Yes => format!("it leaves over a channel that is {}", care.word()),
            };
            let finding = found(CHANNEL, &text, "This mail may leave over a protected channel only.");
            Asked { road: Road { demand: care.demand(), portal }, finding: Some(finding) }
        }
        Care::Protected if encrypted => Asked {
            road: Road::default(),
            finding: Some(found(CHANNEL, "its content is encrypted", "The content of this mail is encrypted.")),
        },
        Care::Protected if means.portal => Asked {
            road: Road { demand: care.demand(), portal: ByPortal::Yes },
            finding: Some(found(PORTAL, "it goes by the portal", "This mail goes by the secure portal.")),
        },
        Care::Protected => stopped(found(
            UNPROTECTED,
            "its content is in clear, and there is no portal",
            "This mail may leave only if its content is encrypted, and it is not.",
        )),
        // What is approved then goes as what needs most care.
        Care::Approved => Asked {
            road: Road {
                demand: care.demand(),
                portal: if means.portal { ByPortal::Yes } else { ByPortal::No },
            },
            ..stopped(found(
                APPROVAL,
                "somebody has to approve it",
                "This mail carries personal data and waits for somebody to approve it.",
            ))
        },
        Care::Refused => stopped(
            found(
                REFUSED,
                "it does not leave by mail",
                "This mail carries personal data that may not leave by mail. Encrypt it for its recipient, or take the data out.",
            )
            .demanding(Demand::AtLeast(Action::Reject)),
        ),
    };
    match policy.mode() == Mode::Protect && !policy.personal_data.simulate {
        true => asked,
        false => tried(asked),
    }
}

fn stopped(finding: Finding) -> Asked {
    let demands = finding.demands.or(Some(Demand::AtLeast(Action::Quarantine)));
    let road = Road { demand: tls::Demand::Proven, portal: ByPortal::No };
    Asked { road, finding: Some(Finding { demands, ..finding }) }
}

/// The same, written down and not done.
fn tried(asked: Asked) -> Asked {
    let finding = asked.finding.map(|finding| {
        let because = format!("on trial, nothing was done; {}", finding.because);
        Finding { demands: None, because, ..finding }
    });
    Asked { road: Road::default(), finding }
}

/// Asks for a channel, or found it needless.
const CHANNEL: &str = "personal.way";
/// Goes by the portal.
const PORTAL: &str = "personal.portal";
/// Held: it would have to be encrypted.
pub const UNPROTECTED: &str = "personal.unprotected";
/// Held: somebody has to say yes.
pub const APPROVAL: &str = "personal.approval";
/// Refused.
pub const REFUSED: &str = "personal.refused";

/// What these findings are, for an admin.
pub const ABOUT: &[(&str, &str)] = &[
    (CHANNEL, "The policy asks more of the channel that the mail leaves by than that it is there."),
    (PORTAL, "The mail goes by the portal: its recipient gets a letter with a link."),
    (
        UNPROTECTED,
        "The policy lets such mail leave encrypted for its reader only, and there is no portal.",
    ),
    (APPROVAL, "The policy has such mail approved by somebody who answers for personal data."),
    (REFUSED, "The policy does not let such mail leave."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::care::{CareByClass, PersonalData};

    fn found(ids: &[&'static str]) -> Vec<Finding> {
        ids.iter().map(|id| Finding::new(*id, Category::Privacy, 0.0, "")).collect()
    }

    fn policy(country: &str) -> Policy {
        Policy::default().within(None, Some(country))
    }

    /// The way in short, and what is demanded of the mail.
    fn way(ids: &[&'static str], policy: &Policy, portal: bool) -> String {
        let asked = ask(&found(ids), policy, None, Means { to_world: true, portal });
        match asked.finding.as_ref().and_then(|finding| finding.demands) {
            Some(demand) => format!("{demand:?}"),
            None => format!("{:?} {:?}", asked.road.demand, asked.road.portal),
        }
    }

    #[test]
    fn each_class_takes_the_first_way_that_is_good_enough() {
        for (country, ids, portal, want) in [
            ("SE", &[][..], true, "Nothing No"),
            ("SE", &["personal.confidential"], true, "Proven Otherwise"),
            ("SE", &["personal.confidential"], false, "Proven No"),
            ("SE", &["personal.sensitive"], true, "Proven Yes"),
            ("SE", &["personal.sensitive"], false, "AtLeast(Quarantine)"),
            // The subject says it, or it would not have been found.
            ("SE", &["personal.sensitive", "content.smime"], true, "Proven Yes"),
            ("DE", &[WISH, "content.smime", "personal.confidential"], false, "Proven No"),
            ("DK", &["personal.sensitive"], true, "Proven Otherwise"),
            ("DK", &["personal.bulk"], true, "AtLeast(Quarantine)"),
            ("DE", &["personal.bulk"], true, "Nothing No"),
            ("DE", &[WISH], true, "Proven Yes"),
            ("DE", &[WISH], false, "Proven No"),
            ("DE", &[WISH, "content.openpgp"], true, "Nothing No"),
        ] {
            assert_eq!(way(ids, &policy(country), portal), want, "{country} {ids:?} {portal}");
        }
    }

    #[test]
    fn mail_to_ourselves_is_asked_nothing_and_a_trial_writes_down_what_it_would() {
        let sensitive = found(&["personal.sensitive"]);
        let inside = Means { to_world: false, portal: true };
        assert_eq!(ask(&sensitive, &policy("SE"), None, inside), Asked::default());
        let simulating = PersonalData {
            simulate: true,
            of_country: CareByClass::of_country(Some("SE")),
            ..PersonalData::default()
        };
        for policy in [
            Policy { personal_data: simulating, ..Policy::default() },
            Policy { mode: Some(Mode::Shadow), ..policy("SE") },
        ] {
            let asked = ask(&sensitive, &policy, None, Means { to_world: true, portal: false });
            assert_eq!(asked.road, Road::default());
            let finding = asked.finding.unwrap();
            assert_eq!((finding.id.as_ref(), finding.demands), (UNPROTECTED, None));
            assert!(finding.because.starts_with("on trial"), "{}", finding.because);
        }
    }

    #[test]
    fn more_care_never_protects_less() {
        let protection = |care: Care, portal, ids: &[&'static str]| {
            let all = PersonalData { all: Some(care), ..PersonalData::default() };
            let policy = Policy { personal_data: all, ..Policy::default() };
            let asked = ask(&found(ids), &policy, None, Means { to_world: true, portal });
            let stops = asked.finding.is_some_and(|finding| finding.demands.is_some());
            (stops, asked.road.demand)
        };
        let mails = [&["personal.bulk"][..], &["personal.confidential", "content.smime", WISH]];
        for (portal, ids) in mails.into_iter().flat_map(|ids| [(true, ids), (false, ids)]) {
            for pair in Care::ALL.windows(2) {
                let [less, more] = pair else { continue };
                let of = |care| protection(care, portal, ids);
                assert!(of(*less) <= of(*more), "{less:?} {more:?} {ids:?}");
            }
        }
    }

    #[test]
    fn a_rule_asks_more_and_never_less() {
        let means = Means { to_world: true, portal: false };
        let none = found(&[]);
        let asked = ask(&none, &policy("DE"), Some(Care::Proven), means);
        assert_eq!(asked.road.demand, tls::Demand::Proven);
        let bulk = found(&["personal.bulk"]);
        let asked = ask(&bulk, &policy("SE"), Some(Care::Encrypted), means);
        assert!(asked.finding.unwrap().demands.is_some());
    }
}
