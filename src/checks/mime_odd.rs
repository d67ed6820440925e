//! Malformed or ambiguous structure, of MIME and of archives, as the examiner noted it.
//!
//! Most of it is the work of careless programs and weighs little. Where readers disagree about which parts or names there are, a scanner
//! may see a text and the recipient a program: that demands what policy says of parts that were not looked into.
//! Safe for mail of any program that follows RFC 2045 and 2046; raw Nordic letters in a header are noted and weigh nothing.

use super::{Case, Check, Demand, Finding, and_more};
use crate::{
    config::policy::Category,
    examine::Oddity,
    formats::mime::odd::{ODDITIES, Odd},
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &["mime.*", "archive.unlisted_member"],
    about: "The mail's structure is malformed or can be read in more than one way; the part after the dot says how.",
    plain: "The mail is built in a way that programs read differently, so it could not be checked reliably.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let mut kinds: BTreeMap<&str, (&Oddity, usize)> = BTreeMap::new();
    for oddity in &case.contents.oddities {
        kinds.entry(&oddity.id).or_insert((oddity, 0)).1 += 1;
    }
    findings.extend(kinds.values().map(|(oddity, count)| odd(oddity, *count)));
}

fn odd(oddity: &Oddity, count: usize) -> Finding {
    let id = match CHECK.makes(&oddity.id) {
        true => oddity.id.clone(),
        false => format!("mime.{}", oddity.id.replace('.', "_")),
    };
    let because = format!("{}{}", oddity.because, and_more(count));
    let known = ODDITIES.iter().chain([&UNLISTED]).find(|known| known.id == id);
    let finding =
        Finding::new(id, Category::Format, known.map_or(0.3, |known| known.weight), because);
    match known {
        Some(known) if known.ambiguous => finding.demanding(Demand::Unscanned).telling(known.plain),
        Some(known) => finding.telling(known.plain),
        None => finding,
    }
}

/// Some programs unpack by the directory, some by what they meet.
const UNLISTED: Odd = Odd {
    id: "archive.unlisted_member",
    weight: 2.0,
    ambiguous: true,
    plain: "An archive has files that its list of contents does not name.",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect_in, found, mail},
        examine::Contents,
    };

    fn oddities(ids: &[&str]) -> Contents {
        let oddity = |id: &&str| Oddity { id: id.to_string(), because: "part 1".to_string() };
        Contents { oddities: ids.iter().map(oddity).collect(), ..Contents::default() }
    }

    #[test]
    fn finds() {
        for (ids, want) in [
            (&[][..], &[][..]),
            (&["mime.stray_part", "mime.stray_part"], &["mime.stray_part"]),
            (&["mime.new_kind"], &["mime.new_kind"]),
            (&["archive.unlisted_member"], &["archive.unlisted_member"]),
            (&["html.broken"], &["mime.html_broken"]),
        ] {
            expect_in(&CHECK, oddities(ids), want);
        }
    }

    #[test]
    fn only_ambiguity_insists() {
        for (id, want) in [
            ("mime.views_disagree", Some(Demand::Unscanned)),
            ("archive.unlisted_member", Some(Demand::Unscanned)),
            ("mime.stray_part", None),
            ("mime.end_missing", None),
            ("mime.new_kind", None),
        ] {
            let findings =
                found(&CHECK, &Setting::holding(oddities(&[id])), &mail("a@example.org", "hi"));
            assert_eq!(findings[0].demands, want, "{id}");
        }
    }
}
