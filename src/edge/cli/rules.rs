//! `sluss rules`: what is in force, and whether rule files are good.

use super::{Failure, Place, print};
use crate::{
    base::clock::Clock,
    checks,
    edge::load::{self, Opener, RuleReport},
    verdict::care,
};
use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct Rules {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List every finding there can be: checks, phrases, signatures.
    #[command(after_help = "Example:\n  sluss rules list | grep phish")]
    List(Place),
    /// Check rule files or folders (the shipped ones when none is named): do they parse, do their examples hold?
    #[command(after_help = "Examples:\n  sluss rules check\n  sluss rules check /etc/sluss/rules")]
    Check {
        /// Files or folders.
        paths: Vec<PathBuf>,
    },
}

impl Rules {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List(place) => list(&place),
            Verb::Check { paths } => check(&paths),
        }
    }
}

fn list(place: &Place) -> Result<ExitCode, Failure> {
    let config = place.source().read(place.data.as_deref()).map_err(Failure::BadInput)?;
    let (_, report) = load::load(config, &Clock::system(), Opener::Here)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let checks = checks::ALL.iter().flat_map(|check| {
        check.ids.iter().map(|id| ("check", id.to_string(), String::new(), check.about.to_string()))
    });
    let ways = care::ABOUT
        .iter()
        .map(|(id, about)| ("policy", (*id).to_string(), String::new(), (*about).to_string()));
    let phrases = report.phrases.iter().map(|note| {
        (
            "phrase",
            note.id.clone(),
            format!("{} {:+.1}", note.category.word(), note.weight),
            note.about.clone(),
        )
    });
    let signatures = report.signatures.iter().map(|rule| {
        (
            "signature",
            format!("yara.{}", rule.name),
            format!("{:?}", rule.severity).to_lowercase(),
            rule.about.clone(),
        )
    });
    let rows: Vec<Vec<String>> = checks
        .chain(ways)
        .chain(phrases)
        .chain(signatures)
        .map(|(kind, id, weight, about)| vec![kind.to_string(), id, weight, about])
        .collect();
    print::table(&["kind", "id", "weight", "about"], &rows)?;
    complain(&report);
    Ok(ExitCode::SUCCESS)
}

fn check(paths: &[PathBuf]) -> Result<ExitCode, Failure> {
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(Failure::BadInput(format!(
            "{}: there is no such file or folder",
            missing.display()
        )));
    }
    let report = load::check(paths);
    complain(&report);
    print::line(&format!(
        "{} signatures and {} phrases are good, {} errors, {} warnings",
        report.signatures.len(),
        report.phrases.len(),
        report.errors.len(),
        report.warnings.len()
    ))?;
    match report.errors.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}

fn complain(report: &RuleReport) {
    for error in &report.errors {
        eprintln!("error: {error}");
    }
    for warning in &report.warnings {
        eprintln!("warning: {warning}");
    }
}
