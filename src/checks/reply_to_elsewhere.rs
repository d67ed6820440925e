//! Answers go to a free mailbox while the mail says it is from somewhere else: how frauds that live on answers hide.
//!
//! Small clubs with a web form do the same, so it weighs little; two different free mailboxes weigh more. Lists set Reply-To themselves.

use super::{Case, Check, Finding, known::hosts::is_freemail};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["reply_to.freemail", "reply_to.other_freemail"],
    about: "Answers would go to a free mailbox that is not the sender's.",
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
    let (id, weight) = match is_freemail(&from_owner) {
        true => ("reply_to.other_freemail", 1.5),
        false => ("reply_to.freemail", 1.0),
    };
    let because = format!("from {from_owner}, answers to {reply_owner}");
    findings.push(Finding::new(id, Category::Phish, weight, because));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

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
