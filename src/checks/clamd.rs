//! What ClamAV found, by the family of the signature's name: most are malware, some are suspicions, some only say "not scanned".
//!
//! Malware demands what policy says of viruses. No answer is recorded and weighs nothing: ClamAV is a second opinion. Only what could run on
//! a recipient's machine waits for it, when it comes from somebody unknown; and all mail, where the configuration requires ClamAV.

use super::{Case, Check, Demand, Finding, and_more, attachment_runs, known::endings, read::names};
use crate::{
    config::policy::{Action, Category},
    examine::{Part, PartKind},
    facts::{
        Known,
        clamd::{Hit, Scanned},
    },
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &[
        "clamd.found",
        "clamd.phish",
        "clamd.encrypted",
        "clamd.macro",
        "clamd.unwanted",
        "clamd.unscanned",
        "clamd.suspect",
        "clamd.unknown",
        "clamd.unknown_program",
    ],
    about: "ClamAV recognised something, or gave no answer.",
    plain: "The mail contains something that is known to be harmful.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let scanned = match &case.facts.clamd {
        Known::NotAsked => return,
        Known::No(why) => return findings.push(unknown(why)),
        Known::Yes(scanned) => scanned,
    };
    found(scanned, findings);
    unanswered(case, scanned, findings);
}

fn found(scanned: &Scanned, findings: &mut Vec<Finding>) {
    // The mail as a whole and a blob of it are the same news: told once, of the blob if there is one.
    let mut names: BTreeMap<&str, (&Hit, usize)> = BTreeMap::new();
    for hit in &scanned.found {
        let (first, count) = names.entry(hit.signature.as_str()).or_insert((hit, 0));
        if first.part.is_empty() && first.path.is_empty() {
            *first = hit;
        }
        *count += 1;
    }
    findings.extend(names.values().map(|(hit, count)| recognised(hit, *count)));
}

fn unanswered(case: &Case, scanned: &Scanned, findings: &mut Vec<Finding>) {
    let silent = || scanned.unanswered.iter().chain(&scanned.not_taken);
    let Some(first) = silent().next() else { return };
    let because = format!("{}{}", first.because, and_more(silent().count()));
    let finding = unknown(&because).in_part(&first.part, &first.path);
    // The sender comes again, and so may ClamAV. What it does not look at will not be looked at later either.
    findings.push(match (scanned.required, scanned.unanswered.is_empty()) {
        (false, _) => finding,
        (true, false) => finding.demanding(Demand::AtLeast(Action::Defer)),
        (true, true) => finding.demanding(Demand::Unscanned),
    });
    // Without its answer about the mail as a whole, none of it was looked at.
    let whole = silent().any(|one| one.part.is_empty());
    let is_silent = |part: &Part| {
        whole
            || silent()
                .any(|one| one.part == part.id && (one.path.is_empty() || one.path == part.path))
    };
    let mut risky = case.contents.parts.iter().filter(|part| may_run(part) && is_silent(part));
    if case.is_inbound()
        && let Some(part) = risky.next()
    {
        let because = format!(
            "{}{}, and ClamAV has not looked at it",
            part.kind.word(),
            and_more(1 + risky.count())
        );
        // Who the sender is to us is not known yet of anybody.
        findings.push(
            Finding::new("clamd.unknown_program", Category::Virus, 0.0, because)
                .in_part(&part.id, &part.path)
                .demanding(Demand::AtLeast(Action::Quarantine))
                .telling("An attachment that may contain a program could not be checked by one of the virus scanners."),
        );
    }
}

/// Is it a program, or a document that has one in it?
fn may_run(part: &Part) -> bool {
    part.kind == PartKind::OfficeMacro
        || attachment_runs::runs(part).is_some()
        || endings::says_macros(&names::extension(names::shown(part)))
}

fn unknown(why: &str) -> Finding {
    Finding::new("clamd.unknown", Category::Format, 0.0, format!("ClamAV gave no answer: {why}"))
        .telling("One of the virus scanners gave no answer.")
}

fn recognised(hit: &Hit, count: usize) -> Finding {
    let name = hit.signature.as_str();
    let family = family(name);
    let because = format!("ClamAV: {name}{}", and_more(count));
    let finding = Finding::new(family.id, family.category, family.weight, because);
    let finding = match family.demands {
        Some(demand) => finding.demanding(demand),
        None => finding,
    };
    finding.telling(family.plain).in_part(&hit.part, &hit.path)
}

