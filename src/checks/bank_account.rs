//! An invoice to be paid to another account than this sender's earlier ones, and a text that says that the account has changed.
//!
//! It is the one sign left when the supplier's own mailbox was taken: then every signature fits. And it is ordinary, too: firms change banks and
//! sell their invoices. So it is shown, not stopped (*mark*), once for each new account and for two weeks after it first came, until somebody has
//! approved it. It is held where a second sign makes fraud the likelier: the text presses the change, nobody speaks for the sender, answers go
//! elsewhere, or it is the first that is heard of that sender. A known account beside the new one makes it a little thing.
//!
//! A service that sends the invoices of many firms has a new account in every second mail; its accounts say nothing.

use super::{Case, Check, Demand, Finding, read::bank_change};
use crate::{
    config::policy::{Action, Category},
    facts::{
        Known,
        accounts::{Account, Accounts, Before},
    },
};

pub(super) const CHECK: Check = Check {
    ids: &["bank.account_changed", "bank.account_added", TOLD, "bank.account_unknown"],
    about: "The account to pay to is not one that this sender has written before, or the mail says that the account has changed.",
    plain: "The bank account differs from those on this sender's earlier invoices: ask by telephone before you pay.",
    run,
};

/// The finding that somebody tells of a new account.
pub(super) const TOLD: &str = "bank.change_told";
/// What it says to who may not read the mail.
pub(super) const TOLD_BECAUSE: &str = "the text says that an account has changed";
/// Mails with other accounts from which a new one is worth a word: after one, nobody knows yet what is usual.
const INVOICES_MIN: u32 = 2;
/// Days for which an account that came after many others is still new. One that pays twice in two weeks is rare, and is worth a call.
const WATCH_DAYS: u32 = 14;
/// From so many accounts after the first mail's on, a sender with a new one in every second mail is a service.
const SERVICE_ACCOUNTS_MIN: u32 = 6;

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() {
        return;
    }
    let told = told(case);
    let memory = match &case.facts.accounts {
        Known::Yes(memory) => Some(memory),
        Known::No(why) => {
            let unknown = Finding::new("bank.account_unknown", Category::Phish, 0.0, why.as_str());
            findings.push(
                unknown.telling(
                    "It could not be found out whether the bank account is the usual one.",
                ),
            );
            None
        }
        Known::NotAsked => None,
    };
    let grave = is_grave(case, memory);
    if let Some((new, memory)) = memory.and_then(|memory| Some((new_account(memory)?, memory))) {
        findings.push(changed(new, memory, told.is_some() || grave));
    }
    let Some(quote) = told else { return };
    // Who goes on telling of an account that was approved, or is old by now, says nothing new.
    let settled = memory.is_some_and(|memory| {
        memory.invoices >= INVOICES_MIN
            && !memory.here.is_empty()
            && memory.here.iter().all(is_settled)
    });
    let held =
        grave || memory.is_some_and(|memory| new_account(memory).is_some() || memory.invoices == 0);
    let weight = if settled { 0.0 } else { 2.0 };
    let finding = Finding::new(TOLD, Category::Phish, weight, TOLD_BECAUSE)
        .quoting(quote)
        .telling("The mail says that a bank account has changed: ask by telephone before you pay.");
    findings.push(match (settled, held) {
        (true, _) => finding,
        (false, true) => finding.demanding(Demand::AtLeast(Action::Quarantine)),
        (false, false) => finding.demanding(Demand::AtLeast(Action::Mark)),
    });
}

fn changed(new: &Account, memory: &Accounts, held: bool) -> Finding {
    let beside = memory.here.iter().any(is_settled);
    let (id, weight) = match beside {
        true => ("bank.account_added", 1.0),
        false => ("bank.account_changed", 3.0),
    };
    let Account { kind, ends, part, before } = new;
    let because = match before {
        Before::Never | Before::Approved => {
            format!(
                "the account {ends} ({kind}) differs from the last {} invoices of this sender",
                memory.invoices
            )
        }
        Before::Seen { days, invoices_then } => format!(
            "the account {ends} ({kind}) first came {days} days ago, after {invoices_then} invoices with others"
        ),
    };
    let action = if held { Action::Quarantine } else { Action::Mark };
    Finding::new(id, Category::Phish, weight, because)
        .in_part(part, "")
        .demanding(Demand::AtLeast(action))
}

