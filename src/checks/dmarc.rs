//! DMARC and DKIM: does anybody who could show it speak for the domain that the recipient sees?
//!
//! Mail that fails is held where the owner of the domain asks for refusal or suspicion. It is not refused: mailing lists and forwarders break
//! signatures, and a person can tell. A pass says nothing good; criminals own domains too.

use super::{Case, Check, Demand, Finding};
use crate::{
    config::policy::{Action, Category},
    facts::{Known, auth::dmarc::DmarcFact},
    mail::Domain,
    wire::auth::{Dkim, Dmarc, dmarc::Wanted},
};

pub(super) const CHECK: Check = Check {
    ids: &[
        "dmarc.reject",
        "dmarc.quarantine",
        "dmarc.fail",
        "dmarc.forwarded",
        "dmarc.unknown",
        "dkim.fail",
        "dkim.unknown",
    ],
    about: "Nobody who could show it speaks for the domain in From, or a signature does not fit.",
    plain: "The mail does not come from the domain it says it comes from.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    match &case.facts.dmarc {
        Known::NotAsked => (),
        Known::No(why) => findings.push(unknown("dmarc.unknown", why)),
        Known::Yes(fact) if fact.result == Dmarc::Fail => findings.push(failed(case, fact)),
        Known::Yes(_) => (),
    }
    signatures(case, findings);
}

/// What the operator says of this domain; else, unless somebody who may has passed it on, what its owner wants.
fn failed(case: &Case, fact: &DmarcFact) -> Finding {
    let because = fact.because.as_str();
    let author = Domain::parse(&fact.domain).ok();
    let rules = case.rules.authentication;
    if let Some(action) = author.as_ref().and_then(|author| rules.dmarc_fail(author)) {
        let because = format!("{because}; what is done is said in [authentication]");
        let finding = Finding::new("dmarc.fail", Category::Phish, 1.0, because);
        return match action {
            Action::Deliver => Finding { weight: 0.0, ..finding },
            action @ (Action::Mark | Action::Defer | Action::Quarantine | Action::Reject) => {
                finding.demanding(Demand::AtLeast(action))
            }
        };
    }
    if let Some(forwarder) = author.and_then(|author| case.forwarder(&author)) {
        let because = format!("{because}, but it came through {forwarder}");
        return Finding::new("dmarc.forwarded", Category::Auth, 0.0, because)
            .telling("The mail was passed on by a server that may do so.");
    }
    let (id, weight, demand) = match fact.wanted {
        Wanted::Reject => ("dmarc.reject", 5.0, Some(Demand::AtLeast(Action::Quarantine))),
        Wanted::Quarantine => ("dmarc.quarantine", 3.0, Some(Demand::AtLeast(Action::Quarantine))),
        Wanted::None => ("dmarc.fail", 1.0, None),
    };
    let finding = Finding::new(id, Category::Phish, weight, because);
    match demand {
        Some(demand) => finding.demanding(demand),
        None => finding,
    }
}

fn signatures(case: &Case, findings: &mut Vec<Finding>) {
    match &case.facts.dkim {
        Known::NotAsked => (),
        Known::No(why) => findings.push(unknown("dkim.unknown", why)),
        Known::Yes(signatures) => {
            let of = |result: Dkim| signatures.iter().find(|one| one.result == result);
            if of(Dkim::Pass).is_some() {
                return;
            }
            if let Some(one) = of(Dkim::TempError) {
                findings.push(unknown("dkim.unknown", &one.because));
            } else if let Some(one) = of(Dkim::Fail) {
                let because = format!("{}: {}", one.domain, one.because);
                let finding = Finding::new("dkim.fail", Category::Spam, 0.5, because);
                findings.push(finding.telling("The mail was changed after it was signed."));
            }
        }
    }
}

fn unknown(id: &'static str, why: &str) -> Finding {
    Finding::new(id, Category::Format, 0.0, why)
        .telling("It could not be found out whether the sender is who he says he is.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, found, mail},
        facts::{Facts, auth::dmarc::DmarcFact},
        wire::auth::Signature,
    };

    fn ids(facts: Facts) -> Vec<(String, Option<Demand>)> {
        let setting = Setting { facts, ..Setting::default() };
        let found = found(&CHECK, &setting, &mail("a@example.org", "hi"));
        found.into_iter().map(|finding| (finding.id.to_string(), finding.demands)).collect()
    }

    #[test]
    fn what_owners_want() {
        let held = Some(Demand::AtLeast(Action::Quarantine));
        for (result, wanted, want) in [
            (Dmarc::Pass, Wanted::Reject, None),
            (Dmarc::None, Wanted::None, None),
            (Dmarc::PermError, Wanted::None, None),
            (Dmarc::Fail, Wanted::None, Some(("dmarc.fail", None))),
            (Dmarc::Fail, Wanted::Quarantine, Some(("dmarc.quarantine", held))),
            (Dmarc::Fail, Wanted::Reject, Some(("dmarc.reject", held))),
        ] {
            let (domain, because) = ("example.org".to_string(), "x".to_string());
            let dmarc = Known::Yes(DmarcFact { result, domain, wanted, because });
            let want: Vec<_> =
                want.into_iter().map(|(id, demand)| (id.to_string(), demand)).collect();
            assert_eq!(ids(Facts { dmarc, ..Facts::default() }), want, "{result:?} {wanted:?}");
        }
        let dmarc = Known::No("no answer".to_string());
        assert_eq!(ids(Facts { dmarc, ..Facts::default() }), [("dmarc.unknown".to_string(), None)]);
    }

    #[test]
    fn signatures() {
        let one = |result| Signature {
            result,
            domain: "example.org".to_string(),
            selector: "a".to_string(),
            because: "x".to_string(),
        };
        for (results, want) in [
            (&[][..], None),
            (&[Dkim::Pass, Dkim::Fail], None),
            (&[Dkim::Fail, Dkim::Neutral], Some("dkim.fail")),
            (&[Dkim::Fail, Dkim::TempError], Some("dkim.unknown")),
            (&[Dkim::Policy], None),
        ] {
            let dkim = Known::Yes(results.iter().map(|result| one(*result)).collect());
            let found: Vec<String> =
                ids(Facts { dkim, ..Facts::default() }).into_iter().map(|(id, _)| id).collect();
            assert_eq!(found, want.into_iter().collect::<Vec<_>>(), "{results:?}");
        }
    }
}
