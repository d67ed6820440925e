//! Everything that was not looked into becomes a finding: unknown is not clean.
//!
//! What is broken, too deep, too large or of a kind we cannot open demands what policy says of unopened parts.
//! A scanner that failed is our trouble first: the mail is deferred, and held when the same content does it again.
//! What is encrypted is held inbound when the names inside are programs or cannot be read, else marked; outbound it is only recorded,
//! for our own users may protect what they send. Names that can be read in clear are judged by the checks of attachments as well.

use super::{Case, Check, Demand, Finding, and_more, known::endings, read::names};
use crate::{
    config::policy::{Action, Category},
    examine::{Part, PartKind, Unscanned, UnscannedReason},
    facts::Known,
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &[
        "limit.too_deep",
        "limit.too_many",
        "limit.too_large",
        "limit.ratio",
        "limit.time",
        "archive.encrypted",
        "archive.damaged",
        "archive.unsupported",
        "scanner.timed_out",
        "scanner.crashed",
    ],
    about: "A part of the mail could not be looked into: over a limit, broken, encrypted, of an unknown form, or the scanner failed.",
    plain: "A part of the mail could not be checked.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    // One finding for each reason and demand: two thousand broken members are one story.
    let mut stories: BTreeMap<(&str, u8), (Finding, usize)> = BTreeMap::new();
    for unscanned in &case.contents.unscanned {
        let finding = unopened(case, unscanned);
        let key = (unscanned.reason.finding_id(), strictness(finding.demands));
        stories.entry(key).or_insert((finding, 0)).1 += 1;
    }
    findings.extend(stories.into_values().map(|(mut finding, count)| {
        finding.because.push_str(&and_more(count));
        finding
    }));
}

fn unopened(case: &Case, unscanned: &Unscanned) -> Finding {
    let (weight, demand) = match unscanned.reason {
        UnscannedReason::Engine => (0.0, Some(Demand::NotLookedInto(on_engine(case)))),
        // Asking the sender to come again would only kill more of them.
        UnscannedReason::Crashed => (0.0, Some(Demand::NotLookedInto(Action::Quarantine))),
        UnscannedReason::Encrypted => return encrypted(case, unscanned),
        UnscannedReason::TooDeep
        | UnscannedReason::TooMany
        | UnscannedReason::TooLarge
        | UnscannedReason::RatioTooHigh
        | UnscannedReason::OutOfTime
        | UnscannedReason::Damaged
        | UnscannedReason::Unsupported => (0.0, Some(Demand::Unscanned)),
    };
    Finding { demands: demand, ..about(unscanned, weight) }
}

/// The first time we ask the sender to come again; content that makes us stumble twice is held for a person.
/// If nobody could say whether it stumbled before, asking again loses nothing.
fn on_engine(case: &Case) -> Action {
    match case.facts.stumbled_before {
        Known::Yes(true) => Action::Quarantine,
        Known::Yes(false) | Known::No(_) | Known::NotAsked => Action::Defer,
    }
}

fn encrypted(case: &Case, unscanned: &Unscanned) -> Finding {
    let finding = about(unscanned, 0.0)
        .telling("A part of the mail is protected with a password and could not be checked.");
    if !case.is_inbound() {
        return finding;
    }
    let action = match visible(case, unscanned) {
        Visible::Harmless => Action::Mark,
        Visible::Runs | Visible::Nothing => Action::Quarantine,
    };
    finding.demanding(Demand::AtLeast(action))
}

/// What can be seen of an encrypted thing from outside.
enum Visible {
    /// Names, or a kind, that do nothing when opened.
    Harmless,
    /// At least one name of a program.
    Runs,
    /// Not even names: what is inside could be anything.
    Nothing,
}

fn visible(case: &Case, unscanned: &Unscanned) -> Visible {
    let own = case
        .contents
        .parts
        .iter()
        .find(|part| part.path == unscanned.path && part.id == unscanned.part);
    // The thing itself may be a member whose name we read, or a document, which is one thing whatever its password.
    let inside = members(case, unscanned);
    let kinds: Vec<Visible> = match (inside.is_empty(), own) {
        (false, _) => inside.into_iter().map(|part| visible_name(names::shown(part))).collect(),
        (true, Some(part)) if is_document(part.kind) => vec![Visible::Harmless],
        (true, Some(part)) if !is_archive(part) && unscanned.path.contains('/') => {
            vec![visible_name(names::shown(part))]
        }
        (true, _) => vec![Visible::Nothing],
    };
    let worst = |worst, one| match (worst, one) {
        (Visible::Runs, _) | (_, Visible::Runs) => Visible::Runs,
        (Visible::Nothing, _) | (_, Visible::Nothing) => Visible::Nothing,
        (Visible::Harmless, Visible::Harmless) => Visible::Harmless,
    };
    kinds.into_iter().fold(Visible::Harmless, worst)
}

/// What lies inside; of an archive that is locked in part, what is locked.
fn members<'a>(case: &'a Case, unscanned: &Unscanned) -> Vec<&'a Part> {
    let is_inside = |part: &&Part| {
        let rest = part.path.strip_prefix(&unscanned.path).unwrap_or_default();
        part.id == unscanned.part
            && (rest.starts_with('/') || unscanned.path.is_empty() && !rest.is_empty())
    };
    let inside: Vec<&Part> = case.contents.parts.iter().filter(is_inside).collect();
    match inside.iter().any(|part| part.encrypted) {
        true => inside.into_iter().filter(|part| part.encrypted).collect(),
        false => inside,
    }
}

