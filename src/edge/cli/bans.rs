//! `sluss bans`: who is turned away for a while, and the operator's word on it.

use super::{Failure, Place, desk, print};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits, units,
    },
    edge::control::Request,
    pipeline::guard::{Ban, By, Lifted},
};
use clap::{Args, Subcommand};
use std::{process::ExitCode, time::Duration};

#[derive(Debug, Args)]
pub(super) struct Bans {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the bans that hold, those that end last first.
    #[command(after_help = "Examples:\n  sluss bans list\n  sluss bans list --json")]
    List {
        #[command(flatten)]
        place: Place,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lift the ban of an address or network, and forget what was counted against it.
    #[command(
        after_help = "Examples:\n  sluss bans lift 192.0.2.7\n  sluss bans lift 192.0.2.0/24\n  sluss bans lift 2001:db8:1::/48"
    )]
    Lift {
        #[command(flatten)]
        place: Place,
        /// An address or a network, as it is banned. A wider ban that holds it goes on, and is named.
        what: String,
    },
    /// Turn an address or network away at every listener, whoever it is.
    #[command(
        after_help = "Examples:\n  sluss bans add 192.0.2.7 --for \"2 hours\" --why \"guesses passwords\"\n  sluss bans add 198.51.100.0/24"
    )]
    Add {
        #[command(flatten)]
        place: Place,
        /// An address or a network.
        what: String,
        /// For how long; otherwise until it is lifted.
        #[arg(long = "for", value_name = "SPAN", value_parser = units::parse_span)]
        span: Option<Duration>,
        /// Why, for whoever reads the list.
        #[arg(long, value_name = "TEXT", default_value = "by hand")]
        why: String,
    },
}

impl Bans {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, json } => list(&place, json)?,
            Verb::Lift { place, what } => {
                let answer = desk::ask(&place, Request::BansLift { what })?;
                let done: Lifted = serde_json::from_value(answer)
                    .map_err(|error| Failure::Failed(error.to_string()))?;
                for ban in &done.lifted {
                    print::line(&format!("lifted: {}", ban.network))?;
                }
                if let Some(still) = done.still_said() {
                    print::line(&still)?;
                }
            }
            Verb::Add { place, what, span, why } => {
                let seconds = span.map(|span| span.as_secs().max(1));
                let why: String = why.chars().take(limits::BAN_REASON_CHARS_MAX).collect();
                let answer = desk::ask(&place, Request::BansAdd { what, seconds, why })?;
                for ban in bans(answer)? {
                    print::line(&format!("banned: {}", ban.network))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(place: &Place, json: bool) -> Result<(), Failure> {
    let answer = desk::ask(place, Request::BansList)?;
    if json {
        return Ok(print::line(&answer.to_string())?);
    }
    let bans = bans(answer)?;
    if bans.is_empty() {
        return Ok(print::line("nobody is banned")?);
    }
    let now = Clock::system().now();
    let rows: Vec<Vec<String>> = bans.iter().map(|ban| row(ban, now)).collect();
    Ok(print::table(&["network", "ends", "time", "by", "why"], &rows)?)
}

fn bans(answer: serde_json::Value) -> Result<Vec<Ban>, Failure> {
    serde_json::from_value(answer).map_err(|error| Failure::Failed(error.to_string()))
}

fn row(ban: &Ban, now: UnixMs) -> Vec<String> {
    let ends = match ban.until {
        Some(until) => format!("in {}", units::roughly(until.since(now))),
        None => "when it is lifted".to_string(),
    };
    let by = match ban.by {
        By::Points => "what it did",
        By::Operator => "an operator",
    };
    vec![
        ban.network.to_string(),
        ends,
        ban.times.to_string(),
        by.to_string(),
        print::short(&ban.why, 60),
    ]
}
