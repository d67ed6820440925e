//! `sluss digest`: what a person would be told now, and telling it now.

use super::{Failure, Place, desk, print};
use crate::{
    edge::{control::Request, digest_desk::Ask},
    mail::Address,
};
use clap::{Args, Subcommand};
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct Digest {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the digest of a mailbox as it would be now, with all that is held. Nothing is sent, and its links lead nowhere.
    #[command(
        after_help = "Examples:\n  sluss digest preview anna@ours.example\n  sluss digest preview anna@ours.example --html digest.html"
    )]
    Preview {
        #[command(flatten)]
        place: Place,
        /// Write its page there, to look at in a browser.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Whose.
        mailbox: String,
    },
    /// Write it to the mailbox, or to those who look after it, now.
    #[command(after_help = "Example:\n  sluss digest send anna@ours.example")]
    Send {
        #[command(flatten)]
        place: Place,
        /// To whom.
        mailbox: String,
    },
}

impl Digest {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::Preview { place, html, mailbox } => {
                let ask = Ask::Preview { mailbox: address(&mailbox)? };
                let value = desk::ask(&place, Request::Digest { ask })?;
                let text = |field: &str| {
                    value.get(field).and_then(serde_json::Value::as_str).unwrap_or("").to_string()
                };
                if let Some(file) = html {
                    fs::write(&file, text("page")).map_err(|error| {
                        format!("the page cannot be written to {}: {error}", file.display())
                    })?;
                    return Ok(ExitCode::SUCCESS);
                }
                print::line(&format!("Subject: {}\n\n{}", text("subject"), text("text")))?;
            }
            Verb::Send { place, mailbox } => {
                let ask = Ask::Send { mailbox: address(&mailbox)? };
                let value = desk::ask(&place, Request::Digest { ask })?;
                let sent = value.get("sent").and_then(serde_json::Value::as_u64).unwrap_or(0);
                print::line(&format!("digests on their way: {sent}"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn address(text: &str) -> Result<Address, Failure> {
    Address::parse(text).map_err(|error| Failure::BadInput(format!("{text:?}: {error}")))
}
