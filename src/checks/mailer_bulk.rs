//! X-Mailer or User-Agent names a program made for unasked bulk mail, or the mail pretends to be made by Outlook: its X-Mailer without the fields
//! that Outlook always adds, or its form of Message-ID without its X-Mailer.
//!
//! The programs sign their work more often than one would think. Honest newsletter programs are not in the table (`known/programs`);
//! lists drop fields, so the others are not asked of their mail.

use super::{Case, Check, Finding, known::programs};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["mailer.bulk_tool", "mailer.false_outlook", "mailer.outlook_message_id"],
    about: "The mail was made by a program for unasked bulk mail, or by one that pretends to be an ordinary mail program.",
    plain: "The mail was made by a program for bulk mail.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let mailers = ["X-Mailer", "User-Agent", "X-Mail-Agent"];
    for mailer in mailers.iter().filter_map(|name| header.value(name)) {
        if let Some(tool) = programs::bulk_tool(&mailer) {
            findings.push(Finding::new(
                "mailer.bulk_tool",
                Category::Spam,
                3.0,
                format!("signed by {tool}"),
            ));
            return;
        }
    }
    let mailer = header.value("X-Mailer").unwrap_or_default();
    // Outlook Express writes X-MimeOLE, Outlook up to this day Thread-Index; servers on the way may add the third.
    let traces = ["X-MimeOLE", "Thread-Index", "X-OriginalArrivalTime"];
    let traceless = traces.iter().all(|name| header.count(name) == 0);
    if case.is_list() || !traceless {
        return;
    }
    if mailer.starts_with("Microsoft Outlook") {
        let because = "says Outlook, lacks every field that Outlook adds";
        findings.push(Finding::new("mailer.false_outlook", Category::Spam, 2.5, because));
    } else if header.value("Message-ID").is_some_and(|id| is_outlook_id(&id)) {
        let because = "a Message-ID as Outlook makes it, in a mail that Outlook did not make";
        findings.push(Finding::new("mailer.outlook_message_id", Category::Spam, 2.0, because));
    }
}

/// `<` twelve hex digits `$` eight `$` eight `@`.
fn is_outlook_id(id: &str) -> bool {
    let Some((left, _)) = id.strip_prefix('<').and_then(|inner| inner.split_once('@')) else {
        return false;
    };
    let lengths: Vec<usize> = left.split('$').map(str::len).collect();
    lengths == [12, 8, 8] && left.chars().all(|letter| letter == '$' || letter.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("X-Mailer: Microsoft Outlook 16.0\nThread-Index: AdY=\n\nhi", &[][..]),
            ("X-Mailer: Microsoft Outlook 16.0\n\nhi", &["mailer.false_outlook"]),
            (
                "Message-ID: <000001d9a1b2$c3d4e5f0$01020304@host>\n\nhi",
                &["mailer.outlook_message_id"],
            ),
            ("Message-ID: <000001d9a1b2$c3d4e5f0$01020304@host>\nThread-Index: AdY=\n\nhi", &[]),
            ("Message-ID: <0001$c3d4$0102@host>\n\nhi", &[]),
            ("X-Mailer: Send-Safe 2\n\nhi", &["mailer.bulk_tool"]),
            ("User-Agent: gophish\n\nhi", &["mailer.bulk_tool"]),
            ("X-Mailer: Microsoft Outlook Express 6.00\n\nhi", &["mailer.false_outlook"]),
            ("X-Mailer: Microsoft Outlook Express 6.00\nX-MimeOLE: Produced\n\nhi", &[]),
            ("X-Mailer: Microsoft Outlook Express 6.00\nList-Id: <l.example>\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
