//! No From field, several, or one without a usable address. RFC 5322 section 3.6 asks for exactly one; mail programs write one always.
//!
//! Several From fields are how a mail passes authentication under one name and is shown under another: readers differ about which counts.
//! Outbound nothing is said about a missing one: a submission server may add it (RFC 6409 section 8.1).

use super::{Case, Check, Demand, Finding};
use crate::{config::policy::Category, mail::Domain};

pub(super) const CHECK: Check = Check {
    ids: &["from.missing", "from.repeated", "from.no_address", "from.bad_domain", "from.unquoted"],
    about: "The From field is missing, stands there twice, or has no address that could be answered.",
    plain: "The mail does not say properly whom it is from.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    match case.mail.header.count("From") {
        0 if case.is_inbound() => {
            findings.push(Finding::new("from.missing", Category::Format, 2.0, "no From field"));
        }
        0 => (),
        1 => {
            findings.extend(bad_address(case));
            findings.extend(unquoted(case));
        }
        several => findings.push(
            Finding::new("from.repeated", Category::Phish, 3.0, format!("{several} From fields"))
                .demanding(Demand::Unscanned),
        ),
    }
}

fn bad_address(case: &Case) -> Option<Finding> {
    let found = |id, weight, because: &str| Some(Finding::new(id, Category::Spam, weight, because));
    let address = case.from().map(|from| from.address).unwrap_or_default();
    let Some((_, domain)) = address.rsplit_once('@') else {
        return found("from.no_address", 1.5, "no address in From");
    };
    match Domain::parse(domain) {
        // A host of one label is some machine's own name for itself: cron mail of a neighbour, or a lie.
        Ok(domain) if domain.as_str().contains('.') => None,
        Ok(_) => found("from.bad_domain", 0.5, "the domain in From has no dot"),
        Err(_) => found("from.bad_domain", 1.5, "the domain in From is none"),
    }
}

/// RFC 5322 section 3.2.3: a comma in a name wants quotes, else it parts two mailboxes, and the first has no address.
fn unquoted(case: &Case) -> Option<Finding> {
    let mailboxes = case.mail.header.mailboxes("From");
    let [first, _, ..] = mailboxes.as_slice() else { return None };
    let other = mailboxes.iter().any(|mailbox| mailbox.address.contains('@'));
    (!first.address.contains('@') && other).then(|| {
        Finding::new("from.unquoted", Category::Spam, 0.7, "a comma in the name without quotes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("From: a@example.org\n\nhi", &[][..]),
            ("From: \"Öberg, Åsa\" <asa@räksmörgås.example>\n\nhi", &[]),
            ("Subject: x\n\nhi", &["from.missing"]),
            ("From: a@example.org\nFrom: b@example.org\n\nhi", &["from.repeated"]),
            ("From: Support\n\nhi", &["from.no_address"]),
            ("From: Support <>\n\nhi", &["from.no_address"]),
            ("From: Öberg, Åsa <asa@example.org>\n\nhi", &["from.unquoted"]),
            ("From: a@example.org, b@example.org\n\nhi", &[]),
            ("From: root@server\n\nhi", &["from.bad_domain"]),
            ("From: a@-x-.example\n\nhi", &["from.bad_domain"]),
            ("From: a@192.0.2.1\n\nhi", &["from.bad_domain"]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
        expect(&CHECK, &Setting::default().outbound(), "Subject: x\n\nhi", &[]);
    }
}
