//! `sluss config replay`: what a change of the configuration would have done with the mail of the last days. Nothing is changed.
//!
//! It reads the trace beside a running gateway and decides in this process: mail waits for nothing.

use super::{
    Failure, Place,
    change::{stored, unread},
    print,
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits, units,
    },
    config::{
        Config,
        layers::{Target, read_value},
    },
    edge::{
        serve,
        source::Source,
        stored::{self as edge_stored, Layers},
    },
    personal::Words,
    pipeline::replay::{Replay, Report},
    store::embedded::TraceReader,
};
use clap::Args;
use std::{path::PathBuf, sync::Arc, time::Duration};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sluss config replay policy.default.quarantine=6 policy.default.mark=4\n  sluss config replay --days 7 'policy.strict.actions={ phish = \"reject\" }'\n  sluss config replay --candidate /tmp/sluss.toml --json"
)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    place: Place,
    /// The change, as for config set: PATH=VALUE.
    #[arg(value_name = "PATH=VALUE", required_unless_present = "candidate")]
    changes: Vec<String>,
    /// A whole file instead, to be compared with the one in force; the stored layer lies over it as it would.
    #[arg(long, value_name = "FILE", conflicts_with = "changes")]
    candidate: Option<PathBuf>,
    /// Mail of the last so many days.
    #[arg(long, default_value_t = limits::REPLAY_DAYS)]
    days: u64,
    /// JSON.
    #[arg(long)]
    json: bool,
}

impl ReplayArgs {
    pub(super) fn run(self) -> Result<(), Failure> {
        let source = self.place.source();
        let written = source.written(self.place.data.as_deref()).map_err(unread)?;
        serve::become_its_user(&source, written.alone())?;
        let in_force = source.read_layers(self.place.data.as_deref()).map_err(unread)?.config;
        let candidate = match &self.candidate {
            Some(file) => {
                let file = Source::File(file.clone());
                file.read_layers(Some(&in_force.data_dir)).map_err(unread)?.config
            }
            None => self.changed()?,
        };
        let clock = Clock::system();
        let since = clock.now().minus(Duration::from_secs(self.days.saturating_mul(86_400)));
        let trace = TraceReader::open(&in_force.data_dir.join("trace")).map_err(stored)?;
        let words = Arc::new(Words::shipped().map_err(|error| error.to_string())?);
        let mut replay = Replay::new(in_force, candidate, &words, &clock);
        let mut after = 0;
        loop {
            let mails = trace.decided(since, after).map_err(stored)?;
            let Some(last) = mails.last() else { break };
            after = last.number;
            mails.iter().for_each(|mail| replay.take(mail));
        }
        let report = replay.finish();
        match self.json {
            true => {
                Ok(print::line(&serde_json::to_string(&report).map_err(|why| why.to_string())?)?)
            }
            false => Ok(told(&report, self.days, clock.now())?),
        }
    }

    /// The configuration as it would be, were these stored. Nothing is.
    fn changed(&self) -> Result<Config, Failure> {
        let mut pairs = Vec::new();
        for change in &self.changes {
            let bad = || Failure::BadInput(format!("{change:?} is no change: write PATH=VALUE"));
            let (path, value) = change.split_once('=').ok_or_else(bad)?;
            let target =
                Target::parse(path.trim()).map_err(|why| Failure::BadInput(why.to_string()))?;
            pairs.push((target, value.trim().to_string()));
        }
        let read: Vec<toml::Value> = pairs.iter().map(|(_, value)| read_value(value)).collect();
        let plain = || pairs.iter().map(|(_, value)| toml::Value::String(value.clone())).collect();
        let targets: Vec<&Target> = pairs.iter().map(|(target, _)| target).collect();
        // 512 is a number to TOML and a size to us.
        self.with(&targets, read).or_else(|why| self.with(&targets, plain()).map_err(|_| why))
    }