/// The first account that is new to a sender whose accounts are known.
fn new_account(memory: &Accounts) -> Option<&Account> {
    let is_service =
        memory.later >= SERVICE_ACCOUNTS_MIN && memory.later.saturating_mul(2) > memory.invoices;
    if is_service || memory.invoices < INVOICES_MIN {
        return None;
    }
    memory.here.iter().find(|account| !is_settled(account))
}

/// It was there from the beginning, or for long, or somebody has approved it.
fn is_settled(account: &Account) -> bool {
    match account.before {
        Before::Never => false,
        Before::Seen { days, invoices_then } => days >= WATCH_DAYS || invoices_then < INVOICES_MIN,
        Before::Approved => true,
    }
}

/// Does something else make fraud the likelier?
fn is_grave(case: &Case, memory: Option<&Accounts>) -> bool {
    let forged = memory.is_some_and(|memory| memory.authenticated == Known::Yes(false));
    let stranger = match &case.facts.history {
        Known::Yes(history) => history.is_first_contact(),
        Known::No(_) | Known::NotAsked => false,
    };
    forged || stranger || answers_go_elsewhere(case)
}

/// Reply-To names another firm than From.
fn answers_go_elsewhere(case: &Case) -> bool {
    let replies = case.mail.header.mailboxes("Reply-To");
    let reply = replies.first().and_then(|reply| Some(reply.domain()?.registered().to_string()));
    match (reply, case.from_owner()) {
        (Some(reply), Some(owner)) => reply != owner && !case.is_list(),
        (Some(_), None) | (None, _) => false,
    }
}

