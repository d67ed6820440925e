//! Message-ID: missing, malformed, or of the recipient's own domain, which spam programs take from the address they write to.
//!
//! RFC 5322 section 3.6.4 says every mail should have one. An own domain is honest in answers of our own users that come back by a list
//! or a forwarder, so those are left alone. Outbound nothing is said: clients leave it to us.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, mail::Domain};

pub(super) const CHECK: Check = Check {
    ids: &["message_id.missing", "message_id.malformed", "message_id.ours"],
    about: "The mail has no proper Message-ID, or one that pretends to be made by the recipient.",
    plain: "The mail has no proper Message-ID.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() {
        return;
    }
    let found = |id, weight, because: &str| Finding::new(id, Category::Spam, weight, because);
    let Some(value) = case.mail.header.value("Message-ID").filter(|value| !value.is_empty()) else {
        findings.push(found("message_id.missing", 1.0, "no Message-ID field"));
        return;
    };
    match right_side(&value) {
        None => findings.push(found("message_id.malformed", 0.5, "not of the form <left@right>")),
        Some(right) if is_ours(case, right) && !case.is_list() && !is_own_mail(case) => {
            findings.push(found("message_id.ours", 1.0, "made in the recipient's domain"));
        }
        Some(_) => (),
    }
}

/// RFC 5322 section 3.6.4, as tolerantly as honest programs need: Exchange puts odd characters left, some put no dot right.
fn right_side(value: &str) -> Option<&str> {
    let inner = value.split('(').next()?.trim().strip_prefix('<')?.strip_suffix('>')?;
    let (left, right) = inner.rsplit_once('@')?;
    let plain = !left.is_empty()
        && !right.is_empty()
        && !inner.contains(char::is_whitespace)
        && !inner.contains(['<', '>']);
    plain.then_some(right)
}

fn is_ours(case: &Case, right: &str) -> bool {
    let Ok(right) = Domain::parse(right) else { return false };
    let domains =
        case.mail.envelope.recipients.iter().filter_map(|recipient| recipient.address.domain());
    domains.into_iter().any(|domain| *domain == right)
}

/// From one of the recipients' domains as well: a forwarded mail of a colleague, or a forgery that others judge.
fn is_own_mail(case: &Case) -> bool {
    let Some(from) = case.from().and_then(|from| from.domain()) else { return false };
    is_ours(case, from.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("Message-ID: <1@example.org>\n\nhi", &[][..]),
            ("Message-Id: <a%b$c.d@[192.0.2.1]>\n\nhi", &[]),
            ("Message-ID: <20261121.1@server> (added by relay)\n\nhi", &[]),
            ("Subject: x\n\nhi", &["message_id.missing"]),
            ("Message-ID:\n\nhi", &["message_id.missing"]),
            ("Message-ID: 1@example.org\n\nhi", &["message_id.malformed"]),
            ("Message-ID: <12345>\n\nhi", &["message_id.malformed"]),
            ("Message-ID: <a b@example.org>\n\nhi", &["message_id.malformed"]),
            ("From: a@example.org\nMessage-ID: <1@ours.example>\n\nhi", &["message_id.ours"]),
            ("From: a@ours.example\nMessage-ID: <1@ours.example>\n\nhi", &[]),
            ("From: a@example.org\nMessage-ID: <1@ours.example>\nList-Id: <l.example>\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
            expect(&CHECK, &Setting::default().outbound(), mail, &[]);
        }
    }
}
