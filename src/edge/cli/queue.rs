//! `sluss queue`: look at the spool, and move it along.

use super::{Failure, Place, desk, print};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits, units,
    },
    edge::control::{Chosen, Request},
    pipeline::queue::{DestinationLine, QueueFilter, QueueLine, older_than},
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
    #[command(
        after_help = "Examples:\n  sluss queue list\n  sluss queue list --recipient @example.org --older-than \"4 hours\"\n  sluss queue list --organisation acme --json --rows 1000"
    )]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        like: Like,
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
        after_help = "Examples:\n  sluss queue retry\n  sluss queue retry --next-hop 192.0.2.5\n  sluss queue retry 01K9ZQ4T6X8M4V0R2S5W7Y9ABC"
    )]
    Retry(Which),
    /// Hold mails back until they are released.
    #[command(
        after_help = "Examples:\n  sluss queue hold 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss queue hold --sender shop@example.org"
    )]
    Hold(Which),
    /// Let held-back mails go again.
    #[command(
        after_help = "Examples:\n  sluss queue release 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss queue release --sender shop@example.org"
    )]
    Release(Which),
    /// Forget mails for good. Nobody is told; they cannot be got back.
    #[command(
        after_help = "Examples:\n  sluss queue drop 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss queue drop --recipient @example.org --older-than \"2 days\""
    )]
    Drop(Which),
}

#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    like: Like,
    /// Ids from the list, instead of what they are like.
    ids: Vec<Id>,
}

/// What mails are like; every one given narrows.
#[derive(Debug, Args)]
struct Like {
    /// Part of a recipient's address; @example.org for a domain.
    #[arg(long, value_name = "TEXT")]
    recipient: Option<String>,
    /// Part of the envelope sender; "<>" for the null sender.
    #[arg(long, value_name = "TEXT")]
    sender: Option<String>,
    /// The organisation, whole.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Part of where it goes, as the list shows it.
    #[arg(long, value_name = "TEXT")]
    next_hop: Option<String>,
    /// It came longer ago than this: "4 hours", "2 days".
    #[arg(long, value_name = "SPAN")]
    older_than: Option<String>,
    /// Only what is held back.
    #[arg(long)]
    on_hold: bool,
}

impl Like {
    fn filter(self) -> Result<QueueFilter, Failure> {
        let age = self.older_than.as_deref().map(units::parse_span).transpose();
        let age = age.map_err(|error| Failure::BadInput(format!("--older-than: {error}")))?;
        let now = Clock::system().now();
        Ok(QueueFilter {
            recipient: self.recipient,
            sender: self.sender,
            organisation: self.organisation,
            next_hop: self.next_hop,
            before: age.map(|age| older_than(now, age)),
            on_hold: self.on_hold,
        })
    }
}

/// May a command mean everything that waits?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Everything {
    Yes,
    No,
}

impl Which {
    fn chosen(self, everything: Everything) -> Result<(Place, Chosen), Failure> {
        let filter = self.like.filter()?;
        let sentence = match (self.ids.is_empty(), filter.is_everything(), everything) {
            (false, true, _) => return Ok((self.place, Chosen::Ids(self.ids))),
            (true, false, _) | (true, true, Everything::Yes) => {
                return Ok((self.place, Chosen::Like(filter)));
            }
            (true, true, Everything::No) => {
                "say which: ids from the list, or what they are like (--recipient, --sender, …)"
            }
            (false, false, _) => "give ids or what they are like, not both",
        };
        Err(Failure::BadInput(sentence.to_string()))
    }
}

impl Queue {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, like, rows, json } => list(&place, like.filter()?, rows, json)?,
            Verb::Destinations { place, json } => destinations(&place, json)?,
            Verb::Show { place, id } => {
                let value = desk::ask(&place, Request::QueueShow { id })?;
                print::line(
                    &serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?,
                )?;
            }
            Verb::Retry(which) => {
                let (place, chosen) = which.chosen(Everything::Yes)?;
                tell(&desk::ask(&place, Request::QueueRetry { chosen })?)?
            }
            Verb::Hold(which) => {
                let (place, chosen) = which.chosen(Everything::No)?;
                tell(&desk::ask(&place, Request::QueueHold { chosen })?)?
            }
            Verb::Release(which) => {
                let (place, chosen) = which.chosen(Everything::No)?;
                tell(&desk::ask(&place, Request::QueueRetry { chosen })?)?
            }
            Verb::Drop(which) => {
                let (place, chosen) = which.chosen(Everything::No)?;
                tell(&desk::ask(&place, Request::QueueDrop { chosen })?)?
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(place: &Place, filter: QueueFilter, rows: usize, json: bool) -> Result<(), Failure> {
    let everything = filter.is_everything();
    let value = desk::ask(place, Request::QueueList { filter, rows })?;
    let lines: Vec<QueueLine> = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if json {
        for line in &lines {
            print::line(&serde_json::to_string(line).map_err(|error| error.to_string())?)?;
        }
        return Ok(());
    }
    if lines.is_empty() {
        let sentence = if everything { "The queue is empty." } else { "Nothing like that waits." };
        return Ok(print::line(sentence)?);
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
