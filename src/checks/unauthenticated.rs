//! Mail in the name of a domain that has to show who it is, when nobody who passed speaks for it: an own domain that arrives from outside, and
//! those that the operator names (banks, authorities).
//!
//! For those that are named no answer is no pass: the mail waits until the name servers answer.

use super::{Case, Check, Demand, Finding};
use crate::{
    config::policy::{Action, Category},
    facts::{Known, history::is_authenticated},
    mail::Domain,
};

pub(super) const CHECK: Check = Check {
    ids: &[
        "own_domain.unauthenticated",
        "author.unauthenticated",
        "author.forwarded",
        "author.unknown",
    ],
    about: "Nobody who passed speaks for the domain in From, and it is an own domain or one that [authentication] names.",
    plain: "The mail does not come from the domain it says it comes from.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let facts = case.facts;
    if !case.is_inbound() || facts.dmarc == Known::NotAsked {
        return;
    }
    // Every mailbox that somebody may be shown: one honest name beside a forged one makes neither true.
    let authors: Vec<Domain> =
        case.mail.header.mailboxes("From").iter().filter_map(|from| from.domain()).collect();
    let passed = |author: &Domain| {
        authors.len() == 1 && is_authenticated(author, &facts.dmarc, &facts.spf, &facts.dkim)
    };
    let rules = case.rules.authentication;
    let open = [
        matches!(facts.dmarc, Known::No(_)),
        matches!(facts.spf, Known::No(_)),
        matches!(facts.dkim, Known::No(_)),
    ];
    let unknown = open.contains(&true);
    for author in authors.iter().filter(|author| !passed(author)) {
        let must = rules.must_authenticate(author);
        if !must && !case.rules.author_is_ours {
            continue;
        }
        let because = format!("nobody who passed speaks for {author}");
        if let Some(forwarder) = case.forwarder(author) {
            let because = format!("{because}, but it came through {forwarder}");
            let finding = Finding::new("author.forwarded", Category::Auth, 0.0, because);
            findings.push(finding.telling("The mail was passed on by a server that may do so."));
        } else if must && unknown {
            let because = format!("the name servers do not say who may speak for {author}");
            let finding = Finding::new("author.unknown", Category::Auth, 0.0, because)
                .demanding(Demand::AtLeast(Action::Defer))
                .telling("It could not be found out yet whether the sender is who he says he is.");
            findings.push(finding);
        } else if must {
            let finding = Finding::new("author.unauthenticated", Category::Phish, 5.0, because);
            findings.push(finding.demanding(Demand::AtLeast(Action::Quarantine)));
        } else if !unknown {
            let finding = Finding::new("own_domain.unauthenticated", Category::Phish, 3.0, because);
            findings.push(match rules.own_domains {
                Action::Deliver => Finding { weight: 0.0, ..finding },
                action @ (Action::Mark | Action::Defer | Action::Quarantine | Action::Reject) => {
                    finding.demanding(Demand::AtLeast(action))
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, found, mail},
        config::Authentication,
        facts::{
            Facts,
            auth::{SpfFact, arc::ArcFact, dmarc::DmarcFact},
        },
        wire::auth::{Arc, Dmarc, Spf, arc::Sealer, dmarc::Wanted},
    };

    fn dmarc(result: Dmarc) -> Known<DmarcFact> {
        let (domain, because) = ("bank.example".to_string(), "x".to_string());
        Known::Yes(DmarcFact { result, domain, wanted: Wanted::None, because })
    }

    fn spf(domain: &str) -> Known<SpfFact> {
        let (domain, because) = (domain.to_string(), "x".to_string());
        Known::Yes(SpfFact { result: Spf::Pass, domain, of_helo: false, because })
    }

    fn arc(domain: &str) -> Known<ArcFact> {
        let dmarc_passed_for = Some("bank.example".to_string());
        let sealers = vec![Sealer { domain: domain.to_string(), dmarc_passed_for }];
        Known::Yes(ArcFact { result: Arc::Pass, sealers, because: "x".to_string() })
    }

    #[test]
    fn whom_it_concerns() {
        let bank = Domain::parse("bank.example").unwrap();
        let named = || Authentication {
            must_authenticate: vec![bank.clone()],
            trusted_sealers: vec![Domain::parse("list.example").unwrap()],
            ..Authentication::default()
        };
        let silent = || Known::No("no answer".to_string());
        let none = || Facts { dmarc: dmarc(Dmarc::None), ..Facts::default() };
        let held = Some(Demand::AtLeast(Action::Quarantine));
        let marked = Some(Demand::AtLeast(Action::Mark));
        let waits = Some(Demand::AtLeast(Action::Defer));
        for (what, rules, ours, facts, want) in [
            ("named", named(), false, none(), Some(("author.unauthenticated", held))),
            ("not named", Authentication::default(), false, none(), None),
            (
                "ours",
                Authentication::default(),
                true,
                none(),
                Some(("own_domain.unauthenticated", marked)),
            ),
            (
                "it passed",
                named(),
                true,
                Facts { dmarc: dmarc(Dmarc::Pass), ..Facts::default() },
                None,
            ),
            (
                "SPF speaks for it",
                named(),
                true,
                Facts { spf: spf("mail.bank.example"), ..none() },
                None,
            ),
            (
                "SPF speaks for another",
                named(),
                false,
                Facts { spf: spf("evil.example"), ..none() },
                Some(("author.unauthenticated", held)),
            ),
            ("nobody asked", named(), true, Facts::default(), None),
            (
                "nobody answers",
                named(),
                false,
                Facts { dmarc: silent(), ..Facts::default() },
                Some(("author.unknown", waits)),
            ),
            (
                "nobody answers, ours",
                Authentication::default(),
                true,
                Facts { dmarc: silent(), ..Facts::default() },
                None,
            ),
            (
                "a list that is trusted",
                named(),
                false,
                Facts { arc: arc("list.example"), ..none() },
                Some(("author.forwarded", None)),
            ),
            (
                "a list that is not",
                named(),
                false,
                Facts { arc: arc("evil.example"), ..none() },
                Some(("author.unauthenticated", held)),
            ),
        ] {
            let mut setting = Setting { facts, ..Setting::default() };
            (setting.authentication, setting.author_is_ours) = (rules, ours);
            let found = found(&CHECK, &setting, &mail("a@bank.example", "hi"));
            let found: Vec<_> = found.iter().map(|one| (one.id.as_ref(), one.demands)).collect();
            assert_eq!(found, want.into_iter().collect::<Vec<_>>(), "{what}");
        }
    }
}
