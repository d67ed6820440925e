//! `sluss correspondents`: what was learned of somebody who writes to us or whom we write to, and erasing it.

use super::{Failure, Place, desk, print};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        units,
    },
    edge::control::Request,
    store::correspondence::CorrespondentLine,
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Correspondents {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What is remembered of an address or a domain. There is no list: only hashes are kept, so one must say who.
    #[command(
        after_help = "Examples:\n  sluss correspondents show karin@far.example\n  sluss correspondents show far.example --organisation acme --json\n\nCounts fade: a mail counts half after 180 days, an unwanted one after 30."
    )]
    Show {
        #[command(flatten)]
        whom: Whom,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Erase it: every row of a person, on whichever side, or the counts of a domain.
    #[command(
        after_help = "Examples:\n  sluss correspondents forget karin@far.example\n  sluss correspondents forget far.example --organisation acme\n\nThe rows of a domain's people are erased by their addresses."
    )]
    Forget {
        #[command(flatten)]
        whom: Whom,
    },
}

#[derive(Debug, Args)]
struct Whom {
    #[command(flatten)]
    place: Place,
    /// Of this organisation only.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// An address, or a domain.
    #[arg(value_name = "ADDRESS|DOMAIN")]
    what: String,
}

impl Correspondents {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::Show { whom, json } => show(whom, json)?,
            Verb::Forget { whom: Whom { place, organisation, what } } => {
                let answer =
                    desk::ask(&place, Request::CorrespondentsForget { what, organisation })?;
                let gone = answer.get("forgotten").and_then(serde_json::Value::as_u64);
                print::line(&format!("forgotten: {}", gone.unwrap_or(0)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(whom: Whom, json: bool) -> Result<(), Failure> {
    let Whom { place, organisation, what } = whom;
    let request = Request::CorrespondentsShow { what: what.clone(), organisation };
    let value = desk::ask(&place, request)?;
    let lines: Vec<CorrespondentLine> =
        serde_json::from_value(value).map_err(|error| error.to_string())?;
    if json {
        for line in &lines {
            print::line(&serde_json::to_string(line).map_err(|error| error.to_string())?)?;
        }
        return Ok(());
    }
    if lines.is_empty() {
        return Ok(print::line(&format!("Nothing is remembered of {what}."))?);
    }
    let now = Clock::system().now();
    let ago = |at: u64| match at {
        0 => String::new(),
        at => units::roughly(now.since(UnixMs(at))),
    };
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            vec![
                line.organisation.clone(),
                line.what.clone(),
                line.pairs.to_string(),
                format!("{:.1}", line.written),
                format!("{:.1}", line.came),
                format!("{:.1}", line.unwanted),
                ago(line.first_ms),
                ago(line.last_ms),
            ]
        })
        .collect();
    let heading =
        ["organisation", "as", "pairs", "written", "came", "unwanted", "known for", "last"];
    Ok(print::table(&heading, &rows)?)
}
