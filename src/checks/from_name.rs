//! The name in From shows another address or domain than the real one: `"ceo@bank.example" <x@evil.example>`. Many phones show the name only.
//!
//! Mailing lists and forms do this honestly ("anna@firm.example via List"): there it weighs next to nothing.
//! The same domain under another top-level domain, or below, is the same sender.

use super::{Case, Check, Finding, read::hosts};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["from.name_other_address", "from.name_other_domain"],
    about: "The sender's name shows an address or domain that is not the sender's.",
    plain: "The sender's name shows an address that is not the one the mail is from.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let (Some(from), Some(owner)) = (case.from(), case.from_owner()) else { return };
    let relayed = case.is_list() || from.name.to_lowercase().contains(" via ");
    let foreign = from.name.split_whitespace().find_map(|word| foreign_domain(word, &owner));
    let Some((shown, is_address)) = foreign else { return };
    let (id, weight) = match (is_address, relayed) {
        (true, false) => ("from.name_other_address", 2.0),
        (true, true) => ("from.name_other_address", 0.2),
        (false, false) => ("from.name_other_domain", 0.5),
        (false, true) => ("from.name_other_domain", 0.0),
    };
    let because = format!("the name shows {shown}, the address is of {owner}");
    findings.push(Finding::new(id, Category::Phish, weight, because));
}

/// The domain that a word of the name shows, if it is somebody else's, and whether it is a whole address.
fn foreign_domain(word: &str, owner: &str) -> Option<(String, bool)> {
    let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
    let (shown, is_address) = match word.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() => (hosts::owner(domain)?, true),
        Some(_) => return None,
        None => (hosts::owner(&hosts::shown_host(word)?)?, false),
    };
    (shown.contains('.') && hosts::label(&shown) != hosts::label(owner))
        .then_some((shown, is_address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, mail};

    #[test]
    fn finds() {
        for (from, want) in [
            ("Åsa <asa@firma.example>", &[][..]),
            ("\"asa@firma.example\" <asa@firma.example>", &[]),
            ("\"asa@mail.firma.se\" <asa@firma.se>", &[]),
            ("\"Firma.com\" <asa@firma.se>", &[]),
            ("\"vd@bank.se\" <x@evil.example>", &["from.name_other_address"]),
            ("\"VD (vd@bank.se)\" <x@evil.example>", &["from.name_other_address"]),
            ("\"vd@bank.se via Lista\" <lista@firma.example>", &["from.name_other_address"]),
            ("\"Bank.se\" <x@evil.example>", &["from.name_other_domain"]),
            ("\"ASP.NET nytt\" <x@firma.example>", &[]),
            ("\"Åsa @ kontoret\" <asa@firma.example>", &[]),
            ("\"A. Öberg\" <asa@firma.example>", &[]),
        ] {
            expect(&CHECK, &Setting::default(), &mail(from, "hi"), want);
        }
    }
}
