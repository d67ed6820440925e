//! `Re:` without a trace of the mail it answers, or `Fwd:` without anything forwarded: an old trick to look expected.
//!
//! People also type `Re:` by hand and some phones drop the references, so it weighs little. All Nordic forms are known (Sv, VS, VB, VL, Vid).

use super::{Case, Check, Finding};
use crate::{config::policy::Category, examine::PartKind};

pub(super) const CHECK: Check = Check {
    ids: &["subject.reply_to_nothing", "subject.forward_of_nothing"],
    about: "The subject says the mail is an answer or forwarded, and nothing in it confirms that.",
    plain: "The mail pretends to be an answer.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let Some(subject) = header.text("Subject") else { return };
    let traces =
        ["In-Reply-To", "References", "Thread-Index", "Thread-Topic", "X-Forwarded-Message-Id"];
    let Some((prefix, _)) = subject.split_once(':') else { return };
    let prefix = prefix.trim().to_lowercase();
    if traces.iter().any(|name| header.count(name) > 0) || has_quotation(case) {
        return;
    }
    if REPLY.contains(&prefix.as_str()) {
        let because = "an answer without references";
        findings.push(Finding::new("subject.reply_to_nothing", Category::Spam, 0.5, because));
    } else if FORWARD.contains(&prefix.as_str())
        && !case.contents.texts.is_empty()
        && case.has_no_attachment()
    {
        let because = "forwarded without anything forwarded";
        findings.push(Finding::new("subject.forward_of_nothing", Category::Spam, 0.5, because));
    }
}

/// Quoted lines, the lines mail programs put above a forwarded mail, or a mail inside.
fn has_quotation(case: &Case) -> bool {
    let quoted = |line: &str| {
        let line = line.trim_start().to_lowercase();
        line.starts_with('>')
            || line.starts_with("---")
            || line.starts_with("___")
            || QUOTATION.iter().any(|begin| line.starts_with(begin))
    };
    case.contents.parts.iter().any(|part| part.kind == PartKind::Message)
        || case
            .contents
            .texts
            .iter()
            .any(|text| text.shown.lines().take(LINES_LOOKED_AT).any(quoted))
}

/// Where a quotation begins, if it does.
const LINES_LOOKED_AT: usize = 500;
/// "VS" is an answer in Finnish and forwarded in Norwegian; either way something is quoted.
const REPLY: &[&str] = &["re", "sv", "vs", "aw", "antw", "vast", "ang"];
const FORWARD: &[&str] = &["fwd", "fw", "vb", "vl", "vid", "wg", "tr"];
const QUOTATION: &[&str] = &[
    "from:",
    "från:",
    "fra:",
    "lähettäjä:",
    "von:",
    "begin forwarded",
    "on ",
    "den ",
    "*from:",
    "*från:",
    "*fra:",
    "original message",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, mail, text},
        examine::Contents,
    };

    #[test]
    fn finds() {
        for (subject, body, want) in [
            ("Re: lunch", "ok", &["subject.reply_to_nothing"][..]),
            ("SV: lunch", "ok", &["subject.reply_to_nothing"]),
            ("SV: lunch", "ok\n> lunch?", &[]),
            ("Vs: lounas", "ok\nLähettäjä: Päivi", &[]),
            ("VB: avtal", "se nedan", &["subject.forward_of_nothing"]),
            ("VB: avtal", "se nedan\nFrån: Åsa", &[]),
            ("Reply: lunch", "ok", &[]),
            ("lunch", "ok", &[]),
        ] {
            let setting =
                Setting::holding(Contents { texts: vec![text(body)], ..Contents::default() });
            expect(&CHECK, &setting, &mail("a@example.org", subject), want);
        }
        expect(
            &CHECK,
            &Setting::default(),
            "Subject: Re: lunch\nIn-Reply-To: <1@ours.example>\n\nok",
            &[],
        );
    }
}
