//! A mail that is one text, in base64, and plain ASCII all through: encoded for no reader's sake. Libraries do it for any UTF-8 text, so it
//! weighs little; with a declared character set of ASCII it has no excuse. Nordic letters make it honest.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["text.needless_base64"],
    about: "The text is plain ASCII and encoded in base64 all the same.",
    plain: "The mail's text is encoded to hide its words.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let base64 = header
        .value("Content-Transfer-Encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("base64"));
    let declared = header.value("Content-Type").unwrap_or_default().to_ascii_lowercase();
    let [text] = case.contents.texts.as_slice() else { return };
    let long = text.shown.len() >= LETTERS_MIN;
    if base64 && declared.starts_with("text/") && long && text.shown.is_ascii() {
        let weight =
            if declared.contains("us-ascii") || declared.contains("iso-8859") { 1.5 } else { 0.3 };
        findings.push(Finding::new(
            "text.needless_base64",
            Category::Spam,
            weight,
            "base64 around plain ASCII",
        ));
    }
}

/// In a shorter text a missing å is chance.
const LETTERS_MIN: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, text},
        examine::Contents,
    };

    #[test]
    fn finds() {
        let ascii = "Plain words. ".repeat(20);
        let nordic = "Vanliga ord på svenska. ".repeat(20);
        for (encoding, charset, shown, want) in [
            ("base64", "utf-8", ascii.as_str(), &["text.needless_base64"][..]),
            ("BASE64", "us-ascii", &ascii, &["text.needless_base64"]),
            ("base64", "utf-8", &nordic, &[]),
            ("base64", "utf-8", "hi", &[]),
            ("7bit", "us-ascii", &ascii, &[]),
        ] {
            let setting =
                Setting::holding(Contents { texts: vec![text(shown)], ..Contents::default() });
            let mail = format!(
                "Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n\nx"
            );
            expect(&CHECK, &setting, &mail, want);
        }
    }
}
