//! Money or haste, asked by somebody under a false name or by a stranger: "are you at your desk?" is nothing to answer for, but it is how
//! the false director begins.
//!
//! Looks at what the other checks and the phrase rules found, so it runs last. Without memory of who wrote to whom nobody is a stranger.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["money.false_name", "money.first_contact"],
    about: "Somebody with a false name, or whom nobody here has written with before, asks for money or for haste.",
    plain: "A stranger asks for money, or for haste, as frauds begin.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() || case.is_list() {
        return;
    }
    let asked = findings.iter().filter_map(|finding| Asked::of(&finding.id));
    let Some(asked) = asked.max_by(|a, b| a.of_stranger.total_cmp(&b.of_stranger)) else { return };
    let false_name = findings.iter().find(|finding| {
        FALSE_NAMES.contains(&finding.id.as_ref()) && finding.weight >= FALSE_NAME_WEIGHT_MIN
    });
    let found = match false_name {
        Some(name) => {
            let because = format!("{} and {}", name.id, asked.family);
            ("money.false_name", asked.of_false_name, because)
        }
        None if case.is_first_contact() => {
            let because = format!("a first contact and {}", asked.family);
            ("money.first_contact", asked.of_stranger, because)
        }
        None => return,
    };
    let (id, weight, because) = found;
    findings.push(Finding::new(id, Category::Phish, weight, because));
}

/// What is asked for, by the family of phrase rules that saw it, and what that weighs.
struct Asked {
    family: &'static str,
    of_false_name: f32,
    of_stranger: f32,
}

impl Asked {
    fn of(id: &str) -> Option<&'static Asked> {
        ASKED.iter().find(|asked| {
            let language = id.strip_prefix(asked.family).and_then(|rest| rest.strip_prefix('_'));
            language.is_some_and(|language| !language.contains('_'))
        })
    }
}

const ASKED: &[Asked] = &[
    Asked { family: "phrase.gift_cards", of_false_name: 3.0, of_stranger: 2.0 },
    Asked { family: "phrase.ceo_request", of_false_name: 3.0, of_stranger: 2.0 },
    Asked { family: "phrase.bank_change", of_false_name: 3.0, of_stranger: 2.0 },
    Asked { family: "phrase.payroll_change", of_false_name: 3.0, of_stranger: 2.0 },
    Asked { family: "phrase.urgent_payment", of_false_name: 3.0, of_stranger: 1.5 },
    Asked { family: "phrase.at_desk", of_false_name: 2.5, of_stranger: 0.7 },
    Asked { family: "phrase.invoice_overdue", of_false_name: 1.5, of_stranger: 0.5 },
];

/// Findings that say that the sender is not who he seems.
const FALSE_NAMES: &[&str] = &[
    "from.vip_elsewhere",
    "from.colleague_elsewhere",
    "from.brand",
    "from.name_other_address",
    "lookalike.letters",
    "lookalike.near",
    "lookalike.in_front",
    "lookalike.words",
    "reply_to.false_name",
];

/// Such a finding that an honest reason has eased is none.
const FALSE_NAME_WEIGHT_MIN: f32 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, mail},
        facts::{Facts, Known, history::History},
    };

    #[test]
    fn finds() {
        let known = History { written_to_address: 1.0, ..History::default() };
        let (first, known) = (Known::Yes(History::default()), Known::Yes(known));
        let vip = ("from.vip_elsewhere", 3.5);
        for (what, found, history, want) in [
            ("nothing", &[][..], &first, None),
            ("a name alone", &[vip], &first, None),
            ("words of a known one", &[("phrase.at_desk_sv", 0.4)], &known, None),
            ("words, and no memory", &[("phrase.at_desk_sv", 0.4)], &Known::NotAsked, None),
            ("memory away", &[("phrase.at_desk_sv", 0.4)], &Known::No("x".to_string()), None),
            (
                "a stranger's",
                &[("phrase.at_desk_sv", 0.4)],
                &first,
                Some(("money.first_contact", 0.7)),
            ),
            (
                "the worst of two",
                &[("phrase.at_desk_sv", 0.4), ("phrase.gift_cards_sv", 4.0)],
                &first,
                Some(("money.first_contact", 2.0)),
            ),
            (
                "a false name's",
                &[vip, ("phrase.at_desk_sv", 0.4)],
                &known,
                Some(("money.false_name", 2.5)),
            ),
            ("eased", &[("from.vip_elsewhere", 0.7), ("phrase.at_desk_sv", 0.4)], &known, None),
            ("other words", &[vip, ("phrase.parcel_fee_sv", 2.0)], &first, None),
        ] {
            let facts = Facts { history: history.clone(), ..Facts::default() };
            let setting = Setting { facts, ..Setting::default() };
            let findings: Vec<Finding> = found
                .iter()
                .map(|(id, weight)| Finding::new(*id, Category::Phish, *weight, "x"))
                .collect();
            for (setting, want) in [(&setting, want), (&Setting::default().outbound(), None)] {
                let mut after = findings.clone();
                setting.with_case(&mail("a@example.org", "hi"), |case| run(case, &mut after));
                let new: Vec<_> =
                    after[found.len()..].iter().map(|one| (one.id.as_ref(), one.weight)).collect();
                assert_eq!(new, want.into_iter().collect::<Vec<_>>(), "{what}");
            }
        }
    }

    #[test]
    fn every_family_and_every_finding_is_there() {
        let ids: Vec<&str> =
            crate::checks::ALL.iter().flat_map(|check| check.ids).copied().collect();
        for name in FALSE_NAMES {
            assert!(ids.contains(name), "{name}");
        }
        let rules = [
            include_str!("../../rules/phrases/invoice.toml"),
            include_str!("../../rules/phrases/pressure.toml"),
        ];
        for asked in ASKED {
            for language in ["sv", "fi", "nb", "da", "en"] {
                let id = format!("id = \"{}_{language}\"", asked.family);
                assert!(rules.iter().any(|rules| rules.contains(&id)), "{id}");
            }
        }
    }
}
