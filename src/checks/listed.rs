//! An attachment, a linked host or the sender is on a list in a file. How much that means the list's section in the configuration says.

use super::{Case, Check, Demand, Finding, and_more};
use crate::{
    config::{
        dns_list::{Ask, Means},
        policy::Category,
    },
    facts::{Known, listed::Listed},
    learn::listed::Kind,
    wire::auth::Dmarc,
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &[
        "hash.listed",
        "domain.listed",
        "sender.listed",
        "sender.allowed",
        "hash.listed_unknown",
    ],
    about: "An attachment, a linked host or the sender is on a list.",
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
    for one in listed.iter().filter(|one| counts(case, one)) {
        let key = (one.list.as_str(), one.host.as_str(), one.threat.as_deref());
        stories.entry(key).or_insert((one, 0)).1 += 1;
    }
    findings.extend(stories.into_values().map(|(one, count)| told(one, count)));
}

/// Anybody may write a name in From that is let in: it counts where somebody who was authenticated speaks for it.
fn counts(case: &Case, one: &Listed) -> bool {
    let speaks = matches!(&case.facts.dmarc, Known::Yes(fact) if fact.result == Dmarc::Pass);
    one.means == Means::Block || one.ask != Some(Ask::From) || speaks
}

fn told(one: &Listed, count: usize) -> Finding {
    let (id, thing) = match (one.kind, one.means) {
        (Kind::Attachment, _) => ("hash.listed", "an attachment".to_string()),
        (Kind::Domain, _) => ("domain.listed", format!("the host {}", one.host)),
        (Kind::Sender, means) => {
            let id = match means {
                Means::Block => "sender.listed",
                Means::Allow => "sender.allowed",
            };
            match one.ask {
                Some(Ask::Client) => (id, format!("the client {}", one.host)),
                Some(_) | None => (id, format!("the sender in From, of {},", one.host)),
            }
        }
    };
    let threat = one.threat.as_ref().map(|threat| format!(" as {threat}")).unwrap_or_default();
    let because = format!(
        "{thing} is on the list {}{threat} (line {}){}",
        one.list,
        one.line,
        and_more(count)
    );
    let weight = match one.means {
        Means::Block => one.weight.unwrap_or(0.0),
        Means::Allow => -one.weight.unwrap_or(ALLOWED_WEIGHT),
    };
    let finding = Finding::new(id, one.category, weight, because)
        .in_part(&one.part, &one.path)
        .telling(match one.kind {
            Kind::Attachment => "An attachment is known to be harmful.",
            Kind::Domain => "The mail links to a page that is known to be harmful.",
            Kind::Sender => "The sender is on a list of the organisation.",
        });
    match (one.means, one.weight) {
        (Means::Allow, _) | (Means::Block, Some(_)) => finding,
        (Means::Block, None) => finding.demanding(Demand::Category),
    }
}

/// What being let in speaks for a mail, where the list names no weight.
const ALLOWED_WEIGHT: f32 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, found as found_in, mail},
        facts::{Facts, auth::dmarc::DmarcFact},
        wire::auth::dmarc::Wanted,
    };

    fn findings(listed: Known<Vec<Listed>>) -> Vec<Finding> {
        findings_with(listed, Known::NotAsked)
    }

    fn findings_with(listed: Known<Vec<Listed>>, dmarc: Known<DmarcFact>) -> Vec<Finding> {
        let facts = Facts { listed, dmarc, ..Facts::default() };
        let setting = Setting { facts, ..Setting::default() };
        found_in(&CHECK, &setting, &mail("a@example.org", "hi"))
    }

    #[test]
    fn finds() {
        let file = Listed {
            list: "bazaar".to_string(),
            kind: Kind::Attachment,
            means: Means::Block,
            ask: None,
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

    #[test]
    fn senders() {
        let blocked = Listed {
            list: "ours".to_string(),
            kind: Kind::Sender,
            means: Means::Block,
            ask: Some(Ask::From),
            category: Category::Spam,
            weight: None,
            threat: None,
            line: 3,
            host: "far.example".to_string(),
            part: String::new(),
            path: String::new(),
        };
        let allowed = Listed { means: Means::Allow, category: Category::Trust, ..blocked.clone() };
        let client = Listed { ask: Some(Ask::Client), ..allowed.clone() };
        let dmarc = |result| {
            let (domain, because) = ("far.example".to_string(), String::new());
            Known::Yes(DmarcFact { result, domain, wanted: Wanted::None, because })
        };
        for (one, dmarc, want) in [
            (&blocked, Known::NotAsked, Some(("sender.listed", 0.0, Some(Demand::Category)))),
            (&allowed, Known::NotAsked, None),
            (&allowed, dmarc(Dmarc::Fail), None),
            (&allowed, Known::No("x".to_string()), None),
            (&allowed, dmarc(Dmarc::Pass), Some(("sender.allowed", -2.0, None))),
            (&client, Known::NotAsked, Some(("sender.allowed", -2.0, None))),
        ] {
            let found = findings_with(Known::Yes(vec![one.clone()]), dmarc);
            let got = found.first().map(|one| (one.id.as_ref(), one.weight, one.demands));
            assert_eq!(got, want, "{one:?}");
        }
        let found = findings(Known::Yes(vec![blocked]));
        assert_eq!(
            found[0].because,
            "the sender in From, of far.example, is on the list ours (line 3)"
        );
    }
}
