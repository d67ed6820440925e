//! The Date field is missing, unreadable, in the future or long past. RFC 5322 section 3.6.1 asks for one; servers sort by it, so spam
//! has long set it to stand on top. Lists and resent mail may be old. Outbound nothing is said: clients leave it to us.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, wire::date};

pub(super) const CHECK: Check = Check {
    ids: &["date.missing", "date.unreadable", "date.future", "date.past"],
    about: "The mail's date is missing, unreadable, more than a day in the future or more than two weeks past.",
    plain: "The mail has a wrong date or none.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() {
        return;
    }
    let found = |id, weight, because: String| Finding::new(id, Category::Spam, weight, because);
    let Some(value) = case.mail.header.value("Date") else {
        findings.push(found("date.missing", 1.0, "no Date field".to_string()));
        return;
    };
    let Some(date) = date::read(&value) else {
        findings.push(found("date.unreadable", 0.5, "no date of RFC 5322 section 3.3".to_string()));
        return;
    };
    let received = i64::try_from(case.mail.received.0 / 1_000).unwrap_or(i64::MAX);
    let ahead = date.saturating_sub(received);
    if ahead > FUTURE_MAX {
        findings.push(found("date.future", 2.0, format!("{} hours ahead", ahead / 3_600)));
    }
    if ahead < -PAST_MAX && !is_late_for_a_reason(case) {
        findings.push(found("date.past", 1.0, format!("{} days old", -ahead / DAY)));
    }
}

/// A list's archive, a resent mail, or one that another server held and released.
fn is_late_for_a_reason(case: &Case) -> bool {
    case.is_list()
        || case.mail.header.count("Resent-Date") > 0
        || case.mail.header.count("Resent-From") > 0
}

const DAY: i64 = 86_400;
/// A clock in the wrong time zone is off by half a day at most.
const FUTURE_MAX: i64 = DAY;
/// RFC 5321 section 4.5.4.1: queues hold mail for four or five days; a mail may pass several.
const PAST_MAX: i64 = 14 * DAY;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("Date: Sat, 21 Nov 2026 12:00:00 +0000\n\nhi", &[][..]),
            ("Date: Sat, 21 Nov 2026 23:59:00 -0800\n\nhi", &[]),
            ("Date: Mon, 23 Nov 2026 12:00:00 +0000\n\nhi", &["date.future"]),
            ("Date: Sun, 8 Nov 2026 12:00:00 +0000\n\nhi", &[]),
            ("Date: Fri, 6 Nov 2026 12:00:00 +0000\n\nhi", &["date.past"]),
            ("Date: Fri, 6 Nov 2026 12:00:00 +0000\nList-Id: <l.example>\n\nhi", &[]),
            ("Date: Fri, 6 Nov 2026 12:00:00 +0000\nResent-Date: x\n\nhi", &[]),
            ("Date: yesterday\n\nhi", &["date.unreadable"]),
            ("Subject: x\n\nhi", &["date.missing"]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
            expect(&CHECK, &Setting::default().outbound(), mail, &[]);
        }
    }
}
