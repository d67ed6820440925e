//! A link shows one address and leads to another: the reader sees the bank, the click goes elsewhere.
//!
//! Newsletters count clicks by links through a tracker, so three honest cases are eased: the shown site is the sender's own, the target is the
//! sender's own, and the target is the scanner of another mail system; a mail that says it is a newsletter is eased in part. A well-known
//! brand shown by somebody else is never eased.

use super::{
    Case, Check, Finding,
    known::{brands, hosts::is_rewriter},
    read::hosts,
};
use crate::{config::policy::Category, examine::Link};

pub(super) const CHECK: Check = Check {
    ids: &["link.text_differs", "link.text_tracked"],
    about: "A link shows one web address and leads to another; '_tracked': as newsletters do to count clicks.",
    plain: "A link in the mail leads somewhere else than it says.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let sender = Sender::of(case);
    let worst = case
        .contents
        .links
        .iter()
        .filter(|link| !link.fetched && !link.shown.is_empty() && !is_rewriter(&link.host))
        .filter_map(|link| deception(link, &sender))
        .max_by(|a, b| a.weight.total_cmp(&b.weight));
    findings.extend(worst);
}

/// What the mail says of who sends it.
struct Sender {
    /// The registered domains of From and of the envelope.
    owners: Vec<String>,
    /// It says that it goes to many.
    is_newsletter: bool,
}

impl Sender {
    fn of(case: &Case) -> Sender {
        let envelope = case.mail.envelope.sender.address().and_then(|address| address.domain());
        let envelope = envelope.map(|domain| domain.registered().to_string());
        Sender {
            owners: case.from_owner().into_iter().chain(envelope).collect(),
            is_newsletter: case.is_list() || case.mail.header.count("List-Unsubscribe") > 0,
        }
    }
}

fn deception(link: &Link, sender: &Sender) -> Option<Finding> {
    let shown = hosts::owner(&hosts::shown_host(&link.shown)?)?;
    let target = match (hosts::owner(&link.host), hosts::address(&link.host)) {
        (Some(owner), _) => owner,
        (None, Some(address)) => address.to_string(),
        (None, None) => return None,
    };
    // The same name under another top-level domain is the same firm.
    if hosts::label(&shown) == hosts::label(&target) {
        return None;
    }
    let shows_sender = sender.owners.contains(&shown);
    let foreign_brand =
        brands::owner_of(&shown).filter(|brand| !brand.owns(&target) && !shows_sender);
    let (id, weight) = match (foreign_brand, shows_sender || sender.owners.contains(&target)) {
        (Some(_), _) => ("link.text_differs", 3.0),
        (None, true) => ("link.text_tracked", 0.0),
        (None, false) if sender.is_newsletter => ("link.text_differs", 0.8),
        (None, false) => ("link.text_differs", 1.5),
    };
    let because = format!("shows {shown}, leads to {target}");
    Some(Finding::new(id, Category::Phish, weight, because).in_part(&link.part, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{expect_in, links};

    #[test]
    fn finds() {
        for (target, shown, want) in [
            ("https://www.bank.se/login", "https://www.bank.se/login", &[][..]),
            ("https://login.bank.se/", "www.bank.se", &[]),
            ("https://bank.com/", "bank.se", &[]),
            ("https://evil.top/", "Click here", &[]),
            ("https://evil.top/", "https://www.bank.se/login", &["link.text_differs"]),
            ("https://192.0.2.7/", "https://www.bank.se/login", &["link.text_differs"]),
            ("https://evil.top/", "www.nordea.se", &["link.text_differs"]),
            // The mail is from example.org.
            ("https://tracker.se/c/1", "www.example.org", &["link.text_tracked"]),
            ("https://click.example.org/c/1", "www.firma.se", &["link.text_tracked"]),
            ("https://click.example.org/c/1", "www.nordea.se", &["link.text_differs"]),
            ("https://eur01.safelinks.protection.outlook.com/?url=x", "www.bank.se", &[]),
            ("mailto:a@evil.top", "a@bank.se", &[]),
            ("https://evil.top/", "", &[]),
        ] {
            expect_in(&CHECK, links(&[(target, shown)]), want);
        }
    }
}
