//! The sender's domain is under a top-level domain of throw-away names, its name has pictures in it, or its mailbox is letters and digits
//! in turns, as programs make them up (`a1b2c3`). A year of birth behind a name is no such thing.
//!
//! Some honest people live there, and some shops put a star before their name, so each weighs little. The Nordic top-level domains
//! and all that Nordic firms commonly use are not in the table (`known/hosts`, tested).

use super::{Case, Check, Finding, known::hosts::is_doubtful_top};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["from.doubtful_top", "from.pictures", "from.random_mailbox"],
    about: "The sender's domain or mailbox is of a kind that is mostly thrown away after use, or its name is decorated with pictures.",
    plain: "The sender looks like one of many that send unwanted mail.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(from) = case.from() else { return };
    if let Some(owner) = case.from_owner().filter(|owner| is_doubtful_top(owner)) {
        let because = format!("the sender's domain is {owner}");
        findings.push(Finding::new("from.doubtful_top", Category::Spam, 0.8, because));
    }
    let local = from.address.rsplit_once('@').map(|(local, _)| local).unwrap_or_default();
    if is_random(local) && !case.is_list() {
        findings.push(Finding::new(
            "from.random_mailbox",
            Category::Spam,
            1.2,
            "letters and digits in turns",
        ));
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

/// Digits and letters that change at least three times, without a sign between. Lists and shops put marks into addresses with signs
/// (`news+a1b2@`).
fn is_random(local: &str) -> bool {
    let plain = local.chars().all(|letter| letter.is_ascii_alphanumeric());
    let pairs = local.as_bytes().windows(2);
    let turns =
        pairs.filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()));
    plain && turns.count() >= 3
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
            ("Anna <anna1984@firma.example>", &[]),
            ("Anna <4anna84@firma.example>", &[]),
            ("x <a1b2c3@firma.example>", &["from.random_mailbox"]),
            ("x <news+a1b2c3@firma.example>", &[]),
            ("Butik® <info@butik.se>", &[]),
            ("Paket <x@a1b2.top>", &["from.doubtful_top"]),
            ("\u{1F31F} Vinst <x@firma.example>", &["from.pictures"]),
        ] {
            expect(&CHECK, &Setting::default(), &mail(from, "hi"), want);
        }
    }
}