    fn with(&self, targets: &[&Target], values: Vec<toml::Value>) -> Result<Config, Failure> {
        let layers = Layers { source: self.place.source(), data_dir: self.place.data.clone() };
        let made = edge_stored::would_be(&layers, |edit, written| {
            targets.iter().zip(values).try_for_each(|(target, value)| {
                edge_stored::not_locked(written, target)?;
                edge_stored::put(edit, written, target, value)
            })
        });
        Ok(made.map(|(merged, _)| merged.config)?)
    }
}

/// For people.
fn told(report: &Report, days: u64, now: UnixMs) -> Result<(), String> {
    for line in summary(report, days) {
        print::line(&line)?;
    }
    if report.changes.is_empty() {
        return Ok(());
    }
    print::line("")?;
    let changes: Vec<Vec<String>> = report
        .changes
        .iter()
        .map(|one| {
            vec![
                one.direction.clone(),
                one.now.word().to_string(),
                one.then.word().to_string(),
                print::number(one.recipients),
            ]
        })
        .collect();
    print::table(&["direction", "now", "then", "recipients"], &changes)?;
    print::line("\nSome of them (sluss trace ID tells all)")?;
    let samples: Vec<Vec<String>> = report
        .samples
        .iter()
        .map(|one| {
            vec![
                one.id.clone(),
                units::roughly(now.since(UnixMs(one.at_ms))),
                print::short(&one.sender, 40),
                print::short(&one.recipient, 40),
                print::short(&one.subject, 40),
                format!("{} → {}", one.now.word(), one.then.word()),
                if one.released { "yes" } else { "" }.to_string(),
                one.decided_by.clone(),
                one.ground.clone(),
            ]
        })
        .collect();
    print::table(
        &["id", "age", "from", "to", "subject", "change", "released", "decided by", "policy"],
        &samples,
    )
}

/// The answer in sentences.
fn summary(report: &Report, days: u64) -> Vec<String> {
    let number = print::number;
    let mut said = vec![format!(
        "Of {} mails to {} recipients in the last {days} days it would have stopped {} more{}, and let through {}{}.",
        number(report.mails),
        number(report.recipients),
        number(report.stopped_more),
        match report.stopped_more_released {
            0 => String::new(),
            released => format!(" ({} of which somebody had released)", number(released)),
        },
        number(report.let_through),
        match (report.let_through_held, report.let_through_released) {
            (0, _) => String::new(),
            (held, 0) => format!(" ({} of which were held)", number(held)),
            (held, released) => {
                format!(
                    " ({} of which were held, {} of them released)",
                    number(held),
                    number(released)
                )
            }
        },
    )];
    if report.changed_since > 0 {
        said.push(format!(
            "For {} recipients the configuration in force decides otherwise than was done when the mail came: it has been changed since.",
            number(report.changed_since)
        ));
    }
    if report.not_judged > 0 {
        said.push(format!(
            "{} were refused before anybody judged them: a policy has no say in these.",
            number(report.not_judged)
        ));
    }
    if report.too_old > 0 {
        said.push(format!("Of {} too little is kept to decide anew.", number(report.too_old)));
    }
    if !report.not_replayed.is_empty() {
        // Beside the number that it is about: a nought there looks like an answer.
        said.insert(
            1,
            format!("Not counted in these numbers: {}.", report.not_replayed.join(", ")),
        );
    }
    said.push(
        "Findings are those of the time: what other rules, phrases or lists would find, only new mail shows."
            .to_string(),
    );
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_a_sentence() {
        let report = Report {
            mails: 12_000,
            recipients: 12_500,
            stopped_more: 41,
            stopped_more_released: 2,
            let_through: 3,
            let_through_held: 3,
            not_replayed: vec!["rules".to_string()],
            ..Report::default()
        };
        let said = summary(&report, 30);
        assert_eq!(
            said[0],
            "Of 12,000 mails to 12,500 recipients in the last 30 days it would have stopped 41 more (2 of which somebody had released), \
             and let through 3 (3 of which were held)."
        );
        assert_eq!(said[1], "Not counted in these numbers: rules.");
    }
}
