//! A subject encoded without need or in a tangle: base64 around plain ASCII, or several character sets in one subject, so that filters which
//! do not decode see nothing. Programs that encode everything exist, so the first weighs little. Nordic letters need encoding and never count;
//! neither do raw ones, which old Nordic programs send.

use super::{Case, Check, Finding};
use crate::config::policy::Category;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    ids: &["subject.needless_base64", "subject.several_charsets"],
    about: "The subject is encoded in base64 though it is plain ASCII, or in several character sets.",
    plain: "The mail's subject is encoded to hide its words.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let Some(raw) = header.value("Subject").filter(|raw| raw.contains("=?")) else { return };
    let found = |id, weight, because: String| Finding::new(id, Category::Spam, weight, because);
    let words: Vec<(&str, &str)> = raw.split("=?").skip(1).filter_map(charset_and_kind).collect();
    let base64 = !words.is_empty() && words.iter().all(|(_, kind)| kind.eq_ignore_ascii_case("b"));
    if base64 && header.text("Subject").is_some_and(|text| text.is_ascii()) {
        findings.push(found(
            "subject.needless_base64",
            0.3,
            "base64 around plain ASCII".to_string(),
        ));
    }
    // ASCII beside another set is what programs make that encode each word as it needs.
    let charsets: BTreeSet<String> = words
        .iter()
        .map(|(charset, _)| charset.to_lowercase())
        .filter(|charset| charset != "us-ascii")
        .collect();
    if charsets.len() > 1 {
        findings.push(found(
            "subject.several_charsets",
            1.0,
            format!("{} character sets", charsets.len()),
        ));
    }
}

/// RFC 2047 section 2: what follows `=?`.
fn charset_and_kind(word: &str) -> Option<(&str, &str)> {
    let mut fields = word.split('?');
    Some((fields.next()?, fields.next().filter(|kind| kind.len() == 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, mail};

    #[test]
    fn finds() {
        for (subject, want) in [
            ("plain", &[][..]),
            ("Räkning", &[]),
            ("=?UTF-8?B?UsOka25pbmc=?=", &[]),
            ("=?UTF-8?Q?R=C3=A4kning?= =?us-ascii?Q?x?=", &[]),
            ("=?UTF-8?Q?plain?=", &[]),
            ("=?UTF-8?B?cGxhaW4=?=", &["subject.needless_base64"]),
            ("=?UTF-8?Q?R=C3=A4?= =?iso-8859-1?Q?kning?=", &["subject.several_charsets"]),
            ("2 =? 3", &[]),
        ] {
            expect(&CHECK, &Setting::default(), &mail("a@example.org", subject), want);
        }
    }
}
