//! The mail does not say to whom it is: no To, no Cc; "undisclosed recipients"; or the sender writes to itself and means others.
//!
//! Associations send to themselves with everybody in Bcc, so all three weigh next to nothing: they help only together with other signs.
//! Inbound only; lists are left alone.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, mail::Mailbox};

pub(super) const CHECK: Check = Check {
    ids: &["to.missing", "to.undisclosed", "to.sender"],
    about: "The header names no recipient, or only the sender.",
    plain: "The mail does not say whom it is for.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() || case.is_list() {
        return;
    }
    let header = case.mail.header;
    let named = header.count("To") + header.count("Cc") + header.count("Apparently-To") > 0;
    let recipients: Vec<Mailbox> =
        ["To", "Cc"].iter().flat_map(|name| header.mailboxes(name)).collect();
    let found = |id, weight, because| Finding::new(id, Category::Spam, weight, because);
    if !named {
        findings.push(found("to.missing", 0.3, "neither To nor Cc"));
    } else if recipients.is_empty() {
        findings.push(found("to.undisclosed", 0.3, "no address in To or Cc"));
    } else if is_to_sender_only(case, &recipients) {
        findings.push(found("to.sender", 0.3, "addressed to its own sender, delivered to others"));
    }
}

fn is_to_sender_only(case: &Case, recipients: &[Mailbox]) -> bool {
    let Some(from) = case.from() else { return false };
    let from = from.address.to_lowercase();
    recipients.iter().all(|mailbox| mailbox.address.to_lowercase() == from)
        && case.mail.envelope.recipients.iter().all(|recipient| recipient.address.key() != from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("From: a@example.org\nTo: b@ours.example\n\nhi", &[][..]),
            ("From: a@example.org\nCc: b@ours.example\n\nhi", &[]),
            ("From: a@example.org\n\nhi", &["to.missing"]),
            ("From: a@example.org\nTo: undisclosed-recipients:;\n\nhi", &["to.undisclosed"]),
            ("From: a@example.org\nTo: A@example.org\n\nhi", &["to.sender"]),
            ("From: b@ours.example\nTo: b@ours.example\n\nhi", &[]),
            ("From: a@example.org\nList-Id: <l.example>\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
            expect(&CHECK, &Setting::default().outbound(), mail, &[]);
        }
    }
}