/// The words that tell of a changed account, in a mail that has an account or speaks of paying.
fn told(case: &Case) -> Option<String> {
    let subject = case.mail.header.text("Subject").unwrap_or_default();
    let texts = case.contents.texts.iter().map(|text| text.shown.as_str());
    let (mut change, mut payment) = (None, !case.contents.accounts.is_empty());
    for text in std::iter::once(subject.as_str()).chain(texts) {
        let told = bank_change::read(text);
        payment |= told.payment;
        change = change.or(told.change);
    }
    change.filter(|_| payment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, found, mail, text},
        examine::Contents,
        facts::{Facts, history::History},
    };

    const SEEN: Before = Before::Seen { days: 100, invoices_then: 0 };
    const PLAIN: &str = "Here is invoice 17.";
    const TELLS: &str = "We have changed our bank account, please pay the invoice there.";

    fn memory(invoices: u32, later: u32, here: &[Before]) -> Accounts {
        let here = here.iter().map(|before| Account {
            kind: "se.bankgiro".to_string(),
            ends: "…055".to_string(),
            part: "2".to_string(),
            before: *before,
        });
        Accounts { authenticated: Known::Yes(true), invoices, later, here: here.collect() }
    }

    fn finds(facts: Facts, said: &str, header: &str) -> Vec<(String, Option<Action>)> {
        let contents = Contents { texts: vec![text(said)], ..Contents::default() };
        let setting = Setting { facts, ..Setting::holding(contents) };
        let found = found(&CHECK, &setting, &format!("{header}{}", mail("a@example.org", "hi")));
        let demand = |finding: &Finding| match finding.demands {
            Some(Demand::AtLeast(action)) => Some(action),
            Some(
                Demand::Category | Demand::Unscanned | Demand::AsSuspect | Demand::NotLookedInto(_),
            )
            | None => None,
        };
        found.iter().map(|finding| (finding.id.to_string(), demand(finding))).collect()
    }

    #[test]
    fn an_account_is_compared_with_those_before() {
        let mark = Some(Action::Mark);
        for (what, memory, want) in [
            ("the usual one", memory(14, 0, &[SEEN]), None),
            ("another", memory(14, 0, &[Before::Never]), Some(("bank.account_changed", mark))),
            (
                "another beside the usual",
                memory(14, 0, &[SEEN, Before::Never]),
                Some(("bank.account_added", mark)),
            ),
            ("too little is known", memory(1, 0, &[Before::Never]), None),
            ("nothing is known", memory(0, 0, &[Before::Never]), None),
            (
                "it came last week",
                memory(15, 1, &[Before::Seen { days: 6, invoices_then: 14 }]),
                Some(("bank.account_changed", mark)),
            ),
            (
                "it came long ago",
                memory(15, 1, &[Before::Seen { days: 14, invoices_then: 14 }]),
                None,
            ),
            ("one of the first", memory(3, 1, &[Before::Seen { days: 1, invoices_then: 1 }]), None),
            ("somebody approved it", memory(15, 1, &[Before::Approved]), None),
            ("a service for many", memory(20, 15, &[Before::Never]), None),
            (
                "a firm with many accounts",
                memory(40, 8, &[Before::Never]),
                Some(("bank.account_changed", mark)),
            ),
        ] {
            let facts = Facts { accounts: Known::Yes(memory), ..Facts::default() };
            let want: Vec<_> =
                want.into_iter().map(|(id, demand)| (id.to_string(), demand)).collect();
            assert_eq!(finds(facts, PLAIN, ""), want, "{what}");
        }
    }

    #[test]
    fn a_second_sign_holds_it() {
        let held = Some(Action::Quarantine);
        let changed =
            || Facts { accounts: Known::Yes(memory(14, 0, &[Before::Never])), ..Facts::default() };
        let one = [("bank.account_changed".to_string(), held)];
        let both = [one[0].clone(), ("bank.change_told".to_string(), held)];
        assert_eq!(finds(changed(), TELLS, ""), both);
        assert_eq!(finds(changed(), PLAIN, "Reply-To: a@example.net\n"), one);
        let forged =
            Accounts { authenticated: Known::Yes(false), ..memory(14, 0, &[Before::Never]) };
        let forged = Facts { accounts: Known::Yes(forged), ..Facts::default() };
        assert_eq!(finds(forged, PLAIN, ""), one);
        let strange = Facts { history: Known::Yes(History::default()), ..changed() };
        assert_eq!(finds(strange, PLAIN, ""), one);
        // Whether somebody speaks for the sender is not known: that is no sign.
        let unknown = Accounts {
            authenticated: Known::No("slow".to_string()),
            ..memory(14, 0, &[Before::Never])
        };
        let unknown = Facts { accounts: Known::Yes(unknown), ..Facts::default() };
        assert_eq!(
            finds(unknown, PLAIN, ""),
            [("bank.account_changed".to_string(), Some(Action::Mark))]
        );
    }

    #[test]
    fn a_change_that_is_told() {
        let told = |demand| vec![("bank.change_told".to_string(), demand)];
        let known = |memory| Facts { accounts: Known::Yes(memory), ..Facts::default() };
        for (what, facts, want) in [
            ("nobody was asked", Facts::default(), told(Some(Action::Mark))),
            ("the account is an old one", known(memory(14, 0, &[SEEN])), told(None)),
            ("it was approved", known(memory(14, 1, &[Before::Approved])), told(None)),
            (
                "the first that is heard",
                known(memory(0, 0, &[Before::Never])),
                told(Some(Action::Quarantine)),
            ),
            ("little is known", known(memory(1, 0, &[Before::Never])), told(Some(Action::Mark))),
        ] {
            assert_eq!(finds(facts, TELLS, ""), want, "{what}");
        }
        assert_eq!(
            finds(Facts::default(), TELLS, "Reply-To: a@example.net\n"),
            told(Some(Action::Quarantine))
        );
        assert_eq!(finds(Facts::default(), "We have changed our bank account.", ""), []);
    }

    #[test]
    fn what_is_not_known_is_said_and_our_own_mail_is_not_looked_at() {
        let facts = Facts { accounts: Known::No("no answer".to_string()), ..Facts::default() };
        assert_eq!(finds(facts, PLAIN, ""), [("bank.account_unknown".to_string(), None)]);
        let contents = Contents { texts: vec![text(TELLS)], ..Contents::default() };
        let setting = Setting::holding(contents).outbound();
        assert_eq!(found(&CHECK, &setting, &mail("a@example.org", "x")), []);
    }

    #[test]
    fn the_reason_has_the_number_of_invoices_and_only_the_end_of_the_account() {
        let facts =
            Facts { accounts: Known::Yes(memory(14, 0, &[Before::Never])), ..Facts::default() };
        let contents = Contents { texts: vec![text(PLAIN)], ..Contents::default() };
        let setting = Setting { facts, ..Setting::holding(contents) };
        let found = found(&CHECK, &setting, &mail("a@example.org", "x"));
        assert_eq!(
            found[0].because,
            "the account …055 (se.bankgiro) differs from the last 14 invoices of this sender"
        );
    }
}
