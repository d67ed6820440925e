//! `sluss mailbox`: how people want to be told, who looks after a shared mailbox, and forgetting one.

use super::{Failure, Place, desk, digest::address, print};
use crate::{
    base::{clock::Clock, limits, units},
    edge::{
        control::Request,
        digest_desk::{Ask, Changes},
    },
    mail::Address,
    store::people::MailboxLine,
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Mailboxes {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Mailboxes for which something was chosen, or that had a digest.
    #[command(
        after_help = "Examples:\n  sluss mailbox list\n  sluss mailbox list info@ --json\n  sluss mailbox list --after m@ours.example"
    )]
    List {
        #[command(flatten)]
        place: Place,
        /// Part of the address.
        part: Option<String>,
        /// Those behind this address.
        #[arg(long, default_value = "")]
        after: String,
        /// At most this many.
        #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
        rows: usize,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// What holds for one mailbox, who looks after it, and whom it allows and blocks, as JSON.
    #[command(after_help = "Example:\n  sluss mailbox show anna@ours.example")]
    Show {
        #[command(flatten)]
        place: Place,
        /// Which.
        mailbox: String,
    },
    /// Choose for a mailbox: language, time zone, times of its digests, who looks after it.
    #[command(
        after_help = "Examples:\n  sluss mailbox set anna@ours.example --language fi --zone Europe/Helsinki --digests 08:00,15:30\n  sluss mailbox set anna@ours.example --digests off\n  sluss mailbox set info@ours.example --owner anna@ours.example --owner bo@ours.example\n\n\"default\" takes a choice back."
    )]
    Set {
        #[command(flatten)]
        place: Place,
        /// Which.
        mailbox: String,
        /// en, sv, fi, nb, da, or default.
        #[arg(long)]
        language: Option<String>,
        /// A time zone such as Europe/Helsinki, or default.
        #[arg(long)]
        zone: Option<String>,
        /// Times such as 08:00,15:30; off; or default.
        #[arg(long)]
        digests: Option<String>,
        /// Somebody of the same organisation who looks after it: its digests go to them.
        #[arg(long = "owner", value_name = "ADDRESS")]
        owners: Vec<String>,
        /// Somebody who does no longer.
        #[arg(long = "no-owner", value_name = "ADDRESS")]
        no_owners: Vec<String>,
    },
    /// Forget all that is known of a mailbox: choices, own list, links, codes, questions. Held mail stays.
    #[command(after_help = "Example:\n  sluss mailbox erase anna@ours.example")]
    Erase {
        #[command(flatten)]
        place: Place,
        /// Which.
        mailbox: String,
    },
}

impl Mailboxes {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, part, after, rows, json } => {
                let ask = Ask::List { part, after: after.to_lowercase(), rows };
                let value = desk::ask(&place, Request::Digest { ask })?;
                let lines = serde_json::from_value(value).map_err(|error| error.to_string())?;
                list(lines, json)?;
            }
            Verb::Show { place, mailbox } => {
                show(&place, Ask::Show { mailbox: address(&mailbox)? })?;
            }
            Verb::Set { place, mailbox, language, zone, digests, owners, no_owners } => {
                let addresses = |list: Vec<String>| {
                    list.iter().map(|text| address(text)).collect::<Result<Vec<Address>, _>>()
                };
                let changes = Changes {
                    language,
                    zone,
                    digests,
                    add_owners: addresses(owners)?,
                    remove_owners: addresses(no_owners)?,
                };
                show(&place, Ask::Set { mailbox: address(&mailbox)?, changes })?;
            }
            Verb::Erase { place, mailbox } => {
                let ask = Ask::Erase { mailbox: address(&mailbox)? };
                let value = desk::ask(&place, Request::Digest { ask })?;
                let erased = value.get("erased").and_then(serde_json::Value::as_u64).unwrap_or(0);
                print::line(&format!("rows erased: {erased}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(place: &Place, ask: Ask) -> Result<(), Failure> {
    let value = desk::ask(place, Request::Digest { ask })?;
    let text = serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?;
    Ok(print::line(&text)?)
}

fn list(lines: Vec<MailboxLine>, json: bool) -> Result<(), Failure> {
    if json {
        for line in &lines {
            print::line(&serde_json::to_string(line).map_err(|error| error.to_string())?)?;
        }
        return Ok(());
    }
    if lines.is_empty() {
        return Ok(print::line("Nothing is chosen for any mailbox, and none had a digest.")?);
    }
    let now = Clock::system().now();
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let wanted = &line.wanted;
            let digests = match (&wanted.times, wanted.no_digests) {
                (_, true) => "off".to_string(),
                (None, false) => String::new(),
                (Some(times), false) => {
                    times.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
                }
            };
            vec![
                line.mailbox.organisation.to_string(),
                line.mailbox.address.clone(),
                wanted.language.map_or("", |language| language.code()).to_string(),
                wanted.zone.as_ref().map_or("", |zone| zone.name()).to_string(),
                digests,
                match line.last_digest.0 {
                    0 => String::new(),
                    _ => units::roughly(now.since(line.last_digest)),
                },
                line.entries.to_string(),
                line.owners.join(" "),
            ]
        })
        .collect();
    let heading =
        ["organisation", "mailbox", "language", "zone", "digests", "told", "own list", "owners"];
    Ok(print::table(&heading, &rows)?)
}