fn visible_name(name: &str) -> Visible {
    let extension = names::extension(name);
    match (extension.as_str(), endings::runs(&extension), endings::is_container(&extension)) {
        (_, true, _) => Visible::Runs,
        // An archive in an encrypted archive shows nothing of what it holds.
        ("", _, _) | (_, _, true) => Visible::Nothing,
        (_, false, false) => Visible::Harmless,
    }
}

fn is_document(kind: PartKind) -> bool {
    use PartKind::{Office, OfficeMacro, OfficeOld, OpenDocument, Pdf};
    matches!(kind, Pdf | OfficeOld | Office | OfficeMacro | OpenDocument)
}

fn is_archive(part: &Part) -> bool {
    use PartKind::{Archive, DiskImage, Gzip, Tar, Zip};
    matches!(part.kind, Zip | Gzip | Tar | Archive | DiskImage)
}

fn about(unscanned: &Unscanned, weight: f32) -> Finding {
    let id = unscanned.reason.finding_id();
    Finding::new(id, Category::Format, weight, unscanned.because.as_str())
        .in_part(&unscanned.part, &unscanned.path)
}

/// An order of demands, only to keep findings of one id with different demands apart.
fn strictness(demand: Option<Demand>) -> u8 {
    match demand {
        None | Some(Demand::AsSuspect) => 0,
        Some(Demand::Unscanned | Demand::Category) => 3,
        Some(Demand::AtLeast(action) | Demand::NotLookedInto(action)) => match action {
            Action::Deliver | Action::Mark => 1,
            Action::Defer => 2,
            Action::Quarantine | Action::Reject => 4,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect_in, found, mail, parts},
        examine::Contents,
        facts::Facts,
    };

    fn unopened(reason: UnscannedReason, path: &str, contents: Contents) -> Contents {
        let unscanned = vec![Unscanned {
            part: "2".to_string(),
            path: path.to_string(),
            reason,
            because: "17 levels".to_string(),
        }];
        Contents { unscanned, ..contents }
    }

    fn demands(setting: Setting) -> Option<Demand> {
        found(&CHECK, &setting, &mail("a@example.org", "hi"))[0].demands
    }

    #[test]
    fn finds() {
        for (reason, want) in [
            (UnscannedReason::TooDeep, "limit.too_deep"),
            (UnscannedReason::OutOfTime, "limit.time"),
            (UnscannedReason::Damaged, "archive.damaged"),
            (UnscannedReason::Unsupported, "archive.unsupported"),
            (UnscannedReason::Encrypted, "archive.encrypted"),
            (UnscannedReason::Engine, "scanner.timed_out"),
        ] {
            let mut contents = unopened(reason, "a.zip", Contents::default());
            contents.unscanned.push(contents.unscanned[0].clone());
            expect_in(&CHECK, contents, &[want]);
        }
        expect_in(&CHECK, Contents::default(), &[]);
    }

    #[test]
    fn a_scanner_that_fails_twice_holds_the_mail() {
        for (before, want) in [
            (Known::NotAsked, Action::Defer),
            (Known::No("store away".to_string()), Action::Defer),
            (Known::Yes(false), Action::Defer),
            (Known::Yes(true), Action::Quarantine),
        ] {
            let facts = Facts { stumbled_before: before, ..Facts::default() };
            let contents = unopened(UnscannedReason::Engine, "", Contents::default());
            let setting = Setting { contents, facts, ..Setting::default() };
            assert_eq!(demands(setting), Some(Demand::NotLookedInto(want)));
        }
        let broken = unopened(UnscannedReason::Damaged, "", Contents::default());
        assert_eq!(demands(Setting::holding(broken)), Some(Demand::Unscanned));
    }

    #[test]
    fn encrypted_things_are_judged_by_what_shows() {
        use PartKind::{Archive, Office, Unknown, Zip};
        for (path, inside, want) in [
            ("a.zip", &[(Zip, "", "a.zip"), (Unknown, "", "a.zip/minutes.pdf")][..], Action::Mark),
            (
                "a.zip",
                &[(Zip, "", "a.zip"), (Unknown, "", "a.zip/minutes.exe")],
                Action::Quarantine,
            ),
            (
                "a.zip",
                &[(Zip, "", "a.zip"), (Unknown, "", "a.zip/a.pdf"), (Unknown, "", "a.zip/b.zip")],
                Action::Quarantine,
            ),
            ("a.zip/minutes.pdf", &[(Unknown, "", "a.zip/minutes.pdf")], Action::Mark),
            ("a.zip/minutes.js", &[(Unknown, "", "a.zip/minutes.js")], Action::Quarantine),
            ("a.7z", &[(Archive, "", "a.7z")], Action::Quarantine),
            ("a.docx", &[(Office, "", "a.docx")], Action::Mark),
            ("a.bin", &[], Action::Quarantine),
        ] {
            let contents = unopened(UnscannedReason::Encrypted, path, parts(inside));
            assert_eq!(
                demands(Setting::holding(contents.clone())),
                Some(Demand::AtLeast(want)),
                "{path}"
            );
            assert_eq!(demands(Setting::holding(contents).outbound()), None, "{path}");
        }
    }
}
