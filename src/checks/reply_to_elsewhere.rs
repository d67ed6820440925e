//! Answers go to a free mailbox while the mail says it is from somewhere else: how frauds that live on answers hide.
//!
//! Where the free mailbox, or the name beside it, calls itself by somebody of ours, one of our domains or a well-known brand, it weighs most.
//!
//! Small clubs with a web form do the same, so it weighs little; two different free mailboxes weigh more. Lists set Reply-To themselves.

use super::{
    Case, Check, Finding,
    from_impostor::shown,
    house::{Closeness, Namesake},
    known::{brands, hosts::is_freemail},
    read::{hosts, letters},
};
use crate::{
    config::policy::Category,
    mail::{Domain, Mailbox},
};

pub(super) const CHECK: Check = Check {
    ids: &["reply_to.freemail", "reply_to.other_freemail", "reply_to.false_name"],
    about: "Answers would go to a free mailbox that is not the sender's; '_name': that bears the name of somebody of ours or of a brand.",
    plain: "Answers to the mail would go to a different, free mailbox.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() || case.is_list() {
        return;
    }
    let header = case.mail.header;
    let (Some(from), Some(reply_to)) =
        (case.from(), header.mailboxes("Reply-To").into_iter().next())
    else {
        return;
    };
    let owner = |mailbox: &crate::mail::Mailbox| {
        mailbox.domain().map(|domain| domain.registered().to_string())
    };
    let (Some(from_owner), Some(reply_owner)) = (owner(&from), owner(&reply_to)) else { return };
    if !is_freemail(&reply_owner) || from.address.eq_ignore_ascii_case(&reply_to.address) {
        return;
    }
    let whose = false_name(case, &reply_to);
    let (id, weight) = match (whose, is_freemail(&from_owner)) {
        (Some(_), _) => ("reply_to.false_name", 2.5),
        (None, true) => ("reply_to.other_freemail", 1.5),
        (None, false) => ("reply_to.freemail", 1.0),
    };
    let whose = whose.map(|whose| format!(", in the name of {whose}")).unwrap_or_default();
    let because = format!("from {from_owner}, answers to {reply_owner}{whose}");
    findings.push(Finding::new(id, Category::Phish, weight, because));
}

/// Whose name a free mailbox bears that is none of theirs.
fn false_name(case: &Case, reply_to: &Mailbox) -> Option<&'static str> {
    let local = reply_to.address.rsplit_once('@').map_or("", |(local, _)| local);
    let vip = |name: &str| {
        let mut namesakes =
            case.houses.iter().filter_map(|house| house.namesake(name, &reply_to.address));
        namesakes.any(|namesake| namesake == Namesake::Vip(Closeness::Same))
    };
    if vip(shown(reply_to)) || vip(local) {
        return Some("one of the vips");
    }
    if brands::claimed_by(&reply_to.name).is_some() || brands::claimed_by(local).is_some() {
        return Some("a brand");
    }
    let recipients = case.mail.envelope.recipients.iter().take(RECIPIENTS_MAX);
    let domains = recipients.filter_map(|recipient| recipient.address.domain());
    let is_own = |domain: &&Domain| case.houses.iter().any(|house| house.owns(domain.registered()));
    let mut own = domains.filter(is_own);
    own.any(|domain| is_named(local, domain)).then_some("our domain")
}

/// Is the domain's own label one of the words of a mailbox: `firm.payments@`?
fn is_named(local: &str, domain: &Domain) -> bool {
    let label = letters::drawn(hosts::label(domain.registered()));
    let local = letters::drawn(local);
    let mut words = local.split(|letter: char| !letter.is_alphanumeric());
    label.len() >= LABEL_LETTERS_MIN && words.any(|word| word == label)
}

/// Recipients whose domains are compared.
const RECIPIENTS_MAX: usize = 5;
/// Shorter labels are words.
const LABEL_LETTERS_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{
        House,
        house::{Foundation, People},
        testing::{Setting, expect},
    };

    #[test]
    fn names_that_are_not_theirs() {
        let mut people = People::default();
        people.add_vip("Anna Andersson", ["anna.a@gmail.com".to_string()]);
        let mut foundation = Foundation::default();
        foundation.own(&Domain::parse("ours.example").unwrap());
        let house: House = foundation.house(&[], people);
        let setting = Setting { house, ..Setting::default() };
        for (reply_to, want) in [
            ("b@gmail.com", "reply_to.freemail"),
            ("Anna Andersson <b@gmail.com>", "reply_to.false_name"),
            ("Anna Andersson <anna.a@gmail.com>", "reply_to.freemail"),
            ("anna.andersson@gmail.com", "reply_to.false_name"),
            ("PostNord <b@gmail.com>", "reply_to.false_name"),
            ("postnord.support@gmail.com", "reply_to.false_name"),
            ("ours.payments@gmail.com", "reply_to.false_name"),
            ("colours@gmail.com", "reply_to.freemail"),
        ] {
            let mail = format!("From: a@firma.example\nReply-To: {reply_to}\n\nhi");
            expect(&CHECK, &setting, &mail, &[want]);
        }
    }

    #[test]
    fn finds() {
        for (mail, want) in [
            ("From: a@firma.example\nReply-To: b@firma.example\n\nhi", &[][..]),
            ("From: a@gmail.com\nReply-To: A@gmail.com\n\nhi", &[]),
            ("From: a@gmail.com\nReply-To: b@gmail.com\n\nhi", &["reply_to.other_freemail"]),
            ("From: a@firma.example\nReply-To: b@gmail.com\n\nhi", &["reply_to.freemail"]),
            ("From: a@gmail.com\nReply-To: list@firma.example\n\nhi", &[]),
            ("From: a@firma.example\nReply-To: b@gmail.com\nList-Id: <l.example>\n\nhi", &[]),
            ("From: a@firma.example\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
