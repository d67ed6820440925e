//! `sluss check-config`: what all layers mean together, or what is wrong with them.

use super::{Failure, Place, change::unread, config::Authors, print};
use crate::{
    base::{clock::Clock, limits},
    config::layers::{Merged, Origin, line_of},
    edge::{
        load::{self, Opener},
        serve,
    },
};
use clap::Args;
use std::{collections::BTreeMap, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    #[command(flatten)]
    place: Place,
    /// Print only what differs from the defaults.
    #[arg(long)]
    diff: bool,
}

impl CheckConfig {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let merged = self.place.source().read_layers(self.place.data.as_deref()).map_err(unread)?;
        let text = if self.diff { merged.config.to_toml_diff() } else { merged.config.to_toml() };
        let warnings = serve::warnings(&merged.config);
        // Files that the configuration names are looked at too: they would fail at the next start.
        let (_, report) = load::load(merged.config.clone(), &Clock::system(), Opener::Here)
            .map_err(|error| Failure::BadInput(error.to_string()))?;
        let authors = Authors::read(&merged)?;
        let say = |origin: &Origin| authors.say(origin);
        print::line(merged.with_origins(&text, say).trim_end())?;
        print_table(&merged, say)?;
        for hidden in &merged.hidden {
            let by = merged.lock(hidden).map(|origin| format!(" by {origin}"));
            print::line(&format!("# the stored {hidden} is hidden{}", by.unwrap_or_default()))?;
        }
        for warning in warnings {
            eprintln!("sluss: warning: {warning}");
        }
        for error in &report.errors {
            eprintln!("sluss: {error}");
        }
        match report.errors.is_empty() {
            true => Ok(ExitCode::SUCCESS),
            false => Ok(ExitCode::from(2)),
        }
    }
}

/// Domains that are no `[[domain]]`: as many as one reads by name, more as a count for each place.
fn print_table(merged: &Merged, say: impl Fn(&Origin) -> String) -> Result<(), Failure> {
    let table = &merged.config.domain_table;
    if table.is_empty() {
        return Ok(());
    }
    if table.len() <= limits::LIST_ROWS_DEFAULT {
        print::line("\n# Domains of domains-files and of the stored layer:")?;
        for domain in table.iter() {
            let origin = say(&merged.table_origin(domain.from));
            let line = format!("# {:<32} {:<40} # {origin}", domain.name, line_of(domain.kept));
            print::line(&line)?;
        }
        return Ok(());
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for domain in table.iter() {
        let origin = merged.table_origin(domain.from);
        let place = match origin {
            Origin::File { file, .. } => format!("in {}", file.display()),
            Origin::Stored { .. } | Origin::Default | Origin::CommandLine | Origin::Trial => {
                "stored".to_string()
            }
        };
        *counts.entry(place).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.iter().map(|(place, count)| format!("{count} {place}")).collect();
    print::line(&format!(
        "\n# Further domains: {}. They are listed by: sluss domain list",
        counts.join(", ")
    ))?;
    Ok(())
}
