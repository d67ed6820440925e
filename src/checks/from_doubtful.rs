//! The sender's domain is under a top-level domain of throw-away names, or the sender's name has pictures in it.
//!
//! Some honest people live there, and some shops put a star before their name, so each weighs little. The Nordic top-level domains
//! and all that Nordic firms commonly use are not in the table (`known/hosts`, tested).

use super::{Case, Check, Finding, known::hosts::is_doubtful_top};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["from.doubtful_top", "from.pictures"],
    about: "The sender's domain is of a kind that is mostly thrown away after use, or its name is decorated with pictures.",
    plain: "The sender looks like one of many that send unwanted mail.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(from) = case.from() else { return };
    if let Some(owner) = case.from_owner().filter(|owner| is_doubtful_top(owner)) {
        let because = format!("the sender's domain is {owner}");
        findings.push(Finding::new("from.doubtful_top", Category::Spam, 1.0, because));
    }
    if from.name.chars().any(is_picture) {
        findings.push(Finding::new(
            "from.pictures",
            Category::Spam,
            0.8,
            "pictures in the sender's name",
        ));
    }
}

/// Emoji and dingbats. Trade marks, arrows and the like are no pictures.
fn is_picture(letter: char) -> bool {
    matches!(letter, '\u{1F300}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B50}' | '\u{2B55}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, mail};

    #[test]
    fn finds() {
        for (from, want) in [
            ("Åsa <asa@firma.example>", &[][..]),
            ("Åsa <asa@firma.se>", &[]),
            ("Butik® <info@butik.se>", &[]),
            ("Paket <x@a1b2.top>", &["from.doubtful_top"]),
            ("\u{1F31F} Vinst <x@firma.example>", &["from.pictures"]),
        ] {
            expect(&CHECK, &Setting::default(), &mail(from, "hi"), want);
        }
    }
}