/// What a family of signature names means.
struct Family {
    /// How the names begin.
    begins: &'static str,
    id: &'static str,
    category: Category,
    weight: f32,
    demands: Option<Demand>,
    plain: &'static str,
}

fn family(name: &str) -> &'static Family {
    let begins = |family: &&Family| {
        name.get(..family.begins.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(family.begins))
    };
    FAMILIES.iter().find(begins).unwrap_or(&MALWARE)
}

const MALWARE: Family = Family {
    begins: "",
    id: "clamd.found",
    category: Category::Virus,
    weight: 0.0,
    demands: Some(Demand::Category),
    plain: "The mail contains something that is known to be harmful.",
};

/// The first that fits counts; what fits none is malware.
const FAMILIES: &[Family] = &[
    // ClamAV gave up on a limit of its own (AlertExceedsMax): not looked into, so not clean.
    unscanned("Heuristics.Limits.Exceeded"),
    unscanned("Heuristics.Encrypted.Zip.ExceedsMax"),
    encrypted("Heuristics.Encrypted"),
    macros("Heuristics.OLE2.ContainsMacros"),
    phish("Heuristics.Phishing", 3.0),
    // Personal numbers in text; we have checks of our own with check digits.
    unwanted("Heuristics.Structured", 0.0),
    suspect("Heuristics.Broken", 1.0),
    suspect("Heuristics.PNG", 1.0),
    suspect("Heuristics.GIF", 1.0),
    suspect("Heuristics.JPEG", 1.0),
    suspect("Heuristics.TIFF", 1.0),
    suspect("Heuristics.XZ", 1.0),
    suspect("Heuristics.", 2.0),
    unwanted("PUA.", 1.0),
    phish("Phishing.", 5.0),
    phish("Email.Phishing.", 5.0),
    phish("Html.Phishing.", 5.0),
    phish("Pdf.Phishing.", 5.0),
    // Lists by others that are popular with ClamAV.
    phish("Sanesecurity.Phishing.", 5.0),
    unwanted("Sanesecurity.Spam", 3.0),
    unwanted("Sanesecurity.Junk", 3.0),
    unwanted("Sanesecurity.Jurlbl", 3.0),
    unwanted("Sanesecurity.Lott", 3.0),
    unwanted("Sanesecurity.Scam", 3.0),
    unwanted("winnow.spam", 3.0),
    phish("winnow.phish", 4.0),
    unwanted("Porcupine.Junk", 3.0),
    phish("Porcupine.Phishing", 4.0),
];

const fn unscanned(begins: &'static str) -> Family {
    Family {
        begins,
        id: "clamd.unscanned",
        category: Category::Format,
        weight: 0.0,
        demands: Some(Demand::Unscanned),
        plain: "A part of the mail could not be checked.",
    }
}

/// `archive.encrypted` looks closer and decides; this only supports it.
const fn encrypted(begins: &'static str) -> Family {
    Family {
        begins,
        id: "clamd.encrypted",
        category: Category::Format,
        weight: 1.0,
        demands: Some(Demand::AtLeast(Action::Mark)),
        plain: "A part of the mail is protected with a password and could not be checked.",
    }
}

const fn macros(begins: &'static str) -> Family {
    Family {
        begins,
        id: "clamd.macro",
        category: Category::Virus,
        weight: 2.0,
        demands: None,
        plain: "The mail contains a document with a program in it.",
    }
}

const fn phish(begins: &'static str, weight: f32) -> Family {
    Family {
        begins,
        id: "clamd.phish",
        category: Category::Phish,
        weight,
        demands: None,
        plain: "The mail looks like one that wants your password.",
    }
}

const fn unwanted(begins: &'static str, weight: f32) -> Family {
    Family {
        begins,
        id: "clamd.unwanted",
        category: Category::Spam,
        weight,
        demands: None,
        plain: "The mail contains something that many do not want.",
    }
}

