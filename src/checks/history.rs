//! What is remembered of the sender: does it answer one of ours, is it a partner, has it sent before, and what?
//!
//! Trust is for senders that authenticated, and it offsets wording and habit only: a mailbox of a partner may have been taken, so malware and
//! parts that cannot be opened weigh as much from him as from anybody. No trust is given to a domain where anybody gets a mailbox.

use super::{Case, Check, Finding, known::hosts};
use crate::{
    config::policy::Category,
    facts::{Known, history::History},
};

pub(super) const CHECK: Check = Check {
    ids: &[
        "history.reply",
        "history.partner",
        "history.known_domain",
        "history.first_contact",
        "history.bad_domain",
        "history.bad_network",
        "history.volume_jump",
        "history.unknown",
    ],
    about: "How the recipients and the sender have written to each other before, and what came from the sender's domain and network.",
    plain: "Most mail from this sender was unwanted before.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let history = match &case.facts.history {
        Known::NotAsked => return,
        Known::No(why) => {
            let unknown = Finding::new("history.unknown", Category::Trust, 0.0, why.as_str());
            findings.push(
                unknown.telling("It could not be found out whether the sender is known here."),
            );
            return;
        }
        Known::Yes(history) => history,
    };
    let owner = case.from_owner().unwrap_or_default();
    let is_shared = hosts::is_freemail(&owner);
    if history.authenticated {
        findings.extend(trust(history, is_shared));
        findings.extend(bad_domain(history, &owner, is_shared));
        findings.extend(volume(history, &owner, is_shared));
    }
    findings.extend(bad_network(history));
    if history.is_first_contact() {
        let because = "nobody here has written to this address, nor has it written here";
        let finding = Finding::new("history.first_contact", Category::Trust, 0.0, because);
        findings.push(finding.telling("It is the first mail from this sender."));
    }
}

fn trust(history: &History, is_shared: bool) -> Vec<Finding> {
    let known = |id, weight, because: String| {
        Finding::new(id, Category::Trust, weight, because).telling("The sender is known here.")
    };
    let mut found = Vec::new();
    if history.answers_ours {
        found.push(known(
            "history.reply",
            -3.0,
            "it answers a mail that its recipient sent to this address".to_string(),
        ));
    }
    let written = history.written_to_address;
    if written >= WRITTEN_ONCE {
        let weight = if written >= WRITTEN_OFTEN { -3.0 } else { -2.0 };
        let because = format!(
            "its recipients have written to this address, by now counting {written:.1} mails"
        );
        found.push(known("history.partner", weight, because));
    } else if !history.answers_ours && !is_shared && is_known_domain(history) {
        let because = format!(
            "mails to this domain count {:.1}, those from it {:.1}",
            history.written_to_domain, history.came_from_domain
        );
        found.push(known("history.known_domain", -1.0, because));
    }
    found
}

/// Somebody here has written there more than once, or good mail has come from there for a while.
fn is_known_domain(history: &History) -> bool {
    let is_clean = history.unwanted_from_domain * 10.0 <= history.came_from_domain;
    let is_old = history.domain_known_days.is_some_and(|days| days >= DOMAIN_DAYS_MIN);
    history.written_to_domain >= WRITTEN_OFTEN
        || (is_old && is_clean && history.came_from_domain >= CAME_OFTEN)
}

fn bad_domain(history: &History, owner: &str, is_shared: bool) -> Option<Finding> {
    let (bad, good) = (history.unwanted_from_domain, history.came_from_domain);
    let is_ours = history.answers_ours || history.written_to_domain >= WRITTEN_ONCE;
    if is_shared || is_ours || bad < BAD_MIN || bad < 4.0 * good {
        return None;
    }
    let weight = if bad >= BAD_OFTEN && bad >= 20.0 * good { 3.0 } else { 2.0 };
    let because =
        format!("of the mails of {owner}, unwanted ones count {bad:.1}, others {good:.1}");
    Some(Finding::new("history.bad_domain", Category::Spam, weight, because))
}

/// A network holds many senders, so it takes more to speak against it, and it weighs less.
fn bad_network(history: &History) -> Option<Finding> {
    let (bad, good) = (history.unwanted_from_network, history.came_from_network);
    let because =
        format!("of the mails of its network, unwanted ones count {bad:.1}, others {good:.1}");
    let finding = Finding::new("history.bad_network", Category::Spam, 1.0, because);
    let is_bad = bad >= BAD_OFTEN && bad >= 20.0 * good;
    is_bad.then(|| finding.telling("Most mail from the network it came from was unwanted before."))
}

