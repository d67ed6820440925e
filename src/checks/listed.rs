//! An attachment or a linked host is on a list of known-bad ones. How much that means the list's section in the configuration says.

use super::{Case, Check, Demand, Finding, and_more};
use crate::{
    config::policy::Category,
    facts::{Known, listed::Listed},
    learn::listed::Kind,
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &["hash.listed", "domain.listed", "hash.listed_unknown"],
    about: "An attachment or a linked host is on a list of known-bad ones.",
    plain: "The mail contains something that others have reported as harmful.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let listed = match &case.facts.listed {
        Known::NotAsked => return,
        Known::No(why) => {
            let because = format!("a list could not be asked: {why}");
            let finding = Finding::new("hash.listed_unknown", Category::Format, 0.0, because)
                .telling("A list of harmful things could not be asked.");
            return findings.push(finding);
        }
        Known::Yes(listed) => listed,
    };
    // One finding for each list and threat or host: a mail may link to one host a hundred times.
    let mut stories: BTreeMap<(&str, &str, Option<&str>), (&Listed, usize)> = BTreeMap::new();
    for one in listed {
        let key = (one.list.as_str(), one.host.as_str(), one.threat.as_deref());
        stories.entry(key).or_insert((one, 0)).1 += 1;
    }
    findings.extend(stories.into_values().map(|(one, count)| told(one, count)));
}

fn told(one: &Listed, count: usize) -> Finding {
    let (id, thing) = match one.kind {
        Kind::Attachment => ("hash.listed", "an attachment".to_string()),
        Kind::Domain => ("domain.listed", format!("the host {}", one.host)),
    };
    let threat = one.threat.as_ref().map(|threat| format!(" as {threat}")).unwrap_or_default();
    let because = format!(
        "{thing} is on the list {}{threat} (line {}){}",
        one.list,
        one.line,
        and_more(count)
    );
    let finding = Finding::new(id, one.category, one.weight.unwrap_or(0.0), because)
        .in_part(&one.part, &one.path)
        .telling(match one.kind {
            Kind::Attachment => "An attachment is known to be harmful.",
            Kind::Domain => "The mail links to a page that is known to be harmful.",
        });
    match one.weight {
        Some(_) => finding,
        None => finding.demanding(Demand::Category),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, found as found_in, mail},
        facts::Facts,
    };

    fn findings(listed: Known<Vec<Listed>>) -> Vec<Finding> {
        let facts = Facts { listed, ..Facts::default() };
        let setting = Setting { facts, ..Setting::default() };
        found_in(&CHECK, &setting, &mail("a@example.org", "hi"))
    }

    #[test]
    fn finds() {
        let file = Listed {
            list: "bazaar".to_string(),
            kind: Kind::Attachment,
            category: Category::Virus,
            weight: None,
            threat: Some("Emotet".to_string()),
            line: 17,
            host: String::new(),
            part: "2".to_string(),
            path: "a.zip/b.exe".to_string(),
        };
        let host = Listed {
            list: "urls".to_string(),
            kind: Kind::Domain,
            category: Category::Phish,
            weight: Some(4.0),
            threat: None,
            host: "evil.example".to_string(),
            ..file.clone()
        };
        let found = findings(Known::Yes(vec![file, host.clone(), host]));
        assert_eq!(found[0].because, "an attachment is on the list bazaar as Emotet (line 17)");
        assert_eq!(
            (found[0].id.as_ref(), found[0].demands),
            ("hash.listed", Some(Demand::Category))
        );
        assert_eq!(
            found[1].because,
            "the host evil.example is on the list urls (line 17), 2 of them"
        );
        assert_eq!((found[1].weight, found[1].demands), (4.0, None));
        assert_eq!(findings(Known::No("disk".to_string()))[0].id, "hash.listed_unknown");
        assert_eq!(findings(Known::NotAsked), []);
    }
}
