//! What the signatures recognised, turned into findings. A rule's own `severity` says how much it means.
//!
//! Malware demands what policy says of viruses (refused both ways unless changed). GTUBE, the test text for spam filters, is refused inbound,
//! and held outbound, where a refusal would only puzzle the one who tests. Informational rules weigh nothing.
//! Safe for every mail as far as its rules are.

use super::{Case, Check, Demand, Finding, and_more};
use crate::{
    config::policy::{Action, Category},
    examine::{Severity, SignatureHit},
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &["yara.*", "gtube.found"],
    about: "A signature rule recognised something; the part after the dot is the rule's name.",
    plain: "The mail contains something that is known to be harmful.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let mut rules: BTreeMap<&str, (&SignatureHit, usize)> = BTreeMap::new();
    for hit in &case.contents.signatures {
        rules.entry(&hit.rule).or_insert((hit, 0)).1 += 1;
    }
    findings.extend(rules.values().map(|(hit, count)| recognised(case, hit, *count)));
}

fn recognised(case: &Case, hit: &SignatureHit, count: usize) -> Finding {
    let because = format!("signature {}: {}{}", hit.rule, hit.about, and_more(count));
    let finding = match (hit.rule.as_str(), hit.severity) {
        ("gtube", _) => {
            let action = if case.is_inbound() { Action::Reject } else { Action::Quarantine };
            Finding::new("gtube.found", Category::Spam, 0.0, because)
                .demanding(Demand::AtLeast(action))
                .telling("The mail contains the test text for spam filters.")
        }
        (rule, Severity::Malware) => {
            Finding::new(id(rule), Category::Virus, 0.0, because).demanding(Demand::Category)
        }
        (rule, Severity::Suspicious) => {
            Finding::new(id(rule), suspect_category(rule), 3.0, because)
                .telling("The mail contains something that often does harm.")
        }
        (rule, Severity::Info) => Finding::new(id(rule), Category::Format, 0.0, because)
            .telling("The mail contains something that we know by its form."),
    };
    finding.in_part(&hit.part, &hit.path)
}

fn id(rule: &str) -> String {
    format!("yara.{rule}")
}

/// Rules that recognise false pages say so in their name.
fn suspect_category(rule: &str) -> Category {
    match rule.starts_with("page_") || rule.contains("phish") {
        true => Category::Phish,
        false => Category::Virus,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect_in, found, mail},
        examine::Contents,
    };

    fn hits(rules: &[(&str, Severity)]) -> Contents {
        let hit = |(rule, severity): &(&str, Severity)| SignatureHit {
            rule: rule.to_string(),
            severity: *severity,
            about: "a test".to_string(),
            part: "2".to_string(),
            path: "invoice.zip/invoice.com".to_string(),
        };
        Contents { signatures: rules.iter().map(hit).collect(), ..Contents::default() }
    }

    #[test]
    fn finds() {
        for (rules, want) in [
            (&[][..], &[][..]),
            (&[("eicar_test_file", Severity::Malware)], &["yara.eicar_test_file"]),
            (
                &[("eicar_test_file", Severity::Malware), ("eicar_test_file", Severity::Malware)],
                &["yara.eicar_test_file"],
            ),
            (&[("gtube", Severity::Suspicious)], &["gtube.found"]),
            (&[("b", Severity::Info), ("a", Severity::Suspicious)], &["yara.a", "yara.b"]),
        ] {
            expect_in(&CHECK, hits(rules), want);
        }
    }

    #[test]
    fn demands() {
        let demands =
            |setting: Setting| found(&CHECK, &setting, &mail("a@example.org", "hi"))[0].demands;
        let gtube = || Setting::holding(hits(&[("gtube", Severity::Suspicious)]));
        assert_eq!(demands(gtube()), Some(Demand::AtLeast(Action::Reject)));
        assert_eq!(demands(gtube().outbound()), Some(Demand::AtLeast(Action::Quarantine)));
        let eicar = hits(&[("eicar_test_file", Severity::Malware)]);
        assert_eq!(demands(Setting::holding(eicar)), Some(Demand::Category));
        let odd = hits(&[("odd_macro", Severity::Suspicious)]);
        assert_eq!(demands(Setting::holding(odd)), None);
    }
}
