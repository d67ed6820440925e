//! `sluss queue`: look at the spool, and move it along.

use super::{Failure, Place, desk, print};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits, units,
    },
    edge::control::Request,
    pipeline::queue::{DestinationLine, QueueLine},
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Queue {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what waits, oldest first.
    #[command(after_help = "Examples:\n  sluss queue list\n  sluss queue list --json --rows 1000")]
    List {
        #[command(flatten)]
        place: Place,
        /// At most this many lines.
        #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
        rows: usize,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// List where mail waits to go: how much, over how many connections, and who rests until when.
    #[command(
        after_help = "Examples:\n  sluss queue destinations\n  sluss queue destinations --json"
    )]
    Destinations {
        #[command(flatten)]
        place: Place,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show everything about one mail, as JSON.
    #[command(after_help = "Example:\n  sluss queue show 01K9ZQ4T6X8M4V0R2S5W7Y9ABC")]
    Show {
        #[command(flatten)]
        place: Place,
        /// The id in the first column of the list.
        id: Id,
    },
    /// Try mails now; all of them when none is named. Lifts holds.
    #[command(
        after_help = "Examples:\n  sluss queue retry\n  sluss queue retry 01K9ZQ4T6X8M4V0R2S5W7Y9ABC"
    )]
    Retry(Ids),
    /// Hold mails back until they are released.
    #[command(after_help = "Example:\n  sluss queue hold 01K9ZQ4T6X8M4V0R2S5W7Y9ABC")]
    Hold(SomeIds),
    /// Let held-back mails go again.
    #[command(after_help = "Example:\n  sluss queue release 01K9ZQ4T6X8M4V0R2S5W7Y9ABC")]
    Release(SomeIds),
    /// Forget mails for good. Nobody is told; they cannot be got back.
    #[command(after_help = "Example:\n  sluss queue drop 01K9ZQ4T6X8M4V0R2S5W7Y9ABC")]
    Drop(SomeIds),
}

#[derive(Debug, Args)]
struct Ids {
    #[command(flatten)]
    place: Place,
    /// Ids from the list.
    ids: Vec<Id>,
}

#[derive(Debug, Args)]
struct SomeIds {
    #[command(flatten)]
    place: Place,
    /// Ids from the list.
    #[arg(required = true)]
    ids: Vec<Id>,
}

impl Queue {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, rows, json } => list(&place, rows, json)?,
            Verb::Destinations { place, json } => destinations(&place, json)?,
            Verb::Show { place, id } => {
                let value = desk::ask(&place, Request::QueueShow { id })?;
                print::line(
                    &serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?,
                )?;
            }
            Verb::Retry(Ids { place, ids }) => {
                tell(&desk::ask(&place, Request::QueueRetry { ids })?)?
            }
            Verb::Hold(SomeIds { place, ids }) => {
                tell(&desk::ask(&place, Request::QueueHold { ids })?)?
            }
            Verb::Release(SomeIds { place, ids }) => {
                tell(&desk::ask(&place, Request::QueueRetry { ids })?)?
            }
            Verb::Drop(SomeIds { place, ids }) => {
                tell(&desk::ask(&place, Request::QueueDrop { ids })?)?
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(place: &Place, rows: usize, json: bool) -> Result<(), Failure> {
    let value = desk::ask(place, Request::QueueList { rows })?;
    let lines: Vec<QueueLine> = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if json {
        for line in &lines {
            print::line(&serde_json::to_string(line).map_err(|error| error.to_string())?)?;
        }
        return Ok(());
    }
    if lines.is_empty() {
        return Ok(print::line("The queue is empty.")?);
    }
    let now = Clock::system().now();
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let state = match (line.on_hold, line.under_way) {
                (true, _) => "on hold".to_string(),
                (false, true) => "on its way".to_string(),
                (false, false) => format!("in {}", units::roughly(UnixMs(line.due_ms).since(now))),
            };
            vec![
                line.id.to_string(),
                units::roughly(now.since(UnixMs(line.arrived_ms))),
                line.tries.to_string(),
                state,
                print::short(&line.from, 40),
                print::short(&line.to.join(","), 40),
                line.next_hop.clone(),
                print::short(&line.last, 80),
            ]
        })
        .collect();
    Ok(print::table(
        &["id", "age", "tries", "next try", "from", "to", "next hop", "said last"],
        &rows,
    )?)
}

fn destinations(place: &Place, json: bool) -> Result<(), Failure> {
    let value = desk::ask(place, Request::QueueDestinations)?;
    let lines: Vec<DestinationLine> =
        serde_json::from_value(value).map_err(|error| error.to_string())?;
    if json {
        for line in &lines {
            print::line(&serde_json::to_string(line).map_err(|error| error.to_string())?)?;
        }
        return Ok(());
    }
    if lines.is_empty() {
        return Ok(print::line("Nothing waits, and every destination is well.")?);
    }
    let now = Clock::system().now();
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let state = match line.resting_until_ms {
                Some(until) => format!("rests {}", units::roughly(UnixMs(until).since(now))),
                None => "open".to_string(),
            };
            vec![
                line.destination.clone(),
                line.waiting.to_string(),
                format!("{}/{}", line.busy, line.connections),
                state,
                print::short(&line.last, 80),
            ]
        })
        .collect();
    Ok(print::table(&["destination", "waiting", "connections", "state", "said last"], &rows)?)
}

/// `{"dropped": 2}` as a sentence.
fn tell(value: &serde_json::Value) -> Result<(), String> {
    let fields = value.as_object().into_iter().flatten();
    for (what, count) in fields {
        print::line(&format!("{}: {count}", what.replace('_', " ")))?;
    }
    Ok(())
}
