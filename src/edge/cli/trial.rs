//! `sluss status --shadow DAYS`: what policies in shadow or tag mode would have done, to decide whether they may act.

use super::{Failure, Place, desk, print};
use crate::{
    base::{clock::Clock, limits, units},
    config::policy::Action,
    edge::control::Request,
    store::trace::{TrialCount, TrialReport},
};
use std::{cmp::Reverse, collections::BTreeMap, process::ExitCode};

/// Asks, and says it.
pub(super) fn report(
    place: &Place,
    days: u64,
    organisation: Option<String>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let ask = Request::Trial { days, organisation: organisation.clone() };
    let value = desk::ask(place, ask)?;
    let report: TrialReport = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if json {
        print::line(&serde_json::to_string(&report).map_err(|error| error.to_string())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    print::line(&summary(&report.counts, days, organisation.as_deref()))?;
    if report.counts.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    tables(&report)?;
    print::line("")?;
    print::line(&next_step(&report.counts))?;
    Ok(ExitCode::SUCCESS)
}

/// The whole story in a sentence or two.
fn summary(counts: &[TrialCount], days: u64, organisation: Option<&str>) -> String {
    let of = organisation.map(|name| format!(" of {name}")).unwrap_or_default();
    let span = if days == 1 { "the last day".to_string() } else { format!("the last {days} days") };
    let all: u64 = counts.iter().map(|count| count.mails).sum();
    if all == 0 {
        return format!(
            "No mail{of} met a policy in shadow or tag mode in {span}. Write mode = \"shadow\" in its [[organisation]] or in [policy], reload, \
             and ask again after some days."
        );
    }
    let would = |action: Action| -> u64 {
        counts.iter().filter(|count| count.would == action.word()).map(|count| count.mails).sum()
    };
    let held = would(Action::Quarantine);
    let mut sentence = format!(
        "Of {} mails{of} judged in shadow or tag mode in {span}, {} ({}) would have been held, {} refused, {} marked and {} deferred.",
        print::number(all),
        print::number(held),
        percent(held, all),
        print::number(would(Action::Reject)),
        print::number(would(Action::Mark)),
        print::number(would(Action::Defer)),
    );
    let stopped = counts.iter().filter(|count| goes_on(&count.action) == GoesOn::No);
    let stopped: u64 = stopped.map(|count| count.mails).sum();
    if stopped > 0 {
        sentence += &format!(
            " {} did not go on even so: malware that tag mode holds, and mail over which the scanner failed.",
            print::number(stopped)
        );
    }
    sentence
}

fn percent(part: u64, all: u64) -> String {
    let tenths = part.saturating_mul(1_000).checked_div(all).unwrap_or(0);
    match (part, tenths) {
        (0, _) => "0 %".to_string(),
        (_, 0) => "under 0.1 %".to_string(),
        (_, tenths) => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoesOn {
    Yes,
    No,
}

fn goes_on(action: &str) -> GoesOn {
    match Action::from_word(action) {
        Some(Action::Deliver | Action::Mark) => GoesOn::Yes,
        Some(Action::Defer | Action::Quarantine | Action::Reject) | None => GoesOn::No,
    }
}

fn tables(report: &TrialReport) -> Result<(), String> {
    print::line("")?;
    let mut heading = vec!["organisation", "direction", "mode", "mails"];
    heading.extend(Action::ALL.map(Action::word));
    let (rows, more) = by_organisation(&report.counts);
    print::table(&heading, &rows)?;
    if more > 0 {
        print::line(&format!("… and {more} rows more: --organisation NAME, or --json for all"))?;
    }
    if !report.reasons.is_empty() {
        print::line("\nWhat decided")?;
        let rows: Vec<Vec<String>> = report
            .reasons
            .iter()
            .map(|one| vec![one.finding.clone(), one.would.clone(), print::number(one.mails)])
            .collect();
        print::table(&["finding", "would", "mails"], &rows)?;
    }
    if !report.senders.is_empty() {
        print::line("\nWho would have been stopped most")?;
        let rows: Vec<Vec<String>> = report
            .senders
            .iter()
            .map(|one| vec![print::short(&one.sender, 60), print::number(one.mails)])
            .collect();
        print::table(&["envelope sender", "mails"], &rows)?;
    }
    if !report.samples.is_empty() {
        print::line("\nThe newest that would have been stopped (sluss trace show ID tells all)")?;
        let now = Clock::system().now();
        let rows: Vec<Vec<String>> = report
            .samples
            .iter()
            .map(|one| {
                vec![
                    one.id.clone(),
                    units::roughly(now.since(crate::base::clock::UnixMs(one.at_ms))),
                    one.direction.clone(),
                    print::short(&one.from, 40),
                    one.would.clone(),
                    format!("{:.1}", one.score),
                    one.decided_by.clone(),
                ]
            })
            .collect();
        print::table(&["id", "age", "direction", "from", "would", "score", "decided by"], &rows)?;
    }
    Ok(())
}

/// A row for each organisation, direction and mode, those with most to stop first; a column for each action. And how many rows are left out.
fn by_organisation(counts: &[TrialCount]) -> (Vec<Vec<String>>, usize) {
    let mut groups: BTreeMap<(&str, &str, &str), BTreeMap<Option<Action>, u64>> = BTreeMap::new();
    for count in counts {
        let group = (count.organisation.as_str(), count.direction.as_str(), count.mode.as_str());
        let by_action = groups.entry(group).or_default();
        let mails = by_action.entry(Action::from_word(&count.would)).or_default();
        *mails = mails.saturating_add(count.mails);
    }
    let mails = |by_action: &BTreeMap<Option<Action>, u64>, action| {
        by_action.get(&Some(action)).copied().unwrap_or_default()
    };
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, by_action)| {
        Reverse(
            mails(by_action, Action::Quarantine).saturating_add(mails(by_action, Action::Reject)),
        )
    });
    let more = groups.len().saturating_sub(limits::REPORT_ROWS_MAX);
    groups.truncate(limits::REPORT_ROWS_MAX);
    let row =
        |((organisation, direction, mode), by_action): ((&str, &str, &str), BTreeMap<_, u64>)| {
            let mut row = vec![organisation.to_string(), direction.to_string(), mode.to_string()];
            row.push(print::number(by_action.values().sum()));
            row.extend(Action::ALL.map(|action| print::number(mails(&by_action, action))));
            row
        };
    (groups.into_iter().map(row).collect(), more)
}

/// What to do with what was read.
fn next_step(counts: &[TrialCount]) -> String {
    let in_shadow = counts.iter().any(|count| count.mode == "shadow");
    let next = match in_shadow {
        true => {
            "If these are the right ones, write mode = \"tag\" in the policy (or its organisation) and reload: the same mails are then marked\n\
             with X-Spam-Flag, and malware is held. After that, mode = \"protect\"."
        }
        false => {
            "If these are the right ones, write mode = \"protect\" in the policy (or its organisation) and reload: what would have been held\n\
             or refused then is."
        }
    };
    format!(
        "{next} If a finding is wrong for you, raise the scores or soften its category in [policy.actions] first."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(mode: &str, action: &str, would: &str, mails: u64) -> TrialCount {
        TrialCount {
            organisation: "acme".to_string(),
            direction: "inbound".to_string(),
            mode: mode.to_string(),
            action: action.to_string(),
            would: would.to_string(),
            mails,
        }
    }

    #[test]
    fn the_sentence_counts() {
        let counts = [
            count("shadow", "deliver", "deliver", 12_000),
            count("shadow", "deliver", "mark", 132),
            count("shadow", "deliver", "quarantine", 210),
            count("shadow", "deliver", "reject", 3),
        ];
        assert_eq!(
            summary(&counts, 7, None),
            "Of 12,345 mails judged in shadow or tag mode in the last 7 days, 210 (1.7 %) would have been held, 3 refused, 132 marked and 0 deferred."
        );
        let tagged = [count("tag", "mark", "mark", 9_999), count("tag", "quarantine", "reject", 1)];
        let said = summary(&tagged, 1, Some("acme"));
        assert!(
            said.starts_with(
                "Of 10,000 mails of acme judged in shadow or tag mode in the last day, 0 (0 %)"
            ),
            "{said}"
        );
        assert!(said.contains(" 1 did not go on even so"), "{said}");
        assert!(
            summary(&[], 7, Some("acme")).starts_with("No mail of acme met a policy in shadow")
        );
        assert_eq!(percent(1, 10_000), "under 0.1 %");
        assert!(next_step(&counts).contains("mode = \"tag\""));
        assert!(next_step(&tagged).contains("mode = \"protect\""));
    }

    #[test]
    fn a_row_for_each_organisation_direction_and_mode() {
        let counts = [
            count("shadow", "deliver", "mark", 1_000),
            count("shadow", "deliver", "reject", 2),
            count("tag", "mark", "mark", 1),
        ];
        let (rows, more) = by_organisation(&counts);
        assert_eq!(rows[0], ["acme", "inbound", "shadow", "1,002", "0", "1,000", "0", "0", "2"]);
        assert_eq!(rows[1], ["acme", "inbound", "tag", "1", "0", "1", "0", "0", "0"]);
        assert_eq!((rows.len(), more), (2, 0));
        let many: Vec<TrialCount> = (0..limits::REPORT_ROWS_MAX + 3)
            .map(|at| TrialCount {
                organisation: format!("org{at}"),
                ..count("shadow", "deliver", "reject", u64::try_from(at).unwrap())
            })
            .collect();
        let (rows, more) = by_organisation(&many);
        assert_eq!((rows[0][0].as_str(), rows.len(), more), ("org12", limits::REPORT_ROWS_MAX, 3));
    }
}
