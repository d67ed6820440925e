//! Mail of our own that would fail where it arrives: nobody who could show it speaks for its From, and the owner of the domain asks receivers
//! to refuse or hold such mail.
//!
//! It is refused here, where its writer hears of it, instead of vanishing there. Where nobody knows how it will arrive it goes.

use super::{Case, Check, Demand, Finding};
use crate::{
    config::policy::{Action, Category},
    facts::Known,
    wire::auth::{Dmarc, dmarc::Wanted},
};

pub(super) const CHECK: Check = Check {
    ids: &["departure.fails", "departure.unknown"],
    about: "Mail that leaves is not signed, and the domain in From asks receivers to refuse or hold mail that nobody speaks for.",
    plain: "Its receivers would refuse this mail: it is not signed, and its domain asks for that.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    match &case.facts.departure {
        Known::Yes(fact) if fact.result == Dmarc::Fail && fact.wanted != Wanted::None => {
            let because = format!("{}; make a key for it with sluss dkim add", fact.because);
            let finding = Finding::new("departure.fails", Category::Auth, 0.0, because);
            findings.push(finding.demanding(Demand::AtLeast(Action::Reject)));
        }
        Known::Yes(_) | Known::NotAsked => (),
        Known::No(why) => findings.push(
            Finding::new("departure.unknown", Category::Auth, 0.0, why.as_str())
                .telling("It is not known whether the receivers of this mail will take it."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, mail},
        facts::{Facts, auth::dmarc::DmarcFact},
    };

    #[test]
    fn finds() {
        let said = |result, wanted| {
            let (domain, because) = ("ours.example".to_string(), "x".to_string());
            Known::Yes(DmarcFact { result, domain, wanted, because })
        };
        for (departure, want) in [
            (Known::NotAsked, &[][..]),
            (Known::No("no answer".to_string()), &["departure.unknown"]),
            (said(Dmarc::Pass, Wanted::Reject), &[]),
            (said(Dmarc::Fail, Wanted::None), &[]),
            (said(Dmarc::Fail, Wanted::Quarantine), &["departure.fails"]),
            (said(Dmarc::Fail, Wanted::Reject), &["departure.fails"]),
        ] {
            let setting =
                Setting { facts: Facts { departure, ..Facts::default() }, ..Setting::default() };
            expect(&CHECK, &setting, &mail("a@ours.example", "hi"), want);
        }
    }
}
