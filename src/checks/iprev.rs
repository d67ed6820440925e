//! The client's reverse name: servers that send mail have one that leads back to them, machines that were taken over mostly not.
//!
//! A name is no sign of honesty, so a good one weighs nothing.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, facts::Known, wire::auth::Iprev};

pub(super) const CHECK: Check = Check {
    ids: &["iprev.none", "iprev.fail", "iprev.unknown"],
    about: "The address of the server that sent the mail has no name, or one that does not lead back to it.",
    plain: "The server that sent the mail is not set up as mail servers are.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let fact = match &case.facts.iprev {
        Known::NotAsked => return,
        Known::No(why) => {
            findings.push(
                Finding::new("iprev.unknown", Category::Format, 0.0, why.as_str()).telling(
                    "It could not be found out what the server that sent the mail is called.",
                ),
            );
            return;
        }
        Known::Yes(fact) => fact,
    };
    let client = fact.client;
    let (id, weight, because) = match (fact.result, &fact.name) {
        (Iprev::Pass, _) => return,
        (Iprev::Fail, Some(name)) => {
            ("iprev.fail", 0.5, format!("{client} calls itself {name}, which has not that address"))
        }
        (Iprev::Fail | Iprev::PermError, _) => {
            ("iprev.none", 1.0, format!("{client} has no reverse name"))
        }
    };
    findings.push(Finding::new(id, Category::Spam, weight, because));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, mail},
        facts::{Facts, auth::iprev::IprevFact},
    };

    #[test]
    fn finds() {
        let said = |result, name: Option<&str>| {
            let client = std::net::IpAddr::from([192, 0, 2, 1]);
            Known::Yes(IprevFact { result, client, name: name.map(str::to_string) })
        };
        for (iprev, want) in [
            (Known::NotAsked, &[][..]),
            (Known::No("no answer".to_string()), &["iprev.unknown"]),
            (said(Iprev::Pass, Some("mx.example.org")), &[]),
            (said(Iprev::Fail, Some("mx.example.org")), &["iprev.fail"]),
            (said(Iprev::PermError, None), &["iprev.none"]),
        ] {
            let setting =
                Setting { facts: Facts { iprev, ..Facts::default() }, ..Setting::default() };
            expect(&CHECK, &setting, &mail("a@example.org", "hi"), want);
        }
    }
}
