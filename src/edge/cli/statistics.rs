//! `sluss statistics`: how much mail there was, what was done with it, and who and what stood out.

use super::{Failure, Place, desk, print};
use crate::{
    base::units,
    config::policy::Action,
    edge::control::Request,
    store::trace::{NameCount, Statistics as Told, StatisticsCount, Step},
    wire::date,
};
use clap::Args;
use std::{collections::BTreeMap, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct Statistics {
    #[command(flatten)]
    place: Place,
    /// The last so many days (UTC), today among them; counts are kept for 400.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=400))]
    days: u64,
    /// By hour instead of by day: the last three weeks at most.
    #[arg(long)]
    hours: bool,
    /// Of this organisation only.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// All of it as JSON.
    #[arg(long)]
    json: bool,
}

impl Statistics {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let step = if self.hours { Step::Hour } else { Step::Day };
        let ask = Request::Statistics { days: self.days, step, organisation: self.organisation };
        let value = desk::ask(&self.place, ask)?;
        if self.json {
            print::line(&value.to_string())?;
            return Ok(ExitCode::SUCCESS);
        }
        let told: Told = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if told.steps.is_empty() {
            print::line(&format!("No mail in the last {} days.", self.days))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut heading = vec!["when", "direction", "mails", "size"];
        heading.extend(Action::ALL.map(Action::word));
        heading.extend(["not judged", "released"]);
        print::table(&heading, &by_step(&told.steps, step))?;
        print::line("")?;
        shares(&told)?;
        for (title, names) in [
            ("Findings that decided", &told.decided_by),
            ("Senders", &told.senders),
            ("Recipients", &told.recipients),
        ] {
            top(title, names)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A row for each step and direction, with a column for each action.
fn by_step(steps: &[StatisticsCount], step: Step) -> Vec<Vec<String>> {
    let mut rows: BTreeMap<(u64, &str), Vec<&StatisticsCount>> = BTreeMap::new();
    for count in steps {
        rows.entry((count.at_ms, &count.direction)).or_default().push(count);
    }
    let letters = match step {
        Step::Hour => 16,
        Step::Day => 10,
    };
    let row = |((at_ms, direction), counts): ((u64, &str), Vec<&StatisticsCount>)| {
        let when = date::write_iso(crate::base::clock::UnixMs(at_ms)).replace('T', " ");
        let of = |action: &str| {
            let of_action = counts.iter().filter(|count| count.action == action);
            print::number(of_action.map(|count| count.mails).sum())
        };
        let mut row = vec![
            when.chars().take(letters).collect(),
            direction.to_string(),
            print::number(counts.iter().map(|count| count.mails).sum()),
            units::roughly_bytes(counts.iter().map(|count| count.bytes).sum()),
        ];
        row.extend(Action::ALL.map(|action| of(action.word())));
        row.push(of(""));
        row.push(print::number(counts.iter().map(|count| count.released).sum()));
        row
    };
    rows.into_iter().map(row).collect()
}

fn shares(told: &Told) -> Result<(), String> {
    for one in &told.tls {
        let all = one.with.saturating_add(one.without);
        let percent = one.with.saturating_mul(100).checked_div(all).unwrap_or(0);
        print::line(&format!("{}: {percent} % inside TLS", one.direction))?;
    }
    let mut so_far = 0_u64;
    let all: u64 = told.latency.iter().map(|one| one.mails).sum();
    let slowest = told.latency.iter().find(|one| {
        so_far = so_far.saturating_add(one.mails);
        so_far.saturating_mul(100) >= all.saturating_mul(95)
    });
    match slowest.map(|one| one.up_to_ms) {
        Some(Some(up_to)) if all > 0 => {
            print::line(&format!("95 % of replies after the final dot came within {up_to} ms"))
        }
        Some(_) | None => Ok(()),
    }
}

fn top(title: &str, names: &[NameCount]) -> Result<(), String> {
    if names.is_empty() {
        return Ok(());
    }
    print::line(&format!("\n{title}"))?;
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|one| vec![print::short(&one.name, 60), print::number(one.mails)])
        .collect();
    print::table(&["", "mails"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_for_each_day_and_direction() {
        let count = |at_ms, action: &str, mails| StatisticsCount {
            at_ms,
            direction: "inbound".to_string(),
            action: action.to_string(),
            mails,
            bytes: 10,
            released: 1,
        };
        let day = 86_400_000;
        let steps = [count(day, "deliver", 1_200), count(day, "", 3), count(2 * day, "reject", 1)];
        let rows = by_step(&steps, Step::Day);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0][..3], ["1970-01-02", "inbound", "1,203"]);
        assert_eq!(rows[0][4..], ["1,200", "0", "0", "0", "0", "3", "2"]);
        assert_eq!(by_step(&steps, Step::Hour)[0][0], "1970-01-02 00:00");
    }
}
