//! Bounces: do they return a mail that went out through here, or one that somebody sent in our name?
//!
//! The second kind is nobody's business here, though the server that sent it is honest; it is marked, not refused. A bounce of ours is never
//! a free pass: whoever had a mail of ours knows its Message-ID.

use super::{Case, Check, Finding};
use crate::{
    config::policy::Category,
    facts::{Known, bounce::Returned},
};

pub(super) const CHECK: Check = Check {
    ids: &["bounce.ours", "bounce.foreign", "bounce.unknown"],
    about: "A notice about a mail that could not be delivered: one that went out through here, or one that somebody else sent under our name.",
    plain: "The mail is a notice about a mail that you did not send.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let unknown = |why: &str| {
        Finding::new("bounce.unknown", Category::Format, 0.0, why)
            .telling("It is not known whether the mail that this notice is about was yours.")
    };
    match &case.facts.bounce {
        Known::NotAsked => (),
        Known::No(why) => findings.push(unknown(why)),
        Known::Yes(Returned::Undecided(why)) => findings.push(unknown(why)),
        Known::Yes(Returned::Ours) => findings.push(
            Finding::new(
                "bounce.ours",
                Category::Trust,
                -1.0,
                "it returns a mail that went out through here",
            )
            .telling("The mail is a notice about a mail that you sent."),
        ),
        Known::Yes(Returned::Foreign) => findings.push(Finding::new(
            "bounce.foreign",
            Category::Spam,
            5.5,
            "it returns a mail that never went out through here",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect},
        facts::Facts,
    };

    #[test]
    fn finds() {
        for (bounce, want) in [
            (Known::NotAsked, &[][..]),
            (Known::Yes(Returned::Ours), &["bounce.ours"]),
            (Known::Yes(Returned::Foreign), &["bounce.foreign"]),
            (Known::Yes(Returned::Undecided("too young".to_string())), &["bounce.unknown"]),
            (Known::No("the store is closed".to_string()), &["bounce.unknown"]),
        ] {
            let facts = Facts { bounce, ..Facts::default() };
            let setting = Setting { facts, ..Setting::default() };
            expect(&CHECK, &setting, "Subject: failure notice\n\nhi", want);
        }
    }
}
