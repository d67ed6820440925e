//! Whom the client asked for beside: what came to a spam trap as well was written to addresses that nobody gave away, and who tries which
//! addresses there are has none.
//!
//! Neither holds a mail alone: an old address book has such addresses too. Of somebody whom our people have written to, by what shows to be
//! his, neither says anything; nor of a notice about a mail, which goes where others said that it came from.

use super::{Case, Check, Finding};
use crate::{base::limits, config::policy::Category, facts::Known};

pub(super) const CHECK: Check = Check {
    ids: &["trap.recipient", "trap.guessing"],
    about: "Whether the same mail went to a spam trap, and whether its client asked for more addresses that do not exist than for others.",
    plain: "Whoever sent it writes to addresses that nobody uses.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Known::Yes(sought) = &case.facts.sought else { return };
    let envelope = case.mail.envelope;
    if !case.is_inbound() || envelope.sender.address().is_none() || case.facts.is_correspondent() {
        return;
    }
    let recipients = u32::try_from(envelope.recipients.len()).unwrap_or(u32::MAX);
    // What came to traps alone weighs what it would weigh anywhere: a stranger must not find them by our answers.
    if sought.traps > 0 && recipients > sought.traps {
        let because = "the same mail was sent to a spam trap, an address that no person has";
        let finding = Finding::new("trap.recipient", Category::Spam, 3.0, because);
        // Whoever sends what is nearly refused to himself and to an address would learn what that is.
        findings.push(finding.untold());
    }
    if sought.guesses(limits::GUESSES_MIN) {
        let because = format!(
            "its client asked for {} recipients that do not exist, and for {} that do",
            sought.unknown, sought.existing
        );
        findings.push(Finding::new("trap.guessing", Category::Spam, 1.5, because));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect},
        facts::{Facts, history::History, sought::Sought},
        mail::{Address, Recipient, ReversePath},
    };

    #[test]
    fn finds() {
        let mail = "Subject: hi\nFrom: a@example.org\n\nhi";
        let known = History { authenticated: true, written_to_address: 1.0, ..History::default() };
        let forged = History { authenticated: false, ..known.clone() };
        for (recipients, (traps, unknown, existing), history, want) in [
            (1, (0, 0, 1), None, &[][..]),
            (1, (1, 0, 1), None, &[]),
            (2, (1, 0, 2), None, &["trap.recipient"]),
            (2, (2, 0, 2), None, &[]),
            (1, (0, 3, 1), None, &["trap.guessing"]),
            (1, (0, 3, 3), None, &[]),
            (2, (1, 9, 2), Some(known), &[]),
            (2, (1, 9, 2), Some(forged), &["trap.recipient", "trap.guessing"]),
        ] {
            let history = history.map_or(Known::NotAsked, Known::Yes);
            let sought = Known::Yes(Sought { traps, unknown, existing });
            let facts = Facts { sought, history, ..Facts::default() };
            let mut setting = Setting { facts, ..Setting::default() };
            for _ in 1..recipients {
                let other = Recipient::plain(Address::parse("old.box@ours.example").unwrap());
                setting.envelope.recipients.push(other);
            }
            expect(&CHECK, &setting, mail, want);
            setting.envelope.sender = ReversePath::Null;
            expect(&CHECK, &setting, mail, &[]);
        }
        expect(&CHECK, &Setting::default(), mail, &[]);
    }
}
