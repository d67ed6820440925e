//! `sluss check-config`: what the file means, or what is wrong with it.

use super::{Failure, Place, print};
use crate::{
    base::clock::Clock,
    edge::{load, serve},
    examine::Reveal,
};
use clap::Args;
use std::process::ExitCode;

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
        let config =
            self.place.source().read(self.place.data.as_deref()).map_err(Failure::BadInput)?;
        let text = if self.diff { config.to_toml_diff() } else { config.to_toml() };
        let warnings = serve::warnings(&config);
        // Files that the configuration names are looked at too: they would fail at the next start.
        let (_, report) = load::load(config, &Clock::system(), Reveal::No)
            .map_err(|error| Failure::BadInput(error.to_string()))?;
        print::line(text.trim_end())?;
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