const fn suspect(begins: &'static str, weight: f32) -> Family {
    Family {
        begins,
        id: "clamd.suspect",
        category: Category::Format,
        weight,
        demands: None,
        plain: "A part of the mail is built in an odd way.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, found as found_in, mail, part},
        examine::Contents,
        facts::{
            Facts,
            clamd::{Scan, Scanned},
        },
        mail::Direction,
        wire::clamd::Signature,
    };

    fn findings(clamd: Known<Scanned>) -> Vec<Finding> {
        let facts = Facts { clamd, ..Facts::default() };
        let setting = Setting { facts, ..Setting::default() };
        found_in(&CHECK, &setting, &mail("a@example.org", "hi"))
    }

    fn named(names: &[&str]) -> Known<Scanned> {
        let mut scanned = Scanned::default();
        let signatures = names.iter().map(|name| Signature::parse(name).unwrap()).collect();
        scanned.add("2", "a.zip/b", Known::Yes(Scan::Found(signatures)));
        Known::Yes(scanned)
    }

    #[test]
    fn families() {
        for (name, id, demands) in [
            ("Win.Trojan.Agent-1", "clamd.found", Some(Demand::Category)),
            ("Eicar-Signature", "clamd.found", Some(Demand::Category)),
            ("Sanesecurity.Malware.1.UNOFFICIAL", "clamd.found", Some(Demand::Category)),
            ("Heuristics.Encrypted.Zip", "clamd.encrypted", Some(Demand::AtLeast(Action::Mark))),
            ("Heuristics.Limits.Exceeded.MaxFileSize", "clamd.unscanned", Some(Demand::Unscanned)),
            ("Heuristics.OLE2.ContainsMacros", "clamd.macro", None),
            ("Heuristics.Phishing.Email.SpoofedDomain", "clamd.phish", None),
            ("Html.Phishing.Bank-1", "clamd.phish", None),
            ("Heuristics.Broken.Executable", "clamd.suspect", None),
            ("heuristics.new-one", "clamd.suspect", None),
            ("PUA.Win.Tool.X", "clamd.unwanted", None),
        ] {
            let found = findings(named(&[name]));
            assert_eq!((found[0].id.as_ref(), found[0].demands), (id, demands), "{name}");
            assert!(found[0].because.contains(name) && found[0].path == "a.zip/b");
            assert!(CHECK.ids.contains(&id));
        }
    }

    #[test]
    fn each_name_is_told_once_and_no_answer_is_no_silence() {
        let found = findings(named(&["A.B", "A.B", "C.D"]));
        let because: Vec<&str> = found.iter().map(|finding| finding.because.as_str()).collect();
        assert_eq!(because, ["ClamAV: A.B, 2 of them", "ClamAV: C.D"]);
        let away = findings(Known::No("away".to_string()));
        assert_eq!(
            (away[0].id.as_ref(), away[0].weight, away[0].demands),
            ("clamd.unknown", 0.0, None)
        );
        let mut scanned = Scanned::default();
        scanned.add("2", "", Known::Yes(Scan::Clean));
        assert_eq!(findings(Known::Yes(scanned.clone())), []);
        scanned.add("3", "", Known::No("too large".to_string()));
        assert_eq!(findings(Known::Yes(scanned))[0].id, "clamd.unknown");
        assert_eq!(findings(Known::NotAsked), []);
    }

    #[test]
    fn who_requires_it_waits_for_it_and_what_may_run_waits_anyway() {
        let away = || Known::No("away".to_string());
        let large = || Known::Yes(Scan::NotTaken("too large".to_string()));
        let waits = Some(Demand::AtLeast(Action::Defer));
        let held = Some(Demand::AtLeast(Action::Quarantine));
        let document = || part(PartKind::Office, "2", "a.docx");
        let macros = || part(PartKind::OfficeMacro, "2", "a.docm");
        let program = || part(PartKind::Executable, "2", "a.exe");
        for (required, place, answer, part, direction, want) in [
            (false, "", away(), document(), Direction::Inbound, &[None][..]),
            (true, "", away(), document(), Direction::Inbound, &[waits]),
            (true, "", large(), document(), Direction::Inbound, &[Some(Demand::Unscanned)]),
            (false, "", away(), macros(), Direction::Inbound, &[None, held]),
            (false, "", large(), program(), Direction::Inbound, &[None, held]),
            (false, "2", away(), macros(), Direction::Inbound, &[None, held]),
            (false, "1", away(), macros(), Direction::Inbound, &[None]),
            (false, "", away(), macros(), Direction::Outbound, &[None]),
            (false, "", Known::Yes(Scan::Clean), macros(), Direction::Inbound, &[]),
        ] {
            let mut scanned = Scanned { required, ..Scanned::default() };
            scanned.add(place, "", answer);
            let facts = Facts { clamd: Known::Yes(scanned), ..Facts::default() };
            let contents = Contents { parts: vec![part], ..Contents::default() };
            let setting = Setting { facts, contents, direction, ..Setting::default() };
            let found = found_in(&CHECK, &setting, &mail("a@example.org", "hi"));
            let demands: Vec<_> = found.iter().map(|finding| finding.demands).collect();
            assert_eq!(demands, want, "{required} {place} {direction:?}");
        }
    }
}
