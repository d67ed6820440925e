//! The mail uses the recipient's own address as a lure: in the subject ("anna@ours.example: your mailbox is full"), or behind the `#` of a link,
//! where a false login page reads it to greet its victim by name and no server sees it.
//!
//! Newsletters put the address into the query of an unsubscribe link; that is not counted. Systems of our own that name a mailbox in the
//! subject do so from one of the recipients' domains.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["subject.names_recipient", "link.names_recipient"],
    about: "The recipient's own address stands in the subject or behind the # of a link.",
    plain: "The mail uses your address to look as if it knew you.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() || is_from_ours(case) {
        return;
    }
    let recipients = &case.mail.envelope.recipients;
    let addresses: Vec<String> = recipients
        .iter()
        .take(RECIPIENTS_LOOKED_AT_MAX)
        .map(|recipient| recipient.address.key())
        .collect();
    let names = |text: &str| {
        addresses.iter().any(|address| address.contains('@') && text.contains(address))
    };
    let subject = case.mail.header.text("Subject").unwrap_or_default().to_lowercase();
    if names(&subject) {
        let because = "the recipient's address in the subject";
        findings.push(Finding::new("subject.names_recipient", Category::Phish, 1.0, because));
    }
    let baited = |link: &&crate::examine::Link| {
        let fragment = link
            .target
            .split_once('#')
            .map(|(_, fragment)| fragment.to_lowercase().replace("%40", "@"));
        link.scheme.starts_with("http") && fragment.is_some_and(|fragment| names(&fragment))
    };
    if let Some(link) = case.contents.links.iter().find(baited) {
        let because = format!("the recipient's address behind the # of a link to {}", link.host);
        findings.push(
            Finding::new("link.names_recipient", Category::Phish, 2.5, because)
                .in_part(&link.part, ""),
        );
    }
}

fn is_from_ours(case: &Case) -> bool {
    let Some(from) = case.from().and_then(|from| from.domain()) else { return false };
    case.mail.envelope.recipients.iter().any(|recipient| recipient.address.domain() == Some(&from))
}

/// A lure names one or a few.
const RECIPIENTS_LOOKED_AT_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, links, mail};

    #[test]
    fn finds() {
        for (from, subject, target, want) in [
            ("a@example.org", "Årsmöte", "https://shop.example/", &[][..]),
            (
                "a@example.org",
                "B@ours.example: mailbox full",
                "https://shop.example/",
                &["subject.names_recipient"],
            ),
            ("it@ours.example", "b@ours.example: mailbox full", "https://shop.example/", &[]),
            ("a@example.org", "hi", "https://shop.example/u?m=b@ours.example", &[]),
            (
                "a@example.org",
                "hi",
                "https://evil.example/x#b@ours.example",
                &["link.names_recipient"],
            ),
            (
                "a@example.org",
                "hi",
                "https://evil.example/x#B%40ours.example",
                &["link.names_recipient"],
            ),
        ] {
            expect(&CHECK, &Setting::holding(links(&[(target, "")])), &mail(from, subject), want);
        }
    }
}
