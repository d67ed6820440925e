//! A Received line with an address that cannot be: a number above 255 where RFC 5321 section 4.4 wants an address. Only a program
//! that invents lines to hide where it stands writes such a thing.

use super::{Case, Check, Finding};
use crate::{base::limits, config::policy::Category};

pub(super) const CHECK: Check = Check {
    ids: &["received.impossible_address"],
    about: "A Received line names an address that cannot exist, so somebody invented it.",
    plain: "The mail's trace of servers is invented.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let invented = header.all("Received").take(limits::RECEIVED_MAX).any(|field| {
        let line = String::from_utf8_lossy(header.raw(field));
        named_addresses(&line).any(is_impossible)
    });
    if invented {
        let because = "an address with a number above 255";
        findings.push(Finding::new("received.impossible_address", Category::Spam, 2.5, because));
    }
}

/// What stands alone in brackets of either kind, with or without a HELO before it. Versions of programs look like addresses too,
/// and stand outside.
fn named_addresses(line: &str) -> impl Iterator<Item = &str> {
    line.split(['[', '(']).skip(1).filter_map(|rest| {
        let inner = rest.split([']', ')']).next()?;
        Some(inner.trim().trim_start_matches("HELO ").trim_start_matches("helo=").trim())
    })
}

/// Four numbers of up to three digits, one too large. Version numbers have other shapes, or stand in words.
fn is_impossible(word: &str) -> bool {
    let numbers: Vec<Option<u16>> = word
        .split('.')
        .take(5)
        .map(|number| {
            (number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| number.parse().ok())?
        })
        .collect();
    numbers.len() == 4
        && numbers.iter().all(Option::is_some)
        && numbers.iter().flatten().any(|number| *number > 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("Received: from a ([192.0.2.1]) by b; x\n\nhi", &[][..]),
            ("Received: from a ([192.0.2.301]) by b; x\n\nhi", &["received.impossible_address"]),
            ("Received: from a (HELO 712.1.1.1) by b; x\n\nhi", &["received.impossible_address"]),
            ("Received: by b (Exim 4.94.2.551.9) id 1; x\n\nhi", &[]),
            ("Received: by b (192.0.2.1) with SMTP Server id 15.2.986.36; x\n\nhi", &[]),
            ("Received: by b (1.2.3.4) id 300.a; x\n\nhi", &[]),
            ("Received: by b (version=15.2.986.36 cipher=x) id 1; x\n\nhi", &[]),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }
}