fn volume(history: &History, owner: &str, is_shared: bool) -> Option<Finding> {
    let jump = history.volume_jump.filter(|jump| *jump >= JUMP_MIN)?;
    let because =
        format!("{owner} has sent {jump:.0} times what it sent on its fullest day before");
    let finding = Finding::new("history.volume_jump", Category::Spam, 1.0, because);
    (!is_shared).then(|| finding.telling("The sender suddenly sends far more than it ever did."))
}

/// A count below this has faded away.
const WRITTEN_ONCE: f32 = 0.5;
const WRITTEN_OFTEN: f32 = 2.5;
const CAME_OFTEN: f32 = 10.0;
const DOMAIN_DAYS_MIN: u32 = 30;
const BAD_MIN: f32 = 4.5;
const BAD_OFTEN: f32 = 20.0;
const JUMP_MIN: f32 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, found, mail},
        facts::Facts,
    };

    fn setting(history: History) -> Setting {
        let facts = Facts { history: Known::Yes(history), ..Facts::default() };
        Setting { facts, ..Setting::default() }
    }

    fn known() -> History {
        History { authenticated: true, came_from_address: 1.0, ..History::default() }
    }

    #[test]
    fn finds() {
        let from = mail("A <a@firm.example>", "hi");
        for (history, want) in [
            (History::default(), &["history.first_contact"][..]),
            (known(), &[]),
            (History { answers_ours: true, ..known() }, &["history.reply"]),
            (History { written_to_address: 1.0, ..known() }, &["history.partner"]),
            (History { written_to_address: 0.2, ..known() }, &[]),
            (History { written_to_domain: 3.0, ..known() }, &["history.known_domain"]),
            (
                History { came_from_domain: 12.0, domain_known_days: Some(40), ..known() },
                &["history.known_domain"],
            ),
            (History { came_from_domain: 12.0, domain_known_days: Some(3), ..known() }, &[]),
            (
                History { unwanted_from_domain: 6.0, came_from_domain: 1.0, ..known() },
                &["history.bad_domain"],
            ),
            (History { unwanted_from_domain: 6.0, came_from_domain: 3.0, ..known() }, &[]),
            // Somebody here writes to it: then it is no sender of spam alone.
            (History { unwanted_from_domain: 9.0, written_to_domain: 1.0, ..known() }, &[]),
            (History { volume_jump: Some(30.0), ..known() }, &["history.volume_jump"]),
            (History { volume_jump: Some(3.0), ..known() }, &[]),
            (
                History { unwanted_from_network: 30.0, came_from_network: 1.0, ..known() },
                &["history.bad_network"],
            ),
            (History { unwanted_from_network: 30.0, came_from_network: 9.0, ..known() }, &[]),
        ] {
            expect(&CHECK, &setting(history), &from, want);
        }
        expect(&CHECK, &Setting::default(), &from, &[]);
        let facts = Facts { history: Known::No("too slow".to_string()), ..Facts::default() };
        expect(&CHECK, &Setting { facts, ..Setting::default() }, &from, &["history.unknown"]);
    }

    #[test]
    fn who_does_not_authenticate_has_no_trust_and_harms_nobody() {
        let history = History {
            authenticated: false,
            answers_ours: true,
            written_to_address: 50.0,
            written_to_domain: 90.0,
            unwanted_from_domain: 90.0,
            volume_jump: Some(90.0),
            ..History::default()
        };
        expect(&CHECK, &setting(history), &mail("A <a@firm.example>", "hi"), &[]);
    }

    #[test]
    fn a_mailbox_that_anybody_gets_is_known_by_its_address_alone() {
        let from = mail("A <a@gmail.com>", "hi");
        let domain = History {
            written_to_domain: 900.0,
            unwanted_from_domain: 900.0,
            volume_jump: Some(90.0),
            ..known()
        };
        expect(&CHECK, &setting(domain.clone()), &from, &[]);
        let partner = History { written_to_address: 9.0, ..domain };
        expect(&CHECK, &setting(partner), &from, &["history.partner"]);
    }

    #[test]
    fn older_and_fuller_histories_weigh_more() {
        let weigh = |history: History| -> f32 {
            let found = found(&CHECK, &setting(history), &mail("A <a@firm.example>", "hi"));
            found.iter().map(|finding| finding.weight).sum()
        };
        let written = |written_to_address| History { written_to_address, ..known() };
        assert!(weigh(written(30.0)) < weigh(written(1.0)));
        assert!(weigh(written(1.0)) < weigh(known()));
        let bad = |unwanted_from_domain| History { unwanted_from_domain, ..known() };
        assert!(weigh(bad(40.0)) > weigh(bad(5.0)));
        assert!(weigh(bad(5.0)) > 0.0);
    }
}
