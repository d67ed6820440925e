//! `sluss quarantine`: look at what is held, let it go, destroy it.

use super::{Failure, Place, desk, look::Look, print};
use crate::{
    base::{clock::Clock, ids::Id, limits, units},
    edge::control::Request,
    store::held::{Filter, Held},
};
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(super) struct Quarantine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what is held, newest first.
    #[command(
        after_help = "Examples:\n  sluss quarantine list\n  sluss quarantine list --recipient anna@ --category phish --since \"2 days\" --json"
    )]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        filter: Filters,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show everything about one held mail, as JSON; or what is inside it: --text, --part, --html, --content.
    #[command(
        after_help = "Examples:\n  sluss quarantine show 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss quarantine show --content --reason \"she asked by telephone\" 01K9ZQ4T6X8M4V0R2S5W7Y9ABC > mail.eml\n  sluss quarantine show --text 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss quarantine show --html page.html 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss quarantine show --part 3 --out part.zip --zip infected 01K9ZQ4T6X8M4V0R2S5W7Y9ABC"
    )]
    Show {
        #[command(flatten)]
        place: Place,
        /// The id in the first column of the list.
        id: Id,
        /// Write the mail itself to standard output. That it was opened is in the audit log.
        #[arg(long)]
        content: bool,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        look: Look,
    },
    /// Deliver held mails to their recipients, unaltered but for a signed X-Sluss-Released field. Doing it twice delivers once.
    #[command(after_help = "Example:\n  sluss quarantine release 01K9ZQ4T6X8M4V0R2S5W7Y9ABC")]
    Release {
        #[command(flatten)]
        place: Place,
        /// Ids from the list.
        #[arg(required = true)]
        ids: Vec<Id>,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Destroy held mails with their keys. They cannot be got back.
    #[command(after_help = "Example:\n  sluss quarantine delete 01K9ZQ4T6X8M4V0R2S5W7Y9ABC")]
    Delete {
        #[command(flatten)]
        place: Place,
        /// Ids from the list.
        #[arg(required = true)]
        ids: Vec<Id>,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Filters {
    /// Part of the sender's address or name.
    #[arg(long)]
    sender: Option<String>,
    /// Part of the recipient's address.
    #[arg(long)]
    recipient: Option<String>,
    /// Part of the subject.
    #[arg(long)]
    subject: Option<String>,
    /// virus, phish, spam, policy, auth, format, privacy, transport or bulk.
    #[arg(long)]
    category: Option<String>,
    /// inbound or outbound.
    #[arg(long)]
    direction: Option<String>,
    /// Held within this time: "2 hours", "7 days".
    #[arg(long)]
    since: Option<String>,
    /// Released ones too.
    #[arg(long)]
    all: bool,
    /// At most this many.
    #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
}

impl Quarantine {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, filter, json } => list(&place, filter, json)?,
            Verb::Show { place, id, content, reason, look } => {
                if !look.at(&place, id, reason.clone())? {
                    show(&place, id, content, reason)?;
                }
            }
            Verb::Release { place, ids, reason } => {
                let request = Request::QuarantineRelease { ids };
                let value = desk::ask_because(&place, request, reason)?;
                for one in value.as_array().into_iter().flatten() {
                    let text = |field: &str| {
                        one.get(field).and_then(serde_json::Value::as_str).unwrap_or("").to_string()
                    };
                    print::line(&format!("{}: {}", text("id"), text("outcome")))?;
                }
            }
            Verb::Delete { place, ids, reason } => {
                let request = Request::QuarantineDelete { ids };
                let value = desk::ask_because(&place, request, reason)?;
                print::line(&format!(
                    "deleted: {}",
                    value.get("deleted").unwrap_or(&serde_json::Value::Null)
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(place: &Place, filters: Filters, json: bool) -> Result<(), Failure> {
    let now = Clock::system().now();
    let since = filters.since.as_deref().map(units::parse_span).transpose();
    let since = since.map_err(|error| Failure::BadInput(format!("--since: {error}")))?;
    let filter = Filter {
        sender: filters.sender,
        recipient: filters.recipient,
        subject: filters.subject,
        category: filters.category,
        direction: filters.direction,
        since: since.map(|span| now.minus(span)),
        all: filters.all,
        rows: filters.rows,
    };
    let value = desk::ask(place, Request::QuarantineList { filter })?;
    let held: Vec<Held> = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if json {
        for one in &held {
            print::line(&serde_json::to_string(one).map_err(|error| error.to_string())?)?;
        }
        return Ok(());
    }
    if held.is_empty() {
        return Ok(print::line("Nothing is held.")?);
    }
    let rows: Vec<Vec<String>> = held
        .iter()
        .map(|one| {
            vec![
                one.id.to_string(),
                units::roughly(now.since(one.held_at)),
                print::short(&one.from, 40),
                one.recipient.to_string(),
                print::short(&one.subject, 50),
                one.categories.first().map_or("", |category| category.word()).to_string(),
                format!("{:.1}", one.score),
                print::short(&one.reason, 60),
            ]
        })
        .collect();
    Ok(print::table(&["id", "age", "from", "to", "subject", "kind", "score", "why"], &rows)?)
}

fn show(place: &Place, id: Id, content: bool, reason: Option<String>) -> Result<(), Failure> {
    let value = desk::ask_because(place, Request::QuarantineShow { id, content }, reason)?;
    if !content {
        let text = serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?;
        return Ok(print::line(&text)?);
    }
    let encoded = value.get("content_base64").and_then(serde_json::Value::as_str).unwrap_or("");
    let bytes =
        data_encoding::BASE64.decode(encoded.as_bytes()).map_err(|error| error.to_string())?;
    io::stdout().write_all(&bytes).map_err(|error| Failure::Failed(error.to_string()))
}
