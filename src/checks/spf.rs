//! SPF: the domain of the envelope sender says which hosts send for it.
//!
//! Forwarding breaks it, so a failure weighs and demands nothing by itself; a pass says nothing good, since anybody may publish a record.
//! No answer is no neutral one: it is told, and weighs nothing.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, facts::Known, wire::auth::Spf};

pub(super) const CHECK: Check = Check {
    ids: &["spf.fail", "spf.softfail", "spf.permerror", "spf.unknown"],
    about: "The domain of the envelope sender does not let this host send for it, or nobody could say.",
    plain: "The server that sent the mail may not send for the sender's domain.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let fact = match &case.facts.spf {
        Known::NotAsked => return,
        Known::No(why) => {
            findings.push(
                Finding::new("spf.unknown", Category::Format, 0.0, why.as_str())
                    .telling("It could not be found out whether the sender's domain lets this server send for it."),
            );
            return;
        }
        Known::Yes(fact) => fact,
    };
    let (id, weight) = match fact.result {
        Spf::Fail => ("spf.fail", 3.0),
        Spf::SoftFail => ("spf.softfail", 1.0),
        Spf::PermError => ("spf.permerror", 0.5),
        Spf::None | Spf::Neutral | Spf::Pass | Spf::TempError => return,
    };
    // Passing mail on breaks it, and nobody is to be blamed.
    let author = case.from().and_then(|from| from.domain());
    let weight = match author.and_then(|author| case.forwarder(&author)) {
        Some(_) => 0.0,
        None => weight,
    };
    findings.push(Finding::new(id, Category::Spam, weight, fact.because.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, mail},
        facts::{Facts, auth::SpfFact},
    };

    #[test]
    fn finds() {
        let said = |result| {
            let domain = "example.org".to_string();
            Known::Yes(SpfFact { result, domain, of_helo: false, because: "x".to_string() })
        };
        for (spf, want) in [
            (Known::NotAsked, &[][..]),
            (Known::No("no answer".to_string()), &["spf.unknown"]),
            (said(Spf::Pass), &[]),
            (said(Spf::None), &[]),
            (said(Spf::Neutral), &[]),
            (said(Spf::SoftFail), &["spf.softfail"]),
            (said(Spf::Fail), &["spf.fail"]),
            (said(Spf::PermError), &["spf.permerror"]),
        ] {
            let setting =
                Setting { facts: Facts { spf, ..Facts::default() }, ..Setting::default() };
            expect(&CHECK, &setting, &mail("a@example.org", "hi"), want);
        }
    }
}
